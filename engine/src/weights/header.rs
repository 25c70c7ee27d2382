//! Hyper-parameters from a file's keys, each checked against its range as it is read, so that no later arithmetic on
//! them can overflow, divide by zero or ask for absurd buffers.

use crate::error::Error;
use crate::weights::Activation;
use ocelli_quant::gguf::{Gguf, Value, keys};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Layers a stack may have.
pub const LAYERS: RangeInclusive<usize> = 1..=keys::LAYERS as usize;
/// Heads of an attention.
pub const HEADS: RangeInclusive<usize> = 1..=keys::HEADS as usize;
/// Numbers of a head.
pub const HEAD: RangeInclusive<usize> = 1..=keys::HEAD as usize;
/// Width of a residual stream or feed-forward layer.
pub const WIDTH: RangeInclusive<usize> = 1..=keys::WIDTH as usize;
/// Positions of a context.
pub const CONTEXT: RangeInclusive<usize> = 1..=keys::CONTEXT as usize;
/// Entries of a vocabulary.
pub const VOCABULARY: RangeInclusive<usize> = 1..=keys::VOCABULARY as usize;
/// Pixels a side of a tower's input.
pub const SIDE: RangeInclusive<usize> = 1..=keys::SIDE as usize;
/// Rows that a picture becomes.
pub const ROWS: RangeInclusive<usize> = 1..=keys::ROWS as usize;

/// Keys of a model file under a common prefix.
#[derive(Clone)]
pub struct Header {
    file: Arc<Gguf>,
    prefix: String,
}

impl Header {
    /// Keys that start with `prefix`, for example `clip.vision.`.
    #[must_use]
    pub fn new(file: &Arc<Gguf>, prefix: impl Into<String>) -> Self {
        Self { file: Arc::clone(file), prefix: prefix.into() }
    }

    /// The whole key.
    pub fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The error that a value breaks a rule.
    pub fn bad(&self, name: &str, got: impl ToString, rule: impl Into<String>) -> Error {
        Error::BadParameter { key: self.key(name), got: got.to_string(), rule: rule.into() }
    }

    fn require<T>(&self, name: &str, value: Option<T>) -> Result<T, Error> {
        value.ok_or_else(|| self.bad(name, "missing", "the model needs this key"))
    }

    /// A count in `range`; a list of it for each of the `block_count` layers is taken as well.
    ///
    /// # Errors
    /// [`Error::BadParameter`] where missing or out of range; wrong types, and layers that differ, are [`Error::Gguf`].
    pub fn count(&self, name: &str, range: RangeInclusive<usize>) -> Result<usize, Error> {
        let value = self.file.for_all_layers(&self.key(name), &self.key("block_count"))?;
        let value = self.require(name, value)?;
        usize::try_from(value)
            .ok()
            .filter(|v| range.contains(v))
            .ok_or_else(|| self.bad(name, value, format!("must be in {}..={}", range.start(), range.end())))
    }

    /// A count in `range`, or `default` where the key is absent.
    ///
    /// # Errors
    /// As [`Header::count`].
    pub fn count_or(&self, name: &str, range: RangeInclusive<usize>, default: usize) -> Result<usize, Error> {
        if self.file.get(&self.key(name)).is_none() { Ok(default) } else { self.count(name, range) }
    }

    /// One to `most` counts, each in `range`.
    ///
    /// # Errors
    /// As [`Header::count`].
    pub fn counts(&self, name: &str, range: RangeInclusive<usize>, most: usize) -> Result<Vec<usize>, Error> {
        let key = self.key(name);
        // Writers in Python say i32.
        let values: Option<Vec<i64>> = match self.file.i32s(&key) {
            Ok(signed) => signed.map(|values| values.into_iter().map(i64::from).collect()),
            Err(_) => self.file.u32s(&key)?.map(|values| values.into_iter().map(i64::from).collect()),
        };
        let values = self.require(name, values)?;
        if values.is_empty() || values.len() > most {
            return Err(self.bad(name, format!("{} numbers", values.len()), format!("must be 1 to {most}")));
        }
        let fits = |&value: &i64| {
            let count = usize::try_from(value).ok().filter(|count| range.contains(count));
            count.ok_or_else(|| self.bad(name, value, format!("must be in {}..={}", range.start(), range.end())))
        };
        values.iter().map(fits).collect()
    }

    /// A norm's epsilon.
    ///
    /// # Errors
    /// As [`Header::count`].
    pub fn epsilon(&self, name: &str) -> Result<f32, Error> {
        let eps = self.file.f32(&self.key(name))?;
        let eps = self.require(name, eps)?;
        if eps > 0.0 && eps < 1.0 { Ok(eps) } else { Err(self.bad(name, eps, "must be in (0, 1)")) }
    }

    /// A number above 0, or none where the key is absent or 0, as writers say "off".
    ///
    /// # Errors
    /// As [`Header::count`].
    pub fn positive(&self, name: &str) -> Result<Option<f32>, Error> {
        match self.file.f32(&self.key(name))? {
            None => Ok(None),
            Some(0.0) => Ok(None),
            Some(value) if value > 0.0 && value.is_finite() => Ok(Some(value)),
            Some(value) => Err(self.bad(name, value, "must be a number above 0")),
        }
    }

    /// The value of a key, whatever it is.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value<'_>> {
        self.file.get(&self.key(name))
    }

    /// An activation by name.
    ///
    /// # Errors
    /// As [`Header::count`].
    pub fn activation(&self, name: &str) -> Result<Activation, Error> {
        let got = self.file.str(&self.key(name))?;
        let got = self.require(name, got)?;
        Activation::parse(got).ok_or_else(|| {
            let known: Vec<_> = Activation::ALL.iter().map(|(_, n)| *n).collect();
            self.bad(name, got, format!("must be one of {}", known.join(", ")))
        })
    }

    /// A switch, `default` where absent.
    ///
    /// # Errors
    /// [`Error::Gguf`] for another type.
    pub fn switch(&self, name: &str, default: bool) -> Result<bool, Error> {
        Ok(self.file.bool(&self.key(name))?.unwrap_or(default))
    }

    /// Three f32 numbers.
    ///
    /// # Errors
    /// [`Error::BadParameter`] where there are not three.
    pub fn triple(&self, name: &str) -> Result<[f32; 3], Error> {
        let values = self.file.f32s(&self.key(name))?;
        let values = self.require(name, values)?;
        <[f32; 3]>::try_from(values.as_slice())
            .map_err(|_| self.bad(name, format!("{} numbers", values.len()), "must be 3"))
    }

    /// Text.
    ///
    /// # Errors
    /// [`Error::BadParameter`] where missing.
    pub fn text(&self, name: &str) -> Result<&str, Error> {
        let value = self.file.str(&self.key(name))?;
        self.require(name, value)
    }

    /// `heads` that divide `width`.
    ///
    /// # Errors
    /// As [`Header::count`].
    pub fn heads(&self, name: &str, width: usize) -> Result<usize, Error> {
        let heads = self.count(name, HEADS)?;
        if width.is_multiple_of(heads) {
            Ok(heads)
        } else {
            Err(self.bad(name, heads, format!("must divide the width {width}")))
        }
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Gguf {
        &self.file
    }
}
