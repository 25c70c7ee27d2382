//! CUDA: the driver, found at run time, and what it is worked with. Kernels lie beside as sources and as the PTX that is
//! compiled from them ahead of time; no device runs them yet.

#[cfg(feature = "internals")] // tests drive it; the device that will is to come
pub mod context;
pub mod driver;
mod gpus;
#[cfg(feature = "internals")]
pub mod upload;

pub use driver::CudaError;
pub use gpus::{Gpu, Gpus, gpus};
