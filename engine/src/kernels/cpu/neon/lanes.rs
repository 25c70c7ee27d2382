//! Loads, stores and sums of lanes that the other files share. Loads and stores take slices and check their length in
//! one place, so that the kernels built on them are safe code.

use super::tile::outer_rows;
use crate::kernels::cpu::lanes::{Floats, Lanes};
use core::arch::aarch64::*;
use core::arch::asm;

/// The token of these instructions.
#[derive(Clone, Copy)]
pub struct Neon(());

impl Neon {
    /// The token, for functions that have the instructions themselves.
    #[inline]
    #[target_feature(enable = "neon")]
    pub fn here() -> Self {
        Self(())
    }
}

/// Two registers.
type Eight = [float32x4_t; 2];
type Mask = [uint32x4_t; 2];

/// See [`Lanes::scale_by_power`].
#[inline]
#[target_feature(enable = "neon")]
fn add_to_exponent(v: float32x4_t, n: float32x4_t) -> float32x4_t {
    vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(v), vshlq_n_s32::<23>(vcvtq_s32_f32(n))))
}

impl Lanes for Neon {
    type Floats = Eight;
    type Mask = Mask;
    /// Loaded at once, so that each multiplies from its lane.
    type Inputs = float32x4_t;
    const ROWS: usize = 4;

    #[inline(always)]
    fn splat(self, v: f32) -> Eight {
        // SAFETY: the token says that the instructions are there.
        unsafe { [vdupq_n_f32(v); 2] }
    }

    #[inline(always)]
    fn splat_f16(self, bits: u16) -> Eight {
        // SAFETY: the token says that the instructions are there.
        unsafe { [vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(bits))); 2] }
    }

    #[inline(always)]
    unsafe fn read(self, from: *const f32) -> Eight {
        // SAFETY: the caller's promise, and the token's: the instructions are there.
        unsafe { [vld1q_f32(from), vld1q_f32(from.add(4))] }
    }

    #[inline(always)]
    unsafe fn read_f16(self, from: *const half::f16) -> Eight {
        // SAFETY: the caller's promise, and the token's: the instructions are there.
        unsafe {
            let halves = vreinterpretq_f16_u16(vld1q_u16(from.cast()));
            [vcvt_f32_f16(vget_low_f16(halves)), vcvt_high_f32_f16(halves)]
        }
    }

    #[inline(always)]
    unsafe fn read_bf16(self, from: *const half::bf16) -> Eight {
        // SAFETY: the caller's promise, and the token's: the instructions are there.
        unsafe {
            let v = vld1q_u16(from.cast());
            let (low, high) = (vshll_n_u16::<16>(vget_low_u16(v)), vshll_high_n_u16::<16>(v));
            [vreinterpretq_f32_u32(low), vreinterpretq_f32_u32(high)]
        }
    }

    #[inline(always)]
    unsafe fn read_i8(self, from: *const i8) -> Eight {
        // SAFETY: the caller's promise, and the token's: the instructions are there.
        unsafe {
            let words = vmovl_s8(vld1_s8(from));
            [vcvtq_f32_s32(vmovl_s16(vget_low_s16(words))), vcvtq_f32_s32(vmovl_high_s16(words))]
        }
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; 8], v: Eight) {
        // SAFETY: there is room for eight floats, and the instructions are there.
        unsafe {
            vst1q_f32(to.as_mut_ptr(), v[0]);
            vst1q_f32(to.as_mut_ptr().add(4), v[1]);
        }
    }

    #[inline(always)]
    fn add(self, a: Eight, b: Eight) -> Eight {
        // SAFETY: the token says that the instructions are there.
        unsafe { [vaddq_f32(a[0], b[0]), vaddq_f32(a[1], b[1])] }
    }

    #[inline(always)]
    fn sub(self, a: Eight, b: Eight) -> Eight {
        // SAFETY: the token says that the instructions are there.
        unsafe { [vsubq_f32(a[0], b[0]), vsubq_f32(a[1], b[1])] }
    }

    #[inline(always)]
    fn mul(self, a: Eight, b: Eight) -> Eight {
        // SAFETY: the token says that the instructions are there.
        unsafe { [vmulq_f32(a[0], b[0]), vmulq_f32(a[1], b[1])] }
    }

    #[inline(always)]
    fn fma(self, a: Eight, b: Eight, c: Eight) -> Eight {
        // SAFETY: the token says that the instructions are there.
        unsafe { [vfmaq_f32(c[0], a[0], b[0]), vfmaq_f32(c[1], a[1], b[1])] }
    }

    #[inline(always)]
    fn fnma(self, a: Eight, b: Eight, c: Eight) -> Eight {
        // SAFETY: the token says that the instructions are there.
        unsafe { [vfmsq_f32(c[0], a[0], b[0]), vfmsq_f32(c[1], a[1], b[1])] }
    }

    #[inline(always)]
    fn max(self, a: Eight, b: Eight) -> Eight {
        // SAFETY: the token says that the instructions are there.
        unsafe { [vmaxq_f32(a[0], b[0]), vmaxq_f32(a[1], b[1])] }
    }

    #[inline(always)]
    fn round(self, v: Eight) -> Eight {
        // SAFETY: the token says that the instructions are there.
        unsafe { [vrndnq_f32(v[0]), vrndnq_f32(v[1])] }
    }

    #[inline(always)]
    fn scale_by_power(self, v: Eight, n: Eight) -> Eight {
        // SAFETY: the token says that the instructions are there.
        unsafe { [add_to_exponent(v[0], n[0]), add_to_exponent(v[1], n[1])] }
    }

    #[inline(always)]
    fn less(self, a: Eight, b: Eight) -> Mask {
        // SAFETY: the token says that the instructions are there.
        unsafe { [vcltq_f32(a[0], b[0]), vcltq_f32(a[1], b[1])] }
    }

    #[inline(always)]
    fn equal(self, a: Eight, b: Eight) -> Mask {
        // SAFETY: the token says that the instructions are there.
        unsafe { [vceqq_f32(a[0], b[0]), vceqq_f32(a[1], b[1])] }
    }

    #[inline(always)]
    fn select(self, mask: Mask, yes: Eight, no: Eight) -> Eight {
        // SAFETY: the token says that the instructions are there.
        unsafe { [vbslq_f32(mask[0], yes[0], no[0]), vbslq_f32(mask[1], yes[1], no[1])] }
    }

    #[inline(always)]
    fn and(self, a: Mask, b: Mask) -> Mask {
        // SAFETY: the token says that the instructions are there.
        unsafe { [vandq_u32(a[0], b[0]), vandq_u32(a[1], b[1])] }
    }

    #[inline(always)]
    fn all(self, mask: Mask) -> bool {
        // SAFETY: the token says that the instructions are there.
        unsafe { vminvq_u32(vandq_u32(mask[0], mask[1])) != 0 }
    }

    #[inline(always)]
    fn sum(self, v: Eight) -> f32 {
        // SAFETY: the token says that the instructions are there.
        unsafe { vaddvq_f32(vaddq_f32(v[0], v[1])) }
    }

    #[inline(always)]
    fn largest(self, v: Eight) -> f32 {
        // SAFETY: the token says that the instructions are there.
        unsafe { vmaxvq_f32(vmaxq_f32(v[0], v[1])) }
    }

    #[inline(always)]
    fn sums(self, v: &[Eight; 8]) -> Eight {
        // SAFETY: the token says that the instructions are there.
        unsafe {
            let two = |i: usize| vpaddq_f32(vaddq_f32(v[i][0], v[i][1]), vaddq_f32(v[i + 1][0], v[i + 1][1]));
            [vpaddq_f32(two(0), two(2)), vpaddq_f32(two(4), two(6))]
        }
    }

    #[inline(always)]
    fn transpose(self, rows: [Eight; 8]) -> [Eight; 8] {
        // SAFETY: the token says that the instructions are there.
        unsafe {
            let quarter = |i: usize, h: usize| transpose([rows[i][h], rows[i + 1][h], rows[i + 2][h], rows[i + 3][h]]);
            let (a, b, c, d) = (quarter(0, 0), quarter(4, 0), quarter(0, 1), quarter(4, 1));
            let [a0, a1, a2, a3] = a;
            let [b0, b1, b2, b3] = b;
            let [c0, c1, c2, c3] = c;
            let [d0, d1, d2, d3] = d;
            [[a0, b0], [a1, b1], [a2, b2], [a3, b3], [c0, d0], [c1, d1], [c2, d2], [c3, d3]]
        }
    }

    #[inline(always)]
    unsafe fn inputs(self, from: *const f32) -> float32x4_t {
        // SAFETY: the caller's promise, and the token's: the instructions are there.
        unsafe { vld1q_f32(from) }
    }

    #[inline(always)]
    unsafe fn input(self, from: *const f32) -> float32x4_t {
        // SAFETY: the caller's promise, and the token's: the instructions are there.
        unsafe { vdupq_n_f32(*from) }
    }

    #[inline(always)]
    unsafe fn add_products<const I: i32>(self, sums: &mut [Eight; 2], w: [Eight; 2], x: float32x4_t) {
        for (sum, w) in sums.as_flattened_mut().iter_mut().zip(w.as_flattened()) {
            // SAFETY: the token says that the instructions are there.
            *sum = unsafe { vfmaq_laneq_f32::<I>(*sum, *w, x) };
        }
    }

    #[inline(always)]
    fn prefetch_line(self, at: *const u8) {
        // SAFETY: asking reads nothing. The intrinsic is not stable yet.
        unsafe { asm!("prfm pldl1keep, [{at}]", at = in(reg) at, options(nostack, preserves_flags, readonly)) }
    }

    #[inline(always)]
    fn outer_rows(self, w: Floats<'_>, x: Floats<'_>, depth: usize, rows: usize, sums: &mut [f32], stride: usize) {
        // SAFETY: the token says that the instructions are there.
        unsafe { outer_rows(w, x, depth, rows, sums, stride) }
    }
}

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
