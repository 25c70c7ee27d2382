//! Which of the runtime's tokenizers a `tokenizer.json` with BPE describes: a byte-level one with the pre-tokenizer of a
//! known name, or SentencePiece's with byte fallback.
//!
//! SentencePiece's files list no merges but give tokens scores; `tokenizer.json` lists the merges such scores would do.
//! Back again, the rank of the first merge that makes a token is its score.

use std::collections::HashMap;

use super::files::{Bpe, Merge, Normalizer, PreTokenizer, TokenizerJson};
use super::vocabulary::{TokenType, Vocabulary};
use crate::error::{ConvertError, shown};

/// A kind of tokenizer with what it does to a text's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// With llama.cpp's name of its pre-tokenizer, and the prefix where the file says.
    ByteLevel {
        pre: &'static str,
        prefix: Option<bool>,
        /// Characters are put together (NFC) before anything else.
        compose: bool,
    },
    SentencePiece {
        prefix: bool,
    },
}

/// What stands for a blank in SentencePiece's tokens.
const BLANK: &str = "\u{2581}";

/// Patterns of `Split` by the name of the pre-tokenizer they make together with bytes.
const PATTERNS: &[(&str, &str)] = &[
    (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        "llama-bpe",
    ),
    (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        "qwen2",
    ),
];

impl Kind {
    pub(super) fn of(file: &TokenizerJson, fail: impl Fn(String) -> ConvertError) -> Result<Self, ConvertError> {
        let kind = if file.model.byte_fallback == Some(true) { pieces(file, &fail) } else { byte_level(file, &fail) }?;
        // Such words are tokens as they are, whatever the merges say: so they are by that name, and by no other.
        let whole = matches!(kind, Self::ByteLevel { pre: "llama-bpe", .. });
        if file.model.ignore_merges.unwrap_or(false) != whole {
            let got = file.model.ignore_merges.unwrap_or(false);
            return Err(fail(format!("model.ignore_merges = {got} is not supported with this pre_tokenizer")));
        }
        Ok(kind)
    }
}

fn byte_level(file: &TokenizerJson, fail: &impl Fn(String) -> ConvertError) -> Result<Kind, ConvertError> {
    let refuse = |part: &str, got: &str, supported: &str| {
        Err(fail(format!("{part} '{}' is not supported; only {supported} is", shown(got))))
    };
    let compose = match &file.normalizer {
        None => false,
        Some(one) if one.kind == "Sequence" && one.normalizers.0.is_empty() => false,
        Some(one) if one.kind == "NFC" => true,
        Some(one) => return refuse("normalizer", &one.kind, "'NFC'"),
    };
    let known = "'ByteLevel' with its regex or one of llama 3's, Qwen 2's and SmolLM's sequences";
    let Some(pre) = &file.pre_tokenizer else { return refuse("pre_tokenizer", "null", known) };
    let parts: Vec<&PreTokenizer> =
        if pre.kind == "Sequence" { pre.pretokenizers.0.iter().collect() } else { vec![pre] };
    let regex = |bytes: &PreTokenizer| bytes.kind == "ByteLevel" && bytes.use_regex != Some(false);
    match parts[..] {
        [bytes] if regex(bytes) => Ok(Kind::ByteLevel { pre: "gpt-2", prefix: bytes.add_prefix_space, compose }),
        [digits, bytes]
            if digits.kind == "Digits"
                && digits.individual_digits == Some(true)
                && regex(bytes)
                && bytes.add_prefix_space != Some(true) =>
        {
            Ok(Kind::ByteLevel { pre: "smollm", prefix: None, compose })
        }
        [split, bytes] if split.kind == "Split" && bytes.kind == "ByteLevel" && bytes.use_regex == Some(false) => {
            let pattern = split.pattern.as_ref().and_then(|p| p.regex.as_deref()).unwrap_or("");
            let found = PATTERNS.iter().find(|(known, _)| *known == pattern);
            let isolated = split.behavior.as_deref() == Some("Isolated") && split.invert != Some(true);
            match found {
                Some((_, pre)) if isolated && bytes.add_prefix_space != Some(true) => {
                    Ok(Kind::ByteLevel { pre, prefix: None, compose })
                }
                _ => refuse("pre_tokenizer", &format!("Split by {pattern}"), known),
            }
        }
        _ => refuse("pre_tokenizer", &pre.kind, known),
    }
}

/// Blanks become [`BLANK`] by a normalizer or by `Metaspace`, one in front or none.
fn pieces(file: &TokenizerJson, fail: &impl Fn(String) -> ConvertError) -> Result<Kind, ConvertError> {
    let refuse = |what: String| Err(fail(format!("with byte_fallback, {what} is not supported")));
    let (mut prefix, mut replaced) = (false, false);
    let steps: Vec<&Normalizer> = match &file.normalizer {
        None => Vec::new(),
        Some(all) if all.kind == "Sequence" => all.normalizers.0.iter().collect(),
        Some(one) => vec![one],
    };
    for step in steps {
        let from = step.pattern.as_ref().and_then(|p| p.string.as_deref());
        match step.kind.as_str() {
            "Prepend" if step.prepend.as_deref() == Some(BLANK) && !replaced => prefix = true,
            "Replace" if from == Some(" ") && step.content.as_deref() == Some(BLANK) => replaced = true,
            other => return refuse(format!("the normalizer '{}'", shown(other))),
        }
    }
    match &file.pre_tokenizer {
        None => {}
        // Looks for blanks where there are none any more.
        Some(pre) if pre.kind == "Split" && replaced => {
            let by = pre.pattern.as_ref().and_then(|p| p.string.as_deref());
            if by != Some(" ") {
                return refuse("a Split by anything but a blank".to_owned());
            }
        }
        Some(pre) if pre.kind == "Metaspace" && !replaced && pre.split == Some(false) => {
            prefix = match pre.prepend_scheme.as_deref() {
                Some("never") => false,
                Some("always" | "first") => true,
                Some(other) => return refuse(format!("prepend_scheme '{}'", shown(other))),
                None => pre.add_prefix_space.unwrap_or(true),
            };
            replaced = true;
        }
        Some(pre) => return refuse(format!("the pre_tokenizer '{}'", shown(&pre.kind))),
    }
    if replaced { Ok(Kind::SentencePiece { prefix }) } else { refuse("a text whose blanks stay".to_owned()) }
}

/// Refuses what BPE may do besides and no runtime here does.
pub(super) fn check_model(model: &Bpe, fail: impl Fn(String) -> ConvertError) -> Result<(), ConvertError> {
    let rule = |part: &str, got: String| fail(format!("model.{part} = {got} is not supported"));
    let filled = |text: &Option<String>| text.as_ref().filter(|text| !text.is_empty()).cloned();
    match &model.kind {
        Some(kind) if kind != "BPE" => return Err(rule("type", format!("'{}', only 'BPE' is:", shown(kind)))),
        _ => {}
    }
    if let Some(dropout) = model.dropout.filter(|dropout| *dropout != 0.0) {
        return Err(rule("dropout", dropout.to_string()));
    }
    if let Some(prefix) = filled(&model.continuing_subword_prefix) {
        return Err(rule("continuing_subword_prefix", format!("'{}'", shown(&prefix))));
    }
    if let Some(suffix) = filled(&model.end_of_word_suffix) {
        return Err(rule("end_of_word_suffix", format!("'{}'", shown(&suffix))));
    }
    if model.vocab.0.is_empty() {
        return Err(fail("model.vocab has 0 tokens".to_owned()));
    }
    Ok(())
}

/// Marks the tokens of single bytes, `<0x00>` to `<0xFF>`, all of which SentencePiece needs.
pub(super) fn mark_bytes(vocabulary: &mut Vocabulary) -> Result<(), ConvertError> {
    for byte in 0..=255u8 {
        let token = format!("<0x{byte:02X}>");
        // One tokenizer writes its tab as such.
        match vocabulary.id(&token) {
            Some(id) => vocabulary.mark(id, TokenType::Byte),
            None if byte == b'\t' => {}
            None => return Err(vocabulary.bad(format!("model.byte_fallback needs '{token}', which is not there"))),
        }
    }
    Ok(())
}

/// Scores by id: the rank, negative, of the first merge that makes the token.
pub(super) fn scores(vocabulary: &Vocabulary, merges: &[String], count: usize) -> Result<Vec<f32>, ConvertError> {
    let mut ranks: HashMap<u32, usize> = HashMap::new();
    let mut last = None;
    for (rank, line) in merges.iter().enumerate() {
        let made: String = line.split(' ').collect();
        let Some(id) = vocabulary.id(&made) else { continue };
        if ranks.contains_key(&id) && last != Some(id) {
            return Err(vocabulary.bad(format!(
                "merge {}: '{}' is made by merges that do not follow one another, which no score can say",
                rank + 1,
                shown(&made)
            )));
        }
        ranks.entry(id).or_insert(rank);
        last = Some(id);
    }
    // What no merge makes goes last.
    let lowest = -(merges.len() as f32) - 1.0;
    let score = |id: u32| ranks.get(&id).map_or(lowest, |rank| -(*rank as f32) - 1.0);
    Ok((0..count as u32).map(score).collect())
}

/// The pair of a merge, whichever way it is written.
pub(super) fn pair(merge: &Merge) -> (&str, &str) {
    match merge {
        Merge::Pair(left, right) => (left, right),
        Merge::Line(line) => line.split_once(' ').unwrap_or((line, "")),
    }
}
