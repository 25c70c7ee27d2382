//! Q4_K: 256 nibbles in eight groups of 32, each group with its own scale and minimum, 144 bytes:
//! `x[i] = (d * scale[g]) * q[i] - (dmin * min[g])`.
//!
//! Layout after ggml's `block_q4_K`. The eight 6-bit scales and eight 6-bit minima share 12 bytes: bytes 0..4 hold
//! scales 0..4 and bytes 4..8 minima 0..4 in their low six bits; bytes 8..12 hold the low nibbles of scales 4..8 (low)
//! and of minima 4..8 (high), whose upper two bits sit on top of bytes 0..4 and 4..8. [`scale_min`] undoes that. Quants
//! come in four runs of 32 bytes: run `r` holds group `2r` in the low nibbles and group `2r + 1` in the high ones.
//!
//! Encoding follows ggml's `quantize_row_q4_K_ref`, block for block the same: for each group, 21 candidate step sizes
//! around the full range are tried; for each, scale and minimum are the weighted least-squares fit to the levels it
//! gives, and the fit with the least weighted squared error wins. The weight of an element is `rms(group) + |x|`. A
//! candidate whose fit would put the minimum above zero is refitted through zero, since the format can only subtract.
//! The search runs the eight groups side by side, one a lane: the order of additions within a group, and so every bit
//! of the result, stays that of the plain loop, while the compiler gets loops it can turn into vector code.
//! Encoding with importances is the search of `super_block.rs`.

use std::array::from_fn;

use bytemuck::{Pod, Zeroable};

use super::rounding::level;
use super::search::Levels;
use super::super_block::{Affine, quants, split};
use super::{F16_NAN, all_finite, f16_bytes, f16_value};

/// Weights in a group with its own scale and minimum.
const GROUP: usize = 32;
/// Groups in a block.
const GROUPS: usize = 8;
/// Largest level of a 4-bit quant.
const TOP: f32 = 15.0;
/// The levels.
const RANGE: Levels = Levels { low: 0.0, high: TOP };

/// One block of 256 weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct BlockQ4K {
    /// Scale of the group scales, a little-endian f16.
    pub d: [u8; 2],
    /// Scale of the group minima, a little-endian f16.
    pub dmin: [u8; 2],
    /// Eight 6-bit scales and eight 6-bit minima, packed; see [`scale_min`].
    pub scales: [u8; 12],
    /// Nibbles, four runs of 32 bytes for two groups each.
    pub qs: [u8; 128],
}

const _: () = assert!(size_of::<BlockQ4K>() == 144 && align_of::<BlockQ4K>() == 1);

/// Scale and minimum (0..=63 each) of group `j`, which must be below 8.
#[must_use]
#[inline]
pub fn scale_min(scales: &[u8; 12], j: usize) -> (u8, u8) {
    if j < 4 {
        (scales[j] & 63, scales[j + 4] & 63)
    } else {
        (scales[j + 4] & 0xf | scales[j - 4] >> 6 << 4, scales[j + 4] >> 4 | scales[j] >> 6 << 4)
    }
}

/// The inverse of [`scale_min`] for all groups at once.
pub(super) fn pack_scale_min(scales: [u8; GROUPS], mins: [u8; GROUPS]) -> [u8; 12] {
    let mut packed = [0; 12];
    for j in 0..4 {
        packed[j] = scales[j] | scales[j + 4] >> 4 << 6;
        packed[j + 4] = mins[j] | mins[j + 4] >> 4 << 6;
        packed[j + 8] = scales[j + 4] & 0xf | mins[j + 4] << 4;
    }
    packed
}

impl BlockQ4K {
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
        for (j, group) in dst.as_chunks_mut::<GROUP>().0.iter_mut().enumerate() {
            let (scale, min) = scale_min(&self.scales, j);
            let (step, offset) = (d * f32::from(scale), dmin * f32::from(min));
            let shift = 4 * (j % 2);
            for (value, &q) in group.iter_mut().zip(&runs[j / 2]) {
                *value = step * f32::from(q >> shift & 0xf) - offset;
            }
        }
    }

    /// Encodes 256 weights; see the module text. A NaN or infinity makes the whole block NaN.
    #[must_use]
    pub fn encode(src: &[f32; Self::LEN]) -> Self {
        if !all_finite(src) {
            return Self { d: F16_NAN, dmin: F16_NAN, ..Self::zeroed() };
        }
        let x: [Lanes; GROUP] = from_fn(|i| from_fn(|g| src[GROUP * g + i]));
        let mut fits = Fits::search(&x);

        let largest = |lanes: Lanes| lanes.into_iter().fold(0.0f32, |a, b| if b > a { b } else { a });
        let (largest_scale, largest_min) = (largest(fits.scale), largest(fits.min));
        let six_bits = |lanes: Lanes, largest: f32| {
            let inverse = if largest > 0.0 { 63.0 / largest } else { 0.0 };
            lanes.map(|value| level(inverse * value, 0.0, 63.0) as u8)
        };
        let mut block = Self {
            d: f16_bytes(largest_scale / 63.0),
            dmin: f16_bytes(largest_min / 63.0),
            scales: pack_scale_min(six_bits(fits.scale, largest_scale), six_bits(fits.min, largest_min)),
            qs: [0; Self::LEN / 2],
        };

        // The levels are taken once more against the scales as they are stored, after both roundings. A group whose
        // scale became zero keeps those of its fit.
        let (d, dmin) = (block.d(), block.dmin());
        let stored: [(u8, u8); GROUPS] = from_fn(|g| scale_min(&block.scales, g));
        let step: Lanes = from_fn(|g| d * f32::from(stored[g].0));
        let offset: Lanes = from_fn(|g| dmin * f32::from(stored[g].1));
        for (levels, x) in fits.levels.iter_mut().zip(&x) {
            *levels = from_fn(|g| match step[g] {
                0.0 => levels[g],
                step => level((x[g] + offset[g]) / step, 0.0, TOP),
            });
        }
        for (run, qs) in block.qs.as_chunks_mut::<GROUP>().0.iter_mut().enumerate() {
            for (q, levels) in qs.iter_mut().zip(&fits.levels) {
                *q = levels[2 * run] as u8 | (levels[2 * run + 1] as u8) << 4;
            }
        }
        block
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
        let six_bits = |lanes: &[Lanes; 1]| lanes[0].map(|value| value as u8);
        Self {
            d: block.d,
            dmin: block.dmin,
            scales: pack_scale_min(six_bits(&block.scales), six_bits(&block.mins)),
            qs: from_fn(|l| {
                let (run, l) = (l / GROUP, l % GROUP);
                q[2 * GROUP * run + l] | q[2 * GROUP * run + GROUP + l] << 4
            }),
        }
    }
}

/// One number for each group.
type Lanes = [f32; GROUPS];

/// `x = scale * level - min` for each group; neither is negative.
struct Fits {
    scale: Lanes,
    min: Lanes,
    levels: [Lanes; GROUP],
}

impl Fits {
    /// The best fits found. Weights so large that their squares overflow give NaN sums, which no comparison accepts.
    fn search(x: &[Lanes; GROUP]) -> Self {
        let zero: Lanes = [0.0; GROUPS];
        let squares = x.iter().fold(zero, |sum, x| from_fn(|g| sum[g] + x[g] * x[g]));
        let rms = squares.map(|sum| (sum / GROUP as f32).sqrt());
        let weights = x.map(|x| -> Lanes { from_fn(|g| rms[g] + x[g].abs()) });
        let pairs = || weights.iter().zip(x);
        let sum_w = weights.iter().fold(zero, |sum, w| from_fn(|g| sum[g] + w[g]));
        let sum_x = pairs().fold(zero, |sum, (w, x)| from_fn(|g| sum[g] + w[g] * x[g]));

        // The format can subtract but not add, so the range always includes zero.
        let mut low = x.iter().fold(zero, |low, x| from_fn(|g| if x[g] < low[g] { x[g] } else { low[g] }));
        let high = x.iter().fold(x[0], |high, x| from_fn(|g| if x[g] > high[g] { x[g] } else { high[g] }));

        let error_of = |levels: &[Lanes; GROUP], scale: &Lanes, base: &Lanes| {
            pairs().zip(levels).fold(zero, |sum, ((w, x), l)| {
                from_fn(|g| {
                    let diff = scale[g] * l[g] + base[g] - x[g];
                    sum[g] + w[g] * (diff * diff)
                })
            })
        };

        // A group of one value divides by zero here: its scale comes out 0, its levels 0, and no candidate beats that.
        let inverse: Lanes = from_fn(|g| TOP / (high[g] - low[g]));
        let mut scale = inverse.map(|inverse| 1.0 / inverse);
        let mut levels = x.map(|x| -> Lanes { from_fn(|g| level(inverse[g] * (x[g] - low[g]), 0.0, TOP)) });
        let mut least = error_of(&levels, &scale, &low);
        for step in 0..=20u8 {
            // As in ggml, `low` is the base of the best fit so far, so one success moves the candidates after it.
            let top = -1.0 + 0.1 * f32::from(step) + TOP;
            let inverse: Lanes = from_fn(|g| top / (high[g] - low[g]));
            let mut candidate = [zero; GROUP];
            let (mut sum_l, mut sum_l2, mut sum_xl) = (zero, zero, zero);
            for ((w, x), l) in pairs().zip(&mut candidate) {
                *l = from_fn(|g| level(inverse[g] * (x[g] - low[g]), 0.0, TOP));
                sum_l = from_fn(|g| sum_l[g] + w[g] * l[g]);
                sum_l2 = from_fn(|g| sum_l2[g] + w[g] * l[g] * l[g]);
                sum_xl = from_fn(|g| sum_xl[g] + w[g] * l[g] * x[g]);
            }
            // Zero when all levels are equal.
            let determinant: Lanes = from_fn(|g| sum_w[g] * sum_l2[g] - sum_l[g] * sum_l[g]);
            let mut fit: Lanes = from_fn(|g| (sum_w[g] * sum_xl[g] - sum_x[g] * sum_l[g]) / determinant[g]);
            let mut base: Lanes = from_fn(|g| (sum_l2[g] * sum_x[g] - sum_l[g] * sum_xl[g]) / determinant[g]);
            fit = from_fn(|g| if base[g] > 0.0 { sum_xl[g] / sum_l2[g] } else { fit[g] });
            base = base.map(|base| if base > 0.0 { 0.0 } else { base });

            let error = error_of(&candidate, &fit, &base);
            let better: [bool; GROUPS] = from_fn(|g| determinant[g] > 0.0 && error[g] < least[g]);
            let choose = |new: &Lanes, old: &Lanes| -> Lanes { from_fn(|g| if better[g] { new[g] } else { old[g] }) };
            least = choose(&error, &least);
            scale = choose(&fit, &scale);
            low = choose(&base, &low);
            for (levels, candidate) in levels.iter_mut().zip(&candidate) {
                *levels = choose(candidate, levels);
            }
        }
        Self { scale, min: low.map(|low| -low), levels }
    }
}

#[cfg(test)]
mod tests {
    use super::{GROUPS, pack_scale_min, scale_min};

    #[test]
    fn scales_and_minima_survive_packing() {
        for seed in 0..24u8 {
            let scales: [u8; GROUPS] = std::array::from_fn(|j| (seed * 5 + 11 * j as u8) % 64);
            let mins: [u8; GROUPS] = std::array::from_fn(|j| (seed * 3 + 23 * j as u8 + 7) % 64);
            let packed = pack_scale_min(scales, mins);
            for j in 0..GROUPS {
                assert_eq!(scale_min(&packed, j), (scales[j], mins[j]));
            }
        }
    }
}
