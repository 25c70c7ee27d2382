//! Choosing the next token from processed logits: temperature, top-k, top-p and min-p in the order of Hugging Face's
//! `generate`, then the largest logit or a seeded draw.

use super::Sampling;

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

/// Draws tokens. The generator is `splitmix64`, so a seed gives the same draws on every platform and in every binding.
#[derive(Debug)]
pub struct Sampler {
    options: Sampling,
    state: u64,
    /// Candidates with logits, then weights.
    left: Vec<(u32, f64)>,
}

impl Sampler {
    /// A sampler at the start of its seed's draws.
    #[must_use]
    pub fn new(options: Sampling) -> Self {
        let state = options.seed;
        Self { options, state, left: Vec::new() }
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
}
