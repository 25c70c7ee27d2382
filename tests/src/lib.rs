//! Checks across the crates: goldens of the original models, and the checkpoints they were computed from.
//!
//! `parity/` holds the Python that ran the originals and the answers; this library makes the same checkpoints and pictures
//! from formulas, so that a test needs no network, no Python and no stored weights.

#![allow(clippy::unwrap_used, clippy::expect_used)]

pub mod checkpoint;
pub mod formula;
pub mod golden;
pub mod instruct_golden;
pub mod itm_golden;
pub mod lavis_golden;
pub mod mixed_golden;
pub mod naming_game;
pub mod open_flamingo;
pub mod opt_tokenizer;
pub mod pairs;
pub mod saying;
pub mod spliced_golden;
pub mod split;
pub mod text_golden;

/// README's program for Rust, which must compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// Errors here are read by people who run tests.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// Result with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;
