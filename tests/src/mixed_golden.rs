//! The goldens of the families whose prompts mix texts and pictures, `parity/flamingo_*.json`, `parity/frozen_*.json` and others;
//! see [`crate::golden`].

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::Result;
use crate::checkpoint::{self, Dtype};
use crate::golden::{FormulaCheck, Generation, Logits, Picture, Sample, Score, folder};
use crate::opt_tokenizer::OptTokenizer;

/// The goldens of `frozen`, by name.
pub const FROZEN: [&str; 4] = ["class", "mean", "nf", "nf_odd"];

/// The goldens of `smolvlm`, by name.
pub const SMOLVLM: [&str; 4] = ["default", "three", "whole", "single"];

/// The goldens of `qwen_vl`, by name.
pub const QWEN_VL: [&str; 7] = ["default", "three", "plain", "two_five", "two_five_odd", "two", "two_saved"];

/// The goldens of `flamingo` whose prompts have videos, by name.
pub const VIDEOS: [&str; 2] = ["open_clips", "open_frames"];

/// The other goldens of `flamingo`, by name.
pub const FLAMINGO: [&str; 10] = [
    "idefics",
    "idefics_five",
    "idefics_every",
    "idefics_second",
    "open",
    "open_every",
    "open_fourth",
    "open_mosaic",
    "open_mpt",
    "open_neox",
];

/// Those of [`FLAMINGO`] and [`VIDEOS`] with the sizes that OpenFlamingo's classes fix, which can be had in three parts.
pub const IN_PARTS: [&str; 4] = ["open_frames", "open_mosaic", "open_mpt", "open_neox"];

/// One configuration with everything the original answered for it.
#[derive(Debug, Deserialize)]
pub struct MixedGolden {
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
    /// Tokens behind those of the shared vocabulary, by id; the first is `<image>`.
    pub added_tokens: Vec<String>,
    /// Merges behind those of the shared vocabulary, each with an entry.
    #[serde(default)]
    pub more_merges: Vec<String>,
    /// config.json
    pub config: Value,
    /// generation_config.json
    pub generation_config: Value,
    /// preprocessor_config.json; null where the version that saved the model writes none.
    pub preprocessor_config: Value,
    /// processor_config.json; null where there is none.
    #[serde(default)]
    pub processor_config: Value,
    /// Names and shapes, sorted by name.
    pub tensors: Vec<(String, Vec<usize>)>,
    /// Values of the formula, as bits.
    pub formula: Vec<FormulaCheck>,
    /// The pictures that cases name by number.
    pub pictures: Vec<Picture>,
    /// Prompts with the answers.
    pub cases: Vec<MixedCase>,
}

/// A piece of a prompt.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum GoldenPiece {
    /// Text.
    Text(String),
    /// A picture by its number.
    Picture(usize),
    /// A video of pictures.
    Video(Vec<usize>),
}

/// A prompt and what came out.
#[derive(Debug, Deserialize)]
pub struct MixedCase {
    /// Texts and pictures in order.
    pub pieces: Vec<GoldenPiece>,
    /// Ids, `<image>` standing for each picture.
    pub ids: Vec<u32>,
    /// Rows of logits.
    pub logits: Vec<Logits>,
    /// Generations.
    pub generate: Vec<Generation>,
    /// Scores of continuations.
    pub score: Vec<Score>,
    /// What the first picture or video, as if it were alone in the prompt, becomes for the gated layers, `[latents, width]`.
    #[serde(default)]
    pub media: Option<Sample>,
    /// Hash of all pixels that the tower is shown, of all pictures in order, as f32.
    #[serde(default)]
    pub pixels: Option<String>,
    /// The mean of the tower's rows of the first picture, of length one.
    #[serde(default)]
    pub features: Option<Sample>,
}

/// Where the parts of an OpenFlamingo model were written.
#[derive(Debug)]
pub struct Parts {
    /// The adapter's file.
    pub adapter: PathBuf,
    /// The language model's directory.
    pub language: PathBuf,
    /// CLIP's directory.
    pub vision: PathBuf,
}

/// A checkpoint to write whose tokenizer is OPT's with more tokens; the fields are those of [`MixedGolden`].
pub(crate) struct Checkpoint<'a> {
    pub seed: u64,
    pub dtype: Dtype,
    pub config: &'a Value,
    pub generation_config: &'a Value,
    pub preprocessor_config: &'a Value,
    pub processor_config: &'a Value,
    pub added_tokens: &'a [String],
    pub tensors: &'a [(String, Vec<usize>)],
}

impl Checkpoint<'_> {
    /// Writes it into `dir`; `most` and `progress` are those of [`checkpoint::write`].
    pub(crate) fn write(
        &self,
        dir: &Path,
        tokenizer: &OptTokenizer,
        most: Option<u64>,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<()> {
        std::fs::create_dir_all(dir)?;
        let mut config = self.config.clone();
        config["dtype"] = json!(self.dtype.torch());
        for (name, content) in [
            ("config.json", &config),
            ("generation_config.json", self.generation_config),
            ("preprocessor_config.json", self.preprocessor_config),
            ("processor_config.json", self.processor_config),
        ] {
            if !content.is_null() {
                std::fs::write(dir.join(name), serde_json::to_string_pretty(content)?)?;
            }
        }
        tokenizer.write(dir)?;
        // The first of the added tokens is there already.
        let file = dir.join("tokenizer.json");
        let mut all: Value = serde_json::from_str(&std::fs::read_to_string(&file)?)?;
        let first = tokenizer.image_token as usize;
        for (id, token) in (first..).zip(self.added_tokens).skip(1) {
            if let Some(added) = all["added_tokens"].as_array_mut() {
                added.push(json!({ "id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
                                   "normalized": false, "special": true }));
            }
        }
        std::fs::write(file, serde_json::to_string(&all)?)?;
        checkpoint::write_weights(dir, self.seed, self.tensors, self.dtype, most, progress)
    }
}

impl MixedGolden {
    /// Reads golden `{family}_{name}.json`.
    ///
    /// # Errors
    /// Where the file is missing or is not a golden.
    pub fn load(family: &str, name: &str) -> Result<Self> {
        Self::read(&folder().join(format!("{family}_{name}.json")))
    }

    /// Reads a golden anywhere.
    ///
    /// # Errors
    /// As [`MixedGolden::load`].
    pub fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
        Ok(serde_json::from_str(&text).map_err(|e| format!("{}: {e}", file.display()))?)
    }

    /// Writes the checkpoint into `dir` in its own type.
    ///
    /// # Errors
    /// Where writing fails.
    pub fn write(&self, dir: &Path) -> Result<()> {
        let checkpoint = Checkpoint {
            seed: self.seed,
            dtype: self.dtype,
            config: &self.config,
            generation_config: &self.generation_config,
            preprocessor_config: &self.preprocessor_config,
            processor_config: &self.processor_config,
            added_tokens: &self.added_tokens,
            tensors: &self.tensors,
        };
        let mut tokenizer = OptTokenizer::small()?;
        for merge in &self.more_merges {
            tokenizer.merges.push(merge.clone());
            tokenizer.vocab.push(merge.replace(' ', ""));
            tokenizer.image_token += 1;
        }
        checkpoint.write(dir, &tokenizer, None, &|_, _| ())
    }

    /// Writes OpenFlamingo's parts into folders of `dir`, as they were released: the language model has embeddings of its
    /// own, of more rows than its tokenizer has tokens, and knows no end of a chunk.
    ///
    /// # Errors
    /// Where writing fails.
    pub fn write_parts(&self, dir: &Path) -> Result<Parts> {
        let (mut adapter, mut language, mut vision) = (Vec::new(), Vec::new(), Vec::new());
        for (name, shape) in &self.tensors {
            let part = if name.starts_with("perceiver.") || name.starts_with("lang_encoder.") {
                if let (Some(own), false) =
                    (name.strip_prefix("lang_encoder."), name.contains("gated_cross_attn_layer"))
                {
                    language.push((own.to_owned(), vec![shape[0] + 6, shape[1]]));
                }
                &mut adapter
            } else if name.starts_with("vision_model.") {
                &mut vision
            } else {
                &mut language
            };
            part.push((name.clone(), shape.clone()));
        }
        let part = |name: &str, tensors: &[(String, Vec<usize>)]| -> Result<PathBuf> {
            let dir = dir.join(name);
            std::fs::create_dir_all(&dir)?;
            checkpoint::write_weights(&dir, self.seed, tensors, self.dtype, None, &|_, _| ())?;
            Ok(dir)
        };
        let (language, vision) = (part("language", &language)?, part("vision", &vision)?);
        let mut config = self.config["text_config"].clone();
        config["vocab_size"] = json!(config["vocab_size"].as_u64().unwrap_or(0) + 6);
        for (name, content) in [("config.json", &config), ("generation_config.json", &self.generation_config)] {
            std::fs::write(language.join(name), serde_json::to_string_pretty(content)?)?;
        }
        let clip = json!({ "model_type": "clip", "vision_config": self.config["vision_config"] });
        std::fs::write(vision.join("config.json"), serde_json::to_string_pretty(&clip)?)?;
        OptTokenizer::small()?.write(&language)?;
        Ok(Parts { adapter: part("adapter", &adapter)?.join("model.safetensors"), language, vision })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formula::Formula;

    #[test]
    fn weights_have_the_bits_of_the_python_side() {
        let frozen = FROZEN.map(|name| ("frozen", name));
        let flamingo = FLAMINGO.iter().chain(&VIDEOS).map(|&name| ("flamingo", name));
        let smolvlm = SMOLVLM.map(|name| ("smolvlm", name));
        let qwen = QWEN_VL.map(|name| ("qwen_vl", name));
        for (family, name) in flamingo.chain(frozen).chain(smolvlm).chain(qwen) {
            let golden = MixedGolden::load(family, name).unwrap();
            assert!(golden.formula.len() >= 8);
            for check in &golden.formula {
                let formula = Formula::new(golden.seed, &check.name, &check.shape);
                let bits: Vec<u32> = check.index.iter().map(|&i| formula.at(i).to_bits()).collect();
                assert_eq!(bits, check.bits, "{name}: {}", check.name);
            }
        }
    }
}
