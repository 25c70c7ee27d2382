//! The plan against what a process really takes: for sessions of different shapes the peak of anonymous memory, as Linux
//! tells it, is at most the plan, and the plan is not far above it. Each session fills all it was laid out for, in a process
//! of its own: this binary runs itself once more for each.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod random_model;

use ocelli_engine::{CacheType, Engine, Event, GenerateOptions, Load, Prompt, SessionOptions};
use ocelli_quant::TensorType;
use random_model::Shape;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;

/// Names the case that this process is to run.
const CASE: &str = "OCELLI_TEST_PLAN_CASE";
/// Names the model file.
const FILE: &str = "OCELLI_TEST_PLAN_FILE";

const PLAIN: Shape = Shape {
    architecture: "llama",
    ty: TensorType::Q8_0,
    context: 4096,
    width: 256,
    ffn: 512,
    layers: 12,
    heads: 8,
    kv_heads: 8,
    head: 64,
};
const SHARED: Shape = Shape { kv_heads: 2, layers: 24, context: 8192, ..PLAIN };
const WIDE: Shape = Shape { head: 256, heads: 4, kv_heads: 4, context: 2048, ..PLAIN };
const GEMMA: Shape = Shape { architecture: "gemma3", head: 256, heads: 4, kv_heads: 4, context: 2048, ..PLAIN };
const F32: Shape = Shape { ty: TensorType::F32, context: 2048, ..PLAIN };

struct Case {
    shape: Shape,
    threads: usize,
    context: usize,
    beams: usize,
    new_tokens: usize,
    batch: usize,
    cache: Option<CacheType>,
}

const CASES: [Case; 12] = {
    const fn case(shape: Shape, threads: usize, context: usize, beams: usize, new_tokens: usize, batch: usize) -> Case {
        Case { shape, threads, context, beams, new_tokens, batch, cache: None }
    }
    [
        case(PLAIN, 1, 4096, 1, 8, 256),
        case(PLAIN, 2, 2048, 1, 8, 512),
        case(PLAIN, 4, 1500, 5, 100, 256),
        case(SHARED, 1, 8192, 1, 8, 256),
        case(SHARED, 3, 5000, 3, 500, 128),
        case(WIDE, 2, 2048, 1, 8, 256),
        case(WIDE, 4, 2000, 4, 50, 64),
        case(GEMMA, 1, 2048, 1, 8, 256),
        case(GEMMA, 4, 1024, 2, 200, 1024),
        case(F32, 2, 2048, 1, 8, 256),
        Case { cache: Some(CacheType::Q8_0), ..case(WIDE, 3, 2048, 1, 8, 2048) },
        Case { cache: Some(CacheType::F32), ..case(PLAIN, 1, 3000, 8, 20, 300) },
    ]
};

/// Bytes of this process that no file backs.
fn anonymous() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Fills a session and prints the peak and the plan.
fn fill(case: &Case, file: &Path) {
    let model = Engine::new(case.threads).unwrap().open(file, Load::Map).unwrap();
    let &Case { context, beams, new_tokens, batch, cache, .. } = case;
    let options = SessionOptions { context, beams, new_tokens, batch, cache, ..SessionOptions::default() };
    let plan = model.plan(&options).unwrap();
    let mut session = model.session(&options).unwrap();
    let mut peak = 0;
    let generate = GenerateOptions { beams, max_new_tokens: new_tokens, ..GenerateOptions::default() };
    let prompt = Prompt::new().text("abcdefghij".repeat(context).get(..context - new_tokens).unwrap());
    let mut sink = |_: Event<'_>| {
        peak = peak.max(anonymous());
        ControlFlow::Continue(())
    };
    let made = session.generate(&prompt, &generate, &mut sink).unwrap();
    assert_eq!(made.ids.len(), new_tokens, "nothing ends a text");
    peak = peak.max(anonymous());
    println!("peak {peak} plan {}", plan.anonymous());
}

#[test]
fn what_a_session_takes_is_what_the_plan_says() {
    if let (Ok(case), Ok(file)) = (std::env::var(CASE), std::env::var(FILE)) {
        fill(&CASES[case.parse::<usize>().unwrap()], Path::new(&file));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (number, case) in CASES.iter().enumerate() {
        let file = folder.path().join("model.gguf");
        std::fs::write(&file, random_model::model(&case.shape)).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "what_a_session_takes_is_what_the_plan_says", "--nocapture"]);
        let output = command.env(CASE, number.to_string()).env(FILE, &file).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "case {number}: {text}{}", String::from_utf8_lossy(&output.stderr));
        let line = text.lines().find_map(|line| line.split_once("peak ")).unwrap().1;
        let (peak, plan) = line.split_once(" plan ").unwrap();
        let (peak, plan): (u64, u64) = (peak.parse().unwrap(), plan.trim().parse().unwrap());
        let share = peak as f64 / plan as f64;
        println!("case {number}: {} of {} KiB, {:.0} %", peak >> 10, plan >> 10, share * 100.0);
        assert!(peak <= plan, "case {number}: {peak} bytes taken, {plan} planned");
        assert!(share >= 0.7, "case {number}: {peak} bytes taken of {plan} planned");
    }
}
