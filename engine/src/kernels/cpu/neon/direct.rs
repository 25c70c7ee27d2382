//! Products of the file's own layout with a few input rows: token time, when reading the weights is all the cost.
//!
//! Four weight rows go together: the four lanes of each one's product are added up by pairs until a vector holds one
//! lane a row, so that conversion, scaling and the sum over blocks are one instruction each for all four. Two input
//! rows at once share the unpacked weights. Each product is summed the same way alone; the last rows of a panel
//! stand in for those that are missing from a four.

#![allow(clippy::needless_range_loop)] // one index goes through several rows and inputs

use super::dots::{Dots, products};
use super::formats::{factors, half, load_bf16, load_f16, load_f32, quants};
use super::lanes::{int_sums, load, load_part, store, sums, transpose, widen};
use crate::kernels::cpu::formats::{Packed, with_format};
use crate::kernels::cpu::input::{BLOCK, GROUP, Input};
use crate::kernels::cpu::panel::{PANEL, Weights};
use core::arch::aarch64::*;
use ocelli_quant::TensorType;

/// Weight rows that go together.
const ROWS: usize = 4;

/// Input rows that go together.
const INPUTS: usize = 2;

/// The rows from row `n` of a panel on; past its end, the last one.
#[inline]
fn rows<'a>(weights: &Weights<'a>, n: usize) -> [&'a [u8]; ROWS] {
    let row_bytes = weights.bytes.len() / weights.rows;
    let mut rows: [&[u8]; ROWS] = [&[]; ROWS];
    for (j, row) in rows.iter_mut().enumerate() {
        *row = &weights.bytes[(n + j).min(weights.rows - 1) * row_bytes..][..row_bytes];
    }
    rows
}

/// As [`multiply`], for the float formats.
#[target_feature(enable = "neon")]
pub fn multiply_floats(weights: &Weights<'_>, input: &Input<'_>, from: usize, count: usize, tile: &mut [f32]) {
    let tile = tile.as_chunks_mut::<PANEL>().0;
    // Input rows inside: they find four weight rows in the first-level cache.
    for n in (0..weights.rows).step_by(ROWS) {
        let rows = rows(weights, n);
        // More weights than a panel come with one input row only.
        for (m, out) in tile[n / PANEL..][..count].iter_mut().enumerate() {
            let x = input.row(from + m);
            let sums = match weights.ty {
                TensorType::F16 => floats(rows, x, |v| load_f16(v)),
                TensorType::BF16 => floats(rows, x, |v| load_bf16(v)),
                _ => floats(rows, x, |v| load_f32(v)),
            };
            store(&mut out.as_chunks_mut().0[n % PANEL / ROWS], sums);
        }
    }
}

/// The products of four weight rows with an input row. `load4` brings four numbers, `N` bytes, to f32.
#[inline]
#[target_feature(enable = "neon")]
fn floats<const N: usize>(rows: [&[u8]; ROWS], x: &[f32], load4: impl Fn(&[u8; N]) -> float32x4_t) -> float32x4_t {
    let mut acc = [[vdupq_n_f32(0.0); 2]; ROWS];
    let (xs, x_tail) = x.as_chunks::<4>();
    let mut chunks: [&[[u8; N]]; ROWS] = [&[]; ROWS];
    for (chunks, row) in chunks.iter_mut().zip(rows) {
        *chunks = &row.as_chunks().0[..xs.len()];
    }
    for (i, x) in xs.as_chunks::<2>().0.iter().enumerate() {
        let x = [load(&x[0]), load(&x[1])];
        for (acc, row) in acc.iter_mut().zip(chunks) {
            acc[0] = vfmaq_f32(acc[0], load4(&row[i * 2]), x[0]);
            acc[1] = vfmaq_f32(acc[1], load4(&row[i * 2 + 1]), x[1]);
        }
    }
    if xs.len() % 2 == 1 {
        let last = xs.len() - 1;
        let x = load(&xs[last]);
        for (acc, row) in acc.iter_mut().zip(chunks) {
            acc[0] = vfmaq_f32(acc[0], load4(&row[last]), x);
        }
    }
    if !x_tail.is_empty() {
        let x = load_part(x_tail);
        for (acc, row) in acc.iter_mut().zip(rows) {
            let tail = row.as_chunks::<N>().1;
            let mut bytes = [0; N];
            bytes[..tail.len()].copy_from_slice(tail);
            acc[1] = vfmaq_f32(acc[1], load4(&bytes), x);
        }
    }
    let both = |r: usize| vaddq_f32(acc[r][0], acc[r][1]);
    sums([both(0), both(1), both(2), both(3)])
}

/// `M` input rows in int8 blocks.
#[derive(Clone, Copy)]
struct Rows<'a, const M: usize> {
    /// From the first row's first block on; a block of all rows of the group, then the next.
    quants: &'a [[i8; BLOCK]],
    /// Rows of the group.
    group: usize,
    scales: [&'a [f32]; M],
    sums: [&'a [[i16; 2]]; M],
}

impl<'a, const M: usize> Rows<'a, M> {
    /// Rows from `first` on, all of one group.
    fn of(input: &Input<'a>, first: usize) -> Self {
        let start = first / GROUP * GROUP;
        let quants = &input.quants[start * input.width + (first - start) * BLOCK..];
        let mut rows =
            Self { quants: quants.as_chunks().0, group: input.group_rows(start), scales: [&[]; M], sums: [&[]; M] };
        for m in 0..M {
            let (scales, sums) = input.factors(first + m);
            rows.scales[m] = scales;
            rows.sums[m] = sums.as_chunks().0;
        }
        rows
    }

    /// Blocks a row, after making sure that they are all there.
    #[inline]
    fn blocks(&self) -> usize {
        let blocks = self.scales[0].len();
        assert!(self.scales.iter().all(|s| s.len() == blocks) && self.sums.iter().all(|s| s.len() == blocks));
        assert!(blocks > 0 && self.quants.len() >= (blocks - 1) * self.group + M);
        blocks
    }

    /// The integers of block `b` of row `m`.
    ///
    /// # Safety
    /// `b` is below [`Rows::blocks`].
    #[inline(always)]
    unsafe fn load(&self, m: usize, b: usize) -> [int8x16_t; 2] {
        // SAFETY: a block is 32 bytes, and it is there; so is NEON on every aarch64.
        unsafe {
            let at = self.quants.as_ptr().add(b * self.group + m).cast::<i8>();
            [vld1q_s8(at), vld1q_s8(at.add(16))]
        }
    }

    /// The scale of block `b` of row `m`.
    ///
    /// # Safety
    /// `b` is below [`Rows::blocks`].
    #[inline(always)]
    unsafe fn scale(&self, m: usize, b: usize) -> f32 {
        // SAFETY: the caller's promise.
        unsafe { *self.scales[m].get_unchecked(b) }
    }

    /// Scale times sum of block `b` of row `m`: of the whole block, or of half `h` of it.
    ///
    /// # Safety
    /// `b` is below [`Rows::blocks`].
    #[inline(always)]
    unsafe fn offset<P: Packed>(&self, m: usize, b: usize, h: usize) -> f32 {
        // SAFETY: the caller's promise.
        let (scale, [first, second]) = unsafe { (self.scale(m, b), *self.sums[m].get_unchecked(b)) };
        let sum = match (P::MINS, h) {
            (1, _) => first + second,
            (_, 0) => first,
            _ => second,
        };
        scale * f32::from(sum)
    }
}

/// Block `i` of a row of blocks of a format.
///
/// # Safety
/// The row has more than `i` of them.
#[inline]
unsafe fn block<P: Packed>(row: &[u8], i: usize) -> &[u8] {
    // SAFETY: the caller's promise.
    unsafe { row.get_unchecked(i * P::BYTES..(i + 1) * P::BYTES) }
}

/// `tile[m * PANEL + n] = weights[n] · input[from + m]`, for the block formats.
///
/// # Safety
/// The processor has the products of `D`.
#[target_feature(enable = "neon")]
pub unsafe fn multiply<D: Dots>(weights: &Weights<'_>, input: &Input<'_>, from: usize, count: usize, tile: &mut [f32]) {
    let tile = tile.as_chunks_mut::<PANEL>().0;
    if input.rows == 1 {
        // SAFETY: the caller's promise.
        return unsafe { rows_with::<D, 1>(weights, input, from, tile) };
    }
    for (i, out) in tile[..count].chunks_mut(INPUTS).enumerate() {
        let first = from + i * INPUTS;
        // SAFETY: the caller's promise.
        unsafe {
            match out.len() {
                1 => rows_with::<D, 1>(weights, input, first, out),
                _ => rows_with::<D, INPUTS>(weights, input, first, out),
            }
        }
    }
}

/// All weight rows with `M` input rows.
///
/// # Safety
/// As for [`multiply`].
#[target_feature(enable = "neon")]
unsafe fn rows_with<D: Dots, const M: usize>(
    weights: &Weights<'_>,
    input: &Input<'_>,
    first: usize,
    out: &mut [[f32; PANEL]],
) {
    let x = Rows::<M>::of(input, first);
    for n in (0..weights.rows).step_by(ROWS) {
        let rows = rows(weights, n);
        // SAFETY: the caller's promise.
        let sums = unsafe { with_format!(weights.ty, blocks::<_, D, M>(rows, x), [vdupq_n_f32(0.0); M]) };
        // More than a panel come with one input row only.
        for (out, sums) in out[n / PANEL..].iter_mut().zip(sums) {
            store(&mut out.as_chunks_mut().0[n % PANEL / ROWS], sums);
        }
    }
}

/// The products of four weight rows with `M` input rows.
///
/// # Safety
/// As for [`multiply`].
#[inline]
#[target_feature(enable = "neon")]
unsafe fn blocks<P: Packed, D: Dots, const M: usize>(rows: [&[u8]; ROWS], x: Rows<'_, M>) -> [float32x4_t; M] {
    // SAFETY: the caller's promise.
    unsafe { if P::GROUPS == 1 { short::<P, D, M>(rows, x) } else { long::<P, D, M>(rows, x) } }
}

/// Formats whose blocks hold 32 weights.
///
/// # Safety
/// As for [`multiply`].
#[target_feature(enable = "neon")]
unsafe fn short<P: Packed, D: Dots, const M: usize>(rows: [&[u8]; ROWS], x: Rows<'_, M>) -> [float32x4_t; M] {
    let mut acc = [vdupq_n_f32(0.0); M];
    let blocks = x.blocks();
    assert!(rows.iter().all(|row| row.len() >= blocks * P::BYTES));
    for b in 0..blocks {
        // SAFETY: `b` is below `blocks`, and the caller's promise.
        unsafe {
            let block = |r: usize| block::<P>(rows[r], b);
            let mut dots = [[vdupq_n_s32(0); ROWS]; M];
            for r in 0..ROWS {
                let w = quants::<P>(block(r), 0);
                for m in 0..M {
                    dots[m][r] = products::<P, D>(w, x.load(m, b))[0];
                }
            }
            let numbers =
                |at: usize| widen([half(block(0), at), half(block(1), at), half(block(2), at), half(block(3), at)]);
            let scales = numbers(0);
            for m in 0..M {
                let dot = vmulq_f32(int_sums(dots[m]), scales);
                acc[m] = vfmaq_n_f32(acc[m], dot, x.scale(m, b));
                if P::MINS == 1 {
                    // The file's m is added.
                    acc[m] = vfmaq_n_f32(acc[m], numbers(2), x.offset::<P>(m, b, 0));
                }
            }
        }
    }
    acc
}

/// A body for each of eight groups, unrolled: which bits of a block a group has must be known when it is compiled.
macro_rules! eight {
    ($g:ident => $body:block) => {
        eight!(@ $g, $body, 0, 1, 2, 3, 4, 5, 6, 7)
    };
    (@ $g:ident, $body:block, $($i:literal),*) => {
        $({
            const G: usize = $i;
            let $g = G;
            $body
        })*
    };
}

/// Formats whose blocks hold 256 weights.
///
/// # Safety
/// As for [`multiply`].
#[target_feature(enable = "neon")]
unsafe fn long<P: Packed, D: Dots, const M: usize>(rows: [&[u8]; ROWS], x: Rows<'_, M>) -> [float32x4_t; M] {
    let mut acc = [vdupq_n_f32(0.0); M];
    let blocks = x.blocks() / 8;
    assert!(rows.iter().all(|row| row.len() >= blocks * P::BYTES));
    for i in 0..blocks {
        // SAFETY: `i` is below `blocks` and a group below eight times that, and the caller's promise.
        unsafe {
            let block =
                [block::<P>(rows[0], i), block::<P>(rows[1], i), block::<P>(rows[2], i), block::<P>(rows[3], i)];
            let f = [factors::<P>(block[0]), factors::<P>(block[1]), factors::<P>(block[2]), factors::<P>(block[3])];
            // A vector of the four rows' factors for each half and group.
            let mut scales = [[vdupq_n_f32(0.0); 8]; 2];
            let mut mins = scales;
            for four in 0..2 {
                for h in 0..P::HALVES {
                    let r = [f[0].scales[h][four], f[1].scales[h][four], f[2].scales[h][four], f[3].scales[h][four]];
                    scales[h][four * 4..four * 4 + 4].copy_from_slice(&transpose(r));
                }
                for h in 0..P::MINS {
                    let r = [f[0].mins[h][four], f[1].mins[h][four], f[2].mins[h][four], f[3].mins[h][four]];
                    mins[h][four * 4..four * 4 + 4].copy_from_slice(&transpose(r));
                }
            }
            eight!(g => {
                let b = i * 8 + g;
                let mut dots = [[[vdupq_n_s32(0); ROWS]; 2]; M];
                for r in 0..ROWS {
                    let w = quants::<P>(block[r], g);
                    for m in 0..M {
                        let [first, second] = products::<P, D>(w, x.load(m, b));
                        dots[m][0][r] = first;
                        dots[m][1][r] = second;
                    }
                }
                for m in 0..M {
                    let mut dot = vmulq_f32(int_sums(dots[m][0]), scales[0][g]);
                    if P::HALVES == 2 {
                        dot = vfmaq_f32(dot, int_sums(dots[m][1]), scales[1][g]);
                    }
                    acc[m] = vfmaq_n_f32(acc[m], dot, x.scale(m, b));
                    for h in 0..P::MINS {
                        acc[m] = vfmsq_n_f32(acc[m], mins[h][g], x.offset::<P>(m, b, h));
                    }
                }
            });
        }
    }
    acc
}
