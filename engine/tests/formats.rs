//! WebP, BMP, TIFF and GIF files against Pillow's pixels (`formats_golden.json`), pictures turned upright and blended with a
//! background, and files made to break readers.
#![allow(clippy::unwrap_used, clippy::expect_used)]
#![cfg(feature = "decode-images")]

#[path = "../../fuzz/keep.rs"]
mod seeds;

use ocelli_engine::image::{Container, DecodeOptions, ImageError, ImageLimits, decode, decode_with, probe};
use proptest::prelude::*;
use serde_json::Value;

fn bytes(hex: &Value) -> Vec<u8> {
    let hex = hex.as_str().unwrap();
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

fn size(of: &Value) -> (u32, u32) {
    let side = |i: usize| u32::try_from(of["size"][i].as_u64().unwrap()).unwrap();
    (side(0), side(1))
}

fn golden() -> Vec<(String, Vec<u8>, Value)> {
    let all: Vec<Value> = serde_json::from_str(include_str!("formats_golden.json")).unwrap();
    let case = |case: Value| {
        let file = bytes(&case["file"]);
        seeds::keep("picture", &file);
        (case["name"].as_str().unwrap().to_owned(), file, case)
    };
    all.into_iter().map(case).collect()
}

fn limits() -> ImageLimits {
    ImageLimits::default()
}

#[test]
fn pixels_are_pillows_to_the_bit() {
    for (name, file, case) in golden() {
        let picture = decode(&file, &limits()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!((picture.width(), picture.height()), size(&case), "{name}");
        assert!(picture.rgb() == bytes(&case["rgb"]), "{name}");
        let info = probe(&file, &limits()).unwrap();
        let container = match name.split(' ').next().unwrap() {
            "webp" => Container::WebP,
            "bmp" => Container::Bmp,
            "tiff" => Container::Tiff,
            "gif" => Container::Gif,
            "png" => Container::Png,
            _ => Container::Jpeg,
        };
        assert_eq!(info.container, container, "{name}");
    }
}

#[test]
fn pictures_are_turned_and_blended_where_that_is_asked_for() {
    let (mut turned, mut blended) = (0, 0);
    for (name, file, case) in golden() {
        if case["upright"].is_object() {
            turned += 1;
            let picture = decode_with(&file, &DecodeOptions { upright: true, background: None }, &limits()).unwrap();
            assert_eq!((picture.width(), picture.height()), size(&case["upright"]), "{name}");
            assert!(picture.rgb() == bytes(&case["upright"]["rgb"]), "{name}");
        }
        if case["blended"].is_string() {
            blended += 1;
            let options = DecodeOptions { upright: false, background: Some([200, 100, 50]) };
            let picture = decode_with(&file, &options, &limits()).unwrap();
            assert!(picture.rgb() == bytes(&case["blended"]), "{name}");
        }
    }
    assert!(turned >= 32 && blended >= 9, "{turned}, {blended}");
}

/// What is not read says how it becomes what is.
#[test]
fn other_formats_say_how_they_are_converted() {
    for (file, words) in [
        (
            &b"\0\0\0\x18ftypheic\0\0\0\0"[..],
            "image is a HEIC; PNG, JPEG, WebP, GIF, BMP and TIFF are read: 'heif-convert",
        ),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "an AVIF; PNG, JPEG, WebP, GIF, BMP and TIFF are read: 'avifdec"),
        (b"\xff\x0a\0\0\0\0\0\0", "a JPEG XL; PNG, JPEG, WebP, GIF, BMP and TIFF are read: 'djxl"),
        (b"<svg xmlns=''></svg>", "an SVG drawing; PNG, JPEG, WebP, GIF, BMP and TIFF are read: 'rsvg-convert"),
        (b"\0\0\x01\0\x01\0\0\0", "an icon (ICO); PNG, JPEG, WebP, GIF, BMP and TIFF are read: ImageMagick"),
        (b"BM, a text of two letters", "a BMP; "),
    ] {
        let error = decode(file, &limits()).unwrap_err();
        assert!(matches!(error, ImageError::NotAPicture { .. }) && error.to_string().contains(words), "{error}");
    }
}

/// A header that declares more than the limits is refused before anything is allocated; one without pixels, too.
#[test]
fn headers_are_checked_before_anything_is_decoded() {
    for (name, file, case) in golden() {
        let (width, height) = size(&case);
        let pixels = u64::from(width) * u64::from(height);
        let small = ImageLimits { pixels: pixels - 1, ..limits() };
        let error = decode(&file, &small).unwrap_err();
        assert!(pixels == 1 || matches!(error, ImageError::TooManyPixels { .. }), "{name}: {error}");
    }
    let bmp = [&b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0"[..], &[0xff; 4], &[0, 0, 0, 0x80], &[0; 60]].concat();
    assert!(matches!(decode(&bmp, &limits()), Err(ImageError::SideTooLong { height: 0x8000_0000, .. })));
    assert!(matches!(decode(b"II*\0\x08\0\0\0\0\0\0\0", &limits()), Err(ImageError::NoPixels { .. })));
    assert!(matches!(decode(b"II*\0\xff\xff\xff\xff", &limits()), Err(ImageError::Truncated { .. })));
    assert!(matches!(decode(b"GIF89a\0\0\0\0", &limits()), Err(ImageError::NoPixels { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Any change of any file is decoded or refused.
    #[test]
    fn damaged_files_are_refused_or_decoded(
        pick in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        shorter in any::<bool>(),
    ) {
        let all = golden();
        let (_, mut file, _) = all[pick.index(all.len())].clone();
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if shorter {
            file.truncate(cut.index(file.len()));
        }
        let small = ImageLimits { pixels: 1 << 16, ..limits() };
        let options = DecodeOptions { upright: true, background: Some([1, 2, 3]) };
        if let Ok(picture) = decode_with(&file, &options, &small) {
            prop_assert_eq!(picture.rgb().len(), picture.width() as usize * picture.height() as usize * 3);
        }
    }
}
