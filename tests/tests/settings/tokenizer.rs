//! The tokenizer's files, as versions 4 and 5 of transformers write them and as older ones did.

use crate::changes::Subject;
use crate::judged;
use ocelli_tests::text_golden::TextGolden;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn write(dir: &Path, name: &str, content: &Value) {
    fs::write(dir.join(name), content.to_string()).unwrap();
}

/// The file's content with something else in it.
fn change(dir: &Path, name: &str, how: impl FnOnce(&mut Value)) {
    let mut content: Value = serde_json::from_slice(&fs::read(dir.join(name)).unwrap()).unwrap();
    how(&mut content);
    write(dir, name, &content);
}

fn subject(name: &str, how: impl FnOnce(&Path)) -> Subject {
    Subject::new(name, |dir| {
        TextGolden::load("llama_untied").unwrap().write(dir).unwrap();
        for file in ["vocab.json", "merges.txt"] {
            if name != "older" {
                fs::remove_file(dir.join(file)).unwrap();
            }
        }
        how(dir);
    })
}

/// Without the list of added tokens by id, which goes before the older files.
fn without_list(dir: &Path) {
    change(dir, "tokenizer_config.json", |config| {
        config.as_object_mut().unwrap().remove("added_tokens_decoder");
    });
}

#[test]
fn no_setting_of_a_tokenizer_is_lost() {
    let template = "{% for m in messages %}{{ m.content }}{% endfor %}";
    let subjects = [
        subject("four", |dir| {
            change(dir, "tokenizer_config.json", |config| {
                config["chat_template"] = json!(template);
                config["clean_up_tokenization_spaces"] = json!(true);
            });
        }),
        subject("five", |dir| {
            for file in ["special_tokens_map.json", "added_tokens.json"] {
                fs::remove_file(dir.join(file)).unwrap();
            }
            let config = json!({
                "add_prefix_space": false, "backend": "tokenizers", "bos_token": "</s>", "eos_token": "</s>",
                "clean_up_tokenization_spaces": true, "errors": "replace", "is_local": true, "pad_token": "<pad>",
                "extra_special_tokens": ["<image>"], "model_max_length": 1e30, "tokenizer_class": "GPT2Tokenizer",
                "unk_token": "</s>",
            });
            write(dir, "tokenizer_config.json", &config);
        }),
        subject("both", |dir| {
            without_list(dir);
            change(dir, "tokenizer.json", |file| {
                file["added_tokens"][0]["lstrip"] = json!(true);
                file["added_tokens"][1]["rstrip"] = json!(true);
                file["added_tokens"][1]["normalized"] = json!(true);
            });
            change(dir, "special_tokens_map.json", |map| map["additional_special_tokens"] = json!(["<image>"]));
        }),
        subject("older", |dir| {
            without_list(dir);
            fs::remove_file(dir.join("tokenizer.json")).unwrap();
        }),
    ];
    let files = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"];
    let (newer, older) = subjects.split_at(3);
    let mut outcomes = judged(newer, &files);
    // There the names in the last file are the tokens themselves.
    outcomes.extend(judged(older, &files[..3]));
    assert!(outcomes[..3].iter().all(|outcomes| outcomes.same > 50), "{outcomes:?}");
}
