//! How much a file may ask for. Counts are first held against the bytes that remain in the file, then against these.

/// Bounds on a file, well above the largest real ones. All can be raised; none can make a file with more declared than
/// present pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Metadata keys.
    pub keys: u64,
    /// Tensors.
    pub tensors: u64,
    /// Bytes of a key.
    pub key_bytes: u64,
    /// Bytes of a tensor name. ggml stores names in 64 bytes with a terminator.
    pub name_bytes: u64,
    /// Dimensions of a tensor.
    pub dims: u32,
    /// Bytes of one metadata string.
    pub string_bytes: u64,
    /// Elements of one metadata array.
    pub array_elements: u64,
    /// Bytes of keys, values and tensor infos together.
    pub metadata_bytes: u64,
    /// Files of a split model. Each is a map of its own, and systems have some ten thousand for a process.
    pub parts: u64,
}

impl Limits {
    /// Smallest alignment accepted; the GGUF specification asks for a multiple of 8.
    pub const MIN_ALIGNMENT: u64 = 8;
    /// Largest alignment accepted: a larger one would only pad a small file into a large one.
    pub const MAX_ALIGNMENT: u64 = 65_536;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            keys: 65_536,
            tensors: 65_536,
            key_bytes: 65_535,
            name_bytes: 63,
            dims: 4,
            string_bytes: 16 << 20,
            array_elements: 16 << 20,
            metadata_bytes: 256 << 20,
            parts: 1024,
        }
    }
}
