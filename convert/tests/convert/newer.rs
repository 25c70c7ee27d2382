//! Mistral, Qwen 2 and 3, Phi 3 and Gemma 2: what of their checkpoints is stored how, keys, and what is refused.

use ocelli_quant::TensorType::F32;
use ocelli_quant::gguf::{Gguf, Value as Key};
use serde_json::{Value, json};

use crate::text::{TEXT_WIDTH, model};
use crate::tiny::*;

fn with(kind: &str, keys: &Value) -> Model {
    let mut model = model(kind);
    for (key, value) in keys.as_object().unwrap() {
        model.config[key] = value.clone();
    }
    model
}

fn converted(kind: &str, keys: &Value) -> Gguf {
    with(kind, keys).convert_as(F32).unwrap_or_else(|error| panic!("{kind} {keys}: {error}")).0
}

/// The window and its pattern.
fn window(file: &Gguf, architecture: &str) -> (Option<u32>, Option<Vec<bool>>) {
    let key = format!("{architecture}.attention.sliding_window");
    (file.u32(&key).unwrap(), file.bools(&format!("{key}_pattern")).unwrap())
}

/// A tensor has the source's numbers in the source's order.
fn kept(file: &Gguf, model: &Model, name: &str, source: &str) {
    assert_eq!(decode(file, name), model.tensors[&format!("model.layers.0.{source}")].data, "{name}");
}

#[test]
fn qwen2_keeps_its_rows_and_has_biases() {
    let model = model("qwen2");
    let (file, _) = model.convert_as(F32).unwrap();
    assert_eq!(file.str("general.architecture").unwrap(), Some("qwen2"));
    for part in ["q", "k", "v"] {
        for end in ["weight", "bias"] {
            kept(&file, &model, &format!("blk.0.attn_{part}.{end}"), &format!("self_attn.{part}_proj.{end}"));
        }
    }
    assert!(file.tensor("blk.0.attn_output.bias").is_none());
    assert_eq!(window(&file, "qwen2"), (None, None));
    assert!(file.get("ocelli.generation.bos_id").is_none(), "the class names none");
    assert_eq!(file.u32s("ocelli.generation.eos_ids").unwrap(), Some(Vec::new()));
}

#[test]
fn qwens_layers_see_a_window_where_it_is_switched_on() {
    let on = json!({"use_sliding_window": true, "sliding_window": 16, "num_hidden_layers": 1});
    for kind in ["qwen2", "qwen3"] {
        let of = |keys: Value| {
            let mut all = on.clone();
            all.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
            window(&converted(kind, &all), kind)
        };
        assert_eq!(of(json!({"max_window_layers": 0})), (Some(16), None), "{kind}");
        assert_eq!(of(json!({"max_window_layers": 1})), (None, None), "{kind}");
        assert_eq!(of(json!({})), (None, None), "{kind}: the class's 28");
        assert_eq!(of(json!({"layer_types": ["sliding_attention"]})), (Some(16), None), "{kind}");
        assert_eq!(of(json!({"layer_types": ["full_attention"], "max_window_layers": 0})), (None, None), "{kind}");
        assert_eq!(of(json!({"sliding_window": null, "max_window_layers": 0})), (None, None), "{kind}");
        assert_eq!(of(json!({"use_sliding_window": false, "max_window_layers": 0})), (None, None), "{kind}");
    }
}

#[test]
fn qwen3_norms_heads() {
    let model = model("qwen3");
    let (file, _) = model.convert_as(F32).unwrap();
    for (name, source) in
        [("attn_q_norm", "q_norm"), ("attn_k_norm", "k_norm"), ("attn_q", "q_proj"), ("attn_k", "k_proj")]
    {
        kept(&file, &model, &format!("blk.0.{name}.weight"), &format!("self_attn.{source}.weight"));
    }
    assert_eq!(file.get("qwen3.attention.key_length"), Some(Key::U32(8)));
}

#[test]
fn mistral_is_a_llama_with_a_window() {
    let model = model("mistral");
    let (file, _) = model.convert_as(F32).unwrap();
    assert_eq!(file.str("general.architecture").unwrap(), Some("llama"));
    let from = &model.tensors["model.layers.0.self_attn.k_proj.weight"].data;
    assert_eq!(decode(&file, "blk.0.attn_k.weight")[TEXT_WIDTH as usize], from[4 * TEXT_WIDTH as usize], "pairs");
    assert_eq!(window(&file, "llama"), (Some(4_096), None), "where the key is absent");
    assert_eq!(window(&converted("mistral", &json!({"sliding_window": null})), "llama"), (None, None));
    assert_eq!(window(&converted("mistral", &json!({"sliding_window": 7})), "llama"), (Some(7), None));
    let mut heads = with("mistral", &json!({"num_key_value_heads": null}));
    for name in ["k_proj", "v_proj"] {
        heads.add(&format!("model.layers.0.self_attn.{name}.weight"), &[32, TEXT_WIDTH]);
    }
    let (file, _) = heads.convert_as(F32).unwrap();
    assert_eq!(file.get("llama.attention.head_count_kv"), Some(Key::U32(4)), "null is as many, not the class's 8");
}

#[test]
fn phi3_keeps_its_fused_rows() {
    let model = model("phi3");
    let (file, _) = model.convert_as(F32).unwrap();
    kept(&file, &model, "blk.0.attn_qkv.weight", "self_attn.qkv_proj.weight");
    kept(&file, &model, "blk.0.ffn_up.weight", "mlp.gate_up_proj.weight");
    assert!(file.tensor("blk.0.ffn_gate.weight").is_none() && file.tensor("rope_factors_long.weight").is_none());
    assert_eq!(window(&file, "phi3"), (None, None));
    assert_eq!(window(&converted("phi3", &json!({"sliding_window": 9})), "phi3"), (Some(9), None));
    assert_eq!(file.get("phi3.rope.dimension_count"), Some(Key::U32(8)));
    assert_eq!(file.f32("phi3.attention.layer_norm_rms_epsilon").unwrap(), Some(1e-5));
}

#[test]
fn phi3_has_factors_for_short_and_long() {
    let (short, long) = (vec![1.0, 1.5], vec![2.0, 8.0]);
    let factors = |kind: &str, name: &str| json!({kind: name, "short_factor": short, "long_factor": long});
    let common = json!({"original_max_position_embeddings": 32, "partial_rotary_factor": 0.5});
    let five = json!({"rope_type": "longrope", "rope_theta": 500.0, "partial_rotary_factor": 0.5,
        "short_factor": short, "long_factor": long, "original_max_position_embeddings": 32});
    let cases = [
        ("rope_scaling", factors("type", "longrope"), 1e4),
        ("rope_scaling", factors("type", "su"), 1e4),
        ("rope_scaling", factors("type", "yarn"), 1e4),
        ("rope_parameters", five, 500.0),
    ];
    for (key, value, base) in cases {
        let mut keys = common.clone();
        keys[key] = value;
        let file = converted("phi3", &keys);
        assert_eq!(decode(&file, "rope_factors_short.weight"), [1.0, 1.5], "{keys}");
        assert_eq!(decode(&file, "rope_factors_long.weight"), [2.0, 8.0], "{keys}");
        assert_eq!(file.get("phi3.rope.dimension_count"), Some(Key::U32(4)));
        assert_eq!(file.get("phi3.rope.scaling.original_context_length"), Some(Key::U32(32)));
        let attention = file.f32("phi3.rope.scaling.attn_factor").unwrap().unwrap();
        // √(1 + ln 2 / ln 32)
        assert!((attention - 1.2f32.sqrt()).abs() < 1e-6, "{attention}");
        assert_eq!(file.f32("phi3.rope.freq_base").unwrap(), Some(base), "{keys}");
    }
}

#[test]
fn gemma2_has_the_one_in_its_norms_and_says_its_caps() {
    let model = model("gemma2");
    let (file, _) = model.convert_as(F32).unwrap();
    for (name, source) in [
        ("attn_norm", "input_layernorm"),
        ("post_attention_norm", "post_attention_layernorm"),
        ("ffn_norm", "pre_feedforward_layernorm"),
        ("post_ffw_norm", "post_feedforward_layernorm"),
    ] {
        let plus: Vec<f32> =
            model.tensors[&format!("model.layers.0.{source}.weight")].data.iter().map(|v| v + 1.0).collect();
        assert_eq!(decode(&file, &format!("blk.0.{name}.weight")), plus, "{name}");
    }
    kept(&file, &model, "blk.0.attn_q.weight", "self_attn.q_proj.weight");
    let caps = |file: &Gguf| {
        let cap = |key: &str| file.f32(&format!("gemma2.{key}_logit_softcapping")).unwrap();
        [cap("attn"), cap("final")]
    };
    assert_eq!(caps(&file), [Some(50.0), Some(30.0)], "where the keys are absent");
    let none = json!({"attn_logit_softcapping": null, "final_logit_softcapping": 5.0});
    assert_eq!(caps(&converted("gemma2", &none)), [Some(0.0), Some(5.0)]);
    assert_eq!(window(&file, "gemma2"), (Some(4), None));
    let whole = json!({"layer_types": ["full_attention"]});
    assert_eq!(window(&converted("gemma2", &whole), "gemma2"), (Some(4), Some(vec![false])));
    assert_eq!(file.f32("gemma2.attention.scale").unwrap(), None, "1/√8 is what a head's width says");
}

#[test]
fn what_the_newer_models_do_not_run_is_refused() {
    let long =
        |count: usize| json!({"type": "longrope", "short_factor": vec![1.0; count], "long_factor": vec![1.0; 4]});
    let none = || json!({"type": "longrope", "short_factor": [1.0, 1.0, 1.0, 0.0], "long_factor": vec![1.0; 4]});
    let more = |key: &str| {
        let mut long = long(4);
        long[key] = json!(32.0);
        long
    };
    for (kind, key, value, code, part) in [
        // Version 5 takes them, version 4 the first never and the second in other places.
        ("phi3", "rope_scaling", more("factor"), "unknown_settings", "rope_scaling.factor"),
        ("phi3", "rope_scaling", more("attention_factor"), "unknown_settings", "rope_scaling.attention_factor"),
        ("phi3", "rope_parameters", more("factor"), "unknown_settings", "rope_parameters.factor"),
        ("qwen2", "rope_scaling", json!({"rope_type": "yarn", "factor": 4.0}), "unsupported", "'yarn'"),
        ("qwen2", "use_mrope", json!(true), "unknown_settings", "use_mrope"),
        ("qwen2", "layer_types", json!(["sliding_attention"]), "config_value", "layer_types"),
        ("qwen2", "sliding_window", json!(0), "config_value", "sliding_window"),
        ("qwen3", "mlp_bias", json!(true), "unknown_settings", "mlp_bias"),
        ("mistral", "hidden_act", json!("gelu"), "unsupported", "hidden_act"),
        ("mistral", "attention_bias", json!(true), "unknown_settings", "attention_bias"),
        ("phi3", "rope_scaling", long(3), "config_value", "short_factor"),
        ("phi3", "rope_scaling", none(), "config_value", "short_factor"),
        ("phi3", "rope_scaling", json!({"type": "longrope"}), "config_value", "short_factor"),
        ("phi3", "rope_scaling", json!({"type": "linear", "factor": 2.0}), "unsupported", "'linear'"),
        ("phi3", "partial_rotary_factor", json!(0.2), "config_value", "partial_rotary_factor"),
        ("phi3", "partial_rotary_factor", json!(2), "config_value", "partial_rotary_factor"),
        ("gemma2", "sliding_window", json!(null), "config_value", "sliding_window"),
        ("gemma2", "sliding_window_pattern", json!(3), "unknown_settings", "sliding_window_pattern"),
        ("gemma2", "attn_logit_softcapping", json!(-1), "config_value", "attn_logit_softcapping"),
        ("gemma2", "rope_scaling", json!({"rope_type": "llama3"}), "unsupported", "'llama3'"),
    ] {
        with(kind, &json!({key: value})).fails(code, &[part]);
    }
}

/// InternVL's language models have it: up to `max_position_embeddings`, beyond which nothing runs here, it changes no angle.
#[test]
fn what_stretches_longer_contexts_alone_stretches_nothing() {
    let scaling = json!({"rope_type": "dynamic", "type": "dynamic", "factor": 2.0});
    let keys = |file: &Gguf| file.keys().map(|(key, value)| format!("{key} {value:?}")).collect::<Vec<_>>();
    let [plain, dynamic] = [json!({}), json!({"rope_scaling": scaling})].map(|given| converted("qwen2", &given));
    assert_eq!(keys(&dynamic), keys(&plain));
    with("qwen2", &json!({"rope_scaling": {"rope_type": "dynamic", "factor": -1.0}}))
        .fails("config_value", &["factor"]);
}
