//! All texts of a list that a text starts with, shortest first.
//!
//! The nodes are in the order of their depth, so a node's children lie side by side and need no pointers: 9 bytes a node.
//! The first byte has a table of its own, since the root is where every search begins and has the most children.

use super::merge::NONE;

/// Some texts by their numbers.
#[derive(Debug)]
pub(super) struct Trie {
    /// By node, the byte that leads to it.
    bytes: Vec<u8>,
    /// By node, where its children begin; they end where the next one's begin.
    children: Vec<u32>,
    /// By node, the number of the text that ends there, or `NONE`.
    numbers: Vec<u32>,
    /// The nodes of the first bytes, or `NONE`.
    first: Box<[u32; 256]>,
}

impl Trie {
    /// Of texts that are not empty, fewer bytes together than an index holds; of several that are alike the first number
    /// counts.
    pub(super) fn new(mut texts: Vec<(&[u8], u32)>) -> Self {
        texts.sort_unstable();
        texts.dedup_by(|next, kept| next.0 == kept.0);
        let mut trie = Self { bytes: vec![0], children: Vec::new(), numbers: vec![NONE], first: Box::new([NONE; 256]) };
        // By node, the texts that go on behind it.
        let (mut level, mut depth) = (vec![(0, texts.len())], 0);
        while !level.is_empty() {
            let mut below = Vec::new();
            for (mut start, end) in level {
                trie.children.push(trie.bytes.len() as u32);
                while start < end {
                    let byte = texts[start].0[depth];
                    let same = start + texts[start..end].partition_point(|(text, _)| text[depth] == byte);
                    // The shortest of them comes first.
                    let whole = texts[start].0.len() == depth + 1;
                    if depth == 0 {
                        trie.first[usize::from(byte)] = trie.bytes.len() as u32;
                    }
                    trie.bytes.push(byte);
                    trie.numbers.push(if whole { texts[start].1 } else { NONE });
                    below.push((start + usize::from(whole), same));
                    start = same;
                }
            }
            (level, depth) = (below, depth + 1);
        }
        trie.children.push(trie.bytes.len() as u32);
        trie
    }

    /// Calls `found` with the number and the length of every text that `bytes` starts with.
    #[inline]
    pub(super) fn prefixes(&self, bytes: &[u8], mut found: impl FnMut(u32, usize)) {
        let Some((&byte, rest)) = bytes.split_first() else { return };
        let mut node = self.first[usize::from(byte)] as usize;
        if node == NONE as usize {
            return;
        }
        let mut tell = |node: usize, length: usize| {
            let number = self.numbers[node];
            if number != NONE {
                found(number, length);
            }
        };
        tell(node, 1);
        for (&byte, length) in rest.iter().zip(2..) {
            let (start, end) = (self.children[node] as usize, self.children[node + 1] as usize);
            let Some(at) = position(&self.bytes[start..end], byte) else { return };
            node = start + at;
            tell(node, length);
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.capacity()
            + (self.children.capacity() + self.numbers.capacity()) * size_of::<u32>()
            + size_of_val(&*self.first)
    }
}

/// Where a byte stands in a rising list.
#[inline]
fn position(bytes: &[u8], byte: u8) -> Option<usize> {
    if bytes.len() <= 16 { bytes.iter().position(|&b| b == byte) } else { bytes.binary_search(&byte).ok() }
}

#[cfg(test)]
mod tests {
    use super::Trie;

    #[test]
    fn prefixes_are_found_shortest_first() {
        let texts = ["a", "ab", "abc", "abd", "b", "bcd", "é", "ét", "\u{7f}"];
        let trie = Trie::new(texts.iter().zip(0..).map(|(text, number)| (text.as_bytes(), number)).collect());
        for text in ["", "a", "abcd", "abd", "ac", "bcd", "bc", "été", "\u{e8}", "zzz", "\u{7f}\u{7f}"] {
            let mut found = Vec::new();
            trie.prefixes(text.as_bytes(), |number, length| found.push((number as usize, length)));
            let mut expected: Vec<_> = (0..texts.len()).filter(|&at| text.starts_with(texts[at])).collect();
            expected.sort_by_key(|&at| texts[at].len());
            assert_eq!(found, expected.iter().map(|&at| (at, texts[at].len())).collect::<Vec<_>>(), "{text:?}");
        }
        Trie::new(Vec::new()).prefixes(b"a", |number, _| panic!("{number}"));
    }
}
