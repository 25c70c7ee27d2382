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

/// A directory of frames under these names.
fn named(dir: &Path, name: &str, names: &[&str]) -> String {
    let dir = dir.join(name);
    std::fs::create_dir(&dir).unwrap();
    for (at, name) in names.iter().enumerate() {
        std::fs::copy(picture(NAMES[at % 3]), dir.join(name)).unwrap();
    }
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
fn frames_are_in_the_order_of_their_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let model = flamingo(dir.path());
    let score = |clip: &str| {
        let args = ["score", "-m", &model, "-q", "--json", "-c", " a cat", "--frames", "4", "--video", clip];
        ocelli(&args).json()["continuations"].clone()
    };
    let clip = |name: &str, format: &dyn Fn(usize) -> String| {
        let names: Vec<String> = (1..=14).map(format).collect();
        score(&named(dir.path(), name, &names.iter().map(String::as_str).collect::<Vec<_>>()))
    };
    let wanted = clip("same_length", &|n| format!("{n:05}.png"));
    assert_eq!(clip("plain", &|n| format!("{n}.png")), wanted, "ffmpeg's %d");
    assert_eq!(clip("grown", &|n| format!("{:04}.png", 9990 + n)), wanted, "%04d grown to five digits");
    assert_eq!(clip("words", &|n| format!("scene 2 frame{n}.PNG")), wanted);
    assert_eq!(clip("kinds", &|n| format!("{n}.{}", if n % 2 == 0 { "png" } else { "Png" })), wanted);

    // What is no frame is passed over, whatever it is, and named.
    let names: Vec<String> = (1..=14).map(|n| format!("{n}.png")).collect();
    let beside = named(dir.path(), "beside", &names.iter().map(String::as_str).collect::<Vec<_>>());
    let at = Path::new(&beside);
    std::fs::write(at.join("5.json"), "{}").unwrap();
    std::fs::write(at.join("_SUCCESS"), "").unwrap();
    std::fs::write(at.join("clip.mp4"), b"\0\0\0\x20ftypisom\0\0\0\0").unwrap();
    std::fs::create_dir(at.join("6.png.d")).unwrap();
    assert_eq!(score(&beside), wanted);
    let ended = ocelli(&["run", "-m", &model, "-n", "1", "--video", &beside]);
    assert!(ended.err.contains("passed over as no frames: 5.json, 6.png.d, _SUCCESS, clip.mp4"), "{ended:?}");
    ended.ok();
}

#[test]
fn frames_that_may_be_meant_otherwise_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let model = flamingo(dir.path());
    let refused = |clip: &str, words: &[&str]| {
        let err = ocelli(&["run", "-m", &model, "-n", "1", "--frames", "1", "--video", clip]).failed(1, "image");
        for word in words {
            assert!(err.contains(word), "{word}: {err}");
        }
    };
    let names: Vec<String> = (1..=6).map(|n| format!("{n}.png")).collect();
    let with = |name: &'static str| [names.iter().map(String::as_str).collect(), vec![name]].concat();
    refused(&named(dir.path(), "twice", &with("03.png")), &["03.png and 3.png"]);
    refused(&named(dir.path(), "kinds", &with("4.jpg")), &["4.jpg and 4.png"]);
    refused(&named(dir.path(), "backup", &with("00001.png~")), &["00001.png~", "rename it"]);
    refused(&named(dir.path(), "saved", &with("#2.png#")), &["#2.png#", "rename it"]);
    for (name, content, words) in [
        ("9.png", &b""[..], "empty"),
        ("9.jpeg", b"no picture", "a text file"),
        ("9.heic", b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC"),
    ] {
        let clip = named(dir.path(), name, &with("0.png"));
        std::fs::write(Path::new(&clip).join(name), content).unwrap();
        refused(&clip, &[name, words]);
    }
    // A frame that is broken is an error where it is taken.
    let clip = named(dir.path(), "broken", &["1.png"]);
    let whole = std::fs::read(picture(NAMES[0])).unwrap();
    std::fs::write(Path::new(&clip).join("1.png"), &whole[..60]).unwrap();
    refused(&clip, &["1.png"]);
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
    assert!(err.contains("2 video markers, 1 video was given"), "{err}");
    assert_eq!(run(&["--frames", "3"]).code, Some(2));
    assert_eq!(run(&["--video", &clip, "--frames", "0"]).code, Some(2));
    assert_eq!(run(&["--video", &clip, "--shots", "shots.jsonl"]).code, Some(2));

    let (_dir, blip) = file("blip2.gguf", &bundled());
    let err = ocelli(&["run", "-m", &blip, "--video", &clip]).failed(2, "no-video");
    assert!(err.contains("takes no videos, 1 were given"), "{err}");
}
