//! What can be wrong with a vocabulary, a text or a token id: one variant a cause, each naming the thing and the two
//! numbers. Texts from the file are shortened before they go into an error: a token may be a megabyte long.

use ocelli_quant::Size;
use thiserror::Error;

/// Why a tokenizer, a text or a token id was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// The vocabulary has no tokens.
    #[error("vocabulary is empty: 0 tokens")]
    EmptyVocabulary,
    /// The vocabulary has more tokens than the limit.
    #[error("vocabulary has more than {limit} tokens")]
    TooManyTokens {
        /// The limit.
        limit: usize,
    },
    /// The tokens' texts together are over the limit.
    #[error("vocabulary's text up to token {id} of {}", Size::over(*bytes, *limit))]
    VocabularyTooLong {
        /// Token at which the limit was passed.
        id: u32,
        /// Bytes so far.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The list of token types has another length than the list of tokens.
    #[error("vocabulary has {tokens} tokens and {types} token types")]
    TypeCount {
        /// Number of tokens.
        tokens: usize,
        /// Number of types.
        types: usize,
    },
    /// A token type outside 1 to 6.
    #[error("token {id} has type {value}; types are 1 to 6")]
    UnknownType {
        /// The token.
        id: u32,
        /// Its type.
        value: i32,
    },
    /// Two tokens with the same text.
    #[error("token {id} {token:?} is already token {first}")]
    DuplicateToken {
        /// The second one.
        id: u32,
        /// The first one.
        first: u32,
        /// Their text, shortened.
        token: String,
    },
    /// A token of type 6 whose text is not `<0x..>` with two hexadecimal digits.
    #[error("byte token {id} {token:?} is not <0x..> with two hex digits")]
    BadByteToken {
        /// The token.
        id: u32,
        /// Its text, shortened.
        token: String,
    },
    /// A special token too long to be searched for in texts.
    #[error("special token {id} has {bytes} bytes, over the limit of {limit}")]
    SpecialTooLong {
        /// The token.
        id: u32,
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The list of scores has another length than the list of tokens.
    #[error("vocabulary has {tokens} tokens and {scores} scores")]
    ScoreCount {
        /// Number of tokens.
        tokens: usize,
        /// Number of scores.
        scores: usize,
    },
    /// A score that is not a number.
    #[error("the score of token {id} is not a number")]
    ScoreNotANumber {
        /// The token.
        id: u32,
    },
    /// A token too long to be looked for in texts.
    #[error("token {id} has {bytes} bytes, over the limit of {limit}")]
    TokenTooLong {
        /// The token.
        id: u32,
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// WordPiece or unigram without a token for what it cannot spell.
    #[error("a WordPiece or unigram vocabulary needs an unknown token")]
    NoUnknown,
    /// A compiled map of characters that contradicts itself.
    #[error("the precompiled map of characters: {reason}")]
    BadCharsMap {
        /// What is wrong with it.
        reason: String,
    },
    /// There are more merges than the limit.
    #[error("more than {limit} merges")]
    TooManyMerges {
        /// The limit.
        limit: usize,
    },
    /// A merge that is not two texts with one space between them.
    #[error("merge {index} {merge:?} is not two tokens with one space between them")]
    BadMerge {
        /// Index of the merge, from 0.
        index: usize,
        /// Its text, shortened.
        merge: String,
    },
    /// A merge one of whose sides, or whose result, is no token.
    #[error("merge {index}: {token:?} is not in the vocabulary")]
    MergeOfAbsentToken {
        /// Index of the merge, from 0.
        index: usize,
        /// The absent text, shortened.
        token: String,
    },
    /// A special id (bos, eos, pad, unk or another end) outside the vocabulary.
    #[error("{what} id {id} is outside the vocabulary of {vocab} tokens")]
    SpecialOutOfRange {
        /// "bos", "eos", "pad", "unk", "eot" or "eom".
        what: &'static str,
        /// The id.
        id: u32,
        /// Number of tokens.
        vocab: usize,
    },
    /// A token is to be added that the file does not name.
    #[error("{flag} is set but there is no {what} id")]
    NothingToAdd {
        /// "add_bos" or "add_eos".
        flag: &'static str,
        /// "bos" or "eos".
        what: &'static str,
    },
    /// A pre-tokenizer that is not implemented.
    #[error("pre-tokenizer {name:?} is unknown; known: {known}")]
    UnknownPreTokenizer {
        /// Its name, shortened.
        name: String,
        /// The names known here, comma-separated.
        known: String,
    },
    /// The text is over the limit.
    #[error("text of {}", Size::over(*bytes as u64, *limit as u64))]
    TextTooLong {
        /// Length of the text.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The text is over the limit once it is normalised.
    #[error("text of {bytes} bytes becomes more than {limit} bytes when it is normalised")]
    NormalizedTooLong {
        /// Length of the text as it was.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A byte of the text has no token and the vocabulary has no unknown token.
    #[error("byte 0x{byte:02x} at offset {offset} has no token and there is no unknown token")]
    NoTokenForByte {
        /// The byte.
        byte: u8,
        /// Its offset in the text.
        offset: usize,
    },
    /// A token id outside the vocabulary.
    #[error("token id {id} is out of range 0..{vocab}")]
    IdOutOfRange {
        /// The id.
        id: u32,
        /// Number of tokens.
        vocab: usize,
    },
}

/// The first characters of a text from the file.
pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut chars = text.chars();
    let mut head: String = chars.by_ref().take(LONGEST).collect();
    if chars.next().is_some() {
        head.push('…');
    }
    head
}
