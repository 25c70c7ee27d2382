//! The sums of an observer, against arithmetic in f64.

use crate::{Random, file, le, random_weights, read, widen};
use ocelli_engine::kernels::cpu::Cpu;
use ocelli_engine::kernels::observe::Observer;
use ocelli_engine::kernels::{Activation, Device, Layout, Product};
use ocelli_engine::weights::NormKind;
use ocelli_quant::TensorType;
use std::sync::Arc;

const WIDTH: usize = 64;
const FFN: usize = 96;

/// A layer: normed input into a gated pair, its output into a third matrix, added to the input.
#[test]
fn sums_are_those_of_the_inputs() {
    let mut random = Random(77);
    let (w, f) = (WIDTH as u64, FFN as u64);
    let mut matrix = |n: usize| random_weights(&mut random, TensorType::F32, n);
    let tensors = [
        ("up.weight", &[w, f][..], TensorType::F32, matrix(WIDTH * FFN)),
        ("gate.weight", &[w, f][..], TensorType::F32, matrix(WIDTH * FFN)),
        ("down.weight", &[f, w][..], TensorType::F32, matrix(WIDTH * FFN)),
        ("unused.weight", &[f, w][..], TensorType::F32, matrix(WIDTH * FFN)),
        ("n.weight", &[w][..], TensorType::F32, le(&random.floats(WIDTH))),
    ];
    let scope = file(&tensors);
    let linear = |name, k, n| scope.linear(name, k, n).unwrap();
    let (up, gate, down) = (linear("up", WIDTH, FFN), linear("gate", WIDTH, FFN), linear("down", FFN, WIDTH));
    let norm = scope.norm("n", NormKind::Rms, WIDTH, 1e-5).unwrap();

    let cpu = Arc::new(Cpu::new(2).unwrap());
    let observer = Observer::new(cpu.clone());
    let mut layout = Layout::default();
    let (x, inner) = (layout.rows(7, WIDTH), layout.rows(7, FFN));
    layout.input(7, FFN);
    let mut arena = observer.arena(&layout).unwrap();
    assert!(observer.arena_bytes(&layout) > cpu.arena_bytes(&layout));

    let (mut first, mut second) = (vec![0.0; WIDTH], vec![0.0; FFN]);
    for rows in [7, 1] {
        let (x, inner) = (x.first(rows), inner.first(rows));
        let values = random.floats(rows * WIDTH);
        observer.write(&mut arena, x, &values);
        observer.matmul(&mut arena, x, Some(&norm), &[Product::new(&up, inner).gated(&gate, Activation::Silu)]);
        let middle = read(&cpu, &arena, inner);
        observer.matmul(&mut arena, inner, None, &[Product::new(&down, x).residual()]);
        let weight = widen(norm.weight.get());
        for row in values.chunks_exact(WIDTH) {
            let row = widen(row);
            let scale = (row.iter().map(|v| v * v).sum::<f64>() / WIDTH as f64 + 1e-5).sqrt();
            for ((sum, v), w) in first.iter_mut().zip(&row).zip(&weight) {
                *sum += (v / scale * w).powi(2);
            }
        }
        for row in middle.chunks_exact(FFN) {
            second.iter_mut().zip(widen(row)).for_each(|(sum, v)| *sum += v * v);
        }
    }

    let file = scope.file();
    let seen = observer.observed(file);
    assert_eq!(seen.keys().collect::<Vec<_>>(), ["down.weight", "gate.weight", "up.weight"]);
    for (name, want) in [("up.weight", &first), ("gate.weight", &first), ("down.weight", &second)] {
        assert_eq!(seen[name].rows, 8);
        assert_eq!(seen[name].sums.len(), want.len());
        for (got, want) in seen[name].sums.iter().zip(want) {
            assert!((got - want).abs() <= 1e-5 * want, "{name}: {got} {want}");
        }
    }
}
