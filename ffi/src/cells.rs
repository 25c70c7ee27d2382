//! What handles lead to: a thing, the outcome of its last call, and whether a fault has spoiled it. Calls on a model or
//! an image may overlap; a session is in one call at a time, which is checked.

use crate::guard;
use crate::last;
use crate::log::Log;
use crate::stage::Stage;
use crate::status::{
    Failure, OCELLI_ERR_BAD_HANDLE, OCELLI_ERR_BUSY, OCELLI_ERR_ORDER, OCELLI_ERR_PANIC, OCELLI_ERR_POISONED,
    OCELLI_ERR_REENTRANT, OCELLI_OK,
};
use ocelli_engine::image::Picture;
use ocelli_engine::{Conversation, Model, Next};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

/// Of a handle: how its last call ended.
struct Outcome {
    last: Mutex<(i32, String)>,
    poisoned: AtomicBool,
}

impl Outcome {
    fn new() -> Self {
        Self { last: Mutex::new((OCELLI_OK, String::new())), poisoned: AtomicBool::new(false) }
    }

    fn last(&self) -> (i32, String) {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs a call, unless an earlier one has spoiled the thing, and keeps how it ended.
    fn of(&self, body: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
        if self.poisoned.load(Ordering::SeqCst) {
            let text = "an earlier call ended in a fault of the library: close the handle";
            return Err(Failure::new(OCELLI_ERR_POISONED, text));
        }
        let outcome = guard::fallible(body);
        if outcome.as_ref().is_err_and(|failure| failure.status == OCELLI_ERR_PANIC) {
            self.poisoned.store(true, Ordering::SeqCst);
        }
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = last::told(&outcome);
        outcome
    }
}

/// A model.
pub(crate) struct ModelCell {
    pub model: Model,
    pub log: Log,
    outcome: Outcome,
}

impl ModelCell {
    pub fn new(model: Model, log: Log) -> Self {
        Self { model, log, outcome: Outcome::new() }
    }

    pub fn last(&self) -> (i32, String) {
        self.outcome.last()
    }

    pub fn call(&self, body: impl FnOnce(&Self) -> Result<(), Failure>) -> Result<(), Failure> {
        self.outcome.of(|| body(self)).inspect_err(|failure| self.log.failure(failure))
    }
}

/// A picture.
pub(crate) struct ImageCell {
    pub picture: Arc<Picture>,
    outcome: Outcome,
}

impl ImageCell {
    pub fn new(picture: Picture) -> Self {
        Self { picture: Arc::new(picture), outcome: Outcome::new() }
    }

    pub fn last(&self) -> (i32, String) {
        self.outcome.last()
    }

    pub fn call(&self, body: impl FnOnce(&Self) -> Result<(), Failure>) -> Result<(), Failure> {
        self.outcome.of(|| body(self))
    }
}

/// What a session is while one call has it.
pub(crate) struct Held {
    pub conversation: Conversation,
    /// A step whose text did not fit the caller's buffer: the next call gives it again.
    pub step: Option<Next>,
    /// The tokens that were scored, and how likely each is, until something else is done.
    pub scored: Option<(Vec<u32>, Vec<f32>)>,
    pub log: Log,
    pub stage: Stage,
}

impl Held {
    /// Before a call that does something else with the prompt.
    pub fn begin(&mut self) {
        (self.step, self.scored) = (None, None);
    }

    /// As [`Held::begin`], before a piece that has no role.
    pub fn begin_piece(&mut self) -> Result<(), Failure> {
        self.begin();
        if self.conversation.messages().is_empty() {
            return Ok(());
        }
        Err(Failure::new(OCELLI_ERR_ORDER, "the prompt has turns: clear the session first, or add a turn"))
    }
}

/// A session.
pub(crate) struct SessionCell {
    /// `None` once it is closed.
    held: Mutex<Option<Held>>,
    /// The thread whose call has it; 0 if none has.
    owner: AtomicUsize,
    outcome: Outcome,
}

impl SessionCell {
    pub fn new(conversation: Conversation, log: Log, stage: Stage) -> Self {
        let held = Held { conversation, step: None, scored: None, log, stage };
        Self { held: Mutex::new(Some(held)), owner: AtomicUsize::new(0), outcome: Outcome::new() }
    }

    pub fn last(&self) -> (i32, String) {
        self.outcome.last()
    }

    /// Gives a call the session, if no other has it.
    fn hold<T>(&self, body: impl FnOnce(&mut Option<Held>) -> Result<T, Failure>) -> Result<T, Failure> {
        let mut held = match self.held.try_lock() {
            Ok(held) => held,
            // Bodies that panic are caught below, with the lock held.
            Err(TryLockError::Poisoned(held)) => held.into_inner(),
            Err(TryLockError::WouldBlock) if self.owner.load(Ordering::SeqCst) == this_thread() => {
                return Err(Failure::new(OCELLI_ERR_REENTRANT, "this is a callback of a call on the same session"));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::new(OCELLI_ERR_BUSY, "another thread is in a call on the session"));
            }
        };
        self.owner.store(this_thread(), Ordering::SeqCst);
        let result = body(&mut held);
        self.owner.store(0, Ordering::SeqCst);
        result
    }

    pub fn call(&self, body: impl FnOnce(&mut Held) -> Result<(), Failure>) -> Result<(), Failure> {
        self.hold(|held| {
            let closed = || Failure::new(OCELLI_ERR_BAD_HANDLE, "the session was closed meanwhile");
            let held = held.as_mut().ok_or_else(closed)?;
            let log = held.log;
            self.outcome.of(|| body(held)).inspect_err(|failure| log.failure(failure))
        })
    }

    /// Frees the session's memory. Of two threads that close it at once, one does.
    pub fn close(&self) -> Result<(), Failure> {
        let closed = || Failure::new(OCELLI_ERR_BAD_HANDLE, "the session was closed meanwhile");
        let held = self.hold(|held| held.take().ok_or_else(closed))?;
        guard::fallible(|| {
            drop(held);
            Ok(())
        })
    }
}

/// A number that tells the threads that live now apart.
fn this_thread() -> usize {
    thread_local! {
        static HERE: Cell<u8> = const { Cell::new(0) };
    }
    HERE.with(|here| std::ptr::from_ref(here).addr())
}
