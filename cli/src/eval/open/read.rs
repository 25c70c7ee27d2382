//! The published files of benchmarks, each as items of one form.
//!
//! A file is looked for under the names that it is published by. The non-obvious thing: pictures are found by what a record
//! says, below the folder or in the one that the benchmark's pictures come in. What a score needs and a record lacks is refused by
//! the record's name, and so is a question that is there twice.

use super::mmbench::mmbench;
use super::records::{Record, answers, entries, id, lines, list, named, object, once, text};
use super::{Item, Picture};
use crate::eval::scienceqa::{json, wrong};
use crate::failure::Failure;
use crate::output::{Notes, counted};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::path::{Component, Path, PathBuf};

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
    pub(super) fn file(&self, names: &[String]) -> Result<PathBuf, Failure> {
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
    pub fn read(&self, name: &str, notes: &Notes) -> Result<Vec<Item>, Failure> {
        let items = match name {
            "vqav2" => self.vqa(&["v2_OpenEnded_mscoco", "OpenEnded_mscoco"], &["v2_mscoco", "mscoco"], notes),
            "okvqa" => self.vqa(&["OpenEnded_mscoco"], &["mscoco"], notes),
            "vizwiz" => self.vizwiz(),
            "textvqa" => self.textvqa(),
            "gqa" => self.gqa(),
            "pope" => self.pope(),
            "coco-captions" | "flickr30k-captions" => self.captions(name),
            "hateful-memes" => self.memes(),
            "mmbench" => mmbench(self),
            _ => self.easy_vqa(),
        }?;
        once(items.iter().map(|item| &item.id), "question", self.data)?;
        Ok(items)
    }

    /// VQAv2 and OK-VQA: questions and annotations in files of their own.
    fn vqa(&self, questions: &[&str], annotations: &[&str], notes: &Notes) -> Result<Vec<Item>, Failure> {
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
        let ids: Vec<Value> =
            answered.iter().map(|record| id(record, "question_id", &answered_path)).collect::<Result<_, _>>()?;
        once(ids.iter(), "question_id", &answered_path)?;
        let by_id: HashMap<String, &Record> = ids.iter().map(Value::to_string).zip(&answered).collect();
        let read = |record: Record| {
            let id = id(&record, "question_id", &path)?;
            let image = text(&record, "image_id", &path)?;
            let annotation = by_id.get(&id.to_string());
            let annotation =
                annotation.ok_or_else(|| wrong(&answered_path, &format!("question {id} has no answers")))?;
            if let Some(other) = annotation.get("image_id").filter(|other| Some(*other) != record.get("image_id")) {
                let what = format!("the answers of question_id {id} are of image_id {other}, the question of {image}");
                return Err(wrong(&answered_path, &what));
            }
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
        let items: Vec<Item> = asked.into_iter().map(read).collect::<Result<_, _>>()?;
        let asked: HashSet<String> = items.iter().map(|item| item.id.to_string()).collect();
        let mut unasked = ids.iter().filter(|id| !asked.contains(&id.to_string()));
        if let Some(first) = unasked.next() {
            let count = counted(unasked.count() + 1, "annotation");
            let path = answered_path.display();
            notes.line(format_args!("{path}: {count} without a question, the first is that of question {first}"));
        }
        Ok(items)
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
                id: id(&record, "question_id", &path)?,
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
        let read = |(id, record): (String, Value)| {
            let record = object(record, &path)?;
            let text = |name| match record.get(name) {
                Some(Value::String(text)) => Ok(text.clone()),
                Some(Value::Number(number)) => Ok(number.to_string()),
                _ => Err(wrong(&path, &format!("question {id:?} has no {name:?}"))),
            };
            Ok(Item {
                image: self.picture(&(text("imageId")? + ".jpg"), &[])?,
                question: text("question")?,
                answers: vec![text("answer")?],
                id: json!(id),
                choices: Vec::new(),
                groups: Vec::new(),
            })
        };
        let all = entries(&path)?;
        once(all.iter().map(|(id, _)| json!(id)).collect::<Vec<_>>().iter(), "question", &path)?;
        all.into_iter().map(read).collect()
    }

    fn pope(&self) -> Result<Vec<Item>, Failure> {
        let path = self.file(&[format!("coco_pope_{}.json", self.split), format!("coco_pope_{}.jsonl", self.split)])?;
        let read = |record: Record| {
            let label = text(&record, "label", &path)?;
            if label != "yes" && label != "no" {
                return Err(wrong(&path, &format!("{}: the label {label:?} is neither yes nor no", named(&record))));
            }
            Ok(Item {
                id: id(&record, "question_id", &path)?,
                image: self.picture(&text(&record, "image", &path)?, &["val2014"])?,
                question: text(&record, "text", &path)?,
                answers: vec![label],
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
            if text(&record, "split", &path)? != self.split {
                continue;
            }
            let file = text(&record, "filename", &path)?;
            let below = record.get("filepath").and_then(Value::as_str).unwrap_or(".");
            let sentences = record.get("sentences").and_then(Value::as_array).filter(|all| !all.is_empty());
            let sentences = sentences.ok_or_else(|| wrong(&path, &format!("{} has no sentences", named(&record))))?;
            let raw = |one: &Value| one.get("raw").and_then(Value::as_str).map(str::to_owned);
            let raw: Option<Vec<String>> = sentences.iter().map(raw).collect();
            let raw = raw.ok_or_else(|| wrong(&path, &format!("{}: a sentence has no \"raw\"", named(&record))))?;
            items.push(Item {
                id: record.get("cocoid").or(record.get("imgid")).cloned().unwrap_or(json!(file)),
                image: self.picture(&file, &[below, "flickr30k-images"])?,
                question: String::new(),
                answers: raw,
                choices: Vec::new(),
                groups: Vec::new(),
            });
        }
        Ok(items)
    }

    fn memes(&self) -> Result<Vec<Item>, Failure> {
        let path = self.file(&[format!("{}.jsonl", self.split)])?;
        let read = |record: Record| {
            let label = record.get("label").and_then(Value::as_u64).filter(|label| *label <= 1);
            let label = label.ok_or_else(|| wrong(&path, &format!("{} has no \"label\" of 0 or 1", named(&record))))?;
            Ok(Item {
                id: id(&record, "id", &path)?,
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
        let images = self.images.map_or_else(|| folder.join("images"), Path::to_owned);
        let Value::Array(all) = json(&path)? else { return Err(wrong(&path, "is no list")) };
        let read = |(at, record): (usize, Value)| {
            let fields = match record.as_array().map(Vec::as_slice) {
                Some([question, answer, image]) => question.as_str().zip(answer.as_str()).zip(image.as_u64()),
                _ => None,
            };
            let ((question, answer), image) = fields
                .ok_or_else(|| wrong(&path, &format!("question {}: expected [question, answer, picture]", at + 1)))?;
            let picture = images.join(format!("{image}.png"));
            if !picture.is_file() {
                let picture = picture.display();
                return Err(wrong(&path, &format!("question {}: its picture {picture} is missing", at + 1)));
            }
            Ok(Item {
                id: json!(at + 1),
                image: Picture::File(picture),
                question: question.to_owned(),
                answers: vec![answer.to_owned()],
                choices: Vec::new(),
                groups: Vec::new(),
            })
        };
        all.into_iter().enumerate().map(read).collect()
    }
}
