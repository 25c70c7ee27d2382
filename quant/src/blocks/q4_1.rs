//! Q4_1: 32 nibbles under one f16 scale and one f16 minimum, 20 bytes, `x[i] = q[i] * d + m`.
//!
//! Layout after ggml's `block_q4_1`; nibbles lie as in Q4_0. Unlike the minima of the k formats, `m` is added and has
//! either sign, so a block need not include zero.
//! Encoding is the search of `search.rs`, eight blocks at a time.

use std::array::from_fn;

use bytemuck::{Pod, Zeroable};

use super::search::{Groups, LANES, Levels, quants};
use super::{F16_NAN, RUN, all_finite, f16_bytes, f16_value};

/// The levels.
const RANGE: Levels = Levels { low: 0.0, high: 15.0 };

/// One block of 32 weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct BlockQ4_1 {
    /// Scale, a little-endian f16.
    pub d: [u8; 2],
    /// What a quant of 0 stands for, a little-endian f16.
    pub m: [u8; 2],
    /// Nibbles: weights 0..16 low, 16..32 high.
    pub qs: [u8; 16],
}

const _: () = assert!(size_of::<BlockQ4_1>() == 20 && align_of::<BlockQ4_1>() == 1);

impl BlockQ4_1 {
    /// Weights in a block.
    pub const LEN: usize = 32;

    /// The scale.
    #[must_use]
    #[inline]
    pub fn d(&self) -> f32 {
        f16_value(self.d)
    }

    /// What a quant of 0 stands for.
    #[must_use]
    #[inline]
    pub fn m(&self) -> f32 {
        f16_value(self.m)
    }

    /// Decodes the block.
    pub fn decode(&self, dst: &mut [f32; Self::LEN]) {
        let (d, m) = (self.d(), self.m());
        let (low, high) = dst.split_at_mut(Self::LEN / 2);
        for ((low, high), &q) in low.iter_mut().zip(high).zip(&self.qs) {
            *low = f32::from(q & 0xf) * d + m;
            *high = f32::from(q >> 4) * d + m;
        }
    }

    /// Encodes eight blocks in a row with the least error found under the importances of their weights. A NaN or
    /// infinity makes its whole block NaN.
    #[must_use]
    pub fn encode_run(src: &[f32; RUN], importance: &[f32; RUN]) -> [Self; LANES] {
        let groups = Groups::<{ Self::LEN }>::new(src, importance);
        let fit = groups.stored_scale_and_base(RANGE);
        let levels = groups.levels(&fit, RANGE);
        from_fn(|g| {
            if !all_finite(&src[g * Self::LEN..][..Self::LEN]) {
                return Self { d: F16_NAN, m: F16_NAN, qs: [0; Self::LEN / 2] };
            }
            let q = quants(&levels, RANGE, g);
            Self { d: f16_bytes(fit.scale[g]), m: f16_bytes(fit.base[g]), qs: from_fn(|j| q[j] | q[j + 16] << 4) }
        })
    }
}
