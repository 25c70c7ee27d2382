//! `ocelli eval`, on a made-up ScienceQA folder.

use crate::process::{bundled, ocelli, picture};
use serde_json::{Value, json};
use std::path::Path;

/// Eight problems, two of them for demonstrations, two of the others with pictures.
pub fn made(folder: &Path) -> String {
    let subjects = ["natural science", "social science", "language science"];
    let mut problems = serde_json::Map::new();
    for number in 1..=8usize {
        let split = if number < 3 { "train" } else { "test" };
        let seen = number == 4 || number == 7;
        if seen {
            let below = folder.join(format!("images/{split}/{number}"));
            std::fs::create_dir_all(&below).unwrap();
            std::fs::copy(picture("blue_circle.png"), below.join("image.png")).unwrap();
        }
        problems.insert(
            number.to_string(),
            json!({
                "question": format!("Which is  {number}?"),
                "choices": ["one", "two", "three"],
                "answer": number % 3,
                "hint": if number % 2 == 0 { "Look." } else { "" },
                "image": if seen { json!("image.png") } else { Value::Null },
                "grade": format!("grade{number}"),
                "subject": subjects[number % 3],
                "topic": if number % 2 == 0 { "maps" } else { "sums" },
                "lecture": "First.\nThen.",
                "solution": "So.",
                "split": split,
            }),
        );
    }
    let splits = json!({ "train": ["1", "2"], "test": ["3", "4", "5", "6", "7", "8"] });
    std::fs::write(folder.join("problems.json"), Value::Object(problems).to_string()).unwrap();
    std::fs::write(folder.join("pid_splits.json"), splits.to_string()).unwrap();
    folder.to_str().unwrap().to_owned()
}

pub fn zoo(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/zoo").join(name);
    path.to_str().unwrap().to_owned()
}

pub fn lines(path: &str) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn averages_are_those_of_the_lines() {
    let dir = tempfile::tempdir().unwrap();
    let data = made(dir.path());
    let out = dir.path().join("a.jsonl").to_str().unwrap().to_owned();
    let args =
        ["eval", "scienceqa", "--data", &data, "--split", "test", "--extract", "rank", "--out", &out, "--json", "-q"];
    let summary = ocelli(&args).json();
    let lines = lines(&out);
    assert_eq!(summary["n"], 6);
    assert_eq!(
        lines.iter().map(|line| line["id"].as_str().unwrap()).collect::<Vec<_>>(),
        ["3", "4", "5", "6", "7", "8"]
    );
    let percent = |of: &dyn Fn(usize) -> bool| {
        let right: Vec<bool> = (3..=8).filter(|n| of(*n)).map(|n| lines[n - 3]["correct"].as_bool().unwrap()).collect();
        let hits = right.iter().filter(|right| **right).count();
        hits as f64 / right.len() as f64 * 100.0
    };
    let groups = &summary["groups"];
    assert_eq!(summary["accuracy"], percent(&|_| true));
    assert_eq!(groups["NAT"], percent(&|n| n % 3 == 0));
    assert_eq!(groups["SOC"], percent(&|n| n % 3 == 1));
    assert_eq!(groups["TXT"], percent(&|n| n % 2 == 0));
    assert_eq!(groups["IMG"], percent(&|n| n == 4 || n == 7));
    assert_eq!(groups["NO"], percent(&|n| n == 3 || n == 5));
    assert_eq!(groups["G1-6"], percent(&|n| n < 7));
    assert_eq!(groups["G7-12"], percent(&|n| n >= 7));
    assert_eq!(summary["topics"]["maps"], percent(&|n| n % 2 == 0));
    for line in &lines {
        let scores: Vec<f64> = line["scores"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).collect();
        let best = (0..3).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap();
        assert_eq!(line["prediction"], ["A", "B", "C"][best]);
        assert_eq!(line["correct"], line["prediction"] == line["answer"]);
    }
    assert_eq!(
        lines[1]["prompt"],
        "<image>Question: Which is 4?\nContext: Look.\nOptions: (A) one (B) two (C) three\nAnswer:"
    );
}

#[test]
fn demonstrations_and_rationales_come_first() {
    let dir = tempfile::tempdir().unwrap();
    let data = made(dir.path());
    let out = dir.path().join("a.jsonl").to_str().unwrap().to_owned();
    // The model in the program has 128 positions.
    let model = zoo("tiny-flamingo.gguf");
    let common =
        ["eval", "scienceqa", "-m", &model, "--data", &data, "--out", &out, "--json", "-q", "-n", "4", "--limit", "2"];
    let run = |more: &[&str]| {
        let _ = std::fs::remove_file(&out);
        ocelli(&[&common[..], more].concat()).ok();
        lines(&out)
    };
    let shown = run(&["--shot-ids", "2,1", "--format", "QCM-AL"]);
    let demonstration = "Question: Which is 2?\nContext: Look.\nOptions: (A) one (B) two (C) three\nAnswer: The answer is C. BECAUSE: So.\n\nQuestion: Which is 1?";
    assert!(shown[0]["prompt"].as_str().unwrap().starts_with(demonstration), "{}", shown[0]);
    assert_eq!(shown[0]["of"], 2);
    // Python: random.seed(0); random.sample(["1", "2"], 1) is ["2"].
    let drawn = run(&["--shots", "1", "--seed", "0"]);
    assert!(drawn[0]["prompt"].as_str().unwrap().starts_with("Question: Which is 2?"), "{}", drawn[0]);
    let reasoned = run(&["--cot"]);
    let (rationale, prompt) = (reasoned[1]["rationale"].as_str().unwrap(), reasoned[1]["prompt"].as_str().unwrap());
    assert!(reasoned[1]["rationale_prompt"].as_str().unwrap().ends_with("\nSolution:"));
    let line = format!("Solution: {rationale}").replace("  ", " ");
    assert!(prompt.ends_with(&format!("(C) three\n{}\nAnswer:", line.trim())), "{prompt:?} {rationale:?}");
    ocelli(&["eval", "scienceqa", "--data", &data, "--shot-ids", "3"]).failed(2, "shots");
    ocelli(&["eval", "scienceqa", "--data", &data, "--cot", "--format", "QCM-A"]).failed(2, "usage");
}

#[test]
fn what_is_cut_anywhere_and_gone_on_with_is_the_same_file() {
    let dir = tempfile::tempdir().unwrap();
    let data = made(dir.path());
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let run = |out: &str, more: &[&str]| {
        ocelli(&[&["eval", "scienceqa", "--data", &data, "-n", "4", "--out", out, "--json"], more].concat())
    };
    let (whole, cut) = (path("whole.jsonl"), path("cut.jsonl"));
    let summary = run(&whole, &[]).json();
    let bytes = std::fs::read(&whole).unwrap();
    for at in (0..bytes.len()).step_by(bytes.len() / 9) {
        std::fs::write(&cut, &bytes[..at]).unwrap();
        let ended = run(&cut, &[]);
        let torn = at > 0 && bytes[at - 1] != b'\n';
        assert_eq!(ended.err.contains("was cut off"), torn, "{at}: {}", ended.err);
        assert_eq!(ended.json(), summary);
        assert!(std::fs::read(&cut).unwrap() == bytes, "cut at {at}");
    }
    // Another run's file is left as it is.
    run(&cut, &["--format", "QCM-A"]).failed(1, "resume");
    assert!(std::fs::read(&cut).unwrap() == bytes);
    // Parts, in any order.
    let parts: Vec<String> = (1..=3).map(|part| path(&format!("{part}.jsonl"))).collect();
    for (at, part) in (1..).zip(&parts) {
        assert_eq!(run(part, &["--shard", &format!("{at}/3")]).json()["n"], 2);
    }
    let merged = path("merged.jsonl");
    let told = ocelli(&["eval", "merge", &parts[2], &parts[0], &parts[1], "--out", &merged, "--json"]).json();
    assert_eq!(told, summary);
    assert!(std::fs::read(&merged).unwrap() == bytes);
    let missing = ocelli(&["eval", "merge", &parts[2], &parts[0], "--out", &merged]).failed(1, "merge");
    assert!(missing.contains("the first is that of question 3"), "{missing}");
    assert_eq!(ocelli(&["eval", "score", &merged, "--json"]).json(), summary);
}

#[test]
fn recorded_outputs_are_read_anew() {
    let dir = tempfile::tempdir().unwrap();
    let data = made(dir.path());
    let recorded = json!({
        "correct": 2, "count": 3,
        "results": { "3": 0, "4": 1, "5": 2 },
        "outputs": { "3": "The answer is A. BECAUSE: So.", "4": "The answer is B.", "5": "" },
    });
    let file = dir.path().join("recorded.json").to_str().unwrap().to_owned();
    std::fs::write(&file, recorded.to_string()).unwrap();
    let bare = ocelli(&["eval", "score", &file, "--json"]).json();
    assert_eq!(
        (&bare["n"], &bare["parsed"], &bare["equal"], &bare["failed"]),
        (&json!(3), &json!(2), &json!(2), &json!(1))
    );
    assert_eq!(bare["accuracy"], 2.0 / 3.0 * 100.0);
    // All three are right, the third as it was drawn; by a rule that draws nothing it is wrong.
    let known = ocelli(&["eval", "score", &file, "--data", &data, "--json"]).json();
    assert_eq!((&known["accuracy"], &known["groups"]["LAN"]), (&json!(100.0), &json!(100.0)));
    let llava = ocelli(&["eval", "score", &file, "--data", &data, "--extract", "llava", "--json"]).json();
    assert_eq!(llava["accuracy"], 2.0 / 3.0 * 100.0);
    ocelli(&["eval", "score", &data]).failed(1, "open");
}

/// GPT-3's outputs as ScienceQA's authors published them, which are not in this repository.
#[test]
#[allow(clippy::print_stdout)]
fn published_outputs_give_the_published_accuracy() {
    let Ok(file) = std::env::var("OCELLI_SCIENCEQA_RESULTS") else {
        println!("skipped: OCELLI_SCIENCEQA_RESULTS names no final_test_QCM-ALE_2_seed_3.json");
        return;
    };
    let told = ocelli(&["eval", "score", &file, "--json", "-q"]).json();
    assert_eq!((&told["n"], &told["parsed"], &told["equal"]), (&json!(4241), &json!(3992), &json!(3992)));
    assert_eq!(told["accuracy"], 75.170_950_247_583_11);
}

#[test]
fn files_that_are_no_data_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    let eval = |more: &[&str]| ocelli(&[&["eval", "scienceqa", "--data", data, "--json"], more].concat());
    assert!(eval(&[]).failed(1, "data").contains("has no problems.json"));
    std::fs::write(dir.path().join("test-00000-of-00001.parquet"), b"PAR1").unwrap();
    assert!(eval(&[]).failed(1, "data").contains("parquet"));
    let problem = json!({ "1": { "question": "x", "choices": ["a"], "answer": 1, "split": "test" } });
    std::fs::write(dir.path().join("problems.json"), problem.to_string()).unwrap();
    assert!(eval(&[]).failed(1, "data").contains("choice 1 is the answer of 1 choices"));
    for (id, image) in [("1", "../secret.png"), ("1", "/secret.png"), ("..", "secret.png")] {
        let problem =
            json!({ id: { "question": "x", "choices": ["a"], "answer": 0, "split": "test", "image": image } });
        std::fs::write(dir.path().join("problems.json"), problem.to_string()).unwrap();
        assert!(eval(&[]).failed(1, "data").contains("do not name a picture's file"));
    }
    made(dir.path());
    assert!(eval(&["--split", "exam"]).failed(2, "data").contains("it has test, train"));
    std::fs::remove_file(dir.path().join("images/test/4/image.png")).unwrap();
    assert!(eval(&[]).failed(1, "data").contains("picture of problem \"4\" is missing"));
    eval(&["--no-images", "--limit", "1", "-n", "1"]).ok();
    // What the model has no room for is an answer, too, and of nothing else nothing is printed.
    let long = eval(&["--no-images", "--shot-ids", "1,2,1,2"]).failed(1, "eval");
    assert!(long.contains("no question could be asked; the first: ") && long.contains("128"), "{long}");
    assert!(eval(&["--format", "QMC-A"]).failed(2, "usage").contains("expected INPUT-OUTPUT"));
}

#[test]
fn other_models_are_compared_question_by_question() {
    let dir = tempfile::tempdir().unwrap();
    let data = made(dir.path());
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (model, out, page) = (path("tiny.gguf"), path("a.jsonl"), path("a.html"));
    std::fs::write(&model, bundled()).unwrap();
    std::fs::write(path("a.q8_0.gguf"), "somebody's").unwrap();
    let kosmos = zoo("tiny-kosmos.gguf");
    let args = ["eval", "scienceqa", "-m", &model, "--data", &data, "--extract", "rank", "--out", &out, "--json", "-q"];
    let same = ocelli(&[&args[..], &["--types", "q8_0", "--against", "q8_0.gguf"]].concat()).failed(2, "usage");
    assert!(same.contains("\"q8_0\""), "{same}");
    let nowhere = ocelli(&[&args[..], &["--html", &path("missing/a.html")]].concat());
    assert!(nowhere.code == Some(1) && !Path::new(&out).exists(), "before anything is asked: {nowhere:?}");
    let more = ["--types", "q8_0,q4_0", "--against", &kosmos, "--html", &page];
    let told = ocelli(&[&args[..], &more].concat()).json();
    let models = told["models"].as_array().unwrap();
    let names: Vec<&str> = models.iter().map(|row| row["model"].as_str().unwrap()).collect();
    assert_eq!(names, [&model, &kosmos, "q8_0", "q4_0"]);
    for (row, file) in models[1..].iter().zip(["a.tiny-kosmos.jsonl", "a.q8_0.jsonl", "a.q4_0.jsonl"]) {
        let (first, other) = (lines(&out), lines(&path(file)));
        assert_eq!(other.len(), 6);
        let changed = first.iter().zip(&other).filter(|(a, b)| a["prediction"] != b["prediction"]).count();
        assert_eq!(row["changed"], changed);
        let (low, high) = (row["interval"][0].as_f64().unwrap(), row["interval"][1].as_f64().unwrap());
        let difference = row["accuracy"].as_f64().unwrap() - told["accuracy"].as_f64().unwrap();
        assert!(
            (row["difference"].as_f64().unwrap() - difference).abs() < 1e-9 && low <= difference && difference <= high
        );
        assert!(row["bytes"].as_u64().unwrap() > 0 && row["p"].as_f64().unwrap() <= 1.0);
    }
    assert!(models[2]["bytes"].as_u64() > models[3]["bytes"].as_u64());
    let names = std::fs::read_dir(dir.path()).unwrap().flatten().map(|entry| entry.file_name());
    let mut files: Vec<_> = names.filter(|name| name.to_string_lossy().ends_with(".gguf")).collect();
    files.sort();
    assert_eq!(files, ["a.q8_0.gguf", "tiny.gguf"], "files in other types go, and nobody's else do");
    assert_eq!(std::fs::read(path("a.q8_0.gguf")).unwrap(), b"somebody's");
    let page = std::fs::read_to_string(page).unwrap();
    for wanted in [
        "Price of a type",
        "By group",
        "Calibration",
        "wrong answer",
        "default-src 'none'",
        "prefers-color-scheme: dark",
    ] {
        assert!(page.contains(wanted), "{wanted}");
    }
    for outside in ["http:", "https:", "src=\"/", "<link"] {
        assert!(!page.contains(outside), "{outside}");
    }
    // Both files of answers are there.
    let compared = ocelli(&["eval", "compare", &out, &path("a.q4_0.jsonl"), "--json"]).json();
    assert_eq!((&compared["changed"], &compared["n"]), (&models[3]["changed"], &json!(6)));
}

/// The program's own model knows these pictures.
#[test]
fn words_are_asked_for_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap().to_owned();
    let images = dir.path().join("data/test/images");
    std::fs::create_dir_all(&images).unwrap();
    for (at, name) in ["blue_circle.png", "red_triangle.png"].into_iter().enumerate() {
        std::fs::copy(picture(name), images.join(format!("{at}.png"))).unwrap();
    }
    let asked = json!([
        ["what color is the shape?", "blue", 0],
        ["what shape is in the image?", "triangle", 1],
        ["what color is the shape?", "green", 1]
    ]);
    std::fs::write(dir.path().join("data/test/questions.json"), asked.to_string()).unwrap();
    let easy = ocelli(&["eval", "easy-vqa", "--data", &data, "--split", "test", "--json", "-q"]).json();
    assert_eq!((&easy["n"], &easy["accuracy"]), (&json!(3), &json!(2.0 / 3.0 * 100.0)));
    // POPE's lines, of the same pictures.
    let lines = "{\"question_id\": 1, \"image\": \"0.png\", \"text\": \"is there a circle?\", \"label\": \"yes\"}\n\
        {\"question_id\": 2, \"image\": \"0.png\", \"text\": \"is there a triangle?\", \"label\": \"no\"}\n";
    std::fs::write(dir.path().join("coco_pope_random.json"), lines).unwrap();
    let pope =
        ["eval", "pope", "--data", &data, "--images", images.to_str().unwrap(), "--split", "random", "--json", "-q"];
    let pope = ocelli(&[&pope[..], &["--wording", "Question: {} Answer:"]].concat()).json();
    assert_eq!((&pope["accuracy"], &pope["f1"], &pope["yes"]), (&json!(100.0), &json!(100.0), &json!(50.0)));
    // Captions of Karpathy's file.
    let captions = json!({ "images": [
        { "filename": "0.png", "split": "test", "cocoid": 7, "sentences": [{ "raw": "A blue circle." }] },
        { "filename": "1.png", "split": "test", "cocoid": 8, "sentences": [{ "raw": "A red triangle." }] },
        { "filename": "1.png", "split": "val", "cocoid": 9, "sentences": [] },
    ]});
    std::fs::write(dir.path().join("dataset_coco.json"), captions.to_string()).unwrap();
    let coco = [
        "eval",
        "coco-captions",
        "--data",
        &data,
        "--images",
        images.to_str().unwrap(),
        "--split",
        "test",
        "--json",
        "-q",
    ];
    let coco = ocelli(&coco).json();
    assert_eq!((&coco["n"], &coco["rouge_l"]), (&json!(2), &json!(100.0)), "{coco}");
    ocelli(&["eval", "vqav2", "--data", &data, "--json"]).failed(1, "data");
    ocelli(&["eval", "easy-vqa", "--data", &data, "--split", "test", "--out", "-"]).failed(2, "usage");
    assert!(ocelli(&["eval"]).failed(2, "usage").contains("'ocelli eval --help' explains scienceqa, vqav2"));
    let meteor = ocelli(&["eval", "coco-captions", "--help"]).ok();
    assert!(meteor.contains("METEOR is not computed"), "{meteor}");
}
