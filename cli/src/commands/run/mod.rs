//! `ocelli run`: one answer, streamed as it is generated.
//!
//! The session is made as large as the prompt and the answer need, not as the model allows.

mod told;

pub use told::rate;

use crate::answer::{Answer, ending};
use crate::batch::{self, BatchArgs, ParallelArgs, Request, Sessions};
use crate::failure::Failure;
use crate::grammar_args::GrammarArgs;
use crate::interrupt::Interrupt;
use crate::model_args::{MemoryArgs, ModelArgs};
use crate::output::{self, Notes, Out};
use crate::pointing::{Found, PointArgs};
use crate::prompt_args::{Asked, Composed, PromptArgs, Prompts};
use crate::repeats::repeats;
use crate::vocabulary;
use clap::builder::RangedU64ValueParser;
use ocelli_engine::pointing::Pointing;
use ocelli_engine::{
    Constraint, Defaults, Event, GenerateOptions, Generation, Item, Model, Prompt, Session, SessionOptions, Task,
    Wanted,
};
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use told::{Told, anonymous_memory, document, report, timings};

const AFTER: &str = "\
EXAMPLES
  ocelli run -i shapes.png -p 'Question: what shape is in the image? Answer:'
  ocelli run blip2.gguf -i cat.png -p 'a photo of' -n 30 --beams 5
  ocelli run blip2.gguf -i cat.png --task caption
  ocelli run blip2.gguf -i cat.png --task vqa -p 'what is the cat doing?'
  ocelli run blip2.gguf -i a.png -i b.png -p 'First <image>, then <image>:'
  ocelli run flamingo.gguf --video clip.gif -p 'What happens here?'
  ocelli run idefics.gguf -i new.png -p 'What is this?' --shots shots.jsonl \\
      --shot-select similar --shot-count 4
  ocelli run smollm2.gguf -p 'A cat as JSON:' -n 60 --json-schema cat.json
  ocelli run blip2.gguf -i cat.png -p 'Question: is this a cat? Answer:' \\
      --grammar 'start: /yes|no/'
  echo 'Question: what is this? Answer:' | ocelli run -i cat.png --json
  ocelli run blip2.gguf --batch questions.jsonl -o answers.jsonl --resume
  ocelli run smollm2.gguf -f question.txt --system 'In one sentence.' --temp 0.8
  ocelli run smollm2.gguf --raw -p 'Once upon a time' -n 40 --stop '.'
  ocelli run kosmos-2.gguf -i photo.jpg --task ground --draw found.png
  ocelli run kosmos-2.gguf -i photo.jpg --task find -p 'a red car'
  ocelli run kosmos-2.gguf -i a.jpg --task refer -p '<box>0,0,.5,.9</box>'

Where the file has a chat template the prompt is a user's message in it, and the answer the assistant's. A model without
one, and any model with --raw, goes on with the prompt as it is.

Of a model that points, the text is without the marks of places, and each phrase that has one follows on a line of its own with its
boxes: x1,y1,x2,y2 from 0 to 1. With --json they are \"phrases\": [{\"text\", \"boxes\"}]. A prompt may have
<phrase>a thing</phrase>, and <box>x1,y1,x2,y2</box> behind it. --keep-special leaves the text as it is.

The answer goes to standard output, everything else to standard error. With --json standard output is one object:
  {\"text\", \"ids\", \"logprobs\", \"finish\", \"chat_template\", \"seed\", \"timings\"}
\"finish\" is \"eos\" where the model ended the text, \"length\" where it has -n tokens, \"context\" where the context is full, and
\"stop-string\". \"logprobs\" has the natural logarithm of each token's probability as the model gave it, before temperature and
penalties. \"seed\" is null where nothing was drawn. Times are in milliseconds: opening the file, decoding pictures,
resizing them, the tower with its bridge, the prompt, and the new tokens but for the first, which the prompt gives.

Either way the text is without the one blank that stands between the prompt and a first word; all other white space is
the model's.

With --batch each line of FILE asks: {\"prompt\", \"image\" or \"images\", \"video\" or \"videos\", \"id\",
\"max_new_tokens\", \"seed\", \"stop\"}. Each line of the output answers: {\"id\", \"request\", \"text\", \"ids\", \"finish\"}, or
{\"id\", \"request\", \"error\": {\"code\", \"message\", \"line\"}}; \"request\" is a hash that --resume looks at. The
exit code is 1 if a request failed.";

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
    #[command(flatten)]
    parallel: ParallelArgs,
    #[command(flatten)]
    points: PointArgs,
    /// Have the model say what it sees first, 'Introduce this picture in detail:', and put that before the prompt. Pictures are
    /// encoded once. --json has the first text as "rationale"
    #[arg(long, conflicts_with_all = ["batch", "shots"])]
    cot: bool,
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
    /// Most new tokens, -1 for as many as the context holds; without it what the model's file suggests or 64, in a chat
    /// template at least 512, in a chat 1024
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
    /// Temperature of the draws; 0 takes the likeliest token. Without it 0, in a chat what the model's file suggests or 0.8
    #[arg(long, value_name = "F", allow_negative_numbers = true)]
    temp: Option<f32>,
    /// Draw from the N likeliest tokens only; 0 is off. Without it what the model's file suggests, else 0, in a chat 40
    #[arg(long, value_name = "N")]
    top_k: Option<usize>,
    /// Draw from the likeliest tokens that reach this probability together; 1 is off. Without it what the model's file
    /// suggests, else 1, in a chat 0.95
    #[arg(long, value_name = "F", allow_negative_numbers = true)]
    top_p: Option<f32>,
    /// Draw from tokens at least this fraction as likely as the likeliest; 0 is off. Without it what the model's file
    /// suggests, else 0
    #[arg(long, value_name = "F", allow_negative_numbers = true)]
    min_p: Option<f32>,
    /// Make tokens that were seen less likely; 1 is off. Without it what the model's file suggests, else 1, in a chat
    /// that draws 1.1
    #[arg(long, value_name = "F", allow_negative_numbers = true)]
    repetition_penalty: Option<f32>,
    /// Of the tokens that were seen, look at the last N only; 0 is all. Without it 0, in a chat 64
    #[arg(long, value_name = "N")]
    repeat_last_n: Option<usize>,
    /// End the answer before this text, which is not printed; once for each. In bash $'\n' is a line break
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    stop: Vec<String>,
    /// No N tokens in a row twice; 0 is off
    #[arg(long, value_name = "N")]
    no_repeat_ngram: Option<usize>,
    /// Tokens before the answer may end
    #[arg(long, value_name = "N")]
    min_new_tokens: Option<usize>,
    #[command(flatten)]
    grammar: GrammarArgs,
    /// Add to a token's logit: 15043+1 or 15043-0.5, by its number, which 'ocelli tokenize' tells; 15043-inf takes it out. Once
    /// for each token
    #[arg(short = 'l', long, value_name = "TOKEN(+/-)BIAS", value_parser = vocabulary::bias)]
    logit_bias: Vec<(u32, f32)>,
    /// Keep special tokens in the answer, such as those of boxes and places; the one that ends it is never printed
    #[arg(long)]
    keep_special: bool,
    /// Run tokens that followed the last few before, in the prompt or the answer, before they are chosen, as far as that saves
    /// time: for answers that repeat much of the prompt. The answer is the same
    #[arg(long)]
    speculate: bool,
    /// Of the draws: the same seed gives the same answer. Without it, and with -1, another each time, which is told
    #[arg(long, value_name = "N", value_parser = vocabulary::seed)]
    seed: Option<u64>,
}

/// How tokens are drawn where neither the command line nor the model's file says.
pub struct Draws {
    /// Whether the file's temperature counts: whether there are draws at all without a word of the command line.
    pub suggested: bool,
    pub temperature: f32,
    pub top_k: usize,
    pub top_p: f32,
    /// Where tokens are drawn.
    pub repetition_penalty: Option<f32>,
    pub repetition_window: usize,
}

/// New tokens of an answer in a chat template: a sentence or two would be cut by what captions need.
const ANSWER: usize = 512;

/// Of one answer: nothing is drawn.
pub const GREEDY: Draws =
    Draws { suggested: false, temperature: 0.0, top_k: 0, top_p: 1.0, repetition_penalty: None, repetition_window: 0 };

impl GenerationArgs {
    /// What answers are held to. `busy` is what standard input is read for otherwise, if it is.
    pub fn constraint(&self, model: &Model, busy: Option<&str>) -> Result<Option<Box<dyn Constraint>>, Failure> {
        self.grammar.constraint(model, busy)
    }

    /// The seed that was given.
    pub fn given_seed(&self) -> Option<u64> {
        self.seed
    }

    /// The seed of the draws: the one given, or another each time.
    pub fn seed(&self) -> u64 {
        self.seed.unwrap_or_else(vocabulary::random_seed)
    }

    /// What was asked for, and what `draws` and the model's `file` suggest for the rest. `positions` is the prompt's length.
    pub fn options(
        &self,
        file: &Defaults,
        positions: usize,
        (draws, seed): (&Draws, u64),
        constraint: Option<Box<dyn Constraint>>,
    ) -> Result<GenerateOptions, Failure> {
        let suggested = file.draws.temperature.filter(|_| draws.suggested);
        let temperature = self.temp.or(suggested).unwrap_or(draws.temperature);
        // The file's own penalty is better than one for all models.
        let unsaid = (file.generate.sampling.repetition_penalty - 1.0).abs() < f32::EPSILON;
        let penalty = draws.repetition_penalty.filter(|_| temperature > 0.0 && unsaid);
        let wanted = Wanted {
            max_new_tokens: 0,
            temperature,
            top_k: self.top_k.or(file.draws.top_k).unwrap_or(draws.top_k),
            top_p: self.top_p.or(file.draws.top_p).unwrap_or(draws.top_p),
            min_p: self.min_p.or(file.draws.min_p).unwrap_or(0.0),
            repetition_penalty: self.repetition_penalty.or(penalty),
            repetition_window: self.repeat_last_n.unwrap_or(draws.repetition_window),
            no_repeat_ngram: self.no_repeat_ngram,
            min_new_tokens: self.min_new_tokens,
            seed,
            beams: self.beams,
            length_penalty: self.length_penalty,
            early_stopping: self.early_stopping.then_some(true),
            keep_special: self.keep_special,
            stop: self.stop.clone(),
            logprobs: false,
            speculate: self.speculate,
            bias: self.logit_bias.clone(),
            forced: Vec::new(),
            constraint,
        };
        Ok(file.resolve(&wanted, positions)?)
    }
}

pub fn run(args: &Args, interrupt: &Interrupt) -> Result<(), Failure> {
    let notes = Notes::new(args.quiet);
    if args.batch.given() {
        return answers(args, &notes, interrupt);
    }
    // Before the model is loaded: somebody may be typing.
    args.model.file.check()?;
    let asked = args.prompt.asked(args.generation.grammar.reads_standard_input())?;
    args.prompt.check(&asked)?;
    notes.stage(format_args!("loading"));
    let opened = args.model.open(args.quiet)?;
    let model = &opened.model;
    args.memory.note_context(model, &notes);
    let constraint = args.generation.constraint(model, args.prompt.reads_standard_input())?;
    let constrained = constraint.is_some();
    let mut prompts = args.prompt.open(model, &notes)?;
    let mut composed = prompts.prompt(&asked)?;
    args.points.check(model, &composed.prompt, constrained)?;
    let seed = args.generation.seed();
    let task = args.prompt.task(model)?;
    let sees_first = args.cot.then(|| Introduced::of(args, (model, seed), &mut prompts, &asked)).transpose()?;
    let ahead = sees_first.as_ref().map_or(0, |first| first.options.max_new_tokens + JOINED);
    let of = (model, task);
    let (mut options, session) = prepared(&args.generation, &args.memory, of, (&composed, ahead), seed, constraint)?;
    let plan = model.plan(&session)?;
    options.logprobs = args.json;
    let mut session = model.session(&session)?;
    interrupt.cancels(session.cancel_handle());
    let mut rationale = None;
    if let Some(first) = sees_first {
        let text = first.said(&mut session, &notes)?;
        composed = prompts.behind(&asked, &text)?;
        rationale = Some(text);
    }
    if let Some(shown) = composed.shown.as_deref().filter(|_| !args.json) {
        notes.always(shown);
    }

    let mut out = Out::new();
    let joins = (!constrained).then_some(model.tokenizer());
    // Marks of places are no text: what has some is told as a whole.
    let points = points(args, model, constrained);
    let streams = !args.json && !points.is_some_and(|pointing| pointing.is_hidden());
    let mut answer = Answer::new(&mut out, joins, streams);
    let generation = answer_to(&composed.prompt, &mut session, &options, &notes, &mut answer)?;
    let drawn = options.sampling.temperature > 0.0;
    let found = points.map(|_| Found::of(model, &composed.prompt, &generation)).transpose()?.flatten();
    let told = Told { composed: &composed, load: opened.load, seed: drawn.then_some(seed), found, rationale };
    if let Some(found) = told.found.as_ref().filter(|_| !args.json) {
        found.print(!streams, &mut out)?;
    }
    if args.json {
        let mut document = document(&generation, joins, &told);
        document.insert("timings".to_owned(), timings(&generation.timings, &told));
        out.json(&document.into())?;
    }
    if let Some(found) = &told.found {
        args.points.picture(found, &mut out)?;
    }
    ending(&notes, &generation, constrained, joins);
    if repeats(&generation.text) {
        notes.line(format_args!("the answer repeats itself: --repetition-penalty 1.1 or --temp 0.8 may help"));
    }
    report(&notes, &opened, &generation, &told);
    if let Some(used) = anonymous_memory() {
        notes.line(format_args!(
            "memory    {:>8}   of {} planned, beside the mapped file",
            output::size(used),
            output::size(plan.anonymous())
        ));
    }
    Ok(())
}

/// Generates an answer and prints it.
fn answer_to(
    prompt: &Prompt,
    session: &mut Session,
    options: &GenerateOptions,
    notes: &Notes,
    answer: &mut Answer<'_>,
) -> Result<Generation, Failure> {
    let mut closed = None;
    let result = session.generate(prompt, options, &mut |event| {
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
    Ok(result?)
}

/// The session with room for this prompt's pictures and videos.
pub fn with_media(items: &[Item], session: SessionOptions) -> SessionOptions {
    let images = items.iter().filter(|item| !item.frames().is_empty()).count().max(1);
    let frames = items.iter().map(|item| item.frames().len()).max().unwrap_or(0);
    SessionOptions { images, frames, ..session }
}

/// Answers a batch.
fn answers(args: &Args, notes: &Notes, interrupt: &Interrupt) -> Result<(), Failure> {
    const KNOWN: [&str; 8] = ["prompt", "image", "images", "video", "videos", "max_new_tokens", "seed", "stop"];
    let text = args.batch.text(&args.prompt)?.or_else(|| args.prompt.text_of_task());
    let busy = args.batch.reads_standard_input().then_some("--batch").or(args.prompt.reads_standard_input());
    let held = args.generation.grammar.read(busy)?;
    notes.stage(format_args!("loading"));
    let model = &args.model.open(args.quiet)?.model;
    args.memory.note_context(model, notes);
    let constraint = held.as_ref().map(|held| held.constraint(model)).transpose()?;
    let settings = format!(
        "run {:032x} {text:?} {held:?} {:?} {} {}",
        model.identity(),
        args.generation,
        args.memory.content(),
        args.prompt.content()?
    );
    let prompts = args.prompt.open(model, notes)?;
    let task = args.prompt.task(model)?;
    let is_constrained = constraint.is_some();
    let constraint = Mutex::new(constraint);
    let sessions =
        Sessions::new(model, prompts.pictures(), (args.memory.limited(), args.memory.fixed()), args.parallel.parallel)?;
    let prompts = Mutex::new(prompts);
    let prompts = || prompts.lock().unwrap_or_else(PoisonError::into_inner);
    let answer = |request: &Request<'_>, sessions: &mut Sessions<'_>| {
        let mut generation = args.generation.clone();
        let most = request.field(|fields| fields.number("max_new_tokens", 1..=1 << 24))?;
        #[allow(clippy::cast_possible_truncation)]
        let most = most.map(|most| most as usize);
        generation.max_new_tokens = most.or(generation.max_new_tokens);
        let seed = request.field(|fields| fields.number("seed", 0..=u64::MAX))?;
        // Another one each time would make a batch that is gone on with another.
        let seed = seed.or(generation.seed).unwrap_or(0);
        generation.stop = request.field(|fields| fields.texts("stop"))?.unwrap_or(generation.stop);
        let asked = request.asked(text.as_deref())?;
        args.prompt.check(&asked)?;
        let composed = prompts().prompt(&asked)?;
        let constrained = constraint.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let of = (model, task);
        let (mut options, session) = prepared(&generation, &args.memory, of, (&composed, 0), seed, constrained)?;
        options.logprobs = true;
        let session = sessions.get(session, !args.memory.fixed())?;
        let generated = session.generate(&composed.prompt, &options, &mut |_| ControlFlow::Continue(()))?;
        let drawn = options.sampling.temperature > 0.0;
        let points = points(args, model, is_constrained);
        let found = points.map(|_| Found::of(model, &composed.prompt, &generated)).transpose()?.flatten();
        let seed = drawn.then_some(seed);
        let told = Told { composed: &composed, load: Duration::ZERO, seed, found, rationale: None };
        let joins = (!is_constrained).then_some(model.tokenizer());
        Ok(document(&generated, joins, &told))
    };
    batch::run(&args.batch, &settings, &KNOWN, (notes, interrupt), sessions, &answer)
}

/// How an answer is read for places: not one that is left as it is, nor one that is held to a form, of which nothing may be lost.
fn points<'m>(args: &Args, model: &'m Model, constrained: bool) -> Option<&'m Pointing> {
    model.pointing().filter(|_| !args.generation.keep_special && !constrained)
}

/// What a model is asked about a picture before all else (Huang et al. 2023, KOSMOS-1, section 4.6).
const INTRODUCE: &str = "Introduce this picture in detail:";
/// Tokens of that where neither the command line nor the model's file says.
const INTRODUCTION: usize = 128;
/// Positions that a text may take more where it is tokenised anew beside another.
const JOINED: usize = 16;

/// The question about what is seen, before the prompt itself.
struct Introduced {
    composed: Composed,
    options: GenerateOptions,
}

impl Introduced {
    fn of(
        args: &Args,
        (model, seed): (&Model, u64),
        prompts: &mut Prompts<'_>,
        asked: &Asked,
    ) -> Result<Self, Failure> {
        let composed = prompts.saying(asked, INTRODUCE)?;
        let positions = model.count(&model.compose(&composed.prompt)?);
        let mut options = args.generation.options(model.defaults(), positions, (&GREEDY, seed), None)?;
        let most = args.generation.max_new_tokens.unwrap_or(model.defaults().max_new_tokens.max(INTRODUCTION));
        options.max_new_tokens = most.min(model.room_behind(positions, args.memory.most(model)) / 2).max(1);
        options.beams = 1;
        Ok(Self { composed, options })
    }

    /// The answer, without blanks around it.
    fn said(&self, session: &mut Session, notes: &Notes) -> Result<String, Failure> {
        let (mut out, joins) = (Out::new(), None);
        let mut unseen = Answer::new(&mut out, joins, false);
        let generation = answer_to(&self.composed.prompt, session, &self.options, notes, &mut unseen)?;
        let text = generation.text.trim().to_owned();
        notes.line(format_args!("rationale: {}", output::harmless(&text)));
        Ok(text)
    }
}

/// The options of an answer to a prompt, and the session it needs, as the task or the model's file suggests. The prompt may become
/// longer by `ahead` positions.
fn prepared(
    generation: &GenerationArgs,
    memory: &MemoryArgs,
    (model, task): (&Model, Option<&Task>),
    (composed, ahead): (&Composed, usize),
    seed: u64,
    constraint: Option<Box<dyn Constraint>>,
) -> Result<(GenerateOptions, SessionOptions), Failure> {
    let items = model.compose(&composed.prompt)?;
    let positions = model.count(&items) + ahead;
    let file = task.map_or(model.defaults(), |task| &task.defaults);
    let mut options = generation.options(file, positions, (&GREEDY, seed), constraint)?;
    let suggested = file.max_new_tokens;
    // A task says how long its answers are.
    let suggested = if composed.templated && task.is_none() { suggested.max(ANSWER) } else { suggested };
    options.max_new_tokens = generation.max_new_tokens.unwrap_or(suggested);
    let room = model.room_behind(positions, memory.most(model));
    let new_tokens = options.max_new_tokens.min(room).max(1);
    let session = with_media(&items, memory.session(model.context_for(positions, new_tokens)));
    let session = SessionOptions { beams: options.beams, new_tokens, ..session };
    Ok((options, session))
}
