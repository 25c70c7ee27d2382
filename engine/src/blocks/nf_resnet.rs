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
use crate::kernels::{Activation, Exec, Layout, Product, Rows};
use crate::weights::header::{self, Header};
use crate::weights::{Linear, Scope};

/// A strip takes no more floats than this where it is read and where it is gathered, or one line of the result.
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

/// What becomes of the places that a window covers. Those outside of the map are zeros, or not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gather {
    /// One behind the other, line by line.
    Unfold,
    Mean,
    Largest,
}

/// Windows over a map, and where a strip of what they gather has room.
#[derive(Debug, Clone, Copy)]
struct Windows {
    from: Map,
    /// Negative numbers are read as zeros.
    relu: bool,
    gather: Gather,
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
    last: Windows,
    /// The result: one row a place of the last map, behind the last ReLU.
    pub x: Rows,
}

/// What a strip is read into and gathered in, on the host.
#[derive(Default)]
struct Lines {
    read: Vec<f32>,
    gathered: Vec<f32>,
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

    /// All maps, each where `place` puts it: by region, rows and width.
    fn maps(&self, place: &mut impl FnMut(Region, usize, usize) -> Rows) -> NfResNetRows {
        let c = &self.config;
        let pixels = Map::new(place, Region::Odd, c.side, 3);
        let stem = Windows::new(place, pixels, false, Gather::Unfold, STEM, 2);
        let stem_out = Map::new(place, Region::Even, stem.side(), c.stem);
        let pool = Windows::new(place, stem_out, false, Gather::Largest, 3, 2);
        let (mut x, mut odd) = (Map::new(place, Region::Odd, pool.side(), c.stem), true);
        let mut blocks = Vec::with_capacity(self.blocks.len());
        for shape in c.shapes() {
            let Shape { width, stride, .. } = shape;
            odd ^= shape.changes();
            let mean = if stride == 1 { 1 } else { 2 };
            let skip = shape.changes().then(|| Windows::new(place, x, true, Gather::Mean, mean, stride));
            let first = Windows::new(place, x, true, Gather::Unfold, 1, 1);
            let inner = Map::new(place, Region::Inner, x.side, width / 4);
            let second = Windows::new(place, inner, false, Gather::Unfold, 3, stride);
            let small = Map::new(place, Region::Small, second.side(), width / 4);
            x = Map::new(place, if odd { Region::Odd } else { Region::Even }, second.side(), width);
            blocks.push(BlockRows { skip, first, second, small: small.rows, to: x.rows });
        }
        let last = Windows::new(place, x, true, Gather::Unfold, 1, 1);
        NfResNetRows { stem, pool, blocks, last, x: x.rows }
    }

    /// Encodes one picture, `pixels` being planar [3, side, side]. The result stands in `rows.x`.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn encode(&self, exec: &mut Exec<'_>, rows: &NfResNetRows, pixels: &[f32]) -> Result<(), Error> {
        let mut lines = Lines::default();
        exec.write(rows.stem.from.rows, &interleave(pixels))?;
        rows.stem.convolve(exec, &mut lines, Product::new(&self.stem, rows.pool.from.rows))?;
        let x = rows.blocks.first().map_or(rows.x, |block| block.first.from.rows);
        rows.pool.copy(exec, &mut lines, x)?;
        for (block, r) in self.blocks.iter().zip(&rows.blocks) {
            let relu = |linear, out| Product::new(linear, out).act(Activation::Relu);
            r.first.convolve(exec, &mut lines, relu(&block.conv1, r.second.from.rows))?;
            r.second.convolve(exec, &mut lines, relu(&block.conv2, r.small))?;
            if let (Some(windows), Some(linear)) = (&r.skip, &block.skip) {
                windows.convolve(exec, &mut lines, Product::new(linear, r.to))?;
            }
            exec.matmul(r.small, None, &[Product::new(&block.conv3, r.to).residual()])?;
        }
        rows.last.copy(exec, &mut lines, rows.x)
    }
}

impl Map {
    fn new(place: &mut impl FnMut(Region, usize, usize) -> Rows, region: Region, side: usize, width: usize) -> Self {
        Self { rows: place(region, side * side, width), side }
    }
}

impl Windows {
    fn new(
        place: &mut impl FnMut(Region, usize, usize) -> Rows,
        from: Map,
        relu: bool,
        gather: Gather,
        kernel: usize,
        stride: usize,
    ) -> Self {
        let width = from.rows.width() * if gather == Gather::Unfold { kernel * kernel } else { 1 };
        let side = from.side.div_ceil(stride);
        let line = (side * width).max(stride * from.side * from.rows.width());
        let lines = (STRIP / line).clamp(1, side);
        Self { from, relu, gather, kernel, stride, strip: place(Region::Strip, lines * side, width) }
    }

    /// Side of the map that has a place for each window.
    fn side(&self) -> usize {
        self.from.side.div_ceil(self.stride)
    }

    /// The matrix times what each window gathers.
    fn convolve(&self, exec: &mut Exec<'_>, lines: &mut Lines, product: Product<'_>) -> Result<(), Error> {
        self.strips(exec, lines, |exec, first, gathered| {
            let strip = self.strip.first(gathered.len() / self.strip.width());
            exec.write(strip, gathered)?;
            exec.matmul(strip, None, &[Product { out: product.out.slice(first, strip.rows()), ..product }])
        })
    }

    /// What each window gathers, as it is. `to` may be the map itself where a window is one place.
    fn copy(&self, exec: &mut Exec<'_>, lines: &mut Lines, to: Rows) -> Result<(), Error> {
        self.strips(exec, lines, |exec, first, gathered| {
            exec.write(to.slice(first, gathered.len() / to.width()), gathered)
        })
    }

    /// Calls `each` with every strip's first window and what its windows gather.
    fn strips(
        &self,
        exec: &mut Exec<'_>,
        lines: &mut Lines,
        mut each: impl FnMut(&mut Exec<'_>, usize, &[f32]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (side, from) = (self.side(), self.from);
        let count = self.strip.rows() / side;
        for top in (0..side).step_by(count) {
            let end = (top + count).min(side);
            let first = (top * self.stride).saturating_sub(self.pad());
            let last = ((end - 1) * self.stride + self.kernel - self.pad()).min(from.side);
            lines.read.resize((last - first) * from.side * from.rows.width(), 0.0);
            exec.read(from.rows.slice(first * from.side, (last - first) * from.side), &mut lines.read)?;
            if self.relu {
                lines.read.iter_mut().filter(|value| **value < 0.0).for_each(|value| *value = 0.0);
            }
            if (self.kernel, self.stride) == (1, 1) {
                each(exec, top * side, &lines.read)?;
                continue;
            }
            lines.gathered.clear();
            for (y, x) in (top..end).flat_map(|y| (0..side).map(move |x| (y, x))) {
                match self.gather {
                    Gather::Unfold => self.unfold(&lines.read, first, (y, x), &mut lines.gathered),
                    Gather::Mean | Gather::Largest => self.reduce(&lines.read, first, (y, x), &mut lines.gathered),
                }
            }
            each(exec, top * side, &lines.gathered)?;
        }
        Ok(())
    }

    /// What a window begins with outside of the map: half of what its kernel is more than one.
    fn pad(&self) -> usize {
        (self.kernel - 1) / 2
    }

    /// The line or column of the map, where it is there, that `place`'s window has at `offset`.
    fn inside(&self, place: usize, offset: usize) -> Option<usize> {
        (place * self.stride + offset).checked_sub(self.pad()).filter(|&at| at < self.from.side)
    }

    /// Appends the places of a window; `read` are the map's lines from `first` on.
    fn unfold(&self, read: &[f32], first: usize, (y, x): (usize, usize), out: &mut Vec<f32>) {
        let (side, width, start) = (self.from.side, self.from.rows.width(), out.len());
        // What a window has of a line lies together, zeros before it or behind.
        let outside = self.pad().saturating_sub(x * self.stride);
        let left = x * self.stride + outside - self.pad();
        let right = (x * self.stride + self.kernel - self.pad()).min(side);
        for dy in 0..self.kernel {
            if let Some(line) = self.inside(y, dy).map(|line| (line - first) * side) {
                out.resize(out.len() + outside * width, 0.0);
                out.extend_from_slice(&read[(line + left) * width..(line + right) * width]);
            }
            out.resize(start + (dy + 1) * self.kernel * width, 0.0);
        }
    }

    /// Appends the mean or the largest of a window's places that are there.
    fn reduce(&self, read: &[f32], first: usize, (y, x): (usize, usize), out: &mut Vec<f32>) {
        let (side, width, start) = (self.from.side, self.from.rows.width(), out.len());
        let mean = self.gather == Gather::Mean;
        out.resize(start + width, if mean { 0.0 } else { f32::NEG_INFINITY });
        let out = &mut out[start..];
        let mut count = 0.0;
        for line in (0..self.kernel).filter_map(|dy| self.inside(y, dy)) {
            for column in (0..self.kernel).filter_map(|dx| self.inside(x, dx)) {
                let place = &read[((line - first) * side + column) * width..][..width];
                for (to, value) in out.iter_mut().zip(place) {
                    *to = if mean { *to + value } else { to.max(*value) };
                }
                count += 1.0;
            }
        }
        if mean {
            out.iter_mut().for_each(|sum| *sum /= count);
        }
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

    /// What the windows of a map 1 2 3, 4 5 6, 7 8 9 gather, line by line.
    fn gathered(gather: Gather, kernel: usize, stride: usize) -> Vec<Vec<f32>> {
        let mut place = |_, rows, width| Layout::default().rows(rows, width);
        let map = Map::new(&mut place, Region::Even, 3, 1);
        let windows = Windows::new(&mut place, map, false, gather, kernel, stride);
        let pixels: Vec<f32> = (1u8..10).map(f32::from).collect();
        let places = (0..windows.side()).flat_map(|y| (0..windows.side()).map(move |x| (y, x)));
        places
            .map(|place| {
                let mut out = Vec::new();
                match gather {
                    Gather::Unfold => windows.unfold(&pixels, 0, place, &mut out),
                    Gather::Mean | Gather::Largest => windows.reduce(&pixels, 0, place, &mut out),
                }
                out
            })
            .collect()
    }

    #[test]
    fn windows_end_with_the_map() {
        let unfolded = gathered(Gather::Unfold, 3, 2);
        assert_eq!(unfolded[1], [0., 0., 0., 2., 3., 0., 5., 6., 0.]);
        assert_eq!(unfolded[2], [0., 4., 5., 0., 7., 8., 0., 0., 0.]);
        assert_eq!(gathered(Gather::Mean, 2, 2).concat(), [3., 4.5, 7.5, 9.]);
        assert_eq!(gathered(Gather::Largest, 3, 2).concat(), [5., 6., 8., 9.]);
        assert_eq!(gathered(Gather::Mean, 1, 1).concat(), [1., 2., 3., 4., 5., 6., 7., 8., 9.]);
    }
}
