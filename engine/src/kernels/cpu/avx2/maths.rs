//! Element-wise maths, norms and the quantisation of inputs: the same steps in the same order as the scalar code, without
//! fused multiply-add, so the bits are the same too. These loops are a small part of any op they belong to.

use super::lanes::{load, load_part, store, store_part, sum_in_order};
use crate::kernels::Activation;
use crate::kernels::cpu::input::BLOCK;
use crate::kernels::cpu::math;
use crate::weights::{Norm, NormKind};
use core::arch::x86_64::*;

/// Keeps `a` where `mask` is set, else `b`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn select(mask: __m256, a: __m256, b: __m256) -> __m256 {
    _mm256_blendv_ps(b, a, mask)
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn horner<const N: usize>(coefficients: [f32; N], x: __m256) -> __m256 {
    let mut p = _mm256_setzero_ps();
    for c in coefficients {
        p = _mm256_add_ps(_mm256_mul_ps(p, x), _mm256_set1_ps(c));
    }
    p
}

/// [`math::exp`], eight times.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn exp(x: __m256) -> __m256 {
    let set = |v| _mm256_set1_ps(v);
    let n = _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(_mm256_mul_ps(
        x,
        set(std::f32::consts::LOG2_E),
    ));
    let r = _mm256_sub_ps(x, _mm256_mul_ps(n, set(math::LN2_HI)));
    let r = _mm256_sub_ps(r, _mm256_mul_ps(n, set(math::LN2_LO)));
    let p = horner(math::EXP, r);
    let y = _mm256_add_ps(_mm256_add_ps(_mm256_mul_ps(p, _mm256_mul_ps(r, r)), r), set(1.0));
    let n = _mm256_cvtps_epi32(n);
    let half = _mm256_srai_epi32::<1>(n);
    let power = |e| _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_add_epi32(e, _mm256_set1_epi32(127))));
    let y = _mm256_mul_ps(_mm256_mul_ps(y, power(half)), power(_mm256_sub_epi32(n, half)));
    let y = _mm256_andnot_ps(_mm256_cmp_ps::<_CMP_LT_OQ>(x, set(math::EXP_MIN)), y);
    let y = select(_mm256_cmp_ps::<_CMP_GT_OQ>(x, set(math::EXP_MAX)), set(f32::INFINITY), y);
    select(_mm256_cmp_ps::<_CMP_UNORD_Q>(x, x), x, y)
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn erf(x: __m256) -> __m256 {
    let sign = _mm256_set1_ps(-0.0);
    let t = _mm256_andnot_ps(sign, x);
    let q = _mm256_sub_ps(_mm256_mul_ps(horner(math::ERF_OUTER, t), t), t);
    let outer = _mm256_sub_ps(_mm256_set1_ps(1.0), exp(q));
    let outer = _mm256_or_ps(_mm256_andnot_ps(sign, outer), _mm256_and_ps(sign, x));
    let inner = horner(math::ERF_INNER, _mm256_mul_ps(x, x));
    let inner = _mm256_add_ps(_mm256_mul_ps(inner, x), x);
    select(_mm256_cmp_ps::<_CMP_GT_OQ>(t, _mm256_set1_ps(math::ERF_SPLIT)), outer, inner)
}

/// x / (1 + exp(u))
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn sigmoid_product(x: __m256, u: __m256) -> __m256 {
    _mm256_div_ps(x, _mm256_add_ps(_mm256_set1_ps(1.0), exp(u)))
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn activation(act: Activation, x: __m256) -> __m256 {
    let set = |v| _mm256_set1_ps(v);
    match act {
        Activation::Relu => _mm256_andnot_ps(_mm256_cmp_ps::<_CMP_LT_OQ>(x, set(0.0)), x),
        Activation::GeluErf => {
            let e = erf(_mm256_mul_ps(x, set(std::f32::consts::FRAC_1_SQRT_2)));
            _mm256_mul_ps(_mm256_mul_ps(set(0.5), x), _mm256_add_ps(set(1.0), e))
        }
        Activation::GeluTanh => {
            let cube = _mm256_mul_ps(_mm256_mul_ps(_mm256_mul_ps(set(0.044_715), x), x), x);
            let u = _mm256_mul_ps(set(math::SQRT_2_OVER_PI), _mm256_add_ps(x, cube));
            sigmoid_product(x, _mm256_mul_ps(set(-2.0), u))
        }
        Activation::GeluQuick => sigmoid_product(x, _mm256_mul_ps(set(-1.702), x)),
        Activation::Silu => sigmoid_product(x, _mm256_xor_ps(x, set(-0.0))),
    }
}

/// One activation in place.
#[target_feature(enable = "avx2,fma,f16c")]
pub fn activate(act: Activation, x: &mut [f32]) {
    let (chunks, tail) = x.as_chunks_mut::<8>();
    for c in chunks {
        store(c, activation(act, load(c)));
    }
    if !tail.is_empty() {
        let y = activation(act, load_part(tail));
        store_part(tail, y);
    }
}

/// The sum of `(x - mean)^power` in the scalar code's lanes.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn moment(x: &[f32], mean: f32, square: bool) -> f32 {
    let shift = _mm256_set1_ps(mean);
    let mut lanes = _mm256_setzero_ps();
    let (chunks, tail) = x.as_chunks::<8>();
    for c in chunks {
        let v = load(c);
        let d = _mm256_sub_ps(v, shift);
        lanes = _mm256_add_ps(lanes, if square { _mm256_mul_ps(d, d) } else { v });
    }
    // Rows of the widths models have leave no tail; the lanes beyond it must not count the mean of a zero.
    let mut all = [0f32; 8];
    store(&mut all, lanes);
    for (lane, &v) in all.iter_mut().zip(tail) {
        *lane += if square { (v - mean) * (v - mean) } else { v };
    }
    sum_in_order(load(&all))
}

/// One row of a norm.
#[target_feature(enable = "avx2,fma,f16c")]
#[allow(clippy::cast_precision_loss)]
pub fn norm(norm: &Norm, x: &[f32], out: &mut [f32]) {
    let n = x.len() as f32;
    let mean = match norm.kind {
        NormKind::Layer => moment(x, 0.0, false) / n,
        NormKind::Rms => 0.0,
    };
    let scale = 1.0 / (moment(x, mean, true) / n + norm.eps).sqrt();
    let (mean, scale) = (_mm256_set1_ps(mean), _mm256_set1_ps(scale));
    let apply = |x, w| _mm256_mul_ps(_mm256_mul_ps(_mm256_sub_ps(x, mean), scale), w);
    let (chunks, tail) = out.as_chunks_mut::<8>();
    let (xs, x_tail) = x.as_chunks::<8>();
    let (ws, w_tail) = norm.weight.get().as_chunks::<8>();
    if let Some(bias) = norm.bias.as_ref() {
        let (bs, b_tail) = bias.get().as_chunks::<8>();
        for ((o, x), (w, b)) in chunks.iter_mut().zip(xs).zip(ws.iter().zip(bs)) {
            store(o, _mm256_add_ps(apply(load(x), load(w)), load(b)));
        }
        store_part(tail, _mm256_add_ps(apply(load_part(x_tail), load_part(w_tail)), load_part(b_tail)));
    } else {
        for ((o, x), w) in chunks.iter_mut().zip(xs).zip(ws) {
            store(o, apply(load(x), load(w)));
        }
        store_part(tail, apply(load_part(x_tail), load_part(w_tail)));
    }
}

/// Bit-equal to the scalar code, NaN, infinities and denormals included.
#[target_feature(enable = "avx2,fma,f16c")]
pub fn quantise(x: &[f32], m: usize, rows: usize, quants: &mut [i8], scales: &mut [f32], sums: &mut [i16]) {
    let ones = _mm256_set1_epi8(1);
    let quants = quants.as_chunks_mut::<BLOCK>().0.iter_mut().skip(m).step_by(rows);
    let blocks = x.as_chunks::<BLOCK>().0.iter().zip(quants);
    for ((x, q), (scale, sums)) in blocks.zip(scales.iter_mut().zip(sums.as_chunks_mut::<2>().0)) {
        let x = x.as_chunks::<8>().0;
        let x = [load(&x[0]), load(&x[1]), load(&x[2]), load(&x[3])];
        let mut max = _mm256_setzero_ps();
        let mut finite = _mm256_castsi256_ps(_mm256_set1_epi8(-1));
        for v in x {
            let v = _mm256_andnot_ps(_mm256_set1_ps(-0.0), v);
            finite = _mm256_and_ps(finite, _mm256_cmp_ps::<_CMP_LT_OQ>(v, _mm256_set1_ps(f32::INFINITY)));
            // The second operand wins where one is NaN, so `max` never is.
            max = _mm256_max_ps(v, max);
        }
        let m = _mm_max_ps(_mm256_castps256_ps128(max), _mm256_extractf128_ps::<1>(max));
        let m = _mm_max_ps(m, _mm_movehl_ps(m, m));
        let max = _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
        let finite = _mm256_movemask_ps(finite) == 0xff;
        *scale = if finite { max / 127.0 } else { f32::NAN };
        let inverse = _mm256_set1_ps(if max > 0.0 && finite { 127.0 / max } else { 0.0 });
        let mut i = [_mm256_setzero_si256(); 4];
        for (i, v) in i.iter_mut().zip(x) {
            let v = _mm256_mul_ps(v, inverse);
            let number = _mm256_cmp_ps::<_CMP_ORD_Q>(v, v);
            let v = _mm256_max_ps(_mm256_min_ps(v, _mm256_set1_ps(127.0)), _mm256_set1_ps(-127.0));
            *i = _mm256_cvtps_epi32(_mm256_and_ps(v, number));
        }
        // Packing works within 128-bit lanes: put the 32-bit groups back in order at the end.
        let bytes = _mm256_packs_epi16(_mm256_packs_epi32(i[0], i[1]), _mm256_packs_epi32(i[2], i[3]));
        let bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
        // SAFETY: `q` is 32 bytes long.
        unsafe { _mm256_storeu_si256(q.as_mut_ptr().cast(), bytes) };
        let pairs = _mm256_madd_epi16(_mm256_maddubs_epi16(ones, bytes), _mm256_set1_epi16(1));
        let pairs = _mm256_hadd_epi32(pairs, pairs);
        let both = _mm256_hadd_epi32(pairs, pairs);
        #[allow(clippy::cast_possible_truncation)] // at most 16 * 127
        {
            sums[0] = _mm256_extract_epi32::<0>(both) as i16;
            sums[1] = _mm256_extract_epi32::<4>(both) as i16;
        }
    }
}
