//! Pictures matched with texts through C, by a model that transformers has the answers of.

#![allow(clippy::unwrap_used)]
#![allow(unsafe_code)] // calls the C interface

use ocelli::abi::*;
use ocelli::status::{
    OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_CONTEXT, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_UNSUPPORTED, OCELLI_OK,
};
use ocelli_convert::Options;
use ocelli_quant::TensorType;
use ocelli_tests::golden::Sample;
use ocelli_tests::itm_golden::ItmGolden;
use std::ffi::{CString, c_char};
use std::ptr::{null, null_mut};

static TINY: &[u8] = include_bytes!("../../cli/models/tiny-blip2.gguf");

/// A converted golden.
fn converted(golden: &ItmGolden) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    golden.write(&dir.path().join("hf")).unwrap();
    let file = dir.path().join("model.gguf");
    ocelli_convert::convert(&dir.path().join("hf"), &file, &Options::new(TensorType::F32), &()).unwrap();
    std::fs::read(file).unwrap()
}

/// What `call` writes, asked for its size first.
fn numbers(call: impl Fn(*mut f32, usize, *mut usize) -> i32) -> Vec<f32> {
    let mut needed = 0;
    call(null_mut(), 0, &raw mut needed);
    let mut values = vec![0.0; needed];
    assert_eq!(call(values.as_mut_ptr(), needed, null_mut()), OCELLI_OK);
    values
}

fn same(got: &[f32], want: &Sample) {
    assert_eq!(got.len(), want.shape.iter().product::<usize>());
    for (&at, want) in want.index.iter().zip(&want.values) {
        assert!((got[at] - want).abs() < 1e-3, "{at}: {} for {want}", got[at]);
    }
}

#[test]
fn pictures_and_texts_are_matched_and_embedded() {
    let golden = ItmGolden::load("default").unwrap();
    let bytes = converted(&golden);
    let (mut model, mut session, mut image) = (null_mut(), null_mut(), null_mut());
    let text = |index: usize| golden.texts[index].text.as_str();
    // SAFETY: the bytes are there during the calls, which copy them; pointers are to live values; handles are looked up.
    unsafe {
        assert_eq!(ocelli_model_open_memory(bytes.as_ptr().cast(), bytes.len(), null(), &raw mut model), OCELLI_OK);
        let mut info: ocelli_model_info = std::mem::zeroed();
        (&raw mut info).cast::<u32>().write(u32::try_from(size_of::<ocelli_model_info>()).unwrap());
        assert_eq!(ocelli_model_get_info(model, &raw mut info), OCELLI_OK);
        assert_eq!(info.can & OCELLI_CAN_MATCH, OCELLI_CAN_MATCH);
        assert_eq!(ocelli_session_open(model, null(), &raw mut session), OCELLI_OK);
        let picture = &golden.pictures[1].picture;
        let (rgb, stride) = (picture.rgb(), picture.width as usize * 3);
        let pixels = rgb.as_ptr().cast();
        let opened = ocelli_image_open_pixels(
            pixels,
            rgb.len(),
            picture.width,
            picture.height,
            stride,
            OCELLI_PIXELS_RGB,
            &raw mut image,
        );
        assert_eq!(opened, OCELLI_OK);
        for want in golden.pairs.iter().filter(|pair| pair.image == 1) {
            let (text, mut score) = (text(want.text), -1.0);
            let size = text.len();
            assert_eq!(ocelli_session_match(session, image, text.as_ptr().cast(), size, &raw mut score), OCELLI_OK);
            assert!((score - want.itm).abs() < 1e-4, "{score} for {}", want.itm);
        }
        let seen = |kind| {
            numbers(|values, capacity, needed| ocelli_session_embed(session, image, kind, values, capacity, needed))
        };
        same(&seen(OCELLI_EMBED_COMPARED), &golden.pictures[1].embedding);
        same(&seen(OCELLI_EMBED_COMPARED_RAW), &golden.pictures[1].raw);
        let said = CString::new(text(2)).unwrap();
        assert_eq!(ocelli_session_add_text(session, said.as_ptr(), said.as_bytes().len()), OCELLI_OK);
        let read = |kind| {
            numbers(|values, capacity, needed| ocelli_session_embed(session, null(), kind, values, capacity, needed))
        };
        same(&read(OCELLI_EMBED_TEXT), &golden.texts[2].embedding);
        same(&read(OCELLI_EMBED_TEXT_RAW), &golden.texts[2].raw);

        let refused = |image, kind| ocelli_session_embed(session, image, kind, null_mut(), 0, null_mut());
        assert_eq!(refused(image, OCELLI_EMBED_TEXT), OCELLI_ERR_BAD_PARAMETER);
        assert_eq!(refused(null(), OCELLI_EMBED_COMPARED), OCELLI_ERR_NULL_PARAMETER);
        let long = "a ".repeat(200);
        let mut score = 0.0;
        let matched = |text: *const c_char, size, score| ocelli_session_match(session, image, text, size, score);
        assert_eq!(matched(long.as_ptr().cast(), long.len(), &raw mut score), OCELLI_ERR_CONTEXT);
        assert_eq!(matched(long.as_ptr().cast(), 2, null_mut()), OCELLI_ERR_NULL_PARAMETER);
        assert_eq!(ocelli_session_close(session), OCELLI_OK);
        assert_eq!(ocelli_model_close(model), OCELLI_OK);

        // A model that answers questions compares nothing.
        assert_eq!(ocelli_model_open_memory(TINY.as_ptr().cast(), TINY.len(), null(), &raw mut model), OCELLI_OK);
        assert_eq!(ocelli_session_open(model, null(), &raw mut session), OCELLI_OK);
        let matched = ocelli_session_match(session, image, long.as_ptr().cast(), 2, &raw mut score);
        assert_eq!(matched, OCELLI_ERR_UNSUPPORTED);
        let embedded = ocelli_session_embed(session, image, OCELLI_EMBED_COMPARED, null_mut(), 0, null_mut());
        assert_eq!(embedded, OCELLI_ERR_UNSUPPORTED);
        assert_eq!(ocelli_session_close(session), OCELLI_OK);
        assert_eq!(ocelli_image_close(image), OCELLI_OK);
        assert_eq!(ocelli_model_close(model), OCELLI_OK);
    }
}
