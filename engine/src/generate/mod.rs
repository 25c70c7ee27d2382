//! All that drives a session: texts, beams, scores, and tokens one by one.

mod beam;
mod guesses;
mod score;
mod shown;
mod stop;
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
use guesses::Ahead;
use shown::Whole;
use std::time::Instant;
use turn::Turn;

/// Why a text ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The model ended it.
    Eos,
    /// The most new tokens were generated.
    Length,
    /// Before that, the context was full, or as much as a search was laid out for was generated.
    Context,
    /// A stop string appeared.
    StopString,
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
            Self::Context => "context",
            Self::StopString => "stop-string",
            Self::Stopped => "stopped",
        }
    }
}

/// A generated text.
#[derive(Debug, Clone, PartialEq)]
pub struct Generation {
    /// Without special tokens, unless [`GenerateOptions::keep_special`] wants them, and up to a stop string. A
    /// character that is not complete where it was cut is U+FFFD, as in the reference.
    pub text: String,
    /// Every generated token, the ones that ended the text included.
    pub ids: Vec<u32>,
    /// The natural logarithm of each token's probability as the model gave it, before temperature, penalties and constraints;
    /// empty unless [`GenerateOptions::logprobs`] wants them.
    pub logprobs: Vec<f32>,
    /// Why it ended.
    pub finish: Finish,
    /// Where the time went.
    pub timings: Timings,
    /// Where a stop string ended it, the tokens of what is left.
    left: Option<Vec<u32>>,
}

impl Generation {
    fn new(chosen: Chosen, whole: Whole, timings: Timings) -> Self {
        let Chosen { ids, logprobs, finish } = chosen;
        let finish = if whole.left.is_some() { Finish::StopString } else { finish };
        Self { text: whole.text, ids, logprobs, finish, timings, left: whole.left }
    }

    /// What goes behind the prompt where it is to go on behind the text: [`Generation::ids`], without a stop string.
    #[must_use]
    pub fn said(&self) -> &[u32] {
        self.left.as_deref().unwrap_or(&self.ids)
    }
}

/// The tokens of a text.
struct Chosen {
    ids: Vec<u32>,
    logprobs: Vec<f32>,
    finish: Finish,
}

/// A prompt and options that are seen to fit a session.
struct Fitted {
    items: Vec<Item>,
    /// Without zeroes.
    options: GenerateOptions,
    positions: usize,
    /// Why a text ends that has the most new tokens.
    full: Finish,
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
        let fitted = self.fitted(prompt, options)?;
        let mut timings = Timings { prompt: fitted.positions, ..Timings::default() };
        let result = self.generate_inner(&fitted, sink, &mut timings);
        self.done();
        let (chosen, whole) = result?;
        Ok(Generation::new(chosen, whole, timings))
    }

    /// The items of a prompt and the options with the defaults filled in, once both are seen to fit.
    fn fitted(&self, prompt: &Prompt, options: &GenerateOptions) -> Result<Fitted, Error> {
        options.validate()?;
        options.validate_ids(self.vocabulary())?;
        let (beams, new_tokens) = self.planned();
        let searches = options.beams > 1;
        if searches && options.beams > beams {
            return Err(Error::BeyondPlan { what: "beams", got: options.beams, planned: beams });
        }
        let items = self.model().compose(prompt)?;
        let positions = self.model().count(&items);
        self.fits(positions, 1)?;
        let mut options = options.clone();
        if options.max_new_tokens == 0 {
            options.max_new_tokens = self.model().defaults().max_new_tokens;
        }
        // The last new token is never read by the model.
        let room = (self.room() + 1 - self.ahead(positions)).min(if searches { new_tokens } else { usize::MAX });
        let room = room.min(self.before_border(&items, positions));
        let full = if options.max_new_tokens > room { Finish::Context } else { Finish::Length };
        options.max_new_tokens = options.max_new_tokens.min(room);
        Ok(Fitted { items, options, positions, full })
    }

    fn generate_inner(
        &mut self,
        fitted: &Fitted,
        sink: &mut Sink<'_>,
        timings: &mut Timings,
    ) -> Result<(Chosen, Whole), Error> {
        let Fitted { items, options, full, .. } = fitted;
        let mut prompt = self.prefill(items, 0, sink, timings)?;
        let start = Instant::now();
        let history = History::new(self.model().placed_ids(items), options, self.vocabulary());
        let result = if options.beams > 1 {
            let sequence = self.slots().fork(&prompt.sequence);
            let (chosen, text) = beam::search(self, sequence, history, options, *full)?;
            let whole = text.whole(self.model(), &chosen.ids)?;
            let _ = sink(Event::Piece(&whole.text));
            (chosen, whole)
        } else {
            let turn = Turn::new(self.model(), history, options, *full);
            let mut ahead = Ahead::new(items, options.speculate);
            let result = self.sample(&mut prompt.sequence, turn, &mut ahead, sink)?;
            (timings.guessed, timings.guessed_right) = ahead.counts;
            prompt.append(&result.0.ids);
            result
        };
        self.keep(prompt);
        timings.generate = start.elapsed();
        timings.generated = result.0.ids.len();
        Ok(result)
    }

    fn sample(
        &mut self,
        sequence: &mut Sequence,
        mut turn: Turn,
        ahead: &mut Ahead,
        sink: &mut Sink<'_>,
    ) -> Result<(Chosen, Whole), Error> {
        let model = self.model().clone();
        // From here on nothing is allocated but for text: `fitted` has bounded how much comes.
        while turn.finish.is_none() {
            let (logits, position) = self.next_logits(sequence, ahead);
            let piece = turn.choose(&model, logits, position)?;
            let stopped = !piece.is_empty() && sink(Event::Piece(piece)).is_break();
            if let Some(id) = turn.go_on(&model, stopped) {
                self.run_chosen(sequence, id, ahead)?;
            }
        }
        self.take_back(sequence, ahead);
        let rest = turn.rest();
        if !rest.is_empty() {
            let _ = sink(Event::Piece(&rest));
        }
        let (chosen, text) = turn.end();
        let whole = text.whole(&model, &chosen.ids)?;
        Ok((chosen, whole))
    }
}
