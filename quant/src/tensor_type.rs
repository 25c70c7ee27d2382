//! The tensor types this engine stores and computes with, and the one place that turns a shape into a byte count.
//!
//! ggml knows some forty types; these fifteen are the ones with kernels. Ids, block lengths and block sizes are ggml's
//! (`ggml_type` and its type traits). The non-obvious thing is [`TensorType::tensor_bytes`]: readers that computed
//! `elements * size / block` in a wrapping integer, each in its own copy, have been the largest single source of memory
//! faults in GGUF loaders. Here it is `blocks * block_bytes`, checked, and nobody else computes it.

use std::fmt;
use std::str::FromStr;

use crate::blocks::{
    self, BlockIq4Nl, BlockIq4Xs, BlockQ2K, BlockQ3K, BlockQ4_0, BlockQ4_1, BlockQ4K, BlockQ5_0, BlockQ5_1, BlockQ5K,
    BlockQ6K, BlockQ8_0,
};

/// How the elements of a tensor are stored.
///
/// Deliberately exhaustive: adding a type means adding a kernel for it, and the compiler should list every place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TensorType {
    /// IEEE 754 binary32, little-endian.
    F32,
    /// IEEE 754 binary16, little-endian.
    F16,
    /// The upper half of a binary32, little-endian.
    BF16,
    /// 32 signed bytes and one f16 scale: 8.5 bits a weight.
    Q8_0,
    /// 32 five-bit values, one f16 scale and one f16 minimum: 6 bits a weight.
    Q5_1,
    /// 32 five-bit values and one f16 scale: 5.5 bits a weight.
    Q5_0,
    /// 32 nibbles, one f16 scale and one f16 minimum: 5 bits a weight.
    Q4_1,
    /// 32 nibbles and one f16 scale: 4.5 bits a weight.
    Q4_0,
    /// 256 two-bit values in sixteen groups with 4-bit scales and minima: 2.625 bits a weight.
    Q2K,
    /// 256 three-bit values in sixteen groups with 6-bit scales: 3.4375 bits a weight.
    Q3K,
    /// 256 nibbles in eight groups with 6-bit scales and minima: 4.5 bits a weight.
    Q4K,
    /// 256 five-bit values in eight groups with 6-bit scales and minima: 5.5 bits a weight.
    Q5K,
    /// 256 six-bit values in sixteen groups with 8-bit scales: 6.5625 bits a weight.
    Q6K,
    /// 32 indices into sixteen uneven values and one f16 scale: 4.5 bits a weight. Read, not encoded.
    Iq4Nl,
    /// 256 such indices in eight groups with 6-bit scales: 4.25 bits a weight. Read, not encoded.
    Iq4Xs,
}

impl TensorType {
    /// Every type: floats, then ggml's first block formats by falling precision, then its k and iq formats by number.
    pub const ALL: [TensorType; 15] = [
        Self::F32,
        Self::F16,
        Self::BF16,
        Self::Q8_0,
        Self::Q5_1,
        Self::Q5_0,
        Self::Q4_1,
        Self::Q4_0,
        Self::Q2K,
        Self::Q3K,
        Self::Q4K,
        Self::Q5K,
        Self::Q6K,
        Self::Iq4Nl,
        Self::Iq4Xs,
    ];

    /// The type with ggml's number `id`, if it is one of ours.
    #[must_use]
    pub fn from_id(id: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|ty| ty.id() == id)
    }

    /// ggml's number for this type, as stored in a GGUF tensor info.
    #[must_use]
    pub const fn id(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q4_0 => 2,
            Self::Q4_1 => 3,
            Self::Q5_0 => 6,
            Self::Q5_1 => 7,
            Self::Q8_0 => 8,
            Self::Q2K => 10,
            Self::Q3K => 11,
            Self::Q4K => 12,
            Self::Q5K => 13,
            Self::Q6K => 14,
            Self::Iq4Nl => 20,
            Self::Iq4Xs => 23,
            Self::BF16 => 30,
        }
    }

    /// ggml's name in lower case, such as `q4_k`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::BF16 => "bf16",
            Self::Q8_0 => "q8_0",
            Self::Q5_1 => "q5_1",
            Self::Q5_0 => "q5_0",
            Self::Q4_1 => "q4_1",
            Self::Q4_0 => "q4_0",
            Self::Q2K => "q2_k",
            Self::Q3K => "q3_k",
            Self::Q4K => "q4_k",
            Self::Q5K => "q5_k",
            Self::Q6K => "q6_k",
            Self::Iq4Nl => "iq4_nl",
            Self::Iq4Xs => "iq4_xs",
        }
    }

    /// Elements in one block; 1 for the float types.
    #[must_use]
    pub const fn block_len(self) -> usize {
        match self {
            Self::F32 | Self::F16 | Self::BF16 => 1,
            Self::Q8_0 => BlockQ8_0::LEN,
            Self::Q5_1 => BlockQ5_1::LEN,
            Self::Q5_0 => BlockQ5_0::LEN,
            Self::Q4_1 => BlockQ4_1::LEN,
            Self::Q4_0 => BlockQ4_0::LEN,
            Self::Q2K => BlockQ2K::LEN,
            Self::Q3K => BlockQ3K::LEN,
            Self::Q4K => BlockQ4K::LEN,
            Self::Q5K => BlockQ5K::LEN,
            Self::Q6K => BlockQ6K::LEN,
            Self::Iq4Nl => BlockIq4Nl::LEN,
            Self::Iq4Xs => BlockIq4Xs::LEN,
        }
    }

    /// Bytes of one block; the element size for the float types.
    #[must_use]
    pub const fn block_bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::Q8_0 => size_of::<BlockQ8_0>(),
            Self::Q5_1 => size_of::<BlockQ5_1>(),
            Self::Q5_0 => size_of::<BlockQ5_0>(),
            Self::Q4_1 => size_of::<BlockQ4_1>(),
            Self::Q4_0 => size_of::<BlockQ4_0>(),
            Self::Q2K => size_of::<BlockQ2K>(),
            Self::Q3K => size_of::<BlockQ3K>(),
            Self::Q4K => size_of::<BlockQ4K>(),
            Self::Q5K => size_of::<BlockQ5K>(),
            Self::Q6K => size_of::<BlockQ6K>(),
            Self::Iq4Nl => size_of::<BlockIq4Nl>(),
            Self::Iq4Xs => size_of::<BlockIq4Xs>(),
        }
    }

    /// Bytes of a row of `cols` elements; `None` when a row is not whole blocks or the size overflows.
    #[must_use]
    pub const fn row_bytes(self, cols: usize) -> Option<usize> {
        if !cols.is_multiple_of(self.block_len()) {
            return None;
        }
        (cols / self.block_len()).checked_mul(self.block_bytes())
    }

    /// Bytes of a whole tensor, `shape[0]` being the contiguous dimension. An empty shape is one element.
    ///
    /// # Errors
    /// When a dimension is zero, when `shape[0]` is not a whole number of blocks (it is rows that must divide, not the
    /// total), or when the element count exceeds `i64::MAX` (ggml's bound) or the byte count `u64::MAX`.
    pub fn tensor_bytes(self, shape: &[u64]) -> Result<u64, SizeError> {
        if let Some(dim) = shape.iter().position(|&n| n == 0) {
            return Err(SizeError::ZeroDim { dim, shape: shape.to_vec() });
        }
        let cols = shape.first().copied().unwrap_or(1);
        let block_len = self.block_len() as u64;
        if !cols.is_multiple_of(block_len) {
            return Err(SizeError::RaggedRow { ty: self, cols, block_len });
        }
        let overflow = || SizeError::Overflow { ty: self, shape: shape.to_vec() };
        let elements = shape.iter().try_fold(1u64, |n, &dim| n.checked_mul(dim)).ok_or_else(overflow)?;
        if elements > i64::MAX as u64 {
            return Err(overflow());
        }
        (elements / block_len).checked_mul(self.block_bytes() as u64).ok_or_else(overflow)
    }

    /// Decodes whole blocks of `src` into `dst`, bit-equal to ggml's `dequantize_row_*`.
    ///
    /// # Errors
    /// When `src` is not whole blocks or `dst` does not hold exactly their elements.
    pub fn decode(self, src: &[u8], dst: &mut [f32]) -> Result<(), CodecError> {
        self.check_lengths(dst.len(), src.len())?;
        match self {
            Self::F32 => blocks::f16::decode_f32(src, dst),
            Self::F16 => blocks::f16::decode_f16(src, dst),
            Self::BF16 => blocks::f16::decode_bf16(src, dst),
            Self::Q8_0 => blocks::decode(src, dst, BlockQ8_0::decode),
            Self::Q5_1 => blocks::decode(src, dst, BlockQ5_1::decode),
            Self::Q5_0 => blocks::decode(src, dst, BlockQ5_0::decode),
            Self::Q4_1 => blocks::decode(src, dst, BlockQ4_1::decode),
            Self::Q4_0 => blocks::decode(src, dst, BlockQ4_0::decode),
            Self::Q2K => blocks::decode(src, dst, BlockQ2K::decode),
            Self::Q3K => blocks::decode(src, dst, BlockQ3K::decode),
            Self::Q4K => blocks::decode(src, dst, BlockQ4K::decode),
            Self::Q5K => blocks::decode(src, dst, BlockQ5K::decode),
            Self::Q6K => blocks::decode(src, dst, BlockQ6K::decode),
            Self::Iq4Nl => blocks::decode(src, dst, BlockIq4Nl::decode),
            Self::Iq4Xs => blocks::decode(src, dst, BlockIq4Xs::decode),
        }
        Ok(())
    }

    /// Encodes `src` into whole blocks in `dst`, by the method of ggml's reference quantisers for Q8_0, Q4_0,
    /// Q4_K and Q6_K, and with the least squared error found for the others.
    ///
    /// A NaN or an infinity anywhere in a quantised block makes that whole block decode to NaN: a broken checkpoint
    /// stays visibly broken instead of turning into plausible zeros. The float types keep NaN and infinity per element.
    ///
    /// # Errors
    /// When `src` is not whole blocks, when `dst` does not hold exactly their bytes, or when the type is not one that
    /// [`Self::can_encode`].
    pub fn encode(self, src: &[f32], dst: &mut [u8]) -> Result<(), CodecError> {
        self.check_lengths(src.len(), dst.len())?;
        match self {
            Self::F32 => blocks::f16::encode_f32(src, dst),
            Self::F16 => blocks::f16::encode_f16(src, dst),
            Self::BF16 => blocks::f16::encode_bf16(src, dst),
            Self::Q8_0 => blocks::encode(src, dst, BlockQ8_0::encode),
            Self::Q4_0 => blocks::encode(src, dst, BlockQ4_0::encode),
            Self::Q4K => blocks::encode(src, dst, BlockQ4K::encode),
            Self::Q6K => blocks::encode(src, dst, BlockQ6K::encode),
            Self::Q5_1 | Self::Q5_0 | Self::Q4_1 | Self::Q2K | Self::Q3K | Self::Q5K => self.search(src, None, dst),
            Self::Iq4Nl | Self::Iq4Xs => return Err(CodecError::NoEncoder { ty: self }),
        }
        Ok(())
    }

    /// Encodes rows whose columns matter as much as `importance` says: the sum of the squared errors, each times the
    /// importance of its column, is made as small as the search finds. The mean square of the activations a column is
    /// multiplied with makes that the expected squared error of the product.
    ///
    /// `importance` is as long as a row, and `src` is whole rows. The float types have nothing to choose and ignore it.
    /// Where it is 0 for a whole block the block keeps its range.
    ///
    /// # Errors
    /// Those of [`Self::encode`]; when `src` is not whole rows or a row not whole blocks; when an importance is
    /// negative, infinite or NaN.
    pub fn encode_weighted(self, src: &[f32], importance: &[f32], dst: &mut [u8]) -> Result<(), CodecError> {
        let cols = importance.len();
        if !src.len().is_multiple_of(cols) {
            return Err(CodecError::PartialRow { elements: src.len(), cols });
        }
        if self.row_bytes(cols).is_none() {
            return Err(CodecError::PartialBlock { ty: self, elements: cols, block_len: self.block_len() });
        }
        if let Some((column, &value)) = importance.iter().enumerate().find(|(_, w)| !(w.is_finite() && **w >= 0.0)) {
            return Err(CodecError::Importance { column, value });
        }
        match self {
            Self::F32 | Self::F16 | Self::BF16 | Self::Iq4Nl | Self::Iq4Xs => return self.encode(src, dst),
            _ => self.check_lengths(src.len(), dst.len())?,
        }
        self.search(src, Some(importance), dst);
        Ok(())
    }

    /// Encodes by the searches that take importances. The lengths are checked, and the type is none of the float and iq
    /// types.
    fn search(self, src: &[f32], importance: Option<&[f32]>, dst: &mut [u8]) {
        match self {
            Self::F32 | Self::F16 | Self::BF16 | Self::Iq4Nl | Self::Iq4Xs => {}
            Self::Q8_0 => blocks::encode_run(src, importance, dst, BlockQ8_0::encode_run),
            Self::Q5_1 => blocks::encode_run(src, importance, dst, BlockQ5_1::encode_run),
            Self::Q5_0 => blocks::encode_run(src, importance, dst, BlockQ5_0::encode_run),
            Self::Q4_1 => blocks::encode_run(src, importance, dst, BlockQ4_1::encode_run),
            Self::Q4_0 => blocks::encode_run(src, importance, dst, BlockQ4_0::encode_run),
            Self::Q2K => blocks::encode_run(src, importance, dst, |x, w| [BlockQ2K::encode_weighted(x, w)]),
            Self::Q3K => blocks::encode_run(src, importance, dst, |x, w| [BlockQ3K::encode_weighted(x, w)]),
            Self::Q4K => blocks::encode_run(src, importance, dst, |x, w| [BlockQ4K::encode_weighted(x, w)]),
            Self::Q5K => blocks::encode_run(src, importance, dst, |x, w| [BlockQ5K::encode_weighted(x, w)]),
            Self::Q6K => blocks::encode_run(src, importance, dst, |x, w| [BlockQ6K::encode_weighted(x, w)]),
        }
    }

    /// Whether [`Self::encode`] writes this type; every type is read.
    #[must_use]
    pub const fn can_encode(self) -> bool {
        !matches!(self, Self::Iq4Nl | Self::Iq4Xs)
    }

    fn check_lengths(self, elements: usize, bytes: usize) -> Result<(), CodecError> {
        match self.row_bytes(elements) {
            None => Err(CodecError::PartialBlock { ty: self, elements, block_len: self.block_len() }),
            Some(wanted) if wanted != bytes => Err(CodecError::Length { ty: self, elements, bytes, wanted }),
            Some(_) => Ok(()),
        }
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for TensorType {
    type Err = UnknownTensorType;

    /// Parses [`TensorType::name`], ignoring ASCII case.
    fn from_str(name: &str) -> Result<Self, UnknownTensorType> {
        Self::ALL
            .into_iter()
            .find(|ty| ty.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| UnknownTensorType { name: name.to_owned() })
    }
}

/// A name that is none of [`TensorType::ALL`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown tensor type '{name}', expected one of {}", TensorType::ALL.map(TensorType::name).join(", "))]
pub struct UnknownTensorType {
    /// The name as given.
    pub name: String,
}

/// Why a shape has no byte count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// A dimension is zero.
    #[error("dimension {dim} of shape {shape:?} is 0, expected at least 1")]
    ZeroDim {
        /// Index of the first zero dimension.
        dim: usize,
        /// The whole shape.
        shape: Vec<u64>,
    },
    /// A row is not a whole number of blocks.
    #[error("a row of {cols} elements is not a multiple of the {ty} block of {block_len}")]
    RaggedRow {
        /// The tensor type.
        ty: TensorType,
        /// Elements in a row.
        cols: u64,
        /// Elements in a block.
        block_len: u64,
    },
    /// The element count exceeds `i64::MAX` or the byte count `u64::MAX`.
    #[error("the size of a {ty} tensor of shape {shape:?} overflows: more than 2^63-1 elements or 2^64-1 bytes")]
    Overflow {
        /// The tensor type.
        ty: TensorType,
        /// The whole shape.
        shape: Vec<u64>,
    },
}

/// Buffers whose lengths do not belong together, or a type without an encoder.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CodecError {
    /// The float side is not whole blocks.
    #[error("{elements} elements are not whole {ty} blocks of {block_len}")]
    PartialBlock {
        /// The tensor type.
        ty: TensorType,
        /// Elements given.
        elements: usize,
        /// Elements in a block.
        block_len: usize,
    },
    /// The byte side does not match the float side.
    #[error("{elements} elements of {ty} take {wanted} bytes, got {bytes}")]
    Length {
        /// The tensor type.
        ty: TensorType,
        /// Elements on the float side.
        elements: usize,
        /// Bytes given.
        bytes: usize,
        /// Bytes those elements take.
        wanted: usize,
    },
    /// The float side is not whole rows.
    #[error("{elements} elements are not whole rows of {cols}, one for each importance")]
    PartialRow {
        /// Elements given.
        elements: usize,
        /// Importances given.
        cols: usize,
    },
    /// An importance that no error can be multiplied with.
    #[error("the importance of column {column} is {value}, expected a finite number of at least 0")]
    Importance {
        /// The first such column.
        column: usize,
        /// Its importance.
        value: f32,
    },
    /// Blocks of this type are read, not made.
    #[error("{ty} can be read but not encoded")]
    NoEncoder {
        /// The tensor type.
        ty: TensorType,
    },
}
