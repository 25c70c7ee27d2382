//! The tokens of a vocabulary: their bytes, their kinds, and the way from bytes to id.
//!
//! One blob of bytes with an offset a token, one byte of kind a token, and an index of 4-byte slots: about 11 bytes a
//! token beyond its text, and no allocation a token. The blob is a copy because neither alphabet is text as it stands.
//!
//! The non-obvious thing: a token's text is read in one of three ways, and each is a name space of its own. A *piece*
//! is written in the model's alphabet and stored as the raw bytes it stands for; a *literal* (control, user-defined
//! and unused tokens, and anything outside the alphabet) stands for its own UTF-8; a *byte* is written `<0x41>`.

use super::byte_level;
use super::error::{TokenizerError, shortened};
use super::merge::{ByteTokens, NONE, Symbol};
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

/// What tokens are where no types say so: normal but for these.
#[derive(Debug, Default)]
pub(super) struct Implied {
    /// Ids that steer the model.
    pub(super) control: Vec<u32>,
    /// The id that stands for what the vocabulary lacks.
    pub(super) unknown: Option<u32>,
    /// Whether tokens with the name of a byte are bytes, as in SentencePiece's vocabularies.
    pub(super) bytes: bool,
}

impl Implied {
    fn kind(&self, id: u32) -> TokenKind {
        if self.control.contains(&id) {
            TokenKind::Control
        } else if self.unknown == Some(id) {
            TokenKind::Unknown
        } else {
            TokenKind::Normal
        }
    }
}

/// How normal tokens are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alphabet {
    /// GPT-2's: a character for each byte.
    Bytes,
    /// SentencePiece's: plain text with `▁` (U+2581) for a blank.
    Blanks,
}

/// What stands for a blank in SentencePiece's alphabet.
pub(super) const BLANK: char = '\u{2581}';

impl Alphabet {
    /// Appends the bytes `text` stands for to `out`; where it is not of the alphabet, appends nothing and returns false.
    pub(super) fn decode_into(self, text: &str, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Bytes => byte_level::decode_into(text, out),
            Self::Blanks => {
                if text.as_bytes().contains(&b' ') {
                    return false;
                }
                let mut rest = text;
                while let Some((head, tail)) = rest.split_once(BLANK) {
                    out.extend_from_slice(head.as_bytes());
                    out.push(b' ');
                    rest = tail;
                }
                out.extend_from_slice(rest.as_bytes());
                true
            }
        }
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
    alphabet: Alphabet,
    blob: Vec<u8>,
    /// Where each token ends in `blob` (30 bits; it starts where the one before ends), and its form (2 bits).
    ends: Vec<u32>,
    kinds: Vec<TokenKind>,
    index: Table,
}

impl Vocab {
    /// A vocabulary whose normal tokens are written in `alphabet`; without types, as `implied`.
    pub(super) fn new<'a>(
        alphabet: Alphabet,
        tokens: impl Iterator<Item = &'a str>,
        types: Option<&[i32]>,
        implied: &Implied,
    ) -> Result<Self, TokenizerError> {
        let (count, _) = tokens.size_hint();
        let count = count.min(MOST_TOKENS);
        let mut vocab = Self {
            alphabet,
            blob: Vec::with_capacity(8 * count),
            ends: Vec::with_capacity(count),
            kinds: Vec::with_capacity(count),
            index: Table::new(0),
        };
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
                None => implied.kind(id),
            };
            // Where no type says byte, the name does.
            let named = implied.bytes && kind == TokenKind::Normal && byte_token(text).is_some();
            let kind = if named { TokenKind::Byte } else { kind };
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
            TokenKind::Normal if self.alphabet.decode_into(text, &mut self.blob) => Form::Piece,
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
            // Files have rows without a text; such tokens are not found, and many may be alike.
            if bytes.is_empty() {
                continue;
            }
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
            if self.form(id) != Form::Literal as u32 || self.at(id).is_empty() {
                continue;
            }
            decoded.clear();
            let text = std::str::from_utf8(self.at(id)).unwrap_or_default();
            if self.alphabet.decode_into(text, &mut decoded)
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

    /// How normal tokens are written.
    pub(super) fn alphabet(&self) -> Alphabet {
        self.alphabet
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
        let piece = self.alphabet.decode_into(text, scratch);
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

    /// The tokens of single bytes: in GPT-2's alphabet the piece (or special token) written with the byte's character,
    /// else the byte token.
    pub(super) fn byte_tokens(&self, unknown: Option<u32>) -> ByteTokens {
        let mut scratch = Vec::new();
        let ids = std::array::from_fn(|byte| {
            let byte = byte as u8;
            let piece = match self.alphabet {
                Alphabet::Bytes => self.find(byte_level::char_of(byte).encode_utf8(&mut [0; 4]), &mut scratch),
                Alphabet::Blanks => None,
            };
            piece.or_else(|| self.get(Form::Byte, &[byte])).unwrap_or(NONE)
        });
        ByteTokens { ids, unknown, fuses: false }
    }

    /// The characters of `text` with their tokens, where they have any.
    pub(super) fn characters(&self, text: &str) -> impl Iterator<Item = Symbol> {
        text.char_indices().map(|(at, c)| {
            let end = at + c.len_utf8();
            let id = self.find_piece(&text.as_bytes()[at..end]).unwrap_or(NONE);
            Symbol { id, start: at as u32, end: end as u32 }
        })
    }

    /// Makes a token of any kind a control token.
    pub(super) fn make_control(&mut self, id: u32) {
        self.kinds[id as usize] = TokenKind::Control;
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
