//! `--shots`: demonstrations before a query. The bundled model knows none, so it gets a wording; what is checked is that
//! the model sees what it would see if the same prompt were typed out.

use crate::process::{bundled_with, ocelli, picture};
use serde_json::Value;
use std::path::Path;

const TEXT: (&str, &str) = ("ocelli.shots.text", "<image>Output: {text}.");
const QUESTION: (&str, &str) = ("ocelli.shots.question", "<image>Question: {question} Answer: {answer}");
const SEPARATOR: (&str, &str) = ("ocelli.shots.separator", " ");

/// A file of demonstrations beside links to the pictures, which its lines name without a folder.
fn shots(lines: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    for name in ["blue_circle.png", "green_circle.png", "red_triangle.png"] {
        std::fs::copy(picture(name), dir.path().join(name)).unwrap();
    }
    let path = dir.path().join("shots.jsonl");
    std::fs::write(&path, lines).unwrap();
    (dir, path.to_str().unwrap().to_owned())
}

/// What the model makes of a prompt: its ids and how likely a word is.
fn seen(model: &str, args: &[&str]) -> Value {
    ocelli(&[&["score", "--json", "-m", model, "-c", " red"], args].concat()).json()
}

#[test]
fn demonstrations_are_worded_as_the_file_says() {
    let (_model, model) = bundled_with(&[TEXT, QUESTION, SEPARATOR]);
    let (blue, red, green) = (picture("blue_circle.png"), picture("red_triangle.png"), picture("green_circle.png"));
    let (_dir, texts) = shots(
        "{\"image\": \"blue_circle.png\", \"text\": \"a circle\"}\n\n{\"image\": \"red_triangle.png\", \"text\": \"a triangle\"}\n",
    );
    let typed = "<image>Output: a circle. <image>Output: a triangle. <image>Output:";
    let typed = seen(&model, &["-i", &blue, "-i", &red, "-i", &green, "-p", typed]);
    assert_eq!(seen(&model, &["-i", &green, "--shots", &texts]), typed);
    // As some editors save it: behind a byte order mark, which at the beginning of another line is none.
    let lines = std::fs::read_to_string(&texts).unwrap();
    std::fs::write(&texts, format!("\u{feff}{lines}")).unwrap();
    assert_eq!(seen(&model, &["-i", &green, "--shots", &texts]), typed);
    std::fs::write(&texts, format!("{lines}\u{feff}{lines}")).unwrap();
    let wrong = ocelli(&["score", "-m", &model, "-c", " red", "-i", &green, "--shots", &texts]).failed(1, "shots");
    assert!(wrong.contains("line 4"), "{wrong}");
    std::fs::write(&texts, lines).unwrap();

    let first = seen(&model, &["-i", &blue, "-i", &green, "-p", "<image>Output: a circle. <image>Output: a"]);
    assert_eq!(seen(&model, &["-i", &green, "-p", "a", "--shots", &texts, "--shot-count", "1"]), first);

    let none = seen(&model, &["-i", &green, "-p", "Output: a circle. Output: a triangle. <image>Output:"]);
    assert_eq!(seen(&model, &["-i", &green, "--shots", &texts, "--shot-texts"]), none);

    let (_dir, asked) =
        shots("{\"image\": \"blue_circle.png\", \"question\": \"what color?\", \"answer\": \"blue\"}\n");
    let (_dir, marked) = shots("{\"image\": \"blue_circle.png\", \"text\": \"an <image> tag\"}\n");
    let typed = "<image>Output: an \\<image> tag. <image>Output: \\<image>";
    let typed = seen(&model, &["-i", &blue, "-i", &green, "-p", typed]);
    assert_eq!(seen(&model, &["-i", &green, "-p", "<image>", "--shots", &marked]), typed, "what is said is text");

    let typed = "<image>Question: what color? Answer: blue <image>Question: what shape? Answer:";
    let typed = seen(&model, &["-i", &blue, "-i", &green, "-p", typed]);
    assert_eq!(seen(&model, &["-i", &green, "-p", "what shape?", "--shots", &asked]), typed);
}

#[test]
fn the_most_similar_demonstration_is_next_to_the_query() {
    let (_model, model) = bundled_with(&[TEXT]);
    let (_dir, lines) = shots(
        "{\"image\": \"blue_circle.png\", \"text\": \"b\"}\n{\"text\": \"none\"}\n\
         {\"image\": \"red_triangle.png\", \"text\": \"r\"}\n",
    );
    let (blue, red) = (picture("blue_circle.png"), picture("red_triangle.png"));
    let similar = ["--shots", &lines, "--shot-select", "similar"];
    // A picture is most similar to itself.
    let typed = |first: &str, last: &str, query: &str| {
        let text = format!("<image>Output: {first}.<image>Output: {last}.<image>Output:");
        let pictures = [first, last].map(|name| if name == "b" { blue.as_str() } else { red.as_str() });
        seen(&model, &["-i", pictures[0], "-i", pictures[1], "-i", query, "-p", &text])
    };
    assert_eq!(seen(&model, &[&["-i", blue.as_str()][..], &similar].concat()), typed("r", "b", &blue));
    assert_eq!(seen(&model, &[&["-i", red.as_str()][..], &similar].concat()), typed("b", "r", &red));
    let one = seen(&model, &[&["-i", red.as_str(), "--shot-count", "1"][..], &similar].concat());
    assert_eq!(one, seen(&model, &["-i", &red, "-i", &red, "-p", "<image>Output: r.<image>Output:"]));
    ocelli(&[&["run", "-m", &model][..], &similar].concat()).failed(2, "image-count");
}

#[test]
fn what_goes_wrong_is_named() {
    let (_dir, good) = shots("{\"image\": \"blue_circle.png\", \"text\": \"a circle\"}\n");
    let (blue, red) = (picture("blue_circle.png"), picture("red_triangle.png"));
    let err = ocelli(&["run", "-i", &blue, "--shots", &good]).failed(1, "no-shot-format");
    assert!(err.contains("ocelli.shots.text") && err.contains("hint"), "{err}");
    let (_model, model) = bundled_with(&[TEXT]);
    let run = |more: &[&str]| ocelli(&[&["run", "-m", &model], more].concat());
    run(&["--shots", "nowhere.jsonl"]).failed(1, "open");
    run(&["-i", &blue, "-i", &red, "--shots", &good]).failed(2, "image-count");
    assert_eq!(run(&["-i", &blue, "--shot-count", "2"]).code, Some(2));
    for (lines, what) in [
        ("{\"text\": \"a\"}\n{\"text\": 1}", "line 2"),
        ("{\"image\": \"blue_circle.png\"}", "needs either"),
        ("{\"text\": \"a\", \"answer\": \"b\"}", "needs either"),
        ("{\"text\": \"a\", \"sound\": \"b\"}", "sound"),
        ("[", "line 1"),
    ] {
        let (_dir, path) = shots(lines);
        let err = run(&["-i", &blue, "--shots", &path]).failed(1, "shots");
        assert!(err.contains(what), "{lines}: {err}");
    }
    let (_dir, marked) = shots("{\"text\": \"an <image>\"}");
    run(&["-i", &blue, "--shots", &marked]).ok();
    let (dir, missing) = shots("{\"image\": \"nowhere.png\", \"text\": \"a\"}");
    let err = run(&["-i", &blue, "--shots", &missing]).failed(1, "open");
    assert!(err.contains(Path::new(dir.path()).join("nowhere.png").to_str().unwrap()), "{err}");
    let (_model, broken) = bundled_with(&[("ocelli.shots.text", "<image>Output:")]);
    let err = ocelli(&["run", "-m", &broken, "-i", &blue, "--shots", &good]).failed(1, "parameter");
    assert!(err.contains("{text}"), "{err}");
}
