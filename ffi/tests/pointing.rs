//! Phrases and their boxes as C has them.

#![allow(clippy::unwrap_used)]
#![allow(unsafe_code)] // calls the C interface

use ocelli::abi::{ocelli_box, ocelli_boxes, ocelli_model, ocelli_model_close, ocelli_model_open_memory};
use ocelli::status::{OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_INVALID_UTF8, OCELLI_OK};
use ocelli_quant::gguf::{Gguf, MetaValue, Writer};
use std::ffi::{CStr, c_char};
use std::ptr::{null, null_mut};
use std::sync::Arc;

static TINY: &[u8] = include_bytes!("../../cli/models/tiny-blip2.gguf");
const TEXT: &str = "<grounding>An image of<phrase> a snowman</phrase><object><patch_index_0044><patch_index_0863>\
                    </delimiter_of_multi_objects/><patch_index_0000><patch_index_1023></object> by<phrase> a fire\
                    </phrase><object><patch_index_0005><patch_index_0911></object>.";

fn pointing() -> Vec<u8> {
    let tiny = Gguf::parse(Arc::new(TINY)).unwrap();
    let mut writer = Writer::new();
    for (key, value) in tiny.keys() {
        writer.set(key, value);
    }
    writer.set("ocelli.pointing.kind", MetaValue::Str("cells".to_owned()));
    writer.set("ocelli.pointing.scale", MetaValue::U32(32));
    for tensor in tiny.tensors() {
        writer.tensor(&tensor.name, &tensor.shape, tensor.ty);
    }
    let mut body = writer.begin(Vec::new()).unwrap();
    for tensor in tiny.tensors() {
        body.write(tiny.data(tensor)).unwrap();
    }
    body.finish().unwrap()
}

fn open(bytes: &[u8]) -> *mut ocelli_model {
    let mut model = null_mut();
    // SAFETY: the bytes are there during the call, which copies them.
    let status = unsafe { ocelli_model_open_memory(bytes.as_ptr().cast(), bytes.len(), null(), &mut model) };
    assert_eq!(status, OCELLI_OK);
    model
}

#[test]
fn boxes_come_as_an_array_with_their_words() {
    let model = open(&pointing());
    let (mut buffer, mut boxes) = ([0 as c_char; 256], [ocelli_box::default(); 4]);
    let (mut needed, mut count) = (0, 0);
    let mut call = |text: &[u8], room: usize| {
        let (at, boxes) = (buffer.as_mut_ptr(), boxes.as_mut_ptr());
        // SAFETY: all are as long as they are said to be.
        unsafe { ocelli_boxes(model, text.as_ptr().cast(), text.len(), at, 256, &mut needed, boxes, room, &mut count) }
    };
    assert_eq!(call(TEXT.as_bytes(), 4), OCELLI_OK);
    assert_eq!(call(TEXT.as_bytes(), 2), OCELLI_ERR_BUFFER_TOO_SMALL);
    assert_eq!(call(b"\xff", 2), OCELLI_ERR_INVALID_UTF8);
    assert_eq!(call(TEXT.as_bytes(), 4), OCELLI_OK);
    let words = |at: u32| {
        // SAFETY: the function put NUL-terminated texts there.
        unsafe { CStr::from_ptr(buffer.as_ptr().add(at as usize)) }.to_str().unwrap()
    };
    assert_eq!((words(0), count), ("An image of a snowman by a fire.", 3));
    let told: Vec<_> = boxes[..3].iter().map(|b| (b.phrase, words(b.words))).collect();
    assert_eq!(told, [(0, "a snowman"), (0, "a snowman"), (1, "a fire")]);
    assert_eq!(
        [boxes[0].left, boxes[0].top, boxes[0].right, boxes[0].bottom],
        [0.390_625, 0.046_875, 0.984_375, 0.828_125]
    );
    assert_eq!(needed, "An image of a snowman by a fire.".len() + 1 + "a snowman".len() + 1 + "a fire".len() + 1);
    // SAFETY: it is open.
    unsafe { ocelli_model_close(model) };
}

#[test]
fn a_model_that_does_not_point_leaves_its_text() {
    let model = open(TINY);
    let (mut buffer, mut count) = ([0 as c_char; 512], 7);
    let status = unsafe {
        // SAFETY: all are as long as they are said to be.
        let text = TEXT.as_ptr().cast();
        ocelli_boxes(model, text, TEXT.len(), buffer.as_mut_ptr(), 512, null_mut(), null_mut(), 0, &mut count)
    };
    // SAFETY: the function put a NUL-terminated text there.
    assert_eq!((status, count, unsafe { CStr::from_ptr(buffer.as_ptr()) }.to_str().unwrap()), (OCELLI_OK, 0, TEXT));
    // SAFETY: it is open.
    unsafe { ocelli_model_close(model) };
}
