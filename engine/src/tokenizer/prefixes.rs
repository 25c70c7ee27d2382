//! The longest of some texts that a text starts with.
//!
//! A sorted list of numbers, narrowed byte by byte with two binary searches: 4 bytes a text and no trie. A search reads
//! no further than some text agrees with what is searched. Where the texts lie is the caller's business.

/// Some texts by their numbers, sorted by their bytes.
#[derive(Debug)]
pub(super) struct Prefixes {
    sorted: Vec<u32>,
}

impl Prefixes {
    /// Of texts that are not empty; `text` gives that of a number.
    pub(super) fn new<'a>(mut numbers: Vec<u32>, text: impl Fn(u32) -> &'a [u8]) -> Self {
        numbers.sort_by(|&a, &b| text(a).cmp(text(b)));
        numbers.shrink_to_fit();
        Self { sorted: numbers }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The longest wanted text that `bytes` starts with, and its length; the first of several that are alike.
    pub(super) fn longest<'a>(
        &self,
        text: impl Fn(u32) -> &'a [u8],
        bytes: &[u8],
        wanted: impl Fn(u32) -> bool,
    ) -> Option<(u32, usize)> {
        let mut best = None;
        let mut range = &self.sorted[..];
        for (depth, &byte) in bytes.iter().enumerate() {
            // All of `range` start with `bytes[..depth]`, and none is that short.
            let at = |&number: &u32| text(number)[depth];
            let low = range.partition_point(|number| at(number) < byte);
            let high = range.partition_point(|number| at(number) <= byte);
            range = &range[low..high];
            let whole = range.partition_point(|&number| text(number).len() == depth + 1);
            let (found, longer) = range.split_at(whole);
            if let Some(&number) = found.iter().find(|&&number| wanted(number)) {
                best = Some((number, depth + 1));
            }
            if longer.is_empty() {
                break;
            }
            range = longer;
        }
        best
    }

    /// Whether one of the texts starts with `bytes` and is longer.
    pub(super) fn goes_on<'a>(&self, text: impl Fn(u32) -> &'a [u8], bytes: &[u8]) -> bool {
        let next = self.sorted.partition_point(|&number| text(number) <= bytes);
        self.sorted.get(next).is_some_and(|&number| text(number).starts_with(bytes))
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.sorted.capacity() * size_of::<u32>()
    }
}
