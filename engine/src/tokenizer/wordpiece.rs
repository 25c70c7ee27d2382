//! WordPiece: BERT's tokenizer.
//!
//! Source: Devlin et al. 2018, `tokenization.py` of google-research/bert, as llama.cpp's reads it from files: words that
//! begin with a blank where others have `##` inside. Text is cleaned, lower-cased and stripped of accents, and split at
//! blanks, around marks and around Chinese characters; a word becomes the longest tokens from left to right, or, where
//! some part is no token, the unknown token as a whole. Words may be of any length, as in llama.cpp, unless the file has
//! the original's limit, beyond which they are unknown.
//!
//! The non-obvious thing: the blank before a word takes part in the search, so one list of tokens serves beginnings and
//! insides of words.

use super::error::TokenizerError;
use super::prefixes::Prefixes;
use super::vocab::{TokenKind, Vocab};
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// Longest token that is looked for, in bytes: a search reads no further.
const LONGEST: usize = 512;

/// The normal tokens, and how text is prepared.
#[derive(Debug)]
pub(super) struct WordPiece {
    tokens: Prefixes,
    unknown: u32,
    /// Whether text is lower-cased and loses its accents.
    lowercase: bool,
    /// Characters of the longest word that is looked for.
    longest: usize,
}

impl WordPiece {
    pub(super) fn new(
        vocab: &Vocab,
        unknown: Option<u32>,
        lowercase: bool,
        longest: usize,
    ) -> Result<Self, TokenizerError> {
        let unknown = unknown.ok_or(TokenizerError::NoUnknown)?;
        let normal = |&id: &usize| vocab.kind(id) == TokenKind::Normal && !vocab.at(id).is_empty();
        let ids: Vec<u32> = (0..vocab.len()).filter(normal).map(|id| id as u32).collect();
        if let Some(&id) = ids.iter().find(|&&id| vocab.at(id as usize).len() > LONGEST) {
            let bytes = vocab.at(id as usize).len();
            return Err(TokenizerError::TokenTooLong { id, bytes, limit: LONGEST });
        }
        Ok(Self { tokens: Prefixes::new(ids, |id| vocab.at(id as usize)), unknown, lowercase, longest })
    }

    /// Appends the tokens of `text`.
    pub(super) fn encode(&self, vocab: &Vocab, text: &str, out: &mut Vec<u32>) {
        let mut word = String::from(' ');
        if self.lowercase {
            // Decomposed first: the accents are characters of their own then.
            let letters = text.nfd().filter(|c| c.general_category() != GeneralCategory::NonspacingMark);
            self.words(vocab, letters.flat_map(char::to_lowercase), &mut word, out);
        } else {
            self.words(vocab, text.chars(), &mut word, out);
        }
    }

    fn words(&self, vocab: &Vocab, chars: impl Iterator<Item = char>, word: &mut String, out: &mut Vec<u32>) {
        for c in chars {
            let control = is_control(c);
            if matches!(c, '\t' | '\n' | '\r') || c.is_whitespace() && !control {
                self.end_word(vocab, word, out);
            } else if control || c == '\u{fffd}' {
                // Not text; a word goes on behind it.
            } else if is_mark(c) || is_chinese(c) {
                self.end_word(vocab, word, out);
                word.push(c);
                self.end_word(vocab, word, out);
            } else {
                word.push(c);
            }
        }
        self.end_word(vocab, word, out);
    }

    /// Appends the tokens of a word, which begins with a blank, and leaves the blank.
    fn end_word(&self, vocab: &Vocab, word: &mut String, out: &mut Vec<u32>) {
        let before = out.len();
        let mut rest = word.as_bytes();
        if rest.len() <= 1 {
            return;
        }
        // The blank is none of the word's own characters; bytes are at least as many.
        if rest.len() - 1 > self.longest && word.chars().count() - 1 > self.longest {
            out.push(self.unknown);
            word.truncate(1);
            return;
        }
        while !rest.is_empty() {
            let Some((id, length)) = self.tokens.longest(|id| vocab.at(id as usize), rest, |_| true) else {
                out.truncate(before);
                out.push(self.unknown);
                break;
            };
            out.push(id);
            rest = &rest[length..];
        }
        word.truncate(1);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.tokens.memory_bytes()
    }
}

/// A character that is not text. (What no version of Unicode has assigned is.)
fn is_control(c: char) -> bool {
    use GeneralCategory::{Control, Format, PrivateUse, Surrogate};
    matches!(c.general_category(), Control | Format | PrivateUse | Surrogate)
}

/// A character that is a word of its own: punctuation of any script, and every sign of ASCII.
fn is_mark(c: char) -> bool {
    c.is_ascii_punctuation() || c.general_category_group() == GeneralCategoryGroup::Punctuation
}

/// BERT's blocks of Chinese characters.
fn is_chinese(c: char) -> bool {
    matches!(c as u32,
        0x4e00..=0x9fff | 0x3400..=0x4dbf | 0x20000..=0x2a6df | 0x2a700..=0x2b73f | 0x2b740..=0x2b81f
        | 0x2b820..=0x2ceaf | 0xf900..=0xfaff | 0x2f800..=0x2fa1f)
}
