//! A tokenizer from the `tokenizer.ggml.*` keys of a file, or from a second set of them.
//!
//! Source: the GGUF specification and llama.cpp, also for what a file may leave unsaid: each kind of vocabulary has its
//! own special ids and its own answer to whether texts begin with bos or a blank.

use super::keys::Keys;
use super::pretokenize::PreTokenizer;
use super::{Added, Blank, Spec, TokenKind, Tokenizer, Trim, Unigrams};
use crate::error::Error;
use ocelli_quant::gguf::keys::SPECIAL_TOKENS;
use ocelli_quant::gguf::{Gguf, Value, ValueType};

/// The kinds of vocabulary read here.
const MODELS: &str = "gpt2, llama, t5, bert, gemma4";

/// The texts of a file's special tokens by the names that chat templates know them by, such as `bos_token`: those that
/// its keys name and its kind of vocabulary implies, and those of a name of their own, such as `image_token`. A name
/// whose id is outside the vocabulary is left out.
///
/// # Errors
/// [`Error::Gguf`] for a key of another type, [`Error::BadParameter`] where names and ids are not equally many.
pub fn special_tokens(file: &Gguf) -> Result<Vec<(&str, &str)>, Error> {
    const NAMES: &str = "ocelli.tokenizer.special_names";
    let Some(tokens) = file.strings("tokenizer.ggml.tokens")? else { return Ok(Vec::new()) };
    let model = file.str("tokenizer.ggml.model")?;
    let mut found = Vec::new();
    let mut add = |name, id: Option<u32>| {
        let text = id.and_then(|id| tokens.get(id as usize));
        found.extend(text.map(|text| (name, text)));
    };
    for (name, key) in SPECIAL_TOKENS {
        let implied = match (model, key) {
            (Some("llama"), "unknown") | (Some("t5"), "padding") => Some(0),
            (Some("llama"), "bos") | (Some("t5"), "eos") => Some(1),
            (Some("llama"), "eos") | (Some("t5"), "unknown") => Some(2),
            _ => None,
        };
        add(name, file.u32(&format!("tokenizer.ggml.{key}_token_id"))?.or(implied));
    }
    let names = file.strings(NAMES)?;
    let ids = file.u32s("ocelli.tokenizer.special_ids")?.unwrap_or_default();
    let count = names.map_or(0, |names| names.len());
    if count != ids.len() {
        return Err(Error::BadParameter {
            key: NAMES.to_owned(),
            got: format!("{count} names"),
            rule: format!("'ocelli.tokenizer.special_ids' has {} ids", ids.len()),
        });
    }
    for (name, id) in names.iter().flat_map(|names| names.iter()).zip(ids) {
        add(name, Some(id));
    }
    Ok(found)
}

impl Tokenizer {
    /// The tokenizer a file describes. Only keys are read: the file needs no tensors.
    ///
    /// # Errors
    /// [`Error::UnknownArchitecture`] for a kind of vocabulary that is not known, [`Error::BadParameter`] for a missing
    /// key, [`Error::Gguf`] for one of another type, [`Error::Tokenizer`] for tables that contradict themselves.
    pub fn from_gguf(file: &Gguf) -> Result<Self, Error> {
        Self::from_keys(Keys::first(file))
    }

    /// The tokenizer of the texts that a Q-Former reads beside a language model: `tokenizer.qformer.*` and
    /// `ocelli.tokenizer.qformer.*`.
    ///
    /// # Errors
    /// As [`Tokenizer::from_gguf`].
    pub fn of_qformer(file: &Gguf) -> Result<Self, Error> {
        Self::from_keys(Keys::of(file, "qformer"))
    }

    fn from_keys(file: Keys<'_>) -> Result<Self, Error> {
        const MODEL: &str = "tokenizer.ggml.model";
        let model = file.str(MODEL)?.unwrap_or("(no such key)");
        let list = |key: &str| file.strings(key)?.ok_or_else(|| file.missing(key));
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
                let bos = id("bos")?.or(implied(1));
                let eos = id("eos")?.or(implied(2));
                let add_bos = bos.is_some();
                Spec {
                    bos,
                    eos,
                    unk: implied(0),
                    add_bos,
                    blank: Blank::Everywhere,
                    ..Spec::sentencepiece(tokens, scores(file)?)
                }
            }
            "t5" => {
                let eos = id("eos")?.or(implied(1));
                Spec {
                    bos: id("bos")?,
                    eos,
                    pad: implied(0),
                    unk: implied(2),
                    add_eos: eos.is_some(),
                    // Each text between special tokens is one by itself.
                    added: Some(Added::default()),
                    ..Spec::unigram(tokens, unigrams(file)?)
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
                let key = if file.whole().is_some() { MODEL } else { "tokenizer.qformer.model" };
                return Err(Error::UnknownArchitecture { key, got: model.to_owned(), known: MODELS.to_owned() });
            }
        };
        spec.token_types = file.i32s("tokenizer.ggml.token_type")?;
        spec.pad = id("padding")?.or(spec.pad);
        spec.unk = id("unknown")?.or(spec.unk);
        spec.eot = id("eot")?;
        spec.eom = id("eom")?;
        // Files of Gemma 4 say otherwise by mistake.
        let always = model == "gemma4" && spec.add_bos;
        spec.add_bos = always || flag("add_bos_token")?.unwrap_or(spec.add_bos);
        spec.add_eos = flag("add_eos_token")?.unwrap_or(spec.add_eos);
        spec.blank = blank(file)?.unwrap_or(spec.blank);
        if let Some(normalizes) = file.bool("ocelli.tokenizer.normalizes_blanks")? {
            spec.normalizes_blanks = normalizes;
            spec.added = Some(added(file)?);
        }
        spec.compose = file.bool("ocelli.tokenizer.compose")?.unwrap_or(spec.compose);
        if let Some(longest) = file.u32("ocelli.tokenizer.longest_word")? {
            spec.longest_word = longest as usize;
        }
        spec.clean_up_spaces = file.bool("ocelli.tokenizer.clean_up_spaces")?.unwrap_or(spec.clean_up_spaces);
        let mut tokenizer = Self::new(spec)?;
        if let Some(id) = file.whole().map(|file| image_token(file, &tokenizer)).transpose()?.flatten() {
            tokenizer.reserve(id);
        }
        Ok(tokenizer)
    }
}

/// One score a token.
fn scores(file: Keys<'_>) -> Result<Vec<f32>, Error> {
    const KEY: &str = "tokenizer.ggml.scores";
    file.f32s(KEY)?.ok_or_else(|| file.missing(KEY))
}

/// What a unigram vocabulary has besides its tokens.
fn unigrams(file: Keys<'_>) -> Result<Unigrams, Error> {
    const MAP: &str = "tokenizer.ggml.precompiled_charsmap";
    const TRIM: &str = "ocelli.tokenizer.trim";
    // llama.cpp reads bytes with a sign, too.
    let map = match file.get(MAP) {
        Some(Value::Array(array)) if array.element() == ValueType::I8 => array.bytes(),
        _ => file.u8s(MAP)?.unwrap_or_default(),
    };
    let trim = match file.str(TRIM)? {
        None | Some("part") => Trim::Part,
        Some("never") => Trim::Nothing,
        Some("stretch") => Trim::Stretch,
        Some(other) => {
            return Err(Error::BadParameter {
                key: file.name(TRIM).into_owned(),
                got: super::error::shortened(other),
                rule: "must be 'never', 'part' or 'stretch'".to_owned(),
            });
        }
    };
    let collapses = file.bool("tokenizer.ggml.remove_extra_whitespaces")?.unwrap_or(false);
    Ok(Unigrams { scores: scores(file)?, map: map.to_vec(), collapses, trim })
}

/// The token that stands for a picture in a model that sees: the one the file names, or the one that the originals call so.
fn image_token(file: &Gguf, tokenizer: &Tokenizer) -> Result<Option<u32>, Error> {
    let named = file.u32("ocelli.image_token")?;
    let sees = file.str("ocelli.family")?.is_some_and(|family| family != "text");
    let special = |&id: &u32| tokenizer.kind(id) != Some(TokenKind::Normal);
    Ok(named.or_else(|| tokenizer.find("<image>").filter(|_| sees).filter(special)))
}

/// Where the file says that text gets a blank. llama.cpp's switch knows nowhere and everywhere, ours all three.
fn blank(file: Keys<'_>) -> Result<Option<Blank>, Error> {
    const KEY: &str = "ocelli.tokenizer.blank";
    match file.str(KEY)? {
        None => {
            let switch = file.bool("tokenizer.ggml.add_space_prefix")?;
            Ok(switch.map(|on| if on { Blank::Everywhere } else { Blank::Nowhere }))
        }
        Some("never") => Ok(Some(Blank::Nowhere)),
        Some("first") => Ok(Some(Blank::First)),
        Some("always") => Ok(Some(Blank::Everywhere)),
        Some(other) => Err(Error::BadParameter {
            key: file.name(KEY).into_owned(),
            got: super::error::shortened(other),
            rule: "must be 'never', 'first' or 'always'".to_owned(),
        }),
    }
}

/// How added tokens are found.
fn added(file: Keys<'_>) -> Result<Added, Error> {
    let ids = |name: &str| -> Result<Vec<u32>, Error> {
        Ok(file.u32s(&format!("ocelli.tokenizer.{name}_ids"))?.unwrap_or_default())
    };
    Ok(Added {
        lstrip: ids("lstrip")?,
        rstrip: ids("rstrip")?,
        single_word: ids("single_word")?,
        normalized: ids("normalized")?,
        symbols: ids("symbol")?,
    })
}
