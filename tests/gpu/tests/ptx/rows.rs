//! Ops row by row: norms with their int8 copies, RoPE with the cache's slots, gated units, the largest logit.

use crate::{Random, near};
use cuda::card::{Card, Parameters, TARGETS};
use half::f16;

fn normed(x: &[f32], weight: &[f32], bias: Option<&[f32]>, kind: u32, eps: f64) -> Vec<f64> {
    let n = x.len() as f64;
    let mean = if kind == 2 { x.iter().map(|v| f64::from(*v)).sum::<f64>() / n } else { 0.0 };
    let variance = x.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
    let scale = if kind == 0 { 1.0 } else { 1.0 / (variance + eps).sqrt() };
    let of = |i: usize| {
        let v = (f64::from(x[i]) - mean) * scale;
        let v = if kind == 0 { v } else { v * f64::from(weight[i]) };
        v + bias.map_or(0.0, |b| f64::from(b[i]))
    };
    (0..x.len()).map(of).collect()
}

#[test]
fn rows_are_normed() {
    for target in TARGETS {
        for (kind, with_bias) in [(0, false), (1, false), (2, true), (2, false)] {
            for (rows, width) in [(1, 1), (3, 37), (2, 1024), (1, 2050)] {
                let mut random = Random::new(width as u64);
                let (x, weight, bias) = (random.floats(rows * width), random.floats(width), random.floats(width));
                let mut card = Card::new("norm", target).unwrap();
                let (at, w, b) = (card.floats(&x), card.floats(&weight), card.floats(&bias));
                let before = random.floats(rows * width);
                let out = card.floats(&before);
                let b = if with_bias { b } else { 0 };
                let p = Parameters::new().address(at).address(w).address(b).address(out).address(0).address(0);
                let p = p.numbers(&[width as u32, kind, u32::from(rows == 3)]).float(1e-5);
                card.launch("norm_rows", [rows, 1, 1], 256, &p).unwrap();
                let bias = with_bias.then_some(bias.as_slice());
                let mut want: Vec<f64> =
                    x.chunks_exact(width).flat_map(|x| normed(x, &weight, bias, kind, 1e-5)).collect();
                if rows == 3 {
                    want.iter_mut().zip(&before).for_each(|(v, b)| *v += f64::from(*b));
                }
                near(&format!("kind {kind}, {rows} x {width}"), &card.read(out, want.len()).unwrap(), &want, 1.0, 2e-6);
            }
        }
    }
}

/// Without a norm the integers are those of the processor to the last bit; one that is no finite number makes its block's
/// scale no number and leaves the others.
#[test]
fn rows_become_integers() {
    for target in TARGETS {
        for blocks in [1, 2, 33, 70] {
            let mut x = Random::new(blocks as u64).floats(2 * blocks * 32);
            x[..32].fill(0.0);
            let broken = x.len() - 5;
            x[broken] = if blocks == 2 { f32::NAN } else { f32::NEG_INFINITY };
            let mut card = Card::new("norm", target).unwrap();
            let (at, quants) = (card.floats(&x), card.memory.allocate(x.len()));
            let meta = card.memory.allocate(2 * blocks * 8);
            let p = Parameters::new().address(at).address(0).address(0).address(0).address(quants).address(meta);
            let p = p.numbers(&[blocks as u32 * 32, 0, 0]).float(0.0);
            card.launch("norm_rows", [2, 1, 1], 256, &p).unwrap();
            let got = card.bytes(quants, x.len()).unwrap();
            let meta = card.bytes(meta, 2 * blocks * 8).unwrap();
            for (block, x) in x.chunks_exact(32).enumerate() {
                let (row, b) = (block / blocks, block % blocks);
                let finite = x.iter().all(|v| v.is_finite());
                let most = x.iter().fold(0f32, |m, v| m.max(v.abs()));
                let inverse = if most > 0.0 && finite { 127.0 / most } else { 0.0 };
                let word = |i: usize| u32::from_le_bytes(meta[block * 8 + i..][..4].try_into().unwrap());
                let scale = f32::from_bits(word(0));
                assert!(if finite { scale == most / 127.0 } else { scale.is_nan() }, "block {block}: {scale}");
                let mut sums = [0i16; 2];
                for (i, v) in x.iter().enumerate() {
                    let q = got[row * blocks * 32 + i / 16 * blocks * 16 + b * 16 + i % 16].cast_signed();
                    if finite {
                        assert_eq!(q, (v * inverse).round_ties_even() as i8, "block {block}, number {i}");
                        sums[i / 16] += i16::from(q);
                    }
                }
                if finite {
                    let stored = [word(4) as u16, (word(4) >> 16) as u16].map(u16::cast_signed);
                    assert_eq!(stored, sums, "block {block}");
                }
            }
        }
    }
}

/// Heads of a row: turned, normed, and where they are stored.
struct Shape {
    heads: usize,
    kv: usize,
    width: usize,
    turned: usize,
    adjacent: bool,
    norms: bool,
}

#[allow(clippy::similar_names)]
fn turned(x: &[f32], shape: &Shape, angles: Option<&[f32]>, weight: Option<&[f32]>) -> Vec<f64> {
    let mut v = normed(x, weight.unwrap_or(&[]), None, u32::from(weight.is_some()), 1e-6);
    let Some(angles) = angles else { return v };
    let half = shape.turned / 2;
    for pair in 0..half {
        let (a, b) = if shape.adjacent { (2 * pair, 2 * pair + 1) } else { (pair, pair + half) };
        let (cos, sin) = (f64::from(angles[pair]), f64::from(angles[half + pair]));
        (v[a], v[b]) = (v[a] * cos - v[b] * sin, v[b] * cos + v[a] * sin);
    }
    v
}

#[test]
fn heads_are_turned_and_stored() {
    let shapes = [
        Shape { heads: 4, kv: 4, width: 64, turned: 64, adjacent: true, norms: false },
        Shape { heads: 6, kv: 2, width: 80, turned: 32, adjacent: false, norms: false },
        Shape { heads: 5, kv: 1, width: 128, turned: 128, adjacent: false, norms: true },
        Shape { heads: 3, kv: 3, width: 88, turned: 0, adjacent: false, norms: false },
    ];
    for target in TARGETS {
        for shape in &shapes {
            let (rows, w) = (3, shape.width);
            let mut random = Random::new(w as u64);
            let (q, k, v) = (
                random.floats(rows * shape.heads * w),
                random.floats(rows * shape.kv * w),
                random.floats(rows * shape.kv * w),
            );
            let (angles, q_norm, k_norm) =
                (random.floats(rows * shape.turned.max(1)), random.floats(w), random.floats(w));
            let mut card = Card::new("rope", target).unwrap();
            let addresses = [&q, &k, &v, &angles, &q_norm, &k_norm].map(|x| card.floats(x));
            let slots = [5u32, 0, 9];
            let slots_at = card.numbers(&slots);
            let stored = [0; 2].map(|_| card.memory.allocate(10 * shape.kv * w * 2));
            let [q_at, k_at, v_at, angles_at, q_norm_at, k_norm_at] = addresses;
            let given = |there: bool, at: u64| if there { at } else { 0 };
            let p = Parameters::new().address(q_at).address(k_at).address(v_at);
            let p = p.address(given(shape.turned > 0, angles_at));
            let p = p.address(given(shape.norms, q_norm_at)).address(given(shape.norms, k_norm_at));
            let p = p.address(stored[0]).address(stored[1]).address(slots_at);
            let n = [rows, shape.heads, shape.kv, w, shape.turned, usize::from(shape.adjacent)].map(|n| n as u32);
            let p = p.numbers(&n).float(1e-6);
            let all = shape.heads + 2 * shape.kv;
            card.launch("rope_store", [all.div_ceil(4), rows, 1], 128, &p).unwrap();
            let got = card.read(q_at, q.len()).unwrap();
            for row in 0..rows {
                let angles = (shape.turned > 0).then(|| &angles[row * shape.turned..][..shape.turned]);
                for head in 0..shape.heads {
                    let at = (row * shape.heads + head) * w;
                    let want = turned(&q[at..at + w], shape, angles, shape.norms.then_some(&q_norm));
                    near("queries", &got[at..at + w], &want, 1.0, 2e-6);
                }
                for head in 0..shape.kv {
                    let at = (row * shape.kv + head) * w;
                    let slot = ((slots[row] as usize * shape.kv + head) * w * 2) as u64;
                    let half = |card: &mut Card, at: u64| -> Vec<f32> {
                        let bytes = card.bytes(at + slot, w * 2).unwrap();
                        bytes.as_chunks::<2>().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect()
                    };
                    let keys = turned(&k[at..at + w], shape, angles, shape.norms.then_some(&k_norm));
                    near("keys", &half(&mut card, stored[0]), &keys, 1.0, 6e-4);
                    let exact: Vec<f32> = v[at..at + w].iter().map(|v| f16::from_f32(*v).to_f32()).collect();
                    assert_eq!(half(&mut card, stored[1]), exact);
                }
            }
        }
    }
}

/// The error function, by its series.
fn erf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..60 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}

#[test]
fn gates_multiply() {
    let of = |act: u32, x: f64| match act {
        1 => x.max(0.0),
        2 => 0.5 * x * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2)),
        3 => 0.5 * x * (1.0 + (0.797_884_560_802_865_4 * (x + 0.044_715 * x * x * x)).tanh()),
        4 => x / (1.0 + (-1.702 * x).exp()),
        5 => x / (1.0 + (-x).exp()),
        _ => x,
    };
    for target in TARGETS {
        for act in 0..=5 {
            let mut random = Random::new(11);
            let gate: Vec<f32> = random.floats(300).iter().map(|x| 4.0 * x).collect();
            let up = random.floats(300);
            let mut card = Card::new("gate", target).unwrap();
            let (g, u, out) = (card.floats(&gate), card.floats(&up), card.memory.allocate(1200));
            let p = Parameters::new().address(g).address(u).address(out).numbers(&[300, act]);
            card.launch("gate", [2, 1, 1], 256, &p).unwrap();
            let want: Vec<f64> = gate.iter().zip(&up).map(|(g, u)| of(act, f64::from(*g)) * f64::from(*u)).collect();
            near(&format!("activation {act}"), &card.read(out, 300).unwrap(), &want, 1.0, 1e-6);
        }
    }
}

/// Two launches: the best of each 4096, and the best of those.
fn largest(rows: usize, x: &[f32], target: u32) -> Vec<u32> {
    let (width, mut card) = (x.len() / rows, Card::new("argmax", target).unwrap());
    let parts = width.div_ceil(4096);
    let at = card.floats(x);
    let [values, ids, best, id] =
        [parts * rows * 4, parts * rows * 4, rows * 4, rows * 4].map(|n| card.memory.allocate(n));
    let p = Parameters::new().address(at).address(values).address(ids).address(0).numbers(&[width as u32]);
    card.launch("argmax", [parts, rows, 1], 256, &p).unwrap();
    let p = Parameters::new().address(values).address(best).address(id).address(ids).numbers(&[parts as u32]);
    card.launch("argmax", [1, rows, 1], 256, &p).unwrap();
    let bytes = card.bytes(id, rows * 4).unwrap();
    bytes.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect()
}

#[test]
fn the_first_of_the_largest_is_found() {
    for target in TARGETS {
        for width in [1, 31, 4096, 4097, 10_000] {
            let mut x = Random::new(width as u64).floats(2 * width);
            x[width / 2] = 2.0;
            x[width - 1] = 2.0;
            x[width + width / 3] = 3.0;
            if width > 100 {
                x[7] = f32::NAN;
            }
            let second = width / 3;
            assert_eq!(largest(2, &x, target), [(width / 2) as u32, second as u32], "{width}");
        }
        assert_eq!(largest(1, &[f32::NEG_INFINITY, -1.0, f32::NAN], target), [1]);
    }
}
