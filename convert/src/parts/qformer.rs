//! The Q-Former (Li et al. 2023): BERT layers over learned queries that look at the picture in every second layer.
//!
//! Generation with a language model uses the query rows only, so there the text branch (word embeddings and the text rows'
//! feed-forward layers) is skipped where an older checkpoint still has it.

use super::{LAYERS, VOCABULARY, WIDTH, activation, heads, pretrained};
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::settings::{Known, Object};
use ocelli_quant::gguf::keys::ROWS;

/// What the checkpoint calls the norm over queries and text.
pub(crate) const NORM: &str = "qformer.layernorm";

/// What has no effect in `Blip2QFormerConfig`.
const QFORMER: &[Known] = &[Known::without_effect(&["encoder_hidden_size"], "the original takes the tower's width")];
/// What has none without a text branch.
const NO_TEXT: &[Known] = &[Known::without_effect(
    &["max_position_embeddings", "use_qformer_text_input", "vocab_size"],
    "belongs to text rows, which generation has none of",
)];

/// Sizes of the text branch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text {
    pub(crate) vocabulary: u32,
    positions: u32,
}

/// A `Blip2QFormerConfig`.
#[derive(Debug)]
pub(crate) struct QFormer {
    pub(crate) width: u32,
    pub(crate) queries: u32,
    image_width: u32,
    layers: u32,
    heads: u32,
    ffn: u32,
    cross_every: u32,
    eps: f32,
    act: &'static str,
    /// Of the text branch, where it is wanted.
    text: Option<Text>,
}

impl QFormer {
    /// `queries` is the outer configuration's `num_query_tokens`, `image_width` the tower's width: it overrides
    /// `encoder_hidden_size`, as in the original.
    pub(crate) fn read(config: &Object, queries: u32, image_width: u32) -> Result<Self, ConvertError> {
        pretrained::part(config, QFORMER);
        config.known(NO_TEXT);
        let position = config.text("position_embedding_type")?.unwrap_or("absolute");
        if position != "absolute" {
            return Err(config.unsupported("position_embedding_type", format!("'{position}'"), "only 'absolute' is"));
        }
        let width = config.count("hidden_size", 1..=WIDTH, 768)?;
        Ok(Self {
            width,
            queries,
            image_width,
            layers: config.count("num_hidden_layers", 1..=LAYERS, 12)?,
            heads: heads(config, "num_attention_heads", 12, width)?,
            ffn: config.count("intermediate_size", 1..=WIDTH, 3_072)?,
            cross_every: config.count("cross_attention_frequency", 1..=LAYERS, 2)?,
            eps: config.epsilon("layer_norm_eps", 1e-12)?,
            act: activation(config, "hidden_act", "gelu")?,
            text: None,
        })
    }

    /// The same with its text branch.
    pub(crate) fn read_with_text(
        config: &Object,
        queries: u32,
        image_width: u32,
    ) -> Result<(Self, Text), ConvertError> {
        let text = Text {
            vocabulary: config.count("vocab_size", 1..=VOCABULARY, 30_522)?,
            positions: config.count("max_position_embeddings", 1..=ROWS, 512)?,
        };
        // Without it the original has no layers for the rows that it then makes, and fails.
        super::only(config, "use_qformer_text_input", true)?;
        Ok((Self { text: Some(text), ..Self::read(config, queries, image_width)? }, text))
    }

    /// The rules for `query_tokens` and for tensors under `qformer.`; those of the text branch's embeddings are under
    /// `embeddings`, where there is one, and the norm over queries and text is `norm`.
    pub(crate) fn layout(&self, embeddings: &str, norm: &str, layout: &mut Layout) {
        let (w, ffn, image) = (u64::from(self.width), u64::from(self.ffn), u64::from(self.image_width));
        let queries = u64::from(self.queries);
        layout.exact("query_tokens", &[1, queries, w], "mm.query_embd", &[w, queries]);
        layout.norm(norm, "mm.qformer.norm", w, true);
        for n in 0..self.layers {
            let (from, to) = (format!("qformer.encoder.layer.{n}"), format!("mm.qformer.blk.{n}"));
            attention(layout, &format!("{from}.attention"), &format!("{to}.attn"), w, w);
            if n.is_multiple_of(self.cross_every) {
                attention(layout, &format!("{from}.crossattention"), &format!("{to}.cross"), w, image);
            }
            let mut ffn = |kind: &str, name: &str| {
                layout.linear(&format!("{from}.intermediate{kind}.dense"), &format!("{to}.{name}_up"), w, ffn, true);
                layout.linear(&format!("{from}.output{kind}.dense"), &format!("{to}.{name}_down"), ffn, w, true);
                layout.norm(&format!("{from}.output{kind}.LayerNorm"), &format!("{to}.{name}_norm"), w, true);
            };
            ffn("_query", "ffn");
            if self.text.is_some() {
                ffn("", "text_ffn");
            }
        }
        match self.text {
            Some(Text { vocabulary, positions }) => {
                let name = format!("{embeddings}.word_embeddings");
                layout.matrix(&name, "mm.qformer.token_embd", w, u64::from(vocabulary));
                let (name, rows) = (format!("{embeddings}.position_embeddings.weight"), u64::from(positions));
                layout.exact(&name, &[rows, w], "mm.qformer.position_embd", &[w, rows]);
            }
            None => layout.skip(is_text_branch),
        }
    }

    pub(crate) fn keys(&self, keys: &mut Keys) {
        keys.set("ocelli.qformer.embedding_length", self.width);
        keys.set("ocelli.qformer.block_count", self.layers);
        keys.set("ocelli.qformer.feed_forward_length", self.ffn);
        keys.set("ocelli.qformer.attention.head_count", self.heads);
        keys.set("ocelli.qformer.attention.layer_norm_epsilon", self.eps);
        keys.set("ocelli.qformer.cross_attention_frequency", self.cross_every);
        keys.set("ocelli.qformer.query_count", self.queries);
        keys.set("ocelli.qformer.encoder_length", self.image_width);
        keys.set("ocelli.qformer.activation", self.act);
        if let Some(text) = self.text {
            keys.set("ocelli.qformer.vocab_size", text.vocabulary);
            keys.set("ocelli.qformer.context_length", text.positions);
        }
    }
}

/// One post-norm attention; keys and values come from rows of width `from_width`.
fn attention(layout: &mut Layout, source: &str, name: &str, width: u64, from_width: u64) {
    layout.linear(&format!("{source}.attention.query"), &format!("{name}_q"), width, width, true);
    layout.linear(&format!("{source}.attention.key"), &format!("{name}_k"), from_width, width, true);
    layout.linear(&format!("{source}.attention.value"), &format!("{name}_v"), from_width, width, true);
    layout.linear(&format!("{source}.output.dense"), &format!("{name}_out"), width, width, true);
    layout.norm(&format!("{source}.output.LayerNorm"), &format!("{name}_norm"), width, true);
}

/// Embeddings and feed-forward layers of text rows.
pub(crate) fn is_text_branch(name: &str) -> bool {
    if ["qformer.embeddings.", "embeddings."].iter().any(|prefix| name.starts_with(prefix)) {
        return true;
    }
    let layer = name.strip_prefix("qformer.encoder.layer.").and_then(|rest| rest.split_once('.'));
    layer.is_some_and(|(number, rest)| {
        number.bytes().all(|byte| byte.is_ascii_digit())
            && ["intermediate.", "output."].iter().any(|part| rest.starts_with(part))
    })
}
