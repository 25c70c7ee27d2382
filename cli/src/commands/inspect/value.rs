//! Metadata values as text and as JSON. Long ones are cut: a vocabulary has a hundred thousand entries.

use crate::output::number;
use ocelli_quant::gguf::{Array, Value, ValueType};
use serde_json::json;

/// Elements of an array that are shown.
const ELEMENTS: usize = 8;
/// Characters of a string that are shown.
const CHARACTERS: usize = 80;

/// One line of text. Strings are quoted and escaped, so that a file cannot write to the terminal.
pub fn text(value: &Value<'_>, full: bool) -> String {
    match value {
        Value::Str(text) => match text.char_indices().nth(CHARACTERS) {
            Some((cut, _)) if !full => format!("{:?}… ({} bytes)", &text[..cut], text.len()),
            _ => format!("{text:?}"),
        },
        Value::Array(array) => {
            let shown = if full { array.len() } else { array.len().min(ELEMENTS) };
            let items = elements(array, shown).map(|v| v.to_string()).collect::<Vec<_>>().join(", ");
            if shown < array.len() {
                format!("[{items}, …] ({} of {})", array.len(), array.element().name())
            } else {
                format!("[{items}]")
            }
        }
        // JSON has no such numbers; text has.
        Value::F32(v) if !v.is_finite() => v.to_string(),
        Value::F64(v) if !v.is_finite() => v.to_string(),
        other => json(other, full).to_string(),
    }
}

/// A JSON value; a long array is its type, length and first elements.
pub fn json(value: &Value<'_>, full: bool) -> serde_json::Value {
    match *value {
        Value::U8(v) => v.into(),
        Value::I8(v) => v.into(),
        Value::U16(v) => v.into(),
        Value::I16(v) => v.into(),
        Value::U32(v) => v.into(),
        Value::I32(v) => v.into(),
        Value::U64(v) => v.into(),
        Value::I64(v) => v.into(),
        Value::F32(v) => number(v),
        Value::F64(v) => v.into(),
        Value::Bool(v) => v.into(),
        Value::Str(v) => v.into(),
        Value::Array(array) if full || array.len() <= ELEMENTS => elements(&array, array.len()).collect(),
        Value::Array(array) => json!({
            "type": array.element().name(),
            "length": array.len(),
            "first": elements(&array, ELEMENTS).collect::<Vec<_>>(),
        }),
    }
}

/// The first `count` elements.
fn elements<'a>(array: &Array<'a>, count: usize) -> Box<dyn Iterator<Item = serde_json::Value> + 'a> {
    macro_rules! numbers {
        ($ty:ty, $make:expr) => {
            Box::new(array.elements::<$ty>().into_iter().flatten().take(count).map($make))
        };
    }
    match array.element() {
        ValueType::U8 => numbers!(u8, Into::into),
        ValueType::I8 => numbers!(i8, Into::into),
        ValueType::U16 => numbers!(u16, Into::into),
        ValueType::I16 => numbers!(i16, Into::into),
        ValueType::U32 => numbers!(u32, Into::into),
        ValueType::I32 => numbers!(i32, Into::into),
        ValueType::U64 => numbers!(u64, Into::into),
        ValueType::I64 => numbers!(i64, Into::into),
        ValueType::F32 => numbers!(f32, number),
        ValueType::F64 => numbers!(f64, Into::into),
        ValueType::Bool => numbers!(bool, Into::into),
        ValueType::Str => Box::new(array.strings().into_iter().flatten().take(count).map(Into::into)),
        ValueType::Array => Box::new(std::iter::empty()),
    }
}
