//! No byte string makes the reader panic, hang or grow: cuts, random damage, and files at and beyond the limits.

#![allow(clippy::unwrap_used)]

mod file_builder;

use std::sync::Arc;
use std::time::{Duration, Instant};

use file_builder::{DOUBLE, F32, FLOAT, File, STR, U8, complete};
use ocelli_quant::gguf::{Bytes, Gguf, GgufError, Limits, Value};
use proptest::prelude::*;

/// Counts, lengths and offsets at which arithmetic turns over.
const WORDS: &[u64] = &[0, 1, 7, 1 << 31, 1 << 32, 1 << 62, u64::MAX - 31, u64::MAX];

/// What a complexity attack may take.
const PATIENCE: Duration = Duration::from_millis(500);

/// Parses under limits raised for counts and holds the time against [`PATIENCE`]. The best of a few runs counts: on a
/// busy machine the others measure their neighbours.
fn parse_in_time(file: &File) -> Gguf {
    let limits = Limits { keys: 1 << 20, tensors: 1 << 20, ..Limits::default() };
    let bytes: Bytes = Arc::new(file.0.clone());
    let mut least = Duration::MAX;
    for _ in 0..8 {
        let start = Instant::now();
        let parsed = Gguf::parse_with(bytes.clone(), &limits).unwrap();
        least = least.min(start.elapsed());
        if least < PATIENCE {
            return parsed;
        }
    }
    panic!("{least:?}");
}

fn parse(bytes: &[u8]) -> Result<Gguf, GgufError> {
    Gguf::parse(Arc::new(bytes.to_vec()))
}

/// Looks at everything an accepted file offers.
fn walk(file: &Gguf) {
    let mut seen = 0;
    for (key, value) in file.keys() {
        // As it is written, since NaN does not equal itself.
        assert_eq!(format!("{:?}", file.get(key)), format!("{:?}", Some(value)));
        if let Value::Array(array) = value
            && let Some(strings) = array.strings()
        {
            assert_eq!(strings.iter().count(), strings.len());
        }
        seen += 1;
    }
    assert!(seen <= 65_536);
    for (index, tensor) in file.tensors().iter().enumerate() {
        assert_eq!(file.index_of(&tensor.name), Some(index));
        assert_eq!(file.data(tensor).len() as u64, tensor.bytes);
        assert_eq!(tensor.ty.tensor_bytes(&tensor.shape), Ok(tensor.bytes));
        assert_eq!(tensor.rows() * tensor.cols(), tensor.elements());
        assert!(tensor.offset % file.alignment() == 0 && tensor.offset >= file.data_offset());
    }
}

#[test]
fn every_cut_is_refused_as_a_short_file() {
    let whole = complete();
    walk(&parse(&whole).unwrap());
    for len in 0..whole.len() {
        let error = parse(&whole[..len]).unwrap_err();
        assert!(error.is_short_file(), "cut at {len}: {} {error}", error.code());
    }
}

#[test]
fn numbers_that_are_none_are_read() {
    let file = File::new(0, 2).key("a", FLOAT, f32::NAN.to_le_bytes()).key("b", DOUBLE, f64::NAN.to_le_bytes());
    walk(&file.parse().unwrap());
}

#[test]
fn bytes_after_the_end_are_ignored() {
    let mut bytes = complete();
    bytes.extend([0xff; 100]);
    walk(&parse(&bytes).unwrap());
}

#[test]
fn every_single_byte_can_be_damaged() {
    let whole = complete();
    let head = parse(&whole).unwrap().data_offset() as usize;
    let mut bytes = whole.clone();
    for at in 0..head {
        for damage in [0x01, 0x80, 0xff] {
            bytes[at] ^= damage;
            if let Ok(file) = parse(&bytes) {
                walk(&file);
            }
            bytes[at] = whole[at];
        }
    }
}

#[test]
fn codes_are_distinct() {
    let errors = [
        parse(b"").unwrap_err(),
        parse(b"x").unwrap_err(),
        File::new(u64::MAX, 0).parse().unwrap_err(),
        File::new(0, u64::MAX).parse().unwrap_err(),
    ];
    let mut codes: Vec<_> = errors.iter().map(GgufError::code).collect();
    codes.dedup();
    assert_eq!(codes.len(), errors.len());
}

#[test]
fn a_hundred_thousand_keys() {
    let mut file = File::new(0, 100_000);
    for i in 0..100_000 {
        file = file.key(format!("k{i}"), U8, [0]);
    }
    file.refused("limit", &["metadata key count", "100000", "65536"]);
    assert_eq!(parse_in_time(&file).u32("k99999"), Ok(Some(0)));
}

#[test]
fn a_hundred_thousand_tensors() {
    let mut file = File::new(100_000, 0);
    for i in 0..100_000 {
        file = file.tensor(format!("t{i}"), &[8], F32, 32 * i);
    }
    let file = file.pad().zeros(3_200_000);
    file.refused("limit", &["tensor count", "100000", "65536"]);
    assert_eq!(parse_in_time(&file).index_of("t99999"), Some(99_999));
}

#[test]
fn large_arrays_stay_in_the_file() {
    let bytes = parse_in_time(&File::new(0, 1).array("a", U8, 1 << 24).zeros(1 << 24));
    assert_eq!(bytes.u8s("a").unwrap().unwrap().len(), 1 << 24);
    let strings = parse_in_time(&File::new(0, 1).array("a", STR, 2_097_152).zeros(2_097_152 * 8));
    let strings = strings.strings("a").unwrap().unwrap();
    assert_eq!(strings.len(), 2_097_152);
    assert!(strings.iter().all(str::is_empty));
}

#[test]
fn limits_bind() {
    let small = |limits: Limits| Gguf::parse_with(Arc::new(complete()), &limits).unwrap_err();
    let default = Limits::default;
    for (limits, code, piece) in [
        (Limits { keys: 3, ..default() }, "limit", "exceeds the limit of 3"),
        (Limits { tensors: 2, ..default() }, "limit", "tensor count"),
        (Limits { string_bytes: 4, ..default() }, "limit", "5 exceeds the limit of 4"),
        (Limits { array_elements: 2, ..default() }, "limit", "'b.u8s'"),
        (Limits { metadata_bytes: 100, ..default() }, "limit", "metadata up to"),
        (Limits { key_bytes: 8, ..default() }, "bad-name", "at most 8 bytes"),
        (Limits { name_bytes: 5, ..default() }, "bad-name", "at most 5 bytes"),
        (Limits { dims: 1, ..default() }, "dims", "at most 1"),
    ] {
        let error = small(limits);
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(piece), "{error}");
    }
}

#[test]
fn a_file_that_shrinks_later_reads_as_empty() {
    struct Shrinking(std::sync::Mutex<bool>, Vec<u8>);
    impl AsRef<[u8]> for Shrinking {
        fn as_ref(&self) -> &[u8] {
            if *self.0.lock().unwrap() { &self.1[..50] } else { &self.1 }
        }
    }
    let shared = Arc::new(Shrinking(std::sync::Mutex::new(false), complete()));
    let file = Gguf::parse(shared.clone()).unwrap();
    *shared.0.lock().unwrap() = true;
    assert!(file.tensors().iter().all(|tensor| file.data(tensor).is_empty()));
    assert_eq!(file.u32("a.u32"), Ok(Some(0)));
    assert_eq!(file.str("general.architecture"), Ok(Some("")));
    assert_eq!(file.strings("b.strings").unwrap().unwrap().iter().count(), 0);
    assert_eq!(file.keys().count(), 26);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// A valid file with a few bytes overwritten, a piece cut out or a piece doubled.
    #[test]
    fn mutants(
        writes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        word in prop::option::of((any::<prop::sample::Index>(), prop::sample::select(WORDS))),
        cut in prop::option::of((any::<prop::sample::Index>(), 1usize..40)),
        double in any::<bool>(),
    ) {
        let mut bytes = complete();
        let head = 1400;
        for (at, value) in writes {
            bytes[at.index(head)] = value;
        }
        if let Some((at, value)) = word {
            let at = at.index(head);
            bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        if let Some((at, len)) = cut {
            let at = at.index(head);
            let piece: Vec<u8> = bytes.drain(at..at + len).collect();
            if double {
                bytes.splice(at..at, [&piece[..], &piece[..]].concat());
            }
        }
        if let Ok(file) = parse(&bytes) {
            walk(&file);
        }
    }

    /// Noise behind a valid header.
    #[test]
    fn noise(tensors in 0u64..4, keys in 0u64..4, noise in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(file) = File::new(tensors, keys).raw(noise).parse() {
            walk(&file);
        }
    }
}
