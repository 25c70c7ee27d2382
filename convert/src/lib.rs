//! `ocelli-convert`: a released checkpoint becomes one GGUF, and one GGUF another of fewer bits ([`quantize`]).
//!
//! The source is a Hugging Face directory: `config.json`, weights as safetensors or as PyTorch saves them (one file, or
//! shards with an index), tokenizer files and `preprocessor_config.json`. Everything a model needs ends up in the output: tower, bridge, language model,
//! tokenizer, preprocessing and generation defaults. `docs/format.md` lists each key and tensor.
//!
//! What is promised: every input is checked against its family's rules before the first byte is written; memory stays
//! bounded by a few chunks whatever the size of the checkpoint; the same input gives the same bytes; and the output is
//! the old file or a complete new one.

mod atomic;
mod checkpoint;
mod error;
mod families;
pub mod imatrix;
mod json;
mod keys;
mod layout;
mod output;
pub mod pair;
mod parts;
pub mod quantize;
mod recipe;
mod report;
mod settings;
mod tokenizer;
mod write;

use std::fs;
use std::path::{Path, PathBuf};

pub use atomic::{leftovers, replace_atomically, write_atomically};
pub use checkpoint::{MergeError, SafetensorsError, TorchError};
pub use error::{ConvertError, UnknownSetting};
pub use families::kosmos::KosmosOriginal;
pub use families::lavis::{Lavis, LavisError};
pub use families::llava::Original;
pub use families::minigpt4::MiniGpt4;
pub use families::open_flamingo::OpenFlamingo;
use ocelli_quant::TensorType;
use ocelli_quant::gguf::Writer;
pub use output::Output;
pub use report::{Progress, Report};

use crate::checkpoint::Checkpoint;
use crate::families::{Family, Model};
use crate::keys::Keys;
use crate::output::{Identity, Place};
use crate::recipe::{Mix, Recipe};
use crate::settings::{Inputs, Object, Settings};

/// What to make of a checkpoint.
#[derive(Debug, Clone)]
pub struct Options {
    /// How matrices are stored, and whether an existing output may be replaced. Norms, biases and position tables stay F32,
    /// the patch embedding F16.
    pub recipe: Recipe,
    /// The family, by the names of [`families`]; `None` follows `model_type` in `config.json`.
    pub family: Option<String>,
    /// Another directory for the tokenizer files.
    pub tokenizer: Option<PathBuf>,
    /// Settings of the source's JSON files, by their paths such as `text_config.my_note`, that do not change the model though
    /// nothing here knows them. Each becomes a note where it would otherwise end the conversion.
    pub ignored_settings: Vec<String>,
}

impl Options {
    /// All matrices as `ty`, everything else by default.
    #[must_use]
    pub fn new(ty: TensorType) -> Self {
        Recipe { pure: true, ..Recipe::new(Mix::of(ty)) }.into()
    }
}

impl From<Recipe> for Options {
    fn from(recipe: Recipe) -> Self {
        Self { recipe, family: None, tokenizer: None, ignored_settings: Vec::new() }
    }
}

/// Families by name, each with the `model_type`s it reads.
#[must_use]
pub fn families() -> Vec<(&'static str, &'static [&'static str])> {
    families::ALL.iter().map(|family| (family.name, family.model_types)).collect()
}

/// The `model_type` of every language model that can be converted by itself, with the `general.architecture` it becomes.
#[must_use]
pub fn language_models() -> &'static [(&'static str, &'static str)] {
    &parts::language::ARCHITECTURES
}

/// Converts the checkpoint directory `source` to the file `out`.
///
/// # Errors
/// See [`ConvertError`]. After any error a file at `out` is what it was before, and nothing else is left beside it.
pub fn convert<'o>(
    source: &Path,
    out: impl Into<Output<'o>>,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Report, ConvertError> {
    let out = out.into();
    let place = check_output(&[source], out, options)?;
    let settings = Settings::default();
    let Some(config) = settings.read(source, "config.json")? else {
        let hint = "it names the model's family and sizes";
        return Err(ConvertError::FileMissing { file: "config.json".to_owned(), directory: source.to_owned(), hint });
    };
    let family = families::find(options.family.as_deref(), &config)?;
    let checkpoint = Checkpoint::open(source)?;
    let model = (family.read)(&config, &checkpoint)?;
    let inputs = Inputs { source, tokenizer: options.tokenizer.as_deref().unwrap_or(source), settings: &settings };
    assemble((family, model.as_ref()), &inputs, &config, checkpoint, (out, place), options, progress)
}

/// Converts an OpenFlamingo model, whose parts lie in three places, to the file `out`. The tokenizer is that of the
/// language model unless `options` names another; the family is given.
///
/// # Errors
/// As [`convert`].
pub fn convert_open_flamingo<'o>(
    sources: &OpenFlamingo,
    out: impl Into<Output<'o>>,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Report, ConvertError> {
    let out = out.into();
    let place = check_output(&[&sources.language, &sources.vision], out, options)?;
    let settings = Settings::default();
    let (model, checkpoint) = families::open_flamingo::open(sources, &settings)?;
    // The result is none of the repositories it was made of, so it takes the name of none.
    let origin = Object::empty("config.json");
    let source = sources.language.as_path();
    let inputs = Inputs { source, tokenizer: options.tokenizer.as_deref().unwrap_or(source), settings: &settings };
    assemble(
        (&families::flamingo::FAMILY, model.as_ref()),
        &inputs,
        &origin,
        checkpoint,
        (out, place),
        options,
        progress,
    )
}

/// Converts a BLIP-2 or InstructBLIP checkpoint of LAVIS, whose parts lie in several places, to the file `out`. `options`
/// names the Q-Former's tokenizer; a language model's is that of its directory. The family is given.
///
/// # Errors
/// As [`convert`].
pub fn convert_lavis<'o>(
    sources: &Lavis,
    out: impl Into<Output<'o>>,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Report, ConvertError> {
    let out = out.into();
    let directories: Vec<&Path> = sources.language.iter().chain(&options.tokenizer).map(PathBuf::as_path).collect();
    let place = check_output(&directories, out, options)?;
    let settings = Settings::default();
    let opened = families::lavis::open(sources, options.tokenizer.as_deref(), &settings)?;
    let inputs = Inputs { source: opened.source, tokenizer: opened.source, settings: &settings };
    let origin = Object::empty("config.json");
    let (model, checkpoint) = (opened.model.as_ref(), opened.checkpoint);
    assemble((opened.family, model), &inputs, &origin, checkpoint, (out, place), options, progress)
}

/// Converts a LLaVA of the original repository, whose parts lie in several places, to the file `out`. The tokenizer is that of
/// the language model unless `options` names another; the family is given.
///
/// # Errors
/// As [`convert`].
pub fn convert_llava<'o>(
    sources: &Original,
    out: impl Into<Output<'o>>,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Report, ConvertError> {
    let out = out.into();
    let directories: Vec<&Path> = sources.directories();
    let place = check_output(&directories, out, options)?;
    let settings = Settings::default();
    let (model, checkpoint) = families::llava::open(sources, &settings)?;
    let source = sources.language.as_path();
    let inputs = Inputs { source, tokenizer: options.tokenizer.as_deref().unwrap_or(source), settings: &settings };
    let (family, origin) = (&families::llava::FAMILY, Object::empty("config.json"));
    assemble((family, model.as_ref()), &inputs, &origin, checkpoint, (out, place), options, progress)
}

/// Converts a KOSMOS-2 as its makers saved it, or a model of KOSMOS-1's shape in that layout, to the file `out`. The tokenizer that
/// `options` name is SentencePiece's file or a directory; where they name none, the directory of the checkpoint. The family is
/// given.
///
/// # Errors
/// As [`convert`].
pub fn convert_kosmos<'o>(
    source: &KosmosOriginal,
    out: impl Into<Output<'o>>,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Report, ConvertError> {
    let out = out.into();
    let beside = source.checkpoint.parent().unwrap_or(Path::new("."));
    let tokenizer = options.tokenizer.as_deref().unwrap_or(beside);
    let directories: &[&Path] = if tokenizer.is_file() { &[] } else { &[tokenizer] };
    let place = check_output(directories, out, options)?;
    let settings = Settings::default();
    let (model, checkpoint) = families::kosmos::open(source)?;
    let inputs = Inputs { source: tokenizer, tokenizer, settings: &settings };
    let (family, origin) = (&families::kosmos::FAMILY, Object::empty("config.json"));
    assemble((family, model.as_ref()), &inputs, &origin, checkpoint, (out, place), options, progress)
}

/// Converts a MiniGPT-4 or MiniGPT-v2, whose parts lie in several places, to the file `out`. The tokenizer is that of the
/// language model unless `options` names another; the family is given.
///
/// # Errors
/// As [`convert`].
pub fn convert_minigpt4<'o>(
    sources: &MiniGpt4,
    out: impl Into<Output<'o>>,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Report, ConvertError> {
    let out = out.into();
    let place = check_output(&sources.directories(), out, options)?;
    let settings = Settings::default();
    let (model, checkpoint) = families::minigpt4::open(sources, &settings)?;
    let source = sources.language.as_path();
    let inputs = Inputs { source, tokenizer: options.tokenizer.as_deref().unwrap_or(source), settings: &settings };
    let (family, origin) = (&families::minigpt4::FAMILY, Object::empty("config.json"));
    assemble((family, model.as_ref()), &inputs, &origin, checkpoint, (out, place), options, progress)
}

/// Writes a model whose weights are found. The model's origin is that of `config`.
fn assemble(
    (family, model): (&Family, &dyn Model),
    inputs: &Inputs<'_>,
    config: &Object,
    mut checkpoint: Checkpoint,
    (out, place): (Output<'_>, Place),
    options: &Options,
    progress: &dyn Progress,
) -> Result<Report, ConvertError> {
    if let Place::File { target, .. } = &place
        && checkpoint.is_input(target)
    {
        return Err(ConvertError::OutputUnfit { path: out.name(), what: "a file of the checkpoint" });
    }
    let mut keys = Keys::default();
    for wrapper in &checkpoint.dropped {
        keys.note(format!("'{wrapper}' was dropped from the tensors' names: training put it before all of them"));
    }
    let mut layout = model.layout();
    layout.saved_by(config.text("transformers_version")?);
    if adopt_names(&mut checkpoint, &layout, |name| model.canonical(name)) {
        keys.note(format!("tensor names were read as the {} family's by dropping prefixes", family.name));
    }
    let mut settled = layout.settle(&checkpoint, family.name, &mut keys.notes)?;
    settled.skipped.sort();

    families::general_keys(&mut keys, family, model.architecture(), config, options.recipe.mix.file_type())?;
    model.keys(inputs, &mut keys)?;
    tokenizer::chat::keys(inputs, &mut keys)?;
    let unread = [
        "generation_config.json",
        "preprocessor_config.json",
        "processor_config.json",
        "video_preprocessor_config.json",
    ];
    for name in unread {
        if !inputs.settings.has_read(inputs.source, name) && inputs.source.join(name).exists() {
            keys.note(format!("{name} is not read: a {} model has nothing of it", family.name));
        }
    }
    inputs.settings.check(&options.ignored_settings, &mut keys.notes)?;
    if let Place::File { target, .. } = &place {
        for name in leftovers(target) {
            keys.note(format!("{name} was left by another conversion and is not touched"));
        }
    }

    let mut report = Report { skipped: settled.skipped, ..Report::default() };
    let mut writer = Writer::new();
    let tensors = recipe::declare(settled.targets, &options.recipe, &keys, &mut writer, &mut report)?;
    // What the recipe says is in the general keys, but for what it says of importances.
    let more = options.recipe.keys().into_iter().map(|(key, value)| (key.to_owned(), value));
    let more: Vec<_> = more.filter(|(key, _)| keys.values.iter().all(|(known, _)| known != key)).collect();
    for (key, value) in keys.values.into_iter().chain(more) {
        writer.set(key, value);
    }
    report.tensors = tensors.len();
    report.bytes_in = checkpoint.bytes();
    report.bytes_out = writer.total_bytes()?;
    report.notes = keys.notes;
    write::file((out, &place), writer, progress, |body| {
        write::pour(body, &tensors, &checkpoint, progress, &mut report.notes)
    })?;
    for note in &report.notes {
        progress.note(note);
    }
    Ok(report)
}

/// Tries the family's other spellings of tensor names; they are taken only if they explain every tensor.
fn adopt_names(checkpoint: &mut Checkpoint, layout: &layout::Layout, canonical: impl Fn(&str) -> String) -> bool {
    if layout.unknown(checkpoint.names()).is_empty() {
        return false;
    }
    let renamed: Vec<String> = checkpoint.names().map(&canonical).collect();
    let explains = layout.unknown(renamed.iter().map(String::as_str)).is_empty();
    let distinct = renamed.iter().collect::<std::collections::BTreeSet<_>>().len() == renamed.len();
    if explains && distinct {
        checkpoint.rename(canonical);
    }
    explains && distinct
}

/// Refuses outputs that would destroy something before anything is read.
fn check_output(sources: &[&Path], out: Output<'_>, options: &Options) -> Result<Place, ConvertError> {
    if let Some(source) = sources.iter().find(|source| !source.is_dir()) {
        return Err(ConvertError::SourceNotADirectory((*source).to_owned()));
    }
    out.place(options.recipe.overwrite, |there| {
        let is_input = |path: &Path| {
            let output = path.extension().is_some_and(|extension| extension == "gguf");
            !output && Identity::at(path).is_some_and(|input| input == *there)
        };
        let directories = sources.iter().copied().chain(options.tokenizer.as_deref());
        let mut entries = directories.flat_map(|directory| fs::read_dir(directory).into_iter().flatten().flatten());
        entries.any(|entry| is_input(&entry.path())).then_some("a file of the checkpoint")
    })
}
