//! How a picture becomes the tower's input, from `preprocessor_config.json`.
//!
//! CLIP's processor resizes the shorter side and cuts the middle out, LLaVA's can make a picture square by room of the mean's
//! colour before that, and LLaVA-NeXT's makes tiles beside the whole.
//!
//! The BLIP processor resizes to exactly height × width without keeping the aspect or cropping, multiplies by
//! `rescale_factor` and normalises by channel. The factor is a double there (1/255), and stays one here.

mod class;
mod numbers;

use ocelli_quant::gguf::MetaValue;
use serde_json::Value;

use super::{SIDE, only};
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::settings::Neutral::{Number, Switch};
use crate::settings::{Inputs, Known, Object};
pub(crate) use class::Class;
use numbers::numbers;
pub(crate) use numbers::{HALF, channels, filter};
use ocelli_quant::gguf::keys::{CLIP_MEAN, CLIP_STD, TILES};

/// The file older versions write.
pub(super) const FILE: &str = "preprocessor_config.json";
/// The file of a processor of videos.
const VIDEO: &str = "video_preprocessor_config.json";
/// The file newer versions write, with the same object inside.
pub(super) const PROCESSOR: &str = "processor_config.json";

/// What has no effect in an image processor's configuration.
pub(super) const IMAGE: &[Known] = &[
    Known::without_effect(
        &[
            "_processor_class",
            "auto_map",
            "feature_extractor_type",
            "image_processor_type",
            "processor_class",
            "transformers_version",
            "video_processor_type",
        ],
        "names what saved it and what loads it",
    ),
    Known::without_effect(
        &["do_sample_frames", "fps", "num_frames", "return_metadata", "video_metadata"],
        "which frames of a video are shown is the caller's to say",
    ),
    Known::without_effect(
        &["_valid_processor_keys", "data_format", "device", "disable_grouping", "input_data_format", "return_tensors"],
        "says how the same numbers are handed over",
    ),
    Known::without_effect(&["do_convert_rgb"], "pictures are always read as RGB"),
    Known::only(&["image_num_channels"], &[Number(3.0)], "pictures have three colours"),
];

/// The same where the picture is stretched.
const STRETCHED: &[Known] =
    &[Known::without_effect(&["crop_size", "default_to_square", "pad_size"], "nothing is cropped or padded")];

/// The same of CLIP's kind.
const CUT: &[Known] = &[Known::without_effect(&["default_to_square", "pad_size"], "the tower takes squares")];

/// The same of mPLUG-Owl's.
const OWL: &[Known] =
    &[Known::without_effect(&["do_center_crop", "do_pad"], "the class resizes to both sides at once")];

/// The same of Gemma 3's.
const GEMMA: &[Known] = &[
    Known::only(&["do_pan_and_scan"], &[Switch(false)], "a picture is shown whole"),
    Known::without_effect(
        &["pan_and_scan_max_num_crops", "pan_and_scan_min_crop_size", "pan_and_scan_min_ratio_to_activate"],
        "a picture is shown whole",
    ),
];

/// What has no effect in the configuration of a processor whose videos are no more than pictures.
const CLIPS: &[Known] = &[Known::without_effect(&["video_processor"], "videos are shown frame by frame, as pictures")];

/// The same of InternVL's.
const CLOSEST: &[Known] =
    &[Known::without_effect(&["crop_to_patches"], "the processor around it always has pictures cut")];

/// What has no effect in a processor's configuration.
pub(super) const PROCESSORS: &[Known] = &[
    Known::without_effect(
        &["auto_map", "processor_class", "transformers_version"],
        "names what saved it and what loads it",
    ),
    Known::without_effect(&["chat_template"], "is read where chat templates are"),
    Known::without_effect(
        &["image_token", "num_additional_image_tokens"],
        "how many rows a picture has is the model's to say, and that is how many stand in a prompt",
    ),
];

/// How a picture of any shape comes to have the tower's.
#[derive(Debug, Clone, PartialEq)]
enum Fit {
    Stretch,
    Crop,
    Pad(Vec<u32>),
}

/// Sizes that pictures are cut into tiles from, height before width as transformers has them.
pub(crate) type Grid = Vec<[u32; 2]>;

/// What an image processor does.
#[derive(Debug, Clone, PartialEq)]
struct Processor {
    size: (u32, u32),
    fit: Fit,
    /// Of [`Class::Tiles`], where the file says.
    grid: Option<Grid>,
    /// Of [`Class::Closest`]: fewest and most tiles.
    tiles: Option<[u32; 2]>,
    filter: &'static str,
    resize: bool,
    rescale: bool,
    factor: f64,
    normalize: bool,
    mean: Vec<f32>,
    std: Vec<f32>,
}

/// Sets the keys of a tower that takes pictures of `side` × `side`; `class` is the processor's where no file says it. What is
/// given back is the grid of tiles that the processor has, where it says.
pub(crate) fn keys(
    inputs: &Inputs<'_>,
    class: Class,
    side: u32,
    keys: &mut Keys,
) -> Result<Option<Grid>, ConvertError> {
    let videos = class == Class::BlipVideo;
    let video = if videos { inputs.settings.read(inputs.source, VIDEO)? } else { None };
    let older = match video {
        // Where both are there, the processor is loaded from this one.
        Some(video) => Some(video),
        None => inputs.settings.read(inputs.source, FILE)?,
    };
    let outer = inputs.settings.read(inputs.source, PROCESSOR)?;
    if let Some(outer) = &outer {
        outer.known(PROCESSORS);
        if class == Class::Closest {
            outer.known(CLIPS);
        }
    }
    let inner = if videos { "video_processor" } else { "image_processor" };
    let newer = match &outer {
        Some(outer) if outer.has(inner) => Some(outer.object(inner)?),
        _ => None,
    };
    let read = |config: &Option<Object>| config.as_ref().map(|config| Processor::read(config, class, side)).transpose();
    let found = match (read(&older)?, read(&newer)?) {
        // Only versions from 5.0 on write the newer one, and they read it first.
        (Some(older), Some(newer)) if older != newer => {
            keys.note(format!("{PROCESSOR} has another image_processor than {FILE}, which is not taken"));
            Some(newer)
        }
        (older, newer) => newer.or(older),
    };
    let processor = match found {
        Some(processor) => processor,
        None => {
            let how = if class == Class::Clip { ", shorter side first and the middle cut out," } else { "" };
            let whose = if class == Class::Gemma { "0.5 as" } else { "CLIP's" };
            keys.note(format!(
                "no {FILE}: pictures are resized to image_size {side}{how} with {whose} mean and deviation"
            ));
            let none = Object::empty(FILE).with("size", side);
            let none = if class.cuts() { none.with("crop_size", side) } else { none.with("image_size", side) };
            Processor::read(&none, class, side)?
        }
    };
    Ok(processor.keys(keys))
}

impl Processor {
    fn read(config: &Object, class: Class, side: u32) -> Result<Self, ConvertError> {
        config.known(IMAGE);
        let class = Class::of(config, class)?;
        config.known(if class.cuts() { CUT } else { STRETCHED });
        if class == Class::Owl {
            config.known(OWL);
        } else if !class.cuts() {
            for switch in ["do_center_crop", "do_pad"] {
                only(config, switch, false)?;
            }
        }
        if class == Class::Gemma {
            config.known(GEMMA);
        }
        let (mean, std, number) = class.usual();
        let filter = filter(config, number)?;
        if class == Class::Idefics {
            // Versions before 5 do all of it whatever the file says.
            for switch in ["do_resize", "do_rescale", "do_normalize"] {
                only(config, switch, true)?;
            }
            if filter != "bicubic" {
                return Err(config.unsupported("resample", format!("'{filter}'"), "only bicubic is"));
            }
        }
        let resize = config.switch("do_resize", true)?;
        let mean = channels(config, "image_mean", mean)?;
        let (size, fit) = if class.cuts() {
            ((side, side), cut(config, class, side)?)
        } else {
            (size(config, class, side)?, Fit::Stretch)
        };
        if resize && size != (side, side) {
            let rule = format!("must be the {side} x {side} of vision_config.image_size");
            return Err(config.bad("size", format!("{} x {}", size.0, size.1), rule));
        }
        let factor = config.number("rescale_factor", 1.0 / 255.0)?;
        if !(factor > 0.0 && factor.is_finite()) {
            return Err(config.bad("rescale_factor", factor, "must be above 0"));
        }
        let std = channels(config, "image_std", std)?;
        if let Some(zero) = std.iter().find(|std| **std <= 0.0) {
            return Err(config.bad("image_std", zero, "must be above 0"));
        }
        let grid = if class == Class::Tiles { grid(config)? } else { None };
        let tiles = if class == Class::Closest { Some(tiles(config)?) } else { None };
        Ok(Self {
            size,
            fit,
            grid,
            tiles,
            filter,
            // Tiles are resized in any case, and then have the tower's size.
            resize: resize || matches!(class, Class::Tiles | Class::Closest),
            rescale: config.switch("do_rescale", true)?,
            factor,
            normalize: config.switch("do_normalize", true)?,
            mean,
            std,
        })
    }

    fn keys(self, keys: &mut Keys) -> Option<Grid> {
        keys.set("clip.vision.image_mean", self.mean);
        keys.set("clip.vision.image_std", self.std);
        match self.fit {
            Fit::Stretch => keys.set("ocelli.image.resize", "square"),
            Fit::Crop => {
                keys.set("ocelli.image.resize", "crop");
                keys.set("ocelli.image.crop_offset", "floor");
            }
            Fit::Pad(colour) => {
                keys.set("ocelli.image.resize", "pad");
                keys.set("ocelli.image.pad_rgb", colour);
            }
        }
        if let Some([least, most]) = self.tiles {
            keys.set("clip.vision.preproc_min_tiles", least);
            keys.set("clip.vision.preproc_max_tiles", most);
        }
        keys.set("ocelli.image.size", vec![self.size.0, self.size.1]);
        keys.set("ocelli.image.filter", self.filter);
        keys.set("ocelli.image.do_resize", self.resize);
        keys.set("ocelli.image.do_rescale", self.rescale);
        keys.set("ocelli.image.rescale", MetaValue::F64(self.factor));
        keys.set("ocelli.image.do_normalize", self.normalize);
        self.grid
    }
}

/// How a processor of CLIP's kind fits pictures into a tower of `side`.
fn cut(config: &Object, class: Class, side: u32) -> Result<Fit, ConvertError> {
    let told = config.switch("do_pad", class == Class::Tiles)?;
    let pads = if let Class::Llava { pads } = class { pads } else { told };
    let crops = config.switch("do_center_crop", true)?;
    let length = |key: &str| -> Result<(u32, bool), ConvertError> {
        if !matches!(config.get(key), Some(Value::Object(_))) {
            // One number is the shorter side of `size`, and both of `crop_size`.
            return Ok((config.count(key, 1..=SIDE, 224)?, key == "size"));
        }
        let size = config.object(key)?;
        if key == "size" && size.has("shortest_edge") {
            return Ok((size.count("shortest_edge", 1..=SIDE, 224)?, true));
        }
        let (width, height) = (size.count("width", 1..=SIDE, 224)?, size.count("height", 1..=SIDE, 224)?);
        if width == height {
            return Ok((width, false));
        }
        Err(config.bad(key, format!("{width} x {height}"), "must be a square"))
    };
    let (resized, shortest) = length("size")?;
    // As the class has it of KOSMOS-2.
    let shortest = shortest && !config.switch("use_square_size", false)?;
    let (cropped, _) = length("crop_size")?;
    for (key, got) in [("size", resized), ("crop_size", cropped)] {
        if got != side && (key == "size" || crops || class == Class::Tiles) {
            return Err(config.bad(key, got, format!("must be the {side} of vision_config.image_size")));
        }
    }
    if matches!(class, Class::Tiles | Class::Llava { pads: false }) {
        // `do_pad` fills a batch up there; the whole is stretched whatever the sizes are called.
        return Ok(Fit::Stretch);
    }
    if !crops && shortest && !pads {
        return Err(config.unsupported("do_center_crop", false, "only true is, where the shorter side is resized"));
    }
    Ok(if pads {
        let mean = numbers(config, "image_mean", CLIP_MEAN)?;
        if mean.iter().any(|mean| !(0.0..=1.0).contains(mean)) {
            return Err(config.bad(
                "image_mean",
                format!("{mean:?}"),
                "must be in 0..=1 where it is the padding's colour",
            ));
        }
        let colour = mean.iter().map(|mean| (mean * 255.0) as u32).collect();
        Fit::Pad(colour)
    } else if shortest {
        Fit::Crop
    } else {
        Fit::Stretch
    })
}

/// Fewest and most tiles of a picture. That they are cut at all is the processor's to say, and it always does.
fn tiles(config: &Object) -> Result<[u32; 2], ConvertError> {
    config.known(CLOSEST);
    let least = config.count("min_patches", 1..=TILES, 1)?;
    let most = config.count("max_patches", 1..=TILES, 12)?;
    if least > most {
        return Err(config.bad("min_patches", least, format!("must be at most max_patches {most}")));
    }
    Ok([least, most])
}

/// Most sizes of a grid, and the longest side.
const SIZES: usize = 64;
const LONGEST: u32 = 1 << 14;

/// The sizes that pictures are cut into tiles from, where a configuration has them.
pub(crate) fn grid(config: &Object) -> Result<Option<Grid>, ConvertError> {
    const KEY: &str = "image_grid_pinpoints";
    let sizes = match config.whole(KEY) {
        None => return Ok(None),
        Some(Value::Array(sizes)) => sizes,
        Some(other) => return Err(config.mismatch(KEY, "a list of pairs of numbers", other)),
    };
    let one = |size: &Value| -> Option<[u32; 2]> {
        let length = |at: usize| u32::try_from(size.get(at)?.as_u64()?).ok().filter(|l| (1..=LONGEST).contains(l));
        (size.as_array()?.len() == 2).then_some([length(0)?, length(1)?])
    };
    let grid: Option<Grid> = sizes.iter().map(one).collect();
    grid.filter(|grid| (1..=SIZES).contains(&grid.len())).map(Some).ok_or_else(|| {
        let rule = format!("must be 1 to {SIZES} pairs of numbers up to {LONGEST}");
        config.bad(KEY, Value::from(sizes.clone()), rule)
    })
}

/// Refuses a processor whose setting is another than the model's.
pub(crate) fn same_as_model(inputs: &Inputs<'_>, key: &str, wanted: u32) -> Result<(), ConvertError> {
    let Some(outer) = inputs.settings.read(inputs.source, PROCESSOR)? else { return Ok(()) };
    match outer.integer(key)? {
        Some(got) if got != u64::from(wanted) => Err(outer.bad(key, got, format!("but config.json says {wanted}"))),
        _ => Ok(()),
    }
}

/// A number of the processor's own configuration.
pub(crate) fn number_of_processor(
    inputs: &Inputs<'_>,
    key: &str,
    range: std::ops::RangeInclusive<u32>,
    default: u32,
) -> Result<u32, ConvertError> {
    let outer = inputs.settings.read(inputs.source, PROCESSOR)?;
    outer.map_or(Ok(default), |outer| outer.count(key, range, default))
}

/// Refuses a processor that counts other rows of a tower than the model reads.
pub(crate) fn same_strategy(inputs: &Inputs<'_>, wanted: &str) -> Result<(), ConvertError> {
    const KEY: &str = "vision_feature_select_strategy";
    let Some(outer) = inputs.settings.read(inputs.source, PROCESSOR)? else { return Ok(()) };
    match outer.text(KEY)? {
        Some(got) if got != wanted => Err(outer.bad(KEY, got, format!("but config.json says {wanted}"))),
        _ => Ok(()),
    }
}

/// Sets the keys of open_clip's evaluation transform to `side` × `side`: the shorter side by bicubic, then torchvision's
/// middle.
pub(crate) fn open_clip_keys(side: u32, keys: &mut Keys) {
    clip_keys(side, keys);
    keys.set("ocelli.image.resize", "crop");
    keys.set("ocelli.image.crop_offset", "even");
}

/// Sets the keys of pictures that are resized to exactly `side` × `side`.
pub(crate) fn square_keys(side: u32, keys: &mut Keys) {
    clip_keys(side, keys);
    keys.set("ocelli.image.resize", "square");
}

/// Sets the keys of pictures that room of one colour makes square before they are resized to `side` × `side`.
pub(crate) fn padded_keys(side: u32, colour: [u32; 3], keys: &mut Keys) {
    clip_keys(side, keys);
    keys.set("ocelli.image.resize", "pad");
    keys.set("ocelli.image.pad_rgb", colour.to_vec());
}

/// CLIP's numbers, and bicubic.
fn clip_keys(side: u32, keys: &mut Keys) {
    keys.set("clip.vision.image_mean", CLIP_MEAN.map(|mean| mean as f32).to_vec());
    keys.set("clip.vision.image_std", CLIP_STD.map(|std| std as f32).to_vec());
    keys.set("ocelli.image.size", vec![side, side]);
    keys.set("ocelli.image.filter", "bicubic");
    keys.set("ocelli.image.do_resize", true);
    keys.set("ocelli.image.do_rescale", true);
    keys.set("ocelli.image.rescale", MetaValue::F64(1.0 / 255.0));
    keys.set("ocelli.image.do_normalize", true);
}

/// Width and height: `{"height": h, "width": w}` or one number for both; IDEFICS' number is `image_size`, which newer
/// versions repeat as `size`.
fn size(config: &Object, class: Class, side: u32) -> Result<(u32, u32), ConvertError> {
    let size = match config.get("size") {
        None => None,
        Some(Value::Object(_)) => {
            let size = config.object("size")?;
            for key in ["shortest_edge", "longest_edge", "max_height", "max_width"] {
                if size.has(key) {
                    return Err(size.unsupported(key, "given", "only height and width are"));
                }
            }
            let need = |key| match size.has(key) {
                true => size.count(key, 1..=SIDE, 0),
                false => Err(size.bad(key, "missing", "size needs height and width")),
            };
            Some((need("width")?, need("height")?))
        }
        Some(_) => {
            let both = config.count("size", 1..=SIDE, side)?;
            Some((both, both))
        }
    };
    if class != Class::Idefics || !config.has("image_size") {
        return Ok(size.unwrap_or((side, side)));
    }
    let number = config.count("image_size", 1..=SIDE, side)?;
    match size {
        Some(size) if size != (number, number) => {
            let rule = format!("but image_size is {number}: versions do not agree which decides");
            Err(config.bad("size", format!("{} x {}", size.0, size.1), rule))
        }
        _ => Ok((number, number)),
    }
}
