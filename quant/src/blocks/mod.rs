//! ggml's block formats, one file a format: the struct, its size, and readable scalar encode and decode.
//!
//! The structs are little-endian file bytes, not host numbers: a scale is `[u8; 2]` with an accessor. That gives every
//! struct alignment 1, so any byte slice of whole blocks can be viewed as blocks ([`bytemuck::try_cast_slice`])
//! wherever a row starts; Q6_K rows of 210-byte blocks start at arbitrary even offsets in a mapped file.

pub mod f16;
pub mod iq4_nl;
pub mod iq4_xs;
pub mod q2_k;
pub mod q3_k;
pub mod q4_0;
pub mod q4_1;
pub mod q4_k;
pub mod q5_0;
pub mod q5_1;
pub mod q5_k;
pub mod q6_k;
pub mod q8_0;
mod rounding;

pub use iq4_nl::BlockIq4Nl;
pub use iq4_xs::BlockIq4Xs;
pub use q2_k::BlockQ2K;
pub use q3_k::BlockQ3K;
pub use q4_0::BlockQ4_0;
pub use q4_1::BlockQ4_1;
pub use q4_k::BlockQ4K;
pub use q5_0::BlockQ5_0;
pub use q5_1::BlockQ5_1;
pub use q5_k::BlockQ5K;
pub use q6_k::BlockQ6K;
pub use q8_0::BlockQ8_0;

use bytemuck::Pod;

/// The little-endian f16 with these bytes.
fn f16_value(bytes: [u8; 2]) -> f32 {
    half::f16::from_le_bytes(bytes).to_f32()
}

/// The bytes of `value` rounded to the nearest f16, ties to even; beyond 65,504 that is an infinity.
fn f16_bytes(value: f32) -> [u8; 2] {
    half::f16::from_f32(value).to_le_bytes()
}

/// An f16 NaN: the scale of a block that had a NaN or an infinity among its inputs.
const F16_NAN: [u8; 2] = half::f16::NAN.to_le_bytes();

/// Decodes block by block. The caller has checked that both sides are whole blocks of equal count.
pub(crate) fn decode<B: Pod, const N: usize>(src: &[u8], dst: &mut [f32], block: fn(&B, &mut [f32; N])) {
    debug_assert_eq!(src.len() / size_of::<B>() * N, dst.len());
    let outputs = dst.as_chunks_mut::<N>().0;
    for (bytes, output) in src.chunks_exact(size_of::<B>()).zip(outputs) {
        block(&bytemuck::pod_read_unaligned(bytes), output);
    }
}

/// Encodes block by block. The caller has checked that both sides are whole blocks of equal count.
pub(crate) fn encode<B: Pod, const N: usize>(src: &[f32], dst: &mut [u8], block: fn(&[f32; N]) -> B) {
    debug_assert_eq!(dst.len() / size_of::<B>() * N, src.len());
    let inputs = src.as_chunks::<N>().0;
    for (input, bytes) in inputs.iter().zip(dst.chunks_exact_mut(size_of::<B>())) {
        bytes.copy_from_slice(bytemuck::bytes_of(&block(input)));
    }
}

/// Whether no value is NaN or infinite.
fn all_finite(values: &[f32]) -> bool {
    // Without short-circuiting, so that the loop becomes a handful of vector instructions.
    values.iter().fold(true, |finite, v| finite & v.is_finite())
}
