//! The families: one small file each, and the table that names them.

mod blip2;
mod compose;
mod flamingo;
mod frozen;
mod text;

pub(crate) use compose::compose;

use crate::blocks::decoder::{Decoder, DecoderConfig};
use crate::error::Error;
use crate::image::{Pixels, Preprocess};
use crate::kernels::{Exec, Layout, Rows};
use crate::prompt::{Item, Prompt};
use crate::tokenizer::Tokenizer;
use crate::weights::Scope;
use crate::weights::header::Header;
use ocelli_quant::gguf::Gguf;
use std::sync::Arc;

/// How a family takes videos.
pub trait Clips {
    /// Frames that a video is sampled to where the caller names no number.
    fn frames(&self) -> usize;

    /// Pictures and videos a prompt may have, where what one becomes depends on how many come before it.
    fn places(&self) -> Option<usize>;

    /// Room for a video of so many frames.
    fn layout(&self, layout: &mut Layout, frames: usize);

    /// Prepared pixels of frame `number` of `frames` through the tower. Frames come last to first.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    fn tower(&self, exec: &mut Exec<'_>, pixels: &Pixels, number: usize, frames: usize) -> Result<(), Error>;

    /// [`Family::bridge`], of all frames together. `place` is how many pictures and videos come before this one.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    fn bridge(&self, exec: &mut Exec<'_>, frames: usize, place: usize, out: &mut Vec<f32>) -> Result<(), Error>;
}

/// A model put together from blocks: tower, bridge, language model and the rule that joins them.
pub trait Family: Send + Sync {
    /// The language model.
    fn decoder(&self) -> &Decoder;

    /// How pictures are prepared; `None` where the model takes none.
    fn preprocess(&self) -> Option<&Preprocess>;

    /// Rows of the decoder's input a picture takes.
    fn image_rows(&self) -> usize;

    /// Numbers an encoded picture is.
    fn encoded_len(&self) -> usize {
        self.image_rows() * self.decoder().config.embedding_width
    }

    /// Room that [`Family::tower`] and [`Family::bridge`] need.
    fn layout(&self, layout: &mut Layout);

    /// Prepared pixels through the tower.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    fn tower(&self, exec: &mut Exec<'_>, pixels: &Pixels) -> Result<(), Error>;

    /// What the tower has left, to rows of the decoder's input or, where it has gated layers, to the rows that these
    /// attend to. `out` receives [`Family::encoded_len`] numbers.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    fn bridge(&self, exec: &mut Exec<'_>, out: &mut Vec<f32>) -> Result<(), Error>;

    /// How videos are taken; `None` where they are not. Pictures are then encoded as videos of one frame.
    fn clips(&self) -> Option<&dyn Clips> {
        None
    }

    /// Where [`Family::tower`] leaves its rows; `None` where there is no tower.
    fn tower_rows(&self) -> Option<Rows>;

    /// A prompt in the order and with the special tokens the model was trained on.
    ///
    /// # Errors
    /// What the tokenizer refuses.
    fn compose(&self, prompt: &Prompt, tokenizer: &Tokenizer) -> Result<Vec<Item>, Error>;
}

type Load = fn(&Arc<Gguf>) -> Result<Box<dyn Family>, Error>;

/// Every family by the name that `ocelli.family` gives it in files.
const FAMILIES: &[(&str, Load)] =
    &[("blip2", blip2::load), ("flamingo", flamingo::load), ("frozen", frozen::load), ("text", text::load)];

/// The families that run here, by the names `ocelli.family` gives them.
#[must_use]
pub fn families() -> Vec<&'static str> {
    FAMILIES.iter().map(|(name, _)| *name).collect()
}

/// The family a file names; a file that names none is the language model of its `general.architecture` and no more.
pub fn load(file: &Arc<Gguf>) -> Result<Box<dyn Family>, Error> {
    const KEY: &str = "ocelli.family";
    let name = file.str(KEY)?.unwrap_or("text");
    match FAMILIES.iter().find(|(n, _)| *n == name) {
        Some((_, load)) => load(file),
        None => Err(Error::UnknownArchitecture { key: KEY, got: name.to_owned(), known: families().join(", ") }),
    }
}

/// The decoder of a file, by `general.architecture`.
fn decoder(file: &Arc<Gguf>) -> Result<Decoder, Error> {
    let name = file.str("general.architecture")?.unwrap_or("(no such key)");
    let config = DecoderConfig::read(name, &Header::new(file, format!("{name}.")))?;
    Decoder::load(&Scope::new(Arc::clone(file)), config)
}
