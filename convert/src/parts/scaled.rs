//! How Qwen's models scale a picture to whole squares near its own size, from `preprocessor_config.json`.
//!
//! The non-obvious thing: the bounds of a picture's size have three names, of which the oldest goes before the others. The slow
//! processor of 4.57 never reads `size`, by mistake; what is stored is what the file says and all others take.

use super::image::{FILE, IMAGE, channels, filter};
use super::only;
use super::split::found;
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::settings::Neutral::Number;
use crate::settings::{Inputs, Known, Object};
use ocelli_quant::gguf::MetaValue;
use ocelli_quant::gguf::keys::{CLIP_MEAN, CLIP_STD};

/// What has no effect in `Qwen2VLImageProcessor`.
const OWN: &[Known] = &[
    Known::without_effect(
        &["crop_size", "default_to_square", "do_center_crop", "do_pad", "pad_size"],
        "nothing is cropped",
    ),
    Known::only(&["temporal_patch_size"], &[Number(2.0)], "the tower's kernels are over pairs of frames"),
];

/// The same in the configuration of a processor.
const OUTER: &[Known] = &[Known::without_effect(
    &["image_seq_len", "video_processor"],
    "how many rows a picture has is the model's to say, and videos have settings of their own",
)];

#[derive(Debug, PartialEq)]
struct Scaled {
    least: u32,
    most: u32,
    filter: &'static str,
    factor: f64,
    mean: Vec<f32>,
    std: Vec<f32>,
}

impl Scaled {
    fn read(config: &Object, patch: u32, merge: u32) -> Result<Self, ConvertError> {
        config.known(IMAGE);
        config.known(OWN);
        const KIND: &str = "image_processor_type";
        if let Some(kind) = config.text(KIND)?.filter(|kind| {
            !["Qwen2VLImageProcessor", "Qwen2_5_VLImageProcessor", "Qwen3VLImageProcessor"]
                .iter()
                .any(|k| kind.starts_with(k))
        }) {
            return Err(config.unsupported(KIND, format!("'{kind}'"), "only 'Qwen2VLImageProcessor' is"));
        }
        for switch in ["do_resize", "do_rescale", "do_normalize"] {
            only(config, switch, true)?;
        }
        for (key, usual, wanted) in [("patch_size", 14, patch), ("merge_size", 2, merge)] {
            let got = config.count(key, 1..=u32::MAX, usual)?;
            if got != wanted {
                return Err(config.bad(key, got, format!("must be the {wanted} of vision_config")));
            }
        }
        let size = config.object("size")?;
        let pixels = |names: [&str; 2], usual: u32| -> Result<u32, ConvertError> {
            let [name, edge] = names;
            let inner = size.count(edge, 1..=u32::MAX, size.count(name, 1..=u32::MAX, usual)?)?;
            config.count(name, 1..=u32::MAX, inner)
        };
        let least = pixels(["min_pixels", "shortest_edge"], 56 * 56)?;
        let most = pixels(["max_pixels", "longest_edge"], 28 * 28 * 1280)?;
        if least > most {
            return Err(config.bad("min_pixels", least, format!("must be at most the most pixels {most}")));
        }
        let factor = config.number("rescale_factor", 1.0 / 255.0)?;
        if !(factor > 0.0 && factor.is_finite()) {
            return Err(config.bad("rescale_factor", factor, "must be above 0"));
        }
        let std = channels(config, "image_std", CLIP_STD)?;
        if let Some(zero) = std.iter().find(|std| **std <= 0.0) {
            return Err(config.bad("image_std", zero, "must be above 0"));
        }
        Ok(Self {
            least,
            most,
            filter: filter(config, 3)?,
            factor,
            mean: channels(config, "image_mean", CLIP_MEAN)?,
            std,
        })
    }
}

/// Sets the keys of a tower whose rows are squares of `merge` patches of `patch` pixels a side.
pub(crate) fn keys(inputs: &Inputs<'_>, patch: u32, merge: u32, keys: &mut Keys) -> Result<(), ConvertError> {
    let scaled = match found(inputs, OUTER, |config| Scaled::read(config, patch, merge), keys)? {
        Some(scaled) => scaled,
        None => {
            keys.note(format!(
                "no {FILE}: pictures are scaled and normalised as the class of the processor does by itself"
            ));
            Scaled::read(&Object::empty(FILE).with("patch_size", patch).with("merge_size", merge), patch, merge)?
        }
    };
    keys.set("clip.vision.image_mean", scaled.mean);
    keys.set("clip.vision.image_std", scaled.std);
    keys.set("clip.vision.image_min_pixels", scaled.least);
    keys.set("clip.vision.image_max_pixels", scaled.most);
    keys.set("ocelli.image.resize", "scale");
    keys.set("ocelli.image.filter", scaled.filter);
    keys.set("ocelli.image.rescale", MetaValue::F64(scaled.factor));
    Ok(())
}
