//! Signals: the first asks the running work to stop, the second does not ask.
//!
//! They are waited for on a thread of its own, so it may lock and sleep. Work that leaves nothing behind is ended by that
//! thread if it has not stopped by itself soon after the first signal. The exit code is 128 and the signal's number, as
//! shells have it.
//!
//! The non-obvious thing: on Unix the signals are blocked before there is a second thread, which all later ones inherit, and
//! `sigwait` tells which it was. One that whoever started the program had it ignore, as `nohup` does, stays ignored.

use crate::failure::{Failure, INTERRUPTED};
use ocelli_engine::CancelHandle;
use std::process::exit;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a session has to stop and the answer so far to be flushed.
const GRACE: Duration = Duration::from_millis(180);

/// Signals this close are one: a supervisor signals the process and then its group.
const SAME: Duration = Duration::from_millis(200);

/// What a signal has to stop.
enum Work {
    /// Nothing that needs an end of its own.
    Idle,
    /// Calls of sessions.
    Sessions(Vec<CancelHandle>),
    /// A call of a session that is not all there is to the program.
    Turn(CancelHandle),
    /// Something that looks at [`Interrupt::raised`] and cleans up.
    Careful,
    /// A line that is edited: what takes the terminal back to how it was.
    Editing(Box<dyn Fn() + Send>),
}

struct State {
    raised: AtomicBool,
    /// The exit code of the last signal.
    code: AtomicU8,
    work: Mutex<Work>,
    first: Mutex<Option<Instant>>,
}

/// The one that is installed: signals are the process's.
static INSTALLED: OnceLock<Interrupt> = OnceLock::new();

/// Whether a signal came, and what it is to stop. Clones share both.
#[derive(Clone)]
pub struct Interrupt(Arc<State>);

impl Interrupt {
    /// Takes over SIGINT, SIGTERM and SIGHUP.
    pub fn install() -> Result<Self, Failure> {
        let state = Arc::new(State {
            raised: AtomicBool::new(false),
            code: AtomicU8::new(INTERRUPTED),
            work: Mutex::new(Work::Idle),
            first: Mutex::new(None),
        });
        let seen = Arc::clone(&state);
        watch(move |code| on_signal(&seen, code))
            .map_err(|e| Failure::new("signals", format_args!("cannot handle signals: {e}")))?;
        let installed = Self(state);
        let _ = INSTALLED.set(installed.clone());
        Ok(installed)
    }

    /// The exit code of a program that a signal ended.
    pub fn code() -> u8 {
        INSTALLED.get().map_or(INTERRUPTED, |installed| installed.0.code.load(Ordering::SeqCst))
    }

    /// The one that is installed, for what is called from everywhere.
    #[cfg(feature = "hub")]
    pub fn current() -> Result<Self, Failure> {
        INSTALLED.get().cloned().ok_or_else(|| Failure::new("signals", "signals are not handled yet"))
    }

    /// While something is fetched a signal asks it to stop and soon ends the program; then it does what it did before.
    #[cfg(feature = "hub")]
    pub fn while_fetching<T>(&self, fetch: impl FnOnce() -> T) -> T {
        let lock = || self.0.work.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *lock(), Work::Sessions(vec![CancelHandle::default()]));
        let done = fetch();
        *lock() = before;
        done
    }

    /// From now on a signal cancels a session's call.
    pub fn cancels(&self, handle: CancelHandle) {
        self.cancels_all(vec![handle]);
    }

    /// The same of several sessions.
    pub fn cancels_all(&self, handles: Vec<CancelHandle>) {
        self.set(Work::Sessions(handles));
    }

    /// From now on SIGINT cancels a session's call, and the program goes on; other signals end it.
    pub fn cancels_turn(&self, handle: CancelHandle) {
        self.set(Work::Turn(handle));
    }

    /// From now on a signal ends the program.
    pub fn leaves(&self) {
        self.set(Work::Idle);
    }

    /// From now on a signal ends the program, and leaves the terminal as it is now.
    pub fn leaves_terminal(&self) {
        self.set(Work::Editing(terminal_as_it_is()));
    }

    /// Whether a signal came; the next one is a first one again.
    pub fn take(&self) -> bool {
        *self.0.first.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.0.raised.swap(false, Ordering::SeqCst)
    }

    /// From now on a signal only sets [`Interrupt::raised`]; the caller stops by itself.
    pub fn is_polled(&self) {
        self.set(Work::Careful);
    }

    /// Whether a signal came.
    pub fn raised(&self) -> bool {
        self.0.raised.load(Ordering::SeqCst)
    }

    fn set(&self, work: Work) {
        *self.0.work.lock().unwrap_or_else(PoisonError::into_inner) = work;
    }
}

/// Has signals told by the exit code that they mean.
#[cfg(unix)]
fn watch(told: impl Fn(u8) + Send + 'static) -> Result<(), Box<dyn std::error::Error>> {
    use nix::sys::signal::{SigSet, Signal};
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        if signal != Signal::SIGHUP || !is_ignored(signal as u32) {
            signals.add(signal);
        }
    }
    signals.thread_block()?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        while let Ok(signal) = signals.wait() {
            told(u8::try_from(signal as i32).map_or(INTERRUPTED, |number| 128 + number));
        }
    })?;
    Ok(())
}

/// Whether a signal is ignored, where the system tells.
#[cfg(unix)]
fn is_ignored(signal: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Has signals told, which have no numbers here.
#[cfg(not(unix))]
fn watch(told: impl Fn(u8) + Send + 'static) -> Result<(), Box<dyn std::error::Error>> {
    Ok(ctrlc::set_handler(move || told(INTERRUPTED))?)
}

/// What takes a terminal back to how it is now.
#[cfg(unix)]
fn terminal_as_it_is() -> Box<dyn Fn() + Send> {
    use nix::sys::termios::{SetArg, tcgetattr, tcsetattr};
    use std::io::Write;
    const NO_BRACKETED_PASTE: &str = "\x1b[?2004l";
    let now = tcgetattr(std::io::stdin()).ok();
    Box::new(move || {
        if let Some(now) = &now {
            let _ = tcsetattr(std::io::stdin(), SetArg::TCSADRAIN, now);
            let _ = writeln!(std::io::stderr(), "{NO_BRACKETED_PASTE}");
        }
    })
}

/// Elsewhere the system does it.
#[cfg(not(unix))]
fn terminal_as_it_is() -> Box<dyn Fn() + Send> {
    Box::new(|| {})
}

fn on_signal(state: &State, code: u8) {
    state.code.store(code, Ordering::SeqCst);
    let first = *state.first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
    if state.raised.swap(true, Ordering::SeqCst) {
        if first.elapsed() > SAME {
            exit(code.into());
        }
        return;
    }
    match &*state.work.lock().unwrap_or_else(PoisonError::into_inner) {
        Work::Idle => exit(code.into()),
        Work::Careful => {}
        Work::Editing(restore) => {
            restore();
            exit(code.into())
        }
        Work::Turn(handle) if code == INTERRUPTED => handle.cancel(),
        Work::Turn(handle) => end(std::slice::from_ref(handle), code),
        Work::Sessions(handles) => end(handles, code),
    }
}

/// Asks sessions to stop, and ends the program soon.
fn end(handles: &[CancelHandle], code: u8) {
    handles.iter().for_each(CancelHandle::cancel);
    let _ = thread::Builder::new().spawn(move || {
        thread::sleep(GRACE);
        exit(code.into())
    });
}
