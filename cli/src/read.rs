//! Reading what arguments name: pictures, texts, and standard input, none of it without an end.

use crate::failure::Failure;
use crate::picture_args;
use ocelli_engine::image::{self, ImageLimits, Picture};
use ocelli_engine::tokenizer::LONGEST_TEXT;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

/// Reads and decodes a picture.
pub fn read_picture(path: &Path, limits: &ImageLimits) -> Result<Arc<Picture>, Failure> {
    decoded(path, &read_bytes("image", path, limits)?, limits)
}

/// The picture that an argument names: a file's, or with `-` that of standard input.
pub fn picture(path: &Path, limits: &ImageLimits) -> Result<Arc<Picture>, Failure> {
    if path == Path::new("-") {
        return decoded(Path::new("standard input"), &input_bytes(limits.file_bytes + 1)?, limits);
    }
    read_picture(path, limits)
}

/// Decodes the bytes of a picture's file.
pub fn decoded(path: &Path, bytes: &[u8], limits: &ImageLimits) -> Result<Arc<Picture>, Failure> {
    match image::decode_with(bytes, &picture_args::options(), limits) {
        Ok(picture) => Ok(Arc::new(picture)),
        Err(e) => Err(Failure::new("image", format_args!("{}: {e}", path.display()))),
    }
}

/// A file's bytes, or of a file over the limit so many that it is refused.
pub fn read_bytes(what: &str, path: &Path, limits: &ImageLimits) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    // One byte more than allowed is enough to refuse, whatever the file is: it may be a device without an end.
    let read = File::open(path).and_then(|file| file.take(limits.file_bytes + 1).read_to_end(&mut bytes));
    read.map_err(|e| Failure::reading(what, path, &e))?;
    Ok(bytes)
}

/// As many bytes of standard input as `limit` allows.
pub fn input_bytes(limit: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = io::stdin().lock().take(limit).read_to_end(&mut bytes);
    read.map_err(|e| Failure::new("open", format_args!("cannot read standard input: {e}")))?;
    Ok(bytes)
}

/// All of standard input as text, less the line break that `echo` puts at its end.
pub fn standard_input() -> Result<String, Failure> {
    text("standard input", input_bytes(LONGEST_TEXT as u64 + 2)?)
}

/// All of a file as text, less the line break at its end.
pub fn text_of(what: &str, path: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST_TEXT as u64 + 2).read_to_end(&mut bytes));
    read.map_err(|e| Failure::reading(what, path, &e))?;
    text(&path.display().to_string(), bytes)
}

fn text(name: &str, bytes: Vec<u8>) -> Result<String, Failure> {
    let mut text = String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        Failure::new("text", format_args!("{name} is not UTF-8: byte {at} is no part of a character"))
    })?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}
