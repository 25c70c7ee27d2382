//! Owned metadata values, for writing.

use super::value::{Array, Element, Value, ValueType};

/// A value to be written. Every reader's [`Value`] converts into one, so metadata can be carried from file to file.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum MetaValue {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    U64(u64),
    I64(i64),
    F32(f32),
    F64(f64),
    Bool(bool),
    Str(String),
    U8s(Vec<u8>),
    I8s(Vec<i8>),
    U16s(Vec<u16>),
    I16s(Vec<i16>),
    U32s(Vec<u32>),
    I32s(Vec<i32>),
    U64s(Vec<u64>),
    I64s(Vec<i64>),
    F32s(Vec<f32>),
    F64s(Vec<f64>),
    Bools(Vec<bool>),
    Strings(Vec<String>),
}

impl MetaValue {
    /// The type in the file, and for an array its element type and count.
    pub(super) fn types(&self) -> (ValueType, Option<(ValueType, usize)>) {
        use ValueType as T;
        let array = |element, count| (T::Array, Some((element, count)));
        match self {
            Self::U8(_) => (T::U8, None),
            Self::I8(_) => (T::I8, None),
            Self::U16(_) => (T::U16, None),
            Self::I16(_) => (T::I16, None),
            Self::U32(_) => (T::U32, None),
            Self::I32(_) => (T::I32, None),
            Self::U64(_) => (T::U64, None),
            Self::I64(_) => (T::I64, None),
            Self::F32(_) => (T::F32, None),
            Self::F64(_) => (T::F64, None),
            Self::Bool(_) => (T::Bool, None),
            Self::Str(_) => (T::Str, None),
            Self::U8s(values) => array(T::U8, values.len()),
            Self::I8s(values) => array(T::I8, values.len()),
            Self::U16s(values) => array(T::U16, values.len()),
            Self::I16s(values) => array(T::I16, values.len()),
            Self::U32s(values) => array(T::U32, values.len()),
            Self::I32s(values) => array(T::I32, values.len()),
            Self::U64s(values) => array(T::U64, values.len()),
            Self::I64s(values) => array(T::I64, values.len()),
            Self::F32s(values) => array(T::F32, values.len()),
            Self::F64s(values) => array(T::F64, values.len()),
            Self::Bools(values) => array(T::Bool, values.len()),
            Self::Strings(values) => array(T::Str, values.len()),
        }
    }

    /// The longest string in the value, in bytes.
    pub(super) fn longest_string(&self) -> u64 {
        match self {
            Self::Str(text) => text.len() as u64,
            Self::Strings(texts) => texts.iter().map(|text| text.len() as u64).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// Appends type and payload as the file holds them.
    pub(super) fn append_to(&self, out: &mut Vec<u8>) {
        let (ty, array) = self.types();
        out.extend(ty.id().to_le_bytes());
        if let Some((element, count)) = array {
            out.extend(element.id().to_le_bytes());
            out.extend((count as u64).to_le_bytes());
        }
        match self {
            Self::U8(value) => out.push(*value),
            Self::I8(value) => out.extend(value.to_le_bytes()),
            Self::U16(value) => out.extend(value.to_le_bytes()),
            Self::I16(value) => out.extend(value.to_le_bytes()),
            Self::U32(value) => out.extend(value.to_le_bytes()),
            Self::I32(value) => out.extend(value.to_le_bytes()),
            Self::U64(value) => out.extend(value.to_le_bytes()),
            Self::I64(value) => out.extend(value.to_le_bytes()),
            Self::F32(value) => out.extend(value.to_le_bytes()),
            Self::F64(value) => out.extend(value.to_le_bytes()),
            Self::Bool(value) => out.push(u8::from(*value)),
            Self::Str(text) => append_string(out, text),
            Self::U8s(values) => out.extend(values),
            Self::I8s(values) => out.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Self::U16s(values) => out.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Self::I16s(values) => out.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Self::U32s(values) => out.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Self::I32s(values) => out.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Self::U64s(values) => out.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Self::I64s(values) => out.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Self::F32s(values) => out.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Self::F64s(values) => out.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Self::Bools(values) => out.extend(values.iter().map(|&value| u8::from(value))),
            Self::Strings(texts) => texts.iter().for_each(|text| append_string(out, text)),
        }
    }
}

/// Appends a string as the file holds it: its length, then its bytes.
pub(super) fn append_string(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

impl From<Value<'_>> for MetaValue {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::U8(value) => Self::U8(value),
            Value::I8(value) => Self::I8(value),
            Value::U16(value) => Self::U16(value),
            Value::I16(value) => Self::I16(value),
            Value::U32(value) => Self::U32(value),
            Value::I32(value) => Self::I32(value),
            Value::U64(value) => Self::U64(value),
            Value::I64(value) => Self::I64(value),
            Value::F32(value) => Self::F32(value),
            Value::F64(value) => Self::F64(value),
            Value::Bool(value) => Self::Bool(value),
            Value::Str(text) => Self::Str(text.to_owned()),
            Value::Array(array) => array.into(),
        }
    }
}

impl From<Array<'_>> for MetaValue {
    fn from(array: Array<'_>) -> Self {
        fn all<T: Element>(array: Array<'_>) -> Vec<T> {
            array.elements().map(Iterator::collect).unwrap_or_default()
        }
        match array.element() {
            // An array of arrays does not pass the parser.
            ValueType::U8 | ValueType::Array => Self::U8s(array.bytes().to_vec()),
            ValueType::I8 => Self::I8s(all(array)),
            ValueType::U16 => Self::U16s(all(array)),
            ValueType::I16 => Self::I16s(all(array)),
            ValueType::U32 => Self::U32s(all(array)),
            ValueType::I32 => Self::I32s(all(array)),
            ValueType::U64 => Self::U64s(all(array)),
            ValueType::I64 => Self::I64s(all(array)),
            ValueType::F32 => Self::F32s(all(array)),
            ValueType::F64 => Self::F64s(all(array)),
            ValueType::Bool => Self::Bools(all(array)),
            ValueType::Str => Self::Strings(
                array.strings().map(|texts| texts.iter().map(str::to_owned).collect()).unwrap_or_default(),
            ),
        }
    }
}

macro_rules! from_owned {
    ($($from:ty => $variant:ident),* $(,)?) => {$(
        impl From<$from> for MetaValue {
            fn from(value: $from) -> Self {
                Self::$variant(value)
            }
        }
    )*};
}
from_owned!(
    u32 => U32,
    i32 => I32,
    u64 => U64,
    f32 => F32,
    bool => Bool,
    String => Str,
    Vec<u32> => U32s,
    Vec<i32> => I32s,
    Vec<f32> => F32s,
    Vec<bool> => Bools,
    Vec<String> => Strings,
);

impl From<&str> for MetaValue {
    fn from(text: &str) -> Self {
        Self::Str(text.to_owned())
    }
}
