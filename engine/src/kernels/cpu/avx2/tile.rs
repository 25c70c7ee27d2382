//! Products of packed panels by AVX2, see [`tile`]. Within a block a lane holds four neighbouring inputs of one column,
//! which is what `maddubs` and `madd` sum. Weights are its unsigned operand: at most 4 bits wide they let all eight steps
//! of a block be added in i16 (8 * 2 * 15 * 127 < 2^15), at 5 bits four of them, at 6 bits two. 8-bit weights leave no
//! room: there both sides are widened to i16 and `madd` multiplies. Their panels have two lines a step, the even inputs of
//! all columns and the odd ones.

use super::formats::{factors, quants};
use super::lanes::{Avx2, store, transpose};
use crate::kernels::cpu::formats::{Packed, with_format};
use crate::kernels::cpu::input::{BLOCK, Input};
use crate::kernels::cpu::lanes::Floats;
use crate::kernels::cpu::pack::{self, Panels};
use crate::kernels::cpu::panel::{Line, PANEL, Weights};
use crate::kernels::cpu::tile::{self, Asked, DEPTH, Part, ROWS, Tiles};
use core::arch::x86_64::*;
use ocelli_quant::TensorType;

/// Input rows of the float kernel: 12 accumulators, two weights and a broadcast fill 15 of the 16 registers.
pub const FLOAT_ROWS: usize = 6;

/// Fills `packed` with a panel.
#[target_feature(enable = "avx2,fma,f16c")]
pub fn pack(weights: &Weights<'_>, packed: &mut Vec<Line>) {
    with_format!(weights.ty, ints::<_>(weights, packed), pack::floats(Avx2::here(), weights, packed));
}

#[target_feature(enable = "avx2,fma,f16c")]
fn ints<P: Packed>(weights: &Weights<'_>, packed: &mut Vec<Line>) {
    pack::ints::<P, _>(Avx2::here(), weights, packed);
}

/// See [`tile::multiply`].
#[target_feature(enable = "avx2,fma,f16c")]
pub fn multiply(
    weights: &Weights<'_>,
    input: &Input<'_>,
    from: usize,
    count: usize,
    packed: &[Line],
    tile: &mut [f32],
) {
    tile::multiply(Avx2::here(), weights, input, from, count, packed, tile);
}

/// See [`tile::outer_rows`].
#[target_feature(enable = "avx2,fma,f16c")]
pub fn outer_rows(w: Floats<'_>, x: Floats<'_>, depth: usize, rows: usize, sums: &mut [f32], stride: usize) {
    tile::outer_rows(Avx2::here(), w, x, depth, rows, sums, stride);
}

#[target_feature(enable = "avx2,fma,f16c")]
fn rows<P: Packed, const M: usize>(x: Part<'_>, lines: &[Line], pass: &mut [Wide; ROWS], tile: &mut [[f32; PANEL]]) {
    tile::rows::<P, _, M>(Avx2::here(), x, lines, pass, tile);
}

impl Panels for Avx2 {
    type Lanes = Self;

    #[inline(always)]
    fn lanes(self) -> Self {
        self
    }

    #[inline(always)]
    fn quants<P: Packed>(self, block: &[u8], group: usize) -> __m256 {
        // SAFETY: the token says that the instructions are there.
        unsafe { _mm256_castsi256_ps(quants::<P>(block, group)) }
    }

    #[inline(always)]
    fn factors<P: Packed>(self, block: &[u8]) -> [[__m256; 2]; 2] {
        // SAFETY: the token says that the instructions are there.
        let factors = unsafe { factors::<P>(block) };
        [factors.scales, factors.mins]
    }

    #[inline(always)]
    fn lines<P: Packed>() -> usize {
        if P::BITS == 8 { 16 } else { 8 }
    }

    #[inline(always)]
    fn lay<P: Packed>(self, columns: [__m256; 8], half: usize, to: &mut [[f32; 8]]) {
        // SAFETY: the token says that the instructions are there.
        unsafe {
            for (step, v) in transpose(columns).into_iter().enumerate() {
                if P::BITS == 8 {
                    let [even, odd] = widen(_mm256_xor_si256(_mm256_castps_si256(v), _mm256_set1_epi8(-128)));
                    store(&mut to[step * 4 + half], _mm256_castsi256_ps(even));
                    store(&mut to[step * 4 + 2 + half], _mm256_castsi256_ps(odd));
                } else {
                    store(&mut to[step * 2 + half], v);
                }
            }
        }
    }
}

/// A pass of one input row as i16, block by block: the even ones, then the odd ones.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Wide([i16; DEPTH * BLOCK]);

/// The even and the odd bytes as i16.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn widen(v: __m256i) -> [__m256i; 2] {
    [_mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(v)), _mm256_srai_epi16::<8>(v)]
}

impl Tiles for Avx2 {
    type Sums = __m256i;
    type Pass = [Wide; ROWS];
    const PASS: Self::Pass = [Wide([0; DEPTH * BLOCK]); ROWS];
    const EIGHTS: usize = 2;

    #[inline(always)]
    fn rows<P: Packed, const M: usize>(
        self,
        x: Part<'_>,
        lines: &[Line],
        pass: &mut Self::Pass,
        tile: &mut [[f32; PANEL]],
    ) {
        // SAFETY: the token says that the instructions are there.
        unsafe { rows::<P, M>(x, lines, pass, tile) }
    }

    #[inline(always)]
    fn prepare<P: Packed, const M: usize>(self, x: Part<'_>, depth: usize, pass: &mut Self::Pass) {
        if P::BITS < 8 {
            return;
        }
        for (i, wide) in pass.iter_mut().enumerate().take(M) {
            let quants = x.quants.as_chunks::<BLOCK>().0.iter().skip(i).step_by(x.group).take(depth);
            for (q, to) in quants.zip(wide.0.as_chunks_mut::<BLOCK>().0) {
                // SAFETY: 32 bytes are read, 64 written, and the instructions are there.
                unsafe {
                    let [even, odd] = widen(_mm256_loadu_si256(q.as_ptr().cast()));
                    let to = to.as_mut_ptr().cast::<__m256i>();
                    to.write(even);
                    to.add(1).write(odd);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn sums<P: Packed, const M: usize>(
        self,
        w: *const Line,
        x: *const i8,
        Asked { block, half, pairs, .. }: Asked,
        pass: &Self::Pass,
    ) -> [[__m256i; 2]; M] {
        // SAFETY: the caller's promise, and the token's: the instructions are there.
        unsafe {
            let w = w.cast::<__m256i>();
            if P::BITS == 8 {
                return wide_sums::<M>(w, pass.as_ptr(), block * BLOCK, pairs * 2);
            }
            let (w, x) = (w.add(half * 8), x.add(half * 16));
            match P::BITS {
                0..=4 => {
                    let mut acc = sums::<M>(w, x, pairs);
                    for acc in acc.as_flattened_mut() {
                        *acc = _mm256_madd_epi16(*acc, _mm256_set1_epi16(1));
                    }
                    acc
                }
                5 => chained_sums::<M, 2>(w, x, pairs),
                _ => chained_sums::<M, 1>(w, x, pairs),
            }
        }
    }

    #[inline(always)]
    fn exact<P: Packed>(self, sums: __m256i, inputs: u32, half: usize) -> __m256 {
        // SAFETY: the token says that the instructions are there.
        unsafe {
            // Eight-bit weights were made signed again when they were widened.
            let sums = if P::ZERO == 0 || P::BITS == 8 {
                sums
            } else {
                _mm256_sub_epi32(sums, times::<P>(inputs, half, P::ZERO))
            };
            _mm256_cvtepi32_ps(sums)
        }
    }

    #[inline(always)]
    fn input_sum<P: Packed>(self, inputs: u32, half: usize) -> __m256 {
        // SAFETY: the token says that the instructions are there.
        unsafe { _mm256_cvtepi32_ps(times::<P>(inputs, half, 1)) }
    }
}

/// `v` times the sum of a half of a block of the input, or of both halves where they have one scale.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn times<P: Packed>(inputs: u32, half: usize, v: i16) -> __m256i {
    // One number of each pair of sums, or both.
    let pick = match (P::HALVES, half) {
        (1, _) => _mm256_set1_epi16(v),
        (_, 0) => _mm256_set1_epi32(i32::from(v)),
        _ => _mm256_set1_epi32(i32::from(v) << 16),
    };
    _mm256_madd_epi16(_mm256_set1_epi32(inputs.cast_signed()), pick)
}

/// Sums of two vectors of weights over `2 * pairs` steps of four inputs, in i16.
///
/// # Safety
/// There are `4 * pairs` vectors at `w` and `8 * pairs` integers at `x` and at the `M - 1` blocks after it.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn sums<const M: usize>(w: *const __m256i, x: *const i8, pairs: usize) -> [[__m256i; 2]; M] {
    let mut acc = [[_mm256_setzero_si256(); 2]; M];
    for pair in 0..pairs {
        // SAFETY: the caller's promise.
        unsafe {
            let w = w.add(pair * 4);
            let w = [[w.read(), w.add(1).read()], [w.add(2).read(), w.add(3).read()]];
            for (m, acc) in acc.iter_mut().enumerate() {
                let x = x.add(m * BLOCK + pair * 8).cast::<i32>();
                let x = [_mm256_set1_epi32(x.read_unaligned()), _mm256_set1_epi32(x.add(1).read_unaligned())];
                for (v, acc) in acc.iter_mut().enumerate() {
                    let a = _mm256_maddubs_epi16(w[0][v], x[0]);
                    let b = _mm256_maddubs_epi16(w[1][v], x[1]);
                    *acc = _mm256_add_epi16(*acc, _mm256_add_epi16(a, b));
                }
            }
        }
    }
    acc
}

/// As [`sums`], in i32: `CHAIN` pairs of steps are added in i16 before.
///
/// # Safety
/// As for [`sums`].
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn chained_sums<const M: usize, const CHAIN: usize>(
    w: *const __m256i,
    x: *const i8,
    pairs: usize,
) -> [[__m256i; 2]; M] {
    let ones = _mm256_set1_epi16(1);
    let mut acc = [[_mm256_setzero_si256(); 2]; M];
    for pair in (0..pairs).step_by(CHAIN) {
        // SAFETY: the caller's promise.
        let part = unsafe { sums::<M>(w.add(pair * 4), x.add(pair * 8), CHAIN) };
        for (acc, part) in acc.as_flattened_mut().iter_mut().zip(part.as_flattened()) {
            *acc = _mm256_add_epi32(*acc, _mm256_madd_epi16(*part, ones));
        }
    }
    acc
}

/// As [`sums`] over `steps` of four inputs with weights and inputs widened to i16, even ones and odd ones apart.
///
/// # Safety
/// There are `4 * steps` vectors at `w`, and `4 * steps` integers in each of `M` rows of `x` from `at` on.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn wide_sums<const M: usize>(w: *const __m256i, x: *const Wide, at: usize, steps: usize) -> [[__m256i; 2]; M] {
    let mut acc = [[_mm256_setzero_si256(); 2]; M];
    let x = x.cast::<i32>();
    for step in 0..steps {
        // SAFETY: the caller's promise; a row is `Wide`, and its blocks are 16 pairs: eight even, then eight odd ones.
        unsafe {
            let w = w.add(step * 4);
            let w = [[w.read(), w.add(1).read()], [w.add(2).read(), w.add(3).read()]];
            for (m, acc) in acc.iter_mut().enumerate() {
                let x = x.add(m * (size_of::<Wide>() / 4) + at / 2 + step);
                let x = [_mm256_set1_epi32(x.read()), _mm256_set1_epi32(x.add(8).read())];
                for (v, acc) in acc.iter_mut().enumerate() {
                    let even = _mm256_madd_epi16(w[0][v], x[0]);
                    let odd = _mm256_madd_epi16(w[1][v], x[1]);
                    *acc = _mm256_add_epi32(*acc, _mm256_add_epi32(even, odd));
                }
            }
        }
    }
    acc
}
