//! The GGUF container, versions 2 and 3, little-endian: read with everything validated once, written streaming.
//!
//! A file is a 24-byte header (magic, version, tensor count, key count), the metadata, the tensor infos, padding to
//! `general.alignment` (32 unless set), and the tensor data, each tensor padded to the alignment. Follows ggml's
//! `docs/gguf.md` and, where that is silent, ggml's own reader (tensors lie in declared order with nothing but padding
//! between them).
//!
//! [`Gguf::parse`] is the trust boundary: a file is hostile until it returns `Ok`. Afterwards every tensor is known to
//! lie inside the bytes, and every string to be UTF-8. Values are not copied: the index holds ranges, and [`Value`]s
//! are views decoded from the bytes on demand. All reading is bounds-checked safe code, so even bytes that change after
//! parsing (a mapped file somebody writes to) yield wrong values at worst.

mod compose;
mod cursor;
mod error;
mod error_code;
mod ggml_types;
pub mod keys;
mod limits;
mod lookup;
mod meta_value;
mod metadata;
mod naming;
mod sniff;
mod split;
mod tensors;
mod value;
mod write;
mod write_error;

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

pub use compose::Named;
pub use error::GgufError;
pub use limits::Limits;
pub use meta_value::MetaValue;
pub use split::is_split_key;
pub use tensors::TensorInfo;
pub use value::{Array, Element, Elements, StringArray, StringIter, Value, ValueType};
pub use write::{Body, Writer};
pub use write_error::WriteError;

use cursor::Cursor;
use metadata::Metadata;
use split::Split;
use tensors::TensorTable;

/// The bytes of a file: a memory map or an owned buffer.
///
/// `as_ref` must return the same slice every time; a [`Gguf`] keeps ranges into it. (Breaking that cannot cause memory
/// errors, only empty or wrong values.)
pub type Bytes = Arc<dyn Storage>;

/// Whatever bytes can be kept in. Its type can be asked for, since some can do more than be read.
pub trait Storage: AsRef<[u8]> + Any + Send + Sync {}

impl<T: AsRef<[u8]> + Any + Send + Sync> Storage for T {}

/// The four bytes a file starts with.
const MAGIC: [u8; 4] = *b"GGUF";
/// Magic, version, tensor count, key count.
const HEADER_BYTES: usize = 24;
/// The version written; versions 2 and 3 have the same layout.
const VERSION: u32 = 3;
/// Alignment of the data section and of each tensor where the file does not say.
const DEFAULT_ALIGNMENT: u64 = 32;
/// The key that says otherwise.
const ALIGNMENT_KEY: &str = "general.alignment";

/// A validated GGUF file, the files of a model that is split into several, or those that it was put together from.
#[derive(Clone)]
pub struct Gguf {
    /// The first has the keys, but for those that were added ([`Gguf::beside`], [`Gguf::with`]).
    parts: Vec<Bytes>,
    version: u32,
    metadata: Metadata,
    tensors: TensorTable,
}

impl Gguf {
    /// Validates a whole file under the default [`Limits`].
    ///
    /// # Errors
    /// See [`GgufError`]: the first thing wrong with the file, by name and with the two numbers that disagree.
    pub fn parse(bytes: Bytes) -> Result<Gguf, GgufError> {
        Self::parse_with(bytes, &Limits::default())
    }

    /// Validates a whole file under given limits. Bytes after the last tensor's padding are ignored, as ggml does.
    ///
    /// # Errors
    /// As [`Gguf::parse`].
    pub fn parse_with(bytes: Bytes, limits: &Limits) -> Result<Gguf, GgufError> {
        match Self::parse_part(bytes, limits)? {
            (file, None) => Ok(file),
            (_, Some(split)) => Err(split.alone()),
        }
    }

    /// Validates a model that is split into several files, all of them, the first first, under the default [`Limits`].
    ///
    /// # Errors
    /// As [`Gguf::parse`] where a file is wrong by itself; the `Split` errors where the files do not fit each other.
    pub fn join(parts: Vec<Bytes>) -> Result<Gguf, GgufError> {
        split::join(parts, &Limits::default())
    }

    /// Validates a file by itself, and says what it is part of.
    fn parse_part(bytes: Bytes, limits: &Limits) -> Result<(Gguf, Option<Split>), GgufError> {
        let file: &[u8] = (*bytes).as_ref();
        let mut cursor = Cursor::new(file, limits);
        let header = metadata::read_header(&mut cursor, limits)?;
        let metadata = metadata::read(&mut cursor, header.keys, limits)?;
        let split = Split::of(&metadata, file, limits)?;
        let tensors = tensors::read(&mut cursor, header.tensors, metadata.alignment, limits)?;
        Ok((Gguf { version: header.version, metadata, tensors, parts: vec![bytes] }, split))
    }

    /// The container version, 2 or 3.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Alignment of the data section and of each tensor in it, in bytes.
    #[must_use]
    pub fn alignment(&self) -> u64 {
        self.metadata.alignment
    }

    /// Where the data section of the first file starts; without tensors in it, where its metadata ends.
    #[must_use]
    pub fn data_offset(&self) -> u64 {
        self.tensors.data_offset
    }

    /// Bytes of the whole file, or of all files of a split model together.
    #[must_use]
    pub fn file_len(&self) -> u64 {
        self.parts.iter().map(|part| (**part).as_ref().len() as u64).sum()
    }

    /// All keys and values in file order.
    pub fn keys(&self) -> impl Iterator<Item = (&str, Value<'_>)> {
        self.metadata.entries.iter().map(|entry| (entry.key(self.part(entry.part)), entry.value(self.part(entry.part))))
    }

    /// The value of a key, whatever its type.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Value<'_>> {
        let entry = self.metadata.index.get(key).and_then(|&at| self.metadata.entries.get(at))?;
        Some(entry.value(self.part(entry.part)))
    }

    /// All tensors in file order.
    #[must_use]
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors.infos
    }

    /// The tensor of that name.
    #[must_use]
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.index_of(name).and_then(|index| self.tensors.infos.get(index))
    }

    /// The index in [`Gguf::tensors`] of the tensor of that name.
    #[must_use]
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.tensors.index.get(name).copied()
    }

    /// The bytes of a tensor of this file. An info of some other file may give other bytes, or none.
    #[must_use]
    pub fn data(&self, tensor: &TensorInfo) -> &[u8] {
        let span = || {
            let start = usize::try_from(tensor.offset).ok()?;
            let end = start.checked_add(usize::try_from(tensor.bytes).ok()?)?;
            Some(start..end)
        };
        span().map_or(&[], |span| slice(self.part(tensor.part), span))
    }

    /// The files as handed to [`Gguf::parse`] or [`Gguf::join`]: one, but for a split model.
    #[must_use]
    pub fn parts(&self) -> &[Bytes] {
        &self.parts
    }

    /// The bytes of one of the files.
    fn part(&self, number: usize) -> &[u8] {
        self.parts.get(number).map_or(&[], |part| (**part).as_ref())
    }
}

impl fmt::Debug for Gguf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gguf")
            .field("version", &self.version)
            .field("parts", &self.parts.len())
            .field("file_len", &self.file_len())
            .field("keys", &self.metadata.entries.len())
            .field("tensors", &self.tensors.infos.len())
            .finish_non_exhaustive()
    }
}

/// Names to positions. The standard map's keyed hash keeps chosen names from colliding on purpose.
type Index = HashMap<Box<str>, usize>;

/// `range` of `file`, or nothing should the file have shrunk behind our back.
fn slice(file: &[u8], range: Range<usize>) -> &[u8] {
    file.get(range).unwrap_or_default()
}

/// `offset` rounded up to a multiple of `alignment`, which is a power of two.
fn pad_to(offset: u64, alignment: u64) -> Option<u64> {
    Some(offset.checked_add(alignment - 1)? & !(alignment - 1))
}
