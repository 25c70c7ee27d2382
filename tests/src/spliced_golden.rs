//! The goldens of families whose prompts have a picture's rows in the place of embeddings, with tokenizers of LLaMA's kind:
//! `parity/llava_*.json` and others made by the same script; see [`crate::golden`].

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::Result;
use crate::checkpoint::{self, Dtype};
use crate::golden::{Generation, Logits, Picture, Sample, Score, folder};
use crate::mixed_golden::GoldenPiece;

/// The goldens of `llava`, by name.
pub const LLAVA: [&str; 6] = ["default", "layers", "next", "next_odd", "five", "five_next"];

/// One configuration with everything the original answered for it.
#[derive(Debug, Deserialize)]
pub struct SplicedGolden {
    /// Name, as in the file's name.
    pub name: String,
    /// Seed of the weights.
    pub seed: u64,
    /// Type in which the checkpoint stores the weights.
    pub dtype: Dtype,
    /// The id that stands for each row of a picture.
    pub placeholder: u32,
    /// The directory's other files by path.
    pub files: BTreeMap<String, String>,
    /// Names and shapes, sorted by name.
    pub tensors: Vec<(String, Vec<usize>)>,
    /// The pictures that cases name by number.
    pub pictures: Vec<Picture>,
    /// Prompts with the answers.
    pub cases: Vec<SplicedCase>,
}

/// A prompt and what came out.
#[derive(Debug, Deserialize)]
pub struct SplicedCase {
    /// Texts and pictures in order.
    pub pieces: Vec<GoldenPiece>,
    /// Ids, the placeholder standing for each row of a picture.
    pub ids: Vec<u32>,
    /// FNV-1a of all that the tower is shown of each picture, as little-endian f32.
    pub pixels: Vec<String>,
    /// Rows of all pictures, one behind the other.
    #[serde(default)]
    pub rows: Option<Sample>,
    /// Rows of logits.
    pub logits: Vec<Logits>,
    /// Generations.
    pub generate: Vec<Generation>,
    /// Scores of continuations.
    pub score: Vec<Score>,
}

impl SplicedGolden {
    /// Reads golden `{family}_{name}.json`.
    ///
    /// # Errors
    /// Where the file is missing or is not a golden.
    pub fn load(family: &str, name: &str) -> Result<Self> {
        Self::read(&folder().join(format!("{family}_{name}.json")))
    }

    /// Reads a golden of any name.
    ///
    /// # Errors
    /// As [`SplicedGolden::load`].
    pub fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
        Ok(serde_json::from_str(&text).map_err(|e| format!("{}: {e}", file.display()))?)
    }

    /// Writes the checkpoint into `dir` in its own type.
    ///
    /// # Errors
    /// Where writing fails.
    pub fn write(&self, dir: &Path) -> Result<()> {
        self.write_part(dir, |_| true)
    }

    /// The same with the tensors and files whose names `part` wants.
    ///
    /// # Errors
    /// Where writing fails.
    pub fn write_part(&self, dir: &Path, part: impl Fn(&str) -> bool) -> Result<()> {
        std::fs::create_dir_all(dir)?;
        for (name, content) in self.files.iter().filter(|(name, _)| part(name)) {
            std::fs::write(dir.join(name), content)?;
        }
        let tensors: Vec<_> = self.tensors.iter().filter(|(name, _)| part(name)).cloned().collect();
        checkpoint::write_weights(dir, self.seed, &tensors, self.dtype, None, &|_, _| ())
    }
}
