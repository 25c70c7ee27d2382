//! `rival bench`: prefill, decode, decode at depth, loading and memory of both engines on one file.
//!
//! Both are fed the same random ids (as `llama-bench` does) and compute the logits of the last one; nothing is sampled
//! or made into text. Runs alternate, and who goes first alternates too. Memory is that of a process of each engine's own:
//! in this one, what one frees the other would use again.

use crate::alone::Work;
use crate::llama;
use crate::measure::{Pair, seconds, settle};
use crate::random::Random;
use crate::{Result, ocelli};
use clap::Args;
use serde_json::{Map, json};
use std::path::PathBuf;

/// Measures both on one file.
#[derive(Args)]
pub struct Bench {
    /// The file.
    #[arg(long)]
    model: PathBuf,
    /// Tokens of the prompt that is read.
    #[arg(short, long, default_value_t = 512)]
    prompt: usize,
    /// Tokens that are generated.
    #[arg(short = 'n', long, default_value_t = 128)]
    generate: usize,
    /// Positions before the tokens that are generated, in a second measurement; 0 leaves it out.
    #[arg(long, default_value_t = 0)]
    depth: usize,
    /// Threads of each.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Rounds that count; one more warms up.
    #[arg(long, default_value_t = 5)]
    repeat: usize,
    /// Only this engine.
    #[arg(long)]
    only: Option<Side>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Side {
    /// llama.cpp.
    Llama,
    /// Ocelli.
    Ocelli,
}

/// An engine with one sequence that grows.
pub trait Contender {
    /// Forgets the sequence.
    fn clear(&mut self);
    /// Appends tokens and computes the logits of the last.
    fn feed(&mut self, ids: &[u32]) -> Result<&[f32]>;
}

impl Contender for llama::Context<'_> {
    fn clear(&mut self) {
        self.clear();
    }

    fn feed(&mut self, ids: &[u32]) -> Result<&[f32]> {
        self.feed(ids)
    }
}

/// What is measured: `past` positions are there, then `batches` of `len` tokens each are timed.
struct Case {
    name: String,
    past: usize,
    batches: usize,
    len: usize,
}

impl Case {
    fn run(&self, contender: &mut dyn Contender, ids: &[u32]) -> Result<f64> {
        contender.clear();
        let (past, rest) = ids.split_at(self.past);
        if !past.is_empty() {
            contender.feed(past)?;
        }
        let new = &rest[..self.batches * self.len];
        let time = seconds(|| new.chunks(self.len).try_for_each(|part| contender.feed(part).map(|_| ())))?;
        Ok(new.len() as f64 / time)
    }
}

impl Bench {
    fn wants(&self, side: Side) -> bool {
        self.only.is_none_or(|only| only == side)
    }

    /// Runs it.
    pub fn run(&self) -> Result<()> {
        let info = llama::system_info();
        let positions = self.prompt.max(self.depth.max(1) + self.generate);
        let mut loads = Pair::default();
        for round in 0..=self.repeat {
            for side in sides(round) {
                if !self.wants(side) {
                    continue;
                }
                let time = match side {
                    Side::Llama => {
                        seconds(|| llama::Model::open(&self.model)?.context(positions, self.threads).map(|_| ()))
                    }
                    Side::Ocelli => seconds(|| ocelli::session(&self.model, positions, self.threads).map(|_| ())),
                }?;
                if round > 0 {
                    push(&mut loads, side, time * 1e3);
                }
            }
        }

        let work = Work::new(&self.model, self.prompt, self.generate, positions, self.threads);
        let mut memory = [Pair::default(), Pair::default()];
        for side in sides(0).into_iter().filter(|&side| self.wants(side)) {
            let (_, most) = work.measure(side)?;
            push(&mut memory[0], side, most.anonymous);
            push(&mut memory[1], side, most.file);
        }

        let model = self.wants(Side::Llama).then(|| llama::Model::open(&self.model)).transpose()?;
        let mut context = model.as_ref().map(|m| m.context(positions, self.threads)).transpose()?;
        let mut session =
            self.wants(Side::Ocelli).then(|| ocelli::session(&self.model, positions, self.threads)).transpose()?;
        let vocabulary = model
            .as_ref()
            .map(llama::Model::vocabulary)
            .or_else(|| session.as_ref().map(|s| s.model().tokenizer().vocab_size()))
            .ok_or("no engine to measure")?;
        let mut tokens = session.as_mut().map(ocelli_engine::Session::tokens);
        let mut random = Random::new(7);

        let mut cases = vec![
            Case { name: format!("prefill {}", self.prompt), past: 0, batches: 1, len: self.prompt },
            Case { name: format!("decode {}", self.generate), past: 1, batches: self.generate, len: 1 },
        ];
        if self.depth > 0 {
            let name = format!("decode {} at {}", self.generate, self.depth);
            cases.push(Case { name, past: self.depth, batches: self.generate, len: 1 });
        }
        let mut results = vec![Pair::default(); cases.len()];
        for round in 0..=self.repeat {
            for (case, result) in cases.iter().zip(&mut results) {
                let ids = random.ids(case.past + case.batches * case.len, vocabulary);
                for side in sides(round) {
                    let contender: Option<&mut dyn Contender> = match side {
                        Side::Llama => context.as_mut().map(|c| c as _),
                        Side::Ocelli => tokens.as_mut().map(|t| t as _),
                    };
                    let Some(contender) = contender else { continue };
                    settle();
                    let speed = case.run(contender, &ids)?;
                    if round > 0 {
                        push(result, side, speed);
                    }
                }
            }
        }
        self.report(&info, &cases, &results, &loads, &memory);
        Ok(())
    }

    fn report(&self, info: &str, cases: &[Case], results: &[Pair], loads: &Pair, memory: &[Pair; 2]) {
        let name = self.model.file_name().unwrap_or_default().to_string_lossy();
        let [anonymous, file] = memory;
        if self.json {
            let speeds = cases.iter().zip(results).map(|(case, pair)| (case.name.clone(), pair.json("tok/s")));
            println!(
                "{}",
                json!({
                    "model": name, "threads": self.threads, "llama.cpp": info,
                    "speed": speeds.collect::<Map<_, _>>(), "load": loads.json("ms"),
                    "anonymous": anonymous.json("MB"), "file": file.json("MB"),
                })
            );
            return;
        }
        println!("{name}, {} threads, median (least..most) of {}", self.threads, self.repeat);
        println!("{info}");
        println!("{}", Pair::head());
        for (case, pair) in cases.iter().zip(results) {
            println!("{}", pair.row(&case.name, "tok/s"));
        }
        println!("{}", loads.row("load, warm", "ms"));
        println!("{}", anonymous.row("most anonymous", "MB"));
        println!("{}", file.row("most of files", "MB"));
        println!();
    }
}

/// Who goes first changes with the round.
pub fn sides(round: usize) -> [Side; 2] {
    if round.is_multiple_of(2) { [Side::Llama, Side::Ocelli] } else { [Side::Ocelli, Side::Llama] }
}

/// Adds a figure to one side.
pub fn push(pair: &mut Pair, side: Side, figure: f64) {
    match side {
        Side::Llama => pair.llama.0.push(figure),
        Side::Ocelli => pair.ocelli.0.push(figure),
    }
}
