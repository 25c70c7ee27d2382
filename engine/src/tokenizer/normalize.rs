//! What happens to text before it is split into words: composed characters, written-out blanks, and a blank before it.
//!
//! Source: the normalizers `NFC`, `Prepend` and `Replace` and the pre-tokenizers `Metaspace` and `ByteLevel` of the
//! `tokenizers` library, and SentencePiece's own normalizer with `LlamaTokenizer` around it. A unigram vocabulary has that
//! normalizer's rules besides (`rules`).
//!
//! The non-obvious thing: the same blank is put at two different moments. A normalizer puts it before every part of a text
//! and before tokens that are found in normalised text; a pre-tokenizer puts it behind that search, and never a second one.

use super::error::TokenizerError;
use super::rules::Rules;
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
#[derive(Debug)]
pub(super) struct Normalizer {
    pub(super) blank: Blank,
    /// Whether blanks are put, and written out, before tokens are looked for in normalised text.
    pub(super) early: bool,
    /// Whether `▁` in a text is a blank.
    pub(super) escapes: bool,
    /// Whether characters and the marks behind them are put together (Unicode's NFC).
    pub(super) compose: bool,
    /// What a unigram vocabulary does besides.
    pub(super) rules: Option<Box<Rules>>,
}

/// A text and stretches of it.
type Whole<'t> = (Cow<'t, str>, Cow<'t, [Range<usize>]>);
/// A part of a text and the stretches in it.
type Part<'t> = (Cow<'t, str>, Vec<Range<usize>>);

impl Normalizer {
    /// Whether this is `LlamaTokenizer` without its `legacy`, which goes over the whole text before anything else.
    pub(super) fn is_llamas(&self) -> bool {
        self.early && self.blank == Blank::First
    }

    /// The whole text as tokens of the first kind are looked for in it, with the stretches of it.
    pub(super) fn all<'t>(&self, text: &'t str, plain: &'t [Range<usize>]) -> Result<Whole<'t>, TokenizerError> {
        if self.is_llamas() && text.contains(BLANK) {
            let (text, plain) = self.part(text, 0..text.len(), plain, false)?;
            return Ok((text, plain.into()));
        }
        Ok((text.into(), plain.into()))
    }

    /// A part of `text` as tokens of the second kind are looked for in it, and those of the stretches `plain` that lie in
    /// it. It gets the blank it is `wanted` to have, if this is the moment.
    pub(super) fn part<'t>(
        &self,
        text: &'t str,
        part: Range<usize>,
        plain: &[Range<usize>],
        wanted: bool,
    ) -> Result<Part<'t>, TokenizerError> {
        let inside: Vec<Range<usize>> = plain
            .iter()
            .map(|stretch| stretch.start.max(part.start)..stretch.end.min(part.end))
            .filter(|stretch| stretch.start < stretch.end)
            .collect();
        let whole = &text[part.clone()];
        let put = wanted && self.early;
        let compose = self.compose && is_nfc_quick(whole.chars()) != IsNormalized::Yes;
        let changes = put || compose || self.rules.is_some() || self.writes_out() && whole.contains(BLANK);
        if !changes {
            let shifted = inside.iter().map(|stretch| stretch.start - part.start..stretch.end - part.start);
            return Ok((whole.into(), shifted.collect()));
        }
        // Nothing is put together across the edge of a stretch.
        let (mut out, mut stretches, mut at) = (String::with_capacity(whole.len() + 1), Vec::new(), part.start);
        let mut behind_blank = self.early;
        if put {
            out.push(' ');
        }
        for stretch in inside {
            self.append(&text[at..stretch.start], &mut behind_blank, &mut out)?;
            let start = out.len();
            self.append(&text[stretch.clone()], &mut behind_blank, &mut out)?;
            stretches.push(start..out.len());
            at = stretch.end;
        }
        self.append(&text[at..part.end], &mut behind_blank, &mut out)?;
        if let Some(rules) = &self.rules {
            rules.trim_part(self.early, &mut out);
            stretches.iter_mut().for_each(|stretch| stretch.end = stretch.end.min(out.len()));
            stretches.retain(|stretch| stretch.start < stretch.end);
        }
        Ok((out.into(), stretches))
    }

    /// The text between two tokens that were found in normalised text, as it becomes words.
    pub(super) fn between<'t>(&self, text: &'t str) -> &'t str {
        self.rules.as_ref().map_or(text, |rules| rules.trim_piece(text))
    }

    /// A token's text as it is looked for in normalised text: where it is normalised itself, `before` it stands what the
    /// normalizer puts before a text.
    pub(super) fn pattern(&self, text: &str, before: bool) -> Result<String, TokenizerError> {
        let mut out = String::new();
        if before && self.early && self.blank == Blank::Everywhere {
            out.push(' ');
        }
        self.append(text, &mut self.early.clone(), &mut out)?;
        if let Some(rules) = &self.rules {
            rules.trim_part(self.early, &mut out);
        }
        Ok(out)
    }

    /// Whether a symbol of SentencePiece's own is the model's business, and not looked for before it.
    pub(super) fn leaves_symbols(&self) -> bool {
        self.rules.is_some()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.rules.as_ref().map_or(0, |rules| rules.memory_bytes())
    }

    /// Characters that are a blank at the beginning of a text.
    pub(super) fn blanks(&self) -> &'static [char] {
        if self.escapes { &[' ', BLANK] } else { &[' '] }
    }

    fn writes_out(&self) -> bool {
        self.early && self.escapes
    }

    /// Appends what a text becomes. `behind_blank` says whether a blank stands before it or none is wanted there.
    fn append(&self, text: &str, behind_blank: &mut bool, out: &mut String) -> Result<(), TokenizerError> {
        let one = |c| if c == BLANK && self.writes_out() { ' ' } else { c };
        match (&self.rules, self.compose) {
            (Some(rules), true) => rules.append(&text.nfc().collect::<String>(), behind_blank, out)?,
            (Some(rules), false) => rules.append(text, behind_blank, out)?,
            (None, true) => out.extend(text.nfc().map(one)),
            (None, false) => out.extend(text.chars().map(one)),
        }
        Ok(())
    }
}
