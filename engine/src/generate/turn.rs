//! A text while it is written, one token at a time: what [`Session::generate`] loops over, and what a caller who wants
//! to decide after every token drives by hand. Both take the same path, so they write the same.

use super::shown::Shown;
use super::{Finish, Generation};
use crate::error::Error;
use crate::model::Model;
use crate::prompt::Prompt;
use crate::sampling::{GenerateOptions, History, Sampler};
use crate::session::{Prefix, Session, Sink, Timings};
use crate::tokenizer::Utf8Stream;
use std::time::Instant;

/// The choices so far, and how the next is made.
pub(super) struct Turn {
    sampler: Sampler,
    history: History,
    shown: Shown,
    stream: Utf8Stream,
    most: usize,
    /// Why the text ended, once it has.
    pub finish: Option<Finish>,
}

impl Turn {
    pub fn new(model: &Model, history: History, options: &GenerateOptions) -> Self {
        let shown = Shown::of(options);
        Self {
            sampler: Sampler::new(options.sampling.clone()),
            history,
            stream: shown.stream(model),
            shown,
            most: options.max_new_tokens,
            finish: None,
        }
    }

    /// Chooses a token from the logits behind `position` positions; the text it completes, perhaps none.
    pub fn choose(&mut self, model: &Model, logits: &mut [f32], position: usize) -> Result<&str, Error> {
        self.history.process(model.defaults(), logits, position)?;
        let id = self.sampler.choose(logits).ok_or(Error::NotANumber { position })?;
        self.history.push(id)?;
        if self.shown.hides(model, id) { Ok("") } else { Ok(self.stream.push(model.tokenizer(), id)?) }
    }

    /// The token that was chosen, if the text goes on behind it.
    pub fn go_on(&mut self, model: &Model, stopped: bool) -> Option<u32> {
        let ids = self.history.ids();
        let id = *ids.last()?;
        self.finish = if model.defaults().ends(id) {
            Some(Finish::Eos)
        } else if stopped {
            Some(Finish::Stopped)
        } else if ids.len() == self.most {
            Some(Finish::Length)
        } else {
            None
        };
        self.finish.is_none().then_some(id)
    }

    /// The tokens, why there are no more, and text that no token has completed.
    pub fn end(mut self) -> (Vec<u32>, Finish, String) {
        let rest = self.stream.flush().to_owned();
        (self.history.into_ids(), self.finish.unwrap_or(Finish::Stopped), rest)
    }
}

/// A text that a caller has written token by token. The session must do nothing else meanwhile.
pub(crate) struct Writing {
    prefix: Prefix,
    turn: Turn,
    /// Chosen, but not run yet.
    waiting: Option<u32>,
    timings: Timings,
    text: String,
}

impl Writing {
    /// Why the text ended, once it has.
    pub fn finish(&self) -> Option<Finish> {
        self.turn.finish
    }
}

impl Session {
    /// Runs a prompt for [`Session::advance`].
    ///
    /// # Errors
    /// As [`Session::generate`], and [`Error::BadOption`] for beams, which have no next token.
    pub(crate) fn begin(
        &mut self,
        prompt: &Prompt,
        options: &GenerateOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Writing, Error> {
        if options.beams > 1 {
            let rule = "beams end together: 1 where tokens are taken one by one";
            return Err(Error::BadOption { name: "beams", got: options.beams.to_string(), rule });
        }
        let (items, options, positions) = self.fitted(prompt, options)?;
        let mut timings = Timings { prompt: positions, ..Timings::default() };
        let prefix = self.prefill(&items, sink, &mut timings);
        if prefix.is_err() {
            self.done();
        }
        self.reset_cancel();
        let history = History::new(self.model().placed_ids(&items), &options, self.vocabulary());
        let turn = Turn::new(self.model(), history, &options);
        Ok(Writing { prefix: prefix?, turn, waiting: None, timings, text: String::new() })
    }

    /// The next token, and the text it completes in whole characters; `None` behind the last. Behind an error the writing
    /// is of no more use.
    ///
    /// # Errors
    /// [`Error::Cancelled`], [`Error::NotANumber`], [`Error::NothingAllowed`], and what the constraint says.
    pub(crate) fn advance<'w>(&mut self, writing: &'w mut Writing) -> Result<Option<(u32, &'w str)>, Error> {
        let start = Instant::now();
        let model = self.model().clone();
        let Writing { prefix, turn, waiting, timings, text } = writing;
        if turn.finish.is_some() {
            return Ok(None);
        }
        if let Some(id) = waiting.take() {
            let ran = self.step(std::slice::from_mut(&mut prefix.sequence), &[id]);
            if ran.is_err() {
                self.done();
            }
            self.reset_cancel();
            ran?;
        }
        text.clear();
        text.push_str(turn.choose(&model, self.logits_mut(), prefix.sequence.len())?);
        *waiting = turn.go_on(&model, false);
        if waiting.is_none() {
            text.push_str(turn.stream.flush());
        }
        let id = turn.history.ids().last().copied().unwrap_or_default();
        timings.generate += start.elapsed();
        timings.generated += 1;
        Ok(Some((id, text)))
    }

    /// What was written. The prompt and it are kept, if the session keeps anything.
    pub(crate) fn end(&mut self, writing: Writing) -> Generation {
        let Writing { mut prefix, turn, timings, .. } = writing;
        let shown = turn.shown;
        let (ids, finish, _) = turn.end();
        prefix.append(&ids);
        self.keep(prefix);
        self.free_slots();
        // Every id was chosen among the model's own, and those without text are left out.
        let text = shown.text(self.model(), &ids).unwrap_or_default();
        Generation { text, ids, finish, timings }
    }
}
