//! The vision transformer of the BLIP-2 line: EVA ViT-g (Fang et al. 2022) without its last block, in the form
//! transformers saves it and in that of LAVIS, whose other tower is CLIP's, likewise without its last block.
//!
//! The fused qkv has all queries, then all keys, then all values; the key bias is there and zero, and LAVIS leaves it out. A
//! picture side that the patch does not divide is cut off at the edge, as the convolution does.

use super::{LAYERS, SIDE, WIDTH, activation, heads, pretrained};
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::settings::Object;
use ocelli_quant::gguf::keys::ROWS;

/// Whose tensors a tower has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Those of transformers' `Blip2VisionModel`.
    Blip2,
    /// The same with biases of queries and of values that are tensors of their own.
    Eva,
    /// CLIP's: a norm before the blocks, no bias at the patches, tables without a dimension of one.
    Clip,
    /// mPLUG-Owl's: a norm before the blocks, no bias at the patches, and in the fused projection a head's queries, keys and
    /// values together.
    Owl,
}

/// A `Blip2VisionConfig`.
#[derive(Debug)]
pub(crate) struct Vit {
    pub(crate) width: u32,
    pub(crate) side: u32,
    patch: u32,
    layers: u32,
    heads: u32,
    ffn: u32,
    eps: f32,
    /// Of the norms outside of the blocks.
    outer_eps: f32,
    qkv_bias: bool,
    act: &'static str,
    form: Form,
    /// The norm behind the blocks was trained.
    normed: bool,
}

impl Vit {
    pub(crate) fn read(config: &Object) -> Result<Self, ConvertError> {
        pretrained::part(config, super::VISION);
        let width = config.count("hidden_size", 1..=WIDTH, 1_408)?;
        let side = config.same("image_size", 1..=SIDE, 224)?;
        let patch = config.same("patch_size", 1..=SIDE, 14)?;
        if patch > side {
            return Err(config.bad("patch_size", patch, format!("must be at most image_size {side}")));
        }
        let patches = (side / patch) * (side / patch);
        if patches > ROWS {
            return Err(config.bad("patch_size", patch, format!("makes {patches} patches, at most {ROWS}")));
        }
        let eps = config.epsilon("layer_norm_eps", 1e-6)?;
        Ok(Self {
            width,
            side,
            patch,
            layers: config.count("num_hidden_layers", 1..=LAYERS, 39)?,
            heads: heads(config, "num_attention_heads", 16, width)?,
            ffn: config.count("intermediate_size", 1..=WIDTH, 6_144)?,
            eps,
            outer_eps: eps,
            form: Form::Blip2,
            normed: true,
            qkv_bias: config.switch("qkv_bias", true)?,
            act: activation(config, "hidden_act", "gelu")?,
        })
    }

    /// The same with tensors of another form and norms of another epsilon outside of the blocks.
    pub(crate) fn of(self, form: Form, outer_eps: f32) -> Self {
        Self { form, outer_eps, ..self }
    }

    /// The same with a norm behind the blocks that only norms.
    pub(crate) fn untrained_norm(self) -> Self {
        Self { normed: false, ..self }
    }

    /// The same of another side, whose table of positions somebody else gives.
    pub(crate) fn of_side(self, side: u32) -> Self {
        Self { side, ..self }
    }

    /// Patches of a side.
    pub(crate) fn grid(&self) -> u32 {
        self.side / self.patch
    }

    /// The rules for tensors under `prefix`, such as `vision_model.`.
    pub(crate) fn layout(&self, prefix: &str, layout: &mut Layout) {
        let (w, ffn) = (u64::from(self.width), u64::from(self.ffn));
        let grid = u64::from(self.side / self.patch);
        let positions = grid * grid + 1;
        let embeddings = format!("{prefix}embeddings");
        let (clip, owl) = (self.form == Form::Clip, self.form == Form::Owl);
        let (class, table): (&[_], &[_]) =
            if clip { (&[w], &[positions, w]) } else { (&[1, 1, w], &[1, positions, w]) };

        layout.exact(&format!("{embeddings}.class_embedding"), class, "v.class_embd", &[w, 1]);
        layout.patch(
            &format!("{embeddings}.patch_embedding"),
            "v.patch_embd",
            u64::from(self.patch),
            w,
            !(clip || owl),
        );
        layout.exact(&format!("{embeddings}.position_embedding"), table, "v.position_embd", &[w, positions]);
        if clip || owl {
            layout.norm(&format!("{prefix}pre_layrnorm"), "v.pre_ln", w, true);
        }
        for n in 0..self.layers {
            let (from, to) = (format!("{prefix}encoder.layers.{n}"), format!("v.blk.{n}"));
            layout.norm(&format!("{from}.layer_norm1"), &format!("{to}.ln1"), w, true);
            let parts = ["attn_q", "attn_k", "attn_v"].map(|part| format!("{to}.{part}"));
            let split = self.form == Form::Eva && self.qkv_bias;
            let (qkv, bias) = (format!("{from}.self_attn.qkv"), self.qkv_bias && !split);
            if owl {
                layout.interleaved(&qkv, parts, w, u64::from(self.heads), bias);
            } else {
                layout.fused(&qkv, parts, w, w, bias);
            }
            if split {
                layout.vector(&format!("{from}.self_attn.q_bias"), &format!("{to}.attn_q.bias"), w);
                layout.zeros(&format!("{to}.attn_k.bias"), w);
                layout.vector(&format!("{from}.self_attn.v_bias"), &format!("{to}.attn_v.bias"), w);
            }
            layout.linear(&format!("{from}.self_attn.projection"), &format!("{to}.attn_out"), w, w, true);
            layout.norm(&format!("{from}.layer_norm2"), &format!("{to}.ln2"), w, true);
            layout.linear(&format!("{from}.mlp.fc1"), &format!("{to}.ffn_up"), w, ffn, true);
            layout.linear(&format!("{from}.mlp.fc2"), &format!("{to}.ffn_down"), ffn, w, true);
        }
        layout.norm(&format!("{prefix}post_layernorm"), "v.post_ln", w, self.normed);
    }

    pub(crate) fn keys(&self, keys: &mut Keys) {
        keys.set("clip.has_vision_encoder", true);
        keys.set("clip.vision.image_size", self.side);
        keys.set("clip.vision.patch_size", self.patch);
        keys.set("clip.vision.embedding_length", self.width);
        keys.set("clip.vision.feed_forward_length", self.ffn);
        keys.set("clip.vision.block_count", self.layers);
        keys.set("clip.vision.attention.head_count", self.heads);
        keys.set("clip.vision.attention.layer_norm_epsilon", self.eps);
        keys.set("clip.vision.post_norm_epsilon", self.outer_eps);
        keys.set("clip.vision.activation", self.act);
    }
}
