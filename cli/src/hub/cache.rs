//! The cache that huggingface_hub lays out, read and written, so that neither downloads what the other has.
//!
//! `models--owner--name/` holds `blobs/ETAG`, `refs/REVISION` with a commit's hash, and `snapshots/COMMIT/PATH`, links
//! to the blobs. Beside the repositories `.locks/` holds a file for each blob that is or was written: both programs take
//! `flock` on it.
//!
//! The non-obvious thing: a snapshot says nothing about being complete, so a reference is written last, and what a
//! snapshot is wanted for is checked file by file.

use std::fs;
#[cfg(feature = "hub")]
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The folder of all repositories.
pub struct Cache {
    /// Its path.
    pub root: PathBuf,
}

/// One commit of a repository, as far as it is here.
pub struct Snapshot {
    /// `owner/name`.
    pub repo: String,
    /// The revisions that lead here.
    pub revisions: Vec<String>,
    /// The folder.
    pub path: PathBuf,
}

impl Cache {
    /// The folder of a repository.
    pub fn folder(&self, repo: &str) -> PathBuf {
        self.root.join(format!("models--{}", repo.replace('/', "--")))
    }

    /// The folder of a revision that was fetched before: a commit by its hash, anything else by its reference.
    pub fn snapshot(&self, repo: &str, revision: &str) -> Option<PathBuf> {
        let folder = self.folder(repo);
        let commit = match fs::read_to_string(folder.join("refs").join(revision)) {
            Ok(commit) => commit.trim().to_owned(),
            Err(_) => revision.to_owned(),
        };
        let path = folder.join("snapshots").join(&commit);
        (is_plain(&commit) && path.is_dir()).then_some(path)
    }

    /// All commits that are here, by name.
    pub fn snapshots(&self) -> Vec<Snapshot> {
        let mut found = Vec::new();
        for folder in entries(&self.root) {
            let Some(repo) = name_of(&folder).strip_prefix("models--").map(|name| name.replacen("--", "/", 1)) else {
                continue;
            };
            let mut refs = Vec::new();
            references(&folder.join("refs"), "", &mut refs);
            for path in entries(&folder.join("snapshots")).into_iter().filter(|path| path.is_dir()) {
                let commit = name_of(&path);
                let here = refs.iter().filter(|(_, to)| *to == commit);
                found.push(Snapshot {
                    repo: repo.clone(),
                    revisions: here.map(|(name, _)| name.clone()).collect(),
                    path,
                });
            }
        }
        found
    }
}

/// What is in a folder, by name; nothing where there is none.
pub fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// The last part of a path.
pub fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// References by name, which may have slashes.
fn references(folder: &Path, before: &str, found: &mut Vec<(String, String)>) {
    for path in entries(folder) {
        let name = format!("{before}{}", name_of(&path));
        if path.is_dir() {
            // Deeper ones than the hub's refs/pr/N are nobody's.
            if before.matches('/').count() < 4 {
                references(&path, &format!("{name}/"), found);
            }
        } else if let Ok(commit) = fs::read_to_string(&path) {
            found.push((name, commit.trim().to_owned()));
        }
    }
}

/// Whether a hash or an etag can be a file's name as it is.
pub fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=128).contains(&text.len()) && text.chars().all(plain) && !text.starts_with('.')
}

/// Whether there is a file of that length. One of unknown length is taken for whole: it has its name only since it was.
pub fn has(path: &Path, size: Option<u64>) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && size.is_none_or(|size| found.len() == size))
}

/// Writing.
#[cfg(feature = "hub")]
impl Cache {
    /// Where the bytes of a blob are, or will be.
    pub fn blob(&self, repo: &str, etag: &str) -> PathBuf {
        self.folder(repo).join("blobs").join(etag)
    }

    /// The file that whoever writes a blob locks.
    pub fn lock(&self, repo: &str, etag: &str) -> PathBuf {
        let folder = self.folder(repo);
        self.root.join(".locks").join(folder.file_name().unwrap_or_default()).join(format!("{etag}.lock"))
    }

    /// The folder of a commit.
    pub fn commit(&self, repo: &str, commit: &str) -> PathBuf {
        self.folder(repo).join("snapshots").join(commit)
    }

    /// Lets a revision lead to a commit.
    pub fn refer(&self, repo: &str, revision: &str, commit: &str) -> io::Result<()> {
        let path = self.folder(repo).join("refs").join(revision);
        if revision == commit || fs::read_to_string(&path).is_ok_and(|found| found == commit) {
            return Ok(());
        }
        replaced(&path, |new| fs::write(new, commit))
    }

    /// Puts a blob into a snapshot, as a link where links can be had: else the blob itself where nobody else has it, or a
    /// copy.
    pub fn link(blob: &Path, snapshot: &Path, file: &str) -> io::Result<()> {
        let pointer = snapshot.join(file);
        let target = target(blob, file);
        if fs::read_link(&pointer).is_ok_and(|found| found == target) {
            return Ok(());
        }
        if let Some(folder) = pointer.parent() {
            fs::create_dir_all(folder)?;
        }
        let linked = match symlink(&target, &pointer) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => replaced(&pointer, |new| symlink(&target, new)),
            other => other,
        };
        if linked.is_ok() { Ok(()) } else { Self::place(blob, &pointer) }
    }

    /// Puts a blob where its link would be. Like huggingface_hub, which looks there before it looks for the blob.
    fn place(blob: &Path, pointer: &Path) -> io::Result<()> {
        replaced(pointer, |new| fs::copy(blob, new).map(drop))?;
        fs::remove_file(blob)
    }
}

/// The way from a file in a snapshot to a blob.
#[cfg(feature = "hub")]
fn target(blob: &Path, file: &str) -> PathBuf {
    let up = "../".repeat(2 + file.matches('/').count());
    Path::new(&up).join("blobs").join(blob.file_name().unwrap_or_default())
}

#[cfg(all(feature = "hub", unix))]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(all(feature = "hub", windows))]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, link)
}

#[cfg(all(feature = "hub", not(any(unix, windows))))]
fn symlink(_: &Path, _: &Path) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

/// Makes a file beside a path and gives it that name in one step.
#[cfg(feature = "hub")]
fn replaced(path: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let new = path.with_file_name(format!(".ocelli-{}-{}", std::process::id(), name_of(path)));
    let done = make(&new).and_then(|()| fs::rename(&new, path));
    if done.is_err() {
        let _ = fs::remove_file(&new);
    }
    done
}

#[cfg(all(test, feature = "hub"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn without_links_the_file_itself_is_in_the_snapshot() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache { root: dir.path().to_owned() };
        let blob = cache.blob("o/n", "abc");
        fs::create_dir_all(blob.parent().unwrap()).unwrap();
        fs::write(&blob, "bytes").unwrap();
        let snapshot = cache.commit("o/n", "0123");
        fs::create_dir_all(snapshot.join("a")).unwrap();
        Cache::place(&blob, &snapshot.join("a/f.json")).unwrap();
        assert_eq!(fs::read_to_string(snapshot.join("a/f.json")).unwrap(), "bytes");
        assert!(!blob.exists(), "no space is taken twice");
        assert!(has(&snapshot.join("a/f.json"), Some(5)) && !has(&snapshot.join("a/f.json"), Some(6)));
    }

    #[test]
    fn links_are_relative_and_lead_to_the_blob() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache { root: dir.path().to_owned() };
        let blob = cache.blob("o/n", "abc");
        fs::create_dir_all(blob.parent().unwrap()).unwrap();
        fs::write(&blob, "bytes").unwrap();
        let snapshot = cache.commit("o/n", "0123");
        for file in ["f.json", "a/b/f.json"] {
            fs::create_dir_all(snapshot.join(file).parent().unwrap()).unwrap();
            // One that leads nowhere, as an older download may have left it, is replaced.
            symlink(Path::new("../nowhere"), &snapshot.join(file)).unwrap();
            Cache::link(&blob, &snapshot, file).unwrap();
            assert_eq!(fs::read_to_string(snapshot.join(file)).unwrap(), "bytes");
        }
        assert_eq!(fs::read_link(snapshot.join("a/b/f.json")).unwrap(), Path::new("../../../../blobs/abc"));
        cache.refer("o/n", "refs/pr/1", "0123").unwrap();
        assert_eq!(cache.snapshot("o/n", "refs/pr/1"), Some(snapshot.clone()));
        assert_eq!(cache.snapshot("o/n", "0123"), Some(snapshot));
        assert_eq!(cache.snapshot("o/n", "main"), None);
        assert_eq!(cache.snapshots()[0].revisions, ["refs/pr/1"]);
    }
}
