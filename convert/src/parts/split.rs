//! How Idefics3 and SmolVLM cut a picture into tiles, from `preprocessor_config.json`: resized to a longer side, then to whole
//! tiles of the tower's size, then as a whole to one.
//!
//! The non-obvious thing: only the slow processor is the models' own. The fast one of versions before 5 has no Lanczos filter and
//! takes another in its place; what is stored is the filter that the file names.

use super::image::{FILE, HALF, IMAGE, PROCESSOR, PROCESSORS, channels, filter};
use super::{SIDE, only};
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::settings::{Inputs, Known, Object};
use ocelli_quant::gguf::MetaValue;

/// Pillow's number of its Lanczos filter, which the class has where the file names none.
const LANCZOS: u64 = 1;

/// What has no effect in `Idefics3ImageProcessor` and `SmolVLMImageProcessor`.
const OWN: &[Known] = &[
    Known::without_effect(&["do_pad", "return_row_col_info"], "nothing is padded beside pictures of other sizes"),
    Known::without_effect(&["video_sampling"], "which frames of a video are shown is the caller's to say"),
    Known::without_effect(&["crop_size", "default_to_square", "pad_size"], "nothing is cropped"),
];

/// The same in the configuration of a processor.
const OUTER: &[Known] = &[Known::without_effect(
    &["image_seq_len", "video_processor"],
    "how many rows a picture has is the model's to say, and videos are no more than pictures",
)];

#[derive(Debug, PartialEq)]
struct Split {
    longest: u32,
    splits: bool,
    filter: &'static str,
    factor: f64,
    mean: Vec<f32>,
    std: Vec<f32>,
}

impl Split {
    fn read(config: &Object, side: u32) -> Result<Self, ConvertError> {
        config.known(IMAGE);
        config.known(OWN);
        if let Some(kind) = config.text("image_processor_type")? {
            let known = ["Idefics3ImageProcessor", "SmolVLMImageProcessor"];
            if !known.iter().any(|name| kind.starts_with(name)) {
                let known = "only 'Idefics3ImageProcessor' and 'SmolVLMImageProcessor' are";
                return Err(config.unsupported("image_processor_type", format!("'{kind}'"), known));
            }
        }
        for switch in ["do_resize", "do_rescale", "do_normalize"] {
            only(config, switch, true)?;
        }
        let edge = |key: &str, default: u32| -> Result<u32, ConvertError> {
            let size = config.object(key)?;
            size.count("longest_edge", 1..=SIDE, default)
        };
        let tile = edge("max_image_size", 364)?;
        if tile != side {
            let rule = format!("must be the {side} of vision_config.image_size");
            return Err(config.bad("max_image_size.longest_edge", tile, rule));
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
            longest: edge("size", 4 * 364)?,
            splits: config.switch("do_image_splitting", true)?,
            filter: filter(config, LANCZOS)?,
            factor,
            mean: channels(config, "image_mean", HALF)?,
            std,
        })
    }
}

/// What `read` makes of an image processor's configuration, be it in its own file or, from 5.0 on, in that of the processor.
pub(super) fn found<T: PartialEq>(
    inputs: &Inputs<'_>,
    own: &'static [Known],
    read: impl Fn(&Object) -> Result<T, ConvertError>,
    keys: &mut Keys,
) -> Result<Option<T>, ConvertError> {
    const INNER: &str = "image_processor";
    let outer = inputs.settings.read(inputs.source, PROCESSOR)?;
    if let Some(outer) = &outer {
        outer.known(PROCESSORS);
        outer.known(own);
    }
    let newer = match &outer {
        Some(outer) if outer.has(INNER) => Some(read(&outer.object(INNER)?)?),
        _ => None,
    };
    let older = inputs.settings.read(inputs.source, FILE)?.map(|older| read(&older)).transpose()?;
    if let (Some(newer), Some(older)) = (&newer, &older)
        && newer != older
    {
        keys.note(format!("{PROCESSOR} has another {INNER} than {FILE}, which is not taken"));
    }
    Ok(newer.or(older))
}

/// Sets the keys of a tower that takes tiles of `side` × `side`.
pub(crate) fn keys(inputs: &Inputs<'_>, side: u32, keys: &mut Keys) -> Result<(), ConvertError> {
    let split = match found(inputs, OUTER, |config| Split::read(config, side), keys)? {
        Some(split) => split,
        None => {
            keys.note(format!(
                "no {FILE}: pictures are cut into tiles of {side}, four a side, as the released models have it"
            ));
            let edge = |length: u32| serde_json::json!({ "longest_edge": length });
            let none = Object::empty(FILE).with("max_image_size", edge(side));
            Split::read(&none.with("size", edge(side.saturating_mul(4).min(SIDE))), side)?
        }
    };
    keys.set("clip.vision.image_mean", split.mean);
    keys.set("clip.vision.image_std", split.std);
    keys.set("clip.vision.preproc_image_size", split.longest);
    keys.set("ocelli.image.resize", "square");
    keys.set("ocelli.image.size", vec![side, side]);
    keys.set("ocelli.image.filter", split.filter);
    keys.set("ocelli.image.rescale", MetaValue::F64(split.factor));
    keys.set("ocelli.image.split", split.splits);
    Ok(())
}
