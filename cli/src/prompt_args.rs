//! The arguments that make a prompt, and reading what they name.
//!
//! The non-obvious thing: `run` and `score` read a prompt alike, chat template and all, so that what one generates the other
//! scores as it was generated.

use crate::failure::Failure;
use crate::marks;
use crate::output::Notes;
use crate::picture_args;
use crate::read::{decoded, input_bytes, read_picture, standard_input, text_of};
use crate::shot_args::{ShotArgs, Shots};
use crate::video_args::VideoArgs;
use ocelli_engine::chat::{ChatTemplate, Content, Message, Part};
use ocelli_engine::image::{ImageLimits, Picture};
use ocelli_engine::{Error, Model, Piece, Prompt, Task};
use std::borrow::Cow;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A task that is a command.
const MATCH: &str = "match";

/// Pictures and text.
#[derive(clap::Args)]
pub struct PromptArgs {
    /// A picture: PNG, JPEG, WebP, BMP, TIFF or a GIF's first frame; once for each picture; '-' is standard input
    #[arg(short, long, value_name = "PATH")]
    image: Vec<PathBuf>,
    /// The text; '-' reads standard input, as does leaving it out where that is no terminal. With pictures, they go where it
    /// says <image>, or before all text; '\<image>' is then the text <image>. Without pictures, <image> is text anyway
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true, conflicts_with = "file")]
    prompt: Option<String>,
    /// A file that has the text, less the line break at its end; '-' is standard input
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// What the model is to do as its makers had it done: caption, vqa or another task that its file has. The file says how
    /// the prompt is worded, --prompt being what is asked or another wording, and how an answer is generated, which options
    /// that are given overrule and 'score' has no use for. Demonstrations bring a wording of their own
    #[arg(long, value_name = "NAME")]
    task: Option<String>,
    /// What the model is told before the prompt, by its chat template
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true, conflicts_with_all = ["raw", "shots"])]
    system: Option<String>,
    /// Leave the file's chat template out: the model goes on with the text as it is, special tokens in it are read. With a
    /// template the text is what a user says, and all of it is text. --shots leaves it out, too
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    videos: VideoArgs,
    #[command(flatten)]
    shots: ShotArgs,
    /// Show the prompt as it is put together: on standard error, with --json or --batch as the field "prompt". <image>
    /// is where a picture goes, \\<image> that text
    #[arg(long, help_heading = "Output")]
    show_prompt: bool,
}

/// What one request shows and says, of the arguments or of a line of a batch, standard input read.
pub struct Asked {
    pub images: Vec<PathBuf>,
    pub videos: Vec<PathBuf>,
    pub text: String,
    /// Whether the text was given, empty or not.
    pub given: bool,
    /// What of standard input is a picture.
    picture: Option<Vec<u8>>,
}

impl Asked {
    /// Of a line of a batch.
    pub fn of(images: Vec<PathBuf>, videos: Vec<PathBuf>, text: String) -> Self {
        Self { images, videos, text, given: true, picture: None }
    }
}

/// A prompt as it is run.
pub struct Composed {
    pub prompt: Prompt,
    /// How long reading the pictures and videos took.
    pub took: Duration,
    /// Whether the file's chat template made it.
    pub templated: bool,
    /// It as text, where that was asked for.
    pub shown: Option<String>,
}

impl PromptArgs {
    /// What is read from standard input by name, if anything is.
    pub fn reads_standard_input(&self) -> Option<&'static str> {
        let dash = Path::new("-");
        let image = self.image.iter().any(|path| path == dash).then_some("--image");
        let file = self.file.as_deref().is_some_and(|path| path == dash).then_some("--file");
        self.prompt.as_deref().is_some_and(|text| text == "-").then_some("--prompt").or(file).or(image)
    }

    /// What was asked for. Standard input is the text where nothing else is and where nothing else reads it: `busy`.
    pub fn asked(&self, busy: bool) -> Result<Asked, Failure> {
        let images = self.image.clone();
        let dashes = images.iter().filter(|path| *path == Path::new("-")).count();
        let named = self.reads_standard_input();
        if dashes > 1 || dashes == 1 && named != Some("--image") {
            let other = if dashes > 1 { "another --image" } else { named.unwrap_or_default() };
            let what = format_args!("--image cannot read standard input, which {other} does");
            return Err(Failure::usage("standard-input", what));
        }
        let picture = if dashes == 1 { Some(input_bytes(ImageLimits::default().file_bytes + 1)?) } else { None };
        let (text, given) = match self.text()? {
            Some(text) => (text, true),
            None if busy || picture.is_some() || io::stdin().is_terminal() => (String::new(), false),
            None => {
                let text = standard_input()?;
                let given = !text.is_empty();
                (text, given)
            }
        };
        Ok(Asked { images, videos: self.videos.paths()?, text, given, picture })
    }

    /// The text that the arguments give, if they do.
    pub fn text(&self) -> Result<Option<String>, Failure> {
        match (&self.prompt, &self.file) {
            (Some(text), _) if text == "-" => standard_input().map(Some),
            (Some(text), _) => Ok(Some(text.clone())),
            (None, Some(path)) if path == Path::new("-") => standard_input().map(Some),
            (None, Some(path)) => text_of("the prompt", path).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// All that decides how requests become prompts: for telling batches apart.
    pub fn content(&self) -> Result<String, Failure> {
        let Self { task, system, raw, videos, shots, show_prompt, .. } = self;
        let read = picture_args::options();
        Ok(format!("{task:?} {system:?} {raw} {videos:?} {} {show_prompt} {read:?}", shots.content()?))
    }

    /// The task that was asked for.
    pub fn task<'m>(&self, model: &'m Model) -> Result<Option<&'m Task>, Failure> {
        let Some(name) = &self.task else { return Ok(None) };
        if name == MATCH && model.compares().is_some() {
            let hint = "ocelli match --image PATH --text TEXT".to_owned();
            return Err(Failure::usage("usage", "matching pictures with texts is a command of its own").with_hint(hint));
        }
        Ok(Some(model.task(name)?))
    }

    /// The text of requests that have none: with a task it may be the task's own.
    pub fn text_of_task(&self) -> Option<String> {
        self.task.as_ref().map(|_| String::new())
    }

    /// Refuses to go on behind nothing at all.
    pub fn check(&self, asked: &Asked) -> Result<(), Failure> {
        if !asked.text.is_empty() || !asked.images.is_empty() || !asked.videos.is_empty() || self.shots.any() {
            return Ok(());
        }
        let hint = "-p TEXT, -f FILE or standard input gives one; a picture may stand without: -i PATH".to_owned();
        Err(Failure::usage("prompt", "the prompt is empty").with_hint(hint))
    }

    /// Makes ready for any number of requests: reads the demonstrations and the chat template.
    pub fn open<'a>(&'a self, model: &'a Model, notes: &'a Notes) -> Result<Prompts<'a>, Failure> {
        let shots = self.shots.read(model, notes)?;
        let template = if self.raw { None } else { ChatTemplate::from_gguf(model.file())? };
        let task = self.task(model)?;
        Ok(Prompts { args: self, model, notes, task, shots, template, last: Vec::new(), noted: false })
    }
}

/// Turns requests into prompts.
pub struct Prompts<'a> {
    args: &'a PromptArgs,
    model: &'a Model,
    notes: &'a Notes,
    task: Option<&'a Task>,
    shots: Option<Shots>,
    /// Where it is not to be left out.
    template: Option<ChatTemplate>,
    /// The pictures of the request before: questions about one picture often follow one another.
    last: Vec<(PathBuf, Arc<Picture>)>,
    /// Whether it was said that marks are text.
    noted: bool,
}

impl Prompts<'_> {
    /// The prompt of what was asked for.
    pub fn prompt(&mut self, asked: &Asked) -> Result<Composed, Failure> {
        let text = self.words(asked)?.into_owned();
        self.saying(asked, &text)
    }

    /// The same with a model's text and a blank before what is asked, behind what every prompt of the task begins with.
    pub fn behind(&mut self, asked: &Asked, text: &str) -> Result<Composed, Failure> {
        let words = self.words(asked)?;
        let text = marks::unmarked(text, !asked.images.is_empty(), !asked.videos.is_empty());
        if text.is_empty() {
            return self.saying(asked, &words);
        }
        let begin = self.task.and_then(|task| task.begin.as_deref()).unwrap_or_default();
        let (begin, rest) = words.strip_prefix(begin).map_or(("", &*words), |rest| (begin, rest));
        let text = format!("{begin}{text} {rest}");
        self.saying(asked, &text)
    }

    /// The prompt of a text with the pictures that were asked about.
    pub fn saying(&mut self, asked: &Asked, text: &str) -> Result<Composed, Failure> {
        let start = Instant::now();
        if !asked.images.is_empty() && !self.model.takes_images() {
            return Err(Error::NoVision { images: asked.images.len() }.into());
        }
        if self.shots.is_some() && !asked.videos.is_empty() {
            return Err(Failure::usage("video-count", "--shots: the query shows an image, no video"));
        }
        let pictures = self.pictures_of(asked)?;
        let videos = self.args.videos.read(&asked.videos, self.model, self.notes)?;
        let took = start.elapsed();
        let marked = self.model.takes_images() && text.contains(marks::IMAGE);
        let without = match &self.shots {
            _ if !marked => None,
            Some(_) => Some("with --shots the wording places the picture"),
            None if pictures.is_empty() => Some("no image is given"),
            None => None,
        };
        if let Some(why) = without.filter(|_| !self.noted) {
            self.noted = true;
            self.notes.line(format_args!("<image> in the prompt is text: {why}"));
        }
        let (prompt, templated) = if let Some(shots) = &mut self.shots {
            (shots.prompt(self.model, text, &pictures)?, None)
        } else {
            let seen = !videos.is_empty();
            let prompt = marks::placed(text, pictures, videos)?;
            let templated = self.templated(&prompt, seen)?;
            (prompt, templated)
        };
        let (prompt, templated) = templated.map_or((prompt, false), |prompt| (prompt, true));
        let shown = self.args.show_prompt.then(|| marks::written(&prompt, self.model.tokenizer())).transpose()?;
        Ok(Composed { prompt, took, templated, shown })
    }

    /// The text as the task words it.
    fn words<'t>(&self, asked: &'t Asked) -> Result<Cow<'t, str>, Failure> {
        let placed = |text: Cow<'t, str>| match self.model.pointing() {
            Some(pointing) => Ok::<_, Failure>(Cow::Owned(pointing.placed(&text)?)),
            None => Ok(text),
        };
        let Some(task) = self.task.filter(|_| self.shots.is_none()) else {
            return placed(Cow::Borrowed(&asked.text));
        };
        if task.asks() && asked.text.is_empty() {
            let (name, wording) = (&task.name, task.prompt.as_deref().unwrap_or_default());
            let what = format_args!("--task {name} asks: its prompt '{wording}' has a place for a text");
            return Err(Failure::usage("prompt", what).with_hint("-p TEXT is what is asked".to_owned()));
        }
        placed(Cow::Owned(task.words(&asked.text)))
    }

    /// Reads the pictures that the request before did not have.
    fn pictures_of(&mut self, asked: &Asked) -> Result<Vec<Arc<Picture>>, Failure> {
        let limits = self.model.image_limits();
        let mut pictures = Vec::new();
        for path in &asked.images {
            let read = self.last.iter().chain(&pictures).find(|(other, _)| other == path);
            let picture = match (read, &asked.picture) {
                (Some((_, picture)), _) => Arc::clone(picture),
                (None, Some(bytes)) if path == Path::new("-") => decoded(Path::new("standard input"), bytes, &limits)?,
                _ => read_picture(path, &limits)?,
            };
            pictures.push((path.clone(), picture));
        }
        self.last = pictures;
        Ok(self.last.iter().map(|(_, picture)| Arc::clone(picture)).collect())
    }

    /// Pictures that prompts have besides the query's: in one, and in all.
    pub fn pictures(&self) -> (usize, usize) {
        self.shots.as_ref().map_or((0, 0), Shots::pictures)
    }

    /// The prompt as a user's message, where the file has a chat template and it is not to be left out.
    fn templated(&self, prompt: &Prompt, videos: bool) -> Result<Option<Prompt>, Failure> {
        let system = self.args.system.as_deref();
        let Some(template) = self.template.as_ref().filter(|_| !videos) else {
            if system.is_none() {
                return Ok(None);
            }
            let why = if videos { "no chat template has a place for a video" } else { "the file has none" };
            return Err(Failure::usage("no-chat-template", format_args!("--system is for a chat template: {why}")));
        };
        as_message(self.model, template, system, prompt).map(Some)
    }
}

/// A prompt as a user's message in a chat template.
pub fn as_message(
    model: &Model,
    template: &ChatTemplate,
    system: Option<&str>,
    prompt: &Prompt,
) -> Result<Prompt, Failure> {
    let mut pictures = Vec::new();
    let mut parts = Vec::new();
    for piece in prompt.pieces() {
        match piece {
            Piece::Text(text) => parts.push(Part::Text(text)),
            Piece::Image(picture) => {
                pictures.push(Arc::clone(picture));
                parts.push(Part::Image);
            }
            Piece::Video(_) => {}
        }
    }
    let content = match parts.as_slice() {
        [Part::Text(text)] => Content::Text(text),
        _ => Content::Parts(&parts),
    };
    let system = system.map(|text| Message { role: "system", content: Content::Text(text) });
    let messages: Vec<Message<'_>> = system.into_iter().chain([Message { role: "user", content }]).collect();
    let rendered = template.prompt(&messages, true, model.tokenizer());
    let rendered = rendered.map_err(|e| Failure::from(Error::from(e)).with_hint(RAW.to_owned()))?;
    Ok(rendered.prompt(model.tokenizer(), &pictures)?)
}

/// What helps where a template fails.
const RAW: &str = "--raw goes on with the text as it is, without the chat template";
