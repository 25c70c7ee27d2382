//! What a tokenizer is built from.

use super::normalize::Blank;
use super::rules::Trim;
use super::special::Added;

/// What a tokenizer is built from; the fields are the `tokenizer.ggml.*` keys of a GGUF file.
pub struct Spec<'a> {
    /// Texts; the id is the position. Normal tokens are in the alphabet of the algorithm, others are plain text.
    pub tokens: Box<dyn Iterator<Item = &'a str> + 'a>,
    /// ggml token types: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte. Without them the special ids
    /// say what they are, tokens such as `<0x41>` are bytes where the algorithm has any, and all others are normal.
    pub token_types: Option<Vec<i32>>,
    /// How text becomes tokens.
    pub algorithm: Algorithm<'a>,
    /// Name of the pre-tokenizer, such as "gpt-2" or "llama-bpe"; of no meaning but to byte-pair encoding.
    pub pre: &'a str,
    /// Beginning of a sequence.
    pub bos: Option<u32>,
    /// End of a sequence.
    pub eos: Option<u32>,
    /// Padding.
    pub pad: Option<u32>,
    /// Stands for what has no token.
    pub unk: Option<u32>,
    /// End of a turn of a conversation.
    pub eot: Option<u32>,
    /// End of a message within a turn.
    pub eom: Option<u32>,
    /// Whether `bos` goes before every text.
    pub add_bos: bool,
    /// Whether `eos` goes after every text.
    pub add_eos: bool,
    /// Where plain text gets a blank before it; with SentencePiece decoding takes the first one away again.
    pub blank: Blank,
    /// Whether that blank is put by the normalizer: also where the text begins with one, and before added tokens that are
    /// found in normalised text are looked for. Otherwise behind that step, where the text does not begin with one.
    pub normalizes_blanks: bool,
    /// How added tokens are found. Where a file does not say, all are looked for in the text as it is, none takes blanks,
    /// and text behind a user-defined one goes on without a blank.
    pub added: Option<Added>,
    /// Added tokens that take the blanks behind them where a file does not say how they are found.
    pub rstrip: Vec<u32>,
    /// Whether decoding takes out blanks before marks and contracted endings, as transformers can.
    pub clean_up_spaces: bool,
    /// Whether characters and the marks behind them are put together before anything else (Unicode's NFC).
    pub compose: bool,
    /// Characters of the longest word that WordPiece looks for: longer ones are unknown.
    pub longest_word: usize,
}

/// How plain text becomes tokens.
pub enum Algorithm<'a> {
    /// Byte-pair encoding by a list of merges, "left right", in order of rank. Tokens are written in GPT-2's byte
    /// alphabet; with the pre-tokenizer "gemma4" as SentencePiece's.
    Bpe(Box<dyn Iterator<Item = &'a str> + 'a>),
    /// SentencePiece's byte-pair encoding by one score a token. Tokens are plain text with `▁` for a blank.
    SentencePiece(Vec<f32>),
    /// SentencePiece's unigram model. Tokens are plain text with `▁` for a blank; `unk` must be set.
    Unigram(Unigrams),
    /// WordPiece; tokens that begin a word are written with `▁` before them.
    WordPiece {
        /// Whether text is lower-cased and loses its accents.
        lowercase: bool,
    },
}

/// What a unigram model is built from.
#[derive(Debug, Clone, Default)]
pub struct Unigrams {
    /// The logarithm of its probability by token.
    pub scores: Vec<f32>,
    /// The compiled map of characters as SentencePiece writes it, or nothing.
    pub map: Vec<u8>,
    /// Whether several blanks are one.
    pub collapses: bool,
    /// What becomes of the blanks at the ends of a text. Where [`Spec::normalizes_blanks`] is set it is SentencePiece that
    /// takes them away, if it puts several together.
    pub trim: Trim,
}

impl<'a> Spec<'a> {
    /// Byte-pair encoding of GPT-2's kind with no special ids; set the other fields as needed.
    pub fn bpe<T, M>(tokens: T, merges: M) -> Self
    where
        T: IntoIterator<Item = &'a str>,
        M: IntoIterator<Item = &'a str>,
        T::IntoIter: 'a,
        M::IntoIter: 'a,
    {
        Self::new(tokens, Algorithm::Bpe(Box::new(merges.into_iter())))
    }

    /// SentencePiece's byte-pair encoding with no special ids and no blank before a text.
    pub fn sentencepiece<T>(tokens: T, scores: Vec<f32>) -> Self
    where
        T: IntoIterator<Item = &'a str>,
        T::IntoIter: 'a,
    {
        Self::new(tokens, Algorithm::SentencePiece(scores))
    }

    /// SentencePiece's unigram model with no special ids and no blank before a text.
    pub fn unigram<T>(tokens: T, unigrams: Unigrams) -> Self
    where
        T: IntoIterator<Item = &'a str>,
        T::IntoIter: 'a,
    {
        Self::new(tokens, Algorithm::Unigram(unigrams))
    }

    /// WordPiece with no special ids; `unk` must be set.
    pub fn wordpiece<T>(tokens: T, lowercase: bool) -> Self
    where
        T: IntoIterator<Item = &'a str>,
        T::IntoIter: 'a,
    {
        Self::new(tokens, Algorithm::WordPiece { lowercase })
    }

    fn new<T>(tokens: T, algorithm: Algorithm<'a>) -> Self
    where
        T: IntoIterator<Item = &'a str>,
        T::IntoIter: 'a,
    {
        let normalizes_blanks = matches!(algorithm, Algorithm::SentencePiece(_) | Algorithm::Unigram(_));
        Self {
            tokens: Box::new(tokens.into_iter()),
            token_types: None,
            algorithm,
            pre: "gpt-2",
            bos: None,
            eos: None,
            pad: None,
            unk: None,
            eot: None,
            eom: None,
            add_bos: false,
            add_eos: false,
            blank: Blank::Nowhere,
            normalizes_blanks,
            added: None,
            rstrip: Vec::new(),
            clean_up_spaces: false,
            compose: false,
            longest_word: usize::MAX,
        }
    }
}
