//! Text to token ids and back, from the tables of a model file alone.
//!
//! One [`Tokenizer`] for every kind of vocabulary: the tokens, the special tokens and the ids are shared, the way a
//! stretch of plain text becomes ids is a variant of `Model`. Here: byte-level BPE as in GPT-2 (Radford et al. 2019)
//! and OPT, equal to the `tokenizers` library up to its older Unicode tables.
//!
//! The chain of [`Tokenizer::encode`]: special tokens are cut out (`special`), the rest is split into words
//! (`pretokenize`), each word is merged (`bpe`).
//!
//! The non-obvious thing: nothing here is trusted. Building checks every id and every merge, so that encoding and
//! decoding can index without panicking; times are linear (or n log n) in the text for any vocabulary.

mod bpe;
mod byte_level;
mod cleanup;
mod error;
mod pretokenize;
mod special;
mod stream;
mod table;
mod vocab;

pub use error::TokenizerError;
pub use stream::Utf8Stream;
pub use vocab::TokenKind;

use bpe::{Bpe, Scratch};
use pretokenize::PreTokenizer;
use special::Specials;
use vocab::Vocab;

/// Longest text that is encoded, in bytes.
pub const LONGEST_TEXT: usize = 16 << 20;

/// What a byte-level BPE tokenizer is built from; the fields are the `tokenizer.ggml.*` keys of a GGUF file.
pub struct BpeSpec<'a> {
    /// Texts in GPT-2's byte alphabet; the id is the position. Control and user-defined tokens are plain text.
    pub tokens: Box<dyn Iterator<Item = &'a str> + 'a>,
    /// ggml token types: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte. Without them, bos and eos
    /// are control tokens and all others normal.
    pub token_types: Option<Vec<i32>>,
    /// "left right", in order of rank.
    pub merges: Box<dyn Iterator<Item = &'a str> + 'a>,
    /// Name of the pre-tokenizer: "gpt-2" or "opt".
    pub pre: &'a str,
    /// Beginning of a sequence.
    pub bos: Option<u32>,
    /// End of a sequence.
    pub eos: Option<u32>,
    /// Padding.
    pub pad: Option<u32>,
    /// Stands for bytes without a token.
    pub unk: Option<u32>,
    /// Whether `bos` goes before every text.
    pub add_bos: bool,
    /// Whether `eos` goes after every text.
    pub add_eos: bool,
    /// Whether plain text that does not begin with a blank gets one.
    pub add_prefix_space: bool,
    /// Whether decoding takes out blanks before marks and contracted endings, as transformers can.
    pub clean_up_spaces: bool,
}

impl<'a> BpeSpec<'a> {
    /// A specification of GPT-2's kind with no special ids; set the other fields as needed.
    pub fn new<T, M>(tokens: T, merges: M) -> Self
    where
        T: IntoIterator<Item = &'a str>,
        M: IntoIterator<Item = &'a str>,
        T::IntoIter: 'a,
        M::IntoIter: 'a,
    {
        Self {
            tokens: Box::new(tokens.into_iter()),
            token_types: None,
            merges: Box::new(merges.into_iter()),
            pre: "gpt-2",
            bos: None,
            eos: None,
            pad: None,
            unk: None,
            add_bos: false,
            add_eos: false,
            add_prefix_space: false,
            clean_up_spaces: false,
        }
    }
}

/// How a text is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodeOptions {
    /// Add bos and eos where the model wants them.
    pub add_special: bool,
    /// Read control tokens such as `</s>` in the text as such. User-defined tokens are found either way.
    pub parse_special: bool,
}

impl Default for EncodeOptions {
    /// Both on, as the `tokenizers` library does.
    fn default() -> Self {
        Self { add_special: true, parse_special: true }
    }
}

/// How plain text becomes ids.
#[derive(Debug)]
enum Model {
    Bpe { split: PreTokenizer, merges: Box<Bpe>, add_prefix_space: bool },
}

/// A vocabulary and the way text becomes ids of it.
#[derive(Debug)]
pub struct Tokenizer {
    vocab: Vocab,
    specials: Specials,
    model: Model,
    bos: Option<u32>,
    eos: Option<u32>,
    pad: Option<u32>,
    unk: Option<u32>,
    add_bos: bool,
    add_eos: bool,
    clean_up_spaces: bool,
}

impl Tokenizer {
    /// A byte-level BPE tokenizer.
    ///
    /// # Errors
    /// Any inconsistency of the tables: an empty vocabulary, too many tokens or merges, duplicate tokens, type counts,
    /// merges that are malformed or name absent tokens, ids outside the vocabulary, an unknown pre-tokenizer.
    pub fn bpe(spec: BpeSpec<'_>) -> Result<Self, TokenizerError> {
        let BpeSpec { tokens, token_types, merges, pre, bos, eos, pad, unk, add_bos, add_eos, .. } = spec;
        let BpeSpec { add_prefix_space, clean_up_spaces, .. } = spec;
        let split = PreTokenizer::from_name(pre)?;
        let control: Vec<u32> = [bos, eos].into_iter().flatten().collect();
        let vocab = Vocab::byte_level(tokens, token_types.as_deref(), &control)?;
        for (what, id) in [("bos", bos), ("eos", eos), ("pad", pad), ("unk", unk)] {
            if let Some(id) = id.filter(|&id| id as usize >= vocab.len()) {
                return Err(TokenizerError::SpecialOutOfRange { what, id, vocab: vocab.len() });
            }
        }
        if add_bos && bos.is_none() {
            return Err(TokenizerError::NothingToAdd { flag: "add_bos", what: "bos" });
        }
        if add_eos && eos.is_none() {
            return Err(TokenizerError::NothingToAdd { flag: "add_eos", what: "eos" });
        }
        let specials = Specials::new(&vocab)?;
        let merges = Box::new(Bpe::new(&vocab, merges)?);
        let model = Model::Bpe { split, merges, add_prefix_space };
        Ok(Self { vocab, specials, model, bos, eos, pad, unk, add_bos, add_eos, clean_up_spaces })
    }

    /// Token ids of `text`.
    ///
    /// # Errors
    /// [`TokenizerError::TextTooLong`], [`TokenizerError::NoTokenForByte`].
    pub fn encode(&self, text: &str, options: EncodeOptions) -> Result<Vec<u32>, TokenizerError> {
        let mut ids = Vec::new();
        self.encode_into(text, options, &mut ids)?;
        Ok(ids)
    }

    /// Appends the token ids of `text` to `out`; after an error `out` is as before.
    ///
    /// # Errors
    /// [`TokenizerError::TextTooLong`], [`TokenizerError::NoTokenForByte`].
    pub fn encode_into(&self, text: &str, options: EncodeOptions, out: &mut Vec<u32>) -> Result<(), TokenizerError> {
        if text.len() > LONGEST_TEXT {
            return Err(TokenizerError::TextTooLong { bytes: text.len(), limit: LONGEST_TEXT });
        }
        let before = out.len();
        if options.add_special && self.add_bos {
            out.extend(self.bos);
        }
        let mut scratch = Scratch::default();
        let mut from = 0;
        while from < text.len() {
            let special = self.specials.next(&self.vocab, text, from, options.parse_special);
            let end = special.map_or(text.len(), |s| s.start);
            if let Err(error) = self.encode_plain(text, from, end, &mut scratch, out) {
                out.truncate(before);
                return Err(error);
            }
            out.extend(special.map(|s| s.id));
            from = special.map_or(text.len(), |s| s.end);
        }
        if options.add_special && self.add_eos {
            out.extend(self.eos);
        }
        Ok(())
    }

    /// Encodes `text[from..end]`, which holds no special token.
    fn encode_plain(
        &self,
        text: &str,
        mut from: usize,
        end: usize,
        scratch: &mut Scratch,
        out: &mut Vec<u32>,
    ) -> Result<(), TokenizerError> {
        match &self.model {
            Model::Bpe { split, merges, add_prefix_space } => {
                let prefixed;
                let (mut text, mut end) = (text, end);
                if *add_prefix_space && from < end && !text[from..end].starts_with(' ') {
                    prefixed = format!(" {}", &text[from..end]);
                    (text, from, end) = (&prefixed, 0, prefixed.len());
                }
                while from < end {
                    let length = split.first_word(&text[from..end]);
                    merges.encode(&text.as_bytes()[from..from + length], from, self.unk, scratch, out)?;
                    from += length;
                }
            }
        }
        Ok(())
    }

    /// The bytes token `id` stands for; they need not be whole characters.
    ///
    /// # Errors
    /// [`TokenizerError::IdOutOfRange`].
    pub fn token_bytes(&self, id: u32) -> Result<&[u8], TokenizerError> {
        self.vocab.bytes(id)
    }

    /// Text of `ids`; invalid UTF-8 becomes U+FFFD. Unused tokens
    /// give no text; with `skip_special`, control and unknown ones neither.
    ///
    /// # Errors
    /// [`TokenizerError::IdOutOfRange`].
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> Result<String, TokenizerError> {
        let mut bytes = Vec::new();
        for &id in ids {
            let token = self.vocab.bytes(id)?;
            if !self.is_silent(id, skip_special) {
                bytes.extend_from_slice(token);
            }
        }
        let text = String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
        Ok(if self.clean_up_spaces { cleanup::clean_up(&text) } else { text })
    }

    /// A stream that turns tokens into text as they come; see [`Utf8Stream`].
    #[must_use]
    pub fn stream(&self, skip_special: bool) -> Utf8Stream {
        Utf8Stream::new(skip_special, self.clean_up_spaces)
    }

    /// Whether decoding leaves `id` out.
    fn is_silent(&self, id: u32, skip_special: bool) -> bool {
        self.kind(id) == Some(TokenKind::Unused) || skip_special && self.is_special(id)
    }

    /// Whether `id` is a control or unknown token: no text for a reader.
    #[must_use]
    pub fn is_special(&self, id: u32) -> bool {
        matches!(self.kind(id), Some(TokenKind::Control | TokenKind::Unknown))
    }

    /// The kind of token `id`, or `None` outside the vocabulary.
    #[must_use]
    pub fn kind(&self, id: u32) -> Option<TokenKind> {
        ((id as usize) < self.vocab.len()).then(|| self.vocab.kind(id as usize))
    }

    /// Id of the token written `text` in the file: in the byte alphabet for normal tokens (`Ġthe`), plainly for others.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<u32> {
        self.vocab.find(text, &mut Vec::new())
    }

    /// Number of tokens.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        self.vocab.len()
    }

    /// Beginning of a sequence.
    #[must_use]
    pub fn bos(&self) -> Option<u32> {
        self.bos
    }

    /// End of a sequence.
    #[must_use]
    pub fn eos(&self) -> Option<u32> {
        self.eos
    }

    /// Padding.
    #[must_use]
    pub fn pad(&self) -> Option<u32> {
        self.pad
    }

    /// Stands for bytes without a token.
    #[must_use]
    pub fn unk(&self) -> Option<u32> {
        self.unk
    }

    /// Whether encoding puts bos before a text.
    #[must_use]
    pub fn adds_bos(&self) -> bool {
        self.add_bos
    }

    /// Whether encoding puts eos after a text.
    #[must_use]
    pub fn adds_eos(&self) -> bool {
        self.add_eos
    }

    /// Memory held, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let model = match &self.model {
            Model::Bpe { merges, .. } => size_of::<Bpe>() + merges.memory_bytes(),
        };
        size_of::<Self>() + self.vocab.memory_bytes() + self.specials.memory_bytes() + model
    }
}
