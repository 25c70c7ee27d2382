//! How often a conversion reads: a bias whose elements change their order is read in one piece, and not element by element.
//! Linux counts the reads of a process, so this binary has this one test.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::fs;

use ocelli_convert::{Options, convert};
use ocelli_quant::TensorType;
use ocelli_tests::checkpoint::{Dtype, write_weights};
use ocelli_tests::opt_tokenizer::OptTokenizer;
use serde_json::json;

/// Rows of queries and of keys, which are put into another order.
const ROWS: [usize; 2] = [4096, 2048];

/// Calls of this process that read.
fn reads() -> usize {
    let io = fs::read_to_string("/proc/self/io").unwrap();
    io.lines().find_map(|line| line.strip_prefix("syscr: ")).unwrap().parse().unwrap()
}

#[test]
fn biases_are_read_in_one_piece() {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 32, "intermediate_size": 32,
        "num_hidden_layers": 1, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 256, "vocab_size": 320,
        "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
        "tie_word_embeddings": true, "bos_token_id": 2, "eos_token_id": 2, "pad_token_id": 1, "attention_bias": true,
    });
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    OptTokenizer::small().unwrap().write(folder.path()).unwrap();
    let [queries, keys] = ROWS;
    let mut tensors =
        vec![("model.embed_tokens.weight".to_owned(), vec![320, 32]), ("model.norm.weight".to_owned(), vec![32])];
    for (name, shape) in [
        ("input_layernorm", vec![32]),
        ("post_attention_layernorm", vec![32]),
        ("mlp.down_proj", vec![32, 32]),
        ("mlp.gate_proj", vec![32, 32]),
        ("mlp.up_proj", vec![32, 32]),
        ("self_attn.q_proj", vec![queries, 32]),
        ("self_attn.k_proj", vec![keys, 32]),
        ("self_attn.v_proj", vec![keys, 32]),
        ("self_attn.o_proj", vec![32, queries]),
    ] {
        let bias = name.starts_with("self_attn").then(|| shape[0]);
        tensors.push((format!("model.layers.0.{name}.weight"), shape));
        tensors.extend(bias.map(|rows| (format!("model.layers.0.{name}.bias"), vec![rows])));
    }
    write_weights(folder.path(), 1, &tensors, Dtype::F16, None, &|_, _| ()).unwrap();
    let before = reads();
    convert(folder.path(), &folder.path().join("out.gguf"), &Options::new(TensorType::F32), &()).unwrap();
    let took = reads() - before;
    // A row of a weight is a read.
    let rows = queries + keys;
    assert!((rows..rows + 1000).contains(&took), "{took} reads for {rows} rows");
}
