//! Gated short convolutions over cached positions, on the CPU (LFM2; Liquid AI 2025).
//!
//! The non-obvious thing: there is no running state. What a convolution reads of a position lies in the position's slot, as its
//! keys do, so that forks, cuts, kept prefixes and saved sequences have what they need without knowing of it.

use super::Cpu;
use super::memory::{Buffer, Shared};
use crate::kernels::{CacheShape, Pasts, Rows, Sight, SlotCopy, Span};

/// What of which cache is convolved.
pub(super) struct Over<'a> {
    pub taps: &'a [f32],
    pub bcx: [Rows; 3],
    pub slots: &'a [u32],
    pub pasts: Pasts<'a>,
    /// Slots of all layers before this one.
    pub first: usize,
}

/// A number as it is kept.
pub(super) trait Kept: bytemuck::Pod + Send + Sync {
    fn keep(x: f32) -> Self;
    fn number(self) -> f32;
}

impl Kept for f32 {
    fn keep(x: f32) -> Self {
        x
    }
    fn number(self) -> f32 {
        self
    }
}

impl Kept for half::f16 {
    fn keep(x: f32) -> Self {
        Self::from_f32(x)
    }
    fn number(self) -> f32 {
        self.to_f32()
    }
}

impl Cpu {
    /// Keeps what is read of all rows, then convolves them.
    pub(super) fn convolved<T: Kept>(&self, floats: &mut Buffer<f32>, data: &mut Buffer<T>, over: &Over<'_>) {
        let [b, c, x] = over.bcx;
        let width = c.width;
        let (floats, kept) = (floats.shared(), data.shared());
        let at = |slot: u32| (over.first + slot as usize) * width;
        self.each_row(c.rows, &|m, _| {
            // SAFETY: nobody writes these rows, and a batch has each slot once.
            let (b, x, to) = unsafe {
                (floats.rows(b.slice(m, 1)), floats.rows(x.slice(m, 1)), kept.slice_mut(at(over.slots[m]), width))
            };
            to.iter_mut().zip(b.iter().zip(x)).for_each(|(to, (b, x))| *to = T::keep(b * x));
        });
        let mut row = 0;
        for continuation in over.pasts.continuations {
            assert!(continuation.sight != Sight::Beside && row + continuation.rows <= c.rows);
            let spans = over.pasts.spans_of(continuation);
            self.each_row(continuation.rows, &|m, _| {
                let position = continuation.past + m;
                // SAFETY: each call has its own row.
                let to = unsafe { floats.rows_mut(c.slice(row + m, 1)) };
                read(&kept, over.taps, position, |position| slot(spans, position).map(at), to);
            });
            row += continuation.rows;
        }
        assert!(row == c.rows);
    }
}

/// Columns that are summed together.
const COLUMNS: usize = 64;

/// One row: what of its position and those before it is kept, times the taps, times what is there.
fn read<T: Kept>(kept: &Shared<T>, taps: &[f32], position: usize, at: impl Fn(usize) -> Option<usize>, to: &mut [f32]) {
    let width = to.len();
    let count = taps.len() / width;
    for (part, to) in to.chunks_mut(COLUMNS).enumerate() {
        let (start, mut sums) = (part * COLUMNS, [0f32; COLUMNS]);
        for (back, taps) in (0..count).rev().zip(taps.chunks_exact(width)) {
            let Some(from) = position.checked_sub(back).and_then(&at) else { continue };
            // SAFETY: all that is kept of a batch is written before any of it is read.
            let kept = unsafe { kept.slice(from + start, to.len()) };
            for ((sum, tap), kept) in sums.iter_mut().zip(&taps[start..]).zip(kept) {
                *sum += tap * kept.number();
            }
        }
        to.iter_mut().zip(sums).for_each(|(to, sum)| *to *= sum);
    }
}

/// The slot of a position.
fn slot(spans: &[Span], mut position: usize) -> Option<u32> {
    for span in spans {
        if position < span.len as usize {
            return Some(span.start + u32::try_from(position).unwrap_or(u32::MAX));
        }
        position -= span.len as usize;
    }
    None
}

/// Copies positions of every layer.
pub(super) fn copied<T: Kept>(shape: CacheShape, data: &mut Buffer<T>, copies: &[SlotCopy]) {
    let width = shape.convolved;
    for layer in 0..shape.convolutions {
        for copy in copies {
            let at = |slot: u32| (layer * shape.slots + slot as usize) * width;
            let from = at(copy.from.start);
            data.copy_within(from..from + copy.from.len as usize * width, at(copy.to));
        }
    }
}
