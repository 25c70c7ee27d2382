//! Q5_K: 256 five-bit values in eight groups of 32, each group with its own scale and minimum, 176 bytes:
//! `x[i] = (d * scale[g]) * q[i] - (dmin * min[g])`.
//!
//! Layout after ggml's `block_q5_K`: scales, minima and the low four bits of the quants lie as in Q4_K, and bit `g` of
//! `qh[l]` is the fifth bit of weight `l` of group `g`. Encoding is the search of `super_block.rs`.

use std::array::from_fn;

use bytemuck::{Pod, Zeroable};

use super::q4_k::{pack_scale_min, scale_min};
use super::search::Levels;
use super::super_block::{Affine, quants, split};
use super::{F16_NAN, all_finite, f16_value};

/// The levels.
const RANGE: Levels = Levels { low: 0.0, high: 31.0 };

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

    /// Encodes 256 weights with the least error found under their importances. A NaN or infinity makes the whole block
    /// NaN.
    #[must_use]
    pub fn encode_weighted(src: &[f32; Self::LEN], importance: &[f32; Self::LEN]) -> Self {
        if !all_finite(src) {
            return Self { d: F16_NAN, dmin: F16_NAN, ..Self::zeroed() };
        }
        let groups = split::<GROUP, 1>(src, importance);
        let block = Affine::search::<GROUP, GROUPS>(&groups, RANGE, 63.0);
        let q = quants(&groups, &block.fits(), RANGE);
        let six_bits = |lanes: &[[f32; GROUPS]; 1]| lanes[0].map(|value| value as u8);
        Self {
            d: block.d,
            dmin: block.dmin,
            scales: pack_scale_min(six_bits(&block.scales), six_bits(&block.mins)),
            qh: from_fn(|l| (0..GROUPS).fold(0, |byte, g| byte | q[GROUP * g + l] >> 4 << g)),
            qs: from_fn(|l| {
                let (run, l) = (l / GROUP, l % GROUP);
                q[2 * GROUP * run + l] & 0xf | q[2 * GROUP * run + GROUP + l] << 4
            }),
        }
    }
}
