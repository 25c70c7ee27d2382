//! `ocelli run`: one answer, streamed as it is generated.
//!
//! The session is made as large as the prompt and the answer need, not as the model allows.

use crate::batch::{self, BatchArgs, Request, Sessions};
use crate::failure::Failure;
use crate::grammar_args::GrammarArgs;
use crate::interrupt::Interrupt;
use crate::model_args::{MemoryArgs, ModelArgs, Opened};
use crate::output::{self, Notes, Out, counted, ms, time};
use crate::prompt_args::PromptArgs;
use crate::vocabulary;
use clap::builder::RangedU64ValueParser;
use ocelli_engine::tokenizer::Tokenizer;
use ocelli_engine::{
    Constraint, Event, Finish, GenerateOptions, Generation, Item, Model, Prompt, SessionOptions, Timings, Wanted,
};
use serde_json::{Map, Value, json};
use std::ops::ControlFlow;
use std::time::Duration;

const AFTER: &str = "\
EXAMPLES
  ocelli run -i shapes.png -p 'Question: what shape is in the image? Answer:'
  ocelli run blip2.gguf -i cat.png -p 'a photo of' -n 30 --beams 5
  ocelli run blip2.gguf -i a.png -i b.png -p 'First <image>, then <image>:'
  ocelli run flamingo.gguf --video clip.gif -p 'What happens here?'
  ocelli run idefics.gguf -i new.png -p 'What is this?' --shots shots.jsonl \\
      --shot-select similar --shot-count 4
  ocelli run smollm2.gguf -p 'A cat as JSON:' -n 60 --json-schema cat.json
  ocelli run blip2.gguf -i cat.png -p 'Question: is this a cat? Answer:' \\
      --grammar 'start: /yes|no/'
  echo 'Question: what is this? Answer:' | ocelli run -i cat.png -p - --json
  ocelli run blip2.gguf --batch questions.jsonl -o answers.jsonl --resume

The answer goes to standard output, everything else to standard error. With --json standard output is one object:
  {\"text\", \"ids\", \"finish\": \"eos\" | \"length\", \"timings\"}
Either way the text is without the one blank that stands between the prompt and a first word; all other white space is
the model's.

With --batch each line of FILE asks: {\"prompt\", \"image\" or \"images\", \"video\" or \"videos\", \"id\",
\"max_new_tokens\", \"seed\", \"stop\"}. Each line of the output answers: {\"id\", \"request\", \"text\", \"ids\", \"finish\"}, or
{\"id\", \"request\", \"error\": {\"code\", \"message\", \"line\"}}; \"request\" is a hash that --resume looks at. The
exit code is 1 if a request failed.";

/// Of an answer under a schema or grammar.
pub const CUT: &str = "the answer was cut before the schema or grammar lets it end: a larger -n gives it room";

/// Generate text after a prompt of pictures and text
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    #[command(flatten)]
    prompt: PromptArgs,
    #[command(flatten)]
    generation: GenerationArgs,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    memory: MemoryArgs,
    #[command(flatten)]
    batch: BatchArgs,
    /// Print one JSON object instead of the text
    #[arg(long, help_heading = "Output")]
    json: bool,
    /// No notes on standard error
    #[arg(short, long, help_heading = "Output")]
    quiet: bool,
}

/// How tokens are chosen; what is not given is as the model's file suggests.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Generation")]
pub struct GenerationArgs {
    /// Most new tokens, -1 for as many as the context holds; without it what the model's file suggests
    #[arg(short = 'n', long, value_name = "N", value_parser = vocabulary::new_tokens)]
    pub max_new_tokens: Option<usize>,
    /// Search with this many beams; nothing is streamed then
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=64))]
    pub beams: Option<usize>,
    /// Beams: divide a hypothesis' log-probability by its length to this power
    #[arg(long, value_name = "F", allow_negative_numbers = true)]
    length_penalty: Option<f32>,
    /// Beams: end as soon as there are as many finished hypotheses as beams
    #[arg(long)]
    early_stopping: bool,
    /// Temperature of the draws; 0 takes the likeliest token
    #[arg(long, value_name = "F", default_value_t = 0.0, allow_negative_numbers = true)]
    temp: f32,
    /// Draw from the N likeliest tokens only; 0 is off
    #[arg(long, value_name = "N", default_value_t = 0)]
    top_k: usize,
    /// Draw from the likeliest tokens that reach this probability together
    #[arg(long, value_name = "F", default_value_t = 1.0, allow_negative_numbers = true)]
    top_p: f32,
    /// Draw from tokens at least this fraction as likely as the likeliest
    #[arg(long, value_name = "F", default_value_t = 0.0, allow_negative_numbers = true)]
    min_p: f32,
    /// Make tokens that were seen less likely; 1 is off
    #[arg(long, value_name = "F", allow_negative_numbers = true)]
    repetition_penalty: Option<f32>,
    /// No N tokens in a row twice; 0 is off
    #[arg(long, value_name = "N")]
    no_repeat_ngram: Option<usize>,
    /// Tokens before the answer may end
    #[arg(long, value_name = "N")]
    min_new_tokens: Option<usize>,
    #[command(flatten)]
    grammar: GrammarArgs,
    /// Keep special tokens in the answer, such as those of boxes and places; the one that ends it is never printed
    #[arg(long)]
    keep_special: bool,
    /// Of the draws: the same seed gives the same answer; -1 is another one each time
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = vocabulary::seed)]
    seed: u64,
}

impl GenerationArgs {
    /// What answers are held to. `busy` is what standard input is read for otherwise, if it is.
    pub fn constraint(&self, model: &Model, busy: Option<&str>) -> Result<Option<Box<dyn Constraint>>, Failure> {
        self.grammar.constraint(model, busy)
    }

    /// What was asked for, and what the model's file suggests for the rest. `positions` is the prompt's length.
    pub fn options(
        &self,
        model: &Model,
        positions: usize,
        constraint: Option<Box<dyn Constraint>>,
    ) -> Result<GenerateOptions, Failure> {
        let wanted = Wanted {
            max_new_tokens: 0,
            temperature: self.temp,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            repetition_penalty: self.repetition_penalty,
            no_repeat_ngram: self.no_repeat_ngram,
            min_new_tokens: self.min_new_tokens,
            seed: self.seed,
            beams: self.beams,
            length_penalty: self.length_penalty,
            early_stopping: self.early_stopping.then_some(true),
            keep_special: self.keep_special,
            stop: Vec::new(),
            logprobs: false,
            constraint,
        };
        Ok(model.defaults().resolve(&wanted, positions)?)
    }
}

pub fn run(args: &Args, interrupt: &Interrupt) -> Result<(), Failure> {
    let notes = Notes::new(args.quiet);
    notes.stage(format_args!("loading"));
    let opened = args.model.open()?;
    if args.batch.given() {
        return answers(args, &opened.model, &notes, interrupt);
    }
    let constraint =
        args.generation.constraint(&opened.model, args.prompt.reads_standard_input().then_some("--prompt"))?;
    let constrained = constraint.is_some();
    let asked = args.prompt.asked()?;
    let mut prompts = args.prompt.open(&opened.model, &notes)?;
    let (prompt, decode) = prompts.prompt(&asked)?;
    let shown = prompts.shown(&prompt);
    drop(prompts);
    let (options, session) = fitted(&args.generation, &args.memory, &opened.model, &prompt, constraint)?;
    let plan = opened.model.plan(&session)?;
    let mut session = opened.model.session(&session)?;
    interrupt.cancels(session.cancel_handle());
    if let Some(shown) = shown.as_deref().filter(|_| !args.json) {
        notes.always(shown);
    }

    let mut out = Out::new();
    let joins = (!constrained).then_some(opened.model.tokenizer());
    let mut answer = Answer::new(&mut out, joins, !args.json);
    let mut closed = None;
    let result = session.generate(&prompt, &options, &mut |event| {
        match event {
            Event::Image { index, count } => notes.stage(format_args!("encoding image {}/{count}", index + 1)),
            Event::Prefill { positions } => notes.stage(format_args!("reading {positions} positions")),
            Event::Within { done, total } => notes.within(done, total),
            Event::Piece(piece) => {
                notes.clear();
                if let Err(failure) = answer.piece(piece) {
                    closed = Some(failure);
                    return ControlFlow::Break(());
                }
            }
        }
        ControlFlow::Continue(())
    });
    notes.clear();
    if let Some(failure) = closed {
        return Err(failure);
    }
    // What a cancelled run streamed ends its line, too.
    answer.end(result.is_ok())?;
    let generation = result?;
    if args.json {
        let mut document = document(&generation, joins, shown);
        document.insert("timings".to_owned(), timings(&generation, opened.load, decode));
        out.json(&document.into())?;
    }
    if constrained && matches!(generation.finish, Finish::Length | Finish::Context) {
        notes.line(format_args!("{CUT}"));
    }
    report(&notes, &opened, &generation, decode);
    if let Some(used) = anonymous_memory() {
        notes.line(format_args!(
            "memory    {:>8}   of {} planned, beside the mapped file",
            output::size(used),
            output::size(plan.anonymous())
        ));
    }
    Ok(())
}

/// The session with room for this prompt's pictures and videos.
pub fn with_media(items: &[Item], session: SessionOptions) -> SessionOptions {
    let images = items.iter().filter(|item| !item.frames().is_empty()).count().max(1);
    let frames = items.iter().map(|item| item.frames().len()).max().unwrap_or(0);
    SessionOptions { images, frames, ..session }
}

/// What a prompt is answered with, and the session that this needs.
fn fitted(
    generation: &GenerationArgs,
    memory: &MemoryArgs,
    model: &Model,
    prompt: &Prompt,
    constraint: Option<Box<dyn Constraint>>,
) -> Result<(GenerateOptions, SessionOptions), Failure> {
    let items = model.compose(prompt)?;
    let positions = model.count(&items);
    let mut options = generation.options(model, positions, constraint)?;
    let room = memory.most(model).saturating_sub(positions);
    options.max_new_tokens = generation.max_new_tokens.unwrap_or(model.defaults().max_new_tokens);
    let laid = options.max_new_tokens.min(room).max(1);
    let session = memory.session(positions.saturating_add(laid));
    let session = SessionOptions { beams: options.beams, new_tokens: laid, ..session };
    Ok((options, with_media(&items, session)))
}

/// Answers a batch.
fn answers(args: &Args, model: &Model, notes: &Notes, interrupt: &Interrupt) -> Result<(), Failure> {
    const KNOWN: [&str; 8] = ["prompt", "image", "images", "video", "videos", "max_new_tokens", "seed", "stop"];
    let busy = args.batch.reads_standard_input().then_some("--batch");
    if let Some(busy) = busy.filter(|_| args.prompt.reads_standard_input()) {
        let what = format_args!("--prompt cannot read standard input, which {busy} does");
        return Err(Failure::usage("standard-input", what));
    }
    let text = args.prompt.text()?;
    let held = args.generation.grammar.read(busy.or(args.prompt.reads_standard_input().then_some("--prompt")))?;
    let constraint = held.as_ref().map(|held| held.constraint(model)).transpose()?;
    let settings = format!(
        "run {:032x} {text:?} {held:?} {:?} {} {}",
        model.identity(),
        args.generation,
        args.memory.content(),
        args.prompt.content()?
    );
    let mut prompts = args.prompt.open(model, notes)?;
    let mut sessions = Sessions::new(model, prompts.pictures(), args.memory.limited(), interrupt)?;
    let mut answer = |request: &Request<'_>| {
        let mut generation = args.generation.clone();
        let most = request.field(|fields| fields.number("max_new_tokens", 1..=1 << 24))?;
        #[allow(clippy::cast_possible_truncation)]
        let most = most.map(|most| most as usize);
        generation.max_new_tokens = most.or(generation.max_new_tokens);
        generation.seed = request.field(|fields| fields.number("seed", 0..=u64::MAX))?.unwrap_or(generation.seed);
        let prompt = prompts.prompt(&request.asked(text.as_deref())?)?.0;
        let (mut options, session) = fitted(&generation, &args.memory, model, &prompt, constraint.clone())?;
        if let Some(stop) = request.field(|fields| fields.texts("stop"))? {
            options.stop = stop;
        }
        let generated = sessions
            .get(session, !args.memory.fixed())?
            .generate(&prompt, &options, &mut |_| ControlFlow::Continue(()))?;
        let joins = constraint.is_none().then_some(model.tokenizer());
        Ok(document(&generated, joins, prompts.shown(&prompt)))
    };
    batch::run(&args.batch, &settings, &KNOWN, (notes, interrupt), &mut answer)
}

/// A text without the blank that joins it to the prompt, where the tokenizer that puts one there is given: what a grammar
/// holds is exactly what was written.
fn unjoined<'t>(joins: Option<&Tokenizer>, text: &'t str) -> &'t str {
    joins.map_or(text, |tokenizer| tokenizer.unjoined(text))
}

/// The answer on its way to standard output, [`unjoined`].
pub struct Answer<'a> {
    out: &'a mut Out,
    joins: Option<&'a Tokenizer>,
    plain: bool,
    written: bool,
    /// The beginning, until it is more than a blank.
    held: String,
}

impl<'a> Answer<'a> {
    /// Nothing is written if not `plain`.
    pub fn new(out: &'a mut Out, joins: Option<&'a Tokenizer>, plain: bool) -> Self {
        Self { out, joins, plain, written: false, held: String::new() }
    }

    pub fn piece(&mut self, piece: &str) -> Result<(), Failure> {
        if !self.plain || piece.is_empty() {
            return Ok(());
        }
        if self.written {
            self.out.model_text(piece)?;
        } else {
            self.held.push_str(piece);
            if self.held == " " {
                return Ok(());
            }
            self.begin()?;
        }
        self.out.flush()
    }

    fn begin(&mut self) -> Result<(), Failure> {
        self.written |= !self.held.is_empty();
        let held = std::mem::take(&mut self.held);
        self.out.model_text(unjoined(self.joins, &held))
    }

    /// The end of its line, if there is anything on it or the answer is `complete`.
    pub fn end(&mut self, complete: bool) -> Result<(), Failure> {
        if self.plain && (complete || self.written) {
            self.begin()?;
            self.out.line("")?;
            self.out.flush()?;
        }
        Ok(())
    }
}

/// An answer, with the prompt as it was put together where that is to be shown.
fn document(generation: &Generation, joins: Option<&Tokenizer>, prompt: Option<String>) -> Map<String, Value> {
    let prompt = prompt.map(|prompt| ("prompt".to_owned(), Value::from(prompt)));
    let answer = [
        ("text".to_owned(), Value::from(unjoined(joins, &generation.text))),
        ("ids".to_owned(), Value::from(generation.ids.clone())),
        ("finish".to_owned(), Value::from(generation.finish.name())),
    ];
    prompt.into_iter().chain(answer).collect()
}

fn timings(generation: &Generation, load: Duration, decode: Duration) -> Value {
    let Timings { prepare, encode, encoded, prefill, prompt, generate, generated, .. } = generation.timings;
    json!({
        "load_ms": ms(load),
        "decode_ms": ms(decode),
        "prepare_ms": ms(prepare),
        "encode_ms": ms(encode),
        "encoded_images": encoded,
        "prefill_ms": ms(prefill),
        "prompt_positions": prompt,
        "generate_ms": ms(generate),
        "generated_tokens": generated,
    })
}

fn report(notes: &Notes, opened: &Opened, generation: &Generation, decode: Duration) {
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
    if t.encoded > 0 {
        notes.line(format_args!(
            "prepare   {:>8}   {}, decoded and resized",
            time(decode + t.prepare),
            counted(t.encoded, "image")
        ));
        notes.line(format_args!("encode    {:>8}   {} an image", time(t.encode), time(each(t.encode, t.encoded))));
    }
    let line = |what, took: Duration, count: usize, unit| {
        #[allow(clippy::cast_precision_loss)]
        let rate = count as f64 / took.as_secs_f64().max(1e-9);
        notes.line(format_args!("{what:<9} {:>8}   {count} {unit}, {rate:.1} tok/s", time(took)));
    };
    line("prefill", t.prefill, t.prompt, "positions");
    line("generate", t.generate, t.generated, "tokens");
}

/// Memory of this process that no file backs, now; every buffer of the run is still there. Linux tells.
fn anonymous_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}

fn each(total: Duration, count: usize) -> Duration {
    total.checked_div(u32::try_from(count).unwrap_or(u32::MAX)).unwrap_or(total)
}
