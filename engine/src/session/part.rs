//! Parts of a prompt on their way into the rows of a batch.

use crate::blocks::cache::Sequence;
use crate::blocks::decoder::Batch;
use crate::models::Speaks;
use crate::prompt::{Item, Mark};
use std::sync::Arc;

/// Rows of a batch before they are embedded.
#[derive(Clone, Copy)]
pub(super) enum Part<'a> {
    Tokens(&'a [u32]),
    /// The rows of a picture with the tokens among them, where there are some.
    Seen(Seen<'a>, &'a [Mark]),
}

/// Rows of a picture.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    /// What stands in the place of embeddings, then as much of each feature.
    all: &'a Arc<[f32]>,
    first: usize,
    rows: usize,
}

impl Seen<'_> {
    /// The first `count` rows, and the others.
    fn split(self, count: usize) -> (Self, Self) {
        let count = count.min(self.rows);
        (Self { rows: count, ..self }, Self { first: self.first + count, rows: self.rows - count, ..self })
    }
}

impl<'a> Part<'a> {
    /// What a bridge has made of a picture for a language model, and the tokens among its rows.
    pub fn seen(all: &'a Arc<[f32]>, speaks: &Speaks, marks: &'a [Mark]) -> Self {
        let row = (1 + speaks.decoder.deep) * speaks.decoder.config.embedding_width;
        Self::Seen(Seen { all, first: 0, rows: all.len() / row.max(1) }, marks)
    }

    pub fn len(&self) -> usize {
        match self {
            Self::Tokens(ids) => ids.len(),
            Self::Seen(seen, marks) => seen.rows + marks.iter().map(|mark| mark.tokens.len()).sum::<usize>(),
        }
    }

    /// Puts `take` rows from `at` on into a batch.
    pub fn put(&self, at: usize, take: usize, batch: &mut Batch) {
        match self {
            Self::Tokens(ids) => batch.push(&ids[at..at + take]),
            Self::Seen(seen, []) => batch.push_made(seen.all, seen.first + at, take),
            Self::Seen(seen, marks) => {
                let (mut before, mut rest) = (0, *seen);
                for mark in *marks {
                    let (rows, behind) = rest.split(mark.rows);
                    rest = behind;
                    for part in [Part::Tokens(&mark.tokens), Part::Seen(rows, &[])] {
                        let end = before + part.len();
                        let (first, last) = (at.max(before), (at + take).min(end));
                        if first < last {
                            part.put(first - before, last - first, batch);
                        }
                        before = end;
                    }
                }
            }
        }
    }
}

/// Says where the rows of an item stand that begins at row `first` of a sequence: those of each picture in it as its grid.
pub(super) fn stand(sequence: &mut Sequence, first: usize, item: &Item) {
    let Some((lines, columns)) = item.views().and_then(|views| views.grid) else { return };
    if item.marks().is_empty() {
        sequence.grid(first, lines, columns);
    }
    let mut at = first;
    for mark in item.marks() {
        at += mark.tokens.len();
        if mark.rows > 0 {
            sequence.grid(at, lines, columns);
        }
        at += mark.rows;
    }
}
