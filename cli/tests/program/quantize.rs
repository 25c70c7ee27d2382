//! `ocelli quantize` and `ocelli imatrix`, and that what they write runs.

use crate::process::{bundled, ocelli, picture};
use ocelli_tests::text_golden::TextGolden;
use std::fs;
use std::path::Path;

/// Every type but the floats, and the largest of them.
const MIXES: [&str; 15] = [
    "f16", "q8_0", "q6_k", "q5_k_m", "q5_k_s", "q5_1", "q5_0", "q4_k_m", "q4_k_s", "q4_1", "q4_0", "q3_k_l", "q3_k_m",
    "q3_k_s", "q2_k",
];

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn every_type_of_a_multimodal_model_answers() {
    let dir = tempfile::tempdir().unwrap();
    let (input, out) = (dir.path().join("in.gguf"), dir.path().join("out.gguf"));
    fs::write(&input, bundled()).unwrap();
    let picture = picture("blue_circle.png");
    for mix in MIXES {
        let summary = ocelli(&["quantize", text(&input), text(&out), "--type", mix]).ok();
        assert!(summary.contains("bits a weight"), "{summary}");
        let answer = ocelli(&["run", "-m", text(&out), "-i", &picture, "-p", "a", "-n", "2", "--json"]).json();
        assert!(!answer["ids"].as_array().unwrap().is_empty(), "{mix}: {answer}");
    }
}

#[test]
fn a_language_model_is_measured_and_quantised() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let (source, input, out, imatrix) = (at("hf"), at("in.gguf"), at("out.gguf"), at("imatrix.gguf"));
    TextGolden::load("llama").unwrap().write(&source).unwrap();
    ocelli(&["convert", text(&source), "-o", text(&input), "--type", "f32", "--quiet"]).ok();
    fs::write(at("t.txt"), "the quick brown fox jumps over the lazy dog ".repeat(20)).unwrap();
    let measure = ["imatrix", text(&input), "-o", text(&imatrix), "--chunk", "16", "--text"];
    let summary = ocelli(&[&measure[..], &[text(&at("t.txt"))]].concat()).ok();
    assert!(summary.contains("pieces of text"), "{summary}");
    let made = ocelli(&["inspect", text(&imatrix), "--json"]).json();
    assert_eq!(made["keys"]["general.type"], "imatrix");
    assert_eq!(made["keys"]["imatrix.chunk_size"], 16);
    let names: Vec<&str> = made["tensors"].as_array().unwrap().iter().filter_map(|t| t["name"].as_str()).collect();
    assert!(names.contains(&"blk.0.ffn_down.weight.in_sum2") && names.contains(&"blk.0.attn_q.weight.counts"));
    assert!(!names.iter().any(|name| name.starts_with("token_embd") || name.starts_with("output.")), "{names:?}");

    for mix in MIXES {
        let summary = ocelli(&["quantize", text(&input), text(&out), "--type", mix, "--imatrix", text(&imatrix)]).ok();
        // All but the embedding, which is looked up.
        assert!(mix == "f16" || summary.contains("1 tensor encoded without importances"), "{mix}: {summary}");
        let answer = ocelli(&["run", "-m", text(&out), "-p", "the quick", "-n", "3", "--json"]).json();
        assert!(!answer["ids"].as_array().unwrap().is_empty(), "{mix}: {answer}");
    }

    // llama.cpp's older file of the same numbers.
    let numbers = ocelli_quant::gguf::Gguf::parse(std::sync::Arc::new(fs::read(&imatrix).unwrap())).unwrap();
    let numbers = ocelli_convert::imatrix::Imatrix::read(&numbers).unwrap();
    let mut old = (numbers.entries.len() as i32).to_le_bytes().to_vec();
    for (name, columns) in &numbers.entries {
        old.extend((name.len() as i32).to_le_bytes());
        old.extend(name.as_bytes());
        for number in [columns.count as i32, columns.sums.len() as i32] {
            old.extend(number.to_le_bytes());
        }
        old.extend(columns.sums.iter().flat_map(|sum| sum.to_le_bytes()));
    }
    fs::write(at("imatrix.dat"), &old).unwrap();
    let made = [&imatrix, &at("imatrix.dat")].map(|file| {
        ocelli(&["quantize", text(&input), text(&out), "--type", "q4_0", "--imatrix", text(file), "-q"]).ok();
        let out = ocelli_quant::gguf::Gguf::parse(std::sync::Arc::new(fs::read(&out).unwrap())).unwrap();
        out.tensors().iter().flat_map(|tensor| out.data(tensor).to_vec()).collect::<Vec<u8>>()
    });
    assert!(made[0] == made[1]);
    fs::write(at("imatrix.dat"), &old[..old.len() - 1]).unwrap();
    let cut = at("imatrix.dat");
    let cut = ocelli(&["quantize", text(&input), text(&out), "--imatrix", text(&cut)]).failed(1, "imatrix");
    assert!(cut.contains("imatrix.dat"), "{cut}");

    let bad = |args: &[&str], exit, code| ocelli(&[&["quantize", text(&input)], args].concat()).failed(exit, code);
    bad(&[text(&input)], 1, "output-unfit");
    bad(&[text(&out), "--no-clobber"], 1, "output-exists");
    bad(&[text(&at("o.gguf")), "--imatrix", text(&input)], 1, "imatrix");
    let unknown = ocelli(&["quantize", text(&input), text(&out), "--type", "q9_z"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.err.contains("q4_k_m") && unknown.err.contains("q9_z"), "{unknown:?}");
    let unknown = ocelli(&["quantize", text(&input), text(&out), "--tensor-type", "*=q9"]);
    assert!(unknown.code == Some(2) && unknown.err.contains("q6_k"), "{unknown:?}");
    assert!(!at("o.gguf").exists());
}

#[test]
fn pictures_measure_the_tower() {
    let dir = tempfile::tempdir().unwrap();
    let (input, imatrix) = (dir.path().join("in.gguf"), dir.path().join("imatrix.gguf"));
    fs::write(&input, bundled()).unwrap();
    let picture = picture("blue_circle.png");
    ocelli(&["imatrix", text(&input), "-o", text(&imatrix), "-i", &picture, "-p", "a", "--process-output"]).ok();
    let made = ocelli(&["inspect", text(&imatrix), "--json"]).json();
    let names: Vec<&str> = made["tensors"].as_array().unwrap().iter().filter_map(|t| t["name"].as_str()).collect();
    for name in ["v.blk.0.ffn_up.weight.in_sum2", "blk.0.ffn_up.weight.in_sum2", "token_embd.weight.in_sum2"] {
        assert!(names.contains(&name), "{name} not in {names:?}");
    }
    assert_eq!(ocelli(&["imatrix", text(&input), "-o", "x.gguf"]).code, Some(2));
}
