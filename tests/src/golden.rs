//! The goldens of `parity/`: what transformers computed, and the means to make the checkpoint and the pictures it saw.
//!
//! A test takes a golden, writes its directory with [`Golden::write`], converts it, runs the engine and compares. Every
//! answer belongs to the weights after rounding to [`Golden::dtype`], run in f32.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Result;
use crate::checkpoint::{self, Dtype, Spec};
use crate::formula;
use crate::opt_tokenizer::OptTokenizer;

/// The BLIP-2 with OPT goldens, by name.
pub const BLIP2_OPT: [&str; 9] = ["default", "deep", "postnorm", "project", "plain", "untied", "half", "wide", "five"];

/// The BLIP-2 with T5 goldens, by name.
pub const BLIP2_T5: [&str; 6] = ["gated", "deep", "tied", "buckets", "words", "five"];

/// The folder of the goldens.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("parity")
}

/// Writes JSON files by their names into a folder.
///
/// # Errors
/// Where one cannot be written.
pub fn write_files(dir: &Path, files: &Map<String, Value>) -> Result<()> {
    for (name, content) in files {
        std::fs::write(dir.join(name), serde_json::to_string(content)?)?;
    }
    Ok(())
}

/// One configuration with everything the original answered for it.
#[derive(Debug, Deserialize)]
pub struct Golden {
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
    /// preprocessor_config.json; null where the version that saved the model writes none.
    pub preprocessor_config: Value,
    /// processor_config.json
    pub processor_config: Value,
    /// Files of a tokenizer of its own, where it has one.
    #[serde(default)]
    pub tokenizer: Option<Map<String, Value>>,
    /// Names and shapes, sorted by name.
    pub tensors: Vec<(String, Vec<usize>)>,
    /// Values of the formula, as bits.
    pub formula: Vec<FormulaCheck>,
    /// Pictures and prompts with the answers.
    pub cases: Vec<Case>,
    /// The language model without a picture, where it was asked.
    #[serde(default)]
    pub text_only: Option<TextOnly>,
    /// What sampling filters leave (only in the default golden), of the last row of logits of case 1.
    #[serde(default)]
    pub survivors: Vec<Survivors>,
}

/// Some values of a tensor before rounding to the stored type.
#[derive(Debug, Deserialize)]
pub struct FormulaCheck {
    /// Tensor.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Elements in row-major order.
    pub index: Vec<u64>,
    /// Their f32 bits.
    pub bits: Vec<u32>,
}

/// A picture with a prompt and what came out at every stage.
#[derive(Debug, Deserialize)]
pub struct Case {
    /// The picture.
    pub picture: Picture,
    /// Text after the picture.
    pub prompt: String,
    /// What the processor makes: image placeholders, `</s>`, text.
    pub ids: Vec<u32>,
    /// FNV-1a of the picture's bytes after resizing, `[S, S, 3]`.
    pub resized_hash: String,
    /// The picture after preprocessing, `[3, S, S]`; with the hash of its little-endian f32 bytes.
    pub pixels: Sample,
    /// Tower output after the last LayerNorm, `[1 + patches, width]`.
    pub tower: Sample,
    /// Q-Former output, `[queries, width]`.
    pub qformer: Sample,
    /// Rows for the language model, `[queries, hidden]`.
    pub projection: Sample,
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

/// A picture made by formula.
#[derive(Debug, Deserialize)]
pub struct Picture {
    /// Seed.
    pub seed: u64,
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// FNV-1a of the bytes, hexadecimal.
    pub hash: String,
}

impl Picture {
    /// RGB bytes, rows from the top.
    #[must_use]
    pub fn rgb(&self) -> Vec<u8> {
        formula::picture(self.seed, self.width as usize, self.height as usize)
    }

    /// Saves the picture as PNG.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let colour = image::ExtendedColorType::Rgb8;
        image::save_buffer(path, &self.rgb(), self.width, self.height, colour)?;
        Ok(())
    }
}

/// A few values of a tensor.
#[derive(Debug, Deserialize)]
pub struct Sample {
    /// Shape.
    pub shape: Vec<usize>,
    /// Elements in row-major order.
    pub index: Vec<usize>,
    /// Their values.
    pub values: Vec<f32>,
    /// FNV-1a of all bytes, where kept.
    #[serde(default)]
    pub hash: Option<String>,
}

/// A row of logits.
#[derive(Debug, Deserialize)]
pub struct Logits {
    /// Position in the prompt, image rows counted.
    pub position: usize,
    /// A value for each row of the vocabulary.
    pub values: Vec<f32>,
}

/// One generation.
#[derive(Debug, Deserialize)]
pub struct Generation {
    /// Short name of the settings.
    pub name: String,
    /// The settings.
    pub settings: Settings,
    /// Most new ids.
    pub max_new_tokens: usize,
    /// New ids, with the ending id where one was met.
    pub ids: Vec<u32>,
    /// Their text without special tokens, not trimmed.
    pub text: String,
    /// Whether an ending id ended it.
    pub ended: bool,
    /// Score of the best sequence (beams only): log-probability / length ^ length_penalty.
    #[serde(default)]
    pub score: Option<f32>,
    /// The narrowest decision on the way, in logits or log-probability.
    pub gap: f32,
}

/// Settings by transformers' names; absent ones are its defaults.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Beams; 1 is greedy.
    pub num_beams: Option<usize>,
    /// Exponent of the length in a beam's score; 1.
    pub length_penalty: Option<f32>,
    /// Stop at the first full set of results; false.
    pub early_stopping: Option<bool>,
    /// 1 is none.
    pub repetition_penalty: Option<f32>,
    /// New ids before an ending id may come; 0.
    pub min_new_tokens: Option<usize>,
    /// Length of n-grams that must not come twice; 0.
    pub no_repeat_ngram_size: Option<usize>,
    /// 1
    pub temperature: Option<f32>,
    /// 0 is off.
    pub top_k: Option<usize>,
    /// 1 is off.
    pub top_p: Option<f32>,
    /// 0 is off.
    pub min_p: Option<f32>,
}

/// Log-probabilities of a continuation of the prompt.
#[derive(Debug, Deserialize)]
pub struct Score {
    /// Continuation.
    pub text: String,
    /// Its ids, without `</s>` in front.
    pub ids: Vec<u32>,
    /// Natural log-probability of each.
    pub logprobs: Vec<f32>,
}

/// The language model on text alone.
#[derive(Debug, Deserialize)]
pub struct TextOnly {
    /// Text.
    pub prompt: String,
    /// Its ids, `</s>` first.
    pub ids: Vec<u32>,
    /// Rows of logits.
    pub logits: Vec<Logits>,
    /// Scores of continuations.
    pub score: Vec<Score>,
}

/// What sampling filters leave of a row of logits.
#[derive(Debug, Deserialize)]
pub struct Survivors {
    /// The filters; applied in the order temperature, top_k, top_p, min_p.
    pub settings: Settings,
    /// Ids left, ascending; the first 60.
    pub ids: Vec<u32>,
    /// How many are left.
    pub count: usize,
    /// Probabilities of `ids`.
    pub probabilities: Vec<f32>,
}

impl Golden {
    /// Reads golden `blip2_opt_{name}.json`.
    ///
    /// # Errors
    /// Where the file is missing or is not a golden.
    pub fn load(name: &str) -> Result<Self> {
        Self::read(&folder().join(format!("blip2_opt_{name}.json")))
    }

    /// Reads a golden anywhere.
    ///
    /// # Errors
    /// As [`Golden::load`].
    pub fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
        Ok(serde_json::from_str(&text).map_err(|e| format!("{}: {e}", file.display()))?)
    }

    /// The checkpoint of this golden.
    ///
    /// # Errors
    /// Where the shared tokenizer cannot be read.
    pub fn spec(&self) -> Result<Spec> {
        Ok(Spec {
            seed: self.seed,
            config: self.config.clone(),
            generation_config: Some(self.generation_config.clone()),
            preprocessor_config: self.preprocessor_config.clone(),
            processor_config: Some(self.processor_config.clone()),
            tokenizer: OptTokenizer::small()?,
        })
    }

    /// Writes the checkpoint into `dir` in its own type, and each case's picture as `case{i}.png`.
    ///
    /// # Errors
    /// Where writing fails.
    pub fn write(&self, dir: &Path) -> Result<()> {
        checkpoint::write(dir, &self.spec()?, self.dtype, None, &|_, _| ())?;
        if let Some(files) = &self.tokenizer {
            for other in ["vocab.json", "merges.txt", "special_tokens_map.json"] {
                std::fs::remove_file(dir.join(other))?;
            }
            write_files(dir, files)?;
        }
        for (i, case) in self.cases.iter().enumerate() {
            case.picture.save(&dir.join(format!("case{i}.png")))?;
        }
        Ok(())
    }
}
