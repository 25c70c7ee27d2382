//! Beam search with the semantics of Hugging Face's `generate` (transformers 4.57).
//!
//! Each step ranks all continuations of all running beams and looks at the best `max(2, 1 + eos tokens) · B` of them.
//! One that ends counts as finished only if it ranks among the first B; the others that end are forgotten, and the
//! best B that go on run further. A finished hypothesis scores Σ log p / lengthᵅ, its end token counted. The search
//! ends when no running beam can beat the worst of B finished ones at its present length, or, with early stopping, as
//! soon as there are B. A stop string ends a hypothesis as an end token does. Beams share the keys and values of what they
//! have in common.

use super::shown::Text;
use super::{Chosen, Finish};
use crate::blocks::cache::Sequence;
use crate::error::Error;
use crate::model::Model;
use crate::sampling::{GenerateOptions, History, log_softmax};
use crate::session::Session;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Stands for log 0 where the reference adds it: a beam that is not there yet.
const NONE: f32 = -1.0e9;

struct Running {
    history: History,
    score: f32,
    /// Of each token as the model gave it, where that is wanted.
    logprobs: Vec<f32>,
    /// Follows the tokens where there are stop strings.
    text: Text,
}

struct Finished {
    score: f32,
    chosen: Chosen,
    text: Text,
}

#[derive(Clone, Copy)]
struct Candidate {
    score: f32,
    beam: usize,
    id: u32,
}

/// Finds why and how hypotheses end.
struct Ends<'a> {
    model: &'a Model,
    options: &'a GenerateOptions,
    /// Why one ends that has the most new tokens.
    full: Finish,
}

impl Ends<'_> {
    /// What a candidate makes of a beam's text, and why it ends there if it does.
    fn of(&self, beam: &Running, id: u32, length: usize) -> Result<(Text, Option<Finish>), Error> {
        let mut text = beam.text.clone();
        if !self.options.stop.is_empty() {
            text.push(self.model, id)?;
        }
        let finish = if self.model.defaults().ends(id) {
            Some(Finish::Eos)
        } else if text.stopped() {
            Some(Finish::StopString)
        } else {
            (length == self.options.max_new_tokens).then_some(self.full)
        };
        Ok((text, finish))
    }
}

/// Continues `sequence`, the logits of whose last position the session holds, with `history` behind it.
pub fn search(
    session: &mut Session,
    sequence: Sequence,
    history: History,
    options: &GenerateOptions,
    full: Finish,
) -> Result<(Chosen, Text), Error> {
    let beams = options.beams;
    let model = session.model().clone();
    let keep = beams * (1 + model.defaults().eos_ids.len()).max(2);
    // What a constraint forbids is no beam, nor is what would repeat a beam that is there.
    let least = if history.is_constrained() { NONE / 2.0 } else { f32::NEG_INFINITY };
    let vocabulary = session.vocabulary();
    let start = sequence.len();
    let mut sequences = vec![sequence];
    // Before the first step all beams are the one prompt: the others are there to be ranked below it.
    let text = Text::new(&model, options);
    let mut running = vec![Running { history, score: 0.0, logprobs: Vec::new(), text: text.clone() }];
    let mut finished: Vec<Finished> = Vec::new();
    let (mut scores, mut raw) = (Vec::new(), Vec::new());
    let ends = Ends { model: &model, options, full };
    for length in 1..=options.max_new_tokens {
        score(session, options, &mut running, start + length - 1, (&mut scores, &mut raw))?;
        let mut candidates = ranked(&scores, &running, if length == 1 { beams } else { 1 }, keep);
        candidates.retain(|c| c.score >= least);
        let logprobs = |c: &Candidate| {
            let mut logprobs = running[c.beam].logprobs.clone();
            logprobs.extend(raw.get(c.beam * vocabulary + c.id as usize));
            logprobs
        };
        let mut next: Vec<(Candidate, Text)> = Vec::new();
        let mut ended: Vec<Finished> = Vec::new();

        #[allow(clippy::cast_precision_loss)]
        let norm = (length as f32).powf(options.length_penalty);
        for (rank, c) in candidates.into_iter().enumerate() {
            let (text, finish) = ends.of(&running[c.beam], c.id, length)?;
            match finish {
                None if next.len() < beams => next.push((c, text)),
                Some(finish) if rank < beams => {
                    let ids = [running[c.beam].history.ids(), &[c.id]].concat();
                    let chosen = Chosen { ids, logprobs: logprobs(&c), finish };
                    ended.push(Finished { score: c.score / norm, chosen, text });
                }
                _ => {}
            }
        }
        if !(options.early_stopping && finished.len() == beams) {
            finished.extend(ended);
            // Stable: the earlier of equals stays ahead.
            finished.sort_by(|a, b| b.score.total_cmp(&a.score));
            finished.truncate(beams);
        }
        let Some((first, _)) = next.first() else {
            if finished.is_empty() {
                return Err(Error::NothingAllowed { tokens: length - 1 });
            }
            break;
        };
        let enough = finished.len() == beams;
        let worst = if enough { finished.last().map_or(NONE, |f| f.score) } else { NONE };
        if (enough && options.early_stopping) || first.score / norm <= worst {
            break;
        }
        let ids: Vec<u32> = next.iter().map(|(c, _)| c.id).collect();
        let sources: Vec<usize> = next.iter().map(|(c, _)| c.beam).collect();
        let states = next.into_iter().map(|(c, text)| {
            let history = running[c.beam].history.extended(c.id)?;
            Ok(Running { history, score: c.score, logprobs: logprobs(&c), text })
        });
        let states = states.collect::<Result<Vec<_>, Error>>()?;
        sequences = session.slots().branch(sequences, &sources);
        running = states;
        session.step(&mut sequences, &ids)?;
    }
    // The last step has finished some, and one more token is always asked for.
    let best = finished.into_iter().next().map(|best| (best.chosen, best.text));
    Ok(best.unwrap_or((Chosen { ids: Vec::new(), logprobs: Vec::new(), finish: full }, text)))
}

/// How likely each token is next in each beam, as what is chosen from and, where that is wanted, as the model gave it.
fn score(
    session: &Session,
    options: &GenerateOptions,
    running: &mut [Running],
    position: usize,
    (scores, raw): (&mut Vec<f32>, &mut Vec<f32>),
) -> Result<(), Error> {
    let vocabulary = session.vocabulary();
    scores.clear();
    scores.extend_from_slice(session.logits());
    let rows: Vec<Mutex<&mut [f32]>> = scores.chunks_exact_mut(vocabulary).map(Mutex::new).collect();
    let numbers = AtomicBool::new(true);
    session.model().0.device.spread(rows.len(), &|row| {
        if !log_softmax(&mut rows[row].lock().unwrap_or_else(PoisonError::into_inner)) {
            numbers.store(false, Ordering::Relaxed);
        }
    });
    if !numbers.into_inner() {
        return Err(Error::NotANumber { position });
    }
    if options.logprobs {
        raw.clone_from(scores);
    }
    for (row, beam) in scores.chunks_exact_mut(vocabulary).zip(running) {
        match beam.history.process(session.model().defaults(), row, position) {
            // Other beams may go on where this one cannot.
            Err(Error::NothingAllowed { .. }) => row.fill(f32::NEG_INFINITY),
            processed => processed?,
        }
    }
    Ok(())
}

/// The `keep` best continuations of beams, each of them there `twins` times: the first as it is, the others below all.
fn ranked(scores: &[f32], running: &[Running], twins: usize, keep: usize) -> Vec<Candidate> {
    let mut best = Best::new(keep);
    for (beam, (state, row)) in running.iter().zip(scores.chunks_exact(scores.len() / running.len())).enumerate() {
        for twin in 0..twins {
            let score = if twin == 0 { state.score } else { NONE };
            for (id, &p) in (0..).zip(row) {
                best.offer(Candidate { score: p + score, beam, id });
            }
        }
    }
    best.into_ranked()
}

/// The `keep` best candidates so far; of equals the one offered first.
struct Best {
    keep: usize,
    found: Vec<Candidate>,
    /// The score a candidate must beat once `keep` are found.
    floor: f32,
}

impl Best {
    fn new(keep: usize) -> Self {
        Self { keep, found: Vec::with_capacity(2 * keep), floor: f32::NEG_INFINITY }
    }

    fn offer(&mut self, candidate: Candidate) {
        if self.found.len() >= self.keep && candidate.score <= self.floor {
            return;
        }
        self.found.push(candidate);
        if self.found.len() == 2 * self.keep {
            self.trim();
        }
    }

    fn trim(&mut self) {
        self.found.sort_by(|a, b| b.score.total_cmp(&a.score));
        self.found.truncate(self.keep);
        if self.found.len() == self.keep {
            self.floor = self.found.last().map_or(f32::NEG_INFINITY, |c| c.score);
        }
    }

    fn into_ranked(mut self) -> Vec<Candidate> {
        self.trim();
        self.found
    }
}
