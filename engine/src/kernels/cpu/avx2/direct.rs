//! Products of the file's own layout with a few input rows: token time, when reading the weights is all the cost.
//!
//! Four weight rows go together, so that an input block is loaded once for them and four chains hide the latency of
//! the sums. Each row is summed the same way alone.

#![allow(clippy::needless_range_loop)] // one index goes through several rows and inputs

use super::lanes::{load, load_part, sum};
use super::pack::{load_bf16, load_f16, load_f32, scales_and_mins};
use crate::kernels::cpu::input::{BLOCK, Input};
use crate::kernels::cpu::panel::{PANEL, Weights};
use core::arch::x86_64::*;
use ocelli_quant::TensorType;

/// Weight rows that go together.
const ROWS: usize = 4;

/// The rows after the ones that are being read, asked for in the order they lie in memory: the processor's own
/// prefetching starts anew with every row, and four short rows at once are over before it has.
#[derive(Clone, Copy)]
struct Next(*const u8);

impl Next {
    /// Asks for piece `i` of `bytes` bytes.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn ask(self, i: usize, bytes: usize) {
        for at in (0..bytes).step_by(64) {
            _mm_prefetch::<_MM_HINT_T0>(self.0.wrapping_add(i * bytes + at).cast());
        }
    }
}

/// `tile[m * PANEL + n] = weights[n] · input[from + m]`.
#[target_feature(enable = "avx2,fma,f16c")]
pub fn multiply(weights: &Weights<'_>, input: &Input<'_>, from: usize, count: usize, tile: &mut [f32]) {
    let row_bytes = weights.bytes.len() / weights.rows;
    // Input rows inside: they find four weight rows in the first-level cache.
    for n in (0..weights.rows).step_by(ROWS) {
        let bytes = &weights.bytes[n * row_bytes..];
        for (m, out) in tile.chunks_exact_mut(PANEL).take(count).enumerate() {
            let out = &mut out[n..weights.rows];
            if let Some(out) = out.first_chunk_mut::<ROWS>() {
                *out = rows(weights.ty, bytes, row_bytes, input, from + m);
            } else {
                for (out, bytes) in out.iter_mut().zip(bytes.chunks_exact(row_bytes)) {
                    [*out] = rows(weights.ty, bytes, row_bytes, input, from + m);
                }
            }
        }
    }
}

/// The products of `R` weight rows with input row `m`.
#[target_feature(enable = "avx2,fma,f16c")]
fn rows<const R: usize>(ty: TensorType, bytes: &[u8], row_bytes: usize, input: &Input<'_>, m: usize) -> [f32; R] {
    let mut rows = [bytes; R];
    for (i, row) in rows.iter_mut().enumerate() {
        *row = &bytes[i * row_bytes..(i + 1) * row_bytes];
    }
    let next = Next(bytes.as_ptr().wrapping_add(R * row_bytes));
    match ty {
        TensorType::F32 => floats(rows, input.row(m), next, |v| load_f32(v)),
        TensorType::F16 => floats(rows, input.row(m), next, |v| load_f16(v)),
        TensorType::BF16 => floats(rows, input.row(m), next, |v| load_bf16(v)),
        TensorType::Q8_0 => q8_0(rows, Blocks::of(input, m), next),
        TensorType::Q4_0 => q4_0(rows, Blocks::of(input, m), next),
        TensorType::Q4K => q4_k(rows, Blocks::of(input, m), next),
        TensorType::Q6K => q6_k(rows, Blocks::of(input, m), next),
        _ => unreachable!("has_kernel"),
    }
}

/// Rows as arrays of `N` bytes.
#[inline]
fn chunks<const N: usize, const R: usize>(rows: [&[u8]; R]) -> [&[[u8; N]]; R] {
    let mut chunks: [&[[u8; N]]; R] = [&[]; R];
    for (chunks, row) in chunks.iter_mut().zip(rows) {
        *chunks = row.as_chunks().0;
    }
    chunks
}

// Loops instead of `map` here and below: closures with target features are not inlined into it.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn finish<const R: usize>(acc: [__m256; R]) -> [f32; R] {
    let mut sums = [0f32; R];
    for (s, acc) in sums.iter_mut().zip(acc) {
        *s = sum(acc);
    }
    sums
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn floats<const R: usize, const N: usize>(
    rows: [&[u8]; R],
    x: &[f32],
    next: Next,
    load8: impl Fn(&[u8; N]) -> __m256,
) -> [f32; R] {
    let mut acc = [[_mm256_setzero_ps(); 2]; R];
    let (xs, x_tail) = x.as_chunks::<8>();
    let chunks = chunks::<N, R>(rows);
    for (i, x) in xs.as_chunks::<2>().0.iter().enumerate() {
        let x = [load(&x[0]), load(&x[1])];
        next.ask(i, R * 2 * N);
        for (acc, row) in acc.iter_mut().zip(chunks) {
            acc[0] = _mm256_fmadd_ps(load8(&row[i * 2]), x[0], acc[0]);
            acc[1] = _mm256_fmadd_ps(load8(&row[i * 2 + 1]), x[1], acc[1]);
        }
    }
    if xs.len() % 2 == 1 {
        let last = xs.len() - 1;
        let x = load(&xs[last]);
        for (acc, row) in acc.iter_mut().zip(chunks) {
            acc[0] = _mm256_fmadd_ps(load8(&row[last]), x, acc[0]);
        }
    }
    if !x_tail.is_empty() {
        let x = load_part(x_tail);
        for (acc, row) in acc.iter_mut().zip(rows) {
            let tail = row.as_chunks::<N>().1;
            let mut bytes = [0; N];
            bytes[..tail.len()].copy_from_slice(tail);
            acc[1] = _mm256_fmadd_ps(load8(&bytes), x, acc[1]);
        }
    }
    let mut sums = [0f32; R];
    for (s, acc) in sums.iter_mut().zip(acc) {
        *s = sum(_mm256_add_ps(acc[0], acc[1]));
    }
    sums
}

/// One input row in int8 blocks.
#[derive(Clone, Copy)]
struct Blocks<'a> {
    quants: &'a [[i8; BLOCK]],
    scales: &'a [f32],
    sums: &'a [[i16; 2]],
}

impl<'a> Blocks<'a> {
    fn of(input: &Input<'a>, m: usize) -> Self {
        let (quants, scales, sums) = input.blocks(m);
        Self { quants: quants.as_chunks().0, scales, sums: sums.as_chunks().0 }
    }

    /// The sums of eight blocks from block `b` on.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn sums(&self, b: usize) -> __m256i {
        let sums: &[[i16; 2]] = &self.sums[b..b + 8];
        // SAFETY: eight pairs of i16 are 32 bytes.
        unsafe { _mm256_loadu_si256(sums.as_ptr().cast()) }
    }

    /// The integers of block `b`.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn load(&self, b: usize) -> __m256i {
        // SAFETY: a block is 32 bytes.
        unsafe { _mm256_loadu_si256(self.quants[b].as_ptr().cast()) }
    }
}

/// The f16 of two bytes, eight times.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn scale(low: u8, high: u8) -> __m256 {
    _mm256_cvtph_ps(_mm_set1_epi16(i16::from_le_bytes([low, high])))
}

/// 16 bytes from `AT`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn at16<const N: usize, const AT: usize>(block: &[u8; N]) -> __m128i {
    const { assert!(AT + 16 <= N) };
    // SAFETY: the bytes are there.
    unsafe { _mm_loadu_si128(block.as_ptr().add(AT).cast()) }
}

/// 32 bytes from `AT`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn at32<const N: usize, const AT: usize>(block: &[u8; N]) -> __m256i {
    const { assert!(AT + 32 <= N) };
    // SAFETY: the bytes are there.
    unsafe { _mm256_loadu_si256(block.as_ptr().add(AT).cast()) }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn q8_0<const R: usize>(rows: [&[u8]; R], x: Blocks<'_>, next: Next) -> [f32; R] {
    let rows = chunks::<34, R>(rows);
    let ones = _mm256_set1_epi16(1);
    let mut acc = [_mm256_setzero_ps(); R];
    for b in 0..x.scales.len() {
        next.ask(b, R * 34);
        let q = x.load(b);
        let x_scale = _mm256_set1_ps(x.scales[b]);
        for r in 0..R {
            let block = &rows[r][b];
            let w = at32::<34, 2>(block);
            // |w| is at most 128, which a byte holds unsigned; the input never is -128.
            let dot = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(q, w));
            let dot = _mm256_cvtepi32_ps(_mm256_madd_epi16(dot, ones));
            acc[r] = _mm256_fmadd_ps(dot, _mm256_mul_ps(scale(block[0], block[1]), x_scale), acc[r]);
        }
    }
    finish(acc)
}

#[target_feature(enable = "avx2,fma,f16c")]
fn q4_0<const R: usize>(rows: [&[u8]; R], x: Blocks<'_>, next: Next) -> [f32; R] {
    let rows = chunks::<18, R>(rows);
    let (nibbles, eights, ones) = (_mm256_set1_epi8(15), _mm256_set1_epi8(8), _mm256_set1_epi16(1));
    let mut acc = [_mm256_setzero_ps(); R];
    // Two blocks at a time: one in each 128-bit half, so that they share the conversion and the scaling.
    let spread = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
    let blocks = x.scales.len();
    for b in (0..blocks).step_by(2) {
        next.ask(b / 2, R * 36);
        let (first, second) = (x.load(b), if b + 1 < blocks { x.load(b + 1) } else { _mm256_setzero_si256() });
        let q = [_mm256_permute2x128_si256::<0x20>(first, second), _mm256_permute2x128_si256::<0x31>(first, second)];
        let zero = _mm256_add_epi16(_mm256_maddubs_epi16(eights, q[0]), _mm256_maddubs_epi16(eights, q[1]));
        // Past the end the first block stands in again, with a scale of 0 and an input of 0.
        let (next, next_scale) = if b + 1 < blocks { (b + 1, x.scales[b + 1]) } else { (b, 0.0) };
        let x_scales = _mm256_set_m128(_mm_set1_ps(next_scale), _mm_set1_ps(x.scales[b]));
        for r in 0..R {
            let (one, two) = (&rows[r][b], &rows[r][next]);
            let w = _mm256_set_m128i(at16::<18, 2>(two), at16::<18, 2>(one));
            let low = _mm256_maddubs_epi16(_mm256_and_si256(w, nibbles), q[0]);
            let high = _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16::<4>(w), nibbles), q[1]);
            let dot = _mm256_sub_epi16(_mm256_add_epi16(low, high), zero);
            let dot = _mm256_cvtepi32_ps(_mm256_madd_epi16(dot, ones));
            let scales = i32::from_le_bytes([one[0], one[1], two[0], two[1]]);
            let scales = _mm256_castps128_ps256(_mm_cvtph_ps(_mm_cvtsi32_si128(scales)));
            let scales = _mm256_permutevar8x32_ps(scales, spread);
            acc[r] = _mm256_fmadd_ps(dot, _mm256_mul_ps(scales, x_scales), acc[r]);
        }
    }
    finish(acc)
}

/// 256 inputs, as long as a block of the K formats.
struct Long<'a> {
    quants: &'a [[i8; BLOCK]; 8],
    scales: &'a [f32; 8],
}

impl Long<'_> {
    /// `t` plus the products with group `G`: unsigned weights with an i16 scale for each half, found at places `2G` and
    /// `2G + 1` of each 128-bit half of `scales`.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn add<const G: usize>(&self, t: __m256, w: __m256i, scales: __m256i) -> __m256 {
        // SAFETY: a block is 32 bytes.
        let q = unsafe { _mm256_loadu_si256(self.quants[G].as_ptr().cast()) };
        #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // below 16
        let pick = const { ((G * 2) | ((G * 2 + 1) << 8)) as i16 };
        let scale = _mm256_shuffle_epi8(scales, _mm256_set1_epi16(pick));
        let dot = _mm256_madd_epi16(_mm256_maddubs_epi16(w, q), scale);
        _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), _mm256_set1_ps(self.scales[G]), t)
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn q4_k<const R: usize>(rows: [&[u8]; R], x: Blocks<'_>, next: Next) -> [f32; R] {
    let rows = chunks::<144, R>(rows);
    let mut acc = [_mm256_setzero_ps(); R];
    let (x_quants, x_scales) = (x.quants.as_chunks::<8>().0, x.scales.as_chunks::<8>().0);
    for i in 0..x_scales.len() {
        next.ask(i, R * 144);
        let x_long = Long { quants: &x_quants[i], scales: &x_scales[i] };
        // What a minimum of 1 takes off in each group.
        let sums = _mm256_cvtepi32_ps(_mm256_madd_epi16(x.sums(i * 8), _mm256_set1_epi16(1)));
        let sums = _mm256_mul_ps(sums, load(x_long.scales));
        for r in 0..R {
            let block = &rows[r][i];
            let both = scales_and_mins(block);
            let mins = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm256_extracti128_si256::<1>(both)));
            let scales = _mm256_permute2x128_si256::<0>(both, both);
            let nibbles = _mm256_set1_epi8(15);
            let low = |w| _mm256_and_si256(w, nibbles);
            let high = |w| _mm256_and_si256(_mm256_srli_epi16::<4>(w), nibbles);
            let w = at32::<144, 16>(block);
            let t = x_long.add::<0>(_mm256_setzero_ps(), low(w), scales);
            let t = x_long.add::<1>(t, high(w), scales);
            let w = at32::<144, 48>(block);
            let t = x_long.add::<2>(t, low(w), scales);
            let t = x_long.add::<3>(t, high(w), scales);
            let w = at32::<144, 80>(block);
            let t = x_long.add::<4>(t, low(w), scales);
            let t = x_long.add::<5>(t, high(w), scales);
            let w = at32::<144, 112>(block);
            let t = x_long.add::<6>(t, low(w), scales);
            let t = x_long.add::<7>(t, high(w), scales);
            let sum = _mm256_fmadd_ps(t, scale(block[0], block[1]), acc[r]);
            acc[r] = _mm256_fnmadd_ps(_mm256_mul_ps(mins, sums), scale(block[2], block[3]), sum);
        }
    }
    finish(acc)
}

#[target_feature(enable = "avx2,fma,f16c")]
fn q6_k<const R: usize>(rows: [&[u8]; R], x: Blocks<'_>, next: Next) -> [f32; R] {
    let rows = chunks::<210, R>(rows);
    let (nibbles, twos) = (_mm256_set1_epi8(15), _mm256_set1_epi8(0x30));
    // Even scales, which belong to the first half of each 32, to the low lane; odd ones to the high lane.
    let order = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
    let mut acc = [_mm256_setzero_ps(); R];
    let (x_quants, x_scales) = (x.quants.as_chunks::<8>().0, x.scales.as_chunks::<8>().0);
    for i in 0..x_scales.len() {
        next.ask(i, R * 210);
        let x_long = Long { quants: &x_quants[i], scales: &x_scales[i] };
        // The 32 that is zero comes off at the end, by the sums of the inputs.
        let sums = x.sums(i * 8);
        let zero = _mm256_mul_ps(load(x_long.scales), _mm256_set1_ps(32.0));
        for r in 0..R {
            let block = &rows[r][i];
            let bytes = at16::<210, 192>(block);
            let scales = _mm256_cvtepi8_epi16(_mm_shuffle_epi8(bytes, order));
            let offsets = _mm256_cvtepi32_ps(_mm256_madd_epi16(_mm256_cvtepi8_epi16(bytes), sums));
            let low = |l, h| _mm256_or_si256(_mm256_and_si256(l, nibbles), _mm256_and_si256(h, twos));
            let high = |l, h| low(_mm256_srli_epi16::<4>(l), h);
            let (a, b, h) = (at32::<210, 0>(block), at32::<210, 32>(block), at32::<210, 128>(block));
            let t = x_long.add::<0>(_mm256_setzero_ps(), low(a, _mm256_slli_epi16::<4>(h)), scales);
            let t = x_long.add::<1>(t, low(b, _mm256_slli_epi16::<2>(h)), scales);
            let t = x_long.add::<2>(t, high(a, h), scales);
            let t = x_long.add::<3>(t, high(b, _mm256_srli_epi16::<2>(h)), scales);
            let (a, b, h) = (at32::<210, 64>(block), at32::<210, 96>(block), at32::<210, 160>(block));
            let t = x_long.add::<4>(t, low(a, _mm256_slli_epi16::<4>(h)), scales);
            let t = x_long.add::<5>(t, low(b, _mm256_slli_epi16::<2>(h)), scales);
            let t = x_long.add::<6>(t, high(a, h), scales);
            let t = x_long.add::<7>(t, high(b, _mm256_srli_epi16::<2>(h)), scales);
            let t = _mm256_fnmadd_ps(offsets, zero, t);
            acc[r] = _mm256_fmadd_ps(t, scale(block[208], block[209]), acc[r]);
        }
    }
    finish(acc)
}
