//! How far quantisation moves what a vision tower says: the cosine of each of its rows with that of another file of the
//! same model, over pictures.
//!
//!     cargo run --release -p ocelli-tests --bin rows -- --model FILE --reference FILE PICTURE...
//!
//! Both files run with the same kernels; the reference should be one of f32.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use ocelli_engine::blocks::vit::{Vit, VitConfig};
use ocelli_engine::image::{ImageLimits, Picture, decode};
use ocelli_engine::kernels::cpu::Cpu;
use ocelli_engine::kernels::{Device, Exec, Layout};
use ocelli_engine::weights::Scope;
use ocelli_engine::weights::header::Header;
use ocelli_engine::{CancelHandle, Engine, Load};
use ocelli_quant::gguf::Gguf;
use ocelli_tests::Result;
use std::path::Path;
use std::sync::Arc;

/// The tower's rows of each picture, and the width of one.
fn rows(path: &Path, pictures: &[Picture]) -> Result<(Vec<Vec<f32>>, usize)> {
    let model = Engine::new(0)?.open(path, Load::Map)?;
    let preprocess = model.preprocess().ok_or("the model takes no pictures")?;
    let file = Arc::new(Gguf::parse(Arc::new(std::fs::read(path)?))?);
    let config = VitConfig::read(&Header::new(&file, "clip.vision."))?;
    let vit = Vit::load(&Scope::new(file).at("v"), config)?;
    let mut layout = Layout::default();
    let plan = vit.layout(&mut layout);
    let cpu = Cpu::new(std::thread::available_parallelism()?.get())?;
    let mut arena = cpu.arena(&layout)?;
    let cancel = CancelHandle::default();
    let mut exec = Exec { device: &cpu, arena: &mut arena, cancel: &cancel, told: None };
    let mut all = Vec::new();
    for picture in pictures {
        vit.encode(&mut exec, &plan, &preprocess.apply(picture)?)?;
        let mut rows = vec![0.0; plan.x.rows() * plan.x.width()];
        exec.read(plan.x, &mut rows)?;
        all.push(rows);
    }
    Ok((all, plan.x.width()))
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn main() -> Result<()> {
    let (mut model, mut reference, mut pictures) = (None, None, Vec::new());
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--model" => model = Some(value()?),
            "--reference" => reference = Some(value()?),
            picture => pictures.push(decode(&std::fs::read(picture)?, &ImageLimits::default())?),
        }
    }
    let (Some(model), Some(reference), false) = (model, reference, pictures.is_empty()) else {
        return Err("usage: rows --model FILE --reference FILE PICTURE...".into());
    };
    let (ours, width) = rows(Path::new(&model), &pictures)?;
    let (theirs, _) = rows(Path::new(&reference), &pictures)?;
    let mut found: Vec<f64> = (ours.iter().zip(&theirs))
        .flat_map(|(a, b)| a.chunks_exact(width).zip(b.chunks_exact(width)).map(|(a, b)| cosine(a, b)))
        .collect();
    found.sort_by(f64::total_cmp);
    let count = found.len();
    println!(
        "{count} rows of {} pictures: cosine {:.6} on average, {:.6} at the first hundredth, {:.6} at least; {} below 0.999",
        pictures.len(),
        found.iter().sum::<f64>() / count as f64,
        found[count / 100],
        found[0],
        found.partition_point(|&cosine| cosine < 0.999)
    );
    Ok(())
}
