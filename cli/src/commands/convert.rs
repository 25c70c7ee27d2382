//! `ocelli convert`: a released checkpoint becomes one model file.

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::{Notes, Out, counted, size, time};
use crate::watch::Watch;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use ocelli_convert::{Options, Report};
use ocelli_quant::TensorType;
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

/// The types that can be made, by name.
pub fn types() -> impl TypedValueParser<Value = TensorType> {
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
    watch.clear();
    let report = result?;
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
    out.list("stored in another type, because their rows are no whole blocks", &fallbacks)?;
    out.list("of the checkpoint are not needed", &report.skipped)?;
    for note in &report.notes {
        out.line(format_args!("note: {note}"))?;
    }
    out.flush()
}
