//! From a picture to a vision tower's input, as `BlipImageProcessor` does it: resize to a fixed size (without cropping,
//! unless [`Fit`] says so), scale to 0..1, subtract the mean, divide by the standard deviation.
//!
//! Source: transformers 4.57.6, `image_transforms.rescale` and `normalize`. `rescale` multiplies in `f64` and rounds to
//! `f32`; `normalize` subtracts and divides in `f32`. A value therefore depends only on its byte and its channel, and
//! the 3 x 256 results are computed once: the output is bit-equal to numpy's and costs one table look-up a sample.
//!
//! The non-obvious thing: the Python code guesses the channel axis from the array's shape and takes a picture of 1 or 3
//! rows for planar. Here rows are always rows.

use super::picture::buffer;
use super::{Closest, Filter, Fit, ImageError, ImageLimits, Large, PassOrder, Picture, Scaled, Split, Tiles};
use ocelli_quant::gguf::keys;
use std::borrow::Cow;

/// Channel means of CLIP's training pictures, which the families with CLIP's or a BLIP's tower take.
pub const CLIP_MEAN: [f32; 3] = narrow(keys::CLIP_MEAN);
/// Channel standard deviations of CLIP's training pictures.
pub const CLIP_STD: [f32; 3] = narrow(keys::CLIP_STD);

#[allow(clippy::cast_possible_truncation)] // to the nearest
const fn narrow([red, green, blue]: [f64; 3]) -> [f32; 3] {
    [red as f32, green as f32, blue as f32]
}

/// A tower's input: `data` is planar `[3, height, width]`, red plane first.
#[derive(Debug, Clone, PartialEq)]
pub struct Pixels {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// `[3, height, width]`.
    pub data: Vec<f32>,
}

/// How pictures are prepared; the fields are those of `preprocessor_config.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct Preprocess {
    /// Width the tower needs, in pixels.
    pub width: u32,
    /// Height the tower needs, in pixels.
    pub height: u32,
    /// What becomes of pictures of another shape.
    pub fit: Fit,
    /// Resampling filter.
    pub filter: Filter,
    /// Which release of Pillow to follow where they differ.
    pub order: PassOrder,
    /// Factor of the bytes, in `f64` as in the reference: see [`Preprocess::rescale_from_f32`].
    pub rescale: f64,
    /// Mean of each channel, after rescaling.
    pub mean: [f32; 3],
    /// Standard deviation of each channel, after rescaling.
    pub std: [f32; 3],
    /// Resize to `width` x `height`; without it a picture must have that size already.
    pub do_resize: bool,
    /// Multiply by `rescale`.
    pub do_rescale: bool,
    /// Subtract `mean` and divide by `std`.
    pub do_normalize: bool,
    /// What the tower is shown of it.
    pub cut: Cut,
}

/// What a tower is shown of a picture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Cut {
    /// The whole.
    #[default]
    Whole,
    /// The whole, and behind it tiles of what it is fitted into.
    Grid(Tiles),
    /// Tiles, and behind them the whole of what they were cut from.
    Split(Split),
    /// Tiles in the grid whose shape is closest to the picture's, and behind them the whole.
    Closest(Closest),
    /// The whole, in a size near its own.
    Scaled(Scaled),
    /// The same, and tiles ahead of it where the picture is too large for that.
    Large(Large),
}

impl Preprocess {
    /// A picture that the tower is shown whole, and whose `rows` stand in the place of embeddings.
    #[must_use]
    pub fn views(&self, rows: usize) -> super::Views {
        super::Views { size: (self.width, self.height), tile: None, tiles: 1, rows, positions: rows, grid: None }
    }

    /// BLIP-2's evaluation transform: bicubic to `side` x `side`, 1/255, CLIP mean and standard deviation.
    #[must_use]
    pub fn blip(side: u32) -> Self {
        Self {
            width: side,
            height: side,
            fit: Fit::Stretch,
            filter: Filter::Bicubic,
            order: PassOrder::default(),
            rescale: 1.0 / 255.0,
            mean: CLIP_MEAN,
            std: CLIP_STD,
            do_resize: true,
            do_rescale: true,
            do_normalize: true,
            cut: Cut::Whole,
        }
    }

    /// The `f64` factor behind one stored as `f32`: 1/255 gets its lost bits back, anything else is widened.
    ///
    /// The reference multiplies by the `f64` nearest to 1/255; the `f32` nearest to it gives other last bits.
    #[must_use]
    pub fn rescale_from_f32(value: f32) -> f64 {
        let exact = 1.0 / 255.0;
        if value == exact as f32 { exact } else { f64::from(value) }
    }

    /// Three channel numbers from a list of the file.
    ///
    /// # Errors
    /// [`ImageError::WrongCount`] unless there are exactly 3; `what` names the list.
    pub fn three(what: &'static str, values: &[f32]) -> Result<[f32; 3], ImageError> {
        <[f32; 3]>::try_from(values).map_err(|_| ImageError::WrongCount { what, have: values.len() })
    }

    /// Checks the target size against the default limits and every number.
    ///
    /// # Errors
    /// A size outside the limits; [`ImageError::BadNumber`] for a number that is not finite, a standard deviation that
    /// is not positive, or numbers whose result is not finite.
    pub fn validate(&self) -> Result<(), ImageError> {
        ImageLimits::default().check(self.width, self.height)?;
        if !(self.rescale.is_finite() && self.rescale > 0.0) {
            return Err(bad("rescale_factor", 0, self.rescale, "finite and positive"));
        }
        for (index, (&mean, &std)) in self.mean.iter().zip(&self.std).enumerate() {
            if !mean.is_finite() {
                return Err(bad("image_mean", index, f64::from(mean), "finite"));
            }
            if !(std.is_finite() && std > 0.0) {
                return Err(bad("image_std", index, f64::from(std), "finite and positive"));
            }
        }
        // Monotone in the byte, so the two ends tell about all 256 values.
        for (index, table) in self.tables().iter().enumerate() {
            for value in [table[0], table[255]] {
                if !value.is_finite() {
                    return Err(bad("normalised value", index, f64::from(value), "finite"));
                }
            }
        }
        Ok(())
    }

    /// The tower's input for a picture that it is shown whole.
    ///
    /// # Errors
    /// Those of [`shown`](Self::shown).
    pub fn apply(&self, picture: &Picture) -> Result<Pixels, ImageError> {
        self.pixels(self.whole(picture)?.as_ref())
    }

    /// All that the tower is shown of a picture, each of the tower's size.
    ///
    /// # Errors
    /// Those of [`validate`](Self::validate), [`ImageError::NotResized`] and [`ImageError::OutOfMemory`].
    pub fn shown<'a>(&self, picture: &'a Picture) -> Result<Vec<Cow<'a, Picture>>, ImageError> {
        let (mut shown, tiles) = match &self.cut {
            Cut::Whole | Cut::Scaled(_) => (vec![self.whole(picture)?], Vec::new()),
            Cut::Grid(tiles) => (vec![self.whole(picture)?], tiles.cut(picture, self.width, self.filter, self.order)?),
            Cut::Split(split) => {
                self.validate()?;
                (Vec::new(), split.cut(picture, self.width, self.filter, self.order)?)
            }
            Cut::Large(large) => {
                self.validate()?;
                (Vec::new(), large.cut(picture, self.filter, self.order)?)
            }
            Cut::Closest(closest) => {
                self.validate()?;
                (Vec::new(), closest.cut(picture, self.width, self.filter, self.order)?)
            }
        };
        shown.extend(tiles.into_iter().map(Cow::Owned));
        Ok(shown)
    }

    /// The sizes that pictures are fitted into, where there are some.
    #[must_use]
    pub fn grid(&self) -> Option<&Tiles> {
        if let Cut::Grid(tiles) = &self.cut { Some(tiles) } else { None }
    }

    fn whole<'a>(&self, picture: &'a Picture) -> Result<Cow<'a, Picture>, ImageError> {
        self.validate()?;
        if let Cut::Scaled(scaled) | Cut::Large(Large { whole: scaled, .. }) = self.cut {
            return scaled.apply(picture, self.filter, self.order).map(Cow::Owned);
        }
        if self.do_resize {
            return self.fit.apply(picture, (self.width, self.height), self.filter, self.order).map(Cow::Owned);
        }
        if (picture.width(), picture.height()) == (self.width, self.height) {
            return Ok(Cow::Borrowed(picture));
        }
        Err(ImageError::NotResized {
            width: picture.width(),
            height: picture.height(),
            expected_width: self.width,
            expected_height: self.height,
        })
    }

    /// One of those, scaled and normalised.
    ///
    /// # Errors
    /// [`ImageError::OutOfMemory`].
    pub fn pixels(&self, shown: &Picture) -> Result<Pixels, ImageError> {
        let (width, height) = (shown.width(), shown.height());
        let plane = width as usize * height as usize;
        let mut data = buffer(3 * plane)?;
        for (channel, (table, out)) in self.tables().iter().zip(data.chunks_exact_mut(plane)).enumerate() {
            for (o, pixel) in out.iter_mut().zip(shown.rgb().chunks_exact(3)) {
                *o = table[usize::from(pixel[channel])];
            }
        }
        Ok(Pixels { width, height, data })
    }

    /// The result for each byte of each channel.
    fn tables(&self) -> [[f32; 256]; 3] {
        std::array::from_fn(|channel| {
            std::array::from_fn(|byte| {
                let byte = byte as f64;
                let value = if self.do_rescale { (byte * self.rescale) as f32 } else { byte as f32 };
                if self.do_normalize { (value - self.mean[channel]) / self.std[channel] } else { value }
            })
        })
    }
}

fn bad(what: &'static str, index: usize, value: f64, expected: &'static str) -> ImageError {
    ImageError::BadNumber { what, index, value, expected }
}
