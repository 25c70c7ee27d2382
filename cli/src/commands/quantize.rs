//! `ocelli quantize`: a model file in fewer bits.

use super::convert::types;
use crate::failure::Failure;
use crate::hub::{Wanted, locate};
use crate::interrupt::Interrupt;
use crate::model_args::gguf;
use crate::output::{Notes, Out, magnitude, size, time};
use crate::watch::Watch;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use ocelli_convert::imatrix::Imatrix;
use ocelli_convert::quantize::{Mix, Pattern, Recipe, Report, quantize};
use ocelli_convert::{ConvertError, Output};
use ocelli_engine::{Load, model_files};
use ocelli_quant::TensorType;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const AFTER: &str = "\
EXAMPLES
  ocelli quantize model-f16.gguf model-q4_k_m.gguf
  ocelli quantize model-f16.gguf small.gguf --type q3_k_m --imatrix imatrix.gguf
  ocelli quantize blip2.gguf out.gguf --type q4_k_m --tensor-type 'v.*=q8_0'

The types are llama.cpp's: those with a letter at the end (s, m, l) and q2_k give some matrices more bits than others,
and every type but the floats stores the output head as q6_k or q8_0, unless --pure says otherwise. q3_k, q4_k and q5_k
mean their _m. Vectors, norms, patch embeddings and tables of positions stay as they are. Rows that a type's blocks do
not divide are stored in the next type that does; the summary names them.

In PATTERN * stands for any characters and ? for one; it must match the tensor's whole name, as 'ocelli inspect
--tensors' shows it. The output appears under its name only when it is complete; a link stays a link, and the file that
it leads to is replaced. Devices and pipes are written through. A split model becomes one file.";

/// Store a model's matrices in another type
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// The model file to read; of a split model the first file
    #[arg(value_name = "IN.gguf")]
    input: PathBuf,
    /// The model file to write; - is standard output
    #[arg(value_name = "OUT.gguf")]
    output: PathBuf,
    /// How matrices are stored
    #[arg(long = "type", value_name = "TYPE", default_value = "q4_k_m", value_parser = mixes(), ignore_case = true)]
    mix: Mix,
    /// Another type for the matrices whose names match; once for each, the first that matches counts
    #[arg(long, value_name = "PATTERN=TYPE", value_parser = tensor_type)]
    tensor_type: Vec<(Pattern, TensorType)>,
    /// All matrices in the same type
    #[arg(long)]
    pure: bool,
    /// The type of output.weight
    #[arg(long, value_name = "TYPE", value_parser = types())]
    output_tensor_type: Option<TensorType>,
    /// The type of token_embd.weight
    #[arg(long, value_name = "TYPE", value_parser = types())]
    token_embedding_type: Option<TensorType>,
    /// How much each column matters: a file of 'ocelli imatrix' or llama.cpp's, GGUF or .dat
    #[arg(long, value_name = "FILE")]
    imatrix: Option<PathBuf>,
    /// Refuse to replace the output if it exists
    #[arg(long)]
    no_clobber: bool,
    /// No progress and no summary
    #[arg(short, long)]
    quiet: bool,
}

fn mixes() -> impl TypedValueParser<Value = Mix> {
    let value = |mix: Mix| {
        let alias = mix.name().strip_suffix("_m");
        alias.into_iter().fold(PossibleValue::new(mix.name()), PossibleValue::alias)
    };
    PossibleValuesParser::new(Mix::ALL.map(value)).try_map(|name| name.parse::<Mix>())
}

fn tensor_type(text: &str) -> Result<(Pattern, TensorType), String> {
    let (pattern, ty) = text.rsplit_once('=').ok_or("expected PATTERN=TYPE, such as 'v.*=q8_0'")?;
    let ty: TensorType = ty.parse().map_err(|e: ocelli_quant::UnknownTensorType| e.to_string())?;
    if ty.can_encode() { Ok((Pattern::new(pattern), ty)) } else { Err(format!("{ty} can be read but not written")) }
}

/// A file of importances in either of llama.cpp's formats.
fn importances(path: &Path) -> Result<Imatrix, Failure> {
    let path = &locate(path, Wanted::File)?;
    let failed = |e: ConvertError| Failure::new(e.code(), format_args!("{}: {e}", path.display()));
    match Imatrix::read_old(path).map_err(failed)? {
        Some(imatrix) => Ok(imatrix),
        None => Imatrix::read(&gguf(Some(path), Load::Map)?.1).map_err(failed),
    }
}

pub fn run(args: &Args, interrupt: &Interrupt) -> Result<(), Failure> {
    interrupt.is_polled();
    let input = locate(&args.input, Wanted::Model)?;
    let (_, file) = gguf(Some(&input), Load::Map)?;
    let mut recipe = Recipe::new(args.mix);
    recipe.pure = args.pure;
    recipe.tensor_types.clone_from(&args.tensor_type);
    recipe.head = args.output_tensor_type;
    recipe.embedding = args.token_embedding_type;
    recipe.overwrite = !args.no_clobber;
    if let Some(path) = &args.imatrix {
        let imatrix = importances(path)?;
        recipe.imatrix = Some((path.file_name().unwrap_or_default().to_string_lossy().into_owned(), imatrix));
    }
    let watch = Watch::new(Notes::new(args.quiet), interrupt.clone());
    let start = Instant::now();
    let out = Output::of_argument(&args.output);
    let result = quantize(&file, &model_files(&input, file.parts().len()), out, &recipe, &watch);
    watch.clear();
    let report = result.map_err(|error| Failure::writing(out, error))?;
    if args.quiet { Ok(()) } else { summary(args, &recipe, &report, start.elapsed()) }
}

fn summary(args: &Args, recipe: &Recipe, report: &Report, took: Duration) -> Result<(), Failure> {
    let mut out = Out::beside(Output::of_argument(&args.output));
    out.line(format_args!(
        "{}: {} at {:.2} bits a weight, {} before, in {}",
        args.output.display(),
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
