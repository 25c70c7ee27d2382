//! Language models by themselves: what conversion does to rows and norms, keys, and what is refused.

use std::collections::BTreeMap;

use ocelli_quant::TensorType::F32;
use ocelli_quant::gguf::{Gguf, Value as Key};
use serde_json::{Value, json};

use crate::tiny::*;

pub const TEXT_WIDTH: u64 = 24;
const TEXT_FFN: u64 = 40;
const HEAD: u64 = 8;
pub const ROWS: u64 = 270;

/// One layer with four query heads and two key heads, every element its own number.
pub fn model(kind: &str) -> Model {
    let (gemma, fused) = (kind.starts_with("gemma"), kind == "phi3");
    let mut tensors = BTreeMap::new();
    let mut start = 0f32;
    let mut add = |name: &str, shape: &[u64]| {
        let count: u64 = shape.iter().product();
        start += 1000.0;
        let data = (0..count).map(|i| start + i as f32).collect();
        tensors.insert(name.to_owned(), Tensor { shape: shape.to_vec(), data });
    };
    let (q, kv, w) = (4 * HEAD, 2 * HEAD, TEXT_WIDTH);
    add("model.embed_tokens.weight", &[ROWS, w]);
    add("model.norm.weight", &[w]);
    let mut layer = |name: &str, shape: &[u64]| add(&format!("model.layers.0.{name}.weight"), shape);
    if fused {
        layer("self_attn.qkv_proj", &[q + 2 * kv, w]);
        layer("mlp.gate_up_proj", &[2 * TEXT_FFN, w]);
    } else {
        layer("self_attn.q_proj", &[q, w]);
        layer("self_attn.k_proj", &[kv, w]);
        layer("self_attn.v_proj", &[kv, w]);
        layer("mlp.gate_proj", &[TEXT_FFN, w]);
        layer("mlp.up_proj", &[TEXT_FFN, w]);
    }
    layer("self_attn.o_proj", &[w, q]);
    layer("mlp.down_proj", &[w, TEXT_FFN]);
    layer("input_layernorm", &[w]);
    layer("post_attention_layernorm", &[w]);
    if gemma {
        layer("pre_feedforward_layernorm", &[w]);
        layer("post_feedforward_layernorm", &[w]);
    }
    if matches!(kind, "gemma3_text" | "qwen3") {
        layer("self_attn.q_norm", &[HEAD]);
        layer("self_attn.k_norm", &[HEAD]);
    }
    if kind == "qwen2" {
        for (part, rows) in [("q", q), ("k", kv), ("v", kv)] {
            add(&format!("model.layers.0.self_attn.{part}_proj.bias"), &[rows]);
        }
    }
    let mut config = json!({
        "model_type": kind, "hidden_size": w, "intermediate_size": TEXT_FFN, "num_hidden_layers": 1,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": HEAD, "vocab_size": ROWS,
        "max_position_embeddings": 64, "tie_word_embeddings": true,
    });
    if gemma {
        config["query_pre_attn_scalar"] = json!(HEAD);
        config["sliding_window"] = json!(4);
    }
    let names = json!({"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"});
    let files = BTreeMap::from([
        ("tokenizer.json".to_owned(), sentencepiece().to_string()),
        ("tokenizer_config.json".to_owned(), names.to_string()),
    ]);
    Model { config, tensors, store: Store::F32, files }
}

/// SentencePiece's BPE as transformers writes it.
fn sentencepiece() -> Value {
    let mut tokens: Vec<String> = ["<unk>", "<s>", "</s>"].map(str::to_owned).into();
    tokens.extend((0..256).map(|byte| format!("<0x{byte:02X}>")));
    tokens.extend(["▁", "a", "b", "▁a", "ab", "▁ab"].map(str::to_owned));
    let vocab: serde_json::Map<String, Value> =
        tokens.into_iter().enumerate().map(|(id, token)| (token, Value::from(id))).collect();
    let special = |id: u32, content: &str| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
               "normalized": false, "special": true})
    };
    json!({
        "added_tokens": [special(0, "<unk>"), special(1, "<s>"), special(2, "</s>")],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
        "pre_tokenizer": null,
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]},
        "model": {"type": "BPE", "byte_fallback": true, "fuse_unk": true, "unk_token": "<unk>", "vocab": vocab,
                  "merges": ["a b", "▁ ab", "▁a b", "▁ a"]},
    })
}

fn with_tokenizer(change: impl FnOnce(&mut Value)) -> Model {
    let mut model = model("llama");
    let mut tokenizer = sentencepiece();
    change(&mut tokenizer);
    model.files.insert("tokenizer.json".to_owned(), tokenizer.to_string());
    model
}

fn float(file: &Gguf, key: &str) -> f32 {
    file.f32(key).unwrap().unwrap_or_else(|| panic!("{key}"))
}

#[test]
fn llama_has_its_pairs_next_to_each_other() {
    let model = model("llama");
    let (file, report) = model.convert_as(F32).unwrap();
    assert!(report.fallbacks.is_empty() && report.skipped.is_empty(), "{report:?}");
    for (name, source) in [("attn_q", "self_attn.q_proj"), ("attn_k", "self_attn.k_proj")] {
        let got = decode(&file, &format!("blk.0.{name}.weight"));
        let from = &model.tensors[&format!("model.layers.0.{source}.weight")].data;
        for (row, got) in got.chunks_exact(TEXT_WIDTH as usize).enumerate() {
            let (head, i) = (row / 8, row % 8);
            let at = (head * 8 + i % 2 * 4 + i / 2) * TEXT_WIDTH as usize;
            assert_eq!(got, &from[at..at + TEXT_WIDTH as usize], "{name} row {row}");
        }
    }
    for (name, source) in [
        ("blk.0.attn_v", "layers.0.self_attn.v_proj"),
        ("blk.0.attn_norm", "layers.0.input_layernorm"),
        ("blk.0.ffn_norm", "layers.0.post_attention_layernorm"),
        ("output_norm", "norm"),
    ] {
        assert_eq!(decode(&file, &format!("{name}.weight")), model.tensors[&format!("model.{source}.weight")].data);
    }
    assert_eq!(file.str("general.architecture").unwrap(), Some("llama"));
    assert_eq!(file.get("llama.attention.head_count_kv"), Some(Key::U32(2)));
    assert_eq!(file.get("llama.rope.dimension_count"), Some(Key::U32(8)));
    assert_eq!(float(&file, "llama.rope.freq_base"), 10_000.0);
    assert!(file.tensor("output.weight").is_none() && file.tensor("rope_freqs.weight").is_none());
}

/// One layer of MPT, MosaicGPT or GPT-NeoX with three heads, every element its own number.
pub fn fused(kind: &str) -> Model {
    let mut tensors = BTreeMap::new();
    let mut start = 0f32;
    let mut add = |name: &str, shape: &[u64]| {
        let count: u64 = shape.iter().product();
        start += 10_000.0;
        let data = (0..count).map(|i| start + i as f32).collect();
        tensors.insert(name.to_owned(), Tensor { shape: shape.to_vec(), data });
    };
    let (w, ffn) = (TEXT_WIDTH, 4 * TEXT_WIDTH);
    let config = if kind == "gpt_neox" {
        for (name, shape) in [
            ("gpt_neox.embed_in.weight", &[ROWS, w][..]),
            ("embed_out.weight", &[ROWS, w]),
            ("gpt_neox.layers.0.attention.query_key_value.weight", &[3 * w, w]),
            ("gpt_neox.layers.0.attention.query_key_value.bias", &[3 * w]),
            ("gpt_neox.layers.0.attention.dense.weight", &[w, w]),
            ("gpt_neox.layers.0.attention.dense.bias", &[w]),
            ("gpt_neox.layers.0.mlp.dense_h_to_4h.weight", &[ffn, w]),
            ("gpt_neox.layers.0.mlp.dense_h_to_4h.bias", &[ffn]),
            ("gpt_neox.layers.0.mlp.dense_4h_to_h.weight", &[w, ffn]),
            ("gpt_neox.layers.0.mlp.dense_4h_to_h.bias", &[w]),
            ("gpt_neox.layers.0.attention.masked_bias", &[]),
            ("gpt_neox.layers.0.attention.rotary_emb.inv_freq", &[4]),
        ] {
            add(name, shape);
        }
        for norm in ["layers.0.input_layernorm", "layers.0.post_attention_layernorm", "final_layer_norm"] {
            add(&format!("gpt_neox.{norm}.weight"), &[w]);
            add(&format!("gpt_neox.{norm}.bias"), &[w]);
        }
        json!({"model_type": kind, "vocab_size": ROWS, "hidden_size": w, "intermediate_size": ffn, "num_hidden_layers": 1,
               "num_attention_heads": 3, "max_position_embeddings": 64, "rotary_pct": 0.5, "use_parallel_residual": false,
               "hidden_act": "gelu_new", "eos_token_id": 0})
    } else {
        let mosaic = kind == "mosaic_gpt";
        let (norms, up, down) = match mosaic {
            true => (["ln_1", "ln_2", "ln_f"], "mlp.mlp_up", "mlp.mlp_down"),
            false => (["norm_1", "norm_2", "norm_f"], "ffn.up_proj", "ffn.down_proj"),
        };
        add("transformer.wte.weight", &[ROWS, w]);
        add(&format!("transformer.{}.weight", norms[2]), &[w]);
        let mut layer = |name: &str, shape: &[u64]| add(&format!("transformer.blocks.0.{name}.weight"), shape);
        layer("attn.Wqkv", &[3 * w, w]);
        layer("attn.out_proj", &[w, w]);
        layer(up, &[ffn, w]);
        layer(down, &[w, ffn]);
        layer(norms[0], &[w]);
        layer(norms[1], &[w]);
        if mosaic {
            layer("attn.q_ln", &[w]);
            layer("attn.k_ln", &[w]);
            json!({"model_type": kind, "vocab_size": ROWS, "d_model": w, "mlp_ratio": 4, "n_layers": 1, "n_heads": 3,
                   "max_seq_len": 64, "attn_qk_ln": true, "alibi": true, "alibi_bias_max": 4, "eos_token_id": 0})
        } else {
            json!({"model_type": kind, "vocab_size": ROWS, "d_model": w, "expansion_ratio": 4, "n_layers": 1, "n_heads": 3,
                   "max_seq_len": 64, "attn_config": {"alibi": true, "alibi_bias_max": 4, "attn_type": "multihead_attention"},
                   "eos_token_id": 0})
        }
    };
    let mut byte_level = tokenizer_json();
    byte_level["normalizer"] = json!({"type": "NFC"});
    let files = BTreeMap::from([("tokenizer.json".to_owned(), byte_level.to_string())]);
    Model { config, tensors, store: Store::F32, files }
}

#[test]
fn fused_projections_are_taken_apart() {
    let w = TEXT_WIDTH as usize;
    for (kind, source, head) in [
        ("mpt", "transformer.blocks.0.attn.Wqkv", w),
        ("mosaic_gpt", "transformer.blocks.0.attn.Wqkv", w),
        ("gpt_neox", "gpt_neox.layers.0.attention.query_key_value", w / 3),
    ] {
        let model = fused(kind);
        let (file, _) = model.convert_as(F32).unwrap();
        for (number, name) in ["attn_q", "attn_k", "attn_v"].into_iter().enumerate() {
            for (part, cols) in [("weight", w), ("bias", 1)] {
                let Some(from) = model.tensors.get(&format!("{source}.{part}")) else { continue };
                let want: Vec<f32> = (0..w)
                    .flat_map(|row| &from.data[((row / head * 3 + number) * head + row % head) * cols..][..cols])
                    .copied()
                    .collect();
                assert_eq!(decode(&file, &format!("blk.0.{name}.{part}")), want, "{kind} {name}.{part}");
            }
        }
        assert_eq!(file.tensor("blk.0.attn_q_norm.weight").is_some(), kind == "mosaic_gpt");
        assert_eq!(file.tensor("blk.0.attn_norm.bias").is_some(), kind == "gpt_neox");
        assert_eq!(file.tensor("output.weight").is_some(), kind == "gpt_neox");
        assert_eq!(file.get("ocelli.tokenizer.compose"), Some(Key::Bool(true)));
        if kind == "gpt_neox" {
            assert_eq!(file.get("gptneox.rope.dimension_count"), Some(Key::U32(4)));
            assert_eq!(file.get("gptneox.use_parallel_residual"), Some(Key::Bool(false)));
            assert_eq!(file.str("gptneox.activation").unwrap(), Some("gelu_tanh"));
        } else {
            assert_eq!(float(&file, "mpt.attention.max_alibi_bias"), 4.0);
            assert_eq!(file.get("mpt.feed_forward_length"), Some(Key::U32(96)));
        }
    }
}

#[test]
fn what_mpt_and_neox_do_otherwise_is_refused() {
    for (kind, pointer, value, code) in [
        ("mpt", "/attn_config/alibi", json!(false), "unsupported"),
        ("mpt", "/attn_config/alibi_bias_max", json!(0), "config_value"),
        ("mpt", "/attn_config/attn_type", json!("multiquery_attention"), "unsupported"),
        ("mpt", "/attn_config/clip_qkv", json!(6), "unsupported"),
        ("mpt", "/attn_config/prefix_lm", json!(true), "unsupported"),
        ("mpt", "/logit_scale", json!("inv_sqrt_d_model"), "unsupported"),
        ("mpt", "/norm_type", json!("rmsnorm"), "unsupported"),
        ("mpt", "/n_heads", json!(5), "config_value"),
        ("mpt", "/no_bias", json!(false), "missing_tensors"),
        ("mosaic_gpt", "/attn_clip_qkv", json!(6), "unsupported"),
        ("mosaic_gpt", "/attn_qk_ln", json!(false), "unknown_tensors"),
        ("gpt_neox", "/rotary_pct", json!(0.4), "config_value"),
        ("gpt_neox", "/rotary_pct", json!(1.5), "config_value"),
        ("gpt_neox", "/rope_scaling", json!({"type": "linear", "factor": 2.0}), "unsupported"),
        ("gpt_neox", "/attention_bias", json!(false), "unknown_tensors"),
        ("gpt_neox", "/tie_word_embeddings", json!(3), "json_type"),
    ] {
        let mut model = fused(kind);
        let (section, key) = pointer.rsplit_once('/').unwrap();
        model.config.pointer_mut(section).unwrap()[key] = value;
        model.fails(code, &[]);
    }
}

/// transformers' `MptModel` has 8, no norms of queries and keys and no biases, whatever a configuration says; MosaicML's
/// class, which is followed, reads all three. MosaicGPT is a class of MosaicML's alone.
#[test]
fn what_the_two_classes_of_mpt_take_otherwise_is_said() {
    let said = |model: &Model| -> Vec<String> {
        let notes = model.convert_as(F32).unwrap().1.notes;
        notes.into_iter().filter(|note| note.contains("transformers' has")).collect()
    };
    for (value, notes) in
        [(json!(8), 0), (json!(8.0), 0), (Value::Null, 0), (json!(4), 1), (json!(16), 1), (json!(0.5), 1)]
    {
        let mut model = fused("mpt");
        model.config["attn_config"]["alibi_bias_max"] = value.clone();
        let said = said(&model);
        assert_eq!(said.len(), notes, "{value}: {said:?}");
        assert!(said.iter().all(|note| note.contains(&format!("attn_config.alibi_bias_max = {value} is taken"))));
    }
    assert!(said(&fused("mosaic_gpt")).is_empty());
    let mut model = fused("mpt");
    model.config["attn_config"]["alibi_bias_max"] = json!(8);
    model.config["attn_config"]["qk_ln"] = json!(true);
    for name in ["q_ln", "k_ln"] {
        model.add(&format!("transformer.blocks.0.attn.{name}.weight"), &[TEXT_WIDTH]);
    }
    assert!(matches!(&said(&model)[..], [note] if note.contains("attn_config.qk_ln = true")));
    model.config["no_bias"] = json!(false);
    let weights: Vec<(String, u64)> = model.tensors.iter().map(|(name, t)| (name.clone(), t.shape[0])).collect();
    for (name, rows) in weights.iter().filter(|(name, _)| !name.contains("wte")) {
        model.add(&name.replace(".weight", ".bias"), &[*rows]);
    }
    assert!(matches!(&said(&model)[..], [_, note] if note.contains("no_bias = false")), "{:?}", said(&model));
}

#[test]
fn biases_are_put_in_the_rows_order() {
    let mut model = model("llama");
    model.config["attention_bias"] = json!(true);
    for (name, rows) in [("q_proj", 32), ("k_proj", 16), ("v_proj", 16), ("o_proj", 24u64)] {
        let data = (0..rows).map(|i| i as f32).collect();
        model.tensors.insert(format!("model.layers.0.self_attn.{name}.bias"), Tensor { shape: vec![rows], data });
    }
    let (file, _) = model.convert_as(F32).unwrap();
    assert_eq!(decode(&file, "blk.0.attn_k.bias")[..10], [0.0, 4.0, 1.0, 5.0, 2.0, 6.0, 3.0, 7.0, 8.0, 12.0]);
    assert_eq!(decode(&file, "blk.0.attn_v.bias")[..3], [0.0, 1.0, 2.0]);
}

#[test]
fn gemma_has_the_one_in_its_norms() {
    let mut model = model("gemma3_text");
    model.config["rope_local_base_freq"] = json!(500.0);
    model.config["query_pre_attn_scalar"] = json!(4);
    model.config["final_logit_softcapping"] = json!(30.0);
    model.config["rope_scaling"] = json!({"rope_type": "linear", "factor": 8.0});
    let (file, _) = model.convert_as(F32).unwrap();
    for (name, source) in [
        ("attn_norm", "input_layernorm"),
        ("post_attention_norm", "post_attention_layernorm"),
        ("ffn_norm", "pre_feedforward_layernorm"),
        ("post_ffw_norm", "post_feedforward_layernorm"),
        ("attn_q_norm", "self_attn.q_norm"),
        ("attn_k_norm", "self_attn.k_norm"),
    ] {
        let want: Vec<f32> =
            model.tensors[&format!("model.layers.0.{source}.weight")].data.iter().map(|v| v + 1.0).collect();
        assert_eq!(decode(&file, &format!("blk.0.{name}.weight")), want, "{name}");
    }
    let queries = &model.tensors["model.layers.0.self_attn.q_proj.weight"].data;
    assert_eq!(&decode(&file, "blk.0.attn_q.weight"), queries, "halves stay halves");
    assert_eq!(file.get("gemma3.attention.sliding_window"), Some(Key::U32(4)));
    assert!(file.get("gemma3.attention.sliding_window_pattern").is_none(), "one layer follows the pattern");
    for (key, value) in [
        ("rope.freq_base", 1e6),
        ("rope.freq_base_swa", 500.0),
        ("rope.scaling.factor", 8.0),
        ("attention.scale", 0.5),
        ("final_logit_softcapping", 30.0),
    ] {
        assert_eq!(float(&file, &format!("gemma3.{key}")), value, "{key}");
    }
    model.config["layer_types"] = json!(["full_attention"]);
    let (file, _) = model.convert_as(F32).unwrap();
    assert_eq!(file.bools("gemma3.attention.sliding_window_pattern").unwrap(), Some(vec![false]));
}

#[test]
fn llama3_scaling_is_a_factor_for_each_frequency() {
    let mut model = model("llama");
    model.config["rope_scaling"] = json!({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 96});
    let (file, _) = model.convert_as(F32).unwrap();
    // Wavelengths 6.28, 62.8, 628 and 6283 against 24 and 96.
    let share = (96.0 / (std::f64::consts::TAU * 10.0) - 1.0) / 3.0;
    let middle = (1.0 / ((1.0 - share) / 8.0 + share)) as f32;
    let got = decode(&file, "rope_freqs.weight");
    assert_eq!((got[0], got[2], got[3]), (1.0, 8.0, 8.0));
    assert!((got[1] - middle).abs() < 1e-5, "{} for {middle}", got[1]);
}

#[test]
fn what_neither_model_runs_is_refused() {
    let yarn = json!({"rope_type": "yarn", "factor": 4.0});
    let llama3 = json!({"rope_type": "llama3", "factor": 8.0});
    for (kind, key, value, code, part) in [
        ("llama", "hidden_act", json!("gelu"), "unsupported", "hidden_act"),
        ("llama", "rope_scaling", yarn, "unsupported", "'yarn'"),
        ("llama", "num_key_value_heads", json!(3), "config_value", "num_key_value_heads"),
        ("llama", "head_dim", json!(7), "config_value", "head_dim"),
        ("llama", "rope_theta", json!(0), "config_value", "rope_theta"),
        ("gemma3_text", "rope_scaling", llama3, "unsupported", "'llama3'"),
        ("gemma3_text", "attn_logit_softcapping", json!(50.0), "unsupported", "attn_logit_softcapping"),
        ("gemma3_text", "use_bidirectional_attention", json!(true), "unsupported", "use_bidirectional_attention"),
        ("gemma3_text", "layer_types", json!(["full_attention", "full_attention"]), "config_value", "layer_types"),
        ("gemma3_text", "layer_types", json!(["chunked_attention"]), "unsupported", "layer_types"),
    ] {
        let mut model = model(kind);
        model.config[key] = value;
        model.fails(code, &[part]);
    }
}

#[test]
fn sentencepiece_merges_become_scores() {
    let (file, _) = with_tokenizer(|_| ()).convert_as(F32).unwrap();
    assert_eq!(file.str("tokenizer.ggml.model").unwrap(), Some("llama"));
    let scores = file.f32s("tokenizer.ggml.scores").unwrap().unwrap();
    let tokens = file.strings("tokenizer.ggml.tokens").unwrap().unwrap();
    let score = |token: &str| scores[tokens.iter().position(|t| t == token).unwrap()];
    assert_eq!([score("ab"), score("▁ab"), score("▁a")], [-1.0, -2.0, -4.0]);
    assert!(score("a") < -4.0);
    let types = file.i32s("tokenizer.ggml.token_type").unwrap().unwrap();
    assert_eq!((types[1], types[3], types[258], types[259], types[269]), (3, 6, 6, 1, 5));
    for (key, value) in [("add_bos_token", true), ("add_eos_token", false), ("add_space_prefix", true)] {
        assert_eq!(file.get(&format!("tokenizer.ggml.{key}")), Some(Key::Bool(value)), "{key}");
    }
    let plain = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
    let split = json!({"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": false});
    let (file, _) = with_tokenizer(|t| {
        t["normalizer"] = plain;
        t["pre_tokenizer"] = split;
    })
    .convert_as(F32)
    .unwrap();
    assert_eq!(file.get("tokenizer.ggml.add_space_prefix"), Some(Key::Bool(false)));

    let metaspace =
        |split: bool| json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": split});
    let with = |split| {
        with_tokenizer(|t| {
            t["normalizer"] = json!(null);
            t["pre_tokenizer"] = metaspace(split);
        })
    };
    let (file, _) = with(false).convert_as(F32).unwrap();
    assert_eq!(file.get("tokenizer.ggml.add_space_prefix"), Some(Key::Bool(true)));
    assert_eq!(file.get("ocelli.tokenizer.blank"), Some(Key::Str("first")));
    assert_eq!(file.get("ocelli.tokenizer.normalizes_blanks"), Some(Key::Bool(false)));
    with(true).fails("tokenizer", &["'Metaspace'"]);
    with_tokenizer(|t| t["normalizer"] = json!({"type": "NFKC"})).fails("tokenizer", &["'NFKC'"]);
    with_tokenizer(|t| t["normalizer"] = json!(null)).fails("tokenizer", &["blanks"]);
    with_tokenizer(|t| t["model"]["merges"] = json!(["▁ ab", "a b", "▁a b"])).fails("tokenizer", &["merge 3", "'▁ab'"]);
    with_tokenizer(|t| {
        t["model"]["vocab"].as_object_mut().unwrap().remove("<0x41>");
    })
    .fails("tokenizer", &["'<0x41>'"]);
}

/// Where SentencePiece's `Metaspace` puts a blank, and whose word counts: LLaMA's class of transformers 5 makes its
/// tokenizer by `add_prefix_space`, others take `tokenizer.json` as it is.
#[test]
fn metaspace_says_which_texts_get_a_blank() {
    let blank = |pre: Value, config: Option<Value>| {
        let mut model = with_tokenizer(|t| {
            t["normalizer"] = json!(null);
            t["pre_tokenizer"] = pre;
        });
        model.files.extend(config.map(|config| ("tokenizer_config.json".to_owned(), config.to_string())));
        let (file, report) = model.convert_as(F32).unwrap();
        let prefix = report.notes.iter().filter(|note| note.contains("add_prefix_space")).count();
        (file.str("ocelli.tokenizer.blank").unwrap().unwrap().to_owned(), prefix)
    };
    let scheme = |name: &str| json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": name, "split": false});
    for name in ["never", "first", "always"] {
        assert_eq!(blank(scheme(name), None), (name.to_owned(), 0));
    }
    // As versions before there were schemes wrote it.
    let older = |on: bool| json!({"type": "Metaspace", "replacement": "▁", "add_prefix_space": on, "split": false});
    assert_eq!((blank(older(true), None).0, blank(older(false), None).0), ("always".to_owned(), "never".to_owned()));
    for (class, own, setting, wanted, notes) in [
        ("TokenizersBackend", "first", false, "first", 1),
        ("PreTrainedTokenizerFast", "never", true, "never", 1),
        ("LlamaTokenizerFast", "first", false, "never", 1),
        ("LlamaTokenizer", "never", true, "first", 1),
        ("LlamaTokenizer", "always", true, "always", 0),
    ] {
        let config = json!({"tokenizer_class": class, "add_prefix_space": setting, "bos_token": "<s>"});
        assert_eq!(blank(scheme(own), Some(config)), (wanted.to_owned(), notes), "{class} {own} {setting}");
    }
}

#[test]
fn pre_tokenizers_go_by_their_patterns() {
    let bytes = |regex: bool| json!({"type": "ByteLevel", "add_prefix_space": false, "use_regex": regex});
    let split = |pattern: &str| json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false});
    let llama3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    let digits = json!({"type": "Digits", "individual_digits": true});
    let with = |parts: Value, ignore: bool| {
        let mut model = Model::new();
        let mut tokenizer = tokenizer_json();
        tokenizer["pre_tokenizer"] = json!({"type": "Sequence", "pretokenizers": parts});
        tokenizer["model"]["ignore_merges"] = json!(ignore);
        model.files.insert("tokenizer.json".to_owned(), tokenizer.to_string());
        model
    };
    for (parts, ignore, name) in [
        (json!([split(llama3), bytes(false)]), true, "llama-bpe"),
        (json!([split(&llama3.replace("{1,3}", "")), bytes(false)]), false, "qwen2"),
        (json!([digits, bytes(true)]), false, "smollm"),
        (json!([bytes(true)]), false, "gpt-2"),
    ] {
        let (file, _) = with(parts.clone(), ignore).convert_as(F32).unwrap();
        assert_eq!(file.str("tokenizer.ggml.pre").unwrap(), Some(name));
        with(parts, !ignore).fails("tokenizer", &["ignore_merges"]);
    }
    with(json!([split(r"\s+"), bytes(false)]), false).fails("tokenizer", &["pre_tokenizer", r"\s+"]);
}
