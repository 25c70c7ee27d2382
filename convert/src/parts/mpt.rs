//! MPT (MosaicML 2023), and MPT-1B by its older class, MosaicGPT, which has other names and may norm queries and keys.
//!
//! Attention's scores fall with the distance of a key (ALiBi; Press et al. 2022), in the steps of `alibi_bias_max`. The
//! fused projection has all queries, then all keys, then all values. Norms have weights only where there are no biases.

use super::{CONTEXT, LAYERS, VOCABULARY, WIDTH, heads, only, pretrained};
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::parts::language::{Facts, Language};
use crate::settings::Neutral::{Number, Switch, Text};
use crate::settings::{Known, Object};

/// A configuration.
#[derive(Debug)]
pub(crate) struct Mpt {
    names: &'static Names,
    width: u32,
    vocabulary: u32,
    layers: u32,
    heads: u32,
    ffn: u32,
    context: u32,
    eps: f32,
    alibi: f32,
    query_norm: bool,
    biases: bool,
    tied: bool,
}

/// What the two classes call things, behind `transformer.`.
#[derive(Debug)]
struct Names {
    norms: [&'static str; 2],
    query_norms: [&'static str; 2],
    ffn: [&'static str; 2],
    last_norm: &'static str,
}

const MPT: Names = Names {
    norms: ["norm_1", "norm_2"],
    query_norms: ["attn.q_ln", "attn.k_ln"],
    ffn: ["ffn.up_proj", "ffn.down_proj"],
    last_norm: "norm_f",
};
const MOSAIC_GPT: Names = Names {
    norms: ["ln_1", "ln_2"],
    query_norms: ["attn.q_ln", "attn.k_ln"],
    ffn: ["mlp.mlp_up", "mlp.mlp_down"],
    last_norm: "ln_f",
};

/// What has no effect in either class's configuration.
const BOTH: &[Known] = &[
    Known::without_effect(
        &[
            "emb_init_std",
            "emb_init_uniform_lim",
            "emb_pdrop",
            "embedding_fraction",
            "fan_mode",
            "init_config",
            "init_device",
            "init_div_is_residual",
            "init_gain",
            "init_nonlinearity",
            "param_init_fn",
            "resid_pdrop",
        ],
        "only training reads it",
    ),
    Known::without_effect(&["learned_pos_emb"], "ALiBi takes the place of positions"),
    Known::without_effect(&["verbose"], "it only says more"),
    Known::only(&["fc_type"], &[Text("torch")], "linear layers are plain"),
];

/// What has no effect among the switches of attention, with and without MosaicGPT's prefix.
const ATTENTION: &[Known] = &[
    Known::without_effect(
        &["attn_impl", "attn_pdrop", "attn_uses_sequence_id"],
        "says how the same numbers are computed, or what only training reads",
    ),
    Known::without_effect(&["rope_dail_config", "rope_hf_config", "rope_impl", "rope_theta"], "nothing is turned"),
    Known::only(&["qk_gn", "rope"], &[Switch(false)], "positions come by ALiBi, and norms are of whole rows"),
    Known::only(&["sliding_window_size"], &[Number(-1.0)], "each position sees all before it"),
];

/// What has no effect in `MosaicGPTConfig`.
const MOSAIC: &[Known] = &[
    Known::without_effect(&["low_precision_layernorm"], "says how the same norms are computed"),
    Known::only(&["tie_word_embeddings"], &[Switch(true)], "the class has no other head than the embedding"),
];

impl Mpt {
    pub(crate) fn read(config: &Object) -> Result<Self, ConvertError> {
        let mosaic = config.text("model_type")? == Some("mosaic_gpt");
        pretrained::language(config, BOTH);
        // MosaicGPT has the switches of attention beside all others, with a prefix.
        let attention = if mosaic { config.clone() } else { config.object("attn_config")? };
        if mosaic {
            config.known(MOSAIC);
        } else {
            // Some versions save it as a configuration of its own.
            pretrained::part(&attention, &[]);
        }
        attention.known(ATTENTION);
        let names = |plain: &'static str, prefixed: &'static str| if mosaic { prefixed } else { plain };
        let [d_model, n_heads, n_layers] = [
            config.alias("d_model", "hidden_size")?,
            config.alias("n_heads", "num_attention_heads")?,
            config.alias("n_layers", "num_hidden_layers")?,
        ];
        let width = config.count(d_model, 1..=WIDTH, 2_048)?;
        let ratio = config.count(names("expansion_ratio", "mlp_ratio"), 1..=64, 4)?;
        if width * ratio > WIDTH {
            return Err(config.bad(
                names("expansion_ratio", "mlp_ratio"),
                ratio,
                format!("{width} times it is too wide"),
            ));
        }
        let kind = attention.text("attn_type")?.unwrap_or("multihead_attention");
        if kind != "multihead_attention" {
            return Err(attention.unsupported("attn_type", format!("'{kind}'"), "only 'multihead_attention' is"));
        }
        for (of, key) in
            [(&attention, names("clip_qkv", "attn_clip_qkv")), (&attention, "softmax_scale"), (config, "logit_scale")]
        {
            if let Some(value) = of.get(key) {
                return Err(of.unsupported(key, value, "only null is"));
            }
        }
        only(&attention, "alibi", true)?;
        only(&attention, "prefix_lm", false)?;
        let norm = config.text("norm_type")?.unwrap_or("low_precision_layernorm");
        if !["low_precision_layernorm", "layernorm"].contains(&norm) {
            return Err(config.unsupported("norm_type", format!("'{norm}'"), "only layer norms are"));
        }
        let max = attention.number("alibi_bias_max", 8.0)?;
        let alibi = max as f32;
        if !(alibi > 0.0 && alibi <= 64.0) {
            return Err(attention.bad("alibi_bias_max", max, "must be in (0, 64]"));
        }
        let query_norm = attention.switch(names("qk_ln", "attn_qk_ln"), false)?;
        let biases = !config.switch("no_bias", true)?;
        if !mosaic {
            note_other_class(&attention, "alibi_bias_max", max, max != 8.0, "8");
            note_other_class(&attention, "qk_ln", query_norm, query_norm, "no norm of queries and keys");
            note_other_class(config, "no_bias", !biases, biases, "no biases");
        }
        Ok(Self {
            names: if mosaic { &MOSAIC_GPT } else { &MPT },
            width,
            vocabulary: config.count("vocab_size", 1..=VOCABULARY, 50_368)?,
            layers: config.count(n_layers, 1..=LAYERS, 24)?,
            heads: heads(config, n_heads, 16, width)?,
            ffn: width * ratio,
            context: config.count("max_seq_len", 1..=CONTEXT, 2_048)?,
            eps: config.epsilon("layer_norm_epsilon", 1e-5)?,
            alibi,
            query_norm,
            biases,
            tied: mosaic || config.switch("tie_word_embeddings", true)?,
        })
    }
}

/// Notes a setting that only one of MPT's two classes reads: MosaicML's, which is the one that published checkpoints name
/// in their `auto_map`, and which is followed.
fn note_other_class(config: &Object, key: &str, value: impl std::fmt::Display, differs: bool, other: &str) {
    if differs {
        let (account, key) = (config.account(), config.path(key));
        let file = &account.name;
        account
            .note(format!("{file}: {key} = {value} is taken as MosaicML's class takes it; transformers' has {other}"));
    }
}

impl Language for Mpt {
    fn facts(&self) -> Facts {
        Facts {
            architecture: "mpt",
            vocabulary: self.vocabulary,
            width: self.width,
            layers: self.layers,
            embedding: "transformer.wte",
            blocks: "transformer.blocks.",
            // `<|endoftext|>` of the tokenizer that all of them have.
            ends: (Some(0), Some(0)),
            start: None,
        }
    }

    fn layout(&self, prefix: &str, layout: &mut Layout) {
        let (w, ffn) = (u64::from(self.width), u64::from(self.ffn));
        let (names, biases) = (self.names, self.biases);
        let norm = |layout: &mut Layout, from: String, to: String| {
            if biases { layout.norm(&from, &to, w, true) } else { layout.scale(&from, &to, w, Default::default()) }
        };
        layout.matrix(&format!("{prefix}transformer.wte"), "token_embd", w, u64::from(self.vocabulary));
        for n in 0..self.layers {
            let (from, to) = (format!("{prefix}transformer.blocks.{n}"), format!("blk.{n}"));
            for (source, name) in names.norms.iter().zip(["attn_norm", "ffn_norm"]) {
                norm(layout, format!("{from}.{source}"), format!("{to}.{name}"));
            }
            if self.query_norm {
                for (source, name) in names.query_norms.iter().zip(["attn_q_norm", "attn_k_norm"]) {
                    norm(layout, format!("{from}.{source}"), format!("{to}.{name}"));
                }
            }
            let parts = ["attn_q", "attn_k", "attn_v"].map(|part| format!("{to}.{part}"));
            layout.fused(&format!("{from}.attn.Wqkv"), parts, w, w, biases);
            layout.linear(&format!("{from}.attn.out_proj"), &format!("{to}.attn_output"), w, w, biases);
            layout.linear(&format!("{from}.{}", names.ffn[0]), &format!("{to}.ffn_up"), w, ffn, biases);
            layout.linear(&format!("{from}.{}", names.ffn[1]), &format!("{to}.ffn_down"), ffn, w, biases);
        }
        norm(layout, format!("{prefix}transformer.{}", names.last_norm), "output_norm".to_owned());
        layout.head(
            &format!("{prefix}lm_head"),
            &format!("{prefix}transformer.wte"),
            "output",
            w,
            u64::from(self.vocabulary),
            self.tied,
        );
    }

    fn keys(&self, keys: &mut Keys) {
        keys.set("mpt.context_length", self.context);
        keys.set("mpt.embedding_length", self.width);
        keys.set("mpt.block_count", self.layers);
        keys.set("mpt.feed_forward_length", self.ffn);
        keys.set("mpt.attention.head_count", self.heads);
        keys.set("mpt.attention.layer_norm_epsilon", self.eps);
        keys.set("mpt.attention.max_alibi_bias", self.alibi);
        keys.set("mpt.vocab_size", self.vocabulary);
    }
}
