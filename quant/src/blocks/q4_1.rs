//! Q4_1: 32 nibbles under one f16 scale and one f16 minimum, 20 bytes, `x[i] = q[i] * d + m`.
//!
//! Layout after ggml's `block_q4_1`; nibbles lie as in Q4_0. Unlike the minima of the k formats, `m` is added and has
//! either sign, so a block need not include zero.

use bytemuck::{Pod, Zeroable};

use super::f16_value;

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
}
