//! The tokens of a vocabulary: their bytes, their kinds, and the way from bytes to id.
//!
//! One blob of bytes with an offset a token, one byte of kind a token, and an index of 4-byte slots: about 18 bytes a
//! token of GPT-2 beyond its text, and no allocation a token.
//!
//! The non-obvious thing: a token's text is read in one of three ways, and each is a name space of its own. A *piece*
//! is written in the model's alphabet and stored as the raw bytes it stands for; a *literal* (control, user-defined
//! and unused tokens, and anything outside the alphabet) stands for its own UTF-8; a *byte* is written `<0x41>`.

use super::byte_level;
use super::error::{TokenizerError, shortened};
use super::table::Table;

/// Most tokens of a vocabulary.
pub(super) const MOST_TOKENS: usize = 4 << 20;
/// Most bytes of all tokens' texts together.
const MOST_BYTES: u64 = 256 << 20;

/// What a token is, by the numbers of ggml's token types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum TokenKind {
    /// 1: text.
    Normal = 1,
    /// 2: stands for what the vocabulary lacks.
    Unknown = 2,
    /// 3: steers the model and is no text, such as `</s>` or `<image>`.
    Control = 3,
    /// 4: text that is found before anything else is split.
    UserDefined = 4,
    /// 5: fills a row of the embedding table.
    Unused = 5,
    /// 6: a single byte, for what no other token covers.
    Byte = 6,
}

impl TokenKind {
    fn from_ggml(id: u32, value: i32) -> Result<Self, TokenizerError> {
        Ok(match value {
            1 => Self::Normal,
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            5 => Self::Unused,
            6 => Self::Byte,
            _ => return Err(TokenizerError::UnknownType { id, value }),
        })
    }
}

/// How a token's text is read, the name space of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Form {
    Piece = 0,
    Literal = 1,
    Byte = 2,
}

/// Bits of an end; `MOST_BYTES` needs 29.
const END_BITS: u32 = 30;
const END_MASK: u32 = (1 << END_BITS) - 1;

/// The tokens of a model, `0..len()`.
#[derive(Debug)]
pub(super) struct Vocab {
    blob: Vec<u8>,
    /// Where each token ends in `blob` (30 bits; it starts where the one before ends), and its form (2 bits).
    ends: Vec<u32>,
    kinds: Vec<TokenKind>,
    index: Table,
}

impl Vocab {
    /// A vocabulary whose normal tokens are written in GPT-2's byte alphabet.
    ///
    /// Without types every token is normal, except that those in `control` are control tokens.
    pub(super) fn byte_level<'a>(
        tokens: impl Iterator<Item = &'a str>,
        types: Option<&[i32]>,
        control: &[u32],
    ) -> Result<Self, TokenizerError> {
        let mut vocab = Self { blob: Vec::new(), ends: Vec::new(), kinds: Vec::new(), index: Table::new(0) };
        for text in tokens {
            if vocab.len() == MOST_TOKENS {
                return Err(TokenizerError::TooManyTokens { limit: MOST_TOKENS });
            }
            let id = vocab.len() as u32;
            let kind = match types {
                Some(types) => match types.get(id as usize) {
                    Some(&value) => TokenKind::from_ggml(id, value)?,
                    // The count is compared below, when the number of tokens is known.
                    None => TokenKind::Normal,
                },
                None if control.contains(&id) => TokenKind::Control,
                None => TokenKind::Normal,
            };
            vocab.push(id, text, kind)?;
        }
        if vocab.len() == 0 {
            return Err(TokenizerError::EmptyVocabulary);
        }
        if let Some(types) = types.filter(|t| t.len() != vocab.len()) {
            return Err(TokenizerError::TypeCount { tokens: vocab.len(), types: types.len() });
        }
        vocab.blob.shrink_to_fit();
        vocab.ends.shrink_to_fit();
        vocab.kinds.shrink_to_fit();
        vocab.build_index()?;
        Ok(vocab)
    }

    fn push(&mut self, id: u32, text: &str, kind: TokenKind) -> Result<(), TokenizerError> {
        let bytes = self.blob.len() as u64 + text.len() as u64;
        if bytes > MOST_BYTES {
            return Err(TokenizerError::VocabularyTooLong { id, bytes, limit: MOST_BYTES });
        }
        let form = match kind {
            TokenKind::Byte => {
                let byte =
                    byte_token(text).ok_or_else(|| TokenizerError::BadByteToken { id, token: shortened(text) })?;
                self.blob.push(byte);
                Form::Byte
            }
            TokenKind::Normal if byte_level::decode_into(text, &mut self.blob) => Form::Piece,
            _ => {
                self.blob.extend_from_slice(text.as_bytes());
                Form::Literal
            }
        };
        self.ends.push(self.blob.len() as u32 | (form as u32) << END_BITS);
        self.kinds.push(kind);
        Ok(())
    }

    fn build_index(&mut self) -> Result<(), TokenizerError> {
        let mut index = Table::new(self.len());
        for id in 0..self.len() {
            let (form, bytes) = (self.form(id), self.at(id));
            let hash = index.seed.bytes(form as u8, bytes);
            let same = |other: usize| self.at(other) == bytes && self.form(other) == form;
            if let Some(first) = index.insert(hash, id, same) {
                return Err(self.duplicate(first, id));
            }
        }
        self.index = index;
        // The same text may hide in two name spaces: a literal "a" beside a piece written "a".
        let mut decoded = Vec::new();
        for id in 0..self.len() {
            if self.form(id) != Form::Literal as u32 {
                continue;
            }
            decoded.clear();
            let text = std::str::from_utf8(self.at(id)).unwrap_or_default();
            if byte_level::decode_into(text, &mut decoded)
                && let Some(other) = self.get(Form::Piece, &decoded)
            {
                return Err(self.duplicate((other as usize).min(id), (other as usize).max(id)));
            }
        }
        Ok(())
    }

    fn duplicate(&self, first: usize, id: usize) -> TokenizerError {
        let token = shortened(&String::from_utf8_lossy(self.at(id)));
        TokenizerError::DuplicateToken { id: id as u32, first: first as u32, token }
    }

    /// Number of tokens.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The bytes a token stands for.
    ///
    /// # Errors
    /// [`TokenizerError::IdOutOfRange`].
    pub(super) fn bytes(&self, id: u32) -> Result<&[u8], TokenizerError> {
        if (id as usize) < self.len() {
            Ok(self.at(id as usize))
        } else {
            Err(TokenizerError::IdOutOfRange { id, vocab: self.len() })
        }
    }

    /// The bytes of a token known to exist.
    pub(super) fn at(&self, id: usize) -> &[u8] {
        let end = |id: usize| (self.ends[id] & END_MASK) as usize;
        let start = if id == 0 { 0 } else { end(id - 1) };
        &self.blob[start..end(id)]
    }

    fn form(&self, id: usize) -> u32 {
        self.ends[id] >> END_BITS
    }

    /// The kind of a token known to exist.
    pub(super) fn kind(&self, id: usize) -> TokenKind {
        self.kinds[id]
    }

    /// Id of the token whose text in the file is `text`; `scratch` is overwritten.
    pub(super) fn find(&self, text: &str, scratch: &mut Vec<u8>) -> Option<u32> {
        scratch.clear();
        let piece = byte_level::decode_into(text, scratch);
        if piece && let Some(id) = self.get(Form::Piece, scratch) {
            return Some(id);
        }
        self.get(Form::Literal, text.as_bytes()).or_else(|| self.get(Form::Byte, &[byte_token(text)?]))
    }

    /// Id of the normal token that stands for `bytes`.
    pub(super) fn find_piece(&self, bytes: &[u8]) -> Option<u32> {
        self.get(Form::Piece, bytes)
    }

    /// Whether `id` is the normal token that stands for `bytes`.
    pub(super) fn is_piece(&self, id: u32, bytes: &[u8]) -> bool {
        let id = id as usize;
        id < self.len() && self.at(id) == bytes && self.form(id) == Form::Piece as u32
    }

    /// Id of the token for a single byte: the piece (or special token) written with its character, else a byte token.
    pub(super) fn find_byte(&self, byte: u8) -> Option<u32> {
        let mut utf8 = [0; 4];
        self.find(byte_level::char_of(byte).encode_utf8(&mut utf8), &mut Vec::new())
            .or_else(|| self.get(Form::Byte, &[byte]))
    }

    fn get(&self, form: Form, bytes: &[u8]) -> Option<u32> {
        let hash = self.index.seed.bytes(form as u8, bytes);
        self.index.get(hash, |id| self.at(id) == bytes && self.form(id) == form as u32).map(|id| id as u32)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.blob.capacity()
            + self.ends.capacity() * size_of::<u32>()
            + self.kinds.capacity()
            + self.index.memory_bytes()
    }
}

/// The byte of `<0x41>`.
fn byte_token(text: &str) -> Option<u8> {
    let &[high, low] = text.strip_prefix("<0x")?.strip_suffix('>')?.as_bytes() else {
        return None;
    };
    let digit = |c: u8| char::from(c).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}
