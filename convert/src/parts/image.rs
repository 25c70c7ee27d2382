//! How a picture becomes the tower's input, from `preprocessor_config.json`.
//!
//! The BLIP processor resizes to exactly height × width without keeping the aspect or cropping, multiplies by
//! `rescale_factor` and normalises by channel. The factor is a double there (1/255), and stays one here.

use ocelli_quant::gguf::MetaValue;
use serde_json::Value;

use super::{SIDE, only};
use crate::error::ConvertError;
use crate::families::Inputs;
use crate::json::Object;
use crate::keys::Keys;
use crate::settings::Known;
use crate::settings::Neutral::Number;

/// The file older versions write.
const FILE: &str = "preprocessor_config.json";
/// The file newer versions write, with the same object inside.
const PROCESSOR: &str = "processor_config.json";
/// CLIP's normalisation, which every BLIP uses.
const MEAN: [f64; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const STD: [f64; 3] = [0.268_629_54, 0.261_302_58, 0.275_777_11];
/// Pillow's filters by their numbers.
const FILTERS: [&str; 6] = ["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"];

/// What has no effect in an image processor's configuration.
const IMAGE: &[Known] = &[
    Known::without_effect(
        &[
            "_processor_class",
            "auto_map",
            "feature_extractor_type",
            "image_processor_type",
            "processor_class",
            "transformers_version",
        ],
        "names what saved it and what loads it",
    ),
    Known::without_effect(
        &["_valid_processor_keys", "data_format", "device", "disable_grouping", "input_data_format", "return_tensors"],
        "says how the same numbers are handed over",
    ),
    Known::without_effect(&["do_convert_rgb"], "pictures are always read as RGB"),
    Known::without_effect(&["crop_size", "default_to_square", "pad_size"], "nothing is cropped or padded"),
    Known::only(&["image_num_channels"], &[Number(3.0)], "pictures have three colours"),
];

/// What has no effect in a processor's configuration.
const PROCESSORS: &[Known] = &[
    Known::without_effect(
        &["auto_map", "processor_class", "transformers_version"],
        "names what saved it and what loads it",
    ),
    Known::without_effect(&["chat_template"], "is read where chat templates are"),
];

/// Sets the keys of a tower that takes pictures of `side` × `side`.
pub(crate) fn keys(inputs: &Inputs<'_>, side: u32, keys: &mut Keys) -> Result<(), ConvertError> {
    let config = match inputs.settings.read(inputs.source, FILE)? {
        Some(config) => Some(config),
        None => match inputs.settings.read(inputs.source, PROCESSOR)? {
            Some(outer) => {
                outer.known(PROCESSORS);
                if outer.has("image_processor") { Some(outer.object("image_processor")?) } else { None }
            }
            None => None,
        },
    };
    config.iter().for_each(|config| config.known(IMAGE));
    let given = config.is_some();
    let config = config.unwrap_or_else(|| Object::empty(FILE));
    if !given {
        keys.note(format!("no {FILE}: pictures are resized to image_size {side} with CLIP's mean and deviation"));
    }
    let kind = config.text("image_processor_type")?.unwrap_or("BlipImageProcessor");
    // IDEFICS' has one number for the size and always bicubic.
    let idefics = kind.starts_with("IdeficsImageProcessor");
    if !kind.starts_with("BlipImageProcessor") && !idefics {
        let known = "only 'BlipImageProcessor' and 'IdeficsImageProcessor' are";
        return Err(config.unsupported("image_processor_type", format!("'{kind}'"), known));
    }
    for switch in ["do_center_crop", "do_pad"] {
        only(&config, switch, false)?;
    }
    let resize = config.switch("do_resize", true)?;
    let (width, height) = match given {
        true if idefics => (config.count("image_size", 1..=SIDE, side)?, config.count("image_size", 1..=SIDE, side)?),
        true => size(&config, side)?,
        false => (side, side),
    };
    if resize && (width, height) != (side, side) {
        let rule = format!("must be the {side} x {side} of vision_config.image_size");
        return Err(config.bad("size", format!("{width} x {height}"), rule));
    }
    let filter = filter(&config)?;
    let factor = config.number("rescale_factor", 1.0 / 255.0)?;
    if !(factor > 0.0 && factor.is_finite()) {
        return Err(config.bad("rescale_factor", factor, "must be above 0"));
    }
    keys.set("clip.vision.image_mean", channels(&config, "image_mean", MEAN)?);
    let std = channels(&config, "image_std", STD)?;
    if let Some(zero) = std.iter().find(|std| **std <= 0.0) {
        return Err(config.bad("image_std", zero, "must be above 0"));
    }
    keys.set("clip.vision.image_std", std);
    keys.set("ocelli.image.resize", "square");
    keys.set("ocelli.image.size", vec![width, height]);
    keys.set("ocelli.image.filter", filter);
    keys.set("ocelli.image.do_resize", resize);
    keys.set("ocelli.image.do_rescale", config.switch("do_rescale", true)?);
    keys.set("ocelli.image.rescale", MetaValue::F64(factor));
    keys.set("ocelli.image.do_normalize", config.switch("do_normalize", true)?);
    Ok(())
}

/// Sets the keys of open_clip's evaluation transform to `side` × `side`: the shorter side by bicubic, then torchvision's
/// middle.
pub(crate) fn open_clip_keys(side: u32, keys: &mut Keys) {
    clip_keys(side, keys);
    keys.set("ocelli.image.resize", "crop");
    keys.set("ocelli.image.crop_offset", "even");
}

/// Sets the keys of pictures that room of one colour makes square before they are resized to `side` × `side`.
pub(crate) fn padded_keys(side: u32, colour: [u32; 3], keys: &mut Keys) {
    clip_keys(side, keys);
    keys.set("ocelli.image.resize", "pad");
    keys.set("ocelli.image.pad_rgb", colour.to_vec());
}

/// CLIP's numbers, and bicubic.
fn clip_keys(side: u32, keys: &mut Keys) {
    keys.set("clip.vision.image_mean", MEAN.map(|mean| mean as f32).to_vec());
    keys.set("clip.vision.image_std", STD.map(|std| std as f32).to_vec());
    keys.set("ocelli.image.size", vec![side, side]);
    keys.set("ocelli.image.filter", "bicubic");
    keys.set("ocelli.image.do_resize", true);
    keys.set("ocelli.image.do_rescale", true);
    keys.set("ocelli.image.rescale", MetaValue::F64(1.0 / 255.0));
    keys.set("ocelli.image.do_normalize", true);
}

/// Width and height: `{"height": h, "width": w}` or one number for both.
fn size(config: &Object, side: u32) -> Result<(u32, u32), ConvertError> {
    match config.get("size") {
        None => Ok((side, side)),
        Some(Value::Object(_)) => {
            let size = config.object("size")?;
            for (key, _) in size.entries() {
                if !["height", "width"].contains(&key.as_str()) {
                    return Err(size.unsupported(key, "given", "only height and width are"));
                }
            }
            let need = |key| match size.get(key) {
                Some(_) => size.count(key, 1..=SIDE, 0),
                None => Err(size.bad(key, "missing", "size needs height and width")),
            };
            Ok((need("width")?, need("height")?))
        }
        Some(_) => {
            let both = config.count("size", 1..=SIDE, side)?;
            Ok((both, both))
        }
    }
}

fn filter(config: &Object) -> Result<&'static str, ConvertError> {
    let number = config.integer("resample")?.unwrap_or(3);
    let found = usize::try_from(number).ok().and_then(|number| FILTERS.get(number));
    found.copied().ok_or_else(|| config.bad("resample", number, "must be one of Pillow's filters 0..=5"))
}

/// Three numbers, or one for all three channels.
fn channels(config: &Object, key: &str, default: [f64; 3]) -> Result<Vec<f32>, ConvertError> {
    let values: Vec<f64> = match config.get(key) {
        None => default.to_vec(),
        Some(Value::Array(items)) => {
            let numbers: Option<Vec<f64>> = items.iter().map(Value::as_f64).collect();
            let Some(numbers) = numbers.filter(|numbers| numbers.len() == 3) else {
                return Err(config.bad(key, format!("a list of {}", items.len()), "must be 3 numbers"));
            };
            numbers
        }
        Some(_) => vec![config.number(key, 0.0)?; 3],
    };
    if let Some(bad) = values.iter().find(|value| !(**value as f32).is_finite()) {
        return Err(config.bad(key, bad, "must be finite"));
    }
    Ok(values.iter().map(|value| *value as f32).collect())
}
