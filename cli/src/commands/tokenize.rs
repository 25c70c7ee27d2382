//! `ocelli tokenize`: text to token ids and back, with a model's own tokenizer. The weights are not opened: a file that
//! holds a vocabulary and nothing else will do.

use crate::failure::Failure;
use crate::model_args::ModelArgs;
use crate::output::Out;
use crate::prompt_args::standard_input;
use ocelli_engine::Error;
use ocelli_engine::tokenizer::{EncodeOptions, Tokenizer, TokenizerError};
use serde_json::{Value, json};

const AFTER: &str = "\
EXAMPLES
  ocelli tokenize -m blip2.gguf 'a photo of'
  ocelli tokenize -m blip2.gguf --ids - < prompt.txt
  ocelli tokenize -m blip2.gguf --decode 102 1345 9

With --json standard output is [{\"id\", \"text\"}], or {\"text\"} with --decode.";

/// Show the tokens of a text, or the text of tokens
#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// The text; '-' reads standard input. One that begins like an option of this command goes behind '--'
    #[arg(required_unless_present = "decode", conflicts_with = "decode", allow_hyphen_values = true)]
    text: Option<String>,
    /// The ids only, on one line
    #[arg(long, conflicts_with_all = ["json", "decode"])]
    ids: bool,
    /// Without the tokens the model puts around a text
    #[arg(long, conflicts_with = "decode")]
    no_special: bool,
    /// Print the text of these ids
    #[arg(long, value_name = "ID", num_args = 1..)]
    decode: Vec<u32>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    model: ModelArgs,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let tokenizer = &args.model.tokenizer()?;
    let mut out = Out::new();
    let Some(text) = &args.text else {
        let text = tokenizer.decode(&args.decode, false).map_err(Error::from)?;
        if args.json {
            return out.json(&json!({ "text": text }));
        }
        out.model_text(&text)?;
        out.line("")?;
        return out.flush();
    };
    let text = if text == "-" { &standard_input()? } else { text };
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

/// A token in quotes; bytes that are no whole characters in hexadecimal.
fn piece(tokenizer: &Tokenizer, id: u32) -> Result<String, TokenizerError> {
    let bytes = tokenizer.token_bytes(id)?;
    Ok(match std::str::from_utf8(bytes) {
        Ok(text) => format!("{text:?}"),
        Err(_) => bytes.iter().map(|b| format!("\\x{b:02x}")).collect(),
    })
}
