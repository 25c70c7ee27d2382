//! A language model and what it sees with as two files, as llama.cpp's tools write them: the second is called an mmproj.
//!
//! The non-obvious thing: the pair becomes one [`Gguf`] whose tensors lie in both files, with the names and keys of both. Opening
//! it is then what opening one file with all of them is, which `ocelli convert` makes of a pair.

use super::projector::{self, FAMILY, PROJECTOR, TEXT};
use crate::error::Error;
use ocelli_quant::gguf::Gguf;
use std::path::{Path, PathBuf};

/// Keys of the mmproj that are about that file and not about the model.
const OF_THE_FILE: &str = "general.";

/// The two as one model; `names` are what they are called in messages.
///
/// # Errors
/// [`Error::Pair`] for files that are something else, or whose widths differ; an unknown projector; a tensor that both have.
pub fn join(model: Gguf, mmproj: Gguf, names: [&str; 2]) -> Result<Gguf, Error> {
    let wrong = |how: String| Error::Pair { model: names[0].to_owned(), mmproj: names[1].to_owned(), how };
    let architecture = model.str("general.architecture")?.unwrap_or("(no such key)").to_owned();
    let other = mmproj.str("general.architecture")?.unwrap_or("(no such key)").to_owned();
    if architecture == "clip" {
        return Err(wrong(format!("{} is no language model, its general.architecture is 'clip'", names[0])));
    }
    if other != "clip" {
        return Err(wrong(format!("{} is no mmproj, its general.architecture is '{other}' and not 'clip'", names[1])));
    }
    if let Some(key) = sees(&model) {
        return Err(wrong(format!("{} sees already, it has a key '{key}'", names[0])));
    }
    let Some(kind) = projector::of(&mmproj)? else {
        return Err(wrong(format!("{} does not say which projector it has (clip.projector_type)", names[1])));
    };
    if !(kind.languages.is_empty() || kind.languages.contains(&architecture.as_str())) {
        let known = kind.languages.join(", ");
        return Err(wrong(format!("a projector '{}' leads to {known}, the model is '{architecture}'", kind.name)));
    }
    let last = kind.matrices.iter().rev().find_map(|name| mmproj.tensor(&format!("{name}.weight")));
    let Some(last) = last else {
        return Err(wrong(format!("{} has no tensor {}.weight", names[1], kind.matrices[0])));
    };
    let key = format!("{architecture}.embedding_length");
    let (rows, width) = (if kind.columns { last.cols() } else { last.rows() }, model.u64(&key)?);
    if width.is_some_and(|width| width != rows) {
        let width = width.unwrap_or_default();
        return Err(wrong(format!(
            "{} makes rows of {rows} numbers ({}), the model's have {width} ({key})",
            names[1], last.name
        )));
    }
    let key = format!("{architecture}.n_deepstack_layers");
    let (takes, has) = (model.u64(&key)?.unwrap_or(0), features(&mmproj));
    if takes != has {
        return Err(wrong(format!(
            "{} makes {has} features of a picture (v.deepstack.*) for as many layers of the model, which takes {takes} ({key})",
            names[1]
        )));
    }
    Ok(model.beside(mmproj, |key| !key.starts_with(OF_THE_FILE))?)
}

/// Features of a picture that go to layers of the language model.
fn features(mmproj: &Gguf) -> u64 {
    let is = |name: &str| name.starts_with("v.deepstack.") && name.ends_with(".fc1.weight");
    mmproj.tensors().iter().filter(|tensor| is(&tensor.name)).count() as u64
}

/// What lies beside a language model by the usual names, `mmproj*.gguf` and `*.mmproj*.gguf`.
#[derive(Debug, Default)]
pub struct Beside {
    /// The one that fits it; `None` where there is none, or where the model needs none.
    pub mmproj: Option<PathBuf>,
    /// Why the others do not, each with its name.
    pub others: Vec<Error>,
}

/// Looks for the mmproj of a language model in the file at `path`.
///
/// # Errors
/// [`Error::Pair`] with the choices where several fit.
pub fn find(model: &Gguf, path: &Path) -> Result<Beside, Error> {
    let mut beside = Beside::default();
    if sees(model).is_some() {
        return Ok(beside);
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = std::fs::read_dir(directory) else { return Ok(beside) };
    let usual = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        name.contains("mmproj") && name.ends_with(".gguf") && path.is_file()
    };
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(usual).collect();
    found.sort();
    let names = |mmproj: &Path| [path.display().to_string(), mmproj.display().to_string()];
    found.retain(|mmproj| {
        let [model_name, name] = names(mmproj);
        let wrong = |error: Error| match error {
            Error::Pair { .. } => error,
            other => Error::Pair { model: model_name.clone(), mmproj: name.clone(), how: other.to_string() },
        };
        let file = super::open(mmproj, super::Load::Map);
        let joined = file.and_then(|file| join(model.clone(), file, [&model_name, &name]));
        joined.map_err(|error| beside.others.push(wrong(error))).is_ok()
    });
    if let [_, _, ..] = found[..] {
        let choices: Vec<String> = found.iter().map(|path| path.display().to_string()).collect();
        let how = format!("{} fit it, so say which: {}", choices.len(), choices.join(", "));
        return Err(Error::Pair { model: path.display().to_string(), mmproj: "more than one mmproj".to_owned(), how });
    }
    beside.mmproj = found.pop();
    Ok(beside)
}

/// The key by which a model sees by itself; converted language models name a family, too.
fn sees(model: &Gguf) -> Option<&'static str> {
    let own = model.str(FAMILY).ok().flatten().is_some_and(|family| family != TEXT);
    PROJECTOR.into_iter().find(|key| model.get(key).is_some()).or(own.then_some(FAMILY))
}
