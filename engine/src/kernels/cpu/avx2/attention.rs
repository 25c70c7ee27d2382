//! The entries to attention over lanes: whatever is inlined here may use the instructions.

use super::lanes::Avx2;
use crate::kernels::cpu::attention::{Group, Queries, Stored, Stream, attend_heads_over, attend_over};
use crate::kernels::cpu::panel::Line;
use std::ops::Range;

/// See [`crate::kernels::cpu::attention::attend`].
#[target_feature(enable = "avx2,fma,f16c")]
pub fn attend<T: Stored>(queries: &Queries<'_>, stream: &Stream<'_, T>, packed: &mut Vec<Line>, out: &mut [f32]) {
    attend_over(Avx2::here(), queries, stream, packed, out);
}

/// See [`crate::kernels::cpu::attention::attend_heads`].
#[target_feature(enable = "avx2,fma,f16c")]
pub fn attend_heads<T: Stored>(group: &Group<'_>, stream: &Stream<'_, T>, range: Range<usize>, out: &mut [f32]) {
    attend_heads_over(Avx2::here(), group, stream, range, out);
}
