//! Gemma 3 with pictures (Gemma Team 2025):
//!
//! ```text
//! SigLIP's ViT (all rows, normed) -> mean of s x s neighbours -> RMS norm -> linear -> rows
//! ```
//!
//! The non-obvious thing: a picture's rows see one another both ways in the language model, as one thing that is seen at
//! once, while texts see what is before them. And what stands around them is text to the tokenizer: its line ends become
//! tokens together with those of the texts beside it, so that a prompt is tokenised with them.

use super::{Compose, Encoder, Family, Given, Join, Sees, Showing, Speaks, decoder_only};
use crate::blocks::vit::{Vit, VitConfig, VitRows, squares};
use crate::error::Error;
use crate::image::{Fit, Pixels, Preprocess, Views};
use crate::kernels::{Exec, Gathered, Layout, Product, Rows};
use crate::prompt::{Item, Piece};
use crate::tokenizer::EncodeOptions;
use crate::weights::header::Header;
use crate::weights::{Linear, Norm, NormKind, Scope};
use ocelli_quant::gguf::Gguf;
use std::sync::Arc;

struct Eyes {
    preprocess: Preprocess,
    vit: Vit,
    /// For each row that stands in the prompt the patches it is the mean of.
    pooled: Vec<u32>,
    rows: usize,
    norm: Norm,
    projector: Linear,
}

pub(super) fn load(file: &Arc<Gguf>) -> Result<Family, Error> {
    let scope = Scope::new(Arc::clone(file));
    let vision = Header::new(file, "clip.vision.");
    let config = VitConfig::read(&vision)?;
    let across = config.side / config.patch;
    // llama.cpp's files leave the released models' out.
    let scale = vision.count_or("projector.scale_factor", 1..=across, 4)?;
    if scale > across {
        let rule = format!("must be at most the {across} patches of a side");
        return Err(vision.bad("projector.scale_factor", scale, rule));
    }
    let (_, decoder) = decoder_only(file)?;
    let preprocess = Preprocess::from_gguf(file, config.side)?;
    let image = Header::new(file, "ocelli.image.");
    if preprocess.fit != Fit::Stretch {
        return Err(image.bad("resize", image.text("resize")?, "must be square, as the tower's pictures are"));
    }
    let tokens = file.strings("tokenizer.ggml.tokens")?;
    for token in ["<start_of_image>", "<end_of_image>"] {
        if !tokens.is_some_and(|tokens| tokens.iter().any(|known| known == token)) {
            let rule = format!("must have '{token}', which stands around a picture");
            return Err(Header::new(file, "tokenizer.ggml.").bad("tokens", "without it", rule));
        }
    }
    let rows = (across / scale).pow(2);
    if rows > decoder.config.context {
        let rule = format!("makes {rows} rows of a picture, the language model has {}", decoder.config.context);
        return Err(vision.bad("projector.scale_factor", scale, rule));
    }
    let bridge = scope.at("mm");
    let eyes = Eyes {
        preprocess,
        pooled: squares(across, scale),
        rows,
        norm: bridge.norm("soft_emb_norm", NormKind::Rms, config.width, config.eps)?,
        projector: bridge.columns("input_projection", config.width, decoder.config.embedding_width)?,
        vit: Vit::load(&scope.at("v"), config)?,
    };
    let speaks = Speaks { decoder, join: Join::Splice, compose: Box::new(AsOneText) };
    Ok(Family { sees: Some(Arc::new(eyes)), speaks: Some(speaks) })
}

impl Sees for Eyes {
    fn preprocess(&self) -> &Preprocess {
        &self.preprocess
    }

    fn views(&self, _: u32, _: u32) -> Views {
        self.preprocess.views(self.rows)
    }

    fn two_way(&self) -> bool {
        true
    }

    fn own_bytes(&self) -> usize {
        self.projector.own_bytes()
    }

    fn width(&self) -> usize {
        self.projector.outputs()
    }

    fn layout(self: Arc<Self>, layout: &mut Layout, _: usize) -> Box<dyn Encoder> {
        let tower = self.vit.layout(layout);
        layout.input(self.rows, self.projector.inputs());
        let pooled = layout.rows(self.rows, self.projector.inputs());
        let result = layout.rows(self.rows, self.projector.outputs());
        Box::new(Laid { eyes: self, tower, pooled, result })
    }
}

/// The eyes with their activations.
struct Laid {
    eyes: Arc<Eyes>,
    tower: VitRows,
    pooled: Rows,
    result: Rows,
}

impl Encoder for Laid {
    fn tower(&self, exec: &mut Exec<'_>, pixels: &Pixels, _: usize, _: &Showing) -> Result<(), Error> {
        self.eyes.vit.encode(exec, &self.tower, pixels)
    }

    fn bridge(&self, exec: &mut Exec<'_>, _: &Showing, out: &mut Vec<f32>) -> Result<(), Error> {
        let Self { eyes, tower, pooled, result } = self;
        exec.gather_rows(tower.x, &eyes.pooled, Gathered::Mean, None, *pooled)?;
        exec.matmul(*pooled, Some(&eyes.norm), &[Product::new(&eyes.projector, *result)])?;
        out.resize(result.rows() * result.width(), 0.0);
        exec.read(*result, out)
    }

    fn tower_rows(&self, _: Views) -> Rows {
        self.tower.x
    }
}

/// Texts and pictures in the order given, what stands around a picture being part of the texts beside it.
struct AsOneText;

impl Compose for AsOneText {
    fn compose(&self, given: &Given<'_>) -> Result<Vec<Item>, Error> {
        let Given { prompt, tokenizer, .. } = given;
        let mut items = Vec::new();
        if prompt.adds_special() && tokenizer.adds_bos() {
            items.extend(tokenizer.bos().map(|bos| Item::Tokens(vec![bos])));
        }
        let none = [String::new(), String::new()];
        let [before, behind] = if prompt.is_surrounded() { &none } else { &tokenizer.image_place().around };
        let options = EncodeOptions { add_special: false, parse_special: true };
        let mut begins = prompt.begins();
        let mut text = String::new();
        let mut encode = |text: &mut String, items: &mut Vec<Item>| -> Result<(), Error> {
            if !text.is_empty() {
                items.push(Item::Tokens(tokenizer.encode_piece(text, options, begins)?));
                begins = false;
                text.clear();
            }
            Ok(())
        };
        let mut pieces = prompt.pieces().iter().peekable();
        while let Some(piece) = pieces.next() {
            if let Piece::Text(own) = piece {
                text.push_str(own);
                if matches!(pieces.peek(), Some(Piece::Text(_))) {
                    encode(&mut text, &mut items)?;
                }
            } else {
                text.push_str(before);
                encode(&mut text, &mut items)?;
                items.extend(given.medium(piece)?);
                text.push_str(behind);
            }
        }
        encode(&mut text, &mut items)?;
        Ok(items)
    }
}
