//! A model cut into several files as llama.cpp's `gguf-split` cuts it, byte by byte by our own writer.

use ocelli_quant::gguf::{Gguf, MetaValue, Writer};
use std::path::{Path, PathBuf};

/// The files of `model`, each of at most `most` tensors; where `bare`, the first has the keys and none.
pub fn split(model: &Gguf, most: usize, bare: bool) -> Vec<Vec<u8>> {
    let tensors = model.tensors();
    let groups: Vec<_> = bare.then_some(&tensors[..0]).into_iter().chain(tensors.chunks(most)).collect();
    let file = |(number, group): (usize, &&[ocelli_quant::gguf::TensorInfo])| {
        let mut writer = Writer::new();
        for (key, value) in model.keys().filter(|_| number == 0) {
            writer.set(key, value);
        }
        writer.set("split.no", MetaValue::U16(number.try_into().unwrap()));
        writer.set("split.count", MetaValue::U16(groups.len().try_into().unwrap()));
        writer.set("split.tensors.count", MetaValue::I32(tensors.len().try_into().unwrap()));
        for tensor in *group {
            writer.tensor(&tensor.name, &tensor.shape, tensor.ty);
        }
        let mut body = writer.begin(Vec::new()).unwrap();
        group.iter().for_each(|tensor| body.write(model.data(tensor)).unwrap());
        body.finish().unwrap()
    };
    groups.iter().enumerate().map(file).collect()
}

/// The name of file `number`, from 1, of `count`.
pub fn name(stem: &str, number: usize, count: usize) -> String {
    format!("{stem}-{number:05}-of-{count:05}.gguf")
}

/// Writes [`split`]'s files to a directory; their paths, the first first.
pub fn write(model: &Gguf, directory: &Path, stem: &str, most: usize, bare: bool) -> Vec<PathBuf> {
    let files = split(model, most, bare);
    let path = |number| directory.join(name(stem, number + 1, files.len()));
    for (number, bytes) in files.iter().enumerate() {
        std::fs::write(path(number), bytes).unwrap();
    }
    (0..files.len()).map(path).collect()
}
