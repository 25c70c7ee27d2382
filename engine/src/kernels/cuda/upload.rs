//! Weights on their way to a device: pieces of a mapped file pass through a ring of pinned buffers, so that the next one is filled
//! while the last ones are copied. A buffer is filled again when the event behind its copy has come.

#![allow(unsafe_code)] // copies from the ring, which lives as long as they

use super::context::{Context, Event, Pinned, Stream};
use super::driver::CudaError;
use std::sync::Arc;

/// Buffers of the ring.
const RING: usize = 4;
/// Bytes of each.
pub const PIECE: usize = 16 << 20;

/// A ring of pinned buffers, and the stream that empties them.
pub struct Upload {
    stream: Stream,
    ring: Vec<(Pinned, Event)>,
    next: usize,
    /// Copies may be under way.
    busy: bool,
}

impl Upload {
    /// A ring of buffers of so many bytes, usually [`PIECE`].
    ///
    /// # Errors
    /// There is not so much memory, or the driver fails.
    pub fn new(context: &Arc<Context>, piece: usize) -> Result<Self, CudaError> {
        let stream = context.stream()?;
        let ring = (0..RING).map(|_| Ok((context.pinned(piece)?, context.event()?))).collect::<Result<_, _>>()?;
        Ok(Self { stream, ring, next: 0, busy: false })
    }

    /// The stream in which the copies are.
    #[must_use]
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Begins to copy bytes to an address of the device, `behind` being told of each piece that has left them: its pages
    /// are not needed any more.
    ///
    /// # Safety
    /// The device's memory is there, and stays until [`Upload::finish`].
    ///
    /// # Errors
    /// The driver fails.
    pub unsafe fn put(&mut self, to: u64, bytes: &[u8], mut behind: impl FnMut(usize)) -> Result<(), CudaError> {
        let mut at = to;
        let piece = self.ring.first().map_or(1, |(buffer, _)| buffer.bytes().len());
        for part in bytes.chunks(piece) {
            let (buffer, event) = &mut self.ring[self.next];
            event.wait()?;
            self.busy = true;
            buffer.bytes_mut()[..part.len()].copy_from_slice(part);
            // SAFETY: the buffer is left alone until the event has come; the rest is as the caller says.
            unsafe { self.stream.upload(at, buffer, 0, part.len())? };
            self.stream.record(event)?;
            self.next = (self.next + 1) % self.ring.len();
            at += part.len() as u64;
            behind(part.len());
        }
        Ok(())
    }

    /// Waits for all copies.
    ///
    /// # Errors
    /// One failed, or the driver.
    pub fn finish(&mut self) -> Result<(), CudaError> {
        self.stream.wait()?;
        self.busy = false;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // Buffers go behind the copies from them.
        if self.busy {
            let _ = self.stream.wait();
        }
    }
}
