//! Tokenizers from the keys of files: what they say, what they leave unsaid, and what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use ocelli_engine::Error;
use ocelli_engine::tokenizer::{EncodeOptions, TokenKind, Tokenizer, TokenizerError, special_tokens};
use ocelli_quant::gguf::{Gguf, MetaValue, Writer};
use std::sync::Arc;

const PLAIN: EncodeOptions = EncodeOptions { add_special: false, parse_special: false };
const PARSED: EncodeOptions = EncodeOptions { add_special: false, parse_special: true };

/// A file of these keys and no tensors.
fn file(keys: &[(&str, MetaValue)]) -> Gguf {
    let mut writer = Writer::new();
    for (key, value) in keys {
        writer.set(*key, value.clone());
    }
    let mut bytes = Vec::new();
    writer.begin(&mut bytes).unwrap().finish().unwrap();
    Gguf::parse(Arc::new(bytes)).unwrap()
}

fn strings(list: &[&str]) -> MetaValue {
    MetaValue::from(list.iter().map(|&s| s.to_owned()).collect::<Vec<String>>())
}

/// As the tokenizers library encodes with `rstrip` tokens, which llama.cpp's files of Phi 3 do not name.
#[test]
fn tokens_of_phi3_take_the_blanks_behind_them() {
    let keys = |name: &str| {
        [
            ("general.architecture", MetaValue::from(name)),
            ("tokenizer.ggml.model", MetaValue::from("llama")),
            (
                "tokenizer.ggml.tokens",
                strings(&["<unk>", "<s>", "</s>", "▁a", "<|end|>", "<|user|>", "▁", "<|endoftext|>"]),
            ),
            ("tokenizer.ggml.scores", MetaValue::from(vec![0.0f32; 8])),
            ("tokenizer.ggml.token_type", MetaValue::from(vec![2i32, 3, 3, 1, 3, 3, 1, 3])),
        ]
    };
    let encode =
        |name: &str, text: &str| Tokenizer::from_gguf(&file(&keys(name))).unwrap().encode(text, PARSED).unwrap();
    assert_eq!(encode("phi3", "<|user|> a<|end|>  \n a"), [5, 3, 4, 3]);
    assert_eq!(encode("phi3", "<|endoftext|> a"), [7, 6, 3], "not this one");
    assert_eq!(encode("llama", "<|end|> a"), [4, 6, 3]);
}

#[test]
fn files_leave_unsaid_what_their_kind_implies() {
    let llama = [
        ("tokenizer.ggml.model", MetaValue::from("llama")),
        ("tokenizer.ggml.tokens", strings(&["<unk>", "<s>", "</s>", "▁a"])),
        ("tokenizer.ggml.scores", MetaValue::from(vec![0.0f32; 4])),
        ("tokenizer.ggml.token_type", MetaValue::from(vec![2i32, 3, 3, 1])),
    ];
    let t = Tokenizer::from_gguf(&file(&llama)).unwrap();
    assert_eq!((t.bos(), t.eos(), t.unk(), t.end_ids()), (Some(1), Some(2), Some(0), &[2][..]));
    assert_eq!(t.encode("a", EncodeOptions::default()).unwrap()[0], 1);
    let said = [
        ("tokenizer.ggml.add_bos_token", MetaValue::from(false)),
        ("tokenizer.ggml.add_space_prefix", MetaValue::from(false)),
    ];
    let t = Tokenizer::from_gguf(&file(&[&llama[..], &said].concat())).unwrap();
    assert_eq!(t.encode("a a", EncodeOptions::default()).unwrap(), [0, 3], "without the blank no token is an a");
    // Without types, or without that of bytes, their names say which tokens are bytes.
    let bytes: Vec<String> = (0..256).map(|byte| format!("<0x{byte:02X}>")).collect();
    let all: Vec<&str> =
        ["<unk>", "<s>", "</s>"].into_iter().chain(bytes.iter().map(String::as_str)).chain(["▁a"]).collect();
    let mut untyped = vec![
        ("tokenizer.ggml.model", MetaValue::from("llama")),
        ("tokenizer.ggml.tokens", strings(&all)),
        ("tokenizer.ggml.scores", MetaValue::from(vec![0.0f32; all.len()])),
        ("tokenizer.ggml.padding_token_id", MetaValue::from(4_000u32)),
    ];
    for types in [None, Some([vec![2, 3, 3], vec![1i32; 257]].concat())] {
        untyped.extend(types.map(|types| ("tokenizer.ggml.token_type", MetaValue::from(types))));
        let t = Tokenizer::from_gguf(&file(&untyped)).unwrap();
        assert_eq!(t.encode("日\n", PLAIN).unwrap(), [3 + 32, 3 + 0xe6, 3 + 0x97, 3 + 0xa5, 3 + 10]);
        assert_eq!(t.encode("a</s>", EncodeOptions::default()).unwrap(), [1, 259, 2]);
        assert_eq!((t.kind(0), t.pad()), (Some(TokenKind::Unknown), None));
    }

    let llama3 = [
        ("tokenizer.ggml.model", MetaValue::from("gpt2")),
        ("tokenizer.ggml.pre", MetaValue::from("llama-bpe")),
        ("tokenizer.ggml.tokens", strings(&["a", "<|begin_of_text|>", "<|eot_id|>"])),
        ("tokenizer.ggml.merges", strings(&[])),
        ("tokenizer.ggml.bos_token_id", MetaValue::from(1u32)),
    ];
    let t = Tokenizer::from_gguf(&file(&llama3)).unwrap();
    assert_eq!(t.encode("a", EncodeOptions::default()).unwrap(), [1, 0]);
    assert_eq!(t.end_ids(), [2]);

    let bert = [
        ("tokenizer.ggml.model", MetaValue::from("bert")),
        ("tokenizer.ggml.tokens", strings(&["[UNK]", "[CLS]", "[SEP]", "▁a"])),
        ("tokenizer.ggml.unknown_token_id", MetaValue::from(0u32)),
        ("tokenizer.ggml.cls_token_id", MetaValue::from(1u32)),
        ("tokenizer.ggml.seperator_token_id", MetaValue::from(2u32)),
    ];
    let t = Tokenizer::from_gguf(&file(&bert)).unwrap();
    assert_eq!(t.encode("a b", EncodeOptions::default()).unwrap(), [1, 3, 0, 2]);
}

#[test]
fn files_that_are_wrong_are_refused() {
    let base = |model: &str| {
        vec![("tokenizer.ggml.model", MetaValue::from(model)), ("tokenizer.ggml.tokens", strings(&["a", "b"]))]
    };
    let error = |keys: Vec<(&'static str, MetaValue)>| Tokenizer::from_gguf(&file(&keys)).unwrap_err();
    let with = |model: &str, more: &[(&'static str, MetaValue)]| error([base(model), more.to_vec()].concat());
    for model in ["rwkv", "plamo2", ""] {
        let refused = with(model, &[]);
        assert!(matches!(&refused, Error::UnknownArchitecture { got, .. } if got == model), "{refused}");
    }
    let missing = |e: &Error, wanted: &str| matches!(e, Error::BadParameter { key, got, .. } if key == wanted && got == "missing");
    assert!(missing(&error(vec![("tokenizer.ggml.model", MetaValue::from("llama"))]), "tokenizer.ggml.tokens"));
    assert!(missing(&with("llama", &[]), "tokenizer.ggml.scores"));
    assert!(missing(&with("t5", &[]), "tokenizer.ggml.scores"));
    assert!(missing(&with("gpt2", &[]), "tokenizer.ggml.merges"));
    assert!(matches!(with("bert", &[]), Error::Tokenizer(TokenizerError::NoUnknown)));
    let scores = |n: usize| ("tokenizer.ggml.scores", MetaValue::from(vec![0.0f32; n]));
    assert!(matches!(with("llama", &[scores(1)]), Error::Tokenizer(TokenizerError::ScoreCount { .. })));
    let wrong = ("tokenizer.ggml.scores", MetaValue::from(vec![0u32; 2]));
    assert!(matches!(with("llama", &[wrong]), Error::Gguf(_)));
    let types = ("tokenizer.ggml.token_type", MetaValue::from(vec![1i32; 9]));
    assert!(matches!(with("llama", &[scores(2), types]), Error::Tokenizer(TokenizerError::TypeCount { .. })));
    let merges = ("tokenizer.ggml.merges", strings(&[]));
    let pre = ("tokenizer.ggml.pre", MetaValue::from("kimi-k2"));
    let refused = with("gpt2", &[merges.clone(), pre, ("tokenizer.ggml.bos_token_id", MetaValue::from(0u32))]);
    assert!(refused.to_string().contains("kimi-k2"), "{refused}");
    let far = ("tokenizer.ggml.eot_token_id", MetaValue::from(7u32));
    assert!(matches!(with("gpt2", &[merges, far]), Error::Tokenizer(TokenizerError::SpecialOutOfRange { .. })));
}

/// The right ids are those of the library: `parity/tokenizers_around.py` compares thousands of texts.
#[test]
fn files_say_where_blanks_go_and_what_added_tokens_take() {
    let said = |blank: &str, early: bool, more: &[(&'static str, MetaValue)]| {
        let base = [
            ("tokenizer.ggml.model", MetaValue::from("llama")),
            ("tokenizer.ggml.tokens", strings(&["<unk>", "<s>", "</s>", "▁", "a", "▁a", "<m>"])),
            ("tokenizer.ggml.scores", MetaValue::from(vec![0.0, 0.0, 0.0, -2.0, -3.0, -1.0, 0.0f32])),
            ("tokenizer.ggml.token_type", MetaValue::from(vec![2i32, 3, 3, 1, 1, 1, 3])),
            ("tokenizer.ggml.add_bos_token", MetaValue::from(false)),
            ("ocelli.tokenizer.blank", MetaValue::from(blank)),
            ("ocelli.tokenizer.normalizes_blanks", MetaValue::from(early)),
        ];
        Tokenizer::from_gguf(&file(&[&base[..], more].concat()))
    };
    for (blank, early, text, ids) in [
        ("never", true, "a<m>a", &[4, 6, 4][..]),
        ("first", false, "a<m>a", &[5, 6, 4]),
        ("first", false, "<m>a", &[6, 4]),
        ("first", false, " a", &[5]),
        ("first", true, " a", &[3, 5]),
        ("always", false, "a<m>a<m> a", &[5, 6, 5, 6, 5]),
        ("always", true, "a<m>a<m> a", &[5, 6, 5, 6, 3, 5]),
    ] {
        let t = said(blank, early, &[]).unwrap();
        assert_eq!(t.encode(text, PARSED).unwrap(), ids, "{blank} {early} {text:?}");
        // Behind other pieces of a prompt, the first text is not the first.
        let goes_on: &[u32] = if blank == "first" && !early && text == "a<m>a" { &[4, 6, 4] } else { continue };
        assert_eq!(t.encode_piece(text, PARSED, false).unwrap(), goes_on);
    }
    for (list, text, ids) in [
        ("lstrip", "a  <m> a", &[4, 6, 5][..]),
        ("rstrip", "a <m>  a", &[4, 3, 6, 4]),
        ("single_word", "a<m> <m>", &[4, 0, 3, 6]),
        ("normalized", "a<m>", &[4, 6]),
    ] {
        let key = match list {
            "lstrip" => "ocelli.tokenizer.lstrip_ids",
            "rstrip" => "ocelli.tokenizer.rstrip_ids",
            "single_word" => "ocelli.tokenizer.single_word_ids",
            _ => "ocelli.tokenizer.normalized_ids",
        };
        // An id outside the vocabulary is no token's.
        let t = said("never", true, &[(key, MetaValue::from(vec![6u32, 4_000]))]).unwrap();
        assert_eq!(t.encode(text, PARSED).unwrap(), ids, "{list}");
    }
    // Normalised, `<m>` is looked for behind a blank where a blank is put before every text.
    let t = said("always", true, &[("ocelli.tokenizer.normalized_ids", MetaValue::from(vec![6u32]))]).unwrap();
    assert_eq!(t.encode("<m>a <m>", PARSED).unwrap(), [6, 4, 6]);
    let wrong = said("sometimes", true, &[]).unwrap_err().to_string();
    assert!(wrong.contains("ocelli.tokenizer.blank") && wrong.contains("sometimes"), "{wrong}");
}

#[test]
fn special_tokens_go_by_their_names() {
    let mut keys = vec![
        ("tokenizer.ggml.model", MetaValue::from("gpt2")),
        ("tokenizer.ggml.tokens", strings(&["a", "<s>", "<pad>", "<image>"])),
        ("tokenizer.ggml.bos_token_id", MetaValue::from(1u32)),
        ("tokenizer.ggml.padding_token_id", MetaValue::from(2u32)),
        ("tokenizer.ggml.mask_token_id", MetaValue::from(4u32)),
        ("ocelli.tokenizer.special_names", strings(&["image_token"])),
        ("ocelli.tokenizer.special_ids", MetaValue::from(vec![3u32])),
    ];
    let named = |keys: &[(&str, MetaValue)]| {
        let file = file(keys);
        let own = |(name, text): &(&str, &str)| format!("{name}={text}");
        special_tokens(&file).map(|all| all.iter().map(own).collect::<Vec<_>>().join(" ")).map_err(|e| e.to_string())
    };
    assert_eq!(named(&keys).unwrap(), "bos_token=<s> pad_token=<pad> image_token=<image>");
    keys[0].1 = MetaValue::from("llama");
    assert_eq!(named(&keys).unwrap(), "bos_token=<s> eos_token=<pad> unk_token=a pad_token=<pad> image_token=<image>");
    keys[6].1 = MetaValue::from(vec![3u32, 1]);
    let error = named(&keys).unwrap_err();
    assert!(error.contains("1 names") && error.contains("2 ids"), "{error}");
}
