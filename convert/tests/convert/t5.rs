//! Encoder-decoders: where each tensor goes, what settings mean that do not name it, tables that are stored twice, and what
//! is refused.

use std::collections::BTreeMap;

use ocelli_convert::ConvertError;
use ocelli_quant::TensorType::F32;
use ocelli_quant::gguf::Gguf;
use serde_json::{Value, json};

use crate::text;
use crate::tiny::*;

pub const WIDTH: u64 = 12;
const INNER: u64 = 10;
const FFN: u64 = 20;
const ROWS: u64 = text::ROWS;

/// Two layers of encoder and one of decoder, two heads of five numbers, every element its own number.
pub fn model(config: &Value) -> Model {
    let mut tensors = BTreeMap::new();
    let mut start = 0f32;
    let mut add = |name: &str, shape: &[u64]| {
        let count: u64 = shape.iter().product();
        start += 1000.0;
        let data = (0..count).map(|i| start + i as f32).collect();
        tensors.insert(format!("{name}.weight"), Tensor { shape: shape.to_vec(), data });
    };
    add("shared", &[ROWS, WIDTH]);
    let gated = config["feed_forward_proj"].as_str().is_some_and(|name| name.starts_with("gated"));
    for (stack, layers) in [("encoder", 2), ("decoder", 1)] {
        add(&format!("{stack}.final_layer_norm"), &[WIDTH]);
        add(&format!("{stack}.block.0.layer.0.SelfAttention.relative_attention_bias"), &[6, 2]);
        for n in 0..layers {
            let kinds: &[_] =
                if stack == "decoder" { &["SelfAttention", "EncDecAttention"] } else { &["SelfAttention"] };
            for (place, kind) in kinds.iter().enumerate() {
                let at = format!("{stack}.block.{n}.layer.{place}");
                add(&format!("{at}.layer_norm"), &[WIDTH]);
                ["q", "k", "v"].iter().for_each(|part| add(&format!("{at}.{kind}.{part}"), &[INNER, WIDTH]));
                add(&format!("{at}.{kind}.o"), &[WIDTH, INNER]);
            }
            let at = format!("{stack}.block.{n}.layer.{}", kinds.len());
            add(&format!("{at}.layer_norm"), &[WIDTH]);
            let ups: &[_] = if gated { &["wi_0", "wi_1"] } else { &["wi"] };
            ups.iter().for_each(|up| add(&format!("{at}.DenseReluDense.{up}"), &[FFN, WIDTH]));
            add(&format!("{at}.DenseReluDense.wo"), &[WIDTH, FFN]);
        }
    }
    if config["tie_word_embeddings"] == false {
        add("lm_head", &[ROWS, WIDTH]);
    }
    let mut all = json!({
        "model_type": "t5", "is_encoder_decoder": true, "vocab_size": ROWS, "d_model": WIDTH, "d_kv": 5, "num_heads": 2,
        "d_ff": FFN, "num_layers": 2, "num_decoder_layers": 1, "relative_attention_num_buckets": 6,
        "decoder_start_token_id": 0, "dropout_rate": 0.1, "n_positions": 77,
    });
    for (key, value) in config.as_object().unwrap() {
        all[key] = value.clone();
    }
    Model { config: all, tensors, files: text::model("llama").files, store: Store::F32 }
}

fn converted(config: &Value) -> Gguf {
    model(config).convert_as(F32).unwrap().0
}

fn text_of(file: &Gguf, key: &str) -> String {
    file.str(key).unwrap().unwrap_or_else(|| panic!("{key}")).to_owned()
}

fn number(file: &Gguf, key: &str) -> u32 {
    file.u32(key).unwrap().unwrap_or_else(|| panic!("{key}"))
}

#[test]
fn every_tensor_goes_where_llama_cpp_looks_for_it() {
    let model = model(&json!({"feed_forward_proj": "gated-gelu", "tie_word_embeddings": false}));
    let (file, report) = model.convert_as(F32).unwrap();
    assert!(report.skipped.is_empty(), "{report:?}");
    for (name, source) in [
        ("token_embd", "shared"),
        ("output", "lm_head"),
        ("enc.output_norm", "encoder.final_layer_norm"),
        ("dec.output_norm", "decoder.final_layer_norm"),
        ("enc.blk.0.attn_rel_b", "encoder.block.0.layer.0.SelfAttention.relative_attention_bias"),
        ("dec.blk.0.attn_rel_b", "decoder.block.0.layer.0.SelfAttention.relative_attention_bias"),
        ("enc.blk.1.attn_norm", "encoder.block.1.layer.0.layer_norm"),
        ("enc.blk.1.attn_q", "encoder.block.1.layer.0.SelfAttention.q"),
        ("enc.blk.1.attn_o", "encoder.block.1.layer.0.SelfAttention.o"),
        ("enc.blk.1.ffn_norm", "encoder.block.1.layer.1.layer_norm"),
        ("enc.blk.1.ffn_gate", "encoder.block.1.layer.1.DenseReluDense.wi_0"),
        ("enc.blk.1.ffn_up", "encoder.block.1.layer.1.DenseReluDense.wi_1"),
        ("enc.blk.1.ffn_down", "encoder.block.1.layer.1.DenseReluDense.wo"),
        ("dec.blk.0.attn_v", "decoder.block.0.layer.0.SelfAttention.v"),
        ("dec.blk.0.cross_attn_norm", "decoder.block.0.layer.1.layer_norm"),
        ("dec.blk.0.cross_attn_q", "decoder.block.0.layer.1.EncDecAttention.q"),
        ("dec.blk.0.cross_attn_k", "decoder.block.0.layer.1.EncDecAttention.k"),
        ("dec.blk.0.cross_attn_v", "decoder.block.0.layer.1.EncDecAttention.v"),
        ("dec.blk.0.cross_attn_o", "decoder.block.0.layer.1.EncDecAttention.o"),
        ("dec.blk.0.ffn_norm", "decoder.block.0.layer.2.layer_norm"),
        ("dec.blk.0.ffn_up", "decoder.block.0.layer.2.DenseReluDense.wi_1"),
    ] {
        let from = &model.tensors[&format!("{source}.weight")];
        assert_eq!(decode(&file, &format!("{name}.weight")), from.data, "{name}");
        let shape: Vec<u64> = from.shape.iter().rev().copied().collect();
        assert_eq!(file.tensor(&format!("{name}.weight")).unwrap().shape, shape, "{name}");
    }
    assert_eq!(file.tensors().len(), model.tensors.len());
    for (key, wanted) in [
        ("t5.context_length", 77),
        ("t5.block_count", 2),
        ("t5.decoder_block_count", 1),
        ("t5.attention.head_count", 2),
        ("t5.attention.key_length", 5),
        ("t5.attention.value_length", 5),
        ("t5.attention.relative_buckets_count", 6),
        ("t5.attention.relative_max_distance", 128),
        ("t5.decoder_start_token_id", 0),
    ] {
        assert_eq!(number(&file, key), wanted, "{key}");
    }
}

#[test]
fn settings_say_what_they_do_not_name() {
    for (config, act, gated, scale) in [
        (json!({}), "relu", false, true),
        (json!({"feed_forward_proj": "gelu"}), "gelu", false, true),
        (json!({"feed_forward_proj": "gated-gelu"}), "gelu_tanh", true, true),
        (json!({"feed_forward_proj": "gated-gelu", "dense_act_fn": "gelu"}), "gelu", true, true),
        (json!({"feed_forward_proj": "gated-silu", "is_gated_act": true}), "silu", true, true),
        (json!({"feed_forward_proj": "gated-relu", "tie_word_embeddings": false}), "relu", true, false),
        (json!({"tie_word_embeddings": true, "scale_decoder_outputs": false}), "relu", false, false),
        (json!({"tie_word_embeddings": false, "scale_decoder_outputs": true}), "relu", false, true),
    ] {
        let file = converted(&config);
        assert_eq!(text_of(&file, "t5.activation"), act, "{config}");
        assert_eq!(file.tensor("enc.blk.0.ffn_gate.weight").is_some(), gated, "{config}");
        let wanted = if scale { 1.0 / (WIDTH as f32).sqrt() } else { 1.0 };
        let got = file.f32("t5.logit_scale").unwrap().unwrap();
        assert!((got - wanted).abs() < 1e-6, "{config}: {got}");
        assert_eq!(file.tensor("output.weight").is_some(), config["tie_word_embeddings"] == false, "{config}");
    }
    // An own head that is not there is the embedding, which is not scaled for that.
    let mut headless = model(&json!({"tie_word_embeddings": false}));
    headless.tensors.remove("lm_head.weight");
    let (file, report) = headless.convert_as(F32).unwrap();
    assert_eq!((file.tensor("output.weight"), file.f32("t5.logit_scale").unwrap()), (None, Some(1.0)));
    assert!(report.notes.iter().any(|note| note.contains("output head")), "{:?}", report.notes);
    // What is saved goes over what it was made from.
    let mut plain = model(&json!({}));
    plain.config["feed_forward_proj"] = json!("gated-gelu");
    plain.config["is_gated_act"] = json!(false);
    plain.config["dense_act_fn"] = json!("relu");
    assert_eq!(text_of(&plain.convert_as(F32).unwrap().0, "t5.activation"), "relu");
    // The class has defaults and other names for some.
    let mut named = model(&json!({}));
    for (theirs, other) in [("d_model", "hidden_size"), ("num_heads", "num_attention_heads"), ("d_kv", "head_dim")] {
        let value = named.config.as_object_mut().unwrap().remove(theirs).unwrap();
        named.config[other] = value;
    }
    for key in ["n_positions", "num_decoder_layers"] {
        named.config.as_object_mut().unwrap().remove(key);
    }
    named.tensors.extend(
        model(&json!({}))
            .tensors
            .into_iter()
            .filter(|(name, _)| name.starts_with("decoder.block.0"))
            .filter(|(name, _)| !name.contains("relative"))
            .map(|(name, tensor)| (name.replace("block.0", "block.1"), tensor)),
    );
    let (file, _) = named.convert_as(F32).unwrap();
    assert_eq!((number(&file, "t5.context_length"), number(&file, "t5.decoder_block_count")), (512, 2));
}

/// generation_config.json is asked first, then the configuration; the begin token stands in, then the class's padding.
#[test]
fn the_start_is_whose_it_is_in_the_original() {
    let start = |config: Value, own: Option<Value>| {
        let mut model = model(&json!({}));
        model.config["decoder_start_token_id"] = Value::Null;
        for (key, value) in config.as_object().unwrap() {
            model.config[key] = value.clone();
        }
        if let Some(own) = own {
            model.files.insert("generation_config.json".to_owned(), own.to_string());
        }
        let (file, report) = model.convert_as(F32).unwrap();
        let noted = report.notes.iter().any(|note| note.contains("decoder_start_token_id"));
        (number(&file, "t5.decoder_start_token_id"), noted)
    };
    assert_eq!(start(json!({"decoder_start_token_id": 5}), None), (5, false));
    assert_eq!(start(json!({"decoder_start_token_id": 5}), Some(json!({"decoder_start_token_id": 6}))), (6, true));
    assert_eq!(
        start(json!({"decoder_start_token_id": 5}), Some(json!({"bos_token_id": 3, "eos_token_id": 1}))),
        (3, true)
    );
    assert_eq!(start(json!({"bos_token_id": 4, "pad_token_id": 9}), None), (4, false));
    assert_eq!(start(json!({"pad_token_id": 9}), None), (9, false));
    assert_eq!(start(json!({}), None), (0, false));
}

/// Released files keep the embedding three times, newer ones once, under any of the names.
#[test]
fn the_embedding_may_have_other_names() {
    let plain = json!({});
    let wanted = converted(&plain);
    let wanted = decode(&wanted, "token_embd.weight");
    let mut thrice = model(&plain);
    let shared = thrice.tensors["shared.weight"].data.clone();
    for stack in ["encoder", "decoder"] {
        let tensor = Tensor { shape: vec![ROWS, WIDTH], data: shared.clone() };
        thrice.tensors.insert(format!("{stack}.embed_tokens.weight"), tensor);
    }
    let (file, report) = thrice.convert_as(F32).unwrap();
    assert_eq!((decode(&file, "token_embd.weight"), file.tensors().len()), (wanted.clone(), thrice.tensors.len() - 2));
    assert!(!report.notes.iter().any(|note| note.contains("embed_tokens")), "{:?}", report.notes);

    let encoder = thrice.tensors.get_mut("encoder.embed_tokens.weight").unwrap();
    encoder.data[7] += 1.0;
    let (file, report) = thrice.convert_as(F32).unwrap();
    assert_eq!(decode(&file, "token_embd.weight"), wanted);
    assert!(report.notes.iter().any(|note| note.contains("encoder.embed_tokens.weight differs")), "{:?}", report.notes);

    for name in ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"] {
        let mut once = model(&plain);
        let tensor = once.tensors.remove("shared.weight").unwrap();
        once.tensors.insert(name.to_owned(), tensor);
        assert_eq!(decode(&once.convert_as(F32).unwrap().0, "token_embd.weight"), wanted, "{name}");
    }
    let mut never = model(&plain);
    never.tensors.remove("shared.weight");
    assert!(matches!(never.convert_as(F32), Err(ConvertError::MissingTensors { .. })));
}

#[test]
fn names_may_stand_inside_others_and_a_stray_table_is_left_out() {
    for prefix in ["model.", "language_model.", "transformer."] {
        let mut inside = model(&json!({}));
        inside.tensors = inside.tensors.into_iter().map(|(name, t)| (format!("{prefix}{name}"), t)).collect();
        inside.convert_as(F32).unwrap_or_else(|error| panic!("{prefix}: {error}"));
    }
    let mut stray = model(&json!({}));
    let name = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight";
    stray.tensors.insert(name.to_owned(), Tensor { shape: vec![6, 2], data: vec![1.0; 12] });
    let (_, report) = stray.convert_as(F32).unwrap();
    assert_eq!(report.skipped, [name]);
}

#[test]
fn what_is_not_run_is_refused_by_key() {
    for (key, value) in [
        ("feed_forward_proj", json!("gated-gelu-new")),
        ("feed_forward_proj", json!("gated-mish")),
        ("dense_act_fn", json!("mish")),
        ("is_encoder_decoder", json!(false)),
        ("d_kv", json!(0)),
        ("d_kv", json!(1 << 20)),
        ("relative_attention_num_buckets", json!(2)),
        ("relative_attention_max_distance", json!(3)),
        ("decoder_start_token_id", json!(ROWS)),
        ("num_decoder_layers", json!(0)),
        ("layer_norm_epsilon", json!(0.0)),
    ] {
        let mut wrong = model(&json!({}));
        wrong.config[key] = value.clone();
        let Err(error) = wrong.convert_as(F32) else { panic!("{key} {value} is taken") };
        assert!(error.to_string().contains(key), "{key} {value}: {error}");
    }
    let mut frozen = model(&json!({}));
    let text = frozen.config.clone();
    frozen.config = json!({"model_type": "frozen", "text_config": text, "vision_config": {}});
    let error = frozen.convert_as(F32).unwrap_err().to_string();
    assert!(error.contains("model_type") && error.contains("t5"), "{error}");
}
