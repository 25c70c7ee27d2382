//! Conversations of converted models are the ids of transformers' `apply_chat_template` (`parity/chat.json`, made by
//! `chat.py`): 14 templates that write what the field's write, 3 of them with pictures.

#[path = "../../../engine/tests/prompt_ids/mod.rs"]
mod prompt_ids;

use ocelli_convert::Options;
use ocelli_engine::chat::{ChatTemplate, Content, Message, Part};
use ocelli_engine::image::{ImageLimits, Picture};
use ocelli_engine::{Engine, Load, Model};
use ocelli_quant::TensorType;
use ocelli_tests::golden::{Golden, folder};
use ocelli_tests::text_golden::TextGolden;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// A checkpoint with the golden's tokenizer and this template, converted.
fn converted(golden: &Value, template: &Value, dir: &Path) -> Model {
    let (from, to) = (dir.join("hf"), dir.join("model.gguf"));
    if template["pictures"] == true {
        Golden::load("default").unwrap().write(&from).unwrap();
        let config = from.join("config.json");
        let mut config_json: Value = serde_json::from_slice(&fs::read(&config).unwrap()).unwrap();
        config_json["image_token_index"] = golden["image"].clone();
        fs::write(config, config_json.to_string()).unwrap();
    } else {
        TextGolden::load("llama").unwrap().write(&from).unwrap();
    }
    for stale in ["vocab.json", "merges.txt", "added_tokens.json"] {
        let _ = fs::remove_file(from.join(stale));
    }
    let mut tokenizer = golden["tokenizer_config.json"].clone();
    tokenizer["chat_template"] = template["source"].clone();
    for (name, value) in [
        ("tokenizer.json", &golden["tokenizer.json"]),
        ("tokenizer_config.json", &tokenizer),
        ("special_tokens_map.json", &golden["special_tokens_map.json"]),
    ] {
        fs::write(from.join(name), value.to_string()).unwrap();
    }
    ocelli_convert::convert(&from, &to, &Options::new(TensorType::F32), &())
        .unwrap_or_else(|e| panic!("{}: {e}", template["name"]));
    Engine::new(1).unwrap().open(&to, Load::Map).unwrap()
}

fn parts(content: &Value) -> Vec<Part<'_>> {
    content.as_array().into_iter().flatten().map(|part| part.as_str().map_or(Part::Image, Part::Text)).collect()
}

#[test]
fn converted_models_chat_with_the_ids_of_transformers() {
    let golden: Value = serde_json::from_str(&fs::read_to_string(folder().join("chat.json")).unwrap()).unwrap();
    let image = u32::try_from(golden["image"].as_u64().unwrap()).unwrap();
    let picture = Arc::new(Picture::new(1, 1, vec![0; 3], &ImageLimits::default()).unwrap());
    let mut checked = (0, 0);
    for template in golden["templates"].as_array().unwrap() {
        let dir = tempfile::tempdir().unwrap();
        let model = converted(&golden, template, dir.path());
        let chat = ChatTemplate::from_gguf(model.file()).unwrap().expect("the template travels");
        for (i, case) in template["cases"].as_array().unwrap().iter().enumerate() {
            let what = format!("{} case {i}", template["name"]);
            let said = case["messages"].as_array().unwrap();
            let lists: Vec<Vec<Part<'_>>> = said.iter().map(|m| parts(&m[1])).collect();
            let messages: Vec<Message<'_>> = said
                .iter()
                .zip(&lists)
                .map(|(m, list)| Message {
                    role: m[0].as_str().unwrap(),
                    content: m[1].as_str().map_or(Content::Parts(list), Content::Text),
                })
                .collect();
            let rendered = chat.prompt(&messages, true, model.tokenizer()).unwrap();
            assert_eq!(rendered.text(), case["text"].as_str().unwrap(), "{what}");
            let shown = lists.iter().flatten().filter(|part| matches!(part, Part::Image)).count();
            let prompt = rendered.prompt(model.tokenizer(), &vec![Arc::clone(&picture); shown]).unwrap();
            assert_eq!(json!(prompt_ids::ids(&prompt, image)), case["ids"], "{what}");
            checked = (checked.0 + 1, checked.1 + usize::from(shown > 0));
        }
    }
    assert_eq!(checked, (53, 6));
}
