//! What is fused with products: norms, biases, activations, residuals.

use crate::matmul::product_f64;
use crate::{Random, bits, decoded, file, le, linear, nmse, random_linear, read, widen};
use ocelli_engine::kernels::cpu::{Cpu, Isa};
use ocelli_engine::kernels::{Activation, Device, Layout, Product};
use ocelli_engine::weights::{Norm, NormKind};
use ocelli_quant::TensorType;

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
                for in_place in [false, true] {
                    let cpu = Cpu::with_isa(isa, 2);
                    let mut layout = Layout::default();
                    let (from, to) = (layout.rows(rows, width), layout.rows(rows, width));
                    let mut arena = cpu.arena(&layout).unwrap();
                    cpu.write(&mut arena, from, &x);
                    let to = if in_place { from } else { to };
                    cpu.norm(&mut arena, &norm, from, to);
                    let got = read(&cpu, &arena, to);
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
    let (width, outputs) = (256, 45);
    for ty in [TensorType::F32, TensorType::Q8_0, TensorType::Q4K] {
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
                    .map(|(i, v)| f64::from(old[i]) + activate_f64(act, v + f64::from(bias[i % outputs])))
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
                    let products = [Product::new(&with_bias, to).act(act).residual(), Product::new(&plain, to_plain)];
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
