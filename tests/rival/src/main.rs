//! `rival`: Ocelli and llama.cpp in one process, on the same file, run by run in turn.
//!
//! llama.cpp is built at its best by `llama-cpp-sys-2` (see `.cargo/config.toml` and README.md); Ocelli is the portable
//! build that its users get. The commands measure speed and memory, and check our formats and kernels against ggml's.

mod agree;
mod alone;
mod bench;
mod files;
mod ggml;
mod kernels;
mod llama;
mod measure;
mod memory;
mod mtmd;
mod ocelli;
mod pair;
mod random;
mod random_llama;
mod tower;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// What every command may fail with.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Ocelli beside llama.cpp.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Files(files::Files),
    Bench(bench::Bench),
    Kernels(kernels::Kernels),
    Tower(tower::Tower),
    Pair(pair::Pairs),
    Perplexity(agree::Perplexity),
    Greedy(agree::Greedy),
    /// Milliseconds from the start of a process to its first token.
    Start(alone::Apart),
    /// Greatest resident memory of a process.
    Memory(alone::Apart),
    #[command(hide = true)]
    Alone(alone::Alone),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Files(files) => files.run(),
        Command::Bench(bench) => bench.run(),
        Command::Kernels(kernels) => {
            kernels.run().and_then(|good| if good { Ok(()) } else { Err("a check failed".into()) })
        }
        Command::Tower(tower) => tower.run(),
        Command::Pair(pairs) => pairs.run(),
        Command::Perplexity(perplexity) => perplexity.run(),
        Command::Greedy(greedy) => greedy.run(),
        Command::Start(apart) => apart.start(),
        Command::Memory(apart) => apart.memory(),
        Command::Alone(alone) => alone.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("rival: {e}");
            ExitCode::FAILURE
        }
    }
}
