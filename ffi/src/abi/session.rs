//! Sessions: opening, closing, forking, stopping, and what they use.

use super::model::on as on_model;
use super::{ocelli_model, ocelli_session, ocelli_session_options, ocelli_usage};
use crate::cells::{Held, SessionCell};
use crate::handle::{self, Object};
use crate::options;
use crate::status::{Failure, OCELLI_OK};
use crate::{guard, sized, strings};
use ocelli_engine::{Conversation, Timings};
use std::sync::Arc;
use std::time::Duration;

/// Opens a session: all of its memory is allocated here. The handle is the caller's to close with
/// ocelli_session_close(), before or after the model.
///
/// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_UNSUPPORTED, OCELLI_ERR_BUDGET or
/// OCELLI_ERR_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_session_open(
    model: *const ocelli_model,
    options: *const ocelli_session_options,
    out: *mut *mut ocelli_session,
) -> i32 {
    on_model(model, |cell| {
        // SAFETY: the header's rules on pointers and structs.
        let options = unsafe {
            strings::out(out)?;
            options::session(&cell.model, sized::read("options", options)?)?
        };
        let conversation = Conversation::new(&cell.model, &options.session, options.complete)?;
        opened(out, conversation, cell.log)?;
        cell.log.info(|| match cell.model.plan(&options.session) {
            Ok(plan) => format!("opened a session: {} bytes of its own at most", plan.anonymous()),
            Err(e) => format!("opened a session: {e}"),
        });
        Ok(())
    })
}

/// Closes a session and frees its memory. One that is in a call stays open: cancel it first. NULL is no session and
/// nothing to close.
///
/// Returns OCELLI_OK, OCELLI_ERR_BAD_HANDLE, OCELLI_ERR_BUSY or OCELLI_ERR_REENTRANT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_session_close(session: *mut ocelli_session) -> i32 {
    guard::call(|| {
        if !session.is_null() {
            handle::session(session.cast())?.close()?;
            handle::close(session.cast())?;
        }
        Ok(())
    })
}

/// Opens another session that goes on from where this one is, with keys, values and encoded pictures of its own. (Models
/// that attend to each picture by itself run the prompt again.) A text that is being written ends here. The handle is the caller's to close.
///
/// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BUDGET or OCELLI_ERR_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_session_fork(session: *mut ocelli_session, out: *mut *mut ocelli_session) -> i32 {
    on(session, |held| {
        // SAFETY: the header's rules on pointers.
        unsafe { strings::out(out) }?;
        held.step = None;
        opened(out, held.conversation.fork()?, held.log)
    })
}

/// Stops the call that computes on a session (generate, start, next, score or embed), or the next such call if none does:
/// it returns OCELLI_ERR_CANCELLED, at the latest one layer later, and the session can be used again. A call that ends
/// otherwise uses the request up, too. For any thread, any callback and any signal handler: nothing is locked, allocated
/// or kept as a last error.
///
/// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER or OCELLI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_session_cancel(session: *const ocelli_session) -> i32 {
    handle::cancel(session.cast()).map_or_else(|status| status, |()| OCELLI_OK)
}

/// What the session takes, and what its last text took. A text that is being written ends here.
///
/// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER or OCELLI_ERR_BAD_PARAMETER (struct_size).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_session_usage(session: *mut ocelli_session, usage: *mut ocelli_usage) -> i32 {
    on(session, |held| {
        held.step = None;
        let used = held.conversation.used()?;
        let Timings { prepare, encode, encoded, prefill, prompt, reused, generate, generated, .. } =
            held.conversation.answer().map(|answer| answer.timings).unwrap_or_default();
        let number = options::number;
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let value = ocelli_usage {
            struct_size: 0,
            context: number(used.context),
            positions: number(used.positions),
            kept: number(used.kept),
            prompt: number(prompt),
            reused: number(reused),
            generated: number(generated),
            encoded: number(encoded),
            prepare_us: micros(prepare),
            encode_us: micros(encode),
            prefill_us: micros(prefill),
            generate_us: micros(generate),
        };
        // SAFETY: the header's rules on structs.
        unsafe { sized::write("usage", usage, &value) }
    })
}

/// Runs a call on a session.
pub(super) fn on(session: *const ocelli_session, body: impl FnOnce(&mut Held) -> Result<(), Failure>) -> i32 {
    guard::around(|| handle::session(session.cast())?.call(body))
}

fn opened(out: *mut *mut ocelli_session, mut conversation: Conversation, log: crate::log::Log) -> Result<(), Failure> {
    let handle = handle::open(|cancel| {
        conversation.cancel_by(cancel);
        Object::Session(Arc::new(SessionCell::new(conversation, log)))
    })?;
    // SAFETY: not NULL, as was checked first; the header's rules on pointers.
    unsafe { out.write_unaligned(handle.cast()) };
    Ok(())
}
