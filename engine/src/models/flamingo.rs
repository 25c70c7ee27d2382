//! Flamingo (Alayrac et al. 2022) as OpenFlamingo (Awadalla et al. 2023) and IDEFICS (Laurençon et al. 2023) built it.
//!
//! ```text
//! frames  -> ViT (no norm behind it) -> perceiver resampler -> keys and values of gated layers between the decoder's own
//! ```
//!
//! A picture is a video of one frame; either is one token in the text. What differs between the two builds (heads, norms,
//! activations, which decoder layers have a gated one before them, whether the class row is read, what `</s>` does, what
//! is learned of time) are keys of the file.

use super::{Clips, Family, decoder};
use crate::blocks::decoder::Decoder;
use crate::blocks::gated::{Gated, GatedConfig};
use crate::blocks::resampler::{Resampler, ResamplerConfig, ResamplerRows};
use crate::blocks::vit::{Vit, VitConfig, VitRows};
use crate::error::Error;
use crate::image::{Pixels, Preprocess};
use crate::kernels::{Exec, Layout, Rows};
use crate::prompt::{Item, Piece, Prompt};
use crate::tokenizer::{EncodeOptions, Tokenizer};
use crate::weights::Scope;
use crate::weights::header::Header;
use ocelli_quant::gguf::Gguf;
use std::sync::Arc;

struct Flamingo {
    preprocess: Preprocess,
    vit: Vit,
    /// Rows of the tower that the resampler does not read.
    skip: usize,
    resampler: Resampler,
    decoder: Decoder,
    marks: Marks,
}

/// How a prompt is put together.
struct Marks {
    /// Stands before and after every picture, once between two.
    edge: Option<u32>,
    /// Stands between two texts.
    text_break: Option<u32>,
    /// Texts lose the blanks at their ends.
    strip: bool,
}

pub(super) fn load(file: &Arc<Gguf>) -> Result<Box<dyn Family>, Error> {
    let scope = Scope::new(Arc::clone(file));
    let vision = VitConfig::read(&Header::new(file, "clip.vision."))?;
    let header = Header::new(file, "ocelli.resampler.");
    let latents = ResamplerConfig::read(&header)?;
    if latents.width != vision.width {
        return Err(header.bad("embedding_length", latents.width, format!("must be the tower's {}", vision.width)));
    }
    let drop_class = header.switch("drop_class", false)?;
    let vit = Vit::load(&scope.at("v"), vision)?;
    let skip = usize::from(drop_class && vit.has_class());

    let mut decoder = decoder(file)?;
    let c = &decoder.config;
    if c.embedding_width != c.width {
        return Err(Header::new(file, "opt.").bad(
            "embedding_projection_length",
            c.embedding_width,
            format!("must be the width {}", c.width),
        ));
    }
    let token = |prefix: &str, name: &str| -> Result<Option<u32>, Error> {
        let header = Header::new(file, prefix);
        if header.get(name).is_none() {
            return Ok(None);
        }
        Ok(u32::try_from(header.count(name, 0..=c.vocabulary - 1)?).ok())
    };
    let image = token("ocelli.", "image_token")?.ok_or_else(|| {
        Header::new(file, "ocelli.").bad("image_token", "missing", "the token that stands for a picture is needed")
    })?;
    let header = Header::new(file, "ocelli.cross_attention.");
    let gated = GatedConfig::read(&header, latents.latents, image)?;
    if gated.media_width != latents.width {
        let rule = format!("must be the resampler's {}", latents.width);
        return Err(header.bad("encoder_length", gated.media_width, rule));
    }
    let marks = Marks {
        edge: token("ocelli.prompt.", "image_edge")?,
        text_break: token("ocelli.prompt.", "text_break")?,
        strip: Header::new(file, "ocelli.prompt.").switch("strip_spaces", false)?,
    };
    decoder.gated = Some(Gated::load(&scope, gated, c.blocks, c.width)?);
    Ok(Box::new(Flamingo {
        preprocess: Preprocess::from_gguf(file, vit.config.side)?,
        resampler: Resampler::load(&scope.at("mm").at("resampler"), latents)?,
        skip,
        vit,
        decoder,
        marks,
    }))
}

impl Flamingo {
    /// Rows of a frame that the resampler reads.
    fn seen(&self) -> usize {
        self.vit.rows() - self.skip
    }

    /// The frames' rows lie behind one another, each one's class row on the last row of the frame before: frames are
    /// encoded last to first, so that it is overwritten, and what the resampler reads lies together in the end.
    fn rows(&self, layout: &mut Layout, frames: usize) -> (VitRows, ResamplerRows) {
        let seen = frames * self.seen();
        let tower = self.vit.layout_within(layout, self.skip + seen);
        let bridge = self.resampler.layout(layout, seen);
        (tower, bridge)
    }
}

impl Clips for Flamingo {
    fn frames(&self) -> usize {
        // Eight is what Flamingo was trained on.
        if self.resampler.config.frames > 0 { self.resampler.config.frames } else { 8 }
    }

    fn places(&self) -> Option<usize> {
        Some(self.resampler.config.media).filter(|&places| places > 0)
    }

    fn layout(&self, layout: &mut Layout, frames: usize) {
        self.rows(layout, frames);
    }

    fn tower(&self, exec: &mut Exec<'_>, pixels: &Pixels, number: usize, frames: usize) -> Result<(), Error> {
        let (all, _) = self.rows(&mut Layout::default(), frames);
        let own = all.x.slice(number * self.seen(), self.vit.rows());
        self.vit.encode(exec, &all.to(own), &pixels.data)
    }

    fn bridge(&self, exec: &mut Exec<'_>, frames: usize, place: usize, out: &mut Vec<f32>) -> Result<(), Error> {
        let (tower, bridge) = self.rows(&mut Layout::default(), frames);
        let media = tower.x.slice(self.skip, frames * self.seen());
        self.resampler.place(exec, media, frames, place)?;
        self.resampler.encode(exec, &bridge, media)?;
        out.resize(self.encoded_len(), 0.0);
        exec.read(bridge.x, out)
    }
}

impl Family for Flamingo {
    fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    fn preprocess(&self) -> Option<&Preprocess> {
        Some(&self.preprocess)
    }

    fn image_rows(&self) -> usize {
        1
    }

    fn encoded_len(&self) -> usize {
        self.resampler.config.latents * self.resampler.config.width
    }

    fn layout(&self, layout: &mut Layout) {
        self.rows(layout, 1);
    }

    fn tower(&self, exec: &mut Exec<'_>, pixels: &Pixels) -> Result<(), Error> {
        Clips::tower(self, exec, pixels, 0, 1)
    }

    fn bridge(&self, exec: &mut Exec<'_>, out: &mut Vec<f32>) -> Result<(), Error> {
        Clips::bridge(self, exec, 1, 0, out)
    }

    fn clips(&self) -> Option<&dyn Clips> {
        Some(self)
    }

    fn tower_rows(&self) -> Option<Rows> {
        Some(self.rows(&mut Layout::default(), 1).0.x)
    }

    fn compose(&self, prompt: &Prompt, tokenizer: &Tokenizer) -> Result<Vec<Item>, Error> {
        let marks = &self.marks;
        let own = prompt.adds_special();
        let mut items = Vec::new();
        let mut ids: Vec<u32> = Vec::new();
        // IDEFICS writes the begin token out, OpenFlamingo leaves it to the tokenizer.
        if own && (tokenizer.adds_bos() || marks.edge.is_some()) {
            ids.extend(tokenizer.bos());
        }
        let mut last = None;
        for piece in prompt.pieces() {
            let medium = match piece {
                Piece::Text(text) => {
                    let strip = own && marks.strip;
                    let text = if strip { text.trim_matches(' ') } else { text };
                    if own && matches!(last, Some(&Piece::Text(_))) {
                        ids.extend(marks.text_break);
                    }
                    // To the original a prompt is one text, its pictures and IDEFICS's begin token written out in it.
                    let begins = prompt.begins() && last.is_none() && !(own && marks.edge.is_some());
                    let options = EncodeOptions { add_special: false, parse_special: true };
                    ids.extend(tokenizer.encode_piece(text, options, begins)?);
                    None
                }
                Piece::Image(picture) => Some(Item::Image(Arc::clone(picture))),
                Piece::Video(video) => Some(Item::Video(Arc::clone(video))),
            };
            if let Some(medium) = medium {
                if matches!(last, None | Some(&Piece::Text(_))) {
                    ids.extend(marks.edge);
                }
                if !ids.is_empty() {
                    items.push(Item::Tokens(std::mem::take(&mut ids)));
                }
                items.push(medium);
                ids.extend(marks.edge);
            }
            last = Some(piece);
        }
        if !ids.is_empty() {
            items.push(Item::Tokens(ids));
        }
        Ok(items)
    }
}
