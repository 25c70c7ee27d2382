//! Attention over rows and over a cache.

use crate::{Random, bits, file, golden, le, nmse, read};
use ocelli_engine::kernels::bias::{Buckets, Relative};
use ocelli_engine::kernels::cpu::{Cpu, Isa};
use ocelli_engine::kernels::{
    Arena, Bias, Cache, CacheShape, CacheType, Continuation, Device, HeadBias, Heads, Layout, Pasts, Rows, Sight,
    SlotCopy, Span,
};
use ocelli_quant::TensorType;
use std::ops::Range;

/// A bias with what it makes of the scores of each head, by the key's position less the query's.
struct Added {
    name: String,
    slopes: Option<f32>,
    cap: Option<f32>,
    /// The learned numbers, buckets x heads, and the bucket of each distance from -1200 to 1200.
    relative: Option<(Relative, Vec<f32>, Vec<usize>)>,
}

impl Added {
    fn none() -> Self {
        Self { name: "no bias".to_owned(), slopes: None, cap: None, relative: None }
    }

    fn slopes(max: f32) -> Self {
        Self { name: format!("slopes {max}"), slopes: (max > 0.0).then_some(max), ..Self::none() }
    }

    fn capped(cap: f32) -> Self {
        Self { name: format!("capped by {cap}"), cap: Some(cap), ..Self::none() }
    }

    /// Random numbers for the buckets of a case of the golden.
    fn relative(case: &serde_json::Value, heads: usize) -> Self {
        let number = |key: &str| usize::try_from(case[key].as_u64().unwrap()).unwrap();
        let (count, reach, two_sided) = (number("buckets"), number("reach"), case["two_sided"].as_bool().unwrap());
        let numbers = Random(31).floats(count * heads);
        let shape = [heads as u64, count as u64];
        let scope = file(&[("b.weight", &shape[..], TensorType::F32, le(&numbers))]);
        let buckets = Buckets::new(count, reach, two_sided).unwrap();
        let relative = Relative::load(&scope, "b", heads, buckets).unwrap();
        assert_eq!(relative.heads(), heads);
        let name = format!("{count} buckets to {reach}, two-sided {two_sided}");
        Self { name, relative: Some((relative, numbers, runs(case))), ..Self::none() }
    }

    fn bias(&self) -> Bias<'_> {
        match (&self.slopes, &self.relative) {
            _ if let Some(cap) = self.cap => Bias::Capped { cap },
            (Some(max), _) => Bias::Slopes { max: *max },
            (_, Some((relative, ..))) => Bias::Relative(relative),
            _ => Bias::None,
        }
    }

    fn at(&self, head: usize, heads: usize, distance: i64, score: f64) -> f64 {
        match (self.bias().of(head, heads), &self.relative) {
            (_, Some((_, numbers, buckets))) => {
                score + f64::from(numbers[buckets[usize::try_from(distance + 1200).unwrap()] * heads + head])
            }
            (HeadBias::Slope(slope), _) => score - f64::from(slope) * distance.unsigned_abs() as f64,
            (HeadBias::Cap(cap), _) => f64::from(cap) * (score / f64::from(cap)).tanh(),
            _ => score,
        }
    }
}

/// The buckets of a case of the golden, one for each distance from -1200 to 1200.
fn runs(case: &serde_json::Value) -> Vec<usize> {
    let number = |v: &serde_json::Value| usize::try_from(v.as_u64().unwrap()).unwrap();
    let runs = case["runs"].as_array().unwrap().iter();
    runs.flat_map(|run| std::iter::repeat_n(number(&run[0]), number(&run[1]))).collect()
}

/// Softmax attention in f64: query `i` stands at `own(i)` and sees the keys `sees(i)`.
fn attention_f64(
    heads: Heads,
    added: &Added,
    (q, k, v): (&[f32], &[f32], &[f32]),
    own: impl Fn(usize) -> usize,
    sees: impl Fn(usize) -> Range<usize>,
) -> Vec<f64> {
    let (wide, kv_wide) = (heads.count * heads.width, heads.kv * heads.width);
    let mut out = vec![0f64; q.len()];
    for (i, (q, out)) in q.chunks_exact(wide).zip(out.chunks_exact_mut(wide)).enumerate() {
        for head in 0..heads.count {
            let at = head * heads.width;
            let kv = head / (heads.count / heads.kv) * heads.width;
            let row = |x: &[f32], j: usize, d: usize| f64::from(x[j * kv_wide + kv + d]);
            let scores: Vec<f64> = sees(i)
                .map(|j| {
                    let dot: f64 = (0..heads.width).map(|d| f64::from(q[at + d]) * row(k, j, d)).sum();
                    let distance = i64::try_from(j).unwrap() - i64::try_from(own(i)).unwrap();
                    added.at(head, heads.count, distance, dot * f64::from(heads.scale))
                })
                .collect();
            let max = scores.iter().copied().fold(f64::MIN, f64::max);
            let p: Vec<f64> = scores.iter().map(|s| (s - max).exp()).collect();
            let total: f64 = p.iter().sum();
            for d in 0..heads.width {
                out[at + d] = p.iter().zip(sees(i)).map(|(p, j)| p * row(v, j, d)).sum::<f64>() / total;
            }
        }
    }
    out
}

#[test]
fn attention_agrees() {
    let mut random = Random(8);
    let distances = golden()["distances"].clone();
    for width in [1, 8, 10, 12, 16, 64, 80, 88] {
        for (count, kv) in [(3, 3), (4, 2)] {
            let heads = Heads { count, kv, width, scale: 0.3, window: 0 };
            let mut biases = vec![Added::none()];
            if [12, 64].contains(&width) {
                biases.extend([Added::slopes(4.0), Added::capped(0.4), Added::relative(&distances[0], count)]);
                biases.extend([2, 4, 5].map(|i| Added::relative(&distances[i], count)));
            }
            for (rows, keys) in [(1, 1), (2, 70), (3, 5), (4, 63), (7, 64), (33, 65), (70, 200)] {
                let q = random.floats(rows * count * width);
                let (k, v) = (random.floats(keys * kv * width), random.floats(keys * kv * width));
                for (isa, added) in Isa::offered().into_iter().flat_map(|isa| biases.iter().map(move |b| (isa, b))) {
                    // Learned numbers are added to what is not scaled, where T5 does.
                    let heads = Heads { scale: if added.relative.is_some() { 1.0 } else { heads.scale }, ..heads };
                    let want = attention_f64(heads, added, (&q, &k, &v), |i| i, |_| 0..keys);
                    let at = format!("{isa:?} {rows} of {keys}, {count}/{kv} heads of {width}, {}", added.name);
                    let mut all = Vec::new();
                    for threads in [1, 3] {
                        let cpu = Cpu::with_isa(isa, threads);
                        let mut layout = Layout::default();
                        let kv_width = kv * width;
                        let (qr, out) = (layout.rows(rows, count * width), layout.rows(rows, count * width));
                        let (kr, vr) = (layout.rows(keys, kv_width), layout.rows(keys, kv_width));
                        let mut arena = cpu.arena(&layout).unwrap();
                        cpu.write(&mut arena, qr, &q);
                        cpu.write(&mut arena, kr, &k);
                        cpu.write(&mut arena, vr, &v);
                        cpu.attend(&mut arena, heads, added.bias(), qr, kr, vr, out);
                        let got = read(&cpu, &arena, out);
                        let error = nmse(&got, &want);
                        assert!(error < 1e-9, "{at}: {error:e}");
                        all.push(bits(&got));
                    }
                    assert_eq!(all[0], all[1], "{at}: threads change bits");
                }
            }
        }
    }
}

#[test]
fn cached_attention_agrees() {
    let mut random = Random(9);
    for (ty, width) in CacheType::ALL.into_iter().flat_map(|(t, _)| [(t, 10), (t, 64), (t, 80)]) {
        let windows = [(0, 0.0), (1, 0.0), (8, 0.0), (64, 0.0), (70, 0.0), (200, 0.0), (300, 0.0), (0, 8.0), (66, 2.0)];
        for (new, (window, max)) in [1, 3, 9, 75].into_iter().flat_map(|n| windows.map(|w| (n, w))) {
            cached_agrees(&mut random, (ty, width), new, window, &Added::slopes(max));
        }
    }
    let distances = golden()["distances"].clone();
    for (ty, width) in [(CacheType::F32, 64), (CacheType::F16, 10), (CacheType::Q8_0, 80)] {
        for (new, window) in [1, 3, 9, 75].into_iter().flat_map(|n| [(n, 0), (n, 66)]) {
            cached_agrees(&mut random, (ty, width), new, window, &Added::capped(0.5));
            for case in [0, 1, 3, 7] {
                cached_agrees(&mut random, (ty, width), new, window, &Added::relative(&distances[case], 4));
            }
        }
    }
}

/// Two sequences in one call, each in two spans that lie in disorder; the slots between hold NaN.
fn cached_agrees(random: &mut Random, of: (CacheType, usize), new: usize, window: usize, added: &Added) {
    for sight in [Sight::Causal, Sight::Together] {
        cached_sees(random, of, new, (window, sight), added);
    }
}

fn cached_sees(
    random: &mut Random,
    (ty, width): (CacheType, usize),
    new: usize,
    (window, sight): (usize, Sight),
    added: &Added,
) {
    let heads = Heads { count: 4, kv: 2, width, scale: 0.2, window };
    // One new row each is token time, which goes through a long past in parts.
    let pasts = if new == 1 { [600usize, 270] } else { [70, 5] };
    let (kv_width, slots) = (2 * width, 1000);
    let spans = [
        [Span { start: 3, len: 66 }, Span { start: 150, len: 540 }],
        [Span { start: 90, len: 2 }, Span { start: 700, len: 300 }],
    ];
    let slot = |s: usize, p: usize| {
        let [a, b] = spans[s];
        if p < a.len as usize { a.start as usize + p } else { b.start as usize + p - a.len as usize }
    };
    // What a cache of this type keeps of rows of heads.
    let kept = |rows: Vec<f32>| -> Vec<f32> {
        match ty {
            CacheType::F32 => rows,
            CacheType::F16 => rows.into_iter().map(|x| half::f16::from_f32(x).to_f32()).collect(),
            CacheType::Q8_0 => {
                let head = |head: &[f32]| {
                    let mut whole = head.to_vec();
                    whole.resize(width.next_multiple_of(32), 0.0);
                    let mut bytes = vec![0; TensorType::Q8_0.row_bytes(whole.len()).unwrap()];
                    TensorType::Q8_0.encode(&whole, &mut bytes).unwrap();
                    TensorType::Q8_0.decode(&bytes, &mut whole).unwrap();
                    whole.truncate(width);
                    whole
                };
                rows.chunks(width).flat_map(head).collect()
            }
        }
    };
    let len = pasts.map(|p| p + new);
    let k: Vec<Vec<f32>> = len.iter().map(|n| kept(random.floats(n * kv_width))).collect();
    let v: Vec<Vec<f32>> = len.iter().map(|n| kept(random.floats(n * kv_width))).collect();
    let q = random.floats(2 * new * 4 * width);
    let want: Vec<f64> = (0..2)
        .flat_map(|s| {
            let q = &q[s * new * 4 * width..(s + 1) * new * 4 * width];
            let sees = |i: usize| {
                let own = pasts[s] + i + 1;
                let end = if sight == Sight::Together { pasts[s] + new } else { own };
                if window == 0 { 0..end } else { own.saturating_sub(window)..end }
            };
            attention_f64(heads, added, (q, &k[s], &v[s]), |i| pasts[s] + i, sees)
        })
        .collect();
    for isa in Isa::offered() {
        let mut all = Vec::new();
        for threads in [1, 2] {
            let cpu = Cpu::with_isa(isa, threads);
            let mut layout = Layout::default();
            let (qr, out) = (layout.rows(2 * new, 4 * width), layout.rows(2 * new, 4 * width));
            let rows = layout.rows(slots, kv_width);
            layout.input(2 * new, 4 * width);
            let mut arena = cpu.arena(&layout).unwrap();
            let mut cache = cpu
                .cache(CacheShape { layers: 2, heads: 2, head_width: width, slots, ty, ..CacheShape::NONE })
                .unwrap();
            let every: Vec<u32> = (0..1000).collect();
            cpu.write(&mut arena, rows, &vec![f32::NAN; slots * kv_width]);
            for layer in 0..2 {
                cpu.store(&arena, &mut cache, layer, rows, rows, &every);
            }
            for s in 0..2 {
                let at: Vec<u32> = (0..len[s]).map(|p| u32::try_from(slot(s, p)).unwrap()).collect();
                let other = layout_pair(&cpu, len[s], kv_width, &k[s], &v[s]);
                cpu.store(&other.0, &mut cache, 1, other.1, other.2, &at);
            }
            cpu.write(&mut arena, qr, &q);
            let own = [(0, spans[0].len()), (spans[0].len(), spans[0].len() + spans[1].len())];
            let continuations = [0, 1].map(|s| Continuation { rows: new, past: pasts[s], sight, spans: own[s] });
            let seen = Pasts { continuations: &continuations, spans: &spans.concat() };
            cpu.attend_cache(&mut arena, heads, added.bias(), &cache, 1, qr, seen, out);
            let got = read(&cpu, &arena, out);
            let error = nmse(&got, &want);
            assert!(
                error < 1e-9,
                "{ty:?} {isa:?} width {width}, {new} new, window {window}, {sight:?}, {}: {error:e}",
                added.name
            );
            all.push(bits(&got));
        }
        assert_eq!(all[0], all[1], "{ty:?} {isa:?} width {width}, {new} new: threads change bits");
    }
}

/// A few rows of a sequence at once, and one after another.
#[test]
fn a_few_rows_of_a_sequence_are_the_bits_that_each_is_by_itself() {
    let mut random = Random(21);
    let (slots, width) = (3000, 32);
    let types = CacheType::ALL.map(|(ty, _)| ty);
    for (ty, isa) in types.into_iter().flat_map(|ty| Isa::offered().into_iter().map(move |isa| (ty, isa))) {
        for (past, window) in [(0, 0), (3, 0), (255, 0), (256, 0), (1500, 0), (1500, 70), (2900, 0)] {
            let heads = Heads { count: 4, kv: 2, width, scale: 0.2, window };
            let (wide, kv) = (4 * width, 2 * width);
            let cpu = Cpu::with_isa(isa, 2);
            let mut layout = Layout::default();
            let (q, out) = (layout.rows(8, wide), layout.rows(8, wide));
            let (k, v) = (layout.rows(slots, kv), layout.rows(slots, kv));
            layout.input(8, wide);
            layout.heads(8, width);
            let mut arena = cpu.arena(&layout).unwrap();
            let mut cache = cpu
                .cache(CacheShape { layers: 1, heads: 2, head_width: width, slots, ty, ..CacheShape::NONE })
                .unwrap();
            let every: Vec<u32> = (0..3000).collect();
            cpu.write(&mut arena, k, &random.floats(slots * kv));
            cpu.write(&mut arena, v, &random.floats(slots * kv));
            cpu.store(&arena, &mut cache, 0, k, v, &every);
            cpu.write(&mut arena, q, &random.floats(8 * wide));
            let spans = [Span { start: 0, len: 3000 }];
            let mut seen = |first: usize, rows: usize| {
                let one = Continuation { rows, past: past + first, sight: Sight::Causal, spans: (0, 1) };
                let pasts = Pasts { continuations: &[one], spans: &spans };
                let (q, out) = (q.slice(first, rows), out.slice(first, rows));
                cpu.attend_cache(&mut arena, heads, Bias::None, &cache, 0, q, pasts, out);
                bits(&read(&cpu, &arena, out))
            };
            let alone: Vec<_> = (0..8).map(|row| seen(row, 1)).collect();
            for rows in 2..=8 {
                assert_eq!(seen(0, rows), alone[..rows].concat(), "{isa:?} {rows} rows behind {past}, window {window}");
            }
        }
    }
}

/// Rows beside a cache: runs that see all of their own span, one that sees nothing, and the same span twice.
#[test]
fn rows_beside_a_cache_see_their_span_or_nothing() {
    let mut random = Random(10);
    let (slots, width) = (200, 24);
    let spans = [Span { start: 3, len: 70 }, Span { start: 90, len: 5 }];
    let heads = Heads { count: 4, kv: 4, width, scale: 0.2, window: 0 };
    let wide = 4 * width;
    let (k, v) = (random.floats(slots * wide), random.floats(slots * wide));
    let biases = [Added::none(), Added::slopes(4.0), Added::capped(0.4), Added::relative(&golden()["distances"][2], 4)];
    let runs = [&[(1, Some(0)), (1, None), (1, Some(1))][..], &[(7, None), (40, Some(0)), (1, Some(1)), (3, Some(0))]];
    for (runs, added) in runs.into_iter().flat_map(|runs| biases.iter().map(move |added| (runs, added))) {
        let rows: usize = runs.iter().map(|(rows, _)| rows).sum();
        let q = random.floats(rows * wide);
        let mut want = Vec::new();
        for &(count, span) in runs {
            let from = want.len();
            let q = &q[from..from + count * wide];
            match span.map(|i: usize| spans[i]) {
                None => want.extend(std::iter::repeat_n(0.0, count * wide)),
                Some(Span { start, len }) => {
                    want.extend(attention_f64(
                        heads,
                        added,
                        (q, &k, &v),
                        |i| start as usize + i,
                        |_| start as usize..(start + len) as usize,
                    ));
                }
            }
        }
        for isa in Isa::offered() {
            let mut all = Vec::new();
            for threads in [1, 3] {
                let cpu = Cpu::with_isa(isa, threads);
                let mut layout = Layout::default();
                let (qr, out) = (layout.rows(rows, wide), layout.rows(rows, wide));
                let (kr, vr) = (layout.rows(slots, wide), layout.rows(slots, wide));
                layout.input(rows, wide);
                let mut arena = cpu.arena(&layout).unwrap();
                let shape = CacheShape {
                    layers: 2,
                    heads: 4,
                    head_width: width,
                    slots,
                    ty: CacheType::F32,
                    ..CacheShape::NONE
                };
                let mut cache = cpu.cache(shape).unwrap();
                let every: Vec<u32> = (0..200).collect();
                cpu.write(&mut arena, kr, &k);
                cpu.write(&mut arena, vr, &v);
                cpu.store(&arena, &mut cache, 1, kr, vr, &every);
                cpu.write(&mut arena, qr, &q);
                cpu.write(&mut arena, out, &vec![f32::NAN; rows * wide]);
                let views: Vec<Continuation> = runs
                    .iter()
                    .map(|&(rows, span)| {
                        let past = span.map_or(0, |i: usize| spans[i].len as usize);
                        let own = span.map_or((0, 0), |i| (i, i + 1));
                        Continuation { rows, past, sight: Sight::Beside, spans: own }
                    })
                    .collect();
                let seen = Pasts { continuations: &views, spans: &spans };
                cpu.attend_cache(&mut arena, heads, added.bias(), &cache, 1, qr, seen, out);
                let got = read(&cpu, &arena, out);
                let error = nmse(&got, &want);
                assert!(error < 1e-9, "{isa:?} {rows} rows, {}: {error:e}", added.name);
                all.push(bits(&got));
            }
            assert_eq!(all[0], all[1], "{isa:?} {rows} rows: threads change bits");
        }
    }
}

/// An arena with two blocks of rows, written.
fn layout_pair(cpu: &Cpu, rows: usize, width: usize, a: &[f32], b: &[f32]) -> (Arena, Rows, Rows) {
    let mut layout = Layout::default();
    let (ra, rb) = (layout.rows(rows, width), layout.rows(rows, width));
    let mut arena = cpu.arena(&layout).unwrap();
    cpu.write(&mut arena, ra, a);
    cpu.write(&mut arena, rb, b);
    (arena, ra, rb)
}

#[test]
fn attention_of_damaged_keys_is_nan() {
    let mut random = Random(10);
    let heads = Heads { count: 1, kv: 1, width: 16, scale: 1.0, window: 0 };
    for rows in [1, 8] {
        for (bad_key, bad) in [(true, f32::NAN), (false, f32::NAN), (true, f32::INFINITY)] {
            let (mut k, mut v) = (random.floats(100 * 16), random.floats(100 * 16));
            let damaged = if bad_key { &mut k } else { &mut v };
            damaged[70 * 16..71 * 16].fill(bad);
            for isa in Isa::offered() {
                let cpu = Cpu::with_isa(isa, 1);
                let mut layout = Layout::default();
                let (qr, kr, vr, out) =
                    (layout.rows(rows, 16), layout.rows(100, 16), layout.rows(100, 16), layout.rows(rows, 16));
                let mut arena = cpu.arena(&layout).unwrap();
                cpu.write(&mut arena, qr, &vec![1.0; rows * 16]);
                cpu.write(&mut arena, kr, &k);
                cpu.write(&mut arena, vr, &v);
                cpu.attend(&mut arena, heads, Bias::None, qr, kr, vr, out);
                let got = read(&cpu, &arena, out);
                assert!(got.iter().all(|v| v.is_nan()), "{isa:?} {rows} rows, key {bad_key}, {bad}");
            }
        }
    }
}

/// The slopes of the paper's code for 8, 12 and 1 heads.
#[test]
fn slopes_are_geometric() {
    let slopes = |count: usize, max: f32| {
        let slope = |head| match (Bias::Slopes { max }).of(head, count) {
            HeadBias::Slope(slope) => slope,
            other => panic!("{other:?}"),
        };
        (0..count).map(slope).collect::<Vec<_>>()
    };
    let powers = |range: Range<i32>| range.map(|i| 0.5f32.powi(i)).collect::<Vec<_>>();
    let half = 0.5f32.sqrt();
    assert_eq!(slopes(8, 8.0), powers(1..9));
    assert_eq!(slopes(12, 8.0), [powers(1..9), vec![half, half / 2.0, half / 4.0, half / 8.0]].concat());
    assert_eq!(slopes(1, 4.0), [0.0625]);
}

/// The buckets of T5, also where the last near distance or the furthest one is met.
#[test]
fn distances_fall_into_buckets() {
    for case in golden()["distances"].as_array().unwrap() {
        let number = |key: &str| usize::try_from(case[key].as_u64().unwrap()).unwrap();
        let buckets = Buckets::new(number("buckets"), number("reach"), case["two_sided"].as_bool().unwrap()).unwrap();
        let got: Vec<usize> = (-1200..=1200).map(|distance| buckets.of(distance)).collect();
        assert_eq!(got, runs(case), "{buckets:?}");
    }
    for (count, reach, two_sided, word) in [
        (1, 128, false, "between 2"),
        (2, 128, true, "between 4"),
        (32, 16, false, "above 16"),
        (32, 8, true, "above 8"),
        (1 << 20, 1 << 21, false, "4096"),
        (32, 1 << 30, false, "4096"),
    ] {
        let refused = Buckets::new(count, reach, two_sided).unwrap_err();
        assert!(refused.contains(word), "{refused}");
    }
}

/// What is copied is the same bits, in every head of every layer, and nothing else changes.
#[test]
fn copied_positions_are_the_same_numbers() {
    let mut random = Random(11);
    let (layers, slots, width) = (3, 50, 40);
    for (ty, threads) in CacheType::ALL.into_iter().flat_map(|(ty, _)| [(ty, 1), (ty, 3)]) {
        let cpu = Cpu::with_isa(Isa::offered()[0], threads);
        let mut cache =
            cpu.cache(CacheShape { layers, heads: 2, head_width: width, slots, ty, ..CacheShape::NONE }).unwrap();
        let every: Vec<u32> = (0..).take(slots).collect();
        for layer in 0..layers {
            let (k, v) = (random.floats(slots * 2 * width), random.floats(slots * 2 * width));
            let rows = layout_pair(&cpu, slots, 2 * width, &k, &v);
            cpu.store(&rows.0, &mut cache, layer, rows.1, rows.2, &every);
        }
        let saved = |cache: &Cache, start: u32, len: u32| {
            let mut bytes = Vec::new();
            cpu.save(cache, &[Span { start, len }], &mut bytes);
            bytes
        };
        let before = [(0, 20), (25, 24), (2, 5), (31, 1)].map(|(start, len)| saved(&cache, start, len));
        let from = |start, len| Span { start, len };
        cpu.copy(&mut cache, &[SlotCopy { from: from(2, 5), to: 20 }, SlotCopy { from: from(31, 1), to: 49 }]);
        let after = [(0, 20), (25, 24), (20, 5), (49, 1)].map(|(start, len)| saved(&cache, start, len));
        assert!(before == after, "{ty:?}, {threads} threads");
    }
}
