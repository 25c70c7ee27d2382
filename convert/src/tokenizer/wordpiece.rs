//! The keys of BERT's tokenizer, WordPiece, from `tokenizer.json` or `vocab.txt`.
//!
//! As in llama.cpp's files, tokens that begin a word are written with `▁` and those inside of one without the `##` that
//! the original marks them by.
//!
//! The non-obvious thing: of a directory whose class is BERT's, transformers takes case and accents from
//! `tokenizer_config.json`, or the class's defaults where it says nothing, whatever `tokenizer.json` says of them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use ocelli_quant::gguf::keys::SPECIAL_TOKENS;

use super::config::{CONFIG, Config};
use super::ends::Around;
use super::files::{AddedToken, Normalizer, Tables, TokenizerJson};
use super::from_json::TOKENIZER;
use super::vocabulary::{TokenType, Vocabulary};
use crate::error::{ConvertError, shown};
use crate::json;
use crate::keys::Keys;
use crate::settings::Neutral::{Empty, Switch};
use crate::settings::{Inputs, Known};

const VOCAB: &str = "vocab.txt";
/// The folder of a tokenizer beside another.
const FOLDER: &str = "qformer_tokenizer";
/// What marks a token inside of a word.
const INSIDE: &str = "##";
/// Characters of the longest word, where no file says.
const LONGEST: u32 = 100;

/// What the class calls its tokens, in the order of [`SPECIAL_TOKENS`].
const NAMES: [Option<&str>; 7] =
    [None, None, Some("[UNK]"), Some("[SEP]"), Some("[PAD]"), Some("[CLS]"), Some("[MASK]")];

/// Keys of BERT's own in `tokenizer_config.json`.
const KNOWN: &[Known] = &[
    Known::only(&["do_basic_tokenize"], &[Switch(true)], "text is split at blanks and marks"),
    Known::only(&["tokenize_chinese_chars"], &[Switch(true)], "Chinese characters are words of their own"),
    Known::only(&["never_split"], &[Empty], "no word is kept from being split"),
];

/// What the files say of a text's preparation.
struct Source {
    vocabulary: Vocabulary,
    lowercase: bool,
    around: Option<Around>,
    /// Characters of the longest word.
    longest: u32,
    unknown: Option<String>,
}

/// Sets the keys of the tokenizer, for an embedding of `rows`. `begins` is a token that begins texts where the model's makers
/// added one without saving the tokenizer again: all rows have a token then.
pub(crate) fn keys_with(
    inputs: &Inputs<'_>,
    rows: u32,
    begins: Option<&str>,
    keys: &mut Keys,
) -> Result<(), ConvertError> {
    let config = Config::read(inputs)?;
    config.own.known(KNOWN);
    // Of several classes, all of them WordPiece; a list of tokens alone leaves no choice.
    config.class()?;
    let mut source = match whole(inputs, rows, &config, keys)? {
        Some(source) => source,
        None => list(inputs, rows, &config)?,
    };
    for token in config.added(inputs)? {
        source.vocabulary.add_token(&token, token.id, keys)?;
    }
    let own_names = config.own_names()?;
    let listed = own_names.iter().map(|(_, token)| token.clone()).chain(config.nameless()?);
    for token in listed {
        source.vocabulary.add_special(&token, keys)?;
    }
    let added = begins.map(|begins| source.vocabulary.add_last(begins, keys)).transpose()?;
    let mut special = special_ids(&mut source, &config, keys)?;
    special[0] = added.or(special[0]);
    let [cls, sep] = [special[5], special[3]];
    let vocabulary = &source.vocabulary;
    let around = |names: &Around| {
        let id = |token: &Option<String>| token.as_deref().map(|token| vocabulary.id(token));
        (id(&names.before), id(&names.behind))
    };
    let (before, behind) = source.around.as_ref().map_or((Some(cls), Some(sep)), around);
    for (what, id) in [("begins", before), ("ends", behind)] {
        if id == Some(None) {
            return Err(vocabulary.bad(format!("text {what} with a token that is not in the vocabulary")));
        }
    }
    write(source, special, (before.flatten(), behind.flatten()), keys);
    if let Some(clean) = config.own.has("clean_up_tokenization_spaces").then_some("clean_up_tokenization_spaces") {
        keys.set("ocelli.tokenizer.clean_up_spaces", config.own.switch(clean, true)?);
    }
    Ok(())
}

/// Where a checkpoint of transformers has the tokenizer of texts that a Q-Former reads beside a language model.
pub(crate) fn folder(inputs: &Inputs<'_>) -> PathBuf {
    let [own, other] = [inputs.tokenizer, inputs.source].map(|directory| directory.join(FOLDER));
    if !own.is_dir() && other.is_dir() { other } else { own }
}

/// Sets the keys of that tokenizer as a second set, with `begins` as by [`keys_with`].
pub(crate) fn second_keys(
    (folder, begins): (&Path, Option<&str>),
    inputs: &Inputs<'_>,
    rows: u32,
    keys: &mut Keys,
) -> Result<(), ConvertError> {
    let mut own = Keys::default();
    keys_with(&Inputs { tokenizer: folder, ..*inputs }, rows, begins, &mut own)?;
    for (name, value) in own.values {
        let second =
            |first: &str, second: &str| name.strip_prefix(first).map(|rest| format!("{second}.qformer.{rest}"));
        let named = second("tokenizer.ggml.", "tokenizer").or_else(|| second("ocelli.tokenizer.", "ocelli.tokenizer"));
        // What begins a text that is to be written is of no use: the Q-Former only reads.
        if let Some(name) = named {
            keys.set(name, value);
        }
    }
    let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy();
    own.notes.into_iter().for_each(|note| keys.note(format!("{name}: {note}")));
    Ok(())
}

/// From `tokenizer.json`, if it is there.
fn whole(inputs: &Inputs<'_>, rows: u32, config: &Config, keys: &mut Keys) -> Result<Option<Source>, ConvertError> {
    let Some(file) = json::read::<TokenizerJson>(inputs.tokenizer, TOKENIZER, json::DATA_BYTES)? else {
        return Ok(None);
    };
    let fail = |message| ConvertError::Tokenizer { file: TOKENIZER.to_owned(), message };
    check_model(&file.model, fail)?;
    let own = lowercase(file.normalizer.as_ref(), fail)?;
    let class = config.class()?;
    let lowercase = if matches!(class, None | Some("BertTokenizer")) { cased(config)? } else { own };
    if lowercase != own {
        keys.note(format!("{TOKENIZER} has lowercase {own}; {CONFIG}, which goes before it, {lowercase}"));
    }
    match file.pre_tokenizer.as_ref().map(|pre| pre.kind.as_str()) {
        Some("BertPreTokenizer") => {}
        other => {
            let other = shown(other.unwrap_or("null"));
            return Err(fail(format!(
                "pre_tokenizer '{other}' is not supported with WordPiece; 'BertPreTokenizer' is"
            )));
        }
    }
    let mut vocabulary = Vocabulary::new(TOKENIZER, rows);
    for (token, id) in &file.model.vocab.entries {
        vocabulary.add(token, *id)?;
    }
    for token in file.added_tokens.0 {
        let token = AddedToken::from(token);
        vocabulary.add_token(&token, token.id, keys)?;
    }
    let around = match &file.post_processor {
        None => Around::default(),
        Some(both) if both.kind == "BertProcessing" => {
            let name = |token: &Option<(String, u32)>| token.as_ref().map(|(token, _)| token.clone());
            Around { before: name(&both.cls), behind: name(&both.sep) }
        }
        Some(template) => Around::of(template, &fail)?,
    };
    let longest = file.model.max_input_chars_per_word.unwrap_or(u64::from(LONGEST));
    let longest = u32::try_from(longest).unwrap_or(u32::MAX);
    Ok(Some(Source { vocabulary, lowercase, around: Some(around), longest, unknown: file.model.unk_token }))
}

/// From the list of tokens, one a line.
fn list(inputs: &Inputs<'_>, rows: u32, config: &Config) -> Result<Source, ConvertError> {
    let bytes = json::read_file(inputs.tokenizer, VOCAB, json::DATA_BYTES)?;
    let bytes = bytes.ok_or_else(|| ConvertError::TokenizerMissing { directory: inputs.tokenizer.to_owned() })?;
    let mut vocabulary = Vocabulary::new(VOCAB, rows);
    let text = String::from_utf8(bytes)
        .map_err(|error| vocabulary.bad(format!("not UTF-8 at byte {}", error.utf8_error().valid_up_to())))?;
    for (id, line) in (0u32..).zip(text.split_terminator('\n')) {
        vocabulary.add(line.strip_suffix('\r').unwrap_or(line), id)?;
    }
    Ok(Source { vocabulary, lowercase: cased(config)?, around: None, longest: LONGEST, unknown: None })
}

/// Refuses what WordPiece may do besides and no runtime here does.
fn check_model(model: &Tables, fail: impl Fn(String) -> ConvertError) -> Result<(), ConvertError> {
    let rule = |part: &str, got: &str, only: &str| {
        Err(fail(format!("model.{part} = '{}' is not supported, only '{only}' is", shown(got))))
    };
    // Files of early versions name no type.
    match model.kind.as_deref() {
        None | Some("WordPiece") => {}
        Some(other) => return rule("type", other, "WordPiece"),
    }
    match model.continuing_subword_prefix.as_deref() {
        _ if model.vocab.scores.is_some() => rule("vocab", "a list with scores", "an object from tokens to ids"),
        None | Some(INSIDE) => Ok(()),
        Some(other) => rule("continuing_subword_prefix", other, INSIDE),
    }
}

/// Whether a normaliser lower-cases, and takes accents away with it.
fn lowercase(normalizer: Option<&Normalizer>, fail: impl Fn(String) -> ConvertError) -> Result<bool, ConvertError> {
    let Some(bert) = normalizer.filter(|normalizer| normalizer.kind == "BertNormalizer") else {
        let got = shown(normalizer.map_or("null", |other| other.kind.as_str()));
        return Err(fail(format!("normalizer '{got}' is not supported with WordPiece; 'BertNormalizer' is")));
    };
    let lowercase = bert.lowercase.unwrap_or(true);
    let parts = [
        ("clean_text", bert.clean_text, true),
        ("handle_chinese_chars", bert.handle_chinese_chars, true),
        ("strip_accents", bert.strip_accents, lowercase),
    ];
    match parts.into_iter().find(|(_, got, only)| got.is_some_and(|got| got != *only)) {
        Some((name, _, only)) => Err(fail(format!("normalizer.{name} = {} is not supported, only {only} is", !only))),
        None => Ok(lowercase),
    }
}

/// The same by the class's settings.
fn cased(config: &Config) -> Result<bool, ConvertError> {
    let lowercase = config.own.switch("do_lower_case", true)?;
    let strips = config.own.switch("strip_accents", lowercase)?;
    if strips != lowercase {
        let rule = format!("only {lowercase} is, as do_lower_case");
        return Err(config.own.unsupported("strip_accents", strips, rule));
    }
    Ok(lowercase)
}

/// The ids of the tokens in [`SPECIAL_TOKENS`], in that order.
fn special_ids(source: &mut Source, config: &Config, keys: &mut Keys) -> Result<[Option<u32>; 7], ConvertError> {
    let mut ids = [None; 7];
    for (place, (key, _)) in SPECIAL_TOKENS.iter().enumerate() {
        let named = config.named(key)?.map(|token| token.content);
        let own = if *key == "unk_token" { source.unknown.clone() } else { None };
        let default = NAMES[place].map(str::to_owned);
        let Some(name) = named.clone().or(own).or(default) else { continue };
        ids[place] = source.vocabulary.id(&name);
        match ids[place] {
            Some(id) => source.vocabulary.mark(id, TokenType::Control),
            None if named.is_some() => keys.note(format!("{key} '{}' is not in the vocabulary", shown(&name))),
            None => {}
        }
    }
    match ids[2] {
        Some(_) => Ok(ids),
        None => Err(source.vocabulary.bad("no token for unknown words ('[UNK]') in the vocabulary".to_owned())),
    }
}

/// Sets the keys of the tables, of the special tokens and of what goes around texts.
fn write(source: Source, special: [Option<u32>; 7], ends: (Option<u32>, Option<u32>), keys: &mut Keys) {
    let lists = source.vocabulary.lists();
    let (mut tokens, mut types) = source.vocabulary.finish();
    let mut seen = HashSet::with_capacity(tokens.len());
    let mut lost = 0;
    for (token, ty) in tokens.iter_mut().zip(&mut types).filter(|(_, ty)| **ty == TokenType::Normal as i32) {
        let written = match token.strip_prefix(INSIDE) {
            Some(inside) => inside.to_owned(),
            None => format!("\u{2581}{token}"),
        };
        if written.is_empty() || !seen.insert(written.clone()) {
            *ty = TokenType::Unused as i32;
            lost += 1;
        } else {
            *token = written;
        }
    }
    if lost > 0 {
        keys.note(format!("{lost} tokens that no word can hold, or that are written like another, are unused"));
    }
    keys.set("tokenizer.ggml.model", "bert");
    keys.set("tokenizer.ggml.pre", "default");
    keys.set("tokenizer.ggml.tokens", tokens);
    keys.set("tokenizer.ggml.token_type", types);
    let (before, behind) = ends;
    // A name such as BLIP-2's `[DEC]` for a text that is to be written does not go before one that is read.
    let given = [before.or(special[5]), behind.or(special[3])].into_iter().chain(special.into_iter().skip(2));
    for ((_, name), id) in SPECIAL_TOKENS.iter().zip(given) {
        if let Some(id) = id {
            keys.set(format!("tokenizer.ggml.{name}_token_id"), id);
        }
    }
    if let (Some(begin), true) = (special[0], special[0] != before) {
        keys.set("ocelli.generation.bos_id", begin);
    }
    keys.set("tokenizer.ggml.add_bos_token", before.is_some());
    keys.set("tokenizer.ggml.add_eos_token", behind.is_some());
    keys.set("tokenizer.ggml.normalizer.lowercase", source.lowercase);
    keys.set("ocelli.tokenizer.longest_word", source.longest);
    keys.set("ocelli.tokenizer.normalizes_blanks", false);
    for (name, ids) in lists.into_iter().filter(|(_, ids)| !ids.is_empty()) {
        keys.set(format!("ocelli.tokenizer.{name}_ids"), ids);
    }
}
