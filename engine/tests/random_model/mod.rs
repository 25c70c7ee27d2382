//! Small files of language models with random weights, of any size that a test needs.

#![allow(clippy::unwrap_used)]

use ocelli_quant::TensorType;
use ocelli_quant::gguf::{MetaValue, Writer};

/// A model's architecture and sizes.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub architecture: &'static str,
    pub ty: TensorType,
    pub context: u64,
    pub width: u64,
    pub ffn: u64,
    pub layers: u64,
    pub heads: u64,
    pub kv_heads: u64,
    /// Numbers of a head.
    pub head: u64,
}

/// A file of random weights whose tokens are the letters. Nothing ends a text.
pub fn model(shape: &Shape) -> Vec<u8> {
    const TOKENS: u64 = 26;
    let Shape { architecture, ty, context, width, ffn, layers, heads, kv_heads, head } = *shape;
    let mut writer = Writer::new();
    let mut set = |key: &str, value: MetaValue| {
        writer.set(key.replace("{a}", architecture), value);
    };
    set("general.architecture", MetaValue::Str(architecture.to_owned()));
    for (key, value) in [
        ("context_length", context),
        ("embedding_length", width),
        ("block_count", layers),
        ("feed_forward_length", ffn),
        ("attention.head_count", heads),
        ("attention.head_count_kv", kv_heads),
        ("attention.key_length", head),
        ("attention.value_length", head),
        ("attention.sliding_window", 8),
    ] {
        set(&format!("{{a}}.{key}"), MetaValue::U32(u32::try_from(value).unwrap()));
    }
    set("{a}.attention.layer_norm_rms_epsilon", MetaValue::F32(1e-5));
    set("tokenizer.ggml.model", MetaValue::Str("gpt2".to_owned()));
    set("tokenizer.ggml.pre", MetaValue::Str("gpt-2".to_owned()));
    set("tokenizer.ggml.tokens", MetaValue::Strings(('a'..='z').map(String::from).collect()));
    set("tokenizer.ggml.merges", MetaValue::Strings(Vec::new()));
    let (q, kv) = (heads * head, kv_heads * head);
    let mut tensors = vec![("token_embd".to_owned(), vec![width, TOKENS]), ("output_norm".to_owned(), vec![width])];
    for layer in 0..layers {
        for (name, shape) in [
            ("attn_norm", vec![width]),
            ("attn_q", vec![width, q]),
            ("attn_k", vec![width, kv]),
            ("attn_v", vec![width, kv]),
            ("attn_q_norm", vec![head]),
            ("attn_k_norm", vec![head]),
            ("attn_output", vec![q, width]),
            ("post_attention_norm", vec![width]),
            ("ffn_norm", vec![width]),
            ("ffn_gate", vec![width, ffn]),
            ("ffn_up", vec![width, ffn]),
            ("ffn_down", vec![ffn, width]),
            ("post_ffw_norm", vec![width]),
        ] {
            tensors.push((format!("blk.{layer}.{name}"), shape));
        }
    }
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        f32::from(i16::from_le_bytes([(state >> 40) as u8, (state >> 48) as u8])) / 65_536.0
    };
    let data: Vec<_> = tensors
        .into_iter()
        .map(|(name, shape)| {
            let ty = if shape.len() == 1 { TensorType::F32 } else { ty };
            let values: Vec<f32> = (0..shape.iter().product()).map(|_| random()).collect();
            let mut bytes = vec![0; ty.row_bytes(values.len()).unwrap()];
            ty.encode(&values, &mut bytes).unwrap();
            writer.tensor(format!("{name}.weight"), &shape, ty);
            bytes
        })
        .collect();
    let mut body = writer.begin(Vec::new()).unwrap();
    data.iter().for_each(|bytes| body.write(bytes).unwrap());
    body.finish().unwrap()
}
