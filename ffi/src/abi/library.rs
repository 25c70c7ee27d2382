//! What concerns the library and its errors.

use crate::handle::{self, Object};
use crate::status::OCELLI_ERR_PANIC;
use crate::{guard, last, status, strings};
use ocelli_engine::{Engine, GRAMMARS, Load};
use std::ffi::{CStr, c_char, c_void};
use std::path::Path;

/// The ABI of this header: what ocelli_abi_version() must return.
pub const OCELLI_ABI_VERSION: u32 = 1;

/// Of ocelli_features(): pictures are read from files.
pub const OCELLI_FEATURE_IMAGE_FILES: u64 = 1;

/// Of ocelli_features(): models are opened from file descriptors.
pub const OCELLI_FEATURE_FD: u64 = 2;

/// Of ocelli_features(): compute threads are kept to processors of the caller's choice.
pub const OCELLI_FEATURE_AFFINITY: u64 = 4;

/// Of ocelli_features(): layers run on a GPU.
pub const OCELLI_FEATURE_GPU: u64 = 8;

/// Of ocelli_features(): video is a piece of a prompt.
pub const OCELLI_FEATURE_VIDEO: u64 = 16;

/// Of ocelli_features(): texts are held to JSON schemas and grammars.
pub const OCELLI_FEATURE_GRAMMAR: u64 = 32;

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

/// What this build of the library can do: OCELLI_FEATURE_* bits. A call that needs a bit that is missing returns
/// OCELLI_ERR_UNSUPPORTED.
#[unsafe(no_mangle)]
pub extern "C" fn ocelli_features() -> u64 {
    let unix = if cfg!(unix) { OCELLI_FEATURE_FD } else { 0 };
    let affinity = if crate::affinity::OFFERED { OCELLI_FEATURE_AFFINITY } else { 0 };
    let grammar = if GRAMMARS { OCELLI_FEATURE_GRAMMAR } else { 0 };
    OCELLI_FEATURE_IMAGE_FILES | OCELLI_FEATURE_VIDEO | unix | affinity | grammar
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

/// The outcome of the last call that was made on a handle, by whichever thread: its status, and its message as in
/// ocelli_last_error(). Calls that did not get hold of the handle (OCELLI_ERR_BUSY and OCELLI_ERR_REENTRANT) do not count.
/// handle is an ocelli_model, an ocelli_session or an ocelli_image. status may be NULL.
///
/// Returns OCELLI_OK, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER or
/// OCELLI_ERR_BAD_HANDLE; a poisoned handle has an error, too. The thread's last error stays as it is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_handle_error(
    handle: *const c_void,
    status: *mut i32,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> i32 {
    guard::quiet(OCELLI_ERR_PANIC, || {
        let (last, text) = match handle::find(handle) {
            Ok(Object::Model(model)) => model.last(),
            Ok(Object::Session(session)) => session.last(),
            Ok(Object::Image(image)) => image.last(),
            Err(failure) => return failure.status,
        };
        // SAFETY: the header asks for NULL or an int32_t, and for what copy_out asks.
        unsafe {
            if !status.is_null() {
                status.write_unaligned(last);
            }
            strings::copy_out(&text, buffer, capacity, needed)
        }
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
        let path = unsafe { strings::path(path) }?;
        Engine::new(1)?.open(Path::new(path), Load::Map)?;
        Ok(())
    })
}
