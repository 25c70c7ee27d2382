//! `--shots`: demonstrations before a query. The bundled model knows none, so it gets a wording; what is checked is that
//! the model sees what it would see if the same prompt were typed out.

use crate::process::{bundled_with, command, finish, ocelli, picture};
use serde_json::Value;
use std::fs;
use std::path::Path;

const TEXT: (&str, &str) = ("ocelli.shots.text", "<image>Output: {text}.");
const QUESTION: (&str, &str) = ("ocelli.shots.question", "<image>Question: {question} Answer: {answer}");
const SEPARATOR: (&str, &str) = ("ocelli.shots.separator", " ");

/// A file of demonstrations beside links to the pictures, which its lines name without a folder.
fn shots(lines: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    for name in ["blue_circle.png", "green_circle.png", "red_triangle.png"] {
        fs::copy(picture(name), dir.path().join(name)).unwrap();
    }
    let path = dir.path().join("shots.jsonl");
    fs::write(&path, lines).unwrap();
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
    let lines = fs::read_to_string(&texts).unwrap();
    fs::write(&texts, format!("\u{feff}{lines}")).unwrap();
    assert_eq!(seen(&model, &["-i", &green, "--shots", &texts]), typed);
    fs::write(&texts, format!("{lines}\u{feff}{lines}")).unwrap();
    let wrong = ocelli(&["score", "-m", &model, "-c", " red", "-i", &green, "--shots", &texts]).failed(1, "shots");
    assert!(wrong.contains("line 4"), "{wrong}");
    fs::write(&texts, lines).unwrap();

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
        ("{\"text\": \"a\"}\nnot json", "line 2: no JSON: character 1 is 'n', expected an object in braces"),
        ("[", "line 1: a list"),
        ("{\"text\": 1}", "line 1: \"text\" must be a text, it is the number 1"),
        ("\n \n", "has no demonstrations"),
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
    assert!(err.contains("shots.jsonl, line 1: cannot read image"), "{err}");
    let err = run(&["-i", &blue, "--shots", &missing, "--shot-select", "similar"]).failed(1, "open");
    assert!(err.contains("shots.jsonl, line 1: cannot read image"), "{err}");
    let three = "{\"id\": 1, \"image\": \"blue_circle.png\", \"text\": \"a\"}\n{\"text\": \"b\"}\n{\"text\": \"c\"}";
    let (_dir, three) = shots(three);
    let many = |more: &[&str]| run(&[&["-i", &blue, "--shots", &three, "--shot-count", "30"], more].concat());
    for (more, words) in [
        (&[][..], "--shot-count 30: "),
        (&[], "has 3 demonstrations;"),
        (&["--shot-texts"], "has 3 demonstrations;"),
        (&["--shot-select", "similar"], "has 1 demonstration with a picture"),
    ] {
        let err = many(more).failed(2, "shots").replace('\n', ";");
        assert!(err.contains(words), "{err}");
    }
    run(&["-i", &blue, "--shots", &three, "--shot-count", "257"]).failed(2, "usage");
    let (_model, broken) = bundled_with(&[("ocelli.shots.text", "<image>Output:")]);
    let err = ocelli(&["run", "-m", &broken, "-i", &blue, "--shots", &good]).failed(1, "parameter");
    assert!(err.contains("{text}"), "{err}");
}

#[test]
fn no_demonstration_leaves_the_wording() {
    let (_model, model) = bundled_with(&[TEXT, QUESTION, SEPARATOR]);
    let green = picture("green_circle.png");
    let (_dir, texts) =
        shots("{\"id\": [1], \"image\": \"blue_circle.png\", \"text\": \"a circle\", \"note\": null}\n");
    let (_dir, asked) = shots("{\"question_id\": 7, \"question\": \"what color?\", \"answer\": \"blue\"}\n");
    for (file, typed) in [(&texts, "<image>Output: a"), (&asked, "<image>Question: a Answer:")] {
        let wanted = seen(&model, &["-i", &green, "-p", typed]);
        for how in [&["--shot-count", "0"][..], &["--shot-count", "0", "--shot-texts"]] {
            let args = [&["-i", green.as_str(), "-p", "a", "--shots", file], how].concat();
            assert_eq!(seen(&model, &args), wanted, "{file}");
            let shown = ocelli(&[&["run", "-m", &model, "-q", "-n", "1", "--show-prompt"], &args[..]].concat());
            assert_eq!(shown.err, format!("{typed}\n"));
            let shown =
                ocelli(&[&["run", "-m", &model, "-n", "1", "--json", "--show-prompt"], &args[..]].concat()).json();
            assert_eq!(shown["prompt"], typed);
        }
    }
    let args =
        ["run", "-m", &model, "-q", "-n", "1", "-i", &green, "-p", "x <image>", "--shots", &texts, "--show-prompt"];
    assert_eq!(ocelli(&args).err, "<image>Output: a circle. <image>Output: x \\<image>\n", "as it is typed");
}

/// A model, and a pool of the three pictures; how a run with the most similar ends, and what the file of features is then.
#[test]
fn features_of_a_pool_are_made_once() {
    let (_model, model) = bundled_with(&[TEXT]);
    let (dir, pool) = shots(
        "{\"image\": \"blue_circle.png\", \"text\": \"b\"}\n{\"image\": \"green_circle.png\", \"text\": \"g\"}\n\
         {\"image\": \"red_triangle.png\", \"text\": \"r\"}\n",
    );
    let caches = dir.path().join("caches");
    let red = picture("red_triangle.png");
    let ended = |model: &str| {
        let args =
            ["run", "--json", "-n", "1", "--show-prompt", "-i", &red, "--shots", &pool, "--shot-select", "similar"];
        let mut command = command(&[&args[..], &["-m", model, "--shot-count", "2"]].concat());
        let ended = finish(command.env("XDG_CACHE_HOME", &caches), "");
        let noted: Vec<_> = ended.err.lines().filter(|line| line.contains("eatures ")).map(str::to_owned).collect();
        let prompt = ended.json()["prompt"].as_str().unwrap().to_owned();
        assert!(prompt.ends_with("<image>Output: r.<image>Output:"), "{prompt}");
        (prompt, noted.join("\n"))
    };
    let beside = std::path::PathBuf::from(format!("{pool}.features"));
    let (prompt, noted) = ended(&model);
    assert!(noted.contains("features of 3 pictures made in ") && noted.contains(beside.to_str().unwrap()), "{noted}");
    let kept = fs::read(&beside).unwrap();
    let again = |noted_as: &str, bytes: &[u8]| {
        let (same, noted) = ended(&model);
        assert_eq!(same, prompt);
        assert!(if noted_as.is_empty() { noted.is_empty() } else { noted.contains(noted_as) }, "{noted_as}: {noted}");
        assert!(fs::read(&beside).unwrap() == bytes, "{noted_as}");
    };
    again("", &kept);
    // Damaged, cut, or something else: said and made again.
    let mut damaged = kept.clone();
    damaged[kept.len() / 2] ^= 4;
    for bytes in [&damaged[..], &kept[..kept.len() - 1], b"", b"another's"] {
        fs::write(&beside, bytes).unwrap();
        again("no whole file of features: features are made again", &kept);
    }
    // Another model with the same eyes has the same features; with others it has its own, and both are kept.
    let (_same, same) = bundled_with(&[TEXT, ("general.name", "other")]);
    assert_eq!(ended(&same), (prompt.clone(), String::new()));
    let (_other, other) = bundled_with(&[TEXT, ("ocelli.note", "another preprocessing")]);
    assert!(ended(&other).1.contains("features of 3 pictures made"));
    let both = fs::read(&beside).unwrap();
    assert_eq!(both.len() - kept.len(), kept.len() - 32, "all but the magic and the hash");
    again("", &both);
    // A picture that was changed.
    fs::copy(picture("green_circle.png"), dir.path().join("blue_circle.png")).unwrap();
    assert!(ended(&model).1.is_empty(), "the picture is known from another line");
    fs::copy(picture("blue_circle.png"), dir.path().join("blue_circle.png")).unwrap();
    // Where nothing can be written beside the pool; a folder in the way stands for that, since some users can write anywhere.
    fs::remove_file(&beside).unwrap();
    fs::create_dir(&beside).unwrap();
    let (same, noted) = ended(&model);
    assert!(
        same == prompt && noted.contains(&format!("kept in {}", caches.join("ocelli/features").display())),
        "{noted}"
    );
    let (same, noted) = ended(&model);
    assert!(same == prompt && !noted.contains("made in"), "{noted}");
}
