//! A model file's bytes without its weights: the header is read, the rest of the buffer stays zero.
//!
//! The parser wants a slice as long as the file, to see whether every tensor lies in it. A zeroed allocation of that
//! length costs address space only: pages that nobody writes take no memory. So the header of a file of any family is
//! at hand at once, also where the engine would not map the file.

use crate::failure::Failure;
use ocelli_quant::gguf::{Bytes, Gguf};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

/// What is read at first. Real headers, vocabulary included, take 2 to 10 MB.
const FIRST: usize = 16 << 20;

/// The file's header, followed by zeros where its tensors are.
pub fn header(path: &Path) -> Result<Bytes, Failure> {
    read(path).map_err(|e| Failure::reading("model", path, &e))
}

fn read(path: &Path) -> io::Result<Bytes> {
    let mut file = File::open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let len = usize::try_from(meta.len()).map_err(io::Error::other)?;
    // Zeroed memory cannot be asked for in a way that fails, so ask for as much in a way that can first.
    Vec::<u8>::new().try_reserve_exact(len).map_err(io::Error::other)?;
    let mut bytes = vec![0u8; len];
    let first = FIRST.min(len);
    file.read_exact(&mut bytes[..first])?;
    let bytes = Arc::new(bytes);
    if first == len || Gguf::parse(bytes.clone()).is_ok_and(|gguf| gguf.data_offset() <= first as u64) {
        return Ok(bytes);
    }
    // A longer header, or a file that is none: only the whole of it tells.
    drop(bytes);
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(io::Error::other)?;
    file.seek(SeekFrom::Start(0))?;
    file.take(meta.len()).read_to_end(&mut bytes)?;
    Ok(Arc::new(bytes))
}
