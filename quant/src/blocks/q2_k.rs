//! Q2_K: 256 two-bit values in sixteen groups of 16, each with a 4-bit scale and a 4-bit minimum, 84 bytes:
//! `x[i] = (d * scale[g]) * q[i] - (dmin * min[g])`.
//!
//! Layout after ggml's `block_q2_K`. Byte `g` of the scales holds scale `g` (low nibble) and minimum `g` (high one). A
//! block is two halves of 128 weights with 32 bytes of quants each; weight `32k + l` of a half is bits `2k` and
//! `2k + 1` of its byte `l`. Encoding is the search of `super_block.rs`.

use std::array::from_fn;

use bytemuck::{Pod, Zeroable};

use super::search::Levels;
use super::super_block::{Affine, quants, split};
use super::{F16_NAN, all_finite, f16_value};

/// The levels.
const RANGE: Levels = Levels { low: 0.0, high: 3.0 };

/// Weights in a group with its own scale and minimum.
const GROUP: usize = 16;
/// Groups in a block.
const GROUPS: usize = 16;

/// One block of 256 weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct BlockQ2K {
    /// A scale (low nibble) and a minimum (high nibble) for each group.
    pub scales: [u8; 16],
    /// Quants, two bits each.
    pub qs: [u8; 64],
    /// Scale of the group scales, a little-endian f16.
    pub d: [u8; 2],
    /// Scale of the group minima, a little-endian f16.
    pub dmin: [u8; 2],
}

const _: () = assert!(size_of::<BlockQ2K>() == 84 && align_of::<BlockQ2K>() == 1);

impl BlockQ2K {
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
        for (g, group) in dst.as_chunks_mut::<GROUP>().0.iter_mut().enumerate() {
            let step = d * f32::from(self.scales[g] & 0xf);
            let offset = dmin * f32::from(self.scales[g] >> 4);
            let (half, k) = (g / 8, g % 8 / 2);
            let bytes = &self.qs[32 * half + GROUP * (g % 2)..][..GROUP];
            for (value, &q) in group.iter_mut().zip(bytes) {
                *value = step * f32::from(q >> (2 * k) & 3) - offset;
            }
        }
    }

    /// Encodes 256 weights with the least error found under their importances. A NaN or infinity makes the whole block
    /// NaN.
    #[must_use]
    pub fn encode_weighted(src: &[f32; Self::LEN], importance: &[f32; Self::LEN]) -> Self {
        if !all_finite(src) {
            return Self { d: F16_NAN, dmin: F16_NAN, ..Self::zeroed() };
        }
        let groups = split::<GROUP, 2>(src, importance);
        let block = Affine::search::<GROUP, GROUPS>(&groups, RANGE, 15.0);
        let q = quants(&groups, &block.fits(), RANGE);
        let (scales, mins) = (block.scales.as_flattened(), block.mins.as_flattened());
        Self {
            scales: from_fn(|g| scales[g] as u8 | (mins[g] as u8) << 4),
            qs: from_fn(|l| (0..4).fold(0, |byte, k| byte | q[l / 32 * 128 + 32 * k + l % 32] << (2 * k))),
            d: block.d,
            dmin: block.dmin,
        }
    }
}
