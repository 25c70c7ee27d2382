//! SentencePiece's compiled map of characters: what a text's longest prefix is replaced by.
//!
//! Source: `normalizer.cc` of the sentencepiece library and the double-array trie of Darts-clone (Susumu Yata), as both
//! are published. A map is the length of the trie in bytes, the trie, and the replacements, each with a zero byte behind
//! it. A unit of the trie is 32 bits: the byte that leads to it, whether a value lies below it, and where its children
//! are; a value is where a replacement begins.
//!
//! The non-obvious thing: units may be shared by many ways, and a forged trie may lead in circles. Building therefore
//! follows every way once and knows the longest key; a search reads no further than that.

use super::error::TokenizerError;

/// Largest map.
const MOST_BYTES: usize = 8 << 20;
/// Longest key and longest replacement, in bytes.
const LONGEST: usize = 256;

/// Of a unit in [`CharsMap::new`]: on the way that is being followed.
const OPEN: u16 = u16::MAX;

/// A map of characters.
#[derive(Debug)]
pub(super) struct CharsMap {
    units: Vec<u32>,
    replacements: String,
}

/// A place in the trie: the children lie where a byte is added to it (by exclusive or).
#[derive(Clone, Copy)]
struct Place(usize);

impl CharsMap {
    /// From its bytes in a file.
    pub(super) fn new(bytes: &[u8]) -> Result<Self, TokenizerError> {
        if bytes.len() > MOST_BYTES {
            return Err(bad(format!("{} bytes, over the limit of {MOST_BYTES}", bytes.len())));
        }
        let Some((length, rest)) = bytes.split_first_chunk::<4>() else {
            return Err(bad(format!("{} bytes, too few for a length", bytes.len())));
        };
        let length = u32::from_le_bytes(*length) as usize;
        let Some((trie, replacements)) = rest.split_at_checked(length) else {
            return Err(bad(format!("a trie of {length} bytes where {} are left", rest.len())));
        };
        let (units, odd) = trie.as_chunks::<4>();
        if units.is_empty() || !odd.is_empty() {
            return Err(bad(format!("a trie of {length} bytes, which are no units of 4")));
        }
        let replacements = String::from_utf8(replacements.to_vec()).map_err(|error| {
            bad(format!("replacements that are not UTF-8 at byte {}", error.utf8_error().valid_up_to()))
        })?;
        let map = Self { units: units.iter().map(|unit| u32::from_le_bytes(*unit)).collect(), replacements };
        map.check()?;
        Ok(map)
    }

    /// Follows every way of the trie once: none is a circle or too long, and each value is a replacement.
    fn check(&self) -> Result<(), TokenizerError> {
        // By unit: 0 where it was not met, or one more than the longest way behind it.
        let mut behind = vec![0u16; self.units.len()];
        behind[0] = OPEN;
        // The units on the way from the root, with the places behind them, the next byte and the longest way so far.
        let mut way: Vec<(usize, Place, u16, u16)> = vec![(0, self.root(), 1, 0)];
        loop {
            let depth = way.len();
            let Some((unit, place, next, longest)) = way.last_mut() else { return Ok(()) };
            if *next > 255 {
                let (unit, longest) = (*unit, *longest);
                behind[unit] = longest + 1;
                way.pop();
                if let Some((.., above)) = way.last_mut() {
                    *above = (*above).max(longest + 1);
                }
                continue;
            }
            let byte = *next as u8;
            *next += 1;
            let Some((child, down)) = self.child(*place, byte) else { continue };
            match behind[child] {
                OPEN => return Err(bad(format!("unit {child} of its trie leads back to itself"))),
                0 => {
                    if depth > LONGEST {
                        return Err(bad(format!("a key of more than {LONGEST} bytes")));
                    }
                    if self.has_value(child) {
                        self.check_value(down)?;
                    }
                    behind[child] = OPEN;
                    way.push((child, down, 1, 0));
                }
                known => {
                    // The way to it may be longer than the one it was met on.
                    if depth + usize::from(known) - 1 > LONGEST {
                        return Err(bad(format!("a key of more than {LONGEST} bytes")));
                    }
                    *longest = (*longest).max(known);
                }
            }
        }
    }

    fn check_value(&self, place: Place) -> Result<(), TokenizerError> {
        let wrong = |what: &str| bad(format!("unit {} of its trie {what}", place.0));
        let start = self.units.get(place.0).map(|unit| (unit & 0x7fff_ffff) as usize);
        let start = start.ok_or_else(|| wrong(&format!("is a value outside of the {} units", self.units.len())))?;
        let text = self.replacements.get(start..).filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| {
            wrong(&format!("leads to byte {start} of {}, where no replacement begins", self.replacements.len()))
        })?;
        if text.as_bytes().iter().take(LONGEST + 1).any(|&byte| byte == 0) {
            return Ok(());
        }
        Err(wrong(&format!("leads to a replacement of more than {LONGEST} bytes, or one without an end")))
    }

    /// What the longest prefix of `text` that has a replacement is replaced by, and the length of that prefix.
    pub(super) fn longest(&self, text: &str) -> Option<(&str, usize)> {
        let mut best = None;
        let mut place = self.root();
        for (at, &byte) in text.as_bytes().iter().enumerate() {
            // A zero byte ends a key: none contains it.
            if byte == 0 {
                break;
            }
            let Some((unit, down)) = self.child(place, byte) else { break };
            // A key that ends within a character is none of a text's.
            if self.has_value(unit) && text.is_char_boundary(at + 1) {
                best = Some((down, at + 1));
            }
            place = down;
        }
        let (place, length) = best?;
        let start = (self.units[place.0] & 0x7fff_ffff) as usize;
        let rest = &self.replacements[start..];
        let end = rest.as_bytes().iter().position(|&byte| byte == 0)?;
        Some((&rest[..end], length))
    }

    fn root(&self) -> Place {
        Place(offset(self.units[0]))
    }

    /// The unit that a byte leads to from a place, and the place behind it.
    fn child(&self, place: Place, byte: u8) -> Option<(usize, Place)> {
        let unit = place.0 ^ usize::from(byte);
        let bits = *self.units.get(unit)?;
        // A value has the highest bit, which no byte has.
        (bits & (1 << 31 | 0xff) == u32::from(byte)).then(|| (unit, Place(unit ^ offset(bits))))
    }

    fn has_value(&self, unit: usize) -> bool {
        self.units[unit] >> 8 & 1 == 1
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.units.capacity() * size_of::<u32>() + self.replacements.capacity()
    }
}

/// How far a unit's children are from it; one bit says that it is counted in 256s.
fn offset(unit: u32) -> usize {
    ((unit >> 10) << ((unit & 1 << 9) >> 6)) as usize
}

fn bad(reason: String) -> TokenizerError {
    TokenizerError::BadCharsMap { reason }
}
