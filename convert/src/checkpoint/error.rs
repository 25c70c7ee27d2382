//! What is wrong with a safetensors file, by the names of the format's own reference reader.

use ocelli_quant::Size;
use std::io;

/// Why a safetensors file is not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SafetensorsError {
    /// Not even the length fits.
    #[error("header too small: 8 bytes needed, the file has {have}")]
    HeaderTooSmall {
        /// Bytes of the file.
        have: u64,
    },
    /// A table larger than any real one.
    #[error("header too large: {length} bytes declared, at most {max}")]
    HeaderTooLarge {
        /// Declared.
        length: u64,
        /// Allowed.
        max: u64,
    },
    /// The table does not fit the file.
    #[error("invalid header length: {length} bytes declared, {remaining} remain in the file")]
    InvalidHeaderLength {
        /// Declared.
        length: u64,
        /// Bytes behind the length field.
        remaining: u64,
    },
    /// Not JSON, or not the JSON of a table.
    #[error("invalid header: {0}")]
    InvalidHeader(String),
    /// The file is a pointer to the real one.
    #[error("this is a Git LFS pointer of {have} bytes; fetch the real file")]
    LfsPointer {
        /// Bytes of the file.
        have: u64,
    },
    /// The same name twice.
    #[error("tensor '{tensor}' appears twice in the header")]
    DuplicateTensor {
        /// The name.
        tensor: String,
    },
    /// An element type the format does not have.
    #[error("tensor '{tensor}': unknown dtype '{dtype}'")]
    UnknownDtype {
        /// The tensor.
        tensor: String,
        /// The type found.
        dtype: String,
    },
    /// Data that run backwards, overlap or leave a gap.
    #[error("tensor '{tensor}': invalid offsets [{start}, {end}], expected a start of {expected}")]
    InvalidOffset {
        /// The tensor.
        tensor: String,
        /// Declared start.
        start: u64,
        /// Declared end.
        end: u64,
        /// Where the tensors before it end.
        expected: u64,
    },
    /// Shape and offsets disagree.
    #[error("tensor '{tensor}': shape {shape:?} of {dtype} takes {wanted} bytes, its offsets span {span}")]
    TensorInvalidInfo {
        /// The tensor.
        tensor: String,
        /// Declared shape.
        shape: Vec<u64>,
        /// Declared type.
        dtype: &'static str,
        /// Bytes by shape and type.
        wanted: u64,
        /// Bytes by offsets.
        span: u64,
    },
    /// A shape whose size overflows.
    #[error("tensor '{tensor}': the size of shape {shape:?} overflows 64 bits")]
    ValidationOverflow {
        /// The tensor.
        tensor: String,
        /// Declared shape.
        shape: Vec<u64>,
    },
    /// The file is cut off, or has bytes nobody declared.
    #[error("incomplete: the header describes data of {}, the file has {}", Size(*described).exact(), Size(*have).exact())]
    MetadataIncompleteBuffer {
        /// End of the last tensor.
        described: u64,
        /// Bytes behind the header.
        have: u64,
    },
    /// MLX wrote the file, and there is a convolution in it.
    #[error(
        "MLX wrote this file, which stores convolutions with channels last, such as '{tensor}' {shape:?}; convert the \
         checkpoint that it was made of"
    )]
    Mlx {
        /// The convolution's weight.
        tensor: String,
        /// Its shape.
        shape: Vec<u64>,
    },
    /// Reading failed.
    #[error("cannot read: {0}")]
    Io(#[from] io::Error),
}

impl SafetensorsError {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::HeaderTooSmall { .. } => "safetensors_header_too_small",
            Self::HeaderTooLarge { .. } => "safetensors_header_too_large",
            Self::InvalidHeaderLength { .. } => "safetensors_invalid_header_length",
            Self::InvalidHeader(_) => "safetensors_invalid_header",
            Self::LfsPointer { .. } => "safetensors_lfs_pointer",
            Self::DuplicateTensor { .. } => "safetensors_duplicate_tensor",
            Self::UnknownDtype { .. } => "safetensors_unknown_dtype",
            Self::InvalidOffset { .. } => "safetensors_invalid_offset",
            Self::TensorInvalidInfo { .. } => "safetensors_tensor_invalid_info",
            Self::ValidationOverflow { .. } => "safetensors_validation_overflow",
            Self::MetadataIncompleteBuffer { .. } => "safetensors_incomplete_buffer",
            Self::Mlx { .. } => "safetensors_mlx",
            Self::Io(_) => "safetensors_io",
        }
    }
}
