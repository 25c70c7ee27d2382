//! Typed look-ups: a key is absent, or it has the type asked for, or the call says what it has instead.
//!
//! Integers are accepted in any width that holds the value, since writers disagree on u32, i32 and u64; floats in
//! either width. Array elements must have exactly the type asked for: reading u8 scores as f32 was a real over-read.

use super::naming::shown;
use super::value::{Element, StringArray, Value};
use super::{Gguf, GgufError};

impl Gguf {
    /// An integer that fits u32.
    ///
    /// # Errors
    /// When the key holds something else.
    pub fn u32(&self, key: &str) -> Result<Option<u32>, GgufError> {
        self.integer(key, "u32")
    }

    /// An integer that fits i32.
    ///
    /// # Errors
    /// When the key holds something else.
    pub fn i32(&self, key: &str) -> Result<Option<i32>, GgufError> {
        self.integer(key, "i32")
    }

    /// An integer that fits u64.
    ///
    /// # Errors
    /// When the key holds something else.
    pub fn u64(&self, key: &str) -> Result<Option<u64>, GgufError> {
        self.integer(key, "u64")
    }

    /// An integer that fits u64 and holds for all layers: one number, or a list of as many equal ones as the key `layers`
    /// counts, as some writers give what may differ from layer to layer.
    ///
    /// # Errors
    /// When the key holds something else, other lengths and numbers that differ included.
    pub fn for_all_layers(&self, key: &str, layers: &str) -> Result<Option<u64>, GgufError> {
        let Some(Value::Array(array)) = self.get(key) else { return self.u64(key) };
        let Some(mut numbers) = array.integers() else { return self.u64(key) };
        let wanted = self.require(layers, Gguf::u64)?;
        if array.len() as u64 != wanted {
            let (key, layers, got) = (shown(key), shown(layers), array.len() as u64);
            return Err(GgufError::LayerCount { key, layers, got, wanted });
        }
        let Some(first) = numbers.next() else { return self.u64(key) };
        if let Some((layer, other)) = (1..).zip(numbers).find(|(_, number)| *number != first) {
            return Err(GgufError::Uneven { key: shown(key), first, other, layer });
        }
        match u64::try_from(first) {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(GgufError::OutOfRange { key: shown(key), value: first, wanted: "u64" }),
        }
    }

    /// An f32, or an f64 rounded to one.
    ///
    /// # Errors
    /// When the key holds something else.
    pub fn f32(&self, key: &str) -> Result<Option<f32>, GgufError> {
        self.typed(key, "f32", |value| match value {
            Value::F32(value) => Some(value),
            Value::F64(value) => Some(value as f32),
            _ => None,
        })
    }

    /// A bool.
    ///
    /// # Errors
    /// When the key holds something else.
    pub fn bool(&self, key: &str) -> Result<Option<bool>, GgufError> {
        self.typed(key, "bool", |value| if let Value::Bool(value) = value { Some(value) } else { None })
    }

    /// A string.
    ///
    /// # Errors
    /// When the key holds something else.
    pub fn str(&self, key: &str) -> Result<Option<&str>, GgufError> {
        self.typed(key, "string", |value| if let Value::Str(value) = value { Some(value) } else { None })
    }

    /// An array of strings.
    ///
    /// # Errors
    /// When the key holds something else.
    pub fn strings(&self, key: &str) -> Result<Option<StringArray<'_>>, GgufError> {
        self.typed(key, "array of string", |value| match value {
            Value::Array(array) => array.strings(),
            _ => None,
        })
    }

    /// An array of f32.
    ///
    /// # Errors
    /// When the key holds something else, other element types included.
    pub fn f32s(&self, key: &str) -> Result<Option<Vec<f32>>, GgufError> {
        self.elements(key, "array of f32")
    }

    /// An array of u32.
    ///
    /// # Errors
    /// When the key holds something else, other element types included.
    pub fn u32s(&self, key: &str) -> Result<Option<Vec<u32>>, GgufError> {
        self.elements(key, "array of u32")
    }

    /// An array of i32.
    ///
    /// # Errors
    /// When the key holds something else, other element types included.
    pub fn i32s(&self, key: &str) -> Result<Option<Vec<i32>>, GgufError> {
        self.elements(key, "array of i32")
    }

    /// An array of u8, as it lies in the file.
    ///
    /// # Errors
    /// When the key holds something else, other element types included.
    pub fn u8s(&self, key: &str) -> Result<Option<&[u8]>, GgufError> {
        self.typed(key, "array of u8", |value| match value {
            Value::Array(array) => array.elements::<u8>().map(|_| array.bytes()),
            _ => None,
        })
    }

    /// An array of bool.
    ///
    /// # Errors
    /// When the key holds something else, other element types included.
    pub fn bools(&self, key: &str) -> Result<Option<Vec<bool>>, GgufError> {
        self.elements(key, "array of bool")
    }

    /// The value of a key that must be there, by one of the getters above: `file.require("x", Gguf::u32)?`.
    ///
    /// # Errors
    /// [`GgufError::MissingKey`], or what the getter says.
    pub fn require<'a, T>(
        &'a self,
        key: &str,
        get: impl FnOnce(&'a Self, &str) -> Result<Option<T>, GgufError>,
    ) -> Result<T, GgufError> {
        get(self, key)?.ok_or_else(|| GgufError::MissingKey { key: shown(key) })
    }

    fn integer<T: TryFrom<i128>>(&self, key: &str, wanted: &'static str) -> Result<Option<T>, GgufError> {
        let Some(value) = self.typed(key, wanted, |value| value.as_integer())? else {
            return Ok(None);
        };
        match T::try_from(value) {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(GgufError::OutOfRange { key: shown(key), value, wanted }),
        }
    }

    fn elements<T: Element>(&self, key: &str, wanted: &'static str) -> Result<Option<Vec<T>>, GgufError> {
        self.typed(key, wanted, |value| match value {
            Value::Array(array) => array.elements().map(Iterator::collect),
            _ => None,
        })
    }

    fn typed<'a, T>(
        &'a self,
        key: &str,
        wanted: &'static str,
        select: impl FnOnce(Value<'a>) -> Option<T>,
    ) -> Result<Option<T>, GgufError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        match select(value) {
            Some(selected) => Ok(Some(selected)),
            None => Err(GgufError::WrongType { key: shown(key), got: value.type_name(), wanted }),
        }
    }
}
