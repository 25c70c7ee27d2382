//! Width and height of WebP, BMP and GIF pictures, from their first bytes.

use super::ImageError;

/// WebP: one of three kinds of first chunk (RFC 9649).
pub(super) fn webp(bytes: &[u8]) -> Result<(u32, u32), ImageError> {
    let head: &[u8; 30] =
        bytes.first_chunk().ok_or(ImageError::Truncated { what: "WebP header", need: 30, have: bytes.len() as u64 })?;
    let three = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], 0]);
    let fourteen = |at: usize| u32::from(u16::from_le_bytes([head[at], head[at + 1]]) & 0x3fff);
    match &head[12..16] {
        b"VP8X" => Ok((three(24) + 1, three(27) + 1)),
        b"VP8 " if head[23..26] == [0x9d, 0x01, 0x2a] => Ok((fourteen(26), fourteen(28))),
        b"VP8L" if head[20] == 0x2f => {
            let bits = u32::from_le_bytes([head[21], head[22], head[23], head[24]]);
            Ok(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        chunk => {
            let value = u64::from(u32::from_be_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]));
            Err(ImageError::BadHeader { format: "WebP", what: "first chunk", value })
        }
    }
}

/// BMP: OS/2's header of 12 bytes has short numbers, all others have long ones; a height below zero says that the top row
/// comes first.
pub(super) fn bmp(bytes: &[u8]) -> Result<(u32, u32), ImageError> {
    let head: &[u8; 26] =
        bytes.first_chunk().ok_or(ImageError::Truncated { what: "BMP header", need: 26, have: bytes.len() as u64 })?;
    let long = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let short = |at: usize| u32::from(u16::from_le_bytes([head[at], head[at + 1]]));
    match long(14) {
        12 => Ok((short(18), short(20))),
        _ => Ok((long(18), long(22).cast_signed().unsigned_abs())),
    }
}

/// GIF: its screen.
pub(super) fn gif(bytes: &[u8]) -> Result<(u32, u32), ImageError> {
    let head: &[u8; 10] =
        bytes.first_chunk().ok_or(ImageError::Truncated { what: "GIF screen", need: 10, have: bytes.len() as u64 })?;
    let short = |at: usize| u32::from(u16::from_le_bytes([head[at], head[at + 1]]));
    Ok((short(6), short(8)))
}
