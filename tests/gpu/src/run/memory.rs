//! A device's own memory: allocations that lie apart, so that an access beyond one meets nothing, at addresses that a
//! processor cannot follow. Each byte knows whether it was ever written.

/// Where the first allocation begins.
const FIRST: u64 = 0x6000_0000_0000;
/// Every allocation begins at a multiple of this, as a driver's do.
const ALIGN: u64 = 512;

/// One allocation.
#[derive(Debug)]
struct Block {
    start: u64,
    data: Vec<u8>,
    written: Vec<bool>,
    /// How often each sector was asked for, where that is counted.
    reads: Vec<u32>,
}

/// All allocations of a device.
#[derive(Debug, Default)]
pub struct Memory {
    /// By address.
    blocks: Vec<Block>,
    next: u64,
    last: usize,
}

/// What is wrong with an access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// There is no allocation at the address.
    Nowhere(u64),
    /// It ends behind the allocation: address, bytes, the allocation's bytes behind the address.
    Beyond(u64, usize, usize),
    /// What is read was never written.
    Fresh(u64),
    /// The address is no multiple of the bytes.
    Misaligned(u64, usize),
}

impl std::fmt::Display for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nowhere(at) => write!(f, "no allocation is at {at:#x}"),
            Self::Beyond(at, bytes, left) => {
                write!(f, "{bytes} bytes at {at:#x}, where {left} are left (out of bounds)")
            }
            Self::Fresh(at) => write!(f, "what is at {at:#x} was never written (uninitialised)"),
            Self::Misaligned(at, bytes) => write!(f, "{bytes} bytes at {at:#x}, which is no multiple (misaligned)"),
        }
    }
}

impl Memory {
    /// Room for `bytes`, filled with what are no numbers in any format of floats.
    pub fn allocate(&mut self, bytes: usize) -> u64 {
        let start = self.next.max(FIRST);
        self.next = (start + bytes as u64 + ALIGN).next_multiple_of(ALIGN);
        self.blocks.push(Block {
            start,
            data: vec![0xff; bytes],
            written: vec![false; bytes],
            reads: vec![0; bytes.div_ceil(32)],
        });
        start
    }

    /// Ends the allocation that begins at `start`; whether there was one.
    pub fn free(&mut self, start: u64) -> bool {
        let found = self.blocks.iter().position(|b| b.start == start);
        found.map(|at| self.blocks.remove(at)).is_some()
    }

    /// Bytes in allocations, and their number.
    #[must_use]
    pub fn held(&self) -> (usize, usize) {
        (self.blocks.iter().map(|b| b.data.len()).sum(), self.blocks.len())
    }

    fn find(&mut self, at: u64, bytes: usize) -> Result<(&mut Block, usize), Access> {
        let within = |b: &Block| at >= b.start && at - b.start < b.data.len() as u64;
        if !self.blocks.get(self.last).is_some_and(within) {
            self.last = self.blocks.iter().position(within).ok_or(Access::Nowhere(at))?;
        }
        let block = &mut self.blocks[self.last];
        let offset = usize::try_from(at - block.start).map_err(|_| Access::Nowhere(at))?;
        if offset + bytes > block.data.len() {
            return Err(Access::Beyond(at, bytes, block.data.len() - offset));
        }
        Ok((block, offset))
    }

    /// The bytes at an address, of which all were written.
    ///
    /// # Errors
    /// What is wrong with the access.
    pub fn read(&mut self, at: u64, to: &mut [u8]) -> Result<(), Access> {
        let (block, offset) = self.find(at, to.len())?;
        let range = offset..offset + to.len();
        if let Some(fresh) = block.written[range.clone()].iter().position(|w| !w) {
            return Err(Access::Fresh(at + fresh as u64));
        }
        to.copy_from_slice(&block.data[range]);
        Ok(())
    }

    /// Puts bytes at an address.
    ///
    /// # Errors
    /// What is wrong with the access.
    pub fn write(&mut self, at: u64, from: &[u8]) -> Result<(), Access> {
        let (block, offset) = self.find(at, from.len())?;
        block.data[offset..offset + from.len()].copy_from_slice(from);
        block.written[offset..offset + from.len()].fill(true);
        Ok(())
    }

    /// Remembers that a warp asked for the sector of `at`.
    pub(super) fn asked(&mut self, at: u64) {
        if let Ok((block, offset)) = self.find(at, 1) {
            block.reads[offset / 32] += 1;
        }
    }

    /// How often warps asked for each sector of the allocation that begins at `start`.
    #[must_use]
    pub fn sector_reads(&self, start: u64) -> &[u32] {
        self.blocks.iter().find(|b| b.start == start).map_or(&[], |b| &b.reads)
    }
}
