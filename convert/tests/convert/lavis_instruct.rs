//! LAVIS' InstructBLIP checkpoints: each becomes the file that the same weights in the layout of transformers become, but for
//! what LAVIS' own code has otherwise; and what is refused.

use std::collections::BTreeSet;

use ocelli_quant::gguf::{Gguf, MetaValue};
use serde_json::{Value, json};

use crate::lavis::{EPSILON, Pair, Parts, Q, ROWS, number, second_stage, words};
use crate::{t5, text};

/// Rows of the language models' tables, of which the tokenizer's tokens take 265.
const TOKENS: u64 = 265;

/// Adds what an instruction is read by, in both layouts.
fn instructed(mut parts: Parts) -> Parts {
    parts.hf.config["model_type"] = json!("instructblip");
    // What transformers' conversion of these checkpoints wrote.
    for part in ["weight", "bias"] {
        let norm = parts.hf.tensors.remove(&format!("qformer.layernorm.{part}")).unwrap();
        parts.hf.tensors.insert(format!("qformer.embeddings.layernorm.{part}"), norm);
    }
    let mut pair = Pair(&mut parts.hf, &mut parts.checkpoint);
    for (table, rows) in [("word_embeddings.weight", ROWS), ("position_embeddings.weight", 20)] {
        pair.add(&format!("qformer.embeddings.{table}"), &format!("Qformer.bert.embeddings.{table}"), &[rows, Q]);
    }
    parts.checkpoint.add("Qformer.bert.embeddings.position_ids", &[1, 20]);
    let vocabulary = words()["vocab.txt"].clone() + "[DEC]\n";
    parts.hf.files.insert("qformer_tokenizer/vocab.txt".to_owned(), vocabulary);
    let names = json!({"bos_token": "[DEC]"}).to_string();
    parts.hf.files.insert("qformer_tokenizer/tokenizer_config.json".to_owned(), names);
    parts.tokenizer = Some(words());
    parts
}

fn flan() -> Parts {
    let language = t5::model(&json!({"feed_forward_proj": "gated-gelu", "tie_word_embeddings": false}));
    let mut parts = instructed(second_stage(language, "t5_proj", t5::WIDTH, true));
    parts.hf.config["text_config"]["dense_act_fn"] = json!("gelu");
    parts
}

/// Its tokenizer is the one that LLaMA has; transformers' has been saved with the names that LAVIS gives.
fn vicuna() -> Parts {
    let language = text::model("llama");
    let mut parts = instructed(second_stage(language, "llm_proj", text::TEXT_WIDTH, true));
    let mut saved: Value = serde_json::from_str(&parts.hf.files["tokenizer.json"]).unwrap();
    saved["post_processor"]["single"][0]["SpecialToken"]["id"] = json!("</s>");
    let added = json!({"id": TOKENS, "content": "[PAD]", "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false, "special": true});
    saved["added_tokens"].as_array_mut().unwrap().push(added);
    parts.hf.files.insert("tokenizer.json".to_owned(), saved.to_string());
    let names = json!({"bos_token": "</s>", "eos_token": "</s>", "unk_token": "</s>", "pad_token": "[PAD]"});
    parts.hf.files.insert("tokenizer_config.json".to_owned(), names.to_string());
    parts
}

fn set(file: &Gguf, key: &str) -> Option<String> {
    file.get(key).map(|value| format!("{:?}", MetaValue::from(value)))
}

/// What LAVIS' own code has otherwise, beside the settings of its `generate`.
fn own(differ: &BTreeSet<String>) -> Vec<&str> {
    let settings = ["ocelli.generation.", "general.sampling."];
    differ.iter().map(String::as_str).filter(|key| !settings.iter().any(|start| key.starts_with(start))).collect()
}

#[test]
fn instructblip_is_that_of_transformers() {
    for (parts, least) in [(vicuna(), Some(1)), (flan(), None)] {
        let (file, report, differ) = parts.compare();
        assert_eq!(own(&differ), [EPSILON, "ocelli.qformer.truncation_length"]);
        assert_eq!(file.str("ocelli.family").unwrap(), Some("instructblip"));
        assert_eq!(number(&file, "ocelli.qformer.truncation_length"), Some(128));
        for (key, wanted) in [("num_beams", Some(5)), ("max_new_tokens", Some(256)), ("min_new_tokens", least)] {
            assert_eq!(number(&file, &format!("ocelli.generation.{key}")), wanted, "{key}");
        }
        assert_eq!(file.f32("ocelli.generation.repetition_penalty").unwrap(), Some(1.5));
        let alone = set(&file, "ocelli.generation.penalises_prompt");
        assert_eq!(alone.is_some(), least.is_some(), "{alone:?}");
        assert!(report.skipped.iter().any(|name| name.ends_with("position_ids")), "{:?}", report.skipped);
        let tokens = file.strings("tokenizer.qformer.tokens").unwrap().unwrap();
        assert_eq!(tokens.get(ROWS as usize - 1), Some("[DEC]"));
    }
}

/// `[PAD]` has a row only where there is one behind the tokens. Nothing is read or written with it.
#[test]
fn vicunas_padding_may_have_no_row() {
    let mut parts = vicuna();
    for model in [&mut parts.hf, parts.language.as_mut().unwrap()] {
        for (name, tensor) in &mut model.tensors {
            if name.ends_with("embed_tokens.weight") {
                tensor.shape[0] = TOKENS;
                tensor.data.truncate((TOKENS * text::TEXT_WIDTH) as usize);
            }
        }
    }
    parts.language.as_mut().unwrap().config["vocab_size"] = json!(TOKENS);
    parts.hf.config["text_config"]["vocab_size"] = json!(TOKENS);
    let (file, report, differ) = parts.compare();
    assert_eq!(own(&differ), [EPSILON, "ocelli.qformer.truncation_length"]);
    assert!(file.get("tokenizer.ggml.padding_token_id").is_none());
    for key in ["bos", "eos", "unknown"] {
        assert_eq!(number(&file, &format!("tokenizer.ggml.{key}_token_id")), Some(2), "{key}");
    }
    assert!(report.notes.iter().any(|note| note.contains("'[PAD]' has id 265")), "{:?}", report.notes);
    // Where the language model was trained along, its table has the row and the checkpoint says so.
    let mut whole = vicuna();
    let language = whole.language.as_mut().unwrap();
    for (name, tensor) in language.tensors.clone() {
        whole.checkpoint.tensors.insert(format!("llm_model.{name}"), tensor);
    }
    let table = language.tensors.get_mut("model.embed_tokens.weight").unwrap();
    table.shape[0] = TOKENS;
    table.data.truncate((TOKENS * text::TEXT_WIDTH) as usize);
    language.config["vocab_size"] = json!(TOKENS);
    let (file, report, differ) = whole.compare();
    assert_eq!(own(&differ), [EPSILON, "ocelli.qformer.truncation_length"]);
    assert_eq!(number(&file, "tokenizer.ggml.padding_token_id"), Some(TOKENS as u32));
    assert!(report.notes.iter().any(|note| note.contains("trained along")), "{:?}", report.notes);
}

/// The names are the model's makers' whatever the files say, older files and `tokenizer.json` alike.
#[test]
fn vicunas_tokens_have_lavis_names() {
    let keys =
        ["bos_token_id", "eos_token_id", "unknown_token_id", "padding_token_id", "add_bos_token", "add_eos_token"];
    let of = |parts: &Parts| {
        let (file, _) = parts.convert().unwrap();
        keys.map(|key| set(&file, &format!("tokenizer.ggml.{key}")))
    };
    let wanted = of(&vicuna());
    let two = Some("U32(2)".to_owned());
    assert_eq!(wanted[..3], [two.clone(), two.clone(), two]);
    let switch = |on: bool| Some(format!("Bool({on})"));
    assert_eq!(wanted[4..], [switch(true), switch(false)]);
    for names in [
        json!({"tokenizer_class": "LlamaTokenizer", "legacy": true, "pad_token": "<unk>", "bos_token": "<s>"}),
        json!({"added_tokens_decoder": {}, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}),
    ] {
        let mut parts = vicuna();
        let files = &mut parts.language.as_mut().unwrap().files;
        files.insert("tokenizer_config.json".to_owned(), names.to_string());
        assert_eq!(of(&parts), wanted, "{names}");
    }
}

/// LAVIS has models with Vicuna whose Q-Former reads no text; BLIP-2's files with it are read as what they are.
#[test]
fn without_words_it_is_blip2() {
    let parts = second_stage(text::model("llama"), "llm_proj", text::TEXT_WIDTH, false);
    let (file, _) = parts.convert().unwrap();
    assert_eq!(file.str("ocelli.family").unwrap(), Some("blip2"));
    assert_eq!(number(&file, "ocelli.generation.max_new_tokens"), Some(256));
    assert!(file.get("tokenizer.qformer.tokens").is_none() && file.get("ocelli.qformer.truncation_length").is_none());
}

#[test]
fn what_is_missing_is_named() {
    let mut parts = vicuna();
    parts.tokenizer = None;
    parts.fails("part_missing", &["trained.pth", "--tokenizer", "bert-base-uncased"]);
    parts.language = None;
    parts.fails("part_missing", &["llm_proj.weight", "--language", "vicuna-7b"]);
    parts.language = flan().language;
    parts.fails("lavis_language", &["llm_proj.weight", "Vicuna", "t5"]);
    let missing = "Qformer.bert.encoder.layer.3.output.dense.bias";
    let mut parts = flan();
    parts.checkpoint.tensors.remove(missing).unwrap();
    parts.fails("missing_tensors", &[missing]);
    let positions = "Qformer.bert.embeddings.position_embeddings.weight";
    let mut parts = flan();
    parts.checkpoint.tensors.remove(positions).unwrap();
    parts.fails("missing_tensors", &[positions]);
}
