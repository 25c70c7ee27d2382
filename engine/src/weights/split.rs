//! A model file by its path: whole, or the first of the files that a model is split into.
//!
//! llama.cpp names those `NAME-00001-of-000NN.gguf` and so on, and nothing but the names leads from one to the others. A
//! link counts by its own name first (the hub's cache links such names to files that are called after their hashes), then
//! by the name of what it leads to.

use super::map::{self, Load, Progress};
use crate::error::Error;
use ocelli_quant::gguf::{Bytes, Gguf, GgufError};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// The model file at `path`; where that is the first file of a split model, with the others.
///
/// # Errors
/// As [`open_with`].
pub fn open(path: &Path, load: Load) -> Result<Gguf, Error> {
    open_with(path, load, &mut |_, _| ControlFlow::Continue(()))
}

/// As [`open`], and tells how far it is.
///
/// # Errors
/// [`Error::Open`] for a file that is not there or no regular file; [`Error::Gguf`] for one that is no model, and for
/// another than the first file of a split one; [`Error::OutOfMemory`]; [`Error::Cancelled`] where `progress` says so.
pub fn open_with(path: &Path, load: Load, progress: &mut Progress<'_>) -> Result<Gguf, Error> {
    let name = Name::of(path);
    let sizes = |name: &Name| (2..=name.count).map(|n| size(&name.file(n))).sum::<u64>();
    let others = name.as_ref().filter(|name| name.number == 1).map_or(0, sizes);
    let all = size(path).saturating_add(others);
    let first = map::whole(path, load, &mut |done, _| progress(done, all))?;
    match Gguf::parse(first.clone()) {
        Ok(file) => Ok(file),
        Err(GgufError::SplitFile { shard, count, .. }) => {
            let name = fitting(name, shard, count)?;
            rest(first, &name, load, all, progress)
        }
        Err(error) => Err(error.into()),
    }
}

/// The files that [`open`] has read a model of `count` files from.
#[must_use]
pub fn files(path: &Path, count: usize) -> Vec<PathBuf> {
    let others = Name::of(path).into_iter().flat_map(|name| (2..=count as u64).map(move |n| name.file(n)));
    std::iter::once(path.to_owned()).chain(others.take(count.saturating_sub(1))).collect()
}

/// Opens the files behind the first.
fn rest(first: Bytes, name: &Name, load: Load, all: u64, progress: &mut Progress<'_>) -> Result<Gguf, Error> {
    let mut parts = vec![first];
    for number in 2..=name.count {
        let path = name.file(number);
        let before: u64 = parts.iter().map(|part| (**part).as_ref().len() as u64).sum();
        let part = map::whole(&path, load, &mut |done, _| progress(before.saturating_add(done), all));
        parts.push(part.map_err(|error| match error {
            Error::Open { path, source } if source.kind() == io::ErrorKind::NotFound => {
                let what = format!("file {number} of the {} that the model is split into is not there", name.count);
                Error::Open { path, source: io::Error::new(io::ErrorKind::NotFound, what) }
            }
            other => other,
        })?);
    }
    Ok(Gguf::join(parts)?)
}

/// The name by which the other files are found, if it says what the file's keys say.
fn fitting(name: Option<Name>, shard: Option<u64>, count: u64) -> Result<Name, GgufError> {
    let refuse = |how: String| Err(GgufError::SplitFile { shard, count, how });
    match name {
        None => refuse(format!("the other files are found by names that end in -00001-of-{count:05}.gguf and so on")),
        Some(name) if name.count != count || shard.is_some_and(|shard| shard + 1 != name.number) => {
            refuse(format!("its name says that it is file {} of {}", name.number, name.count))
        }
        Some(name) if name.number != 1 => refuse(format!("open its first file, {}", name.file(1).display())),
        Some(name) => Ok(name),
    }
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// A path of the form `NAME-00001-of-000NN.gguf`.
struct Name {
    directory: PathBuf,
    stem: String,
    /// From 1.
    number: u64,
    count: u64,
}

impl Name {
    fn of(path: &Path) -> Option<Self> {
        Self::parse(path).or_else(|| Self::parse(&path.canonicalize().ok()?))
    }

    fn parse(path: &Path) -> Option<Self> {
        let number = |digits: &str| {
            (digits.len() == 5 && digits.bytes().all(|digit| digit.is_ascii_digit())).then(|| digits.parse().ok())?
        };
        let name = path.file_name()?.to_str()?.strip_suffix(".gguf")?;
        let (name, count) = name.rsplit_once("-of-")?;
        let (stem, at) = name.rsplit_once('-')?;
        let (at, count) = (number(at)?, number(count)?);
        (1..=count).contains(&at).then(|| Self {
            directory: path.parent().map(Path::to_owned).unwrap_or_default(),
            stem: stem.to_owned(),
            number: at,
            count,
        })
    }

    /// The path of file `number`, from 1.
    fn file(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{}-{number:05}-of-{:05}.gguf", self.stem, self.count))
    }
}
