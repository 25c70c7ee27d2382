//! How positions are turned, wherever a configuration says it. What is right is what transformers 5.24.0 makes of the same
//! configuration, and 4.57.6 where the newer object is not there; where the two would differ, nothing is guessed.

use ocelli_quant::TensorType::F32;
use ocelli_quant::gguf::Gguf;
use serde_json::{Value, json};

use crate::text::{fused, model};
use crate::tiny::*;

/// A model with these keys in its configuration.
fn with(mut model: Model, keys: &Value) -> Model {
    for (key, value) in keys.as_object().unwrap() {
        model.config[key] = value.clone();
    }
    model
}

fn converted(model: &Model) -> (Gguf, Vec<String>) {
    let (file, report) = model.convert_as(F32).unwrap();
    (file, report.notes)
}

fn number(file: &Gguf, key: &str) -> Option<f32> {
    file.f32(key).unwrap()
}

/// The base, the factor of a linear scaling, and the keys that notes say are not taken.
fn checked(kind: &str, architecture: &str, keys: &Value, base: f32, factor: Option<f32>, left: &[&str]) {
    let (file, notes) = converted(&with(if kind == "gpt_neox" { fused(kind) } else { model(kind) }, keys));
    assert_eq!(number(&file, &format!("{architecture}.rope.freq_base")), Some(base), "{keys}");
    assert_eq!(number(&file, &format!("{architecture}.rope.scaling.factor")), factor, "{keys}");
    assert_eq!(notes.len(), left.len(), "{keys}: {notes:?}");
    for key in left {
        let said = format!(": {key} = ");
        assert!(notes.iter().any(|note| note.contains(&said) && note.contains("is not taken")), "{keys}: {notes:?}");
    }
}

#[test]
fn llama_follows_the_inner_number_and_the_older_object() {
    let llama = |keys, base, factor, left: &[&str]| checked("llama", "llama", &keys, base, factor, left);
    let default = |theta: f64| json!({"rope_type": "default", "rope_theta": theta});
    llama(json!({"rope_parameters": default(5e5)}), 5e5, None, &[]);
    llama(json!({"rope_parameters": default(5e5), "rope_theta": 5e5}), 5e5, None, &[]);
    llama(json!({"rope_parameters": default(5e5), "rope_theta": 2e4}), 5e5, None, &["rope_theta"]);
    llama(json!({"rope_parameters": null, "rope_theta": 2e4}), 2e4, None, &[]);
    llama(json!({"rope_parameters": {"rope_type": "default"}, "rope_theta": 2e4}), 2e4, None, &[]);
    let linear = json!({"rope_type": "linear", "factor": 2.0, "rope_theta": 5e5});
    llama(json!({ "rope_parameters": linear }), 5e5, Some(2.0), &[]);
    llama(json!({"rope_parameters": {"type": "linear", "factor": 2.0}}), 1e4, Some(2.0), &[]);
    // The older name takes the place of the whole object, its base included.
    let older = json!({"type": "linear", "factor": 4.0});
    llama(json!({"rope_parameters": linear, "rope_scaling": older}), 1e4, Some(4.0), &["rope_parameters"]);
    llama(json!({"rope_parameters": linear, "rope_scaling": {}}), 5e5, Some(2.0), &[]);
    // Of the two names of the kind, version 5 follows one.
    let both = json!({"rope_type": "default", "type": "linear", "factor": 2.0});
    llama(json!({ "rope_parameters": both }), 1e4, None, &["rope_parameters.factor", "rope_parameters.type"]);
    let both = json!({"rope_type": "linear", "type": "default", "factor": 2.0});
    llama(json!({ "rope_parameters": both }), 1e4, Some(2.0), &["rope_parameters.type"]);
}

#[test]
fn what_versions_take_otherwise_is_refused() {
    let linear = json!({"rope_type": "linear", "factor": 2.0});
    for (kind, keys, key) in [
        // Version 4 does not look for a base in the older object.
        (
            "llama",
            json!({"rope_scaling": {"rope_type": "linear", "factor": 2.0, "rope_theta": 5e5}}),
            "rope_scaling.rope_theta",
        ),
        (
            "llama",
            json!({"rope_scaling": {"rope_type": "linear", "type": "default", "factor": 2.0}}),
            "rope_scaling.type",
        ),
        (
            "llama",
            json!({"original_max_position_embeddings": 48, "rope_scaling": {"rope_type": "llama3", "factor": 8.0,
                   "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 96}}),
            "original_max_position_embeddings",
        ),
        (
            "gemma3_text",
            json!({"rope_scaling": {"rope_type": "linear", "factor": 2.0, "rope_theta": 5e5}}),
            "rope_scaling.rope_theta",
        ),
        ("gpt_neox", json!({"rope_scaling": {"rope_theta": 5e5}}), "rope_scaling.rope_theta"),
        ("gpt_neox", json!({"rope_scaling": {"partial_rotary_factor": 0.25}}), "rope_scaling.partial_rotary_factor"),
        // What is not run is refused wherever it stands.
        ("llama", json!({"rope_parameters": {"rope_type": "yarn", "factor": 4.0}}), "rope_parameters.rope_type"),
        ("llama", json!({"rope_parameters": {"partial_rotary_factor": 0.5}}), "rope_parameters.partial_rotary_factor"),
        (
            "gemma3_text",
            json!({"rope_parameters": {"sliding_attention": linear}}),
            "rope_parameters.sliding_attention.rope_type",
        ),
        ("gpt_neox", json!({"rope_parameters": linear}), "rope_parameters.rope_type"),
    ] {
        let model = with(if kind == "gpt_neox" { fused(kind) } else { model(kind) }, &keys);
        let error = model.error();
        assert!(["unsupported", "config_value", "unknown_settings"].contains(&error.code()), "{keys}: {error}");
        assert!(error.to_string().contains(key), "{keys}: {error}");
    }
}

#[test]
fn llama3_stretches_from_the_context_that_stands_first() {
    let inner = |context: Value| {
        json!({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
               "original_max_position_embeddings": context})
    };
    // Wavelengths are 6.28, 62.8, 628 and 6283; the second lies between a quarter of the context and all of it.
    let second = |context: f64| {
        let share = (context / (std::f64::consts::TAU * 10.0) - 1.0) / 3.0;
        (1.0 / ((1.0 - share) / 8.0 + share)) as f32
    };
    for (keys, context, left) in [
        (json!({"rope_parameters": inner(json!(96))}), 96.0, 0),
        // The top goes before the object, and what a model was made for stands in for both.
        (json!({"rope_parameters": inner(json!(96)), "original_max_position_embeddings": 128}), 128.0, 1),
        (json!({"rope_parameters": inner(Value::Null), "original_max_position_embeddings": 128}), 128.0, 0),
        (json!({"rope_parameters": inner(Value::Null), "max_position_embeddings": 160}), 160.0, 0),
    ] {
        let (file, notes) = converted(&with(model("llama"), &keys));
        let got = decode(&file, "rope_freqs.weight");
        assert_eq!((got[0], got[2], got[3]), (1.0, 8.0, 8.0), "{keys}");
        assert!((got[1] - second(context)).abs() < 1e-5, "{keys}: {} for {}", got[1], second(context));
        assert_eq!(notes.len(), left, "{keys}: {notes:?}");
    }
}

#[test]
fn gemma_has_an_object_for_each_kind_of_layer() {
    let full = json!({"rope_type": "linear", "factor": 8.0, "rope_theta": 3e6});
    let local = json!({"rope_type": "default", "rope_theta": 500.0});
    for (keys, base, swa, factor, notes) in [
        (
            json!({"rope_parameters": {"full_attention": full, "sliding_attention": local}}),
            3e6,
            Some(500.0),
            Some(8.0),
            0,
        ),
        (json!({"rope_parameters": {"full_attention": full}}), 3e6, None, Some(8.0), 0),
        (json!({"rope_parameters": {"sliding_attention": local}, "rope_theta": 2e6}), 2e6, Some(500.0), None, 0),
        (
            json!({"rope_parameters": {"full_attention": full, "sliding_attention": local}, "rope_theta": 2e6,
                   "rope_local_base_freq": 700.0}),
            3e6,
            Some(500.0),
            Some(8.0),
            2,
        ),
        // Beside them nothing is read.
        (json!({"rope_parameters": {"rope_theta": 3e6, "rope_type": "default"}}), 1e6, None, None, 2),
        (
            json!({"rope_parameters": {"full_attention": full}, "rope_scaling": {"rope_type": "linear", "factor": 4.0}}),
            3e6,
            None,
            Some(4.0),
            1,
        ),
        (json!({"rope_theta": 2e6, "rope_local_base_freq": 700.0}), 2e6, Some(700.0), None, 0),
    ] {
        let (file, said) = converted(&with(model("gemma3_text"), &keys));
        assert_eq!(number(&file, "gemma3.rope.freq_base"), Some(base), "{keys}");
        assert_eq!(number(&file, "gemma3.rope.freq_base_swa"), swa, "{keys}");
        assert_eq!(number(&file, "gemma3.rope.scaling.factor"), factor, "{keys}");
        assert_eq!(said.len(), notes, "{keys}: {said:?}");
    }
}

#[test]
fn neox_turns_the_share_that_its_own_names_say() {
    // A head is 8 wide.
    for (keys, base, turned, left) in [
        (
            json!({"rope_parameters": {"rope_theta": 5e5, "partial_rotary_factor": 0.25}, "rotary_pct": null}),
            5e5,
            2,
            vec![],
        ),
        (json!({"rope_parameters": {"rope_theta": 5e5, "partial_rotary_factor": 0.25}}), 5e5, 2, vec!["rotary_pct"]),
        (json!({"rope_parameters": {"rope_type": "default"}, "rotary_emb_base": 2e4}), 2e4, 4, vec![]),
        // Both versions write over these two at the top.
        (json!({"rope_theta": 5e5, "partial_rotary_factor": 1.0}), 1e4, 4, vec!["rope_theta", "partial_rotary_factor"]),
        (json!({"rope_theta": 1e4, "partial_rotary_factor": 0.5}), 1e4, 4, vec![]),
    ] {
        checked("gpt_neox", "gptneox", &keys, base, None, &left);
        let (file, _) = converted(&with(fused("gpt_neox"), &keys));
        assert_eq!(file.u32("gptneox.rope.dimension_count").unwrap(), Some(turned), "{keys}");
    }
}
