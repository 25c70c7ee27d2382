//! The arguments that make a prompt, and reading what they name.

use crate::failure::Failure;
use crate::marks;
use crate::output::Notes;
use crate::picture_args;
use crate::shot_args::{ShotArgs, Shots};
use crate::video_args::VideoArgs;
use ocelli_engine::image::{self, ImageLimits, Picture};
use ocelli_engine::tokenizer::LONGEST_TEXT;
use ocelli_engine::{Error, Model, Prompt};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Pictures and text.
#[derive(clap::Args)]
pub struct PromptArgs {
    /// A picture: PNG, JPEG, WebP, BMP, TIFF or a GIF's first frame; once for each picture
    #[arg(short, long, value_name = "PATH")]
    image: Vec<PathBuf>,
    /// The text; '-' reads standard input. With pictures, they go where it says <image>, or before all text; '\<image>' is
    /// then the text <image>. Without pictures, <image> is text anyway
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    prompt: Option<String>,
    #[command(flatten)]
    videos: VideoArgs,
    #[command(flatten)]
    shots: ShotArgs,
    /// Show the prompt as it is put together: on standard error, with --json or --batch as the field "prompt". <image>
    /// is where a picture goes, \<image> that text
    #[arg(long, help_heading = "Output")]
    show_prompt: bool,
}

/// What one request shows and says, of the arguments or of a line of a batch.
pub struct Asked {
    pub images: Vec<PathBuf>,
    pub videos: Vec<PathBuf>,
    pub text: String,
}

impl PromptArgs {
    /// Whether the text comes from standard input.
    pub fn reads_standard_input(&self) -> bool {
        self.prompt.as_deref() == Some("-")
    }

    /// The text, if there is any.
    pub fn text(&self) -> Result<Option<String>, Failure> {
        if self.reads_standard_input() { standard_input().map(Some) } else { Ok(self.prompt.clone()) }
    }

    /// The one request that the arguments make.
    pub fn asked(&self) -> Result<Asked, Failure> {
        let (images, videos) = (self.image.clone(), self.videos.paths()?);
        Ok(Asked { images, videos, text: self.text()?.unwrap_or_default() })
    }

    /// Makes ready for any number of requests: reads the demonstrations.
    pub fn open<'a>(&'a self, model: &'a Model, notes: &'a Notes) -> Result<Prompts<'a>, Failure> {
        let shots = self.shots.read(model, notes)?;
        Ok(Prompts { args: self, model, notes, shots, last: Vec::new(), noted: false })
    }

    /// All that decides how requests become prompts: for telling batches apart.
    pub fn content(&self) -> Result<String, Failure> {
        let read = picture_args::options();
        Ok(format!("{:?} {} {} {read:?}", self.videos, self.show_prompt, self.shots.content()?))
    }
}

/// Turns requests into prompts.
pub struct Prompts<'a> {
    args: &'a PromptArgs,
    model: &'a Model,
    notes: &'a Notes,
    shots: Option<Shots>,
    /// The pictures of the request before: questions about one picture often follow one another.
    last: Vec<(PathBuf, Arc<Picture>)>,
    /// Whether it was said that marks are text.
    noted: bool,
}

impl Prompts<'_> {
    /// The prompt, and how long reading the pictures and videos took.
    pub fn prompt(&mut self, asked: &Asked) -> Result<(Prompt, Duration), Failure> {
        let start = Instant::now();
        if !asked.images.is_empty() && !self.model.takes_images() {
            return Err(Error::NoVision { images: asked.images.len() }.into());
        }
        if self.shots.is_some() && !asked.videos.is_empty() {
            return Err(Failure::usage("video-count", "--shots: the query shows an image, no video"));
        }
        let mut pictures = Vec::new();
        for path in &asked.images {
            let read = self.last.iter().chain(&pictures).find(|(other, _)| other == path);
            let picture = match read {
                Some((_, picture)) => Arc::clone(picture),
                None => read_picture(path, &self.model.image_limits())?,
            };
            pictures.push((path.clone(), picture));
        }
        let videos = self.args.videos.read(&asked.videos, self.model, self.notes)?;
        let took = start.elapsed();
        let marked = self.model.takes_images() && asked.text.contains(marks::IMAGE);
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
        let shown: Vec<_> = pictures.iter().map(|(_, picture)| Arc::clone(picture)).collect();
        self.last = pictures;
        let prompt = match &mut self.shots {
            Some(shots) => shots.prompt(self.model, &asked.text, &shown)?,
            None => marks::placed(&asked.text, shown, videos)?,
        };
        Ok((prompt, took))
    }

    /// The prompt as text, where that was asked for.
    pub fn shown(&self, prompt: &Prompt) -> Option<String> {
        self.args.show_prompt.then(|| marks::written(prompt))
    }

    /// Pictures that prompts have besides the query's: in one, and in all.
    pub fn pictures(&self) -> (usize, usize) {
        self.shots.as_ref().map_or((0, 0), Shots::pictures)
    }
}

/// Reads and decodes a picture.
pub fn read_picture(path: &Path, limits: &ImageLimits) -> Result<Arc<Picture>, Failure> {
    decoded(path, &read_bytes("image", path, limits)?, limits)
}

/// Decodes the bytes of a picture's file.
pub fn decoded(path: &Path, bytes: &[u8], limits: &ImageLimits) -> Result<Arc<Picture>, Failure> {
    match image::decode_with(bytes, &picture_args::options(), limits) {
        Ok(picture) => Ok(Arc::new(picture)),
        Err(e) => Err(Failure::new("image", format_args!("{}: {e}", path.display()))),
    }
}

/// A file's bytes, or of a file over the limit so many that it is refused.
pub fn read_bytes(what: &str, path: &Path, limits: &ImageLimits) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    // One byte more than allowed is enough to refuse, whatever the file is: it may be a device without an end.
    let read = File::open(path).and_then(|file| file.take(limits.file_bytes + 1).read_to_end(&mut bytes));
    read.map_err(|e| {
        let failure = Failure::reading(what, path, &e);
        match misnamed(path) {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    })?;
    Ok(bytes)
}

/// What may have been meant by a name that no file has.
fn misnamed(path: &Path) -> Option<&'static str> {
    let name = path.to_string_lossy();
    if name.starts_with("http://") || name.starts_with("https://") {
        Some("files are read, no addresses: download it first")
    } else if name.starts_with("file://") {
        Some("give the path alone, without 'file://'")
    } else if name.contains(',') {
        Some("one option names one file: give it again for each")
    } else {
        None
    }
}

/// All of standard input as text, less the line break that `echo` puts at its end.
pub fn standard_input() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let limit = LONGEST_TEXT as u64 + 2;
    let read = io::stdin().lock().take(limit).read_to_end(&mut bytes);
    read.map_err(|e| Failure::new("open", format_args!("cannot read standard input: {e}")))?;
    let mut text = String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        Failure::new("text", format_args!("standard input is not UTF-8: byte {at} is no part of a character"))
    })?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}
