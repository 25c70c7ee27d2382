//! What is fused with products: norms, biases, activations, residuals.

use crate::matmul::product_f64;
use crate::{Random, bits, decoded, file, le, linear, nmse, random_linear, read, widen};
use ocelli_engine::kernels::cpu::{Cpu, Isa};
use ocelli_engine::kernels::{Activation, Device, Layout, Pairs, Product, Weights};
use ocelli_engine::weights::{Norm, NormKind};
use ocelli_quant::TensorType;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn norms(random: &mut Random, width: usize) -> Vec<Norm> {
    let shape = [width as u64];
    let f32s = |random: &mut Random| le(&random.floats(width));
    let both =
        file(&[("n.weight", &shape, TensorType::F32, f32s(random)), ("n.bias", &shape, TensorType::F32, f32s(random))]);
    let alone = file(&[("n.weight", &shape, TensorType::F32, f32s(random))]);
    [(&both, NormKind::Layer), (&alone, NormKind::Layer), (&both, NormKind::Rms), (&alone, NormKind::Rms)]
        .map(|(f, kind)| f.norm("n", kind, width, 1e-5).unwrap())
        .into()
}

#[allow(clippy::cast_precision_loss)]
fn norm_f64(norm: &Norm, x: &[f32]) -> Vec<f64> {
    let n = x.len() as f64;
    let x = widen(x);
    let mean = if norm.kind == NormKind::Layer { x.iter().sum::<f64>() / n } else { 0.0 };
    let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    let scale = 1.0 / (variance + f64::from(norm.eps)).sqrt();
    let weight = widen(norm.weight.get());
    let bias = norm.bias.as_ref().map_or_else(|| vec![0.0; x.len()], |b| widen(b.get()));
    x.iter().zip(weight).zip(bias).map(|((x, w), b)| (x - mean) * scale * w + b).collect()
}

#[test]
fn norms_agree() {
    let mut random = Random(6);
    for width in [2, 7, 8, 64, 77, 768] {
        for norm in norms(&mut random, width) {
            let rows = 5;
            let x: Vec<f32> = random.floats(rows * width).iter().map(|v| v * 3.0 + 2.0).collect();
            let want: Vec<f64> = x.chunks_exact(width).flat_map(|x| norm_f64(&norm, x)).collect();
            let mut all = Vec::new();
            for isa in Isa::offered() {
                for (in_place, add) in [(false, false), (true, false), (false, true), (true, true)] {
                    let cpu = Cpu::with_isa(isa, 2);
                    let mut layout = Layout::default();
                    let (from, to) = (layout.rows(rows, width), layout.rows(rows, width));
                    let mut arena = cpu.arena(&layout).unwrap();
                    cpu.write(&mut arena, from, &x);
                    let to = if in_place { from } else { to };
                    let old = read(&cpu, &arena, to);
                    cpu.norm(&mut arena, &norm, from, to, add);
                    let got = read(&cpu, &arena, to);
                    if add {
                        let sum: Vec<f64> = want.iter().zip(&old).map(|(w, &o)| w + f64::from(o)).collect();
                        let error = nmse(&got, &sum);
                        assert!(error < 1e-10, "{isa:?} {:?} width {width}, added: {error:e}", norm.kind);
                        continue;
                    }
                    let error = nmse(&got, &want);
                    assert!(error < 1e-10, "{isa:?} {:?} width {width}: {error:e}", norm.kind);
                    all.push(bits(&got));
                }
            }
            assert!(all.iter().all(|b| *b == all[0]), "{:?} width {width}: every way gives the same bits", norm.kind);
        }
    }
}

/// Norm, bias, activation and residual of one fused call, and that two products share the input.
#[test]
fn fused_products_agree() {
    let mut random = Random(7);
    let width = 256;
    // A row alone goes through several panels at once where there are many: the last is not whole then.
    let cases = [(TensorType::F32, 45), (TensorType::Q8_0, 45), (TensorType::Q4K, 45), (TensorType::Q4_0, 1003)];
    for (ty, outputs) in cases {
        let norm = norms(&mut random, width).remove(0);
        let bias = random.floats(outputs);
        let mut bytes = vec![0; ty.row_bytes(outputs * width).unwrap()];
        let scaled: Vec<f32> = random.floats(outputs * width).iter().map(|v| v * 0.1).collect();
        ty.encode(&scaled, &mut bytes).unwrap();
        let with_bias = linear(ty, outputs, width, bytes, Some(&bias));
        let plain = random_linear(&mut random, TensorType::F16, 16, width);
        let (w, w_plain) = (decoded(&with_bias.weight), decoded(&plain.weight));
        for rows in [1, 6] {
            let (x, old) = (random.floats(rows * width), random.floats(rows * outputs));
            let normed: Vec<f32> = x.chunks_exact(width).flat_map(|x| norm_f64(&norm, x)).map(|v| v as f32).collect();
            let inner = product_f64(&w, &normed, width);
            for (act, _) in Activation::ALL {
                let want: Vec<f64> = inner
                    .iter()
                    .enumerate()
                    .map(|(i, v)| f64::from(old[i]) + 0.7 * activate_f64(act, v + f64::from(bias[i % outputs])))
                    .collect();
                let want_plain = product_f64(&w_plain, &normed, width);
                for isa in Isa::offered() {
                    let cpu = Cpu::with_isa(isa, 2);
                    let mut layout = Layout::default();
                    let (from, to, to_plain) =
                        (layout.rows(rows, width), layout.rows(rows, outputs), layout.rows(rows, 16));
                    layout.input(rows, width);
                    let mut arena = cpu.arena(&layout).unwrap();
                    cpu.write(&mut arena, from, &x);
                    cpu.write(&mut arena, to, &old);
                    let gated = Product::new(&with_bias, to).act(act).scaled_residual(0.7);
                    let products = [gated, Product::new(&plain, to_plain)];
                    cpu.matmul(&mut arena, from, Some(&norm), &products);
                    let error = nmse(&read(&cpu, &arena, to), &want);
                    let limit = if ty == TensorType::F32 { 1e-9 } else { 1e-3 };
                    assert!(error < limit, "{ty} {isa:?} {act:?} {rows} rows: {error:e}");
                    let error = nmse(&read(&cpu, &arena, to_plain), &want_plain);
                    assert!(error < 1e-9, "second product: {isa:?} {error:e}");
                }
            }
        }
    }
}

/// Formats differ in how many rows they call few; those that share an input must agree on one of its layouts.
#[test]
fn formats_that_share_an_input_agree() {
    let mut random = Random(11);
    let (width, outputs) = (512, 40);
    let types = [TensorType::Q8_0, TensorType::Q4_0, TensorType::F16, TensorType::Q5_0, TensorType::Q6K];
    let layers = types.map(|ty| random_linear(&mut random, ty, outputs, width));
    let weights = layers.each_ref().map(|layer| decoded(&layer.weight));
    for rows in 1..=9 {
        let x = random.floats(rows * width);
        for isa in Isa::offered() {
            let cpu = Cpu::with_isa(isa, 2);
            let mut layout = Layout::default();
            let from = layout.rows(rows, width);
            let to = types.map(|_| layout.rows(rows, outputs));
            layout.input(rows, width);
            for first in 0..types.len() {
                let mut arena = cpu.arena(&layout).unwrap();
                cpu.write(&mut arena, from, &x);
                let mut products = layers.iter().zip(to).map(|(layer, to)| Product::new(layer, to)).collect::<Vec<_>>();
                products.rotate_left(first);
                cpu.matmul(&mut arena, from, None, &products);
                for ((ty, w), to) in types.iter().zip(&weights).zip(to) {
                    let error = nmse(&read(&cpu, &arena, to), &product_f64(w, &x, width));
                    let limit = if *ty == TensorType::F16 { 1e-9 } else { 1e-3 };
                    assert!(error < limit, "{ty} {isa:?}, {rows} rows, from {first} on: {error:e}");
                }
            }
        }
    }
}

/// A gate's activation times the other layer's result, in one product; more rows than a tile, and types that differ.
#[test]
fn gated_products_agree() {
    let mut random = Random(11);
    let (width, outputs) = (256, 45);
    for (up_type, gate_type) in
        [(TensorType::F32, TensorType::F32), (TensorType::Q8_0, TensorType::Q8_0), (TensorType::F16, TensorType::Q6K)]
    {
        let bias = random.floats(outputs);
        let mut layer = |ty: TensorType, bias: Option<&[f32]>| {
            let mut bytes = vec![0; ty.row_bytes(outputs * width).unwrap()];
            let scaled: Vec<f32> = random.floats(outputs * width).iter().map(|v| v * 0.1).collect();
            ty.encode(&scaled, &mut bytes).unwrap();
            linear(ty, outputs, width, bytes, bias)
        };
        let (up, gate) = (layer(up_type, Some(&bias)), layer(gate_type, Some(&bias)));
        let (w_up, w_gate) = (decoded(&up.weight), decoded(&gate.weight));
        for rows in [1, 5, 70] {
            let x = random.floats(rows * width);
            let (a, b) = (product_f64(&w_up, &x, width), product_f64(&w_gate, &x, width));
            for act in [Activation::Silu, Activation::GeluTanh] {
                let want: Vec<f64> = (a.iter().zip(&b).enumerate())
                    .map(|(i, (a, b))| {
                        let bias = f64::from(bias[i % outputs]);
                        activate_f64(act, b + bias) * (a + bias)
                    })
                    .collect();
                for isa in Isa::offered() {
                    let cpu = Cpu::with_isa(isa, 2);
                    let mut layout = Layout::default();
                    let (from, to) = (layout.rows(rows, width), layout.rows(rows, outputs));
                    layout.input(rows, width);
                    let mut arena = cpu.arena(&layout).unwrap();
                    cpu.write(&mut arena, from, &x);
                    cpu.write(&mut arena, to, &vec![f32::NAN; rows * outputs]);
                    cpu.matmul(&mut arena, from, None, &[Product::new(&up, to).gated(&gate, act)]);
                    let error = nmse(&read(&cpu, &arena, to), &want);
                    let limit = if up_type == TensorType::F32 { 1e-9 } else { 1e-3 };
                    assert!(error < limit, "{up_type} {gate_type} {isa:?} {act:?} {rows} rows: {error:e}");
                }
            }
        }
    }
}

#[test]
fn what_is_spread_is_done_once_each() {
    for (threads, count) in [1, 3].into_iter().flat_map(|threads| [0, 1, 2, 5, 100].map(|count| (threads, count))) {
        let cpu = Cpu::with_isa(Isa::scalar(), threads);
        let done: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
        cpu.spread(count, &|at| _ = done[at].fetch_add(1, Ordering::Relaxed));
        assert!(done.iter().all(|times| times.load(Ordering::Relaxed) == 1), "{threads} threads, {count}");
    }
    // Each of two jobs waits until the other has begun, so they are on two threads.
    let (begun, late) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let deadline = Instant::now() + Duration::from_secs(20);
    Cpu::with_isa(Isa::scalar(), 2).spread(2, &|_| {
        begun.fetch_add(1, Ordering::SeqCst);
        while begun.load(Ordering::SeqCst) < 2 {
            if Instant::now() > deadline {
                late.fetch_add(1, Ordering::SeqCst);
                return;
            }
            std::thread::yield_now();
        }
    });
    assert_eq!(late.load(Ordering::SeqCst), 0, "both on one thread");
}

/// Many rows, of which each thread takes its own.
#[test]
fn many_rows_of_a_table_are_those_of_one_thread() {
    let mut random = Random(13);
    let table = random_linear(&mut random, TensorType::Q8_0, 50, 64).weight;
    let rows = decoded(&table);
    let ids: Vec<u32> = (0..300).map(|i| i * 7 % 50).collect();
    for threads in [1, 3] {
        let cpu = Cpu::with_isa(Isa::scalar(), threads);
        let mut layout = Layout::default();
        let out = layout.rows(ids.len(), 64);
        let mut arena = cpu.arena(&layout).unwrap();
        cpu.gather(&mut arena, &table, &ids, Weights::All(1.0), out, false);
        let got = read(&cpu, &arena, out);
        for (row, &id) in got.chunks_exact(64).zip(&ids) {
            assert_eq!(row, &rows[id as usize * 64..][..64], "{threads} threads");
        }
    }
}

#[test]
fn rows_of_a_table_are_scaled_and_added() {
    let mut random = Random(12);
    let table = random_linear(&mut random, TensorType::F16, 7, 24).weight;
    let rows = decoded(&table);
    let ids = [6u32, 0, 3, 3];
    for add in [false, true] {
        let cpu = Cpu::with_isa(Isa::scalar(), 1);
        let mut layout = Layout::default();
        let to = layout.rows(ids.len(), 24);
        let mut arena = cpu.arena(&layout).unwrap();
        cpu.write(&mut arena, to, &[2.0; 4 * 24]);
        cpu.gather(&mut arena, &table, &ids, Weights::All(3.0), to, add);
        let old = if add { 2.0 } else { 0.0 };
        let want: Vec<f64> = ids
            .iter()
            .flat_map(|&id| rows[id as usize * 24..][..24].iter().map(|&v| f64::from(v) * 3.0 + old))
            .collect();
        let error = nmse(&read(&cpu, &arena, to), &want);
        assert!(error < 1e-13, "added {add}: {error:e}");
        // Two of the rows for each, with a weight of their own.
        let (pair, weights) = (to.first(2), [0.5, 0.25, -1.0, 3.0]);
        cpu.write(&mut arena, to, &[2.0; 4 * 24]);
        cpu.gather(&mut arena, &table, &ids, Weights::Each(&weights), pair, add);
        let weighed = |i: usize, d: usize| f64::from(rows[ids[i] as usize * 24 + d]) * f64::from(weights[i]);
        let sum = |i: usize| (0..24).map(move |d| weighed(2 * i, d) + weighed(2 * i + 1, d) + old);
        let want: Vec<f64> = (0..2).flat_map(sum).collect();
        let error = nmse(&read(&cpu, &arena, pair), &want);
        assert!(error < 1e-13, "weighed, added {add}: {error:e}");
    }
}

/// Heads are normed, then turned: queries with a norm and keys without in one call, numbers beyond the turned ones kept.
#[test]
fn rotated_heads_agree() {
    let mut random = Random(13);
    let width = 20;
    let norm = norms(&mut random, width).remove(3);
    for (turned, pairs) in [20, 8].into_iter().flat_map(|t| [Pairs::Adjacent, Pairs::Halves].map(|p| (t, p))) {
        for rows in [1, 3, 40] {
            let (queries, keys) = (random.floats(rows * 3 * width), random.floats(rows * width));
            let positions: Vec<u32> = (0..rows).map(|i| u32::try_from(i * i * 7).unwrap()).collect();
            let frequencies: Vec<f32> = (0..turned / 2).map(|i| 0.5f32.powi(i)).collect();
            let turn = |head: Vec<f64>, position: u32| {
                let mut out = head.clone();
                for (i, &f) in frequencies.iter().enumerate() {
                    let (a, b) = match pairs {
                        Pairs::Adjacent => (2 * i, 2 * i + 1),
                        Pairs::Halves => (i, i + frequencies.len()),
                    };
                    let (sin, cos) = (f64::from(position) * f64::from(f)).sin_cos();
                    (out[a], out[b]) = (head[a] * cos - head[b] * sin, head[b] * cos + head[a] * sin);
                }
                out
            };
            let want_queries: Vec<f64> = (queries.chunks_exact(width).enumerate())
                .flat_map(|(i, head)| turn(norm_f64(&norm, head), positions[i / 3]))
                .collect();
            let want_keys: Vec<f64> =
                keys.chunks_exact(width).zip(&positions).flat_map(|(head, &p)| turn(widen(head), p)).collect();
            for isa in Isa::offered() {
                let cpu = Cpu::with_isa(isa, 2);
                let mut layout = Layout::default();
                let (q, k) = (layout.rows(rows, 3 * width), layout.rows(rows, width));
                let angles = layout.rows(rows, 2 * frequencies.len());
                let mut arena = cpu.arena(&layout).unwrap();
                cpu.write(&mut arena, q, &queries);
                cpu.write(&mut arena, k, &keys);
                cpu.angles(&mut arena, &frequencies, &[], 1.0, &positions, angles);
                cpu.norm(&mut arena, &norm, q, q, false);
                cpu.rotate(&mut arena, &[q, k], width, angles, pairs);
                let what = format!("{isa:?} {turned} {pairs:?} {rows} rows");
                let error = nmse(&read(&cpu, &arena, q), &want_queries);
                assert!(error < 1e-9, "queries, {what}: {error:e}");
                let error = nmse(&read(&cpu, &arena, k), &want_keys);
                assert!(error < 1e-9, "keys, {what}: {error:e}");
            }
        }
    }
}

/// The activations from their definitions; erf by numerical integration.
fn activate_f64(act: Activation, x: f64) -> f64 {
    let erf = |x: f64| {
        let steps = 400;
        let h = x / f64::from(steps);
        let f = |i: u32| (-(f64::from(i) * h).powi(2)).exp();
        let inner: f64 = (1..steps).map(|i| f(i) * if i % 2 == 1 { 4.0 } else { 2.0 }).sum();
        (f(0) + inner + f(steps)) * h / 3.0 * std::f64::consts::FRAC_2_SQRT_PI
    };
    match act {
        Activation::Relu => x.max(0.0),
        Activation::GeluErf => 0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2)),
        Activation::GeluTanh => {
            0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3))).tanh())
        }
        Activation::GeluQuick => x / (1.0 + (-1.702 * x).exp()),
        Activation::Silu => x / (1.0 + (-x).exp()),
    }
}

/// Activations reach the ends of their range: an identity layer carries chosen numbers through.
#[test]
fn activations_hold_at_the_ends() {
    let points = [
        0.0,
        -0.0,
        1e-30,
        -1e-30,
        0.5,
        -0.5,
        0.927,
        0.93,
        -1.3,
        3.9,
        -5.5,
        12.0,
        -20.0,
        60.0,
        -87.0,
        -89.0,
        -200.0,
        1e30,
        -1e30,
        f32::INFINITY,
    ];
    let identity = linear(TensorType::F32, 1, 1, le(&[1.0]), None);
    for (act, _) in Activation::ALL {
        let mut all = Vec::new();
        for isa in Isa::offered() {
            let cpu = Cpu::with_isa(isa, 1);
            let mut layout = Layout::default();
            let (from, to) = (layout.rows(points.len(), 1), layout.rows(points.len(), 1));
            layout.input(points.len(), 1);
            let mut arena = cpu.arena(&layout).unwrap();
            cpu.write(&mut arena, from, &points);
            cpu.matmul(&mut arena, from, None, &[Product::new(&identity, to).act(act)]);
            let got = read(&cpu, &arena, to);
            for (&x, &y) in points.iter().zip(&got) {
                let want =
                    if x.is_infinite() { f64::INFINITY } else { activate_f64(act, f64::from(x).clamp(-1e3, 1e30)) };
                let near = (f64::from(y) - want).abs() <= want.abs() * 1e-6 + 1e-6 || f64::from(y) == want;
                assert!(near || x.abs() > 1e20, "{act:?}({x}) = {y}, not {want} ({isa:?})");
            }
            all.push(bits(&got));
        }
        assert!(all.iter().all(|b| *b == all[0]), "{act:?}: every instruction set gives the same bits");
    }
}
