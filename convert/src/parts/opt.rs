//! The OPT language model (Zhang et al. 2022).
//!
//! Defaults are those of the configuration class, since `save_pretrained` omits what equals them. The epsilon is not
//! configurable there: every norm has PyTorch's 1e-5. Position rows 0 and 1 are padding: position p is row p + 2.

use super::language::{Facts, Language};
use super::{CONTEXT, LAYERS, VOCABULARY, WIDTH, activation, heads, pretrained};
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::settings::Neutral::Switch;
use crate::settings::{Known, Object};

/// Rows of the position table before position 0.
const POSITION_OFFSET: u32 = 2;

/// What has no effect in `OPTConfig`.
const OPT: &[Known] =
    &[Known::only(&["output_projection"], &[Switch(true)], "older versions saved it of models that have one")];

/// An OPT configuration.
#[derive(Debug)]
pub(crate) struct Opt {
    width: u32,
    /// Of the embedding table; where it is narrower than `width`, a linear layer leads in and another out.
    embedding: u32,
    vocabulary: u32,
    layers: u32,
    heads: u32,
    ffn: u32,
    context: u32,
    norm_before: bool,
    final_norm: bool,
    biases: bool,
    learned_norms: bool,
    tied: bool,
    act: &'static str,
}

impl Opt {
    pub(crate) fn read(config: &Object) -> Result<Self, ConvertError> {
        super::model_type(config, "opt")?;
        pretrained::language(config, OPT);
        let width = config.count("hidden_size", 1..=WIDTH, 768)?;
        let embedding = config.count("word_embed_proj_dim", 1..=WIDTH, width)?;
        if embedding > width {
            // The bridge gives rows of hidden_size: the original has too few numbers for rows of this width, and fails.
            let rule = format!("it must be at most hidden_size {width} for pictures to take the place of embeddings");
            return Err(config.unsupported("word_embed_proj_dim", embedding, rule));
        }
        let last_norm_removed = config.switch("_remove_final_layer_norm", false)?;
        let norm_before = config.switch("do_layer_norm_before", true)?;
        Ok(Self {
            width,
            embedding,
            vocabulary: config.count("vocab_size", 1..=VOCABULARY, 50_272)?,
            layers: config.count("num_hidden_layers", 1..=LAYERS, 12)?,
            heads: heads(config, "num_attention_heads", 12, width)?,
            ffn: config.count("ffn_dim", 1..=WIDTH, 3_072)?,
            context: config.count("max_position_embeddings", 1..=CONTEXT, 2_048)?,
            norm_before,
            final_norm: norm_before && !last_norm_removed,
            biases: config.switch("enable_bias", true)?,
            learned_norms: config.switch("layer_norm_elementwise_affine", true)?,
            tied: config.switch("tie_word_embeddings", true)?,
            act: activation(config, "activation_function", "relu")?,
        })
    }
}

impl Language for Opt {
    fn facts(&self) -> Facts {
        Facts {
            architecture: "opt",
            vocabulary: self.vocabulary,
            width: self.width,
            layers: self.layers,
            embedding: "model.decoder.embed_tokens",
            blocks: "model.decoder.layers.",
            ends: (Some(2), Some(2)),
            start: None,
        }
    }

    fn layout(&self, prefix: &str, layout: &mut Layout) {
        let (w, ffn, narrow) = (u64::from(self.width), u64::from(self.ffn), u64::from(self.embedding));
        let (vocabulary, positions) = (u64::from(self.vocabulary), u64::from(self.context + POSITION_OFFSET));
        let decoder = format!("{prefix}model.decoder");
        let (embedding, position) = (format!("{decoder}.embed_tokens"), format!("{decoder}.embed_positions.weight"));

        layout.matrix(&embedding, "token_embd", narrow, vocabulary);
        if narrow != w {
            layout.matrix(&format!("{decoder}.project_in"), "token_embd_in", narrow, w);
            layout.matrix(&format!("{decoder}.project_out"), "output_proj", w, narrow);
        }
        layout.exact(&position, &[positions, w], "position_embd", &[w, positions]);
        for n in 0..self.layers {
            let (from, to) = (format!("{decoder}.layers.{n}"), format!("blk.{n}"));
            layout.norm(&format!("{from}.self_attn_layer_norm"), &format!("{to}.attn_norm"), w, self.learned_norms);
            for (source, name, cols, rows) in [
                ("self_attn.q_proj", "attn_q", w, w),
                ("self_attn.k_proj", "attn_k", w, w),
                ("self_attn.v_proj", "attn_v", w, w),
                ("self_attn.out_proj", "attn_output", w, w),
                ("fc1", "ffn_up", w, ffn),
                ("fc2", "ffn_down", ffn, w),
            ] {
                layout.linear(&format!("{from}.{source}"), &format!("{to}.{name}"), cols, rows, self.biases);
            }
            layout.norm(&format!("{from}.final_layer_norm"), &format!("{to}.ffn_norm"), w, self.learned_norms);
        }
        if self.final_norm {
            layout.norm(&format!("{decoder}.final_layer_norm"), "output_norm", w, self.learned_norms);
        }
        layout.head(&format!("{prefix}lm_head"), &embedding, "output", narrow, vocabulary, self.tied);
    }

    fn keys(&self, keys: &mut Keys) {
        keys.set("opt.context_length", self.context);
        keys.set("opt.embedding_length", self.width);
        if self.embedding != self.width {
            keys.set("opt.embedding_projection_length", self.embedding);
        }
        keys.set("opt.block_count", self.layers);
        keys.set("opt.feed_forward_length", self.ffn);
        keys.set("opt.attention.head_count", self.heads);
        keys.set("opt.attention.layer_norm_epsilon", 1e-5f32);
        keys.set("opt.vocab_size", self.vocabulary);
        keys.set("opt.position_offset", POSITION_OFFSET);
        keys.set("opt.norm_before", self.norm_before);
        keys.set("opt.activation", self.act);
    }
}
