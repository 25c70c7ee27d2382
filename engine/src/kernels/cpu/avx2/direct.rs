//! Products of the file's own layout with a few input rows: token time, when reading the weights is all the cost.
//!
//! Four weight rows go together, so that an input block is loaded once for them and four chains hide the latency of
//! the sums; with several input rows it is two by four, so that a weight is unpacked once for four of them. Each product
//! is summed the same way alone.
//!
//! The integer kernels are written once and made twice: with AVX2's products of bytes, and with those of VNNI.

#![allow(clippy::needless_range_loop)] // one index goes through several rows and inputs

use super::formats::{self, Packed, factors, load_bf16, load_f16, load_f32, quants, with_format};
use super::lanes::{load, load_part, store, sum};
use crate::kernels::cpu::input::{BLOCK, GROUP, Input};
use crate::kernels::cpu::panel::{PANEL, Weights};
use core::arch::x86_64::*;
use ocelli_quant::TensorType;

/// Weight rows that go together with one input row, and with several.
const ROWS: [usize; 2] = [4, 2];

/// Input rows that go together.
const INPUTS: usize = 4;

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

/// Rows as arrays of `N` bytes.
#[inline]
fn chunks<const N: usize, const R: usize>(rows: [&[u8]; R]) -> [&[[u8; N]]; R] {
    let mut chunks: [&[[u8; N]]; R] = [&[]; R];
    for (chunks, row) in chunks.iter_mut().zip(rows) {
        *chunks = row.as_chunks().0;
    }
    chunks
}

/// As [`super::multiply`], for the float formats.
#[target_feature(enable = "avx2,fma,f16c")]
pub fn multiply_floats(weights: &Weights<'_>, input: &Input<'_>, from: usize, count: usize, tile: &mut [f32]) {
    const ROWS: usize = 4;
    let row_bytes = weights.bytes.len() / weights.rows;
    // Input rows inside: they find four weight rows in the first-level cache.
    for n in (0..weights.rows).step_by(ROWS) {
        let bytes = &weights.bytes[n * row_bytes..];
        for (m, out) in tile.chunks_exact_mut(PANEL).take(count).enumerate() {
            let out = &mut out[n..weights.rows];
            let x = input.row(from + m);
            if let Some(out) = out.first_chunk_mut::<ROWS>() {
                *out = float_rows(weights.ty, bytes, row_bytes, x);
            } else {
                for (out, bytes) in out.iter_mut().zip(bytes.chunks_exact(row_bytes)) {
                    [*out] = float_rows(weights.ty, bytes, row_bytes, x);
                }
            }
        }
    }
}

/// The first `R` rows of a matrix from `bytes` on, and what comes after them.
#[inline]
fn split<const R: usize>(bytes: &[u8], row_bytes: usize) -> ([&[u8]; R], Next) {
    let mut rows = [bytes; R];
    for (i, row) in rows.iter_mut().enumerate() {
        *row = &bytes[i * row_bytes..(i + 1) * row_bytes];
    }
    (rows, Next(bytes.as_ptr().wrapping_add(R * row_bytes)))
}

/// The products of `R` weight rows with an input row.
#[target_feature(enable = "avx2,fma,f16c")]
fn float_rows<const R: usize>(ty: TensorType, bytes: &[u8], row_bytes: usize, x: &[f32]) -> [f32; R] {
    let (rows, next) = split(bytes, row_bytes);
    match ty {
        TensorType::F16 => floats(rows, x, next, |v| load_f16(v)),
        TensorType::BF16 => floats(rows, x, next, |v| load_bf16(v)),
        _ => floats(rows, x, next, |v| load_f32(v)),
    }
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

    /// The integers of block `b` of row `m`.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn load(&self, m: usize, b: usize) -> __m256i {
        // SAFETY: a block is 32 bytes.
        unsafe { _mm256_loadu_si256(self.quants[b * self.group + m].as_ptr().cast()) }
    }

    /// Scale times sum of eight blocks of row `m` from block `b` on: of whole blocks, or of their halves.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn offsets<P: Packed>(&self, m: usize, b: usize, scales: __m256) -> [__m256; 2] {
        let sums: &[[i16; 2]] = &self.sums[m][b..b + 8];
        // SAFETY: eight pairs of i16 are 32 bytes.
        let sums = unsafe { _mm256_loadu_si256(sums.as_ptr().cast()) };
        let scaled = |v| _mm256_mul_ps(_mm256_cvtepi32_ps(v), scales);
        if P::HALVES == 1 {
            [scaled(_mm256_madd_epi16(sums, _mm256_set1_epi16(1))), _mm256_setzero_ps()]
        } else {
            let first = _mm256_srai_epi32::<16>(_mm256_slli_epi32::<16>(sums));
            [scaled(first), scaled(_mm256_srai_epi32::<16>(sums))]
        }
    }
}

/// What was added to the weights to make them unsigned, where it is taken off by the sums of the input.
const fn zero<P: Packed>() -> i16 {
    // Eight bits: the signs are put back instead.
    if P::BITS == 8 { 0 } else { P::ZERO }
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

macro_rules! integer_kernels {
    ($module:ident, $features:literal, |$sums:ident, $w:ident, $q:ident| $dot:expr, $about:literal) => {
        #[doc = $about]
        pub mod $module {
            use super::*;

            /// `sums` plus the products of unsigned and signed bytes, four neighbours to a lane.
            #[inline]
            #[target_feature(enable = $features)]
            fn dot($sums: __m256i, $w: __m256i, $q: __m256i) -> __m256i {
                $dot
            }

            /// As [`dot`], for weights of a format.
            #[inline]
            #[target_feature(enable = $features)]
            fn product<P: Packed>(sums: __m256i, w: __m256i, q: __m256i) -> __m256i {
                if P::BITS == 8 {
                    // |w| is at most 128, which a byte holds unsigned; the input never is -128.
                    let w = _mm256_xor_si256(w, _mm256_set1_epi8(-128));
                    dot(sums, _mm256_abs_epi8(w), _mm256_sign_epi8(q, w))
                } else {
                    dot(sums, w, q)
                }
            }

            /// `tile[m * PANEL + n] = weights[n] · input[from + m]`, for the block formats.
            #[target_feature(enable = $features)]
            pub fn multiply(
                weights: &Weights<'_>,
                input: &Input<'_>,
                from: usize,
                count: usize,
                tile: &mut [f32],
            ) {
                let tile = &mut tile.as_chunks_mut::<PANEL>().0[..count];
                for (i, out) in tile.chunks_mut(INPUTS).enumerate() {
                    let first = from + i * INPUTS;
                    match out.len() {
                        1 => rows::<{ ROWS[0] }, 1>(weights, input, first, out),
                        2 => rows::<{ ROWS[1] }, 2>(weights, input, first, out),
                        3 => rows::<{ ROWS[1] }, 3>(weights, input, first, out),
                        _ => rows::<{ ROWS[1] }, INPUTS>(weights, input, first, out),
                    }
                }
            }

            /// All rows of a panel, `R` at a time, with `M` input rows.
            #[target_feature(enable = $features)]
            fn rows<const R: usize, const M: usize>(
                weights: &Weights<'_>,
                input: &Input<'_>,
                first: usize,
                out: &mut [[f32; PANEL]],
            ) {
                let x = Rows::<M>::of(input, first);
                let row_bytes = weights.bytes.len() / weights.rows;
                let mut n = 0;
                while n + R <= weights.rows {
                    let (rows, next) = split::<R>(&weights.bytes[n * row_bytes..], row_bytes);
                    let sums: [[f32; R]; M] = with_format!(weights.ty, sums::<_, R, M>(rows, x, next), [[0.0; R]; M]);
                    for (out, sums) in out.iter_mut().zip(sums) {
                        out[n..n + R].copy_from_slice(&sums);
                    }
                    n += R;
                }
                while n < weights.rows {
                    let (rows, next) = split::<1>(&weights.bytes[n * row_bytes..], row_bytes);
                    let sums: [[f32; 1]; M] = with_format!(weights.ty, sums::<_, 1, M>(rows, x, next), [[0.0]; M]);
                    for (out, [sum]) in out.iter_mut().zip(sums) {
                        out[n] = sum;
                    }
                    n += 1;
                }
            }

            /// The products of `R` weight rows with `M` input rows.
            #[inline]
            #[target_feature(enable = $features)]
            fn sums<P: Packed, const R: usize, const M: usize>(
                rows: [&[u8]; R],
                x: Rows<'_, M>,
                next: Next,
            ) -> [[f32; R]; M] {
                let acc = if P::GROUPS == 1 { short::<P, R, M>(rows, x, next) } else { long::<P, R, M>(rows, x, next) };
                let mut sums = [[0f32; R]; M];
                for (sums, acc) in sums.as_flattened_mut().iter_mut().zip(acc.as_flattened()) {
                    *sums = sum(*acc);
                }
                sums
            }

            /// Formats whose blocks hold 32 weights.
            #[target_feature(enable = $features)]
            fn short<P: Packed, const R: usize, const M: usize>(
                rows: [&[u8]; R],
                x: Rows<'_, M>,
                next: Next,
            ) -> [[__m256; R]; M] {
                let mut acc = [[_mm256_setzero_ps(); R]; M];
                for b in 0..x.scales[0].len() {
                    next.ask(b, R * P::BYTES);
                    let mut q = [_mm256_setzero_si256(); M];
                    let mut start = q;
                    let mut offset = [_mm256_setzero_ps(); M];
                    for m in 0..M {
                        q[m] = x.load(m, b);
                        if zero::<P>() > 0 {
                            let less = dot(start[m], _mm256_set1_epi8(zero::<P>() as i8), q[m]);
                            start[m] = _mm256_sub_epi32(_mm256_setzero_si256(), less);
                        }
                        if P::MINS == 1 {
                            // Scale and minimum are converted together; the minimum is every second lane.
                            let [first, second] = x.sums[m][b];
                            let sum = x.scales[m][b] * f32::from(first + second);
                            offset[m] = _mm256_setr_ps(0.0, sum, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
                        }
                    }
                    for r in 0..R {
                        let block = &rows[r][b * P::BYTES..][..P::BYTES];
                        let w = quants::<P>(block, 0);
                        let both = i32::from_le_bytes([block[0], block[1], block[2], block[3]]);
                        let both = _mm256_cvtph_ps(_mm_set1_epi32(both));
                        let scale = _mm256_moveldup_ps(both);
                        for m in 0..M {
                            let dot = _mm256_cvtepi32_ps(product::<P>(start[m], w, q[m]));
                            let scale = _mm256_mul_ps(scale, _mm256_set1_ps(x.scales[m][b]));
                            acc[m][r] = _mm256_fmadd_ps(dot, scale, acc[m][r]);
                            if P::MINS == 1 {
                                acc[m][r] = _mm256_fmadd_ps(both, offset[m], acc[m][r]);
                            }
                        }
                    }
                }
                acc
            }

            /// Formats whose blocks hold 256 weights.
            #[target_feature(enable = $features)]
            fn long<P: Packed, const R: usize, const M: usize>(
                rows: [&[u8]; R],
                x: Rows<'_, M>,
                next: Next,
            ) -> [[__m256; R]; M] {
                let mut acc = [[_mm256_setzero_ps(); R]; M];
                for i in 0..x.scales[0].len() / 8 {
                    next.ask(i, R * P::BYTES);
                    let mut scales = [_mm256_setzero_ps(); M];
                    let mut offsets = [[_mm256_setzero_ps(); 2]; M];
                    for m in 0..M {
                        if let Some(s) = x.scales[m][i * 8..].first_chunk() {
                            scales[m] = load(s);
                        }
                        if P::MINS > 0 || zero::<P>() > 0 {
                            offsets[m] = x.offsets::<P>(m, i * 8, scales[m]);
                        }
                    }
                    for r in 0..R {
                        let block = &rows[r][i * P::BYTES..][..P::BYTES];
                        let f = factors::<P>(block);
                        // The scales of the products, kept where single ones can be read from.
                        let mut both = [[[0f32; 8]; 2]; M];
                        for m in 0..M {
                            for h in 0..P::HALVES {
                                store(&mut both[m][h], _mm256_mul_ps(f.scales[h], scales[m]));
                                if zero::<P>() > 0 {
                                    let zero = _mm256_set1_ps(f32::from(zero::<P>()));
                                    let less = _mm256_mul_ps(f.scales[h], zero);
                                    acc[m][r] = _mm256_fnmadd_ps(less, offsets[m][h], acc[m][r]);
                                }
                            }
                            for h in 0..P::MINS {
                                acc[m][r] = _mm256_fnmadd_ps(f.mins[h], offsets[m][h], acc[m][r]);
                            }
                        }
                        eight!(g => {
                            let w = quants::<P>(block, g);
                            for m in 0..M {
                                let dot = product::<P>(_mm256_setzero_si256(), w, x.load(m, i * 8 + g));
                                let mut scale = _mm256_set1_ps(both[m][0][g]);
                                if P::HALVES == 2 {
                                    scale = _mm256_blend_ps::<0xf0>(scale, _mm256_set1_ps(both[m][1][g]));
                                }
                                acc[m][r] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), scale, acc[m][r]);
                            }
                        });
                    }
                }
                acc
            }
        }
    };
}

integer_kernels!(
    avx2,
    "avx2,fma,f16c",
    |sums, w, q| { _mm256_add_epi32(sums, _mm256_madd_epi16(_mm256_maddubs_epi16(w, q), _mm256_set1_epi16(1))) },
    "Products of bytes in two steps, by way of i16. Formats of 8 bits never exceed it: 2 * 128 * 127 < 2^15."
);

integer_kernels!(
    vnni,
    "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512vnni",
    |sums, w, q| _mm256_dpbusd_epi32(sums, w, q),
    "Products of bytes in one step."
);
