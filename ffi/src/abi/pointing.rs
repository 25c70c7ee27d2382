//! Where something is in a picture, in a model's own words.

use super::model::on;
use super::ocelli_model;
use crate::{options, strings};
use ocelli_engine::pointing::Pointed;
use std::ffi::c_char;

/// A box in a picture, by shares of its width and height from the upper left corner on. It never grows, so it has no size in it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub struct ocelli_box {
    /// Which phrase it is of, from 0; one phrase may have several boxes, one after the other.
    pub phrase: u32,
    /// Where the phrase's words begin in the buffer of ocelli_boxes(): they are NUL-terminated there.
    pub words: u32,
    /// Its left edge.
    pub left: f32,
    /// Its upper edge.
    pub top: f32,
    /// Its right edge.
    pub right: f32,
    /// Its lower edge.
    pub bottom: f32,
}

/// What a text of size bytes says of places: a model's answer that was generated with keep_special, and where the prompt asks for
/// places or has some, the prompt's text before it. The buffer receives the text as people read it, NUL-terminated, and behind it
/// the words of each phrase that has a place, each NUL-terminated; the rules on buffer, capacity and needed are those of
/// ocelli_last_error(), but that what is cut may end anywhere. count, unless NULL, receives how many boxes there are; as many as
/// room allows are written to boxes, which may be NULL if that is 0.
///
/// A model whose file names no way of pointing (the key ocelli.pointing.kind) has said nothing of places, and the text is as it is.
///
/// Returns OCELLI_OK, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_INVALID_UTF8 or
/// OCELLI_ERR_BAD_PARAMETER.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_boxes(
    model: *const ocelli_model,
    text: *const c_char,
    size: usize,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
    boxes: *mut ocelli_box,
    room: usize,
    count: *mut usize,
) -> i32 {
    on(model, |cell| {
        // SAFETY: the header's rules on strings.
        let text = unsafe { strings::sized("text", text, size) }?;
        let plain = || Pointed { text: text.to_owned(), phrases: Vec::new() };
        let pointed = cell.model.pointing().map_or_else(plain, |pointing| pointing.read(text));
        let (mut bytes, mut all) = (pointed.text.into_bytes(), Vec::new());
        for (number, phrase) in pointed.phrases.iter().enumerate() {
            bytes.push(0);
            let (phrase_number, words) = (options::number(number), options::number(bytes.len()));
            bytes.extend_from_slice(phrase.text.as_bytes());
            #[allow(clippy::cast_possible_truncation)] // shares of a picture
            all.extend(phrase.boxes.iter().map(|corners| {
                let [left, top, right, bottom] = corners.map(|share| share as f32);
                ocelli_box { phrase: phrase_number, words, left, top, right, bottom }
            }));
        }
        // SAFETY: the header's rules on buffers and arrays.
        let both = unsafe {
            [strings::bytes(&bytes, buffer, capacity, needed), strings::items("boxes", &all, boxes, room, count)]
        };
        both.into_iter().collect()
    })
}
