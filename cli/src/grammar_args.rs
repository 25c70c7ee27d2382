//! The arguments that hold an answer to a JSON schema or a grammar.

use crate::failure::Failure;
use crate::read::standard_input;
use ocelli_engine::{Constraint, Grammar, Model};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Most bytes that are read of a schema or grammar: more than the engine takes, so that it says what the limit is.
const MOST: u64 = 1 << 20;

/// A schema or a grammar.
#[derive(clap::Args, Clone, Debug)]
pub struct GrammarArgs {
    /// Hold the answer to a JSON schema: a file, '-' for standard input, or the schema itself, which begins with '{'
    #[arg(long, value_name = "FILE", conflicts_with = "grammar", allow_hyphen_values = true)]
    json_schema: Option<String>,
    /// Hold the answer to a grammar in llguidance's variant of Lark: a file, '-' for standard input, or the grammar itself,
    /// which has a rule 'start:'
    #[arg(long, value_name = "FILE", allow_hyphen_values = true)]
    grammar: Option<String>,
}

/// What answers are held to, read.
#[derive(Debug)]
pub struct Held {
    name: String,
    schema: bool,
    text: String,
}

impl Held {
    /// For answers of a model.
    pub fn constraint(&self, model: &Model) -> Result<Box<dyn Constraint>, Failure> {
        let grammar = if self.schema { Grammar::JsonSchema(&self.text) } else { Grammar::Lark(&self.text) };
        let constraint = model.constraint(grammar);
        constraint.map_err(|e| Failure::usage(e.code(), format_args!("{}: {e}", self.name)))
    }
}

impl GrammarArgs {
    /// Whether standard input has it.
    pub fn reads_standard_input(&self) -> bool {
        [&self.json_schema, &self.grammar].into_iter().flatten().any(|text| text == "-")
    }

    /// What was asked for. `busy` is what standard input is read for otherwise, if it is.
    pub fn read(&self, busy: Option<&str>) -> Result<Option<Held>, Failure> {
        let (flag, value) = match (&self.json_schema, &self.grammar) {
            (Some(value), _) => ("--json-schema", value),
            (None, Some(value)) => ("--grammar", value),
            (None, None) => return Ok(None),
        };
        let schema = self.json_schema.is_some();
        let whole = if schema { value.trim_start().starts_with('{') } else { value.contains("start:") };
        let (name, text) = if whole {
            (flag.to_owned(), value.clone())
        } else if value == "-" {
            if let Some(busy) = busy {
                let what = format_args!("{flag} cannot read standard input, which {busy} does");
                return Err(Failure::usage("standard-input", what));
            }
            ("standard input".to_owned(), standard_input()?)
        } else {
            (value.clone(), read(Path::new(value))?)
        };
        Ok(Some(Held { name, schema, text }))
    }

    /// The constraint of it.
    pub fn constraint(&self, model: &Model, busy: Option<&str>) -> Result<Option<Box<dyn Constraint>>, Failure> {
        self.read(busy)?.map(|held| held.constraint(model)).transpose()
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MOST).read_to_end(&mut bytes));
    read.map_err(|e| Failure::reading("the grammar", path, &e))?;
    String::from_utf8(bytes).map_err(|_| Failure::usage("text", format_args!("{}: not UTF-8", path.display())))
}
