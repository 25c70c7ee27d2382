//! A language model by itself: every file of a known architecture that names no family, existing text models among them.

use super::{Family, decoder};
use crate::blocks::decoder::Decoder;
use crate::error::Error;
use crate::image::{Pixels, Preprocess};
use crate::kernels::{Exec, Layout, Rows};
use crate::prompt::{Item, Piece, Prompt};
use crate::tokenizer::{EncodeOptions, Tokenizer};
use ocelli_quant::gguf::Gguf;
use std::sync::Arc;

struct Text {
    decoder: Decoder,
}

pub(super) fn load(file: &Arc<Gguf>) -> Result<Box<dyn Family>, Error> {
    Ok(Box::new(Text { decoder: decoder(file)? }))
}

impl Family for Text {
    fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    fn preprocess(&self) -> Option<&Preprocess> {
        None
    }

    fn image_rows(&self) -> usize {
        0
    }

    fn layout(&self, _: &mut Layout) {}

    fn tower(&self, _: &mut Exec<'_>, _: &Pixels) -> Result<(), Error> {
        Err(Error::NoVision { images: 1 })
    }

    fn bridge(&self, _: &mut Exec<'_>, _: &mut Vec<f32>) -> Result<(), Error> {
        Err(Error::NoVision { images: 1 })
    }

    fn tower_rows(&self) -> Option<Rows> {
        None
    }

    /// The texts as one, with what the tokenizer adds. No text at all is the begin token, so that a text can be scored
    /// from its first token on.
    fn compose(&self, prompt: &Prompt, tokenizer: &Tokenizer) -> Result<Vec<Item>, Error> {
        let mut whole = String::new();
        for piece in prompt.pieces() {
            match piece {
                Piece::Text(text) => whole.push_str(text),
                Piece::Image(_) => {
                    let image = |p: &&Piece| matches!(p, Piece::Image(_));
                    return Err(Error::NoVision { images: prompt.pieces().iter().filter(image).count() });
                }
                Piece::Video(_) => {
                    let video = |p: &&Piece| matches!(p, Piece::Video(_));
                    return Err(Error::NoVideo { videos: prompt.pieces().iter().filter(video).count() });
                }
            }
        }
        let options = EncodeOptions { add_special: prompt.adds_special(), parse_special: true };
        let mut ids = tokenizer.encode_piece(&whole, options, prompt.begins())?;
        if ids.is_empty() {
            ids.extend(tokenizer.bos());
        }
        Ok(vec![Item::Tokens(ids)])
    }
}
