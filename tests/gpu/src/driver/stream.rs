//! Work in the order of a stream, done when somebody waits for it.

#![allow(unsafe_code)] // copies from and to memory of the caller's

use super::state::{State, code};
use crate::ptx::Kernel;
use crate::run::{self, Launch};
use std::collections::VecDeque;
use std::sync::Arc;

/// One thing to do.
#[derive(Debug, Clone)]
pub enum Work {
    /// A kernel, its blocks and threads, shared memory, parameters.
    Launch(Arc<Kernel>, [u32; 3], [u32; 3], usize, Vec<u8>),
    /// Bytes that were copied at the call.
    Put(u64, Vec<u8>),
    /// Bytes of pinned memory: to, from, how many.
    Fetch(u64, usize, usize),
    /// To the processor's memory: to, from, how many.
    Deliver(usize, u64, usize),
    /// Within the device: to, from, how many.
    Move(u64, u64, usize),
    /// A word, so many times.
    Fill(u64, u32, usize),
    /// Waits for so much of another stream.
    After(usize, u64),
}

/// A stream.
#[derive(Debug, Default)]
pub struct Stream {
    /// What is to do.
    pub queue: VecDeque<Work>,
    /// Things ever put in, and done.
    pub put: u64,
    pub done: u64,
    /// What is recorded instead of being put in.
    pub capture: Option<Vec<Work>>,
    /// The recording was spoilt.
    pub spoilt: bool,
}

impl State {
    /// Puts work into a stream, or into its recording.
    pub fn put(&mut self, stream: usize, work: Work) -> Result<(), i32> {
        let at = self.streams.get_mut(&stream).ok_or(code::INVALID_HANDLE)?;
        match &mut at.capture {
            Some(recorded) => recorded.push(work),
            None => {
                at.queue.push_back(work);
                at.put += 1;
            }
        }
        Ok(())
    }

    /// Spoils recordings under way, where a call is not allowed beside one.
    pub fn not_in_capture(&mut self) -> Result<(), i32> {
        let mut spoilt = false;
        for stream in self.streams.values_mut().filter(|s| s.capture.is_some()) {
            (stream.spoilt, spoilt) = (true, true);
        }
        if spoilt { Err(code::CAPTURE_UNSUPPORTED) } else { Ok(()) }
    }

    /// Does a stream's work, up to so much of it.
    pub fn finish(&mut self, stream: usize, until: u64) -> Result<(), i32> {
        loop {
            let at = self.streams.get_mut(&stream).ok_or(code::INVALID_HANDLE)?;
            if at.done >= until {
                return Ok(());
            }
            let Some(work) = at.queue.pop_front() else { return Ok(()) };
            at.done += 1;
            self.work(work)?;
        }
    }

    /// Does all work of all streams.
    pub fn finish_all(&mut self) -> Result<(), i32> {
        let all: Vec<usize> = self.streams.keys().copied().collect();
        all.into_iter().try_for_each(|stream| self.finish(stream, u64::MAX))
    }

    fn work(&mut self, work: Work) -> Result<(), i32> {
        let done = match work {
            Work::After(stream, until) if self.streams.contains_key(&stream) => return self.finish(stream, until),
            Work::After(..) => return Ok(()),
            Work::Launch(..) if self.settings.skip => return Ok(()),
            Work::Launch(kernel, grid, block, dynamic, parameters) => {
                let launch = Launch { grid, block, dynamic, parameters: &parameters };
                run::launch(&kernel, &mut self.memory, &launch).map_err(|fault| fault.to_string()).map(|counts| {
                    self.counts.instructions += counts.instructions;
                    self.counts.load_sectors += counts.load_sectors;
                    self.counts.store_sectors += counts.store_sectors;
                    self.counts.bank_conflicts += counts.bank_conflicts;
                    self.counts.mma += counts.mma;
                    self.counts.dp4a += counts.dp4a;
                })
            }
            Work::Put(to, data) => self.memory.write(to, &data).map_err(|e| e.to_string()),
            Work::Fetch(to, from, bytes) => {
                // SAFETY: the caller keeps what it copies from until the copy is done, and it was pinned at the call.
                let data = unsafe { std::slice::from_raw_parts(from as *const u8, bytes) };
                self.memory.write(to, data).map_err(|e| e.to_string())
            }
            Work::Deliver(to, from, bytes) => {
                let mut data = vec![0; bytes];
                self.memory.read(from, &mut data).map_err(|e| e.to_string()).map(|()| {
                    // SAFETY: the caller keeps what it copies to until the copy is done.
                    unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), to as *mut u8, bytes) };
                })
            }
            Work::Move(to, from, bytes) => {
                let mut data = vec![0; bytes];
                let read = self.memory.read(from, &mut data);
                read.and_then(|()| self.memory.write(to, &data)).map_err(|e| e.to_string())
            }
            Work::Fill(to, value, count) => {
                self.memory.write(to, &value.to_le_bytes().repeat(count)).map_err(|e| e.to_string())
            }
        };
        done.map_err(|reason| {
            self.log(&format!("fault: {reason}"));
            code::ILLEGAL_ADDRESS
        })
    }
}
