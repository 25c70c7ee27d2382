//! Help, completions and wrong command lines.

use crate::process::{ocelli, picture};

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

#[test]
fn wrong_command_lines_exit_with_2() {
    let wrong: [&[&str]; 14] = [
        &[],
        &["frobnicate"],
        &["run", "--frobnicate"],
        &["run", "-n", "0"],
        &["run", "-n", "many"],
        &["run", "--beams", "65"],
        &["run", "--threads", "257"],
        &["run", "--kv", "q8"],
        &["run", "--budget", "lots"],
        &["score", "-p", "no continuation"],
        &["tokenize"],
        &["tokenize", "text", "--decode", "1"],
        &["convert", "somewhere"],
        &["convert", "somewhere", "-o", "x.gguf", "--type", "iq4_nl"],
    ];
    for args in wrong {
        let ended = ocelli(args);
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert!(ended.out.is_empty() && !ended.err.is_empty(), "{args:?}: {ended:?}");
    }
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
