//! Which tensors a checkpoint may have, must have and must not have.

use std::fs;

use ocelli_convert::{Options, convert};
use ocelli_quant::TensorType::{F32, Q8_0};
use serde_json::json;

use crate::tiny::*;

#[test]
fn shards_give_the_same_bytes() {
    let (single, sharded) = (Scratch::new(), Scratch::new());
    let model = Model::new();
    model.write(&single.0);
    model.write_sharded(&sharded.0, 3);
    let convert = |scratch: &Scratch| {
        let out = scratch.0.join("out.gguf");
        convert(&scratch.0, &out, &Options::new(Q8_0), &()).unwrap();
        fs::read(out).unwrap()
    };
    let first = convert(&single);
    assert_eq!(first, convert(&sharded));
    fs::remove_file(single.0.join("out.gguf")).unwrap();
    assert_eq!(first, convert(&single));
}

#[cfg(unix)]
#[test]
fn shards_may_be_links_as_in_the_hubs_cache() {
    let (blobs, snapshot) = (Scratch::new(), Scratch::new());
    Model::new().write_sharded(&blobs.0, 2);
    for name in blobs.names() {
        std::os::unix::fs::symlink(blobs.0.join(&name), snapshot.0.join(&name)).unwrap();
    }
    assert!(convert(&snapshot.0, &snapshot.0.join("out.gguf"), &Options::new(F32), &()).is_ok());
}

#[test]
fn unknown_and_missing_tensors_are_all_listed() {
    let mut model = Model::new();
    model.add("language_model.model.decoder.layers.2.fc1.weight", &[FFN, WIDTH]);
    model.add("mystery", &[1]);
    model.add("qformer.encoder.layer.1.crossattention.attention.key.bias", &[BRIDGE]);
    model.fails("unknown_tensors", &["3 unknown", "blip2", "layers.2.fc1.weight", "mystery", "layer.1.crossattention"]);

    let mut model = Model::new();
    model.tensors.remove("query_tokens");
    model.tensors.remove("vision_model.encoder.layers.0.self_attn.qkv.bias");
    model.fails("missing_tensors", &["2 tensors", "query_tokens", "self_attn.qkv.bias"]);
}

#[test]
fn shapes_must_be_the_configurations() {
    let mut model = Model::new();
    model.add("language_projection.weight", &[WIDTH, BRIDGE + 1]);
    model.fails("shape", &["'language_projection.weight'", "[32, 49]", "[32, 48]"]);

    // A transposed matrix has the right number of elements and is still wrong.
    let mut model = Model::new();
    model.add("language_model.model.decoder.layers.0.fc1.weight", &[WIDTH, FFN]);
    model.fails("shape", &["[32, 64]", "[64, 32]"]);
}

#[test]
fn parts_that_are_not_needed_are_skipped_and_reported() {
    let mut model = Model::new();
    let extra = [
        "embeddings.position_ids",
        "qformer.embeddings.word_embeddings.weight",
        "qformer.encoder.layer.0.intermediate.dense.weight",
        "qformer.encoder.layer.0.output.LayerNorm.bias",
        "vision_model.embeddings.position_ids",
    ];
    for name in extra {
        model.add(name, &[2, 3]);
    }
    let (_, report) = model.convert_as(F32).unwrap();
    assert_eq!(report.skipped, extra);
}

#[test]
fn other_prefixes_are_read_where_they_explain_everything() {
    let plain = Model::new();
    let (expected, _) = plain.convert_as(F32).unwrap();
    let renames: [fn(&str) -> String; 2] = [
        |name| format!("model.{name}"),
        |name| format!("model.{}", name.replace("language_model.model.decoder", "language_model.decoder")),
    ];
    for rename in renames {
        let mut model = plain.clone();
        model.tensors = plain.tensors.iter().map(|(name, tensor)| (rename(name), tensor.clone())).collect();
        let head = plain.tensors["language_model.model.decoder.embed_tokens.weight"].clone();
        model.tensors.insert("lm_head.weight".to_owned(), head);
        let (file, report) = model.convert_as(F32).unwrap();
        assert_eq!(file.tensors().len(), expected.tensors().len());
        assert_eq!(report.notes.len(), 1);
        model.add("model.mystery", &[1]);
        model.fails("unknown_tensors", &["model.mystery"]);
    }
}

#[test]
fn weights_of_other_types_are_refused() {
    let scratch = Scratch::new();
    let model = Model::new();
    model.write(&scratch.0);
    let bytes = fs::read(scratch.0.join("model.safetensors")).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let (header, data) = bytes[8..].split_at(length);
    let header = String::from_utf8(header.to_vec()).unwrap();
    let header = header.replacen("\"dtype\":\"F32\"", "\"dtype\":\"I32\"", 1);
    fs::write(scratch.0.join("model.safetensors"), safetensors(&header, data)).unwrap();
    let error = convert(&scratch.0, &scratch.0.join("o.gguf"), &Options::new(F32), &()).unwrap_err();
    check(&error, "dtype", &["I32", "BF16"]);
}

#[test]
fn files_that_are_missing_are_named() {
    let scratch = Scratch::new();
    let convert = || convert(&scratch.0, &scratch.0.join("o.gguf"), &Options::new(F32), &()).unwrap_err();
    check(&convert(), "file_missing", &["config.json"]);
    let model = Model::new();
    model.write(&scratch.0);
    fs::remove_file(scratch.0.join("model.safetensors")).unwrap();
    check(&convert(), "file_missing", &["model.safetensors or pytorch_model.bin"]);

    model.write_sharded(&scratch.0, 2);
    fs::remove_file(scratch.0.join("model-00002-of-00002.safetensors")).unwrap();
    check(&convert(), "read", &["model-00002-of-00002.safetensors", "open"]);
}

#[test]
fn indexes_are_held_to_their_word() {
    let scratch = Scratch::new();
    let model = Model::new();
    let index = scratch.0.join("model.safetensors.index.json");
    let convert = |map: serde_json::Value| {
        fs::write(&index, json!({"weight_map": map}).to_string()).unwrap();
        convert(&scratch.0, &scratch.0.join("o.gguf"), &Options::new(F32), &()).unwrap_err()
    };
    model.write_sharded(&scratch.0, 2);
    let one = "model-00001-of-00002.safetensors";
    for path in ["../../etc/passwd", "/etc/passwd", "a/../../b.safetensors", "..", "", "C:\\x.safetensors"] {
        check(&convert(json!({"a": path, "b": one})), "shard_path", &["leaves the model directory"]);
    }
    check(&convert(json!({})), "json", &["0 tensors"]);
    check(&convert(json!({"a": 3})), "json", &["model.safetensors.index.json"]);
    check(&convert(json!({"a": "x.bin"})), "read", &["x.bin"]);
    check(&convert(json!({"made_up": one})), "index_mismatch", &["made_up"]);
    fs::copy(scratch.0.join(one), scratch.0.join("copy.safetensors")).unwrap();
    check(&convert(json!({"a": one, "b": "copy.safetensors"})), "duplicate_tensor", &[one, "copy.safetensors"]);
}
