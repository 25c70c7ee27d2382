//! Helps in two lengths: `-h` has a line or two for each option, `--help` all that is said, with examples.
//!
//! Both follow from the declared commands. Prose may be broken anywhere where it is declared: lines that belong together
//! are joined, so that it is broken once, for the terminal that it is shown on.

use clap::builder::StyledStr;
use clap::{Arg, Command};

/// Longest help of an option that `-h` shows whole.
const SHORT: usize = 60;

/// The commands with both lengths of help. `name` is how the command is called.
pub fn laid_out(command: Command, name: &str) -> Command {
    let command = match command.get_after_help().map(flowing) {
        Some(all) => {
            let more = format!("'{name} --help' explains all of it, with examples.");
            command.after_long_help(all).after_help(more)
        }
        None => command,
    };
    command.mut_args(shortened).mut_subcommands(|inner| {
        let name = format!("{name} {}", inner.get_name());
        laid_out(inner, &name)
    })
}

/// Text whose lines of prose are joined to paragraphs. Indented lines, blank ones and headings in capitals stay.
fn flowing(text: &StyledStr) -> String {
    let text = text.to_string();
    let (mut joined, mut prose) = (String::new(), false);
    for line in text.lines() {
        let heading = !line.contains(char::is_lowercase);
        let goes_on = !heading && !line.starts_with(' ');
        if !joined.is_empty() {
            joined.push(if prose && goes_on { ' ' } else { '\n' });
        }
        joined.push_str(line);
        prose = goes_on;
    }
    joined
}

/// An option whose help is long: the short help has what stands before the first semicolon or end of a sentence.
fn shortened(arg: Arg) -> Arg {
    let Some(help) = arg.get_help().map(StyledStr::to_string).filter(|help| help.len() > SHORT) else { return arg };
    let ends = ["; ", ". "].into_iter().filter_map(|end| help.find(end));
    let Some(end) = ends.min() else { return arg };
    let short = help[..end].to_owned();
    let long = arg.get_long_help().map_or(help, StyledStr::to_string);
    arg.help(short).long_help(long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_flows_and_examples_stay() {
        let text = "EXAMPLES\n  ocelli a\n  ocelli b\n\nOne and\ntwo\nthree:\n  {\"a\",\n   \"b\"}\nFour.";
        let wanted = "EXAMPLES\n  ocelli a\n  ocelli b\n\nOne and two three:\n  {\"a\",\n   \"b\"}\nFour.";
        assert_eq!(flowing(&text.into()), wanted);
    }
}
