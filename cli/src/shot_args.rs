//! The arguments that put demonstrations before a query, and choosing among them.

use crate::failure::Failure;
use crate::json_lines::{self, Object};
use crate::output::{Notes, counted};
use crate::pool::Pool;
use crate::read::read_picture;
use clap::builder::RangedU64ValueParser;
use ocelli_engine::image::Picture;
use ocelli_engine::{Model, Prompt, Shot, ShotFormat, Told};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Longest file of demonstrations.
const LONGEST: u64 = 64 << 20;
/// Most demonstrations in a prompt: their pictures are in memory together.
const MOST: usize = 256;

/// Demonstrations.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Demonstrations")]
pub struct ShotArgs {
    /// Demonstrations before the query, in the wording that the model's file has for them. A line is a JSON object,
    /// {"image": PATH, "text": TEXT} or {"image": PATH, "question": TEXT, "answer": TEXT}; paths start where the file is,
    /// a line without an image shows none, and further fields are ignored. --prompt is then the query's question, or how
    /// its text begins, and <image> in any of these is text
    #[arg(long, value_name = "FILE")]
    shots: Option<PathBuf>,
    /// Which are taken: the first ones as they come, or those whose pictures are most like the query's, the most similar
    /// next to it. What is compared of each picture is kept in a file beside FILE, FILE.features
    #[arg(long, value_name = "HOW", value_parser = ["given", "similar"], default_value = "given", requires = "shots",
        hide_default_value = true)]
    shot_select: String,
    /// How many are taken, 0 for the wording alone; without it all, or two without their pictures
    #[arg(long, value_name = "N", requires = "shots", value_parser = RangedU64ValueParser::<usize>::new().range(0..=256))]
    shot_count: Option<usize>,
    /// Take the texts without their pictures: they show the form of an answer only, which is what Flamingo calls zero-shot
    #[arg(long, requires = "shots", conflicts_with = "shot_select")]
    shot_texts: bool,
}

/// A demonstration whose picture is not read yet.
struct Unread {
    image: Option<PathBuf>,
    told: Told,
    /// Its line in the file.
    line: usize,
}

/// Demonstrations that are at hand for any query.
pub struct Shots {
    /// The file, for messages.
    name: String,
    format: ShotFormat,
    /// Whether they answer questions; the query then asks one.
    asks: bool,
    taken: Taken,
}

enum Taken {
    Given(Vec<Shot>),
    Similar { all: Vec<Unread>, pool: Box<Pool>, count: usize },
}

impl ShotArgs {
    /// Whether any are asked for.
    pub fn any(&self) -> bool {
        self.shots.is_some()
    }

    /// Reads the demonstrations, where there are any: pictures of those that are taken for every query, and of all others
    /// what they are compared by.
    pub fn read(&self, model: &Model, notes: &Notes) -> Result<Option<Shots>, Failure> {
        let Some(path) = &self.shots else { return Ok(None) };
        let name = path.display().to_string();
        let format = ShotFormat::from_gguf(model.file())?;
        let mut all = read(path, &name)?;
        let asks = all.iter().any(|shot| matches!(shot.told, Told::Answer { .. }));
        let similar = self.shot_select == "similar";
        if similar {
            // Without a picture there is nothing to compare.
            all.retain(|shot| shot.image.is_some());
        }
        let count = self.count(&name, all.len(), similar)?;
        let taken = if similar {
            let pictures: Vec<_> = all.iter().filter_map(|shot| Some((shot.image.as_deref()?, shot.line))).collect();
            let pool = Pool::new(model, path, &pictures, notes)?;
            Taken::Similar { all, pool: Box::new(pool), count }
        } else {
            all.truncate(count);
            if self.shot_texts {
                all.iter_mut().for_each(|shot| shot.image = None);
            }
            Taken::Given(all.iter().map(|shot| shot.read(model, &name)).collect::<Result<_, _>>()?)
        };
        Ok(Some(Shots { name, format, asks, taken }))
    }

    /// How many of so many are taken.
    fn count(&self, name: &str, all: usize, similar: bool) -> Result<usize, Failure> {
        let count = self.shot_count.unwrap_or(if self.shot_texts { all.min(2) } else { all });
        let wrong = |message: String| Err(Failure::usage("shots", message));
        if count > all {
            let with = if similar { " with a picture" } else { "" };
            return wrong(format!("--shot-count {count}: {name} has {}{with}", counted(all, "demonstration")));
        }
        if count > MOST {
            return wrong(format!(
                "{name} has {count} demonstrations, a prompt takes {MOST}: choose with --shot-count"
            ));
        }
        Ok(count)
    }

    /// All that decides what a query's demonstrations are, the file's content included: for telling batches apart.
    pub fn content(&self) -> Result<String, Failure> {
        let Self { shots, shot_select, shot_count, shot_texts } = self;
        let content = shots.as_deref().map(content).transpose()?;
        let hash = content.map(|content| ocelli_engine::image::bytes_hash(&content));
        Ok(format!("{hash:?} {shot_select} {shot_count:?} {shot_texts}"))
    }
}

impl Shots {
    /// The prompt of demonstrations and query.
    pub fn prompt(&mut self, model: &Model, text: &str, pictures: &[Arc<Picture>]) -> Result<Prompt, Failure> {
        if pictures.len() > 1 {
            let count = pictures.len();
            return Err(Failure::usage(
                "image-count",
                format_args!("--shots: one image is the query's, {count} are given"),
            ));
        }
        let text = text.to_owned();
        let told = if self.asks { Told::Answer { question: text, answer: String::new() } } else { Told::Text(text) };
        let query = Shot { picture: pictures.first().cloned(), told };
        match &mut self.taken {
            Taken::Given(shots) => Ok(self.format.prompt(shots, &query)?),
            Taken::Similar { all, pool, count } => {
                let Some(picture) = &query.picture else {
                    return Err(Failure::usage(
                        "image-count",
                        "--shot-select similar compares with the query's image: none is given",
                    ));
                };
                let places = pool.similar(picture, *count)?;
                let shots = places.into_iter().map(|at| all[at].read(model, &self.name));
                Ok(self.format.prompt(&shots.collect::<Result<Vec<_>, _>>()?, &query)?)
            }
        }
    }

    /// Pictures that prompts have besides the query's: in one, and in all.
    pub fn pictures(&self) -> (usize, usize) {
        match &self.taken {
            Taken::Given(shots) => {
                let count = shots.iter().filter(|shot| shot.picture.is_some()).count();
                (count, count)
            }
            Taken::Similar { all, count, .. } => (*count, all.len()),
        }
    }
}

impl Unread {
    fn read(&self, model: &Model, file: &str) -> Result<Shot, Failure> {
        let limits = model.image_limits();
        let picture = self.image.as_ref().map(|path| read_picture(path, &limits)).transpose();
        let picture = picture.map_err(|failure| failure.in_line(file, self.line))?;
        Ok(Shot { picture, told: self.told.clone() })
    }
}

/// A file's bytes.
fn content(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes));
    read.map_err(|e| Failure::reading("demonstrations", path, &e))?;
    if bytes.len() as u64 > LONGEST {
        let message = format_args!("{}: over the limit of {LONGEST} bytes", path.display());
        return Err(Failure::new("shots", message));
    }
    Ok(bytes)
}

fn read(path: &Path, name: &str) -> Result<Vec<Unread>, Failure> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let bytes = content(path)?;
    let shots = json_lines::lines(&bytes).map(|(line, content)| {
        let shot = Object::parse(content).and_then(|object| {
            let text = |name| object.text(name);
            let told = match (text("text")?, text("question")?, text("answer")?) {
                (Some(text), None, None) => Told::Text(text),
                (None, Some(question), Some(answer)) => Told::Answer { question, answer },
                _ => return Err("needs either \"text\" or both \"question\" and \"answer\"".to_owned()),
            };
            Ok(Unread { image: text("image")?.map(|image| folder.join(image)), told, line })
        });
        shot.map_err(|what| Failure::new("shots", what).in_line(name, line))
    });
    let shots = shots.collect::<Result<Vec<_>, _>>()?;
    if shots.is_empty() {
        return Err(Failure::new("shots", format_args!("{name} has no demonstrations: no line of it has any")));
    }
    Ok(shots)
}
