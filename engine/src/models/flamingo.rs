//! Flamingo (Alayrac et al. 2022) as OpenFlamingo (Awadalla et al. 2023) and IDEFICS (Laurençon et al. 2023) built it.
//!
//! ```text
//! frames  -> ViT (no norm behind it) -> perceiver resampler -> keys and values of gated layers between the decoder's own
//! ```
//!
//! A picture is a video of one frame; either is one token in the text. What differs between the two builds (heads, norms,
//! activations, which decoder layers have a gated one before them, whether the class row is read, what `</s>` does, what
//! is learned of time) are keys of the file.

use super::{Clips, Compose, Encoder, Family, Given, Join, Sees, Showing, Speaks, decoder_only};
use crate::blocks::gated::{Gated, GatedConfig};
use crate::blocks::resampler::{Resampler, ResamplerConfig, ResamplerRows};
use crate::blocks::vit::{Vit, VitConfig, VitRows};
use crate::error::Error;
use crate::image::{Pixels, Preprocess, Views};
use crate::kernels::{Exec, Layout, Rows};
use crate::prompt::{Item, Piece};
use crate::tokenizer::EncodeOptions;
use crate::weights::Scope;
use crate::weights::header::Header;
use ocelli_quant::gguf::Gguf;
use std::sync::Arc;

struct Eyes {
    preprocess: Preprocess,
    vit: Vit,
    /// Rows of the tower that the resampler does not read.
    skip: usize,
    resampler: Resampler,
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

pub(super) fn load(file: &Arc<Gguf>) -> Result<Family, Error> {
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

    let (header, decoder) = decoder_only(file)?;
    let c = &decoder.config;
    if c.embedding_width != c.width {
        let rule = format!("must be the width {}", c.width);
        return Err(header.bad("embedding_projection_length", c.embedding_width, rule));
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
    let eyes = Eyes {
        preprocess: Preprocess::from_gguf(file, vit.config.side)?,
        resampler: Resampler::load(&scope.at("mm").at("resampler"), latents)?,
        skip,
        vit,
    };
    let gated = Gated::load(&scope, gated, c.blocks, c.width)?;
    let speaks = Speaks { join: Join::Gate(gated), compose: Box::new(marks), decoder };
    Ok(Family { sees: Some(Arc::new(eyes)), speaks: Some(speaks) })
}

impl Eyes {
    /// Rows of a frame that the resampler reads.
    fn seen(&self) -> usize {
        self.vit.rows() - self.skip
    }
}

impl Sees for Eyes {
    fn preprocess(&self) -> &Preprocess {
        &self.preprocess
    }

    fn views(&self, _: u32, _: u32) -> Views {
        let size = (self.preprocess.width, self.preprocess.height);
        Views { size, tile: None, tiles: 1, rows: self.resampler.config.latents, positions: 1, grid: None }
    }

    fn width(&self) -> usize {
        self.resampler.config.width
    }

    fn clips(&self) -> Option<Clips> {
        let c = &self.resampler.config;
        // Eight is what Flamingo was trained on.
        let frames = if c.frames > 0 { c.frames } else { 8 };
        Some(Clips { frames, media_indices: Some(c.media).filter(|&indices| indices > 0), apart: false })
    }

    /// The frames' rows lie behind one another, each one's class row on the last row of the frame before: frames are
    /// encoded last to first, so that it is overwritten, and what the resampler reads lies together in the end.
    fn layout(self: Arc<Self>, layout: &mut Layout, frames: usize) -> Box<dyn Encoder> {
        let seen = frames * self.seen();
        let tower = self.vit.layout_within(layout, self.skip + seen);
        let bridge = self.resampler.layout(layout, seen);
        Box::new(Laid { eyes: self, tower, bridge })
    }
}

/// The eyes with their activations.
struct Laid {
    eyes: Arc<Eyes>,
    tower: VitRows,
    bridge: ResamplerRows,
}

impl Encoder for Laid {
    fn tower(&self, exec: &mut Exec<'_>, pixels: &Pixels, number: usize, _: &Showing) -> Result<(), Error> {
        let own = self.tower.x.slice(number * self.eyes.seen(), self.eyes.vit.rows());
        self.eyes.vit.encode(exec, &self.tower.to(own), pixels)
    }

    fn bridge(&self, exec: &mut Exec<'_>, showing: &Showing, out: &mut Vec<f32>) -> Result<(), Error> {
        let Self { eyes, tower, bridge } = self;
        let Showing { frames, media_index, .. } = *showing;
        let media = tower.x.slice(eyes.skip, frames * eyes.seen());
        eyes.resampler.add_positions(exec, media, frames, media_index)?;
        eyes.resampler.encode(exec, bridge, media)?;
        out.resize(bridge.x.rows() * bridge.x.width(), 0.0);
        exec.read(bridge.x, out)
    }

    fn tower_rows(&self, _: Views) -> Rows {
        self.tower.x.first(self.eyes.vit.rows())
    }
}

impl Compose for Marks {
    fn compose(&self, given: &Given<'_>) -> Result<Vec<Item>, Error> {
        let Given { prompt, tokenizer, .. } = given;
        let marks = self;
        let own = prompt.adds_special();
        let mut items = Vec::new();
        let mut ids: Vec<u32> = Vec::new();
        // IDEFICS writes the begin token out, OpenFlamingo leaves it to the tokenizer.
        if own && (tokenizer.adds_bos() || marks.edge.is_some()) {
            ids.extend(tokenizer.bos());
        }
        let mut last = None;
        for piece in prompt.pieces() {
            if let Piece::Text(text) = piece {
                let strip = own && marks.strip;
                let text = if strip { text.trim_matches(' ') } else { text };
                if own && matches!(last, Some(&Piece::Text(_))) {
                    ids.extend(marks.text_break);
                }
                // To the original a prompt is one text, its pictures and IDEFICS's begin token written out in it.
                let begins = prompt.begins() && last.is_none() && !(own && marks.edge.is_some());
                let options = EncodeOptions { add_special: false, parse_special: true };
                ids.extend(tokenizer.encode_piece(text, options, begins)?);
            }
            for medium in given.medium(piece)? {
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
