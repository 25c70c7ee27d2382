//! Tokenizers as GGUF keys: one file a kind, and the parts of Hugging Face's files they share.

pub(crate) mod bpe;
pub(crate) mod chat;
mod config;
mod ends;
mod files;
mod from_json;
mod from_pieces;
mod kinds;
mod protobuf;
mod unigram;
mod vocabulary;
pub(crate) mod wordpiece;

use crate::error::ConvertError;
use crate::keys::Keys;

/// The id of a token that a family's prompts need, of the vocabulary that was set.
pub(crate) fn required(keys: &Keys, text: &str) -> Result<u32, ConvertError> {
    keys.token(text).ok_or_else(|| ConvertError::Tokenizer {
        file: "tokenizer".to_owned(),
        message: format!("token '{text}', which stands around or for pictures, is not in the vocabulary"),
    })
}

/// Sets the token that stands for a row of a picture, which the configuration may name, too; those that stand around pictures
/// are needed as well.
pub(crate) fn picture(keys: &mut Keys, row: &str, told: Option<u32>, around: &[&str]) -> Result<(), ConvertError> {
    let id = required(keys, row)?;
    if let Some(told) = told.filter(|told| *told != id) {
        keys.note(format!("image_token_id is {told}, '{row}' is {id}: the tokenizer's is taken"));
    }
    keys.set("ocelli.image_token", id);
    around.iter().try_for_each(|token| required(keys, token).map(drop))
}
