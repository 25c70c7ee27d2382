//! What a run's answers are worth, for people and as JSON.

use crate::eval::lines::Line;
use crate::eval::summary::summary;
use crate::failure::Failure;
use crate::output::{Notes, Out};
use serde_json::{Map, Value};

/// Prints the summary of a run's answers.
pub fn print(lines: &[Line], seed: u64, json: bool, notes: &Notes) -> Result<(), Failure> {
    notes.clear();
    object(&summary(lines, seed), json)
}

/// Prints what was found, as one JSON object or as lines.
pub fn object(told: &Map<String, Value>, json: bool) -> Result<(), Failure> {
    let mut out = Out::new();
    if json {
        return out.json(&told.clone().into());
    }
    table(&mut out, told)?;
    out.flush()
}

fn table(out: &mut Out, summary: &Map<String, Value>) -> Result<(), Failure> {
    for (name, value) in summary {
        match value {
            Value::Object(inner) => {
                out.line(format_args!("{name}"))?;
                for (name, value) in inner {
                    out.line(format_args!("  {name:<28} {}", shown(value)))?;
                }
            }
            Value::Array(tenths) if name == "calibration" => {
                out.line("calibration: how sure, how often right, questions")?;
                for tenth in tenths {
                    let part = |name: &str| shown(tenth.get(name).unwrap_or(&Value::Null));
                    out.line(format_args!("  {:>6} {:>6} {:>6}", part("sure"), part("right"), part("n")))?;
                }
            }
            Value::Array(ends) if name.ends_with("interval") => {
                let ends: Vec<String> = ends.iter().map(shown).collect();
                out.line(format_args!("{:<30} {} (95 %, bootstrap)", name, ends.join(" to ")))?;
            }
            Value::Null if name == "meteor" => out.line(format_args!("{name:<30} not computed"))?,
            value => out.line(format_args!("{name:<30} {}", shown(value)))?,
        }
    }
    Ok(())
}

/// Percentages have two decimals, counts none.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => format!("{:.2}", number.as_f64().unwrap_or(0.0)),
        other => other.to_string(),
    }
}
