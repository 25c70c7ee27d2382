//! `ocelli eval` and the files of benchmarks: what is missing or there twice is told, and what fails still counts.

use crate::eval::{lines, zoo};
use crate::process::{ocelli, picture};
use serde_json::{Value, json};
use std::path::Path;

/// A folder with a picture and a file that is none, `0.png` and `1.png`, also under VQAv2's name.
fn folder(dir: &Path) -> String {
    std::fs::copy(picture("blue_circle.png"), dir.join("0.png")).unwrap();
    std::fs::copy(picture("blue_circle.png"), dir.join("COCO_val2014_000000000000.jpg")).unwrap();
    std::fs::write(dir.join("1.png"), "no picture").unwrap();
    dir.to_str().unwrap().to_owned()
}

fn json_lines(all: &[Value]) -> String {
    all.iter().map(|one| format!("{one}\n")).collect()
}

#[test]
fn questions_that_could_not_be_asked_count_as_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let data = folder(dir.path());
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let pope = |id: usize, label: &str| json!({ "question_id": id, "image": format!("{id}.png"), "text": "is there a circle?", "label": label });
    std::fs::write(path("coco_pope_random.json"), json_lines(&[pope(0, "yes"), pope(1, "yes")])).unwrap();
    let out = path("pope.jsonl");
    let args = ["eval", "pope", "--data", &data, "--split", "random", "--out", &out, "--json", "-q"];
    let told = ocelli(&[&args[..], &["--wording", "Question: {} Answer:"]].concat()).json();
    assert_eq!(lines(&out)[1]["answer"], "yes");
    assert_eq!((&told["errors"], &told["accuracy"], &told["recall"]), (&json!(1), &json!(50.0), &json!(50.0)));
    assert_eq!((&told["precision"], &told["yes"]), (&json!(100.0), &json!(50.0)));
    // A caption that is missing is an empty one, and captions of two models are no pairs.
    let caption = |id: usize| json!({ "filename": format!("{id}.png"), "split": "test", "cocoid": id, "sentences": [{ "raw": "A blue circle." }] });
    std::fs::write(path("dataset_coco.json"), json!({ "images": [caption(0), caption(1)] }).to_string()).unwrap();
    let out = path("coco.jsonl");
    let kosmos = zoo("tiny-kosmos.gguf");
    let args = ["eval", "coco-captions", "--data", &data, "--split", "test", "--out", &out, "--json", "-q"];
    let told = ocelli(&[&args[..], &["--against", &kosmos, "-n", "8"]].concat()).json();
    let line = &lines(&out)[1];
    assert!(line["answer"] == json!(["A blue circle."]) && line.get("correct").is_none(), "{line}");
    assert_eq!((&told["n"], &told["errors"], &told["rouge_l"]), (&json!(2), &json!(1), &json!(50.0)), "{told}");
    assert!(told["meteor"].is_null() && told.get("meteor").is_some(), "it is named, and not computed");
    let people = ocelli(&["eval", "score", &out]).ok();
    assert!(people.lines().any(|line| line.starts_with("meteor ") && line.ends_with(" not computed")), "{people}");
    let memes = |id: usize| json!({ "id": id, "img": format!("{id}.png"), "text": "x", "label": id });
    std::fs::write(path("dev.jsonl"), json_lines(&[memes(0), memes(1)])).unwrap();
    let told = ocelli(&["eval", "hateful-memes", "--data", &data, "--split", "dev", "--json", "-q"]).json();
    assert_eq!((&told["roc_auc"], &told["left_out"]), (&Value::Null, &json!(1)));
}
#[test]
fn what_files_lack_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let data = folder(dir.path());
    let tsv = |rows: &str| format!("index\tquestion\tA\tB\tC\tanswer\timage\n{rows}");
    let asked = json!({ "questions": [{ "question_id": 5, "image_id": 0, "question": "x" }] }).to_string();
    std::fs::write(dir.path().join("v2_OpenEnded_mscoco_val2014_questions.json"), asked).unwrap();
    let answered = |all: Value| json!({ "annotations": all }).to_string();
    let ten = json!({ "question_id": 5, "image_id": 0, "answers": [{ "answer": "a" }] });
    let vqa = "v2_mscoco_val2014_annotations.json";
    let vizwiz = |answers: Value| json!([{ "image": "0.png", "question": "x", "answers": answers }]).to_string();
    let pope = |label: &str| json!({ "question_id": 1, "image": "0.png", "text": "x", "label": label });
    let coco = |image: Value| json!({ "images": [image] }).to_string();
    let meme = json!({ "id": 1, "img": "0.png", "text": "x", "label": 2 });
    let gqa = "{\"1\": {\"imageId\": \"0\", \"question\": \"x\", \"answer\": \"y\"}, \"1\": {}}".to_owned();
    let two = json!({ "image": "0.png", "question": "x", "answers": ["y"] });
    let cases: &[(&str, &str, String, &str)] = &[
        ("vqav2", vqa, answered(json!([ten, ten])), "question_id 5 is there twice"),
        ("vqav2", vqa, answered(json!([{ "question_id": 5, "answers": [] }])), "question_id 5 has no answers"),
        ("vqav2", vqa, answered(json!([{ "question_id": 5, "answers": [{ "answer": 3 }] }])), "question_id 5"),
        ("vqav2", vqa, answered(json!([{ "question_id": 5, "image_id": 9, "answers": ["a"] }])), "image_id 9"),
        ("vqav2", vqa, answered(json!([{ "answers": ["a"] }])), "question_id"),
        ("vizwiz", "val.json", vizwiz(json!([])), "0.png"),
        ("vizwiz", "val.json", json!([two, two]).to_string(), "\"0.png\" is there twice"),
        (
            "textvqa",
            "TextVQA_0.5.1_val.json",
            json!({ "data": [{ "image_id": "0", "question": "x", "answers": ["a"] }] }).to_string(),
            "question_id",
        ),
        ("gqa", "val_questions.json", gqa, "\"1\" is there twice"),
        ("pope", "coco_pope_val.json", json_lines(&[pope("maybe")]), "question_id 1"),
        ("pope", "coco_pope_val.json", json_lines(&[pope("yes"), pope("no")]), "1 is there twice"),
        (
            "coco-captions",
            "dataset_coco.json",
            coco(json!({ "filename": "0.png", "split": "val", "cocoid": 7, "sentences": [] })),
            "cocoid 7",
        ),
        ("coco-captions", "dataset_coco.json", coco(json!({ "filename": "0.png", "cocoid": 7 })), "cocoid 7"),
        (
            "coco-captions",
            "dataset_coco.json",
            coco(json!({ "filename": "0.png", "split": "val", "cocoid": 7, "sentences": [{}] })),
            "cocoid 7",
        ),
        ("hateful-memes", "val.jsonl", json_lines(&[meme]), "id 1"),
        ("mmbench", "val.tsv", tsv("7\tx\ta\tb\t\t\t8\n"), "7"),
        ("mmbench", "val.tsv", tsv("7\tx\ta\tb\t\tC\t8\n"), "7"),
        ("mmbench", "val.tsv", tsv("7\tx\ta\t\tc\tA\t8\n"), "7"),
        ("mmbench", "val.tsv", tsv("7\tx\ta\tb\t\tA\t8\n"), "picture of row \"8\""),
        ("mmbench", "val.tsv", tsv("7\tx\ta\tb\t\tA\n"), "6 of 7"),
        ("mmbench", "val.tsv", tsv("7\t\"x\ta\tb\t\tA\t8\n"), "quote"),
    ];
    for (name, file, content, words) in cases {
        std::fs::write(dir.path().join(file), content).unwrap();
        let ended = ocelli(&["eval", name, "--data", &data, "--images", &data, "--json"]);
        assert!(ended.code == Some(1) && ended.err.contains("error[data]"), "{name} {content}: {ended:?}");
        let error = ended.err.lines().find(|line| line.contains("error[data]")).unwrap_or_default();
        assert!(error.contains(words), "{words}: {error}");
    }
    // Answers to what is not asked are said.
    let more = json!({ "question_id": 6, "image_id": 0, "answers": ["a"] });
    std::fs::write(dir.path().join(vqa), answered(json!([ten, more]))).unwrap();
    let ended = ocelli(&["eval", "vqav2", "--data", &data, "--json"]);
    assert!(ended.err.contains("1 annotation") && ended.err.contains("the first is that of question 6"), "{ended:?}");
    assert_eq!(ended.json()["n"], 1);
}

/// Base64 (RFC 4648).
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let four = |three: &[u8]| {
        let bits = (0..3).fold(0u32, |bits, at| bits << 8 | u32::from(three.get(at).copied().unwrap_or(0)));
        let letter =
            |at: usize| if at > three.len() { '=' } else { LETTERS[(bits >> (18 - 6 * at) & 63) as usize] as char };
        (0..4).map(letter).collect::<String>()
    };
    bytes.chunks(3).map(four).collect()
}

#[test]
fn pictures_within_a_table_are_on_the_page() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap().to_owned();
    let image = base64(&std::fs::read(picture("blue_circle.png")).unwrap());
    let table = format!("index\tquestion\tA\tB\tanswer\timage\n1\tx\ta\tb\tA\t{image}\n2\tx\ta\tb\tB\t1\n");
    std::fs::write(dir.path().join("val.tsv"), table).unwrap();
    let page = dir.path().join("a.html").to_str().unwrap().to_owned();
    let told = ocelli(&["eval", "mmbench", "--data", &data, "--html", &page, "--json", "-q", "--wording", "x"]).json();
    assert_eq!((&told["n"], &told["errors"]), (&json!(2), &json!(0)), "{told}");
    let page = std::fs::read_to_string(page).unwrap();
    let wrong = page.matches("<li><h3>").count();
    assert!(wrong > 0 && page.matches("<img").count() == wrong, "{wrong}");
}
