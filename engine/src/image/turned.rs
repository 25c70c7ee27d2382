//! EXIF's orientation: where the first row and column of a stored picture are shown.

use super::header::{Container, chunk_of};
use super::tiff::{Directory, ORIENTATION};
use super::{ImageError, picture::buffer};

/// The orientation that a file has, 1 to 8; 1 is as it is stored.
pub(super) fn orientation(container: Container, bytes: &[u8]) -> u32 {
    let exif = match container {
        Container::Jpeg => jpeg_exif(bytes),
        Container::Png => chunk_of(bytes, *b"eXIf"),
        Container::WebP => webp_exif(bytes),
        Container::Tiff => Some(bytes),
        Container::Bmp | Container::Gif => None,
    };
    let exif = exif.map(|exif| exif.strip_prefix(b"Exif\0\0").unwrap_or(exif));
    let number = exif.and_then(|exif| Directory::first(exif).ok()?.number(ORIENTATION));
    number.filter(|number| (1..=8).contains(number)).unwrap_or(1)
}

/// The first EXIF segment before the picture's data.
fn jpeg_exif(bytes: &[u8]) -> Option<&[u8]> {
    let mut at = 2;
    loop {
        let &[0xff, marker, high, low] = bytes.get(at..at + 4)?.first_chunk()? else { return None };
        if marker == 0xda {
            return None;
        }
        let end = at + 2 + usize::from(u16::from_be_bytes([high, low]));
        let data = bytes.get(at + 4..end)?;
        if marker == 0xe1 && data.starts_with(b"Exif\0\0") {
            return Some(data);
        }
        at = end;
    }
}

fn webp_exif(bytes: &[u8]) -> Option<&[u8]> {
    let mut at = 12;
    loop {
        let head: &[u8; 8] = bytes.get(at..at + 8)?.first_chunk()?;
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let end = (at + 8).checked_add(length)?;
        if &head[..4] == b"EXIF" {
            return bytes.get(at + 8..end);
        }
        at = end + length % 2;
    }
}

/// The picture as it is shown: its size and its pixels.
pub(super) fn turned(
    orientation: u32,
    (width, height): (u32, u32),
    rgb: Vec<u8>,
) -> Result<((u32, u32), Vec<u8>), ImageError> {
    if orientation == 1 {
        return Ok(((width, height), rgb));
    }
    let (w, h) = (width as usize, height as usize);
    let sides = if orientation < 5 { (width, height) } else { (height, width) };
    let mut out = buffer(rgb.len())?;
    for (i, to) in out.chunks_exact_mut(3).enumerate() {
        let (x, y) = (i % sides.0 as usize, i / sides.0 as usize);
        let (from_x, from_y) = match orientation {
            2 => (w - 1 - x, y),
            3 => (w - 1 - x, h - 1 - y),
            4 => (x, h - 1 - y),
            5 => (y, x),
            6 => (y, h - 1 - x),
            7 => (w - 1 - y, h - 1 - x),
            _ => (w - 1 - y, x),
        };
        let from = (from_y * w + from_x) * 3;
        to.copy_from_slice(&rgb[from..from + 3]);
    }
    Ok((sides, out))
}
