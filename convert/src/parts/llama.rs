//! The language models of LLaMA's kind: LLaMA itself (Touvron et al. 2023; Dubey et al. 2024) and Gemma 3 (2025).
//!
//! Defaults are those of the configuration classes. What GGUF files have otherwise than checkpoints: LLaMA's queries and
//! keys have the pairs that RoPE turns next to each other; Gemma's norms have the one added that the original adds when it
//! runs; and llama 3.1's scaling is a factor for each frequency, `rope_freqs.weight`.

use serde_json::Value;

use super::language::{Facts, Language};
use super::rope::{Rope, Scaling};
use super::{CONTEXT, HEAD, HEADS, LAYERS, VOCABULARY, WIDTH, activation, only, positive, pretrained};
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::{Change, Layout};
use crate::settings::Neutral::{Number, Switch};
use crate::settings::{Known, Object};

/// One layer in so many sees everything, where Gemma's configuration does not list them.
const PATTERN: u32 = 6;

/// What has no effect in `LlamaConfig`.
const LLAMA: &[Known] = &[
    Known::without_effect(&["pretraining_tp"], "it only divides sums, which stay the same"),
    Known::only(&["partial_rotary_factor"], &[Number(1.0)], "all of a head is turned"),
    Known::without_effect(&["max_sequence_length"], "the class does not read it"),
    Known::without_effect(&["original_max_position_embeddings"], "only a rope_type of 'llama3' reads it"),
    Known::only(&["use_sliding_window"], &[Switch(false)], "each position sees all before it"),
];

/// What has no effect in `Gemma3TextConfig`.
const GEMMA: &[Known] = &[
    Known::without_effect(
        &["_sliding_window_pattern", "cache_implementation"],
        "layer_types says which layers have the window",
    ),
    Known::without_effect(&["hidden_act"], "the class reads hidden_activation"),
];

/// What has no effect in `IdeficsConfig`.
const IDEFICS: &[Known] = &[
    Known::without_effect(
        &[
            "alpha_initializer",
            "alphas_initializer_range",
            "freeze_lm_head",
            "freeze_text_layers",
            "freeze_text_module_exceptions",
            "freeze_vision_layers",
            "freeze_vision_module_exceptions",
        ],
        "only training reads it",
    ),
    Known::without_effect(
        &[
            "attention_bias",
            "ffn_dim",
            "head_dim",
            "max_sequence_length",
            "mlp_bias",
            "num_key_value_heads",
            "word_embed_proj_dim",
        ],
        "the class reads none of them",
    ),
    Known::without_effect(&["original_max_position_embeddings"], "only a rope_type of 'llama3' reads it"),
    Known::only(
        &["cross_layer_activation_function"],
        &[crate::settings::Neutral::Text("swiglu")],
        "gated layers have SwiGLU",
    ),
];

/// A configuration.
#[derive(Debug)]
pub(crate) struct Llama {
    gemma: Option<Gemma>,
    pub(crate) width: u32,
    /// All rows of the embedding.
    pub(crate) vocabulary: u32,
    /// Of them, those in a table of their own: IDEFICS'.
    additional: u32,
    pub(crate) layers: u32,
    heads: u32,
    kv_heads: u32,
    head: u32,
    ffn: u32,
    context: u32,
    pub(crate) eps: f32,
    rope: Rope,
    attention_biases: bool,
    ffn_biases: bool,
    tied: bool,
}

/// What only Gemma has.
#[derive(Debug)]
struct Gemma {
    window: u32,
    local: Vec<bool>,
    local_base: f32,
    /// The queries are divided by its root.
    query_scalar: f64,
    logit_cap: Option<f32>,
}

/// The class of a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Llama,
    Gemma,
    Idefics,
}

impl Class {
    fn of(config: &Object) -> Result<Self, ConvertError> {
        let (class, settings) = match config.text("model_type")? {
            None | Some("llama") => (Self::Llama, LLAMA),
            Some("idefics") => (Self::Idefics, IDEFICS),
            Some("gemma3_text") => (Self::Gemma, GEMMA),
            Some(other) => return Err(config.unsupported("model_type", other, "only 'llama' and 'gemma3_text' are")),
        };
        pretrained::language(config, settings);
        Ok(class)
    }

    /// Heads of queries, heads of keys, and how wide a head is.
    fn heads(self, config: &Object, width: u32) -> Result<[u32; 3], ConvertError> {
        let gemma = self == Self::Gemma;
        if self == Self::Idefics || (self == Self::Llama && !config.has("head_dim")) {
            super::heads(config, "num_attention_heads", 32, width)?;
        }
        let heads = config.same("num_attention_heads", 1..=HEADS, if gemma { 8 } else { 32 })?;
        let (kv_heads, head) = match self {
            Self::Idefics => (heads, width / heads),
            Self::Llama if !config.has("head_dim") => {
                (config.same("num_key_value_heads", 1..=HEADS, heads)?, width / heads)
            }
            _ => (
                config.same("num_key_value_heads", 1..=HEADS, if gemma { 4 } else { heads })?,
                config.count("head_dim", 1..=HEAD, 256)?,
            ),
        };
        if !heads.is_multiple_of(kv_heads) {
            let rule = format!("must divide num_attention_heads {heads}");
            return Err(config.bad("num_key_value_heads", kv_heads, rule));
        }
        if !head.is_multiple_of(2) || heads * head > WIDTH {
            return Err(config.bad("head_dim", head, format!("must be even, and {heads} heads at most {WIDTH} wide")));
        }
        Ok([heads, kv_heads, head])
    }
}

impl Llama {
    pub(crate) fn read(config: &Object) -> Result<Self, ConvertError> {
        let class = Class::of(config)?;
        let (gemma, idefics) = (class == Class::Gemma, class == Class::Idefics);
        let or = |llama: u32, gemma3: u32| if gemma { gemma3 } else { llama };
        let width = config.count("hidden_size", 1..=WIDTH, or(4_096, 2_304))?;
        let [heads, kv_heads, head] = class.heads(config, width)?;
        let (key, act) = if gemma { ("hidden_activation", "gelu_tanh") } else { ("hidden_act", "silu") };
        let default = if gemma { "gelu_pytorch_tanh" } else { "silu" };
        if activation(config, key, default)? != act {
            return Err(config.unsupported(key, config.text(key)?.unwrap_or_default(), format!("only '{default}' is")));
        }
        let layers = config.count("num_hidden_layers", 1..=LAYERS, or(32, 26))?;
        let (rope, local_base) = match class {
            Class::Llama => (Rope::read(config, 1e4)?, 0.0),
            Class::Idefics => (Rope::read_idefics(config)?, 0.0),
            Class::Gemma => Rope::read_gemma(config)?,
        };
        if gemma {
            only(config, "attention_bias", false)?;
            only(config, "use_bidirectional_attention", false)?;
            if let Some(cap) = config.optional_number("attn_logit_softcapping")? {
                return Err(config.unsupported("attn_logit_softcapping", cap, "only null is"));
            }
        }
        let additional = if idefics { config.count("additional_vocab_size", 0..=VOCABULARY, 0)? } else { 0 };
        // IDEFICS' older configurations name the length of what it was trained on, if anything.
        let older = idefics && !config.has("max_position_embeddings") && config.has("max_sequence_length");
        let context = if older { "max_sequence_length" } else { "max_position_embeddings" };
        Ok(Self {
            width,
            vocabulary: config.count("vocab_size", 1..=VOCABULARY, or(32_000, 262_208))? + additional,
            additional,
            layers,
            heads,
            kv_heads,
            head,
            ffn: config.count("intermediate_size", 1..=WIDTH, or(11_008, 9_216))?,
            context: config.count(context, 1..=CONTEXT, or(2_048, 131_072))?,
            eps: config.epsilon("rms_norm_eps", 1e-6)?,
            rope,
            attention_biases: class == Class::Llama && config.switch("attention_bias", false)?,
            ffn_biases: class == Class::Llama && config.switch("mlp_bias", false)?,
            tied: config.switch("tie_word_embeddings", gemma)?,
            gemma: gemma.then(|| Gemma::read(config, layers, local_base)).transpose()?,
        })
    }

    /// What each frequency is divided by: nothing where a turn is short, the factor where it is long, and between the two
    /// a mean of both.
    fn factors(&self) -> Vec<f32> {
        let Scaling::Llama3 { factor, low, high, context } = self.rope.scaling else { return Vec::new() };
        let one = |i: u32| {
            let power = f64::from((2 * i) as f32 / self.head as f32);
            let frequency = f64::from(1.0 / f64::from(self.rope.base).powf(power) as f32);
            let wavelength = std::f64::consts::TAU / frequency;
            if wavelength < context / high {
                1.0
            } else if wavelength > context / low {
                factor
            } else {
                let share = (context / wavelength - low) / (high - low);
                1.0 / ((1.0 - share) / factor + share)
            }
        };
        (0..self.head / 2).map(|i| one(i) as f32).collect()
    }
}

impl Language for Llama {
    fn facts(&self) -> Facts {
        let gemma = self.gemma.is_some();
        Facts {
            architecture: if gemma { "gemma3" } else { "llama" },
            vocabulary: self.vocabulary,
            width: self.width,
            layers: self.layers,
            embedding: "model.embed_tokens",
            blocks: "model.layers.",
            ends: if gemma { (2, 1) } else { (1, 2) },
            start: None,
        }
    }

    fn layout(&self, prefix: &str, layout: &mut Layout) {
        let (w, ffn, vocabulary) = (u64::from(self.width), u64::from(self.ffn), u64::from(self.vocabulary));
        let head = u64::from(self.head);
        let (queries, keys) = (u64::from(self.heads) * head, u64::from(self.kv_heads) * head);
        let gemma = self.gemma.is_some();
        let (turned, norm) =
            if gemma { (Change::None, Change::Plus(1.0)) } else { (Change::Pairs(head), Change::None) };

        if self.additional == 0 {
            layout.matrix(&format!("{prefix}model.embed_tokens"), "token_embd", w, vocabulary);
        } else {
            let additional = u64::from(self.additional);
            let parts = [
                (format!("{prefix}model.embed_tokens.weight"), vocabulary - additional),
                (format!("{prefix}model.embed_tokens.additional_embedding.weight"), additional),
            ];
            layout.joined(&parts, "token_embd", w);
        }
        if let Scaling::Llama3 { .. } = self.rope.scaling {
            layout.values("rope_freqs.weight", self.factors());
        }
        for n in 0..self.layers {
            let (from, to) = (format!("{prefix}model.layers.{n}"), format!("blk.{n}"));
            let mut scale = |source: &str, name: &str, width: u64| {
                layout.scale(&format!("{from}.{source}"), &format!("{to}.{name}"), width, norm);
            };
            scale("input_layernorm", "attn_norm", w);
            if gemma {
                scale("self_attn.q_norm", "attn_q_norm", head);
                scale("self_attn.k_norm", "attn_k_norm", head);
                scale("post_attention_layernorm", "post_attention_norm", w);
                scale("pre_feedforward_layernorm", "ffn_norm", w);
                scale("post_feedforward_layernorm", "post_ffw_norm", w);
            } else {
                scale("post_attention_layernorm", "ffn_norm", w);
            }
            for (source, name, cols, rows, bias, change) in [
                ("self_attn.q_proj", "attn_q", w, queries, self.attention_biases, turned),
                ("self_attn.k_proj", "attn_k", w, keys, self.attention_biases, turned),
                ("self_attn.v_proj", "attn_v", w, keys, self.attention_biases, Change::None),
                ("self_attn.o_proj", "attn_output", queries, w, self.attention_biases, Change::None),
                ("mlp.gate_proj", "ffn_gate", w, ffn, self.ffn_biases, Change::None),
                ("mlp.up_proj", "ffn_up", w, ffn, self.ffn_biases, Change::None),
                ("mlp.down_proj", "ffn_down", ffn, w, self.ffn_biases, Change::None),
            ] {
                layout.changed(&format!("{from}.{source}"), &format!("{to}.{name}"), cols, rows, bias, change);
            }
        }
        layout.scale(&format!("{prefix}model.norm"), "output_norm", w, norm);
        if self.additional == 0 {
            layout.head(
                &format!("{prefix}lm_head"),
                &format!("{prefix}model.embed_tokens"),
                "output",
                w,
                vocabulary,
                self.tied,
            );
        } else {
            let additional = u64::from(self.additional);
            let (head, table) = (format!("{prefix}lm_head"), format!("{prefix}model.embed_tokens"));
            let (more, more_table) = (format!("{head}.additional_fc"), format!("{table}.additional_embedding"));
            let parts = [(&*head, &*table, vocabulary - additional), (&*more, &*more_table, additional)];
            layout.joined_head(&parts, "output", w, self.tied);
        }
    }

    fn keys(&self, keys: &mut Keys) {
        let a = self.facts().architecture;
        let mut set = |name: &str, value: u32| keys.set(format!("{a}.{name}"), value);
        set("context_length", self.context);
        set("embedding_length", self.width);
        set("block_count", self.layers);
        set("feed_forward_length", self.ffn);
        set("attention.head_count", self.heads);
        set("attention.head_count_kv", self.kv_heads);
        set("attention.key_length", self.head);
        set("attention.value_length", self.head);
        set("rope.dimension_count", self.head);
        set("vocab_size", self.vocabulary);
        keys.set(format!("{a}.attention.layer_norm_rms_epsilon"), self.eps);
        keys.set(format!("{a}.rope.freq_base"), self.rope.base);
        if let Scaling::Linear(factor) = self.rope.scaling {
            keys.set(format!("{a}.rope.scaling.type"), "linear");
            keys.set(format!("{a}.rope.scaling.factor"), factor);
        }
        let Some(gemma) = &self.gemma else { return };
        keys.set(format!("{a}.attention.sliding_window"), gemma.window);
        if gemma.local != by_pattern(PATTERN, self.layers) {
            keys.set(format!("{a}.attention.sliding_window_pattern"), gemma.local.clone());
        }
        if gemma.local_base != 10_000.0 {
            keys.set(format!("{a}.rope.freq_base_swa"), gemma.local_base);
        }
        let scale = (1.0 / gemma.query_scalar.sqrt()) as f32;
        if scale != (1.0 / f64::from(self.head).sqrt()) as f32 {
            keys.set(format!("{a}.attention.scale"), scale);
        }
        if let Some(cap) = gemma.logit_cap {
            keys.set(format!("{a}.final_logit_softcapping"), cap);
        }
    }
}

impl Gemma {
    fn read(config: &Object, layers: u32, local_base: f32) -> Result<Self, ConvertError> {
        let pattern = config.count("sliding_window_pattern", 1..=LAYERS, PATTERN)?;
        let local = match config.get("layer_types") {
            None => by_pattern(pattern, layers),
            Some(Value::Array(kinds)) => {
                let one = |kind: &Value| match kind.as_str() {
                    Some("sliding_attention") => Ok(true),
                    Some("attention" | "full_attention") => Ok(false),
                    _ => {
                        let known = "each must be 'sliding_attention' or 'full_attention'";
                        Err(config.unsupported("layer_types", kind, known))
                    }
                };
                kinds.iter().map(one).collect::<Result<Vec<_>, _>>()?
            }
            Some(other) => return Err(config.mismatch("layer_types", "a list", other)),
        };
        if local.len() != layers as usize {
            let rule = format!("must be as many as num_hidden_layers {layers}");
            return Err(config.bad("layer_types", format!("{} layers", local.len()), rule));
        }
        let query_scalar = config.number("query_pre_attn_scalar", 256.0)?;
        if !(query_scalar > 0.0 && query_scalar.is_finite()) {
            return Err(config.bad("query_pre_attn_scalar", query_scalar, "must be above 0"));
        }
        let logit_cap = match config.get("final_logit_softcapping") {
            None => None,
            Some(_) => Some(positive(config, "final_logit_softcapping", 0.0)?),
        };
        Ok(Self {
            window: config.count("sliding_window", 1..=CONTEXT, 4_096)?,
            local,
            local_base,
            query_scalar,
            logit_cap,
        })
    }
}

/// All layers but each `pattern`th have the window.
fn by_pattern(pattern: u32, layers: u32) -> Vec<bool> {
    (1..=layers).map(|layer| !layer.is_multiple_of(pattern)).collect()
}
