//! What of generated tokens is text: the same for what is streamed and for what is given at the end.

use super::stop::Stops;
use crate::error::Error;
use crate::model::Model;
use crate::sampling::GenerateOptions;
use crate::tokenizer::{EncodeOptions, Utf8Stream};

/// How tokens become text.
#[derive(Debug, Clone, Copy)]
struct Shown {
    special: bool,
    /// Byte for byte, as a constraint has seen it.
    exact: bool,
}

impl Shown {
    fn stream(self, model: &Model) -> Utf8Stream {
        let tokenizer = model.tokenizer();
        if self.exact { tokenizer.exact_stream(!self.special) } else { tokenizer.stream(!self.special) }
    }

    /// Whether a token has no text. The embedding table may have more rows than the vocabulary, and special tokens that
    /// begin, end or pad a text are never part of it. An ending token that is no special one (OPT's line break, say) has
    /// text, as in the reference.
    fn hides(self, model: &Model, id: u32) -> bool {
        let tokenizer = model.tokenizer();
        let ends = || model.defaults().ends(id) || tokenizer.end_ids().contains(&id);
        let frames = || ends() || [tokenizer.bos(), tokenizer.pad()].contains(&Some(id));
        id as usize >= tokenizer.vocab_size() || tokenizer.is_special(id) && (!self.special || frames())
    }

    /// The whole text, stop strings and all.
    fn text(self, model: &Model, ids: &[u32]) -> Result<String, Error> {
        let tokenizer = model.tokenizer();
        let shown: Vec<u32> = ids.iter().copied().filter(|&id| !self.hides(model, id)).collect();
        if !self.exact {
            return Ok(tokenizer.decode(&shown, !self.special)?);
        }
        let mut stream = self.stream(model);
        let mut text = String::new();
        for &id in &shown {
            text.push_str(stream.push(tokenizer, id)?);
        }
        text.push_str(stream.flush());
        Ok(text)
    }
}

/// A text while its tokens come, up to a stop string. Clones go their own ways.
#[derive(Debug, Clone)]
pub(super) struct Text {
    shown: Shown,
    stream: Utf8Stream,
    stops: Stops,
}

/// A text that has ended.
#[derive(Default)]
pub(super) struct Whole {
    pub text: String,
    /// Where a stop string ended it, the tokens of what is left.
    pub left: Option<Vec<u32>>,
}

impl Text {
    pub fn new(model: &Model, options: &GenerateOptions) -> Self {
        let shown = Shown { special: options.keep_special, exact: options.constraint.is_some() };
        Self { shown, stream: shown.stream(model), stops: Stops::new(&options.stop) }
    }

    /// What a token makes certain of the text, perhaps nothing.
    pub fn push(&mut self, model: &Model, id: u32) -> Result<&str, Error> {
        let tokenizer = model.tokenizer();
        if self.shown.hides(model, id) {
            // One that ends the text anyway needs no stop string.
            let bytes = if model.defaults().ends(id) { &[] } else { tokenizer.token_bytes(id).unwrap_or_default() };
            return Ok(self.stops.push_hidden(bytes));
        }
        Ok(self.stops.push(self.stream.push(tokenizer, id)?))
    }

    /// The text ends; what of it was held back. A character that is not complete is U+FFFD, as in the reference.
    pub fn end(&mut self) -> &str {
        self.stops.end(self.stream.flush())
    }

    /// Whether a stop string ended it.
    pub fn stopped(&self) -> bool {
        self.stops.found()
    }

    /// The text of tokens whose last ended it, or behind which it was cut.
    pub fn whole(&self, model: &Model, ids: &[u32]) -> Result<Whole, Error> {
        let mut text = self.shown.text(model, ids)?;
        match self.stops.find(&text) {
            Some(end) => text.truncate(end),
            None if !self.stopped() => return Ok(Whole { text, left: None }),
            None => {}
        }
        // The tokens before the one in which the stop string begins, then what that one has before it.
        let mut left = ids.to_vec();
        let rest = loop {
            if left.pop().is_none() {
                break text.as_str();
            }
            if let Some(rest) = text.strip_prefix(&self.shown.text(model, &left)?) {
                break rest;
            }
        };
        let options = EncodeOptions { add_special: false, parse_special: false };
        left.extend(model.tokenizer().encode_piece(rest, options, left.is_empty())?);
        Ok(Whole { text, left: Some(left) })
    }
}
