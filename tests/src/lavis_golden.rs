//! The goldens of LAVIS' checkpoints, `parity/lavis_*.json`; see [`crate::golden`].
//!
//! The parts are written as safetensors, which a converter takes in the place of `.pth`; what is particular to those is
//! tested where they are read.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::Result;
use crate::checkpoint::{self, Dtype};
use crate::golden::{Logits, Picture, Score, folder};
use crate::itm_golden::{Captions, Pair, ReadText, SeenPicture, Written};
use crate::opt_tokenizer::OptTokenizer;

/// The goldens by name.
pub const LAVIS: [&str; 7] = ["first", "finetuned", "clip", "opt", "t5", "vicuna", "flan"];

type Tensors = Vec<(String, Vec<usize>)>;

/// One configuration with everything the original's code answered for it.
#[derive(Debug, Deserialize)]
pub struct LavisGolden {
    /// Name, as in the file's name.
    pub name: String,
    /// Seed of the weights.
    pub seed: u64,
    /// Type in which the parts store the weights.
    pub dtype: Dtype,
    /// Names and shapes of what was trained.
    pub checkpoint: Tensors,
    /// Those of the tower's own file, where it has one.
    pub vision: Option<Tensors>,
    /// The language model of the second stage.
    pub language: Option<LanguageModel>,
    /// BERT's tokens by id, without the one that is added, where the Q-Former reads texts.
    #[serde(default)]
    pub vocabulary: Vec<String>,
    /// Pictures with what they are compared by.
    #[serde(default)]
    pub pictures: Vec<SeenPicture>,
    /// Texts with what they are compared by.
    #[serde(default)]
    pub texts: Vec<ReadText>,
    /// Every picture with every text.
    #[serde(default)]
    pub pairs: Vec<Pair>,
    /// What the first stage writes about pictures.
    #[serde(default)]
    pub captions: Vec<Captions>,
    /// What the second stage answers.
    #[serde(default)]
    pub cases: Vec<Answer>,
}

/// A language model's directory.
#[derive(Debug, Deserialize)]
pub struct LanguageModel {
    /// config.json
    pub config: Value,
    /// Names and shapes.
    pub tensors: Tensors,
    /// The tokenizer's files by name; none where it is the small one of OPT.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
}

/// What is answered to a prompt.
#[derive(Debug, Deserialize)]
pub struct Answer {
    /// The picture.
    pub picture: Picture,
    /// The text behind it.
    pub prompt: String,
    /// What T5's decoder was given behind its start.
    pub targets: Option<Vec<u32>>,
    /// Rows of logits.
    pub logits: Vec<Logits>,
    /// What is generated.
    pub texts: Vec<Written>,
    /// Scores of continuations.
    pub score: Vec<Score>,
}

/// Where the parts were written.
pub struct Parts {
    /// What was trained.
    pub checkpoint: PathBuf,
    /// The tower.
    pub vision: Option<PathBuf>,
    /// The language model's directory.
    pub language: Option<PathBuf>,
    /// The directory of BERT's tokenizer.
    pub tokenizer: Option<PathBuf>,
}

impl LavisGolden {
    /// Reads golden `lavis_{name}.json`.
    ///
    /// # Errors
    /// Where the file is missing or is not a golden.
    pub fn load(name: &str) -> Result<Self> {
        Self::read(&folder().join(format!("lavis_{name}.json")))
    }

    /// Reads a golden of any name.
    ///
    /// # Errors
    /// As [`LavisGolden::load`].
    pub fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
        Ok(serde_json::from_str(&text).map_err(|e| format!("{}: {e}", file.display()))?)
    }

    /// Writes the parts into folders of `dir`.
    ///
    /// # Errors
    /// Where writing fails.
    pub fn write(&self, dir: &Path) -> Result<Parts> {
        let part = |name: &str, tensors: &Tensors| -> Result<PathBuf> {
            let folder = dir.join(name);
            fs::create_dir_all(&folder)?;
            checkpoint::write_weights(&folder, self.seed, tensors, self.dtype, None, &|_, _| ())?;
            Ok(folder)
        };
        let file = |folder: PathBuf| folder.join("model.safetensors");
        let language = match &self.language {
            None => None,
            Some(model) => {
                let folder = part("language", &model.tensors)?;
                fs::write(folder.join("config.json"), model.config.to_string())?;
                if model.files.is_empty() {
                    OptTokenizer::small()?.write(&folder)?;
                }
                for (name, content) in &model.files {
                    fs::write(folder.join(name), content)?;
                }
                Some(folder)
            }
        };
        let tokenizer = if self.vocabulary.is_empty() {
            None
        } else {
            let folder = dir.join("bert");
            fs::create_dir_all(&folder)?;
            let list: String = self.vocabulary.iter().map(|token| format!("{token}\n")).collect();
            fs::write(folder.join("vocab.txt"), list)?;
            Some(folder)
        };
        Ok(Parts {
            checkpoint: file(part("trained", &self.checkpoint)?),
            vision: self.vision.as_ref().map(|tensors| part("tower", tensors).map(file)).transpose()?,
            language,
            tokenizer,
        })
    }
}
