//! Captions beside those of people: BLEU (Papineni et al. 2002), ROUGE-L (Lin 2004) and CIDEr-D (Vedantam et al. 2015), as the
//! evaluation code of COCO computes them.
//!
//! The non-obvious things, all of that code: BLEU's closest reference is the shorter one of two that are as close; CIDEr-D's
//! lengths are counts of pairs of words; ROUGE takes precision and recall from whichever reference has the most of each.

use std::collections::{BTreeMap, HashMap, HashSet};

/// Longest n-grams.
const N: usize = 4;
/// CIDEr-D's penalty of lengths that differ.
const SIGMA: f64 = 6.0;
/// ROUGE's weight of recall.
const BETA: f64 = 1.2;

/// A caption and what people wrote, all of them words with blanks between them.
pub struct Captioned {
    pub said: String,
    pub people: Vec<String>,
}

type Counts<'t> = BTreeMap<Vec<&'t str>, u32>;

fn counts(text: &str) -> Counts<'_> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut counts = Counts::new();
    for n in 1..=N {
        for gram in words.windows(n) {
            *counts.entry(gram.to_vec()).or_default() += 1;
        }
    }
    counts
}

#[allow(clippy::cast_precision_loss)]
fn real(count: usize) -> f64 {
    count as f64
}

/// BLEU-1 to BLEU-4 of all captions together.
pub fn bleu(all: &[Captioned]) -> [f64; N] {
    const SMALL: f64 = 1e-9;
    const TINY: f64 = 1e-15;
    let (mut said, mut wanted) = (0, 0);
    let (mut guesses, mut hits) = ([0usize; N], [0u64; N]);
    for Captioned { said: text, people } in all {
        let length = text.split_whitespace().count();
        let lengths = people.iter().map(|one| one.split_whitespace().count());
        wanted += lengths.min_by_key(|other| (other.abs_diff(length), *other)).unwrap_or(0);
        said += length;
        let mut most: HashMap<Vec<&str>, u32> = HashMap::new();
        for one in people {
            for (gram, count) in counts(one) {
                let before = most.entry(gram).or_default();
                *before = count.max(*before);
            }
        }
        for (n, guesses) in guesses.iter_mut().enumerate() {
            *guesses += length.saturating_sub(n);
        }
        for (gram, count) in counts(text) {
            hits[gram.len() - 1] += u64::from(count.min(most.get(&gram).copied().unwrap_or(0)));
        }
    }
    let ratio = (real(said) + TINY) / (real(wanted) + SMALL);
    let brevity = if ratio < 1.0 { (1.0 - 1.0 / ratio).exp() } else { 1.0 };
    let mut product = 1.0;
    let mut scores = [0.0; N];
    for n in 0..N {
        #[allow(clippy::cast_precision_loss)]
        let hit = hits[n] as f64;
        product *= (hit + TINY) / (real(guesses[n]) + SMALL);
        scores[n] = f64::powf(product, 1.0 / real(n + 1)) * brevity;
    }
    scores
}

/// ROUGE-L of one caption.
pub fn rouge_l(one: &Captioned) -> f64 {
    // An empty text is one empty word.
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let said = words(&one.said);
    let (mut precision, mut recall) = (0.0, 0.0);
    for other in &one.people {
        let other = words(other);
        let common = real(longest_common(&said, &other));
        precision = f64::max(precision, common / real(said.len()));
        recall = f64::max(recall, common / real(other.len()));
    }
    if precision == 0.0 || recall == 0.0 {
        return 0.0;
    }
    (1.0 + BETA * BETA) * precision * recall / (recall + BETA * BETA * precision)
}

fn longest_common(one: &[String], other: &[String]) -> usize {
    let mut row = vec![0; other.len() + 1];
    for word in one {
        let mut diagonal = 0;
        for (at, wanted) in other.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if word == wanted { diagonal + 1 } else { row[at].max(above) };
            diagonal = above;
        }
    }
    row[other.len()]
}

/// A caption's n-grams weighted by how rare they are, by their lengths.
struct Weighted<'t> {
    grams: Vec<HashMap<Vec<&'t str>, f64>>,
    norms: [f64; N],
    length: f64,
}

/// CIDEr-D of each caption. What is rare is known from the references of all of them.
pub fn cider_d(all: &[Captioned]) -> Vec<f64> {
    let mut documents: HashMap<Vec<&str>, f64> = HashMap::new();
    for one in all {
        let grams: HashSet<Vec<&str>> = one.people.iter().flat_map(|text| counts(text).into_keys()).collect();
        for gram in grams {
            *documents.entry(gram).or_default() += 1.0;
        }
    }
    let log_all = real(all.len()).ln();
    let score = |one: &Captioned| {
        let said = weighted(&one.said, &documents, log_all);
        let sum: f64 = one.people.iter().map(|text| similar(&said, &weighted(text, &documents, log_all))).sum();
        10.0 * sum / real(N) / real(one.people.len().max(1))
    };
    all.iter().map(score).collect()
}

fn weighted<'t>(text: &'t str, documents: &HashMap<Vec<&'t str>, f64>, log_all: f64) -> Weighted<'t> {
    let mut out = Weighted { grams: vec![HashMap::new(); N], norms: [0.0; N], length: 0.0 };
    for (gram, count) in counts(text) {
        let n = gram.len() - 1;
        let seen = documents.get(&gram).copied().unwrap_or(0.0).max(1.0).ln();
        let weight = f64::from(count) * (log_all - seen);
        out.norms[n] += weight * weight;
        if n == 1 {
            out.length += f64::from(count);
        }
        out.grams[n].insert(gram, weight);
    }
    out.norms = out.norms.map(f64::sqrt);
    out
}

fn similar(said: &Weighted<'_>, wanted: &Weighted<'_>) -> f64 {
    let penalty = (-(said.length - wanted.length).powi(2) / (2.0 * SIGMA * SIGMA)).exp();
    let of = |n: usize| {
        let products = said.grams[n].iter().map(|(gram, weight)| {
            let other = wanted.grams[n].get(gram).copied().unwrap_or(0.0);
            weight.min(other) * other
        });
        // In the order of size, since the sum is to be the same each time.
        let mut products: Vec<f64> = products.collect();
        products.sort_by(f64::total_cmp);
        let product: f64 = products.iter().sum();
        let norms = said.norms[n] * wanted.norms[n];
        (if norms == 0.0 { product } else { product / norms }) * penalty
    };
    (0..N).map(of).sum()
}
