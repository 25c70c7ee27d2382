//! `ocelli convert`: a released checkpoint becomes one model file.

use crate::failure::Failure;
use crate::hub::{Wanted, locate};
use crate::interrupt::Interrupt;
use crate::output::{Notes, Out, counted, size, time};
use crate::watch::Watch;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use ocelli_convert::{ConvertError, OpenFlamingo, Options, Report};
use ocelli_quant::TensorType;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const AFTER: &str = "\
EXAMPLES
  ocelli convert Salesforce/blip2-opt-2.7b -o blip2.gguf
  ocelli convert ./blip2-opt-2.7b -o blip2-q4.gguf --type q4_k
  ocelli convert ./checkpoint --tokenizer ./opt-2.7b -o model.gguf --type f16
  ocelli convert openflamingo --adapter checkpoint.pt --language ./mpt-1b --vision ./clip -o of.gguf

What is no directory here and can be a hub's name is fetched from there, as 'ocelli pull' does it. The output appears under its name only when it is complete. Interrupting leaves nothing behind. A link stays a link: the
file that it leads to is replaced. Devices and pipes are written through, and so is standard output, by '-o -'.";

const AFTER_OPEN_FLAMINGO: &str = "\
EXAMPLES
  ocelli convert openflamingo --adapter openflamingo/OpenFlamingo-3B-vitl-mpt1b/checkpoint.pt \\
      --language anas-awadalla/mpt-1b-redpajama-200b --vision openai/clip-vit-large-patch14 -o of-3b.gguf --type q4_k
  ocelli convert openflamingo --adapter OpenFlamingo-4B-vitl-rpj3b/checkpoint.pt \\
      --language ./RedPajama-INCITE-Base-3B-v1 --vision ./clip-vit-large-patch14 -o of-4b.gguf

The checkpoint holds only what was trained: resampler, gated layers and embeddings. The language model is the one it was
trained on, with its tokenizer; CLIP is openai/clip-vit-large-patch14 as transformers saves it.";

/// Convert a checkpoint, mostly a Hugging Face directory, to one model file
#[derive(clap::Args)]
#[command(after_help = AFTER, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    #[command(subcommand)]
    several: Option<Several>,
    /// The directory with config.json and the weights, or a hub's OWNER/NAME[:REVISION]
    #[arg(value_name = "SRC", required = true)]
    source: Option<PathBuf>,
    /// The model family; without it config.json decides
    #[arg(long, value_name = "NAME")]
    family: Option<String>,
    #[command(flatten)]
    output: Option<Output>,
}

/// Models whose parts lie apart.
#[derive(clap::Subcommand)]
enum Several {
    /// Convert an OpenFlamingo checkpoint with its language model and CLIP
    #[command(name = "openflamingo", after_help = AFTER_OPEN_FLAMINGO)]
    OpenFlamingo {
        /// The released checkpoint.pt, or a hub's OWNER/NAME/checkpoint.pt
        #[arg(long, value_name = "FILE")]
        adapter: PathBuf,
        /// The directory of the language model that it was trained on, or a hub's name of it
        #[arg(long, value_name = "DIR")]
        language: PathBuf,
        /// The directory of openai/clip-vit-large-patch14, or that name
        #[arg(long, value_name = "DIR")]
        vision: PathBuf,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(clap::Args)]
struct Output {
    /// The model file to write; - is standard output
    #[arg(short, long, value_name = "OUT.gguf")]
    output: PathBuf,
    /// How matrices are stored
    #[arg(long = "type", value_name = "TYPE", default_value = "q8_0", value_parser = types())]
    ty: TensorType,
    /// Another directory for the tokenizer files, or a hub's name
    #[arg(long, value_name = "DIR")]
    tokenizer: Option<PathBuf>,
    /// Go on without a setting of the source's JSON files that is not understood, named by its path, such as
    /// text_config.my_note (repeatable)
    #[arg(long, value_name = "KEY")]
    ignore_setting: Vec<String>,
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
    if let Some(Several::OpenFlamingo { adapter, language, vision, output }) = &args.several {
        let sources = OpenFlamingo {
            adapter: locate(adapter, Wanted::File)?,
            language: locate(language, Wanted::Checkpoint)?,
            vision: locate(vision, Wanted::Checkpoint)?,
        };
        return output.made(interrupt, None, |options, watch| {
            ocelli_convert::convert_open_flamingo(&sources, output.place(), options, watch)
        });
    }
    // Without a subcommand both are required.
    let (Some(source), Some(output)) = (&args.source, &args.output) else { return Ok(()) };
    let source = locate(source, Wanted::Checkpoint)?;
    output.made(interrupt, args.family.as_ref(), |options, watch| {
        ocelli_convert::convert(&source, output.place(), options, watch)
    })
}

impl Output {
    fn place(&self) -> ocelli_convert::Output<'_> {
        ocelli_convert::Output::of_argument(&self.output)
    }

    /// Has the file made and says what came of it.
    fn made(
        &self,
        interrupt: &Interrupt,
        family: Option<&String>,
        make: impl FnOnce(&Options, &Watch) -> Result<Report, ConvertError>,
    ) -> Result<(), Failure> {
        interrupt.is_polled();
        let mut options = Options::new(self.ty);
        options.family = family.cloned();
        options.tokenizer = self.tokenizer.as_deref().map(|path| locate(path, Wanted::Tokenizer)).transpose()?;
        options.ignored_settings.clone_from(&self.ignore_setting);
        options.overwrite = !self.no_clobber;
        let watch = Watch::new(Notes::new(self.quiet), interrupt.clone());
        let start = Instant::now();
        let result = make(&options, &watch);
        watch.clear();
        let report = result.map_err(|error| Failure::writing(self.place(), error))?;
        if self.quiet { Ok(()) } else { summary(&self.output, &report, start.elapsed()) }
    }
}

fn summary(output: &Path, report: &Report, took: Duration) -> Result<(), Failure> {
    let place = ocelli_convert::Output::of_argument(output);
    let mut out = Out::beside(place);
    out.line(format_args!(
        "{}: {}, {} from {} in {}",
        output.display(),
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
