//! Benchmarks without a model: what is asked, how an answer is read, and what answers are worth together.
//!
//! A task makes prompts of its files and judges answers; `commands/eval` asks. A judged answer is a line of JSON, and a summary
//! is made of lines alone, so that merged, recorded and fresh answers are summed up by the same code.

pub mod compare;
pub mod extract;
pub mod lines;
pub mod metrics;
pub mod open;
pub mod random;
pub mod science_task;
pub mod scienceqa;
pub mod statistics;
pub mod summary;

use crate::failure::Failure;
use serde_json::{Map, Value};
use std::path::{Component, Path, PathBuf};

/// A piece of what is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Text(String),
    Image(PathBuf),
    /// A picture's file in base64.
    Inside(String),
}

/// How an answer is had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// The model goes on, for so many tokens at most.
    Say { new_tokens: usize },
    /// Texts are scored, the likeliest is the answer.
    Rank { texts: Vec<String> },
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    pub parts: Vec<Part>,
    pub how: How,
    /// What is asked without a wording, where a model's file words demonstrations and questions.
    pub bare: Option<String>,
}

impl Ask {
    /// It as text, `<image>` where pictures are: for people.
    pub fn shown(&self) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Image(_) | Part::Inside(_) => "<image>".to_owned(),
        };
        self.parts.iter().map(part).collect()
    }

    /// All of it, pictures by their paths below one of these folders: the same on every machine, for telling questions apart.
    pub fn content(&self, folders: &[&Path]) -> String {
        let part = |part: &Part| match part {
            Part::Image(path) => format!("Image({:?})", below(path, folders)),
            other => format!("{other:?}"),
        };
        let parts: Vec<String> = self.parts.iter().map(part).collect();
        format!("{parts:?} {:?} {:?}", self.how, self.bare)
    }
}

/// A path below one of these folders, with the same separator everywhere.
fn below(path: &Path, folders: &[&Path]) -> String {
    let path = folders.iter().find_map(|folder| path.strip_prefix(folder).ok()).unwrap_or(path);
    let parts = path.components().filter(|part| *part != Component::CurDir);
    parts.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect::<Vec<_>>().join("/")
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    Text(String),
    /// The log-likelihood of each text.
    Ranked(Vec<f64>),
}

impl Said {
    /// The place of the likeliest text, the first of those that are.
    pub fn likeliest(scores: &[f64]) -> Option<usize> {
        let mut best: Option<usize> = None;
        for (at, score) in scores.iter().enumerate() {
            if best.is_none_or(|best| *score > scores[best]) {
                best = Some(at);
            }
        }
        best
    }
}

/// A benchmark's questions.
pub trait Task: Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;
    /// How many questions there are.
    fn len(&self) -> usize;
    /// A question's identifier, as JSON.
    fn id(&self, at: usize) -> Value;
    /// The first of two questions, where a rationale comes before the answer.
    fn reasons(&self, _at: usize) -> Result<Option<Ask>, Failure> {
        Ok(None)
    }
    /// What is asked, behind a rationale that the model gave.
    fn ask(&self, at: usize, rationale: Option<&str>) -> Result<Ask, Failure>;
    /// What is right, as lines have it.
    fn answer(&self, at: usize) -> Value;
    /// Whether answers count one by one, and not only all together.
    fn counts_each(&self) -> bool {
        true
    }
    /// Where the paths of pictures begin.
    fn folders(&self) -> Vec<&Path>;
    /// What a line says of a question, whatever is answered: the groups that it counts in, its picture.
    fn about(&self, at: usize) -> Map<String, Value>;
    /// What the answer is worth: "output", "prediction", "answer", "correct" and what goes with them.
    fn judge(&self, at: usize, said: &Said) -> Map<String, Value>;
    /// Where a text to be gone on with ends.
    fn stops(&self) -> &[&str] {
        &[]
    }
    /// Pictures of demonstrations, which come before every question.
    fn shown_pictures(&self) -> usize {
        0
    }
}
