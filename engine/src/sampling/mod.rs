//! How the next token is chosen from logits: options and what fills them, what the text so far and a constraint make of the
//! logits, then the sampler.

mod constraint;
mod defaults;
mod grammar;
mod history;
mod options;
mod processors;
mod sampler;
mod task;

pub use constraint::Constraint;
pub use defaults::{Defaults, Draws};
pub(crate) use defaults::{end_ids, stop_strings, suppressed_ids};
pub(crate) use grammar::Grammars;
pub use grammar::{GRAMMARS, Grammar};
pub(crate) use history::History;
pub use options::{GenerateOptions, Sampling, Wanted};
pub(crate) use processors::{log_probability, log_softmax, log_sum};
pub use sampler::Sampler;
pub use task::Task;
