//! What changes logits before a token is chosen: the processors of Hugging Face's `generate`.

/// Makes tokens that were seen less likely; none of `ids` comes twice.
pub(super) fn penalise(logits: &mut [f32], ids: &[u32], penalty: f32) {
    for &id in ids {
        if let Some(logit) = logits.get_mut(id as usize) {
            *logit = if *logit < 0.0 { *logit * penalty } else { *logit / penalty };
        }
    }
}

/// Takes out what would end n tokens in a row that a text of `len` tokens has already.
pub(super) fn forbid_ngrams(logits: &mut [f32], n: usize, len: usize, at: impl Fn(usize) -> u32) {
    if n == 0 || len < n {
        return;
    }
    let tail = len + 1 - n;
    for first in 0..=len - n {
        if (0..n - 1).all(|i| at(first + i) == at(tail + i)) {
            suppress(logits, &[at(first + n - 1)]);
        }
    }
}

/// Takes tokens out of the choice.
pub(super) fn suppress(logits: &mut [f32], ids: &[u32]) {
    for &id in ids {
        if let Some(logit) = logits.get_mut(id as usize) {
            *logit = f32::NEG_INFINITY;
        }
    }
}

/// `log Σ exp(logits)`, in f64; `None` where a logit is NaN.
pub fn log_sum(logits: &[f32]) -> Option<f64> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if logits.iter().any(|l| l.is_nan()) || max == f32::NEG_INFINITY {
        return None;
    }
    let sum: f64 = logits.iter().map(|l| f64::from(l - max).exp()).sum();
    Some(f64::from(max) + sum.ln())
}

/// The logarithm of a token's probability, by [`log_sum`] of all.
#[allow(clippy::cast_possible_truncation)]
pub fn log_probability(logit: f32, sum: f64) -> f32 {
    (f64::from(logit) - sum) as f32
}

/// Turns logits into [`log_probability`]s; false where a logit is NaN.
pub fn log_softmax(logits: &mut [f32]) -> bool {
    let Some(sum) = log_sum(logits) else { return false };
    logits.iter_mut().for_each(|l| *l = log_probability(*l, sum));
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_softmax_sums_to_one() {
        let mut logits = [1.0, 2.0, -30.0];
        assert!(log_softmax(&mut logits));
        assert!((logits.iter().map(|l| l.exp()).sum::<f32>() - 1.0).abs() < 1e-6);
        assert!(!log_softmax(&mut [f32::NAN, 0.0]));
    }
}
