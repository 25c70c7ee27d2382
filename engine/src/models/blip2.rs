//! BLIP-2 (Li et al. 2023) with a decoder-only language model, or with one whose encoder reads the prompt (Flan-T5).
//!
//! ```text
//! picture -> ViT (all rows, normed) -> Q-Former (learned queries) -> linear -> rows in the prompt's place
//! ```
//!
//! The language model sees the leading pictures' rows, then its begin token, then the text: the begin token comes
//! after the pictures, not before them. An encoder's source is the rows, the text, and what ends a text; where there is no
//! text, the begin token, which Flan-T5's checkpoints give the same number.

use super::{Clips, Compose, Encoder, Family, Given, Join, Reads, Sees, Showing, Speaks, first_stage, language};
use crate::blocks::qformer::{QFormer, QFormerConfig, QFormerRows};
use crate::blocks::vit::{Vit, VitConfig, VitRows};
use crate::error::Error;
use crate::image::{Pixels, Preprocess, Views};
use crate::kernels::{Exec, Layout, Product, Rows};
use crate::prompt::{Item, Piece};
use crate::weights::header::Header;
use crate::weights::{Linear, Scope};
use ocelli_quant::gguf::Gguf;
use std::sync::Arc;

struct Eyes {
    preprocess: Preprocess,
    vit: Vit,
    qformer: QFormer,
    projector: Linear,
    /// Numbers of a row in the place of an embedding.
    width: usize,
    asked: Option<Asked>,
}

/// What the Q-Former reads beside pictures where it reads anything: InstructBLIP's.
pub(super) struct Asked {
    pub(super) reads: Reads,
    pub(super) clips: Clips,
}

pub(super) fn load(file: &Arc<Gguf>) -> Result<Family, Error> {
    if file.str("general.architecture")? == Some(first_stage::ARCHITECTURE) {
        return first_stage::load(file);
    }
    whole(file, None)
}

/// The parts, with a Q-Former that reads the prompt's text or does not.
pub(super) fn whole(file: &Arc<Gguf>, asked: Option<Asked>) -> Result<Family, Error> {
    let scope = Scope::new(Arc::clone(file));
    let (vision, queries) = sizes(file)?;
    let mm = scope.at("mm");
    let (header, decoder) = language(file)?;
    let (width, narrow) = (decoder.config.width, decoder.config.embedding_width);
    if narrow > width {
        return Err(header.bad("embedding_projection_length", narrow, format!("must be at most the width {width}")));
    }
    let begin = match file.u32("ocelli.generation.bos_id")? {
        Some(id) if id as usize >= decoder.config.vocabulary => {
            let rule = format!("must be below the vocabulary's {}", decoder.config.vocabulary);
            return Err(Header::new(file, "ocelli.generation.").bad("bos_id", id, rule));
        }
        id => id,
    };
    let eyes = Eyes {
        preprocess: Preprocess::from_gguf(file, vision.side)?,
        projector: mm.linear("projector", queries.width, width)?,
        vit: Vit::load(&scope.at("v"), vision)?,
        qformer: QFormer::load(&mm, queries)?,
        width: narrow,
        asked,
    };
    let speaks = Speaks { decoder, join: Join::Splice, compose: Box::new(Order { begin }) };
    Ok(Family { sees: Some(Arc::new(eyes)), speaks: Some(speaks) })
}

/// Those of the tower and of the Q-Former, which fit one another.
pub(super) fn sizes(file: &Arc<Gguf>) -> Result<(VitConfig, QFormerConfig), Error> {
    let vision = VitConfig::read(&Header::new(file, "clip.vision."))?;
    let header = Header::new(file, "ocelli.qformer.");
    let queries = QFormerConfig::read(&header)?;
    if queries.image_width != vision.width {
        return Err(header.bad("encoder_length", queries.image_width, format!("must be the tower's {}", vision.width)));
    }
    Ok((vision, queries))
}

impl Sees for Eyes {
    fn preprocess(&self) -> &Preprocess {
        &self.preprocess
    }

    fn views(&self, _: u32, _: u32) -> Views {
        self.preprocess.views(self.qformer.config.queries)
    }

    fn width(&self) -> usize {
        self.width
    }

    fn clips(&self) -> Option<Clips> {
        self.asked.as_ref().map(|asked| asked.clips)
    }

    fn reads(&self) -> Option<&Reads> {
        self.asked.as_ref().map(|asked| &asked.reads)
    }

    /// Where a text is read beside the picture, what the tower made of it serves other texts.
    fn kept(&self, views: Views) -> usize {
        let tower = if self.asked.is_some() { self.vit.rows() * self.vit.config.width } else { 0 };
        views.rows * self.width() + tower
    }

    fn layout(self: Arc<Self>, layout: &mut Layout, _: usize) -> Box<dyn Encoder> {
        let tower = self.vit.layout(layout);
        let bridge = self.qformer.layout(layout, self.vit.rows());
        let result = layout.rows(self.qformer.config.queries, self.projector.outputs());
        Box::new(Laid { eyes: self, tower, bridge, result })
    }
}

/// The eyes with their activations.
struct Laid {
    eyes: Arc<Eyes>,
    tower: VitRows,
    bridge: QFormerRows,
    result: Rows,
}

impl Encoder for Laid {
    fn tower(&self, exec: &mut Exec<'_>, pixels: &Pixels, _: usize, _: &Showing) -> Result<(), Error> {
        self.eyes.vit.encode(exec, &self.tower, pixels)
    }

    fn bridge(&self, exec: &mut Exec<'_>, showing: &Showing, out: &mut Vec<f32>) -> Result<(), Error> {
        let Self { eyes, tower, bridge, result } = self;
        let text = [&*showing.instruction];
        let texts = if eyes.asked.is_some() { &text[..] } else { &[] };
        let x = eyes.qformer.encode(exec, bridge, Some(tower.x), texts)?.first(result.rows());
        exec.matmul(x, None, &[Product::new(&eyes.projector, *result)])?;
        out.resize(result.rows() * result.width(), 0.0);
        exec.read(*result, out)?;
        // With a narrower embedding table the original copies as many numbers as fit its rows, flattened; so do we.
        out.truncate(result.rows() * eyes.width);
        Ok(())
    }

    fn tower_rows(&self, _: Views) -> Rows {
        self.tower.x
    }
}

struct Order {
    /// Follows pictures without a text where the tokenizer begins texts with nothing.
    begin: Option<u32>,
}

impl Compose for Order {
    fn compose(&self, given: &Given<'_>) -> Result<Vec<Item>, Error> {
        let Given { prompt, tokenizer, .. } = given;
        let mut items = Vec::new();
        let mut begun = false;
        for piece in prompt.pieces() {
            items.extend(given.medium(piece)?);
            if let Piece::Text(text) = piece {
                let special = !begun && prompt.adds_special();
                items.push(Item::Tokens(given.text(text, special, !begun && prompt.begins())?));
                begun = true;
            }
        }
        let end = tokenizer.eos().filter(|_| given.reads_whole);
        // Pictures alone are followed by what an empty text gives, or else by the language model's own begin token.
        let begin = if tokenizer.adds_bos() { tokenizer.bos() } else { self.begin.or(tokenizer.bos()).or(end) };
        if let (false, true, Some(begin)) = (begun, prompt.adds_special(), begin) {
            items.push(Item::Tokens(vec![begin]));
        }
        Ok(items)
    }
}
