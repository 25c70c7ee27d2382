//! `ocelli convert`: a released checkpoint becomes one model file.

use crate::failure::Failure;
use crate::hub::{Wanted, locate};
use crate::interrupt::Interrupt;
use crate::model_args::{from_and_to, gguf};
use crate::output::{Notes, Out, counted, size, time};
use crate::recipe_args::{RecipeArgs, TYPES};
use crate::watch::Watch;
use ocelli_convert::{ConvertError, KosmosOriginal, Lavis, MiniGpt4, OpenFlamingo, Options, Original, Report};
use ocelli_engine::{Load, join_pair, model_files};
use ocelli_quant::TensorType;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const AFTER: &str = "\
EXAMPLES
  ocelli convert Salesforce/blip2-opt-2.7b -o blip2.gguf
  ocelli convert ./blip2-opt-2.7b -o blip2-q4.gguf --type q4_k_m
  ocelli convert ./checkpoint --tokenizer ./opt-2.7b -o model.gguf --type f16
  ocelli convert openflamingo --adapter checkpoint.pt --language ./mpt-1b \\
      --vision ./clip -o of.gguf
  ocelli convert lavis --checkpoint blip2_pretrained.pth \\
      --vision eva_vit_g.pth --tokenizer bert-base-uncased -o itm.gguf
  ocelli convert SmolVLM-Q8_0.gguf mmproj-SmolVLM-f16.gguf -o one.gguf

Two GGUF files are a pair of llama.cpp's, a language model and its mmproj: they become one file, their tensors as they are, which
'ocelli split' takes apart again. What is no directory here and can be a hub's name is fetched from there, as 'ocelli pull' does it. The output appears
under its name only when it is complete. Interrupting leaves nothing behind. A link stays a link: the file that it leads to is replaced. Devices and pipes are written through, and so is standard output, by '-o -'.";

/// All that is required does not fit a line, and nothing breaks it.
const USAGE_OPEN_FLAMINGO: &str = "\
ocelli convert openflamingo --adapter <FILE> --language <DIR>
           --vision <DIR> -o <OUT.gguf> [OPTIONS]";

const AFTER_OPEN_FLAMINGO: &str = "\
EXAMPLES
  ocelli convert openflamingo -o of-3b.gguf --type q4_k_m \\
      --adapter openflamingo/OpenFlamingo-3B-vitl-mpt1b/checkpoint.pt \\
      --language anas-awadalla/mpt-1b-redpajama-200b \\
      --vision openai/clip-vit-large-patch14
  ocelli convert openflamingo -o of-4b.gguf \\
      --adapter OpenFlamingo-4B-vitl-rpj3b/checkpoint.pt \\
      --language ./RedPajama-INCITE-Base-3B-v1 --vision ./clip-vit-large-patch14

The checkpoint holds only what was trained: resampler, gated layers and embeddings. The language model is the one it was
trained on, with its tokenizer; CLIP is openai/clip-vit-large-patch14 as transformers saves it.";

const USAGE_LAVIS: &str = "\
ocelli convert lavis --checkpoint <FILE> [--vision <FILE>]
           [--tokenizer <DIR>] [--language <DIR>] -o <OUT.gguf> [OPTIONS]";

const AFTER_LAVIS: &str = "\
EXAMPLES
  ocelli convert lavis --checkpoint blip2_pretrained.pth \\
      --vision eva_vit_g.pth --tokenizer google-bert/bert-base-uncased \\
      -o blip2-itm.gguf
  ocelli convert lavis --checkpoint blip2_pretrained_opt2.7b.pth \\
      --vision eva_vit_g.pth --language facebook/opt-2.7b -o blip2.gguf
  ocelli convert lavis --checkpoint blip2_caption_flant5xl.pth \\
      --language google/flan-t5-xl -o captions.gguf --type q4_k_m
  ocelli convert lavis --checkpoint instruct_blip_vicuna7b_trimmed.pth \\
      --vision eva_vit_g.pth --language lmsys/vicuna-7b-v1.1 \\
      --tokenizer google-bert/bert-base-uncased -o instructblip.gguf

The checkpoint's tensors say what it is. Of the first stage (blip2_pretrained.pth, blip2_finetune_coco.pth) the file matches,
embeds and captions; it needs --tokenizer, to which [DEC] is added where it is missing. Of the second stage the file answers
through OPT or Flan-T5; it needs --language, whose tokenizer is taken. InstructBLIP, with Vicuna or Flan-T5, needs both, since
the Q-Former reads what is asked, too. The tower is in a file of its own (eva_vit_g.pth, or
clip_vit_L.pth for checkpoints named vitL) unless it was trained along and is in the checkpoint.";

const USAGE_LLAVA: &str = "\
ocelli convert llava --language <DIR> --vision <DIR> [--base <DIR>]
           [--projector <FILE>] [--lora <DIR>] [--conversation <NAME>]
           -o <OUT.gguf> [OPTIONS]";

const AFTER_LLAVA: &str = "\
EXAMPLES
  ocelli convert llava --language liuhaotian/llava-v1.5-7b \\
      --vision openai/clip-vit-large-patch14-336 -o llava.gguf --type q4_k_m
  ocelli convert llava --language lmsys/vicuna-7b-v1.5 \\
      --lora ./llava-v1.5-7b-lora --vision ./clip-336 -o llava.gguf
  ocelli convert llava --language ./LLaVA-7b-delta-v0 --base ./llama-7b \\
      --vision ./clip-224 --conversation llava_v0 -o llava.gguf

These are the files of LLaVA's own repository; directories named llava-hf/… are converted by 'ocelli convert DIR'. What was
trained may be the whole language model, a delta to --base, a projector's file (mm_projector.bin, with the config.json beside
it), or an adapter of low rank; it is merged while it is read. Conversations: vicuna_v1 (1.5), llava_v1, llava_v0, llava_llama_2,
mistral_instruct and chatml_direct (1.6), mpt, plain.";

const USAGE_MINIGPT4: &str = "\
ocelli convert minigpt4 --checkpoint <FILE> --vision <FILE>
           [--qformer <FILE>] --language <DIR> [--base <DIR>]
           -o <OUT.gguf> [OPTIONS]";

const AFTER_MINIGPT4: &str = "\
EXAMPLES
  ocelli convert minigpt4 --checkpoint pretrained_minigpt4_7b.pth \\
      --vision eva_vit_g.pth --qformer blip2_pretrained_flant5xxl.pth \\
      --language ./vicuna-7b-v0 -o minigpt4.gguf
  ocelli convert minigpt4 --checkpoint minigptv2_checkpoint.pth \\
      --vision eva_vit_g.pth --language meta-llama/Llama-2-7b-chat-hf \\
      -o minigpt-v2.gguf --type q4_k_m

The checkpoint holds the layer before the language model, and of MiniGPT-v2 changes of the language model, which are merged. With
Vicuna the Q-Former is LAVIS'; with LLaMA 2 there is none. --base is the LLaMA that --language is a delta to.";

const USAGE_KOSMOS: &str = "\
ocelli convert kosmos --checkpoint <FILE> --tokenizer <FILE>
           [--xpos] [--heads <N>] [--vision-heads <N>] -o <OUT.gguf> [OPTIONS]";

const AFTER_KOSMOS: &str = "\
EXAMPLES
  ocelli convert kosmos --checkpoint kosmos-2.pt \\
      --tokenizer sentencepiece.bpe.model -o kosmos-2.gguf
  ocelli convert kosmos --checkpoint kosmos-1.pt --xpos \\
      --tokenizer sentencepiece.bpe.model -o kosmos-1.gguf --type q4_k_m

This is fairseq's file as KOSMOS-2's makers released it; the directory microsoft/kosmos-2-patch14-224 is converted by
'ocelli convert DIR'. Its tensors say all sizes but heads, which have 64 numbers each unless --heads and --vision-heads say
otherwise. A model of KOSMOS-1's shape has the same layout, and positions by xPos.";

/// Convert a checkpoint, mostly a Hugging Face directory, to one model file
#[derive(clap::Args)]
#[command(after_help = format!("{AFTER}\n\n{TYPES}"), args_conflicts_with_subcommands = true, subcommand_negates_reqs = true,
    disable_help_subcommand = true)]
pub struct Args {
    #[command(subcommand)]
    several: Option<Several>,
    /// The directory with config.json and the weights, or a hub's OWNER/NAME[:REVISION]
    #[arg(value_name = "SRC", required = true)]
    source: Option<PathBuf>,
    /// The model file to write, as -o has it
    #[arg(value_name = "OUT.gguf")]
    to: Option<PathBuf>,
    /// The model family; without it config.json decides
    #[arg(long, value_name = "NAME")]
    family: Option<String>,
    #[command(flatten)]
    output: Output,
}

/// Models whose parts lie apart.
#[derive(clap::Subcommand)]
enum Several {
    /// Convert an OpenFlamingo checkpoint with its language model and CLIP
    #[command(name = "openflamingo", after_help = AFTER_OPEN_FLAMINGO, override_usage = USAGE_OPEN_FLAMINGO)]
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
        /// The model file to write, as -o has it
        #[arg(value_name = "OUT.gguf")]
        to: Option<PathBuf>,
        #[command(flatten)]
        output: Output,
    },
    /// Convert a BLIP-2 or InstructBLIP checkpoint of LAVIS with its tower, language model and tokenizer
    #[command(name = "lavis", after_help = AFTER_LAVIS, override_usage = USAGE_LAVIS)]
    Lavis {
        /// What was trained, such as blip2_pretrained.pth, or a hub's OWNER/NAME/FILE
        #[arg(long, value_name = "FILE")]
        checkpoint: PathBuf,
        /// The tower, eva_vit_g.pth or clip_vit_L.pth, where the checkpoint does not hold it
        #[arg(long, value_name = "FILE")]
        vision: Option<PathBuf>,
        /// The directory of the language model, or a hub's name of it; the first stage has none
        #[arg(long, value_name = "DIR")]
        language: Option<PathBuf>,
        /// The model file to write, as -o has it
        #[arg(value_name = "OUT.gguf")]
        to: Option<PathBuf>,
        #[command(flatten)]
        output: Output,
    },
    /// Convert a LLaVA of its own repository with CLIP, merging deltas, projectors and adapters
    #[command(name = "llava", after_help = AFTER_LLAVA, override_usage = USAGE_LLAVA)]
    Llava {
        /// The directory of the language model, or of all that was trained, or a hub's name
        #[arg(long, value_name = "DIR")]
        language: PathBuf,
        /// The directory of CLIP, such as openai/clip-vit-large-patch14-336, or that name
        #[arg(long, value_name = "DIR")]
        vision: PathBuf,
        /// The directory of the LLaMA that the language model is a delta to, or a hub's name
        #[arg(long, value_name = "DIR")]
        base: Option<PathBuf>,
        /// The projector's file, mm_projector.bin, or a hub's OWNER/NAME/FILE
        #[arg(long, value_name = "FILE")]
        projector: Option<PathBuf>,
        /// The directory of an adapter: adapter_model, adapter_config.json, non_lora_trainables.bin
        #[arg(long, value_name = "DIR")]
        lora: Option<PathBuf>,
        /// How it was trained to be talked to; without it the language model decides
        #[arg(long, value_name = "NAME")]
        conversation: Option<String>,
        /// The model file to write, as -o has it
        #[arg(value_name = "OUT.gguf")]
        to: Option<PathBuf>,
        #[command(flatten)]
        output: Output,
    },
    /// Convert KOSMOS-2's original checkpoint, or one of KOSMOS-1's shape
    #[command(name = "kosmos", after_help = AFTER_KOSMOS, override_usage = USAGE_KOSMOS)]
    Kosmos {
        /// What was trained, kosmos-2.pt, or a hub's OWNER/NAME/FILE
        #[arg(long, value_name = "FILE")]
        checkpoint: PathBuf,
        /// Positions are xPos, as in KOSMOS-1, instead of sines
        #[arg(long)]
        xpos: bool,
        /// Heads of the language model, where they have other than 64 numbers each
        #[arg(long, value_name = "N")]
        heads: Option<u32>,
        /// Heads of the tower, likewise
        #[arg(long, value_name = "N")]
        vision_heads: Option<u32>,
        /// The model file to write, as -o has it
        #[arg(value_name = "OUT.gguf")]
        to: Option<PathBuf>,
        #[command(flatten)]
        output: Output,
    },
    /// Convert a MiniGPT-4 or MiniGPT-v2 checkpoint with its tower, Q-Former and language model
    #[command(name = "minigpt4", after_help = AFTER_MINIGPT4, override_usage = USAGE_MINIGPT4)]
    MiniGpt4 {
        /// What was trained, such as pretrained_minigpt4_7b.pth, or a hub's OWNER/NAME/FILE
        #[arg(long, value_name = "FILE")]
        checkpoint: PathBuf,
        /// The tower, eva_vit_g.pth
        #[arg(long, value_name = "FILE")]
        vision: PathBuf,
        /// LAVIS' file with the Q-Former, blip2_pretrained_flant5xxl.pth
        #[arg(long, value_name = "FILE")]
        qformer: Option<PathBuf>,
        /// The directory of the language model, or a hub's name of it
        #[arg(long, value_name = "DIR")]
        language: PathBuf,
        /// The directory of the LLaMA that the language model is a delta to, or a hub's name
        #[arg(long, value_name = "DIR")]
        base: Option<PathBuf>,
        /// The model file to write, as -o has it
        #[arg(value_name = "OUT.gguf")]
        to: Option<PathBuf>,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(clap::Args)]
struct Output {
    /// The model file to write; - is standard output
    #[arg(short, long, value_name = "OUT.gguf")]
    output: Option<PathBuf>,
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Another directory for the tokenizer files, or a hub's name
    #[arg(long, value_name = "DIR")]
    tokenizer: Option<PathBuf>,
    /// Go on without a setting of the source's JSON files that is not understood, named by its path, such as
    /// text_config.my_note (repeatable)
    #[arg(long, value_name = "KEY")]
    ignore_setting: Vec<String>,
    /// No progress and no summary
    #[arg(short, long)]
    quiet: bool,
}

const NAMES: [&str; 2] = ["<SRC>", "--output <OUT.gguf>"];

pub fn run(args: &Args, interrupt: &Interrupt) -> Result<(), Failure> {
    if let Some(several) = &args.several {
        return several.convert(interrupt);
    }
    let gguf = |path: &Path| path.extension().is_some_and(|end| end.eq_ignore_ascii_case("gguf"));
    if let (Some(model), Some(mmproj)) = (&args.source, &args.to)
        && gguf(model)
        && gguf(mmproj)
    {
        let Some(out) = &args.output.output else {
            return Err(Failure::usage("usage", "two GGUF files are a pair, and the file to write goes behind -o"));
        };
        return args.output.pair([model, mmproj], out, args.family.is_some(), interrupt);
    }
    let bare = [args.source.as_ref(), args.to.as_ref()];
    let (source, out) = from_and_to((None, args.output.output.as_ref()), bare, NAMES)?;
    args.output.recipe.check(&out, &source)?;
    let source = locate(&source, Wanted::Checkpoint, args.output.quiet)?;
    args.output.made(&out, interrupt, args.family.as_ref(), |place, options, watch| {
        ocelli_convert::convert(&source, place, options, watch)
    })
}

impl Several {
    fn convert(&self, interrupt: &Interrupt) -> Result<(), Failure> {
        let (of, to, output) = match self {
            Self::Lavis { checkpoint: of, to, output, .. }
            | Self::OpenFlamingo { adapter: of, to, output, .. }
            | Self::Kosmos { checkpoint: of, to, output, .. }
            | Self::Llava { language: of, to, output, .. }
            | Self::MiniGpt4 { checkpoint: of, to, output, .. } => (of, to, output),
        };
        let (_, out) = from_and_to((Some(of), output.output.as_ref()), [to.as_ref(), None], NAMES)?;
        output.recipe.check(&out, of)?;
        if matches!(self, Self::Kosmos { .. }) && output.tokenizer.is_none() {
            return Err(Failure::usage("usage", "--tokenizer is needed: SentencePiece's file of the model"));
        }
        let file = |path: &Path| locate(path, Wanted::File, output.quiet);
        let directory = |path: &Path| locate(path, Wanted::Checkpoint, output.quiet);
        match self {
            Self::Lavis { checkpoint, vision, language, .. } => {
                let sources = Lavis {
                    checkpoint: file(checkpoint)?,
                    vision: vision.as_deref().map(file).transpose()?,
                    language: language.as_deref().map(directory).transpose()?,
                };
                output.made(&out, interrupt, None, |place, options, watch| {
                    ocelli_convert::convert_lavis(&sources, place, options, watch)
                })
            }
            Self::OpenFlamingo { adapter, language, vision, .. } => {
                let sources = OpenFlamingo {
                    adapter: file(adapter)?,
                    language: directory(language)?,
                    vision: directory(vision)?,
                };
                output.made(&out, interrupt, None, |place, options, watch| {
                    ocelli_convert::convert_open_flamingo(&sources, place, options, watch)
                })
            }
            Self::Kosmos { checkpoint, xpos, heads, vision_heads, .. } => {
                let source = KosmosOriginal {
                    checkpoint: file(checkpoint)?,
                    xpos: *xpos,
                    heads: *heads,
                    vision_heads: *vision_heads,
                };
                output.made(&out, interrupt, None, |place, options, watch| {
                    ocelli_convert::convert_kosmos(&source, place, options, watch)
                })
            }
            Self::Llava { language, vision, base, projector, lora, conversation, .. } => {
                let sources = Original {
                    language: directory(language)?,
                    vision: directory(vision)?,
                    base: base.as_deref().map(directory).transpose()?,
                    projector: projector.as_deref().map(file).transpose()?,
                    lora: lora.as_deref().map(directory).transpose()?,
                    conversation: conversation.clone(),
                };
                output.made(&out, interrupt, None, |place, options, watch| {
                    ocelli_convert::convert_llava(&sources, place, options, watch)
                })
            }
            Self::MiniGpt4 { checkpoint, vision, qformer, language, base, .. } => {
                let sources = MiniGpt4 {
                    checkpoint: file(checkpoint)?,
                    vision: file(vision)?,
                    qformer: qformer.as_deref().map(file).transpose()?,
                    language: directory(language)?,
                    base: base.as_deref().map(directory).transpose()?,
                };
                output.made(&out, interrupt, None, |place, options, watch| {
                    ocelli_convert::convert_minigpt4(&sources, place, options, watch)
                })
            }
        }
    }
}

impl Output {
    /// Has a pair of llama.cpp's made into one file, its tensors as they are.
    fn pair(&self, pair: [&PathBuf; 2], out: &Path, family: bool, interrupt: &Interrupt) -> Result<(), Failure> {
        if self.recipe.asks() || self.tokenizer.is_some() || family || !self.ignore_setting.is_empty() {
            let hint =
                "it takes no type, tokenizer, family or setting; 'ocelli quantize' gives the one file other types";
            return Err(Failure::usage("usage", "a pair is put together as it is").with_hint(hint));
        }
        let recipe = self.recipe.recipe(TensorType::Q8_0, self.quiet)?;
        interrupt.is_polled();
        let [model, mmproj] = pair.map(|path| locate(path, Wanted::Model, self.quiet));
        let paths = [model?, mmproj?];
        let (model, text) = gguf(Some(&paths[0]), Load::Map, self.quiet)?;
        let (mmproj, eyes) = gguf(Some(&paths[1]), Load::Map, self.quiet)?;
        join_pair(text.clone(), eyes.clone(), [&model, &mmproj]).map_err(|e| Failure::opening(&model, &e))?;
        let mut sources = model_files(&paths[0], text.parts().len());
        sources.extend(model_files(&paths[1], eyes.parts().len()));
        self.written(out, interrupt, |place, watch| {
            ocelli_convert::pair::join([&text, &eyes], &sources, place, recipe.overwrite, watch)
        })
    }

    /// Has the file `out` written and says what came of it.
    fn written(
        &self,
        out: &Path,
        interrupt: &Interrupt,
        make: impl FnOnce(ocelli_convert::Output<'_>, &Watch) -> Result<Report, ConvertError>,
    ) -> Result<(), Failure> {
        let place = ocelli_convert::Output::of_argument(out);
        let watch = Watch::new(Notes::new(self.quiet), interrupt.clone());
        let start = Instant::now();
        let result = make(place, &watch);
        watch.clear();
        let report = result.map_err(|error| Failure::writing(place, error))?;
        if self.quiet { Ok(()) } else { summary(out, &report, start.elapsed()) }
    }

    /// Has the file `out` made of a checkpoint.
    fn made(
        &self,
        out: &Path,
        interrupt: &Interrupt,
        family: Option<&String>,
        make: impl FnOnce(ocelli_convert::Output<'_>, &Options, &Watch) -> Result<Report, ConvertError>,
    ) -> Result<(), Failure> {
        interrupt.is_polled();
        let mut options = Options::from(self.recipe.recipe(TensorType::Q8_0, self.quiet)?);
        options.family = family.cloned();
        options.tokenizer =
            self.tokenizer.as_deref().map(|path| locate(path, Wanted::Tokenizer, self.quiet)).transpose()?;
        options.ignored_settings.clone_from(&self.ignore_setting);
        self.written(out, interrupt, |place, watch| make(place, &options, watch))
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
    out.list("encoded without importances, because the file has none for them", &report.unweighted)?;
    out.list("of the checkpoint are not needed", &report.skipped)?;
    for note in &report.notes {
        out.line(format_args!("note: {note}"))?;
    }
    out.flush()
}
