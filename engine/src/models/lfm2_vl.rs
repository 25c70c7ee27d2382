//! LFM2-VL and LFM2.5-VL (Liquid AI 2025):
//!
//! ```text
//! each tile, then the whole in whole squares near its own size -> SigLIP 2's ViT (NaFlex: positions resampled to the picture)
//! -> s x s neighbours side by side -> norm or none -> linear -> activation -> linear -> rows
//! ```
//!
//! The non-obvious thing: only pictures that are too large for one view are cut into tiles, and tiles and whole differ in size.
//! Tokens of a picture's own say which tile is which: row before column, as transformers 5.24 and llama.cpp have it (4.57
//! exchanged the two).

use super::compose::InOrder;
use super::tiled;
use super::{Encoder, Family, Join, Sees, Showing, Speaks, decoder_only};
use crate::blocks::mlp::{Mlp, MlpRows};
use crate::blocks::vit::{Between, OwnSizes, Places, Vit, VitConfig, VitRows};
use crate::error::Error;
use crate::image::{Closest, Cut, Large, Pixels, Preprocess, Scaled, Views};
use crate::kernels::{Activation, Exec, Gathered, Layout, Rows};
use crate::prompt::{Mark, Marks};
use crate::weights::header::{self, Header};
use crate::weights::{NormKind, Scope, most_rows, token};
use ocelli_quant::gguf::Gguf;
use std::sync::Arc;

/// What stands before a picture's rows, and behind them.
const AROUND: [&str; 2] = ["<|image_start|>", "<|image_end|>"];
/// What stands before the rows of the whole behind tiles.
const WHOLE: &str = "<|img_thumbnail|>";
/// Most patches a side that become one row.
const MERGE: usize = 16;
/// Epsilon of the norm behind the tower: PyTorch's own, which no configuration changes.
const EPS: f32 = 1e-5;

struct Eyes {
    preprocess: Preprocess,
    large: Large,
    vit: Vit,
    /// Patches a side that become one row.
    merge: usize,
    /// Rows of a tile.
    tile: usize,
    bridge: Mlp,
    width: usize,
    /// Ids of [`AROUND`].
    around: [u32; 2],
    /// Where there are tiles: before the rows of that in each line and column of the largest grid, line by line, and before
    /// those of the whole.
    names: Option<(Vec<u32>, u32)>,
}

pub(super) fn load(file: &Arc<Gguf>) -> Result<Family, Error> {
    let scope = Scope::new(Arc::clone(file));
    let vision = Header::new(file, "clip.vision.");
    let mut config = VitConfig::read(&vision)?;
    let (_, decoder) = decoder_only(file)?;
    let width = decoder.config.embedding_width;
    let merge = vision.count_or("projector.scale_factor", 1..=MERGE, 2)?;
    let joined = config.width * merge * merge;
    if !header::WIDTH.contains(&joined) {
        let rule = format!("makes rows {joined} wide, at most {}", header::WIDTH.end());
        return Err(vision.bad("projector.scale_factor", merge, rule));
    }
    if !config.side.is_multiple_of(config.patch) {
        return Err(vision.bad("image_size", config.side, format!("must be whole patches of {}", config.patch)));
    }
    let large = large(file, &config, merge)?;
    let tile = (large.side as usize / config.patch / merge).pow(2);
    let most = tile.max(large.whole.largest() as usize);
    let all = tile * tiles(large) + large.whole.largest() as usize;
    if !header::ROWS.contains(&all) || !header::ROWS.contains(&(most * merge * merge)) {
        let rule = format!("makes {all} rows of a picture, at most {}", header::ROWS.end());
        return Err(vision.bad("image_max_pixels", large.whole.most, rule));
    }
    config.own = Some(OwnSizes {
        most: most * merge * merge,
        turned: false,
        between: Between::Edges,
        windows: false,
        full: Vec::new(),
    });
    let mut preprocess = Preprocess::from_gguf(file, config.side)?;
    preprocess.cut = Cut::Large(large);
    let bridge = scope.at("mm");
    let inner = file.tensor("mm.1.weight").and_then(|t| t.shape.get(1)).and_then(|&rows| usize::try_from(rows).ok());
    let inner = inner.filter(|inner| header::WIDTH.contains(inner)).unwrap_or(width);
    let act = Header::new(file, "ocelli.projector.");
    let act = if act.get("activation").is_some() { act.activation("activation")? } else { Activation::GeluErf };
    let layers = Mlp::load(&bridge, &["1", "2"], &[joined, inner, width], act)?;
    let layers = if bridge.has("input_norm.weight") {
        layers.behind(bridge.norm("input_norm", NormKind::Layer, joined, EPS)?)
    } else {
        layers
    };
    let vit = Vit::load(&scope.at("v"), config)?;
    if vit.has_class() {
        return Err(Error::WrongShape { name: "v.class_embd.weight".to_owned(), got: vec![1], wanted: Vec::new() });
    }
    let eyes = Eyes {
        around: tiled::around(file, AROUND)?,
        names: (tiles(large) > 1).then(|| names(file, large.tiles.most)).transpose()?,
        preprocess,
        large,
        vit,
        merge,
        tile,
        bridge: layers,
        width,
    };
    let compose = Box::new(InOrder { apart: false, around: Default::default() });
    Ok(Family { sees: Some(Arc::new(eyes)), speaks: Some(Speaks { decoder, join: Join::Splice, compose }) })
}

/// How pictures are shown: llama.cpp's keys; where they are absent what released models have.
fn large(file: &Arc<Gguf>, config: &VitConfig, merge: usize) -> Result<Large, Error> {
    const SIDE: &str = "preproc_image_size";
    let vision = Header::new(file, "clip.vision.");
    let image = Header::new(file, "ocelli.image.");
    let square = config.patch * merge;
    let side = vision.count_or(SIDE, header::SIDE, 32 * config.patch)?;
    if !side.is_multiple_of(square) {
        return Err(vision.bad(SIDE, side, format!("must be whole squares of {square} pixels")));
    }
    let rows = most_rows(file)?;
    let tile = (side / square).pow(2);
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let most_squares = rows.unwrap_or(*header::ROWS.end());
    let whole = Scaled { whole: true, ..Scaled::from_gguf(file, number(square), number(most_squares))? };
    let mut tiles = Closest::from_gguf_or(file, side, [2, 10])?;
    if tiles.least < 2 && tiles.most > 1 {
        return Err(vision.bad("preproc_min_tiles", tiles.least, "must be at least 2: one tile is no picture cut"));
    }
    if let Some(rows) = rows {
        // Beside tiles stands the whole.
        let room = rows.saturating_sub(whole.largest() as usize) / tile.max(1);
        tiles.most = tiles.most.min(number(room));
        tiles.least = tiles.least.min(tiles.most);
    }
    let tolerance = f64::from(image.positive("tolerance")?.unwrap_or(2.0));
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // of pixels
    let most = (whole.most as f64 * tolerance) as u64;
    Ok(Large { whole, tiles, side: number(side), patch: number(config.patch), most })
}

/// Most tiles; none where pictures are never cut.
fn tiles(large: Large) -> usize {
    if large.tiles.most < 2 { 0 } else { large.tiles.most as usize }
}

/// The tokens among a picture's rows.
fn names(file: &Arc<Gguf>, most: u32) -> Result<(Vec<u32>, u32), Error> {
    let find = |text: &str| {
        token(file, text).ok_or_else(|| {
            let rule = format!("must have '{text}', which stands among a picture's rows");
            Header::new(file, "tokenizer.ggml.").bad("tokens", "without it", rule)
        })
    };
    let mut tiles = Vec::new();
    for (row, column) in (1..=most).flat_map(|row| (1..=most).map(move |column| (row, column))) {
        // No grid has more tiles, so that the others need no name.
        let there = row * column <= most;
        tiles.push(if there { find(&format!("<|img_row_{row}_col_{column}|>"))? } else { 0 });
    }
    Ok((tiles, find(WHOLE)?))
}

impl Eyes {
    /// Of so many tiles across and down, or none, and so many squares of the whole.
    fn of(&self, tiles: usize, (across, down): (u32, u32)) -> Views {
        let whole = across as usize * down as usize;
        let rows = tiles * self.tile + whole;
        let marks = if tiles > 0 { tiles + 3 } else { 2 };
        let square = self.large.whole.square;
        let size = (across * square, down * square);
        let tile = (tiles > 0).then_some((self.large.side, self.large.side));
        Views { size, tile, tiles: tiles + 1, positions: rows + marks, ..self.preprocess.views(rows) }
    }

    fn grids(&self, width: u32, height: u32) -> ((u32, u32), (u32, u32)) {
        (self.large.grid((width, height)), self.large.whole.grid((width, height)))
    }

    fn places(&self, pixels: &Pixels) -> Places {
        let patches = |side: u32| side as usize / self.vit.config.patch;
        Places::merging((patches(pixels.height), patches(pixels.width)), self.merge, 0)
    }
}

impl Sees for Eyes {
    fn preprocess(&self) -> &Preprocess {
        &self.preprocess
    }

    fn views(&self, width: u32, height: u32) -> Views {
        let ((across, down), whole) = self.grids(width, height);
        self.of(across as usize * down as usize, whole)
    }

    /// No picture of them need have that very shape.
    fn largest(&self) -> Views {
        let views = self.of(tiles(self.large), (self.large.whole.largest(), 1));
        let side = self.large.side;
        let area = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
        if area((side, side)) > area(views.size) { Views { size: (side, side), ..views } } else { views }
    }

    fn marks(&self, width: u32, height: u32) -> Marks {
        let ((across, down), (wide, high)) = self.grids(width, height);
        let [begin, end] = self.around;
        let whole = wide as usize * high as usize;
        let mut marks = Vec::new();
        if let Some((tiles, thumbnail)) = self.names.as_ref().filter(|_| across > 0) {
            for (row, column) in (0..down).flat_map(|row| (0..across).map(move |column| (row, column))) {
                let name = tiles[(row * self.large.tiles.most + column) as usize];
                marks.push(Mark { tokens: vec![name], rows: self.tile });
            }
            marks.push(Mark { tokens: vec![*thumbnail], rows: whole });
            marks[0].tokens.insert(0, begin);
        } else {
            marks.push(Mark { tokens: vec![begin], rows: whole });
        }
        marks.push(Mark { tokens: vec![end], rows: 0 });
        marks.into()
    }

    fn width(&self) -> usize {
        self.width
    }

    fn layout(self: Arc<Self>, layout: &mut Layout, frames: usize) -> Box<dyn Encoder> {
        // What is behind the tower's rows shares its room with what the next tile passes through.
        let result = layout.rows(self.largest().rows * frames, self.width);
        let tower = self.vit.layout(layout);
        let most = self.vit.config.patches() / (self.merge * self.merge);
        let beside = layout.rows(most, self.vit.config.width * self.merge * self.merge);
        let bridge = self.bridge.layout(layout, most);
        Box::new(Laid { eyes: self, tower, beside, bridge, result })
    }
}

/// The eyes with their activations.
struct Laid {
    eyes: Arc<Eyes>,
    tower: VitRows,
    /// Neighbours side by side.
    beside: Rows,
    bridge: MlpRows,
    /// The rows of all that was shown.
    result: Rows,
}

impl Encoder for Laid {
    fn tower(&self, exec: &mut Exec<'_>, pixels: &Pixels, number: usize, showing: &Showing) -> Result<(), Error> {
        let Self { eyes, tower, beside, bridge, result } = self;
        let places = eyes.places(pixels);
        let x = eyes.vit.encode_at(exec, tower, &places, [pixels; 2], &mut |_, _, _| Ok(()))?;
        let beside = beside.first(places.merged.len() / (eyes.merge * eyes.merge));
        exec.gather_rows(x, &places.merged, Gathered::Beside, None, beside)?;
        let (picture, view) = (number / showing.views.tiles, number % showing.views.tiles);
        let first = picture * showing.views.rows + view * eyes.tile;
        eyes.bridge.run(exec, bridge, beside, Some(result.slice(first, beside.rows())))?;
        Ok(())
    }

    fn bridge(&self, exec: &mut Exec<'_>, showing: &Showing, out: &mut Vec<f32>) -> Result<(), Error> {
        let result = self.result.first(showing.views.rows * showing.frames);
        out.resize(result.rows() * result.width(), 0.0);
        exec.read(result, out)
    }

    fn tower_rows(&self, views: Views) -> Rows {
        let whole = views.rows - (views.tiles - 1) * self.eyes.tile;
        self.tower.x.first(whole * self.eyes.merge * self.eyes.merge)
    }
}
