//! Rotary position embeddings (Su et al. 2021): pairs of a head's numbers turned by position times frequency.
//!
//! Sine and cosine are the platform's, which reduce angles of any size exactly: at long contexts they are thousands of
//! turns.

use crate::kernels::{Growth, NO_ROW, Pairs};

/// `out` becomes `scale` times the cosines, then the sines, of `position * frequencies[j]`, the product in f32 as in the
/// originals; of a row with three positions frequency `j` takes number `axes[j]`.
#[allow(clippy::cast_precision_loss)] // contexts end at 2^24
pub fn angles(positions: &[u32], axes: &[u8], frequencies: &[f32], scale: f32, out: &mut [f32]) {
    let (cos, sin) = out.split_at_mut(frequencies.len());
    let axes = axes.iter().copied().chain(std::iter::repeat(0));
    for ((f, axis), (cos, sin)) in frequencies.iter().zip(axes).zip(cos.iter_mut().zip(sin)) {
        let (s, c) = (positions[usize::from(axis)] as f32 * f).sin_cos();
        (*sin, *cos) = (s * scale, c * scale);
    }
}

/// Multiplies the cosines and sines of a position as `growth` says.
pub fn grow(position: u32, growth: Growth<'_>, angles: &mut [f32]) {
    let (at, centre, long) = (f64::from(position), f64::from(growth.centre), f64::from(growth.long));
    let power = (at - centre) / f64::from(growth.span);
    let far = if growth.long > 1 && at > long { at.ln() / long.ln() } else { 1.0 };
    let (cos, sin) = angles.split_at_mut(growth.scales.len());
    for (scale, (cos, sin)) in growth.scales.iter().zip(cos.iter_mut().zip(sin)) {
        #[allow(clippy::cast_possible_truncation)] // what is read again is f32
        let factor = (f64::from(*scale).powf(power) * far) as f32;
        (*cos, *sin) = (*cos * factor, *sin * factor);
    }
}

/// Adds the sines, then the cosines, of `position * frequencies[j]`; nothing at [`NO_ROW`].
#[allow(clippy::cast_precision_loss)] // contexts end at 2^24
pub fn wave(position: u32, frequencies: &[f32], row: &mut [f32]) {
    if position == NO_ROW {
        return;
    }
    let (sines, cosines) = row.split_at_mut(frequencies.len());
    for (f, (sin, cos)) in frequencies.iter().zip(sines.iter_mut().zip(cosines)) {
        let (s, c) = (position as f32 * f).sin_cos();
        (*sin, *cos) = (*sin + s, *cos + c);
    }
}

/// Turns the first `angles.len()` numbers of a head.
pub fn turn(head: &mut [f32], angles: &[f32], pairs: Pairs) {
    let (cos, sin) = angles.split_at(angles.len() / 2);
    let turned = |a: f32, b: f32, cos: f32, sin: f32| (a * cos - b * sin, b * cos + a * sin);
    let angles = cos.iter().zip(sin);
    match pairs {
        Pairs::Adjacent => {
            for (pair, (&cos, &sin)) in head.chunks_exact_mut(2).zip(angles) {
                (pair[0], pair[1]) = turned(pair[0], pair[1], cos, sin);
            }
        }
        Pairs::Halves => {
            let (first, second) = head.split_at_mut(cos.len());
            for ((a, b), (&cos, &sin)) in first.iter_mut().zip(second).zip(angles) {
                (*a, *b) = turned(*a, *b, cos, sin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What torchscale's scales are of heads of four numbers, with its logarithm of positions beyond 2,048.
    #[test]
    fn queries_grow_as_keys_fall() {
        let scales = [0.285_714_3, 0.642_857_1];
        let queries = Growth { scales: &scales, centre: 1_024, span: 512.0, long: 2_048 };
        let keys = Growth { span: -512.0, long: 0, ..queries };
        let of = |growth: Growth<'_>, position: u32| {
            let mut angles = [1.0, 1.0, 0.5, -2.0];
            grow(position, growth, &mut angles);
            angles
        };
        let near = |got: [f32; 4], want: [f32; 2]| {
            let want = [want[0], want[1], 0.5 * want[0], -2.0 * want[1]];
            assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() <= 1e-5 * w.abs()), "{got:?} for {want:?}");
        };
        near(of(queries, 1_024), [1.0, 1.0]);
        near(of(queries, 0), [12.25, 2.419_753]);
        near(of(keys, 0), [1.0 / 12.25, 0.413_265_3]);
        let far = 3_000f32.ln() / 2_048f32.ln();
        near(
            of(queries, 3_000),
            [far * 0.285_714_3f32.powf(1_976.0 / 512.0), far * 0.642_857_1f32.powf(1_976.0 / 512.0)],
        );
    }

    #[test]
    fn sines_are_added_but_nowhere() {
        let mut row = [1.0, 2.0, 3.0, 4.0, 9.0];
        wave(3, &[1.0, 0.01], &mut row);
        let want = [1.0 + 3f32.sin(), 2.0 + 0.03f32.sin(), 3.0 + 3f32.cos(), 4.0 + 0.03f32.cos(), 9.0];
        assert!(row.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-6), "{row:?}");
        wave(NO_ROW, &[1.0, 0.01], &mut row);
        assert!(row.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-6), "{row:?}");
    }
}
