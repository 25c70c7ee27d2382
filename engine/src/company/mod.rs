//! Sessions side by side: they share an arena and a cache, and what they run at the same time is one pass.
//!
//! A session runs on its caller's thread. It hands in a [`Batch`] and waits in a queue. There is no thread besides: whoever is
//! first in the queue when nothing computes takes what waits behind it along, as far as rows have room, runs all of it as one
//! batch, and hands everybody his own. So weights are read once for all of them. Each session has a stretch of the cache for
//! itself, which is why nobody's context, forks or cancel are another's business.
//!
//! The non-obvious thing is who is waited for. Behind a pass its sessions choose their tokens, and the first to come back would
//! run alone if it did not wait for the others. It waits for those that took part in the last pass, and no longer than for a
//! part of what that took: who does something else meanwhile delays nobody for long.

mod core;
#[cfg(test)]
mod tests;

pub(crate) use self::core::{Core, Likely, Outcome, Runs};

use crate::blocks::decoder::Batch;
use crate::cancel::CancelHandle;
use crate::error::Error;
use crate::kernels::{Arena, Told};
use std::cmp::Reverse;
use std::ops::ControlFlow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Passes that others may take part in before who waits goes ahead of all that are more urgent.
const PATIENCE: u32 = 8;

/// Longest and shortest time for which the sessions of the last pass are waited for, besides a quarter of what it took.
const GRACE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));

/// How long a cancel may go unheard by who waits: nothing but this looks at its flag meanwhile.
const HEARD: Duration = Duration::from_millis(20);

/// What sessions side by side have run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passes {
    /// Passes through the language model.
    pub passes: u64,
    /// What sessions had asked for with them: as many as passes where nothing was shared.
    pub requests: u64,
    /// Rows of all of them.
    pub rows: u64,
    /// The longest that a request waited before its pass began.
    pub longest_wait: Duration,
}

/// What a session wants run.
pub(crate) struct Work {
    pub batch: Batch,
    /// What has come of it.
    pub outcome: Outcome,
    pub cancel: CancelHandle,
}

/// Who waits, and for what: a pass, or a turn of his own with all that computes.
struct Waiting {
    seat: usize,
    priority: u8,
    /// The order in which they came.
    number: u64,
    since: Instant,
    /// Passes that others took part in since.
    passed: u32,
    work: Option<Work>,
}

impl Waiting {
    /// Least is first.
    fn order(&self) -> (bool, Reverse<u8>, u64) {
        (self.passed < PATIENCE, Reverse(self.priority), self.number)
    }
}

/// What one of the sessions finds at its seat.
#[derive(Default)]
struct Place {
    taken: bool,
    /// Took part in the last pass, and has not come back yet.
    due: bool,
    done: Option<(Work, Result<(), Error>)>,
}

struct State {
    /// Not while somebody computes.
    core: Option<Core>,
    /// The activations of tower and bridge; not while somebody encodes.
    sight: Option<Arena>,
    places: Vec<Place>,
    waiting: Vec<Waiting>,
    /// Until when those that are due are waited for.
    until: Instant,
    /// The memory of a batch that several share.
    merged: Batch,
    counts: Passes,
    next: u64,
}

/// What sessions side by side share.
pub(crate) struct Company {
    state: Mutex<State>,
    changed: Condvar,
    /// Rows of a pass, at most.
    most: usize,
    /// Stops nothing: what several share ends where all of them have been cancelled.
    never: CancelHandle,
}

/// A session's place in a company.
pub(crate) struct Seat {
    company: Arc<Company>,
    pub number: usize,
    pub priority: u8,
}

impl Company {
    /// Of `seats` sessions; tower and bridge have an arena of their own.
    pub fn new(core: Core, sight: Arena, seats: usize, most: usize) -> Self {
        let state = State {
            core: Some(core),
            sight: Some(sight),
            places: (0..seats).map(|_| Place::default()).collect(),
            waiting: Vec::new(),
            until: Instant::now(),
            merged: Batch::default(),
            counts: Passes::default(),
            next: 0,
        };
        Self { state: Mutex::new(state), changed: Condvar::new(), most, never: CancelHandle::default() }
    }

    /// A place that nobody has.
    ///
    /// # Errors
    /// [`Error::BeyondPlan`].
    pub fn seat(self: &Arc<Self>) -> Result<Seat, Error> {
        let mut state = self.state();
        let planned = state.places.len();
        let free = state.places.iter().position(|place| !place.taken);
        let number = free.ok_or(Error::BeyondPlan { what: "sessions", got: planned + 1, planned })?;
        state.places[number] = Place { taken: true, ..Place::default() };
        drop(state);
        Ok(Seat { company: Arc::clone(self), number, priority: 0 })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until something has changed, for as long as a cancel may go unheard, and `most` at most.
    fn wait<'a>(&self, state: MutexGuard<'a, State>, most: Duration) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, most.min(HEARD)).unwrap_or_else(PoisonError::into_inner).0
    }
}

impl State {
    /// Whether a seat is first of all that wait, and nothing computes.
    fn leads(&self, seat: usize) -> bool {
        let first = self.waiting.iter().min_by_key(|waiting| waiting.order());
        self.core.is_some() && first.is_some_and(|first| first.seat == seat)
    }

    /// For how long others are to be waited for, of passes of `most` rows.
    fn patience(&self, most: usize) -> Option<Duration> {
        let rows = self.waiting.iter().filter_map(|waiting| Some(waiting.work.as_ref()?.batch.rows())).sum::<usize>();
        let due = rows < most && self.places.iter().any(|place| place.due);
        self.until.checked_duration_since(Instant::now()).filter(|left| due && !left.is_zero())
    }

    /// Takes what a seat waits for, and of the others what has room beside it in `most` rows.
    fn take(&mut self, seat: usize, most: usize) -> Vec<(usize, Work)> {
        self.waiting.sort_by_key(|waiting| (waiting.seat != seat, waiting.order()));
        let (mut rows, mut taken) = (0, Vec::new());
        for waiting in &mut self.waiting {
            let fits = |work: &mut Work| waiting.seat == seat || rows + work.batch.rows() <= most;
            match waiting.work.take_if(fits) {
                Some(work) => {
                    rows += work.batch.rows();
                    self.counts.longest_wait = self.counts.longest_wait.max(waiting.since.elapsed());
                    taken.push((waiting.seat, work));
                }
                None => waiting.passed += 1,
            }
        }
        self.waiting.retain(|waiting| !taken.iter().any(|(seat, _)| *seat == waiting.seat));
        self.counts.passes += 1;
        self.counts.requests += taken.len() as u64;
        self.counts.rows += rows as u64;
        taken
    }
}

/// Of a pass what one session asked for.
struct Part {
    seat: usize,
    work: Work,
    /// None where the pass ended before its end.
    result: Option<Result<(), Error>>,
}

/// A pass that is being run; when it ends, however it ends, everybody has his own again.
struct Pass<'a> {
    company: &'a Company,
    core: Option<Core>,
    parts: Vec<Part>,
    merged: Batch,
    began: Instant,
}

impl Pass<'_> {
    fn run(&mut self, runs: Runs<'_>, told: Option<&mut Told<'_>>) {
        let Self { company, core: Some(core), parts, merged, .. } = self else { return };
        // Whose thread this is; it was sorted ahead.
        let own = parts.first().map(|part| part.seat);
        parts.iter_mut().for_each(|part| part.result = part.work.cancel.check().err().map(Err));
        let mut live: Vec<&mut Part> = parts.iter_mut().filter(|part| part.result.is_none()).collect();
        if live.is_empty() {
            return;
        }
        if let [Part { seat, work, result }] = &mut live[..] {
            let Work { batch, outcome, cancel } = work;
            // Nobody's stages are another's to hear, or to stop.
            let told = told.filter(|_| own == Some(*seat));
            let mut each = |some: std::ops::Range<usize>, logits: &mut Vec<f32>| {
                outcome.take(runs.device, &batch.outputs()[some], logits);
            };
            *result = Some(core.run(runs, batch, (cancel, told), &mut each));
            return;
        }
        let cancels: Vec<CancelHandle> = live.iter().map(|part| part.work.cancel.clone()).collect();
        merged.clear();
        live.iter().for_each(|part| merged.append(&part.work.batch));
        let mut each = |some: std::ops::Range<usize>, logits: &mut Vec<f32>| {
            let width = logits.len() / some.len();
            let mut first = 0;
            for part in &mut live {
                let Work { batch, outcome, .. } = &mut part.work;
                let own = first..first + batch.outputs().len();
                let (start, end) = (own.start.max(some.start), own.end.min(some.end));
                if start < end {
                    let outputs = &batch.outputs()[start - first..end - first];
                    let logits = &logits[(start - some.start) * width..(end - some.start) * width];
                    outcome.extend(runs.device, outputs, logits);
                }
                first = own.end;
            }
        };
        let mut told = |_: usize, _: usize| match cancels.iter().all(|cancel| cancel.check().is_err()) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let failed = core.run(runs, merged, (&company.never, Some(&mut told)), &mut each).err();
        for part in live {
            part.result = Some(match &failed {
                None => part.work.cancel.check(),
                // Nothing else stops what several share.
                Some(Error::Cancelled) => Err(Error::Cancelled),
                Some(error) => part.work.cancel.check().and(Err(Error::Beside { reason: error.to_string() })),
            });
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        // With what was seen in it: pictures' rows are not kept for longer than they are needed.
        self.merged.clear();
        let mut state = self.company.state();
        state.core = self.core.take();
        state.merged = std::mem::take(&mut self.merged);
        let grace = (self.began.elapsed() / 4).clamp(GRACE.0, GRACE.1);
        state.until = Instant::now() + grace;
        state.places.iter_mut().for_each(|place| place.due = false);
        for Part { seat, work, result } in self.parts.drain(..) {
            let panicked = || work.cancel.check().and(Err(Error::Beside { reason: "it has panicked".to_owned() }));
            let result = result.unwrap_or_else(panicked);
            state.places[seat].due = true;
            state.places[seat].done = Some((work, result));
        }
        drop(state);
        self.company.changed.notify_all();
    }
}

impl Seat {
    /// Runs a batch, alone or with those of others; the work comes back with what has come of it. `told` hears of layers where
    /// it runs alone.
    pub fn pass(&self, runs: Runs<'_>, work: Work, mut told: Option<&mut Told<'_>>) -> (Work, Result<(), Error>) {
        let company = &*self.company;
        let mut state = self.queue(Some(work));
        loop {
            if let Some(done) = state.places[self.number].done.take() {
                return done;
            }
            // What others' pass has taken along comes back with that.
            let waits = |waiting: &&mut Waiting| waiting.seat == self.number && waiting.work.is_some();
            if let Some(waiting) = state.waiting.iter_mut().find(waits)
                && let Some(work) = waiting.work.take_if(|work| work.cancel.check().is_err())
            {
                self.unqueue(state);
                return (work, Err(Error::Cancelled));
            }
            if !state.leads(self.number) {
                state = company.wait(state, HEARD);
                continue;
            }
            if let Some(left) = state.patience(company.most) {
                state = company.wait(state, left);
                continue;
            }
            let taken = state.take(self.number, company.most);
            let parts = taken.into_iter().map(|(seat, work)| Part { seat, work, result: None }).collect();
            let (core, merged) = (state.core.take(), std::mem::take(&mut state.merged));
            drop(state);
            Pass { company, core, parts, merged, began: Instant::now() }.run(runs, told.take());
            state = company.state();
        }
    }

    /// All that computes, when it is this session's turn; to be given back.
    ///
    /// # Errors
    /// [`Error::Cancelled`] where that comes first.
    pub fn turn(&self, cancel: &CancelHandle) -> Result<Core, Error> {
        let mut state = self.queue(None);
        loop {
            if state.leads(self.number)
                && let Some(core) = state.core.take()
            {
                state.waiting.retain(|waiting| waiting.seat != self.number);
                return Ok(core);
            }
            if let Err(cancelled) = cancel.check() {
                self.unqueue(state);
                return Err(cancelled);
            }
            state = self.company.wait(state, HEARD);
        }
    }

    /// Gives back what computes, what encodes, or both.
    pub fn give(&self, core: Option<Core>, sight: Option<Arena>) {
        let mut state = self.company.state();
        state.core = core.or(state.core.take());
        state.sight = sight.or(state.sight.take());
        drop(state);
        self.company.changed.notify_all();
    }

    /// The activations of tower and bridge, when nobody else has them; to be given back.
    ///
    /// # Errors
    /// [`Error::Cancelled`] where that comes first.
    pub fn sight(&self, cancel: &CancelHandle) -> Result<Arena, Error> {
        self.leave();
        let mut state = self.company.state();
        loop {
            if let Some(sight) = state.sight.take() {
                return Ok(sight);
            }
            cancel.check()?;
            state = self.company.wait(state, HEARD);
        }
    }

    /// Nobody waits for this session until it comes back by itself.
    pub fn leave(&self) {
        let mut state = self.company.state();
        if std::mem::take(&mut state.places[self.number].due) {
            drop(state);
            self.company.changed.notify_all();
        }
    }

    /// What all of the company have run.
    pub fn counts(&self) -> Passes {
        self.company.state().counts
    }

    fn queue(&self, work: Option<Work>) -> MutexGuard<'_, State> {
        let mut state = self.company.state();
        let number = state.next;
        state.next += 1;
        // Behind a panic that somebody has caught there may be something left of the call before.
        state.places[self.number] = Place { taken: true, ..Place::default() };
        state.waiting.retain(|waiting| waiting.seat != self.number);
        let (seat, priority, since) = (self.number, self.priority, Instant::now());
        state.waiting.push(Waiting { seat, priority, number, since, passed: 0, work });
        self.company.changed.notify_all();
        state
    }

    /// Waits no longer; who was behind may be first now.
    fn unqueue(&self, mut state: MutexGuard<'_, State>) {
        state.waiting.retain(|waiting| waiting.seat != self.number);
        drop(state);
        self.company.changed.notify_all();
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.company.state();
        state.places[self.number] = Place::default();
        self.unqueue(state);
    }
}
