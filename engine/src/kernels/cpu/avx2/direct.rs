//! Products of the file's own layout with a few input rows: token time, when reading the weights is all the cost.
//!
//! Weight rows go one after the other, so that memory is one long stream, which is what processors fetch ahead best: four
//! rows side by side, asked for in advance, reach two thirds of what one reaches. Several chains of additions within
//! the row hide their latency; with several input rows a weight is unpacked once for four of them, or six where there are
//! 32 registers. Formats of one group in 16 bytes go two blocks to a register, so that two groups share a conversion and
//! a multiplication by scales; the input has its halves in that order for them ([`Input::pairs`]). With
//! several input rows the same is done with neighbouring groups of a block whose nibbles share 32 bytes.
//!
//! The integer kernels are written once and made twice: with AVX2's products of bytes, and with those of VNNI.

#![allow(clippy::needless_range_loop)] // one index goes through several inputs

use super::formats::{
    Factors, f16_of_two, factors, paired, paired_within, quants, quants_of_neighbours, quants_of_two,
};
use super::lanes::{load, prefetch, store, transpose};
use super::rows::{Rows, block, eight, one_of_each, two};
use crate::kernels::cpu::formats::{Packed, with_format};
use crate::kernels::cpu::input::Input;
use crate::kernels::cpu::panel::{PANEL, Weights};
use core::arch::x86_64::*;
use ocelli_quant::TensorType;

/// Bytes ahead of the loads that are asked for.
const AHEAD: usize = 2048;

/// Chains of additions of a row. One alone could use more and several have registers for no more, but a row's bits must not
/// depend on how many go with it: what a token becomes would depend on who else is served.
pub const CHAINS: usize = 2;

/// How many input rows there are, where it is known when this is compiled: one alone,
pub const ALONE: usize = 1;

/// or several, of which some go together.
pub const TOGETHER: usize = 2;

/// Puts the chains of weight row `n` together.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn join<const M: usize>(acc: [[__m256; 4]; M], n: usize, sums: &mut [[__m256; PANEL]; M]) {
    for m in 0..M {
        let [a, b, c, d] = acc[m];
        sums[m][n] = _mm256_add_ps(_mm256_add_ps(a, b), _mm256_add_ps(c, d));
    }
}

/// Adds the lanes of all weight rows of a panel, eight rows at once: one after another they would cost as much as the
/// products of a short row.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn finish<const M: usize>(sums: &[[__m256; PANEL]; M], out: &mut [[f32; PANEL]]) {
    for (sums, out) in sums.iter().zip(out) {
        for (sums, out) in sums.as_chunks::<8>().0.iter().zip(out.as_chunks_mut::<8>().0) {
            let t = transpose(*sums);
            let add = |a, b| _mm256_add_ps(a, b);
            store(out, add(add(add(t[0], t[4]), add(t[2], t[6])), add(add(t[1], t[5]), add(t[3], t[7]))));
        }
    }
}

/// The scales of eight groups' products; where a group has two, both of group 0, of 1, 4, 5, 2, 3, 6 and 7.
type Scales = [[f32; 8]; 2];

/// What was added to the weights to make them unsigned, where it is taken off by the sums of the input.
const fn zero<P: Packed>() -> i16 {
    // Eight bits: the signs are put back instead. Taking off 128 times a sum of floats would leave its rounding.
    if P::BITS == 8 { 0 } else { P::ZERO }
}

/// A body for each of eight groups, unrolled: which bits of a block a group has must be known when it is compiled.
macro_rules! unrolled {
    ($g:ident => $body:block) => {
        unrolled!(@ $g, $body, 0, 1, 2, 3, 4, 5, 6, 7)
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
    (
        $module:ident,
        $features:literal,
        |$w:ident, $q:ident| $dot:expr,
        |$w0:ident, $q0:ident, $w1:ident, $q1:ident| $two:expr,
        [$($together:literal),*],
        $about:literal
    ) => {
        #[doc = $about]
        pub mod $module {
            use super::*;

            /// Sums of the products of unsigned and signed bytes, four neighbours to a lane.
            #[inline]
            #[target_feature(enable = $features)]
            fn dot($w: __m256i, $q: __m256i) -> __m256i {
                $dot
            }

            /// The sum of two [`dot`]s of weights of at most five bits.
            #[inline]
            #[target_feature(enable = $features)]
            fn two_dots([$w0, $w1]: [__m256i; 2], [$q0, $q1]: [__m256i; 2]) -> __m256i {
                $two
            }

            /// As [`two_dots`], for weights of a format.
            #[inline]
            #[target_feature(enable = $features)]
            fn products<P: Packed>(w: [__m256i; 2], q: [__m256i; 2]) -> __m256 {
                if P::BITS == 8 {
                    return _mm256_add_ps(product::<P>(w[0], q[0]), product::<P>(w[1], q[1]));
                }
                _mm256_cvtepi32_ps(two_dots(w, q))
            }

            /// As [`dot`], for weights of a format.
            #[inline]
            #[target_feature(enable = $features)]
            fn product<P: Packed>(w: __m256i, q: __m256i) -> __m256 {
                _mm256_cvtepi32_ps(if P::BITS == 8 {
                    // |w| is at most 128, which a byte holds unsigned; the input never is -128.
                    let w = _mm256_xor_si256(w, _mm256_set1_epi8(-128));
                    dot(_mm256_abs_epi8(w), _mm256_sign_epi8(q, w))
                } else {
                    dot(w, q)
                })
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
                let tile = tile.as_chunks_mut::<PANEL>().0;
                if input.rows == 1 {
                    with_format!(weights.ty, rows::<_, 1, ALONE>(weights, input, from, tile), ());
                    return;
                }
                const MOST: usize = [$($together),*].len();
                for (i, out) in tile[..count].chunks_mut(MOST).enumerate() {
                    let first = from + i * MOST;
                    match out.len() {
                        $($together => {
                            with_format!(weights.ty, rows::<_, $together, TOGETHER>(weights, input, first, out), ());
                        })*
                        _ => {}
                    }
                }
            }

            /// The factors of groups `8 i .. 8 i + 8` of a row.
            ///
            /// # Safety
            /// The row has them.
            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn factors_of_eight<P: Packed>(row: &[u8], i: usize) -> Factors {
                // SAFETY: the caller's promise.
                unsafe {
                    if P::GROUPS == 8 {
                        return factors::<P>(block::<P>(row, i));
                    }
                    let blocks = row.get_unchecked(i * 8 * P::BYTES..(i + 1) * 8 * P::BYTES);
                    let eight = |at: usize| _mm256_cvtph_ps(one_of_each::<P>(blocks, at));
                    let none = _mm256_setzero_ps();
                    let min = if P::MINS == 1 { _mm256_xor_ps(eight(2), _mm256_set1_ps(-0.0)) } else { none };
                    Factors { scales: [eight(0), none], mins: [min, none] }
                }
            }

            /// All weight rows with `M` input rows; `C` is [`ALONE`] or [`TOGETHER`].
            #[target_feature(enable = $features)]
            fn rows<P: Packed, const M: usize, const C: usize>(
                weights: &Weights<'_>,
                input: &Input<'_>,
                first: usize,
                out: &mut [[f32; PANEL]],
            ) {
                let x = Rows::<M>::of(input, first);
                let row_bytes = x.blocks / P::GROUPS * P::BYTES;
                let mut sums = [[_mm256_setzero_ps(); PANEL]; M];
                let mut scales = [[[[0.0; 8]; 2]; M]; 2];
                for (i, panel) in weights.bytes.chunks(PANEL * row_bytes).enumerate() {
                    for (n, row) in panel.chunks_exact(row_bytes).take(PANEL).enumerate() {
                        let mut acc = [[_mm256_setzero_ps(); 4]; M];
                        let eights = x.blocks / 8;
                        // Where a group has one scale for itself, a load from memory broadcasts it, which is less than a
                        // shuffle of registers but comes late: the next eight scales are made before the last are used.
                        let pairs = paired::<P>() || paired_within::<P>();
                        let late = usize::from(P::HALVES == 1 && !pairs);
                        for i in 0..eights + late {
                            // SAFETY: the row has `x.blocks` groups.
                            unsafe {
                                if i < eights {
                                    scale_eight::<P, M, C>(row, &x, i, &mut scales[i % 2 * late], &mut acc);
                                }
                                if i >= late {
                                    eight_groups::<P, M, C>(row, &x, i - late, &scales[(i - late) % 2 * late], &mut acc);
                                }
                            }
                        }
                        let mut b = eights * 8;
                        while b < x.blocks {
                            // SAFETY: as above, and only formats of one group a block come here.
                            unsafe {
                                if paired::<P>() && b + 2 <= x.blocks {
                                    one_pair::<P, M, C>(row, &x, b, &mut acc);
                                    b += 2;
                                } else {
                                    one_group::<P, M, C>(row, &x, b, &mut acc);
                                    b += 1;
                                }
                            }
                        }
                        join(acc, n, &mut sums);
                    }
                    finish(&sums, &mut out[i * M..][..M]);
                }
            }

            /// The scales of the products of groups `8 i .. 8 i + 8`, a block of 256 weights or eight of 32; and what
            /// their zeros and minima take off the sums.
            ///
            /// # Safety
            /// The row has them.
            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn scale_eight<P: Packed, const M: usize, const C: usize>(
                row: &[u8],
                x: &Rows<'_, M>,
                i: usize,
                to: &mut [Scales; M],
                acc: &mut [[__m256; 4]; M],
            ) {
                // SAFETY: the caller's promise, and the input has as many blocks.
                unsafe {
                    // Formats that take long to unpack, and several rows, leave the processor too little room to see its loads
                    // far ahead: without this five rows of Q4_K wait for memory a quarter of their time.
                    if P::BITS <= 5 {
                        let len = 8 / P::GROUPS * P::BYTES;
                        prefetch(row.as_ptr().wrapping_add(i * len + AHEAD), len);
                    }
                    let f = factors_of_eight::<P>(row, i);
                    for m in 0..M {
                        let scales = eight(x.scales, m * x.blocks + i * 8);
                        let scaled = f.scales.map(|s| _mm256_mul_ps(s, scales));
                        if P::HALVES == 2 {
                            store(&mut to[m][0], _mm256_unpacklo_ps(scaled[0], scaled[1]));
                            store(&mut to[m][1], _mm256_unpackhi_ps(scaled[0], scaled[1]));
                        } else {
                            store(&mut to[m][0], scaled[0]);
                        }
                        for h in 0..P::HALVES {
                            let offsets = (m * 3 + if P::HALVES == 1 { 0 } else { 1 + h }) * x.blocks;
                            let mut less = _mm256_setzero_ps();
                            if zero::<P>() > 0 {
                                less = _mm256_mul_ps(f.scales[h], _mm256_set1_ps(f32::from(zero::<P>())));
                            }
                            if h < P::MINS {
                                less = f.mins[h];
                            }
                            if zero::<P>() > 0 || h < P::MINS {
                                let sum = &mut acc[m][h % CHAINS];
                                *sum = _mm256_fnmadd_ps(less, eight(x.offsets, offsets + i * 8), *sum);
                            }
                        }
                    }
                }
            }

            /// The products of groups `8 i .. 8 i + 8`.
            ///
            /// # Safety
            /// The row has them.
            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn eight_groups<P: Packed, const M: usize, const C: usize>(
                row: &[u8],
                x: &Rows<'_, M>,
                i: usize,
                scales: &[Scales; M],
                acc: &mut [[__m256; 4]; M],
            ) {
                // SAFETY: the caller's promise, and the input has as many blocks.
                unsafe {
                    let halves = std::hint::black_box(_mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1));
                    // A scale in each half, from `at` on.
                    let two_scales = |of: &[f32; 8], at: i32| {
                        _mm256_permutevar8x32_ps(load(of), _mm256_add_epi32(halves, _mm256_set1_epi32(at)))
                    };
                    if paired::<P>() {
                        for p in 0..4 {
                            let b = i * 8 + p * 2;
                            let w = quants_of_two::<P>([block::<P>(row, b), block::<P>(row, b + 1)]);
                            for m in 0..M {
                                let dots = products::<P>(w, x.load_pair::<C>(m, i * 4 + p));
                                let scale = two_scales(&scales[m][0], 2 * p as i32);
                                let sum = &mut acc[m][p % CHAINS];
                                *sum = _mm256_fmadd_ps(dots, scale, *sum);
                            }
                        }
                        return;
                    }
                    if paired_within::<P>() {
                        for p in 0..4 {
                            let w = quants_of_neighbours::<P>(block::<P>(row, i), p);
                            for m in 0..M {
                                let dots = products::<P>(w, x.load_pair::<C>(m, i * 4 + p));
                                let sum = &mut acc[m][p % CHAINS];
                                *sum = _mm256_fmadd_ps(dots, two(&scales[m][0], 2 * p), *sum);
                            }
                        }
                        return;
                    }
                    unrolled!(g => {
                        let block = block::<P>(row, (i * 8 + g) / P::GROUPS);
                        let w = quants::<P>(block, g % P::GROUPS);
                        for m in 0..M {
                            let dot = product::<P>(w, x.load::<C>(m, i * 8 + g));
                            let scale = if P::HALVES == 2 {
                                two_scales(&scales[m][g / 2 % 2], ((g % 2 + g / 4 * 2) * 2) as i32)
                            } else {
                                _mm256_set1_ps(scales[m][0][g])
                            };
                            let sum = &mut acc[m][g % CHAINS];
                            *sum = _mm256_fmadd_ps(dot, scale, *sum);
                        }
                    });
                }
            }

            /// Two blocks that go together, from the even number `b` on: what eight at once leave of a row.
            ///
            /// # Safety
            /// The row has more than `b + 1` blocks.
            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn one_pair<P: Packed, const M: usize, const C: usize>(
                row: &[u8],
                x: &Rows<'_, M>,
                b: usize,
                acc: &mut [[__m256; 4]; M],
            ) {
                // SAFETY: the caller's promise, and the input has as many blocks.
                unsafe {
                    let blocks = [block::<P>(row, b), block::<P>(row, b + 1)];
                    let (w, scales) = (quants_of_two::<P>(blocks), f16_of_two(blocks, 0));
                    // The file's m is added, a minimum is taken off.
                    let min = if P::MINS == 1 { f16_of_two(blocks, 2) } else { _mm256_setzero_ps() };
                    let min = _mm256_xor_ps(min, _mm256_set1_ps(-0.0));
                    for m in 0..M {
                        let dots = products::<P>(w, x.load_pair::<C>(m, b / 2));
                        // A quarter in each of the four lanes of a half: the lanes are added in the end.
                        let offset = _mm256_mul_ps(two(x.offsets, m * 3 * x.blocks + b), _mm256_set1_ps(0.25));
                        add_scaled::<P>(&mut acc[m][0], dots, scales, min, two(x.scales, m * x.blocks + b), offset);
                    }
                }
            }

            /// Adds products of integers to a sum: times both scales, less what zero and minimum make of the input's sum.
            #[inline]
            #[target_feature(enable = $features)]
            fn add_scaled<P: Packed>(
                sum: &mut __m256,
                dots: __m256,
                scale: __m256,
                min: __m256,
                x_scale: __m256,
                offset: __m256,
            ) {
                *sum = _mm256_fmadd_ps(dots, _mm256_mul_ps(scale, x_scale), *sum);
                if zero::<P>() > 0 {
                    let less = _mm256_mul_ps(scale, _mm256_set1_ps(f32::from(zero::<P>())));
                    *sum = _mm256_fnmadd_ps(less, offset, *sum);
                }
                if P::MINS == 1 {
                    *sum = _mm256_fnmadd_ps(min, offset, *sum);
                }
            }

            /// A group of a format that has one a block: what eight at once leave of a row.
            ///
            /// # Safety
            /// The row has more than `b` blocks.
            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn one_group<P: Packed, const M: usize, const C: usize>(
                row: &[u8],
                x: &Rows<'_, M>,
                b: usize,
                acc: &mut [[__m256; 4]; M],
            ) {
                // SAFETY: the caller's promise, and the input has as many blocks.
                unsafe {
                    let block = block::<P>(row, b);
                    let (w, f) = (quants::<P>(block, 0), factors::<P>(block));
                    for m in 0..M {
                        let dot = product::<P>(w, x.load::<C>(m, b));
                        // In one lane only: the lanes are added in the end.
                        let offset = _mm256_blend_ps::<1>(_mm256_setzero_ps(), _mm256_set1_ps(x.offsets[m * 3 * x.blocks + b]));
                        // Always the same chain: an index known only when this runs would keep all of them in memory.
                        let x_scale = _mm256_set1_ps(x.scales[m * x.blocks + b]);
                        add_scaled::<P>(&mut acc[m][0], dot, f.scales[0], f.mins[0], x_scale, offset);
                    }
                }
            }
        }
    };
}

integer_kernels!(
    avx2,
    "avx2,fma,f16c",
    |w, q| _mm256_madd_epi16(_mm256_maddubs_epi16(w, q), _mm256_set1_epi16(1)),
    |w0, q0, w1, q1| {
        let sums = _mm256_add_epi16(_mm256_maddubs_epi16(w0, q0), _mm256_maddubs_epi16(w1, q1));
        _mm256_madd_epi16(sums, _mm256_set1_epi16(1))
    },
    [1, 2, 3, 4],
    "Products of bytes in two steps, by way of i16. Formats of 8 bits never exceed it, 2 * 128 * 127 < 2^15, nor do two \
     products of five: 4 * 31 * 127."
);

integer_kernels!(
    vnni,
    "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512vnni",
    |w, q| _mm256_dpbusd_epi32(_mm256_setzero_si256(), w, q),
    |w0, q0, w1, q1| _mm256_dpbusd_epi32(_mm256_dpbusd_epi32(_mm256_setzero_si256(), w0, q0), w1, q1),
    [1, 2, 3, 4, 5, 6],
    "Products of bytes in one step."
);
