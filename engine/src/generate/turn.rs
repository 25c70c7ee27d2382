//! A text while it is written, one token at a time: what [`Session::generate`] loops over, and what a caller who wants
//! to decide after every token drives by hand. Both take the same path, so they write the same.

use super::guesses::Ahead;
use super::shown::Text;
use super::{Chosen, Finish, Fitted, Generation};
use crate::error::Error;
use crate::model::Model;
use crate::prompt::Prompt;
use crate::sampling::{GenerateOptions, History, Sampler, log_probability, log_sum};
use crate::session::{Prefix, Session, Sink, Timings};
use std::time::Instant;

/// The choices so far, and how the next is made.
pub(super) struct Turn {
    sampler: Sampler,
    history: History,
    text: Text,
    most: usize,
    /// Why the text ends where it has as many tokens.
    full: Finish,
    /// Of each token, and the logits as the model gave them, where they are wanted.
    logprobs: Option<(Vec<f32>, Vec<f32>)>,
    /// Why the text ended, once it has.
    pub finish: Option<Finish>,
}

impl Turn {
    pub fn new(model: &Model, history: History, options: &GenerateOptions, full: Finish) -> Self {
        Self {
            sampler: Sampler::new(options.sampling.clone()),
            history,
            text: Text::new(model, options),
            most: options.max_new_tokens,
            full,
            logprobs: options.logprobs.then(Default::default),
            finish: None,
        }
    }

    /// Chooses a token from the logits behind `position` positions; the text it makes certain, perhaps none.
    pub fn choose(&mut self, model: &Model, logits: &mut [f32], position: usize) -> Result<&str, Error> {
        if let Some((_, raw)) = &mut self.logprobs {
            raw.clear();
            raw.extend_from_slice(logits);
        }
        self.history.process(model.defaults(), logits, position)?;
        let id = self.sampler.choose(logits).ok_or(Error::NotANumber { position })?;
        if let Some((logprobs, raw)) = &mut self.logprobs {
            let sum = log_sum(raw).ok_or(Error::NotANumber { position })?;
            logprobs.push(log_probability(raw[id as usize], sum));
        }
        self.history.push(id)?;
        self.text.push(model, id)
    }

    /// The log-probability of the token that was chosen last, where they are wanted.
    fn logprob(&self) -> Option<f32> {
        self.logprobs.as_ref()?.0.last().copied()
    }

    /// The token that was chosen, if the text goes on behind it.
    pub fn go_on(&mut self, model: &Model, stopped: bool) -> Option<u32> {
        let ids = self.history.ids();
        let id = *ids.last()?;
        self.finish = if model.defaults().ends(id) {
            Some(Finish::Eos)
        } else if self.text.stopped() {
            Some(Finish::StopString)
        } else if stopped {
            Some(Finish::Stopped)
        } else if ids.len() == self.most {
            Some(self.full)
        } else {
            None
        };
        self.finish.is_none().then_some(id)
    }

    /// The text ends: what of it was held back.
    pub fn rest(&mut self) -> String {
        let rest = self.text.end().to_owned();
        if self.text.stopped() {
            self.finish = Some(Finish::StopString);
        }
        rest
    }

    /// What was chosen, and why there is no more.
    pub fn end(self) -> (Chosen, Text) {
        let logprobs = self.logprobs.map(|(logprobs, _)| logprobs).unwrap_or_default();
        let finish = self.finish.unwrap_or(Finish::Stopped);
        (Chosen { ids: self.history.into_ids(), logprobs, finish }, self.text)
    }
}

/// A text that a caller has written token by token. The session must do nothing else meanwhile.
pub(crate) struct Writing {
    prefix: Prefix,
    turn: Turn,
    /// Chosen, but not run yet.
    waiting: Option<u32>,
    ahead: Ahead,
    timings: Timings,
    text: String,
}

impl Writing {
    /// Why the text ended, once it has.
    pub fn finish(&self) -> Option<Finish> {
        self.turn.finish
    }

    /// The tokens so far, and the log-probability of each where they are wanted.
    pub fn logprobs(&self) -> (&[u32], &[f32]) {
        let logprobs = self.turn.logprobs.as_ref().map_or(&[][..], |(logprobs, _)| logprobs);
        (self.turn.history.ids(), logprobs)
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
        let Fitted { items, options, positions, full } = self.fitted(prompt, options)?;
        let mut timings = Timings { prompt: positions, ..Timings::default() };
        let prefix = self.prefill(&items, 0, sink, &mut timings);
        if prefix.is_err() {
            self.done();
        }
        self.reset_cancel();
        let history = History::new(self.model().placed_ids(&items), &options, self.vocabulary());
        let turn = Turn::new(self.model(), history, &options, full);
        let ahead = Ahead::new(&items, options.speculate);
        Ok(Writing { prefix: prefix?, turn, waiting: None, ahead, timings, text: String::new() })
    }

    /// The next token, the text it completes in whole characters, and the token's log-probability where that is wanted; `None`
    /// behind the last. Behind an error the writing is of no more use.
    ///
    /// # Errors
    /// [`Error::Cancelled`], [`Error::NotANumber`], [`Error::NothingAllowed`], and what the constraint says.
    pub(crate) fn advance<'w>(&mut self, writing: &'w mut Writing) -> Result<Option<Advanced<'w>>, Error> {
        let start = Instant::now();
        let model = self.model().clone();
        let Writing { prefix, turn, waiting, ahead, timings, text } = writing;
        if turn.finish.is_some() {
            return Ok(None);
        }
        if let Some(id) = waiting.take() {
            let ran = self.run_chosen(&mut prefix.sequence, id, ahead);
            if ran.is_err() {
                self.done();
            }
            self.reset_cancel();
            ran?;
        }
        text.clear();
        let (logits, position) = self.next_logits(&prefix.sequence, ahead);
        text.push_str(turn.choose(&model, logits, position)?);
        *waiting = turn.go_on(&model, false);
        if waiting.is_none() {
            text.push_str(&turn.rest());
        }
        let logprob = turn.logprob();
        let id = turn.history.ids().last().copied().unwrap_or_default();
        timings.generate += start.elapsed();
        timings.generated += 1;
        Ok(Some((id, text, logprob)))
    }

    /// What was written. The prompt and it are kept, if the session keeps anything.
    pub(crate) fn end(&mut self, writing: Writing) -> Generation {
        let Writing { mut prefix, mut turn, mut ahead, mut timings, .. } = writing;
        self.take_back(&mut prefix.sequence, &mut ahead);
        (timings.guessed, timings.guessed_right) = ahead.counts;
        turn.rest();
        let (chosen, text) = turn.end();
        prefix.append(&chosen.ids);
        self.keep(prefix);
        self.free_slots();
        // Every id was chosen among the model's own, and those without text are left out.
        let whole = text.whole(self.model(), &chosen.ids).unwrap_or_default();
        Generation::new(chosen, whole, timings)
    }
}

/// A token, text and the token's log-probability.
type Advanced<'w> = (u32, &'w str, Option<f32>);
