//! The sizes of a LAVIS checkpoint, which only its tensors say, under the keys of transformers' configurations.
//!
//! What is counted by names, layers and blocks, is one more than the highest number: that none below is missing is for the
//! rules to find.

use std::path::Path;

use super::{LavisError, VISION, WORDS};
use crate::checkpoint::Checkpoint;
use crate::error::ConvertError;
use crate::parts::vit::{Form, Vit};
use crate::settings::Object;
use ocelli_quant::gguf::keys::ROWS;

/// Numbers of a head: of the Q-Former and of CLIP, and of EVA.
const HEAD: u64 = 64;
const EVA_HEAD: u64 = 88;
/// Of `ln_vision` and of CLIP's norms; EVA's have transformers' 1e-6.
const EPS: f32 = 1e-5;
/// What stands before the number of a Q-Former's layer.
const LAYER: &str = "Qformer.bert.encoder.layer.";
/// What messages call the place of these sizes.
const PLACE: &str = "the checkpoint's tensors";

/// A tower that was found.
pub(in super::super) struct Tower {
    pub(in super::super) vit: Vit,
    pub(in super::super) form: Form,
    /// Blocks that are used.
    pub(in super::super) layers: u64,
    /// What stands before the number of a block, behind [`VISION`].
    pub(in super::super) blocks: &'static str,
}

/// A file's name for messages.
pub(in super::super) fn shown_file(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// The tower under [`VISION`], whose last `unused` blocks are not.
pub(in super::super) fn tower(checkpoint: &Checkpoint, file: &str, unused: u64) -> Result<Tower, ConvertError> {
    let named = |name: &str| format!("{VISION}{name}");
    let has = |name: &str| checkpoint.get(&named(name)).is_some();
    let (form, class, positions, patches, blocks, up, head) = if has("cls_token") {
        (Form::Eva, "cls_token", "pos_embed", "patch_embed.proj.weight", "blocks.", "mlp.fc1.weight", EVA_HEAD)
    } else if has("class_embedding") {
        let (positions, patches) = ("positional_embedding", "conv1.weight");
        (Form::Clip, "class_embedding", positions, patches, "transformer.resblocks.", "mlp.c_fc.weight", HEAD)
    } else {
        return Err(LavisError::NoTower { file: file.to_owned() }.into());
    };
    let class = named(class);
    let width = from_last(checkpoint, &class, 0)?;
    let heads = whole_heads(checkpoint, &class, width, head)?;
    let (positions, patches) = (named(positions), named(patches));
    let (rows, patch) = (from_last(checkpoint, &positions, 1)?, from_last(checkpoint, &patches, 0)?);
    let grid = rows.saturating_sub(1).isqrt();
    if rows < 2 || grid * grid != rows - 1 {
        let rule = format!("{rows} rows are not one and those of a square of patches");
        return Err(size(checkpoint, &positions, rule).into());
    }
    let found = count(checkpoint, &named(blocks));
    let Some(layers) = found.checked_sub(unused).filter(|layers| *layers > 0) else {
        let rule =
            format!("{file} has {found} blocks, of which the last is not used: at least {} are needed", unused + 1);
        return Err(size(checkpoint, &class, rule).into());
    };
    let config = Object::empty(PLACE)
        .with("hidden_size", width)
        .with("image_size", grid.saturating_mul(patch))
        .with("patch_size", patch)
        .with("num_hidden_layers", layers)
        .with("num_attention_heads", heads)
        .with("intermediate_size", dimension(checkpoint, &named(&format!("{blocks}0.{up}")), 0)?)
        .with("hidden_act", if form == Form::Clip { "quick_gelu" } else { "gelu" })
        .with("layer_norm_eps", if form == Form::Clip { f64::from(EPS) } else { 1e-6 })
        .with("qkv_bias", form == Form::Clip || has("blocks.0.attn.q_bias"));
    Ok(Tower { vit: Vit::read(&config)?.of(form, EPS), form, layers, blocks })
}

/// The Q-Former, with the sizes of its text branch where it has one.
pub(in super::super) fn qformer(checkpoint: &Checkpoint) -> Result<Object, ConvertError> {
    let width = from_last(checkpoint, "query_tokens", 0)?;
    let layers = count(checkpoint, LAYER);
    let looks = |n: &u64| checkpoint.get(&format!("{LAYER}{n}.crossattention.self.query.weight")).is_some();
    // Layers that look at the picture are every so many, from the first on.
    let every = (1..layers.min(1 << 16)).find(looks).unwrap_or(layers);
    let mut config = Object::empty(PLACE)
        .with("hidden_size", width)
        .with("num_hidden_layers", layers)
        .with("num_attention_heads", whole_heads(checkpoint, "query_tokens", width, HEAD)?)
        .with("intermediate_size", dimension(checkpoint, &format!("{LAYER}0.intermediate_query.dense.weight"), 0)?)
        .with("cross_attention_frequency", every);
    for (key, name) in
        [("vocab_size", WORDS), ("max_position_embeddings", "Qformer.bert.embeddings.position_embeddings.weight")]
    {
        if checkpoint.get(name).is_some() {
            config = config.with(key, dimension(checkpoint, name, 0)?);
        }
    }
    Ok(config)
}

/// What transformers has in the whole first stage's configuration.
pub(in super::super) fn outer(checkpoint: &Checkpoint) -> Result<Object, ConvertError> {
    Ok(Object::empty(PLACE)
        .with("num_query_tokens", from_last(checkpoint, "query_tokens", 1)?)
        .with("image_text_hidden_size", dimension(checkpoint, "vision_proj.weight", 0)?))
}

/// Queries.
pub(in super::super) fn queries(checkpoint: &Checkpoint) -> Result<u32, ConvertError> {
    const KEY: &str = "num_query_tokens";
    Object::empty(PLACE).with(KEY, from_last(checkpoint, "query_tokens", 1)?).count(KEY, 1..=ROWS, 32)
}

/// One more than the highest number behind `start`.
fn count(checkpoint: &Checkpoint, start: &str) -> u64 {
    let number = |name: &str| name.strip_prefix(start)?.split_once('.')?.0.parse::<u32>().ok();
    checkpoint.names().filter_map(number).max().map_or(0, |last| u64::from(last) + 1)
}

/// A dimension of a tensor, counted from the first.
fn dimension(checkpoint: &Checkpoint, name: &str, number: usize) -> Result<u64, ConvertError> {
    let Some(tensor) = checkpoint.get(name) else {
        let (family, tensors) = (super::super::blip2::FAMILY.name, vec![name.to_owned()]);
        return Err(ConvertError::MissingTensors { family, tensors });
    };
    let found = tensor.shape.get(number).copied();
    found.ok_or_else(|| size(checkpoint, name, format!("at least {} dimensions are needed", number + 1)).into())
}

/// The same counted from the last.
fn from_last(checkpoint: &Checkpoint, name: &str, number: usize) -> Result<u64, ConvertError> {
    let dimensions = checkpoint.get(name).map_or(0, |tensor| tensor.shape.len());
    dimension(checkpoint, name, dimensions.checked_sub(number + 1).unwrap_or(dimensions + number))
}

/// Heads of a width, which LAVIS' code fixes.
fn whole_heads(checkpoint: &Checkpoint, tensor: &str, width: u64, head: u64) -> Result<u64, LavisError> {
    if width > 0 && width.is_multiple_of(head) {
        return Ok(width / head);
    }
    let rule = format!("rows of {width} are no whole heads of {head}, the width in LAVIS' class");
    Err(size(checkpoint, tensor, rule))
}

fn size(checkpoint: &Checkpoint, tensor: &str, rule: String) -> LavisError {
    let shape = checkpoint.get(tensor).map(|tensor| tensor.shape.clone()).unwrap_or_default();
    LavisError::Size { tensor: tensor.to_owned(), shape, rule }
}
