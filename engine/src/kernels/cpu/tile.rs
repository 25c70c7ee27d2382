//! Register-blocked products of a packed panel with many input rows: outer products, so that a vector of weights serves
//! several input rows and no lane is ever summed across (Goto & van de Geijn 2008). Written once over [`Lanes`]; what an
//! instruction set does with bytes is its [`Tiles`]. See [`super::pack`] for the panels.
//!
//! The sums of a block are exact integers, and what is made of them is the same here for all: so are its bits.

use super::formats::{Packed, with_format};
use super::input::{BLOCK, GROUP, Input, STEP, Step};
use super::lanes::{Floats, Lanes};
use super::pack::{self, Panels};
use super::panel::{Line, PANEL, Weights};
use ocelli_quant::TensorType;

/// Depth of a float pass, so that its 16 KiB of weights stay in the first-level cache for all rows.
const FLOAT_DEPTH: usize = 256;
/// Input rows of the integer kernels: with sixteen columns their sums fill half of the registers.
pub const ROWS: usize = 4;
/// Blocks of 32 a pass of the integer kernels.
pub const DEPTH: usize = 32;

/// The products of an instruction set.
pub trait Tiles: Panels {
    /// Exact sums for eight columns.
    type Sums: Copy;
    /// The input of a pass in another form, where the products do not take it as it is.
    type Pass;
    /// Nothing yet.
    const PASS: Self::Pass;
    /// Eights of columns whose sums are in registers together.
    const EIGHTS: usize;

    /// [`rows`], compiled by itself.
    fn rows<P: Packed, const M: usize>(
        self,
        x: Part<'_>,
        lines: &[Line],
        pass: &mut Self::Pass,
        tile: &mut [[f32; PANEL]],
    );

    /// Brings `depth` blocks of `M` input rows into the form of a pass.
    #[inline(always)]
    fn prepare<P: Packed, const M: usize>(self, _: Part<'_>, _: usize, _: &mut Self::Pass) {}

    /// Sums over a half of a block, or over all of it where that has one scale: for `M` rows, and as many eights of columns
    /// as [`Tiles::EIGHTS`] says; what is behind those is of no meaning.
    ///
    /// # Safety
    /// The block's lines of integers are at `w`, its inputs at `x` and at the `M - 1` blocks after it, and in `pass` what
    /// [`Tiles::prepare`] made of them.
    unsafe fn sums<P: Packed, const M: usize>(
        self,
        w: *const Line,
        x: *const i8,
        asked: Asked,
        pass: &Self::Pass,
    ) -> [[Self::Sums; 2]; M];

    /// Sums as floats, less what made the weights unsigned; `inputs` are the sums of both halves of a block of the input.
    fn exact<P: Packed>(self, sums: Self::Sums, inputs: u32, half: usize) -> <Self::Lanes as Lanes>::Floats;

    /// The sum of a half of a block of the input, or of all of it, in all lanes.
    fn input_sum<P: Packed>(self, inputs: u32, half: usize) -> <Self::Lanes as Lanes>::Floats;
}

/// Which sums of a block are asked for.
#[derive(Clone, Copy)]
pub struct Asked {
    /// The block in its pass.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    pub block: usize,
    /// The half of the inputs.
    pub half: usize,
    /// The first of the eights of columns.
    #[cfg_attr(not(target_arch = "aarch64"), allow(dead_code))]
    pub eight: usize,
    /// How many eights of inputs a half has. Hidden from the compiler: it would unroll loops over them and run out of
    /// registers.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    pub pairs: usize,
}

/// Some rows of a group of the input, from some block on.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    /// From the first row's first integer on.
    pub quants: &'a [i8],
    /// From the first row's first scale on; see [`Step`].
    steps: &'a [u32],
    /// Rows of the whole group.
    pub group: usize,
}

/// `tile[m * PANEL + n] = weights[n] · input[from + m]`, the weights packed.
#[inline(always)]
pub fn multiply<T: Tiles>(
    tiles: T,
    weights: &Weights<'_>,
    input: &Input<'_>,
    from: usize,
    count: usize,
    packed: &[Line],
    tile: &mut [f32],
) {
    let tile = &mut tile.as_chunks_mut::<PANEL>().0[..count];
    tile.as_flattened_mut().fill(0.0);
    with_format!(
        weights.ty,
        ints::<_, T>(tiles, input, from, packed, tile),
        floats(tiles.lanes(), input, from, bytemuck::cast_slice(packed), tile)
    );
}

#[inline(always)]
fn floats<L: Lanes>(lanes: L, input: &Input<'_>, from: usize, panel: &[f32], tile: &mut [[f32; PANEL]]) {
    let width = input.width;
    for k in (0..width).step_by(FLOAT_DEPTH) {
        let depth = FLOAT_DEPTH.min(width - k);
        let weights = Floats { data: &panel[k * PANEL..], stride: PANEL };
        let mut m = from;
        for rows in tile.chunks_mut(L::ROWS) {
            let x = Floats { data: &input.floats[m * width + k..], stride: width };
            m += rows.len();
            lanes.outer_rows(weights, x, depth, rows.len(), rows.as_flattened_mut(), PANEL);
        }
    }
}

/// [`outer`] for any number of rows up to [`Lanes::ROWS`], which is at most 6.
#[inline(always)]
pub fn outer_rows<L: Lanes>(
    lanes: L,
    w: Floats<'_>,
    x: Floats<'_>,
    depth: usize,
    rows: usize,
    sums: &mut [f32],
    stride: usize,
) {
    match rows {
        1 => outer::<L, 1>(lanes, w, x, depth, sums, stride),
        2 => outer::<L, 2>(lanes, w, x, depth, sums, stride),
        3 => outer::<L, 3>(lanes, w, x, depth, sums, stride),
        _ if rows == 4 || L::ROWS == 4 => outer::<L, 4>(lanes, w, x, depth, sums, stride),
        5 => outer::<L, 5>(lanes, w, x, depth, sums, stride),
        _ => outer::<L, 6>(lanes, w, x, depth, sums, stride),
    }
}

/// `sums[m][0..16] += Σ x[m][k] w[k][0..16]`, k rising, one chain for each sum.
#[inline(always)]
fn outer<L: Lanes, const M: usize>(
    lanes: L,
    w: Floats<'_>,
    x: Floats<'_>,
    depth: usize,
    sums: &mut [f32],
    stride: usize,
) {
    assert!(depth > 0 && w.data.len() >= (depth - 1) * w.stride + PANEL);
    assert!(x.data.len() >= (M - 1) * x.stride + depth && sums.len() >= (M - 1) * stride + PANEL);
    let mut acc = [[lanes.splat(0.0); 2]; M];
    for (m, acc) in acc.iter_mut().enumerate() {
        let sums = sums[m * stride..][..PANEL].as_chunks().0;
        *acc = [lanes.load(&sums[0]), lanes.load(&sums[1])];
    }
    let (mut weight, mut from) = (w.data.as_ptr(), x.data.as_ptr());
    for _ in 0..depth / 4 {
        // SAFETY: `w` holds 16 floats from `k * stride` and `x` four from `m * stride + k`, as asserted; the pointers
        // move one past the last at most (`wrapping_add`: with a stride they may go further).
        unsafe {
            let mut xs = [lanes.inputs(from); M];
            for (m, xs) in xs.iter_mut().enumerate() {
                *xs = lanes.inputs(from.wrapping_add(m * x.stride));
            }
            step::<L, 0, M>(lanes, &mut acc, weight, xs);
            step::<L, 1, M>(lanes, &mut acc, weight.wrapping_add(w.stride), xs);
            step::<L, 2, M>(lanes, &mut acc, weight.wrapping_add(2 * w.stride), xs);
            step::<L, 3, M>(lanes, &mut acc, weight.wrapping_add(3 * w.stride), xs);
        }
        weight = weight.wrapping_add(4 * w.stride);
        from = from.wrapping_add(4);
    }
    for _ in 0..depth % 4 {
        // SAFETY: as above, of one float of each row.
        unsafe {
            let mut xs = [lanes.input(from); M];
            for (m, xs) in xs.iter_mut().enumerate() {
                *xs = lanes.input(from.wrapping_add(m * x.stride));
            }
            step::<L, 0, M>(lanes, &mut acc, weight, xs);
        }
        weight = weight.wrapping_add(w.stride);
        from = from.wrapping_add(1);
    }
    for (m, acc) in acc.iter().enumerate() {
        let sums = sums[m * stride..][..PANEL].as_chunks_mut().0;
        lanes.store(&mut sums[0], acc[0]);
        lanes.store(&mut sums[1], acc[1]);
    }
}

/// Adds sixteen weights times input `I` of each row.
///
/// # Safety
/// Sixteen are at `w`, and the inputs are where they were taken from.
#[inline(always)]
unsafe fn step<L: Lanes, const I: i32, const M: usize>(
    lanes: L,
    acc: &mut [[L::Floats; 2]; M],
    w: *const f32,
    x: [L::Inputs; M],
) {
    // SAFETY: the caller's promise.
    unsafe {
        let w = [lanes.read(w), lanes.read(w.add(8))];
        for (acc, x) in acc.iter_mut().zip(x) {
            lanes.add_products::<I>(acc, w, x);
        }
    }
}

#[inline(always)]
fn ints<P: Packed, T: Tiles>(tiles: T, input: &Input<'_>, from: usize, panel: &[Line], tile: &mut [[f32; PANEL]]) {
    let blocks = input.width / BLOCK;
    let lines = pack::lines::<T, P>();
    let mut pass = T::PASS;
    for first in (0..blocks).step_by(DEPTH) {
        let depth = DEPTH.min(blocks - first);
        let lines = &panel[first * lines..(first + depth) * lines];
        for (g, rows) in tile.chunks_mut(GROUP).enumerate() {
            let at = (from + g * GROUP) * blocks;
            let group = input.group_rows(from + g * GROUP);
            for (r, rows) in rows.chunks_mut(ROWS).enumerate() {
                let r = r * ROWS;
                let x = Part {
                    quants: &input.quants[(at + first * group + r) * BLOCK..],
                    steps: &input.steps[(at + first * group) * STEP + r..],
                    group,
                };
                match rows.len() {
                    1 => tiles.rows::<P, 1>(x, lines, &mut pass, rows),
                    2 => tiles.rows::<P, 2>(x, lines, &mut pass, rows),
                    3 => tiles.rows::<P, 3>(x, lines, &mut pass, rows),
                    _ => tiles.rows::<P, ROWS>(x, lines, &mut pass, rows),
                }
            }
        }
    }
}

/// Adds the products of some blocks to `M` rows of the tile.
#[inline(always)]
pub fn rows<P: Packed, T: Tiles, const M: usize>(
    tiles: T,
    x: Part<'_>,
    lines: &[Line],
    pass: &mut T::Pass,
    tile: &mut [[f32; PANEL]],
) {
    let lanes = tiles.lanes();
    let block_lines = pack::lines::<T, P>();
    let depth = lines.len() / block_lines;
    let group = x.group;
    assert!(tile.len() == M && (1..=DEPTH).contains(&depth) && lines.len() == depth * block_lines && M <= group);
    assert!(x.quants.len() >= ((depth - 1) * group + M) * BLOCK);
    assert!(x.steps.len() >= (depth * STEP - 1) * group + M);
    tiles.prepare::<P, M>(x, depth, pass);
    let pairs = std::hint::black_box(4 / P::HALVES);
    for b in 0..depth {
        // SAFETY: the asserted lengths; a block is `block_lines` lines of 64 bytes: first the scales of each half, then
        // the minima, then the integers; of the input it is 32 integers and `STEP` numbers a row.
        unsafe {
            let line = lines.as_ptr().add(b * block_lines);
            let factors = line.cast::<f32>();
            let quants = line.add(P::HALVES + P::MINS);
            let steps = x.steps.as_ptr().add(b * STEP * group);
            let x = x.quants.as_ptr().add(b * group * BLOCK);
            for half in 0..P::HALVES {
                for eight in (0..2).step_by(T::EIGHTS) {
                    let asked = Asked { block: b, half, eight, pairs };
                    let sums = tiles.sums::<P, M>(quants, x, asked, pass);
                    for (m, sums) in sums.into_iter().enumerate() {
                        let inputs = steps.add(Step::Sums as usize * group + m).read();
                        let x_scale = lanes.splat(f32::from_bits(steps.add(Step::Scale as usize * group + m).read()));
                        for (column, sums) in sums.into_iter().enumerate().take(T::EIGHTS) {
                            let n = (eight + column) * 8;
                            let scale = lanes.read(factors.add(half * PANEL + n));
                            let mut sum = lanes.mul(tiles.exact::<P>(sums, inputs, half), scale);
                            if P::MINS > half {
                                let min = lanes.read(factors.add((P::HALVES + half) * PANEL + n));
                                sum = lanes.fnma(min, tiles.input_sum::<P>(inputs, half), sum);
                            }
                            let to = &mut tile[m].as_chunks_mut().0[eight + column];
                            let total = lanes.fma(sum, x_scale, lanes.load(to));
                            lanes.store(to, total);
                        }
                    }
                }
            }
        }
    }
}
