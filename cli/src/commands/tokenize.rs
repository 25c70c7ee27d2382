//! `ocelli tokenize`: text to token ids and back, with a model's own tokenizer. The weights are not opened: a file that
//! holds a vocabulary and nothing else will do.

use crate::failure::Failure;
use crate::model_args::{ModelArgs, ModelFile};
use crate::output::Out;
use crate::read::standard_input;
use crate::vocabulary::any_text;
use ocelli_engine::Error;
use ocelli_engine::tokenizer::{EncodeOptions, Tokenizer, TokenizerError};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const AFTER: &str = "\
EXAMPLES
  ocelli tokenize blip2.gguf 'a photo of'
  ocelli tokenize -m blip2.gguf --ids - < prompt.txt
  ocelli tokenize -m blip2.gguf --decode 102 1345 9
  ocelli tokenize 'a photo of'

With --json standard output is [{\"id\", \"text\"}], or {\"text\"} with --decode.";

/// Show the tokens of a text, or the text of tokens
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// The text, behind the model or alone; '-' reads standard input. One that begins like an option of this command goes
    /// behind '--'
    #[arg(value_name = "TEXT", allow_hyphen_values = true, value_parser = any_text())]
    text: Option<PathBuf>,
    /// The ids only, on one line
    #[arg(long, conflicts_with_all = ["json", "decode"])]
    ids: bool,
    /// Without the tokens the model puts around a text
    #[arg(long, conflicts_with = "decode")]
    no_special: bool,
    /// Print the text of these ids, with blanks or commas between them
    #[arg(long, value_name = "ID", num_args = 1.., value_delimiter = ',')]
    decode: Vec<u32>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let (model, text) = places(args)?;
    let tokenizer = &args.model.tokenizer(model.as_deref())?;
    let mut out = Out::new();
    let Some(text) = text else {
        let text = tokenizer.decode(&args.decode, false).map_err(Error::from)?;
        if args.json {
            return out.json(&json!({ "text": text }));
        }
        out.model_text(&text)?;
        out.line("")?;
        return out.flush();
    };
    let text = if text == "-" { &standard_input()? } else { &text };
    let options = EncodeOptions { add_special: !args.no_special, parse_special: true };
    let ids = tokenizer.encode(text, options).map_err(Error::from)?;
    if args.json {
        let token = |&id: &u32| Ok(json!({ "id": id, "text": String::from_utf8_lossy(tokenizer.token_bytes(id)?) }));
        let tokens = ids.iter().map(token).collect::<Result<Vec<Value>, TokenizerError>>().map_err(Error::from)?;
        return out.json(&tokens.into());
    }
    if args.ids {
        out.line(ids.iter().map(u32::to_string).collect::<Vec<_>>().join(" "))?;
        return out.flush();
    }
    for &id in &ids {
        out.line(format_args!("{id:>7}  {}", piece(tokenizer, id).map_err(Error::from)?))?;
    }
    out.flush()
}

/// The model, and the text unless ids are decoded. A bare argument alone is what cannot be left out: the text, or the
/// model of ids.
fn places(args: &Args) -> Result<(Option<PathBuf>, Option<String>), Failure> {
    let file = &args.model.file;
    let mut bare: Vec<&PathBuf> = file.bare.iter().chain(&args.text).collect();
    let texts = usize::from(args.decode.is_empty());
    // Nobody means a model file as the text.
    let alone = file.model.is_none() && bare.len() == texts && bare.first().is_some_and(|path| is_model(path));
    let model = match &file.model {
        None if bare.len() > texts || alone => Some(bare.remove(0).clone()),
        None => ModelFile::fallback(),
        named => named.clone(),
    };
    if let Some(more) = bare.get(texts) {
        let what = format_args!("unexpected argument '{}' found", more.display());
        return Err(Failure::usage("usage", what).with_hint("a text is one argument: quotes keep it together"));
    }
    if texts == 0 {
        return Ok((model, None));
    }
    let missing = "the following required arguments were not provided: <TEXT>";
    let text = bare.first().ok_or_else(|| {
        Failure::usage("usage", missing).with_hint("'ocelli tokenize MODEL TEXT' shows the tokens of a text")
    })?;
    let text = text.to_str().ok_or_else(|| Failure::usage("usage", "the text is not UTF-8"))?;
    Ok((model, Some(text.to_owned())))
}

fn is_model(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gguf") && path.is_file()
}

/// A token in quotes; bytes that are no whole characters in hexadecimal.
fn piece(tokenizer: &Tokenizer, id: u32) -> Result<String, TokenizerError> {
    let bytes = tokenizer.token_bytes(id)?;
    Ok(match std::str::from_utf8(bytes) {
        Ok(text) => format!("{text:?}"),
        Err(_) => bytes.iter().map(|b| format!("\\x{b:02x}")).collect(),
    })
}
