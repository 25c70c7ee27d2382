//! What an instruction set gives: one table of functions, a constant in its own folder. [`super::isa::Isa`] leads to it, and
//! nothing else does.

use super::attention::{Group, Queries, Stream};
use super::input::Input;
use super::panel::{Line, Scratch, Weights};
use crate::kernels::Activation;
use crate::weights::Norm;
use half::f16;
use ocelli_quant::TensorType;
use ocelli_quant::blocks::q8_0::BlockQ8_0;
use std::ops::Range;

/// Products of a panel: see [`super::panel`].
pub type Multiply = fn(&Weights<'_>, &Input<'_>, usize, usize, &mut Scratch, &mut [f32]);

/// The int8 blocks of a row: see [`super::input::quantise`].
pub type Quantise = fn(&[f32], usize, usize, &mut [i8], &mut [f32], &mut [i16]);

/// The functions of an instruction set, and what whoever calls them must know.
pub struct Table {
    /// Its name in `OCELLI_ISA`.
    pub name: &'static str,
    /// Whether panels are packed for it, into lines; else they are unpacked into numbers.
    pub packs: bool,
    /// Whether its kernels for few rows read [`Input::pairs`].
    pub pairs: bool,
    /// Most panels that `multiply` takes together where the input is one row: they follow one another then in its result.
    pub alone: usize,
    /// Up to this many input rows the kernels read the file's layout as it is; above, unpacking a panel costs less. Where
    /// weights of several block formats share an input, it is the least of theirs: see [`Input::few`].
    pub few: fn(TensorType) -> usize,
    /// `tile[m * PANEL + n] = weights[n] · input[from + m]` for `count` input rows, given `from` and `count`; what lies in a
    /// panel's tile behind its last weight row is of no meaning. The caller calls this for one panel with rising `from`,
    /// starting at 0: what was unpacked at 0 is in the scratch still.
    pub multiply: Multiply,
    /// See [`Quantise`].
    pub quantise: Quantise,
    /// `out = norm(x)`, one row.
    pub norm: fn(&Norm, &[f32], &mut [f32]),
    /// One activation in place.
    pub activate: fn(Activation, &mut [f32]),
    /// Attention over f32.
    pub f32: Attention<f32>,
    /// Over IEEE halves.
    pub f16: Attention<f16>,
    /// Over blocks of bytes.
    pub q8_0: Attention<BlockQ8_0>,
    /// Loops that show what the processor can do at best.
    pub limits: super::limits::Loops,
}

impl Table {
    /// Whether heads that share keys go through them together at token time.
    pub fn shares_heads(&self) -> bool {
        self.f32.heads.is_some()
    }
}

/// Attention over keys and values of one stored type.
pub struct Attention<T> {
    /// `out = softmax(scale q · keys) values` for each query.
    pub attend: fn(&Queries<'_>, &Stream<'_, T>, &mut Vec<Line>, &mut [f32]),
    /// Token time: the heads of a group over part of the positions. The result receives for each head the weighted sum of
    /// the values, not divided by the total, and [`super::attention::STATS`].
    pub heads: Option<Heads<T>>,
}

/// See [`Attention::heads`].
pub type Heads<T> = fn(&Group<'_>, &Stream<'_, T>, Range<usize>, &mut [f32]);
