//! Huffman codes (ITU-T T.81, C.2, F.2.2.3 and K.3).
//!
//! The non-obvious thing: a table is checked when a scan uses it, not when it is read. Files with a broken table that
//! nothing uses open, as with libjpeg; and a file without tables means those of T.81's annex K, as Motion JPEG has it.

use super::{Failure, bad};

/// Bits that one look into a table decides.
pub(super) const LOOK: u32 = 10;

/// A table as the file has it.
#[derive(Debug, Clone)]
pub(super) struct Specification {
    /// How many codes of 1 to 16 bits there are.
    pub(super) counts: [u8; 16],
    /// What they mean, shortest code first.
    pub(super) symbols: [u8; 256],
}

impl Specification {
    fn of(counts: [u8; 16], meaning: &[u8]) -> Self {
        let mut symbols = [0; 256];
        symbols[..meaning.len()].copy_from_slice(meaning);
        Self { counts, symbols }
    }

    /// T.81's tables K.3 and K.4 for DC, K.5 and K.6 for AC: of luminance (0) and of chrominance (1).
    pub(super) fn usual(number: usize, dc: bool) -> Self {
        if dc {
            let counts = if number == 0 {
                [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]
            } else {
                [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0]
            };
            return Self::of(counts, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        }
        // The beginnings have an order of their own; behind them, every run with the sizes from the given one to 10.
        let (counts, start, from): (_, &[u8], _) = if number == 0 {
            (
                [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125],
                b"\x01\x02\x03\x00\x04\x11\x05\x12\x21\x31\x41\x06\x13\x51\x61\x07\x22\x71\x14\x32\x81\x91\xa1\x08\x23\x42\xb1\
                  \xc1\x15\x52\xd1\xf0\x24\x33\x62\x72\x82",
                [9, 6, 5, 4, 3, 3, 3, 3, 3, 2, 2, 2, 2, 2, 1, 1],
            )
        } else {
            (
                [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119],
                b"\x00\x01\x02\x03\x11\x04\x05\x21\x31\x06\x12\x41\x51\x07\x61\x71\x13\x22\x32\x81\x08\x14\x42\x91\xa1\xb1\xc1\
                  \x09\x23\x33\x52\xf0\x15\x62\x72\xd1\x0a\x16\x24\x34\xe1\x25\xf1",
                [11, 7, 6, 5, 3, 3, 3, 3, 2, 2, 2, 2, 2, 2, 2, 2],
            )
        };
        let mut symbols = start.to_vec();
        for (run, from) in (0u8..16).zip(from) {
            symbols.extend((from..=10u8).map(|size| run << 4 | size));
        }
        Self::of(counts, &symbols)
    }
}

/// A table to decode with.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// Length times 256 plus symbol of the code that the next [`LOOK`] bits begin with; length 0 where it is longer.
    short: Box<[u16; 1 << LOOK]>,
    /// The largest code of each length, −1 where there is none.
    largest: [i32; 17],
    /// What to add to a code for the place of its symbol.
    offset: [i32; 17],
    symbols: [u8; 256],
}

impl Table {
    /// # Errors
    /// Where the counts are no code, or a size of a DC difference is over 15.
    pub(super) fn new(specification: &Specification, dc: bool) -> Result<Self, Failure> {
        let Specification { counts, symbols } = specification;
        let mut short = Box::new([0u16; 1 << LOOK]);
        let (mut largest, mut offset) = ([-1; 17], [0; 17]);
        let (mut code, mut place) = (0u32, 0usize);
        for (length, &count) in (1u32..).zip(counts) {
            let count = usize::from(count);
            if place + count > 256 || code as usize + count > 1 << length {
                return Err(bad("Huffman codes of one length", count as u64));
            }
            if count > 0 {
                // No code is all ones.
                if code as usize + count == 1 << length {
                    return Err(bad("Huffman codes of one length", count as u64));
                }
                offset[length as usize] = place as i32 - code as i32;
                for &symbol in &symbols[place..place + count] {
                    if dc && symbol > 15 {
                        return Err(bad("size of a DC difference", u64::from(symbol)));
                    }
                    if length <= LOOK {
                        let first = (code << (LOOK - length)) as usize;
                        short[first..first + (1 << (LOOK - length))].fill((length as u16) << 8 | u16::from(symbol));
                    }
                    code += 1;
                }
                largest[length as usize] = code as i32 - 1;
                place += count;
            }
            code <<= 1;
        }
        Ok(Self { short, largest, offset, symbols: *symbols })
    }

    /// Length and symbol of the code that these [`LOOK`] bits begin with; length 0 where it is longer.
    #[inline(always)]
    pub(super) fn short(&self, bits: u32) -> (u32, u8) {
        let entry = self.short[bits as usize & ((1 << LOOK) - 1)];
        (u32::from(entry >> 8), entry as u8)
    }

    /// Length and symbol of the code, longer than [`LOOK`], that these 16 bits begin with. No code: 17 bits and 0.
    pub(super) fn long(&self, bits: u32) -> (u32, u8) {
        for length in LOOK + 1..=16 {
            if let Some(symbol) = self.symbol(bits >> (16 - length), length) {
                return (length, symbol);
            }
        }
        (17, 0)
    }

    /// The symbol of a code of this length, of which no shorter part is a code.
    pub(super) fn symbol(&self, code: u32, length: u32) -> Option<u8> {
        let length = length as usize;
        if length > 16 || code as i32 > self.largest[length] {
            return None;
        }
        Some(self.symbols[(code as i32 + self.offset[length]) as usize & 0xff])
    }
}

/// The value that `bits`, `size` of them, stand for (T.81, F.2.2.1).
#[inline(always)]
pub(super) fn extend(bits: u32, size: u32) -> i32 {
    let bits = bits as i32;
    // Below half: a negative number, counted from −(2^size − 1).
    bits + (((bits - (1 << (size - 1))) >> 31) & ((-1 << size) + 1))
}
