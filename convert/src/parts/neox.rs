//! GPT-NeoX (Black et al. 2022) and the models of its class, RedPajama-INCITE and Pythia among them.
//!
//! The fused projection has queries, keys and values of the first head, then those of the second, and so on. RoPE turns
//! the first `rotary_pct` of a head, by halves.

use super::{CONTEXT, LAYERS, VOCABULARY, WIDTH, activation, heads, pretrained};
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::parts::language::{Facts, Language};
use crate::parts::rope::Rope;
use crate::settings::Object;

/// A `GPTNeoXConfig`.
#[derive(Debug)]
pub(crate) struct NeoX {
    width: u32,
    vocabulary: u32,
    layers: u32,
    heads: u32,
    ffn: u32,
    context: u32,
    eps: f32,
    turned: u32,
    base: f32,
    parallel: bool,
    attention_biases: bool,
    tied: bool,
    act: &'static str,
}

impl NeoX {
    pub(crate) fn read(config: &Object) -> Result<Self, ConvertError> {
        pretrained::language(config, &[]);
        let width = config.count("hidden_size", 1..=WIDTH, 6_144)?;
        let heads = heads(config, "num_attention_heads", 64, width)?;
        let (rope, share) = Rope::read_neox(config)?;
        // Cut off as the original does it.
        let turned = (f64::from(width / heads) * share) as u32;
        if !(0.0..=1.0).contains(&share) || turned == 0 || !turned.is_multiple_of(2) {
            let rule = format!("must leave an even number above 0 of a head's {}", width / heads);
            return Err(config.bad("rotary_pct or partial_rotary_factor", share, rule));
        }
        Ok(Self {
            width,
            vocabulary: config.count("vocab_size", 1..=VOCABULARY, 50_432)?,
            layers: config.count("num_hidden_layers", 1..=LAYERS, 44)?,
            heads,
            ffn: config.count("intermediate_size", 1..=WIDTH, 24_576)?,
            context: config.count("max_position_embeddings", 1..=CONTEXT, 2_048)?,
            eps: config.epsilon("layer_norm_eps", 1e-5)?,
            turned,
            base: rope.base,
            parallel: config.switch("use_parallel_residual", true)?,
            attention_biases: config.switch("attention_bias", true)?,
            tied: config.switch("tie_word_embeddings", false)?,
            act: activation(config, "hidden_act", "gelu")?,
        })
    }
}

impl Language for NeoX {
    fn facts(&self) -> Facts {
        Facts {
            architecture: "gptneox",
            vocabulary: self.vocabulary,
            width: self.width,
            layers: self.layers,
            embedding: "gpt_neox.embed_in",
            blocks: "gpt_neox.layers.",
            ends: (Some(0), Some(2)),
            start: None,
        }
    }

    fn layout(&self, prefix: &str, layout: &mut Layout) {
        let (w, ffn, vocabulary) = (u64::from(self.width), u64::from(self.ffn), u64::from(self.vocabulary));
        layout.matrix(&format!("{prefix}gpt_neox.embed_in"), "token_embd", w, vocabulary);
        for n in 0..self.layers {
            let (from, to) = (format!("{prefix}gpt_neox.layers.{n}"), format!("blk.{n}"));
            layout.norm(&format!("{from}.input_layernorm"), &format!("{to}.attn_norm"), w, true);
            let parts = ["attn_q", "attn_k", "attn_v"].map(|part| format!("{to}.{part}"));
            let fused = format!("{from}.attention.query_key_value");
            layout.interleaved(&fused, parts, w, u64::from(self.heads), self.attention_biases);
            let (out, biases) = (format!("{from}.attention.dense"), self.attention_biases);
            layout.linear(&out, &format!("{to}.attn_output"), w, w, biases);
            layout.norm(&format!("{from}.post_attention_layernorm"), &format!("{to}.ffn_norm"), w, true);
            layout.linear(&format!("{from}.mlp.dense_h_to_4h"), &format!("{to}.ffn_up"), w, ffn, true);
            layout.linear(&format!("{from}.mlp.dense_4h_to_h"), &format!("{to}.ffn_down"), ffn, w, true);
        }
        layout.norm(&format!("{prefix}gpt_neox.final_layer_norm"), "output_norm", w, true);
        layout.head(
            &format!("{prefix}embed_out"),
            &format!("{prefix}gpt_neox.embed_in"),
            "output",
            w,
            vocabulary,
            self.tied,
        );
        layout.skip(|name| {
            [".attention.bias", ".attention.masked_bias", ".rotary_emb.inv_freq"].iter().any(|end| name.ends_with(end))
        });
    }

    fn keys(&self, keys: &mut Keys) {
        keys.set("gptneox.context_length", self.context);
        keys.set("gptneox.embedding_length", self.width);
        keys.set("gptneox.block_count", self.layers);
        keys.set("gptneox.feed_forward_length", self.ffn);
        keys.set("gptneox.attention.head_count", self.heads);
        keys.set("gptneox.attention.layer_norm_epsilon", self.eps);
        keys.set("gptneox.rope.dimension_count", self.turned);
        keys.set("gptneox.rope.freq_base", self.base);
        keys.set("gptneox.use_parallel_residual", self.parallel);
        keys.set("gptneox.vocab_size", self.vocabulary);
        if self.act != "gelu" {
            keys.set("gptneox.activation", self.act);
        }
    }
}
