//! NF-ResNet (Brock et al. 2021, "Characterizing signal propagation to close the performance gap in unnormalized
//! ResNets"): a residual network of convolutions without norms, as timm's `nf_resnet50` has it.
//!
//! ```text
//! stem   7x7 convolution by 2, then the largest of 3x3 by 2
//! block  a = relu(x);  skip = conv1x1(mean 2x2 by 2 (a)), or x;  x = skip + conv1x1(relu(conv3x3(relu(conv1x1(a)))))
//! ```
//!
//! What makes it free of norms, standardised kernels and the scales before and behind each branch, is folded into the
//! weights when a file is made: ReLU and mean let a factor through. A map is rows, one a place, and a convolution is strips
//! of gathered windows times a matrix, so that its work buffer is a strip and never the whole of the windows.

use crate::error::Error;
use crate::kernels::{Activation, Exec, Gathered, Layout, NO_ROW, Product, Rows};
use crate::weights::header::{self, Header};
use crate::weights::{Linear, Scope};

/// A strip of gathered windows takes no more floats than this, or one line of the result.
const STRIP: usize = 1 << 18;
/// Side of the stem's windows.
const STEM: usize = 7;
/// Most stages, each of which halves the map's side.
const STAGES: usize = 8;

/// Hyper-parameters, from `clip.vision.*` and `ocelli.vision.*`.
#[derive(Debug, Clone)]
pub struct NfResNetConfig {
    /// Input side in pixels.
    pub side: usize,
    /// Width of the map that the stem makes.
    pub stem: usize,
    /// In order; all but the first begin with half the side.
    pub stages: Vec<Stage>,
}

/// Blocks of one width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// How many.
    pub blocks: usize,
    /// Width of the map; inside a block it is a quarter of it.
    pub width: usize,
}

impl NfResNetConfig {
    /// Reads and checks the keys.
    ///
    /// # Errors
    /// [`Error::BadParameter`] and [`Error::Gguf`].
    pub fn read(vision: &Header, header: &Header) -> Result<Self, Error> {
        let side = vision.count("image_size", header::SIDE)?;
        let blocks = header.counts("stage_blocks", header::LAYERS, STAGES)?;
        let widths = header.counts("stage_widths", header::WIDTH, STAGES)?;
        if blocks.len() != widths.len() {
            let rule = format!("must be {} numbers, as stage_blocks has", blocks.len());
            return Err(header.bad("stage_widths", format!("{} numbers", widths.len()), rule));
        }
        if let Some(width) = widths.iter().find(|width| !width.is_multiple_of(4)) {
            return Err(header.bad("stage_widths", width, "must be multiples of 4"));
        }
        let stages = blocks.into_iter().zip(widths).map(|(blocks, width)| Stage { blocks, width }).collect();
        Ok(Self { side, stem: header.count("stem_width", header::WIDTH)?, stages })
    }

    /// Width of the result.
    #[must_use]
    pub fn width(&self) -> usize {
        self.stages.last().map_or(self.stem, |stage| stage.width)
    }

    /// Every block's shape.
    fn shapes(&self) -> impl Iterator<Item = Shape> {
        let before = std::iter::once(self.stem).chain(self.stages.iter().map(|stage| stage.width));
        self.stages.iter().zip(before).enumerate().flat_map(|(number, (stage, before))| {
            let width = stage.width;
            (0..stage.blocks).map(move |block| match block {
                0 => Shape { before, width, stride: if number == 0 { 1 } else { 2 } },
                _ => Shape { before: width, width, stride: 1 },
            })
        })
    }
}

/// Of a block: its width before and behind, and what it divides the side by.
#[derive(Debug, Clone, Copy)]
struct Shape {
    before: usize,
    width: usize,
    stride: usize,
}

impl Shape {
    /// Whether what the block adds to is a convolution of its input instead of the input.
    fn changes(self) -> bool {
        self.before != self.width || self.stride != 1
    }
}

struct Block {
    skip: Option<Linear>,
    conv1: Linear,
    conv2: Linear,
    conv3: Linear,
}

/// A tower with its weights.
pub struct NfResNet {
    /// Its hyper-parameters.
    pub config: NfResNetConfig,
    stem: Linear,
    blocks: Vec<Block>,
}

/// A square map: a row for each place, line by line.
#[derive(Debug, Clone, Copy)]
struct Map {
    rows: Rows,
    side: usize,
}

/// Windows over a map, and where a strip of what they gather has room.
#[derive(Debug, Clone, Copy)]
struct Windows {
    from: Map,
    /// Negative numbers are read as zeros.
    relu: bool,
    /// What becomes of the places that a window covers. Those outside of the map are zeros, or not there.
    gather: Gathered,
    kernel: usize,
    stride: usize,
    strip: Rows,
}

/// The parts of the arena. Two take turns as the map that a block reads and the one it writes, where it changes its shape.
#[derive(Debug, Clone, Copy)]
enum Region {
    Even,
    Odd,
    /// Between a block's first convolution and its second.
    Inner,
    /// Between its second and its third.
    Small,
    Strip,
}

impl Region {
    fn turn(odd: bool) -> Self {
        if odd { Self::Odd } else { Self::Even }
    }
}

/// Where a block's maps are.
struct BlockRows {
    skip: Option<Windows>,
    first: Windows,
    second: Windows,
    small: Rows,
    to: Rows,
}

/// The activations of a tower.
pub struct NfResNetRows {
    stem: Windows,
    pool: Windows,
    blocks: Vec<BlockRows>,
    /// Places as they are, but for the last ReLU.
    last: Windows,
    /// The result: one row a place of the last map.
    pub x: Rows,
}

impl NfResNet {
    /// Fetches every tensor under `v`.
    ///
    /// # Errors
    /// A tensor is missing or does not fit the hyper-parameters.
    pub fn load(scope: &Scope, config: NfResNetConfig) -> Result<Self, Error> {
        let block = |(number, shape): (usize, Shape)| {
            let s = scope.at(format_args!("blk.{number}"));
            let Shape { before, width, .. } = shape;
            let inner = width / 4;
            Ok(Block {
                skip: shape.changes().then(|| s.linear("conv_skip", before, width)).transpose()?,
                conv1: s.linear("conv1", before, inner)?,
                conv2: s.linear("conv2", 9 * inner, inner)?,
                conv3: s.linear("conv3", inner, width)?,
            })
        };
        let blocks = config.shapes().enumerate().map(block).collect::<Result<_, Error>>()?;
        Ok(Self { stem: scope.linear("stem", STEM * STEM * 3, config.stem)?, blocks, config })
    }

    /// Room for one picture.
    pub fn layout(&self, layout: &mut Layout) -> NfResNetRows {
        // A region is as large as the largest of what stands in it.
        let mut sizes = [0; 5];
        self.maps(&mut |region, rows, width| {
            let size = &mut sizes[region as usize];
            *size = rows.saturating_mul(width).max(*size);
            Layout::default().rows(rows, width)
        });
        let starts = sizes.map(|size| {
            let start = layout.mark();
            layout.rows(size, 1);
            start
        });
        let end = layout.mark();
        let rows = self.maps(&mut |region, rows, width| {
            layout.rewind(starts[region as usize]);
            if matches!(region, Region::Small | Region::Strip) {
                layout.input(rows, width);
            }
            layout.rows(rows, width)
        });
        layout.rewind(end);
        rows
    }

    /// All maps, each where `lay` puts it: by region, rows and width.
    fn maps(&self, lay: &mut impl FnMut(Region, usize, usize) -> Rows) -> NfResNetRows {
        let c = &self.config;
        let pixels = Map::new(lay, Region::Odd, c.side, 3);
        let stem = Windows::new(lay, pixels, false, Gathered::Beside, STEM, 2);
        let stem_out = Map::new(lay, Region::Even, stem.side(), c.stem);
        let pool = Windows::new(lay, stem_out, false, Gathered::Largest, 3, 2);
        let (mut x, mut odd) = (Map::new(lay, Region::Odd, pool.side(), c.stem), true);
        let mut blocks = Vec::with_capacity(self.blocks.len());
        for shape in c.shapes() {
            let Shape { width, stride, .. } = shape;
            odd ^= shape.changes();
            let mean = if stride == 1 { 1 } else { 2 };
            let skip = shape.changes().then(|| Windows::new(lay, x, true, Gathered::Mean, mean, stride));
            let first = Windows::new(lay, x, true, Gathered::Beside, 1, 1);
            let inner = Map::new(lay, Region::Inner, x.side, width / 4);
            let second = Windows::new(lay, inner, false, Gathered::Beside, 3, stride);
            let small = Map::new(lay, Region::Small, second.side(), width / 4);
            x = Map::new(lay, Region::turn(odd), second.side(), width);
            blocks.push(BlockRows { skip, first, second, small: small.rows, to: x.rows });
        }
        let last = Windows::new(lay, x, true, Gathered::Beside, 1, 1);
        let result = Map::new(lay, Region::turn(!odd), x.side, x.rows.width());
        NfResNetRows { stem, pool, blocks, last, x: result.rows }
    }

    /// Encodes one picture, `pixels` being planar [3, side, side]. The result stands in `rows.x`.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn encode(&self, exec: &mut Exec<'_>, rows: &NfResNetRows, pixels: &[f32]) -> Result<(), Error> {
        let index = &mut Vec::new();
        exec.write(rows.stem.from.rows, &interleave(pixels))?;
        rows.stem.convolve(exec, index, Product::new(&self.stem, rows.pool.from.rows))?;
        let x = rows.blocks.first().map_or(rows.last.from.rows, |block| block.first.from.rows);
        rows.pool.copy(exec, index, x)?;
        for (layer, (block, r)) in self.blocks.iter().zip(&rows.blocks).enumerate() {
            exec.layer(layer, self.blocks.len())?;
            let relu = |linear, out| Product::new(linear, out).act(Activation::Relu);
            r.first.convolve(exec, index, relu(&block.conv1, r.second.from.rows))?;
            r.second.convolve(exec, index, relu(&block.conv2, r.small))?;
            if let (Some(windows), Some(linear)) = (&r.skip, &block.skip) {
                windows.convolve(exec, index, Product::new(linear, r.to))?;
            }
            exec.matmul(r.small, None, &[Product::new(&block.conv3, r.to).residual()])?;
        }
        rows.last.copy(exec, index, rows.x)
    }
}

impl Map {
    fn new(lay: &mut impl FnMut(Region, usize, usize) -> Rows, region: Region, side: usize, width: usize) -> Self {
        Self { rows: lay(region, side * side, width), side }
    }
}

impl Windows {
    fn new(
        lay: &mut impl FnMut(Region, usize, usize) -> Rows,
        from: Map,
        relu: bool,
        gather: Gathered,
        kernel: usize,
        stride: usize,
    ) -> Self {
        let width = from.rows.width() * if gather == Gathered::Beside { kernel * kernel } else { 1 };
        let side = from.side.div_ceil(stride);
        let lines = (STRIP / (side * width)).clamp(1, side);
        Self { from, relu, gather, kernel, stride, strip: lay(Region::Strip, lines * side, width) }
    }

    /// Side of the map that has a place for each window.
    fn side(&self) -> usize {
        self.from.side.div_ceil(self.stride)
    }

    /// The matrix times what each window gathers.
    fn convolve(&self, exec: &mut Exec<'_>, index: &mut Vec<u32>, product: Product<'_>) -> Result<(), Error> {
        let (side, from) = (self.side(), self.from.rows);
        let count = self.strip.rows() / side;
        for top in (0..side).step_by(count) {
            let lines = top..(top + count).min(side);
            let strip = self.strip.first(lines.len() * side);
            self.index(lines, index);
            exec.gather_rows(from, index, self.gather, self.act(), strip)?;
            exec.matmul(strip, None, &[Product { out: product.out.slice(top * side, strip.rows()), ..product }])?;
        }
        Ok(())
    }

    /// What each window gathers, as it is.
    fn copy(&self, exec: &mut Exec<'_>, index: &mut Vec<u32>, to: Rows) -> Result<(), Error> {
        self.index(0..self.side(), index);
        exec.gather_rows(self.from.rows, index, self.gather, self.act(), to)
    }

    fn act(&self) -> Option<Activation> {
        self.relu.then_some(Activation::Relu)
    }

    /// The places of the windows of some lines, window by window.
    fn index(&self, lines: std::ops::Range<usize>, index: &mut Vec<u32>) {
        index.clear();
        for (y, x) in lines.flat_map(|y| (0..self.side()).map(move |x| (y, x))) {
            for dy in 0..self.kernel {
                let line = self.inside(y, dy);
                let row = |dx| Some(line? * self.from.side + self.inside(x, dx)?);
                let row = |dx| row(dx).and_then(|row| u32::try_from(row).ok()).unwrap_or(NO_ROW);
                index.extend((0..self.kernel).map(row));
            }
        }
    }

    /// What a window begins with outside of the map: half of what its kernel is more than one.
    fn pad(&self) -> usize {
        (self.kernel - 1) / 2
    }

    /// The line or column of the map, where it is there, that the window of number `window` has at `offset`.
    fn inside(&self, window: usize, offset: usize) -> Option<usize> {
        (window * self.stride + offset).checked_sub(self.pad()).filter(|&at| at < self.from.side)
    }
}

/// Planar pixels to one row of three a place.
fn interleave(pixels: &[f32]) -> Vec<f32> {
    let plane = pixels.len() / 3;
    (0..plane).flat_map(|at| [pixels[at], pixels[plane + at], pixels[2 * plane + at]]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The places that the windows of a map 0 1 2, 3 4 5, 6 7 8 cover, line by line; `-` is outside.
    fn covered(kernel: usize, stride: usize) -> Vec<String> {
        let mut lay = |_, rows, width| Layout::default().rows(rows, width);
        let map = Map::new(&mut lay, Region::Even, 3, 1);
        let windows = Windows::new(&mut lay, map, false, Gathered::Beside, kernel, stride);
        let mut index = Vec::new();
        windows.index(0..windows.side(), &mut index);
        let name = |&at: &u32| if at == NO_ROW { "-".to_owned() } else { at.to_string() };
        index.chunks(kernel * kernel).map(|window| window.iter().map(name).collect()).collect()
    }

    #[test]
    fn windows_end_with_the_map() {
        assert_eq!(covered(3, 2), ["----01-34", "---12-45-", "-34-67---", "45-78----"]);
        assert_eq!(covered(2, 2), ["0134", "2-5-", "67--", "8---"]);
        assert_eq!(covered(1, 1).concat(), "012345678");
        assert_eq!(covered(3, 1)[4], "012345678");
    }
}
