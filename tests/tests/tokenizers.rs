//! Tokenizer files of many makes, converted and run: the ids of the originals, as `parity/tokenizers_around.py` recorded them.

#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use ocelli_convert::{Options, Report, convert};
use ocelli_engine::chat::{ChatTemplate, Message};
use ocelli_engine::tokenizer::{EncodeOptions, Tokenizer, special_tokens};
use ocelli_engine::{Engine, Item, Model, Prompt};
use ocelli_quant::TensorType::F32;
use ocelli_quant::gguf::{Gguf, Writer};
use ocelli_tests::checkpoint::{Dtype, write_weights};
use ocelli_tests::golden::folder;
use serde_json::{Value, json};

static GOLDEN: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_slice(&fs::read(folder().join("tokenizers_around.json")).unwrap()).unwrap());

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ocelli-tokenizers-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A LLaMA of one narrow layer around a tokenizer, converted.
fn converted(dir: &Path, rows: usize) -> (Arc<Gguf>, Report) {
    let config = json!({
        "model_type": "llama", "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1,
        "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": rows, "max_position_embeddings": 64,
        "tie_word_embeddings": true,
    });
    fs::write(dir.join("config.json"), config.to_string()).unwrap();
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
    write_weights(dir, 1, &tensors, Dtype::F32, None, &|_, _| ()).unwrap();
    let out = dir.join("out.gguf");
    let report = convert(dir, &out, &Options::new(F32), &()).unwrap();
    (Arc::new(Gguf::parse(Arc::new(fs::read(&out).unwrap())).unwrap()), report)
}

/// The texts of a golden; the formula is the script's.
fn texts(seed: u64) -> Vec<String> {
    let fragments: Vec<&str> = GOLDEN["fragments"].as_array().unwrap().iter().map(|f| f.as_str().unwrap()).collect();
    let mut state = u32::try_from(seed).unwrap();
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as usize
    };
    let mut texts = vec![String::new()];
    while texts.len() < GOLDEN["texts"].as_u64().unwrap() as usize {
        let parts = 1 + next() % 9;
        texts.push((0..parts).map(|_| fragments[next() % fragments.len()]).collect());
    }
    texts
}

/// FNV-1a over the ids.
fn hash(ids: &[u32]) -> u64 {
    let bytes = ids.iter().flat_map(|id| id.to_le_bytes());
    u64::from(bytes.fold(0x811c_9dc5u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)))
}

/// Texts whose ids are not those that were recorded.
fn differing(tokenizer: &Tokenizer, golden: &Value, options: EncodeOptions) -> Vec<(String, Vec<u32>)> {
    let expected = golden["ids"].as_array().unwrap();
    let texts = texts(golden["seed"].as_u64().unwrap());
    assert_eq!(texts.len(), expected.len());
    let encoded = texts.into_iter().map(|text| {
        let ids = tokenizer.encode(&text, options).unwrap();
        (text, ids)
    });
    encoded
        .zip(expected)
        .filter(|((_, ids), expected)| hash(ids) != expected.as_u64().unwrap())
        .map(|(got, _)| got)
        .collect()
}

fn complain(name: &str, tokenizer: &Tokenizer, wrong: &[(String, Vec<u32>)]) -> String {
    let piece = |id: &u32| String::from_utf8_lossy(tokenizer.token_bytes(*id).unwrap()).into_owned();
    let shown = wrong
        .iter()
        .take(6)
        .map(|(text, ids)| format!("  {text:?} -> {:?}\n", ids.iter().map(piece).collect::<Vec<_>>()));
    format!("{name}: {} texts differ\n{}", wrong.len(), shown.collect::<String>())
}

/// `tokenizer.json` with its tables put back, and one more than its highest id.
fn tokenizer_json(golden: &Value) -> (Value, usize) {
    let mut file = golden["tokenizer.json"].clone();
    if golden["vocabulary"] == "pieces" {
        let pieces = GOLDEN["pieces"].as_array().unwrap().iter().enumerate();
        let vocab: serde_json::Map<String, Value> =
            pieces.map(|(id, piece)| (piece[0].as_str().unwrap().to_owned(), json!(id))).collect();
        file["model"]["vocab"] = Value::Object(vocab);
        file["model"]["merges"] = GOLDEN["merges"].clone();
    } else {
        file["model"]["vocab"] = GOLDEN["bytes"]["vocab"].clone();
        file["model"]["merges"] = GOLDEN["bytes"]["merges"].clone();
    }
    let added = file["added_tokens"].as_array().unwrap().iter().map(|token| token["id"].as_u64().unwrap());
    let own = file["model"]["vocab"].as_object().unwrap().values().map(|id| id.as_u64().unwrap());
    let rows = added.chain(own).max().unwrap() as usize + 1;
    (file, rows)
}

#[test]
fn tokenizer_json_gives_the_ids_of_the_tokenizers_library() {
    let mut complaints = String::new();
    for (name, golden) in GOLDEN["fast"].as_object().unwrap() {
        let scratch = Scratch::new(name);
        let (file, rows) = tokenizer_json(golden);
        fs::write(scratch.0.join("tokenizer.json"), file.to_string()).unwrap();
        let (gguf, _) = converted(&scratch.0, rows);
        let tokenizer = Tokenizer::from_gguf(&gguf).unwrap();
        let wrong = differing(&tokenizer, golden, EncodeOptions::default());
        if !wrong.is_empty() {
            complaints += &complain(name, &tokenizer, &wrong);
        }
    }
    assert!(complaints.is_empty(), "{complaints}");
}

/// A message's field of bytes.
fn field(number: u8, bytes: &[u8], out: &mut Vec<u8>) {
    varint(u64::from(number) << 3 | 2, out);
    varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// A message's field of an integer.
fn number(field: u8, value: u64, out: &mut Vec<u8>) {
    varint(u64::from(field) << 3, out);
    varint(value, out);
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// `tokenizer.model` of recorded pieces.
fn tokenizer_model(vocabulary: &str) -> (Vec<u8>, usize) {
    let mut model = Vec::new();
    let pieces = GOLDEN[vocabulary].as_array().unwrap();
    for piece in pieces {
        let mut inner = Vec::new();
        field(1, piece[0].as_str().unwrap().as_bytes(), &mut inner);
        inner.push(2 << 3 | 5);
        inner.extend_from_slice(&(piece[1].as_f64().unwrap() as f32).to_le_bytes());
        number(3, piece[2].as_u64().unwrap(), &mut inner);
        field(1, &inner, &mut model);
    }
    let (mut trainer, mut normalizer) = (Vec::new(), Vec::new());
    number(3, 2, &mut trainer);
    number(35, 1, &mut trainer);
    number(43, -1i64 as u64, &mut trainer);
    field(1, b"identity", &mut normalizer);
    number(4, 0, &mut normalizer);
    field(2, &trainer, &mut model);
    field(3, &normalizer, &mut model);
    (model, pieces.len())
}

#[test]
fn tokenizer_model_alone_gives_the_ids_of_sentencepiece_and_of_the_class_around_it() {
    let mut complaints = String::new();
    for (name, golden) in GOLDEN["slow"].as_object().unwrap() {
        let scratch = Scratch::new(name);
        let (model, pieces) = tokenizer_model(golden["vocabulary"].as_str().unwrap());
        fs::write(scratch.0.join("tokenizer.model"), model).unwrap();
        let config = &golden["tokenizer_config.json"];
        let mut rows = pieces;
        if let Some(added) = config["added_tokens_decoder"].as_object() {
            fs::write(scratch.0.join("tokenizer_config.json"), config.to_string()).unwrap();
            rows = added.keys().map(|id| id.parse::<usize>().unwrap() + 1).chain([pieces]).max().unwrap();
        }
        let (gguf, report) = converted(&scratch.0, rows);
        assert!(report.notes.iter().all(|note| !note.contains("token")), "{name}: {:?}", report.notes);
        let tokenizer = Tokenizer::from_gguf(&gguf).unwrap();
        // The library by itself reads no control tokens.
        let own = !config.is_null();
        let options = EncodeOptions { add_special: own, parse_special: own };
        let wrong = differing(&tokenizer, golden, options);
        if !wrong.is_empty() {
            complaints += &complain(name, &tokenizer, &wrong);
        }
    }
    assert!(complaints.is_empty(), "{complaints}");
}

/// A file of the kind `llama` that does not say what its tokens are: special ids and the names of bytes do.
#[test]
fn a_vocabulary_without_types_gives_the_ids_of_sentencepiece() {
    let pieces = GOLDEN["pieces"].as_array().unwrap();
    let mut writer = Writer::new();
    writer.set("tokenizer.ggml.model", "llama");
    let tokens: Vec<String> = pieces.iter().map(|piece| piece[0].as_str().unwrap().to_owned()).collect();
    writer.set("tokenizer.ggml.tokens", tokens);
    let scores: Vec<f32> = pieces.iter().map(|piece| piece[1].as_f64().unwrap() as f32).collect();
    writer.set("tokenizer.ggml.scores", scores);
    let mut bytes = Vec::new();
    writer.begin(&mut bytes).unwrap().finish().unwrap();
    let tokenizer = Tokenizer::from_gguf(&Gguf::parse(Arc::new(bytes)).unwrap()).unwrap();
    let options = EncodeOptions { add_special: false, parse_special: false };
    let wrong = differing(&tokenizer, &GOLDEN["slow"]["alone"], options);
    assert!(wrong.is_empty(), "{}", complain("without types", &tokenizer, &wrong));
}

/// A directory with a tokenizer of the recorded ones.
fn directory(name: &str) -> (Scratch, usize) {
    let scratch = Scratch::new(&format!("of-{name}"));
    let (file, rows) = tokenizer_json(&GOLDEN["fast"][name]);
    fs::write(scratch.0.join("tokenizer.json"), file.to_string()).unwrap();
    (scratch, rows)
}

fn open(file: &Path) -> Model {
    Engine::new(1).unwrap().open_bytes(Arc::new(fs::read(file).unwrap())).unwrap()
}

fn ids(model: &Model, prompt: &Prompt) -> Vec<u32> {
    let items = model.compose(prompt).unwrap();
    let tokens = items.into_iter().map(|item| match item {
        Item::Tokens(ids) => ids,
        _ => Vec::new(),
    });
    tokens.flatten().collect()
}

/// Where the blank goes before the first text only, no later piece of a prompt gets one: the ids are those of one text.
#[test]
fn pieces_of_a_prompt_are_one_text_to_the_blank_before_it() {
    for (name, again) in [("metaspace_first", false), ("metaspace_always", true), ("prepend", true)] {
        let (scratch, rows) = directory(name);
        converted(&scratch.0, rows);
        let model = open(&scratch.0.join("out.gguf"));
        let whole = ids(&model, &Prompt::new().text("what</s>is"));
        let pieces = ids(&model, &Prompt::new().text("what").tokens([2]).text("is"));
        assert_eq!(pieces, whole, "{name}");
        let blank = model.tokenizer().token_bytes(whole[whole.iter().position(|&id| id == 2).unwrap() + 1]).unwrap();
        assert_eq!(blank.starts_with(b" "), again, "{name}");
        let begun = ids(&model, &Prompt::new().tokens([2]).text("is"));
        assert_eq!(model.tokenizer().token_bytes(begun[1]).unwrap().starts_with(b" "), again, "{name}");
    }
}

#[test]
fn a_converted_model_can_chat() {
    let (scratch, rows) = directory("llama3");
    let template = "{{ bos_token }}{% for m in messages %}<l>{{ m.role }}: {{ m.content }}{{ eos_token }}{% endfor %}";
    fs::write(scratch.0.join("chat_template.jinja"), template).unwrap();
    let names = json!({"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"});
    fs::write(scratch.0.join("tokenizer_config.json"), names.to_string()).unwrap();
    let (file, report) = converted(&scratch.0, rows);
    assert!(report.notes.iter().all(|note| !note.contains("template")), "{:?}", report.notes);
    let chat = ChatTemplate::required(&file).unwrap();
    let message = Message { role: "user", content: "what is this?".into() };
    assert_eq!(chat.render(&[message], true).unwrap(), "<s><l>user: what is this?</s>");
    let special = special_tokens(&file).unwrap();
    assert_eq!(special, [("bos_token", "<s>"), ("eos_token", "</s>"), ("unk_token", "<unk>")]);
    let model = open(&scratch.0.join("out.gguf"));
    let rendered = chat.prompt(&[message], true, model.tokenizer()).unwrap();
    assert!(!ids(&model, &rendered.prompt(model.tokenizer(), &[]).unwrap()).is_empty());
    // What transformers 4.57.6 and 5.24.0 render with such a tokenizer.
    let names = json!({
        "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "sep_token": "<l>", "pad_token": "</s>",
        "cls_token": "<s>", "mask_token": {"__type": "AddedToken", "content": "<l>"}, "image_token": "<l>",
    });
    fs::write(scratch.0.join("tokenizer_config.json"), names.to_string()).unwrap();
    let all = "{{ unk_token }}|{{ sep_token }}|{{ pad_token }}|{{ cls_token }}|{{ mask_token }}|{{ image_token }}|{{ x_token }}";
    fs::write(scratch.0.join("chat_template.jinja"), all).unwrap();
    let chat = ChatTemplate::required(&converted(&scratch.0, rows).0).unwrap();
    assert_eq!(chat.render(&[message], true).unwrap(), "<unk>|<l>|</s>|<s>|<l>|<l>|");
}

#[test]
fn the_texts_are_not_all_alike() {
    let mut all = HashSet::new();
    for kind in ["fast", "slow"] {
        for golden in GOLDEN[kind].as_object().unwrap().values() {
            all.extend(texts(golden["seed"].as_u64().unwrap()));
        }
    }
    assert!(all.len() > 5_000, "{}", all.len());
}
