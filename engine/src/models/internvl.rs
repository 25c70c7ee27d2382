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
use super::{Encoder, Family, Join, Sees, Showing, Speaks, decoder_only};
use crate::blocks::vit::{Vit, VitConfig, VitRows, squares};
use crate::error::Error;
use crate::image::{Closest, Cut, Fit, Pixels, Preprocess, Views};
use crate::kernels::{Activation, Exec, Gathered, Layout, Product, Rows};
use crate::prompt::{Mark, Marks};
use crate::weights::header::{self, Header};
use crate::weights::{Linear, Norm, NormKind, Scope, most_rows};
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
    let across = config.side / config.patch;
    // llama.cpp's files may leave the released models' out.
    let scale = vision.count_or("projector.scale_factor", 1..=across, 2.min(across))?;
    if !across.is_multiple_of(scale) {
        let rule = format!("must divide the {across} patches of a side");
        return Err(vision.bad("projector.scale_factor", scale, rule));
    }
    let joined = config.width * scale * scale;
    if !header::WIDTH.contains(&joined) {
        let rule = format!("makes rows {joined} wide, at most {}", header::WIDTH.end());
        return Err(vision.bad("projector.scale_factor", scale, rule));
    }
    let (_, decoder) = decoder_only(file)?;
    let mut preprocess = Preprocess::from_gguf(file, config.side)?;
    let image = Header::new(file, "ocelli.image.");
    if preprocess.fit != Fit::Stretch {
        return Err(image.bad("resize", image.text("resize")?, "must be square: pictures are cut into tiles"));
    }
    if !preprocess.do_resize {
        return Err(image.bad("do_resize", false, "must be true: pictures are cut into tiles"));
    }
    let rows = (across / scale).pow(2);
    let closest = limited(Closest::from_gguf(file, config.side)?, file, rows)?;
    let all = Closest::shown((closest.most, 1)).saturating_mul(rows);
    if !header::ROWS.contains(&all) {
        let rule = format!("makes {all} rows of a picture, at most {}", header::ROWS.end());
        return Err(vision.bad("preproc_max_tiles", closest.most, rule));
    }
    preprocess.cut = Cut::Closest(closest);
    let tokens = file.strings("tokenizer.ggml.tokens")?;
    let id = |token: &str| {
        let at = tokens.and_then(|tokens| tokens.iter().position(|known| known == token));
        at.and_then(|at| u32::try_from(at).ok()).ok_or_else(|| {
            let rule = format!("must have '{token}', which stands around a picture");
            Header::new(file, "tokenizer.ggml.").bad("tokens", "without it", rule)
        })
    };
    let around = [id(AROUND[0])?, id(AROUND[1])?];
    let act = Header::new(file, "ocelli.projector.");
    let act = if act.get("activation").is_some() { act.activation("activation")? } else { Activation::GeluErf };
    let (bridge, width) = (scope.at("mm").at("model").at("mlp"), decoder.config.embedding_width);
    let vit = Vit::load(&scope.at("v"), config)?;
    let first = u32::from(vit.has_class());
    let eyes = Eyes {
        neighbours: squares(across, scale).into_iter().map(|patch| patch + first).collect(),
        rows,
        norm: bridge.norm("0", NormKind::Layer, joined, EPS)?,
        layers: [bridge.linear("1", joined, width)?, bridge.linear("3", width, width)?],
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

/// So few tiles that a picture becomes at most as many rows as the file, or whoever opens it, says; each becomes `rows`.
fn limited(closest: Closest, file: &Arc<Gguf>, rows: usize) -> Result<Closest, Error> {
    let Some(most) = most_rows(file)? else { return Ok(closest) };
    if most < rows {
        let image = Header::new(file, "ocelli.image.");
        return Err(image.bad("max_rows", most, format!("a picture has at least {rows} rows, those of its whole")));
    }
    // Beside several tiles stands the whole.
    let tiles = u32::try_from((most / rows).saturating_sub(1)).unwrap_or(u32::MAX);
    let most = if tiles < 2 { 1 } else { closest.most.min(tiles) };
    Ok(Closest { most, least: closest.least.min(most) })
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
