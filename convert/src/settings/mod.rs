//! An account of every setting that a conversion met: read, known to be without effect, or refused by name.
//!
//! A setting that nobody asks for would otherwise be dropped in silence, and the class's default would take its place.
//! So each [`Object`] marks what is read of it, each reader says with [`Object::known`] which other keys of its class
//! have no effect here and why, and [`Settings::check`] refuses whatever is left, all of it at once.
//!
//! The non-obvious thing: an object that was opened is accounted for key by key, a list as one value. An inner object
//! that nobody opened is one setting, whatever is in it. An explicit `null` says nothing and passes.

mod object;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde_json::{Map, Value};

use crate::error::{ConvertError, UnknownSetting, shown};
pub(crate) use object::Object;

/// Keys of a class that have no effect on what is converted, with the reason they share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    keys: &'static [&'static str],
    /// Values that say what holds anyway.
    neutral: &'static [Neutral],
    otherwise: Otherwise,
    why: &'static str,
}

/// What becomes of a value that is not neutral.
#[derive(Debug, Clone, Copy)]
enum Otherwise {
    Passes,
    IsNoted,
    IsRefused,
}

/// A value that says what holds without it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Neutral {
    /// `true` or `false`.
    Switch(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(&'static str),
    /// An empty object, list or text.
    Empty,
}

impl Known {
    /// Keys that no value of theirs makes matter, here or anywhere.
    pub(crate) const fn without_effect(keys: &'static [&'static str], why: &'static str) -> Self {
        Self { keys, neutral: &[], otherwise: Otherwise::Passes, why }
    }

    /// Keys that have no effect in this place, though somebody may have meant them: noted unless neutral.
    pub(crate) const fn not_here(
        keys: &'static [&'static str],
        neutral: &'static [Neutral],
        why: &'static str,
    ) -> Self {
        Self { keys, neutral, otherwise: Otherwise::IsNoted, why }
    }

    /// Keys that matter unless they have one of these values.
    pub(crate) const fn only(keys: &'static [&'static str], neutral: &'static [Neutral], why: &'static str) -> Self {
        Self { keys, neutral, otherwise: Otherwise::IsRefused, why }
    }
}

impl Neutral {
    /// Whether a value is this one.
    pub(crate) fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Switch(wanted), Value::Bool(got)) => wanted == got,
            (Self::Number(wanted), Value::Number(got)) => got.as_f64() == Some(*wanted),
            (Self::Text(wanted), Value::String(got)) => wanted == got,
            (Self::Empty, Value::Object(items)) => items.is_empty(),
            (Self::Empty, Value::Array(items)) => items.is_empty(),
            (Self::Empty, Value::String(text)) => text.is_empty(),
            _ => false,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Switch(switch) => switch.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => format!("'{text}'"),
            Self::Empty => "nothing".to_owned(),
        }
    }
}

/// What was read of one file.
#[derive(Debug)]
pub(crate) struct Account {
    /// The file as errors name it.
    pub(crate) name: String,
    document: Map<String, Value>,
    marks: RefCell<Marks>,
    notes: RefCell<Vec<String>>,
}

#[derive(Debug, Default)]
struct Marks {
    read: BTreeSet<Vec<String>>,
    /// Read with all that is inside.
    whole: BTreeSet<Vec<String>>,
    known: Vec<(Vec<String>, &'static [Known])>,
}

impl Account {
    pub(crate) fn new(name: &str, document: Map<String, Value>) -> Self {
        Self { name: name.to_owned(), document, marks: RefCell::default(), notes: RefCell::default() }
    }

    pub(crate) fn document(&self) -> &Map<String, Value> {
        &self.document
    }

    /// Marks a key of the object at `path` as read.
    pub(crate) fn mark(&self, path: &[String], key: &str) {
        self.marks.borrow_mut().read.insert(child(path, key));
    }

    /// Marks a key of the object at `path` and all that is inside of it as read.
    pub(crate) fn mark_all(&self, path: &[String], key: &str) {
        self.marks.borrow_mut().whole.insert(child(path, key));
    }

    /// Keeps a remark for the report, once.
    pub(crate) fn note(&self, message: String) {
        let mut notes = self.notes.borrow_mut();
        if !notes.contains(&message) {
            notes.push(message);
        }
    }

    /// Adds to what is known about the keys of the object at `path`.
    pub(crate) fn know(&self, path: &[String], settings: &'static [Known]) {
        self.marks.borrow_mut().known.push((path.to_vec(), settings));
    }

    /// Adds to `found` the settings of an object that were not read and are not known to be without effect.
    fn unaccounted(&self, path: &[String], object: &Map<String, Value>, found: &mut Vec<UnknownSetting>) {
        let marks = self.marks.borrow();
        for (key, value) in object.iter().filter(|(_, value)| !value.is_null()) {
            let here = child(path, key);
            if marks.whole.contains(&here) {
                continue;
            }
            if marks.read.contains(&here) {
                if let Value::Object(inner) = value {
                    self.unaccounted(&here, inner, found);
                }
                continue;
            }
            let mut of_object = marks.known.iter().filter(|(at, _)| at == path).flat_map(|(_, settings)| *settings);
            let known = of_object.find(|known| known.keys.contains(&key.as_str()));
            let (key, shown_value) = (shown(&here.join(".")), shown(&value.to_string()));
            let rule = match known {
                None => None,
                Some(known) if known.neutral.iter().any(|neutral| neutral.is(value)) => continue,
                Some(Known { otherwise: Otherwise::Passes, .. }) => continue,
                Some(Known { otherwise: Otherwise::IsNoted, why, .. }) => {
                    self.note(format!("{}: {key} = {shown_value} is not taken: {why}", self.name));
                    continue;
                }
                Some(Known { otherwise: Otherwise::IsRefused, neutral, why, .. }) => {
                    let names: Vec<String> = neutral.iter().map(Neutral::name).chain(["null".to_owned()]).collect();
                    Some(format!("only {} is supported: {why}", names.join(" or ")))
                }
            };
            found.push(UnknownSetting { file: self.name.clone(), key, value: shown_value, rule });
        }
    }
}

fn child(path: &[String], key: &str) -> Vec<String> {
    path.iter().cloned().chain([key.to_owned()]).collect()
}

/// Where files other than weights are read from.
pub(crate) struct Inputs<'a> {
    /// The checkpoint.
    pub(crate) source: &'a Path,
    /// The tokenizer files.
    pub(crate) tokenizer: &'a Path,
    /// Keeps account of what is read of them.
    pub(crate) settings: &'a Settings,
}

/// The files of a conversion of which account is kept.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    files: RefCell<Vec<(PathBuf, Rc<Account>)>>,
}

impl Settings {
    /// The top-level object of a file, or `None` where there is no such file. A file that is read twice has one account.
    pub(crate) fn read(&self, directory: &Path, name: &str) -> Result<Option<Object>, ConvertError> {
        let path = directory.join(name);
        if let Some((_, account)) = self.files.borrow().iter().find(|(known, _)| *known == path) {
            return Ok(Some(Object::top(Rc::clone(account))));
        }
        let Some(object) = Object::read(directory, name)? else { return Ok(None) };
        self.files.borrow_mut().push((path, object.account()));
        Ok(Some(object))
    }

    /// Whether a file was opened.
    pub(crate) fn has_read(&self, directory: &Path, name: &str) -> bool {
        let path = directory.join(name);
        self.files.borrow().iter().any(|(known, _)| *known == path)
    }

    /// Refuses settings that were met, not read and not known to be without effect. Those in `ignored`, by their paths,
    /// become notes.
    pub(crate) fn check(&self, ignored: &[String], notes: &mut Vec<String>) -> Result<(), ConvertError> {
        let mut found = Vec::new();
        for (_, account) in self.files.borrow().iter() {
            account.unaccounted(&[], &account.document, &mut found);
            notes.append(&mut account.notes.borrow_mut());
        }
        found.sort_by(|a, b| (&a.file, &a.key).cmp(&(&b.file, &b.key)));
        let (passed, refused): (Vec<_>, Vec<_>) = found.into_iter().partition(|found| ignored.contains(&found.key));
        if !refused.is_empty() {
            return Err(ConvertError::UnknownSettings { settings: refused });
        }
        for key in ignored.iter().filter(|key| passed.iter().all(|passed| passed.key != **key)) {
            notes.push(format!("setting '{}' was to be ignored, but no such unknown setting was met", shown(key)));
        }
        notes.extend(passed.iter().map(|passed| format!("{passed}: ignored, as asked for")));
        Ok(())
    }
}
