//! Parts of a prompt on their way into the rows of a batch.

use crate::blocks::cache::Sequence;
use crate::blocks::decoder::Decoder;
use crate::error::Error;
use crate::kernels::{Exec, Rows};
use crate::prompt::{Item, Mark};

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
    all: &'a [f32],
    /// Numbers of all rows together.
    plane: usize,
    /// Numbers of one.
    width: usize,
    first: usize,
    rows: usize,
}

impl<'a> Seen<'a> {
    /// What a bridge has made of a picture, with so many features.
    pub fn of(all: &'a [f32], features: usize, width: usize) -> Self {
        let plane = all.len() / (1 + features);
        Self { all, plane, width, first: 0, rows: plane / width.max(1) }
    }

    /// The first `count` rows, and the others.
    fn split(self, count: usize) -> (Self, Self) {
        let count = count.min(self.rows);
        (Self { rows: count, ..self }, Self { first: self.first + count, rows: self.rows - count, ..self })
    }
}

impl Part<'_> {
    pub fn len(&self) -> usize {
        match self {
            Self::Tokens(ids) => ids.len(),
            Self::Seen(seen, marks) => seen.rows + marks.iter().map(|mark| mark.tokens.len()).sum::<usize>(),
        }
    }

    /// Puts those from `at` on into rows of the input, and their features where these have a place.
    pub fn place(
        &self,
        exec: &mut Exec<'_>,
        decoder: &Decoder,
        at: usize,
        to: Rows,
        features: &[Rows],
    ) -> Result<(), Error> {
        let take = to.rows();
        match self {
            Self::Tokens(ids) => decoder.embed(exec, &ids[at..at + take], to),
            Self::Seen(seen, []) => {
                let start = (seen.first + at) * seen.width;
                let numbers = start..start + take * seen.width;
                decoder.place(exec, &seen.all[numbers.clone()], to)?;
                let planes = seen.all.chunks_exact(seen.plane.max(1)).skip(1);
                for (feature, plane) in features.iter().zip(planes) {
                    exec.write(*feature, &plane[numbers.clone()])?;
                }
                Ok(())
            }
            Self::Seen(seen, marks) => {
                let (mut before, mut rest) = (0, *seen);
                for mark in *marks {
                    let (rows, behind) = rest.split(mark.rows);
                    rest = behind;
                    for part in [Part::Tokens(&mark.tokens), Part::Seen(rows, &[])] {
                        let end = before + part.len();
                        let (first, last) = (at.max(before), (at + take).min(end));
                        if first < last {
                            let here = |rows: &Rows| rows.slice(first - at, last - first);
                            let features: Vec<Rows> = features.iter().map(here).collect();
                            part.place(exec, decoder, first - before, here(&to), &features)?;
                        }
                        before = end;
                    }
                }
                Ok(())
            }
        }
    }

    /// Says which of `take` rows from `at` on have features, where a decoder has `features` of them; a batch whose rows have
    /// none says nothing.
    pub fn marks_deep(&self, at: usize, take: usize, features: usize, deep: &mut Vec<bool>) {
        if features == 0 {
            return;
        }
        match self {
            Self::Tokens(_) => deep.extend(std::iter::repeat_n(false, take)),
            Self::Seen(_, []) => deep.extend(std::iter::repeat_n(true, take)),
            Self::Seen(_, marks) => {
                let of = |mark: &Mark| [(mark.tokens.len(), false), (mark.rows, true)];
                let all = marks.iter().flat_map(of).flat_map(|(count, is)| std::iter::repeat_n(is, count));
                deep.extend(all.skip(at).take(take));
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
