//! Products of small matrices by a warp: which lane holds which numbers is the PTX manual's. Integers are exact; sums of
//! halves are made in f32, first number first, of which hardware promises no order.

use super::alu::{Lanes, low};
use crate::ptx::Mma;
use half::f16;

/// Rows, columns and depth of a product, and whether its inputs are halves.
fn shape(mma: Mma) -> (usize, usize, bool) {
    match mma {
        Mma::M16N8K32S8 => (16, 32, false),
        Mma::M16N8K16S8 => (16, 16, false),
        Mma::M8N8K16S8 => (8, 16, false),
        Mma::M16N8K16F16 => (16, 16, true),
        Mma::M16N8K8F16 => (16, 8, true),
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
fn element(word: u64, at: usize, halves: bool) -> f64 {
    if halves {
        f64::from(f16::from_bits((word >> (16 * at)) as u16).to_f32())
    } else {
        f64::from((word >> (8 * at)) as u8 as i8)
    }
}

/// `d = a b + c`, where each is as many registers of a warp as it takes.
#[allow(clippy::cast_possible_truncation)]
pub fn multiply(mma: Mma, a: &[Lanes], b: &[Lanes], c: &[Lanes]) -> Vec<Lanes> {
    let (rows, depth, halves) = shape(mma);
    // Numbers a register, and by four lanes of a row.
    let (of_register, of_lanes) = if halves { (2, 8) } else { (4, 16) };
    let mut left = vec![0.0; rows * depth];
    let mut right = vec![0.0; depth * 8];
    let tall = rows / 8;
    for lane in 0..32 {
        let (group, place) = (lane / 4, lane % 4);
        for i in 0..of_register {
            for (r, register) in a.iter().enumerate() {
                let (row, k) = (group + 8 * (r % tall), place * of_register + i + of_lanes * (r / tall));
                left[row * depth + k] = element(register[lane], i, halves);
            }
            for (r, register) in b.iter().enumerate() {
                right[(place * of_register + i + of_lanes * r) * 8 + group] = element(register[lane], i, halves);
            }
        }
    }
    let mut d = c.to_vec();
    for (r, register) in d.iter_mut().enumerate() {
        for (lane, value) in register.iter_mut().enumerate() {
            let (row, column) = (lane / 4 + 8 * (r / 2), lane % 4 * 2 + r % 2);
            let terms = (0..depth).map(|k| left[row * depth + k] * right[k * 8 + column]);
            *value = if halves {
                let sum = terms.fold(f32::from_bits(*value as u32), |sum, term| sum + term as f32);
                u64::from(sum.to_bits())
            } else {
                low(value.wrapping_add((terms.sum::<f64>() as i64).cast_unsigned()), 32)
            };
        }
    }
    d
}

/// What each lane gets of one 8 x 8 matrix of 16-bit numbers whose rows are `rows`.
pub fn spread(rows: &[[u8; 16]; 8], turned: bool) -> Lanes {
    let number =
        |row: usize, column: usize| u64::from(u16::from_le_bytes([rows[row][2 * column], rows[row][2 * column + 1]]));
    std::array::from_fn(|lane| {
        let (line, pair) = (lane / 4, lane % 4 * 2);
        let pick = |i: usize| if turned { number(pair + i, line) } else { number(line, pair + i) };
        pick(0) | pick(1) << 16
    })
}
