//! Weights in other types than the usual: f64 is read, and what is quantised already is refused by what it is.

use std::fs;

use ocelli_convert::{ConvertError, Options, convert};
use ocelli_quant::TensorType::{F16, F32};
use serde_json::json;

use crate::tiny::*;

const WEIGHT: &str = "language_projection.weight";

#[test]
fn doubles_are_rounded_to_the_nearest_float_and_counted() {
    let single = Model::new();
    let double = Model { store: Store::F64, ..Model::new() };
    for ty in [F32, F16] {
        let ((wanted, _), (file, report)) = (single.convert_as(ty).unwrap(), double.convert_as(ty).unwrap());
        for (a, b) in wanted.tensors().iter().zip(file.tensors()) {
            assert!(wanted.data(a) == file.data(b), "{}", a.name);
        }
        let note = "tensors are stored as F64 and were rounded to f32 first";
        assert_eq!(report.notes.iter().filter(|line| line.ends_with(note)).count(), 1, "{:?}", report.notes);
    }
    // Halfway and beyond: numpy's float32(x).
    let numbers = [1.0 + 2f64.powi(-24), 1.0 + 3.0 * 2f64.powi(-24), 0.1, 1e-50, -2f64.powi(-149), f64::NEG_INFINITY];
    let (file, _) = written(&double, &numbers).unwrap();
    let wanted = [1.0, 1.000_000_2, 0.1, 0.0, -1e-45, f32::NEG_INFINITY];
    assert_eq!(decode(&file, "mm.projector.weight")[..6], wanted);
    let error = written(&double, &[1e300]).unwrap_err();
    check(&error, "too_large", &[WEIGHT, "1e300", "3.4028235e38"]);
}

/// A conversion of the model with other numbers at the beginning of one tensor.
fn written(model: &Model, numbers: &[f64]) -> Result<(ocelli_quant::gguf::Gguf, ocelli_convert::Report), ConvertError> {
    let scratch = Scratch::new();
    model.write(&scratch.0);
    let path = scratch.0.join("model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let start = 8 + length + header[WEIGHT]["data_offsets"][0].as_u64().unwrap() as usize;
    for (number, to) in numbers.iter().zip(bytes[start..].chunks_exact_mut(8)) {
        to.copy_from_slice(&number.to_le_bytes());
    }
    fs::write(path, bytes).unwrap();
    let out = scratch.0.join("o.gguf");
    let report = convert(&scratch.0, &out, &Options::new(F32), &())?;
    Ok((parse(&out), report))
}

/// The error of a checkpoint where one weight gives way to tensors of these names, types and bytes an element.
fn refused(tensors: &[(&str, &str, usize)], words: &[&str]) {
    let (mut model, scratch) = (Model::new(), Scratch::new());
    let shape = model.tensors[WEIGHT].shape.clone();
    model.tensors.remove(WEIGHT);
    model.write(&scratch.0);
    let path = scratch.0.join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let mut data = bytes[8 + length..].to_vec();
    for (name, dtype, size) in tensors {
        let start = data.len();
        data.resize(start + shape.iter().product::<u64>() as usize * size, 0);
        let name = name.replace("{}", "language_projection");
        header[name] = json!({"dtype": dtype, "shape": shape, "data_offsets": [start, data.len()]});
    }
    fs::write(path, safetensors(&header.to_string(), &data)).unwrap();
    let error = convert(&scratch.0, &scratch.0.join("o.gguf"), &Options::new(F32), &()).unwrap_err();
    check(&error, "quantised", words);
}

#[test]
fn what_is_quantised_already_is_refused_by_its_form() {
    let scaled = "{}.weight_scale_inv";
    refused(&[("{}.weight", "F8_E4M3", 1), (scaled, "F32", 4)], &["'language_projection.weight'", "F8_E4M3", "fp8"]);
    refused(&[("{}.weight", "F8_E5M2", 1), ("{}.weight_scale", "BF16", 2)], &["F8_E5M2", "fp8"]);
    refused(&[("{}.weight", "F8_E4M3FNUZ", 1)], &["F8_E4M3FNUZ", "fp8"]);
    refused(&[("{}.weight", "I8", 1)], &["language_projection.weight", "I8", "int8"]);
    refused(&[("{}.weight", "I8", 1), ("{}.weight_scale", "BF16", 2)], &["language_projection.weight_scale", "scaled"]);
    refused(&[("{}.weight", "I8", 1), ("{}.SCB", "F32", 4)], &["language_projection.SCB", "bitsandbytes, int8"]);
    let four =
        [("{}.weight", "U8", 1), ("{}.weight.absmax", "U8", 1), ("{}.weight.quant_state.bitsandbytes__nf4", "U8", 1)];
    refused(&four, &["bitsandbytes, nf4", "U8"]);
    refused(&[("{}.qweight", "I32", 4), ("{}.g_idx", "I32", 4), ("{}.scales", "F16", 2)], &["GPTQ)", "g_idx", "I32"]);
    refused(&[("{}.qweight", "I32", 4), ("{}.qzeros", "I32", 4), ("{}.scales", "F16", 2)], &["GPTQ or AWQ"]);
    refused(&[("{}.weight_packed", "I32", 4), ("{}.weight_scale", "F16", 2)], &["compressed-tensors"]);
    refused(&[("{}_blocks", "U8", 1), ("{}_scales", "U8", 1)], &["mxfp4", "language_projection_blocks"]);
    refused(
        &[("{}.weight", "U32", 4), ("{}.scales", "F16", 2), ("{}.biases", "F16", 2)],
        &["MLX", "language_projection.biases"],
    );
    refused(&[("{}.weight", "U32", 4), ("{}.scales", "U8", 1)], &["MLX", "language_projection.scales"]);
}

/// MLX says so in the configuration of what it quantised, and stores convolutions otherwise than all others.
#[test]
fn what_mlx_wrote_is_named() {
    let mut model = Model::new();
    model.config["quantization"] = json!({"group_size": 64, "bits": 4});
    model.fails("unknown_settings", &["quantization", "MLX", "convert the checkpoint that they were made of"]);
    let scratch = Scratch::new();
    Model::new().write(&scratch.0);
    let path = scratch.0.join("model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(4).position(|part| part == b"\"pt\"").unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    bytes[..8].copy_from_slice(&(length + 1).to_le_bytes());
    bytes.splice(at..at + 4, *b"\"mlx\"");
    fs::write(&path, &bytes).unwrap();
    let error = convert(&scratch.0, &scratch.0.join("o.gguf"), &Options::new(F32), &()).unwrap_err();
    check(&error, "safetensors_mlx", &["channels last", "vision_model.embeddings.patch_embedding.weight", "MLX"]);
}

#[test]
fn prefixes_of_training_are_dropped_where_all_names_have_them() {
    let model = Model::new();
    let (wanted, _) = model.convert_as(F32).unwrap();
    for prefix in ["_orig_mod.", "module.", "_orig_mod.module."] {
        let mut other = model.clone();
        other.tensors = model.tensors.iter().map(|(name, t)| (format!("{prefix}{name}"), t.clone())).collect();
        for shards in [1, 3] {
            let scratch = Scratch::new();
            if shards > 1 {
                other.write_sharded(&scratch.0, shards)
            } else {
                other.write(&scratch.0)
            }
            let out = scratch.0.join("o.gguf");
            let report = convert(&scratch.0, &out, &Options::new(F32), &()).unwrap();
            assert!(parse(&out).tensors() == wanted.tensors());
            let dropped = report.notes.iter().filter(|note| note.contains("was dropped from the tensors' names"));
            assert_eq!(dropped.count(), prefix.matches('.').count(), "{:?}", report.notes);
        }
    }
    let mut some = model.clone();
    let weight = some.tensors.remove(WEIGHT).unwrap();
    some.tensors.insert(format!("_orig_mod.{WEIGHT}"), weight);
    some.fails("unknown_tensors", &["_orig_mod.language_projection.weight"]);
}

#[cfg(unix)]
#[test]
fn weights_in_a_pipe_are_refused_and_nothing_waits() {
    let scratch = Scratch::new();
    Model::new().write(&scratch.0);
    let path = scratch.0.join("model.safetensors");
    fs::remove_file(&path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let error = convert(&scratch.0, &scratch.0.join("o.gguf"), &Options::new(F32), &()).unwrap_err();
    check(&error, "read", &["model.safetensors", "no regular file"]);
}

#[test]
fn a_header_behind_a_byte_order_mark_is_refused_by_name() {
    let scratch = Scratch::new();
    Model::new().write(&scratch.0);
    fs::write(scratch.0.join("model.safetensors"), safetensors("\u{feff}{}", &[])).unwrap();
    let error = convert(&scratch.0, &scratch.0.join("o.gguf"), &Options::new(F32), &()).unwrap_err();
    check(&error, "safetensors_invalid_header", &["byte order mark"]);
}
