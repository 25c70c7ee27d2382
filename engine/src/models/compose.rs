//! Prompts with token ids among their pieces. A family composes text and pictures; ids stand as they are, and parts of
//! the prompt on both sides of them are composed one by one, so that no family has to know.

use super::{Compose, Family, Given, Sees};
use crate::error::Error;
use crate::prompt::{Instruction, Item, Piece, Prompt};
use crate::tokenizer::{EncodeOptions, Tokenizer};
use crate::weights::header::Header;
use ocelli_quant::gguf::Gguf;
use std::sync::Arc;

/// Refuses ids that a model of so many rows does not have.
///
/// # Errors
/// [`Error::BadOption`].
pub(crate) fn check_ids(ids: &[u32], vocabulary: usize) -> Result<(), Error> {
    let rule = "below the rows of the embedding table";
    let Some(id) = ids.iter().find(|&&id| id as usize >= vocabulary) else { return Ok(()) };
    Err(Error::BadOption { name: "token ids", got: id.to_string(), rule })
}

/// The items of a prompt, in order.
///
/// # Errors
/// What the family's [`super::Compose`] refuses, [`Error::BadOption`] for an id that the model does not have, and
/// [`Error::TooManyMedia`].
pub(crate) fn compose(family: &Family, tokenizer: &Tokenizer, prompt: &Prompt) -> Result<Vec<Item>, Error> {
    let speaks = family.speaks()?;
    let sees = family.sees.as_deref();
    let reads_whole = speaks.decoder.encoder.is_some();
    let instruction = instruction(sees, tokenizer, prompt)?;
    let part = |prompt: &Prompt| {
        speaks.compose.compose(&Given { prompt, tokenizer, sees, reads_whole, instruction: &instruction })
    };
    let mut items = Vec::new();
    if prompt.given().is_empty() {
        items = part(prompt)?;
    } else {
        let vocabulary = speaks.decoder.config.vocabulary;
        let mut at = 0;
        for (before, ids) in prompt.given() {
            check_ids(ids, vocabulary)?;
            if *before > at {
                let behind = !items.is_empty();
                let complete = behind || !prompt.adds_special();
                items.extend(part(&prompt.part(at..*before, complete, behind))?);
            }
            items.push(Item::Tokens(ids.clone()));
            at = *before;
        }
        if prompt.pieces().len() > at {
            items.extend(part(&prompt.part(at..prompt.pieces().len(), true, true))?);
        }
    }
    if reads_whole {
        items.extend(end(tokenizer, prompt));
    }
    if let Some(around) = speaks.compose.around() {
        items = wrapped(items, around);
    }
    let media = items.iter().filter(|item| item.views().is_some()).count();
    match sees.and_then(|sees| sees.clips()).and_then(|clips| clips.media_indices) {
        Some(places) if media > places => Err(Error::TooManyMedia { media, places }),
        _ => Ok(items),
    }
}

/// Texts and pictures in the order given, behind the token that begins a text where the tokenizer adds one.
pub(super) struct InOrder {
    /// The original tokenises each text between pictures by itself, so that each begins one. Otherwise a prompt is one text
    /// to it, its pictures written out in it.
    pub apart: bool,
    /// What goes before and behind every picture; see [`Compose::around`].
    pub around: [Vec<u32>; 2],
}

/// Items with what goes around each picture, where it is not there.
fn wrapped(items: Vec<Item>, [before, behind]: &[Vec<u32>; 2]) -> Vec<Item> {
    let seen = |item: &Item| item.views().is_some();
    let tokens = |item: Option<&Item>| match item {
        Some(Item::Tokens(ids)) => ids.clone(),
        _ => Vec::new(),
    };
    let is_there = |at: usize| {
        let (last, next) = (at.checked_sub(1).and_then(|at| items.get(at)), items.get(at + 1));
        tokens(last).ends_with(before) && tokens(next).starts_with(behind)
    };
    let bare: Vec<bool> = (0..items.len()).map(|at| !seen(&items[at]) || is_there(at)).collect();
    let tokens = |ids: &Vec<u32>| (!ids.is_empty()).then(|| Item::Tokens(ids.clone()));
    let with = |(item, bare): (Item, bool)| {
        let around = if bare { [None, None] } else { [tokens(before), tokens(behind)] };
        let [before, behind] = around;
        before.into_iter().chain([item]).chain(behind)
    };
    items.into_iter().zip(bare).flat_map(with).collect()
}

impl InOrder {
    /// As the file says; where it says nothing a prompt is one text.
    ///
    /// # Errors
    /// [`Error::Gguf`] for another type.
    pub fn read(file: &Arc<Gguf>) -> Result<Self, Error> {
        Ok(Self {
            apart: Header::new(file, "ocelli.prompt.").switch("texts_apart", false)?,
            around: Default::default(),
        })
    }
}

impl Compose for InOrder {
    fn around(&self) -> Option<&[Vec<u32>; 2]> {
        Some(&self.around)
    }

    fn compose(&self, given: &Given<'_>) -> Result<Vec<Item>, Error> {
        let Given { prompt, tokenizer, .. } = given;
        let mut items = Vec::new();
        if prompt.adds_special() && tokenizer.adds_bos() {
            items.extend(tokenizer.bos().map(|bos| Item::Tokens(vec![bos])));
        }
        let mut begins = prompt.begins();
        for piece in prompt.pieces() {
            items.extend(given.medium(piece)?);
            if let Piece::Text(text) = piece {
                let options = EncodeOptions { add_special: false, parse_special: true };
                items.push(Item::Tokens(tokenizer.encode_piece(text, options, begins)?));
                begins = false;
            } else {
                begins = self.apart;
            }
        }
        Ok(items)
    }
}

/// What ends a source: the token that the tokenizer puts behind texts stands behind all of it, pictures, texts and ids. Where
/// there is no text, the family has said what follows pictures, and ids stand as they are.
fn end(tokenizer: &Tokenizer, prompt: &Prompt) -> Option<Item> {
    let end = tokenizer.eos().filter(|_| tokenizer.adds_eos() && prompt.adds_special())?;
    let texts = prompt.is_empty() || prompt.pieces().iter().any(|piece| matches!(piece, Piece::Text(_)));
    let (pieces, given) = (prompt.pieces().len(), prompt.given().last());
    let ended = given.is_some_and(|(before, ids)| *before == pieces && ids.last() == Some(&end));
    (texts && !ended).then(|| Item::Tokens(vec![end]))
}

/// What a bridge that reads the prompt's text reads beside each of its pictures: all that the language model does, from the
/// first text to the last, token ids as the text they stand for. What is put around texts is not among it, nor are special
/// tokens among the ids; a picture between two texts parts their words.
///
/// # Errors
/// [`Error::InstructionTooLong`], and what the bridge's tokenizer refuses.
fn instruction(sees: Option<&dyn Sees>, tokenizer: &Tokenizer, prompt: &Prompt) -> Result<Instruction, Error> {
    let pieces = prompt.pieces();
    let shows = pieces.iter().any(|piece| !matches!(piece, Piece::Text(_)));
    let Some(reads) = sees.and_then(|sees| sees.reads()).filter(|_| shows) else { return Ok(Instruction::default()) };
    let mut text = Vec::new();
    let mut given = prompt.given().iter().peekable();
    for at in 0..=pieces.len() {
        while let Some((_, ids)) = given.next_if(|(before, _)| *before == at) {
            let said = ids.iter().filter(|&&id| tokenizer.kind(id).is_some() && !tokenizer.is_special(id));
            for &id in said {
                text.extend_from_slice(tokenizer.token_bytes(id)?);
            }
        }
        match pieces.get(at) {
            Some(Piece::Text(piece)) => text.extend_from_slice(piece.as_bytes()),
            Some(_) => text.push(b' '),
            None => {}
        }
    }
    reads.instruction(&String::from_utf8_lossy(&text))
}
