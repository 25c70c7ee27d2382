//! A tensor as a checkpoint's files describe it.

use crate::error::ConvertError;

/// How elements are stored: safetensors' name and its size in bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dtype {
    pub(crate) name: &'static str,
    bits: u64,
}

impl Dtype {
    pub(crate) const F32: Self = Self { name: "F32", bits: 32 };
    pub(crate) const F16: Self = Self { name: "F16", bits: 16 };
    pub(crate) const BF16: Self = Self { name: "BF16", bits: 16 };
    pub(crate) const F64: Self = Self { name: "F64", bits: 64 };
    /// Those that weights are read from.
    pub(crate) const READ: [Self; 4] = [Self::F32, Self::F16, Self::BF16, Self::F64];
    /// All names with their bits.
    const NAMES: [(&'static str, u64); 22] = [
        ("BOOL", 8),
        ("F4", 4),
        ("F6_E2M3", 6),
        ("F6_E3M2", 6),
        ("U8", 8),
        ("I8", 8),
        ("F8_E5M2", 8),
        ("F8_E4M3", 8),
        ("F8_E8M0", 8),
        ("F8_E4M3FNUZ", 8),
        ("F8_E5M2FNUZ", 8),
        ("I16", 16),
        ("U16", 16),
        ("F16", 16),
        ("BF16", 16),
        ("I32", 32),
        ("U32", 32),
        ("F32", 32),
        ("F64", 64),
        ("I64", 64),
        ("U64", 64),
        ("C64", 64),
    ];

    /// The type of that name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|(known, _)| *known == name).map(|(name, bits)| Self { name, bits })
    }

    /// Of one element.
    pub(super) fn bits(self) -> u64 {
        self.bits
    }

    /// Of one element; types of less than a byte count as one.
    pub(super) fn bytes(self) -> u64 {
        self.bits.div_ceil(8)
    }
}

/// A tensor in a file.
#[derive(Debug, Clone)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<u64>,
    /// First byte, counted from the start of the file.
    pub(crate) offset: u64,
    /// Where its elements do not follow one another: how many lie between those of each dimension.
    pub(crate) strides: Option<Vec<u64>>,
}

impl Tensor {
    /// Refuses a tensor whose elements are not a run of its file.
    pub(crate) fn check_order(&self) -> Result<(), ConvertError> {
        let Some(strides) = &self.strides else { return Ok(()) };
        let (tensor, shape, strides) = (self.name.clone(), self.shape.clone(), strides.clone());
        Err(ConvertError::Strided { tensor, shape, strides })
    }
}
