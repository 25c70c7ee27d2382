//! A matmul's input, read once for all products of a fused block: normed floats, and int8 blocks where a weight is
//! quantised.
//!
//! One int8 format serves every weight type: blocks of 32 with an f32 scale and the sums of the integers, which the
//! formats with an offset (Q4_0's 8, Q4_K's minimum, Q6_K's 32) need. There is a sum for each 16, because that is how
//! far one scale of Q6_K reaches.

use super::isa::Isa;

/// Numbers a block.
pub const BLOCK: usize = 32;

/// Borrowed rows of an input, as floats and as int8 blocks (empty where no weight asks for them).
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Rows.
    pub rows: usize,
    /// Numbers a row; a multiple of [`BLOCK`] where there are int8 blocks.
    pub width: usize,
    /// `rows * width` floats.
    pub floats: &'a [f32],
    /// `rows * width` integers in -127..=127: `x ≈ scale * q`.
    pub quants: &'a [i8],
    /// `rows * width / 32` scales.
    pub scales: &'a [f32],
    /// `rows * width / 16` sums of 16 integers.
    pub sums: &'a [i16],
}

impl<'a> Input<'a> {
    /// Row `m` as floats.
    pub fn row(&self, m: usize) -> &'a [f32] {
        &self.floats[m * self.width..(m + 1) * self.width]
    }

    /// Row `m` as int8 blocks: integers, scales, sums.
    pub fn blocks(&self, m: usize) -> (&'a [i8], &'a [f32], &'a [i16]) {
        let (n, b) = (self.width, self.width / BLOCK);
        (&self.quants[m * n..(m + 1) * n], &self.scales[m * b..(m + 1) * b], &self.sums[m * b * 2..(m + 1) * b * 2])
    }
}

/// Quantises one row: per block, scale = max |x| / 127, q = round(x / scale) to nearest, ties to even. A block with
/// a NaN or an infinity becomes a NaN scale, so that the damage shows in the output instead of vanishing.
pub fn quantise(isa: Isa, x: &[f32], quants: &mut [i8], scales: &mut [f32], sums: &mut [i16]) {
    match isa {
        Isa::Scalar => quantise_scalar(x, quants, scales, sums),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => super::avx2::quantise(x, quants, scales, sums),
    }
}

#[allow(clippy::cast_possible_truncation)]
fn quantise_scalar(x: &[f32], quants: &mut [i8], scales: &mut [f32], sums: &mut [i16]) {
    let blocks = x.chunks_exact(BLOCK).zip(quants.chunks_exact_mut(BLOCK));
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
