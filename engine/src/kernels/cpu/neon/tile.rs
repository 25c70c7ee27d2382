//! Register-blocked products of a packed panel with many input rows: outer products, so that a vector of weights serves
//! several input rows and no lane is ever summed across (Goto & van de Geijn 2008). See [`super::pack`] for the panels.
//!
//! A vector of integers holds four inputs of four columns, which `sdot` multiplies by four inputs of one row. Without
//! it, products widen to i16 and are added there while they fit: eight steps of a block if the integers have at most 6
//! bits, two if 8; one lane then holds two neighbouring inputs' sums, and pairs are added at the end. `smmla` multiplies
//! eight inputs of two columns by those of two rows, and the four sums are put in order after the block.
//!
//! The steps within a block are always compiled into the loop over blocks, where all sums stay in registers; the compiler
//! allows that only without `#[target_feature]`, so there the intrinsics are unsafe. NEON is everywhere on aarch64.

#![allow(clippy::needless_range_loop)] // one index goes through several rows and columns

use super::dots::{Dots, Kind, sdot_lane, smmla};
use super::pack;
use crate::kernels::cpu::formats::{Packed, with_format};
use crate::kernels::cpu::input::{BLOCK, GROUP, Input, STEP, Step};
use crate::kernels::cpu::lanes::Floats;
use crate::kernels::cpu::panel::{Line, PANEL, Weights};
use core::arch::aarch64::*;
use ocelli_quant::TensorType;

/// Input rows of both kernels: with sixteen columns that is half of the 32 registers for sums.
pub const ROWS: usize = 4;
/// Depth of a float pass, so that its 16 KiB of weights stay in the first-level cache for all rows.
const FLOAT_DEPTH: usize = 256;
/// Blocks of 32 a pass of the integer kernel: at most 24 KiB of weights.
const INT_DEPTH: usize = 32;

/// `tile[m * PANEL + n] = weights[n] · input[from + m]`, the weights packed.
///
/// # Safety
/// The processor has the products of `D`.
#[target_feature(enable = "neon")]
pub unsafe fn multiply<D: Dots>(
    weights: &Weights<'_>,
    input: &Input<'_>,
    from: usize,
    count: usize,
    packed: &[Line],
    tile: &mut [f32],
) {
    let tile = &mut tile.as_chunks_mut::<PANEL>().0[..count];
    tile.as_flattened_mut().fill(0.0);
    // SAFETY: the caller's promise.
    unsafe {
        with_format!(
            weights.ty,
            ints::<_, D>(input, from, packed, tile),
            floats(input, from, bytemuck::cast_slice(packed), tile)
        );
    }
}

#[target_feature(enable = "neon")]
fn floats(input: &Input<'_>, from: usize, panel: &[f32], tile: &mut [[f32; PANEL]]) {
    let width = input.width;
    for k in (0..width).step_by(FLOAT_DEPTH) {
        let depth = FLOAT_DEPTH.min(width - k);
        let weights = Floats { data: &panel[k * PANEL..], stride: PANEL };
        let mut m = from;
        for rows in tile.chunks_mut(ROWS) {
            let x = Floats { data: &input.floats[m * width + k..], stride: width };
            m += rows.len();
            outer_rows(weights, x, depth, rows.len(), rows.as_flattened_mut(), PANEL);
        }
    }
}

/// [`outer`] for any number of rows.
#[inline]
#[target_feature(enable = "neon")]
pub fn outer_rows(w: Floats<'_>, x: Floats<'_>, depth: usize, rows: usize, sums: &mut [f32], stride: usize) {
    for m in (0..rows).step_by(ROWS) {
        let x = Floats { data: &x.data[m * x.stride..], stride: x.stride };
        let sums = &mut sums[m * stride..];
        match rows - m {
            1 => outer::<1>(w, x, depth, sums, stride),
            2 => outer::<2>(w, x, depth, sums, stride),
            3 => outer::<3>(w, x, depth, sums, stride),
            _ => outer::<ROWS>(w, x, depth, sums, stride),
        }
    }
}

/// `sums[m][0..16] += Σ x[m][k] w[k][0..16]`, k rising, one chain for each sum.
#[target_feature(enable = "neon")]
fn outer<const M: usize>(w: Floats<'_>, x: Floats<'_>, depth: usize, sums: &mut [f32], stride: usize) {
    assert!(depth > 0 && w.data.len() >= (depth - 1) * w.stride + PANEL);
    assert!(x.data.len() >= (M - 1) * x.stride + depth && sums.len() >= (M - 1) * stride + PANEL);
    let mut acc = [[vdupq_n_f32(0.0); 4]; M];
    let to = sums.as_mut_ptr();
    for (m, acc) in acc.iter_mut().enumerate() {
        for (v, acc) in acc.iter_mut().enumerate() {
            // SAFETY: `sums` holds 16 floats from `m * stride`, as asserted.
            *acc = unsafe { vld1q_f32(to.add(m * stride + v * 4)) };
        }
    }
    let at = |k: usize| w.data.as_ptr().wrapping_add(k * w.stride);
    let from = x.data.as_ptr();
    // Four inputs of a row are loaded at once and multiply from their lanes.
    for k in (0..depth / 4 * 4).step_by(4) {
        let mut xs = [vdupq_n_f32(0.0); M];
        for (m, xs) in xs.iter_mut().enumerate() {
            // SAFETY: `x` holds `depth` floats from `m * stride`, as asserted.
            *xs = unsafe { vld1q_f32(from.add(m * x.stride + k)) };
        }
        // SAFETY: `w` holds 16 floats from `k * stride`, as asserted.
        unsafe {
            add_lane::<0, M>(&mut acc, at(k), xs);
            add_lane::<1, M>(&mut acc, at(k + 1), xs);
            add_lane::<2, M>(&mut acc, at(k + 2), xs);
            add_lane::<3, M>(&mut acc, at(k + 3), xs);
        }
    }
    for k in depth / 4 * 4..depth {
        let mut xs = [vdupq_n_f32(0.0); M];
        for (m, xs) in xs.iter_mut().enumerate() {
            // SAFETY: as above.
            *xs = unsafe { vdupq_n_f32(*from.add(m * x.stride + k)) };
        }
        // SAFETY: `w` holds 16 floats from `k * stride`, as asserted.
        unsafe { add_lane::<0, M>(&mut acc, at(k), xs) };
    }
    for (m, acc) in acc.iter().enumerate() {
        for (v, acc) in acc.iter().enumerate() {
            // SAFETY: as for the loads.
            unsafe { vst1q_f32(to.add(m * stride + v * 4), *acc) };
        }
    }
}

/// Adds sixteen weights times lane `LANE` of each row's inputs.
///
/// # Safety
/// There are sixteen at `w`.
#[inline(always)]
unsafe fn add_lane<const LANE: i32, const M: usize>(
    acc: &mut [[float32x4_t; 4]; M],
    w: *const f32,
    x: [float32x4_t; M],
) {
    // SAFETY: the caller's promise.
    unsafe {
        let w = [vld1q_f32(w), vld1q_f32(w.add(4)), vld1q_f32(w.add(8)), vld1q_f32(w.add(12))];
        for (acc, x) in acc.iter_mut().zip(x) {
            for (acc, w) in acc.iter_mut().zip(w) {
                *acc = vfmaq_laneq_f32::<LANE>(*acc, w, x);
            }
        }
    }
}

/// Some rows of a group of the input, from some block on.
#[derive(Clone, Copy)]
struct Part<'a> {
    /// From the first row's first integer on.
    quants: &'a [i8],
    /// From the first row's first scale on; see [`Step`].
    steps: &'a [u32],
    /// Rows of the whole group.
    group: usize,
}

/// # Safety
/// As for [`multiply`].
#[target_feature(enable = "neon")]
unsafe fn ints<P: Packed, D: Dots>(input: &Input<'_>, from: usize, panel: &[Line], tile: &mut [[f32; PANEL]]) {
    let blocks = input.width / BLOCK;
    let lines = const { pack::lines::<P>() };
    for first in (0..blocks).step_by(INT_DEPTH) {
        let depth = INT_DEPTH.min(blocks - first);
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
                // SAFETY: the caller's promise.
                unsafe {
                    match rows.len() {
                        1 => int_rows::<P, D, 1>(x, lines, rows),
                        2 => int_rows::<P, D, 2>(x, lines, rows),
                        3 => int_rows::<P, D, 3>(x, lines, rows),
                        _ => int_rows::<P, D, ROWS>(x, lines, rows),
                    }
                }
            }
        }
    }
}

/// Sums of four columns a vector, for each of `M` rows.
type Sums<const M: usize> = [[int32x4_t; 4]; M];

/// Adds the products of some blocks to `M` rows of the tile.
///
/// # Safety
/// As for [`multiply`].
#[target_feature(enable = "neon")]
unsafe fn int_rows<P: Packed, D: Dots, const M: usize>(x: Part<'_>, lines: &[Line], tile: &mut [[f32; PANEL]]) {
    let block_lines = const { pack::lines::<P>() };
    let depth = lines.len() / block_lines;
    let group = x.group;
    assert!(depth > 0 && tile.len() == M && lines.len() == depth * block_lines && M <= group);
    assert!(x.quants.len() >= ((depth - 1) * group + M) * BLOCK);
    assert!(x.steps.len() >= (depth * STEP - 1) * group + M);
    let to = tile.as_mut_ptr().cast::<f32>();
    for b in 0..depth {
        // SAFETY: the asserted lengths; a block is `block_lines` lines of 64 bytes: first the scales of each half, then
        // the minima, then eight lines of integers, see `pack`; of the input it is 32 integers a row.
        unsafe {
            let line = lines.as_ptr().add(b * block_lines);
            let factors = line.cast::<f32>();
            let quants = line.add(P::HALVES + P::MINS).cast::<i8>();
            let steps = x.steps.as_ptr().add(b * STEP * group);
            let step = |which: Step, m: usize| f32::from_bits(steps.add(which as usize * group + m).read());
            let x = x.quants.as_ptr().add(b * group * BLOCK);
            for half in 0..P::HALVES {
                let (w, x) = (quants.add(half * 256), x.add(half * 16));
                // The plain products need two registers for a vector of sums: half of the columns at a time.
                let passes = if matches!(D::KIND, Kind::Widening) { 2 } else { 1 };
                for pass in 0..passes {
                    let (w, columns) = (w.add(pass * 32), PANEL / 4 / passes);
                    let sums: Sums<M> = match D::KIND {
                        Kind::Widening => widening::<P, M>(w, x),
                        Kind::Long => long::<P, M>(w, x),
                        Kind::Matrix => matrix::<P, M>(w, x),
                    };
                    for v in 0..columns {
                        let n = (pass * columns + v) * 4;
                        let scale = vld1q_f32(factors.add(half * PANEL + n));
                        for (m, sums) in sums.iter().enumerate() {
                            let to = to.add(m * PANEL + n);
                            let sum = vmulq_f32(vcvtq_f32_s32(sums[v]), scale);
                            let mut sum = vfmaq_n_f32(vld1q_f32(to), sum, step(Step::Scale, m));
                            if P::MINS > half {
                                let which = match (P::MINS, half) {
                                    (1, _) => Step::Offset,
                                    (_, 0) => Step::FirstOffset,
                                    _ => Step::SecondOffset,
                                };
                                let min = vld1q_f32(factors.add((P::HALVES + half) * PANEL + n));
                                sum = vfmsq_n_f32(sum, min, step(which, m));
                            }
                            vst1q_f32(to, sum);
                        }
                    }
                }
            }
        }
    }
}

/// Inputs from `16 * i` on of `M` rows.
///
/// # Safety
/// They are at `x` and at the `M - 1` blocks after it.
#[inline(always)]
unsafe fn inputs<const M: usize>(x: *const i8, i: usize) -> [int8x16_t; M] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut inputs = [vdupq_n_s8(0); M];
        for (m, input) in inputs.iter_mut().enumerate() {
            *input = vld1q_s8(x.add(m * BLOCK + i * 16));
        }
        inputs
    }
}

/// Sums over a half of a block, or all of it if it has one scale.
///
/// # Safety
/// There are as many integers of sixteen columns at `w`, at `x` and at the `M - 1` blocks after it; the processor has
/// `sdot`.
#[inline(always)]
unsafe fn long<P: Packed, const M: usize>(w: *const i8, x: *const i8) -> Sums<M> {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [[vdupq_n_s32(0); 4]; M];
        for i in 0..2 / P::HALVES {
            let (w, x) = (w.add(i * 256), inputs::<M>(x, i));
            long_step::<0, M>(&mut sums, w, x);
            long_step::<1, M>(&mut sums, w, x);
            long_step::<2, M>(&mut sums, w, x);
            long_step::<3, M>(&mut sums, w, x);
        }
        sums
    }
}

/// Adds the products of four inputs, those in lane `LANE`.
///
/// # Safety
/// As for [`long`].
#[inline(always)]
unsafe fn long_step<const LANE: i32, const M: usize>(sums: &mut Sums<M>, w: *const i8, x: [int8x16_t; M]) {
    for v in 0..4 {
        // SAFETY: the caller's promise.
        unsafe {
            let w = vld1q_s8(w.add(LANE as usize * 64 + v * 16));
            for (sums, x) in sums.iter_mut().zip(x) {
                sums[v] = sdot_lane::<LANE>(sums[v], w, x);
            }
        }
    }
}

/// As [`long`], with `smmla`.
///
/// # Safety
/// As for [`long`], of a panel in pairs of columns; the processor has `smmla`.
#[inline(always)]
unsafe fn matrix<P: Packed, const M: usize>(w: *const i8, x: *const i8) -> Sums<M> {
    // SAFETY: the caller's promise.
    unsafe {
        // For two rows at a time, pairs of columns: row 0 and both columns, row 1 and both.
        let mut pairs = [[vdupq_n_s32(0); PANEL / 2]; ROWS / 2];
        for i in 0..2 / P::HALVES {
            let x = inputs::<M>(x, i);
            let mut eights = [[vdupq_n_s8(0); ROWS / 2]; 2];
            for two in 0..M.div_ceil(2) {
                // A lone row goes with itself.
                let (a, b) = (x[two * 2], x[(two * 2 + 1).min(M - 1)]);
                let (a, b) = (vreinterpretq_s64_s8(a), vreinterpretq_s64_s8(b));
                eights[0][two] = vreinterpretq_s8_s64(vzip1q_s64(a, b));
                eights[1][two] = vreinterpretq_s8_s64(vzip2q_s64(a, b));
            }
            for (e, x) in eights.into_iter().enumerate() {
                for v in 0..PANEL / 2 {
                    let w = vld1q_s8(w.add(i * 256 + e * 128 + v * 16));
                    for two in 0..M.div_ceil(2) {
                        pairs[two][v] = smmla(pairs[two][v], x[two], w);
                    }
                }
            }
        }
        let mut sums = [[vdupq_n_s32(0); 4]; M];
        for (m, sums) in sums.iter_mut().enumerate() {
            for (v, sum) in sums.iter_mut().enumerate() {
                let (a, b) = (pairs[m / 2][v * 2], pairs[m / 2][v * 2 + 1]);
                let (a, b) = (vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b));
                *sum = vreinterpretq_s32_s64(if m % 2 == 0 { vzip1q_s64(a, b) } else { vzip2q_s64(a, b) });
            }
        }
        sums
    }
}

/// As [`long`], by products in i16, of the first eight columns.
///
/// # Safety
/// As for [`long`], less what it says of the processor.
#[inline(always)]
unsafe fn widening<P: Packed, const M: usize>(w: *const i8, x: *const i8) -> Sums<M> {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [[vdupq_n_s32(0); 4]; M];
        if P::BITS == 8 {
            // Two columns to a vector.
            let mut parts = [[[vdupq_n_s32(0); 2]; 2]; M];
            for i in 0..2 / P::HALVES {
                let (w, x) = (w.add(i * 256), inputs::<M>(x, i));
                widening_pair::<0, 1, M>(&mut parts, w, x);
                widening_pair::<2, 3, M>(&mut parts, w, x);
            }
            for (sums, parts) in sums.iter_mut().zip(parts) {
                for (sum, [low, high]) in sums.iter_mut().zip(parts) {
                    *sum = vpaddq_s32(low, high);
                }
            }
        } else {
            let mut parts = [[[vdupq_n_s16(0); 2]; 2]; M];
            for i in 0..2 / P::HALVES {
                let (w, x) = (w.add(i * 256), inputs::<M>(x, i));
                widening_step::<0, M>(&mut parts, w, x);
                widening_step::<1, M>(&mut parts, w, x);
                widening_step::<2, M>(&mut parts, w, x);
                widening_step::<3, M>(&mut parts, w, x);
            }
            for (sums, parts) in sums.iter_mut().zip(parts) {
                for (sum, [low, high]) in sums.iter_mut().zip(parts) {
                    *sum = vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high));
                }
            }
        }
        sums
    }
}

/// Adds the products of four inputs, those in lane `LANE`, in i16.
///
/// # Safety
/// As for [`widening`].
#[inline(always)]
unsafe fn widening_step<const LANE: i32, const M: usize>(
    parts: &mut [[[int16x8_t; 2]; 2]; M],
    w: *const i8,
    x: [int8x16_t; M],
) {
    // SAFETY: the caller's promise.
    unsafe {
        let w = w.add(LANE as usize * 64);
        let w = [vld1q_s8(w), vld1q_s8(w.add(16))];
        for (parts, x) in parts.iter_mut().zip(x) {
            let x = four_inputs::<LANE>(x);
            for ([low, high], w) in parts.iter_mut().zip(w) {
                *low = vmlal_s8(*low, vget_low_s8(w), vget_low_s8(x));
                *high = vmlal_high_s8(*high, w, x);
            }
        }
    }
}

/// Adds the products of twice four inputs, those in lanes `A` and `B`, in i32 after adding both in i16.
///
/// # Safety
/// As for [`widening`].
#[inline(always)]
unsafe fn widening_pair<const A: i32, const B: i32, const M: usize>(
    parts: &mut [[[int32x4_t; 2]; 2]; M],
    w: *const i8,
    x: [int8x16_t; M],
) {
    // SAFETY: the caller's promise.
    unsafe {
        for v in 0..2 {
            let (a, b) = (vld1q_s8(w.add(A as usize * 64 + v * 16)), vld1q_s8(w.add(B as usize * 64 + v * 16)));
            for (parts, x) in parts.iter_mut().zip(x) {
                let [low, high] = &mut parts[v];
                let (xa, xb) = (four_inputs::<A>(x), four_inputs::<B>(x));
                let sum = vmull_s8(vget_low_s8(a), vget_low_s8(xa));
                *low = vpadalq_s16(*low, vmlal_s8(sum, vget_low_s8(b), vget_low_s8(xb)));
                *high = vpadalq_s16(*high, vmlal_high_s8(vmull_high_s8(a, xa), b, xb));
            }
        }
    }
}

/// Lane `LANE`'s four inputs, four times.
#[inline(always)]
fn four_inputs<const LANE: i32>(x: int8x16_t) -> int8x16_t {
    // SAFETY: NEON is everywhere on aarch64.
    unsafe { vreinterpretq_s8_s32(vdupq_laneq_s32::<LANE>(vreinterpretq_s32_s8(x))) }
}
