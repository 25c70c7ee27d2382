//! Frozen behind an NF-ResNet: what becomes of standardised kernels, and what is refused.

use ocelli_quant::TensorType::{F16, F32, Q8_0};
use ocelli_quant::gguf::Value as Key;
use serde_json::{Value, json};

use crate::text::{TEXT_WIDTH, model as language};
use crate::tiny::*;

const ALPHA: f64 = 0.25;
const EPS: f64 = 1e-4;
const TOWER: &str = "vision_model";

/// Two stages of two blocks and of one, a LLaMA, and two rows between them.
pub fn model() -> Model {
    let mut model = language("llama");
    model.config = json!({"model_type": "frozen", "prefix_length": 2, "text_config": model.config, "vision_config": {
        "model_type": "nf_resnet", "image_size": 32, "stem_chs": 16, "depths": [2, 1], "channels": [32, 64],
        "alpha": ALPHA, "std_conv_eps": EPS, "skipinit": true}});
    let mut convolution = |name: &str, inputs: u64, outputs: u64, side: u64| {
        model.add(&format!("{TOWER}.{name}.weight"), &[outputs, inputs, side, side]);
        model.add(&format!("{TOWER}.{name}.gain"), &[outputs, 1, 1, 1]);
        model.add(&format!("{TOWER}.{name}.bias"), &[outputs]);
    };
    convolution("stem.conv", 3, 16, 7);
    for (block, before, width, skip) in [("0.0", 16, 32, true), ("0.1", 32, 32, false), ("1.0", 32, 64, true)] {
        let block = format!("stages.{block}");
        convolution(&format!("{block}.conv1"), before, width / 4, 1);
        convolution(&format!("{block}.conv2"), width / 4, width / 4, 3);
        convolution(&format!("{block}.conv3"), width / 4, width, 1);
        if skip {
            convolution(&format!("{block}.downsample.conv"), before, width, 1);
        }
    }
    for block in ["0.0", "0.1", "1.0"] {
        model.add(&format!("{TOWER}.stages.{block}.skipinit_gain"), &[]);
    }
    model.linear(&format!("{TOWER}.head.fc"), 64, 10);
    model.linear("prefix", 64, 2 * TEXT_WIDTH);
    model
}

/// `scale · gain · (w - mean) / √(n · (variance + eps))`, each output by itself, place by place.
fn folded(model: &Model, name: &str, scale: f64) -> Vec<f64> {
    let [kernel, gain] = ["weight", "gain"].map(|part| &model.tensors[&format!("{TOWER}.{name}.{part}")]);
    let (inputs, places) = (kernel.shape[1] as usize, (kernel.shape[2] * kernel.shape[3]) as usize);
    let mut out = Vec::new();
    for (row, gain) in kernel.data.chunks(inputs * places).zip(&gain.data) {
        let n = row.len() as f64;
        let (sum, squares) =
            row.iter().fold((0.0, 0.0), |(s, q), &w| (s + f64::from(w), q + f64::from(w) * f64::from(w)));
        let deviation = (n * (squares / n - (sum / n).powi(2) + EPS)).sqrt();
        for place in 0..places {
            let one = |input: usize| f64::from(row[input * places + place]) - sum / n;
            out.extend((0..inputs).map(|input| one(input) * f64::from(*gain) * scale * 1.713_958_859_4 / deviation));
        }
    }
    out
}

#[test]
fn kernels_hold_what_the_original_computes_whenever_it_runs() {
    let model = model();
    let (file, report) = model.convert_as(F32).unwrap();
    assert_eq!(report.skipped, ["vision_model.head.fc.bias", "vision_model.head.fc.weight"]);
    let gain = |block: &str| f64::from(model.tensors[&format!("{TOWER}.stages.{block}.skipinit_gain")].data[0]);
    // One, then alpha² more behind each block, and the second stage's first block reads what the first stage left.
    let beta = |blocks: f64| 1.0 / (1.0 + blocks * ALPHA * ALPHA).sqrt();
    let cases = [
        ("stem.conv", "v.stem", 1.0, 1.0),
        ("stages.0.0.conv1", "v.blk.0.conv1", 1.0, 1.0),
        ("stages.0.0.downsample.conv", "v.blk.0.conv_skip", 1.0, 1.0),
        ("stages.0.1.conv1", "v.blk.1.conv1", beta(1.0), 1.0),
        ("stages.0.1.conv2", "v.blk.1.conv2", 1.0, 1.0),
        ("stages.0.1.conv3", "v.blk.1.conv3", 1.0, ALPHA * gain("0.1")),
        ("stages.1.0.conv1", "v.blk.2.conv1", beta(2.0), 1.0),
        ("stages.1.0.downsample.conv", "v.blk.2.conv_skip", beta(2.0), 1.0),
        ("stages.1.0.conv3", "v.blk.2.conv3", 1.0, ALPHA * gain("1.0")),
    ];
    for (from, to, beta, factor) in cases {
        let close = |got: &[f32], want: &[f64]| {
            assert_eq!(got.len(), want.len(), "{to}");
            for (got, want) in got.iter().zip(want) {
                assert!((f64::from(*got) - want).abs() < 1e-6 * want.abs().max(1.0), "{to}: {got} for {want}");
            }
        };
        close(&decode(&file, &format!("{to}.weight")), &folded(&model, from, beta * factor));
        let bias = &model.tensors[&format!("{TOWER}.{from}.bias")].data;
        let bias: Vec<f64> = bias.iter().map(|&value| f64::from(value) * factor).collect();
        close(&decode(&file, &format!("{to}.bias")), &bias);
    }
    assert_eq!(file.get("ocelli.vision.architecture"), Some(Key::Str("nf_resnet")));
    assert_eq!(file.get("ocelli.prefix.pool"), Some(Key::Str("mean")));
    assert_eq!(file.u32s("ocelli.vision.stage_blocks").unwrap().unwrap(), [2, 1]);
    assert_eq!(file.u32s("ocelli.vision.stage_widths").unwrap().unwrap(), [32, 64]);

    let (file, _) = model.convert_as(Q8_0).unwrap();
    let types =
        ["v.stem.weight", "v.blk.2.conv1.weight", "v.blk.2.conv3.bias"].map(|name| file.tensor(name).unwrap().ty);
    assert_eq!(types, [F16, Q8_0, F32]);
}

#[test]
fn towers_that_do_not_fit_are_refused() {
    let spoiled = |name: &str, shape: &[u64]| {
        let mut net = model();
        net.add(&format!("{TOWER}.{name}"), shape);
        net
    };
    spoiled("stages.0.1.conv2.weight", &[8, 8, 3, 1]).fails("shape", &["conv2.weight", "[8, 8, 3, 1]", "[8, 8, 3, 3]"]);
    spoiled("stages.0.0.conv1.gain", &[8]).fails("shape", &["conv1.gain", "[8]", "[8, 1, 1, 1]"]);
    spoiled("stages.1.0.skipinit_gain", &[1]).fails("shape", &["skipinit_gain", "[1]", "[]"]);
    spoiled("stages.0.1.downsample.conv.bias", &[32]).fails("unknown_tensors", &["0.1.downsample.conv.bias"]);
    let mut net = model();
    net.tensors.remove("vision_model.stem.conv.gain");
    net.fails("missing_tensors", &["1 tensors", "stem.conv.gain"]);

    let cases: [(&str, Value, &str, &str); 12] = [
        ("depths", json!([2]), "config_value", "1 numbers"),
        ("depths", json!([]), "config_value", "1 to 8"),
        ("depths", json!(3), "json_type", "a list"),
        ("depths", json!([2, 0]), "config_value", "1..=1024"),
        ("channels", json!([32, 48]), "config_value", "multiples of 32"),
        ("channels", json!([32, -1]), "config_value", "1..="),
        ("stem_chs", json!(12), "config_value", "multiple of 8"),
        ("alpha", json!(0), "config_value", "above 0"),
        ("std_conv_eps", json!(2), "config_value", "(0, 1)"),
        ("act_layer", json!("silu"), "unsupported", "'relu'"),
        ("extra_conv", json!(true), "unsupported", "only false"),
        ("bottle_ratio", json!(0.5), "unsupported", "0.25"),
    ];
    for (key, value, code, part) in cases {
        let mut net = model();
        net.insert("vision_config", key, value);
        net.fails(code, &[key, part]);
    }
    let mut net = model();
    net.config["pool"] = "class".into();
    net.fails("unsupported", &["pool", "'class'", "'mean'"]);
}
