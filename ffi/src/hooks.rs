//! For tests/c only: a fault inside the library on request.

#![allow(unsafe_code)] // an exported name

use std::cell::Cell;

thread_local! {
    static ASKED: Cell<bool> = const { Cell::new(false) };
}

/// The calling thread's next call that can fail panics inside the boundary.
#[unsafe(no_mangle)]
pub extern "C" fn ocelli_test_panic() {
    ASKED.set(true);
}

pub(crate) fn panic_if_asked() {
    assert!(!ASKED.take(), "a panic on purpose");
}
