//! Finding special tokens in a text before it is split into words.
//!
//! Semantics of the `tokenizers` library's added vocabulary without stripping flags (OPT's special tokens and `<image>`
//! have none): the leftmost match wins, and at one place the longest.
//!
//! The non-obvious thing: user-defined tokens are found in every text, control and unknown tokens only when the caller
//! asks for it. Text from an untrusted user should be encoded without, or it could write `</s>`. The token that stands
//! for a picture is found in no text at all: it would have a place and no picture.

use super::error::TokenizerError;
use super::prefixes::Prefixes;
use super::vocab::{TokenKind, Vocab};
use std::ops::Range;

/// Longest special token. A search looks at most this far ahead, so its time stays linear in the text.
const LONGEST: usize = 512;

/// The special tokens of a vocabulary.
#[derive(Debug)]
pub(super) struct Specials {
    prefixes: Prefixes,
    /// Whether some special token starts with the byte.
    starts: [bool; 256],
    /// A token that no text spells.
    reserved: Option<u32>,
}

/// Where control and unknown tokens are read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Control<'a> {
    /// Nowhere.
    Never,
    /// Where they overlap none of these stretches, which are in order.
    Outside(&'a [Range<usize>]),
}

impl Control<'_> {
    fn allows(self, start: usize, end: usize) -> bool {
        match self {
            Self::Never => false,
            Self::Outside(plain) => {
                let next = plain.partition_point(|stretch| stretch.end <= start);
                plain.get(next).is_none_or(|stretch| end <= stretch.start)
            }
        }
    }
}

/// A special token found in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) id: u32,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Specials {
    pub(super) fn new(vocab: &Vocab) -> Result<Self, TokenizerError> {
        let mut sorted = Vec::new();
        let mut starts = [false; 256];
        for id in 0..vocab.len() {
            if !matches!(vocab.kind(id), TokenKind::Unknown | TokenKind::Control | TokenKind::UserDefined) {
                continue;
            }
            let text = vocab.at(id);
            if text.len() > LONGEST {
                return Err(TokenizerError::SpecialTooLong { id: id as u32, bytes: text.len(), limit: LONGEST });
            }
            // An empty one would be found everywhere, for ever.
            if let Some(&first) = text.first() {
                starts[usize::from(first)] = true;
                sorted.push(id as u32);
            }
        }
        Ok(Self { prefixes: Prefixes::new(vocab, sorted), starts, reserved: None })
    }

    /// Makes `id` a token that no text spells.
    pub(super) fn reserve(&mut self, id: u32) {
        self.reserved = Some(id);
    }

    /// The token that no text spells, if there is one.
    pub(super) fn reserved(&self) -> Option<u32> {
        self.reserved
    }

    /// The first special token of `text` at or after `from`.
    pub(super) fn next(&self, vocab: &Vocab, text: &str, from: usize, control: Control<'_>) -> Option<Found> {
        self.search(vocab, text, from, |id, start, end| {
            self.reserved != Some(id as u32) && (vocab.kind(id) == TokenKind::UserDefined || control.allows(start, end))
        })
    }

    /// Where `text` spells control tokens, unknown ones or the reserved one, and where its end, with blanks behind it or
    /// without, is the beginning of one: in order, none overlapping another.
    pub(super) fn spelled(&self, vocab: &Vocab, text: &str) -> Vec<Range<usize>> {
        let guarded = |id: usize| self.reserved == Some(id as u32) || vocab.kind(id) != TokenKind::UserDefined;
        let mut all: Vec<Range<usize>> = Vec::new();
        let mut add = |found: Range<usize>| match all.last_mut() {
            Some(last) if found.start < last.end => last.end = last.end.max(found.end),
            _ => all.push(found),
        };
        let mut from = 0;
        while let Some(found) = self.search(vocab, text, from, |id, _, _| guarded(id)) {
            add(found.start..found.end);
            // Another one may begin inside.
            from = found.start + text[found.start..].chars().next().map_or(1, char::len_utf8);
        }
        for end in [text.trim_end().len(), text.len()] {
            let begins = |&start: &usize| {
                text.is_char_boundary(start) && self.prefixes.goes_on(vocab, &text.as_bytes()[start..end])
            };
            if let Some(start) = (end.saturating_sub(LONGEST)..end).find(begins) {
                add(start..end);
            }
        }
        all
    }

    /// The first special token at or after `from` that is wanted, by its id and where it starts and ends.
    fn search(
        &self,
        vocab: &Vocab,
        text: &str,
        from: usize,
        wanted: impl Fn(usize, usize, usize) -> bool,
    ) -> Option<Found> {
        if self.prefixes.is_empty() {
            return None;
        }
        let bytes = text.as_bytes();
        let mut start = from;
        while let Some(skip) = bytes[start..].iter().position(|&b| self.starts[usize::from(b)]) {
            start += skip;
            let wanted = |id: usize| wanted(id, start, start + vocab.at(id).len());
            if let Some((id, length)) = self.prefixes.longest(vocab, &bytes[start..], wanted) {
                return Some(Found { id, start, end: start + length });
            }
            start += 1;
        }
        None
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.prefixes.memory_bytes()
    }
}
