//! `--video`: GIFs and directories of frames, with a small random OpenFlamingo.

use crate::process::{bundled, file, ocelli, picture};
use ocelli_tests::mixed_golden::MixedGolden;
use serde_json::Value;
use std::path::Path;

const NAMES: [&str; 3] = ["blue_circle.png", "green_circle.png", "red_triangle.png"];

/// A model whose checkpoint has embeddings of three frames.
fn flamingo(dir: &Path) -> String {
    let parts = MixedGolden::load("flamingo", "open_frames").unwrap().write_parts(dir).unwrap();
    let model = dir.join("model.gguf").to_str().unwrap().to_owned();
    let [adapter, language, vision] =
        [parts.adapter, parts.language, parts.vision].map(|p| p.to_str().unwrap().to_owned());
    let flags = ["--adapter", &adapter, "--language", &language, "--vision", &vision, "-o", &model, "--type", "f32"];
    ocelli(&[&["convert", "openflamingo"], &flags[..]].concat()).ok();
    model
}

/// A directory of frames in this order.
fn frames(dir: &Path, name: &str, order: &[usize]) -> String {
    let dir = dir.join(name);
    std::fs::create_dir(&dir).unwrap();
    for (at, &which) in order.iter().enumerate() {
        std::fs::copy(picture(NAMES[which]), dir.join(format!("{at:03}.png"))).unwrap();
    }
    std::fs::write(dir.join(".left_behind"), "no picture").unwrap();
    dir.to_str().unwrap().to_owned()
}

/// A GIF of one-coloured frames of 2x2: the first index of a table of four colours, 0 to 3, black, red, green and blue.
fn gif(colours: &[u8]) -> Vec<u8> {
    let mut out = b"GIF89a\x02\0\x02\0\x91\0\0\0\0\0\xff\0\0\0\xff\0\0\0\xff".to_vec();
    for &c in colours {
        out.extend(b"\x2c\0\0\0\0\x02\0\x02\0\0\x02");
        // Codes of three bits, lowest first: clear, two pixels, and again before codes would grow; end.
        let codes = [4, c, c, 4, c, c, 5];
        let bits = codes.iter().enumerate().fold(0u32, |bits, (i, &code)| bits | u32::from(code) << (3 * i));
        out.push(3);
        out.extend(&bits.to_le_bytes()[..3]);
        out.push(0);
    }
    out.push(b';');
    out
}

fn run(model: &str, more: &[&str]) -> Value {
    ocelli(&[&["run", "-m", model, "-q", "--json", "-n", "4", "-p", "Output:"], more].concat()).json()
}

#[test]
fn a_video_is_one_picture_of_the_prompt() {
    let dir = tempfile::tempdir().unwrap();
    let model = flamingo(dir.path());
    let clip = frames(dir.path(), "clip", &[0, 0, 1, 1, 2]);
    let of = |answer: &Value, what: &str| answer["timings"][what].as_u64().unwrap();
    let answer = run(&model, &["--video", &clip]);
    assert_eq!(of(&answer, "encoded_images"), 3, "as many frames as the model has learned: {answer}");
    let one = run(&model, &["-i", &picture(NAMES[0])]);
    assert_eq!(of(&answer, "prompt_positions"), of(&one, "prompt_positions"));
    // The first, the middle and the last.
    let same = frames(dir.path(), "same", &[0, 1, 2]);
    assert_eq!(run(&model, &["--video", &same])["ids"], answer["ids"]);
    assert_eq!(of(&run(&model, &["--video", &clip, "--frames", "4"]), "encoded_images"), 4);

    let score = |more: &[&str]| {
        ocelli(&[&["score", "-m", &model, "-q", "--json", "-c", " a cat"], more].concat()).json()["continuations"]
            .clone()
    };
    let turned = frames(dir.path(), "turned", &[2, 1, 0]);
    assert_ne!(score(&["--video", &turned]), score(&["--video", &same]), "frames are told apart by their order");
    let (red, text) = (picture(NAMES[2]), "<video> then <image> and <video>");
    let placed = score(&["-i", &red, "--video", &same, "--video", &turned, "-p", text]);
    assert_eq!(placed, score(&["--video", &same, "--video", &turned, "-i", &red, "-p", text]));
    assert_ne!(placed, score(&["-i", &red, "--video", &turned, "--video", &same, "-p", text]));

    let (_dir, red) = file("red.gif", &gif(&[1, 1]));
    let (_dir, mixed) = file("mixed.gif", &gif(&[1, 3]));
    assert_ne!(score(&["--video", &red]), score(&["--video", &mixed]));
    assert_eq!(score(&["--video", &red, "--frames", "1"]), score(&["--video", &mixed, "--frames", "1"]));
}

#[test]
fn what_goes_wrong_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let model = flamingo(dir.path());
    let clip = frames(dir.path(), "clip", &[0, 1]);
    let run = |more: &[&str]| ocelli(&[&["run", "-m", &model, "-n", "1"], more].concat());
    let err = run(&["--video", "nowhere.gif"]).failed(1, "open");
    assert!(err.contains("cannot read video nowhere.gif"), "{err}");
    let err = run(&["--video", &picture(NAMES[0])]).failed(1, "image");
    assert!(err.contains("video is a PNG"), "{err}");
    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let err = run(&["--video", empty.to_str().unwrap()]).failed(1, "image");
    assert!(err.contains("no frames"), "{err}");
    std::fs::write(empty.join("a.png"), "text").unwrap();
    let err = run(&["--video", empty.to_str().unwrap()]).failed(1, "image");
    assert!(err.contains("a.png") && err.contains("a text file"), "{err}");
    let (_dir, cut) = file("cut.gif", &gif(&[1, 2])[..40]);
    let err = run(&["--video", &cut]).failed(1, "image");
    assert!(err.contains("cut.gif") && err.contains("truncated"), "{err}");
    let err = run(&["--video", &clip, "-p", "<video> and <video>"]).failed(2, "video-count");
    assert!(err.contains("2 video markers, 1 videos"), "{err}");
    assert_eq!(run(&["--frames", "3"]).code, Some(2));
    assert_eq!(run(&["--video", &clip, "--frames", "0"]).code, Some(2));
    assert_eq!(run(&["--video", &clip, "--shots", "shots.jsonl"]).code, Some(2));

    let (_dir, blip) = file("blip2.gguf", &bundled());
    let err = ocelli(&["run", "-m", &blip, "--video", &clip]).failed(1, "no-video");
    assert!(err.contains("takes no videos, 1 were given"), "{err}");
}
