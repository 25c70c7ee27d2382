//! SentencePiece, WordPiece and Gemma 4's byte-pair encoding on small vocabularies made by hand, special tokens and
//! endings. Real vocabularies are tested in `vocabularies.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use ocelli_engine::tokenizer::{Blank, EncodeOptions, Spec, TokenKind, Tokenizer, TokenizerError};
use proptest::prelude::*;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

const PLAIN: EncodeOptions = EncodeOptions { add_special: false, parse_special: false };
const PARSED: EncodeOptions = EncodeOptions { add_special: false, parse_special: true };

/// Pieces of the small SentencePiece vocabulary, with scores; ids follow the 3 special and 256 byte tokens.
const PIECES: [(&str, f32); 22] = [
    ("▁", -10.0),
    ("a", -11.0),
    ("b", -12.0),
    ("c", -13.0),
    ("<", -14.0),
    ("/", -15.0),
    ("s", -16.0),
    (">", -17.0),
    ("é", -18.0),
    // Equal scores: the leftmost goes first.
    ("ab", -2.0),
    ("ba", -2.0),
    ("aa", -1.0),
    ("aaaa", -0.5),
    ("▁a", -3.0),
    ("▁▁", -4.0),
    ("▁▁▁▁", -5.0),
    ("</", -6.0),
    ("s>", -6.5),
    ("abc", -7.0),
    ("bc", -1.5),
    ("▁abc", -0.1),
    ("\n", -19.0),
];
const FIRST: u32 = 259;
const USER: [&str; 4] = ["xy", "yz", "xyz!", "\n\n"];

fn spec() -> Spec<'static> {
    static BYTES: LazyLock<Vec<String>> = LazyLock::new(|| (0..256).map(|b| format!("<0x{b:02X}>")).collect());
    let tokens = ["<unk>", "<s>", "</s>"].into_iter().chain(BYTES.iter().map(String::as_str));
    let tokens: Vec<&str> = tokens.chain(PIECES.iter().map(|p| p.0)).chain(USER).collect();
    let types = [2, 3, 3].into_iter().chain([6; 256]).chain([1; PIECES.len()]).chain([4; USER.len()]);
    let mut scores = vec![0.0; FIRST as usize];
    scores.extend(PIECES.map(|p| p.1));
    scores.extend([0.0; USER.len()]);
    Spec {
        token_types: Some(types.collect()),
        bos: Some(1),
        eos: Some(2),
        unk: Some(0),
        ..Spec::sentencepiece(tokens, scores)
    }
}

static PLAIN_SPM: LazyLock<Tokenizer> = LazyLock::new(|| Tokenizer::new(spec()).unwrap());
static PREFIXED: LazyLock<Tokenizer> =
    LazyLock::new(|| Tokenizer::new(Spec { add_bos: true, blank: Blank::Everywhere, ..spec() }).unwrap());

/// Ids of pieces by their texts.
fn pieces(texts: &[&str]) -> Vec<u32> {
    texts.iter().map(|text| PLAIN_SPM.find(text).unwrap_or_else(|| panic!("{text}"))).collect()
}

#[test]
fn sentencepiece_merges_by_score_and_from_the_left() {
    for (text, tokens) in [
        ("", &[][..]),
        ("aba", &["ab", "a"]),
        ("bab", &["ba", "b"]),
        ("aaa", &["aa", "a"]),
        ("aaaaa", &["aaaa", "a"]),
        ("abc", &["abc"]),
        ("aabc", &["aa", "bc"]),
        (" abc", &["▁abc"]),
        // There is no "▁aa": the blank stays alone.
        (" aa", &["▁", "aa"]),
        (" ", &["▁"]),
        ("     ", &["▁▁▁▁", "▁"]),
        ("a▁a", &["a", "▁a"]),
        ("é", &["é"]),
        ("è", &["<0xC3>", "<0xA8>"]),
        ("a👍", &["a", "<0xF0>", "<0x9F>", "<0x91>", "<0x8D>"]),
        ("\0", &["<0x00>"]),
        ("\n\n\n", &["\n\n", "\n"]),
        ("xyz", &["xy", "<0x7A>"]),
        ("xyz!xyz", &["xyz!", "xy", "<0x7A>"]),
        // Spelled out, a control token is text.
        ("</s>", &["</", "s>"]),
        ("<0x41>", &["<", "<0x30>", "<0x78>", "<0x34>", "<0x31>", ">"]),
    ] {
        assert_eq!(PLAIN_SPM.encode(text, PLAIN).unwrap(), pieces(tokens), "{text:?}");
    }
    assert_eq!(PLAIN_SPM.encode("a</s>a", PARSED).unwrap(), pieces(&["a", "</s>", "a"]));
    // Frozen: these are the file's ids.
    assert_eq!(PLAIN_SPM.encode(" abc aab</s>", PLAIN).unwrap(), [279, 259, 270, 261, 275, 276]);
}

#[test]
fn sentencepieces_blank_before_a_text_comes_and_goes() {
    let ids = |tokens: &[&str]| [vec![1], pieces(tokens)].concat();
    let encode = |text: &str| PREFIXED.encode(text, EncodeOptions::default()).unwrap();
    assert_eq!(encode(""), [1]);
    assert_eq!(encode("a"), ids(&["▁a"]));
    assert_eq!(encode(" a"), ids(&["▁", "▁a"]));
    // Text after a control token begins anew, text after a user-defined one goes on.
    assert_eq!(encode("a</s>a"), ids(&["▁a", "</s>", "▁a"]));
    assert_eq!(encode("a\n\na"), ids(&["▁a", "\n\n", "a"]));
    assert_eq!(encode("xya"), ids(&["xy", "a"]));
    for text in ["", "a", " a", "  ", "ab c", "é👍 b"] {
        assert_eq!(PREFIXED.decode(&encode(text), true).unwrap(), text);
    }
    // One blank goes, at the beginning only, and what is skipped does not begin a text.
    assert_eq!(PREFIXED.decode(&pieces(&["▁", "▁a", "▁a"]), false).unwrap(), " a a");
    assert_eq!(PREFIXED.decode(&pieces(&["<s>", "▁a"]), false).unwrap(), "<s> a");
    assert_eq!(PLAIN_SPM.decode(&pieces(&["▁a"]), false).unwrap(), " a");
}

#[test]
fn sentencepiece_without_byte_tokens() {
    let tokens = ["?", "a"];
    let scores = vec![0.0, -1.0];
    let known = Spec { unk: Some(0), ..Spec::sentencepiece(tokens, scores.clone()) };
    assert_eq!(Tokenizer::new(known).unwrap().encode("aéèa", PLAIN).unwrap(), [1, 0, 1]);
    let without = Tokenizer::new(Spec::sentencepiece(tokens, scores)).unwrap();
    let error = TokenizerError::NoTokenForByte { byte: b'\n', offset: 1 };
    assert_eq!(without.encode("a\n", PLAIN), Err(error));
}

#[test]
fn bad_scores() {
    let of = |scores: &[f32]| Tokenizer::new(Spec::sentencepiece(["a", "b"], scores.to_vec())).unwrap_err();
    assert_eq!(of(&[0.0]), TokenizerError::ScoreCount { tokens: 2, scores: 1 });
    assert_eq!(of(&[0.0; 3]), TokenizerError::ScoreCount { tokens: 2, scores: 3 });
    assert_eq!(of(&[0.0, f32::NAN]), TokenizerError::ScoreNotANumber { id: 1 });
    let infinite = vec![f32::INFINITY, f32::NEG_INFINITY];
    assert!(Tokenizer::new(Spec::sentencepiece(["a", "b"], infinite)).is_ok());
    let long = "x".repeat(1_000_000);
    let error = Tokenizer::new(Spec::sentencepiece(["a", &long], vec![0.0; 2])).unwrap_err();
    assert_eq!(error, TokenizerError::TokenTooLong { id: 1, bytes: 1_000_000, limit: 512 });
}

#[test]
fn the_same_token_twice_is_refused_and_empty_ones_are_not() {
    let twice = Tokenizer::new(Spec::sentencepiece(["▁a", "b", "▁a"], vec![0.0; 3])).unwrap_err();
    assert_eq!(twice, TokenizerError::DuplicateToken { id: 2, first: 0, token: " a".into() });
    let types = Some(vec![1, 1, 4]);
    let twice = Spec { token_types: types, ..Spec::sentencepiece(["a", "b", "a"], vec![0.0; 3]) };
    assert!(matches!(Tokenizer::new(twice).unwrap_err(), TokenizerError::DuplicateToken { id: 2, first: 0, .. }));
    let empty = Tokenizer::new(Spec::sentencepiece(["", "a", ""], vec![0.0; 3])).unwrap();
    assert_eq!(empty.encode("aa", PLAIN).unwrap(), [1, 1]);
    assert_eq!(empty.decode(&[0, 1, 2], false).unwrap(), "a");
    assert_eq!(empty.find(""), None);
}

/// Each megabyte in a fraction of the time a quadratic algorithm would take.
#[test]
fn long_texts_take_linear_time() {
    let mb = 1 << 20;
    let bert = bert();
    for text in
        ["a".repeat(mb), "ab".repeat(mb / 2), " ".repeat(mb), "é".repeat(mb / 2), "xy".repeat(mb / 2), "\n".repeat(mb)]
    {
        for (tokenizer, exact) in [(&*PLAIN_SPM, true), (&*PREFIXED, true), (&bert, false)] {
            let start = Instant::now();
            let ids = tokenizer.encode(&text, PLAIN).unwrap();
            assert!(start.elapsed() < Duration::from_secs(6), "{:?} for {:?}", start.elapsed(), &text[..4]);
            assert!(!exact || tokenizer.decode(&ids, false).unwrap() == text, "{:?}", &text[..4]);
        }
    }
}

/// SentencePiece's encoding as it is defined, on lists of strings.
fn merged_by_definition(text: &str) -> Vec<u32> {
    let mut symbols: Vec<String> =
        text.chars().map(|c| if c == ' ' { "▁".to_owned() } else { c.to_string() }).collect();
    loop {
        let score = |text: &str| PIECES.iter().find(|p| p.0 == text).map(|p| p.1);
        let mut best: Option<(f32, usize)> = None;
        for (at, pair) in symbols.windows(2).enumerate() {
            if let Some(score) = score(&pair.concat())
                && best.is_none_or(|(b, _)| score > b)
            {
                best = Some((score, at));
            }
        }
        let Some((_, at)) = best else {
            let bytes = |s: &String| s.bytes().map(|b| 3 + u32::from(b)).collect::<Vec<u32>>();
            let piece = |s: &String| PIECES.iter().position(|p| p.0 == *s).map(|at| vec![FIRST + at as u32]);
            return symbols.iter().flat_map(|s| piece(s).unwrap_or_else(|| bytes(s))).collect();
        };
        let right = symbols.remove(at + 1);
        symbols[at].push_str(&right);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// On both sides of the length from which a heap is used.
    #[test]
    fn sentencepiece_is_as_defined(text in "[abc ]{0,120}|[ab</s>é👍 ]{0,60}") {
        prop_assert_eq!(PLAIN_SPM.encode(&text, PLAIN).unwrap(), merged_by_definition(&text));
    }

    #[test]
    fn any_text_comes_back(chars in proptest::collection::vec(any::<char>(), 0..60)) {
        let text: String = chars.into_iter().filter(|&c| c != '▁').collect();
        for tokenizer in [&*PLAIN_SPM, &*PREFIXED, &gemma()] {
            let ids = tokenizer.encode(&text, PLAIN).unwrap();
            prop_assert_eq!(tokenizer.decode(&ids, false).unwrap(), &text[..]);
        }
        bert().encode(&text, PLAIN).unwrap();
    }

    #[test]
    fn streaming_is_decoding(ids in proptest::collection::vec(0u32..285, 0..30), skip: bool) {
        for tokenizer in [&*PLAIN_SPM, &*PREFIXED] {
            let mut stream = tokenizer.stream(skip);
            let mut text: String = ids.iter().map(|&id| stream.push(tokenizer, id).unwrap().to_owned()).collect();
            text.push_str(stream.flush());
            prop_assert_eq!(text, tokenizer.decode(&ids, skip).unwrap());
        }
    }

    #[test]
    fn any_tables_load_or_fail(
        tokens in proptest::collection::vec("[ab▁<>]{0,3}", 0..8),
        scores in proptest::collection::vec(any::<f32>(), 0..8),
        types in proptest::option::of(proptest::collection::vec(0i32..8, 0..8)),
        unk in proptest::option::of(0u32..8),
        text in "[ab <>é]{0,50}",
    ) {
        let list = || tokens.iter().map(String::as_str);
        for spec in [Spec::sentencepiece(list(), scores.clone()), Spec::wordpiece(list(), true)] {
            if let Ok(t) = Tokenizer::new(Spec { token_types: types.clone(), unk, ..spec }) {
                let ids = t.encode(&text, EncodeOptions::default()).unwrap_or_default();
                prop_assert!(ids.iter().all(|&id| (id as usize) < tokens.len()));
                t.decode(&ids, false).unwrap();
            }
        }
    }
}

fn bert() -> Tokenizer {
    let tokens = [
        "[PAD]", "[UNK]", "[CLS]", "[SEP]", "▁un", "aff", "able", "▁the", "▁caf", "e", "▁中", "▁!", "▁don", "▁'", "▁t",
        "▁a", "ab", "a",
    ];
    let types = Some([vec![3; 4], vec![1; tokens.len() - 4]].concat());
    let spec = Spec { token_types: types, bos: Some(2), eos: Some(3), unk: Some(1), ..Spec::wordpiece(tokens, true) };
    Tokenizer::new(Spec { add_bos: true, add_eos: true, ..spec }).unwrap()
}

#[test]
fn wordpiece_takes_the_longest_tokens() {
    let bert = bert();
    for (text, ids) in [
        ("", &[][..]),
        (" \n\t", &[]),
        ("unaffable", &[4, 5, 6]),
        ("UNAFFABLE", &[4, 5, 6]),
        ("Café cafe\u{301}", &[8, 9, 8, 9]),
        ("the中!the", &[7, 10, 11, 7]),
        ("don't", &[12, 13, 14]),
        // A word that cannot be spelled to its end is unknown as a whole; other words are not.
        ("unaffableness the", &[1, 7]),
        // Greedy: "▁a" then "ab", and no way back.
        ("aab", &[15, 16]),
        ("th\u{0}e\u{200b} \u{fffd}", &[7]),
        ("▁the", &[1]),
        ("[CLS]", &[1, 1, 1]),
    ] {
        assert_eq!(bert.encode(text, PLAIN).unwrap(), ids, "{text:?}");
    }
    assert_eq!(bert.encode("the[SEP]the", EncodeOptions::default()).unwrap(), [2, 7, 3, 7, 3]);
    assert_eq!(bert.decode(&[2, 7, 4, 5, 6, 3], true).unwrap(), "the unaffable");
    let cased = Spec { unk: Some(0), ..Spec::wordpiece(["?", "▁the", "▁caf", "e"], false) };
    assert_eq!(Tokenizer::new(cased).unwrap().encode("The the café", PLAIN).unwrap(), [0, 1, 0]);
    assert_eq!(Tokenizer::new(Spec::wordpiece(["a"], true)).unwrap_err(), TokenizerError::NoUnknown);
}

/// Plain text, merges, bytes for what is missing, runs of line feeds whole.
fn gemma() -> Tokenizer {
    static BYTES: LazyLock<Vec<String>> = LazyLock::new(|| (0..256).map(|b| format!("<0x{b:02X}>")).collect());
    let pieces = ["a", "b", "▁", "▁a", "ab", "\n", "\n\n\n", "ba"];
    let types = Some([[6; 256].to_vec(), vec![1; pieces.len()]].concat());
    let spec = Spec::bpe(BYTES.iter().map(String::as_str).chain(pieces), ["▁ a", "a b", "b a"]);
    Tokenizer::new(Spec { token_types: types, pre: "gemma4", ..spec }).unwrap()
}

#[test]
fn byte_pairs_of_plain_text() {
    let gemma = gemma();
    for (text, tokens) in [
        (" ab", &["▁a", "b"][..]),
        ("aba", &["ab", "a"]),
        ("\n\n\n", &["\n\n\n"]),
        ("a\n\n", &["a", "\n", "\n"]),
        ("é a", &["<0xC3>", "<0xA9>", "▁a"]),
    ] {
        let ids: Vec<u32> = tokens.iter().map(|t| gemma.find(t).unwrap()).collect();
        assert_eq!(gemma.encode(text, PLAIN).unwrap(), ids, "{text:?}");
        assert_eq!(gemma.decode(&ids, false).unwrap(), text);
    }
}

#[test]
fn words_that_are_tokens_stay_whole_where_the_pattern_says_so() {
    let encode = |pre| {
        let spec = Spec::bpe(["a", "b", "c", "ab", "abc"], ["a b"]);
        Tokenizer::new(Spec { pre, ..spec }).unwrap().encode("abc", PLAIN).unwrap()
    };
    assert_eq!(encode("gpt-2"), [3, 2]);
    assert_eq!(encode("llama-bpe"), [4]);
}

#[test]
fn texts_end_at_tokens_known_by_name() {
    let tokens = ["a", "<|im_end|>", "</s>", "<end_of_turn>", "<eos>", "x", "y"];
    let of = |types: [i32; 7], eos, eot| {
        let spec = Spec { token_types: Some(types.to_vec()), eos, eot, ..Spec::bpe(tokens, []) };
        Tokenizer::new(spec).unwrap()
    };
    // The file's own first, none twice; names without bars only where they are control tokens.
    assert_eq!(of([1, 3, 1, 4, 1, 1, 1], Some(5), Some(6)).end_ids(), [5, 6, 1, 3]);
    assert_eq!(of([1, 3, 3, 3, 3, 1, 1], Some(4), None).end_ids(), [4, 1, 3, 2]);
    // Such a token is a control token whatever the file calls it: no untrusted text can write it.
    let turned = of([1; 7], None, None);
    assert_eq!(turned.kind(1), Some(TokenKind::Control));
    assert_eq!(turned.encode("a<|im_end|>", PARSED).unwrap(), [0, 1]);
    assert!(turned.encode("<|im_end|>", PLAIN).is_err(), "there are no tokens to spell it");
    let harmony = Spec::bpe(["<|end|>", "<|return|>", "<|call|>"], []);
    let harmony = Tokenizer::new(Spec { token_types: Some(vec![3; 3]), ..harmony }).unwrap();
    assert_eq!(harmony.end_ids(), [1, 2]);
    let outside = Spec { eot: Some(9), ..Spec::bpe(["a"], []) };
    let error = TokenizerError::SpecialOutOfRange { what: "eot", id: 9, vocab: 1 };
    assert_eq!(Tokenizer::new(outside).unwrap_err(), error);
}
