//! llama.cpp's pairs, a language model and an mmproj, as one file, and such a file as the pair again.
//!
//! The non-obvious thing: the one file has both files' tensors and keys under their own names, and the engine reads them as it
//! reads the pair. So nothing is lost on the way: the mmproj's keys about itself, and those that the model has as well, are
//! kept under `ocelli.mmproj.`, and how many tensors are its own is counted, they being the last.

use std::path::Path;

use ocelli_quant::gguf::{Gguf, MetaValue, TensorInfo, Value, Writer, is_split_key};

use crate::error::ConvertError;
use crate::output::{Identity, Output};
use crate::report::{Progress, Report};
use crate::write::{self, Block, CHUNK, pour_blocks};

/// What stands before the mmproj's keys that are about itself.
const KEPT: &str = "ocelli.mmproj.";
/// Tensors of the mmproj, the last ones.
const COUNT: &str = "ocelli.mmproj.tensor_count";
const ALIGNMENT: &str = "general.alignment";

/// The key that our converter writes of what llama.cpp's files leave to the kind of projector.
const FAMILY: &str = "ocelli.family";
/// Keys of pictures that the kind of projector has defaults for.
const PICTURES: &str = "ocelli.image.";
/// Names of tensors that only pictures pass through begin so, where nobody counted them.
const SEEING: [&str; 4] = ["v.", "mm.", "a.", "model.image_newline"];

type Keys = Vec<(String, MetaValue)>;

/// Whether a file can be split into a pair: a language model with a projector of llama.cpp's.
#[must_use]
pub fn is_pair(file: &Gguf) -> bool {
    let projector = ["clip.projector_type", "clip.vision.projector_type"].iter().any(|key| file.get(key).is_some());
    projector && !matches!(file.get("general.architecture"), Some(Value::Str("clip")))
}

/// Writes a language model and its mmproj, read from `sources`, as one file. Whether the two fit is for the caller to ask.
///
/// # Errors
/// See [`ConvertError`]; a tensor that both have is one. After any error a file at `out` is what it was before.
pub fn join<'o>(
    [model, mmproj]: [&Gguf; 2],
    sources: &[impl AsRef<Path>],
    out: impl Into<Output<'o>>,
    overwrite: bool,
    progress: &dyn Progress,
) -> Result<Report, ConvertError> {
    let mut keys = kept(model);
    let own = kept(mmproj).into_iter().map(|(key, value)| {
        let kept = key.starts_with("general.") || model.get(&key).is_some();
        (if kept { format!("{KEPT}{key}") } else { key }, value)
    });
    keys.extend(own);
    let count = u32::try_from(mmproj.tensors().len()).unwrap_or(u32::MAX);
    keys.push((COUNT.to_owned(), count.into()));
    let tensors =
        |file| Gguf::tensors(file).iter().map(move |tensor| (file, tensor, tensor.name.clone(), tensor.shape.clone()));
    let all: Vec<Tensor<'_>> = tensors(model).chain(tensors(mmproj)).collect();
    copy(keys, &all, sources, out.into(), overwrite, progress)
}

/// Writes one file, read from `sources`, as a pair: the language model to the first of `outs` and the mmproj to the second.
///
/// # Errors
/// As [`join`]. Where only the second cannot be written the first is there.
pub fn split(
    file: &Gguf,
    sources: &[impl AsRef<Path>],
    outs: [&Path; 2],
    overwrite: bool,
    progress: &dyn Progress,
) -> Result<[Report; 2], ConvertError> {
    let whole = file.tensors();
    let counted = file.u32(COUNT).ok().flatten().map(|count| whole.len().saturating_sub(count as usize));
    let sees = |at: usize, tensor: &TensorInfo| match counted {
        Some(first) => at >= first,
        None => SEEING.iter().any(|start| tensor.name.starts_with(start)),
    };
    let (mut texts, mut seeing): (Vec<Tensor<'_>>, Vec<Tensor<'_>>) = (Vec::new(), Vec::new());
    for (at, tensor) in whole.iter().enumerate() {
        let sees = sees(at, tensor);
        let (name, shape) = if sees { theirs(file, tensor) } else { (tensor.name.clone(), tensor.shape.clone()) };
        if sees { &mut seeing } else { &mut texts }.push((file, tensor, name, shape));
    }
    let (mut of_text, mut of_mmproj): (Keys, Keys) = (Vec::new(), Vec::new());
    for (key, value) in kept(file) {
        if key == COUNT {
            continue;
        }
        match key.strip_prefix(KEPT) {
            Some(own) => of_mmproj.push((own.to_owned(), value)),
            None if key.starts_with("clip.") => of_mmproj.push((key, value)),
            None if counted.is_none() && key.starts_with(PICTURES) => of_mmproj.push((key, value)),
            None if counted.is_none() && key == FAMILY => {}
            None => of_text.push((key, value)),
        }
    }
    for (key, value) in [("general.type", "mmproj"), ("general.architecture", "clip")] {
        if !of_mmproj.iter().any(|(known, _)| known == key) {
            of_mmproj.insert(0, (key.to_owned(), value.into()));
        }
    }
    let text = copy(of_text, &texts, sources, outs[0].into(), overwrite, progress)?;
    let mmproj = copy(of_mmproj, &seeing, sources, outs[1].into(), overwrite, progress)?;
    Ok([text, mmproj])
}

/// A tensor of a file, and what it is to be called.
type Tensor<'a> = (&'a Gguf, &'a TensorInfo, String, Vec<u64>);

/// llama.cpp's name and shape of a tensor of a tower that our converter wrote: a kernel has four dimensions, a class row is a
/// vector.
fn theirs(file: &Gguf, tensor: &TensorInfo) -> (String, Vec<u64>) {
    let TensorInfo { name, shape, .. } = tensor;
    let patch = file.u32("clip.vision.patch_size").ok().flatten().map_or(0, u64::from);
    match (name.as_str(), &shape[..]) {
        ("v.class_embd.weight", [width, ..]) => ("v.class_embd".to_owned(), vec![*width]),
        ("v.patch_embd.weight" | "v.patch_embd_next.weight", [inner, width]) if *inner == 3 * patch * patch => {
            (name.replace("_next.weight", ".weight.1"), vec![patch, patch, 3, *width])
        }
        _ => (name.clone(), shape.clone()),
    }
}

/// The keys of a file that are about the model.
fn kept(file: &Gguf) -> Keys {
    let keys = file.keys().filter(|(key, _)| !is_split_key(key) && *key != ALIGNMENT);
    keys.map(|(key, value)| (key.to_owned(), MetaValue::from(value))).collect()
}

/// Writes keys and tensors as they are.
fn copy(
    keys: Keys,
    tensors: &[Tensor<'_>],
    sources: &[impl AsRef<Path>],
    out: Output<'_>,
    overwrite: bool,
    progress: &dyn Progress,
) -> Result<Report, ConvertError> {
    let place = out.place(overwrite, |there| {
        let is_input = |source| Identity::at(source).is_some_and(|input| input == *there);
        sources.iter().any(|source| is_input(source.as_ref())).then_some("a file that is read")
    })?;
    let mut writer = Writer::new();
    for (key, value) in keys {
        writer.set(key, value);
    }
    for (_, tensor, name, shape) in tensors {
        writer.tensor(name.clone(), shape, tensor.ty);
    }
    let bytes_out = writer.total_bytes()?;
    let bytes_in = tensors.iter().map(|(_, tensor, ..)| tensor.bytes).sum();
    let mut report = Report { tensors: tensors.len(), bytes_in, bytes_out, ..Report::default() };
    write::file((out, &place), writer, progress, |body| {
        let chunks = tensors.iter().flat_map(|(file, tensor, name, _)| {
            let chunks = file.data(tensor).chunks(CHUNK as usize * 4);
            chunks.map(move |chunk| (name.as_str(), chunk))
        });
        let make = |_: &mut _, (name, chunk): (_, &[u8])| Ok(Block { name, bytes: chunk.to_vec(), non_finite: 0 });
        pour_blocks(body, chunks, make, progress, &mut report.notes)
    })?;
    Ok(report)
}
