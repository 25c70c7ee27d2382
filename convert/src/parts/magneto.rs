//! Magneto (Wang et al. 2022), the language model of KOSMOS-1 and KOSMOS-2, in the names transformers gives KOSMOS-2's.
//!
//! The non-obvious thing: the sines that are added to embeddings begin behind the padding token's number, and what the
//! checkpoint may have of their table is computed anew. `final_layer_norm` is that ahead of a layer's feed-forward part.

use super::language::{Facts, Language};
use super::{CONTEXT, LAYERS, VOCABULARY, WIDTH, activation, heads, pretrained};
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::settings::Object;

/// How positions enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    /// As sines, the first being this number's.
    Waves(u32),
    /// By xPos, as in KOSMOS-1.
    XPos,
}

/// A `Kosmos2TextConfig`.
#[derive(Debug)]
pub(crate) struct Magneto {
    pub(crate) width: u32,
    pub(crate) heads: u32,
    vocabulary: u32,
    layers: u32,
    ffn: u32,
    context: u32,
    eps: f32,
    act: &'static str,
    scaled: bool,
    tied: bool,
    position: Position,
}

impl Magneto {
    pub(crate) fn read(config: &Object) -> Result<Self, ConvertError> {
        super::model_type(config, "kosmos_2_text_model")?;
        pretrained::language(config, &[]);
        let count = |name, other, most, default| config.count(config.alias(name, other)?, 1..=most, default);
        let width = count("embed_dim", "hidden_size", WIDTH, 2_048)?;
        if width < 4 {
            return Err(config.bad("embed_dim", width, "must be at least 4 for sines of positions"));
        }
        let vocabulary = config.count("vocab_size", 1..=VOCABULARY, 65_037)?;
        Ok(Self {
            width,
            heads: heads(config, config.alias("attention_heads", "num_attention_heads")?, 32, width)?,
            vocabulary,
            layers: count("layers", "num_hidden_layers", LAYERS, 24)?,
            ffn: config.count("ffn_dim", 1..=WIDTH, 8_192)?,
            context: config.count("max_position_embeddings", 1..=CONTEXT, 2_048)?,
            eps: config.epsilon("layer_norm_eps", 1e-5)?,
            act: activation(config, "activation_function", "gelu")?,
            scaled: config.switch("scale_embedding", true)?,
            tied: config.switch("tie_word_embeddings", true)?,
            position: Position::Waves(config.count("pad_token_id", 0..=1_023, 1)? + 1),
        })
    }

    /// The same with positions by xPos.
    pub(crate) fn with_xpos(self) -> Self {
        Self { position: Position::XPos, ..self }
    }
}

impl Language for Magneto {
    fn facts(&self) -> Facts {
        Facts {
            architecture: "kosmos",
            vocabulary: self.vocabulary,
            width: self.width,
            layers: self.layers,
            embedding: "model.embed_tokens",
            blocks: "model.layers.",
            ends: (Some(0), Some(2)),
            start: None,
        }
    }

    fn layout(&self, prefix: &str, layout: &mut Layout) {
        let (w, ffn, vocabulary) = (u64::from(self.width), u64::from(self.ffn), u64::from(self.vocabulary));
        let embedding = format!("{prefix}model.embed_tokens");
        layout.matrix(&embedding, "token_embd", w, vocabulary);
        for n in 0..self.layers {
            let (from, to) = (format!("{prefix}model.layers.{n}"), format!("blk.{n}"));
            for (source, name, width) in [
                ("self_attn_layer_norm", "attn_norm", w),
                ("self_attn.inner_attn_ln", "attn_sub_norm", w),
                ("final_layer_norm", "ffn_norm", w),
                ("ffn.ffn_layernorm", "ffn_sub_norm", ffn),
            ] {
                layout.norm(&format!("{from}.{source}"), &format!("{to}.{name}"), width, true);
            }
            for (source, name, cols, rows) in [
                ("self_attn.q_proj", "attn_q", w, w),
                ("self_attn.k_proj", "attn_k", w, w),
                ("self_attn.v_proj", "attn_v", w, w),
                ("self_attn.out_proj", "attn_output", w, w),
                ("ffn.fc1", "ffn_up", w, ffn),
                ("ffn.fc2", "ffn_down", ffn, w),
            ] {
                layout.linear(&format!("{from}.{source}"), &format!("{to}.{name}"), cols, rows, true);
            }
        }
        layout.norm(&format!("{prefix}model.layer_norm"), "output_norm", w, true);
        layout.head(&format!("{prefix}lm_head"), &embedding, "output", w, vocabulary, self.tied);
        // A table of sines, and scales of xPos that are not used or computed anew.
        layout.skip(|name| name.ends_with("embed_positions.weights") || name.ends_with("self_attn_sope.scale"));
    }

    fn keys(&self, keys: &mut Keys) {
        keys.set("kosmos.context_length", self.context);
        keys.set("kosmos.embedding_length", self.width);
        keys.set("kosmos.block_count", self.layers);
        keys.set("kosmos.feed_forward_length", self.ffn);
        keys.set("kosmos.attention.head_count", self.heads);
        keys.set("kosmos.attention.layer_norm_epsilon", self.eps);
        keys.set("kosmos.vocab_size", self.vocabulary);
        keys.set("kosmos.activation", self.act);
        // √width in f64, then f32, as in the original.
        keys.set("kosmos.embedding_scale", if self.scaled { f64::from(self.width).sqrt() as f32 } else { 1.0 });
        match self.position {
            Position::Waves(offset) => {
                keys.set("kosmos.position", "waves");
                keys.set("kosmos.position_offset", offset);
            }
            Position::XPos => keys.set("kosmos.position", "xpos"),
        }
    }
}
