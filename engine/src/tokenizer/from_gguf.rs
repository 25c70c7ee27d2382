//! A tokenizer from the `tokenizer.ggml.*` keys of a file.
//!
//! Source: the GGUF specification and llama.cpp, also for what a file may leave unsaid: each kind of vocabulary has its
//! own special ids and its own answer to whether texts begin with bos or a blank.

use super::pretokenize::PreTokenizer;
use super::{Spec, TokenKind, Tokenizer};
use crate::error::Error;
use ocelli_quant::gguf::Gguf;

/// The kinds of vocabulary read here.
const MODELS: &str = "gpt2, llama, bert, gemma4";

impl Tokenizer {
    /// The tokenizer a file describes. Only keys are read: the file needs no tensors.
    ///
    /// # Errors
    /// [`Error::UnknownArchitecture`] for a kind of vocabulary that is not known, [`Error::BadParameter`] for a missing
    /// key, [`Error::Gguf`] for one of another type, [`Error::Tokenizer`] for tables that contradict themselves.
    pub fn from_gguf(file: &Gguf) -> Result<Self, Error> {
        const MODEL: &str = "tokenizer.ggml.model";
        let model = file.str(MODEL)?.unwrap_or("(no such key)");
        let missing = |key: &str| Error::BadParameter {
            key: key.to_owned(),
            got: "missing".to_owned(),
            rule: "the tokenizer needs this key".to_owned(),
        };
        let list = |key: &str| file.strings(key)?.ok_or_else(|| missing(key));
        let tokens = list("tokenizer.ggml.tokens")?;
        let id = |name: &str| file.u32(&format!("tokenizer.ggml.{name}_token_id"));
        let flag = |name: &str| file.bool(&format!("tokenizer.ggml.{name}"));
        // An id that the kind of vocabulary implies; a small vocabulary may lack it.
        let implied = |id: u32| Some(id).filter(|&id| (id as usize) < tokens.len());

        let mut spec = match model {
            "gpt2" | "gemma4" => {
                let pre = if model == "gemma4" { model } else { file.str("tokenizer.ggml.pre")?.unwrap_or("default") };
                let bos = id("bos")?;
                let add_bos = bos.is_some() && PreTokenizer::from_name(pre)?.adds_bos;
                Spec { pre, bos, eos: id("eos")?, add_bos, ..Spec::bpe(tokens, list("tokenizer.ggml.merges")?) }
            }
            "llama" => {
                const SCORES: &str = "tokenizer.ggml.scores";
                let scores = file.f32s(SCORES)?.ok_or_else(|| missing(SCORES))?;
                let bos = id("bos")?.or(implied(1));
                let eos = id("eos")?.or(implied(2));
                let add_bos = bos.is_some();
                Spec {
                    bos,
                    eos,
                    unk: implied(0),
                    add_bos,
                    add_prefix_space: true,
                    ..Spec::sentencepiece(tokens, scores)
                }
            }
            "bert" => {
                let bos = id("bos")?.or(id("cls")?).or(implied(101));
                // The misspelling is the key's.
                let eos = id("seperator")?.or(id("eos")?).or(implied(102));
                let (add_bos, add_eos) = (bos.is_some(), eos.is_some());
                let lowercase = flag("normalizer.lowercase")?.unwrap_or(true);
                Spec {
                    bos,
                    eos,
                    unk: implied(100),
                    add_bos,
                    add_eos,
                    clean_up_spaces: true,
                    ..Spec::wordpiece(tokens, lowercase)
                }
            }
            _ => {
                return Err(Error::UnknownArchitecture { key: MODEL, got: model.to_owned(), known: MODELS.to_owned() });
            }
        };
        spec.token_types = file.i32s("tokenizer.ggml.token_type")?;
        spec.pad = id("padding")?;
        spec.unk = id("unknown")?.or(spec.unk);
        spec.eot = id("eot")?;
        spec.eom = id("eom")?;
        // Files of Gemma 4 say otherwise by mistake.
        let always = model == "gemma4" && spec.add_bos;
        spec.add_bos = always || flag("add_bos_token")?.unwrap_or(spec.add_bos);
        spec.add_eos = flag("add_eos_token")?.unwrap_or(spec.add_eos);
        spec.add_prefix_space = flag("add_space_prefix")?.unwrap_or(spec.add_prefix_space);
        spec.compose = file.bool("ocelli.tokenizer.compose")?.unwrap_or(spec.compose);
        spec.clean_up_spaces = file.bool("ocelli.tokenizer.clean_up_spaces")?.unwrap_or(spec.clean_up_spaces);
        let mut tokenizer = Self::new(spec)?;
        if let Some(id) = image_token(file, &tokenizer)? {
            tokenizer.reserve(id);
        }
        Ok(tokenizer)
    }
}

/// The token that stands for a picture in a model that sees: the one the file names, or the one that the originals call so.
fn image_token(file: &Gguf, tokenizer: &Tokenizer) -> Result<Option<u32>, Error> {
    let named = file.u32("ocelli.image_token")?;
    let sees = file.str("ocelli.family")?.is_some_and(|family| family != "text");
    let special = |&id: &u32| tokenizer.kind(id) != Some(TokenKind::Normal);
    Ok(named.or_else(|| tokenizer.find("<image>").filter(|_| sees).filter(special)))
}
