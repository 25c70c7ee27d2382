//! A position in the file that can only move forward over bytes that exist.
//!
//! All lengths are compared as u64 with what remains before anything is multiplied, allocated or sliced.

use std::fmt;

use super::{GgufError, Limits};

/// What is being read, for messages; formatted only when something is wrong.
#[derive(Clone, Copy)]
pub(super) enum Part<'a> {
    Key(u64),
    ValueType(&'a str),
    Value(&'a str),
    Element(&'a str, u64),
    TensorName(u64),
    Tensor(&'a str),
}

impl fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(index) => write!(f, "key {index}"),
            Self::ValueType(key) => write!(f, "the type of key '{}'", super::naming::shown(key)),
            Self::Value(key) => write!(f, "the value of key '{}'", super::naming::shown(key)),
            Self::Element(key, index) => {
                write!(f, "element {index} of key '{}'", super::naming::shown(key))
            }
            Self::TensorName(index) => write!(f, "the name of tensor {index}"),
            Self::Tensor(name) => write!(f, "the info of tensor '{name}'"),
        }
    }
}

pub(super) struct Cursor<'a> {
    file: &'a [u8],
    position: usize,
    metadata_bytes: u64,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(file: &'a [u8], limits: &Limits) -> Self {
        Self { file, position: 0, metadata_bytes: limits.metadata_bytes }
    }

    pub(super) fn file(&self) -> &'a [u8] {
        self.file
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    pub(super) fn offset(&self) -> u64 {
        self.position as u64
    }

    pub(super) fn remaining(&self) -> u64 {
        (self.file.len() - self.position) as u64
    }

    /// The next `need` bytes.
    pub(super) fn take(&mut self, need: u64, what: Part<'_>) -> Result<&'a [u8], GgufError> {
        let taken = usize::try_from(need).ok().and_then(|need| self.file[self.position..].get(..need));
        let Some(taken) = taken else {
            return Err(GgufError::TruncatedField {
                what: what.to_string(),
                offset: self.offset(),
                need,
                remaining: self.remaining(),
            });
        };
        let end = self.position + taken.len();
        if end as u64 > self.metadata_bytes.saturating_add(super::HEADER_BYTES as u64) {
            return Err(GgufError::Limit {
                what: format!("metadata up to {what}, in bytes"),
                offset: self.offset(),
                got: (end - super::HEADER_BYTES) as u64,
                max: self.metadata_bytes,
            });
        }
        self.position = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: Part<'_>) -> Result<[u8; N], GgufError> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N as u64, what)?);
        Ok(bytes)
    }

    pub(super) fn u32(&mut self, what: Part<'_>) -> Result<u32, GgufError> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, what: Part<'_>) -> Result<u64, GgufError> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// The length of a string, known to fit the rest of the file.
    pub(super) fn string_length(&mut self, what: Part<'_>) -> Result<u64, GgufError> {
        let offset = self.offset();
        let length = self.u64(what)?;
        if length > self.remaining() {
            let remaining = self.remaining();
            return Err(GgufError::StringLength { what: what.to_string(), offset, length, remaining });
        }
        Ok(length)
    }

    /// A metadata string: its bytes, validated as UTF-8.
    pub(super) fn string(&mut self, max: u64, what: Part<'_>) -> Result<&'a str, GgufError> {
        let offset = self.offset();
        let length = self.string_length(what)?;
        if length > max {
            return Err(GgufError::Limit { what: format!("{what}, in bytes"), offset, got: length, max });
        }
        self.text(length, what)
    }

    /// `length` bytes of UTF-8.
    pub(super) fn text(&mut self, length: u64, what: Part<'_>) -> Result<&'a str, GgufError> {
        let offset = self.offset();
        str::from_utf8(self.take(length, what)?).map_err(|error| GgufError::BadUtf8 {
            what: what.to_string(),
            offset,
            length,
            valid: error.valid_up_to() as u64,
        })
    }
}
