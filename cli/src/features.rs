//! Features of pictures in a file, so that a pool of demonstrations is encoded once and not at every call.
//!
//! The file lies beside the pool, `POOL.features`, or where that cannot be written in the user's folder for caches. An entry
//! is known by a hash of the picture's bytes and of all that its features depend on, so one file serves several models, and a
//! picture that was changed has none. A file that is damaged or something else is said and made again; writing is one rename.
//! Format, little-endian: the magic, then 16 bytes of key, a u32 width and the numbers for each entry, in order of the keys,
//! then 16 bytes of hash of all before.

use crate::failure::Failure;
use crate::output::{Notes, size};
use ocelli_convert::write_atomically;
use ocelli_engine::image::bytes_hash;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 16] = b"ocelli features1";
/// Most bytes of a file: 50,000 pictures of 1,280 numbers.
const MOST: usize = 256 << 20;
/// Most files in the folder for caches.
const FILES: usize = 32;

/// What is known of pictures.
pub struct Features {
    beside: PathBuf,
    entries: BTreeMap<u128, Vec<f32>>,
    /// Those that were asked for.
    used: BTreeSet<u128>,
}

impl Features {
    /// What was kept for a pool.
    pub fn of(pool: &Path, notes: &Notes) -> Self {
        let mut beside = pool.as_os_str().to_owned();
        beside.push(".features");
        let mut features = Self { beside: beside.into(), entries: BTreeMap::new(), used: BTreeSet::new() };
        for path in [Some(features.beside.clone()), features.cached()].into_iter().flatten() {
            match read(&path) {
                Ok(entries) => features.entries.extend(entries),
                Err(what) => notes.line(format_args!("{}: {what}: features are made again", path.display())),
            }
        }
        features
    }

    /// The numbers of a picture, if they are known.
    pub fn get(&mut self, key: u128) -> Option<&[f32]> {
        self.used.insert(key);
        self.entries.get(&key).map(Vec::as_slice)
    }

    pub fn insert(&mut self, key: u128, numbers: Vec<f32>) {
        self.entries.insert(key, numbers);
    }

    /// Keeps all that there is room for, first what was asked for; where.
    pub fn save(&self) -> Result<PathBuf, Failure> {
        let bytes = written(&self.entries, &self.used);
        let beside = match write_atomically(&self.beside, &bytes) {
            Ok(()) => return Ok(self.beside.clone()),
            Err(beside) => beside,
        };
        let path = self.cached().ok_or(beside)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|e| Failure::new("output", format_args!("{}: {e}", folder.display())))?;
        make_room(folder, &path);
        write_atomically(&path, &bytes)?;
        Ok(path)
    }

    /// The file in the user's folder for caches, by where the pool is.
    fn cached(&self) -> Option<PathBuf> {
        let folder = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let caches = folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")))?;
        let pool = std::path::absolute(&self.beside).ok()?;
        let name = bytes_hash(pool.as_os_str().as_encoded_bytes());
        Some(caches.join("ocelli").join("features").join(format!("{name:032x}.features")))
    }
}

/// Takes the oldest files away where there are too many.
fn make_room(folder: &Path, own: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let others = entries.flatten().map(|entry| entry.path());
    let others = others.filter(|path| path != own && path.extension().is_some_and(|end| end == "features"));
    let mut others: Vec<_> = others.filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path))).collect();
    others.sort();
    for (_, path) in &others[..others.len().saturating_sub(FILES - 1)] {
        // Whoever cannot is over the number of files, and nothing worse.
        let _ = fs::remove_file(path);
    }
}

/// A file with all that there is room for, first what is in `first`.
pub fn written(entries: &BTreeMap<u128, Vec<f32>>, first: &BTreeSet<u128>) -> Vec<u8> {
    let length = |numbers: &Vec<f32>| 20 + 4 * numbers.len();
    let mut room = MOST - MAGIC.len() - 16;
    let mut kept = BTreeSet::new();
    for wanted in [true, false] {
        for (key, numbers) in entries.iter().filter(|(key, _)| first.contains(key) == wanted) {
            if let Some(left) = room.checked_sub(length(numbers)) {
                room = left;
                kept.insert(*key);
            }
        }
    }
    let mut bytes = MAGIC.to_vec();
    for (key, numbers) in entries.iter().filter(|(key, _)| kept.contains(key)) {
        bytes.extend(key.to_le_bytes());
        bytes.extend(u32::try_from(numbers.len()).unwrap_or(0).to_le_bytes());
        numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    }
    let hash = bytes_hash(&bytes);
    bytes.extend(hash.to_le_bytes());
    bytes
}

/// The entries of a file, none where there is none; what is wrong with it.
fn read(path: &Path) -> Result<BTreeMap<u128, Vec<f32>>, String> {
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(MOST as u64 + 1).read_to_end(&mut bytes)) {
        Ok(_) if bytes.len() > MOST => Err(format!("over {}", size(MOST as u64))),
        Ok(_) => parsed(&bytes).ok_or_else(|| "no whole file of features".to_owned()),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(e) => Err(e.to_string()),
    }
}

/// The entries of a file; none of one that is damaged or something else.
pub fn parsed(bytes: &[u8]) -> Option<BTreeMap<u128, Vec<f32>>> {
    let (content, hash) = bytes.split_last_chunk::<16>()?;
    let mut rest = content.strip_prefix(MAGIC)?;
    if u128::from_le_bytes(*hash) != bytes_hash(content) {
        return None;
    }
    let mut entries = BTreeMap::new();
    while !rest.is_empty() {
        let (key, behind) = rest.split_first_chunk::<16>()?;
        let (width, behind) = behind.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*width)).ok()?.checked_mul(4)?;
        let (numbers, behind) = behind.split_at_checked(length)?;
        let numbers: Vec<f32> = numbers.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        if !numbers.iter().all(|number| number.is_finite()) {
            return None;
        }
        entries.insert(u128::from_le_bytes(*key), numbers);
        rest = behind;
    }
    Some(entries)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let entries: BTreeMap<u128, Vec<f32>> = [(7, vec![0.5, -1.0]), (u128::MAX, vec![]), (3, vec![1e-9])].into();
        let bytes = written(&entries, &BTreeSet::new());
        assert_eq!(parsed(&bytes), Some(entries.clone()));
        assert_eq!(written(&entries, &[3].into()), bytes, "in order of the keys");
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert_eq!(parsed(&other), None, "byte {at}");
            assert_eq!(parsed(&bytes[..at]), None, "{at} bytes");
        }
        // Right by its hash, wrong all the same.
        let hashed = |content: &[u8]| [content, &bytes_hash(content).to_le_bytes()].concat();
        for end in [
            &[0u8; 19][..],
            &[[0u8; 16], [255; 16]].concat(),
            &[[0; 16], [1, 0, 0, 0, 0, 0, 192, 127, 0, 0, 0, 0, 0, 0, 0, 0]].concat(),
        ] {
            assert_eq!(parsed(&hashed(&[MAGIC, end].concat())), None, "{end:?}");
        }
        assert_eq!(parsed(&hashed(&[&MAGIC[..], &[0; 16], &[1, 0, 0, 0], &f32::NAN.to_le_bytes()].concat())), None);
    }
}
