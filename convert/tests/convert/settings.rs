//! No setting is lost: what nobody reads and nobody knows to be without effect ends the conversion, by name.

use ocelli_convert::{ConvertError, Options, convert};
use ocelli_quant::TensorType::F32;
use serde_json::{Value, json};

use crate::tiny::*;

/// A conversion that goes on without these settings.
fn ignoring(model: &Model, keys: &[&str]) -> Result<Vec<String>, ConvertError> {
    let scratch = Scratch::new();
    model.write(&scratch.0);
    let mut options = Options::new(F32);
    options.ignored_settings = keys.iter().map(|key| (*key).to_owned()).collect();
    convert(&scratch.0, &scratch.0.join("out.gguf"), &options, &()).map(|report| report.notes)
}

#[test]
fn what_nobody_reads_is_refused_all_at_once() {
    let mut model = Model::new();
    model.config["my_setting"] = json!(3);
    model.insert("text_config", "window", json!({"left": 4, "right": 2}));
    model.insert("vision_config", "null_is_nothing", Value::Null);
    model.insert("qformer_config", "hidden_size2", json!("text"));
    model.fails(
        "unknown_settings",
        &[
            "3 settings",
            "config.json: my_setting = 3;",
            "config.json: text_config.window = {\"left\":4,\"right\":2}",
            "config.json: qformer_config.hidden_size2 = \"text\"",
            "--ignore-setting KEY",
        ],
    );
    let ConvertError::UnknownSettings { settings } = model.error() else { panic!("another error") };
    let keys: Vec<&str> = settings.iter().map(|setting| setting.key.as_str()).collect();
    assert_eq!(keys, ["my_setting", "qformer_config.hidden_size2", "text_config.window"]);
    assert!(settings.iter().all(|setting| setting.file == "config.json" && setting.rule.is_none()));

    let all = ["my_setting", "qformer_config.hidden_size2", "text_config.window"];
    check(&ignoring(&model, &all[..2]).unwrap_err(), "unknown_settings", &["a setting", "text_config.window"]);
    let notes = ignoring(&model, &all).unwrap();
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert!(notes[0].contains("my_setting = 3") && notes[0].contains("ignored"), "{notes:?}");
    let notes = ignoring(&Model::new(), &["text_config.window"]).unwrap();
    assert!(notes[0].contains("text_config.window") && notes[0].contains("no such"), "{notes:?}");
}

#[test]
fn a_key_in_another_place_is_another_key() {
    for (section, key, value) in [
        ("", "hidden_size", json!(32)),
        ("", "qkv_bias", json!(true)),
        ("text_config", "num_query_tokens", json!(5)),
        ("vision_config", "cross_attention_frequency", json!(2)),
        ("qformer_config", "patch_size", json!(7)),
        // A dot in a name makes no path.
        ("", "text_config.hidden_size", json!(32)),
    ] {
        let mut model = Model::new();
        if section.is_empty() {
            model.config[key] = value;
        } else {
            model.insert(section, key, value);
        }
        model.fails("unknown_settings", &[key]);
    }
}

#[test]
fn values_that_say_what_holds_anyway_pass() {
    for (section, key, neutral, other) in [
        ("", "quantization_config", json!({}), json!({"quant_method": "fp8"})),
        ("text_config", "quantization_config", json!(null), json!({"bits": 4})),
        ("text_config", "add_cross_attention", json!(false), json!(true)),
        ("text_config", "pruned_heads", json!({}), json!({"0": [1]})),
        ("text_config", "is_encoder_decoder", json!(false), json!(true)),
        ("vision_config", "num_channels", json!(3), json!(4)),
        ("", "use_decoder_only_language_model", json!(true), json!(false)),
    ] {
        let mut model = Model::new();
        let target = if section.is_empty() { &mut model.config } else { &mut model.config[section] };
        target[key] = neutral;
        model.convert_as(F32).unwrap_or_else(|error| panic!("{section} {key}: {error}"));
        let target = if section.is_empty() { &mut model.config } else { &mut model.config[section] };
        target[key] = other;
        model.fails("unknown_settings", &[key, "only "]);
    }
}

#[test]
fn other_files_are_accounted_for_as_well() {
    for (file, content, key) in [
        ("generation_config.json", json!({"my_switch": true}), "my_switch"),
        ("preprocessor_config.json", json!({"image_processor_type": "BlipImageProcessor", "do_flip": true}), "do_flip"),
        (
            "preprocessor_config.json",
            json!({"image_processor_type": "BlipImageProcessor", "size": {"height": 14, "width": 14, "depth": 1}}),
            "size.depth",
        ),
    ] {
        let mut model = Model::new();
        model.files.insert(file.to_owned(), content.to_string());
        let error = model.error();
        assert!(error.to_string().contains(&format!("{file}: {key}")), "{error}");
    }
}

#[test]
fn special_tokens_may_be_named_in_both_files() {
    let mut model = Model::new();
    let names = json!({"bos_token": "</s>", "eos_token": "</s>", "pad_token": "<pad>"});
    model.files.insert("tokenizer_config.json".to_owned(), names.to_string());
    model.files.insert("special_tokens_map.json".to_owned(), names.to_string());
    assert_eq!(ignoring(&model, &[]).unwrap(), [""; 0]);
}

/// What somebody may have meant and nobody asks for there is said, unless it says what holds anyway.
#[test]
fn settings_that_nobody_asks_for_are_noted() {
    for (section, key, neutral, other) in [
        ("vision_config", "num_beams", json!(1), json!(4)),
        ("vision_config", "max_length", json!(20), json!(30)),
        ("vision_config", "tie_word_embeddings", json!(true), json!(false)),
        ("qformer_config", "do_sample", json!(false), json!(true)),
        ("qformer_config", "repetition_penalty", json!(1.0), json!(1.5)),
    ] {
        let mut model = Model::new();
        model.insert(section, key, neutral);
        assert_eq!(ignoring(&model, &[]).unwrap(), [""; 0], "{section}.{key}");
        model.insert(section, key, other);
        let notes = ignoring(&model, &[]).unwrap();
        let said = format!("config.json: {section}.{key} = ");
        assert!(matches!(&notes[..], [note] if note.starts_with(&said) && note.contains("is not taken")), "{notes:?}");
    }
}
