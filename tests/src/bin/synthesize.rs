//! `synthesize`: random checkpoints of published shapes, and those of the goldens, as directories of the Hugging Face hub.
//!
//! They stand for the real files where these cannot be had: conversion, memory, speed. The text they write means nothing.

#![allow(clippy::print_stderr, clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ocelli_tests::Result;
use ocelli_tests::checkpoint::{Dtype, Layers, SHAPES, Spec, write, write_weights};
use ocelli_tests::golden::{BLIP2_OPT, Golden};
use ocelli_tests::itm_golden::{BLIP2_ITM, ItmGolden};
use ocelli_tests::open_flamingo;

/// The names and shapes of a skeleton's weights.
const TENSORS: &str = "tensors.json";

const HELP: &str = "\
Makes a random checkpoint in the layout of the Hugging Face hub.

usage: synthesize [--shape SHAPE] [--type f32|f16|bf16] [--shard-gb N] [--seed N]
                  [--layers N] [--tower-layers N] [--qformer-layers N] [--tokenizer DIR] OUT
       synthesize --skeleton DIR [--type ...] [--shard-gb N] [--seed N] OUT
       synthesize --golden NAME [--type ...] OUT

  --shape SHAPE        published shape (blip2-opt-2.7b); openflamingo-3b is another
  --skeleton DIR       what parity/released.py wrote: the files beside the weights, and tensors.json with the
                       names and shapes of these
  --golden NAME        the checkpoint of a golden, in its own type, with its pictures; of the first stage
                       blip2_itm_NAME, without
  --type TYPE          how weights are stored (f16)
  --shard-gb N         most gigabytes (10^9) of weights a file; without it, one file
  --layers N           language model blocks, for small trials
  --tower-layers N     vision tower blocks
  --qformer-layers N   Q-Former blocks
  --tokenizer DIR      take vocab.json and merges.txt from DIR instead of made-up ones
  --seed N             another set of weights (1)
";

#[derive(Default)]
struct Arguments {
    shape: Option<String>,
    skeleton: Option<PathBuf>,
    golden: Option<String>,
    dtype: Option<Dtype>,
    shard: Option<u64>,
    layers: Layers,
    tokenizer: Option<PathBuf>,
    seed: Option<u64>,
    out: Option<PathBuf>,
    help: bool,
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Arguments> {
    let mut a = Arguments::default();
    while let Some(arg) = args.next() {
        if arg == "--help" || arg == "-h" {
            a.help = true;
            continue;
        }
        if !arg.starts_with("--") {
            if a.out.replace(arg.into()).is_some() {
                return Err("more than one directory to write".into());
            }
            continue;
        }
        let value = args.next().ok_or_else(|| format!("{arg} needs a value"))?;
        let number = || {
            let n = value.parse::<usize>();
            n.map_err(|_| format!("{arg} needs a number, not {value}"))
        };
        match arg.as_str() {
            "--shape" => a.shape = Some(value),
            "--skeleton" => a.skeleton = Some(value.into()),
            "--golden" => a.golden = Some(value),
            "--type" => {
                a.dtype = Some(match value.as_str() {
                    "f32" => Dtype::F32,
                    "f16" => Dtype::F16,
                    "bf16" => Dtype::Bf16,
                    _ => return Err(format!("--type is f32, f16 or bf16, not {value}").into()),
                });
            }
            "--shard-gb" => {
                let gb: f64 = value.parse().map_err(|_| format!("{arg} needs a number, not {value}"))?;
                a.shard = Some((gb * 1e9) as u64);
            }
            "--layers" => a.layers.opt = Some(number()?),
            "--tower-layers" => a.layers.tower = Some(number()?),
            "--qformer-layers" => a.layers.qformer = Some(number()?),
            "--seed" => a.seed = Some(number()? as u64),
            "--tokenizer" => a.tokenizer = Some(value.into()),
            _ => return Err(format!("{arg} is no option; --help lists them").into()),
        }
    }
    Ok(a)
}

/// The vocabulary and merges of a directory that holds vocab.json and merges.txt; `<image>` comes after the last id.
fn borrow_tokenizer(dir: &Path, spec: &mut Spec) -> Result<()> {
    let text = std::fs::read_to_string(dir.join("vocab.json"))?;
    let ids: std::collections::HashMap<String, usize> = serde_json::from_str(&text)?;
    let mut vocab = vec![String::new(); ids.len()];
    for (piece, id) in ids {
        let place = vocab.get_mut(id);
        *place.ok_or_else(|| format!("vocab.json: id {id} leaves a gap"))? = piece;
    }
    let merges = std::fs::read_to_string(dir.join("merges.txt"))?;
    let lines = merges.lines().filter(|l| !l.starts_with("#version"));
    spec.tokenizer.image_token = u32::try_from(vocab.len())?;
    spec.tokenizer.merges = lines.map(String::from).collect();
    spec.tokenizer.vocab = vocab;
    spec.config["image_token_index"] = spec.tokenizer.image_token.into();
    Ok(())
}

/// Copies what lies in `from`, folders and all.
fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &place)?;
        } else if entry.file_name() != TENSORS {
            std::fs::copy(entry.path(), place)?;
        }
    }
    Ok(())
}

/// Names and shapes that a skeleton gives, sorted by name.
fn named_shapes(dir: &Path) -> Result<Vec<(String, Vec<usize>)>> {
    let path = dir.join(TENSORS);
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let tensors: std::collections::BTreeMap<String, Vec<usize>> = serde_json::from_str(&text)?;
    Ok(tensors.into_iter().collect())
}

fn run(a: &Arguments) -> Result<()> {
    let out = a.out.as_deref().ok_or("no directory to write; see --help")?;
    if let Some(name) = &a.golden {
        if let Some(first_stage) = name.strip_prefix("blip2_itm_") {
            let mut golden = ItmGolden::load(first_stage)?;
            golden.dtype = a.dtype.unwrap_or(golden.dtype);
            return golden.write(out);
        }
        if !BLIP2_OPT.contains(&name.as_str()) {
            let first_stage = BLIP2_ITM.map(|name| format!("blip2_itm_{name}"));
            return Err(format!("goldens are {}, {}", BLIP2_OPT.join(", "), first_stage.join(", ")).into());
        }
        let mut golden = Golden::load(name)?;
        golden.dtype = a.dtype.unwrap_or(golden.dtype);
        return golden.write(out);
    }
    let shape = a.shape.as_deref().unwrap_or(SHAPES[0].0);
    let start = Instant::now();
    let said = Mutex::new(start);
    let report = |done: u64, total: u64| {
        let now = Instant::now();
        if let Ok(mut last) = said.try_lock()
            && (now - *last >= Duration::from_secs(1) || done == total)
        {
            *last = now;
            let rate = done as f64 / 1e9 / (now - start).as_secs_f64();
            let (done, total) = (done as f64 / 1e9, total as f64 / 1e9);
            eprintln!("{done:.2} of {total:.2} GB, {rate:.2} GB/s");
        }
    };
    let (dtype, seed) = (a.dtype.unwrap_or(Dtype::F16), a.seed.unwrap_or(1));
    if let Some(dir) = &a.skeleton {
        let list = named_shapes(dir)?;
        copy(dir, out)?;
        return write_weights(out, seed, &list, dtype, a.shard, &report);
    }
    if shape == open_flamingo::SHAPE {
        return open_flamingo::write(out, seed, dtype, a.layers, a.shard, &report);
    }
    let mut spec = Spec::published(shape, a.layers, seed).map_err(|e| {
        let known: Vec<&str> = SHAPES.iter().map(|s| s.0).chain([open_flamingo::SHAPE]).collect();
        format!("{e}; there are {}", known.join(", "))
    })?;
    if let Some(dir) = &a.tokenizer {
        borrow_tokenizer(dir, &mut spec).map_err(|e| format!("{}: {e}", dir.display()))?;
    }
    write(out, &spec, dtype, a.shard, &report)
}

fn main() -> ExitCode {
    match parse(std::env::args().skip(1)) {
        Ok(a) if a.help => print!("{HELP}"),
        Ok(a) => {
            if let Err(e) = run(&a) {
                eprintln!("synthesize: {e}");
                return ExitCode::FAILURE;
            }
        }
        Err(e) => {
            eprintln!("synthesize: {e}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
