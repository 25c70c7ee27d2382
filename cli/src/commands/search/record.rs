//! The index file's records, little-endian: a u32 with the length of a body, a byte for its kind, the body, and the low half
//! of the hash of all three. The file is a magic, the record of the model, then records in the order they were added.
//!
//! ```text
//! 0 model       u128 identity, u32 width, u16 length and name, the settings that pictures are read with
//! 1 rows        u128 hash of the picture's file, an f32 scale a row, then `width` signed bytes a row
//! 2 picture     stamp, u128 hash, path from the folder on
//! 3 unreadable  stamp, u32 length and path, why
//! stamp         u64 size of the file, i128 nanoseconds from 1970 to its last change
//! ```
//!
//! The non-obvious thing: rows come before the first picture that has them, so that any beginning of the file that ends with
//! a record is an index.

use ocelli_engine::Embedding;
use ocelli_engine::image::bytes_hash;
use std::io::{self, Read};

/// How the file begins.
pub const MAGIC: &[u8; 16] = b"ocelli search 01";
/// Longest body.
const LONGEST: usize = 16 << 20;
/// Bytes of a record that are not its body.
pub const AROUND: usize = 4 + 1 + 8;
/// Bytes of the length and the kind.
pub const BEFORE: usize = 4 + 1;

/// What tells a changed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Bytes.
    pub size: u64,
    /// Nanoseconds from 1970 to the last change.
    pub modified: i128,
}

impl Stamp {
    fn written(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&self.size.to_le_bytes());
        bytes[8..].copy_from_slice(&self.modified.to_le_bytes());
        bytes
    }

    fn split(body: &[u8]) -> Option<(Self, &[u8])> {
        let (size, rest) = body.split_first_chunk::<8>()?;
        let (modified, rest) = rest.split_first_chunk::<16>()?;
        Some((Self { size: u64::from_le_bytes(*size), modified: i128::from_le_bytes(*modified) }, rest))
    }
}

/// What an index was made with: rows of another model say nothing here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The model's, of all that rows depend on.
    pub identity: u128,
    /// Numbers a row.
    pub width: usize,
    /// What the model is called.
    pub name: String,
    /// How pictures are read, where that is not the usual way.
    pub settings: String,
}

/// A record as it is read.
#[derive(Debug, PartialEq, Eq)]
pub enum Record<'a> {
    Model(Made),
    /// Of the picture's file with this hash; the rows lie in the body behind it.
    Rows(u128),
    Picture {
        path: &'a [u8],
        stamp: Stamp,
        hash: u128,
    },
    Unreadable {
        path: &'a [u8],
        stamp: Stamp,
        why: String,
    },
}

/// What stands at a place of the file.
pub enum Step {
    /// A record of this kind, its body read.
    Whole(u8),
    /// Less than a record.
    Torn,
    /// Something whose hash is another one.
    Damaged,
    End,
}

/// Adds a record.
pub fn record(kind: u8, parts: &[&[u8]], out: &mut Vec<u8>) {
    let from = out.len();
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    out.push(kind);
    parts.iter().for_each(|part| out.extend_from_slice(part));
    let check = check(&out[from..]);
    out.extend(check);
}

#[allow(clippy::cast_possible_truncation)] // half of it is enough
fn check(bytes: &[u8]) -> [u8; 8] {
    (bytes_hash(bytes) as u64).to_le_bytes()
}

impl Made {
    /// Whether rows of both can be compared.
    pub fn is_of(&self, other: &Self) -> bool {
        (self.identity, self.width) == (other.identity, other.width)
    }

    /// How a file begins that was made with this.
    pub fn head(&self) -> Vec<u8> {
        let mut head = MAGIC.to_vec();
        let name = &self.name[..self.name.floor_char_boundary(usize::from(u16::MAX))];
        let length = u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes();
        let width = u32::try_from(self.width).unwrap_or(u32::MAX).to_le_bytes();
        let parts = [&self.identity.to_le_bytes()[..], &width, &length, name.as_bytes(), self.settings.as_bytes()];
        record(0, &parts, &mut head);
        head
    }

    fn read(body: &[u8]) -> Option<Self> {
        let (identity, rest) = body.split_first_chunk::<16>()?;
        let (width, rest) = rest.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (name, settings) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        Some(Self {
            identity: u128::from_le_bytes(*identity),
            width: usize::try_from(u32::from_le_bytes(*width)).ok()?,
            name: String::from_utf8(name.to_vec()).ok()?,
            settings: String::from_utf8(settings.to_vec()).ok()?,
        })
    }
}

/// Adds the record of a picture's rows: signed bytes, each row with the scale that its largest number is 127 by.
pub fn add_rows(hash: u128, rows: &Embedding, out: &mut Vec<u8>) {
    let mut scales = Vec::with_capacity(rows.values.len() / rows.width.max(1) * 4);
    let mut numbers = Vec::with_capacity(rows.values.len());
    for row in rows.rows() {
        let largest = row.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        let scale = largest / 127.0;
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        scales.extend(scale.to_le_bytes());
        #[allow(clippy::cast_possible_truncation)] // within -127..=127
        numbers.extend(row.iter().map(|x| (x * inverse).round() as i8).map(i8::cast_unsigned));
    }
    record(1, &[&hash.to_le_bytes(), &scales, &numbers], out);
}

/// Adds the record of a picture whose rows are there.
pub fn add_picture(path: &[u8], stamp: Stamp, hash: u128, out: &mut Vec<u8>) {
    record(2, &[&stamp.written(), &hash.to_le_bytes(), path], out);
}

/// Adds the record of a file that is none.
pub fn add_unreadable(path: &[u8], stamp: Stamp, why: &str, out: &mut Vec<u8>) {
    let length = u32::try_from(path.len()).unwrap_or(u32::MAX).to_le_bytes();
    record(3, &[&stamp.written(), &length, path, why.as_bytes()], out);
}

/// Reads the next record's body, of which `left` bytes of the file are the most.
pub fn next(reader: &mut impl Read, left: u64, body: &mut Vec<u8>) -> io::Result<Step> {
    if left == 0 {
        return Ok(Step::End);
    }
    let mut before = [0; BEFORE];
    if left < AROUND as u64 {
        return Ok(Step::Torn);
    }
    reader.read_exact(&mut before)?;
    let [a, b, c, d, kind] = before;
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    if length > LONGEST {
        return Ok(Step::Damaged);
    }
    if left < (length + AROUND) as u64 {
        return Ok(Step::Torn);
    }
    body.clear();
    body.extend(before);
    body.resize(BEFORE + length, 0);
    reader.read_exact(&mut body[BEFORE..])?;
    let mut wanted = [0; 8];
    reader.read_exact(&mut wanted)?;
    if check(body) != wanted {
        return Ok(Step::Damaged);
    }
    body.drain(..BEFORE);
    Ok(Step::Whole(kind))
}

/// What a body of this kind says; `None` where it says nothing that is known.
pub fn parsed(kind: u8, body: &[u8], width: usize) -> Option<Record<'_>> {
    Some(match kind {
        0 => Record::Model(Made::read(body)?),
        1 => {
            let (hash, rest) = body.split_first_chunk::<16>()?;
            rows_of(rest.len(), width)?;
            Record::Rows(u128::from_le_bytes(*hash))
        }
        2 => {
            let (stamp, rest) = Stamp::split(body)?;
            let (hash, path) = rest.split_first_chunk::<16>()?;
            Record::Picture { path, stamp, hash: u128::from_le_bytes(*hash) }
        }
        3 => {
            let (stamp, rest) = Stamp::split(body)?;
            let (length, rest) = rest.split_first_chunk::<4>()?;
            let (path, why) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
            Record::Unreadable { path, stamp, why: String::from_utf8_lossy(why).into_owned() }
        }
        _ => return None,
    })
}

/// How many rows so many bytes are.
pub fn rows_of(bytes: usize, width: usize) -> Option<usize> {
    (bytes > 0 && bytes.is_multiple_of(4 + width)).then(|| bytes / (4 + width))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn made() -> Made {
        Made { identity: 7, width: 4, name: "tiny".to_owned(), settings: "--upright".to_owned() }
    }

    /// All that a file has.
    fn file() -> Vec<u8> {
        let mut bytes = made().head();
        let stamp = Stamp { size: 99, modified: -5 };
        let rows = Embedding { width: 4, values: vec![0.5, -1.0, 0.25, 0.0, 0.0, 0.0, 0.0, 0.0] };
        add_rows(3, &rows, &mut bytes);
        add_picture(b"a/b.png", stamp, 3, &mut bytes);
        add_unreadable(b"c.png", stamp, "no picture", &mut bytes);
        bytes
    }

    fn records(mut bytes: &[u8]) -> (usize, &'static str) {
        let (mut count, mut body) = (0, Vec::new());
        loop {
            let left = bytes.len() as u64;
            match next(&mut bytes, left, &mut body).unwrap() {
                Step::Whole(kind) => {
                    assert!(parsed(kind, &body, 4).is_some());
                    count += 1;
                }
                Step::Torn => return (count, "torn"),
                Step::Damaged => return (count, "damaged"),
                Step::End => return (count, "end"),
            }
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = file();
        let mut rest = &bytes[MAGIC.len()..];
        let mut body = Vec::new();
        let mut read = || {
            let left = rest.len() as u64;
            let Step::Whole(kind) = next(&mut rest, left, &mut body).unwrap() else { panic!("a whole record") };
            (kind, body.clone())
        };
        let (kind, body) = read();
        assert_eq!(parsed(kind, &body, 4), Some(Record::Model(made())));
        let (kind, body) = read();
        assert_eq!(parsed(kind, &body, 4), Some(Record::Rows(3)));
        let scale = 1.0f32 / 127.0;
        assert_eq!(body[16..24], [scale.to_le_bytes(), [0; 4]].concat());
        assert_eq!(body[24..], [64, 129, 32, 0, 0, 0, 0, 0], "63.5 and 31.75 are rounded, -127 is 129");
        assert_eq!(parsed(kind, &body, 5), None, "no whole rows of another width");
        let stamp = Stamp { size: 99, modified: -5 };
        let (kind, body) = read();
        assert_eq!(parsed(kind, &body, 4), Some(Record::Picture { path: b"a/b.png", stamp, hash: 3 }));
        let (kind, body) = read();
        let why = "no picture".to_owned();
        assert_eq!(parsed(kind, &body, 4), Some(Record::Unreadable { path: b"c.png", stamp, why }));
    }

    #[test]
    fn a_file_that_ends_anywhere_or_is_damaged_keeps_its_beginning() {
        let bytes = file();
        let whole = &bytes[MAGIC.len()..];
        assert_eq!(records(whole), (4, "end"));
        let mut last = 0;
        for end in 0..whole.len() {
            let (count, how) = records(&whole[..end]);
            assert!(how == "torn" || how == "end" && count >= last, "{end}: {count} {how}");
            last = count;
        }
        for at in 0..whole.len() {
            let mut other = whole.to_vec();
            other[at] ^= 1;
            let (count, how) = records(&other);
            assert!(count < 4 && how != "end", "byte {at}: {count} {how}");
        }
    }
}
