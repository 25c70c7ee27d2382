//! IDEFICS turns positions by a base of its own up to transformers 4.57, whatever a configuration says; from 5.0 on it reads
//! what LLaMA's does. `rope_parameters` tells that 5 saved the file; without it nothing is guessed.

use ocelli_convert::{ConvertError, Options, convert};
use ocelli_quant::TensorType::F32;
use ocelli_quant::gguf::Gguf;
use ocelli_tests::mixed_golden::MixedGolden;
use serde_json::{Value, json};
use std::fs;
use std::sync::Arc;

/// The golden with these keys in its configuration, converted.
fn with(golden: &str, keys: &Value) -> Result<Gguf, ConvertError> {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("hf");
    MixedGolden::load("flamingo", golden).unwrap().write(&source).unwrap();
    let path = source.join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    fs::write(path, config.to_string()).unwrap();
    let out = directory.path().join("out.gguf");
    convert(&source, &out, &Options::new(F32), &())?;
    Ok(Gguf::parse(Arc::new(fs::read(out).unwrap())).unwrap())
}

#[test]
fn idefics_turns_positions_as_the_version_does_that_saved_it() {
    let linear = json!({"rope_type": "linear", "factor": 2.0, "rope_theta": 5e5});
    for (golden, keys, base, factor) in [
        ("idefics", json!({}), 1e4, None),
        ("idefics", json!({"rope_theta": 1e4, "rope_scaling": null}), 1e4, None),
        ("idefics_five", json!({"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}}), 5e5, None),
        ("idefics_five", json!({ "rope_parameters": linear }), 5e5, Some(2.0)),
        ("idefics_five", json!({"rope_parameters": {"rope_type": "default"}, "rope_theta": 2e4}), 2e4, None),
    ] {
        let file = with(golden, &keys).unwrap();
        assert_eq!(file.f32("llama.rope.freq_base").unwrap(), Some(base), "{keys}");
        assert_eq!(file.f32("llama.rope.scaling.factor").unwrap(), factor, "{keys}");
    }
    for (keys, key) in [
        (json!({"rope_theta": 2e4}), "rope_theta"),
        (json!({"rope_scaling": {"type": "linear", "factor": 2.0}}), "rope_scaling"),
        (json!({"rope_scaling": {"rope_type": "yarn", "factor": 2.0}}), "rope_scaling.rope_type"),
    ] {
        let Err(error) = with("idefics", &keys) else { panic!("{keys}: converted") };
        assert!(["unsupported", "config_value"].contains(&error.code()) && error.to_string().contains(key), "{error}");
    }
}
