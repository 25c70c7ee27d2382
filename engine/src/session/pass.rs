//! A pass of rows through the language model, and what is wanted of it: whose logits, and whether whole or of one token alone.

use super::Session;
use crate::blocks::cache::Sequence;
use crate::blocks::decoder::{Batch, DecoderRows, Held, KvCache, one_each};
use crate::cancel::CancelHandle;
use crate::company::{Core, Passes, Runs, Seat, Work};
use crate::error::Error;
use crate::kernels::{Arena, Exec, Told};
use crate::model::Model;
use std::ops::Range;

/// What is wanted of the rows of a pass.
pub(crate) enum Wants<'a> {
    /// Their keys and values.
    Nothing,
    /// The logits behind the last of all.
    Last,
    /// Those behind each.
    All,
    /// Of each, how likely one token is behind it.
    Only(&'a [u32]),
    /// Those behind each, in order, as they are computed: where all of them together would be too many.
    Each(&'a mut dyn FnMut(&[f32])),
}

impl Session {
    /// Runs tokens behind sequences: the first `counts[0]` of `ids` behind the first, and so on.
    pub(crate) fn run(
        &mut self,
        sequences: &mut [Sequence],
        ids: &[u32],
        counts: &[usize],
        wants: &mut Wants<'_>,
    ) -> Result<(), Error> {
        let model = self.model.clone();
        let speaks = model.0.family.speaks()?;
        self.lengthen(sequences, counts)?;
        let (mut rest, remembers) = (ids, self.remembers());
        for (sequence, &count) in sequences.iter_mut().zip(counts) {
            let (own, others) = rest.split_at(count);
            speaks.follow(sequence, 0, own);
            if remembers {
                sequence.read(own);
            }
            rest = others;
        }
        self.told.clear();
        self.told.push(ids);
        self.pass(sequences, counts, (wants, true), None)
    }

    /// One more token for each sequence, then the logits of all.
    pub(crate) fn step(&mut self, sequences: &mut [Sequence], ids: &[u32]) -> Result<(), Error> {
        self.run(sequences, ids, one_each(ids.len())?, &mut Wants::All)
    }

    /// Runs the rows that are told so far, `counts[i]` behind `sequences[i]`; `last` where no others follow.
    pub(super) fn pass(
        &mut self,
        sequences: &mut [Sequence],
        counts: &[usize],
        (wants, last): (&mut Wants<'_>, bool),
        told: Option<&mut Told<'_>>,
    ) -> Result<(), Error> {
        let model = self.model.clone();
        let mut batch = std::mem::take(&mut self.told);
        let done = model.0.family.speaks()?.tell(&mut self.held, sequences, counts, &mut batch).and_then(|()| {
            let rows = batch.rows();
            match wants {
                Wants::Nothing => {}
                Wants::Last if last => batch.want(rows - 1, None),
                Wants::Last => {}
                Wants::All | Wants::Each(_) => (0..rows).for_each(|row| batch.want(row, None)),
                Wants::Only(ids) => (0..).zip(*ids).for_each(|(row, &id)| batch.want(row, Some(id))),
            }
            self.run_batch(&mut batch, wants, told)
        });
        batch.clear();
        self.told = batch;
        done
    }

    fn run_batch(
        &mut self,
        batch: &mut Batch,
        wants: &mut Wants<'_>,
        told: Option<&mut Told<'_>>,
    ) -> Result<(), Error> {
        self.outcome.clear();
        let model = self.model.clone();
        let speaks = model.0.family.speaks()?;
        // What is looked at while it is computed is no pass of several.
        let apart = matches!(wants, Wants::Each(_)) || self.core.is_some();
        if let Some(seat) = self.seat.as_ref().filter(|_| !apart) {
            let rows = self.rows.as_ref().ok_or(Error::NoText)?;
            let runs = Runs { device: &*model.0.device, speaks, rows };
            let outcome = std::mem::take(&mut self.outcome);
            let work = Work { batch: std::mem::take(batch), outcome, cancel: self.cancel.clone() };
            let (work, done) = seat.pass(runs, work, told);
            (*batch, self.outcome) = (work.batch, work.outcome);
            return done;
        }
        self.hold()?;
        let Self { core, outcome, cancel, rows, .. } = self;
        let (core, rows) = (core.as_mut().ok_or(Error::NoText)?, rows.as_ref().ok_or(Error::NoText)?);
        let runs = Runs { device: &*model.0.device, speaks, rows };
        let mut each = |some: Range<usize>, logits: &mut Vec<f32>| match wants {
            Wants::Each(each) => logits.chunks_exact(speaks.decoder.config.vocabulary).for_each(&mut **each),
            _ => outcome.take(runs.device, &batch.outputs()[some], logits),
        };
        let done = core.run(runs, batch, (cancel, told), &mut each);
        self.release();
        done
    }

    /// Takes what computes, unless it is this session's; [`Session::release`] gives it back.
    fn hold(&mut self) -> Result<(), Error> {
        if let Some(seat) = self.seat.as_ref().filter(|_| self.core.is_none()) {
            self.core = Some(seat.turn(&self.cancel)?);
        }
        Ok(())
    }

    /// Gives back what this session shares with others.
    pub(super) fn release(&mut self) {
        if let Some(seat) = &self.seat
            && (self.core.is_some() || self.lent.is_some())
        {
            seat.give(self.core.take(), self.lent.take());
        }
    }

    /// All that running the language model takes.
    pub(super) fn speech(&mut self) -> Result<(Exec<'_>, &DecoderRows, (&mut KvCache, &mut Held)), Error> {
        if self.rows.is_none() {
            return Err(Error::NoText);
        }
        self.hold()?;
        let Core { arena, cache, .. } = self.core.as_mut().ok_or(Error::NoText)?;
        let exec = Exec { device: &*self.model.0.device, arena, cancel: &self.cancel, told: None };
        Ok((exec, self.rows.as_ref().ok_or(Error::NoText)?, (cache, &mut self.held)))
    }

    /// What this session and those beside it have run together; `None` where it is by itself.
    #[must_use]
    pub fn passes(&self) -> Option<Passes> {
        self.seat.as_ref().map(|seat| seat.counts())
    }

    /// How urgent this session's work is among those that it shares with others ([`SessionOptions::parallel`](crate::SessionOptions)): more
    /// goes first, equals go in turn, and after some passes it is everybody's turn. 0 at first.
    pub fn set_priority(&mut self, priority: u8) {
        if let Some(seat) = &mut self.seat {
            seat.priority = priority;
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.release();
    }
}

/// All that running tower and bridge takes, in the arena that is there or in the one that sessions side by side share for it.
pub(super) fn seeing<'a>(
    model: &'a Model,
    (core, sight, seat): (&'a mut Option<Core>, &'a mut Option<Arena>, Option<&Seat>),
    cancel: &'a CancelHandle,
) -> Result<Exec<'a>, Error> {
    let arena = match seat {
        None => core.as_mut().map(|core| &mut core.arena),
        Some(seat) => {
            if sight.is_none() {
                *sight = Some(seat.sight(cancel)?);
            }
            sight.as_mut()
        }
    };
    let arena = arena.ok_or(Error::NoVision { images: 1 })?;
    Ok(Exec { device: &*model.0.device, arena, cancel, told: None })
}
