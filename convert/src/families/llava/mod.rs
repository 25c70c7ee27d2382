//! LLaVA 1.5 and LLaVA-NeXT (Liu et al. 2023, 2024) as transformers saves them: CLIP's tower, two linear layers, a language
//! model.
//!
//! Four sets of names are read: those of files on the hub, those of the modules, and either with a tower that has lost what
//! it is called within CLIP, as transformers from 5.0 on makes it. The tower is read behind a block before its last, so what
//! comes behind that block may be there and is not stored.
//!
//! The non-obvious thing: LLaVA-NeXT's sizes are pairs of height and width here, of width and height in the original and in
//! the output. The lists are symmetric, but their order decides between sizes that fit a picture equally well.

mod original;

use serde_json::Value;

use super::{Family, Model};
use crate::checkpoint::Checkpoint;
use crate::error::ConvertError;
use crate::keys::Keys;
use crate::layout::Layout;
use crate::parts::clip::Clip;
use crate::parts::image::{self, Grid};
use crate::parts::language::{self, Language};
use crate::parts::{activation, generation, model_type, pretrained};
use crate::settings::{Inputs, Known, Object};
use crate::tokenizer;
pub use original::Original;
pub(crate) use original::open;

/// The `model_type` of what has tiles.
const NEXT: &str = "llava_next";

pub(crate) const FAMILY: Family = Family { name: "llava", model_types: &["llava", NEXT], read };

/// What has no effect in `LlavaConfig`.
const OUTER: &[Known] = &[
    Known::without_effect(&["image_seq_length"], "the tower and its patches say how many rows a picture has"),
    Known::without_effect(&["tie_word_embeddings"], "text_config says it"),
    Known::without_effect(
        &["ignore_index", "pad_token_id", "use_image_newline_parameter", "vocab_size"],
        "only training reads it, or nobody",
    ),
];

/// What has no effect in the configuration of CLIP's tower within it.
const TOWER: &[Known] = &[Known::without_effect(&["vocab_size"], "it is of the tower's sister that reads texts")];

/// Most layers whose rows are put side by side.
const FEATURES: usize = 64;

/// A tower with what stands between it and a language model.
pub(super) struct Seen {
    pub(super) vit: Clip,
    /// Which rows are read: those before the first block, or behind so many.
    pub(super) features: Vec<u32>,
    pub(super) drops_class: bool,
    /// Linear layers, and the activation between them.
    pub(super) layers: u32,
    pub(super) act: &'static str,
    pub(super) bias: bool,
    pub(super) tiles: Option<Tiles>,
}

/// How pictures are cut into tiles and their rows put together again.
pub(super) struct Tiles {
    /// Width before height.
    pub(super) sizes: Grid,
    pub(super) merge: &'static str,
    pub(super) unpad: &'static str,
}

struct Llava {
    seen: Seen,
    language: Box<dyn Language>,
    text: Object,
    image_token: Option<u32>,
    /// The outer configuration.
    config: Object,
}

fn read(config: &Object, _: &Checkpoint) -> Result<Box<dyn Model>, ConvertError> {
    config.known(OUTER);
    pretrained::part(config, &[]);
    let text = config.object("text_config")?;
    let language = language::decoder(&text)?;
    let key = config.alias("image_token_index", "image_token_id")?;
    let most = language.facts().vocabulary - 1;
    let default = 32_000.min(most);
    let image_token = (config.has(key) || default == 32_000).then(|| config.count(key, 0..=most, default));
    let image_token = image_token.transpose()?;
    let vision = vision(config)?;
    vision.known(TOWER);
    model_type(&vision, "clip_vision_model")?;
    let vit = Clip::read(&vision, ("hidden_size", 768), "quick_gelu")?;
    let drops_class = match config.text("vision_feature_select_strategy")? {
        None | Some("default") => true,
        Some("full") => false,
        Some(other) => {
            let known = "only 'default' and 'full' are";
            return Err(config.unsupported("vision_feature_select_strategy", format!("'{other}'"), known));
        }
    };
    let tiles = tiles(config, vit.side)?;
    if tiles.is_some() && !drops_class {
        let why = "only 'default' is beside tiles, whose patches are put together again as a grid";
        return Err(config.unsupported("vision_feature_select_strategy", "'full'", why));
    }
    let features = features(config, "vision_feature_layer", vit.layers)?;
    let last = features.iter().copied().max().unwrap_or(vit.layers);
    let seen = Seen {
        vit: vit.first(last),
        features,
        drops_class,
        layers: 2,
        act: activation(config, "projector_hidden_act", "gelu")?,
        bias: config.switch("multimodal_projector_bias", true)?,
        tiles,
    };
    Ok(Box::new(Llava { seen, language, text, image_token, config: config.clone() }))
}

/// The tower's configuration; where there is none, the class has that of the released models.
fn vision(config: &Object) -> Result<Object, ConvertError> {
    let vision = config.object("vision_config")?;
    if config.has("vision_config") {
        return Ok(vision);
    }
    let released = [
        ("intermediate_size", 4_096),
        ("hidden_size", 1_024),
        ("patch_size", 14),
        ("image_size", 336),
        ("num_hidden_layers", 24),
        ("num_attention_heads", 16),
    ];
    Ok(released.into_iter().fold(vision, |vision, (key, value)| vision.with(key, value)))
}

/// The hidden states of a tower of `layers` that are read, one or a list: 0 before the first block, k or k - layers - 1 behind
/// block k.
pub(crate) fn features(config: &Object, key: &str, layers: u32) -> Result<Vec<u32>, ConvertError> {
    let one = |value: &Value| {
        let number = value.as_i64().ok_or_else(|| config.mismatch(key, "an integer or a list of integers", value))?;
        let from_end = i64::from(layers) + 1 + number;
        let place = if number < 0 { from_end } else { number };
        let place = u32::try_from(place).ok().filter(|place| *place <= layers);
        place.ok_or_else(|| config.bad(key, number, format!("must be in {}..={layers}", -i64::from(layers) - 1)))
    };
    match config.whole(key) {
        None => one(&Value::from(-2)).map(|place| vec![place]),
        Some(Value::Array(all)) if (1..=FEATURES).contains(&all.len()) => all.iter().map(one).collect(),
        Some(Value::Array(all)) => {
            Err(config.bad(key, format!("{} layers", all.len()), format!("must be 1 to {FEATURES}")))
        }
        Some(value) => one(value).map(|place| vec![place]),
    }
}

fn tiles(config: &Object, side: u32) -> Result<Option<Tiles>, ConvertError> {
    if config.text("model_type")? != Some(NEXT) {
        return Ok(None);
    }
    let released = || vec![[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]];
    let grid = image::grid(config)?.unwrap_or_else(released);
    check_grid(config, &grid, side)?;
    let sizes = grid.into_iter().map(|[height, width]| [width, height]).collect();
    Ok(Some(Tiles { sizes, merge: "spatial_unpad", unpad: "round" }))
}

/// Refuses sizes that are not whole tiles.
pub(super) fn check_grid(config: &Object, grid: &Grid, side: u32) -> Result<(), ConvertError> {
    match grid.iter().flatten().find(|length| !length.is_multiple_of(side)) {
        Some(length) => {
            Err(config.bad("image_grid_pinpoints", length, format!("must be a multiple of the tower's {side}")))
        }
        None => Ok(()),
    }
}

impl Seen {
    /// The rules for the tower's tensors behind `tower`, the layers' behind `projector` with their numbers' names, and the
    /// row that ends a line.
    pub(super) fn layout(&self, tower: &str, projector: &[String], newline: &str, width: u32, layout: &mut Layout) {
        self.vit.layout(tower, layout);
        layout.unused(format!("{tower}post_layernorm."));
        let width = u64::from(width);
        let mut inputs = u64::from(self.vit.width) * self.features.len() as u64;
        for (number, name) in projector.iter().enumerate() {
            layout.linear(name, &format!("mm.{}", 2 * number), inputs, width, self.bias);
            inputs = width;
        }
        if self.tiles.as_ref().is_some_and(|tiles| tiles.merge == "spatial_unpad") {
            layout.vector(newline, "model.image_newline", width);
        }
    }

    pub(super) fn keys(&self, keys: &mut Keys) {
        self.vit.keys(keys);
        keys.set("clip.vision.feature_layer", self.features.clone());
        keys.set("ocelli.vision.drop_class", self.drops_class);
        keys.set("ocelli.projector.layer_count", self.layers);
        keys.set("ocelli.projector.activation", self.act);
        if let Some(tiles) = &self.tiles {
            keys.set("clip.vision.image_grid_pinpoints", tiles.sizes.iter().flatten().copied().collect::<Vec<_>>());
            keys.set("clip.vision.mm_patch_merge_type", tiles.merge);
            keys.set("ocelli.image.unpad", tiles.unpad);
        }
    }
}

impl Model for Llava {
    fn architecture(&self) -> &'static str {
        self.language.facts().architecture
    }

    fn layout(&self) -> Layout {
        let mut layout = Layout::default();
        self.language.layout("language_model.", &mut layout);
        let projector = [1, 2].map(|number| format!("multi_modal_projector.linear_{number}"));
        let width = self.language.facts().width;
        self.seen.layout("vision_tower.vision_model.", &projector, "image_newline", width, &mut layout);
        layout.skip(|name| name.ends_with("rotary_emb.inv_freq") || name.ends_with(".position_ids"));
        layout
    }

    fn keys(&self, inputs: &Inputs<'_>, keys: &mut Keys) -> Result<(), ConvertError> {
        let facts = self.language.facts();
        self.language.keys(keys);
        let class = if self.seen.tiles.is_some() { image::Class::Tiles } else { image::Class::Clip };
        let grid = image::keys(inputs, class, self.seen.vit.side, keys)?;
        if let (Some(tiles), Some(grid)) = (&self.seen.tiles, grid)
            && grid.iter().map(|&[height, width]| [width, height]).ne(tiles.sizes.iter().copied())
        {
            let rule = "must be the pairs that the image processor has, in the same order";
            return Err(self.config.bad("image_grid_pinpoints", "another list", rule));
        }
        image::same_as_model(inputs, "patch_size", self.seen.vit.patch)?;
        image::same_strategy(inputs, if self.seen.drops_class { "default" } else { "full" })?;
        self.seen.keys(keys);
        if let Some(token) = self.image_token {
            keys.set("ocelli.image_token", token);
        }
        keys.begins_chats = true;
        generation::keys(inputs, &self.text, facts.vocabulary, facts.ends, keys)?;
        tokenizer::bpe::keys(inputs, facts.vocabulary, keys)
    }

    fn canonical(&self, name: &str) -> String {
        hub_name(name)
    }
}

/// The name that a tensor has in files on the hub, of one of the other three.
pub(super) fn hub_name(name: &str) -> String {
    let inner = name.strip_prefix("model.").unwrap_or(name);
    if let Some(rest) = inner.strip_prefix("vision_tower.") {
        return format!("vision_tower.{}", super::open_flamingo::in_clip(rest));
    }
    let inside = ["embed_tokens.", "layers.", "norm.", "embedding_norm."];
    match inner.strip_prefix("language_model.") {
        Some(rest) if inside.iter().any(|part| rest.starts_with(part)) => format!("language_model.model.{rest}"),
        None if inner == "lm_head.weight" => format!("language_model.{inner}"),
        _ => inner.to_owned(),
    }
}
