//! Two runs on the same questions.

use super::lines::Line;
use super::statistics::{bootstrap, mcnemar};
use super::summary::percent;
use crate::failure::Failure;
use crate::output::counted;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// How another run differs from a first, question by question; they are known by their identifiers.
pub fn compared(first: &[Line], other: &[Line], seed: u64) -> Result<Map<String, Value>, Failure> {
    let by_id: HashMap<String, &Line> = other.iter().map(|line| (line.id(), line)).collect();
    let pairs: Vec<(&Line, &Line)> = first.iter().filter_map(|line| Some((line, *by_id.get(&line.id())?))).collect();
    for (a, b) in &pairs {
        for field in ["task", "question", "answer"] {
            if let (Some(one), Some(another)) = (a.fields.get(field), b.fields.get(field))
                && one != another
            {
                let what =
                    format_args!("question {} is another one in both runs: \"{field}\" is {one} and {another}", a.id());
                return Err(Failure::new("compare", what).with_hint("runs are compared on the same questions"));
            }
        }
    }
    let all = pairs.iter().all(|(a, b)| a.fields.contains_key("correct") && b.fields.contains_key("correct"));
    if !all {
        let what = "answers are compared where each is right or wrong, which these are not: they have no \"correct\"";
        return Err(Failure::new("compare", what));
    }
    if pairs.len() != first.len() || by_id.len() != other.len() || pairs.len() != other.len() || pairs.is_empty() {
        let what = format_args!(
            "both runs have {} in common, of {} in the first and {} in the other",
            counted(pairs.len(), "question"),
            first.len(),
            other.len()
        );
        return Err(
            Failure::new("compare", what).with_hint("runs are compared on the same questions: --split and --limit")
        );
    }
    let worths: Vec<(f64, f64)> = pairs.iter().map(|(a, b)| (a.worth(), b.worth())).collect();
    let paired = mcnemar(worths.iter().map(|(a, b)| (*a >= 0.5, *b >= 0.5)));
    let changes: Vec<f64> = worths.iter().map(|(a, b)| b - a).collect();
    let changed = pairs.iter().filter(|(a, b)| a.fields.get("prediction") != b.fields.get("prediction")).count();
    let interval = bootstrap(&changes, seed).map(|ends| ends.map(|end| end * 100.0));
    let of = |values: Vec<f64>| percent(&values);
    let told = [
        ("n", json!(pairs.len())),
        ("accuracy", of(worths.iter().map(|(a, _)| *a).collect())),
        ("other", of(worths.iter().map(|(_, b)| *b).collect())),
        ("difference", of(changes)),
        ("interval", json!(interval)),
        ("changed", json!(changed)),
        ("only_first_right", json!(paired.first)),
        ("only_other_right", json!(paired.second)),
        ("p", json!(paired.p)),
    ];
    Ok(told.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::eval::lines::parse;

    #[test]
    fn questions_are_paired_by_their_identifiers() {
        let lines = |right: &[bool]| {
            let text: String = (0..)
                .zip(right)
                .map(|(id, right)| format!("{{\"id\":{id},\"correct\":{right},\"prediction\":\"{right}\"}}\n"))
                .collect();
            parse("x", text.as_bytes()).unwrap().0
        };
        let first = lines(&[true, true, true, false]);
        let mut other = lines(&[true, false, false, true]);
        other.reverse();
        let told = compared(&first, &other, 0).unwrap();
        assert_eq!(
            (&told["accuracy"], &told["other"], &told["difference"]),
            (&json!(75.0), &json!(50.0), &json!(-25.0))
        );
        assert_eq!(
            (&told["changed"], &told["only_first_right"], &told["only_other_right"]),
            (&json!(3), &json!(2), &json!(1))
        );
        assert_eq!(told["p"], 1.0);
        let other = compared(&first, &lines(&[true]), 0).unwrap_err();
        assert!(other.message().contains("of 4 in the first and 1 in the other"), "{}", other.message());
    }
}
