//! Q5_0: 32 five-bit values under one f16 scale, 22 bytes, `x[i] = (q[i] - 16) * d`.
//!
//! Layout after ggml's `block_q5_0`: the low four bits lie as in Q4_0, and bit `i` of a little-endian u32 is the fifth
//! bit of weight `i`. As in Q4_0 the range -16..=15 is lopsided and the scale signed. Encoding is the search of
//! `search.rs`, eight blocks at a time.

use std::array::from_fn;

use bytemuck::{Pod, Zeroable};

use super::search::{Groups, LANES, Levels, quants};
use super::{F16_NAN, RUN, all_finite, f16_bytes, f16_value};

/// The levels.
const RANGE: Levels = Levels { low: -16.0, high: 15.0 };

/// One block of 32 weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct BlockQ5_0 {
    /// Scale, a little-endian f16; may be negative.
    pub d: [u8; 2],
    /// The fifth bits, a little-endian u32.
    pub qh: [u8; 4],
    /// The low four bits: weights 0..16 low, 16..32 high.
    pub qs: [u8; 16],
}

const _: () = assert!(size_of::<BlockQ5_0>() == 22 && align_of::<BlockQ5_0>() == 1);

/// The quants (0..=31 each) of weights `j` and `j + 16`, `j` below 16, from their low nibbles and all fifth bits; the
/// same in Q5_1.
#[must_use]
#[inline]
pub fn pair(qh: u32, nibbles: u8, j: usize) -> (u8, u8) {
    let fifth = |i: usize| (qh >> i & 1) as u8;
    (nibbles & 0xf | fifth(j) << 4, nibbles >> 4 | fifth(j + 16) << 4)
}

/// The fifth bits and nibbles of 32 quants: the inverse of [`pair`].
pub(super) fn split(q: &[u8; BlockQ5_0::LEN]) -> ([u8; 4], [u8; 16]) {
    let high = q.iter().enumerate().fold(0u32, |high, (i, &q)| high | u32::from(q >> 4) << i);
    (high.to_le_bytes(), from_fn(|j| q[j] & 0xf | q[j + 16] << 4))
}

impl BlockQ5_0 {
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
        let (d, qh) = (self.d(), u32::from_le_bytes(self.qh));
        let (low, high) = dst.split_at_mut(Self::LEN / 2);
        for (j, ((low, high), &nibbles)) in low.iter_mut().zip(high).zip(&self.qs).enumerate() {
            let (first, second) = pair(qh, nibbles, j);
            *low = (f32::from(first) - 16.0) * d;
            *high = (f32::from(second) - 16.0) * d;
        }
    }

    /// Encodes eight blocks in a row with the least error found under the importances of their weights. A NaN or
    /// infinity makes its whole block NaN.
    #[must_use]
    pub fn encode_run(src: &[f32; RUN], importance: &[f32; RUN]) -> [Self; LANES] {
        let groups = Groups::<{ Self::LEN }>::new(src, importance);
        let fit = groups.stored_scale(RANGE);
        let levels = groups.levels(&fit, RANGE);
        from_fn(|g| {
            if !all_finite(&src[g * Self::LEN..][..Self::LEN]) {
                return Self { d: F16_NAN, ..Self::zeroed() };
            }
            let (qh, qs) = split(&quants(&levels, RANGE, g));
            Self { d: f16_bytes(fit.scale[g]), qh, qs }
        })
    }
}
