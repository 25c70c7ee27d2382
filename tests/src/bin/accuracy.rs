//! Share of questions about pictures that a model answers exactly, from a file of questions.
//!
//!     cargo run --release -p ocelli-tests --bin accuracy -- --model FILE --data DIR [--threads N]
//!
//! DIR holds `questions.jsonl`, a line a question: {"image": "0.png", "prompt": "…", "answer": "…"}; pictures lie beside
//! it. `tests/zoo/evaluate_easy_vqa.py --export DIR` makes one. An answer counts if it is equal after trimming.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use ocelli_engine::{Engine, GenerateOptions, Load, Prompt, SessionOptions, image};
use ocelli_tests::Result;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

#[derive(Deserialize)]
struct Question {
    image: String,
    prompt: String,
    answer: String,
}

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let (mut model, mut data, mut threads) = (None, None, 0);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--model" => model = Some(PathBuf::from(value()?)),
            "--data" => data = Some(PathBuf::from(value()?)),
            "--threads" => threads = value()?.parse()?,
            _ => {
                println!("usage: accuracy --model FILE --data DIR [--threads N]");
                return Ok(());
            }
        }
    }
    let (model, data) = (model.ok_or("--model is missing")?, data.ok_or("--data is missing")?);
    let model = Engine::new(threads)?.open(&model, Load::Map)?;
    let mut session = model.session(&SessionOptions::default())?;
    let text = std::fs::read_to_string(data.join("questions.jsonl"))?;
    let options = GenerateOptions { max_new_tokens: 16, ..GenerateOptions::default() };
    let (mut right, mut total) = (0usize, 0usize);
    let mut by_answer: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut last = None;
    let start = Instant::now();
    for line in text.lines() {
        let question: Question = serde_json::from_str(line)?;
        // Questions about one picture follow one another: decode it once.
        let picture = match last.take() {
            Some((name, picture)) if name == question.image => picture,
            _ => Arc::new(image::decode(&std::fs::read(data.join(&question.image))?, &model.image_limits())?),
        };
        let prompt = Prompt::new().image(Arc::clone(&picture)).text(question.prompt.as_str());
        let answer = session.generate(&prompt, &options, &mut |_| ControlFlow::Continue(()))?;
        let hit = usize::from(answer.text.trim() == question.answer);
        let entry = by_answer.entry(question.answer).or_default();
        *entry = (entry.0 + hit, entry.1 + 1);
        (right, total) = (right + hit, total + 1);
        last = Some((question.image, picture));
    }
    for (answer, (right, total)) in by_answer {
        println!("{answer:>12}  {right:>5} of {total:>5}");
    }
    let share = 100.0 * right as f64 / total.max(1) as f64;
    println!("{right} of {total} right, {share:.2} %, {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}
