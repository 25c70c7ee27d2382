//! What happens to text before it is split into words: composed characters, written-out blanks, and a blank before it.
//!
//! Source: the normalizers `NFC`, `Prepend` and `Replace` and the pre-tokenizers `Metaspace` and `ByteLevel` of the
//! `tokenizers` library, and SentencePiece's own normalizer with `LlamaTokenizer` around it.
//!
//! The non-obvious thing: the same blank is put at two different moments. A normalizer puts it before every part of a text
//! and before tokens that are found in normalised text; a pre-tokenizer puts it behind that search, and never a second one.

use super::vocab::BLANK;
use std::borrow::Cow;
use std::ops::Range;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Where plain text gets a blank before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Blank {
    /// Nowhere.
    #[default]
    Nowhere,
    /// Before the text, not behind special tokens in it.
    First,
    /// Before the text and behind every special token in it.
    Everywhere,
}

/// A vocabulary's way to prepare text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Normalizer {
    pub(super) blank: Blank,
    /// Whether blanks are put, and written out, before tokens are looked for in normalised text.
    pub(super) early: bool,
    /// Whether `▁` in a text is a blank.
    pub(super) escapes: bool,
    /// Whether characters and the marks behind them are put together (Unicode's NFC).
    pub(super) compose: bool,
}

impl Normalizer {
    /// Whether this is `LlamaTokenizer` without its `legacy`, which goes over the whole text before anything else.
    pub(super) fn is_llamas(&self) -> bool {
        self.early && self.blank == Blank::First
    }

    /// The whole text as tokens of the first kind are looked for in it, with the stretches of it.
    pub(super) fn all<'t>(&self, text: &'t str, plain: &'t [Range<usize>]) -> (Cow<'t, str>, Cow<'t, [Range<usize>]>) {
        if self.is_llamas() && text.contains(BLANK) {
            let (text, plain) = self.part(text, 0..text.len(), plain, false);
            return (text, plain.into());
        }
        (text.into(), plain.into())
    }

    /// A part of `text` as tokens of the second kind are looked for in it, and those of the stretches `plain` that lie in
    /// it. It gets the blank it is `wanted` to have, if this is the moment.
    pub(super) fn part<'t>(
        &self,
        text: &'t str,
        part: Range<usize>,
        plain: &[Range<usize>],
        wanted: bool,
    ) -> (Cow<'t, str>, Vec<Range<usize>>) {
        let inside: Vec<Range<usize>> = plain
            .iter()
            .map(|stretch| stretch.start.max(part.start)..stretch.end.min(part.end))
            .filter(|stretch| stretch.start < stretch.end)
            .collect();
        let whole = &text[part.clone()];
        let put = wanted && self.early;
        let compose = self.compose && is_nfc_quick(whole.chars()) != IsNormalized::Yes;
        let changes = put || compose || self.writes_out() && whole.contains(BLANK);
        if !changes {
            let shifted = inside.iter().map(|stretch| stretch.start - part.start..stretch.end - part.start);
            return (whole.into(), shifted.collect());
        }
        // Nothing is put together across the edge of a stretch.
        let (mut out, mut stretches, mut at) = (String::with_capacity(whole.len() + 1), Vec::new(), part.start);
        if put {
            out.push(' ');
        }
        for stretch in inside {
            self.append(&text[at..stretch.start], &mut out);
            let start = out.len();
            self.append(&text[stretch.clone()], &mut out);
            stretches.push(start..out.len());
            at = stretch.end;
        }
        self.append(&text[at..part.end], &mut out);
        (out.into(), stretches)
    }

    /// A token's text as it is looked for in normalised text: where it is normalised itself, `before` it stands what the
    /// normalizer puts before a text.
    pub(super) fn pattern(&self, text: &str, before: bool) -> String {
        let mut out = String::new();
        if before && self.early && self.blank == Blank::Everywhere {
            out.push(' ');
        }
        self.append(text, &mut out);
        out
    }

    /// Characters that are a blank at the beginning of a text.
    pub(super) fn blanks(&self) -> &'static [char] {
        if self.escapes { &[' ', BLANK] } else { &[' '] }
    }

    fn writes_out(&self) -> bool {
        self.early && self.escapes
    }

    fn append(&self, text: &str, out: &mut String) {
        let one = |c| if c == BLANK && self.writes_out() { ' ' } else { c };
        if self.compose {
            out.extend(text.nfc().map(one));
        } else {
            out.extend(text.chars().map(one));
        }
    }
}
