//! Where a tokenizer's keys are in a file: `tokenizer.ggml.*` and `ocelli.tokenizer.*`, or a second set of a part that
//! reads texts in a vocabulary of its own.
//!
//! The non-obvious thing: whoever reads names the keys of the first set, errors name those that are in the file.

use crate::error::Error;
use ocelli_quant::gguf::{Gguf, GgufError, StringArray, Value};
use std::borrow::Cow;

/// The keys of one tokenizer.
#[derive(Clone, Copy)]
pub(super) struct Keys<'f> {
    file: &'f Gguf,
    /// Stands for `ggml` in the names of a second set.
    second: Option<&'static str>,
}

impl<'f> Keys<'f> {
    /// Those of the language model, or of what the file is.
    pub(super) fn first(file: &'f Gguf) -> Self {
        Self { file, second: None }
    }

    /// Those of the part of this name.
    pub(super) fn of(file: &'f Gguf, part: &'static str) -> Self {
        Self { file, second: Some(part) }
    }

    /// The file where these keys are its first set.
    pub(super) fn whole(self) -> Option<&'f Gguf> {
        Some(self.file).filter(|_| self.second.is_none())
    }

    /// The name in the file of a key of the first set.
    pub(super) fn name<'k>(&self, key: &'k str) -> Cow<'k, str> {
        let Some(part) = self.second else { return Cow::Borrowed(key) };
        let in_second =
            |first: &str, second: &str| key.strip_prefix(first).map(|name| format!("{second}.{part}.{name}"));
        in_second("tokenizer.ggml.", "tokenizer")
            .or_else(|| in_second("ocelli.tokenizer.", "ocelli.tokenizer"))
            .map_or(Cow::Borrowed(key), Cow::Owned)
    }

    /// The error where a key that is needed is not there.
    pub(super) fn missing(&self, key: &str) -> Error {
        Error::BadParameter {
            key: self.name(key).into_owned(),
            got: "missing".to_owned(),
            rule: "the tokenizer needs this key".to_owned(),
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<Value<'f>> {
        self.file.get(&self.name(key))
    }

    pub(super) fn str(&self, key: &str) -> Result<Option<&'f str>, GgufError> {
        self.file.str(&self.name(key))
    }

    pub(super) fn strings(&self, key: &str) -> Result<Option<StringArray<'f>>, GgufError> {
        self.file.strings(&self.name(key))
    }

    pub(super) fn bool(&self, key: &str) -> Result<Option<bool>, GgufError> {
        self.file.bool(&self.name(key))
    }

    pub(super) fn u32(&self, key: &str) -> Result<Option<u32>, GgufError> {
        self.file.u32(&self.name(key))
    }

    pub(super) fn u8s(&self, key: &str) -> Result<Option<&'f [u8]>, GgufError> {
        self.file.u8s(&self.name(key))
    }

    pub(super) fn u32s(&self, key: &str) -> Result<Option<Vec<u32>>, GgufError> {
        self.file.u32s(&self.name(key))
    }

    pub(super) fn i32s(&self, key: &str) -> Result<Option<Vec<i32>>, GgufError> {
        self.file.i32s(&self.name(key))
    }

    pub(super) fn f32s(&self, key: &str) -> Result<Option<Vec<f32>>, GgufError> {
        self.file.f32s(&self.name(key))
    }
}
