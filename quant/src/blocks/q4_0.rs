//! Q4_0: 32 nibbles under one f16 scale, 18 bytes, `x[i] = d * (q[i] - 8)`.
//!
//! Layout after ggml's `block_q4_0`: byte `j` holds weight `j` in its low nibble and weight `j + 16` in its high one.
//! The range -8..=7 is lopsided, so the scale is signed: it maps the weight of largest magnitude, whatever its sign, to
//! exactly -8. Encoding with importances is the search of `search.rs`, eight blocks at a time.

use std::array::from_fn;

use bytemuck::{Pod, Zeroable};

use super::search::{Groups, LANES, Levels, quants};
use super::{F16_NAN, RUN, all_finite, f16_bytes, f16_value};

/// The levels.
const RANGE: Levels = Levels { low: -8.0, high: 7.0 };

/// One block of 32 weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct BlockQ4_0 {
    /// Scale, a little-endian f16; may be negative.
    pub d: [u8; 2],
    /// Nibbles: weights 0..16 low, 16..32 high, each offset by 8.
    pub qs: [u8; 16],
}

const _: () = assert!(size_of::<BlockQ4_0>() == 18 && align_of::<BlockQ4_0>() == 1);

impl BlockQ4_0 {
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
        let (low, high) = dst.split_at_mut(Self::LEN / 2);
        for ((low, high), &q) in low.iter_mut().zip(high).zip(&self.qs) {
            *low = (f32::from(q & 0xf) - 8.0) * d;
            *high = (f32::from(q >> 4) - 8.0) * d;
        }
    }

    /// Encodes 32 weights as ggml's `quantize_row_q4_0_ref` does; of two weights with the same largest magnitude the
    /// first decides the sign of the scale. A NaN or infinity makes the whole block NaN.
    #[must_use]
    pub fn encode(src: &[f32; Self::LEN]) -> Self {
        if !all_finite(src) {
            return Self { d: F16_NAN, qs: [0x88; Self::LEN / 2] };
        }
        let extreme = src.iter().fold(0.0f32, |extreme, &x| if x.abs() > extreme.abs() { x } else { extreme });
        let d = extreme / -8.0;
        let inverse = if d == 0.0 { 0.0 } else { 1.0 / d };
        // Adding 8.5 and truncating rounds halves upwards; the opposite extreme would land on 16.
        let level = |x: f32| ((x * inverse + 8.5) as u8).min(15);
        let mut qs = [0; Self::LEN / 2];
        for (j, q) in qs.iter_mut().enumerate() {
            *q = level(src[j]) | level(src[j + Self::LEN / 2]) << 4;
        }
        Self { d: f16_bytes(d), qs }
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
            let q = quants(&levels, RANGE, g);
            Self { d: f16_bytes(fit.scale[g]), qs: from_fn(|j| q[j] | q[j + 16] << 4) }
        })
    }
}
