//! Every exported function. Their comments are the header's: `tests/header.rs` holds include/ocelli.h against them.

#![allow(unsafe_code)] // exported names, and pointers from C
#![allow(clippy::missing_safety_doc)] // the header's rules on pointers are the contract, and Markdown does not belong there

use crate::status::{Failure, OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_PANIC};
use crate::{guard, last, status, strings};
use ocelli_engine::{Engine, Load};
use std::ffi::{CStr, c_char};
use std::path::Path;

/// The ABI of this header: what ocelli_abi_version() must return.
pub const OCELLI_ABI_VERSION: u32 = 1;

/// Size of a buffer that holds any text of ocelli_last_error(), its NUL included.
pub const OCELLI_LAST_ERROR_CAPACITY: usize = 8192;

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => panic!("a version holds no NUL"),
};

/// The major version of the library's ABI. A program compiled with another OCELLI_ABI_VERSION must not go on.
#[unsafe(no_mangle)]
pub extern "C" fn ocelli_abi_version() -> u32 {
    OCELLI_ABI_VERSION
}

/// The library's version, such as "0.1.0"; static.
#[unsafe(no_mangle)]
pub extern "C" fn ocelli_version() -> *const c_char {
    VERSION.as_ptr()
}

/// The name of a status, such as "OCELLI_ERR_FILE", or "unknown status"; static, never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ocelli_status_name(status: i32) -> *const c_char {
    status::name(status).as_ptr()
}

/// What the calling thread's last call that returns a status returned. Success is kept too, as OCELLI_OK; the two
/// ocelli_last_error functions change nothing.
#[unsafe(no_mangle)]
pub extern "C" fn ocelli_last_error_code() -> i32 {
    guard::quiet(OCELLI_ERR_PANIC, last::status)
}

/// Copies the message that goes with ocelli_last_error_code() into buffer; empty after success.
///
/// needed, unless NULL, receives the size of the whole text with its NUL. With a capacity of 0, buffer may be NULL and
/// nothing is written to it. A text that does not fit is cut between two UTF-8 characters and the call returns
/// OCELLI_ERR_BUFFER_TOO_SMALL; what is written always ends with a NUL. OCELLI_LAST_ERROR_CAPACITY bytes always do.
///
/// Returns OCELLI_OK, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_NULL_PARAMETER (buffer is NULL and capacity is not 0),
/// or OCELLI_ERR_BAD_PARAMETER (capacity is above PTRDIFF_MAX).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_last_error(buffer: *mut c_char, capacity: usize, needed: *mut usize) -> i32 {
    guard::quiet(OCELLI_ERR_PANIC, || {
        // SAFETY: the header asks for a buffer of `capacity` bytes and a size_t; the text is a copy nobody else sees.
        unsafe { strings::copy_out(&last::text(), buffer, capacity, needed) }
    })
}

/// Opens the model file at path as inference would, and closes it again: every key, the tokenizer and the shape of
/// every tensor are checked; the weights are not read. The file must not be shortened meanwhile, since it is mapped.
///
/// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_INVALID_UTF8, OCELLI_ERR_BAD_PARAMETER (path is empty),
/// OCELLI_ERR_FILE, OCELLI_ERR_MODEL, or OCELLI_ERR_DEVICE (the environment's OCELLI_ISA is not to be had).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_check_model(path: *const c_char) -> i32 {
    guard::call(|| {
        // SAFETY: the header asks for NULL or a NUL-terminated string, and C keeps it unchanged during the call.
        let path = unsafe { strings::given("path", path) }?;
        if path.is_empty() {
            return Err(Failure::new(OCELLI_ERR_BAD_PARAMETER, "path is empty"));
        }
        Engine::new(1)?.open(Path::new(path), Load::Map)?;
        Ok(())
    })
}

/// Panics inside the boundary; for tests/c only.
#[cfg(feature = "test-hooks")]
#[unsafe(no_mangle)]
pub extern "C" fn ocelli_test_panic() -> i32 {
    guard::call(|| panic!("a panic on purpose"))
}
