//! Integer products for AVX-512 with VNNI (Ice Lake 2019, Zen 4 2022 and later). `vpdpbusd` multiplies unsigned with
//! signed bytes and adds four neighbours to 32 bits without saturating: every format is one plane of bytes, and one
//! kernel serves all. Everything else these processors do with [`super::avx2`]: floats gain nothing where 512 bits are
//! two passes of 256.
//!
//! Every function here is entered through an [`super::Isa`] that says AVX-512, a value that exists only after detection.

#![allow(unsafe_code)] // entering target features

mod tile;

use super::avx2::{FEW_FLOATS, direct};
use super::input::Input;
use super::limits;
use super::panel::{Scratch, Weights, reads_quants};
use super::table::Table;
use ocelli_quant::TensorType;

/// What AVX-512 gives.
pub const TABLE: Table = Table { name: "avx512", few, multiply, limits: limits::AVX512, ..super::avx2::TABLE };

/// See [`Table::few`]. Panels of bytes are soon unpacked; others take longer than up to six rows do with what is read in
/// order.
fn few(ty: TensorType) -> usize {
    match ty {
        TensorType::Q8_0 => 4,
        _ if reads_quants(ty) => 6,
        _ => FEW_FLOATS,
    }
}

/// See [`Table::multiply`].
pub fn multiply(
    weights: &Weights<'_>,
    input: &Input<'_>,
    from: usize,
    count: usize,
    scratch: &mut Scratch,
    tile: &mut [f32],
) {
    if !reads_quants(weights.ty) {
        return super::avx2::multiply(weights, input, from, count, scratch, tile);
    }
    // SAFETY: only an `Isa` of AVX-512 leads here.
    unsafe {
        if input.few(FEW_FLOATS, weights.ty) {
            direct::vnni::multiply(weights, input, from, count, tile);
        } else {
            if from == 0 {
                tile::pack(weights, &mut scratch.packed);
            }
            tile::multiply(weights, input, from, count, &scratch.packed, tile);
        }
    }
}
