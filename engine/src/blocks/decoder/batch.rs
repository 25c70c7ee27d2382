//! One step of a decoder: rows of one or several sequences, told once and read by every layer.
//!
//! All that layers need to know of the rows is in lists: how rows begin, where they stand, which slots their keys and values
//! go to, what they see, and whose logits are wanted. The non-obvious thing: it refers to no sequence. So the steps of callers
//! that know nothing of each other become one step by putting their lists one behind the other.

use super::super::cache::{Sequence, Taken};
use super::super::gated::MediaSlots;
use super::{Decoder, DecoderRows};
use crate::error::Error;
use crate::kernels::{Continuation, Exec, NO_ROW, Pasts, Rows, Sight, SlotCopy, Span, Weights};
use std::sync::Arc;

/// Rows on their way through a decoder.
#[derive(Debug, Default)]
pub struct Batch {
    /// Ids of the rows that are tokens, in order.
    tokens: Vec<u32>,
    begins: Vec<Begin>,
    rows: usize,
    pub(super) taken: Taken,
    /// Where rows stand: a number a row, or three where there are so many axes.
    pub(super) positions: Vec<u32>,
    /// Rows in order that are turned as those of long sequences, or not.
    pub(super) turns: Vec<(usize, bool)>,
    spans: Vec<Span>,
    past: Vec<Continuation>,
    /// What gated layers look at, in spans of the media's cache.
    media: Vec<Continuation>,
    /// What is seen of sources, in spans of their cache.
    source: Vec<Continuation>,
    outputs: Vec<Output>,
}

/// How rows begin.
#[derive(Debug, Clone)]
enum Begin {
    /// As the embeddings of so many tokens.
    Tokens(usize),
    /// As rows that a bridge has made, from `first` on, and behind these as many of each feature.
    Made { all: Arc<[f32]>, first: usize, rows: usize },
}

/// A row whose logits are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    /// Of the batch.
    pub row: u32,
    /// Of the logits only how likely this token is.
    pub only: Option<u32>,
}

impl Batch {
    /// Forgets all rows; the lists keep their memory.
    pub fn clear(&mut self) {
        let Self { tokens, begins, rows, taken, positions, turns, spans, past, media, source, outputs } = self;
        *rows = 0;
        taken.clear();
        begins.clear();
        turns.clear();
        spans.clear();
        outputs.clear();
        [tokens, positions].into_iter().for_each(Vec::clear);
        [past, media, source].into_iter().for_each(Vec::clear);
    }

    /// Rows so far.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Rows whose logits are wanted, in order.
    #[must_use]
    pub fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    /// Appends rows that are tokens.
    pub fn push(&mut self, ids: &[u32]) {
        self.tokens.extend_from_slice(ids);
        self.begin(ids.len(), |last| matches!(last, Begin::Tokens(_)), || Begin::Tokens(0));
        if let Some(Begin::Tokens(count)) = self.begins.last_mut() {
            *count += ids.len();
        }
    }

    /// Appends rows of those that a bridge has made.
    pub fn push_made(&mut self, all: &Arc<[f32]>, first: usize, rows: usize) {
        let all = Arc::clone(all);
        self.begin(rows, |_| false, || Begin::Made { all, first, rows });
    }

    /// Counts rows; appends how they begin, unless the last does for them.
    fn begin(&mut self, rows: usize, serves: impl FnOnce(&Begin) -> bool, new: impl FnOnce() -> Begin) {
        if rows == 0 {
            return;
        }
        self.rows += rows;
        if !self.begins.last().is_some_and(serves) {
            self.begins.push(new());
        }
    }

    /// Asks for the logits behind a row, or how likely one token is there.
    pub fn want(&mut self, row: usize, only: Option<u32>) {
        self.outputs.push(Output { row: number(row), only });
    }

    /// The last `count` rows continue a sequence, whose positions are appended already.
    pub(super) fn continues(&mut self, sequence: &Sequence, count: usize, media: Option<&MediaSlots>) {
        let first = self.spans.len();
        self.spans.extend_from_slice(sequence.spans());
        let spans = (first, self.spans.len());
        let mut past = sequence.len() - count;
        for (rows, together) in sequence.sights(past) {
            let sight = if together { Sight::Together } else { Sight::Causal };
            self.past.push(Continuation { rows, past, sight, spans });
            past += rows;
        }
        self.turns.push((count, sequence.is_long()));
        let Some(media) = media else { return };
        for (rows, looks) in sequence.runs(sequence.len() - count) {
            let span = looks.map(|slot| media.span(slot));
            self.beside(rows, span, |batch| &mut batch.media);
        }
    }

    /// The last `rows` rows see a source.
    pub(super) fn reads(&mut self, rows: usize, source: Span) {
        self.beside(rows, Some(source), |batch| &mut batch.source);
    }

    fn beside(&mut self, rows: usize, span: Option<Span>, list: impl FnOnce(&mut Self) -> &mut Vec<Continuation>) {
        let first = self.spans.len();
        self.spans.extend(span);
        let (spans, past) = ((first, self.spans.len()), span.map_or(0, |span| span.len as usize));
        list(self).push(Continuation { rows, past, sight: Sight::Beside, spans });
    }

    /// Puts the rows of another behind these.
    pub fn append(&mut self, other: &Self) {
        let (rows, spans) = (number(self.rows), self.spans.len());
        for begin in &other.begins {
            match (begin, self.begins.last_mut()) {
                (Begin::Tokens(more), Some(Begin::Tokens(count))) => *count += more,
                _ => self.begins.push(begin.clone()),
            }
        }
        let moved = |c: &Continuation| Continuation { spans: (c.spans.0 + spans, c.spans.1 + spans), ..*c };
        self.past.extend(other.past.iter().map(moved));
        self.media.extend(other.media.iter().map(moved));
        self.source.extend(other.source.iter().map(moved));
        self.tokens.extend_from_slice(&other.tokens);
        self.taken.slots.extend_from_slice(&other.taken.slots);
        self.taken.copies.extend_from_slice(&other.taken.copies);
        self.positions.extend_from_slice(&other.positions);
        self.turns.extend_from_slice(&other.turns);
        self.spans.extend_from_slice(&other.spans);
        self.outputs.extend(other.outputs.iter().map(|output| Output { row: output.row + rows, ..*output }));
        self.rows += other.rows;
    }

    /// What rows see of their own sequences.
    pub(super) fn pasts(&self) -> Pasts<'_> {
        Pasts { continuations: &self.past, spans: &self.spans }
    }

    /// What they look at; `None` where none looks at anything.
    pub(in crate::blocks) fn looks(&self) -> Option<Pasts<'_>> {
        let any = self.media.iter().any(|c| c.past > 0);
        any.then_some(Pasts { continuations: &self.media, spans: &self.spans })
    }

    /// What they see of sources.
    pub(super) fn sources(&self) -> Pasts<'_> {
        Pasts { continuations: &self.source, spans: &self.spans }
    }

    /// The slots of their keys and values, in order.
    pub(super) fn slots(&self) -> &[u32] {
        &self.taken.slots
    }

    /// What is copied before any slot is written.
    pub(super) fn copies(&self) -> &[SlotCopy] {
        &self.taken.copies
    }

    /// Of each row the row of its features, if it has some; nothing where none has.
    pub(super) fn deep(&self, features: usize) -> Vec<u32> {
        let made = |begin: &Begin| matches!(begin, Begin::Made { .. });
        if features == 0 || !self.begins.iter().any(made) {
            return Vec::new();
        }
        let mut index = Vec::with_capacity(self.rows);
        for begin in &self.begins {
            let (Begin::Tokens(rows) | Begin::Made { rows, .. }) = *begin;
            let next = index.len();
            index.extend((next..next + rows).map(|row| if made(begin) { number(row) } else { NO_ROW }));
        }
        index
    }
}

impl Decoder {
    /// The embeddings of `ids`.
    fn embed(&self, exec: &mut Exec<'_>, ids: &[u32], to: Rows) -> Result<(), Error> {
        exec.gather(&self.embedding, ids, Weights::All(self.config.embedding_scale), to, false)
    }

    /// Puts rows of a picture where embeddings go.
    fn place_made(&self, exec: &mut Exec<'_>, data: &[f32], to: Rows) -> Result<(), Error> {
        match self.config.picture_scale {
            1.0 => exec.write(to, data),
            scale => exec.write(to, &data.iter().map(|x| x * scale).collect::<Vec<f32>>()),
        }
    }

    /// Puts the rows of a batch as they begin into `to`, and their features where `features` has them.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn place(
        &self,
        exec: &mut Exec<'_>,
        batch: &Batch,
        to: Rows,
        features: Option<&DecoderRows>,
    ) -> Result<(), Error> {
        let (width, planes) = (self.config.embedding_width, 1 + self.deep);
        let (mut at, mut tokens) = (0, &batch.tokens[..]);
        for begin in &batch.begins {
            match begin {
                Begin::Tokens(count) => {
                    let (ids, rest) = tokens.split_at(*count);
                    self.embed(exec, ids, to.slice(at, *count))?;
                    (at, tokens) = (at + count, rest);
                }
                Begin::Made { all, first, rows } => {
                    let numbers = first * width..(first + rows) * width;
                    let mut planes = all.chunks_exact((all.len() / planes).max(1));
                    let own = planes.next().unwrap_or_default();
                    self.place_made(exec, &own[numbers.clone()], to.slice(at, *rows))?;
                    for (number, plane) in planes.enumerate() {
                        if let Some(features) = features {
                            exec.write(features.feature(number).slice(at, *rows), &plane[numbers.clone()])?;
                        }
                    }
                    at += rows;
                }
            }
        }
        Ok(())
    }
}

/// The number of a row; batches have no more of them than fit.
fn number(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX)
}
