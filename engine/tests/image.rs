//! Pictures against Pillow and transformers (`image_golden.json`, made by `image_golden.py`), and against hostile files.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use ocelli_engine::image::{
    Cut, Filter, Fit, ImageError, ImageLimits, PassOrder, Picture, Preprocess, content_hash, probe, resize,
};
use proptest::prelude::*;
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("image_golden.json")).unwrap()
}

/// The formula of `image_golden.py`.
fn picture(seed: u64, width: u32, height: u32) -> Picture {
    let rgb = (0..u64::from(width) * u64::from(height) * 3)
        .map(|i| {
            let mut v = (i * 2_654_435_761 + seed * 40_503 + 1) & 0xffff_ffff;
            v ^= v >> 15;
            v = (v * 2_246_822_519) & 0xffff_ffff;
            v ^= v >> 13;
            v = ((v * 3_266_489_917) & 0xffff_ffff) >> 24;
            match seed % 2 {
                0 => v as u8,
                _ if v < 128 => 0,
                _ => 255,
            }
        })
        .collect();
    Picture::new(width, height, rgb, &open()).unwrap()
}

/// Limits without the aspect ratio, for shapes at the edges.
fn open() -> ImageLimits {
    ImageLimits { aspect: u32::MAX, ..ImageLimits::default() }
}

fn crc32(bytes: impl IntoIterator<Item = u8>) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

fn num(v: &Value) -> u32 {
    u32::try_from(v.as_u64().unwrap()).unwrap()
}

#[test]
fn resize_is_pillows_to_the_bit() {
    for case in golden()["resize"].as_array().unwrap() {
        let n: Vec<u32> = case.as_array().unwrap().iter().map(num).collect();
        let filter = Filter::from_pil(i64::from(n[5])).unwrap();
        assert_eq!(u32::from(filter.to_pil()), n[5]);
        for (order, crc) in [(PassOrder::Pillow13, n[6]), (PassOrder::HorizontalFirst, n[7])] {
            let out = resize(&picture(n[0].into(), n[1], n[2]), n[3], n[4], filter, order).unwrap();
            assert_eq!((out.width(), out.height()), (n[3], n[4]));
            assert_eq!(crc32(out.into_rgb()), crc, "{case} {order:?}");
        }
    }
}

#[test]
fn preprocessing_is_transformers_to_the_bit() {
    for case in golden()["preprocess"].as_array().unwrap() {
        let floats = |key: &str| -> Vec<f32> {
            case[key].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect()
        };
        let preprocess = Preprocess {
            width: num(&case["to"][0]),
            height: num(&case["to"][1]),
            filter: Filter::from_pil(case["filter"].as_i64().unwrap()).unwrap(),
            order: PassOrder::Pillow13,
            rescale: case["rescale"].as_f64().unwrap(),
            mean: Preprocess::three("image_mean", &floats("mean")).unwrap(),
            std: Preprocess::three("image_std", &floats("std")).unwrap(),
            do_resize: true,
            fit: if case["crop"].as_bool().unwrap_or(false) { Fit::Crop { even: true } } else { Fit::Stretch },
            do_rescale: case["do_rescale"].as_bool().unwrap(),
            do_normalize: case["do_normalize"].as_bool().unwrap(),
            cut: Cut::Whole,
        };
        let source = picture(num(&case["seed"]).into(), num(&case["width"]), num(&case["height"]));
        let pixels = preprocess.apply(&source).unwrap();
        let first: String = pixels.data[..3].iter().flat_map(|v| v.to_le_bytes()).map(|b| format!("{b:02x}")).collect();
        assert_eq!(first, case["first"].as_str().unwrap(), "{case}");
        assert_eq!(u64::from(crc32(pixels.data.iter().flat_map(|v| v.to_le_bytes()))), case["crc"].as_u64().unwrap());
    }
    assert_eq!(Preprocess::rescale_from_f32(1.0 / 255.0).to_bits(), (1.0f64 / 255.0).to_bits());
    assert_eq!(Preprocess::rescale_from_f32(0.5).to_bits(), 0.5f64.to_bits());
}

#[test]
fn preprocessing_numbers_are_checked() {
    let good = Preprocess::blip(224);
    good.validate().unwrap();
    let named = |p: Preprocess, part: &str| {
        let message = p.validate().unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
        assert!(p.apply(&picture(0, 4, 4)).is_err());
    };
    named(Preprocess { std: [0.2, 0.0, 0.2], ..good.clone() }, "image_std[1] is 0");
    named(Preprocess { std: [0.2, 0.2, f32::NAN], ..good.clone() }, "image_std[2] is NaN");
    named(Preprocess { mean: [f32::INFINITY, 0.0, 0.0], ..good.clone() }, "image_mean[0] is inf");
    named(Preprocess { rescale: -1.0, ..good.clone() }, "rescale_factor[0] is -1");
    named(Preprocess { std: [1e-45; 3], ..good.clone() }, "normalised value[0]");
    named(Preprocess { width: 0, ..good.clone() }, "no pixels");
    // V-02: the resized size has a cap of its own.
    named(Preprocess { width: 46_340, height: 46_340, ..good.clone() }, "limit of 16384");
    // V-04: lists of other lengths.
    for short in [&[0.5f32][..], &[], &[0.5; 4]] {
        let error = Preprocess::three("image_mean", short).unwrap_err();
        assert_eq!(error, ImageError::WrongCount { what: "image_mean", have: short.len() });
    }
    let as_is = Preprocess { do_resize: false, width: 4, height: 3, ..good.clone() };
    as_is.apply(&picture(0, 4, 3)).unwrap();
    assert!(matches!(as_is.apply(&picture(0, 3, 4)), Err(ImageError::NotResized { width: 3, height: 4, .. })));
    assert_eq!(Filter::from_pil(6), Err(ImageError::UnknownFilter { value: 6 }));
}

#[test]
fn rows_with_a_stride() {
    let limits = ImageLimits::default();
    let rows = [1, 2, 3, 4, 5, 6, 99, 99, 7, 8, 9, 10, 11, 12];
    let picture = Picture::from_rows(2, 2, 8, &rows, &limits).unwrap();
    assert_eq!(picture.rgb(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    assert_eq!(
        Picture::from_rows(2, 2, 5, &rows, &limits),
        Err(ImageError::ShortStride { width: 2, row_bytes: 6, stride: 5 })
    );
    assert!(matches!(
        Picture::from_rows(2, 3, 8, &rows, &limits),
        Err(ImageError::WrongLength { need: 22, have: 14, .. })
    ));
    assert!(matches!(Picture::from_rows(2, 9, usize::MAX, &rows, &limits), Err(ImageError::WrongLength { .. })));
    assert!(matches!(
        Picture::new(2, 2, vec![0; 11], &limits),
        Err(ImageError::WrongLength { need: 12, have: 11, .. })
    ));
    assert!(matches!(Picture::new(0, 2, vec![], &limits), Err(ImageError::NoPixels { width: 0, height: 2 })));
}

#[test]
fn content_hash_tells_pictures_apart() {
    let mut seen = std::collections::HashSet::new();
    let limits = ImageLimits::default();
    for (width, height) in [(1, 1), (1, 2), (2, 1), (4, 4), (2, 8), (5, 7)] {
        let zero = vec![0u8; (width * height * 3) as usize];
        assert!(seen.insert(content_hash(&Picture::new(width, height, zero.clone(), &limits).unwrap())));
        for at in 0..zero.len() {
            for bit in 0..8 {
                let mut rgb = zero.clone();
                rgb[at] ^= 1 << bit;
                assert!(seen.insert(content_hash(&Picture::new(width, height, rgb, &limits).unwrap())));
            }
        }
    }
    // Written down, so that a change is noticed: the value may be stored.
    assert_eq!(content_hash(&picture(0, 9, 5)), 0xc79c_33fa_c8f1_7db1_8696_80a4_0b69_cc82);
}

proptest! {
    #[test]
    fn a_flat_picture_stays_flat(w in 1u32..60, h in 1u32..60, ow in 1u32..60, oh in 1u32..60, pil in 0i64..6, v: u8) {
        let flat = Picture::new(w, h, vec![v; (w * h * 3) as usize], &open()).unwrap();
        let out = resize(&flat, ow, oh, Filter::from_pil(pil).unwrap(), PassOrder::default()).unwrap();
        prop_assert!(out.rgb().iter().all(|&b| b == v));
    }

    #[test]
    fn probing_any_bytes_returns(bytes in proptest::collection::vec(any::<u8>(), 0..300), kind in 0usize..3) {
        let mut file = [&b""[..], b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\xff\xd8\xff"][kind].to_vec();
        file.extend(bytes);
        let _ = probe(&file, &ImageLimits::default());
    }
}
