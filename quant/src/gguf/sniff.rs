//! What a file without the GGUF magic is instead: most "broken models" are a pointer, a web page or another format.

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

fn hint(file: &[u8]) -> &'static str {
    let text = file.trim_ascii_start();
    let begins = |word: &[u8]| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    // A safetensors file is the length of a JSON header as a u64, then the header.
    let safetensors = file.get(8) == Some(&b'{');
    if begins(b"<!doctype") || begins(b"<html") || begins(b"<head") || begins(b"<?xml") {
        "it looks like text/HTML: a web page was saved under the model's name"
    } else if file.starts_with(b"PK\x03\x04") || file.starts_with(b"PK\x05\x06") {
        "it looks like a zip archive, such as a PyTorch checkpoint: convert it first"
    } else if safetensors {
        "it looks like a safetensors checkpoint: convert it first"
    } else if file.starts_with(&[0x80, 0x02]) || file.starts_with(&[0x80, 0x04]) {
        "it looks like a Python pickle, such as an old PyTorch checkpoint: convert it first"
    } else if file.starts_with(&[0x1f, 0x8b]) || file.starts_with(b"\x28\xb5\x2f\xfd") {
        "it looks compressed: unpack it first"
    } else if [b"tjgg", b"fmgg", b"lmgg", b"algg"].iter().any(|magic| file.starts_with(*magic)) {
        "it is a ggml file from before GGUF: convert the original checkpoint"
    } else if begins(b"{") {
        "it looks like JSON"
    } else if file.get(..file.len().min(64)).is_some_and(|start| start.iter().all(|&byte| byte == 0)) {
        "it is filled with zeros: a download that reserved its space and never finished"
    } else {
        "the format is not recognised"
    }
}
