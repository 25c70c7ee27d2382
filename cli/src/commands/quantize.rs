//! `ocelli quantize`: a model file in fewer bits.

use crate::failure::Failure;
use crate::hub::{Wanted, locate};
use crate::interrupt::Interrupt;
use crate::model_args::{from_and_to, gguf};
use crate::output::{Notes, Out, magnitude, size, time};
use crate::recipe_args::{RecipeArgs, TYPES};
use crate::watch::Watch;
use ocelli_convert::Output;
use ocelli_convert::quantize::{Recipe, Report, quantize};
use ocelli_engine::{Load, model_files};
use ocelli_quant::TensorType;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const AFTER: &str = "\
EXAMPLES
  ocelli quantize model-f16.gguf -o model-q4_k_m.gguf
  ocelli quantize model-f16.gguf -o small.gguf --type q3_k_m --imatrix i.gguf
  ocelli quantize blip2-f16.gguf -o blip2.gguf --tensor-type 'v.*=q8_0'

The output appears under its name only when it is complete; a link stays a link, and the file that it leads to is
replaced. Devices and pipes are written through. A split model becomes one file. Starting from f16 or f32 is best:
quantising what was quantised before adds up the errors.";

/// Store a model's matrices in another type
#[derive(clap::Args)]
#[command(after_help = format!("{AFTER}\n\n{TYPES}"))]
pub struct Args {
    /// The model file to read, also as the first argument; of a split model the first file
    #[arg(short, long, value_name = "IN.gguf")]
    model: Option<PathBuf>,
    /// The model file to write, also as the last argument; - is standard output
    #[arg(short, long, value_name = "OUT.gguf")]
    output: Option<PathBuf>,
    /// The model file to read, as -m has it
    #[arg(value_name = "IN.gguf")]
    from: Option<PathBuf>,
    /// The model file to write, as -o has it
    #[arg(value_name = "OUT.gguf")]
    to: Option<PathBuf>,
    #[command(flatten)]
    recipe: RecipeArgs,
    /// No progress and no summary
    #[arg(short, long)]
    quiet: bool,
}

pub fn run(args: &Args, interrupt: &Interrupt) -> Result<(), Failure> {
    interrupt.is_polled();
    let flags = (args.model.as_ref(), args.output.as_ref());
    let bare = [args.from.as_ref(), args.to.as_ref()];
    let (input, output) = from_and_to(flags, bare, ["<IN.gguf>", "--output <OUT.gguf>"])?;
    args.recipe.check(&output, &input)?;
    let input = locate(&input, Wanted::Model, args.quiet)?;
    let (_, file) = gguf(Some(&input), Load::Map, args.quiet)?;
    let recipe = args.recipe.recipe(TensorType::Q4K, args.quiet)?;
    let watch = Watch::new(Notes::new(args.quiet), interrupt.clone());
    let start = Instant::now();
    let out = Output::of_argument(&output);
    let result = quantize(&file, &model_files(&input, file.parts().len()), out, &recipe, &watch);
    watch.clear();
    let report = result.map_err(|error| Failure::writing(out, error))?;
    if args.quiet { Ok(()) } else { summary(&output, &recipe, &report, start.elapsed()) }
}

fn summary(output: &Path, recipe: &Recipe, report: &Report, took: Duration) -> Result<(), Failure> {
    let mut out = Out::beside(Output::of_argument(output));
    out.line(format_args!(
        "{}: {} at {:.2} bits a weight, {} before, in {}",
        output.display(),
        size(report.bytes_out),
        report.bits_per_weight(),
        size(report.bytes_in),
        time(took)
    ))?;
    for &(ty, tensors, elements, bytes) in &report.types {
        let (count, bytes) = (magnitude(elements), size(bytes));
        out.line(format_args!("  {:<5} {tensors:>6} tensors {count:>8} parameters {bytes:>10}", ty.name()))?;
    }
    // What was asked for by name is answered by name, however many there are.
    let asked = |(name, ..): &&(String, TensorType, TensorType)| recipe.asked(name).is_some();
    let line = |(name, wanted, used): &(String, TensorType, TensorType)| format!("{name}: {used} instead of {wanted}");
    let named: Vec<String> = report.fallbacks.iter().filter(asked).map(line).collect();
    let others: Vec<String> = report.fallbacks.iter().filter(|row| !asked(row)).map(line).collect();
    out.list_from("stored in another type, because their rows are no whole blocks", &named, &others)?;
    out.list("encoded without importances, because the file has none for them", &report.unweighted)?;
    for note in &report.notes {
        out.line(format_args!("note: {note}"))?;
    }
    out.flush()
}
