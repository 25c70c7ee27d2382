//! PyTorch's checkpoints (`.pt`, `.pth`, `.bin`): a pickle that describes tensors, and storages with their numbers, in a
//! zip archive ([`zip`]) or behind each other ([`legacy`]).
//!
//! A pickle is a program. Here it is read as data by a machine that cannot call anything ([`pickle`]), and what it says is
//! then checked against the file: each storage must be as long as it is said to be, and each tensor must lie within its
//! own. Tensors may share a storage, and one that is not contiguous may be there, but cannot be converted.

mod error;
mod legacy;
mod pickle;
mod zip;

use std::collections::HashSet;
use std::fs::File;

use super::{LFS, Tensor, read_exact_at};
use crate::error::shown;
pub use error::TorchError;
use pickle::{Id, Node, Pickle, View};

/// Most tensors of a file, as in safetensors.
const MAX_TENSORS: usize = 65_536;
/// Where training scripts put the state dict.
const WRAPPERS: [&str; 3] = ["model_state_dict", "state_dict", "model"];
/// Wrappers within each other.
const WRAPPED: usize = 3;

/// Where a run of bytes lies in the file.
#[derive(Debug, Clone, Copy)]
struct Extent {
    start: u64,
    bytes: u64,
}

/// The tensors of a file.
pub(super) fn read_header(file: &File) -> Result<Vec<Tensor>, TorchError> {
    let have = file.metadata()?.len();
    let mut start = vec![0; have.min(LFS.len() as u64) as usize];
    read_exact_at(file, &mut start, 0)?;
    if start.starts_with(b"PK") {
        return from_zip(file);
    }
    if legacy::is(&start) {
        return legacy::tensors(file);
    }
    if start == LFS {
        return Err(TorchError::LfsPointer { have });
    }
    start.truncate(16);
    Err(TorchError::UnknownFormat { start })
}

fn from_zip(file: &File) -> Result<Vec<Tensor>, TorchError> {
    let entries = zip::entries(file)?;
    // All entries are in one folder, whose name is the file's when it was saved.
    let mut programs = entries.keys().filter(|name| name.split_once('/').is_some_and(|(_, rest)| rest == "data.pkl"));
    let Some(program) = programs.next() else {
        return Err(TorchError::Damaged { what: format!("no data.pkl among {} entries", entries.len()) });
    };
    if programs.next().is_some() || entries.contains_key("data.pkl") {
        return Err(TorchError::Ambiguous { what: "2 × data.pkl".to_owned() });
    }
    let folder = program.strip_suffix("data.pkl").unwrap_or_default();
    for code in ["constants.pkl", "code/"] {
        let entry = format!("{folder}{code}");
        if entries.range(entry.clone()..).next().is_some_and(|(name, _)| name.starts_with(&entry)) {
            return Err(TorchError::TorchScript { entry: shown(&entry) });
        }
    }
    let content = |name: &str, max: u64, what| -> Result<Option<Vec<u8>>, TorchError> {
        let Some(extent) = entries.get(name) else { return Ok(None) };
        if extent.bytes > max {
            return Err(TorchError::Budget { what, max });
        }
        let mut bytes = vec![0; extent.bytes as usize];
        read_exact_at(file, &mut bytes, extent.start)?;
        Ok(Some(bytes))
    };
    // Files that do not say are older than the record, and from machines of the usual order.
    if let Some(order) = content(&format!("{folder}byteorder"), 64, "bytes of the byte order")?
        && order.trim_ascii() != b"little"
    {
        return Err(TorchError::ByteOrder { order: shown(&String::from_utf8_lossy(&order)) });
    }
    let program = content(program, pickle::MAX_BYTES, "bytes of the pickle")?.unwrap_or_default();
    let pickle = pickle::run(&program)?;
    state(&pickle, |key| entries.get(&format!("{folder}data/{key}")).copied())
}

/// The tensors of the state dict, each found to lie within its storage.
fn state(pickle: &Pickle<'_>, find: impl Fn(&str) -> Option<Extent>) -> Result<Vec<Tensor>, TorchError> {
    let mut tensors = Vec::new();
    for (key, value) in dict(pickle)? {
        let name = pickle.text(*key);
        match pickle.node(*value) {
            Node::Tensor(view) => {
                let Some(name) = name else {
                    let found = pickle.node(*key).kind();
                    return Err(TorchError::NotATensor { key: format!("the name of a tensor is {found}"), found });
                };
                if tensors.len() == MAX_TENSORS {
                    return Err(TorchError::Budget { what: "tensors", max: MAX_TENSORS as u64 });
                }
                if let Some(view) = pickle.tensors.get(*view as usize) {
                    tensors.push(tensor(pickle, name, view, &find)?);
                }
            }
            // Numbers of epochs and the like.
            Node::None | Node::Bool | Node::Integer(_) | Node::Real | Node::Text(_) | Node::Bytes => {}
            other => {
                let found = other.kind();
                return Err(TorchError::NotATensor { key: shown(name.unwrap_or("an entry")), found });
            }
        }
    }
    let mut seen = HashSet::new();
    match tensors.iter().find(|tensor| !seen.insert(tensor.name.as_str())) {
        Some(twice) => Err(TorchError::DuplicateTensor { tensor: shown(&twice.name) }),
        None => Ok(tensors),
    }
}

/// The state dict: the object itself, or what a training script has put around it.
fn dict<'a>(pickle: &'a Pickle<'_>) -> Result<&'a [(Id, Id)], TorchError> {
    let mut at = pickle.root;
    for _ in 0..=WRAPPED {
        let Node::Dict(entries) = pickle.node(at) else { break };
        let inner = WRAPPERS.iter().find_map(|wrapper| {
            let inner = |(key, value): &&(Id, Id)| {
                pickle.text(*key) == Some(wrapper) && matches!(pickle.node(*value), Node::Dict(_))
            };
            entries.iter().rfind(inner).map(|(_, value)| *value)
        });
        match inner {
            Some(inner) => at = inner,
            None if entries.iter().any(|(_, value)| matches!(pickle.node(*value), Node::Tensor(_))) => {
                return Ok(entries);
            }
            None => {
                let keys: Vec<_> =
                    entries.iter().take(20).filter_map(|(key, _)| pickle.text(*key)).map(shown).collect();
                return Err(TorchError::NoTensors { found: format!("a dict of [{}]", keys.join(", ")) });
            }
        }
    }
    Err(TorchError::NoTensors { found: pickle.node(at).kind().to_owned() })
}

fn tensor(
    pickle: &Pickle<'_>,
    name: &str,
    view: &View,
    find: &impl Fn(&str) -> Option<Extent>,
) -> Result<Tensor, TorchError> {
    let missing = |key: &str| TorchError::StorageMissing { tensor: shown(name), storage: shown(key) };
    let storage = pickle.storages.get(view.storage as usize).ok_or_else(|| missing("?"))?;
    let extent = find(&storage.key).ok_or_else(|| missing(&storage.key))?;
    let (elements, size) = (storage.elements, storage.dtype.bytes());
    let need = elements.saturating_mul(size);
    if need != extent.bytes {
        let (tensor, storage) = (shown(name), shown(&storage.key));
        return Err(TorchError::StorageSize { tensor, storage, have: extent.bytes, elements, need });
    }
    if end(view).is_none_or(|end| end > elements) {
        return Err(TorchError::OutOfStorage {
            tensor: shown(name),
            shape: view.shape.clone(),
            strides: view.strides.clone(),
            offset: view.offset,
            elements,
            storage: shown(&storage.key),
        });
    }
    Ok(Tensor {
        name: name.to_owned(),
        dtype: storage.dtype,
        // Within the storage, which is within the file.
        offset: extent.start + view.offset * size,
        strides: (!contiguous(view)).then(|| view.strides.clone()),
        shape: view.shape.clone(),
    })
}

/// The element behind the last one of a tensor; `None` where no number holds it.
fn end(view: &View) -> Option<u64> {
    // More elements than 64 bits count are refused even where all lie on one place.
    view.shape.iter().try_fold(1u64, |elements, dim| elements.checked_mul(*dim))?;
    if view.shape.contains(&0) {
        return Some(view.offset);
    }
    let last = view
        .shape
        .iter()
        .zip(&view.strides)
        .try_fold(view.offset, |at, (dim, stride)| at.checked_add((dim - 1).checked_mul(*stride)?))?;
    last.checked_add(1)
}

/// Whether the elements follow one another, the last dimension first.
fn contiguous(view: &View) -> bool {
    let mut step = 1;
    view.shape.contains(&0)
        || view.shape.iter().zip(&view.strides).rev().all(|(dim, stride)| {
            let fits = *dim == 1 || *stride == step;
            step *= dim;
            fits
        })
}
