//! Products with a matrix in every block format, the change of its layout, and rows of tables.

use crate::{Random, near};
use cuda::card::{Card, Parameters, TARGETS};
use cuda::run::Counts;
use half::{bf16, f16};
use ocelli_quant::TensorType;

/// A block format as it lies on a card: bytes of 32 weights in each plane, and of 256 in the last.
pub(crate) struct Form {
    pub(crate) ty: TensorType,
    pub(crate) name: &'static str,
    planes: [usize; 3],
    shared: usize,
}

pub(crate) const FORMS: [Form; 10] = [
    Form { ty: TensorType::Q8_0, name: "q8_0", planes: [32, 0, 2], shared: 0 },
    Form { ty: TensorType::Q4_0, name: "q4_0", planes: [16, 0, 2], shared: 0 },
    Form { ty: TensorType::Q4_1, name: "q4_1", planes: [16, 0, 4], shared: 0 },
    Form { ty: TensorType::Q5_0, name: "q5_0", planes: [16, 4, 2], shared: 0 },
    Form { ty: TensorType::Q5_1, name: "q5_1", planes: [16, 4, 4], shared: 0 },
    Form { ty: TensorType::Q2K, name: "q2_k", planes: [8, 0, 2], shared: 4 },
    Form { ty: TensorType::Q3K, name: "q3_k", planes: [8, 4, 2], shared: 2 },
    Form { ty: TensorType::Q4K, name: "q4_k", planes: [16, 0, 2], shared: 4 },
    Form { ty: TensorType::Q5K, name: "q5_k", planes: [16, 4, 2], shared: 4 },
    Form { ty: TensorType::Q6K, name: "q6_k", planes: [16, 8, 2], shared: 2 },
];

impl Form {
    /// Widths to try, in blocks of 32.
    pub(crate) fn widths(&self) -> &'static [usize] {
        if self.shared > 0 { &[8, 40, 72] } else { &[1, 2, 33, 70] }
    }

    /// Whether the quants of a block are whole pieces of 16 bytes.
    pub(crate) fn is_whole(&self) -> bool {
        self.planes[0] >= 16
    }

    fn bytes(&self, blocks: usize) -> usize {
        self.planes.iter().sum::<usize>() * blocks + self.shared * blocks / 8
    }
}

/// A matrix on a card.
pub(crate) struct Matrix {
    rows: usize,
    blocks: usize,
    pub(crate) planes: [u64; 4],
    pub(crate) weights: Vec<f32>,
    bytes: usize,
}

/// Encodes random weights, puts the file's bytes on the card and repacks them there.
pub(crate) fn matrix(card: &mut Card, form: &Form, rows: usize, blocks: usize, target: u32) -> Matrix {
    let mut random = Random::new((rows * 1000 + blocks) as u64);
    let values = random.floats(rows * blocks * 32);
    let mut file = vec![0; form.ty.row_bytes(blocks * 32).unwrap() * rows];
    form.ty.encode(&values, &mut file).unwrap();
    let mut weights = vec![0.0; values.len()];
    form.ty.decode(&file, &mut weights).unwrap();
    let from = card.put(&file);
    let count = rows * blocks;
    let plane = |card: &mut Card, bytes: usize| card.memory.allocate(bytes);
    let [q, h, s] = form.planes;
    let planes =
        [plane(card, q * count), plane(card, h * count), plane(card, s * count), plane(card, form.shared * count / 8)];
    card.change(&format!("repack_{}", form.name), target).unwrap();
    let parameters = planes.iter().fold(Parameters::new().address(from), |p, at| p.address(*at));
    let parameters = parameters.numbers(&[rows as u32, blocks as u32]);
    card.launch("repack", [count.div_ceil(128), 1, 1], 128, &parameters).unwrap();
    Matrix { rows, blocks, planes, weights, bytes: form.bytes(count) }
}

/// Int8 activations as the processor makes them: what they are worth, and their planes and scales on the card.
pub(crate) fn activations(card: &mut Card, rows: usize, blocks: usize, seed: u64) -> (Vec<f32>, u64, u64) {
    let x = Random::new(seed).floats(rows * blocks * 32);
    let (mut worth, mut quants, mut meta) = (Vec::new(), vec![0u8; x.len()], Vec::new());
    for (row, x) in x.chunks_exact(blocks * 32).enumerate() {
        for (b, x) in x.chunks_exact(32).enumerate() {
            let most = x.iter().fold(0f32, |m, v| m.max(v.abs()));
            let q: Vec<i8> = x.iter().map(|v| (v * (127.0 / most)).round_ties_even() as i8).collect();
            let scale = most / 127.0;
            worth.extend(q.iter().map(|q| f32::from(*q) * scale));
            for (half, q) in q.chunks_exact(16).enumerate() {
                let at = row * blocks * 32 + half * blocks * 16 + b * 16;
                quants[at..at + 16].iter_mut().zip(q).for_each(|(to, q)| *to = q.cast_unsigned());
            }
            let sum = |q: &[i8]| q.iter().map(|q| i16::from(*q)).sum::<i16>().cast_unsigned();
            meta.extend([scale.to_bits(), u32::from(sum(&q[..16])) | u32::from(sum(&q[16..])) << 16]);
        }
    }
    (worth, card.put(&quants), card.numbers(&meta))
}

/// The product of each row of `x` with the matrix, and the size of what is summed.
pub(crate) fn product(weights: &[f32], x: &[f32], width: usize) -> (Vec<f64>, f64) {
    let dot = |w: &[f32], x: &[f32]| w.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum::<f64>();
    let rows = x.chunks_exact(width);
    let out: Vec<f64> = rows.flat_map(|x| weights.chunks_exact(width).map(move |w| dot(w, x))).collect();
    (out, (width as f64).sqrt())
}

/// Rows of the matrix that a block of the kernel for so many inputs takes.
fn rows_a_block(inputs: usize) -> usize {
    match inputs {
        1 | 2 => 16,
        4 => 8,
        _ => 4,
    }
}

/// What is made of a sum: bias, activation, adding.
#[derive(Clone, Copy)]
struct Finish {
    bias: bool,
    act: u32,
    add: bool,
}

fn multiply(card: &mut Card, m: &Matrix, inputs: usize, finish: Finish, what: &str) -> Counts {
    let (x, quants, meta) = activations(card, inputs, m.blocks, 7);
    let mut random = Random::new(9);
    let (bias, before) = (random.floats(m.rows), random.floats(m.rows * inputs));
    let bias_at = if finish.bias { card.floats(&bias) } else { 0 };
    let out = card.floats(&before);
    let p = m.planes.iter().fold(Parameters::new(), |p, at| p.address(*at));
    let p = p.address(quants).address(meta).address(bias_at).address(out);
    let (rows, blocks) = (m.rows as u32, m.blocks as u32);
    let p = p.numbers(&[rows, blocks, rows, finish.act, u32::from(finish.add)]).float(0.5);
    let grid = [m.rows.div_ceil(rows_a_block(inputs)), 1, 1];
    let counts = card.launch(&format!("mv{inputs}"), grid, 128, &p).unwrap();
    let got = card.read(out, m.rows * inputs).unwrap();
    let (mut want, size) = product(&m.weights, &x, m.blocks * 32);
    for (i, v) in want.iter_mut().enumerate() {
        *v += if finish.bias { f64::from(bias[i % m.rows]) } else { 0.0 };
        *v = if finish.act == 5 { *v / (1.0 + (-*v).exp()) } else { *v };
        *v = if finish.add { f64::from(before[i]) + 0.5 * *v } else { *v };
    }
    near(what, &got, &want, size, 3e-6);
    counts
}

#[test]
fn every_format_times_few_rows() {
    let plain = Finish { bias: false, act: 0, add: false };
    let all = Finish { bias: true, act: 5, add: true };
    for target in TARGETS {
        for form in &FORMS {
            for &blocks in form.widths() {
                for rows in [1, 5, 37] {
                    let mut card = Card::new(&format!("repack_{}", form.name), target).unwrap();
                    let m = matrix(&mut card, form, rows, blocks, target);
                    card.change(&format!("mv_{}", form.name), target).unwrap();
                    for inputs in [1, 2, 4, 8] {
                        let what = format!("{} {rows} x {blocks} blocks, {inputs} inputs", form.name);
                        multiply(&mut card, &m, inputs, if inputs == 2 { all } else { plain }, &what);
                    }
                }
            }
        }
    }
}

#[test]
fn every_float_format_times_few_rows() {
    for target in TARGETS {
        for (name, each) in [("f32", 4), ("f16", 8), ("bf16", 8)] {
            for (rows, width) in [(1, 8usize), (5, 33), (37, 1000)] {
                let mut random = Random::new(rows as u64);
                let pieces = width.next_multiple_of(8) / each;
                let padded = pieces * each;
                let mut weights = random.floats(rows * padded);
                weights.chunks_exact_mut(padded).for_each(|w| w[width..].fill(0.0));
                let bytes: Vec<u8> = match name {
                    "f32" => weights.iter().flat_map(|w| w.to_le_bytes()).collect(),
                    "f16" => weights.iter().flat_map(|w| f16::from_f32(*w).to_le_bytes()).collect(),
                    _ => weights.iter().flat_map(|w| bf16::from_f32(*w).to_le_bytes()).collect(),
                };
                weights.iter_mut().for_each(|w| {
                    *w = match name {
                        "f32" => *w,
                        "f16" => f16::from_f32(*w).to_f32(),
                        _ => bf16::from_f32(*w).to_f32(),
                    }
                });
                let mut card = Card::new(&format!("mv_{name}"), target).unwrap();
                let w = card.put(&bytes);
                for inputs in [1, 2, 4, 8] {
                    let mut x = random.floats(inputs * padded);
                    x.chunks_exact_mut(padded).for_each(|x| x[width..].fill(0.0));
                    let (at, out) = (card.floats(&x), card.memory.allocate(rows * inputs * 4));
                    let p = Parameters::new().address(w).address(at).address(0).address(out);
                    let p = p.numbers(&[rows as u32, pieces as u32, rows as u32, 0, 0]).float(0.0);
                    let grid = [rows.div_ceil(rows_a_block(inputs)), 1, 1];
                    card.launch(&format!("mv{inputs}"), grid, 128, &p).unwrap();
                    let (want, size) = product(&weights, &x, padded);
                    let got = card.read(out, rows * inputs).unwrap();
                    near(&format!("{name} {rows} x {width}, {inputs} inputs"), &got, &want, size, 3e-6);
                }
            }
        }
    }
}

#[test]
fn rows_of_every_table() {
    for target in TARGETS {
        for form in &FORMS {
            for &blocks in form.widths() {
                let mut card = Card::new(&format!("repack_{}", form.name), target).unwrap();
                let m = matrix(&mut card, form, 9, blocks, target);
                card.change(&format!("gather_{}", form.name), target).unwrap();
                let ids = [8u32, 0, 3, 3, 7];
                let (numbers, width) = (card.numbers(&ids), blocks * 32);
                let before = Random::new(3).floats(ids.len() * width);
                let out = card.floats(&before);
                let p = m.planes.iter().fold(Parameters::new(), |p, at| p.address(*at));
                let p = p.address(numbers).address(out).numbers(&[ids.len() as u32, blocks as u32, 1]).float(2.0);
                card.launch("gather", [(ids.len() * blocks).div_ceil(128), 1, 1], 128, &p).unwrap();
                let want: Vec<f64> = (0..ids.len() * width)
                    .map(|i| {
                        let weight = m.weights[ids[i / width] as usize * width + i % width];
                        f64::from(before[i]) + 2.0 * f64::from(weight)
                    })
                    .collect();
                near(form.name, &card.read(out, want.len()).unwrap(), &want, 1.0, 1e-6);
            }
        }
    }
}

/// Of 64 rows of 4096 weights: warp instructions, and bytes that loads move, by a weight's byte, in thousandths; and dot
/// products. A change is a decision.
const COUNTED: [(&str, u64, u64, u64); 10] = [
    ("q8_0", 31, 1294, 2048),
    ("q4_0", 76, 1555, 2048),
    ("q4_1", 76, 1500, 2048),
    ("q5_0", 102, 1454, 2048),
    ("q5_1", 98, 1416, 2048),
    ("q2_k", 192, 2000, 2048),
    ("q3_k", 180, 1754, 2048),
    ("q4_k", 98, 1567, 2048),
    ("q5_k", 118, 1466, 2048),
    ("q6_k", 95, 1409, 2048),
];

#[test]
fn products_cost_what_they_did() {
    let plain = Finish { bias: false, act: 0, add: false };
    let mut found = Vec::new();
    for form in &FORMS {
        let mut card = Card::new(&format!("repack_{}", form.name), 80).unwrap();
        let m = matrix(&mut card, form, 64, 128, 80);
        card.change(&format!("mv_{}", form.name), 80).unwrap();
        let counts = multiply(&mut card, &m, 1, plain, form.name);
        let weight_bytes = m.bytes as u64;
        for (plane, at) in m.planes.iter().enumerate().take(2) {
            assert!(
                card.memory.sector_reads(*at).iter().all(|n| *n == 1),
                "{}: plane {plane} is read again",
                form.name
            );
        }
        assert_eq!(counts.bank_conflicts, 0);
        let thousandths = |n: u64| n * 1000 / weight_bytes;
        found.push((form.name, thousandths(counts.instructions), thousandths(counts.load_sectors * 32), counts.dp4a));
    }
    assert_eq!(found, COUNTED);
}
