//! The vision transformer (Dosovitskiy et al. 2021), with the switches of EVA-ViT-g and CLIP: a class row or none, a
//! norm before the blocks or none, a norm over all rows after them or none, rows as long as 1 behind that or
//! as they are; and those of Qwen's towers, through which
//! pictures pass in sizes of their own: patches that are turned by where they are, a learned table of positions that is
//! resampled to the picture, windows, gated feed-forward layers.
//!
//! A patch convolution whose stride is its kernel is a linear layer over unfolded patches, so there is no convolution
//! here: the picture is unfolded on the host, 3·p·p numbers a patch, channel-major as the kernel is stored.

mod config;
mod places;

pub use config::{Between, OwnSizes, VitConfig};
pub use places::Places;

use super::attention::{Attention, AttentionRows, Shape, heads};
use super::rope::frequencies;
use crate::error::Error;
use crate::image::Pixels;
use crate::kernels::{Exec, Gathered, Layout, Pairs, Product, Rows, Weights};
use crate::weights::{Linear, Norm, Scope, Table, Vector};

/// Norms are as wide as the rows.
struct Block {
    norm1: Norm,
    attention: Attention,
    norm2: Norm,
    /// From the rows' width to that of the feed-forward layer; `gate` as well, where there is one.
    up: Linear,
    gate: Option<Linear>,
    /// And back.
    down: Linear,
    /// What multiplies the results of attention and of the feed-forward layer before they are added, where there is such.
    scales: Option<[Vector; 2]>,
}

/// A tower with its weights.
pub struct Vit {
    /// Its hyper-parameters.
    pub config: VitConfig,
    /// From a patch's numbers to a row.
    patch: Linear,
    /// The same of the frame that follows, where there are pairs of frames; a picture is its own.
    next: Option<Linear>,
    /// One row.
    class: Option<Table>,
    /// One row for each of the result's; of pictures with sizes of their own, one for each place of a square.
    position: Option<Table>,
    /// Radians a line, then a column, of each pair of a head, where patches are turned.
    frequencies: Vec<f32>,
    pre_norm: Option<Norm>,
    blocks: Vec<Block>,
    post_norm: Option<Norm>,
    unit: Option<Norm>,
}

/// Called behind a block with its number and the rows that it leaves.
pub type Behind<'a> = dyn FnMut(&mut Exec<'_>, usize, Rows) -> Result<(), Error> + 'a;

/// The activations of a tower.
#[derive(Clone, Copy)]
pub struct VitRows {
    patches: Rows,
    /// The result: one row a patch, after the class row where there is one; so for each of [`VitConfig::features`].
    pub x: Rows,
    /// The rows on their way through the blocks, where they are not the result.
    work: Option<Rows>,
    attention: AttentionRows,
    /// Cosines and sines, where patches are turned.
    angles: Rows,
    ffn: Rows,
}

impl VitRows {
    /// Those of a picture of so many patches.
    fn first(self, count: usize) -> Self {
        let part = |rows: Rows| rows.first(count);
        let attention = self.attention.part(0, count);
        let (patches, x, angles, ffn) = (part(self.patches), part(self.x), part(self.angles), part(self.ffn));
        Self { patches, x, attention, angles, ffn, work: self.work }
    }

    /// The same with the result in `x`.
    #[must_use]
    pub fn to(self, x: Rows) -> Self {
        Self { x, ..self }
    }
}

impl Vit {
    /// Fetches every tensor under `v`.
    ///
    /// # Errors
    /// A tensor is missing or does not fit the hyper-parameters.
    pub fn load(scope: &Scope, config: VitConfig) -> Result<Self, Error> {
        let (w, eps) = (config.width, config.eps);
        let norm = |scope: &Scope, name: &str, eps| scope.norm(name, config.norm, w, eps);
        let class = if scope.has("class_embd.weight") { Some(scope.table("class_embd", 1, w)?) } else { None };
        let optional = |name: &str| -> Result<_, Error> {
            if scope.has(&format!("{name}.weight")) { norm(scope, name, config.outer_eps).map(Some) } else { Ok(None) }
        };
        let heads = heads(w, config.heads);
        let attention = Shape { name: "attn", out: "out", heads, width: w, seen: w, norms: None };
        let blocks = (0..config.blocks)
            .map(|i| {
                let s = scope.at(format_args!("blk.{i}"));
                Ok(Block {
                    norm1: norm(&s, "ln1", eps)?,
                    attention: Attention::load(&s, &attention)?,
                    norm2: norm(&s, "ln2", eps)?,
                    up: s.linear("ffn_up", w, config.ffn)?,
                    gate: s.has("ffn_gate.weight").then(|| s.linear("ffn_gate", w, config.ffn)).transpose()?,
                    down: s.linear("ffn_down", config.ffn, w)?,
                    scales: if s.has("ls1.weight") {
                        Some([s.vector("ls1.weight", w)?, s.vector("ls2.weight", w)?])
                    } else {
                        None
                    },
                })
            })
            .collect::<Result<_, Error>>()?;
        let learned = match config.own {
            Some(_) if !scope.has("position_embd.weight") => None,
            Some(_) => Some(config.across() * config.across()),
            None => Some(config.patches() + usize::from(class.is_some())),
        };
        let own = config.own.as_ref().filter(|own| own.turned);
        let turned = own.map_or_else(Vec::new, |_| frequencies(10_000.0, w / config.heads / 2));
        let patch = |name: &str| scope.linear(name, config.patch_len(), w);
        Ok(Self {
            patch: patch("patch_embd")?,
            next: scope.has("patch_embd_next.weight").then(|| patch("patch_embd_next")).transpose()?,
            position: learned.map(|rows| scope.table("position_embd", rows, w)).transpose()?,
            frequencies: turned.repeat(2),
            pre_norm: optional("pre_ln")?,
            post_norm: optional("post_ln")?,
            unit: config.unit_rows.then(|| Norm::to_unit(w)),
            class,
            blocks,
            config,
        })
    }

    /// Whether the first row is a class row.
    #[must_use]
    pub fn has_class(&self) -> bool {
        self.class.is_some()
    }

    /// Rows that pass through a block, at most.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.config.patches() + usize::from(self.has_class())
    }

    /// Rows of the result.
    #[must_use]
    pub fn results(&self) -> usize {
        self.config.features.len() * self.rows()
    }

    /// Room for one picture.
    pub fn layout(&self, layout: &mut Layout) -> VitRows {
        self.layout_within(layout, self.results())
    }

    /// Room for one picture whose result is to stand among `all` rows. These are `x` of what is returned;
    /// [`VitRows::to`] says which of them.
    pub fn layout_within(&self, layout: &mut Layout, all: usize) -> VitRows {
        let (n, w, c) = (self.rows(), self.config.width, &self.config);
        layout.input(c.patches(), c.patch_len());
        layout.input(n, w);
        layout.input(n, c.ffn);
        let x = layout.rows(all, w);
        let work = c.keeps().then(|| layout.rows(n, w));
        let angles = layout.rows(n, 2 * self.frequencies.len());
        let mark = layout.mark();
        let patches = layout.rows(c.patches(), c.patch_len());
        layout.rewind(mark); // the patches are read before the first block writes
        let attention = AttentionRows::new(layout, heads(w, c.heads), n, n);
        layout.rewind(mark); // the feed-forward layer starts when the attention is added
        let ffn = layout.rows(n, c.ffn);
        layout.rewind(mark);
        VitRows { patches, x, work, attention, angles, ffn }
    }

    /// Encodes one picture that fills [`VitConfig::side`]. The result stands in `rows.x`.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn encode(&self, exec: &mut Exec<'_>, rows: &VitRows, pixels: &Pixels) -> Result<(), Error> {
        let across = self.config.across();
        let places = Places::in_lines(across, across);
        self.pass(exec, *rows, &places, [pixels; 2], &mut |_, _, _| Ok(()))
    }

    /// Encodes a picture of its own size, or a frame and the one that follows: patches at `places`, whose rows stand in
    /// [`VitRows::x`] in that order. `behind` is called behind every block with its number and the rows.
    ///
    /// # Errors
    /// [`Error::Cancelled`], and what `behind` fails with.
    pub fn encode_at(
        &self,
        exec: &mut Exec<'_>,
        rows: &VitRows,
        places: &Places,
        frames: [&Pixels; 2],
        behind: &mut Behind<'_>,
    ) -> Result<Rows, Error> {
        let rows = rows.first(places.at.len());
        self.pass(exec, rows, places, frames, behind)?;
        Ok(rows.x)
    }

    fn pass(
        &self,
        exec: &mut Exec<'_>,
        rows: VitRows,
        places: &Places,
        frames: [&Pixels; 2],
        behind: &mut Behind<'_>,
    ) -> Result<(), Error> {
        let VitRows { x: result, work, attention, angles, ffn, .. } = rows;
        let (c, x) = (&self.config, work.unwrap_or(result));
        self.begin(exec, &rows, x, places, frames)?;
        let last = c.features.iter().copied().max().unwrap_or(c.blocks);
        for (layer, b) in self.blocks.iter().take(last).enumerate() {
            exec.layer(layer, last)?;
            self.keep(exec, layer, x, result)?;
            b.attention.all(exec, x, Some(&b.norm1), attention)?;
            if !self.frequencies.is_empty() {
                exec.rotate(&[attention.q, attention.k], c.width / c.heads, angles, Pairs::Halves)?;
            }
            if c.sees_all(layer) {
                b.attention.find(exec, attention)?;
            } else {
                let mut start = 0;
                for &count in &places.windows {
                    b.attention.find(exec, attention.part(start, count))?;
                    start += count;
                }
            }
            let [found, fed] = b.scales.as_ref().map_or([None; 2], |scales| scales.each_ref().map(Some));
            b.attention.add_columns(exec, attention.mixed, x, found)?;
            let up = Product::new(&b.up, ffn);
            let up = b.gate.as_ref().map_or(up.act(c.act), |gate| up.gated(gate, c.act));
            exec.matmul(x, Some(&b.norm2), &[up])?;
            exec.matmul(ffn, None, &[Product::new(&b.down, x).residual().times(fed)])?;
            behind(exec, layer, x)?;
        }
        self.keep(exec, last, x, result)?;
        if let Some(norm) = self.post_norm.as_ref().filter(|_| c.features == [c.blocks]) {
            exec.norm(norm, x, x, false)?;
        }
        self.unit.as_ref().map_or(Ok(()), |unit| exec.norm(unit, result, result, false))
    }

    /// From pixels to the rows before the first block, and what their patches are turned by.
    fn begin(
        &self,
        exec: &mut Exec<'_>,
        rows: &VitRows,
        x: Rows,
        places: &Places,
        [frame, next]: [&Pixels; 2],
    ) -> Result<(), Error> {
        let patches = rows.patches;
        let patched = x.slice(usize::from(self.class.is_some()), patches.rows());
        exec.write(patches, &unfold(frame, &places.at, self.config.patch))?;
        exec.matmul(patches, None, &[Product::new(&self.patch, patched)])?;
        if let Some(second) = &self.next {
            if !std::ptr::eq(frame, next) {
                exec.write(patches, &unfold(next, &places.at, self.config.patch))?;
            }
            exec.matmul(patches, None, &[Product::new(second, patched).residual()])?;
        }
        if let Some(class) = &self.class {
            exec.gather(class, &[0], Weights::All(1.0), x.first(1), false)?;
        }
        match (&self.position, &self.config.own) {
            (Some(table), Some(own)) => {
                let (taps, weights) = places.resampled(self.config.across(), own.between);
                exec.gather(table, &taps, Weights::Each(&weights), x, true)?;
            }
            (Some(table), None) => exec.gather(table, &ids(0, x.rows()), Weights::All(1.0), x, true)?,
            (None, _) => {}
        }
        if !self.frequencies.is_empty() {
            let half = self.frequencies.len() / 2;
            let axes = [vec![1; half], vec![2; half]].concat();
            exec.angles(&self.frequencies, &axes, 1.0, &places.positions(), rows.angles)?;
        }
        match &self.pre_norm {
            Some(norm) => exec.norm(norm, x, x, false),
            None => Ok(()),
        }
    }

    /// Copies the rows behind `layer` blocks into the result wherever they belong to it.
    fn keep(&self, exec: &mut Exec<'_>, layer: usize, x: Rows, result: Rows) -> Result<(), Error> {
        let n = x.rows();
        let kept = self.config.features.iter().enumerate().filter(|(_, feature)| **feature == layer);
        for (number, _) in kept.filter(|_| self.config.keeps()) {
            exec.gather_rows(x, &ids(0, n), Gathered::Beside, None, result.slice(number * n, n))?;
        }
        Ok(())
    }
}

/// For each row of a square of `scale` x `scale` patches, in order, the numbers of these, line by line; of patches that are
/// no whole square none.
pub fn squares(across: usize, scale: usize) -> Vec<u32> {
    let rows = (0..across / scale).flat_map(|y| (0..across / scale).map(move |x| (y * scale, x * scale)));
    let patches = rows.flat_map(|(y, x)| {
        (0..scale).flat_map(move |down| (0..scale).map(move |right| (y + down) * across + x + right))
    });
    patches.map(|patch| u32::try_from(patch).unwrap_or(u32::MAX)).collect()
}

/// The numbers `start .. start + count` as row ids.
pub(super) fn ids(start: usize, count: usize) -> Vec<u32> {
    (start..start + count).map(|i| u32::try_from(i).unwrap_or(u32::MAX)).collect()
}

/// Planar pixels to one row a patch, in the order of their places: all of its first channel, then the second, then the third.
fn unfold(pixels: &Pixels, places: &[(u32, u32)], patch: usize) -> Vec<f32> {
    let (width, height) = (pixels.width as usize, pixels.height as usize);
    let mut rows = Vec::with_capacity(places.len() * 3 * patch * patch);
    for &(line, column) in places {
        let (top, left) = (line as usize * patch, column as usize * patch);
        for plane in pixels.data.chunks_exact(width * height) {
            for y in top..top + patch {
                rows.extend_from_slice(&plane[y * width + left..][..patch]);
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::{Pixels, Places, squares, unfold};

    /// Of the pixel shuffle of Idefics3, and of a pool whose last line and column are left out.
    #[test]
    fn squares_stand_line_by_line() {
        assert_eq!(squares(4, 2), [0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15]);
        assert_eq!(squares(3, 3), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(squares(2, 1), [0, 1, 2, 3]);
        assert_eq!(squares(3, 2), [0, 1, 3, 4]);
    }

    #[test]
    fn unfold_keeps_channel_then_row_order_and_drops_the_rest() {
        // 3 planes of 5x5, patch 2: 4 patches, the fifth row and column unseen
        let pixels = Pixels { width: 5, height: 5, data: (0u8..75).map(f32::from).collect() };
        let rows = unfold(&pixels, &Places::in_lines(2, 2).at, 2);
        assert_eq!(rows.len(), 4 * 12);
        assert_eq!(&rows[..12], &[0., 1., 5., 6., 25., 26., 30., 31., 50., 51., 55., 56.]);
        assert_eq!(&rows[36..40], &[12., 13., 17., 18.]);
    }
}
