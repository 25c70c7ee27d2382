//! A `tokenizer.json` with SentencePiece's unigram model: which of the runtime's ways to treat blanks it asks for, and the
//! compiled map of characters in it.
//!
//! Source: the normalizers `Precompiled`, `Strip` and `Replace` and the pre-tokenizers `WhitespaceSplit` and `Metaspace`
//! of the `tokenizers` library, in the orders in which transformers writes them, from 3.x (split at blanks) over early 4.x
//! (blanks put together, one left at the end) to late 4.x (none left) and 5.x (split again).
//!
//! The non-obvious thing: words are not kept apart by the runtime, since sentencepiece does not; no vocabulary that was
//! trained with its defaults has a token across a blank.

use super::files::{Normalizer, PreTokenizer, TokenizerJson};
use super::kinds::{self, BLANK, Blank, Kind, Prefix};
use crate::error::{ConvertError, shown};

/// What becomes of blanks, besides the one that is put before a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blanks {
    /// Whether several are one.
    pub(super) collapses: bool,
    /// From the ends of what they go, as the output has it.
    pub(super) trim: &'static str,
}

impl Blanks {
    /// SentencePiece's own way.
    pub(super) fn library(collapses: bool) -> Self {
        Self { collapses, trim: if collapses { "part" } else { "never" } }
    }
}

/// The kind of a file with a unigram model.
pub(super) fn kind(file: &TokenizerJson, fail: &impl Fn(String) -> ConvertError) -> Result<Kind, ConvertError> {
    let refuse = |what: String| Err(fail(format!("with a unigram model, {what} is not supported")));
    let mut blanks = Blanks { collapses: false, trim: "never" };
    for (number, step) in steps(file.normalizer.as_ref(), |one| &one.normalizers.0, |one| &one.kind).enumerate() {
        let pattern = step.pattern.as_ref().and_then(|pattern| pattern.regex.as_deref());
        match step.kind.as_str() {
            "Precompiled" if number == 0 => {}
            "Precompiled" => return refuse("the normalizer 'Precompiled' behind another".to_owned()),
            "Strip" if step.strip_left == Some(false) && step.strip_right == Some(true) => blanks.trim = "part",
            "Strip" => return refuse("the normalizer 'Strip' but of the right alone".to_owned()),
            "Replace" if pattern == Some(" {2,}") && matches!(step.content.as_deref(), Some(" " | BLANK)) => {
                blanks.collapses = true;
            }
            "Replace" => return refuse("the normalizer 'Replace' of anything but several blanks by one".to_owned()),
            other => return refuse(format!("the normalizer '{}'", shown(other))),
        }
    }
    let splits: Vec<&PreTokenizer> =
        steps(file.pre_tokenizer.as_ref(), |one| &one.pretokenizers.0, |one| &one.kind).collect();
    let names: Vec<&str> = splits.iter().map(|split| split.kind.as_str()).collect();
    let blank = match (names.as_slice(), splits.as_slice()) {
        (["Metaspace"], [last]) => kinds::metaspace(last, &refuse)?,
        (["WhitespaceSplit", "Metaspace"], [_, last]) => {
            blanks = Blanks { collapses: true, trim: "stretch" };
            match kinds::metaspace(last, &refuse)? {
                Blank::Always => Blank::Always,
                other => {
                    return refuse(format!("'WhitespaceSplit' before a 'Metaspace' of the scheme '{}'", other.name()));
                }
            }
        }
        ([], _) => return refuse("a text whose blanks stay".to_owned()),
        _ => return refuse(format!("the pre_tokenizer '{}'", shown(&names.join(", ")))),
    };
    Ok(Kind::Unigram(Prefix { blank, early: false }, blanks))
}

/// A step or the steps of a sequence.
fn steps<'a, T>(
    whole: Option<&'a T>,
    inner: impl Fn(&'a T) -> &'a [T],
    kind: impl Fn(&'a T) -> &'a str,
) -> impl Iterator<Item = &'a T> {
    let (one, more) = match whole {
        Some(all) if kind(all) == "Sequence" => (None, inner(all)),
        other => (other, &[][..]),
    };
    one.into_iter().chain(more)
}

/// The compiled map of a file, or nothing.
pub(super) fn map(
    normalizer: Option<&Normalizer>,
    fail: &impl Fn(String) -> ConvertError,
) -> Result<Vec<u8>, ConvertError> {
    let first = steps(normalizer, |one| &one.normalizers.0, |one| &one.kind).next();
    let Some(step) = first.filter(|step| step.kind == "Precompiled") else { return Ok(Vec::new()) };
    let text = step.precompiled_charsmap.as_deref().unwrap_or_default();
    base64(text).map_err(|at| fail(format!("normalizer.precompiled_charsmap is not base64 at its byte {at}")))
}

/// The bytes of a text in base64, or where it is none.
fn base64(text: &str) -> Result<Vec<u8>, usize> {
    let digits = text.trim_end_matches('=').as_bytes();
    let digit = |at: usize| match digits[at] {
        c @ b'A'..=b'Z' => Ok(c - b'A'),
        c @ b'a'..=b'z' => Ok(c - b'a' + 26),
        c @ b'0'..=b'9' => Ok(c - b'0' + 52),
        b'+' => Ok(62),
        b'/' => Ok(63),
        _ => Err(at),
    };
    let (mut out, mut bits, mut held) = (Vec::with_capacity(digits.len() / 4 * 3 + 2), 0u32, 0);
    for at in 0..digits.len() {
        bits = bits << 6 | u32::from(digit(at)?);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    let padding = text.len() - digits.len();
    let whole = digits.len() % 4 != 1 && (padding == 0 || (digits.len() + padding).is_multiple_of(4) && padding < 3);
    if whole { Ok(out) } else { Err(digits.len()) }
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_is_read() {
        for (text, bytes) in
            [("", &b""[..]), ("Zg==", b"f"), ("Zm8=", b"fo"), ("Zm9v", b"foo"), ("+/8A", b"\xfb\xff\0")]
        {
            assert_eq!(base64(text).as_deref(), Ok(bytes), "{text}");
        }
        for (text, at) in [("Zm9v*", 4), ("Z", 1), ("Z===", 1), ("Zm9v=", 4), ("Zm 9v", 2)] {
            assert_eq!(base64(text), Err(at), "{text}");
        }
    }
}
