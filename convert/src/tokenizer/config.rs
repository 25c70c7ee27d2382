//! `tokenizer_config.json` and `special_tokens_map.json`: names of special tokens, wishes of added ones, switches.
//!
//! Source: transformers 4.57.6 and 5.x. The non-obvious thing: the list of added tokens in `tokenizer_config.json` goes
//! over what `tokenizer.json` says of the same tokens, and a special token that neither file has is added behind all others.

use std::collections::HashMap;

use serde_json::Value;

use super::files::AddedToken;
use crate::error::{ConvertError, shown};
use crate::families::Inputs;
use crate::json::{self, Object};
use crate::settings::Known;
use crate::settings::Neutral::{Empty, Switch, Text};

pub(super) const CONFIG: &str = "tokenizer_config.json";
const SPECIAL: &str = "special_tokens_map.json";
const ADDED: &str = "added_tokens.json";

/// Special tokens as transformers names them, with the part of the key that holds the id. (The misspelling is the key's.)
pub(super) const NAMED: [(&str, &str); 7] = [
    ("bos_token", "bos"),
    ("eos_token", "eos"),
    ("unk_token", "unknown"),
    ("sep_token", "seperator"),
    ("pad_token", "padding"),
    ("cls_token", "cls"),
    ("mask_token", "mask"),
];

/// What a tokenizer's class names where no file does: bos, eos, unknown.
const CLASSES: [(&str, [&str; 3]); 5] = [
    ("CodeLlamaTokenizer", ["<s>", "</s>", "<unk>"]),
    ("GPT2Tokenizer", ["<|endoftext|>"; 3]),
    ("GPTNeoXTokenizer", ["<|endoftext|>"; 3]),
    ("GemmaTokenizer", ["<bos>", "<eos>", "<unk>"]),
    ("LlamaTokenizer", ["<s>", "</s>", "<unk>"]),
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

    /// The token under a name such as `bos_token`.
    pub(super) fn named(&self, key: &str) -> Result<Option<AddedToken>, ConvertError> {
        // Both are asked: what stands in the other file, too, is no setting that nobody reads.
        let [own, special] =
            [&self.own, &self.special].map(|file| file.whole(key).map(|value| token(file, key, value)));
        let (own, special) = (own.transpose()?, special.transpose()?);
        Ok(own.or(special))
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
        for file in [&self.own, &self.special] {
            let account = file.account();
            let own = |key: &&String| key.ends_with("_token") && !key.starts_with("add_");
            for key in account.document().keys().filter(own) {
                if NAMED.iter().any(|(name, _)| name == key) || found.iter().any(|(name, _)| name == key) {
                    continue;
                }
                if let Some(value) = file.whole(key) {
                    found.push((key.clone(), token(file, key, value)?));
                }
            }
            for key in ["extra_special_tokens", "model_specific_special_tokens"] {
                let Some(Value::Object(names)) = file.whole(key) else { continue };
                for (name, value) in names {
                    if found.iter().all(|(known, _)| known != name) {
                        found.push((name.clone(), token(file, key, value)?));
                    }
                }
            }
        }
        Ok(found)
    }

    /// Special tokens without names.
    pub(super) fn nameless(&self) -> Result<Vec<AddedToken>, ConvertError> {
        let mut found = Vec::new();
        for file in [&self.own, &self.special] {
            for key in ["additional_special_tokens", "extra_special_tokens"] {
                match file.whole(key) {
                    Some(Value::Array(tokens)) => {
                        for value in tokens {
                            found.push(token(file, key, value)?);
                        }
                    }
                    None | Some(Value::Object(_)) => {}
                    Some(other) => return Err(file.mismatch(key, "a list of tokens", other)),
                }
            }
        }
        Ok(found)
    }

    /// Added tokens by id, and the same of the older file where this one has none.
    pub(super) fn added(&self, inputs: &Inputs<'_>) -> Result<Vec<AddedToken>, ConvertError> {
        const KEY: &str = "added_tokens_decoder";
        let bad = |message| ConvertError::Tokenizer { file: CONFIG.to_owned(), message };
        let mut found = Vec::new();
        if let Some(value) = self.own.whole(KEY) {
            let tokens: HashMap<String, AddedToken> =
                serde_json::from_value(value.clone()).map_err(|error| bad(format!("{KEY}: {error}")))?;
            for (id, token) in tokens {
                let id = id.parse().map_err(|_| bad(format!("{KEY}: '{}' is no id", shown(&id))))?;
                found.push(AddedToken { id, ..token });
            }
        }
        let listed = !found.is_empty();
        let older: Option<HashMap<String, u32>> = json::read(inputs.tokenizer, ADDED, json::DATA_BYTES)?;
        if !listed {
            let special: Vec<String> = self.nameless()?.into_iter().map(|token| token.content).collect();
            found.extend(older.unwrap_or_default().into_iter().map(|(token, id)| {
                let plain = AddedToken::plain(&token, special.contains(&token));
                AddedToken { id, ..plain }
            }));
        }
        found.sort_by(|a, b| (a.id, &a.content).cmp(&(b.id, &b.content)));
        Ok(found)
    }
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
