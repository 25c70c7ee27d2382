//! Choosing the next token from logits: the processors of Hugging Face's `generate`, in its order (repetition penalty,
//! no-repeat n-grams, least length, temperature, top-k, top-p, min-p), then the largest logit or a seeded draw.

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

/// Applies what depends on the tokens so far. `seen` is what the penalty looks at, the ones from `prompt` on generated.
/// `sorted` is overwritten.
pub fn process(
    options: &Sampling,
    eos: &[u32],
    seen: &[u32],
    prompt: usize,
    logits: &mut [f32],
    sorted: &mut Vec<u32>,
) {
    let penalty = options.repetition_penalty;
    if penalty != 1.0 {
        sorted.clear();
        sorted.extend_from_slice(seen);
        sorted.sort_unstable();
        sorted.dedup();
        for &id in &*sorted {
            if let Some(logit) = logits.get_mut(id as usize) {
                *logit = if *logit < 0.0 { *logit * penalty } else { *logit / penalty };
            }
        }
    }
    let n = options.no_repeat_ngram;
    if n > 0 && seen.len() + 1 >= n {
        let tail = &seen[seen.len() + 1 - n..];
        for window in seen.windows(n) {
            if let Some(logit) = logits.get_mut(window[n - 1] as usize).filter(|_| &window[..n - 1] == tail) {
                *logit = f32::NEG_INFINITY;
            }
        }
    }
    if seen.len() - prompt < options.min_new_tokens {
        for &id in eos {
            if let Some(logit) = logits.get_mut(id as usize) {
                *logit = f32::NEG_INFINITY;
            }
        }
    }
}

/// Index of the largest logit, the first of equals; `None` where one is NaN.
#[must_use]
pub fn argmax(logits: &[f32]) -> Option<usize> {
    let mut best = 0;
    for (i, &l) in logits.iter().enumerate() {
        if l.is_nan() {
            return None;
        }
        if l > logits[best] {
            best = i;
        }
    }
    (!logits.is_empty()).then_some(best)
}

/// `logits - log Σ exp(logits)`, the sum in f64; false where a logit is NaN.
pub fn log_softmax(logits: &mut [f32]) -> bool {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if logits.iter().any(|l| l.is_nan()) || max == f32::NEG_INFINITY {
        return false;
    }
    let sum: f64 = logits.iter().map(|l| f64::from(l - max).exp()).sum();
    let log = f64::from(max) + sum.ln();
    #[allow(clippy::cast_possible_truncation)]
    logits.iter_mut().for_each(|l| *l = (f64::from(*l) - log) as f32);
    true
}

/// Draws tokens. The generator is `splitmix64`, so a seed gives the same draws on every platform and in every binding.
#[derive(Debug)]
pub struct Sampler {
    options: Sampling,
    state: u64,
    /// Candidates with logits, then weights.
    left: Vec<(u32, f64)>,
    /// The tokens that the repetition penalty looks at.
    seen: Vec<u32>,
}

impl Sampler {
    /// A sampler at the start of its seed's draws.
    #[must_use]
    pub fn new(options: Sampling) -> Self {
        let state = options.seed;
        Self { options, state, left: Vec::new(), seen: Vec::new() }
    }

    /// As the function [`process`], with this sampler's options.
    pub(crate) fn process(&mut self, eos: &[u32], seen: &[u32], prompt: usize, logits: &mut [f32]) {
        process(&self.options, eos, seen, prompt, logits, &mut self.seen);
    }

    /// A number in [0, 1).
    #[allow(clippy::cast_precision_loss)]
    fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// The next token from processed logits; `None` where a logit is NaN.
    pub fn choose(&mut self, logits: &[f32]) -> Option<u32> {
        let best = argmax(logits)?;
        if self.options.temperature == 0.0 || logits[best] == f32::NEG_INFINITY {
            return u32::try_from(best).ok();
        }
        self.filter(logits);
        let total: f64 = self.left.iter().map(|(_, weight)| weight).sum();
        let mut draw = self.uniform() * total;
        let mut chosen = None;
        for &(id, weight) in &self.left {
            chosen = Some(id);
            draw -= weight;
            if draw < 0.0 {
                break;
            }
        }
        chosen
    }

    /// What the filters leave of processed logits, the likeliest first, with probabilities; at temperature 0 as at 1.
    pub fn distribution(&mut self, logits: &[f32]) -> Vec<(u32, f64)> {
        self.filter(logits);
        let total: f64 = self.left.iter().map(|(_, weight)| weight).sum();
        self.left.iter().map(|&(id, weight)| (id, weight / total)).collect()
    }

    /// Fills `left` with the candidates and their weights, the likeliest first.
    fn filter(&mut self, logits: &[f32]) {
        let Sampling { temperature, top_k, top_p, min_p, .. } = self.options;
        let temperature = if temperature == 0.0 { 1.0 } else { temperature };
        let left = &mut self.left;
        left.clear();
        let possible = logits.iter().enumerate().filter(|(_, l)| **l > f32::NEG_INFINITY);
        left.extend(possible.filter_map(|(i, &l)| Some((u32::try_from(i).ok()?, f64::from(l)))));
        // Ties fall to the smaller id, so that the order is total and the same everywhere.
        let order = |a: &(u32, f64), b: &(u32, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if top_k > 0 && top_k < left.len() {
            left.select_nth_unstable_by(top_k - 1, order);
            left.truncate(top_k);
        }
        left.sort_unstable_by(order);
        let top = left.first().map_or(0.0, |(_, l)| *l);
        left.iter_mut().for_each(|(_, l)| *l = ((*l - top) / f64::from(temperature)).exp());
        if top_p < 1.0 {
            let total: f64 = left.iter().map(|(_, weight)| weight).sum();
            let mut sum = 0.0;
            let mut keep = 0;
            while keep < left.len() && (keep == 0 || sum < f64::from(top_p) * total) {
                sum += left[keep].1;
                keep += 1;
            }
            left.truncate(keep);
        }
        if min_p > 0.0 {
            // The likeliest has weight 1.
            left.retain(|(_, weight)| *weight >= f64::from(min_p));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn draws(options: Sampling, logits: &[f32]) -> Vec<usize> {
        let mut sampler = Sampler::new(options);
        let mut counts = vec![0; logits.len()];
        for _ in 0..10_000 {
            counts[sampler.choose(logits).unwrap() as usize] += 1;
        }
        counts
    }

    #[test]
    fn greedy_takes_the_first_of_equals_and_refuses_nan() {
        let mut sampler = Sampler::new(Sampling::default());
        assert_eq!(sampler.choose(&[0.0, 3.0, 3.0]), Some(1));
        assert_eq!(sampler.choose(&[0.0, f32::NAN]), None);
    }

    #[test]
    fn draws_follow_the_probabilities_and_the_filters() {
        let logits = [2.0f32.ln(), 0.0, 1.0f32.ln() - 2.0f32.ln(), f32::NEG_INFINITY]; // 4 : 2 : 1
        let free = Sampling { temperature: 1.0, seed: 7, ..Sampling::default() };
        let counts = draws(free.clone(), &logits);
        assert!(
            (counts[0] as i32 - 5714).abs() < 200 && (counts[1] as i32 - 2857).abs() < 200 && counts[3] == 0,
            "{counts:?}"
        );
        assert_eq!(draws(Sampling { top_k: 1, ..free.clone() }, &logits)[0], 10_000);
        assert_eq!(draws(Sampling { top_p: 0.6, ..free.clone() }, &logits)[2], 0);
        assert_eq!(draws(Sampling { top_p: 0.5, ..free.clone() }, &logits)[0], 10_000);
        let min_p = draws(Sampling { min_p: 0.4, ..free.clone() }, &logits);
        assert!(min_p[1] > 0 && min_p[2] == 0, "{min_p:?}");
        assert_eq!(draws(free.clone(), &logits), draws(free, &logits), "a seed repeats");
    }

    #[test]
    fn processors_change_what_they_name() {
        let options =
            Sampling { repetition_penalty: 2.0, no_repeat_ngram: 2, min_new_tokens: 3, ..Sampling::default() };
        let mut logits = [1.0, -1.0, 3.0, 4.0, 5.0];
        process(&options, &[4], &[0, 1, 0, 0], 3, &mut logits, &mut Vec::new());
        // 0 is halved, 1 doubled below zero; after "0" both "0 1" and "0 0" were there; 4 ends the text too early
        assert_eq!(logits, [f32::NEG_INFINITY, f32::NEG_INFINITY, 3.0, 4.0, f32::NEG_INFINITY]);
        let mut logits = [1.0, -1.0];
        let options = Sampling { repetition_penalty: 2.0, ..Sampling::default() };
        process(&options, &[], &[0, 0, 1], 3, &mut logits, &mut Vec::new());
        assert_eq!(logits, [0.5, -2.0]);
    }

    #[test]
    fn log_softmax_sums_to_one() {
        let mut logits = [1.0, 2.0, -30.0];
        assert!(log_softmax(&mut logits));
        assert!((logits.iter().map(|l| l.exp()).sum::<f32>() - 1.0).abs() < 1e-6);
        assert!(!log_softmax(&mut [f32::NAN, 0.0]));
    }

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
