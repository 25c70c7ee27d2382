//! `ocelli bench`: that it measures, not how fast anything is.

use crate::process::{ocelli, picture};
use serde_json::Value;

#[track_caller]
fn is_positive(value: &Value) {
    assert!(value.as_f64().is_some_and(|v| v > 0.0), "{value}");
}

#[track_caller]
fn is_summary(of: &Value, name: &str) {
    let [least, median, most] = ["least", name, "most"].map(|key| of[key].as_f64().expect(key));
    assert!(least > 0.0 && least <= median && median <= most, "{of}");
}

#[test]
fn json_has_every_figure() {
    let args = ["bench", "--json", "-q", "-p", "8", "-n", "4", "-d", "3,0", "--repeat", "2", "--threads", "1"];
    let ended = ocelli(&args);
    assert_eq!(ended.err, "");
    let json = ended.json();
    assert_eq!((&json["model"], &json["threads"]), (&"bundled model".into(), &1.into()));
    assert!(json["isa"].is_string());
    for name in ["prefill", "decode"] {
        is_summary(&json[name], "tokens_per_second");
    }
    for name in ["prepare", "encode", "bridge", "load", "first_token"] {
        is_summary(&json[name], "milliseconds");
    }
    assert_eq!((&json["prefill"]["tokens"], &json["decode"]["tokens"]), (&8.into(), &4.into()));
    assert_eq!(json["decode"]["depth"], 0);
    let deep = json["decode_at_depth"].as_array().unwrap();
    assert_eq!(deep.len(), 1, "0 is there already");
    assert_eq!(deep[0]["depth"], 3);
    is_summary(&deep[0], "tokens_per_second");
    assert_eq!(deep[0]["weight_bytes"], json["decode"]["weight_bytes"]);
    assert!(deep[0]["cache_bytes"].as_u64() > json["decode"]["cache_bytes"].as_u64(), "{json}");
    for name in ["stream_gb_per_second", "int8_gop_per_second", "f32_gflop_per_second"] {
        is_positive(&json["limits"][name]);
    }
    is_positive(&json["shares"]["decode"]);
    is_positive(&json["shares"]["decode_at_depth"][0]);
    #[cfg(target_os = "linux")]
    for name in ["anonymous", "file", "peak"] {
        is_positive(&json["memory"][name]);
    }
    // The share is what it says.
    let number = |of: &Value, name: &str| of[name].as_f64().unwrap();
    let bytes = number(&json["decode"], "weight_bytes") + number(&json["decode"], "cache_bytes");
    let speed = number(&json["decode"], "tokens_per_second");
    let share = bytes * speed / 1e9 / number(&json["limits"], "stream_gb_per_second");
    assert!((share / number(&json["shares"], "decode") - 1.0).abs() < 0.01, "{share}: {json}");
}

#[test]
fn the_table_says_what_was_cut_to_fit() {
    let image = picture("blue_circle.png");
    let ended = ocelli(&["bench", "--repeat", "1", "-n", "2", "--context", "40", "--image", &image]);
    assert!(ended.err.contains("prefill of 40 instead of 512 tokens"), "{ended:?}");
    let table = ended.ok();
    for words in ["| prefill, 40 tokens", "| decode, 2 tokens ", "| encode a picture", " share of the read", "memory: "]
    {
        assert!(table.contains(words), "{words}: {table}");
    }
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 8 && rows.iter().all(|row| row.chars().count() == 80), "{table}");
}

#[test]
fn what_was_asked_for_is_not_cut() {
    let args = ["bench", "--repeat", "1", "--context", "16"];
    for more in [&["-p", "17"][..], &["-d", "15", "-n", "2"]] {
        ocelli(&[&args[..], more].concat()).failed(1, "context-full");
    }
    ocelli(&["bench", "--repeat", "0"]).code.filter(|&code| code == 2).unwrap();
}
