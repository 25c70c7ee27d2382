//! `ocelli match` and `ocelli embed`, with a first-stage model of a golden: what transformers computed for it.

use crate::process::{Ended, ocelli, picture};
use ocelli_tests::itm_golden::ItmGolden;
use serde_json::{Value, json};
use std::fs;

/// A converted golden with its pictures.
struct Made {
    golden: ItmGolden,
    dir: tempfile::TempDir,
}

impl Made {
    fn new(name: &str) -> Self {
        let golden = ItmGolden::load(name).unwrap();
        let dir = tempfile::tempdir().unwrap();
        golden.write(&dir.path().join("hf")).unwrap();
        for (i, picture) in golden.pictures.iter().enumerate() {
            picture.picture.save(&dir.path().join(format!("{i}.png"))).unwrap();
        }
        let made = Self { golden, dir };
        ocelli(&["convert", &made.at("hf"), "-o", &made.at("model.gguf"), "--type", "f32", "-q"]).ok();
        made
    }

    fn at(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    fn run(&self, command: &str, args: &[&str]) -> Ended {
        ocelli(&[&[command, "-q", "-m", &self.at("model.gguf")], args].concat())
    }

    /// The arguments for all pictures and texts.
    fn all(&self) -> Vec<String> {
        let images = (0..self.golden.pictures.len()).flat_map(|i| ["-i".to_owned(), self.at(&format!("{i}.png"))]);
        let texts = self.golden.texts.iter().flat_map(|text| ["--text".to_owned(), text.text.clone()]);
        images.chain(texts).collect()
    }

    fn agrees(&self, pairs: &Value) {
        let pairs = pairs.as_array().unwrap();
        assert_eq!(pairs.len(), self.golden.pairs.len());
        for (got, want) in pairs.iter().zip(&self.golden.pairs) {
            let names: Vec<_> = got.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(names, ["image", "text", "itm", "itc"]);
            assert_eq!((&got["image"], &got["text"]), (&json!(want.image), &json!(want.text)));
            for (name, want) in [("itm", want.itm), ("itc", want.itc)] {
                assert!((got[name].as_f64().unwrap() - f64::from(want)).abs() < 1e-4, "{got} {want}");
            }
        }
    }
}

fn words(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

#[test]
fn matches_are_those_of_the_original_alone_and_in_a_batch() {
    let made = Made::new("every");
    let all = made.all();
    let result = made.run("match", &[&words(&all)[..], &["--json"]].concat()).json();
    assert_eq!(result.as_object().unwrap().len(), 1, "{result}");
    made.agrees(&result["pairs"]);

    let texts: Vec<&str> = made.golden.texts.iter().map(|text| text.text.as_str()).collect();
    let requests = [
        json!({ "images": ["0.png", "1.png", "2.png"], "texts": texts, "id": "all" }),
        json!({ "image": "1.png", "text": texts[2] }),
        json!({ "image": "1.png" }),
        json!({ "image": "gone.png", "text": "a" }),
        json!({ "image": "1.png", "texts": [] }),
        json!({ "texts": ["a"] }),
        json!({ "image": "1.png", "text": "a ".repeat(200) }),
    ];
    let lines: String = requests.iter().map(|request| format!("{request}\n")).collect();
    fs::write(made.at("requests.jsonl"), lines).unwrap();
    let batch = made.run("match", &["--batch", &made.at("requests.jsonl"), "--text", texts[2]]);
    assert_eq!(batch.code, Some(1), "{batch:?}");
    let answers: Vec<Value> = batch.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 7);
    assert_eq!(answers[0]["pairs"], result["pairs"]);
    assert_eq!(answers[0]["id"], "all");
    assert_eq!(answers[1]["pairs"], answers[2]["pairs"], "the text of the arguments");
    assert_eq!((&answers[1]["pairs"][0]["image"], &answers[1]["pairs"][0]["text"]), (&json!(0), &json!(0)));
    let codes: Vec<_> = answers[3..].iter().map(|answer| answer["error"]["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["open", "request", "request", "context-full"]);
}

#[test]
fn the_table_has_the_likeliest_text_first() {
    let made = Made::new("one");
    let all = made.all();
    let table = made.run("match", &words(&all)).ok();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 1 + made.golden.pairs.len(), "{table}");
    let itm = |line: &str| line.split_whitespace().next().unwrap().parse::<f64>().unwrap();
    for picture in lines[1..].chunks(made.golden.texts.len()) {
        assert!(picture.windows(2).all(|two| itm(two[0]) >= itm(two[1])), "{table}");
    }
}

#[test]
fn embeddings_are_those_of_the_original_in_json_and_for_numpy() {
    let made = Made::new("default");
    let picture = &made.golden.pictures[1];
    let text = &made.golden.texts[2];
    let image = made.at("1.png");
    for (raw, seen, read) in [(false, &picture.embedding, &text.embedding), (true, &picture.raw, &text.raw)] {
        for (args, want) in [(["-i", &image], seen), (["--text", &text.text], read)] {
            let raw: &[&str] = if raw { &["--raw"] } else { &[] };
            let got = made.run("embed", &[&args, raw, &["--json"]].concat()).json();
            let rows: Vec<Vec<f64>> = serde_json::from_value(got["embedding"].clone()).unwrap();
            let (&width, count) = (want.shape.last().unwrap(), want.shape.iter().product::<usize>());
            assert!(rows.len() * width == count && rows.iter().all(|row| row.len() == width));
            let flat: Vec<f64> = rows.concat();
            for (&at, &value) in want.index.iter().zip(&want.values) {
                assert!((flat[at] - f64::from(value)).abs() < 1e-3 * f64::from(value.abs()).max(0.1), "{args:?} {at}");
            }
            let file = made.at("rows.npy");
            made.run("embed", &[&args, raw, &["-o", &file]].concat()).ok();
            let bytes = fs::read(&file).unwrap();
            let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
            assert!(bytes.starts_with(b"\x93NUMPY\x01\0") && start.is_multiple_of(64), "{start}");
            let header = String::from_utf8(bytes[10..start].to_vec()).unwrap();
            assert!(
                header.contains(&format!("'shape': ({}, {width})", rows.len())) && header.ends_with('\n'),
                "{header}"
            );
            let written: Vec<f64> =
                bytes[start..].chunks_exact(4).map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap()))).collect();
            assert_eq!(written.len(), flat.len());
            assert!(written.iter().zip(&flat).all(|(a, b)| (a - b).abs() < 1e-7), "{args:?}");
        }
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let made = Made::new("one");
    let image = made.at("0.png");
    let long = "word ".repeat(100);
    made.run("match", &["-i", &image, "--text", &long]).failed(1, "context-full");
    made.run("match", &["-i", &image]).failed(2, "usage");
    made.run("embed", &["-i", &image, "--text", "a", "--json"]).failed(2, "usage");
    made.run("embed", &["-i", &image]).failed(2, "usage");
    made.run("embed", &["--text", "a", "--json", "-o", &made.at("x.npy")]).failed(2, "usage");
    made.run("score", &["-i", &image, "-p", "a", "-c", " b"]).failed(1, "no-text");
    // The bundled model answers questions and compares nothing.
    let shape = picture("red_triangle.png");
    let error = ocelli(&["match", "-i", &shape, "--text", "red"]).failed(1, "no-matching");
    assert!(error.contains("Blip2ForImageTextRetrieval"), "{error}");
    ocelli(&["embed", "-i", &shape, "--json"]).failed(1, "no-matching");
}

#[test]
fn a_picture_without_a_prompt_is_captioned_and_captions_are_scored() {
    let made = Made::new("half");
    let mut texts = 0;
    for captions in &made.golden.captions {
        let image = made.at(&format!("{}.png", captions.image));
        let prompt: &[&str] = if captions.beginning.is_empty() { &[] } else { &["-p", &captions.beginning] };
        for text in &captions.texts {
            let greedy: &[&str] = if text.name == "greedy" { &["--beams", "1"] } else { &[] };
            let got = made.run("run", &[&["-i", &image, "--json"], prompt, greedy].concat()).json();
            assert_eq!(got["ids"], json!(text.ids), "{} of picture {}", text.name, captions.image);
            assert_eq!(got["text"].as_str().unwrap().trim(), text.text.trim());
            texts += 1;
        }
        let continuations = captions.score.iter().flat_map(|score| ["-c", &score.text]);
        let args: Vec<&str> =
            ["-i", &image, "--json"].into_iter().chain(prompt.iter().copied()).chain(continuations).collect();
        let got = made.run("score", &args).json();
        for (got, want) in got["continuations"].as_array().unwrap().iter().zip(&captions.score) {
            let sum: f64 = want.logprobs.iter().map(|&p| f64::from(p)).sum();
            assert!((got["sum"].as_f64().unwrap() - sum).abs() < 1e-3, "{got} for {sum}");
        }
    }
    assert!(texts > 6, "{texts} texts");
    let error = made.run("run", &["-p", "a photo of"]).failed(2, "option");
    assert!(error.contains("no picture") || error.contains("text first"), "{error}");
}

/// The tiny model of `tests/zoo`: each of five pictures, one of them larger than the tower, has the caption that is its own.
#[test]
fn a_trained_model_tells_what_fits() {
    let names = ["blue_circle", "green_circle", "red_triangle", "teal_triangle_256", "yellow_rectangle"];
    let captions = ["a blue circle", "a green circle", "a red triangle", "a teal triangle", "a yellow rectangle"];
    let zoo = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/zoo/tiny-matching.gguf");
    let mut args = vec!["match".to_owned(), "-q".to_owned(), "-m".to_owned(), zoo.to_owned(), "--json".to_owned()];
    for (name, caption) in names.iter().zip(captions) {
        args.extend(["--image".to_owned(), picture(&format!("{name}.png")), "--text".to_owned(), caption.to_owned()]);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = ocelli(&args).json();
    let pairs = result["pairs"].as_array().unwrap();
    assert_eq!(pairs.len(), 25);
    for pair in pairs {
        let own = pair["image"] == pair["text"];
        let (itm, itc) = (pair["itm"].as_f64().unwrap(), pair["itc"].as_f64().unwrap());
        assert!(if own { itm > 0.9 && itc > 0.7 } else { itm < 0.1 && itc < 0.7 }, "{pair}");
    }
}
