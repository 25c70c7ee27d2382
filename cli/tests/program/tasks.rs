//! `--task`: what a file's tasks make of prompts and of how answers are chosen, and that options go before it.

use crate::process::*;
use ocelli_quant::gguf::MetaValue;
use serde_json::{Value, json};

fn keys() -> Vec<(&'static str, MetaValue)> {
    let texts = |texts: &[&str]| MetaValue::Strings(texts.iter().map(|text| (*text).to_owned()).collect());
    vec![
        ("ocelli.tasks", texts(&["caption", "vqa", "ends"])),
        ("ocelli.task.caption.prompt", MetaValue::Str("a picture of".to_owned())),
        ("ocelli.task.caption.num_beams", MetaValue::U32(3)),
        ("ocelli.task.caption.max_new_tokens", MetaValue::U32(3)),
        ("ocelli.task.caption.min_new_tokens", MetaValue::U32(3)),
        ("ocelli.task.caption.length_penalty", MetaValue::F32(-1.0)),
        ("ocelli.task.caption.repetition_penalty", MetaValue::F32(1.5)),
        ("ocelli.task.vqa.prompt", MetaValue::Str("Question: {} Answer:".to_owned())),
        ("ocelli.task.vqa.num_beams", MetaValue::U32(2)),
        ("ocelli.task.ends.prompt", MetaValue::Str("Question: {} Answer:".to_owned())),
        ("ocelli.task.ends.stop_strings", texts(&["lu"])),
    ]
}

/// Without the times.
fn answered(args: &[&str]) -> Value {
    let mut answer = ocelli(&[&["run", "--json", "--show-prompt"], args].concat()).json();
    answer.as_object_mut().unwrap().remove("timings");
    answer
}

#[test]
fn a_task_is_its_words_and_settings() {
    let (_dir, model) = bundled_with(&keys());
    let circle = picture("blue_circle.png");
    let of = |more: &[&str]| answered(&[&["-m", &model, "-i", &circle], more].concat());
    let written = ["--beams", "3", "--min-new-tokens", "3", "--length-penalty", "-1", "--repetition-penalty", "1.5"];
    let caption = of(&["--task", "caption"]);
    assert_eq!(caption, of(&[&written[..], &["-n", "3", "-p", "a picture of"]].concat()));
    assert_eq!(caption["ids"].as_array().unwrap().len(), 3, "{caption}");
    assert_eq!(caption["prompt"], "<image>a picture of");
    // Without it the text has an end, which is a token more.
    assert_ne!(caption["ids"], of(&["-p", "a picture of"])["ids"]);
    // Options go before it, and a text goes into the wording's place, or in its stead.
    let one = of(&["--task", "caption", "-n", "1", "--min-new-tokens", "0", "--beams", "1", "-p", "so"]);
    assert_eq!(one, of(&["-n", "1", "--min-new-tokens", "0", "--repetition-penalty", "1.5", "-p", "so"]));
    let asked = of(&["--task", "vqa", "-p", "what color is the shape?"]);
    assert_eq!(asked, of(&["--beams", "2", "-p", COLOUR]));
    assert_eq!(asked["text"], "blue");
    let ended = of(&["--task", "ends", "-p", "what color is the shape?"]);
    assert_eq!((&ended["text"], &ended["finish"]), (&json!("b"), &json!("stop-string")));
    let other = of(&["--task", "ends", "-p", "what color is the shape?", "--stop", "e"]);
    assert_eq!(other["text"], "blu", "stops that are given take the place of the task's");
}

/// A chat template has long answers; a task says how long its own are.
#[test]
fn a_task_is_as_long_in_a_chat_template() {
    let template = "{% for m in messages %}{{ m['content'] }}{% endfor %}";
    let (_dir, model) = bundled_with(&[&keys()[..], &[("tokenizer.chat_template", template.into())]].concat());
    let answer = answered(&["-m", &model, "-i", &picture("blue_circle.png"), "--task", "caption"]);
    let ids = answer["ids"].as_array().unwrap().len();
    assert_eq!(ids, 3, "{answer}");
}

#[test]
fn a_batch_and_scores_have_tasks() {
    let (_dir, model) = bundled_with(&keys());
    let (blue, red) = (picture("blue_circle.png"), picture("red_triangle.png"));
    let lines = [json!({ "image": blue }), json!({ "image": red }), json!({ "image": red, "prompt": "an image of" })];
    let (_lines, lines) = file("lines.jsonl", lines.map(|line| format!("{line}\n")).concat().as_bytes());
    let out = ocelli(&["run", "-m", &model, "-q", "--batch", &lines, "--task", "caption", "--show-prompt"]).ok();
    let answers: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 3);
    for (answer, (image, text)) in answers.iter().zip([(&blue, ""), (&red, ""), (&red, "an image of")]) {
        let alone = answered(&["-m", &model, "-i", image, "--task", "caption", "-p", text]);
        for field in ["text", "ids", "prompt"] {
            assert_eq!(answer[field], alone[field], "{field}");
        }
    }
    let failed = ocelli(&["run", "-m", &model, "-q", "--batch", &lines, "--task", "vqa"]);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    let first: Value = serde_json::from_str(failed.out.lines().next().unwrap()).unwrap();
    assert!(first["error"]["message"].as_str().unwrap().contains("Question: {} Answer:"), "{first}");
    let scored = |more: &[&str]| {
        ocelli(&[&["score", "-m", &model, "-i", &blue, "--json", "-c", " blue", "-c", " red"], more].concat()).json()
    };
    assert_eq!(scored(&["--task", "vqa", "-p", "what color is the shape?"]), scored(&["-p", COLOUR]));
}

#[test]
fn what_is_no_task_is_told_which_there_are() {
    let (_dir, model) = bundled_with(&keys());
    let circle = picture("blue_circle.png");
    let of = |task: &str| ocelli(&["run", "-m", &model, "-i", &circle, "--task", task]);
    let said = of("captions").failed(1, "no-such-task");
    assert!(said.contains("'captions'") && said.contains("caption, vqa, ends"), "{said}");
    let said = of("vqa").failed(2, "prompt");
    assert!(said.contains("'Question: {} Answer:'") && said.contains("-p TEXT"), "{said}");
    assert!(ocelli(&["run", "-i", &circle, "--task", "caption"]).failed(1, "no-such-task").contains("none"));
    let zoo = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/zoo/tiny-matching.gguf");
    let said = ocelli(&["run", "-m", zoo, "-i", &circle, "--task", "match"]).failed(2, "usage");
    assert!(said.contains("ocelli match --image"), "{said}");
    for (key, value) in [
        ("ocelli.tasks", MetaValue::Strings(vec!["a.b".to_owned()])),
        ("ocelli.tasks", MetaValue::Strings(vec!["a".to_owned(), "a".to_owned()])),
        ("ocelli.tasks", MetaValue::Strings((0..65).map(|n| n.to_string()).collect())),
        ("ocelli.task.caption.num_beams", MetaValue::U32(65)),
        ("ocelli.task.caption.length_penalty", MetaValue::F32(f32::NAN)),
    ] {
        let mut wrong = keys();
        wrong.retain(|(known, _)| *known != key);
        wrong.push((key, value));
        let (_dir, model) = bundled_with(&wrong);
        let said = ocelli(&["run", "-m", &model, "-i", &circle, "-p", "a"]).failed(1, "parameter");
        assert!(said.contains(key), "{said}");
    }
}
