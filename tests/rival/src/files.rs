//! `rival files`: the files that are measured, made by llama.cpp's own quantiser, so that both engines read the same
//! bytes and neither chose them.

use crate::{Result, llama, random_llama, tower};
use clap::Args;
use ocelli_engine::{Load, open_file};
use ocelli_quant::gguf::Gguf;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const SMOLLM2: [&str; 11] =
    ["q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q2_k", "q3_k_m", "q4_k_m", "q5_k_m", "q6_k", "iq4_nl"];
const TINYLLAMA: [&str; 4] = ["q4_0", "q4_k_m", "q6_k", "q8_0"];
const TOWERS: [&str; 2] = ["q8_0", "q4_0"];

/// Makes the files that are measured.
#[derive(Args)]
pub struct Files {
    /// Where to put them.
    dir: PathBuf,
    /// SmolLM2-135M-Instruct, in any type: brought to f16 first, then to every recipe.
    #[arg(long)]
    smollm2: Option<PathBuf>,
    /// A LLaMA vocabulary (llama.cpp's models/ggml-vocab-llama-spm.gguf) for a random model of TinyLlama-1.1B's shape.
    #[arg(long)]
    vocabulary: Option<PathBuf>,
    /// Random towers of published shapes, as projector files.
    #[arg(long)]
    towers: bool,
    /// Random pairs of published shapes, a language model and an mmproj each: SmolVLM-256M, and LLaVA-1.5-7B where --vocabulary is
    /// there. This is a byte-pair vocabulary for the first (llama.cpp's models/ggml-vocab-gpt-2.gguf).
    #[arg(long)]
    pairs: Option<PathBuf>,
    /// Only these recipes.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Threads of the quantiser.
    #[arg(long, default_value_t = 2)]
    threads: i32,
}

impl Files {
    /// Makes what is missing.
    pub fn run(&self) -> Result<()> {
        std::fs::create_dir_all(&self.dir)?;
        if let Some(from) = &self.smollm2 {
            let half = self.dir.join("smollm2-135m-f16.gguf");
            make(&half, |to| llama::quantize(from, to, llama::recipe("f16")?, self.threads))?;
            self.recipes(&half, "smollm2-135m", &SMOLLM2)?;
        }
        if let Some(vocabulary) = &self.vocabulary {
            let half = self.dir.join("tinyllama-1.1b-f16.gguf");
            let vocabulary = parse(vocabulary)?;
            make(&half, |to| random_llama::write(to, &random_llama::TINYLLAMA, &vocabulary))?;
            self.recipes(&half, "tinyllama-1.1b", &TINYLLAMA)?;
        }
        for shape in tower::SHAPES.iter().filter(|_| self.towers) {
            let half = self.dir.join(format!("{}-f16.gguf", shape.name));
            make(&half, |to| shape.write(to))?;
            self.recipes(&half, shape.name, &TOWERS)?;
        }
        if let Some(vocabulary) = &self.pairs {
            self.pair(&random_llama::SMOLLM2, &tower::SMOLVLM, vocabulary, &["q8_0"])?;
            if let Some(vocabulary) = &self.vocabulary {
                self.pair(&random_llama::VICUNA, &tower::LLAVA, vocabulary, &["q4_k_m"])?;
            }
        }
        Ok(())
    }

    fn pair(&self, text: &random_llama::Shape, eyes: &tower::Shape, vocabulary: &Path, types: &[&str]) -> Result<()> {
        let half = self.dir.join(format!("{}-f16.gguf", eyes.name));
        let vocabulary = parse(vocabulary)?;
        make(&half, |to| random_llama::write(to, text, &vocabulary))?;
        self.recipes(&half, eyes.name, types)?;
        let name = format!("mmproj-{}", eyes.name);
        let half = self.dir.join(format!("{name}-f16.gguf"));
        make(&half, |to| eyes.write(to))?;
        self.recipes(&half, &name, &["q8_0"])
    }

    fn recipes(&self, half: &Path, name: &str, recipes: &[&str]) -> Result<()> {
        for recipe in recipes.iter().filter(|r| self.only.is_empty() || self.only.iter().any(|o| o == *r)) {
            let to = self.dir.join(format!("{name}-{recipe}.gguf"));
            make(&to, |to| llama::quantize(half, to, llama::recipe(recipe)?, self.threads))?;
        }
        Ok(())
    }
}

/// A file by our own reader.
pub fn parse(path: &Path) -> Result<Gguf> {
    Ok(open_file(path, Load::Map).map_err(|e| format!("{}: {e}", path.display()))?)
}

/// Makes a file beside its place and moves it there, unless it is there; then says what is in it.
fn make(to: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    if !to.exists() {
        let part = to.with_extension("part");
        write(&part)?;
        std::fs::rename(&part, to)?;
    }
    println!("{:<28} {}", to.file_name().unwrap_or_default().display(), contents(to)?);
    Ok(())
}

/// Size and the share of each tensor type: recipes fall back to other types where a width is no multiple of 256.
fn contents(path: &Path) -> Result<String> {
    let bytes = std::fs::metadata(path)?.len();
    let Ok(file) = parse(path) else {
        return Ok(format!("{:8.1} MB, types Ocelli does not read", bytes as f64 / 1e6));
    };
    let mut types = BTreeMap::new();
    for tensor in file.tensors() {
        *types.entry(tensor.ty).or_insert(0u64) += tensor.bytes;
    }
    let shares: Vec<String> =
        types.iter().map(|(ty, b)| format!("{ty} {:.0} %", *b as f64 / bytes as f64 * 100.0)).collect();
    Ok(format!("{:8.1} MB: {}", bytes as f64 / 1e6, shares.join(", ")))
}
