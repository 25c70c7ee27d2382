//! Running the binary.

use ocelli_quant::gguf::{Gguf, MetaValue, Writer};
use serde_json::Value;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

/// A question the bundled model answers with one word.
pub const COLOUR: &str = "Question: what color is the shape? Answer:";

/// What a run left behind.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ended {
    /// Standard output of a run that went well.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }

    /// Standard output of a run that went well: one JSON document on one line.
    #[track_caller]
    pub fn json(self) -> Value {
        let out = self.ok();
        assert_eq!(out.matches('\n').count(), 1, "{out}");
        serde_json::from_str(&out).expect(&out)
    }

    /// Checks a run that failed: exit code, error code, nothing on standard output; the messages.
    #[track_caller]
    pub fn failed(self, exit: i32, code: &str) -> String {
        assert_eq!(self.code, Some(exit), "{self:?}");
        assert!(self.err.contains(&format!("ocelli: error[{code}]: ")), "{self:?}");
        assert_eq!(self.out, "", "nothing but the answer is on standard output");
        let lines = self.err.lines().filter(|line| line.starts_with("ocelli: ") || line.contains("hint: "));
        assert_eq!(lines.count(), 1, "an error is one line: {self:?}");
        self.err
    }
}

pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ocelli"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub fn finish(command: &mut Command, input: &str) -> Ended {
    let mut child = command.spawn().unwrap();
    if let Some(mut stdin) = child.stdin.take() {
        // The program may fail before it reads.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let ended = Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
    assert!(!ended.err.contains("panicked"), "{ended:?}");
    ended
}

pub fn ocelli(args: &[&str]) -> Ended {
    finish(&mut command(args), "")
}

pub fn ocelli_with_input(args: &[&str], input: &str) -> Ended {
    finish(command(args).stdin(Stdio::piped()), input)
}

/// A picture of the repository.
pub fn picture(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/pictures").join(name);
    assert!(path.is_file(), "{}", path.display());
    path.to_str().unwrap().to_owned()
}

/// A file with this content in a directory of its own.
pub fn file(name: &str, content: &[u8]) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, content).unwrap();
    (dir, path.to_str().unwrap().to_owned())
}

/// The model that is in the program.
pub fn bundled() -> Vec<u8> {
    std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models/tiny-blip2.gguf")).unwrap()
}

/// That model with further keys.
pub fn bundled_with<V: Clone + Into<MetaValue>>(keys: &[(&str, V)]) -> (tempfile::TempDir, String) {
    with_keys(&bundled(), keys)
}

/// A model with further keys.
pub fn with_keys<V: Clone + Into<MetaValue>>(model: &[u8], keys: &[(&str, V)]) -> (tempfile::TempDir, String) {
    let tiny = Gguf::parse(Arc::new(model.to_vec())).unwrap();
    let mut writer = Writer::new();
    for (key, value) in tiny.keys().filter(|(key, _)| keys.iter().all(|(other, _)| other != key)) {
        writer.set(key, value);
    }
    for (key, value) in keys {
        writer.set(*key, value.clone());
    }
    for tensor in tiny.tensors() {
        writer.tensor(&tensor.name, &tensor.shape, tensor.ty);
    }
    let mut body = writer.begin(Vec::new()).unwrap();
    for tensor in tiny.tensors() {
        body.write(tiny.data(tensor)).unwrap();
    }
    file("keys.gguf", &body.finish().unwrap())
}
