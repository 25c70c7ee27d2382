//! Products of float formats with a few input rows, in the file's own layout: [`super::direct`] without scales.

#![allow(clippy::needless_range_loop)] // one index goes through several inputs

use super::direct::{CHAINS, finish, join};
use super::formats::{load_bf16, load_f16, load_f32};
use super::lanes::{load, load_part};
use crate::kernels::cpu::input::Input;
use crate::kernels::cpu::panel::{PANEL, Weights};
use core::arch::x86_64::*;
use ocelli_quant::TensorType;

/// Input rows that go together in products of floats.
const INPUTS: usize = 4;

/// As [`super::multiply`], for the float formats.
#[target_feature(enable = "avx2,fma,f16c")]
pub fn multiply(weights: &Weights<'_>, input: &Input<'_>, from: usize, count: usize, tile: &mut [f32]) {
    let tile = tile.as_chunks_mut::<PANEL>().0;
    if input.rows == 1 {
        // Several panels, perhaps.
        return float_rows::<1>(weights, input, from, tile);
    }
    for (i, out) in tile[..count].chunks_mut(INPUTS).enumerate() {
        let first = from + i * INPUTS;
        match out.len() {
            1 => float_rows::<1>(weights, input, first, out),
            2 => float_rows::<2>(weights, input, first, out),
            3 => float_rows::<3>(weights, input, first, out),
            _ => float_rows::<INPUTS>(weights, input, first, out),
        }
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn float_rows<const M: usize>(weights: &Weights<'_>, input: &Input<'_>, first: usize, out: &mut [[f32; PANEL]]) {
    let mut x: [&[f32]; M] = [&[]; M];
    for (m, x) in x.iter_mut().enumerate() {
        *x = input.row(first + m);
    }
    let mut sums = [[_mm256_setzero_ps(); PANEL]; M];
    let row_bytes = weights.bytes.len() / weights.rows;
    for (i, panel) in weights.bytes.chunks(PANEL * row_bytes).enumerate() {
        for (n, row) in panel.chunks_exact(row_bytes).take(PANEL).enumerate() {
            let acc = match weights.ty {
                TensorType::F16 => floats::<M, _>(row, x, |v| load_f16(v)),
                TensorType::BF16 => floats::<M, _>(row, x, |v| load_bf16(v)),
                _ => floats::<M, _>(row, x, |v| load_f32(v)),
            };
            join(acc, n, &mut sums);
        }
        finish(&sums, &mut out[i * M..][..M]);
    }
}

/// The products of a weight row with `M` input rows; `load8` brings eight weights, `N` bytes, to f32.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn floats<const M: usize, const N: usize>(
    row: &[u8],
    x: [&[f32]; M],
    load8: impl Fn(&[u8; N]) -> __m256,
) -> [[__m256; 4]; M] {
    let mut acc = [[_mm256_setzero_ps(); 4]; M];
    let (weights, tail) = row.as_chunks::<N>();
    let mut inputs: [&[[f32; 8]]; M] = [&[]; M];
    for m in 0..M {
        inputs[m] = &x[m].as_chunks::<8>().0[..weights.len()];
    }
    let (fours, rest) = weights.as_chunks::<4>();
    for (i, four) in fours.iter().enumerate() {
        for (j, w) in four.iter().enumerate() {
            let w = load8(w);
            for m in 0..M {
                let sum = &mut acc[m][j % CHAINS];
                *sum = _mm256_fmadd_ps(w, load(&inputs[m][i * 4 + j]), *sum);
            }
        }
    }
    for (j, w) in rest.iter().enumerate() {
        let w = load8(w);
        for m in 0..M {
            acc[m][0] = _mm256_fmadd_ps(w, load(&inputs[m][fours.len() * 4 + j]), acc[m][0]);
        }
    }
    if !tail.is_empty() {
        let mut bytes = [0; N];
        bytes[..tail.len()].copy_from_slice(tail);
        let w = load8(&bytes);
        for m in 0..M {
            acc[m][0] = _mm256_fmadd_ps(w, load_part(&x[m][weights.len() * 8..]), acc[m][0]);
        }
    }
    acc
}
