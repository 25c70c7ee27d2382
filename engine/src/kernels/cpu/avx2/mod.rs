//! Kernels for AVX2, FMA and F16C (Haswell 2013, Zen 2017 and later).
//!
//! Every function here is entered through an [`super::Isa`] that says AVX2 or better, a value that exists only after
//! detection found all three: that is what makes the `unsafe` of each entry sound. Inside, functions are safe ones with
//! `#[target_feature]`; only loads and stores through pointers are left unsafe. Which order an output is summed in
//! depends on the format, the width and the rows of the whole input, never on the split.

#![allow(unsafe_code)] // entering target features, loads and stores

mod attention;
pub(super) mod direct;
pub(super) mod formats;
mod lanes;
mod maths;
pub(super) mod pack;
pub(super) mod tile;

use super::attention::{Group, Queries, Stored, Stream};
use super::input::Input;
use super::isa::Set;
use super::panel::{Line, Scratch, Weights, reads_quants};
use crate::kernels::Activation;
use crate::weights::Norm;

/// See [`super::input::quantise`].
pub fn quantise(x: &[f32], m: usize, rows: usize, quants: &mut [i8], scales: &mut [f32], sums: &mut [i16]) {
    // SAFETY: only an `Isa` of AVX2 or better leads here.
    unsafe { maths::quantise(x, m, rows, quants, scales, sums) }
}

/// See [`super::norm::norm`].
pub fn norm(norm: &Norm, x: &[f32], out: &mut [f32]) {
    // SAFETY: only an `Isa` of AVX2 or better leads here.
    unsafe { maths::norm(norm, x, out) }
}

/// See [`super::math::activate`].
pub fn activate(act: Activation, x: &mut [f32]) {
    // SAFETY: only an `Isa` of AVX2 or better leads here.
    unsafe { maths::activate(act, x) }
}

/// See [`super::attention::attend`].
pub fn attend<T: Stored>(queries: &Queries<'_>, stream: &Stream<'_, T>, packed: &mut Vec<Line>, out: &mut [f32]) {
    // SAFETY: only an `Isa` of AVX2 or better leads here.
    unsafe { attention::attend(queries, stream, packed, out) }
}

/// See [`super::attention::attend_heads`].
pub fn attend_heads<T: Stored>(
    group: &Group<'_>,
    stream: &Stream<'_, T>,
    range: std::ops::Range<usize>,
    out: &mut [f32],
) {
    // SAFETY: only an `Isa` of AVX2 or better leads here.
    unsafe { attention::attend_heads(group, stream, range, out) }
}

/// See [`super::panel::multiply`].
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
        if input.few(Set::Avx2, weights.ty) {
            if reads_quants(weights.ty) {
                direct::avx2::multiply(weights, input, from, count, tile);
            } else {
                direct::multiply_floats(weights, input, from, count, tile);
            }
        } else {
            if from == 0 {
                pack::pack(weights, &mut scratch.packed);
            }
            tile::multiply(weights, input, from, count, &scratch.packed, tile);
        }
    }
}
