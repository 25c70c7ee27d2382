//! Splitting text into the words that byte-pair merging works on.
//!
//! Source: openai/gpt-2 `encoder.py`, the pattern
//! `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
//! as a hand-written scanner: one pass, constant state, no back-tracking, so time is linear in any text.
//!
//! The non-obvious thing: `\s+(?!\S)` gives the last blank of a run back, so that " a" after it can take a space. A run
//! that ends the text (or stands before a special token) is one word.
//!
//! `\s` is Unicode's White_Space (U+0085 and U+00A0 are in, U+001C..1F, U+180E and U+200B are out), as in Oniguruma,
//! which the published tokenizers run on. Letters and numbers are those of the `unicode-properties` tables, which are
//! newer than Oniguruma's: characters assigned after Unicode 16 may split differently.

use super::error::{TokenizerError, shortened};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// The pattern that splits text before merging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PreTokenizer {
    /// GPT-2's, also OPT's.
    Gpt2,
}

impl PreTokenizer {
    /// By the name in `tokenizer.ggml.pre`.
    pub(super) fn from_name(name: &str) -> Result<Self, TokenizerError> {
        match name {
            "gpt-2" | "opt" => Ok(Self::Gpt2),
            _ => Err(TokenizerError::UnknownPreTokenizer { name: shortened(name) }),
        }
    }

    /// Length in bytes of the first word of `text`, at least 1 unless `text` is empty.
    pub(super) fn first_word(self, text: &str) -> usize {
        match self {
            Self::Gpt2 => gpt2(text),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Space,
    Letter,
    Number,
    Other,
}

fn class(c: char) -> Class {
    if c.is_ascii() {
        return match c {
            'a'..='z' | 'A'..='Z' => Class::Letter,
            '0'..='9' => Class::Number,
            ' ' | '\t'..='\r' => Class::Space,
            _ => Class::Other,
        };
    }
    if c.is_whitespace() {
        return Class::Space;
    }
    match c.general_category_group() {
        GeneralCategoryGroup::Letter => Class::Letter,
        GeneralCategoryGroup::Number => Class::Number,
        _ => Class::Other,
    }
}

fn gpt2(text: &str) -> usize {
    let mut chars = text.chars();
    let Some(first) = chars.next() else {
        return 0;
    };
    if first == '\'' {
        let rest = &text.as_bytes()[1..];
        for ending in [&b"s"[..], b"t", b"re", b"ve", b"m", b"ll", b"d"] {
            if rest.starts_with(ending) {
                return 1 + ending.len();
            }
        }
    }
    let kind = class(first);
    if kind != Class::Space {
        return run(text, 0, kind);
    }
    if first == ' '
        && let Some(kind) = chars.next().map(class)
        && kind != Class::Space
    {
        return run(text, 1, kind);
    }
    let end = run(text, 0, Class::Space);
    if end == text.len() {
        return end;
    }
    // Give the last blank back, unless it is the only one.
    let last = text[..end].chars().next_back().map_or(0, char::len_utf8);
    if end > last { end - last } else { end }
}

/// End of the run of characters of one class that starts at `from`.
fn run(text: &str, from: usize, kind: Class) -> usize {
    text[from..].char_indices().find(|&(_, c)| class(c) != kind).map_or(text.len(), |(at, _)| from + at)
}
