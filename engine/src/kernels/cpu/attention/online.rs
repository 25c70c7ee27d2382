//! Scores to weights, tile by tile, over [`Lanes`]: the running maximum and sum of the online softmax.

use super::KEYS;
use crate::kernels::cpu::lanes::Lanes;
use crate::kernels::cpu::math;

/// Scales the first `count` of a tile's scores, makes the others minus infinity, and returns the maximum of all and of
/// `max`, NaN if one is.
#[inline(always)]
pub fn scaled<L: Lanes>(lanes: L, scores: &mut [f32; KEYS], count: usize, scale: f32, max: f32) -> f32 {
    let scale = lanes.splat(scale);
    let lowest = lanes.splat(f32::NEG_INFINITY);
    let index = lanes.load(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    let mut top = lanes.splat(max);
    let mut numbers = lanes.equal(top, top);
    let (whole, part) = (count / 8, count % 8);
    for (i, s) in scores.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let mut v = lowest;
        if i <= whole {
            v = lanes.mul(lanes.load(s), scale);
            if i == whole {
                #[allow(clippy::cast_precision_loss)] // below eight
                let seen = lanes.less(index, lanes.splat(part as f32));
                v = lanes.select(seen, v, lowest);
            }
            numbers = lanes.and(numbers, lanes.equal(v, v));
            top = lanes.max(v, top);
        }
        lanes.store(s, v);
    }
    if lanes.all(numbers) { lanes.largest(top) } else { f32::NAN }
}

/// Scores become weights `exp(score - max)`, 0 where all are minus infinity; returns their sum.
#[inline(always)]
fn weigh<L: Lanes>(lanes: L, scores: &mut [f32; KEYS], max: f32) -> f32 {
    let max = lanes.splat(if max == f32::NEG_INFINITY { 0.0 } else { max });
    let mut sums = lanes.splat(0.0);
    for s in scores.as_chunks_mut::<8>().0 {
        let p = exp_below(lanes, lanes.sub(lanes.load(s), max));
        sums = lanes.add(sums, p);
        lanes.store(s, p);
    }
    lanes.sum(sums)
}

/// What is kept of a row between two tiles, for several rows.
pub struct Running<'a> {
    /// Each row's highest score.
    pub maxima: &'a mut [f32],
    /// The sum of its weights.
    pub totals: &'a mut [f32],
    /// The weighted sums of its values, `width` of them at each `stride`.
    pub sums: &'a mut [f32],
    /// Numbers of a row that are sums.
    pub width: usize,
    /// Numbers from one row to the next.
    pub stride: usize,
}

/// A tile's scores become weights row by row. `tops` has each row's maximum with this tile; what is kept is what it was
/// before the tile, and is brought up to date but for the tile's values.
///
/// Everything is done for all rows before the next thing is: a row is one long chain of steps that wait for each other.
#[inline(always)]
pub fn soften<L: Lanes>(lanes: L, scores: &mut [[f32; KEYS]], tops: &[f32], kept: &mut Running<'_>) {
    let rows = kept.maxima.chunks_mut(8).zip(kept.totals.chunks_mut(8));
    for (i, (tops, (maxima, totals))) in tops.chunks(8).zip(rows).enumerate() {
        let (old, new) = (lanes.load_part(maxima), lanes.load_part(tops));
        // Before the first tile there is nothing to correct, and -inf - -inf is no number.
        let first = lanes.equal(old, lanes.splat(f32::NEG_INFINITY));
        let factor = lanes.select(first, lanes.splat(1.0), exp_below(lanes, lanes.sub(old, new)));
        let mut factors = [0f32; 8];
        lanes.store(&mut factors, factor);
        for (j, ((max, total), (&factor, &top))) in
            maxima.iter_mut().zip(totals).zip(factors.iter().zip(tops)).enumerate()
        {
            *max = top;
            if factor != 1.0 {
                *total *= factor;
                multiply(lanes, &mut kept.sums[(i * 8 + j) * kept.stride..][..kept.width], factor);
            }
        }
    }
    for (scores, (total, &top)) in scores.iter_mut().zip(kept.totals.iter_mut().zip(tops)) {
        *total += weigh(lanes, scores, top);
    }
}

/// eˣ for x up to 0, to two units in the last place; 0 below -87.3.
#[inline(always)]
fn exp_below<L: Lanes>(lanes: L, x: L::Floats) -> L::Floats {
    let n = lanes.round(lanes.mul(x, lanes.splat(std::f32::consts::LOG2_E)));
    let r = lanes.fnma(n, lanes.splat(math::LN2_HI), x);
    let r = lanes.fnma(n, lanes.splat(math::LN2_LO), r);
    let mut p = lanes.splat(math::EXP[0]);
    for c in &math::EXP[1..] {
        p = lanes.fma(p, r, lanes.splat(*c));
    }
    let y = lanes.add(lanes.fma(p, lanes.mul(r, r), r), lanes.splat(1.0));
    // The exponent of y is 126 or 127, and n is -126 at least where the result counts.
    let y = lanes.scale_by_power(y, n);
    lanes.select(lanes.less(x, lanes.splat(math::EXP_MIN)), lanes.splat(0.0), y)
}

/// `x *= by`
#[inline(always)]
pub fn multiply<L: Lanes>(lanes: L, x: &mut [f32], by: f32) {
    let by = lanes.splat(by);
    let (chunks, tail) = x.as_chunks_mut::<8>();
    for c in chunks {
        lanes.store(c, lanes.mul(lanes.load(c), by));
    }
    if !tail.is_empty() {
        lanes.store_part(tail, lanes.mul(lanes.load_part(tail), by));
    }
}
