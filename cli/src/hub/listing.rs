//! What a repository has: its files with their lengths and hashes, as the hub lists them or as the cache holds them.
//!
//! The non-obvious thing: the hub names a file's hash by what it is stored as. Large ones have the SHA-256 of their bytes,
//! all others the hash of a Git object, which is SHA-1 of a header and the bytes. Both are the file's etag as well.

use super::cache::{entries, name_of};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Longest table of a sharded checkpoint.
const LONGEST_TABLE: u64 = 64 << 20;

/// Most files of a checkpoint's weights.
const MOST_SHARDS: usize = 4096;

/// A file of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it is in the repository.
    pub path: String,
    /// Its length, where that is known.
    pub size: Option<u64>,
    /// Its name among the blobs, where that is known: mostly a hash.
    pub etag: Option<String>,
}

/// The files of a folder of the cache, two levels deep, with links followed.
pub fn local(folder: &Path) -> Vec<Entry> {
    let mut found = Vec::new();
    for path in entries(folder) {
        let name = name_of(&path);
        if path.is_dir() {
            found.extend(entries(&path).iter().filter_map(|path| entry(path, format!("{name}/{}", name_of(path)))));
        } else {
            found.extend(entry(&path, name));
        }
    }
    found
}

fn entry(path: &Path, name: String) -> Option<Entry> {
    let found = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    Some(Entry { path: name, size: Some(found.len()), etag: None })
}

/// The shards that a checkpoint's table names, in order.
pub fn shards(table: &Path) -> Result<Vec<String>, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", table.display());
    let length = std::fs::metadata(table).map_err(|error| wrong(&error))?.len();
    if length > LONGEST_TABLE {
        return Err(wrong(&format!("{length} bytes, {LONGEST_TABLE} at most")));
    }
    let bytes = std::fs::read(table).map_err(|error| wrong(&error))?;
    shards_in(&bytes).map_err(|error| wrong(&error))
}

/// The shards that a table's bytes name, in order.
pub fn shards_in(table: &[u8]) -> Result<Vec<String>, String> {
    #[derive(Deserialize)]
    struct Table {
        weight_map: BTreeMap<String, String>,
    }
    let table: Table = serde_json::from_slice(table).map_err(|error| error.to_string())?;
    let mut shards: Vec<String> = table.weight_map.into_values().collect();
    shards.sort();
    shards.dedup();
    match shards.len() {
        count if count > MOST_SHARDS => Err(format!("weights in {count} files, {MOST_SHARDS} at most")),
        _ => Ok(shards),
    }
}

#[cfg(feature = "hub")]
pub use remote::{Listing, encoded};

#[cfg(feature = "hub")]
mod remote {
    use super::Entry;
    use crate::failure::Failure;
    use crate::hub::cache::is_plain;
    use crate::hub::name::stays_inside;
    use serde::Deserialize;

    /// Most files of a repository, twice what the hub advises.
    const MOST: usize = 200_000;

    /// The answer to `/api/models/REPO/revision/REVISION?blobs=true`.
    #[derive(Deserialize)]
    struct Info {
        sha: String,
        #[serde(default)]
        siblings: Vec<Sibling>,
    }

    #[derive(Deserialize)]
    struct Sibling {
        rfilename: String,
        size: Option<u64>,
        #[serde(rename = "blobId")]
        blob: Option<String>,
        lfs: Option<Lfs>,
    }

    #[derive(Deserialize)]
    struct Lfs {
        size: Option<u64>,
        #[serde(alias = "oid")]
        sha256: Option<String>,
    }

    /// A commit and its files, checked.
    #[derive(Deserialize)]
    #[serde(try_from = "Info")]
    pub struct Listing {
        /// The commit's hash.
        pub commit: String,
        /// Files by path.
        pub files: Vec<Entry>,
    }

    impl TryFrom<Info> for Listing {
        type Error = String;

        fn try_from(info: Info) -> Result<Self, String> {
            if !is_plain(&info.sha) {
                return Err(format!("{:?} is no commit", info.sha.chars().take(80).collect::<String>()));
            }
            if info.siblings.len() > MOST {
                return Err(format!("{} files, a repository has at most {MOST}", info.siblings.len()));
            }
            let files = info.siblings.into_iter().map(|file| {
                stays_inside(&file.rfilename)?;
                let lfs = file.lfs.as_ref();
                let hash = |text: &Option<String>, length| {
                    text.clone().filter(|t| t.len() == length && t.chars().all(|c| c.is_ascii_hexdigit()))
                };
                let etag = lfs.map_or_else(|| hash(&file.blob, 40), |lfs| hash(&lfs.sha256, 64));
                let size = lfs.and_then(|lfs| lfs.size).or(file.size);
                Ok(Entry { path: file.rfilename, size, etag: etag.map(|etag| etag.to_ascii_lowercase()) })
            });
            Ok(Self { commit: info.sha, files: files.collect::<Result<_, String>>()? })
        }
    }

    /// A text in an address: what is not a letter, a digit or a plain mark, as `%` and its code. `keep` stays as it is.
    pub fn encoded(text: &str, keep: &str) -> String {
        let byte = |byte: u8| match char::from(byte) {
            c if c.is_ascii_alphanumeric() || "-._~".contains(c) || keep.contains(c) => c.to_string(),
            _ => format!("%{byte:02X}"),
        };
        text.bytes().map(byte).collect()
    }

    impl Entry {
        /// Its path as a path of the cache; what means something else on some system is refused.
        pub fn safe_path(&self) -> Result<&str, Failure> {
            if self.path.contains(['\\', ':']) {
                let what = format!("the repository has a file {:?}, whose name is not one on every system", self.path);
                return Err(Failure::new("hub-answer", what));
            }
            Ok(&self.path)
        }
    }

    #[cfg(test)]
    #[allow(clippy::unwrap_used)]
    mod tests {
        use super::*;

        #[test]
        fn addresses_are_encoded() {
            assert_eq!(encoded("a b/ü#?%.gguf", "/"), "a%20b/%C3%BC%23%3F%25.gguf");
            assert_eq!(encoded("refs/pr/1", ""), "refs%2Fpr%2F1");
        }

        #[test]
        fn hashes_are_those_of_what_a_file_is_stored_as() {
            let (git, sha) = ("a".repeat(40), "B".repeat(64));
            let text = format!(
                r#"{{"sha": "0123", "siblings": [{{"rfilename": "a", "size": 3, "blobId": "{git}"}},
                {{"rfilename": "b", "size": 100, "blobId": "{git}", "lfs": {{"sha256": "{sha}", "size": 9, "pointerSize": 100}}}},
                {{"rfilename": "c", "blobId": "short"}}]}}"#
            );
            let listing: Listing = serde_json::from_str(&text).unwrap();
            let entry = |path: &str, size, etag| Entry { path: path.to_owned(), size, etag };
            let wanted =
                [entry("a", Some(3), Some(git)), entry("b", Some(9), Some(sha.to_lowercase())), entry("c", None, None)];
            assert_eq!(listing.files, wanted);
        }
    }
}
