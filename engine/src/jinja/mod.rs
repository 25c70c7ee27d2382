//! Jinja2 templates, as transformers runs those of chats: in a sandbox, with `trim_blocks` and `lstrip_blocks`, loop
//! controls, `generation` blocks, `raise_exception`, `strftime_now` and its own `tojson`.
//!
//! Source: Jinja2 3.1.6 and transformers' `chat_template_utils`. What is rendered is what they render; what is not known
//! here is refused by name.
//!
//! It is no crate because minijinja 3.1 differs, without an error, in what nothing from outside can change: it orders
//! values of any two types (`none < 1` is true, where Jinja2 fails), asks a loop's condition for all elements before the
//! first round, gives elements of `map` and `select` again and again, finds an element before a method (`tool.items`),
//! and prints floats and undefined values within lists otherwise; it has no `%` of texts.
//!
//! The non-obvious thing: a template is a program from a stranger. It runs on fuel, which bounds
//! its time and memory, nests only so deep, and reaches nothing but its context and the clock.

mod attributes;
mod calls;
mod checks;
mod cursor;
mod date;
mod evaluate;
mod expressions;
mod filters;
mod format;
mod given;
mod json;
mod lexer;
mod loops;
mod numbers;
mod operators;
mod parser;
mod print;
mod run;
mod scopes;
mod sequences;
mod strings;
mod syntax;
#[cfg(test)]
mod tests;
mod unicode;
mod value;
mod zone;

pub(crate) use date::Time;
pub(crate) use parser::parse;
pub(crate) use run::render;
pub(crate) use syntax::Program;
pub(crate) use value::Value;

/// Why a template could not be parsed or rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It called `raise_exception`.
    Raised(String),
    OutOfFuel,
    Failed(String),
}

type R<T> = Result<T, Fault>;

fn fail<T>(why: impl Into<String>) -> R<T> {
    Err(Fault::Failed(why.into()))
}

/// A text of the template in an error: in quotes, its beginning only.
fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("'{}…'", &text[..at]),
        None => format!("'{text}'"),
    }
}
