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
mod tile;

use super::attention::{Group, Queries, Stored, Stream};
use super::input::Input;
use super::panel::{Line, Scratch, TILE, Weights, reads_quants};
use super::table::{Attention, Table};
use super::{limits, norm};
use crate::kernels::Activation;
use dots::{Dots, Long, Matrix, Widening};

/// Up to this many input rows of any format the file's layout is read as it is.
const FEW: usize = 4;

/// What NEON gives.
pub const NEON: Table = table::<Widening>("neon");
/// And with `sdot`.
pub const DOTPROD: Table = table::<Long>("dotprod");
/// And with `smmla`.
pub const I8MM: Table = table::<Matrix>("i8mm");

const fn table<D: Dots>(name: &'static str) -> Table {
    Table {
        name,
        packs: true,
        pairs: false,
        alone: TILE,
        few: |_| FEW,
        multiply: multiply::<D>,
        quantise,
        // The eight lanes become two vectors by themselves.
        norm: norm::norm,
        activate,
        f32: Attention { attend, heads: Some(attend_heads) },
        f16: Attention { attend, heads: Some(attend_heads) },
        q8_0: Attention { attend, heads: Some(attend_heads) },
        limits: limits::PLAIN,
    }
}

/// See [`super::input::quantise`].
pub fn quantise(x: &[f32], m: usize, rows: usize, quants: &mut [i8], scales: &mut [f32], sums: &mut [i16]) {
    // SAFETY: only an `Isa` of NEON or better leads here.
    unsafe { maths::quantise(x, m, rows, quants, scales, sums) }
}

/// See [`Table::activate`].
pub fn activate(act: Activation, x: &mut [f32]) {
    // SAFETY: only an `Isa` of NEON or better leads here.
    unsafe { maths::activate(act, x) }
}

/// See [`Attention::attend`].
pub fn attend<T: Stored>(queries: &Queries<'_>, stream: &Stream<'_, T>, packed: &mut Vec<Line>, out: &mut [f32]) {
    // SAFETY: only an `Isa` of NEON or better leads here.
    unsafe { attention::attend(queries, stream, packed, out) }
}

/// See [`Attention::heads`].
pub fn attend_heads<T: Stored>(
    group: &Group<'_>,
    stream: &Stream<'_, T>,
    range: std::ops::Range<usize>,
    out: &mut [f32],
) {
    // SAFETY: only an `Isa` of NEON or better leads here.
    unsafe { attention::attend_heads(group, stream, range, out) }
}

/// See [`Table::multiply`].
fn multiply<D: Dots>(
    weights: &Weights<'_>,
    input: &Input<'_>,
    from: usize,
    count: usize,
    scratch: &mut Scratch,
    tile: &mut [f32],
) {
    // SAFETY: only an `Isa` of NEON or better leads here, and one that has the products of `D`.
    unsafe {
        if input.few(FEW, weights.ty) {
            if reads_quants(weights.ty) {
                direct::multiply::<D>(weights, input, from, count, tile);
            } else {
                direct::multiply_floats(weights, input, from, count, tile);
            }
        } else {
            if from == 0 {
                tile::pack::<D>(weights, &mut scratch.packed);
            }
            tile::multiply::<D>(weights, input, from, count, &scratch.packed, tile);
        }
    }
}
