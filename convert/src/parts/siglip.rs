//! SigLIP's vision transformer (Zhai et al. 2023) in the names that its own class and those of Idefics3 and SmolVLM give it: no class row, a
//! bias at the patches, no norm before the blocks and one behind them.
//!
//! The non-obvious thing: positions are learned for a square of patches and looked up by fractions of it, so that smaller
//! pictures could be shown. Pictures always fill the square here, where the fractions name the places in order.

use super::{LAYERS, SIDE, WIDTH, activation, heads, model_type, pretrained};
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::settings::{Known, Object};
use ocelli_quant::gguf::keys::ROWS;

/// What has no effect in `Idefics3VisionConfig`, `SmolVLMVisionConfig` and `SiglipVisionConfig`.
const OWN: &[Known] = &[
    Known::without_effect(&["max_image_size", "size"], "the processor's configuration says how pictures are cut"),
    Known::without_effect(&["use_base_siglip"], "names what the tower was taken from"),
    Known::without_effect(&["vision_use_head"], "what it adds is behind the rows that are read"),
];

/// The same of `Siglip2VisionConfig`.
const NAFLEX: &[Known] = &[Known::without_effect(&["image_size"], "the class reads num_patches")];

/// What a class has where its configuration says nothing.
pub(crate) struct Class {
    width: u32,
    patch: u32,
    heads: u32,
}
/// `Idefics3VisionConfig` and `SmolVLMVisionConfig`.
pub(crate) const IDEFICS3: Class = Class { width: 1_152, patch: 32, heads: 16 };
/// `SiglipVisionConfig`.
pub(crate) const SIGLIP: Class = Class { width: 768, patch: 16, heads: 12 };

/// A vision configuration.
#[derive(Debug)]
pub(crate) struct Siglip {
    pub(crate) width: u32,
    pub(crate) side: u32,
    pub(crate) patch: u32,
    layers: u32,
    heads: u32,
    ffn: u32,
    eps: f32,
    act: &'static str,
    /// Patches are a matrix over pixels whose colours stand together, as in SigLIP 2's NaFlex.
    unfolded: bool,
}

impl Siglip {
    /// Reads a part of the class whose `model_type` is one of `types`.
    pub(crate) fn read(config: &Object, types: &[&str], class: &Class) -> Result<Self, ConvertError> {
        pretrained::part(config, super::VISION);
        config.known(OWN);
        match config.text("model_type")? {
            Some(got) if types.contains(&got) => {}
            _ => model_type(config, types[0])?,
        }
        let width = config.count("hidden_size", 1..=WIDTH, class.width)?;
        let side = config.same("image_size", 1..=SIDE, 224)?;
        let patch = config.same("patch_size", 1..=SIDE, class.patch)?;
        if patch > side {
            return Err(config.bad("patch_size", patch, format!("must be at most image_size {side}")));
        }
        let patches = (side / patch) * (side / patch);
        if patches > ROWS {
            return Err(config.bad("patch_size", patch, format!("makes {patches} patches, at most {ROWS}")));
        }
        Ok(Self {
            width,
            side,
            patch,
            layers: config.count("num_hidden_layers", 1..=LAYERS, 12)?,
            heads: heads(config, "num_attention_heads", class.heads, width)?,
            ffn: config.count("intermediate_size", 1..=WIDTH, 3_072)?,
            eps: config.epsilon("layer_norm_eps", 1e-6)?,
            act: activation(config, "hidden_act", "gelu_pytorch_tanh")?,
            unfolded: false,
        })
    }

    /// `Siglip2VisionConfig`: positions were learned for a square of `num_patches`.
    pub(crate) fn read_naflex(config: &Object) -> Result<Self, ConvertError> {
        const PATCHES: &str = "num_patches";
        let patches = config.count(PATCHES, 1..=ROWS, 256)?;
        let patch = config.same("patch_size", 1..=SIDE, SIGLIP.patch)?;
        let across = patches.isqrt();
        if across * across != patches || across.saturating_mul(patch) > SIDE {
            let rule = format!("must be a square, of at most {SIDE} pixels a side");
            return Err(config.bad(PATCHES, patches, rule));
        }
        if config.has("image_size") {
            config.known(NAFLEX);
        }
        let config = config.with("image_size", across * patch);
        Ok(Self { unfolded: true, ..Self::read(&config, &["siglip2_vision_model"], &SIGLIP)? })
    }

    /// Patches across.
    pub(crate) fn across(&self) -> u32 {
        self.side / self.patch
    }

    /// The rules for tensors under `prefix`, such as `model.vision_model.`.
    pub(crate) fn layout(&self, prefix: &str, layout: &mut Layout) {
        let (w, ffn) = (u64::from(self.width), u64::from(self.ffn));
        let positions = u64::from(self.across()).pow(2);
        let embeddings = format!("{prefix}embeddings");
        let patch = u64::from(self.patch);
        if self.unfolded {
            layout.unfolded(&format!("{embeddings}.patch_embedding"), "v.patch_embd", patch, w, true);
        } else {
            layout.patch(&format!("{embeddings}.patch_embedding"), "v.patch_embd", patch, w, true);
        }
        let table = format!("{embeddings}.position_embedding.weight");
        layout.exact(&table, &[positions, w], "v.position_embd", &[w, positions]);
        for n in 0..self.layers {
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
        layout.norm(&format!("{prefix}post_layernorm"), "v.post_ln", w, true);
    }

    pub(crate) fn keys(&self, keys: &mut Keys) {
        keys.set("clip.has_vision_encoder", true);
        keys.set("clip.use_gelu", self.act == "gelu_tanh");
        keys.set("clip.vision.image_size", self.side);
        keys.set("clip.vision.patch_size", self.patch);
        keys.set("clip.vision.embedding_length", self.width);
        keys.set("clip.vision.feed_forward_length", self.ffn);
        keys.set("clip.vision.block_count", self.layers);
        keys.set("clip.vision.attention.head_count", self.heads);
        keys.set("clip.vision.attention.layer_norm_epsilon", self.eps);
        keys.set("clip.vision.activation", self.act);
    }
}
