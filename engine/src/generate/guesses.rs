//! Tokens that are run before they are chosen: what followed the last few the last time they stood together, in the prompt or in
//! the text so far (prompt lookup; Saxena 2023, and Leviathan et al. 2023 for why nothing changes).
//!
//! A guess is one more row of the step that runs a chosen token. The choice is then made from that row's logits, by the same
//! sampler, processors and constraint as ever; where it is not what was guessed, the guesses behind are taken back. So the tokens
//! are those that would be chosen anyway.
//!
//! The non-obvious thing is when to guess. A step with guesses takes longer, by how much depends on model and machine, and
//! how many turn out right depends on the text. Both are measured: what guesses have gained is put by, a small part of all time
//! is added, and no more is spent on guesses than there is.

use crate::blocks::cache::Sequence;
use crate::error::Error;
use crate::prompt::Item;
use crate::session::{Session, Wants};
use std::time::Instant;

/// Most guesses of a step. There are fewer where a device sums so many rows in another order than one.
const MOST: usize = 7;
/// Tokens that must have stood together before: as many as these at first, then fewer.
const GRAMS: [usize; 3] = [4, 3, 2];
/// Of the tokens so far, those that are looked through.
const REACH: usize = 1 << 14;
/// Steps whose time is there to be spent at first, and what is put by at most.
const CREDIT: (f64, f64) = (2.0, 16.0);
/// Part of the time of all steps that may be lost.
const LOSS: f64 = 0.01;
/// How much of what is known of times is the last one's.
const LAST: f64 = 0.2;

/// What is ahead of the tokens that are chosen.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// Of the last step, behind the token that was chosen.
    guessed: Vec<u32>,
    /// How many of them were chosen since.
    right: usize,
    /// Where guesses are wanted.
    guesses: Option<Guesses>,
    /// All that were run, and all that were chosen.
    pub counts: (usize, usize),
}

#[derive(Debug, Default)]
struct Guesses {
    /// Prompt and text; what is no token is one that no model has.
    tokens: Vec<u32>,
    /// What the last step took, until it is known how many guesses were right.
    took: Option<f64>,
    pace: Pace,
}

/// What steps take, in seconds, and what there is to spend.
#[derive(Debug, Default)]
struct Pace {
    /// A step without guesses; 0 before there was one.
    plain: f64,
    /// What each guess adds to one.
    guess: f64,
    balance: f64,
}

impl Pace {
    /// A step with so many guesses took so long; with `right` tokens more than without.
    fn step(&mut self, took: f64, guesses: usize, right: usize) {
        let near = |known: f64, new: f64| if known == 0.0 { new } else { known + LAST * (new - known) };
        if guesses == 0 {
            let first = self.plain == 0.0;
            self.plain = near(self.plain, took);
            self.balance += if first { CREDIT.0 } else { LOSS } * self.plain;
        } else {
            self.guess = near(self.guess, (took - self.plain).max(0.0) / float(guesses));
            self.balance += float(1 + right) * self.plain - took;
        }
        self.balance = self.balance.min(CREDIT.1 * self.plain);
    }

    /// How many guesses there is time for, should all be wrong.
    fn most(&self) -> usize {
        if self.plain == 0.0 {
            return 0; // nothing to compare with
        }
        // Before the first guess: what one more row takes where memory is no limit at all.
        let each = if self.guess == 0.0 { self.plain / 2.0 } else { self.guess };
        (1..=MOST).take_while(|&count| float(count) * each <= self.balance).last().unwrap_or(0)
    }
}

impl Guesses {
    /// What may follow the tokens so far, `most` at most.
    fn next(&self, most: usize, to: &mut Vec<u32>) {
        let tokens = &self.tokens[self.tokens.len().saturating_sub(REACH)..];
        for gram in GRAMS.into_iter().filter(|&gram| most > 0 && gram < tokens.len()) {
            let (before, last) = tokens.split_at(tokens.len() - gram);
            // One that ends within the last one itself repeats something.
            let found = (0..before.len()).rev().find(|&at| tokens[at..at + gram] == *last);
            if let Some(at) = found.filter(|_| !last.contains(&NONE)) {
                let behind = &tokens[at + gram..];
                to.extend(behind.iter().take(most).take_while(|&&id| id != NONE));
                return;
            }
        }
    }
}

/// Stands for what is no token.
const NONE: u32 = u32::MAX;

impl Ahead {
    /// Behind a prompt. Nothing is guessed unless that is wanted.
    pub fn new(items: &[Item], wanted: bool) -> Self {
        let tokens = |item: &Item| match item {
            Item::Tokens(ids) => ids.clone(),
            Item::Image(..) | Item::Video(..) => vec![NONE],
        };
        let guesses = || Guesses { tokens: items.iter().flat_map(tokens).collect(), ..Guesses::default() };
        Self { guesses: wanted.then(guesses), ..Self::default() }
    }

    /// Rows that are run and not chosen yet.
    fn left(&self) -> usize {
        self.guessed.len() - self.right
    }
}

impl Session {
    /// The logits from which the next token is chosen, and how many positions are before it.
    pub(super) fn next_logits(&mut self, sequence: &Sequence, ahead: &Ahead) -> (&mut [f32], usize) {
        let (row, vocabulary, position) = (ahead.right, self.vocabulary(), sequence.len() - ahead.left());
        (&mut self.logits_mut()[row * vocabulary..][..vocabulary], position)
    }

    /// Runs a token that was chosen, and guesses of what follows, unless it was guessed and run already.
    pub(super) fn run_chosen(&mut self, sequence: &mut Sequence, id: u32, ahead: &mut Ahead) -> Result<(), Error> {
        if let Some(guesses) = &mut ahead.guesses {
            guesses.tokens.push(id);
        }
        if ahead.guessed.get(ahead.right) == Some(&id) {
            (ahead.right, ahead.counts.1) = (ahead.right + 1, ahead.counts.1 + 1);
            return Ok(());
        }
        self.take_back(sequence, ahead);
        let Ahead { guessed, guesses: Some(guesses), counts, .. } = ahead else {
            return self.step(std::slice::from_mut(sequence), &[id]);
        };
        let most = guesses.pace.most().min(self.spare(sequence)).min(self.alike().saturating_sub(1));
        guesses.next(most, guessed);
        counts.0 += guessed.len();
        let mut ids = [id; 1 + MOST];
        ids[1..=guessed.len()].copy_from_slice(guessed);
        let ids = &ids[..=guessed.len()];
        let began = Instant::now();
        self.run(std::slice::from_mut(sequence), ids, &[ids.len()], &mut Wants::All)?;
        guesses.took = Some(began.elapsed().as_secs_f64());
        Ok(())
    }

    /// Takes back the guesses that nobody chose.
    pub(super) fn take_back(&mut self, sequence: &mut Sequence, ahead: &mut Ahead) {
        let left = ahead.left();
        if left > 0 {
            self.slots().truncate(sequence, sequence.len() - left);
        }
        if let Some(Guesses { took, pace, .. }) = &mut ahead.guesses
            && let Some(took) = took.take()
        {
            pace.step(took, ahead.guessed.len(), ahead.right);
        }
        ahead.guessed.clear();
        ahead.right = 0;
    }
}

#[allow(clippy::cast_precision_loss)]
fn float(count: usize) -> f64 {
    count as f64
}
