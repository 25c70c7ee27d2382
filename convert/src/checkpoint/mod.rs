//! A directory of weights as one table of tensors, read piece by piece.
//!
//! Nothing is mapped: a converter that maps 7.5 GB shows 7.5 GB of resident memory on a machine that has them, and dies
//! of a truncated file by signal. Positioned reads cost nothing here, since every byte is touched exactly once.

mod added;
mod decode;
mod error;
mod index;
pub(crate) mod quantised;
mod safetensors;
mod tensor;
mod torch;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::ConvertError;
use crate::output::Identity;
pub use added::MergeError;
use added::{Added, Kept};
pub use error::SafetensorsError;
pub(crate) use tensor::{Dtype, Tensor};
pub use torch::TorchError;

/// Names of a checkpoint in one file and of a sharded one's table, best first.
const NAMES: [(&str, &str); 2] =
    [("model.safetensors", "model.safetensors.index.json"), ("pytorch_model.bin", "pytorch_model.bin.index.json")];
/// What `DistributedDataParallel` and `torch.compile` put before each name.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];
/// The first line of every Git LFS pointer.
const LFS: &[u8] = b"version https://git-lfs.github.com/spec/";

/// An open file of weights.
#[derive(Debug)]
struct Shard {
    name: String,
    path: PathBuf,
    file: File,
}

/// All tensors of a checkpoint.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    shards: Vec<Shard>,
    /// By name: the shard and the tensor in it.
    tensors: BTreeMap<String, (usize, Tensor)>,
    /// What is added to tensors, by their names.
    added: BTreeMap<String, Added>,
    kept: Kept,
    /// What was dropped from all names: what training put before them.
    pub(crate) dropped: Vec<&'static str>,
}

impl Checkpoint {
    /// Opens what the directory has of [`NAMES`] first, and validates the headers.
    pub(crate) fn open(directory: &Path) -> Result<Self, ConvertError> {
        for (single, table) in NAMES {
            if exists(directory, single) {
                return Ok(Self::of_files(directory, &[single.to_owned()])?.unwrapped());
            }
            if exists(directory, table) {
                return Ok(Self::of_index(directory, table)?.unwrapped());
            }
        }
        let hint = "the weights must lie there in one file, or in shards with an index";
        let [(best, _), (other, _)] = NAMES;
        let file = format!("{best} or {other} (or their .index.json)");
        Err(ConvertError::FileMissing { file, directory: directory.to_owned(), hint })
    }

    /// Opens one file of any of the formats.
    pub(crate) fn open_file(path: &Path) -> Result<Self, ConvertError> {
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
            let source = io::ErrorKind::IsADirectory.into();
            return Err(ConvertError::Read { path: path.to_owned(), action: "open", source });
        };
        Ok(Self::of_files(directory, &[name.to_string_lossy().into_owned()])?.unwrapped())
    }

    /// Drops what wrappers of a model in training put before every name.
    fn unwrapped(mut self) -> Self {
        let prefix = |names: &BTreeMap<String, (usize, Tensor)>| {
            WRAPPERS.into_iter().find(|wrapper| names.keys().all(|name| name.starts_with(wrapper)))
        };
        while !self.tensors.is_empty()
            && let Some(wrapper) = prefix(&self.tensors)
        {
            self.dropped.push(wrapper);
            self.rename(|name| name[wrapper.len()..].to_owned());
        }
        self
    }

    fn of_index(directory: &Path, name: &str) -> Result<Self, ConvertError> {
        let index = index::read(directory, name)?;
        let checkpoint = Self::of_files(directory, &index.files)?;
        let absent = |(tensor, file): (&String, &String)| {
            let at = checkpoint.tensors.get(tensor).and_then(|(shard, _)| checkpoint.shards.get(*shard));
            at.is_none_or(|shard| shard.name != *file).then(|| tensor.clone())
        };
        let tensors: Vec<String> = index.weights.iter().filter_map(absent).collect();
        if tensors.is_empty() {
            return Ok(checkpoint);
        }
        Err(ConvertError::IndexMismatch { index: name.to_owned(), tensors })
    }

    fn of_files(directory: &Path, names: &[String]) -> Result<Self, ConvertError> {
        let mut checkpoint = Self {
            shards: Vec::new(),
            tensors: BTreeMap::new(),
            added: BTreeMap::new(),
            kept: Kept::default(),
            dropped: Vec::new(),
        };
        for name in names {
            let path = directory.join(name);
            // Asked before it is opened: opening a pipe waits for somebody who writes to it.
            let file = match fs::metadata(&path).map(|found| found.is_file()) {
                Ok(true) => File::open(&path),
                Ok(false) => Err(io::Error::other("it is no regular file, and weights are read in any order")),
                Err(source) => Err(source),
            };
            let file = match file {
                Ok(file) => file,
                Err(source) => return Err(ConvertError::Read { path, action: "open", source }),
            };
            let header = if name.ends_with(".safetensors") {
                safetensors::read_header(&file)
                    .map_err(|source| ConvertError::Safetensors { file: name.clone(), source })?
            } else {
                torch::read_header(&file)
                    .map_err(|source| ConvertError::Torch { file: name.clone(), source: Box::new(source) })?
            };
            let number = checkpoint.shards.len();
            checkpoint.shards.push(Shard { name: name.clone(), path, file });
            for tensor in header {
                let first = checkpoint.tensors.get(&tensor.name).map(|(shard, _)| *shard);
                if let Some(first) = first.and_then(|shard| checkpoint.shards.get(shard)) {
                    let (first, second) = (first.name.clone(), name.clone());
                    return Err(ConvertError::DuplicateTensor { tensor: tensor.name, first, second });
                }
                checkpoint.tensors.insert(tensor.name.clone(), (number, tensor));
            }
        }
        Ok(checkpoint)
    }

    /// All names, sorted.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The tensor of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name).map(|(_, tensor)| tensor)
    }

    /// Gives every tensor the name `rename` makes of its own. Names that collide are left to be unknown.
    pub(crate) fn rename(&mut self, rename: impl Fn(&str) -> String) {
        let mut added = std::mem::take(&mut self.added);
        for (name, entry) in std::mem::take(&mut self.tensors) {
            let new = rename(&name);
            let free = !self.tensors.contains_key(&new);
            let more = added.remove(&name);
            let name = if free { new } else { name };
            self.added.extend(more.map(|more| (name.clone(), more)));
            self.tensors.insert(name, entry);
        }
    }

    /// Forgets the tensors whose names `keep` refuses.
    pub(crate) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.tensors.retain(|name, _| keep(name));
        self.added.retain(|name, _| keep(name));
    }

    /// Takes over all tensors of another checkpoint; those of the same name are replaced.
    pub(crate) fn overlay(&mut self, other: Self) {
        let first = self.shards.len();
        self.shards.extend(other.shards);
        self.dropped.extend(other.dropped);
        self.added.retain(|name, _| !other.tensors.contains_key(name));
        self.added.extend(other.added.into_iter().map(|(name, added)| (name, added.shifted(first))));
        self.tensors.extend(other.tensors.into_iter().map(|(name, (shard, tensor))| (name, (first + shard, tensor))));
    }

    /// Whether a path leads to one of the weight files, whatever it is called.
    pub(crate) fn is_input(&self, path: &Path) -> bool {
        Identity::at(path)
            .is_some_and(|output| self.shards.iter().any(|s| Identity::at(&s.path).as_ref() == Some(&output)))
    }

    /// Bytes of all weight files.
    pub(crate) fn bytes(&self) -> u64 {
        self.shards.iter().filter_map(|shard| shard.file.metadata().ok()).map(|meta| meta.len()).sum()
    }

    /// Bytes of a tensor of a file from its byte `offset` on.
    fn read(&self, shard: usize, tensor: &Tensor, offset: u64, bytes: &mut [u8]) -> Result<(), ConvertError> {
        // A tensor names a file that was opened here.
        let Some(shard) = self.shards.get(shard) else { return Ok(()) };
        read_exact_at(&shard.file, bytes, tensor.offset + offset).map_err(|source| ConvertError::Read {
            path: shard.path.clone(),
            action: "read",
            source,
        })
    }
}

fn exists(directory: &Path, name: &str) -> bool {
    fs::symlink_metadata(directory.join(name)).is_ok()
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match std::os::windows::fs::FileExt::seek_read(file, &mut bytes[done..], offset + done as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => done += read,
        }
    }
    Ok(())
}
