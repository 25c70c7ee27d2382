//! The pieces of a prompt, in the order the model is to see them.

use super::image::picture;
use super::session::on;
use super::{ocelli_image, ocelli_session};
use crate::options::known;
use crate::status::{Failure, OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_NOT_FOUND, OCELLI_ERR_ORDER};
use crate::strings;
use ocelli_engine::image::{ImageLimits, Video, sample};
use ocelli_engine::{Error, Shot, Told};
use std::ffi::c_char;
use std::sync::Arc;

/// Appends text of size bytes to the prompt. The bytes are copied. A text that ocelli_session_next() was writing is ended
/// where it is, as by all ocelli_session_add functions, and what was written of it is part of the prompt. Names of special tokens in it, such as </s> or <|endofchunk|>, are these tokens;
/// but no text is searched for places of pictures, and one that says <image> has these letters, not the token that
/// stands for a picture. Pictures go where ocelli_session_add_image() is called. What a stranger wrote is better encoded
/// by ocelli_tokenize() with OCELLI_TOKENIZE_PLAIN and appended by ocelli_session_add_tokens(): it spells no token then.
///
/// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_INVALID_UTF8 or OCELLI_ERR_ORDER (the
/// prompt has turns of ocelli_session_add_turn(), as with all ocelli_session_add functions).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_session_add_text(
    session: *mut ocelli_session,
    text: *const c_char,
    size: usize,
) -> i32 {
    on(session, |held| {
        // SAFETY: the header's rules on strings.
        let text = unsafe { strings::sized("text", text, size) }?;
        held.begin_piece()?;
        Ok(held.conversation.add_text(text)?)
    })
}

/// Appends a picture to the prompt.
///
/// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_PROMPT (the model takes none) or OCELLI_ERR_ORDER.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_session_add_image(session: *mut ocelli_session, image: *const ocelli_image) -> i32 {
    on(session, |held| {
        let picture = picture(image)?;
        held.begin_piece()?;
        Ok(held.conversation.add_image(picture)?)
    })
}

/// Appends a video to the prompt: count frames in the order of time, seen as one thing. Of more than
/// ocelli_session_options.frames that many are taken, evenly, the first and the last among them. frames_per_second says
/// how far apart they stand; the models of this version were taught their order alone.
///
/// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER (no frames, or a rate that is not above 0),
/// OCELLI_ERR_IMAGE (more pixels than a picture may have), OCELLI_ERR_PROMPT (the model takes none), OCELLI_ERR_ORDER or
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
        held.begin_piece()?;
        Ok(held.conversation.add_video(Arc::new(video))?)
    })
}

/// Appends count token ids to the prompt as they are: nothing is put around them, or before what follows them.
///
/// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER (the model has no such token) or OCELLI_ERR_ORDER.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_session_add_tokens(
    session: *mut ocelli_session,
    tokens: *const u32,
    count: usize,
) -> i32 {
    on(session, |held| {
        // SAFETY: the header's rules on arrays.
        let ids = unsafe { strings::slice("tokens", tokens, count) }?;
        held.begin_piece()?;
        Ok(held.conversation.add_tokens(ids)?)
    })
}

/// Of ocelli_session_add_shot(): it is the query, and the answer is to be generated.
pub const OCELLI_SHOT_QUERY: u32 = 1;

/// Appends a demonstration for learning in context, worded as the model's file does: a picture, perhaps a question, and the
/// text or answer that belongs to them. A picture that is NULL is a demonstration of the form alone. A question that is NULL
/// is none, and text a caption or the like. With OCELLI_SHOT_QUERY in flags it is the query, which comes behind the
/// demonstrations: text is how far its answer is said already, most often "", and what would end it is left out.
/// What is said is text, <image> included.
///
/// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER (text), OCELLI_ERR_INVALID_UTF8, OCELLI_ERR_BAD_HANDLE, OCELLI_ERR_PROMPT
/// (the model takes no pictures), OCELLI_ERR_ORDER or OCELLI_ERR_UNSUPPORTED (flags, or the file has no wording for it: see OCELLI_CAN_SHOTS).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_session_add_shot(
    session: *mut ocelli_session,
    image: *const ocelli_image,
    question: *const c_char,
    text: *const c_char,
    flags: u32,
) -> i32 {
    on(session, |held| {
        known("flags", flags, OCELLI_SHOT_QUERY)?;
        let picture = if image.is_null() { None } else { Some(picture(image)?) };
        // SAFETY: the header's rules on strings.
        let (question, text) = unsafe {
            let question = (!question.is_null()).then(|| strings::given("question", question)).transpose()?;
            (question, strings::given("text", text)?.to_owned())
        };
        let told = match question {
            Some(question) => Told::Answer { question: question.to_owned(), answer: text },
            None => Told::Text(text),
        };
        held.begin_piece()?;
        Ok(held.conversation.add_shot(&Shot { picture, told }, flags & OCELLI_SHOT_QUERY == 0)?)
    })
}

/// Appends a turn of a conversation: a role, which is "system", "user", "assistant" or what else the file's chat template knows,
/// count pictures, and behind them text of size bytes. The prompt is then what the template makes of all turns, and
/// ocelli_session_generate() or _start() asks for an answer, which becomes a turn of the assistant. All of text is text: neither
/// names of special tokens nor <image> are read in it. Everything else is as in a session without turns: pieces, tokens one by
/// one, cancelling, scores of answers, forking, saving; what was read stays read. ocelli_session_clear() begins anew.
///
/// Where the context has no room for the turns and an answer, the oldest are dropped, but none of the system's and not the
/// newest: ocelli_usage.dropped tells how many. What the template refuses is told when an answer is asked for; the turn is
/// there still then, see ocelli_session_take_turn_back().
///
/// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_INVALID_UTF8, OCELLI_ERR_BAD_HANDLE,
/// OCELLI_ERR_PROMPT (the file has no chat template or one that cannot be read, or the model takes no pictures) or
/// OCELLI_ERR_ORDER (the prompt has pieces that are no turns; so do the other ocelli_session_add functions where it has turns).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_session_add_turn(
    session: *mut ocelli_session,
    role: *const c_char,
    images: *const *const ocelli_image,
    count: usize,
    text: *const c_char,
    size: usize,
) -> i32 {
    on(session, |held| {
        // SAFETY: the header's rules on strings and arrays.
        let (role, images, text) = unsafe {
            (
                strings::given("role", role)?,
                strings::slice("images", images, count)?,
                strings::sized("text", text, size)?,
            )
        };
        let pictures = images.iter().map(|&image| picture(image)).collect::<Result<Vec<_>, _>>()?;
        held.begin();
        if held.conversation.messages().is_empty() && !held.conversation.prompt().is_empty() {
            return Err(Failure::new(OCELLI_ERR_ORDER, "the prompt has pieces without roles: clear the session first"));
        }
        Ok(held.conversation.say(role, pictures, text)?)
    })
}

/// Takes the newest turn away: one whose answer failed, or an answer that is to be generated anew.
///
/// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER or OCELLI_ERR_NOT_FOUND (there is no turn).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_session_take_turn_back(session: *mut ocelli_session) -> i32 {
    on(session, |held| {
        held.begin();
        let taken = held.conversation.take_back();
        taken.map(|_| ()).ok_or_else(|| Failure::new(OCELLI_ERR_NOT_FOUND, "there is no turn to take back"))
    })
}

/// What was said: the role of a turn and its text, index counting from 0, below ocelli_usage.turns; images, unless NULL,
/// receives how many pictures it has. The rules on both buffers, their capacities and what they need are those of
/// ocelli_last_error(). A text that is being written ends here.
///
/// Returns OCELLI_OK, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER or
/// OCELLI_ERR_NOT_FOUND (there are not that many).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_session_turn(
    session: *mut ocelli_session,
    index: usize,
    role: *mut c_char,
    role_capacity: usize,
    role_needed: *mut usize,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
    images: *mut usize,
) -> i32 {
    on(session, |held| {
        held.begin();
        if held.conversation.is_writing() {
            // Which ends it.
            held.conversation.used()?;
        }
        // SAFETY: the header's rules on buffers.
        unsafe {
            strings::text("", role, role_capacity, role_needed)?;
            strings::text("", buffer, capacity, needed)?;
        }
        let turns = held.conversation.messages();
        let said = turns.get(index).ok_or_else(|| {
            let text = format!("the conversation has {} turns, and {index} is asked for", turns.len());
            Failure::new(OCELLI_ERR_NOT_FOUND, text)
        })?;
        // SAFETY: the header's rules on pointers and buffers.
        unsafe {
            strings::tell(images, said.pictures.len());
            let told = strings::text(&said.role, role, role_capacity, role_needed);
            told.and(strings::text(&said.text, buffer, capacity, needed))
        }
    })
}

/// Empties the prompt. What follows is as in a new session, but that encoded pictures are still known.
///
/// Returns OCELLI_OK or OCELLI_ERR_NULL_PARAMETER.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_session_clear(session: *mut ocelli_session) -> i32 {
    on(session, |held| {
        held.begin();
        held.conversation.clear();
        Ok(())
    })
}
