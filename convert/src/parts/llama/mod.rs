//! The language models of LLaMA's kind: LLaMA itself (Touvron et al. 2023; Dubey et al. 2024), Mistral (2023), Qwen 2 and 3
//! (2024, 2025), Phi 3 (2024), Gemma 2 and 3 (2024, 2025).
//!
//! What GGUF files have otherwise than checkpoints: LLaMA's and Mistral's queries and keys have the pairs that RoPE turns
//! next to each other; Gemma's norms have the one added that the original adds when it runs; llama 3.1's scaling is a
//! factor for each frequency, `rope_freqs.weight`, and Phi 3's two sets of these are tensors as well.

mod classes;
mod window;

use super::language::{Facts, Language};
use super::rope::{Rope, Scaling};
use super::{CONTEXT, HEAD, HEADS, LAYERS, VOCABULARY, WIDTH, activation, only, positive};
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::{Change, Layout};
use crate::settings::Object;
use classes::{Biases, Class};
use window::Window;

/// A configuration.
#[derive(Debug)]
pub(crate) struct Llama {
    class: &'static Class,
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
    /// Pairs of each axis, where positions have three.
    sections: Option<[u32; 3]>,
    /// Base of RoPE in layers with a window, where they have their own.
    local_base: Option<f32>,
    window: Option<Window>,
    caps: Caps,
    /// Of queries, keys and values.
    query_biases: bool,
    /// Of what follows attention.
    out_biases: bool,
    ffn_biases: bool,
    tied: bool,
}

/// What only Gemma has.
#[derive(Debug, Default)]
struct Caps {
    /// The queries are divided by its root.
    query_scalar: Option<f64>,
    /// Of scores; `None` is none.
    scores: Option<f32>,
    logits: Option<f32>,
}

impl Llama {
    pub(crate) fn read(config: &Object) -> Result<Self, ConvertError> {
        let class = Class::of(config)?;
        let d = &class.defaults;
        let width = config.count("hidden_size", 1..=WIDTH, d.width)?;
        let [heads, kv_heads, head] = heads(config, class, width)?;
        let (key, act) = if class.gemma { ("hidden_activation", "gelu_tanh") } else { ("hidden_act", "silu") };
        let default = if class.gemma { "gelu_pytorch_tanh" } else { "silu" };
        if activation(config, key, default)? != act {
            return Err(config.unsupported(key, config.text(key)?.unwrap_or_default(), format!("only '{default}' is")));
        }
        let layers = config.count("num_hidden_layers", 1..=LAYERS, d.layers)?;
        let (rope, local_base) = match class.model_type {
            "idefics" => (Rope::read_idefics(config)?, None),
            "gemma3_text" => {
                let (rope, base) = Rope::read_gemma(config)?;
                (rope, Some(base))
            }
            "phi3" => (Rope::read_phi3(config, head)?, None),
            "qwen3_vl_text" => (Rope::read_said(config, class.stretches)?, None),
            _ => (Rope::read(config, d.theta, class.stretches)?, None),
        };
        let interleaved = class.head_norms;
        let sections = class.sections.map(|usual| Rope::sections(config, usual, head / 2, interleaved)).transpose()?;
        if class.gemma {
            only(config, "use_bidirectional_attention", false)?;
        }
        if class.gemma && !class.capped {
            only(config, "attention_bias", false)?;
            if let Some(cap) = config.optional_number("attn_logit_softcapping")? {
                return Err(config.unsupported("attn_logit_softcapping", cap, "only null is"));
            }
        }
        let additional = if class.idefics { config.count("additional_vocab_size", 0..=VOCABULARY, 0)? } else { 0 };
        // IDEFICS' older configurations name the length of what it was trained on, if anything.
        let older = class.idefics && !config.has("max_position_embeddings") && config.has("max_sequence_length");
        let context = if older { "max_sequence_length" } else { "max_position_embeddings" };
        let switched = matches!(class.biases, Biases::Attention | Biases::Both);
        let attention_biases = switched && config.switch("attention_bias", false)?;
        Ok(Self {
            class,
            width,
            vocabulary: config.count("vocab_size", 1..=VOCABULARY, d.vocabulary)? + additional,
            additional,
            layers,
            heads,
            kv_heads,
            head,
            ffn: config.count("intermediate_size", 1..=WIDTH, d.ffn)?,
            context: config.count(context, 1..=CONTEXT, d.context)?,
            eps: config.epsilon("rms_norm_eps", d.eps)?,
            rope,
            sections,
            local_base,
            window: Window::read(config, class.windows, layers)?,
            caps: if class.gemma { Caps::read(config, class)? } else { Caps::default() },
            query_biases: attention_biases || class.biases == Biases::Queries,
            out_biases: attention_biases,
            ffn_biases: class.biases == Biases::Both && config.switch("mlp_bias", false)?,
            tied: config.switch("tie_word_embeddings", d.tied)?,
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
        Facts {
            architecture: self.class.architecture,
            vocabulary: self.vocabulary,
            width: self.width,
            layers: self.layers,
            embedding: "model.embed_tokens",
            blocks: "model.layers.",
            ends: self.class.ends,
            start: None,
        }
    }

    fn layout(&self, prefix: &str, layout: &mut Layout) {
        let (w, vocabulary) = (u64::from(self.width), u64::from(self.vocabulary));
        let norm = if self.class.gemma { Change::Plus(1.0) } else { Change::None };
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
        match &self.rope.scaling {
            Scaling::Llama3 { .. } => layout.values("rope_freqs.weight", self.factors()),
            Scaling::Long { short, long, .. } => {
                layout.values("rope_factors_short.weight", short.clone());
                layout.values("rope_factors_long.weight", long.clone());
            }
            Scaling::None | Scaling::Linear(_) => {}
        }
        for n in 0..self.layers {
            self.layer(&format!("{prefix}model.layers.{n}"), &format!("blk.{n}"), layout);
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
        let a = self.class.architecture;
        let mut set = |name: &str, value: u32| keys.set(format!("{a}.{name}"), value);
        set("context_length", self.context);
        set("embedding_length", self.width);
        set("block_count", self.layers);
        set("feed_forward_length", self.ffn);
        set("attention.head_count", self.heads);
        set("attention.head_count_kv", self.kv_heads);
        set("attention.key_length", self.head);
        set("attention.value_length", self.head);
        set("rope.dimension_count", self.rope.turned.unwrap_or(self.head));
        set("vocab_size", self.vocabulary);
        if let Scaling::Long { original, .. } = self.rope.scaling {
            set("rope.scaling.original_context_length", original);
        }
        keys.set(format!("{a}.attention.layer_norm_rms_epsilon"), self.eps);
        keys.set(format!("{a}.rope.freq_base"), self.rope.base);
        match self.rope.scaling {
            Scaling::Linear(factor) => {
                keys.set(format!("{a}.rope.scaling.type"), "linear");
                keys.set(format!("{a}.rope.scaling.factor"), factor);
            }
            Scaling::Long { attention, .. } => keys.set(format!("{a}.rope.scaling.attn_factor"), attention),
            Scaling::None | Scaling::Llama3 { .. } => {}
        }
        if let Some([time, height, width]) = self.sections {
            // llama.cpp reads four numbers.
            keys.set(format!("{a}.rope.dimension_sections"), vec![time, height, width, 0]);
        }
        if let Some(window) = &self.window {
            window.keys(a, keys);
        }
        if let Some(base) = self.local_base.filter(|base| *base != 10_000.0) {
            keys.set(format!("{a}.rope.freq_base_swa"), base);
        }
        if let Some(scalar) = self.caps.query_scalar {
            let scale = (1.0 / scalar.sqrt()) as f32;
            if scale != (1.0 / f64::from(self.head).sqrt()) as f32 {
                keys.set(format!("{a}.attention.scale"), scale);
            }
        }
        // Gemma 2's have a number where no key says, so that none is said, too.
        let said = |cap: Option<f32>| if self.class.capped { Some(cap.unwrap_or(0.0)) } else { cap };
        if let Some(cap) = said(self.caps.scores) {
            keys.set(format!("{a}.attn_logit_softcapping"), cap);
        }
        if let Some(cap) = said(self.caps.logits) {
            keys.set(format!("{a}.final_logit_softcapping"), cap);
        }
    }
}

impl Llama {
    /// The rules of one layer's tensors.
    fn layer(&self, from: &str, to: &str, layout: &mut Layout) {
        let (w, ffn, head) = (u64::from(self.width), u64::from(self.ffn), u64::from(self.head));
        let (queries, keys) = (u64::from(self.heads) * head, u64::from(self.kv_heads) * head);
        let turned = if self.class.pairs { Change::Pairs(head) } else { Change::None };
        let norm = if self.class.gemma { Change::Plus(1.0) } else { Change::None };
        let mut scale = |source: &str, name: &str, width: u64| {
            layout.scale(&format!("{from}.{source}"), &format!("{to}.{name}"), width, norm);
        };
        scale("input_layernorm", "attn_norm", w);
        if self.class.head_norms {
            scale("self_attn.q_norm", "attn_q_norm", head);
            scale("self_attn.k_norm", "attn_k_norm", head);
        }
        if self.class.gemma {
            scale("post_attention_layernorm", "post_attention_norm", w);
            scale("pre_feedforward_layernorm", "ffn_norm", w);
            scale("post_feedforward_layernorm", "post_ffw_norm", w);
        } else {
            scale("post_attention_layernorm", "ffn_norm", w);
        }
        let none = Change::None;
        let apart = [
            ("self_attn.q_proj", "attn_q", w, queries, self.query_biases, turned),
            ("self_attn.k_proj", "attn_k", w, keys, self.query_biases, turned),
            ("self_attn.v_proj", "attn_v", w, keys, self.query_biases, none),
            ("mlp.gate_proj", "ffn_gate", w, ffn, self.ffn_biases, none),
            ("mlp.up_proj", "ffn_up", w, ffn, self.ffn_biases, none),
        ];
        // As llama.cpp keeps them: the gate's rows are the first.
        let fused = [
            ("self_attn.qkv_proj", "attn_qkv", w, queries + 2 * keys, false, none),
            ("mlp.gate_up_proj", "ffn_up", w, 2 * ffn, false, none),
        ];
        let back = [
            ("self_attn.o_proj", "attn_output", queries, w, self.out_biases, none),
            ("mlp.down_proj", "ffn_down", ffn, w, self.ffn_biases, none),
        ];
        let into: &[_] = if self.class.fused { &fused } else { &apart };
        for &(source, name, cols, rows, bias, change) in into.iter().chain(&back) {
            layout.changed(&format!("{from}.{source}"), &format!("{to}.{name}"), cols, rows, bias, change);
        }
    }
}

/// Heads of queries, heads of keys, and how wide a head is.
fn heads(config: &Object, class: &Class, width: u32) -> Result<[u32; 3], ConvertError> {
    const KV: &str = "num_key_value_heads";
    let d = &class.defaults;
    let shared = class.idefics || d.head.is_none() && !config.has("head_dim");
    let heads = if shared {
        super::heads(config, "num_attention_heads", d.heads, width)?
    } else {
        config.same("num_attention_heads", 1..=HEADS, d.heads)?
    };
    let head = if shared { width / heads } else { config.count("head_dim", 1..=HEAD, d.head.unwrap_or(256))? };
    // Where the key says nothing, unlike where it is not there, there are as many.
    let usual = d.kv_heads.filter(|_| !config.is_null(KV)).unwrap_or(heads);
    let kv_heads = if class.idefics { heads } else { config.same(KV, 1..=HEADS, usual)? };
    if !heads.is_multiple_of(kv_heads) {
        return Err(config.bad(KV, kv_heads, format!("must divide num_attention_heads {heads}")));
    }
    if !head.is_multiple_of(2) || heads * head > WIDTH {
        return Err(config.bad("head_dim", head, format!("must be even, and {heads} heads at most {WIDTH} wide")));
    }
    Ok([heads, kv_heads, head])
}

impl Caps {
    fn read(config: &Object, class: &Class) -> Result<Self, ConvertError> {
        let query_scalar = config.number("query_pre_attn_scalar", 256.0)?;
        if !(query_scalar > 0.0 && query_scalar.is_finite()) {
            return Err(config.bad("query_pre_attn_scalar", query_scalar, "must be above 0"));
        }
        let cap = |key: &str, usual: Option<f64>| match usual {
            _ if config.has(key) => positive(config, key, 0.0).map(Some),
            Some(usual) if !config.is_null(key) => Ok(Some(usual as f32)),
            _ => {
                config.get(key);
                Ok(None)
            }
        };
        Ok(Self {
            query_scalar: Some(query_scalar),
            scores: if class.capped { cap("attn_logit_softcapping", Some(50.0))? } else { None },
            logits: cap("final_logit_softcapping", class.capped.then_some(30.0))?,
        })
    }
}
