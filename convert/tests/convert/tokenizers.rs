//! Both sets of tokenizer files, and those that are refused.

use std::fs;

use ocelli_convert::{Options, convert};
use ocelli_quant::TensorType::F32;
use ocelli_quant::gguf::{Gguf, Value};
use serde_json::json;

use crate::tiny::*;

fn strings(file: &Gguf, key: &str) -> Vec<String> {
    file.strings(key).unwrap().unwrap().iter().map(str::to_owned).collect()
}

fn model(change: impl FnOnce(&mut serde_json::Value)) -> Model {
    let mut model = Model::new();
    let mut tokenizer = tokenizer_json();
    change(&mut tokenizer);
    model.files.insert("tokenizer.json".to_owned(), tokenizer.to_string());
    model
}

#[test]
fn tokenizer_json_becomes_keys() {
    let (file, _) = Model::new().convert_as(F32).unwrap();
    let tokens = strings(&file, "tokenizer.ggml.tokens");
    assert_eq!(tokens.len() as u64, VOCABULARY);
    assert_eq!(tokens[..10], TOKENS);
    assert_eq!(tokens[10..13], ["[unused 10]", "<loc>", "[unused 12]"]);
    assert_eq!(tokens[39], "<image>");
    let types = file.i32s("tokenizer.ggml.token_type").unwrap().unwrap();
    assert_eq!(types[..13], [1, 3, 3, 1, 1, 1, 1, 1, 1, 1, 5, 4, 5]);
    assert_eq!(types[39], 3);
    assert_eq!(strings(&file, "tokenizer.ggml.merges"), ["a b", "Ġ a"]);
    for (key, id) in [("bos", 2), ("eos", 2), ("padding", 1)] {
        assert_eq!(file.get(&format!("tokenizer.ggml.{key}_token_id")), Some(Value::U32(id)), "{key}");
    }
    assert!(file.get("tokenizer.ggml.unknown_token_id").is_none());
    assert_eq!(file.get("tokenizer.ggml.add_bos_token"), Some(Value::Bool(true)));
    assert_eq!(file.get("tokenizer.ggml.add_eos_token"), Some(Value::Bool(false)));
    assert_eq!(file.get("tokenizer.ggml.add_space_prefix"), Some(Value::Bool(false)));
}

#[test]
fn older_files_give_the_same_keys() {
    let (expected, _) = Model::new().convert_as(F32).unwrap();
    let mut model = Model::new();
    let tokenizer = tokenizer_json();
    model.files.remove("tokenizer.json");
    model.files.insert("vocab.json".to_owned(), tokenizer["model"]["vocab"].to_string());
    model.files.insert("merges.txt".to_owned(), "#version: 0.2\na b\nĠ a\n".to_owned());
    model.files.insert("added_tokens.json".to_owned(), json!({"<loc>": 11, "<image>": 39}).to_string());
    let special = json!({"bos_token": {"content": "</s>"}, "eos_token": "</s>", "pad_token": "<pad>",
                         "additional_special_tokens": ["<image>"]});
    model.files.insert("special_tokens_map.json".to_owned(), special.to_string());
    let (file, _) = model.convert_as(F32).unwrap();
    for (key, value) in expected.keys().filter(|(key, _)| key.starts_with("tokenizer.")) {
        assert_eq!(file.get(key), Some(value), "{key}");
    }
    for wanted in [true, false] {
        let config = json!({"add_bos_token": wanted, "add_prefix_space": true, "added_tokens_decoder": {
            "39": {"content": "<image>", "special": true}, "12": {"content": "<x>", "special": false}}});
        model.files.insert("tokenizer_config.json".to_owned(), config.to_string());
        let (file, _) = model.convert_as(F32).unwrap();
        assert_eq!(file.get("tokenizer.ggml.add_bos_token"), Some(Value::Bool(wanted)));
        assert_eq!(file.get("tokenizer.ggml.add_space_prefix"), Some(Value::Bool(true)));
        assert_eq!(strings(&file, "tokenizer.ggml.tokens")[12], "<x>");
    }
}

#[test]
fn tokenizers_may_lie_elsewhere() {
    let (scratch, elsewhere) = (Scratch::new(), Scratch::new());
    let mut model = Model::new();
    let tokenizer = model.files.remove("tokenizer.json").unwrap();
    model.write(&scratch.0);
    let out = scratch.0.join("o.gguf");
    let mut options = Options::new(F32);
    let error = convert(&scratch.0, &out, &options, &()).unwrap_err();
    check(
        &error,
        "tokenizer_missing",
        &["tokenizer.json", "vocab.json and merges.txt", "tokenizer.model", "--tokenizer"],
    );
    fs::write(elsewhere.0.join("tokenizer.json"), tokenizer).unwrap();
    options.tokenizer = Some(elsewhere.0.clone());
    convert(&scratch.0, &out, &options, &()).unwrap();
    assert_eq!(strings(&parse(&out), "tokenizer.ggml.merges").len(), 2);
}

#[test]
fn post_processors_decide_about_the_ends() {
    let bos = json!({"SpecialToken": {"id": "</s>", "type_id": 0}});
    let text = json!({"Sequence": {"id": "A", "type_id": 0}});
    let ends = |processor: serde_json::Value| {
        let (file, report) = model(|t| t["post_processor"] = processor).convert_as(F32).unwrap();
        let switch = |key: &str| file.bool(key).unwrap().unwrap();
        (switch("tokenizer.ggml.add_bos_token"), switch("tokenizer.ggml.add_eos_token"), report.notes)
    };
    let template = |single: serde_json::Value| json!({"type": "TemplateProcessing", "single": single});
    assert_eq!(ends(json!(null)), (false, false, vec![]));
    assert_eq!(ends(json!({"type": "ByteLevel", "trim_offsets": false})), (false, false, vec![]));
    assert_eq!(ends(template(json!([bos, text, bos]))), (true, true, vec![]));
    let both = json!({"type": "Sequence", "processors": [{"type": "ByteLevel"}, template(json!([bos, text]))]});
    assert_eq!(ends(both), (true, false, vec![]));
    // A token that nobody has named is bos by standing there.
    let (file, _) = model(|t| t["post_processor"] = template(json!([{"SpecialToken": {"id": "a"}}, text])))
        .convert_as(F32)
        .unwrap();
    assert_eq!(
        file.get("tokenizer.ggml.bos_token_id"),
        Some(Value::U32(TOKENS.iter().position(|t| *t == "a").unwrap() as u32))
    );
    let mut other = model(|t| t["post_processor"] = template(json!([{"SpecialToken": {"id": "a"}}, text])));
    other.files.insert("tokenizer_config.json".to_owned(), json!({"bos_token": "</s>"}).to_string());
    other.fails("tokenizer", &["post_processor template", "'a', which is not bos_token"]);
    for single in [json!([bos, bos, text]), json!([bos]), json!([text, text])] {
        model(|t| t["post_processor"] = template(single)).fails("tokenizer", &["post_processor template"]);
    }
    model(|t| t["post_processor"] = json!({"type": "RobertaProcessing"})).fails("tokenizer", &["'RobertaProcessing'"]);
    let mut model = model(|t| t["post_processor"] = json!(null));
    model.files.insert("tokenizer_config.json".to_owned(), json!({"add_bos_token": true}).to_string());
    assert!(model.convert_as(F32).unwrap().1.notes[0].contains("add_bos_token true"));
}

#[test]
fn tokenizers_of_other_kinds_are_refused() {
    let cases: [(&str, serde_json::Value, &str); 9] = [
        ("/model/type", json!("Unigram"), "model.vocab = what 'BPE' has"),
        ("/model/byte_fallback", json!(true), "byte_fallback"),
        ("/model/ignore_merges", json!(true), "ignore_merges"),
        ("/model/end_of_word_suffix", json!("</w>"), "'</w>'"),
        ("/model/dropout", json!(0.1), "dropout"),
        ("/model/vocab", json!({}), "0 tokens"),
        ("/normalizer", json!({"type": "NFD"}), "'NFD'"),
        ("/pre_tokenizer", json!({"type": "Whitespace"}), "'Whitespace'"),
        ("/pre_tokenizer", json!(null), "'null'"),
    ];
    for (path, value, part) in cases {
        model(|t| *t.pointer_mut(path).unwrap() = value).fails("tokenizer", &["tokenizer.json", part]);
    }
}

#[test]
fn vocabularies_must_be_consistent() {
    model(|t| t["model"]["vocab"]["x"] = json!(40)).fails("tokenizer", &["'x' has id 40", "40 rows"]);
    model(|t| t["model"]["vocab"]["x"] = json!(3)).fails("tokenizer", &["'<unk>' and 'x' share id 3"]);
    model(|t| t["model"]["vocab"]["x"] = json!("3")).fails("json", &["tokenizer.json"]);
    model(|t| t["added_tokens"][1]["id"] = json!(20)).fails("tokenizer", &["'</s>' has ids 2 and 20"]);
    model(|t| t["model"]["merges"] = json!(["a b", "a c"])).fails("tokenizer", &["bad merge 2", "'c' is not"]);
    model(|t| t["model"]["merges"] = json!(["ab"])).fails("tokenizer", &["bad merge 1"]);
    model(|t| t["model"]["merges"] = json!([["a", "b", "c"]])).fails("json", &["tokenizer.json"]);
    model(|t| t["model"]["merges"] = json!(["a b"])).convert_as(F32).unwrap();
    let mut twice = Model::new();
    let text = twice.files["tokenizer.json"].replacen("\"vocab\":{", "\"vocab\":{\"a\":30,", 1);
    twice.files.insert("tokenizer.json".to_owned(), text);
    twice.fails("tokenizer", &["'a' appears twice"]);

    // A placeholder the processor added and the model has no row for.
    let mut model = model(|t| t["added_tokens"][3]["id"] = json!(40));
    model.config["image_token_index"] = json!(null);
    let (file, report) = model.convert_as(F32).unwrap();
    assert_eq!(strings(&file, "tokenizer.ggml.tokens").len() as u64, VOCABULARY);
    assert!(report.notes[0].contains("'<image>' has id 40"), "{report:?}");
    assert!(file.get("ocelli.image_token").is_none());
}

fn configured(config: serde_json::Value, change: impl FnOnce(&mut serde_json::Value)) -> Model {
    let mut model = model(change);
    model.files.insert("tokenizer_config.json".to_owned(), config.to_string());
    model
}

#[test]
fn added_tokens_keep_their_wishes() {
    let (file, _) = model(|t| {
        t["added_tokens"][0]["lstrip"] = json!(true);
        t["added_tokens"][1]["rstrip"] = json!(true);
        t["added_tokens"][2]["normalized"] = json!(true);
        t["added_tokens"][3]["single_word"] = json!(true);
    })
    .convert_as(F32)
    .unwrap();
    let ids = |file: &Gguf, name: &str| file.u32s(&format!("ocelli.tokenizer.{name}_ids")).unwrap();
    for (name, id) in [("lstrip", 1), ("rstrip", 2), ("normalized", 11), ("single_word", 39)] {
        assert_eq!(ids(&file, name), Some(vec![id]), "{name}");
    }
    // What tokenizer_config.json says of the same tokens goes over it, and adds more.
    let decoder = json!({"added_tokens_decoder": {
        "1": {"content": "<pad>", "lstrip": false, "normalized": false, "rstrip": true, "single_word": false, "special": true},
        "20": {"content": "<new>", "lstrip": true, "normalized": false, "rstrip": false, "single_word": false,
               "special": false}}});
    let (file, _) = configured(decoder, |t| t["added_tokens"][0]["lstrip"] = json!(true)).convert_as(F32).unwrap();
    assert_eq!((ids(&file, "lstrip"), ids(&file, "rstrip")), (Some(vec![20]), Some(vec![1])));
    assert_eq!(strings(&file, "tokenizer.ggml.tokens")[20], "<new>");
    // A special token that no file has an id for comes behind all others, and has no row here.
    let (file, report) = configured(json!({"additional_special_tokens": ["<tool>"]}), |_| ()).convert_as(F32).unwrap();
    assert!(report.notes[0].contains("'<tool>' has id 40"), "{:?}", report.notes);
    assert!(!strings(&file, "tokenizer.ggml.tokens").contains(&"<tool>".to_owned()));
}

#[test]
fn every_key_of_a_tokenizers_files_is_understood() {
    // What transformers 4.57.6 and 5.x write.
    let four = json!({
        "add_bos_token": true, "add_prefix_space": false, "added_tokens_decoder": {}, "additional_special_tokens": [],
        "bos_token": "</s>", "clean_up_tokenization_spaces": false, "eos_token": "</s>", "errors": "replace",
        "extra_special_tokens": {}, "legacy": false, "model_max_length": 2048, "pad_token": "<pad>",
        "padding_side": "left", "sp_model_kwargs": {}, "spaces_between_special_tokens": false,
        "tokenizer_class": "GPT2Tokenizer", "truncation_side": "left", "unk_token": "</s>",
        "use_default_system_prompt": false, "processor_class": "Blip2Processor", "split_special_tokens": false,
        "name_or_path": "x/y", "return_token_type_ids": false, "pad_to_multiple_of": null,
    });
    let five = json!({
        "add_prefix_space": null, "backend": "tokenizers", "bos_token": "</s>", "eos_token": "</s>",
        "clean_up_tokenization_spaces": false, "extra_special_tokens": ["<loc>"], "is_local": true,
        "local_files_only": false, "model_max_length": 1e30, "tokenizer_class": "TokenizersBackend", "unk_token": null,
        "image_token": "<image>", "model_specific_special_tokens": {"image_token": "<image>"},
    });
    // Beside which version 4 writes the special tokens once more.
    let token =
        |text| json!({"content": text, "lstrip": false, "normalized": true, "rstrip": false, "single_word": false});
    let map = json!({"bos_token": token("</s>"), "eos_token": token("</s>"), "pad_token": "<pad>", "unk_token": token("</s>")});
    for (config, map) in [(four, Some(map)), (five, None)] {
        let mut model = configured(config, |_| ());
        model.files.extend(map.map(|map| ("special_tokens_map.json".to_owned(), map.to_string())));
        let (_, report) = model.convert_as(F32).unwrap();
        assert!(report.notes.is_empty(), "{:?}", report.notes);
    }
    for (file, key, value) in [
        ("tokenizer_config.json", "my_key", json!(1)),
        ("tokenizer_config.json", "split_special_tokens", json!(true)),
        ("tokenizer_config.json", "do_lower_case", json!(true)),
        ("tokenizer_config.json", "sp_model_kwargs", json!({"enable_sampling": true})),
        ("special_tokens_map.json", "my_key", json!("x")),
    ] {
        let mut model = Model::new();
        model.files.insert(file.to_owned(), json!({ key: value }).to_string());
        model.fails("unknown_settings", &[file, key]);
    }
    for path in ["/my_key", "/model/my_key", "/pre_tokenizer/my_key", "/decoder/my_key", "/post_processor/my_key"] {
        let (parent, key) = path.rsplit_once('/').unwrap();
        let change = |t: &mut serde_json::Value| t.pointer_mut(parent).unwrap()[key] = json!(1);
        model(change).fails("json", &["tokenizer.json", "my_key"]);
    }
    model(|t| t["added_tokens"][0]["my_key"] = json!(1)).fails("json", &["tokenizer.json", "my_key"]);
    // Of another kind, the kind is what is named.
    let words = json!({"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                       "max_input_chars_per_word": 100, "vocab": {"[UNK]": 0}});
    model(|t| t["model"] = words).fails("tokenizer", &["'WordPiece'"]);
    model(|t| t["decoder"] = json!({"type": "WordPiece", "prefix": "##", "cleanup": true}))
        .convert_as(F32)
        .map(|(_, report)| assert!(report.notes[0].contains("'WordPiece'"), "{:?}", report.notes))
        .unwrap();
}

/// A unigram model of three tokens as transformers writes one, with something changed.
fn unigram(change: impl FnOnce(&mut serde_json::Value)) -> Model {
    model(|t| {
        t["model"] = json!({"type": "Unigram", "unk_id": 1, "byte_fallback": false,
                            "vocab": [["</s>", 0.0], ["<unk>", 0.0], ["\u{2581}a", -1.5]]});
        t["normalizer"] = json!({"type": "Sequence", "normalizers": [
            {"type": "Strip", "strip_left": false, "strip_right": true},
            {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "\u{2581}"},
        ]});
        t["pre_tokenizer"] = json!({"type": "Metaspace", "replacement": "\u{2581}", "prepend_scheme": "always"});
        t["decoder"] = json!({"type": "Metaspace", "replacement": "\u{2581}", "prepend_scheme": "always"});
        t["post_processor"] = json!({"type": "TemplateProcessing", "pair": [], "special_tokens": {}, "single": [
            {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}},
        ]});
        t["added_tokens"] = json!([{"id": 0, "content": "</s>", "single_word": false, "lstrip": false, "rstrip": false,
                                    "normalized": false, "special": true}]);
        change(t);
    })
}

#[test]
fn a_unigram_model_is_written_as_llama_cpp_names_it() {
    let (file, _) = unigram(|_| ()).convert_as(F32).unwrap();
    assert_eq!(file.str("tokenizer.ggml.model").unwrap(), Some("t5"));
    assert_eq!(file.bool("tokenizer.ggml.remove_extra_whitespaces").unwrap(), Some(true));
    assert_eq!(file.bool("tokenizer.ggml.add_space_prefix").unwrap(), Some(true));
    assert_eq!(file.bool("tokenizer.ggml.add_eos_token").unwrap(), Some(true));
    assert_eq!(file.bool("tokenizer.ggml.add_bos_token").unwrap(), Some(false));
    assert_eq!(file.u32("tokenizer.ggml.eos_token_id").unwrap(), Some(0));
    assert_eq!(file.u32("tokenizer.ggml.unknown_token_id").unwrap(), Some(1));
    assert_eq!(file.str("ocelli.tokenizer.trim").unwrap(), Some("part"));
    assert_eq!(file.str("ocelli.tokenizer.blank").unwrap(), Some("always"));
    assert_eq!(file.f32s("tokenizer.ggml.scores").unwrap().unwrap()[2], -1.5);
    assert_eq!(file.i32s("tokenizer.ggml.token_type").unwrap().unwrap()[..4], [3, 2, 1, 5]);
    for key in ["tokenizer.ggml.precompiled_charsmap", "tokenizer.ggml.bos_token_id"] {
        assert!(file.get(key).is_none(), "{key}");
    }
}

#[test]
fn what_a_unigram_model_may_do_besides_is_refused() {
    let precompiled = |map: &str| json!({"type": "Precompiled", "precompiled_charsmap": map});
    let sequence = |steps: serde_json::Value| json!({"type": "Sequence", "normalizers": steps});
    let cases = [
        ("/model/type", json!("BPE"), "model.vocab = what 'Unigram' has"),
        ("/model/unk_id", json!(null), "without model.unk_id"),
        ("/model/unk_id", json!(3), "model.unk_id is 3, model.vocab has 3 tokens"),
        ("/model/vocab", json!([]), "0 tokens"),
        ("/model/byte_fallback", json!(true), "'<0x00>'"),
        ("/normalizer", json!({"type": "NFKC"}), "'NFKC'"),
        ("/normalizer", precompiled("A*A="), "precompiled_charsmap is not base64 at its byte 1"),
        ("/normalizer", sequence(json!([{"type": "Lowercase"}, precompiled("")])), "'Lowercase'"),
        ("/normalizer/normalizers/0/strip_left", json!(true), "'Strip' but of the right alone"),
        ("/normalizer/normalizers/1/content", json!("-"), "'Replace' of anything but"),
        ("/normalizer/normalizers/0", json!({"type": "Sequence", "normalizers": []}), "'Sequence'"),
        ("/pre_tokenizer", json!(null), "a text whose blanks stay"),
        ("/pre_tokenizer", json!({"type": "Whitespace"}), "'Whitespace'"),
        ("/pre_tokenizer/prepend_scheme", json!("sometimes"), "prepend_scheme 'sometimes'"),
        ("/pre_tokenizer/replacement", json!("_"), "'_' for a blank"),
        (
            "/pre_tokenizer",
            json!({"type": "Sequence", "pretokenizers": [
                {"type": "WhitespaceSplit"},
                {"type": "Metaspace", "replacement": "\u{2581}", "prepend_scheme": "first"},
            ]}),
            "'WhitespaceSplit' before a 'Metaspace' of the scheme 'first'",
        ),
    ];
    for (path, value, part) in cases {
        unigram(|t| *t.pointer_mut(path).unwrap() = value).fails("tokenizer", &["tokenizer.json", part]);
    }
}

#[test]
fn a_blank_before_texts_is_what_the_class_makes_of_it() {
    let blank = |class: Option<&str>, own: bool, setting: serde_json::Value| {
        let mut config = json!({"tokenizer_class": class, "eos_token": "</s>"});
        config["add_prefix_space"] = setting;
        let model = configured(config, |t| t["pre_tokenizer"]["add_prefix_space"] = json!(own));
        let (file, report) = model.convert_as(F32).unwrap();
        (file.str("ocelli.tokenizer.blank").unwrap().unwrap().to_owned(), report.notes.len())
    };
    let null = || json!(null);
    // GPT-2's class follows the setting, whatever the file says; without a class transformers 4 follows it where it is set.
    for (class, own, setting, expected, notes) in [
        (Some("GPT2Tokenizer"), true, null(), "never", 1),
        (Some("GPT2TokenizerFast"), false, json!(true), "always", 1),
        (Some("GPT2Tokenizer"), true, json!(true), "always", 0),
        (Some("PreTrainedTokenizerFast"), false, json!(true), "always", 1),
        (Some("PreTrainedTokenizerFast"), true, null(), "always", 1),
        (Some("TokenizersBackend"), true, json!(false), "always", 1),
        (Some("TokenizersBackend"), false, null(), "never", 0),
        (None, true, json!(true), "always", 0),
    ] {
        assert_eq!(blank(class, own, setting.clone()), (expected.to_owned(), notes), "{class:?} {own} {setting}");
    }
    // A padding token that no vocabulary has stops nothing.
    let (file, report) = configured(json!({"pad_token": "[PAD]"}), |_| ()).convert_as(F32).unwrap();
    assert!(file.get("tokenizer.ggml.padding_token_id").is_none());
    assert!(report.notes[0].contains("pad_token '[PAD]'"), "{:?}", report.notes);
}
