//! Width and height of a picture from its structure, without decoding a pixel.
//!
//! Sources: PNG (ISO/IEC 15948) chunks; JPEG's markers are in `jpeg`. This walk decides whether a file is decoded at all:
//! it checks the limits, and that the compressed data can hold the declared picture (a 65-byte PNG may declare a gigabyte).
//!
//! The non-obvious thing: of a PNG only the critical chunks are handed to the decoder. Text, colour profiles, EXIF and
//! animation frames are never even parsed, so a bomb inside them is harmless. Nothing of value is lost: alpha is
//! dropped (tRNS), and Pillow applies neither gamma nor profiles nor the EXIF orientation on conversion to RGB.

use super::tiff::Directory;
use super::{ImageError, ImageLimits, jpeg, sizes};
#[cfg(feature = "decode-images")]
use std::borrow::Cow;

const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The file format of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Container {
    /// Portable Network Graphics.
    Png,
    /// JPEG (JFIF or EXIF).
    Jpeg,
    /// WebP; of an animation the first frame.
    WebP,
    /// Windows bitmap.
    Bmp,
    /// TIFF; the first page.
    Tiff,
    /// GIF; the first frame.
    Gif,
}

#[cfg(feature = "decode-images")]
impl Container {
    /// For messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::WebP => "WebP",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF",
            Self::Gif => "GIF",
        }
    }
}

/// What a file declares about its picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageInfo {
    /// The file format.
    pub container: Container,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// Size and format of the picture in `bytes`, within `limits`, in time linear in the file and without allocating.
///
/// # Errors
/// Everything that can be told without decoding: not a picture, truncated, over a limit, too little data, unsupported.
pub fn probe(bytes: &[u8], limits: &ImageLimits) -> Result<ImageInfo, ImageError> {
    limits.check_file(bytes.len())?;
    if bytes.starts_with(PNG_SIGNATURE) {
        let png = read_png(bytes, limits)?;
        Ok(ImageInfo { container: Container::Png, width: png.width, height: png.height })
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        let (width, height) = jpeg::size(bytes, limits)?;
        Ok(ImageInfo { container: Container::Jpeg, width, height })
    } else {
        let (container, (width, height)) = match bytes {
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => (Container::WebP, sizes::webp(bytes)?),
            // A text may begin with these two letters, too.
            [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => (Container::Bmp, sizes::bmp(bytes)?),
            [b'I', b'I', b'*', 0, ..] | [b'M', b'M', 0, b'*', ..] => (Container::Tiff, Directory::first(bytes)?.size()),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => (Container::Gif, sizes::gif(bytes)?),
            _ => return Err(ImageError::NotAPicture { found: name_of(bytes) }),
        };
        limits.check(width, height)?;
        Ok(ImageInfo { container, width, height })
    }
}

/// The data of the first chunk of this name.
#[cfg(feature = "decode-images")]
pub(super) fn chunk_of(bytes: &[u8], name: [u8; 4]) -> Option<&[u8]> {
    let mut at = PNG_SIGNATURE.len();
    while at < bytes.len() {
        let chunk = Chunk::at(bytes, at).ok()?;
        if chunk.name == name {
            return Some(chunk.data);
        }
        at = chunk.end;
    }
    None
}

/// A checked PNG.
#[derive(Debug)]
#[cfg_attr(not(feature = "decode-images"), expect(dead_code, reason = "only decoding needs it all"))]
pub(super) struct Png {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Single-channel 16-bit samples, which Pillow clips where it takes the high byte of other 16-bit kinds.
    pub(super) grey16: bool,
    /// End of the IEND chunk, or of the last chunk where that one is missing.
    end: usize,
    /// Whether there are ancillary chunks before it.
    ancillary: bool,
    /// Whether there is an IEND chunk.
    pub(super) ended: bool,
    /// Whether a data chunk starts at `end` that the file cuts short.
    cut: bool,
}

#[cfg(feature = "decode-images")]
impl Png {
    /// The file with its critical chunks only, and what says which colours are transparent where that is asked for.
    pub(super) fn critical_chunks<'a>(&self, bytes: &'a [u8], transparency: bool) -> Cow<'a, [u8]> {
        if !self.ancillary && self.ended {
            return Cow::Borrowed(&bytes[..self.end]);
        }
        let mut kept = PNG_SIGNATURE.to_vec();
        let mut at = PNG_SIGNATURE.len();
        while at < self.end {
            let Ok(chunk) = Chunk::at(bytes, at) else {
                break;
            };
            if chunk.is_critical() || transparency && &chunk.name == b"tRNS" {
                kept.extend_from_slice(&bytes[at..chunk.end]);
            }
            at = chunk.end;
        }
        if self.cut {
            // As much of it as there is, but not a check sum behind it.
            let length = u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize;
            let data = &bytes[at + 8..bytes.len().min(at + 8 + length)];
            kept.extend_from_slice(&(data.len() as u32).to_be_bytes());
            kept.extend_from_slice(b"IDAT");
            kept.extend_from_slice(data);
            // In place of the check sum, at which the decoder does not look.
            kept.extend_from_slice(&[0; 4]);
        }
        if !self.ended {
            kept.extend_from_slice(b"\0\0\0\0IEND\xae\x42\x60\x82");
        }
        Cow::Owned(kept)
    }
}

/// What each byte makes of PNG's CRC (annex D).
const SUMS: [u32; 256] = {
    let mut sums = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut sum, mut bit) = (byte as u32, 0);
        while bit < 8 {
            sum = sum >> 1 ^ if sum & 1 == 1 { 0xedb8_8320 } else { 0 };
            bit += 1;
        }
        sums[byte] = sum;
        byte += 1;
    }
    sums
};

fn check_sum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, &byte| sum >> 8 ^ SUMS[usize::from(sum as u8 ^ byte)])
}

/// One PNG chunk: length, name, data, check sum.
struct Chunk<'a> {
    name: [u8; 4],
    data: &'a [u8],
    end: usize,
}

impl<'a> Chunk<'a> {
    fn at(bytes: &'a [u8], at: usize) -> Result<Self, ImageError> {
        let rest = &bytes[at..];
        let have = rest.len() as u64;
        let truncated = |need| ImageError::Truncated { what: "PNG chunk", need, have };
        let (&[l0, l1, l2, l3, n0, n1, n2, n3], _) = rest.split_first_chunk::<8>().ok_or_else(|| truncated(8))?;
        let length = u32::from_be_bytes([l0, l1, l2, l3]);
        let need = u64::from(length) + 12;
        if need > have {
            return Err(truncated(need));
        }
        let length = length as usize;
        Ok(Self { name: [n0, n1, n2, n3], data: &rest[8..8 + length], end: at + 12 + length })
    }

    /// The chunk at `at` of a part of the file where check sums count: before the picture's data, as with Pillow, whether
    /// the picture needs the chunk or not.
    fn checked(bytes: &'a [u8], at: usize) -> Result<Self, ImageError> {
        let chunk = Self::at(bytes, at)?;
        let (named, stored) = bytes[at + 4..chunk.end].split_at(4 + chunk.data.len());
        let (stored, computed) = (stored.iter().fold(0, |sum, &b| sum << 8 | u32::from(b)), check_sum(named));
        if stored != computed {
            let name = String::from_utf8_lossy(&chunk.name).escape_debug().to_string();
            return Err(ImageError::WrongCheckSum { chunk: name, at: at as u64, stored, computed });
        }
        Ok(chunk)
    }

    /// A capital first letter (bit 5 clear) marks a chunk without which the picture cannot be shown.
    fn is_critical(&self) -> bool {
        self.name[0] & 0x20 == 0
    }
}

/// Whether these bytes begin as a chunk does.
fn is_chunk(bytes: &[u8]) -> bool {
    bytes.get(4..8).is_some_and(|name| name.iter().all(|&b| b.is_ascii_alphanumeric() || b == b'_'))
}

/// Walks the chunks of a PNG.
pub(super) fn read_png(bytes: &[u8], limits: &ImageLimits) -> Result<Png, ImageError> {
    const FORMAT: &str = "PNG";
    let bad = |what, value: u64| ImageError::BadHeader { format: FORMAT, what, value };
    let header = Chunk::checked(bytes, PNG_SIGNATURE.len())?;
    let &[w0, w1, w2, w3, h0, h1, h2, h3, depth, colour, compression, filter, interlace] = header.data else {
        return Err(bad("length of the first chunk", header.data.len() as u64));
    };
    if &header.name != b"IHDR" {
        return Err(bad("name of the first chunk", u64::from(u32::from_be_bytes(header.name))));
    }
    let width = u32::from_be_bytes([w0, w1, w2, w3]);
    let height = u32::from_be_bytes([h0, h1, h2, h3]);
    limits.check(width, height)?;
    let channels = match colour {
        0 | 3 => 1,
        2 => 3,
        4 => 2,
        6 => 4,
        _ => return Err(bad("colour type", u64::from(colour))),
    };
    let depth_allowed = match colour {
        0 => matches!(depth, 1 | 2 | 4 | 8 | 16),
        3 => matches!(depth, 1 | 2 | 4 | 8),
        _ => matches!(depth, 8 | 16),
    };
    if !depth_allowed {
        return Err(bad("bit depth", u64::from(depth)));
    }
    for (what, value, most) in
        [("compression method", compression, 0), ("filter method", filter, 0), ("interlace", interlace, 1)]
    {
        if value > most {
            return Err(bad(what, u64::from(value)));
        }
    }

    let mut at = header.end;
    let (mut ancillary, mut begun, mut ended, mut cut) = (false, false, false, false);
    let mut data_bytes = 0u64;
    // What is missing or strange behind the data does not matter, as long as they are complete: Pillow's rule.
    while !ended && !cut && (data_bytes == 0 || is_chunk(&bytes[at..])) {
        begun |= bytes[at..].get(4..8) == Some(b"IDAT");
        let chunk = match if begun { Chunk::at(bytes, at) } else { Chunk::checked(bytes, at) } {
            Ok(chunk) => chunk,
            Err(_) if bytes[at..].get(4..8) == Some(b"IDAT") => {
                cut = true;
                data_bytes += (bytes.len() - at - 8) as u64;
                break;
            }
            Err(ImageError::Truncated { need, have, .. }) if data_bytes > 0 && have + 4 >= need => break,
            Err(error) => return Err(error),
        };
        at = chunk.end;
        match &chunk.name {
            b"IEND" => ended = true,
            b"IDAT" => data_bytes += chunk.data.len() as u64,
            b"PLTE" => {}
            b"IHDR" => return Err(bad("second IHDR at byte", at as u64)),
            _ if chunk.is_critical() => {
                return Err(ImageError::Unsupported { format: FORMAT, what: "an unknown critical chunk" });
            }
            _ => ancillary = true,
        }
    }
    // Deflate cannot expand by more than 1032.
    let raw = u64::from(height) * (u64::from(width) * u64::from(depth) * channels).div_ceil(8);
    let need = raw.div_ceil(1032);
    if data_bytes < need {
        return Err(ImageError::TooLittleData { format: FORMAT, width, height, have: data_bytes, need });
    }
    Ok(Png { width, height, grey16: colour == 0 && depth == 16, end: at, ancillary, ended, cut })
}

/// A name for a file that is not what is wanted, by its first bytes.
pub(super) fn name_of(bytes: &[u8]) -> &'static str {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    let at = |offset: usize, magic: &[u8]| bytes.get(offset..).is_some_and(|b| b.starts_with(magic));
    if starts(PNG_SIGNATURE) {
        "a PNG"
    } else if starts(b"\xff\xd8\xff") {
        "a JPEG"
    } else if starts(b"GIF8") {
        "a GIF"
    } else if starts(b"RIFF") && at(8, b"WEBP") {
        "a WebP"
    } else if at(4, b"ftypavif") || at(4, b"ftypavis") {
        "an AVIF"
    } else if at(4, b"ftyphei") || at(4, b"ftyphev") || at(4, b"ftypmif1") || at(4, b"ftypmsf1") {
        "a HEIC"
    } else if at(4, b"ftyp") {
        "a video or another ISO media file"
    } else if starts(b"II*\0") || starts(b"MM\0*") {
        "a TIFF"
    } else if starts(b"\0\0\x01\0") {
        "an icon (ICO)"
    } else if starts(b"\xff\x0a") || starts(b"\0\0\0\x0cJXL ") {
        "a JPEG XL"
    } else if starts(b"\0\0\0\x0cjP  ") || starts(b"\xff\x4f\xff\x51") {
        "a JPEG 2000"
    } else if starts(b"8BPS") {
        "a Photoshop file"
    } else if starts(b"%PDF") {
        "a PDF"
    } else if starts(b"GGUF") {
        "a GGUF model"
    } else if starts(b"PK\x03\x04") {
        "a zip archive"
    } else if starts(b"\x1f\x8b") {
        "a gzip file"
    } else if starts(b"BM") {
        "a BMP"
    } else if let Some(name) = name_of_text(bytes) {
        name
    } else {
        "of an unknown format"
    }
}

fn name_of_text(bytes: &[u8]) -> Option<&'static str> {
    let head = &bytes[..bytes.len().min(512)];
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let begins = |text: &str| head.len() >= text.len() && head[..text.len()].eq_ignore_ascii_case(text.as_bytes());
    if begins("<!doctype html") || begins("<html") || begins("<head") || begins("<body") {
        return Some("an HTML page");
    }
    if begins("<svg") {
        return Some("an SVG drawing");
    }
    if begins("<?xml") {
        return Some("an XML file");
    }
    if begins("version https://git-lfs") {
        return Some("a Git LFS pointer, not the picture itself");
    }
    let text = head.iter().all(|&b| b >= 0x20 && b != 0x7f || matches!(b, b'\t' | b'\n' | b'\r'));
    (!head.is_empty() && text && std::str::from_utf8(head).map_or_else(|e| e.error_len().is_none(), |_| true))
        .then_some("a text file")
}
