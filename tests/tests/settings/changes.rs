//! A checkpoint's JSON files with one key changed each, and what a conversion says to it.

use ocelli_convert::{ConvertError, Options, convert};
use ocelli_quant::TensorType;
use serde_json::{Map, Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// What is in these is data of any names, not settings.
const DATA: [&str; 4] = ["/model/vocab", "/model/merges", "/extra_special_tokens", "/model_specific_special_tokens"];

/// A checkpoint and what its conversion gave.
pub struct Subject {
    pub name: String,
    directory: tempfile::TempDir,
    pub bytes: Vec<u8>,
    pub notes: Vec<String>,
    /// An object that belongs to a part which the model does not have: any of its keys is one of that part's.
    unread: Option<&'static str>,
}

/// How often which outcome was met.
#[derive(Debug, Default)]
pub struct Outcomes {
    pub refused: usize,
    pub noted: usize,
    pub same: usize,
    /// Another value of a setting that is read: another model, as it must be.
    pub taken: usize,
}

/// What was done to a key.
enum Done {
    /// It is not where anybody reads it.
    Lost,
    /// It stands where it may be read, perhaps in place of another value; the same document without it there, and the one
    /// before with it there as well.
    Moved { removed: Value, twice: Value },
}

impl Subject {
    pub fn new(name: &str, write: impl FnOnce(&Path)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        write(&directory.path().join("hf"));
        let mut subject = Self { name: name.to_owned(), directory, bytes: Vec::new(), notes: Vec::new(), unread: None };
        let (bytes, notes) = subject.convert().unwrap_or_else(|error| panic!("{name}: {error}"));
        (subject.bytes, subject.notes) = (bytes, notes);
        subject
    }

    /// Leaves out what stands at this path.
    pub fn without(self, unread: &'static str) -> Self {
        Self { unread: Some(unread), ..self }
    }

    fn source(&self) -> PathBuf {
        self.directory.path().join("hf")
    }

    fn convert(&self) -> Result<(Vec<u8>, Vec<String>), ConvertError> {
        let out = self.directory.path().join("out.gguf");
        let report = convert(&self.source(), &out, &Options::new(TensorType::F32), &())?;
        Ok((fs::read(out).unwrap(), report.notes))
    }

    /// The conversion with another content of a file.
    fn with(&self, file: &str, content: &Value) -> Result<(Vec<u8>, Vec<String>), ConvertError> {
        let path = self.source().join(file);
        let before = fs::read(&path).unwrap();
        fs::write(&path, content.to_string()).unwrap();
        let converted = self.convert();
        fs::write(path, before).unwrap();
        converted
    }

    fn says_more(&self, notes: &[String]) -> bool {
        notes.iter().any(|note| !self.notes.contains(note))
    }

    /// Converts with another content of a file and judges what came of it.
    fn judge(&self, file: &str, content: &Value, (what, done): (&str, Done), outcomes: &mut Outcomes) {
        let (bytes, notes) = match self.with(file, content) {
            Err(_) => return outcomes.refused += 1,
            Ok((_, notes)) if self.says_more(&notes) => return outcomes.noted += 1,
            Ok(converted) => converted,
        };
        if bytes == self.bytes {
            return outcomes.same += 1;
        }
        let wrong = |why: &str| panic!("{}: {file}: {what}: {why}, and no note: {notes:?}", self.name);
        let Done::Moved { removed, twice } = done else { wrong("another model") };
        // What it says there must have been taken, unless it says what holds there anyway.
        let silent = |content: &Value| {
            let converted = self.with(file, content).ok();
            converted.filter(|(_, notes)| !self.says_more(notes)).map(|(bytes, _)| bytes)
        };
        if silent(&removed).is_some_and(|without| without == bytes) && silent(&twice).as_ref() == Some(&self.bytes) {
            wrong("the value has no effect");
        }
        outcomes.taken += 1;
    }

    /// Tries all changes of all keys of these files that are there.
    pub fn all(&self, files: &[&str]) -> Outcomes {
        let mut outcomes = Outcomes::default();
        for file in files {
            let Ok(content) = fs::read(self.source().join(file)) else { continue };
            let content: Value = serde_json::from_slice(&content).unwrap();
            each_change(&content, self.unread, &mut |changed, what, done| {
                self.judge(file, changed, (what, done), &mut outcomes)
            });
        }
        outcomes
    }
}

/// Paths of all objects in a document, the document's own first.
fn objects(value: &Value, path: &str, unread: Option<&str>, found: &mut Vec<String>) {
    if DATA.contains(&path) || unread == Some(path) {
        return;
    }
    match value {
        Value::Object(items) => {
            found.push(path.to_owned());
            items.iter().for_each(|(key, inner)| objects(inner, &format!("{path}/{}", part(key)), unread, found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, inner)| objects(inner, &format!("{path}/{at}"), unread, found));
        }
        _ => {}
    }
}

/// A key as a part of a path.
fn part(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn items<'a>(document: &'a mut Value, path: &str) -> &'a mut Map<String, Value> {
    document.pointer_mut(path).unwrap().as_object_mut().unwrap()
}

/// The object around an object.
fn around<'a>(place: &str, places: &'a [String]) -> Option<&'a String> {
    let inside = |outer: &&String| place.strip_prefix(outer.as_str()).is_some_and(|rest| rest.starts_with('/'));
    places.iter().filter(inside).max_by_key(|outer| outer.len())
}

/// The document with one key added, renamed or moved, and what was done.
fn each_change(document: &Value, unread: Option<&str>, then: &mut impl FnMut(&Value, &str, Done)) {
    let mut places = Vec::new();
    objects(document, "", unread, &mut places);
    for place in &places {
        let mut added = document.clone();
        items(&mut added, place).insert("a_setting_of_mine".to_owned(), json!(2));
        then(&added, &format!("{place}/a_setting_of_mine added"), Done::Lost);
        let keys: Vec<String> = document.pointer(place).unwrap().as_object().unwrap().keys().cloned().collect();
        let own = around(place, &places);
        // One level up, one level down, and beside.
        let near = |to: &&String| {
            let other = around(to, &places);
            *to != place && (own == Some(*to) || other == Some(place) || own.is_some() && own == other)
        };
        for key in keys {
            let mut without = document.clone();
            let value = items(&mut without, place).remove(&key).unwrap();
            for name in [format!("{key}_"), format!("_{key}"), key.to_uppercase()] {
                if document.pointer(place).unwrap().get(&name).is_none() {
                    let mut other = without.clone();
                    items(&mut other, place).insert(name.clone(), value.clone());
                    then(&other, &format!("{place}/{key} put to {place}/{name}"), Done::Lost);
                }
            }
            // What is inside of the key goes with it.
            let inside = format!("{place}/{}", part(&key));
            for to in places.iter().filter(near).filter(|to| !to.starts_with(&inside)) {
                let (mut other, mut removed, mut twice) = (without.clone(), without.clone(), document.clone());
                let before = items(&mut other, to).insert(key.clone(), value.clone());
                if before.as_ref() == Some(&value) {
                    continue;
                }
                items(&mut removed, to).remove(&key);
                items(&mut twice, to).insert(key.clone(), value.clone());
                let beside = own.is_some() && own == around(to, &places);
                let done = if before.is_some() || beside { Done::Moved { removed, twice } } else { Done::Lost };
                then(&other, &format!("{place}/{key} put to {to}/{key}"), done);
            }
            let mut deeper = without.clone();
            items(&mut deeper, place).insert("inner".to_owned(), json!({ &key: &value }));
            then(&deeper, &format!("{place}/{key} put to {place}/inner"), Done::Lost);
        }
    }
}
