//! Frozen (Tsimpoukelli et al. 2021). Nothing was released: the checkpoint is one of ours, with a tower in CLIP's names or
//! in those of timm's `nf_resnet50`, which is the paper's, a language model in its own, and between them `prefix.weight` and
//! `prefix.bias`.
//!
//! `config.json` has `model_type` `frozen`, `vision_config`, `text_config`, `prefix_length` (2 in the paper, which found it
//! best) and `pool`: `class` or `mean`. A `vision_config` whose `model_type` is `nf_resnet` has the fields of timm's `NfCfg`
//! and is pooled by the mean. Pictures are padded with black to a square, as in the paper.

use super::{Family, Model};
use crate::checkpoint::Checkpoint;
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::parts::clip::Clip;
use crate::parts::language::{self, Language};
use crate::parts::nf_resnet::{self, NfResNet};
use crate::parts::{WIDTH, generation, image, pretrained};
use crate::settings::{Inputs, Object};
use crate::tokenizer;
use ocelli_quant::gguf::keys::ROWS;

pub(crate) const FAMILY: Family = Family { name: "frozen", model_types: &["frozen"], read };

enum Tower {
    Clip(Clip),
    NfResNet(NfResNet),
}

struct Frozen {
    tower: Tower,
    language: Box<dyn Language>,
    text: Object,
    rows: u32,
    pool: &'static str,
}

fn read(config: &Object, _: &Checkpoint) -> Result<Box<dyn Model>, ConvertError> {
    pretrained::part(config, &[]);
    let text = config.object("text_config")?;
    let language = language::decoder(&text)?;
    let vision = config.object("vision_config")?;
    let (tower, default) = match vision.text("model_type")? {
        Some(nf_resnet::MODEL_TYPE) => (Tower::NfResNet(NfResNet::read(&vision)?), "mean"),
        _ => (Tower::Clip(Clip::read(&vision, ("hidden_size", 768), "quick_gelu")?), "class"),
    };
    let rows = config.count("prefix_length", 1..=ROWS, 2)?;
    if u64::from(rows) * u64::from(language.facts().width) > u64::from(WIDTH) * 8 {
        let rule =
            format!("rows of {} must make at most {} numbers together", language.facts().width, u64::from(WIDTH) * 8);
        return Err(config.bad("prefix_length", rows, rule));
    }
    let pool = match config.text("pool")?.unwrap_or(default) {
        "class" if default == "class" => "class",
        "mean" => "mean",
        other if default == "class" => {
            return Err(config.unsupported("pool", format!("'{other}'"), "only 'class' and 'mean' are"));
        }
        other => return Err(config.unsupported("pool", format!("'{other}'"), "only 'mean' is behind an NF-ResNet")),
    };
    Ok(Box::new(Frozen { tower, language, text, rows, pool }))
}

impl Model for Frozen {
    fn architecture(&self) -> &'static str {
        self.language.facts().architecture
    }

    fn layout(&self) -> Layout {
        let mut layout = Layout::default();
        self.language.layout("", &mut layout);
        let width = match &self.tower {
            Tower::Clip(vit) => {
                vit.layout("vision_model.", &mut layout);
                layout.norm("vision_model.post_layernorm", "v.post_ln", u64::from(vit.width), true);
                u64::from(vit.width)
            }
            Tower::NfResNet(net) => {
                net.layout("vision_model.", &mut layout);
                u64::from(net.width())
            }
        };
        let outputs = u64::from(self.rows) * u64::from(self.language.facts().width);
        layout.linear("prefix", "mm.prefix", width, outputs, true);
        layout.skip(|name| name.ends_with("rotary_emb.inv_freq") || name.ends_with(".position_ids"));
        layout
    }

    /// A tower may have been saved by itself.
    fn canonical(&self, name: &str) -> String {
        super::open_flamingo::in_clip(name)
    }

    fn keys(&self, inputs: &Inputs<'_>, keys: &mut Keys) -> Result<(), ConvertError> {
        self.language.keys(keys);
        let side = match &self.tower {
            Tower::Clip(vit) => {
                vit.keys(keys);
                vit.side
            }
            Tower::NfResNet(net) => {
                net.keys(keys);
                net.side
            }
        };
        image::padded_keys(side, [0, 0, 0], keys);
        keys.set("ocelli.prefix.row_count", self.rows);
        keys.set("ocelli.prefix.pool", self.pool);
        generation::keys(inputs, &self.text, self.language.facts().vocabulary, self.language.facts().ends, keys)?;
        tokenizer::bpe::keys(inputs, self.language.facts().vocabulary, keys)
    }
}
