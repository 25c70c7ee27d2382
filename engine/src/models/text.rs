//! A language model by itself: every file of a known architecture that names no family, existing text models among them.

use super::{Compose, Family, Given, Join, Speaks, language};
use crate::error::Error;
use crate::prompt::{Item, Piece};
use ocelli_quant::gguf::Gguf;
use std::sync::Arc;

struct Text;

pub(super) fn load(file: &Arc<Gguf>) -> Result<Family, Error> {
    let (_, decoder) = language(file)?;
    Ok(Family { sees: None, speaks: Some(Speaks { decoder, join: Join::None, compose: Box::new(Text) }) })
}

impl Compose for Text {
    /// The texts as one, with what the tokenizer adds. No text at all is the begin token, so that a text can be scored
    /// from its first token on; an encoder reads what ends a text then.
    fn compose(&self, given: &Given<'_>) -> Result<Vec<Item>, Error> {
        let Given { prompt, tokenizer, reads_whole, .. } = given;
        let mut whole = String::new();
        for piece in prompt.pieces() {
            given.medium(piece)?;
            if let Piece::Text(text) = piece {
                whole.push_str(text);
            }
        }
        let mut ids = given.text(&whole, prompt.adds_special(), prompt.begins())?;
        if ids.is_empty() && !reads_whole {
            ids.extend(tokenizer.bos());
        }
        Ok(vec![Item::Tokens(ids)])
    }
}
