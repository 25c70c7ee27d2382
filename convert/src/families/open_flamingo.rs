//! OpenFlamingo (Awadalla et al. 2023), whose release is only what was trained: resampler, gated layers and the embeddings
//! of a tokenizer that has more tokens. Language model and CLIP are where they were taken from.
//!
//! The non-obvious thing: the adapter's tensors under `lang_encoder.` have the language model's names behind that, so
//! they take the place of its own. The embedding has as many rows as the tokenizer then has tokens, which may be fewer
//! than the language model's. Sizes that the class fixes are in no file; how often a gated layer comes is in the names.

use std::path::PathBuf;

use super::{Family, Inputs, Model};
use crate::checkpoint::Checkpoint;
use crate::error::{ConvertError, shown};
use crate::json::Object;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::parts::clip::Clip;
use crate::parts::gated::Gated;
use crate::parts::image;
use crate::parts::language::{self, Language};
use crate::parts::resampler::Resampler;
use crate::tokenizer::{self, bpe::Added};

/// The same family as [`super::flamingo`]; no configuration names it.
pub(crate) const FAMILY: Family =
    Family { name: "flamingo", model_types: &[], read: unnamed, canonical: str::to_owned };

/// Ends an example, and generation.
const END_OF_CHUNK: &str = "<|endofchunk|>";
/// Stands at a picture's place.
const IMAGE: &str = "<image>";
/// Added where the tokenizer has no such token.
const PADDING: &str = "<PAD>";
/// The adapter's name for the language model.
const LANGUAGE: &str = "lang_encoder.";
/// A layer of the language model itself, beside the gated one.
const OWN_LAYER: &str = ".decoder_layer.";
/// A gated layer, behind the name of the layer that it stands before.
const GATED: &str = ".gated_cross_attn_layer.";
/// What old files have twice, or not trained.
const REPEATED: [&str; 3] =
    ["lang_encoder.old_decoder_blocks.", "lang_encoder.gated_cross_attn_layers.", "vision_encoder."];

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

struct Merged {
    vit: Clip,
    resampler: Resampler,
    gated: Gated,
    language: Box<dyn Language>,
}

/// The model of three sources, and all its tensors.
pub(crate) fn open(sources: &OpenFlamingo) -> Result<(Box<dyn Model>, Checkpoint), ConvertError> {
    let config = |directory: &PathBuf, hint| {
        Object::read(directory, "config.json")?.ok_or_else(|| ConvertError::FileMissing {
            file: "config.json".to_owned(),
            directory: directory.clone(),
            hint,
        })
    };
    let config_of_language = config(&sources.language, "--language is the directory of the language model")?;
    let vision = config(&sources.vision, "--vision is the directory of CLIP, such as openai/clip-vit-large-patch14")?;
    let vision = if vision.get("vision_config").is_some() { vision.object("vision_config")? } else { vision };
    let vit = Clip::read(&vision, ("hidden_size", 768), "quick_gelu")?;

    let mut adapter = Checkpoint::open_file(&sources.adapter)?;
    adapter.retain(|name| !REPEATED.iter().any(|start| name.starts_with(start)));
    adapter.rename(|name| match name.strip_prefix(LANGUAGE) {
        Some(inner) => inner.replacen(OWN_LAYER, ".", 1),
        None => name.to_owned(),
    });
    let named = language::read(&config_of_language)?;
    let embedding = format!("{}.weight", named.embedding());
    let Some(table) = adapter.get(&embedding) else {
        return Err(ConvertError::NoAdapter {
            what: format!("{LANGUAGE}{embedding}"),
            architecture: named.architecture(),
        });
    };
    // The adapter's table, not the configuration, says how many tokens there are.
    let rows = table.shape.first().copied().unwrap_or(0);
    let language = language::read(&config_of_language.with("vocab_size", rows))?;

    let sizes = Object::empty("adapter").with("cross_attn_every_n_layers", interval(&adapter, language.as_ref())?);
    let gated = Gated::open_flamingo(&sizes, vit.width, language.width(), language.layers())?;
    let resampler = Resampler::open_flamingo(&sizes, vit.width)?;
    let mut tower = Checkpoint::open(&sources.vision)?;
    tower.retain(|name| name.starts_with("vision_model."));
    let mut checkpoint = Checkpoint::open(&sources.language)?;
    for other in [tower, adapter] {
        checkpoint.overlay(other);
    }
    Ok((Box::new(Merged { vit, resampler, gated, language }), checkpoint))
}

/// After how many layers the next gated one comes: the first stands before the last of so many.
fn interval(adapter: &Checkpoint, language: &dyn Language) -> Result<u64, ConvertError> {
    let layer = |name: &str| {
        let (layer, _) = name.strip_prefix(language.blocks())?.split_once(GATED)?;
        layer.parse::<u32>().ok()
    };
    let first = adapter.names().filter_map(layer).min();
    first.map(|first| u64::from(first) + 1).ok_or_else(|| ConvertError::NoAdapter {
        what: format!("{LANGUAGE}{}…{}", language.blocks(), shown(GATED.trim_matches('.'))),
        architecture: language.architecture(),
    })
}

impl Model for Merged {
    fn architecture(&self) -> &'static str {
        self.language.architecture()
    }

    fn layout(&self) -> Layout {
        let mut layout = Layout::default();
        self.language.layout(&mut layout);
        self.vit.layout("vision_model.", &mut layout);
        self.resampler.layout("perceiver.", &mut layout);
        self.gated.layout(self.language.blocks(), &mut layout);
        layout.skip(|name| name.ends_with("rotary_emb.inv_freq") || name.ends_with(".position_ids"));
        layout.skip(|name| name.starts_with("vision_model.post_layernorm."));
        layout
    }

    fn keys(&self, inputs: &Inputs<'_>, keys: &mut Keys) -> Result<(), ConvertError> {
        self.language.keys(keys);
        self.vit.keys(keys);
        image::clip_keys(self.vit.side, keys);
        self.resampler.keys(keys);
        self.gated.keys(keys);
        let added = Added { special: &[END_OF_CHUNK, IMAGE], padding: Some(PADDING) };
        tokenizer::bpe::keys_with(inputs.tokenizer, self.language.vocabulary(), added, keys)?;
        let (end, image) = (tokenizer::required(keys, END_OF_CHUNK)?, tokenizer::required(keys, IMAGE)?);
        keys.set("ocelli.image_token", image);
        keys.set("ocelli.generation.eos_ids", vec![end]);
        Ok(())
    }
}

/// A directory alone is never such a model.
fn unnamed(config: &Object) -> Result<Box<dyn Model>, ConvertError> {
    Err(config.unsupported("model_type", "an adapter", "it is converted with its language model and CLIP"))
}
