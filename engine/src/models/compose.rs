//! Prompts with token ids among their pieces. A family composes text and pictures; ids stand as they are, and parts of
//! the prompt on both sides of them are composed one by one, so that no family has to know.

use super::Family;
use crate::error::Error;
use crate::prompt::{Item, Prompt};
use crate::tokenizer::Tokenizer;

/// The items of a prompt, in order.
///
/// # Errors
/// What the family's [`Family::compose`] refuses, and [`Error::BadOption`] for an id that the model does not have.
pub(crate) fn compose(family: &dyn Family, tokenizer: &Tokenizer, prompt: &Prompt) -> Result<Vec<Item>, Error> {
    if prompt.given().is_empty() {
        return family.compose(prompt, tokenizer);
    }
    let vocabulary = family.decoder().config.vocabulary;
    let mut items = Vec::new();
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
            items.extend(family.compose(&prompt.part(at..*before, complete, behind), tokenizer)?);
        }
        items.push(Item::Tokens(ids.clone()));
        at = *before;
    }
    if prompt.pieces().len() > at {
        items.extend(family.compose(&prompt.part(at..prompt.pieces().len(), true, true), tokenizer)?);
    }
    Ok(items)
}
