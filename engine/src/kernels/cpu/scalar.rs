//! Plain Rust: the specification of all other instruction sets. Each kernel stands beside the types it works on.

use super::table::{Attention, Table};
use super::{attention, input, limits, math, norm, panel};

/// What every processor runs.
pub const TABLE: Table = Table {
    name: "scalar",
    packs: false,
    pairs: false,
    alone: 1,
    // Unpacks always, and reads only what an input has for both.
    few: |_| usize::MAX,
    multiply: panel::multiply,
    quantise: input::quantise_row,
    norm: norm::norm,
    activate: |act, x| x.iter_mut().for_each(|v| *v = math::activate(act, *v)),
    f32: Attention { attend: attention::plain, heads: None },
    f16: Attention { attend: attention::plain, heads: None },
    q8_0: Attention { attend: attention::plain, heads: None },
    limits: limits::PLAIN,
};
