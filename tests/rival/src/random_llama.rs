//! Random models of the LLaMA architecture in f16, written by our own GGUF writer: they stand for published files where
//! only shape and speed matter. The tokenizer is that of a vocabulary file, key for key.

use crate::Result;
use crate::random::{NormalTable, Random};
use ocelli_quant::TensorType;
use ocelli_quant::gguf::{Gguf, MetaValue, Writer};
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
    /// The head is the embedding table.
    pub tied: bool,
    /// Tokens that are marks between pictures, behind those of the vocabulary.
    pub marks: fn() -> Vec<String>,
}

/// TinyLlama-1.1B (Zhang et al. 2024).
pub const TINYLLAMA: Shape =
    Shape { layers: 22, width: 2048, heads: 32, kv_heads: 4, ffn: 5632, context: 2048, tied: false, marks: Vec::new };

/// SmolLM2-135M as SmolVLM-256M has it.
pub const SMOLLM2: Shape =
    Shape { layers: 30, width: 576, heads: 9, kv_heads: 3, ffn: 1536, context: 8192, tied: true, marks: smolvlm_marks };

/// Vicuna-7B as LLaVA-1.5-7B has it.
pub const VICUNA: Shape =
    Shape { layers: 32, width: 4096, heads: 32, kv_heads: 32, ffn: 11008, context: 4096, tied: false, marks: Vec::new };

/// Those of SmolVLM: around a picture, before the whole of it, before each of its tiles.
fn smolvlm_marks() -> Vec<String> {
    let outer = ["<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>"].map(str::to_owned);
    let places = (1..=6).flat_map(|row| (1..=6).map(move |column| format!("<row_{row}_col_{column}>")));
    outer.into_iter().chain(places).collect()
}

/// Deviation of the weights: that of LLaMA's initialisation, at which hidden states neither vanish nor overflow.
const DEVIATION: f64 = 0.02;

const TOKENS: &str = "tokenizer.ggml.tokens";
const KINDS: &str = "tokenizer.ggml.token_type";

/// Kinds of tokens, as llama.cpp numbers them.
const NORMAL: i32 = 1;
const USER_DEFINED: i32 = 4;

/// Writes a random model of `shape` with the vocabulary of the file `vocabulary`.
pub fn write(to: &Path, shape: &Shape, vocabulary: &Gguf) -> Result<()> {
    let mut texts: Vec<String> = match vocabulary.strings(TOKENS)? {
        Some(tokens) => tokens.iter().map(|token| token.to_string()).collect(),
        None => return Err("the vocabulary file has no tokens".into()),
    };
    let known = texts.len();
    texts.extend((shape.marks)());
    let tokens = texts.len() as u64;
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
    let longer = texts.len() > known;
    let kept = |key: &str| key.starts_with("tokenizer.") && !(longer && [TOKENS, KINDS].contains(&key));
    for (key, value) in vocabulary.keys().filter(|(key, _)| kept(key)) {
        writer.set(key, value);
    }
    if longer {
        let kinds = vocabulary.i32s(KINDS)?;
        let mut kinds = kinds.unwrap_or_else(|| vec![NORMAL; known]);
        kinds.resize(texts.len(), USER_DEFINED);
        writer.set(TOKENS, MetaValue::Strings(texts));
        writer.set(KINDS, MetaValue::I32s(kinds));
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
    if !shape.tied {
        writer.tensor("output.weight", &[width, tokens], TensorType::F16);
    }

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
