//! A tokenizer from `tokenizer.json`, or from `vocab.json` and `merges.txt`.

use super::bpe::Source;
use super::ends::Around;
use super::files::{AddedToken, Ids, Merge, TokenizerJson};
use super::kinds::{self, Kind};
use super::unigram;
use super::vocabulary::{TokenType, Vocabulary};
use crate::error::{ConvertError, shown};
use crate::json;
use crate::keys::Keys;
use crate::settings::Inputs;

pub(super) const TOKENIZER: &str = "tokenizer.json";
const VOCAB: &str = "vocab.json";
const MERGES: &str = "merges.txt";

fn bad(file: &str, message: String) -> ConvertError {
    ConvertError::Tokenizer { file: file.to_owned(), message }
}

/// From the one file, if it is there.
pub(super) fn whole(inputs: &Inputs<'_>, rows: u32, keys: &mut Keys) -> Result<Option<Source>, ConvertError> {
    let Some(file) = json::read::<TokenizerJson>(inputs.tokenizer, TOKENIZER, json::DATA_BYTES)? else {
        return Ok(None);
    };
    let fail = |message| bad(TOKENIZER, message);
    kinds::check_model(&file.model, fail)?;
    let kind = Kind::of(&file, fail)?;
    if let Some(decoder) = &file.decoder {
        kinds::note_decoder(decoder, kind, keys);
    }
    let mut vocabulary = Vocabulary::new(TOKENIZER, rows);
    for (token, id) in &file.model.vocab.entries {
        vocabulary.add(token, *id)?;
    }
    let unknown = unknown(&file, fail)?;
    if let Some(id) = unknown {
        vocabulary.mark(id, TokenType::Unknown);
    }
    for token in file.added_tokens.0 {
        let token = AddedToken::from(token);
        vocabulary.add_token(&token, token.id, keys)?;
    }
    if file.model.byte_fallback == Some(true) {
        kinds::mark_bytes(&mut vocabulary)?;
    }
    let around = match &file.post_processor {
        None => Around::default(),
        Some(template) => Around::of(template, &fail)?,
    };
    let map = unigram::map(file.normalizer.as_ref().filter(|_| matches!(kind, Kind::Unigram(..))), &fail)?;
    let merges = merges(&vocabulary, file.model.merges.0)?;
    let scores = match kind {
        Kind::ByteLevel { .. } => None,
        Kind::SentencePiece(_) => Some(kinds::scores(&vocabulary, &merges, rows as usize, kind.finds_blanks())?),
        Kind::Unigram(..) => file.model.vocab.scores.map(|mut scores| {
            scores.resize(rows as usize, 0.0);
            scores
        }),
    };
    let names = [None, None, unknown];
    Ok(Some(Source { vocabulary, merges, scores, map, around: Some(around), kind, names, raw: false }))
}

/// The unknown token of a unigram model, which needs one.
fn unknown(file: &TokenizerJson, fail: impl Fn(String) -> ConvertError) -> Result<Option<u32>, ConvertError> {
    if file.model.vocab.scores.is_none() {
        return Ok(None);
    }
    let count = file.model.vocab.entries.len();
    match file.model.unk_id {
        Some(id) if (id as usize) < count => Ok(Some(id)),
        Some(id) => Err(fail(format!("model.unk_id is {id}, model.vocab has {count} tokens"))),
        None => Err(fail("a unigram model without model.unk_id is not supported".to_owned())),
    }
}

/// From the older files, if they are there.
pub(super) fn parts(inputs: &Inputs<'_>, rows: u32) -> Result<Option<Source>, ConvertError> {
    let vocab = json::read::<Ids>(inputs.tokenizer, VOCAB, json::DATA_BYTES)?;
    let merge_file = json::read_file(inputs.tokenizer, MERGES, json::DATA_BYTES)?;
    let (Some(vocab), Some(merge_file)) = (vocab, merge_file) else { return Ok(None) };
    let merge_file = String::from_utf8(merge_file)
        .map_err(|error| bad(MERGES, format!("not UTF-8 at byte {}", error.utf8_error().valid_up_to())))?;
    let mut vocabulary = Vocabulary::new(VOCAB, rows);
    for (token, id) in &vocab.entries {
        vocabulary.add(token, *id)?;
    }
    let headless =
        merge_file.strip_prefix("#version").map_or(&*merge_file, |rest| rest.split_once('\n').map_or("", |cut| cut.1));
    let lines = headless.lines().filter(|line| !line.is_empty());
    let merges = merges(&vocabulary, lines.map(|line| Merge::Line(line.to_owned())).collect())?;
    let kind = Kind::ByteLevel { pre: "gpt-2", prefix: None, compose: false };
    let (names, map) = ([None; 3], Vec::new());
    Ok(Some(Source { vocabulary, merges, scores: None, map, around: None, kind, names, raw: false }))
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
