//! `ocelli run`.

use crate::process::{COLOUR, bundled, bundled_with, command, file, finish, ocelli, ocelli_with_input, picture};
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
    for name in ["load_ms", "decode_images_ms", "prepare_ms", "encode_ms", "prefill_ms", "generate_ms"] {
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
    let ended = ocelli(&["run", "--raw", "-m", &model, "-n", "2", "-p", typed]);
    assert!(!ended.err.contains("is text"), "nobody expects a mark there: {ended:?}");
    assert_eq!(ended.ok(), "yes\n");
    let err = ocelli(&["run", "-m", &model, "-i", &picture("blue_circle.png"), "-p", typed]).failed(2, "no-vision");
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
        let args = ["run", "-q", "--raw", "-m", &model, "-p", "x"];
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
    assert!(err.contains("the budget is 1.00 MiB") && err.contains("hint:"), "{err}");
    assert!(err.contains(" MiB of it for the mapped model file"), "{err}");
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
    let err = ocelli(&["run", "-p", "x", "-m", "/nowhere/model.gguf"]).failed(1, "open");
    assert!(err.contains("/nowhere/model.gguf"), "{err}");
    let (_dir, path) = file("page.gguf", b"<!DOCTYPE html><html><body>404</body></html>");
    let err = ocelli(&["run", "-p", "x", "-m", &path]).failed(1, "not-gguf");
    assert!(err.contains(&path) && err.contains("a web page"), "{err}");
    let (_dir, path) = file("cut.gguf", &bundled()[..500_000]);
    for (ty, what) in [("mmproj", "llama.cpp's projector"), ("imatrix", "quantize --imatrix"), ("adapter", "LoRA")] {
        let (_dir, path) = bundled_with(&[("general.type", ty)]);
        let err = ocelli(&["run", "-p", "x", "-m", &path]).failed(1, "architecture");
        assert!(err.contains("general.type") && err.contains(what), "{err}");
    }
    for more in ["--quiet", "--no-mmap"] {
        ocelli(&["run", "-p", "x", "-m", &path, more]).failed(1, "truncated");
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
        let answer = ocelli(&[&["run", "--raw", "-m", &model, "-p", "?", "--json", "-q"], more].concat()).json();
        let generated = answer["ids"].as_array().unwrap().len();
        assert!(generated.abs_diff(count) <= 1, "{more:?}: {generated}");
        assert_eq!(answer["finish"], finish, "{more:?}");
    }
    assert_eq!(ocelli(&["run", "-i", &picture("blue_circle.png"), "-p", COLOUR, "-n", "1000"]).ok(), "blue\n");
}

/// A prompt is a user's message where the file has a chat template, in run and score alike.
#[test]
fn the_chat_template_is_around_the_prompt() {
    // Behind the template's last line break comes the answer; behind "?" another.
    let (_dir, model) = saying(&["\u{10a}", "yes"]);
    let run = |more: &[&str]| ocelli(&[&["run", "-m", &model, "-p", "so?"], more].concat());
    let ended = run(&[]);
    assert!(ended.err.contains("--raw leaves it out"), "{ended:?}");
    assert_eq!(ended.ok(), "yes\n");
    let ids = |args: &[&str]| prompt_ids(&[&["-m", &model], args].concat());
    let rendered = |text: &str| {
        let out = ocelli(&["tokenize", "-m", &model, "--ids", text]).ok();
        out.split_whitespace().map(|id| id.parse().unwrap()).collect::<Vec<u64>>()
    };
    let user = "<|im_start|>user\nso?<|im_end|>\n<|im_start|>assistant\n";
    assert_eq!(ids(&["-p", "so?"]), rendered(user));
    let system = format!("<|im_start|>system\n- be brief<|im_end|>\n{user}");
    assert_eq!(ids(&["-p", "so?", "--system", "- be brief"]), rendered(&system));
    assert_eq!(ids(&["-p", "so?", "--raw"]), rendered("so?"));
    // What is said spells no special token; a raw prompt does.
    assert_eq!(ids(&["-p", "<|im_end|>", "--raw"]), [2]);
    assert_eq!(ids(&["-p", "<|im_end|>"]).iter().filter(|&&id| id == 2).count(), 1, "the template's");
    assert_eq!(run(&["--json"]).json()["chat_template"], true);
    assert_eq!(run(&["--json", "--raw"]).json()["chat_template"], false);
    run(&["--raw", "--system", "x"]).failed(2, "usage");
    let err = ocelli(&["run", "-p", "x", "--system", "y"]).failed(2, "no-chat-template");
    assert!(err.contains("--system"), "{err}");
}

#[test]
fn an_empty_answer_says_why() {
    let (_dir, silent) = saying(&["a"]);
    let ended = ocelli(&["run", "-m", &silent, "-p", "x"]);
    assert!(ended.err.contains("the answer is empty: the model ended it at once"), "{ended:?}");
    assert_eq!(ended.ok(), "\n");
    let (_dir, special) = saying(&["\u{10a}", "<|im_start|>"]);
    let ended = ocelli(&["run", "-m", &special, "-p", "x"]);
    assert!(ended.err.contains("--keep-special shows special ones"), "{ended:?}");
    let (_dir, model) = saying(&["\u{10a}", "yes", "no"]);
    let ended = ocelli(&["run", "-m", &model, "-p", "x", "--stop", "yes"]);
    assert!(ended.err.contains("it begins with a stop string"), "{ended:?}");
    assert_eq!(ocelli(&["run", "-m", &model, "-p", "x", "-q", "--stop", "yes"]).err, "");
}

#[test]
fn answers_end_before_a_stop_string() {
    let (_dir, model) = saying(&["\u{10a}", "one", "\u{10a}Us", "er:", "two"]);
    let run = |more: &[&str]| ocelli(&[&["run", "-m", &model, "-p", "x"], more].concat());
    assert_eq!(run(&[]).ok(), "one\nUser:two\n");
    assert_eq!(run(&["--stop", "\nUser:"]).ok(), "one\n");
    let answer = run(&["--stop", "never", "--stop", "ser", "--json"]).json();
    assert_eq!((answer["text"].as_str(), answer["finish"].as_str()), (Some("one\nU"), Some("stop-string")));
    let (ids, logprobs) = (answer["ids"].as_array().unwrap(), answer["logprobs"].as_array().unwrap());
    assert_eq!((ids.len(), logprobs.len()), (3, 3), "{answer}");
    assert!(logprobs.iter().all(|p| p.as_f64().unwrap() <= 0.0), "{answer}");
    run(&["--stop", ""]).failed(2, "option");
    let cut = run(&["-n", "1"]);
    assert!(cut.err.contains("the answer was cut after 1 token: a larger -n"), "{cut:?}");
}

#[test]
fn logits_are_biased() {
    let blue = picture("blue_circle.png");
    let run = |more: &[&str]| ocelli(&[&["run", "-q", "-i", &blue, "-p", COLOUR], more].concat());
    let first = |text: &str| ocelli(&["tokenize", "--json", "--no-special", text]).json()[0]["id"].to_string();
    let (blue_id, red_id) = (first(" blue"), first(" red"));
    assert_eq!(run(&[]).ok(), "blue\n");
    assert_ne!(run(&["--logit-bias", &format!("{blue_id}-inf")]).ok(), "blue\n");
    assert_eq!(run(&["-l", &format!("{red_id}+100"), "-n", "1"]).ok(), "red\n");
    let err = run(&["-l", "4000000+1"]).failed(2, "option");
    assert!(err.contains("logit-bias is 4000000"), "{err}");
    let twice = format!("{red_id}+1");
    assert!(run(&["-l", &twice, "-l", &twice]).failed(2, "option").contains("twice"));
    run(&["-l", "red+1"]).failed(2, "usage");
}

/// Where no prompt is given standard input is it, if that is no terminal; nothing at all is no prompt.
#[test]
fn a_prompt_comes_from_somewhere() {
    let blue = picture("blue_circle.png");
    assert_eq!(ocelli_with_input(&["run", "-q", "-i", &blue], COLOUR).ok(), "blue\n");
    let (_dir, text) = file("question.txt", format!("{COLOUR}\n").as_bytes());
    assert_eq!(ocelli(&["run", "-q", "-i", &blue, "-f", &text]).ok(), "blue\n");
    assert_eq!(ocelli_with_input(&["run", "-q", "-i", &blue, "-f", "-"], COLOUR).ok(), "blue\n");
    let bytes = std::fs::File::open(&blue).unwrap();
    assert_eq!(finish(command(&["run", "-q", "-i", "-", "-p", COLOUR]).stdin(bytes), "").ok(), "blue\n");
    for args in [&["run"][..], &["run", "-p", ""], &["run", "-f", "-"], &["score", "-c", " x"]] {
        let err = ocelli(args).failed(2, "prompt");
        assert!(err.contains("the prompt is empty") && err.contains("-f FILE"), "{err}");
    }
    // A picture may stand without, and the likelihood of a text by itself may be asked for.
    ocelli(&["run", "-i", &blue, "-n", "2"]).ok();
    ocelli(&["score", "-p", "", "-c", " x"]).ok();
    for args in [&["-i", "-", "-p", "-"][..], &["-i", "-", "-i", "-"], &["-f", "-", "-i", "-"]] {
        ocelli(&[&["run"], args].concat()).failed(2, "standard-input");
    }
    ocelli(&["run", "-i", "-", "-p", "x", "--grammar", "-"]).failed(2, "standard-input");
    let err = ocelli(&["run", "-f", "nowhere.txt"]).failed(1, "open");
    assert!(err.contains("nowhere.txt"), "{err}");
    let (_dir, bad) = file("bad.txt", b"a\xff");
    assert!(ocelli(&["run", "-f", &bad]).failed(1, "text").contains("bad.txt"));
}

/// Without a seed what is drawn differs, and the seed that made it is told.
#[test]
fn a_seed_that_is_told_repeats_an_answer() {
    let draw = |more: &[&str]| {
        let args = ["run", "-p", COLOUR, "-n", "12", "--min-new-tokens", "12", "--temp", "3", "--json"];
        ocelli(&[&args, more].concat()).json()
    };
    let answers: Vec<_> = (0..4).map(|_| draw(&[])).collect();
    assert!(answers.iter().any(|answer| answer["ids"] != answers[0]["ids"]));
    let seed = answers[0]["seed"].as_u64().unwrap();
    assert_eq!(draw(&["--seed", &seed.to_string()])["ids"], answers[0]["ids"]);
    let ended = ocelli(&["run", "-p", COLOUR, "-n", "2", "--temp", "3", "--seed", "41"]);
    assert!(ended.err.lines().any(|line| line.starts_with("seed ") && line.ends_with(" 41")), "{ended:?}");
    assert!(ocelli(&["run", "-p", COLOUR, "-n", "2", "--json"]).json()["seed"].is_null(), "nothing is drawn");
}

#[test]
fn a_context_beyond_the_models_is_noted() {
    let ended = ocelli(&["run", "-p", COLOUR, "-n", "2", "--context", "100000"]);
    assert!(ended.err.contains("--context 100000 is taken as 128"), "{ended:?}");
    // Of one or two tokens a rate says nothing.
    let line = ended.err.lines().find(|line| line.starts_with("generate")).unwrap().to_owned();
    assert!(line.ends_with("2 tokens"), "{line}");
}
