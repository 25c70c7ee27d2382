//! `--batch`: many requests, one model. A line of JSON asks, a line of JSON answers, in the same order and with the same
//! identifier; an error is an answer, too, and the next request is answered all the same.
//!
//! What a command makes of a request is its own business: it gives a function. Nothing that differs from run to run (times)
//! is in an answer, so that a batch that was interrupted anywhere and gone on with gives the same file, byte for byte.

mod answers;
mod requests;
mod sessions;

pub use answers::Answers;
pub use requests::{Request, Requests};
pub use sessions::Sessions;

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::json_lines::Object;
use crate::output::{Notes, counted, time};
use crate::progress::Count;
use crate::prompt_args::{Asked, PromptArgs};
use clap::builder::RangedU64ValueParser;
use ocelli_engine::Passes;
use ocelli_engine::image::bytes_hash;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Most pictures of a request: they are in memory together.
const PICTURES: usize = 256;

/// Many requests.
#[derive(clap::Args)]
#[command(next_help_heading = "Batch")]
pub struct BatchArgs {
    /// Answer many requests: a JSON object a line, '-' for standard input, with "prompt", "image" or "images", "video" or
    /// "videos" (paths start where the file is) and any "id", without which the line's number is one. The arguments hold for
    /// all lines that do not say otherwise. Answers are JSON lines in the same order; a request that fails has an "error"
    #[arg(long, value_name = "FILE", conflicts_with = "image")]
    batch: Option<PathBuf>,
    /// Write the answers of a batch to this file; without it, or with '-', to standard output
    #[arg(short, long, value_name = "FILE", requires = "batch")]
    output: Option<PathBuf>,
    /// Go on with the file that an interrupted batch has left; the whole file is then as if nothing had happened
    #[arg(long, requires = "output")]
    resume: bool,
    /// Answer only part I of N of the requests, I from 1 to N; the parts' files one behind the other are the whole
    #[arg(long, value_name = "I/N", requires = "batch", value_parser = shard)]
    shard: Option<(usize, usize)>,
    /// End with the first request that fails
    #[arg(long, requires = "batch")]
    fail_fast: bool,
}

/// `I/N`.
pub fn shard(text: &str) -> Result<(usize, usize), String> {
    let parts = text.split_once('/').and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
    match parts {
        Some((part, of)) if 1 <= part && part <= of => Ok((part, of)),
        _ => Err("expected I/N, such as 1/4 for the first of four parts".to_owned()),
    }
}

impl BatchArgs {
    /// Whether this is a batch.
    pub fn given(&self) -> bool {
        self.batch.is_some()
    }

    /// Whether standard input has the requests.
    pub fn reads_standard_input(&self) -> bool {
        self.batch.as_deref().is_some_and(|path| path.as_os_str() == "-")
    }

    /// The text of lines that have none.
    pub fn text(&self, prompt: &PromptArgs) -> Result<Option<String>, Failure> {
        match prompt.reads_standard_input().filter(|_| self.reads_standard_input()) {
            Some(flag) => {
                let what = format_args!("{flag} cannot read standard input, which --batch does");
                Err(Failure::usage("standard-input", what))
            }
            None => prompt.text(),
        }
    }
}

/// Requests at the same time.
#[derive(clap::Args)]
#[command(next_help_heading = "Batch")]
pub struct ParallelArgs {
    /// Answer N requests of a batch at the same time: weights are read once for all that go through the model together. Each of
    /// them needs its own keys and values, and log-probabilities may differ in their last digits from those of one at a time
    #[arg(long, value_name = "N", requires = "batch", default_value_t = 1, hide_default_value = true,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=64))]
    pub parallel: usize,
}

/// What an answer's fields are made of a request's.
pub type Answer<'a> = dyn Fn(&Request<'_>, &mut Sessions<'_>) -> Result<Map<String, Value>, Failure> + Sync + 'a;

/// Answers a batch. `settings` is all that decides answers besides the requests; `known` are the fields that are read.
pub fn run(
    args: &BatchArgs,
    settings: &str,
    known: &[&str],
    (notes, interrupt): (&Notes, &Interrupt),
    sessions: Sessions<'_>,
    answer: &Answer<'_>,
) -> Result<(), Failure> {
    let Some(path) = &args.batch else { return Ok(()) };
    let mut requests = Requests::read(path, bytes_hash(settings.as_bytes()), known, notes)?;
    if let Some((part, of)) = args.shard {
        requests.shard(part, of);
    }
    let answers = Answers::open(args.output.as_deref(), args.resume, &requests)?;
    let answers = drive(&requests, answers, args.fail_fast, (notes, interrupt), sessions, answer)?;
    if answers.failed > 0 {
        let message = format_args!("{} of {} failed", answers.failed, counted(answers.done, "request"));
        let failure = Failure::new("batch", message);
        return Err(failure.with_hint("the lines with an \"error\" say why"));
    }
    Ok(())
}

/// Answers those requests that have no answer yet, as many at the same time as there are `sessions` for.
pub fn drive(
    requests: &Requests,
    answers: Answers,
    fail_fast: bool,
    (notes, interrupt): (&Notes, &Interrupt),
    sessions: Sessions<'_>,
    answer: &Answer<'_>,
) -> Result<Answers, Failure> {
    let (total, before) = (requests.len(), answers.done);
    if answers.torn {
        notes.line(format_args!("the last line of the file was cut off by what interrupted it: it is answered anew"));
    }
    if before > 0 {
        notes.line(format_args!("{before} of {} are there already", counted(total, "request")));
    }
    let progress = Count::new(notes, "requests", before, total);
    let (workers, cancels) = sessions.each();
    interrupt.cancels_all(cancels);
    let next = before;
    let lines = Lines {
        requests,
        answers,
        progress,
        notes,
        fail_fast,
        next,
        early: BTreeMap::new(),
        stopped: None,
        passes: None,
    };
    let lines = Mutex::new(lines);
    let work = |sessions: Sessions<'_>| answer_all(requests, sessions, &lines, interrupt, answer);
    let mut workers = workers.into_iter();
    let own = workers.next();
    thread::scope(|scope| {
        for (number, sessions) in workers.enumerate() {
            let name = format!("request-{number}");
            // One that cannot be started is one fewer.
            let _ = thread::Builder::new().name(name).spawn_scoped(scope, || work(sessions));
        }
        own.into_iter().for_each(work);
    });
    let Lines { answers, progress, stopped, passes, .. } = lines.into_inner().unwrap_or_else(PoisonError::into_inner);
    notes.clear();
    let done = counted(answers.done - before, "request");
    notes.line(format_args!("{done} of {total} answered in {}", time(progress.took())));
    if let Some(Passes { passes, requests, rows, .. }) = passes {
        notes.line(format_args!("{requests} times the model was asked for, in {passes} passes of {rows} rows"));
    }
    if let Some(failure) = stopped {
        if answers.stays() && matches!(failure, Failure::Interrupted) {
            notes.line(format_args!("{} of {total} are in the file: --resume goes on behind them", answers.done));
        }
        return Err(failure);
    }
    answers.finish()?;
    Ok(answers)
}

/// Answers requests that nobody has begun, until there are none or all is to stop.
fn answer_all(
    requests: &Requests,
    mut sessions: Sessions<'_>,
    lines: &Mutex<Lines<'_>>,
    interrupt: &Interrupt,
    answer: &Answer<'_>,
) {
    let lines = || lines.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let next = lines().begin(interrupt);
        let Some(at) = next else {
            let passes = sessions.passes();
            // All of them count all.
            let mut lines = lines();
            if passes.is_some_and(|own| lines.passes.is_none_or(|most| own.passes > most.passes)) {
                lines.passes = passes;
            }
            return;
        };
        let answered = answer(&requests.get(at), &mut sessions);
        lines().end(at, answered);
    }
}

/// Lines on their way to where answers go, in the order of the requests.
struct Lines<'a> {
    requests: &'a Requests,
    answers: Answers,
    progress: Count<'a>,
    notes: &'a Notes,
    fail_fast: bool,
    /// The first request that nobody has begun.
    next: usize,
    /// Those that are answered before one that comes earlier, and whether they failed.
    early: BTreeMap<usize, (String, bool)>,
    /// Why no more are answered.
    stopped: Option<Failure>,
    /// What went through the model together.
    passes: Option<Passes>,
}

impl Lines<'_> {
    /// Whether no more are to be begun.
    fn ends(&self) -> bool {
        self.stopped.is_some() || self.fail_fast && self.answers.failed > 0
    }

    /// A request that is to be answered.
    fn begin(&mut self, interrupt: &Interrupt) -> Option<usize> {
        if self.ends() || self.next == self.requests.len() {
            return None;
        }
        if interrupt.raised() {
            self.stopped = Some(Failure::Interrupted);
            return None;
        }
        let failed = if self.answers.failed > 0 { format!(", {} failed", self.answers.failed) } else { String::new() };
        self.progress.at(self.answers.done, failed);
        self.next += 1;
        Some(self.next - 1)
    }

    /// Writes an answer, unless an earlier one is missing; then that one does.
    fn end(&mut self, at: usize, answered: Result<Map<String, Value>, Failure>) {
        let fields = match answered {
            Ok(fields) => fields,
            Err(failure @ Failure::Error { .. }) => error(failure, &self.requests.name, self.requests.line(at)),
            Err(other) => return self.stop(other),
        };
        let failed = fields.contains_key("error");
        match serde_json::to_string(&fields) {
            Ok(fields) => {
                let line = format!("{},{}", self.requests.answer(at), fields.strip_prefix('{').unwrap_or(&fields));
                self.early.insert(at, (line, failed));
            }
            Err(e) => return self.stop(Failure::new("output", e)),
        }
        while !self.ends()
            && let Some((line, failed)) = self.early.remove(&self.answers.done)
        {
            if !self.answers.stays() {
                // The line may be on the same terminal.
                self.notes.clear();
            }
            if let Err(failure) = self.answers.write(&line, failed) {
                self.stop(failure);
            }
        }
    }

    fn stop(&mut self, failure: Failure) {
        self.stopped.get_or_insert(failure);
    }
}

/// A failure as an answer.
fn error(failure: Failure, file: &str, line: usize) -> Map<String, Value> {
    let failure = failure.in_line(file, line);
    let code = failure.code().unwrap_or_default().to_owned();
    let error = json!({ "code": code, "message": failure.message(), "line": line });
    Map::from_iter([("error".to_owned(), error)])
}

impl Request<'_> {
    /// The fields, if it has any.
    pub fn fields(&self) -> Result<&Object<'_>, Failure> {
        self.fields.as_ref().map_err(wrong)
    }

    /// A field of it.
    pub fn field<T>(&self, read: impl FnOnce(&Object<'_>) -> Result<T, String>) -> Result<T, Failure> {
        read(self.fields()?).map_err(wrong)
    }

    /// The pictures that it names.
    pub fn images(&self) -> Result<Vec<PathBuf>, Failure> {
        let images = self.paths("image", "images")?;
        if images.len() > PICTURES {
            return Err(wrong(format!("{} images, a request has at most {PICTURES}", images.len())));
        }
        Ok(images)
    }

    /// The paths under one name or the other, from the file's folder on.
    fn paths(&self, one: &str, many: &str) -> Result<Vec<PathBuf>, Failure> {
        let paths = self.field(|fields| match (fields.text(one)?, fields.texts(many)?) {
            (Some(_), Some(_)) => Err(format!("either \"{one}\" or \"{many}\"")),
            (Some(path), None) => Ok(vec![path]),
            (None, paths) => Ok(paths.unwrap_or_default()),
        })?;
        Ok(paths.into_iter().map(|path| self.folder.join(path)).collect())
    }

    /// What it shows and says; a text that it does not have is `text`.
    pub fn asked(&self, text: Option<&str>) -> Result<Asked, Failure> {
        let (images, videos) = (self.images()?, self.paths("video", "videos")?);
        let text = self.field(|fields| fields.text("prompt"))?.or_else(|| text.map(str::to_owned));
        let text = text.ok_or_else(|| wrong("no \"prompt\", and none by --prompt; an empty one is said as \"\""))?;
        Ok(Asked::of(images, videos, text))
    }
}

/// A line that is no request.
fn wrong(what: impl std::fmt::Display) -> Failure {
    Failure::new("request", what)
}
