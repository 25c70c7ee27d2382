//! The tokens of one text so far, and what follows from them for the next: the one way from logits to those that are
//! chosen from, for a text that is written token by token and for each beam of a search.
//!
//! The order is that of Hugging Face's `generate`: forced tokens alone, biases, suppressed tokens, repetition penalty, n-grams, least length; behind
//! them the caller's constraint. The non-obvious thing: what the penalty looks at is a set that grows with the text, and
//! forks share the prompt, so that no step costs what the prompt is long. Where it looks at a window it is gathered anew.

use super::processors::{forbid_ngrams, penalise, suppress};
use super::{Constraint, Defaults, GenerateOptions, Sampling};
use crate::error::Error;
use std::sync::Arc;

/// Tokens in order, and the different ones among them, sorted.
#[derive(Debug, Clone, Default)]
struct Tokens {
    ids: Vec<u32>,
    /// Kept only where there is a penalty.
    different: Vec<u32>,
}

/// A text so far.
#[derive(Debug)]
pub(crate) struct History {
    /// What the text was generated behind.
    prompt: Arc<Tokens>,
    own: Tokens,
    sampling: Sampling,
    /// What is added to the logits of tokens.
    bias: Arc<[(u32, f32)]>,
    /// What the text begins with.
    forced: Arc<[u32]>,
    constraint: Option<Box<dyn Constraint>>,
    /// The last tokens, where the penalty looks at no more.
    window: Vec<u32>,
}

impl History {
    /// No text yet, behind a prompt. There is room for the text that `options` allow, of `vocabulary` tokens.
    pub fn new(prompt: Vec<u32>, options: &GenerateOptions, vocabulary: usize) -> Self {
        let sampling = options.sampling.clone();
        let most = options.max_new_tokens;
        let (mut different, mut own) = (Vec::new(), Tokens::default());
        own.ids.reserve(most);
        let mut window = Vec::new();
        if sampling.repetition_penalty != 1.0 && sampling.repetition_window == 0 {
            different.clone_from(&prompt);
            different.sort_unstable();
            different.dedup();
            own.different.reserve(most.min(vocabulary));
        } else if sampling.repetition_penalty != 1.0 {
            window.reserve(sampling.repetition_window.min(prompt.len().saturating_add(most)));
        }
        let prompt = Arc::new(Tokens { ids: prompt, different });
        let (bias, forced) = (options.bias.as_slice().into(), options.forced.as_slice().into());
        Self { prompt, own, sampling, bias, forced, constraint: options.constraint.clone(), window }
    }

    /// The tokens of the text.
    pub fn ids(&self) -> &[u32] {
        &self.own.ids
    }

    /// The tokens of the text.
    pub fn into_ids(self) -> Vec<u32> {
        self.own.ids
    }

    /// Whether a constraint holds the text.
    pub fn is_constrained(&self) -> bool {
        self.constraint.is_some()
    }

    /// The same text with one more token.
    pub fn extended(&self, id: u32) -> Result<Self, Error> {
        let (prompt, own) = (Arc::clone(&self.prompt), self.own.clone());
        let (sampling, constraint) = (self.sampling.clone(), self.constraint.clone());
        let (bias, forced) = (Arc::clone(&self.bias), Arc::clone(&self.forced));
        let mut longer = Self { prompt, own, sampling, bias, forced, constraint, window: Vec::new() };
        longer.push(id)?;
        Ok(longer)
    }

    /// Takes the next token.
    ///
    /// # Errors
    /// What the constraint says.
    pub fn push(&mut self, id: u32) -> Result<(), Error> {
        if let Some(constraint) = &mut self.constraint {
            constraint.accept(id)?;
        }
        self.own.ids.push(id);
        if self.sampling.repetition_penalty != 1.0
            && self.sampling.repetition_window == 0
            && self.prompt.different.binary_search(&id).is_err()
            && let Err(at) = self.own.different.binary_search(&id)
        {
            self.own.different.insert(at, id);
        }
        Ok(())
    }

    /// Makes of the logits behind `position` positions those that the next token is chosen from.
    ///
    /// # Errors
    /// [`Error::NotANumber`], [`Error::NothingAllowed`], and what the constraint says.
    pub fn process(&mut self, defaults: &Defaults, logits: &mut [f32], position: usize) -> Result<(), Error> {
        let Self { prompt, own, sampling, bias, forced, constraint, window } = self;
        let is_nan = |logits: &[f32]| logits.iter().any(|logit| logit.is_nan());
        if let Some(&id) = forced.get(own.ids.len()) {
            if is_nan(logits) {
                return Err(Error::NotANumber { position });
            }
            logits.fill(f32::NEG_INFINITY);
            logits[id as usize] = 0.0;
            return Ok(());
        }
        for &(id, more) in bias.iter() {
            logits[id as usize] += more;
        }
        suppress(logits, &defaults.suppressed_ids);
        if sampling.repetition_penalty != 1.0 && sampling.repetition_window > 0 {
            window.clear();
            let last = own.ids.iter().rev().chain(prompt.ids.iter().rev());
            window.extend(last.take(sampling.repetition_window));
            window.sort_unstable();
            window.dedup();
            penalise(logits, window, sampling.repetition_penalty);
        } else if sampling.repetition_penalty != 1.0 {
            penalise(logits, &prompt.different, sampling.repetition_penalty);
            penalise(logits, &own.different, sampling.repetition_penalty);
        }
        let before = prompt.ids.len();
        let at = |i: usize| if i < before { prompt.ids[i] } else { own.ids[i - before] };
        forbid_ngrams(logits, sampling.no_repeat_ngram, before + own.ids.len(), at);
        if own.ids.len() < sampling.min_new_tokens {
            suppress(logits, &defaults.eos_ids);
        }
        if let Some(constraint) = constraint {
            // A constraint could hide that one is none.
            if is_nan(logits) {
                return Err(Error::NotANumber { position });
            }
            constraint.allow(logits)?;
        } else if bias.is_empty() {
            return Ok(());
        }
        if logits.iter().all(|&logit| logit == f32::NEG_INFINITY) {
            return Err(Error::NothingAllowed { tokens: own.ids.len() });
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const OUT: f32 = f32::NEG_INFINITY;

    fn defaults(eos: &[u32], suppressed: &[u32]) -> Defaults {
        Defaults { eos_ids: eos.to_vec(), suppressed_ids: suppressed.to_vec(), ..Defaults::default() }
    }

    fn history(sampling: Sampling, prompt: &[u32], own: &[u32]) -> History {
        let options = GenerateOptions { sampling, ..GenerateOptions::default() };
        let mut history = History::new(prompt.to_vec(), &options, 8);
        own.iter().for_each(|&id| history.push(id).unwrap());
        history
    }

    fn processed(mut history: History, defaults: &Defaults, logits: &[f32]) -> Vec<f32> {
        let mut logits = logits.to_vec();
        history.process(defaults, &mut logits, 0).unwrap();
        logits
    }

    #[test]
    fn processors_change_what_they_name() {
        let all = Sampling { repetition_penalty: 2.0, no_repeat_ngram: 2, min_new_tokens: 3, ..Sampling::default() };
        let got = processed(history(all, &[0, 1, 0], &[0]), &defaults(&[4], &[]), &[1.0, -1.0, 3.0, 4.0, 5.0]);
        // 0 is halved, 1 doubled below zero; after "0" both "0 1" and "0 0" were there; 4 ends the text too early
        assert_eq!(got, [OUT, OUT, 3.0, 4.0, OUT]);
        let penalty = Sampling { repetition_penalty: 2.0, ..Sampling::default() };
        for (prompt, own) in [(&[0, 0, 1][..], &[][..]), (&[0], &[0, 1, 1]), (&[], &[1, 0, 1])] {
            let got = processed(history(penalty.clone(), prompt, own), &defaults(&[], &[]), &[1.0, -1.0]);
            assert_eq!(got, [0.5, -2.0], "{prompt:?} {own:?}");
        }
        // The last three only, across prompt and text.
        let window = Sampling { repetition_window: 3, ..penalty };
        for (prompt, own) in [(&[0, 1, 1, 2][..], &[][..]), (&[0, 1], &[2, 1]), (&[0], &[1, 2, 1]), (&[1], &[2])] {
            let got = processed(history(window.clone(), prompt, own), &defaults(&[], &[]), &[1.0; 4]);
            assert_eq!(got, [1.0, 0.5, 0.5, 1.0], "{prompt:?} {own:?}");
        }
        let got = processed(history(Sampling::default(), &[], &[]), &defaults(&[], &[1, 9]), &[1.0, 2.0]);
        assert_eq!(got, [1.0, OUT]);
    }

    #[test]
    fn biases_come_first_and_forced_tokens_alone() {
        let sampling = Sampling { repetition_penalty: 2.0, ..Sampling::default() };
        let options = |bias: &[(u32, f32)], forced: &[u32]| GenerateOptions {
            sampling: sampling.clone(),
            bias: bias.to_vec(),
            forced: forced.to_vec(),
            ..GenerateOptions::default()
        };
        let of = |bias: &[(u32, f32)], forced: &[u32]| History::new(vec![1], &options(bias, forced), 4);
        // 1 + 3 is halved by the penalty, and nothing brings a suppressed token back.
        let biased = of(&[(1, 3.0), (2, 9.0), (3, OUT)], &[]);
        assert_eq!(processed(biased, &defaults(&[], &[2]), &[1.0; 4]), [1.0, 2.0, OUT, OUT]);
        let mut forced = of(&[(2, OUT)], &[2, 0]);
        let suppressed = defaults(&[0], &[2]);
        for wanted in [2, 0] {
            let mut logits = [1.0, 2.0, 3.0, 4.0];
            forced.process(&suppressed, &mut logits, 0).unwrap();
            let left: Vec<usize> = (0..4).filter(|&i| logits[i] > OUT).collect();
            assert_eq!((left, logits[wanted]), (vec![wanted], 0.0));
            forced.push(wanted as u32).unwrap();
        }
        assert_eq!(processed(forced, &suppressed, &[1.0; 4]), [0.5, 0.5, OUT, 1.0], "0 and 1 were seen");
        let all: Vec<(u32, f32)> = (0..4).map(|id| (id, OUT)).collect();
        let nothing = of(&all, &[]).process(&defaults(&[], &[]), &mut [1.0; 4], 0);
        assert!(matches!(nothing, Err(Error::NothingAllowed { tokens: 0 })), "{nothing:?}");
        let nan = of(&[], &[0]).process(&defaults(&[], &[]), &mut [f32::NAN; 4], 7);
        assert!(matches!(nan, Err(Error::NotANumber { position: 7 })), "{nan:?}");
        for (bias, words) in [
            (&[(1, f32::NAN)][..], "NaN for token 1"),
            (&[(1, f32::INFINITY)], "inf for token 1"),
            (&[(1, 1.0), (2, 1.0), (1, 2.0)], "token 1 twice"),
        ] {
            let error = options(bias, &[]).validate().unwrap_err().to_string();
            assert!(error.contains("logit-bias") && error.contains(words), "{error}");
        }
        assert!(options(&[(4, 1.0)], &[]).validate_ids(4).unwrap_err().to_string().contains("logit-bias is 4"));
        assert!(options(&[(3, OUT)], &[4]).validate_ids(4).unwrap_err().to_string().contains("forced is 4"));
        assert!(options(&[(3, OUT)], &[3]).validate_ids(4).is_ok());
    }

    /// Against the definition, over every cut between prompt and text.
    #[test]
    fn ngrams_are_found_across_prompt_and_text() {
        let seen = [1, 2, 3, 1, 2, 4, 1, 2];
        for n in 1..=seen.len() + 2 {
            let mut wanted = [0.0; 6];
            for window in seen.windows(n) {
                if seen.len() + 1 >= n && window[..n - 1] == seen[seen.len() + 1 - n..] {
                    wanted[window[n - 1] as usize] = OUT;
                }
            }
            for cut in 0..=seen.len() {
                let sampling = Sampling { no_repeat_ngram: n, ..Sampling::default() };
                let history = history(sampling, &seen[..cut], &seen[cut..]);
                assert_eq!(processed(history, &defaults(&[], &[]), &[0.0; 6]), wanted, "{n} {cut}");
            }
        }
    }

    /// Ten thousand steps and forks behind a million tokens, which take a second; sorting or copying the prompt for each would
    /// take many minutes.
    #[test]
    fn no_step_costs_what_the_prompt_is_long() {
        let prompt: Vec<u32> = (0..1 << 20).map(|i| i % 8).collect();
        let penalty = Sampling { repetition_penalty: 2.0, ..Sampling::default() };
        let mut history = history(penalty, &prompt, &[]);
        let start = std::time::Instant::now();
        for step in 0..10_000 {
            let mut logits = [1.0; 16];
            history.process(&defaults(&[], &[]), &mut logits, 0).unwrap();
            assert!(logits[..8].iter().all(|&logit| logit == 0.5));
            history = if step % 50 == 0 { history.extended(step % 16).unwrap() } else { history };
            history.push(step % 16).unwrap();
            assert!(start.elapsed().as_secs() < 30, "{step} steps");
        }
    }

    #[test]
    fn forks_go_their_own_ways() {
        let penalty = Sampling { repetition_penalty: 2.0, ..Sampling::default() };
        let first = history(penalty, &[0], &[1]);
        let (a, b) = (first.extended(2).unwrap(), first.extended(3).unwrap());
        assert_eq!((first.ids(), a.ids(), b.ids()), (&[1][..], &[1, 2][..], &[1, 3][..]));
        assert_eq!(processed(a, &defaults(&[], &[]), &[2.0; 4]), [1.0, 1.0, 1.0, 2.0]);
        assert_eq!(processed(b, &defaults(&[], &[]), &[2.0; 4]), [1.0, 1.0, 2.0, 1.0]);
    }
}
