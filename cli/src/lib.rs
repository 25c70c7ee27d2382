//! `ocelli`: the command-line program, as a library that `main.rs` calls.
//!
//! Each command is a file under `commands`; its arguments are declared there, and help, completions and errors follow
//! from that declaration. The model's answer goes to standard output, everything about it to standard error.
//!
//! The non-obvious thing: it is a library so that the fuzz targets reach what reads files and answers of others. Only
//! [`readers`] is for them, and no other crate builds on it.

// Comments on arguments are help texts, which speak of <image> and NAME[:TYPE].
#![allow(rustdoc::invalid_html_tags, rustdoc::broken_intra_doc_links)]

mod answer;
mod batch;
mod bundled;
mod commands;
mod encoded;
mod eval;
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
mod pointing;
mod pool;
mod progress;
mod prompt_args;
mod read;
mod recipe_args;
mod repeats;
mod shot_args;
mod usage;
mod video_args;
mod vocabulary;
mod watch;
mod wrap;

/// What reads bytes that somebody else wrote.
#[doc(hidden)]
pub mod readers {
    pub use crate::batch::Requests;
    pub use crate::commands::search::{Contents, Made, State, Wrong, record, rows_of};
    pub use crate::features::{parsed as features, written as written_features};
    #[cfg(feature = "hub")]
    pub use crate::hub::listing::Listing;
    pub use crate::hub::listing::shards_in;
    pub use crate::hub::{choice, name::Name};
    pub use crate::output::Notes;
}

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
is the first argument or stands behind -m, in every command that takes one ('search' has its folder first); without either it is the file that
OCELLI_MODEL names, or the bundled one.

WHICH TYPE
q8_0 comes closest to the original at half the size of f16. Where memory is short, --type q4_k_m --tensor-type 'v.*=q8_0'
makes the language model small and leaves the tower, which suffers most, at q8_0. 'convert' makes every type that
'quantize' makes: take it where you have the checkpoint, since quantising what was quantised before adds up the errors.

EXIT CODES
  0    done
  1    the model, a file or the run failed
  2    the command line is wrong: an unknown flag, a value out of range,
       images that do not match the markers or the model
  130  interrupted by Ctrl-C (SIGINT); 143 by SIGTERM, 129 by SIGHUP

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
    Search(Box<commands::search::Args>),
    Eval(Box<commands::eval::Args>),
    Pull(commands::pull::Args),
    Models(commands::models::Args),
    Convert(commands::convert::Args),
    Quantize(commands::quantize::Args),
    Split(commands::split::Args),
    Imatrix(commands::imatrix::Args),
    Inspect(commands::inspect::Args),
    Tokenize(commands::tokenize::Args),
    Bench(commands::bench::Args),
    Doctor(commands::doctor::Args),
    Completions(commands::completions::Args),
}

/// Runs the program's command line.
pub fn main() -> ExitCode {
    let mut commands = commands();
    let args = vocabulary::rewritten(&commands, std::env::args_os().collect());
    if let Some(failure) = usage::mistaken(&commands, &args) {
        return failure.report(failure::USAGE);
    }
    let cli = match commands.try_get_matches_from_mut(&args).and_then(|m| Cli::from_arg_matches(&m)) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => return usage::failure(&error, &commands, &args).report(failure::USAGE),
        Err(error) => {
            // Help and version come as errors too. A reader that left is no reason to complain.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
    };
    match dispatch(&cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(interrupt::Interrupt::code()),
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
        Command::Search(args) => commands::search::run(args, &interrupt),
        Command::Eval(args) => commands::eval::run(args, &interrupt),
        Command::Pull(args) => commands::pull::run(args),
        Command::Models(args) => commands::models::run(args),
        Command::Convert(args) => commands::convert::run(args, &interrupt),
        Command::Quantize(args) => commands::quantize::run(args, &interrupt),
        Command::Split(args) => commands::split::run(args, &interrupt),
        Command::Imatrix(args) => commands::imatrix::run(args, &interrupt),
        Command::Inspect(args) => commands::inspect::run(args),
        Command::Tokenize(args) => commands::tokenize::run(args),
        Command::Bench(args) => commands::bench::run(args, &interrupt),
        Command::Doctor(args) => commands::doctor::run(args, &interrupt),
        Command::Completions(args) => commands::completions::run(args, commands()),
    };
    if interrupt.raised() { Err(Failure::Interrupted) } else { done }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    /// The words of a line as a shell splits it, up to a comment; operators are words of their own.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
        for c in line.chars() {
            match (quote, c) {
                (Some(mark), _) if c == mark => quote = None,
                (Some(_), _) => word.get_or_insert_default().push(c),
                (None, '\'' | '"') => {
                    quote = Some(c);
                    word.get_or_insert_default();
                }
                (None, ' ') => words.extend(word.take()),
                (None, '#') if word.is_none() => break,
                (None, _) => word.get_or_insert_default().push(c),
            }
        }
        assert_eq!(quote, None, "a quote is not closed: {line}");
        words.extend(word);
        words
    }

    /// The calls of this program in a text's examples.
    fn examples(text: &str) -> Vec<Vec<String>> {
        let mut found = Vec::new();
        for block in text.split("EXAMPLES\n").skip(1) {
            let lines = block.lines().take_while(|line| line.starts_with("  ")).collect::<Vec<_>>().join("\n");
            for line in lines.replace("\\\n", " ").lines() {
                let words = words(line.trim());
                for call in words.split(|word| word == "|") {
                    let own = call.iter().skip_while(|word| word.starts_with("OCELLI_"));
                    let own: Vec<String> = own.take_while(|word| *word != "<" && *word != ">").cloned().collect();
                    if own.first().is_some_and(|name| name == "ocelli") {
                        found.push(own);
                    }
                }
            }
        }
        found
    }

    fn help_texts(command: &clap::Command, found: &mut Vec<String>) {
        found.extend(command.get_after_help().map(ToString::to_string));
        command.get_subcommands().for_each(|inner| help_texts(inner, found));
    }

    #[test]
    fn each_example_in_the_helps_is_understood() {
        let mut texts = Vec::new();
        help_texts(&Cli::command(), &mut texts);
        let calls: Vec<Vec<String>> = texts.iter().flat_map(|text| examples(text)).collect();
        assert!(calls.len() > 50, "only {} examples were found", calls.len());
        for call in calls {
            let mut commands = commands();
            let args = vocabulary::rewritten(&commands, call.iter().map(OsString::from).collect());
            assert!(usage::mistaken(&commands, &args).is_none(), "{call:?}");
            if let Err(error) = commands.try_get_matches_from_mut(&args) {
                panic!("{call:?}: {error}");
            }
        }
        let wrong = examples("EXAMPLES\n  x | ocelli run \\\n      --promt 'a b'  # none\n\nEnd");
        assert_eq!(wrong, [["ocelli", "run", "--promt", "a b"]]);
        assert!(commands().try_get_matches_from(&wrong[0]).is_err());
    }
}
