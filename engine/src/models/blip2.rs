//! BLIP-2 (Li et al. 2023) with a decoder-only language model.
//!
//! ```text
//! picture -> ViT (all rows, normed) -> Q-Former (learned queries) -> linear -> rows in the prompt's place
//! ```
//!
//! The language model sees the leading pictures' rows, then its begin token, then the text: the begin token comes
//! after the pictures, not before them.

use super::{Family, decoder};
use crate::blocks::decoder::Decoder;
use crate::blocks::qformer::{QFormer, QFormerConfig, QFormerRows};
use crate::blocks::vit::{Vit, VitConfig, VitRows};
use crate::error::Error;
use crate::image::{Pixels, Preprocess};
use crate::kernels::{Exec, Layout, Product, Rows};
use crate::prompt::{Item, Piece, Prompt};
use crate::tokenizer::{EncodeOptions, Tokenizer};
use crate::weights::header::Header;
use crate::weights::{Linear, Scope};
use ocelli_quant::gguf::Gguf;
use std::sync::Arc;

struct Blip2 {
    preprocess: Preprocess,
    vit: Vit,
    qformer: QFormer,
    projector: Linear,
    decoder: Decoder,
    /// Follows pictures without a text where the tokenizer begins texts with nothing.
    begin: Option<u32>,
}

pub(super) fn load(file: &Arc<Gguf>) -> Result<Box<dyn Family>, Error> {
    let scope = Scope::new(Arc::clone(file));
    let vision = VitConfig::read(&Header::new(file, "clip.vision."))?;
    let header = Header::new(file, "ocelli.qformer.");
    let queries = QFormerConfig::read(&header)?;
    if queries.image_width != vision.width {
        return Err(header.bad("encoder_length", queries.image_width, format!("must be the tower's {}", vision.width)));
    }
    let mm = scope.at("mm");
    let decoder = decoder(file)?;
    let (width, narrow) = (decoder.config.width, decoder.config.embedding_width);
    if narrow > width {
        let rule = format!("must be at most the width {width}");
        return Err(Header::new(file, "opt.").bad("embedding_projection_length", narrow, rule));
    }
    let generation = Header::new(file, "ocelli.generation.");
    let begin = match file.u32("ocelli.generation.bos_id")? {
        Some(id) if id as usize >= decoder.config.vocabulary => {
            return Err(generation.bad(
                "bos_id",
                id,
                format!("must be below the vocabulary's {}", decoder.config.vocabulary),
            ));
        }
        id => id,
    };
    Ok(Box::new(Blip2 {
        begin,
        preprocess: Preprocess::from_gguf(file, vision.side)?,
        projector: mm.linear("projector", queries.width, decoder.config.width)?,
        vit: Vit::load(&scope.at("v"), vision)?,
        qformer: QFormer::load(&mm, queries)?,
        decoder,
    }))
}

impl Blip2 {
    fn rows(&self, layout: &mut Layout) -> (VitRows, QFormerRows, Rows) {
        let tower = self.vit.layout(layout);
        let bridge = self.qformer.layout(layout, self.vit.rows());
        let out = layout.rows(self.qformer.config.queries, self.projector.outputs());
        (tower, bridge, out)
    }
}

impl Family for Blip2 {
    fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    fn preprocess(&self) -> Option<&Preprocess> {
        Some(&self.preprocess)
    }

    fn image_rows(&self) -> usize {
        self.qformer.config.queries
    }

    fn layout(&self, layout: &mut Layout) {
        self.rows(layout);
    }

    fn tower(&self, exec: &mut Exec<'_>, pixels: &Pixels) -> Result<(), Error> {
        let (tower, ..) = self.rows(&mut Layout::default());
        self.vit.encode(exec, &tower, &pixels.data)
    }

    fn bridge(&self, exec: &mut Exec<'_>, out: &mut Vec<f32>) -> Result<(), Error> {
        let (tower, bridge, result) = self.rows(&mut Layout::default());
        self.qformer.encode(exec, &bridge, tower.x)?;
        exec.matmul(bridge.x, None, &[Product::new(&self.projector, result)])?;
        out.resize(result.rows() * result.width(), 0.0);
        exec.read(result, out)?;
        // With a narrower embedding table the original copies as many numbers as fit its rows, flattened; so do we.
        out.truncate(result.rows() * self.decoder.config.embedding_width);
        Ok(())
    }

    fn tower_rows(&self) -> Option<Rows> {
        Some(self.rows(&mut Layout::default()).0.x)
    }

    fn compose(&self, prompt: &Prompt, tokenizer: &Tokenizer) -> Result<Vec<Item>, Error> {
        let mut items = Vec::new();
        let mut begun = false;
        for piece in prompt.pieces() {
            match piece {
                Piece::Image(picture) => items.push(Item::Image(Arc::clone(picture))),
                Piece::Video(video) => items.push(Item::Video(Arc::clone(video))),
                Piece::Text(text) => {
                    let options = EncodeOptions { add_special: !begun && prompt.adds_special(), parse_special: true };
                    items.push(Item::Tokens(tokenizer.encode_piece(text, options, !begun && prompt.begins())?));
                    begun = true;
                }
            }
        }
        // Pictures alone are followed by what an empty text gives, or else by the language model's own begin token.
        let begin = if tokenizer.adds_bos() { tokenizer.bos() } else { self.begin.or(tokenizer.bos()) };
        if let (false, true, Some(begin)) = (begun, prompt.adds_special(), begin) {
            items.push(Item::Tokens(vec![begin]));
        }
        Ok(items)
    }
}
