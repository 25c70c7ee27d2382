//! The goldens of InstructBLIP, `parity/instructblip_*.json`; see [`crate::golden`].

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::Result;
use crate::checkpoint::{self, Dtype};
use crate::golden::{Generation, Logits, Picture, Sample, Score, folder};

/// The goldens by name.
pub const INSTRUCTBLIP: [&str; 10] =
    ["default", "every", "plain", "half", "video", "five", "t5", "t5_tied", "t5_buckets", "t5_video"];

/// One configuration with everything the original answered for it.
#[derive(Debug, Deserialize)]
pub struct InstructGolden {
    /// Name, as in the file's name.
    pub name: String,
    /// Seed of the weights.
    pub seed: u64,
    /// Type in which the checkpoint stores the weights.
    pub dtype: Dtype,
    /// Whether a case's pictures are the frames of a video.
    pub video: bool,
    /// The id that stands for each row of a picture.
    pub placeholder: u32,
    /// The directory's other files by path.
    pub files: BTreeMap<String, String>,
    /// Names and shapes, sorted by name.
    pub tensors: Vec<(String, Vec<usize>)>,
    /// The pictures that cases name by number.
    pub pictures: Vec<Picture>,
    /// Prompts with the answers.
    pub cases: Vec<InstructCase>,
}

/// A prompt and what came out.
#[derive(Debug, Deserialize)]
pub struct InstructCase {
    /// Pictures by number: one, or the frames of a video.
    pub pictures: Vec<usize>,
    /// Text after them.
    pub prompt: String,
    /// Placeholders, `</s>`, text.
    pub ids: Vec<u32>,
    /// The text as the Q-Former reads it.
    pub qformer_ids: Vec<u32>,
    /// Rows for the language model.
    pub projection: Sample,
    /// Ids given to the decoder where an encoder reads the prompt.
    #[serde(default)]
    pub targets: Option<Vec<u32>>,
    /// Rows of logits: of the prompt, or behind the decoder's start and each of `targets`.
    pub logits: Vec<Logits>,
    /// Generations.
    pub generate: Vec<Generation>,
    /// Scores of continuations.
    pub score: Vec<Score>,
}

impl InstructGolden {
    /// Reads golden `instructblip_{name}.json`.
    ///
    /// # Errors
    /// Where the file is missing or is not a golden.
    pub fn load(name: &str) -> Result<Self> {
        Self::read(&folder().join(format!("instructblip_{name}.json")))
    }

    /// Reads a golden of any name.
    ///
    /// # Errors
    /// As [`InstructGolden::load`].
    pub fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
        Ok(serde_json::from_str(&text).map_err(|e| format!("{}: {e}", file.display()))?)
    }

    /// Writes the checkpoint into `dir` in its own type.
    ///
    /// # Errors
    /// Where writing fails.
    pub fn write(&self, dir: &Path) -> Result<()> {
        for (name, content) in &self.files {
            let file = dir.join(name);
            std::fs::create_dir_all(file.parent().unwrap_or(dir))?;
            std::fs::write(file, content)?;
        }
        checkpoint::write_weights(dir, self.seed, &self.tensors, self.dtype, None, &|_, _| ())
    }
}
