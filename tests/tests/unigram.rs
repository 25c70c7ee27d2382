//! Unigram tokenizers, converted and run: the ids of the sentencepiece library, of the classes around it and of the
//! `tokenizers` library, as `parity/unigram.py` recorded them.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use ocelli_convert::{Options, convert};
use ocelli_engine::tokenizer::{EncodeOptions, TokenKind, Tokenizer};
use ocelli_quant::TensorType::F32;
use ocelli_quant::gguf::Gguf;
use ocelli_tests::checkpoint::{Dtype, write_weights};
use ocelli_tests::golden::folder;
use serde_json::{Value, json};

static GOLDEN: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_slice(&fs::read(folder().join("unigram.json")).unwrap()).unwrap());

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ocelli-unigram-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.0.join(name), content).unwrap();
    }

    /// A LLaMA of one narrow layer around the tokenizer, converted.
    fn converted(&self, rows: usize) -> (Arc<Gguf>, Vec<String>) {
        let config = json!({
            "model_type": "llama", "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1,
            "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": rows, "max_position_embeddings": 64,
            "tie_word_embeddings": true,
        });
        self.write("config.json", config.to_string());
        let layer = |name: &str, shape: &[usize]| (format!("model.layers.0.{name}.weight"), shape.to_vec());
        let mut tensors = vec![
            ("model.embed_tokens.weight".to_owned(), vec![rows, 32]),
            ("model.norm.weight".to_owned(), vec![32]),
            layer("self_attn.q_proj", &[32, 32]),
            layer("self_attn.k_proj", &[16, 32]),
            layer("self_attn.v_proj", &[16, 32]),
            layer("self_attn.o_proj", &[32, 32]),
            layer("mlp.gate_proj", &[32, 32]),
            layer("mlp.up_proj", &[32, 32]),
            layer("mlp.down_proj", &[32, 32]),
            layer("input_layernorm", &[32]),
            layer("post_attention_layernorm", &[32]),
        ];
        tensors.sort();
        write_weights(&self.0, 1, &tensors, Dtype::F32, None, &|_, _| ()).unwrap();
        let out = self.0.join("out.gguf");
        let report = convert(&self.0, &out, &Options::new(F32), &()).unwrap();
        (Arc::new(Gguf::parse(Arc::new(fs::read(&out).unwrap())).unwrap()), report.notes)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn base64(text: &str) -> Vec<u8> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let mut out = Vec::new();
    let (mut bits, mut held) = (0u32, 0);
    for c in text.trim_end_matches('=').bytes() {
        bits = bits << 6 | u32::from(digit(c));
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    out
}

/// FNV-1a over the ids.
fn hash(ids: &[u32]) -> u64 {
    let bytes = ids.iter().flat_map(|id| id.to_le_bytes());
    u64::from(bytes.fold(0x811c_9dc5u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)))
}

/// What differs from the recorded ids, in words.
fn complain(name: &str, tokenizer: &Tokenizer, texts: &str, recorded: &Value, options: EncodeOptions) -> String {
    let texts = GOLDEN[texts].as_array().unwrap();
    let recorded = recorded.as_array().unwrap();
    assert_eq!(texts.len(), recorded.len());
    let mut wrong = Vec::new();
    for (text, expected) in texts.iter().zip(recorded) {
        let text = text.as_str().unwrap();
        let ids = tokenizer.encode(text, options).unwrap();
        if hash(&ids) != expected.as_u64().unwrap() {
            let pieces = ids.iter().map(|&id| String::from_utf8_lossy(tokenizer.token_bytes(id).unwrap()).into_owned());
            wrong.push(format!("  {text:?} -> {:?}\n", pieces.collect::<Vec<_>>()));
        }
    }
    if wrong.is_empty() {
        return String::new();
    }
    format!("{name}: {} texts differ\n{}", wrong.len(), wrong.into_iter().take(6).collect::<String>())
}

#[test]
fn spiece_model_alone_gives_the_ids_of_sentencepiece() {
    let mut complaints = String::new();
    for (name, recorded) in GOLDEN["library"].as_object().unwrap() {
        let scratch = Scratch::new(name);
        scratch.write("spiece.model", base64(GOLDEN["models"][name].as_str().unwrap()));
        scratch.write("tokenizer_config.json", json!({"tokenizer_class": "T5Tokenizer", "extra_ids": 0}).to_string());
        let (gguf, notes) = scratch.converted(GOLDEN["pieces"][name].as_u64().unwrap() as usize);
        assert!(notes.iter().all(|note| !note.contains("token")), "{name}: {notes:?}");
        assert_eq!(gguf.str("tokenizer.ggml.model").unwrap(), Some("t5"));
        let tokenizer = Tokenizer::from_gguf(&gguf).unwrap();
        // The library by itself reads no control tokens.
        let options = EncodeOptions { add_special: false, parse_special: false };
        complaints += &complain(name, &tokenizer, "texts", recorded, options);
    }
    assert!(complaints.is_empty(), "{complaints}");
}

#[test]
fn spiece_model_gives_the_ids_of_the_class_around_it() {
    let mut complaints = String::new();
    for (name, golden) in GOLDEN["slow"].as_object().unwrap() {
        let scratch = Scratch::new(&format!("slow-{name}"));
        scratch.write("spiece.model", base64(GOLDEN["models"]["rules"].as_str().unwrap()));
        scratch.write("tokenizer_config.json", golden["config"].to_string());
        let pieces = GOLDEN["pieces"]["rules"].as_u64().unwrap() as usize;
        // T5's tables have rows behind the last token.
        let (gguf, notes) = scratch.converted(pieces + 18);
        assert!(notes.iter().all(|note| !note.contains("token")), "{name}: {notes:?}");
        let tokenizer = Tokenizer::from_gguf(&gguf).unwrap();
        let id = |text: &str| tokenizer.find(text).map(|id| id as usize);
        assert_eq!((id("<extra_id_0>"), id("<extra_id_9>")), (Some(pieces + 9), Some(pieces)));
        assert_eq!(
            (tokenizer.pad(), tokenizer.eos(), tokenizer.unk(), tokenizer.bos()),
            (Some(0), Some(1), Some(2), None)
        );
        assert_eq!(tokenizer.kind(pieces as u32 + 10), Some(TokenKind::Unused));
        complaints += &complain(name, &tokenizer, "common", &golden["ids"], EncodeOptions::default());
    }
    assert!(complaints.is_empty(), "{complaints}");
}

#[test]
fn tokenizer_json_gives_the_ids_of_the_tokenizers_library() {
    let mut complaints = String::new();
    for (name, golden) in GOLDEN["fast"].as_object().unwrap() {
        let scratch = Scratch::new(&format!("fast-{name}"));
        let mut file = golden["tokenizer.json"].clone();
        file["model"]["vocab"] = GOLDEN["vocab"].clone();
        let added = file["added_tokens"].as_array().unwrap().iter().map(|token| token["id"].as_u64().unwrap());
        let rows = added.max().unwrap().max(GOLDEN["vocab"].as_array().unwrap().len() as u64) as usize + 1;
        scratch.write("tokenizer.json", file.to_string());
        let (gguf, _) = scratch.converted(rows);
        let tokenizer = Tokenizer::from_gguf(&gguf).unwrap();
        assert_eq!((tokenizer.eos(), tokenizer.unk(), tokenizer.bos()), (Some(1), Some(2), None));
        complaints += &complain(name, &tokenizer, "common", &golden["ids"], EncodeOptions::default());
    }
    assert!(complaints.is_empty(), "{complaints}");
}

/// Decoding undoes what encoding did to blanks, all at once and in a stream.
#[test]
fn text_comes_back() {
    let scratch = Scratch::new("back");
    scratch.write("spiece.model", base64(GOLDEN["models"]["rules"].as_str().unwrap()));
    let (gguf, _) = scratch.converted(GOLDEN["pieces"]["rules"].as_u64().unwrap() as usize + 100);
    let tokenizer = Tokenizer::from_gguf(&gguf).unwrap();
    for text in ["", "a photo of two cats", "what is this? an oﬃce ...", "Größe, façade: déjà vu.", "日本"] {
        let ids = tokenizer.encode(text, EncodeOptions::default()).unwrap();
        assert_eq!(ids.last(), Some(&1), "{text:?}");
        let expected = text.replace("oﬃce", "office").replace('ß', "ss").replace("日本", "");
        assert_eq!(tokenizer.decode(&ids, true).unwrap(), expected, "{ids:?}");
        let mut stream = tokenizer.stream(true);
        let mut pieces = String::new();
        for id in ids {
            pieces.push_str(stream.push(&tokenizer, id).unwrap());
        }
        pieces.push_str(stream.flush());
        assert_eq!(pieces, expected);
    }
}
