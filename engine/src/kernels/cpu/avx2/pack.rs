//! Unpacking a panel for [`super::tile`]: sixteen weight rows become columns, once for all input rows.
//!
//! A block of 32 inputs becomes, in lines of 64 bytes: the scales of the 16 columns (one line for each half that has its
//! own), their minima where the format has them, and eight lines a plane of integers: line `s` of a one-plane format
//! holds inputs `4s .. 4s + 4` of columns 0 to 7 and then 8 to 15, unsigned. Two-plane formats (8 bits) have two lines a
//! step, as i16: the even inputs of all columns, then the odd ones.

use super::lanes::{store, transpose};
use crate::kernels::cpu::input::BLOCK;
use crate::kernels::cpu::panel::{Line, PANEL, Weights};
use core::arch::x86_64::*;
use ocelli_quant::TensorType;

/// Bytes ahead of the loads that are asked for.
const AHEAD: usize = 512;

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
        _ => unreachable!("has_kernel"),
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
        _ => unreachable!("has_kernel"),
    }
}

/// Asks for what a row holds a little further on: with sixteen rows at once the processor loses track.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn prefetch(bytes: &[u8]) {
    _mm_prefetch::<_MM_HINT_T0>(bytes.as_ptr().wrapping_add(AHEAD).cast());
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
                    prefetch(bytes);
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

#[target_feature(enable = "avx2,fma,f16c")]
fn ints<P: Packed>(weights: &Weights<'_>, packed: &mut [Line]) {
    let row_bytes = weights.bytes.len() / weights.rows;
    // The scales of the halves and the minima of a file's block, group by group, for each column.
    let mut factors = [[[0f32; 8]; 3]; PANEL];
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
                prefetch(&block[group * P::BYTES / P::GROUPS..]);
                *r = _mm256_castsi256_ps(quants::<P>(block, group));
                let factors = &mut factors[n];
                if group == 0 {
                    *factors = block_factors::<P>(block);
                }
                for h in 0..P::HALVES {
                    head[h * PANEL + n] = factors[h][group];
                }
                if P::MINS {
                    head[P::HALVES * PANEL + n] = factors[2][group];
                }
            }
            let vectors: &mut [[f32; 8]] = bytemuck::cast_slice_mut(body);
            for (step, v) in transpose(r).into_iter().enumerate() {
                if P::PLANES == 1 {
                    store(&mut vectors[step * 2 + half], v);
                } else {
                    let [even, odd] = widen(_mm256_castps_si256(v));
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
            let v = if group.is_multiple_of(2) { v } else { _mm256_srli_epi16::<4>(v) };
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
#[target_feature(enable = "avx2,fma,f16c")]
fn f16(bytes: &[u8], at: usize) -> f32 {
    let bits = i32::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(bits)))
}

/// The scales of the first halves, of the second halves and the minima of a block's groups.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn block_factors<P: Packed>(block: &[u8]) -> [[f32; 8]; 3] {
    let mut all = [[0f32; 8]; 3];
    match P::TYPE {
        TensorType::Q4K => {
            if let Some(block) = block.first_chunk() {
                let both = scales_and_mins(block);
                let scales = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm256_castsi256_si128(both)));
                let mins = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm256_extracti128_si256::<1>(both)));
                store(&mut all[0], _mm256_mul_ps(_mm256_set1_ps(f16(block, 0)), scales));
                store(&mut all[2], _mm256_mul_ps(_mm256_set1_ps(f16(block, 2)), mins));
            }
        }
        TensorType::Q6K => {
            let d = f16(block, 208);
            for (i, &scale) in block[192..208].iter().enumerate() {
                all[i % 2][i / 2] = d * f32::from(scale.cast_signed());
            }
        }
        _ => all[0][0] = f16(block, 0),
    }
    all
}

/// The eight 6-bit scales of a Q4_K block as i16 in the low half, its minima in the high half: `scale_min` of the format
/// on four bytes at a time.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn scales_and_mins(block: &[u8; 144]) -> __m256i {
    let word = |i: usize| u32::from_le_bytes([block[i], block[i + 1], block[i + 2], block[i + 3]]);
    let (a, b, c) = (word(4), word(8), word(12));
    let six = 0x3f3f_3f3f;
    let scales = [a & six, (c & 0x0f0f_0f0f) | ((a >> 6) & 0x0303_0303) << 4];
    let mins = [b & six, ((c >> 4) & 0x0f0f_0f0f) | ((b >> 6) & 0x0303_0303) << 4];
    let two = |w: [u32; 2]| (u64::from(w[1]) << 32 | u64::from(w[0])).cast_signed();
    _mm256_cvtepu8_epi16(_mm_set_epi64x(two(mins), two(scales)))
}
