//! SmolVLM in a directory of transformers': what its configuration says twice.

use std::collections::BTreeMap;

use ocelli_quant::TensorType::F32;
use serde_json::{Value, json};

use crate::text;
use crate::tiny::*;

const TOWER: u64 = 32;

/// One block behind two by two patches, all of which become one row.
pub fn model() -> Model {
    let language = text::model("llama");
    let mut tokenizer: Value = serde_json::from_str(&language.files["tokenizer.json"]).unwrap();
    let names = ["<fake_token_around_image>", "<global-img>", "<image>"];
    for (id, name) in (text::ROWS - 3..).zip(names) {
        tokenizer["added_tokens"].as_array_mut().unwrap().push(json!({"id": id, "content": name, "single_word": false,
            "lstrip": false, "rstrip": false, "normalized": false, "special": true}));
    }
    let edge = |length: u32| json!({ "longest_edge": length });
    let processor =
        json!({"image_processor_type": "SmolVLMImageProcessor", "max_image_size": edge(14), "size": edge(28)});
    let mut files = language.files.clone();
    files.insert("tokenizer.json".to_owned(), tokenizer.to_string());
    files.insert("preprocessor_config.json".to_owned(), processor.to_string());
    let mut inner = language.config.clone();
    inner.as_object_mut().unwrap().remove("tie_word_embeddings");
    let config = json!({"model_type": "smolvlm", "scale_factor": 2, "image_token_id": text::ROWS - 1,
        "tie_word_embeddings": true, "text_config": inner,
        "vision_config": {"model_type": "smolvlm_vision", "hidden_size": TOWER, "intermediate_size": 64, "image_size": 14,
            "num_hidden_layers": 1, "num_attention_heads": 2, "patch_size": 7}});
    let mut model = Model { config, tensors: BTreeMap::new(), store: Store::F32, files };
    for (name, tensor) in &language.tensors {
        let name = name.replacen("model.", "model.text_model.", 1);
        model.tensors.insert(name, tensor.clone());
    }
    let v = "model.vision_model";
    model.add(&format!("{v}.embeddings.patch_embedding.weight"), &[TOWER, 3, 7, 7]);
    model.add(&format!("{v}.embeddings.patch_embedding.bias"), &[TOWER]);
    model.add(&format!("{v}.embeddings.position_embedding.weight"), &[4, TOWER]);
    model.norm(&format!("{v}.post_layernorm"), TOWER);
    let l = format!("{v}.encoder.layers.0");
    for part in ["q_proj", "k_proj", "v_proj", "out_proj"] {
        model.linear(&format!("{l}.self_attn.{part}"), TOWER, TOWER);
    }
    model.norm(&format!("{l}.layer_norm1"), TOWER);
    model.norm(&format!("{l}.layer_norm2"), TOWER);
    model.linear(&format!("{l}.mlp.fc1"), TOWER, 64);
    model.linear(&format!("{l}.mlp.fc2"), 64, TOWER);
    model.add("model.connector.modality_projection.proj.weight", &[text::TEXT_WIDTH, 4 * TOWER]);
    model
}

#[test]
fn whether_the_head_is_the_embedding_is_said_once() {
    let mut model = model();
    assert!(model.convert_as(F32).unwrap().0.tensor("output.weight").is_none());
    model.insert("text_config", "tie_word_embeddings", json!(true));
    assert!(model.convert_as(F32).unwrap().0.tensor("output.weight").is_none());
    model.insert("text_config", "tie_word_embeddings", json!(false));
    model.fails("config_value", &["text_config.tie_word_embeddings", "false", "true"]);
}
