//! Stopping work from another thread. The flag is looked at before every op, so a cancel lands inside the tower and
//! inside prefill, at most one fused block late.

use crate::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Asks a session to stop; clones share the flag. Setting an atomic is all it does, so a signal handler may call it.
#[derive(Debug, Clone, Default)]
pub struct CancelHandle(Arc<AtomicBool>);

impl CancelHandle {
    /// Asks the running call to return [`Error::Cancelled`], or the next one where none runs: a cancel is never lost
    /// between the decision to call and the call. The call that ends, however it ends, uses it up;
    /// one that was refused for its arguments has not begun.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Takes back a request that nobody has heeded yet.
    pub fn reset(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.0.load(Ordering::Relaxed) { Err(Error::Cancelled) } else { Ok(()) }
    }
}
