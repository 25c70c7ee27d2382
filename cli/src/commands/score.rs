//! `ocelli score`: how likely each of some texts is after a prompt. The way to choose among known answers.

use crate::commands::run::with_media;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::model_args::{MemoryArgs, ModelArgs};
use crate::output::{Notes, Out, number};
use crate::prompt_args::PromptArgs;
use ocelli_engine::tokenizer::EncodeOptions;
use ocelli_engine::{Error, Event, Model, Score, SessionOptions, prompt_ids};
use serde_json::{Value, json};
use std::ops::ControlFlow;

const AFTER: &str = "\
EXAMPLES
  ocelli score -i shapes.png -c ' red' -c ' blue' \\
      -p 'Question: what color is the shape? Answer:'
  ocelli score blip2.gguf -i cat.png -p 'a photo of' -c ' cats' -c ' dogs'

Continuations are taken as they are: most models want the blank before the first word.
With --json standard output is one object, log-probabilities are natural logarithms:
  {\"prompt_ids\", \"continuations\": [{\"text\", \"ids\", \"logprobs\", \"sum\"}]}";

/// Continuations that there is room for at once: logits of as many rows are computed together in any case.
const TOGETHER: usize = 8;

/// Log-likelihoods of given continuations of a prompt
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    #[command(flatten)]
    prompt: PromptArgs,
    /// A text that could follow the prompt; once for each
    #[arg(short, long, value_name = "TEXT", required = true, allow_hyphen_values = true)]
    continuation: Vec<String>,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    memory: MemoryArgs,
    /// Print one JSON object, in the order given
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// No notes on standard error
    #[arg(short, long, help_heading = "Output")]
    quiet: bool,
}

pub fn run(args: &Args, interrupt: &Interrupt) -> Result<(), Failure> {
    let notes = Notes::new(args.quiet);
    notes.stage(format_args!("loading"));
    let model = args.model.open()?.model;
    let (prompt, _) = args.prompt.read(&model, &notes)?;
    let items = model.compose(&prompt)?;
    let texts: Vec<&str> = args.continuation.iter().map(String::as_str).collect();
    let plain = EncodeOptions { add_special: false, parse_special: true };
    let mut longest = 0;
    for text in &texts {
        let ids = model.tokenizer().encode(text, plain).map_err(Error::from)?;
        longest = longest.max(ids.len());
    }
    let session = args.memory.session(model.count(&items).saturating_add(longest));
    let session = side_by_side(&model, with_media(&items, session), texts.len(), longest)?;
    let mut session = model.session(&session)?;
    interrupt.cancels(session.cancel_handle());
    let scores = session.score(&prompt, &texts, &mut |event| {
        match event {
            Event::Image { index, count } => notes.stage(format_args!("encoding image {}/{count}", index + 1)),
            Event::Prefill { positions } => notes.stage(format_args!("reading {positions} positions")),
            Event::Within { done, total } => notes.within(done, total),
            Event::Piece(_) => {}
        }
        ControlFlow::Continue(())
    });
    notes.clear();
    let scores = scores?;
    let mut out = Out::new();
    if args.json {
        let continuations: Vec<Value> = texts.iter().zip(&scores).map(|(text, score)| document(text, score)).collect();
        return out.json(&json!({ "prompt_ids": prompt_ids(&items), "continuations": continuations }));
    }
    table(&mut out, &texts, &scores)?;
    out.flush()
}

/// The session with room for continuations that run side by side; for fewer of them, which then take turns, where the budget
/// says so.
fn side_by_side(model: &Model, alone: SessionOptions, texts: usize, longest: usize) -> Result<SessionOptions, Error> {
    for beams in (2..=texts.min(TOGETHER)).rev() {
        let session = SessionOptions { beams, new_tokens: longest, ..alone.clone() };
        if session.budget == 0 || model.plan(&session)?.total() <= session.budget {
            return Ok(session);
        }
    }
    Ok(alone)
}

fn document(text: &str, score: &Score) -> Value {
    let logprobs: Vec<Value> = score.logprobs.iter().map(|&p| number(p)).collect();
    json!({ "text": text, "ids": score.ids, "logprobs": logprobs, "sum": score.sum() })
}

/// The likeliest first.
fn table(out: &mut Out, texts: &[&str], scores: &[Score]) -> Result<(), Failure> {
    let mut rows: Vec<(&str, &Score)> = texts.iter().copied().zip(scores).collect();
    rows.sort_by(|a, b| b.1.sum().total_cmp(&a.1.sum()));
    out.line(format_args!("{:>10}  {:>10}  {:>6}  continuation", "sum", "per token", "tokens"))?;
    for (text, score) in rows {
        let tokens = score.ids.len();
        #[allow(clippy::cast_precision_loss)]
        let mean = score.sum() / tokens.max(1) as f64;
        out.line(format_args!("{:>10.4}  {mean:>10.4}  {tokens:>6}  {text:?}", score.sum()))?;
    }
    Ok(())
}
