//! Frozen (Tsimpoukelli et al. 2021): a vision tower's one vector, made into a few rows that stand in a prompt as
//! embeddings do.
//!
//! ```text
//! picture -> tower -> one vector (the class row, or the mean of all) -> linear -> n rows in the prompt's place
//! ```
//!
//! The tower is an NF-ResNet, as in the paper, or a ViT. The language model is one of ours, unchanged. Pictures may stand
//! anywhere and as often as one likes.

use super::{Family, decoder};
use crate::blocks::decoder::Decoder;
use crate::blocks::nf_resnet::{NfResNet, NfResNetConfig};
use crate::blocks::vit::{Vit, VitConfig};
use crate::error::Error;
use crate::image::{Pixels, Preprocess};
use crate::kernels::{Exec, Layout, Product, Rows};
use crate::prompt::{Item, Piece, Prompt};
use crate::tokenizer::{EncodeOptions, Tokenizer};
use crate::weights::header::Header;
use crate::weights::{Linear, Scope};
use ocelli_quant::gguf::Gguf;
use std::sync::Arc;

/// What looks at a picture.
enum Tower {
    Vit(Box<Vit>),
    NfResNet(NfResNet),
}

struct Frozen {
    preprocess: Preprocess,
    tower: Tower,
    /// The tower's vector is the mean of its rows instead of the first.
    mean: bool,
    /// From the vector to all rows, one behind the other.
    prefix: Linear,
    rows: usize,
    decoder: Decoder,
}

pub(super) fn load(file: &Arc<Gguf>) -> Result<Box<dyn Family>, Error> {
    let scope = Scope::new(Arc::clone(file));
    let tower = Tower::load(file, &scope.at("v"))?;
    let header = Header::new(file, "ocelli.prefix.");
    let mean = match header.text("pool")? {
        "mean" => true,
        "class" if tower.has_class() => false,
        "class" => return Err(header.bad("pool", "class", "the tower has no class row")),
        other => return Err(header.bad("pool", other, "must be class or mean")),
    };
    let rows = header.count("row_count", 1..=16_384)?;
    let decoder = decoder(file)?;
    let width = decoder.config.embedding_width;
    Ok(Box::new(Frozen {
        preprocess: Preprocess::from_gguf(file, tower.side())?,
        prefix: scope.at("mm").linear("prefix", tower.width(), rows * width)?,
        tower,
        mean,
        rows,
        decoder,
    }))
}

impl Tower {
    fn load(file: &Arc<Gguf>, scope: &Scope) -> Result<Self, Error> {
        const KEY: &str = "architecture";
        let (vision, header) = (Header::new(file, "clip.vision."), Header::new(file, "ocelli.vision."));
        let name = if header.get(KEY).is_some() { header.text(KEY)? } else { "vit" };
        match name {
            "vit" => Ok(Self::Vit(Box::new(Vit::load(scope, VitConfig::read(&vision)?)?))),
            "nf_resnet" => Ok(Self::NfResNet(NfResNet::load(scope, NfResNetConfig::read(&vision, &header)?)?)),
            other => Err(header.bad(KEY, other, "must be vit or nf_resnet")),
        }
    }

    fn side(&self) -> usize {
        match self {
            Self::Vit(vit) => vit.config.side,
            Self::NfResNet(net) => net.config.side,
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::Vit(vit) => vit.config.width,
            Self::NfResNet(net) => net.config.width(),
        }
    }

    fn has_class(&self) -> bool {
        matches!(self, Self::Vit(vit) if vit.has_class())
    }

    /// Room for one picture; its rows when it is encoded.
    fn layout(&self, layout: &mut Layout) -> Rows {
        match self {
            Self::Vit(vit) => vit.layout(layout).x,
            Self::NfResNet(net) => net.layout(layout).x,
        }
    }

    fn encode(&self, exec: &mut Exec<'_>, pixels: &[f32]) -> Result<(), Error> {
        let layout = &mut Layout::default();
        match self {
            Self::Vit(vit) => vit.encode(exec, &vit.layout(layout), pixels),
            Self::NfResNet(net) => net.encode(exec, &net.layout(layout), pixels),
        }
    }
}

impl Frozen {
    /// The tower's rows, its vector and the rows made of it.
    fn rows(&self, layout: &mut Layout) -> (Rows, Rows, Rows) {
        let tower = self.tower.layout(layout);
        layout.input(1, self.tower.width());
        let vector = layout.rows(1, self.tower.width());
        (tower, vector, layout.rows(1, self.prefix.outputs()))
    }
}

impl Family for Frozen {
    fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    fn preprocess(&self) -> Option<&Preprocess> {
        Some(&self.preprocess)
    }

    fn image_rows(&self) -> usize {
        self.rows
    }

    fn layout(&self, layout: &mut Layout) {
        self.rows(layout);
    }

    fn tower(&self, exec: &mut Exec<'_>, pixels: &Pixels) -> Result<(), Error> {
        self.tower.encode(exec, &pixels.data)
    }

    fn tower_rows(&self) -> Option<Rows> {
        Some(self.rows(&mut Layout::default()).0)
    }

    fn bridge(&self, exec: &mut Exec<'_>, out: &mut Vec<f32>) -> Result<(), Error> {
        let (tower, mut vector, result) = self.rows(&mut Layout::default());
        if self.mean {
            let (count, width) = (tower.rows(), tower.width());
            let mut rows = vec![0.0; count * width];
            exec.read(tower, &mut rows)?;
            let mut sums = vec![0f64; width];
            for row in rows.chunks_exact(width) {
                sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
            }
            #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)] // a mean of f32
            let mean: Vec<f32> = sums.iter().map(|sum| (sum / count as f64) as f32).collect();
            exec.write(vector, &mean)?;
        } else {
            vector = tower.first(1);
        }
        exec.matmul(vector, None, &[Product::new(&self.prefix, result)])?;
        out.resize(self.encoded_len(), 0.0);
        exec.read(result, out)
    }

    /// In the order given, behind the token that begins a text where the tokenizer adds one.
    fn compose(&self, prompt: &Prompt, tokenizer: &Tokenizer) -> Result<Vec<Item>, Error> {
        let mut items = Vec::new();
        if prompt.adds_special() && tokenizer.adds_bos() {
            items.extend(tokenizer.bos().map(|bos| Item::Tokens(vec![bos])));
        }
        let mut begins = prompt.begins();
        for piece in prompt.pieces() {
            items.push(match piece {
                Piece::Image(picture) => Item::Image(Arc::clone(picture)),
                Piece::Video(video) => Item::Video(Arc::clone(video)),
                Piece::Text(text) => {
                    let options = EncodeOptions { add_special: false, parse_special: true };
                    Item::Tokens(tokenizer.encode_piece(text, options, std::mem::take(&mut begins))?)
                }
            });
        }
        Ok(items)
    }
}
