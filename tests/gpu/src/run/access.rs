//! What the addresses of one instruction's lanes cost.

use super::Access;
use super::alu::Lanes;
use crate::ptx::Space;

fn space_name(space: Space) -> &'static str {
    match space {
        Space::Global => "global memory",
        Space::Shared => "shared memory",
        Space::Parameter => "parameters",
    }
}

/// Whether an access lies at a multiple of its bytes.
pub fn aligned(at: u64, bytes: usize, space: Space) -> Result<(), String> {
    if at.is_multiple_of(bytes as u64) {
        return Ok(());
    }
    Err(format!("{}: {}", space_name(space), Access::Misaligned(at, bytes)))
}

/// The sectors of 32 bytes that an instruction's lanes touch.
pub fn sectors(addresses: &Lanes, lanes: u32, bytes: usize) -> Vec<u64> {
    let taking = (0..32).filter(|lane| lanes >> lane & 1 == 1);
    let mut found: Vec<u64> =
        taking.flat_map(|lane| addresses[lane] / 32..=(addresses[lane] + bytes as u64 - 1) / 32).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// How often lanes wait at a bank: as many lanes at a time as take 128 bytes; of words at the same place one.
pub fn conflicts(addresses: &Lanes, lanes: u32, bytes: usize) -> u64 {
    let at_once = (128 / bytes.max(4)).max(1);
    let mut waits = 0;
    for first in (0..32).step_by(at_once) {
        let mut words: Vec<u64> = (first..first + at_once)
            .filter(|lane| lanes >> lane & 1 == 1)
            .flat_map(|lane| addresses[lane] / 4..=(addresses[lane] + bytes as u64 - 1) / 4)
            .collect();
        words.sort_unstable();
        words.dedup();
        let mut banks = [0u64; 32];
        words.iter().for_each(|w| banks[usize::try_from(w % 32).unwrap_or(0)] += 1);
        waits += banks.iter().max().copied().unwrap_or(0).saturating_sub(1);
    }
    waits
}
