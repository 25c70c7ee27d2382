//! LLaVA in transformers' four sets of names, and as its own repository saves it: whole, as a delta, with a projector's file,
//! with an adapter. All of them give the tensors of one directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use ocelli_convert::{ConvertError, Options, Original, Report, convert_llava};
use ocelli_quant::TensorType::F32;
use ocelli_quant::gguf::{Gguf, MetaValue};
use serde_json::{Value, json};

use crate::text::{ROWS, TEXT_WIDTH, model};
use crate::tiny::*;

const TOWER: u64 = 16;
const BLOCKS: usize = 3;

fn empty() -> Model {
    Model { config: json!({}), tensors: BTreeMap::new(), store: Store::F32, files: BTreeMap::new() }
}

fn tower() -> Model {
    let mut vision = empty();
    vision.config = json!({"model_type": "clip_vision_model", "hidden_size": TOWER, "intermediate_size": 32,
        "num_hidden_layers": BLOCKS, "num_attention_heads": 2, "image_size": 14, "patch_size": 7});
    let v = "vision_model";
    vision.add(&format!("{v}.embeddings.class_embedding"), &[TOWER]);
    vision.add(&format!("{v}.embeddings.patch_embedding.weight"), &[TOWER, 3, 7, 7]);
    vision.add(&format!("{v}.embeddings.position_embedding.weight"), &[5, TOWER]);
    vision.norm(&format!("{v}.pre_layrnorm"), TOWER);
    vision.norm(&format!("{v}.post_layernorm"), TOWER);
    for n in 0..BLOCKS {
        let l = format!("{v}.encoder.layers.{n}");
        for part in ["q_proj", "k_proj", "v_proj", "out_proj"] {
            vision.linear(&format!("{l}.self_attn.{part}"), TOWER, TOWER);
        }
        vision.norm(&format!("{l}.layer_norm1"), TOWER);
        vision.norm(&format!("{l}.layer_norm2"), TOWER);
        vision.linear(&format!("{l}.mlp.fc1"), TOWER, 32);
        vision.linear(&format!("{l}.mlp.fc2"), 32, TOWER);
    }
    vision
}

/// The directory of transformers, under the names of files on the hub.
fn whole(next: bool) -> Model {
    let language = model("llama");
    let mut whole = empty();
    whole.files = language.files.clone();
    let processor = json!({
        "image_processor_type": if next { "LlavaNextImageProcessor" } else { "CLIPImageProcessor" }, "size": {"shortest_edge": 14},
        "crop_size": {"height": 14, "width": 14}, "image_grid_pinpoints": if next { json!([[14, 28], [28, 14]]) } else { Value::Null },
    });
    whole.files.insert("preprocessor_config.json".to_owned(), processor.to_string());
    for (name, tensor) in &language.tensors {
        whole.tensors.insert(format!("language_model.{name}"), tensor.clone());
    }
    let vision = tower();
    for (name, tensor) in &vision.tensors {
        whole.tensors.insert(format!("vision_tower.{name}"), tensor.clone());
    }
    whole.linear("multi_modal_projector.linear_1", TOWER, TEXT_WIDTH);
    whole.linear("multi_modal_projector.linear_2", TEXT_WIDTH, TEXT_WIDTH);
    whole.config = json!({
        "model_type": if next { "llava_next" } else { "llava" }, "text_config": language.config, "vision_config": vision.config,
        "image_token_index": ROWS - 1,
    });
    if next {
        whole.add("image_newline", &[TEXT_WIDTH]);
        whole.config["image_grid_pinpoints"] = json!([[14, 28], [28, 14]]);
    }
    whole
}

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
        "mm_vision_tower": "openai/clip", "tune_mm_mlp_adapter": false, "image_aspect_ratio": if next { "anyres" } else { "square" },
        "mm_patch_merge_type": if next { "spatial_unpad" } else { "flat" },
        "image_grid_pinpoints": if next { json!([[28, 14], [14, 28]]) } else { Value::Null },
    });
    for (key, value) in more.as_object().unwrap() {
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

/// Whether two files have the same tensors, to the bit or nearly.
fn same(one: &Gguf, other: &Gguf, near: f32) {
    assert_eq!(one.tensors().len(), other.tensors().len());
    for (a, b) in one.tensors().iter().zip(other.tensors()) {
        assert_eq!((&a.name, &a.shape), (&b.name, &b.shape));
        let (mine, theirs) = (decode(one, &a.name), decode(other, &a.name));
        let scale = mine.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        let most = mine.iter().zip(&theirs).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
        assert!(most <= near * scale, "{}: {most} of {scale}", a.name);
    }
}

fn value(file: &Gguf, key: &str) -> MetaValue {
    MetaValue::from(file.get(key).unwrap_or_else(|| panic!("{key}")))
}

#[test]
fn four_sets_of_names_are_one_model() {
    for next in [false, true] {
        let hub = whole(next);
        let wanted = hub.convert_as(F32).unwrap().0;
        let bare = |name: &str| name.replace("vision_tower.vision_model.", "vision_tower.");
        let modules = |name: &str| match name.strip_prefix("language_model.") {
            Some("lm_head.weight") => "lm_head.weight".to_owned(),
            Some(rest) => format!("model.language_model.{}", rest.strip_prefix("model.").unwrap()),
            None => format!("model.{name}"),
        };
        let sets: [&dyn Fn(&str) -> String; 3] = [&bare, &modules, &|name| bare(&modules(name))];
        for set in sets {
            let mut other = hub.clone();
            other.tensors = hub.tensors.iter().map(|(name, tensor)| (set(name), tensor.clone())).collect();
            same(&other.convert_as(F32).unwrap().0, &wanted, 0.0);
        }
    }
}

#[test]
fn the_tower_ends_with_the_layer_that_is_read() {
    let mut hub = whole(false);
    for (layer, blocks, features) in
        [(json!(-2), 2, vec![2]), (json!(-1), 3, vec![3]), (json!(1), 1, vec![1]), (json!(-4), 1, vec![0])]
    {
        hub.config["vision_feature_layer"] = layer;
        let (file, report) = hub.convert_as(F32).unwrap();
        assert_eq!(value(&file, "clip.vision.block_count"), MetaValue::U32(blocks));
        assert_eq!(value(&file, "clip.vision.feature_layer"), MetaValue::U32s(features));
        assert!(report.skipped.iter().any(|name| name.contains("post_layernorm")));
    }
    for (layer, message) in
        [(json!(4), "-4..=3"), (json!(-5), "-4..=3"), (json!([]), "0 layers"), (json!("x"), "integer")]
    {
        hub.config["vision_feature_layer"] = layer;
        let error = hub.error();
        assert!(error.to_string().contains(message), "{error}");
    }
    hub.config["vision_feature_layer"] = json!([-1, 1]);
    hub.fails("shape", &["linear_1", &TOWER.to_string(), &(2 * TOWER).to_string()]);
    // A block that no configuration knows is none that may be left out.
    let mut more = whole(false);
    more.add("vision_tower.vision_model.encoder.layers.3.layer_norm1.weight", &[TOWER]);
    more.fails("unknown_tensors", &["encoder.layers.3"]);
}

#[test]
fn pictures_are_prepared_as_the_processor_says() {
    let mut hub = whole(false);
    let mut with = |change: Value| {
        let mut file: Value = serde_json::from_str(&whole(false).files["preprocessor_config.json"]).unwrap();
        for (key, value) in change.as_object().unwrap() {
            file[key] = value.clone();
        }
        hub.files.insert("preprocessor_config.json".to_owned(), file.to_string());
        hub.convert_as(F32)
    };
    let resize = |file: &Gguf| value(file, "ocelli.image.resize");
    assert_eq!(resize(&with(json!({})).unwrap().0), MetaValue::Str("crop".to_owned()));
    let padded = with(
        json!({"image_processor_type": "LlavaImageProcessorFast", "do_pad": true, "image_mean": [0.5, 0.25, 0.0]}),
    );
    let padded = padded.unwrap().0;
    assert_eq!(resize(&padded), MetaValue::Str("pad".to_owned()));
    assert_eq!(value(&padded, "ocelli.image.pad_rgb"), MetaValue::U32s(vec![127, 63, 0]));
    assert_eq!(
        resize(&with(json!({"size": {"height": 14, "width": 14}})).unwrap().0),
        MetaValue::Str("square".to_owned())
    );
    for (change, part) in [
        (json!({"size": {"shortest_edge": 16}}), "size is 16"),
        (json!({"crop_size": {"height": 16, "width": 16}}), "crop_size is 16"),
        (json!({"crop_size": {"height": 16, "width": 14}}), "square"),
        (json!({"do_center_crop": false}), "do_center_crop"),
        (json!({"image_processor_type": "SiglipImageProcessor"}), "CLIPImageProcessor"),
    ] {
        let error = with(change.clone()).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(part), "{change}: {error}");
    }
    let mut next = whole(true);
    next.config["image_grid_pinpoints"] = json!([[28, 14], [14, 28]]);
    next.fails("config_value", &["image_grid_pinpoints", "same order"]);
    next.config["image_grid_pinpoints"] = json!([[28, 15]]);
    next.fails("config_value", &["image_grid_pinpoints", "15", "14"]);
    let mut strategy = whole(false);
    strategy
        .files
        .insert("processor_config.json".to_owned(), json!({"vision_feature_select_strategy": "full"}).to_string());
    strategy.fails("config_value", &["vision_feature_select_strategy", "full", "default"]);
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
        assert!(report.notes.iter().any(|note| note.contains("vicuna_v1")), "{:?}", report.notes);
        assert!(file.str("tokenizer.chat_template").unwrap().unwrap().contains("USER: "));
    }
    let mut padded = original(false);
    padded.language.config["image_aspect_ratio"] = json!("pad");
    let file = padded.convert().unwrap().0;
    assert_eq!(value(&file, "ocelli.image.pad_rgb"), MetaValue::U32s(vec![122, 116, 104]));
    padded.conversation = Some("llava_v0");
    let file = padded.convert().unwrap().0;
    let stops = file.strings("ocelli.generation.stop_strings").unwrap().unwrap();
    assert_eq!(stops.iter().collect::<Vec<_>>(), ["###"]);
    padded.conversation = Some("vicuna_v7");
    padded.fails("config_value", &["vicuna_v7", "llava_llama_2"]);
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
    let longer = Tensor { shape: vec![norm.shape[0] + 1], data: vec![0.0; norm.data.len() + 1] };
    base.tensors.insert("model.norm.weight".to_owned(), longer);
    parts.base = Some(base);
    parts.fails("delta_shape", &["model.norm.weight", "24", "25"]);
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

#[test]
fn an_adapter_is_merged() {
    let mut wanted = original(false);
    let mut parts = original(false);
    let mut beside = parts.taken();
    let projector = std::mem::take(&mut beside.tensors);
    beside.tensors = projector.into_iter().map(|(name, tensor)| (format!("base_model.model.{name}"), tensor)).collect();
    let mut adapter = empty();
    let (rank, alpha) = (3u64, 6.0f32);
    adapter.files.insert(
        "adapter_config.json".to_owned(),
        json!({"peft_type": "LORA", "r": rank, "lora_alpha": alpha, "bias": "none", "target_modules": ["q_proj"], "lora_dropout": 0.05,
               "fan_in_fan_out": false, "base_model_name_or_path": "x/y", "task_type": "CAUSAL_LM", "inference_mode": true})
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
            *value += alpha / rank as f32 * sum;
        }
    }
    let wanted = wanted.convert().unwrap().0;
    parts.lora = Some((adapter.clone(), beside.clone()));
    let (file, report) = parts.convert().unwrap();
    same(&file, &wanted, 1e-6);
    assert!(report.notes.iter().any(|note| note.starts_with("3 matrices")), "{:?}", report.notes);

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
    configured("made_up", json!(1)).fails("unknown_settings", &["made_up"]);
    configured("r", json!(4)).fails("adapter_factors", &["rank 4"]);
}
