//! What the argument parser finds wrong, in the form of all other errors: one line, with a code and perhaps a hint.
//!
//! The non-obvious thing: the parser gives its messages as paragraphs. Their first lines say what is wrong, a line that
//! begins with `tip:` what may have been meant; what comes after is its usage text, which `--help` gives better. Its tips
//! go by the spelling, so that what another program's user meant is looked up first.

use crate::failure::Failure;
use crate::{foreign, vocabulary};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};
use std::ffi::OsString;

/// A flag of another program that a parser of one-letter options would take for something else: `-hf` for `-h`, `-ctk`
/// for `-c` with the value `tk`.
pub fn mistaken(commands: &Command, args: &[OsString]) -> Option<Failure> {
    let command = commands.find_subcommand(args.get(1)?)?;
    let tokens = vocabulary::tokens(command, &args[2..]);
    tokens.iter().filter(|token| !token.value).find_map(|token| {
        let name = token.text.to_str().filter(|name| name.len() > 2 && !name.starts_with("--"))?;
        let letter = name.strip_prefix('-')?.chars().next()?;
        let text = |arg: &&Arg| arg.get_short() == Some(letter) && arg.is_allow_hyphen_values_set();
        // Behind such a letter stands its value.
        if command.get_arguments().any(|arg| text(&arg)) {
            return None;
        }
        let tip = foreign::flag(name, commands)?;
        Some(Failure::usage("usage", format_args!("unexpected argument '{name}' found")).with_hint(tip))
    })
}

/// The failure that an error of the parser is.
pub fn failure(error: &clap::Error, commands: &Command, args: &[OsString]) -> Failure {
    if matches!(error.kind(), ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand) {
        let within = args.get(1).and_then(|name| commands.find_subcommand(name)).filter(|one| one.has_subcommands());
        let names: Vec<&str> = within.unwrap_or(commands).get_subcommands().map(Command::get_name).collect();
        let of = within.map_or(String::new(), |one| format!("{} ", one.get_name()));
        let hint = format!("'ocelli {of}--help' explains {}", names.join(", "));
        return Failure::usage("usage", "a command is missing").with_hint(hint);
    }
    let (message, hint) = read(&error.render().to_string());
    let command = args.get(1).and_then(|name| name.to_str()).unwrap_or_default();
    let hint = meant(error, commands, command).or(hint);
    Failure::usage("usage", message).with_hint(hint.unwrap_or_else(|| "--help lists what there is".to_owned()))
}

/// What somebody who knows other programs meant.
fn meant(error: &clap::Error, commands: &Command, command: &str) -> Option<String> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            foreign::command(text(ContextKind::InvalidSubcommand)?, commands).map(str::to_owned)
        }
        ErrorKind::UnknownArgument => {
            let name = text(ContextKind::InvalidArg)?;
            if name.starts_with('-') {
                let tip = foreign::flag(name, commands).map(str::to_owned);
                return tip.or_else(|| elsewhere(name, commands));
            }
            match command {
                "run" | "score" => Some("the prompt goes behind -p".to_owned()),
                "chat" => Some("messages come from standard input".to_owned()),
                "quantize" | "convert" => Some("the type goes behind --type".to_owned()),
                _ => None,
            }
        }
        ErrorKind::ArgumentConflict if ["run", "score", "chat"].contains(&command) => {
            let bare = |text: &str| text == "[MODEL]";
            let both =
                [ContextKind::InvalidArg, ContextKind::PriorArg].into_iter().any(|kind| text(kind).is_some_and(bare));
            both.then(|| "the first argument is the model; a prompt goes behind -p".to_owned())
        }
        _ => None,
    }
}

/// The commands that have the flag.
fn elsewhere(name: &str, commands: &Command) -> Option<String> {
    let long = name.strip_prefix("--")?;
    let has = |arg: &Arg| arg.get_long() == Some(long) || arg.get_all_aliases().unwrap_or_default().contains(&long);
    let having = commands.get_subcommands().filter(|command| command.get_arguments().any(has));
    let names: Vec<String> = having.map(|command| format!("'ocelli {}'", command.get_name())).collect();
    (!names.is_empty()).then(|| format!("it is an option of {}", names.join(", ")))
}

/// What is wrong and what may have been meant, a line each.
fn read(text: &str) -> (String, Option<String>) {
    let (mut message, mut tips) = (String::new(), Vec::new());
    let mut listed = false;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with("Usage:") || line.starts_with("For more information") {
            break;
        }
        if let Some(tip) = line.strip_prefix("tip: ") {
            // Of several the last is the most like what was typed.
            let nearest = tip.strip_prefix("some similar subcommands exist: ").and_then(|all| all.rsplit(", ").next());
            if let Some(nearest) = nearest {
                tips.push(format!("a similar subcommand exists: {nearest}"));
                continue;
            }
            // Nobody means a mistyped flag as a file's name.
            if !tip.starts_with("to pass '") {
                tips.push(tip.to_owned());
            }
            continue;
        }
        if message.ends_with(':') {
            listed = true;
            message.push(' ');
        } else if !message.is_empty() {
            message.push_str(if listed && !line.starts_with('[') { ", " } else { " " });
        }
        message.push_str(line);
    }
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    let message = match message.strip_suffix(": invalid digit found in string") {
        Some(wrong) if wrong.starts_with("invalid value '-") => format!("{wrong}: it cannot be negative"),
        Some(wrong) => format!("{wrong}: not a whole number"),
        None => message.to_owned(),
    };
    (message, (!tips.is_empty()).then(|| tips.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn paragraphs_become_a_line() {
        fn none(text: &str) -> String {
            let (message, hint) = read(text);
            assert_eq!(hint, None);
            message
        }
        let end = "\n\nUsage: ocelli run [OPTIONS]\n\nFor more information, try '--help'.\n";
        let missing =
            format!("error: the following required arguments were not provided:\n  --output <OUT>\n  <SRC>{end}");
        assert_eq!(none(&missing), "the following required arguments were not provided: --output <OUT>, <SRC>");
        let value =
            "error: invalid value 'q8' for '--kv <TYPE>'\n  [possible values: f16, f32]\n\nFor more information, try";
        assert_eq!(none(value), "invalid value 'q8' for '--kv <TYPE>' [possible values: f16, f32]");
        let digits =
            |value| format!("error: invalid value '{value}' for '--seed <N>': invalid digit found in string{end}");
        assert_eq!(none(&digits("-1")), "invalid value '-1' for '--seed <N>': it cannot be negative");
        assert_eq!(none(&digits("x")), "invalid value 'x' for '--seed <N>': not a whole number");
        let (message, hint) = read(&format!(
            "error: unexpected argument '--promt' found\n\n  tip: a similar argument exists: '--prompt'{end}"
        ));
        assert_eq!(message, "unexpected argument '--promt' found");
        assert_eq!(hint.as_deref(), Some("a similar argument exists: '--prompt'"));
    }
}
