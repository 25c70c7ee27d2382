//! `ocelli eval`: how good a model is at a benchmark, and what its answers were.

mod ask;
mod harness;
mod open;
mod price;
mod recorded;
mod report;
mod science;
mod told;

use crate::failure::Failure;
use crate::interrupt::Interrupt;

const AFTER: &str = "\
EXAMPLES
  ocelli eval scienceqa --data scienceqa -m model.gguf --out answers.jsonl
  ocelli eval merge part1.jsonl part2.jsonl --out answers.jsonl
  ocelli eval score answers.jsonl --json
  ocelli eval compare f16.jsonl q4_0.jsonl

'ocelli eval TASK --help' has more. An interrupted run is gone on with by the same command.";

/// Measure a model on a benchmark
#[derive(clap::Args)]
#[command(after_help = AFTER, disable_help_subcommand = true)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// ScienceQA: school questions with texts and pictures, lectures and explanations
    #[command(name = "scienceqa", after_help = science::AFTER)]
    ScienceQa(Box<science::Args>),
    /// VQAv2: questions about photographs, by ten people's answers
    #[command(name = "vqav2", after_help = open::AFTER)]
    Vqav2(Box<open::Args>),
    /// OK-VQA: questions that need knowledge, by ten people's answers
    #[command(name = "okvqa", after_help = open::AFTER)]
    OkVqa(Box<open::Args>),
    /// VizWiz: blind people's questions about their photographs
    #[command(name = "vizwiz", after_help = open::AFTER)]
    VizWiz(Box<open::Args>),
    /// TextVQA: questions about texts in photographs
    #[command(name = "textvqa", after_help = open::AFTER)]
    TextVqa(Box<open::Args>),
    /// GQA: questions made of scene graphs
    #[command(name = "gqa", after_help = open::AFTER)]
    Gqa(Box<open::Args>),
    /// POPE: whether things are there that are not
    #[command(name = "pope", after_help = open::AFTER)]
    Pope(Box<open::Args>),
    /// Captions of COCO: CIDEr-D, BLEU, ROUGE-L
    #[command(name = "coco-captions", after_help = open::AFTER)]
    Coco(Box<open::Args>),
    /// Captions of Flickr30k: CIDEr-D, BLEU, ROUGE-L
    #[command(name = "flickr30k-captions", after_help = open::AFTER)]
    Flickr(Box<open::Args>),
    /// Hateful Memes: the area under the curve of the likelihood of yes
    #[command(name = "hateful-memes", after_help = open::AFTER)]
    Memes(Box<open::Args>),
    /// MMBench: choices, by exact match
    #[command(name = "mmbench", after_help = open::AFTER)]
    MmBench(Box<open::Args>),
    /// easy-VQA: coloured shapes
    #[command(name = "easy-vqa", after_help = open::AFTER)]
    EasyVqa(Box<open::Args>),
    /// Put the answers of parts together
    #[command(after_help = recorded::AFTER_MERGE)]
    Merge(recorded::Merge),
    /// Score answers that are there, without a model
    #[command(after_help = recorded::AFTER_SCORE)]
    Score(recorded::Score),
    /// Compare the answers of two runs on the same questions
    #[command(after_help = recorded::AFTER_COMPARE)]
    Compare(recorded::Compare),
}

pub fn run(args: &Args, interrupt: &Interrupt) -> Result<(), Failure> {
    match &args.what {
        What::ScienceQa(args) => science::run(args, interrupt),
        What::Vqav2(args) => open::run("vqav2", args, interrupt),
        What::OkVqa(args) => open::run("okvqa", args, interrupt),
        What::VizWiz(args) => open::run("vizwiz", args, interrupt),
        What::TextVqa(args) => open::run("textvqa", args, interrupt),
        What::Gqa(args) => open::run("gqa", args, interrupt),
        What::Pope(args) => open::run("pope", args, interrupt),
        What::Coco(args) => open::run("coco-captions", args, interrupt),
        What::Flickr(args) => open::run("flickr30k-captions", args, interrupt),
        What::Memes(args) => open::run("hateful-memes", args, interrupt),
        What::MmBench(args) => open::run("mmbench", args, interrupt),
        What::EasyVqa(args) => open::run("easy-vqa", args, interrupt),
        What::Merge(args) => recorded::merge(args),
        What::Score(args) => recorded::score(args),
        What::Compare(args) => recorded::compare(args),
    }
}
