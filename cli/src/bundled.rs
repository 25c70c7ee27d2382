//! The model inside the program: a tiny one that answers questions about coloured shapes, so that the program can be
//! tried, tested and diagnosed without a download.
//!
//! The bytes are aligned, because tensors are read where they lie.

use ocelli_quant::gguf::Bytes;
use std::sync::Arc;

/// What messages call it.
pub const NAME: &str = "bundled model";

#[repr(C, align(64))]
struct Aligned<T: ?Sized>(T);

static FILE: &Aligned<[u8]> = &Aligned(*include_bytes!("../models/tiny-blip2.gguf"));

struct Bundled;

impl AsRef<[u8]> for Bundled {
    fn as_ref(&self) -> &[u8] {
        &FILE.0
    }
}

/// The file.
pub fn bytes() -> Bytes {
    Arc::new(Bundled)
}
