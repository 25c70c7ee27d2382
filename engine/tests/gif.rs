//! GIFs against the frames that Pillow shows (`gif_golden.json`), and files made to cost time or memory.
#![allow(clippy::unwrap_used, clippy::expect_used)]
#![cfg(feature = "decode-images")]

#[path = "../../fuzz/keep.rs"]
mod seeds;

use ocelli_engine::image::{ImageError, ImageLimits, decode, decode_gif, sample};
use proptest::prelude::*;
use serde_json::Value;

fn golden() -> Vec<(String, Vec<u8>, Vec<Vec<u8>>)> {
    let bytes = |v: &Value| -> Vec<u8> {
        let hex = v.as_str().unwrap();
        (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
    };
    let all: Vec<Value> = serde_json::from_str(include_str!("gif_golden.json")).unwrap();
    let case = |c: &Value| {
        let frames = c["frames"].as_array().unwrap().iter().map(bytes).collect();
        let file = bytes(&c["file"]);
        seeds::keep("picture", &file);
        (c["name"].as_str().unwrap().to_owned(), file, frames)
    };
    all.iter().map(case).collect()
}

fn limits() -> ImageLimits {
    ImageLimits::default()
}

/// A GIF of `screen` with four colours and these blocks.
fn gif(screen: [u16; 2], blocks: &[Vec<u8>]) -> Vec<u8> {
    let mut out = b"GIF89a".to_vec();
    out.extend(screen.iter().flat_map(|s| s.to_le_bytes()));
    out.extend(b"\x91\0\0\0\0\0\xff\0\0\0\xff\0\0\0\xff");
    out.extend(blocks.concat());
    out.push(b';');
    seeds::keep("picture", &out);
    out
}

/// A frame at `[left, top, width, height]` with this data.
fn frame(place: [u16; 4], data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x2c];
    out.extend(place.iter().flat_map(|p| p.to_le_bytes()));
    out.extend([0, 2]);
    for block in data.chunks(255) {
        out.push(u8::try_from(block.len()).unwrap());
        out.extend(block);
    }
    out.push(0);
    out
}

/// One red pixel: clear, 1, end.
const RED: [u8; 2] = [0b0100_1100, 0b1];

#[test]
fn frames_are_pillows_to_the_bit() {
    for (name, file, frames) in golden() {
        for wanted in [1, 2, 3, 256] {
            let video = decode_gif(&file, wanted, &limits()).unwrap_or_else(|e| panic!("{name}: {e}"));
            let places = sample(frames.len(), wanted);
            assert_eq!(video.frames().len(), places.len(), "{name}");
            for (got, place) in video.frames().iter().zip(places) {
                assert!(got.rgb() == frames[place], "{name}: frame {place} of {}", frames.len());
            }
        }
    }
}

#[test]
fn what_no_frame_covers_is_black_and_what_is_taken_away_is_black_again() {
    let control = |disposal: u8| vec![0x21, 0xf9, 4, disposal << 2, 0, 0, 0, 0];
    let file = gif(
        [2, 1],
        &[frame([0, 0, 1, 1], &RED), control(2), frame([1, 0, 1, 1], &RED), control(3), frame([0, 0, 1, 1], &RED)],
    );
    let video = decode_gif(&file, 3, &limits()).unwrap();
    let (red, black) = ([255, 0, 0], [0; 3]);
    let want = [[red, black], [red, red], [red, black]];
    for (got, want) in video.frames().iter().zip(want) {
        assert_eq!(got.rgb(), want.concat());
    }
}

#[test]
fn other_files_are_refused_by_name() {
    let refused = |bytes: &[u8]| decode_gif(bytes, 8, &limits()).unwrap_err().to_string();
    assert_eq!(decode_gif(b"", 8, &limits()), Err(ImageError::Empty));
    assert!(refused(b"\x89PNG\r\n\x1a\n").contains("video is a PNG"));
    assert!(refused(b"GIF90a").contains("a GIF"), "an unknown version");
    assert!(refused(b"\0\0\0\x18ftypmp42").contains("a video or another ISO media file"));
    let (_, file, _) = golden().remove(0);
    assert!(decode(&file, &limits()).is_ok());
}

#[test]
fn hostile_sizes_cost_nothing() {
    let refused = |file: &[u8], limits: &ImageLimits| decode_gif(file, 8, limits).unwrap_err();
    let one = |place| frame(place, &RED);
    let huge = gif([u16::MAX, u16::MAX], &[one([0, 0, u16::MAX, u16::MAX])]);
    assert!(matches!(refused(&huge, &limits()), ImageError::SideTooLong { .. }));
    let wide = gif([16_384, 16_384], &[one([0, 0, 16_384, 16_384])]);
    assert!(matches!(refused(&wide, &limits()), ImageError::TooManyPixels { .. }));
    assert!(matches!(refused(&gif([0, 3], &[]), &limits()), ImageError::NoPixels { .. }));
    assert_eq!(refused(&gif([3, 3], &[]), &limits()), ImageError::NoFrames);
    for place in [[0, 0, 4, 1], [3, 0, 1, 1], [0, 3, 1, 1], [0, 1, 1, 3], [u16::MAX, 0, u16::MAX, 1], [0, 0, 0, 1]] {
        let error = refused(&gif([3, 3], &[one(place)]), &limits());
        assert!(matches!(error, ImageError::BadHeader { format: "GIF", .. }), "{place:?}: {error}");
    }
    // 20,000 frames of a pixel in a small file.
    let many = gif([1, 1], &vec![one([0, 0, 1, 1]); 20_000]);
    assert_eq!(refused(&many, &limits()), ImageError::TooManyFrames { frames: 4_097, limit: 4_096 });
    // Frames of a pixel on a large screen, all of which is drawn for each.
    let slow = gif([4_096, 4_096], &vec![one([0, 0, 1, 1]); 4_000]);
    assert!(matches!(refused(&slow, &limits()), ImageError::TooMuchGif { frames: 65, .. }));
    // What would be kept is more than a picture may be, though any one frame is not.
    let big = gif([4_000, 4_000], &vec![one([0, 0, 1, 1]); 8]);
    assert!(matches!(refused(&big, &limits()), ImageError::TooMuchVideo { frames: 8, .. }));
    assert_eq!(decode_gif(&big, 2, &limits()).unwrap().frames().len(), 2);
    let small = ImageLimits { file_bytes: 10, ..limits() };
    assert!(matches!(refused(&huge, &small), ImageError::FileTooLarge { .. }));
    let error = refused(&gif([1, 1], &[vec![0x99]]), &limits());
    assert!(matches!(error, ImageError::BadHeader { what: "block", value: 0x99, .. }), "{error}");
    // Less data than the frame has pixels, and none at all.
    for data in [&RED[..], &[]] {
        let error = refused(&gif([30, 30], &[frame([0, 0, 30, 30], data)]), &limits());
        assert!(matches!(error, ImageError::Decode { format: "GIF", .. }), "{error}");
    }
}

#[test]
fn every_cut_is_an_error() {
    let (_, file, _) = golden().remove(0);
    for end in 1..file.len() {
        let error = decode_gif(&file[..end], 8, &limits()).unwrap_err();
        let cut = matches!(error, ImageError::Truncated { .. } | ImageError::NotAVideo { .. });
        assert!(cut, "{end}: {error}");
    }
}

proptest! {
    #[test]
    fn damaged_files_are_errors_or_videos(which in 0usize..4, changes in prop::collection::vec((any::<u16>(), any::<u8>()), 1..12)) {
        let (_, mut file, _) = golden().remove(which);
        for (at, byte) in changes {
            let at = usize::from(at) % file.len();
            file[at] = byte;
        }
        let tight = ImageLimits { pixels: 1 << 20, gif_work: 1 << 22, ..limits() };
        if let Ok(video) = decode_gif(&file, 3, &tight) {
            prop_assert!((1..=3).contains(&video.frames().len()));
        }
    }
}
