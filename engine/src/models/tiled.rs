//! What families share that cut pictures into tiles of their tower's size and put neighbouring rows of a tile side by side
//! (Idefics3's pixel shuffle), and the tokens that stand around pictures.
//!
//! The non-obvious thing: only a picture that is stretched to its tiles can be cut into them, so files that fit pictures otherwise are
//! refused here, not where one is cut.

use crate::blocks::vit::{VitConfig, squares};
use crate::error::Error;
use crate::image::{Fit, Preprocess};
use crate::weights::header::{self, Header};
use crate::weights::{most_rows, token};
use ocelli_quant::gguf::Gguf;
use std::sync::Arc;

/// Rows of a tile, each of s x s neighbouring patches side by side.
pub(super) struct Joined {
    /// For each row the patches in it, line by line, from 0.
    pub neighbours: Vec<u32>,
    /// Rows of a tile.
    pub rows: usize,
    /// Numbers of a row.
    pub width: usize,
}

impl Joined {
    /// Of a tower; s is llama.cpp's `projector.scale_factor`, `usual` where a file may leave it out.
    ///
    /// # Errors
    /// [`Error::BadParameter`] for one that does not divide the patches of a side, or makes rows too wide.
    pub fn read(vision: &Header, config: &VitConfig, usual: Option<usize>) -> Result<Self, Error> {
        const KEY: &str = "projector.scale_factor";
        let across = config.side / config.patch;
        let scale = match usual {
            Some(usual) => vision.count_or(KEY, 1..=across, usual.min(across))?,
            None => vision.count(KEY, 1..=across)?,
        };
        if !across.is_multiple_of(scale) {
            return Err(vision.bad(KEY, scale, format!("must divide the {across} patches of a side")));
        }
        let width = config.width * scale * scale;
        if !header::WIDTH.contains(&width) {
            return Err(vision.bad(KEY, scale, format!("makes rows {width} wide, at most {}", header::WIDTH.end())));
        }
        Ok(Self { neighbours: squares(across, scale), rows: (across / scale).pow(2), width })
    }
}

/// How pictures are prepared that are cut into tiles of `side`.
///
/// # Errors
/// [`Error::BadParameter`] where they are fitted otherwise than by stretching, or not resized.
pub(super) fn preprocess(file: &Arc<Gguf>, side: usize) -> Result<Preprocess, Error> {
    const RULE: [&str; 2] =
        ["must be square: pictures are cut into tiles", "must be true: pictures are cut into tiles"];
    let preprocess = Preprocess::from_gguf(file, side)?;
    let image = Header::new(file, "ocelli.image.");
    if preprocess.fit != Fit::Stretch {
        return Err(image.bad("resize", image.text("resize")?, RULE[0]));
    }
    if !preprocess.do_resize {
        return Err(image.bad("do_resize", false, RULE[1]));
    }
    Ok(preprocess)
}

/// Tiles with the whole among them that a picture may become, of `rows` each, where the file, or whoever opens it, says how many
/// rows it may become at most.
///
/// # Errors
/// [`Error::BadParameter`] for fewer than the whole has.
pub(super) fn most_shown(file: &Arc<Gguf>, rows: usize) -> Result<Option<u32>, Error> {
    let Some(most) = most_rows(file)? else { return Ok(None) };
    if most < rows {
        let rule = format!("a picture has at least {rows} rows, those of its whole");
        return Err(Header::new(file, "ocelli.image.").bad("max_rows", most, rule));
    }
    Ok(Some(u32::try_from(most / rows).unwrap_or(u32::MAX)))
}

/// Ids of the tokens before and behind a picture.
///
/// # Errors
/// [`Error::BadParameter`] where the vocabulary lacks one.
pub(super) fn around(file: &Arc<Gguf>, texts: [&str; 2]) -> Result<[u32; 2], Error> {
    let id = |text: &str| {
        token(file, text).ok_or_else(|| {
            let rule = format!("must have '{text}', which stands around a picture");
            Header::new(file, "tokenizer.ggml.").bad("tokens", "without it", rule)
        })
    };
    Ok([id(texts[0])?, id(texts[1])?])
}
