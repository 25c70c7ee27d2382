//! Element-wise maths in f32, written so that a SIMD version can do the same steps in the same order.
//!
//! exp: reduction to r = x - n ln 2 with a two-part ln 2, a degree-6 polynomial, then 2ⁿ by exponent bits; error below
//! 2 ulp for finite results, inputs below -87.3 give 0, above 88.7 infinity.
//! erf: two polynomials that meet at |x| = 475/512, as in N. Juffa's erff: below it x + x p(x²), above it
//! 1 - exp(-q(|x|)); error below 2 ulp.
//! tanh: the odd polynomial of S. Moshier's Cephes below 0.625, 1 - 2 / (exp(2|x|) + 1) above it; error below 3 ulp.

use crate::kernels::Activation;

/// ln 2, high part (exact in the top bits) and the rest.
#[allow(clippy::excessive_precision)] // this is its value to the last digit
pub const LN2_HI: f32 = 0.693_359_375;
/// See [`LN2_HI`].
pub const LN2_LO: f32 = -2.121_944_4e-4;
/// Coefficients of (exp(r) - 1 - r) / r², highest power first.
pub const EXP: [f32; 6] = [1.987_569_2e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_6e-1, 5e-1];
/// Below this exp is 0.
pub const EXP_MIN: f32 = -87.336_54;
/// Above this exp is infinite.
pub const EXP_MAX: f32 = 88.722_83;
/// Where the two branches of erf meet.
pub const ERF_SPLIT: f32 = 475.0 / 512.0;
/// The inner branch in x², highest power first.
pub const ERF_INNER: [f32; 6] =
    [-5.967_617e-4, 4.991_194_2e-3, -2.676_813_5e-2, 1.128_199_2e-1, -3.761_253_4e-1, 1.283_791_7e-1];
/// The outer branch in |x|, highest power first; the last term is -|x| itself.
pub const ERF_OUTER: [f32; 7] =
    [-1.728_534_7e-5, 3.831_971_3e-4, -3.883_964_4e-3, 2.425_462_2e-2, -1.067_778_8e-1, -6.348_467e-1, -1.287_175_1e-1];

/// √(2/π), of the tanh form of GELU.
pub const SQRT_2_OVER_PI: f32 = 0.797_884_6;

/// eˣ
#[allow(clippy::cast_possible_truncation)]
pub fn exp(x: f32) -> f32 {
    if x.is_nan() {
        return x;
    }
    if x < EXP_MIN {
        return 0.0;
    }
    if x > EXP_MAX {
        return f32::INFINITY;
    }
    let n = (x * std::f32::consts::LOG2_E).round_ties_even();
    let r = x - n * LN2_HI - n * LN2_LO;
    let p = EXP.iter().fold(0.0, |p, c| p * r + c);
    let y = p * (r * r) + r + 1.0;
    // n reaches 128, one more than an exponent holds: two factors.
    let half = (n as i32) >> 1;
    let power = |e: i32| f32::from_bits(((e + 127) as u32) << 23);
    y * power(half) * power(n as i32 - half)
}

/// The error function.
pub fn erf(x: f32) -> f32 {
    let t = x.abs();
    if t > ERF_SPLIT {
        let q = ERF_OUTER.iter().fold(0.0, |q, c| q * t + c) * t - t;
        (1.0 - exp(q)).copysign(x)
    } else {
        let s = x * x;
        ERF_INNER.iter().fold(0.0, |p, c| p * s + c) * x + x
    }
}

/// Coefficients of (tanh(x) / x - 1) / x² in x², highest power first.
const TANH: [f32; 5] = [-5.704_988_7e-3, 2.063_909e-2, -5.373_971_6e-2, 1.333_144_2e-1, -3.333_328e-1];

/// The hyperbolic tangent.
pub fn tanh(x: f32) -> f32 {
    if x.abs() > 0.625 {
        (1.0 - 2.0 / (exp(2.0 * x.abs()) + 1.0)).copysign(x)
    } else {
        let s = x * x;
        TANH.iter().fold(0.0, |p, c| p * s + c) * s * x + x
    }
}

/// One activation.
pub fn activate(act: Activation, x: f32) -> f32 {
    match act {
        // A comparison, not `max`: NaN must pass.
        Activation::Relu => {
            if x < 0.0 {
                0.0
            } else {
                x
            }
        }
        Activation::GeluErf => 0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2)),
        Activation::GeluTanh => {
            // 0.5 x (1 + tanh u) = x σ(2u)
            let u = SQRT_2_OVER_PI * (x + 0.044_715 * x * x * x);
            x / (1.0 + exp(-2.0 * u))
        }
        Activation::GeluQuick => x / (1.0 + exp(-1.702 * x)),
        Activation::Silu => x / (1.0 + exp(-x)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// erf in f64: Taylor series for small arguments, Lentz's continued fraction of erfc beyond.
    fn erf_f64(x: f64) -> f64 {
        let t = x.abs();
        let r = if t < 3.0 {
            let (mut term, mut sum) = (t, t);
            for n in 1..200 {
                let n = f64::from(n);
                term *= -t * t / n;
                sum += term / (2.0 * n + 1.0);
            }
            2.0 / std::f64::consts::PI.sqrt() * sum
        } else {
            let mut f = 0.0;
            for k in (1..=60).rev() {
                f = f64::from(k) / 2.0 / (t + f);
            }
            1.0 - (-t * t).exp() / std::f64::consts::PI.sqrt() / (t + f)
        };
        r.copysign(x)
    }

    #[test]
    #[allow(clippy::cast_possible_truncation)]
    fn exp_and_erf_are_within_a_few_ulp() {
        let mut x = -87.0f32;
        while x < 88.0 {
            let want = f64::from(x).exp();
            assert!((f64::from(exp(x)) - want).abs() <= want * 2.5e-7, "exp({x})");
            x += 0.037;
        }
        let mut x = -6.0f32;
        while x < 6.0 {
            let want = erf_f64(f64::from(x));
            assert!((f64::from(erf(x)) - want).abs() <= want.abs() * 2.5e-7 + 1e-30, "erf({x}) {} {want}", erf(x));
            x += 0.0037;
        }
        let mut x = -10.0f32;
        while x < 10.0 {
            let want = f64::from(x).tanh();
            assert!((f64::from(tanh(x)) - want).abs() <= want.abs() * 2.5e-7, "tanh({x}) {} {want}", tanh(x));
            x += 0.0037;
        }
        assert_eq!((tanh(1000.0), tanh(-1000.0)), (1.0, -1.0));
        assert!(tanh(f32::NAN).is_nan());
        assert_eq!(exp(-1000.0), 0.0);
        assert_eq!(exp(1000.0), f32::INFINITY);
        assert!(exp(f32::NAN).is_nan() && erf(f32::NAN).is_nan());
    }

    #[test]
    fn activations_at_known_points() {
        for (act, x, want) in [
            (Activation::Relu, -1.0, 0.0),
            (Activation::Relu, 2.0, 2.0),
            (Activation::GeluErf, 1.0, 0.841_344_7),
            (Activation::GeluTanh, 1.0, 0.841_192),
            (Activation::GeluQuick, 1.0, 0.845_795_8),
            (Activation::Silu, -1.0, -0.268_941_4),
        ] {
            assert!((activate(act, x) - want).abs() < 1e-6, "{act:?}({x}) = {}", activate(act, x));
            assert!(activate(act, f32::NAN).is_nan());
        }
    }
}
