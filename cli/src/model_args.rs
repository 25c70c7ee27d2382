//! The arguments that say which model runs and with what, and opening it.

use crate::bundled;
use crate::failure::Failure;
use crate::hub::{self, Wanted};
use clap::builder::RangedU64ValueParser;
use ocelli_engine::tokenizer::Tokenizer;
use ocelli_engine::{CacheType, DeviceInfo};
use ocelli_engine::{Engine, Load, Model, SessionOptions, open_file, parse};
use ocelli_quant::gguf::Gguf;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The model and its threads.
#[derive(clap::Args)]
#[command(next_help_heading = "Model")]
pub struct ModelArgs {
    /// The model file, or a hub's model: OWNER/NAME, OWNER/NAME:TYPE or OWNER/NAME/FILE.gguf; without it the tiny bundled
    /// model answers
    #[arg(short, long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// Threads that compute; 0 is one a core
    #[arg(short, long, value_name = "N", default_value_t = 0,
        value_parser = RangedU64ValueParser::<usize>::new().range(0..=256))]
    threads: usize,
    /// Read the file into memory instead of mapping it: for files that may change while in use
    #[arg(long)]
    no_mmap: bool,
}

/// An open model.
pub struct Opened {
    pub model: Model,
    pub device: DeviceInfo,
    /// The path as given, or that it is the bundled one.
    pub name: String,
    /// How long opening took.
    pub load: Duration,
}

impl ModelArgs {
    /// How the file's bytes are reached.
    fn load(&self) -> Load {
        if self.no_mmap { Load::Copy } else { Load::Map }
    }

    /// The model's tokenizer, from the file's keys alone: it may have no weights.
    pub fn tokenizer(&self) -> Result<Tokenizer, Failure> {
        let (name, file) = gguf(self.model.as_deref(), self.load())?;
        Tokenizer::from_gguf(&file).map_err(|e| Failure::opening(&name, &e))
    }

    /// Opens the model.
    pub fn open(&self) -> Result<Opened, Failure> {
        let start = Instant::now();
        let engine = Engine::new(self.threads)?;
        let (name, file) = gguf(self.model.as_deref(), self.load())?;
        let model = engine.open_file(file).map_err(|e| Failure::opening(&name, &e))?;
        Ok(Opened { model, device: engine.info(), name, load: start.elapsed() })
    }
}

/// A GGUF file, or the bundled model, and what to call it. `-` is no file here: a model is read in any order, which
/// standard input cannot be.
pub fn gguf(path: Option<&Path>, load: Load) -> Result<(String, Gguf), Failure> {
    let Some(path) = path else {
        let name = bundled::NAME.to_owned();
        return match parse(bundled::bytes()) {
            Ok(file) => Ok((name, file)),
            Err(error) => Err(Failure::opening(&name, &error)),
        };
    };
    if path == Path::new("-") {
        let what = "'-' is standard input: a file is read in any order here, so give its path";
        return Err(Failure::usage("standard-input", what));
    }
    let name = path.display().to_string();
    let path = &hub::locate(path, Wanted::Model)?;
    match open_file(path, load) {
        Ok(file) => Ok((name, file)),
        Err(error) => Err(Failure::opening(&name, &error)),
    }
}

/// The memory of a session.
#[derive(clap::Args)]
#[command(next_help_heading = "Memory")]
pub struct MemoryArgs {
    /// Positions to make room for; without it, what the prompt and the answer need
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    context: Option<usize>,
    /// Number format of keys and values; without it f16, or f32 beside f32 weights
    #[arg(long, value_name = "TYPE", value_parser = CacheType::ALL.map(|(_, name)| name))]
    kv: Option<String>,
    /// Refuse to start if more memory is needed: a number of bytes, or with K, M, G or T
    #[arg(long, value_name = "BYTES", value_parser = parse_size, allow_hyphen_values = true)]
    budget: Option<u64>,
}

impl MemoryArgs {
    /// Options of a session that has room for `positions`, unless the arguments say otherwise.
    pub fn session(&self, positions: usize) -> SessionOptions {
        SessionOptions {
            context: self.context.unwrap_or(positions),
            cache: self.kv.as_deref().and_then(CacheType::parse),
            budget: self.budget.unwrap_or(0),
            ..SessionOptions::default()
        }
    }

    /// What of these decides answers: for telling batches apart.
    pub fn content(&self) -> String {
        format!("{:?} {:?}", self.context, self.kv)
    }

    /// Whether memory was limited.
    pub fn limited(&self) -> bool {
        self.budget.is_some()
    }

    /// Whether a session has room for what was asked for, not for what a request needs.
    pub fn fixed(&self) -> bool {
        self.context.is_some()
    }

    /// The most positions a session can have.
    pub fn most(&self, model: &Model) -> usize {
        self.context.unwrap_or(usize::MAX).min(model.context())
    }
}

/// Bytes: digits, perhaps with a fraction, then K, M, G or T with or without B or iB; units are powers of 1024.
fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || "expected a number of bytes such as 500000000, 512M or 1.5G".to_owned();
    let lower = text.trim().to_ascii_lowercase();
    let number = lower.trim_end_matches("ib").trim_end_matches('b');
    let (digits, shift) = match number.chars().next_back() {
        Some(unit @ ('k' | 'm' | 'g' | 't')) => {
            (&number[..number.len() - 1], 10 * (1 + "kmgt".find(unit).unwrap_or_default()))
        }
        _ => (number, 0),
    };
    let digits = digits.trim_end();
    let plain = |c: char| c.is_ascii_digit() || c == '.';
    let value: f64 = digits.parse().ok().filter(|_| digits.chars().all(plain)).ok_or_else(wrong)?;
    let bytes = value * (1u64 << shift) as f64;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    if (1.0..1e18).contains(&bytes) { Ok(bytes as u64) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        let good = [("1", 1), ("512M", 512 << 20), ("2g", 2 << 30), ("1.5GiB", 3 << 29), ("4 KB", 4096), ("7b", 7)];
        for (text, bytes) in good {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "G", "-1G", "1e9", "inf", "2X", "0", "1.2.3M", "99999999999T"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
