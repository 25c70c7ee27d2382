//! What of generated tokens is text: the same for what is streamed and for what is given at the end.

use crate::error::Error;
use crate::model::Model;
use crate::sampling::GenerateOptions;
use crate::tokenizer::Utf8Stream;

/// How tokens become text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    special: bool,
    /// Byte for byte, as a constraint has seen it.
    exact: bool,
}

impl Shown {
    pub fn of(options: &GenerateOptions) -> Self {
        Self { special: options.keep_special, exact: options.constraint.is_some() }
    }

    pub fn stream(self, model: &Model) -> Utf8Stream {
        let tokenizer = model.tokenizer();
        if self.exact { tokenizer.exact_stream(!self.special) } else { tokenizer.stream(!self.special) }
    }

    /// Whether a token has no text. The embedding table may have more rows than the vocabulary, and special tokens that
    /// begin, end or pad a text are never part of it. An ending token that is no special one (OPT's line break, say) has
    /// text, as in the reference.
    pub fn hides(self, model: &Model, id: u32) -> bool {
        let tokenizer = model.tokenizer();
        let ends = || model.defaults().ends(id) || tokenizer.end_ids().contains(&id);
        let frames = || ends() || [tokenizer.bos(), tokenizer.pad()].contains(&Some(id));
        id as usize >= tokenizer.vocab_size() || tokenizer.is_special(id) && (!self.special || frames())
    }

    /// The whole text.
    pub fn text(self, model: &Model, ids: &[u32]) -> Result<String, Error> {
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
