//! The arguments that make a prompt, and reading what they name.

use crate::failure::Failure;
use crate::marks;
use crate::output::Notes;
use crate::shot_args::ShotArgs;
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
    /// A picture, PNG or JPEG; once for each picture
    #[arg(short, long, value_name = "PATH")]
    image: Vec<PathBuf>,
    /// The text; '-' reads standard input. With pictures, they go where it says <image>, or before all text; '\<image>' is
    /// then the text <image>. Without pictures, <image> is text anyway
    #[arg(short, long, value_name = "TEXT", default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    prompt: String,
    #[command(flatten)]
    videos: VideoArgs,
    #[command(flatten)]
    shots: ShotArgs,
}

impl PromptArgs {
    /// Whether the text comes from standard input.
    pub fn reads_standard_input(&self) -> bool {
        self.prompt == "-"
    }

    /// The prompt, and how long reading the pictures and videos took.
    pub fn read(&self, model: &Model, notes: &Notes) -> Result<(Prompt, Duration), Failure> {
        let text = if self.reads_standard_input() { standard_input()? } else { self.prompt.clone() };
        let start = Instant::now();
        if !self.image.is_empty() && !model.takes_images() {
            return Err(Error::NoVision { images: self.image.len() }.into());
        }
        let limits = model.image_limits();
        let pictures = self.image.iter().map(|path| read_picture(path, &limits)).collect::<Result<Vec<_>, _>>()?;
        let videos = self.videos.read(model, notes)?;
        let took = start.elapsed();
        let marked = model.takes_images() && text.contains(marks::IMAGE);
        if let Some(prompt) = self.shots.prompt(model, &text, &pictures)? {
            if marked {
                notes.line(format_args!("<image> in the prompt is text: with --shots the wording places the picture"));
            }
            return Ok((prompt, took));
        }
        if marked && pictures.is_empty() {
            notes.line(format_args!("<image> in the prompt is text: no --image is given"));
        }
        Ok((marks::placed(&text, pictures, videos)?, took))
    }
}

/// Reads and decodes a picture.
pub fn read_picture(path: &Path, limits: &ImageLimits) -> Result<Arc<Picture>, Failure> {
    let bytes = read_bytes("image", path, limits)?;
    match image::decode(&bytes, limits) {
        Ok(picture) => Ok(Arc::new(picture)),
        Err(e) => Err(Failure::new("image", format_args!("{}: {e}", path.display()))),
    }
}

/// A file's bytes, or of a file over the limit so many that it is refused.
pub fn read_bytes(what: &str, path: &Path, limits: &ImageLimits) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    // One byte more than allowed is enough to refuse, whatever the file is: it may be a device without an end.
    let read = File::open(path).and_then(|file| file.take(limits.file_bytes + 1).read_to_end(&mut bytes));
    read.map_err(|e| Failure::reading(what, path, &e))?;
    Ok(bytes)
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
