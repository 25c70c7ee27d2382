//! InternVL 2.5 to 3.5 (Chen et al. 2024; Zhu et al. 2025):
//!
//! ```text
//! each tile, then the whole -> InternViT (all rows but the class's) -> s x s neighbours side by side -> norm -> linear
//! -> activation -> linear -> rows
//! ```
//!
//! The non-obvious thing: nothing among a picture's rows says which tile they are of. They stand one behind the other,
//! between a token that begins a picture and one that ends it.

use super::compose::InOrder;
use super::tiled::{self, Joined};
use super::{Encoder, Family, Join, Sees, Showing, Speaks, decoder_only};
use crate::blocks::vit::{Vit, VitConfig, VitRows};
use crate::error::Error;
use crate::image::{Closest, Cut, Pixels, Preprocess, Views};
use crate::kernels::{Activation, Exec, Gathered, Layout, Product, Rows};
use crate::prompt::{Mark, Marks};
use crate::weights::header::{self, Header};
use crate::weights::{Linear, Norm, NormKind, Scope};
use ocelli_quant::gguf::Gguf;
use std::sync::Arc;

/// What stands before a picture's rows, and behind them.
const AROUND: [&str; 2] = ["<img>", "</img>"];
/// Epsilon of the norm behind the tower: PyTorch's own, which no configuration changes.
const EPS: f32 = 1e-5;

struct Eyes {
    preprocess: Preprocess,
    closest: Closest,
    vit: Vit,
    /// For each row of a tile the tower's rows that stand side by side in it.
    neighbours: Vec<u32>,
    /// Rows of a tile.
    rows: usize,
    norm: Norm,
    /// Into the language model's width, and within it.
    layers: [Linear; 2],
    act: Activation,
    /// Ids of [`AROUND`].
    around: [u32; 2],
}

pub(super) fn load(file: &Arc<Gguf>) -> Result<Family, Error> {
    let scope = Scope::new(Arc::clone(file));
    let vision = Header::new(file, "clip.vision.");
    let config = VitConfig::read(&vision)?.with_features(&vision)?;
    if config.features.len() > 1 {
        let got = format!("{} layers", config.features.len());
        return Err(vision.bad("feature_layer", got, "must be one: rows of several have no place side by side"));
    }
    // llama.cpp's files may leave the released models' out.
    let joined = Joined::read(&vision, &config, Some(2))?;
    let (_, decoder) = decoder_only(file)?;
    let mut preprocess = tiled::preprocess(file, config.side)?;
    let closest = limited(Closest::from_gguf(file, config.side)?, tiled::most_shown(file, joined.rows)?);
    let all = Closest::shown((closest.most, 1)).saturating_mul(joined.rows);
    if !header::ROWS.contains(&all) {
        let rule = format!("makes {all} rows of a picture, at most {}", header::ROWS.end());
        return Err(vision.bad("preproc_max_tiles", closest.most, rule));
    }
    preprocess.cut = Cut::Closest(closest);
    let around = tiled::around(file, AROUND)?;
    let act = Header::new(file, "ocelli.projector.");
    let act = if act.get("activation").is_some() { act.activation("activation")? } else { Activation::GeluErf };
    let (bridge, width) = (scope.at("mm").at("model").at("mlp"), decoder.config.embedding_width);
    let vit = Vit::load(&scope.at("v"), config)?;
    let first = u32::from(vit.has_class());
    let eyes = Eyes {
        neighbours: joined.neighbours.iter().map(|patch| patch + first).collect(),
        rows: joined.rows,
        norm: bridge.norm("0", NormKind::Layer, joined.width, EPS)?,
        layers: [bridge.linear("1", joined.width, width)?, bridge.linear("3", width, width)?],
        act,
        vit,
        preprocess,
        closest,
        around,
    };
    let speaks =
        Speaks { decoder, join: Join::Splice, compose: Box::new(InOrder { apart: false, around: Default::default() }) };
    Ok(Family { sees: Some(Arc::new(eyes)), speaks: Some(speaks) })
}

/// At most so many tiles that a picture is shown `shown` times, the whole among them.
fn limited(closest: Closest, shown: Option<u32>) -> Closest {
    // Beside several tiles stands the whole; one is the whole.
    let most = match shown {
        Some(shown) if shown < 3 => 1,
        Some(shown) => closest.most.min(shown - 1),
        None => closest.most,
    };
    Closest { most, least: closest.least.min(most) }
}

impl Eyes {
    /// Of a picture that is shown so often.
    fn of(&self, tiles: usize) -> Views {
        let rows = tiles * self.rows;
        Views { tiles, positions: rows + self.around.len(), ..self.preprocess.views(rows) }
    }
}

impl Sees for Eyes {
    fn preprocess(&self) -> &Preprocess {
        &self.preprocess
    }

    fn views(&self, width: u32, height: u32) -> Views {
        self.of(Closest::shown(self.closest.grid((width, height), self.preprocess.width)))
    }

    fn largest(&self) -> Views {
        self.of(Closest::shown((self.closest.most, 1)))
    }

    fn marks(&self, width: u32, height: u32) -> Marks {
        let [begin, end] = self.around;
        let rows = self.views(width, height).rows;
        [Mark { tokens: vec![begin], rows }, Mark { tokens: vec![end], rows: 0 }].into()
    }

    fn width(&self) -> usize {
        self.layers[1].outputs()
    }

    fn layout(self: Arc<Self>, layout: &mut Layout, frames: usize) -> Box<dyn Encoder> {
        let (rows, width) = (self.rows, self.width());
        // What is behind the tower's rows shares its room with what the next tile passes through.
        let result = layout.rows(self.largest().rows * frames, width);
        let tower = self.vit.layout(layout);
        layout.input(rows, self.layers[0].inputs());
        layout.input(rows, width);
        let beside = layout.rows(rows, self.layers[0].inputs());
        let hidden = layout.rows(rows, width);
        Box::new(Laid { eyes: self, tower, beside, hidden, result })
    }
}

/// The eyes with their activations.
struct Laid {
    eyes: Arc<Eyes>,
    tower: VitRows,
    /// Neighbours side by side.
    beside: Rows,
    /// Between the two layers.
    hidden: Rows,
    /// The rows of all tiles.
    result: Rows,
}

impl Encoder for Laid {
    fn tower(&self, exec: &mut Exec<'_>, pixels: &Pixels, number: usize, _: &Showing) -> Result<(), Error> {
        let Self { eyes, tower, beside, hidden, result } = self;
        let [first, second] = &eyes.layers;
        eyes.vit.encode(exec, tower, pixels)?;
        exec.gather_rows(tower.x, &eyes.neighbours, Gathered::Beside, None, *beside)?;
        exec.matmul(*beside, Some(&eyes.norm), &[Product::new(first, *hidden).act(eyes.act)])?;
        exec.matmul(*hidden, None, &[Product::new(second, result.slice(number * eyes.rows, eyes.rows))])
    }

    fn bridge(&self, exec: &mut Exec<'_>, showing: &Showing, out: &mut Vec<f32>) -> Result<(), Error> {
        let result = self.result.first(showing.views.rows);
        out.resize(result.rows() * result.width(), 0.0);
        exec.read(result, out)
    }

    fn tower_rows(&self, _: Views) -> Rows {
        self.tower.x
    }
}
