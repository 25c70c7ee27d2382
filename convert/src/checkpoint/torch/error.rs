//! What is wrong with a PyTorch checkpoint. Positions in the pickle are bytes from its start.

use std::io;

/// Why a PyTorch checkpoint is not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TorchError {
    /// The file is a pointer to the real one.
    #[error("this is a Git LFS pointer of {have} bytes; fetch the real file")]
    LfsPointer {
        /// Bytes of the file.
        have: u64,
    },
    /// Neither of the two formats.
    #[error("neither a zip archive nor an old pickle of PyTorch; the first bytes are {start:02x?}")]
    UnknownFormat {
        /// The first bytes.
        start: Vec<u8>,
    },
    /// A model with its code.
    #[error("a TorchScript archive (it has '{entry}'); save its state_dict() instead")]
    TorchScript {
        /// What gives it away.
        entry: String,
    },
    /// A file without its end, or whose parts do not lie where it says.
    #[error("damaged: {what}")]
    Damaged {
        /// The rule and the numbers.
        what: String,
    },
    /// An archive that two readers would understand in two ways.
    #[error("ambiguous archive: {what}")]
    Ambiguous {
        /// What there is twice.
        what: String,
    },
    /// An entry that does not lie in the file as it is.
    #[error("'{entry}' is compressed (method {method}); PyTorch stores entries as they are")]
    Compressed {
        /// The entry.
        entry: String,
        /// Its method.
        method: u16,
    },
    /// An entry that takes a password.
    #[error("'{entry}' is encrypted")]
    Encrypted {
        /// The entry.
        entry: String,
    },
    /// Entries that share bytes.
    #[error("overlapping members: '{first}' ends at byte {end}, '{second}' starts at byte {start}")]
    Overlap {
        /// One entry.
        first: String,
        /// Its end.
        end: u64,
        /// The other.
        second: String,
        /// Its start.
        start: u64,
    },
    /// Numbers in an order that is not read here.
    #[error("byte order '{order}'; only 'little' is read, save the checkpoint again on such a machine")]
    ByteOrder {
        /// The order found.
        order: String,
    },
    /// More than any real checkpoint has.
    #[error("{what} exceed the budget of {max}")]
    Budget {
        /// Of what.
        what: &'static str,
        /// The most there may be.
        max: u64,
    },
    /// A pickle that wants something called that is no part of a tensor.
    #[error("the pickle imports '{name}', which is not an allowed constructor; {}", advice(name))]
    Import {
        /// Module and name.
        name: String,
    },
    /// An instruction that state dicts do not have.
    #[error("byte {at} of the pickle: opcode {opcode:#04x} is not read")]
    Opcode {
        /// Where.
        at: usize,
        /// The instruction.
        opcode: u8,
    },
    /// An instruction whose operands are not what they must be.
    #[error("byte {at} of the pickle: {what}")]
    Pickle {
        /// Where.
        at: usize,
        /// What is wrong.
        what: String,
    },
    /// A pickle that ends before it is over.
    #[error("the pickle is cut off: {need} bytes needed at byte {at}, {have} remain")]
    PickleTruncated {
        /// Where.
        at: usize,
        /// Bytes needed.
        need: u64,
        /// Bytes there are.
        have: usize,
    },
    /// Numbers that are not in the file.
    #[error("tensor '{tensor}': storage '{storage}' is not in the file")]
    StorageMissing {
        /// The tensor.
        tensor: String,
        /// Its storage.
        storage: String,
    },
    /// A storage that is not as long as the pickle says.
    #[error("tensor '{tensor}': storage '{storage}' has {have} bytes, its {elements} elements take {need}")]
    StorageSize {
        /// The tensor.
        tensor: String,
        /// Its storage.
        storage: String,
        /// Bytes in the file.
        have: u64,
        /// Elements by the pickle.
        elements: u64,
        /// Bytes by the pickle.
        need: u64,
    },
    /// A tensor that reaches beyond its storage.
    #[error(
        "tensor '{tensor}': shape {shape:?} with strides {strides:?} from element {offset} on does not fit the {elements} \
         elements of storage '{storage}'"
    )]
    OutOfStorage {
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: Vec<u64>,
        /// Its strides.
        strides: Vec<u64>,
        /// Its first element.
        offset: u64,
        /// Elements of the storage.
        elements: u64,
        /// The storage.
        storage: String,
    },
    /// Something other than a tensor where tensors are.
    #[error("'{key}' is {found}, not a tensor; only state dicts are read")]
    NotATensor {
        /// The key.
        key: String,
        /// What it is.
        found: &'static str,
    },
    /// The same name twice.
    #[error("tensor '{tensor}' appears twice")]
    DuplicateTensor {
        /// The name.
        tensor: String,
    },
    /// Nothing to convert.
    #[error("no tensors: expected a dict of them, or one under model_state_dict, state_dict or model; found {found}")]
    NoTensors {
        /// What there is.
        found: String,
    },
    /// Reading failed.
    #[error("cannot read: {0}")]
    Io(#[from] io::Error),
}

impl TorchError {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::LfsPointer { .. } => "torch_lfs_pointer",
            Self::UnknownFormat { .. } => "torch_unknown_format",
            Self::TorchScript { .. } => "torch_script",
            Self::Damaged { .. } => "torch_damaged",
            Self::Ambiguous { .. } => "torch_ambiguous",
            Self::Compressed { .. } => "torch_compressed",
            Self::Encrypted { .. } => "torch_encrypted",
            Self::Overlap { .. } => "torch_overlap",
            Self::ByteOrder { .. } => "torch_byte_order",
            Self::Budget { .. } => "torch_budget",
            Self::Import { .. } => "torch_import",
            Self::Opcode { .. } => "torch_opcode",
            Self::Pickle { .. } => "torch_pickle",
            Self::PickleTruncated { .. } => "torch_pickle_truncated",
            Self::StorageMissing { .. } => "torch_storage_missing",
            Self::StorageSize { .. } => "torch_storage_size",
            Self::OutOfStorage { .. } => "torch_out_of_storage",
            Self::NotATensor { .. } => "torch_not_a_tensor",
            Self::DuplicateTensor { .. } => "torch_duplicate_tensor",
            Self::NoTensors { .. } => "torch_no_tensors",
            Self::Io(_) => "torch_io",
        }
    }
}

/// What helps against an import.
fn advice(name: &str) -> &'static str {
    // What PyTorch saves tensors with whose type has no storage class of its own.
    if name == "torch._utils._rebuild_tensor_v3" || name.starts_with("torch.float8") {
        "it makes tensors of types such as fp8 (float8_e4m3fn); save them in float32, float16 or bfloat16"
    } else {
        "save model.state_dict() alone"
    }
}
