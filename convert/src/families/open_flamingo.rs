//! OpenFlamingo (Awadalla et al. 2023), whose release is only what was trained: resampler, gated layers and the embeddings
//! of a tokenizer that has more tokens. Language model and CLIP are where they were taken from.
//!
//! The non-obvious thing: the adapter's tensors under `lang_encoder.` have the language model's names behind that, so
//! they take the place of its own. The embedding has as many rows as the tokenizer then has tokens, which may be fewer
//! than the language model's. Sizes of resampler and gated layers are in no configuration: the tensors say them, but for how
//! wide a head is, which the class fixes.
//!
//! All of it may also lie in one directory, whose configuration is then one of ours: `model_type` `open_flamingo`,
//! `text_config` and `vision_config`; where it has sizes, they must be the tensors'. Generation ends
//! at the end of a chunk and nowhere else, as in the original's `generate`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Model;
use crate::checkpoint::Checkpoint;
use crate::error::{ConvertError, shown};
use crate::keys::Keys;
use crate::layout::Layout;
use crate::parts::clip::Clip;
use crate::parts::gated::Gated;
use crate::parts::language::{self, Language};
use crate::parts::resampler::Resampler;
use crate::parts::tasks::{self, Protocol};
use crate::parts::{generation, image, pretrained};
use crate::settings::{Inputs, Known, Object, Settings};
use crate::tokenizer::{self, bpe::Added};

/// `model_type` of a directory that holds all of a model.
pub(crate) const MODEL_TYPE: &str = "open_flamingo";

/// Ends an example, and generation.
const END_OF_CHUNK: &str = "<|endofchunk|>";
/// Stands at a picture's place.
const IMAGE: &str = "<image>";
/// Added where the tokenizer has no such token.
const PADDING: &str = "<PAD>";
/// The adapter's name for the language model.
const LANGUAGE: &str = "lang_encoder.";
/// CLIP's name for its tower.
const VISION: &str = "vision_model.";
/// Stands before the number of a resampler's layer.
const RESAMPLER: &str = "perceiver.layers.";
/// A layer of the language model itself, beside the gated one.
const OWN_LAYER: &str = ".decoder_layer.";
/// A gated layer, behind the name of the layer that it stands before.
const GATED: &str = ".gated_cross_attn_layer.";
/// What old files have twice, or not trained, behind [`LANGUAGE`].
const REPEATED: [&str; 3] = ["old_decoder_blocks.", "gated_cross_attn_layers.", "vision_encoder."];

/// Where the parts of an OpenFlamingo model lie.
#[derive(Debug, Clone)]
pub struct OpenFlamingo {
    /// The release: `checkpoint.pt`.
    pub adapter: PathBuf,
    /// The directory of the language model it was trained on: MPT, GPT-NeoX or LLaMA.
    pub language: PathBuf,
    /// The directory of CLIP as transformers saves it: openai/clip-vit-large-patch14.
    pub vision: PathBuf,
}

/// What has no effect in `CLIPConfig`.
const CLIP: &[Known] = &[Known::without_effect(
    &["logit_scale_init_value", "projection_dim", "text_config", "text_config_dict"],
    "belongs to comparing pictures and texts",
)];

struct Merged {
    vit: Clip,
    resampler: Resampler,
    gated: Gated,
    language: Box<dyn Language>,
    /// The language model's configuration.
    text: Object,
}

impl Merged {
    /// `config` has the sizes of resampler and gated layers that it says, `found` those of the tensors.
    fn new(text: Object, vision: &Object, config: &Object, found: &Object) -> Result<Self, ConvertError> {
        let language = language::decoder(&text)?;
        let vit = Clip::read(vision, ("hidden_size", 768), "quick_gelu")?;
        let resampler = Resampler::open_flamingo(config, found, vit.width)?;
        let gated = Gated::open_flamingo(config, found, vit.width, (language.facts().width, language.facts().layers))?;
        Ok(Self { vit, resampler, gated, language, text })
    }
}

/// The model of one directory.
pub(crate) fn read(config: &Object, checkpoint: &Checkpoint) -> Result<Box<dyn Model>, ConvertError> {
    pretrained::part(config, &[]);
    let (text, vision) = (config.object("text_config")?, config.object("vision_config")?);
    let found = sizes(checkpoint, language::decoder(&text)?.as_ref());
    Ok(Box::new(Merged::new(text, &vision, config, &found)?))
}

/// What the tensors say of resampler and gated layers, under the keys of a configuration.
fn sizes(checkpoint: &Checkpoint, language: &dyn Language) -> Object {
    let names: BTreeMap<String, &str> = checkpoint.names().map(|name| (canonical(name), name)).collect();
    let rows = |name: &str| Some(*checkpoint.get(names.get(name)?)?.shape.first()?);
    let number = |name: &str, start: &str, end: &str| {
        let (number, _) = name.strip_prefix(start)?.split_once(end)?;
        number.parse::<u32>().ok().map(u64::from)
    };
    let layers = names.keys().filter_map(|name| number(name, RESAMPLER, "."));
    let gated = names.keys().filter_map(|name| number(name, language.facts().blocks, GATED)).min();
    // The first gated layer stands before the last of so many.
    let layer = gated.map(|first| format!("{}{first}{GATED}", language.facts().blocks)).unwrap_or_default();
    let mut found = Object::empty("the checkpoint's tensors");
    for (key, value) in [
        ("cross_attn_every_n_layers", gated.map(|first| first + 1)),
        ("cross_attn_inner", rows(&format!("{layer}attn.to_q.weight"))),
        ("cross_attn_ffn", rows(&format!("{layer}ff.1.weight"))),
        ("resampler_depth", layers.max().map(|last| last + 1)),
        ("resampler_n_latents", rows("perceiver.latents")),
        ("resampler_inner", rows(&format!("{RESAMPLER}0.0.to_q.weight"))),
        ("resampler_ffn", rows(&format!("{RESAMPLER}0.1.1.weight"))),
        ("resampler_max_num_frames", rows("perceiver.frame_embs")),
        ("resampler_max_num_media", rows("perceiver.media_time_embs")),
    ] {
        found = value.map(|value| found.with(key, value)).unwrap_or(found);
    }
    found
}

/// The model of three sources, and all its tensors.
pub(crate) fn open(sources: &OpenFlamingo, settings: &Settings) -> Result<(Box<dyn Model>, Checkpoint), ConvertError> {
    let config = |directory: &PathBuf, hint| {
        settings.read(directory, "config.json")?.ok_or_else(|| ConvertError::FileMissing {
            file: "config.json".to_owned(),
            directory: directory.clone(),
            hint,
        })
    };
    let config_of_language = config(&sources.language, "--language is the directory of the language model")?;
    let vision = config(&sources.vision, "--vision is the directory of CLIP, such as openai/clip-vit-large-patch14")?;
    let vision = tower(vision)?;

    let mut adapter = Checkpoint::open_file(&sources.adapter)?;
    adapter.retain(|name| !repeated(name.strip_prefix(LANGUAGE).unwrap_or(name)));
    adapter.rename(unwrapped);
    let named = language::decoder(&config_of_language)?;
    let (embedding, found) = (format!("{}.weight", named.facts().embedding), sizes(&adapter, named.as_ref()));
    if !found.has("cross_attn_every_n_layers") {
        let what = format!("{LANGUAGE}{}…{}", named.facts().blocks, shown(GATED.trim_matches('.')));
        return Err(ConvertError::NoAdapter { what, architecture: named.facts().architecture });
    }
    let Some(table) = adapter.get(&embedding) else {
        let tokens = [END_OF_CHUNK, IMAGE];
        return Err(ConvertError::FrozenEmbeddings { tensor: format!("{LANGUAGE}{embedding}"), tokens });
    };
    // The adapter's table, not the configuration, says how many tokens there are.
    let rows = table.shape.first().copied().unwrap_or(0);
    let text = config_of_language.with("vocab_size", rows);
    let model = Merged::new(text, &vision, &Object::empty("adapter"), &found)?;
    let mut tower = Checkpoint::open(&sources.vision)?;
    // From transformers 5.0 on a tower saved by itself has names without what it is in CLIP.
    tower.rename(in_clip);
    tower.retain(|name| name.starts_with(VISION));
    let mut checkpoint = Checkpoint::open(&sources.language)?;
    for other in [tower, adapter] {
        checkpoint.overlay(other);
    }
    Ok((Box::new(model), checkpoint))
}

/// The tower's configuration in CLIP's, or by itself.
pub(super) fn tower(vision: Object) -> Result<Object, ConvertError> {
    if vision.has("vision_config_dict") {
        // Older files have the tower's configuration under two names; transformers takes this one and nothing of the other.
        pretrained::part(&vision, CLIP);
        vision.whole("vision_config");
        vision.object("vision_config_dict")
    } else if vision.has("vision_config") {
        pretrained::part(&vision, CLIP);
        vision.object("vision_config")
    } else {
        Ok(vision)
    }
}

/// The language model's own name for a tensor of it.
fn unwrapped(name: &str) -> String {
    match name.strip_prefix(LANGUAGE) {
        Some(inner) => inner.replacen(OWN_LAYER, ".", 1),
        None => name.to_owned(),
    }
}

/// Whether a tensor is there a second time, or is not of what was trained.
fn repeated(name: &str) -> bool {
    REPEATED.iter().any(|start| name.starts_with(start))
}

/// The plain name of a tensor, whatever stands around the model it was saved with.
fn canonical(name: &str) -> String {
    unwrapped(name.strip_prefix("module.").unwrap_or(name))
}

/// The name of a tower's tensor within CLIP.
pub(super) fn in_clip(name: &str) -> String {
    let bare =
        ["embeddings.", "encoder.", "pre_layrnorm.", "post_layernorm."].iter().any(|start| name.starts_with(start));
    if bare { format!("{VISION}{name}") } else { name.to_owned() }
}

impl Model for Merged {
    fn architecture(&self) -> &'static str {
        self.language.facts().architecture
    }

    fn layout(&self) -> Layout {
        let mut layout = Layout::default();
        self.language.layout("", &mut layout);
        self.vit.layout("vision_model.", &mut layout);
        self.resampler.layout("perceiver.", &mut layout);
        self.gated.layout(self.language.facts().blocks, &mut layout);
        layout.skip(|name| name.ends_with("rotary_emb.inv_freq") || name.ends_with(".position_ids"));
        layout.skip(|name| name.starts_with("vision_model.post_layernorm.") || repeated(name));
        layout
    }

    fn canonical(&self, name: &str) -> String {
        in_clip(&canonical(name))
    }

    fn keys(&self, inputs: &Inputs<'_>, keys: &mut Keys) -> Result<(), ConvertError> {
        self.language.keys(keys);
        self.vit.keys(keys);
        image::open_clip_keys(self.vit.side, keys);
        self.resampler.keys(keys);
        self.gated.keys(keys);
        let (vocabulary, ends) = (self.language.facts().vocabulary, self.language.facts().ends);
        generation::keys(inputs, &self.text, vocabulary, ends, keys)?;
        let added = Added { special: &[END_OF_CHUNK, IMAGE], padding: Some(PADDING), ..Added::default() };
        tokenizer::bpe::keys_with(inputs, vocabulary, added, keys)?;
        let (end, image) = (tokenizer::required(keys, END_OF_CHUNK)?, tokenizer::required(keys, IMAGE)?);
        keys.set("ocelli.image_token", image);
        // The wordings of the original's evaluation.
        keys.set("ocelli.shots.text", format!("<image>Output:{{text}}{END_OF_CHUNK}"));
        keys.set(
            "ocelli.shots.question",
            format!("<image>Question:{{question}} Short answer:{{answer}}{END_OF_CHUNK}"),
        );
        keys.set("ocelli.shots.separator", "\n");
        tasks::keys(Protocol::OpenFlamingo, self.architecture(), keys);
        // A mark without a picture would shift what all behind it look at: the original's training leaves it out of the
        // loss, and nothing says that it is not generated.
        generation::suppress(keys, &[image]);
        generation::ends_at(keys, end, true);
        Ok(())
    }
}
