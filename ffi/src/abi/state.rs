//! Sessions as bytes.

use super::ocelli_session;
use super::session::on;
use crate::strings;
use std::ffi::c_void;

/// Copies the session's state into buffer: its prompt, pictures at three bytes a pixel, and its keys and values. needed,
/// unless NULL, receives its bytes; with a capacity of 0, buffer may be NULL. A buffer that is too small receives the
/// beginning, which is of no use. A text that
/// ocelli_session_next() was writing is ended where it is.
///
/// Returns OCELLI_OK, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER or
/// OCELLI_ERR_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_session_save(
    session: *mut ocelli_session,
    buffer: *mut c_void,
    capacity: usize,
    needed: *mut usize,
) -> i32 {
    on(session, |held| {
        held.begin();
        let state = held.conversation.save()?;
        // SAFETY: the header's rules on buffers.
        unsafe { strings::items("buffer", &state, buffer.cast(), capacity, needed) }
    })
}

/// Goes on from a state of size bytes that ocelli_session_save() gave, in this process or another, on this machine or
/// another. The model must be the same file's, the session of the same number format of keys and values and large enough.
/// After a failure the session is as it was. What is damaged is found out; what was made to deceive can put any words into
/// the prompt, but do nothing else.
///
/// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_STATE, OCELLI_ERR_CONTEXT,
/// OCELLI_ERR_IMAGE or OCELLI_ERR_PROMPT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_session_restore(
    session: *mut ocelli_session,
    state: *const c_void,
    size: usize,
) -> i32 {
    on(session, |held| {
        // SAFETY: the header's rules on arrays.
        let state = unsafe { strings::slice::<u8>("state", state.cast(), size) }?;
        held.begin();
        Ok(held.conversation.restore(state)?)
    })
}
