//! `--batch`: many requests, one model. A line of JSON asks, a line of JSON answers, in the same order and with the same
//! identifier; an error is an answer, too, and the next request is answered all the same.
//!
//! What a command makes of a request is its own business: it gives a function. Nothing that differs from run to run (times)
//! is in an answer, so that a batch that was interrupted anywhere and gone on with gives the same file, byte for byte.

mod answers;
mod requests;
mod sessions;

pub use requests::{Request, Requests};
pub use sessions::Sessions;

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::json_lines::Object;
use crate::output::{Notes, counted, time};
use crate::progress::Count;
use crate::prompt_args::{Asked, PromptArgs};
use answers::Answers;
use ocelli_engine::image::bytes_hash;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

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
fn shard(text: &str) -> Result<(usize, usize), String> {
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

/// What an answer's fields are made of a request's.
pub type Answer<'a> = dyn FnMut(&Request<'_>) -> Result<Map<String, Value>, Failure> + 'a;

/// Answers a batch. `settings` is all that decides answers besides the requests; `known` are the fields that are read.
pub fn run(
    args: &BatchArgs,
    settings: &str,
    known: &[&str],
    (notes, interrupt): (&Notes, &Interrupt),
    answer: &mut Answer<'_>,
) -> Result<(), Failure> {
    let Some(path) = &args.batch else { return Ok(()) };
    let mut requests = Requests::read(path, bytes_hash(settings.as_bytes()), known, notes)?;
    if let Some((part, of)) = args.shard {
        requests.shard(part, of);
    }
    let mut answers = Answers::open(args.output.as_deref(), args.resume, &requests)?;
    let (total, before) = (requests.len(), answers.done);
    if before > 0 {
        notes.line(format_args!("{before} of {} are there already", counted(total, "request")));
    }
    let progress = Count::new(notes, "requests", before, total);
    let stopped = loop {
        let at = answers.done;
        if at == total || args.fail_fast && answers.failed > 0 {
            break Ok(());
        }
        if interrupt.raised() {
            break Err(Failure::Interrupted);
        }
        let failed = if answers.failed > 0 { format!(", {} failed", answers.failed) } else { String::new() };
        progress.at(at, failed);
        let fields = match answer(&requests.get(at)) {
            Ok(fields) => fields,
            Err(failure @ Failure::Error { .. }) => error(failure, &requests.name, requests.line(at)),
            Err(other) => break Err(other),
        };
        let failed = fields.contains_key("error");
        let fields = serde_json::to_string(&fields).map_err(|e| Failure::new("output", e))?;
        let line = format!("{},{}", requests.answer(at), fields.strip_prefix('{').unwrap_or(&fields));
        if !answers.stays() {
            // The line may be on the same terminal.
            notes.clear();
        }
        if let Err(failure) = answers.write(&line, failed) {
            break Err(failure);
        }
    };
    notes.clear();
    let done = counted(answers.done - before, "request");
    notes.line(format_args!("{done} of {total} answered in {}", time(progress.took())));
    if let Err(failure) = stopped {
        if answers.stays() && matches!(failure, Failure::Interrupted) {
            notes.line(format_args!("{} of {total} are in the file: --resume goes on behind them", answers.done));
        }
        return Err(failure);
    }
    answers.finish()?;
    if answers.failed > 0 {
        let message = format_args!("{} of {} failed", answers.failed, counted(answers.done, "request"));
        let failure = Failure::new("batch", message);
        return Err(failure.with_hint("the lines with an \"error\" say why"));
    }
    Ok(())
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
