//! Answers that are there already: parts put together, and outputs scored without a model.

use super::told;
use crate::eval::Said;
use crate::eval::compare::compared;
use crate::eval::extract::Rule;
use crate::eval::lines::{self, Line};
use crate::eval::science_task::{Reading, drawn, judged};
use crate::eval::scienceqa::prompt::letter;
use crate::eval::scienceqa::{Problems, json, wrong};
use crate::eval::summary::percent;
use crate::failure::Failure;
use crate::output::{Notes, counted};
use ocelli_convert::write_atomically;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

pub const AFTER_MERGE: &str = "\
EXAMPLES
  ocelli eval merge part1.jsonl part2.jsonl --out answers.jsonl

The parts may be given in any order; the file is the one that a run of all questions writes. Parts of different runs, and answers that
are missing or there twice, are refused.";

pub const AFTER_SCORE: &str = "\
EXAMPLES
  ocelli eval score answers.jsonl
  ocelli eval score answers.jsonl --extract llava --data scienceqa --json
  ocelli eval score final_test_QCM-ALE_2_seed_3.json --extract official

FILE is what 'ocelli eval … --out' wrote, or a result file of ScienceQA's or LLaVA's code: {\"outputs\": {NUMBER: TEXT},
\"results\": {NUMBER: INDEX}, \"correct\", \"count\"}. Of the latter the letters are read anew and compared with \"results\"; what is
right is known with --data, and otherwise taken from the file.";

pub const AFTER_COMPARE: &str = "\
EXAMPLES
  ocelli eval compare f16.jsonl q4_0.jsonl

Questions are paired by their identifiers. \"difference\" is the second accuracy less the first, in percent, with the interval of a
bootstrap over questions; \"changed\" counts predictions that differ; \"p\" is McNemar's exact test of those that one model alone has right:
how likely so unequal numbers are where both are as good.";

/// Compare the answers of two runs on the same questions
#[derive(clap::Args)]
pub struct Compare {
    /// The answers of the first run
    #[arg(value_name = "FILE")]
    first: PathBuf,
    /// The answers of the other
    #[arg(value_name = "OTHER")]
    other: PathBuf,
    /// Of the bootstrap
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    seed: u64,
    /// Print one JSON object
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// No notes on standard error
    #[arg(short, long, help_heading = "Output")]
    quiet: bool,
}

pub fn compare(args: &Compare) -> Result<(), Failure> {
    let notes = Notes::new(args.quiet);
    let read = |path: &PathBuf| {
        let (lines, torn) = lines::read(path)?;
        said_torn(&notes, path, torn);
        Ok::<_, Failure>(lines)
    };
    told::object(&compared(&read(&args.first)?, &read(&args.other)?, args.seed)?, args.json)
}

/// Put the answers of parts together
#[derive(clap::Args)]
pub struct Merge {
    /// The files of the parts
    #[arg(value_name = "FILE", required = true)]
    parts: Vec<PathBuf>,
    /// The file of all answers
    #[arg(short, long, value_name = "FILE", visible_alias = "output")]
    out: PathBuf,
    /// Print one JSON object, the summary
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// No notes on standard error
    #[arg(short, long, help_heading = "Output")]
    quiet: bool,
}

pub fn merge(args: &Merge) -> Result<(), Failure> {
    let notes = Notes::new(args.quiet);
    let mut parts = Vec::new();
    for path in &args.parts {
        let (lines, torn) = lines::read(path)?;
        said_torn(&notes, path, torn);
        parts.push((path.display().to_string(), lines));
    }
    let lines = lines::merged(parts)?;
    let text: String = lines.iter().map(|line| line.text.clone() + "\n").collect();
    write_atomically(&args.out, text.as_bytes())?;
    told::print(&lines, 0, args.json, &notes)
}

fn said_torn(notes: &Notes, path: &std::path::Path, torn: bool) {
    if torn {
        notes.line(format_args!("{}: its last line was cut off and is left out", path.display()));
    }
}

/// Score answers that are there, without a model
#[derive(clap::Args)]
pub struct Score {
    /// The file of answers or recorded outputs
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Read letters by this rule; without it answers are taken as they were read, recorded outputs by 'official'
    #[arg(long, value_name = "RULE", value_parser = Rule::ALL.map(|(name, _)| name))]
    extract: Option<String>,
    /// ScienceQA's folder, for what is right
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Of draws and errors
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    seed: u64,
    /// Print one JSON object, the summary
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// No notes on standard error
    #[arg(short, long, help_heading = "Output")]
    quiet: bool,
}

pub fn score(args: &Score) -> Result<(), Failure> {
    let notes = Notes::new(args.quiet);
    let problems = args.data.as_deref().map(Problems::read).transpose()?;
    let bytes = crate::eval::scienceqa::bytes(&args.file)?;
    // A file of lines is no single document, unless it has one line, which then has no outputs.
    let whole = serde_json::from_slice::<Value>(&bytes).ok().filter(|value| value.get("outputs").is_some());
    if whole.is_some() {
        return recorded(args, problems.as_ref(), &notes);
    }
    let (mut lines, torn) = lines::read(&args.file)?;
    said_torn(&notes, &args.file, torn);
    if lines.is_empty() {
        return Err(wrong(&args.file, "has no answers"));
    }
    if let Some(rule) = args.rule() {
        for line in &mut lines {
            reread(line, rule, args.seed);
        }
    }
    told::print(&lines, args.seed, args.json, &notes)
}

impl Score {
    fn rule(&self) -> Option<Rule> {
        let name = self.extract.as_deref()?;
        Rule::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, rule)| rule)
    }
}

/// Judges a generated answer by another rule.
fn reread(line: &mut Line, rule: Rule, seed: u64) {
    let choices = line.fields.get("choices").and_then(Value::as_array).map_or(0, Vec::len);
    let answer = line.text("answer").and_then(|text| (0..choices).find(|at| letter(*at).to_string() == text));
    let (Some(output), Some(answer), false) = (line.text("output"), answer, line.fields.contains_key("scores")) else {
        return;
    };
    let said = Said::Text(output.to_owned());
    let id = line.text("id").map(str::to_owned).unwrap_or_else(|| line.id());
    let judged = judged(&said, Reading::By(rule), choices, answer, || drawn(&id, choices, seed));
    line.fields.retain(|name, _| name != "failed" && name != "drawn");
    line.fields.extend(judged);
}

/// A result file of the original codes.
fn recorded(args: &Score, problems: Option<&Problems>, notes: &Notes) -> Result<(), Failure> {
    let document = json(&args.file)?;
    let object = |name: &str| document.get(name).and_then(Value::as_object);
    let outputs = object("outputs").ok_or_else(|| wrong(&args.file, "\"outputs\" is no object of texts by number"))?;
    let rule = args.rule().unwrap_or(Rule::Official);
    let (mut parsed, mut equal, mut compared) = (0, 0, 0);
    let mut lines = Vec::new();
    for (id, output) in outputs {
        let text = output.as_str().ok_or_else(|| wrong(&args.file, &format!("output {id:?} is no text")))?;
        let found = rule.letter(text);
        parsed += usize::from(found.is_some());
        let result = object("results").and_then(|results| results.get(id)).and_then(Value::as_i64);
        if let (Some(found), Some(result)) = (found, result) {
            compared += 1;
            equal += usize::from(usize::try_from(result) == Ok(found));
        }
        if let Some(problems) = problems {
            lines.push(with_answer(id, text, result, rule, problems, args.seed)?);
        }
    }
    let n = outputs.len();
    let mut told = Map::new();
    let (right, of) = (document.get("correct").and_then(Value::as_u64), document.get("count").and_then(Value::as_u64));
    if problems.is_some() {
        told.extend(crate::eval::summary::summary(&lines, args.seed));
    } else {
        told.insert("task".to_owned(), json!("scienceqa"));
        told.insert("n".to_owned(), json!(n));
        let accuracy = match (right, of) {
            (Some(right), Some(of)) if of > 0 && right <= of && of <= 1 << 32 => {
                #[allow(clippy::cast_precision_loss)]
                let accuracy = right as f64 / of as f64 * 100.0;
                json!(accuracy)
            }
            _ => percent(&[]),
        };
        told.insert("accuracy".to_owned(), accuracy);
        told.insert("failed".to_owned(), json!(n - parsed));
        notes.line(format_args!(
            "what is right is not known without --data: \"accuracy\" is \"correct\" by \"count\" of the file"
        ));
    }
    told.insert("parsed".to_owned(), json!(parsed));
    told.insert("equal".to_owned(), json!(equal));
    if compared > equal {
        let others = counted(compared - equal, "letter");
        notes.line(format_args!("{others} of {compared} differ from \"results\""));
    }
    told::object(&told, args.json)
}

/// A recorded output as a line. Where its code drew a choice, that is in its results.
fn with_answer(
    id: &str,
    text: &str,
    result: Option<i64>,
    rule: Rule,
    problems: &Problems,
    seed: u64,
) -> Result<Line, Failure> {
    let problem = problems.get(id)?;
    let count = problem.choices.len();
    let own = result.and_then(|result| usize::try_from(result).ok()).filter(|result| *result < count);
    let said = Said::Text(text.to_owned());
    let mut fields =
        judged(&said, Reading::By(rule), count, problem.answer, || own.unwrap_or_else(|| drawn(id, count, seed)));
    fields.insert("id".to_owned(), json!(id));
    fields.insert("task".to_owned(), json!("scienceqa"));
    fields.insert("groups".to_owned(), json!(problem.groups()));
    fields.insert("topic".to_owned(), json!(problem.topic));
    Ok(Line { text: String::new(), fields })
}
