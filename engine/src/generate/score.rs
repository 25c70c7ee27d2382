//! How likely texts are: continuations of a prompt that is read once, and the logits of every position.

use crate::blocks::cache::Sequence;
use crate::blocks::decoder::SEQUENCES;
use crate::company::Likely;
use crate::error::Error;
use crate::models::check_ids;
use crate::prompt::{Item, Prompt};
use crate::session::{Session, Sink, Timings, Wants};
use std::ops::ControlFlow;

/// How likely one continuation is.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Its tokens.
    pub ids: Vec<u32>,
    /// The natural logarithm of each token's probability after all before it.
    pub logprobs: Vec<f32>,
    /// Whether each token was the likeliest where it stands, so that the text is what the likeliest tokens would have written.
    pub greedy: bool,
}

impl Score {
    /// The whole continuation's log-likelihood.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.logprobs.iter().map(|&p| f64::from(p)).sum()
    }

    /// Appends what the logits of a position say of the next token.
    fn push(&mut self, next: Likely, position: usize) -> Result<(), Error> {
        if next.logprob.is_nan() {
            return Err(Error::NotANumber { position });
        }
        self.logprobs.push(next.logprob);
        self.greedy &= next.first;
        Ok(())
    }
}

impl Session {
    /// Log-likelihoods of texts that could follow a prompt. The prompt is read once, however many there are, and as many as
    /// the session's batch and positions have room for run side by side.
    ///
    /// # Errors
    /// As [`Session::generate`].
    pub fn score(&mut self, prompt: &Prompt, continuations: &[&str], sink: &mut Sink<'_>) -> Result<Vec<Score>, Error> {
        use crate::tokenizer::EncodeOptions;
        let items = self.model().compose(prompt)?;
        let positions = self.model().count(&items);
        let options = EncodeOptions { add_special: false, parse_special: true };
        // What is written beside a source is the beginning of a text.
        let begins = self.encodes();
        let ids = continuations
            .iter()
            .map(|text| Ok(self.model().tokenizer().encode_piece(text, options, begins)?))
            .collect::<Result<Vec<_>, Error>>()?;
        for ids in &ids {
            self.fits(positions, ids.len())?;
        }
        let result = self.score_inner(&items, ids, sink);
        self.done();
        result
    }

    /// What is read in one go is turned as long as it is: continuations that make the sequence a long one are scored by
    /// themselves.
    fn score_inner(&mut self, items: &[Item], all: Vec<Vec<u32>>, sink: &mut Sink<'_>) -> Result<Vec<Score>, Error> {
        let positions = self.model().count(items);
        let long: Vec<bool> = all.iter().map(|ids| self.is_long(positions + ids.len())).collect();
        if long.iter().all(|one| one == &long[0]) {
            return self.score_alike(items, all, sink);
        }
        let mut scores: Vec<Option<Score>> = all.iter().map(|_| None).collect();
        for kind in [false, true] {
            let of_kind = |i: &usize| long[*i] == kind;
            let ids = (0..all.len()).filter(of_kind).map(|i| all[i].clone()).collect();
            for (i, score) in (0..all.len()).filter(of_kind).zip(self.score_alike(items, ids, sink)?) {
                scores[i] = Some(score);
            }
        }
        Ok(scores.into_iter().flatten().collect())
    }

    fn score_alike(&mut self, items: &[Item], all: Vec<Vec<u32>>, sink: &mut Sink<'_>) -> Result<Vec<Score>, Error> {
        let behind = all.iter().map(Vec::len).max().unwrap_or(0);
        let mut prompt = self.prefill(items, behind, sink, &mut Timings::default())?;
        let first = self.logits();
        let score = |ids: Vec<u32>| {
            let mut score = Score { logprobs: Vec::with_capacity(ids.len()), greedy: true, ids };
            let next = score.ids.first().map(|&id| Likely::of(first, id));
            next.map_or(Ok(()), |next| score.push(next, prompt.sequence.len() - 1)).map(|()| score)
        };
        let mut scores = all.into_iter().map(score).collect::<Result<Vec<Score>, Error>>()?;
        // Nothing follows the last token of each, so it is not run.
        let mut left: Vec<&mut Score> = scores.iter_mut().filter(|score| score.ids.len() > 1).collect();
        while !left.is_empty() {
            let (mut rows, most) = (0, self.batch());
            let counts = left.iter().map(|score| score.ids.len() - 1).take(SEQUENCES);
            let fitting = counts.take_while(|count| {
                rows += count;
                rows <= most
            });
            // One alone goes in batches, where the prompt is, and has room: that was seen before.
            let together = self.slots().forks(&prompt.sequence, fitting).max(1);
            let rest = left.split_off(together);
            self.score_together(&mut prompt.sequence, &mut left)?;
            left = rest;
        }
        self.keep(prompt);
        Ok(scores)
    }

    /// Runs continuations side by side, the last of them in the prompt's own place, which is the prompt's alone again then.
    fn score_together(&mut self, prompt: &mut Sequence, scores: &mut [&mut Score]) -> Result<(), Error> {
        let (batch, positions) = (self.batch(), prompt.len());
        let mut sequences: Vec<Sequence> = (1..scores.len()).map(|_| self.slots().fork(prompt)).collect();
        sequences.push(std::mem::take(prompt));
        let longest = scores.iter().map(|score| score.ids.len() - 1).max().unwrap_or(0);
        for at in (0..longest).step_by(batch) {
            let parts: Vec<&[u32]> = scores.iter().map(|score| part(&score.ids, at, batch)).collect();
            let counts: Vec<usize> = parts.iter().map(|part| part.len()).collect();
            let rows = || {
                let behind = |(i, &count)| (at + 1..=at + count).map(move |next| (i, next));
                counts.iter().enumerate().flat_map(behind)
            };
            let next: Vec<u32> = rows().map(|(i, next)| scores[i].ids[next]).collect();
            self.run(&mut sequences, &parts.concat(), &counts, &mut Wants::Only(&next))?;
            for ((i, next), &likely) in rows().zip(self.likely()) {
                scores[i].push(likely, positions + next - 1)?;
            }
        }
        *prompt = sequences.pop().unwrap_or_default();
        self.slots().truncate(prompt, positions);
        for sequence in sequences {
            self.slots().release(sequence);
        }
        Ok(())
    }

    /// The logits behind a prompt and behind each of `ids` that follow it, `1 + ids x vocabulary`: for tests of parity with a
    /// reference, and for choices that look ahead.
    ///
    /// # Errors
    /// As [`Session::generate`], and [`Error::BadOption`] for an id that the model does not have.
    pub fn logits_behind(&mut self, prompt: &Prompt, ids: &[u32]) -> Result<Vec<f32>, Error> {
        let items = self.model().compose(prompt)?;
        let positions = self.model().count(&items);
        self.fits(positions, 0)?;
        // All of them are read, unlike those that are chosen.
        let (prompt, new, context) = (self.ahead(positions), ids.len(), self.room());
        if prompt + new > context {
            return Err(Error::ContextFull { needed: prompt + new, prompt, new, context });
        }
        check_ids(ids, self.vocabulary())?;
        let result = self.logits_inner(&items, ids);
        self.done();
        result
    }

    fn logits_inner(&mut self, items: &[Item], ids: &[u32]) -> Result<Vec<f32>, Error> {
        let mut prompt = self.prefill(items, ids.len(), &mut |_| ControlFlow::Continue(()), &mut Timings::default())?;
        let positions = prompt.sequence.len();
        let mut all = self.logits().to_vec();
        for ids in ids.chunks(self.logit_rows()) {
            self.run(std::slice::from_mut(&mut prompt.sequence), ids, &[ids.len()], &mut Wants::All)?;
            all.extend_from_slice(self.logits());
        }
        self.slots().truncate(&mut prompt.sequence, positions);
        self.keep(prompt);
        Ok(all)
    }

    /// The logits of every position of a prompt, `positions x vocabulary`: for tests of parity with a reference. Where an
    /// encoder reads the prompt, those behind the start of the decoder's text.
    ///
    /// # Errors
    /// As [`Session::generate`].
    pub fn all_logits(&mut self, prompt: &Prompt) -> Result<Vec<f32>, Error> {
        let items = self.model().compose(prompt)?;
        self.fits(self.model().count(&items), 0)?;
        self.forget();
        let mut all = Vec::new();
        let result = self.run_prompt(
            &items,
            0,
            &mut Sequence::default(),
            &mut Timings::default(),
            &mut Wants::Each(&mut |logits| all.extend_from_slice(logits)),
            &mut |_| ControlFlow::Continue(()),
        );
        self.done();
        result.map(|()| all)
    }
}

/// What is run of a continuation from token `at` on, at most `most` tokens and never its last.
fn part(ids: &[u32], at: usize, most: usize) -> &[u32] {
    let end = ids.len() - 1;
    &ids[at.min(end)..(at + most).min(end)]
}
