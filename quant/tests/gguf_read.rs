//! Typed look-ups: what each getter accepts, and what it says of everything else.

#![allow(clippy::unwrap_used)]

mod file_builder;

use std::sync::Arc;

use file_builder::{File, U8, complete};
use ocelli_quant::gguf::{Bytes, Gguf, GgufError, MetaValue, Value, ValueType};

fn file() -> Gguf {
    let bytes: Bytes = Arc::new(complete());
    Gguf::parse(bytes).unwrap()
}

#[test]
fn header_and_order() {
    let file = file();
    assert_eq!((file.version(), file.alignment()), (3, 32));
    assert_eq!(file.data_offset() % 32, 0);
    assert_eq!(file.file_len(), (**file.parts().first().unwrap()).as_ref().len() as u64);
    let keys: Vec<&str> = file.keys().map(|(key, _)| key).collect();
    assert_eq!(keys[..3], ["general.architecture", "general.alignment", "a.u8"]);
    assert_eq!(keys.len(), 26);
    assert_eq!(file.tensors()[3].name, "blk.0.q8_0");
    assert_eq!(file.index_of("blk.0.q8_0"), Some(3));
    assert_eq!(file.tensor("none"), None);
    let scalar = file.tensor("scalar").unwrap();
    assert_eq!((scalar.shape.len(), scalar.rows(), scalar.cols(), scalar.bytes), (0, 1, 1, 4));
    assert!(format!("{file:?}").contains(&format!("tensors: {}", ocelli_quant::TensorType::ALL.len() + 2)));
}

#[test]
fn integers_of_any_width_that_fits() {
    let file = file();
    assert_eq!(file.u32("a.u8"), Ok(Some(8)));
    assert_eq!(file.u32("a.u16"), Ok(Some(1600)));
    assert_eq!(file.u64("a.u32"), Ok(Some(32)));
    assert_eq!(file.u64("a.u64"), Ok(Some(1 << 40)));
    assert_eq!(file.i32("a.i8"), Ok(Some(-8)));
    assert_eq!(file.i32("a.i32"), Ok(Some(-32)));
    assert_eq!(file.i32("a.u32"), Ok(Some(32)));
    assert_eq!(file.u32("absent"), Ok(None));
    for (result, value, wanted) in [
        (file.u32("a.u64").map(drop), 1i128 << 40, "u32"),
        (file.u32("a.i16").map(drop), -1600, "u32"),
        (file.u64("a.i64").map(drop), -(1 << 40), "u64"),
        (file.i32("a.u64").map(drop), 1 << 40, "i32"),
    ] {
        let error = result.unwrap_err();
        assert_eq!(error.code(), "out-of-range");
        let message = error.to_string();
        assert!(message.contains(&value.to_string()) && message.contains(wanted), "{message}");
    }
}

#[test]
fn other_scalars() {
    let file = file();
    assert_eq!(file.f32("a.f32"), Ok(Some(0.5)));
    assert_eq!(file.f32("a.f64"), Ok(Some(0.25)));
    assert_eq!(file.bool("a.bool"), Ok(Some(true)));
    assert_eq!(file.str("general.architecture"), Ok(Some("llama")));
    for (result, got, wanted) in [
        (file.u32("a.f32").map(drop), "f32", "u32"),
        (file.u32("a.bool").map(drop), "bool", "u32"),
        (file.f32("a.u32").map(drop), "u32", "f32"),
        (file.bool("a.u8").map(drop), "u8", "bool"),
        (file.str("a.u8").map(drop), "u8", "string"),
        (file.u32("general.architecture").map(drop), "string", "u32"),
        (file.u32("b.u32s").map(drop), "array of u32", "u32"),
    ] {
        let error = result.unwrap_err();
        assert_eq!(error.code(), "wrong-type");
        let message = error.to_string();
        assert!(message.contains(&format!("type {got}, expected {wanted}")), "{message}");
    }
}

/// G-26: scores declared as bytes must not be read as floats.
#[test]
fn array_elements_have_exactly_the_type_asked_for() {
    let scores = File::new(0, 1).array("tokenizer.ggml.scores", U8, 3).raw([1, 2, 3]);
    let error = scores.parse().unwrap().f32s("tokenizer.ggml.scores").unwrap_err();
    assert_eq!(error.to_string(), "key 'tokenizer.ggml.scores' has type array of u8, expected array of f32");
    let file = file();
    assert_eq!(file.f32s("b.f32s"), Ok(Some(vec![0.5, -1.5])));
    assert_eq!(file.u32s("b.u32s"), Ok(Some(vec![7, 8, 9])));
    assert_eq!(file.i32s("b.i32s"), Ok(Some(vec![-7, 8])));
    assert_eq!(file.bools("b.bools"), Ok(Some(vec![true, false])));
    assert_eq!(file.u8s("b.u8s"), Ok(Some(&[1u8, 2, 3][..])));
    let strings = file.strings("b.strings").unwrap().unwrap();
    assert_eq!(strings.iter().collect::<Vec<_>>(), ["", "▁été", "x"]);
    assert_eq!(strings.into_iter().len(), 3);
    assert_eq!((strings.get(1), strings.get(3)), (Some("▁été"), None));
    assert!(file.strings("b.empty").unwrap().unwrap().is_empty());
    assert_eq!(file.f32s("absent"), Ok(None));
    for wrong in [
        file.u32s("b.i32s").map(drop),
        file.i32s("b.u32s").map(drop),
        file.f32s("b.f64s").map(drop),
        file.strings("b.u8s").map(drop),
        file.strings("general.architecture").map(drop),
        file.u8s("b.i8s").map(drop),
        file.bools("b.u8s").map(drop),
        file.f32s("a.f32").map(drop),
    ] {
        assert_eq!(wrong.unwrap_err().code(), "wrong-type");
    }
}

#[test]
fn required_keys() {
    let file = file();
    assert_eq!(file.require("a.u32", Gguf::u32), Ok(32));
    assert_eq!(file.require("general.architecture", Gguf::str), Ok("llama"));
    let strings = file.require("b.strings", Gguf::strings).unwrap();
    assert_eq!(strings.len(), 3);
    let error = file.require("clip.vision.block_count", Gguf::u32).unwrap_err();
    assert_eq!(error, GgufError::MissingKey { key: "clip.vision.block_count".to_owned() });
    assert_eq!(error.code(), "missing-key");
    assert_eq!(file.require("a.f32", Gguf::u32).unwrap_err().code(), "wrong-type");
}

#[test]
fn views_of_values() {
    let file = file();
    let Some(Value::Array(array)) = file.get("b.i64s") else { panic!("not an array") };
    assert_eq!((array.element(), array.len(), array.is_empty()), (ValueType::I64, 1, false));
    assert_eq!(array.elements::<i64>().unwrap().collect::<Vec<_>>(), [i64::MIN]);
    assert!(array.elements::<u64>().is_none() && array.strings().is_none());
    assert_eq!(format!("{array:?}"), "[i64; 1]");
    assert_eq!(array.bytes(), i64::MIN.to_le_bytes());
    assert_eq!(file.get("a.i16"), Some(Value::I16(-1600)));
    assert_eq!(file.get("a.i64").unwrap().as_integer(), Some(-(1 << 40)));
    assert_eq!(file.get("a.i64").unwrap().as_u64(), None);
    assert_eq!(file.get("a.f32").unwrap().value_type(), ValueType::F32);
    for ty in ValueType::ALL {
        assert_eq!(ValueType::from_id(ty.id()), Some(ty));
    }
}

#[test]
fn metadata_can_be_carried_over() {
    let (original, mut writer) = (file(), ocelli_quant::gguf::Writer::new());
    for (key, value) in original.keys() {
        writer.set(key, value);
    }
    let copy = writer.begin(Vec::new()).unwrap().finish().unwrap();
    let copy = Gguf::parse(Arc::new(copy)).unwrap();
    assert!(original.keys().eq(copy.keys()));
    assert_eq!(MetaValue::from(copy.get("b.bools").unwrap()), MetaValue::Bools(vec![true, false]));
}

#[test]
fn an_info_of_another_file_gives_no_bytes_beyond_this_one() {
    let large = file();
    let small = Gguf::parse(Arc::new(File::new(0, 0).0)).unwrap();
    assert!(small.data(&large.tensors()[0]).is_empty());
    assert_eq!(small.data_offset(), 24);
}
