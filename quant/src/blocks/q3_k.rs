//! Q3_K: 256 three-bit values in sixteen groups of 16, each with a signed 6-bit scale, 110 bytes:
//! `x[i] = (d * (scale[g] - 32)) * (q[i] - 4)`.
//!
//! Layout after ggml's `block_q3_K`. The low two bits of the quants lie as in Q2_K; the third bit of weight `l` of run
//! `r` (eight runs of 32) is bit `r` of `hmask[l]`. The sixteen 6-bit scales share 12 bytes: nibbles of bytes 0..8 hold
//! the low four bits of scales 0..8 (low nibbles) and 8..16 (high ones), and bits `2k` and `2k + 1` of byte `8 + l` the
//! upper two of scale `4k + l`. [`scales`] undoes that.

use bytemuck::{Pod, Zeroable};

use super::f16_value;

/// Weights in a group with its own scale.
const GROUP: usize = 16;
/// Groups in a block.
const GROUPS: usize = 16;

/// One block of 256 weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct BlockQ3K {
    /// The third bits of the quants.
    pub hmask: [u8; 32],
    /// The low two bits of the quants.
    pub qs: [u8; 64],
    /// Sixteen 6-bit scales, packed; see [`scales`].
    pub scales: [u8; 12],
    /// Scale of the group scales, a little-endian f16; may be negative.
    pub d: [u8; 2],
}

const _: () = assert!(size_of::<BlockQ3K>() == 110 && align_of::<BlockQ3K>() == 1);

/// The group scales, -32..=31 each.
#[must_use]
#[inline]
pub fn scales(packed: &[u8; 12]) -> [i8; GROUPS] {
    std::array::from_fn(|g| {
        let low = packed[g % 8] >> (4 * (g / 8)) & 0xf;
        let high = packed[8 + g % 4] >> (2 * (g / 4)) & 3;
        (low | high << 4).cast_signed() - 32
    })
}

impl BlockQ3K {
    /// Weights in a block.
    pub const LEN: usize = GROUP * GROUPS;

    /// The scale of the group scales.
    #[must_use]
    #[inline]
    pub fn d(&self) -> f32 {
        f16_value(self.d)
    }

    /// Decodes the block.
    pub fn decode(&self, dst: &mut [f32; Self::LEN]) {
        let (d, scales) = (self.d(), scales(&self.scales));
        for (g, group) in dst.as_chunks_mut::<GROUP>().0.iter_mut().enumerate() {
            let step = d * f32::from(scales[g]);
            let (run, at) = (g / 2, GROUP * (g % 2));
            let low = &self.qs[32 * (run / 4) + at..][..GROUP];
            let high = &self.hmask[at..][..GROUP];
            for (value, (low, high)) in group.iter_mut().zip(low.iter().zip(high)) {
                let q = low >> (2 * (run % 4)) & 3 | (high >> run & 1) << 2;
                *value = step * (f32::from(q) - 4.0);
            }
        }
    }
}
