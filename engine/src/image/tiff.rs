//! The numbers in a TIFF's first directory (TIFF 6.0, 1992), which EXIF data are, too.

use super::ImageError;

const FORMAT: &str = "TIFF";
/// The picture's width.
pub(super) const WIDTH: u16 = 256;
/// Its height.
pub(super) const HEIGHT: u16 = 257;
/// Bits of a sample.
#[cfg(feature = "decode-images")]
pub(super) const BITS: u16 = 258;
/// What samples mean.
#[cfg(feature = "decode-images")]
pub(super) const PHOTOMETRIC: u16 = 262;
/// Where the picture's first row and column are shown.
#[cfg(feature = "decode-images")]
pub(super) const ORIENTATION: u16 = 274;
/// The colours of a palette.
#[cfg(feature = "decode-images")]
pub(super) const COLOURS: u16 = 320;

/// A file's first directory.
pub(super) struct Directory<'a> {
    bytes: &'a [u8],
    big: bool,
    /// Where the entries begin, and how many there are.
    at: usize,
    count: usize,
}

impl<'a> Directory<'a> {
    /// Finds it. Nothing is read but this.
    pub(super) fn first(bytes: &'a [u8]) -> Result<Self, ImageError> {
        let big = match bytes.get(..4) {
            Some(b"II*\0") => false,
            Some(b"MM\0*") => true,
            _ => return Err(ImageError::Unsupported { format: FORMAT, what: "a header other than that of TIFF 6.0" }),
        };
        let whole = Self { bytes, big, at: 0, count: 0 };
        let at = whole.long(4).unwrap_or(u32::MAX) as usize;
        let cut =
            |need: usize| ImageError::Truncated { what: "TIFF directory", need: need as u64, have: bytes.len() as u64 };
        let end = at.saturating_add(2);
        let count = whole.short(at).ok_or_else(|| cut(end))? as usize;
        let end = end.saturating_add(count * 12);
        if end > bytes.len() {
            return Err(cut(end));
        }
        Ok(Self { at: at + 2, count, ..whole })
    }

    fn short(&self, at: usize) -> Option<u16> {
        let pair = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) })
    }

    fn long(&self, at: usize) -> Option<u32> {
        let four = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) })
    }

    /// Where the entry of a tag is.
    fn entry(&self, tag: u16) -> Option<usize> {
        (0..self.count).map(|i| self.at + 12 * i).find(|&at| self.short(at) == Some(tag))
    }

    /// A tag's number, the first where it has several.
    pub(super) fn number(&self, tag: u16) -> Option<u32> {
        let at = self.entry(tag)?;
        let inline = |bytes: u32| Some(self.long(at + 4)?.checked_mul(bytes)? <= 4);
        match self.short(at + 2)? {
            3 if inline(2)? => self.short(at + 8).map(u32::from),
            3 => self.short(self.long(at + 8)? as usize).map(u32::from),
            4 if inline(4)? => self.long(at + 8),
            _ => None,
        }
    }

    /// Width and height, or 0 where there are none.
    pub(super) fn size(&self) -> (u32, u32) {
        let side = |tag| self.number(tag).unwrap_or(0);
        (side(WIDTH), side(HEIGHT))
    }

    /// 256 colours, of each the high byte, as Pillow has them: all reds, all greens, all blues.
    #[cfg(feature = "decode-images")]
    pub(super) fn palette(&self) -> Option<Vec<[u8; 3]>> {
        let at = self.entry(COLOURS)?;
        let from = self.long(at + 8)? as usize;
        if (self.short(at + 2)?, self.long(at + 4)?) != (3, 3 * 256) {
            return None;
        }
        let part = |i: usize| self.short(from + 2 * i).map(|value| value.to_be_bytes()[0]);
        (0..256).map(|i| Some([part(i)?, part(256 + i)?, part(512 + i)?])).collect()
    }

    /// The file with another number in place of a tag's short one.
    #[cfg(feature = "decode-images")]
    pub(super) fn with(&self, tag: u16, value: u16) -> Vec<u8> {
        let mut bytes = self.bytes.to_vec();
        if let Some(at) = self.entry(tag) {
            let value = if self.big { value.to_be_bytes() } else { value.to_le_bytes() };
            bytes[at + 8..at + 10].copy_from_slice(&value);
        }
        bytes
    }
}
