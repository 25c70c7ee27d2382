//! What computes a pass of rows through a language model, and what comes of it.

use crate::blocks::decoder::{Batch, DecoderRows, KvCache, Output};
use crate::cancel::CancelHandle;
use crate::error::Error;
use crate::kernels::{Arena, Device, Exec, Told};
use crate::models::Speaks;
use crate::sampling::{log_probability, log_sum};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// How likely a token is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Likely {
    /// The natural logarithm of its probability; not a number where the logits are not.
    pub logprob: f32,
    /// Whether none is likelier.
    pub first: bool,
}

impl Likely {
    /// How likely a token is by these logits.
    pub fn of(logits: &[f32], id: u32) -> Self {
        let own = logits[id as usize];
        let logprob = log_sum(logits).map_or(f32::NAN, |sum| log_probability(own, sum));
        Self { logprob, first: logits.iter().all(|other| *other <= own) }
    }
}

/// What has come of a pass, in the order of its rows.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Whole logits.
    pub logits: Vec<f32>,
    /// Of single tokens.
    pub likely: Vec<Likely>,
}

impl Outcome {
    pub fn clear(&mut self) {
        self.logits.clear();
        self.likely.clear();
    }

    /// Takes the logits of all rows that are asked for, and their list for its own where that serves.
    pub fn take(&mut self, device: &dyn Device, outputs: &[Output], logits: &mut Vec<f32>) {
        if self.logits.is_empty() && outputs.iter().all(|output| output.only.is_none()) {
            std::mem::swap(&mut self.logits, logits);
        } else {
            self.extend(device, outputs, logits);
        }
    }

    /// Appends those of some rows.
    pub fn extend(&mut self, device: &dyn Device, outputs: &[Output], logits: &[f32]) {
        let rows = || outputs.iter().zip(logits.chunks_exact((logits.len() / outputs.len().max(1)).max(1)));
        for (_, logits) in rows().filter(|(output, _)| output.only.is_none()) {
            self.logits.extend_from_slice(logits);
        }
        let asked: Vec<(u32, &[f32])> = rows().filter_map(|(output, logits)| Some((output.only?, logits))).collect();
        let none = Likely { logprob: f32::NAN, first: false };
        let found: Vec<Mutex<Likely>> = asked.iter().map(|_| Mutex::new(none)).collect();
        device.spread(asked.len(), &|row| {
            let likely = Likely::of(asked[row].1, asked[row].0);
            *found[row].lock().unwrap_or_else(PoisonError::into_inner) = likely;
        });
        self.likely.extend(found.into_iter().map(|found| found.into_inner().unwrap_or_else(PoisonError::into_inner)));
    }
}

/// What computes: activations, and keys and values.
pub(crate) struct Core {
    pub arena: Arena,
    pub cache: KvCache,
    /// Of some rows, on the host.
    logits: Vec<f32>,
}

/// A language model with the device that it runs on, and its place in an arena.
#[derive(Clone, Copy)]
pub(crate) struct Runs<'a> {
    pub device: &'a dyn Device,
    pub speaks: &'a Speaks,
    pub rows: &'a DecoderRows,
}

impl Core {
    pub fn new(arena: Arena, cache: KvCache) -> Self {
        Self { arena, cache, logits: Vec::new() }
    }

    /// Runs a batch; `each` is given its outputs in order, some at once, and their logits.
    pub fn run(
        &mut self,
        Runs { device, speaks, rows }: Runs<'_>,
        batch: &Batch,
        (cancel, told): (&CancelHandle, Option<&mut Told<'_>>),
        each: &mut dyn FnMut(Range<usize>, &mut Vec<f32>),
    ) -> Result<(), Error> {
        // A closure of this call's own is told: how long what it refers to lives is part of its type.
        let mut telling = told.map(|told| move |done: usize, total: usize| told(done, total));
        let told = telling.as_mut().map(|told| told as &mut Told<'_>);
        let mut exec = Exec { device, arena: &mut self.arena, cancel, told };
        speaks.forward(&mut exec, rows, &mut self.cache, batch)?;
        let (all, most) = (batch.outputs(), rows.outputs());
        for start in (0..all.len()).step_by(most) {
            let some = start..(start + most).min(all.len());
            speaks.decoder.logits(&mut exec, rows, &all[some.clone()], &mut self.logits)?;
            each(some, &mut self.logits);
        }
        Ok(())
    }
}
