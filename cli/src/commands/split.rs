//! `ocelli split`: a model that sees as a pair of llama.cpp's, a language model and an mmproj.

use crate::failure::Failure;
use crate::hub::{Wanted, locate};
use crate::interrupt::Interrupt;
use crate::model_args::gguf;
use crate::output::{Notes, Out, counted, size};
use crate::watch::Watch;
use ocelli_convert::{Output, pair};
use ocelli_engine::{Load, model_files};
use std::path::PathBuf;

const AFTER: &str = "\
EXAMPLES
  ocelli split smolvlm.gguf -o pair
  ocelli split smolvlm.gguf text.gguf mmproj.gguf

The pair has the file's tensors, byte for byte, under llama.cpp's names. A folder gets NAME.gguf and mmproj-NAME.gguf. A file that
'ocelli convert' made of a pair becomes that pair again, keys included. A model whose projector llama.cpp does not have cannot be split.";

/// Split a model that sees into a language model and an mmproj
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// The model file to read; of a split model the first file
    #[arg(value_name = "IN.gguf")]
    source: PathBuf,
    /// The file of the language model to write
    #[arg(value_name = "TEXT.gguf", requires = "mmproj")]
    text: Option<PathBuf>,
    /// The mmproj to write
    #[arg(value_name = "MMPROJ.gguf")]
    mmproj: Option<PathBuf>,
    /// The folder for both, in their place
    #[arg(short, long, value_name = "DIR", conflicts_with = "text", required_unless_present = "mmproj")]
    output: Option<PathBuf>,
    /// Refuse to replace a file that exists
    #[arg(long)]
    no_clobber: bool,
    /// No progress and no summary
    #[arg(short, long)]
    quiet: bool,
}

pub fn run(args: &Args, interrupt: &Interrupt) -> Result<(), Failure> {
    interrupt.is_polled();
    let source = locate(&args.source, Wanted::Model, args.quiet)?;
    let (name, file) = gguf(Some(&source), Load::Map, args.quiet)?;
    if !pair::is_pair(&file) {
        let what = format_args!("{name} has no projector of llama.cpp's (clip.projector_type): it cannot be a pair");
        return Err(Failure::new("pair", what));
    }
    let outs = match (&args.text, &args.mmproj, &args.output) {
        (Some(text), Some(mmproj), _) => [text.clone(), mmproj.clone()],
        (_, _, directory) => {
            let directory = directory.clone().unwrap_or_default();
            std::fs::create_dir_all(&directory).map_err(|error| {
                Failure::new("write", format_args!("cannot make the folder {}: {error}", directory.display()))
            })?;
            let stem = source.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            [directory.join(&stem), directory.join(format!("mmproj-{stem}"))]
        }
    };
    let watch = Watch::new(Notes::new(args.quiet), interrupt.clone());
    let sources = model_files(&source, file.parts().len());
    let result = pair::split(&file, &sources, [&outs[0], &outs[1]], !args.no_clobber, &watch);
    watch.clear();
    let [first, second] = [&outs[0], &outs[1]].map(|out| Output::of_argument(out));
    let out = if first.is_stdout() { first } else { second };
    let reports = result.map_err(|error| Failure::writing(out, error))?;
    if args.quiet {
        return Ok(());
    }
    let mut out = Out::new();
    for (path, report) in outs.iter().zip(&reports) {
        let (tensors, bytes) = (counted(report.tensors, "tensor"), size(report.bytes_out));
        out.line(format_args!("{}: {tensors}, {bytes}", path.display()))?;
    }
    out.flush()
}
