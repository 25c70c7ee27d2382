//! A checkpoint's weights, as safetensors or as PyTorch saves them: the input is the file, beside the configuration and
//! the tokenizer of a small LLaMA. Files live in a folder of this process's own.
//!
//! The converter is asked for everything, so that a file that is read as a model's is also written as one.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use ocelli_convert::{Options, convert};
use ocelli_quant::TensorType;
use ocelli_quant::gguf::Gguf;
use ocelli_tests::opt_tokenizer::OptTokenizer;
use serde_json::json;

/// A model's files but for the weights.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let parent = if memory.is_dir() { memory } else { std::env::temp_dir() };
    let folder = parent.join(format!("ocelli-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let config = json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 32, "intermediate_size": 32,
        "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16, "vocab_size": 320,
        "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
        "tie_word_embeddings": true, "bos_token_id": 2, "eos_token_id": 2, "pad_token_id": 1,
    });
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    OptTokenizer::small().unwrap().write(&folder).unwrap();
    folder
});

/// The target of files of safetensors.
pub fn safetensors(bytes: &[u8]) {
    run("model.safetensors", bytes);
}

/// The target of files that PyTorch saved, zip archives and the format before them.
pub fn torch(bytes: &[u8]) {
    run("pytorch_model.bin", bytes);
}

fn run(name: &str, bytes: &[u8]) {
    let out = FOLDER.join("out.gguf");
    fs::write(FOLDER.join(name), bytes).unwrap();
    match convert(&FOLDER, &out, &Options::new(TensorType::F16), &()) {
        Ok(report) => {
            let file = fs::read(&out).unwrap();
            assert_eq!(report.bytes_out, file.len() as u64);
            assert_eq!(Gguf::parse(std::sync::Arc::new(file)).unwrap().tensors().len(), report.tensors);
        }
        Err(error) => assert!(error.to_string().len() < 10_000),
    }
}
