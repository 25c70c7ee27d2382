//! The compute threads: started once, kept, and given one job at a time. Who only asks for a plan starts none.
//!
//! Work stealing per row costs too much at token time: a job is a count of chunks and a function. Every thread has its
//! own stretch of the chunks, so that it reads its weights in the order they lie in, and helps with what is left of the
//! others' when it is done. It takes several chunks at once while there are many, and fewer towards the end, where
//! whoever is done waits for the last. Idle workers spin for some microseconds, since the next fused block is usually that near,
//! then park. The calling thread works too, so one thread means no threads.
//!
//! The non-obvious thing: a job waits only for workers that began it. One that the system has not woken yet, or gives no
//! core to, finds the gate closed and has missed nothing.

#![allow(unsafe_code)] // hands a borrowed closure to threads that outlive the call; `run` waits for all who took it

use std::cell::UnsafeCell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{JoinHandle, Thread};

use crossbeam_utils::CachePadded;

/// Turns of the idle loop before a worker parks: about 30 microseconds of `pause` on the machines of today. (crossbeam's
/// `Backoff` gives the core away after 127 of them, and the next fused block is often later than that.)
const SPINS: u32 = 2_000;

/// How often a worker gives its core away before it parks, where there are more threads than cores: whoever spins then
/// keeps one from working.
const YIELDS: u32 = 100;

/// Of [`Shared::gate`]: workers that have taken the job are counted below this bit, which closes the job; the number of
/// the job is above it.
const CLOSED: u64 = 1 << 16;

type Job = *const (dyn Fn(Range<usize>, usize) + Sync);

/// One thread's stretch of the chunks.
#[derive(Default)]
struct Stretch {
    next: AtomicUsize,
    end: AtomicUsize,
}

impl Stretch {
    /// Chunks not begun yet: half of what is left, `most` at most.
    fn take(&self, most: usize) -> Option<Range<usize>> {
        let end = self.end.load(Ordering::Relaxed);
        let count = |next: usize| (end.saturating_sub(next) / 2).clamp(1, most);
        let next = self.next.load(Ordering::Relaxed);
        if next >= end {
            return None;
        }
        // Another thread may have taken some in between; then this is a little more than half, and still nobody else's.
        let start = self.next.fetch_add(count(next), Ordering::Relaxed);
        (start < end).then(|| start..(start + count(next)).min(end))
    }
}

struct Shared {
    /// The present job: its number, whether it is closed, how many workers took it.
    gate: AtomicU64,
    /// Workers that took the present job and are done with it.
    done: AtomicUsize,
    /// The present job.
    job: UnsafeCell<Option<Job>>,
    /// Chunks not begun yet, for the caller and each worker, each on a cache line of its own.
    stretches: Vec<CachePadded<Stretch>>,
    /// Most chunks of the present job that are taken at once.
    most: AtomicUsize,
    panicked: AtomicBool,
    quit: AtomicBool,
    parked: Vec<AtomicBool>,
    /// Workers that are running.
    started: AtomicUsize,
    /// Whether there are more threads than cores.
    crowded: bool,
}

// SAFETY: `job` is written only by `Pool::run`, which holds the lock and waits for every worker that took the last job
// before it returns; workers read it only between taking a job and their own increment of `done`.
unsafe impl Sync for Shared {}
// SAFETY: as above; the pointer itself is only followed while `run` is on the caller's stack.
unsafe impl Send for Shared {}

impl Shared {
    fn work(&self, job: &(dyn Fn(Range<usize>, usize) + Sync), worker: usize) {
        let (threads, most) = (self.stretches.len(), self.most.load(Ordering::Relaxed));
        for other in 0..threads {
            let stretch = &self.stretches[(worker + other) % threads];
            while let Some(chunks) = stretch.take(most) {
                job(chunks, worker);
            }
        }
    }

    /// Takes the job numbered `epoch`, unless it is closed.
    fn take(&self, epoch: u64) -> bool {
        let mut gate = self.gate.load(Ordering::Acquire);
        while gate / (2 * CLOSED) == epoch && gate & CLOSED == 0 {
            match self.gate.compare_exchange_weak(gate, gate + 1, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return true,
                Err(now) => gate = now,
            }
        }
        false
    }

    /// Passes a moment of waiting, the `turn`th; false when it is time to park.
    fn wait(&self, turn: u32) -> bool {
        if self.crowded {
            std::thread::yield_now();
            return turn < YIELDS;
        }
        std::hint::spin_loop();
        turn < SPINS
    }

    fn epoch(&self, order: Ordering) -> u64 {
        self.gate.load(order) / (2 * CLOSED)
    }
}

type Worker = (Thread, Option<JoinHandle<()>>);

/// A fixed set of threads, owned by the device that made it and joined when that is dropped.
pub struct Pool {
    shared: Arc<Shared>,
    wanted: usize,
    workers: OnceLock<Vec<Worker>>,
    /// One job at a time: sessions that share the pool take turns, op by op.
    turn: Mutex<()>,
}

impl Pool {
    /// `threads` in all, the caller of [`Pool::run`] among them. Fewer if the system refuses more.
    pub fn new(threads: usize) -> Self {
        let pool = Self::unstarted(threads);
        pool.workers();
        pool
    }

    /// As [`Pool::new`], but threads start with the first job.
    pub fn unstarted(threads: usize) -> Self {
        let wanted = threads.saturating_sub(1);
        let shared = Arc::new(Shared {
            gate: AtomicU64::new(CLOSED),
            done: AtomicUsize::new(0),
            job: UnsafeCell::new(None),
            stretches: (0..=wanted).map(|_| CachePadded::default()).collect(),
            most: AtomicUsize::new(1),
            panicked: AtomicBool::new(false),
            quit: AtomicBool::new(false),
            parked: (0..wanted).map(|_| AtomicBool::new(false)).collect(),
            started: AtomicUsize::new(0),
            crowded: std::thread::available_parallelism().is_ok_and(|cores| threads > cores.get()),
        });
        Self { shared, wanted, workers: OnceLock::new(), turn: Mutex::new(()) }
    }

    fn workers(&self) -> &[Worker] {
        self.workers.get_or_init(|| start(&self.shared, self.wanted))
    }

    /// Threads that compute, the caller's among them.
    pub fn threads(&self) -> usize {
        self.workers.get().map_or(self.wanted, Vec::len) + 1
    }

    /// Calls `job(chunk, worker)` once for each chunk below `chunks`, on all threads, and returns when all are done.
    /// No two calls with the same worker number (below [`Pool::threads`]) overlap. A panic in `job` is raised here
    /// again once every thread has let go of it.
    pub fn run(&self, chunks: usize, job: &(dyn Fn(usize, usize) + Sync)) {
        self.run_several(chunks, 1, &|several, worker| several.for_each(|chunk| job(chunk, worker)));
    }

    /// As [`Pool::run`], with up to `most` chunks in a row for a call.
    pub fn run_several(&self, chunks: usize, most: usize, job: &(dyn Fn(Range<usize>, usize) + Sync)) {
        if chunks == 0 {
            return;
        }
        let workers = self.workers();
        if workers.is_empty() || chunks == 1 {
            (0..chunks).step_by(most).for_each(|chunk| job(chunk..(chunk + most).min(chunks), 0));
            return;
        }
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = &*self.shared;
        // SAFETY: only the lifetime is erased. All workers are done with the pointer before this function returns or
        // unwinds: both paths pass the wait below.
        let erased: Job = unsafe { std::mem::transmute::<*const (dyn Fn(Range<usize>, usize) + Sync + '_), Job>(job) };
        // SAFETY: no worker reads the cell now: the last job is closed, and all who took it were waited for.
        unsafe { *shared.job.get() = Some(erased) };
        let threads = workers.len() + 1;
        for (i, stretch) in shared.stretches.iter().enumerate() {
            // Stretches of threads that could not be started stay empty.
            let bound = |i: usize| chunks * i.min(threads) / threads;
            stretch.next.store(bound(i), Ordering::Relaxed);
            stretch.end.store(bound(i + 1), Ordering::Relaxed);
        }
        shared.most.store(most, Ordering::Relaxed);
        shared.done.store(0, Ordering::Relaxed);
        let epoch = shared.epoch(Ordering::Relaxed) + 1;
        shared.gate.store(epoch * 2 * CLOSED, Ordering::SeqCst);
        for (index, (thread, _)) in workers.iter().enumerate() {
            if shared.parked[index].load(Ordering::SeqCst) {
                thread.unpark();
            }
        }
        let mine = catch_unwind(AssertUnwindSafe(|| shared.work(job, 0)));
        #[allow(clippy::cast_possible_truncation)] // below 2^16
        let taken = (shared.gate.fetch_or(CLOSED, Ordering::AcqRel) % CLOSED) as usize;
        let mut spins = 0u32;
        while shared.done.load(Ordering::Acquire) != taken {
            spins += 1;
            if !shared.wait(spins) {
                std::thread::yield_now();
            }
        }
        let theirs = shared.panicked.swap(false, Ordering::Relaxed);
        if let Err(payload) = mine {
            resume_unwind(payload);
        }
        assert!(!theirs, "a compute thread panicked");
    }
}

/// Starts as many of `wanted` threads as the system gives.
fn start(shared: &Arc<Shared>, wanted: usize) -> Vec<Worker> {
    let mut workers = Vec::new();
    for index in 0..wanted {
        let (shared, caller) = (Arc::clone(shared), std::thread::current());
        let spawned =
            std::thread::Builder::new().name(format!("ocelli-{index}")).stack_size(1 << 20).spawn(move || {
                shared.started.fetch_add(1, Ordering::Release);
                caller.unpark();
                drop(caller);
                worker(&shared, index);
            });
        match spawned {
            Ok(handle) => workers.push((handle.thread().clone(), Some(handle))),
            Err(_) => break,
        }
    }
    // What a thread allocates when it starts is not to fall between two tokens.
    while shared.started.load(Ordering::Acquire) < workers.len() {
        std::thread::park();
    }
    workers
}

fn worker(shared: &Shared, index: usize) {
    let mut seen = 0;
    loop {
        let mut spins = 0;
        loop {
            let epoch = shared.epoch(Ordering::Acquire);
            if epoch != seen {
                seen = epoch;
                break;
            }
            spins += 1;
            if shared.wait(spins) {
                continue;
            }
            // Say so, look once more, then sleep: `run` opens the gate before it reads the flag, so one of the two
            // always sees the other.
            shared.parked[index].store(true, Ordering::SeqCst);
            while shared.epoch(Ordering::SeqCst) == seen {
                std::thread::park();
            }
            shared.parked[index].store(false, Ordering::SeqCst);
        }
        if shared.quit.load(Ordering::Acquire) {
            return;
        }
        if !shared.take(seen) {
            continue;
        }
        // SAFETY: the job was open when it was taken, so `run` has stored it and waits for `done`, which needs us.
        let job = unsafe { *shared.job.get() };
        if let Some(job) = job {
            // SAFETY: as above; the closure is `Sync`.
            let job = unsafe { &*job };
            if catch_unwind(AssertUnwindSafe(|| shared.work(job, index + 1))).is_err() {
                shared.panicked.store(true, Ordering::Relaxed);
            }
        }
        shared.done.fetch_add(1, Ordering::Release);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.quit.store(true, Ordering::Release);
        self.shared.gate.fetch_add(2 * CLOSED, Ordering::SeqCst);
        for (thread, handle) in self.workers.get_mut().into_iter().flatten() {
            thread.unpark();
            if let Some(handle) = handle.take() {
                // A worker catches its panics, so there is nothing to learn from the result.
                let _ = handle.join();
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_chunk_runs_once() {
        for threads in [1, 2, 4] {
            let pool = Pool::new(threads);
            for (chunks, most) in [0, 1, 2, 7, 1000].into_iter().flat_map(|chunks| [1, 3, 8].map(|most| (chunks, most)))
            {
                let hits: Vec<AtomicUsize> = (0..chunks).map(|_| AtomicUsize::new(0)).collect();
                pool.run_several(chunks, most, &|several, _| {
                    assert!(!several.is_empty() && several.len() <= most);
                    for c in several {
                        hits[c].fetch_add(1, Ordering::Relaxed);
                    }
                });
                let once = hits.iter().all(|h| h.load(Ordering::Relaxed) == 1);
                assert!(once, "{threads} threads, {chunks} chunks, {most} at once");
            }
        }
    }

    #[test]
    fn threads_may_start_with_the_first_job() {
        let pool = Pool::unstarted(3);
        assert!(pool.threads() == 3 && pool.workers.get().is_none());
        let sum = AtomicUsize::new(0);
        pool.run(100, &|chunk, _| _ = sum.fetch_add(chunk, Ordering::Relaxed));
        assert_eq!(sum.into_inner(), 4950);
        assert!(pool.workers.get().is_some_and(|workers| workers.len() == 2));
    }

    #[test]
    fn wakes_after_parking() {
        let pool = Pool::new(3);
        for _ in 0..20 {
            std::thread::sleep(std::time::Duration::from_millis(2));
            let sum = AtomicUsize::new(0);
            pool.run(64, &|c, _| {
                sum.fetch_add(c, Ordering::Relaxed);
            });
            assert_eq!(sum.load(Ordering::Relaxed), 2016);
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_goes_on() {
        let pool = Pool::new(2);
        let caught = catch_unwind(AssertUnwindSafe(|| pool.run(100, &|c, _| assert!(c != 37))));
        assert!(caught.is_err());
        let count = AtomicUsize::new(0);
        pool.run(10, &|_, _| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(count.load(Ordering::Relaxed), 10);
    }
}
