//! Texts held to a JSON schema or a grammar. The work is that of llguidance, which walks the vocabulary's tokens byte by
//! byte beside an Earley parser; it is there where the crate is built with the feature `grammar`.

#[cfg(feature = "grammar")]
mod guided;

use super::{Constraint, Defaults};
use crate::error::Error;
use crate::tokenizer::Tokenizer;

/// Whether this build can hold texts to schemas and grammars.
pub const GRAMMARS: bool = cfg!(feature = "grammar");

/// Longest schema or grammar, in bytes.
const LONGEST: usize = 256 << 10;

/// What a text is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grammar<'a> {
    /// A JSON schema: the text is one JSON value that it allows. What of JSON Schema llguidance does not do is refused;
    /// other words are notes, as the standard has it.
    /// Between the parts of the value there is at most a blank, or a line break with up to sixteen.
    JsonSchema(&'a str),
    /// A context-free grammar as llguidance reads it, a variant of Lark's: the text is what the rule `start` describes. A
    /// regular expression is a grammar, `start: /yes|no/`, and special tokens are written `<|name|>` or `<[id]>`.
    Lark(&'a str),
}

impl Grammar<'_> {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::JsonSchema(_) => "JSON schema",
            Self::Lark(_) => "grammar",
        }
    }

    /// Refuses what is too large to be read.
    fn check(&self) -> Result<(), Error> {
        let (Self::JsonSchema(text) | Self::Lark(text)) = self;
        if text.len() > LONGEST {
            let reason = format!("it has {} bytes, the limit is {LONGEST}", text.len());
            return Err(Error::Constraint { what: self.name(), reason });
        }
        Ok(())
    }
}

/// A model's tokens as grammars see them, made when the first grammar needs them.
#[derive(Default)]
pub(crate) struct Grammars(#[cfg(feature = "grammar")] std::sync::OnceLock<guided::Tokens>);

impl Grammars {
    /// A constraint that holds a text of `vocabulary` possible tokens to `grammar`.
    ///
    /// # Errors
    /// [`Error::Constraint`], and [`Error::NotBuilt`] without the feature `grammar`.
    pub fn constraint(
        &self,
        tokenizer: &Tokenizer,
        defaults: &Defaults,
        vocabulary: usize,
        grammar: Grammar<'_>,
    ) -> Result<Box<dyn Constraint>, Error> {
        grammar.check()?;
        #[cfg(not(feature = "grammar"))]
        {
            let _ = (tokenizer, defaults, vocabulary);
            Err(Error::NotBuilt { what: grammar.name(), feature: "grammar" })
        }
        #[cfg(feature = "grammar")]
        {
            let tokens = match self.0.get() {
                Some(tokens) => tokens,
                None => {
                    let tokens = guided::Tokens::new(tokenizer, defaults, vocabulary)?;
                    self.0.get_or_init(|| tokens)
                }
            };
            tokens.constraint(grammar)
        }
    }
}
