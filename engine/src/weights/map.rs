//! Mapping a file. The one place that does, with the one promise it cannot keep alone: nobody truncates the file while
//! it is mapped (the system then ends the process with SIGBUS; open with `Load::Copy` where that can happen).

#![allow(unsafe_code)] // a mapped file is memory that others may change

use crate::error::Error;
use ocelli_quant::gguf::Bytes;
use std::any::Any;
use std::fs::{File, Metadata};
use std::io;
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::Arc;

/// How a model file's bytes are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Load {
    /// Mapped: pages come as they are touched and can be dropped again by the system; those of the tower and the bridge
    /// are let go once the pictures of a prompt are encoded.
    #[default]
    Map,
    /// Mapped, and read through once, so that the first answer does not wait for storage.
    Ahead,
    /// Read whole into memory: for files that may change or storage that may go away.
    Copy,
}

/// Bytes read between two reports.
const STEP: usize = 4 << 20;

/// Told of bytes that are there, of all; `Break` stops the loading.
pub type Progress<'a> = dyn FnMut(u64, u64) -> ControlFlow<()> + 'a;

/// The bytes of the file at `path`.
///
/// # Errors
/// [`Error::Open`], also for what is no regular file; [`Error::OutOfMemory`]; [`Error::Cancelled`] where `progress` says
/// so.
pub(super) fn whole(path: &Path, load: Load, progress: &mut Progress<'_>) -> Result<Bytes, Error> {
    let name = path.display().to_string();
    let error = |source| Error::Open { path: name.clone(), source };
    // Asked before it is opened: opening a pipe waits for somebody who writes to it.
    check_kind(&std::fs::metadata(path).map_err(error)?).map_err(error)?;
    let file = File::open(path).map_err(error)?;
    open_part(&file, &name, 0, None, load, progress)
}

/// Refuses what cannot be mapped, by what it is.
fn check_kind(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    let kind = metadata.file_type();
    #[cfg(unix)]
    let special = {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            "a pipe"
        } else if kind.is_socket() {
            "a socket"
        } else {
            "a device"
        }
    };
    #[cfg(not(unix))]
    let special = "no regular file";
    let what = if kind.is_dir() {
        "a directory; a checkpoint's directory becomes a model file by 'ocelli convert'".to_owned()
    } else {
        format!("{special}; a model is read in any order, so it must be a regular file")
    };
    Err(io::Error::other(format!("it is {what}")))
}

/// The `length` bytes of an open file from `offset` on, or all from there to its end; `name` is for messages. The file
/// may be closed then; where it is read from next does not change.
///
/// # Errors
/// [`Error::Open`], also for what is no regular file; [`Error::OutOfMemory`]; [`Error::Cancelled`] where `progress` says
/// so.
pub fn open_part(
    file: &File,
    name: &str,
    offset: u64,
    length: Option<u64>,
    load: Load,
    progress: &mut Progress<'_>,
) -> Result<Bytes, Error> {
    let error = |source| Error::Open { path: name.to_owned(), source };
    let other = |text: String| error(io::Error::other(text));
    let metadata = file.metadata().map_err(error)?;
    check_kind(&metadata).map_err(error)?;
    let size = metadata.len();
    let length = length.unwrap_or(size.saturating_sub(offset));
    if offset.checked_add(length).is_none_or(|end| end > size) {
        return Err(other(format!("{length} bytes from {offset} on are asked for, it has {size}")));
    }
    let len =
        usize::try_from(length).map_err(|_| other(format!("{length} bytes are more than this machine addresses")))?;
    let mut report = |done: usize| match progress(done as u64, length) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::Cancelled),
    };
    report(0)?;
    if load == Load::Copy {
        let mut words = words(len)?;
        let bytes = &mut bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..len];
        for start in (0..len).step_by(STEP) {
            let end = (start + STEP).min(len);
            read_at(file, &mut bytes[start..end], offset + start as u64).map_err(error)?;
            report(end)?;
        }
        return Ok(Arc::new(Words { words, len }));
    }
    // SAFETY: the map is read-only; that nobody changes the file meanwhile is the documented condition of `Load::Map`.
    let map = unsafe { memmap2::MmapOptions::new().offset(offset).len(len).map(file) }.map_err(error)?;
    if load == Load::Ahead {
        // One byte brings its page, and the system the pages behind it.
        for start in (0..len).step_by(STEP) {
            let end = (start + STEP).min(len);
            let sum = map[start..end].iter().step_by(4096).fold(0u8, |sum, byte| sum ^ byte);
            std::hint::black_box(sum);
            report(end)?;
        }
        return Ok(Arc::new(map));
    }
    if len > 0 {
        report(len)?;
    }
    Ok(Arc::new(Mapped(map)))
}

/// A file as [`Load::Map`] maps it.
struct Mapped(memmap2::Mmap);

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Takes the pages of `range` out of the process's memory where `bytes` are of [`Load::Map`]; all else stays as it is.
/// They stay in the system's cache, first in line for what else needs room, and come back as they are touched.
pub fn let_go(bytes: &Bytes, range: Range<usize>) {
    let storage: &dyn Any = &**bytes;
    #[cfg(unix)]
    if let Some(Mapped(map)) = storage.downcast_ref()
        && range.start < range.end
        && range.end <= map.len()
    {
        // SAFETY: a shared map of a file that nobody writes to reads the same when its pages come back.
        let advised = unsafe {
            map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, range.start, range.end - range.start)
        };
        debug_assert!(advised.is_ok());
    }
    #[cfg(not(unix))]
    let _ = (storage, range);
}

/// Fills `to` from a place in the file without moving the place that it is read from next.
fn read_at(file: &File, to: &mut [u8], offset: u64) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_exact_at(file, to, offset);
    #[cfg(not(unix))]
    {
        use std::io::{Read, Seek, SeekFrom};
        let mut file = file;
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(to)
    }
}

/// Zeroes for `len` bytes.
fn words(len: usize) -> Result<Vec<u64>, Error> {
    let mut words = Vec::new();
    let count = len.div_ceil(8);
    let error = |_| Error::OutOfMemory { what: "the model file", bytes: len };
    words.try_reserve_exact(count).map_err(error)?;
    words.resize(count, 0u64);
    Ok(words)
}

/// A copy of `bytes` whose start is aligned for any tensor.
///
/// # Errors
/// [`Error::OutOfMemory`].
pub fn aligned(bytes: &[u8]) -> Result<Bytes, Error> {
    written(bytes.len(), &mut |copy| copy.copy_from_slice(bytes))
}

/// So many bytes, which `write` writes, aligned for any tensor.
///
/// # Errors
/// [`Error::OutOfMemory`].
pub fn written(len: usize, write: &mut dyn FnMut(&mut [u8])) -> Result<Bytes, Error> {
    let mut words = words(len)?;
    write(&mut bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..len]);
    Ok(Arc::new(Words { words, len }))
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

/// KiB of the bytes' map that are in memory, by Linux's list of maps.
#[cfg(test)]
pub fn resident(bytes: &Bytes) -> usize {
    let start = format!("{:x}-", (**bytes).as_ref().as_ptr().addr() & !4095);
    let maps = std::fs::read_to_string("/proc/self/smaps").unwrap_or_default();
    let mut lines = maps.lines().skip_while(|line| !line.starts_with(&start));
    let size = lines.find_map(|line| line.strip_prefix("Rss:"));
    size.and_then(|size| size.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A file of three steps and a bit.
    fn file(name: &str) -> (File, Vec<u8>) {
        let path = std::env::temp_dir().join(format!("ocelli-map-{name}-{}", std::process::id()));
        let bytes: Vec<u8> = (0..3 * STEP + 77).map(|i| (i % 251) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        let file = File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        (file, bytes)
    }

    #[test]
    fn every_way_gives_the_same_part_and_tells_how_far_it_is() {
        let (file, bytes) = file("ways");
        for (load, reports) in [(Load::Map, 2), (Load::Ahead, 5), (Load::Copy, 5)] {
            let mut told = Vec::new();
            let mut tell = |done, all| {
                told.push((done, all));
                ControlFlow::Continue(())
            };
            let all = open_part(&file, "it", 0, None, load, &mut tell).unwrap();
            assert_eq!((*all).as_ref(), bytes, "{load:?}");
            let len = bytes.len() as u64;
            assert_eq!((told.len(), told[0], told[reports - 1]), (reports, (0, len), (len, len)), "{load:?}");
            assert!(told.is_sorted());
            let part = open_part(&file, "it", 5, Some(9), load, &mut |_, _| ControlFlow::Continue(())).unwrap();
            assert_eq!((*part).as_ref(), &bytes[5..14], "{load:?}");
        }
    }

    #[test]
    fn what_is_let_go_reads_the_same_again() {
        let (file, bytes) = file("let-go");
        for load in [Load::Map, Load::Ahead, Load::Copy] {
            let part = open_part(&file, "it", 5, None, load, &mut |_, _| ControlFlow::Continue(())).unwrap();
            assert_eq!((*part).as_ref(), &bytes[5..], "{load:?}");
            let before = resident(&part);
            let_go(&part, 5000..2 * STEP);
            let gone = before.saturating_sub(resident(&part));
            let wanted = if cfg!(target_os = "linux") && load == Load::Map { 2 * STEP / 1024 - 8 } else { 0 };
            assert!(gone >= wanted, "{load:?}: {gone} KiB, {wanted} at least");
            assert_eq!((*part).as_ref(), &bytes[5..], "{load:?}");
            let_go(&part, 5..5);
            let_go(&part, 5..bytes.len() + 1);
        }
    }

    #[test]
    fn loading_stops_where_it_is_told_to_and_at_the_end() {
        let (file, bytes) = file("stop");
        for load in [Load::Ahead, Load::Copy] {
            let stop =
                &mut |done, _| if done > STEP as u64 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
            assert!(matches!(open_part(&file, "it", 0, None, load, stop), Err(Error::Cancelled)));
        }
        let on = &mut |_, _| ControlFlow::Continue(());
        for (offset, length) in [(0, bytes.len() as u64 + 1), (bytes.len() as u64, 1), (u64::MAX, 2), (2, u64::MAX)] {
            let refused = open_part(&file, "it", offset, Some(length), Load::Map, on);
            assert!(matches!(refused, Err(Error::Open { .. })), "{offset} {length}");
        }
    }
}
