//! What llama.cpp's files call what a picture passes through, as our families read it: one translation of keys and tensors
//! when a file is opened, so that no family knows whether it came as one file or as two.
//!
//! Source: llama.cpp's `tools/mtmd/clip-impl.h` (names) and `clip.cpp` (what its loader makes of them), autumn 2026.
//!
//! The non-obvious thing: where its loader and the models' authors differ, this is the authors'. Its graph of LLaVA leaves the
//! last block out; the script that wrote most of these files had left it out already, and said so by a key.

use super::header::Header;
use crate::error::Error;
use ocelli_quant::gguf::keys::ACTIVATIONS;
use ocelli_quant::gguf::{Gguf, MetaValue, Named, TensorInfo, Value};
use std::sync::Arc;

/// Key that says what leads from the tower to the language model; the other one stands where a file has an audio part, too.
pub const PROJECTOR: [&str; 2] = ["clip.projector_type", "clip.vision.projector_type"];
pub(super) const FAMILY: &str = "ocelli.family";
/// The family of a language model by itself.
pub(super) const TEXT: &str = "text";
pub(super) const VISION: &str = "clip.vision.";

/// A kind of projector, by its name in files.
pub struct Projector {
    /// What the files say.
    pub name: &'static str,
    /// The family that reads them.
    family: &'static str,
    /// Its matrices, of which the last that is there is as wide as the language model.
    pub matrices: &'static [&'static str],
    /// Whether that one has a row for each input.
    pub columns: bool,
    /// Tensors of the tower's blocks that others have not.
    layers: &'static [&'static str],
    /// Architectures of language models that it was trained with; none named is any.
    pub languages: &'static [&'static str],
    /// Tensors by other names: theirs, and ours, or nothing where the family has no use for them. Names end in a dot where all
    /// that begin with them are meant.
    names: &'static [(&'static str, &'static str)],
    /// What names of its tower's own tensors begin with, behind `v.`.
    tower: &'static [&'static str],
    /// Keys of its own, behind `clip.`.
    reads: &'static [&'static str],
    /// The token that stands for a picture's rows.
    image: &'static str,
    /// How pictures are fitted, and the filter, where the file leaves it to the kind.
    fit: fn(&Header) -> &'static str,
    filter: &'static str,
    /// Keys of its own.
    keys: fn(&Header) -> Result<Keys, Error>,
}

type Keys = Vec<(String, MetaValue)>;

/// What kinds have unless they say otherwise.
const PLAIN: Projector = Projector {
    name: "",
    family: "",
    matrices: &[],
    columns: false,
    layers: &[],
    languages: &[],
    names: &[],
    tower: &[],
    reads: &[],
    image: "<image>",
    fit: |_| "square",
    filter: "bicubic",
    keys: |_| Ok(Vec::new()),
};

/// Every kind that runs here.
pub const PROJECTORS: &[Projector] = &[
    Projector {
        name: "gemma3",
        family: "gemma3",
        matrices: &["mm.soft_emb_norm", "mm.input_projection"],
        columns: true,
        languages: &["gemma3"],
        filter: "bilinear",
        keys: gemma_place,
        ..PLAIN
    },
    Projector {
        name: "idefics3",
        family: "smolvlm",
        matrices: &["mm.model.fc"],
        languages: &["llama"],
        filter: "lanczos",
        keys: split_tiles,
        ..PLAIN
    },
    Projector {
        name: "internvl",
        family: "internvl",
        matrices: &["mm.model.mlp.0", "mm.model.mlp.1", "mm.model.mlp.3"],
        layers: &["ls1", "ls2"],
        keys: exact_gelu,
        ..PLAIN
    },
    Projector {
        name: "lfm2",
        family: "lfm2_vl",
        matrices: &["mm.input_norm", "mm.1", "mm.2"],
        languages: &["lfm2"],
        reads: &["vision.image_min_pixels", "vision.image_max_pixels"],
        fit: |_| "scale",
        filter: "bilinear",
        keys: |vision| bounds(vision, [65_536, 262_144]),
        ..PLAIN
    },
    Projector {
        name: "mlp",
        family: "llava",
        matrices: &["mm.0", "mm.2", "mm.4"],
        names: &[("v.image_newline", "model.image_newline"), ("v.post_ln.", "")],
        fit: |vision| if squeezes(vision) { "square" } else { "pad" },
        keys: inner_rows,
        ..PLAIN
    },
    Projector { name: QWEN[0], languages: &["qwen2vl"], keys: |vision| bounds(vision, [3_136, 12_845_056]), ..MERGER },
    Projector { name: QWEN[1], languages: &["qwen2vl"], keys: |vision| bounds(vision, [3_136, 12_845_056]), ..MERGER },
    Projector { name: QWEN[2], languages: &["qwen3vl"], keys: |vision| bounds(vision, [65_536, 16_777_216]), ..MERGER },
];

/// Those of Qwen 2-VL, 2.5-VL and 3-VL, which differ in what their towers have.
pub const QWEN: [&str; 3] = ["qwen2vl_merger", "qwen2.5vl_merger", "qwen3vl_merger"];

/// What these share.
const MERGER: Projector = Projector {
    family: "qwen_vl",
    matrices: &["mm.0", "mm.2"],
    names: &[("v.patch_embd.weight.1", "v.patch_embd_next.weight")],
    tower: &["patch_embd_next", "deepstack."],
    reads: &[
        "vision.spatial_merge_size",
        "vision.n_wa_pattern",
        "vision.wa_layer_indexes",
        "vision.window_size",
        "vision.is_deepstack_layers",
        "vision.image_min_pixels",
        "vision.image_max_pixels",
    ],
    image: "<|image_pad|>",
    fit: |_| "scale",
    ..PLAIN
};

/// Tensors that all kinds call otherwise than we do; audio parts are nothing to pictures.
const NAMES: &[(&str, &str)] = &[("v.class_embd", "v.class_embd.weight"), ("a.", ""), ("mm.a.", ""), ("t.", "")];

/// The kind of projector a file names; `None` where it names none.
///
/// # Errors
/// [`Error::UnknownArchitecture`] for one that is not known here.
pub fn of(file: &Gguf) -> Result<Option<&'static Projector>, Error> {
    for key in PROJECTOR {
        let Some(name) = file.str(key)? else { continue };
        return match PROJECTORS.iter().find(|projector| projector.name == name) {
            Some(projector) => Ok(Some(projector)),
            None => {
                let known: Vec<&str> = PROJECTORS.iter().map(|projector| projector.name).collect();
                Err(Error::UnknownArchitecture { key, got: name.to_owned(), known: known.join(", ") })
            }
        };
    }
    Ok(None)
}

/// A file whose tower is named as llama.cpp's tools do, as our families read it; any other as it is.
///
/// # Errors
/// What the keys of the tower lack or have wrong, by name; an unknown projector.
pub fn translated(file: Gguf) -> Result<Gguf, Error> {
    let alone = file.str("general.architecture")? == Some("clip");
    if alone || file.str(FAMILY)?.is_some_and(|family| family != TEXT) {
        return Ok(file);
    }
    let Some(projector) = of(&file)? else { return Ok(file) };
    let file = Arc::new(file);
    let keys = keys(&file, projector)?;
    check(&file, projector)?;
    let exchanged = exchanged(&file);
    let third = |info: &TensorInfo, n: u64| info.bytes / 3 * n;
    let named = |info: &TensorInfo| {
        let Some(name) = name_of(projector, &info.name) else { return Vec::new() };
        if let Some((block, end)) = name.split_once(".attn_qkv.").filter(|_| name.starts_with("v.blk.")) {
            // Queries, keys and values, one third of the rows each.
            let mut shape = info.shape.clone();
            if let Some(rows) = shape.last_mut() {
                *rows /= 3;
            }
            let part = |(n, of): (u64, &str)| Named {
                name: format!("{block}.attn_{of}.{end}"),
                shape: shape.clone(),
                skip: third(info, n),
            };
            return (0..).zip(["q", "k", "v"]).map(part).collect();
        }
        let name = match name.strip_prefix("v.blk.").filter(|_| exchanged) {
            Some(_) if name.contains(".ffn_up.") => name.replace(".ffn_up.", ".ffn_down."),
            Some(_) if name.contains(".ffn_down.") => name.replace(".ffn_down.", ".ffn_up."),
            _ => name,
        };
        vec![Named { shape: shape_of(&name, info), name, skip: 0 }]
    };
    let translated = Gguf::clone(&file).with(keys, named)?;
    Ok(translated)
}

/// Refuses tensors of a tower or a projector that no family would read, and fused ones that are no thirds.
fn check(file: &Gguf, projector: &Projector) -> Result<(), Error> {
    for info in file.tensors() {
        let Some(name) = name_of(projector, &info.name) else { continue };
        if !is_known(projector, &name) {
            let got = format!("{} beside a tensor {}", projector.name, info.name);
            let rule = "what that tensor is for is not known here".to_owned();
            return Err(Error::BadParameter { key: PROJECTOR[0].to_owned(), got, rule });
        }
        let rows = info.shape.last().copied().unwrap_or_default();
        if name.starts_with("v.blk.") && name.contains(".attn_qkv.") && !rows.is_multiple_of(3) {
            let mut wanted = info.shape.clone();
            wanted.iter_mut().last().into_iter().for_each(|rows| *rows = *rows / 3 * 3);
            return Err(Error::WrongShape { name: info.name.clone(), got: info.shape.clone(), wanted });
        }
    }
    Ok(())
}

/// What was decided for a file that does not say it, and what of it is left out, as whole sentences.
pub fn notes(file: &Gguf) -> Vec<String> {
    let mut notes = Vec::new();
    if file.get(PROJECTOR[0]).is_none() && file.get(PROJECTOR[1]).is_none() {
        return notes;
    }
    if let Some(Value::Bool(true)) = file.get("clip.has_audio_encoder") {
        let kind = file.str("clip.audio.projector_type").ok().flatten().unwrap_or("unnamed");
        notes.push(format!("the audio part of the model (projector {kind}) is left out: pictures alone are taken"));
    }
    if file.tensors().iter().any(|tensor| tensor.name.starts_with("t.")) {
        notes.push("the encoder of texts (tensors t.*) is left out: pictures alone are taken".to_owned());
    }
    if let Some(Value::Bool(true)) = file.get(ASSUMED) {
        let edge = file.u32("clip.vision.preproc_image_size").ok().flatten().unwrap_or_default();
        let [least, most] = BOUNDS.map(|key| file.u32(&format!("{VISION}{key}")).ok().flatten());
        notes.push(match (least, most) {
            (Some(least), Some(most)) => {
                let what = "the file does not say how many pixels a picture has (clip.vision.image_min_pixels, .image_max_pixels)";
                format!("{what}: {least} to {most}, as its family's models have it")
            }
            _ => {
                let what = "the file does not say how large pictures are cut into tiles (clip.vision.preproc_image_size)";
                format!("{what}: {edge} pixels, four tiles a side, as its family's models have it")
            }
        });
    }
    notes.extend(super::rows::fewer(file));
    let own = of(file).ok().flatten().map_or(&[][..], |projector| projector.reads);
    let known = |key: &str| KEYS.contains(&key) || own.contains(&key) || key.starts_with("audio.");
    let others = file.keys().map(|(key, _)| key).filter(|key| key.strip_prefix("clip.").is_some_and(|key| !known(key)));
    let others: Vec<&str> = others.collect();
    if !others.is_empty() {
        notes.push(format!("not known here and without effect: {}", others.join(", ")));
    }
    notes
}

/// Keys of a tower's file that are read, or that say what others do; behind `clip.`.
const KEYS: [&str; 29] = [
    "projector_type",
    "has_vision_encoder",
    "has_audio_encoder",
    "has_text_encoder",
    "has_llava_projector",
    "use_gelu",
    "use_silu",
    "vision.projector_type",
    "vision.image_size",
    "vision.patch_size",
    "vision.embedding_length",
    "vision.feed_forward_length",
    "vision.block_count",
    "vision.projection_dim",
    "vision.attention.head_count",
    "vision.attention.head_count_kv",
    "vision.attention.layer_norm_epsilon",
    "vision.post_norm_epsilon",
    "vision.image_mean",
    "vision.image_std",
    "vision.activation",
    "vision.feature_layer",
    "vision.image_grid_pinpoints",
    "vision.image_aspect_ratio",
    "vision.mm_patch_merge_type",
    "vision.preproc_image_size",
    "vision.preproc_max_tiles",
    "vision.preproc_min_tiles",
    "vision.projector.scale_factor",
];

/// Fewest and most pixels of a picture.
pub(super) const BOUNDS: [&str; 2] = ["image_min_pixels", "image_max_pixels"];

/// Says that the size before [`notes`]' tiles was not in the file.
const ASSUMED: &str = "ocelli.image.assumed_size";

/// Our name of a tensor; `None` where nobody asks for it.
fn name_of(projector: &Projector, name: &str) -> Option<String> {
    for (theirs, ours) in NAMES.iter().chain(projector.names) {
        let same = name == *theirs || (theirs.ends_with('.') && name.starts_with(theirs));
        if same {
            return (!ours.is_empty()).then(|| (*ours).to_owned());
        }
    }
    Some(name.to_owned())
}

/// Whether a tower's or a projector's tensor, by our name, is one that a family reads; the language model's are its own.
fn is_known(projector: &Projector, name: &str) -> bool {
    let Some((name, _)) = name.rsplit_once('.').filter(|(_, end)| ["weight", "bias"].contains(end)) else {
        return !(name.starts_with("v.") || name.starts_with("mm."));
    };
    match name.split_once('.') {
        Some(("v", rest)) => match rest.strip_prefix("blk.").and_then(|block| block.split_once('.')) {
            Some((_, layer)) => LAYERS.contains(&layer) || projector.layers.contains(&layer),
            None => TOWER.contains(&rest) || projector.tower.iter().any(|start| rest.starts_with(start)),
        },
        Some(("mm", _)) => projector.matrices.contains(&name),
        _ => true,
    }
}

/// Tensors of a tower, and of each of its blocks.
const TOWER: [&str; 5] = ["patch_embd", "class_embd", "position_embd", "pre_ln", "post_ln"];
const LAYERS: [&str; 10] =
    ["ln1", "ln2", "attn_q", "attn_k", "attn_v", "attn_qkv", "attn_out", "ffn_gate", "ffn_up", "ffn_down"];

/// A kernel's three inner dimensions are one row of a linear layer.
fn shape_of(name: &str, info: &TensorInfo) -> Vec<u64> {
    match info.shape[..] {
        [across, down, channels, width] if ["v.patch_embd.weight", "v.patch_embd_next.weight"].contains(&name) => {
            vec![across.saturating_mul(down).saturating_mul(channels), width]
        }
        _ => info.shape.clone(),
    }
}

/// Whether the layers of the tower's feed-forward stand under each other's names, as old files have them.
fn exchanged(file: &Gguf) -> bool {
    let inputs = |name: &str| file.tensor(&format!("v.blk.0.{name}.weight")).map(TensorInfo::cols);
    let width = file.u64("clip.vision.embedding_length").ok().flatten();
    let (up, down) = (inputs("ffn_up"), inputs("ffn_down"));
    width.is_some() && down == width && up.is_some() && up != width
}

/// The keys that our families read, from those of the file.
fn keys(file: &Arc<Gguf>, projector: &Projector) -> Result<Keys, Error> {
    let vision = Header::new(file, VISION);
    let clip = Header::new(file, "clip.");
    if !clip.switch("has_vision_encoder", true)? {
        return Err(clip.bad("has_vision_encoder", false, "pictures need the tower"));
    }
    let act = match (clip.switch("use_gelu", false)?, clip.switch("use_silu", false)?) {
        (true, true) => return Err(clip.bad("use_silu", true, "not beside clip.use_gelu")),
        (true, false) => ACTIVATIONS[2],
        (false, true) => ACTIVATIONS[4],
        (false, false) => ACTIVATIONS[3],
    };
    let side = vision.count("image_size", super::header::SIDE)?;
    // One for each head: the towers here have no groups.
    let heads = vision.count("attention.head_count", super::header::HEADS)?;
    let kv = vision.count_or("attention.head_count_kv", super::header::HEADS, heads)?;
    if kv != heads {
        return Err(vision.bad("attention.head_count_kv", kv, format!("must be the {heads} of head_count")));
    }
    let side = u32::try_from(side).unwrap_or(u32::MAX);
    let mut keys: Keys = vec![
        (FAMILY.to_owned(), projector.family.into()),
        (format!("{VISION}activation"), act.into()),
        ("ocelli.image.resize".to_owned(), (projector.fit)(&vision).into()),
        ("ocelli.image.filter".to_owned(), projector.filter.into()),
        ("ocelli.image.size".to_owned(), MetaValue::U32s(vec![side, side])),
    ];
    let more = (projector.keys)(&vision)?;
    keys.retain(|(key, _)| more.iter().all(|(other, _)| other != key));
    keys.extend(more);
    if let Some(id) = token(file, projector.image) {
        keys.push(("ocelli.image_token".to_owned(), id.into()));
    }
    // What a file says of itself goes before what its kind of projector implies; what translates its numbers does not.
    let own = format!("{VISION}activation");
    let new = |key: &str| key == FAMILY || (key.starts_with(VISION) && key != own) || file.get(key).is_none();
    keys.retain(|(key, _)| new(key));
    Ok(keys)
}

/// The id of a token by its text.
pub fn token(file: &Gguf, wanted: &str) -> Option<u32> {
    let Some(Value::Array(tokens)) = file.get("tokenizer.ggml.tokens") else { return None };
    let at = tokens.strings()?.iter().position(|token| token == wanted)?;
    u32::try_from(at).ok()
}

/// InternVL's: files say GELU of the error function's, which its authors' tower and bridge have.
fn exact_gelu(vision: &Header) -> Result<Keys, Error> {
    let clip = vision.file().bool("clip.use_gelu")?.unwrap_or(false);
    let act = clip.then(|| (format!("{VISION}activation"), ACTIVATIONS[1].into()));
    let row = token(vision.file(), "<IMG_CONTEXT>").map(|id| ("ocelli.image_token".to_owned(), id.into()));
    Ok(act.into_iter().chain(row).collect())
}

/// What Gemma's processor writes at the place of a picture.
fn gemma_place(vision: &Header) -> Result<Keys, Error> {
    const IMAGE: &str = "<start_of_image>";
    let around = vec![format!("\n\n{IMAGE}"), "<end_of_image>\n\n".to_owned()];
    let mut keys: Keys = vec![
        ("ocelli.tokenizer.image_written".to_owned(), IMAGE.into()),
        ("ocelli.tokenizer.around_image".to_owned(), MetaValue::Strings(around)),
    ];
    let row = token(vision.file(), "<image_soft_token>");
    keys.extend(row.map(|id| ("ocelli.image_token".to_owned(), id.into())));
    Ok(keys)
}

/// Idefics3's: how large a picture is before it is cut into tiles.
fn split_tiles(vision: &Header) -> Result<Keys, Error> {
    if vision.get("preproc_image_size").is_some() {
        return Ok(Vec::new());
    }
    let side = u32::try_from(vision.count("image_size", super::header::SIDE)?).unwrap_or(u32::MAX);
    let key = format!("{VISION}preproc_image_size");
    Ok(vec![(key, side.saturating_mul(4).into()), (ASSUMED.to_owned(), true.into())])
}

/// Qwen's: fewest and most pixels of a picture, which files of llama.cpp leave to the program.
fn bounds(vision: &Header, usual: [u32; 2]) -> Result<Keys, Error> {
    let missing = BOUNDS.into_iter().zip(usual).filter(|(key, _)| vision.get(key).is_none());
    let mut keys: Keys = missing.map(|(key, pixels)| (format!("{VISION}{key}"), pixels.into())).collect();
    if !keys.is_empty() {
        keys.push((ASSUMED.to_owned(), true.into()));
    }
    Ok(keys)
}

/// Whether a whole picture of LLaVA's loses its shape: beside tiles, or where the file says so.
fn squeezes(vision: &Header) -> bool {
    vision.get("image_grid_pinpoints").is_some()
        || vision.text("image_aspect_ratio").is_ok_and(|ratio| ratio == "square")
}

/// LLaVA's: the rows behind the last block but one of the tower, whose last block the files may lack.
fn inner_rows(vision: &Header) -> Result<Keys, Error> {
    let file = vision.file();
    let count = (0..3).take_while(|n| file.tensor(&format!("mm.{}.weight", 2 * n)).is_some()).count();
    let mut keys = vec![("ocelli.projector.layer_count".to_owned(), u32::try_from(count).unwrap_or(0).into())];
    if let Some(ratio) = file.str(&format!("{VISION}image_aspect_ratio"))?
        && !["pad", "square", "anyres"].contains(&ratio)
    {
        return Err(vision.bad("image_aspect_ratio", ratio, "must be pad, square or anyres"));
    }
    if !squeezes(vision) {
        // The mean's colour without its fraction, as the original computes it: 122, 116, 104 of CLIP's.
        let mean = vision.triple("image_mean")?;
        let rgb = mean.map(|mean| (f64::from(mean) * 255.0).clamp(0.0, 255.0) as u32);
        keys.push(("ocelli.image.pad_rgb".to_owned(), MetaValue::U32s(rgb.to_vec())));
    }
    if vision.get("feature_layer").is_none() {
        let blocks = vision.count("block_count", super::header::LAYERS)?;
        let left_off = file.bool("clip.has_llava_projector")?.unwrap_or(false);
        let run = if left_off { blocks } else { (blocks - 1).max(1) };
        let run = u32::try_from(run).unwrap_or(u32::MAX);
        keys.push((format!("{VISION}block_count"), run.into()));
        keys.push((format!("{VISION}feature_layer"), MetaValue::U32s(vec![run])));
    }
    Ok(keys)
}
