//! The table of a sharded checkpoint: which file holds which tensor.
//!
//! Paths in it are input like any other: one that is absolute or climbs out of the directory is refused before anything
//! is opened. A shard may be a symbolic link, though: that is how the hub's own cache lays out a snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use serde::Deserialize;

use crate::error::{ConvertError, shown};
use crate::json;

/// A validated index.
pub(super) struct Index {
    /// Shards in name order.
    pub(super) files: Vec<String>,
    /// Tensor to shard.
    pub(super) weights: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Content {
    weight_map: BTreeMap<String, String>,
}

pub(super) fn read(directory: &Path, name: &str) -> Result<Index, ConvertError> {
    let Some(Content { weight_map }) = json::read(directory, name, json::DATA_BYTES)? else {
        let hint = "it was there a moment ago";
        return Err(ConvertError::FileMissing { file: name.to_owned(), directory: directory.to_owned(), hint });
    };
    let files: BTreeSet<&String> = weight_map.values().collect();
    for path in &files {
        if !stays_inside(path) {
            return Err(ConvertError::ShardPath { index: name.to_owned(), path: shown(path) });
        }
    }
    let files: Vec<String> = files.into_iter().cloned().collect();
    if files.is_empty() {
        return Err(ConvertError::Json { file: name.to_owned(), message: "weight_map has 0 tensors".to_owned() });
    }
    Ok(Index { files, weights: weight_map })
}

/// Whether a path consists of plain names, on this system and on others.
fn stays_inside(path: &str) -> bool {
    let plain = |part| matches!(part, Component::Normal(_));
    !path.is_empty() && !path.contains(['\\', ':', '\0']) && Path::new(path).components().all(plain)
}
