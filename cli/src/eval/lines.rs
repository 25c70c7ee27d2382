//! Files of judged answers: a line of JSON each, in the order of the questions.
//!
//! A line says which run it belongs to, "run", and its place in it, "number" of "of", so that parts are put together in any
//! order, and what is missing or does not belong is found.

use super::scienceqa::bytes;
use crate::failure::Failure;
use crate::json_lines;
use crate::output::counted;
use serde_json::{Map, Value};
use std::path::Path;

/// A judged answer.
#[derive(Debug, Clone)]
pub struct Line {
    /// As it is written.
    pub text: String,
    pub fields: Map<String, Value>,
}

impl Line {
    /// A field that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }

    /// A field that is a whole number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.fields.get(name).and_then(Value::as_u64)
    }

    /// Whether a field is true.
    pub fn is(&self, name: &str) -> bool {
        self.fields.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// What the answer counts: 1 or 0, or a part of 1. A question that could not be asked counts nothing.
    pub fn worth(&self) -> f64 {
        match self.fields.get("correct") {
            Some(Value::Bool(true)) => 1.0,
            Some(Value::Number(part)) => part.as_f64().unwrap_or(0.0),
            _ => 0.0,
        }
    }

    /// The identifier, as it is written.
    pub fn id(&self) -> String {
        self.fields.get("id").map(Value::to_string).unwrap_or_default()
    }
}

/// The lines of a file; whether its last one is not whole, which is then left out.
pub fn parse(name: &str, bytes: &[u8]) -> Result<(Vec<Line>, bool), Failure> {
    let torn = !bytes.is_empty() && !bytes.ends_with(b"\n");
    let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |end| end + 1);
    let wrong = |line: usize, what: String| Failure::new("answers", what).in_line(name, line);
    let mut lines = Vec::new();
    for (number, line) in json_lines::lines(if torn { &bytes[..whole] } else { bytes }) {
        let text = std::str::from_utf8(line).map_err(|_| wrong(number, "not UTF-8".to_owned()))?.to_owned();
        let fields = serde_json::from_str(&text).map_err(|e| wrong(number, format!("no JSON object: {e}")))?;
        lines.push(Line { text, fields });
    }
    Ok((lines, torn))
}

/// The lines of a file.
pub fn read(path: &Path) -> Result<(Vec<Line>, bool), Failure> {
    parse(&path.display().to_string(), &bytes(path)?)
}

/// Parts of one run as the whole.
pub fn merged(parts: Vec<(String, Vec<Line>)>) -> Result<Vec<Line>, Failure> {
    let wrong = |what: String| Failure::new("merge", what);
    let mut all: Vec<(u64, Line)> = Vec::new();
    let mut first: Option<(String, String, u64)> = None;
    for (name, lines) in parts {
        for (at, line) in (1..).zip(lines) {
            let run = (line.text("run"), line.number("number"), line.number("of"));
            let (Some(run), Some(number), Some(of)) = run else {
                return Err(wrong(format!(
                    "{name}, line {at} is no answer of 'ocelli eval': it has no \"run\", \"number\" and \"of\""
                )));
            };
            match &first {
                None => first = Some((name.clone(), run.to_owned(), of)),
                Some((other, same, count)) if same != run || *count != of => {
                    let message = format!(
                        "{name}, line {at} is of another run than {other}: run {run} of {of} questions and run {same} of {count}"
                    );
                    return Err(wrong(message));
                }
                Some(_) => {}
            }
            all.push((number, line));
        }
    }
    all.sort_by_key(|(number, _)| *number);
    if let Some([(number, line), _]) = all.array_windows().find(|[one, other]| one.0 == other.0) {
        return Err(wrong(format!("question {number}, id {}, is answered twice", line.id())));
    }
    let of = first.map_or(0, |(_, _, of)| of);
    let missing = of.saturating_sub(all.len() as u64);
    if missing > 0 || all.is_empty() {
        let gap = (1..).zip(&all).find(|(at, (number, _))| at != number).map_or(all.len() as u64 + 1, |(at, _)| at);
        let missing = counted(usize::try_from(missing).unwrap_or(usize::MAX), "answer");
        return Err(wrong(format!("{missing} of {of} are missing, the first is that of question {gap}"))
            .with_hint("give the files of all parts; one that was interrupted is gone on with by its own command"));
    }
    Ok(all.into_iter().map(|(_, line)| line).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn lines(numbers: &[u64], run: &str) -> Vec<Line> {
        let text: String =
            numbers.iter().map(|n| format!("{{\"id\":\"{n}\",\"run\":\"{run}\",\"number\":{n},\"of\":3}}\n")).collect();
        parse("x", text.as_bytes()).unwrap().0
    }

    #[test]
    fn parts_are_put_in_order_and_gaps_found() {
        let merge = |parts: Vec<Vec<Line>>| merged(parts.into_iter().map(|lines| ("x".to_owned(), lines)).collect());
        let whole = merge(vec![lines(&[3], "a"), lines(&[1, 2], "a")]).unwrap();
        assert_eq!(whole.iter().map(|line| line.number("number").unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
        for (parts, words) in [
            (vec![lines(&[1], "a"), lines(&[3], "a")], "1 answer of 3 are missing, the first is that of question 2"),
            (vec![lines(&[1, 2], "a"), lines(&[2, 3], "a")], "question 2, id \"2\", is answered twice"),
            (vec![lines(&[1], "a"), lines(&[2, 3], "b")], "of another run"),
            (vec![], "are missing"),
        ] {
            let failure = merge(parts).unwrap_err();
            assert!(failure.message().contains(words), "{}", failure.message());
        }
    }

    #[test]
    fn a_torn_line_is_left_out() {
        let (lines, torn) = parse("x", b"{\"id\":1}\n{\"id\":").unwrap();
        assert_eq!((lines.len(), torn), (1, true));
        assert!(parse("x", b"{\"id\":1}\nnonsense\n").is_err());
        assert_eq!(parse("x", b"{\"correct\":0.3}\n").unwrap().0[0].worth(), 0.3);
    }
}
