//! Kernels for GPUs, tested without one: [`ptx`] reads the very text that a driver compiles, [`run`] executes it warp by warp
//! with checks that no GPU makes and counts that no GPU shows, and [`card`] is what a test launches the engine's kernels with.
//! [`driver`] is a driver's library over both. None of it is ever shipped.

pub mod card;
pub mod driver;
pub mod ptx;
pub mod run;
