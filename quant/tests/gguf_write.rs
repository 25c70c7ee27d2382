//! The writer: what it writes, what it refuses, and that an independent reader reads the same.

#![allow(clippy::unwrap_used)]

mod file_builder;

use std::io;
use std::sync::Arc;

use file_builder::complete;
use gguf::{GGUFFile, GGUFMetadataValue};
use ocelli_quant::TensorType;
use ocelli_quant::gguf::{Body, Gguf, MetaValue, Value, WriteError, Writer};

/// Metadata and tensors within what the `gguf` crate knows: it predates bf16.
fn sample() -> Writer {
    let mut writer = Writer::new();
    writer
        .set("general.architecture", "opt")
        .set("opt.block_count", 2u32)
        .set("opt.rope.freq_base", 10_000.0f32)
        .set("clip.has_vision_encoder", true)
        .set("clip.vision.image_mean", vec![0.5f32, 0.25, 0.125])
        .set("tokenizer.ggml.tokens", vec!["<s>".to_owned(), "▁a".to_owned()])
        .set("tokenizer.ggml.token_type", vec![3i32, 1])
        .set("general.parameter_count", 1u64 << 33)
        .tensor("a.weight", &[32, 3], TensorType::Q8_0)
        .tensor("b.weight", &[256, 2], TensorType::Q4K)
        .tensor("c.bias", &[3], TensorType::F32)
        .tensor("d.weight", &[256, 1, 2], TensorType::Q6K);
    writer
}

fn data(bytes: u64, seed: u64) -> Vec<u8> {
    (0..bytes).map(|i| (i * 31 + seed * 17) as u8).collect()
}

/// Writes all tensors in pieces of `piece` bytes.
fn written(writer: Writer, piece: usize) -> Vec<u8> {
    let mut body = writer.begin(Vec::new()).unwrap();
    let mut seed = 0;
    while let Some(bytes) = body.current().map(|info| info.bytes) {
        data(bytes, seed).chunks(piece).for_each(|piece| body.write(piece).unwrap());
        seed += 1;
    }
    body.finish().unwrap()
}

#[test]
fn reads_back() {
    let writer = sample();
    let total = writer.total_bytes().unwrap();
    let bytes = written(writer, usize::MAX);
    assert_eq!(bytes.len() as u64, total);
    let file = Gguf::parse(Arc::new(bytes)).unwrap();
    assert_eq!(file.keys().count(), 8);
    assert_eq!(file.f32s("clip.vision.image_mean"), Ok(Some(vec![0.5, 0.25, 0.125])));
    for (seed, info) in file.tensors().iter().enumerate() {
        assert_eq!(info.offset % 32, 0);
        assert_eq!(file.data(info), data(info.bytes, seed as u64));
    }
}

#[test]
fn same_calls_same_bytes_however_they_are_cut() {
    let whole = written(sample(), usize::MAX);
    assert_eq!(written(sample(), usize::MAX), whole);
    assert_eq!(written(sample(), 7), whole);
    assert_eq!(complete(), complete());
}

#[test]
fn body_knows_every_offset() {
    let mut body = sample().begin(Vec::new()).unwrap();
    let infos = body.tensors().to_vec();
    let head = body.written_bytes();
    assert_eq!(infos[0].offset, head);
    assert_eq!(infos[1].offset, head + 128);
    for info in &infos {
        assert_eq!((body.written_bytes(), body.current()), (info.offset, Some(info)));
        body.write(&[]).unwrap();
        body.write(&data(info.bytes, 0)).unwrap();
    }
    assert_eq!(body.written_bytes(), body.total_bytes());
    let file = Gguf::parse(Arc::new(body.finish().unwrap())).unwrap();
    assert_eq!(file.tensors(), infos);
}

#[test]
fn an_empty_file_is_a_file() {
    let bytes = Writer::new().begin(Vec::new()).unwrap().finish().unwrap();
    assert_eq!(bytes.len(), 32);
    assert!(Gguf::parse(Arc::new(bytes)).unwrap().tensors().is_empty());
}

#[test]
fn wrong_amounts_of_data() {
    let mut body = sample().begin(Vec::new()).unwrap();
    body.write(&[0; 100]).unwrap();
    let error = body.write(&[0; 3]).unwrap_err();
    assert_eq!(error.to_string(), "tensor 'a.weight' takes 102 bytes, got 103");
    // Nothing was written, so the right amount still can be.
    body.write(&[0; 2]).unwrap();
    body.write(&[0; 288]).unwrap();
    body.write(&[0; 5]).unwrap();
    let error = body.finish().unwrap_err();
    assert!(matches!(error, WriteError::Unfinished { wanted: 12, got: 5, missing: 1, .. }), "{error}");

    let mut body = Writer::new().begin(Vec::new()).unwrap();
    let error = body.write(&[1]).unwrap_err();
    assert!(matches!(error, WriteError::NoTensorLeft { tensors: 0, got: 1 }), "{error}");
}

#[test]
fn mistakes_in_declarations() {
    let refused = |declare: fn(&mut Writer) -> &mut Writer| {
        let mut writer = Writer::new();
        declare(&mut writer);
        let error = writer.total_bytes().unwrap_err().to_string();
        assert_eq!(writer.begin(io::sink()).unwrap_err().to_string(), error);
        error
    };
    const F32: TensorType = TensorType::F32;
    for (error, piece) in [
        (refused(|w| w.set("a", 1u32).set("a", 2u32)), "duplicate key 'a'"),
        (refused(|w| w.tensor("a", &[1], F32).tensor("a", &[1], F32)), "duplicate tensor name 'a'"),
        (refused(|w| w.set("", 1u32)), "at least 1 byte"),
        (refused(|w| w.set("é", 1u32)), "ASCII"),
        (refused(|w| w.set("k".repeat(65_536), 1u32)), "at most 65535 bytes, this has 65536"),
        (refused(|w| w.tensor("n".repeat(64), &[1], F32)), "at most 63 bytes, this has 64"),
        (refused(|w| w.tensor("a\0", &[1], F32)), "control characters"),
        (refused(|w| w.tensor("a", &[1; 5], F32)), "dimensions of 'a': 5 exceeds the limit of 4"),
        (refused(|w| w.tensor("a", &[1, 0], F32)), "dimension 1"),
        (refused(|w| w.tensor("a", &[33], TensorType::Q4_0)), "33"),
        (refused(|w| w.tensor("a", &[1 << 40, 1 << 40], F32)), "overflows"),
        (refused(|w| w.tensor("a", &[(1 << 62) - 1], F32)), "overflows"),
        (refused(|w| w.set("general.alignment", 64u32)), "32, got U32(64)"),
        (refused(|w| w.set("general.alignment", 32u64)), "32, got U64(32)"),
        (refused(|w| w.set("s", "x".repeat((16 << 20) + 1))), "16777217 exceeds the limit of 16777216"),
    ] {
        assert!(error.contains(piece), "no '{piece}' in: {error}");
    }
}

#[test]
fn output_failures_are_reported_where_they_happen() {
    struct Full(usize);
    impl io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if bytes.len() > self.0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0 -= bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let error = sample().begin(Full(10)).unwrap_err();
    assert!(matches!(error, WriteError::Io { offset: 0, .. }), "{error}");
    let head = sample().begin(Vec::new()).unwrap().written_bytes();
    let mut body: Body<Full> = sample().begin(Full(head as usize + 50)).unwrap();
    body.write(&[0; 50]).unwrap();
    let error = body.write(&[0; 52]).unwrap_err();
    let WriteError::Io { offset, source } = error else { panic!("{error}") };
    assert_eq!((offset, source.kind()), (head + 50, io::ErrorKind::StorageFull));
}

/// The `gguf` crate (a reader of its own, written on nom) finds the same keys, values and tensors.
#[test]
fn an_independent_reader_agrees() {
    let bytes = written(sample(), usize::MAX);
    let ours = Gguf::parse(Arc::new(bytes.clone())).unwrap();
    let theirs = GGUFFile::read(&bytes).unwrap().unwrap();
    assert_eq!(theirs.header.version, ours.version());

    let keys: Vec<_> = ours.keys().collect();
    assert_eq!(theirs.header.metadata.len(), keys.len());
    for (theirs, (key, value)) in theirs.header.metadata.iter().zip(keys) {
        assert_eq!(theirs.key, key);
        assert_eq!(theirs.value_type as u32, value.value_type().id());
        match (&theirs.value, value) {
            (GGUFMetadataValue::String(theirs), Value::Str(ours)) => assert_eq!(theirs, ours),
            (GGUFMetadataValue::Uint32(theirs), Value::U32(ours)) => assert_eq!(*theirs, ours),
            (GGUFMetadataValue::Uint64(theirs), Value::U64(ours)) => assert_eq!(*theirs, ours),
            (GGUFMetadataValue::Float32(theirs), Value::F32(ours)) => assert_eq!(*theirs, ours),
            (GGUFMetadataValue::Bool(theirs), Value::Bool(ours)) => assert_eq!(*theirs, ours),
            (GGUFMetadataValue::Array(theirs), Value::Array(ours)) => {
                assert_eq!(theirs.value_type as u32, ours.element().id());
                let elements: Vec<String> = match MetaValue::from(ours) {
                    MetaValue::F32s(values) => values.iter().map(f32::to_string).collect(),
                    MetaValue::I32s(values) => values.iter().map(i32::to_string).collect(),
                    MetaValue::Strings(values) => values,
                    other => panic!("{other:?}"),
                };
                let theirs: Vec<String> = theirs.value.iter().map(|v| format!("{v:?}")).collect();
                assert_eq!(theirs, elements);
            }
            (theirs, ours) => panic!("{theirs:?} is not {ours:?}"),
        }
    }

    assert_eq!(theirs.tensors.len(), ours.tensors().len());
    for (theirs, ours_info) in theirs.tensors.iter().zip(ours.tensors()) {
        assert_eq!(theirs.name, ours_info.name);
        assert_eq!(theirs.dimensions, ours_info.shape);
        assert_eq!(theirs.tensor_type as u32, ours_info.ty.id());
        assert_eq!(theirs.offset + ours.data_offset(), ours_info.offset);
    }
}
