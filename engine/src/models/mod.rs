//! The families: one small file each, and the table that names them.

mod blip2;
mod compose;
mod first_stage;
mod flamingo;
mod frozen;
mod gemma3;
mod identity;
mod instructblip;
mod internvl;
mod kosmos;
mod lfm2_vl;
mod llava;
mod minigpt4;
mod mplug_owl;
mod parts;
mod qwen_vl;
mod smolvlm;
mod text;
mod tiled;

pub(crate) use compose::{check_ids, compose};
pub(crate) use identity::{encoder_identity, identity};
pub use parts::{Clips, Compares, Compose, Encoder, Family, Given, Join, Reads, Sees, Showing, Speaks};

use crate::blocks::decoder::{Decoder, DecoderConfig};
use crate::error::Error;
use crate::weights::Scope;
use crate::weights::header::Header;
use ocelli_quant::gguf::Gguf;
use std::sync::Arc;

type Load = fn(&Arc<Gguf>) -> Result<Family, Error>;

/// Every family by the name that `ocelli.family` gives it in files.
const FAMILIES: &[(&str, Load)] = &[
    ("blip2", blip2::load),
    ("flamingo", flamingo::load),
    ("frozen", frozen::load),
    ("gemma3", gemma3::load),
    ("instructblip", instructblip::load),
    ("internvl", internvl::load),
    ("kosmos", kosmos::load),
    ("lfm2_vl", lfm2_vl::load),
    ("llava", llava::load),
    ("minigpt4", minigpt4::load),
    ("mplug_owl", mplug_owl::load),
    ("qwen_vl", qwen_vl::load),
    ("smolvlm", smolvlm::load),
    ("text", text::load),
];

/// What `general.type` says of files beside models.
const NO_MODELS: [&str; 5] = ["adapter", "clip-vision", "imatrix", "mmproj", "vocab"];

/// The families that run here, by the names `ocelli.family` gives them.
#[must_use]
pub fn families() -> Vec<&'static str> {
    FAMILIES.iter().map(|(name, _)| *name).collect()
}

/// The language models that run here, by the names `general.architecture` gives them, each with the models that have it.
#[must_use]
pub fn architectures() -> Vec<(&'static str, &'static str)> {
    DecoderConfig::models()
}

/// The family a file names; a file that names none is the language model of its `general.architecture` and no more.
pub fn load(file: &Arc<Gguf>) -> Result<Family, Error> {
    const KEY: &str = "ocelli.family";
    const TYPE: &str = "general.type";
    // These have no language model, or a model's architecture and none of its tensors.
    if let Some(ty) = file.str(TYPE)?.filter(|ty| NO_MODELS.contains(ty)) {
        return Err(Error::UnknownArchitecture { key: TYPE, got: ty.to_owned(), known: "model".to_owned() });
    }
    let name = file.str(KEY)?.unwrap_or("text");
    match FAMILIES.iter().find(|(n, _)| *n == name) {
        Some((_, load)) => load(file),
        None => Err(Error::UnknownArchitecture { key: KEY, got: name.to_owned(), known: families().join(", ") }),
    }
}

/// The language model of a file by `general.architecture`, and where its hyper-parameters are.
fn language(file: &Arc<Gguf>) -> Result<(Header, Decoder), Error> {
    let name = file.str("general.architecture")?.unwrap_or("(no such key)");
    let header = Header::new(file, format!("{name}."));
    let decoder = Decoder::load(&Scope::new(Arc::clone(file)), DecoderConfig::read(name, &header)?)?;
    Ok((header, decoder))
}

/// [`language`], for a family that joins pictures to a decoder alone.
fn decoder_only(file: &Arc<Gguf>) -> Result<(Header, Decoder), Error> {
    let (header, decoder) = language(file)?;
    reads_nothing(file, &decoder)?;
    Ok((header, decoder))
}

/// Refuses a language model with an encoder of text.
fn reads_nothing(file: &Arc<Gguf>, decoder: &Decoder) -> Result<(), Error> {
    if decoder.encoder.is_none() {
        return Ok(());
    }
    let got = file.str("general.architecture")?.unwrap_or_default();
    Err(Header::new(file, "general.").bad("architecture", got, "this family's language model has no encoder of text"))
}
