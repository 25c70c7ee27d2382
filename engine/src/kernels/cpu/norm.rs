//! Layer norm and RMS norm of one row. Mean first, then the variance about it: the two-pass form loses nothing to
//! cancellation. Sums run in eight lanes, the order every SIMD version keeps.

use crate::weights::{Norm, NormKind};

/// The sum of `f(x)` in eight lanes, the tail in the first ones.
fn sum(x: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0f32; 8];
    let chunks = x.chunks_exact(8);
    let tail = chunks.remainder();
    for c in chunks {
        for (lane, &v) in lanes.iter_mut().zip(c) {
            *lane += f(v);
        }
    }
    for (lane, &v) in lanes.iter_mut().zip(tail) {
        *lane += f(v);
    }
    lanes.iter().sum()
}

/// `out = norm(x)`.
#[allow(clippy::cast_precision_loss)]
pub fn norm(norm: &Norm, x: &[f32], out: &mut [f32]) {
    let n = x.len() as f32;
    let mean = match norm.kind {
        NormKind::Layer => sum(x, |v| v) / n,
        NormKind::Rms => 0.0,
    };
    let variance = sum(x, |v| (v - mean) * (v - mean)) / n;
    let scale = 1.0 / (variance + norm.eps).sqrt();
    let weight = norm.weight.get();
    match norm.bias.as_ref() {
        Some(bias) => {
            for ((o, &v), (&w, &b)) in out.iter_mut().zip(x).zip(weight.iter().zip(bias.get())) {
                *o = (v - mean) * scale * w + b;
            }
        }
        None => {
            for ((o, &v), &w) in out.iter_mut().zip(x).zip(weight) {
                *o = (v - mean) * scale * w;
            }
        }
    }
}
