//! `ocelli match`: how well pictures and texts go together, by a model that compares them.

use crate::batch::{self, BatchArgs, Request, Sessions};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::model_args::{BudgetArgs, ModelArgs};
use crate::output::{Notes, Out, number};
use crate::picture_args;
use crate::read::picture;
use ocelli_engine::image::Picture;
use ocelli_engine::{Error, Event, Match};
use serde_json::{Map, Value, json};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

const AFTER: &str = "\
EXAMPLES
  ocelli match itm.gguf -i cat.png --text 'a cat' --text 'a dog'
  ocelli match itm.gguf -i cat.png -i dog.png --text 'a cat' --json
  ocelli match itm.gguf --batch pairs.jsonl -o matches.jsonl

Models that can are BLIP-2's first stage, such as Salesforce/blip2-itm-vit-g: 'ocelli convert' makes a file of it.

Every picture is compared with every text in two ways. \"itm\" is the probability that the two belong together, found by
looking at both at once: it tells finer differences. \"itc\" is the cosine of what is made of each by itself, the greatest
of the picture's rows: it is what 'ocelli embed' gives the parts of, and quick for many. For each picture the table has the
likeliest text first. With --json standard output is one object, pictures and texts being counted from 0 as they were given:
  {\"pairs\": [{\"image\", \"text\", \"itm\", \"itc\"}]}

With --batch each line of FILE asks: {\"image\" or \"images\", \"text\" or \"texts\", \"id\"}; --text holds for lines without
their own. Each line of the output answers: {\"id\", \"request\", \"pairs\"}, or {\"id\", \"request\", \"error\": {\"code\",
\"message\", \"line\"}}; \"request\" is a hash that --resume looks at. The exit code is 1 if a request failed.";

/// How well pictures and texts go together
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// A picture: PNG, JPEG, WebP, BMP, TIFF or a GIF's first frame; once for each picture; '-' is standard input
    #[arg(short, long, value_name = "PATH", required_unless_present = "batch")]
    image: Vec<PathBuf>,
    /// A text; once for each
    #[arg(long, value_name = "TEXT", required_unless_present = "batch", allow_hyphen_values = true)]
    text: Vec<String>,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    memory: BudgetArgs,
    #[command(flatten)]
    batch: BatchArgs,
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
    notes.stage(format_args!("loading"));
    let model = args.model.open(args.quiet)?.model;
    model.compares().ok_or(Error::NoMatching)?;
    let limits = model.image_limits();
    let pictures = args.image.iter().map(|path| picture(path, &limits)).collect::<Result<Vec<_>, _>>()?;
    let texts: Vec<&str> = args.text.iter().map(String::as_str).collect();
    let mut session = model.session(&args.memory.session())?;
    interrupt.cancels(session.cancel_handle());
    let found = session.match_texts(&pictures, &texts, &mut |event| {
        match event {
            Event::Image { index, count } => notes.stage(format_args!("matching image {}/{count}", index + 1)),
            Event::Within { done, total } => notes.within(done, total),
            Event::Prefill { .. } | Event::Piece(_) => {}
        }
        ControlFlow::Continue(())
    });
    notes.clear();
    let mut found = found?;
    let mut out = Out::new();
    if args.json {
        return out.json(&pairs(&found).into());
    }
    found.sort_by(|a, b| a.image.cmp(&b.image).then(b.itm.total_cmp(&a.itm)));
    out.line(format_args!("{:>8}  {:>8}  image and text", "itm", "itc"))?;
    for Match { image, text, itm, itc, .. } in found {
        let (image, text) = (args.image[image].display(), texts[text]);
        out.line(format_args!("{itm:>8.4}  {itc:>8.4}  {image}  {text:?}"))?;
    }
    out.flush()
}

/// Matches a batch.
fn answers(args: &Args, notes: &Notes, interrupt: &Interrupt) -> Result<(), Failure> {
    const KNOWN: [&str; 4] = ["image", "images", "text", "texts"];
    notes.stage(format_args!("loading"));
    let model = &args.model.open(args.quiet)?.model;
    model.compares().ok_or(Error::NoMatching)?;
    let read = picture_args::options();
    let settings = format!("match {:032x} {:?} {read:?}", model.identity(), args.text);
    let sessions = Sessions::new(model, (0, 0), (args.memory.limited(), true), 1)?;
    let answer = |request: &Request<'_>, sessions: &mut Sessions<'_>| {
        let own = request.field(|fields| match (fields.text("text")?, fields.texts("texts")?) {
            (Some(_), Some(_)) => Err("either \"text\" or \"texts\"".to_owned()),
            (Some(text), None) => Ok(vec![text]),
            (None, Some(texts)) if texts.is_empty() => Err("no text in \"texts\"".to_owned()),
            (None, Some(texts)) => Ok(texts),
            (None, None) if args.text.is_empty() => Err("no \"text\" or \"texts\", and none by --text".to_owned()),
            (None, None) => Ok(args.text.clone()),
        })?;
        let texts: Vec<&str> = own.iter().map(String::as_str).collect();
        let images = request.images()?;
        if images.is_empty() {
            return Err(Failure::new("request", "no \"image\" or \"images\""));
        }
        let limits = model.image_limits();
        let pictures: Vec<Arc<Picture>> = images.iter().map(|path| picture(path, &limits)).collect::<Result<_, _>>()?;
        let session = sessions.get(args.memory.session(), false)?;
        let found = session.match_texts(&pictures, &texts, &mut |_| ControlFlow::Continue(()))?;
        Ok(pairs(&found))
    };
    batch::run(&args.batch, &settings, &KNOWN, (notes, interrupt), sessions, &answer)
}

/// All pairs.
fn pairs(found: &[Match]) -> Map<String, Value> {
    let pair = |m: &Match| json!({ "image": m.image, "text": m.text, "itm": number(m.itm), "itc": number(m.itc) });
    Map::from_iter([("pairs".to_owned(), found.iter().map(pair).collect())])
}
