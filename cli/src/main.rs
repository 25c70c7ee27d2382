//! `ocelli`: the command-line program.
//!
//! Each command is a file under `commands`; its arguments are declared there, and help, completions and errors follow
//! from that declaration. The model's answer goes to standard output, everything about it to standard error.

// Comments on arguments are help texts, which speak of <image> and NAME[:TYPE].
#![allow(rustdoc::invalid_html_tags, rustdoc::broken_intra_doc_links)]

mod answer;
mod batch;
mod bundled;
mod commands;
mod failure;
mod features;
mod foreign;
mod frames;
mod grammar_args;
mod help;
mod hub;
mod interrupt;
mod json_lines;
mod marks;
mod model_args;
mod output;
mod picture_args;
mod pool;
mod progress;
mod prompt_args;
mod read;
mod recipe_args;
mod shot_args;
mod usage;
mod video_args;
mod vocabulary;
mod watch;
mod wrap;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use failure::Failure;
use std::process::ExitCode;

const ABOUT: &str = "Ask a picture a question, on this machine";

const AFTER: &str = "\
EXAMPLES
  ocelli run blip2.gguf -i cat.png -p 'Question: what is this? Answer:'
  ocelli chat smollm2.gguf
  ocelli pull Salesforce/blip2-opt-2.7b
  ocelli convert Salesforce/blip2-opt-2.7b -o blip2.gguf
  ocelli inspect blip2.gguf
  ocelli doctor

THE MODEL
is the first argument or stands behind -m, in every command that takes one; without either it is the file that
OCELLI_MODEL names, or the bundled one.

WHICH TYPE
q8_0 comes closest to the original at half the size of f16. Where memory is short, --type q4_k_m --tensor-type 'v.*=q8_0'
makes the language model small and leaves the tower, which suffers most, at q8_0. 'convert' makes every type that
'quantize' makes: take it where you have the checkpoint, since quantising what was quantised before adds up the errors.

EXIT CODES
  0    done
  1    the model, a file or the run failed
  2    the command line is wrong: an unknown flag, a value out of range,
       images that do not match the markers
  130  interrupted

Errors are one line on standard error, 'ocelli: error[CODE]: message', perhaps with '; hint: …' behind it; the codes do
not change. Of the command line itself the code is 'usage'. Standard output stays empty then, also with --json: an object
there is a result.

ENVIRONMENT
  OCELLI_MODEL  the model where a command is given none
  OCELLI_ISA    the instruction set; 'ocelli doctor' lists those of this machine
  HF_HOME       where models of a hub are kept; 'ocelli pull --help' says more
  NO_COLOR      no colours in help texts";

#[derive(Parser)]
#[command(name = "ocelli", version, about = ABOUT, after_help = AFTER, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(Box<commands::run::Args>),
    Chat(Box<commands::chat::Args>),
    Score(commands::score::Args),
    Match(commands::matching::Args),
    Embed(commands::embed::Args),
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
    let mut commands = commands();
    let args = vocabulary::rewritten(&commands, std::env::args_os().collect());
    if let Some(failure) = usage::mistaken(&commands, &args) {
        return failure.report();
    }
    let cli = match commands.try_get_matches_from_mut(&args).and_then(|m| Cli::from_arg_matches(&m)) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => return usage::failure(&error, &commands, &args).report(),
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

/// The commands as they are declared, in the vocabulary of the field and with helps in two lengths.
fn commands() -> clap::Command {
    help::laid_out(vocabulary::spoken(Cli::command()), "ocelli")
}

fn dispatch(command: &Command) -> Result<(), Failure> {
    let interrupt = interrupt::Interrupt::install()?;
    let done = match command {
        Command::Run(args) => commands::run::run(args, &interrupt),
        Command::Chat(args) => commands::chat::run(args, &interrupt),
        Command::Score(args) => commands::score::run(args, &interrupt),
        Command::Match(args) => commands::matching::run(args, &interrupt),
        Command::Embed(args) => commands::embed::run(args, &interrupt),
        Command::Pull(args) => commands::pull::run(args),
        Command::Models(args) => commands::models::run(args),
        Command::Convert(args) => commands::convert::run(args, &interrupt),
        Command::Quantize(args) => commands::quantize::run(args, &interrupt),
        Command::Imatrix(args) => commands::imatrix::run(args, &interrupt),
        Command::Inspect(args) => commands::inspect::run(args),
        Command::Tokenize(args) => commands::tokenize::run(args),
        Command::Bench(args) => commands::bench::run(args, &interrupt),
        Command::Doctor(args) => commands::doctor::run(args, &interrupt),
        Command::Completions(args) => commands::completions::run(args, commands()),
    };
    if interrupt.raised() { Err(Failure::Interrupted) } else { done }
}
