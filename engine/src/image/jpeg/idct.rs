//! Coefficients to samples: the inverse discrete cosine transform (ITU-T T.81, A.3.3), after Loeffler, Ligtenberg and
//! Moschytz, "Practical Fast 1-D DCT Algorithms with 11 Multiplications", 1989, with 13-bit constants.
//!
//! The non-obvious thing: roundings and overflows are those of libjpeg-turbo's vector code for its accurate integer method
//! (16-bit products with the steps, 16-bit sums that wrap, saturation between the two passes), so that every file gives the
//! samples that Pillow has on x86-64. Columns are computed side by side, in a form that compilers turn into vectors.

use super::scan::Block;

/// One transform of 8 values; `DOWN` bits are rounded away.
#[inline(always)]
fn line<const DOWN: u32>(a: [i16; 8]) -> [i16; 8] {
    let wide = |x: i16| i32::from(x);
    // Even part: sum and difference of 0 and 4, and a rotation of 2 and 6.
    let plus = wide(a[0].wrapping_add(a[4])) << 13;
    let minus = wide(a[0].wrapping_sub(a[4])) << 13;
    let t2 = wide(a[2]) * 4433 + wide(a[6]) * -10704;
    let t3 = wide(a[2]) * 10703 + wide(a[6]) * 4433;
    let (e0, e3) = (plus.wrapping_add(t3), plus.wrapping_sub(t3));
    let (e1, e2) = (minus.wrapping_add(t2), minus.wrapping_sub(t2));
    // Odd part.
    let (z3, z4) = (a[7].wrapping_add(a[3]), a[5].wrapping_add(a[1]));
    let p3 = wide(z3) * -6436 + wide(z4) * 9633;
    let p4 = wide(z3) * 9633 + wide(z4) * 6437;
    let o0 = (wide(a[7]) * -7373 + wide(a[1]) * 4926).wrapping_add(p4);
    let o1 = (wide(a[5]) * -20995 + wide(a[3]) * 4177).wrapping_add(p3);
    let o2 = (wide(a[5]) * -4176 + wide(a[3]) * -20995).wrapping_add(p4);
    let o3 = (wide(a[7]) * -4927 + wide(a[1]) * -7373).wrapping_add(p3);
    let rounded = |x: i32| {
        let x = x.wrapping_add(1 << (DOWN - 1)) >> DOWN;
        x.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
    };
    [
        rounded(e0.wrapping_add(o0)),
        rounded(e1.wrapping_add(o1)),
        rounded(e2.wrapping_add(o2)),
        rounded(e3.wrapping_add(o3)),
        rounded(e3.wrapping_sub(o3)),
        rounded(e2.wrapping_sub(o2)),
        rounded(e1.wrapping_sub(o1)),
        rounded(e0.wrapping_sub(o0)),
    ]
}

/// Transforms of columns; of each only the first `TERMS` values are not zero.
#[inline(always)]
fn columns<const DOWN: u32, const TERMS: usize>(input: &[[i16; 8]; TERMS]) -> [[i16; 8]; 8] {
    let mut out = [[0; 8]; 8];
    for lane in 0..8 {
        let mut a = [0; 8];
        for (value, row) in a.iter_mut().zip(input) {
            *value = row[lane];
        }
        let values = line::<DOWN>(a);
        for (row, value) in out.iter_mut().zip(values) {
            row[lane] = value;
        }
    }
    out
}

/// The first rows of a block times their steps.
#[inline(always)]
fn scaled<const TERMS: usize>(rows: &[[i16; 8]], steps: &[[i16; 8]]) -> [[i16; 8]; TERMS] {
    let mut out = [[0; 8]; TERMS];
    for ((out, row), steps) in out.iter_mut().zip(rows).zip(steps) {
        for lane in 0..8 {
            out[lane] = row[lane].wrapping_mul(steps[lane]);
        }
    }
    out
}

/// Rows 0, 4, 1, 5 and so on with their values in turn: three times, that is a transposition.
#[inline(always)]
fn shuffled(m: [[i16; 8]; 8]) -> [[i16; 8]; 8] {
    let low = |a: [i16; 8], b: [i16; 8]| [a[0], b[0], a[1], b[1], a[2], b[2], a[3], b[3]];
    let high = |a: [i16; 8], b: [i16; 8]| [a[4], b[4], a[5], b[5], a[6], b[6], a[7], b[7]];
    [
        low(m[0], m[4]),
        high(m[0], m[4]),
        low(m[1], m[5]),
        high(m[1], m[5]),
        low(m[2], m[6]),
        high(m[2], m[6]),
        low(m[3], m[7]),
        high(m[3], m[7]),
    ]
}

#[inline(always)]
fn transposed(m: [[i16; 8]; 8]) -> [[i16; 8]; 8] {
    shuffled(shuffled(shuffled(m)))
}

/// A sample of its value about 0.
#[inline(always)]
fn level(value: i16) -> u8 {
    (value.clamp(-128, 127) + 128) as u8
}

/// Writes a block's samples to eight rows that lie `stride` apart.
pub(super) fn block(coefficients: &Block, steps: &[i16; 64], out: &mut [u8], stride: usize) {
    let (rows, _) = coefficients.as_chunks::<8>();
    // Where something is not zero, in the left and the right half of rows: below the first row, and below the fourth.
    let any = |rows: &[[i16; 8]]| {
        rows.iter().fold([0; 2], |[left, right], &row| {
            let [l, r]: [u64; 2] = bytemuck::cast(row);
            [left | l, right | r]
        })
    };
    let (upper, lower) = (any(&rows[1..4]), any(&rows[4..]));
    if [upper, lower] == [[0; 2]; 2] {
        return one_line(&rows[0], steps, out, stride);
    }
    let (step_rows, _) = steps.as_chunks::<8>();
    let small = lower == [0; 2] && upper[1] | any(&rows[..1])[1] == 0;
    let rows = if small {
        let [a, b, c, d, ..] = transposed(columns::<11, 4>(&scaled(rows, step_rows)));
        columns::<18, 4>(&[a, b, c, d])
    } else {
        columns::<18, 8>(&transposed(columns::<11, 8>(&scaled(rows, step_rows))))
    };
    let mut samples = [0; 64];
    for (sample, &value) in samples.iter_mut().zip(transposed(rows).as_flattened()) {
        *sample = level(value);
    }
    for (line, samples) in out.chunks_mut(stride).zip(samples.as_chunks::<8>().0) {
        line[..8].copy_from_slice(samples);
    }
}

/// A block whose columns are constant: all rows are one.
fn one_line(first: &[i16; 8], steps: &[i16; 64], out: &mut [u8], stride: usize) {
    let mut values = [0; 8];
    for lane in 0..8 {
        values[lane] = first[lane].wrapping_mul(steps[lane]).wrapping_shl(2);
    }
    let line = if first[1..] == [0; 7] { [((i32::from(values[0]) + 16) >> 5) as i16; 8] } else { line::<18>(values) };
    let line = line.map(level);
    for row in out.chunks_mut(stride).take(8) {
        row[..8].copy_from_slice(&line);
    }
}
