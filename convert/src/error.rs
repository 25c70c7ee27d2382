//! Everything that can stop a conversion, each variant naming the thing and the numbers that disagree.
//!
//! Paths appear only as the caller gave them or as file names inside the checkpoint directory. The texts may change;
//! [`ConvertError::code`] does not.

mod unknown;

use std::io;
use std::path::PathBuf;

use ocelli_quant::gguf::WriteError;
use ocelli_quant::{CodecError, Size, TensorType};

use crate::checkpoint::{MergeError, SafetensorsError, TorchError};
use crate::families::lavis::LavisError;
pub use unknown::UnknownSetting;

/// Why a conversion failed. The output is as it was before the call.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The source is no directory.
    #[error("{} is not a directory; give the directory that holds config.json and the weights", .0.display())]
    SourceNotADirectory(PathBuf),
    /// A file or directory could not be read.
    #[error("{}: cannot {action}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What was tried, such as `open`.
        action: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// A file that every checkpoint has is not there.
    #[error("{file} not found in {}: {hint}", .directory.display())]
    FileMissing {
        /// The file looked for.
        file: String,
        /// Where.
        directory: PathBuf,
        /// What to do about it.
        hint: &'static str,
    },
    /// A JSON file is larger than any real one.
    #[error("{file}: JSON of {}", Size::over(*bytes, *max))]
    JsonTooLarge {
        /// The file.
        file: String,
        /// Its size.
        bytes: u64,
        /// The most that is read.
        max: u64,
    },
    /// A JSON file does not parse, or does not have the form it must have.
    #[error("{file}: {message}")]
    Json {
        /// The file.
        file: String,
        /// The parser's words, with line and column.
        message: String,
    },
    /// A JSON value has the wrong type.
    #[error("{file}: {key}: expected {expected}, found {found}")]
    JsonType {
        /// The file.
        file: String,
        /// The path of the value, such as `text_config.hidden_size`.
        key: String,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// A configuration value no model can have.
    #[error("{file}: {key} is {got}, {rule}")]
    ConfigValue {
        /// The file.
        file: String,
        /// The path of the value.
        key: String,
        /// The value.
        got: String,
        /// The rule it breaks, with the numbers.
        rule: String,
    },
    /// A configuration that is legal but that this engine does not run.
    #[error("{file}: {key} = {got} is not supported; {supported}")]
    Unsupported {
        /// The file.
        file: String,
        /// The path of the value.
        key: String,
        /// The value.
        got: String,
        /// What is supported.
        supported: String,
    },
    /// Settings that were met and neither read nor known to be without effect: the model would be another without them.
    #[error(
        "{} that this version does not understand, so the model might be another without: {}; if they do not change \
         the model, name each with --ignore-setting KEY",
        counted(.settings.len()),
        joined(.settings)
    )]
    UnknownSettings {
        /// All of them.
        settings: Vec<UnknownSetting>,
    },
    /// No family reads this `model_type`.
    #[error("config.json: model_type '{model_type}' is not supported; families: {known}")]
    UnknownFamily {
        /// The `model_type` found.
        model_type: String,
        /// Supported families and their model types.
        known: String,
    },
    /// The family asked for does not exist.
    #[error("family '{name}' does not exist; families: {known}")]
    NoSuchFamily {
        /// The name given.
        name: String,
        /// Supported families and their model types.
        known: String,
    },
    /// A shard path in an index that is not a file of the checkpoint directory.
    #[error("{index}: shard path '{path}' leaves the model directory")]
    ShardPath {
        /// The index file.
        index: String,
        /// The path found.
        path: String,
    },
    /// A safetensors file that breaks the format's rules.
    #[error("{file}: {source}")]
    Safetensors {
        /// The file.
        file: String,
        /// The rule.
        source: SafetensorsError,
    },
    /// A PyTorch checkpoint that is not one, or that is more than data.
    #[error("{file}: {source}")]
    Torch {
        /// The file.
        file: String,
        /// What is wrong.
        source: Box<TorchError>,
    },
    /// A tensor in two shards.
    #[error("tensor '{tensor}' is in both {first} and {second}")]
    DuplicateTensor {
        /// The tensor.
        tensor: String,
        /// One shard.
        first: String,
        /// The other.
        second: String,
    },
    /// Tensors that the index promises and the shards do not have.
    #[error("{index} names {} tensors that their shards do not hold: {}", .tensors.len(), list(.tensors))]
    IndexMismatch {
        /// The index file.
        index: String,
        /// The tensors.
        tensors: Vec<String>,
    },
    /// Tensors the family has no rule for: converting without them would lose information.
    #[error("{} unknown tensors for family {family}: {}", .tensors.len(), list(.tensors))]
    UnknownTensors {
        /// The family.
        family: &'static str,
        /// All of them.
        tensors: Vec<String>,
    },
    /// Tensors the model needs.
    #[error("{} tensors missing for family {family}: {}", .tensors.len(), list(.tensors))]
    MissingTensors {
        /// The family.
        family: &'static str,
        /// All of them.
        tensors: Vec<String>,
    },
    /// A tensor whose shape is not what the configuration says.
    #[error("tensor '{tensor}': shape {found:?} in the checkpoint, {expected:?} by the configuration")]
    Shape {
        /// The tensor.
        tensor: String,
        /// In the checkpoint.
        found: Vec<u64>,
        /// By the configuration.
        expected: Vec<u64>,
    },
    /// A weight stored as something other than f64, f32, f16 or bf16.
    #[error("tensor '{tensor}' is stored as {dtype}; F64, F32, F16 and BF16 are supported")]
    Dtype {
        /// The tensor.
        tensor: String,
        /// Its type in the checkpoint.
        dtype: &'static str,
    },
    /// Weights that were quantised, in a form that only other programs read.
    #[error(
        "tensor '{tensor}' is stored as {dtype}: the checkpoint is quantised ({form}); convert the original in f32, f16 or \
         bf16"
    )]
    Quantised {
        /// The tensor that shows it.
        tensor: String,
        /// Its type in the checkpoint.
        dtype: &'static str,
        /// The form, such as `fp8` or `GPTQ`.
        form: &'static str,
    },
    /// An f64 beyond every f32.
    #[error("tensor '{tensor}': {value:e} is stored as F64 and exceeds {:e}, the largest that f32 holds", f32::MAX)]
    TooLarge {
        /// The tensor.
        tensor: String,
        /// The number.
        value: f64,
    },
    /// A tensor whose elements do not follow one another in the file.
    #[error(
        "tensor '{tensor}' of {shape:?} is not contiguous, its strides are {strides:?}; save it after .contiguous()"
    )]
    Strided {
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: Vec<u64>,
        /// Elements from one to the next in each dimension.
        strides: Vec<u64>,
    },
    /// A file that is no adapter of the language model given beside it.
    #[error(
        "the adapter has no {what}, so it is no OpenFlamingo checkpoint of a language model of the architecture {architecture}; \
         --adapter is the released checkpoint.pt, --language the directory of the model it was trained on"
    )]
    NoAdapter {
        /// The tensor looked for.
        what: String,
        /// The language model's.
        architecture: &'static str,
    },
    /// An OpenFlamingo adapter that was trained with frozen embeddings and therefore does not hold them.
    #[error(
        "the adapter has no {tensor}: its embeddings were frozen in training and are not saved, so the rows of its own \
         tokens {} and {} are in no file; save the whole model's state_dict and convert that",
        .tokens[0],
        .tokens[1]
    )]
    FrozenEmbeddings {
        /// The embedding's name in the adapter.
        tensor: String,
        /// Tokens that the adapter adds.
        tokens: [&'static str; 2],
    },
    /// A projection whose rows are not heads of the width that the class fixes.
    #[error(
        "tensor '{tensor}' has {rows} rows, which are no whole heads of {width}, the width in OpenFlamingo's class; a \
         directory whose config.json has {key} can say another"
    )]
    HeadWidth {
        /// The tensor.
        tensor: String,
        /// Its rows.
        rows: u32,
        /// The width of a head.
        width: u32,
        /// The key that says another.
        key: String,
    },
    /// A checkpoint of LAVIS that is none, or lacks a part.
    #[error(transparent)]
    Lavis(#[from] LavisError),
    /// What is to be added to weights does not fit them.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// A finite weight that the wanted type would turn into an infinity.
    #[error("tensor '{tensor}': {value} exceeds {largest}, the largest that {ty} holds; choose {advice}")]
    Overflow {
        /// The tensor.
        tensor: String,
        /// The weight.
        value: f32,
        /// The type it was to be stored as.
        ty: TensorType,
        /// The largest magnitude of that type.
        largest: f32,
        /// Types that hold it.
        advice: &'static str,
    },
    /// A chunk that is not whole blocks of its type.
    #[error("tensor '{tensor}': {source}")]
    Encode {
        /// The tensor.
        tensor: String,
        /// The two lengths.
        source: CodecError,
    },
    /// A tokenizer this engine would not reproduce.
    #[error("{file}: {message}")]
    Tokenizer {
        /// The file.
        file: String,
        /// What is wrong, with the numbers.
        message: String,
    },
    /// There are no tokenizer files.
    #[error(
        "no tokenizer in {}: put tokenizer.json, or vocab.json and merges.txt, or tokenizer.model or spiece.model there, \
         or name a directory that has them (--tokenizer DIR)",
        .directory.display()
    )]
    TokenizerMissing {
        /// Where they were looked for.
        directory: PathBuf,
    },
    /// The output exists and replacing it was not asked for.
    #[error("{} exists; allow overwriting to replace it", .0.display())]
    OutputExists(PathBuf),
    /// The output's directory is not there.
    #[error("{} cannot be written: there is no directory {}", .path.display(), .directory.display())]
    OutputDirectory {
        /// The output.
        path: PathBuf,
        /// Where it would be, links followed.
        directory: PathBuf,
    },
    /// The output is something that is not written, or one of the files being read.
    #[error("{} cannot be the output: it is {what}", .path.display())]
    OutputUnfit {
        /// The output.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The file system is full.
    #[error("{}: no space left on the device, the file takes {}; nothing was changed", .path.display(), Size(*needed))]
    DiskFull {
        /// The output.
        path: PathBuf,
        /// Bytes of the finished file.
        needed: u64,
    },
    /// The output could not be written.
    #[error("{}: cannot {action}: {source}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What was tried, such as `rename`.
        action: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// A file of importances that is not what it should be.
    #[error("importances of '{entry}': {what}")]
    Imatrix {
        /// The tensor, or the key.
        entry: String,
        /// What is wrong, with the numbers.
        what: String,
    },
    /// Importances of another model: a tensor's rows have another length.
    #[error("tensor '{tensor}' has rows of {wanted}, its importances are {got}: they are of another model")]
    ImatrixLength {
        /// The tensor.
        tensor: String,
        /// Importances.
        got: usize,
        /// Columns of the tensor.
        wanted: u64,
    },
    /// No mix of types has this name.
    #[error("unknown type '{name}', expected one of {known}")]
    UnknownMix {
        /// The name given.
        name: String,
        /// All names.
        known: String,
    },
    /// A type is asked for by a name that no matrix of the file has.
    #[error("no matrix has a name that matches '{pattern}'; the first one is '{first}'")]
    NoMatrix {
        /// The pattern or the name.
        pattern: String,
        /// The name of the file's first matrix.
        first: String,
    },
    /// The container refused what it was given.
    #[error(transparent)]
    Gguf(#[from] WriteError),
    /// [`crate::Progress::cancelled`] said so.
    #[error("cancelled")]
    Cancelled,
}

impl ConvertError {
    /// A stable name of the variant for programs and tests.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::SourceNotADirectory(_) => "source_not_a_directory",
            Self::Read { .. } => "read",
            Self::FileMissing { .. } => "file_missing",
            Self::JsonTooLarge { .. } => "json_too_large",
            Self::Json { .. } => "json",
            Self::JsonType { .. } => "json_type",
            Self::ConfigValue { .. } => "config_value",
            Self::Unsupported { .. } => "unsupported",
            Self::UnknownSettings { .. } => "unknown_settings",
            Self::UnknownFamily { .. } => "unknown_family",
            Self::NoSuchFamily { .. } => "no_such_family",
            Self::ShardPath { .. } => "shard_path",
            Self::Safetensors { source, .. } => source.code(),
            Self::Torch { source, .. } => source.code(),
            Self::DuplicateTensor { .. } => "duplicate_tensor",
            Self::IndexMismatch { .. } => "index_mismatch",
            Self::UnknownTensors { .. } => "unknown_tensors",
            Self::MissingTensors { .. } => "missing_tensors",
            Self::Shape { .. } => "shape",
            Self::Dtype { .. } => "dtype",
            Self::Quantised { .. } => "quantised",
            Self::TooLarge { .. } => "too_large",
            Self::Strided { .. } => "strided",
            Self::NoAdapter { .. } => "no_adapter",
            Self::FrozenEmbeddings { .. } => "frozen_embeddings",
            Self::Lavis(source) => source.code(),
            Self::Merge(source) => source.code(),
            Self::HeadWidth { .. } => "head_width",
            Self::Overflow { .. } => "overflow",
            Self::Encode { .. } => "encode",
            Self::Tokenizer { .. } => "tokenizer",
            Self::TokenizerMissing { .. } => "tokenizer_missing",
            Self::OutputExists(_) => "output_exists",
            Self::OutputDirectory { .. } => "output_directory",
            Self::OutputUnfit { .. } => "output_unfit",
            Self::DiskFull { .. } => "disk_full",
            Self::Write { .. } => "write",
            Self::Imatrix { .. } => "imatrix",
            Self::ImatrixLength { .. } => "imatrix_length",
            Self::UnknownMix { .. } => "unknown_type",
            Self::NoMatrix { .. } => "no_matrix",
            Self::Gguf(_) => "gguf",
            Self::Cancelled => "cancelled",
        }
    }
}

fn counted(settings: usize) -> String {
    if settings == 1 { "a setting".to_owned() } else { format!("{settings} settings") }
}

/// Most names in a message: all of them, unless a hostile file has made up thousands.
const SHOWN: usize = 2_000;

/// Names for a message.
fn list(names: &[String]) -> String {
    enumerated(names.iter().map(|name| shown(name)), names.len(), ", ")
}

/// Settings for a message.
fn joined(settings: &[UnknownSetting]) -> String {
    enumerated(settings.iter().map(UnknownSetting::to_string), settings.len(), "; ")
}

fn enumerated(names: impl Iterator<Item = String>, count: usize, between: &str) -> String {
    let mut text = names.take(SHOWN).collect::<Vec<_>>().join(between);
    if count > SHOWN {
        text.push_str(&format!("{between}… and {} more", count - SHOWN));
    }
    text
}

/// `text` for a message: what comes from a file is cut and kept to one line.
pub(crate) fn shown(text: &str) -> String {
    const SHOWN: usize = 200;
    let cut = text.char_indices().nth(SHOWN).map_or(text.len(), |(at, _)| at);
    let mut line: String = text[..cut].chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if cut < text.len() {
        line.push_str(&format!("… ({} bytes)", text.len()));
    }
    line
}
