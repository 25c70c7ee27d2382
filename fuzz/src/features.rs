//! A pool's file of features: once as it is, and once as what stands between the magic and the hash, which no change of
//! bytes would find.
//!
//! What is read is written again; where keys were in order and came once, these are the same bytes.

use ocelli_cli::readers::{features as parsed, written_features as written};
use ocelli_engine::image::bytes_hash;
use std::collections::BTreeSet;

/// How a file begins.
const MAGIC: &[u8] = b"ocelli features1";

/// The target.
pub fn features(bytes: &[u8]) {
    let content = [MAGIC, bytes].concat();
    let hashed = [&content[..], &bytes_hash(&content).to_le_bytes()].concat();
    for file in [bytes, &hashed] {
        let Some(entries) = parsed(file) else { continue };
        let numbers: usize = entries.values().map(Vec::len).sum();
        assert!(16 * entries.len() + 4 * numbers <= file.len());
        let again = written(&entries, &BTreeSet::new());
        assert!(again.len() <= file.len());
        assert_eq!(parsed(&again), Some(entries));
    }
}
