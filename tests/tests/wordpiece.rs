//! WordPiece against transformers' BertTokenizerFast, as `parity/wordpiece.py` recorded it, read from the keys of a Q-Former
//! beside those of a language model.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::sync::Arc;

use ocelli_engine::tokenizer::{EncodeOptions, KeySet, Tokenizer};
use ocelli_quant::gguf::{Gguf, Writer};
use ocelli_tests::golden::folder;
use serde_json::Value;

/// The special tokens come first.
const SPECIAL: usize = 5;

/// FNV-1a over the ids.
fn hash(ids: &[u32]) -> u64 {
    let bytes = ids.iter().flat_map(|id| id.to_le_bytes());
    u64::from(bytes.fold(0x811c_9dc5u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)))
}

fn file(golden: &Value, lowercase: bool) -> Arc<Gguf> {
    let tokens = golden["tokens"].as_array().unwrap().iter().map(|token| token.as_str().unwrap());
    // As files have them: what begins a word is marked, and not what goes on with one.
    let written = tokens.enumerate().map(|(id, token)| match token.strip_prefix("##") {
        _ if id < SPECIAL => token.to_owned(),
        Some(inside) => inside.to_owned(),
        None => format!("\u{2581}{token}"),
    });
    let tokens: Vec<String> = written.collect();
    let types: Vec<i32> = (0..tokens.len()).map(|id| if id < SPECIAL { 3 } else { 1 }).collect();
    let mut writer = Writer::new();
    writer
        .set("tokenizer.ggml.model", "t5")
        .set("tokenizer.ggml.tokens", vec!["<pad>".to_owned(), "</s>".to_owned(), "<unk>".to_owned()])
        .set("tokenizer.ggml.scores", vec![0.0f32; 3])
        .set("tokenizer.qformer.model", "bert")
        .set("tokenizer.qformer.tokens", tokens)
        .set("tokenizer.qformer.token_type", types)
        .set("tokenizer.qformer.unknown_token_id", 1u32)
        .set("tokenizer.qformer.cls_token_id", 2u32)
        .set("tokenizer.qformer.seperator_token_id", 3u32)
        .set("tokenizer.qformer.normalizer.lowercase", lowercase)
        .set("ocelli.tokenizer.qformer.longest_word", 100u32);
    let bytes = writer.begin(Vec::new()).unwrap().finish().unwrap();
    Arc::new(Gguf::parse(Arc::new(bytes)).unwrap())
}

#[test]
fn a_second_tokenizer_gives_the_ids_of_bert() {
    let golden: Value = serde_json::from_slice(&fs::read(folder().join("wordpiece.json")).unwrap()).unwrap();
    for (name, lowercase) in [("uncased", true), ("cased", false)] {
        let file = file(&golden, lowercase);
        let tokenizer = Tokenizer::from_gguf_at(&file, KeySet::QFormer).unwrap();
        let texts = golden["texts"].as_array().unwrap().iter().zip(golden[name].as_array().unwrap());
        let wrong: Vec<_> = texts
            .filter_map(|(text, expected)| {
                let ids = tokenizer.encode(text.as_str().unwrap(), EncodeOptions::default()).unwrap();
                (hash(&ids) != expected.as_u64().unwrap()).then_some((text, ids))
            })
            .collect();
        assert!(wrong.is_empty(), "{name}: {} texts, first {:?}", wrong.len(), wrong.first());
        // The model's own is another.
        assert_eq!(Tokenizer::from_gguf(&file).unwrap().eos(), Some(1));
    }
    let empty = Writer::new().begin(Vec::new()).unwrap().finish().unwrap();
    let refused = Tokenizer::from_gguf_at(&Gguf::parse(Arc::new(empty)).unwrap(), KeySet::QFormer).unwrap_err();
    assert!(refused.to_string().contains("tokenizer.qformer.tokens"), "{refused}");
}
