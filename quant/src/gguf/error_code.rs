//! The short names of what can be wrong with a file, which tests, logs and foreign callers rely on.

use super::GgufError;

impl GgufError {
    /// The stable short code of the variant.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TruncatedHeader { .. } => "truncated-header",
            Self::NotGguf { .. } => "not-gguf",
            Self::LfsPointer { .. } => "lfs-pointer",
            Self::Version { .. } => "version",
            Self::BigEndian { .. } => "big-endian",
            Self::KeyCount { .. } => "key-count",
            Self::TensorCount { .. } => "tensor-count",
            Self::TruncatedField { .. } => "truncated-field",
            Self::StringLength { .. } => "string-length",
            Self::ArrayLength { .. } => "array-length",
            Self::Limit { .. } => "limit",
            Self::BadName { .. } => "bad-name",
            Self::BadUtf8 { .. } => "bad-utf8",
            Self::DuplicateKey { .. } => "duplicate-key",
            Self::ValueType { .. } => "value-type",
            Self::NestedArray { .. } => "nested-array",
            Self::BadBool { .. } => "bad-bool",
            Self::AlignmentType { .. } => "alignment-type",
            Self::Alignment { .. } => "alignment",
            Self::SplitFile { .. } => "split-file",
            Self::SplitPart { .. } => "split-part",
            Self::SplitKey { .. } => "split-key",
            Self::SplitTensor { .. } => "split-tensor",
            Self::InPart { source, .. } => source.code(),
            Self::DuplicateTensor { .. } => "duplicate-tensor",
            Self::Dims { .. } => "dims",
            Self::UnknownType { .. } => "unknown-type",
            Self::UnsupportedType { .. } => "unsupported-type",
            Self::ZeroDim { .. } => "zero-dim",
            Self::RaggedRow { .. } => "ragged-row",
            Self::SizeOverflow { .. } => "size-overflow",
            Self::Misaligned { .. } => "misaligned",
            Self::Overlap { .. } => "overlap",
            Self::Gap { .. } => "gap",
            Self::OutOfFile { .. } => "out-of-file",
            Self::TruncatedData { .. } => "truncated",
            Self::MissingKey { .. } => "missing-key",
            Self::WrongType { .. } => "wrong-type",
            Self::Uneven { .. } => "uneven",
            Self::LayerCount { .. } => "layer-count",
            Self::OutOfRange { .. } => "out-of-range",
        }
    }

    /// Whether the file ends before something it declares. A file cut short and a file that lies about a length look
    /// the same at that point; a download that stopped always gives one of these.
    #[must_use]
    pub fn is_short_file(&self) -> bool {
        matches!(
            if let Self::InPart { source, .. } = self { source } else { self },
            Self::TruncatedHeader { .. }
                | Self::KeyCount { .. }
                | Self::TensorCount { .. }
                | Self::TruncatedField { .. }
                | Self::StringLength { .. }
                | Self::ArrayLength { .. }
                | Self::OutOfFile { .. }
                | Self::TruncatedData { .. }
        )
    }
}
