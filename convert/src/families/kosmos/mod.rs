//! KOSMOS-2 (Peng et al. 2023) as transformers saves it: `Kosmos2ForConditionalGeneration`.
//!
//! The non-obvious thing: the processor adds its tags and its 1,024 places of a grid to whatever tokenizer it is given, each
//! taking the blanks before it and none being special, so that they are added here where the tokenizer's files lack them. It ends
//! no text, whatever these files say. Generation asks the text configuration alone.

mod original;

pub use original::KosmosOriginal;
pub(crate) use original::open;

use super::{Family, Model};
use crate::checkpoint::Checkpoint;
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::parts::clip::Clip;
use crate::parts::language::Language;
use crate::parts::magneto::Magneto;
use crate::parts::tasks::{self, Protocol};
use crate::parts::{generation, image, pretrained};
use crate::settings::{Inputs, Object};
use crate::tokenizer::{self, bpe::Added};
use ocelli_quant::gguf::keys::ROWS;

pub(crate) const FAMILY: Family = Family { name: "kosmos", model_types: &["kosmos-2"], read };

/// The tags in order, of which KOSMOS-1 has the first five.
const TAGS: [&str; 11] = [
    "</doc>",
    "<image>",
    "</image>",
    "</chunk>",
    "</line>",
    "<phrase>",
    "</phrase>",
    "<object>",
    "</object>",
    "</delimiter_of_multi_objects/>",
    "<grounding>",
];

/// Most places of the grid that boxes are told by.
const PLACES: u32 = 1 << 14;

/// The configuration's defaults that are not those of CLIP's.
const TOWER: [(&str, u32); 5] = [
    ("hidden_size", 1_024),
    ("intermediate_size", 4_096),
    ("num_hidden_layers", 24),
    ("num_attention_heads", 16),
    ("patch_size", 14),
];

/// A model whose names and sizes are known.
struct Kosmos {
    vit: Clip,
    language: Magneto,
    /// Rows that a picture becomes.
    latents: u32,
    /// What generation asks.
    text: Object,
}

fn read(config: &Object, _: &Checkpoint) -> Result<Box<dyn Model>, ConvertError> {
    pretrained::part(config, &[]);
    let text = config.object("text_config")?;
    let vision = config.object("vision_config")?;
    let vision = TOWER.into_iter().fold(
        vision,
        |vision, (key, default)| {
            if vision.has(key) { vision } else { vision.with(key, default) }
        },
    );
    Ok(Box::new(Kosmos {
        vit: Clip::read(&vision, ("hidden_size", 1_024), "quick_gelu")?,
        language: Magneto::read(&text)?,
        latents: config.count("latent_query_num", 1..=ROWS, 64)?,
        text,
    }))
}

impl Model for Kosmos {
    fn architecture(&self) -> &'static str {
        self.language.facts().architecture
    }

    fn layout(&self) -> Layout {
        let mut layout = Layout::default();
        let (seen, w, n) = (u64::from(self.vit.width), u64::from(self.language.width), u64::from(self.latents));
        self.vit.layout("vision_model.model.", &mut layout);
        layout.norm("vision_model.model.post_layernorm", "v.post_ln", seen, true);
        layout.linear("image_to_text_projection.dense", "mm.dense", seen, w, true);
        layout.exact("image_to_text_projection.latent_query", &[n, w], "mm.resampler.query_embd", &[w, n]);
        for (source, name) in
            [("q_proj", "attn_q"), ("k_proj", "attn_k"), ("v_proj", "attn_v"), ("out_proj", "attn_out")]
        {
            let from = format!("image_to_text_projection.x_attn.{source}");
            layout.linear(&from, &format!("mm.resampler.{name}"), w, w, true);
        }
        self.language.layout("text_model.", &mut layout);
        layout.skip(|name| name.ends_with(".position_ids"));
        layout
    }

    fn keys(&self, inputs: &Inputs<'_>, keys: &mut Keys) -> Result<(), ConvertError> {
        self.part_keys(keys);
        image::keys(inputs, image::Class::Clip, self.vit.side, keys)?;
        self.generation_keys(inputs, keys)?;
        let places = image::number_of_processor(inputs, "num_patch_index_tokens", 0..=PLACES, 1_024)?;
        self.tokenizer_keys(inputs, places, keys)
    }
}

impl Kosmos {
    /// Sets the keys of tower, bridge and language model.
    fn part_keys(&self, keys: &mut Keys) {
        self.language.keys(keys);
        self.vit.keys(keys);
        keys.set("ocelli.resampler.latent_count", self.latents);
        keys.set("ocelli.resampler.attention.head_count", self.language.heads);
        keys.set("ocelli.resampler.attention.key_length", self.language.width / self.language.heads);
    }

    /// Sets those of how text is chosen.
    fn generation_keys(&self, inputs: &Inputs<'_>, keys: &mut Keys) -> Result<(), ConvertError> {
        let facts = self.language.facts();
        generation::inner_keys(inputs, &self.text, facts.vocabulary, facts.ends, keys)
    }

    /// Sets the keys of the tokenizer, with tags and `places` places of a grid, and of what a prompt needs of it.
    fn tokenizer_keys(&self, inputs: &Inputs<'_>, places: u32, keys: &mut Keys) -> Result<(), ConvertError> {
        let cells = (0..places).map(|place| format!("<patch_index_{place:04}>"));
        let tags: Vec<String> = TAGS.into_iter().map(str::to_owned).chain(cells).collect();
        let added = Added { tags: &tags, ..Added::default() };
        tokenizer::bpe::keys_with(inputs, self.language.facts().vocabulary, added, keys)?;
        keys.replace("tokenizer.ggml.add_bos_token", true);
        keys.replace("tokenizer.ggml.add_eos_token", false);
        let (begin, end) = (tokenizer::required(keys, "<image>")?, tokenizer::required(keys, "</image>")?);
        keys.set("ocelli.image_begin_token", begin);
        keys.set("ocelli.image_end_token", end);
        // The processor counts the rows of a picture through with the ids behind the unknown token's.
        if let Some(unknown) = keys.number("tokenizer.ggml.unknown_token_id") {
            keys.set("ocelli.image_first_row_id", unknown + 1);
        }
        // A square grid of which every place has a row.
        let across = places.isqrt();
        let last = across.checked_mul(across).and_then(|places| places.checked_sub(1));
        let points = last.is_some_and(|last| keys.token(&format!("<patch_index_{last:04}>")).is_some());
        if points {
            keys.set("ocelli.pointing.kind", "cells");
            keys.set("ocelli.pointing.scale", across);
        }
        tasks::keys(Protocol::Kosmos { points }, self.architecture(), keys);
        Ok(())
    }
}
