//! Unpacking a panel for [`super::tile`]: sixteen weight rows become columns, once for all input rows.
//!
//! A block of 32 inputs becomes, in lines of 64 bytes: the scales of the 16 columns (one line for each half that has its
//! own), their minima where the format has them, and eight lines a plane of integers: line `s` of a one-plane format
//! holds inputs `4s .. 4s + 4` of columns 0 to 7 and then 8 to 15, unsigned. Two-plane formats (8 bits) have two lines a
//! step, one for each half of the columns: the integers as they are, then their magnitudes.

use super::lanes::{store, transpose};
use crate::kernels::cpu::input::BLOCK;
use crate::kernels::cpu::panel::{Line, PANEL, Weights};
use core::arch::x86_64::*;
use ocelli_quant::TensorType;
use ocelli_quant::blocks::q4_k::scale_min;

/// Rows of floats at a stride.
#[derive(Clone, Copy)]
pub struct Floats<'a> {
    /// From the first row's first number on.
    pub data: &'a [f32],
    /// Numbers from one row to the next.
    pub stride: usize,
}

/// How a block format lies in a packed panel.
pub trait Packed {
    /// Vectors a step takes for eight columns.
    const PLANES: usize;
    /// Scales for each 32 inputs.
    const HALVES: usize;
    /// What was added to make the integers unsigned.
    const ZERO: i16;
    /// Whether there are minima.
    const MINS: bool;
    /// Bytes of a block in the file, and how many times 32 inputs it holds.
    const BYTES: usize;
    /// See [`Packed::BYTES`].
    const GROUPS: usize;
    /// Lines of 32 inputs.
    const LINES: usize = Self::HALVES + Self::MINS as usize + Self::PLANES * 8;
    /// Which it is.
    const TYPE: TensorType;
}

/// See [`TensorType::Q8_0`].
pub struct Q8_0;
/// See [`TensorType::Q4_0`].
pub struct Q4_0;
/// See [`TensorType::Q4K`].
pub struct Q4K;
/// See [`TensorType::Q6K`].
pub struct Q6K;

impl Packed for Q8_0 {
    const PLANES: usize = 2;
    const HALVES: usize = 1;
    const ZERO: i16 = 0;
    const MINS: bool = false;
    const BYTES: usize = 34;
    const GROUPS: usize = 1;
    const TYPE: TensorType = TensorType::Q8_0;
}

impl Packed for Q4_0 {
    const PLANES: usize = 1;
    const HALVES: usize = 1;
    const ZERO: i16 = 8;
    const MINS: bool = false;
    const BYTES: usize = 18;
    const GROUPS: usize = 1;
    const TYPE: TensorType = TensorType::Q4_0;
}

impl Packed for Q4K {
    const PLANES: usize = 1;
    const HALVES: usize = 1;
    const ZERO: i16 = 0;
    const MINS: bool = true;
    const BYTES: usize = 144;
    const GROUPS: usize = 8;
    const TYPE: TensorType = TensorType::Q4K;
}

impl Packed for Q6K {
    const PLANES: usize = 1;
    const HALVES: usize = 2;
    const ZERO: i16 = 32;
    const MINS: bool = false;
    const BYTES: usize = 210;
    const GROUPS: usize = 8;
    const TYPE: TensorType = TensorType::Q6K;
}

/// Fills `packed` with a panel.
#[target_feature(enable = "avx2,fma,f16c")]
pub fn pack(weights: &Weights<'_>, packed: &mut Vec<Line>) {
    let lines = match weights.ty {
        TensorType::F32 | TensorType::F16 | TensorType::BF16 => weights.width,
        TensorType::Q8_0 => weights.width / BLOCK * Q8_0::LINES,
        TensorType::Q4_0 => weights.width / BLOCK * Q4_0::LINES,
        TensorType::Q4K => weights.width / BLOCK * Q4K::LINES,
        TensorType::Q6K => weights.width / BLOCK * Q6K::LINES,
    };
    if packed.len() < lines {
        packed.resize(lines, bytemuck::Zeroable::zeroed());
    }
    match weights.ty {
        TensorType::F32 => floats(weights, bytemuck::cast_slice_mut(packed), |v| load_f32(v)),
        TensorType::F16 => floats(weights, bytemuck::cast_slice_mut(packed), |v| load_f16(v)),
        TensorType::BF16 => floats(weights, bytemuck::cast_slice_mut(packed), |v| load_bf16(v)),
        TensorType::Q8_0 => ints::<Q8_0>(weights, packed),
        TensorType::Q4_0 => ints::<Q4_0>(weights, packed),
        TensorType::Q4K => ints::<Q4K>(weights, packed),
        TensorType::Q6K => ints::<Q6K>(weights, packed),
    }
}

/// Eight f32.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn load_f32(bytes: &[u8; 32]) -> __m256 {
    // SAFETY: 32 bytes are there.
    unsafe { _mm256_loadu_ps(bytes.as_ptr().cast()) }
}

/// Eight IEEE halves.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn load_f16(bytes: &[u8; 16]) -> __m256 {
    // SAFETY: 16 bytes are there.
    _mm256_cvtph_ps(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
}

/// Eight bfloats.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn load_bf16(bytes: &[u8; 16]) -> __m256 {
    // SAFETY: 16 bytes are there.
    let half = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(half)))
}

/// Packs floats k-major. `load` brings eight of them, `N` bytes, to f32.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn floats<const N: usize>(weights: &Weights<'_>, packed: &mut [f32], load8: impl Fn(&[u8; N]) -> __m256) {
    let row_bytes = weights.bytes.len() / weights.rows;
    let columns = packed.as_chunks_mut::<8>().0;
    for half in 0..2 {
        for k in 0..weights.width.div_ceil(8) {
            let mut r = [_mm256_setzero_ps(); 8];
            for (i, r) in r.iter_mut().enumerate().take(weights.rows.saturating_sub(half * 8)) {
                let row = &weights.bytes[(half * 8 + i) * row_bytes..][..row_bytes];
                let (whole, tail) = row.as_chunks::<N>();
                *r = if let Some(bytes) = whole.get(k) {
                    load8(bytes)
                } else {
                    let mut bytes = [0; N];
                    bytes[..tail.len()].copy_from_slice(tail);
                    load8(&bytes)
                };
            }
            for (column, v) in
                columns[half..].iter_mut().step_by(2).skip(k * 8).take(weights.width - k * 8).zip(transpose(r))
            {
                store(column, v);
            }
        }
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn ints<P: Packed>(weights: &Weights<'_>, packed: &mut [Line]) {
    let row_bytes = weights.bytes.len() / weights.rows;
    for b in 0..weights.width / BLOCK {
        let (block, group) = (b / P::GROUPS, b % P::GROUPS);
        let lines = &mut packed[b * P::LINES..(b + 1) * P::LINES];
        let (head, body) = lines.split_at_mut(P::HALVES + usize::from(P::MINS));
        let head: &mut [f32] = bytemuck::cast_slice_mut(head);
        head.fill(0.0);
        for half in 0..2 {
            let mut r = [_mm256_setzero_ps(); 8];
            for (i, r) in r.iter_mut().enumerate().take(weights.rows.saturating_sub(half * 8)) {
                let n = half * 8 + i;
                let block = &weights.bytes[n * row_bytes + block * P::BYTES..][..P::BYTES];
                *r = _mm256_castsi256_ps(quants::<P>(block, group));
                let (scales, min) = scales::<P>(block, group);
                for (h, scale) in scales.iter().enumerate().take(P::HALVES) {
                    head[h * PANEL + n] = *scale;
                }
                if P::MINS {
                    head[P::HALVES * PANEL + n] = min;
                }
            }
            let vectors: &mut [[f32; 8]] = bytemuck::cast_slice_mut(body);
            for (step, v) in transpose(r).into_iter().enumerate() {
                if P::PLANES == 1 {
                    store(&mut vectors[step * 2 + half], v);
                } else {
                    store(&mut vectors[step * 4 + half * 2], v);
                    let magnitude = _mm256_abs_epi8(_mm256_castps_si256(v));
                    store(&mut vectors[step * 4 + half * 2 + 1], _mm256_castsi256_ps(magnitude));
                }
            }
        }
    }
}

/// 32 bytes from `at`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn load32(bytes: &[u8], at: usize) -> __m256i {
    let bytes = &bytes[at..at + 32];
    // SAFETY: 32 bytes are there.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// 16 bytes of nibbles: the low ones first, then the high ones.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn nibbles16(bytes: &[u8; 16]) -> __m256i {
    // SAFETY: 16 bytes are there.
    let b = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
    _mm256_and_si256(_mm256_set_m128i(_mm_srli_epi16::<4>(b), b), _mm256_set1_epi8(15))
}

/// 32 integers: group `group` of a block; unsigned in one-plane formats.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn quants<P: Packed>(block: &[u8], group: usize) -> __m256i {
    let low_nibbles = _mm256_set1_epi8(15);
    match P::TYPE {
        TensorType::Q8_0 => load32(block, 2),
        TensorType::Q4_0 => match block[2..].first_chunk() {
            Some(bytes) => nibbles16(bytes),
            None => _mm256_setzero_si256(),
        },
        TensorType::Q4K => {
            let v = load32(block, 16 + group / 2 * 32);
            let v = if group % 2 == 0 { v } else { _mm256_srli_epi16::<4>(v) };
            _mm256_and_si256(v, low_nibbles)
        }
        _ => {
            let (half, quarter) = (group / 4, group % 4);
            let low = load32(block, half * 64 + quarter % 2 * 32);
            let low = if quarter < 2 { low } else { _mm256_srli_epi16::<4>(low) };
            let high = load32(block, 128 + half * 32);
            let high = _mm256_srl_epi16(high, _mm_cvtsi32_si128(i32::from(quarter as u8) * 2));
            let high = _mm256_slli_epi16::<4>(_mm256_and_si256(high, _mm256_set1_epi8(3)));
            _mm256_or_si256(_mm256_and_si256(low, low_nibbles), high)
        }
    }
}

#[inline]
fn f16(bytes: &[u8], at: usize) -> f32 {
    half::f16::from_le_bytes([bytes[at], bytes[at + 1]]).to_f32()
}

/// The scales of the halves and the minimum of a group.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn scales<P: Packed>(block: &[u8], group: usize) -> ([f32; 2], f32) {
    match P::TYPE {
        TensorType::Q8_0 | TensorType::Q4_0 => ([f16(block, 0); 2], 0.0),
        TensorType::Q4K => {
            let mut packed = [0; 12];
            packed.copy_from_slice(&block[4..16]);
            let (scale, min) = scale_min(&packed, group);
            ([f16(block, 0) * f32::from(scale); 2], f16(block, 2) * f32::from(min))
        }
        _ => {
            let d = f16(block, 208);
            let signed = |at: usize| f32::from(i8::from_le_bytes([block[192 + at]]));
            ([d * signed(group * 2), d * signed(group * 2 + 1)], 0.0)
        }
    }
}
