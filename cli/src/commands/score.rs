//! `ocelli score`: how likely each of some texts is after a prompt. The way to choose among known answers.

use crate::batch::{self, BatchArgs, ParallelArgs, Request, Sessions};
use crate::commands::run::with_media;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::model_args::{MemoryArgs, ModelArgs};
use crate::output::{Notes, Out, number};
use crate::prompt_args::{Composed, PromptArgs};
use ocelli_engine::tokenizer::EncodeOptions;
use ocelli_engine::{Error, Event, Model, Prompt, Score, SessionOptions, prompt_ids};
use serde_json::{Map, Value, json};
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

const AFTER: &str = "\
EXAMPLES
  ocelli score -i shapes.png -c ' red' -c ' blue' \\
      -p 'Question: what color is the shape? Answer:'
  ocelli score blip2.gguf -i cat.png -p 'a photo of' -c ' cats' -c ' dogs'
  ocelli score blip2.gguf -i cat.png --task vqa -p 'a cat?' -c ' yes' -c ' no'
  ocelli score blip2.gguf --batch pictures.jsonl -p 'a photo of' \\
      -c ' a cat' -c ' a dog' -o scores.jsonl

The prompt is what 'ocelli run' makes of the same arguments: in a file's chat template, unless --raw leaves it out. The
continuations are taken as they are: most models want the blank before the first word, but not behind a chat template,
where an answer begins. An empty prompt that is given, -p '', is none: how likely a text is by itself.

The table is sorted, the likeliest first. With --json standard output is one object, in the order given;
log-probabilities are natural logarithms, and \"mean\" is their sum by the number of tokens:
  {\"prompt_ids\", \"continuations\": [{\"text\", \"ids\", \"logprobs\", \"sum\", \"mean\"}]}

With --batch each line of FILE asks: {\"prompt\", \"image\" or \"images\", \"video\" or \"videos\", \"continuations\",
\"id\"}; --prompt and --continuation hold for lines without their own. Each line of the output answers: {\"id\",
\"request\", \"prompt_ids\", \"continuations\"}, or {\"id\", \"request\", \"error\": {\"code\", \"message\",
\"line\"}}; \"request\" is a hash that --resume looks at. The exit code is 1 if a request failed.";

/// Continuations that there is room for at once: logits of as many rows are computed together in any case.
const TOGETHER: usize = 8;

/// Log-likelihoods of given continuations of a prompt
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    #[command(flatten)]
    prompt: PromptArgs,
    /// A text that could follow the prompt; once for each
    #[arg(short, long, value_name = "TEXT", required_unless_present = "batch", allow_hyphen_values = true)]
    continuation: Vec<String>,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    memory: MemoryArgs,
    #[command(flatten)]
    batch: BatchArgs,
    #[command(flatten)]
    parallel: ParallelArgs,
    /// Print one JSON object, in the order given
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// No notes on standard error
    #[arg(short, long, help_heading = "Output")]
    quiet: bool,
}

pub fn run(args: &Args, interrupt: &Interrupt) -> Result<(), Failure> {
    let notes = Notes::new(args.quiet);
    if args.batch.given() {
        return answers(args, &notes, interrupt);
    }
    args.model.file.check()?;
    let asked = args.prompt.asked(false)?;
    if !asked.given {
        args.prompt.check(&asked)?;
    }
    notes.stage(format_args!("loading"));
    let model = args.model.open(args.quiet)?.model;
    args.memory.note_context(&model, &notes);
    let Composed { prompt, shown, .. } = args.prompt.open(&model, &notes)?.prompt(&asked)?;
    let texts: Vec<&str> = args.continuation.iter().map(String::as_str).collect();
    let mut session = model.session(&fitted(&args.memory, &model, &prompt, &texts)?)?;
    interrupt.cancels(session.cancel_handle());
    if let Some(shown) = shown.as_deref().filter(|_| !args.json) {
        notes.always(shown);
    }
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
        return out.json(&document(&model, &prompt, shown, &texts, &scores)?.into());
    }
    table(&mut out, &texts, &scores)?;
    out.flush()
}

/// Scores a batch.
fn answers(args: &Args, notes: &Notes, interrupt: &Interrupt) -> Result<(), Failure> {
    const KNOWN: [&str; 6] = ["prompt", "image", "images", "video", "videos", "continuations"];
    let text = args.batch.text(&args.prompt)?.or_else(|| args.prompt.text_of_task());
    notes.stage(format_args!("loading"));
    let model = &args.model.open(args.quiet)?.model;
    args.memory.note_context(model, notes);
    let settings = format!(
        "score {:032x} {text:?} {:?} {} {}",
        model.identity(),
        args.continuation,
        args.memory.content(),
        args.prompt.content()?
    );
    let prompts = args.prompt.open(model, notes)?;
    let sessions =
        Sessions::new(model, prompts.pictures(), (args.memory.limited(), args.memory.fixed()), args.parallel.parallel)?;
    let prompts = Mutex::new(prompts);
    let prompts = || prompts.lock().unwrap_or_else(PoisonError::into_inner);
    let answer = |request: &Request<'_>, sessions: &mut Sessions<'_>| {
        let own = request.field(|fields| match fields.texts("continuations")? {
            Some(texts) if texts.is_empty() => Err("no text in \"continuations\"".to_owned()),
            None if args.continuation.is_empty() => Err("no \"continuations\", and none by --continuation".to_owned()),
            texts => Ok(texts),
        })?;
        let texts: Vec<&str> = own.as_ref().unwrap_or(&args.continuation).iter().map(String::as_str).collect();
        let Composed { prompt, shown, .. } = prompts().prompt(&request.asked(text.as_deref())?)?;
        let session = sessions.get(fitted(&args.memory, model, &prompt, &texts)?, false)?;
        let scores = session.score(&prompt, &texts, &mut |_| ControlFlow::Continue(()))?;
        document(model, &prompt, shown, &texts, &scores)
    };
    batch::run(&args.batch, &settings, &KNOWN, (notes, interrupt), sessions, &answer)
}

/// The session that scoring texts behind a prompt needs.
pub fn fitted(memory: &MemoryArgs, model: &Model, prompt: &Prompt, texts: &[&str]) -> Result<SessionOptions, Failure> {
    let items = model.compose(prompt)?;
    let plain = EncodeOptions { add_special: false, parse_special: true };
    let mut longest = 0;
    for text in texts {
        let ids = model.tokenizer().encode(text, plain).map_err(Error::from)?;
        longest = longest.max(ids.len());
    }
    let session = memory.session(model.context_for(model.count(&items), longest));
    Ok(side_by_side(model, with_media(&items, session), texts.len(), longest)?)
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

/// The scores, with the prompt as it was put together where that is to be shown.
fn document(
    model: &Model,
    prompt: &Prompt,
    shown: Option<String>,
    texts: &[&str],
    scores: &[Score],
) -> Result<Map<String, Value>, Failure> {
    let continuations = texts.iter().zip(scores).map(|(text, score)| {
        let logprobs: Vec<Value> = score.logprobs.iter().map(|&p| number(p)).collect();
        json!({ "text": text, "ids": score.ids, "logprobs": logprobs, "sum": score.sum(), "mean": mean(score) })
    });
    let shown = shown.map(|shown| ("prompt".to_owned(), Value::from(shown)));
    let scored = [
        ("prompt_ids".to_owned(), Value::from(prompt_ids(&model.compose(prompt)?))),
        ("continuations".to_owned(), continuations.collect()),
    ];
    Ok(shown.into_iter().chain(scored).collect())
}

/// By the number of tokens.
#[allow(clippy::cast_precision_loss)]
fn mean(score: &Score) -> f64 {
    score.sum() / score.ids.len().max(1) as f64
}

/// The likeliest first.
fn table(out: &mut Out, texts: &[&str], scores: &[Score]) -> Result<(), Failure> {
    let mut rows: Vec<(&str, &Score)> = texts.iter().copied().zip(scores).collect();
    rows.sort_by(|a, b| b.1.sum().total_cmp(&a.1.sum()));
    out.line(format_args!("{:>10}  {:>10}  {:>6}  continuation", "sum", "per token", "tokens"))?;
    for (text, score) in rows {
        let tokens = score.ids.len();
        let mean = mean(score);
        out.line(format_args!("{:>10.4}  {mean:>10.4}  {tokens:>6}  {text:?}", score.sum()))?;
    }
    Ok(())
}
