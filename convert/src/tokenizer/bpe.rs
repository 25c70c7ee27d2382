//! The keys of a tokenizer with byte-pair encoding or a unigram model, whatever files it comes in: `tokenizer.json`
//! (byte-level as GPT-2, OPT and llama 3 use it, or SentencePiece's), byte-level from `vocab.json` and `merges.txt`,
//! SentencePiece's `tokenizer.model` or `spiece.model`.

use ocelli_quant::gguf::MetaValue;
use ocelli_quant::gguf::keys::SPECIAL_TOKENS;

use super::config::Config;
use super::ends::{Around, Ends, note_disagreement};
use super::files::AddedToken;
use super::kinds::{self, Kind, Prefix};
use super::vocabulary::{TokenType, Vocabulary};
use super::{from_json, from_pieces};
use crate::error::{ConvertError, shown};
use crate::keys::Keys;
use crate::settings::Inputs;

/// What a set of files says.
pub(super) struct Source {
    pub(super) vocabulary: Vocabulary,
    pub(super) merges: Vec<String>,
    /// By id, with SentencePiece.
    pub(super) scores: Option<Vec<f32>>,
    /// The compiled map of characters of a unigram model, or nothing.
    pub(super) map: Vec<u8>,
    /// What is put around texts, where these files say.
    pub(super) around: Option<Around>,
    pub(super) kind: Kind,
    /// Ids of bos, eos and unknown, where these files name them.
    pub(super) names: [Option<u32>; 3],
    /// Whether every added token is looked for in the text as it is, whatever it wishes.
    pub(super) raw: bool,
}

/// Tokens that a model's makers added to a tokenizer without saving it again.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Added<'a> {
    /// In order, each only where it is not there.
    pub(crate) special: &'a [&'a str],
    /// Behind them, found in the text as it is: they take the blanks before them and are not special.
    pub(crate) tags: &'a [String],
    /// Behind them, where there is no padding token.
    pub(crate) padding: Option<&'a str>,
    /// Names such as `bos_token` that they gave to other tokens than the files say. A text is then put between those that the
    /// switches of `tokenizer_config.json` say, as the class does without a `tokenizer.json`.
    pub(crate) names: &'a [(&'a str, &'a str)],
}

/// Sets the keys of the tokenizer, for an embedding of `rows`.
pub(crate) fn keys(inputs: &Inputs<'_>, rows: u32, keys: &mut Keys) -> Result<(), ConvertError> {
    keys_with(inputs, rows, Added::default(), keys)
}

/// The same with more tokens.
pub(crate) fn keys_with(inputs: &Inputs<'_>, rows: u32, added: Added<'_>, keys: &mut Keys) -> Result<(), ConvertError> {
    let config = Config::read(inputs)?;
    let mut source = read(inputs, rows, &config, keys)?;
    for token in config.added(inputs)? {
        // What tokenizer.json says of a token goes over the older list, which knows no wishes.
        let told = config.is_older() && !source.raw && source.vocabulary.has_wishes(&token.content, token.id);
        if !told {
            source.vocabulary.add_token(&token, token.id, keys)?;
        }
    }
    let aside = config.left_aside(inputs, |token| source.vocabulary.id(token))?;
    aside.into_iter().for_each(|note| keys.note(note));
    let unpadded = config.named("pad_token")?.is_none();
    let padding = added.padding.filter(|_| unpadded);
    let own_names = config.own_names()?;
    let nameless = config.nameless()?;
    let listed = own_names.iter().map(|(_, token)| token).chain(&nameless).cloned();
    let makers = added.special.iter().copied().chain(padding).map(|token| AddedToken::plain(token, true));
    for token in listed.chain(makers) {
        source.vocabulary.add_special(&token, keys)?;
    }
    source.vocabulary.add_tags(added.tags, keys)?;
    if source.raw {
        source.vocabulary.normalise_none();
    }
    let special = special_ids(&mut source, &config, Added { padding, ..added }, keys)?;
    let (bos, eos) = (special[0], special[1]);
    let ends = match source.around.as_ref().filter(|_| added.names.is_empty()) {
        Some(around) => {
            let ends = around.ends((bos, eos), |token| source.vocabulary.id(token), &|m| source.vocabulary.bad(m))?;
            note_disagreement(ends, &config, keys)?;
            ends
        }
        None => {
            // OPT says true, and is what a directory without a word about it is taken for.
            let bos = !matches!(config.class()?, Some("GPT2Tokenizer" | "GPTNeoXTokenizer"));
            Ends { bos: config.own.switch("add_bos_token", bos)?, eos: config.own.switch("add_eos_token", false)? }
        }
    };
    for (wanted, id, name) in [(ends.bos, bos, "starts with bos_token"), (ends.eos, eos, "ends with eos_token")] {
        if wanted && id.is_none() {
            return Err(source.vocabulary.bad(format!("text {name}, which is not in the vocabulary")));
        }
    }
    let prefix = kinds::prefix(source.kind, &config, keys)?;
    let named: Vec<(String, u32)> = own_names
        .iter()
        .filter_map(|(name, token)| Some((name.clone(), source.vocabulary.id(&token.content)?)))
        .collect();
    write(source, &special, ends, prefix, keys);
    if !named.is_empty() {
        let (names, ids): (Vec<String>, Vec<u32>) = named.into_iter().unzip();
        keys.set("ocelli.tokenizer.special_names", names);
        keys.set("ocelli.tokenizer.special_ids", ids);
    }
    let additional = config.additional()?;
    if !additional.is_empty() {
        keys.set("tokenizer.ggml.additional_special_tokens", additional);
    }
    if config.own.switch("clean_up_tokenization_spaces", false)? {
        keys.set("ocelli.tokenizer.clean_up_spaces", true);
    }
    Ok(())
}

/// The first set of files that is there.
fn read(inputs: &Inputs<'_>, rows: u32, config: &Config, keys: &mut Keys) -> Result<Source, ConvertError> {
    if let Some(source) = from_json::whole(inputs, rows, keys)? {
        return Ok(source);
    }
    if let Some(source) = from_json::parts(inputs, rows)? {
        return Ok(source);
    }
    let source = from_pieces::read(inputs, rows, config, keys)?;
    source.ok_or_else(|| ConvertError::TokenizerMissing { directory: inputs.tokenizer.to_owned() })
}

/// The ids of the tokens in [`SPECIAL_TOKENS`], in that order.
fn special_ids(
    source: &mut Source,
    config: &Config,
    added: Added<'_>,
    keys: &mut Keys,
) -> Result<[Option<u32>; 7], ConvertError> {
    let mut ids = [None; 7];
    for (place, (key, _)) in SPECIAL_TOKENS.iter().enumerate() {
        let vocabulary = &mut source.vocabulary;
        let named = config.named(key)?;
        if let Some((_, token)) = added.names.iter().find(|(name, _)| name == key) {
            ids[place] = vocabulary.id(token);
            ids[place].into_iter().for_each(|id| vocabulary.mark(id, TokenType::Control));
            continue;
        }
        if let Some(token) = named {
            ids[place] = vocabulary.id(&token.content);
            match ids[place] {
                Some(id) => vocabulary.mark(id, TokenType::Control),
                None => keys.note(format!("{key} '{}' is not in the vocabulary", shown(&token.content))),
            }
            continue;
        }
        if let Some(id) = source.names.get(place).copied().flatten() {
            ids[place] = Some(id);
            continue;
        }
        let around = source.around.as_ref();
        let put = match *key {
            "bos_token" => around.and_then(|around| around.before.as_deref()),
            "eos_token" => around.and_then(|around| around.behind.as_deref()),
            _ => None,
        };
        let put = put.and_then(|token| vocabulary.id(token));
        let named = if *key == "pad_token" { added.padding } else { config.class_default(key)? };
        let named = named.and_then(|token| vocabulary.id(token));
        if let Some(id) = named {
            vocabulary.mark(id, TokenType::Control);
        }
        let own = put.or(named);
        // A name nobody gave is a guess: it makes nothing special where there are files that could have said so.
        let guess = match *key {
            // T5 begins with nothing.
            "bos_token" if matches!(source.kind, Kind::Unigram(..)) => None,
            "bos_token" | "eos_token" => vocabulary.id("</s>"),
            "pad_token" => vocabulary.id("<pad>"),
            _ => None,
        };
        ids[place] = own.or(guess);
        if let Some(id) = guess.filter(|_| own.is_none() && config.bare) {
            vocabulary.mark(id, TokenType::Control);
        }
    }
    Ok(ids)
}

/// Sets the keys of the tables, of the special tokens, and of what is done to blanks.
fn write(mut source: Source, special: &[Option<u32>; 7], ends: Ends, prefix: Prefix, keys: &mut Keys) {
    let (model, pre) = match source.kind {
        Kind::ByteLevel { pre, .. } => ("gpt2", pre),
        Kind::SentencePiece(_) => ("llama", "default"),
        Kind::Unigram(..) => ("t5", "default"),
    };
    if source.kind.finds_blanks() {
        source.vocabulary.write_blanks();
    }
    let lists = source.vocabulary.lists();
    let (tokens, types) = source.vocabulary.finish();
    keys.set("tokenizer.ggml.model", model);
    keys.set("tokenizer.ggml.pre", pre);
    keys.set("tokenizer.ggml.tokens", tokens);
    keys.set("tokenizer.ggml.token_type", types);
    match source.scores {
        Some(scores) => keys.set("tokenizer.ggml.scores", scores),
        None => keys.set("tokenizer.ggml.merges", source.merges),
    }
    for ((_, name), id) in SPECIAL_TOKENS.iter().zip(special) {
        if let Some(id) = *id {
            keys.set(format!("tokenizer.ggml.{name}_token_id"), id);
        }
    }
    keys.set("tokenizer.ggml.add_bos_token", ends.bos);
    keys.set("tokenizer.ggml.add_eos_token", ends.eos);
    // llama.cpp's switch knows everywhere and nowhere; the keys behind it say which of three it is, and when.
    keys.set("tokenizer.ggml.add_space_prefix", prefix.blank != kinds::Blank::Never);
    keys.set("ocelli.tokenizer.blank", prefix.blank.name());
    keys.set("ocelli.tokenizer.normalizes_blanks", prefix.early);
    for (name, ids) in lists.into_iter().filter(|(_, ids)| !ids.is_empty()) {
        keys.set(format!("ocelli.tokenizer.{name}_ids"), ids);
    }
    if let Kind::Unigram(_, blanks) = source.kind {
        keys.set("tokenizer.ggml.remove_extra_whitespaces", blanks.collapses);
        keys.set("ocelli.tokenizer.trim", blanks.trim);
        if !source.map.is_empty() {
            keys.set("tokenizer.ggml.precompiled_charsmap", MetaValue::U8s(source.map));
        }
    }
    if let Kind::ByteLevel { compose: true, .. } = source.kind {
        keys.set("ocelli.tokenizer.compose", true);
    }
}
