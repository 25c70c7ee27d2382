//! A tokenizer from the `tokenizer.ggml.*` keys of a file.
//!
//! Source: the GGUF specification and llama.cpp, also for what a file may leave unsaid: each kind of vocabulary has its
//! own special ids and its own answer to whether texts begin with bos or a blank.

use super::pretokenize::PreTokenizer;
use super::{Added, Blank, ImagePlace, Spec, TokenKind, Tokenizer, Trim, Unigrams};
use crate::error::Error;
use ocelli_quant::gguf::keys::SPECIAL_TOKENS;
use ocelli_quant::gguf::{Gguf, StringArray, Value, ValueType};

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

/// Which of a file's tokenizers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum KeySet {
    /// The model's own: `tokenizer.ggml.*` and `ocelli.tokenizer.*`.
    #[default]
    Model,
    /// That of a Q-Former which reads text beside a language model: `tokenizer.qformer.*` and `ocelli.tokenizer.qformer.*`.
    QFormer,
}

/// The keys of one tokenizer of a file.
struct Keys<'f> {
    file: &'f Gguf,
    set: KeySet,
}

impl<'f> Keys<'f> {
    /// A key that llama.cpp has, too.
    fn ggml(&self, name: &str) -> String {
        let prefix = match self.set {
            KeySet::Model => "tokenizer.ggml.",
            KeySet::QFormer => "tokenizer.qformer.",
        };
        format!("{prefix}{name}")
    }

    /// A key of this program's.
    fn own(&self, name: &str) -> String {
        let prefix = match self.set {
            KeySet::Model => "ocelli.tokenizer.",
            KeySet::QFormer => "ocelli.tokenizer.qformer.",
        };
        format!("{prefix}{name}")
    }

    fn id(&self, name: &str) -> Result<Option<u32>, Error> {
        Ok(self.file.u32(&self.ggml(&format!("{name}_token_id")))?)
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, Error> {
        Ok(self.file.bool(&self.ggml(name))?)
    }

    fn own_flag(&self, name: &str) -> Result<Option<bool>, Error> {
        Ok(self.file.bool(&self.own(name))?)
    }

    fn model(&self) -> Result<&'f str, Error> {
        Ok(self.file.str(&self.ggml("model"))?.unwrap_or("(no such key)"))
    }

    fn list(&self, name: &str) -> Result<StringArray<'f>, Error> {
        let key = self.ggml(name);
        self.file.strings(&key)?.ok_or_else(|| missing(&key))
    }

    /// One score a token.
    fn scores(&self) -> Result<Vec<f32>, Error> {
        let key = self.ggml("scores");
        self.file.f32s(&key)?.ok_or_else(|| missing(&key))
    }

    /// What a kind of vocabulary has of its own and takes for said.
    fn kind(&self, tokens: StringArray<'f>) -> Result<Spec<'f>, Error> {
        // An id that the kind of vocabulary implies; a small vocabulary may lack it.
        let implied = |id: u32| Some(id).filter(|&id| (id as usize) < tokens.len());
        let model = self.model()?;
        Ok(match model {
            "gpt2" | "gemma4" => {
                let pre =
                    if model == "gemma4" { model } else { self.file.str(&self.ggml("pre"))?.unwrap_or("default") };
                let bos = self.id("bos")?;
                let add_bos = bos.is_some() && PreTokenizer::from_name(pre)?.adds_bos;
                Spec { pre, bos, eos: self.id("eos")?, add_bos, ..Spec::bpe(tokens, self.list("merges")?) }
            }
            "llama" => {
                let bos = self.id("bos")?.or(implied(1));
                let eos = self.id("eos")?.or(implied(2));
                let add_bos = bos.is_some();
                let blank = Blank::Everywhere;
                Spec { bos, eos, unk: implied(0), add_bos, blank, ..Spec::sentencepiece(tokens, self.scores()?) }
            }
            "t5" => {
                let (bos, eos) = (self.id("bos")?, self.id("eos")?.or(implied(1)));
                let (pad, unk, add_eos) = (implied(0), implied(2), eos.is_some());
                // Each text between special tokens is one by itself.
                let added = Some(Added::default());
                Spec { bos, eos, pad, unk, add_eos, added, ..Spec::unigram(tokens, self.unigrams()?) }
            }
            "bert" => {
                let bos = self.id("bos")?.or(self.id("cls")?).or(implied(101));
                // The misspelling is the key's.
                let eos = self.id("seperator")?.or(self.id("eos")?).or(implied(102));
                let (unk, add_bos, add_eos) = (implied(100), bos.is_some(), eos.is_some());
                let lowercase = self.flag("normalizer.lowercase")?.unwrap_or(true);
                let clean_up_spaces = true;
                Spec { bos, eos, unk, add_bos, add_eos, clean_up_spaces, ..Spec::wordpiece(tokens, lowercase) }
            }
            _ => {
                let key = match self.set {
                    KeySet::Model => "tokenizer.ggml.model",
                    KeySet::QFormer => "tokenizer.qformer.model",
                };
                return Err(Error::UnknownArchitecture { key, got: model.to_owned(), known: MODELS.to_owned() });
            }
        })
    }

    /// What a unigram vocabulary has besides its tokens.
    fn unigrams(&self) -> Result<Unigrams, Error> {
        let key = self.ggml("precompiled_charsmap");
        // llama.cpp reads bytes with a sign, too.
        let map = match self.file.get(&key) {
            Some(Value::Array(array)) if array.element() == ValueType::I8 => array.bytes(),
            _ => self.file.u8s(&key)?.unwrap_or_default(),
        };
        let key = self.own("trim");
        let trim = match self.file.str(&key)? {
            None | Some("part") => Trim::Part,
            Some("never") => Trim::Nothing,
            Some("stretch") => Trim::Stretch,
            Some(other) => return Err(bad(key, other, "must be 'never', 'part' or 'stretch'")),
        };
        let collapses = self.flag("remove_extra_whitespaces")?.unwrap_or(false);
        Ok(Unigrams { scores: self.scores()?, map: map.to_vec(), collapses, trim })
    }

    /// Where the file says that text gets a blank. llama.cpp's switch knows nowhere and everywhere, ours all three.
    fn blank(&self) -> Result<Option<Blank>, Error> {
        let key = self.own("blank");
        match self.file.str(&key)? {
            None => {
                let switch = self.flag("add_space_prefix")?;
                Ok(switch.map(|on| if on { Blank::Everywhere } else { Blank::Nowhere }))
            }
            Some("never") => Ok(Some(Blank::Nowhere)),
            Some("first") => Ok(Some(Blank::First)),
            Some("always") => Ok(Some(Blank::Everywhere)),
            Some(other) => Err(bad(key, other, "must be 'never', 'first' or 'always'")),
        }
    }

    /// Tokens that take the blanks behind them. Files of Phi 3 have no key for it; llama.cpp knows them by the model's name.
    fn phi3(&self, types: Option<&[i32]>) -> Result<Vec<u32>, Error> {
        const NOT: [&str; 3] = ["<unk>", "<s>", "<|endoftext|>"];
        const ADDED: [i32; 3] = [TokenKind::Unknown as i32, TokenKind::Control as i32, TokenKind::UserDefined as i32];
        let pieces = self.file.str("tokenizer.ggml.model")? == Some("llama");
        let phi3 = self.file.str("general.architecture")? == Some("phi3");
        if !(pieces && phi3 && matches!(self.set, KeySet::Model)) {
            return Ok(Vec::new());
        }
        let tokens = self.list("tokens")?;
        let tokens = (0u32..).zip(tokens.iter()).zip(types.unwrap_or_default());
        let taking = tokens.filter(|((_, text), ty)| ADDED.contains(ty) && !NOT.contains(text));
        Ok(taking.map(|((id, _), _)| id).collect())
    }

    /// How added tokens are found.
    fn added(&self) -> Result<Added, Error> {
        let ids = |name: &str| -> Result<Vec<u32>, Error> {
            Ok(self.file.u32s(&self.own(&format!("{name}_ids")))?.unwrap_or_default())
        };
        Ok(Added {
            lstrip: ids("lstrip")?,
            rstrip: ids("rstrip")?,
            single_word: ids("single_word")?,
            normalized: ids("normalized")?,
            symbols: ids("symbol")?,
        })
    }
}

impl Tokenizer {
    /// The tokenizer a file describes. Only keys are read: the file needs no tensors.
    ///
    /// # Errors
    /// [`Error::UnknownArchitecture`] for a kind of vocabulary that is not known, [`Error::BadParameter`] for a missing
    /// key, [`Error::Gguf`] for one of another type, [`Error::Tokenizer`] for tables that contradict themselves.
    pub fn from_gguf(file: &Gguf) -> Result<Self, Error> {
        Self::from_gguf_at(file, KeySet::Model)
    }

    /// One of the tokenizers that a file describes.
    ///
    /// # Errors
    /// Those of [`Tokenizer::from_gguf`].
    pub fn from_gguf_at(file: &Gguf, set: KeySet) -> Result<Self, Error> {
        let keys = Keys { file, set };
        let mut spec = keys.kind(keys.list("tokens")?)?;
        spec.token_types = file.i32s(&keys.ggml("token_type"))?;
        spec.pad = keys.id("padding")?.or(spec.pad);
        spec.unk = keys.id("unknown")?.or(spec.unk);
        spec.eot = keys.id("eot")?;
        spec.eom = keys.id("eom")?;
        // Files of Gemma 4 say otherwise by mistake.
        let always = keys.model()? == "gemma4" && spec.add_bos;
        spec.add_bos = always || keys.flag("add_bos_token")?.unwrap_or(spec.add_bos);
        spec.add_eos = keys.flag("add_eos_token")?.unwrap_or(spec.add_eos);
        spec.blank = keys.blank()?.unwrap_or(spec.blank);
        spec.rstrip = keys.phi3(spec.token_types.as_deref())?;
        if let Some(normalizes) = keys.own_flag("normalizes_blanks")? {
            spec.normalizes_blanks = normalizes;
            spec.added = Some(keys.added()?);
        }
        spec.compose = keys.own_flag("compose")?.unwrap_or(spec.compose);
        if let Some(longest) = file.u32(&keys.own("longest_word"))? {
            spec.longest_word = longest as usize;
        }
        spec.clean_up_spaces = keys.own_flag("clean_up_spaces")?.unwrap_or(spec.clean_up_spaces);
        let mut tokenizer = Self::new(spec)?;
        if set == KeySet::Model
            && let Some(id) = image_token(file, &tokenizer)?
        {
            tokenizer.reserve(id);
        }
        if set == KeySet::Model {
            tokenizer.place = image_place(file)?;
        }
        Ok(tokenizer)
    }
}

/// A key that is needed is not there.
fn missing(key: &str) -> Error {
    Error::BadParameter {
        key: key.to_owned(),
        got: "missing".to_owned(),
        rule: "the tokenizer needs this key".to_owned(),
    }
}

/// A key holds what it cannot.
fn bad(key: String, got: &str, rule: &str) -> Error {
    Error::BadParameter { key, got: super::error::shortened(got), rule: rule.to_owned() }
}

/// How the place of a picture is written.
fn image_place(file: &Gguf) -> Result<ImagePlace, Error> {
    const AROUND: &str = "ocelli.tokenizer.around_image";
    let around: Vec<&str> = file.strings(AROUND)?.iter().flat_map(StringArray::iter).collect();
    let around = match around[..] {
        [] => Default::default(),
        [before, behind] => [before.to_owned(), behind.to_owned()],
        _ => {
            let (key, got) = (AROUND.to_owned(), format!("{} texts", around.len()));
            return Err(Error::BadParameter { key, got, rule: "must be 2: before a picture and behind it".to_owned() });
        }
    };
    Ok(ImagePlace { written: file.str("ocelli.tokenizer.image_written")?.map(str::to_owned), around })
}

/// The token that stands for a picture in a model that sees: the one the file names, or the one that the originals call so.
fn image_token(file: &Gguf, tokenizer: &Tokenizer) -> Result<Option<u32>, Error> {
    let named = file.u32("ocelli.image_token")?;
    let sees = file.str("ocelli.family")?.is_some_and(|family| family != "text");
    let special = |&id: &u32| tokenizer.kind(id) != Some(TokenKind::Normal);
    Ok(named.or_else(|| tokenizer.find("<image>").filter(|_| sees).filter(special)))
}
