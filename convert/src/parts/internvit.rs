//! InternViT (Chen et al. 2023) in the names that `InternVLVisionModel` of transformers gives it: a class row, a bias at the
//! patches, numbers that scale each sublayer's result before it is added, a norm behind the blocks or none.
//!
//! The larger tower of 6 billion parameters, with RMS norms and norms of queries and keys, is refused by name.

use super::{LAYERS, SIDE, WIDTH, activation, heads, model_type, only, pretrained};
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::settings::Neutral::{Number, Switch};
use crate::settings::{Known, Object};
use ocelli_quant::gguf::keys::ROWS;
use serde_json::Value;

/// What has no effect in `InternVLVisionConfig`.
const OWN: &[Known] = &[
    Known::without_effect(
        &["hidden_dropout_prob", "layer_scale_init_value", "projection_dropout"],
        "only training reads it, or it is what learned numbers begin as",
    ),
    Known::without_effect(&["use_mask_token"], "no patch is masked where a picture is read"),
    Known::only(&["use_absolute_position_embeddings"], &[Switch(true)], "positions are learned"),
    Known::only(&["num_channels"], &[Number(3.0)], "pictures have three colours"),
];

/// A vision configuration.
#[derive(Debug)]
pub(crate) struct InternVit {
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
    /// Of queries, keys and values.
    biases: bool,
    /// A norm behind the blocks.
    normed: bool,
}

impl InternVit {
    pub(crate) fn read(config: &Object) -> Result<Self, ConvertError> {
        pretrained::part(config, super::VISION);
        config.known(OWN);
        model_type(config, "internvl_vision")?;
        only(config, "use_qk_norm", false)?;
        if let Some(norm) = config.text("norm_type")?.filter(|norm| *norm != "layer_norm") {
            return Err(config.unsupported("norm_type", format!("'{norm}'"), "only 'layer_norm' is"));
        }
        let width = config.count("hidden_size", 1..=WIDTH, 1_024)?;
        let (side, patch) = (square(config, "image_size", 448)?, square(config, "patch_size", 14)?);
        if patch > side {
            return Err(config.bad("patch_size", patch, format!("must be at most image_size {side}")));
        }
        let patches = (side / patch) * (side / patch);
        if patches > ROWS {
            return Err(config.bad("patch_size", patch, format!("makes {patches} patches, at most {ROWS}")));
        }
        let layers = config.count("num_hidden_layers", 1..=LAYERS, 24)?;
        Ok(Self {
            width,
            side,
            patch,
            layers,
            run: layers,
            heads: heads(config, "num_attention_heads", 16, width)?,
            ffn: config.count("intermediate_size", 1..=WIDTH, 4_096)?,
            eps: config.epsilon("layer_norm_eps", 1e-6)?,
            act: activation(config, "hidden_act", "gelu")?,
            biases: config.switch("attention_bias", false)?,
            normed: !config.switch("use_mean_pooling", true)?,
        })
    }

    /// The same of which only the first blocks are run, without the norm behind them all; one is stored in any case.
    pub(crate) fn first(self, blocks: u32) -> Self {
        Self { run: blocks.max(1), normed: false, ..self }
    }

    /// Patches across.
    pub(crate) fn across(&self) -> u32 {
        self.side / self.patch
    }

    /// The rules for tensors under `prefix`, such as `vision_tower.`.
    pub(crate) fn layout(&self, prefix: &str, layout: &mut Layout) {
        let (w, ffn) = (u64::from(self.width), u64::from(self.ffn));
        let positions = u64::from(self.across()).pow(2) + 1;
        let embeddings = format!("{prefix}embeddings");
        layout.exact(&format!("{embeddings}.cls_token"), &[1, 1, w], "v.class_embd", &[w, 1]);
        let patches = format!("{embeddings}.patch_embeddings.projection");
        layout.patch(&patches, "v.patch_embd", u64::from(self.patch), w, true);
        let table = format!("{embeddings}.position_embeddings");
        layout.exact(&table, &[1, positions, w], "v.position_embd", &[w, positions]);
        layout.unused(format!("{embeddings}.mask_token"));
        for n in self.run..self.layers {
            layout.unused(format!("{prefix}encoder.layer.{n}."));
        }
        for n in 0..self.run {
            let (from, to) = (format!("{prefix}encoder.layer.{n}"), format!("v.blk.{n}"));
            layout.norm(&format!("{from}.layernorm_before"), &format!("{to}.ln1"), w, true);
            for (source, name, cols, rows, bias) in [
                ("attention.q_proj", "attn_q", w, w, self.biases),
                ("attention.k_proj", "attn_k", w, w, self.biases),
                ("attention.v_proj", "attn_v", w, w, self.biases),
                ("attention.projection_layer", "attn_out", w, w, true),
                ("mlp.fc1", "ffn_up", w, ffn, true),
                ("mlp.fc2", "ffn_down", ffn, w, true),
            ] {
                layout.linear(&format!("{from}.{source}"), &format!("{to}.{name}"), cols, rows, bias);
            }
            layout.norm(&format!("{from}.layernorm_after"), &format!("{to}.ln2"), w, true);
            for number in [1, 2] {
                layout.vector(&format!("{from}.lambda_{number}"), &format!("{to}.ls{number}.weight"), w);
            }
        }
        if self.normed {
            layout.norm(&format!("{prefix}layernorm"), "v.post_ln", w, true);
        } else {
            layout.unused(format!("{prefix}layernorm."));
        }
    }

    pub(crate) fn keys(&self, keys: &mut Keys) {
        keys.set("clip.has_vision_encoder", true);
        // llama.cpp's files say so of the error function's, too.
        keys.set("clip.use_gelu", self.act.starts_with("gelu") && self.act != "gelu_quick");
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

/// One number for both sides, or two that are the same.
fn square(config: &Object, key: &str, default: u32) -> Result<u32, ConvertError> {
    let Some(Value::Array(sides)) = config.get(key) else { return config.count(key, 1..=SIDE, default) };
    let sides: Vec<Option<u32>> = sides.iter().map(|side| u32::try_from(side.as_u64()?).ok()).collect();
    match sides[..] {
        [Some(one), Some(other)] if one == other && (1..=SIDE).contains(&one) => Ok(one),
        _ => Err(config.bad(key, format!("{} numbers", sides.len()), format!("must be two equal ones in 1..={SIDE}"))),
    }
}
