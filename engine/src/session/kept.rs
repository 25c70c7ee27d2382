//! What a session keeps between calls, taken out as bytes and put into another session: how a conversation is forked,
//! and how it outlives the process.

use super::Prefix;
use super::Session;
use crate::blocks::cache::{Sequence, Taken};
use crate::cancel::CancelHandle;
use crate::error::Error;
use crate::kernels::{CacheShape, Span};
use crate::prompt::Item;

impl Session {
    /// Lets `handle` stop this session instead of the one it had.
    pub fn cancel_by(&mut self, handle: CancelHandle) {
        self.cancel = handle;
    }

    /// Keeps nothing so far, but will.
    pub(crate) fn forget_all(&mut self) {
        self.kept = Some(Prefix::default());
        self.source.forget();
        self.free_slots();
    }

    /// Takes every slot back that is not kept. Unlike [`Session::done`] it uses up no cancel: it ends no call.
    pub(crate) fn free_slots(&mut self) {
        let none = Sequence::default();
        self.held.slots.keep_only(self.kept.as_ref().map_or(&none, |kept| &kept.sequence));
    }

    /// The shape of one position's keys and values.
    pub(crate) fn position(&self) -> CacheShape {
        CacheShape { slots: 1, ..self.shape }
    }

    /// Positions that are kept and that a prompt begins with.
    pub(crate) fn kept(&self, items: &[Item]) -> usize {
        if self.encodes() {
            return if self.kept.is_some() { self.held(items) } else { 0 };
        }
        self.kept.as_ref().map_or(0, |kept| kept.shared(items))
    }

    /// Of these, those that can be saved: where positions look at media or a source, or are turned as long sequences are,
    /// none, and the prompt is run again.
    pub(crate) fn savable(&self, items: &[Item]) -> usize {
        let long = self.kept.as_ref().is_some_and(|kept| kept.sequence.is_long());
        if self.saves() && !long { self.kept(items) } else { 0 }
    }

    /// Whether what is kept can be saved: not where positions depend on more than their own keys and values.
    pub(crate) fn saves(&self) -> bool {
        self.held.is_whole()
    }

    /// Appends the keys and values of the first `count` kept positions to `out`.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub(crate) fn save(&mut self, count: usize, out: &mut Vec<u8>) -> Result<(), Error> {
        let bytes = self.position().bytes().saturating_mul(count);
        out.try_reserve_exact(bytes).map_err(|_| Error::OutOfMemory { what: "a saved state", bytes })?;
        let spans = first(self.kept.as_ref().map_or(&[][..], |kept| kept.sequence.spans()), count);
        if self.saves() {
            let model = self.model.clone();
            let (_, _, (cache, _)) = self.speech()?;
            model.0.device.save(&cache.data, &spans, out);
            self.release();
        }
        Ok(())
    }

    /// Puts back what [`Session::save`] has written of the first `count` positions of a prompt.
    ///
    /// # Errors
    /// [`Error::ContextFull`].
    pub(crate) fn restore(&mut self, items: &[Item], count: usize, data: &[u8]) -> Result<(), Error> {
        self.forget_all();
        let mut sequence = Sequence::default();
        self.held.slots.extend(&mut sequence, count, &mut Taken::default())?;
        let model = self.model.clone();
        let (_, _, (cache, _)) = self.speech()?;
        model.0.device.restore(&mut cache.data, sequence.spans(), data);
        self.release();
        let remembers = self.remembers();
        self.kept = Some(Prefix::of(items, sequence, remembers));
        Ok(())
    }

    /// Takes over the encoded pictures of another session of the same model.
    pub fn know_pictures_of(&mut self, other: &Self) {
        self.images = other.images.clone();
    }
}

/// The first `count` positions of spans.
fn first(spans: &[Span], mut count: usize) -> Vec<Span> {
    let mut cut = Vec::new();
    for span in spans {
        let len = u32::try_from(count).unwrap_or(u32::MAX).min(span.len);
        if len > 0 {
            cut.push(Span { start: span.start, len });
        }
        count -= len as usize;
    }
    cut
}
