//! The arguments that name videos, and reading what they name.

use crate::failure::Failure;
use crate::frames;
use crate::output::Notes;
use crate::read::{read_bytes, read_picture};
use clap::builder::RangedU64ValueParser;
use ocelli_engine::Model;
use ocelli_engine::image::{self, ImageLimits, Video};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Videos.
#[derive(clap::Args, Debug)]
pub struct VideoArgs {
    /// A video, for models that take them: a GIF, or a directory of pictures, in the order of their names, with
    /// numbers by their value; once for each video. Videos go where the text says <video>, or before it
    #[arg(long, value_name = "PATH", conflicts_with_all = ["shots", "batch"])]
    video: Vec<PathBuf>,
    /// Frames taken of a video, evenly from the first to the last; without it as many as the model has learned, or 8
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=256))]
    frames: Option<usize>,
}

impl VideoArgs {
    /// The videos that are named.
    pub fn paths(&self) -> Result<Vec<PathBuf>, Failure> {
        if self.frames.is_some() && self.video.is_empty() {
            return Err(Failure::usage("usage", "--frames is about a --video: none is given"));
        }
        Ok(self.video.clone())
    }

    /// Videos with the frames that are taken of each.
    pub fn read(&self, paths: &[PathBuf], model: &Model, notes: &Notes) -> Result<Vec<Arc<Video>>, Failure> {
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        // Before anything is decoded for nothing.
        let learned = model.video_frames();
        let frames = learned.ok_or_else(|| Failure::from(ocelli_engine::Error::NoVideo { videos: paths.len() }))?;
        let (frames, limits) = (self.frames.unwrap_or(frames), model.image_limits());
        paths.iter().map(|path| read(path, frames, &limits, notes).map(Arc::new)).collect()
    }
}

fn read(path: &Path, frames: usize, limits: &ImageLimits, notes: &Notes) -> Result<Video, Failure> {
    let bad = |e| Failure::new("image", format_args!("{}: {e}", path.display()));
    if !path.is_dir() {
        let bytes = read_bytes("video", path, limits)?;
        return image::decode_gif(&bytes, frames, limits).map_err(bad);
    }
    let all = frames::of(path, limits, notes)?;
    let pictures = image::sample(all.len(), frames).into_iter().map(|at| read_picture(&all[at], limits));
    Video::new(pictures.collect::<Result<_, _>>()?, limits).map_err(bad)
}
