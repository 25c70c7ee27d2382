//! LLaVA as its own repository saves it (Liu et al. 2023): a language model's directory whose configuration has the keys of
//! the bridge beside its own, and CLIP where it was taken from.
//!
//! What was trained may also lie beside the language model: as a delta to the weights it began with, as a projector's file, or
//! as an adapter of low rank with the projector in a file of its own. Each is merged as it is read.
//!
//! The non-obvious thing: an adapter's and a projector's directory have the configuration of the whole model, and that of the
//! language model is not asked.

use std::path::{Path, PathBuf};

use super::super::{Model, open_flamingo};
use super::{Seen, Tiles, check_grid, features};
use crate::checkpoint::Checkpoint;
use crate::error::{ConvertError, shown};
use crate::keys::Keys;
use crate::layout::Layout;
use crate::parts::clip::Clip;
use crate::parts::language::{self, Language};
use crate::parts::{conversations, generation, image, lora};
use crate::settings::Neutral::Switch;
use crate::settings::{Inputs, Known, Object, Settings};
use crate::tokenizer;
use ocelli_quant::gguf::keys::WIDTH;

/// Where the parts of a LLaVA of the original repository lie.
#[derive(Debug, Clone)]
pub struct Original {
    /// The directory of the language model, or of all that was trained: llava-v1.5-7b, or vicuna-7b-v1.5 beside the others.
    pub language: PathBuf,
    /// The directory of CLIP as transformers saves it: openai/clip-vit-large-patch14-336.
    pub vision: PathBuf,
    /// The directory of the LLaMA that the language model is a delta to.
    pub base: Option<PathBuf>,
    /// `mm_projector.bin`, where the projector was trained alone.
    pub projector: Option<PathBuf>,
    /// The directory of an adapter: adapter_model, adapter_config.json, non_lora_trainables.bin.
    pub lora: Option<PathBuf>,
    /// The conversation that it was trained on; `None` follows the language model: `mistral_instruct` for Mistral's,
    /// `mpt` for MPT's, and else `vicuna_v1`.
    pub conversation: Option<String>,
}

impl Original {
    /// The directories among them.
    pub(crate) fn directories(&self) -> Vec<&Path> {
        let more = [&self.base, &self.lora].into_iter().flatten();
        [&self.language, &self.vision].into_iter().chain(more).map(PathBuf::as_path).collect()
    }
}

/// What has no effect among the keys of the bridge.
const BRIDGE: &[Known] = &[
    Known::without_effect(
        &[
            "freeze_mm_mlp_adapter",
            "freeze_mm_vision_resampler",
            "mm_projector_lr",
            "mm_vision_select_layer_train",
            "mm_vision_tower_lr",
            "pretrain_mm_mlp_adapter",
            "sep_image_conv_front",
            "tune_mm_mlp_adapter",
            "tune_mm_vision_resampler",
            "unfreeze_mm_vision_tower",
        ],
        "only training reads it",
    ),
    Known::without_effect(
        &["mm_use_im_patch_token", "mm_resampler_type", "use_mm_proj"],
        "names what was put together, which is given here",
    ),
    Known::without_effect(
        &["image_crop_resolution", "image_split_resolution"],
        "the class reads none of them where tiles have the tower's size",
    ),
    Known::without_effect(
        &["tokenizer_model_max_length", "tokenizer_padding_side"],
        "a prompt is not cut here, nor padded",
    ),
    Known::only(&["s2"], &[Switch(false)], "the tower sees one scale"),
];

/// Names of the bridge's tensors.
const PROJECTOR: &str = "model.mm_projector";
const NEWLINE: &str = "model.image_newline";
/// What a tower within a checkpoint has before CLIP's names.
const TOWER: &str = "model.vision_tower.vision_tower.";
/// What the tower is called, now and in the first releases.
const TOWERS: [&str; 2] = ["mm_vision_tower", "vision_tower"];
/// The side of OpenAI's pictures, where the name of a tower has none.
const SIDE: u32 = 224;
/// Most layers of a projector.
const LAYERS: u32 = 64;

struct Merged {
    seen: Seen,
    projector: Vec<String>,
    language: Box<dyn Language>,
    text: Object,
    /// How pictures that are not square are fitted: `pad` or not.
    pads: bool,
    vision: PathBuf,
    conversation: String,
    /// What stands for a picture in a conversation.
    mark: &'static str,
    notes: Vec<String>,
}

/// The model of all sources, and its tensors.
pub(crate) fn open(sources: &Original, settings: &Settings) -> Result<(Box<dyn Model>, Checkpoint), ConvertError> {
    let mut notes = Vec::new();
    let config = config(sources, settings, &mut notes)?;
    config.known(BRIDGE);
    let text = language_of(&config)?;
    let language = language::decoder(&text)?;
    let hint = "--vision is the directory of CLIP, such as openai/clip-vit-large-patch14-336";
    let missing = |directory: &Path| ConvertError::FileMissing {
        file: "config.json".to_owned(),
        directory: directory.to_owned(),
        hint,
    };
    let vision = settings.read(&sources.vision, "config.json")?.ok_or_else(|| missing(&sources.vision))?;
    let vit = Clip::read(&open_flamingo::tower(vision)?, ("hidden_size", 768), "quick_gelu")?;
    same_tower(&config, &vit)?;
    let checkpoint = weights(sources, settings, &mut notes)?;
    let projector = projector(&config, &checkpoint)?;
    let seen = seen(&config, vit, projector.len(), language.facts().width)?;
    let pads = match config.text("image_aspect_ratio")? {
        Some("pad") => true,
        None | Some("square" | "anyres") => false,
        Some(other) => {
            let known = "only 'square', 'pad' and 'anyres' are";
            return Err(config.unsupported("image_aspect_ratio", format!("'{}'", shown(other)), known));
        }
    };
    let mark = if config.switch("mm_use_im_start_end", false)? { "<im_start><image><im_end>\n" } else { "<image>\n" };
    let conversation = sources.conversation.clone().unwrap_or_else(|| {
        let mistral = config.text("model_type").ok().flatten().is_some_and(|kind| kind.contains("mistral"));
        let name = match language.facts().architecture {
            "mpt" => "mpt",
            _ if mistral => "mistral_instruct",
            _ => "vicuna_v1",
        };
        notes.push(format!("conversations are those of {name}, unless another is named"));
        name.to_owned()
    });
    let vision = sources.vision.clone();
    let model = Merged { seen, projector, language, text, pads, vision, conversation, mark, notes };
    Ok((Box::new(model), checkpoint))
}

/// The configuration of the whole model.
fn config(sources: &Original, settings: &Settings, notes: &mut Vec<String>) -> Result<Object, ConvertError> {
    let beside = sources.projector.as_deref().and_then(Path::parent);
    for directory in sources.lora.as_deref().into_iter().chain(beside) {
        if let Some(config) = settings.read(directory, "config.json")? {
            return Ok(config);
        }
    }
    if sources.projector.is_some() || sources.lora.is_some() {
        notes.push("no config.json beside what was trained: that of the language model is taken".to_owned());
    }
    settings.read(&sources.language, "config.json")?.ok_or_else(|| ConvertError::FileMissing {
        file: "config.json".to_owned(),
        directory: sources.language.clone(),
        hint: "--language is the directory of the language model",
    })
}

/// The language model's configuration: the same, by the name of the language model alone.
fn language_of(config: &Object) -> Result<Object, ConvertError> {
    Ok(match config.text("model_type")? {
        Some("llava" | "llava_llama") => config.with("model_type", "llama"),
        Some("llava_mistral") => config.with("model_type", "mistral"),
        Some("llava_mpt") => config.with("model_type", "mpt"),
        _ => config.clone(),
    })
}

/// Refuses a tower of other sizes than those in the name of the one that the model was trained with; its width would not tell
/// them apart.
fn same_tower(config: &Object, vit: &Clip) -> Result<(), ConvertError> {
    for key in TOWERS {
        let Some(name) = config.text(key)? else { continue };
        let Some((patch, side)) = named_sizes(name) else {
            config.note(key, shown(name), "it names no sizes, and the tower is the one of --vision");
            continue;
        };
        if (patch, side) != (vit.patch, vit.side) {
            let rule = format!(
                "which has pictures of {side} and patches of {patch}, but that of --vision has {} and {}",
                vit.side, vit.patch
            );
            return Err(config.bad(key, name, rule));
        }
    }
    Ok(())
}

/// Patch and side in the name of one of OpenAI's towers: 14 and 336 of `openai/clip-vit-large-patch14-336`.
fn named_sizes(name: &str) -> Option<(u32, u32)> {
    let (_, behind) = name.trim_end_matches('/').rsplit('/').next()?.split_once("clip-vit-")?;
    let mut numbers = behind.split_once("-patch")?.1.split('-').map(str::parse);
    let patch = numbers.next()?.ok()?;
    Some((patch, numbers.next().unwrap_or(Ok(SIDE)).ok()?))
}

/// What stands between the tower and the language model.
fn seen(config: &Object, vit: Clip, layers: usize, width: u32) -> Result<Seen, ConvertError> {
    let drops_class = match config.text("mm_vision_select_feature")? {
        None | Some("patch") => true,
        Some("cls_patch") => false,
        Some(other) => {
            let known = "only 'patch' and 'cls_patch' are";
            return Err(config.unsupported("mm_vision_select_feature", format!("'{}'", shown(other)), known));
        }
    };
    let features = features(config, "mm_vision_select_layer", vit.layers)?;
    let inputs = vit.width * features.len() as u32;
    let told = config.count("mm_hidden_size", 1..=WIDTH, inputs)?;
    if told != inputs {
        return Err(config.bad("mm_hidden_size", told, format!("but the tower's rows are {inputs} wide")));
    }
    if layers == 0 && inputs != width {
        return Err(config.bad("mm_projector_type", "identity", format!("{inputs} is not the width {width}")));
    }
    let merge = match config.text("mm_patch_merge_type")? {
        None | Some("flat") => "flat",
        Some("spatial") => "spatial",
        Some("spatial_unpad") => "spatial_unpad",
        Some(other) => {
            let known = "only 'flat', 'spatial' and 'spatial_unpad' are";
            return Err(config.unsupported("mm_patch_merge_type", format!("'{}'", shown(other)), known));
        }
    };
    let anyres = config.text("image_aspect_ratio")? == Some("anyres");
    let grid = image::grid(config)?;
    let tiles = match grid.filter(|_| anyres) {
        Some(sizes) => {
            check_grid(config, &sizes, vit.side)?;
            // Width comes before height in this repository, too.
            Some(Tiles { sizes, merge, unpad: "floor" })
        }
        None if anyres => {
            return Err(config.bad("image_grid_pinpoints", "missing", "'anyres' needs the list of sizes"));
        }
        None => None,
    };
    if tiles.is_some() && !drops_class {
        return Err(config.unsupported("mm_vision_select_feature", "'cls_patch'", "only 'patch' is beside tiles"));
    }
    let last = features.iter().copied().max().unwrap_or(vit.layers);
    let layers = layers as u32;
    Ok(Seen { vit: vit.first(last), features, drops_class, layers, act: "gelu", bias: true, tiles })
}

/// The names of the projector's layers.
fn projector(config: &Object, checkpoint: &Checkpoint) -> Result<Vec<String>, ConvertError> {
    const KEY: &str = "mm_projector_type";
    let stack = |layers: u32| (0..layers).map(|layer| format!("{PROJECTOR}.{}", 2 * layer)).collect();
    let Some(kind) = config.text(KEY)? else {
        // A language model's own configuration does not say; the class that is asked then is linear.
        let layers =
            (0..LAYERS).take_while(|layer| checkpoint.get(&format!("{PROJECTOR}.{}.weight", 2 * layer)).is_some());
        let layers = layers.count() as u32;
        return Ok(if layers == 0 { vec![PROJECTOR.to_owned()] } else { stack(layers) });
    };
    if kind == "linear" {
        return Ok(vec![PROJECTOR.to_owned()]);
    }
    if kind == "identity" {
        return Ok(Vec::new());
    }
    let layers = kind.strip_prefix("mlp").and_then(|rest| rest.strip_suffix("x_gelu"));
    match layers.and_then(|layers| layers.parse().ok()).filter(|layers| (1..=LAYERS).contains(layers)) {
        Some(layers) => Ok(stack(layers)),
        None => {
            let known = "only 'linear', 'mlp2x_gelu' and its kind, and 'identity' are";
            Err(config.unsupported(KEY, format!("'{}'", shown(kind)), known))
        }
    }
}

/// All tensors by the language model's and CLIP's names, what was trained in the place of what it was trained from.
fn weights(sources: &Original, settings: &Settings, notes: &mut Vec<String>) -> Result<Checkpoint, ConvertError> {
    let own = |name: &str| {
        name.starts_with(PROJECTOR)
            || name.starts_with(TOWER)
            || name == NEWLINE
            || name.ends_with("rotary_emb.inv_freq")
    };
    let mut language = Checkpoint::open(&sources.language)?;
    if let Some(base) = &sources.base {
        let mut base = Checkpoint::open(base)?;
        base.retain(|name| !name.ends_with("rotary_emb.inv_freq"));
        language.add_base(base, own)?;
        notes.push("the language model is a delta, to which the weights of --base were added".to_owned());
    }
    if let Some(lora) = &sources.lora {
        if let Some(more) = lora::beside(lora)? {
            language.overlay(more);
        }
        let changed = lora::merge(lora, settings, &mut language)?;
        notes.push(format!("{changed} matrices have the changes of low rank of --lora"));
    }
    if let Some(projector) = &sources.projector {
        let mut trained = Checkpoint::open_file(projector)?;
        trained.rename(lora::unwrapped);
        language.overlay(trained);
    }
    let mut checkpoint = Checkpoint::open(&sources.vision)?;
    checkpoint.rename(open_flamingo::in_clip);
    checkpoint.retain(|name| name.starts_with("vision_model."));
    if language.names().any(|name| name.starts_with(TOWER)) {
        notes.push("the tower is that of the checkpoint, which was trained along".to_owned());
        language.rename(|name| name.strip_prefix(TOWER).unwrap_or(name).to_owned());
    }
    checkpoint.overlay(language);
    Ok(checkpoint)
}

impl Model for Merged {
    fn architecture(&self) -> &'static str {
        self.language.facts().architecture
    }

    fn layout(&self) -> Layout {
        let mut layout = Layout::default();
        self.language.layout("", &mut layout);
        self.seen.layout("vision_model.", &self.projector, NEWLINE, self.language.facts().width, &mut layout);
        layout.skip(|name| name.ends_with("rotary_emb.inv_freq") || name.ends_with(".position_ids"));
        if self.seen.tiles.as_ref().is_none_or(|tiles| tiles.merge != "spatial_unpad") {
            // It may have been made and never be read.
            layout.skip(|name| name == NEWLINE);
        }
        layout
    }

    fn keys(&self, inputs: &Inputs<'_>, keys: &mut Keys) -> Result<(), ConvertError> {
        self.notes.iter().for_each(|note| keys.note(note.clone()));
        let facts = self.language.facts();
        self.language.keys(keys);
        // Pictures are prepared as CLIP's own directory says, but for what becomes of those that are not square.
        let vision = Inputs { source: &self.vision, tokenizer: inputs.tokenizer, settings: inputs.settings };
        let class = match (&self.seen.tiles, self.pads) {
            (Some(_), _) => image::Class::Llava { pads: false },
            (None, true) => image::Class::Llava { pads: true },
            (None, false) => image::Class::Clip,
        };
        image::keys(&vision, class, self.seen.vit.side, keys)?;
        self.seen.keys(keys);
        generation::keys(inputs, &self.text, facts.vocabulary, facts.ends, keys)?;
        // The language model is given rows in the place of the prompt's ids.
        keys.set("ocelli.generation.penalises_prompt", false);
        tokenizer::bpe::keys(inputs, facts.vocabulary, keys)?;
        conversations::keys(&self.conversation, self.mark, keys)
    }
}
