//! `ocelli embed`: the numbers that a picture or a text is compared by, for an index or a program of one's own.

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::model_args::{BudgetArgs, ModelArgs};
use crate::output::{Notes, Out, counted, number};
use crate::read::picture;
use ocelli_convert::write_atomically;
use ocelli_engine::{Embedding, Error};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const AFTER: &str = "\
EXAMPLES
  ocelli embed itm.gguf -i cat.png -o cat.npy
  ocelli embed itm.gguf --text 'a cat on a mat' --json
  ocelli embed itm.gguf -i cat.png --raw -o - | program

A picture becomes a row for each of the model's queries, a text one row. Rows have length one, so that the product of two is
their cosine, and the greatest with a picture's rows is the \"itc\" of 'ocelli match'.

The file is NumPy's, of 32-bit floats: numpy.load reads it. With --json standard output is one object:
  {\"embedding\": [[...], ...]}

Models that can are BLIP-2's first stage, such as Salesforce/blip2-itm-vit-g: 'ocelli convert' makes a file of it.";

/// The numbers that a picture or a text is compared by
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// A picture: PNG, JPEG, WebP, BMP, TIFF or a GIF's first frame; '-' is standard input
    #[arg(short, long, value_name = "PATH", required_unless_present = "text", conflicts_with = "text")]
    image: Option<PathBuf>,
    /// A text
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    text: Option<String>,
    /// Rows as the last layer makes them, of any length
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    memory: BudgetArgs,
    /// Write a NumPy file of the rows; '-' is standard output
    #[arg(short, long, value_name = "FILE", required_unless_present = "json", help_heading = "Output")]
    output: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long, conflicts_with = "output", help_heading = "Output")]
    json: bool,
    /// No notes on standard error
    #[arg(short, long, help_heading = "Output")]
    quiet: bool,
}

pub fn run(args: &Args, interrupt: &Interrupt) -> Result<(), Failure> {
    let notes = Notes::new(args.quiet);
    notes.stage(format_args!("loading"));
    let model = args.model.open(args.quiet)?.model;
    model.compares().ok_or(Error::NoMatching)?;
    let seen = args.image.as_ref().map(|path| picture(path, &model.image_limits())).transpose()?;
    let mut session = model.session(&args.memory.session())?;
    interrupt.cancels(session.cancel_handle());
    notes.stage(format_args!("embedding"));
    let found = match (&seen, &args.text) {
        (Some(picture), _) => session.compared_image(picture, args.raw),
        (None, text) => session.compared_texts(&[text.as_deref().unwrap_or_default()], args.raw),
    };
    notes.clear();
    let found = found?;
    match &args.output {
        None => {
            let row = |row: &[f32]| row.iter().map(|&value| number(value)).collect::<Value>();
            Out::new().json(&json!({ "embedding": found.rows().map(row).collect::<Vec<Value>>() }))
        }
        Some(path) if path == Path::new("-") => {
            let mut out = io::stdout().lock();
            Ok(out.write_all(&npy(&found)).and_then(|()| out.flush())?)
        }
        Some(path) => {
            write_atomically(path, &npy(&found))?;
            let rows = counted(found.rows().count(), "row");
            notes.line(format_args!("{rows} of {} numbers in {}", found.width, path.display()));
            Ok(())
        }
    }
}

/// The rows as NumPy's format 1.0 has them: a magic, a header that fills a multiple of 64 bytes, the numbers.
fn npy(rows: &Embedding) -> Vec<u8> {
    const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";
    let shape = (rows.rows().count(), rows.width);
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", shape.0, shape.1);
    let before = MAGIC.len() + 2;
    let filled = (before + header.len() + 1).next_multiple_of(64);
    header.extend(std::iter::repeat_n(' ', filled - before - header.len() - 1));
    header.push('\n');
    let length = u16::try_from(header.len()).unwrap_or(u16::MAX);
    let mut bytes = [MAGIC, &length.to_le_bytes(), header.as_bytes()].concat();
    bytes.extend(rows.values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}
