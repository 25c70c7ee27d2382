//! How LFM2-VL brings a picture to whole squares near its own size and cuts one that is too large for that into tiles, from
//! `preprocessor_config.json`.
//!
//! The non-obvious thing: `size`, `do_resize` and `max_num_patches` have no effect in the class, and the numbers of rows are in
//! squares of patches, from which pixels follow.

use super::SIDE;
use super::image::{FILE, HALF, IMAGE, channels, filter};
use super::split::found;
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::settings::Neutral::Switch;
use crate::settings::{Inputs, Known, Object};
use ocelli_quant::gguf::MetaValue;
use ocelli_quant::gguf::keys::{ROWS, TILES};

/// What has no effect in `Lfm2VlImageProcessor`.
const OWN: &[Known] = &[
    Known::without_effect(
        &["crop_size", "default_to_square", "do_center_crop", "do_pad", "do_resize", "pad_size", "size"],
        "the class resizes as its own numbers say, and padding is of batches",
    ),
    Known::without_effect(&["max_num_patches", "return_row_col_info"], "is how the same numbers are handed over"),
    Known::only(&["use_thumbnail"], &[Switch(true)], "the whole picture stands behind its tiles"),
];

/// The same in the configuration of a processor.
const OUTER: &[Known] = &[Known::only(
    &["use_image_special_tokens"],
    &[Switch(true)],
    "tokens of their own stand around pictures and their tiles",
)];

/// Torch's bilinear.
const BILINEAR: u64 = 2;

#[derive(Debug, PartialEq)]
struct Large {
    /// Fewest and most rows of the whole.
    rows: [u32; 2],
    tiles: [u32; 2],
    side: u32,
    tolerance: f32,
    filter: &'static str,
    rescales: bool,
    normalizes: bool,
    factor: f64,
    mean: Vec<f32>,
    std: Vec<f32>,
}

impl Large {
    fn read(config: &Object, patch: u32, merge: u32) -> Result<Self, ConvertError> {
        config.known(IMAGE);
        config.known(OWN);
        const KIND: &str = "image_processor_type";
        if let Some(kind) = config.text(KIND)?.filter(|kind| !kind.starts_with("Lfm2VlImageProcessor")) {
            return Err(config.unsupported(KIND, format!("'{kind}'"), "only 'Lfm2VlImageProcessor' is"));
        }
        for (key, usual, wanted) in [("encoder_patch_size", 16, patch), ("downsample_factor", 2, merge)] {
            let got = config.count(key, 1..=u32::MAX, usual)?;
            if got != wanted {
                return Err(config.bad(key, got, format!("must be the {wanted} of config.json")));
            }
        }
        let rows = [config.count("min_image_tokens", 1..=ROWS, 64)?, config.count("max_image_tokens", 1..=ROWS, 256)?];
        if rows[0] > rows[1] {
            return Err(config.bad(
                "min_image_tokens",
                rows[0],
                format!("must be at most max_image_tokens {}", rows[1]),
            ));
        }
        let tiles = [config.count("min_tiles", 1..=TILES, 2)?, config.count("max_tiles", 1..=TILES, 10)?];
        let tiles = if config.switch("do_image_splitting", true)? { tiles } else { [1, 1] };
        if tiles[0] > tiles[1] || (tiles[0] == 1 && tiles[1] > 1) {
            let rule = format!("must be 2 to max_tiles {}: one tile is no picture cut", tiles[1]);
            return Err(config.bad("min_tiles", tiles[0], rule));
        }
        let side = config.count("tile_size", 1..=SIDE, 512)?;
        if !side.is_multiple_of(patch * merge) {
            let rule = format!("must be whole squares of {} pixels", patch * merge);
            return Err(config.bad("tile_size", side, rule));
        }
        let factor = config.number("rescale_factor", 1.0 / 255.0)?;
        if !(factor > 0.0 && factor.is_finite()) {
            return Err(config.bad("rescale_factor", factor, "must be above 0"));
        }
        let std = channels(config, "image_std", HALF)?;
        if let Some(zero) = std.iter().find(|std| **std <= 0.0) {
            return Err(config.bad("image_std", zero, "must be above 0"));
        }
        Ok(Self {
            rows,
            tiles,
            side,
            tolerance: super::positive(config, "max_pixels_tolerance", 2.0)?,
            filter: filter(config, BILINEAR)?,
            rescales: config.switch("do_rescale", true)?,
            normalizes: config.switch("do_normalize", true)?,
            factor,
            mean: channels(config, "image_mean", HALF)?,
            std,
        })
    }
}

/// Sets the keys of a tower whose rows are squares of `merge` patches of `patch` pixels a side.
pub(crate) fn keys(inputs: &Inputs<'_>, patch: u32, merge: u32, keys: &mut Keys) -> Result<(), ConvertError> {
    let large = match found(inputs, OUTER, |config| Large::read(config, patch, merge), keys)? {
        Some(large) => large,
        None => {
            keys.note(format!("no {FILE}: pictures are resized and cut as the class of the processor does by itself"));
            let none = Object::empty(FILE).with("encoder_patch_size", patch).with("downsample_factor", merge);
            Large::read(&none.with("tile_size", 32 * patch), patch, merge)?
        }
    };
    let pixels = large.rows.map(|rows| rows.saturating_mul((patch * merge).saturating_pow(2)));
    keys.set("clip.vision.image_mean", large.mean);
    keys.set("clip.vision.image_std", large.std);
    keys.set("clip.vision.image_min_pixels", pixels[0]);
    keys.set("clip.vision.image_max_pixels", pixels[1]);
    keys.set("clip.vision.preproc_image_size", large.side);
    keys.set("clip.vision.preproc_min_tiles", large.tiles[0]);
    keys.set("clip.vision.preproc_max_tiles", large.tiles[1]);
    keys.set("ocelli.image.tolerance", large.tolerance);
    keys.set("ocelli.image.resize", "scale");
    keys.set("ocelli.image.filter", large.filter);
    keys.set("ocelli.image.do_rescale", large.rescales);
    keys.set("ocelli.image.rescale", MetaValue::F64(large.factor));
    keys.set("ocelli.image.do_normalize", large.normalizes);
    Ok(())
}
