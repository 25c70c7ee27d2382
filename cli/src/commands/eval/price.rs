//! What a type costs: the same questions to a model and to others, or to the model in other types, and how their answers differ.
//!
//! The non-obvious thing: a file in another type is made beside the answers and goes when they are there. A type made again is
//! the same file, so that its answers are gone on with as any other's.

use crate::eval::compare::compared;
use crate::eval::lines::Line;
use crate::failure::Failure;
use crate::hub::{Wanted, locate};
use crate::interrupt::Interrupt;
use crate::model_args::gguf;
use crate::output::{Notes, Out, size};
use crate::watch::Watch;
use ocelli_convert::Output;
use ocelli_convert::quantize::{Mix, Recipe, quantize};
use ocelli_engine::{Load, model_files};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A model's answers, and what they took.
pub struct Ran {
    /// The model's name, or its type's.
    pub name: String,
    /// Whether it takes pictures.
    pub sees: bool,
    pub lines: Vec<Line>,
    /// Of the model's file.
    pub bytes: u64,
    /// What a session needs beside the mapped file, as planned.
    pub memory: u64,
    /// Of the questions that were asked now: nothing where all answers were there.
    pub took: Option<Duration>,
    /// Joules, where the machine tells.
    pub joules: Option<f64>,
}

/// A counter of the machine's energy, where the system lets it be read.
pub fn energy() -> Option<f64> {
    let text = std::fs::read_to_string("/sys/class/powercap/intel-rapl:0/energy_uj").ok()?;
    text.trim().parse::<f64>().ok().map(|micro| micro / 1e6)
}

/// The model's file in another type, beside `near`.
pub fn in_type(
    model: &Path,
    mix: Mix,
    near: &Path,
    (notes, interrupt): (&Notes, &Interrupt),
) -> Result<PathBuf, Failure> {
    let input = locate(model, Wanted::Model, true)?;
    let (_, file) = gguf(Some(&input), Load::Map, true)?;
    // A name that no file of anybody's has: this one is removed again.
    let path = beside(near, &format!("{}.ocelli-eval-{}", mix.name(), std::process::id()), "gguf");
    notes.line(format_args!("making {}", path.display()));
    let watch = Watch::new(Notes::new(!notes.live()), interrupt.clone());
    let mut recipe = Recipe::new(mix);
    recipe.overwrite = false;
    let out = Output::of_argument(&path);
    let made = quantize(&file, &model_files(&input, file.parts().len()), out, &recipe, &watch);
    watch.clear();
    made.map_err(|error| Failure::writing(out, error))?;
    Ok(path)
}

/// A file's name with something before its end.
pub fn beside(path: &Path, name: &str, end: &str) -> PathBuf {
    let plain: String = name.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{stem}.{plain}.{end}"))
}

/// A row for each model, those behind the first with how they differ from it.
pub fn rows(all: &[Ran], seed: u64) -> Result<Vec<Map<String, Value>>, Failure> {
    let Some(first) = all.first() else { return Ok(Vec::new()) };
    let row = |ran: &Ran| {
        let summary = crate::eval::summary::summary(&ran.lines, seed);
        let mut row = Map::new();
        row.insert("model".to_owned(), json!(ran.name));
        row.insert("bytes".to_owned(), json!(ran.bytes));
        row.insert("memory".to_owned(), json!(ran.memory));
        row.insert("seconds".to_owned(), json!(ran.took.map(|took| took.as_secs_f64())));
        row.insert("joules".to_owned(), json!(ran.joules));
        row.insert("accuracy".to_owned(), summary.get("accuracy").cloned().unwrap_or_default());
        row.insert("failed".to_owned(), summary.get("failed").cloned().unwrap_or_default());
        // Captions count all together: there is nothing to pair.
        let paired = first.lines.iter().any(|line| line.fields.contains_key("correct"));
        if let Some(cider) = summary.get("cider_d") {
            row.insert("cider_d".to_owned(), cider.clone());
        }
        if paired && !std::ptr::eq(ran, first) {
            let mut told = compared(&first.lines, &ran.lines, seed)?;
            told.retain(|name, _| !["n", "accuracy", "other"].contains(&name.as_str()));
            row.extend(told);
        }
        Ok(row)
    };
    all.iter().map(row).collect()
}

/// The rows as a table for people.
pub fn table(out: &mut Out, rows: &[Map<String, Value>]) -> Result<(), Failure> {
    let real = |row: &Map<String, Value>, name: &str| row.get(name).and_then(Value::as_f64);
    let width = rows.iter().filter_map(|row| row.get("model")?.as_str().map(str::len)).max().unwrap_or(5).max(5);
    out.line(format_args!(
        "{:width$} {:>10} {:>8} {:>7} {:>17} {:>8} {:>8} {:>9}",
        "model", "size", "accuracy", "change", "95 %", "changed", "p", "time"
    ))?;
    for row in rows {
        let number =
            |name: &str, digits: usize| real(row, name).map_or("-".to_owned(), |value| format!("{value:.digits$}"));
        let interval = row.get("interval").and_then(Value::as_array).map_or("-".to_owned(), |ends| {
            let ends: Vec<String> = ends.iter().filter_map(Value::as_f64).map(|end| format!("{end:+.2}")).collect();
            ends.join(" to ")
        });
        let bytes = row.get("bytes").and_then(Value::as_u64).map_or("-".to_owned(), size);
        let change = real(row, "difference").map_or("-".to_owned(), |value| format!("{value:+.2}"));
        let model = row.get("model").and_then(Value::as_str).unwrap_or_default();
        let time = real(row, "seconds").map_or("-".to_owned(), |seconds| format!("{seconds:.1} s"));
        out.line(format_args!(
            "{model:width$} {bytes:>10} {:>8} {change:>7} {interval:>17} {:>8} {:>8} {time:>9}",
            number("accuracy", 2),
            number("changed", 0),
            number("p", 4)
        ))?;
    }
    Ok(())
}
