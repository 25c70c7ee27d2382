//! Unpacking a panel for [`super::tile`]: sixteen weight rows become columns, once for all input rows.
//!
//! A block of 32 inputs becomes, in lines of 64 bytes: the scales of the 16 columns (one line for each half that has its
//! own), their minima where the format has them, and eight lines of signed integers. For `smmla`, lines `2s` and
//! `2s + 1` hold inputs `8s .. 8s + 8` of two columns a vector; otherwise line `s` holds inputs `4s .. 4s + 4` of four
//! columns a vector.

#![allow(clippy::needless_range_loop)] // one index goes through several rows and columns

use super::dots::{Dots, Kind};
use super::formats::{factors, load_bf16, load_f16, load_f32, quants};
use super::lanes::{store, transpose};
use crate::kernels::cpu::formats::{Packed, with_format};
use crate::kernels::cpu::input::BLOCK;
use crate::kernels::cpu::panel::{Line, PANEL, Weights};
use core::arch::aarch64::*;
use ocelli_quant::TensorType;

/// Lines a group of 32 inputs takes: scales, minima, integers.
pub const fn lines<P: Packed>() -> usize {
    P::HALVES + P::MINS + 8
}

/// Makes room for a panel of `count` lines.
fn reserve(packed: &mut Vec<Line>, count: usize) {
    if packed.len() < count {
        packed.resize(count, bytemuck::Zeroable::zeroed());
    }
}

/// Fills `packed` with a panel.
#[target_feature(enable = "neon")]
pub fn pack<D: Dots>(weights: &Weights<'_>, packed: &mut Vec<Line>) {
    with_format!(weights.ty, ints::<_, D>(weights, packed), pack_floats(weights, packed));
}

#[target_feature(enable = "neon")]
fn pack_floats(weights: &Weights<'_>, packed: &mut Vec<Line>) {
    reserve(packed, weights.width);
    match weights.ty {
        TensorType::F16 => floats(weights, bytemuck::cast_slice_mut(packed), |v| load_f16(v)),
        TensorType::BF16 => floats(weights, bytemuck::cast_slice_mut(packed), |v| load_bf16(v)),
        _ => floats(weights, bytemuck::cast_slice_mut(packed), |v| load_f32(v)),
    }
}

/// Packs floats k-major, sixteen columns a line. `load4` brings four of them, `N` bytes, to f32.
#[inline]
#[target_feature(enable = "neon")]
fn floats<const N: usize>(weights: &Weights<'_>, packed: &mut [f32], load4: impl Fn(&[u8; N]) -> float32x4_t) {
    let row_bytes = weights.bytes.len() / weights.rows;
    let mut rows: [&[u8]; PANEL] = [&[]; PANEL];
    for (row, bytes) in rows.iter_mut().zip(weights.bytes.chunks_exact(row_bytes)) {
        *row = bytes;
    }
    let columns = packed.as_chunks_mut::<PANEL>().0;
    for (k, columns) in columns[..weights.width].chunks_mut(4).enumerate() {
        for (v, rows) in rows.as_chunks::<4>().0.iter().enumerate() {
            let mut r = [vdupq_n_f32(0.0); 4];
            for (r, row) in r.iter_mut().zip(rows) {
                let rest = row.get(k * N..).unwrap_or(&[]);
                *r = if let Some(bytes) = rest.first_chunk() {
                    load4(bytes)
                } else {
                    let mut bytes = [0; N];
                    bytes[..rest.len()].copy_from_slice(rest);
                    load4(&bytes)
                };
            }
            for (column, r) in columns.iter_mut().zip(transpose(r)) {
                store(&mut column.as_chunks_mut().0[v], r);
            }
        }
    }
}

/// Packs a block format.
#[target_feature(enable = "neon")]
fn ints<P: Packed, D: Dots>(weights: &Weights<'_>, packed: &mut Vec<Line>) {
    let lines = const { lines::<P>() };
    reserve(packed, weights.width / BLOCK * lines);
    let row_bytes = weights.bytes.len() / weights.rows;
    // The factors of a file's block for each column: scales of both halves, minima of both.
    let mut all = [[[0f32; 8]; 4]; PANEL];
    for (b, lines) in packed.chunks_exact_mut(lines).take(weights.width / BLOCK).enumerate() {
        let (block, group) = (b / P::GROUPS, b % P::GROUPS);
        let (head, body) = lines.split_at_mut(P::HALVES + P::MINS);
        let head: &mut [f32] = bytemuck::cast_slice_mut(head);
        let body: &mut [[f32; 4]] = bytemuck::cast_slice_mut(body);
        head.fill(0.0);
        for four in 0..PANEL / 4 {
            let mut w = [[vdupq_n_f32(0.0); 4]; 2];
            for i in 0..weights.rows.saturating_sub(four * 4).min(4) {
                let n = four * 4 + i;
                let block = &weights.bytes[n * row_bytes + block * P::BYTES..][..P::BYTES];
                let [first, second] = quants::<P>(block, group);
                w[0][i] = vreinterpretq_f32_s8(first);
                w[1][i] = vreinterpretq_f32_s8(second);
                let all = &mut all[n];
                if group == 0 {
                    let f = factors::<P>(block);
                    for (to, v) in all.iter_mut().zip(f.scales.into_iter().chain(f.mins)) {
                        let to = to.as_chunks_mut().0;
                        store(&mut to[0], v[0]);
                        store(&mut to[1], v[1]);
                    }
                }
                for h in 0..P::HALVES {
                    head[h * PANEL + n] = all[h][group];
                }
                for h in 0..P::MINS {
                    head[(P::HALVES + h) * PANEL + n] = all[2 + h][group];
                }
            }
            for (half, w) in w.into_iter().enumerate() {
                if matches!(D::KIND, Kind::Matrix) {
                    for pair in 0..2 {
                        let [a, b] = [w[pair * 2], w[pair * 2 + 1]].map(|v| vreinterpretq_f64_f32(v));
                        let eights = [vzip1q_f64(a, b), vzip2q_f64(a, b)];
                        for (i, v) in eights.into_iter().enumerate() {
                            store(&mut body[(half * 2 + i) * 8 + four * 2 + pair], vreinterpretq_f32_f64(v));
                        }
                    }
                } else {
                    for (i, v) in transpose(w).into_iter().enumerate() {
                        store(&mut body[(half * 4 + i) * 4 + four], v);
                    }
                }
            }
        }
    }
}
