//! What the argument parser finds wrong, in the form of all other errors: one line, with a code and perhaps a hint.
//!
//! The non-obvious thing: the parser gives its messages as paragraphs. Their first lines say what is wrong, a line that
//! begins with `tip:` what may have been meant; what comes after is its usage text, which `--help` gives better.

use crate::failure::Failure;
use clap::Command;
use clap::error::ErrorKind;

/// The failure that an error of the parser is.
pub fn failure(error: &clap::Error, command: &Command) -> Failure {
    if matches!(error.kind(), ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand) {
        let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
        let hint = format!("'ocelli --help' explains {}", names.join(", "));
        return Failure::usage("usage", "a command is missing").with_hint(hint);
    }
    let (message, hint) = read(&error.render().to_string());
    Failure::usage("usage", message).with_hint(hint.unwrap_or_else(|| "--help lists what there is".to_owned()))
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
            tips.push(tip);
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
