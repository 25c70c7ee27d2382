//! An output that is either the old file or the complete new one, whatever happens in between.
//!
//! Bytes go to `NAME.part.<pid>` beside the target, are synced, and take the target's name by a rename; then the
//! directory is synced, because a rename is not durable before that. The target is never opened: a process that has it
//! mapped keeps its old file, and so does every other name (hard link) of it. The new file has the old one's permissions.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::ConvertError;

/// Attempts at a free name, for conversions to the same target within one process.
const ATTEMPTS: u32 = 64;
/// Bytes of a target's name that its part file repeats: a name of 255 bytes, the most there is, leaves no room behind it.
const STEM: usize = 220;

/// The unfinished output; dropping it removes it.
#[derive(Debug)]
pub(crate) struct PartFile {
    target: PathBuf,
    part: PathBuf,
    file: File,
    kept: bool,
}

impl PartFile {
    /// Creates the part file of `target`, which has a file name and replaces a file of which that is known.
    pub(crate) fn create(target: &Path, replaced: Option<&Metadata>) -> Result<Self, ConvertError> {
        let failed =
            |source| ConvertError::Write { path: directory(target).to_owned(), action: "take a new file", source };
        let stem = part_stem(target);
        let process = std::process::id();
        for attempt in 0..ATTEMPTS {
            let suffix = if attempt == 0 { format!("{process}") } else { format!("{process}.{attempt}") };
            let part = target.with_file_name(format!("{stem}{suffix}"));
            match OpenOptions::new().write(true).create_new(true).open(&part) {
                Ok(file) => {
                    let part = Self { target: target.to_owned(), part, file, kept: false };
                    if let Some(replaced) = replaced {
                        part.file.set_permissions(replaced.permissions()).map_err(failed)?;
                    }
                    return Ok(part);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(failed(source)),
            }
        }
        Err(failed(io::ErrorKind::AlreadyExists.into()))
    }

    /// Where the bytes go.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Gives the file its name. After an error before the rename the target is as it was.
    pub(crate) fn keep(mut self) -> Result<(), ConvertError> {
        let failed = |path: &Path, action| {
            let path = path.to_owned();
            move |source| ConvertError::Write { path, action, source }
        };
        self.file.sync_all().map_err(failed(&self.part, "sync"))?;
        fs::rename(&self.part, &self.target).map_err(failed(&self.target, "rename"))?;
        self.kept = true;
        sync_directory(directory(&self.target)).map_err(failed(directory(&self.target), "sync"))
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.kept {
            // Nothing can be done about a failure; the next run reports the file.
            let _ = fs::remove_file(&self.part);
        }
    }
}

/// Part files of `target` that are lying about: what killed programs left behind, or running ones are writing. Their names,
/// beside it.
#[must_use]
pub fn leftovers(target: &Path) -> Vec<String> {
    let stem = part_stem(target);
    let Ok(entries) = fs::read_dir(directory(target)) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .filter(|name| name.starts_with(&stem))
        .collect();
    names.sort();
    names
}

fn part_stem(target: &Path) -> String {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    format!("{}.part.", &name[..name.floor_char_boundary(STEM)])
}

/// Writes a file of a few bytes: what was there before stays until all of the new one is.
///
/// # Errors
/// [`ConvertError::Write`].
pub fn write_atomically(target: &Path, bytes: &[u8]) -> Result<(), ConvertError> {
    replace_atomically(target, |mut file| file.write_all(bytes))
}

/// The same of a file that is not in memory as a whole: it is what `write` writes.
///
/// # Errors
/// [`ConvertError::Write`].
pub fn replace_atomically(target: &Path, write: impl FnOnce(&File) -> io::Result<()>) -> Result<(), ConvertError> {
    let part = PartFile::create(target, fs::metadata(target).ok().as_ref())?;
    let failed = |source| ConvertError::Write { path: target.to_owned(), action: "be written", source };
    write(part.file()).map_err(failed)?;
    part.keep()
}

/// The directory a file is in.
pub(crate) fn directory(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    match File::open(directory)?.sync_all() {
        // Some file systems cannot sync a directory; they have no rename to lose either.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        other => other,
    }
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}
