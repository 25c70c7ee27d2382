//! Everything that can be wrong with a file: one variant a cause, each naming the thing and the two numbers.
//!
//! [`GgufError::code`] is the stable short name of the variant, for tests, logs and foreign callers.

use crate::{Size, TensorType};

/// Why a file, or a key asked of it, was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GgufError {
    /// The file ends inside the 24-byte header.
    #[error("truncated header: need {need} bytes, have {have}")]
    TruncatedHeader {
        /// Bytes a header takes.
        need: u64,
        /// Bytes in the file.
        have: u64,
    },
    /// The file does not start with the GGUF magic.
    #[error("not a GGUF file: expected the first bytes to be 47 47 55 46 ('GGUF'), found {found}; {hint}")]
    NotGguf {
        /// The first bytes in hex.
        found: String,
        /// What it looks like instead.
        hint: &'static str,
    },
    /// The file is the placeholder that Git LFS leaves where a large file should be.
    #[error("this is a Git LFS pointer of {have} bytes, not the model{}; fetch the real file with 'git lfs pull'",
        size.map_or(String::new(), |size| format!(" of {}", Size(size).exact())))]
    LfsPointer {
        /// Bytes in the pointer.
        have: u64,
        /// Bytes of the real file, where the pointer says so.
        size: Option<u64>,
    },
    /// A version other than 2 and 3.
    #[error("GGUF version {version} is not supported, expected 2 or 3 (at offset 4)")]
    Version {
        /// The version in the file.
        version: u32,
    },
    /// A version that makes sense only with its bytes swapped.
    #[error(
        "big-endian GGUF is not supported: the version at offset 4 reads {raw:#010x}, expected 2 or 3; \
         convert the file with gguf-py's gguf_convert_endian"
    )]
    BigEndian {
        /// The version as little-endian.
        raw: u32,
    },
    /// More keys declared than the file has room for.
    #[error("{count} metadata keys (at offset 16) need at least {need} bytes, {remaining} remain in the file")]
    KeyCount {
        /// Declared count.
        count: u64,
        /// Least bytes they take.
        need: u128,
        /// Bytes after the header.
        remaining: u64,
    },
    /// More tensors declared than the file has room for.
    #[error("{count} tensors (at offset 8) need at least {need} bytes, {remaining} remain in the file")]
    TensorCount {
        /// Declared count.
        count: u64,
        /// Least bytes they take.
        need: u128,
        /// Bytes after the header.
        remaining: u64,
    },
    /// The file ends inside a fixed-size field of the metadata or the tensor infos.
    #[error("file truncated in {what}: need {need} bytes at offset {offset}, {remaining} remain")]
    TruncatedField {
        /// The field.
        what: String,
        /// Where it starts.
        offset: u64,
        /// Bytes it takes.
        need: u64,
        /// Bytes left in the file.
        remaining: u64,
    },
    /// A string longer than the rest of the file.
    #[error("{what}: string length {length} at offset {offset} exceeds the {remaining} bytes that remain")]
    StringLength {
        /// The string.
        what: String,
        /// Where its length is stored.
        offset: u64,
        /// Declared length.
        length: u64,
        /// Bytes left in the file after the length.
        remaining: u64,
    },
    /// An array with more elements than the rest of the file can hold.
    #[error(
        "key '{key}': array of {count} {element} at offset {offset} needs at least {need} bytes, {remaining} remain"
    )]
    ArrayLength {
        /// The key.
        key: String,
        /// Element type.
        element: &'static str,
        /// Where the count is stored.
        offset: u64,
        /// Declared count.
        count: u64,
        /// Least bytes they take.
        need: u128,
        /// Bytes left in the file after the count.
        remaining: u64,
    },
    /// Something fits the file but exceeds a limit of [`Limits`](super::Limits).
    #[error("{what}: {got} exceeds the limit of {max} (at offset {offset})")]
    Limit {
        /// What is counted.
        what: String,
        /// Where it is declared.
        offset: u64,
        /// Declared.
        got: u64,
        /// Allowed.
        max: u64,
    },
    /// A key or tensor name that breaks a rule.
    #[error("{what} at offset {offset}: {rule}")]
    BadName {
        /// Which name.
        what: String,
        /// Where its bytes start.
        offset: u64,
        /// The rule broken, with its numbers.
        rule: String,
    },
    /// Text that is not UTF-8.
    #[error("{what} at offset {offset} is not UTF-8: {valid} of {length} bytes are valid")]
    BadUtf8 {
        /// Which string.
        what: String,
        /// Where its bytes start.
        offset: u64,
        /// Its length.
        length: u64,
        /// Bytes before the first bad one.
        valid: u64,
    },
    /// The same key twice.
    #[error("duplicate key '{key}': key {second} at offset {offset} repeats key {first}")]
    DuplicateKey {
        /// The key.
        key: String,
        /// Index of the first.
        first: u64,
        /// Index of the second.
        second: u64,
        /// Where the second starts.
        offset: u64,
    },
    /// A metadata value type that does not exist.
    #[error("key '{key}': unknown value type {id} at offset {offset}, expected 0 to 12")]
    ValueType {
        /// The key.
        key: String,
        /// The type number.
        id: u32,
        /// Where it is stored.
        offset: u64,
    },
    /// An array of arrays.
    #[error("key '{key}': nested arrays are not supported (element type 9 at offset {offset})")]
    NestedArray {
        /// The key.
        key: String,
        /// Where the element type is stored.
        offset: u64,
    },
    /// A bool stored as something other than 0 and 1.
    #[error("key '{key}': bool byte {value} at offset {offset}, expected 0 or 1")]
    BadBool {
        /// The key.
        key: String,
        /// The byte.
        value: u8,
        /// Where it is stored.
        offset: u64,
    },
    /// `general.alignment` is not an u32.
    #[error("general.alignment is stored as {got}, expected u32")]
    AlignmentType {
        /// The type it has.
        got: String,
    },
    /// `general.alignment` has a useless value.
    #[error("general.alignment is {value}, expected a power of two from 8 to 65536")]
    Alignment {
        /// The value.
        value: u64,
    },
    /// One file of a model that is split into several, opened by itself.
    #[error("this is {} of a model split into {count}; {how}",
        shard.as_ref().map_or("one file".to_owned(), |shard| format!("file {}", shard.saturating_add(1))))]
    SplitFile {
        /// Which file this is, from 0, where it says so.
        shard: Option<u64>,
        /// How many there are.
        count: u64,
        /// What to do instead.
        how: String,
    },
    /// A file of a split model that says something else about the split than its place, or the other files, do.
    #[error("file {} of a split model: {key} is {}, expected {wanted}", part + 1,
        got.as_ref().map_or("missing".to_owned(), u64::to_string))]
    SplitPart {
        /// Which file, from 0.
        part: usize,
        /// The key.
        key: &'static str,
        /// Its value, where it has the key.
        got: Option<u64>,
        /// The value by the place and the other files.
        wanted: u64,
    },
    /// A later file of a split model with a key that the first has not, or has with another value.
    #[error("file {} of a split model: key '{key}' is not what the first file has", part + 1)]
    SplitKey {
        /// The key.
        key: String,
        /// Which file, from 0.
        part: usize,
    },
    /// A tensor in two files of a split model.
    #[error("tensor '{tensor}' is in file {} and in file {} of a split model", first + 1, second + 1)]
    SplitTensor {
        /// The tensor.
        tensor: String,
        /// One file, from 0.
        first: usize,
        /// The other.
        second: usize,
    },
    /// A file of a split model that is wrong by itself.
    #[error("file {} of a split model: {source}", part + 1)]
    InPart {
        /// Which file, from 0.
        part: usize,
        /// What is wrong with it.
        source: Box<GgufError>,
    },
    /// The same tensor name twice.
    #[error("duplicate tensor name '{name}': tensor {second} at offset {offset} repeats tensor {first}")]
    DuplicateTensor {
        /// The name.
        name: String,
        /// Index of the first.
        first: u64,
        /// Index of the second.
        second: u64,
        /// Where the second's info starts.
        offset: u64,
    },
    /// Too many dimensions.
    #[error("tensor '{tensor}': {got} dimensions at offset {offset}, expected at most {max}")]
    Dims {
        /// The tensor.
        tensor: String,
        /// Declared.
        got: u32,
        /// Allowed.
        max: u32,
        /// Where the count is stored.
        offset: u64,
    },
    /// A tensor type that ggml does not have (any more).
    #[error("tensor '{tensor}' has unknown type {id} at offset {offset}; {known}")]
    UnknownType {
        /// The tensor.
        tensor: String,
        /// The type number.
        id: u32,
        /// Where it is stored.
        offset: u64,
        /// What is known of that number.
        known: &'static str,
    },
    /// A tensor type of ggml's that this engine has no kernels for.
    #[error("tensor '{tensor}' has type {name} ({id} at offset {offset}), which is not supported; expected one of {}",
        TensorType::ALL.map(TensorType::name).join(", "))]
    UnsupportedType {
        /// The tensor.
        tensor: String,
        /// ggml's name of the type.
        name: &'static str,
        /// The type number.
        id: u32,
        /// Where it is stored.
        offset: u64,
    },
    /// A tensor without elements.
    #[error("tensor '{tensor}' has no elements: dimension {dim} of shape {shape} is 0, expected at least 1")]
    ZeroDim {
        /// The tensor.
        tensor: String,
        /// Index of the first zero dimension.
        dim: usize,
        /// Its shape.
        shape: String,
    },
    /// Rows that are not whole blocks.
    #[error("tensor '{tensor}': a row of {cols} elements is not a multiple of the {ty} block of {block_len}")]
    RaggedRow {
        /// The tensor.
        tensor: String,
        /// Its type.
        ty: TensorType,
        /// Elements in a row.
        cols: u64,
        /// Elements in a block.
        block_len: u64,
    },
    /// Element, byte or offset arithmetic that leaves 64 bits.
    #[error("tensor '{tensor}': {what} of shape {shape} as {ty} at offset {offset} overflows, at most {max} fits")]
    SizeOverflow {
        /// The tensor.
        tensor: String,
        /// What overflows.
        what: &'static str,
        /// Its shape.
        shape: String,
        /// Its type.
        ty: TensorType,
        /// Its declared offset in the data section.
        offset: u64,
        /// The largest value representable.
        max: u64,
    },
    /// A tensor that does not start on the alignment.
    #[error("tensor '{tensor}': offset {offset} is misaligned, expected a multiple of {alignment}")]
    Misaligned {
        /// The tensor.
        tensor: String,
        /// Its declared offset in the data section.
        offset: u64,
        /// The file's alignment.
        alignment: u64,
    },
    /// A tensor that starts before the one before it ends.
    #[error("tensor '{tensor}': offset {offset} overlaps the tensor before it, expected {expected}")]
    Overlap {
        /// The tensor.
        tensor: String,
        /// Its declared offset in the data section.
        offset: u64,
        /// Where the one before ends, padded.
        expected: u64,
    },
    /// A tensor that leaves more than padding after the one before it.
    #[error("tensor '{tensor}': offset {offset} leaves a gap after the tensor before it, expected {expected}")]
    Gap {
        /// The tensor.
        tensor: String,
        /// Its declared offset in the data section.
        offset: u64,
        /// Where the one before ends, padded.
        expected: u64,
    },
    /// A tensor in the wrong place that also reaches past the end of the file.
    #[error(
        "tensor '{tensor}' of {bytes} bytes spans [{start}, {end}) but the data section is [{data_start}, {data_end})"
    )]
    OutOfFile {
        /// The tensor.
        tensor: String,
        /// Bytes it needs.
        bytes: u64,
        /// Where it would start in the file.
        start: u128,
        /// Where it would end in the file.
        end: u128,
        /// Where the data section starts.
        data_start: u64,
        /// Where the file ends.
        data_end: u64,
    },
    /// The layout is sound but the file is shorter than it says.
    #[error("file truncated: expected {}, found {}; {}", Size(*expected).exact(), Size(*found).exact(), first.as_ref().map_or(
        "the end of the last tensor's padding is missing".to_owned(),
        |(tensor, bytes)| format!("the first tensor that does not fit is '{tensor}', which needs {}", Size(*bytes).exact())))]
    TruncatedData {
        /// Bytes of the whole file by its own infos, padding included.
        expected: u64,
        /// Bytes there are.
        found: u64,
        /// Name and byte count of the first tensor that does not fit.
        first: Option<(String, u64)>,
    },
    /// A key the caller cannot do without.
    #[error("missing key '{key}'")]
    MissingKey {
        /// The key.
        key: String,
    },
    /// A key of another type than asked for.
    #[error("key '{key}' has type {got}, expected {wanted}")]
    WrongType {
        /// The key.
        key: String,
        /// Its type.
        got: String,
        /// The type asked for.
        wanted: &'static str,
    },
    /// A list of numbers, one a layer, that are not all the same.
    #[error("key '{key}' is {first} in layer 0 and {other} in layer {layer}; one number for all layers is supported")]
    Uneven {
        /// The key.
        key: String,
        /// The number of the first layer.
        first: i128,
        /// The first other number.
        other: i128,
        /// The layer that has it.
        layer: usize,
    },
    /// A list of numbers, one a layer, of another length than there are layers.
    #[error("key '{key}' has {got} numbers, '{layers}' is {wanted}")]
    LayerCount {
        /// The key.
        key: String,
        /// The key that counts layers.
        layers: String,
        /// Numbers.
        got: u64,
        /// Layers.
        wanted: u64,
    },
    /// An integer that the type asked for cannot hold.
    #[error("key '{key}' is {value}, which does not fit {wanted}")]
    OutOfRange {
        /// The key.
        key: String,
        /// Its value.
        value: i128,
        /// The type asked for.
        wanted: &'static str,
    },
}
