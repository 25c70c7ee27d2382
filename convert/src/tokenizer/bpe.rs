//! BPE from `tokenizer.json` (byte-level as GPT-2, OPT and llama 3 use it, or SentencePiece's), or byte-level from
//! `vocab.json` and `merges.txt`.
//!
//! The non-obvious thing is who puts `</s>` in front. With a `tokenizer.json` it is the post-processor in there and
//! nothing else; with the older files it is `add_bos_token` of `tokenizer_config.json`, which OPT sets.

use std::path::Path;

use serde_json::Value;

use super::files::{AddedToken, AddedTokens, Ids, Merge, PostProcessor, TokenizerJson};
use super::kinds::{self, Kind};
use super::vocabulary::{TokenType, Vocabulary};
use crate::error::{ConvertError, shown};
use crate::families::Inputs;
use crate::json::{self, Object};
use crate::keys::Keys;

const TOKENIZER: &str = "tokenizer.json";
const VOCAB: &str = "vocab.json";
const MERGES: &str = "merges.txt";
const CONFIG: &str = "tokenizer_config.json";
const SPECIAL: &str = "special_tokens_map.json";
const ADDED: &str = "added_tokens.json";

/// Which of the text's ends get a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Ends {
    bos: bool,
    eos: bool,
}

/// What either set of files says.
struct Source {
    vocabulary: Vocabulary,
    merges: Vec<Merge>,
    ends: Option<Ends>,
    kind: Kind,
    template: Option<PostProcessor>,
}

/// Tokens that a model's makers added to a tokenizer without saving it again.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Added<'a> {
    /// In order, each only where it is not there.
    pub(crate) special: &'a [&'a str],
    /// Behind them, where there is no padding token.
    pub(crate) padding: Option<&'a str>,
}

/// Sets the keys of the tokenizer, for an embedding of `rows`.
pub(crate) fn keys(inputs: &Inputs<'_>, rows: u32, keys: &mut Keys) -> Result<(), ConvertError> {
    keys_with(inputs, rows, Added::default(), keys)
}

/// The same with more tokens.
pub(crate) fn keys_with(inputs: &Inputs<'_>, rows: u32, added: Added<'_>, keys: &mut Keys) -> Result<(), ConvertError> {
    let directory = inputs.tokenizer;
    let (config, special) = (Object::read(directory, CONFIG)?, Object::read(directory, SPECIAL)?);
    let bare = config.is_none() && special.is_none();
    let config = config.unwrap_or_else(|| Object::empty(CONFIG));
    let special = special.unwrap_or_else(|| Object::empty(SPECIAL));
    let mut source = match json::read(directory, TOKENIZER, json::DATA_BYTES)? {
        Some(file) => from_tokenizer_json(file, rows, keys)?,
        None => from_vocab_json(directory, rows, &config, &special, keys)?,
    };
    let unpadded = content(&config, "pad_token")?.is_none() && content(&special, "pad_token")?.is_none();
    let padding = added.padding.filter(|_| unpadded);
    for token in added.special.iter().copied().chain(padding) {
        let id = source.vocabulary.id(token).unwrap_or(source.vocabulary.next());
        source.vocabulary.add_extra(token, id, TokenType::Control, keys)?;
    }
    let mut named = |key: &str, default: Option<&str>| -> Result<Option<u32>, ConvertError> {
        let given = match content(&config, key)? {
            Some(token) => Some(token),
            None => content(&special, key)?,
        };
        let Some(token) = given.as_deref().or(default) else { return Ok(None) };
        let id = source.vocabulary.id(token);
        match id {
            // A name nobody gave is a guess: it makes nothing special where there are files that could have said so.
            Some(id) if given.is_some() || bare => source.vocabulary.mark(id, TokenType::Control),
            Some(_) => {}
            None if given.is_some() => keys.note(format!("{key} '{}' is not in the vocabulary", shown(token))),
            None => {}
        }
        Ok(id)
    };
    let bos = named("bos_token", Some("</s>"))?;
    let eos = named("eos_token", Some("</s>"))?;
    let pad = named("pad_token", Some(padding.unwrap_or("<pad>")))?;
    let unknown = named("unk_token", None)?;
    if let Some(template) = &source.template {
        source.ends = Some(ends(template, &source.vocabulary, bos, eos)?);
    }
    let ends = match (source.ends, config.switch("add_bos_token", true)?) {
        (Some(ends), wanted) => {
            if config.get("add_bos_token").is_some() && wanted != ends.bos {
                keys.note(format!(
                    "{CONFIG} has add_bos_token {wanted}, the post-processor of {TOKENIZER} does the opposite and is \
                     followed"
                ));
            }
            ends
        }
        (None, bos) => Ends { bos, eos: false },
    };
    if ends.bos && bos.is_none() {
        return Err(source.vocabulary.bad("text starts with bos_token, which is not in the vocabulary".to_owned()));
    }
    let merges = merges(&source.vocabulary, source.merges)?;
    let prefix_space = match source.kind {
        Kind::ByteLevel { prefix, .. } => config.switch("add_prefix_space", prefix.unwrap_or(false))?,
        Kind::SentencePiece { prefix } => prefix,
    };
    let scores = match source.kind {
        Kind::ByteLevel { .. } => None,
        Kind::SentencePiece { .. } => Some(kinds::scores(&source.vocabulary, &merges, rows as usize)?),
    };
    let (tokens, types) = source.vocabulary.finish();

    let (model, pre) = match source.kind {
        Kind::ByteLevel { pre, .. } => ("gpt2", pre),
        Kind::SentencePiece { .. } => ("llama", "default"),
    };
    keys.set("tokenizer.ggml.model", model);
    keys.set("tokenizer.ggml.pre", pre);
    keys.set("tokenizer.ggml.tokens", tokens);
    keys.set("tokenizer.ggml.token_type", types);
    match scores {
        Some(scores) => keys.set("tokenizer.ggml.scores", scores),
        None => keys.set("tokenizer.ggml.merges", merges),
    }
    for (name, id) in [("bos", bos), ("eos", eos), ("padding", pad), ("unknown", unknown)] {
        if let Some(id) = id {
            keys.set(format!("tokenizer.ggml.{name}_token_id"), id);
        }
    }
    keys.set("tokenizer.ggml.add_bos_token", ends.bos);
    keys.set("tokenizer.ggml.add_eos_token", ends.eos);
    keys.set("tokenizer.ggml.add_space_prefix", prefix_space);
    if let Kind::ByteLevel { compose: true, .. } = source.kind {
        keys.set("ocelli.tokenizer.compose", true);
    }
    if config.switch("clean_up_tokenization_spaces", false)? {
        keys.set("ocelli.tokenizer.clean_up_spaces", true);
    }
    Ok(())
}

/// The token under `key`: text, or an object with the text as its content.
fn content(config: &Object, key: &str) -> Result<Option<String>, ConvertError> {
    match config.get(key) {
        None => Ok(None),
        Some(Value::Object(_)) => Ok(config.object(key)?.text("content")?.map(str::to_owned)),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(config.mismatch(key, "text or an object with content", other)),
    }
}

fn bad(file: &str, message: String) -> ConvertError {
    ConvertError::Tokenizer { file: file.to_owned(), message }
}

fn from_tokenizer_json(file: TokenizerJson, rows: u32, keys: &mut Keys) -> Result<Source, ConvertError> {
    let fail = |message| bad(TOKENIZER, message);
    kinds::check_model(&file.model, fail)?;
    let kind = Kind::of(&file, fail)?;
    let mut vocabulary = Vocabulary::new(TOKENIZER, rows);
    for (token, id) in &file.model.vocab.0 {
        vocabulary.add(token, *id)?;
    }
    for token in &file.added_tokens.0 {
        add_token(&mut vocabulary, token, token.id, keys)?;
    }
    if let Kind::SentencePiece { .. } = kind {
        kinds::mark_bytes(&mut vocabulary)?;
    }
    let ends = file.post_processor.is_none().then(Ends::default);
    Ok(Source { vocabulary, merges: file.model.merges.0, ends, kind, template: file.post_processor })
}

fn add_token(vocabulary: &mut Vocabulary, token: &AddedToken, id: u32, keys: &mut Keys) -> Result<(), ConvertError> {
    if token.lstrip || token.rstrip || token.single_word {
        keys.note(format!(
            "added token '{}' takes the blanks around it or whole words only, which the output cannot say",
            shown(&token.content)
        ));
    }
    let ty = if token.special { TokenType::Control } else { TokenType::UserDefined };
    vocabulary.add_extra(&token.content, id, ty, keys)
}

/// What a post-processor puts around the text.
fn ends(
    template: &PostProcessor,
    vocabulary: &Vocabulary,
    bos: Option<u32>,
    eos: Option<u32>,
) -> Result<Ends, ConvertError> {
    let refuse = |what: String| Err(vocabulary.bad(format!("post_processor {what} is not supported")));
    match template.kind.as_str() {
        "ByteLevel" => Ok(Ends::default()),
        "Sequence" => {
            let mut all = Ends::default();
            for part in &template.processors.0 {
                if part.kind == "Sequence" {
                    return refuse("'Sequence' within a 'Sequence'".to_owned());
                }
                let part = ends(part, vocabulary, bos, eos)?;
                all = Ends { bos: all.bos || part.bos, eos: all.eos || part.eos };
            }
            Ok(all)
        }
        "TemplateProcessing" => {
            let pieces = &template.single.0;
            let Some(at) = pieces.iter().position(|piece| piece.sequence.is_some()) else {
                return refuse("template without the text".to_owned());
            };
            let mut found = Ends::default();
            for (number, piece) in pieces.iter().enumerate().filter(|(number, _)| *number != at) {
                let token = piece.special.as_ref().map(|special| special.id.as_str());
                let id = token.and_then(|token| vocabulary.id(token));
                match (id, number < at) {
                    (Some(id), true) if Some(id) == bos && !found.bos => found.bos = true,
                    (Some(id), false) if Some(id) == eos && !found.eos => found.eos = true,
                    _ => {
                        let token = shown(token.unwrap_or("another text"));
                        return refuse(format!(
                            "template with '{token}', which is not one bos_token before or one \
                             eos_token after the text,"
                        ));
                    }
                }
            }
            Ok(found)
        }
        other => refuse(format!("'{}'", shown(other))),
    }
}

fn from_vocab_json(
    directory: &Path,
    rows: u32,
    config: &Object,
    special: &Object,
    keys: &mut Keys,
) -> Result<Source, ConvertError> {
    let vocab = json::read::<Ids>(directory, VOCAB, json::DATA_BYTES)?;
    let merges = json::read_file(directory, MERGES, json::DATA_BYTES)?;
    let (Some(vocab), Some(merges)) = (vocab, merges) else {
        return Err(ConvertError::TokenizerMissing { directory: directory.to_owned() });
    };
    let merges = String::from_utf8(merges)
        .map_err(|error| bad(MERGES, format!("not UTF-8 at byte {}", error.utf8_error().valid_up_to())))?;
    let mut vocabulary = Vocabulary::new(VOCAB, rows);
    for (token, id) in &vocab.0 {
        vocabulary.add(token, *id)?;
    }
    let added = json::read::<Ids>(directory, ADDED, json::DATA_BYTES)?.unwrap_or_default();
    for (token, id) in &added.0 {
        vocabulary.add_extra(token, *id, TokenType::UserDefined, keys)?;
    }
    if let Some(value) = config.get("added_tokens_decoder") {
        let tokens: AddedTokens = serde_json::from_value(value.clone())
            .map_err(|error| bad(CONFIG, format!("added_tokens_decoder: {error}")))?;
        let mut tokens: Vec<(&String, &AddedToken)> = tokens.iter().collect();
        tokens.sort_by_key(|(id, _)| id.parse::<u32>().ok());
        for (id, token) in tokens {
            let id = id.parse().map_err(|_| bad(CONFIG, format!("added_tokens_decoder: '{}' is no id", shown(id))))?;
            add_token(&mut vocabulary, token, id, keys)?;
        }
    }
    for config in [config, special] {
        let Some(Value::Array(tokens)) = config.get("additional_special_tokens") else { continue };
        for token in tokens.iter().filter_map(|token| token.as_str().or_else(|| token.get("content")?.as_str())) {
            if let Some(id) = vocabulary.id(token) {
                vocabulary.mark(id, TokenType::Control);
            }
        }
    }
    let headless =
        merges.strip_prefix("#version").map_or(&*merges, |rest| rest.split_once('\n').map_or("", |cut| cut.1));
    let lines = headless.lines().filter(|line| !line.is_empty());
    let merges = lines.map(|line| Merge::Line(line.to_owned())).collect();
    let kind = Kind::ByteLevel { pre: "gpt-2", prefix: None, compose: false };
    Ok(Source { vocabulary, merges, ends: None, kind, template: None })
}

/// Merges as lines, each part and each result being a token.
fn merges(vocabulary: &Vocabulary, merges: Vec<Merge>) -> Result<Vec<String>, ConvertError> {
    let check = |number: usize, merge: Merge| {
        let (left, right) = kinds::pair(&merge);
        let wrong = |what: &str| {
            let (left, right) = (shown(left), shown(right));
            vocabulary.bad(format!("bad merge {}: '{left}' + '{right}': {what}", number + 1))
        };
        if left.is_empty() || right.is_empty() || left.contains(' ') || right.contains(' ') {
            return Err(wrong("not two tokens without blanks"));
        }
        for part in [left, right, &format!("{left}{right}")] {
            if vocabulary.id(part).is_none() {
                return Err(wrong(&format!("'{}' is not in the vocabulary", shown(part))));
            }
        }
        Ok(match merge {
            Merge::Line(line) => line,
            Merge::Pair(left, right) => format!("{left} {right}"),
        })
    };
    merges.into_iter().enumerate().map(|(number, merge)| check(number, merge)).collect()
}
