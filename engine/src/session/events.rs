//! What a call tells while it runs, and where its time went.

#[cfg(doc)]
use crate::error::Error;
use std::ops::ControlFlow;
use std::time::Duration;

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
    /// Of what was announced last, so much is done: layers of the tower in all frames, or positions of the prompt. Told before
    /// each layer, so that a slow machine is not mute for seconds, and at the end of the prompt.
    Within {
        /// From 0.
        done: usize,
        /// All of it, above 0.
        total: usize,
    },
    /// Text was generated; pieces are whole characters. Beam search gives one piece, at its end.
    Piece(&'a str),
}

/// Receives the events of a call. `Break` stops it: once there is text, what was generated is returned, before that
/// [`Error::Cancelled`].
pub type Sink<'a> = dyn FnMut(Event<'_>) -> ControlFlow<()> + 'a;

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
    /// Tokens that were run before they were chosen, where that is wanted.
    pub guessed: usize,
    /// Of them, those that were chosen.
    pub guessed_right: usize,
}
