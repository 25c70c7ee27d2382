//! A block's shared memory with a shadow: who wrote and who read each byte in which interval between barriers, and whether
//! an asynchronous copy is under way to it. Two warps at one byte in one interval, one of them writing, is a race whatever the
//! order was in which they came here.

/// What is known of one byte. Intervals count from 1, warps from 0; a 0 is never.
#[derive(Debug, Clone, Copy, Default)]
struct Shadow {
    written: u32,
    writer: u16,
    reader: u16,
    read: u32,
    /// Several warps read it in the interval `read`.
    shared: bool,
    /// Asynchronous copies under way.
    under_way: u16,
}

/// Shared memory of one block.
#[derive(Debug)]
pub struct Shared {
    data: Vec<u8>,
    shadow: Vec<Shadow>,
    /// The interval between barriers.
    pub interval: u32,
}

impl Shared {
    /// Memory that nobody has written.
    pub fn new(bytes: usize) -> Self {
        Self { data: vec![0xff; bytes], shadow: vec![Shadow::default(); bytes], interval: 1 }
    }

    fn range(&self, at: u64, bytes: usize) -> Result<std::ops::Range<usize>, String> {
        let start = usize::try_from(at).unwrap_or(usize::MAX);
        if start.saturating_add(bytes) > self.data.len() {
            return Err(format!("{bytes} bytes at {at} of {} of shared memory (out of bounds)", self.data.len()));
        }
        if !at.is_multiple_of(bytes as u64) {
            return Err(format!("{bytes} bytes at {at} of shared memory, which is no multiple (misaligned)"));
        }
        Ok(start..start + bytes)
    }

    /// What a warp reads.
    pub fn read(&mut self, warp: u16, at: u64, to: &mut [u8]) -> Result<(), String> {
        let range = self.range(at, to.len())?;
        for shadow in &mut self.shadow[range.clone()] {
            if shadow.under_way > 0 {
                return Err(format!("reads {at} of shared memory before a copy to it was waited for (asynchronous)"));
            }
            if shadow.written == 0 {
                return Err(format!("what is at {at} of shared memory was never written (uninitialised)"));
            }
            if shadow.written == self.interval && shadow.writer != warp {
                return Err(format!(
                    "warp {warp} reads what warp {} wrote at {at} of shared memory with no barrier between (race)",
                    shadow.writer
                ));
            }
            if shadow.read == self.interval {
                shadow.shared |= shadow.reader != warp;
            } else {
                (shadow.read, shadow.reader, shadow.shared) = (self.interval, warp, false);
            }
        }
        to.copy_from_slice(&self.data[range]);
        Ok(())
    }

    fn may_write(&self, warp: u16, at: u64, bytes: usize) -> Result<std::ops::Range<usize>, String> {
        let range = self.range(at, bytes)?;
        for shadow in &self.shadow[range.clone()] {
            let read = shadow.read == self.interval && (shadow.shared || shadow.reader != warp);
            if read || shadow.written == self.interval && shadow.writer != warp {
                return Err(format!(
                    "warp {warp} writes what another one {} at {at} of shared memory with no barrier between (race)",
                    if read { "reads" } else { "wrote" }
                ));
            }
        }
        Ok(range)
    }

    /// What a warp writes.
    pub fn write(&mut self, warp: u16, at: u64, from: &[u8]) -> Result<(), String> {
        let range = self.may_write(warp, at, from.len())?;
        if self.shadow[range.clone()].iter().any(|s| s.under_way > 0) {
            return Err(format!("writes {at} of shared memory while a copy to it is under way (asynchronous)"));
        }
        for shadow in &mut self.shadow[range.clone()] {
            (shadow.written, shadow.writer) = (self.interval, warp);
        }
        self.data[range].copy_from_slice(from);
        Ok(())
    }

    /// An asynchronous copy begins: from now on nobody touches these bytes.
    pub fn begin(&mut self, warp: u16, at: u64, bytes: usize) -> Result<(), String> {
        let range = self.may_write(warp, at, bytes)?;
        self.shadow[range].iter_mut().for_each(|s| s.under_way += 1);
        Ok(())
    }

    /// The copy has arrived, for the warp that waited; for others behind the next barrier.
    pub fn arrive(&mut self, warp: u16, at: u64, from: &[u8]) -> Result<(), String> {
        let range = self.range(at, from.len())?;
        for shadow in &mut self.shadow[range.clone()] {
            shadow.under_way = shadow.under_way.saturating_sub(1);
            (shadow.written, shadow.writer) = (self.interval, warp);
        }
        self.data[range].copy_from_slice(from);
        Ok(())
    }
}
