//! InstructBLIP (Dai et al. 2023): BLIP-2 whose Q-Former reads the prompt's text beside its queries.
//!
//! ```text
//! picture -> ViT -> Q-Former (learned queries beside the text's words) -> the queries' rows -> linear -> rows before the text
//! ```
//!
//! The Q-Former has a vocabulary of its own, so the file has two tokenizers. Each of several pictures, and each frame of a
//! video, is seen by itself beside the same text; their rows stand one behind the other.
//!
//! The non-obvious thing: a picture's rows are not the picture's alone. Whoever keeps them keeps them by the picture and
//! the text; what the tower made of the picture serves every text. Of a long text the end counts: a file may say that its
//! beginning is cut off.

use super::blip2::{Asked, sizes, whole};
use super::{Clips, Family, Reads};
use crate::error::Error;
use crate::tokenizer::{KeySet, Tokenizer};
use crate::weights::header::{self, Header};
use ocelli_quant::gguf::Gguf;
use std::sync::Arc;

/// Frames of a video where the file says nothing: what the original's processor takes.
const FRAMES: usize = 4;

pub(super) fn load(file: &Arc<Gguf>) -> Result<Family, Error> {
    let header = Header::new(file, "ocelli.qformer.");
    let (_, queries) = sizes(file)?;
    let text = queries.text(&header)?;
    let tokenizer = Tokenizer::from_gguf_at(file, KeySet::QFormer)?;
    let tokens = tokenizer.vocab_size();
    if tokens > text.vocabulary {
        return Err(Error::BadParameter {
            key: "tokenizer.qformer.tokens".to_owned(),
            got: format!("{tokens} tokens"),
            rule: format!("at most the {} rows of the Q-Former's word table", text.vocabulary),
        });
    }
    let frames = header.count_or("frame_count", 1..=*header::ROWS.end(), FRAMES)?;
    // What stands around texts stays.
    let cut = header.count_or("truncation_length", 2..=*header::CONTEXT.end(), 0)?;
    let reads = Reads { tokenizer, longest: text.context, cut: Some(cut).filter(|cut| *cut > 0) };
    whole(file, Some(Asked { reads, clips: Clips { frames, media_indices: None, apart: true } }))
}
