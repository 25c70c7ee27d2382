//! The language models that stand alone or in a family, by the `model_type` of their configuration.

use super::lfm2::Lfm2;
use super::llama::Llama;
use super::magneto::Magneto;
use super::mpt::Mpt;
use super::neox::NeoX;
use super::opt::Opt;
use super::t5::T5;
use crate::error::{ConvertError, shown};
use crate::keys::Keys;
use crate::layout::Layout;
use crate::settings::Object;

/// Values of `model_type`, each with what `general.architecture` becomes.
pub(crate) const ARCHITECTURES: [(&str, &str); 14] = [
    ("llama", "llama"),
    // llama.cpp knows no other name for it.
    ("mistral", "llama"),
    ("qwen2", "qwen2"),
    ("qwen3", "qwen3"),
    ("phi3", "phi3"),
    ("gemma2", "gemma2"),
    ("gemma3_text", "gemma3"),
    ("lfm2", "lfm2"),
    ("mpt", "mpt"),
    ("mosaic_gpt", "mpt"),
    ("gpt_neox", "gptneox"),
    ("opt", "opt"),
    ("t5", "t5"),
    ("kosmos_2_text_model", "kosmos"),
];

/// Values of `model_type`.
pub(crate) const MODEL_TYPES: &[&str] = &{
    let mut names = [""; ARCHITECTURES.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = ARCHITECTURES[i].0;
        i += 1;
    }
    names
};

/// What families ask of a language model.
pub(crate) struct Facts {
    /// Its name in the output.
    pub(crate) architecture: &'static str,
    /// Rows of the embedding.
    pub(crate) vocabulary: u32,
    /// Width of the residual stream.
    pub(crate) width: u32,
    /// Layers.
    pub(crate) layers: u32,
    /// What the checkpoint calls the embedding, without `.weight`.
    pub(crate) embedding: &'static str,
    /// What stands before the number of a layer in the checkpoint.
    pub(crate) blocks: &'static str,
    /// The class's tokens that begin and end a text, where it names any.
    pub(crate) ends: (Option<u32>, Option<u32>),
    /// Where an encoder reads prompts, the token that the decoder's text begins with unless a configuration says so.
    pub(crate) start: Option<u32>,
}

/// A configuration that has been read and found to be supported.
pub(crate) trait Language {
    /// What there is to know of it.
    fn facts(&self) -> Facts;
    /// The rules for its tensors, whose names begin with `prefix`, such as `language_model.`, in the checkpoint.
    fn layout(&self, prefix: &str, layout: &mut Layout);
    /// Its metadata.
    fn keys(&self, keys: &mut Keys);
}

/// The same for a family whose pictures join a decoder alone.
pub(crate) fn decoder(config: &Object) -> Result<Box<dyn Language>, ConvertError> {
    let language = read(config)?;
    if language.facts().start.is_none() {
        return Ok(language);
    }
    let got = format!("'{}'", language.facts().architecture);
    Err(config.unsupported("model_type", got, "this family's language model has no encoder of text"))
}

/// The language model of a configuration; one that names none is a LLaMA.
pub(crate) fn read(config: &Object) -> Result<Box<dyn Language>, ConvertError> {
    Ok(match config.text("model_type")? {
        Some("lfm2") => Box::new(Lfm2::read(config)?),
        Some("mpt" | "mosaic_gpt") => Box::new(Mpt::read(config)?),
        Some("gpt_neox") => Box::new(NeoX::read(config)?),
        Some("opt") => Box::new(Opt::read(config)?),
        Some("t5") => Box::new(T5::read(config)?),
        Some("kosmos_2_text_model") => Box::new(Magneto::read(config)?),
        None | Some("llama" | "mistral" | "qwen2" | "qwen3" | "phi3" | "gemma2" | "gemma3_text") => {
            Box::new(Llama::read(config)?)
        }
        // These come with what they see with.
        Some("qwen2_vl_text" | "qwen2_5_vl_text" | "qwen3_vl_text") => Box::new(Llama::read(config)?),
        Some(other) => {
            let known: Vec<_> = MODEL_TYPES.iter().map(|name| format!("'{name}'")).collect();
            let other = format!("'{}'", shown(other));
            return Err(config.unsupported("model_type", other, format!("only {} are", known.join(", "))));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Account;
    use serde_json::{Map, Value};
    use std::rc::Rc;

    #[test]
    fn each_model_type_becomes_what_the_table_says() {
        for (name, architecture) in ARCHITECTURES {
            let values = Map::from_iter([("model_type".to_owned(), Value::from(name))]);
            let config = Object::top(Rc::new(Account::new("config.json", values)));
            match read(&config) {
                Ok(language) => assert_eq!(language.facts().architecture, architecture, "{name}"),
                Err(error) => panic!("{name}: {error}"),
            }
        }
    }
}
