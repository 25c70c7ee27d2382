//! Q8_0: 32 signed bytes under one f16 scale, 34 bytes, `x[i] = d * qs[i]`.
//!
//! Layout after ggml's `block_q8_0`. The scale is `max|x| / 127`, so -128 never appears in a block we encode, but a
//! file may hold it and decoding (and every kernel) must take it.

use bytemuck::{Pod, Zeroable};

use super::{F16_NAN, all_finite, f16_bytes, f16_value};

/// One block of 32 weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct BlockQ8_0 {
    /// Scale, a little-endian f16.
    pub d: [u8; 2],
    /// Quants.
    pub qs: [i8; 32],
}

const _: () = assert!(size_of::<BlockQ8_0>() == 34 && align_of::<BlockQ8_0>() == 1);

impl BlockQ8_0 {
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
        for (value, &q) in dst.iter_mut().zip(&self.qs) {
            *value = f32::from(q) * d;
        }
    }

    /// Encodes 32 weights as ggml's `quantize_row_q8_0_ref` does: the quotient is taken with the scale before it is
    /// rounded to f16, and rounds half away from zero. A NaN or infinity makes the whole block NaN.
    #[must_use]
    pub fn encode(src: &[f32; Self::LEN]) -> Self {
        if !all_finite(src) {
            return Self { d: F16_NAN, qs: [0; Self::LEN] };
        }
        let largest = src.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
        let d = largest / 127.0;
        let inverse = if d == 0.0 { 0.0 } else { 1.0 / d };
        Self { d: f16_bytes(d), qs: src.map(|x| (x * inverse).round() as i8) }
    }
}
