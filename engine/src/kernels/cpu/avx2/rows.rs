//! What [`super::direct`] reads: rows of the int8 input and blocks of the file, at places that were checked once.

use super::direct::ALONE;
use crate::kernels::cpu::formats::Packed;
use crate::kernels::cpu::input::{BLOCK, GROUP, Input};
use core::arch::x86_64::*;

/// `M` input rows in int8 blocks.
#[derive(Clone, Copy)]
pub struct Rows<'a, const M: usize> {
    /// From the first row's first block on; a block of all rows of the group, then the next.
    pub quants: &'a [[i8; BLOCK]],
    /// The same of [`Input::pairs`].
    pub pairs: &'a [[i8; 2 * BLOCK]],
    /// Rows of the group.
    pub group: usize,
    /// Blocks a row.
    pub blocks: usize,
    /// `M * blocks`, as [`Input::scales`].
    pub scales: &'a [f32],
    /// `M * 3 * blocks`, as [`Input::offsets`].
    pub offsets: &'a [f32],
}

impl<'a, const M: usize> Rows<'a, M> {
    /// Rows from `first` on, all of one group. What is found here to be there is read below without looking again.
    /// Always inlined: handed over in memory, it would cost a short row a tenth of its time.
    #[inline(always)]
    pub fn of(input: &Input<'a>, first: usize) -> Self {
        let start = first / GROUP * GROUP;
        let blocks = input.width / BLOCK;
        let group = input.group_rows(start);
        let quants = &input.quants[start * input.width + (first - start) * BLOCK..];
        let rows = Self {
            quants: quants.as_chunks().0,
            pairs: input.pairs[start * input.width..].as_chunks().0.get(first - start..).unwrap_or_default(),
            group,
            blocks,
            scales: &input.scales[first * blocks..(first + M) * blocks],
            offsets: &input.offsets[first * 3 * blocks..(first + M) * 3 * blocks],
        };
        assert!(blocks > 0 && rows.quants.len() >= (blocks - 1) * group + M);
        assert!(blocks < 2 || rows.pairs.len() >= (blocks / 2 - 1) * group + M);
        rows
    }

    /// Rows from one block to the next. Of one row alone it is known when this is compiled, and addresses need no additions.
    #[inline]
    fn step<const C: usize>(&self) -> usize {
        if C == ALONE { 1 } else { self.group }
    }

    /// The integers of block `b` of row `m`.
    ///
    /// # Safety
    /// `b` is below `blocks`; `C` is [`ALONE`] only where the group is one row.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    pub unsafe fn load<const C: usize>(&self, m: usize, b: usize) -> __m256i {
        // SAFETY: a block is 32 bytes, and it is there.
        unsafe { _mm256_loadu_si256(self.quants.as_ptr().add(b * self.step::<C>() + m).cast()) }
    }

    /// The first and the second halves of blocks `2 p` and `2 p + 1` of row `m`.
    ///
    /// # Safety
    /// `2 p + 1` is below `blocks`; `C` as in [`Rows::load`].
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    pub unsafe fn load_pair<const C: usize>(&self, m: usize, p: usize) -> [__m256i; 2] {
        // SAFETY: a pair is 64 bytes, and it is there.
        unsafe {
            let pair = self.pairs.as_ptr().add(p * self.step::<C>() + m).cast::<__m256i>();
            [_mm256_loadu_si256(pair), _mm256_loadu_si256(pair.add(1))]
        }
    }
}

/// Eight floats from `at` on.
///
/// # Safety
/// They are there.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub unsafe fn eight(from: &[f32], at: usize) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe { _mm256_loadu_ps(from.as_ptr().add(at)) }
}

/// The floats at `at` and behind it, each in a half.
///
/// # Safety
/// They are there.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub unsafe fn two(from: &[f32], at: usize) -> __m256 {
    // SAFETY: the caller's promise.
    let both = unsafe { from.as_ptr().add(at).cast::<f64>().read_unaligned() };
    _mm256_permutevar_ps(_mm256_castpd_ps(_mm256_set1_pd(both)), _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1))
}

/// Block `i` of a row of blocks of a format.
///
/// # Safety
/// The row has more than `i` of them.
#[inline]
pub unsafe fn block<P: Packed>(row: &[u8], i: usize) -> &[u8] {
    // SAFETY: the caller's promise.
    unsafe { row.get_unchecked(i * P::BYTES..(i + 1) * P::BYTES) }
}

/// The 16-bit number at byte `at` of each of eight blocks of a format that holds one group in a block.
///
/// # Safety
/// `blocks` is eight blocks.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub unsafe fn one_of_each<P: Packed>(blocks: &[u8], at: usize) -> __m128i {
    // SAFETY: the caller's promise.
    let number = |b: usize| unsafe {
        let block = block::<P>(blocks, b);
        i32::from(i16::from_le_bytes([block[at], block[at + 1]]))
    };
    let four = |b: usize| {
        let v = _mm_cvtsi32_si128(number(b));
        let v = _mm_insert_epi16::<1>(v, number(b + 1));
        let v = _mm_insert_epi16::<2>(v, number(b + 2));
        _mm_insert_epi16::<3>(v, number(b + 3))
    };
    _mm_unpacklo_epi64(four(0), four(4))
}
