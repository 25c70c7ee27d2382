//! Where in a cache the positions of sequences lie, and which of them the rows of a step see.
//!
//! A step may hold rows of several sequences: their continuations follow one another as their rows do, and all their spans are
//! one list.

/// Contiguous positions of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First slot.
    pub start: u32,
    /// Slots.
    pub len: u32,
}

/// Positions whose keys and values are copied, in all layers, to as many slots that lie apart from theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotCopy {
    /// The positions.
    pub from: Span,
    /// The first of the other slots.
    pub to: u32,
}

/// What the query rows of a [`Continuation`] see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// They are part of the sequence and see themselves and all before them: row `i` the first `past + i + 1` positions.
    Causal,
    /// They are part of the sequence and see one another as well: each sees the first `past + rows` positions.
    Together,
    /// They stand beside what they look at, row `i` beside position `i`: each sees the first `past` positions, and where there
    /// is none the result is 0.
    Beside,
}

/// Query rows that continue one sequence or look at one. A window hides the positions that lie further back from a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Continuation {
    /// How many of the query rows, in order.
    pub rows: usize,
    /// Positions before the first of them.
    pub past: usize,
    /// What they see.
    pub sight: Sight,
    /// Where all positions lie, in order, those of rows that are part of the sequence included: the first of
    /// [`Pasts::spans`] and the one behind the last.
    pub spans: (usize, usize),
}

/// What the query rows of a step see: continuations one behind the other, and all their spans in one list.
#[derive(Debug, Clone, Copy)]
pub struct Pasts<'a> {
    /// The rows, in order.
    pub continuations: &'a [Continuation],
    /// Where what they see lies.
    pub spans: &'a [Span],
}

impl<'a> Pasts<'a> {
    /// Where the positions of one of the continuations lie.
    #[must_use]
    pub fn spans_of(&self, continuation: &Continuation) -> &'a [Span] {
        &self.spans[continuation.spans.0..continuation.spans.1]
    }
}
