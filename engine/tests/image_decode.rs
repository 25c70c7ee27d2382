//! PNG and JPEG files against Pillow's pixels (`image_golden.json`), and files made to break decoders. More of JPEG is in
//! `jpeg.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used)]
#![cfg(feature = "decode-images")]

#[path = "../../fuzz/keep.rs"]
mod seeds;

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use ocelli_engine::image::{Container, ImageError, ImageLimits, Preprocess, decode, probe};
use proptest::prelude::*;
use serde_json::Value;

/// A file and the pixels Pillow makes of it.
struct Case {
    name: String,
    file: Vec<u8>,
    size: (u32, u32),
    rgb: Vec<u8>,
}

fn golden(key: &str) -> Vec<Case> {
    let all: Value = serde_json::from_str(include_str!("image_golden.json")).unwrap();
    let bytes = |v: &Value| -> Vec<u8> {
        let hex = v.as_str().unwrap();
        (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
    };
    let side = |v: &Value| u32::try_from(v.as_u64().unwrap()).unwrap();
    let case = |c: &Value| Case {
        name: c["name"].as_str().unwrap().to_owned(),
        file: bytes(&c["file"]),
        size: (side(&c["size"][0]), side(&c["size"][1])),
        rgb: bytes(&c["rgb"]),
    };
    let cases: Vec<Case> = all[key].as_array().unwrap().iter().map(case).collect();
    cases.iter().for_each(|case| seeds::keep("picture", &case.file));
    cases
}

fn limits() -> ImageLimits {
    ImageLimits::default()
}

fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = u32::MAX;
    for &byte in name.iter().chain(data) {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    let mut out = u32::try_from(data.len()).unwrap().to_be_bytes().to_vec();
    out.extend(name);
    out.extend(data);
    out.extend((!crc).to_be_bytes());
    out
}

fn png(width: u32, height: u32, depth: u8, colour: u8, chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut header = width.to_be_bytes().to_vec();
    header.extend(height.to_be_bytes());
    header.extend([depth, colour, 0, 0, 0]);
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    out.extend(chunk(b"IHDR", &header));
    out.extend(chunks.concat());
    out.extend(chunk(b"IEND", &[]));
    seeds::keep("picture", &out);
    out
}

fn encoded_png(width: u32, height: u32) -> Vec<u8> {
    let rgb: Vec<u8> = (0..width * height * 3).map(|i| (i * 7 % 251) as u8).collect();
    let mut out = Vec::new();
    PngEncoder::new(&mut out).write_image(&rgb, width, height, ExtendedColorType::Rgb8).unwrap();
    out
}

#[test]
fn pixels_are_pillows_to_the_bit() {
    for Case { name, file, size, rgb } in golden("png").into_iter().chain(golden("jpeg")) {
        let picture = decode(&file, &limits()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!((picture.width(), picture.height()), size, "{name}");
        assert_eq!(picture.rgb(), rgb, "{name}");
    }
}

#[test]
fn what_was_encoded_is_decoded() {
    let picture = decode(&encoded_png(31, 17), &limits()).unwrap();
    assert!(picture.rgb().iter().zip(0u32..).all(|(&v, i)| u32::from(v) == i * 7 % 251));
    let info = probe(&encoded_png(31, 17), &limits()).unwrap();
    assert_eq!((info.container, info.width, info.height), (Container::Png, 31, 17));
    // V-03, V-13: one pixel works all the way.
    let pixels = Preprocess::blip(14).apply(&decode(&encoded_png(1, 1), &limits()).unwrap()).unwrap();
    assert_eq!(pixels.data.len(), 3 * 14 * 14);
}

#[test]
fn files_that_are_no_picture_are_named() {
    for (bytes, name) in [
        (&b"BM\x36\0\0\0"[..], "a BMP"),
        (b"\0\0\0\x18ftypheic\0\0", "a HEIC"),
        (b"\0\0\0\x1cftypavif", "an AVIF"),
        (b"%PDF-1.7", "a PDF"),
        (b"GGUF\x03\0\0\0", "a GGUF model"),
        (b"  <!DOCTYPE html><html>", "an HTML page"),
        (b"<svg xmlns=", "an SVG drawing"),
        (b"404: Not Found\n", "a text file"),
        (b"\x93\xff\x01\x02", "an unknown format"),
        (b"\x89PN", "an unknown format"),
    ] {
        let error = decode(bytes, &limits()).unwrap_err();
        assert!(matches!(error, ImageError::NotAPicture { .. }) && error.to_string().contains(name), "{error}");
    }
    assert_eq!(decode(b"", &limits()), Err(ImageError::Empty));
    let small = ImageLimits { file_bytes: 100, ..limits() };
    assert_eq!(decode(&[0; 101], &small), Err(ImageError::FileTooLarge { bytes: 101, limit: 100 }));
}

/// V-01, V-09, V-10: the header alone decides, whether or not the data would inflate.
#[test]
fn sizes_over_the_limits() {
    let bare = |w, h| png(w, h, 8, 6, &[chunk(b"IDAT", &[0; 16])]);
    let message = |file: &[u8]| decode(file, &limits()).unwrap_err().to_string();
    assert!(message(&bare(20_000, 1)).contains("20000x1: a side is over the limit of 16384"));
    assert!(message(&bare(16_000, 1)).contains("aspect ratio over the limit of 200:1"));
    assert!(message(&bare(16_384, 16_384)).contains("268435456 pixels, over the limit of 67108864"));
    assert!(message(&bare(100_000, 100_000)).contains("limit of 16384"));
    assert!(message(&bare(u32::MAX, u32::MAX)).contains("limit of 16384"));
    assert!(message(&bare(0, 7)).contains("no pixels"));
    // Within the limits, but 16 bytes cannot hold it: refused before 256 MB are allocated.
    assert!(matches!(decode(&bare(8192, 8192), &limits()), Err(ImageError::TooLittleData { have: 16, .. })));
}

/// V-14: bombs and oddities beside the picture are never parsed.
#[test]
fn ancillary_chunks_are_skipped() {
    let plain = encoded_png(9, 9);
    let want = decode(&plain, &limits()).unwrap();
    let mut file = plain[..33].to_vec();
    for name in [b"zTXt", b"iCCP", b"eXIf", b"acTL", b"fcTL", b"tIME", b"gAMA", b"sBIT", b"tRNS"] {
        file.extend(chunk(name, &vec![0xa5; 5000]));
    }
    let end = file.len();
    file.extend(&plain[33..]);
    file.extend(b"trailing");
    assert_eq!(decode(&file, &limits()).unwrap(), want);
    // Only the check sum is looked at.
    file[end - 1] ^= 1;
    let error = decode(&file, &limits()).unwrap_err();
    assert!(matches!(&error, ImageError::WrongCheckSum { chunk, .. } if chunk == "tRNS"), "{error}");
}

/// What is missing behind the data does not matter, what is missing of them does; check sums count before the data and
/// behind the compressed stream: as with Pillow (`png_golden.json`).
#[test]
fn png_ends() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("png_golden.json")).unwrap();
    let bytes = |v: &Value| -> Option<Vec<u8>> {
        let hex = v.as_str()?;
        Some((0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect())
    };
    let mut wrong = Vec::new();
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let file = bytes(&case["file"]).unwrap();
        seeds::keep("picture", &file);
        match (decode(&file, &limits()), bytes(&case["rgb"])) {
            (Ok(picture), Some(rgb)) if picture.rgb() == rgb => {}
            (Err(error), None) if name.contains("wrong check sum") || name.starts_with("another Adler") => {
                assert!(error.to_string().contains("check sum"), "{name}: {error}");
            }
            (Err(_), None) => {}
            (got, want) => wrong.push(format!("{name}: {:?}, Pillow opens it: {}", got.map(|_| ()), want.is_some())),
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// V-11, V-14: damaged PNGs of every kind give an error, not a picture and not a panic.
#[test]
fn damaged_png() {
    let good = encoded_png(40, 30);
    for cut in 0..good.len() / 2 {
        assert!(decode(&good[..cut], &limits()).is_err(), "cut at {cut}");
    }
    let error = |chunks: &[Vec<u8>], depth, colour| decode(&png(4, 4, depth, colour, chunks), &limits()).unwrap_err();
    assert!(error(&[], 8, 5).to_string().contains("colour type is 5"));
    assert!(error(&[], 3, 0).to_string().contains("bit depth is 3"));
    assert!(matches!(error(&[], 8, 2), ImageError::TooLittleData { have: 0, .. }));
    assert!(matches!(error(&[chunk(b"IDAT", &[1, 2, 3])], 8, 2), ImageError::Decode { .. }));
    assert!(matches!(error(&[chunk(b"ABCD", &[])], 8, 2), ImageError::Unsupported { .. }));
    assert!(matches!(error(&[chunk(b"IDAT", &[1, 2, 3])], 8, 3), ImageError::Decode { .. }), "no palette");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn mutated_files_return(edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8)) {
        let mut file = encoded_png(33, 18);
        for (at, value) in edits {
            let at = at.index(file.len());
            file[at] = value;
        }
        if let Ok(picture) = decode(&file, &limits()) {
            prop_assert_eq!(picture.rgb().len() as u64, u64::from(picture.width()) * u64::from(picture.height()) * 3);
        }
    }
}
