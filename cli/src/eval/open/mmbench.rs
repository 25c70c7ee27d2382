//! MMBench's table (Liu et al. 2023): a row a question, its picture within.
//!
//! The non-obvious thing: a picture that several questions are about stands in one row; the others have that row's index.

use super::read::Folder;
use super::{Item, Picture, letter};
use crate::eval::scienceqa::{bytes, wrong};
use crate::failure::Failure;
use serde_json::json;
use std::collections::HashMap;

/// Longest text that is another row's index and not a picture.
const INDEX: usize = 64;

/// Reads the table of a split.
pub fn mmbench(folder: &Folder<'_>) -> Result<Vec<Item>, Failure> {
    let (split, upper) = (folder.split, folder.split.to_uppercase());
    let path =
        folder.file(&[format!("{split}.tsv"), format!("MMBench_{upper}_EN.tsv"), format!("mmbench_{split}.tsv")])?;
    let text = String::from_utf8(bytes(&path)?).map_err(|_| wrong(&path, "not UTF-8"))?;
    let rows = table(&text).ok_or_else(|| wrong(&path, "a value's double quote is not closed"))?;
    let Some((names, rows)) = rows.split_first() else { return Err(wrong(&path, "has no rows")) };
    let column = |row: &[String], name: &str| {
        let at = names.iter().position(|other| other == name)?;
        row.get(at).filter(|text| !text.is_empty()).cloned()
    };
    let picture = |text: &String| text.len() > INDEX;
    let pictures: HashMap<String, String> =
        rows.iter().filter_map(|row| column(row, "index").zip(column(row, "image").filter(picture))).collect();
    let read = |row: &Vec<String>| {
        let index = column(row, "index").ok_or_else(|| wrong(&path, "a row has no index"))?;
        let wrong = |what: String| wrong(&path, &format!("row {index:?} {what}"));
        if row.len() != names.len() {
            return Err(wrong(format!("has {} of {} columns", row.len(), names.len())));
        }
        let needed = |name: &str| column(row, name).ok_or_else(|| wrong(format!("has no {name}")));
        let image = needed("image")?;
        let image = match picture(&image) {
            true => image,
            false => pictures
                .get(&image)
                .cloned()
                .ok_or_else(|| wrong(format!("has the picture of row {image:?}, which has none")))?,
        };
        let asked = needed("question")?;
        let named = ["A", "B", "C", "D", "E"].map(|name| column(row, name));
        let choices: Vec<String> = named.iter().map_while(Clone::clone).collect();
        if choices.is_empty() || named.iter().flatten().count() != choices.len() {
            return Err(wrong("has an empty choice before another, or no choices".to_owned()));
        }
        let answer = column(row, "answer");
        let answer =
            answer.ok_or_else(|| wrong("has no answer: a split without answers cannot be scored".to_owned()))?;
        if !(0..choices.len()).any(|at| letter(at).to_string() == answer) {
            return Err(wrong(format!("has the answer {answer:?} and {} choices", choices.len())));
        }
        let listed = choices.iter().enumerate();
        let listed: String = listed.map(|(at, choice)| format!("\n{}. {choice}", letter(at))).collect();
        let hint = column(row, "hint").map(|hint| hint + "\n").unwrap_or_default();
        let question =
            format!("{hint}{asked}{listed}\nAnswer with the option's letter from the given choices directly.");
        Ok(Item {
            id: json!(index),
            image: Picture::Inside(image),
            question,
            answers: vec![answer],
            choices,
            groups: column(row, "category").into_iter().collect(),
        })
    };
    // An empty line is no row.
    rows.iter().filter(|row| row.iter().any(|value| !value.is_empty())).map(read).collect()
}

/// Rows of a table with tabs between columns, where a value in double quotes may have line breaks and tabs in it. Nothing where a
/// quote is open at the end.
fn table(text: &str) -> Option<Vec<Vec<String>>> {
    let (mut rows, mut row, mut value) = (Vec::new(), Vec::new(), String::new());
    let mut rest = text.trim_start_matches('\u{feff}').chars().peekable();
    let mut quoted = false;
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => {
                rest.next();
                value.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if value.is_empty() => quoted = true,
            '\t' if !quoted => row.push(std::mem::take(&mut value)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                row.push(std::mem::take(&mut value));
                rows.push(std::mem::take(&mut row));
            }
            c => value.push(c),
        }
    }
    if !value.is_empty() || !row.is_empty() {
        row.push(value);
        rows.push(row);
    }
    (!quoted).then_some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_values_may_have_anything_in_them() {
        let rows = table("a\tb\r\n\"x\n\"\"y\"\"\tz\"\t2\nlast\t").unwrap_or_default();
        assert_eq!(rows, [vec!["a", "b"], vec!["x\n\"y\"\tz", "2"], vec!["last", ""]]);
        assert_eq!(table("a\tb\n\"x\ty\n"), None);
    }
}
