//! Mapping a file. The one place that does, with the one promise it cannot keep alone: nobody truncates the file while
//! it is mapped (the system then ends the process with SIGBUS; open with `Load::Copy` where that can happen).

#![allow(unsafe_code)] // a mapped file is memory that others may change

use crate::error::Error;
use ocelli_quant::gguf::Bytes;
use std::path::Path;
use std::sync::Arc;

/// How a model file's bytes are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Load {
    /// Mapped: pages come as they are touched and can be dropped again by the system.
    #[default]
    Map,
    /// Read whole into memory: for files that may change or storage that may go away.
    Copy,
}

/// The bytes of the file at `path`.
///
/// # Errors
/// [`Error::Open`], also for what is no regular file.
pub fn open(path: &Path, load: Load) -> Result<Bytes, Error> {
    let error = |source| Error::Open { path: path.display().to_string(), source };
    let file = std::fs::File::open(path).map_err(error)?;
    if !file.metadata().map_err(error)?.is_file() {
        return Err(error(std::io::Error::other("not a regular file")));
    }
    match load {
        Load::Map => {
            // SAFETY: the map is read-only; that nobody changes the file meanwhile is the documented condition of
            // `Load::Map`.
            let map = unsafe { memmap2::Mmap::map(&file) }.map_err(error)?;
            Ok(Arc::new(map))
        }
        Load::Copy => Ok(aligned(&std::fs::read(path).map_err(error)?)),
    }
}

/// A copy of `bytes` whose start is aligned for any tensor.
pub fn aligned(bytes: &[u8]) -> Bytes {
    let mut words = vec![0u64; bytes.len().div_ceil(8)];
    bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..bytes.len()].copy_from_slice(bytes);
    Arc::new(Words { words, len: bytes.len() })
}

struct Words {
    words: Vec<u64>,
    len: usize,
}

impl AsRef<[u8]> for Words {
    fn as_ref(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }
}
