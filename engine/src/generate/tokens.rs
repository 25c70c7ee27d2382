//! Token ids in, logits out: a sequence that the caller drives, with its own choice of every next token. Benchmarks,
//! perplexities and decoding strategies that are not ours are written on it.

use crate::blocks::cache::Sequence;
use crate::error::Error;
use crate::models::check_ids;
use crate::prompt::Item;
use crate::session::{Event, Session, Timings, Wants};
use std::ops::ControlFlow;

/// One sequence of a session, empty at first. After an error only [`Tokens::clear`] makes it usable again.
pub struct Tokens<'a> {
    session: &'a mut Session,
    sequence: Sequence,
}

impl Session {
    /// A sequence of token ids; the session is the caller's again when it is dropped.
    pub fn tokens(&mut self) -> Tokens<'_> {
        self.forget();
        Tokens { session: self, sequence: Sequence::default() }
    }
}

impl Tokens<'_> {
    /// Positions so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sequence.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets the positions from `len` on, so that another continuation of the same past can follow.
    pub fn truncate(&mut self, len: usize) {
        self.session.slots().truncate(&mut self.sequence, len);
    }

    /// Forgets the sequence.
    pub fn clear(&mut self) {
        self.sequence = Sequence::default();
        self.session.done();
    }

    /// Has the encoder read `ids` as they are, whatever it has read before, and begins the decoder's text beside them: the
    /// logits that follow the token it starts with. Of models whose encoder reads prompts; all that is fed is the text.
    ///
    /// # Errors
    /// As [`Tokens::feed`], and [`Error::BadOption`] where no encoder reads prompts.
    pub fn read(&mut self, ids: &[u32]) -> Result<&[f32], Error> {
        if !self.session.encodes() {
            let rule = "an encoder must read it, and this model has none: feed it";
            return Err(Error::BadOption { name: "source", got: format!("{} ids", ids.len()), rule });
        }
        self.clear();
        self.check(ids)?;
        let items = [Item::Tokens(ids.to_vec())];
        let sink = &mut |_: Event<'_>| ControlFlow::Continue(());
        self.session.run_prompt(&items, 0, &mut self.sequence, &mut Timings::default(), &mut Wants::Last, sink)?;
        Ok(self.session.logits())
    }

    /// Appends `ids`; the logits that follow the last, as many as the embedding table has rows.
    ///
    /// # Errors
    /// [`Error::BadOption`] for no ids or one that the model does not have, [`Error::ContextFull`], [`Error::Cancelled`].
    pub fn feed(&mut self, ids: &[u32]) -> Result<&[f32], Error> {
        self.run(ids, &mut Wants::Last)?;
        Ok(self.session.logits())
    }

    /// Appends `ids`; `each` is given the index of every id and the logits that follow it.
    ///
    /// # Errors
    /// As [`Tokens::feed`].
    pub fn feed_each(&mut self, ids: &[u32], each: &mut dyn FnMut(usize, &[f32])) -> Result<(), Error> {
        let mut index = 0;
        let mut each = |logits: &[f32]| {
            each(index, logits);
            index += 1;
        };
        self.run(ids, &mut Wants::Each(&mut each))
    }

    fn check(&self, ids: &[u32]) -> Result<(), Error> {
        if ids.is_empty() {
            return Err(Error::BadOption { name: "token ids", got: "none".to_owned(), rule: "at least one" });
        }
        check_ids(ids, self.session.vocabulary())?;
        let (prompt, context) = (self.len(), self.session.room());
        if prompt + ids.len() > context {
            return Err(Error::ContextFull { needed: prompt + ids.len(), prompt, new: ids.len(), context });
        }
        Ok(())
    }

    fn run(&mut self, ids: &[u32], wants: &mut Wants<'_>) -> Result<(), Error> {
        self.check(ids)?;
        if self.session.encodes() {
            return self.run_beside(ids, wants);
        }
        let items = [Item::Tokens(ids.to_vec())];
        let sink = &mut |_: Event<'_>| ControlFlow::Continue(());
        let reach = self.len() + ids.len();
        self.session.turn(&mut self.sequence, reach)?;
        self.session.run_prompt(&items, 0, &mut self.sequence, &mut Timings::default(), wants, sink)
    }

    /// Runs ids beside the source that was read.
    fn run_beside(&mut self, ids: &[u32], wants: &mut Wants<'_>) -> Result<(), Error> {
        if self.is_empty() {
            let rule = "read first: an encoder-decoder writes beside one";
            return Err(Error::BadOption { name: "source", got: "none".to_owned(), rule });
        }
        let batch = self.session.batch();
        let mut left = ids;
        while !left.is_empty() {
            let (some, rest) = left.split_at(batch.min(left.len()));
            let (mut nothing, last) = (Wants::Nothing, rest.is_empty());
            let wants = if matches!(wants, Wants::Last) && !last { &mut nothing } else { &mut *wants };
            self.session.run(std::slice::from_mut(&mut self.sequence), some, &[some.len()], wants)?;
            left = rest;
        }
        Ok(())
    }
}

impl Drop for Tokens<'_> {
    fn drop(&mut self) {
        self.session.done();
    }
}
