//! Help, completions and wrong command lines.

use crate::process::{COLOUR, bundled, bundled_with, command, file, finish, ocelli, picture};

const COMMANDS: [&str; 14] = [
    "run",
    "chat",
    "score",
    "pull",
    "models",
    "convert",
    "quantize",
    "split",
    "imatrix",
    "inspect",
    "tokenize",
    "bench",
    "doctor",
    "completions",
];

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
    let wrong: [(&[&str], &str); 31] = [
        (&[], "a command is missing; hint: 'ocelli --help' explains run, chat, "),
        (&["frobnicate"], "unrecognized subcommand 'frobnicate'"),
        (&["inspct"], "unrecognized subcommand 'inspct'; hint: a similar subcommand exists: 'inspect'"),
        (&["run", "--frobnicate"], "unexpected argument '--frobnicate' found"),
        (&["run", "--promt", "x"], "unexpected argument '--promt' found; hint: a similar argument exists: '--prompt'"),
        (&["run", "model.gguf", "text"], "unexpected argument 'text' found; hint: the prompt goes behind -p"),
        (&["run", "-m", "a.gguf", "text"], "; hint: the first argument is the model; a prompt goes behind -p"),
        (
            &["run", "what is this?"],
            "no model file 'what is this?'; hint: the first argument is the model; a text goes",
        ),
        (&["run", "--continuation", "a"], "hint: it is an option of 'ocelli score'"),
        (&["run", "-p"], "a value is required for '--prompt <TEXT>' but none was supplied"),
        (&["run", "--json=yes"], "unexpected value 'yes' for '--json' found; no more were expected"),
        (&["run", "--temp", "1", "--temp", "2"], "the argument '--temp <F>' cannot be used multiple times"),
        (&["run", "-n", "0"], "invalid value '0' for '--max-new-tokens <N>': 0 is not in 1..=16777216"),
        (&["run", "-n", "-2"], "invalid value '-2' for '--max-new-tokens <N>': -2 is neither -1, for no limit but the"),
        (&["run", "--seed", "-2"], "invalid value '-2' for '--seed <N>': it is a number from 0 on, or -1 for another"),
        (&["run", "--top-k", "-3"], "invalid value '-3' for '--top-k <N>': it cannot be negative"),
        (&["run", "--context", "-2"], "invalid value '-2' for '--context <N>': it cannot be negative"),
        (&["run", "-n", "many"], "invalid value 'many' for '--max-new-tokens <N>': not a whole number"),
        (&["run", "--beams", "65"], "65 is not in 1..=64"),
        (&["run", "--threads", "257"], "257 is not in 0..=256"),
        (&["run", "--kv", "q8"], "invalid value 'q8' for '--kv <TYPE>' [possible values: "),
        (&["run", "--budget", "lots"], "expected a number of bytes such as 500000000, 512M or 1.5G"),
        (&["run", "--budget", "-1G"], "expected a number of bytes"),
        (&["run", "-c", "a\nb"], "invalid value 'a b' for '--context <N>'"),
        (
            &["score", "-p", "no continuation"],
            "the following required arguments were not provided: --continuation <TEXT>",
        ),
        (&["tokenize"], "the following required arguments were not provided: <TEXT>"),
        (&["tokenize", "model", "text", "--decode", "1"], "unexpected argument 'text' found"),
        (&["tokenize", "model", "some", "text"], "unexpected argument 'text' found"),
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

/// What is typed by those who know llama.cpp, ollama and transformers is what they mean, or the tip is right.
#[test]
fn other_programs_words() {
    let picture = picture("blue_circle.png");
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/models/tiny-blip2.gguf");
    let answer = |args: &[&str]| ocelli(&[&["run", "-i", &picture, "-p", COLOUR, "-q"], args].concat());
    let spoken: [&[&str]; 8] = [
        &["--temperature", "0", "--repeat-penalty", "1"],
        &["--max-tokens", "9"],
        &["--n-predict", "-1"],
        &["-n", "-1", "-c", "100"],
        &["--num-beams", "2", "--ctx-size", "100"],
        &["--seed", "-1"],
        &[model],
        &["-m", model, "-ngl", "0"],
    ];
    for args in spoken {
        let ended = answer(args);
        assert_eq!((ended.err.as_str(), ended.out.as_str(), ended.code), ("", "blue\n", Some(0)), "{args:?}");
    }
    // What cannot be done is said, whatever else is kept quiet, and once.
    for layers in [["-ngl", "10"], ["--n-gpu-layers", "all"], ["--gpu-layers", "-1"]] {
        let ended = answer(&layers);
        assert!(ended.err.starts_with("--gpu-layers: this build computes on the processor"), "{ended:?}");
        assert_eq!((ended.err.matches('\n').count(), ended.ok().as_str()), (1, "blue\n"));
    }
    assert!(ocelli(&["help", "score"]).ok().contains("Usage: ocelli score"));
    assert_eq!(ocelli(&["help"]).ok(), ocelli(&["--help"]).ok());
    let tips: [(&[&str], &str); 10] = [
        (&["serve"], "there is no server"),
        (&["list"], "models"),
        (&["show", "x"], "'ocelli inspect FILE'"),
        (&["run", "--mmproj-url", "x.gguf"], "--mmproj takes the file"),
        (&["run", "-hf", "x/y"], "'-hf' found; hint: -m takes"),
        (&["chat", "-fa", "on"], "'-fa' found; hint: there is no such switch"),
        (&["run", "-ctk", "q8_0"], "'-ctk' found; hint: --kv TYPE"),
        (&["run", "--outtype", "f16"], "it is an option of 'ocelli convert', 'ocelli quantize'"),
        (&["quantize", "a.gguf", "b.gguf", "Q4_K_M"], "the type goes behind --type"),
        (&["convert", "-ngl", "1", "a"], "there is nothing to place"),
    ];
    for (args, tip) in tips {
        let err = ocelli(args).failed(2, "usage");
        assert!(err.contains(tip), "{args:?}: {err}");
    }
}

/// A model is named the same way in every command that takes one.
#[test]
fn the_model_is_a_flag_or_the_first_argument() {
    let (dir, model) = file("m.gguf", &bundled());
    let out = dir.path().join("out.gguf").to_str().unwrap().to_owned();
    let picture = picture("blue_circle.png");
    let commands: [(&str, &[&str]); 7] = [
        ("run", &["-i", &picture, "-p", "a", "-n", "2", "-q"]),
        ("score", &["-i", &picture, "-p", "a", "-c", " b", "-q"]),
        ("inspect", &[]),
        ("tokenize", &["a blue circle"]),
        ("imatrix", &["-i", &picture, "-o", &out, "-q"]),
        ("quantize", &["-o", &out, "-q"]),
        ("quantize", &[&out, "-q"]),
    ];
    for (command, rest) in commands {
        let bare = ocelli(&[&[command, &model][..], rest].concat()).ok();
        assert_eq!(ocelli(&[&[command, "-m", &model][..], rest].concat()).ok(), bare, "{command}");
        assert_eq!(ocelli(&[&[command][..], rest, &["--model", &model]].concat()).ok(), bare, "{command}");
    }
    ocelli(&["chat", &model]).failed(1, "no-chat-template");
    let bench = ["bench", &model, "-p", "2", "-n", "1", "--repeat", "1", "-q"];
    assert!(ocelli(&bench).ok().starts_with(&format!("{model}, ")));

    // Where a command is given none it is the one of the environment, and that is no file here.
    let with = |args: &[&str]| finish(command(args).env("OCELLI_MODEL", dir.path().join("none.gguf")), "");
    for args in
        [&["run", "-p", "a"][..], &["score", "-p", "a", "-c", "b"], &["inspect"], &["tokenize", "a"], &["bench"]]
    {
        assert!(with(args).failed(1, "open").contains("none.gguf"), "{args:?}");
    }
    assert_eq!(with(&["tokenize", &model, "a"]).ok(), ocelli(&["tokenize", "a"]).ok());
    assert_eq!(finish(command(&["tokenize", "a"]).env("OCELLI_MODEL", ""), "").ok(), ocelli(&["tokenize", "a"]).ok());
}

/// `-h` is short, `--help` long, and neither has a line that a terminal of 80 columns would break.
#[test]
fn helps_in_two_lengths() {
    let at = |width: &str, args: &[&str]| finish(command(args).env("COLUMNS", width), "").ok();
    let mut commands: Vec<Vec<&str>> = COMMANDS.iter().map(|name| vec![*name]).collect();
    commands.extend([
        vec![],
        vec!["convert", "openflamingo"],
        vec!["convert", "lavis"],
        vec!["convert", "llava"],
        vec!["convert", "minigpt4"],
    ]);
    for name in commands {
        let [short, long] = ["-h", "--help"].map(|help| at("80", &[&name[..], &[help]].concat()));
        assert!(short.lines().count() < long.lines().count(), "{name:?}");
        assert!(!short.contains("EXAMPLES") && long.contains("EXAMPLES"), "{name:?}");
        for line in short.lines().chain(long.lines()) {
            assert!(line.chars().count() <= 80, "{name:?}: {line}");
        }
        // Examples, lists and shapes of JSON stand as they are written, however wide the terminal is.
        let after = |help: String| {
            let lines = help.lines().skip_while(|line| *line != "EXAMPLES").map(str::to_owned);
            lines.filter(|line| line.starts_with("  ")).collect::<Vec<_>>()
        };
        assert_eq!(after(at("100", &[&name[..], &["--help"]].concat())), after(long), "{name:?}");
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

/// What EXIF and alpha say of a picture counts where that is asked for, in every command that reads pictures.
#[test]
fn pictures_are_upright_and_on_a_background_where_asked_for() {
    let golden: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("../../../engine/tests/formats_golden.json")).unwrap();
    let bytes = |name: &str| -> Vec<u8> {
        let hex = golden.iter().find(|case| case["name"] == name).unwrap()["file"].as_str().unwrap().to_owned();
        (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
    };
    for (name, flags) in [
        ("jpeg turned 6", &["--upright"][..]),
        ("png turned 5", &["--upright"]),
        ("png alpha", &["--background", "#c86432"]),
        ("webp lossless, alpha", &["--background", "white"]),
    ] {
        let (_dir, path) = file("picture", &bytes(name));
        let sum = |more: &[&str]| {
            let args = ["score", "-i", &path, "-p", "a", "-c", " blue circle", "--json"];
            ocelli(&[&args[..], more].concat()).json()["continuations"][0]["sum"].as_f64().unwrap()
        };
        assert_ne!(sum(flags), sum(&[]), "{name}");
        ocelli(&[&["run", "-i", &path, "-p", "a", "-n", "1"], flags].concat()).ok();
    }
    let err = ocelli(&["run", "--background", "whitish"]).failed(2, "usage");
    assert!(err.contains("expected #rrggbb or one of white, black, "), "{err}");
    // The first frame of an animation and the other formats of the web.
    for name in ["webp animated", "gif animated", "bmp rgb", "tiff of two pages"] {
        let (_dir, path) = file("picture", &bytes(name));
        ocelli(&["run", "-i", &path, "-p", "a", "-n", "1", "-q"]).ok();
    }
}

#[test]
fn names_that_no_file_has_say_what_may_have_been_meant() {
    for (name, words) in [
        ("https://example.org/cat.png", "download it first"),
        ("file:///tmp/cat.png", "without 'file://'"),
        ("a.png,b.png", "give it again for each"),
    ] {
        assert!(ocelli(&["run", "-i", name, "-p", "a"]).failed(1, "open").contains(words), "{name}");
    }
    // Wherever a file or a folder is named.
    for args in [
        &["run", "-p", "a", "-m"][..],
        &["inspect"],
        &["tokenize", "a", "-m"],
        &["quantize", "-o", "out.gguf"],
        &["convert", "-o", "out.gguf"],
        &["run", "-p", "a", "--batch"],
        &["run", "-p", "a", "--shots"],
        &["run", "-f"],
        &["search", "/tmp", "--text", "a", "-m"],
    ] {
        let args = [args, &["file:///tmp/nowhere"]].concat();
        let ended = ocelli(&args);
        assert!(ended.err.contains("without 'file://'"), "{args:?}: {}", ended.err);
    }
    let (_dir, projector) = bundled_with(&[("general.architecture", "clip"), ("ocelli.family", "text")]);
    assert!(
        ocelli(&["run", "-m", &projector, "-p", "a"])
            .failed(1, "architecture")
            .contains("llama.cpp's projector (mmproj)")
    );
}
