//! The families: one small file each, and the table that names them.

mod blip2;
mod flamingo;
mod frozen;
mod text;

use crate::blocks::decoder::{Decoder, DecoderConfig};
use crate::error::Error;
use crate::image::{Filter, Fit, PassOrder, Pixels, Preprocess};
use crate::kernels::{Exec, Layout, Rows};
use crate::prompt::{Item, Prompt};
use crate::tokenizer::Tokenizer;
use crate::weights::Scope;
use crate::weights::header::Header;
use ocelli_quant::gguf::{Gguf, Value};
use std::sync::Arc;

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

/// Resampling filters by their names in files.
const FILTERS: &[(&str, Filter)] = &[
    ("nearest", Filter::Nearest),
    ("lanczos", Filter::Lanczos),
    ("bilinear", Filter::Bilinear),
    ("bicubic", Filter::Bicubic),
    ("box", Filter::Box),
    ("hamming", Filter::Hamming),
];

/// Preprocessing to `side` x `side` pixels, from `ocelli.image.*` and the tower's mean and deviation.
fn preprocess(file: &Arc<Gguf>, side: usize) -> Result<Preprocess, Error> {
    let image = Header::new(file, "ocelli.image.");
    let vision = Header::new(file, "clip.vision.");
    let fit = match image.text("resize")? {
        "square" => Fit::Stretch,
        "crop" => Fit::Crop {
            even: match image.text("crop_offset")? {
                "floor" => false,
                "even" => true,
                other => return Err(image.bad("crop_offset", other, "must be floor or even")),
            },
        },
        "pad" => {
            let colour = file.u32s("ocelli.image.pad_rgb")?.unwrap_or_default();
            let bytes: Vec<u8> = colour.iter().filter_map(|&c| u8::try_from(c).ok()).collect();
            let rgb = <[u8; 3]>::try_from(bytes)
                .map_err(|_| image.bad("pad_rgb", format!("{colour:?}"), "must be 3 numbers up to 255"))?;
            Fit::Pad { rgb }
        }
        mode => return Err(image.bad("resize", mode, "must be square, crop or pad")),
    };
    let size = file.u32s("ocelli.image.size")?.unwrap_or_default();
    if size.len() != 2 || size.iter().any(|&s| s as usize != side) {
        return Err(image.bad("size", format!("{size:?}"), format!("must be [{side}, {side}], the tower's input")));
    }
    let filter = image.text("filter")?;
    let filter = match FILTERS.iter().find(|(name, _)| *name == filter) {
        Some((_, filter)) => *filter,
        None => {
            let known: Vec<_> = FILTERS.iter().map(|(name, _)| *name).collect();
            return Err(image.bad("filter", filter, format!("must be one of {}", known.join(", "))));
        }
    };
    let rescale = match file.get("ocelli.image.rescale") {
        None => 1.0 / 255.0,
        Some(Value::F64(factor)) => factor,
        Some(other) => return Err(image.bad("rescale", other.type_name(), "must be f64")),
    };
    let preprocess = Preprocess {
        width: size[0],
        height: size[1],
        fit,
        filter,
        rescale,
        mean: vision.triple("image_mean")?,
        std: vision.triple("image_std")?,
        do_resize: image.switch("do_resize", true)?,
        do_rescale: image.switch("do_rescale", true)?,
        do_normalize: image.switch("do_normalize", true)?,
        order: PassOrder::default(),
    };
    preprocess.validate()?;
    Ok(preprocess)
}
