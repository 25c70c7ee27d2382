//! What a file without the GGUF magic is instead: most "broken models" are a pointer, a web page or another format.
//!
//! Sources: the formats' own documents; ONNX has no magic and is told by the first fields of its protocol buffer.

use super::{GgufError, MAGIC};

/// The first line of every Git LFS pointer.
const LFS: &[u8] = b"version https://git-lfs.github.com/spec/";

/// The error for a file that does not start with the magic.
pub(super) fn wrong_magic(file: &[u8]) -> GgufError {
    if file.starts_with(LFS) {
        return GgufError::LfsPointer { have: file.len() as u64, size: lfs_size(file) };
    }
    let shown: Vec<String> = file.iter().take(MAGIC.len()).map(|byte| format!("{byte:02x}")).collect();
    GgufError::NotGguf { found: shown.join(" "), hint: hint(file) }
}

/// The `size` line of a pointer, whose whole text is some 130 bytes.
fn lfs_size(file: &[u8]) -> Option<u64> {
    let text = str::from_utf8(file.get(..file.len().min(1024))?).ok()?;
    text.lines().find_map(|line| line.strip_prefix("size "))?.trim().parse().ok()
}

/// Formats that are told by fixed bytes at fixed places.
const MARKS: [(usize, &[u8], &str); 23] = [
    (0, b"PK\x05\x06", ZIP),
    (0, &[0x80, 0x02], PICKLE),
    (0, &[0x80, 0x04], PICKLE),
    (0, &[0x1f, 0x8b], COMPRESSED),
    (0, b"\x28\xb5\x2f\xfd", COMPRESSED),
    (0, b"\xfd7zXZ\0", COMPRESSED),
    (0, b"7z\xbc\xaf\x27\x1c", COMPRESSED),
    (0, b"BZh", COMPRESSED),
    (257, b"ustar", "it is a tar archive: unpack it first"),
    (0, b"tjgg", OLD),
    (0, b"fmgg", OLD),
    (0, b"lmgg", OLD),
    (0, b"algg", OLD),
    (4, b"TFL3", "it is a TensorFlow Lite model (.tflite), which is not read: take the checkpoint it was made of"),
    (4, b"ET12", "it is an ExecuTorch program (.pte), which is not read: take the checkpoint it was made of"),
    (0, b"LITERTLM", "it is a LiteRT-LM bundle, which is not read: take the checkpoint it was made of"),
    (0, b"MZqFpD=", "it is a llamafile, a program with a model in it: 'unzip' takes the .gguf out"),
    (0, b"\x7fELF", "it is a program or a library, no model"),
    (0, b"\x89HDF\r\n", "it is an HDF5 file such as Keras' (.h5), which is not read: take the safetensors"),
    (0, b"\x93NUMPY", "it is an array of NumPy (.npy), which is not read: take the safetensors"),
    (0, b"\x89PNG", PICTURE),
    (0, b"\xff\xd8\xff", PICTURE),
    (0, b"RIFF", "it is a picture or a sound, no model: a picture goes behind -i"),
];
const ZIP: &str = "it looks like a zip archive, such as a PyTorch checkpoint: convert it first";
const PICKLE: &str = "it looks like a Python pickle, such as an old PyTorch checkpoint: convert it first";
const COMPRESSED: &str = "it looks compressed: unpack it first";
const OLD: &str = "it is a ggml file from before GGUF: convert the original checkpoint";
const PICTURE: &str = "it is a picture, no model: a picture goes behind -i";
const OLLAMA: &str = "it is an Ollama manifest: the model is the blob whose digest stands in it beside \
                      'application/vnd.ollama.image.model', and that blob can be opened as it is";

/// The name of the first file in a zip archive.
fn first_name(file: &[u8]) -> Option<&[u8]> {
    let length = u16::from_le_bytes(*file.get(26..28)?.first_chunk()?);
    file.get(30..30 + usize::from(length))
}

/// What a zip archive holds, by its first file.
fn zip(file: &[u8]) -> &'static str {
    match first_name(file) {
        Some(name) if name.ends_with(b".npy") => {
            "it is an archive of NumPy's arrays (.npz), which is not read: take the safetensors"
        }
        Some(name) if name.ends_with(b".tflite") || name.starts_with(b"TF_LITE") => {
            "it is a bundle of TensorFlow Lite models (.task), which is not read: take the checkpoint it was made of"
        }
        _ => ZIP,
    }
}

/// Whether it is ONNX's protocol buffer: the version of the format, then who made it, or a text or the graph.
fn onnx(file: &[u8]) -> bool {
    matches!(file, [0x08, version, field, ..] if (1..=32).contains(version) && [0x12, 0x1a, 0x22, 0x32, 0x3a, 0x42].contains(field))
}

fn hint(file: &[u8]) -> &'static str {
    let text = file.trim_ascii_start();
    let begins = |word: &[u8]| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    // A safetensors file is the length of a JSON header as a u64, then the header.
    let safetensors = file.get(8) == Some(&b'{');
    if begins(b"<!doctype") || begins(b"<html") || begins(b"<head") || begins(b"<?xml") {
        "it looks like text/HTML: a web page was saved under the model's name"
    } else if file.starts_with(b"PK\x03\x04") {
        zip(file)
    } else if safetensors {
        "it looks like a safetensors checkpoint: convert it first"
    } else if let Some((.., what)) =
        MARKS.iter().find(|(at, mark, _)| file.get(*at..).is_some_and(|rest| rest.starts_with(mark)))
    {
        what
    } else if onnx(file) {
        "it is an ONNX model, which is not read: take the checkpoint it was made of"
    } else if begins(b"{") {
        let start = &file[..file.len().min(4096)];
        let has = |word: &[u8]| start.windows(word.len()).any(|part| part == word);
        if has(b"vnd.docker.distribution.manifest") || has(b"vnd.ollama.image") { OLLAMA } else { "it looks like JSON" }
    } else if begins(b"from ") {
        "it looks like a Modelfile of Ollama: give the model file that stands behind FROM"
    } else if file.get(..file.len().min(64)).is_some_and(|start| start.iter().all(|&byte| byte == 0)) {
        "it is filled with zeros: a download that reserved its space and never finished"
    } else {
        "the format is not recognised"
    }
}
