//! Q5_1: 32 five-bit values under one f16 scale and one f16 minimum, 24 bytes, `x[i] = q[i] * d + m`.
//!
//! Layout after ggml's `block_q5_1`: the scale and the minimum of Q4_1 before the bits of Q5_0. Encoding is the search
//! of `search.rs`, eight blocks at a time.

use std::array::from_fn;

use bytemuck::{Pod, Zeroable};

use super::q5_0::{pair, split};
use super::search::{Groups, LANES, Levels, quants};
use super::{F16_NAN, RUN, all_finite, f16_bytes, f16_value};

/// The levels.
const RANGE: Levels = Levels { low: 0.0, high: 31.0 };

/// One block of 32 weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct BlockQ5_1 {
    /// Scale, a little-endian f16.
    pub d: [u8; 2],
    /// What a quant of 0 stands for, a little-endian f16.
    pub m: [u8; 2],
    /// The fifth bits, a little-endian u32.
    pub qh: [u8; 4],
    /// The low four bits: weights 0..16 low, 16..32 high.
    pub qs: [u8; 16],
}

const _: () = assert!(size_of::<BlockQ5_1>() == 24 && align_of::<BlockQ5_1>() == 1);

impl BlockQ5_1 {
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
        let (d, m, qh) = (self.d(), self.m(), u32::from_le_bytes(self.qh));
        let (low, high) = dst.split_at_mut(Self::LEN / 2);
        for (j, ((low, high), &nibbles)) in low.iter_mut().zip(high).zip(&self.qs).enumerate() {
            let (first, second) = pair(qh, nibbles, j);
            *low = f32::from(first) * d + m;
            *high = f32::from(second) * d + m;
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
                return Self { d: F16_NAN, m: F16_NAN, ..Self::zeroed() };
            }
            let (qh, qs) = split(&quants(&levels, RANGE, g));
            Self { d: f16_bytes(fit.scale[g]), m: f16_bytes(fit.base[g]), qh, qs }
        })
    }
}
