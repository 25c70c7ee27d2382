//! Unpacking a panel for [`super::tile`]: sixteen weight rows become columns, once for all input rows.
//!
//! A block of 32 inputs becomes, in lines of 64 bytes: the scales of the 16 columns (one line for each half that has its
//! own), their minima where the format has them, and eight lines a plane of integers: line `s` of a one-plane format
//! holds inputs `4s .. 4s + 4` of columns 0 to 7 and then 8 to 15, unsigned. Eight bits are too wide for AVX2's product of
//! unsigned and signed bytes: there are two planes then, as i16, and two lines a step, the even inputs of all columns
//! and the odd ones.

use super::formats::{factors, load_bf16, load_f16, load_f32, quants};
use super::lanes::{prefetch, store, transpose};
use crate::kernels::cpu::formats::{Packed, with_format};
use crate::kernels::cpu::input::BLOCK;
use crate::kernels::cpu::panel::{Line, PANEL, Weights};
use core::arch::x86_64::*;
use ocelli_quant::TensorType;

/// Bytes ahead of the loads that are asked for: with sixteen rows at once the processor loses track.
const AHEAD: usize = 512;

/// Lines a group of 32 inputs takes: scales, minima, integers.
pub const fn lines<P: Packed, const ONE_PLANE: bool>() -> usize {
    P::HALVES + P::MINS + if ONE_PLANE { 8 } else { 8 * planes::<P>() }
}

/// Vectors a step takes for eight columns where not all formats have `ONE_PLANE`.
pub const fn planes<P: Packed>() -> usize {
    if P::BITS == 8 { 2 } else { 1 }
}

/// Makes room for a panel of `count` lines.
fn reserve(packed: &mut Vec<Line>, count: usize) {
    if packed.len() < count {
        packed.resize(count, bytemuck::Zeroable::zeroed());
    }
}

/// Fills `packed` with a panel.
#[target_feature(enable = "avx2,fma,f16c")]
pub fn pack(weights: &Weights<'_>, packed: &mut Vec<Line>) {
    with_format!(weights.ty, ints::<_, false>(weights, packed), pack_floats(weights, packed));
}

/// Fills `packed` with a panel of a float format.
#[target_feature(enable = "avx2,fma,f16c")]
pub fn pack_floats(weights: &Weights<'_>, packed: &mut Vec<Line>) {
    reserve(packed, weights.width);
    match weights.ty {
        TensorType::F16 => floats(weights, bytemuck::cast_slice_mut(packed), |v| load_f16(v)),
        TensorType::BF16 => floats(weights, bytemuck::cast_slice_mut(packed), |v| load_bf16(v)),
        _ => floats(weights, bytemuck::cast_slice_mut(packed), |v| load_f32(v)),
    }
}

/// Packs floats k-major. `load` brings eight of them, `N` bytes, to f32.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn floats<const N: usize>(weights: &Weights<'_>, packed: &mut [f32], load8: impl Fn(&[u8; N]) -> __m256) {
    let row_bytes = weights.bytes.len() / weights.rows;
    let mut rows: [&[u8]; PANEL] = [&[]; PANEL];
    for (row, bytes) in rows.iter_mut().zip(weights.bytes.chunks_exact(row_bytes)) {
        *row = bytes;
    }
    let columns = packed.as_chunks_mut::<{ 2 * 8 }>().0;
    for k in 0..weights.width.div_ceil(8) {
        let columns = &mut columns[k * 8..weights.width.min(k * 8 + 8)];
        for half in 0..2 {
            let mut r = [_mm256_setzero_ps(); 8];
            for (r, row) in r.iter_mut().zip(&rows[half * 8..half * 8 + 8]) {
                let rest = row.get(k * N..).unwrap_or(&[]);
                *r = if let Some(bytes) = rest.first_chunk() {
                    prefetch(bytes.as_ptr().wrapping_add(AHEAD), 1);
                    load8(bytes)
                } else {
                    let mut bytes = [0; N];
                    bytes[..rest.len()].copy_from_slice(rest);
                    load8(&bytes)
                };
            }
            let r = transpose(r);
            for (i, column) in columns.iter_mut().enumerate() {
                store(&mut column.as_chunks_mut().0[half], r[i]);
            }
        }
    }
}

/// Packs a block format. With `ONE_PLANE` all are bytes, whatever their width, and what was added to make them unsigned
/// is always 128: for kernels whose instructions have room for that.
#[target_feature(enable = "avx2,fma,f16c")]
pub fn ints<P: Packed, const ONE_PLANE: bool>(weights: &Weights<'_>, packed: &mut Vec<Line>) {
    let lines = lines::<P, ONE_PLANE>();
    reserve(packed, weights.width / BLOCK * lines);
    let row_bytes = weights.bytes.len() / weights.rows;
    // The factors of a file's block for each column: scales of both halves, minima of both.
    let mut all = [[[0f32; 8]; 4]; PANEL];
    let shift = _mm256_set1_epi8((128 - P::ZERO) as i8);
    for (b, lines) in packed.chunks_exact_mut(lines).take(weights.width / BLOCK).enumerate() {
        let (block, group) = (b / P::GROUPS, b % P::GROUPS);
        let (head, body) = lines.split_at_mut(P::HALVES + P::MINS);
        let head: &mut [f32] = bytemuck::cast_slice_mut(head);
        head.fill(0.0);
        for half in 0..2 {
            let mut r = [_mm256_setzero_ps(); 8];
            for (i, r) in r.iter_mut().enumerate().take(weights.rows.saturating_sub(half * 8)) {
                let n = half * 8 + i;
                let block = &weights.bytes[n * row_bytes + block * P::BYTES..][..P::BYTES];
                prefetch(block.as_ptr().wrapping_add(group * P::BYTES / P::GROUPS + AHEAD), 1);
                let q = quants::<P>(block, group);
                let q = if ONE_PLANE && P::ZERO > 0 { _mm256_add_epi8(q, shift) } else { q };
                *r = _mm256_castsi256_ps(q);
                let all = &mut all[n];
                if group == 0 {
                    let f = factors::<P>(block);
                    for (to, v) in all.iter_mut().zip(f.scales.into_iter().chain(f.mins)) {
                        store(to, v);
                    }
                }
                for h in 0..P::HALVES {
                    head[h * PANEL + n] = all[h][group];
                }
                for h in 0..P::MINS {
                    head[(P::HALVES + h) * PANEL + n] = all[2 + h][group];
                }
            }
            let vectors: &mut [[f32; 8]] = bytemuck::cast_slice_mut(body);
            for (step, v) in transpose(r).into_iter().enumerate() {
                if ONE_PLANE || planes::<P>() == 1 {
                    store(&mut vectors[step * 2 + half], v);
                } else {
                    let [even, odd] = widen(_mm256_xor_si256(_mm256_castps_si256(v), _mm256_set1_epi8(-128)));
                    store(&mut vectors[step * 4 + half], _mm256_castsi256_ps(even));
                    store(&mut vectors[step * 4 + 2 + half], _mm256_castsi256_ps(odd));
                }
            }
        }
    }
}

/// The even and the odd bytes as i16.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn widen(v: __m256i) -> [__m256i; 2] {
    [_mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(v)), _mm256_srai_epi16::<8>(v)]
}
