//! `ocelli inspect`.

use crate::process::{bundled, file, ocelli};
use ocelli_engine::{Engine, SessionOptions};
use ocelli_quant::TensorType;
use ocelli_quant::gguf::Writer;
use std::sync::Arc;
use std::time::Instant;

#[test]
fn the_summary_has_the_facts() {
    let text = ocelli(&["inspect"]).ok();
    for word in
        ["family", "architecture", "parameters", "opt.block_count", "q8_0", "memory for the whole context", "total"]
    {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(!text.contains("tokenizer.ggml.tokens"), "{text}");
}

#[test]
fn json_has_everything() {
    let (_dir, path) = file("tiny.gguf", &bundled());
    let all = ocelli(&["inspect", &path, "--json"]).json();
    assert_eq!(all["file"], path.as_str());
    assert_eq!(all["bytes"], bundled().len());
    assert_eq!(all["version"], 3);
    assert_eq!(all["keys"]["general.architecture"], "opt");
    let tokens = &all["keys"]["tokenizer.ggml.tokens"];
    assert_eq!((&tokens["type"], tokens["first"].as_array().unwrap().len()), (&"string".into(), 8));
    let tensors = all["tensors"].as_array().unwrap();
    let first = &tensors[0];
    for name in ["name", "shape", "type", "offset", "bytes"] {
        assert!(!first[name].is_null(), "{name}: {first}");
    }
    let bytes: u64 = tensors.iter().map(|t| t["bytes"].as_u64().unwrap()).sum();
    let counted: u64 = all["types"].as_object().unwrap().values().map(|t| t["bytes"].as_u64().unwrap()).sum();
    assert_eq!(bytes, counted);
    let plan = &all["plan"];
    let sum: u64 =
        ["mapped", "cache", "scratch", "images", "tokenizer", "other"].iter().map(|k| plan[k].as_u64().unwrap()).sum();
    assert_eq!((sum, bundled().len() as u64), (plan["total"].as_u64().unwrap(), plan["mapped"].as_u64().unwrap()));
    let full = ocelli(&["inspect", &path, "--json", "--full"]).json();
    let tokens_in_full = full["keys"]["tokenizer.ggml.tokens"].as_array().unwrap();
    assert_eq!(tokens_in_full.len(), tokens["length"].as_u64().unwrap() as usize);
}

#[test]
fn the_plan_follows_the_options() {
    let cache = |more: &[&str]| {
        let mut args = vec!["inspect", "--json"];
        args.extend(more);
        ocelli(&args).json()["plan"]["cache"].as_u64().unwrap()
    };
    assert_eq!(cache(&["--context", "64"]) * 2, cache(&["--context", "128"]));
    assert!(cache(&["--beams", "4"]) > cache(&[]));
    ocelli(&["inspect", "--context", "99999999999"]).failed(2, "option");
}

#[test]
fn the_plan_is_for_a_thread_on_each_core() {
    let scratch = |threads: usize| {
        let model = Engine::new(threads).unwrap().open_bytes(Arc::new(bundled())).unwrap();
        model.plan(&SessionOptions::default()).unwrap().scratch
    };
    assert!(scratch(2) > scratch(1));
    assert_eq!(ocelli(&["inspect", "--json"]).json()["plan"]["scratch"].as_u64(), Some(scratch(0)));
}

#[test]
fn keys_and_tensors_have_a_line_each() {
    let json = ocelli(&["inspect", "--json"]).json();
    let keys = ocelli(&["inspect", "--keys"]).ok();
    assert_eq!(keys.lines().count(), json["keys"].as_object().unwrap().len());
    assert!(keys.contains("tokenizer.ggml.tokens = [") && keys.lines().all(|l| l.contains(" = ")), "{keys}");
    let tensors = ocelli(&["inspect", "--tensors"]).ok();
    assert_eq!(tensors.lines().count(), json["tensors"].as_array().unwrap().len());
}

/// A GGUF file that is sound and of no family this engine knows, with a hostile string in it.
fn foreign(weights: u64) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.set("general.architecture", "marigold").set("marigold.note", "\x1b[31mred\nlines");
    writer.tensor("blk.0.weight", &[32, weights], TensorType::F32);
    let mut body = writer.begin(Vec::new()).unwrap();
    for _ in 0..weights {
        body.write(&[1; 32 * 4]).unwrap();
    }
    body.finish().unwrap()
}

#[test]
fn an_unknown_family_is_shown_without_a_plan() {
    let (_dir, path) = file("foreign.gguf", &foreign(2));
    let text = ocelli(&["inspect", &path]).ok();
    assert!(text.contains("marigold") && text.contains("memory        unknown: ") && !text.contains('\x1b'), "{text}");
    let json = ocelli(&["inspect", &path, "--json"]).json();
    assert_eq!((&json["plan"]["error"], &json["family"]), (&"architecture".into(), &serde_json::Value::Null));
    assert_eq!(json["tensors"][0]["shape"], serde_json::json!([32, 2]));
    let err = ocelli(&["run", "-m", &path, "-p", "x"]).failed(1, "architecture");
    assert!(err.contains("ocelli inspect"), "{err}");
}

#[test]
fn weights_are_not_read() {
    let small = foreign(2);
    let (_dir, path) = file("large.gguf", &small);
    // 4 GB that are not on the disk: a header that declares them, and a hole.
    let rows: u64 = 1 << 25;
    let mut writer = Writer::new();
    writer.set("general.architecture", "marigold").tensor("blk.0.weight", &[32, rows], TensorType::F32);
    let total = writer.total_bytes().unwrap();
    let mut header = Vec::new();
    drop(writer.begin(&mut header).unwrap());
    std::fs::write(&path, header).unwrap();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(total).unwrap();
    let start = Instant::now();
    let text = ocelli(&["inspect", &path]).ok();
    let took = start.elapsed();
    assert!(text.contains("4.00 GiB"), "{text}");
    assert!(took.as_millis() < 2000, "{took:?}");
}

#[test]
fn files_that_are_no_models_are_named() {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3000000000\n";
    for (name, content, code) in [
        ("page.gguf", &b"<!DOCTYPE html><html>not here</html>"[..], "not-gguf"),
        ("pointer.gguf", pointer.as_bytes(), "lfs-pointer"),
        ("cut.gguf", &bundled()[..500_000], "truncated"),
        ("short.gguf", &bundled()[..10], "truncated-header"),
        ("empty.gguf", b"", "truncated-header"),
        ("model.onnx", b"\x08\x08\x12\x07pytorch", "not-gguf"),
        ("sha256-0", b"{\"mediaType\":\"application/vnd.docker.distribution.manifest.v2+json\"}", "not-gguf"),
    ] {
        let (_dir, path) = file(name, content);
        for format in [&[][..], &["--json"]] {
            let mut args = vec!["inspect", &path];
            args.extend(format);
            let err = ocelli(&args).failed(1, code);
            assert!(err.contains(name), "{err}");
        }
    }
    ocelli(&["inspect", "/nowhere.gguf"]).failed(1, "open");
    ocelli(&["inspect", env!("CARGO_MANIFEST_DIR")]).failed(1, "open");
}
