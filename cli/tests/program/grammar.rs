//! `--json-schema`, `--grammar` and `--keep-special`, and that options are resolved as the engine resolves them.

use crate::process::{COLOUR, bundled_with, file, ocelli, ocelli_with_input, picture};
use crate::saying::saying;
use ocelli_engine::image::{ImageLimits, decode};
use ocelli_engine::{Engine, Prompt, SessionOptions, Wanted};
use ocelli_quant::gguf::MetaValue;
use serde_json::Value;
use std::ops::ControlFlow;
use std::sync::Arc;

const SCHEMA: &str = r#"{"type": "object", "required": ["colour"], "additionalProperties": false,
    "properties": {"colour": {"enum": ["red", "green", "blue"]}}}"#;

fn ask(more: &[&str]) -> Vec<String> {
    let blue = picture("blue_circle.png");
    let args = ["run", "-i", &blue, "-p", COLOUR].into_iter().chain(more.iter().copied());
    args.map(str::to_owned).collect()
}

fn run(more: &[&str]) -> crate::process::Ended {
    ocelli(&ask(more).iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn answers_are_json_by_a_schema_that_is_given_in_any_way() {
    let (_dir, path) = file("colour.json", SCHEMA.as_bytes());
    let check = |out: String| {
        let value: Value = serde_json::from_str(&out).unwrap();
        assert!(["red", "green", "blue"].contains(&value["colour"].as_str().unwrap()), "{out}");
    };
    for more in [&[][..], &["--beams", "3"], &["--temp", "1", "--seed", "4"]] {
        check(run(&[&["-n", "100", "--json-schema", &path], more].concat()).ok());
    }
    check(run(&["-n", "100", "--json-schema", SCHEMA]).ok());
    let args = ask(&["-n", "100", "--json-schema", "-"]);
    check(ocelli_with_input(&args.iter().map(String::as_str).collect::<Vec<_>>(), SCHEMA).ok());
    let json = run(&["-n", "100", "--json-schema", &path, "--json"]).json();
    check(json["text"].as_str().unwrap().to_owned());
}

#[test]
fn answers_are_as_a_grammar_says() {
    let (_dir, path) = file("answer.lark", b"start: /yes|no/\n");
    assert!(["yes\n", "no\n"].contains(&&*run(&["--grammar", &path]).ok()));
    assert_eq!(run(&["--grammar", "start: \"blue\" \"!\"~3"]).ok(), "blue!!!\n");
    assert_eq!(run(&["--grammar", "start: \" blue\""]).ok(), " blue\n", "a blank that the grammar asks for stays");
    assert_eq!(run(&["--grammar", "start: \" blue\"", "--json"]).json()["text"], " blue");
    let cut = run(&["-n", "2", "--grammar", "start: \"blue blue blue blue\""]);
    assert!(cut.err.contains("was cut before the schema or grammar"), "{cut:?}");
    let (_dir, model) = saying(&["x", "no"]);
    let said = ocelli_with_input(&["chat", "-q", "-m", &model, "--grammar", "start: /yes|maybe/"], "x\nx\n").ok();
    assert!(said.lines().count() == 2 && said.lines().all(|line| ["yes", "maybe"].contains(&line)), "{said}");
}

#[test]
fn what_is_wrong_with_a_grammar_is_told_by_its_file() {
    let (_dir, path) = file("wrong.json", br#"{"type": "strin"}"#);
    let err = run(&["--json-schema", &path]).failed(2, "constraint");
    assert!(err.contains(&path) && err.contains("JSON schema") && err.contains("strin"), "{err}");
    let (_dir, path) = file("wrong.lark", b"start: nobody");
    let err = run(&["--grammar", &path]).failed(2, "constraint");
    assert!(err.contains(&path) && err.contains("nobody"), "{err}");
    let (_dir, path) = file("long.json", format!("{{\"const\":\"{}\"}}", "x".repeat(1 << 19)).as_bytes());
    let err = run(&["--json-schema", &path]).failed(2, "constraint");
    assert!(err.contains("the limit is"), "{err}");
    let (_dir, path) = file("bytes.json", b"{\"const\":\"\xff\"}");
    assert!(run(&["--json-schema", &path]).failed(2, "text").contains("UTF-8"));
    assert!(run(&["--json-schema", "/nowhere/schema.json"]).failed(1, "open").contains("/nowhere/schema.json"));
    assert_eq!(run(&["--json-schema", "a", "--grammar", "b"]).code, Some(2));
    let err = ocelli_with_input(&["run", "-p", "-", "--grammar", "-"], "x").failed(2, "standard-input");
    assert!(err.contains("--prompt"), "{err}");
    let (_dir, model) = saying(&["x", "no"]);
    let err = ocelli_with_input(&["chat", "-m", &model, "--json-schema", "-"], "x\n").failed(2, "standard-input");
    assert!(err.contains("the conversation"), "{err}");
}

/// The second token of three is a control token, and so is the end.
#[test]
fn special_tokens_are_kept_on_request() {
    let (_dir, model) = saying(&["x", "a", "<|im_start|>", "b"]);
    let args = ["run", "-q", "--raw", "-m", &model, "-p", "x"];
    for (more, text) in [(&[][..], "ab"), (&["--keep-special"], "a<|im_start|>b")] {
        for beams in [&[][..], &["--beams", "2"]] {
            let args = [&args[..], more, beams].concat();
            assert_eq!(ocelli(&args).ok(), format!("{text}\n"), "{args:?}");
            let json = ocelli(&[&args[..], &["--json"]].concat()).json();
            assert_eq!((&json["text"], &json["finish"]), (&text.into(), &"eos".into()), "{args:?}");
        }
    }
    let chat = ["chat", "-q", "-m", &model, "--keep-special"];
    assert_eq!(ocelli_with_input(&[&chat[..], &["-n", "9"]].concat(), "x\n").code, Some(0));
}

/// One file with suggestions of every kind: the program and the engine fill in the same.
#[test]
fn options_are_resolved_as_the_engine_resolves_them() {
    let key = |name: &'static str, value: MetaValue| (name, value);
    let (_dir, path) = bundled_with(&[
        key("ocelli.generation.num_beams", MetaValue::U32(3)),
        key("ocelli.generation.length_penalty", MetaValue::F32(-1.0)),
        key("ocelli.generation.early_stopping", MetaValue::Bool(true)),
        key("ocelli.generation.repetition_penalty", MetaValue::F32(1.5)),
        key("ocelli.generation.no_repeat_ngram_size", MetaValue::U32(2)),
        key("ocelli.generation.min_new_tokens", MetaValue::U32(3)),
        key("ocelli.generation.min_length", MetaValue::U32(40)),
    ]);
    let model = Engine::new(1).unwrap().open(path.as_ref(), ocelli_engine::Load::Map).unwrap();
    let bytes = std::fs::read(picture("blue_circle.png")).unwrap();
    let image = Arc::new(decode(&bytes, &ImageLimits::default()).unwrap());
    let prompt = Prompt::new().image(image).text(COLOUR);
    let positions = model.count(&model.compose(&prompt).unwrap());
    let wanted = |change: fn(&mut Wanted)| {
        let mut wanted = Wanted { max_new_tokens: 12, ..Wanted::default() };
        change(&mut wanted);
        wanted
    };
    let cases: [(&[&str], Wanted); 7] = [
        (&[], wanted(|_| ())),
        (
            &["--temp", "1", "--seed", "9", "--top-k", "20"],
            wanted(|w| {
                (w.temperature, w.seed, w.top_k) = (1.0, 9, 20);
            }),
        ),
        (&["--beams", "1"], wanted(|w| w.beams = Some(1))),
        (&["--beams", "2", "--length-penalty", "2"], wanted(|w| (w.beams, w.length_penalty) = (Some(2), Some(2.0)))),
        (&["--beams", "1", "--min-new-tokens", "0"], wanted(|w| (w.beams, w.min_new_tokens) = (Some(1), Some(0)))),
        (&["--beams", "1", "--no-repeat-ngram", "0"], wanted(|w| (w.beams, w.no_repeat_ngram) = (Some(1), Some(0)))),
        (&["--repetition-penalty", "1"], wanted(|w| w.repetition_penalty = Some(1.0))),
    ];
    let mut all = Vec::new();
    for (args, wanted) in cases {
        let options = model.defaults().resolve(&wanted, positions).unwrap();
        let layout = SessionOptions { beams: options.beams, ..SessionOptions::default() };
        let mut session = model.session(&layout).unwrap();
        let ids = session.generate(&prompt, &options, &mut |_| ControlFlow::Continue(())).unwrap().ids;
        let json = run(&[&["-m", &path, "-n", "12", "--json"], args].concat()).json();
        assert_eq!(json["ids"], Value::from(ids.clone()), "{args:?}");
        all.push(ids);
    }
    all.sort_unstable();
    all.dedup();
    assert!(all.len() > 3, "the options make a difference: {all:?}");
}
