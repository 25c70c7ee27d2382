//! The arguments that say which model runs and with what, and opening it.

use crate::bundled;
use crate::failure::Failure;
use crate::hub::{self, Wanted};
use crate::output::Notes;
use crate::picture_args::PictureArgs;
use clap::builder::RangedU64ValueParser;
use ocelli_engine::tokenizer::Tokenizer;
use ocelli_engine::{Beside, find_mmproj, join_pair, limit_image_rows, open_file, parse};
use ocelli_engine::{CacheType, DeviceInfo, Engine, Error, Load, Model, Observer, SessionOptions};
use ocelli_quant::gguf::Gguf;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

/// Which model it is, in every command that takes one.
#[derive(clap::Args, Clone)]
#[command(next_help_heading = "Model")]
pub struct ModelFile {
    /// The model file, or a hub's model: OWNER/NAME, OWNER/NAME:TYPE or OWNER/NAME/FILE.gguf. It may also be the first
    /// argument; without either it is what OCELLI_MODEL names, or the tiny bundled model
    #[arg(short, long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// The model file, as -m has it
    #[arg(value_name = "MODEL")]
    pub bare: Option<PathBuf>,
    /// What a language model in a file of its own sees with: the second file of a pair of llama.cpp's. Without it, the one
    /// mmproj*.gguf beside the model that fits it; 'none' is none
    #[arg(long, value_name = "FILE")]
    pub mmproj: Option<PathBuf>,
    /// Most rows that a picture may become, where that depends on its size: a larger one is shown at fewer pixels
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub image_max_rows: Option<u32>,
}

impl ModelFile {
    /// The model that was asked for; `None` is the bundled one.
    pub fn path(&self) -> Option<PathBuf> {
        self.model.clone().or_else(|| self.bare.clone()).or_else(Self::fallback)
    }

    /// [`ModelFile::pair`], its pictures held to the rows that were asked for.
    pub fn open(&self, load: Load, quiet: bool) -> Result<(String, Gguf), Failure> {
        let (name, file) = self.pair(load, quiet)?;
        let Some(rows) = self.image_max_rows else { return Ok((name, file)) };
        let limited = limit_image_rows(file, rows).map_err(|e| Failure::opening(&name, &e))?;
        Ok((name, limited))
    }

    /// The file, or the two files as one, and what to call it. `quiet` is without a word about what was fetched or found.
    fn pair(&self, load: Load, quiet: bool) -> Result<(String, Gguf), Failure> {
        let Some(path) = self.path() else {
            if self.mmproj.is_some() {
                let hint = "the bundled model sees already; name the language model with -m";
                return Err(Failure::usage("usage", "--mmproj goes with a model of its own").with_hint(hint));
            }
            return gguf(None, load, quiet);
        };
        let (name, file) = gguf(Some(&path), load, quiet)?;
        let failed = |error: &Error| Failure::opening(&name, error);
        let mmproj = match &self.mmproj {
            Some(given) if given.as_os_str() == "none" => None,
            Some(given) => Some(given.clone()),
            None => {
                let Beside { mmproj, others } =
                    find_mmproj(&file, &hub::locate(&path, Wanted::Model, true)?).map_err(|e| failed(&e))?;
                if let (None, Some(error)) = (&mmproj, others.first()) {
                    Notes::new(quiet).line(format_args!("it goes without what lies beside it: {error}"));
                }
                mmproj
            }
        };
        let Some(mmproj) = mmproj else { return Ok((name, file)) };
        if self.mmproj.is_none() {
            let found = mmproj.display();
            Notes::new(quiet)
                .line(format_args!("it sees with {found}, which lies beside it ('--mmproj none' goes without)"));
        }
        let (other, eyes) = gguf(Some(&mmproj), load, quiet)?;
        let pair = join_pair(file, eyes, [&name, &other]).map_err(|e| failed(&e))?;
        Ok((name, pair))
    }

    /// The model of those who ask for none.
    pub fn fallback() -> Option<PathBuf> {
        std::env::var_os("OCELLI_MODEL").filter(|name| !name.is_empty()).map(PathBuf::from)
    }

    /// Refuses what is no name of a file but a sentence, where a text would have another place.
    pub fn check(&self) -> Result<(), Failure> {
        match &self.bare {
            Some(text) if text.to_string_lossy().contains(char::is_whitespace) && !text.exists() => {
                let message = format_args!("there is no model file '{}'", text.display());
                Err(Failure::usage("usage", message)
                    .with_hint("the first argument is the model; a text goes behind -p"))
            }
            _ => Ok(()),
        }
    }
}

/// What a command reads and what it writes, each behind its flag or bare, in this order. A flag's bare argument is not
/// awaited, so that the other one may come alone.
pub fn from_and_to(
    (from, to): (Option<&PathBuf>, Option<&PathBuf>),
    bare: [Option<&PathBuf>; 2],
    names: [&str; 2],
) -> Result<(PathBuf, PathBuf), Failure> {
    let mut bare = bare.into_iter().flatten();
    let mut place = |flag: Option<&PathBuf>| flag.or_else(|| bare.next()).cloned();
    let places = [place(from), place(to)];
    if let Some(more) = bare.next() {
        let what = format_args!("unexpected argument '{}' found", more.display());
        return Err(Failure::usage("usage", what).with_hint("a file is named once, behind its flag or bare"));
    }
    let missing: Vec<&str> =
        names.into_iter().zip(&places).filter(|(_, place)| place.is_none()).map(|(n, _)| n).collect();
    let [Some(from), Some(to)] = places else {
        let what = format_args!("the following required arguments were not provided: {}", missing.join(", "));
        return Err(Failure::usage("usage", what).with_hint("--help has examples"));
    };
    Ok((from, to))
}

/// The model and its threads.
#[derive(clap::Args, Clone)]
#[command(next_help_heading = "Model")]
pub struct ModelArgs {
    #[command(flatten)]
    pub file: ModelFile,
    /// Threads that compute; 0 is one a core
    #[arg(short, long, value_name = "N", default_value_t = 0,
        value_parser = RangedU64ValueParser::<usize>::new().range(0..=256))]
    threads: usize,
    /// Read the file into memory instead of mapping it: for files that may change while in use
    #[arg(long)]
    no_mmap: bool,
    /// Layers on a GPU, also as -ngl; this build has none and says so where any are asked for
    #[arg(long, value_name = "N", value_parser = gpu_layers)]
    gpu_layers: Option<bool>,
    #[command(flatten)]
    pictures: PictureArgs,
}

/// Whether any layer is to go to a GPU.
fn gpu_layers(text: &str) -> Result<bool, String> {
    match text {
        "auto" => Ok(false),
        "all" => Ok(true),
        // llama.cpp takes any number below zero for all of them.
        _ => text.parse::<i64>().map(|layers| layers != 0).map_err(|_| "expected a number, 'auto' or 'all'".to_owned()),
    }
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
    pub fn tokenizer(&self, path: Option<&Path>) -> Result<Tokenizer, Failure> {
        if self.file.mmproj.is_some() || self.file.image_max_rows.is_some() {
            return Err(Failure::usage(
                "usage",
                "--mmproj and --image-max-rows are for pictures: they change no token",
            ));
        }
        let (name, file) = gguf(path, self.load(), false)?;
        Tokenizer::from_gguf(&file).map_err(|e| Failure::opening(&name, &e))
    }

    /// The same of another file.
    pub fn other(&self, path: &Path) -> Self {
        let file = ModelFile { model: Some(path.to_owned()), bare: None, ..self.file.clone() };
        Self { file, ..self.clone() }
    }

    /// Opens the model; `quiet` is without a word about fetching it.
    pub fn open(&self, quiet: bool) -> Result<Opened, Failure> {
        self.open_with(Engine::new(self.threads)?, quiet)
    }

    /// Opens the model, watched by what is given back with it.
    pub fn observed(&self, quiet: bool) -> Result<(Model, Arc<Observer>), Failure> {
        let (engine, observer) = Engine::observed(self.threads)?;
        Ok((self.open_with(engine, quiet)?.model, observer))
    }

    fn open_with(&self, engine: Engine, quiet: bool) -> Result<Opened, Failure> {
        self.file.check()?;
        self.say();
        self.pictures.hold();
        let start = Instant::now();
        let (name, file) = self.file.open(self.load(), quiet)?;
        let model = engine.open_file(file).map_err(|e| Failure::opening(&name, &e))?;
        for note in model.notes() {
            Notes::new(quiet).line(format_args!("{note}"));
        }
        Ok(Opened { model, device: engine.info(), name, load: start.elapsed() })
    }

    /// Says once what was asked for and cannot be. Whoever wants a GPU wants to know, so `--quiet` does not keep it back.
    fn say(&self) {
        static SAID: Once = Once::new();
        if self.gpu_layers == Some(true) {
            let note = "--gpu-layers: this build computes on the processor; no layer goes to a GPU";
            SAID.call_once(|| Notes::new(false).always(note));
        }
    }
}

/// A GGUF file, or the bundled model, and what to call it. `-` is no file here: a model is read in any order, which
/// standard input cannot be. `quiet` is without a word about fetching it.
pub fn gguf(path: Option<&Path>, load: Load, quiet: bool) -> Result<(String, Gguf), Failure> {
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
    let path = &hub::locate(path, Wanted::Model, quiet)?;
    match open_file(path, load) {
        Ok(file) => Ok((name, file)),
        Err(error) => Err(Failure::opening(&name, &error)),
    }
}

/// How much memory a session may take.
#[derive(clap::Args)]
#[command(next_help_heading = "Memory")]
pub struct BudgetArgs {
    /// Refuse to start if more memory is needed, the mapped model file counted in. A number of bytes, or with K, M, G or T,
    /// which are powers of 1024, with or without B or iB behind them
    #[arg(long, value_name = "BYTES", value_parser = parse_size, allow_hyphen_values = true)]
    budget: Option<u64>,
}

impl BudgetArgs {
    /// Options of a session that is laid out for nothing in particular.
    pub fn session(&self) -> SessionOptions {
        SessionOptions { budget: self.budget.unwrap_or(0), ..SessionOptions::default() }
    }

    /// Whether memory was limited.
    pub fn limited(&self) -> bool {
        self.budget.is_some()
    }
}

/// The memory of a session.
#[derive(clap::Args)]
#[command(next_help_heading = "Memory")]
pub struct MemoryArgs {
    /// Positions to make room for, the prompt's and the answer's together; without it, what these need
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    context: Option<usize>,
    /// Number format of keys and values; without it f16, or f32 beside f32 weights
    #[arg(long, value_name = "TYPE", value_parser = CacheType::ALL.map(|(_, name)| name))]
    kv: Option<String>,
    #[command(flatten)]
    budget: BudgetArgs,
}

impl MemoryArgs {
    /// Options of a session that has room for `positions`, unless the arguments say otherwise.
    pub fn session(&self, positions: usize) -> SessionOptions {
        SessionOptions {
            context: self.context.unwrap_or(positions),
            cache: self.kv.as_deref().and_then(CacheType::parse),
            ..self.budget.session()
        }
    }

    /// What of these decides answers: for telling batches apart.
    pub fn content(&self) -> String {
        format!("{:?} {:?}", self.context, self.kv)
    }

    /// Whether memory was limited.
    pub fn limited(&self) -> bool {
        self.budget.limited()
    }

    /// Whether a session has room for what was asked for, not for what a request needs.
    pub fn fixed(&self) -> bool {
        self.context.is_some()
    }

    /// Says where a context was asked for that the model does not have.
    pub fn note_context(&self, model: &Model, notes: &Notes) {
        if let Some(asked) = self.context.filter(|&asked| asked > model.context()) {
            let most = model.context();
            notes.line(format_args!("--context {asked} is taken as {most}: this model has no more positions"));
        }
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
