//! The tiny model of `tests/zoo` that points: where its boxes lie on a scene whose shapes are known, and what it says of a place.

#![allow(clippy::unwrap_used)]

use ocelli_engine::image::{self, ImageLimits, Picture};
use ocelli_engine::pointing::{Corners, Pointed};
use ocelli_engine::{Engine, GenerateOptions, Prompt, Session, SessionOptions, parse};
use std::ops::ControlFlow;
use std::sync::Arc;

static KOSMOS: &[u8] = include_bytes!("../zoo/tiny-kosmos.gguf");
static SCENE: &[u8] = include_bytes!("../pictures/shapes_256.png");

/// What the scene was drawn from: shares of its width and height, from left to right.
const SHAPES: [(&str, Corners); 4] = [
    ("blue triangle", [0.032, 0.721, 0.273, 0.963]),
    ("green triangle", [0.295, 0.405, 0.651, 0.760]),
    ("purple circle", [0.484, 0.072, 0.862, 0.321]),
    ("green cross", [0.732, 0.544, 0.971, 0.879]),
];

fn session() -> Session {
    let model = Engine::new(2).unwrap().open_file(parse(Arc::new(KOSMOS)).unwrap()).unwrap();
    model.session(&SessionOptions::default()).unwrap()
}

/// A task of the file about the scene; what was said, with what led to it, as people read it.
fn say(session: &mut Session, task: &str, asked: &str) -> Pointed {
    let model = session.model().clone();
    let pointing = *model.pointing().unwrap();
    let prompt = model.task(task).unwrap().words(&pointing.placed(asked).unwrap());
    let scene: Picture = image::decode(SCENE, &ImageLimits::default()).unwrap();
    let options = GenerateOptions { max_new_tokens: 64, keep_special: true, ..GenerateOptions::default() };
    let said = session
        .generate(&Prompt::new().image(scene).text(prompt.clone()), &options, &mut |_| ControlFlow::Continue(()))
        .unwrap();
    pointing.read(&format!("{prompt}{}", said.text))
}

/// Intersection over union.
fn overlap(a: &Corners, b: &Corners) -> f64 {
    let area = |c: [f64; 4]| (c[2] - c[0]).max(0.0) * (c[3] - c[1]).max(0.0);
    let both = area([a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])]);
    both / (area(*a) + area(*b) - both)
}

#[test]
fn what_is_named_is_found() {
    let mut session = session();
    let mut sum = 0.0;
    for (name, place) in &SHAPES {
        let pointed = say(&mut session, "find", &format!("the {name}"));
        assert_eq!(pointed.phrases.len(), 1, "{name}: {pointed:?}");
        let found = overlap(&pointed.phrases[0].boxes[0], place);
        assert!(found >= 0.7, "{name}: {found:.3}, {pointed:?}");
        sum += found;
    }
    assert!(sum / 4.0 >= 0.8, "{sum}");
}

#[test]
fn a_scene_is_told_with_its_places() {
    let pointed = say(&mut session(), "ground", "");
    let named: Vec<&str> = pointed.phrases.iter().map(|phrase| phrase.text.trim_start_matches("a ")).collect();
    assert_eq!(named, SHAPES.map(|(name, _)| name), "{pointed:?}");
    for (phrase, (name, place)) in pointed.phrases.iter().zip(&SHAPES) {
        assert!(overlap(&phrase.boxes[0], place) >= 0.7, "{name}: {phrase:?}");
    }
}

#[test]
fn what_stands_at_a_place_is_named() {
    let mut session = session();
    for (name, [left, top, right, bottom]) in &SHAPES {
        let pointed = say(&mut session, "refer", &format!("<box>{left},{top},{right},{bottom}</box>"));
        assert!(pointed.text.contains(name), "{name}: {pointed:?}");
    }
}
