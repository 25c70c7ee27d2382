//! Keys, defaults and refusals of a configuration.

use ocelli_convert::{Options, convert, families};
use ocelli_quant::TensorType::{F16, F32};
use ocelli_quant::gguf::Value;
use serde_json::json;

use crate::tiny::*;

#[test]
fn keys_are_the_formats() {
    let (file, _) = Model::new().convert_as(F16).unwrap();
    let texts = [
        ("general.architecture", "opt"),
        ("general.name", "blip2-opt"),
        ("ocelli.family", "blip2"),
        ("opt.activation", "relu"),
        ("clip.vision.activation", "gelu"),
        ("ocelli.qformer.activation", "gelu"),
        ("ocelli.image.resize", "square"),
        ("ocelli.image.filter", "bicubic"),
        ("tokenizer.ggml.model", "gpt2"),
        ("tokenizer.ggml.pre", "gpt-2"),
    ];
    for (key, value) in texts {
        assert_eq!(file.get(key), Some(Value::Str(value)), "{key}");
    }
    let numbers = [
        ("general.file_type", 1),
        ("ocelli.version", 1),
        ("opt.context_length", POSITIONS - 2),
        ("opt.embedding_length", WIDTH),
        ("opt.block_count", 2),
        ("opt.feed_forward_length", FFN),
        ("opt.attention.head_count", 4),
        ("opt.vocab_size", VOCABULARY),
        ("opt.position_offset", 2),
        ("clip.vision.image_size", 14),
        ("clip.vision.patch_size", 7),
        ("clip.vision.embedding_length", IMAGE),
        ("clip.vision.feed_forward_length", IMAGE_FFN),
        ("clip.vision.block_count", 2),
        ("clip.vision.attention.head_count", 4),
        ("ocelli.qformer.embedding_length", BRIDGE),
        ("ocelli.qformer.block_count", 3),
        ("ocelli.qformer.feed_forward_length", BRIDGE_FFN),
        ("ocelli.qformer.attention.head_count", 4),
        ("ocelli.qformer.cross_attention_frequency", 2),
        ("ocelli.qformer.query_count", QUERIES),
        ("ocelli.qformer.encoder_length", IMAGE),
        ("ocelli.image_token", 39),
        ("ocelli.generation.bos_id", 2),
    ];
    for (key, value) in numbers {
        assert_eq!(file.get(key), Some(Value::U32(value as u32)), "{key}");
    }
    let reals = [
        ("opt.attention.layer_norm_epsilon", 1e-5),
        ("clip.vision.attention.layer_norm_epsilon", 1e-6),
        ("clip.vision.post_norm_epsilon", 1e-6),
        ("ocelli.qformer.attention.layer_norm_epsilon", 1e-12),
    ];
    for (key, value) in reals {
        assert_eq!(file.get(key), Some(Value::F32(value)), "{key}");
    }
    for key in [
        "opt.norm_before",
        "clip.has_vision_encoder",
        "ocelli.image.do_resize",
        "ocelli.image.do_rescale",
        "ocelli.image.do_normalize",
    ] {
        assert_eq!(file.get(key), Some(Value::Bool(true)), "{key}");
    }
    assert_eq!(file.get("ocelli.image.rescale"), Some(Value::F64(1.0 / 255.0)));
    assert_eq!(file.f32s("clip.vision.image_mean").unwrap().unwrap(), [0.25, 0.5, 0.75]);
    assert_eq!(file.f32s("clip.vision.image_std").unwrap().unwrap(), [0.5, 0.25, 0.125]);
    assert_eq!(file.u32s("ocelli.image.size").unwrap().unwrap(), [14, 14]);
    assert_eq!(file.u32s("ocelli.generation.eos_ids").unwrap().unwrap(), [7]);
    assert!(file.get("ocelli.source").is_none());
}

#[test]
fn origin_is_kept_unless_it_is_a_path() {
    for (name, known) in
        [("Salesforce/blip2-opt-2.7b", true), ("/models/blip2", false), ("../x/y", false), ("a/b/c", false)]
    {
        let mut model = Model::new();
        model.config["_name_or_path"] = name.into();
        let (file, _) = model.convert_as(F32).unwrap();
        assert_eq!(file.get("ocelli.source"), known.then_some(Value::Str(name)), "{name}");
        assert_eq!(file.get("general.name"), Some(Value::Str(if known { "blip2-opt-2.7b" } else { "blip2-opt" })));
    }
}

#[test]
fn switches_change_tensors_and_keys() {
    let mut model = Model::new();
    model.insert("text_config", "enable_bias", false.into());
    model.insert("text_config", "layer_norm_elementwise_affine", false.into());
    model.insert("vision_config", "qkv_bias", false.into());
    model.tensors.retain(|name, _| {
        let text = name.starts_with("language_model.model.decoder");
        let norm = name.contains("layer_norm");
        !(text && (norm || name.ends_with(".bias"))) && !name.ends_with("qkv.bias")
    });
    let (file, _) = model.convert_as(F32).unwrap();
    assert!(file.tensor("blk.0.attn_q.bias").is_none() && file.tensor("v.blk.0.attn_q.bias").is_none());
    assert_eq!(decode(&file, "blk.1.ffn_norm.weight"), [1.0; WIDTH as usize]);
    assert_eq!(decode(&file, "output_norm.bias"), [0.0; WIDTH as usize]);

    for (switch, value, before) in [("do_layer_norm_before", false, false), ("_remove_final_layer_norm", true, true)] {
        let mut model = Model::new();
        model.insert("text_config", switch, value.into());
        model.fails("unknown_tensors", &["decoder.final_layer_norm.bias"]);
        model.tensors.retain(|name, _| !name.starts_with("language_model.model.decoder.final_layer_norm"));
        let (file, _) = model.convert_as(F32).unwrap();
        assert!(file.tensor("output_norm.weight").is_none());
        assert_eq!(file.get("opt.norm_before"), Some(Value::Bool(before)));
    }

    // The convolution cuts off what the patch does not divide.
    let mut model = Model::new();
    model.set("/vision_config/image_size", 20.into());
    model.files.remove("preprocessor_config.json");
    assert!(model.convert_as(F32).is_ok());
}

#[test]
fn activations_are_named_or_refused() {
    for (theirs, ours) in [
        ("gelu_new", "gelu_tanh"),
        ("gelu_fast", "gelu_tanh"),
        ("gelu_pytorch_tanh", "gelu_tanh"),
        ("quick_gelu", "gelu_quick"),
        ("swish", "silu"),
        ("gelu", "gelu"),
    ] {
        let mut model = Model::new();
        model.insert("text_config", "activation_function", theirs.into());
        model.insert("vision_config", "hidden_act", theirs.into());
        model.insert("qformer_config", "hidden_act", theirs.into());
        let (file, _) = model.convert_as(F32).unwrap();
        for key in ["opt.activation", "clip.vision.activation", "ocelli.qformer.activation"] {
            assert_eq!(file.get(key), Some(Value::Str(ours)), "{theirs}");
        }
    }
    let mut model = Model::new();
    model.insert("text_config", "activation_function", "xielu".into());
    model.fails("unsupported", &["text_config.activation_function", "'xielu'", "gelu_new"]);
}

#[test]
fn what_the_engine_does_not_run_is_refused_by_name() {
    let cases = [
        ("text_config", "model_type", json!("bart"), "unsupported", "'bart'"),
        ("text_config", "word_embed_proj_dim", json!(48), "unsupported", "hidden_size 32"),
        ("text_config", "num_attention_heads", json!(5), "config_value", "must divide hidden_size 32"),
        ("text_config", "eos_token_id", json!("2"), "json_type", "a token id"),
        ("text_config", "num_hidden_layers", json!(0), "config_value", "1..=1024"),
        ("text_config", "vocab_size", json!("40"), "json_type", "the text \"40\""),
        ("text_config", "hidden_size", json!(-1), "json_type", "an unsigned integer"),
        ("text_config", "ffn_dim", json!(4_294_967_328u64), "config_value", "4294967328"),
        ("text_config", "enable_bias", json!(1), "json_type", "true or false"),
        ("vision_config", "layer_norm_eps", json!(0.0), "config_value", "(0, 1)"),
        ("vision_config", "patch_size", json!(15), "config_value", "at most image_size 14"),
        ("vision_config", "image_size", json!(4097), "config_value", "1..=4096"),
        ("qformer_config", "position_embedding_type", json!("relative_key"), "unsupported", "'relative_key'"),
        ("qformer_config", "cross_attention_frequency", json!(0), "config_value", "cross_attention_frequency"),
    ];
    for (section, key, value, code, part) in cases {
        let mut model = Model::new();
        model.insert(section, key, value);
        model.fails(code, &["config.json", &format!("{section}.{key}"), part]);
    }
    let mut model = Model::new();
    model.config["image_token_index"] = 40.into();
    model.fails("config_value", &["image_token_index", "0..=39"]);
    model.config["model_type"] = "florence2".into();
    model.fails("unknown_family", &["'florence2'", "blip2 (blip-2)"]);
    model.config["text_config"] = json!([1]);
    model.config["model_type"] = "blip-2".into();
    model.fails("json_type", &["text_config", "an object", "a list of 1"]);
}

#[test]
fn families_can_be_asked_for() {
    let scratch = Scratch::new();
    let mut model = Model::new();
    model.config["model_type"] = "my-blip".into();
    model.write(&scratch.0);
    let mut options = Options::new(F32);
    let convert = |options: &Options| convert(&scratch.0, &scratch.0.join("o.gguf"), options, &());
    check(&convert(&options).unwrap_err(), "unknown_family", &[]);
    options.family = Some("florence".to_owned());
    check(&convert(&options).unwrap_err(), "no_such_family", &["florence"]);
    options.family = Some(families()[0].0.to_owned());
    assert!(convert(&options).is_ok());
}

/// llama.cpp's names; what is out of range is noted and not stored, and a configuration's own values are its class's.
#[test]
fn how_its_makers_draw_is_stored() {
    let mut model = crate::text::model("llama");
    let config = model.config.clone();
    let draws =
        json!({"do_sample": true, "temperature": 0.6, "top_p": 0.9, "top_k": 20, "min_p": 0.05, "typical_p": 0.9});
    model.files.insert("generation_config.json".to_owned(), draws.to_string());
    let (file, report) = model.convert_as(F32).unwrap();
    for (name, wanted) in [("temp", 0.6), ("top_p", 0.9), ("min_p", 0.05)] {
        assert_eq!(file.f32(&format!("general.sampling.{name}")).unwrap(), Some(wanted), "{name}");
    }
    assert_eq!(file.i32("general.sampling.top_k").unwrap(), Some(20));
    let note = report.notes.iter().find(|note| note.contains("typical_p 0.9")).unwrap();
    assert!(note.contains("do_sample true") && !note.contains("temperature") && !note.contains("top_"), "{note}");

    let wrong = json!({"do_sample": true, "temperature": -1.0, "top_p": 0.0, "top_k": 2.5});
    model.files.insert("generation_config.json".to_owned(), wrong.to_string());
    let (file, report) = model.convert_as(F32).unwrap();
    assert!(file.keys().all(|(key, _)| !key.starts_with("general.sampling.")));
    let note = report.notes.iter().find(|note| note.contains("temperature -1")).unwrap();
    assert!(note.contains("top_p 0") && note.contains("top_k 2.5"), "{note}");

    model.files.remove("generation_config.json");
    model.config = config;
    model.config["temperature"] = json!(0.5);
    let (file, _) = model.convert_as(F32).unwrap();
    assert!(file.get("general.sampling.temp").is_none());
}

#[test]
fn generation_follows_the_inner_model() {
    let mut model = Model::new();
    let outer =
        json!({"eos_token_id": 9, "num_beams": 5, "max_new_tokens": 30, "length_penalty": -1.0, "max_length": 20});
    model.files.insert("generation_config.json".to_owned(), outer.to_string());
    model.insert("text_config", "num_beams", 3.into());
    let (file, report) = model.convert_as(F32).unwrap();
    assert_eq!(file.u32s("ocelli.generation.eos_ids").unwrap().unwrap(), [7]);
    assert_eq!(file.get("ocelli.generation.num_beams"), Some(Value::U32(3)));
    assert_eq!(file.get("ocelli.generation.max_new_tokens"), Some(Value::U32(30)));
    assert!(file.get("ocelli.generation.length_penalty").is_none(), "the inner model does not look there");
    assert!(report.notes[0].contains("[9]") && report.notes[0].contains("[7]"), "{report:?}");

    // What the engine would not open is not written.
    for (key, got) in [("num_beams", 65), ("num_beams", 0), ("no_repeat_ngram_size", 1 << 25), ("min_length", 1 << 25)]
    {
        let mut model = Model::new();
        model.insert("text_config", key, got.into());
        check(&model.convert_as(F32).unwrap_err(), "config_value", &[key, &got.to_string()]);
    }

    model.config["text_config"]["eos_token_id"] = json!([2, 7]);
    let (file, _) = model.convert_as(F32).unwrap();
    assert_eq!(file.u32s("ocelli.generation.eos_ids").unwrap().unwrap(), [2, 7]);
    model.config["text_config"]["eos_token_id"] = json!([2, -1, 40]);
    let (file, report) = model.convert_as(F32).unwrap();
    assert_eq!(file.u32s("ocelli.generation.eos_ids").unwrap().unwrap(), [2]);
    assert!(
        report.notes.iter().any(|n| n.contains("-1")) && report.notes.iter().any(|n| n.contains("40")),
        "{report:?}"
    );
    model.config["text_config"]["eos_token_id"] = json!(null);
    let (file, _) = model.convert_as(F32).unwrap();
    assert_eq!(file.u32s("ocelli.generation.eos_ids").unwrap().unwrap(), [0u32; 0], "null never ends");
    model.config["text_config"].as_object_mut().unwrap().remove("eos_token_id");
    let (file, _) = model.convert_as(F32).unwrap();
    assert_eq!(file.u32s("ocelli.generation.eos_ids").unwrap().unwrap(), [2]);
}

#[test]
fn preprocessing_is_read_or_defaulted() {
    let with = |change: serde_json::Value| {
        let mut model = Model::new();
        let mut config: serde_json::Value = serde_json::from_str(&model.files["preprocessor_config.json"]).unwrap();
        for (key, value) in change.as_object().unwrap() {
            config[key] = value.clone();
        }
        model.files.insert("preprocessor_config.json".to_owned(), config.to_string());
        model
    };
    let (file, _) =
        with(json!({"size": 14, "resample": 2, "do_normalize": false, "image_mean": 0.5})).convert_as(F32).unwrap();
    assert_eq!(file.get("ocelli.image.filter"), Some(Value::Str("bilinear")));
    assert_eq!(file.get("ocelli.image.do_normalize"), Some(Value::Bool(false)));
    assert_eq!(file.f32s("clip.vision.image_mean").unwrap().unwrap(), [0.5; 3]);
    with(json!({"size": {"height": 14, "width": 15}})).fails("config_value", &["15 x 14", "14 x 14"]);
    with(json!({"size": {"shortest_edge": 14}})).fails("unsupported", &["size.shortest_edge"]);
    with(json!({"image_mean": [0.5]})).fails("config_value", &["image_mean", "3 numbers"]);
    with(json!({"image_std": [0.5, 0.0, 0.5]})).fails("config_value", &["image_std"]);
    with(json!({"resample": 6})).fails("config_value", &["resample", "0..=5"]);
    with(json!({"do_center_crop": true})).fails("unsupported", &["do_center_crop"]);
    with(json!({"image_processor_type": "CLIPImageProcessor"})).fails("unsupported", &["CLIPImageProcessor"]);

    let mut model = Model::new();
    let inner: serde_json::Value =
        serde_json::from_str(&model.files.remove("preprocessor_config.json").unwrap()).unwrap();
    let (file, report) = model.convert_as(F32).unwrap();
    assert_eq!(file.u32s("ocelli.image.size").unwrap().unwrap(), [14, 14]);
    assert_eq!(file.f32s("clip.vision.image_mean").unwrap().unwrap(), [0.481_454_66, 0.457_827_5, 0.408_210_73]);
    assert!(report.notes[0].contains("no preprocessor_config.json"));
    model.files.insert("processor_config.json".to_owned(), json!({"image_processor": inner}).to_string());
    let (file, report) = model.convert_as(F32).unwrap();
    assert_eq!(file.f32s("clip.vision.image_mean").unwrap().unwrap(), [0.25, 0.5, 0.75]);
    assert!(report.notes.is_empty());
}

/// One number for all layers or both sides may stand there as a list.
#[test]
fn lists_of_equal_numbers_are_the_number() {
    for (section, key, equal, other) in [
        ("text_config", "num_attention_heads", json!([4, 4]), json!([4, 2])),
        ("qformer_config", "num_attention_heads", json!([4, 4, 4]), json!([4, 4, 2])),
        ("vision_config", "num_attention_heads", json!([4]), json!([])),
        ("vision_config", "image_size", json!([14, 14]), json!([14, 28])),
        ("vision_config", "patch_size", json!([7, 7]), json!([7, "7"])),
    ] {
        let mut model = Model::new();
        let (wanted, _) = model.convert_as(F32).unwrap();
        model.insert(section, key, equal);
        let (file, _) = model.convert_as(F32).unwrap();
        assert!(file.keys().eq(wanted.keys()), "{section}.{key}");
        model.insert(section, key, other);
        model.fails("unsupported", &[&format!("{section}.{key}"), "a list of equal ones"]);
    }
    for (key, equal, other) in
        [("num_key_value_heads", json!([2]), json!([2, 1])), ("num_attention_heads", json!([4]), json!([4, 2]))]
    {
        let mut model = crate::text::model("llama");
        let (wanted, _) = model.convert_as(F32).unwrap();
        model.config[key] = equal;
        let (file, _) = model.convert_as(F32).unwrap();
        assert!(file.keys().eq(wanted.keys()), "{key}");
        model.config[key] = other;
        model.fails("unsupported", &[key, "a list of equal ones"]);
    }
}

/// transformers 5 writes the newer file and reads it first; one of version 4 may lie beside it still.
#[test]
fn the_newer_processor_file_goes_before_the_older() {
    let older: serde_json::Value = serde_json::from_str(&Model::new().files["preprocessor_config.json"]).unwrap();
    let mut newer = older.clone();
    newer["image_mean"] = json!([0.5, 0.5, 0.5]);
    for (older, newer, mean, notes) in [
        (Some(&older), Some(&newer), [0.5, 0.5, 0.5], 1),
        (Some(&older), Some(&older), [0.25, 0.5, 0.75], 0),
        (Some(&older), None, [0.25, 0.5, 0.75], 0),
        (None, Some(&newer), [0.5, 0.5, 0.5], 0),
    ] {
        let mut model = Model::new();
        model.files.remove("preprocessor_config.json");
        for (name, content) in [
            ("preprocessor_config.json", older.cloned()),
            ("processor_config.json", newer.map(|newer| json!({ "image_processor": newer }))),
        ] {
            model.files.extend(content.map(|content| (name.to_owned(), content.to_string())));
        }
        let (file, report) = model.convert_as(F32).unwrap();
        assert_eq!(file.f32s("clip.vision.image_mean").unwrap().unwrap(), mean);
        assert_eq!(report.notes.len(), notes, "{:?}", report.notes);
        assert!(report.notes.iter().all(|note| note.contains("another image_processor than preprocessor_config.json")));
    }
}
