//! Q6_K: 256 six-bit values in sixteen groups of 16, each group with a signed byte scale, 210 bytes:
//! `x[i] = (d * scales[g]) * (q[i] - 32)`.
//!
//! Layout after ggml's `block_q6_K`. A block is two halves of 128 weights, a half four quarters of 32. For weight `l`
//! of quarter `k`, the low four bits are a nibble of `ql[l + 32 * (k % 2)]` (low for quarters 0 and 1, high for 2 and
//! 3) and the upper two bits are bits `2k` and `2k + 1` of `qh[l]`; the second half uses the second 64 and 32 bytes.
//!
//! Encoding follows ggml's `quantize_row_q6_K_ref`, block for block the same: for each group, 19 step sizes around the
//! one that maps the extreme weight to -32 are tried, each with its least-squares scale under weights `x * x`; the
//! scale that explains most wins. As in Q4_K, the groups are searched side by side. 210 is not a multiple of 4, so
//! blocks after the first are only 2-aligned in a file. Encoding with importances is the search of
//! `super_block.rs`.

use std::array::from_fn;

use bytemuck::{Pod, Zeroable};

use super::rounding::level;
use super::search::Levels;
use super::super_block::{Linear, quants, split};
use super::{F16_NAN, all_finite, f16_bytes, f16_value};

/// Weights in a group with its own scale.
const GROUP: usize = 16;
/// Groups in a block.
const GROUPS: usize = 16;
/// Smallest and largest level.
const LOW: f32 = -32.0;
const HIGH: f32 = 31.0;
/// The levels, and the integers a group's scale can be.
const RANGE: Levels = Levels { low: LOW, high: HIGH };
const SCALES: Levels = Levels { low: -128.0, high: 127.0 };
/// Groups (and blocks) whose largest magnitude is below this are stored as zeros.
const NEGLIGIBLE: f32 = 1e-15;

/// One block of 256 weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct BlockQ6K {
    /// Low four bits of the quants.
    pub ql: [u8; 128],
    /// Upper two bits of the quants.
    pub qh: [u8; 64],
    /// Group scales.
    pub scales: [i8; 16],
    /// Scale of the group scales, a little-endian f16; may be negative.
    pub d: [u8; 2],
}

const _: () = assert!(size_of::<BlockQ6K>() == 210 && align_of::<BlockQ6K>() == 1);

impl BlockQ6K {
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
        let d = self.d();
        for (i, quarter) in dst.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            let (half, k) = (i / 4, i % 4);
            let low = &self.ql[64 * half + 32 * (k % 2)..][..32];
            let high = &self.qh[32 * half..][..32];
            for (l, value) in quarter.iter_mut().enumerate() {
                let q = low[l] >> (4 * (k / 2)) & 0xf | (high[l] >> (2 * k) & 3) << 4;
                let step = d * f32::from(self.scales[2 * i + l / GROUP]);
                *value = step * (f32::from(q) - 32.0);
            }
        }
    }

    /// Encodes 256 weights; see the module text. A NaN or infinity makes the whole block NaN.
    #[must_use]
    pub fn encode(src: &[f32; Self::LEN]) -> Self {
        let mut block = Self::zeroed();
        if !all_finite(src) {
            block.d = F16_NAN;
            return block;
        }
        let x: [Lanes; GROUP] = from_fn(|i| from_fn(|g| src[GROUP * g + i]));
        let (scales, mut levels) = search(&x);
        let extreme = extreme_of(&scales);
        if extreme.abs() < NEGLIGIBLE {
            return block;
        }

        // As in Q4_0, the lopsided range -128..=127 makes the extreme scale the negative end.
        let inverse = -128.0 / extreme;
        block.d = f16_bytes(1.0 / inverse);
        block.scales = scales.map(|scale| level(inverse * scale, -128.0, 127.0) as i8);

        // The levels are taken once more against the scales as they are stored, after both roundings. A group whose
        // scale became zero keeps those of its search.
        let d = block.d();
        let step: Lanes = block.scales.map(|scale| d * f32::from(scale));
        for (levels, x) in levels.iter_mut().zip(&x) {
            *levels = from_fn(|g| match step[g] {
                0.0 => levels[g],
                step => level(x[g] / step, LOW, HIGH),
            });
        }
        block.pack(|g, i| (levels[i][g] - LOW) as u8);
        block
    }

    /// Encodes 256 weights with the least error found under their importances. A NaN or infinity makes the whole block
    /// NaN.
    #[must_use]
    pub fn encode_weighted(src: &[f32; Self::LEN], importance: &[f32; Self::LEN]) -> Self {
        if !all_finite(src) {
            return Self { d: F16_NAN, ..Self::zeroed() };
        }
        let groups = split::<GROUP, 2>(src, importance);
        let found = Linear::search::<GROUP, GROUPS>(&groups, RANGE, SCALES);
        let q = quants(&groups, &found.fits(), RANGE);
        let scales = found.scales.as_flattened();
        let mut block = Self { d: found.d, scales: from_fn(|g| scales[g] as i8), ..Self::zeroed() };
        block.pack(|g, i| q[GROUP * g + i]);
        block
    }

    /// Stores the quants, given by group and place; the bit fields are still zero.
    fn pack(&mut self, quant: impl Fn(usize, usize) -> u8) {
        for i in 0..Self::LEN / 32 {
            let (half, k) = (i / 4, i % 4);
            let low = &mut self.ql[64 * half + 32 * (k % 2)..][..32];
            let high = &mut self.qh[32 * half..][..32];
            for (l, (low, high)) in low.iter_mut().zip(high).enumerate() {
                let q = quant(2 * i + l / GROUP, l % GROUP);
                *low |= (q & 0xf) << (4 * (k / 2));
                *high |= (q >> 4) << (2 * k);
            }
        }
    }
}

/// One number for each group.
type Lanes = [f32; GROUPS];

/// The value of largest magnitude, sign and all; of several the first.
fn extreme_of(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |extreme: f32, &x| if x.abs() > extreme.abs() { x } else { extreme })
}

/// The scale that best explains each group, and the levels it was found with.
fn search(x: &[Lanes; GROUP]) -> (Lanes, [Lanes; GROUP]) {
    let zero: Lanes = [0.0; GROUPS];
    let extreme =
        x.iter().fold(zero, |extreme, x| from_fn(|g| if x[g].abs() > extreme[g].abs() { x[g] } else { extreme[g] }));
    // Sums of w*x*l and w*l*l, whose quotient is the least-squares scale for those levels.
    let moments = |levels: &[Lanes; GROUP]| {
        x.iter().zip(levels).fold((zero, zero), |(sum_xl, sum_l2), (x, l)| {
            let w = x.map(|x| x * x);
            (from_fn(|g| sum_xl[g] + w[g] * x[g] * l[g]), from_fn(|g| sum_l2[g] + w[g] * l[g] * l[g]))
        })
    };
    let levels_at = |top: f32| {
        let inverse = extreme.map(|extreme| -top / extreme);
        x.map(|x| -> Lanes { from_fn(|g| level(inverse[g] * x[g], LOW, HIGH)) })
    };

    let mut levels = levels_at(-LOW);
    let (sum_xl, sum_l2) = moments(&levels);
    let mut scale: Lanes = from_fn(|g| if sum_l2[g] == 0.0 { 0.0 } else { sum_xl[g] / sum_l2[g] });
    let mut explained: Lanes = from_fn(|g| scale[g] * sum_xl[g]);
    for step in (-9i8..=9).filter(|&step| step != 0) {
        let candidate = levels_at(-LOW + 0.1 * f32::from(step));
        let (sum_xl, sum_l2) = moments(&candidate);
        let better: [bool; GROUPS] = from_fn(|g| sum_l2[g] > 0.0 && sum_xl[g] * sum_xl[g] > explained[g] * sum_l2[g]);
        scale = from_fn(|g| if better[g] { sum_xl[g] / sum_l2[g] } else { scale[g] });
        explained = from_fn(|g| if better[g] { scale[g] * sum_xl[g] } else { explained[g] });
        for (levels, candidate) in levels.iter_mut().zip(&candidate) {
            *levels = from_fn(|g| if better[g] { candidate[g] } else { levels[g] });
        }
    }
    for g in (0..GROUPS).filter(|&g| extreme[g].abs() < NEGLIGIBLE) {
        scale[g] = 0.0;
        levels.iter_mut().for_each(|levels| levels[g] = LOW);
    }
    (scale, levels)
}
