//! A model that says what a test wants, in a file.

use crate::process::file;

/// As [`ocelli_tests::saying::saying`].
pub fn saying(chain: &[&str]) -> (tempfile::TempDir, String) {
    file("saying.gguf", &ocelli_tests::saying::saying(chain))
}

/// As [`ocelli_tests::saying::saying_in`].
pub fn saying_in(context: u32, chain: &[&str]) -> (tempfile::TempDir, String) {
    file("saying.gguf", &ocelli_tests::saying::saying_in(context, chain))
}
