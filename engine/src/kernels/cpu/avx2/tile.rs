//! Register-blocked products of a packed panel with many input rows: outer products, so that an input number is
//! broadcast once for sixteen weights and no lane is ever summed across (Goto & van de Geijn 2008).
//!
//! Float panels lie k-major, sixteen columns a line. Integer panels lie block by block of 32 inputs, see
//! [`super::pack`]; within a block a lane holds four neighbouring inputs of one column, which is what `maddubs` and
//! `madd` sum. Weights are its unsigned operand: at most 4 bits wide they let all eight steps of a block be added in
//! i16 (8 * 2 * 15 * 127 < 2^15), at 6 bits two of them. 8-bit weights leave no room: there
//! both sides are widened to i16 and `madd` multiplies.

use super::pack::{self, Floats, Packed};
use crate::kernels::cpu::input::{BLOCK, Input};
use crate::kernels::cpu::panel::{Line, PANEL, Weights};
use core::arch::x86_64::*;
use ocelli_quant::TensorType;

/// Input rows of the float kernel: 12 accumulators, two weights and a broadcast fill 15 of the 16 registers.
const FLOAT_ROWS: usize = 6;
/// Depth of a float pass, so that its 16 KiB of weights stay in the first-level cache for all rows.
const FLOAT_DEPTH: usize = 256;
/// Input rows of the integer kernel: eight accumulators.
const INT_ROWS: usize = 4;
/// Blocks of 32 a pass of the integer kernel.
const INT_DEPTH: usize = 32;

/// `tile[m * PANEL + n] = weights[n] · input[from + m]`, the weights packed.
#[target_feature(enable = "avx2,fma,f16c")]
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
    match weights.ty {
        TensorType::F32 | TensorType::F16 | TensorType::BF16 => floats(input, from, bytemuck::cast_slice(packed), tile),
        TensorType::Q8_0 => ints::<pack::Q8_0>(input, from, packed, tile),
        TensorType::Q4_0 => ints::<pack::Q4_0>(input, from, packed, tile),
        TensorType::Q4K => ints::<pack::Q4K>(input, from, packed, tile),
        TensorType::Q6K => ints::<pack::Q6K>(input, from, packed, tile),
        _ => unreachable!("has_kernel"),
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn floats(input: &Input<'_>, from: usize, panel: &[f32], tile: &mut [[f32; PANEL]]) {
    let width = input.width;
    for k in (0..width).step_by(FLOAT_DEPTH) {
        let depth = FLOAT_DEPTH.min(width - k);
        let weights = Floats { data: &panel[k * PANEL..], stride: PANEL };
        let mut m = from;
        for rows in tile.chunks_mut(FLOAT_ROWS) {
            let x = Floats { data: &input.floats[m * width + k..], stride: width };
            m += rows.len();
            outer_rows(weights, x, depth, rows.len(), rows.as_flattened_mut(), PANEL);
        }
    }
}

/// [`outer`] for any number of rows up to [`FLOAT_ROWS`].
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn outer_rows(w: Floats<'_>, x: Floats<'_>, depth: usize, rows: usize, sums: &mut [f32], stride: usize) {
    match rows {
        1 => outer::<1>(w, x, depth, sums, stride),
        2 => outer::<2>(w, x, depth, sums, stride),
        3 => outer::<3>(w, x, depth, sums, stride),
        4 => outer::<4>(w, x, depth, sums, stride),
        5 => outer::<5>(w, x, depth, sums, stride),
        _ => outer::<FLOAT_ROWS>(w, x, depth, sums, stride),
    }
}

/// `sums[m][0..16] += Σ x[m][k] w[k][0..16]`, k rising, one chain for each sum.
#[target_feature(enable = "avx2,fma,f16c")]
fn outer<const M: usize>(w: Floats<'_>, x: Floats<'_>, depth: usize, sums: &mut [f32], stride: usize) {
    assert!(depth > 0 && w.data.len() >= (depth - 1) * w.stride + PANEL);
    assert!(x.data.len() >= (M - 1) * x.stride + depth && sums.len() >= (M - 1) * stride + PANEL);
    let mut acc = [[_mm256_setzero_ps(); 2]; M];
    let to = sums.as_mut_ptr();
    for (m, acc) in acc.iter_mut().enumerate() {
        // SAFETY: `sums` holds 16 floats from `m * stride`, as asserted.
        unsafe {
            *acc = [_mm256_loadu_ps(to.add(m * stride)), _mm256_loadu_ps(to.add(m * stride + 8))];
        }
    }
    let (mut from, x_stride) = (x.data.as_ptr(), x.stride);
    let mut weight = w.data.as_ptr();
    for _ in 0..depth {
        // SAFETY: `w` holds 16 floats from `k * stride` and `x` one at `m * stride + k`, as asserted; the pointers
        // move one past the last at most (`wrapping_add`: with a stride they may go further).
        unsafe {
            let w = [_mm256_loadu_ps(weight), _mm256_loadu_ps(weight.add(8))];
            for (m, acc) in acc.iter_mut().enumerate() {
                let x = _mm256_broadcast_ss(&*from.add(m * x_stride));
                acc[0] = _mm256_fmadd_ps(x, w[0], acc[0]);
                acc[1] = _mm256_fmadd_ps(x, w[1], acc[1]);
            }
        }
        weight = weight.wrapping_add(w.stride);
        from = from.wrapping_add(1);
    }
    for (m, acc) in acc.iter().enumerate() {
        // SAFETY: as for the loads.
        unsafe {
            _mm256_storeu_ps(to.add(m * stride), acc[0]);
            _mm256_storeu_ps(to.add(m * stride + 8), acc[1]);
        }
    }
}

/// A pass of one input row as i16, block by block: the even ones, then the odd ones.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Wide([i16; INT_DEPTH * BLOCK]);

#[target_feature(enable = "avx2,fma,f16c")]
fn ints<P: Packed>(input: &Input<'_>, from: usize, panel: &[Line], tile: &mut [[f32; PANEL]]) {
    let blocks = input.width / BLOCK;
    let mut wide = [Wide([0; INT_DEPTH * BLOCK]); INT_ROWS];
    for first in (0..blocks).step_by(INT_DEPTH) {
        let depth = INT_DEPTH.min(blocks - first);
        let lines = &panel[first * P::LINES..(first + depth) * P::LINES];
        let mut m = from;
        for rows in tile.chunks_mut(INT_ROWS) {
            match rows.len() {
                1 => int_rows::<P, 1>(input, m, first, lines, &mut wide, rows),
                2 => int_rows::<P, 2>(input, m, first, lines, &mut wide, rows),
                3 => int_rows::<P, 3>(input, m, first, lines, &mut wide, rows),
                _ => int_rows::<P, INT_ROWS>(input, m, first, lines, &mut wide, rows),
            }
            m += rows.len();
        }
    }
}

/// Adds the products of some blocks, from block `first` on, to `M` rows of the tile.
#[target_feature(enable = "avx2,fma,f16c")]
fn int_rows<P: Packed, const M: usize>(
    input: &Input<'_>,
    m: usize,
    first: usize,
    lines: &[Line],
    wide: &mut [Wide; INT_ROWS],
    tile: &mut [[f32; PANEL]],
) {
    let width = input.width;
    let blocks = width / BLOCK;
    let depth = lines.len() / P::LINES;
    if P::PLANES == 2 {
        for (i, wide) in wide.iter_mut().enumerate().take(M) {
            let at = (m + i) * width + first * BLOCK;
            let quants = input.quants[at..at + depth * BLOCK].as_chunks::<BLOCK>().0;
            for (q, to) in quants.iter().zip(wide.0.as_chunks_mut::<BLOCK>().0) {
                // SAFETY: 32 bytes are read, 64 written.
                unsafe {
                    let [even, odd] = pack::widen(_mm256_loadu_si256(q.as_ptr().cast()));
                    let to = to.as_mut_ptr().cast::<__m256i>();
                    to.write(even);
                    to.add(1).write(odd);
                }
            }
        }
    }
    assert!(tile.len() == M && first + depth <= blocks && lines.len().is_multiple_of(P::LINES));
    assert!(input.quants.len() >= (m + M) * width && input.scales.len() >= (m + M) * blocks);
    assert!(input.sums.len() >= (m + M) * blocks * 2);
    let ones = _mm256_set1_epi16(1);
    let to = tile.as_mut_ptr().cast::<f32>();
    // Hidden from the compiler: it would unroll the loop over steps, add in another order and run out of registers.
    let pairs = std::hint::black_box(4 / P::HALVES);
    for b in 0..depth {
        let at = m * blocks + first + b;
        // SAFETY: the asserted lengths; a block is `P::LINES` lines of 64 bytes: first the scales of each half, then
        // the minima, then for each plane and step two vectors of 8 columns (one line), see `pack`.
        unsafe {
            let line = lines.as_ptr().add(b * P::LINES);
            let scales = line.cast::<f32>();
            let quants = line.add(P::HALVES + usize::from(P::MINS)).cast::<__m256i>();
            let x = input.quants.as_ptr().add(at * BLOCK);
            let x_scale = input.scales.as_ptr().add(at);
            let x_sums = input.sums.as_ptr().add(at * 2).cast::<i32>();
            // Adds the exact sum of a row's half for eight columns.
            let add = |m: usize, column: usize, half: usize, total: __m256i| {
                let sums = _mm256_set1_epi32(x_sums.add(m * blocks).read_unaligned());
                let zero = i32::from(P::ZERO);
                let zeros = match (P::HALVES, half) {
                    (1, _) => zero << 16 | zero,
                    (_, 0) => zero,
                    _ => zero << 16,
                };
                let total = if P::ZERO == 0 {
                    total
                } else {
                    _mm256_sub_epi32(total, _mm256_madd_epi16(sums, _mm256_set1_epi32(zeros)))
                };
                let scale = _mm256_load_ps(scales.add(half * PANEL + column * 8));
                let mut t = _mm256_mul_ps(_mm256_cvtepi32_ps(total), scale);
                if P::MINS {
                    let min = _mm256_load_ps(scales.add(P::HALVES * PANEL + column * 8));
                    let sum = _mm256_cvtepi32_ps(_mm256_madd_epi16(sums, ones));
                    t = _mm256_fnmadd_ps(min, sum, t);
                }
                let to = to.add(m * PANEL + column * 8);
                let x_scale = _mm256_broadcast_ss(&*x_scale.add(m * blocks));
                _mm256_storeu_ps(to, _mm256_fmadd_ps(t, x_scale, _mm256_loadu_ps(to)));
            };
            if P::PLANES == 2 {
                let acc = wide_sums::<M>(quants, wide.as_ptr(), b * BLOCK, pairs * 2);
                for (m, acc) in acc.iter().enumerate() {
                    add(m, 0, 0, acc[0]);
                    add(m, 1, 0, acc[1]);
                }
            } else if P::HALVES == 1 {
                let acc = sums::<M, false>(quants, x, width, pairs);
                for (m, acc) in acc.iter().enumerate() {
                    add(m, 0, 0, _mm256_madd_epi16(acc[0], ones));
                    add(m, 1, 0, _mm256_madd_epi16(acc[1], ones));
                }
            } else {
                for half in 0..2 {
                    let acc = sums::<M, true>(quants.add(half * 8), x.add(half * 16), width, pairs);
                    for (m, acc) in acc.iter().enumerate() {
                        add(m, 0, half, acc[0]);
                        add(m, 1, half, acc[1]);
                    }
                }
            }
        }
    }
}

/// Sums of two vectors of weights over `2 * pairs` steps of four inputs, in i16, or where `WIDE` in i32.
///
/// # Safety
/// There are `4 * pairs` vectors at `w` and `8 * pairs` integers at `x` and `M - 1` times `stride` further on.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn sums<const M: usize, const WIDE: bool>(
    w: *const __m256i,
    x: *const i8,
    stride: usize,
    pairs: usize,
) -> [[__m256i; 2]; M] {
    let ones = _mm256_set1_epi16(1);
    let mut acc = [[_mm256_setzero_si256(); 2]; M];
    for pair in 0..pairs {
        // SAFETY: the caller's promise.
        unsafe {
            let w = w.add(pair * 4);
            let w = [[w.read(), w.add(1).read()], [w.add(2).read(), w.add(3).read()]];
            for (m, acc) in acc.iter_mut().enumerate() {
                let x = x.add(m * stride + pair * 8).cast::<i32>();
                let x = [_mm256_set1_epi32(x.read_unaligned()), _mm256_set1_epi32(x.add(1).read_unaligned())];
                for (v, acc) in acc.iter_mut().enumerate() {
                    let a = _mm256_maddubs_epi16(w[0][v], x[0]);
                    let b = _mm256_maddubs_epi16(w[1][v], x[1]);
                    *acc = if WIDE {
                        _mm256_add_epi32(*acc, _mm256_madd_epi16(_mm256_add_epi16(a, b), ones))
                    } else {
                        _mm256_add_epi16(*acc, _mm256_add_epi16(a, b))
                    };
                }
            }
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
