//! LLaVA as its own repository saves it: whole, as a delta, with a projector's file, with an adapter. All of them give the
//! tensors of one directory of transformers'.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use ocelli_convert::{ConvertError, Options, Original, Report, convert_llava};
use ocelli_quant::TensorType::F32;
use ocelli_quant::gguf::{Gguf, MetaValue};
use serde_json::{Value, json};

use crate::llava::{TOWER, empty, same, tower, value, whole};
use crate::text::{TEXT_WIDTH, model};
use crate::tiny::*;

/// The parts that the original has.
struct Parts {
    language: Model,
    vision: Model,
    base: Option<Model>,
    projector: Option<Model>,
    /// The adapter, and what was trained whole beside it.
    lora: Option<(Model, Model)>,
    conversation: Option<&'static str>,
}

/// What the configurations of the releases have beside what decides anything: those of LLaVA 1.5 and 1.6, and of the first.
fn released() -> Value {
    json!({
        "freeze_mm_mlp_adapter": false, "freeze_mm_vision_resampler": false, "image_crop_resolution": 224,
        "image_split_resolution": 224, "max_length": 4096, "mm_projector_lr": null, "mm_resampler_type": null,
        "mm_use_im_patch_token": false, "mm_use_im_start_end": false, "mm_vision_select_feature": "patch",
        "mm_vision_tower_lr": 2e-6, "pretrain_mm_mlp_adapter": null, "pretraining_tp": 1, "rope_scaling": null,
        "sep_image_conv_front": false, "tokenizer_model_max_length": 4096, "tokenizer_padding_side": "right",
        "tune_mm_mlp_adapter": false, "tune_mm_vision_resampler": false, "unfreeze_mm_vision_tower": true,
        "use_mm_proj": true,
    })
}

fn original(next: bool) -> Parts {
    let whole = whole(next);
    let mut vision = tower();
    vision.config = json!({"model_type": "clip", "vision_config": vision.config, "text_config": {"hidden_size": 4}});
    vision.add("text_model.embeddings.token_embedding.weight", &[4, 4]);
    let processor = json!({"image_processor_type": "CLIPImageProcessor", "size": 14, "crop_size": 14});
    vision.files.insert("preprocessor_config.json".to_owned(), processor.to_string());
    let mut language = model("llama");
    for (name, tensor) in &whole.tensors {
        let name = name.replace("multi_modal_projector.linear_1", "model.mm_projector.0");
        let name = name
            .replace("multi_modal_projector.linear_2", "model.mm_projector.2")
            .replace("image_newline", "model.image_newline");
        if name.starts_with("model.") {
            language.tensors.insert(name, tensor.clone());
        }
    }
    let more = json!({
        "model_type": "llava_llama", "mm_projector_type": "mlp2x_gelu", "mm_hidden_size": TOWER, "mm_vision_select_layer": -2,
        "mm_vision_tower": "openai/clip-vit-tiny-patch7-14", "image_aspect_ratio": if next { "anyres" } else { "square" },
        "mm_patch_merge_type": if next { "spatial_unpad" } else { "flat" },
        "image_grid_pinpoints": if next { json!([[28, 14], [14, 28]]) } else { Value::Null },
    });
    for (key, value) in [more, released()].iter().flat_map(|keys| keys.as_object().unwrap()) {
        language.config[key] = value.clone();
    }
    Parts { language, vision, base: None, projector: None, lora: None, conversation: None }
}

/// A file of `torch.save`.
fn save(model: &Model) -> Vec<u8> {
    model.torch_bytes(&model.tensors.keys().collect::<Vec<_>>())
}

impl Parts {
    fn convert(&self) -> Result<(Gguf, Report), ConvertError> {
        let scratch = Scratch::new();
        let directory = |name: &str, model: &Model| -> PathBuf {
            let directory = scratch.0.join(name);
            fs::create_dir(&directory).unwrap();
            model.write(&directory);
            directory
        };
        let projector = self.projector.as_ref().map(|projector| {
            let directory = scratch.0.join("projector");
            fs::create_dir(&directory).unwrap();
            if !projector.config.as_object().unwrap().is_empty() {
                fs::write(directory.join("config.json"), projector.config.to_string()).unwrap();
            }
            fs::write(directory.join("mm_projector.bin"), save(projector)).unwrap();
            directory.join("mm_projector.bin")
        });
        let lora = self.lora.as_ref().map(|(adapter, beside)| {
            let directory = scratch.0.join("lora");
            fs::create_dir(&directory).unwrap();
            for (name, content) in &adapter.files {
                fs::write(directory.join(name), content).unwrap();
            }
            fs::write(directory.join("adapter_model.bin"), save(adapter)).unwrap();
            fs::write(directory.join("config.json"), beside.config.to_string()).unwrap();
            fs::write(directory.join("non_lora_trainables.bin"), save(beside)).unwrap();
            directory
        });
        let sources = Original {
            language: directory("language", &self.language),
            vision: directory("vision", &self.vision),
            base: self.base.as_ref().map(|base| directory("base", base)),
            projector,
            lora,
            conversation: self.conversation.map(str::to_owned),
        };
        let out = scratch.0.join("out.gguf");
        let report = convert_llava(&sources, &out, &Options::new(F32), &())?;
        Ok((parse(&out), report))
    }

    fn fails(&self, code: &str, parts: &[&str]) {
        match self.convert() {
            Ok(_) => panic!("converted, expected {code}"),
            Err(error) => check(&error, code, parts),
        }
    }

    /// Takes the projector out of the language model.
    fn taken(&mut self) -> Model {
        let mut projector = empty();
        let (mine, rest): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut self.language.tensors)
            .into_iter()
            .partition(|(name, _)| name.contains("mm_projector") || name.contains("newline"));
        (projector.tensors, self.language.tensors) = (mine, rest);
        projector.config = self.language.config.clone();
        self.language.config = model("llama").config;
        projector
    }
}

#[test]
fn the_original_is_the_same_model() {
    for next in [false, true] {
        let wanted = whole(next).convert_as(F32).unwrap().0;
        let (file, report) = original(next).convert().unwrap();
        same(&file, &wanted, 0.0);
        // What differs is what the two do otherwise.
        let others = [
            "ocelli.image.unpad",
            "ocelli.image_token",
            "clip.vision.image_grid_pinpoints",
            "general.name",
            "ocelli.source",
        ];
        for (key, value) in wanted.keys().filter(|(key, _)| !others.contains(key)) {
            assert_eq!(file.get(key).map(MetaValue::from), Some(MetaValue::from(value)), "{key}");
        }
        if next {
            // Both lists are the same sizes in the same order.
            let key = "clip.vision.image_grid_pinpoints";
            assert_eq!(value(&file, key), value(&wanted, key));
            assert_eq!(value(&file, "ocelli.image.unpad"), MetaValue::Str("floor".to_owned()));
        }
        // `generate` is given rows, and a text between pictures is tokenised by itself.
        assert_eq!(value(&file, "ocelli.generation.penalises_prompt"), MetaValue::Bool(false));
        assert_eq!(value(&file, "ocelli.prompt.texts_apart"), MetaValue::Bool(true));
        assert!(report.notes.iter().any(|note| note.contains("vicuna_v1")), "{:?}", report.notes);
        assert!(!report.notes.iter().any(|note| note.contains("mm_vision_tower")), "{:?}", report.notes);
        assert!(file.str("tokenizer.chat_template").unwrap().unwrap().contains("USER: "));
    }
    let mut padded = original(false);
    padded.language.config["image_aspect_ratio"] = json!("pad");
    let file = padded.convert().unwrap().0;
    assert_eq!(value(&file, "ocelli.image.pad_rgb"), MetaValue::U32s(vec![122, 116, 104]));
    let mut other = original(false);
    other.language.config["image_aspect_ratio"] = json!("pad");
    let mut processor: Value = serde_json::from_str(&other.vision.files["preprocessor_config.json"]).unwrap();
    processor["image_mean"] = json!([0.5, 0.25, 0.0]);
    other.vision.files.insert("preprocessor_config.json".to_owned(), processor.to_string());
    let file = other.convert().unwrap().0;
    assert_eq!(value(&file, "ocelli.image.pad_rgb"), MetaValue::U32s(vec![127, 63, 0]));
    assert_eq!(value(&file, "ocelli.image.resize"), MetaValue::Str("pad".to_owned()));
    assert!(file.get("ocelli.image.crop_offset").is_none());
    processor["image_mean"] = json!([0.5, 1.25, 0.0]);
    other.vision.files.insert("preprocessor_config.json".to_owned(), processor.to_string());
    other.fails("config_value", &["image_mean", "1.25"]);
    padded.conversation = Some("llava_v0");
    let file = padded.convert().unwrap().0;
    let stops = file.strings("ocelli.generation.stop_strings").unwrap().unwrap();
    assert_eq!(stops.iter().collect::<Vec<_>>(), ["###"]);
    padded.conversation = Some("vicuna_v7");
    padded.fails("config_value", &["vicuna_v7", "llava_llama_2"]);
}

#[test]
fn the_tower_is_the_one_that_the_configuration_names() {
    let mut parts = original(false);
    let mut named = |key: &str, name: &str| {
        for key in ["mm_vision_tower", "vision_tower"] {
            parts.language.config.as_object_mut().unwrap().remove(key);
        }
        parts.language.config[key] = json!(name);
        parts.convert().map(|(_, report)| report.notes)
    };
    for key in ["mm_vision_tower", "vision_tower"] {
        for (name, got) in [
            ("openai/clip-vit-large-patch7-28", ["28", "14"]),
            ("openai/clip-vit-large-patch7", ["224", "14"]),
            ("./towers/clip-vit-large-patch14-14/", ["14", "7"]),
        ] {
            let error = named(key, name).unwrap_err();
            check(&error, "config_value", &[key, name, got[0], got[1]]);
        }
        for name in ["clip-vit-large-patch7-14", "/towers/clip-vit-large-patch7-14/"] {
            let notes = named(key, name).unwrap();
            assert!(!notes.iter().any(|note| note.contains("vision_tower")), "{notes:?}");
        }
        // What says nothing of sizes cannot be compared.
        let notes = named(key, "laion/CLIP-ViT-H-14").unwrap();
        assert!(notes.iter().any(|note| note.contains(key) && note.contains("--vision")), "{notes:?}");
    }
}

#[test]
fn a_tower_in_the_checkpoint_is_the_one_that_was_trained() {
    let mut trained = original(false);
    for tensor in trained.vision.tensors.values_mut() {
        tensor.data.iter_mut().for_each(|value| *value *= 0.5);
    }
    let wanted = trained.convert().unwrap().0;
    let mut parts = original(false);
    for (name, tensor) in trained.vision.tensors.iter().filter(|(name, _)| name.starts_with("vision_model.")) {
        parts.language.tensors.insert(format!("model.vision_tower.vision_tower.{name}"), tensor.clone());
    }
    let (file, report) = parts.convert().unwrap();
    same(&file, &wanted, 0.0);
    assert_ne!(decode(&file, "v.pre_ln.weight"), decode(&original(false).convert().unwrap().0, "v.pre_ln.weight"));
    assert!(report.notes.iter().any(|note| note.contains("trained along")), "{:?}", report.notes);
}

#[test]
fn a_delta_is_added_to_its_base() {
    let wanted = whole(false).convert_as(F32).unwrap().0;
    let mut parts = original(false);
    let mut base = model("llama");
    // Fewer rows: the tokens that were added are the delta's alone.
    for name in ["model.embed_tokens.weight", "lm_head.weight"] {
        let Some(tensor) = base.tensors.get_mut(name) else { continue };
        tensor.shape[0] -= 3;
        tensor.data.truncate((tensor.shape[0] * TEXT_WIDTH) as usize);
    }
    for tensor in base.tensors.values_mut() {
        // Exact, so that nothing is rounded on the way there and back.
        tensor.data.iter_mut().for_each(|value| *value = *value * 0.5 + 0.25);
    }
    for (name, tensor) in &base.tensors {
        let delta = parts.language.tensors.get_mut(name).unwrap();
        delta.data.iter_mut().zip(&tensor.data).for_each(|(delta, base)| *delta -= base);
    }
    parts.base = Some(base.clone());
    let (file, report) = parts.convert().unwrap();
    same(&file, &wanted, 0.0);
    assert!(report.notes.iter().any(|note| note.contains("--base")), "{:?}", report.notes);

    base.add("model.layers.9.other.weight", &[2, 2]);
    parts.base = Some(base.clone());
    parts.fails("delta_alone", &["model.layers.9.other.weight", "in --base"]);
    base.tensors.remove("model.layers.9.other.weight");
    let norm = base.tensors.remove("model.norm.weight").unwrap();
    parts.base = Some(base.clone());
    parts.fails("delta_alone", &["model.norm.weight", "in the delta"]);
    // Only the tables of tokens may have fewer rows.
    for length in [norm.data.len() + 1, norm.data.len() - 1] {
        let other = Tensor { shape: vec![length as u64], data: vec![0.0; length] };
        base.tensors.insert("model.norm.weight".to_owned(), other);
        parts.base = Some(base.clone());
        parts.fails("delta_shape", &["model.norm.weight", "[24]", &format!("[{length}]"), "embed_tokens"]);
    }
}

#[test]
fn a_projector_may_lie_in_a_file_of_its_own() {
    let wanted = whole(false).convert_as(F32).unwrap().0;
    let mut parts = original(false);
    let projector = parts.taken();
    parts.projector = Some(projector.clone());
    same(&parts.convert().unwrap().0, &wanted, 0.0);
    // Without a configuration beside it the tensors say how many layers there are.
    parts.projector = Some(Model { config: json!({}), ..projector });
    let (file, report) = parts.convert().unwrap();
    same(&file, &wanted, 0.0);
    assert!(report.notes.iter().any(|note| note.contains("no config.json beside")), "{:?}", report.notes);
    parts.projector = None;
    parts.fails("missing_tensors", &["mm_projector"]);
}

/// The language model as it was before it was trained, with nothing between it and a tower.
fn bare() -> Parts {
    let mut parts = original(false);
    parts.taken();
    parts
}

/// The model that an adapter of this rank makes, whose changes count `scale` times; the adapter, and what lies beside it.
fn adapted(rank: u64, alpha: f32, stable: Option<bool>, scale: f32) -> (Gguf, Model, Model) {
    let mut wanted = original(false);
    let mut parts = original(false);
    let mut beside = parts.taken();
    let projector = std::mem::take(&mut beside.tensors);
    beside.tensors = projector.into_iter().map(|(name, tensor)| (format!("base_model.model.{name}"), tensor)).collect();
    let mut adapter = empty();
    adapter.files.insert(
        "adapter_config.json".to_owned(),
        json!({"peft_type": "LORA", "r": rank, "lora_alpha": alpha, "bias": "none", "target_modules": ["q_proj"], "lora_dropout": 0.05,
               "fan_in_fan_out": false, "base_model_name_or_path": "x/y", "task_type": "CAUSAL_LM", "inference_mode": true,
               "use_rslora": stable, "modules_to_save": null, "ensure_weight_tying": false})
        .to_string(),
    );
    for (number, part) in ["self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj"].iter().enumerate() {
        let name = format!("model.layers.0.{part}");
        let target = wanted.language.tensors.get_mut(&format!("{name}.weight")).unwrap();
        let (rows, cols) = (target.shape[0], target.shape[1]);
        // With peft's own name and without.
        let own = if number == 0 { ".default" } else { "" };
        let [a, b] = ["A", "B"].map(|letter| format!("base_model.model.{name}.lora_{letter}{own}.weight"));
        adapter.add(&a, &[rank, cols]);
        adapter.add(&b, &[rows, rank]);
        let (down, up) = (adapter.tensors[&a].data.clone(), adapter.tensors[&b].data.clone());
        for (i, value) in target.data.iter_mut().enumerate() {
            let (row, col) = (i / cols as usize, i % cols as usize);
            let sum: f32 =
                (0..rank as usize).map(|r| up[row * rank as usize + r] * down[r * cols as usize + col]).sum();
            *value += scale * sum;
        }
    }
    (wanted.convert().unwrap().0, adapter, beside)
}

#[test]
fn an_adapter_is_merged() {
    // Stable by rank: 6 / √4, and not 6 / 4.
    for (rank, stable, scale) in [(4, Some(true), 3.0), (4, Some(false), 1.5), (3, None, 2.0)] {
        let (wanted, adapter, beside) = adapted(rank, 6.0, stable, scale);
        let parts = Parts { lora: Some((adapter, beside)), ..bare() };
        let (file, report) = parts.convert().unwrap();
        same(&file, &wanted, 1e-6);
        assert!(report.notes.iter().any(|note| note.starts_with("3 matrices")), "{:?}", report.notes);
    }
}

#[test]
fn adapters_that_do_not_fit_are_refused() {
    let (_, adapter, beside) = adapted(3, 6.0, None, 2.0);
    let spoiled = |change: &dyn Fn(&mut Model)| {
        let mut adapter = adapter.clone();
        change(&mut adapter);
        Parts { lora: Some((adapter, beside.clone())), ..original(false) }
    };
    // A delta whose base would be lost under the adapter.
    let both = Parts { base: Some(model("llama")), lora: Some((adapter.clone(), beside.clone())), ..original(false) };
    both.fails("adapter_twice", &["layers.0.", "first"]);
    let b = "base_model.model.model.layers.0.mlp.down_proj.lora_B.weight";
    spoiled(&|adapter| drop(adapter.tensors.remove(b))).fails("adapter_half", &["down_proj.lora_A", "lora_B"]);
    spoiled(&|adapter| adapter.add(b, &[TEXT_WIDTH, 4])).fails("adapter_factors", &["down_proj", "rank 3", "[24, 4]"]);
    let elsewhere = |adapter: &mut Model| {
        for letter in ["A", "B"] {
            adapter.add(&format!("base_model.model.model.layers.7.self_attn.q_proj.lora_{letter}.weight"), &[3, 3]);
        }
    };
    spoiled(&elsewhere).fails("adapter_target", &["model.layers.7.self_attn.q_proj.weight"]);
    let configured = |key: &str, value: Value| {
        spoiled(&|adapter| {
            let mut config: Value = serde_json::from_str(&adapter.files["adapter_config.json"]).unwrap();
            config[key] = value.clone();
            adapter.files.insert("adapter_config.json".to_owned(), config.to_string());
        })
    };
    configured("use_dora", json!(true)).fails("unknown_settings", &["use_dora"]);
    configured("modules_to_save", json!(["lm_head"])).fails("unknown_settings", &["modules_to_save", "lm_head"]);
    configured("ensure_weight_tying", json!(true)).fails("unknown_settings", &["ensure_weight_tying"]);
    let (file, _) = configured("modules_to_save", json!([])).convert().unwrap();
    assert!(file.tensor("mm.0.weight").is_some());
    configured("made_up", json!(1)).fails("unknown_settings", &["made_up"]);
    configured("r", json!(4)).fails("adapter_factors", &["rank 4"]);
}
