//! IQ4_XS: 256 nibbles of IQ4_NL in eight groups of 32, each with a signed 6-bit scale, 136 bytes:
//! `x[i] = (d * (scale[g] - 32)) * VALUES[q[i]]`.
//!
//! Layout after ggml's `block_iq4_xs`. Scale `g` has its low four bits in a nibble of `scales_l[g / 2]` (low for even
//! groups) and its upper two in bits `2g` and `2g + 1` of a little-endian u16. A group's 16 bytes of quants are those
//! of an IQ4_NL block. Files are read; there is no encoder.

use bytemuck::{Pod, Zeroable};

use super::f16_value;
use super::iq4_nl::VALUES;

/// Weights in a group with its own scale.
const GROUP: usize = 32;
/// Groups in a block.
const GROUPS: usize = 8;

/// One block of 256 weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct BlockIq4Xs {
    /// Scale of the group scales, a little-endian f16; may be negative.
    pub d: [u8; 2],
    /// The upper two bits of the group scales, a little-endian u16.
    pub scales_h: [u8; 2],
    /// The low four bits of the group scales.
    pub scales_l: [u8; 4],
    /// Indices into [`VALUES`], 16 bytes a group.
    pub qs: [u8; 128],
}

const _: () = assert!(size_of::<BlockIq4Xs>() == 136 && align_of::<BlockIq4Xs>() == 1);

/// The group scales, -32..=31 each.
#[must_use]
#[inline]
pub fn scales(scales_h: [u8; 2], scales_l: [u8; 4]) -> [i8; GROUPS] {
    let high = u16::from_le_bytes(scales_h);
    std::array::from_fn(|g| {
        let low = scales_l[g / 2] >> (4 * (g % 2)) & 0xf;
        (low | ((high >> (2 * g) & 3) as u8) << 4).cast_signed() - 32
    })
}

impl BlockIq4Xs {
    /// Weights in a block.
    pub const LEN: usize = GROUP * GROUPS;

    /// The scale of the group scales.
    #[must_use]
    #[inline]
    pub fn d(&self) -> f32 {
        f16_value(self.d)
    }

    /// The group scales, -32..=31 each.
    #[must_use]
    #[inline]
    pub fn scales(&self) -> [i8; GROUPS] {
        scales(self.scales_h, self.scales_l)
    }

    /// Decodes the block.
    pub fn decode(&self, dst: &mut [f32; Self::LEN]) {
        let (d, scales) = (self.d(), self.scales());
        let groups = dst.as_chunks_mut::<GROUP>().0.iter_mut().zip(self.qs.as_chunks::<16>().0);
        for ((group, qs), scale) in groups.zip(scales) {
            let step = d * f32::from(scale);
            let (low, high) = group.split_at_mut(GROUP / 2);
            for ((low, high), &q) in low.iter_mut().zip(high).zip(qs) {
                *low = step * f32::from(VALUES[usize::from(q & 0xf)]);
                *high = step * f32::from(VALUES[usize::from(q >> 4)]);
            }
        }
    }
}
