//! Configuration files as JSON, read within a budget and taken apart with errors that name file, key and type.
//!
//! The non-obvious thing: an absent key and an explicit `null` are the same here. `save_pretrained` writes values that
//! were never set as `null`, and both mean the class's default.

use std::fs::File;
use std::io::{self, Read};
use std::ops::RangeInclusive;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::{ConvertError, shown};

/// Most bytes of a configuration file; real ones are some tens of KiB.
pub(crate) const CONFIG_BYTES: u64 = 4 << 20;
/// Most bytes of a vocabulary, tokenizer or index file; the largest real ones are below 40 MiB.
pub(crate) const DATA_BYTES: u64 = 100 << 20;

/// The bytes of a file, or `None` where there is no such file.
pub(crate) fn read_file(directory: &Path, name: &str, max: u64) -> Result<Option<Vec<u8>>, ConvertError> {
    let path = directory.join(name);
    let failed = |action| move |source| ConvertError::Read { path: directory.join(name), action, source };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed("open")(source)),
    };
    let bytes = file.metadata().map_err(failed("stat"))?.len();
    let too_large = |bytes| ConvertError::JsonTooLarge { file: name.to_owned(), bytes, max };
    if bytes > max {
        return Err(too_large(bytes));
    }
    let mut content = Vec::new();
    // One byte more than allowed: the file may grow, or be a device that has no size.
    file.take(max + 1).read_to_end(&mut content).map_err(failed("read"))?;
    if content.len() as u64 > max {
        return Err(too_large(content.len() as u64));
    }
    Ok(Some(content))
}

/// The content of a file as `T`, or `None` where there is no such file.
pub(crate) fn read<T: DeserializeOwned>(directory: &Path, name: &str, max: u64) -> Result<Option<T>, ConvertError> {
    let Some(content) = read_file(directory, name, max)? else { return Ok(None) };
    let parsed = serde_json::from_slice(&content);
    parsed.map(Some).map_err(|error| ConvertError::Json { file: name.to_owned(), message: error.to_string() })
}

/// An object of a configuration file that knows where it is.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    file: String,
    /// The path of this object with a trailing dot, empty at the top.
    prefix: String,
    values: Map<String, Value>,
}

impl Object {
    /// The top-level object of a file, or `None` where there is no such file.
    pub(crate) fn read(directory: &Path, name: &str) -> Result<Option<Self>, ConvertError> {
        match read::<Value>(directory, name, CONFIG_BYTES)? {
            None => Ok(None),
            Some(Value::Object(values)) => Ok(Some(Self { file: name.to_owned(), prefix: String::new(), values })),
            Some(other) => {
                let message = format!("expected an object, found {}", kind(&other));
                Err(ConvertError::Json { file: name.to_owned(), message })
            }
        }
    }

    /// An object without any key, so that everything has its default.
    pub(crate) fn empty(file: &str) -> Self {
        Self { file: file.to_owned(), prefix: String::new(), values: Map::new() }
    }

    /// The same with another value under `key`.
    pub(crate) fn with(&self, key: &str, value: impl Into<Value>) -> Self {
        let mut other = self.clone();
        other.values.insert(key.to_owned(), value.into());
        other
    }

    /// The value of a key that is there and not `null`.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key).filter(|value| !value.is_null())
    }

    /// Keys with values that are not `null`.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.values.iter().filter(|(_, value)| !value.is_null())
    }

    /// A nested object; empty where absent.
    pub(crate) fn object(&self, key: &str) -> Result<Self, ConvertError> {
        let values = match self.get(key) {
            None => Map::new(),
            Some(Value::Object(values)) => values.clone(),
            Some(other) => return Err(self.mismatch(key, "an object", other)),
        };
        Ok(Self { file: self.file.clone(), prefix: format!("{}{key}.", self.prefix), values })
    }

    /// An unsigned integer.
    pub(crate) fn integer(&self, key: &str) -> Result<Option<u64>, ConvertError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.as_u64().map(Some).ok_or_else(|| self.mismatch(key, "an unsigned integer", value))
    }

    /// An unsigned integer in `range`, or `default`.
    pub(crate) fn count(&self, key: &str, range: RangeInclusive<u32>, default: u32) -> Result<u32, ConvertError> {
        let value = self.integer(key)?.unwrap_or(u64::from(default));
        u32::try_from(value)
            .ok()
            .filter(|value| range.contains(value))
            .ok_or_else(|| self.bad(key, value, format!("must be in {}..={}", range.start(), range.end())))
    }

    /// A number, or `default`.
    pub(crate) fn number(&self, key: &str, default: f64) -> Result<f64, ConvertError> {
        Ok(self.optional_number(key)?.unwrap_or(default))
    }

    /// A number.
    pub(crate) fn optional_number(&self, key: &str) -> Result<Option<f64>, ConvertError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.as_f64().map(Some).ok_or_else(|| self.mismatch(key, "a number", value))
    }

    /// A norm's epsilon, or `default`.
    pub(crate) fn epsilon(&self, key: &str, default: f64) -> Result<f32, ConvertError> {
        let value = self.number(key, default)?;
        let eps = value as f32;
        if eps > 0.0 && eps < 1.0 { Ok(eps) } else { Err(self.bad(key, value, "must be in (0, 1)")) }
    }

    /// A switch, or `default`.
    pub(crate) fn switch(&self, key: &str, default: bool) -> Result<bool, ConvertError> {
        let Some(value) = self.get(key) else { return Ok(default) };
        value.as_bool().ok_or_else(|| self.mismatch(key, "true or false", value))
    }

    /// Text.
    pub(crate) fn text(&self, key: &str) -> Result<Option<&str>, ConvertError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.as_str().map(Some).ok_or_else(|| self.mismatch(key, "text", value))
    }

    /// Token ids: one integer or a list of them.
    pub(crate) fn ids(&self, key: &str) -> Result<Option<Vec<i64>>, ConvertError> {
        let Some(value) = self.values.get(key) else { return Ok(None) };
        let ids = match value {
            Value::Null => Some(Vec::new()),
            Value::Array(items) => items.iter().map(Value::as_i64).collect(),
            other => other.as_i64().map(|id| vec![id]),
        };
        ids.map(Some).ok_or_else(|| self.mismatch(key, "a token id or a list of token ids", value))
    }

    /// The error that the value of `key` has the wrong type.
    pub(crate) fn mismatch(&self, key: &str, expected: &'static str, found: &Value) -> ConvertError {
        ConvertError::JsonType { file: self.file.clone(), key: self.path(key), expected, found: kind(found) }
    }

    /// The error that the value of `key` breaks a rule.
    pub(crate) fn bad(&self, key: &str, got: impl ToString, rule: impl Into<String>) -> ConvertError {
        let got = shown(&got.to_string());
        ConvertError::ConfigValue { file: self.file.clone(), key: self.path(key), got, rule: rule.into() }
    }

    /// The error that the value of `key` is legal but not run by this engine.
    pub(crate) fn unsupported(&self, key: &str, got: impl ToString, supported: impl Into<String>) -> ConvertError {
        let got = shown(&got.to_string());
        ConvertError::Unsupported { file: self.file.clone(), key: self.path(key), got, supported: supported.into() }
    }

    fn path(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }
}

/// A value's type, and the value itself where it is short.
fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => format!("{value}"),
        Value::Number(value) => format!("the number {value}"),
        Value::String(text) => format!("the text \"{}\"", shown(text)),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(_) => "an object".to_owned(),
    }
}
