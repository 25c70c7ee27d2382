//! The bytes of a JPEG as bits, and the markers between them (ITU-T T.81, B.1.1 and F.2.2.5).
//!
//! The non-obvious thing: *when* bytes are taken into the bit buffer decides which files with a missing end open. Pillow
//! hands the file to libjpeg in blocks of 65,536 bytes; libjpeg fills its 64-bit buffer to the brim, and where bytes run out
//! before a marker it waits for more, although the bits at hand might do. So a file opens exactly when no filling meets its
//! end. `Pace` and the fillings below keep libjpeg-turbo's rhythm: six bytes at a time where plenty are left, as full as it
//! goes elsewhere.

use super::huffman::{LOOK, Table};

/// How many bytes arrive at a time.
const ARRIVAL: usize = 65_536;

/// Why reading stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The bytes that have arrived are used up.
    Ended,
    /// A marker or a fill byte, which [`Fast`] leaves to [`Slow`].
    Marker,
}

/// Bit reader over a whole file.
#[derive(Debug, Clone)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// The next byte.
    at: usize,
    /// End of what has arrived.
    end: usize,
    /// The last `left` bits are unread.
    buffer: u64,
    left: u32,
    /// The marker that was met and not yet dealt with, 0 for none: nothing is read past it.
    marker: u8,
    /// Zeros were handed out in place of data that a marker cut off.
    pub(super) starved: bool,
    /// How long the file would have to be for what was last asked for.
    pub(super) wanted: usize,
}

/// Where to come back to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    at: usize,
    buffer: u64,
    left: u32,
}

/// How the bit buffer is filled.
pub(super) trait Pace {
    /// For a symbol: enough bits to look at.
    fn symbol(bits: &mut Bits, table: &Table) -> Result<u8, Stop>;
    /// `count` bits, 1 to 15.
    fn take(bits: &mut Bits, count: u32) -> Result<u32, Stop>;
}

/// Six bytes when 16 bits or fewer are left; there must be no marker among them.
#[derive(Debug)]
pub(super) struct Fast;

/// To 57 bits or more when there are too few, with everything that can happen.
#[derive(Debug)]
pub(super) struct Slow;

impl Pace for Fast {
    #[inline(always)]
    fn symbol(bits: &mut Bits, table: &Table) -> Result<u8, Stop> {
        bits.fill_six()?;
        let (length, symbol) = table.short(bits.peek(LOOK));
        if length != 0 {
            bits.left -= length;
            return Ok(symbol);
        }
        // More than 16 bits are there, so that no further filling can be due within the code.
        let (length, symbol) = table.long(bits.peek(16));
        bits.left -= length;
        Ok(symbol)
    }

    #[inline(always)]
    fn take(bits: &mut Bits, count: u32) -> Result<u32, Stop> {
        bits.fill_six()?;
        bits.left -= count;
        Ok(bits.peek_at(count))
    }
}

impl Pace for Slow {
    #[inline(always)]
    fn symbol(bits: &mut Bits, table: &Table) -> Result<u8, Stop> {
        const BYTE: u32 = 8;
        if bits.left < BYTE {
            bits.fill(0)?;
            if bits.left < BYTE {
                return bits.symbol_by_bits(table, 1);
            }
        }
        let look = if bits.left >= LOOK { bits.peek(LOOK) } else { bits.peek(BYTE) << (LOOK - BYTE) };
        let (length, symbol) = table.short(look);
        if length != 0 && (length <= BYTE || bits.left >= LOOK) {
            bits.left -= length;
            return Ok(symbol);
        }
        bits.symbol_by_bits(table, BYTE + 1)
    }

    #[inline(always)]
    fn take(bits: &mut Bits, count: u32) -> Result<u32, Stop> {
        bits.need(count)?;
        bits.left -= count;
        Ok(bits.peek_at(count))
    }
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, end: bytes.len(), buffer: 0, left: 0, marker: 0, starved: false, wanted: 0 }
    }

    /// The next `count` bits, of which at least so many are there.
    #[inline(always)]
    fn peek(&self, count: u32) -> u32 {
        (self.buffer >> (self.left - count)) as u32 & ((1 << count) - 1)
    }

    /// The `count` bits before the unread ones.
    #[inline(always)]
    fn peek_at(&self, count: u32) -> u32 {
        (self.buffer >> self.left) as u32 & ((1 << count) - 1)
    }

    #[inline(always)]
    fn need(&mut self, count: u32) -> Result<(), Stop> {
        if self.left < count { self.fill(count) } else { Ok(()) }
    }

    #[inline(always)]
    fn fill_six(&mut self) -> Result<(), Stop> {
        if self.left > 16 {
            return Ok(());
        }
        let Some(&next) = self.bytes.get(self.at..).and_then(|b| b.first_chunk::<8>()) else {
            return Err(Stop::Marker);
        };
        let six = u64::from_be_bytes(next) >> 16;
        // Whether one of the six is 0xff: a zero byte in the complement, whose upper bytes are not zero.
        let complement = !six;
        if complement.wrapping_sub(0x0101_0101_0101_0101) & !complement & 0x8080_8080_8080_8080 != 0 {
            (self.at, self.buffer, self.left) = six_stuffed(self.bytes, self.at, self.buffer, self.left)?;
            return Ok(());
        }
        self.buffer = self.buffer << 48 | six;
        self.at += 6;
        self.left += 48;
        Ok(())
    }

    /// Fills to 57 bits or more. At a marker: zeros in place of `count` bits that are not there.
    fn fill(&mut self, count: u32) -> Result<(), Stop> {
        if self.marker == 0 {
            let arrived = &self.bytes[..self.end];
            let (mut at, mut buffer, mut left) = (self.at, self.buffer, self.left);
            while left < 57 {
                let mut byte = *arrived.get(at).ok_or(Stop::Ended)?;
                at += 1;
                if byte == 0xff {
                    // Any number of fill bytes; then a zero, which makes it one byte of data, or a marker.
                    while byte == 0xff {
                        byte = *arrived.get(at).ok_or(Stop::Ended)?;
                        at += 1;
                    }
                    if byte != 0 {
                        self.marker = byte;
                        break;
                    }
                    byte = 0xff;
                }
                buffer = buffer << 8 | u64::from(byte);
                left += 8;
            }
            (self.at, self.buffer, self.left) = (at, buffer, left);
        }
        if self.marker != 0 && count > self.left {
            self.starved = true;
            self.buffer <<= 57 - self.left;
            self.left = 57;
        }
        Ok(())
    }

    /// A code of at least `length` bits, bit by bit (T.81, figure F.16). 17 bits that are no code count as symbol 0.
    #[cold]
    fn symbol_by_bits(&mut self, table: &Table, mut length: u32) -> Result<u8, Stop> {
        let mut code = Slow::take(self, length)?;
        loop {
            if let Some(symbol) = table.symbol(code, length) {
                return Ok(symbol);
            }
            if length > 16 {
                return Ok(0);
            }
            code = code << 1 | Slow::take(self, 1)?;
            length += 1;
        }
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { at: self.at, buffer: self.buffer, left: self.left }
    }

    pub(super) fn back_to(&mut self, mark: Mark) {
        (self.at, self.buffer, self.left) = (mark.at, mark.buffer, mark.left);
    }

    /// Whether a unit of so many blocks may be read at the fast pace.
    pub(super) fn plenty(&self, blocks: usize) -> bool {
        self.marker == 0 && self.end.saturating_sub(self.at) >= 512 * blocks
    }

    /// Lets the next block of bytes arrive; whether there was one.
    pub(super) fn arrive(&mut self) -> bool {
        let before = self.end;
        self.end = (self.end / ARRIVAL + 1).saturating_mul(ARRIVAL).min(self.bytes.len());
        self.end > before
    }

    /// Before a scan: no bits are left, and what has arrived is what was needed to come here.
    pub(super) fn begin_scan(&mut self) {
        (self.buffer, self.left, self.starved) = (0, 0, false);
        self.end = self.at.next_multiple_of(ARRIVAL).min(self.bytes.len());
    }

    /// Behind a scan: the bits that are left are no data, and all of the file may be looked at.
    pub(super) fn end_scan(&mut self) {
        self.left = 0;
        self.end = self.bytes.len();
    }

    /// As [`Self::end_scan`], but only what has arrived may be looked at: the picture is complete.
    pub(super) fn end_picture(&mut self) {
        self.left = 0;
    }

    /// Bytes of the whole file.
    pub(super) fn length(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes of the file that have not been read.
    pub(super) fn rest(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn byte(&mut self) -> Result<u8, Stop> {
        Ok(self.bytes(1)?[0])
    }

    /// The next `count` bytes.
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Stop> {
        self.wanted = self.at + count;
        let taken = self.bytes[..self.end].get(self.at..self.wanted).ok_or(Stop::Ended)?;
        self.at = self.wanted;
        Ok(taken)
    }

    /// Moves to the next marker, over whatever lies before it, unless one has been met already. It is taken away.
    pub(super) fn marker(&mut self) -> Result<u8, Stop> {
        self.find_marker()?;
        Ok(std::mem::take(&mut self.marker))
    }

    fn find_marker(&mut self) -> Result<(), Stop> {
        while self.marker == 0 {
            let from = self.at;
            if self.byte()? != 0xff {
                continue;
            }
            let mut byte = 0xff;
            while byte == 0xff {
                // Where the bytes end here, the first of them is read again once more have arrived.
                byte = self.byte().inspect_err(|_| self.at = from)?;
            }
            self.marker = byte;
        }
        Ok(())
    }

    /// Takes the restart marker `number`, 0 to 7. Where another is found: one that is due later, or the end of the scan, stays,
    /// so that the blocks up to it count as lost; one that was due earlier is passed over; any other is left out.
    pub(super) fn restart(&mut self, number: u8) -> Result<(), Stop> {
        self.left = 0;
        let ahead = loop {
            self.find_marker()?;
            let ahead = match self.marker {
                0..=0xbf => 7,
                0xd0..=0xd7 => self.marker.wrapping_sub(0xd0 + number) & 7,
                _ => 1,
            };
            if ahead < 6 {
                break ahead;
            }
            self.marker = 0;
        };
        if !(1..=2).contains(&ahead) {
            self.marker = 0;
            self.starved = false;
        }
        Ok(())
    }
}

/// Six bytes of data of which some are 0xff: the place behind them, and the bits. It is given and gives values, so that a
/// reader that calls it can stay in registers.
#[cold]
fn six_stuffed(bytes: &[u8], mut at: usize, mut buffer: u64, left: u32) -> Result<(usize, u64, u32), Stop> {
    for _ in 0..6 {
        let &[byte, next] = bytes.get(at..).and_then(|b| b.first_chunk::<2>()).ok_or(Stop::Marker)?;
        at += 1;
        if byte == 0xff {
            if next != 0 {
                return Err(Stop::Marker);
            }
            at += 1;
        }
        buffer = buffer << 8 | u64::from(byte);
    }
    Ok((at, buffer, left + 48))
}
