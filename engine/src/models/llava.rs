//! LLaVA (Liu et al. 2023, 2024): 1.0 and 1.5, and NeXT with its tiles.
//!
//! ```text
//! picture -> ViT (one layer's rows or several layers', no norm behind them) -> linear layers -> rows in the prompt's place
//! ```
//!
//! A tower of one shape sees a picture of another as a whole and in tiles, whose rows are put together again as the grid of
//! patches they were cut from, without padding and with a learned row at the end of each line.
//!
//! The non-obvious thing: the sums by which padding is found must be the original's to the last bit, since they decide how
//! many rows a picture has.

use super::compose::InOrder;
use super::{Encoder, Family, Join, Sees, Showing, Speaks, decoder_only};
use crate::blocks::mlp::{Mlp, MlpRows};
use crate::blocks::vit::{Vit, VitConfig, VitRows};
use crate::error::Error;
use crate::image::{Cut, Pixels, Preprocess, Tiles, Views, unpadded};
use crate::kernels::{Activation, Exec, Gathered, Layout, Rows};
use crate::weights::header::{self, Header};
use crate::weights::{Scope, Vector, most_rows};
use ocelli_quant::gguf::Gguf;
use std::sync::Arc;

/// Most layers of a projector, and most rows of which it makes one.
const MOST: usize = 64;

struct Eyes {
    preprocess: Preprocess,
    vit: Vit,
    /// Rows of the tower before its patches' that are not read.
    skip: usize,
    /// Neighbouring rows that the projector sees side by side.
    merge: usize,
    projector: Mlp,
    /// Numbers of a row in the place of an embedding.
    width: usize,
    packing: Packing,
}

/// How the rows of tiles are put together.
enum Packing {
    /// Tile by tile.
    Flat,
    /// As lines of the grid.
    Lines,
    /// The same without padding, and with a row at the end of each line.
    Unpadded { newline: Vector, rounds: bool },
}

pub(super) fn load(file: &Arc<Gguf>) -> Result<Family, Error> {
    let scope = Scope::new(Arc::clone(file));
    let clip = Header::new(file, "clip.vision.");
    let vision = VitConfig::read(&clip)?.with_features(&clip)?;
    let (_, decoder) = decoder_only(file)?;
    let width = decoder.config.embedding_width;
    let mut preprocess = Preprocess::from_gguf(file, vision.side)?;
    preprocess.cut = Tiles::from_gguf(file, preprocess.width)?.map_or(Cut::Whole, Cut::Grid);
    let vit = Vit::load(&scope.at("v"), vision)?;
    let drops = Header::new(file, "ocelli.vision.").switch("drop_class", true)?;
    let skip = usize::from(drops && vit.has_class());
    let header = Header::new(file, "ocelli.projector.");
    let merge = header.count_or("merge_rows", 1..=MOST, 1)?;
    let patches = vit.rows() - skip;
    if !patches.is_multiple_of(merge) {
        return Err(header.bad("merge_rows", merge, format!("must divide the {patches} rows of the tower")));
    }
    let count = header.count("layer_count", 0..=MOST)?;
    let act = if header.get("activation").is_some() { header.activation("activation")? } else { Activation::GeluErf };
    let inputs = vit.config.features.len() * vit.config.width * merge;
    if count == 0 && inputs != width {
        return Err(header.bad("layer_count", 0, format!("the tower's {inputs} are not the language model's {width}")));
    }
    let packing = Packing::read(file, &scope, width, preprocess.grid().is_some())?;
    if preprocess.grid().is_some() && (patches != vit.config.patches() || merge > 1) {
        return Err(clip.bad("image_grid_pinpoints", "given", "tiles need one row for each of their patches"));
    }
    // Each is named by its place among layers and activations.
    let names: Vec<String> = (0..count).map(|i| (2 * i).to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let projector = Mlp::load(&scope.at("mm"), &names, &[&[inputs][..], &vec![width; count]].concat(), act)?;
    let mut eyes = Eyes { preprocess, vit, skip, merge, projector, width, packing };
    eyes.limit(file)?;
    let rows = eyes.largest().rows;
    if !header::ROWS.contains(&rows) {
        let rule = format!("makes {rows} rows of a picture, at most {}", header::ROWS.end());
        return Err(clip.bad("image_grid_pinpoints", "given", rule));
    }
    let speaks = Speaks { decoder, join: Join::Splice, compose: Box::new(InOrder::read(file)?) };
    Ok(Family { sees: Some(Arc::new(eyes)), speaks: Some(speaks) })
}

impl Packing {
    fn read(file: &Arc<Gguf>, scope: &Scope, width: usize, tiles: bool) -> Result<Self, Error> {
        const KEY: &str = "mm_patch_merge_type";
        let header = Header::new(file, "clip.vision.");
        if !tiles || header.get(KEY).is_none() {
            return Ok(Self::Flat);
        }
        match header.text(KEY)? {
            "flat" => Ok(Self::Flat),
            "spatial" => Ok(Self::Lines),
            "spatial_unpad" => {
                const KEY: &str = "unpad";
                let header = Header::new(file, "ocelli.image.");
                let rounds = match header.get(KEY).map(|_| header.text(KEY)).transpose()? {
                    None | Some("floor") => false,
                    Some("round") => true,
                    Some(other) => return Err(header.bad(KEY, other, "must be floor or round")),
                };
                Ok(Self::Unpadded { newline: scope.vector("model.image_newline", width)?, rounds })
            }
            other => Err(header.bad(KEY, other, "must be flat, spatial or spatial_unpad")),
        }
    }
}

/// Where the rows of a picture's tiles go, the whole view's being the first.
struct Grid {
    /// Rows of a view, and patches of one across.
    view: (usize, usize),
    /// Tiles across, and how many there are.
    tiles: (usize, usize),
    /// Patches that are left out on the left and at the top, and those that are left across and down.
    cut: (usize, usize),
    kept: (usize, usize),
    /// Rows of a line: with one that ends it, or without.
    line: usize,
    flat: bool,
}

impl Grid {
    fn rows(&self) -> usize {
        let tiles = if self.flat { self.tiles.1 * self.view.0 } else { self.kept.1 * self.line };
        self.view.0 + tiles
    }

    /// The row of the picture that row `at` of `view` becomes; none where it is padding.
    fn place(&self, view: usize, at: usize) -> Option<usize> {
        if view == 0 || self.flat {
            return Some(view * self.view.0 + at);
        }
        let (tile, side) = (view - 1, self.view.1);
        let x = tile % self.tiles.0 * side + at % side;
        let y = tile / self.tiles.0 * side + at / side;
        let (x, y) = (x.checked_sub(self.cut.0)?, y.checked_sub(self.cut.1)?);
        (x < self.kept.0 && y < self.kept.1).then(|| self.view.0 + y * self.line + x)
    }

    /// The rows that end lines.
    fn ends(&self) -> impl Iterator<Item = usize> {
        let (first, line, kept) = (self.view.0, self.line, self.kept);
        (0..kept.1).filter(move |_| line > kept.0).map(move |y| first + y * line + kept.0)
    }
}

impl Eyes {
    /// Leaves of the sizes that pictures are cut from those that make at most as many rows as the file, or whoever opens it,
    /// says. No picture makes more of a size than one of that very size.
    fn limit(&mut self, file: &Arc<Gguf>) -> Result<(), Error> {
        let (Some(tiles), Some(most)) = (self.preprocess.grid(), most_rows(file)?) else { return Ok(()) };
        let fits = |&(width, height): &(u32, u32)| self.views(width, height).rows <= most;
        let sizes = tiles.sizes().iter().copied().filter(fits).collect();
        let image = Header::new(file, "ocelli.image.");
        let none = || image.bad("max_rows", most, "no size of clip.vision.image_grid_pinpoints makes so few rows");
        self.preprocess.cut = Cut::Grid(Tiles::new(sizes, self.preprocess.width).ok_or_else(none)?);
        Ok(())
    }

    /// Rows of each view.
    fn seen(&self) -> usize {
        (self.vit.rows() - self.skip) / self.merge
    }

    fn grid(&self, (width, height): (u32, u32)) -> Grid {
        let side = self.vit.config.side / self.vit.config.patch;
        let whole = self.vit.config.side as u32;
        let best = self.preprocess.grid().map_or((0, 0), |tiles| tiles.best((width.max(1), height.max(1))));
        let (across, down) = ((best.0 / whole) as usize, (best.1 / whole) as usize);
        let all = (across * side, down * side);
        let mut grid = Grid {
            view: (self.seen(), side),
            tiles: (across, across * down),
            cut: (0, 0),
            kept: all,
            line: all.0,
            flat: matches!(self.packing, Packing::Flat),
        };
        if let Packing::Unpadded { rounds, .. } = self.packing {
            let (cut, kept) = unpadded((f64::from(width.max(1)), f64::from(height.max(1))), all, rounds);
            grid = Grid { cut, kept, line: kept.0 + 1, ..grid };
        }
        grid
    }

    /// The rows of a view as the projector reads them.
    fn features(&self, exec: &mut Exec<'_>, view: Rows, wide: Option<Rows>) -> Result<Rows, Error> {
        let Some(wide) = wide else { return Ok(view.slice(self.skip, self.seen())) };
        let (all, layers) = (self.vit.rows(), self.vit.config.features.len());
        let row = |at: usize| (0..layers).map(move |layer| layer * all + at);
        let index: Vec<u32> = (self.skip..all).flat_map(row).map(|at| u32::try_from(at).unwrap_or(u32::MAX)).collect();
        exec.gather_rows(view, &index, Gathered::Beside, None, wide)?;
        Ok(wide)
    }
}

impl Sees for Eyes {
    fn preprocess(&self) -> &Preprocess {
        &self.preprocess
    }

    fn views(&self, width: u32, height: u32) -> Views {
        if self.preprocess.grid().is_none() {
            return self.preprocess.views(self.seen());
        }
        let grid = self.grid((width, height));
        Views { tiles: 1 + grid.tiles.1, ..self.preprocess.views(grid.rows()) }
    }

    /// Of a picture that fills the candidate with most tiles nothing is padding.
    fn largest(&self) -> Views {
        let sizes = self.preprocess.grid().into_iter().flat_map(|tiles| tiles.sizes());
        let views = sizes.map(|&(width, height)| self.views(width, height));
        let most = views.max_by_key(|views| (views.rows, views.tiles));
        most.unwrap_or_else(|| self.preprocess.views(self.seen()))
    }

    fn width(&self) -> usize {
        self.width
    }

    fn layout(self: Arc<Self>, layout: &mut Layout, _: usize) -> Box<dyn Encoder> {
        let tiles = self.preprocess.grid().into_iter().flat_map(|tiles| tiles.sizes());
        let side = self.vit.config.side as u32;
        let tiles = tiles.map(|&(width, height)| (width / side) as usize * (height / side) as usize);
        let tower = self.vit.layout_within(layout, (1 + tiles.max().unwrap_or(0)) * self.vit.results());
        let beside = self.vit.config.features.len() * self.merge;
        let wide = (beside > 1).then(|| layout.rows(self.seen(), beside * self.vit.config.width));
        let projector = self.projector.layout(layout, self.seen());
        Box::new(Laid { eyes: self, tower, wide, projector })
    }
}

/// The eyes with their activations: the results of all views one behind the other.
struct Laid {
    eyes: Arc<Eyes>,
    tower: VitRows,
    /// Rows that the projector reads, where they are not the tower's.
    wide: Option<Rows>,
    projector: MlpRows,
}

impl Laid {
    fn view(&self, number: usize) -> Rows {
        let results = self.eyes.vit.results();
        self.tower.x.slice(number * results, results)
    }
}

impl Encoder for Laid {
    fn tower(&self, exec: &mut Exec<'_>, pixels: &Pixels, number: usize, _: &Showing) -> Result<(), Error> {
        self.eyes.vit.encode(exec, &self.tower.to(self.view(number)), pixels)
    }

    fn bridge(&self, exec: &mut Exec<'_>, showing: &Showing, out: &mut Vec<f32>) -> Result<(), Error> {
        let (eyes, width) = (&self.eyes, self.eyes.width);
        let grid = eyes.grid(showing.size);
        let mut rows = vec![0.0; eyes.seen() * width];
        out.clear();
        out.resize(showing.views.rows * width, 0.0);
        for number in 0..showing.views.tiles {
            let x = eyes.features(exec, self.view(number), self.wide)?;
            let x = eyes.projector.run(exec, &self.projector, x, None)?;
            exec.read(x, &mut rows)?;
            for (at, row) in rows.chunks_exact(width).enumerate() {
                if let Some(to) = grid.place(number, at) {
                    out[to * width..][..width].copy_from_slice(row);
                }
            }
        }
        if let Packing::Unpadded { newline, .. } = &eyes.packing {
            for end in grid.ends() {
                out[end * width..][..width].copy_from_slice(newline.get());
            }
        }
        Ok(())
    }

    /// Of the whole view, of the first of its layers.
    fn tower_rows(&self, _: Views) -> Rows {
        self.view(0).first(self.eyes.vit.rows())
    }
}

#[cfg(test)]
mod tests {
    use super::Grid;

    /// Two tiles of 2 x 2 patches side by side behind the whole: tile by tile, as lines, and as lines of which a column is
    /// padding and that have an end.
    #[test]
    fn tiles_are_put_together() {
        let lines = Grid { view: (4, 2), tiles: (2, 2), cut: (0, 0), kept: (4, 2), line: 4, flat: false };
        let places = |grid: &Grid| -> Vec<Option<usize>> {
            (1..3).flat_map(|view| (0..4).map(move |at| (view, at))).map(|(view, at)| grid.place(view, at)).collect()
        };
        assert_eq!(places(&lines), [4, 5, 8, 9, 6, 7, 10, 11].map(Some));
        assert_eq!((lines.rows(), lines.ends().count(), lines.place(0, 3)), (12, 0, Some(3)));
        let cut = Grid { cut: (1, 0), kept: (2, 2), line: 3, ..lines };
        assert_eq!(places(&cut), [None, Some(4), None, Some(7), Some(5), None, Some(8), None]);
        assert_eq!((cut.rows(), cut.ends().collect::<Vec<_>>()), (10, vec![6, 9]));
        let flat = Grid { flat: true, ..cut };
        assert_eq!((places(&flat), flat.rows()), ((4..12).map(Some).collect(), 12));
    }
}
