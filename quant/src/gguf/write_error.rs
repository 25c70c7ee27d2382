//! Everything that can go wrong in writing a file: mistakes in what is declared, data that does not match it, output.

use std::io;

use crate::SizeError;

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The same key set twice.
    #[error("duplicate key '{0}'")]
    DuplicateKey(String),
    /// The same tensor name declared twice.
    #[error("duplicate tensor name '{0}'")]
    DuplicateTensor(String),
    /// A key or tensor name that breaks a rule.
    #[error("'{name}': {rule}")]
    BadName {
        /// The name, cut if long.
        name: String,
        /// The rule, with its numbers.
        rule: String,
    },
    /// `general.alignment` set to something this writer does not do.
    #[error("general.alignment must be the u32 32, got {0}")]
    Alignment(String),
    /// More than a reader accepts.
    #[error("{what}: {got} exceeds the limit of {max}")]
    Limit {
        /// What is counted.
        what: String,
        /// Declared.
        got: u64,
        /// Allowed.
        max: u64,
    },
    /// A shape that is no tensor.
    #[error("tensor '{tensor}': {source}")]
    Shape {
        /// The tensor.
        tensor: String,
        /// What is wrong with its shape.
        source: SizeError,
    },
    /// The file would not fit 64-bit offsets.
    #[error("tensor '{tensor}' of {bytes} bytes at offset {offset} overflows 64-bit file offsets")]
    Overflow {
        /// The tensor.
        tensor: String,
        /// Its bytes.
        bytes: u64,
        /// Where it would start.
        offset: u64,
    },
    /// Data beyond the end of the tensor being written; nothing of it was written.
    #[error("tensor '{tensor}' takes {wanted} bytes, got {got}")]
    TooMuchData {
        /// The tensor.
        tensor: String,
        /// Bytes it takes.
        wanted: u64,
        /// Bytes offered, this call's included.
        got: u64,
    },
    /// Data after the last tensor; nothing of it was written.
    #[error("all {tensors} tensors are complete, got {got} more bytes")]
    NoTensorLeft {
        /// Tensors declared.
        tensors: usize,
        /// Bytes offered.
        got: u64,
    },
    /// Finishing before all data was written.
    #[error("tensor '{tensor}' has {got} of {wanted} bytes and {missing} tensors after it have none")]
    Unfinished {
        /// The tensor.
        tensor: String,
        /// Bytes it takes.
        wanted: u64,
        /// Bytes written.
        got: u64,
        /// Tensors not begun.
        missing: usize,
    },
    /// The output failed.
    #[error("writing failed at offset {offset}: {source}")]
    Io {
        /// Bytes written before.
        offset: u64,
        /// The output's error.
        source: io::Error,
    },
}
