//! `ocelli run`.

use crate::process::{COLOUR, bundled, command, file, finish, ocelli, ocelli_with_input, picture};
use crate::saying::saying;

fn ask(name: &str, more: &[&str]) -> String {
    let path = picture(name);
    let mut args = vec!["run", "-i", &path, "-p", COLOUR];
    args.extend(more);
    ocelli(&args).ok()
}

#[test]
fn the_bundled_model_answers() {
    assert_eq!(ask("blue_circle.png", &[]), "blue\n");
    assert_eq!(ask("red_triangle.png", &[]), "red\n");
    assert_eq!(ask("red_triangle.png", &["--beams", "3"]), "red\n");
    assert_eq!(ask("red_triangle.png", &["--no-mmap", "--threads", "1", "--kv", "f32", "--budget", "1G"]), "red\n");
}

#[test]
fn json_is_one_object_with_the_text_that_is_printed() {
    let path = picture("blue_circle.png");
    let ended = ocelli(&["run", "-i", &path, "-p", COLOUR, "--json", "--quiet"]);
    assert_eq!(ended.err, "");
    let answer = ended.json();
    assert_eq!(answer["text"], "blue");
    assert_eq!(answer["finish"], "eos");
    assert_eq!(answer["ids"].as_array().unwrap().len(), 2, "the word and the end: {answer}");
    let timings = answer["timings"].as_object().unwrap();
    for name in ["load_ms", "decode_ms", "prepare_ms", "encode_ms", "prefill_ms", "generate_ms"] {
        assert!(timings[name].is_number(), "{name}: {answer}");
    }
    assert_eq!((&timings["encoded_images"], &timings["generated_tokens"]), (&1.into(), &2.into()));
    assert!(timings["prompt_positions"].as_u64().unwrap() > 8, "{answer}");
}

#[test]
fn a_file_given_by_name_answers_like_the_bundled_one() {
    let (_dir, model) = file("tiny.gguf", &bundled());
    let ended = ocelli(&["run", "-m", &model, "-i", &picture("blue_circle.png"), "-p", COLOUR]);
    assert!(ended.err.contains(&model) && ended.err.contains("tok/s"), "{ended:?}");
    assert_eq!(ended.ok(), "blue\n");
}

#[test]
fn the_prompt_may_come_from_standard_input() {
    let path = picture("blue_circle.png");
    let args = ["run", "-q", "-i", &path, "-p", "-"];
    assert_eq!(ocelli_with_input(&args, COLOUR).ok(), "blue\n");
    assert_eq!(ocelli_with_input(&args, &format!("{COLOUR}\n")).ok(), "blue\n");
}

#[test]
fn input_that_is_no_text_is_refused() {
    let (_dir, path) = file("prompt.txt", b"Question: \xff\xfe");
    let input = std::fs::File::open(path).unwrap();
    let ended = finish(command(&["run", "-p", "-"]).stdin(input), "");
    assert!(ended.failed(1, "text").contains("byte 10"));
}

#[test]
fn markers_say_where_pictures_go() {
    let (blue, red) = (picture("blue_circle.png"), picture("red_triangle.png"));
    let marked = format!("<image>{COLOUR}");
    assert_eq!(ocelli(&["run", "-i", &blue, "-p", &marked]).ok(), "blue\n");
    let err = ocelli(&["run", "-i", &blue, "-p", "<image> and <image>"]).failed(2, "image-count");
    assert!(err.contains("2 image markers, 1 image was given") && err.contains("'\\<image>' is text"), "{err}");
    ocelli(&["run", "-i", &blue, "-i", &red, "-p", "<image> only", "--json"]).failed(2, "image-count");
    let both = ocelli(&["run", "-i", &blue, "-i", &red, "-p", "<image>one<image>two", "--json"]).json();
    assert_eq!(both["timings"]["encoded_images"], 2);
}

/// The ids of a prompt, less those in pictures' places.
fn prompt_ids(args: &[&str]) -> Vec<u64> {
    let score = ocelli(&[&["score", "--json", "-c", " x"], args].concat()).json();
    score["prompt_ids"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect()
}

fn text_ids(text: &str) -> Vec<u64> {
    let out = ocelli(&["tokenize", "--ids", text]).ok();
    out.split_whitespace().map(|id| id.parse().unwrap()).collect()
}

/// A model with eyes without a picture, with one and an escape, and a model without eyes.
#[test]
fn a_mark_without_a_picture_is_text() {
    let blue = picture("blue_circle.png");
    let typed = "what does the tag <image> do?";
    let ended = ocelli(&["run", "-n", "2", "-p", typed]);
    assert!(ended.err.contains("<image> in the prompt is text"), "{ended:?}");
    ended.ok();
    assert!(!ocelli(&["run", "-q", "-n", "2", "-p", typed]).err.contains("is text"));
    let ids = text_ids(typed);
    assert!(ids.len() > 6, "letters, not one token: {ids:?}");
    assert_eq!(prompt_ids(&["-p", typed]), ids);
    let pictured = prompt_ids(&["-i", &blue, "-p", "what does the tag \\<image> do?"]);
    assert_eq!(pictured, ids);
    assert_eq!(prompt_ids(&["-p", "a\\b \\<image>"]), text_ids("a\\b \\<image>"));
    for text in ["<video>", "<image><image>", "<image"] {
        assert_eq!(prompt_ids(&["-p", text]), text_ids(text), "{text}");
    }
    // What a continuation or an importance's text says is text, too.
    let score = ocelli(&["score", "--json", "-p", "a", "-c", "<image>"]).json();
    assert!(score["continuations"][0]["ids"].as_array().unwrap().len() > 1, "{score}");
}

#[test]
fn a_model_without_eyes_reads_marks_as_text() {
    let (_dir, model) = saying(&["?", "yes"]);
    let typed = "what does the tag <image> do?";
    let ended = ocelli(&["run", "-m", &model, "-n", "2", "-p", typed]);
    assert!(!ended.err.contains("is text"), "nobody expects a mark there: {ended:?}");
    assert_eq!(ended.ok(), "yes\n");
    let err = ocelli(&["run", "-m", &model, "-i", &picture("blue_circle.png"), "-p", typed]).failed(1, "no-vision");
    assert!(err.contains("takes no images"), "{err}");
}

#[test]
fn prompts_may_begin_with_a_hyphen() {
    for text in ["- one", "-5 + 3 =", "--prompt", "-i"] {
        assert_eq!(prompt_ids(&["-p", text]), text_ids_behind(text), "{text}");
    }
    let score = ocelli(&["score", "--json", "-p", "2 - 7 =", "-c", "-5", "--continuation", "- 5"]).json();
    assert_eq!(score["continuations"][0]["text"], "-5");
    assert_eq!(score["continuations"][1]["text"], "- 5");
    assert_eq!(ocelli(&["tokenize", "--ids", "-5 + 3"]).ok(), ocelli(&["tokenize", "--ids", "--", "-5 + 3"]).ok());
    assert_eq!(ocelli(&["tokenize", "- a", "--ids"]).ok(), ocelli(&["tokenize", "--ids", "--", "- a"]).ok());
    let (dir, model) = file("tiny.gguf", &bundled());
    let (blue, out) = (picture("blue_circle.png"), dir.path().join("imatrix.gguf"));
    for text in ["- one", "-5", "--image"] {
        ocelli(&["imatrix", &model, "-o", out.to_str().unwrap(), "-i", &blue, "-q", "-p", text]).ok();
    }
}

fn text_ids_behind(text: &str) -> Vec<u64> {
    let out = ocelli(&["tokenize", "--ids", "--", text]).ok();
    out.split_whitespace().map(|id| id.parse().unwrap()).collect()
}

/// Plain and JSON are one text, whatever white space an answer begins with.
#[test]
fn both_outputs_are_one_text() {
    for (tokens, text) in [
        (&["\u{120}blue"][..], "blue"),
        (&["\u{120}", "blue"], "blue"),
        (&["blue"], "blue"),
        // A tab, a line break, and blanks that are more than the one between two words.
        (&["\u{109}", "a"], "\ta"),
        (&["\u{10a}", "\u{120}a"], "\n a"),
        (&["\u{120}\u{120}", "\u{120}return"], "   return"),
        (&["\u{120}", "\u{10a}", "a"], " \na"),
        (&["\u{120}"], " "),
        (&["\u{120}\u{109}a"], " \ta"),
        (&["a", "\u{120}", "\u{10a}"], "a \n"),
        (&[], ""),
    ] {
        let (_dir, model) = saying(&[&["x"], tokens].concat());
        let args = ["run", "-q", "-m", &model, "-p", "x"];
        let json = ocelli(&[&args[..], &["--json"]].concat()).json();
        assert_eq!(json["text"], text, "{tokens:?}");
        assert_eq!(ocelli(&args).ok(), format!("{text}\n"), "{tokens:?}");
    }
}

#[test]
fn the_length_is_as_asked() {
    let tokens = |more: &[&str]| {
        let path = picture("blue_circle.png");
        let mut args = vec!["run", "-q", "--json", "-i", &path, "-p", COLOUR];
        args.extend(more);
        ocelli(&args).json()
    };
    let short = tokens(&["-n", "1"]);
    assert_eq!((&short["finish"], short["ids"].as_array().unwrap().len()), (&"length".into(), 1));
    let long = tokens(&["-n", "20", "--min-new-tokens", "20"]);
    assert_eq!((&long["finish"], long["ids"].as_array().unwrap().len()), (&"length".into(), 20));
    let beams =
        tokens(&["-n", "10", "--min-new-tokens", "10", "--beams", "4", "--length-penalty=-1", "--early-stopping"]);
    assert_eq!(beams["ids"].as_array().unwrap().len(), 10);
    // A context that is given and no length: as many as fit, the last of which is never read.
    let filled = tokens(&["--context", "24", "--min-new-tokens", "100"]);
    let positions = filled["timings"]["prompt_positions"].as_u64().unwrap();
    assert_eq!(filled["ids"].as_array().unwrap().len() as u64, 24 - positions + 1, "{filled}");
}

#[test]
fn seeds_repeat() {
    let draw = |seed| ask("blue_circle.png", &["-n", "16", "--min-new-tokens", "16", "--temp", "3", "--seed", seed]);
    let draws: Vec<String> = ["1", "2", "3", "4"].into_iter().map(draw).collect();
    assert_eq!(draws[0], draw("1"));
    assert!(draws.iter().any(|d| *d != draws[0]), "{draws:?}");
}

#[test]
fn what_does_not_fit_is_refused_with_numbers() {
    let err = ocelli(&["run", "-p", COLOUR, "--context", "4"]).failed(1, "context-full");
    assert!(err.contains("the context holds 4"), "{err}");
    let err = ocelli(&["run", "-p", COLOUR, "--budget", "1M"]).failed(1, "over-budget");
    assert!(err.contains("1048576") && err.contains("hint:"), "{err}");
}

#[test]
fn pictures_that_are_none_are_named() {
    for (name, content, words) in [
        ("page.png", &b"<!DOCTYPE html><html>"[..], "an HTML page; PNG, JPEG, WebP, GIF, BMP and TIFF are read"),
        ("empty.png", b"", "empty"),
        ("cut.png", &std::fs::read(picture("blue_circle.png")).unwrap()[..60], "needs at least"),
    ] {
        let (_dir, path) = file(name, content);
        let err = ocelli(&["run", "-i", &path, "--json"]).failed(1, "image");
        assert!(err.contains(&path), "{err}");
        assert!(err.contains(words) || err.contains("truncated"), "{err}");
    }
    let err = ocelli(&["run", "-i", "/nowhere/cat.png"]).failed(1, "open");
    assert!(err.contains("/nowhere/cat.png"), "{err}");
    ocelli(&["run", "-i", env!("CARGO_MANIFEST_DIR")]).failed(1, "open");
    #[cfg(unix)]
    ocelli(&["run", "-i", "/dev/zero"]).failed(1, "image");
}

#[test]
fn models_that_are_none_are_named() {
    let err = ocelli(&["run", "-m", "/nowhere/model.gguf"]).failed(1, "open");
    assert!(err.contains("/nowhere/model.gguf"), "{err}");
    let (_dir, path) = file("page.gguf", b"<!DOCTYPE html><html><body>404</body></html>");
    let err = ocelli(&["run", "-m", &path]).failed(1, "not-gguf");
    assert!(err.contains(&path) && err.contains("a web page"), "{err}");
    let (_dir, path) = file("cut.gguf", &bundled()[..500_000]);
    for more in ["--quiet", "--no-mmap"] {
        ocelli(&["run", "-m", &path, more]).failed(1, "truncated");
    }
}

#[test]
fn an_unknown_instruction_set_is_refused() {
    let ended = finish(command(&["run", "-p", "x"]).env("OCELLI_ISA", "mmx"), "");
    assert!(ended.failed(1, "isa").contains("scalar"));
}

/// The most new tokens are a limit: a context that has room for fewer ends the text, and that is told.
#[test]
fn the_most_new_tokens_are_no_demand() {
    let (_dir, model) = saying(&["?", "a", "b", "a"]);
    for (more, count, finish) in [
        (&["-n", "100000"][..], 512, "context"),
        (&["--context", "20", "-n", "100000"], 20, "context"),
        (&["--context", "20", "-n", "100000", "--beams", "2"], 20, "context"),
        (&["--context", "20", "-n", "5"], 5, "length"),
    ] {
        let answer = ocelli(&[&["run", "-m", &model, "-p", "?", "--json", "-q"], more].concat()).json();
        let generated = answer["ids"].as_array().unwrap().len();
        assert!(generated.abs_diff(count) <= 1, "{more:?}: {generated}");
        assert_eq!(answer["finish"], finish, "{more:?}");
    }
    assert_eq!(ocelli(&["run", "-i", &picture("blue_circle.png"), "-p", COLOUR, "-n", "1000"]).ok(), "blue\n");
}
