//! Byte-pair encoding of one word by a list of merges.
//!
//! Source: Sennrich et al. 2016, as in the `tokenizers` library: the pair merged earliest in training goes first.
//!
//! The non-obvious thing: a word starts as bytes where the vocabulary is written in GPT-2's alphabet, and as characters
//! where it is plain text (Gemma 4), with tokens such as `<0x41>` for the bytes of characters it lacks.

use super::error::{TokenizerError, shortened};
use super::merge::{ByteTokens, Merge, NONE, Pairs, Scratch, Symbol};
use super::table::{MOST_ENTRIES, Table};
use super::vocab::{Alphabet, Vocab};

/// The merges of a vocabulary, by rank.
#[derive(Debug)]
pub(super) struct Bpe {
    bytes: ByteTokens,
    pairs: Vec<(u32, u32)>,
    merged: Vec<u32>,
    index: Table,
}

impl Bpe {
    /// Resolves merges, each "left right" in the alphabet of the vocabulary, to ids.
    ///
    /// A pair listed twice takes its last rank, as in the `tokenizers` library.
    pub(super) fn new<'a>(
        vocab: &Vocab,
        merges: impl Iterator<Item = &'a str>,
        unknown: Option<u32>,
    ) -> Result<Self, TokenizerError> {
        let (count, _) = merges.size_hint();
        let mut pairs = Vec::with_capacity(count.min(MOST_ENTRIES));
        let mut merged = Vec::with_capacity(count.min(MOST_ENTRIES));
        let mut raw = Vec::new();
        let mut scratch = Vec::new();
        for (index, merge) in merges.enumerate() {
            if index == MOST_ENTRIES {
                return Err(TokenizerError::TooManyMerges { limit: MOST_ENTRIES });
            }
            let (left, right) = merge
                .split_once(' ')
                .filter(|(left, right)| !left.is_empty() && !right.is_empty() && !right.contains(' '))
                .ok_or_else(|| TokenizerError::BadMerge { index, merge: shortened(merge) })?;
            let absent = |text: &str| TokenizerError::MergeOfAbsentToken { index, token: shortened(text) };
            // The raw bytes of both sides lie one after the other: those of the result.
            raw.clear();
            let pieces = vocab.alphabet().decode_into(left, &mut raw);
            let middle = raw.len();
            let pieces = pieces && vocab.alphabet().decode_into(right, &mut raw);
            let mut find = |part: &[u8], text: &dyn Fn() -> String| {
                let piece = if pieces { vocab.find_piece(part) } else { None };
                piece.or_else(|| vocab.find(&text(), &mut scratch)).ok_or_else(|| absent(&text()))
            };
            pairs.push((find(&raw[..middle], &|| left.to_owned())?, find(&raw[middle..], &|| right.to_owned())?));
            // Most vocabularies list the results in the order of the merges: look there before searching.
            let next = merged.last().map_or(0, |&last: &u32| last.saturating_add(1));
            merged.push(if pieces && vocab.is_piece(next, &raw) {
                next
            } else {
                find(&raw, &|| [left, right].concat())?
            });
        }
        pairs.shrink_to_fit();
        merged.shrink_to_fit();
        let mut index = Table::new(pairs.len());
        for (rank, &(left, right)) in pairs.iter().enumerate() {
            let hash = index.seed.pair(left, right);
            index.insert(hash, rank, |other| pairs[other] == (left, right));
        }
        Ok(Self { bytes: vocab.byte_tokens(unknown), pairs, merged, index })
    }

    /// Appends the tokens of `word`, which starts at `offset` of the text.
    pub(super) fn encode(
        &self,
        vocab: &Vocab,
        word: &str,
        offset: usize,
        scratch: &mut Scratch,
        out: &mut Vec<u32>,
    ) -> Result<(), TokenizerError> {
        let bytes = word.as_bytes();
        let symbols = match vocab.alphabet() {
            Alphabet::Bytes => {
                let symbol = |(&byte, at): (&u8, u32)| {
                    let id = self.bytes.ids[usize::from(byte)];
                    Symbol { id, start: at, end: at + 1 }
                };
                scratch.merge(bytes, bytes.iter().zip(0..).map(symbol), self)
            }
            Alphabet::Blanks => scratch.merge(bytes, vocab.characters(word), self),
        };
        self.bytes.append(bytes, offset, symbols, out)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.pairs.capacity() * size_of::<(u32, u32)>()
            + self.merged.capacity() * size_of::<u32>()
            + self.index.memory_bytes()
    }
}

impl Pairs for Bpe {
    #[inline]
    fn pair(&self, _: &[u8], left: Symbol, right: Symbol) -> Merge {
        if left.id == NONE || right.id == NONE {
            return Merge::NEVER;
        }
        let hash = self.index.seed.pair(left.id, right.id);
        match self.index.get(hash, |rank| self.pairs[rank] == (left.id, right.id)) {
            Some(rank) => Merge { rank: rank as u32, id: self.merged[rank] },
            None => Merge::NEVER,
        }
    }
}
