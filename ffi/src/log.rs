//! What the library has to tell, for whoever asked: nothing is ever written anywhere else.

use crate::status::Failure;
use std::ffi::{CString, c_char, c_void};

/// Receives a line of the log, NUL-terminated and without a line break, with its level: OCELLI_LOG_ERROR or
/// OCELLI_LOG_INFO. Called by the thread whose call it tells about; the text is gone when it returns.
#[allow(non_camel_case_types)] // as C has it
pub type ocelli_log_fn = Option<unsafe extern "C" fn(level: i32, message: *const c_char, user: *mut c_void)>;

/// Of a line of the log: a call has failed.
pub const OCELLI_LOG_ERROR: i32 = 1;

/// Of a line of the log: a model or a session was opened, a text was generated.
pub const OCELLI_LOG_INFO: i32 = 2;

/// Where the lines of a model and its sessions go.
#[derive(Clone, Copy)]
pub(crate) struct Log {
    pub call: ocelli_log_fn,
    pub user: *mut c_void,
}

#[allow(unsafe_code)] // a pointer that is handed back to where it came from
// SAFETY: the pointer is only given to the caller's function, and the header says that several threads may call that.
unsafe impl Send for Log {}
#[allow(unsafe_code)] // as above
// SAFETY: as above.
unsafe impl Sync for Log {}

impl Log {
    pub fn failure(self, failure: &Failure) {
        self.line(OCELLI_LOG_ERROR, || failure.text.clone());
    }

    pub fn info(self, text: impl FnOnce() -> String) {
        self.line(OCELLI_LOG_INFO, text);
    }

    #[allow(unsafe_code)] // calls the caller's function
    fn line(self, level: i32, text: impl FnOnce() -> String) {
        let Some(call) = self.call else { return };
        let text = text().replace(['\0', '\n', '\r'], " ");
        if let Ok(line) = CString::new(text) {
            // SAFETY: the header asks for a function that may be called so for as long as the model or a session is open.
            unsafe { call(level, line.as_ptr(), self.user) };
        }
    }
}
