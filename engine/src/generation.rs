//! What goes into a call of a session and what comes out: options, events, texts, scores and where the time went.

#[cfg(doc)]
use crate::error::Error;
use crate::sample::Sampling;
use std::ops::ControlFlow;
use std::time::Duration;

/// What to generate and how.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerateOptions {
    /// Most new tokens; 0 is what the model's file suggests.
    pub max_new_tokens: usize,
    /// How a token is chosen; with beams, only its processors apply.
    pub sampling: Sampling,
    /// Hypotheses of a beam search; 0 and 1 mean none.
    pub beams: usize,
    /// Beam search divides a hypothesis' log-probability by its length to this power.
    pub length_penalty: f32,
    /// Beam search ends as soon as it has as many finished hypotheses as beams.
    pub early_stopping: bool,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self { max_new_tokens: 0, sampling: Sampling::default(), beams: 1, length_penalty: 1.0, early_stopping: false }
    }
}

/// What happens while a call runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// Picture `index` of `count` is about to be encoded.
    Image {
        /// From 0.
        index: usize,
        /// In the prompt.
        count: usize,
    },
    /// The prompt is about to pass through the language model.
    Prefill {
        /// Its positions.
        positions: usize,
    },
    /// Text was generated; pieces are whole characters. Beam search gives one piece, at its end.
    Piece(&'a str),
}

/// Receives the events of a call. `Break` stops it: once there is text, what was generated is returned, before that
/// [`Error::Cancelled`].
pub type Sink<'a> = dyn FnMut(Event<'_>) -> ControlFlow<()> + 'a;

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

/// Where the time of a call went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timings {
    /// Resizing and normalising pictures.
    pub prepare: Duration,
    /// Tower and bridge.
    pub encode: Duration,
    /// The bridge alone.
    pub bridge: Duration,
    /// Pictures that were encoded; those found in the session's cache do not count.
    pub encoded: usize,
    /// The prompt through the language model.
    pub prefill: Duration,
    /// Positions of the prompt.
    pub prompt: usize,
    /// Of them, those whose keys and values were kept from the call before.
    pub reused: usize,
    /// All new tokens.
    pub generate: Duration,
    /// How many they were.
    pub generated: usize,
}

/// A generated text.
#[derive(Debug, Clone, PartialEq)]
pub struct Generation {
    /// Without special tokens.
    pub text: String,
    /// Every generated token, the one that ended the text included.
    pub ids: Vec<u32>,
    /// Why it ended.
    pub finish: Finish,
    /// Where the time went.
    pub timings: Timings,
}

/// How likely one continuation is.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Its tokens.
    pub ids: Vec<u32>,
    /// The natural logarithm of each token's probability after all before it.
    pub logprobs: Vec<f32>,
}

impl Score {
    /// The whole continuation's log-likelihood.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.logprobs.iter().map(|&p| f64::from(p)).sum()
    }
}
