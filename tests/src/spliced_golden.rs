//! The goldens of families whose prompts have a picture's rows in the place of embeddings, with tokenizers of LLaMA's kind:
//! `parity/llava_*.json` and others made by the same script; see [`crate::golden`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::Result;
use crate::checkpoint::{self, Dtype};
use crate::golden::{Generation, Logits, Picture, Sample, Score, folder};
use crate::mixed_golden::GoldenPiece;

/// The goldens of `llava`, by name.
pub const LLAVA: [&str; 6] = ["default", "layers", "next", "next_odd", "five", "five_next"];

/// The goldens of `gemma3`, by name.
pub const GEMMA3: [&str; 5] = ["default", "odd", "whole", "five", "five_narrow"];

/// The goldens of `internvl`, by name.
pub const INTERNVL: [&str; 5] = ["default", "quarter", "single", "five", "five_inner"];

/// The goldens of `lfm2_vl`, by name.
pub const LFM2_VL: [&str; 3] = ["default", "plain", "whole"];

/// The goldens of `mplug_owl`, by name.
pub const MPLUG_OWL: [&str; 2] = ["default", "half"];

/// The goldens of `kosmos`, by name.
pub const KOSMOS: [&str; 5] = ["default", "half", "plain", "odd", "five"];

/// The goldens of `kosmos_original`, by name.
pub const KOSMOS_ORIGINAL: [&str; 3] = ["two", "one", "one_half"];

/// The goldens of `minigpt4`, by name.
pub const MINIGPT4: [&str; 3] = ["vicuna", "llama2", "v2"];

/// Names and shapes, sorted by name.
type Tensors = Vec<(String, Vec<usize>)>;

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
    /// Those of the directory.
    pub tensors: Tensors,
    /// Those of files beside it, by what they are.
    #[serde(default)]
    pub parts: BTreeMap<String, Tensors>,
    /// Of KOSMOS' original layout, what its tensors do not say.
    #[serde(default)]
    pub original: Option<KosmosOriginal>,
    /// The pictures that cases name by number.
    pub pictures: Vec<Picture>,
    /// Prompts with the answers.
    pub cases: Vec<SplicedCase>,
    /// Ids of the script's conversation.
    #[serde(default)]
    pub talk: Vec<u32>,
}

/// What the tensors of KOSMOS' original layout do not say.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct KosmosOriginal {
    /// Whether positions are xPos.
    pub xpos: bool,
    /// Heads of the language model,
    pub heads: u32,
    /// and of the tower.
    pub vision_heads: u32,
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

    /// The same files without a tensor or an answer.
    #[must_use]
    pub fn clone_files(&self) -> Self {
        Self {
            name: self.name.clone(),
            seed: self.seed,
            dtype: self.dtype,
            placeholder: self.placeholder,
            files: self.files.clone(),
            tensors: Vec::new(),
            parts: BTreeMap::new(),
            original: None,
            pictures: Vec::new(),
            cases: Vec::new(),
            talk: Vec::new(),
        }
    }

    /// Writes the checkpoint into `dir` in its own type.
    ///
    /// # Errors
    /// Where writing fails.
    pub fn write(&self, dir: &Path) -> Result<()> {
        std::fs::create_dir_all(dir)?;
        for (name, content) in &self.files {
            std::fs::write(dir.join(name), content)?;
        }
        checkpoint::write_weights(dir, self.seed, &self.tensors, self.dtype, None, &|_, _| ())
    }

    /// Writes a part into a folder of its own in `dir`; none where there is none.
    ///
    /// # Errors
    /// Where writing fails.
    pub fn write_part(&self, name: &str, dir: &Path) -> Result<Option<PathBuf>> {
        let Some(tensors) = self.parts.get(name).filter(|tensors| !tensors.is_empty()) else { return Ok(None) };
        let dir = dir.join(name);
        std::fs::create_dir_all(&dir)?;
        checkpoint::write_weights(&dir, self.seed, tensors, self.dtype, None, &|_, _| ())?;
        Ok(Some(dir.join("model.safetensors")))
    }
}
