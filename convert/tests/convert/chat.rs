//! Chat templates from every place that a source may have them in, and the names of special tokens that they use.

use std::fs;

use ocelli_convert::{Options, convert};
use ocelli_quant::TensorType::F32;
use ocelli_quant::gguf::Gguf;
use serde_json::json;

use crate::tiny::*;

/// A model with more files, which may lie in a directory.
fn with(files: &[(&str, &str)]) -> Result<(Gguf, Vec<String>), ocelli_convert::ConvertError> {
    let scratch = Scratch::new();
    Model::new().write(&scratch.0);
    for (name, content) in files {
        let path = scratch.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let out = scratch.0.join("o.gguf");
    let report = convert(&scratch.0, &out, &Options::new(F32), &())?;
    Ok((parse(&out), report.notes))
}

fn template<'f>(file: &'f Gguf, name: &str) -> Option<&'f str> {
    let key =
        if name.is_empty() { "tokenizer.chat_template".to_owned() } else { format!("tokenizer.chat_template.{name}") };
    file.str(&key).unwrap()
}

#[test]
fn a_template_is_kept_wherever_it_lies() {
    let text = "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}";
    let config = json!({ "chat_template": text }).to_string();
    for file in [
        ("tokenizer_config.json", config.as_str()),
        ("chat_template.jinja", text),
        ("chat_template.json", config.as_str()),
        ("processor_config.json", config.as_str()),
    ] {
        let (gguf, notes) = with(&[file]).unwrap();
        assert_eq!(template(&gguf, ""), Some(text), "{}", file.0);
        assert!(notes.is_empty() && gguf.get("tokenizer.chat_templates").is_none(), "{}: {notes:?}", file.0);
    }
    let (gguf, _) = with(&[]).unwrap();
    assert_eq!(template(&gguf, ""), None);
    // All the same text: nothing to note. Another: the file of its own is followed.
    let same = [("chat_template.jinja", text), ("tokenizer_config.json", config.as_str())];
    assert!(with(&same).unwrap().1.is_empty());
    let (gguf, notes) = with(&[("chat_template.jinja", "other"), ("tokenizer_config.json", config.as_str())]).unwrap();
    assert_eq!(template(&gguf, ""), Some("other"));
    assert!(notes[0].contains("tokenizer_config.json has another chat template than chat_template.jinja"), "{notes:?}");
}

#[test]
fn templates_of_other_names_are_kept_beside_it() {
    let list = json!({"chat_template": [{"name": "default", "template": "D"}, {"name": "tool_use", "template": "T"},
                                        {"name": "rag-2", "template": "R"}]});
    for files in [
        vec![("tokenizer_config.json", list.to_string())],
        vec![
            ("chat_template.jinja", "D".to_owned()),
            ("additional_chat_templates/tool_use.jinja", "T".to_owned()),
            ("additional_chat_templates/rag-2.jinja", "R".to_owned()),
            ("additional_chat_templates/notes.txt", "no template".to_owned()),
        ],
    ] {
        let files: Vec<(&str, &str)> = files.iter().map(|(name, content)| (*name, content.as_str())).collect();
        let (gguf, notes) = with(&files).unwrap();
        assert_eq!(
            (template(&gguf, ""), template(&gguf, "tool_use"), template(&gguf, "rag_2")),
            (Some("D"), Some("T"), Some("R"))
        );
        let mut names: Vec<&str> = gguf.strings("tokenizer.chat_templates").unwrap().unwrap().iter().collect();
        names.sort_unstable();
        assert_eq!((names, notes.len()), (vec!["rag_2", "tool_use"], 0));
    }
    let unnamed = json!({"chat_template": [{"name": "tool_use", "template": "T"}]}).to_string();
    let (gguf, notes) = with(&[("tokenizer_config.json", &unnamed)]).unwrap();
    assert_eq!((template(&gguf, ""), template(&gguf, "tool_use")), (None, Some("T")));
    assert!(notes[0].contains("'default'"), "{notes:?}");
}

#[test]
fn what_is_no_template_is_refused() {
    for (name, value) in
        [("a number", json!(3)), ("a list", json!(["x"])), ("a nameless one", json!([{"template": "x"}]))]
    {
        let file = json!({ "chat_template": value }).to_string();
        for place in ["tokenizer_config.json", "chat_template.json", "processor_config.json"] {
            check(&with(&[(place, &file)]).unwrap_err(), "json_type", &[place, "chat_template"]);
        }
        assert!(!name.is_empty());
    }
    check(&with(&[("chat_template.json", "{\"template\": \"x\"}")]).unwrap_err(), "unknown_settings", &["template = "]);
    let long = "x".repeat((256 << 10) + 1);
    let (_, notes) = with(&[("chat_template.jinja", &long)]).unwrap();
    assert!(notes[0].contains("262145 bytes") && notes[0].contains("262144"), "{notes:?}");
    let many: Vec<_> = (0..70).map(|n| json!({"name": format!("t{n}"), "template": "x"})).collect();
    let many = json!({ "chat_template": many }).to_string();
    check(&with(&[("tokenizer_config.json", &many)]).unwrap_err(), "tokenizer", &["70 chat templates", "64"]);
}

#[test]
fn special_tokens_keep_their_names() {
    let config = json!({
        "bos_token": {"__type": "AddedToken", "content": "</s>", "lstrip": false, "normalized": true, "rstrip": false,
                      "single_word": false},
        "sep_token": "a", "cls_token": "b", "mask_token": "<loc>", "image_token": "<image>",
        "extra_special_tokens": {"place_token": "<loc>"}, "unk_token": "<unk>",
    });
    let (file, notes) = with(&[("tokenizer_config.json", &config.to_string())]).unwrap();
    assert!(notes.is_empty(), "{notes:?}");
    let id = |token: &str| TOKENS.iter().position(|t| *t == token).unwrap() as u32;
    for (key, wanted) in [("bos", 2), ("seperator", id("a")), ("cls", id("b")), ("mask", 11), ("unknown", 3)] {
        assert_eq!(file.u32(&format!("tokenizer.ggml.{key}_token_id")).unwrap(), Some(wanted), "{key}");
    }
    let names: Vec<&str> = file.strings("ocelli.tokenizer.special_names").unwrap().unwrap().iter().collect();
    assert_eq!(names, ["image_token", "place_token"]);
    assert_eq!(file.u32s("ocelli.tokenizer.special_ids").unwrap(), Some(vec![39, 11]));
}

/// The tokenizer's directory is looked in before the model's.
#[test]
fn templates_lie_beside_the_tokenizer_or_beside_the_model() {
    for (beside, source, wanted, notes) in [
        (Some("T"), None, "T", 0),
        (None, Some("S"), "S", 0),
        (Some("T"), Some("S"), "T", 1),
        (Some("S"), Some("S"), "S", 0),
    ] {
        let (scratch, elsewhere) = (Scratch::new(), Scratch::new());
        let mut model = Model::new();
        let tokenizer = model.files.remove("tokenizer.json").unwrap();
        model.write(&scratch.0);
        fs::write(elsewhere.0.join("tokenizer.json"), tokenizer).unwrap();
        for (directory, template) in [(&elsewhere, beside), (&scratch, source)] {
            if let Some(template) = template {
                fs::write(directory.0.join("chat_template.jinja"), template).unwrap();
            }
        }
        let mut options = Options::new(F32);
        options.tokenizer = Some(elsewhere.0.clone());
        let out = scratch.0.join("o.gguf");
        let report = convert(&scratch.0, &out, &options, &()).unwrap();
        assert_eq!((template(&parse(&out), ""), report.notes.len()), (Some(wanted), notes), "{:?}", report.notes);
    }
}

#[test]
fn templates_whose_names_become_one_are_told() {
    let list = json!({"chat_template": [{"name": "default", "template": "D"}, {"name": "rag-2", "template": "A"},
                                        {"name": "rag_2", "template": "B"}, {"name": "", "template": "C"}]});
    let (gguf, notes) = with(&[("tokenizer_config.json", &list.to_string())]).unwrap();
    assert_eq!((template(&gguf, ""), template(&gguf, "rag_2")), (Some("D"), Some("A")));
    assert!(notes.len() == 2 && notes[0].contains("'rag_2' has no name of its own"), "{notes:?}");
}
