//! Which processors compute threads may run on. A thread that is started inherits the set of the one that starts it, so
//! the caller's is narrowed while an engine starts its threads, and put back.

use crate::status::{Failure, OCELLI_ERR_BAD_PARAMETER};

/// Whether this system can.
pub(crate) const OFFERED: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Words of a set, a bit a processor: as many as any kernel of today is built for.
const WORDS: usize = 128;

/// The processors that a caller asks for, by one number or by several; `None` is all.
pub(crate) fn wanted(cpus: u64, set: &[u64]) -> Result<Option<[u64; WORDS]>, Failure> {
    let bad = |text: String| Err(Failure::new(OCELLI_ERR_BAD_PARAMETER, text));
    if cpus != 0 && !set.is_empty() {
        return bad("cpus and cpu_set are both given: one of them".to_owned());
    }
    if set.len() > WORDS {
        return bad(format!("cpu_set_words is {}: at most {WORDS}", set.len()));
    }
    let mut all = [0; WORDS];
    all[..set.len()].copy_from_slice(set);
    all[0] |= cpus;
    match (cpus, set) {
        (0, []) => Ok(None),
        _ if all.iter().all(|word| *word == 0) => bad("cpu_set names no processor".to_owned()),
        _ => Ok(Some(all)),
    }
}

/// Runs `start` with the calling thread kept to the processors whose bits are set; `None` leaves it as it is.
pub(crate) fn within<T>(
    wanted: Option<[u64; WORDS]>,
    start: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let Some(wanted) = wanted else { return start() };
    let error = |what: &str| {
        let cpus = wanted.iter().rev().skip_while(|word| **word == 0).map(|word| format!("{word:x}"));
        let text = format!(
            "the processors asked for are 0x{}: the system {what} ({})",
            cpus.collect::<Vec<_>>().join("_"),
            std::io::Error::last_os_error()
        );
        Failure::new(OCELLI_ERR_BAD_PARAMETER, text)
    };
    let before = system::get().ok_or_else(|| error("does not tell the present processors"))?;
    if !system::set(&system::only(&wanted)) {
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
    pub type Set = [u64; super::WORDS];

    unsafe extern "C" {
        fn sched_getaffinity(pid: i32, size: usize, mask: *mut u64) -> i32;
        fn sched_setaffinity(pid: i32, size: usize, mask: *const u64) -> i32;
    }

    /// The C library's sets are arrays of `unsigned long`, of which two make a u64 on 32-bit machines: the same bytes.
    pub fn only(wanted: &Set) -> Set {
        *wanted
    }

    pub fn get() -> Option<Set> {
        let mut set = [0; super::WORDS];
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

    pub fn only(_: &[u64; super::WORDS]) -> Set {}

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
        let at = before.iter().position(|word| *word != 0).unwrap();
        let mut first = [0; WORDS];
        first[at] = before[at] & before[at].wrapping_neg();
        let inside = within(Some(first), || Ok(std::thread::spawn(system::get).join().unwrap().unwrap()));
        assert_eq!(inside.unwrap(), first);
        assert_eq!(system::get().unwrap(), before);
        let none = !before[0] & 1 << 63;
        if none != 0 {
            let wanted = wanted(none, &[]).unwrap();
            assert_eq!(within(wanted, || Ok(())).unwrap_err().status, OCELLI_ERR_BAD_PARAMETER);
        }
        assert!(within(None, || Ok(())).is_ok());
    }

    #[test]
    fn a_set_is_one_number_or_several() {
        assert_eq!(wanted(0, &[]).unwrap(), None);
        assert_eq!(wanted(5, &[]).unwrap().unwrap()[..2], [5, 0]);
        assert_eq!(wanted(0, &[0, 2]).unwrap().unwrap()[..3], [0, 2, 0], "the 66th processor");
        for (cpus, set) in [(1, &[1][..]), (0, &[0, 0]), (0, &[1; WORDS + 1])] {
            assert_eq!(wanted(cpus, set).unwrap_err().status, OCELLI_ERR_BAD_PARAMETER, "{cpus} {set:?}");
        }
    }
}
