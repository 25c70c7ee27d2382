//! llama.cpp's importance matrix before it was a GGUF (`imatrix.dat`, `load_legacy_imatrix` of `tools/quantize`).
//!
//! All numbers are little-endian and of four bytes: how many entries; for each the length of its name, the name, a number
//! of calls, how many values, and the values; then, in later versions, the pieces of text and the length and name of the
//! data set. A value is a column's mean square times the calls (older versions: summed over them), so that dividing by the
//! calls gives what is used, as it does with the sums of the newer format. Where there were none, values are taken as they
//! are.

use super::{Columns, Imatrix};
use crate::error::{ConvertError, shown};

/// Most entries; real files have some hundred.
const ENTRIES: i32 = 65_536;
/// Most bytes of a tensor's name.
const NAME: i32 = 1024;

/// Bytes that tell this format from others.
pub(super) const HEAD: u64 = 8;
/// Most bytes that are read; models of a hundred billion parameters have some hundred million.
pub(super) const MOST: u64 = 2 << 30;

/// Whether the bytes begin as such a file does: a count and the length of a name, both small.
pub(super) fn begins(bytes: &[u8]) -> bool {
    let mut rest = Rest(bytes);
    let (entries, length) = (rest.number("", ""), rest.number("", ""));
    matches!((entries, length), (Ok(1..=ENTRIES), Ok(1..=NAME)))
}

pub(super) fn read(bytes: &[u8]) -> Result<Imatrix, ConvertError> {
    let mut rest = Rest(bytes);
    let entries = rest.number("file", "the number of entries")?;
    let mut imatrix = Imatrix::default();
    for number in 1..=entries {
        let entry = format!("entry {number} of {entries}");
        let length = rest.length(&entry, "the length of its name", NAME)?;
        let name = str::from_utf8(rest.take(length, &entry, "its name")?);
        let name = name.map_err(|error| bad(&entry, format!("its name is not UTF-8: {error}")))?;
        let columns = columns(&mut rest, name)?;
        if imatrix.entries.insert(name.to_owned(), columns).is_some() {
            return Err(bad(name, "it is there twice".to_owned()));
        }
    }
    if rest.0.is_empty() {
        return Ok(imatrix);
    }
    let chunks = rest.number("file", "the number of pieces")?;
    imatrix.chunks = u32::try_from(chunks).map_err(|_| bad("file", format!("{chunks} pieces of text")))?;
    if !rest.0.is_empty() {
        let length = rest.length("file", "the length of the data set's name", i32::MAX)?;
        let name = rest.take(length, "file", "the data set's name")?;
        imatrix.datasets.extend((length > 0).then(|| String::from_utf8_lossy(name).into_owned()));
    }
    match rest.0.len() {
        0 => Ok(imatrix),
        more => Err(bad("file", format!("{more} bytes behind its end"))),
    }
}

fn columns(rest: &mut Rest<'_>, name: &str) -> Result<Columns, ConvertError> {
    let calls = rest.number(name, "the number of calls")?;
    let calls = u64::try_from(calls).map_err(|_| bad(name, format!("{calls} calls")))?;
    let values = rest.length(name, "the number of values", i32::MAX / 4)?;
    if values == 0 {
        return Err(bad(name, "0 values, expected at least 1".to_owned()));
    }
    let bytes = rest.take(values * 4, name, "its values")?;
    let sums: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect();
    match sums.iter().find(|value| !(value.is_finite() && **value >= 0.0)) {
        Some(wrong) => Err(bad(name, format!("{wrong} is no sum of squares"))),
        None => Ok(Columns { sums, count: calls.max(1) }),
    }
}

fn bad(entry: &str, what: String) -> ConvertError {
    ConvertError::Imatrix { entry: shown(entry), what }
}

/// What has not been read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize, entry: &str, what: &str) -> Result<&'a [u8], ConvertError> {
        let split = self.0.split_at_checked(count);
        let (taken, rest) = split.ok_or_else(|| {
            bad(entry, format!("the file ends in {what}: {count} bytes are needed, {} are left", self.0.len()))
        })?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self, entry: &str, what: &str) -> Result<i32, ConvertError> {
        let bytes = self.take(4, entry, what)?;
        Ok(bytes.try_into().map_or(0, i32::from_le_bytes))
    }

    fn length(&mut self, entry: &str, what: &str, most: i32) -> Result<usize, ConvertError> {
        let number = self.number(entry, what)?;
        let length = usize::try_from(number).ok().filter(|_| number <= most);
        length.ok_or_else(|| bad(entry, format!("{what} is {number}, expected 0 to {most}")))
    }
}
