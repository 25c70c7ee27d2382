//! Products of a packed panel with a group of input rows, all sums in registers: eight rows by sixteen columns of int32
//! for the block at hand and as many of f32 for the whole width. A panel's line is a register, and an input of four bytes
//! is the instruction's own broadcast, so a step of eight products costs nine loads.
//!
//! Weights that were made unsigned by adding 128 have 128 times the input's sum too much: the int32 sums begin at minus
//! that, which the input has ready (see [`Step::Zero`]), and the integers stay exact.

use crate::kernels::cpu::avx2::formats::{factors, quants};
use crate::kernels::cpu::avx2::lanes::Avx2;
use crate::kernels::cpu::formats::{Packed, with_format};
use crate::kernels::cpu::input::{BLOCK, GROUP, Input, STEP, Step};
use crate::kernels::cpu::pack::{self, Panels};
use crate::kernels::cpu::panel::{Line, PANEL, Weights};
use core::arch::x86_64::*;
use ocelli_quant::TensorType;

/// Blocks of 32 a pass, so that its part of the panel stays in the first-level cache for all rows of the tile.
const DEPTH: usize = 24;

/// Fills `packed` with a panel of a block format.
#[target_feature(enable = "avx2,fma,f16c")]
pub fn pack(weights: &Weights<'_>, packed: &mut Vec<Line>) {
    with_format!(weights.ty, ints::<_>(weights, packed), ());
}

#[target_feature(enable = "avx2,fma,f16c")]
fn ints<P: Packed>(weights: &Weights<'_>, packed: &mut Vec<Line>) {
    pack::ints::<P, _>(Bytes(Avx2::here()), weights, packed);
}

/// Panels in which all are bytes, whatever their width, and what was added to make them unsigned is always 128.
#[derive(Clone, Copy)]
struct Bytes(Avx2);

impl Panels for Bytes {
    type Lanes = Avx2;

    #[inline(always)]
    fn lanes(self) -> Avx2 {
        self.0
    }

    #[inline(always)]
    fn quants<P: Packed>(self, block: &[u8], group: usize) -> __m256 {
        // SAFETY: the token says that the instructions are there.
        unsafe {
            let q = quants::<P>(block, group);
            let shift = _mm256_set1_epi8((128 - P::ZERO) as i8);
            _mm256_castsi256_ps(if P::ZERO > 0 { _mm256_add_epi8(q, shift) } else { q })
        }
    }

    #[inline(always)]
    fn factors<P: Packed>(self, block: &[u8]) -> [[__m256; 2]; 2] {
        // SAFETY: the token says that the instructions are there.
        let factors = unsafe { factors::<P>(block) };
        [factors.scales, factors.mins]
    }
}

/// `tile[m * PANEL + n] = weights[n] · input[from + m]`, the weights packed.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512vnni")]
pub fn multiply(
    weights: &Weights<'_>,
    input: &Input<'_>,
    from: usize,
    count: usize,
    packed: &[Line],
    tile: &mut [f32],
) {
    let tile = &mut tile.as_chunks_mut::<PANEL>().0[..count];
    tile.as_flattened_mut().fill(0.0);
    with_format!(weights.ty, groups::<_>(input, from, packed, tile), ());
}

#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512vnni")]
fn groups<P: Packed>(input: &Input<'_>, from: usize, panel: &[Line], tile: &mut [[f32; PANEL]]) {
    let blocks = input.width / BLOCK;
    let lines = pack::lines::<Bytes, P>();
    for first in (0..blocks).step_by(DEPTH) {
        let depth = DEPTH.min(blocks - first);
        let panel = &panel[first * lines..(first + depth) * lines];
        for (g, out) in tile.chunks_mut(GROUP).enumerate() {
            let rows = out.len();
            let at = (from + g * GROUP) * blocks + first * rows;
            let quants = &input.quants[at * BLOCK..(at + rows * depth) * BLOCK];
            let steps = &input.steps[at * STEP..(at + rows * depth) * STEP];
            match rows {
                1 => group::<P, 1>(panel, quants, steps, out),
                2 => group::<P, 2>(panel, quants, steps, out),
                3 => group::<P, 3>(panel, quants, steps, out),
                4 => group::<P, 4>(panel, quants, steps, out),
                5 => group::<P, 5>(panel, quants, steps, out),
                6 => group::<P, 6>(panel, quants, steps, out),
                7 => group::<P, 7>(panel, quants, steps, out),
                _ => group::<P, GROUP>(panel, quants, steps, out),
            }
        }
    }
}

/// Adds the products of some blocks to a group of exactly `M` rows. Loops count to `M`: those over zipped arrays are not always
/// unrolled, and then every sum goes through memory.
#[allow(clippy::needless_range_loop)]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512vnni")]
fn group<P: Packed, const M: usize>(panel: &[Line], quants: &[i8], steps: &[u32], out: &mut [[f32; PANEL]]) {
    let lines = pack::lines::<Bytes, P>();
    let blocks = panel.len() / lines;
    assert!(out.len() == M && panel.len() == blocks * lines);
    assert!(quants.len() == blocks * M * BLOCK && steps.len() == blocks * M * STEP);
    let mut sums = [_mm512_setzero_ps(); M];
    for (out, sum) in out.iter().zip(&mut sums) {
        // SAFETY: a row is sixteen floats.
        *sum = unsafe { _mm512_loadu_ps(out.as_ptr()) };
    }
    for b in 0..blocks {
        // SAFETY: the asserted lengths. A block of the panel is scales, minima and eight lines of integers, see
        // `pack`; a block of the input is 32 integers and `STEP` numbers for each of `M` rows.
        unsafe {
            let line = panel.as_ptr().add(b * lines);
            let factor = |i: usize| _mm512_load_ps(line.add(i).cast());
            let weights = line.add(P::HALVES + P::MINS);
            let x = quants.as_ptr().add(b * M * BLOCK);
            let step = steps.as_ptr().add(b * M * STEP);
            let int = |which: Step, m: usize| _mm512_set1_epi32(step.add(which as usize * M + m).cast::<i32>().read());
            let float = |which: Step, m: usize| _mm512_set1_ps(step.add(which as usize * M + m).cast::<f32>().read());
            let mut scaled = [_mm512_setzero_ps(); M];
            for half in 0..P::HALVES {
                let which = match (P::HALVES, half) {
                    (1, _) => Step::Zero,
                    (_, 0) => Step::FirstZero,
                    _ => Step::SecondZero,
                };
                let mut dots = [_mm512_setzero_si512(); M];
                if P::ZERO > 0 {
                    for m in 0..M {
                        dots[m] = int(which, m);
                    }
                }
                let per_half = 8 / P::HALVES;
                for s in half * per_half..(half + 1) * per_half {
                    let w = _mm512_load_si512(weights.add(s).cast());
                    for m in 0..M {
                        let x = _mm512_set1_epi32(x.add(m * BLOCK + s * 4).cast::<i32>().read_unaligned());
                        dots[m] = _mm512_dpbusd_epi32(dots[m], w, x);
                    }
                }
                let scale = factor(half);
                for m in 0..M {
                    let dot = _mm512_cvtepi32_ps(dots[m]);
                    scaled[m] =
                        if half == 0 { _mm512_mul_ps(dot, scale) } else { _mm512_fmadd_ps(dot, scale, scaled[m]) };
                }
            }
            for m in 0..M {
                sums[m] = _mm512_fmadd_ps(scaled[m], float(Step::Scale, m), sums[m]);
            }
            for half in 0..P::MINS {
                let which = match (P::MINS, half) {
                    (1, _) => Step::Offset,
                    (_, 0) => Step::FirstOffset,
                    _ => Step::SecondOffset,
                };
                let min = factor(P::HALVES + half);
                for m in 0..M {
                    sums[m] = _mm512_fnmadd_ps(min, float(which, m), sums[m]);
                }
            }
        }
    }
    for (out, sum) in out.iter_mut().zip(sums) {
        // SAFETY: a row is sixteen floats.
        unsafe { _mm512_storeu_ps(out.as_mut_ptr(), sum) };
    }
}
