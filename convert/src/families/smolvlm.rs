//! SmolVLM, SmolVLM2 and Idefics3 as transformers saves them: SigLIP's tower, one linear layer behind a pixel shuffle, a
//! LLaMA. The two classes have the same tensors.
//!
//! The non-obvious thing: the file has llama.cpp's keys beside ours, so that it can be split into a pair of llama.cpp's.

use super::{Family, Model};
use crate::checkpoint::Checkpoint;
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::parts::language::{self, Language};
use crate::parts::siglip::{self, Siglip};
use crate::parts::{generation, pretrained, split};
use crate::settings::{Inputs, Known, Object};
use crate::tokenizer;

pub(crate) const FAMILY: Family = Family { name: "smolvlm", model_types: &["smolvlm", "idefics3"], read };

/// What the classes of the tower are called.
const TOWERS: [&str; 4] = ["smolvlm_vision", "idefics3_vision", "smolvlm", "idefics3"];
/// Stands for each row of a picture.
const IMAGE: &str = "<image>";
/// What stands among a picture's rows.
const AROUND: [&str; 2] = ["<fake_token_around_image>", "<global-img>"];

/// What has no effect in `SmolVLMConfig` and `Idefics3Config`.
const OUTER: &[Known] = &[
    Known::without_effect(&["use_reentrant_checkpointing"], "only training reads it"),
    Known::without_effect(&["vocab_size"], "text_config says it"),
    Known::without_effect(&["image_token_index"], "the class reads image_token_id"),
];

/// What has no effect in their `text_config`.
const TEXT: &[Known] = &[Known::without_effect(
    &[
        "is_llama_config",
        "neftune_noise_alpha",
        "perceiver_config",
        "pixel_shuffle_factor",
        "qk_layer_norms",
        "rope_interleaved",
        "use_resampler",
    ],
    "the class of the language model does not read it",
)];

struct SmolVlm {
    vit: Siglip,
    language: Box<dyn Language>,
    text: Object,
    /// Patches of a side that become one row.
    scale: u32,
    image_token: Option<u32>,
}

fn read(config: &Object, _: &Checkpoint) -> Result<Box<dyn Model>, ConvertError> {
    pretrained::part(config, OUTER);
    let text = config.object("text_config")?;
    text.known(TEXT);
    // The head is the outer class's.
    const TIED: &str = "tie_word_embeddings";
    let tied = config.switch(TIED, false)?;
    if config.has(TIED) && text.switch(TIED, tied)? != tied {
        return Err(text.bad(TIED, !tied, format!("but the outer {TIED} is {tied}, which is the same setting")));
    }
    let text = text.with(TIED, tied);
    let language = language::decoder(&text)?;
    let vit = Siglip::read(&config.object("vision_config")?, &TOWERS, &siglip::IDEFICS3)?;
    let scale = config.count("scale_factor", 1..=vit.across(), 2)?;
    if !vit.across().is_multiple_of(scale) {
        return Err(config.bad("scale_factor", scale, format!("must divide the {} patches of a side", vit.across())));
    }
    let most = language.facts().vocabulary - 1;
    let image_token = config.has("image_token_id").then(|| config.count("image_token_id", 0..=most, 0)).transpose()?;
    Ok(Box::new(SmolVlm { vit, language, text, scale, image_token }))
}

impl Model for SmolVlm {
    fn architecture(&self) -> &'static str {
        self.language.facts().architecture
    }

    fn layout(&self) -> Layout {
        let mut language = Layout::default();
        self.language.layout("", &mut language);
        // Its own outer `model.` is the name of a part here.
        let mut layout = language.renamed(&|name: &str| match name.strip_prefix("model.") {
            Some(inner) => format!("model.text_model.{inner}"),
            None => name.to_owned(),
        });
        self.vit.layout("model.vision_model.", &mut layout);
        let joined = u64::from(self.vit.width) * u64::from(self.scale).pow(2);
        let width = u64::from(self.language.facts().width);
        layout.linear("model.connector.modality_projection.proj", "mm.model.fc", joined, width, false);
        layout.skip(|name| name.ends_with("rotary_emb.inv_freq") || name.ends_with(".position_ids"));
        layout
    }

    fn keys(&self, inputs: &Inputs<'_>, keys: &mut Keys) -> Result<(), ConvertError> {
        let facts = self.language.facts();
        self.language.keys(keys);
        self.vit.keys(keys);
        keys.set("clip.projector_type", "idefics3");
        keys.set("clip.vision.projector.scale_factor", self.scale);
        keys.set("clip.vision.projection_dim", facts.width);
        split::keys(inputs, self.vit.side, keys)?;
        generation::keys(inputs, &self.text, facts.vocabulary, facts.ends, keys)?;
        tokenizer::bpe::keys(inputs, facts.vocabulary, keys)?;
        tokenizer::picture(keys, IMAGE, self.image_token, &AROUND)
    }

    /// Names without the outer `model.`, and a head within the text part.
    fn canonical(&self, name: &str) -> String {
        let parts = ["vision_model.", "text_model.", "connector."];
        match name.strip_prefix("model.text_model.lm_head.").or(name.strip_prefix("text_model.lm_head.")) {
            Some(rest) => format!("lm_head.{rest}"),
            None if parts.iter().any(|part| name.starts_with(part)) => format!("model.{name}"),
            None => name.to_owned(),
        }
    }
}
