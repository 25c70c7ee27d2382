//! The engine's kernels for CUDA, as they are committed, against the scalar code of crate `quant` and plain f64: every op and
//! block format, odd shapes, the text of both targets, under the interpreter's checks.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::print_stdout)]

mod attention;
mod committed;
mod faults;
mod products;
mod rows;
mod tiles;

/// Numbers that look random and are the same on every machine, between -1 and 1.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn float(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    pub(crate) fn floats(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.float()).collect()
    }
}

/// Fails where two numbers differ by more than `by`, times the size of what was summed.
pub(crate) fn near(what: &str, got: &[f32], want: &[f64], size: f64, by: f64) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let off = (f64::from(*got) - want).abs();
        assert!(off <= by * size.max(want.abs()), "{what}: number {i} is {got}, not {want} (off by {off:e})");
    }
}
