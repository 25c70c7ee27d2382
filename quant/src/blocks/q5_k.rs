//! Q5_K: 256 five-bit values in eight groups of 32, each group with its own scale and minimum, 176 bytes:
//! `x[i] = (d * scale[g]) * q[i] - (dmin * min[g])`.
//!
//! Layout after ggml's `block_q5_K`: scales, minima and the low four bits of the quants lie as in Q4_K, and bit `g` of
//! `qh[l]` is the fifth bit of weight `l` of group `g`.

use bytemuck::{Pod, Zeroable};

use super::f16_value;
use super::q4_k::scale_min;

/// Weights in a group with its own scale and minimum.
const GROUP: usize = 32;
/// Groups in a block.
const GROUPS: usize = 8;

/// One block of 256 weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct BlockQ5K {
    /// Scale of the group scales, a little-endian f16.
    pub d: [u8; 2],
    /// Scale of the group minima, a little-endian f16.
    pub dmin: [u8; 2],
    /// Eight 6-bit scales and eight 6-bit minima, packed; see [`scale_min`].
    pub scales: [u8; 12],
    /// The fifth bits of the quants.
    pub qh: [u8; 32],
    /// The low four bits, four runs of 32 bytes for two groups each.
    pub qs: [u8; 128],
}

const _: () = assert!(size_of::<BlockQ5K>() == 176 && align_of::<BlockQ5K>() == 1);

impl BlockQ5K {
    /// Weights in a block.
    pub const LEN: usize = GROUP * GROUPS;

    /// The scale of the group scales.
    #[must_use]
    #[inline]
    pub fn d(&self) -> f32 {
        f16_value(self.d)
    }

    /// The scale of the group minima.
    #[must_use]
    #[inline]
    pub fn dmin(&self) -> f32 {
        f16_value(self.dmin)
    }

    /// Decodes the block.
    pub fn decode(&self, dst: &mut [f32; Self::LEN]) {
        let (d, dmin) = (self.d(), self.dmin());
        let runs = self.qs.as_chunks::<GROUP>().0;
        for (g, group) in dst.as_chunks_mut::<GROUP>().0.iter_mut().enumerate() {
            let (scale, min) = scale_min(&self.scales, g);
            let (step, offset) = (d * f32::from(scale), dmin * f32::from(min));
            for (value, (low, high)) in group.iter_mut().zip(runs[g / 2].iter().zip(&self.qh)) {
                let q = low >> (4 * (g % 2)) & 0xf | (high >> g & 1) << 4;
                *value = step * f32::from(q) - offset;
            }
        }
    }
}
