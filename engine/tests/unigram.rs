//! Unigram vocabularies: the best cut against all cuts, and hostile maps, tables and texts. (What sentencepiece makes of
//! texts is in the workspace's `tests/tests/unigram.rs`.)
#![allow(clippy::unwrap_used, clippy::expect_used)]

use ocelli_engine::tokenizer::{Added, Blank, EncodeOptions, Spec, Tokenizer, TokenizerError, Trim, Unigrams};
use proptest::prelude::*;
use std::time::{Duration, Instant};

const PLAIN: EncodeOptions = EncodeOptions { add_special: false, parse_special: false };

/// A double array of Darts' kind: keys with the offsets of their replacements.
fn trie(keys: &[(&[u8], u32)]) -> Vec<u32> {
    fn place(units: &mut Vec<u32>, at: usize, keys: &[(&[u8], u32)], depth: usize) {
        let value = keys.iter().find(|(key, _)| key.len() == depth).map(|(_, value)| *value);
        let mut bytes: Vec<u8> = keys.iter().filter_map(|(key, _)| key.get(depth).copied()).collect();
        bytes.sort_unstable();
        bytes.dedup();
        // A block of 256 units of its own.
        let base = units.len();
        units.resize(base + 256, 0);
        units[at] |= ((at ^ base) as u32) << 10 | u32::from(value.is_some()) << 8;
        units[base] = 1 << 31 | value.unwrap_or(0);
        for byte in bytes {
            let child = base ^ usize::from(byte);
            units[child] = u32::from(byte);
            let below: Vec<_> = keys.iter().filter(|(key, _)| key.get(depth) == Some(&byte)).copied().collect();
            place(units, child, &below, depth + 1);
        }
    }
    let mut units = vec![0; 256];
    place(&mut units, 0, keys, 0);
    units
}

/// A map as a file has it.
fn map_of(units: &[u32], replacements: &[u8]) -> Vec<u8> {
    let trie: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    [&(trie.len() as u32).to_le_bytes()[..], &trie, replacements].concat()
}

/// A map of texts to texts.
fn map(rules: &[(&str, &str)]) -> Vec<u8> {
    let mut replacements = Vec::new();
    let mut keys: Vec<(&[u8], u32)> = Vec::new();
    for (key, to) in rules {
        keys.push((key.as_bytes(), replacements.len() as u32));
        replacements.extend_from_slice(to.as_bytes());
        replacements.push(0);
    }
    map_of(&trie(&keys), &replacements)
}

fn build(
    tokens: &[&'static str],
    scores: &[f32],
    change: impl FnOnce(&mut Spec<'static>, &mut Unigrams),
) -> Result<Tokenizer, TokenizerError> {
    let mut unigrams = Unigrams { scores: scores.to_vec(), collapses: true, ..Unigrams::default() };
    let mut spec = Spec::unigram(tokens.to_vec(), Unigrams::default());
    spec.unk = Some(0);
    change(&mut spec, &mut unigrams);
    let Spec { tokens, token_types, unk, blank, added, normalizes_blanks, .. } = spec;
    let own = Spec { tokens, token_types, unk, blank, added, normalizes_blanks, ..Spec::unigram([], unigrams) };
    Tokenizer::new(own)
}

const TOKENS: [&str; 8] = ["<unk>", "▁", "a", "b", "ab", "▁a", "▁ab", "é"];
const SCORES: [f32; 8] = [0.0, -2.0, -3.0, -3.5, -4.0, -2.5, -6.0, -5.0];

#[test]
fn the_best_cut_wins_and_neighbours_without_tokens_are_one() {
    let t = build(&TOKENS, &SCORES, |spec, _| spec.blank = Blank::Everywhere).unwrap();
    for (text, ids) in [
        ("", &[][..]),
        ("  ", &[]),
        ("a", &[5]),
        // Two cuts are equally good: the one that is found first, from the left, stays.
        ("ab", &[6]),
        ("abb", &[6, 3]),
        ("b", &[1, 3]),
        ("bab", &[1, 3, 4]),
        (" a  b ", &[5, 1, 3]),
        ("xyz", &[1, 0]),
        ("axyb z", &[5, 0, 3, 1, 0]),
        ("日本é", &[1, 0, 7]),
    ] {
        assert_eq!(t.encode(text, PLAIN).unwrap(), ids, "{text:?}");
    }
    assert_eq!(t.decode(&[5, 3, 1, 3], true).unwrap(), "ab b");
}

#[test]
fn the_longest_rule_of_a_map_wins() {
    let rules = map(&[("x", "a"), ("xx", "b"), ("ﬁ", "ab"), ("\t", " "), ("\u{1}", ""), ("e\u{301}", "é")]);
    let t = build(&TOKENS, &SCORES, |spec, unigrams| {
        spec.blank = Blank::Everywhere;
        unigrams.map = rules.clone();
    })
    .unwrap();
    for (text, same) in [
        ("x", "a"),
        ("xxx", "ba"),
        ("ﬁ", "ab"),
        ("\t a\t\tb", "a b"),
        ("a\u{1}b", "ab"),
        ("e\u{301}", "é"),
        ("\u{1}", ""),
    ] {
        assert_eq!(t.encode(text, PLAIN).unwrap(), t.encode(same, PLAIN).unwrap(), "{text:?}");
    }
}

/// What becomes of blanks at the ends is a switch of the file.
#[test]
fn blanks_at_the_ends_stay_or_go() {
    let tokens = ["<unk>", "▁", "a", "<n>"];
    let of = |trim: Trim, early: bool, text: &str| {
        let t = build(&tokens, &[0.0, -1.0, -1.0, 0.0], |spec, unigrams| {
            spec.blank = Blank::Everywhere;
            spec.token_types = Some(vec![2, 1, 1, 4]);
            spec.normalizes_blanks = early;
            spec.added = Some(Added { normalized: if early { vec![] } else { vec![3] }, ..Added::default() });
            unigrams.trim = trim;
        });
        t.unwrap().encode(text, PLAIN).unwrap()
    };
    assert_eq!(of(Trim::Part, true, " a  <n> a "), [1, 2, 3, 1, 2]);
    assert_eq!(of(Trim::Part, false, " a  <n> a "), [1, 2, 1, 3, 1, 2]);
    assert_eq!(of(Trim::Stretch, false, " a  <n> a "), [1, 2, 3, 1, 2]);
    assert_eq!(of(Trim::Nothing, false, " a  <n> a "), [1, 2, 1, 3, 1, 2, 1]);
    assert_eq!(of(Trim::Nothing, false, "a▁"), [1, 2, 1]);
    assert_eq!(of(Trim::Part, true, "a▁"), [1, 2]);
}

/// Symbols of the model's own go through the map as they are, and win against tokens.
#[test]
fn symbols_stay_as_they_are() {
    let tokens = ["<unk>", "▁", "a", "b", "xa", "ax"];
    let t = build(&tokens, &[0.0, -1.0, -1.0, -1.0, 0.0, -0.5], |spec, unigrams| {
        spec.token_types = Some(vec![2, 1, 1, 1, 4, 1]);
        spec.added = Some(Added { symbols: vec![4, 9], ..Added::default() });
        unigrams.map = map(&[("x", "b")]);
    });
    let t = t.unwrap();
    assert_eq!(t.encode("axa x", PLAIN).unwrap(), [2, 4, 1, 3]);
    assert_eq!(t.find("xa"), Some(4));
}

#[test]
fn tables_that_contradict_themselves() {
    let error = |tokens: &[&'static str], scores: &[f32]| build(tokens, scores, |_, _| ()).unwrap_err();
    assert_eq!(error(&["<unk>", "a"], &[0.0]), TokenizerError::ScoreCount { tokens: 2, scores: 1 });
    assert_eq!(error(&["<unk>", "a"], &[0.0, f32::NAN]), TokenizerError::ScoreNotANumber { id: 1 });
    let none = build(&["a"], &[0.0], |spec, _| spec.unk = None).unwrap_err();
    assert_eq!(none, TokenizerError::NoUnknown);
    let long: &'static str = Box::leak("a".repeat(257).into_boxed_str());
    assert_eq!(error(&["<unk>", long], &[0.0; 2]), TokenizerError::TokenTooLong { id: 1, bytes: 257, limit: 256 });
    // Odd scores are scores.
    let odd =
        build(&TOKENS, &[0.0, f32::INFINITY, f32::NEG_INFINITY, 1e38, -1e38, 3e38, 0.0, -0.0], |_, _| ()).unwrap();
    assert_eq!(odd.decode(&odd.encode("ab ba", PLAIN).unwrap(), false).unwrap(), "ab ba");
}

/// Whatever a map says, it is a typed error or a bounded map.
#[test]
fn maps_that_contradict_themselves() {
    let reason = |map: Vec<u8>| match build(&TOKENS, &SCORES, |_, unigrams| unigrams.map = map) {
        Err(TokenizerError::BadCharsMap { reason }) => reason,
        other => panic!("{other:?}"),
    };
    let good = map(&[("x", "a"), ("yy", "b")]);
    assert!(build(&TOKENS, &SCORES, |_, unigrams| unigrams.map = good.clone()).is_ok());
    for (bytes, part) in [
        (vec![1, 2, 3], "3 bytes, too few"),
        (vec![8, 0, 0, 0, 1], "a trie of 8 bytes where 1 are left"),
        (vec![0, 0, 0, 0, 65, 0], "a trie of 0 bytes"),
        (vec![3, 0, 0, 0, 1, 2, 3, 0], "a trie of 3 bytes"),
        (map_of(&trie(&[(b"x", 0)]), b"\xff\0"), "not UTF-8 at byte 0"),
        (map_of(&trie(&[(b"x", 7)]), b"ab\0"), "leads to byte 7 of 3"),
        (map_of(&trie(&[(b"x", 1)]), "é\0".as_bytes()), "leads to byte 1 of 3"),
        (map_of(&trie(&[(b"x", 3)]), b"ab\0"), "leads to byte 3 of 3"),
        (map_of(&trie(&[(b"x", 0)]), b"abc"), "without an end"),
        (map_of(&trie(&[(b"x", 0)]), &[&[b'a'; 300][..], &[0]].concat()), "more than 256 bytes"),
        (map_of(&trie(&[(&[b'x'; 257], 0)]), b"a\0"), "a key of more than 256 bytes"),
        (vec![0; (8 << 20) + 1], "over the limit"),
    ] {
        let got = reason(bytes);
        assert!(got.contains(part), "{part}: {got}");
    }
    // 'x' leads to a unit whose children are its own neighbours: it is its own child.
    let mut circle = trie(&[(b"x", 0)]);
    let base = circle.len() - 512;
    let unit = base ^ usize::from(b'x');
    assert_eq!(circle[unit] & 0xff, u32::from(b'x'));
    circle[unit] = u32::from(b'x') | (u32::from(b'x')) << 10;
    assert!(reason(map_of(&circle, b"a\0")).contains("leads back to itself"));
}

/// Many ways through few units are followed once each.
#[test]
fn shared_units_take_no_time() {
    // Thirty levels of two letters that lead to the same place: a thousand million keys.
    let mut units = vec![0u32; 256 * 32];
    units[0] = 256 << 10;
    for level in 1..31usize {
        for byte in [b'x', b'y'] {
            let at = (level * 256) ^ usize::from(byte);
            units[at] = u32::from(byte) | ((at ^ ((level + 1) * 256)) as u32) << 10 | u32::from(level == 30) << 8;
        }
    }
    units[31 * 256] = 1 << 31;
    let start = Instant::now();
    let t = build(&TOKENS, &SCORES, |_, unigrams| unigrams.map = map_of(&units, b"ab\0")).unwrap();
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(t.encode(&"xyxxyy".repeat(5), PLAIN).unwrap(), t.encode("ab", PLAIN).unwrap());
}

/// A megabyte in seconds, whatever it is and whatever the tables are; what would become too much is refused.
#[test]
fn long_texts_take_linear_time() {
    let runs: Vec<&'static str> = (1..=256).map(|n| &*Box::leak("a".repeat(n).into_boxed_str())).collect();
    let tokens: Vec<&'static str> = [&["<unk>", "▁", "b"][..], &runs].concat();
    let scores: Vec<f32> = (0..tokens.len()).map(|id| -(id as f32)).collect();
    let rules = map(&[("y", &"a".repeat(255)), (&"z".repeat(256), "b"), ("xy", " ")]);
    let t = build(&tokens, &scores, |spec, unigrams| {
        spec.blank = Blank::Everywhere;
        unigrams.map = rules.clone();
    })
    .unwrap();
    let mb = 1 << 20;
    for text in
        ["a".repeat(mb), "z".repeat(mb), " ".repeat(mb), "日".repeat(mb / 3), "xy".repeat(mb / 2), "ab ".repeat(mb / 3)]
    {
        let start = Instant::now();
        t.encode(&text, PLAIN).unwrap();
        assert!(start.elapsed() < Duration::from_secs(20), "{:?} for {:?}", start.elapsed(), &text[..3]);
    }
    let bytes = mb;
    let error = TokenizerError::NormalizedTooLong { bytes, limit: 64 << 20 };
    assert_eq!(t.encode(&"y".repeat(bytes), PLAIN), Err(error));
}

/// The greatest sum of all cuts, by trying all.
fn best(text: &str) -> f32 {
    let Some(first) = text.chars().next() else { return 0.0 };
    let written = |id: usize| TOKENS[id].replace('▁', " ");
    let mut sum = f32::NEG_INFINITY;
    for (id, score) in SCORES.iter().enumerate().skip(1) {
        if let Some(rest) = text.strip_prefix(&written(id)) {
            sum = sum.max(score + best(rest));
        }
    }
    let alone = TOKENS.iter().skip(1).enumerate().any(|(id, _)| written(id + 1) == first.to_string());
    if alone { sum } else { sum.max(-16.0 + best(&text[first.len_utf8()..])) }
}

proptest! {
    #[test]
    fn no_cut_is_better(text in "[abé x]{0,12}") {
        let t = build(&TOKENS, &SCORES, |_, unigrams| unigrams.collapses = false).unwrap();
        let ids = t.encode(&text, PLAIN).unwrap();
        // Every unknown token may be several characters.
        let known: f32 = ids.iter().filter(|&&id| id != 0).map(|&id| SCORES[id as usize]).sum();
        let unknown = text.chars().filter(|&c| c == 'x').count() as f32 * -16.0;
        prop_assert!((known + unknown - best(&text)).abs() < 1e-3, "{ids:?}");
    }

    #[test]
    fn any_map_loads_or_fails(mut bytes in proptest::collection::vec(any::<u8>(), 0..400), length in 0u32..40, text in "\\PC{0,30}") {
        if bytes.len() >= 4 {
            bytes[..4].copy_from_slice(&(length * 8).to_le_bytes());
        }
        if let Ok(t) = build(&TOKENS, &SCORES, |_, unigrams| unigrams.map = bytes) {
            t.encode(&text, PLAIN).unwrap();
        }
    }

    /// A good map with a few units changed.
    #[test]
    fn a_map_with_other_units_loads_or_fails(changes in proptest::collection::vec((0usize..1000, any::<u32>()), 1..6), text in "[xyzﬁ a]{0,30}") {
        let mut units = trie(&[(b"x", 0), (b"xy", 2), (b"zzz", 4)]);
        for (at, value) in changes {
            let count = units.len();
            units[at % count] = value;
        }
        if let Ok(t) = build(&TOKENS, &SCORES, |_, unigrams| unigrams.map = map_of(&units, b"a\0b\0 \0")) {
            t.encode(&text, PLAIN).unwrap();
        }
    }
}
