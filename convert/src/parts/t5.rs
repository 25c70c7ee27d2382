//! T5 (Raffel et al. 2020), T5 1.1 and Flan-T5: an encoder and a decoder.
//!
//! The non-obvious thing: several settings say what they do not name. `dense_act_fn` and `is_gated_act` are what
//! `feed_forward_proj` becomes, and go over it where they are saved; "gated-gelu" alone means the tanh polynomial. And
//! `tie_word_embeddings` also says whether the decoder's output is scaled, which 5.x calls `scale_decoder_outputs`.

use super::language::{Facts, Language};
use super::{CONTEXT, HEAD, HEADS, LAYERS, VOCABULARY, WIDTH, activation, pretrained};
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::settings::{Known, Object};

/// What has no effect in `T5Config`.
const T5: &[Known] = &[
    Known::without_effect(&["dropout_rate"], "only training drops out"),
    Known::without_effect(&["output_past"], "says which numbers were returned"),
];

/// A `T5Config`.
#[derive(Debug)]
pub(crate) struct T5 {
    width: u32,
    vocabulary: u32,
    layers: u32,
    decoder_layers: u32,
    heads: u32,
    head: u32,
    ffn: u32,
    context: u32,
    buckets: u32,
    reach: u32,
    eps: f32,
    act: &'static str,
    gated: bool,
    tied: bool,
    scaled: bool,
    /// Tokens that pad and that end a text.
    pad: u32,
}

impl T5 {
    pub(crate) fn read(config: &Object) -> Result<Self, ConvertError> {
        super::model_type(config, "t5")?;
        pretrained::language(config, T5);
        super::only(config, "is_encoder_decoder", true)?;
        let count = |name, other, most, default| config.count(config.alias(name, other)?, 1..=most, default);
        let (heads, head) =
            (count("num_heads", "num_attention_heads", HEADS, 8)?, count("d_kv", "head_dim", HEAD, 64)?);
        if heads * head > WIDTH {
            return Err(config.bad("d_kv", head, format!("{heads} heads are wider than {WIDTH}")));
        }
        let buckets = config.count("relative_attention_num_buckets", 4..=4_096, 32)?;
        // The decoder's buckets, all on one side, tell this many distances apart one by one.
        let reach = config.count("relative_attention_max_distance", buckets / 2 + 1..=4_096, 128)?;
        let layers = count("num_layers", "num_hidden_layers", LAYERS, 6)?;
        let (gated, act) = feed_forward(config)?;
        let tied = config.switch("tie_word_embeddings", true)?;
        let vocabulary = config.count("vocab_size", 1..=VOCABULARY, 32_128)?;
        Ok(Self {
            width: count("d_model", "hidden_size", WIDTH, 512)?,
            vocabulary,
            layers,
            decoder_layers: config.count("num_decoder_layers", 1..=LAYERS, layers)?,
            heads,
            head,
            ffn: config.count("d_ff", 1..=WIDTH, 2_048)?,
            // The class has no such limit; released tokenizers and configurations name this one.
            context: config.count("n_positions", 1..=CONTEXT, 512)?,
            buckets,
            reach,
            eps: config.epsilon("layer_norm_epsilon", 1e-6)?,
            act,
            gated,
            tied,
            scaled: config.switch("scale_decoder_outputs", tied)?,
            pad: config.count("pad_token_id", 0..=vocabulary - 1, 0)?,
        })
    }

    /// The names of a stack's attention of a kind, from and to.
    fn attention(&self, from: &str, to: &str, layout: &mut Layout) {
        let (w, inner) = (u64::from(self.width), u64::from(self.heads * self.head));
        for (source, name, cols, rows) in
            [("q", "q", w, inner), ("k", "k", w, inner), ("v", "v", w, inner), ("o", "o", inner, w)]
        {
            layout.linear(&format!("{from}.{source}"), &format!("{to}_{name}"), cols, rows, false);
        }
    }

    /// A stack, `encoder` or `decoder`, of so many layers.
    fn stack(&self, prefix: &str, stack: &str, layers: u32, layout: &mut Layout) {
        let (w, ffn) = (u64::from(self.width), u64::from(self.ffn));
        let (heads, buckets) = (u64::from(self.heads), u64::from(self.buckets));
        let (from, to) = (format!("{prefix}{stack}"), &stack[..3]);
        let norm = |source: String, name: String, layout: &mut Layout| {
            layout.vector(&format!("{source}.weight"), &format!("{name}.weight"), w);
        };
        let table = format!("{from}.block.0.layer.0.SelfAttention.relative_attention_bias.weight");
        layout.exact(&table, &[buckets, heads], &format!("{to}.blk.0.attn_rel_b"), &[heads, buckets]);
        for n in 0..layers {
            let (from, to) = (format!("{from}.block.{n}.layer"), format!("{to}.blk.{n}"));
            norm(format!("{from}.0.layer_norm"), format!("{to}.attn_norm"), layout);
            self.attention(&format!("{from}.0.SelfAttention"), &format!("{to}.attn"), layout);
            let cross = stack == "decoder";
            if cross {
                norm(format!("{from}.1.layer_norm"), format!("{to}.cross_attn_norm"), layout);
                self.attention(&format!("{from}.1.EncDecAttention"), &format!("{to}.cross_attn"), layout);
            }
            let last = format!("{from}.{}", if cross { 2 } else { 1 });
            norm(format!("{last}.layer_norm"), format!("{to}.ffn_norm"), layout);
            let ups: &[_] = if self.gated { &[("wi_0", "gate"), ("wi_1", "up")] } else { &[("wi", "up")] };
            for (source, name) in ups {
                layout.linear(&format!("{last}.DenseReluDense.{source}"), &format!("{to}.ffn_{name}"), w, ffn, false);
            }
            layout.linear(&format!("{last}.DenseReluDense.wo"), &format!("{to}.ffn_down"), ffn, w, false);
        }
        norm(format!("{from}.final_layer_norm"), format!("{to}.output_norm"), layout);
    }
}

/// Whether the feed-forward layers are gated, and their activation.
fn feed_forward(config: &Object) -> Result<(bool, &'static str), ConvertError> {
    const KEY: &str = "feed_forward_proj";
    let (own, gates) = (config.text("dense_act_fn")?.is_some(), config.has("is_gated_act"));
    let named = config.text(KEY)?.unwrap_or("relu").to_owned();
    let (gated, act) = match named.split_once('-') {
        None => (false, named.as_str()),
        Some(("gated", "gelu")) => (true, "gelu_new"),
        Some(("gated", act)) if !act.contains('-') => (true, act),
        Some(_) => return Err(config.bad(KEY, &named, "must be an activation, or 'gated-' and an activation")),
    };
    let gated = if gates { config.switch("is_gated_act", gated)? } else { gated };
    if own {
        return Ok((gated, activation(config, "dense_act_fn", "relu")?));
    }
    Ok((gated, activation(&config.with(KEY, act), KEY, act)?))
}

impl Language for T5 {
    fn facts(&self) -> Facts {
        Facts {
            architecture: "t5",
            vocabulary: self.vocabulary,
            width: self.width,
            layers: self.decoder_layers,
            embedding: "shared",
            blocks: "decoder.block.",
            ends: (Some(1), Some(1)),
            start: Some(self.pad),
        }
    }

    fn layout(&self, prefix: &str, layout: &mut Layout) {
        let (w, vocabulary) = (u64::from(self.width), u64::from(self.vocabulary));
        let embedding = format!("{prefix}shared");
        layout.matrix(&embedding, "token_embd", w, vocabulary);
        layout.repeated(&embedding, &["encoder", "decoder"].map(|stack| format!("{prefix}{stack}.embed_tokens")));
        self.stack(prefix, "encoder", self.layers, layout);
        self.stack(prefix, "decoder", self.decoder_layers, layout);
        // Left over from early versions; the class has none.
        layout.skip(|name| name.ends_with(".EncDecAttention.relative_attention_bias.weight"));
        layout.head(&format!("{prefix}lm_head"), &embedding, "output", w, vocabulary, self.tied);
        layout.optional_head();
    }

    fn keys(&self, keys: &mut Keys) {
        keys.set("t5.context_length", self.context);
        keys.set("t5.embedding_length", self.width);
        keys.set("t5.block_count", self.layers);
        keys.set("t5.decoder_block_count", self.decoder_layers);
        keys.set("t5.feed_forward_length", self.ffn);
        keys.set("t5.attention.head_count", self.heads);
        keys.set("t5.attention.key_length", self.head);
        keys.set("t5.attention.value_length", self.head);
        keys.set("t5.attention.layer_norm_epsilon", self.eps);
        keys.set("t5.attention.layer_norm_rms_epsilon", self.eps);
        keys.set("t5.attention.relative_buckets_count", self.buckets);
        keys.set("t5.attention.relative_max_distance", self.reach);
        keys.set("t5.vocab_size", self.vocabulary);
        keys.set("t5.activation", self.act);
        let scale = if self.scaled { f64::from(self.width).powf(-0.5) as f32 } else { 1.0 };
        keys.set("t5.logit_scale", scale);
    }
}
