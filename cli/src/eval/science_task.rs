//! ScienceQA as a task: demonstrations, pictures where the wording has them, and answers by a rule or by likelihood.
//!
//! The non-obvious thing: where the rule finds no letter the paper's code draws a choice, from one stream of random numbers.
//! Here a draw is made of the seed and the problem's number, so that parts and interrupted runs draw the same.

use super::extract::Rule;
use super::random::Random;
use super::scienceqa::Problems;
use super::scienceqa::prompt::{Style, Wording, letter, rationale};
use super::{Ask, How, Part, Said, Task};
use crate::failure::Failure;
use ocelli_engine::image::bytes_hash;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// Where a picture goes in an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    First,
    Last,
    BeforeQuestion,
}

impl Place {
    pub const ALL: [(&'static str, Self); 3] =
        [("first", Self::First), ("last", Self::Last), ("before_question", Self::BeforeQuestion)];
}

/// What is scored where answers are ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Candidates {
    /// " A"
    Letters,
    /// " (A) the choice"
    Choices,
}

/// How answers are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    By(Rule),
    Rank(Candidates),
}

/// All that was asked for.
pub struct Setup {
    pub wording: Wording,
    pub place: Place,
    pub reading: Reading,
    /// Whether a rationale comes first.
    pub cot: bool,
    pub images: bool,
    /// Numbers of demonstrations.
    pub shots: Vec<String>,
    pub seed: u64,
    /// Whether texts are gone on with, without a chat template.
    pub raw: bool,
}

/// The task.
pub struct ScienceQa {
    pub problems: Arc<Problems>,
    pub ids: Vec<String>,
    pub captions: HashMap<String, String>,
    pub setup: Setup,
}

impl ScienceQa {
    /// Checks what is asked for against the files: demonstrations are known, and so are pictures.
    pub fn checked(self) -> Result<Self, Failure> {
        for id in &self.setup.shots {
            self.problems.known(id)?;
            if self.ids.contains(id) {
                let message =
                    format_args!("problem {id:?} is a demonstration and a question, whose answer it would tell");
                return Err(Failure::usage("shots", message));
            }
        }
        if self.setup.images {
            for id in self.setup.shots.iter().chain(&self.ids) {
                self.problems.image(id)?;
            }
        }
        Ok(self)
    }

    fn caption(&self, id: &str) -> Option<&str> {
        self.captions.get(id).map(String::as_str)
    }

    /// An example's text with its picture.
    fn placed(&self, id: &str, text: &str, parts: &mut Vec<Part>) -> Result<(), Failure> {
        let image = if self.setup.images { self.problems.image(id)? } else { None };
        let add = |text: &str, parts: &mut Vec<Part>| match parts.last_mut() {
            Some(Part::Text(before)) => before.push_str(text),
            _ if text.is_empty() => {}
            _ => parts.push(Part::Text(text.to_owned())),
        };
        let Some(image) = image else {
            add(text, parts);
            return Ok(());
        };
        let image = Part::Image(image);
        match self.setup.place {
            Place::First => {
                parts.push(image);
                add(&format!("\n{text}"), parts);
            }
            Place::Last => {
                add(&format!("{text}\n"), parts);
                parts.push(image);
            }
            Place::BeforeQuestion => {
                let at =
                    if text.starts_with("Context: ") { text.find("\nQuestion: ").map_or(0, |at| at + 1) } else { 0 };
                add(&text[..at], parts);
                parts.push(image);
                add(&text[at..], parts);
            }
        }
        Ok(())
    }

    /// Demonstrations and the query, two line breaks between them.
    fn prompt(
        &self,
        id: &str,
        shown: impl Fn(&str) -> Result<String, Failure>,
        query: &str,
    ) -> Result<Vec<Part>, Failure> {
        let mut parts = Vec::new();
        for shot in &self.setup.shots {
            self.placed(shot, &(shown(shot)? + "\n\n"), &mut parts)?;
        }
        self.placed(id, query, &mut parts)?;
        Ok(parts)
    }

    /// New tokens of an answer (Lu et al. 2022: 512; LLaVA's script 1024; Multimodal-CoT's second stage 64).
    fn new_tokens(&self) -> usize {
        match (self.setup.wording.style, self.setup.wording.format.output) {
            (Style::Tuned, _) => 1024,
            (_, "A") | (Style::Directly, _) => 64,
            _ => 512,
        }
    }
}

impl Task for ScienceQa {
    fn name(&self) -> &'static str {
        "scienceqa"
    }

    fn len(&self) -> usize {
        self.ids.len()
    }

    fn id(&self, at: usize) -> Value {
        Value::from(self.ids[at].as_str())
    }

    fn reasons(&self, at: usize) -> Result<Option<Ask>, Failure> {
        if !self.setup.cot {
            return Ok(None);
        }
        let (id, wording) = (&self.ids[at], &self.setup.wording);
        let shown = |id: &str| Ok(wording.shown(self.problems.get(id)?, self.caption(id)));
        let query = wording.asked(self.problems.get(id)?, self.caption(id), None);
        let parts = self.prompt(id, shown, &query)?;
        Ok(Some(Ask { parts, how: How::Say { new_tokens: 512 }, bare: None }))
    }

    fn ask(&self, at: usize, said: Option<&str>) -> Result<Ask, Failure> {
        let (id, wording) = (&self.ids[at], &self.setup.wording);
        let problem = self.problems.get(id)?;
        let parts = if let Some(said) = said {
            let shown = |id: &str| Ok(wording.shown_decided(self.problems.get(id)?, self.caption(id)));
            let query = wording.decided(problem, self.caption(id), &rationale(said));
            self.prompt(id, shown, &query)?
        } else {
            let shown = |id: &str| Ok(wording.shown(self.problems.get(id)?, self.caption(id)));
            let query = wording.asked(problem, self.caption(id), None);
            self.prompt(id, shown, &query)?
        };
        let how = match self.setup.reading {
            Reading::By(_) if said.is_some() => How::Say { new_tokens: 64 },
            Reading::By(_) => How::Say { new_tokens: self.new_tokens() },
            Reading::Rank(candidates) => {
                let text = |(at, choice): (usize, &String)| match candidates {
                    Candidates::Letters => format!(" {}", letter(at)),
                    Candidates::Choices => format!(" ({}) {choice}", letter(at)),
                };
                How::Rank { texts: problem.choices.iter().enumerate().map(text).collect() }
            }
        };
        Ok(Ask { parts, how, bare: None })
    }

    fn answer(&self, at: usize) -> Value {
        self.problems.get(&self.ids[at]).map_or(Value::Null, |problem| json!(letter(problem.answer).to_string()))
    }

    fn folders(&self) -> Vec<&Path> {
        vec![self.problems.folder()]
    }

    fn about(&self, at: usize) -> Map<String, Value> {
        let id = &self.ids[at];
        let Ok(problem) = self.problems.get(id) else { return Map::new() };
        let mut line = Map::new();
        line.insert("groups".to_owned(), json!(problem.groups()));
        line.insert("topic".to_owned(), json!(problem.topic));
        line.insert("choices".to_owned(), json!(problem.choices));
        if let Some(image) = self.problems.image(id).ok().flatten().filter(|_| self.setup.images) {
            line.insert("image".to_owned(), json!(image.to_string_lossy()));
        }
        line
    }

    fn judge(&self, at: usize, said: &Said) -> Map<String, Value> {
        let id = &self.ids[at];
        let Ok(problem) = self.problems.get(id) else { return Map::new() };
        let (count, seed) = (problem.choices.len(), self.setup.seed);
        judged(said, self.setup.reading, count, problem.answer, || drawn(id, count, seed))
    }

    fn stops(&self) -> &[&str] {
        // Written texts end with a line; a conversation's turn ends by itself.
        let wording = &self.setup.wording;
        let lines = wording.style != Style::Tuned && wording.format.output != "LEPA" || self.setup.cot;
        if self.setup.raw && lines { &["\n"] } else { &[] }
    }

    fn shown_pictures(&self) -> usize {
        let seen = |id: &&String| self.setup.images && self.problems.image(id).is_ok_and(|image| image.is_some());
        self.setup.shots.iter().filter(seen).count()
    }
}

/// The choice of a problem that no letter was found for.
pub fn drawn(id: &str, choices: usize, seed: u64) -> usize {
    let hash = bytes_hash(format!("{seed} {id}").as_bytes());
    #[allow(clippy::cast_possible_truncation)]
    Random::new(hash as u64).below(choices.max(1))
}

/// What an answer says of so many choices: "output", "prediction", "answer", "correct", and where no letter was found "failed"
/// and perhaps "drawn".
pub fn judged(
    said: &Said,
    reading: Reading,
    choices: usize,
    answer: usize,
    draw: impl FnOnce() -> usize,
) -> Map<String, Value> {
    let mut line = Map::new();
    let rule = match reading {
        Reading::By(rule) => rule,
        Reading::Rank(_) => Rule::Bare,
    };
    let found = match said {
        Said::Text(text) => {
            line.insert("output".to_owned(), json!(text));
            rule.letter(text)
        }
        Said::Ranked(scores) => {
            let best = Said::likeliest(scores);
            line.insert("output".to_owned(), json!(best.map(|at| letter(at).to_string())));
            line.insert("scores".to_owned(), json!(scores));
            best
        }
    };
    let told = found.map_or("FAILED".to_owned(), |at| letter(at).to_string());
    line.insert("prediction".to_owned(), json!(told));
    line.insert("answer".to_owned(), json!(letter(answer).to_string()));
    let mut counts = found.filter(|at| *at < choices);
    if counts.is_none() && rule.draws() {
        let drawn = draw();
        line.insert("drawn".to_owned(), json!(letter(drawn).to_string()));
        counts = Some(drawn);
    }
    line.insert("correct".to_owned(), json!(counts == Some(answer)));
    if found.is_none() {
        line.insert("failed".to_owned(), json!(true));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_letter_is_drawn_or_wrong() {
        let judge = |text: &str, rule| judged(&Said::Text(text.to_owned()), Reading::By(rule), 2, 1, || 1);
        let of = |line: &Map<String, Value>| {
            (line["prediction"].clone(), line["correct"].clone(), line.contains_key("failed"))
        };
        let failed = judge("no idea", Rule::Official);
        assert_eq!(of(&failed), (json!("FAILED"), json!(true), true));
        assert_eq!(failed["drawn"], "B");
        assert_eq!(of(&judge("no idea", Rule::Bare)), (json!("FAILED"), json!(false), true));
        // A letter that no choice has is none of both.
        assert_eq!(of(&judge("The answer is E.", Rule::Official)), (json!("E"), json!(true), false));
        assert_eq!(of(&judge("The answer is E.", Rule::Bare)), (json!("E"), json!(false), false));
        assert_eq!(of(&judge("The answer is (B).", Rule::MmCot)), (json!("B"), json!(true), false));
        let ranked = judged(&Said::Ranked(vec![-2.0, -1.0]), Reading::Rank(Candidates::Letters), 2, 1, || 0);
        assert_eq!(of(&ranked), (json!("B"), json!(true), false));
        assert_eq!(Said::likeliest(&[-1.0, -1.0]), Some(0));
    }
}
