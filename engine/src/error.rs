//! What can go wrong in the engine: one variant a cause, each naming the thing and the two numbers.

use crate::chat::ChatError;
use crate::image::ImageError;
use crate::tokenizer::TokenizerError;
use ocelli_quant::gguf::GgufError;
use ocelli_quant::{Size, TensorType};

/// An error of the engine. [`Error::code`] is stable; the message is for people.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The model file could not be opened or mapped.
    #[error("cannot open {path}: {source}")]
    Open {
        /// The path as given.
        path: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The container is malformed.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// The tokenizer in the file, or a text given to it, is not usable.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The chat template in the file, or a conversation given to it, is not usable.
    #[error(transparent)]
    Chat(#[from] ChatError),
    /// A picture could not be read.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The family or architecture is not one this engine runs.
    #[error("{key} is '{got}': {}", unknown(got, known))]
    UnknownArchitecture {
        /// The metadata key.
        key: &'static str,
        /// What the file says.
        got: String,
        /// The names known here, comma-separated.
        known: String,
    },
    /// A language model and a projector that do not belong together, or are not what they are taken for.
    #[error("{mmproj} does not go with {model}: {how}")]
    Pair {
        /// The language model, as it is called.
        model: String,
        /// The file with the tower.
        mmproj: String,
        /// What does not fit, with the two numbers.
        how: String,
    },
    /// A hyper-parameter is out of range.
    #[error("key '{key}' is {got}: {rule}")]
    BadParameter {
        /// The metadata key.
        key: String,
        /// The value found.
        got: String,
        /// What is required.
        rule: String,
    },
    /// A tensor the architecture needs is not in the file.
    #[error("tensor '{name}' is missing")]
    MissingTensor {
        /// The tensor's name.
        name: String,
    },
    /// A tensor has another shape than the architecture needs.
    #[error("tensor '{name}': expected shape {wanted:?}, found {got:?}")]
    WrongShape {
        /// The tensor's name.
        name: String,
        /// Shape in the file, contiguous dimension first.
        got: Vec<u64>,
        /// Shape the hyper-parameters require, in the same order.
        wanted: Vec<u64>,
    },
    /// A vector (norm, bias) is stored in another type than f32.
    #[error("tensor '{name}': expected type {wanted}, found {got}")]
    WrongType {
        /// The tensor's name.
        name: String,
        /// Type in the file.
        got: TensorType,
        /// Type required.
        wanted: TensorType,
    },
    /// The model in this file takes no pictures.
    #[error("this model takes no images, {images} were given")]
    NoVision {
        /// Images given.
        images: usize,
    },
    /// The model in this file writes no text.
    #[error("this model has no language model: it compares pictures and writes nothing")]
    NoText,
    /// The model in this file does not compare pictures with texts.
    #[error(
        "this model does not compare pictures with texts: BLIP-2's first stage does, which transformers calls Blip2ForImageTextRetrieval"
    )]
    NoMatching,
    /// The model in this file takes no videos.
    #[error("this model takes no videos, {videos} were given")]
    NoVideo {
        /// Videos given.
        videos: usize,
    },
    /// The model tells pictures and videos apart by their number in the prompt, and has learned fewer numbers.
    #[error("{media} images and videos in the prompt: this model has learned places for {places}")]
    TooManyMedia {
        /// Pictures and videos in the prompt.
        media: usize,
        /// Places in the model's table.
        places: usize,
    },
    /// The prompt and the tokens to generate do not fit the session's context.
    #[error("{needed} positions are needed ({prompt} of the prompt, {new} new), the context holds {context}")]
    ContextFull {
        /// Positions needed in all.
        needed: usize,
        /// Of them, the prompt's.
        prompt: usize,
        /// Of them, those to generate.
        new: usize,
        /// Positions the session holds.
        context: usize,
    },
    /// The prompt's text is longer than what the bridge reads beside pictures.
    #[error(
        "the prompt's text is {tokens} tokens to the Q-Former, which reads it beside pictures and has learned positions for {longest}"
    )]
    InstructionTooLong {
        /// Tokens of the text, in the Q-Former's vocabulary.
        tokens: usize,
        /// Positions it has learned.
        longest: usize,
    },
    /// An option is out of range.
    #[error("{name} is {got}: {rule}")]
    BadOption {
        /// The option's name.
        name: &'static str,
        /// The value given.
        got: String,
        /// What is required.
        rule: &'static str,
    },
    /// More is wanted than a session was laid out for.
    #[error("{what} is {got}: the session was laid out for {planned}")]
    BeyondPlan {
        /// The option's name.
        what: &'static str,
        /// The number given.
        got: usize,
        /// The number of the session.
        planned: usize,
    },
    /// A grammar or a schema cannot be read, or a constraint cannot go on.
    #[error("{what}: {reason}")]
    Constraint {
        /// What it is.
        what: &'static str,
        /// Why not.
        reason: String,
    },
    /// A constraint was told of a token that it does not allow.
    #[error("token {id} is not allowed: {reason}")]
    Refused {
        /// The token.
        id: u32,
        /// What the constraint says.
        reason: String,
    },
    /// A constraint leaves no token that could come next.
    #[error("no token may follow the first {tokens}: the constraint and the other options together leave none")]
    NothingAllowed {
        /// Tokens of the text so far.
        tokens: usize,
    },
    /// This build lacks a feature of the crate.
    #[error("a {what} needs a build with the feature '{feature}'")]
    NotBuilt {
        /// What was wanted.
        what: &'static str,
        /// The feature.
        feature: &'static str,
    },
    /// The machine would not give a buffer.
    #[error("cannot allocate {} for {what}", Size(*bytes as u64))]
    OutOfMemory {
        /// What the buffer is for.
        what: &'static str,
        /// Its size.
        bytes: usize,
    },
    /// The plan needs more memory than the budget allows.
    #[error("{}", over_budget(*needed, *mapped, *budget))]
    OverBudget {
        /// Bytes of the plan.
        needed: u64,
        /// Bytes of the mapped file among them.
        mapped: u64,
        /// Bytes allowed.
        budget: u64,
    },
    /// A logit is NaN: the weights are damaged.
    #[error("the model computed NaN at position {position}: the weights are damaged")]
    NotANumber {
        /// Position in the sequence.
        position: usize,
    },
    /// What a picture or a text became, or the match of the two, is NaN or infinite.
    #[error("the model computed NaN or infinity for {what}: the weights are damaged")]
    NotFinite {
        /// Whose numbers they are.
        what: &'static str,
    },
    /// The instruction set asked for is not to be had.
    #[error("OCELLI_ISA is '{got}': this machine offers {offered}")]
    UnknownIsa {
        /// The value found.
        got: String,
        /// What can be chosen.
        offered: String,
    },
    /// What was given as a saved conversation cannot be gone on with.
    #[error("the saved state is {reason}")]
    BadState {
        /// What it is instead.
        reason: String,
    },
    /// The file does not say how demonstrations are worded.
    #[error("the file has no wording for such demonstrations (key '{key}')")]
    NoShotFormat {
        /// The metadata key.
        key: &'static str,
    },
    /// The file says nothing of a task.
    #[error("the file has no task '{name}'; tasks it has: {known}")]
    NoSuchTask {
        /// What was asked for.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// A call of a session beside this one failed, and what both had asked for was run as one.
    #[error("a call that was run together with this one failed: {reason}")]
    Beside {
        /// What went wrong.
        reason: String,
    },
    /// Somebody called [`crate::CancelHandle::cancel`].
    #[error("cancelled")]
    Cancelled,
}

/// What a file is whose architecture is not known, where it is known what that is, and what is run.
fn unknown(got: &str, known: &str) -> String {
    let what = match got {
        "clip" | "clip-vision" | "mmproj" => {
            "this is llama.cpp's projector (mmproj) without its language model; 'ocelli convert' makes one file of a \
             checkpoint that has both. "
        }
        "imatrix" => "this is an importance matrix, which 'ocelli quantize --imatrix' takes. ",
        "adapter" => {
            "this is a LoRA adapter; merge it into the checkpoint, then 'ocelli convert' makes a model of that. "
        }
        "vocab" => "this is a vocabulary without a model. ",
        "whisper" | "parakeet" => "this is a model of speech. ",
        "flux" | "sd1" | "sd2" | "sdxl" | "sd3" | "wan" | "qwen_image" | "lumina2" => "this model draws pictures. ",
        "bert" | "nomic-bert" | "jina-bert-v2" | "modern-bert" | "gemma-embedding" | "t5encoder" => {
            "this model makes embeddings and writes nothing. "
        }
        _ => "",
    };
    format!("{what}this engine runs {known}")
}

/// What does not fit, what of it is the file, and into what.
fn over_budget(needed: u64, mapped: u64, budget: u64) -> String {
    let [needed, budget] = Size::both(needed, budget);
    format!("the plan needs {needed}, {} of it for the mapped model file; the budget is {budget}", Size(mapped))
}

/// What an error concerns, for callers who act on it: a binding has one status for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A file that cannot be opened.
    File,
    /// A file that is no model this engine runs or a damaged one, or a text that its tokenizer refuses.
    Model,
    /// A picture.
    Image,
    /// A prompt or conversation that does not fit the model.
    Prompt,
    /// More positions than there are.
    Context,
    /// An option out of range, or beyond what a session was laid out for.
    Option,
    /// A grammar or schema, or a constraint that leaves nothing.
    Constraint,
    /// Memory that the machine does not give.
    Memory,
    /// Memory that the caller does not allow.
    Budget,
    /// The processor or device.
    Device,
    /// A saved state.
    State,
    /// What this model or this build cannot do.
    Unsupported,
    /// A call of another session, which this one was run together with.
    Beside,
    /// The caller stopped it.
    Cancelled,
}

impl Error {
    /// A short, stable name of the variant for programs: scripts and bindings match on it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Open { .. } => "open",
            Self::Gguf(e) => e.code(),
            Self::Tokenizer(_) => "tokenizer",
            Self::Chat(_) => "chat",
            Self::Image(_) => "image",
            Self::UnknownArchitecture { .. } => "architecture",
            Self::Pair { .. } => "pair",
            Self::BadParameter { .. } => "parameter",
            Self::MissingTensor { .. } => "missing-tensor",
            Self::WrongShape { .. } => "tensor-shape",
            Self::WrongType { .. } => "tensor-type",
            Self::NoVision { .. } => "no-vision",
            Self::NoText => "no-text",
            Self::NoMatching => "no-matching",
            Self::NoVideo { .. } => "no-video",
            Self::TooManyMedia { .. } => "too-many-media",
            Self::ContextFull { .. } => "context-full",
            Self::InstructionTooLong { .. } => "instruction-too-long",
            Self::BadOption { .. } => "option",
            Self::BeyondPlan { .. } => "option",
            Self::Constraint { .. } => "constraint",
            Self::Refused { .. } => "refused",
            Self::NothingAllowed { .. } => "nothing-allowed",
            Self::NotBuilt { .. } => "not-built",
            Self::OutOfMemory { .. } => "out-of-memory",
            Self::OverBudget { .. } => "over-budget",
            Self::NotANumber { .. } | Self::NotFinite { .. } => "nan",
            Self::UnknownIsa { .. } => "isa",
            Self::BadState { .. } => "state",
            Self::NoShotFormat { .. } => "no-shot-format",
            Self::NoSuchTask { .. } => "no-such-task",
            Self::Beside { .. } => "beside",
            Self::Cancelled => "cancelled",
        }
    }

    /// What the error concerns.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Open { .. } => ErrorKind::File,
            Self::Gguf(_)
            | Self::Tokenizer(_)
            | Self::UnknownArchitecture { .. }
            | Self::Pair { .. }
            | Self::BadParameter { .. }
            | Self::MissingTensor { .. }
            | Self::WrongShape { .. }
            | Self::WrongType { .. }
            | Self::NotANumber { .. }
            | Self::NotFinite { .. } => ErrorKind::Model,
            Self::Image(_) => ErrorKind::Image,
            Self::Chat(_) | Self::NoVision { .. } | Self::NoVideo { .. } | Self::TooManyMedia { .. } => {
                ErrorKind::Prompt
            }
            Self::ContextFull { .. } | Self::InstructionTooLong { .. } => ErrorKind::Context,
            Self::BadOption { .. } | Self::BeyondPlan { .. } => ErrorKind::Option,
            Self::Constraint { .. } | Self::Refused { .. } | Self::NothingAllowed { .. } => ErrorKind::Constraint,
            Self::OutOfMemory { .. } => ErrorKind::Memory,
            Self::OverBudget { .. } => ErrorKind::Budget,
            Self::UnknownIsa { .. } => ErrorKind::Device,
            Self::Beside { .. } => ErrorKind::Beside,
            Self::BadState { .. } => ErrorKind::State,
            Self::NoText
            | Self::NoMatching
            | Self::NoShotFormat { .. }
            | Self::NoSuchTask { .. }
            | Self::NotBuilt { .. } => ErrorKind::Unsupported,
            Self::Cancelled => ErrorKind::Cancelled,
        }
    }
}
