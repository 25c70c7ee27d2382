//! No setting of a checkpoint can be lost: each key of each golden's JSON files is renamed and put one level deeper and one
//! level up, and others are added. Every conversion then is refused, or says a note more, or
//! gives the same bytes. What each key is worth is the goldens' own concern.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use ocelli_convert::{ConvertError, Options, convert};
use ocelli_quant::TensorType;
use ocelli_tests::golden::Golden;
use ocelli_tests::mixed_golden::MixedGolden;
use ocelli_tests::text_golden::TextGolden;
use serde_json::{Map, Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// Files of which every key is accounted for.
const FILES: [&str; 4] = ["config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json"];

/// A checkpoint and what its conversion gave.
struct Subject {
    name: String,
    directory: tempfile::TempDir,
    bytes: Vec<u8>,
    notes: usize,
}

/// How often which outcome was met.
#[derive(Debug, Default)]
struct Outcomes {
    refused: usize,
    noted: usize,
    same: usize,
}

impl Subject {
    fn new(name: &str, write: impl FnOnce(&Path)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        write(&directory.path().join("hf"));
        let mut subject = Self { name: name.to_owned(), directory, bytes: Vec::new(), notes: 0 };
        let (bytes, notes) = subject.convert().unwrap_or_else(|error| panic!("{name}: {error}"));
        (subject.bytes, subject.notes) = (bytes, notes.len());
        subject
    }

    fn source(&self) -> PathBuf {
        self.directory.path().join("hf")
    }

    fn convert(&self) -> Result<(Vec<u8>, Vec<String>), ConvertError> {
        let out = self.directory.path().join("out.gguf");
        let report = convert(&self.source(), &out, &Options::new(TensorType::F32), &())?;
        Ok((fs::read(out).unwrap(), report.notes))
    }

    /// Converts with another content of a file and judges what came of it.
    fn judge(&self, file: &str, content: &Value, what: &str, outcomes: &mut Outcomes) {
        let path = self.source().join(file);
        let before = fs::read(&path).unwrap();
        fs::write(&path, content.to_string()).unwrap();
        match self.convert() {
            Err(_) => outcomes.refused += 1,
            Ok((_, notes)) if notes.len() > self.notes => outcomes.noted += 1,
            Ok((bytes, notes)) => {
                assert!(bytes == self.bytes, "{}: {file}: {what}: another model, and no note: {notes:?}", self.name);
                outcomes.same += 1;
            }
        }
        fs::write(path, before).unwrap();
    }

    fn all(&self) -> Outcomes {
        let mut outcomes = Outcomes::default();
        for file in FILES {
            let Ok(content) = fs::read(self.source().join(file)) else { continue };
            let content: Value = serde_json::from_slice(&content).unwrap();
            for (changed, what) in changes(&content) {
                self.judge(file, &changed, &what, &mut outcomes);
            }
        }
        outcomes
    }
}

/// Paths of all objects in a document, the document's own first.
fn objects(value: &Value, path: &str, found: &mut Vec<String>) {
    if let Value::Object(items) = value {
        found.push(path.to_owned());
        for (key, inner) in items {
            objects(inner, &format!("{path}/{key}"), found);
        }
    }
}

fn items<'a>(document: &'a mut Value, path: &str) -> &'a mut Map<String, Value> {
    document.pointer_mut(path).unwrap().as_object_mut().unwrap()
}

/// The document with one key added, renamed or moved, and what was done.
fn changes(document: &Value) -> Vec<(Value, String)> {
    let (mut all, mut places) = (Vec::new(), Vec::new());
    objects(document, "", &mut places);
    for place in &places {
        let mut added = document.clone();
        items(&mut added, place).insert("a_setting_of_mine".to_owned(), json!(2));
        all.push((added, format!("{place}/a_setting_of_mine added")));
        let keys: Vec<String> = document.pointer(place).unwrap().as_object().unwrap().keys().cloned().collect();
        for key in keys {
            let mut without = document.clone();
            let value = items(&mut without, place).remove(&key).unwrap();
            let mut moved = |to: &str, name: &str| {
                let mut other = without.clone();
                items(&mut other, to).insert(name.to_owned(), value.clone());
                all.push((other, format!("{place}/{key} put to {to}/{name}")));
            };
            for name in [format!("{key}_"), format!("_{key}"), key.to_uppercase()] {
                moved(place, &name);
            }
            // One level up and down, where the key is not already: there it would be another value of a setting that is
            // read, and nothing is lost.
            let parent = |path: &str| path.rsplit_once('/').map(|(parent, _)| parent.to_owned());
            for to in
                places.iter().filter(|to| parent(place).as_ref() == Some(*to) || parent(to).as_ref() == Some(place))
            {
                if without.pointer(to).is_some_and(|object| object.get(&key).is_none()) {
                    moved(to, &key);
                }
            }
            let mut deeper = without.clone();
            items(&mut deeper, place).insert("inner".to_owned(), json!({ &key: &value }));
            all.push((deeper, format!("{place}/{key} put to {place}/inner")));
        }
    }
    all
}

#[test]
fn no_setting_is_lost() {
    let text = [
        "llama_untied",
        "llama_llama3",
        "gemma_scaled",
        "mpt",
        "mpt_mosaic",
        "neox",
        "five_llama_llama3",
        "five_gemma",
        "five_neox",
    ];
    let mixed = [
        ("flamingo", "idefics"),
        ("flamingo", "idefics_five"),
        ("flamingo", "open_neox"),
        ("frozen", "class"),
        ("frozen", "nf_odd"),
    ];
    let mut subjects: Vec<Subject> = Vec::new();
    for name in text {
        subjects.push(Subject::new(name, |dir| TextGolden::load(name).unwrap().write(dir).unwrap()));
    }
    for (family, name) in mixed {
        subjects.push(Subject::new(name, |dir| MixedGolden::load(family, name).unwrap().write(dir).unwrap()));
    }
    for name in ["untied", "five"] {
        subjects.push(Subject::new(name, |dir| Golden::load(name).unwrap().write(dir).unwrap()));
    }
    let same: usize = std::thread::scope(|scope| {
        let judged: Vec<_> = subjects.iter().map(|subject| scope.spawn(move || (subject, subject.all()))).collect();
        let outcomes = judged.into_iter().map(|thread| thread.join().unwrap());
        outcomes
            .map(|(subject, outcomes)| {
                println!("{}: {outcomes:?}", subject.name);
                assert!(outcomes.refused > 40, "{}: {outcomes:?}", subject.name);
                outcomes.same
            })
            .sum()
    });
    assert!(same > 50, "{same} changes of keys that have no effect passed");
}
