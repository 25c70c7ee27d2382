//! Every exported function, in the order of the header, whose text their comments are: `tests/header` holds
//! include/ocelli.h against them.

#![allow(unsafe_code)] // exported names, and pointers from C
#![allow(clippy::missing_safety_doc)] // the header's rules on pointers are the contract, and Markdown does not belong there
#![allow(non_camel_case_types)] // types are called as C calls them

mod generate;
#[cfg(feature = "test-hooks")]
pub(crate) mod hooks;
mod image;
mod library;
mod model;
mod prompt;
mod session;
mod state;
mod structs;
mod tokens;

pub use crate::log::{OCELLI_LOG_ERROR, OCELLI_LOG_INFO, ocelli_log_fn};
pub use generate::*;
#[cfg(feature = "test-hooks")]
pub use hooks::ocelli_test_panic;
pub use image::*;
pub use library::*;
pub use model::*;
pub use prompt::*;
pub use session::*;
pub use state::*;
pub use structs::*;
pub use tokens::*;
