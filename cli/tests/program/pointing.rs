//! Models that point: phrases with boxes as text, JSON and pictures, places in prompts, and what is seen said first (`--cot`).

use crate::process::*;
use ocelli_quant::gguf::MetaValue;
use serde_json::{Value, json};

fn keys(kind: &str, scale: u32) -> Vec<(&'static str, MetaValue)> {
    vec![
        ("ocelli.pointing.kind", MetaValue::Str(kind.to_owned())),
        ("ocelli.pointing.scale", MetaValue::U32(scale)),
        ("ocelli.tasks", MetaValue::Strings(vec!["ground".to_owned(), "find".to_owned()])),
        ("ocelli.task.ground.prompt", MetaValue::Str("An image of".to_owned())),
        ("ocelli.task.ground.begin", MetaValue::Str("<grounding>".to_owned())),
        ("ocelli.task.find.prompt", MetaValue::Str("<phrase>{}</phrase>".to_owned())),
        ("ocelli.task.find.begin", MetaValue::Str("<grounding>".to_owned())),
    ]
}

const SCENE: &str = "<phrase> dog</phrase><object><patch_index_44><patch_index_863></object><phrase>fire</phrase><object>\
                     <patch_index_5><patch_index_911></object> A:";

#[test]
fn phrases_are_told_with_their_boxes() {
    let (_dir, model) = bundled_with(&keys("cells", 32));
    let circle = picture("blue_circle.png");
    let of = |more: &[&str]| ocelli(&[&["run", "-m", &model, "-i", &circle, "-n", "3"], more].concat());
    let answer = of(&["--json", "-p", SCENE]).json();
    let boxes = json!([
        { "text": "dog", "boxes": [[0.390625, 0.046875, 0.984375, 0.828125]] },
        { "text": "fire", "boxes": [[0.171875, 0.015625, 0.484375, 0.890625]] },
    ]);
    assert_eq!(answer["phrases"], boxes);
    let text = answer["text"].as_str().unwrap();
    assert!(text.starts_with("dogfire A:"), "{text}");
    let lines: Vec<String> = of(&["-q", "-p", SCENE]).ok().lines().map(str::to_owned).collect();
    assert_eq!(lines[0], text);
    assert_eq!(lines[1..], ["dog  0.391,0.047,0.984,0.828", "fire  0.172,0.016,0.484,0.891"]);
    // Without places in the prompt the answer alone is told, and as it is where that is asked for.
    let plain = of(&["--json", "-p", "Question: what color is the shape? Answer:"]).json();
    assert_eq!((&plain["text"], &plain["phrases"]), (&json!("blue"), &json!([])));
    assert!(of(&["--json", "--keep-special", "-p", SCENE]).json().get("phrases").is_none());
    // What is held to a form is told as it was held.
    let held = of(&["--json", "-p", COLOUR, "--grammar", "start: \"<a>\""]).json();
    assert_eq!((held["text"].as_str(), held.get("phrases")), (Some("<a>"), None), "{held}");
    // A model that says nothing of it has no such field.
    assert!(ocelli(&["run", "-i", &circle, "--json", "-p", COLOUR]).json().get("phrases").is_none());
}

#[test]
fn places_are_typed_and_tasks_begin_as_they_say() {
    let (_dir, model) = bundled_with(&keys("cells", 32));
    let circle = picture("blue_circle.png");
    let shown = |more: &[&str]| {
        let args = [&["run", "-m", &model, "-i", &circle, "-n", "1", "--json", "--show-prompt"], more].concat();
        ocelli(&args).json()["prompt"].as_str().unwrap().to_owned()
    };
    assert_eq!(shown(&["--task", "ground"]), "<image><grounding>An image of");
    assert_eq!(shown(&["--task", "find", "-p", "a dog"]), "<image><grounding><phrase>a dog</phrase>");
    assert_eq!(
        shown(&["--task", "ground", "-p", "<phrase>It</phrase><box>0,0,0.5,1</box> is"]),
        "<image><grounding><phrase>It</phrase><object><patch_index_0000><patch_index_1007></object> is"
    );
    let said = ocelli(&["run", "-m", &model, "-i", &circle, "-p", "<box>1,2</box>"]).failed(2, "option");
    assert!(said.contains("<box>x1,y1,x2,y2</box>"), "{said}");
    // Elsewhere it is text.
    let plain = ocelli(&["run", "-i", &circle, "-n", "1", "--json", "--show-prompt", "-p", "<box>1,2</box>"]).json();
    assert_eq!(plain["prompt"], "<image><box>1,2</box>");
    let (_dir, wrong) = bundled_with(&keys("arrows", 32));
    assert!(ocelli(&["run", "-m", &wrong, "-p", "a"]).failed(1, "parameter").contains("ocelli.pointing.kind"));
}

#[test]
fn boxes_are_drawn_and_shown() {
    let (dir, model) = bundled_with(&keys("cells", 32));
    let circle = picture("blue_circle.png");
    let out = dir.path().join("found.png");
    let out = out.to_str().unwrap();
    let of =
        |more: &[&str]| ocelli(&[&["run", "-m", &model, "-i", &circle, "-n", "1", "-q", "-p", SCENE], more].concat());
    of(&["--draw", out]).ok();
    let bytes = std::fs::read(out).unwrap();
    let drawn = ocelli_engine::image::decode(&bytes, &ocelli_engine::image::ImageLimits::default()).unwrap();
    let plain = ocelli_engine::image::decode(&std::fs::read(&circle).unwrap(), &Default::default()).unwrap();
    assert_eq!(drawn.width() % plain.width(), 0);
    assert!(drawn.width() >= 448 && drawn.width() == drawn.height(), "{} wide", drawn.width());
    let has = |colour: [u8; 3]| drawn.rgb().chunks_exact(3).filter(|pixel| **pixel == colour).count();
    assert!(has([230, 25, 75]) > 500 && has([60, 180, 75]) > 500, "two colours, one a phrase");
    for (protocol, begin) in [("kitty", "\x1b_Gf=100"), ("iterm2", "\x1b]1337;File="), ("sixel", "\x1bPq")] {
        let said = of(&[&format!("--show={protocol}")]).ok();
        assert!(said.contains("dog  0.391") && said.contains(begin), "{protocol}");
    }
    let said = ocelli(&["run", "-m", &model, "-q", "-n", "1", "-p", SCENE, "--draw", out]).failed(2, "no-picture");
    assert!(said.contains("-i PATH"), "{said}");
    let said = ocelli(&["run", "-i", &circle, "-p", COLOUR, "--draw", out]).failed(2, "no-pointing");
    assert!(said.contains("ocelli.pointing.kind"), "{said}");
}

/// What is said first stands before the prompt, and the picture is not encoded again.
#[test]
fn what_is_seen_may_be_said_first() {
    let circle = picture("blue_circle.png");
    let of = |more: &[&str]| ocelli(&[&["run", "-i", &circle, "--json"], more].concat()).json();
    let first = of(&["-n", "5", "-p", "Introduce this picture in detail:"]);
    let rationale = first["text"].as_str().unwrap().trim().to_owned();
    let thought = of(&["-n", "5", "--cot", "--show-prompt", "-p", COLOUR]);
    assert_eq!(thought["rationale"], rationale);
    assert_eq!(thought["prompt"], format!("<image>{rationale} {COLOUR}"));
    let alone = of(&["-n", "5", "-p", &format!("{rationale} {COLOUR}")]);
    for field in ["text", "ids"] {
        assert_eq!(thought[field], alone[field], "{field}");
    }
    let encoded = |answer: &Value| answer["timings"]["encoded_images"].clone();
    assert_eq!((encoded(&thought), encoded(&alone)), (json!(0), json!(1)));
    // What every prompt of a task begins with stays ahead of all.
    let (_dir, model) = bundled_with(&keys("cells", 32));
    let ground =
        ["run", "-m", &model, "-i", &circle, "-n", "5", "--cot", "--task", "ground", "--json", "--show-prompt"];
    let answer = ocelli(&ground).json();
    let rationale = answer["rationale"].as_str().unwrap();
    assert_eq!(answer["prompt"], format!("<image><grounding>{rationale} An image of"));
    // In every family: with an encoder of text, and without a picture.
    let zoo = |name: &str| format!("{}/../tests/zoo/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut tried = 0;
    for entry in std::fs::read_dir(zoo("")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.to_str().unwrap();
        if !name.ends_with(".gguf")
            || ocelli(&["run", "-m", name, "-i", &circle, "-q", "-n", "2", "-p", "a"]).code != Some(0)
        {
            continue;
        }
        let ended = ocelli(&["run", "-m", name, "-i", &circle, "-n", "3", "--cot", "--json", "-p", "so"]);
        if ended.err.contains("error[context-full]") {
            continue; // made for shorter texts than these
        }
        let answer = ended.json();
        assert!(answer["rationale"].is_string() && answer["text"].is_string(), "{name}: {answer}");
        tried += 1;
    }
    assert!(tried > 1);
}

/// With the model of `tests/zoo` that points.
#[test]
fn a_stop_string_ends_what_is_pointed_at_and_pictures_are_drawn_of_one_answer() {
    let model = format!("{}/../tests/zoo/tiny-kosmos.gguf", env!("CARGO_MANIFEST_DIR"));
    let scene = picture("shapes_256.png");
    let of = |more: &[&str]| ocelli(&[&["run", "-m", &model, "-i", &scene, "--task", "ground"], more].concat());
    let named = |answer: &Value| -> Vec<String> {
        answer["phrases"].as_array().unwrap().iter().map(|phrase| phrase["text"].as_str().unwrap().to_owned()).collect()
    };
    let whole = of(&["--json"]).json();
    assert_eq!(named(&whole), ["a blue triangle", "a green triangle", "a purple circle", "a green cross"]);
    let cut = of(&["--json", "--stop", " and"]).json();
    assert_eq!(named(&cut), named(&whole)[..3]);
    let text = cut["text"].as_str().unwrap();
    assert!(text.ends_with("a purple circle"), "{text}");
    // What draws nothing is refused, and where drawing fails the answer is told all the same.
    of(&["--draw", "out.png", "--keep-special"]).failed(2, "usage");
    of(&["--draw", "out.png", "--grammar", "start: /a/"]).failed(2, "usage");
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing").join("out.png");
    let ended = of(&["--json", "--draw", missing.to_str().unwrap()]);
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(ended.out.contains("a purple circle"), "{}", ended.out);
}
