//! Byte-level BPE against the `tokenizers` library (`tokenizer_golden.json`, made by `tokenizer_golden.py`), its own
//! inverse, and hostile tables and texts.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use ocelli_engine::tokenizer::{Blank, EncodeOptions, Spec, TokenKind, Tokenizer, TokenizerError};
use proptest::prelude::*;
use serde_json::Value;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

struct Golden {
    tokens: Vec<String>,
    merges: Vec<String>,
    control: Vec<u32>,
    all: Value,
}

static GOLDEN: LazyLock<Golden> = LazyLock::new(|| {
    let all: Value = serde_json::from_str(include_str!("tokenizer_golden.json")).unwrap();
    let strings = |key: &str| -> Vec<String> {
        all[key].as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
    };
    Golden { tokens: strings("tokens"), merges: strings("merges"), control: ids(&all["control"]), all }
});

/// OPT's conventions: bos, eos and unknown are one token, put before every text.
static TOKENIZER: LazyLock<Tokenizer> = LazyLock::new(|| Tokenizer::new(spec()).unwrap());

fn spec() -> Spec<'static> {
    let golden = &*GOLDEN;
    let types = (0u32..).take(golden.tokens.len()).map(|id| if golden.control.contains(&id) { 3 } else { 1 });
    Spec {
        token_types: Some(types.collect()),
        pre: "opt",
        bos: Some(2),
        eos: Some(2),
        pad: Some(1),
        unk: Some(2),
        add_bos: true,
        ..Spec::bpe(strs(&golden.tokens), strs(&golden.merges))
    }
}

fn strs(list: &[String]) -> impl Iterator<Item = &str> {
    list.iter().map(String::as_str)
}

fn ids(v: &Value) -> Vec<u32> {
    v.as_array().unwrap().iter().map(|v| u32::try_from(v.as_u64().unwrap()).unwrap()).collect()
}

const PLAIN: EncodeOptions = EncodeOptions { add_special: false, parse_special: false };

#[test]
fn encoding_is_the_librarys() {
    for case in GOLDEN.all["cases"].as_array().unwrap() {
        let text = case[0].as_str().unwrap();
        assert_eq!(TOKENIZER.encode(text, EncodeOptions::default()).unwrap(), ids(&case[1]), "{text:?}");
    }
}

#[test]
fn decoding_is_the_librarys() {
    for case in GOLDEN.all["decoded"].as_array().unwrap() {
        let ids = ids(&case[0]);
        assert_eq!(TOKENIZER.decode(&ids, false).unwrap(), case[1].as_str().unwrap(), "{ids:?}");
        assert_eq!(TOKENIZER.decode(&ids, true).unwrap(), case[2].as_str().unwrap(), "{ids:?}");
    }
}

#[test]
fn special_tokens() {
    let t = &*TOKENIZER;
    let image = t.find("<image>").unwrap();
    assert!(t.is_special(image) && t.is_special(2) && !t.is_special(t.find("Ġ").unwrap()));
    assert_eq!(t.kind(image), Some(TokenKind::Control));
    assert_eq!((t.bos(), t.eos(), t.pad(), t.unk()), (Some(2), Some(2), Some(1), Some(2)));
    assert!(t.adds_bos() && !t.adds_eos());
    assert_eq!(t.vocab_size(), GOLDEN.tokens.len());
    // Untrusted text cannot write a control token.
    let written = t.encode("</s><image>", PLAIN).unwrap();
    assert!(written.iter().all(|&id| !t.is_special(id)));
    assert_eq!(t.decode(&written, true).unwrap(), "</s><image>");
    let parsed = EncodeOptions { add_special: false, parse_special: true };
    assert_eq!(t.encode("</s><image>", parsed).unwrap(), [2, image]);

    // The longest wins; user-defined tokens are found in every text.
    let tokens = ["a", "b", "ab!", "ab", "!", "<x>"];
    let types = Some(vec![1, 1, 4, 4, 1, 3]);
    let t = Tokenizer::new(Spec { token_types: types, ..Spec::bpe(tokens, []) }).unwrap();
    assert_eq!(t.encode("aab!abb", PLAIN).unwrap(), [0, 2, 3, 1]);
    assert_eq!(t.decode(&[2, 5, 0], true).unwrap(), "ab!a");
    assert_eq!(t.decode(&[2, 5, 0], false).unwrap(), "ab!<x>a");

    // Both ends may be added, and an empty text gets them too.
    let both = Spec { add_eos: true, ..spec() };
    assert_eq!(Tokenizer::new(both).unwrap().encode("", EncodeOptions::default()).unwrap(), [2, 2]);
}

#[test]
fn encode_into_appends_or_leaves_alone() {
    let t = Tokenizer::new(Spec::bpe(["a"], [])).unwrap();
    let mut out = vec![7];
    t.encode_into("aa", PLAIN, &mut out).unwrap();
    assert_eq!(out, [7, 0, 0]);
    assert_eq!(t.encode_into("aab", PLAIN, &mut out), Err(TokenizerError::NoTokenForByte { byte: b'b', offset: 2 }));
    assert_eq!(out, [7, 0, 0]);
}

/// T-05: ids outside the vocabulary.
#[test]
fn ids_out_of_range() {
    let vocab = TOKENIZER.vocab_size();
    for id in [u32::try_from(vocab).unwrap(), 1 << 31, u32::MAX] {
        let error = TokenizerError::IdOutOfRange { id, vocab };
        assert_eq!(TOKENIZER.token_bytes(id), Err(error.clone()));
        assert_eq!(TOKENIZER.decode(&[0, id], false), Err(error.clone()));
        let mut stream = TOKENIZER.stream(false);
        assert_eq!(stream.push(&TOKENIZER, id), Err(error.clone()));
        assert_eq!(error.to_string(), format!("token id {id} is out of range 0..{vocab}"));
        assert!(!TOKENIZER.is_special(id));
        assert_eq!(TOKENIZER.kind(id), None);
    }
}

/// T-06: special ids outside the vocabulary.
#[test]
fn special_ids_out_of_range() {
    let of = |change: fn(&mut Spec<'static>)| {
        let mut spec = Spec::bpe(["a", "b"], []);
        change(&mut spec);
        Tokenizer::new(spec).unwrap_err()
    };
    assert_eq!(of(|s| s.eos = Some(2)), TokenizerError::SpecialOutOfRange { what: "eos", id: 2, vocab: 2 });
    assert_eq!(of(|s| s.bos = Some(u32::MAX)).to_string(), "bos id 4294967295 is outside the vocabulary of 2 tokens");
    assert!(matches!(of(|s| s.unk = Some(9)), TokenizerError::SpecialOutOfRange { what: "unk", .. }));
    assert!(matches!(of(|s| s.add_bos = true), TokenizerError::NothingToAdd { what: "bos", .. }));
    assert!(matches!(of(|s| s.add_eos = true), TokenizerError::NothingToAdd { what: "eos", .. }));
    // Nothing uses a padding token: one outside does not stop a file.
    let padded = Tokenizer::new(Spec { pad: Some(9), ..Spec::bpe(["a", "b"], []) }).unwrap();
    assert_eq!((padded.pad(), padded.encode("ab", PLAIN).unwrap()), (None, vec![0, 1]));
    assert!(matches!(of(|s| s.pre = "bloom"), TokenizerError::UnknownPreTokenizer { .. }));
}

/// T-07: no newline, no byte tokens, one token, none.
#[test]
fn poor_vocabularies() {
    assert_eq!(Tokenizer::new(Spec::bpe([], [])).unwrap_err(), TokenizerError::EmptyVocabulary);
    let one = Tokenizer::new(Spec::bpe(["x"], [])).unwrap();
    assert_eq!(one.encode("x\n", PLAIN), Err(TokenizerError::NoTokenForByte { byte: b'\n', offset: 1 }));
    let with_unknown = Spec { unk: Some(1), ..Spec::bpe(["x", "?"], []) };
    assert_eq!(Tokenizer::new(with_unknown).unwrap().encode("xé\n", PLAIN).unwrap(), [0, 1, 1, 1]);
    // An empty token is never found; a byte token is.
    let odd = Spec { token_types: Some(vec![3, 1, 6]), ..Spec::bpe(["", "x", "<0x0A>"], []) };
    let odd = Tokenizer::new(odd).unwrap();
    assert_eq!(odd.encode("x\nx", EncodeOptions::default()).unwrap(), [1, 2, 1]);
    assert_eq!(odd.decode(&[0, 2, 1], false).unwrap(), "\nx");
    assert_eq!(odd.find("<0x0A>"), Some(2));
}

/// T-01 and T-08: tables that contradict themselves.
#[test]
fn bad_tables() {
    let build = |tokens: &[&'static str], merges: &[&'static str], types: Option<Vec<i32>>| {
        let spec = Spec::bpe(tokens.to_vec(), merges.to_vec());
        Tokenizer::new(Spec { token_types: types, ..spec }).unwrap_err()
    };
    let abc = ["a", "b", "ab"];
    assert_eq!(build(&abc, &[], Some(vec![1, 1])), TokenizerError::TypeCount { tokens: 3, types: 2 });
    assert_eq!(build(&abc, &[], Some(vec![1; 4])), TokenizerError::TypeCount { tokens: 3, types: 4 });
    assert_eq!(build(&abc, &[], Some(vec![1, 7, 1])), TokenizerError::UnknownType { id: 1, value: 7 });
    let duplicate = |id, first| TokenizerError::DuplicateToken { id, first, token: "a".into() };
    assert_eq!(build(&["a", "b", "a"], &[], None), duplicate(2, 0));
    assert_eq!(build(&["a", "b", "a"], &[], Some(vec![1, 1, 3])), duplicate(2, 0));
    assert_eq!(build(&["a", "b", "a"], &[], Some(vec![3, 1, 1])), duplicate(2, 0));
    for (merge, index) in [("ab", 1), ("", 1), (" b", 1), ("a ", 1), ("a b ", 1), ("a  b", 1), (" ", 1)] {
        let error = build(&abc, &["a b", merge], None);
        assert_eq!(error, TokenizerError::BadMerge { index, merge: merge.into() });
    }
    for (merge, absent) in [("a c", "c"), ("c a", "c"), ("b a", "ba"), ("ab ab", "abab"), ("é a", "é")] {
        let error = build(&abc, &["a b", merge], None);
        assert_eq!(error, TokenizerError::MergeOfAbsentToken { index: 1, token: absent.into() });
    }
    for text in ["<0x-1>", "<0xZZ>", "<0x1>", "<0x100>", "<0x+1>", "x", ""] {
        assert_eq!(build(&[text], &[], Some(vec![6])), TokenizerError::BadByteToken { id: 0, token: text.into() });
    }
    // A long token is fine as text, not as a special token; errors do not carry it whole.
    let long: &'static str = Box::leak("x".repeat(1 << 20).into_boxed_str());
    let text = Tokenizer::new(Spec::bpe([long, "x"], [])).unwrap();
    assert_eq!(text.decode(&[0], false).unwrap().len(), 1 << 20);
    assert!(matches!(
        build(&[long], &[], Some(vec![3])),
        TokenizerError::SpecialTooLong { id: 0, bytes: 1_048_576, .. }
    ));
    assert!(build(&[long, long], &[], None).to_string().len() < 200);
}

/// T-08: merges in any order, listed twice, of special tokens; all words still end.
#[test]
fn odd_merges() {
    let tokens = ["a", "b", "ab", "abab", "ba", "aab"];
    let merges = ["ab ab", "a ab", "a b", "b a", "a b"];
    let t = Tokenizer::new(Spec::bpe(tokens, merges)).unwrap();
    for text in ["abab", "aabab", "bababa", &"ab".repeat(500), &"aab".repeat(500)] {
        let ids = t.encode(text, PLAIN).unwrap();
        assert_eq!(t.decode(&ids, false).unwrap(), text);
    }
}

/// Byte-pair merging as it is defined, on strings: the pair of lowest rank, the leftmost among equals, one at a time.
fn merged_by_definition(word: &str) -> Vec<u32> {
    let mut symbols: Vec<String> = word.chars().map(String::from).collect();
    loop {
        let rank = |pair: &[String]| GOLDEN.merges.iter().position(|m| *m == pair.join(" "));
        let best = symbols.windows(2).enumerate().filter_map(|(at, pair)| Some((rank(pair)?, at))).min();
        let Some((_, at)) = best else {
            return symbols.iter().map(|s| TOKENIZER.find(s).unwrap()).collect();
        };
        let right = symbols.remove(at + 1);
        symbols[at].push_str(&right);
    }
}

/// T-09 and T-10: a megabyte in well under two seconds, whatever it is.
#[test]
fn long_texts_take_linear_time() {
    let mb = 1 << 20;
    for text in [
        "a".repeat(mb),
        "a".repeat(mb - 1) + "!",
        "the".repeat(mb / 3),
        " ".repeat(mb),
        " ".repeat(mb - 1) + "a",
        "\n ".repeat(mb / 2),
        "\u{301}".repeat(mb / 2),
        "<image".repeat(mb / 6),
        "<".repeat(mb),
        "'".repeat(mb),
        "</s>".repeat(mb / 4),
    ] {
        let start = Instant::now();
        let ids = TOKENIZER.encode(&text, EncodeOptions { add_special: false, parse_special: true }).unwrap();
        assert!(start.elapsed() < Duration::from_secs(2), "{:?} for {:?}", start.elapsed(), &text[..4]);
        assert_eq!(TOKENIZER.decode(&ids, false).unwrap(), text);
    }
    let long = "a".repeat((16 << 20) + 1);
    let error = TokenizerError::TextTooLong { bytes: long.len(), limit: 16 << 20 };
    assert_eq!(TOKENIZER.encode(&long, PLAIN), Err(error));
}

/// T-09: invalid UTF-8 comes out of tokens, never into text.
#[test]
fn streams_hold_back_parts_of_characters() {
    let t = &*TOKENIZER;
    let mut stream = t.stream(false);
    let bytes = t.encode("👍é", PLAIN).unwrap();
    let pieces: Vec<String> = bytes.iter().map(|&id| stream.push(t, id).unwrap().to_owned()).collect();
    assert_eq!(pieces.concat(), "👍é");
    assert_eq!(stream.flush(), "");
    // A start that never completes: replaced when the next byte shows it, or at the end.
    assert_eq!(stream.push_bytes(&[0xf0, 0x9f]), "");
    assert!(stream.is_pending());
    assert_eq!(stream.push_bytes(b"a"), "\u{fffd}a");
    assert_eq!(stream.push_bytes(&[0xff, 0xe2, 0x82]), "\u{fffd}");
    assert_eq!(stream.flush(), "\u{fffd}");
    assert_eq!(stream.flush(), "");
}

#[test]
fn memory_is_told() {
    let per_token = TOKENIZER.memory_bytes() / TOKENIZER.vocab_size();
    assert!(per_token < 64, "{per_token}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn decoding_undoes_encoding(text in "\\PC{0,60}|[ \\n\\ta-z'.0-9é你👍\u{a0}\u{301}]{0,200}", parse_special: bool) {
        let ids = TOKENIZER.encode(&text, EncodeOptions { add_special: false, parse_special }).unwrap();
        prop_assert_eq!(TOKENIZER.decode(&ids, false).unwrap(), text);
    }

    /// Words on both sides of the length from which a heap is used.
    #[test]
    fn merging_is_as_defined(word in "[a-z]{1,90}|(the|ing|tion|aa){8,20}") {
        prop_assert_eq!(TOKENIZER.encode(&word, PLAIN).unwrap(), merged_by_definition(&word));
    }

    #[test]
    fn any_text_survives(chars in proptest::collection::vec(any::<char>(), 0..80)) {
        let text: String = chars.into_iter().collect();
        let ids = TOKENIZER.encode(&text, PLAIN).unwrap();
        prop_assert_eq!(TOKENIZER.decode(&ids, false).unwrap(), text);
    }

    #[test]
    fn streaming_is_decoding(ids in proptest::collection::vec(0u32..565, 0..40), skip: bool) {
        let t = &*TOKENIZER;
        let ids: Vec<u32> = ids.into_iter().filter(|&id| (id as usize) < t.vocab_size()).collect();
        let mut stream = t.stream(skip);
        let mut text = String::new();
        for &id in &ids {
            text.push_str(stream.push(t, id).unwrap());
        }
        text.push_str(stream.flush());
        prop_assert_eq!(text, t.decode(&ids, skip).unwrap());
    }

    #[test]
    fn any_tables_load_or_fail(tokens in proptest::collection::vec("[abĠ<>]{0,3}", 0..8), merges in proptest::collection::vec("[ab ]{0,4}", 0..4), types in proptest::option::of(proptest::collection::vec(0i32..8, 0..8)), text in "[ab <>]{0,50}") {
        let spec = Spec { token_types: types, ..Spec::bpe(strs(&tokens), strs(&merges)) };
        if let Ok(t) = Tokenizer::new(spec)
            && let Ok(ids) = t.encode(&text, EncodeOptions::default())
        {
            let decoded = t.decode(&ids, false).unwrap();
            // Tokens of other kinds are written as the file spells them, or not at all, whatever they were found for.
            if ids.iter().all(|&id| t.kind(id) == Some(TokenKind::Normal)) {
                prop_assert_eq!(decoded, text);
            }
        }
    }
}

#[test]
fn prefix_blanks_and_cleaned_blanks_are_switches_of_the_file() {
    let tokens = ["a", "b", "\u{120}", "\u{120}a", ".", "\u{120}."];
    let merges = ["\u{120} a", "\u{120} ."];
    let encode = |blank, text: &str| {
        let spec = Spec { blank, ..Spec::bpe(tokens, merges) };
        Tokenizer::new(spec).unwrap().encode(text, EncodeOptions::default()).unwrap()
    };
    assert_eq!(encode(Blank::Nowhere, "ab"), [0, 1]);
    assert_eq!(encode(Blank::Everywhere, "ab"), [3, 1]);
    assert_eq!(encode(Blank::Everywhere, " ab"), [3, 1], "one blank is enough");
    assert!(encode(Blank::Everywhere, "").is_empty());

    let spec = Spec { clean_up_spaces: true, ..Spec::bpe(tokens, merges) };
    let cleaning = Tokenizer::new(spec).unwrap();
    let ids = [0, 2, 1, 5, 2, 4, 2];
    assert_eq!(cleaning.decode(&ids, true).unwrap(), "a b.. ");
    let mut stream = cleaning.stream(true);
    let mut text = String::new();
    for id in ids {
        text.push_str(stream.push(&cleaning, id).unwrap());
    }
    text.push_str(stream.flush());
    assert_eq!(text, "a b.. ");
}
