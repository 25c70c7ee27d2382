//! A prompt that an encoder reads: its tokens and rows of pictures become a source, all of them at once, and the decoder's
//! text begins beside it with the model's start token.
//!
//! The non-obvious thing: a source is known again as a whole or not at all, since each of its rows has seen all others.
//! What is kept between calls is therefore no prefix but the last source.

use super::media::Shown;
use super::part::Part;
use super::prefix::{Content, contents};
use super::{Event, Session, Sink, Timings, Wants, announce};
use crate::blocks::cache::Sequence;
use crate::blocks::decoder::Batch;
use crate::error::Error;
use crate::prompt::Item;
use std::time::Instant;

/// The source whose keys and values are there.
#[derive(Debug, Default)]
pub(super) struct Held(Option<Vec<Content>>);

impl Held {
    fn is(&self, items: &[Item]) -> bool {
        self.0.as_ref().is_some_and(|held| *held == contents(items))
    }

    pub(super) fn forget(&mut self) {
        self.0 = None;
    }
}

impl Session {
    /// Whether an encoder reads prompts.
    pub(crate) fn encodes(&self) -> bool {
        self.model().encodes_prompts()
    }

    /// Positions of the sequence before its first new token, behind a prompt of `positions`.
    pub(crate) fn ahead(&self, positions: usize) -> usize {
        self.model().defaults().start.unwrap_or(positions)
    }

    /// Positions of a source that need not be read again.
    pub(super) fn held(&self, items: &[Item]) -> usize {
        if self.source.is(items) { self.model().count(items) } else { 0 }
    }

    /// Has the encoder read a source, unless it is the one that is held and may serve again; then begins the decoder's
    /// sequence. What is wanted is wanted of its start.
    pub(super) fn run_source(
        &mut self,
        items: &[Item],
        sequence: &mut Sequence,
        timings: &mut Timings,
        wants: &mut Wants<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), Error> {
        let model = self.model.clone();
        let start = model.0.family.speaks()?.start().unwrap_or_default();
        let positions = model.count(items);
        let context = self.room();
        if positions == 0 || positions > context {
            return Err(Error::ContextFull { needed: positions, prompt: positions, new: 0, context });
        }
        if self.kept.is_some() && self.source.is(items) {
            timings.reused = positions;
            announce(sink, Event::Prefill { positions })?;
        } else {
            self.read_source(items, positions, timings, sink)?;
        }
        let began = Instant::now();
        self.run(std::slice::from_mut(sequence), start, &[start.len()], wants)?;
        announce(sink, Event::Within { done: positions, total: positions })?;
        timings.prefill += began.elapsed();
        Ok(())
    }

    fn read_source(
        &mut self,
        items: &[Item],
        positions: usize,
        timings: &mut Timings,
        sink: &mut Sink<'_>,
    ) -> Result<(), Error> {
        let model = self.model.clone();
        let speaks = model.0.family.speaks()?;
        let shown = self.shown(items, 0, &Sequence::default(), timings, sink)?;
        announce(sink, Event::Prefill { positions })?;
        let began = Instant::now();
        self.source.forget();
        let mut shown = shown.iter();
        let mut batch = Batch::default();
        for item in items {
            let part = match item {
                Item::Tokens(ids) => Part::Tokens(ids),
                Item::Image(..) | Item::Video(..) => match shown.next() {
                    Some(Shown::Rows(data)) => Part::seen(data, speaks, item.marks()),
                    _ => return Err(Error::NoVision { images: 1 }),
                },
            };
            part.put(0, part.len(), &mut batch);
        }
        let (mut exec, rows, kept) = self.speech()?;
        let Some(rows) = &rows.source else { return Err(Error::NoText) };
        let placed = speaks.decoder.place(&mut exec, &batch, rows.x.first(batch.rows()), None);
        let mut told = |layer, layers| sink(Event::Within { done: positions * layer / layers, total: positions });
        exec.told = Some(&mut told);
        let read = placed.and_then(|()| speaks.decoder.read(&mut exec, rows, kept, positions));
        model.0.readers.let_go(model.file());
        self.release();
        read?;
        self.source.0 = Some(contents(items));
        timings.prefill += began.elapsed();
        Ok(())
    }
}
