//! The C interface, as a shared and a static library called `ocelli`. `include/ocelli.h` is what a C program sees.
//!
//! [`abi`] holds every exported function and nothing else; each goes through [`guard`], which keeps a panic from
//! crossing into C (the process would be aborted), and [`last`], the thread's last error. What C holds are numbers in a
//! table ([`handle`]), which lead to [`cells`]. No family is named here.
//!
//! Two things are global: that table, and a panic hook, set at the first call, that keeps quiet about panics caught here
//! and hands every other one on. Without it the standard library would write to the host's stderr.

pub mod abi;
mod affinity;
mod cells;
mod guard;
mod handle;
#[cfg(feature = "test-hooks")]
mod hooks;
mod last;
mod log;
mod options;
mod pixels;
mod sized;
mod stage;
pub mod status;
mod strings;
mod structs;
