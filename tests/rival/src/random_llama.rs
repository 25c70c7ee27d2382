//! Random models of the LLaMA architecture in f16, written by our own GGUF writer: they stand for published files where
//! only shape and speed matter. The tokenizer is that of a vocabulary file, key for key.

use crate::Result;
use crate::random::{NormalTable, Random};
use ocelli_quant::TensorType;
use ocelli_quant::gguf::{Gguf, Writer};
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

/// Hyper-parameters.
pub struct Shape {
    /// Blocks.
    pub layers: usize,
    /// Width of the rows.
    pub width: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Width of the feed-forward layer.
    pub ffn: usize,
    /// Positions.
    pub context: usize,
}

/// TinyLlama-1.1B (Zhang et al. 2024).
pub const TINYLLAMA: Shape = Shape { layers: 22, width: 2048, heads: 32, kv_heads: 4, ffn: 5632, context: 2048 };

/// Deviation of the weights: that of LLaMA's initialisation, at which hidden states neither vanish nor overflow.
const DEVIATION: f64 = 0.02;

/// Writes a random model of `shape` with the vocabulary of the file `vocabulary`.
pub fn write(to: &Path, shape: &Shape, vocabulary: &Gguf) -> Result<()> {
    let tokens = match vocabulary.strings("tokenizer.ggml.tokens")? {
        Some(tokens) => tokens.len() as u64,
        None => return Err("the vocabulary file has no tokens".into()),
    };
    let mut writer = Writer::new();
    writer.set("general.architecture", "llama").set("general.name", "random").set("general.file_type", 1u32);
    for (key, value) in [
        ("context_length", shape.context),
        ("embedding_length", shape.width),
        ("block_count", shape.layers),
        ("feed_forward_length", shape.ffn),
        ("rope.dimension_count", shape.width / shape.heads),
        ("attention.head_count", shape.heads),
        ("attention.head_count_kv", shape.kv_heads),
    ] {
        writer.set(format!("llama.{key}"), u32::try_from(value)?);
    }
    writer.set("llama.vocab_size", u32::try_from(tokens)?);
    writer.set("llama.attention.layer_norm_rms_epsilon", 1e-5f32).set("llama.rope.freq_base", 1e4f32);
    for (key, value) in vocabulary.keys().filter(|(key, _)| key.starts_with("tokenizer.")) {
        writer.set(key, value);
    }

    let [width, ffn] = [shape.width as u64, shape.ffn as u64];
    let kv = (shape.width / shape.heads * shape.kv_heads) as u64;
    writer.tensor("token_embd.weight", &[width, tokens], TensorType::F16);
    for i in 0..shape.layers {
        let mut norm = |name: &str| {
            writer.tensor(format!("blk.{i}.{name}.weight"), &[width], TensorType::F32);
        };
        norm("attn_norm");
        norm("ffn_norm");
        for (name, shape) in [
            ("attn_q", [width, width]),
            ("attn_k", [width, kv]),
            ("attn_v", [width, kv]),
            ("attn_output", [width, width]),
            ("ffn_gate", [width, ffn]),
            ("ffn_up", [width, ffn]),
            ("ffn_down", [ffn, width]),
        ] {
            writer.tensor(format!("blk.{i}.{name}.weight"), &shape, TensorType::F16);
        }
    }
    writer.tensor("output_norm.weight", &[width], TensorType::F32);
    writer.tensor("output.weight", &[width, tokens], TensorType::F16);

    let mut random = Random::new(1);
    let normals = NormalTable::new(&mut random, DEVIATION);
    let mut body = writer.begin(BufWriter::new(File::create(to)?))?;
    let mut data = Vec::new();
    while let Some(info) = body.current() {
        data.clear();
        let elements = info.shape.iter().product::<u64>();
        match info.ty {
            TensorType::F32 => data.extend((0..elements).flat_map(|_| 1f32.to_le_bytes())),
            _ => normals.fill(&mut random, usize::try_from(elements)?, &mut data),
        }
        body.write(&data)?;
    }
    body.finish()?;
    Ok(())
}
