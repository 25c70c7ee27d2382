//! The thread's last error, as in libgit2: a status and a message, kept until the thread's next call that can fail.
//!
//! A C++ destructor or a thread's exit handler may call in after Rust's thread-locals are gone: then nothing is kept
//! and the last error reads as none, instead of a panic.

use crate::status::{Failure, OCELLI_OK};
use std::cell::RefCell;

/// Size of a buffer that holds any text of ocelli_last_error(), its NUL included.
pub const OCELLI_LAST_ERROR_CAPACITY: usize = 8192;

thread_local! {
    static LAST: RefCell<(i32, String)> = const { RefCell::new((OCELLI_OK, String::new())) };
}

/// The status and the message of an outcome.
pub(crate) fn told(outcome: &Result<(), Failure>) -> (i32, String) {
    match outcome {
        Ok(()) => (OCELLI_OK, String::new()),
        Err(failure) => (failure.status, printable(&failure.text)),
    }
}

/// Keeps the outcome of a call and gives its status.
pub(crate) fn record(outcome: &Result<(), Failure>) -> i32 {
    let (status, text) = told(outcome);
    let _ = LAST.try_with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            *last = (status, text);
        }
    });
    status
}

/// The last status.
pub(crate) fn status() -> i32 {
    LAST.try_with(|last| last.try_borrow().map_or(OCELLI_OK, |last| last.0)).unwrap_or(OCELLI_OK)
}

/// A copy of the last message.
pub(crate) fn text() -> String {
    LAST.try_with(|last| last.try_borrow().map_or_else(|_| String::new(), |last| last.1.clone())).unwrap_or_default()
}

/// Without NULs, at which C would stop reading, and cut to the promised capacity: names in a damaged file can be
/// megabytes.
fn printable(text: &str) -> String {
    let mut text = text.replace('\0', "\\0");
    text.truncate(text.floor_char_boundary(OCELLI_LAST_ERROR_CAPACITY - 1));
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::status::OCELLI_ERR_MODEL;

    #[test]
    fn success_clears() {
        assert_eq!(record(&Err(Failure::new(OCELLI_ERR_MODEL, "bad"))), OCELLI_ERR_MODEL);
        assert_eq!((status(), text().as_str()), (OCELLI_ERR_MODEL, "bad"));
        assert_eq!(record(&Ok(())), OCELLI_OK);
        assert_eq!((status(), text().as_str()), (OCELLI_OK, ""));
    }

    #[test]
    fn hostile_messages_are_cut_and_keep_no_nul() {
        record(&Err(Failure::new(OCELLI_ERR_MODEL, "a\0b")));
        assert_eq!(text(), "a\\0b");
        record(&Err(Failure::new(OCELLI_ERR_MODEL, "é".repeat(OCELLI_LAST_ERROR_CAPACITY))));
        // 8191 bytes are left for text, and é takes two.
        assert_eq!(text(), "é".repeat(OCELLI_LAST_ERROR_CAPACITY / 2 - 1));
    }

    #[test]
    fn threads_have_their_own() {
        record(&Err(Failure::new(OCELLI_ERR_MODEL, "mine")));
        std::thread::spawn(|| assert_eq!((status(), text().as_str()), (OCELLI_OK, ""))).join().unwrap();
        assert_eq!(text(), "mine");
    }
}
