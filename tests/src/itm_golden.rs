//! The goldens of BLIP-2's first stage, `parity/blip2_itm_*.json`; see [`crate::golden`].

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::Result;
use crate::checkpoint::{self, Dtype};
use crate::golden::{Logits, Picture, Sample, Score, folder};

/// The goldens by name.
pub const BLIP2_ITM: [&str; 6] = ["default", "every", "plain", "one", "half", "five"];

/// One configuration with everything the original answered for it.
#[derive(Debug, Deserialize)]
pub struct ItmGolden {
    /// Name, as in the file's name.
    pub name: String,
    /// Seed of the weights.
    pub seed: u64,
    /// Type in which the checkpoint stores the weights.
    pub dtype: Dtype,
    /// The directory's other files by name.
    pub files: BTreeMap<String, String>,
    /// Names and shapes, sorted by name.
    pub tensors: Vec<(String, Vec<usize>)>,
    /// Pictures with what they are compared by.
    pub pictures: Vec<SeenPicture>,
    /// Texts with what they are compared by.
    pub texts: Vec<ReadText>,
    /// Every picture with every text.
    pub pairs: Vec<Pair>,
    /// What is written about pictures, where the model writes.
    pub captions: Vec<Captions>,
}

/// What is written about a picture behind some text.
#[derive(Debug, Deserialize)]
pub struct Captions {
    /// Which picture.
    pub image: usize,
    /// The text that it begins with.
    pub beginning: String,
    /// Its ids, `[DEC]` first.
    pub ids: Vec<u32>,
    /// A row for each of them.
    pub logits: Vec<Logits>,
    /// What follows.
    pub texts: Vec<Written>,
    /// Scores of continuations.
    pub score: Vec<Score>,
}

/// A text that was written.
#[derive(Debug, Deserialize)]
pub struct Written {
    /// `greedy` or `beams`.
    pub name: String,
    /// Its ids, with `[SEP]` where it ended.
    pub ids: Vec<u32>,
    /// The text, without special tokens.
    pub text: String,
}

/// A picture with what it is compared by.
#[derive(Debug, Deserialize)]
pub struct SeenPicture {
    /// The picture.
    #[serde(flatten)]
    pub picture: Picture,
    /// A row a query, of length one.
    pub embedding: Sample,
    /// The same before that.
    pub raw: Sample,
}

/// A text with what it is compared by.
#[derive(Debug, Deserialize)]
pub struct ReadText {
    /// The text.
    pub text: String,
    /// Its ids.
    pub ids: Vec<u32>,
    /// A row of length one.
    pub embedding: Sample,
    /// The same before that.
    pub raw: Sample,
}

/// How well a picture and a text go together.
#[derive(Debug, Deserialize)]
pub struct Pair {
    /// Which picture.
    pub image: usize,
    /// Which text.
    pub text: usize,
    /// Of "no" and "yes".
    pub logits: [f32; 2],
    /// The probability of "yes".
    pub itm: f32,
    /// The greatest cosine.
    pub itc: f32,
}

impl ItmGolden {
    /// Reads golden `blip2_itm_{name}.json`.
    ///
    /// # Errors
    /// Where the file is missing or is not a golden.
    pub fn load(name: &str) -> Result<Self> {
        Self::read(&folder().join(format!("blip2_itm_{name}.json")))
    }

    /// Reads a golden of any name.
    ///
    /// # Errors
    /// As [`ItmGolden::load`].
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
        for (name, content) in &self.files {
            std::fs::write(dir.join(name), content)?;
        }
        checkpoint::write_weights(dir, self.seed, &self.tensors, self.dtype, None, &|_, _| ())
    }
}
