//! Q8_0: 32 signed bytes under one f16 scale, 34 bytes, `x[i] = d * qs[i]`.
//!
//! Layout after ggml's `block_q8_0`. The scale is `max|x| / 127`, so -128 never appears in a block encoded without
//! importances, but a file may hold it and decoding (and every kernel) must take it. Encoding with importances is the
//! search of `search.rs`, eight blocks at a time.

use std::array::from_fn;

use bytemuck::{Pod, Zeroable};

use super::search::{Groups, LANES, Levels};
use super::{F16_NAN, RUN, all_finite, f16_bytes, f16_value};

/// The levels.
const RANGE: Levels = Levels { low: -128.0, high: 127.0 };

/// One block of 32 weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct BlockQ8_0 {
    /// Scale, a little-endian f16.
    pub d: [u8; 2],
    /// Quants.
    pub qs: [i8; 32],
}

const _: () = assert!(size_of::<BlockQ8_0>() == 34 && align_of::<BlockQ8_0>() == 1);

impl BlockQ8_0 {
    /// Weights in a block.
    pub const LEN: usize = 32;

    /// The scale.
    #[must_use]
    #[inline]
    pub fn d(&self) -> f32 {
        f16_value(self.d)
    }

    /// Decodes the block.
    pub fn decode(&self, dst: &mut [f32; Self::LEN]) {
        let d = self.d();
        for (value, &q) in dst.iter_mut().zip(&self.qs) {
            *value = f32::from(q) * d;
        }
    }

    /// Encodes 32 weights as ggml's `quantize_row_q8_0_ref` does: the quotient is taken with the scale before it is
    /// rounded to f16, and rounds half away from zero. A NaN or infinity makes the whole block NaN.
    #[must_use]
    pub fn encode(src: &[f32; Self::LEN]) -> Self {
        if !all_finite(src) {
            return Self { d: F16_NAN, qs: [0; Self::LEN] };
        }
        let largest = src.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
        let d = largest / 127.0;
        let inverse = if d == 0.0 { 0.0 } else { 1.0 / d };
        Self { d: f16_bytes(d), qs: from_fn(|i| rounded(src[i] * inverse)) }
    }

    /// Encodes eight blocks in a row with the least error found under the importances of their weights. A NaN or
    /// infinity makes its whole block NaN.
    #[must_use]
    pub fn encode_run(src: &[f32; RUN], importance: &[f32; RUN]) -> [Self; LANES] {
        let groups = Groups::<{ Self::LEN }>::new(src, importance);
        let fit = groups.stored_scale(RANGE);
        let levels = groups.levels(&fit, RANGE);
        from_fn(|g| {
            if !all_finite(&src[g * Self::LEN..][..Self::LEN]) {
                return Self { d: F16_NAN, ..Self::zeroed() };
            }
            Self { d: f16_bytes(fit.scale[g]), qs: from_fn(|i| levels[i][g] as i8) }
        })
    }
}

/// To the nearest whole number, half away from zero, as `f32::round` does, in instructions that every processor has in vectors.
/// What is added is the float before one half: with one half itself that same float would be rounded to one.
#[inline]
fn rounded(x: f32) -> i8 {
    (x + (0.5 - f32::EPSILON / 4.0).copysign(x)) as i8
}

#[cfg(test)]
mod tests {
    use super::rounded;

    #[test]
    fn rounds_as_the_standard_library() {
        let edges = [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 0.0, -0.0, 1e-40, 300.0, -300.0, 1e30];
        let halves = (-600..=600).map(|n| n as f32 / 2.0);
        let around = halves.flat_map(|x| [x.next_down(), x, x.next_up()]);
        for x in edges.into_iter().chain(around) {
            assert_eq!(rounded(x), x.round() as i8, "{x}");
        }
    }
}
