//! A driver's library over the interpreter: `libcuda.so` with the functions that the engine asks for. Streams are lazy: work
//! runs when somebody waits for it, so that a buffer that is used again too early gives wrong numbers at once. Copies from
//! ordinary memory are made at the call, from pinned memory when the stream gets there, as real drivers do.
//!
//! `OCELLI_FAKE_CUDA` has settings between commas: `fail=N:CODE` (call N, from 1, fails; a code of 700 and more stays),
//! `memory=BYTES`, `largest=BYTES` (of one allocation), `capability=8.7`, `integrated`, `driver=12.6`, `devices=N`,
//! `skip` (launches do nothing), `log=FILE` (every call, every fault, and what is held when a context is released).

mod calls;
mod settings;
mod state;
mod stream;

pub use settings::Settings;
