//! Merging the symbols of one word pair by pair: the step that byte-pair and SentencePiece encoding share.
//!
//! Source: Sennrich et al. 2016. Of all adjacent pairs the one of lowest rank goes first, the leftmost among equals, one
//! at a time, until no pair has a rank. What a pair becomes, and its rank, is the vocabulary's business ([`Pairs`]).
//!
//! The non-obvious thing: short words (nearly all) are merged by scanning for the best pair, which is quadratic but
//! fast; long ones through a linked list and a heap in n log n, so a megabyte of one character costs a fraction of a
//! second.

use super::error::TokenizerError;
use super::unigram::Step;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Longest word, in symbols, that is merged by scanning.
const SCANNED: usize = 40;
/// No token, no pair, no neighbour.
pub(super) const NONE: u32 = u32::MAX;

/// A stretch of the word, and the token it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Symbol {
    /// `NONE` for a character that is no token.
    pub(super) id: u32,
    pub(super) start: u32,
    pub(super) end: u32,
}

/// What two neighbours become.
#[derive(Debug, Clone, Copy)]
pub(super) struct Merge {
    /// Lowest first; `NONE` where the two do not merge.
    pub(super) rank: u32,
    pub(super) id: u32,
}

impl Merge {
    pub(super) const NEVER: Self = Self { rank: NONE, id: NONE };
}

/// The pairs a vocabulary merges.
pub(super) trait Pairs {
    fn pair(&self, word: &[u8], left: Symbol, right: Symbol) -> Merge;
}

/// Buffers of one encoding call, reused from word to word.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    symbols: Vec<Symbol>,
    /// What each symbol and its right neighbour become.
    merges: Vec<Merge>,
    before: Vec<u32>,
    after: Vec<u32>,
    heap: Vec<Reverse<u64>>,
    steps: Vec<Step>,
}

impl Scratch {
    /// The buffers of a search for the best way through a text.
    pub(super) fn for_paths(&mut self) -> (&mut Vec<Step>, &mut Vec<Symbol>) {
        (&mut self.steps, &mut self.symbols)
    }

    /// Merges `word`, given as symbols, and returns what is left.
    pub(super) fn merge(
        &mut self,
        word: &[u8],
        symbols: impl Iterator<Item = Symbol>,
        pairs: &impl Pairs,
    ) -> &[Symbol] {
        self.symbols.clear();
        self.symbols.extend(symbols);
        self.merges.clear();
        self.merges.extend(self.symbols.windows(2).map(|two| pairs.pair(word, two[0], two[1])));
        self.merges.push(Merge::NEVER);
        if self.symbols.len() <= SCANNED {
            self.by_scanning(word, pairs);
        } else {
            self.by_heap(word, pairs);
        }
        &self.symbols
    }

    fn by_scanning(&mut self, word: &[u8], pairs: &impl Pairs) {
        let Self { symbols, merges, .. } = self;
        loop {
            let mut best = NONE;
            let mut at = 0;
            for (i, merge) in merges.iter().enumerate() {
                if merge.rank < best {
                    (best, at) = (merge.rank, i);
                }
            }
            if best == NONE {
                return;
            }
            symbols[at] = Symbol { id: merges[at].id, start: symbols[at].start, end: symbols[at + 1].end };
            symbols.remove(at + 1);
            merges.remove(at + 1);
            merges[at] = symbols.get(at + 1).map_or(Merge::NEVER, |&next| pairs.pair(word, symbols[at], next));
            if at > 0 {
                merges[at - 1] = pairs.pair(word, symbols[at - 1], symbols[at]);
            }
        }
    }

    /// The heap holds (rank, position); an entry is stale, and skipped, when the pair at that position has another rank
    /// by now. (With the same rank it stands for the new pair as well as for the old one.)
    fn by_heap(&mut self, word: &[u8], pairs: &impl Pairs) {
        let Self { symbols, merges, before, after, heap, .. } = self;
        let count = symbols.len() as u32;
        before.clear();
        before.extend((0..count).map(|i| i.wrapping_sub(1)));
        after.clear();
        after.extend((1..count).chain([NONE]));
        let entry = |rank: u32, at: u32| Reverse(u64::from(rank) << 32 | u64::from(at));
        let mut entries = std::mem::take(heap);
        entries.clear();
        entries.extend(merges.iter().zip(0..).filter(|(m, _)| m.rank != NONE).map(|(m, at)| entry(m.rank, at)));
        let mut queue = BinaryHeap::from(entries);
        while let Some(Reverse(best)) = queue.pop() {
            let (rank, at) = ((best >> 32) as u32, best as u32 as usize);
            if merges[at].rank != rank {
                continue;
            }
            // A pair with a rank has a right side; that symbol is taken out of the list.
            let gone = after[at] as usize;
            let next = after[gone];
            symbols[at] = Symbol { id: merges[at].id, start: symbols[at].start, end: symbols[gone].end };
            merges[gone] = Merge::NEVER;
            merges[at] = Merge::NEVER;
            after[at] = next;
            if next != NONE {
                before[next as usize] = at as u32;
                let merge = pairs.pair(word, symbols[at], symbols[next as usize]);
                merges[at] = merge;
                if merge.rank != NONE {
                    queue.push(entry(merge.rank, at as u32));
                }
            }
            let previous = before[at];
            if previous != NONE {
                let merge = pairs.pair(word, symbols[previous as usize], symbols[at]);
                merges[previous as usize] = merge;
                if merge.rank != NONE {
                    queue.push(entry(merge.rank, previous));
                }
            }
        }
        *heap = queue.into_vec();
        let (mut at, mut kept) = (0, 0);
        while at != NONE {
            symbols[kept] = symbols[at as usize];
            kept += 1;
            at = after[at as usize];
        }
        symbols.truncate(kept);
    }
}

/// Tokens of single bytes, for what no other token covers.
#[derive(Debug)]
pub(super) struct ByteTokens {
    pub(super) ids: [u32; 256],
    /// Stands for bytes without a token.
    pub(super) unknown: Option<u32>,
    /// Whether neighbours without tokens are one unknown token together, and a character is as a whole, as in
    /// SentencePiece.
    pub(super) fuses: bool,
}

impl ByteTokens {
    /// Appends the tokens of what a word was merged into; the word starts at `offset` of the text.
    pub(super) fn append(
        &self,
        word: &[u8],
        offset: usize,
        symbols: &[Symbol],
        out: &mut Vec<u32>,
    ) -> Result<(), TokenizerError> {
        let mut unknown_before = false;
        for symbol in symbols {
            if symbol.id != NONE {
                out.push(symbol.id);
                unknown_before = false;
                continue;
            }
            let start = symbol.start as usize;
            if let (true, Some(unknown)) = (self.fuses, self.unknown)
                && word[start..symbol.end as usize].iter().any(|&byte| self.ids[usize::from(byte)] == NONE)
            {
                if !unknown_before {
                    out.push(unknown);
                }
                unknown_before = true;
                continue;
            }
            unknown_before = false;
            for (&byte, at) in word[start..symbol.end as usize].iter().zip(start..) {
                let id = match (self.ids[usize::from(byte)], self.unknown) {
                    (NONE, Some(unknown)) => unknown,
                    (NONE, None) => return Err(TokenizerError::NoTokenForByte { byte, offset: offset + at }),
                    (id, _) => id,
                };
                out.push(id);
            }
        }
        Ok(())
    }
}
