//! Handles: what C holds instead of pointers.
//!
//! A handle has a pointer's type and is none: it is a number made of a kind, the place in a table, and how often that
//! place was used before. Nobody follows it, so one that was closed, is of another kind or was made up is found out and
//! refused. A place whose uses are used up is not used again.
//!
//! The table is one of the two things that are global here. It never shrinks and is read without a lock where that
//! matters: [`cancel`] may be called from a signal handler, so it must neither wait nor allocate. It works on a flag that
//! belongs to the place, not to the session, and a place that somebody is cancelling is not given out anew.

use crate::cells::{ImageCell, ModelCell, SessionCell};
use crate::status::{Failure, OCELLI_ERR_BAD_HANDLE, OCELLI_ERR_MEMORY, OCELLI_ERR_NULL_PARAMETER};
use ocelli_engine::CancelHandle;
use std::ffi::c_void;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// What a handle stands for.
#[derive(Clone)]
pub(crate) enum Object {
    Model(Arc<ModelCell>),
    Session(Arc<SessionCell>),
    Image(Arc<ImageCell>),
}

impl Object {
    fn kind(&self) -> usize {
        match self {
            Self::Model(_) => 1,
            Self::Session(_) => 2,
            Self::Image(_) => 3,
        }
    }

    fn name(&self) -> &'static str {
        ["model", "session", "image"][self.kind() - 1]
    }
}

/// Low bits of a handle that tell its kind; 0 is none, so an address of anything aligned is no handle.
const KIND_BITS: u32 = 2;
const PLACE_BITS: u32 = 16;
/// Places that come into being together.
const PAGE: usize = 64;
/// Handles that can be open at once.
const MOST: usize = 1 << PLACE_BITS;
const LAST_USE: usize = usize::MAX >> (KIND_BITS + PLACE_BITS);

#[derive(Default)]
struct Place {
    /// The handle it has been given out as; 0 while it is free.
    handle: AtomicUsize,
    uses: AtomicUsize,
    /// Threads that are about to set `cancel`.
    cancelling: AtomicU32,
    cancel: CancelHandle,
    object: Mutex<Option<Object>>,
}

static PAGES: [OnceLock<Box<[Place]>>; MOST / PAGE] = [const { OnceLock::new() }; MOST / PAGE];

/// Places that were given back, and how many there ever were.
static FREE: Mutex<(Vec<usize>, usize)> = Mutex::new((Vec::new(), 0));

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The place that a handle speaks of, whether or not it has it still.
fn place(handle: usize) -> Option<&'static Place> {
    let index = handle >> KIND_BITS & (MOST - 1);
    PAGES[index / PAGE].get().map(|page| &page[index % PAGE])
}

/// A place for one more handle.
fn reserve() -> Result<usize, Failure> {
    let mut free = lock(&FREE);
    let usable = |&index: &usize| place(index << KIND_BITS).is_some_and(|p| p.cancelling.load(Ordering::SeqCst) == 0);
    if let Some(at) = free.0.iter().rposition(usable) {
        return Ok(free.0.swap_remove(at));
    }
    let index = free.1;
    if index == MOST {
        return Err(Failure::new(OCELLI_ERR_MEMORY, format!("{MOST} handles are open, as many as there can be")));
    }
    PAGES[index / PAGE].get_or_init(|| (0..PAGE).map(|_| Place::default()).collect());
    free.1 += 1;
    Ok(index)
}

/// A handle to an object. `make` is given the flag that [`cancel`] will set.
pub(crate) fn open(make: impl FnOnce(CancelHandle) -> Object) -> Result<*mut c_void, Failure> {
    let index = reserve()?;
    let Some(place) = place(index << KIND_BITS) else {
        return Err(Failure::new(OCELLI_ERR_MEMORY, "no place for a handle"));
    };
    let uses = place.uses.fetch_add(1, Ordering::Relaxed) + 1;
    let flag = place.cancel.clone();
    flag.reset();
    let object = make(flag);
    let handle = uses << (KIND_BITS + PLACE_BITS) | index << KIND_BITS | object.kind();
    *lock(&place.object) = Some(object);
    place.handle.store(handle, Ordering::SeqCst);
    Ok(std::ptr::without_provenance_mut(handle))
}

fn bad(text: String) -> Failure {
    Failure::new(OCELLI_ERR_BAD_HANDLE, text)
}

/// The object of a handle.
pub(crate) fn find(handle: *const c_void) -> Result<Object, Failure> {
    if handle.is_null() {
        return Err(Failure::new(OCELLI_ERR_NULL_PARAMETER, "the handle is NULL"));
    }
    let number = handle.addr();
    let closed = || bad(format!("{number:#x} is no open handle"));
    let place = place(number).ok_or_else(closed)?;
    let object = lock(&place.object);
    if place.handle.load(Ordering::SeqCst) != number {
        return Err(closed());
    }
    object.clone().ok_or_else(closed)
}

/// As [`find`], for a handle of a kind.
pub(crate) fn model(handle: *const c_void) -> Result<Arc<ModelCell>, Failure> {
    match find(handle)? {
        Object::Model(model) => Ok(model),
        other => Err(bad(format!("the handle of a model is that of a {}", other.name()))),
    }
}

/// As [`find`], for a handle of a kind.
pub(crate) fn session(handle: *const c_void) -> Result<Arc<SessionCell>, Failure> {
    match find(handle)? {
        Object::Session(session) => Ok(session),
        other => Err(bad(format!("the handle of a session is that of a {}", other.name()))),
    }
}

/// As [`find`], for a handle of a kind.
pub(crate) fn image(handle: *const c_void) -> Result<Arc<ImageCell>, Failure> {
    match find(handle)? {
        Object::Image(image) => Ok(image),
        other => Err(bad(format!("the handle of an image is that of a {}", other.name()))),
    }
}

/// Makes a handle one that is closed; its object lives as long as somebody is using it.
pub(crate) fn close(handle: *const c_void) -> Result<(), Failure> {
    let number = handle.addr();
    let closed = || bad(format!("{number:#x} was closed meanwhile"));
    let place = place(number).ok_or_else(closed)?;
    let mut object = lock(&place.object);
    if place.handle.compare_exchange(number, 0, Ordering::SeqCst, Ordering::SeqCst).is_err() {
        return Err(closed());
    }
    let gone = object.take();
    drop(object);
    if place.uses.load(Ordering::Relaxed) < LAST_USE {
        lock(&FREE).0.push(number >> KIND_BITS & (MOST - 1));
    }
    drop(gone);
    Ok(())
}

/// Sets the flag of a session. Atomics only: see the head of this file.
pub(crate) fn cancel(handle: *const c_void) -> Result<(), i32> {
    if handle.is_null() {
        return Err(OCELLI_ERR_NULL_PARAMETER);
    }
    let number = handle.addr();
    let place = place(number).ok_or(OCELLI_ERR_BAD_HANDLE)?;
    place.cancelling.fetch_add(1, Ordering::SeqCst);
    let is_it = place.handle.load(Ordering::SeqCst) == number && number & ((1 << KIND_BITS) - 1) == 2;
    if is_it {
        place.cancel.cancel();
    }
    place.cancelling.fetch_sub(1, Ordering::SeqCst);
    if is_it { Ok(()) } else { Err(OCELLI_ERR_BAD_HANDLE) }
}
