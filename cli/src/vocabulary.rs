//! One vocabulary of flags, the field's: other names for what is here, and how numbers below zero are read.
//!
//! It is laid over the declared commands as a whole, so that a flag has the same names wherever it stands.

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Arg, Command};
use std::ffi::{OsStr, OsString};
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;

/// A flag's long name, and what llama.cpp, transformers and ollama call it.
const ALIASES: [(&str, &[&str]); 10] = [
    ("max-new-tokens", &["max-tokens", "n-predict"]),
    ("beams", &["num-beams"]),
    ("temp", &["temperature"]),
    ("repetition-penalty", &["repeat-penalty"]),
    ("no-repeat-ngram", &["no-repeat-ngram-size"]),
    ("context", &["ctx-size"]),
    ("gpu-layers", &["n-gpu-layers"]),
    ("system", &["system-prompt"]),
    ("output", &["outfile"]),
    ("type", &["outtype"]),
];

/// The commands with every alias. A number behind an option is its value, also where it is below zero: it is better
/// refused for what it is than as an option that nobody meant.
pub fn spoken(mut command: Command) -> Command {
    for (name, others) in ALIASES {
        let new = |arg: Arg| {
            let known: Vec<String> = arg.get_all_aliases().unwrap_or_default().into_iter().map(str::to_owned).collect();
            let others = others.iter().filter(|other| known.iter().all(|known| known != *other));
            others.fold(arg, |arg, &other| arg.visible_alias(other))
        };
        command = command.mut_args(|arg| if arg.get_long() == Some(name) { new(arg) } else { arg });
    }
    // Where nothing else has the letter: 'score -c' is a continuation.
    let free = command.get_arguments().all(|arg| arg.get_short() != Some('c'));
    let context = |arg: Arg| if free && arg.get_long() == Some("context") { arg.short('c') } else { arg };
    command = command.mut_args(context);
    command = command.mut_args(|arg| if takes_value(&arg) { arg.allow_negative_numbers(true) } else { arg });
    // Where it is the only bare argument it is the model, otherwise a text may come in its place.
    let alone = command.get_arguments().filter(|arg| arg.is_positional()).count() == 1;
    let bare = |arg: Arg| match (arg.get_id() == "bare", alone) {
        (true, true) => arg.conflicts_with("model"),
        (true, false) => arg.allow_hyphen_values(true).value_parser(any_text()),
        (false, _) => arg,
    };
    command = command.mut_args(bare);
    if command.get_name() == "tokenize" {
        // Nothing is computed and no picture is read there; scripts may say these all the same.
        let idle = ["threads", "gpu_layers", "upright", "background"];
        command = command.mut_args(|arg| if idle.contains(&arg.get_id().as_str()) { arg.hide(true) } else { arg });
    }
    command.mut_subcommands(spoken)
}

/// A text that may be one of a file's name: any, also none.
pub fn any_text() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values() && !arg.is_positional()
}

/// What a token of a command line is.
pub struct Token<'a> {
    pub text: &'a OsStr,
    /// The value of the option before it, or behind `--`: never the name of anything.
    pub value: bool,
}

/// The tokens behind the command's name as the parser of `command` will take them, as far as names are concerned.
pub fn tokens<'a>(command: &Command, args: &'a [OsString]) -> Vec<Token<'a>> {
    let mut value = false;
    let mut rest = false;
    let token = |text: &'a OsString| {
        let taken = std::mem::replace(&mut value, false) || rest;
        if !taken {
            rest = text == "--";
            value = text.to_str().is_some_and(|text| awaits_text(command, text));
        }
        Token { text, value: taken }
    };
    args.iter().map(token).collect()
}

/// Whether an option whose value may be any text ends this token, so that the next one is that value.
fn awaits_text(command: &Command, token: &str) -> bool {
    let text = |arg: &Arg| takes_value(arg) && arg.is_allow_hyphen_values_set();
    if let Some(name) = token.strip_prefix("--") {
        let has =
            |arg: &&Arg| arg.get_long() == Some(name) || arg.get_all_aliases().unwrap_or_default().contains(&name);
        return command.get_arguments().find(has).is_some_and(text);
    }
    let Some(letters) = token.strip_prefix('-') else { return false };
    let by = |letter: char| command.get_arguments().find(move |arg| arg.get_short() == Some(letter));
    // The first letter that takes a value has the rest of the token for it, if there is a rest.
    let mut letters = letters.chars();
    let first = letters.by_ref().find_map(|letter| by(letter).filter(|arg| takes_value(arg)));
    letters.as_str().is_empty() && first.is_some_and(text)
}

/// Names that no parser of one-letter options can have: to it `-ngl` is `-n` with the value `gl`.
const LONGER: [(&str, &str); 2] = [("-ngl", "gpu-layers"), ("-sys", "system")];

/// The command line with `-ngl N` and `-ngl=N` as `--gpu-layers`, and so on, where the command has that option.
pub fn rewritten(commands: &Command, mut args: Vec<OsString>) -> Vec<OsString> {
    let Some(command) = args.get(1).and_then(|name| commands.find_subcommand(name)) else { return args };
    let has = |long: &str| command.get_arguments().any(|arg| arg.get_long() == Some(long));
    let long = |token: Token<'_>| {
        let text = token.text.to_str().filter(|_| !token.value)?;
        LONGER.iter().filter(|(_, long)| has(long)).find_map(|(short, long)| {
            let rest = text.strip_prefix(short)?;
            (rest.is_empty() || rest.starts_with('=')).then(|| format!("--{long}{rest}").into())
        })
    };
    let new: Vec<Option<OsString>> = tokens(command, &args[2..]).into_iter().map(long).collect();
    for (arg, new) in args[2..].iter_mut().zip(new) {
        if let Some(new) = new {
            *arg = new;
        }
    }
    args
}

/// A number of new tokens: -1 is as many as there is room for.
pub fn new_tokens(text: &str) -> Result<usize, String> {
    const MOST: usize = 1 << 24;
    match text.parse::<i64>() {
        Ok(-1) => Ok(usize::MAX),
        Ok(n) if n < 0 => Err(format!("{n} is neither -1, for no limit but the context, nor in 1..={MOST}")),
        Ok(n) => usize::try_from(n).ok().filter(|n| (1..=MOST).contains(n)).ok_or(format!("{n} is not in 1..={MOST}")),
        Err(_) => Err("not a whole number".to_owned()),
    }
}

/// A seed: -1 is another one each time.
pub fn seed(text: &str) -> Result<u64, String> {
    match text.parse::<u64>() {
        Ok(seed) => Ok(seed),
        Err(_) if text == "-1" => Ok(random_seed()),
        Err(_) if text.starts_with('-') => Err("it is a number from 0 on, or -1 for another one each time".to_owned()),
        Err(_) => Err("not a whole number".to_owned()),
    }
}

/// A token's number and what is added to its logit: `15043+1`, `15043-inf`.
pub fn bias(text: &str) -> Result<(u32, f32), String> {
    let parts = text.find(['+', '-']).and_then(|at| Some((text[..at].parse().ok()?, text[at..].parse().ok()?)));
    match parts {
        Some((token, bias)) if bias < f32::INFINITY => Ok((token, bias)),
        _ => Err("expected a token's number and a bias, such as 15043+1.5 or 15043-inf".to_owned()),
    }
}

/// A seed that nobody chose, small enough that JSON's readers keep it exactly.
pub fn random_seed() -> u64 {
    // The keys of a new hasher are random.
    RandomState::new().hash_one(0) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cli;
    use clap::CommandFactory;

    #[test]
    fn biases_are_read() {
        let good =
            [("15043+1", (15043, 1.0)), ("0-0.5", (0, -0.5)), ("7-inf", (7, f32::NEG_INFINITY)), ("7+1e-3", (7, 1e-3))];
        for (text, wanted) in good {
            assert_eq!(bias(text), Ok(wanted), "{text}");
        }
        for text in ["", "7", "+1", "-1", "7+", "7=1", "a+1", "7+inf", "7+nan", "4294967296+1", "1.5+1"] {
            assert!(bias(text).is_err(), "{text}");
        }
    }

    fn rewritten_line(line: &str) -> String {
        let args = line.split(' ').map(OsString::from).collect();
        let args = rewritten(&spoken(Cli::command()), args);
        args.iter().map(|arg| arg.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn layers_of_a_gpu_have_their_name_where_a_name_stands() {
        for (typed, meant) in [
            ("ocelli run -ngl 10 -p a", "ocelli run --gpu-layers 10 -p a"),
            ("ocelli run -ngl=10", "ocelli run --gpu-layers=10"),
            ("ocelli bench m.gguf -ngl 99", "ocelli bench m.gguf --gpu-layers 99"),
            ("ocelli chat -sys text", "ocelli chat --system text"),
            // Values, more letters, what is behind '--', and commands without it.
            ("ocelli run -p -ngl -ngl 1", "ocelli run -p -ngl --gpu-layers 1"),
            ("ocelli run -qp -ngl", "ocelli run -qp -ngl"),
            ("ocelli run --prompt -ngl", "ocelli run --prompt -ngl"),
            ("ocelli run --prompt=x -ngl 1", "ocelli run --prompt=x --gpu-layers 1"),
            ("ocelli run -px -ngl 1", "ocelli run -px --gpu-layers 1"),
            ("ocelli run -ngld 1", "ocelli run -ngld 1"),
            ("ocelli tokenize -- -ngl", "ocelli tokenize -- -ngl"),
            ("ocelli convert -ngl 1", "ocelli convert -ngl 1"),
            ("ocelli -ngl 1", "ocelli -ngl 1"),
        ] {
            assert_eq!(rewritten_line(typed), meant);
        }
    }

    #[test]
    fn minus_one_is_a_value() {
        assert_eq!((new_tokens("-1"), new_tokens("7")), (Ok(usize::MAX), Ok(7)));
        assert!(["0", "-2", "x", "16777217"].into_iter().all(|text| new_tokens(text).is_err()));
        assert_eq!(seed("7"), Ok(7));
        assert!(seed("-1").is_ok() && seed("-1") != seed("-1") && seed("-2").is_err() && seed("x").is_err());
    }
}
