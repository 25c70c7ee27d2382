//! The longest token that a text starts with.
//!
//! A sorted list of ids, narrowed byte by byte with two binary searches: 4 bytes a token and no trie. A search reads no
//! further than some token agrees with the text.

use super::vocab::Vocab;

/// Some tokens of a vocabulary, sorted by their bytes.
#[derive(Debug)]
pub(super) struct Prefixes {
    sorted: Vec<u32>,
}

impl Prefixes {
    /// Of tokens that are not empty.
    pub(super) fn new(vocab: &Vocab, mut ids: Vec<u32>) -> Self {
        ids.sort_unstable_by(|&a, &b| vocab.at(a as usize).cmp(vocab.at(b as usize)));
        ids.shrink_to_fit();
        Self { sorted: ids }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The longest wanted token that `bytes` starts with, and its length.
    pub(super) fn longest(&self, vocab: &Vocab, bytes: &[u8], wanted: impl Fn(usize) -> bool) -> Option<(u32, usize)> {
        let mut best = None;
        let mut range = &self.sorted[..];
        for (depth, &byte) in bytes.iter().enumerate() {
            // All of `range` start with `bytes[..depth]`, and none is that short.
            let at = |id: &u32| vocab.at(*id as usize)[depth];
            let low = range.partition_point(|id| at(id) < byte);
            let high = range.partition_point(|id| at(id) <= byte);
            range = &range[low..high];
            let Some((&first, longer)) = range.split_first() else {
                break;
            };
            if vocab.at(first as usize).len() == depth + 1 {
                if wanted(first as usize) {
                    best = Some((first, depth + 1));
                }
                range = longer;
            }
        }
        best
    }

    /// Whether a token starts with `bytes` and is longer.
    pub(super) fn goes_on(&self, vocab: &Vocab, bytes: &[u8]) -> bool {
        let next = self.sorted.partition_point(|&id| vocab.at(id as usize) <= bytes);
        self.sorted.get(next).is_some_and(|&id| vocab.at(id as usize).starts_with(bytes))
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.sorted.capacity() * size_of::<u32>()
    }
}
