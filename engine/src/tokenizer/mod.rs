//! Text to token ids and back, from the tables of a model file alone.
//!
//! One [`Tokenizer`] for every kind of vocabulary: the tokens, the special tokens and the ids are shared, the way a
//! stretch of plain text becomes ids is a variant of `Model`: byte-pair encoding by a list of merges (GPT-2, OPT,
//! LLaMA-3, Qwen, Gemma 4), SentencePiece's by scores (LLaMA, Phi-3, Gemma), its unigram model (T5), WordPiece (BERT).
//!
//! The chain of [`Tokenizer::encode`]: special tokens are cut out (`special`), the rest is normalised (`normalize`) and
//! split into words (`pretokenize`, `scan`), each word is merged (`merge`, `bpe`, `sentencepiece`). A unigram vocabulary
//! normalises by rules of its own (`rules`, `charsmap`) and looks for the best cut (`unigram`, `trie`).
//!
//! The non-obvious thing: nothing here is trusted. Building checks every id and every merge, so that encoding and
//! decoding can index without panicking; times are linear (or n log n) in the text for any vocabulary.

mod bpe;
mod byte_level;
mod charsmap;
mod cleanup;
mod encoding;
mod endings;
mod error;
mod from_gguf;
mod merge;
mod normalize;
mod prefixes;
mod pretokenize;
mod rules;
mod scan;
mod sentencepiece;
mod spec;
mod special;
mod stream;
mod table;
mod trie;
mod unigram;
mod vocab;
mod wordpiece;

pub use error::TokenizerError;
pub use from_gguf::{KeySet, special_tokens};
pub use normalize::Blank;
pub use rules::Trim;
pub use spec::{Algorithm, Spec, Unigrams};
pub use special::Added;
pub use stream::Utf8Stream;
pub use vocab::TokenKind;

use bpe::Bpe;
use encoding::Encoding;
use merge::Scratch;
use normalize::Normalizer;
use pretokenize::PreTokenizer;
use rules::Rules;
use sentencepiece::SentencePiece;
use special::Specials;
use std::ops::Range;
use unigram::Unigram;
use vocab::{Alphabet, Implied, Vocab};
use wordpiece::WordPiece;

/// Longest text that is encoded, in bytes.
pub const LONGEST_TEXT: usize = 16 << 20;

/// How a text is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodeOptions {
    /// Add bos and eos where the model wants them.
    pub add_special: bool,
    /// Read control tokens such as `</s>` in the text as such. User-defined tokens are found either way, the token that
    /// stands for a picture neither way.
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
    Bpe { pre: PreTokenizer, merges: Box<Bpe> },
    SentencePiece(Box<SentencePiece>),
    Unigram(Box<Unigram>),
    WordPiece(WordPiece),
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
    ends: Vec<u32>,
    add_bos: bool,
    add_eos: bool,
    normalizer: Normalizer,
    /// Whether the file says how added tokens are found.
    exact: bool,
    clean_up_spaces: bool,
    place: ImagePlace,
}

/// How the place of a picture is written, where its rows are no more than tokens among others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImagePlace {
    /// What a chat template writes there, where that is not the token that stands for the picture's rows.
    pub written: Option<String>,
    /// The text before the picture's rows and the one behind them, which are one text with what stands beside them.
    pub around: [String; 2],
}

impl Tokenizer {
    /// Builds a tokenizer. Tokens with one of the names that chat formats end a turn with, such as `<|im_end|>`, become
    /// control tokens where the types say otherwise.
    ///
    /// # Errors
    /// Any inconsistency of the tables: an empty vocabulary, too many tokens or merges, duplicate tokens (empty ones
    /// excepted), type and score counts, scores that are no numbers, merges that are malformed or name absent tokens,
    /// ids outside the vocabulary, an unknown pre-tokenizer.
    pub fn new(spec: Spec<'_>) -> Result<Self, TokenizerError> {
        let Spec { tokens, token_types, algorithm, pre, bos, eos, pad, unk, eot, eom, .. } = spec;
        let Spec { add_bos, add_eos, blank, normalizes_blanks, added, rstrip, .. } = spec;
        let Spec { clean_up_spaces, compose, longest_word, .. } = spec;
        let pre = match algorithm {
            Algorithm::Bpe(_) => PreTokenizer::from_name(pre)?,
            _ => PreTokenizer::WHOLE_TEXT,
        };
        let pieces = pre.alphabet == Alphabet::Blanks && !matches!(algorithm, Algorithm::WordPiece { .. });
        let types = token_types.as_deref();
        let implied = Implied {
            control: [bos, eos, pad, eot, eom].into_iter().flatten().collect(),
            unknown: unk,
            bytes: pieces && types.is_none_or(|types| !types.contains(&(TokenKind::Byte as i32))),
        };
        let mut vocab = Vocab::new(pre.alphabet, tokens, types, &implied)?;
        // Nothing asks for a padding token outside the vocabulary: it is as if the file had none.
        let pad = pad.filter(|&id| (id as usize) < vocab.len());
        let named = [("bos", bos), ("eos", eos), ("unk", unk), ("eot", eot), ("eom", eom)];
        for (what, id) in named {
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
        let ends = endings::find(&mut vocab, [eos, eot, eom].into_iter().flatten());
        // What stands for a blank in the tokens is one in a text, too.
        let exact = added.is_some();
        let added = added.unwrap_or(Added { rstrip, ..Added::default() });
        let rules = match &algorithm {
            Algorithm::Unigram(Unigrams { map, collapses, trim, .. }) => {
                Some(Box::new(Rules::new(&vocab, map, &added.symbols, *collapses, *trim)?))
            }
            _ => None,
        };
        let normalizer = Normalizer { blank, early: normalizes_blanks, escapes: pieces, compose, rules };
        let specials = Specials::new(&vocab, &added, &normalizer)?;
        let model = match algorithm {
            Algorithm::Bpe(merges) => Model::Bpe { pre, merges: Box::new(Bpe::new(&vocab, merges, unk)?) },
            Algorithm::SentencePiece(scores) => {
                Model::SentencePiece(Box::new(SentencePiece::new(&vocab, &scores, unk)?))
            }
            Algorithm::Unigram(Unigrams { scores, .. }) => {
                Model::Unigram(Box::new(Unigram::new(&vocab, scores, &added.symbols, unk)?))
            }
            Algorithm::WordPiece { lowercase } => {
                Model::WordPiece(WordPiece::new(&vocab, unk, lowercase, longest_word)?)
            }
        };
        Ok(Self {
            vocab,
            specials,
            model,
            bos,
            eos,
            pad,
            unk,
            ends,
            add_bos,
            add_eos,
            normalizer,
            exact,
            clean_up_spaces,
            place: ImagePlace::default(),
        })
    }

    /// Token ids of `text`.
    ///
    /// # Errors
    /// [`TokenizerError::TextTooLong`], [`TokenizerError::NormalizedTooLong`], [`TokenizerError::NoTokenForByte`].
    pub fn encode(&self, text: &str, options: EncodeOptions) -> Result<Vec<u32>, TokenizerError> {
        let mut ids = Vec::new();
        self.encode_into(text, options, &mut ids)?;
        Ok(ids)
    }

    /// [`Tokenizer::encode`] of a text in a prompt: without `begins`, other text or a picture stands before it, and it gets
    /// no blank that only the first text gets.
    ///
    /// # Errors
    /// [`TokenizerError::TextTooLong`], [`TokenizerError::NormalizedTooLong`], [`TokenizerError::NoTokenForByte`].
    pub fn encode_piece(&self, text: &str, options: EncodeOptions, begins: bool) -> Result<Vec<u32>, TokenizerError> {
        let mut ids = Vec::new();
        self.encode_guarded(text, &[], options, begins, &mut ids)?;
        Ok(ids)
    }

    /// Appends the token ids of `text` to `out`; after an error `out` is as before.
    ///
    /// # Errors
    /// [`TokenizerError::TextTooLong`], [`TokenizerError::NormalizedTooLong`], [`TokenizerError::NoTokenForByte`].
    pub fn encode_into(&self, text: &str, options: EncodeOptions, out: &mut Vec<u32>) -> Result<(), TokenizerError> {
        self.encode_guarded(text, &[], options, true, out)
    }

    /// [`Tokenizer::encode_piece`] of a text with stretches that `parse_special` does not concern: a control token that
    /// overlaps one is not read as such. The stretches are in order and begin and end between characters.
    pub(crate) fn encode_guarded(
        &self,
        text: &str,
        plain: &[Range<usize>],
        options: EncodeOptions,
        begins: bool,
        out: &mut Vec<u32>,
    ) -> Result<(), TokenizerError> {
        if text.len() > LONGEST_TEXT {
            return Err(TokenizerError::TextTooLong { bytes: text.len(), limit: LONGEST_TEXT });
        }
        let before = out.len();
        if options.add_special && self.add_bos {
            out.extend(self.bos);
        }
        let (text, plain) = self.normalizer.all(text, plain)?;
        let (text, plain) = (text.as_ref(), plain.as_ref());
        let mut encoding = Encoding { tokenizer: self, text, plain, options, scratch: Scratch::default(), out };
        if let Err(error) = encoding.all(begins) {
            out.truncate(before);
            return Err(error);
        }
        if options.add_special && self.add_eos {
            out.extend(self.eos);
        }
        Ok(())
    }

    /// Makes `id` a token that no text spells, since it stands for something else.
    pub(crate) fn reserve(&mut self, id: u32) {
        self.specials.reserve(id);
    }

    /// The token that no text spells: the one that stands for a picture, where the file names it.
    #[must_use]
    pub fn reserved(&self) -> Option<u32> {
        self.specials.reserved()
    }

    /// How the place of a picture is written.
    #[must_use]
    pub fn image_place(&self) -> &ImagePlace {
        &self.place
    }

    /// Where a text spells tokens that `parse_special` reads, or the reserved one, or ends with the beginning of one.
    pub(crate) fn spelled(&self, text: &str) -> Vec<Range<usize>> {
        self.specials.spelled(&self.vocab, text)
    }

    /// The bytes token `id` stands for; they need not be whole characters.
    ///
    /// # Errors
    /// [`TokenizerError::IdOutOfRange`].
    pub fn token_bytes(&self, id: u32) -> Result<&[u8], TokenizerError> {
        self.vocab.bytes(id)
    }

    /// Text of `ids`; invalid UTF-8 becomes U+FFFD. Unused tokens give no text; with `skip_special`, control and unknown
    /// ones neither. A blank that encoding put before the text, or that begins WordPiece's first word, is left out.
    ///
    /// # Errors
    /// [`TokenizerError::IdOutOfRange`].
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> Result<String, TokenizerError> {
        let mut bytes = Vec::new();
        let mut trims = self.trims();
        for &id in ids {
            let token = self.vocab.bytes(id)?;
            if !self.is_silent(id, skip_special) {
                let (mark, shown) = if trims { self.begins(id, token) } else { (b"".as_slice(), token) };
                bytes.extend_from_slice(mark);
                bytes.extend_from_slice(shown);
                trims &= token.is_empty();
            }
        }
        let text = String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
        Ok(if self.clean_up_spaces { cleanup::clean_up(&text) } else { text })
    }

    /// A stream that turns tokens into text as they come; see [`Utf8Stream`].
    #[must_use]
    pub fn stream(&self, skip_special: bool) -> Utf8Stream {
        Utf8Stream::new(skip_special, self.trims(), self.clean_up_spaces)
    }

    /// A stream of the very bytes that tokens stand for: no blank is left out.
    pub(crate) fn exact_stream(&self, skip_special: bool) -> Utf8Stream {
        Utf8Stream::new(skip_special, false, false)
    }

    /// Whether a blank that begins a decoded text is left out.
    fn trims(&self) -> bool {
        match self.model {
            Model::Bpe { .. } => false,
            Model::SentencePiece(_) | Model::Unigram(_) => self.normalizer.blank != Blank::Nowhere,
            Model::WordPiece(_) => true,
        }
    }

    /// What a token begins a text with, where [`Tokenizer::trims`]: it is without its blank, and WordPiece's original marks a
    /// piece that goes on with a word by two signs.
    fn begins<'t>(&self, id: u32, token: &'t [u8]) -> (&'static [u8], &'t [u8]) {
        const INSIDE: &[u8] = b"##";
        let inside = matches!(self.model, Model::WordPiece(_)) && self.kind(id) == Some(TokenKind::Normal);
        match token.strip_prefix(b" ") {
            Some(token) => (b"", token),
            None if inside && !token.is_empty() => (INSIDE, token),
            None => (b"", token),
        }
    }

    /// A generated text without the blank that joins its first word to what it was generated behind. Vocabularies of
    /// GPT-2's kind have that one in the word's token; others leave it out when they decode. More than one blank, or
    /// other white space, is part of the text.
    #[must_use]
    pub fn unjoined<'t>(&self, text: &'t str) -> &'t str {
        let word = |rest: &&str| rest.starts_with(|c: char| !c.is_whitespace());
        text.strip_prefix(' ').filter(|_| !self.trims()).filter(word).unwrap_or(text)
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

    /// Id of the token written `text` in the file: in the vocabulary's alphabet for normal tokens (`Ġthe`, `▁the`),
    /// plainly for others.
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

    /// Tokens that end a generated text: eos, the ends of turns the file names, and tokens known by name such as
    /// `<|im_end|>`; none twice, eos first.
    #[must_use]
    pub fn end_ids(&self) -> &[u32] {
        &self.ends
    }

    /// Padding.
    #[must_use]
    pub fn pad(&self) -> Option<u32> {
        self.pad
    }

    /// Stands for what has no token.
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
            Model::SentencePiece(model) => size_of::<SentencePiece>() + model.memory_bytes(),
            Model::Unigram(model) => size_of::<Unigram>() + model.memory_bytes(),
            Model::WordPiece(model) => model.memory_bytes(),
        };
        let model = model + self.normalizer.memory_bytes();
        let ends = self.ends.capacity() * size_of::<u32>();
        size_of::<Self>() + self.vocab.memory_bytes() + self.specials.memory_bytes() + ends + model
    }
}
