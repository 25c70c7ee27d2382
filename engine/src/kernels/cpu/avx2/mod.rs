//! Kernels for AVX2, FMA and F16C (Haswell 2013, Zen 2017 and later).
//!
//! Every function here is entered through an [`super::Isa`] that says AVX2 or better, a value that exists only after
//! detection found all three: that is what makes the `unsafe` of each entry sound. Inside, functions are safe ones with
//! `#[target_feature]`; only loads and stores through pointers are left unsafe. Which order an output is summed in
//! depends on the format, the width and the rows of the whole input, never on the split.

#![allow(unsafe_code)] // entering target features, loads and stores

mod attention;
pub(super) mod direct;
mod direct_floats;
pub(super) mod formats;
pub(super) mod lanes;
mod maths;
mod rows;
pub(super) mod tile;

use super::attention::{Group, Queries, Stored, Stream};
use super::input::Input;
use super::limits;
use super::panel::{Line, Scratch, TILE, Weights, reads_quants};
use super::table::{Attention, Table};
use crate::kernels::Activation;
use crate::weights::Norm;
use ocelli_quant::TensorType;

/// What AVX2 gives.
pub const TABLE: Table = Table {
    name: "avx2",
    packs: true,
    pairs: true,
    alone: TILE,
    few,
    multiply,
    quantise,
    norm,
    activate,
    f32: Attention { attend, heads: Some(attend_heads) },
    f16: Attention { attend, heads: Some(attend_heads) },
    q8_0: Attention { attend, heads: Some(attend_heads) },
    limits: limits::AVX2,
};

/// See [`Table::few`].
fn few(ty: TensorType) -> usize {
    if reads_quants(ty) { 8 } else { FEW_FLOATS }
}

/// Of rows of floats.
pub const FEW_FLOATS: usize = 12;

/// See [`super::input::quantise`].
pub fn quantise(x: &[f32], m: usize, rows: usize, quants: &mut [i8], scales: &mut [f32], sums: &mut [i16]) {
    // SAFETY: only an `Isa` of AVX2 or better leads here.
    unsafe { maths::quantise(x, m, rows, quants, scales, sums) }
}

/// See [`Table::norm`].
pub fn norm(norm: &Norm, x: &[f32], out: &mut [f32]) {
    // SAFETY: only an `Isa` of AVX2 or better leads here.
    unsafe { maths::norm(norm, x, out) }
}

/// See [`Table::activate`].
pub fn activate(act: Activation, x: &mut [f32]) {
    // SAFETY: only an `Isa` of AVX2 or better leads here.
    unsafe { maths::activate(act, x) }
}

/// See [`Attention::attend`].
pub fn attend<T: Stored>(queries: &Queries<'_>, stream: &Stream<'_, T>, packed: &mut Vec<Line>, out: &mut [f32]) {
    // SAFETY: only an `Isa` of AVX2 or better leads here.
    unsafe { attention::attend(queries, stream, packed, out) }
}

/// See [`Attention::heads`].
pub fn attend_heads<T: Stored>(
    group: &Group<'_>,
    stream: &Stream<'_, T>,
    range: std::ops::Range<usize>,
    out: &mut [f32],
) {
    // SAFETY: only an `Isa` of AVX2 or better leads here.
    unsafe { attention::attend_heads(group, stream, range, out) }
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
    // SAFETY: only an `Isa` of AVX2 or better leads here.
    unsafe {
        if input.few(FEW_FLOATS, weights.ty) {
            if reads_quants(weights.ty) {
                direct::avx2::multiply(weights, input, from, count, tile);
            } else {
                direct_floats::multiply(weights, input, from, count, tile);
            }
        } else {
            if from == 0 {
                tile::pack(weights, &mut scratch.packed);
            }
            tile::multiply(weights, input, from, count, &scratch.packed, tile);
        }
    }
}
