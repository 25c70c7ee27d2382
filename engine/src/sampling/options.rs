//! What to generate and how tokens are chosen, as callers say it.

use crate::error::Error;

/// How tokens are chosen. The default is greedy.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// Divides the logits; 0 takes the likeliest token and draws nothing.
    pub temperature: f32,
    /// Only the k likeliest; 0 is off.
    pub top_k: usize,
    /// Only the likeliest whose probabilities reach p together; 1 is off.
    pub top_p: f32,
    /// Only tokens at least this fraction as likely as the likeliest; 0 is off.
    pub min_p: f32,
    /// Divides positive and multiplies negative logits of tokens that were seen; 1 is off.
    pub repetition_penalty: f32,
    /// No n tokens in a row twice; 0 is off.
    pub no_repeat_ngram: usize,
    /// Tokens before an end-of-sequence token may come.
    pub min_new_tokens: usize,
    /// Of the draws.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            no_repeat_ngram: 0,
            min_new_tokens: 0,
            seed: 0,
        }
    }
}

impl Sampling {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`Error::BadOption`].
    pub fn validate(&self) -> Result<(), Error> {
        let check = |name, value: f32, fits: bool, rule| {
            if fits { Ok(()) } else { Err(Error::BadOption { name, got: value.to_string(), rule }) }
        };
        let Self { temperature: t, top_p, min_p, repetition_penalty: r, .. } = *self;
        check("temperature", t, t.is_finite() && t >= 0.0, "0 or more")?;
        check("top-p", top_p, top_p > 0.0 && top_p <= 1.0, "above 0, at most 1")?;
        check("min-p", min_p, (0.0..=1.0).contains(&min_p), "from 0 to 1")?;
        check("repetition-penalty", r, r.is_finite() && r > 0.0, "above 0")
    }
}

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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_checked() {
        for bad in [
            Sampling { temperature: -1.0, ..Sampling::default() },
            Sampling { temperature: f32::NAN, ..Sampling::default() },
            Sampling { top_p: 0.0, ..Sampling::default() },
            Sampling { min_p: 1.5, ..Sampling::default() },
            Sampling { repetition_penalty: 0.0, ..Sampling::default() },
        ] {
            assert!(matches!(bad.validate(), Err(Error::BadOption { .. })), "{bad:?}");
        }
    }
}
