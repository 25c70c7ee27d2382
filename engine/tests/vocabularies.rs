//! The vocabularies of real models against the vectors published with them.
//!
//! `OCELLI_MATERIALS` names a folder of vocabulary-only GGUF files, each with its texts (`X.gguf.inp`) and their ids
//! (`X.gguf.out`): llama.cpp's `models/`, as in a checkout of it or a package of its sources. Without it the test says so
//! and passes. Every file is either equal to all its vectors or refused by name.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

use ocelli_engine::tokenizer::{EncodeOptions, Tokenizer};
use ocelli_engine::{Error, Load, open_file};
use std::path::{Path, PathBuf};

/// Files that must be read; others may be refused.
const REQUIRED: [&str; 15] = [
    "bert-bge",
    "command-r",
    "deepseek-coder",
    "deepseek-llm",
    "falcon",
    "gemma-4",
    "gpt-2",
    "llama-bpe",
    "llama-spm",
    "mpt",
    "phi-3",
    "qwen2",
    "qwen35",
    "refact",
    "starcoder",
];

fn tokenizer(path: &Path) -> Result<Tokenizer, Error> {
    Tokenizer::from_gguf(&open_file(path, Load::Map)?)
}

/// Texts and ids of the vectors beside `path`, if there are any.
fn vectors(path: &Path) -> Option<Vec<(String, Vec<u32>)>> {
    let beside = |end: &str| std::fs::read_to_string(format!("{}.{end}", path.display()));
    let (texts, ids) = (beside("inp").ok()?, beside("out").ok()?);
    let texts = texts.split("\n__ggml_vocab_test__\n");
    let ids = ids.lines().map(|line| line.split_whitespace().map(|id| id.parse().unwrap()).collect());
    // The last text has no separator after it, or it has one and nothing follows.
    Some(texts.map(str::to_owned).zip(ids).collect())
}

#[test]
fn vocabularies_of_real_models() {
    let Some(folder) = std::env::var_os("OCELLI_MATERIALS").map(PathBuf::from) else {
        eprintln!("skipped: OCELLI_MATERIALS names no folder of vocabularies");
        return;
    };
    let plain = EncodeOptions { add_special: false, parse_special: false };
    let mut wrong = Vec::new();
    for name in REQUIRED {
        let path = folder.join(format!("ggml-vocab-{name}.gguf"));
        let vectors = vectors(&path).unwrap_or_default();
        let tokenizer = match tokenizer(&path) {
            Ok(tokenizer) => tokenizer,
            Err(error) => {
                eprintln!("{name}: {error}");
                wrong.push(name);
                continue;
            }
        };
        let mut equal = 0;
        for (text, ids) in &vectors {
            let got = tokenizer.encode(text, plain).unwrap();
            if got == *ids {
                equal += 1;
            } else {
                eprintln!("{name}: {text:?}\n  expected {ids:?}\n  got      {got:?}");
            }
            // What was encoded comes out again, but for what BERT leaves out of a text.
            if name != "bert-bge" {
                assert_eq!(tokenizer.decode(&got, false).unwrap(), *text, "{name}");
            }
        }
        eprintln!("{name}: {equal} of {} vectors, {} tokens", vectors.len(), tokenizer.vocab_size());
        if equal < vectors.len() || vectors.len() < 40 {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
