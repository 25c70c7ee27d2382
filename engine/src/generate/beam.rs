//! Beam search with the semantics of Hugging Face's `generate` (transformers 4.57).
//!
//! Each step ranks all continuations of all running beams and looks at the best `max(2, 1 + eos tokens) · B` of them.
//! One that ends counts as finished only if it ranks among the first B; the others that end are forgotten, and the
//! best B that go on run further. A finished hypothesis scores Σ log p / lengthᵅ, its end token counted. The search
//! ends when no running beam can beat the worst of B finished ones at its present length, or, with early stopping, as
//! soon as there are B. Beams share the keys and values of what they have in common.

use super::Finish;
use crate::blocks::cache::Sequence;
use crate::error::Error;
use crate::sampling::{GenerateOptions, History, log_softmax};
use crate::session::Session;

/// Stands for log 0 where the reference adds it: a beam that is not there yet.
const NONE: f32 = -1.0e9;

struct Running {
    history: History,
    score: f32,
}

struct Finished {
    ids: Vec<u32>,
    score: f32,
}

#[derive(Clone, Copy)]
struct Candidate {
    score: f32,
    beam: usize,
    id: u32,
}

/// Continues `sequence`, the logits of whose last position the session holds, with `history` behind it.
pub fn search(
    session: &mut Session,
    sequence: Sequence,
    history: History,
    options: &GenerateOptions,
) -> Result<(Vec<u32>, Finish), Error> {
    let beams = options.beams;
    let model = session.model().clone();
    let defaults = model.defaults();
    let keep = beams * (1 + defaults.eos_ids.len()).max(2);
    // What a constraint forbids is no beam, nor is what would repeat a beam that is there.
    let least = if history.is_constrained() { NONE / 2.0 } else { f32::NEG_INFINITY };
    let vocabulary = session.vocabulary();
    let start = sequence.len();
    let mut sequences = vec![sequence];
    // Before the first step all beams are the one prompt: the others are there to be ranked below it.
    let mut running = vec![Running { history, score: 0.0 }];
    let mut finished: Vec<Finished> = Vec::new();
    let mut scores = Vec::new();
    for length in 1..=options.max_new_tokens {
        scores.clear();
        scores.extend_from_slice(session.logits());
        let position = start + length - 1;
        for (row, beam) in scores.chunks_exact_mut(vocabulary).zip(&mut running) {
            if !log_softmax(row) {
                return Err(Error::NotANumber { position });
            }
            match beam.history.process(defaults, row, position) {
                // Other beams may go on where this one cannot.
                Err(Error::NothingAllowed { .. }) => row.fill(f32::NEG_INFINITY),
                processed => processed?,
            }
        }
        let mut best = Best::new(keep);
        let twins = if length == 1 { beams } else { 1 };
        for (beam, state) in running.iter().enumerate() {
            for twin in 0..twins {
                let score = if twin == 0 { state.score } else { NONE };
                for (id, &p) in scores[beam * vocabulary..(beam + 1) * vocabulary].iter().enumerate() {
                    let id = u32::try_from(id).unwrap_or(u32::MAX);
                    best.offer(Candidate { score: p + score, beam, id });
                }
            }
        }
        let mut candidates = best.into_ranked();
        candidates.retain(|c| c.score >= least);
        let ends = |c: &Candidate| defaults.ends(c.id) || length == options.max_new_tokens;
        let extended = |c: &Candidate| [running[c.beam].history.ids(), &[c.id]].concat();

        #[allow(clippy::cast_precision_loss)]
        let norm = (length as f32).powf(options.length_penalty);
        if !(options.early_stopping && finished.len() == beams) {
            finished.extend(
                candidates
                    .iter()
                    .take(beams)
                    .filter(|c| ends(c))
                    .map(|c| Finished { ids: extended(c), score: c.score / norm }),
            );
            // Stable: the earlier of equals stays ahead.
            finished.sort_by(|a, b| b.score.total_cmp(&a.score));
            finished.truncate(beams);
        }
        let next: Vec<Candidate> = candidates.iter().filter(|c| !ends(c)).take(beams).copied().collect();
        let Some(first) = next.first() else {
            if finished.is_empty() {
                return Err(Error::NothingAllowed { tokens: length - 1 });
            }
            break;
        };
        let full = finished.len() == beams;
        let worst = if full { finished.last().map_or(NONE, |f| f.score) } else { NONE };
        if (full && options.early_stopping) || first.score / norm <= worst {
            break;
        }
        let ids: Vec<u32> = next.iter().map(|c| c.id).collect();
        let states =
            next.iter().map(|c| Ok(Running { history: running[c.beam].history.extended(c.id)?, score: c.score }));
        let states = states.collect::<Result<Vec<_>, Error>>()?;
        let sources: Vec<usize> = next.iter().map(|c| c.beam).collect();
        sequences = session.slots().branch(sequences, &sources);
        running = states;
        session.step(&mut sequences, &ids)?;
    }
    let best = finished.into_iter().next().map(|f| f.ids);
    let ids = best.or_else(|| running.into_iter().next().map(|r| r.history.into_ids())).unwrap_or_default();
    let ended = ids.last().is_some_and(|&id| defaults.ends(id));
    Ok((ids, if ended { Finish::Eos } else { Finish::Length }))
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
