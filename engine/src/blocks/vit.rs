//! The vision transformer (Dosovitskiy et al. 2021), with the switches of EVA-ViT-g and CLIP: a class row or none, a
//! norm before the blocks or none, a norm over all rows after them or none, rows as long as 1 behind that or as they are.
//!
//! A patch convolution whose stride is its kernel is a linear layer over unfolded patches, so there is no convolution
//! here: the picture is unfolded on the host, 3·p·p numbers a patch, channel-major as the kernel is stored.

use super::attention::{Attention, AttentionRows, Shape, heads};
use crate::error::Error;
use crate::kernels::{Activation, Exec, Gathered, Layout, Product, Rows};
use crate::weights::header::{self, Header};
use crate::weights::{Linear, Norm, NormKind, Scope, Table, Vector};

/// Hyper-parameters, from `clip.vision.*`.
#[derive(Debug, Clone)]
pub struct VitConfig {
    /// Input side in pixels.
    pub side: usize,
    /// Patch side in pixels; what is left at the right and bottom is not seen, as in a convolution.
    pub patch: usize,
    /// Width of the rows.
    pub width: usize,
    /// Heads, dividing the width.
    pub heads: usize,
    /// Width of the feed-forward layer.
    pub ffn: usize,
    /// Blocks.
    pub blocks: usize,
    /// Epsilon of the blocks' norms.
    pub eps: f32,
    /// Epsilon of the norms before and after the blocks.
    pub outer_eps: f32,
    /// Between the feed-forward layers.
    pub act: Activation,
    /// The rows that are the result: those before the first block (0), or behind so many. Rows of several stand one behind
    /// the other, and the norm behind the blocks is then not run.
    pub features: Vec<usize>,
    /// Each row of the result is divided by its length.
    pub unit_rows: bool,
}

impl VitConfig {
    /// Reads and checks the keys.
    ///
    /// # Errors
    /// [`Error::BadParameter`] and [`Error::Gguf`].
    pub fn read(header: &Header) -> Result<Self, Error> {
        let side = header.count("image_size", header::SIDE)?;
        let patch = header.count("patch_size", header::SIDE)?;
        if patch > side {
            return Err(header.bad("patch_size", patch, format!("must be at most image_size {side}")));
        }
        let patches = (side / patch) * (side / patch);
        if !header::ROWS.contains(&patches) {
            let most = header::ROWS.end();
            return Err(header.bad("patch_size", patch, format!("makes {patches} patches, at most {most}")));
        }
        let width = header.count("embedding_length", header::WIDTH)?;
        let eps = header.epsilon("attention.layer_norm_epsilon")?;
        let blocks = header.count("block_count", header::LAYERS)?;
        let outer = "post_norm_epsilon";
        Ok(Self {
            side,
            patch,
            width,
            heads: header.heads("attention.head_count", width)?,
            ffn: header.count("feed_forward_length", header::WIDTH)?,
            blocks,
            eps,
            outer_eps: if header.file().get(&format!("clip.vision.{outer}")).is_some() {
                header.epsilon(outer)?
            } else {
                eps
            },
            act: header.activation("activation")?,
            features: vec![blocks],
            unit_rows: false,
        })
    }

    /// The same with the rows of `feature_layer`, where the file has that key, as the result.
    ///
    /// # Errors
    /// [`Error::BadParameter`] and [`Error::Gguf`].
    pub fn with_features(self, header: &Header) -> Result<Self, Error> {
        const KEY: &str = "feature_layer";
        if header.get(KEY).is_none() {
            return Ok(self);
        }
        let features = header.counts(KEY, 0..=self.blocks, MOST_FEATURES)?;
        let width = features.len() * self.width;
        if !header::WIDTH.contains(&width) {
            return Err(header.bad(KEY, format!("{} layers", features.len()), format!("make rows {width} wide")));
        }
        Ok(Self { features, ..self })
    }

    /// Whether rows behind several blocks are the result, so that they must be kept on the way.
    fn keeps(&self) -> bool {
        self.features.len() > 1
    }

    /// Patches a picture is cut into.
    #[must_use]
    pub fn patches(&self) -> usize {
        (self.side / self.patch) * (self.side / self.patch)
    }

    fn patch_len(&self) -> usize {
        3 * self.patch * self.patch
    }
}

/// Most layers whose rows are the result.
const MOST_FEATURES: usize = 64;

/// Norms are as wide as the rows.
struct Block {
    norm1: Norm,
    attention: Attention,
    norm2: Norm,
    /// From the rows' width to that of the feed-forward layer.
    up: Linear,
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
    /// One row.
    class: Option<Table>,
    /// One row for each of the result's.
    position: Table,
    pre_norm: Option<Norm>,
    blocks: Vec<Block>,
    post_norm: Option<Norm>,
    unit: Option<Norm>,
}

/// The activations of a tower.
#[derive(Clone, Copy)]
pub struct VitRows {
    patches: Rows,
    /// The result: one row a patch, after the class row where there is one; so for each of [`VitConfig::features`].
    pub x: Rows,
    /// The rows on their way through the blocks, where they are not the result.
    work: Option<Rows>,
    attention: AttentionRows,
    ffn: Rows,
}

impl VitRows {
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
        let norm = |scope: &Scope, name: &str, eps| scope.norm(name, NormKind::Layer, w, eps);
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
                    down: s.linear("ffn_down", config.ffn, w)?,
                    scales: if s.has("ls1.weight") {
                        Some([s.vector("ls1.weight", w)?, s.vector("ls2.weight", w)?])
                    } else {
                        None
                    },
                })
            })
            .collect::<Result<_, Error>>()?;
        Ok(Self {
            patch: scope.linear("patch_embd", config.patch_len(), w)?,
            position: scope.table("position_embd", config.patches() + usize::from(class.is_some()), w)?,
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

    /// Rows that pass through a block.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.position.len()
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
        let mark = layout.mark();
        let patches = layout.rows(c.patches(), c.patch_len());
        layout.rewind(mark); // the patches are read before the first block writes
        let attention = AttentionRows::new(layout, heads(w, c.heads), n, n);
        layout.rewind(mark); // the feed-forward layer starts when the attention is added
        let ffn = layout.rows(n, c.ffn);
        layout.rewind(mark);
        VitRows { patches, x, work, attention, ffn }
    }

    /// Encodes one picture, `pixels` being planar [3, side, side]. The result stands in `rows.x`.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn encode(&self, exec: &mut Exec<'_>, rows: &VitRows, pixels: &[f32]) -> Result<(), Error> {
        let VitRows { patches, x: result, work, attention, ffn } = *rows;
        let (c, x) = (&self.config, work.unwrap_or(result));
        exec.write(patches, &unfold(pixels, c.side, c.patch))?;
        let first = usize::from(self.class.is_some());
        exec.matmul(patches, None, &[Product::new(&self.patch, x.slice(first, patches.rows()))])?;
        if let Some(class) = &self.class {
            exec.gather(class, &[0], 1.0, x.first(1), false)?;
        }
        exec.gather(&self.position, &ids(0, x.rows()), 1.0, x, true)?;
        if let Some(norm) = &self.pre_norm {
            exec.norm(norm, x, x, false)?;
        }
        let last = c.features.iter().copied().max().unwrap_or(c.blocks);
        for (layer, b) in self.blocks.iter().take(last).enumerate() {
            exec.layer(layer, last)?;
            self.keep(exec, layer, x, result)?;
            b.attention.all(exec, x, Some(&b.norm1), attention)?;
            b.attention.find(exec, attention)?;
            let [found, fed] = b.scales.as_ref().map_or([None; 2], |scales| scales.each_ref().map(Some));
            b.attention.add_columns(exec, attention.mixed, x, found)?;
            exec.matmul(x, Some(&b.norm2), &[Product::new(&b.up, ffn).act(c.act)])?;
            exec.matmul(ffn, None, &[Product::new(&b.down, x).residual().times(fed)])?;
        }
        self.keep(exec, last, x, result)?;
        if let Some(norm) = self.post_norm.as_ref().filter(|_| c.features == [c.blocks]) {
            exec.norm(norm, x, x, false)?;
        }
        self.unit.as_ref().map_or(Ok(()), |unit| exec.norm(unit, result, result, false))
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

/// Planar pixels to one row a patch: all of its first channel, then the second, then the third.
fn unfold(pixels: &[f32], side: usize, patch: usize) -> Vec<f32> {
    let across = side / patch;
    let mut rows = Vec::with_capacity(across * across * 3 * patch * patch);
    for (top, left) in (0..across).flat_map(|y| (0..across).map(move |x| (y * patch, x * patch))) {
        for plane in pixels.chunks_exact(side * side) {
            for y in top..top + patch {
                rows.extend_from_slice(&plane[y * side + left..][..patch]);
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::squares;

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
        let pixels: Vec<f32> = (0u8..75).map(f32::from).collect();
        let rows = super::unfold(&pixels, 5, 2);
        assert_eq!(rows.len(), 4 * 12);
        assert_eq!(&rows[..12], &[0., 1., 5., 6., 25., 26., 30., 31., 50., 51., 55., 56.]);
        assert_eq!(&rows[36..40], &[12., 13., 17., 18.]);
    }
}
