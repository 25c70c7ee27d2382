//! What is fuzzed: one function a target, from bytes to whatever a caller does with a file, a picture, a template, the C
//! interface or, of the program, the lines of a batch, a hub's list and what it keeps. `fuzz_targets/` hands each to
//! libFuzzer and `run` builds and runs them; `tests/tests/fuzz.rs` takes these files, too, and runs them without a sanitizer.
//!
//! A finding is a panic, a report of the sanitizer, an input that takes ten seconds or one that takes two gigabytes.
//! Errors are no findings. Each target's opening says how its input is laid out; seeds are what the tests of the crates
//! feed to the same readers (`keep.rs`).

mod calls;
mod chat;
mod checkpoint;
mod features;
mod gguf;
mod index;
mod lines;
mod listing;
mod picture;
mod tokenizer;

pub use calls::calls;
pub use chat::chat;
pub use checkpoint::{safetensors, torch};
pub use features::features;
pub use gguf::gguf;
pub use index::index;
pub use lines::lines;
pub use listing::listing;
pub use picture::picture;
pub use tokenizer::tokenizer;
