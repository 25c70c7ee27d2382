//! Which of a repository's files are wanted: those a conversion reads, or one GGUF model.
//!
//! Repositories hold the same weights several times, as safetensors, pickles and for other frameworks, and a model in a
//! dozen types. A conversion takes safetensors first, in the order in which `ocelli convert` looks for them.
//!
//! The non-obvious thing: a GGUF file's type is known by its name alone, which is a habit and no rule; so a type that fits
//! two models, or none, is an error that lists what there is.

use super::listing::Entry;
use super::name::is_type;
use crate::failure::Failure;
use std::collections::HashMap;

/// Configurations, tokenizers, processors, templates: what `ocelli convert` reads beside weights.
const SETTINGS: [&str; 4] =
    ["config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json"];
const TOKENIZER: [&str; 10] = [
    "tokenizer_config.json",
    "tokenizer.json",
    "tokenizer.model",
    "spiece.model",
    "vocab.json",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
];
/// Where further templates are.
const TEMPLATES: &str = "additional_chat_templates/";
/// Weights in one file and the table of those in several, best first.
const WEIGHTS: [(&str, &str); 2] =
    [("model.safetensors", "model.safetensors.index.json"), ("pytorch_model.bin", "pytorch_model.bin.index.json")];
/// Types that are taken where none is named, best first: small enough for most, and close to the original.
const PREFERRED: [&str; 8] = ["Q4_K_M", "Q4_K", "Q4_K_S", "Q4_0", "Q5_K_M", "Q8_0", "BF16", "F16"];

/// Where the weights of a checkpoint are.
#[derive(Debug, PartialEq, Eq)]
pub enum Weights {
    /// In one file.
    Single(String),
    /// In those that this table names.
    Table(String),
}

/// Finds a file by its path.
pub fn find<'e>(files: &'e [Entry], path: &str) -> Option<&'e Entry> {
    files.iter().find(|file| file.path == path)
}

/// The files beside the weights that say how a model is built and how it reads.
pub fn settings(files: &[Entry]) -> Vec<Entry> {
    let named = SETTINGS.iter().filter_map(|path| find(files, path)).cloned();
    named.chain(tokenizer(files)).collect()
}

/// The files of a tokenizer.
pub fn tokenizer(files: &[Entry]) -> Vec<Entry> {
    let more = files.iter().filter(|file| {
        file.path.strip_prefix(TEMPLATES).is_some_and(|name| name.ends_with(".jinja") && !name.contains('/'))
    });
    TOKENIZER.iter().filter_map(|path| find(files, path)).chain(more).cloned().collect()
}

/// Whether there is a tokenizer.
pub fn has_tokenizer(files: &[Entry]) -> bool {
    ["tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json"].iter().any(|path| find(files, path).is_some())
}

/// The weights that a conversion takes.
pub fn weights(files: &[Entry]) -> Option<Weights> {
    let has = |path: &str| find(files, path).is_some();
    WEIGHTS.iter().find_map(|(single, table)| {
        let single = has(single).then(|| Weights::Single((*single).to_owned()));
        single.or_else(|| has(table).then(|| Weights::Table((*table).to_owned())))
    })
}

/// One model: its file, or all of those that it is split into, in order.
#[derive(Debug, Clone)]
pub struct Model {
    /// The type that its name says.
    ty: Option<String>,
    files: Vec<Entry>,
    /// How many files there should be.
    parts: usize,
}

impl Model {
    /// The file by which it is opened.
    pub fn first(&self) -> &Entry {
        &self.files[0]
    }

    /// Whether all of its files are there.
    pub fn is_whole(&self) -> bool {
        self.files.len() == self.parts
    }

    /// The length of all of them.
    pub fn bytes(&self) -> u64 {
        self.files.iter().filter_map(|file| file.size).fold(0, u64::saturating_add)
    }
}

/// A GGUF file's path without its ending, and of a split model's (`NAME-00001-of-00003.gguf`) the number of parts.
fn stem(path: &str) -> Option<(&str, usize)> {
    let end = path.len().checked_sub(".gguf".len())?;
    let stem = path.get(..end).filter(|_| path[end..].eq_ignore_ascii_case(".gguf"))?;
    let split = || {
        let (rest, count) = stem.rsplit_once("-of-")?;
        let (name, number) = rest.rsplit_once('-')?;
        let five = |text: &str| text.len() == 5 && text.bytes().all(|b| b.is_ascii_digit());
        let count = count.parse().ok().filter(|_| five(number) && five(count))?;
        Some((name, count))
    };
    Some(split().unwrap_or((stem, 1)))
}

/// The type that a file's name says: the last part that is spelt like one, with the `UD-` before it.
fn type_of(stem: &str) -> Option<String> {
    let name = stem.rsplit('/').next().unwrap_or_default().to_ascii_uppercase();
    let starts = name.char_indices().map(|(at, _)| at);
    let starts = starts.filter(|&at| at == 0 || name[..at].ends_with(['-', '.', '_']));
    let ty = |at: usize| {
        let ty = name[at..].split(['-', '.']).next().filter(|ty| is_type(ty))?;
        let dynamic = if name[..at].ends_with("UD-") { "UD-" } else { "" };
        Some(format!("{dynamic}{ty}"))
    };
    starts.filter_map(ty).next_back()
}

/// What a GGUF file is that is no model, as its name says. A model's name may tell that it was made by an importance
/// matrix, so one with a type in it is a model; a projector has a type, too.
fn no_model(stem: &str) -> Option<&'static str> {
    let name = stem.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    if name.contains("mmproj") {
        Some("it is llama.cpp's projector (mmproj), which --mmproj takes beside its language model")
    } else if name.contains("imatrix") && type_of(stem).is_none() {
        Some("it is an importance matrix, which 'ocelli quantize --imatrix' takes")
    } else {
        None
    }
}

/// The files of GGUF's form that are no models, by themselves, with what they are.
pub fn apart(files: &[Entry]) -> Vec<(&Entry, &'static str)> {
    files.iter().filter_map(|file| Some((file, no_model(stem(&file.path)?.0)?))).collect()
}

/// The models of a repository, without what is [`apart`].
pub fn models(files: &[Entry]) -> Vec<Model> {
    let mut found: Vec<Model> = Vec::new();
    // Where the parts of a model go, by name and number of parts.
    let mut split: HashMap<(&str, usize), usize> = HashMap::new();
    let mut sorted: Vec<&Entry> = files.iter().collect();
    sorted.sort_by(|a, b| a.path.cmp(&b.path));
    for file in sorted {
        let Some((stem, parts)) = stem(&file.path) else { continue };
        if no_model(stem).is_some() {
            continue;
        }
        let at = if parts > 1 { *split.entry((stem, parts)).or_insert(found.len()) } else { found.len() };
        match found.get_mut(at) {
            Some(model) => model.files.push(file.clone()),
            None => found.push(Model { ty: type_of(stem), files: vec![file.clone()], parts }),
        }
    }
    found
}

/// The files of one model, by type or without.
pub fn model(repo: &str, files: &[Entry], ty: Option<&str>) -> Result<Vec<Entry>, Failure> {
    let models = models(files);
    if models.is_empty() {
        let mut what = format!("{repo} has no GGUF model");
        apart(files).into_iter().for_each(|(file, is)| what.push_str(&format!("; of {}: {is}", file.path)));
        let failure = Failure::new("hub-file", what);
        return Err(match weights(files) {
            Some(_) => failure.with_hint(format!("'ocelli convert {repo} -o OUT.gguf' makes one of its weights")),
            None => failure.with_hint("models in this format are often in repositories whose names end with -GGUF"),
        });
    }
    let of_type = |ty: &str| models.iter().filter(|model| model.ty.as_deref() == Some(ty)).collect::<Vec<_>>();
    let chosen = match ty {
        Some(ty) => Some(of_type(ty)).filter(|found| !found.is_empty()).unwrap_or_else(|| of_type(&format!("UD-{ty}"))),
        None if models.len() == 1 => models.iter().collect(),
        None => PREFERRED.iter().map(|ty| of_type(ty)).find(|found| !found.is_empty()).unwrap_or_default(),
    };
    match chosen[..] {
        [model] if model.is_whole() => Ok(model.files.clone()),
        [model] => {
            let (there, parts, first) = (model.files.len(), model.parts, &model.files[0].path);
            Err(Failure::new("hub-file", format!("{repo} has {there} of the {parts} files that {first} is one of")))
        }
        [] => {
            let what = ty.map_or("a usual type".to_owned(), |ty| format!("type {ty}"));
            let mut types: Vec<&str> = models.iter().filter_map(|model| model.ty.as_deref()).collect();
            types.sort_unstable();
            types.dedup();
            let there = if types.is_empty() { names(&models) } else { types.join(", ") };
            Err(Failure::new("hub-file", format!("{repo} has no model of {what}")).with_hint(format!("it has {there}")))
        }
        _ => {
            let chosen: Vec<Model> = chosen.into_iter().cloned().collect();
            let (ty, count) = (chosen[0].ty.as_deref().unwrap_or("one type"), chosen.len());
            let hint = format!("name one as {repo}/FILE: {}", names(&chosen));
            Err(Failure::new("hub-file", format!("{repo} has {count} models of {ty}")).with_hint(hint))
        }
    }
}

/// A file by name, and the other parts of the model where it is one of several.
pub fn file(repo: &str, files: &[Entry], path: &str) -> Result<Vec<Entry>, Failure> {
    let Some(entry) = find(files, path) else {
        let paths = files.iter().map(|file| file.path.as_str());
        let failure = Failure::new("hub-file", format!("{repo} has no file {path}"));
        return Err(match near(path, paths) {
            close if close.is_empty() => failure,
            close => failure.with_hint(format!("it has {}", close.join(", "))),
        });
    };
    match models(files).into_iter().find(|model| model.files.iter().any(|file| file.path == path)) {
        Some(model) if model.parts > 1 && model.is_whole() => Ok(model.files),
        _ => Ok(vec![entry.clone()]),
    }
}

/// Whether a file that is here is all of its model.
pub fn is_whole(files: &[Entry], path: &str) -> bool {
    let mut models = models(files).into_iter();
    models.find(|model| model.files.iter().any(|file| file.path == path)).is_none_or(|model| model.is_whole())
}

/// Names of models, not too many.
fn names(models: &[Model]) -> String {
    const SHOWN: usize = 8;
    let mut names: Vec<&str> = models.iter().take(SHOWN).map(|model| model.files[0].path.as_str()).collect();
    if models.len() > SHOWN {
        names.push("…");
    }
    names.join(", ")
}

/// The three texts that are most like one, the best first.
pub fn near<'n>(wanted: &str, names: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
    let small = |text: &str| text.chars().take(200).collect::<String>().to_lowercase();
    let wanted = small(wanted);
    let likeness = |name: &&'n str| (strsim::jaro_winkler(&wanted, &small(name)), *name);
    let mut scored: Vec<(f64, &str)> = names.take(5000).map(|name| likeness(&name)).collect();
    scored.retain(|(likeness, _)| *likeness > 0.75);
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.into_iter().take(3).map(|(_, name)| name).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn entries(paths: &[&str]) -> Vec<Entry> {
        paths.iter().map(|path| Entry { path: (*path).to_owned(), size: Some(1), etag: None }).collect()
    }

    fn paths(files: Result<Vec<Entry>, Failure>) -> Vec<String> {
        files.unwrap().into_iter().map(|file| file.path).collect()
    }

    #[test]
    fn types_are_read_from_names() {
        for (name, ty) in [
            ("Qwen2-7B-Instruct-Q4_K_M", Some("Q4_K_M")),
            ("mistral-7b-v0.1.Q5_0", Some("Q5_0")),
            ("model_q8_0", Some("Q8_0")),
            ("Q4_K_M/gemma-UD-Q4_K_XL", Some("UD-Q4_K_XL")),
            ("ggml-model-f16", Some("F16")),
            ("q4/model", None),
            ("Qwen2-7B", None),
        ] {
            assert_eq!(type_of(name).as_deref(), ty, "{name}");
        }
    }

    #[test]
    fn files_that_are_no_models_are_told_by_name() {
        let files = entries(&["m-Q4_K_M.gguf", "mmproj-m-f16.gguf", "m-imatrix.gguf", "m-imatrix-IQ3_M.gguf", "m.dat"]);
        let found: Vec<&str> = apart(&files).into_iter().map(|(file, _)| file.path.as_str()).collect();
        assert_eq!(found, ["mmproj-m-f16.gguf", "m-imatrix.gguf"]);
        assert_eq!(paths(model("o/n", &files, Some("IQ3_M"))), ["m-imatrix-IQ3_M.gguf"]);
        let text = format!("{:?}", model("o/n", &files[1..3], None).unwrap_err());
        assert!(text.contains("mmproj-m-f16.gguf: it is llama.cpp's projector"), "{text}");
        assert!(text.contains("m-imatrix.gguf: it is an importance matrix"), "{text}");
    }

    #[test]
    fn a_type_is_one_model() {
        let files = entries(&["m-Q4_K_M.gguf", "m-Q4_K_S.gguf", "m-Q8_0.gguf", "mmproj-m-Q4_K_M.gguf", "README.md"]);
        assert_eq!(paths(model("o/n", &files, Some("Q4_K_S"))), ["m-Q4_K_S.gguf"]);
        assert_eq!(paths(model("o/n", &files, None)), ["m-Q4_K_M.gguf"]);
        let text = format!("{:?}", model("o/n", &files, Some("Q4_K")).unwrap_err());
        assert!(text.contains("no model of type Q4_K") && text.contains("Q4_K_M, Q4_K_S, Q8_0"), "{text}");
        let two = entries(&["a-Q4_0.gguf", "b-Q4_0.gguf"]);
        let text = format!("{:?}", model("o/n", &two, None).unwrap_err());
        assert!(text.contains("2 models of Q4_0") && text.contains("a-Q4_0.gguf, b-Q4_0.gguf"), "{text}");
        let checkpoint = entries(&["config.json", "model.safetensors"]);
        assert!(format!("{:?}", model("o/n", &checkpoint, None).unwrap_err()).contains("ocelli convert o/n"));
    }

    #[test]
    fn split_models_are_whole() {
        let mut files = entries(&["Q8_0/m-Q8_0-00002-of-00002.gguf", "Q8_0/m-Q8_0-00001-of-00002.gguf"]);
        let both = ["Q8_0/m-Q8_0-00001-of-00002.gguf", "Q8_0/m-Q8_0-00002-of-00002.gguf"];
        assert_eq!(paths(model("o/n", &files, Some("Q8_0"))), both);
        assert_eq!(paths(file("o/n", &files, both[0])), both);
        files.pop();
        assert!(format!("{:?}", model("o/n", &files, None).unwrap_err()).contains("1 of the 2 files"));
    }

    #[test]
    fn safetensors_come_first_and_names_are_suggested() {
        let files = entries(&["pytorch_model.bin", "model.safetensors.index.json", "tokenizer.json", "tf_model.h5"]);
        assert_eq!(weights(&files), Some(Weights::Table("model.safetensors.index.json".to_owned())));
        assert_eq!(weights(&files[..1]), Some(Weights::Single("pytorch_model.bin".to_owned())));
        assert_eq!(weights(&files[2..]), None);
        let text = format!("{:?}", file("o/n", &files, "tokeniser.json").unwrap_err());
        assert!(text.contains("it has tokenizer.json"), "{text}");
    }
}
