//! A model of one file as a pair of llama.cpp's: names and shapes by its rules, written out here once more.

use crate::spliced_golden::SplicedGolden;
use ocelli_convert::{Options, convert, pair};
use ocelli_engine::image::{ImageLimits, Picture};
use ocelli_engine::{Engine, GenerateOptions, Model, Prompt, SessionOptions, join_pair};
use ocelli_quant::TensorType;
use ocelli_quant::gguf::{Gguf, MetaValue, TensorInfo, Writer};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

/// How a tower was written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    /// `ffn_up` and `ffn_down` in each other's place, as in old files.
    pub exchanged: bool,
    /// Queries, keys and values as one tensor.
    pub fused: bool,
}

/// Keys that a pair of llama.cpp's does not have of ours.
const OURS: [&str; 5] = ["ocelli.family", "ocelli.image", "ocelli.vision", "ocelli.projector", "clip."];

fn seen(name: &str) -> bool {
    ["v.", "mm.", "model.image_newline"].iter().any(|start| name.starts_with(start))
}

/// The language model of a file by itself.
///
/// # Errors
/// Where writing fails.
pub fn text(file: &Gguf) -> crate::Result<Vec<u8>> {
    let mut writer = Writer::new();
    for (key, value) in file.keys().filter(|(key, _)| !OURS.iter().any(|start| key.starts_with(start))) {
        writer.set(key, MetaValue::from(value));
    }
    let tensors: Vec<&TensorInfo> = file.tensors().iter().filter(|tensor| !seen(&tensor.name)).collect();
    for tensor in &tensors {
        writer.tensor(tensor.name.clone(), &tensor.shape, tensor.ty);
    }
    let mut body = writer.begin(Vec::new())?;
    for tensor in &tensors {
        body.write(file.data(tensor))?;
    }
    Ok(body.finish()?)
}

/// What it sees with, as an mmproj of the kind `projector`; `change` has the last word on the keys.
///
/// # Errors
/// Where writing fails.
pub fn mmproj(
    file: &Gguf,
    projector: &str,
    style: Style,
    change: impl FnOnce(&mut Vec<(String, MetaValue)>),
) -> crate::Result<Vec<u8>> {
    let mut keys: Vec<(String, MetaValue)> = vec![
        ("general.architecture".to_owned(), "clip".into()),
        ("general.type".to_owned(), "mmproj".into()),
        ("general.name".to_owned(), "its eyes".into()),
        ("clip.projector_type".to_owned(), projector.into()),
    ];
    let act = file.str("clip.vision.activation")?.unwrap_or_default();
    keys.push(("clip.use_gelu".to_owned(), (act == "gelu_tanh").into()));
    let own = ["clip.vision.activation", "clip.projector_type", "clip.use_gelu"];
    let others = file.keys().filter(|(key, _)| key.starts_with("clip.") && !own.contains(key));
    keys.extend(others.map(|(key, value)| (key.to_owned(), MetaValue::from(value))));
    change(&mut keys);
    let mut writer = Writer::new();
    for (key, value) in keys {
        writer.set(key, value);
    }
    let patch = u64::from(file.u32("clip.vision.patch_size")?.unwrap_or_default());
    let mut parts: Vec<Vec<&TensorInfo>> = Vec::new();
    for tensor in file.tensors().iter().filter(|tensor| seen(&tensor.name)) {
        let name = tensor.name.as_str();
        if style.fused && (name.contains(".attn_k.") || name.contains(".attn_v.")) {
            continue;
        }
        let (mut name, mut shape, mut all) = (name.to_owned(), tensor.shape.clone(), vec![tensor]);
        match (tensor.name.as_str(), &tensor.shape[..]) {
            ("v.class_embd.weight", [width, ..]) => (name, shape) = ("v.class_embd".to_owned(), vec![*width]),
            ("v.patch_embd.weight", [_, width]) => shape = vec![patch, patch, 3, *width],
            ("v.patch_embd_next.weight", [_, width]) => {
                (name, shape) = ("v.patch_embd.weight.1".to_owned(), vec![patch, patch, 3, *width]);
            }
            _ if style.fused && name.contains(".attn_q.") => {
                all.extend([".attn_k.", ".attn_v."].iter().filter_map(|of| file.tensor(&name.replace(".attn_q.", of))));
                name = name.replace(".attn_q.", ".attn_qkv.");
                if let Some(rows) = shape.last_mut() {
                    *rows *= 3;
                }
            }
            _ if style.exchanged && name.contains(".ffn_up.") => name = name.replace(".ffn_up.", ".ffn_down."),
            _ if style.exchanged && name.contains(".ffn_down.") => name = name.replace(".ffn_down.", ".ffn_up."),
            _ => {}
        }
        writer.tensor(name, &shape, tensor.ty);
        parts.push(all);
    }
    let mut body = writer.begin(Vec::new())?;
    for tensor in parts {
        let bytes: Vec<u8> = tensor.iter().flat_map(|tensor| file.data(tensor)).copied().collect();
        body.write(&bytes)?;
    }
    Ok(body.finish()?)
}

/// A file from its bytes.
///
/// # Errors
/// Where it is none.
pub fn parsed(bytes: Vec<u8>) -> crate::Result<Gguf> {
    Ok(Gguf::parse(Arc::new(bytes))?)
}

/// The model of a golden as one file, made in an empty folder.
///
/// # Errors
/// Where there is no such golden, or conversion fails.
pub fn converted(family: &str, name: &str, ty: TensorType, folder: &Path) -> crate::Result<Gguf> {
    let (source, out) = (folder.join("hf"), folder.join("one.gguf"));
    SplicedGolden::load(family, name)?.write(&source)?;
    convert(&source, &out, &Options::new(ty), &())?;
    parsed(std::fs::read(out)?)
}

/// A picture that has no two lines alike.
///
/// # Errors
/// Where it is too large.
pub fn picture(width: u32, height: u32) -> crate::Result<Arc<Picture>> {
    let rgb = (0..width * height * 3).map(|i| (i * 37 % 251) as u8).collect();
    let picture = Picture::new(width, height, rgb, &ImageLimits::default());
    Ok(Arc::new(picture.map_err(|error| error.to_string())?))
}

/// A picture's rows as bits, and the tokens of a text behind two.
///
/// # Errors
/// Where the model cannot answer.
pub fn answer(model: &Model) -> crate::Result<(Vec<u32>, Vec<u32>)> {
    let mut session = model.session(&SessionOptions::default())?;
    let shown = picture(70, 40)?;
    let rows = session.embed_image(&shown)?;
    let options = GenerateOptions { max_new_tokens: 8, ..GenerateOptions::default() };
    let prompt = Prompt::new().text("what is ").image(shown).text("?").image(picture(20, 60)?);
    let ids = session.generate(&prompt, &options, &mut |_| ControlFlow::Continue(()))?.ids;
    Ok((rows.iter().map(|x| x.to_bits()).collect(), ids))
}

/// Makes one file of a pair and the pair of that again, in an empty folder; both files, the mmproj last. Tensors of the mmproj
/// that are not what they were are an error.
///
/// # Errors
/// Where joining or splitting fails.
pub fn joined_and_split(words: &Gguf, second: &Gguf, folder: &Path) -> crate::Result<[Gguf; 3]> {
    let (none, at) = ([] as [&Path; 0], |name: &str| folder.join(name));
    pair::join([words, second], &none, &at("joined.gguf"), true, &())?;
    let joined = parsed(std::fs::read(at("joined.gguf"))?)?;
    let [first, again] = split(&joined, folder)?;
    for tensor in second.tensors() {
        let found = again.tensor(&tensor.name).ok_or_else(|| format!("{} is lost", tensor.name))?;
        if again.data(found) != second.data(tensor) {
            return Err(format!("{} has other bytes", tensor.name).into());
        }
    }
    Ok([joined, first, again])
}

/// A file as a pair, in a folder.
///
/// # Errors
/// Where splitting fails.
pub fn split(file: &Gguf, folder: &Path) -> crate::Result<[Gguf; 2]> {
    let [words, eyes] = ["words.gguf", "eyes.gguf"].map(|name| folder.join(name));
    pair::split(file, &[] as &[&Path], [&words, &eyes], true, &())?;
    Ok([parsed(std::fs::read(words)?)?, parsed(std::fs::read(eyes)?)?])
}

/// Why `text.gguf` and `eyes.gguf` are no model; `None` where they are one.
#[must_use]
pub fn refusal(words: &Gguf, second: Gguf) -> Option<String> {
    match join_pair(words.clone(), second, ["text.gguf", "eyes.gguf"]) {
        Err(error) => Some(error.to_string()),
        Ok(both) => Engine::new(1).and_then(|engine| engine.open_file(both)).err().map(|error| error.to_string()),
    }
}
