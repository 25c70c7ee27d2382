//! The perceiver resampler, in the names of IDEFICS and of OpenFlamingo: the same layers but for a norm of each head and
//! the activation. OpenFlamingo's sizes are in no configuration: the tensors say them, but for how wide a head is.

use super::{HEADS, LAYERS, WIDTH, pretrained};
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::settings::{Known, Object};
use ocelli_quant::gguf::keys::{FRAMES, HEAD, MEDIA, ROWS};

/// Every norm of both originals.
const EPSILON: f32 = 1e-5;

/// The width of a head in OpenFlamingo's class, which nothing else says.
const OPEN_FLAMINGO_HEAD: u32 = 64;

/// Whose checkpoint it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// HuggingFaceM4's.
    Idefics,
    /// mlfoundations'.
    OpenFlamingo,
    /// mPLUG-Owl's abstractor.
    Owl,
}

/// The configuration where it has a key, and the sizes that were found in the tensors where not.
pub(crate) fn given<'a>(config: &'a Object, found: &'a Object, key: &str) -> &'a Object {
    if config.has(key) { config } else { found }
}

/// Heads and their width: the configuration's, or as many of the class's width as the rows of a query projection make.
pub(crate) fn found_heads(
    config: &Object,
    found: &Object,
    [heads, head, inner]: [&str; 3],
    tensor: &str,
) -> Result<(u32, u32), ConvertError> {
    let width = config.count(head, 1..=HEAD, OPEN_FLAMINGO_HEAD)?;
    let rows = found.count(inner, 1..=WIDTH, 8 * width)?;
    if !config.has(heads) && !rows.is_multiple_of(width) {
        let (tensor, key) = (tensor.to_owned(), head.to_owned());
        return Err(ConvertError::HeadWidth { tensor, rows, width, key });
    }
    let count = config.same(heads, 1..=HEADS, rows / width)?;
    if count * width > WIDTH {
        return Err(config.bad(head, width, format!("{count} heads are wider than {WIDTH}")));
    }
    Ok((count, width))
}

/// What has no effect in `IdeficsPerceiverConfig`.
const IDEFICS: &[Known] = &[Known::without_effect(&["use_resampler"], "the switch of the outer configuration decides")];

/// What has no effect in mPLUG-Owl's configuration of its abstractor.
const OWL: &[Known] = &[Known::without_effect(&["use_flash_attn"], "says how the same numbers are computed")];

/// A resampler's sizes.
#[derive(Debug)]
pub(crate) struct Resampler {
    names: Names,
    pub(crate) width: u32,
    latents: u32,
    layers: u32,
    heads: u32,
    head: u32,
    ffn: u32,
    norm_heads: bool,
    /// Of the norm between an abstractor's feed-forward layers.
    inner_eps: f32,
    /// Embeddings of frames, and of pictures by their place in the prompt; none where 0.
    frames: u32,
    media: u32,
}

impl Resampler {
    /// OpenFlamingo's: sizes of the tensors in `found`, where a configuration of IDEFICS' keys does not say them. Its class
    /// also has embeddings of time, which no release uses.
    pub(crate) fn open_flamingo(config: &Object, found: &Object, width: u32) -> Result<Self, ConvertError> {
        let size = |key: &str, range, default| given(config, found, key).count(key, range, default);
        let tensor = "perceiver.layers.0.0.to_q.weight";
        let (heads, head) =
            found_heads(config, found, ["resampler_n_heads", "resampler_head_dim", "resampler_inner"], tensor)?;
        Ok(Self {
            names: Names::OpenFlamingo,
            width,
            latents: size("resampler_n_latents", 1..=ROWS, 64)?,
            layers: size("resampler_depth", 1..=LAYERS, 6)?,
            heads,
            head,
            ffn: found.count("resampler_ffn", 1..=WIDTH, 4 * width)?,
            norm_heads: false,
            inner_eps: EPSILON,
            frames: size("resampler_max_num_frames", 0..=FRAMES, 0)?,
            media: size("resampler_max_num_media", 0..=MEDIA, 0)?,
        })
    }

    /// IDEFICS' `perceiver_config`, for a tower of `width`.
    pub(crate) fn read(config: &Object, width: u32) -> Result<Self, ConvertError> {
        pretrained::part(config, IDEFICS);
        let heads = config.same("resampler_n_heads", 1..=HEADS, 16)?;
        let head = config.count("resampler_head_dim", 1..=HEAD, 96)?;
        if heads * head > WIDTH {
            return Err(config.bad("resampler_head_dim", head, format!("{heads} heads are wider than {WIDTH}")));
        }
        Ok(Self {
            names: Names::Idefics,
            width,
            latents: config.count("resampler_n_latents", 1..=ROWS, 64)?,
            layers: config.count("resampler_depth", 1..=LAYERS, 6)?,
            heads,
            head,
            ffn: 4 * width,
            norm_heads: config.switch("qk_layer_norms_perceiver", false)?,
            inner_eps: EPSILON,
            frames: 0,
            media: 0,
        })
    }

    /// mPLUG-Owl's `visual_abstractor_config`, of `latents` queries and with feed-forward layers of `ffn`, which older
    /// configurations do not say.
    pub(crate) fn owl(config: &Object, latents: u32, ffn: u64, width: u32) -> Result<Self, ConvertError> {
        pretrained::part(config, OWL);
        for key in ["hidden_size", "encoder_hidden_size"] {
            let got = config.count(key, 1..=WIDTH, width)?;
            if got != width {
                return Err(config.bad(
                    key,
                    got,
                    format!("must be the tower's {width}, whose rows are read beside its own"),
                ));
            }
        }
        let heads = super::heads(config, "num_attention_heads", 16, width)?;
        config.integer("intermediate_size")?;
        Ok(Self {
            names: Names::Owl,
            width,
            latents,
            layers: config.count("num_hidden_layers", 1..=LAYERS, 6)?,
            heads,
            head: width / heads,
            ffn: config.with("intermediate_size", ffn).count("intermediate_size", 1..=WIDTH, 0)?,
            norm_heads: false,
            inner_eps: config.epsilon("layer_norm_eps", 1e-6)?,
            frames: 0,
            media: 0,
        })
    }

    /// The rules for tensors under `prefix`: `model.perceiver_resampler.` or `perceiver.`.
    pub(crate) fn layout(&self, prefix: &str, layout: &mut Layout) {
        let (w, ffn, n) = (u64::from(self.width), u64::from(self.ffn), u64::from(self.latents));
        let (inner, head) = (u64::from(self.heads * self.head), u64::from(self.head));
        let (latents, shape): (_, &[_]) = match self.names {
            Names::Owl => ("query_tokens".to_owned(), &[1, n, w]),
            _ => (format!("{prefix}latents"), &[n, w]),
        };
        layout.exact(&latents, shape, "mm.resampler.query_embd", &[w, n]);
        let (frames, media) = (u64::from(self.frames), u64::from(self.media));
        if frames > 0 {
            layout.exact(&format!("{prefix}frame_embs"), &[frames, w], "mm.resampler.frame_embd", &[w, frames]);
        }
        if media > 0 {
            let source = format!("{prefix}media_time_embs");
            layout.exact(&source, &[media, 1, w], "mm.resampler.media_embd", &[w, media]);
        }
        for n in 0..self.layers {
            let to = |name: &str| format!("mm.resampler.blk.{n}.{name}");
            match self.names {
                Names::Owl => {
                    let from = |name: &str| format!("{prefix}encoder.layers.{n}.crossattention.{name}");
                    layout.norm(&from("normk"), &to("media_norm"), w, true);
                    layout.norm(&from("norm1"), &to("latent_norm"), w, true);
                    for (part, name) in [("query", "attn_q"), ("key", "attn_k"), ("value", "attn_v")] {
                        layout.linear(&from(&format!("attention.{part}")), &to(name), w, inner, true);
                    }
                    layout.linear(&from("output.out_proj"), &to("attn_out"), inner, w, true);
                    layout.norm(&from("output.norm2"), &to("ffn_norm"), w, true);
                    layout.linear(&from("output.mlp.w1"), &to("ffn_gate"), w, ffn, true);
                    layout.linear(&from("output.mlp.w3"), &to("ffn_up"), w, ffn, true);
                    layout.norm(&from("output.mlp.ffn_ln"), &to("ffn_inner_norm"), ffn, true);
                    layout.linear(&from("output.mlp.w2"), &to("ffn_down"), ffn, w, true);
                }
                Names::Idefics => {
                    let from = |name: &str| format!("{prefix}blocks.{n}.{name}");
                    layout.norm(&from("0.context_layer_norm"), &to("media_norm"), w, true);
                    layout.norm(&from("0.latents_layer_norm"), &to("latent_norm"), w, true);
                    for part in ["q", "k", "v"] {
                        layout.matrix(&from(&format!("0.{part}_proj")), &to(&format!("attn_{part}")), w, inner);
                    }
                    if self.norm_heads {
                        layout.norm(&from("0.q_layer_norm"), &to("attn_q_norm"), head, true);
                        layout.norm(&from("0.k_layer_norm"), &to("attn_k_norm"), head, true);
                    }
                    layout.matrix(&from("0.output_proj"), &to("attn_out"), inner, w);
                    layout.norm(&from("1.ln"), &to("ffn_norm"), w, true);
                    layout.matrix(&from("1.fc"), &to("ffn_up"), w, ffn);
                    layout.matrix(&from("1.c_proj"), &to("ffn_down"), ffn, w);
                }
                Names::OpenFlamingo => {
                    let from = |name: &str| format!("{prefix}layers.{n}.{name}");
                    layout.norm(&from("0.norm_media"), &to("media_norm"), w, true);
                    layout.norm(&from("0.norm_latents"), &to("latent_norm"), w, true);
                    layout.matrix(&from("0.to_q"), &to("attn_q"), w, inner);
                    layout.fused(&from("0.to_kv"), [to("attn_k"), to("attn_v")], w, inner, false);
                    layout.matrix(&from("0.to_out"), &to("attn_out"), inner, w);
                    layout.norm(&from("1.0"), &to("ffn_norm"), w, true);
                    layout.matrix(&from("1.1"), &to("ffn_up"), w, ffn);
                    layout.matrix(&from("1.3"), &to("ffn_down"), ffn, w);
                }
            }
        }
        if self.names != Names::Owl {
            let norm = if self.names == Names::Idefics { "layer_norm" } else { "norm" };
            layout.norm(&format!("{prefix}{norm}"), "mm.resampler.norm", w, true);
        }
    }

    pub(crate) fn keys(&self, keys: &mut Keys) {
        keys.set("ocelli.resampler.embedding_length", self.width);
        keys.set("ocelli.resampler.block_count", self.layers);
        keys.set("ocelli.resampler.feed_forward_length", self.ffn);
        keys.set("ocelli.resampler.attention.head_count", self.heads);
        keys.set("ocelli.resampler.attention.key_length", self.head);
        keys.set("ocelli.resampler.attention.layer_norm_epsilon", EPSILON);
        keys.set("ocelli.resampler.attention.head_norm", self.norm_heads);
        keys.set("ocelli.resampler.latent_count", self.latents);
        if self.frames > 0 {
            keys.set("ocelli.resampler.frame_count", self.frames);
        }
        if self.media > 0 {
            keys.set("ocelli.resampler.media_count", self.media);
        }
        keys.set("ocelli.resampler.drop_class", self.names == Names::OpenFlamingo);
        let activation = match self.names {
            Names::Idefics => "relu",
            Names::OpenFlamingo => "gelu",
            Names::Owl => "silu",
        };
        keys.set("ocelli.resampler.activation", activation);
        if self.names == Names::Owl {
            keys.set("ocelli.resampler.keeps_normed", true);
            keys.set("ocelli.resampler.ffn_norm_epsilon", self.inner_eps);
            keys.set("ocelli.resampler.final_norm", false);
        }
    }
}
