//! Finding special tokens in a text before it is split into words.
//!
//! Semantics of the `tokenizers` library's added vocabulary without stripping flags (OPT's special tokens and `<image>`
//! have none): the leftmost match wins, and at one place the longest.
//!
//! The non-obvious thing: user-defined tokens are found in every text, control and unknown tokens only when the caller
//! asks for it. Text from an untrusted user should be encoded without, or it could write `</s>`.

use super::error::TokenizerError;
use super::prefixes::Prefixes;
use super::vocab::{TokenKind, Vocab};

/// Longest special token. A search looks at most this far ahead, so its time stays linear in the text.
const LONGEST: usize = 512;

/// The special tokens of a vocabulary.
#[derive(Debug)]
pub(super) struct Specials {
    prefixes: Prefixes,
    /// Whether some special token starts with the byte.
    starts: [bool; 256],
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
        Ok(Self { prefixes: Prefixes::new(vocab, sorted), starts })
    }

    /// The first special token of `text` at or after `from`.
    pub(super) fn next(&self, vocab: &Vocab, text: &str, from: usize, control: bool) -> Option<Found> {
        if self.prefixes.is_empty() {
            return None;
        }
        let bytes = text.as_bytes();
        let wanted = |id: usize| control || vocab.kind(id) == TokenKind::UserDefined;
        let mut start = from;
        while let Some(skip) = bytes[start..].iter().position(|&b| self.starts[usize::from(b)]) {
            start += skip;
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
