//! Evenly spaced levels for groups of weights, by weighted least squares: the search of every encoder that is not
//! ggml's reference one.
//!
//! A group `x` with importances `w` is to become `scale * l + base`, with whole `l` in a range, so that
//! `sum w * (x - scale * l - base)^2` is least. For given levels that is linear least squares; for a given scale and
//! base the nearest levels are best. So the search, like ggml's `make_qx_quants` and `make_qkx3_quants`, solves for the
//! levels of several scales around the full range, takes the best and then alternates the two steps (Lloyd 1982), which
//! never raises the error. Unlike ggml's it starts from the range of the weights that matter as well as
//! from that of all, lets both ends of it move, and counts no weight for more because it is large.
//!
//! The sums are those of the residuals at the scale and base the levels were taken with, which gives the change of
//! both: sums of the weights themselves would leave no digits for the error of 8-bit levels in f32. Eight groups are
//! searched side by side, one a lane, so that the compiler makes vector code of it.

use std::array::from_fn;

use super::rounding::level;
use super::{f16_bytes, f16_value};

/// Groups searched side by side.
pub(super) const LANES: usize = 8;

/// One number for each group.
pub(super) type Lanes = [f32; LANES];

/// The levels of a format.
#[derive(Debug, Clone, Copy)]
pub(super) struct Levels {
    pub(super) low: f32,
    pub(super) high: f32,
}

/// Eight groups of `N` weights and their importances.
pub(super) struct Groups<const N: usize> {
    x: [Lanes; N],
    w: [Lanes; N],
}

/// `x = scale * l + base`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fit {
    pub(super) scale: Lanes,
    pub(super) base: Lanes,
}

/// Sums over a group of the products of importance `w`, residual `e` and level `l` their names tell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moments<T> {
    pub(super) w: T,
    pub(super) e: T,
    pub(super) ee: T,
    pub(super) l: T,
    pub(super) ll: T,
    pub(super) el: T,
}

impl Moments<Lanes> {
    /// Those of group `g`.
    #[inline]
    pub(super) fn of(&self, g: usize) -> Moments<f32> {
        let Self { w, e, ee, l, ll, el } = self;
        Moments { w: w[g], e: e[g], ee: ee[g], l: l[g], ll: ll[g], el: el[g] }
    }

    /// Replaces those of group `g`.
    #[inline]
    pub(super) fn set(&mut self, g: usize, of: Moments<f32>) {
        (self.w[g], self.e[g], self.ee[g]) = (of.w, of.e, of.ee);
        (self.l[g], self.ll[g], self.el[g]) = (of.l, of.ll, of.el);
    }
}

/// The levels of lane `g`, counted from the lowest.
pub(super) fn quants<const N: usize>(levels: &[Lanes; N], range: Levels, g: usize) -> [u8; N] {
    from_fn(|i| (levels[i][g] - range.low) as u8)
}

/// The element-wise choice between two.
#[inline]
fn choose(better: &[bool; LANES], new: &Lanes, old: &Lanes) -> Lanes {
    from_fn(|g| if better[g] { new[g] } else { old[g] })
}

/// One over each scale; 0 for a scale of 0, which puts every level at 0.
#[inline]
fn inverse(scale: &Lanes) -> Lanes {
    scale.map(|scale| if scale == 0.0 { 0.0 } else { 1.0 / scale })
}

impl<const N: usize> Groups<N> {
    /// Groups from up to `8 * N` weights in a row; missing ones are groups of zeros.
    pub(super) fn new(x: &[f32], w: &[f32]) -> Self {
        let mut groups = Self { x: [[0.0; LANES]; N], w: [[0.0; LANES]; N] };
        for (g, (x, w)) in x.chunks_exact(N).zip(w.chunks_exact(N)).take(LANES).enumerate() {
            for (i, (&x, &w)) in x.iter().zip(w).enumerate() {
                groups.x[i][g] = x;
                groups.w[i][g] = w;
            }
        }
        groups
    }

    /// The nearest levels; 0 where the scale is 0.
    pub(super) fn levels(&self, fit: &Fit, range: Levels) -> [Lanes; N] {
        let inverse = inverse(&fit.scale);
        self.x.map(|x| from_fn(|g| level((x[g] - fit.base[g]) * inverse[g], range.low, range.high)))
    }

    /// The sums for the nearest levels.
    #[inline]
    pub(super) fn moments(&self, fit: &Fit, range: Levels) -> Moments<Lanes> {
        let inverse = inverse(&fit.scale);
        let zero: Lanes = [0.0; LANES];
        let mut sums = Moments { w: zero, e: zero, ee: zero, l: zero, ll: zero, el: zero };
        for (x, w) in self.x.iter().zip(&self.w) {
            for g in 0..LANES {
                let l = level((x[g] - fit.base[g]) * inverse[g], range.low, range.high);
                let e = x[g] - (fit.scale[g] * l + fit.base[g]);
                let (we, wl) = (w[g] * e, w[g] * l);
                sums.w[g] += w[g];
                sums.e[g] += we;
                sums.ee[g] += we * e;
                sums.l[g] += wl;
                sums.ll[g] += wl * l;
                sums.el[g] += we * l;
            }
        }
        sums
    }

    /// The best scales found without a base. `starts` are the levels that a weight at the end of the range is mapped
    /// to: by turns the largest one and the one that a level of 0 would cost most, which the largest need not be.
    pub(super) fn scale(&self, range: Levels, starts: &[f32]) -> Fit {
        let zero: Lanes = [0.0; LANES];
        let extreme = self
            .x
            .iter()
            .fold(zero, |extreme, x| from_fn(|g| if x[g].abs() > extreme[g].abs() { x[g] } else { extreme[g] }));
        let power = |x: f32, w: f32| w * x * x;
        let (heaviest, _) = self.x.iter().zip(&self.w).fold((zero, zero), |(heaviest, most), (x, w)| {
            let more: [bool; LANES] = from_fn(|g| power(x[g], w[g]) > most[g]);
            (choose(&more, x, &heaviest), choose(&more, &from_fn(|g| power(x[g], w[g])), &most))
        });
        let far = if range.low < 0.0 { range.low } else { range.high };
        let mut best = Fit { scale: extreme.map(|extreme| extreme / far), base: zero };
        let mut least: Lanes = [f32::INFINITY; LANES];
        let mut attempt = |fit: Fit, best: &mut Fit| {
            let sums = self.moments(&fit, range);
            let change: Lanes = from_fn(|g| sums.el[g] / sums.ll[g]);
            let error: Lanes = from_fn(|g| sums.ee[g] - change[g] * sums.el[g]);
            let better: [bool; LANES] = from_fn(|g| sums.ll[g] > 0.0 && error[g] < least[g]);
            let scale = from_fn(|g| fit.scale[g] + change[g]);
            best.scale = choose(&better, &scale, &best.scale);
            least = choose(&better, &error, &least);
        };
        for (i, &start) in starts.iter().enumerate() {
            let end = if i / 2 % 2 == 0 { &extreme } else { &heaviest };
            attempt(Fit { scale: end.map(|end| end / start), base: zero }, &mut best);
        }
        for _ in 0..TURNS {
            attempt(best, &mut best);
        }
        best
    }

    /// [`Self::scale`] as a block of its own stores it: rounded to f16.
    pub(super) fn stored_scale(&self, range: Levels) -> Fit {
        let fit = self.scale(range, &tops(range));
        Fit { scale: rounded(fit.scale), ..fit }
    }

    /// [`Self::scale_and_base`] as a block of its own stores them: rounded to f16, the base being the best one for the
    /// rounded scale.
    pub(super) fn stored_scale_and_base(&self, range: Levels) -> Fit {
        let fit = self.scale_and_base(range, false);
        let fit = Fit { scale: rounded(fit.scale), ..fit };
        let sums = self.moments(&fit, range);
        let base = from_fn(|g| fit.base[g] + if sums.w[g] > 0.0 { sums.e[g] / sums.w[g] } else { 0.0 });
        Fit { base: rounded(base), ..fit }
    }

    /// On either side of the mean, the weight that a level in the mean would cost most.
    fn heaviest_sides(&self, low: &Lanes, high: &Lanes) -> (Lanes, Lanes) {
        let zero: Lanes = [0.0; LANES];
        let (w, wx) = self.x.iter().zip(&self.w).fold((zero, zero), |(sum_w, sum_x), (x, w)| {
            (from_fn(|g| sum_w[g] + w[g]), from_fn(|g| sum_x[g] + w[g] * x[g]))
        });
        let mean: Lanes = from_fn(|g| if w[g] > 0.0 { wx[g] / w[g] } else { 0.0 });
        let (mut low, mut high) = (*low, *high);
        let (mut most_low, mut most_high) = (zero, zero);
        for (x, w) in self.x.iter().zip(&self.w) {
            for g in 0..LANES {
                let away = x[g] - mean[g];
                let cost = w[g] * away * away;
                let (is_low, is_high) = (away < 0.0 && cost > most_low[g], away > 0.0 && cost > most_high[g]);
                low[g] = if is_low { x[g] } else { low[g] };
                most_low[g] = if is_low { cost } else { most_low[g] };
                high[g] = if is_high { x[g] } else { high[g] };
                most_high[g] = if is_high { cost } else { most_high[g] };
            }
        }
        (low, high)
    }

    /// The best scales and bases found, levels from 0. Where `below` is set the base is not above zero.
    pub(super) fn scale_and_base(&self, range: Levels, below: bool) -> Fit {
        let first = if below { [0.0; LANES] } else { self.x[0] };
        let low = self.x.iter().fold(first, |low, x| from_fn(|g| if x[g] < low[g] { x[g] } else { low[g] }));
        let high = self.x.iter().fold(first, |high, x| from_fn(|g| if x[g] > high[g] { x[g] } else { high[g] }));
        // Smaller errors are as good as none. Of such fits the first is kept, whose base is a weight: where the weights
        // come from a coarser format, f16 holds it exactly.
        let step: Lanes = from_fn(|g| (high[g] - low[g]) / range.high);
        let nothing = self
            .w
            .iter()
            .fold([0.0; LANES], |sum: Lanes, w| from_fn(|g| sum[g] + w[g] * (NOTHING * step[g] * step[g])));
        let mut best = Fit { scale: step, base: low };
        let mut least: Lanes = [f32::INFINITY; LANES];
        let mut attempt = |fit: Fit, best: &mut Fit| {
            let sums = self.moments(&fit, range);
            for g in 0..LANES {
                let Moments { w, e, ee, l, ll, el } = sums.of(g);
                let (scale, base) = (fit.scale[g], fit.base[g]);
                let determinant = w * ll - l * l;
                // Where all that matters has one level, the base alone is known.
                let (change, shift) = if determinant > SINGULAR * (w * ll) {
                    ((w * el - l * e) / determinant, (ll * e - l * el) / determinant)
                } else {
                    (0.0, e / w)
                };
                // A base above zero: through zero instead, which moves the residuals by the base.
                let el_zero = el + base * l;
                let through = el_zero / ll;
                let cut = below && base + shift > 0.0;
                let error = if cut {
                    ee + base * (2.0 * e + base * w) - through * el_zero
                } else {
                    ee - change * el - shift * e
                };
                let error = if error > nothing[g] { error } else { nothing[g] };
                let better = w > 0.0 && error < least[g];
                best.scale[g] = if better { scale + if cut { through } else { change } } else { best.scale[g] };
                best.base[g] = if better { if cut { 0.0 } else { base + shift } } else { best.base[g] };
                least[g] = if better { error } else { least[g] };
            }
        };
        let heaviest = self.heaviest_sides(&low, &high);
        let ranges = [(low, high), heaviest];
        for (low, high) in if heaviest == (low, high) { &ranges[..1] } else { &ranges } {
            for below_low in ENDS {
                for above_high in ENDS {
                    let steps = range.high - below_low - above_high;
                    let scale: Lanes = from_fn(|g| (high[g] - low[g]) / steps);
                    let base: Lanes = from_fn(|g| low[g] - below_low * scale[g]);
                    let base = if below { base.map(|base| base.min(0.0)) } else { base };
                    attempt(Fit { scale, base }, &mut best);
                }
            }
        }
        for _ in 0..TURNS {
            attempt(best, &mut best);
        }
        best
    }
}

/// A mean squared error that is as good as none, in squares of an even step; usual is a twelfth.
const NOTHING: f32 = 1e-6;

/// A determinant over the product of its diagonal that is rounding: two unknowns that the sums do not tell apart.
pub(super) const SINGULAR: f32 = 1e-5;

/// The numbers of steps by which the range of the levels goes beyond that of the weights at either end, at the start of
/// a search with a base.
const ENDS: [f32; 4] = [-0.7, -0.2, 0.3, 0.9];

/// The levels that the end of a group's range is mapped to at the start of a search without a base: of either sign,
/// from about half a level beyond the last one to a tenth of all levels, but at most four, before it.
pub(super) fn tops(range: Levels) -> [f32; 24] {
    let step = ((range.high - range.low) / 64.0).min(0.4);
    from_fn(|i| {
        let inside = step * (i / 2) as f32 - 0.45;
        if i % 2 == 0 { range.low + inside } else { range.high - inside }
    })
}

/// The f16 nearest to each number, as a number.
fn rounded(values: Lanes) -> Lanes {
    values.map(|value| f16_value(f16_bytes(value)))
}

/// Turns of levels and scale after the best start.
const TURNS: usize = 2;
