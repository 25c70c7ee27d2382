//! LFM2-VL as transformers saves it: SigLIP 2's tower for pictures of any size, a norm or none, two matrices, LFM2.
//!
//! The file has llama.cpp's keys beside ours, so that it can be split into a pair of llama.cpp's. The non-obvious thing: a
//! patch's numbers stand pixel by pixel in the checkpoint and colour by colour in the file.

use super::{Family, Model, llava};
use crate::checkpoint::Checkpoint;
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::parts::language::{self, Language};
use crate::parts::siglip::Siglip;
use crate::parts::{activation, generation, large, pretrained};
use crate::settings::Neutral::Number;
use crate::settings::{Inputs, Known, Object};
use crate::tokenizer;
use ocelli_quant::gguf::keys::WIDTH;

pub(crate) const FAMILY: Family = Family { name: "lfm2_vl", model_types: &["lfm2_vl"], read };

/// What stands before a picture's rows, and behind them.
const AROUND: [&str; 2] = ["<|image_start|>", "<|image_end|>"];
/// Stands for each row of a picture, and in a conversation for all of them.
const ROW: &str = "<image>";
/// Most patches a side that become one row.
const MERGE: u32 = 16;

/// What has no effect in `Lfm2VlConfig`.
const OUTER: &[Known] = &[
    Known::without_effect(&["initializer_range"], "only training reads it"),
    Known::without_effect(&["vocab_size"], "text_config says it"),
    Known::without_effect(
        &[
            "do_image_splitting",
            "encoder_patch_size",
            "max_image_tokens",
            "max_num_patches",
            "max_pixels_tolerance",
            "max_tiles",
            "min_image_tokens",
            "min_tiles",
            "tile_size",
            "use_image_special_tokens",
            "use_thumbnail",
        ],
        "the processor's configuration says how pictures are cut",
    ),
    Known::only(&["vision_feature_layer"], &[Number(-1.0)], "the rows behind the last block are read"),
];

struct Lfm2Vl {
    vit: Siglip,
    language: Box<dyn Language>,
    text: Object,
    merge: u32,
    /// Between the two matrices.
    inner: u32,
    normed: bool,
    bias: bool,
    act: &'static str,
    image_token: Option<u32>,
}

fn read(config: &Object, _: &Checkpoint) -> Result<Box<dyn Model>, ConvertError> {
    pretrained::part(config, OUTER);
    let text = config.object("text_config")?;
    // The head is the outer class's.
    const TIED: &str = "tie_word_embeddings";
    let tied = config.switch(if config.has("tie_embedding") { "tie_embedding" } else { TIED }, true)?;
    if config.has(TIED) && text.switch(TIED, tied)? != tied {
        return Err(text.bad(TIED, !tied, format!("but the outer {TIED} is {tied}, which is the same setting")));
    }
    let text = text.with(TIED, tied);
    let text = if text.has("model_type") { text } else { text.with("model_type", "lfm2") };
    let language = language::decoder(&text)?;
    let architecture = language.facts().architecture;
    if architecture != "lfm2" {
        return Err(text.unsupported("model_type", format!("'{architecture}'"), "only 'lfm2' is"));
    }
    let vit = Siglip::read_naflex(&config.object("vision_config")?)?;
    let merge = config.count("downsample_factor", 1..=MERGE, 2)?;
    let joined = u64::from(vit.width) * u64::from(merge).pow(2);
    if joined > u64::from(WIDTH) {
        return Err(config.bad("downsample_factor", merge, format!("makes rows {joined} wide, at most {WIDTH}")));
    }
    let id = if config.has("image_token_index") { "image_token_index" } else { "image_token_id" };
    let most = language.facts().vocabulary - 1;
    let image_token = config.has(id).then(|| config.count(id, 0..=most, 0)).transpose()?;
    Ok(Box::new(Lfm2Vl {
        vit,
        language,
        merge,
        inner: config.count("projector_hidden_size", 1..=WIDTH, 2_560)?,
        normed: config.switch("projector_use_layernorm", true)?,
        bias: config.switch("projector_bias", true)?,
        act: activation(config, "projector_hidden_act", "gelu")?,
        text,
        image_token,
    }))
}

impl Model for Lfm2Vl {
    fn architecture(&self) -> &'static str {
        self.language.facts().architecture
    }

    fn layout(&self) -> Layout {
        let mut layout = Layout::default();
        self.language.layout("language_model.", &mut layout);
        self.vit.layout("vision_tower.vision_model.", &mut layout);
        // Attention that makes one row of a picture, which the model does not ask.
        layout.unused("vision_tower.vision_model.head.".to_owned());
        let joined = u64::from(self.vit.width) * u64::from(self.merge).pow(2);
        let (inner, width) = (u64::from(self.inner), u64::from(self.language.facts().width));
        if self.normed {
            layout.norm("multi_modal_projector.layer_norm", "mm.input_norm", joined, true);
        }
        layout.linear("multi_modal_projector.linear_1", "mm.1", joined, inner, self.bias);
        layout.linear("multi_modal_projector.linear_2", "mm.2", inner, width, self.bias);
        layout.skip(|name| name.ends_with("rotary_emb.inv_freq") || name.ends_with(".position_ids"));
        layout
    }

    fn keys(&self, inputs: &Inputs<'_>, keys: &mut Keys) -> Result<(), ConvertError> {
        let facts = self.language.facts();
        self.language.keys(keys);
        self.vit.keys(keys);
        keys.set("clip.projector_type", "lfm2");
        keys.set("clip.vision.projector.scale_factor", self.merge);
        keys.set("clip.vision.projection_dim", facts.width);
        keys.set("ocelli.projector.activation", self.act);
        large::keys(inputs, self.vit.patch, self.merge, keys)?;
        generation::keys(inputs, &self.text, facts.vocabulary, facts.ends, keys)?;
        tokenizer::bpe::keys(inputs, facts.vocabulary, keys)?;
        tokenizer::picture(keys, ROW, self.image_token, &AROUND)
    }

    fn canonical(&self, name: &str) -> String {
        let inner = name.strip_prefix("model.").unwrap_or(name);
        match inner.strip_prefix("vision_tower.") {
            Some(rest) if !rest.starts_with("vision_model.") => format!("vision_tower.vision_model.{rest}"),
            Some(_) => inner.to_owned(),
            None => llava::hub_name(name),
        }
    }
}
