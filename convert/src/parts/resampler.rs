//! The perceiver resampler, in the names of IDEFICS and of OpenFlamingo: the same layers but for a norm of each head and
//! the activation. OpenFlamingo's class fixes every size but the latents' width; the tensors say the rest.

use super::{HEADS, LAYERS, WIDTH, pretrained};
use crate::error::ConvertError;
use crate::json::Object;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::settings::Known;

/// Most latents.
const LATENTS: u32 = 16_384;
/// Most embeddings of frames.
const FRAMES: u32 = 1_024;
/// Most embeddings of pictures by their place.
const MEDIA: u32 = 16_384;
/// Every norm of both originals.
const EPSILON: f32 = 1e-5;

/// Whose checkpoint it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// HuggingFaceM4's.
    Idefics,
    /// mlfoundations'.
    OpenFlamingo,
}

/// What has no effect in `IdeficsPerceiverConfig`.
const IDEFICS: &[Known] = &[Known::without_effect(&["use_resampler"], "the switch of the outer configuration decides")];

/// A resampler's sizes.
#[derive(Debug)]
pub(crate) struct Resampler {
    names: Names,
    pub(crate) width: u32,
    latents: u32,
    layers: u32,
    heads: u32,
    head: u32,
    norm_heads: bool,
    /// Embeddings of frames, and of pictures by their place in the prompt; none where 0.
    frames: u32,
    media: u32,
}

impl Resampler {
    /// IDEFICS' `perceiver_config`, for a tower of `width`.
    pub(crate) fn read(config: &Object, width: u32) -> Result<Self, ConvertError> {
        pretrained::part(config, IDEFICS);
        Self::sizes(config, width, Names::Idefics, [64, 6, 16, 96], config.switch("qk_layer_norms_perceiver", false)?)
    }

    /// OpenFlamingo's, whose sizes are fixed; an object of the same keys as IDEFICS' may say otherwise. Its class also has
    /// embeddings of time, which no release uses.
    pub(crate) fn open_flamingo(config: &Object, width: u32) -> Result<Self, ConvertError> {
        let frames = config.count("resampler_max_num_frames", 0..=FRAMES, 0)?;
        let media = config.count("resampler_max_num_media", 0..=MEDIA, 0)?;
        let plain = Self::sizes(config, width, Names::OpenFlamingo, [64, 6, 8, 64], false)?;
        Ok(Self { frames, media, ..plain })
    }

    fn sizes(
        config: &Object,
        width: u32,
        names: Names,
        [latents, layers, heads, head]: [u32; 4],
        norm_heads: bool,
    ) -> Result<Self, ConvertError> {
        let heads = config.count("resampler_n_heads", 1..=HEADS, heads)?;
        let head = config.count("resampler_head_dim", 1..=4_096, head)?;
        if heads * head > WIDTH {
            return Err(config.bad("resampler_head_dim", head, format!("{heads} heads are wider than {WIDTH}")));
        }
        Ok(Self {
            names,
            width,
            latents: config.count("resampler_n_latents", 1..=LATENTS, latents)?,
            layers: config.count("resampler_depth", 1..=LAYERS, layers)?,
            heads,
            head,
            norm_heads,
            frames: 0,
            media: 0,
        })
    }

    fn ffn(&self) -> u32 {
        4 * self.width
    }

    /// The rules for tensors under `prefix`: `model.perceiver_resampler.` or `perceiver.`.
    pub(crate) fn layout(&self, prefix: &str, layout: &mut Layout) {
        let (w, ffn, n) = (u64::from(self.width), u64::from(self.ffn()), u64::from(self.latents));
        let (inner, head) = (u64::from(self.heads * self.head), u64::from(self.head));
        layout.exact(&format!("{prefix}latents"), &[n, w], "mm.resampler.query_embd", &[w, n]);
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
        let norm = if self.names == Names::Idefics { "layer_norm" } else { "norm" };
        layout.norm(&format!("{prefix}{norm}"), "mm.resampler.norm", w, true);
    }

    pub(crate) fn keys(&self, keys: &mut Keys) {
        keys.set("ocelli.resampler.embedding_length", self.width);
        keys.set("ocelli.resampler.block_count", self.layers);
        keys.set("ocelli.resampler.feed_forward_length", self.ffn());
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
        keys.set("ocelli.resampler.activation", if self.names == Names::Idefics { "relu" } else { "gelu" });
    }
}
