//! `rival`: Ocelli and llama.cpp in one process, on the same file, run by run in turn.
//!
//! llama.cpp is built at its best by `llama-cpp-sys-2` (see `.cargo/config.toml` and README.md); Ocelli is the portable
//! build that its users get. The commands measure speed and memory, and check our formats and kernels against ggml's.

mod bench;
mod files;
mod llama;
mod measure;
mod memory;
mod ocelli;
mod random;
mod random_llama;

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
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Files(files) => files.run(),
        Command::Bench(bench) => bench.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("rival: {e}");
            ExitCode::FAILURE
        }
    }
}
