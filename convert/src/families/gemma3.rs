//! Gemma 3 with pictures as transformers saves it: SigLIP's tower, a pool, an RMS norm and one matrix, Gemma 3.
//!
//! Four sets of names are read, as with LLaVA. The file has llama.cpp's keys beside ours, so that it can be split into a pair of
//! llama.cpp's; the matrix lies there as in the checkpoint, a row for each input.
//!
//! The non-obvious thing: the norm of the bridge multiplies by one plus its weight as those of the language model do, and its
//! epsilon is the tower's.

use super::{Family, Model, llava};
use crate::checkpoint::Checkpoint;
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::{Change, Layout};
use crate::parts::language::{self, Language};
use crate::parts::siglip::{self, Siglip};
use crate::parts::{generation, image, pretrained};
use crate::settings::{Inputs, Known, Object};
use crate::tokenizer;
use ocelli_quant::gguf::keys::ROWS;

pub(crate) const FAMILY: Family = Family { name: "gemma3", model_types: &["gemma3"], read };

/// What stands for a picture in a conversation, and begins it in a prompt.
const BEGIN: &str = "<start_of_image>";
const END: &str = "<end_of_image>";
/// Stands for each row of a picture.
const ROW: &str = "<image_soft_token>";

/// What has no effect in `Gemma3Config`.
const OUTER: &[Known] = &[
    Known::without_effect(&["vocab_size"], "text_config says it"),
    Known::without_effect(&["initializer_range"], "only training reads it"),
];

struct Gemma3 {
    vit: Siglip,
    language: Box<dyn Language>,
    text: Object,
    /// Patches of a side that become one row.
    scale: u32,
    rows: u32,
    /// Ids that the configuration has of [`BEGIN`], [`END`] and [`ROW`].
    tokens: [(&'static str, &'static str, Option<u32>); 3],
}

fn read(config: &Object, _: &Checkpoint) -> Result<Box<dyn Model>, ConvertError> {
    pretrained::part(config, OUTER);
    let text = config.object("text_config")?;
    // The head is the outer class's.
    const TIED: &str = "tie_word_embeddings";
    let tied = config.switch(TIED, true)?;
    if config.has(TIED) && text.switch(TIED, tied)? != tied {
        return Err(text.bad(TIED, !tied, format!("but the outer {TIED} is {tied}, which is the same setting")));
    }
    let text = if config.has(TIED) { text.with(TIED, tied) } else { text };
    let text = if text.has("model_type") { text } else { text.with("model_type", "gemma3_text") };
    let language = language::decoder(&text)?;
    let architecture = language.facts().architecture;
    if architecture != "gemma3" {
        return Err(text.unsupported("model_type", format!("'{architecture}'"), "only 'gemma3_text' is"));
    }
    let vit = Siglip::read(&config.object("vision_config")?, &["siglip_vision_model"], &siglip::SIGLIP)?;
    const COUNT: &str = "mm_tokens_per_image";
    let rows = config.count(COUNT, 1..=ROWS, 256)?;
    let (side, across) = (rows.isqrt(), vit.across());
    if side * side != rows || side > across || across / (across / side) != side {
        let rule = format!("must be the square of a number of pools that the {across} patches of a side make");
        return Err(config.bad(COUNT, rows, rule));
    }
    let id = |key| if config.has(key) { config.count(key, 0..=u32::MAX, 0).map(Some) } else { Ok(None) };
    let [begin, end] = ["boi_token_index", "eoi_token_index"];
    let row = config.alias("image_token_index", "image_token_id")?;
    let row = if row == "image_token_id" { row } else { "image_token_index" };
    let tokens = [(BEGIN, begin, id(begin)?), (END, end, id(end)?), (ROW, row, id(row)?)];
    Ok(Box::new(Gemma3 { scale: across / side, vit, language, text: text.clone(), rows, tokens }))
}

impl Model for Gemma3 {
    fn architecture(&self) -> &'static str {
        self.language.facts().architecture
    }

    fn layout(&self) -> Layout {
        let mut layout = Layout::default();
        self.language.layout("language_model.", &mut layout);
        self.vit.layout("vision_tower.vision_model.", &mut layout);
        // Attention that makes one row of a picture, which the model does not ask.
        layout.unused("vision_tower.vision_model.head.".to_owned());
        let (from, to) = (u64::from(self.vit.width), u64::from(self.language.facts().width));
        layout.scale("multi_modal_projector.mm_soft_emb_norm", "mm.soft_emb_norm", from, Change::Plus(1.0));
        layout.columns("multi_modal_projector.mm_input_projection_weight", "mm.input_projection", from, to);
        layout.skip(|name| name.ends_with("rotary_emb.inv_freq") || name.ends_with(".position_ids"));
        layout
    }

    fn keys(&self, inputs: &Inputs<'_>, keys: &mut Keys) -> Result<(), ConvertError> {
        let facts = self.language.facts();
        self.language.keys(keys);
        self.vit.keys(keys);
        keys.set("clip.projector_type", "gemma3");
        keys.set("clip.vision.projector.scale_factor", self.scale);
        keys.set("clip.vision.projection_dim", facts.width);
        image::keys(inputs, image::Class::Gemma, self.vit.side, keys)?;
        image::same_as_model(inputs, "image_seq_length", self.rows)?;
        keys.begins_chats = true;
        generation::keys(inputs, &self.text, facts.vocabulary, facts.ends, keys)?;
        tokenizer::bpe::keys(inputs, facts.vocabulary, keys)?;
        for (token, key, told) in self.tokens {
            let id = tokenizer::required(keys, token)?;
            if let Some(told) = told.filter(|told| *told != id) {
                keys.note(format!("{key} is {told}, '{token}' is {id}: the tokenizer's is taken"));
            }
        }
        keys.set("ocelli.image_token", tokenizer::required(keys, ROW)?);
        keys.set("ocelli.tokenizer.image_written", BEGIN);
        keys.set("ocelli.tokenizer.around_image", vec![format!("\n\n{BEGIN}"), format!("{END}\n\n")]);
        Ok(())
    }

    fn canonical(&self, name: &str) -> String {
        let inner = name.strip_prefix("model.").unwrap_or(name);
        match inner.strip_prefix("vision_tower.") {
            Some(rest) if !rest.starts_with("vision_model.") => format!("vision_tower.vision_model.{rest}"),
            Some(_) => inner.to_owned(),
            None => llava::hub_name(name),
        }
    }
}
