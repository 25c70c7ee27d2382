//! Prompts with token ids among their pieces. A family composes text and pictures; ids stand as they are, and parts of
//! the prompt on both sides of them are composed one by one, so that no family has to know.

use super::{Family, Given};
use crate::error::Error;
use crate::prompt::{Item, Prompt};
use crate::tokenizer::Tokenizer;

/// The items of a prompt, in order.
///
/// # Errors
/// What the family's [`super::Compose`] refuses, [`Error::BadOption`] for an id that the model does not have, and
/// [`Error::TooManyMedia`].
pub(crate) fn compose(family: &Family, tokenizer: &Tokenizer, prompt: &Prompt) -> Result<Vec<Item>, Error> {
    let speaks = family.speaks()?;
    let sees = family.sees.as_deref();
    let part = |prompt: &Prompt| speaks.compose.compose(&Given { prompt, tokenizer, sees });
    let mut items = Vec::new();
    if prompt.given().is_empty() {
        items = part(prompt)?;
    } else {
        let vocabulary = speaks.decoder.config.vocabulary;
        let mut at = 0;
        for (before, ids) in prompt.given() {
            if let Some(id) = ids.iter().find(|&&id| id as usize >= vocabulary) {
                return Err(Error::BadOption {
                    name: "token ids",
                    got: id.to_string(),
                    rule: "below the rows of the embedding table",
                });
            }
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
    let media = items.iter().filter(|item| item.views().is_some()).count();
    match sees.and_then(|sees| sees.clips()).and_then(|clips| clips.media_indices) {
        Some(places) if media > places => Err(Error::TooManyMedia { media, places }),
        _ => Ok(items),
    }
}
