//! An open-addressing index: from a hash to the position of an entry that lives elsewhere.
//!
//! Own code because the keys are slices of one blob (tokens) or pairs of ids (merges), and a map that owned its keys
//! would take several times the memory of the vocabulary. A slot is 4 bytes: 8 bits of the hash, which spare most
//! comparisons, and 24 bits of position + 1, 0 for an empty slot.
//!
//! The non-obvious thing: the hash is seeded anew for each table. Vocabularies come from files, and a file made to
//! collide under a known hash would turn building into quadratic time. No result depends on the seed.

use std::hash::{BuildHasher, RandomState};

/// Most entries of a [`Table`].
pub(super) const MOST_ENTRIES: usize = (1 << 24) - 1;

/// Seeded hash of pairs and byte strings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seed(u64, u64);

impl Seed {
    fn new() -> Self {
        let random = RandomState::new();
        // Odd, so that the multiplication below is a bijection of its other operand.
        Self(random.hash_one(0u8), random.hash_one(1u8) | 1)
    }

    pub(super) fn pair(self, a: u32, b: u32) -> u64 {
        fold(fold((u64::from(a) << 32 | u64::from(b)) ^ self.0, self.1), FRACTION ^ self.0)
    }

    pub(super) fn bytes(self, namespace: u8, bytes: &[u8]) -> u64 {
        let mut state = self.0 ^ (bytes.len() as u64) << 8 ^ u64::from(namespace);
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            state = fold(state ^ u64::from_le_bytes(*word), self.1);
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        state = fold(state ^ u64::from_le_bytes(last), self.1);
        fold(state, FRACTION ^ self.0)
    }
}

/// The golden ratio's fractional digits.
const FRACTION: u64 = 0x9e37_79b9_7f4a_7c15;

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

/// Positions by hash; the caller compares keys.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) seed: Seed,
    slots: Vec<u32>,
}

impl Table {
    /// For up to `entries` entries, at most [`MOST_ENTRIES`].
    pub(super) fn new(entries: usize) -> Self {
        debug_assert!(entries <= MOST_ENTRIES);
        // Two thirds full at most, so that an absent key meets an empty slot after two or three steps.
        Self { seed: Seed::new(), slots: vec![0; entries + entries / 2 + 1] }
    }

    /// Position of the entry with this hash for which `same` holds.
    #[inline]
    pub(super) fn get(&self, hash: u64, mut same: impl FnMut(usize) -> bool) -> Option<usize> {
        let mut at = self.home(hash);
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                return None;
            }
            if slot >> 24 == (hash & 0xff) as u32 {
                let position = (slot & 0xff_ffff) as usize - 1;
                if same(position) {
                    return Some(position);
                }
            }
            at = self.after(at);
        }
    }

    /// Stores `position` under `hash`; with an equal key present, that entry's position is replaced and returned.
    pub(super) fn insert(&mut self, hash: u64, position: usize, mut same: impl FnMut(usize) -> bool) -> Option<usize> {
        let tag = (hash & 0xff) as u32;
        let value = tag << 24 | (position as u32 + 1);
        let mut at = self.home(hash);
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                self.slots[at] = value;
                return None;
            }
            let old = (slot & 0xff_ffff) as usize - 1;
            if slot >> 24 == tag && same(old) {
                self.slots[at] = value;
                return Some(old);
            }
            at = self.after(at);
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u32>()
    }

    /// The high half of the hash scaled to the number of slots: no power of two needed.
    fn home(&self, hash: u64) -> usize {
        (((hash >> 32) * self.slots.len() as u64) >> 32) as usize
    }

    fn after(&self, at: usize) -> usize {
        if at + 1 == self.slots.len() { 0 } else { at + 1 }
    }
}
