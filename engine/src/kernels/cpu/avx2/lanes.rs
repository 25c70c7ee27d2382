//! Loads, stores and sums of lanes that the other files share. Loads and stores take slices and check their length in
//! one place, so that the kernels built on them are safe code.

use super::tile::{FLOAT_ROWS, outer_rows};
use crate::kernels::cpu::lanes::{Floats, Lanes};
use crate::kernels::cpu::panel::Line;
use core::arch::x86_64::*;

/// The token of these instructions.
#[derive(Clone, Copy)]
pub struct Avx2(());

impl Avx2 {
    /// The token, for functions that have the instructions themselves.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    pub fn here() -> Self {
        Self(())
    }
}

impl Lanes for Avx2 {
    type Floats = __m256;
    type Mask = __m256;
    /// Where they are: a broadcast reads memory as fast as a register.
    type Inputs = *const f32;
    const ROWS: usize = FLOAT_ROWS;

    #[inline(always)]
    fn splat(self, v: f32) -> __m256 {
        // SAFETY: the token says that the instructions are there.
        unsafe { _mm256_set1_ps(v) }
    }

    #[inline(always)]
    fn splat_f16(self, bits: u16) -> __m256 {
        // SAFETY: the token says that the instructions are there.
        unsafe { _mm256_cvtph_ps(_mm_set1_epi16(bits.cast_signed())) }
    }

    #[inline(always)]
    unsafe fn read(self, from: *const f32) -> __m256 {
        // SAFETY: the caller's promise, and the token's: the instructions are there.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn read_f16(self, from: *const half::f16) -> __m256 {
        // SAFETY: the caller's promise, and the token's: the instructions are there.
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(from.cast())) }
    }

    #[inline(always)]
    unsafe fn read_bf16(self, from: *const half::bf16) -> __m256 {
        // SAFETY: the caller's promise, and the token's: the instructions are there.
        unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast())))) }
    }

    #[inline(always)]
    unsafe fn read_i8(self, from: *const i8) -> __m256 {
        // SAFETY: the caller's promise, and the token's: the instructions are there.
        unsafe { _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(from.cast()))) }
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; 8], v: __m256) {
        // SAFETY: there is room for eight floats, and the instructions are there.
        unsafe { _mm256_storeu_ps(to.as_mut_ptr(), v) }
    }

    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token says that the instructions are there.
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token says that the instructions are there.
        unsafe { _mm256_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token says that the instructions are there.
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    fn fma(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: the token says that the instructions are there.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn fnma(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: the token says that the instructions are there.
        unsafe { _mm256_fnmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn max(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token says that the instructions are there.
        unsafe { _mm256_max_ps(a, b) }
    }

    #[inline(always)]
    fn round(self, v: __m256) -> __m256 {
        // SAFETY: the token says that the instructions are there.
        unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(v) }
    }

    #[inline(always)]
    fn scale_by_power(self, v: __m256, n: __m256) -> __m256 {
        // SAFETY: the token says that the instructions are there.
        unsafe {
            let power = _mm256_slli_epi32::<23>(_mm256_cvtps_epi32(n));
            _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(v), power))
        }
    }

    #[inline(always)]
    fn less(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token says that the instructions are there.
        unsafe { _mm256_cmp_ps::<_CMP_LT_OQ>(a, b) }
    }

    #[inline(always)]
    fn equal(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token says that the instructions are there.
        unsafe { _mm256_cmp_ps::<_CMP_EQ_OQ>(a, b) }
    }

    #[inline(always)]
    fn select(self, mask: __m256, yes: __m256, no: __m256) -> __m256 {
        // SAFETY: the token says that the instructions are there.
        unsafe { _mm256_blendv_ps(no, yes, mask) }
    }

    #[inline(always)]
    fn and(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token says that the instructions are there.
        unsafe { _mm256_and_ps(a, b) }
    }

    #[inline(always)]
    fn all(self, mask: __m256) -> bool {
        // SAFETY: the token says that the instructions are there.
        unsafe { _mm256_movemask_ps(mask) == 0xff }
    }

    #[inline(always)]
    fn sum(self, v: __m256) -> f32 {
        // SAFETY: the token says that the instructions are there.
        unsafe {
            let v = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
            let v = _mm_add_ps(v, _mm_movehl_ps(v, v));
            _mm_cvtss_f32(_mm_add_ss(v, _mm_movehdup_ps(v)))
        }
    }

    #[inline(always)]
    fn largest(self, v: __m256) -> f32 {
        // SAFETY: the token says that the instructions are there.
        unsafe {
            let v = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
            let v = _mm_max_ps(v, _mm_movehl_ps(v, v));
            _mm_cvtss_f32(_mm_max_ss(v, _mm_movehdup_ps(v)))
        }
    }

    #[inline(always)]
    fn sums(self, v: &[__m256; 8]) -> __m256 {
        // SAFETY: the token says that the instructions are there.
        unsafe {
            let low = _mm256_hadd_ps(_mm256_hadd_ps(v[0], v[1]), _mm256_hadd_ps(v[2], v[3]));
            let high = _mm256_hadd_ps(_mm256_hadd_ps(v[4], v[5]), _mm256_hadd_ps(v[6], v[7]));
            _mm256_add_ps(_mm256_permute2f128_ps::<0x20>(low, high), _mm256_permute2f128_ps::<0x31>(low, high))
        }
    }

    #[inline(always)]
    fn transpose(self, rows: [__m256; 8]) -> [__m256; 8] {
        // SAFETY: the token says that the instructions are there.
        unsafe { transpose(rows) }
    }

    #[inline(always)]
    unsafe fn inputs(self, from: *const f32) -> *const f32 {
        from
    }

    #[inline(always)]
    unsafe fn input(self, from: *const f32) -> *const f32 {
        from
    }

    #[inline(always)]
    unsafe fn add_products<const I: i32>(self, sums: &mut [__m256; 2], w: [__m256; 2], x: *const f32) {
        // SAFETY: the caller's promise, and the token's: the instructions are there.
        unsafe {
            let x = _mm256_broadcast_ss(&*x.add(I as usize));
            sums[0] = _mm256_fmadd_ps(x, w[0], sums[0]);
            sums[1] = _mm256_fmadd_ps(x, w[1], sums[1]);
        }
    }

    #[inline(always)]
    fn prefetch_line(self, at: *const u8) {
        // SAFETY: asking reads nothing, and the instruction is there.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }

    #[inline(always)]
    fn outer_rows(self, w: Floats<'_>, x: Floats<'_>, depth: usize, rows: usize, sums: &mut [f32], stride: usize) {
        // SAFETY: the token says that the instructions are there.
        unsafe { outer_rows(w, x, depth, rows, sums, stride) }
    }
}

/// Eight floats.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn load(from: &[f32; 8]) -> __m256 {
    // SAFETY: eight floats are there; the load needs no alignment.
    unsafe { _mm256_loadu_ps(from.as_ptr()) }
}

/// Stores eight floats.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn store(to: &mut [f32; 8], v: __m256) {
    // SAFETY: there is room for eight floats; the store needs no alignment.
    unsafe { _mm256_storeu_ps(to.as_mut_ptr(), v) }
}

/// Up to eight floats, then zeros.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn load_part(from: &[f32]) -> __m256 {
    if let Ok(all) = from.try_into() {
        return load(all);
    }
    let mut all = [0f32; 8];
    for (to, &v) in all.iter_mut().zip(from) {
        *to = v;
    }
    load(&all)
}

/// Stores the first lanes.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn store_part(to: &mut [f32], v: __m256) {
    if let Ok(all) = to.try_into() {
        return store(all, v);
    }
    let mut all = [0f32; 8];
    store(&mut all, v);
    for (to, v) in to.iter_mut().zip(all) {
        *to = v;
    }
}

/// The lanes' sum from first to last, the order of the scalar code.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn sum_in_order(v: __m256) -> f32 {
    let mut all = [0f32; 8];
    store(&mut all, v);
    all.iter().sum()
}

/// Rows to columns of 8 x 8 32-bit values.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn transpose(r: [__m256; 8]) -> [__m256; 8] {
    let a = [
        _mm256_unpacklo_ps(r[0], r[1]),
        _mm256_unpackhi_ps(r[0], r[1]),
        _mm256_unpacklo_ps(r[2], r[3]),
        _mm256_unpackhi_ps(r[2], r[3]),
        _mm256_unpacklo_ps(r[4], r[5]),
        _mm256_unpackhi_ps(r[4], r[5]),
        _mm256_unpacklo_ps(r[6], r[7]),
        _mm256_unpackhi_ps(r[6], r[7]),
    ];
    let b = [
        _mm256_shuffle_ps::<0x44>(a[0], a[2]),
        _mm256_shuffle_ps::<0xee>(a[0], a[2]),
        _mm256_shuffle_ps::<0x44>(a[1], a[3]),
        _mm256_shuffle_ps::<0xee>(a[1], a[3]),
        _mm256_shuffle_ps::<0x44>(a[4], a[6]),
        _mm256_shuffle_ps::<0xee>(a[4], a[6]),
        _mm256_shuffle_ps::<0x44>(a[5], a[7]),
        _mm256_shuffle_ps::<0xee>(a[5], a[7]),
    ];
    [
        _mm256_permute2f128_ps::<0x20>(b[0], b[4]),
        _mm256_permute2f128_ps::<0x20>(b[1], b[5]),
        _mm256_permute2f128_ps::<0x20>(b[2], b[6]),
        _mm256_permute2f128_ps::<0x20>(b[3], b[7]),
        _mm256_permute2f128_ps::<0x31>(b[0], b[4]),
        _mm256_permute2f128_ps::<0x31>(b[1], b[5]),
        _mm256_permute2f128_ps::<0x31>(b[2], b[6]),
        _mm256_permute2f128_ps::<0x31>(b[3], b[7]),
    ]
}

/// Asks for `len` bytes that are read soon; they need not be there.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn prefetch<T>(from: *const T, len: usize) {
    for line in (0..len).step_by(size_of::<Line>()) {
        _mm_prefetch::<_MM_HINT_T0>(from.cast::<i8>().wrapping_add(line));
    }
}
