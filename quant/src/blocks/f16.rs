//! The unquantised types: f32, f16 and bf16, little-endian, one element a "block".
//!
//! Encoding rounds to nearest, ties to even, as ggml does. f16 turns magnitudes beyond 65,504 into infinities; bf16
//! keeps the range of f32 and 8 bits of precision. Slices are converted in short runs because `half` converts runs with
//! the CPU's f16 instructions where it has them, and a run also frees us from the source's alignment.

use half::f16;
use half::slice::HalfFloatSliceExt;

/// Elements converted at a time.
const RUN: usize = 64;

/// Decodes little-endian f32 values; `src` holds four bytes for each element of `dst`.
pub fn decode_f32(src: &[u8], dst: &mut [f32]) {
    for (bytes, value) in src.as_chunks::<4>().0.iter().zip(dst) {
        *value = f32::from_le_bytes(*bytes);
    }
}

/// Encodes f32 values as little-endian bytes.
pub fn encode_f32(src: &[f32], dst: &mut [u8]) {
    for (value, bytes) in src.iter().zip(dst.as_chunks_mut::<4>().0) {
        *bytes = value.to_le_bytes();
    }
}

/// Decodes little-endian f16 values; exact.
pub fn decode_f16(src: &[u8], dst: &mut [f32]) {
    let mut run = [f16::ZERO; RUN];
    for (bytes, values) in src.chunks(2 * RUN).zip(dst.chunks_mut(RUN)) {
        let run = &mut run[..values.len()];
        // One wide copy: element-wise stores would stall the vector loads of the conversion behind them.
        bytemuck::cast_slice_mut(run).copy_from_slice(bytes);
        if cfg!(target_endian = "big") {
            run.iter_mut().for_each(|half| *half = f16::from_bits(half.to_bits().swap_bytes()));
        }
        run.convert_to_f32_slice(values);
    }
}

/// Encodes as f16, rounding to nearest, ties to even.
pub fn encode_f16(src: &[f32], dst: &mut [u8]) {
    let mut run = [f16::ZERO; RUN];
    for (values, bytes) in src.chunks(RUN).zip(dst.chunks_mut(2 * RUN)) {
        run[..values.len()].convert_from_f32_slice(values);
        for (half, pair) in run.iter().zip(bytes.as_chunks_mut::<2>().0) {
            *pair = half.to_le_bytes();
        }
    }
}

/// Decodes little-endian bf16 values; exact.
pub fn decode_bf16(src: &[u8], dst: &mut [f32]) {
    for (bytes, value) in src.as_chunks::<2>().0.iter().zip(dst) {
        *value = f32::from_bits(u32::from(u16::from_le_bytes(*bytes)) << 16);
    }
}

/// Encodes as bf16, rounding to nearest, ties to even; a NaN stays a (quiet) NaN.
pub fn encode_bf16(src: &[f32], dst: &mut [u8]) {
    for (value, bytes) in src.iter().zip(dst.as_chunks_mut::<2>().0) {
        let bits = value.to_bits();
        let rounded = (bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16) as u16;
        // Rounding could carry a NaN's mantissa into an infinity; its upper half with the quiet bit cannot.
        let half = if value.is_nan() { (bits >> 16) as u16 | 0x40 } else { rounded };
        *bytes = half.to_le_bytes();
    }
}
