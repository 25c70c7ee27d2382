//! `ocelli`: the command-line program.
//!
//! Each command is a file under `commands`; its arguments are declared there, and help, completions and errors follow
//! from that declaration. The model's answer goes to standard output, everything about it to standard error.

#![allow(rustdoc::invalid_html_tags)] // comments on arguments are help texts, which speak of <image>

mod bundled;
mod commands;
mod failure;
mod interrupt;
mod model_args;
mod output;
mod prompt_args;
mod shot_args;
mod watch;

use clap::{CommandFactory, Parser, Subcommand};
use failure::Failure;
use std::process::ExitCode;

const ABOUT: &str = "Ask a picture a question, on this machine";

const AFTER: &str = "\
EXAMPLES
  ocelli run --image cat.png --prompt 'Question: what is this? Answer:' --model blip2.gguf
  ocelli chat --model smollm2.gguf
  ocelli convert ./blip2-opt-2.7b -o blip2.gguf --type q4_k
  ocelli quantize blip2.gguf blip2-q4.gguf --type q4_k_m
  ocelli inspect blip2.gguf
  ocelli doctor

EXIT CODES
  0    done
  1    the model, a file or the run failed
  2    the command line is wrong: an unknown flag, a value out of range, images that do not match the markers
  130  interrupted

Errors are one line on standard error, 'ocelli: error[CODE]: message'; the codes do not change.

ENVIRONMENT
  OCELLI_ISA   the instruction set to use; 'ocelli doctor' lists what this machine offers
  NO_COLOR     no colours in help texts";

#[derive(Parser)]
#[command(name = "ocelli", version, about = ABOUT, after_help = AFTER, max_term_width = 100, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(Box<commands::run::Args>),
    Chat(Box<commands::chat::Args>),
    Score(commands::score::Args),
    Convert(commands::convert::Args),
    Quantize(commands::quantize::Args),
    Imatrix(commands::imatrix::Args),
    Inspect(commands::inspect::Args),
    Tokenize(commands::tokenize::Args),
    Bench(commands::bench::Args),
    Doctor(commands::doctor::Args),
    Completions(commands::completions::Args),
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come as errors too, with the exit code 0. A reader that left is no reason to complain.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { failure::USAGE } else { 0 });
        }
    };
    match dispatch(&cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn dispatch(command: &Command) -> Result<(), Failure> {
    let interrupt = interrupt::Interrupt::install()?;
    let done = match command {
        Command::Run(args) => commands::run::run(args, &interrupt),
        Command::Chat(args) => commands::chat::run(args, &interrupt),
        Command::Score(args) => commands::score::run(args, &interrupt),
        Command::Convert(args) => commands::convert::run(args, &interrupt),
        Command::Quantize(args) => commands::quantize::run(args, &interrupt),
        Command::Imatrix(args) => commands::imatrix::run(args, &interrupt),
        Command::Inspect(args) => commands::inspect::run(args),
        Command::Tokenize(args) => commands::tokenize::run(args),
        Command::Bench(args) => commands::bench::run(args, &interrupt),
        Command::Doctor(args) => commands::doctor::run(args, &interrupt),
        Command::Completions(args) => commands::completions::run(args, Cli::command()),
    };
    if interrupt.raised() { Err(Failure::Interrupted) } else { done }
}
