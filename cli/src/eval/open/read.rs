//! The published files of benchmarks, each as items of one form.
//!
//! A file is looked for under the names that it is published by. The non-obvious thing: pictures are found by what a record
//! says, below the folder or in the one that the benchmark's pictures come in.

use super::{Item, Picture};
use crate::eval::scienceqa::{bytes, json, wrong};
use crate::failure::Failure;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

type Record = Map<String, Value>;

/// A benchmark's folder.
pub struct Folder<'a> {
    pub data: &'a Path,
    /// The split, such as val.
    pub split: &'a str,
    /// The folder of pictures, where it is another.
    pub images: Option<&'a Path>,
}

impl Folder<'_> {
    /// The first of these files that there is.
    fn file(&self, names: &[String]) -> Result<PathBuf, Failure> {
        let paths: Vec<PathBuf> = names.iter().map(|name| self.data.join(name)).collect();
        if let Some(path) = paths.iter().find(|path| path.is_file()) {
            return Ok(path.clone());
        }
        let message = format_args!("{} has none of {}", self.data.display(), names.join(", "));
        Err(Failure::new("data", message).with_hint("--split names another split; docs/evaluation.md lists the files"))
    }

    /// A picture's file by its name, in one of these folders.
    fn picture(&self, name: &str, below: &[&str]) -> Result<Picture, Failure> {
        // A name is a name, not a way out of the folder.
        let leads_out = |path: &str, own: bool| {
            let inside = |part| matches!(part, Component::Normal(_)) || own && part == Component::CurDir;
            !Path::new(path).components().all(inside)
        };
        if leads_out(name, false) || below.iter().any(|below| leads_out(below, true)) {
            return Err(Failure::new("data", format_args!("{name:?} in {below:?} is no name of a picture")));
        }
        let from = self.images.unwrap_or(self.data);
        let folders = [".", "images", self.split].into_iter().chain(below.iter().copied());
        let paths: Vec<PathBuf> = folders.map(|below| from.join(below).join(name)).collect();
        match paths.iter().find(|path| path.is_file()) {
            Some(path) => Ok(Picture::File(path.clone())),
            None => Err(Failure::new("data", format_args!("the picture {name} is nowhere below {}", from.display()))
                .with_hint("--images is the folder of the pictures")),
        }
    }

    /// Reads a benchmark.
    pub fn read(&self, name: &str) -> Result<Vec<Item>, Failure> {
        match name {
            "vqav2" => self.vqa(&["v2_OpenEnded_mscoco", "OpenEnded_mscoco"], &["v2_mscoco", "mscoco"]),
            "okvqa" => self.vqa(&["OpenEnded_mscoco"], &["mscoco"]),
            "vizwiz" => self.vizwiz(),
            "textvqa" => self.textvqa(),
            "gqa" => self.gqa(),
            "pope" => self.pope(),
            "coco-captions" | "flickr30k-captions" => self.captions(name),
            "hateful-memes" => self.memes(),
            "mmbench" => self.mmbench(),
            _ => self.easy_vqa(),
        }
    }

    /// VQAv2 and OK-VQA: questions and annotations in files of their own.
    fn vqa(&self, questions: &[&str], annotations: &[&str]) -> Result<Vec<Item>, Failure> {
        let names = |starts: &[&str], end: &str| {
            let years = ["2014", "2015", ""];
            let each =
                starts.iter().flat_map(|start| years.map(|year| format!("{start}_{}{year}_{end}.json", self.split)));
            each.chain([format!("{end}.json")]).collect::<Vec<_>>()
        };
        let path = self.file(&names(questions, "questions"))?;
        let asked = list(&json(&path)?, "questions", &path)?;
        let answered_path = self.file(&names(annotations, "annotations"))?;
        let answered = list(&json(&answered_path)?, "annotations", &answered_path)?;
        let mut by_id: HashMap<String, Record> = HashMap::new();
        for record in answered {
            by_id.insert(record.get("question_id").map(Value::to_string).unwrap_or_default(), record);
        }
        let read = |record: Record| {
            let id = record.get("question_id").cloned().unwrap_or(Value::Null);
            let image = record.get("image_id").map(Value::to_string).unwrap_or_default();
            let annotation = by_id.get(&id.to_string());
            let annotation =
                annotation.ok_or_else(|| wrong(&answered_path, &format!("question {id} has no answers")))?;
            let file = format!("COCO_{}2014_{image:0>12}.jpg", self.split);
            let below = format!("{}2014", self.split);
            Ok(Item {
                id,
                image: self.picture(&file, &[&below])?,
                question: text(&record, "question", &path)?,
                answers: answers(annotation, &answered_path)?,
                choices: Vec::new(),
                groups: annotation.get("answer_type").and_then(Value::as_str).map(str::to_owned).into_iter().collect(),
            })
        };
        asked.into_iter().map(read).collect()
    }

    fn vizwiz(&self) -> Result<Vec<Item>, Failure> {
        let path = self.file(&[format!("{}.json", self.split), format!("Annotations/{}.json", self.split)])?;
        let Value::Array(all) = json(&path)? else { return Err(wrong(&path, "is no list")) };
        let read = |record: Value| {
            let record = object(record, &path)?;
            let name = text(&record, "image", &path)?;
            Ok(Item {
                id: json!(name),
                image: self.picture(&name, &[])?,
                question: text(&record, "question", &path)?,
                answers: answers(&record, &path)?,
                choices: Vec::new(),
                groups: record.get("answer_type").and_then(Value::as_str).map(str::to_owned).into_iter().collect(),
            })
        };
        all.into_iter().map(read).collect()
    }

    fn textvqa(&self) -> Result<Vec<Item>, Failure> {
        let path = self.file(&[format!("TextVQA_0.5.1_{}.json", self.split)])?;
        let read = |record: Record| {
            let name = text(&record, "image_id", &path)? + ".jpg";
            Ok(Item {
                id: record.get("question_id").cloned().unwrap_or(Value::Null),
                image: self.picture(&name, &["train_images", "test_images"])?,
                question: text(&record, "question", &path)?,
                answers: answers(&record, &path)?,
                choices: Vec::new(),
                groups: Vec::new(),
            })
        };
        list(&json(&path)?, "data", &path)?.into_iter().map(read).collect()
    }

    fn gqa(&self) -> Result<Vec<Item>, Failure> {
        let path =
            self.file(&[format!("{}_balanced_questions.json", self.split), format!("{}_questions.json", self.split)])?;
        let all = object(json(&path)?, &path)?;
        let read = |(id, record): (String, Value)| {
            let record = object(record, &path)?;
            Ok(Item {
                id: json!(id),
                image: self.picture(&(text(&record, "imageId", &path)? + ".jpg"), &[])?,
                question: text(&record, "question", &path)?,
                answers: vec![text(&record, "answer", &path)?],
                choices: Vec::new(),
                groups: Vec::new(),
            })
        };
        all.into_iter().map(read).collect()
    }

    fn pope(&self) -> Result<Vec<Item>, Failure> {
        let path = self.file(&[format!("coco_pope_{}.json", self.split), format!("coco_pope_{}.jsonl", self.split)])?;
        let read = |record: Record| {
            Ok(Item {
                id: record.get("question_id").cloned().unwrap_or(Value::Null),
                image: self.picture(&text(&record, "image", &path)?, &["val2014"])?,
                question: text(&record, "text", &path)?,
                answers: vec![text(&record, "label", &path)?],
                choices: Vec::new(),
                groups: Vec::new(),
            })
        };
        lines(&path)?.into_iter().map(read).collect()
    }

    /// Karpathy's splits.
    fn captions(&self, name: &str) -> Result<Vec<Item>, Failure> {
        let path = self.file(&[format!("dataset_{}.json", name.trim_end_matches("-captions"))])?;
        let mut items = Vec::new();
        for record in list(&json(&path)?, "images", &path)? {
            if record.get("split").and_then(Value::as_str) != Some(self.split) {
                continue;
            }
            let file = text(&record, "filename", &path)?;
            let below = record.get("filepath").and_then(Value::as_str).unwrap_or(".");
            let sentences = record.get("sentences").and_then(Value::as_array).into_iter().flatten();
            let raw = sentences.filter_map(|one| one.get("raw").and_then(Value::as_str));
            items.push(Item {
                id: record.get("cocoid").or(record.get("imgid")).cloned().unwrap_or(json!(file)),
                image: self.picture(&file, &[below, "flickr30k-images"])?,
                question: String::new(),
                answers: raw.map(str::to_owned).collect(),
                choices: Vec::new(),
                groups: Vec::new(),
            });
        }
        Ok(items)
    }

    fn memes(&self) -> Result<Vec<Item>, Failure> {
        let path = self.file(&[format!("{}.jsonl", self.split)])?;
        let read = |record: Record| {
            let label = record.get("label").and_then(Value::as_u64);
            let label = label.ok_or_else(|| wrong(&path, "a line has no \"label\" of 0 or 1"))?;
            Ok(Item {
                id: record.get("id").cloned().unwrap_or(Value::Null),
                image: self.picture(&text(&record, "img", &path)?, &[])?,
                question: text(&record, "text", &path)?,
                answers: vec![if label == 1 { "yes" } else { "no" }.to_owned()],
                choices: Vec::new(),
                groups: Vec::new(),
            })
        };
        lines(&path)?.into_iter().map(read).collect()
    }

    fn easy_vqa(&self) -> Result<Vec<Item>, Failure> {
        let below = ["data", "."].into_iter().find(|below| self.data.join(below).join(self.split).is_dir());
        let folder = self.data.join(below.unwrap_or(".")).join(self.split);
        let path = folder.join("questions.json");
        let Value::Array(all) = json(&path)? else { return Err(wrong(&path, "is no list")) };
        let read = |(at, record): (usize, Value)| {
            let fields = match record.as_array().map(Vec::as_slice) {
                Some([question, answer, image]) => question.as_str().zip(answer.as_str()).zip(image.as_u64()),
                _ => None,
            };
            let ((question, answer), image) = fields
                .ok_or_else(|| wrong(&path, &format!("question {}: expected [question, answer, picture]", at + 1)))?;
            Ok(Item {
                id: json!(at + 1),
                image: Picture::File(folder.join("images").join(format!("{image}.png"))),
                question: question.to_owned(),
                answers: vec![answer.to_owned()],
                choices: Vec::new(),
                groups: Vec::new(),
            })
        };
        all.into_iter().enumerate().map(read).collect()
    }

    fn mmbench(&self) -> Result<Vec<Item>, Failure> {
        let upper = self.split.to_uppercase();
        let path = self.file(&[
            format!("{}.tsv", self.split),
            format!("MMBench_{upper}_EN.tsv"),
            format!("mmbench_{}.tsv", self.split),
        ])?;
        let text = String::from_utf8(bytes(&path)?).map_err(|_| wrong(&path, "not UTF-8"))?;
        let mut rows = table(&text).into_iter();
        let names = rows.next().unwrap_or_default();
        let column = |row: &[String], name: &str| {
            names
                .iter()
                .position(|other| other == name)
                .and_then(|at| row.get(at))
                .filter(|text| !text.is_empty())
                .cloned()
        };
        let pictures: HashMap<String, String> =
            rows.clone().filter_map(|row| column(&row, "index").zip(column(&row, "image"))).collect();
        let read = |row: Vec<String>| {
            let missing = |name: &str| wrong(&path, &format!("a row has no {name}"));
            let index = column(&row, "index").ok_or_else(|| missing("index"))?;
            let image = column(&row, "image").ok_or_else(|| missing("image"))?;
            // A short one is the index of the row that has the picture.
            let image = if image.len() <= 64 { pictures.get(&image).cloned().unwrap_or(image) } else { image };
            let asked = column(&row, "question").ok_or_else(|| missing("question"))?;
            let choices: Vec<String> =
                ["A", "B", "C", "D", "E"].into_iter().map_while(|name| column(&row, name)).collect();
            let listed = choices.iter().enumerate();
            let listed: String = listed.map(|(at, choice)| format!("\n{}. {choice}", super::letter(at))).collect();
            let hint = column(&row, "hint").map(|hint| hint + "\n").unwrap_or_default();
            Ok(Item {
                id: json!(index),
                image: Picture::Inside(image),
                question: format!(
                    "{hint}{asked}{listed}\nAnswer with the option's letter from the given choices directly."
                ),
                answers: column(&row, "answer").into_iter().collect(),
                choices,
                groups: column(&row, "category").into_iter().collect(),
            })
        };
        rows.map(read).collect()
    }
}

/// Rows of a table with tabs between columns, where a value in double quotes may have line breaks and tabs in it.
fn table(text: &str) -> Vec<Vec<String>> {
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
    rows
}

fn object(value: Value, path: &Path) -> Result<Record, Failure> {
    match value {
        Value::Object(record) => Ok(record),
        _ => Err(wrong(path, "a record is no object")),
    }
}

fn list(value: &Value, name: &str, path: &Path) -> Result<Vec<Record>, Failure> {
    let all = value.get(name).and_then(Value::as_array).ok_or_else(|| wrong(path, &format!("has no list {name:?}")))?;
    all.iter().map(|record| object(record.clone(), path)).collect()
}

fn lines(path: &Path) -> Result<Vec<Record>, Failure> {
    let bytes = bytes(path)?;
    let read = |(number, line): (usize, &[u8])| {
        serde_json::from_slice(line).map_err(|e| wrong(path, &format!("line {number}: no JSON object: {e}")))
    };
    crate::json_lines::lines(&bytes).map(read).collect()
}

/// A field that is a text or a number.
fn text(record: &Record, name: &str, path: &Path) -> Result<String, Failure> {
    match record.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        _ => Err(wrong(path, &format!("a record has no {name:?}"))),
    }
}

/// What people answered: texts, or objects with one.
fn answers(record: &Record, path: &Path) -> Result<Vec<String>, Failure> {
    let all = record.get("answers").and_then(Value::as_array);
    let all =
        all.ok_or_else(|| wrong(path, "a record has no list \"answers\": a split without them cannot be scored"))?;
    let of = |one: &Value| one.as_str().or_else(|| one.get("answer").and_then(Value::as_str)).map(str::to_owned);
    Ok(all.iter().filter_map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_values_may_have_anything_in_them() {
        let rows = table("a\tb\r\n\"x\n\"\"y\"\"\tz\"\t2\nlast\t");
        assert_eq!(rows, [vec!["a", "b"], vec!["x\n\"y\"\tz", "2"], vec!["last", ""]]);
    }
}
