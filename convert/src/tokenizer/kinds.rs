//! Which of the runtime's tokenizers a `tokenizer.json` describes: a byte-level one with the pre-tokenizer of a known name,
//! SentencePiece's with byte fallback, or its unigram model (`unigram`).
//!
//! SentencePiece's files list no merges but give tokens scores; `tokenizer.json` lists the merges such scores would do.
//! Back again, the rank of the first merge that makes a token is its score.

use std::collections::HashMap;

use super::config::{CONFIG, Config};
use super::files::{Decoder, Merge, Normalizer, PreTokenizer, Tables, TokenizerJson};
use super::unigram::{self, Blanks};
use super::vocabulary::{TokenType, Vocabulary};
use crate::error::{ConvertError, shown};
use crate::keys::Keys;

/// Before which texts a blank is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blank {
    Never,
    /// The first of a prompt.
    First,
    /// Every one, also behind special tokens.
    Always,
}

impl Blank {
    /// As the output has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::First => "first",
            Self::Always => "always",
        }
    }
}

/// What is put before texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prefix {
    pub(super) blank: Blank,
    /// By a normalizer: also where the text begins with a blank, and before tokens in normalised text are looked for.
    pub(super) early: bool,
}

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
    SentencePiece(Prefix),
    Unigram(Prefix, Blanks),
}

/// What stands for a blank in SentencePiece's tokens.
pub(super) const BLANK: &str = "\u{2581}";

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
        if file.model.vocab.scores.is_some() {
            return unigram::kind(file, &fail);
        }
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
    let (mut prepends, mut replaces) = (false, false);
    let steps: Vec<&Normalizer> = match &file.normalizer {
        None => Vec::new(),
        Some(all) if all.kind == "Sequence" => all.normalizers.0.iter().collect(),
        Some(one) => vec![one],
    };
    for step in steps {
        let from = step.pattern.as_ref().and_then(|p| p.string.as_deref());
        match step.kind.as_str() {
            "Prepend" if step.prepend.as_deref() == Some(BLANK) && !prepends => prepends = true,
            "Replace" if from == Some(" ") && step.content.as_deref() == Some(BLANK) => replaces = true,
            other => return refuse(format!("the normalizer '{}'", shown(other))),
        }
    }
    let early = Prefix { blank: if prepends { Blank::Always } else { Blank::Never }, early: true };
    match &file.pre_tokenizer {
        None if replaces => Ok(Kind::SentencePiece(early)),
        // Looks for blanks where there are none any more.
        Some(pre) if pre.kind == "Split" && replaces => {
            let by = pre.pattern.as_ref().and_then(|p| p.string.as_deref());
            if by == Some(" ") {
                Ok(Kind::SentencePiece(early))
            } else {
                refuse("a Split by anything but a blank".to_owned())
            }
        }
        Some(pre) if pre.kind == "Metaspace" && !replaces && !prepends && pre.split == Some(false) => {
            let blank = metaspace(pre, &refuse)?;
            Ok(Kind::SentencePiece(Prefix { blank, early: false }))
        }
        Some(pre) => refuse(format!("the pre_tokenizer '{}'", shown(&pre.kind))),
        None => refuse("a text whose blanks stay".to_owned()),
    }
}

/// Where `Metaspace` puts a blank.
pub(super) fn metaspace(
    pre: &PreTokenizer,
    refuse: &impl Fn(String) -> Result<Kind, ConvertError>,
) -> Result<Blank, ConvertError> {
    let refuse = |what: String| refuse(what).map(|_| Blank::Never);
    if let Some(other) = pre.replacement.as_deref().filter(|other| *other != BLANK) {
        return refuse(format!("'{}' for a blank", shown(other)));
    }
    match pre.prepend_scheme.as_deref() {
        Some("never") => Ok(Blank::Never),
        Some("first") => Ok(Blank::First),
        Some("always") => Ok(Blank::Always),
        Some(other) => refuse(format!("prepend_scheme '{}'", shown(other))),
        None if pre.add_prefix_space == Some(false) => Ok(Blank::Never),
        None => Ok(Blank::Always),
    }
}

/// What is put before texts: what the kind says, and what the class makes of `add_prefix_space`.
///
/// The two generations of transformers disagree about it. GPT-2's class follows the setting, which is off where it is
/// absent; LLaMA's follows it where it is there; without a class of its own a tokenizer follows it in 4 and not in 5.
pub(super) fn prefix(kind: Kind, config: &Config, keys: &mut Keys) -> Result<Prefix, ConvertError> {
    const KEY: &str = "add_prefix_space";
    let set = config.own.has(KEY);
    let class = config.class()?;
    match kind {
        Kind::ByteLevel { pre, prefix, .. } => {
            let own = prefix.unwrap_or(false);
            let wanted = config.own.switch(KEY, own)?;
            let followed = match class {
                _ if pre != "gpt-2" => own,
                Some("TokenizersBackend") => own,
                None | Some("PreTrainedTokenizer") => wanted,
                Some(_) => set && wanted,
            };
            // Where the setting is absent, transformers 4 takes it for off without a class, too.
            if followed != wanted || followed != own || own && !set && !config.bare {
                keys.note(format!(
                    "a blank before texts: {own} by tokenizer.json, {} by {CONFIG}; {followed} is stored",
                    if set { wanted.to_string() } else { "nothing said".to_owned() }
                ));
            }
            Ok(Prefix { blank: if followed { Blank::Always } else { Blank::Never }, early: false })
        }
        Kind::SentencePiece(own) | Kind::Unigram(own, _) => {
            let wanted = config.own.switch(KEY, own.blank != Blank::Never)?;
            if wanted == (own.blank != Blank::Never) {
                return Ok(own);
            }
            if !matches!(class, Some("LlamaTokenizer" | "CodeLlamaTokenizer")) {
                keys.note(format!("{CONFIG} has {KEY} {wanted}, tokenizer.json does the opposite and is followed"));
                return Ok(own);
            }
            keys.note(format!("{CONFIG} has {KEY} {wanted}, tokenizer.json the opposite: the former is followed"));
            Ok(Prefix { blank: if wanted { Blank::First } else { Blank::Never }, ..own })
        }
    }
}

impl Kind {
    /// Whether runs of blanks are tokens that are looked for in the text as it is: where nothing is put before it.
    pub(super) fn finds_blanks(self) -> bool {
        matches!(self, Self::SentencePiece(Prefix { blank: Blank::Never, .. }))
    }
}

/// Notes a way from tokens to text that is not the kind's own.
pub(super) fn note_decoder(decoder: &Decoder, kind: Kind, keys: &mut Keys) {
    let steps: Vec<&Decoder> =
        if decoder.kind == "Sequence" { decoder.decoders.0.iter().collect() } else { vec![decoder] };
    let blank = |step: &Decoder| step.pattern.as_ref().and_then(|p| p.string.as_deref()) == Some(BLANK);
    let mut takes_away = false;
    let mut strange = None;
    for step in steps {
        let known = match (kind, step.kind.as_str()) {
            (Kind::ByteLevel { .. }, "ByteLevel") => true,
            (Kind::SentencePiece(_) | Kind::Unigram(..), "ByteFallback" | "Fuse") => true,
            (Kind::SentencePiece(_), "Replace") => blank(step) && step.content.as_deref() == Some(" "),
            (Kind::SentencePiece(_), "Strip") => {
                takes_away = true;
                (step.content.as_deref(), step.start, step.stop.unwrap_or(0)) == (Some(" "), Some(1), 0)
            }
            (Kind::SentencePiece(_) | Kind::Unigram(..), "Metaspace") => {
                takes_away = step.prepend_scheme.as_deref() != Some("never") && step.add_prefix_space != Some(false);
                true
            }
            _ => false,
        };
        if !known {
            strange = Some(format!("the decoder's step '{}' is not followed", shown(&step.kind)));
        }
    }
    if let Kind::SentencePiece(prefix) | Kind::Unigram(prefix, _) = kind
        && takes_away != (prefix.blank != Blank::Never)
    {
        let does = if takes_away { "takes away" } else { "leaves" };
        strange = strange.or(Some(format!(
            "the decoder {does} the blank at the start of a text, though '{}' is put there",
            prefix.blank.name()
        )));
    }
    if let Some(strange) = strange {
        keys.note(format!(
            "tokenizer.json: {strange}; generated text has no blank at its start where one is put before texts"
        ));
    }
}

/// Refuses what such models may do besides and no runtime here does.
pub(super) fn check_model(model: &Tables, fail: impl Fn(String) -> ConvertError) -> Result<(), ConvertError> {
    let rule = |part: &str, got: String| fail(format!("model.{part} = {got} is not supported"));
    let filled = |text: &Option<String>| text.as_ref().filter(|text| !text.is_empty()).cloned();
    let own = if model.vocab.scores.is_some() { "Unigram" } else { "BPE" };
    match model.kind.as_deref() {
        None => {}
        Some(kind) if kind == own => {}
        Some("Unigram" | "BPE") => return Err(rule("vocab", format!("what '{own}' has"))),
        Some(kind) => return Err(rule("type", format!("'{}', only 'BPE' and 'Unigram' are:", shown(kind)))),
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
    if model.vocab.entries.is_empty() {
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
/// What is found before anything is merged has no rank, `blanks` being such as well.
pub(super) fn scores(
    vocabulary: &Vocabulary,
    merges: &[String],
    count: usize,
    blanks: bool,
) -> Result<Vec<f32>, ConvertError> {
    let mut ranks: HashMap<u32, usize> = HashMap::new();
    let mut last = None;
    for (rank, line) in merges.iter().enumerate() {
        let made: String = line.split(' ').collect();
        let Some(id) = vocabulary.id(&made).filter(|&id| !vocabulary.is_found_first(id, blanks)) else { continue };
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
