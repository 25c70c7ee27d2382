//! `ocelli`: the command-line program.
//!
//! Each command is a file under `commands`; its arguments are declared there, and help, completions and errors follow
//! from that declaration. The model's answer goes to standard output, everything about it to standard error.

#![allow(rustdoc::invalid_html_tags)] // comments on arguments are help texts, which speak of <image>

mod batch;
mod bundled;
mod commands;
mod failure;
mod features;
mod frames;
mod grammar_args;
mod hub;
mod interrupt;
mod json_lines;
mod marks;
mod model_args;
mod output;
mod pool;
mod progress;
mod prompt_args;
mod shot_args;
mod usage;
mod video_args;
mod watch;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use failure::Failure;
use std::process::ExitCode;

const ABOUT: &str = "Ask a picture a question, on this machine";

const AFTER: &str = "\
EXAMPLES
  ocelli run --image cat.png --prompt 'Question: what is this? Answer:' --model blip2.gguf
  ocelli chat --model smollm2.gguf
  ocelli pull Salesforce/blip2-opt-2.7b
  ocelli convert Salesforce/blip2-opt-2.7b -o blip2.gguf --type q4_k
  ocelli quantize blip2.gguf blip2-q4.gguf --type q4_k_m
  ocelli inspect blip2.gguf
  ocelli doctor

EXIT CODES
  0    done
  1    the model, a file or the run failed
  2    the command line is wrong: an unknown flag, a value out of range, images that do not match the markers
  130  interrupted

Errors are one line on standard error, 'ocelli: error[CODE]: message', perhaps with '; hint: …' behind it; the codes do
not change. Of the command line itself the code is 'usage'.

ENVIRONMENT
  OCELLI_ISA   the instruction set to use; 'ocelli doctor' lists what this machine offers
  HF_HOME      where models of a hub are kept; 'ocelli pull --help' has the hub's other variables
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
    Pull(commands::pull::Args),
    Models(commands::models::Args),
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
    let mut command = negative_numbers(Cli::command());
    let cli = match command.try_get_matches_from_mut(std::env::args_os()).and_then(|m| Cli::from_arg_matches(&m)) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => return usage::failure(&error, &command).report(),
        Err(error) => {
            // Help and version come as errors too. A reader that left is no reason to complain.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
    };
    match dispatch(&cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Takes what looks like a number behind an option for its value: it is better refused for what it is than as an option
/// that nobody meant.
fn negative_numbers(command: clap::Command) -> clap::Command {
    let takes = |arg: &clap::Arg| arg.get_action().takes_values() && !arg.is_positional();
    let command = command.mut_args(|arg| if takes(&arg) { arg.allow_negative_numbers(true) } else { arg });
    command.mut_subcommands(negative_numbers)
}

fn dispatch(command: &Command) -> Result<(), Failure> {
    let interrupt = interrupt::Interrupt::install()?;
    let done = match command {
        Command::Run(args) => commands::run::run(args, &interrupt),
        Command::Chat(args) => commands::chat::run(args, &interrupt),
        Command::Score(args) => commands::score::run(args, &interrupt),
        Command::Pull(args) => commands::pull::run(args),
        Command::Models(args) => commands::models::run(args),
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
