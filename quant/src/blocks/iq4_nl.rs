//! IQ4_NL: 32 nibbles that choose from sixteen unevenly spaced values, under one f16 scale, 18 bytes,
//! `x[i] = d * VALUES[q[i]]`.
//!
//! Layout after ggml's `block_iq4_nl`, which is Q4_0's; only the meaning of a nibble differs. The values are denser
//! near zero, where most weights lie. Files are read; there is no encoder.

use bytemuck::{Pod, Zeroable};

use super::f16_value;

/// What the nibbles stand for (ggml's `kvalues_iq4nl`).
pub const VALUES: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// One block of 32 weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct BlockIq4Nl {
    /// Scale, a little-endian f16; may be negative.
    pub d: [u8; 2],
    /// Indices into [`VALUES`]: weights 0..16 low nibbles, 16..32 high ones.
    pub qs: [u8; 16],
}

const _: () = assert!(size_of::<BlockIq4Nl>() == 18 && align_of::<BlockIq4Nl>() == 1);

impl BlockIq4Nl {
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
            *low = d * f32::from(VALUES[usize::from(q & 0xf)]);
            *high = d * f32::from(VALUES[usize::from(q >> 4)]);
        }
    }
}
