//! LFM2 (Liquid AI 2025): layers with gated short convolutions beside layers that attend, in the names of `Lfm2Config`.
//!
//! The non-obvious thing: the width of the feed-forward layer is computed from `intermediate_size` as the class does, unless
//! `block_auto_adjust_ff_dim` is off, and layers that convolve are those without key/value heads in the output.

use super::language::{Facts, Language};
use super::rope::{LINEAR, Rope, Scaling};
use super::{CONTEXT, HEADS, LAYERS, VOCABULARY, WIDTH, heads, only, positive, pretrained};
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::{Change, Layout};
use crate::settings::{Known, Object};
use serde_json::Value;

/// A `Lfm2Config`.
#[derive(Debug)]
pub(crate) struct Lfm2 {
    width: u32,
    vocabulary: u32,
    heads: u32,
    kv_heads: u32,
    ffn: u32,
    context: u32,
    eps: f32,
    rope: Rope,
    /// Positions that a convolution reads.
    taps: u32,
    /// Which layers attend.
    attends: Vec<bool>,
    tied: bool,
}

/// What has no effect in it: what the authors' own code reads, and training.
const SETTINGS: &[Known] = &[
    Known::without_effect(
        &[
            "block_dim",
            "block_mlp_init_scale",
            "block_norm_eps",
            "block_out_init_scale",
            "block_use_swiglu",
            "block_use_xavier_init",
            "conv_dim",
            "conv_dim_out",
            "conv_use_xavier_init",
            "num_heads",
            "use_pos_enc",
        ],
        "the class does not read it",
    ),
    Known::without_effect(&["original_max_position_embeddings"], "only a rope_type of 'llama3' reads it"),
];
/// Most positions that a convolution may read, as the engine has it.
const TAPS: u32 = 64;

impl Lfm2 {
    pub(crate) fn read(config: &Object) -> Result<Self, ConvertError> {
        super::model_type(config, "lfm2")?;
        pretrained::language(config, SETTINGS);
        only(config, "conv_bias", false)?;
        let width = config.count("hidden_size", 1..=WIDTH, 2_560)?;
        let heads = heads(config, "num_attention_heads", 32, width)?;
        let head = width / heads;
        if !head.is_multiple_of(2) {
            return Err(config.bad("num_attention_heads", heads, format!("must make heads of {width} that are even")));
        }
        if config.count("head_dim", 1..=WIDTH, head)? != head {
            return Err(config.unsupported(
                "head_dim",
                "another width",
                format!("only hidden_size / heads, {head}, is"),
            ));
        }
        let kv_heads = config.same("num_key_value_heads", 1..=HEADS, 8)?;
        if !heads.is_multiple_of(kv_heads) {
            return Err(config.bad(
                "num_key_value_heads",
                kv_heads,
                format!("must divide num_attention_heads {heads}"),
            ));
        }
        let layers = config.count("num_hidden_layers", 1..=LAYERS, 32)?;
        let rope = Rope::read(config, 1e6, LINEAR)?;
        // The name of older configurations goes before the other in some versions and is not read by others.
        if let Some(theta) = config.optional_number("theta")?
            && theta as f32 != rope.base
        {
            return Err(config.bad("theta", theta, format!("must be rope_theta {}", rope.base)));
        }
        let tied = if config.has("tie_embedding") { "tie_embedding" } else { "tie_word_embeddings" };
        Ok(Self {
            width,
            vocabulary: config.count("vocab_size", 1..=VOCABULARY, 65_536)?,
            heads,
            kv_heads,
            ffn: feed_forward(config)?,
            context: config.count("max_position_embeddings", 1..=CONTEXT, 128_000)?,
            eps: config.epsilon("norm_eps", 1e-5)?,
            rope,
            taps: config.count("conv_L_cache", 1..=TAPS, 3)?,
            attends: attends(config, layers)?,
            tied: config.switch(tied, true)?,
        })
    }
}

/// The width of the feed-forward layers: two thirds, times a factor, rounded up.
fn feed_forward(config: &Object) -> Result<u32, ConvertError> {
    const AUTO: &str = "block_auto_adjust_ff_dim";
    let name = if config.has("block_ff_dim") { "block_ff_dim" } else { "intermediate_size" };
    let given = config.count(name, 1..=WIDTH, 12_288)?;
    let factor = (!config.is_null("block_ffn_dim_multiplier"))
        .then(|| positive(config, "block_ffn_dim_multiplier", 1.0).map(f64::from))
        .transpose()?;
    let multiple = config.count("block_multiple_of", 1..=WIDTH, 256)?;
    if !config.switch(AUTO, true)? {
        return Ok(given);
    }
    let two_thirds = (f64::from(2 * given) / 3.0) as u32;
    let width = match factor {
        None => two_thirds,
        // Bounded, so that what is too wide is refused below.
        Some(factor) => {
            ((factor * f64::from(two_thirds)) as u32).min(2 * WIDTH).div_ceil(multiple).saturating_mul(multiple)
        }
    };
    if (1..=WIDTH).contains(&width) {
        return Ok(width);
    }
    Err(config.bad(name, given, format!("makes a feed-forward layer {width} wide, which must be 1 to {WIDTH}")))
}

/// Which layers attend: by `layer_types`, or by `full_attn_idxs`, all of them where neither says.
fn attends(config: &Object, layers: u32) -> Result<Vec<bool>, ConvertError> {
    const KINDS: &str = "layer_types";
    let listed = config.counts("full_attn_idxs", 0..=LAYERS, LAYERS as usize, &[])?;
    let attends: Vec<bool> = match config.get(KINDS) {
        None | Some(Value::Null) if listed.is_empty() => vec![true; layers as usize],
        None | Some(Value::Null) => (0..layers).map(|layer| listed.contains(&layer)).collect(),
        Some(Value::Array(kinds)) => {
            let one = |kind: &Value| match kind.as_str() {
                Some("full_attention") => Ok(true),
                Some("conv") => Ok(false),
                _ => Err(config.unsupported(KINDS, kind, "each must be 'full_attention' or 'conv'")),
            };
            kinds.iter().map(one).collect::<Result<_, _>>()?
        }
        Some(other) => return Err(config.mismatch(KINDS, "a list", other)),
    };
    if attends.len() != layers as usize {
        let rule = format!("must be as many as num_hidden_layers {layers}");
        return Err(config.bad(KINDS, format!("{} layers", attends.len()), rule));
    }
    if !attends.contains(&true) {
        return Err(config.unsupported(KINDS, "'conv' alone", "at least one layer must attend"));
    }
    Ok(attends)
}

impl Language for Lfm2 {
    fn facts(&self) -> Facts {
        Facts {
            architecture: "lfm2",
            vocabulary: self.vocabulary,
            width: self.width,
            layers: u32::try_from(self.attends.len()).unwrap_or(u32::MAX),
            embedding: "model.embed_tokens",
            blocks: "model.layers.",
            ends: (Some(1), Some(2)),
            start: None,
        }
    }

    fn layout(&self, prefix: &str, layout: &mut Layout) {
        let (w, ffn, vocabulary) = (u64::from(self.width), u64::from(self.ffn), u64::from(self.vocabulary));
        let head = w / u64::from(self.heads);
        let keys = head * u64::from(self.kv_heads);
        let taps = u64::from(self.taps);
        let table = format!("{prefix}model.embed_tokens");
        layout.matrix(&table, "token_embd", w, vocabulary);
        for (n, attends) in self.attends.iter().enumerate() {
            let (from, to) = (format!("{prefix}model.layers.{n}"), format!("blk.{n}"));
            let mut scale = |source: &str, name: &str, width: u64| {
                layout.scale(&format!("{from}.{source}"), &format!("{to}.{name}"), width, Change::None);
            };
            scale("operator_norm", "attn_norm", w);
            scale("ffn_norm", "ffn_norm", w);
            if *attends {
                scale("self_attn.q_layernorm", "attn_q_norm", head);
                scale("self_attn.k_layernorm", "attn_k_norm", head);
            }
            let attention = [
                ("self_attn.q_proj", "attn_q", w, w),
                ("self_attn.k_proj", "attn_k", w, keys),
                ("self_attn.v_proj", "attn_v", w, keys),
                ("self_attn.out_proj", "attn_output", w, w),
            ];
            let convolution =
                [("conv.in_proj", "shortconv.in_proj", w, 3 * w), ("conv.out_proj", "shortconv.out_proj", w, w)];
            let feed_forward = [
                ("feed_forward.w1", "ffn_gate", w, ffn),
                ("feed_forward.w3", "ffn_up", w, ffn),
                ("feed_forward.w2", "ffn_down", ffn, w),
            ];
            let mixes: &[_] = if *attends { &attention } else { &convolution };
            for &(source, name, cols, rows) in mixes.iter().chain(&feed_forward) {
                layout.matrix(&format!("{from}.{source}"), &format!("{to}.{name}"), cols, rows);
            }
            if !attends {
                let source = format!("{from}.conv.conv.weight");
                layout.exact(&source, &[w, 1, taps], &format!("{to}.shortconv.conv"), &[taps, w]);
            }
        }
        // llama.cpp's name, though it is that of the last layer's result.
        layout.scale(&format!("{prefix}model.embedding_norm"), "token_embd_norm", w, Change::None);
        layout.head(&format!("{prefix}lm_head"), &table, "output", w, vocabulary, self.tied);
    }

    fn keys(&self, keys: &mut Keys) {
        let head = self.width / self.heads;
        let kv: Vec<u32> = self.attends.iter().map(|attends| if *attends { self.kv_heads } else { 0 }).collect();
        let mut set = |name: &str, value: u32| keys.set(format!("lfm2.{name}"), value);
        set("context_length", self.context);
        set("embedding_length", self.width);
        set("block_count", u32::try_from(self.attends.len()).unwrap_or(u32::MAX));
        set("feed_forward_length", self.ffn);
        set("attention.head_count", self.heads);
        set("rope.dimension_count", head);
        set("vocab_size", self.vocabulary);
        set("shortconv.l_cache", self.taps);
        keys.set("lfm2.attention.head_count_kv", kv);
        keys.set("lfm2.attention.layer_norm_rms_epsilon", self.eps);
        keys.set("lfm2.rope.freq_base", self.rope.base);
        if let Scaling::Linear(factor) = self.rope.scaling {
            keys.set("lfm2.rope.scaling.type", "linear");
            keys.set("lfm2.rope.scaling.factor", factor);
        }
    }
}
