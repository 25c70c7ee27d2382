//! What all benchmarks share: the questions of a task are a batch of requests, which is answered in order, gone on with where it
//! was interrupted and cut into parts as any other.
//!
//! A request is known by what it asks, and the run by the model, the settings and all its questions: a file of another run is
//! never gone on with, and parts of different runs are never put together. Pictures are known by their paths below the data's
//! folder, so that parts from different machines are of one run.

use super::ask::Asker;
use super::price::{self, Ran};
use super::report::{self, Inside};
use super::told;
use crate::batch::{self, Answers, Request, Requests, Sessions};
use crate::commands::run::GenerationArgs;
use crate::eval::lines::{Line, parse};
use crate::eval::summary::summary;
use crate::eval::{Said, Task};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::model_args::{MemoryArgs, ModelArgs};
use crate::output::{Notes, Out, counted};
use crate::recipe_args::mixes;
use crate::shot_args::Shots;
use clap::builder::RangedU64ValueParser;
use ocelli_convert::Output;
use ocelli_convert::quantize::Mix;
use ocelli_engine::Model;
use ocelli_engine::image::bytes_hash;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What every benchmark takes.
#[derive(clap::Args)]
pub struct HarnessArgs {
    /// The folder of the benchmark's files
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Ask the first N questions only
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    pub limit: Option<usize>,
    /// Write each answer to this file, a JSON object a line. Where the file has answers of this very run already, it is gone
    /// on with behind them
    #[arg(short, long, value_name = "FILE", visible_alias = "output")]
    pub out: Option<PathBuf>,
    /// Go on with the file of --out, which happens anyway: 'ocelli run --batch' has this option, too
    #[arg(long, requires = "out", hide = true)]
    resume: bool,
    /// Ask only part I of N of the questions, I from 1 to N; 'ocelli eval merge' puts the files of the parts together
    #[arg(long, value_name = "I/N", value_parser = batch::shard)]
    shard: Option<(usize, usize)>,
    /// Ask N questions at the same time: weights are read once for all that go through the model together. Each needs its own keys
    /// and values, and log-probabilities may differ in their last digits from those of one at a time
    #[arg(long, value_name = "N", default_value_t = 1, hide_default_value = true,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=64))]
    pub parallel: usize,
    /// Leave the file's chat template out: the model goes on with the prompt as it is
    #[arg(long)]
    pub raw: bool,
    /// What the model is told before each question, by its chat template
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true, conflicts_with = "raw")]
    pub system: Option<String>,
    #[command(flatten)]
    pub generation: GenerationArgs,
    #[command(flatten)]
    pub model: ModelArgs,
    #[command(flatten)]
    pub memory: MemoryArgs,
    /// Ask another model, too, and tell how its answers differ; once for each
    #[arg(long, value_name = "FILE", help_heading = "Comparing")]
    against: Vec<PathBuf>,
    /// Ask the model in these types, too, such as q8_0,q4_k_m,q4_0: what a type costs. Each file is made beside that of --out, or
    /// where temporary files are, and removed again
    #[arg(long, value_name = "TYPE,…", value_delimiter = ',', value_parser = mixes(), ignore_case = true,
        help_heading = "Comparing")]
    types: Vec<Mix>,
    /// Write a page with all of it: one file, which needs no network
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    html: Option<PathBuf>,
    /// Print one JSON object, the summary
    #[arg(long, help_heading = "Output")]
    pub json: bool,
    /// No notes on standard error
    #[arg(short, long, help_heading = "Output")]
    pub quiet: bool,
}

impl HarnessArgs {
    /// Of all that is drawn: the one given, or zero, so that a run that is gone on with draws the same.
    pub fn seed(&self) -> u64 {
        self.generation.given_seed().unwrap_or(0)
    }

    /// Whether the model goes on with texts as they are.
    pub fn writes_on(&self, model: &Model) -> Result<bool, Failure> {
        Ok(self.raw || ocelli_engine::chat::ChatTemplate::from_gguf(model.file())?.is_none())
    }
}

/// What is asked of which model.
pub struct Asked<'a> {
    pub model: &'a Model,
    pub task: &'a dyn Task,
    /// What of the task's arguments decides answers beside the questions themselves.
    pub settings: String,
    /// Demonstrations as the model's file words them.
    pub shots: Option<Shots>,
    /// How the model's makers had such answers generated.
    pub of_task: Option<&'a ocelli_engine::Task>,
}

/// How a command asks a model: with answers in this file.
pub type Ask<'a> = dyn Fn(&Model, Option<&Path>) -> Result<Vec<Line>, Failure> + 'a;

/// Asks a model, and the others that it is compared with, and prints what the answers are worth. `inside` has the pictures that are
/// no files.
pub fn run(
    args: &HarnessArgs,
    (notes, interrupt): (&Notes, &Interrupt),
    inside: &Inside<'_>,
    ask: &Ask<'_>,
) -> Result<(), Failure> {
    args.model.file.check()?;
    if let Some(out) = args.out.as_deref().filter(|out| out.as_os_str() == "-" || out.exists() && !out.is_file()) {
        let what = format_args!("--out {}: answers go into a file, which is read again at the end", out.display());
        return Err(Failure::usage("usage", what).with_hint("the summary is what standard output has"));
    }
    if args.shard.is_some() && !(args.against.is_empty() && args.types.is_empty()) {
        return Err(Failure::usage("usage", "models are compared on all questions, not on those of a part"));
    }
    check_outputs(args)?;
    let first = asked(args, (&args.model, None, false), args.out.as_deref(), notes, ask)?;
    let errors = first.lines.iter().filter(|line| line.fields.contains_key("error")).count();
    if errors == first.lines.len() {
        let told = |line: &Line| line.fields.get("error")?.get("message")?.as_str().map(str::to_owned);
        let first = first.lines.first().and_then(told).unwrap_or_default();
        return Err(Failure::new("eval", format_args!("no question could be asked; the first: {first}")));
    }
    let mut all = vec![first];
    for path in &args.against {
        let name = path.display().to_string();
        let model = args.model.other(path);
        let out = args.out.as_deref().map(|out| price::beside(out, &stem(path), "jsonl"));
        all.push(asked(args, (&model, Some(&name), false), out.as_deref(), notes, ask)?);
    }
    for mix in &args.types {
        let own = args.model.file.path().ok_or_else(|| {
            Failure::usage("usage", "--types makes other files of a model's: the one in the program has none")
        })?;
        let temporary = std::env::temp_dir().join(format!("ocelli-eval-{}", std::process::id()));
        let near = args.out.clone().unwrap_or(temporary);
        interrupt.is_polled();
        let made = price::in_type(&own, *mix, &near, (notes, interrupt))?;
        let out = args.out.as_deref().map(|out| price::beside(out, mix.name(), "jsonl"));
        let ran = asked(args, (&args.model.other(&made), Some(mix.name()), all[0].sees), out.as_deref(), notes, ask);
        let _ = std::fs::remove_file(&made);
        all.push(ran?);
    }
    let seed = args.seed();
    let rows = if all.len() > 1 { price::rows(&all, seed)? } else { Vec::new() };
    if let Some(path) = &args.html {
        notes.stage(format_args!("writing the page"));
        report::write(path, (&all, &rows, seed), inside, interrupt)?;
    }
    let mut told = summary(&all[0].lines, seed);
    if args.json && !rows.is_empty() {
        told.insert("models".to_owned(), rows.iter().cloned().map(Value::Object).collect());
    }
    notes.clear();
    told::object(&told, args.json)?;
    if !args.json && !rows.is_empty() {
        let mut out = Out::new();
        price::table(&mut out, &rows)?;
        out.flush()?;
    }
    Ok(())
}

/// A file's name without its end.
fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Refuses models whose answers would go into the same file, and a page that cannot be written, before anything is asked.
fn check_outputs(args: &HarnessArgs) -> Result<(), Failure> {
    let types = args.types.iter().map(|mix| mix.name().to_owned());
    let mut names: Vec<String> = args.against.iter().map(|path| stem(path)).chain(types).collect();
    names.sort();
    if let Some([name, _]) = names.array_windows().find(|[one, other]| one == other) {
        let what = format_args!("two of the compared models are called {name:?}, as their answers' files would be");
        return Err(Failure::usage("usage", what).with_hint("give one of the files another name"));
    }
    match &args.html {
        Some(html) => {
            let out = Output::of_argument(html);
            out.check(true, &[]).map_err(|error| Failure::writing(out, error))
        }
        None => Ok(()),
    }
}

/// Asks one model, which is to see where `sees`, and takes the time.
fn asked(
    args: &HarnessArgs,
    (model, name, sees): (&ModelArgs, Option<&str>, bool),
    out: Option<&Path>,
    notes: &Notes,
    ask: &Ask<'_>,
) -> Result<Ran, Failure> {
    notes.stage(format_args!("loading"));
    let opened = model.open(args.quiet)?;
    let model = &opened.model;
    args.memory.note_context(model, notes);
    if sees && !model.takes_images() {
        let what = format_args!("{} has no eyes, the first model has", opened.name);
        return Err(Failure::usage("no-vision", what).with_hint("name the second file of a pair with --mmproj"));
    }
    let plan = model.plan(&args.memory.session(model.context().min(PLANNED)))?;
    let before = out.and_then(|out| std::fs::metadata(out).ok()).map_or(0, |data| data.len());
    let (start, energy) = (Instant::now(), price::energy());
    let lines = ask(model, out)?;
    let after = out.and_then(|out| std::fs::metadata(out).ok()).map_or(1, |data| data.len());
    let (took, joules) = (start.elapsed(), price::energy().zip(energy).map(|(now, then)| now - then));
    // Of a run that was gone on with neither is known.
    let fresh = before == 0 && after > 0;
    Ok(Ran {
        name: name.unwrap_or(&opened.name).to_owned(),
        sees: model.takes_images(),
        lines,
        bytes: plan.mapped,
        memory: plan.anonymous(),
        took: fresh.then_some(took),
        joules: joules.filter(|joules| fresh && *joules >= 0.0),
    })
}

/// Positions that memory is told for.
const PLANNED: usize = 1024;

/// The answers to a task's questions, those that were there before included.
pub fn answered(
    args: &HarnessArgs,
    Asked { model, task, settings, shots, of_task }: Asked<'_>,
    out: Option<&Path>,
    (notes, interrupt): (&Notes, &Interrupt),
) -> Result<Vec<Line>, Failure> {
    let count = task.len().min(args.limit.unwrap_or(usize::MAX));
    let settings = format!(
        "eval {} {:032x} {:?} {} {} {:?} {settings}",
        task.name(),
        model.identity(),
        args.generation,
        args.memory.content(),
        args.raw,
        args.system,
    );
    let questions = questions(task, count)?;
    // Before any question is left to another part.
    let run = bytes_hash(&[bytes_hash(settings.as_bytes()), bytes_hash(&questions)].map(u128::to_le_bytes).concat());
    let name = format!("{} of {}", task.name(), args.data.display());
    let mut requests = Requests::of(name, &args.data, questions, run, &["at", "asks"], notes)?;
    if let Some((part, of)) = args.shard {
        requests.shard(part, of);
    }
    let answers = match out {
        Some(path) => Answers::open(Some(path), true, &requests)?,
        None => Answers::kept(),
    };
    let shown = task.shown_pictures();
    let pictures = shots.as_ref().map_or((shown, shown), Shots::pictures);
    let sessions = Sessions::new(model, pictures, (args.memory.limited(), args.memory.fixed()), args.parallel)?;
    let asker = Asker::new(args, (model, task), (shots, of_task))?;
    #[allow(clippy::cast_possible_truncation)]
    let run = format!("{:016x}", run as u64);
    let answer = |request: &Request<'_>, sessions: &mut Sessions<'_>| {
        let at = request.field(|fields| fields.number("at", 0..=count.saturating_sub(1) as u64))?.unwrap_or(0);
        let at = usize::try_from(at).unwrap_or(0);
        let mut line = Map::new();
        let mut put = |name: &str, value: Value| line.insert(name.to_owned(), value);
        put("number", json!(at + 1));
        put("of", json!(count));
        put("run", json!(run));
        put("task", json!(task.name()));
        match one((&asker, sessions), task, at, &mut line) {
            Ok(()) => {}
            Err(Failure::Error { code, message, .. }) => {
                line.insert("answer".to_owned(), task.answer(at));
                if task.counts_each() {
                    line.insert("correct".to_owned(), json!(false));
                }
                line.insert("error".to_owned(), json!({ "code": code, "message": message }));
            }
            Err(other) => return Err(other),
        }
        line.extend(task.about(at));
        Ok(line)
    };
    let answers = batch::drive(&requests, answers, false, (notes, interrupt), sessions, &answer)?;
    let (lines, _) = parse("the answers", &answers.bytes()?)?;
    let errors = lines.iter().filter(|line| line.fields.contains_key("error")).count();
    if errors > 0 {
        let errors = counted(errors, "question");
        notes.line(format_args!("{errors} could not be asked and count as unanswered; their lines have an \"error\""));
    }
    Ok(lines)
}

/// The questions, a line of JSON each: their identifiers, and hashes of what is asked and what is right.
fn questions(task: &dyn Task, count: usize) -> Result<Vec<u8>, Failure> {
    let folders = task.folders();
    let mut lines = Vec::new();
    for at in 0..count {
        let reasons = task.reasons(at)?.map(|ask| ask.content(&folders));
        let asks = format!("{reasons:?} {} {}", task.ask(at, None)?.content(&folders), task.answer(at));
        let asks = format!("{:016x}", bytes_hash(asks.as_bytes()));
        lines.extend_from_slice(json!({ "id": task.id(at), "at": at, "asks": asks }).to_string().as_bytes());
        lines.push(b'\n');
    }
    Ok(lines)
}

/// Asks one question; what is known before something fails stays in the line.
fn one(
    (asker, sessions): (&Asker<'_>, &mut Sessions<'_>),
    task: &dyn Task,
    at: usize,
    line: &mut Map<String, Value>,
) -> Result<(), Failure> {
    let mut rationale = None;
    if let Some(ask) = task.reasons(at)? {
        line.insert("rationale_prompt".to_owned(), json!(ask.shown()));
        if let (Said::Text(text), _) = asker.answer(&ask, sessions)? {
            line.insert("rationale".to_owned(), json!(text));
            rationale = Some(text);
        }
    }
    let ask = task.ask(at, rationale.as_deref())?;
    line.insert("prompt".to_owned(), json!(ask.shown()));
    let (said, finish) = asker.answer(&ask, sessions)?;
    line.extend(task.judge(at, &said));
    if let Some(finish) = finish {
        line.insert("finish".to_owned(), json!(finish));
    }
    Ok(())
}
