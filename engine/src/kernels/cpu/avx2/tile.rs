//! Register-blocked products of a packed panel with many input rows: outer products, so that an input number is
//! broadcast once for sixteen weights and no lane is ever summed across (Goto & van de Geijn 2008).
//!
//! Float panels lie k-major, sixteen columns a line. Integer panels lie block by block of 32 inputs, see
//! [`super::pack`]; within a block a lane holds four neighbouring inputs of one column, which is what `maddubs` and
//! `madd` sum. Weights are its unsigned operand: at most 4 bits wide they let all eight steps of a block be added in
//! i16 (8 * 2 * 15 * 127 < 2^15), at 5 bits four of them, at 6 bits two. 8-bit weights leave no room: there both sides
//! are widened to i16 and `madd` multiplies.

use super::pack;
use crate::kernels::cpu::formats::{Packed, with_format};
use crate::kernels::cpu::input::{BLOCK, GROUP, Input, STEP, Step};
use crate::kernels::cpu::lanes::Floats;
use crate::kernels::cpu::panel::{Line, PANEL, Weights};
use core::arch::x86_64::*;
use ocelli_quant::TensorType;

/// Input rows of the float kernel: 12 accumulators, two weights and a broadcast fill 15 of the 16 registers.
pub const FLOAT_ROWS: usize = 6;
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
    with_format!(
        weights.ty,
        ints::<_>(input, from, packed, tile),
        floats(input, from, bytemuck::cast_slice(packed), tile)
    );
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

/// Some rows of a group of the input, from some block on.
#[derive(Clone, Copy)]
struct Part<'a> {
    /// From the first row's first integer on.
    quants: &'a [i8],
    /// From the first row's first scale on; see [`Step`].
    steps: &'a [u32],
    /// Rows of the whole group.
    group: usize,
}

#[target_feature(enable = "avx2,fma,f16c")]
fn ints<P: Packed>(input: &Input<'_>, from: usize, panel: &[Line], tile: &mut [[f32; PANEL]]) {
    let blocks = input.width / BLOCK;
    let lines = const { pack::lines::<P, false>() };
    let mut wide = [Wide([0; INT_DEPTH * BLOCK]); INT_ROWS];
    for first in (0..blocks).step_by(INT_DEPTH) {
        let depth = INT_DEPTH.min(blocks - first);
        let lines = &panel[first * lines..(first + depth) * lines];
        for (g, rows) in tile.chunks_mut(GROUP).enumerate() {
            let at = (from + g * GROUP) * blocks;
            let group = input.group_rows(from + g * GROUP);
            for (r, rows) in rows.chunks_mut(INT_ROWS).enumerate() {
                let r = r * INT_ROWS;
                let x = Part {
                    quants: &input.quants[(at + first * group + r) * BLOCK..],
                    steps: &input.steps[(at + first * group) * STEP + r..],
                    group,
                };
                match rows.len() {
                    1 => int_rows::<P, 1>(x, lines, &mut wide, rows),
                    2 => int_rows::<P, 2>(x, lines, &mut wide, rows),
                    3 => int_rows::<P, 3>(x, lines, &mut wide, rows),
                    _ => int_rows::<P, INT_ROWS>(x, lines, &mut wide, rows),
                }
            }
        }
    }
}

/// Adds the products of some blocks to `M` rows of the tile.
#[target_feature(enable = "avx2,fma,f16c")]
fn int_rows<P: Packed, const M: usize>(
    x: Part<'_>,
    lines: &[Line],
    wide: &mut [Wide; INT_ROWS],
    tile: &mut [[f32; PANEL]],
) {
    let block_lines = const { pack::lines::<P, false>() };
    let depth = lines.len() / block_lines;
    let group = x.group;
    assert!(tile.len() == M && depth <= INT_DEPTH && lines.len() == depth * block_lines && M <= group);
    assert!(x.quants.len() >= ((depth - 1) * group + M) * BLOCK);
    assert!(x.steps.len() >= (depth * STEP - 1) * group + M);
    if const { pack::planes::<P>() == 2 } {
        for (i, wide) in wide.iter_mut().enumerate().take(M) {
            let quants = x.quants.as_chunks::<BLOCK>().0.iter().skip(i).step_by(group).take(depth);
            for (q, to) in quants.zip(wide.0.as_chunks_mut::<BLOCK>().0) {
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
    let ones = _mm256_set1_epi16(1);
    let to = tile.as_mut_ptr().cast::<f32>();
    // Hidden from the compiler: it would unroll the loop over steps, add in another order and run out of registers.
    let pairs = std::hint::black_box(4 / P::HALVES);
    for b in 0..depth {
        // SAFETY: the asserted lengths; a block is `block_lines` lines of 64 bytes: first the scales of each half, then
        // the minima, then for each plane and step two vectors of 8 columns (one line), see `pack`.
        unsafe {
            let line = lines.as_ptr().add(b * block_lines);
            let scales = line.cast::<f32>();
            let quants = line.add(P::HALVES + P::MINS).cast::<__m256i>();
            let steps = x.steps.as_ptr().add(b * STEP * group);
            let step = |which: Step, m: usize| steps.add(which as usize * group + m);
            let x = x.quants.as_ptr().add(b * group * BLOCK);
            // Adds the exact sum of a row's half for eight columns.
            let add = |m: usize, column: usize, half: usize, total: __m256i| {
                let sums = _mm256_set1_epi32(step(Step::Sums, m).read().cast_signed());
                // One number of each pair of sums, or both.
                let pick = |v: i16| match (P::HALVES, half) {
                    (1, _) => _mm256_set1_epi16(v),
                    (_, 0) => _mm256_set1_epi32(i32::from(v)),
                    _ => _mm256_set1_epi32(i32::from(v) << 16),
                };
                // Eight-bit weights were made signed again when they were widened.
                let total = if P::ZERO == 0 || P::BITS == 8 {
                    total
                } else {
                    _mm256_sub_epi32(total, _mm256_madd_epi16(sums, pick(P::ZERO)))
                };
                let scale = _mm256_load_ps(scales.add(half * PANEL + column * 8));
                let mut t = _mm256_mul_ps(_mm256_cvtepi32_ps(total), scale);
                if P::MINS > half {
                    let min = _mm256_load_ps(scales.add((P::HALVES + half) * PANEL + column * 8));
                    let sum = _mm256_cvtepi32_ps(_mm256_madd_epi16(sums, pick(1)));
                    t = _mm256_fnmadd_ps(min, sum, t);
                }
                let to = to.add(m * PANEL + column * 8);
                let x_scale = _mm256_set1_ps(f32::from_bits(step(Step::Scale, m).read()));
                _mm256_storeu_ps(to, _mm256_fmadd_ps(t, x_scale, _mm256_loadu_ps(to)));
            };
            if const { pack::planes::<P>() == 2 } {
                let acc = wide_sums::<M>(quants, wide.as_ptr(), b * BLOCK, pairs * 2);
                for (m, acc) in acc.iter().enumerate() {
                    add(m, 0, 0, acc[0]);
                    add(m, 1, 0, acc[1]);
                }
            } else {
                for half in 0..P::HALVES {
                    let (quants, x) = (quants.add(half * 8), x.add(half * 16));
                    let acc = match P::BITS {
                        0..=4 => {
                            let mut acc = sums::<M>(quants, x, pairs);
                            for acc in acc.as_flattened_mut() {
                                *acc = _mm256_madd_epi16(*acc, ones);
                            }
                            acc
                        }
                        5 => chained_sums::<M, 2>(quants, x, pairs),
                        _ => chained_sums::<M, 1>(quants, x, pairs),
                    };
                    for (m, acc) in acc.iter().enumerate() {
                        add(m, 0, half, acc[0]);
                        add(m, 1, half, acc[1]);
                    }
                }
            }
        }
    }
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
