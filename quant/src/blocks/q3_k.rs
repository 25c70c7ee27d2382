//! Q3_K: 256 three-bit values in sixteen groups of 16, each with a signed 6-bit scale, 110 bytes:
//! `x[i] = (d * (scale[g] - 32)) * (q[i] - 4)`.
//!
//! Layout after ggml's `block_q3_K`. The low two bits of the quants lie as in Q2_K; the third bit of weight `l` of run
//! `r` (eight runs of 32) is bit `r` of `hmask[l]`. The sixteen 6-bit scales share 12 bytes: nibbles of bytes 0..8 hold
//! the low four bits of scales 0..8 (low nibbles) and 8..16 (high ones), and bits `2k` and `2k + 1` of byte `8 + l` the
//! upper two of scale `4k + l`. [`scales`] undoes that. Encoding is the search of
//! `super_block.rs`.

use std::array::from_fn;

use bytemuck::{Pod, Zeroable};

use super::search::Levels;
use super::super_block::{Linear, quants, split};
use super::{F16_NAN, all_finite, f16_value};

/// The levels, and the integers a group's scale can be.
const RANGE: Levels = Levels { low: -4.0, high: 3.0 };
const SCALES: Levels = Levels { low: -32.0, high: 31.0 };

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
    from_fn(|g| {
        let low = packed[g % 8] >> (4 * (g / 8)) & 0xf;
        let high = packed[8 + g % 4] >> (2 * (g / 4)) & 3;
        (low | high << 4).cast_signed() - 32
    })
}

/// The inverse of [`scales`].
fn pack_scales(scales: [i8; GROUPS]) -> [u8; 12] {
    let mut packed = [0; 12];
    for (g, scale) in scales.into_iter().enumerate() {
        let scale = (scale + 32).cast_unsigned();
        packed[g % 8] |= (scale & 0xf) << (4 * (g / 8));
        packed[8 + g % 4] |= scale >> 4 << (2 * (g / 4));
    }
    packed
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

    /// Encodes 256 weights with the least error found under their importances. A NaN or infinity makes the whole block
    /// NaN.
    #[must_use]
    pub fn encode_weighted(src: &[f32; Self::LEN], importance: &[f32; Self::LEN]) -> Self {
        if !all_finite(src) {
            return Self { d: F16_NAN, ..Self::zeroed() };
        }
        let groups = split::<GROUP, 2>(src, importance);
        let block = Linear::search::<GROUP, GROUPS>(&groups, RANGE, SCALES);
        let q = quants(&groups, &block.fits(), RANGE);
        let scales = block.scales.as_flattened();
        Self {
            hmask: from_fn(|l| (0..8).fold(0, |byte, run| byte | q[32 * run + l] >> 2 << run)),
            qs: from_fn(|l| (0..4).fold(0, |byte, k| byte | (q[l / 32 * 128 + 32 * k + l % 32] & 3) << (2 * k))),
            scales: pack_scales(from_fn(|g| scales[g] as i8)),
            d: block.d,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{GROUPS, pack_scales, scales};

    #[test]
    fn scales_survive_packing() {
        for seed in 0..24 {
            let values: [i8; GROUPS] = std::array::from_fn(|g| ((seed * 5 + 11 * g) % 64) as i8 - 32);
            assert_eq!(scales(&pack_scales(values)), values);
        }
    }
}
