//! How pictures are prepared, from the keys of a file.

use super::{Closest, Cut, Filter, Fit, PassOrder, Preprocess, Scaled, Split, Tiles};
use crate::error::Error;
use crate::weights::header::{self, Header};
use ocelli_quant::gguf::keys::{self, FILTERS};
use ocelli_quant::gguf::{Gguf, Value};
use std::sync::Arc;

/// Resampling filters in the order of their names.
const BY_NAME: [Filter; 6] =
    [Filter::Nearest, Filter::Lanczos, Filter::Bilinear, Filter::Bicubic, Filter::Box, Filter::Hamming];

impl Preprocess {
    /// Preprocessing to `side` x `side` pixels, from `ocelli.image.*` and the tower's mean and deviation.
    ///
    /// # Errors
    /// [`Error::BadParameter`] for a key that is missing or out of range.
    pub fn from_gguf(file: &Arc<Gguf>, side: usize) -> Result<Self, Error> {
        let image = Header::new(file, "ocelli.image.");
        let vision = Header::new(file, "clip.vision.");
        let fit = match image.text("resize")? {
            // In sizes near their own, which are no square.
            "square" | "scale" => Fit::Stretch,
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
            mode => return Err(image.bad("resize", mode, "must be square, crop, pad or scale")),
        };
        let own = image.text("resize")? == "scale";
        let whole = u32::try_from(side).unwrap_or(u32::MAX);
        let size = if own { vec![whole; 2] } else { file.u32s("ocelli.image.size")?.unwrap_or_default() };
        if size.len() != 2 || size.iter().any(|&s| s as usize != side) {
            return Err(image.bad("size", format!("{size:?}"), format!("must be [{side}, {side}], the tower's input")));
        }
        let filter = image.text("filter")?;
        let filter = match FILTERS.iter().zip(BY_NAME).find(|(name, _)| **name == filter) {
            Some((_, filter)) => filter,
            None => return Err(image.bad("filter", filter, format!("must be one of {}", FILTERS.join(", ")))),
        };
        let rescale = match file.get("ocelli.image.rescale") {
            None => 1.0 / 255.0,
            Some(Value::F64(factor)) => factor,
            Some(other) => return Err(image.bad("rescale", other.type_name(), "must be f64")),
        };
        let preprocess = Self {
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
            cut: Cut::Whole,
        };
        preprocess.validate()?;
        Ok(preprocess)
    }
}

/// Most sizes that pictures may be fitted into, and most tiles of one.
const MOST: usize = 64;

impl Tiles {
    /// What a tower of `side` is shown beside whole pictures: llama.cpp's key, numbers in pairs. `None` where it is not there.
    ///
    /// # Errors
    /// [`Error::BadParameter`].
    pub(crate) fn from_gguf(file: &Arc<Gguf>, side: u32) -> Result<Option<Self>, Error> {
        const KEY: &str = "image_grid_pinpoints";
        let vision = Header::new(file, "clip.vision.");
        if vision.get(KEY).is_none() {
            return Ok(None);
        }
        let most = 1usize << 14;
        let lengths = vision.counts(KEY, 1..=most, 2 * MOST)?;
        let bad = |rule: String| vision.bad(KEY, format!("{lengths:?}"), rule);
        let (pairs, rest) = lengths.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(bad("must be pairs of width and height".to_owned()));
        }
        let sizes: Vec<(u32, u32)> = pairs.iter().map(|&[width, height]| (width as u32, height as u32)).collect();
        let tiles = |&(width, height): &(u32, u32)| (width / side) as usize * (height / side) as usize;
        if sizes.iter().any(|size| tiles(size) > MOST) {
            return Err(bad(format!("must have at most {MOST} tiles of {side} x {side} each")));
        }
        let rule = || bad(format!("must be multiples of the tower's {side}"));
        Self::new(sizes, side).map(Some).ok_or_else(rule)
    }
}

impl Closest {
    /// Fewest and most tiles of a tower of `side`: llama.cpp's keys; where they are absent what released models have.
    ///
    /// # Errors
    /// [`Error::BadParameter`].
    pub(crate) fn from_gguf(file: &Arc<Gguf>, side: usize) -> Result<Self, Error> {
        Self::from_gguf_or(file, side, [1, 12])
    }

    /// The same where released models have other numbers.
    ///
    /// # Errors
    /// [`Error::BadParameter`].
    pub(crate) fn from_gguf_or(file: &Arc<Gguf>, side: usize, usual: [usize; 2]) -> Result<Self, Error> {
        let vision = Header::new(file, "clip.vision.");
        let key = "preproc_max_tiles";
        let least = vision.count_or("preproc_min_tiles", 1..=keys::TILES as usize, usual[0])?;
        let most = vision.count_or(key, 1..=keys::TILES as usize, usual[1])?;
        if least > most {
            return Err(vision.bad("preproc_min_tiles", least, format!("must be at most the {most} of {key}")));
        }
        let longest = 1usize << 14;
        if most * side > longest {
            let rule = format!("makes pictures of {} pixels a side, at most {longest}", most * side);
            return Err(vision.bad(key, most, rule));
        }
        Ok(Self { least: least as u32, most: most as u32 })
    }
}

impl Scaled {
    /// How pictures come to squares of `square` pixels, at most `squares` of them: llama.cpp's keys of all pixels.
    ///
    /// # Errors
    /// [`Error::BadParameter`], also where a key is missing.
    pub(crate) fn from_gguf(file: &Arc<Gguf>, square: u32, squares: u32) -> Result<Self, Error> {
        let vision = Header::new(file, "clip.vision.");
        let pixels = |name| vision.count(name, 1..=u32::MAX as usize);
        let (least, most) = (pixels("image_min_pixels")?, pixels("image_max_pixels")?);
        if least > most {
            return Err(vision.bad("image_min_pixels", least, format!("must be at most image_max_pixels {most}")));
        }
        Ok(Self { square, least: least as u64, most: most as u64, squares, whole: false })
    }
}

impl Split {
    /// How pictures are cut into tiles of their own, as many as they have.
    ///
    /// # Errors
    /// [`Error::BadParameter`], also where the key is missing.
    pub(crate) fn from_gguf(file: &Arc<Gguf>) -> Result<Self, Error> {
        let longest = Header::new(file, "clip.vision.").count("preproc_image_size", header::SIDE)?;
        let cuts = Header::new(file, "ocelli.image.").switch("split", true)?;
        let longest = u32::try_from(longest).unwrap_or(u32::MAX);
        Ok(Self { longest, most: if cuts { u32::MAX } else { 0 } })
    }
}
