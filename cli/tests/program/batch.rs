//! `--batch`: many requests, one model. What one request gets alone is what it gets among others.

use crate::process::{COLOUR, Ended, bundled_with, command, finish, ocelli, ocelli_with_input, picture};
use ocelli_engine::{Engine, Load, SessionOptions};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PICTURES: [&str; 3] = ["blue_circle.png", "red_triangle.png", "green_circle.png"];

/// A folder with pictures and a file of requests.
struct Made {
    dir: tempfile::TempDir,
}

impl Made {
    fn new(requests: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in PICTURES {
            fs::copy(picture(name), dir.path().join(name)).unwrap();
        }
        fs::write(dir.path().join("requests.jsonl"), requests).unwrap();
        Self { dir }
    }

    fn at(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    fn args(&self, command: &str, more: &[&str]) -> Vec<String> {
        let requests = self.at("requests.jsonl");
        let words = [&[command, "--batch", &requests], more].concat();
        words.into_iter().map(str::to_owned).collect()
    }

    fn batch(&self, command: &str, more: &[&str]) -> Ended {
        let args = self.args(command, more);
        ocelli(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

fn lines(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// Requests about the pictures in turn.
fn questions(count: usize) -> String {
    const ASKED: [&str; 4] = [COLOUR, "Question: what shape is in the image? Answer:", "", "a photo of"];
    let line = |i: usize| json!({ "id": format!("q{i}"), "image": PICTURES[i / 2 % 3], "prompt": ASKED[i % 4] });
    (0..count).map(|i| format!("{}\n", line(i))).collect()
}

/// An answer of a single run in the form of a batch's, digit by digit.
fn alone(args: &[&str], id: &Value, request: &Value) -> String {
    let single = ocelli(args).ok();
    let single = single.trim_end().strip_prefix('{').unwrap();
    let fields = single.split(",\"timings\":{").next().unwrap().trim_end_matches('}');
    let end = if single.contains(",\"timings\":") { "" } else { &single[fields.len()..single.len() - 1] };
    format!("{{\"id\":{id},\"request\":{request},{fields}{end}}}")
}

#[test]
fn several_at_a_time_are_answered_in_order_and_with_the_same_texts() {
    let made = Made::new(&questions(24));
    for more in [&[][..], &["--beams", "3"], &["--temp", "0.8", "--seed", "5", "-n", "9"]] {
        let texts = |parallel: &str| -> Vec<[Value; 4]> {
            let out = made.batch("run", &[more, &["--parallel", parallel]].concat()).ok();
            lines(&out).iter().map(|a| ["id", "request", "text", "ids"].map(|field| a[field].clone())).collect()
        };
        let wanted = texts("1");
        assert_eq!(wanted.len(), 24);
        assert_eq!(texts("4"), wanted, "{more:?}");
        assert_eq!(texts("40"), wanted, "{more:?}: more at a time than there are");
    }
    // The one that fails is an answer in its place, and with --fail-fast nothing is behind it.
    let mut broken = questions(12);
    broken.insert_str(broken.match_indices('\n').nth(4).unwrap().0 + 1, "{\"prompt\": 3}\n");
    let made = Made::new(&broken);
    let ended = made.batch("run", &["--parallel", "3"]);
    let answers = lines(&ended.out);
    assert_eq!((ended.code, answers.len()), (Some(1), 13));
    assert!(answers[5]["error"]["line"] == 6 && answers.iter().filter(|a| a["error"].is_object()).count() == 1);
    let ended = made.batch("run", &["--parallel", "3", "--fail-fast"]);
    assert_eq!((ended.code, lines(&ended.out).len()), (Some(1), 6));
    assert_eq!(ocelli(&["run", "--parallel", "2", "-p", "a"]).code, Some(2));
}

#[test]
fn several_at_a_time_stay_within_the_budget_or_say_that_they_do_not() {
    let made = Made::new(&questions(6));
    let model = Engine::unstarted(1).unwrap().open(Path::new("models/tiny-blip2.gguf"), Load::Map).unwrap();
    let needs = |context| {
        let options = SessionOptions { context, images: 1, parallel: 4, ..SessionOptions::default() };
        model.plan(&options).unwrap().total().to_string()
    };
    let within =
        |budget: &str| made.batch("run", &["--parallel", "4", "--threads", "1", "-n", "4", "--budget", budget]);
    // Each alone needs less than so many positions; those that are side by side have all that the model has.
    let ended = within(&needs(100));
    let codes: Vec<Value> = lines(&ended.out).iter().map(|line| line["error"]["code"].clone()).collect();
    assert_eq!((ended.code, codes), (Some(1), vec![json!("over-budget"); 6]));
    assert_eq!(lines(&within(&needs(128)).ok()).len(), 6);
}

#[test]
fn requests_are_answered_as_if_each_were_alone() {
    let made = Made::new(&questions(8));
    for more in
        [&[][..], &["--beams", "3"], &["--temp", "1.5", "--seed", "3", "-n", "9"], &["--show-prompt", "--kv", "q8_0"]]
    {
        let out = made.batch("run", more).ok();
        for (line, asked) in out.lines().zip(lines(&questions(8))) {
            let answer: Value = serde_json::from_str(line).unwrap();
            assert_eq!(answer["id"], asked["id"]);
            let shown = made.at(asked["image"].as_str().unwrap());
            let args = ["run", "--json", "-i", &shown, "-p", asked["prompt"].as_str().unwrap()];
            assert_eq!(line, alone(&[&args, more].concat(), &answer["id"], &answer["request"]));
        }
        assert_eq!(out.lines().count(), 8);
    }
    // More texts than run side by side, and of other lengths.
    let texts = [
        "-c",
        " red",
        "-c",
        " blue circle and a green one",
        "-c",
        "",
        "-c",
        " a",
        "-c",
        " b",
        "-c",
        " c",
        "-c",
        " d",
        "-c",
        " e f",
        "-c",
        " g",
        "-c",
        " h",
        "-c",
        " i",
    ];
    let out = made.batch("score", &texts).ok();
    for (line, asked) in out.lines().zip(lines(&questions(8))) {
        let answer: Value = serde_json::from_str(line).unwrap();
        let shown = made.at(asked["image"].as_str().unwrap());
        let args = ["score", "--json", "-i", &shown, "-p", asked["prompt"].as_str().unwrap()];
        assert_eq!(line, alone(&[&args[..], &texts].concat(), &answer["id"], &answer["request"]));
    }
}

/// The chat template, the system's text and stop strings are a single run's, too.
#[test]
fn a_line_is_said_in_the_chat_template() {
    let template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}it is";
    let (_model, model) = bundled_with(&[("tokenizer.chat_template", template)]);
    let made = Made::new(&questions(4));
    for more in [&[][..], &["--system", "be brief"], &["--raw"], &["--stop", "u"]] {
        let more = [&["-m", &model, "-n", "5", "--show-prompt"], more].concat();
        let out = made.batch("run", &more).ok();
        for (line, asked) in out.lines().zip(lines(&questions(4))) {
            let answer: Value = serde_json::from_str(line).unwrap();
            let shown = made.at(asked["image"].as_str().unwrap());
            let args = ["run", "--json", "-i", &shown, "-p", asked["prompt"].as_str().unwrap()];
            assert_eq!(line, alone(&[&args[..], &more].concat(), &answer["id"], &answer["request"]));
            assert_eq!(answer["chat_template"], !more.contains(&"--raw"));
            let prompt = answer["prompt"].as_str().unwrap();
            assert_eq!(prompt.contains("user: ") && prompt.contains("<image>"), !more.contains(&"--raw"), "{prompt}");
            assert_eq!(prompt.contains("system: be brief"), more.contains(&"--system"), "{prompt}");
        }
        assert_eq!(out.lines().count(), 4);
    }
}

#[test]
fn demonstrations_are_those_of_a_single_run() {
    let zoo = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/zoo");
    let at = |name: &str| zoo.join(name).to_str().unwrap().to_owned();
    let dir = tempfile::tempdir().unwrap();
    // Long enough for whole batches of rows to be kept.
    let many = fs::read_to_string(at("shots/shots.jsonl")).unwrap().repeat(8);
    for entry in fs::read_dir(at("shots")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
    }
    let here = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    fs::write(here("many.jsonl"), many).unwrap();
    let (model, requests) = (at("tiny-flamingo.gguf"), here("new.jsonl"));
    let asked = fs::read_to_string(&requests).unwrap();
    fs::write(&requests, asked.repeat(2)).unwrap();
    let (six, many) = (here("shots.jsonl"), here("many.jsonl"));
    for shots in [
        &["--shots", &six][..],
        &["--shots", &many, "--shot-select", "similar", "--shot-count", "3"],
        &["--shots", &many],
    ] {
        let out = ocelli(&[&["run", "-m", &model, "--batch", &requests, "-n", "4"], shots].concat()).ok();
        let scored =
            ocelli(&[&["score", "-m", &model, "--batch", &requests, "-c", " dax.", "-c", " blicket."], shots].concat());
        for ((line, score), name) in out.lines().zip(scored.ok().lines()).zip(["fish", "heart", "fish", "heart"]) {
            let [answer, scores]: [Value; 2] = [line, score].map(|line| serde_json::from_str(line).unwrap());
            let shown = here(&format!("new_{name}.png"));
            let args = ["-m", &model, "--json", "-i", &shown, "-p", "This is a"];
            let run = [&["run", "-n", "4"][..], &args, shots].concat();
            assert_eq!(line, alone(&run, &answer["id"], &answer["request"]));
            assert!(
                answer["text"].as_str().unwrap().starts_with(if name == "fish" { "dax." } else { "blicket." }),
                "{line}"
            );
            let score_args = [&["score", "-c", " dax.", "-c", " blicket."][..], &args, shots].concat();
            assert_eq!(score, alone(&score_args, &scores["id"], &scores["request"]));
        }
    }
    // Room that ends within the answer, and before it.
    let shown = here("new_fish.png");
    let single = |more: &[&str]| {
        let args = ["run", "-m", &model, "--json", "-i", &shown, "-p", "This is a", "--shots", &many, "-n", "8"];
        ocelli(&[&args, more].concat())
    };
    let positions = single(&["--min-new-tokens", "8"]).json()["timings"]["prompt_positions"].as_u64().unwrap();
    assert!(positions > 300, "{positions}");
    for (room, fits) in [(positions + 2, true), (positions - 9, false)] {
        let more = ["--min-new-tokens", "8", "--context", &room.to_string()];
        let args = ["run", "-m", &model, "--batch", &requests, "--shots", &many, "-n", "8", "-q"];
        let line = lines(&ocelli(&[&args[..], &more].concat()).out).swap_remove(0);
        let alone = single(&more);
        if fits {
            assert_eq!(line["ids"], alone.json()["ids"]);
            assert!(line["ids"].as_array().unwrap().len() < 8, "{line}");
        } else {
            assert_eq!(line["error"]["code"], "context-full");
            alone.failed(1, "context-full");
        }
    }
}

#[test]
fn a_line_says_what_is_its_own() {
    let line = |more: Value| {
        let mut line = json!({ "image": PICTURES[0], "prompt": COLOUR });
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        format!("{line}\n")
    };
    let requests = [
        line(json!({ "id": 7 })),
        line(json!({ "max_new_tokens": 1 })),
        line(json!({ "seed": 5, "id": { "a": [1] } })),
        line(json!({ "image": null, "images": [PICTURES[0], PICTURES[1]], "prompt": "<image> and <image>" })),
        format!("{{\"id\": 123456789012345678901234567890.10, \"image\": \"{}\"}}\n", picture(PICTURES[1])),
    ];
    let made = Made::new(&requests.concat());
    let out = made.batch("run", &["-p", COLOUR, "--temp", "0.5", "--show-prompt"]).ok();
    assert!(out.contains("{\"id\":123456789012345678901234567890.10,"), "{out}");
    let answers = lines(&out);
    assert_eq!(answers[0]["id"], 7);
    assert_eq!(
        (&answers[1]["id"], &answers[1]["finish"], answers[1]["ids"].as_array().unwrap().len()),
        (&2.into(), &"length".into(), 1)
    );
    let blue = picture(PICTURES[0]);
    let drawn = ocelli(&["run", "--json", "-i", &blue, "-p", COLOUR, "--temp", "0.5", "--seed", "5"]).json();
    assert_eq!((&answers[2]["id"], &answers[2]["ids"]), (&json!({ "a": [1] }), &drawn["ids"]));
    assert_eq!(answers[3]["prompt"], "<image> and <image>");
    assert_eq!(answers[4]["prompt"], format!("<image>{COLOUR}"), "the argument's text, and a path from the root");
    let stop = |stop: Value| line(json!({ "prompt": "a photo of", "stop": stop }));
    let stopped =
        Made::new(&[stop(Value::Null), stop("circ".into()), stop(json!(["x", " blue"])), stop("".into())].concat());
    let stopped = lines(&stopped.batch("run", &[]).out);
    assert_eq!((&stopped[0]["text"], &stopped[0]["finish"]), (&"a blue circle".into(), &"eos".into()), "{stopped:?}");
    assert_eq!((&stopped[1]["text"], &stopped[1]["finish"]), (&"a blue ".into(), &"stop-string".into()), "{stopped:?}");
    assert_eq!(stopped[2]["text"], "a", "{stopped:?}");
    assert!(stopped[3]["error"]["message"].as_str().unwrap().contains("stop"), "{stopped:?}");
    let scores = Made::new(
        "{\"prompt\": \"a\", \"continuations\": \" b\"}\n{\"prompt\": \"a\", \"continuations\": [\" c\", \" d\"]}\n{\"prompt\": \"a\"}",
    );
    let scored = lines(&scores.batch("score", &["-c", " e"]).ok());
    let texts = |line: &Value| {
        line["continuations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["text"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(scored.iter().map(texts).collect::<Vec<_>>(), [vec![" b"], vec![" c", " d"], vec![" e"]]);
}

#[test]
fn what_is_wrong_with_a_line_is_its_answer() {
    let good = format!("{{\"id\": 1, \"image\": \"blue_circle.png\", \"prompt\": \"{COLOUR}\"}}");
    let wrong = [
        ("nonsense", "2", "request", "no JSON: character 1 is 'n'"),
        ("{\"id\": \"x\", \"image\": \"absent.png\", \"prompt\": \"a\"}", "\"x\"", "open", "absent.png"),
        ("{\"id\": \"y\", \"image\": \"blue_circle.png\"}", "\"y\"", "request", "no \"prompt\""),
        ("{\"image\": 3, \"prompt\": \"a\"}", "5", "request", "\"image\" must be a text, it is the number 3"),
        ("{\"image\": \"a.png\", \"images\": [], \"prompt\": \"a\"}", "6", "request", "either \"image\" or \"images\""),
        ("{\"prompt\": \"a\", \"max_new_tokens\": 0}", "7", "request", "from 1 to 16777216, it is 0"),
        ("{\"prompt\": \"a\", \"seed\": -1}", "8", "request", "it is the number -1"),
        ("{\"image\": \"requests.jsonl\", \"prompt\": \"a\"}", "9", "image", "requests.jsonl"),
        ("{\"image\": \"blue_circle.png\", \"prompt\": \"<image><image>\"}", "10", "image-count", "2 image markers"),
        ("{\"prompt\": \"a\", \"video\": \"x.gif\"}", "11", "no-video", "video"),
        ("{\"prompt\": \"\\u0000\", \"prompt\": \"\"}", "12", "request", "\"prompt\" stands twice"),
    ];
    let all: Vec<&str> =
        [good.as_str()].into_iter().chain(wrong.iter().map(|(line, ..)| *line)).chain([good.as_str()]).collect();
    let made = Made::new(&format!("\u{feff}{}", all.join("\r\n")));
    let ended = made.batch("run", &[]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("error[batch]: 11 of 13 requests failed"), "{}", ended.err);
    assert!(
        ended.err.contains("requests.jsonl: 1 line with the id of a line before, the first is 13 with that of 1"),
        "{}",
        ended.err
    );
    let answers = lines(&ended.out);
    assert_eq!((answers.len(), &answers[0]["text"], &answers[12]["text"]), (13, &"blue".into(), &"blue".into()));
    for ((line, id, code, words), answer) in wrong.iter().zip(&answers[1..]) {
        let (error, number) = (&answer["error"], 2 + wrong.iter().position(|w| w.0 == *line).unwrap());
        assert_eq!(
            (answer["id"].to_string().as_str(), error["code"].as_str(), error["line"].as_u64()),
            (*id, Some(*code), Some(number as u64)),
            "{line}"
        );
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(words) && message.contains(&format!("requests.jsonl, line {number}: ")), "{message}");
    }
    let fast = made.batch("run", &["--fail-fast"]);
    assert_eq!((fast.code, fast.out.lines().count()), (Some(1), 2));
    // A line over the limit, and the next is read all the same.
    let made = Made::new(&format!("{{\"prompt\": \"{}\"}}\n\n{{\"prompt\": \"a\"}}\n", "x".repeat(16 << 20)));
    let answers = lines(&made.batch("run", &[]).out);
    assert!(answers[0]["error"]["message"].as_str().unwrap().contains("a line has at most 16777216"));
    assert_eq!((answers.len(), &answers[1]["id"]), (2, &3.into()));
}

#[test]
fn what_is_not_read_is_said_once() {
    let made =
        Made::new("{\"promt\": \"a\", \"prompt\": \"b\", \"category\": 1}\n{\"prompt\": \"c\", \"category\": 2}\n");
    let ended = made.batch("run", &["-n", "1"]);
    let notes = |words: &str| ended.err.matches(words).count();
    assert_eq!(
        notes("the field \"promt\" is not read (1 line, the first is 1); was \"prompt\" meant?"),
        1,
        "{}",
        ended.err
    );
    assert_eq!(notes("the field \"category\" is not read (2 lines, the first is 1)\n"), 1, "{}", ended.err);
    assert_eq!(ended.code, Some(0));
    for (text, words) in [("", "has no requests"), ("\n \r\n", "has no requests")] {
        assert!(Made::new(text).batch("run", &[]).failed(1, "batch").contains(words));
    }
    ocelli(&["run", "--batch", "nowhere.jsonl"]).failed(1, "open");
    ocelli(&["run", "--batch", "x.jsonl", "-i", "a.png"]).failed(2, "usage");
    ocelli(&["run", "--batch", "x.jsonl", "--resume"]).failed(2, "usage");
    ocelli(&["run", "-o", "x.jsonl", "-p", "a"]).failed(2, "usage");
    ocelli(&["run", "--batch", "-", "-p", "-"]).failed(2, "standard-input");
    for shard in ["0/3", "4/3", "1", "a/b", "-1/2"] {
        ocelli(&["run", "--batch", "x.jsonl", "--shard", shard]).failed(2, "usage");
    }
    ocelli(&["score", "-p", "a"]).failed(2, "usage");
    let piped = ocelli_with_input(&["run", "--batch", "-", "-q", "-n", "1"], "{\"prompt\": \"a\"}");
    assert_eq!(lines(&piped.ok())[0]["id"], 1);
}

#[test]
fn parts_one_behind_the_other_are_the_whole() {
    let made = Made::new(&questions(11));
    let whole = made.batch("run", &["-q"]).ok();
    let parts = ["1/4", "2/4", "3/4", "4/4"].map(|part| made.batch("run", &["-q", "--shard", part]).ok());
    assert!(parts.iter().all(|part| matches!(part.lines().count(), 2 | 3)));
    assert_eq!(parts.concat(), whole);
}

#[test]
fn only_the_answers_of_this_batch_are_gone_on_with() {
    let made = Made::new(&questions(6));
    let out = made.at("out.jsonl");
    let to = |more: &[&str]| made.batch("run", &[&["-q", "-o", &out], more].concat());
    to(&["--resume"]).ok();
    let whole = fs::read_to_string(&out).unwrap();
    assert_eq!(whole.lines().count(), 6);
    assert!(to(&[]).failed(1, "output-exists").contains("--resume"));
    let end = whole.find('\n').unwrap() + 1;
    // Wherever it was cut.
    for cut in [0, 1, 10, end - 1, end, end + 30, whole.len() - 1, whole.len()] {
        fs::write(&out, &whole[..cut]).unwrap();
        to(&["--resume"]).ok();
        assert!(fs::read_to_string(&out).unwrap() == whole, "cut at {cut}");
    }
    // What is not of this batch is refused and left as it is.
    let second = &whole[end..];
    let broken = whole.replacen("\"finish\"", "\"finish", 1);
    for there in ["my notes", "my notes\n", "{\"id\":\"q0\"", second, &format!("{whole}{whole}"), &broken, "\n"] {
        let touched = there == "{\"id\":\"q0\"";
        fs::write(&out, there).unwrap();
        let ended = to(&["--resume"]);
        assert_eq!(ended.code, Some(i32::from(!touched)), "{there}: {ended:?}");
        assert!(touched || fs::read_to_string(&out).unwrap() == there, "{there}");
    }
    for more in [
        &["-n", "3"][..],
        &["--beams", "2"],
        &["--kv", "f32"],
        &["-p", "x"],
        &["--seed", "1"],
        &["--grammar", "start: /[a-z]+/"],
        &["--show-prompt"],
    ] {
        fs::write(&out, &whole[..end]).unwrap();
        let error = to(&[&["--resume"], more].concat()).failed(1, "resume");
        assert!(
            error.contains("out.jsonl, line 1, is no answer to") && error.contains("requests.jsonl, line 1"),
            "{error}"
        );
    }
    // What decides nothing may change.
    fs::write(&out, &whole[..end]).unwrap();
    to(&["--resume", "--threads", "1", "--budget", "2G", "--no-mmap"]).ok();
    assert!(fs::read_to_string(&out).unwrap() == whole);
    let (_other, model) = bundled_with(&[("general.name", "other")]);
    assert!(to(&["--resume", "-m", &model]).failed(1, "resume").contains("line 1"));
    fs::write(made.at("requests.jsonl"), questions(3)).unwrap();
    assert!(to(&["--resume"]).failed(1, "resume").contains("more lines than"));
    // Failed requests count where they were met.
    fs::write(made.at("requests.jsonl"), "x\n{\"prompt\": \"a\"}\n").unwrap();
    fs::remove_file(&out).unwrap();
    to(&[]).failed(1, "batch");
    assert!(to(&["--resume"]).failed(1, "batch").contains("1 of 2 requests failed"));
}

#[test]
#[cfg(target_os = "linux")]
fn answers_that_cannot_be_written_end_it() {
    let made = Made::new(&questions(2));
    let full = made.batch("run", &["-q", "-o", "/dev/full"]);
    assert!(full.failed(1, "output").contains("cannot write /dev/full"));
    made.batch("run", &["-q", "-o", "/dev/null"]).ok();
    made.batch("run", &["-q", "-o", "/dev/null", "--resume"]).failed(2, "resume");
    made.batch("run", &["-q", "-o", made.dir.path().to_str().unwrap()]).failed(1, "output");
    made.batch("run", &["-q", "-o", &made.at("absent/out.jsonl")]).failed(1, "output");
    assert_eq!(lines(&made.batch("run", &["-q", "-o", "-"]).ok()).len(), 2);
    let held = fs::File::create(made.at("held.jsonl")).unwrap();
    held.lock().unwrap();
    assert!(made.batch("run", &["-q", "-o", &made.at("held.jsonl")]).failed(1, "output").contains("another program"));
}

/// Starts a batch and ends it with a signal once its file has so many bytes; the exit code.
#[cfg(unix)]
fn cut(args: &[&str], signal: &str, out: &str, bytes: u64) -> Option<i32> {
    let mut child = command(args).env("OCELLI_ISA", "scalar").spawn().unwrap();
    while child.try_wait().unwrap().is_none() && fs::metadata(out).map_or(0, |data| data.len()) < bytes {
        std::thread::sleep(Duration::from_micros(200));
    }
    let sent = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    child.wait().unwrap().code()
}

#[test]
#[cfg(unix)]
fn a_batch_that_is_ended_anywhere_goes_on_where_it_was() {
    let made = Made::new(&questions(60));
    let plain = made.at("plain.jsonl");
    let args = |out: &str| made.args("run", &["--threads", "1", "--resume", "-o", out]);
    let finish_scalar = |args: &[String]| {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        finish(command(&args).env("OCELLI_ISA", "scalar"), "")
    };
    finish_scalar(&args(&plain)).ok();
    let wanted = fs::read_to_string(&plain).unwrap();
    assert_eq!(wanted.lines().count(), 60);
    for (signal, seed) in [("-KILL", 7u32), ("-KILL", 40_503), ("-INT", 99)] {
        let out = made.at("cut.jsonl");
        let _ = fs::remove_file(&out);
        let argued = args(&out);
        let argued: Vec<&str> = argued.iter().map(String::as_str).collect();
        let (mut random, mut cuts, mut lengths) = (seed, 0, vec![0]);
        for _ in 0..10 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let more = u64::from(random >> 23) * wanted.len() as u64 / 4096;
            let code = cut(&argued, signal, &out, lengths.last().unwrap() + more);
            cuts += usize::from(code != Some(0));
            assert!(signal == "-KILL" || matches!(code, Some(0 | 130)), "{code:?}");
            let there = fs::read_to_string(&out).unwrap_or_default();
            assert!(wanted.starts_with(&there), "what is there is a beginning: {there}");
            lengths.push(there.len() as u64);
        }
        let ended = finish_scalar(&argued.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>());
        ended.ok();
        assert!(fs::read_to_string(&out).unwrap() == wanted, "{signal}: {lengths:?}");
        assert!(cuts >= 5, "{lengths:?}");
    }
}
