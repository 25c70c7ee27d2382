//! The pieces of a prompt, in the order the model is to see them.

use super::image::picture;
use super::session::on;
use super::{ocelli_image, ocelli_session};
use crate::status::{Failure, OCELLI_ERR_BAD_PARAMETER};
use crate::strings;
use ocelli_engine::Error;
use ocelli_engine::image::{ImageLimits, Video, sample};
use std::ffi::c_char;
use std::sync::Arc;

/// Appends text of size bytes to the prompt. The bytes are copied. A text that is being written ends here, as it does
/// with all ocelli_session_add functions. Names of special tokens in it, such as </s> or <|endofchunk|>, are these tokens;
/// but no text is searched for places of pictures, and one that says <image> has these letters, not the token that
/// stands for a picture. Pictures go where ocelli_session_add_image() is called. What a stranger wrote is better encoded
/// by ocelli_tokenize() with OCELLI_TOKENIZE_PLAIN and appended by ocelli_session_add_tokens(): it spells no token then.
///
/// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER or OCELLI_ERR_INVALID_UTF8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_session_add_text(
    session: *mut ocelli_session,
    text: *const c_char,
    size: usize,
) -> i32 {
    on(session, |held| {
        // SAFETY: the header's rules on strings.
        let text = unsafe { strings::sized("text", text, size) }?;
        held.step = None;
        Ok(held.conversation.add_text(text)?)
    })
}

/// Appends a picture to the prompt.
///
/// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER or OCELLI_ERR_PROMPT (the model takes none).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_session_add_image(session: *mut ocelli_session, image: *const ocelli_image) -> i32 {
    on(session, |held| {
        let picture = picture(image)?;
        held.step = None;
        Ok(held.conversation.add_image(picture)?)
    })
}

/// Appends a video to the prompt: count frames in the order of time, seen as one thing. Of more than
/// ocelli_session_options.frames that many are taken, evenly, the first and the last among them. frames_per_second says
/// how far apart they stand; the models of this version were taught their order alone.
///
/// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER (no frames, or a rate that is not above 0),
/// OCELLI_ERR_IMAGE (more pixels than a picture may have), OCELLI_ERR_PROMPT (the model takes none) or
/// OCELLI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_session_add_video(
    session: *mut ocelli_session,
    frames: *const *const ocelli_image,
    count: usize,
    frames_per_second: f64,
) -> i32 {
    on(session, |held| {
        // SAFETY: the header's rules on arrays.
        let frames = unsafe { strings::slice("frames", frames, count) }?;
        if frames.is_empty() || !(frames_per_second.is_finite() && frames_per_second > 0.0) {
            let text = format!("{count} frames, {frames_per_second} of them a second");
            return Err(Failure::new(OCELLI_ERR_BAD_PARAMETER, text));
        }
        let all = frames.iter().map(|&frame| picture(frame)).collect::<Result<Vec<_>, _>>()?;
        let wanted = held.conversation.options().frames.max(1);
        let taken = sample(all.len(), wanted).into_iter().map(|i| Arc::clone(&all[i])).collect();
        let video = Video::new(taken, &ImageLimits::default()).map_err(Error::from)?;
        held.step = None;
        Ok(held.conversation.add_video(Arc::new(video))?)
    })
}

/// Appends count token ids to the prompt as they are: nothing is put around them, or before what follows them.
///
/// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER or OCELLI_ERR_BAD_PARAMETER (the model has no such token).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_session_add_tokens(
    session: *mut ocelli_session,
    tokens: *const u32,
    count: usize,
) -> i32 {
    on(session, |held| {
        // SAFETY: the header's rules on arrays.
        let ids = unsafe { strings::slice("tokens", tokens, count) }?;
        held.step = None;
        Ok(held.conversation.add_tokens(ids)?)
    })
}

/// Empties the prompt. What follows is as in a new session, but that encoded pictures are still known.
///
/// Returns OCELLI_OK or OCELLI_ERR_NULL_PARAMETER.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_session_clear(session: *mut ocelli_session) -> i32 {
    on(session, |held| {
        held.step = None;
        held.conversation.clear();
        Ok(())
    })
}
