//! BLIP-2's first stage by itself (Li et al. 2023): tower, Q-Former with its text branch, and the heads that compare
//! pictures with texts; transformers' `Blip2ForImageTextRetrieval`.
//!
//! The configuration is that of the whole model, with a `text_config` for a language model that is not there: what is in
//! the checkpoint tells the two apart. Only BLIP-2's own files have the head that writes captions (`cls.predictions`); those
//! of transformers leave it out. `image_token_index` is an id behind the last row of the word table: processors
//! put such tokens before the text, and the model cuts them off again.

use super::Model;
use crate::checkpoint::Checkpoint;
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::parts::qformer::{NORM, QFormer, Text};
use crate::parts::tasks::{self, Protocol};
use crate::parts::vit::Vit;
use crate::parts::{WIDTH, image, pretrained};
use crate::settings::{Inputs, Known, Object};
use crate::tokenizer;
use ocelli_quant::gguf::keys::ROWS;

/// What has no effect in `Blip2Config`.
const OUTER: &[Known] = &[
    Known::without_effect(&["text_config", "use_decoder_only_language_model"], "there is no language model"),
    Known::without_effect(
        &["image_token_id", "image_token_index"],
        "the model cuts off what a processor puts before the text in a picture's place",
    ),
];

/// The head that tells pairs that belong together from those that do not.
const MATCHES: &str = "itm_head";
/// The head that writes: it ends with the word table and a bias, which has two names.
const WRITES: &str = "cls.predictions.transform.dense.weight";
pub(super) const BIASES: [&str; 2] = ["cls.predictions.decoder.bias", "cls.predictions.bias"];

pub(super) struct FirstStage {
    pub(super) vit: Vit,
    qformer: QFormer,
    text: Text,
    /// Numbers that pictures and texts are compared by.
    compared: u32,
    /// The bias of the head that writes, where there is one.
    writes: Option<&'static str>,
}

/// Whether a checkpoint is one of these.
pub(super) fn is(checkpoint: &Checkpoint) -> bool {
    let bare = |name: &str| name.strip_prefix("model.").unwrap_or(name).starts_with(MATCHES);
    checkpoint.names().any(bare)
}

pub(super) fn read(config: &Object, checkpoint: &Checkpoint) -> Result<Box<dyn Model>, ConvertError> {
    pretrained::part(config, OUTER);
    let vit = Vit::read(&config.object("vision_config")?)?;
    let has = |wanted: &str| checkpoint.names().any(|name| name.strip_prefix("model.").unwrap_or(name) == wanted);
    let bias = BIASES.into_iter().find(|bias| has(bias)).unwrap_or(BIASES[0]);
    let writes = has(WRITES).then_some(bias);
    Ok(Box::new(FirstStage::new(vit, config, &config.object("qformer_config")?, writes)?))
}

impl FirstStage {
    /// Behind a tower, by the whole model's configuration and the Q-Former's; `writes` is the bias of the head that writes.
    pub(super) fn new(
        vit: Vit,
        config: &Object,
        former: &Object,
        writes: Option<&'static str>,
    ) -> Result<Self, ConvertError> {
        let queries = config.count("num_query_tokens", 1..=ROWS, 32)?;
        let (qformer, text) = QFormer::read_with_text(former, queries, vit.width)?;
        let compared = config.count("image_text_hidden_size", 1..=WIDTH, 256)?;
        Ok(Self { vit, qformer, text, compared, writes })
    }

    /// Sets the keys of all but the tower and its pictures; `begins` is a token that begins captions, added to a tokenizer
    /// that has none.
    pub(super) fn own_keys(
        &self,
        inputs: &Inputs<'_>,
        begins: Option<&str>,
        keys: &mut Keys,
    ) -> Result<(), ConvertError> {
        self.qformer.keys(keys);
        keys.set("ocelli.qformer.projection_length", self.compared);
        tokenizer::wordpiece::keys_with(inputs, self.text.vocabulary, begins, keys)?;
        if self.writes.is_some() {
            let end = keys.number("tokenizer.ggml.seperator_token_id");
            let begin = keys.number("ocelli.generation.bos_id");
            let (Some(_), Some(end)) = (begin, end) else {
                let message = "a caption begins with bos_token, '[DEC]', and ends with sep_token, '[SEP]'".to_owned();
                return Err(ConvertError::Tokenizer { file: "tokenizer".to_owned(), message });
            };
            keys.set("ocelli.generation.eos_ids", vec![end]);
            let (beams, longest, shortest) = tasks::FIRST;
            keys.set("ocelli.generation.num_beams", beams);
            keys.set("ocelli.generation.max_new_tokens", longest);
            keys.set("ocelli.generation.min_new_tokens", shortest);
            tasks::keys(Protocol::FirstStage, "qformer", keys);
        }
        Ok(())
    }
}

impl Model for FirstStage {
    fn architecture(&self) -> &'static str {
        "qformer"
    }

    fn layout(&self) -> Layout {
        let mut layout = Layout::default();
        self.vit.layout("vision_model.", &mut layout);
        self.qformer.layout("embeddings", NORM, &mut layout);
        let (from, to) = (u64::from(self.qformer.width), u64::from(self.compared));
        layout.linear("vision_projection", "mm.itc_image", from, to, true);
        layout.linear("text_projection", "mm.itc_text", from, to, true);
        layout.linear(MATCHES, "mm.itm", from, 2, true);
        if let Some(bias) = self.writes {
            let (head, rows) = ("cls.predictions", u64::from(self.text.vocabulary));
            layout.linear(&format!("{head}.transform.dense"), "mm.qformer.output_transform", from, from, true);
            layout.norm(&format!("{head}.transform.LayerNorm"), "mm.qformer.output_norm", from, true);
            layout.vector(bias, "mm.qformer.output.bias", rows);
            let words = "embeddings.word_embeddings";
            layout.head(&format!("{head}.decoder"), words, "mm.qformer.output", from, rows, true);
            layout.skip(|name| BIASES.contains(&name));
        }
        layout.skip(|name| name.ends_with(".position_ids"));
        layout
    }

    fn keys(&self, inputs: &Inputs<'_>, keys: &mut Keys) -> Result<(), ConvertError> {
        self.vit.keys(keys);
        image::keys(inputs, image::Class::Blip, self.vit.side, keys)?;
        image::same_as_model(inputs, "num_query_tokens", self.qformer.queries)?;
        self.own_keys(inputs, None, keys)
    }

    /// Names with an outer `model.`.
    fn canonical(&self, name: &str) -> String {
        name.strip_prefix("model.").unwrap_or(name).to_owned()
    }
}
