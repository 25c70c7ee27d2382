//! How likely texts are: continuations of a prompt that is read once, and the logits of every position.

use crate::blocks::cache::Sequence;
use crate::error::Error;
use crate::prompt::{Item, Prompt};
use crate::sampling::log_softmax;
use crate::session::{Session, Sink, Timings};
use std::ops::ControlFlow;

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

impl Session {
    /// Log-likelihoods of texts that could follow a prompt. The prompt is read once, however many there are.
    ///
    /// # Errors
    /// As [`Session::generate`].
    pub fn score(&mut self, prompt: &Prompt, continuations: &[&str], sink: &mut Sink<'_>) -> Result<Vec<Score>, Error> {
        use crate::tokenizer::EncodeOptions;
        let items = self.model().compose(prompt)?;
        let positions = self.model().count(&items);
        let options = EncodeOptions { add_special: false, parse_special: true };
        let ids = continuations
            .iter()
            .map(|text| Ok(self.model().tokenizer().encode_piece(text, options, false)?))
            .collect::<Result<Vec<_>, Error>>()?;
        for ids in &ids {
            self.fits(positions, ids.len())?;
        }
        let result = self.score_inner(&items, ids, sink);
        self.done();
        result
    }

    fn score_inner(&mut self, items: &[Item], all: Vec<Vec<u32>>, sink: &mut Sink<'_>) -> Result<Vec<Score>, Error> {
        let prompt = self.prefill(items, sink, &mut Timings::default())?;
        let vocabulary = self.vocabulary();
        let mut first = self.logits()[..vocabulary].to_vec();
        let position = prompt.sequence.len() - 1;
        if !log_softmax(&mut first) {
            return Err(Error::NotANumber { position });
        }
        let mut scores = Vec::new();
        for ids in all {
            let mut logprobs: Vec<f32> = ids.first().map(|&id| first[id as usize]).into_iter().collect();
            let mut sequence = self.slots().fork(&prompt.sequence);
            let inputs = &ids[..ids.len().saturating_sub(1)];
            for chunk in inputs.chunks(self.batch()) {
                let at = logprobs.len();
                self.run(std::slice::from_mut(&mut sequence), chunk, &[chunk.len()])?;
                for start in (0..chunk.len()).step_by(self.logit_rows()) {
                    let count = self.logit_rows().min(chunk.len() - start);
                    self.read_logits(start, count)?;
                    for (i, logits) in self.logits_mut().chunks_exact_mut(vocabulary).take(count).enumerate() {
                        if !log_softmax(logits) {
                            return Err(Error::NotANumber { position: position + at + start + i });
                        }
                        logprobs.push(logits[ids[at + start + i] as usize]);
                    }
                }
            }
            self.slots().release(sequence);
            scores.push(Score { ids, logprobs });
        }
        self.keep(prompt);
        Ok(scores)
    }

    /// The logits of every position of a prompt, `positions x vocabulary`: for tests of parity with a reference.
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
            &mut |s, count, _| {
                for start in (0..count).step_by(s.logit_rows()) {
                    s.read_logits(start, s.logit_rows().min(count - start))?;
                    all.extend_from_slice(s.logits());
                }
                Ok(())
            },
            &mut |_| ControlFlow::Continue(()),
        );
        self.done();
        result.map(|()| all)
    }
}
