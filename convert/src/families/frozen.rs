//! Frozen (Tsimpoukelli et al. 2021). Nothing was released: the checkpoint is one of ours, with a tower in CLIP's names, a
//! language model in its own, and between them `prefix.weight` and `prefix.bias`.
//!
//! `config.json` has `model_type` `frozen`, `vision_config`, `text_config`, `prefix_length` (2 in the paper, which found it
//! best) and `pool`: `class` or `mean`. Pictures are padded with black to a square, as in the paper.

use super::{Family, Inputs, Model};
use crate::error::ConvertError;
use crate::json::Object;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::parts::clip::Clip;
use crate::parts::language::{self, Language};
use crate::parts::{WIDTH, generation, image};
use crate::tokenizer;

pub(crate) const FAMILY: Family = Family { name: "frozen", model_types: &["frozen"], read };

/// Most rows a picture becomes.
const ROWS: u32 = 16_384;

struct Frozen {
    vit: Clip,
    language: Box<dyn Language>,
    text: Object,
    rows: u32,
    pool: &'static str,
}

fn read(config: &Object) -> Result<Box<dyn Model>, ConvertError> {
    let text = config.object("text_config")?;
    let language = language::read(&text)?;
    let vit = Clip::read(&config.object("vision_config")?, ("hidden_size", 768), "quick_gelu")?;
    let rows = config.count("prefix_length", 1..=ROWS, 2)?;
    if u64::from(rows) * u64::from(language.width()) > u64::from(WIDTH) * 8 {
        let rule = format!("rows of {} must make at most {} numbers together", language.width(), u64::from(WIDTH) * 8);
        return Err(config.bad("prefix_length", rows, rule));
    }
    let pool = match config.text("pool")?.unwrap_or("class") {
        "class" => "class",
        "mean" => "mean",
        other => return Err(config.unsupported("pool", format!("'{other}'"), "only 'class' and 'mean' are")),
    };
    Ok(Box::new(Frozen { vit, language, text, rows, pool }))
}

impl Model for Frozen {
    fn architecture(&self) -> &'static str {
        self.language.architecture()
    }

    fn layout(&self) -> Layout {
        let mut layout = Layout::default();
        self.language.layout(&mut layout);
        self.vit.layout("vision_model.", &mut layout);
        layout.norm("vision_model.post_layernorm", "v.post_ln", u64::from(self.vit.width), true);
        let outputs = u64::from(self.rows) * u64::from(self.language.width());
        layout.linear("prefix", "mm.prefix", u64::from(self.vit.width), outputs, true);
        layout.skip(|name| name.ends_with("rotary_emb.inv_freq") || name.ends_with(".position_ids"));
        layout
    }

    fn keys(&self, inputs: &Inputs<'_>, keys: &mut Keys) -> Result<(), ConvertError> {
        self.language.keys(keys);
        self.vit.keys(keys);
        image::padded_keys(self.vit.side, [0, 0, 0], keys);
        keys.set("ocelli.prefix.row_count", self.rows);
        keys.set("ocelli.prefix.pool", self.pool);
        generation::keys(inputs.source, &self.text, self.language.vocabulary(), self.language.ends(), keys)?;
        tokenizer::bpe::keys(inputs.tokenizer, self.language.vocabulary(), keys)
    }
}
