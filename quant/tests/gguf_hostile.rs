//! The inputs that broke other readers of GGUF, each refused with its own code and with the numbers in the message.
//!
//! Names of the tests carry the row of the fault list they come from.

#![allow(clippy::unwrap_used)]

mod file_builder;

use file_builder::{ARRAY, BOOL, F32, File, I32, Q4_0, Q4_K, STR, U8, U32, U64};

fn raw(bytes: impl AsRef<[u8]>) -> File {
    File::default().raw(bytes)
}

#[test]
fn g01_header_cut() {
    raw("").refused("truncated-header", &["need 24", "have 0"]);
    raw("GG").refused("truncated-header", &["need 24", "have 2"]);
    raw("GGUF").refused("truncated-header", &["need 24", "have 4"]);
    for len in 8..24 {
        let header = File(File::new(0, 0).0[..len].to_vec());
        header.refused("truncated-header", &["need 24", &format!("have {len}")]);
    }
    assert!(File::new(0, 0).parse().is_ok());
}

#[test]
fn g02_something_else() {
    raw("<!DOCTYPE html><html>").refused("not-gguf", &["HTML", "3c 21 44 4f", "47 47 55 46"]);
    raw("\n  <html lang=en>").refused("not-gguf", &["HTML"]);
    raw("{\"error\": \"not found\"}").refused("not-gguf", &["JSON"]);
    raw("PK\x03\x04rest of a zip").refused("not-gguf", &["zip", "PyTorch"]);
    raw("\x10\0\0\0\0\0\0\0{\"w\":{}}").refused("not-gguf", &["safetensors"]);
    raw([0x80, 2, 0x8a, 10]).refused("not-gguf", &["pickle"]);
    raw([0x1f, 0x8b, 8, 0]).refused("not-gguf", &["compressed"]);
    raw("tjgg\x03\0\0\0").refused("not-gguf", &["before GGUF"]);
    raw([0; 200]).refused("not-gguf", &["zeros"]);
    raw(b"\x08\x08\x12\x07pytorch").refused("not-gguf", &["ONNX", "take the checkpoint"]);
    raw(b"\x1c\0\0\0TFL3").refused("not-gguf", &["TensorFlow Lite"]);
    raw(b"\x20\0\0\0ET12").refused("not-gguf", &["ExecuTorch"]);
    raw("MZqFpD='\n\n").refused("not-gguf", &["llamafile", "unzip"]);
    raw("LITERTLM\x01").refused("not-gguf", &["LiteRT-LM"]);
    let named = |name: &str| {
        let mut zip = b"PK\x03\x04".to_vec();
        zip.resize(26, 0);
        zip.extend([u8::try_from(name.len()).unwrap(), 0, 0, 0]);
        zip.extend(name.as_bytes());
        raw(zip)
    };
    named("weights.npy").refused("not-gguf", &[".npz"]);
    named("TF_LITE_PREFILL_DECODE").refused("not-gguf", &[".task"]);
    named("archive/data.pkl").refused("not-gguf", &["PyTorch"]);
    let manifest = "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.docker.distribution.manifest.v2+json\"}";
    raw(manifest).refused("not-gguf", &["Ollama manifest", "application/vnd.ollama.image.model"]);
    raw("FROM llama3.2\nPARAMETER temperature 1").refused("not-gguf", &["Modelfile"]);
    raw(b"\x89HDF\r\n\x1a\n").refused("not-gguf", &["HDF5"]);
    raw(b"\x89PNG\r\n\x1a\n").refused("not-gguf", &["picture"]);
    let mut tar = vec![b'm'; 257];
    tar.extend(b"ustar\x0000");
    raw(tar).refused("not-gguf", &["tar archive"]);
    raw("ggml!").refused("not-gguf", &["not recognised"]);
    raw("x").refused("not-gguf", &["found 78"]);
}

#[test]
fn g03_git_lfs_pointer() {
    let pointer = "version https://git-lfs.github.com/spec/v1\n\
                   oid sha256:4665d6e0c6d6e0c6d6e0c6d6e0c6d6e0c6d6e0c6d6e0c6d6e0c6d6e0c6d6e0c6\n\
                   size 7365960935\n";
    let len = pointer.len();
    raw(pointer).refused("lfs-pointer", &["LFS", "7365960935", &len.to_string()]);
    raw("version https://git-lfs.github.com/spec/v1\nsize x").refused("lfs-pointer", &["LFS"]);
}

#[test]
fn g04_string_length() {
    for length in [1u64 << 63, u64::MAX, 5] {
        let file = File::new(0, 1).u64(length).zeros(4);
        assert_eq!(file.len(), 36);
        file.refused("string-length", &[&length.to_string(), "the 4 bytes", "offset 24", "key 0"]);
    }
    let value = File::new(0, 1).text("a").u32(STR).u64(u64::MAX);
    value.refused("string-length", &["'a'", "offset 37", "the 0 bytes"]);
    let element = File::new(0, 1).array("a", STR, 2).text("ok").u64(1 << 62).zeros(8);
    element.refused("string-length", &["element 1 of key 'a'", &(1u64 << 62).to_string()]);
    let name = File::new(1, 0).u64(u64::MAX - 7).zeros(24);
    name.refused("string-length", &["name of tensor 0", "the 24 bytes"]);
}

#[test]
fn g05_version() {
    File::version(1, 0, 0).refused("version", &["version 1", "2 or 3"]);
    raw("GGUF\x01\0\0\0").refused("version", &["version 1"]);
    for version in [0, 4, 99, 0x0001_0003] {
        File::version(version, 0, 0).refused("version", &[&version.to_string()]);
    }
    assert_eq!(File::version(2, 0, 0).parse().unwrap().version(), 2);
}

#[test]
fn g06_array_length() {
    for count in [u64::MAX, 0x4000_0000, 1 << 61] {
        let file = File::new(0, 1).array("k", U8, count);
        assert_eq!(file.len(), 49);
        file.refused("array-length", &["'k'", &count.to_string(), "0 remain", "offset 41"]);
    }
    // Eight times this count wraps to 8.
    let count = (1u64 << 61) + 1;
    let file = File::new(0, 1).array("k", U64, count).zeros(8);
    file.refused(
        "array-length",
        &["9223372036854775816", "18446744073709551624", "8 remain"]
            .map(|number| if number.starts_with('9') { "2305843009213693953" } else { number }),
    );
    File::new(0, 1).array("k", STR, 3).zeros(23).refused("array-length", &["24 bytes", "23 remain"]);
}

#[test]
fn g07_g08_counts() {
    let max = u64::MAX.to_string();
    File::new(u64::MAX, 0).refused("tensor-count", &[&max, "442721857769029238760", "0 remain"]);
    File::new(u64::MAX / 400, 0).zeros(30).refused("tensor-count", &["30 remain"]);
    File::new(0, 1 << 60).refused("key-count", &[&(1u64 << 60).to_string(), "0 remain"]);
    File::new(0, u64::MAX).zeros(100).refused("key-count", &[&max, "100 remain"]);
    File::new(2, 0).zeros(47).refused("tensor-count", &["2 tensors", "48 bytes", "47 remain"]);
}

#[test]
fn g09_remaining_bytes_before_limits() {
    let gib = 1u64 << 30;
    let file = File::new(0, 1).text("tokenizer.chat_template").u32(STR).u64(gib).zeros(60);
    file.refused("string-length", &[&gib.to_string(), "the 60 bytes"]);
}

#[test]
fn g10_g11_alignment() {
    for value in [0u32, 1, 2, 3, 4, 13, 24, 1 << 17, 1 << 30, 1 << 31, u32::MAX] {
        let file = File::new(0, 1).key("general.alignment", U32, value.to_le_bytes());
        file.refused("alignment", &[&value.to_string(), "8", "65536"]);
    }
    for value in [8u32, 64, 65_536] {
        let file = File::new(0, 1).key("general.alignment", U32, value.to_le_bytes());
        assert_eq!(file.parse().unwrap().alignment(), u64::from(value));
    }
}

#[test]
fn g12_alignment_type() {
    let key = "general.alignment";
    for (ty, payload, name) in [
        (I32, vec![32, 0, 0, 0], "i32"),
        (U8, vec![32], "u8"),
        (U64, vec![32, 0, 0, 0, 0, 0, 0, 0], "u64"),
        (STR, vec![2, 0, 0, 0, 0, 0, 0, 0, b'3', b'2'], "string"),
        (ARRAY, vec![4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0, 0], "array of u32"),
    ] {
        File::new(0, 1).key(key, ty, payload).refused("alignment-type", &[name, "expected u32"]);
    }
}

#[test]
fn g13_zero_elements() {
    for shape in [&[0][..], &[8, 0], &[0, 8], &[8, 1, 1, 0]] {
        let file = File::new(1, 0).tensor("w", shape, F32, 0).pad().zeros(64);
        let dim = shape.iter().position(|&dim| dim == 0).unwrap();
        file.refused("zero-dim", &["'w'", &format!("dimension {dim}"), &format!("{shape:?}")]);
    }
}

#[test]
fn g14_dimensions() {
    for dims in [5, 255, u32::MAX] {
        let file = File::new(1, 0).text("w").u32(dims).zeros(64);
        file.refused("dims", &["'w'", &dims.to_string(), "at most 4", "offset 33"]);
    }
}

#[test]
fn g15_g17_tensor_larger_than_the_file() {
    let dim = (1u64 << 42) + 1;
    let file = File::new(2, 0).tensor("a", &[256, dim], F32, 0).tensor("b", &[8], F32, 1024).pad().zeros(1056);
    let bytes = (dim * 1024).to_string();
    file.refused("out-of-file", &["'a'", &bytes, &file.len().to_string()]);
    let alone = File::new(1, 0).tensor("a", &[256, dim], F32, 0).pad().zeros(1024);
    alone.refused("truncated", &["'a'", &bytes, &alone.len().to_string()]);
    // Times 18 this wraps to 64: the bytes must come from the block count.
    let elements = 5_124_095_576_030_431_008u64;
    let file = File::new(1, 0).tensor("q", &[elements], Q4_0, 0).pad().zeros(64);
    file.refused("truncated", &["'q'", &(elements / 32 * 18).to_string()]);
}

#[test]
fn g16_element_count() {
    for shape in [&[i64::MAX as u64, 2][..], &[1 << 32, 1 << 32], &[1 << 16; 4], &[u64::MAX]] {
        let file = File::new(1, 0).tensor("w", shape, F32, 0).pad();
        file.refused("size-overflow", &["'w'", &format!("{shape:?}"), "9223372036854775807"]);
    }
}

#[test]
fn g18_total_size() {
    // 2^64 - 4 bytes: the size is representable, its padding is not.
    let file = File::new(1, 0).tensor("w", &[u64::MAX / 4], F32, 0).pad();
    file.refused("size-overflow", &["'w'", &u64::MAX.to_string()]);
    // Two halves of the address space: each fits, both together with the header do not.
    let half = 0x1FFF_FFFF_FFFF_FFF8u64;
    for second in [half, half + 8] {
        let file = File::new(2, 0).tensor("a", &[half], F32, 0).tensor("b", &[second], F32, half * 4).pad();
        file.refused("size-overflow", &["'b'", "the end of the data"]);
    }
}

#[test]
fn g20_tensor_past_the_end() {
    let file = File::new(1, 0).tensor("w", &[8], F32, 4096).pad().zeros(32);
    let start = file.len() - 32;
    let span = format!("[{}, {})", start + 4096, start + 4128);
    let data = format!("[{start}, {})", file.len());
    file.refused("out-of-file", &["'w'", &span, &data]);
}

#[test]
fn g21_data_cut() {
    let whole = File::new(2, 0).tensor("a", &[8, 100], F32, 0).tensor("b", &[8, 100], F32, 3200).pad().zeros(6400);
    assert!(whole.parse().is_ok());
    let full = whole.len();
    for (len, first) in [(full - 1, "'b'"), (full - 3200, "'b'"), (full - 3201, "'a'"), (full - 6400, "'a'")] {
        let cut = File(whole.0[..len].to_vec());
        cut.refused("truncated", &[first, &format!("expected {full}"), &format!("found {len}"), "3200"]);
    }
    let unpadded = File::new(1, 0).tensor("a", &[1], F32, 0).pad().zeros(4);
    let len = unpadded.len();
    unpadded.refused("truncated", &["padding", &(len + 28).to_string(), &len.to_string()]);
}

#[test]
fn g22_duplicates() {
    let keys = File::new(0, 2).key("a", U8, [1]).key("a", U8, [1]);
    keys.refused("duplicate-key", &["'a'", "key 1", "key 0", "offset 38"]);
    let tensors = File::new(2, 0).tensor("w", &[8], F32, 0).tensor("w", &[8], F32, 32).pad().zeros(64);
    tensors.refused("duplicate-tensor", &["'w'", "tensor 1", "tensor 0", "offset 57"]);
}

#[test]
fn g25_nested_arrays() {
    for depth in [1, 256, 100_000] {
        let mut file = File::new(0, 1).text("k").u32(ARRAY);
        for _ in 0..depth {
            file = file.u32(ARRAY).u64(1);
        }
        file.u32(U8).u64(1).zeros(1).refused("nested-array", &["'k'", "offset 37"]);
    }
}

#[test]
fn g27_bools_and_names() {
    File::new(0, 1).key("a", BOOL, [2]).refused("bad-bool", &["'a'", "byte 2", "offset 37"]);
    let bools = File::new(0, 1).array("a", BOOL, 3).raw([0, 1, 255]);
    bools.refused("bad-bool", &["'a'", "byte 255", "offset 51"]);

    let long = "k".repeat(65_536);
    File::new(0, 1).key(&long, U8, [1]).refused("bad-name", &["key 0", "65536", "65535"]);
    assert!(File::new(0, 1).key(&long[1..], U8, [1]).parse().is_ok());
    File::new(0, 1).key("", U8, [1]).refused("bad-name", &["key 0", "at least 1", "0"]);
    File::new(0, 1).key("a\0b", U8, [1]).refused("bad-name", &["byte 1", "0x00", "offset 32"]);
    File::new(0, 1).key("clé", U8, [1]).refused("bad-name", &["ASCII", "0xc3"]);
    File::new(0, 1).key("a\x1b[31m", U8, [1]).refused("bad-name", &["0x1b"]);

    let tensor = |name: &str| File::new(1, 0).tensor(name, &[8], F32, 0).pad().zeros(32);
    tensor(&"n".repeat(64)).refused("bad-name", &["tensor 0", "64", "63"]);
    assert!(tensor(&"n".repeat(63)).parse().is_ok());
    tensor("").refused("bad-name", &["tensor 0", "at least 1"]);
    tensor("a\nb").refused("bad-name", &["byte 1", "0x0a"]);
}

#[test]
fn text_that_is_not_utf8() {
    let value = File::new(0, 1).text("a").u32(STR).text(b"ok\xff\xfe");
    value.refused("bad-utf8", &["'a'", "2 of 4", "offset 45"]);
    let element = File::new(0, 1).array("a", STR, 2).text("ok").text([0xc3]);
    element.refused("bad-utf8", &["element 1", "0 of 1"]);
    let name = File::new(1, 0).tensor([b'w', 0x80], &[8], F32, 0).pad().zeros(32);
    name.refused("bad-utf8", &["tensor 0", "1 of 2"]);
}

#[test]
fn unknown_value_types() {
    for id in [13, 255, u32::MAX] {
        let id_text = id.to_string();
        File::new(0, 1).key("a", id, [0; 8]).refused("value-type", &["'a'", &id_text, "offset 33"]);
        let array = File::new(0, 1).array("a", id, 1).zeros(8);
        array.refused("value-type", &["'a'", &id_text, "offset 37"]);
    }
}

#[test]
fn g28_tensor_types() {
    let tensor = |id| File::new(1, 0).tensor("w", &[256], id, 0).pad().zeros(2048);
    for id in [4, 5, 31, 32, 33, 36, 37, 38, 43, 99, 1 << 31, u32::MAX] {
        tensor(id).refused("unknown-type", &["'w'", &format!("type {id}"), "offset 45"]);
    }
    tensor(4).refused("unknown-type", &["removed"]);
    for (id, name) in
        [(9, "q8_1"), (15, "q8_k"), (16, "iq2_xxs"), (24, "i8"), (28, "f64"), (34, "tq1_0"), (39, "mxfp4")]
    {
        tensor(id).refused("unsupported-type", &["'w'", name, &id.to_string(), "q4_k"]);
    }
    for id in [0, 1, 2, 3, 6, 7, 8, 10, 11, 12, 13, 14, 20, 23, 30] {
        assert!(tensor(id).parse().is_ok(), "{id}");
    }
}

#[test]
fn g29_ragged_rows() {
    let tensor = |shape: &[u64], ty| File::new(1, 0).tensor("w", shape, ty, 0).pad().zeros(4096);
    tensor(&[33], Q4_0).refused("ragged-row", &["'w'", "33", "32"]);
    tensor(&[32, 8], Q4_K).refused("ragged-row", &["'w'", "32 elements", "256"]);
    tensor(&[], Q4_0).refused("ragged-row", &["1 elements"]);
}

#[test]
fn g30_offsets() {
    let two =
        |a: u64, b: u64| File::new(2, 0).tensor("a", &[8, 4], F32, a).tensor("b", &[8, 4], F32, b).pad().zeros(1024);
    assert!(two(0, 128).parse().is_ok());
    two(0, 0).refused("overlap", &["'b'", "offset 0", "expected 128"]);
    two(0, 96).refused("overlap", &["'b'", "offset 96", "expected 128"]);
    two(1, 128).refused("misaligned", &["'a'", "offset 1", "32"]);
    two(0, 129).refused("misaligned", &["'b'", "offset 129", "32"]);
    two(0, 160).refused("gap", &["'b'", "offset 160", "expected 128"]);
    two(128, 0).refused("gap", &["'a'", "offset 128", "expected 0"]);
    two(0, u64::MAX - 31).refused("out-of-file", &["'b'", "18446744073709551"]);
}

#[test]
fn g31_split_files() {
    let shard = |no: u16, count: u16| {
        File::new(0, 2).key("split.no", 2, no.to_le_bytes()).key("split.count", 2, count.to_le_bytes())
    };
    shard(1, 3).refused("split-file", &["file 2", "into 3", "path of its first file"]);
    assert!(shard(0, 1).parse().is_ok());
    assert!(shard(0, 0).parse().is_ok());
    let odd = File::new(0, 1).key("split.count", STR, 3u64.to_le_bytes()).raw("two");
    odd.refused("wrong-type", &["split.count", "string"]);
    File::new(0, 1).key("split.count", U8, [2]).refused("split-file", &["into 2"]);
    shard(0, u16::MAX).refused("limit", &["files of a split model", "65535", "1024"]);
}

#[test]
fn g32_big_endian() {
    let swapped = File(b"GGUF\0\0\0\x03".to_vec()).zeros(16);
    swapped.refused("big-endian", &["0x03000000", "expected 2 or 3", "convert"]);
    raw("GGUF\0\0\0\x02").refused("big-endian", &["0x02000000"]);
}

#[test]
fn fixed_fields_cut() {
    File::new(0, 1).text("abcd").refused("truncated-field", &["type of key 'abcd'", "need 4", "0 remain"]);
    let value = File::new(0, 1).key("a", U64, [0; 5]);
    value.refused("truncated-field", &["value of key 'a'", "need 8", "5 remain"]);
    let info = File::new(1, 0).text("name of a tensor").u32(4).u64(1);
    info.refused("truncated-field", &["tensor 'name of a tensor'", "need 32", "8 remain"]);
}

#[test]
fn long_names_are_cut_in_messages() {
    let key = "k".repeat(60_000);
    let error = File::new(0, 2).key(&key, U8, [1]).key(&key, U8, [1]).parse().unwrap_err();
    assert_eq!(error.code(), "duplicate-key");
    let message = error.to_string();
    assert!(message.len() < 300 && message.contains("60000 bytes"), "{message}");
}
