//! Conversations and demonstrations through C: what a chat template and a file's wordings make of turns and shots.

#![allow(clippy::unwrap_used)]
#![allow(unsafe_code)] // calls the C interface

use ocelli::abi::*;
use ocelli::status::{OCELLI_ERR_CANCELLED, OCELLI_ERR_NOT_FOUND, OCELLI_ERR_ORDER, OCELLI_ERR_PROMPT, OCELLI_OK};
use ocelli_quant::gguf::{Gguf, MetaValue, Writer};
use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr::{null, null_mut};
use std::sync::Arc;

static TINY: &[u8] = include_bytes!("../../cli/models/tiny-blip2.gguf");
static FLAMINGO: &[u8] = include_bytes!("../../tests/zoo/tiny-flamingo.gguf");
static BLUE: &[u8] = include_bytes!("../../tests/pictures/blue_circle.png");
static RED: &[u8] = include_bytes!("../../tests/pictures/red_triangle.png");
const ASK: &str = "what color is the shape?";

/// The tiny model with a chat template, which refuses what somebody called "nobody" says.
fn chatting() -> Vec<u8> {
    const TEMPLATE: &str = "{% for m in messages %}{% if m.role == 'nobody' %}{{ raise_exception('who?') }}{% endif %}\
        {{ 'Question: ' + m.content + ' Answer:' if m.role == 'user' else m.content + ' ' }}{% endfor %}";
    let tiny = Gguf::parse(Arc::new(TINY)).unwrap();
    let mut writer = Writer::new();
    for (key, value) in tiny.keys() {
        writer.set(key, value);
    }
    writer.set("tokenizer.chat_template", MetaValue::from(TEMPLATE));
    for tensor in tiny.tensors() {
        writer.tensor(&tensor.name, &tensor.shape, tensor.ty);
    }
    let mut body = writer.begin(Vec::new()).unwrap();
    for tensor in tiny.tensors() {
        body.write(tiny.data(tensor)).unwrap();
    }
    body.finish().unwrap()
}

/// A struct of zeroes that knows its size.
fn sized<T: Copy>() -> T {
    // SAFETY: zeroes are a value of every struct of the header, and its first four bytes are its size.
    unsafe {
        let mut value: T = std::mem::zeroed();
        (&raw mut value).cast::<u32>().write(u32::try_from(size_of::<T>()).unwrap());
        value
    }
}

fn message() -> String {
    let mut buffer = [0 as c_char; OCELLI_LAST_ERROR_CAPACITY];
    // SAFETY: the buffer is as long as said, and what is written ends with a NUL.
    unsafe {
        ocelli_last_error(buffer.as_mut_ptr(), buffer.len(), null_mut());
        CStr::from_ptr(buffer.as_ptr()).to_str().unwrap().to_owned()
    }
}

struct Open {
    model: *mut ocelli_model,
    session: *mut ocelli_session,
    blue: *mut ocelli_image,
    red: *mut ocelli_image,
}

impl Open {
    fn new(bytes: &[u8], layout: &ocelli_session_options) -> Self {
        let mut open = Self { model: null_mut(), session: null_mut(), blue: null_mut(), red: null_mut() };
        // SAFETY: the bytes are there during the calls, which copy them; handles are looked up.
        unsafe {
            let status = ocelli_model_open_memory(bytes.as_ptr().cast(), bytes.len(), null(), &raw mut open.model);
            assert_eq!(status, OCELLI_OK, "{}", message());
            assert_eq!(ocelli_session_open(open.model, layout, &raw mut open.session), OCELLI_OK, "{}", message());
            for (png, image) in [(BLUE, &raw mut open.blue), (RED, &raw mut open.red)] {
                assert_eq!(ocelli_image_open_memory(png.as_ptr().cast(), png.len(), image), OCELLI_OK);
            }
        }
        open
    }

    fn say(&self, role: &str, image: *mut ocelli_image, text: &str) -> i32 {
        let (role, images) = (CString::new(role).unwrap(), [image.cast_const()]);
        let (count, bytes) = (usize::from(!image.is_null()), text.as_ptr().cast());
        // SAFETY: as many images as said, or none.
        unsafe { ocelli_session_add_turn(self.session, role.as_ptr(), images.as_ptr(), count, bytes, text.len()) }
    }

    fn answer(&self, most: u32) -> Result<String, i32> {
        let options = ocelli_generate_options { max_new_tokens: most, ..sized() };
        let mut buffer = [0 as c_char; 4096];
        // SAFETY: the buffer is as long as said.
        unsafe {
            match ocelli_session_generate(self.session, &raw const options, None, null_mut(), null_mut()) {
                OCELLI_OK => {}
                status => return Err(status),
            }
            let (text, room) = (buffer.as_mut_ptr(), buffer.len());
            ocelli_session_answer(self.session, text, room, null_mut(), null_mut(), 0, null_mut());
            Ok(CStr::from_ptr(text).to_str().unwrap().to_owned())
        }
    }

    fn turns(&self) -> Vec<(String, String, usize)> {
        let mut turns = Vec::new();
        loop {
            let (mut role, mut text, mut images) = ([0 as c_char; 64], [0 as c_char; 4096], 0);
            // SAFETY: buffers are as long as said.
            unsafe {
                let (a, b, none) = (role.as_mut_ptr(), text.as_mut_ptr(), null_mut());
                match ocelli_session_turn(self.session, turns.len(), a, 64, none, b, 4096, none, &raw mut images) {
                    OCELLI_ERR_NOT_FOUND => return turns,
                    status => assert_eq!(status, OCELLI_OK, "{}", message()),
                }
                let string = |at: *const c_char| CStr::from_ptr(at).to_str().unwrap().to_owned();
                turns.push((string(a), string(b), images));
            }
        }
    }

    fn roles(&self) -> String {
        self.turns().iter().map(|turn| &turn.0[..1]).collect()
    }

    fn usage(&self) -> ocelli_usage {
        let mut usage = sized();
        // SAFETY: a struct of the size it says.
        assert_eq!(unsafe { ocelli_session_usage(self.session, &raw mut usage) }, OCELLI_OK, "{}", message());
        usage
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // SAFETY: opened in `new`.
        unsafe {
            ocelli_session_close(self.session);
            ocelli_model_close(self.model);
            ocelli_image_close(self.blue);
            ocelli_image_close(self.red);
        }
    }
}

#[test]
fn a_conversation_is_what_the_template_makes_of_its_turns() {
    let chat = Open::new(&chatting(), &sized());
    assert_eq!(chat.say("user", chat.blue, ASK), OCELLI_OK, "{}", message());
    assert_eq!(chat.answer(4).as_deref(), Ok(" blue"));
    let read = chat.usage();
    assert_eq!((read.turns, read.dropped, chat.turns()[0].2), (2, 0, 1));
    assert_eq!(chat.say("user", chat.red, ASK), OCELLI_OK);
    assert!(chat.answer(4).is_ok());
    assert!(chat.usage().reused >= read.prompt, "what was read stays read");
    assert_eq!(chat.roles(), "uaua");
}

#[test]
fn a_conversation_does_what_sessions_do() {
    let chat = Open::new(&chatting(), &sized());
    assert_eq!(chat.say("user", chat.blue, ASK), OCELLI_OK);
    // Cancelled, the turn is there still; taken back, it is not.
    // SAFETY: handles are looked up.
    unsafe { assert_eq!(ocelli_session_cancel(chat.session), OCELLI_OK) };
    assert_eq!(chat.answer(4), Err(OCELLI_ERR_CANCELLED));
    assert_eq!(chat.roles(), "u");
    // SAFETY: as above.
    unsafe { assert_eq!(ocelli_session_take_turn_back(chat.session), OCELLI_OK) };
    assert_eq!((chat.roles().as_str(), chat.usage().turns), ("", 0));
    // Token by token.
    assert_eq!(chat.say("user", chat.blue, ASK), OCELLI_OK);
    let mut text = String::new();
    // SAFETY: as above, and buffers are as long as said.
    unsafe {
        assert_eq!(ocelli_session_start(chat.session, null()), OCELLI_OK, "{}", message());
        let (mut finish, mut buffer) = (OCELLI_FINISH_NONE, [0 as c_char; 64]);
        while finish == OCELLI_FINISH_NONE {
            let (piece, none) = (buffer.as_mut_ptr(), null_mut());
            assert_eq!(ocelli_session_next(chat.session, null_mut(), piece, 64, none, &raw mut finish), OCELLI_OK);
            text.push_str(CStr::from_ptr(piece).to_str().unwrap());
        }
    }
    assert_eq!((text.as_str(), chat.roles().as_str()), (" blue", "ua"));
    // Saved and restored.
    let other = Open::new(&chatting(), &sized());
    // SAFETY: as above.
    unsafe {
        let mut size = 0;
        assert_eq!(ocelli_session_save(chat.session, null_mut(), 0, &raw mut size), OCELLI_OK);
        let mut state = vec![0u8; size];
        let at = state.as_mut_ptr().cast::<c_void>();
        assert_eq!(ocelli_session_save(chat.session, at, size, &raw mut size), OCELLI_OK);
        assert_eq!(ocelli_session_restore(other.session, at, size), OCELLI_OK, "{}", message());
    }
    assert_eq!(other.turns(), chat.turns());
    assert_eq!((chat.say("user", chat.red, ASK), other.say("user", other.red, ASK)), (OCELLI_OK, OCELLI_OK));
    assert_eq!(chat.answer(4), other.answer(4));
}

#[test]
fn the_oldest_turns_are_dropped_and_told() {
    let chat = Open::new(&chatting(), &ocelli_session_options { context: 96, ..sized() });
    assert_eq!(chat.say("system", null_mut(), "Be brief."), OCELLI_OK);
    let mut dropped = 0;
    for _ in 0..8 {
        assert_eq!(chat.say("user", chat.blue, ASK), OCELLI_OK);
        assert!(chat.answer(3).is_ok(), "{}", message());
        dropped += chat.usage().dropped;
    }
    let left = chat.turns();
    assert_eq!(left.len() + dropped as usize, 17);
    assert!(dropped > 0 && left[0].0 == "system" && left[1].0 == "user", "{left:?}");
}

#[test]
fn turns_and_pieces_do_not_mix() {
    let chat = Open::new(&chatting(), &sized());
    assert_eq!(chat.say("user", null_mut(), ASK), OCELLI_OK);
    // SAFETY: handles are looked up; literals.
    unsafe {
        let session = chat.session;
        assert_eq!(ocelli_session_add_text(session, c"more".as_ptr(), 4), OCELLI_ERR_ORDER);
        assert_eq!(ocelli_session_add_image(session, chat.blue), OCELLI_ERR_ORDER);
        assert_eq!(ocelli_session_add_tokens(session, [3].as_ptr(), 1), OCELLI_ERR_ORDER);
        assert_eq!(ocelli_session_clear(session), OCELLI_OK);
        assert_eq!(ocelli_session_add_text(session, c"more".as_ptr(), 4), OCELLI_OK);
    }
    assert_eq!(chat.say("user", null_mut(), ASK), OCELLI_ERR_ORDER);
    // SAFETY: as above.
    unsafe { ocelli_session_clear(chat.session) };
    // What the template refuses is told when an answer is asked for.
    assert_eq!(chat.say("nobody", null_mut(), "hello"), OCELLI_OK);
    assert_eq!(chat.answer(4), Err(OCELLI_ERR_PROMPT));
    assert!(message().contains("who?"), "{}", message());
    assert_eq!(Open::new(TINY, &sized()).say("user", null_mut(), ASK), OCELLI_ERR_PROMPT, "no template");
}

#[test]
fn demonstrations_are_worded_as_the_file_does() {
    let shots = Open::new(FLAMINGO, &sized());
    let mut info: ocelli_model_info = sized();
    let shot = |image: *mut ocelli_image, text: &CStr, flags: u32| {
        // SAFETY: handles are looked up; texts end.
        let status = unsafe { ocelli_session_add_shot(shots.session, image, null(), text.as_ptr(), flags) };
        assert_eq!(status, OCELLI_OK, "{}", message());
    };
    shot(shots.blue, c"This is a dax.", 0);
    shot(shots.red, c"This is a fep.", 0);
    shot(shots.blue, c"This is a", OCELLI_SHOT_QUERY);
    let (texts, mut sums) = ([c" dax".as_ptr(), c" fep".as_ptr()], [0f64; 2]);
    // SAFETY: as many texts and sums as said.
    unsafe {
        assert_eq!(ocelli_model_get_info(shots.model, &raw mut info), OCELLI_OK);
        let status = ocelli_session_score(shots.session, texts.as_ptr(), 2, sums.as_mut_ptr(), null_mut());
        assert_eq!(status, OCELLI_OK, "{}", message());
    }
    assert!(info.can & OCELLI_CAN_SHOTS != 0 && sums[0] > sums[1], "{sums:?}");
}
