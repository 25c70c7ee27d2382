//! What is told of a run beside its text: the fields of --json, and the notes on standard error.

use crate::answer::unjoined;
use crate::model_args::Opened;
use crate::output::{self, Notes, counted, ms, time};
use crate::pointing::Found;
use crate::prompt_args::Composed;
use ocelli_engine::tokenizer::Tokenizer;
use ocelli_engine::{Generation, Timings};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// What is told of a run beside its text.
pub struct Told<'a> {
    pub composed: &'a Composed,
    pub load: Duration,
    /// Where something was drawn.
    pub seed: Option<u64>,
    /// What the answer says of places, where the model points.
    pub found: Option<Found>,
    /// What was said of the picture first, where that was asked for.
    pub rationale: Option<String>,
}

/// All but the times; the prompt as it was put together first, where that is to be shown.
pub fn document(generation: &Generation, joins: Option<&Tokenizer>, told: &Told<'_>) -> Map<String, Value> {
    let logprobs: Vec<Value> = generation.logprobs.iter().map(|&p| output::number(p)).collect();
    let shown = told.composed.shown.as_deref().map(|shown| ("prompt", Value::from(shown)));
    let rationale = told.rationale.as_deref().map(|text| ("rationale", Value::from(text)));
    let text = match &told.found {
        Some(found) => Value::from(found.pointed.text.as_str()),
        None => Value::from(unjoined(joins, &generation.text)),
    };
    let phrases = told.found.as_ref().map(|found| ("phrases", found.phrases()));
    let answer = [
        ("text", text),
        ("ids", Value::from(generation.ids.clone())),
        ("logprobs", Value::from(logprobs)),
        ("finish", Value::from(generation.finish.name())),
        ("chat_template", Value::from(told.composed.templated)),
        ("seed", Value::from(told.seed)),
    ];
    shown
        .into_iter()
        .chain(rationale)
        .chain(answer)
        .chain(phrases)
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

pub fn timings(timings: &Timings, told: &Told<'_>) -> Value {
    let &Timings { prepare, encode, encoded, prefill, prompt, generate, generated, guessed, guessed_right, .. } =
        timings;
    json!({
        "load_ms": ms(told.load),
        "decode_images_ms": ms(told.composed.took),
        "prepare_ms": ms(prepare),
        "encode_ms": ms(encode),
        "encoded_images": encoded,
        "prefill_ms": ms(prefill),
        "prompt_positions": prompt,
        "generate_ms": ms(generate),
        "generated_tokens": generated,
        "guessed_tokens": guessed,
        "guessed_right": guessed_right,
    })
}

pub fn report(notes: &Notes, opened: &Opened, generation: &Generation, told: &Told<'_>) {
    let t = &generation.timings;
    let device = &opened.device;
    notes.line(format_args!(
        "load      {:>8}   {}, {} {}, {}",
        time(opened.load),
        opened.name,
        device.name,
        device.isa,
        counted(device.threads, "thread")
    ));
    if told.composed.templated {
        notes.line(format_args!(
            "template             the file's chat template is around the prompt; --raw leaves it out"
        ));
    }
    if let Some(seed) = told.seed {
        notes.line(format_args!("seed                 {seed}"));
    }
    if t.encoded > 0 {
        notes.line(format_args!(
            "prepare   {:>8}   {}, decoded and resized",
            time(told.composed.took + t.prepare),
            counted(t.encoded, "image")
        ));
        notes.line(format_args!("encode    {:>8}   {} an image", time(t.encode), time(each(t.encode, t.encoded))));
    }
    let line = |what, took: Duration, count: &str, rate: Option<f64>| {
        let rate = rate.map(|rate| format!(", {rate:.1} tok/s")).unwrap_or_default();
        notes.line(format_args!("{what:<9} {:>8}   {count}{rate}", time(took)));
    };
    line("prefill", t.prefill, &counted(t.prompt, "position"), rate(t.prompt, t.prefill));
    // The prompt gives the first token.
    line("generate", t.generate, &counted(t.generated, "token"), rate(t.generated.saturating_sub(1), t.generate));
    if t.guessed > 0 {
        let right = t.guessed_right;
        notes.line(format_args!("guesses              {}, {right} of them right", counted(t.guessed, "token")));
    }
}

/// How many a second; of a few it says nothing.
pub fn rate(count: usize, took: Duration) -> Option<f64> {
    #[allow(clippy::cast_precision_loss)]
    (count >= 4).then(|| count as f64 / took.as_secs_f64().max(1e-9))
}

/// Memory of this process that no file backs, now; every buffer of the run is still there. Linux tells.
pub fn anonymous_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}

fn each(total: Duration, count: usize) -> Duration {
    total.checked_div(u32::try_from(count).unwrap_or(u32::MAX)).unwrap_or(total)
}
