//! What a chat's prompt is to the language model. Tests include this file.

use ocelli_engine::{Piece, Prompt};

/// The prompt's token ids, with `image` for each picture.
pub fn ids(prompt: &Prompt, image: u32) -> Vec<u32> {
    assert!(!prompt.adds_special());
    let mut all = Vec::new();
    let mut given = prompt.given().iter().peekable();
    for at in 0..=prompt.pieces().len() {
        while let Some((_, ids)) = given.next_if(|(before, _)| *before == at) {
            all.extend(ids);
        }
        match prompt.pieces().get(at) {
            Some(Piece::Image(_)) => all.push(image),
            Some(other) => panic!("{other:?}"),
            None => {}
        }
    }
    all
}
