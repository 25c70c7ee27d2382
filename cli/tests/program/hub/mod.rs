//! `ocelli pull`, hub names in place of paths, and `ocelli models`, against a hub on the loopback.

mod faults;
mod flow;
mod killed;
mod server;
mod tls;
mod transfers;

use crate::process::{Ended, command, finish};
use server::{Hub, Repositories, Stored};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Bytes that look like nothing.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..len).map(|_| next()).collect()
}

/// A checkpoint as far as a download is concerned, with copies for other frameworks, and a repository of GGUF files.
fn repositories() -> Repositories {
    let small = |text: &str| Stored { bytes: text.as_bytes().to_vec(), large: false };
    let large = |len, seed| Stored { bytes: noise(len, seed), large: true };
    let checkpoint = [
        ("README.md", small("# A model")),
        ("config.json", small(r#"{"model_type": "opt"}"#)),
        ("tokenizer.json", small("{}")),
        ("tokenizer_config.json", small("{ }")),
        ("additional_chat_templates/tool.jinja", small("{{ messages }}")),
        ("model.safetensors", large(3 << 20, 1)),
        ("pytorch_model.bin", large(1000, 2)),
        ("tf_model.h5", large(1000, 3)),
        ("flax_model.msgpack", large(1000, 4)),
        ("onnx/model.onnx", large(1000, 5)),
    ];
    let models = [
        ("tiny-Q4_K_M.gguf", large(2000, 6)),
        ("tiny-Q8_0.gguf", large(3000, 7)),
        ("mmproj-tiny-f16.gguf", large(1000, 8)),
        ("split/tiny-BF16-00001-of-00002.gguf", large(700, 9)),
        ("split/tiny-BF16-00002-of-00002.gguf", large(800, 10)),
    ];
    let named = |files: &[(&str, Stored)]| -> BTreeMap<String, Stored> {
        files.iter().map(|(path, file)| ((*path).to_owned(), file.clone())).collect()
    };
    [("o/tiny".to_owned(), named(&checkpoint)), ("o/tiny-GGUF".to_owned(), named(&models))].into()
}

/// An empty home for the cache.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn cache(&self) -> PathBuf {
        self.0.path().join("hub")
    }

    fn repository(&self, repo: &str) -> PathBuf {
        self.cache().join(format!("models--{}", repo.replace('/', "--")))
    }

    fn snapshot(&self, repo: &str) -> PathBuf {
        self.repository(repo).join("snapshots").join(server::COMMIT)
    }

    /// A run with this home, a hub and short limits.
    fn command(&self, endpoint: &str, args: &[&str]) -> Command {
        let mut command = command(args);
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().to_uppercase();
            if name.starts_with("HF_") || name.ends_with("_PROXY") || name.ends_with("_CA_BUNDLE") {
                command.env_remove(&name).env_remove(name.to_lowercase());
            }
        }
        let home = self.0.path();
        command.env("HF_ENDPOINT", endpoint).env("HF_HOME", home).env("HOME", home).env_remove("SSL_CERT_FILE");
        command.env("OCELLI_HUB_BACKOFF", "0.01").env("HF_HUB_DOWNLOAD_TIMEOUT", "1");
        command
    }

    fn run(&self, hub: &Hub, args: &[&str]) -> Ended {
        finish(&mut self.command(&hub.endpoint, args), "")
    }

    /// Checks that a repository's file is in the snapshot, as the link that huggingface_hub makes, and right.
    #[track_caller]
    fn has(&self, hub: &Hub, repo: &str, file: &str) {
        let stored = &hub.repositories[repo][file];
        let path = self.snapshot(repo).join(file);
        assert!(std::fs::read(&path).unwrap() == stored.bytes, "{file}");
        let up = "../".repeat(2 + file.matches('/').count());
        assert_eq!(std::fs::read_link(&path).unwrap(), Path::new(&format!("{up}blobs/{}", stored.etag())));
    }

    /// Checks that nothing half is left of a repository: each blob is one of its files, and there is no other file.
    #[track_caller]
    fn is_clean(&self, hub: &Hub, repo: &str) {
        let blobs = std::fs::read_dir(self.repository(repo).join("blobs")).into_iter().flatten().flatten();
        for blob in blobs {
            let name = blob.file_name().into_string().unwrap();
            let file = hub.repositories[repo].values().find(|file| file.etag() == name);
            let file = file.unwrap_or_else(|| panic!("{name} is no blob"));
            assert!(std::fs::read(blob.path()).unwrap() == file.bytes, "{name}");
        }
    }
}
