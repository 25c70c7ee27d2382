//! Attention of single rows over the cache, in blocks of 256 positions that are joined, against softmax in f64.

use crate::{Random, near};
use cuda::card::{Card, Parameters, TARGETS};
use half::f16;

/// What is asked.
struct Case {
    heads: usize,
    kv: usize,
    width: usize,
    /// Positions that each row sees.
    lengths: &'static [usize],
    window: usize,
    cap: f32,
    slopes: bool,
}

const CASES: [Case; 5] = [
    Case { heads: 4, kv: 4, width: 64, lengths: &[1, 17], window: 0, cap: 0.0, slopes: false },
    Case { heads: 8, kv: 2, width: 80, lengths: &[300, 256, 257], window: 0, cap: 0.0, slopes: false },
    Case { heads: 3, kv: 1, width: 128, lengths: &[600, 5], window: 100, cap: 0.0, slopes: false },
    Case { heads: 2, kv: 2, width: 96, lengths: &[270], window: 0, cap: 0.5, slopes: false },
    Case { heads: 4, kv: 2, width: 88, lengths: &[40, 513], window: 0, cap: 0.0, slopes: true },
];

/// Slots: each row has pages of its own, in an order that is not theirs.
fn pages(rows: usize, stride: usize) -> Vec<u32> {
    (0..rows * stride).rev().map(|page| page as u32 * 16).collect()
}

struct Data {
    q: Vec<f32>,
    keys: Vec<f16>,
    values: Vec<f16>,
    slopes: Vec<f32>,
    pages: Vec<u32>,
    stride: usize,
}

#[allow(clippy::cast_precision_loss)]
fn wanted(case: &Case, data: &Data, scale: f64) -> Vec<f64> {
    let (w, group) = (case.width, case.heads / case.kv);
    let mut out = Vec::new();
    for (row, &length) in case.lengths.iter().enumerate() {
        for head in 0..case.heads {
            let q = &data.q[(row * case.heads + head) * w..][..w];
            let first = if case.window > 0 { length.saturating_sub(case.window) } else { 0 };
            let at = |position: usize| {
                let slot = data.pages[row * data.stride + position / 16] as usize + position % 16;
                (slot * case.kv + head / group) * w
            };
            let score = |position: usize| {
                let key = &data.keys[at(position)..][..w];
                let mut s: f64 = q.iter().zip(key).map(|(q, k)| f64::from(*q) * k.to_f64()).sum::<f64>() * scale;
                if case.cap > 0.0 {
                    s = f64::from(case.cap) * (s / f64::from(case.cap)).tanh();
                }
                if case.slopes {
                    s -= f64::from(data.slopes[head]) * (length - 1 - position) as f64;
                }
                s
            };
            let scores: Vec<f64> = (first..length).map(score).collect();
            let most = scores.iter().fold(f64::MIN, |m, s| m.max(*s));
            let weights: Vec<f64> = scores.iter().map(|s| (s - most).exp()).collect();
            let whole: f64 = weights.iter().sum();
            let value = |i: usize| {
                let terms = (first..length).zip(&weights).map(|(p, e)| e * data.values[at(p) + i].to_f64());
                terms.sum::<f64>() / whole
            };
            out.extend((0..w).map(value));
        }
    }
    out
}

fn halves(card: &mut Card, x: &[f16]) -> u64 {
    card.put(&x.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>())
}

fn attend(case: &Case, target: u32) {
    let rows = case.lengths.len();
    let longest = case.lengths.iter().max().unwrap();
    let (stride, splits) = (longest.div_ceil(16), longest.div_ceil(256));
    let mut random = Random::new(case.width as u64);
    let kept = rows * stride * 16 * case.kv * case.width;
    let half = |random: &mut Random| (0..kept).map(|_| f16::from_f32(random.float())).collect::<Vec<_>>();
    let data = Data {
        q: random.floats(rows * case.heads * case.width),
        keys: half(&mut random),
        values: half(&mut random),
        slopes: (0..case.heads).map(|h| 0.5f32.powi(h as i32 + 1)).collect(),
        pages: pages(rows, stride),
        stride,
    };
    let scale = 1.0 / (case.width as f32).sqrt();
    let mut card = Card::new("attend", target).unwrap();
    let lengths: Vec<u32> = case.lengths.iter().map(|n| *n as u32).collect();
    let (q, slopes) = (card.floats(&data.q), card.floats(&data.slopes));
    let (keys, values) = (halves(&mut card, &data.keys), halves(&mut card, &data.values));
    let (pages, lengths) = (card.numbers(&data.pages), card.numbers(&lengths));
    let results = rows * case.heads * splits;
    let [part, most, sum] = [results * case.width * 4, results * 4, results * 4].map(|n| card.memory.allocate(n));
    let p = Parameters::new().address(q).address(keys).address(values).address(pages).address(lengths);
    let p = p.address(if case.slopes { slopes } else { 0 }).address(part).address(most).address(sum);
    let n = [case.heads, case.kv, case.width, splits, stride, case.window].map(|n| n as u32);
    let p = p.numbers(&n).float(scale).float(case.cap);
    card.launch("attend_split", [case.kv, splits, rows], 128, &p).unwrap();
    let out = card.memory.allocate(rows * case.heads * case.width * 4);
    let p = Parameters::new().address(part).address(most).address(sum).address(out);
    let p = p.numbers(&[splits as u32, case.width as u32]);
    card.launch("attend_join", [rows * case.heads, 1, 1], 128, &p).unwrap();
    let got = card.read(out, rows * case.heads * case.width).unwrap();
    let want = wanted(case, &data, f64::from(scale));
    near(&format!("{} heads of {}", case.heads, case.width), &got, &want, 1.0, 2e-6);
}

#[test]
fn rows_see_the_positions_before_them() {
    for target in TARGETS {
        CASES.iter().for_each(|case| attend(case, target));
    }
}
