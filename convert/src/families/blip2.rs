//! BLIP-2 with OPT or Flan-T5 (Li et al. 2023) as transformers saves it: ViT, Q-Former, one linear layer, language model.
//! With a Q-Former that reads the prompt's text it is InstructBLIP.
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
use crate::parts::llama::Llama;
use crate::parts::opt::Opt;
use crate::parts::qformer::{NORM, QFormer, Text};
use crate::parts::t5::T5;
use crate::parts::tasks::{self, Protocol};
use crate::parts::vit::Vit;
use crate::parts::{self, generation, image, pretrained};
use crate::settings::Neutral::Switch;
use crate::settings::{Inputs, Known, Object};
use crate::tokenizer;
use ocelli_quant::gguf::keys::ROWS;

pub(crate) const FAMILY: Family = Family { name: "blip2", model_types: &["blip-2"], read };

/// What has no effect in `Blip2Config`.
const OUTER: &[Known] = &[Known::without_effect(&["image_text_hidden_size"], "belongs to matching pictures and texts")];

/// The same where the language model is a decoder alone.
const ALONE: &[Known] =
    &[Known::only(&["use_decoder_only_language_model"], &[Switch(true)], "the language model is a decoder alone")];

/// The same where it is T5.
const BESIDE: &[Known] =
    &[Known::only(&["use_decoder_only_language_model"], &[Switch(false)], "the language model is T5")];

pub(super) struct Blip2 {
    pub(super) vit: Vit,
    pub(super) qformer: QFormer,
    pub(super) language: Box<dyn Language>,
    /// The language model's configuration.
    pub(super) text: Object,
    pub(super) image_token: Option<u32>,
    /// Of InstructBLIP.
    pub(super) asked: Option<Asked>,
}

/// How a Q-Former reads the prompt's text.
pub(super) struct Asked {
    pub(super) words: Text,
    /// Whether the class takes videos in the place of pictures.
    pub(super) videos: bool,
}

/// Frames of a video: so many the processor has, whatever a configuration says.
const FRAMES: u32 = 4;

impl Asked {
    pub(super) fn keys(&self, keys: &mut Keys) {
        keys.set("ocelli.qformer.frame_count", FRAMES);
    }
}

fn read(config: &Object, checkpoint: &Checkpoint) -> Result<Box<dyn Model>, ConvertError> {
    if first_stage::is(checkpoint) {
        return first_stage::read(config, checkpoint);
    }
    Ok(Box::new(Blip2::read(config, None)?))
}

impl Blip2 {
    /// With a Q-Former that reads texts, of a class that takes `videos` or pictures, or with one that does not.
    pub(super) fn read(config: &Object, videos: Option<bool>) -> Result<Self, ConvertError> {
        pretrained::part(config, OUTER);
        let text = config.object("text_config")?;
        let language: Box<dyn Language> = match text.text("model_type")? {
            None | Some("opt") => Box::new(Opt::read(&text)?),
            Some("llama") => Box::new(Llama::read(&text)?),
            Some("t5") => Box::new(T5::read(&text)?),
            Some(other) => {
                let known = "only 'opt', 'llama' and 't5' are";
                return Err(text.unsupported("model_type", format!("'{}'", shown(other)), known));
            }
        };
        let decodes_alone = language.facts().start.is_none();
        config.known(if decodes_alone { ALONE } else { BESIDE });
        if !decodes_alone {
            parts::only(config, "is_encoder_decoder", true)?;
        }
        let vit = Vit::read(&config.object("vision_config")?)?;
        let queries = config.count("num_query_tokens", 1..=ROWS, 32)?;
        let former = config.object("qformer_config")?;
        let (qformer, asked) = match videos {
            None => (QFormer::read(&former, queries, vit.width)?, None),
            Some(videos) => {
                let (qformer, words) = QFormer::read_with_text(&former, queries, vit.width)?;
                (qformer, Some(Asked { words, videos }))
            }
        };
        // The attribute has an alias, and either may be what was saved.
        let key = match videos {
            Some(true) => config.alias("video_token_index", "video_token_id")?,
            _ => config.alias("image_token_index", "image_token_id")?,
        };
        let most = language.facts().vocabulary - 1;
        let image_token = config.has(key).then(|| config.count(key, 0..=most, 0)).transpose()?;
        Ok(Self { vit, qformer, language, text, image_token, asked })
    }
}

impl Blip2 {
    pub(super) fn task_keys(&self, keys: &mut Keys) {
        let protocol = if self.asked.is_some() { Protocol::Instruct } else { Protocol::Blip2 };
        tasks::keys(protocol, self.architecture(), keys);
    }
}

impl Model for Blip2 {
    fn architecture(&self) -> &'static str {
        self.language.facts().architecture
    }

    fn layout(&self) -> Layout {
        let mut layout = Layout::default();
        self.language.layout("language_model.", &mut layout);
        self.vit.layout("vision_model.", &mut layout);
        match self.asked {
            None => self.qformer.layout("embeddings", NORM, &mut layout),
            Some(_) => self.qformer.layout("qformer.embeddings", "qformer.embeddings.layernorm", &mut layout),
        }
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
        let videos = self.asked.as_ref().is_some_and(|asked| asked.videos);
        let class = if videos { image::Class::BlipVideo } else { image::Class::Blip };
        image::keys(inputs, class, self.vit.side, keys)?;
        image::same_as_model(inputs, "num_query_tokens", self.qformer.queries)?;
        self.qformer.keys(keys);
        if let Some(token) = self.image_token {
            keys.set("ocelli.image_token", token);
        }
        generation::inner_keys(inputs, &self.text, facts.vocabulary, facts.ends, keys)?;
        tokenizer::bpe::keys(inputs, facts.vocabulary, keys)?;
        self.task_keys(keys);
        if let Some(asked) = &self.asked {
            asked.keys(keys);
            let folder = tokenizer::wordpiece::folder(inputs);
            tokenizer::wordpiece::second_keys((&folder, None), inputs, asked.words.vocabulary, keys)?;
        }
        Ok(())
    }

    /// Names with an outer `model.`, a head at the top, or an inner language model without its own `model.`.
    fn canonical(&self, name: &str) -> String {
        let inner = name.strip_prefix("model.").unwrap_or(name);
        if inner == "lm_head.weight" {
            return "language_model.lm_head.weight".to_owned();
        }
        let language = inner.strip_prefix("language_model.");
        let inside = ["decoder.", "embed_tokens.", "layers.", "norm."];
        let bare =
            |rest: &&str| self.language.facts().start.is_none() && inside.iter().any(|part| rest.starts_with(part));
        match language.filter(bare) {
            Some(rest) => format!("language_model.model.{rest}"),
            None => inner.to_owned(),
        }
    }
}
