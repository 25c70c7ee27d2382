//! Names of special tokens and lists of added ones, in the files of several generations. What is right was recorded from
//! transformers 4.57.6 and 5.24.0, which agree where nothing else is said.

use ocelli_quant::TensorType::F32;
use ocelli_quant::gguf::Gguf;
use serde_json::{Value, json};

use crate::tiny::*;

/// The tiny model with these files beside `tokenizer.json`, converted.
fn with(files: &[(&str, Value)]) -> (Gguf, Vec<String>) {
    let mut model = Model::new();
    for (name, content) in files {
        model.files.insert((*name).to_owned(), content.to_string());
    }
    let (file, report) = model.convert_as(F32).unwrap();
    (file, report.notes)
}

fn token(file: &Gguf, key: &str) -> Option<String> {
    let id = file.u32(&format!("tokenizer.ggml.{key}_token_id")).unwrap()?;
    file.strings("tokenizer.ggml.tokens").unwrap().unwrap().get(id as usize).map(str::to_owned)
}

fn additional(file: &Gguf) -> Option<Vec<String>> {
    let list = file.strings("tokenizer.ggml.additional_special_tokens").unwrap()?;
    Some(list.iter().map(str::to_owned).collect())
}

const OWN: &str = "tokenizer_config.json";
const MAP: &str = "special_tokens_map.json";
const ADDED: &str = "added_tokens.json";

/// A list by id with one token.
fn list() -> Value {
    json!({"2": {"content": "</s>", "lstrip": false, "normalized": false, "rstrip": false, "single_word": false,
                 "special": true}})
}

#[test]
fn the_older_map_goes_before_where_no_list_of_added_tokens_is_there_and_is_not_asked_where_one_is() {
    let (file, notes) = with(&[(OWN, json!({"sep_token": "a"})), (MAP, json!({"sep_token": "b"}))]);
    assert_eq!(token(&file, "seperator").as_deref(), Some("b"));
    assert!(notes.len() == 1 && notes[0].contains("tokenizer_config.json: sep_token = 'a' is not taken"), "{notes:?}");
    for decoder in [list(), json!({})] {
        let own = json!({"sep_token": "a", "added_tokens_decoder": decoder});
        let (file, notes) =
            with(&[(OWN, own), (MAP, json!({"sep_token": "b", "cls_token": "ab", "image_token": "a"}))]);
        assert_eq!((token(&file, "seperator").as_deref(), token(&file, "cls")), (Some("a"), None));
        assert!(file.get("ocelli.tokenizer.special_names").is_none());
        assert_eq!(notes.len(), 3, "{notes:?}");
        for (note, key) in notes.iter().zip(["sep_token = 'b'", "cls_token = 'ab'", "image_token = 'a'"]) {
            assert!(
                notes.iter().any(|note| note.contains(&format!("special_tokens_map.json: {key} is not taken"))),
                "{note}"
            );
        }
    }
    let (file, notes) = with(&[(OWN, json!({})), (MAP, json!({"sep_token": {"content": "b", "lstrip": false}}))]);
    assert_eq!((token(&file, "seperator").as_deref(), notes.len()), (Some("b"), 0));
}

#[test]
fn lists_of_special_tokens_are_joined_and_kept_for_templates() {
    for (own, map, wanted, notes) in [
        (json!({"additional_special_tokens": ["b"]}), json!({"additional_special_tokens": ["a"]}), &["b", "a"][..], 0),
        (json!({"additional_special_tokens": ["b"]}), json!({"additional_special_tokens": ["b", "a"]}), &["b", "a"], 0),
        (json!({}), json!({"additional_special_tokens": [{"content": "a", "lstrip": false}]}), &["a"], 0),
        (
            json!({"additional_special_tokens": ["b"], "added_tokens_decoder": list()}),
            json!({"additional_special_tokens": ["b", "a"]}),
            &["b"],
            1,
        ),
        // Version 5 writes another list, which it gives no template.
        (json!({"extra_special_tokens": ["b"]}), json!({}), &[], 0),
    ] {
        let (file, told) = with(&[(OWN, own.clone()), (MAP, map)]);
        let found = additional(&file).unwrap_or_default();
        assert_eq!(
            (&found[..], told.len()),
            (&wanted.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>()[..], notes),
            "{own}"
        );
        let types = file.i32s("tokenizer.ggml.token_type").unwrap().unwrap();
        // Special is what a list names, and nothing else of it.
        let special = |token: &str| types[TOKENS.iter().position(|t| *t == token).unwrap()] == 3;
        let named = |token: &str| wanted.contains(&token) || own["extra_special_tokens"][0] == token;
        assert_eq!((special("a"), special("b")), (named("a"), named("b")), "{own}");
    }
}

#[test]
fn what_an_older_list_of_added_tokens_says_is_taken_or_told() {
    let more = || json!({"<loc>": 11, "<x>": 12});
    let types = |file: &Gguf| file.i32s("tokenizer.ggml.token_type").unwrap().unwrap();
    // Nothing that goes before it: one more token, and no wish of those that tokenizer.json has is lost.
    let mut model = Model::new();
    let mut tokenizer = tokenizer_json();
    tokenizer["added_tokens"][2]["lstrip"] = json!(true);
    model.files.insert("tokenizer.json".to_owned(), tokenizer.to_string());
    model.files.insert(ADDED.to_owned(), more().to_string());
    let (file, report) = model.convert_as(F32).unwrap();
    assert!(report.notes.is_empty(), "{:?}", report.notes);
    assert_eq!(file.u32s("ocelli.tokenizer.lstrip_ids").unwrap(), Some(vec![11]));
    assert_eq!(file.u32s("ocelli.tokenizer.normalized_ids").unwrap(), Some(vec![12]));
    assert_eq!(types(&file)[11..13], [4, 4]);
    // Those that are named are special, and not looked for in normalised text.
    let (file, _) = with(&[(ADDED, more()), (MAP, json!({"sep_token": "<x>"}))]);
    assert_eq!((types(&file)[12], file.get("ocelli.tokenizer.normalized_ids")), (3, None));
    // A list in tokenizer_config.json goes before it, be it empty.
    for decoder in [list(), json!({})] {
        let (file, notes) = with(&[
            (OWN, json!({ "added_tokens_decoder": decoder })),
            (ADDED, json!({"<loc>": 11, "<x>": 12, "a": 9})),
        ]);
        assert_eq!(types(&file)[12], 5);
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(notes[0].contains("'a' as 9") && notes[0].contains("id 4"), "{notes:?}");
        assert!(notes[1].contains("'<x>' as 12") && notes[1].contains("no such token"), "{notes:?}");
    }
}

#[test]
fn names_of_their_own_are_no_others() {
    for (file, key) in
        [(OWN, "extra_special_tokens"), (OWN, "model_specific_special_tokens"), (MAP, "extra_special_tokens")]
    {
        let mut model = Model::new();
        model.files.insert(file.to_owned(), json!({ key: {"unk_token": "<unk>"} }).to_string());
        model.fails("config_value", &[file, key, "unk_token"]);
    }
    let mut model = Model::new();
    model.files.insert(OWN.to_owned(), json!({"_bos_token": "</s>"}).to_string());
    model.fails("unknown_settings", &["_bos_token"]);
}

#[test]
fn added_tokens_that_leave_something_out_are_refused_as_by_the_library() {
    for key in ["id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"] {
        let mut tokenizer = tokenizer_json();
        tokenizer["added_tokens"][1].as_object_mut().unwrap().remove(key);
        let mut model = Model::new();
        model.files.insert("tokenizer.json".to_owned(), tokenizer.to_string());
        model.fails("json", &["tokenizer.json", key]);
    }
}
