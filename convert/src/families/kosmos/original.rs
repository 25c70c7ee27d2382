//! KOSMOS-2 as its makers saved it, `kosmos-2.pt` of fairseq, and models of KOSMOS-1's shape in that layout.
//!
//! The non-obvious thing: there is no configuration. The tensors say all sizes but how many heads there are, which the options
//! name or the released models' 64 numbers a head; and nothing says whether positions are sines, as in KOSMOS-2, or xPos, as
//! in KOSMOS-1, since training left the scales of the latter in both.

use std::path::PathBuf;

use super::Kosmos;
use crate::checkpoint::Checkpoint;
use crate::error::ConvertError;
use crate::families::Model;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::parts::clip::Clip;
use crate::parts::image;
use crate::parts::magneto::Magneto;
use crate::settings::{Inputs, Object};

/// Numbers a head of the released models, in tower and language model.
const HEAD: u64 = 64;
/// Places of the grid that boxes are told by.
const PLACES: u32 = 1_024;

/// A checkpoint of fairseq's with what its tensors do not say.
#[derive(Debug, Clone)]
pub struct KosmosOriginal {
    /// What was trained: `kosmos-2.pt`.
    pub checkpoint: PathBuf,
    /// Positions are xPos instead of sines.
    pub xpos: bool,
    /// Heads of the language model, where they have other than 64 numbers each.
    pub heads: Option<u32>,
    /// Heads of the tower, likewise.
    pub vision_heads: Option<u32>,
}

/// Pieces of the original's names and what transformers has in their place, the longer ones first.
const NAMES: [(&str, &str); 15] = [
    ("gpt_model.decoder.output_projection.", "text_model.lm_head."),
    ("gpt_model.decoder.", "text_model.model."),
    ("img_connector.", "image_to_text_projection."),
    ("img_model.visual.class_embedding", "vision_model.model.embeddings.class_embedding"),
    ("img_model.visual.positional_embedding", "vision_model.model.embeddings.position_embedding.weight"),
    ("img_model.visual.conv1.", "vision_model.model.embeddings.patch_embedding."),
    ("img_model.visual.", "vision_model.model."),
    (".ln_pre.", ".pre_layrnorm."),
    (".ln_post.", ".post_layernorm."),
    (".transformer.resblocks.", ".encoder.layers."),
    (".ts_attn.", ".self_attn."),
    (".ln_1.", ".layer_norm1."),
    (".ln_2.", ".layer_norm2."),
    (".mlp.c_fc.", ".mlp.fc1."),
    (".mlp.c_proj.", ".mlp.fc2."),
];

/// Buffers that nothing computes with, and CLIP's projection behind its class row.
const UNUSED: [&str; 4] = [
    "gpt_model.decoder.embed_positions._float_tensor",
    "gpt_model.decoder.self_attn_sope.scale",
    "gpt_model.decoder.version",
    "img_model.visual.proj",
];

/// transformers' name of a tensor.
fn named(name: &str) -> String {
    NAMES.iter().fold(name.to_owned(), |name, (theirs, ours)| name.replacen(theirs, ours, 1))
}

/// The model of a checkpoint, and its tensors.
pub(crate) fn open(sources: &KosmosOriginal) -> Result<(Box<dyn Model>, Checkpoint), ConvertError> {
    let mut checkpoint = Checkpoint::open_file(&sources.checkpoint)?;
    checkpoint.retain(|name| !UNUSED.contains(&name));
    checkpoint.rename(named);
    let (text, vision, latents) = sizes(&checkpoint, sources)?;
    let language = Magneto::read(&text)?;
    let model = Kosmos {
        vit: Clip::read(&vision, ("hidden_size", 1_024), "quick_gelu")?,
        language: if sources.xpos { language.with_xpos() } else { language },
        latents,
        text,
    };
    Ok((Box::new(Original(model)), checkpoint))
}

/// What the tensors say, under the keys of a configuration.
fn sizes(checkpoint: &Checkpoint, sources: &KosmosOriginal) -> Result<(Object, Object, u32), ConvertError> {
    let shape = |name: &str, dimensions: usize| {
        let missing = || ConvertError::MissingTensors { family: super::FAMILY.name, tensors: vec![name.to_owned()] };
        let shape = &checkpoint.get(name).ok_or_else(missing)?.shape;
        if shape.len() == dimensions { Ok(shape.clone()) } else { Err(missing()) }
    };
    let layers = |prefix: &str| {
        let number = |name: &str| name.strip_prefix(prefix)?.split('.').next()?.parse::<u64>().ok();
        checkpoint.names().filter_map(number).max().map_or(0, |last| last.saturating_add(1))
    };
    let embedding = shape("text_model.model.embed_tokens.weight", 2)?;
    let ffn = shape("text_model.model.layers.0.ffn.fc1.weight", 2)?;
    let patches = shape("vision_model.model.embeddings.patch_embedding.weight", 4)?;
    let positions = shape("vision_model.model.embeddings.position_embedding.weight", 2)?;
    let tower_ffn = shape("vision_model.model.encoder.layers.0.mlp.fc1.weight", 2)?;
    let latents = shape("image_to_text_projection.latent_query", 2)?;
    let heads = |asked: Option<u32>, width: u64| asked.map_or((width / HEAD).max(1), u64::from);
    let found = || Object::empty("the checkpoint's tensors");
    let text = found()
        .with("vocab_size", embedding[0])
        .with("embed_dim", embedding[1])
        .with("layers", layers("text_model.model.layers."))
        .with("ffn_dim", ffn[0])
        .with("attention_heads", heads(sources.heads, embedding[1]));
    let vision = found()
        .with("hidden_size", positions[1])
        .with("intermediate_size", tower_ffn[0])
        .with("num_hidden_layers", layers("vision_model.model.encoder.layers."))
        .with("num_attention_heads", heads(sources.vision_heads, positions[1]))
        .with("patch_size", patches[3])
        .with("image_size", patches[3].saturating_mul(positions[0].saturating_sub(1).isqrt()));
    let object = found().with("latent_query", latents[0]);
    let latents = object.count("latent_query", 1..=ocelli_quant::gguf::keys::ROWS, 64)?;
    Ok((text, vision, latents))
}

/// The same model with what its makers did beside it.
struct Original(Kosmos);

impl Model for Original {
    fn architecture(&self) -> &'static str {
        self.0.architecture()
    }

    fn layout(&self) -> Layout {
        self.0.layout()
    }

    fn keys(&self, inputs: &Inputs<'_>, keys: &mut Keys) -> Result<(), ConvertError> {
        self.0.part_keys(keys);
        image::square_keys(self.0.vit.side, keys);
        self.0.generation_keys(inputs, keys)?;
        // KOSMOS-1 has rows for the first tags alone, which a note says.
        self.0.tokenizer_keys(inputs, PLACES, keys)
    }
}
