//! Byte-pair merging of one word.
//!
//! Source: Sennrich et al. 2016, as in the `tokenizers` library: of all adjacent pairs the one merged earliest in
//! training goes first, the leftmost among equals, one at a time, until no pair has a merge.
//!
//! The non-obvious thing: short words (nearly all) are merged by scanning for the best pair, which is quadratic but
//! fast; long ones through a linked list and a heap in n log n, so a megabyte of one character costs a fraction of a
//! second.

use super::byte_level;
use super::error::{TokenizerError, shortened};
use super::table::{MOST_ENTRIES, Table};
use super::vocab::Vocab;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Longest word that is merged by scanning.
const SCANNED: usize = 40;
/// No pair, no neighbour.
const NONE: u32 = u32::MAX;

/// The merges of a vocabulary, by rank.
#[derive(Debug)]
pub(super) struct Bpe {
    /// Token of each byte, or `NONE`.
    bytes: [u32; 256],
    pairs: Vec<(u32, u32)>,
    merged: Vec<u32>,
    index: Table,
}

/// Buffers of one encoding call, reused from word to word.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    ids: Vec<u32>,
    /// Rank of the pair that starts at each symbol.
    ranks: Vec<u32>,
    before: Vec<u32>,
    after: Vec<u32>,
    heap: Vec<Reverse<u64>>,
}

impl Bpe {
    /// Resolves merges, each "left right" in the alphabet of the vocabulary, to ids.
    ///
    /// A pair listed twice takes its last rank, as in the `tokenizers` library.
    pub(super) fn new<'a>(vocab: &Vocab, merges: impl Iterator<Item = &'a str>) -> Result<Self, TokenizerError> {
        let mut pairs = Vec::new();
        let mut merged = Vec::new();
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
            let pieces = byte_level::decode_into(left, &mut raw);
            let middle = raw.len();
            let pieces = pieces && byte_level::decode_into(right, &mut raw);
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
        let bytes = std::array::from_fn(|byte| vocab.find_byte(byte as u8).unwrap_or(NONE));
        Ok(Self { bytes, pairs, merged, index })
    }

    /// Appends the tokens of `word`, which starts at `offset` of the text; `unknown` stands for bytes without a token.
    pub(super) fn encode(
        &self,
        word: &[u8],
        offset: usize,
        unknown: Option<u32>,
        scratch: &mut Scratch,
        out: &mut Vec<u32>,
    ) -> Result<(), TokenizerError> {
        scratch.ids.clear();
        for (at, &byte) in word.iter().enumerate() {
            let id = match (self.bytes[usize::from(byte)], unknown) {
                (NONE, Some(unknown)) => unknown,
                (NONE, None) => {
                    return Err(TokenizerError::NoTokenForByte { byte, offset: offset + at });
                }
                (id, _) => id,
            };
            scratch.ids.push(id);
        }
        scratch.ranks.clear();
        scratch.ranks.extend(scratch.ids.windows(2).map(|pair| self.rank(pair[0], pair[1])));
        scratch.ranks.push(NONE);
        if scratch.ids.len() <= SCANNED {
            self.merge_by_scanning(scratch);
            out.extend_from_slice(&scratch.ids);
        } else {
            self.merge_by_heap(scratch, out);
        }
        Ok(())
    }

    /// Rank of a pair, or `NONE`.
    #[inline]
    fn rank(&self, left: u32, right: u32) -> u32 {
        let hash = self.index.seed.pair(left, right);
        self.index.get(hash, |rank| self.pairs[rank] == (left, right)).map_or(NONE, |rank| rank as u32)
    }

    fn merge_by_scanning(&self, scratch: &mut Scratch) {
        let Scratch { ids, ranks, .. } = scratch;
        loop {
            let mut best = NONE;
            let mut at = 0;
            for (i, &rank) in ranks.iter().enumerate() {
                if rank < best {
                    (best, at) = (rank, i);
                }
            }
            if best == NONE {
                return;
            }
            ids[at] = self.merged[best as usize];
            ids.remove(at + 1);
            ranks.remove(at + 1);
            ranks[at] = ids.get(at + 1).map_or(NONE, |&next| self.rank(ids[at], next));
            if at > 0 {
                ranks[at - 1] = self.rank(ids[at - 1], ids[at]);
            }
        }
    }

    /// The heap holds (rank, position); an entry is stale, and skipped, when the pair at that position has changed.
    fn merge_by_heap(&self, scratch: &mut Scratch, out: &mut Vec<u32>) {
        let Scratch { ids, ranks, before, after, heap } = scratch;
        let count = ids.len() as u32;
        before.clear();
        before.extend((0..count).map(|i| i.wrapping_sub(1)));
        after.clear();
        after.extend((1..count).chain([NONE]));
        let entry = |rank: u32, at: u32| Reverse(u64::from(rank) << 32 | u64::from(at));
        let mut entries = std::mem::take(heap);
        entries.clear();
        entries.extend(ranks.iter().zip(0..).filter(|&(&rank, _)| rank != NONE).map(|(&rank, at)| entry(rank, at)));
        let mut queue = BinaryHeap::from(entries);
        while let Some(Reverse(best)) = queue.pop() {
            let (rank, at) = ((best >> 32) as u32, best as u32 as usize);
            if ranks[at] != rank {
                continue;
            }
            // A pair with a rank has a right side; that symbol is taken out of the list.
            let gone = after[at] as usize;
            let next = after[gone];
            ids[at] = self.merged[rank as usize];
            ranks[gone] = NONE;
            after[at] = next;
            ranks[at] = NONE;
            if next != NONE {
                before[next as usize] = at as u32;
                let rank = self.rank(ids[at], ids[next as usize]);
                ranks[at] = rank;
                if rank != NONE {
                    queue.push(entry(rank, at as u32));
                }
            }
            let previous = before[at];
            if previous != NONE {
                let rank = self.rank(ids[previous as usize], ids[at]);
                ranks[previous as usize] = rank;
                if rank != NONE {
                    queue.push(entry(rank, previous));
                }
            }
        }
        *heap = queue.into_vec();
        let mut at = 0;
        while at != NONE {
            out.push(ids[at as usize]);
            at = after[at as usize];
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.pairs.capacity() * size_of::<(u32, u32)>()
            + self.merged.capacity() * size_of::<u32>()
            + self.index.memory_bytes()
    }
}
