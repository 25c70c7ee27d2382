//! The pictures below a folder, in the order of their paths' bytes, so that every run takes them in the same one.
//!
//! What counts is a file's name: it ends as a picture's does and nothing of it or its folders begins with a dot. The
//! non-obvious thing: links to files are followed and links to folders are not, so that no loop has no end and no picture is
//! found twice by one file system's tricks.

use super::record::Stamp;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::{Notes, counted};
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Ends of pictures' names, in small letters.
const ENDS: [&str; 11] = ["png", "apng", "jpg", "jpeg", "jpe", "jfif", "webp", "bmp", "tif", "tiff", "gif"];
/// Most pictures.
const MOST: usize = 1 << 24;

/// A picture that is there.
#[derive(Debug)]
pub struct Found {
    pub path: PathBuf,
    /// The path from the folder on, with `/` between names.
    pub key: Box<[u8]>,
    pub stamp: Stamp,
}

/// What is below a folder.
#[derive(Debug, Default)]
pub struct Walk {
    pub pictures: Vec<Found>,
    /// Whether a folder or a file could not be looked at, so that what is not here may be there all the same.
    pub partial: bool,
    /// Links to folders.
    links: usize,
}

/// Looks at all that is below a folder.
pub fn walk(folder: &Path, notes: &Notes, interrupt: &Interrupt) -> Result<Walk, Failure> {
    let mut walk = Walk::default();
    let mut folders = vec![(folder.to_owned(), Vec::new())];
    while let Some((path, key)) = folders.pop() {
        if interrupt.raised() {
            return Err(Failure::Interrupted);
        }
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(e) if path == folder => return Err(Failure::reading("folder", folder, &e)),
            Err(e) => {
                walk.unseen(&path, &e, notes);
                continue;
            }
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(e) => {
                    walk.unseen(&path, &e, notes);
                    break;
                }
            };
            let name = entry.file_name();
            let bytes = name.as_encoded_bytes();
            if bytes.starts_with(b".") {
                continue;
            }
            let key = if key.is_empty() { bytes.to_vec() } else { [&key[..], b"/", bytes].concat() };
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push((entry.path(), key)),
                Ok(kind) if kind.is_symlink() && entry.path().is_dir() => walk.links += 1,
                Ok(_) if is_picture(&name) => walk.add(entry.path(), key, notes)?,
                Ok(_) => {}
                Err(e) => walk.unseen(&entry.path(), &e, notes),
            }
        }
    }
    if walk.links > 0 {
        let links = counted(walk.links, "link");
        notes.line(format_args!("{links} to folders not followed: name what a link leads to by itself"));
    }
    walk.pictures.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    Ok(walk)
}

impl Walk {
    fn add(&mut self, path: PathBuf, key: Vec<u8>, notes: &Notes) -> Result<(), Failure> {
        match fs::metadata(&path) {
            // Neither a pipe nor a device is a picture, whatever it is called.
            Ok(data) if !data.is_file() => {}
            Ok(data) => self.pictures.push(Found { path, key: key.into(), stamp: stamp(&data) }),
            Err(e) => self.unseen(&path, &e, notes),
        }
        if self.pictures.len() > MOST {
            return Err(Failure::new(
                "search",
                format_args!("more than {MOST} pictures: search its folders one by one"),
            ));
        }
        Ok(())
    }

    fn unseen(&mut self, path: &Path, error: &std::io::Error, notes: &Notes) {
        self.partial = true;
        notes.line(format_args!("{}: {error}", path.display()));
    }
}

fn is_picture(name: &OsStr) -> bool {
    let end = Path::new(name).extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase);
    end.is_some_and(|end| ENDS.contains(&end.as_str()))
}

/// What tells that a file has changed.
pub fn stamp(data: &Metadata) -> Stamp {
    let nanos = |time: std::time::Duration| i128::try_from(time.as_nanos()).unwrap_or(i128::MAX);
    let modified = data.modified().map_or(0, |time| match time.duration_since(UNIX_EPOCH) {
        Ok(after) => nanos(after),
        Err(before) => -nanos(before.duration()),
    });
    Stamp { size: data.len(), modified }
}

#[cfg(test)]
mod tests {
    use super::is_picture;
    use std::ffi::OsStr;

    #[test]
    fn names_end_as_pictures_do() {
        let is = |name: &str| is_picture(OsStr::new(name));
        assert!(is("a.png") && is("b.JPG") && is("c.d.Tiff") && is("ä.webp"));
        assert!(!is("png") && !is("a.txt") && !is("a.png.part") && !is("a."));
    }
}
