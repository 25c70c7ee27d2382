//! Kernels for aarch64: NEON, which every such processor has, and the integer products of later ones: `sdot` (Cortex-A55
//! and A76 of 2018, Apple A11 and later) and `smmla` (Neoverse V1, Cortex-X2, Apple M2 and later).
//!
//! Products of bytes are signed by signed here, so weights keep their signs and the input needs no corrections. Only
//! these products differ between the three instruction sets: [`Dots`] names them, everything else is written once. The
//! compiler's own intrinsics for them are not stable yet: [`dots`] has them as assembly.
//!
//! Functions are safe ones with `#[target_feature]`; only loads and stores through pointers are left unsafe. Which order
//! an output is summed in depends on the format, the width and the rows of the whole input, never on the split. Norms
//! stay with the scalar code: its eight lanes become vectors by themselves.

#![allow(unsafe_code)] // entering target features, loads and stores

mod attention;
mod direct;
mod dots;
mod formats;
mod lanes;
mod maths;
mod pack;
mod tile;

use super::attention::{Group, Queries, Stored, Stream};
use super::input::Input;
use super::isa::{Isa, Set};
use super::panel::{Line, Scratch, Weights, reads_quants};
use crate::kernels::Activation;
use dots::{Dots, Long, Matrix, Widening};

/// See [`super::input::quantise`].
pub fn quantise(x: &[f32], m: usize, rows: usize, quants: &mut [i8], scales: &mut [f32], sums: &mut [i16]) {
    // SAFETY: only an `Isa` of NEON or better leads here.
    unsafe { maths::quantise(x, m, rows, quants, scales, sums) }
}

/// See [`super::math::activate`].
pub fn activate(act: Activation, x: &mut [f32]) {
    // SAFETY: only an `Isa` of NEON or better leads here.
    unsafe { maths::activate(act, x) }
}

/// See [`super::attention::attend`].
pub fn attend<T: Stored>(queries: &Queries<'_>, stream: &Stream<'_, T>, packed: &mut Vec<Line>, out: &mut [f32]) {
    // SAFETY: only an `Isa` of NEON or better leads here.
    unsafe { attention::attend(queries, stream, packed, out) }
}

/// See [`super::attention::attend_heads`].
pub fn attend_heads<T: Stored>(
    group: &Group<'_>,
    stream: &Stream<'_, T>,
    range: std::ops::Range<usize>,
    out: &mut [f32],
) {
    // SAFETY: only an `Isa` of NEON or better leads here.
    unsafe { attention::attend_heads(group, stream, range, out) }
}

/// See [`super::panel::multiply`].
pub fn multiply(
    isa: Isa,
    weights: &Weights<'_>,
    input: &Input<'_>,
    from: usize,
    count: usize,
    scratch: &mut Scratch,
    tile: &mut [f32],
) {
    match isa.set() {
        Set::I8mm => multiply_with::<Matrix>(isa, weights, input, from, count, scratch, tile),
        Set::DotProd => multiply_with::<Long>(isa, weights, input, from, count, scratch, tile),
        Set::Neon | Set::Scalar => multiply_with::<Widening>(isa, weights, input, from, count, scratch, tile),
    }
}

fn multiply_with<D: Dots>(
    isa: Isa,
    weights: &Weights<'_>,
    input: &Input<'_>,
    from: usize,
    count: usize,
    scratch: &mut Scratch,
    tile: &mut [f32],
) {
    // SAFETY: only an `Isa` of NEON or better leads here, and one that has the products of `D`.
    unsafe {
        if input.few(isa.set(), weights.ty) {
            if reads_quants(weights.ty) {
                direct::multiply::<D>(weights, input, from, count, tile);
            } else {
                direct::multiply_floats(weights, input, from, count, tile);
            }
        } else {
            if from == 0 {
                pack::pack::<D>(weights, &mut scratch.packed);
            }
            tile::multiply::<D>(weights, input, from, count, &scratch.packed, tile);
        }
    }
}
