//! The goldens of language models by themselves, `parity/text_*.json`; see [`crate::golden`].

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::Result;
use crate::checkpoint::{self, Dtype};
use crate::golden::{FormulaCheck, Generation, Logits, Score, folder, write_files};
use crate::opt_tokenizer::OptTokenizer;

/// The goldens, by name.
pub const TEXT: [&str; 49] = [
    "llama",
    "llama_untied",
    "llama_linear",
    "llama_llama3",
    "gemma",
    "gemma_scaled",
    "mpt",
    "mpt_heads",
    "mpt_mosaic",
    "neox",
    "neox_sequential",
    "opt",
    "opt_narrow",
    "qwen2",
    "qwen2_window",
    "qwen3",
    "qwen3_biases",
    "mistral",
    "mistral_whole",
    "gemma2",
    "gemma2_caps",
    "phi3",
    "phi3_long",
    "phi3_partial",
    "lfm2",
    "lfm2_own",
    "lfm2_two",
    "qwen3_words",
    "phi3_words",
    "gemma2_words",
    "five_llama",
    "five_llama_linear",
    "five_llama_llama3",
    "five_gemma",
    "five_neox",
    "five_qwen2",
    "five_qwen3",
    "five_mistral",
    "five_gemma2",
    "five_phi3",
    "five_lfm2",
    "t5_gated",
    "t5_erf",
    "t5_plain",
    "t5_buckets",
    "t5_near",
    "t5_words",
    "t5_five_gated",
    "t5_five_plain",
];

/// One configuration with everything the original answered for it.
#[derive(Debug, Deserialize)]
pub struct TextGolden {
    /// Name, as in the file's name.
    pub name: String,
    /// What this configuration is for.
    pub note: String,
    /// Seed of the weights.
    pub seed: u64,
    /// Type in which the checkpoint stores the weights.
    pub dtype: Dtype,
    /// Ids that end a generation.
    pub eos: Vec<u32>,
    /// config.json
    pub config: Value,
    /// generation_config.json
    pub generation_config: Value,
    /// Files of a tokenizer of its own, where it has one.
    #[serde(default)]
    pub tokenizer: Option<Map<String, Value>>,
    /// Names and shapes, sorted by name.
    pub tensors: Vec<(String, Vec<usize>)>,
    /// Values of the formula, as bits.
    pub formula: Vec<FormulaCheck>,
    /// Prompts with the answers.
    pub cases: Vec<TextCase>,
}

/// A prompt and what came out.
#[derive(Debug, Deserialize)]
pub struct TextCase {
    /// Text.
    pub prompt: String,
    /// Its ids, `</s>` first.
    pub ids: Vec<u32>,
    /// What a decoder was given behind its start, where an encoder read the prompt: positions of logits count these.
    #[serde(default)]
    pub targets: Option<Vec<u32>>,
    /// Rows of logits.
    pub logits: Vec<Logits>,
    /// Generations.
    pub generate: Vec<Generation>,
    /// Scores of continuations.
    pub score: Vec<Score>,
}

impl TextGolden {
    /// Reads golden `text_{name}.json`.
    ///
    /// # Errors
    /// Where the file is missing or is not a golden.
    pub fn load(name: &str) -> Result<Self> {
        Self::read(&folder().join(format!("text_{name}.json")))
    }

    /// Reads a golden anywhere.
    ///
    /// # Errors
    /// As [`TextGolden::load`].
    pub fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
        Ok(serde_json::from_str(&text).map_err(|e| format!("{}: {e}", file.display()))?)
    }

    /// Writes the checkpoint into `dir` in its own type.
    ///
    /// # Errors
    /// Where writing fails.
    pub fn write(&self, dir: &Path) -> Result<()> {
        std::fs::create_dir_all(dir)?;
        let mut config = self.config.clone();
        config["dtype"] = json!(self.dtype.torch());
        std::fs::write(dir.join("config.json"), serde_json::to_string_pretty(&config)?)?;
        std::fs::write(dir.join("generation_config.json"), serde_json::to_string_pretty(&self.generation_config)?)?;
        match &self.tokenizer {
            None => OptTokenizer::small()?.write(dir)?,
            Some(files) => write_files(dir, files)?,
        }
        checkpoint::write_weights(dir, self.seed, &self.tensors, self.dtype, None, &|_, _| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formula::Formula;

    #[test]
    fn weights_have_the_bits_of_the_python_side() {
        for name in TEXT {
            let golden = TextGolden::load(name).unwrap();
            assert!(golden.formula.len() >= 8);
            for check in &golden.formula {
                let formula = Formula::new(golden.seed, &check.name, &check.shape);
                let bits: Vec<u32> = check.index.iter().map(|&i| formula.at(i).to_bits()).collect();
                assert_eq!(bits, check.bits, "{name}: {}", check.name);
            }
        }
    }
}
