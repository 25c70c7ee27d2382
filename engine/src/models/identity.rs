//! What tells model files apart, so that what was made with one is not taken for another's: 128-bit hashes
//! ([`crate::image::bytes_hash`]) of keys, tensors' shapes and weights.
//!
//! The non-obvious thing: of the tower and the bridge every byte counts, since they are read for a picture anyway. Of a whole
//! model only the first and last 4 KiB of each tensor do: training moves every tensor, and reading gigabytes before the
//! first answer would cost more than the answer.

use crate::image::{bytes_hash, mixed};
use crate::weights::is_encoder;
use ocelli_quant::gguf::{Gguf, MetaValue, TensorInfo, Value};

/// Bytes of a tensor's beginning and end.
const SAMPLE: usize = 4096;

/// Of all keys and tensors.
pub fn identity(file: &Gguf) -> u128 {
    let ends = |bytes: &[u8]| {
        let (first, last) = (&bytes[..bytes.len().min(SAMPLE)], &bytes[bytes.len().saturating_sub(SAMPLE)..]);
        mixed(bytes_hash(first), bytes_hash(last))
    };
    of(file, |_| true, |_| true, ends)
}

/// Of what a picture's rows depend on: tower and bridge, and all keys but the tokenizer's and what is said about the file.
pub fn encoder_identity(file: &Gguf) -> u128 {
    let key = |key: &str| !["tokenizer.", "general."].iter().any(|other| key.starts_with(other));
    of(file, key, |tensor| is_encoder(&tensor.name), bytes_hash)
}

fn of(
    file: &Gguf,
    key: impl Fn(&str) -> bool,
    tensor: impl Fn(&TensorInfo) -> bool,
    weights: impl Fn(&[u8]) -> u128,
) -> u128 {
    let written = |name: &str, value: Value<'_>| format!("{name}={:?}", MetaValue::from(value));
    let keys = file.keys().filter(|(name, _)| key(name));
    let keys = keys.fold(0, |hash, (name, value)| mixed(hash, bytes_hash(written(name, value).as_bytes())));
    file.tensors().iter().filter(|t| tensor(t)).fold(keys, |hash, t| {
        let shape = bytes_hash(format!("{} {:?} {:?}", t.name, t.shape, t.ty).as_bytes());
        mixed(mixed(hash, shape), weights(file.data(t)))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use ocelli_quant::TensorType;
    use ocelli_quant::gguf::Writer;
    use std::sync::Arc;

    /// A file with two tensors of 12 KiB, the numbers that are changed, and a key of the tokenizer.
    fn file(changed: &[(usize, usize)], template: &str) -> Gguf {
        let mut writer = Writer::new();
        writer.set("tokenizer.chat_template", template);
        for name in ["v.a", "blk.0.b"] {
            writer.tensor(name, &[3072], TensorType::F32);
        }
        let mut body = writer.begin(Vec::new()).unwrap();
        for tensor in 0..2 {
            let mut bytes = [0u8; 12288];
            changed.iter().filter(|(which, _)| *which == tensor).for_each(|(_, at)| bytes[*at] = 1);
            body.write(&bytes).unwrap();
        }
        Gguf::parse(Arc::new(body.finish().unwrap())).unwrap()
    }

    #[test]
    fn weights_and_keys_tell_files_apart() {
        let plain = file(&[], "a");
        let both =
            |file: &Gguf| (identity(file) == identity(&plain), encoder_identity(file) == encoder_identity(&plain));
        assert_eq!(both(&file(&[], "a")), (true, true));
        assert_eq!(both(&file(&[], "b")), (false, true), "a template is nothing to a picture");
        assert_eq!(both(&file(&[(0, 6000)], "a")), (true, false), "the middle counts for the tower only");
        assert_eq!(both(&file(&[(0, 12287)], "a")), (false, false));
        assert_eq!(both(&file(&[(1, 100)], "a")), (false, true));
    }
}
