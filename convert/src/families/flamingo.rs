//! IDEFICS (Laurençon et al. 2023) as transformers saves it: OpenCLIP's tower, perceiver resampler, LLaMA with gated
//! layers, and a second small embedding table and head for the tokens that were added to LLaMA's.
//!
//! The family's other way in is [`open_flamingo`].

use super::{Family, Model, open_flamingo};
use crate::checkpoint::Checkpoint;
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::parts::clip::Clip;
use crate::parts::gated::Gated;
use crate::parts::language::Language;
use crate::parts::llama::Llama;
use crate::parts::resampler::Resampler;
use crate::parts::{generation, image};
use crate::settings::{Inputs, Object};
use crate::tokenizer;

pub(crate) const FAMILY: Family =
    Family { name: "flamingo", model_types: &["idefics", open_flamingo::MODEL_TYPE], read };

/// Stands at a picture's place.
const IMAGE: &str = "<image>";
/// Before and after pictures.
const EDGE: &str = "<fake_token_around_image>";
/// Between texts; of the models that were tuned to converse.
const TEXT_BREAK: &str = "<end_of_utterance>";

struct Idefics {
    vit: Clip,
    resampler: Resampler,
    gated: Gated,
    llama: Llama,
    config: Object,
}

fn read(config: &Object, checkpoint: &Checkpoint) -> Result<Box<dyn Model>, ConvertError> {
    if config.text("model_type")? == Some(open_flamingo::MODEL_TYPE) {
        return open_flamingo::read(config, checkpoint);
    }
    let llama = Llama::read(config)?;
    let vit = Clip::read(&config.object("vision_config")?, ("embed_dim", 768), "gelu")?;
    // The switch is the outer configuration's; that of perceiver_config is not asked.
    if !config.switch("use_resampler", false)? {
        return Err(config.unsupported("use_resampler", false, "only true is"));
    }
    let resampler = Resampler::read(&config.object("perceiver_config")?, vit.width)?;
    let gated = Gated::read(config, vit.width, llama.width, llama.layers, llama.eps)?;
    Ok(Box::new(Idefics { vit, resampler, gated, llama, config: config.clone() }))
}

impl Model for Idefics {
    fn architecture(&self) -> &'static str {
        self.llama.facts().architecture
    }

    fn layout(&self) -> Layout {
        let mut layout = Layout::default();
        self.llama.layout("", &mut layout);
        self.vit.layout("model.vision_model.", &mut layout);
        self.resampler.layout("model.perceiver_resampler.", &mut layout);
        self.gated.layout("model.gated_cross_attn_layers.", &mut layout);
        layout.skip(|name| name.ends_with("rotary_emb.inv_freq") || name.ends_with(".position_ids"));
        layout.skip(|name| name.starts_with("model.vision_model.post_layernorm."));
        layout
    }

    fn keys(&self, inputs: &Inputs<'_>, keys: &mut Keys) -> Result<(), ConvertError> {
        self.llama.keys(keys);
        self.vit.keys(keys);
        image::keys(inputs, image::Class::Idefics, self.vit.side, keys)?;
        self.resampler.keys(keys);
        self.gated.keys(keys);
        generation::keys(inputs, &self.config, self.llama.vocabulary, self.llama.facts().ends, keys)?;
        tokenizer::bpe::keys(inputs, self.llama.vocabulary, keys)?;
        let image = tokenizer::required(keys, IMAGE)?;
        let edge = tokenizer::required(keys, EDGE)?;
        keys.set("ocelli.image_token", image);
        keys.set("ocelli.prompt.image_edge", edge);
        keys.set("ocelli.prompt.strip_spaces", true);
        generation::suppress(keys, &[image, edge]);
        keys.set("ocelli.shots.text", "<image>{text}");
        keys.set("ocelli.shots.question", "<image>Question: {question} Answer: {answer}");
        if let Some(text_break) = keys.token(TEXT_BREAK) {
            keys.set("ocelli.prompt.text_break", text_break);
            generation::ends_at(keys, text_break, false);
        }
        if let Some(end) = keys.number("tokenizer.ggml.eos_token_id") {
            keys.set("ocelli.cross_attention.reset_token", end);
        }
        Ok(())
    }

    /// Names without the outer `model.`.
    fn canonical(&self, name: &str) -> String {
        let whole = name.starts_with("lm_head.") || name.starts_with("model.");
        if whole { name.to_owned() } else { format!("model.{name}") }
    }
}
