//! Execution: block by block, warp by warp, 32 lanes an instruction. Lanes that part meet again, because of the places at which
//! lanes stand the lowest always goes first. What the rules of our kernels forbid is a [`Fault`]: accesses out of bounds,
//! misaligned, or to what was never written; races in shared memory; warp-wide instructions without all 32 lanes;
//! barriers that some do not reach; asynchronous copies that nobody waits for.
//!
//! It does not show speed, what a compiler makes of the text, or the order in which hardware sums halves.

mod access;
mod alu;
mod memory;
mod shared;
mod tensor;
mod warp;

pub use memory::{Access, Memory};

use crate::ptx::Kernel;
use shared::Shared;
use warp::{Stop, Warp};

/// What a launch did, exactly and repeatably.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Instructions, one for all lanes of a warp.
    pub instructions: u64,
    /// Sectors of 32 bytes that loads from global memory touch, one instruction's lanes together.
    pub load_sectors: u64,
    /// The same of stores.
    pub store_sectors: u64,
    /// How often lanes of an instruction had to wait for others at a bank of shared memory.
    pub bank_conflicts: u64,
    /// Products of small matrices.
    pub mma: u64,
    /// Dot products of four bytes, 32 at once.
    pub dp4a: u64,
}

/// What a kernel did that it must not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The kernel.
    pub kernel: String,
    /// The line of its module; 0 is the launch.
    pub line: usize,
    /// What, and where.
    pub reason: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, line {}: {}", self.kernel, self.line, self.reason)
    }
}

/// Blocks, threads a block, and the bytes of the parameters.
#[derive(Debug, Clone, Copy)]
pub struct Launch<'a> {
    /// Blocks.
    pub grid: [u32; 3],
    /// Threads a block.
    pub block: [u32; 3],
    /// Bytes of shared memory beside what the kernel names.
    pub dynamic: usize,
    /// The kernel's parameters, one behind the other.
    pub parameters: &'a [u8],
}

/// The most a block may have of shared memory without asking for more.
const SHARED: usize = 48 * 1024;
/// Instructions of one warp, beyond which a kernel does not end.
const STEPS: u64 = 5_000_000;

fn check(kernel: &Kernel, launch: &Launch<'_>) -> Result<(), String> {
    let threads: u64 = launch.block.iter().map(|n| u64::from(*n)).product();
    if launch.grid.contains(&0) || launch.grid[1] > 65_535 || launch.grid[2] > 65_535 {
        return Err(format!("a grid of {:?} blocks", launch.grid));
    }
    if threads == 0 || threads > u64::from(kernel.threads.unwrap_or(1024)) || !threads.is_multiple_of(32) {
        return Err(format!("{threads} threads a block, of {:?} that the kernel allows", kernel.threads));
    }
    if launch.parameters.len() != kernel.parameters {
        return Err(format!("{} bytes of parameters where it has {}", launch.parameters.len(), kernel.parameters));
    }
    if kernel.shared + launch.dynamic > SHARED {
        return Err(format!("{} bytes of shared memory, at most {SHARED}", kernel.shared + launch.dynamic));
    }
    Ok(())
}

fn block(
    kernel: &Kernel,
    memory: &mut Memory,
    launch: &Launch<'_>,
    at: [u32; 3],
    counts: &mut Counts,
) -> Result<(), (usize, String)> {
    let threads: u32 = launch.block.iter().product();
    let mut shared = Shared::new(kernel.shared + launch.dynamic);
    let mut warps: Vec<Warp<'_>> = (0..threads / 32).map(|n| Warp::new(kernel, launch, at, n)).collect();
    loop {
        let mut waiting = Vec::new();
        for warp in &mut warps {
            if !warp.ended() && warp.run(memory, &mut shared, counts)? == Stop::Barrier {
                waiting.push(warp.line());
            }
        }
        if waiting.is_empty() {
            return Ok(());
        }
        if waiting.len() < warps.len() {
            return Err((waiting[0], "a barrier that not all warps of the block reach".to_owned()));
        }
        shared.interval += 1;
    }
}

/// Runs a kernel over all blocks of its grid.
///
/// # Errors
/// The first fault.
pub fn launch(kernel: &Kernel, memory: &mut Memory, launch: &Launch<'_>) -> Result<Counts, Fault> {
    let fault = |(line, reason)| Fault { kernel: kernel.name.clone(), line, reason };
    check(kernel, launch).map_err(|reason| fault((0, reason)))?;
    let mut counts = Counts::default();
    for z in 0..launch.grid[2] {
        for y in 0..launch.grid[1] {
            for x in 0..launch.grid[0] {
                block(kernel, memory, launch, [x, y, z], &mut counts).map_err(fault)?;
            }
        }
    }
    Ok(counts)
}
