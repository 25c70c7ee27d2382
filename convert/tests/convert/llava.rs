//! LLaVA in transformers' four sets of names, all of which give the same tensors.

use std::collections::BTreeMap;

use ocelli_quant::TensorType::F32;
use ocelli_quant::gguf::{Gguf, MetaValue};
use serde_json::{Value, json};

use crate::text::{ROWS, TEXT_WIDTH, model};
use crate::tiny::*;

pub const TOWER: u64 = 16;
const BLOCKS: usize = 3;

pub fn empty() -> Model {
    Model { config: json!({}), tensors: BTreeMap::new(), store: Store::F32, files: BTreeMap::new() }
}

pub fn tower() -> Model {
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
pub fn whole(next: bool) -> Model {
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

/// Whether two files have the same tensors, to the bit or nearly.
pub fn same(one: &Gguf, other: &Gguf, near: f32) {
    assert_eq!(one.tensors().len(), other.tensors().len());
    for (a, b) in one.tensors().iter().zip(other.tensors()) {
        assert_eq!((&a.name, &a.shape), (&b.name, &b.shape));
        let (mine, theirs) = (decode(one, &a.name), decode(other, &a.name));
        let scale = mine.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        let most = mine.iter().zip(&theirs).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
        assert!(most <= near * scale, "{}: {most} of {scale}", a.name);
    }
}

pub fn value(file: &Gguf, key: &str) -> MetaValue {
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
