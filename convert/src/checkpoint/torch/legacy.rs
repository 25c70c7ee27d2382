//! PyTorch's format before 1.6: pickles of a magic number, a protocol and a machine, then the object's, then one with the
//! keys of its storages, then each storage as a count and its numbers.

use std::collections::BTreeMap;
use std::fs::File;

use super::pickle::{self, Node, Pickle};
use super::{Extent, TorchError};
use crate::checkpoint::{Tensor, read_exact_at};
use crate::error::shown;

/// The pickle of the magic number, behind the byte that names the pickle's protocol.
const MAGIC: &[u8] = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
/// Bytes before it.
const PROTOCOL: usize = 2;

/// Whether a file starts like this.
pub(super) fn is(start: &[u8]) -> bool {
    start.starts_with(b"\x80") && start.get(PROTOCOL..).is_some_and(|rest| rest.starts_with(MAGIC))
}

/// The tensors.
pub(super) fn tensors(file: &File) -> Result<Vec<Tensor>, TorchError> {
    let have = file.metadata()?.len();
    let mut head = vec![0; have.min(pickle::MAX_BYTES) as usize];
    read_exact_at(file, &mut head, 0)?;
    let mut at = PROTOCOL + MAGIC.len();
    let mut next = || -> Result<Pickle<'_>, TorchError> {
        let pickle = pickle::run(&head[at..])?;
        at += pickle.bytes;
        Ok(pickle)
    };
    let version = next()?;
    if !matches!(version.node(version.root), Node::Integer(1001)) {
        return Err(TorchError::Pickle { at: 0, what: "the format's version is not 1001".to_owned() });
    }
    // The machine: its byte order is that of the counts below, which would not fit in the other one.
    next()?;
    let (object, keys) = (next()?, next()?);
    let extents = storages(file, &object, &keys, at as u64, have)?;
    super::state(&object, |key| extents.get(key).copied())
}

/// Where the storages lie, the first of them at byte `at`.
fn storages(
    file: &File,
    object: &Pickle<'_>,
    keys: &Pickle<'_>,
    mut at: u64,
    have: u64,
) -> Result<BTreeMap<String, Extent>, TorchError> {
    let Node::List(list) = keys.node(keys.root) else {
        return Err(TorchError::Pickle { at: 0, what: "the keys of the storages are no list".to_owned() });
    };
    let sizes: BTreeMap<&str, u64> = object.storages.iter().map(|s| (s.key.as_str(), s.dtype.bytes())).collect();
    let mut extents = BTreeMap::new();
    for id in list {
        let key = keys.text(*id).unwrap_or_default();
        let Some(size) = sizes.get(key) else {
            return Err(TorchError::Pickle { at: 0, what: format!("no tensor has the storage '{}'", shown(key)) });
        };
        let mut count = [0; 8];
        let cut =
            || TorchError::Damaged { what: format!("storage '{}' ends behind the file's {have} bytes", shown(key)) };
        let start = at.checked_add(8).filter(|start| *start <= have).ok_or_else(cut)?;
        read_exact_at(file, &mut count, at)?;
        let bytes = u64::from_le_bytes(count).checked_mul(*size).ok_or_else(cut)?;
        at = start.checked_add(bytes).filter(|end| *end <= have).ok_or_else(cut)?;
        if extents.insert(key.to_owned(), Extent { start, bytes }).is_some() {
            return Err(TorchError::Ambiguous { what: format!("2 storages '{}'", shown(key)) });
        }
    }
    if at != have {
        return Err(TorchError::Damaged { what: format!("{} bytes behind the last storage", have - at) });
    }
    Ok(extents)
}
