//! The pool's own tests, for a run under a sanitizer.

#![allow(dead_code)]

#[path = "../../engine/src/kernels/cpu/pool.rs"]
mod pool;
