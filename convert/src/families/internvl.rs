//! InternVL as transformers saves it: InternViT, a norm and two linear layers behind a pixel shuffle, a Qwen or another decoder.
//!
//! Two sets of names are read: those of files on the hub, and the modules'. The tower may be read behind a block before its
//! last; what comes behind it may be there and is not stored.
//!
//! The non-obvious thing: the processor cuts pictures into tiles whatever the image processor's own file says of it.

use super::{Family, Model, llava};
use crate::checkpoint::Checkpoint;
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::parts::internvit::InternVit;
use crate::parts::language::{self, Language};
use crate::parts::{activation, generation, image, pretrained};
use crate::settings::{Inputs, Known, Object};
use crate::tokenizer;
use ocelli_quant::gguf::keys::WIDTH;

pub(crate) const FAMILY: Family = Family { name: "internvl", model_types: &["internvl"], read };

/// What stands before a picture's rows, and behind them.
const AROUND: [&str; 2] = ["<img>", "</img>"];
/// Stands for each row of a picture.
const ROW: &str = "<IMG_CONTEXT>";

/// What has no effect in `InternVLConfig`.
const OUTER: &[Known] = &[
    Known::without_effect(&["vocab_size"], "text_config says it"),
    Known::without_effect(&["video_token_id"], "frames of a video are pictures"),
    Known::without_effect(&["image_seq_length"], "the tower and its patches say how many rows a tile has"),
];

struct InternVl {
    vit: InternVit,
    language: Box<dyn Language>,
    text: Object,
    /// Patches of a side that become one row.
    scale: u32,
    /// Behind which block rows are read.
    feature: u32,
    act: &'static str,
    image_token: Option<u32>,
}

fn read(config: &Object, _: &Checkpoint) -> Result<Box<dyn Model>, ConvertError> {
    pretrained::part(config, OUTER);
    let text = config.object("text_config")?;
    // The head is the outer class's.
    const TIED: &str = "tie_word_embeddings";
    let text = if config.has(TIED) {
        let tied = config.switch(TIED, true)?;
        if text.switch(TIED, tied)? != tied {
            return Err(text.bad(TIED, !tied, format!("but the outer {TIED} is {tied}, which is the same setting")));
        }
        text.with(TIED, tied)
    } else {
        text
    };
    let text = if text.has("model_type") { text } else { text.with("model_type", "qwen2") };
    let language = language::decoder(&text)?;
    let vit = InternVit::read(&config.object("vision_config")?)?;
    let scale = scale(config, &vit)?;
    if let Some(other) = config.text("vision_feature_select_strategy")?.filter(|how| *how != "default") {
        let known = "only 'default' is: patches are put side by side as a grid";
        return Err(config.unsupported("vision_feature_select_strategy", format!("'{other}'"), known));
    }
    const LAYER: &str = "vision_feature_layer";
    let last = config.get(LAYER).is_none_or(|value| value.as_i64() == Some(-1));
    let feature = if last {
        vit.layers
    } else {
        match llava::features(config, LAYER, vit.layers)?[..] {
            [one] if one < vit.layers => one,
            // Only the last ones pass the norm behind the blocks, where there is one.
            [_] => return Err(config.bad(LAYER, vit.layers, "must be -1 for the rows behind all blocks")),
            _ => return Err(config.bad(LAYER, "a list", "must be one number")),
        }
    };
    let most = language.facts().vocabulary - 1;
    let id = "image_token_id";
    let image_token = config.has(id).then(|| config.count(id, 0..=most, 0)).transpose()?;
    let act = activation(config, "projector_hidden_act", "gelu")?;
    let vit = if feature < vit.layers { vit.first(feature) } else { vit };
    Ok(Box::new(InternVl { vit, language, text, scale, feature, act, image_token }))
}

/// Patches of a side that become one row: the inverse of `downsample_ratio`.
fn scale(config: &Object, vit: &InternVit) -> Result<u32, ConvertError> {
    const KEY: &str = "downsample_ratio";
    let ratio = config.number(KEY, 0.5)?;
    let scale = (1..=vit.across()).find(|scale| (ratio * f64::from(*scale) - 1.0).abs() < 1e-6);
    let scale = scale.ok_or_else(|| {
        let rule = format!("must be one part in 1 to {}, the patches of a side", vit.across());
        config.bad(KEY, ratio, rule)
    })?;
    if !vit.across().is_multiple_of(scale) {
        return Err(config.bad(KEY, ratio, format!("must divide the {} patches of a side", vit.across())));
    }
    let joined = u64::from(vit.width) * u64::from(scale).pow(2);
    if joined > u64::from(WIDTH) {
        return Err(config.bad(KEY, ratio, format!("makes rows {joined} wide, at most {WIDTH}")));
    }
    Ok(scale)
}

impl Model for InternVl {
    fn architecture(&self) -> &'static str {
        self.language.facts().architecture
    }

    fn layout(&self) -> Layout {
        let mut layout = Layout::default();
        self.language.layout("language_model.", &mut layout);
        self.vit.layout("vision_tower.", &mut layout);
        let joined = u64::from(self.vit.width) * u64::from(self.scale).pow(2);
        let width = u64::from(self.language.facts().width);
        layout.norm("multi_modal_projector.layer_norm", "mm.model.mlp.0", joined, true);
        layout.linear("multi_modal_projector.linear_1", "mm.model.mlp.1", joined, width, true);
        layout.linear("multi_modal_projector.linear_2", "mm.model.mlp.3", width, width, true);
        layout.skip(|name| name.ends_with("rotary_emb.inv_freq"));
        layout
    }

    fn keys(&self, inputs: &Inputs<'_>, keys: &mut Keys) -> Result<(), ConvertError> {
        let facts = self.language.facts();
        self.language.keys(keys);
        self.vit.keys(keys);
        keys.set("clip.projector_type", "internvl");
        keys.set("clip.vision.projector.scale_factor", self.scale);
        keys.set("clip.vision.projection_dim", facts.width);
        keys.set("clip.vision.feature_layer", vec![self.feature]);
        keys.set("ocelli.projector.activation", self.act);
        image::keys(inputs, image::Class::Closest, self.vit.side, keys)?;
        image::same_as_model(inputs, "image_seq_length", (self.vit.across() / self.scale).pow(2))?;
        generation::keys(inputs, &self.text, facts.vocabulary, facts.ends, keys)?;
        tokenizer::bpe::keys(inputs, facts.vocabulary, keys)?;
        tokenizer::picture(keys, ROW, self.image_token, &AROUND)
    }

    fn canonical(&self, name: &str) -> String {
        let inner = name.strip_prefix("model.").unwrap_or(name);
        if inner.starts_with("vision_tower.") { inner.to_owned() } else { llava::hub_name(name) }
    }
}
