//! Matrix products: every type, odd shapes, exact integers, damaged weights, and the same bits however the work is split.

use crate::{Random, bits, decoded, is_float, linear, nmse_of, random_linear, random_weights, read, scales_at, widen};
use ocelli_engine::kernels::cpu::{Cpu, Isa};
use ocelli_engine::kernels::{Device, Layout, Product};
use ocelli_engine::weights::Linear;
use ocelli_quant::TensorType;

const ROWS: [usize; 9] = [1, 2, 3, 4, 5, 13, 17, 33, 200];

const OUTPUTS: [usize; 5] = [1, 3, 16, 17, 40];

fn widths(ty: TensorType) -> Vec<usize> {
    match ty.block_len() {
        1 => vec![1, 7, 10, 32, 80, 588, 600],
        32 => vec![32, 64, 96, 544, 1056],
        _ => vec![256, 512, 1536],
    }
}

fn matmul(cpu: &Cpu, linear: &Linear, x: &[f32]) -> Vec<f32> {
    let (width, outputs) = (linear.inputs(), linear.outputs());
    let rows = x.len() / width;
    let mut layout = Layout::default();
    let (from, to) = (layout.rows(rows, width), layout.rows(rows, outputs));
    layout.input(rows, width);
    let mut arena = cpu.arena(&layout).unwrap();
    cpu.write(&mut arena, from, x);
    cpu.matmul(&mut arena, from, None, &[Product::new(linear, to)]);
    read(cpu, &arena, to)
}

pub fn product_f64(w: &[f32], x: &[f32], width: usize) -> Vec<f64> {
    x.chunks_exact(width)
        .flat_map(|x| {
            w.chunks_exact(width).map(move |w| w.iter().zip(x).map(|(&w, &x)| f64::from(w) * f64::from(x)).sum::<f64>())
        })
        .collect()
}

#[test]
fn matmul_agrees_with_f64_and_scalar() {
    let mut random = Random(1);
    let scalar = Cpu::with_isa(Isa::scalar(), 1);
    for ty in TensorType::ALL {
        for width in widths(ty) {
            for outputs in OUTPUTS {
                let linear = random_linear(&mut random, ty, outputs, width);
                let weights = decoded(&linear.weight);
                for rows in ROWS {
                    let x = random.floats(rows * width);
                    let want = product_f64(&weights, &x, width);
                    // What independent products would sum to: a lone output may be 0 by cancellation.
                    let square = |v: &[f32]| v.iter().map(|v| v * v).collect::<Vec<_>>();
                    let power = product_f64(&square(&weights), &square(&x), width).iter().sum();
                    let specified = matmul(&scalar, &linear, &x);
                    for isa in Isa::offered() {
                        let at = format!("{ty} {isa:?} {rows}x{width}x{outputs}");
                        let got = matmul(&Cpu::with_isa(isa, 1), &linear, &x);
                        let limit = if is_float(ty) { 1e-10 } else { 5e-4 };
                        let error = nmse_of(&got, &want, power);
                        assert!(error <= limit, "{at}: {error:e} from f64");
                        let error = nmse_of(&got, &widen(&specified), power);
                        assert!(error <= 1e-10, "{at}: {error:e} from scalar");
                    }
                }
            }
        }
    }
}

#[test]
fn matmul_gives_the_same_bits_for_any_threads() {
    let mut random = Random(2);
    for ty in TensorType::ALL {
        let width = if is_float(ty) { 300 } else { 512 };
        let linear = random_linear(&mut random, ty, 83, width);
        for rows in [1, 3, 5, 33, 130] {
            let x = random.floats(rows * width);
            for isa in Isa::offered() {
                let one = matmul(&Cpu::with_isa(isa, 1), &linear, &x);
                for threads in [2, 3] {
                    let more = matmul(&Cpu::with_isa(isa, threads), &linear, &x);
                    assert_eq!(bits(&one), bits(&more), "{ty} {isa:?} {rows} rows, {threads} threads");
                }
            }
        }
    }
}

/// An output is the same whichever row of the input and of the weights it stands in.
#[test]
fn a_row_among_a_few_is_the_bits_that_it_is_alone() {
    let mut random = Random(12);
    for (ty, isa) in TensorType::ALL.into_iter().flat_map(|ty| Isa::offered().into_iter().map(move |isa| (ty, isa))) {
        let cpu = Cpu::with_isa(isa, 2);
        for width in widths(ty) {
            let linear = random_linear(&mut random, ty, 37, width);
            let x = random.floats(8 * width);
            let alone: Vec<_> = x.chunks_exact(width).map(|x| bits(&matmul(&cpu, &linear, x))).collect();
            for rows in 2..=cpu.alike(ty).min(8) {
                assert!(cpu.alike(ty) >= 4, "{ty} {isa:?}");
                let together = bits(&matmul(&cpu, &linear, &x[..rows * width]));
                assert_eq!(together, alone[..rows].concat(), "{ty} {isa:?} {rows} rows of {width}");
            }
        }
    }
}

#[test]
fn matmul_gives_the_same_bits_in_any_place() {
    let mut random = Random(3);
    for ty in TensorType::ALL {
        let width = if is_float(ty) { 300 } else { 512 };
        let row = random.floats(width);
        let bytes = random_weights(&mut random, ty, width);
        let linear = linear(ty, 800, width, bytes.repeat(800), None);
        for rows in [1, 3, 9, 101] {
            for isa in Isa::offered() {
                let got = bits(&matmul(&Cpu::with_isa(isa, 1), &linear, &row.repeat(rows)));
                assert!(got.iter().all(|&b| b == got[0]), "{ty} {isa:?} {rows} rows");
            }
        }
    }
}

/// Sets the scales of whole blocks so that all arithmetic is on integers below 2^24, which f32 holds exactly.
fn tame(ty: TensorType, bytes: &mut [u8]) {
    let one = half::f16::ONE.to_le_bytes();
    for block in bytes.chunks_exact_mut(ty.block_bytes()) {
        for at in scales_at(ty) {
            block[*at..at + 2].copy_from_slice(&one);
        }
        match ty {
            TensorType::Q4K | TensorType::Q5K => {
                block[4..12].iter_mut().for_each(|b| *b &= 3);
                block[12..16].iter_mut().for_each(|b| *b &= 0x33);
            }
            TensorType::Q6K => block[192..208].iter_mut().for_each(|b| *b = (*b & 7).wrapping_sub(4)),
            // Upper bits 2 make a scale of 0 or 1 of the low ones.
            TensorType::Iq4Xs => {
                block[2..4].fill(0xaa);
                block[4..8].iter_mut().for_each(|b| *b &= 0x11);
            }
            _ => {}
        }
    }
}

#[test]
fn integers_are_exact_for_any_quants() {
    let mut random = Random(4);
    let block_types = TensorType::ALL.into_iter().filter(|&ty| !is_float(ty));
    for ty in block_types {
        let (width, outputs) = (512, 19);
        let len = ty.row_bytes(width * outputs).unwrap();
        for extreme in [None, Some(0x00), Some(0xff), Some(0x80), Some(0x7f)] {
            let mut bytes = extreme.map_or_else(|| random.bytes(len), |byte| vec![byte; len]);
            tame(ty, &mut bytes);
            let linear = linear(ty, outputs, width, bytes, None);
            let weights = decoded(&linear.weight);
            for rows in [1, 4, 5, 21] {
                // Integers with a 127 in each block: the scale is 1, and the input is its own quantisation.
                #[allow(clippy::cast_precision_loss)]
                let mut x: Vec<f32> = (0..rows * width).map(|_| (random.next() % 255) as f32 - 127.0).collect();
                x[..width].fill(127.0);
                x[(rows - 1) * width..].fill(-127.0);
                x.iter_mut().step_by(32).for_each(|v| *v = if *v < 0.0 { -127.0 } else { 127.0 });
                let want = product_f64(&weights, &x, width);
                for isa in Isa::offered() {
                    let got = widen(&matmul(&Cpu::with_isa(isa, 1), &linear, &x));
                    assert_eq!(got, want, "{ty} {isa:?} {rows} rows, bytes {extreme:?}");
                }
            }
        }
    }
}

#[test]
fn damage_shows_and_no_bytes_crash() {
    let mut random = Random(5);
    for ty in TensorType::ALL {
        let (width, outputs) = (512, 18);
        let mut bytes = random.bytes(ty.row_bytes(width * outputs).unwrap());
        // Row 1 gets a NaN scale (or number), the rest is whatever the bytes say.
        let row = ty.row_bytes(width).unwrap();
        let at = row + scales_at(ty).first().unwrap_or(&0);
        let nan: &[u8] = match ty {
            TensorType::F32 => &[0, 0, 0xc0, 0x7f],
            TensorType::BF16 => &[0xc0, 0x7f],
            _ => &[0, 0x7e],
        };
        bytes[at..at + nan.len()].copy_from_slice(nan);
        let linear = linear(ty, outputs, width, bytes, None);
        for rows in [1, 3, 7] {
            let x = random.floats(rows * width);
            for isa in Isa::offered() {
                let got = matmul(&Cpu::with_isa(isa, 1), &linear, &x);
                assert!(got.iter().skip(1).step_by(outputs).all(|v| v.is_nan()), "{ty} {isa:?} {rows} rows");
            }
        }
        // A NaN or an infinity in the input reaches every output of its row and no other row.
        let linear = random_linear(&mut random, ty, outputs, width);
        for bad in [f32::NAN, f32::INFINITY] {
            for rows in [2, 7] {
                let mut x = random.floats(rows * width);
                x[width + 77] = bad;
                for isa in Isa::offered() {
                    let got = matmul(&Cpu::with_isa(isa, 1), &linear, &x);
                    for (m, row) in got.chunks_exact(outputs).enumerate() {
                        let finite = row.iter().filter(|v| v.is_finite()).count();
                        assert_eq!(finite, if m == 1 { 0 } else { outputs }, "{ty} {isa:?} {rows} rows, {bad}");
                    }
                }
            }
        }
    }
}

/// Quantising is bit-equal on all instruction sets: matmuls by a matrix that picks single inputs show it.
#[test]
fn quantised_inputs_are_equal() {
    let mut random = Random(11);
    let width = 64;
    // Row i of Q8_0 weights picks input i.
    let mut bytes = vec![0u8; 34 * 2 * width];
    for (i, row) in bytes.chunks_exact_mut(68).enumerate() {
        let block = &mut row[i / 32 * 34..][..34];
        block[..2].copy_from_slice(&half::f16::ONE.to_le_bytes());
        block[2 + i % 32] = 1;
    }
    let linear = linear(TensorType::Q8_0, width, width, bytes, None);
    let mut rows: Vec<Vec<f32>> = (0..200).map(|_| random.floats(width)).collect();
    // Ties, denormals, huge numbers, zeros.
    rows.push((0..64u8).map(|i| f32::from(i) - 0.5).chain([]).collect());
    rows.push(vec![1e-40; width]);
    rows.push((0..64u8).map(|i| if i % 2 == 0 { 1e-45 } else { 0.0 }).collect());
    rows.push(vec![f32::MAX; width]);
    rows.push(vec![0.0; width]);
    rows.push((0..64u8).map(|i| [127.0, 0.5, 1.5, -2.5, 63.5, -126.5][usize::from(i) % 6]).collect());
    for chunk in [1, 64] {
        for rows in rows.chunks(chunk) {
            let x = rows.concat();
            let all: Vec<_> =
                Isa::offered().into_iter().map(|isa| bits(&matmul(&Cpu::with_isa(isa, 1), &linear, &x))).collect();
            assert!(all.iter().all(|b| *b == all[0]));
        }
    }
}
