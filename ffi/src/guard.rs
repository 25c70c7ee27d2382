//! The panic boundary. Since Rust 1.81 a panic that reaches `extern "C"` aborts the process; here it becomes a status.
//!
//! Not caught, because nothing can: stack overflow, a panic while panicking, the allocator giving up.

use crate::last;
use crate::status::{Failure, OCELLI_ERR_PANIC};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    /// Whether this thread is inside a boundary.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    /// Where the panic came from; the payload that is caught does not say.
    static LOCATION: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs the body of a call and keeps its outcome as the thread's last error.
pub(crate) fn call(body: impl FnOnce() -> Result<(), Failure>) -> i32 {
    around(|| fallible(body))
}

/// As [`call`], for a call that runs its body by itself, in [`fallible`].
pub(crate) fn around(body: impl FnOnce() -> Result<(), Failure>) -> i32 {
    last::record(&catch(body).unwrap_or_else(Err))
}

/// The outcome of a body, a panic among them.
pub(crate) fn fallible(body: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    let body = || {
        #[cfg(feature = "test-hooks")]
        crate::hooks::panic_if_asked();
        body()
    };
    catch(body).unwrap_or_else(Err)
}

/// Runs a body that leaves the last error as it is; `on_panic` is what a panic gives.
pub(crate) fn quiet<T>(on_panic: T, body: impl FnOnce() -> T) -> T {
    catch(body).unwrap_or(on_panic)
}

// Unwind safety: nothing a body borrows outlives the call except the last error, which is replaced whole.
fn catch<T>(body: impl FnOnce() -> T) -> Result<T, Failure> {
    let _inside = Inside::enter();
    catch_unwind(AssertUnwindSafe(body)).map_err(|payload| {
        let location =
            LOCATION.try_with(|p| p.try_borrow_mut().map(|mut p| std::mem::take(&mut *p)).unwrap_or_default());
        let what = message(payload);
        let text = match location {
            Ok(at) if !at.is_empty() => format!("a fault in the library at {at}: {what}"),
            _ => format!("a fault in the library: {what}"),
        };
        Failure::new(OCELLI_ERR_PANIC, text)
    })
}

fn message(payload: Box<dyn Any + Send>) -> String {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        return (*text).to_owned();
    }
    payload.downcast::<String>().map_or_else(
        |other| {
            // Dropping a value of an unknown type could panic again, outside the boundary.
            std::mem::forget(other);
            "no message".to_owned()
        },
        |text| *text,
    )
}

/// Marks the thread while a boundary is open; boundaries may nest.
struct Inside(bool);

impl Inside {
    fn enter() -> Self {
        keep_quiet();
        Self(INSIDE.try_with(|inside| inside.replace(true)).unwrap_or(true))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = INSIDE.try_with(|inside| inside.set(self.0));
    }
}

/// The hook the crate's first page tells about.
fn keep_quiet() {
    static SET: Once = Once::new();
    // A thread that is panicking may not change hooks; the next call does it.
    if SET.is_completed() || std::thread::panicking() {
        return;
    }
    SET.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !INSIDE.try_with(Cell::get).unwrap_or(false) {
                return previous(info);
            }
            let location = info.location().map(ToString::to_string).unwrap_or_default();
            let _ = LOCATION.try_with(|p| p.try_borrow_mut().map(|mut p| *p = location));
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::OCELLI_OK;

    #[test]
    fn a_panic_becomes_a_status_with_its_place() {
        assert_eq!(call(|| panic!("the number is {}", 7)), OCELLI_ERR_PANIC);
        let text = last::text();
        assert!(text.contains("guard.rs:") && text.ends_with("the number is 7"), "{text}");
        assert_eq!(call(|| panic!("plain")), OCELLI_ERR_PANIC);
        assert!(last::text().ends_with(": plain"));
        assert_eq!(call(|| panic::panic_any(7)), OCELLI_ERR_PANIC);
        assert!(last::text().ends_with("no message"));
        assert_eq!(call(|| Ok(())), OCELLI_OK);
        assert_eq!(last::text(), "");
    }

    #[test]
    fn a_drop_that_panics_is_inside() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("drop");
            }
        }
        let bomb = Bomb;
        assert_eq!(
            call(move || {
                let _bomb = bomb;
                Ok(())
            }),
            OCELLI_ERR_PANIC
        );
    }

    #[test]
    fn quiet_calls_leave_the_last_error() {
        call(|| Err(Failure::new(OCELLI_ERR_PANIC, "first")));
        assert_eq!(quiet(5, || panic!("second")), 5);
        assert_eq!(last::text(), "first");
    }

    #[test]
    fn nested_boundaries_stay_quiet_outside_the_inner_one() {
        let outer = call(|| {
            assert_eq!(call(|| panic!("inner")), OCELLI_ERR_PANIC);
            assert!(INSIDE.get());
            panic!("outer")
        });
        assert_eq!(outer, OCELLI_ERR_PANIC);
        assert!(last::text().ends_with("outer"));
        assert!(!INSIDE.get());
    }
}
