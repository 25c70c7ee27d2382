//! An answer on its way to standard output, and what is said of its end.
//!
//! The non-obvious thing: an answer that begins with a word begins with the blank that joins it to the prompt. That one blank
//! is left out, and no other white space. And where tokens end inside a character, the reference's text ends with U+FFFD: so
//! does --json, but what people read ends behind the last whole character.

use crate::failure::Failure;
use crate::output::{Notes, Out, counted};
use crate::wrap::Wrap;
use ocelli_engine::tokenizer::Tokenizer;
use ocelli_engine::{Finish, Generation};

/// Of an answer under a schema or grammar.
const CUT: &str = "the answer was cut before the schema or grammar lets it end: a larger -n gives it room";

/// A text without the blank that joins it to the prompt, where the tokenizer that puts one there is given: what a grammar
/// holds is exactly what was written.
pub fn unjoined<'t>(joins: Option<&Tokenizer>, text: &'t str) -> &'t str {
    joins.map_or(text, |tokenizer| tokenizer.unjoined(text))
}

/// Holds U+FFFD back until something comes behind: at the end it is a character that was cut.
#[derive(Default)]
struct Whole {
    held: usize,
}

impl Whole {
    fn push(&mut self, piece: &str) -> String {
        let whole = piece.trim_end_matches(char::REPLACEMENT_CHARACTER);
        let held = (piece.len() - whole.len()) / char::REPLACEMENT_CHARACTER.len_utf8();
        if whole.is_empty() {
            self.held += held;
            return String::new();
        }
        format!("{}{whole}", "\u{FFFD}".repeat(std::mem::replace(&mut self.held, held)))
    }
}

/// The answer on its way to standard output, [`unjoined`].
pub struct Answer<'a> {
    out: &'a mut Out,
    joins: Option<&'a Tokenizer>,
    plain: bool,
    written: bool,
    /// The beginning, until it is more than a blank.
    held: String,
    whole: Whole,
    /// Where lines end, on a terminal.
    wrap: Option<Wrap>,
}

impl<'a> Answer<'a> {
    /// Nothing is written if not `plain`.
    pub fn new(out: &'a mut Out, joins: Option<&'a Tokenizer>, plain: bool) -> Self {
        Self { out, joins, plain, written: false, held: String::new(), whole: Whole::default(), wrap: None }
    }

    /// With words that are not broken.
    pub fn wrapped(self, wrap: Option<Wrap>) -> Self {
        Self { wrap, ..self }
    }

    fn write(&mut self, text: &str) -> Result<(), Failure> {
        let Some(wrap) = &mut self.wrap else { return self.out.model_text(text) };
        let mut lines = String::new();
        wrap.push(text, &mut lines);
        self.out.model_text(&lines)
    }

    pub fn piece(&mut self, piece: &str) -> Result<(), Failure> {
        let piece = &self.whole.push(piece);
        if !self.plain || piece.is_empty() {
            return Ok(());
        }
        if self.written {
            self.write(piece)?;
        } else {
            self.held.push_str(piece);
            if self.held == " " {
                return Ok(());
            }
            self.begin()?;
        }
        self.out.flush()
    }

    fn begin(&mut self) -> Result<(), Failure> {
        self.written |= !self.held.is_empty();
        let held = std::mem::take(&mut self.held);
        let joins = self.joins;
        self.write(unjoined(joins, &held))
    }

    /// The end of its line, if there is anything on it or the answer is `complete`.
    pub fn end(&mut self, complete: bool) -> Result<(), Failure> {
        if self.plain && (complete || self.written) {
            self.begin()?;
            let mut rest = String::new();
            self.wrap.iter_mut().for_each(|wrap| wrap.end(&mut rest));
            self.out.model_text(&rest)?;
            self.out.line("")?;
            self.out.flush()?;
        }
        Ok(())
    }
}

/// Says of an answer what cannot be seen from it: that it was cut, or why there is nothing.
pub fn ending(notes: &Notes, generation: &Generation, constrained: bool, joins: Option<&Tokenizer>) {
    let cut = matches!(generation.finish, Finish::Length | Finish::Context);
    let tokens = counted(generation.ids.len(), "token");
    if constrained && cut {
        notes.line(format_args!("{CUT}"));
    } else if generation.finish == Finish::Length {
        notes.line(format_args!("the answer was cut after {tokens}: a larger -n gives it room"));
    } else if generation.finish == Finish::Context {
        notes.line(format_args!("the answer was cut after {tokens}: the context is full"));
    }
    if !unjoined(joins, &generation.text).trim().is_empty() {
        return;
    }
    let what = match generation.finish {
        Finish::Eos if generation.ids.len() == 1 => "the model ended it at once",
        Finish::StopString => "it begins with a stop string",
        _ if generation.text.is_empty() => "its tokens have no text; --keep-special shows special ones",
        _ => "it is white space",
    };
    notes.line(format_args!("the answer is empty: {what}"));
}

#[cfg(test)]
mod tests {
    use super::Whole;

    #[test]
    fn answers_end_behind_a_whole_character() {
        for (pieces, wanted) in [
            (&["a", "\u{FFFD}"][..], "a"),
            (&["a\u{FFFD}", "\u{FFFD}", "b\u{FFFD}c\u{FFFD}\u{FFFD}"], "a\u{FFFD}\u{FFFD}b\u{FFFD}c"),
            (&["\u{FFFD}", ""], ""),
            (&["é", "!"], "é!"),
        ] {
            let mut whole = Whole::default();
            let text: String = pieces.iter().map(|piece| whole.push(piece)).collect();
            assert_eq!(text, wanted);
        }
    }
}
