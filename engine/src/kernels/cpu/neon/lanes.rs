//! Loads, stores and sums of lanes that the other files share. Loads and stores take slices and check their length in
//! one place, so that the kernels built on them are safe code.

use core::arch::aarch64::*;

/// Four floats.
#[inline]
#[target_feature(enable = "neon")]
pub fn load(from: &[f32; 4]) -> float32x4_t {
    // SAFETY: four floats are there; the load needs no alignment.
    unsafe { vld1q_f32(from.as_ptr()) }
}

/// Stores four floats.
#[inline]
#[target_feature(enable = "neon")]
pub fn store(to: &mut [f32; 4], v: float32x4_t) {
    // SAFETY: there is room for four floats; the store needs no alignment.
    unsafe { vst1q_f32(to.as_mut_ptr(), v) }
}

/// Up to four floats, then zeros.
#[inline]
#[target_feature(enable = "neon")]
pub fn load_part(from: &[f32]) -> float32x4_t {
    let mut all = [0f32; 4];
    all[..from.len()].copy_from_slice(from);
    load(&all)
}

/// Stores the first lanes.
#[inline]
#[target_feature(enable = "neon")]
pub fn store_part(to: &mut [f32], v: float32x4_t) {
    let mut all = [0f32; 4];
    store(&mut all, v);
    to.copy_from_slice(&all[..to.len()]);
}

/// Four IEEE halves.
#[inline]
#[target_feature(enable = "neon")]
pub fn widen(halves: [u16; 4]) -> float32x4_t {
    // SAFETY: four halves are there.
    vcvt_f32_f16(vreinterpret_f16_u16(unsafe { vld1_u16(halves.as_ptr()) }))
}

/// A lane for the sum of each vector.
#[inline]
#[target_feature(enable = "neon")]
pub fn sums(v: [float32x4_t; 4]) -> float32x4_t {
    vpaddq_f32(vpaddq_f32(v[0], v[1]), vpaddq_f32(v[2], v[3]))
}

/// As [`sums`], of integers, as floats.
#[inline]
#[target_feature(enable = "neon")]
pub fn int_sums(v: [int32x4_t; 4]) -> float32x4_t {
    vcvtq_f32_s32(vpaddq_s32(vpaddq_s32(v[0], v[1]), vpaddq_s32(v[2], v[3])))
}

/// Rows to columns of 4 x 4 32-bit values.
#[inline]
#[target_feature(enable = "neon")]
pub fn transpose(r: [float32x4_t; 4]) -> [float32x4_t; 4] {
    let (a, b) = (vzip1q_f32(r[0], r[2]), vzip1q_f32(r[1], r[3]));
    let (c, d) = (vzip2q_f32(r[0], r[2]), vzip2q_f32(r[1], r[3]));
    [vzip1q_f32(a, b), vzip2q_f32(a, b), vzip1q_f32(c, d), vzip2q_f32(c, d)]
}
