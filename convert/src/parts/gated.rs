//! The gated cross-attention layers of IDEFICS and of OpenFlamingo.
//!
//! IDEFICS' are numbered by themselves and stand before decoder layers 0, n, 2n, …; OpenFlamingo's are part of the layer
//! they stand before: n - 1, 2n - 1, …. In the output both have the number of the decoder layer.

use super::resampler::{Names, found_heads, given};
use super::{LAYERS, WIDTH};
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::settings::Object;

/// Sizes of the gated layers.
#[derive(Debug)]
pub(crate) struct Gated {
    names: Names,
    interval: u32,
    heads: u32,
    head: u32,
    ffn: u32,
    eps: f32,
    norm_heads: bool,
    media: u32,
    width: u32,
    layers: u32,
}

impl Gated {
    /// IDEFICS' outer configuration; media are `media` wide, the decoder `width` with `layers` layers and `eps` in its
    /// norms.
    pub(crate) fn read(config: &Object, media: u32, width: u32, layers: u32, eps: f32) -> Result<Self, ConvertError> {
        let kind = config.text("alpha_type")?.unwrap_or("float");
        if kind != "float" {
            return Err(config.unsupported("alpha_type", format!("'{kind}'"), "only 'float' is"));
        }
        let heads = super::heads(config, "num_attention_heads", 32, width)?;
        Ok(Self {
            names: Names::Idefics,
            interval: config.count("cross_layer_interval", 1..=LAYERS, 1)?,
            heads,
            head: width / heads,
            ffn: config.count("intermediate_size", 1..=WIDTH, 11_008)?,
            eps,
            norm_heads: config.switch("qk_layer_norms", false)?,
            media,
            width,
            layers,
        })
    }

    /// OpenFlamingo's: a layer before every `interval`th, of the sizes of the tensors in `found`, where a configuration does
    /// not say them.
    pub(crate) fn open_flamingo(
        config: &Object,
        found: &Object,
        media: u32,
        (width, layers): (u32, u32),
    ) -> Result<Self, ConvertError> {
        let keys = ["cross_attn_heads", "cross_attn_dim_head", "cross_attn_inner"];
        let (heads, head) = found_heads(config, found, keys, "gated_cross_attn_layer.attn.to_q.weight")?;
        let interval = "cross_attn_every_n_layers";
        Ok(Self {
            names: Names::OpenFlamingo,
            interval: given(config, found, interval).count(interval, 1..=LAYERS, 1)?,
            heads,
            head,
            ffn: found.count("cross_attn_ffn", 1..=WIDTH, 4 * width)?,
            eps: 1e-5,
            norm_heads: false,
            media,
            width,
            layers,
        })
    }

    /// The decoder layer of the first.
    fn offset(&self) -> u32 {
        if self.names == Names::Idefics { 0 } else { self.interval - 1 }
    }

    /// The rules for tensors under `prefix`: `model.gated_cross_attn_layers.`, or that of the decoder's layers, such as
    /// `lang_encoder.transformer.blocks.`.
    pub(crate) fn layout(&self, prefix: &str, layout: &mut Layout) {
        let (d, ffn, media) = (u64::from(self.width), u64::from(self.ffn), u64::from(self.media));
        let (inner, head) = (u64::from(self.heads * self.head), u64::from(self.head));
        for n in (self.offset()..self.layers).step_by(self.interval as usize) {
            let to = |name: &str| format!("blk.{n}.{name}");
            match self.names {
                Names::Idefics => {
                    let from = |name: &str| format!("{prefix}{}.{name}", n / self.interval);
                    layout.vector(&from("alpha_cross_attn"), &to("cross_alpha"), 1);
                    layout.vector(&from("alpha_dense"), &to("cross_ffn_alpha"), 1);
                    let mut scale = |source: &str, name: &str, width| {
                        layout.vector(&format!("{}.weight", from(source)), &format!("{}.weight", to(name)), width);
                    };
                    scale("input_layernorm", "cross_norm", d);
                    scale("post_attention_layernorm", "cross_ffn_norm", d);
                    if self.norm_heads {
                        scale("cross_attn.q_layer_norm", "cross_q_norm", head);
                        scale("cross_attn.k_layer_norm", "cross_k_norm", head);
                    }
                    layout.matrix(&from("cross_attn.q_proj"), &to("cross_q"), d, inner);
                    layout.matrix(&from("cross_attn.k_proj"), &to("cross_k"), media, inner);
                    layout.matrix(&from("cross_attn.v_proj"), &to("cross_v"), media, inner);
                    layout.matrix(&from("cross_attn.o_proj"), &to("cross_out"), inner, d);
                    layout.matrix(&from("mlp.gate_proj"), &to("cross_ffn_gate"), d, ffn);
                    layout.matrix(&from("mlp.up_proj"), &to("cross_ffn_up"), d, ffn);
                    layout.matrix(&from("mlp.down_proj"), &to("cross_ffn_down"), ffn, d);
                }
                // An abstractor has no gated layers beside it.
                Names::OpenFlamingo | Names::Owl => {
                    let from = |name: &str| format!("{prefix}{n}.gated_cross_attn_layer.{name}");
                    layout.vector(&from("attn_gate"), &to("cross_alpha"), 1);
                    layout.vector(&from("ff_gate"), &to("cross_ffn_alpha"), 1);
                    layout.norm(&from("attn.norm"), &to("cross_norm"), d, true);
                    layout.norm(&from("ff.0"), &to("cross_ffn_norm"), d, true);
                    layout.matrix(&from("attn.to_q"), &to("cross_q"), d, inner);
                    layout.fused(&from("attn.to_kv"), [to("cross_k"), to("cross_v")], media, inner, false);
                    layout.matrix(&from("attn.to_out"), &to("cross_out"), inner, d);
                    layout.matrix(&from("ff.1"), &to("cross_ffn_up"), d, ffn);
                    layout.matrix(&from("ff.3"), &to("cross_ffn_down"), ffn, d);
                }
            }
        }
    }

    pub(crate) fn keys(&self, keys: &mut Keys) {
        let idefics = self.names == Names::Idefics;
        keys.set("ocelli.cross_attention.interval", self.interval);
        keys.set("ocelli.cross_attention.offset", self.offset());
        keys.set("ocelli.cross_attention.head_count", self.heads);
        keys.set("ocelli.cross_attention.key_length", self.head);
        keys.set("ocelli.cross_attention.feed_forward_length", self.ffn);
        keys.set("ocelli.cross_attention.encoder_length", self.media);
        keys.set("ocelli.cross_attention.norm", if idefics { "rms" } else { "layer" });
        keys.set("ocelli.cross_attention.norm_epsilon", self.eps);
        keys.set("ocelli.cross_attention.head_norm", self.norm_heads);
        keys.set("ocelli.cross_attention.activation", if idefics { "silu" } else { "gelu" });
        keys.set("ocelli.cross_attention.gated", idefics);
    }
}
