//! Which processors compute threads may run on. A thread that is started inherits the set of the one that starts it, so
//! the caller's is narrowed while an engine starts its threads, and put back.

use crate::status::{Failure, OCELLI_ERR_BAD_PARAMETER};

/// Whether this system can.
pub(crate) const OFFERED: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Runs `start` with the calling thread kept to the processors whose bits are set; 0 leaves it as it is.
pub(crate) fn within<T>(cpus: u64, start: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    if cpus == 0 {
        return start();
    }
    let error = |what: &str| {
        let text = format!("cpus is {cpus:#x}: the system {what} ({})", std::io::Error::last_os_error());
        Failure::new(OCELLI_ERR_BAD_PARAMETER, text)
    };
    let before = system::get().ok_or_else(|| error("does not tell the present processors"))?;
    if !system::set(&system::only(cpus)) {
        return Err(error("offers none of these"));
    }
    let back = Back(before);
    let result = start();
    drop(back);
    result
}

/// Puts the set back, also where `start` panics.
struct Back(system::Set);

impl Drop for Back {
    fn drop(&mut self) {
        // What the thread had a moment ago it can have again.
        system::set(&self.0);
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[allow(unsafe_code)] // calls the C library
mod system {
    /// A bit a processor, as many as any kernel of today is built for.
    pub type Set = [u64; 128];

    unsafe extern "C" {
        fn sched_getaffinity(pid: i32, size: usize, mask: *mut u64) -> i32;
        fn sched_setaffinity(pid: i32, size: usize, mask: *const u64) -> i32;
    }

    pub fn only(cpus: u64) -> Set {
        let mut set = [0; 128];
        // The C library's sets are arrays of `unsigned long`, of which two make a u64 on 32-bit machines: the same bytes.
        set[0] = cpus;
        set
    }

    pub fn get() -> Option<Set> {
        let mut set = [0; 128];
        // SAFETY: 0 is this thread, and the set is as long as said.
        (unsafe { sched_getaffinity(0, size_of::<Set>(), set.as_mut_ptr()) } == 0).then_some(set)
    }

    pub fn set(set: &Set) -> bool {
        // SAFETY: as above.
        unsafe { sched_setaffinity(0, size_of::<Set>(), set.as_ptr()) == 0 }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod system {
    pub type Set = ();

    pub fn only(_: u64) -> Set {}

    pub fn get() -> Option<Set> {
        None
    }

    pub fn set(_: &Set) -> bool {
        false
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn threads_inherit_the_set_and_the_caller_keeps_its_own() {
        let before = system::get().unwrap();
        let first = before[0] & before[0].wrapping_neg();
        let inside = within(first, || Ok(std::thread::spawn(system::get).join().unwrap().unwrap()));
        assert_eq!(inside.unwrap(), system::only(first));
        assert_eq!(system::get().unwrap(), before);
        let none = !before[0] & 1 << 63;
        if none != 0 {
            assert_eq!(within(none, || Ok(())).unwrap_err().status, OCELLI_ERR_BAD_PARAMETER);
        }
        assert!(within(0, || Ok(())).is_ok());
    }
}
