//! Help, completions and wrong command lines.

use crate::process::{command, finish, ocelli, picture};

const COMMANDS: [&str; 11] =
    ["run", "chat", "score", "convert", "quantize", "imatrix", "inspect", "tokenize", "bench", "doctor", "completions"];

#[test]
fn every_command_explains_itself() {
    let help = ocelli(&["--help"]).ok();
    assert!(help.contains("EXIT CODES") && help.contains("OCELLI_ISA"));
    for name in COMMANDS {
        assert!(help.contains(&format!("\n  {name} ")), "{name}: {help}");
        let own = ocelli(&[name, "--help"]).ok();
        assert!(own.contains("EXAMPLES") && own.contains(&format!("Usage: ocelli {name}")), "{own}");
        // Every option has a line of its own words.
        let options = own.lines().take_while(|l| *l != "EXAMPLES");
        for line in options.filter(|l| l.trim_start().starts_with('-')) {
            assert!(line.trim().contains("  ") || own.contains(&format!("{line}\n   ")), "{name}: {line}");
        }
    }
    assert_eq!(ocelli(&["--version"]).ok(), format!("ocelli {}\n", env!("CARGO_PKG_VERSION")));
}

/// Every kind of error that the parser has is one line with a code.
#[test]
fn wrong_command_lines_exit_with_2() {
    let wrong: [(&[&str], &str); 27] = [
        (&[], "a command is missing; hint: 'ocelli --help' explains run, chat, "),
        (&["frobnicate"], "unrecognized subcommand 'frobnicate'"),
        (&["inspct"], "unrecognized subcommand 'inspct'; hint: a similar subcommand exists: 'inspect'"),
        (&["run", "--frobnicate"], "unexpected argument '--frobnicate' found"),
        (&["run", "--promt", "x"], "unexpected argument '--promt' found; hint: a similar argument exists: '--prompt'"),
        (&["run", "text"], "unexpected argument 'text' found"),
        (&["run", "-p"], "a value is required for '--prompt <TEXT>' but none was supplied"),
        (&["run", "--json=yes"], "unexpected value 'yes' for '--json' found; no more were expected"),
        (&["run", "--temp", "1", "--temp", "2"], "the argument '--temp <F>' cannot be used multiple times"),
        (&["run", "-n", "0"], "invalid value '0' for '--max-new-tokens <N>': 0 is not in 1..=16777216"),
        (&["run", "-n", "-1"], "invalid value '-1' for '--max-new-tokens <N>': it cannot be negative"),
        (&["run", "--seed", "-1"], "invalid value '-1' for '--seed <N>': it cannot be negative"),
        (&["run", "--top-k", "-3"], "invalid value '-3' for '--top-k <N>': it cannot be negative"),
        (&["run", "--context", "-2"], "invalid value '-2' for '--context <N>': it cannot be negative"),
        (&["run", "-n", "many"], "invalid value 'many' for '--max-new-tokens <N>': not a whole number"),
        (&["run", "--beams", "65"], "65 is not in 1..=64"),
        (&["run", "--threads", "257"], "257 is not in 0..=256"),
        (&["run", "--kv", "q8"], "invalid value 'q8' for '--kv <TYPE>' [possible values: "),
        (&["run", "--budget", "lots"], "expected a number of bytes such as 500000000, 512M or 1.5G"),
        (&["run", "--budget", "-1G"], "expected a number of bytes"),
        (&["run", "-c", "a\nb"], "unexpected argument '-c' found"),
        (
            &["score", "-p", "no continuation"],
            "the following required arguments were not provided: --continuation <TEXT>",
        ),
        (&["tokenize"], "the following required arguments were not provided: <TEXT>"),
        (&["tokenize", "text", "--decode", "1"], "cannot be used with"),
        (&["tokenize", "--ids", "--json", "x"], "the argument '--ids' cannot be used with '--json'"),
        (&["convert", "somewhere"], "the following required arguments were not provided: --output <"),
        (&["convert", "somewhere", "-o", "x.gguf", "--type", "iq4_nl"], "[possible values: "),
    ];
    for (args, words) in wrong {
        let err = ocelli(args).failed(2, "usage");
        assert!(err.contains(words), "{args:?}: {err}");
        assert_eq!(err.matches('\n').count(), 1, "{args:?}: {err}");
    }
}

#[test]
#[cfg(unix)]
fn arguments_that_are_no_text_are_a_line_too() {
    use std::os::unix::ffi::OsStringExt;
    let mut run = command(&["run", "-p"]);
    finish(run.arg(std::ffi::OsString::from_vec(b"\xff".to_vec())), "").failed(2, "usage");
}

#[test]
fn options_that_make_no_sense_exit_with_2() {
    let blue = picture("blue_circle.png");
    for (args, words) in [
        (["--temp", "-1"], "temperature is -1"),
        (["--temp", "nan"], "temperature is NaN"),
        (["--top-p", "0"], "top-p is 0"),
        (["--min-p", "1.5"], "min-p is 1.5"),
        (["--repetition-penalty", "0"], "repetition-penalty is 0"),
        (["--length-penalty", "inf"], "length-penalty"),
    ] {
        let err = ocelli(&["run", "-i", &blue, args[0], args[1]]).failed(2, "option");
        assert!(err.contains(words), "{args:?}: {err}");
    }
    ocelli(&["run", "-i", &blue, "--temp", "1", "--beams", "2"]).failed(2, "option");
}

#[test]
fn completions_name_the_options() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = ocelli(&["completions", shell]).ok();
        assert!(script.contains("no-repeat-ngram") && script.contains("inspect"), "{shell}");
    }
    assert_eq!(ocelli(&["completions", "tcsh"]).code, Some(2));
}
