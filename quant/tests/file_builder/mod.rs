//! A GGUF file put together field by field, right or wrong: it checks nothing and aligns nothing unless told to.

#![allow(dead_code, clippy::unwrap_used)]

#[path = "../../../fuzz/keep.rs"]
mod seeds;

use std::sync::Arc;

use ocelli_quant::gguf::{Gguf, GgufError, Limits};

pub const U8: u32 = 0;
pub const U32: u32 = 4;
pub const I32: u32 = 5;
pub const FLOAT: u32 = 6;
pub const BOOL: u32 = 7;
pub const STR: u32 = 8;
pub const ARRAY: u32 = 9;
pub const U64: u32 = 10;
pub const DOUBLE: u32 = 12;

pub const F32: u32 = 0;
pub const Q4_0: u32 = 2;
pub const Q4_K: u32 = 12;

#[derive(Clone, Default)]
pub struct File(pub Vec<u8>);

impl File {
    /// Magic, version 3 and the counts.
    pub fn new(tensors: u64, keys: u64) -> Self {
        Self::version(3, tensors, keys)
    }

    pub fn version(version: u32, tensors: u64, keys: u64) -> Self {
        Self(b"GGUF".to_vec()).u32(version).u64(tensors).u64(keys)
    }

    pub fn raw(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.extend(bytes.as_ref());
        self
    }

    pub fn u32(self, value: u32) -> Self {
        self.raw(value.to_le_bytes())
    }

    pub fn u64(self, value: u64) -> Self {
        self.raw(value.to_le_bytes())
    }

    pub fn text(self, text: impl AsRef<[u8]>) -> Self {
        self.u64(text.as_ref().len() as u64).raw(text)
    }

    /// A key of any type, its payload as it is to lie in the file.
    pub fn key(self, key: impl AsRef<[u8]>, ty: u32, payload: impl AsRef<[u8]>) -> Self {
        self.text(key).u32(ty).raw(payload)
    }

    /// The start of an array: key, type, element type, count.
    pub fn array(self, key: &str, element: u32, count: u64) -> Self {
        self.text(key).u32(ARRAY).u32(element).u64(count)
    }

    pub fn tensor(self, name: impl AsRef<[u8]>, shape: &[u64], ty: u32, offset: u64) -> Self {
        let start = self.text(name).u32(shape.len() as u32);
        shape.iter().fold(start, |file, &dim| file.u64(dim)).u32(ty).u64(offset)
    }

    pub fn pad(mut self) -> Self {
        self.0.resize(self.0.len().next_multiple_of(32), 0);
        self
    }

    pub fn zeros(mut self, count: usize) -> Self {
        self.0.resize(self.0.len() + count, 0);
        self
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn parse(&self) -> Result<Gguf, GgufError> {
        self.parse_with(&Limits::default())
    }

    pub fn parse_with(&self, limits: &Limits) -> Result<Gguf, GgufError> {
        Gguf::parse_with(Arc::new(self.0.clone()), limits)
    }

    /// Refused with exactly this code, in a message that holds all these pieces.
    #[track_caller]
    pub fn refused(&self, code: &str, pieces: &[&str]) {
        seeds::keep("gguf", &self.0);
        let error = self.parse().unwrap_err();
        let message = error.to_string();
        assert_eq!(error.code(), code, "{message}");
        for piece in pieces {
            assert!(message.contains(piece), "no '{piece}' in: {message}");
        }
    }
}

/// A file with a key of every type and a tensor of every type, whose last tensor ends on the alignment.
pub fn complete() -> Vec<u8> {
    use ocelli_quant::TensorType;
    use ocelli_quant::gguf::{MetaValue as M, Writer};
    let mut writer = Writer::new();
    writer
        .set("general.architecture", "llama")
        .set("general.alignment", 32u32)
        .set("a.u8", M::U8(8))
        .set("a.i8", M::I8(-8))
        .set("a.u16", M::U16(1600))
        .set("a.i16", M::I16(-1600))
        .set("a.u32", 32u32)
        .set("a.i32", -32)
        .set("a.u64", 1u64 << 40)
        .set("a.i64", M::I64(-(1 << 40)))
        .set("a.f32", 0.5f32)
        .set("a.f64", M::F64(0.25))
        .set("a.bool", true)
        .set("b.u8s", M::U8s(vec![1, 2, 3]))
        .set("b.i8s", M::I8s(vec![-1, 2]))
        .set("b.u16s", M::U16s(vec![500]))
        .set("b.i16s", M::I16s(vec![-500]))
        .set("b.u32s", vec![7u32, 8, 9])
        .set("b.i32s", vec![-7i32, 8])
        .set("b.u64s", M::U64s(vec![u64::MAX]))
        .set("b.i64s", M::I64s(vec![i64::MIN]))
        .set("b.f32s", vec![0.5f32, -1.5])
        .set("b.f64s", M::F64s(vec![1e300]))
        .set("b.bools", vec![true, false])
        .set("b.strings", vec!["".to_owned(), "▁été".to_owned(), "x".to_owned()])
        .set("b.empty", M::Strings(Vec::new()));
    for ty in TensorType::ALL {
        writer.tensor(format!("blk.0.{ty}"), &[256, 3], ty);
    }
    writer.tensor("scalar", &[], TensorType::F32).tensor("last", &[8, 2, 2, 1], TensorType::F32);
    let mut body = writer.begin(Vec::new()).unwrap();
    let mut byte = 0u8;
    while let Some(info) = body.current() {
        let data: Vec<u8> = (0..info.bytes).map(|i| byte.wrapping_add(i as u8)).collect();
        byte = byte.wrapping_add(37);
        body.write(&data).unwrap();
    }
    let bytes = body.finish().unwrap();
    seeds::keep("gguf", &bytes);
    bytes
}
