//! BLIP-2 with OPT or Flan-T5 (Li et al. 2023) as transformers saves it: ViT, Q-Former, one linear layer, language model.
//!
//! A nested configuration that is missing means that class's defaults, which are the sizes of the released 2.7B model's
//! tower and bridge. Whether the head is tied is decided by `text_config`; the outer `tie_word_embeddings` has no effect
//! in transformers, and none here.

use super::{Family, Model, first_stage};
use crate::checkpoint::Checkpoint;
use crate::error::{ConvertError, shown};
use crate::keys::Keys;
use crate::layout::Layout;
use crate::parts::language::Language;
use crate::parts::opt::Opt;
use crate::parts::qformer::QFormer;
use crate::parts::t5::T5;
use crate::parts::vit::Vit;
use crate::parts::{self, generation, image, pretrained};
use crate::settings::Neutral::Switch;
use crate::settings::{Inputs, Known, Object};
use crate::tokenizer;
use ocelli_quant::gguf::keys::ROWS;

pub(crate) const FAMILY: Family = Family { name: "blip2", model_types: &["blip-2"], read };

/// What has no effect in `Blip2Config`.
const OUTER: &[Known] = &[Known::without_effect(&["image_text_hidden_size"], "belongs to matching pictures and texts")];

/// The same where the language model is OPT.
const ALONE: &[Known] =
    &[Known::only(&["use_decoder_only_language_model"], &[Switch(true)], "the language model is OPT")];

/// The same where it is T5.
const BESIDE: &[Known] =
    &[Known::only(&["use_decoder_only_language_model"], &[Switch(false)], "the language model is T5")];

struct Blip2 {
    vit: Vit,
    qformer: QFormer,
    language: Box<dyn Language>,
    text: Object,
    image_token: Option<u32>,
}

fn read(config: &Object, checkpoint: &Checkpoint) -> Result<Box<dyn Model>, ConvertError> {
    if first_stage::is(checkpoint) {
        return first_stage::read(config, checkpoint);
    }
    pretrained::part(config, OUTER);
    let text = config.object("text_config")?;
    let language: Box<dyn Language> = match text.text("model_type")? {
        None | Some("opt") => Box::new(Opt::read(&text)?),
        Some("t5") => Box::new(T5::read(&text)?),
        Some(other) => {
            return Err(text.unsupported("model_type", format!("'{}'", shown(other)), "only 'opt' and 't5' are"));
        }
    };
    let decodes_alone = language.facts().start.is_none();
    config.known(if decodes_alone { ALONE } else { BESIDE });
    if !decodes_alone {
        parts::only(config, "is_encoder_decoder", true)?;
    }
    let vit = Vit::read(&config.object("vision_config")?)?;
    let queries = config.count("num_query_tokens", 1..=ROWS, 32)?;
    let qformer = QFormer::read(&config.object("qformer_config")?, queries, vit.width)?;
    // The attribute has an alias, and either may be what was saved.
    let key = config.alias("image_token_index", "image_token_id")?;
    let image_token = config.has(key).then(|| config.count(key, 0..=language.facts().vocabulary - 1, 0)).transpose()?;
    Ok(Box::new(Blip2 { vit, qformer, language, text, image_token }))
}

impl Model for Blip2 {
    fn architecture(&self) -> &'static str {
        self.language.facts().architecture
    }

    fn layout(&self) -> Layout {
        let mut layout = Layout::default();
        self.language.layout("language_model.", &mut layout);
        self.vit.layout("vision_model.", &mut layout);
        self.qformer.layout("embeddings", &mut layout);
        let (from, to) = (u64::from(self.qformer.width), u64::from(self.language.facts().width));
        layout.linear("language_projection", "mm.projector", from, to, true);
        layout.skip(|name| name.ends_with(".position_ids"));
        layout
    }

    fn keys(&self, inputs: &Inputs<'_>, keys: &mut Keys) -> Result<(), ConvertError> {
        let facts = self.language.facts();
        self.language.keys(keys);
        generation::start(inputs, &self.text, true, &facts, keys)?;
        self.vit.keys(keys);
        image::keys(inputs, image::Class::Blip, self.vit.side, keys)?;
        image::same_as_model(inputs, "num_query_tokens", self.qformer.queries)?;
        self.qformer.keys(keys);
        if let Some(token) = self.image_token {
            keys.set("ocelli.image_token", token);
        }
        generation::inner_keys(inputs, &self.text, facts.vocabulary, facts.ends, keys)?;
        tokenizer::bpe::keys(inputs, facts.vocabulary, keys)
    }

    /// Names with an outer `model.`, a head at the top, or an inner language model without its own `model.`.
    fn canonical(&self, name: &str) -> String {
        let inner = name.strip_prefix("model.").unwrap_or(name);
        if inner == "lm_head.weight" {
            return "language_model.lm_head.weight".to_owned();
        }
        match inner.strip_prefix("language_model.decoder.") {
            Some(rest) if self.language.facts().start.is_some() => format!("language_model.decoder.{rest}"),
            Some(rest) => format!("language_model.model.decoder.{rest}"),
            None => inner.to_owned(),
        }
    }
}
