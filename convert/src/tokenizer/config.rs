//! `tokenizer_config.json` and `special_tokens_map.json`: names of special tokens, wishes of added ones, switches.
//!
//! Source: transformers 4.57.6 and 5.x. The non-obvious thing: the list of added tokens in `tokenizer_config.json` goes
//! over what `tokenizer.json` says of the same tokens, and a special token that neither file has is added behind all
//! others. Where that list is there, be it empty, nothing else is asked; where it is not, the older files are, and
//! `special_tokens_map.json` goes before `tokenizer_config.json`.

use std::collections::HashMap;

use ocelli_quant::gguf::keys::SPECIAL_TOKENS;
use serde_json::Value;

use super::files::AddedToken;
use crate::error::{ConvertError, shown};
use crate::json;
use crate::settings::Neutral::{Empty, Switch, Text};
use crate::settings::{Inputs, Known, Object};

pub(super) const CONFIG: &str = "tokenizer_config.json";
const SPECIAL: &str = "special_tokens_map.json";
const ADDED: &str = "added_tokens.json";
/// The list of added tokens by id, in [`CONFIG`].
const DECODER: &str = "added_tokens_decoder";
/// Lists of special tokens without names; the second may also give them names.
const LISTS: [&str; 2] = ["additional_special_tokens", "extra_special_tokens"];

/// What a tokenizer's class names where no file does: bos, eos, unknown.
const CLASSES: [(&str, [&str; 3]); 6] = [
    ("CodeLlamaTokenizer", ["<s>", "</s>", "<unk>"]),
    ("GPT2Tokenizer", ["<|endoftext|>"; 3]),
    ("GPTNeoXTokenizer", ["<|endoftext|>"; 3]),
    ("GemmaTokenizer", ["<bos>", "<eos>", "<unk>"]),
    ("LlamaTokenizer", ["<s>", "</s>", "<unk>"]),
    // It begins with nothing.
    ("T5Tokenizer", ["", "</s>", "<unk>"]),
];

/// Keys of `tokenizer_config.json` that change neither ids nor text.
const KNOWN: &[Known] = &[
    Known::without_effect(
        &[
            "_commit_hash",
            "_from_auto",
            "auto_map",
            "backend",
            "device_map",
            "from_slow",
            "is_local",
            "local_files_only",
            "merges_file",
            "name_or_path",
            "processor_class",
            "special_tokens_map_file",
            "tokenizer_file",
            "tokenizer_type",
            "transformers_version",
            "trust_remote_code",
            "use_fast",
            "vocab_file",
        ],
        "names what saved it and what loads it",
    ),
    Known::without_effect(
        &[
            "max_len",
            "max_length",
            "model_input_names",
            "model_max_length",
            "pad_to_multiple_of",
            "pad_token_type_id",
            "padding",
            "padding_side",
            "return_token_type_ids",
            "stride",
            "truncation",
            "truncation_side",
            "truncation_strategy",
            "verbose",
        ],
        "concerns how texts of a batch are cut and filled to one length",
    ),
    Known::without_effect(
        &["errors", "spaces_between_special_tokens", "trim_offsets", "use_default_system_prompt"],
        "is a setting of the older tokenizers, which decode or converse otherwise",
    ),
    Known::without_effect(&["chat_template", "response_schema"], "is about conversations, not about ids"),
    Known::without_effect(&["legacy"], "is settled by what tokenizer.json says about blanks"),
    Known::without_effect(&["extra_ids", "unk_id"], "is settled by what tokenizer.json lists"),
    Known::only(&["split_special_tokens"], &[Switch(false)], "special tokens in a text are read as such"),
    Known::only(&["do_lower_case", "do_lowercase"], &[Switch(false)], "no case is changed"),
    Known::only(&["init_inputs", "sp_model_kwargs"], &[Empty], "no sampling is done"),
    Known::only(&["cleanup", "normalization"], &[Switch(false)], "no text is normalised so"),
    Known::only(&["pad_token_side"], &[Text("left"), Text("right")], "nothing is padded"),
];

/// Both files.
pub(super) struct Config {
    pub(super) own: Object,
    special: Object,
    /// Whether neither is there.
    pub(super) bare: bool,
}

impl Config {
    pub(super) fn read(inputs: &Inputs<'_>) -> Result<Self, ConvertError> {
        let read = |name| inputs.settings.read(inputs.tokenizer, name);
        let (own, special) = (read(CONFIG)?, read(SPECIAL)?);
        let bare = own.is_none() && special.is_none();
        let own = own.unwrap_or_else(|| Object::empty(CONFIG));
        own.known(KNOWN);
        Ok(Self { own, special: special.unwrap_or_else(|| Object::empty(SPECIAL)), bare })
    }

    /// The class, whether its fast form was meant or not.
    pub(super) fn class(&self) -> Result<Option<&str>, ConvertError> {
        let class = self.own.text("tokenizer_class")?;
        Ok(class.map(|class| class.strip_suffix("Fast").unwrap_or(class)))
    }

    /// Whether the older files are asked.
    pub(super) fn is_older(&self) -> bool {
        !self.own.has(DECODER)
    }

    /// The files in the order in which names are taken from them; a later one's are noted where they differ.
    fn in_order(&self) -> [&Object; 2] {
        if self.is_older() { [&self.special, &self.own] } else { [&self.own, &self.special] }
    }

    /// Notes a token that is not taken from a file.
    fn not_taken(&self, file: &Object, key: &str, token: &AddedToken) {
        let why = if self.is_older() {
            format!("{SPECIAL} goes before it, there being no {DECODER}")
        } else {
            format!("{CONFIG} has {DECODER} and is asked alone")
        };
        file.note(key, format!("'{}'", shown(&token.content)), &why);
    }

    /// The token under a name such as `bos_token`.
    pub(super) fn named(&self, key: &str) -> Result<Option<AddedToken>, ConvertError> {
        let read = |file: &Object| file.whole(key).map(|value| token(file, key, value)).transpose();
        let [first, other] = self.in_order();
        let (taken, left) = (read(first)?, read(other)?);
        match (taken, left) {
            (None, Some(left)) if self.is_older() => Ok(Some(left)),
            (taken, Some(left)) => {
                if taken.as_ref().is_none_or(|taken| taken.content != left.content) {
                    self.not_taken(other, key, &left);
                }
                Ok(taken)
            }
            (taken, None) => Ok(taken),
        }
    }

    /// What the class calls by a name.
    pub(super) fn class_default(&self, key: &str) -> Result<Option<&'static str>, ConvertError> {
        let place = match key {
            "bos_token" => 0,
            "eos_token" => 1,
            "unk_token" => 2,
            _ => return Ok(None),
        };
        let class = self.class()?;
        Ok(CLASSES.iter().find(|(name, _)| Some(*name) == class).map(|(_, tokens)| tokens[place]))
    }

    /// Special tokens by names of their own, such as `image_token`.
    pub(super) fn own_names(&self) -> Result<Vec<(String, AddedToken)>, ConvertError> {
        let mut found: Vec<(String, AddedToken)> = Vec::new();
        for (place, file) in self.in_order().into_iter().enumerate() {
            let mut add = |key: &str, name: &str, value: &Value| {
                let token = token(file, key, value)?;
                match found.iter().find(|(known, _)| known == name) {
                    Some((_, known)) if known.content == token.content => {}
                    None if place == 0 || self.is_older() => found.push((name.to_owned(), token)),
                    _ => self.not_taken(file, name, &token),
                }
                Ok::<_, ConvertError>(())
            };
            let account = file.account();
            // Attributes of a class: what begins otherwise is none.
            let is_name = |key: &str| key.starts_with(|c: char| c.is_ascii_lowercase()) && !key.starts_with("add_");
            let own = |key: &&String| key.ends_with("_token") && is_name(key);
            for key in account.document().keys().filter(own) {
                if SPECIAL_TOKENS.iter().all(|(name, _)| name != key)
                    && let Some(value) = file.whole(key)
                {
                    add(key, key, value)?;
                }
            }
            for key in ["extra_special_tokens", "model_specific_special_tokens"] {
                let Some(Value::Object(names)) = file.whole(key) else { continue };
                for (name, value) in names {
                    if SPECIAL_TOKENS.iter().any(|(known, _)| known == name) {
                        let rule = "is no name of its own: the token has a key outside of this object";
                        return Err(file.bad(key, name, rule));
                    }
                    add(key, name, value)?;
                }
            }
        }
        Ok(found)
    }

    /// Special tokens without names, none twice.
    pub(super) fn nameless(&self) -> Result<Vec<AddedToken>, ConvertError> {
        self.listed(&LISTS)
    }

    /// Those of them that chat templates are given as a list. (Version 5 gives them none, and writes the other list.)
    pub(super) fn additional(&self) -> Result<Vec<String>, ConvertError> {
        Ok(self.listed(&LISTS[..1])?.into_iter().map(|token| token.content).collect())
    }

    /// The tokens of these lists, none twice.
    fn listed(&self, lists: &[&str]) -> Result<Vec<AddedToken>, ConvertError> {
        let mut found: Vec<AddedToken> = Vec::new();
        for file in [&self.own, &self.special] {
            for key in lists {
                let tokens = match file.whole(key) {
                    Some(Value::Array(tokens)) => tokens,
                    None | Some(Value::Object(_)) => continue,
                    Some(other) => return Err(file.mismatch(key, "a list of tokens", other)),
                };
                for value in tokens {
                    let token = token(file, key, value)?;
                    if found.iter().any(|known| known.content == token.content) {
                        continue;
                    }
                    if self.is_older() || file.account().name == CONFIG {
                        found.push(token);
                    } else {
                        self.not_taken(file, key, &token);
                    }
                }
            }
        }
        Ok(found)
    }

    /// Added tokens by id.
    pub(super) fn added(&self, inputs: &Inputs<'_>) -> Result<Vec<AddedToken>, ConvertError> {
        let bad = |message| ConvertError::Tokenizer { file: CONFIG.to_owned(), message };
        let mut found = Vec::new();
        match self.own.whole(DECODER) {
            Some(value) => {
                let tokens: HashMap<String, AddedToken> =
                    serde_json::from_value(value.clone()).map_err(|error| bad(format!("{DECODER}: {error}")))?;
                for (id, token) in tokens {
                    let id = id.parse().map_err(|_| bad(format!("{DECODER}: '{}' is no id", shown(&id))))?;
                    found.push(AddedToken { id, ..token });
                }
            }
            None => {
                let mut special: Vec<String> = self.nameless()?.into_iter().map(|token| token.content).collect();
                for (key, _) in SPECIAL_TOKENS {
                    special.extend(self.named(key)?.map(|token| token.content));
                }
                found.extend(older(inputs)?.into_iter().map(|(token, id)| {
                    let plain = AddedToken::plain(&token, special.contains(&token));
                    AddedToken { id, ..plain }
                }));
            }
        }
        found.sort_by(|a, b| (a.id, &a.content).cmp(&(b.id, &b.content)));
        Ok(found)
    }

    /// What the older list of added tokens says otherwise than `id`, which knows all tokens there are, where nobody asks it.
    pub(super) fn left_aside(
        &self,
        inputs: &Inputs<'_>,
        id: impl Fn(&str) -> Option<u32>,
    ) -> Result<Vec<String>, ConvertError> {
        if self.is_older() {
            return Ok(Vec::new());
        }
        let mut others: Vec<(String, u32)> =
            older(inputs)?.into_iter().filter(|(token, number)| id(token) != Some(*number)).collect();
        others.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        let told = others.into_iter().map(|(token, number)| {
            let here = id(&token).map_or("no such token".to_owned(), |id| format!("id {id}"));
            let token = shown(&token);
            format!("{ADDED} has '{token}' as {number}, which is not taken: {CONFIG} has {DECODER}, by which there is {here}")
        });
        Ok(told.collect())
    }
}

/// The older list of added tokens.
fn older(inputs: &Inputs<'_>) -> Result<HashMap<String, u32>, ConvertError> {
    Ok(json::read(inputs.tokenizer, ADDED, json::DATA_BYTES)?.unwrap_or_default())
}

/// A token as text, or as an object with its content and its wishes.
fn token(file: &Object, key: &str, value: &Value) -> Result<AddedToken, ConvertError> {
    match value {
        Value::String(text) => Ok(AddedToken::plain(text, true)),
        Value::Object(_) => {
            let token: AddedToken = serde_json::from_value(value.clone()).map_err(|error| ConvertError::Json {
                file: file.account().name.clone(),
                message: format!("{}: {error}", file.path(key)),
            })?;
            Ok(AddedToken { special: true, ..token })
        }
        other => Err(file.mismatch(key, "text or an object with content", other)),
    }
}
