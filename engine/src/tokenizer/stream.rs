//! Tokens to text while they are generated.
//!
//! A token of a byte-level vocabulary may end inside a character. The stream holds such bytes back until the character
//! is complete or cannot become one; the pieces put together are exactly what decoding all tokens at once gives.
//!
//! The non-obvious thing: at most 3 bytes are ever held back, so a stream owns no more than a small buffer and may live
//! as long as the caller likes; the tokenizer is passed to each call.

use super::cleanup::Cleaner;
use super::{Tokenizer, TokenizerError};

/// Text of a growing sequence of tokens, never split inside a character.
#[derive(Debug, Clone, Default)]
pub struct Utf8Stream {
    skip_special: bool,
    /// Whether a blank that begins the text is left out.
    trims: bool,
    /// Whether the text has begun.
    begun: bool,
    /// Bytes not yet emitted: the start of a character, at most 3 between calls.
    pending: Vec<u8>,
    piece: String,
    /// Where the tokenizer cleans up blanks.
    cleaner: Option<Cleaner>,
}

impl Utf8Stream {
    /// A stream without pending bytes. With `skip_special`, special tokens give no text; with `trims`, a blank that
    /// begins the text is left out.
    pub(super) fn new(skip_special: bool, trims: bool, clean_up: bool) -> Self {
        Self { skip_special, trims, cleaner: clean_up.then(Cleaner::default), ..Self::default() }
    }

    /// The text that token `id` completes, perhaps none; valid until the next call.
    ///
    /// # Errors
    /// [`TokenizerError::IdOutOfRange`]; the stream is then as before.
    pub fn push(&mut self, tokenizer: &Tokenizer, id: u32) -> Result<&str, TokenizerError> {
        let bytes = tokenizer.token_bytes(id)?;
        let skipped = tokenizer.is_silent(id, self.skip_special);
        let bytes = if skipped { &[] } else { bytes };
        let first = self.trims && !self.begun;
        let (mark, trimmed) = if first { tokenizer.begins(id, bytes) } else { (b"".as_slice(), bytes) };
        self.begun |= !bytes.is_empty();
        self.pending.extend_from_slice(mark);
        self.push_bytes(trimmed);
        if let Some(cleaner) = &mut self.cleaner {
            let piece = std::mem::take(&mut self.piece);
            cleaner.push(&piece, &mut self.piece);
        }
        Ok(&self.piece)
    }

    /// The text that `bytes` complete, perhaps none; invalid sequences become U+FFFD. Blanks are neither
    /// cleaned up nor left out here.
    pub fn push_bytes(&mut self, bytes: &[u8]) -> &str {
        self.piece.clear();
        self.pending.extend_from_slice(bytes);
        let mut taken = 0;
        for chunk in self.pending.utf8_chunks() {
            self.piece.push_str(chunk.valid());
            taken += chunk.valid().len();
            let bad = chunk.invalid();
            if bad.is_empty() || is_start(bad) && taken + bad.len() == self.pending.len() {
                break;
            }
            self.piece.push(char::REPLACEMENT_CHARACTER);
            taken += bad.len();
        }
        self.pending.drain(..taken);
        &self.piece
    }

    /// Ends the text: an incomplete character becomes U+FFFD. The stream may then be used again.
    pub fn flush(&mut self) -> &str {
        self.piece.clear();
        self.begun = false;
        if !self.pending.is_empty() {
            self.piece.push(char::REPLACEMENT_CHARACTER);
            self.pending.clear();
        }
        if let Some(cleaner) = &mut self.cleaner {
            let piece = std::mem::take(&mut self.piece);
            cleaner.push(&piece, &mut self.piece);
            cleaner.flush(&mut self.piece);
        }
        &self.piece
    }

    /// Whether an incomplete character is held back.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }
}

/// Whether more bytes could make these a character.
fn is_start(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|e| e.error_len().is_none())
}
