//! How sure a number is: bootstrap (Efron 1979), and McNemar's test (1947) of two models on the same questions.

use super::random::Random;

/// How often a sample is drawn anew.
const DRAWS: usize = 1000;

/// The mean of some numbers; `None` of none.
pub fn mean(values: &[f64]) -> Option<f64> {
    #[allow(clippy::cast_precision_loss)]
    let count = values.len() as f64;
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / count)
}

/// Where 95 of 100 means of samples drawn anew lie: the 2.5th and the 97.5th of a hundred.
pub fn bootstrap(values: &[f64], seed: u64) -> Option<[f64; 2]> {
    interval(values.len(), seed, |drawn| mean(&drawn.iter().map(|at| values[*at]).collect::<Vec<_>>()))
}

/// The same of anything that is made of the drawn places; samples that make nothing of it are left out.
pub fn interval(count: usize, seed: u64, mut of: impl FnMut(&[usize]) -> Option<f64>) -> Option<[f64; 2]> {
    if count == 0 || count > u32::MAX as usize {
        return None;
    }
    let mut random = Random::new(seed);
    let mut drawn = vec![0; count];
    let mut found = Vec::with_capacity(DRAWS);
    for _ in 0..DRAWS {
        drawn.iter_mut().for_each(|place| *place = random.below(count));
        found.extend(of(&drawn));
    }
    found.sort_by(f64::total_cmp);
    let last = found.len().checked_sub(1)?;
    Some([found[last * 25 / 1000], found[last - last * 25 / 1000]])
}

/// Two models on the same questions.
#[derive(Debug, PartialEq)]
pub struct Paired {
    /// Right by the first only, by the second only.
    pub first: u64,
    pub second: u64,
    /// How likely so unequal numbers are where both are as good: the exact test, on both sides.
    pub p: f64,
}

/// McNemar's exact test.
pub fn mcnemar(pairs: impl Iterator<Item = (bool, bool)>) -> Paired {
    let (mut first, mut second) = (0u64, 0u64);
    for pair in pairs {
        match pair {
            (true, false) => first += 1,
            (false, true) => second += 1,
            _ => {}
        }
    }
    let (few, all) = (first.min(second), first + second);
    // The sum of binomials up to `few`, by logarithms, since they are beyond a float's range soon.
    #[allow(clippy::cast_precision_loss)]
    let (mut log, mut sum) = (-(all as f64) * std::f64::consts::LN_2, 0.0);
    for k in 0..=few {
        sum += f64::exp(log);
        #[allow(clippy::cast_precision_loss)]
        let step = ((all - k) as f64 / (k + 1) as f64).ln();
        log += step;
    }
    let p = if first == second { 1.0 } else { (2.0 * sum).min(1.0) };
    Paired { first, second, p }
}

/// The area under the curve of hits by false alarms (Mann and Whitney 1947): how often a score of a right one is above one of
/// a wrong one, equal ones half. `None` without either.
pub fn roc_auc(scores: &[(f64, bool)]) -> Option<f64> {
    let mut sorted = scores.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut ranks, mut hits, mut at) = (0.0, 0u64, 0);
    while at < sorted.len() {
        let same = sorted[at..].iter().take_while(|(score, _)| score.total_cmp(&sorted[at].0).is_eq()).count();
        let right = sorted[at..at + same].iter().filter(|(_, right)| *right).count() as u64;
        #[allow(clippy::cast_precision_loss)]
        let rank = (2 * at + same + 1) as f64 / 2.0;
        #[allow(clippy::cast_precision_loss)]
        let right_ranks = rank * right as f64;
        ranks += right_ranks;
        hits += right;
        at += same;
    }
    let misses = sorted.len() as u64 - hits;
    #[allow(clippy::cast_precision_loss)]
    let (hits, misses) = (hits as f64, misses as f64);
    (hits > 0.0 && misses > 0.0).then(|| (ranks - hits * (hits + 1.0) / 2.0) / (hits * misses))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_test_of_pairs_is_the_binomials() {
        let pairs = |first: usize, second: usize| {
            let one = std::iter::repeat_n((true, false), first);
            one.chain(std::iter::repeat_n((false, true), second)).chain([(true, true), (false, false)])
        };
        // scipy.stats.binomtest(5, 20).pvalue and so on.
        for (first, second, p) in
            [(5, 15, 0.041_389_465_332_031_25), (0, 0, 1.0), (3, 3, 1.0), (0, 1, 1.0), (10, 0, 0.001_953_125)]
        {
            let paired = mcnemar(pairs(first, second));
            assert!((paired.p - p).abs() < 1e-12, "{first} {second} {}", paired.p);
        }
        assert!(mcnemar(pairs(4000, 1000)).p < 1e-300);
    }

    #[test]
    fn areas_count_equal_scores_half() {
        let of = |scores: &[(f64, bool)]| roc_auc(scores);
        assert_eq!(of(&[(0.1, false), (0.4, false), (0.35, true), (0.8, true)]), Some(0.75));
        assert_eq!(of(&[(0.5, false), (0.5, true)]), Some(0.5));
        assert_eq!(of(&[(0.5, true)]), None);
    }

    #[test]
    fn intervals_hold_the_mean_and_their_seed() {
        let values: Vec<f64> = (0..200).map(|i| f64::from(i % 4 == 0)).collect();
        let [low, high] = bootstrap(&values, 1).unwrap();
        assert!(0.15 < low && low < 0.25 && 0.25 < high && high < 0.35, "{low} {high}");
        assert_eq!(bootstrap(&values, 1), Some([low, high]));
        assert_ne!(bootstrap(&values, 2), Some([low, high]));
        assert_eq!(bootstrap(&[], 1), None);
    }
}
