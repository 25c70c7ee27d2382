//! A model in several files, as llama.cpp's `gguf-split` and its converter write it.
//!
//! Each file is a GGUF of its own with tensors of its own. The first has all keys; the others have the three that say
//! what they are part of: `split.no` (from 0), `split.count` and `split.tensors.count` (of all files together). Nothing
//! is joined in memory: a tensor knows the file that its data is in.

use super::metadata::Metadata;
use super::tensors::{TensorInfo, TensorTable};
use super::value::Value;
use super::{ALIGNMENT_KEY, Bytes, Gguf, GgufError, Limits, naming};

/// Which of the files this is, from 0.
const NUMBER: &str = "split.no";
/// How many there are.
const COUNT: &str = "split.count";
/// Tensors in all of them.
const TENSORS: &str = "split.tensors.count";

/// What an error says that has not looked for the other files.
const BY_PATH: &str = "a split model is opened by the path of its first file, with the others beside it";

/// What a file says about the split it is part of.
pub(super) struct Split {
    number: Option<u64>,
    count: u64,
    tensors: Option<u64>,
}

impl Split {
    /// `None` where the file is whole. One file of one is, and llama.cpp writes 0 where it has merged.
    pub(super) fn of(metadata: &Metadata, file: &[u8], limits: &Limits) -> Result<Option<Self>, GgufError> {
        let number = |key: &str| match metadata.find(key, file) {
            None => Ok(None),
            Some(value) => value.as_u64().map(Some).ok_or_else(|| {
                let got = value.type_name();
                GgufError::WrongType { key: key.to_owned(), got, wanted: "an unsigned integer" }
            }),
        };
        let Some(count) = number(COUNT)?.filter(|count| *count > 1) else { return Ok(None) };
        if count > limits.parts {
            let what = "files of a split model".to_owned();
            return Err(GgufError::Limit { what, offset: 0, got: count, max: limits.parts });
        }
        Ok(Some(Self { number: number(NUMBER)?, count, tensors: number(TENSORS)? }))
    }

    /// The error for a file that is opened by itself.
    pub(super) fn alone(&self) -> GgufError {
        GgufError::SplitFile { shard: self.number, count: self.count, how: BY_PATH.to_owned() }
    }
}

/// Whether a key is about the split and not about the model.
#[must_use]
pub fn is_split_key(key: &str) -> bool {
    [NUMBER, COUNT, TENSORS].contains(&key)
}

/// All files of a split model, in their order, as one.
pub(super) fn join(parts: Vec<Bytes>, limits: &Limits) -> Result<Gguf, GgufError> {
    let wanted = parts.len() as u64;
    let mut files = parts.into_iter();
    let Some(first) = files.next() else { return Err(GgufError::TruncatedHeader { need: 24, have: 0 }) };
    let (mut whole, said) = part(first, 0, wanted, limits)?;
    let mut said = vec![said];
    for (number, bytes) in (1..).zip(files) {
        let (file, tensors) = part(bytes, number, wanted, limits)?;
        same_keys(&whole, &file, number)?;
        append(&mut whole.tensors, file.tensors, number)?;
        whole.parts.extend(file.parts);
        said.push(tensors);
    }
    let have = whole.tensors.infos.len() as u64;
    if have > limits.tensors {
        let what = "tensors of all files of a split model".to_owned();
        return Err(GgufError::Limit { what, offset: 8, got: have, max: limits.tensors });
    }
    match said.iter().position(|said| said.is_some_and(|said| said != have)) {
        Some(part) => Err(GgufError::SplitPart { part, key: TENSORS, got: said[part], wanted: have }),
        None => Ok(whole),
    }
}

/// A file of a split, checked by itself and against its place; and how many tensors it says there are in all.
fn part(bytes: Bytes, number: usize, wanted: u64, limits: &Limits) -> Result<(Gguf, Option<u64>), GgufError> {
    let inside = |source| GgufError::InPart { part: number, source: Box::new(source) };
    let (file, split) = Gguf::parse_part(bytes, limits).map_err(inside)?;
    let wrong = |key, got, wanted| GgufError::SplitPart { part: number, key, got, wanted };
    let Some(split) = split else { return Err(wrong(COUNT, None, wanted)) };
    if split.count != wanted {
        return Err(wrong(COUNT, Some(split.count), wanted));
    }
    if split.number != Some(number as u64) {
        return Err(wrong(NUMBER, split.number, number as u64));
    }
    Ok((file, split.tensors))
}

/// Keys of a later file add nothing: what it has besides its place must stand in the first file, too.
fn same_keys(first: &Gguf, file: &Gguf, number: usize) -> Result<(), GgufError> {
    let own = |key: &str| is_split_key(key) || key == ALIGNMENT_KEY;
    let same = |key: &str, value: Value<'_>| first.get(key).is_some_and(|known| known == value);
    match file.keys().find(|(key, value)| !own(key) && !same(key, *value)) {
        Some((key, _)) => Err(GgufError::SplitKey { key: naming::shown(key), part: number }),
        None => Ok(()),
    }
}

fn append(whole: &mut TensorTable, more: TensorTable, number: usize) -> Result<(), GgufError> {
    for info in more.infos {
        let at = whole.infos.len();
        if let Some(first) = whole.index.insert(info.name.as_str().into(), at) {
            let first = whole.infos.get(first).map_or(0, |info| info.part);
            return Err(GgufError::SplitTensor { tensor: info.name, first, second: number });
        }
        whole.infos.push(TensorInfo { part: number, ..info });
    }
    Ok(())
}
