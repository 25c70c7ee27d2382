//! Element-wise maths and the quantisation of inputs: the same steps in the same order as the scalar code, without fused
//! multiply-add, so the bits are the same too. These loops are a small part of any op they belong to.

use super::lanes::{load, load_part, store, store_part};
use crate::kernels::Activation;
use crate::kernels::cpu::input::BLOCK;
use crate::kernels::cpu::math;
use core::arch::aarch64::*;

#[inline]
#[target_feature(enable = "neon")]
fn horner<const N: usize>(coefficients: [f32; N], x: float32x4_t) -> float32x4_t {
    let mut p = vdupq_n_f32(0.0);
    for c in coefficients {
        p = vaddq_f32(vmulq_f32(p, x), vdupq_n_f32(c));
    }
    p
}

/// [`math::exp`], four times.
#[inline]
#[target_feature(enable = "neon")]
pub fn exp(x: float32x4_t) -> float32x4_t {
    let set = |v| vdupq_n_f32(v);
    let n = vrndnq_f32(vmulq_f32(x, set(std::f32::consts::LOG2_E)));
    let r = vsubq_f32(x, vmulq_f32(n, set(math::LN2_HI)));
    let r = vsubq_f32(r, vmulq_f32(n, set(math::LN2_LO)));
    let p = horner(math::EXP, r);
    let y = vaddq_f32(vaddq_f32(vmulq_f32(p, vmulq_f32(r, r)), r), set(1.0));
    let n = vcvtq_s32_f32(n);
    let half = vshrq_n_s32::<1>(n);
    let power = |e| vreinterpretq_f32_s32(vshlq_n_s32::<23>(vaddq_s32(e, vdupq_n_s32(127))));
    let y = vmulq_f32(vmulq_f32(y, power(half)), power(vsubq_s32(n, half)));
    let y = vbslq_f32(vcltq_f32(x, set(math::EXP_MIN)), set(0.0), y);
    let y = vbslq_f32(vcgtq_f32(x, set(math::EXP_MAX)), set(f32::INFINITY), y);
    vbslq_f32(vceqq_f32(x, x), y, x)
}

#[inline]
#[target_feature(enable = "neon")]
fn erf(x: float32x4_t) -> float32x4_t {
    let t = vabsq_f32(x);
    let q = vsubq_f32(vmulq_f32(horner(math::ERF_OUTER, t), t), t);
    let outer = vsubq_f32(vdupq_n_f32(1.0), exp(q));
    let outer = vbslq_f32(vdupq_n_u32(1 << 31), x, outer);
    let inner = horner(math::ERF_INNER, vmulq_f32(x, x));
    let inner = vaddq_f32(vmulq_f32(inner, x), x);
    vbslq_f32(vcgtq_f32(t, vdupq_n_f32(math::ERF_SPLIT)), outer, inner)
}

/// x / (1 + exp(u))
#[inline]
#[target_feature(enable = "neon")]
fn sigmoid_product(x: float32x4_t, u: float32x4_t) -> float32x4_t {
    vdivq_f32(x, vaddq_f32(vdupq_n_f32(1.0), exp(u)))
}

#[inline]
#[target_feature(enable = "neon")]
fn activation(act: Activation, x: float32x4_t) -> float32x4_t {
    let set = |v| vdupq_n_f32(v);
    match act {
        Activation::Relu => vbslq_f32(vcltq_f32(x, set(0.0)), set(0.0), x),
        Activation::GeluErf => {
            let e = erf(vmulq_f32(x, set(std::f32::consts::FRAC_1_SQRT_2)));
            vmulq_f32(vmulq_f32(set(0.5), x), vaddq_f32(set(1.0), e))
        }
        Activation::GeluTanh => {
            let cube = vmulq_f32(vmulq_f32(vmulq_f32(set(0.044_715), x), x), x);
            let u = vmulq_f32(set(math::SQRT_2_OVER_PI), vaddq_f32(x, cube));
            sigmoid_product(x, vmulq_f32(set(-2.0), u))
        }
        Activation::GeluQuick => sigmoid_product(x, vmulq_f32(set(-1.702), x)),
        Activation::Silu => sigmoid_product(x, vnegq_f32(x)),
    }
}

/// One activation in place.
#[target_feature(enable = "neon")]
pub fn activate(act: Activation, x: &mut [f32]) {
    let (chunks, tail) = x.as_chunks_mut::<4>();
    for c in chunks {
        store(c, activation(act, load(c)));
    }
    if !tail.is_empty() {
        let y = activation(act, load_part(tail));
        store_part(tail, y);
    }
}

/// Bit-equal to the scalar code, NaN, infinities and denormals included.
#[target_feature(enable = "neon")]
pub fn quantise(x: &[f32], m: usize, rows: usize, quants: &mut [i8], scales: &mut [f32], sums: &mut [i16]) {
    let quants = quants.as_chunks_mut::<BLOCK>().0.iter_mut().skip(m).step_by(rows);
    let blocks = x.as_chunks::<BLOCK>().0.iter().zip(quants);
    for ((x, q), (scale, sums)) in blocks.zip(scales.iter_mut().zip(sums.as_chunks_mut::<2>().0)) {
        let mut v = [vdupq_n_f32(0.0); 8];
        for (v, x) in v.iter_mut().zip(x.as_chunks::<4>().0) {
            *v = load(x);
        }
        let (mut max, mut finite) = (vdupq_n_f32(0.0), vdupq_n_u32(u32::MAX));
        for &v in &v {
            finite = vandq_u32(finite, vcaltq_f32(v, vdupq_n_f32(f32::INFINITY)));
            max = vmaxq_f32(max, vabsq_f32(v));
        }
        // A maximum that is no number is one of a block that is not finite.
        let (max, finite) = (vmaxvq_f32(max), vminvq_u32(finite) != 0);
        *scale = if finite { max / 127.0 } else { f32::NAN };
        let inverse = vdupq_n_f32(if max > 0.0 && finite { 127.0 / max } else { 0.0 });
        // Conversions keep within the integers' range and bring NaN to 0, as the scalar casts do.
        let int = |v| vqmovn_s32(vcvtnq_s32_f32(vmulq_f32(v, inverse)));
        let bytes = |v: &[float32x4_t]| {
            let low = vqmovn_s16(vcombine_s16(int(v[0]), int(v[1])));
            let high = vqmovn_s16(vcombine_s16(int(v[2]), int(v[3])));
            vmaxq_s8(vcombine_s8(low, high), vdupq_n_s8(-127))
        };
        for (half, (q, sum)) in q.as_chunks_mut::<16>().0.iter_mut().zip(sums).enumerate() {
            let bytes = bytes(&v[half * 4..half * 4 + 4]);
            // SAFETY: there is room for 16 bytes.
            unsafe { vst1q_s8(q.as_mut_ptr(), bytes) };
            *sum = vaddlvq_s8(bytes);
        }
    }
}
