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
mod search;
mod super_block;

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

/// Weights that are searched together: a block of the k formats, eight of 32.
pub(crate) const RUN: usize = 256;

/// Encodes run by run under importances, one a column of rows as long as `importance`; all the same where there are
/// none. A run's `R` blocks may be more than are left. The caller has checked the lengths.
pub(crate) fn encode_run<B: Pod, const R: usize>(
    src: &[f32],
    importance: Option<&[f32]>,
    dst: &mut [u8],
    run: fn(&[f32; RUN], &[f32; RUN]) -> [B; R],
) {
    let block_len = RUN / R;
    let outputs = dst.chunks_mut(size_of::<[B; R]>());
    for (i, (input, bytes)) in src.chunks(RUN).zip(outputs).enumerate() {
        let (mut x, mut w) = ([0.0; RUN], [1.0; RUN]);
        x[..input.len()].copy_from_slice(input);
        if let Some(importance) = importance {
            for (j, w) in w[..input.len()].chunks_exact_mut(block_len).enumerate() {
                let column = (i * RUN + j * block_len) % importance.len();
                w.copy_from_slice(&importance[column..][..block_len]);
            }
            // Only their ratios matter; in the middle of f32's range their products with squares stay in it.
            let largest = w.iter().fold(0.0f32, |largest, &w| if w > largest { w } else { largest });
            let inverse = if largest > 0.0 { 1.0 / largest } else { 0.0 };
            w.iter_mut().for_each(|w| *w *= inverse);
        }
        bytes.copy_from_slice(&bytemuck::cast_slice(run(&x, &w).as_slice())[..bytes.len()]);
    }
}

/// Whether no value is NaN or infinite.
fn all_finite(values: &[f32]) -> bool {
    // Without short-circuiting, so that the loop becomes a handful of vector instructions.
    values.iter().fold(true, |finite, v| finite & v.is_finite())
}
