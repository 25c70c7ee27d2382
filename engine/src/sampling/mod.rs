//! How the next token is chosen from logits: options, processors, then the sampler.

mod options;
mod processors;
mod sampler;

pub use options::{GenerateOptions, Sampling};
pub(crate) use processors::{log_softmax, process, suppress};
pub use sampler::Sampler;
