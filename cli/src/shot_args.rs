//! The arguments that put demonstrations before a query, and choosing among them.

use crate::failure::Failure;
use crate::prompt_args::read_picture;
use clap::builder::RangedU64ValueParser;
use ocelli_engine::image::Picture;
use ocelli_engine::{Model, Prompt, SessionOptions, Shot, ShotFormat, Told, most_similar};
use serde::Deserialize;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Longest file of demonstrations.
const LONGEST: u64 = 64 << 20;
/// Most demonstrations in a prompt: their pictures are in memory together.
const MOST: usize = 256;

/// Demonstrations.
#[derive(clap::Args)]
#[command(next_help_heading = "Demonstrations")]
pub struct ShotArgs {
    /// Demonstrations before the query, in the wording that the model's file has for them. A line is a JSON object,
    /// {"image": PATH, "text": TEXT} or {"image": PATH, "question": TEXT, "answer": TEXT}; paths start where the file is,
    /// and a line without an image shows none. --prompt is then the query's question, or how its text begins, and <image>
    /// in any of these is text
    #[arg(long, value_name = "FILE")]
    shots: Option<PathBuf>,
    /// Which are taken: the first ones as they come, or those whose pictures are most like the query's, the most similar
    /// next to it
    #[arg(long, value_name = "HOW", value_parser = ["given", "similar"], default_value = "given", requires = "shots",
        hide_default_value = true)]
    shot_select: String,
    /// How many are taken; without it all, or two without their pictures
    #[arg(long, value_name = "N", requires = "shots", value_parser = RangedU64ValueParser::<usize>::new().range(1..=256))]
    shot_count: Option<usize>,
    /// Take the texts without their pictures: they show the form of an answer only, which is what Flamingo calls zero-shot
    #[arg(long, requires = "shots", conflicts_with = "shot_select")]
    shot_texts: bool,
}

/// A line of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    image: Option<PathBuf>,
    text: Option<String>,
    question: Option<String>,
    answer: Option<String>,
}

/// A demonstration whose picture is not read yet.
struct Unread {
    image: Option<PathBuf>,
    told: Told,
}

impl ShotArgs {
    /// The prompt of demonstrations and query; `None` without demonstrations.
    pub fn prompt(&self, model: &Model, text: &str, pictures: &[Arc<Picture>]) -> Result<Option<Prompt>, Failure> {
        let Some(path) = &self.shots else { return Ok(None) };
        if pictures.len() > 1 {
            let count = pictures.len();
            return Err(Failure::usage(
                "image-count",
                format_args!("--shots: one image is the query's, {count} are given"),
            ));
        }
        let format = ShotFormat::from_gguf(model.file())?;
        let mut shots = read(path)?;
        let all = if self.shot_texts { 2 } else { shots.len() };
        let count = self.shot_count.unwrap_or(all).min(shots.len());
        if count > MOST {
            let message = format_args!(
                "{} has {count} demonstrations, a prompt takes {MOST}: choose with --shot-count",
                path.display()
            );
            return Err(Failure::usage("shots", message));
        }
        let query = Shot { picture: pictures.first().cloned(), told: query(&shots, text) };
        if self.shot_select == "similar" {
            shots = similar(model, &query, shots, count)?;
        }
        shots.truncate(count);
        if self.shot_texts {
            shots.iter_mut().for_each(|shot| shot.image = None);
        }
        let limits = model.image_limits();
        let read = |Unread { image, told }: Unread| {
            let picture = image.map(|path| read_picture(&path, &limits)).transpose()?;
            Ok(Shot { picture, told })
        };
        let shots = shots.into_iter().map(read).collect::<Result<Vec<_>, Failure>>()?;
        Ok(Some(format.prompt(&shots, &query)?))
    }
}

/// The query in the form of the demonstrations: where they answer questions, it asks one.
fn query(shots: &[Unread], text: &str) -> Told {
    let text = text.to_owned();
    if shots.iter().any(|shot| matches!(shot.told, Told::Answer { .. })) {
        Told::Answer { question: text, answer: String::new() }
    } else {
        Told::Text(text)
    }
}

/// Those most like the query. One picture after the other is read and forgotten: there may be thousands.
fn similar(model: &Model, query: &Shot, shots: Vec<Unread>, count: usize) -> Result<Vec<Unread>, Failure> {
    let Some(picture) = &query.picture else {
        return Err(Failure::usage(
            "image-count",
            "--shot-select similar compares with the query's image: none is given",
        ));
    };
    let mut session = model.session(&SessionOptions { context: 1, images: 1, ..SessionOptions::default() })?;
    let wanted = session.image_features(picture)?;
    let limits = model.image_limits();
    let (mut seen, mut features) = (Vec::new(), Vec::new());
    for shot in shots {
        // Without a picture there is nothing to compare.
        if let Some(path) = &shot.image {
            let picture = read_picture(path, &limits)?;
            features.push(session.image_features(&picture)?);
            seen.push(Some(shot));
        }
    }
    Ok(most_similar(&wanted, &features, count).into_iter().filter_map(|at| seen[at].take()).collect())
}

fn read(path: &Path) -> Result<Vec<Unread>, Failure> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let file = File::open(path).map_err(|e| Failure::reading("demonstrations", path, &e))?;
    let bad = |number: usize, what: &dyn std::fmt::Display| {
        Failure::new("shots", format_args!("{}, line {number}: {what}", path.display()))
    };
    let mut reader = BufReader::new(file.take(LONGEST + 1));
    let (mut shots, mut line, mut total, mut number) = (Vec::new(), String::new(), 0, 0);
    loop {
        line.clear();
        let read = reader.read_line(&mut line).map_err(|e| Failure::reading("demonstrations", path, &e))?;
        if read == 0 {
            return Ok(shots);
        }
        (total, number) = (total + read as u64, number + 1);
        if total > LONGEST {
            return Err(bad(number, &format_args!("over the limit of {LONGEST} bytes")));
        }
        // Some editors begin a file with a byte order mark, which is no part of the JSON.
        let content = if number == 1 { line.strip_prefix('\u{feff}').unwrap_or(&line) } else { &line };
        if content.trim().is_empty() {
            continue;
        }
        let Line { image, text, question, answer } = serde_json::from_str(content).map_err(|e| bad(number, &e))?;
        let told = match (text, question, answer) {
            (Some(text), None, None) => Told::Text(text),
            (None, Some(question), Some(answer)) => Told::Answer { question, answer },
            _ => return Err(bad(number, &"needs either \"text\" or both \"question\" and \"answer\"")),
        };
        shots.push(Unread { image: image.map(|image| folder.join(image)), told });
    }
}
