//! `ocelli convert`: a released checkpoint becomes one model file.

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::{Notes, Out, counted, size, time};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ocelli_convert::{ConvertError, Options, Progress, Report};
use ocelli_quant::TensorType;
use std::cell::Cell;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const AFTER: &str = "\
EXAMPLES
  ocelli convert ./blip2-opt-2.7b -o blip2.gguf
  ocelli convert ./blip2-opt-2.7b -o blip2-q4.gguf --type q4_k
  ocelli convert ./checkpoint --tokenizer ./opt-2.7b -o model.gguf --type f16

The output appears under its name only when it is complete. Interrupting leaves nothing behind.";

/// Convert a Hugging Face checkpoint directory to one model file
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// The directory with config.json and the safetensors files
    #[arg(value_name = "SRC")]
    source: PathBuf,
    /// The model file to write
    #[arg(short, long, value_name = "OUT.gguf")]
    output: PathBuf,
    /// How matrices are stored
    #[arg(long = "type", value_name = "TYPE", default_value = "q8_0", value_parser = types())]
    ty: TensorType,
    /// Another directory for the tokenizer files
    #[arg(long, value_name = "DIR")]
    tokenizer: Option<PathBuf>,
    /// The model family; without it config.json decides
    #[arg(long, value_name = "NAME")]
    family: Option<String>,
    /// Refuse to replace the output if it exists
    #[arg(long)]
    no_clobber: bool,
    /// No progress and no summary
    #[arg(short, long)]
    quiet: bool,
}

fn types() -> impl TypedValueParser<Value = TensorType> {
    PossibleValuesParser::new(TensorType::ALL.into_iter().filter(|ty| ty.can_encode()).map(TensorType::name))
        .map(|name| TensorType::ALL.into_iter().find(|ty| ty.name() == name).unwrap_or(TensorType::Q8_0))
}

pub fn run(args: &Args, interrupt: &Interrupt) -> Result<(), Failure> {
    interrupt.is_polled();
    let mut options = Options::new(args.ty);
    options.family.clone_from(&args.family);
    options.tokenizer.clone_from(&args.tokenizer);
    options.overwrite = !args.no_clobber;
    let watch = Watch::new(Notes::new(args.quiet), interrupt.clone());
    let start = Instant::now();
    let result = ocelli_convert::convert(&args.source, &args.output, &options, &watch);
    watch.bar.finish_and_clear();
    let report = result.map_err(|e| match e {
        ConvertError::Cancelled => Failure::Interrupted,
        e => Failure::new(e.code(), e),
    })?;
    if args.quiet { Ok(()) } else { summary(args, &report, start.elapsed()) }
}

fn summary(args: &Args, report: &Report, took: Duration) -> Result<(), Failure> {
    let mut out = Out::new();
    out.line(format_args!(
        "{}: {}, {} from {} in {}",
        args.output.display(),
        counted(report.tensors, "tensor"),
        size(report.bytes_out),
        size(report.bytes_in),
        time(took)
    ))?;
    let fallbacks: Vec<String> =
        report.fallbacks.iter().map(|(name, wanted, used)| format!("{name}: {used} instead of {wanted}")).collect();
    list(&mut out, "stored in another type, because their rows are no whole blocks", &fallbacks)?;
    list(&mut out, "of the checkpoint are not needed", &report.skipped)?;
    for note in &report.notes {
        out.line(format_args!("note: {note}"))?;
    }
    out.flush()
}

/// How many, and the first few of them.
fn list(out: &mut Out, what: &str, tensors: &[String]) -> Result<(), Failure> {
    const SHOWN: usize = 6;
    if tensors.is_empty() {
        return Ok(());
    }
    out.line(format_args!("{} {what}:", counted(tensors.len(), "tensor")))?;
    for tensor in tensors.iter().take(SHOWN) {
        out.line(format_args!("  {tensor}"))?;
    }
    match tensors.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => out.line(format_args!("  … and {more} more")),
    }
}

/// A bar for whoever watches a terminal, for logs a line now and then.
struct Watch {
    notes: Notes,
    interrupt: Interrupt,
    bar: ProgressBar,
    total: Cell<u64>,
    done: Cell<u64>,
    /// Tenths and time of the last line.
    last: Cell<(u64, Instant)>,
}

impl Watch {
    /// The shortest and the longest time between two lines of a log.
    const PAUSE: Duration = Duration::from_secs(2);
    const SILENCE: Duration = Duration::from_secs(10);

    fn new(notes: Notes, interrupt: Interrupt) -> Self {
        let bar = if notes.live() { ProgressBar::new(0) } else { ProgressBar::hidden() };
        let last = Cell::new((0, Instant::now()));
        Self { notes, interrupt, bar, total: Cell::new(0), done: Cell::new(0), last }
    }
}

impl Progress for Watch {
    fn start(&self, total_bytes: u64) {
        self.total.set(total_bytes);
        if self.notes.live() {
            let template =
                "{bar:32} {binary_bytes}/{binary_total_bytes}  {binary_bytes_per_sec}  {eta} left  {wide_msg}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                self.bar.set_style(style);
            }
            self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
            self.bar.set_length(total_bytes);
        }
    }

    fn advance(&self, bytes: u64, tensor: &str) {
        self.done.set(self.done.get().saturating_add(bytes));
        if self.notes.live() {
            self.bar.inc(bytes);
            // Only when it changes: a message is allocated, and chunks are many.
            if self.bar.message() != tensor {
                self.bar.set_message(tensor.to_owned());
            }
            return;
        }
        let (done, total) = (self.done.get(), self.total.get());
        let tenths = done.saturating_mul(10).checked_div(total).unwrap_or(10);
        let (before, when) = self.last.get();
        let silent = when.elapsed();
        if tenths > before && silent >= Self::PAUSE || silent >= Self::SILENCE {
            self.last.set((tenths, Instant::now()));
            self.notes.line(format_args!("{} of {} written", size(done), size(total)));
        }
    }

    /// Notes are part of the summary.
    fn note(&self, _: &str) {}

    fn cancelled(&self) -> bool {
        self.interrupt.raised()
    }
}
