//! A session: one caller's buffers, and the loops over them: encode pictures, prefill, then generate or score.
//!
//! A prompt that begins as the last one did, or as its answer went on, needs only its rest run: see
//! [`Session::keep_prefix`].

mod events;
mod image_cache;
mod kept;
mod longer;
mod matching;
mod media;
mod part;
mod pass;
mod prefix;
mod source;
#[cfg(test)]
mod tests;

pub use events::{Event, Sink, Timings};
pub use matching::{Embedding, Match};
pub(crate) use pass::Wants;
pub(crate) use prefix::Prefix;
use prefix::batch_ends;

use crate::blocks::cache::{PAGE, Sequence, Slots};
use crate::blocks::decoder::{Batch, DecoderRows, Held, KvCache};
use crate::blocks::gated::MediaSlots;
use crate::cancel::CancelHandle;
use crate::company::{Company, Core, Likely, Outcome, Seat};
use crate::error::Error;
use crate::kernels::{Arena, CacheShape, Span};
use crate::model::Model;
use crate::models::Encoder;
use crate::plan::{Laid, Resolved, SessionOptions};
use crate::prompt::Item;
use image_cache::ImageCache;
use media::Shown;
use part::{Part, stand};
use std::time::Instant;

/// One caller's use of a model. Calls start from an empty context, unless the caller wants it kept; encoded pictures are
/// kept between them in any case.
pub struct Session {
    model: Model,
    /// What computes; of sessions side by side, whoever has it at the moment.
    core: Option<Core>,
    /// The activations of tower and bridge, where sessions side by side have some apart.
    lent: Option<Arena>,
    /// This session's place beside others.
    seat: Option<Seat>,
    /// Tower and bridge, where the model has them.
    encoder: Option<Box<dyn Encoder>>,
    /// What of the keys and values is this session's.
    held: Held,
    shape: CacheShape,
    /// Of the language model, where there is one.
    rows: Option<DecoderRows>,
    context: usize,
    batch: usize,
    logit_rows: usize,
    /// Rows of a pass that are the very bits each would be alone.
    alike: usize,
    /// Sequences that may grow side by side in beam search, and most new tokens of each.
    beams: usize,
    new_tokens: usize,
    /// Most frames of a video.
    frames: usize,
    images: ImageCache,
    cancel: CancelHandle,
    /// The rows of the pass that is being put together.
    told: Batch,
    /// What has come of the last one.
    outcome: Outcome,
    /// What is in the cache between calls, where the caller wants it kept.
    kept: Option<Prefix>,
    /// Whether of that only whole batches serve again.
    whole: bool,
    /// The source that was read last, where an encoder reads prompts.
    source: source::Held,
}

impl Model {
    /// A session: its buffers are allocated here, all at once.
    ///
    /// # Errors
    /// [`Error::BadOption`], [`Error::OverBudget`], [`Error::OutOfMemory`].
    pub fn session(&self, options: &SessionOptions) -> Result<Session, Error> {
        let resolved = self.resolve(options)?;
        let plan = self.plan(options)?;
        let needed = plan.total();
        if options.budget > 0 && needed > options.budget {
            return Err(Error::OverBudget { needed, mapped: plan.mapped, budget: options.budget });
        }
        Session::new(self.clone(), options, &resolved)
    }
}

impl Session {
    pub(crate) fn new(model: Model, options: &SessionOptions, r: &Resolved) -> Result<Self, Error> {
        let inner = &model.0;
        let Laid { layout, sight, encoder, rows } = r.lay_out(&inner.family);
        let make = || {
            let cache = |shape: CacheShape| inner.device.cache(r.shared(shape));
            let (media, source) = (r.media.map(cache).transpose()?, r.source.map(cache).transpose()?);
            let cache = KvCache { data: cache(r.kv)?, media, source };
            Ok::<_, Error>(Core::new(inner.device.arena(&layout)?, cache))
        };
        let (core, seat) = match &sight {
            None => (Some(make()?), None),
            Some(sight) => {
                let company = || Ok(Company::new(make()?, inner.device.arena(sight)?, r.parallel, r.most));
                (None, Some(model.company(options, company)?.seat()?))
            }
        };
        let number = seat.as_ref().map_or(0, |seat| seat.number);
        let gated = inner.family.speaks.as_ref().and_then(|speaks| speaks.gated());
        let media = gated.zip(r.media).map(|(gated, shape)| {
            let (rows, count) = (gated.config.rows, shape.slots / gated.config.rows);
            MediaSlots::new(number * count, count, rows)
        });
        let first = |shape: CacheShape| u32::try_from(number * shape.slots).unwrap_or(u32::MAX);
        let source = r.source.map(|shape| Span { start: first(shape), len: 0 });
        let slots = Slots::behind(number * r.kv.slots / PAGE, r.kv.slots);
        Ok(Self {
            core,
            lent: None,
            seat,
            encoder,
            held: Held { slots, media, source },
            shape: r.kv,
            rows,
            context: r.context,
            batch: r.batch,
            logit_rows: r.logits,
            alike: inner.family.speaks.as_ref().map_or(1, |speaks| speaks.alike(&*inner.device)),
            beams: r.beams,
            new_tokens: r.new_tokens,
            frames: r.frames,
            images: ImageCache::new(r.image_cache),
            cancel: CancelHandle::default(),
            told: Batch::default(),
            outcome: Outcome::default(),
            kept: None,
            whole: false,
            source: source::Held::default(),
            model,
        })
    }

    /// Whether keys and values stay after [`Session::generate`] and [`Session::score`], so that the next prompt is run
    /// only from where it differs: for conversations, which repeat all that was said. Off at first. What stays is the
    /// prompt with what was generated, of beams and scores the prompt alone; after an error nothing. Results are the same
    /// but for rounding, because rows pass through the model in other batches. Where an encoder reads prompts, the last one
    /// stays, and serves a prompt that is the very same.
    pub fn keep_prefix(&mut self, keep: bool) {
        self.kept = keep.then(Prefix::default);
        self.whole = false;
        self.done();
    }

    /// As [`Session::keep_prefix`], but results are the same to the last bit, because only whole batches of prompts
    /// ([`SessionOptions::batch`]) serve again: for many requests that begin with the same long text or demonstrations.
    pub fn keep_whole_batches(&mut self) {
        self.keep_prefix(true);
        self.whole = true;
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Stops the running call from another thread.
    #[must_use]
    pub fn cancel_handle(&self) -> CancelHandle {
        self.cancel.clone()
    }

    /// After a call: every slot is free again but those that are kept, and a cancel that was meant for it is used up.
    pub(crate) fn done(&mut self) {
        self.free_slots();
        self.cancel.reset();
        self.release();
        if let Some(seat) = &self.seat {
            seat.leave();
        }
    }

    /// Frees the slots that are kept, before a call that needs all or starts from nothing.
    pub(crate) fn forget(&mut self) {
        if let Some(kept) = &mut self.kept {
            self.held.slots.release(std::mem::take(kept).sequence);
        }
    }

    pub(crate) fn keep(&mut self, prefix: Prefix) {
        if let Some(kept) = &mut self.kept {
            *kept = prefix;
        }
    }

    /// Positions one sequence may reach.
    pub(crate) fn room(&self) -> usize {
        self.context
    }

    pub(crate) fn fits(&self, prompt: usize, new: usize) -> Result<(), Error> {
        if prompt == 0 {
            return Err(Error::BadOption {
                name: "prompt",
                got: "empty".to_owned(),
                rule: "at least one token or image",
            });
        }
        let context = self.room();
        // What an encoder reads has a room of its own.
        let (ahead, source) = (self.ahead(prompt), if self.encodes() { prompt } else { 0 });
        if source > context {
            return Err(Error::ContextFull { needed: source, prompt, new: 0, context });
        }
        let needed = ahead + new;
        // The last new token is never read by the model.
        if needed > context + usize::from(new > 0) {
            return Err(Error::ContextFull { needed, prompt: ahead, new, context });
        }
        Ok(())
    }

    /// Beams that the session was laid out for, and new tokens of each.
    pub(crate) fn planned(&self) -> (usize, usize) {
        (self.beams, self.new_tokens)
    }

    /// Logits of a position.
    pub(crate) fn vocabulary(&self) -> usize {
        self.model.0.family.speaks.as_ref().map_or(0, |speaks| speaks.decoder.config.vocabulary)
    }

    /// The logits of the last call of [`Session::step`] or the prefill, a row a sequence.
    pub(crate) fn logits(&self) -> &[f32] {
        &self.outcome.logits
    }

    pub(crate) fn logits_mut(&mut self) -> &mut [f32] {
        &mut self.outcome.logits
    }

    /// Rows that pass through the language model together.
    pub(crate) fn batch(&self) -> usize {
        self.batch
    }

    /// A cancel that came for a step of a call is used up.
    pub(crate) fn reset_cancel(&self) {
        self.cancel.reset();
    }

    /// Rows of a pass, at most, that are the very bits each would be alone, and whose logits are computed together.
    pub(crate) fn alike(&self) -> usize {
        self.alike.min(self.logit_rows)
    }

    /// Rows of logits computed together.
    pub(crate) fn logit_rows(&self) -> usize {
        self.logit_rows
    }

    /// How likely the tokens were that the last pass was asked of.
    pub(crate) fn likely(&self) -> &[Likely] {
        &self.outcome.likely
    }

    pub(crate) fn slots(&mut self) -> &mut Slots {
        &mut self.held.slots
    }

    /// Encodes the pictures and runs the prompt, or what of both is not kept; the logits of its last position are then in
    /// [`Session::logits`]. So many positions `behind` it will be read in one go with it.
    pub(crate) fn prefill(
        &mut self,
        items: &[Item],
        behind: usize,
        sink: &mut Sink<'_>,
        timings: &mut Timings,
    ) -> Result<Prefix, Error> {
        if self.encodes() {
            self.forget();
        }
        let long = self.is_long(self.model.count(items) + behind);
        let Some(kept) = self.kept.as_mut().filter(|_| !self.model.encodes_prompts()) else {
            let mut prompt = Prefix::default();
            prompt.sequence.turn(long);
            self.run_prompt(items, 0, &mut prompt.sequence, timings, &mut Wants::Last, sink)?;
            return Ok(prompt);
        };
        let mut kept = std::mem::take(kept);
        if kept.sequence.is_long() != long {
            self.held.slots.truncate(&mut kept.sequence, 0);
            kept.sequence.turn(long);
        }
        let ends = self.whole.then(|| batch_ends(items, self.batch, self.model.sees_together()));
        let rest = kept.become_prompt(items, &mut self.held.slots, ends.as_deref());
        timings.reused = kept.sequence.len();
        let media = |items: &[Item]| items.iter().filter(|item| item.views().is_some()).count();
        let before = media(items) - media(&rest);
        self.run_prompt(&rest, before, &mut kept.sequence, timings, &mut Wants::Last, sink)?;
        Ok(kept)
    }

    /// Runs a prompt in batches, behind one with `before` pictures and videos in it.
    pub(crate) fn run_prompt(
        &mut self,
        items: &[Item],
        before: usize,
        sequence: &mut Sequence,
        timings: &mut Timings,
        wants: &mut Wants<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), Error> {
        if self.encodes() {
            return self.run_source(items, sequence, timings, wants, sink);
        }
        let model = self.model.clone();
        let speaks = model.0.family.speaks()?;
        let positions = model.count(items);
        self.lengthen(std::slice::from_mut(sequence), &[positions])?;
        let remembers = self.remembers();
        let shown = self.shown(items, before, sequence, timings, sink)?;
        announce(sink, Event::Prefill { positions })?;
        let start = Instant::now();
        let mut shown = shown.iter();
        let (mut done, two_way) = (0, model.sees_together());
        self.told.clear();
        for item in items {
            let filled = self.told.rows();
            let at = sequence.len() + filled;
            let part = match item {
                Item::Tokens(ids) => {
                    speaks.follow(sequence, filled, ids);
                    Part::Tokens(ids)
                }
                Item::Image(..) | Item::Video(..) => match shown.next().ok_or(Error::NoVision { images: 1 })? {
                    Shown::Rows(rows) => {
                        stand(sequence, at, item);
                        Part::seen(rows, speaks, item.marks())
                    }
                    Shown::Past(known) => {
                        let (mut exec, rows, kept) = self.speech()?;
                        let remembered = speaks.decoder.remember(&mut exec, rows, kept, sequence, known);
                        self.release();
                        remembered?;
                        done += item.positions();
                        if remembers {
                            sequence.read_rows(item.positions());
                        }
                        continue;
                    }
                    Shown::Attended { media_slot, token } => {
                        sequence.look(at, at, Some(*media_slot));
                        Part::Tokens(std::slice::from_ref(token))
                    }
                },
            };
            let len = part.len();
            if remembers {
                match part {
                    Part::Tokens(ids) => sequence.read(ids),
                    Part::Seen(..) => sequence.read_rows(len),
                }
            }
            if two_way && matches!(part, Part::Seen(..)) {
                if filled + len > self.batch {
                    self.prefilled(sequence, (done, positions), wants, sink)?;
                }
                sequence.together(self.told.rows(), len);
            }
            let mut at = 0;
            while at < len {
                let take = (self.batch - self.told.rows()).min(len - at);
                part.put(at, take, &mut self.told);
                at += take;
                done += take;
                if self.told.rows() == self.batch || done == positions {
                    self.prefilled(sequence, (done, positions), wants, sink)?;
                }
            }
        }
        announce(sink, Event::Within { done, total: positions })?;
        timings.prefill += start.elapsed();
        Ok(())
    }

    /// Runs the rows of a prompt that are told so far, with which `done` of its positions are.
    fn prefilled(
        &mut self,
        sequence: &mut Sequence,
        (done, positions): (usize, usize),
        wants: &mut Wants<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), Error> {
        let filled = self.told.rows();
        if filled == 0 {
            return Ok(());
        }
        let mut told = |layer, layers| {
            let done = done - filled + filled * layer / layers;
            sink(Event::Within { done, total: positions })
        };
        let last = (wants, done == positions);
        self.pass(std::slice::from_mut(sequence), &[filled], last, Some(&mut told))?;
        // A pass of several tells nobody of its layers; the end of the prompt is told behind it.
        if self.seat.is_some() && done < positions {
            announce(sink, Event::Within { done, total: positions })?;
        }
        Ok(())
    }
}

/// Tells of a stage before there is text.
fn announce(sink: &mut Sink<'_>, event: Event<'_>) -> Result<(), Error> {
    if sink(event).is_break() { Err(Error::Cancelled) } else { Ok(()) }
}
