//! `ocelli convert`, and that what it writes runs.

use crate::process::{ocelli, picture};
use ocelli_tests::golden::Golden;
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
