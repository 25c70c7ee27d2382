//! The compute threads: started once, kept, and given one job at a time.
//!
//! Work stealing per row costs too much at token time, so there is none: a job is a count of chunks and a function,
//! and whoever is free takes the next number. Idle workers spin for some microseconds, since the next fused block is
//! usually that near, then park. The calling thread works too, so one thread means no threads.

#![allow(unsafe_code)] // hands a borrowed closure to threads that outlive the call; `run` waits for all of them

use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, Thread};

/// Turns of the idle loop before a worker parks: about 30 microseconds of `pause` on the machines of today.
const SPINS: u32 = 2_000;

type Job = *const (dyn Fn(usize, usize) + Sync);

struct Shared {
    /// Goes up by one with each job; workers watch it.
    epoch: AtomicUsize,
    /// The job of the present epoch.
    job: UnsafeCell<Option<Job>>,
    chunks: AtomicUsize,
    next: AtomicUsize,
    /// Workers that have not finished the present job.
    busy: AtomicUsize,
    panicked: AtomicBool,
    quit: AtomicBool,
    parked: Vec<AtomicBool>,
}

// SAFETY: `job` is written only by `Pool::run`, which holds the lock and waits for every worker before it returns;
// workers read it only between the epoch's release and their own decrement of `busy`.
unsafe impl Sync for Shared {}
// SAFETY: as above; the pointer itself is only followed while `run` is on the caller's stack.
unsafe impl Send for Shared {}

impl Shared {
    fn work(&self, job: &(dyn Fn(usize, usize) + Sync), worker: usize) {
        let chunks = self.chunks.load(Ordering::Relaxed);
        loop {
            let chunk = self.next.fetch_add(1, Ordering::Relaxed);
            if chunk >= chunks {
                return;
            }
            job(chunk, worker);
        }
    }
}

/// A fixed set of threads, owned by the device that made it and joined when that is dropped.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<(Thread, Option<JoinHandle<()>>)>,
    /// One job at a time: sessions that share the pool take turns, op by op.
    turn: Mutex<()>,
}

impl Pool {
    /// `threads` in all, the caller of [`Pool::run`] among them. Fewer if the system refuses more.
    pub fn new(threads: usize) -> Self {
        let wanted = threads.saturating_sub(1);
        let shared = Arc::new(Shared {
            epoch: AtomicUsize::new(0),
            job: UnsafeCell::new(None),
            chunks: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
            quit: AtomicBool::new(false),
            parked: (0..wanted).map(|_| AtomicBool::new(false)).collect(),
        });
        let mut workers = Vec::new();
        for index in 0..wanted {
            let shared = Arc::clone(&shared);
            let spawned = std::thread::Builder::new()
                .name(format!("ocelli-{index}"))
                .stack_size(1 << 20)
                .spawn(move || worker(&shared, index));
            match spawned {
                Ok(handle) => workers.push((handle.thread().clone(), Some(handle))),
                Err(_) => break,
            }
        }
        Self { shared, workers, turn: Mutex::new(()) }
    }

    /// Threads that compute, the caller's among them.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `job(chunk, worker)` once for each chunk below `chunks`, on all threads, and returns when all are done.
    /// No two calls with the same worker number (below [`Pool::threads`]) overlap. A panic in `job` is raised here
    /// again once every thread has let go of it.
    pub fn run(&self, chunks: usize, job: &(dyn Fn(usize, usize) + Sync)) {
        if self.workers.is_empty() || chunks <= 1 {
            (0..chunks).for_each(|chunk| job(chunk, 0));
            return;
        }
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = &*self.shared;
        // SAFETY: only the lifetime is erased. All workers are done with the pointer before this function returns or
        // unwinds: both paths pass the wait below.
        let erased: Job = unsafe { std::mem::transmute::<*const (dyn Fn(usize, usize) + Sync + '_), Job>(job) };
        // SAFETY: no worker reads the cell now: `busy` was 0 at the end of the last run, and the epoch has not moved.
        unsafe { *shared.job.get() = Some(erased) };
        shared.chunks.store(chunks, Ordering::Relaxed);
        shared.next.store(0, Ordering::Relaxed);
        shared.busy.store(self.workers.len(), Ordering::Relaxed);
        shared.epoch.fetch_add(1, Ordering::SeqCst);
        for (index, (thread, _)) in self.workers.iter().enumerate() {
            if shared.parked[index].load(Ordering::SeqCst) {
                thread.unpark();
            }
        }
        let mine = catch_unwind(AssertUnwindSafe(|| shared.work(job, 0)));
        let mut spins = 0u32;
        while shared.busy.load(Ordering::Acquire) != 0 {
            spins += 1;
            if spins < SPINS { std::hint::spin_loop() } else { std::thread::yield_now() }
        }
        let theirs = shared.panicked.swap(false, Ordering::Relaxed);
        if let Err(payload) = mine {
            resume_unwind(payload);
        }
        assert!(!theirs, "a compute thread panicked");
    }
}

fn worker(shared: &Shared, index: usize) {
    let mut seen = 0;
    loop {
        let mut spins = 0;
        loop {
            let epoch = shared.epoch.load(Ordering::Acquire);
            if epoch != seen {
                seen = epoch;
                break;
            }
            spins += 1;
            if spins < SPINS {
                std::hint::spin_loop();
                continue;
            }
            // Say so, look once more, then sleep: `run` moves the epoch before it reads the flag, so one of the two
            // always sees the other.
            shared.parked[index].store(true, Ordering::SeqCst);
            while shared.epoch.load(Ordering::SeqCst) == seen {
                std::thread::park();
            }
            shared.parked[index].store(false, Ordering::SeqCst);
        }
        if shared.quit.load(Ordering::Acquire) {
            return;
        }
        // SAFETY: the epoch moved, so `run` has stored the job and waits until `busy` falls to 0, which needs us.
        let job = unsafe { *shared.job.get() };
        if let Some(job) = job {
            // SAFETY: as above; the closure is `Sync`.
            let job = unsafe { &*job };
            if catch_unwind(AssertUnwindSafe(|| shared.work(job, index + 1))).is_err() {
                shared.panicked.store(true, Ordering::Relaxed);
            }
        }
        shared.busy.fetch_sub(1, Ordering::Release);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.quit.store(true, Ordering::Release);
        self.shared.epoch.fetch_add(1, Ordering::SeqCst);
        for (thread, handle) in &mut self.workers {
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
            for chunks in [0, 1, 2, 7, 1000] {
                let hits: Vec<AtomicUsize> = (0..chunks).map(|_| AtomicUsize::new(0)).collect();
                pool.run(chunks, &|c, _| {
                    hits[c].fetch_add(1, Ordering::Relaxed);
                });
                assert!(hits.iter().all(|h| h.load(Ordering::Relaxed) == 1), "{threads} threads, {chunks} chunks");
            }
        }
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
