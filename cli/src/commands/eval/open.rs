//! `ocelli eval vqav2` and its kin: benchmarks whose answers are words.

use super::harness::{self, Asked, HarnessArgs};
use crate::eval::open::read::Folder;
use crate::eval::open::{BENCHMARKS, Benchmark, Kind, Open, Picture};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::{Notes, counted};
use crate::shot_args::ShotArgs;
use ocelli_engine::{Error, Model, Task};
use std::path::PathBuf;

pub const AFTER: &str = "\
EXAMPLES
  ocelli eval vqav2 --data vqa -m blip2.gguf --split val --limit 1000
  ocelli eval pope --data pope --images val2014 --split random
  ocelli eval coco-captions --data coco -m blip2.gguf --split test
  ocelli eval textvqa --data textvqa -m idefics.gguf \\
      --shots shots.jsonl --shot-select similar --shot-count 4
  ocelli eval easy-vqa --data easy_vqa --split test --json

Files are looked for under their published names; docs/evaluation.md lists them, and how answers count. The prompt is the one that the
model's makers used, where its file says so (vqa, caption), and otherwise the benchmark's. METEOR is not computed: it needs a
table of synonyms and a Java program.";

/// A benchmark and its options.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    harness: HarnessArgs,
    /// The questions: val, test, testdev, random, popular, … as the benchmark names them
    #[arg(long, value_name = "NAME", default_value = "val")]
    split: String,
    /// The folder of the pictures, where it is not within that of the files
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
    /// The wording, with {} where the question goes
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    wording: Option<String>,
    #[command(flatten)]
    shots: ShotArgs,
}

/// Asks the questions of a benchmark, by its name.
pub fn run(name: &str, args: &Args, interrupt: &Interrupt) -> Result<(), Failure> {
    let harness = &args.harness;
    let notes = Notes::new(harness.quiet);
    let Some(benchmark) = BENCHMARKS.iter().find(|benchmark| benchmark.name == name) else { return Ok(()) };
    notes.stage(format_args!("reading the questions"));
    let folder = Folder { data: &harness.data, split: &args.split, images: args.images.as_deref() };
    let items = folder.read(benchmark.name, &notes)?;
    if items.is_empty() {
        return Err(Failure::usage("data", format_args!("the split {} has no questions", args.split)));
    }
    let folders: Vec<PathBuf> = args.images.iter().chain([&harness.data]).cloned().collect();
    notes.line(format_args!("{} of {}", counted(items.len(), "question"), benchmark.name));
    let inside = |at: usize| match &items.get(at)?.image {
        Picture::Inside(text) => Some(text.as_str()),
        Picture::File(_) => None,
    };
    harness::run(harness, (&notes, interrupt), &inside, &|model, out| {
        if !model.takes_images() {
            return Err(Error::NoVision { images: items.len() }.into());
        }
        let of_task = of_makers(benchmark, model).filter(|_| args.wording.is_none() && !args.shots.any());
        let wording = match (&args.wording, of_task) {
            (Some(wording), _) => wording.clone(),
            (None, Some(task)) => task.words("{}"),
            (None, None) => benchmark.wording.to_owned(),
        };
        let raw = harness.writes_on(model)? && of_task.is_none();
        let shots = args.shots.read(model, &notes)?;
        let settings = format!("{wording:?} {:?} {}", of_task.map(|task| &task.name), args.shots.content()?);
        let task = Open { benchmark, items: items.clone(), folders: folders.clone(), wording, raw };
        let asked = Asked { model, task: &task, settings, shots, of_task };
        harness::answered(harness, asked, out, (&notes, interrupt))
    })
}

/// How the model's makers asked such questions.
fn of_makers<'m>(benchmark: &Benchmark, model: &'m Model) -> Option<&'m Task> {
    let name = match benchmark.kind {
        Kind::People | Kind::Exact if benchmark.name != "easy-vqa" => "vqa",
        Kind::Caption => "caption",
        _ => return None,
    };
    model.task(name).ok()
}
