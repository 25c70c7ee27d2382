//! What may be generated next, asked before every token: the hook of grammars, of lists of answers, of whatever a caller
//! wants to hold a text to.
//!
//! The non-obvious thing: a constraint has the last word. It is asked behind the processors and before the choice, and
//! for each beam of a search on its own, so it must be able to fork.

use crate::error::Error;
use std::fmt;

/// Decides which tokens may come next. One stands at one place of one text: it is told of every token that was chosen.
///
/// Options hold a constraint at the beginning of a text; each call of `generate` goes on from a fork of it.
pub trait Constraint: Send + Sync {
    /// Takes the logits of tokens that must not come next to negative infinity and leaves all others as they are. There is
    /// one logit for each row of the embedding table. A text ends by a token, too ([`crate::Defaults::eos_ids`]): it must
    /// be left where the text may end here.
    ///
    /// # Errors
    /// [`Error::Constraint`], where the constraint itself cannot go on.
    fn allow(&mut self, logits: &mut [f32]) -> Result<(), Error>;

    /// Takes note of a token that was chosen, the one that ends the text included, except in a search, which goes on with
    /// nothing behind it.
    ///
    /// # Errors
    /// [`Error::Refused`] for a token that must not come here, which was not one of those left by
    /// [`Constraint::allow`]; [`Error::Constraint`], where the constraint itself cannot go on.
    fn accept(&mut self, id: u32) -> Result<(), Error>;

    /// Another constraint that goes on from the same place.
    fn fork(&self) -> Box<dyn Constraint>;
}

impl Clone for Box<dyn Constraint> {
    fn clone(&self) -> Self {
        self.fork()
    }
}

impl fmt::Debug for dyn Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Constraint")
    }
}
