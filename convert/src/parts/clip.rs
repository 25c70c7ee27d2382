//! CLIP's vision transformer (Radford et al. 2021) in the names transformers gives it, of OpenAI's and of OpenCLIP's
//! models: a class row, no bias at the patches, a norm before the blocks.
//!
//! The norm behind the blocks belongs to CLIP's own pooled output. Families that read the rows as the last block leaves
//! them do not store it.

use super::{LAYERS, SIDE, WIDTH, activation, heads, pretrained};
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::settings::Object;
use ocelli_quant::gguf::keys::ROWS;

/// A vision configuration.
#[derive(Debug)]
pub(crate) struct Clip {
    pub(crate) width: u32,
    pub(crate) side: u32,
    pub(crate) patch: u32,
    pub(crate) layers: u32,
    /// Blocks that are run, where they are not all.
    run: u32,
    heads: u32,
    ffn: u32,
    eps: f32,
    act: &'static str,
}

impl Clip {
    /// `width` is the key of the rows' width with its default, `act` the default activation.
    pub(crate) fn read(config: &Object, (key, width): (&str, u32), act: &str) -> Result<Self, ConvertError> {
        pretrained::part(config, super::VISION);
        let idefics = key == "embed_dim";
        let name = if idefics { config.alias(key, "hidden_size")? } else { key };
        let width = config.count(name, 1..=WIDTH, width)?;
        let side = config.same("image_size", 1..=SIDE, 224)?;
        let patch = config.same("patch_size", 1..=SIDE, if idefics { 14 } else { 32 })?;
        if patch > side {
            return Err(config.bad("patch_size", patch, format!("must be at most image_size {side}")));
        }
        let patches = (side / patch) * (side / patch);
        if patches > ROWS {
            return Err(config.bad("patch_size", patch, format!("makes {patches} patches, at most {ROWS}")));
        }
        let layers = config.count("num_hidden_layers", 1..=LAYERS, if idefics { 32 } else { 12 })?;
        Ok(Self {
            width,
            side,
            patch,
            layers,
            run: layers,
            heads: heads(config, "num_attention_heads", if idefics { 16 } else { 12 }, width)?,
            ffn: config.count("intermediate_size", 1..=WIDTH, if idefics { 5_120 } else { 3_072 })?,
            eps: config.epsilon("layer_norm_eps", 1e-5)?,
            act: activation(config, "hidden_act", act)?,
        })
    }

    /// The same of which only the first blocks are run; one is stored in any case.
    pub(crate) fn first(self, blocks: u32) -> Self {
        Self { run: blocks.max(1), ..self }
    }

    /// The rules for tensors under `prefix`, such as `vision_model.`, without the norm behind the blocks.
    pub(crate) fn layout(&self, prefix: &str, layout: &mut Layout) {
        let (w, ffn) = (u64::from(self.width), u64::from(self.ffn));
        let grid = u64::from(self.side / self.patch);
        let positions = grid * grid + 1;
        let embeddings = format!("{prefix}embeddings");

        layout.exact(&format!("{embeddings}.class_embedding"), &[w], "v.class_embd", &[w, 1]);
        layout.patch(&format!("{embeddings}.patch_embedding"), "v.patch_embd", u64::from(self.patch), w, false);
        let table = format!("{embeddings}.position_embedding.weight");
        layout.exact(&table, &[positions, w], "v.position_embd", &[w, positions]);
        layout.norm(&format!("{prefix}pre_layrnorm"), "v.pre_ln", w, true);
        for n in self.run..self.layers {
            layout.unused(format!("{prefix}encoder.layers.{n}."));
        }
        for n in 0..self.run {
            let (from, to) = (format!("{prefix}encoder.layers.{n}"), format!("v.blk.{n}"));
            layout.norm(&format!("{from}.layer_norm1"), &format!("{to}.ln1"), w, true);
            for (source, name, cols, rows) in [
                ("self_attn.q_proj", "attn_q", w, w),
                ("self_attn.k_proj", "attn_k", w, w),
                ("self_attn.v_proj", "attn_v", w, w),
                ("self_attn.out_proj", "attn_out", w, w),
                ("mlp.fc1", "ffn_up", w, ffn),
                ("mlp.fc2", "ffn_down", ffn, w),
            ] {
                layout.linear(&format!("{from}.{source}"), &format!("{to}.{name}"), cols, rows, true);
            }
            layout.norm(&format!("{from}.layer_norm2"), &format!("{to}.ln2"), w, true);
        }
    }

    pub(crate) fn keys(&self, keys: &mut Keys) {
        keys.set("clip.has_vision_encoder", true);
        keys.set("clip.vision.image_size", self.side);
        keys.set("clip.vision.patch_size", self.patch);
        keys.set("clip.vision.embedding_length", self.width);
        keys.set("clip.vision.feed_forward_length", self.ffn);
        keys.set("clip.vision.block_count", self.run);
        keys.set("clip.vision.attention.head_count", self.heads);
        keys.set("clip.vision.attention.layer_norm_epsilon", self.eps);
        keys.set("clip.vision.activation", self.act);
    }
}
