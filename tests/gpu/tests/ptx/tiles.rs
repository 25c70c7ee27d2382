//! Products with many rows on tensor cores, in every block format, against the same products in f64; what they count; and the
//! instructions of tensor cores against plain loops.

use crate::products::{FORMS, Form, activations, matrix, product};
use crate::{Random, near};
use cuda::card::{Card, Parameters, TARGETS};
use cuda::run::Counts;

fn multiply(form: &Form, rows: usize, blocks: usize, inputs: usize, target: u32) -> Counts {
    let mut card = Card::new(&format!("repack_{}", form.name), target).unwrap();
    let m = matrix(&mut card, form, rows, blocks, target);
    card.change(&format!("mm_{}", form.name), target).unwrap();
    let (x, quants, meta) = activations(&mut card, inputs, blocks, 5);
    let mut random = Random::new(6);
    let (bias, before) = (random.floats(rows), random.floats(rows * inputs));
    let (bias_at, out) = (card.floats(&bias), card.floats(&before));
    let p = m.planes.iter().fold(Parameters::new(), |p, at| p.address(*at));
    let p = p.address(quants).address(meta).address(bias_at).address(out);
    let n = [rows, blocks, rows, 1, inputs].map(|n| n as u32);
    let grid = [rows.div_ceil(64), inputs.div_ceil(64), 1];
    let counts = card.launch("mm", grid, 128, &p.numbers(&n).float(0.5)).unwrap();
    let (mut want, size) = product(&m.weights, &x, blocks * 32);
    for (i, v) in want.iter_mut().enumerate() {
        *v = f64::from(before[i]) + 0.5 * (*v + f64::from(bias[i % rows]));
    }
    let what = format!("{} {rows} x {blocks} blocks, {inputs} inputs, sm_{target}", form.name);
    near(&what, &card.read(out, rows * inputs).unwrap(), &want, size, 3e-6);
    // Two blocks of whole pieces fill a sector.
    if inputs <= 64 && blocks.is_multiple_of(2) && form.is_whole() {
        let sectors = card.memory.sector_reads(m.planes[0]);
        assert!(sectors.iter().all(|n| *n == 1), "{what}: weights are read again");
    }
    counts
}

#[test]
fn every_format_times_many_rows() {
    for target in TARGETS {
        for form in &FORMS {
            let blocks = form.widths()[0].max(3).next_multiple_of(if form.widths()[0] == 8 { 8 } else { 1 });
            multiply(form, 70, blocks, 9, target);
            multiply(form, 33, blocks, 67, target);
        }
    }
}

/// A whole tile of 64 x 64 over 8 blocks: instructions, products of tensor cores, waits at banks of shared memory.
#[test]
fn tiles_cost_what_they_did() {
    let mut found = Vec::new();
    for (name, target) in [("q4_k", 75), ("q4_k", 80), ("q6_k", 75), ("q6_k", 80)] {
        let form = FORMS.iter().find(|f| f.name == name).unwrap();
        let counts = multiply(form, 64, 8, 64, target);
        found.push((name, target, counts.instructions, counts.mma, counts.bank_conflicts));
    }
    assert_eq!(found, COUNTED);
}

const COUNTED: [(&str, u32, u64, u64, u64); 4] = [
    ("q4_k", 75, 18972, 1024, 0),
    ("q4_k", 80, 18172, 256, 0),
    ("q6_k", 75, 19860, 1024, 0),
    ("q6_k", 80, 19348, 512, 0),
];
