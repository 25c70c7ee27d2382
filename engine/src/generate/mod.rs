//! All that drives a session: texts, beams, scores, and tokens one by one.

mod beam;
mod score;
mod shown;
mod tokens;
mod turn;

pub use score::Score;
pub use tokens::Tokens;
pub(crate) use turn::Writing;

use crate::blocks::cache::Sequence;
use crate::error::Error;
use crate::prompt::{Item, Prompt};
use crate::sampling::{GenerateOptions, History};
use crate::session::{Event, Session, Sink, Timings};
use shown::Shown;
use std::time::Instant;
use turn::Turn;

/// Why a text ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The model ended it.
    Eos,
    /// The most new tokens were generated.
    Length,
    /// The caller's sink said so.
    Stopped,
}

impl Finish {
    /// The name used in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Eos => "eos",
            Self::Length => "length",
            Self::Stopped => "stopped",
        }
    }
}

/// A generated text.
#[derive(Debug, Clone, PartialEq)]
pub struct Generation {
    /// Without special tokens, unless [`GenerateOptions::keep_special`] wants them.
    pub text: String,
    /// Every generated token, the one that ended the text included.
    pub ids: Vec<u32>,
    /// Why it ended.
    pub finish: Finish,
    /// Where the time went.
    pub timings: Timings,
}

impl Session {
    /// Generates text after a prompt.
    ///
    /// # Errors
    /// [`Error::Cancelled`], [`Error::ContextFull`], [`Error::BadOption`], [`Error::BeyondPlan`], [`Error::NotANumber`],
    /// [`Error::NothingAllowed`], what the constraint says and what composing the prompt refuses. The session can be used
    /// again after any of them.
    pub fn generate(
        &mut self,
        prompt: &Prompt,
        options: &GenerateOptions,
        sink: &mut Sink<'_>,
    ) -> Result<Generation, Error> {
        let (items, options, positions) = self.fitted(prompt, options)?;
        let mut timings = Timings { prompt: positions, ..Timings::default() };
        let result = self.generate_inner(&items, &options, sink, &mut timings);
        self.done();
        let (ids, finish, text) = result?;
        Ok(Generation { text, ids, finish, timings })
    }

    /// The items of a prompt and the options with the defaults filled in, once both are seen to fit.
    fn fitted(&self, prompt: &Prompt, options: &GenerateOptions) -> Result<(Vec<Item>, GenerateOptions, usize), Error> {
        options.validate()?;
        let (beams, new_tokens) = self.planned();
        let searches = options.beams > 1;
        let within = |what, got, planned| {
            if got > planned { Err(Error::BeyondPlan { what, got, planned }) } else { Ok(()) }
        };
        if searches {
            within("beams", options.beams, beams)?;
            within("max-new-tokens of a search", options.max_new_tokens, new_tokens)?;
        }
        let items = self.model().compose(prompt)?;
        let positions = self.model().count(&items);
        let mut options = options.clone();
        if options.max_new_tokens == 0 {
            let room = self.room().saturating_sub(positions).min(if searches { new_tokens } else { usize::MAX });
            options.max_new_tokens = self.model().defaults().max_new_tokens.min(room).max(1);
        }
        self.fits(positions, options.max_new_tokens)?;
        Ok((items, options, positions))
    }

    fn generate_inner(
        &mut self,
        items: &[Item],
        options: &GenerateOptions,
        sink: &mut Sink<'_>,
        timings: &mut Timings,
    ) -> Result<(Vec<u32>, Finish, String), Error> {
        let mut prompt = self.prefill(items, sink, timings)?;
        let start = Instant::now();
        let history = History::new(self.model().placed_ids(items), options, self.vocabulary());
        let result = if options.beams > 1 {
            let sequence = self.slots().fork(&prompt.sequence);
            let (ids, finish) = beam::search(self, sequence, history, options)?;
            let text = Shown::of(options).text(self.model(), &ids)?;
            let _ = sink(Event::Piece(&text));
            (ids, finish, text)
        } else {
            let result = self.sample(&mut prompt.sequence, history, options, sink)?;
            prompt.append(&result.0);
            result
        };
        self.keep(prompt);
        timings.generate = start.elapsed();
        timings.generated = result.0.len();
        Ok(result)
    }

    fn sample(
        &mut self,
        sequence: &mut Sequence,
        history: History,
        options: &GenerateOptions,
        sink: &mut Sink<'_>,
    ) -> Result<(Vec<u32>, Finish, String), Error> {
        let model = self.model().clone();
        let mut turn = Turn::new(&model, history, options);
        // From here on nothing is allocated but for text: `fits` has bounded how much comes.
        while turn.finish.is_none() {
            let piece = turn.choose(&model, self.logits_mut(), sequence.len())?;
            let stopped = !piece.is_empty() && sink(Event::Piece(piece)).is_break();
            if let Some(id) = turn.go_on(&model, stopped) {
                self.step(std::slice::from_mut(sequence), &[id])?;
            }
        }
        let (ids, finish, rest) = turn.end();
        if !rest.is_empty() {
            let _ = sink(Event::Piece(&rest));
        }
        let text = Shown::of(options).text(&model, &ids)?;
        Ok((ids, finish, text))
    }
}
