//! SentencePiece's normalizer of a unigram vocabulary: characters by a compiled map, and blanks put together.
//!
//! Source: `normalizer.cc` of the sentencepiece library. At each place of the text a symbol of the model's own stays as it
//! is, else the longest prefix that the map knows is replaced, else one character stays.
//!
//! The non-obvious thing: `▁` in a text is no blank here, unless the map says so (that of most models does), but at the end
//! of a text the library takes it for one.

use super::charsmap::CharsMap;
use super::error::TokenizerError;
use super::prefixes::Prefixes;
use super::vocab::{BLANK, Vocab};

/// Longest text that normalising may make, in bytes.
const MOST_BYTES: usize = 64 << 20;

/// What becomes of the blanks at the ends of a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Trim {
    /// They stay.
    Nothing,
    /// Those at the end of every part between special tokens go, as in SentencePiece.
    #[default]
    Part,
    /// Those at both ends of every stretch between tokens of any kind go.
    Stretch,
}

/// What a unigram vocabulary does to text.
#[derive(Debug)]
pub(super) struct Rules {
    map: Option<CharsMap>,
    /// Texts that stay as they are.
    symbols: Vec<Box<[u8]>>,
    prefixes: Prefixes,
    /// Whether several blanks are one.
    collapses: bool,
    trim: Trim,
}

impl Rules {
    /// `map` is empty where a vocabulary has none; `symbols` are ids.
    pub(super) fn new(
        vocab: &Vocab,
        map: &[u8],
        symbols: &[u32],
        collapses: bool,
        trim: Trim,
    ) -> Result<Self, TokenizerError> {
        let map = if map.is_empty() { None } else { Some(CharsMap::new(map)?) };
        let texts = symbols.iter().filter(|&&id| (id as usize) < vocab.len()).map(|&id| vocab.at(id as usize));
        let symbols: Vec<Box<[u8]>> = texts.filter(|text| !text.is_empty()).map(Into::into).collect();
        let numbers = (0..symbols.len() as u32).collect();
        let prefixes = Prefixes::new(numbers, |number| &symbols[number as usize]);
        Ok(Self { map, symbols, prefixes, collapses, trim })
    }

    /// Appends what `text` becomes.
    pub(super) fn append(&self, text: &str, behind_blank: &mut bool, out: &mut String) -> Result<(), TokenizerError> {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let (piece, length) = self.first(rest).unwrap_or((&rest[..c.len_utf8()], c.len_utf8()));
            let piece = if *behind_blank && self.collapses { piece.trim_start_matches(' ') } else { piece };
            if !piece.is_empty() {
                out.push_str(piece);
                *behind_blank = piece.ends_with(' ');
            }
            if out.len() > MOST_BYTES {
                return Err(TokenizerError::NormalizedTooLong { bytes: text.len(), limit: MOST_BYTES });
            }
            rest = &rest[length..];
        }
        Ok(())
    }

    /// What the beginning of a text becomes, where that is not its first character, and its length.
    fn first<'a>(&'a self, text: &'a str) -> Option<(&'a str, usize)> {
        if !self.prefixes.is_empty() {
            let symbol = |number: u32| &*self.symbols[number as usize];
            if let Some((_, length)) = self.prefixes.longest(symbol, text.as_bytes(), |_| true) {
                return Some((text.get(..length)?, length));
            }
        }
        self.map.as_ref()?.longest(text)
    }

    /// Takes the blanks from the end of a part; the library's own way, those that were written as `▁`, too.
    pub(super) fn trim_part(&self, library: bool, out: &mut String) {
        let trims = if library { self.collapses } else { self.trim != Trim::Nothing };
        if trims {
            let kept = if library { out.trim_end_matches([' ', BLANK]) } else { out.trim_end_matches(' ') };
            out.truncate(kept.len());
        }
    }

    /// A stretch between two tokens without the blanks that it loses.
    pub(super) fn trim_piece<'t>(&self, text: &'t str) -> &'t str {
        if self.trim == Trim::Stretch { text.trim_matches(' ') } else { text }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let texts: usize = self.symbols.iter().map(|text| text.len() + size_of::<Box<[u8]>>()).sum();
        self.map.as_ref().map_or(0, CharsMap::memory_bytes) + texts + self.prefixes.memory_bytes()
    }
}
