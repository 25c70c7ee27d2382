//! `ocelli tokenize`.

use crate::process::{ocelli, ocelli_with_input};
use serde_json::Value;

fn ids(json: &Value) -> Vec<String> {
    json.as_array().unwrap().iter().map(|t| t["id"].to_string()).collect()
}

#[test]
fn every_form_says_the_same() {
    let text = "Question: what is\tthis? \u{e9}";
    let json = ocelli(&["tokenize", "--json", text]).json();
    let ids = ids(&json);
    assert_eq!(ocelli(&["tokenize", "--ids", text]).ok().trim_end(), ids.join(" "));
    assert_eq!(ocelli_with_input(&["tokenize", "--ids", "-"], text).ok().trim_end(), ids.join(" "));
    let lines = ocelli(&["tokenize", text]).ok();
    assert_eq!(lines.lines().map(|l| l.split_whitespace().next().unwrap()).collect::<Vec<_>>(), ids);
    assert!(lines.contains("\\xc3") && lines.contains("\" what\""), "{lines}");
}

#[test]
fn special_tokens_can_be_left_out() {
    let with = ids(&ocelli(&["tokenize", "--json", "a b"]).json());
    let without = ids(&ocelli(&["tokenize", "--json", "--no-special", "a b"]).json());
    assert_eq!(with[1..], without[..]);
    assert_eq!(ocelli(&["tokenize", "--ids", "--no-special", ""]).ok(), "\n");
}

#[test]
fn decoding_is_the_reverse() {
    let text = "a photo, na\u{ef}vely \u{1f600}";
    let ids = ids(&ocelli(&["tokenize", "--json", "--no-special", text]).json());
    let mut args = vec!["tokenize", "--decode"];
    args.extend(ids.iter().map(String::as_str));
    assert_eq!(ocelli(&args).ok(), format!("{text}\n"));
    args.push("--json");
    assert_eq!(ocelli(&args).json()["text"], text);
    ocelli(&["tokenize", "--decode", "4000000"]).failed(1, "tokenizer");
}
