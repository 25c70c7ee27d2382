//! `ocelli convert`, and that what it writes runs.

use crate::process::{ocelli, picture};
use ocelli_tests::golden::Golden;
use ocelli_tests::mixed_golden::MixedGolden;
use std::fs;

#[test]
fn a_checkpoint_becomes_a_model_that_runs() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("hf");
    Golden::load("default").unwrap().write(&source).unwrap();
    let source = source.to_str().unwrap();
    let path = dir.path().join("out.gguf");
    let out = path.to_str().unwrap();
    let text = ocelli(&["convert", source, "-o", out, "--type", "f16"]).ok();
    assert!(text.contains(out) && text.contains("tensors"), "{text}");
    assert_eq!(ocelli(&["inspect", out, "--json"]).json()["family"], "blip2");
    let picture = picture("blue_circle.png");
    let answer = ocelli(&["run", "-m", out, "-i", &picture, "-p", "a", "-n", "4", "--json"]).json();
    assert!(!answer["ids"].as_array().unwrap().is_empty(), "{answer}");

    let before = fs::read(&path).unwrap();
    ocelli(&["convert", source, "-o", out, "--no-clobber"]).failed(1, "output-exists");
    assert!(fs::read(&path).unwrap() == before, "nothing changed");
    let silent = ocelli(&["convert", source, "-o", out, "--quiet"]);
    assert_eq!((silent.code, silent.out.as_str(), silent.err.as_str()), (Some(0), "", ""));
    assert!(fs::read(&path).unwrap() != before, "q8_0 replaced f16");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "no part file is left");
}

#[test]
fn settings_that_are_not_understood_end_the_conversion_unless_they_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("hf");
    Golden::load("default").unwrap().write(&source).unwrap();
    let config = source.join("config.json");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replacen('{', "{\"my_note\": 1, \"my_other\": {\"a\": 2},", 1)).unwrap();
    let (source, out) = (source.to_str().unwrap(), dir.path().join("out.gguf"));
    let convert = ["convert", source, "-o", out.to_str().unwrap()];
    let err = ocelli(&convert).failed(1, "unknown-settings");
    assert!(
        err.contains("my_note = 1; config.json: my_other = {\"a\":2}") && err.contains("--ignore-setting"),
        "{err}"
    );
    let err = ocelli(&[&convert[..], &["--ignore-setting", "my_note"]].concat()).failed(1, "unknown-settings");
    assert!(!err.contains("my_note") && !out.exists(), "{err}");
    let named = ["--ignore-setting", "my_note", "--ignore-setting", "my_other"];
    let said = ocelli(&[&convert[..], &named[..]].concat()).ok();
    assert!(said.contains("my_note = 1: ignored, as asked for") && said.contains("my_other"), "{said}");
}

#[test]
fn sources_that_are_none_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.gguf");
    let out = out.to_str().unwrap();
    ocelli(&["convert", "/nowhere", "-o", out]).failed(1, "source-not-a-directory");
    let err = ocelli(&["convert", dir.path().to_str().unwrap(), "-o", out]).failed(1, "file-missing");
    assert!(err.contains("config.json"), "{err}");
    fs::write(dir.path().join("config.json"), r#"{"model_type": "marigold"}"#).unwrap();
    let err = ocelli(&["convert", dir.path().to_str().unwrap(), "-o", out]).failed(1, "unknown-family");
    assert!(err.contains("marigold"), "{err}");
    assert!(!fs::exists(out).unwrap());
}

#[test]
fn parts_that_lie_apart_become_a_model_that_runs() {
    let dir = tempfile::tempdir().unwrap();
    let parts = MixedGolden::load("flamingo", "open_mosaic").unwrap().write_parts(dir.path()).unwrap();
    let [adapter, language, vision] =
        [&parts.adapter, &parts.language, &parts.vision].map(|path| path.to_str().unwrap());
    let out = dir.path().join("out.gguf");
    let out = out.to_str().unwrap();
    let flags = ["--adapter", adapter, "--language", language, "--vision", vision, "-o", out, "--type", "f16"];
    let text = ocelli(&[&["convert", "openflamingo"], &flags[..]].concat()).ok();
    assert!(text.contains(out) && text.contains("tensors"), "{text}");
    assert_eq!(ocelli(&["inspect", out, "--json"]).json()["family"], "flamingo");
    let picture = picture("blue_circle.png");
    let answer = ocelli(&["run", "-m", out, "-i", &picture, "-p", "Output:", "-n", "4", "--json"]).json();
    assert!(!answer["ids"].as_array().unwrap().is_empty(), "{answer}");

    // Demonstrations are worded as OpenFlamingo's evaluation words them.
    let shots = dir.path().join("shots.jsonl");
    fs::write(&shots, serde_json::json!({ "image": picture, "text": "a cat" }).to_string()).unwrap();
    let score = |more: &[&str]| ocelli(&[&["score", "-m", out, "--json", "-c", "a dog"], more].concat()).json();
    let typed = "<image>Output:a cat<|endofchunk|>\n<image>Output:";
    assert_eq!(
        score(&["-i", &picture, "--shots", shots.to_str().unwrap()]),
        score(&["-i", &picture, "-i", &picture, "-p", typed])
    );

    ocelli(&[&["convert", "openflamingo"], &flags[..], &["--no-clobber"]].concat()).failed(1, "output-exists");
    let err = ocelli(&[
        "convert",
        "openflamingo",
        "--adapter",
        vision,
        "--language",
        language,
        "--vision",
        vision,
        "-o",
        out,
    ]);
    err.failed(1, "read");
    let lavis = ["convert", "lavis", "--checkpoint", adapter];
    ocelli(&[&lavis[..], &["-o", out]].concat()).failed(1, "no-lavis-checkpoint");
    for usage in [
        &["convert"][..],
        &["convert", "openflamingo", "-o", out],
        &["convert", "lavis", "-o", out],
        &lavis,
        &["convert", language],
    ] {
        assert_eq!(ocelli(usage).code, Some(2), "{usage:?}");
    }
    let help = ocelli(&["convert", "openflamingo", "--help"]).ok();
    assert!(help.contains("EXAMPLES") && help.contains("checkpoint.pt"), "{help}");
}
