//! How a picture's file is read: upright, and on a background, as Pillow's pixels of tests/formats_golden.json have it.

#![allow(clippy::unwrap_used)]
#![allow(unsafe_code)] // calls the C interface

use ocelli::abi::*;
use ocelli::status::*;
use std::ffi::CString;
use std::path::Path;
use std::ptr::{null, null_mut};

/// A text field of the golden case of that name; they are hexadecimal.
fn field(name: &str, field: &str) -> Vec<u8> {
    const GOLDEN: &str = include_str!("../../engine/tests/formats_golden.json");
    let case = &GOLDEN[GOLDEN.find(&format!("\"{name}\"")).unwrap()..];
    let value = &case[case.find(&format!("\"{field}\"")).unwrap() + field.len() + 2..];
    let hex = value.split('"').nth(1).unwrap();
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

fn options() -> ocelli_image_options {
    let struct_size = u32::try_from(size_of::<ocelli_image_options>()).unwrap();
    ocelli_image_options { struct_size, upright: 0, blend: 0, background: 0 }
}

fn open(bytes: &[u8], options: Option<&ocelli_image_options>) -> (i32, *mut ocelli_image) {
    let mut image = null_mut();
    let options = options.map_or(null(), std::ptr::from_ref);
    // SAFETY: bytes with their length, options of their size, and a place for the handle.
    let status = unsafe { ocelli_image_open_with(null(), bytes.as_ptr().cast(), bytes.len(), options, &raw mut image) };
    (status, image)
}

fn size(image: *mut ocelli_image) -> (u32, u32) {
    let (mut width, mut height) = (0, 0);
    // SAFETY: a handle and places for two numbers.
    assert_eq!(unsafe { ocelli_image_size(image, &raw mut width, &raw mut height) }, OCELLI_OK);
    (width, height)
}

/// What the tiny model's tower makes of a picture.
fn features(session: *mut ocelli_session, image: *mut ocelli_image) -> Vec<f32> {
    let (mut values, mut needed) = (vec![0.0f32; 4096], 0);
    // SAFETY: handles and a buffer with its length.
    let status = unsafe {
        ocelli_session_embed(session, image, OCELLI_EMBED_FEATURES, values.as_mut_ptr(), values.len(), &raw mut needed)
    };
    assert_eq!(status, OCELLI_OK);
    values.truncate(needed);
    values
}

#[test]
fn pictures_are_turned_and_blended_where_asked_for() {
    let turned = field("png turned 5", "file");
    let upright = ocelli_image_options { upright: 1, ..options() };
    assert_eq!(size(open(&turned, None).1), (13, 7));
    assert_eq!(size(open(&turned, Some(&options())).1), (13, 7));
    assert_eq!(size(open(&turned, Some(&upright)).1), (7, 13));
    // From a file as well.
    let path = std::env::temp_dir().join(format!("ocelli-turned-{}.png", std::process::id()));
    std::fs::write(&path, &turned).unwrap();
    let name = CString::new(path.to_str().unwrap()).unwrap();
    let mut image = null_mut();
    // SAFETY: a string, no bytes, options of their size, and a place for the handle.
    let status = unsafe { ocelli_image_open_with(name.as_ptr(), null(), 0, &raw const upright, &raw mut image) };
    std::fs::remove_file(&path).unwrap();
    assert_eq!((status, size(image)), (OCELLI_OK, (7, 13)));
    // SAFETY: as before; a path and bytes at once are one too many.
    let status = unsafe { ocelli_image_open_with(name.as_ptr(), null(), 5, null(), &raw mut image) };
    assert_eq!(status, OCELLI_ERR_BAD_PARAMETER);

    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/models/tiny-blip2.gguf");
    let model_path = CString::new(model.to_str().unwrap()).unwrap();
    let (mut model, mut session) = (null_mut(), null_mut());
    // SAFETY: a string, the defaults, and places for the handles.
    unsafe {
        assert_eq!(ocelli_model_open(model_path.as_ptr(), null(), &raw mut model), OCELLI_OK);
        assert_eq!(ocelli_session_open(model, null(), &raw mut session), OCELLI_OK);
    }
    let (file, pixels) = (field("png alpha", "file"), field("png alpha", "blended"));
    let blended = ocelli_image_options { blend: 1, background: 0x00c8_6432, ..options() };
    let mut wanted = null_mut();
    // SAFETY: pixels with their length, and a place for the handle.
    let status = unsafe {
        ocelli_image_open_pixels(pixels.as_ptr().cast(), pixels.len(), 13, 7, 0, OCELLI_PIXELS_RGB, &raw mut wanted)
    };
    assert_eq!(status, OCELLI_OK);
    let seen = features(session, open(&file, Some(&blended)).1);
    assert_eq!(seen, features(session, wanted));
    assert_ne!(seen, features(session, open(&file, None).1));
    // SAFETY: handles.
    unsafe { assert_eq!((ocelli_session_close(session), ocelli_model_close(model)), (OCELLI_OK, OCELLI_OK)) };
}

#[test]
fn what_has_no_meaning_is_refused() {
    let file = field("png alpha", "file");
    for wrong in [
        ocelli_image_options { upright: 2, ..options() },
        ocelli_image_options { blend: 7, ..options() },
        ocelli_image_options { blend: 1, background: 0x0100_0000, ..options() },
        ocelli_image_options { background: 1, ..options() },
        ocelli_image_options { struct_size: 3, ..options() },
    ] {
        assert_eq!(open(&file, Some(&wrong)).0, OCELLI_ERR_BAD_PARAMETER);
    }
}
