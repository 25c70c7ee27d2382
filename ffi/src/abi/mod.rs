//! Every exported function, in the order of the header, whose text their comments are: `tests/header` holds
//! include/ocelli.h against them.

#![allow(unsafe_code)] // exported names, and pointers from C
#![allow(clippy::missing_safety_doc)] // the header's rules on pointers are the contract, and Markdown does not belong there
#![allow(non_camel_case_types)] // types are called as C calls them

mod generate;
mod image;
mod library;
mod model;
mod pointing;
mod prompt;
mod session;
mod state;
mod tokens;

#[cfg(feature = "test-hooks")]
pub use crate::hooks::ocelli_test_panic;
pub use crate::last::OCELLI_LAST_ERROR_CAPACITY;
pub use crate::log::{OCELLI_LOG_ERROR, OCELLI_LOG_INFO, ocelli_log_fn};
pub use crate::structs::*;
pub use generate::*;
pub use image::*;
pub use library::*;
pub use model::*;
pub use pointing::*;
pub use prompt::*;
pub use session::*;
pub use state::*;
pub use tokens::*;
