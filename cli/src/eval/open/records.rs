//! Records of benchmarks' files, and what is wrong with one, by its name.

use crate::eval::scienceqa::{bytes, wrong};
use crate::failure::Failure;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::fmt;
use std::path::Path;

pub type Record = Map<String, Value>;

/// What records are known by, in the order in which it is told.
const NAMES: [&str; 8] = ["question_id", "cocoid", "imgid", "id", "image", "image_id", "filename", "img"];

/// A record's name in messages.
pub fn named(record: &Record) -> String {
    let known = |name: &&str| match record.get(*name)? {
        Value::String(text) => Some(format!("{name} {text}")),
        Value::Number(number) => Some(format!("{name} {number}")),
        _ => None,
    };
    NAMES.iter().find_map(known).unwrap_or_else(|| "a record".to_owned())
}

pub fn object(value: Value, path: &Path) -> Result<Record, Failure> {
    match value {
        Value::Object(record) => Ok(record),
        _ => Err(wrong(path, "a record is no object")),
    }
}

pub fn list(value: &Value, name: &str, path: &Path) -> Result<Vec<Record>, Failure> {
    let all = value.get(name).and_then(Value::as_array).ok_or_else(|| wrong(path, &format!("has no list {name:?}")))?;
    all.iter().map(|record| object(record.clone(), path)).collect()
}

pub fn lines(path: &Path) -> Result<Vec<Record>, Failure> {
    let bytes = bytes(path)?;
    let read = |(number, line): (usize, &[u8])| {
        serde_json::from_slice(line).map_err(|e| wrong(path, &format!("line {number}: no JSON object: {e}")))
    };
    crate::json_lines::lines(&bytes).map(read).collect()
}

/// The entries of an object, names that are there twice included.
struct Entries(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Entries;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object of records by their names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut all = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    all.push(entry);
                }
                Ok(Entries(all))
            }
        }
        from.deserialize_map(Each)
    }
}

/// The entries of a file that is one object, in order.
pub fn entries(path: &Path) -> Result<Vec<(String, Value)>, Failure> {
    let all: Entries = serde_json::from_slice(&bytes(path)?).map_err(|e| wrong(path, &format!("no JSON: {e}")))?;
    Ok(all.0)
}

/// Refuses what is there twice.
pub fn once<'v>(ids: impl Iterator<Item = &'v Value>, what: &str, path: &Path) -> Result<(), Failure> {
    let mut seen = HashSet::new();
    for id in ids.map(Value::to_string) {
        if seen.contains(&id) {
            return Err(wrong(path, &format!("{what} {id} is there twice")));
        }
        seen.insert(id);
    }
    Ok(())
}

/// A field that a record is known by.
pub fn id(record: &Record, name: &str, path: &Path) -> Result<Value, Failure> {
    match record.get(name) {
        Some(id @ (Value::String(_) | Value::Number(_))) => Ok(id.clone()),
        _ => Err(wrong(path, &format!("{} has no {name:?}", named(record)))),
    }
}

/// A field that is a text or a number.
pub fn text(record: &Record, name: &str, path: &Path) -> Result<String, Failure> {
    match record.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        _ => Err(wrong(path, &format!("{} has no {name:?}", named(record)))),
    }
}

/// What people answered: texts, or objects with one.
pub fn answers(record: &Record, path: &Path) -> Result<Vec<String>, Failure> {
    let wrong = |what: &str| wrong(path, &format!("{} has {what}", named(record)));
    let all = record.get("answers").and_then(Value::as_array);
    let all = all.ok_or_else(|| wrong("no list \"answers\": a split without them cannot be scored"))?;
    if all.is_empty() {
        return Err(wrong("no answers"));
    }
    let of = |one: &Value| one.as_str().or_else(|| one.get("answer").and_then(Value::as_str)).map(str::to_owned);
    all.iter().map(of).collect::<Option<_>>().ok_or_else(|| wrong("an answer that is no text"))
}
