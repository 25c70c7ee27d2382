//! What changes logits before a token is chosen: the processors of Hugging Face's `generate`, in its order (repetition
//! penalty, no-repeat n-grams, least length).

use super::Sampling;

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

/// Takes tokens out of the choice.
pub(crate) fn suppress(logits: &mut [f32], ids: &[u32]) {
    for &id in ids {
        if let Some(logit) = logits.get_mut(id as usize) {
            *logit = f32::NEG_INFINITY;
        }
    }
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

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
}
