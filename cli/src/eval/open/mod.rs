//! Benchmarks whose answers are words: VQA's kin, GQA, POPE, captions, Hateful Memes, MMBench, easy-VQA.
//!
//! Each file format becomes items of one form (`read.rs`, `mmbench.rs`); how an answer counts follows from the benchmark's kind.

mod mmbench;
pub mod read;
mod records;

use super::metrics::vqa;
use super::scienceqa::prompt::letter;
use super::{Ask, How, Part, Said, Task};
use crate::failure::Failure;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// How answers of a benchmark count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// By ten people's answers.
    People,
    /// As the one right answer, in lower case and without a point behind it.
    Exact,
    /// As yes or no, whatever else is said.
    YesNo,
    /// As a caption beside those of people, all captions together.
    Caption,
    /// By how likely yes is beside no, all questions together.
    Likely,
    /// By the letter of a choice.
    Choice,
}

/// A benchmark that is known by name.
pub struct Benchmark {
    pub name: &'static str,
    pub kind: Kind,
    /// What the question is asked with where neither the command line nor the model's file says.
    pub wording: &'static str,
    /// New tokens of an answer.
    pub new_tokens: usize,
}

const SHORT: &str = "Question: {} Short answer:";

pub const BENCHMARKS: [Benchmark; 11] = [
    Benchmark { name: "vqav2", kind: Kind::People, wording: SHORT, new_tokens: 10 },
    Benchmark { name: "okvqa", kind: Kind::People, wording: SHORT, new_tokens: 10 },
    Benchmark { name: "vizwiz", kind: Kind::People, wording: SHORT, new_tokens: 10 },
    Benchmark { name: "textvqa", kind: Kind::People, wording: SHORT, new_tokens: 10 },
    Benchmark { name: "gqa", kind: Kind::Exact, wording: SHORT, new_tokens: 10 },
    Benchmark { name: "pope", kind: Kind::YesNo, wording: SHORT, new_tokens: 10 },
    Benchmark { name: "coco-captions", kind: Kind::Caption, wording: "a photo of", new_tokens: 30 },
    Benchmark { name: "flickr30k-captions", kind: Kind::Caption, wording: "a photo of", new_tokens: 30 },
    Benchmark {
        name: "hateful-memes",
        kind: Kind::Likely,
        wording: "is an image with: '{}' written on it. Is it hateful? Answer:",
        new_tokens: 1,
    },
    Benchmark { name: "mmbench", kind: Kind::Choice, wording: "{}", new_tokens: 10 },
    Benchmark { name: "easy-vqa", kind: Kind::Exact, wording: "Question: {} Answer:", new_tokens: 16 },
];

/// A question of any of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    pub id: Value,
    pub image: Picture,
    pub question: String,
    /// What people answered, or the right answer.
    pub answers: Vec<String>,
    /// Choices, where there are any.
    pub choices: Vec<String>,
    /// What it counts under.
    pub groups: Vec<String>,
}

impl Item {
    /// What is right: what people said, or the one right answer.
    fn answer(&self, kind: Kind) -> Value {
        match kind {
            Kind::People | Kind::Caption => json!(self.answers),
            _ => json!(self.answers.first().map(String::as_str).unwrap_or_default()),
        }
    }
}

/// Where a picture is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picture {
    File(PathBuf),
    /// The file's bytes in base64.
    Inside(String),
}

/// A benchmark's questions as a task.
pub struct Open {
    pub benchmark: &'static Benchmark,
    pub items: Vec<Item>,
    /// Where the paths of pictures begin: the folder of pictures, if it is another, and that of the files.
    pub folders: Vec<PathBuf>,
    /// The wording, with `{}` where the question goes.
    pub wording: String,
    pub raw: bool,
}

impl Open {
    /// The question as the wording has it.
    fn words(&self, item: &Item) -> String {
        self.wording.replacen("{}", &item.question, 1)
    }
}

impl Task for Open {
    fn name(&self) -> &'static str {
        self.benchmark.name
    }

    fn len(&self) -> usize {
        self.items.len()
    }

    fn id(&self, at: usize) -> Value {
        self.items[at].id.clone()
    }

    fn ask(&self, at: usize, _: Option<&str>) -> Result<Ask, Failure> {
        let item = &self.items[at];
        let image = match &item.image {
            Picture::File(path) => Part::Image(path.clone()),
            Picture::Inside(text) => Part::Inside(text.clone()),
        };
        let how = match self.benchmark.kind {
            Kind::Likely => How::Rank { texts: vec![" no".to_owned(), " yes".to_owned()] },
            _ => How::Say { new_tokens: self.benchmark.new_tokens },
        };
        let asks = self.benchmark.kind != Kind::Caption;
        let bare = if asks { item.question.clone() } else { String::new() };
        Ok(Ask { parts: vec![image, Part::Text(self.words(item))], how, bare: Some(bare) })
    }

    fn answer(&self, at: usize) -> Value {
        self.items[at].answer(self.benchmark.kind)
    }

    fn counts_each(&self) -> bool {
        self.benchmark.kind != Kind::Caption
    }

    fn folders(&self) -> Vec<&Path> {
        self.folders.iter().map(PathBuf::as_path).collect()
    }

    fn about(&self, at: usize) -> Map<String, Value> {
        let item = &self.items[at];
        let mut line = Map::new();
        if let Picture::File(path) = &item.image {
            line.insert("image".to_owned(), json!(path.to_string_lossy()));
        }
        line.insert("question".to_owned(), json!(item.question));
        if !item.choices.is_empty() {
            line.insert("choices".to_owned(), json!(item.choices));
        }
        if !item.groups.is_empty() {
            line.insert("groups".to_owned(), json!(item.groups));
        }
        line
    }

    fn judge(&self, at: usize, said: &Said) -> Map<String, Value> {
        judged(self.benchmark.kind, &self.items[at], said)
    }

    fn stops(&self) -> &[&str] {
        if self.raw { &["\n"] } else { &[] }
    }
}

/// What an answer to an item says.
pub fn judged(kind: Kind, item: &Item, said: &Said) -> Map<String, Value> {
    let mut line = Map::new();
    let mut put = |name: &str, value: Value| line.insert(name.to_owned(), value);
    let text = match said {
        Said::Text(text) => text.clone(),
        Said::Ranked(scores) => {
            put("scores", json!(scores));
            let names = ["no", "yes"];
            Said::likeliest(scores).and_then(|at| names.get(at)).map_or(String::new(), |&name| name.to_owned())
        }
    };
    put("output", json!(text));
    put("answer", item.answer(kind));
    let first = item.answers.first().map(String::as_str).unwrap_or_default();
    match kind {
        Kind::People => {
            put("prediction", json!(vqa::normalised(&text)));
            put("correct", json!(vqa::accuracy(&text, &item.answers)));
        }
        Kind::Exact => {
            let plain = plain(&text);
            put("correct", json!(plain == self::plain(first)));
            put("prediction", json!(plain));
        }
        Kind::YesNo => {
            let told = if says_no(&text) { "no" } else { "yes" };
            put("prediction", json!(told));
            put("correct", json!(told == first));
        }
        Kind::Likely => {
            put("prediction", json!(text));
            put("correct", json!(text == first));
        }
        Kind::Caption => {
            put("prediction", json!(text));
        }
        Kind::Choice => {
            let found = choice(&text, &item.choices);
            put("prediction", json!(found.map_or("FAILED".to_owned(), |at| letter(at).to_string())));
            put("correct", json!(found.is_some_and(|at| letter(at).to_string() == first)));
            if found.is_none() {
                put("failed", json!(true));
            }
        }
    }
    line
}

fn plain(text: &str) -> String {
    text.trim().trim_end_matches('.').trim().to_lowercase()
}

/// POPE's rule (Li et al. 2023): no where one of the first sentence's words is no or not.
fn says_no(text: &str) -> bool {
    let sentence = text.split('.').next().unwrap_or_default().replace(',', "");
    sentence.split(' ').any(|word| ["No", "not", "no"].contains(&word))
}

/// MMBench's exact match: a letter alone, with a point or a bracket behind it, or a choice's text.
fn choice(text: &str, choices: &[String]) -> Option<usize> {
    let text = text.trim();
    let mut letters = text.trim_start_matches('(').chars();
    let (first, behind) = (letters.next()?, letters.next());
    let alone = behind.is_none_or(|c| [')', '.', ':', ',', ' ', '\n'].contains(&c));
    let by_text = choices.iter().position(|choice| plain(choice) == plain(text));
    by_text.or_else(|| (0..choices.len()).find(|at| alone && letter(*at) == first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_reads_answers_its_own_way() {
        let item = |answers: &[&str], choices: &[&str]| Item {
            id: json!(1),
            image: Picture::Inside(String::new()),
            question: "x".to_owned(),
            answers: answers.iter().map(|&text| text.to_owned()).collect(),
            choices: choices.iter().map(|&text| text.to_owned()).collect(),
            groups: Vec::new(),
        };
        let correct =
            |kind, item: &Item, text: &str| judged(kind, item, &Said::Text(text.to_owned()))["correct"].clone();
        let people = item(&["red", "red", "blue", "red", "green", "blue", "x", "y", "z", "w"], &[]);
        assert_eq!(correct(Kind::People, &people, "Red."), json!(0.9));
        assert_eq!(correct(Kind::Exact, &item(&["Blue"], &[]), " blue. "), true);
        assert_eq!(correct(Kind::YesNo, &item(&["no"], &[]), "There is not, I think. Yes."), true);
        assert_eq!(correct(Kind::YesNo, &item(&["no"], &[]), "None."), false);
        let choices = item(&["B"], &["a cat", "a dog"]);
        for (text, right) in [
            ("B", true),
            ("B. a dog", true),
            ("(B)", true),
            ("A dog.", true),
            ("Both", false),
            ("A", false),
            ("", false),
        ] {
            assert_eq!(correct(Kind::Choice, &choices, text), right, "{text}");
        }
        let likely = judged(Kind::Likely, &item(&["yes"], &[]), &Said::Ranked(vec![-2.0, -1.0]));
        assert_eq!((&likely["prediction"], &likely["correct"]), (&json!("yes"), &json!(true)));
    }
}
