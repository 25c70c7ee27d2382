//! Scales of groups within a block of 256: whole multiples of one f16 number, after the groups are fitted.
//!
//! ggml's k formats store a group's scale and minimum as small integers under `d` and `dmin`. Rounding each to the
//! nearest multiple is not best: a group may do better with the next one, and `d` and `dmin` with other values once the
//! integers are chosen. So the two are taken by turns, as levels and scale are in [`super::search`]: each group chooses
//! among neighbouring integers by the error they really give, then `d` and `dmin` are solved for by least squares over
//! the block and rounded to f16. The best state seen is kept.

use std::array::from_fn;

use super::rounding::level;
use super::search::{self, Fit, Groups, LANES, Lanes, Levels, Moments, SINGULAR, tops};
use super::{f16_bytes, f16_value};

/// How often groups and block take turns.
const TURNS: usize = 3;

/// Where a search for `d` starts: what the largest scale is mapped to, below the largest integer and above.
fn starts(largest: f32) -> [f32; 12] {
    let step = (largest / 60.0).max(0.5);
    from_fn(|i| largest + 0.5 - step * i as f32)
}

/// `x = d * scale * l - dmin * min` of a block of `8 * B` groups.
#[derive(Debug, Clone, Copy)]
pub(super) struct Affine<const B: usize> {
    pub(super) d: [u8; 2],
    pub(super) dmin: [u8; 2],
    pub(super) scales: [Lanes; B],
    pub(super) mins: [Lanes; B],
}

/// `x = d * scale * l` of a block of `8 * B` groups.
#[derive(Debug, Clone, Copy)]
pub(super) struct Linear<const B: usize> {
    pub(super) d: [u8; 2],
    pub(super) scales: [Lanes; B],
}

/// A block's weights and importances as `B` times eight groups of `N`.
pub(super) fn split<const N: usize, const B: usize>(x: &[f32; 256], w: &[f32; 256]) -> [Groups<N>; B] {
    from_fn(|b| Groups::new(&x[b * N * LANES..], &w[b * N * LANES..]))
}

/// A block's levels in order, counted from the lowest.
pub(super) fn quants<const N: usize, const B: usize>(
    groups: &[Groups<N>; B],
    fits: &[Fit; B],
    range: Levels,
) -> [u8; 256] {
    let mut all = [0; 256];
    for ((groups, fit), run) in groups.iter().zip(fits).zip(all.chunks_exact_mut(N * LANES)) {
        let levels = groups.levels(fit, range);
        for (g, group) in run.chunks_exact_mut(N).enumerate() {
            group.copy_from_slice(&search::quants(&levels, range, g));
        }
    }
    all
}

/// The f16 nearest to a number, as a number.
fn rounded(value: f32) -> f32 {
    f16_value(f16_bytes(value))
}

/// The quotient, or 0 for a divisor of 0.
fn quotient(a: f32, b: f32) -> f32 {
    if b == 0.0 { 0.0 } else { a / b }
}

impl<const B: usize> Affine<B> {
    /// The fit of `8 * B` groups, `G` in all, with integers of at most `largest`.
    pub(super) fn search<const N: usize, const G: usize>(groups: &[Groups<N>; B], range: Levels, largest: f32) -> Self {
        let fits: [Fit; B] = from_fn(|b| groups[b].scale_and_base(range, true));
        let sums: [Moments<Lanes>; B] = from_fn(|b| groups[b].moments(&fits[b], range));

        // The units of scales and minima, by the search for the scale of a group, whose members are the groups.
        let (mut values, mut weights) = ([[0.0; G]; 2], [[0.0; G]; 2]);
        for i in 0..G {
            let (b, g) = (i / LANES, i % LANES);
            (values[0][i], weights[0][i]) = (fits[b].scale[g], sums[b].ll[g]);
            (values[1][i], weights[1][i]) = (-fits[b].base[g], sums[b].w[g]);
        }
        let integers = Levels { low: 0.0, high: largest };
        let units = Groups::<G>::new(values.as_flattened(), weights.as_flattened()).scale(integers, &starts(largest));
        let (mut d, mut dmin) = (rounded(units.scale[0]), rounded(units.scale[1]));

        let mut scales: [Lanes; B] = from_fn(|b| fits[b].scale.map(|s| level(quotient(s, d), 0.0, largest)));
        let mut mins: [Lanes; B] = from_fn(|b| fits[b].base.map(|base| level(quotient(-base, dmin), 0.0, largest)));
        let mut best = Self { d: f16_bytes(d), dmin: f16_bytes(dmin), scales, mins };
        let mut least = f32::INFINITY;
        for _ in 0..TURNS {
            let (mut dd, mut dm, mut mm, mut de, mut me, mut error) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
            for b in 0..B {
                let sums = neighbours(&groups[b], range, (d, dmin), largest, &mut scales[b], &mut mins[b]);
                for g in 0..LANES {
                    let (scale, min, sums) = (scales[b][g], mins[b][g], sums.of(g));
                    dd += scale * scale * sums.ll;
                    dm -= scale * min * sums.l;
                    mm += min * min * sums.w;
                    de += scale * sums.el;
                    me -= min * sums.e;
                    error += sums.ee;
                }
            }
            if error < least {
                best = Self { d: f16_bytes(d), dmin: f16_bytes(dmin), scales, mins };
                least = error;
            }
            let determinant = dd * mm - dm * dm;
            let (change_d, change_dmin) = if determinant > SINGULAR * (dd * mm) {
                ((mm * de - dm * me) / determinant, (dd * me - dm * de) / determinant)
            } else if dd > 0.0 {
                (de / dd, 0.0)
            } else {
                (0.0, quotient(me, mm))
            };
            let next = (rounded(d + change_d), rounded(dmin + change_dmin));
            if next == (d, dmin) {
                break;
            }
            (d, dmin) = next;
        }
        best
    }

    /// The fits that the stored integers give.
    pub(super) fn fits(&self) -> [Fit; B] {
        let (d, dmin) = (f16_value(self.d), f16_value(self.dmin));
        from_fn(|b| Fit { scale: self.scales[b].map(|s| d * s), base: self.mins[b].map(|m| -(dmin * m)) })
    }
}

/// Lets each group choose its scale among the neighbours of `scales`, with the minimum that suits it; the sums for the
/// choice.
fn neighbours<const N: usize>(
    groups: &Groups<N>,
    range: Levels,
    (d, dmin): (f32, f32),
    largest: f32,
    scales: &mut Lanes,
    mins: &mut Lanes,
) -> Moments<Lanes> {
    let inverse = quotient(1.0, dmin);
    let sums_of = |scales: &Lanes, mins: &Lanes| {
        groups.moments(&Fit { scale: scales.map(|s| d * s), base: mins.map(|m| -(dmin * m)) }, range)
    };
    let (scales_before, mins_before) = (*scales, *mins);
    let before = sums_of(scales, mins);
    let mut best = before;
    let mut consider = |trial_scales: &Lanes, trial_mins: &Lanes| {
        let sums = sums_of(trial_scales, trial_mins);
        for g in 0..LANES {
            if sums.ee[g] < best.ee[g] {
                scales[g] = trial_scales[g];
                mins[g] = trial_mins[g];
                best.set(g, sums.of(g));
            }
        }
        sums
    };
    // The minimum that takes the mean residual away.
    let centred = |mins: &Lanes, sums: &Moments<Lanes>| -> Lanes {
        from_fn(|g| level(mins[g] - quotient(sums.e[g], sums.w[g]) * inverse, 0.0, largest))
    };
    let mins_centred = centred(&mins_before, &before);
    consider(&scales_before, &mins_centred);
    for step in [-1.0, 1.0] {
        let trial_scales = scales_before.map(|scale| (scale + step).clamp(0.0, largest));
        // Levels that stay take this much more or less off.
        let trial_mins: Lanes = from_fn(|g| {
            let mean_level = quotient(before.l[g], before.w[g]);
            let shift = (trial_scales[g] - scales_before[g]) * d * mean_level * inverse;
            level(mins_centred[g] + shift, 0.0, largest)
        });
        let sums = consider(&trial_scales, &trial_mins);
        consider(&trial_scales, &centred(&trial_mins, &sums));
    }
    best
}

impl<const B: usize> Linear<B> {
    /// The fit of `8 * B` groups, `G` in all, with integers of `integers`.
    pub(super) fn search<const N: usize, const G: usize>(
        groups: &[Groups<N>; B],
        range: Levels,
        integers: Levels,
    ) -> Self {
        let fits: [Fit; B] = from_fn(|b| groups[b].scale(range, &tops(range)));
        let (mut values, mut weights) = ([0.0; G], [0.0; G]);
        for b in 0..B {
            values[LANES * b..][..LANES].copy_from_slice(&fits[b].scale);
            weights[LANES * b..][..LANES].copy_from_slice(&groups[b].moments(&fits[b], range).ll);
        }
        let both = starts(integers.high).map(|start| [start, -1.0 - start]);
        let mut d = rounded(Groups::<G>::new(&values, &weights).scale(integers, both.as_flattened()).scale[0]);

        let mut scales: [Lanes; B] =
            from_fn(|b| fits[b].scale.map(|s| level(quotient(s, d), integers.low, integers.high)));
        let mut best = Self { d: f16_bytes(d), scales };
        let mut least = f32::INFINITY;
        for _ in 0..TURNS {
            let (mut dd, mut de, mut error) = (0.0, 0.0, 0.0);
            for (groups, scales) in groups.iter().zip(&mut scales) {
                let before = *scales;
                let sums_of =
                    |scales: &Lanes| groups.moments(&Fit { scale: scales.map(|s| d * s), base: [0.0; LANES] }, range);
                let mut sums = sums_of(&before);
                for step in [-1.0, 1.0] {
                    let trial = before.map(|scale| (scale + step).clamp(integers.low, integers.high));
                    let trial_sums = sums_of(&trial);
                    for g in 0..LANES {
                        if trial_sums.ee[g] < sums.ee[g] {
                            scales[g] = trial[g];
                            sums.set(g, trial_sums.of(g));
                        }
                    }
                }
                for (g, &scale) in scales.iter().enumerate() {
                    let sums = sums.of(g);
                    dd += scale * scale * sums.ll;
                    de += scale * sums.el;
                    error += sums.ee;
                }
            }
            if error < least {
                best = Self { d: f16_bytes(d), scales };
                least = error;
            }
            let next = rounded(d + quotient(de, dd));
            if next == d {
                break;
            }
            d = next;
        }
        best
    }

    /// The fits that the stored integers give.
    pub(super) fn fits(&self) -> [Fit; B] {
        let d = f16_value(self.d);
        from_fn(|b| Fit { scale: self.scales[b].map(|s| d * s), base: [0.0; LANES] })
    }
}
