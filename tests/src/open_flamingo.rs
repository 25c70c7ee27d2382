//! OpenFlamingo-3B with random weights: every name and shape from its config alone, as the released adapter, MPT-1B
//! (MosaicGPT) and CLIP ViT-L/14 have them together.

use std::path::Path;

use serde_json::{Value, json};

use crate::Result;
use crate::checkpoint::{Dtype, Layers};
use crate::mixed_golden::Checkpoint;
use crate::opt_tokenizer::OptTokenizer;

/// The name it goes by.
pub const SHAPE: &str = "openflamingo-3b";

type Tensors = Vec<(String, Vec<usize>)>;

fn config(layers: Layers, vocabulary: usize) -> Value {
    json!({
        "model_type": "open_flamingo",
        "text_config": {
            "model_type": "mosaic_gpt", "vocab_size": vocabulary, "d_model": 2048, "n_heads": 16,
            "n_layers": layers.opt.unwrap_or(24), "max_seq_len": 2048, "bos_token_id": 2, "pad_token_id": 1,
            "tie_word_embeddings": true, "mlp_ratio": 4, "attn_qk_ln": true, "alibi": true, "alibi_bias_max": 8,
            "no_bias": true,
        },
        "vision_config": {
            "hidden_size": 1024, "num_attention_heads": 16, "intermediate_size": 4096,
            "num_hidden_layers": layers.tower.unwrap_or(24), "image_size": 224, "patch_size": 14,
            "hidden_act": "quick_gelu",
        },
        "cross_attn_every_n_layers": 1, "resampler_n_latents": 64, "resampler_depth": 6, "resampler_n_heads": 8,
        "resampler_head_dim": 64, "cross_attn_heads": 8, "cross_attn_dim_head": 64,
    })
}

/// Names and shapes of an OpenFlamingo around MosaicGPT, sorted by name.
///
/// # Errors
/// Where the config leaves a size out.
pub fn tensors(config: &Value) -> Result<Tensors> {
    let size = |part: &str, name: &str| -> Result<usize> {
        let value = if part.is_empty() { &config[name] } else { &config[part][name] };
        let size = value.as_u64().ok_or_else(|| format!("{part} {name} is no number"))?;
        Ok(usize::try_from(size)?)
    };
    let (width, tower) = (size("text_config", "d_model")?, size("vision_config", "hidden_size")?);
    let gated = size("", "cross_attn_heads")? * size("", "cross_attn_dim_head")?;
    let latents = size("", "resampler_n_heads")? * size("", "resampler_head_dim")?;
    let interval = size("", "cross_attn_every_n_layers")?;
    let mut all: Tensors = Vec::new();
    let mut add = |name: String, shape: &[usize]| all.push((name, shape.to_vec()));
    add("lang_encoder.transformer.wte.weight".into(), &[size("text_config", "vocab_size")?, width]);
    for layer in 0..size("text_config", "n_layers")? {
        let at = format!("transformer.blocks.{layer}");
        for (name, shape) in [
            ("attn.Wqkv.weight", vec![3 * width, width]),
            ("attn.out_proj.weight", vec![width, width]),
            ("attn.q_ln.weight", vec![width]),
            ("attn.k_ln.weight", vec![width]),
            ("ln_1.weight", vec![width]),
            ("ln_2.weight", vec![width]),
            ("mlp.mlp_up.weight", vec![4 * width, width]),
            ("mlp.mlp_down.weight", vec![width, 4 * width]),
        ] {
            add(format!("{at}.{name}"), &shape);
        }
        if (layer + 1) % interval == 0 {
            for (name, shape) in [
                ("attn.norm.weight", vec![width]),
                ("attn.norm.bias", vec![width]),
                ("attn.to_q.weight", vec![gated, width]),
                ("attn.to_kv.weight", vec![2 * gated, tower]),
                ("attn.to_out.weight", vec![width, gated]),
                ("attn_gate", vec![1]),
                ("ff.0.weight", vec![width]),
                ("ff.0.bias", vec![width]),
                ("ff.1.weight", vec![4 * width, width]),
                ("ff.3.weight", vec![width, 4 * width]),
                ("ff_gate", vec![1]),
            ] {
                add(format!("lang_encoder.{at}.gated_cross_attn_layer.{name}"), &shape);
            }
        }
    }
    add("transformer.ln_f.weight".into(), &[width]);
    add("perceiver.latents".into(), &[size("", "resampler_n_latents")?, tower]);
    for layer in 0..size("", "resampler_depth")? {
        for (name, shape) in [
            ("0.norm_media.weight", vec![tower]),
            ("0.norm_media.bias", vec![tower]),
            ("0.norm_latents.weight", vec![tower]),
            ("0.norm_latents.bias", vec![tower]),
            ("0.to_q.weight", vec![latents, tower]),
            ("0.to_kv.weight", vec![2 * latents, tower]),
            ("0.to_out.weight", vec![tower, latents]),
            ("1.0.weight", vec![tower]),
            ("1.0.bias", vec![tower]),
            ("1.1.weight", vec![4 * tower, tower]),
            ("1.3.weight", vec![tower, 4 * tower]),
        ] {
            add(format!("perceiver.layers.{layer}.{name}"), &shape);
        }
    }
    let (inner, patch) = (size("vision_config", "intermediate_size")?, size("vision_config", "patch_size")?);
    let side = size("vision_config", "image_size")? / patch;
    let at = "vision_model.embeddings";
    add(format!("{at}.class_embedding"), &[tower]);
    add(format!("{at}.patch_embedding.weight"), &[tower, 3, patch, patch]);
    add(format!("{at}.position_embedding.weight"), &[side * side + 1, tower]);
    let linear = |name: String, inputs: usize, outputs: usize, add: &mut dyn FnMut(String, &[usize])| {
        add(format!("{name}.weight"), &[outputs, inputs]);
        add(format!("{name}.bias"), &[outputs]);
    };
    let mut norms: Vec<String> =
        ["perceiver.norm", "vision_model.pre_layrnorm", "vision_model.post_layernorm"].map(String::from).into();
    for layer in 0..size("vision_config", "num_hidden_layers")? {
        let at = format!("vision_model.encoder.layers.{layer}");
        for name in ["q_proj", "k_proj", "v_proj", "out_proj"] {
            linear(format!("{at}.self_attn.{name}"), tower, tower, &mut add);
        }
        linear(format!("{at}.mlp.fc1"), tower, inner, &mut add);
        linear(format!("{at}.mlp.fc2"), inner, tower, &mut add);
        norms.extend(["layer_norm1", "layer_norm2"].map(|name| format!("{at}.{name}")));
    }
    for norm in norms {
        add(format!("{norm}.weight"), &[tower]);
        add(format!("{norm}.bias"), &[tower]);
    }
    all.sort();
    Ok(all)
}

/// Writes it into `dir`; the arguments are those of [`crate::checkpoint::write`].
///
/// # Errors
/// Where a file cannot be written.
pub fn write(
    dir: &Path,
    seed: u64,
    dtype: Dtype,
    layers: Layers,
    most: Option<u64>,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<()> {
    let tokenizer = OptTokenizer::full()?;
    let end = tokenizer.image_token as usize + 1;
    let config = config(layers, end + 1);
    let tensors = tensors(&config)?;
    let checkpoint = Checkpoint {
        seed,
        dtype,
        config: &config,
        generation_config: &json!({ "eos_token_id": end }),
        preprocessor_config: &json!({}),
        processor_config: &json!(null),
        added_tokens: &["<image>", "<|endofchunk|>"].map(String::from),
        tensors: &tensors,
    };
    checkpoint.write(dir, &tokenizer, most, progress)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mixed_golden::MixedGolden;

    #[test]
    fn names_and_shapes_are_those_of_the_original() {
        let golden = MixedGolden::load("flamingo", "open_mosaic").unwrap();
        assert_eq!(tensors(&golden.config).unwrap(), golden.tensors);
    }
}
