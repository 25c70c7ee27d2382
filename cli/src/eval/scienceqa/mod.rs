//! ScienceQA (Lu et al. 2022): its files and the groups of its questions.
//!
//! `problems.json` has all problems by their numbers, `pid_splits.json` which of them belong to a split, and
//! `images/SPLIT/NUMBER/image.png` the pictures. The non-obvious thing: groups overlap, since a problem may have both a text
//! and a picture, so that the table's columns do not add up.

pub mod prompt;

use crate::failure::Failure;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// Most bytes of a file of problems.
const MOST: u64 = 1 << 30;

/// A problem, as its file has it.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Problem {
    pub question: String,
    pub choices: Vec<String>,
    /// The place of the right choice.
    pub answer: usize,
    /// What is said besides the question, or nothing.
    #[serde(default)]
    pub hint: String,
    /// The picture's name, if there is one.
    #[serde(default)]
    pub image: Option<String>,
    #[serde(default)]
    pub grade: String,
    #[serde(default)]
    pub subject: String,
    #[serde(default)]
    pub topic: String,
    #[serde(default)]
    pub lecture: String,
    #[serde(default)]
    pub solution: String,
    #[serde(default)]
    split: String,
}

/// The columns of the paper's table.
pub const GROUPS: [&str; 8] = ["NAT", "SOC", "LAN", "TXT", "IMG", "NO", "G1-6", "G7-12"];

impl Problem {
    /// The columns that it counts in.
    pub fn groups(&self) -> Vec<&'static str> {
        let subject = match self.subject.as_str() {
            "natural science" => Some("NAT"),
            "social science" => Some("SOC"),
            "language science" => Some("LAN"),
            _ => None,
        };
        let (text, image) = (!self.hint.is_empty(), self.image.is_some());
        let grade = match self.grade.strip_prefix("grade").and_then(|grade| grade.parse::<u32>().ok()) {
            Some(1..=6) => Some("G1-6"),
            Some(7..=12) => Some("G7-12"),
            _ => None,
        };
        let context = [("TXT", text), ("IMG", image), ("NO", !text && !image)];
        let context = context.into_iter().filter(|(_, holds)| *holds).map(|(name, _)| name);
        subject.into_iter().chain(context).chain(grade).collect()
    }
}

/// The problems of a folder.
pub struct Problems {
    folder: PathBuf,
    all: HashMap<String, Problem>,
    /// Numbers in the order of their file.
    order: Vec<String>,
    splits: HashMap<String, Vec<String>>,
}

impl Problems {
    /// Reads `problems.json` and `pid_splits.json`, where the folder has them or as the public repository has them below it.
    pub fn read(data: &Path) -> Result<Self, Failure> {
        let beside = [data.to_owned(), data.join("data/scienceqa"), data.join("scienceqa")];
        let Some(folder) = beside.iter().find(|folder| folder.join("problems.json").is_file()) else {
            let message = format_args!("{} has no problems.json", data.display());
            let parquet = beside.iter().flat_map(|folder| [folder.clone(), folder.join("data")]);
            return Err(match parquet.into_iter().find(|folder| has_parquet(folder)) {
                Some(folder) => Failure::new(
                    "data",
                    format_args!("{message}, and its files in {} are parquet, which is not read", folder.display()),
                )
                .with_hint(
                    "docs/evaluation.md has the lines of Python that write problems.json and the pictures from them",
                ),
                None => Failure::new("data", message)
                    .with_hint("--data is the folder with problems.json, pid_splits.json and images/"),
            });
        };
        let path = folder.join("problems.json");
        let Value::Object(problems) = json(&path)? else {
            return Err(wrong(&path, "is no object of problems by number"));
        };
        let (mut all, mut order) = (HashMap::new(), Vec::new());
        for (id, problem) in problems {
            let read: Problem =
                serde_json::from_value(problem).map_err(|e| wrong(&path, &format!("problem {id:?}: {e}")))?;
            let count = read.choices.len();
            if count > 26 || read.answer >= count {
                let answer = read.answer;
                return Err(wrong(&path, &format!("problem {id:?}: choice {answer} is the answer of {count} choices")));
            }
            order.push(id.clone());
            all.insert(id, read);
        }
        let path = folder.join("pid_splits.json");
        let splits = if path.is_file() {
            let read: HashMap<String, Vec<String>> = serde_json::from_value(json(&path)?)
                .map_err(|e| wrong(&path, &format!("expected lists of numbers: {e}")))?;
            read
        } else {
            HashMap::new()
        };
        Ok(Self { folder: folder.clone(), all, order, splits })
    }

    /// The folder of the problems, below which their pictures are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The numbers of a split, in order.
    pub fn split(&self, name: &str) -> Result<Vec<&str>, Failure> {
        if let Some(ids) = self.splits.get(name) {
            return ids.iter().map(|id| self.known(id)).collect();
        }
        let own: Vec<&str> = self.order.iter().filter(|id| self.all[*id].split == name).map(String::as_str).collect();
        if own.is_empty() {
            let mut known: Vec<&str> = self.splits.keys().map(String::as_str).collect();
            known.extend(self.all.values().map(|problem| problem.split.as_str()).filter(|split| !split.is_empty()));
            known.sort_unstable();
            known.dedup();
            let message = format_args!("{} has no split {name:?}: it has {}", self.folder.display(), known.join(", "));
            return Err(Failure::usage("data", message));
        }
        Ok(own)
    }

    /// A number that has a problem, as the files write it.
    pub fn known<'s>(&'s self, id: &str) -> Result<&'s str, Failure> {
        match self.all.get_key_value(id) {
            Some((id, _)) => Ok(id),
            None => Err(Failure::new("data", format_args!("{}: there is no problem {id:?}", self.folder.display()))),
        }
    }

    /// A problem that is known.
    pub fn get(&self, id: &str) -> Result<&Problem, Failure> {
        self.known(id).map(|id| &self.all[id])
    }

    /// Where a problem's picture is, in the layout of the public folder or below a folder of the split's pictures alone.
    pub fn image(&self, id: &str) -> Result<Option<PathBuf>, Failure> {
        let problem = self.get(id)?;
        let Some(name) = &problem.image else { return Ok(None) };
        let split = match problem.split.as_str() {
            "" => self
                .splits
                .iter()
                .filter(|(name, _)| ["train", "val", "test"].contains(&name.as_str()))
                .find(|(_, ids)| ids.iter().any(|other| other == id))
                .map_or("", |(name, _)| name.as_str()),
            split => split,
        };
        // Names are names, not ways out of the folder.
        let plain = |part: &str| matches!(Path::new(part).components().collect::<Vec<_>>()[..], [Component::Normal(_)]);
        if !plain(id) || !plain(name) || !(split.is_empty() || plain(split)) {
            let what = format_args!("problem {id:?}: {split:?}, {id:?} and {name:?} do not name a picture's file");
            return Err(Failure::new("data", what));
        }
        let below = [Path::new("images").join(split), Path::new("images").into(), split.into(), PathBuf::new()];
        let paths = below.iter().map(|below| self.folder.join(below).join(id).join(name));
        let paths: Vec<PathBuf> = paths.collect();
        match paths.iter().find(|path| path.is_file()) {
            Some(path) => Ok(Some(path.clone())),
            None => Err(Failure::new(
                "data",
                format_args!("the picture of problem {id:?} is missing: {}", paths[0].display()),
            )
            .with_hint("--no-images asks without pictures")),
        }
    }
}

/// What is said of pictures, by the numbers of problems.
pub fn captions(path: &Path) -> Result<HashMap<String, String>, Failure> {
    let read = match json(path)? {
        Value::Object(mut all) => all.remove("captions").unwrap_or(Value::Object(all)),
        other => other,
    };
    serde_json::from_value(read).map_err(|e| wrong(path, &format!("expected captions by the numbers of problems: {e}")))
}

fn has_parquet(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.path().extension().is_some_and(|end| end == "parquet"))
}

/// A file's bytes, within what a data set may have.
pub fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes));
    read.map_err(|e| Failure::reading("the data", path, &e))?;
    if bytes.len() as u64 > MOST {
        return Err(wrong(path, &format!("is over the limit of {MOST} bytes")));
    }
    Ok(bytes)
}

/// A file of JSON.
pub fn json(path: &Path) -> Result<Value, Failure> {
    serde_json::from_slice(&bytes(path)?).map_err(|e| wrong(path, &format!("no JSON: {e}")))
}

/// A file of a data set that is not as it should be.
pub fn wrong(path: &Path, what: &str) -> Failure {
    Failure::new("data", format_args!("{}: {what}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_overlap_where_a_problem_has_both() {
        let mut problem =
            Problem { subject: "social science".to_owned(), grade: "grade7".to_owned(), ..Problem::default() };
        assert_eq!(problem.groups(), ["SOC", "NO", "G7-12"]);
        problem.hint = "x".to_owned();
        problem.image = Some("image.png".to_owned());
        problem.grade = "grade6".to_owned();
        assert_eq!(problem.groups(), ["SOC", "TXT", "IMG", "G1-6"]);
        problem.grade = "grade13".to_owned();
        assert_eq!(problem.groups(), ["SOC", "TXT", "IMG"]);
    }
}
