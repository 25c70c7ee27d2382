//! The directory of a zip archive whose entries are stored as they are, which is how PyTorch writes them: each is then a
//! run of the file that can be read in place. After PKWARE's APPNOTE 6.3.10, sections 4.3 and 4.5.3 (zip64, which PyTorch
//! always writes).
//!
//! The non-obvious thing: zip has its facts twice, in the directory at the end and in a header before each entry, and
//! readers that believe different ones see different files. Here both are read and must agree, the directory must end
//! where the end record begins, and no two entries may share a byte.

use std::collections::BTreeMap;
use std::fs::File;

use super::{Extent, TorchError};
use crate::checkpoint::read_exact_at;
use crate::error::shown;

/// Most entries: a tensor has one, and there are few others.
const MAX_ENTRIES: u64 = 1 << 17;
/// Most bytes of the directory.
const MAX_DIRECTORY: u64 = 64 << 20;
/// Bytes of the record at the end without its comment, of zip64's record and of the pointer to it.
const END: usize = 22;
const END_64: usize = 56;
const LOCATOR: usize = 20;
/// Bytes before the name, in the directory and before the entry.
const CENTRAL: usize = 46;
const LOCAL: usize = 30;
/// Stands for a number that is in a zip64 field.
const WIDE: u64 = 0xffff_ffff;

/// An entry as the directory describes it.
struct Listed {
    name: String,
    flags: u16,
    bytes: u64,
    header: u64,
}

fn damaged(what: impl Into<String>) -> TorchError {
    TorchError::Damaged { what: what.into() }
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Result<u64, TorchError> {
    let Some(field) = bytes.get(at..).and_then(|rest| rest.first_chunk::<N>()) else {
        return Err(damaged(format!("a record of {} bytes ends before byte {}", bytes.len(), at + N)));
    };
    Ok(field.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

fn short(bytes: &[u8], at: usize) -> Result<u16, TorchError> {
    Ok(number::<2>(bytes, at)? as u16)
}

/// All entries by name.
pub(super) fn entries(file: &File) -> Result<BTreeMap<String, Extent>, TorchError> {
    let have = file.metadata()?.len();
    let (count, start, end) = directory(file, have)?;
    if count > MAX_ENTRIES {
        return Err(TorchError::Budget { what: "zip entries", max: MAX_ENTRIES });
    }
    let bytes = end - start;
    if bytes > MAX_DIRECTORY {
        return Err(TorchError::Budget { what: "bytes of the zip directory", max: MAX_DIRECTORY });
    }
    if count * CENTRAL as u64 > bytes {
        return Err(damaged(format!("{count} entries need at least 46 bytes each, the directory has {bytes}")));
    }
    let mut table = vec![0; bytes as usize];
    read_exact_at(file, &mut table, start)?;
    let mut listed = Vec::new();
    let mut rest = &table[..];
    for _ in 0..count {
        let (entry, behind) = central(rest)?;
        listed.push(entry);
        rest = behind;
    }
    if !rest.is_empty() {
        return Err(damaged(format!("the directory has {} bytes behind its {count} entries", rest.len())));
    }
    listed.sort_by_key(|entry| entry.header);
    let mut extents = BTreeMap::new();
    let mut before: Option<(String, u64)> = None;
    for entry in listed {
        let extent = locate(file, &entry, start)?;
        if let Some((first, end)) = before.filter(|(_, end)| entry.header < *end) {
            return Err(TorchError::Overlap {
                first: shown(&first),
                end,
                second: shown(&entry.name),
                start: entry.header,
            });
        }
        before = Some((entry.name.clone(), extent.start + extent.bytes));
        if extents.insert(entry.name.clone(), extent).is_some() {
            return Err(TorchError::Ambiguous { what: format!("2 entries '{}'", shown(&entry.name)) });
        }
    }
    Ok(extents)
}

/// Entries of the directory, its first byte and the one behind its last.
fn directory(file: &File, have: u64) -> Result<(u64, u64, u64), TorchError> {
    let kept = have.min((END + usize::from(u16::MAX)) as u64);
    let mut tail = vec![0; kept as usize];
    read_exact_at(file, &mut tail, have - kept)?;
    // A comment may look like an end record; one that reaches to the end of the file is one.
    let reaches = |at: &usize| {
        tail[*at..].starts_with(b"PK\x05\x06")
            && short(&tail, at + 20).is_ok_and(|comment| at + END + usize::from(comment) == tail.len())
    };
    let mut ends = (0..tail.len().saturating_sub(END - 1)).rev().filter(reaches);
    let Some(at) = ends.next() else {
        return Err(damaged(format!("no end record in its {have} bytes: it is cut off or no archive")));
    };
    if ends.next().is_some() {
        return Err(TorchError::Ambiguous { what: "2 end records".to_owned() });
    }
    let end = &tail[at..];
    let (count, bytes, start) = (number::<2>(end, 10)?, number::<4>(end, 12)?, number::<4>(end, 16)?);
    if number::<4>(end, 4)? != 0 || number::<2>(end, 8)? != count {
        return Err(damaged("it is one part of several"));
    }
    let end_at = have - kept + at as u64;
    let (count, bytes, start, limit) = match at.checked_sub(LOCATOR).map(|locator| &tail[locator..at]) {
        Some(locator) if locator.starts_with(b"PK\x06\x07") => {
            let record_at = number::<8>(locator, 8)?;
            let limit = end_at - LOCATOR as u64;
            if record_at.checked_add(END_64 as u64).is_none_or(|behind| behind > limit) {
                return Err(damaged(format!("zip64 record at byte {record_at}, but its pointer is at byte {limit}")));
            }
            let mut record = [0; END_64];
            read_exact_at(file, &mut record, record_at)?;
            let length = number::<8>(&record, 4)?;
            if !record.starts_with(b"PK\x06\x06") || length.checked_add(12 + record_at) != Some(limit) {
                return Err(damaged(format!("no zip64 record that ends at byte {limit} at byte {record_at}")));
            }
            let wide = (number::<8>(&record, 32)?, number::<8>(&record, 40)?, number::<8>(&record, 48)?);
            for (name, narrow, wide, saturated) in [
                ("entries", count, wide.0, 0xffff),
                ("directory bytes", bytes, wide.1, WIDE),
                ("directory start", start, wide.2, WIDE),
            ] {
                if narrow != saturated && narrow != wide {
                    return Err(damaged(format!("{name}: {narrow} by the end record, {wide} by zip64's")));
                }
            }
            if number::<8>(&record, 24)? != wide.0 {
                return Err(damaged("it is one part of several"));
            }
            (wide.0, wide.1, wide.2, record_at)
        }
        _ => (count, bytes, start, end_at),
    };
    if start.checked_add(bytes) != Some(limit) {
        return Err(damaged(format!("the directory has {bytes} bytes from byte {start} on, but ends at byte {limit}")));
    }
    Ok((count, start, limit))
}

/// The first entry of a directory, and what is behind it.
fn central(table: &[u8]) -> Result<(Listed, &[u8]), TorchError> {
    if !table.starts_with(b"PK\x01\x02") {
        return Err(damaged("an entry of the directory does not start with its mark"));
    }
    let (flags, method) = (short(table, 8)?, short(table, 10)?);
    let lengths = [28, 30, 32].map(|at| short(table, at).map(usize::from));
    let [name, extra, comment] = lengths;
    let (name, extra, comment) = (name?, extra?, comment?);
    let (packed, bytes, header) = (number::<4>(table, 20)?, number::<4>(table, 24)?, number::<4>(table, 42)?);
    if CENTRAL + name + extra + comment > table.len() {
        return Err(damaged("the directory is cut off in an entry"));
    }
    let (name, rest) = table[CENTRAL..].split_at(name);
    let (extra, rest) = rest.split_at(extra);
    let Ok(name) = std::str::from_utf8(name) else {
        return Err(damaged(format!("the name {name:02x?} is not UTF-8")));
    };
    let [bytes, packed, header] = widen([bytes, packed, header], extra, name)?;
    let entry = || shown(name);
    // Bits 0, 6 and 13: encryption, strong encryption, masked headers.
    if flags & 0x2041 != 0 {
        return Err(TorchError::Encrypted { entry: entry() });
    }
    if method != 0 {
        return Err(TorchError::Compressed { entry: entry(), method });
    }
    if packed != bytes {
        return Err(damaged(format!("'{}' is stored, but has {packed} bytes for {bytes}", entry())));
    }
    Ok((Listed { name: name.to_owned(), flags, bytes, header }, &rest[comment..]))
}

/// Replaces numbers that do not fit 32 bits by those of the zip64 field, which has them in this order.
fn widen(mut numbers: [u64; 3], mut extra: &[u8], name: &str) -> Result<[u64; 3], TorchError> {
    let mut seen = false;
    while extra.len() >= 4 {
        let (kind, length) = (short(extra, 0)?, usize::from(short(extra, 2)?));
        let Some(field) = extra.get(4..4 + length) else {
            return Err(damaged(format!("an extra field of '{}' is cut off", shown(name))));
        };
        if kind == 1 {
            if std::mem::replace(&mut seen, true) {
                return Err(TorchError::Ambiguous { what: format!("2 zip64 fields of '{}'", shown(name)) });
            }
            let mut at = 0;
            for number in numbers.iter_mut().filter(|number| **number == WIDE) {
                *number = self::number::<8>(field, at)?;
                at += 8;
            }
        }
        extra = &extra[4 + length..];
    }
    if !seen && numbers.contains(&WIDE) {
        return Err(damaged(format!("'{}' lacks the zip64 field that has its numbers", shown(name))));
    }
    Ok(numbers)
}

/// Where an entry's bytes are, by the header before them, which must say what the directory says.
fn locate(file: &File, entry: &Listed, limit: u64) -> Result<Extent, TorchError> {
    let name = entry.name.as_bytes();
    let out = || damaged(format!("'{}' reaches beyond byte {limit}, where the directory starts", shown(&entry.name)));
    let fits = |from: u64, bytes: u64| from.checked_add(bytes).filter(|end| *end <= limit).ok_or_else(out);
    let named = fits(entry.header, (LOCAL + name.len()) as u64)?;
    let mut header = vec![0; LOCAL + name.len()];
    read_exact_at(file, &mut header, entry.header)?;
    let same = header.starts_with(b"PK\x03\x04")
        && short(&header, 6)? == entry.flags
        && short(&header, 8)? == 0
        && usize::from(short(&header, 26)?) == name.len()
        && header[LOCAL..] == *name;
    // Sizes are behind the entry where bit 3 says so, and in a zip64 field where they are saturated.
    let stated = |at| number::<4>(&header, at).map(|bytes| bytes == WIDE || bytes == entry.bytes);
    let sized = entry.flags & 8 != 0 || (stated(18)? && stated(22)?);
    if !same || !sized {
        return Err(TorchError::Ambiguous {
            what: format!("the header before '{}' says otherwise than the directory", shown(&entry.name)),
        });
    }
    let start = fits(named, u64::from(short(&header, 28)?))?;
    fits(start, entry.bytes)?;
    Ok(Extent { start, bytes: entry.bytes })
}
