//! `ocelli eval merge`: what belongs together is what was asked of the same questions.

use crate::eval::{made, zoo};
use crate::process::ocelli;
use serde_json::json;
use std::path::Path;

/// The made-up folder with the same questions once more in another order, and captions.
fn twice(folder: &Path) -> String {
    let data = made(folder);
    let splits = json!({
        "train": ["1", "2"],
        "test": ["3", "4", "5", "6", "7", "8"],
        "minitest": ["8", "7", "6", "5", "4", "3"],
    });
    std::fs::write(folder.join("pid_splits.json"), splits.to_string()).unwrap();
    std::fs::write(folder.join("captions.json"), json!({ "captions": { "7": "A circle." } }).to_string()).unwrap();
    data
}

#[test]
fn parts_of_other_questions_are_refused() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (data, elsewhere) = (twice(dir.path()), twice(other.path()));
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (model, captions) = (zoo("tiny-flamingo.gguf"), path("captions.json"));
    let part = |name: &str, data: &str, shard: &str, more: &[&str]| {
        let out = path(name);
        let args =
            ["eval", "scienceqa", "-m", &model, "--data", data, "--shard", shard, "--out", &out, "-n", "2", "-q"];
        ocelli(&[&args[..], more].concat()).ok();
        out
    };
    let merged = path("merged.jsonl");
    let merge = |one: &str, other: &str| ocelli(&["eval", "merge", one, other, "--out", &merged, "--json"]);
    let first = part("first.jsonl", &data, "1/2", &["--shot-ids", "2"]);
    for (name, more) in [
        ("shots", &["--shot-ids", "1"][..]),
        ("split", &["--shot-ids", "2", "--split", "minitest"]),
        ("images", &["--shot-ids", "2", "--no-images"]),
        ("captions", &["--shot-ids", "2", "--captions", &captions]),
    ] {
        let second = part(&format!("{name}.jsonl"), &data, "2/2", more);
        let refused = merge(&first, &second);
        assert!(refused.code == Some(1) && refused.err.contains("of another run than"), "{name}: {refused:?}");
    }
    // The same questions from a folder that is somewhere else.
    let second = part("second.jsonl", &elsewhere, "2/2", &["--shot-ids", "2"]);
    assert_eq!(merge(&first, &second).json()["n"], 6);
    // Another answer to the same question.
    let problems = std::fs::read_to_string(other.path().join("problems.json")).unwrap();
    let changed = problems.replacen("\"answer\":2", "\"answer\":1", 8);
    assert_ne!(problems, changed);
    std::fs::write(other.path().join("problems.json"), changed).unwrap();
    let second = part("answers.jsonl", &elsewhere, "2/2", &["--shot-ids", "1"]);
    let first = part("again.jsonl", &data, "1/2", &["--shot-ids", "1"]);
    merge(&first, &second).failed(1, "merge");
}
