//! Loads, stores and sums of lanes that the other files share. Loads and stores take slices and check their length in
//! one place, so that the kernels built on them are safe code.

use crate::kernels::cpu::panel::Line;
use core::arch::x86_64::*;

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

/// The lanes' sum by halves.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn sum(v: __m256) -> f32 {
    let v = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
    let v = _mm_add_ps(v, _mm_movehl_ps(v, v));
    _mm_cvtss_f32(_mm_add_ss(v, _mm_movehdup_ps(v)))
}

/// The largest lane, of lanes that are numbers.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn largest(v: __m256) -> f32 {
    let v = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
    let v = _mm_max_ps(v, _mm_movehl_ps(v, v));
    _mm_cvtss_f32(_mm_max_ss(v, _mm_movehdup_ps(v)))
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
