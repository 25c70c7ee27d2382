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
