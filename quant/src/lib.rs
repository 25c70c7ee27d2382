//! `ocelli-quant`: the bytes of a model.
//!
//! Two things live here and no more than they need: the ggml block formats a weight can be stored in ([`TensorType`],
//! [`blocks`]) and the GGUF container that holds such weights next to typed metadata ([`gguf`]). The crate knows no model, opens no
//! file and starts no thread; a caller hands it bytes (a memory map or a buffer) and gets validated views of them back.
//!
//! Scalar code here is the specification that every SIMD and GPU kernel is tested against: decoding is bit-equal to
//! ggml's, in the same order of operations and without fused multiply-add. Encoding gives ggml's reference blocks for
//! Q8_0, Q4_0, Q4_K and Q6_K; for the others, and wherever the caller knows how much each column matters, a search of
//! our own looks for the least error.

pub mod blocks;
pub mod gguf;
mod size;
mod tensor_type;

pub use blocks::{
    BlockIq4Nl, BlockIq4Xs, BlockQ2K, BlockQ3K, BlockQ4_0, BlockQ4_1, BlockQ4K, BlockQ5_0, BlockQ5_1, BlockQ5K,
    BlockQ6K, BlockQ8_0,
};
pub use size::Size;
pub use tensor_type::{CodecError, SizeError, TensorType, UnknownTensorType};
