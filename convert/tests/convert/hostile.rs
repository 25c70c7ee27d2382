//! Files that are not what they say: each must fail by its own code, quickly and without using memory for it.

use std::fs;

use ocelli_convert::{Options, convert};
use ocelli_quant::TensorType::F32;

use crate::seeds::keep;
use crate::tiny::*;

fn with_weights(bytes: &[u8], code: &str, parts: &[&str]) {
    let scratch = Scratch::new();
    Model::new().write(&scratch.0);
    keep("safetensors", bytes);
    fs::write(scratch.0.join("model.safetensors"), bytes).unwrap();
    let error = convert(&scratch.0, &scratch.0.join("o.gguf"), &Options::new(F32), &()).unwrap_err();
    check(&error, code, &[&["model.safetensors"], parts].concat());
}

#[test]
fn headers() {
    with_weights(b"1234", "safetensors_header_too_small", &["8 bytes", "has 4"]);
    with_weights(&(1u64 << 63).to_le_bytes(), "safetensors_header_too_large", &["9223372036854775808", "100000000"]);
    let mut long = 1000u64.to_le_bytes().to_vec();
    long.extend([b' '; 10]);
    with_weights(&long, "safetensors_invalid_header_length", &["1000 bytes", "10 remain"]);
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n";
    with_weights(pointer, "safetensors_lfs_pointer", &["fetch the real file"]);
    for header in
        ["[]", "{\"a\":", "{\"a\":1}", "\u{0}", "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,0]}}"]
    {
        with_weights(&safetensors(header, &[]), "safetensors_invalid_header", &[]);
    }
    let deep = format!("{{\"a\":{}", "[".repeat(100_000));
    with_weights(&safetensors(&deep, &[]), "safetensors_invalid_header", &[]);
    let dims = format!("{{\"a\":{{\"dtype\":\"F32\",\"shape\":[{}1],\"data_offsets\":[0,4]}}}}", "1,".repeat(100_000));
    with_weights(&safetensors(&dims, &[0; 4]), "safetensors_invalid_header", &["16 dimensions"]);
    let entry = |n| format!("\"{n}\":{{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}");
    let many: Vec<String> = (0..65_537).map(entry).collect();
    with_weights(
        &safetensors(&format!("{{{}}}", many.join(",")), &[]),
        "safetensors_invalid_header",
        &["65536 tensors"],
    );
}

#[test]
fn tables() {
    let one = |name: &str, dtype: &str, shape: &str, start: u64, end: u64| {
        format!("\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":{shape},\"data_offsets\":[{start},{end}]}}")
    };
    let table = |rows: &[String]| format!("{{{}}}", rows.join(","));
    let cases: &[(&str, Vec<String>, &str)] = &[
        ("safetensors_invalid_offset", vec![one("a", "F32", "[2]", 0, 8), one("b", "F32", "[2]", 4, 12)], "[4, 12]"),
        (
            "safetensors_invalid_offset",
            vec![one("a", "F32", "[2]", 0, 8), one("b", "F32", "[1]", 12, 16)],
            "start of 8",
        ),
        ("safetensors_invalid_offset", vec![one("a", "F32", "[0]", 8, 0)], "[8, 0]"),
        (
            "safetensors_invalid_offset",
            vec![one("a", "F32", "[4]", 0, 16), one("b", "F32", "[4]", 0, 16)],
            "start of 16",
        ),
        ("safetensors_tensor_invalid_info", vec![one("a", "F32", "[3]", 0, 16)], "12 bytes"),
        ("safetensors_validation_overflow", vec![one("a", "F32", "[4294967296,4294967296]", 0, 16)], "overflows"),
        ("safetensors_unknown_dtype", vec![one("a", "Q4_0", "[4]", 0, 16)], "'Q4_0'"),
        ("safetensors_duplicate_tensor", vec![one("a", "F32", "[2]", 0, 8), one("a", "F32", "[2]", 8, 16)], "'a'"),
        (
            "safetensors_incomplete_buffer",
            vec![one("a", "F32", "[8]", 0, 32)],
            "data of 32 bytes, the file has 16 bytes",
        ),
        ("safetensors_incomplete_buffer", vec![one("a", "F32", "[2]", 0, 8)], "data of 8 bytes, the file has 16 bytes"),
        ("unknown_tensors", vec![one("a", "F32", "[4]", 0, 16)], "a"),
    ];
    for (code, rows, part) in cases {
        let scratch = Scratch::new();
        Model::new().write(&scratch.0);
        let bytes = safetensors(&table(rows), &[0; 16]);
        keep("safetensors", &bytes);
        fs::write(scratch.0.join("model.safetensors"), bytes).unwrap();
        let error = convert(&scratch.0, &scratch.0.join("o.gguf"), &Options::new(F32), &()).unwrap_err();
        check(&error, code, &[part]);
    }
}

#[test]
fn every_truncation_of_a_real_file() {
    let scratch = Scratch::new();
    let model = Model::new();
    model.write(&scratch.0);
    let whole = fs::read(scratch.0.join("model.safetensors")).unwrap();
    let cuts = (0..64).chain((64..whole.len()).step_by(whole.len() / 200)).chain([whole.len() - 1]);
    for cut in cuts {
        fs::write(scratch.0.join("model.safetensors"), &whole[..cut]).unwrap();
        let error = convert(&scratch.0, &scratch.0.join("o.gguf"), &Options::new(F32), &()).unwrap_err();
        assert!(error.code().starts_with("safetensors_"), "{cut}: {error}");
    }
    assert!(scratch.names().iter().all(|name| !name.starts_with("o.gguf")));
}

#[test]
fn json() {
    let cases: [(&str, &str, &str); 8] = [
        ("json", "{", "EOF"),
        ("json", "[1, 2]", "expected an object"),
        ("json", "{\"a\": 1e400}", "out of range"),
        ("json", "{\"a\": NaN}", "NaN at line 1 column 7 is no number of JSON"),
        ("json", "{\n \"a\": [1, -Infinity]}", "-Infinity at line 2 column 12 is no number of JSON"),
        ("json", "{\"a\": Infinity}", "Infinity at line 1 column 7 is no number of JSON"),
        ("unknown_family", "{}", "''"),
        ("unknown_family", "\u{feff}{}", "''"),
    ];
    let fails = |content: &[u8], code: &str, part: &str| {
        let scratch = Scratch::new();
        Model::new().write(&scratch.0);
        fs::write(scratch.0.join("config.json"), content).unwrap();
        let error = convert(&scratch.0, &scratch.0.join("o.gguf"), &Options::new(F32), &()).unwrap_err();
        check(&error, code, &[part]);
    };
    for (code, content, part) in cases {
        fails(content.as_bytes(), code, part);
    }
    fails("[".repeat(100_000).as_bytes(), "json", "recursion limit");
    fails(b"{\"a\": \"\xff\"}", "json", "config.json");
    for (mark, unit) in [(&b"\xff\xfe"[..], [0, 1]), (b"\xfe\xff", [1, 0]), (b"", [0, 1]), (b"", [1, 0])] {
        let text = b"{}".iter().flat_map(|byte| unit.map(|zero| if zero == 1 { 0 } else { *byte }));
        let bytes: Vec<u8> = mark.iter().copied().chain(text).collect();
        fails(&bytes, "json", "the text is in UTF-16; JSON must be in UTF-8");
    }
    fails(&vec![b' '; (4 << 20) + 1], "json_too_large", "4194304");

    let told = |length: usize| {
        let mut model = Model::new();
        model.config["model_type"] = "x".repeat(length).into();
        model.error().to_string().len()
    };
    assert!(told(5_000) < told(1) + 300);
}

/// Each file with the mark, and all of them: the same bytes come out.
#[test]
fn files_behind_a_byte_order_mark_are_read_as_without() {
    let mut model = Model::new();
    model.files.insert("generation_config.json".to_owned(), "{\"max_new_tokens\": 7}".to_owned());
    model.files.insert("tokenizer_config.json".to_owned(), "{\"pad_token\": \"<pad>\"}".to_owned());
    model.files.insert("special_tokens_map.json".to_owned(), "{\"sep_token\": \"a\"}".to_owned());
    model.files.insert("added_tokens.json".to_owned(), "{\"<x>\": 12}".to_owned());
    let scratch = Scratch::new();
    model.write(&scratch.0);
    let converted = || {
        convert(&scratch.0, &scratch.0.join("o.gguf"), &Options::new(F32), &()).unwrap();
        fs::read(scratch.0.join("o.gguf")).unwrap()
    };
    let wanted = converted();
    let names: Vec<String> = scratch.names().into_iter().filter(|name| name.ends_with(".json")).collect();
    assert_eq!(names.len(), 7, "{names:?}");
    for name in names {
        let path = scratch.0.join(&name);
        let marked = [&b"\xef\xbb\xbf"[..], &fs::read(&path).unwrap()].concat();
        fs::write(path, marked).unwrap();
        assert!(converted() == wanted, "{name}");
    }
}
