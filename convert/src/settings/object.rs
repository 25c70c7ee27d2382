//! An object of a configuration file, taken apart with errors that name file, key and type.
//!
//! The non-obvious thing: an absent key and an explicit `null` are the same here. `save_pretrained` writes values that
//! were never set as `null`, and both mean the class's default. Every accessor marks its key as read for
//! [`Settings`](super::Settings), which refuses what nobody read.

use std::ops::RangeInclusive;
use std::path::Path;
use std::rc::Rc;

use serde_json::{Map, Value};

use super::{Account, Known};
use crate::error::{ConvertError, shown};
use crate::json;

/// An object of a configuration file that knows where it is, and that marks what is read of it.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    account: Rc<Account>,
    /// The keys that lead to this object, none at the top.
    path: Vec<String>,
    values: Map<String, Value>,
}

impl Object {
    /// The top-level object of a file of which nobody keeps account, or `None` where there is no such file.
    /// [`Settings::read`](super::Settings::read) is the one for files whose every key must be understood.
    pub(crate) fn read(directory: &Path, name: &str) -> Result<Option<Self>, ConvertError> {
        match json::read::<Value>(directory, name, json::CONFIG_BYTES)? {
            None => Ok(None),
            Some(Value::Object(values)) => Ok(Some(Self::top(Rc::new(Account::new(name, values))))),
            Some(other) => {
                let message = format!("expected an object, found {}", kind(&other));
                Err(ConvertError::Json { file: name.to_owned(), message })
            }
        }
    }

    /// The top-level object of a file.
    pub(crate) fn top(account: Rc<Account>) -> Self {
        Self { values: account.document().clone(), account, path: Vec::new() }
    }

    /// An object without any key, so that everything has its default.
    pub(crate) fn empty(file: &str) -> Self {
        Self::top(Rc::new(Account::new(file, Map::new())))
    }

    /// The file's account.
    pub(crate) fn account(&self) -> Rc<Account> {
        Rc::clone(&self.account)
    }

    /// Says which keys of this object have no effect; those of its inner objects are theirs to say.
    pub(crate) fn known(&self, settings: &'static [Known]) {
        self.account.know(&self.path, settings);
    }

    /// Notes that the value of a key is not what is taken, and why.
    pub(crate) fn note(&self, key: &str, value: impl std::fmt::Display, why: &str) {
        self.account.note(format!("{}: {} = {value} is not taken: {why}", self.account.name, self.path(key)));
    }

    /// The same with another value under `key`, in the place of the file's.
    pub(crate) fn with(&self, key: &str, value: impl Into<Value>) -> Self {
        self.account.mark(&self.path, key);
        let mut other = self.clone();
        other.values.insert(key.to_owned(), value.into());
        other
    }

    /// The value of a key that is there and not `null`. What is inside of an object is not read by this.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.account.mark(&self.path, key);
        self.values.get(key).filter(|value| !value.is_null())
    }

    /// The value of a key that is there and not `null`, with all that is inside of it.
    pub(crate) fn whole(&self, key: &str) -> Option<&Value> {
        self.account.mark_all(&self.path, key);
        self.values.get(key).filter(|value| !value.is_null())
    }

    /// Whether a key is there and not `null`, which does not count as reading it.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(|value| !value.is_null())
    }

    /// Whether a key is there and says `null`.
    pub(crate) fn is_null(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(Value::is_null)
    }

    /// The one of two names of a setting that is there; both must say the same.
    pub(crate) fn alias<'a>(&self, name: &'a str, other: &'a str) -> Result<&'a str, ConvertError> {
        match (self.get(name), self.get(other)) {
            (Some(one), Some(two)) if one != two => {
                Err(self.bad(other, two, format!("but {} is {one}, which is the same setting", self.path(name))))
            }
            (None, Some(_)) => Ok(other),
            _ => Ok(name),
        }
    }

    /// Whether there is no key with a value.
    pub(crate) fn is_empty(&self) -> bool {
        self.values.values().all(Value::is_null)
    }

    /// A nested object; empty where absent.
    pub(crate) fn object(&self, key: &str) -> Result<Self, ConvertError> {
        let values = match self.get(key) {
            None => Map::new(),
            Some(Value::Object(values)) => values.clone(),
            Some(other) => return Err(self.mismatch(key, "an object", other)),
        };
        let mut path = self.path.clone();
        path.push(key.to_owned());
        Ok(Self { account: self.account(), path, values })
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

    /// The same, which may also be a list of equal numbers: one a layer, or one a side.
    pub(crate) fn same(&self, key: &str, range: RangeInclusive<u32>, default: u32) -> Result<u32, ConvertError> {
        let Some(Value::Array(values)) = self.get(key) else { return self.count(key, range, default) };
        let mut values = values.iter().map(Value::as_u64);
        match values.next() {
            Some(Some(first)) if values.all(|other| other == Some(first)) => {
                self.with(key, first).count(key, range, default)
            }
            _ => Err(self.unsupported(key, "a list", "only one number is, or a list of equal ones")),
        }
    }

    /// One to `most` unsigned integers, each in `range`, or `default`.
    pub(crate) fn counts(
        &self,
        key: &str,
        range: RangeInclusive<u32>,
        most: usize,
        default: &[u32],
    ) -> Result<Vec<u32>, ConvertError> {
        let values = match self.get(key) {
            None => return Ok(default.to_vec()),
            Some(Value::Array(values)) if (1..=most).contains(&values.len()) => values,
            Some(Value::Array(values)) => {
                let got = format!("{} numbers", values.len());
                return Err(self.bad(key, got, format!("must be 1 to {most}")));
            }
            Some(other) => return Err(self.mismatch(key, "a list of unsigned integers", other)),
        };
        let one = |value: &Value| {
            let count =
                value.as_u64().and_then(|value| u32::try_from(value).ok()).filter(|value| range.contains(value));
            count.ok_or_else(|| self.bad(key, value, format!("must be in {}..={}", range.start(), range.end())))
        };
        values.iter().map(one).collect()
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
        self.account.mark(&self.path, key);
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
        ConvertError::JsonType { file: self.account.name.clone(), key: self.path(key), expected, found: kind(found) }
    }

    /// The error that the value of `key` breaks a rule.
    pub(crate) fn bad(&self, key: &str, got: impl ToString, rule: impl Into<String>) -> ConvertError {
        let got = shown(&got.to_string());
        ConvertError::ConfigValue { file: self.account.name.clone(), key: self.path(key), got, rule: rule.into() }
    }

    /// The error that the value of `key` is legal but not run by this engine.
    pub(crate) fn unsupported(&self, key: &str, got: impl ToString, supported: impl Into<String>) -> ConvertError {
        let got = shown(&got.to_string());
        ConvertError::Unsupported {
            file: self.account.name.clone(),
            key: self.path(key),
            got,
            supported: supported.into(),
        }
    }

    /// The path of a key, as errors and options have it.
    pub(crate) fn path(&self, key: &str) -> String {
        let parts = self.path.iter().map(String::as_str).chain([key]);
        parts.collect::<Vec<_>>().join(".")
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
