//! Products of packed panels by NEON and its extensions, see [`tile`]. A vector of integers holds four inputs of four
//! columns, which `sdot` multiplies by four inputs of one row. Without it, products widen to i16 and are added there while
//! they fit: eight steps of a block if the integers have at most 6 bits, two if 8; one lane then holds two neighbouring
//! inputs' sums, and pairs are added at the end. `smmla` multiplies eight inputs of two columns by those of two rows, and
//! the four sums are put in order after the block; in its panels, lines `2s` and `2s + 1` hold inputs `8s .. 8s + 8` of two
//! columns a vector.
//!
//! The steps within a block are always compiled into the loop over blocks, where all sums stay in registers; the compiler
//! allows that only without `#[target_feature]`, so there the intrinsics are unsafe. NEON is everywhere on aarch64.

#![allow(clippy::needless_range_loop)] // one index goes through several rows and columns

use super::dots::{Dots, Kind, sdot_lane, smmla};
use super::formats::{factors, quants};
use super::lanes::{Neon, store};
use crate::kernels::cpu::formats::{Packed, with_format};
use crate::kernels::cpu::input::{BLOCK, Input};
use crate::kernels::cpu::lanes::{Floats, Lanes};
use crate::kernels::cpu::pack::{self, Panels};
use crate::kernels::cpu::panel::{Line, PANEL, Weights};
use crate::kernels::cpu::tile::{self, Asked, Part, ROWS, Tiles};
use core::arch::aarch64::*;
use ocelli_quant::TensorType;
use std::marker::PhantomData;

/// The token of an instruction set with the products of `D`.
struct With<D>(Neon, PhantomData<D>);

impl<D> Clone for With<D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D> Copy for With<D> {}

impl<D> With<D> {
    /// The token.
    ///
    /// # Safety
    /// The processor has the products of `D`.
    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn here() -> Self {
        Self(Neon::here(), PhantomData)
    }
}

/// Fills `packed` with a panel.
///
/// # Safety
/// The processor has the products of `D`.
#[target_feature(enable = "neon")]
pub unsafe fn pack<D: Dots>(weights: &Weights<'_>, packed: &mut Vec<Line>) {
    // SAFETY: the caller's promise.
    unsafe { with_format!(weights.ty, ints::<_, D>(weights, packed), pack::floats(Neon::here(), weights, packed)) }
}

/// # Safety
/// As for [`pack`].
#[target_feature(enable = "neon")]
unsafe fn ints<P: Packed, D: Dots>(weights: &Weights<'_>, packed: &mut Vec<Line>) {
    // SAFETY: the caller's promise.
    pack::ints::<P, _>(unsafe { With::<D>::here() }, weights, packed);
}

/// See [`tile::multiply`].
///
/// # Safety
/// As for [`pack`].
#[target_feature(enable = "neon")]
pub unsafe fn multiply<D: Dots>(
    weights: &Weights<'_>,
    input: &Input<'_>,
    from: usize,
    count: usize,
    packed: &[Line],
    tile: &mut [f32],
) {
    // SAFETY: the caller's promise.
    tile::multiply(unsafe { With::<D>::here() }, weights, input, from, count, packed, tile);
}

/// See [`tile::outer_rows`].
#[target_feature(enable = "neon")]
pub fn outer_rows(w: Floats<'_>, x: Floats<'_>, depth: usize, rows: usize, sums: &mut [f32], stride: usize) {
    tile::outer_rows(Neon::here(), w, x, depth, rows, sums, stride);
}

/// # Safety
/// As for [`pack`].
#[target_feature(enable = "neon")]
unsafe fn rows<P: Packed, D: Dots, const M: usize>(x: Part<'_>, lines: &[Line], tile: &mut [[f32; PANEL]]) {
    // SAFETY: the caller's promise.
    tile::rows::<P, _, M>(unsafe { With::<D>::here() }, x, lines, &mut (), tile);
}

impl<D: Dots> Panels for With<D> {
    type Lanes = Neon;

    #[inline(always)]
    fn lanes(self) -> Neon {
        self.0
    }

    #[inline(always)]
    fn quants<P: Packed>(self, block: &[u8], group: usize) -> [float32x4_t; 2] {
        // SAFETY: the token says that the instructions are there.
        unsafe {
            let [first, second] = quants::<P>(block, group);
            [vreinterpretq_f32_s8(first), vreinterpretq_f32_s8(second)]
        }
    }

    #[inline(always)]
    fn factors<P: Packed>(self, block: &[u8]) -> [[[float32x4_t; 2]; 2]; 2] {
        // SAFETY: the token says that the instructions are there.
        let factors = unsafe { factors::<P>(block) };
        [factors.scales, factors.mins]
    }

    #[inline(always)]
    fn lay<P: Packed>(self, columns: [[float32x4_t; 2]; 8], half: usize, to: &mut [[f32; 8]]) {
        if D::KIND != Kind::Matrix {
            for (to, step) in to.chunks_exact_mut(2).zip(self.0.transpose(columns)) {
                self.0.store(&mut to[half], step);
            }
            return;
        }
        for (pair, columns) in columns.as_chunks::<2>().0.iter().enumerate() {
            for sixteen in 0..2 {
                // SAFETY: the token says that the instructions are there.
                unsafe {
                    let a = vreinterpretq_f64_f32(columns[0][sixteen]);
                    let b = vreinterpretq_f64_f32(columns[1][sixteen]);
                    for (eight, v) in [vzip1q_f64(a, b), vzip2q_f64(a, b)].into_iter().enumerate() {
                        let at = (sixteen * 2 + eight) * (PANEL / 2) + half * 4 + pair;
                        store(&mut to.as_flattened_mut().as_chunks_mut().0[at], vreinterpretq_f32_f64(v));
                    }
                }
            }
        }
    }
}

impl<D: Dots> Tiles for With<D> {
    type Sums = [int32x4_t; 2];
    type Pass = ();
    const PASS: () = ();
    /// The plain products need two registers for a vector of sums: half of the columns at a time.
    const EIGHTS: usize = if matches!(D::KIND, Kind::Widening) { 1 } else { 2 };

    #[inline(always)]
    fn rows<P: Packed, const M: usize>(self, x: Part<'_>, lines: &[Line], (): &mut (), tile: &mut [[f32; PANEL]]) {
        // SAFETY: the token says that the instructions are there.
        unsafe { rows::<P, D, M>(x, lines, tile) }
    }

    #[inline(always)]
    unsafe fn sums<P: Packed, const M: usize>(
        self,
        w: *const Line,
        x: *const i8,
        Asked { half, eight, .. }: Asked,
        (): &(),
    ) -> [[[int32x4_t; 2]; 2]; M] {
        // SAFETY: the caller's promise, and the token's: the instructions are there.
        unsafe {
            let (w, x) = (w.cast::<i8>().add(half * 256 + eight * 32), x.add(half * 16));
            match D::KIND {
                Kind::Widening => widening::<P, M>(w, x),
                Kind::Long => long::<P, M>(w, x),
                Kind::Matrix => matrix::<P, M>(w, x),
            }
        }
    }

    #[inline(always)]
    fn exact<P: Packed>(self, sums: [int32x4_t; 2], _: u32, _: usize) -> [float32x4_t; 2] {
        // SAFETY: the token says that the instructions are there.
        unsafe { [vcvtq_f32_s32(sums[0]), vcvtq_f32_s32(sums[1])] }
    }

    #[inline(always)]
    fn input_sum<P: Packed>(self, inputs: u32, half: usize) -> [float32x4_t; 2] {
        let [first, second] = [inputs as u16, (inputs >> 16) as u16].map(u16::cast_signed);
        let sum = match (P::HALVES, half) {
            (1, _) => first + second,
            (_, 0) => first,
            _ => second,
        };
        self.0.splat(f32::from(sum))
    }
}

/// Sums of four columns a vector, eight columns together, for each of `M` rows.
type Sums<const M: usize> = [[[int32x4_t; 2]; 2]; M];

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
        let mut sums = [[[vdupq_n_s32(0); 2]; 2]; M];
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
                let sum = &mut sums[v / 2][v % 2];
                *sum = sdot_lane::<LANE>(*sum, w, x);
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
        let mut sums = [[[vdupq_n_s32(0); 2]; 2]; M];
        for (m, sums) in sums.iter_mut().enumerate() {
            for (v, sum) in sums.as_flattened_mut().iter_mut().enumerate() {
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
        let mut sums = [[[vdupq_n_s32(0); 2]; 2]; M];
        if P::BITS == 8 {
            // Two columns to a vector.
            let mut parts = [[[vdupq_n_s32(0); 2]; 2]; M];
            for i in 0..2 / P::HALVES {
                let (w, x) = (w.add(i * 256), inputs::<M>(x, i));
                widening_pair::<0, 1, M>(&mut parts, w, x);
                widening_pair::<2, 3, M>(&mut parts, w, x);
            }
            for (sums, parts) in sums.iter_mut().zip(parts) {
                for (sum, [low, high]) in sums[0].iter_mut().zip(parts) {
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
                for (sum, [low, high]) in sums[0].iter_mut().zip(parts) {
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
