//! A matmul's input, read once for all products of a fused block: normed floats, and int8 blocks where a weight is
//! quantised.
//!
//! One int8 format serves every weight type: blocks of 32 with an f32 scale and the sums of the integers, which the
//! formats with an offset (Q4_0's 8, Q4_K's minimum, Q6_K's 32) need. There is a sum for each 16, because that is how
//! far one scale of Q6_K reaches.
//!
//! The non-obvious thing is the order: up to [`GROUP`] rows lie block by block, so that a kernel which holds the sums of
//! a whole group in registers walks through memory once and finds every number at a fixed distance. One row alone is
//! then simply a row.

use super::panel::reads_quants;
use super::table::{Quantise, Table};
use ocelli_quant::TensorType;

/// Numbers a block.
pub const BLOCK: usize = 32;

/// Rows that lie together, block by block.
pub const GROUP: usize = 8;

/// What the batch kernels read beside the integers of a block, each a 4-byte number a row: see [`Step`].
pub const STEP: usize = 8;

/// Where in a block's [`STEP`] numbers a row finds which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Step {
    /// f32: the scale.
    Scale,
    /// Two i16: the sums of both halves.
    Sums,
    /// i32: -128 times the sum of the block: what signed weights that were made unsigned by adding 128 have too much.
    Zero,
    /// i32: the same for the first half.
    FirstZero,
    /// i32: the same for the second half.
    SecondZero,
    /// f32: scale times sum.
    Offset,
    /// f32: scale times the sum of the first half.
    FirstOffset,
    /// f32: scale times the sum of the second half.
    SecondOffset,
}

/// Borrowed rows of an input, as floats and as int8 blocks (empty where no weight asks for them).
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Rows.
    pub rows: usize,
    /// Numbers a row; a multiple of [`BLOCK`] where there are int8 blocks.
    pub width: usize,
    /// `rows * width` floats.
    pub floats: &'a [f32],
    /// `rows * width` integers in -127..=127, `x ≈ scale * q`, group by group, block by block.
    pub quants: &'a [i8],
    /// `rows * width / 32` scales, row by row.
    pub scales: &'a [f32],
    /// `rows * width / 16` sums of 16 integers, row by row.
    pub sums: &'a [i16],
    /// Where the rows are [`few`](Table::few): scale times sum of each block, of its first half and of its second
    /// one, `3 * rows * width / 32` numbers, row by row, kind by kind.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    pub offsets: &'a [f32],
    /// Where they are few, on processors whose kernels read them: the integers of two blocks together, the first halves of
    /// both and then the second ones, group by group, pair by pair, row by row. A block without a second is left out.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    pub pairs: &'a [i8],
    /// Where they are more: `rows * width / 32 *` [`STEP`] numbers, group by group, block by block, kind by kind, row by
    /// row.
    pub steps: &'a [u32],
}

impl<'a> Input<'a> {
    /// Row `m` as floats.
    pub fn row(&self, m: usize) -> &'a [f32] {
        &self.floats[m * self.width..(m + 1) * self.width]
    }

    /// Whether the kernels for few rows, at most `few` of floats, take these: what they read of integers is there for one kind of kernel.
    pub(super) fn few(&self, few: usize, ty: TensorType) -> bool {
        if reads_quants(ty) { self.steps.is_empty() } else { self.rows <= few }
    }

    /// The rows of the group that begins at row `first`.
    pub fn group_rows(&self, first: usize) -> usize {
        GROUP.min(self.rows - first)
    }

    /// The scales and the sums of row `m`.
    pub fn factors(&self, m: usize) -> (&'a [f32], &'a [i16]) {
        let b = self.width / BLOCK;
        (&self.scales[m * b..(m + 1) * b], &self.sums[m * b * 2..(m + 1) * b * 2])
    }

    /// The integers of block `b` of row `m`.
    pub fn block(&self, m: usize, b: usize) -> &'a [i8] {
        let first = m / GROUP * GROUP;
        &self.quants[first * self.width + (b * self.group_rows(first) + m - first) * BLOCK..][..BLOCK]
    }
}

/// A group's int8 blocks while they are written; the fields are those of [`Input`].
pub struct Group<'a> {
    /// Rows, at most [`GROUP`].
    pub rows: usize,
    /// See [`Input::quants`].
    pub quants: &'a mut [i8],
    /// See [`Input::scales`].
    pub scales: &'a mut [f32],
    /// See [`Input::sums`].
    pub sums: &'a mut [i16],
    /// See [`Input::offsets`].
    pub offsets: &'a mut [f32],
    /// See [`Input::pairs`].
    pub pairs: &'a mut [i8],
    /// See [`Input::steps`].
    pub steps: &'a mut [u32],
}

/// Quantises a group: per block, scale = max |x| / 127, q = round(x / scale) to nearest, ties to even. A block with
/// a NaN or an infinity becomes a NaN scale, so that the damage shows in the output instead of vanishing.
pub fn quantise(table: &Table, x: &[f32], group: &mut Group<'_>) {
    let by: Quantise = table.quantise;
    let rows = group.rows;
    let width = x.len() / rows;
    let blocks = width / BLOCK;
    for (m, row) in x.chunks_exact(width).enumerate() {
        let scales = &mut group.scales[m * blocks..(m + 1) * blocks];
        let sums = &mut group.sums[m * blocks * 2..(m + 1) * blocks * 2];
        by(row, m, rows, group.quants, scales, sums);
        if group.offsets.is_empty() {
            continue;
        }
        let (whole, halves) = group.offsets[m * blocks * 3..(m + 1) * blocks * 3].split_at_mut(blocks);
        let (first, second) = halves.split_at_mut(blocks);
        for (b, (&scale, sums)) in scales.iter().zip(sums.as_chunks::<2>().0).enumerate() {
            whole[b] = scale * f32::from(sums[0] + sums[1]);
            first[b] = scale * f32::from(sums[0]);
            second[b] = scale * f32::from(sums[1]);
        }
    }
    if table.pairs && !group.pairs.is_empty() {
        let quants = group.quants.as_chunks::<BLOCK>().0.chunks_exact(2 * rows);
        for (blocks, pairs) in quants.zip(group.pairs.as_chunks_mut::<{ 2 * BLOCK }>().0.chunks_exact_mut(rows)) {
            for (m, pair) in pairs.iter_mut().enumerate() {
                let (halves, _) = pair.as_chunks_mut::<{ BLOCK / 2 }>();
                for (b, block) in [&blocks[m], &blocks[rows + m]].into_iter().enumerate() {
                    let (first, second) = block.split_at(BLOCK / 2);
                    halves[b].copy_from_slice(first);
                    halves[2 + b].copy_from_slice(second);
                }
            }
        }
    }
    if group.steps.is_empty() {
        return;
    }
    let put = |steps: &mut [u32], which: Step, m: usize, bits: u32| steps[which as usize * rows + m] = bits;
    for m in 0..rows {
        let scales = &group.scales[m * blocks..(m + 1) * blocks];
        let sums = group.sums[m * blocks * 2..(m + 1) * blocks * 2].as_chunks::<2>().0;
        let steps = group.steps.chunks_exact_mut(STEP * rows);
        for ((&scale, &[first, second]), step) in scales.iter().zip(sums).zip(steps) {
            let zero = |sum: i16| (i32::from(sum) * -128).cast_unsigned();
            let offset = |sum: i16| (scale * f32::from(sum)).to_bits();
            put(step, Step::Scale, m, scale.to_bits());
            put(step, Step::Sums, m, u32::from(first.cast_unsigned()) | u32::from(second.cast_unsigned()) << 16);
            put(step, Step::Zero, m, zero(first + second));
            put(step, Step::FirstZero, m, zero(first));
            put(step, Step::SecondZero, m, zero(second));
            put(step, Step::Offset, m, offset(first + second));
            put(step, Step::FirstOffset, m, offset(first));
            put(step, Step::SecondOffset, m, offset(second));
        }
    }
}

/// Row `m` of `rows`.
#[allow(clippy::cast_possible_truncation)]
pub fn quantise_row(x: &[f32], m: usize, rows: usize, quants: &mut [i8], scales: &mut [f32], sums: &mut [i16]) {
    let blocks = x.chunks_exact(BLOCK).zip(quants.chunks_exact_mut(BLOCK).skip(m).step_by(rows));
    for ((x, q), (scale, sums)) in blocks.zip(scales.iter_mut().zip(sums.chunks_exact_mut(2))) {
        let finite = x.iter().all(|v| v.is_finite());
        let max = x.iter().fold(0f32, |m, v| m.max(v.abs()));
        *scale = if finite { max / 127.0 } else { f32::NAN };
        let inverse = if max > 0.0 && finite { 127.0 / max } else { 0.0 };
        for (q, &v) in q.iter_mut().zip(x) {
            *q = (v * inverse).round_ties_even().clamp(-127.0, 127.0) as i8;
        }
        for (sum, q) in sums.iter_mut().zip(q.chunks_exact(16)) {
            *sum = q.iter().map(|&q| i16::from(q)).sum();
        }
    }
}
