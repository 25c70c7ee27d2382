//! The header and the key-value section: checked once, kept as ranges.

use std::collections::hash_map;
use std::ops::Range;

use super::cursor::{Cursor, Part};
use super::naming::{key_rule, length_rule, shown};
use super::value::{Value, ValueType};
use super::{ALIGNMENT_KEY, DEFAULT_ALIGNMENT, GgufError, HEADER_BYTES, Index, Limits, MAGIC, sniff};

/// Key length and value type: what no key can do without.
const LEAST_KEY_BYTES: u64 = 12;
/// Name length, dimension count, type and offset: what no tensor info can do without.
const LEAST_TENSOR_BYTES: u64 = 24;

pub(super) struct Header {
    pub(super) version: u32,
    pub(super) tensors: u64,
    pub(super) keys: u64,
}

/// One key, as ranges of the file.
#[derive(Clone)]
pub(super) struct Entry {
    /// Which of a model's files it lies in.
    pub(super) part: usize,
    key: Range<usize>,
    value: Range<usize>,
    ty: ValueType,
    /// Element type and count when `ty` is an array; `value` is then the elements alone.
    array: Option<(ValueType, u64)>,
}

#[derive(Clone)]
pub(super) struct Metadata {
    pub(super) entries: Vec<Entry>,
    pub(super) index: Index,
    pub(super) alignment: u64,
}

impl Entry {
    pub(super) fn key<'a>(&self, file: &'a [u8]) -> &'a str {
        str::from_utf8(super::slice(file, self.key.clone())).unwrap_or_default()
    }

    pub(super) fn value<'a>(&self, file: &'a [u8]) -> Value<'a> {
        Value::view(self.ty, self.array, super::slice(file, self.value.clone()))
    }

    /// The same key of a file that has become another of a model's files.
    pub(super) fn in_part(&self, part: usize) -> Self {
        Self { part, ..self.clone() }
    }
}

impl Metadata {
    /// The value of a key of a file by itself.
    pub(super) fn find<'a>(&self, key: &str, file: &'a [u8]) -> Option<Value<'a>> {
        self.index.get(key).and_then(|&at| self.entries.get(at)).map(|entry| entry.value(file))
    }
}

/// Reads magic, version and counts. The version comes before the length check: a version 1 header is shorter.
pub(super) fn read_header(cursor: &mut Cursor<'_>, limits: &Limits) -> Result<Header, GgufError> {
    let file = cursor.file();
    let start = &file[..file.len().min(MAGIC.len())];
    if start != &MAGIC[..start.len()] {
        return Err(sniff::wrong_magic(file));
    }
    let short = || GgufError::TruncatedHeader { need: HEADER_BYTES as u64, have: file.len() as u64 };
    let version = *file.get(4..).and_then(|rest| rest.first_chunk::<4>()).ok_or_else(short)?;
    let version = match u32::from_le_bytes(version) {
        known @ (2 | 3) => known,
        raw if raw != 0 && raw & 0xffff == 0 => return Err(GgufError::BigEndian { raw }),
        version => return Err(GgufError::Version { version }),
    };
    let counts = file.get(8..HEADER_BYTES).map(|counts| counts.as_chunks::<8>().0);
    let Some(&[tensors, keys]) = counts else {
        return Err(short());
    };
    let (tensors, keys) = (u64::from_le_bytes(tensors), u64::from_le_bytes(keys));
    cursor.take(HEADER_BYTES as u64, Part::Key(0))?;

    // Against the bytes of the file first, then against the limits.
    let remaining = cursor.remaining();
    let need = u128::from(tensors) * u128::from(LEAST_TENSOR_BYTES);
    if need > u128::from(remaining) {
        return Err(GgufError::TensorCount { count: tensors, need, remaining });
    }
    let need = u128::from(keys) * u128::from(LEAST_KEY_BYTES);
    if need > u128::from(remaining) {
        return Err(GgufError::KeyCount { count: keys, need, remaining });
    }
    for (what, offset, got, max) in
        [("tensor count", 8, tensors, limits.tensors), ("metadata key count", 16, keys, limits.keys)]
    {
        if got > max {
            return Err(GgufError::Limit { what: what.to_owned(), offset, got, max });
        }
    }
    Ok(Header { version, tensors, keys })
}

/// Reads all keys, then settles the one that concerns the container itself: alignment.
pub(super) fn read(cursor: &mut Cursor<'_>, count: u64, limits: &Limits) -> Result<Metadata, GgufError> {
    let file = cursor.file();
    // The header's count has been held against the file, so this is no more than a few times the file.
    let room = usize::try_from(count).unwrap_or_default();
    let mut entries: Vec<Entry> = Vec::with_capacity(room);
    let mut index = Index::with_capacity(room);
    for number in 0..count {
        let offset = cursor.offset();
        let key_range = read_key(cursor, number, limits)?;
        let key = str::from_utf8(&file[key_range.clone()]).unwrap_or_default();
        match index.entry(key.into()) {
            hash_map::Entry::Vacant(slot) => slot.insert(entries.len()),
            hash_map::Entry::Occupied(slot) => {
                let first = *slot.get() as u64;
                return Err(GgufError::DuplicateKey { key: shown(key), first, second: number, offset });
            }
        };
        let type_offset = cursor.offset();
        let ty = value_type(cursor.u32(Part::ValueType(key))?, key, type_offset)?;
        let (array, value) = if ty == ValueType::Array {
            let (element, count, value) = read_array(cursor, key, limits)?;
            (Some((element, count)), value)
        } else {
            (None, read_value(cursor, ty, key, Part::Value(key), limits)?)
        };
        entries.push(Entry { part: 0, key: key_range, value, ty, array });
    }

    let find = |key: &str| index.get(key).map(|&at| entries[at].value(file));
    let alignment = match find(ALIGNMENT_KEY) {
        None => DEFAULT_ALIGNMENT,
        Some(Value::U32(value)) => checked_alignment(u64::from(value))?,
        Some(other) => {
            return Err(GgufError::AlignmentType { got: other.type_name() });
        }
    };
    Ok(Metadata { entries, index, alignment })
}

fn checked_alignment(value: u64) -> Result<u64, GgufError> {
    let sane = value.is_power_of_two() && (Limits::MIN_ALIGNMENT..=Limits::MAX_ALIGNMENT).contains(&value);
    if sane { Ok(value) } else { Err(GgufError::Alignment { value }) }
}

fn value_type(id: u32, key: &str, offset: u64) -> Result<ValueType, GgufError> {
    ValueType::from_id(id).ok_or_else(|| GgufError::ValueType { key: shown(key), id, offset })
}

fn read_key(cursor: &mut Cursor<'_>, number: u64, limits: &Limits) -> Result<Range<usize>, GgufError> {
    let what = Part::Key(number);
    let length = cursor.string_length(what)?;
    let offset = cursor.offset();
    let bad = |rule| GgufError::BadName { what: what.to_string(), offset, rule };
    if let Some(rule) = length_rule(length, limits.key_bytes, "key") {
        return Err(bad(rule));
    }
    let start = cursor.position();
    let key = cursor.take(length, what)?;
    match key_rule(key, limits) {
        Some(rule) => Err(bad(rule)),
        None => Ok(start..cursor.position()),
    }
}

/// One value or string element; returns the range of its payload (for a string, without the length).
fn read_value(
    cursor: &mut Cursor<'_>,
    ty: ValueType,
    key: &str,
    what: Part<'_>,
    limits: &Limits,
) -> Result<Range<usize>, GgufError> {
    let offset = cursor.offset();
    let payload = match ty.bytes() {
        None => cursor.string(limits.string_bytes, what)?.as_bytes(),
        Some(bytes) => cursor.take(bytes, what)?,
    };
    if ty == ValueType::Bool {
        check_bools(payload, key, offset)?;
    }
    Ok(cursor.position() - payload.len()..cursor.position())
}

/// Element type, count and elements of an array. One level only, so nothing here recurses.
fn read_array(
    cursor: &mut Cursor<'_>,
    key: &str,
    limits: &Limits,
) -> Result<(ValueType, u64, Range<usize>), GgufError> {
    let what = Part::Value(key);
    let type_offset = cursor.offset();
    let element = value_type(cursor.u32(what)?, key, type_offset)?;
    if element == ValueType::Array {
        return Err(GgufError::NestedArray { key: shown(key), offset: type_offset });
    }
    let offset = cursor.offset();
    let count = cursor.u64(what)?;
    // A string takes at least its length.
    let need = u128::from(count) * u128::from(element.bytes().unwrap_or(8));
    let remaining = cursor.remaining();
    if need > u128::from(remaining) {
        let (key, element) = (shown(key), element.name());
        return Err(GgufError::ArrayLength { key, element, offset, count, need, remaining });
    }
    if count > limits.array_elements {
        let what = format!("elements of the array of key '{}'", shown(key));
        return Err(GgufError::Limit { what, offset, got: count, max: limits.array_elements });
    }
    let start = cursor.position();
    match element.bytes() {
        None => {
            for number in 0..count {
                cursor.string(limits.string_bytes, Part::Element(key, number))?;
            }
        }
        Some(bytes) => {
            let elements = cursor.take(count * bytes, what)?;
            if element == ValueType::Bool {
                check_bools(elements, key, start as u64)?;
            }
        }
    }
    Ok((element, count, start..cursor.position()))
}

fn check_bools(bytes: &[u8], key: &str, offset: u64) -> Result<(), GgufError> {
    match bytes.iter().position(|&byte| byte > 1) {
        None => Ok(()),
        Some(at) => Err(GgufError::BadBool { key: shown(key), value: bytes[at], offset: offset + at as u64 }),
    }
}
