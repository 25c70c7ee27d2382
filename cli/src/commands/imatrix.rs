//! `ocelli imatrix`: how much each column of a model's matrices matters, measured on text and pictures.

use crate::failure::Failure;
use crate::hub::{Wanted, locate};
use crate::interrupt::Interrupt;
use crate::marks;
use crate::model_args::ModelArgs;
use crate::output::{Notes, Out, counted, time};
use crate::read::read_picture;
use clap::builder::RangedU64ValueParser;
use ocelli_convert::Output;
use ocelli_convert::imatrix::{Columns, Imatrix};
use ocelli_engine::tokenizer::{EncodeOptions, LONGEST_TEXT};
use ocelli_engine::{Error, GenerateOptions, Model, Observer, Session, SessionOptions, model_files};
use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

const AFTER: &str = "\
EXAMPLES
  ocelli imatrix model-f16.gguf -o imatrix.gguf --text calibration.txt
  ocelli imatrix blip2-f16.gguf -o imatrix.gguf --text captions.txt \\
      --image cat.jpg --image dog.jpg
  ocelli quantize model-f16.gguf -o model.gguf --type q3_k_m \\
      --imatrix imatrix.gguf

The model is best in f16 or f32. The text passes through it in pieces that know nothing of each other; a few hundred pieces of what the model
will be used for are plenty. Towers and bridges are measured only on pictures. The file is llama.cpp's importance matrix.";

/// Measure how much each column of a model's matrices matters
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// The file to write; - is standard output
    #[arg(short, long, value_name = "OUT.gguf")]
    output: PathBuf,
    /// A text file to read
    #[arg(long, value_name = "FILE", required_unless_present = "image")]
    text: Option<PathBuf>,
    /// A picture to look at; once for each
    #[arg(short, long, value_name = "PATH")]
    image: Vec<PathBuf>,
    /// The text that goes with each picture, which stands where it says <image> or before it; '\<image>' is the text <image>
    #[arg(short, long, value_name = "TEXT", default_value = "", hide_default_value = true, allow_hyphen_values = true)]
    prompt: String,
    /// Tokens a piece
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = RangedU64ValueParser::<usize>::new().range(2..=1 << 20))]
    chunk: usize,
    /// Most pieces; 0 is all
    #[arg(long, value_name = "N", default_value_t = 0)]
    chunks: usize,
    /// Measure the output head too
    #[arg(long)]
    process_output: bool,
    /// Refuse to replace the output if it exists
    #[arg(long)]
    no_clobber: bool,
    /// No notes and no summary
    #[arg(short, long)]
    quiet: bool,
}

pub fn run(args: &Args, interrupt: &Interrupt) -> Result<(), Failure> {
    let start = Instant::now();
    let notes = Notes::new(args.quiet);
    let out = Output::of_argument(&args.output);
    // Before hours of measuring, not after them.
    let named: Vec<&Path> = args.text.iter().chain(&args.image).map(PathBuf::as_path).collect();
    out.check(!args.no_clobber, &named)?;
    let (model, observer) = args.model.observed(args.quiet)?;
    if let Some(path) = args.model.file.path() {
        let path = locate(&path, Wanted::Model, args.quiet)?;
        let files = model_files(&path, model.file().parts().len());
        out.check(!args.no_clobber, &files.iter().map(PathBuf::as_path).collect::<Vec<_>>())?;
    }

    let chunk = args.chunk.min(model.context());
    let pieces = args.text.as_deref().map_or(Ok(Vec::new()), |path| pieces(&model, path, chunk, args.chunks))?;
    let limits = model.image_limits();
    let prompts = args.image.iter().map(|path| {
        let prompt = marks::placed(&args.prompt, vec![read_picture(path, &limits)?], Vec::new())?;
        let positions = model.count(&model.compose(&prompt)?);
        Ok((prompt, positions))
    });
    let prompts = prompts.collect::<Result<Vec<_>, Failure>>()?;
    let longest = prompts.iter().map(|(_, positions)| positions + 1).chain(pieces.iter().map(Vec::len)).max();
    let mut session = model.session(&SessionOptions { context: longest.unwrap_or(1), ..SessionOptions::default() })?;
    interrupt.cancels(session.cancel_handle());

    for (i, piece) in pieces.iter().enumerate() {
        notes.stage(format_args!("text {}/{}", i + 1, pieces.len()));
        read_piece(&mut session, piece, args.process_output)?;
    }
    let options = GenerateOptions { max_new_tokens: 1, ..GenerateOptions::default() };
    for (i, (prompt, _)) in prompts.iter().enumerate() {
        notes.stage(format_args!("picture {}/{}", i + 1, prompts.len()));
        session.generate(prompt, &options, &mut |_| ControlFlow::Continue(()))?;
    }
    notes.clear();

    interrupt.is_polled();
    let imatrix = collect(args, &observer, &model, pieces.len(), chunk);
    imatrix.write(out, !args.no_clobber).map_err(|error| Failure::writing(out, error))?;
    if args.quiet {
        return Ok(());
    }
    let mut summary = Out::beside(out);
    summary.line(format_args!(
        "{}: {} from {} of text and {}, in {}",
        args.output.display(),
        counted(imatrix.entries.len(), "tensor"),
        counted(pieces.len(), "piece"),
        counted(prompts.len(), "picture"),
        time(start.elapsed())
    ))?;
    summary.flush()
}

/// The tokens of a text in pieces, each behind the beginning that the model is used to.
fn pieces(model: &Model, path: &Path, chunk: usize, most: usize) -> Result<Vec<Vec<u32>>, Failure> {
    let mut bytes = Vec::new();
    // One byte more than the tokenizer takes is enough to be refused.
    let read = File::open(path).and_then(|file| file.take(LONGEST_TEXT as u64 + 1).read_to_end(&mut bytes));
    read.map_err(|e| Failure::reading("text", path, &e))?;
    let text = String::from_utf8(bytes)
        .map_err(|e| Failure::new("text", format_args!("{} is not UTF-8: {}", path.display(), e.utf8_error())))?;
    // Some editors begin a file with a byte order mark, which is no part of the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let tokenizer = model.tokenizer();
    let plain = EncodeOptions { add_special: false, parse_special: false };
    let ids = tokenizer.encode(text, plain).map_err(Error::from)?;
    if ids.is_empty() {
        return Err(Failure::new("text", format_args!("{} is empty", path.display())));
    }
    let first = tokenizer.bos().filter(|_| tokenizer.adds_bos());
    let step = chunk.saturating_sub(usize::from(first.is_some())).max(1);
    let most = if most == 0 { usize::MAX } else { most };
    Ok(ids.chunks(step).take(most).map(|ids| first.into_iter().chain(ids.iter().copied()).collect()).collect())
}

fn read_piece(session: &mut Session, piece: &[u32], head: bool) -> Result<(), Error> {
    let encodes = session.model().encodes_prompts();
    let mut tokens = session.tokens();
    // Both stacks read it: the encoder as a prompt, the decoder as its own text behind the token it starts with.
    let piece = if encodes { tokens.read(piece).map(|_| &piece[..piece.len() - 1])? } else { piece };
    if piece.is_empty() {
        return Ok(());
    }
    if head { tokens.feed_each(piece, &mut |_, _| {}) } else { tokens.feed(piece).map(drop) }
}

fn collect(args: &Args, observer: &Observer, model: &Model, chunks: usize, chunk: usize) -> Imatrix {
    // Without --process-output the head has seen no more than the last token of each piece.
    let is_head = |name: &str| name == "output.weight" || name == "token_embd.weight";
    let observed =
        observer.observed(model.file()).into_iter().filter(|(name, _)| args.process_output || !is_head(name));
    #[allow(clippy::cast_possible_truncation)]
    let columns = |sums: &[f64]| sums.iter().map(|&sum| sum as f32).collect();
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Imatrix {
        entries: observed.map(|(name, o)| (name, Columns { sums: columns(&o.sums), count: o.rows })).collect(),
        datasets: args.text.iter().chain(&args.image).map(name).collect(),
        chunks: count(chunks + args.image.len()),
        chunk_size: count(chunk),
    }
}
