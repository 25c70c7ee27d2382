//! The numbers calls return. They are part of the ABI: a number is never reused, new ones go to the end.

use ocelli_engine::{Error, ErrorKind};
use std::ffi::CStr;

/// Success.
pub const OCELLI_OK: i32 = 0;
/// A fault in the library itself, caught at its edge. The message says where; please report it.
pub const OCELLI_ERR_PANIC: i32 = 1;
/// A failure that has no number of its own; the message tells more.
pub const OCELLI_ERR_OTHER: i32 = 2;
/// A pointer that must not be NULL is NULL.
pub const OCELLI_ERR_NULL_PARAMETER: i32 = 3;
/// A string is not UTF-8.
pub const OCELLI_ERR_INVALID_UTF8: i32 = 4;
/// A value is out of range.
pub const OCELLI_ERR_BAD_PARAMETER: i32 = 5;
/// The caller's buffer holds only the beginning of the text.
pub const OCELLI_ERR_BUFFER_TOO_SMALL: i32 = 6;
/// A file cannot be opened or mapped.
pub const OCELLI_ERR_FILE: i32 = 7;
/// A file is not a model this version runs: not GGUF, damaged, of an unknown family, or with tensors that do not fit.
pub const OCELLI_ERR_MODEL: i32 = 8;
/// A picture cannot be read.
pub const OCELLI_ERR_IMAGE: i32 = 9;
/// A prompt and its pictures do not fit each other or the model.
pub const OCELLI_ERR_PROMPT: i32 = 10;
/// The prompt and the tokens to generate do not fit the context.
pub const OCELLI_ERR_CONTEXT: i32 = 11;
/// The machine would not give the memory.
pub const OCELLI_ERR_MEMORY: i32 = 12;
/// More memory is needed than the caller's budget allows.
pub const OCELLI_ERR_BUDGET: i32 = 13;
/// The processor or device asked for is not to be had.
pub const OCELLI_ERR_DEVICE: i32 = 14;
/// The call was cancelled.
pub const OCELLI_ERR_CANCELLED: i32 = 15;
/// What was given as a handle is none, is closed, or is one of another kind.
pub const OCELLI_ERR_BAD_HANDLE: i32 = 16;
/// Another thread is in a call on this session.
pub const OCELLI_ERR_BUSY: i32 = 17;
/// The calling thread is in a call on this session already: this is one of its callbacks.
pub const OCELLI_ERR_REENTRANT: i32 = 18;
/// An earlier call on this handle ended in OCELLI_ERR_PANIC; it can be closed and nothing else.
pub const OCELLI_ERR_POISONED: i32 = 19;
/// This version, this system or this model cannot do that; the message says which.
pub const OCELLI_ERR_UNSUPPORTED: i32 = 20;
/// A saved state is damaged, or of another model.
pub const OCELLI_ERR_STATE: i32 = 21;
/// There is no such thing.
pub const OCELLI_ERR_NOT_FOUND: i32 = 22;
/// The call does not fit what went before: a next token where no text is being written.
pub const OCELLI_ERR_ORDER: i32 = 23;
/// A JSON schema or grammar cannot be followed: it is malformed or too large, or it leaves no token that could come next.
pub const OCELLI_ERR_CONSTRAINT: i32 = 24;

/// The constant's name, or `unknown status`.
pub(crate) fn name(status: i32) -> &'static CStr {
    match status {
        OCELLI_OK => c"OCELLI_OK",
        OCELLI_ERR_PANIC => c"OCELLI_ERR_PANIC",
        OCELLI_ERR_OTHER => c"OCELLI_ERR_OTHER",
        OCELLI_ERR_NULL_PARAMETER => c"OCELLI_ERR_NULL_PARAMETER",
        OCELLI_ERR_INVALID_UTF8 => c"OCELLI_ERR_INVALID_UTF8",
        OCELLI_ERR_BAD_PARAMETER => c"OCELLI_ERR_BAD_PARAMETER",
        OCELLI_ERR_BUFFER_TOO_SMALL => c"OCELLI_ERR_BUFFER_TOO_SMALL",
        OCELLI_ERR_FILE => c"OCELLI_ERR_FILE",
        OCELLI_ERR_MODEL => c"OCELLI_ERR_MODEL",
        OCELLI_ERR_IMAGE => c"OCELLI_ERR_IMAGE",
        OCELLI_ERR_PROMPT => c"OCELLI_ERR_PROMPT",
        OCELLI_ERR_CONTEXT => c"OCELLI_ERR_CONTEXT",
        OCELLI_ERR_MEMORY => c"OCELLI_ERR_MEMORY",
        OCELLI_ERR_BUDGET => c"OCELLI_ERR_BUDGET",
        OCELLI_ERR_DEVICE => c"OCELLI_ERR_DEVICE",
        OCELLI_ERR_CANCELLED => c"OCELLI_ERR_CANCELLED",
        OCELLI_ERR_BAD_HANDLE => c"OCELLI_ERR_BAD_HANDLE",
        OCELLI_ERR_BUSY => c"OCELLI_ERR_BUSY",
        OCELLI_ERR_REENTRANT => c"OCELLI_ERR_REENTRANT",
        OCELLI_ERR_POISONED => c"OCELLI_ERR_POISONED",
        OCELLI_ERR_UNSUPPORTED => c"OCELLI_ERR_UNSUPPORTED",
        OCELLI_ERR_STATE => c"OCELLI_ERR_STATE",
        OCELLI_ERR_NOT_FOUND => c"OCELLI_ERR_NOT_FOUND",
        OCELLI_ERR_ORDER => c"OCELLI_ERR_ORDER",
        OCELLI_ERR_CONSTRAINT => c"OCELLI_ERR_CONSTRAINT",
        _ => c"unknown status",
    }
}

/// Why a call fails: its status and the message for people.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: i32,
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn new(status: i32, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        // A kind that is new has no status until it is given one here.
        let status = match error.kind() {
            ErrorKind::File => OCELLI_ERR_FILE,
            ErrorKind::Model => OCELLI_ERR_MODEL,
            ErrorKind::Image => OCELLI_ERR_IMAGE,
            ErrorKind::Prompt => OCELLI_ERR_PROMPT,
            ErrorKind::Context => OCELLI_ERR_CONTEXT,
            ErrorKind::Option => OCELLI_ERR_BAD_PARAMETER,
            ErrorKind::Constraint => OCELLI_ERR_CONSTRAINT,
            ErrorKind::Memory => OCELLI_ERR_MEMORY,
            ErrorKind::Budget => OCELLI_ERR_BUDGET,
            ErrorKind::Device => OCELLI_ERR_DEVICE,
            ErrorKind::State => OCELLI_ERR_STATE,
            ErrorKind::Unsupported => OCELLI_ERR_UNSUPPORTED,
            ErrorKind::Beside => OCELLI_ERR_OTHER,
            ErrorKind::Cancelled => OCELLI_ERR_CANCELLED,
        };
        Self::new(status, error.to_string())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use ocelli_engine::Gguf;
    use ocelli_engine::chat::ChatTemplate;
    use ocelli_engine::image::{ImageLimits, Picture};
    use ocelli_engine::tokenizer::TokenizerError;
    use std::sync::Arc;

    #[test]
    fn engine_errors_keep_their_kind_and_text() {
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        let open = Error::Open { path: "model.gguf".to_owned(), source: missing };
        let text = open.to_string();
        let failure = Failure::from(open);
        assert_eq!((failure.status, failure.text), (OCELLI_ERR_FILE, text));
    }

    /// One of each: what the engine cannot do has a status that says what it concerns.
    #[test]
    fn every_engine_error_has_a_status_of_its_own_kind() {
        let name = || "x".to_owned();
        let errors = [
            (OCELLI_ERR_FILE, Error::Open { path: name(), source: std::io::ErrorKind::NotFound.into() }),
            (OCELLI_ERR_MODEL, Error::Gguf(Gguf::parse(Arc::new(Vec::new())).unwrap_err())),
            (OCELLI_ERR_MODEL, Error::Tokenizer(TokenizerError::EmptyVocabulary)),
            (OCELLI_ERR_MODEL, Error::UnknownArchitecture { key: "x", got: name(), known: name() }),
            (OCELLI_ERR_MODEL, Error::BadParameter { key: name(), got: name(), rule: name() }),
            (OCELLI_ERR_MODEL, Error::MissingTensor { name: name() }),
            (OCELLI_ERR_MODEL, Error::WrongShape { name: name(), got: vec![1], wanted: vec![2] }),
            (OCELLI_ERR_MODEL, Error::NotANumber { position: 1 }),
            (OCELLI_ERR_MODEL, Error::NotFinite { what: "x" }),
            (OCELLI_ERR_IMAGE, Error::Image(Picture::new(1, 1, Vec::new(), &ImageLimits::default()).unwrap_err())),
            (OCELLI_ERR_PROMPT, Error::Chat(ChatTemplate::new("{% if %}", &[]).err().unwrap())),
            (OCELLI_ERR_PROMPT, Error::NoVision { images: 1 }),
            (OCELLI_ERR_PROMPT, Error::NoVideo { videos: 1 }),
            (OCELLI_ERR_PROMPT, Error::TooManyMedia { media: 2, places: 1 }),
            (OCELLI_ERR_CONTEXT, Error::ContextFull { needed: 2, prompt: 1, new: 1, context: 1 }),
            (OCELLI_ERR_BAD_PARAMETER, Error::BadOption { name: "x", got: name(), rule: "x" }),
            (OCELLI_ERR_BAD_PARAMETER, Error::BeyondPlan { what: "x", got: 2, planned: 1 }),
            (OCELLI_ERR_CONSTRAINT, Error::Constraint { what: "x", reason: name() }),
            (OCELLI_ERR_CONSTRAINT, Error::Refused { id: 1, reason: name() }),
            (OCELLI_ERR_CONSTRAINT, Error::NothingAllowed { tokens: 1 }),
            (OCELLI_ERR_MEMORY, Error::OutOfMemory { what: "x", bytes: 1 }),
            (OCELLI_ERR_BUDGET, Error::OverBudget { needed: 2, mapped: 1, budget: 1 }),
            (OCELLI_ERR_DEVICE, Error::UnknownIsa { got: name(), offered: name() }),
            (OCELLI_ERR_OTHER, Error::Beside { reason: name() }),
            (OCELLI_ERR_STATE, Error::BadState { reason: name() }),
            (OCELLI_ERR_UNSUPPORTED, Error::NoText),
            (OCELLI_ERR_UNSUPPORTED, Error::NoMatching),
            (OCELLI_ERR_UNSUPPORTED, Error::NotBuilt { what: "x", feature: "x" }),
            (OCELLI_ERR_UNSUPPORTED, Error::NoShotFormat { key: "x" }),
            (OCELLI_ERR_UNSUPPORTED, Error::NoSuchTask { name: name(), known: name() }),
            (OCELLI_ERR_CANCELLED, Error::Cancelled),
        ];
        for (status, error) in errors {
            let text = error.to_string();
            let failure = Failure::from(error);
            assert_eq!(failure.status, status, "{text}");
            assert_eq!(failure.text, text);
            assert_ne!(name_of(failure.status), c"unknown status", "{text}");
        }
    }

    fn name_of(status: i32) -> &'static CStr {
        name(status)
    }
}
