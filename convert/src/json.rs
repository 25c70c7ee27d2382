//! A checkpoint's small files, read within a budget: their bytes, or what their JSON holds.
//!
//! The non-obvious thing: Python writes more than JSON has. What it is that does not parse is said in those terms.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::error::ConvertError;

/// Most bytes of a configuration file; real ones are some tens of KiB.
pub(crate) const CONFIG_BYTES: u64 = 4 << 20;
/// Most bytes of a vocabulary, tokenizer or index file; the largest real ones are below 40 MiB.
pub(crate) const DATA_BYTES: u64 = 100 << 20;

/// The bytes of a file, or `None` where there is no such file, nor a directory to hold it.
pub(crate) fn read_file(directory: &Path, name: &str, max: u64) -> Result<Option<Vec<u8>>, ConvertError> {
    let path = directory.join(name);
    let failed = |action| move |source| ConvertError::Read { path: directory.join(name), action, source };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(source) => return Err(failed("open")(source)),
    };
    let bytes = file.metadata().map_err(failed("stat"))?.len();
    let too_large = |bytes| ConvertError::JsonTooLarge { file: name.to_owned(), bytes, max };
    if bytes > max {
        return Err(too_large(bytes));
    }
    let mut content = Vec::new();
    // One byte more than allowed: the file may grow, or be a device that has no size.
    file.take(max + 1).read_to_end(&mut content).map_err(failed("read"))?;
    if content.len() as u64 > max {
        return Err(too_large(content.len() as u64));
    }
    Ok(Some(content))
}

/// The content of a file as `T`, or `None` where there is no such file.
pub(crate) fn read<T: DeserializeOwned>(directory: &Path, name: &str, max: u64) -> Result<Option<T>, ConvertError> {
    let Some(content) = read_file(directory, name, max)? else { return Ok(None) };
    parse(&content).map(Some).map_err(|message| ConvertError::Json { file: name.to_owned(), message })
}

/// UTF-8's byte order mark, which some editors write and no parser of JSON expects.
const MARK: &[u8] = b"\xef\xbb\xbf";
/// The encodings of two and four bytes a character, by how a text that begins with an ASCII character begins in them.
const OTHER_ENCODINGS: [(&[u8], &str); 6] = [
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
    (b"{\0", "UTF-16"),
    (b"\0{", "UTF-16"),
];
/// Numbers that Python writes and JSON does not have.
const NO_NUMBERS: [&[u8]; 3] = [b"NaN", b"Infinity", b"-Infinity"];

/// A JSON text in UTF-8, with or without the byte order mark; the message says why it is none.
fn parse<T: DeserializeOwned>(content: &[u8]) -> Result<T, String> {
    if let Some((_, encoding)) = OTHER_ENCODINGS.iter().find(|(start, _)| content.starts_with(start)) {
        return Err(format!("the text is in {encoding}; JSON must be in UTF-8"));
    }
    let content = content.strip_prefix(MARK).unwrap_or(content);
    serde_json::from_slice(content).map_err(|error| {
        let line = content.split(|byte| *byte == b'\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
        // The parser stops at the first character that does not fit, or behind a sign.
        let starts = (0..=2).filter_map(|back| line.get(error.column().checked_sub(back)?..));
        let found = starts.flat_map(|rest| NO_NUMBERS.iter().filter(move |name| rest.starts_with(name))).last();
        match found {
            Some(name) => {
                let name = String::from_utf8_lossy(name);
                format!("{name} at line {} column {} is no number of JSON", error.line(), error.column())
            }
            None => error.to_string(),
        }
    })
}
