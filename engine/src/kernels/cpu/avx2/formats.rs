//! The block formats as the integer kernels see them: 32 unsigned bytes a group of inputs, with scales and minima as
//! floats. Reading a file's block is written once a format here; packing, batches and single rows are written once for
//! all formats on top of it.
//!
//! A weight is `scale[half] * (byte - ZERO) - min[half]`, where `half` is the first or the second 16 of a group.

use crate::kernels::cpu::formats::Packed;
use core::arch::x86_64::*;
use ocelli_quant::TensorType;

/// 16 bytes from `at`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn load16(bytes: &[u8], at: usize) -> __m128i {
    let bytes = &bytes[at..at + 16];
    // SAFETY: 16 bytes are there.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

/// 32 bytes from `at`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn load32(bytes: &[u8], at: usize) -> __m256i {
    let bytes = &bytes[at..at + 32];
    // SAFETY: 32 bytes are there.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[inline]
fn two(low: u32, high: u32) -> i64 {
    (u64::from(high) << 32 | u64::from(low)).cast_signed()
}

/// The f16 at `at`, eight times.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn f16(bytes: &[u8], at: usize) -> __m256 {
    _mm256_cvtph_ps(_mm_set1_epi16(i16::from_le_bytes([bytes[at], bytes[at + 1]])))
}

/// The f16 at `at` of each of two blocks, each in a half.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn f16_of_two(blocks: [&[u8]; 2], at: usize) -> __m256 {
    let four = |b: &[u8]| _mm_set1_epi16(i16::from_le_bytes([b[at], b[at + 1]]));
    _mm256_cvtph_ps(_mm_unpacklo_epi64(four(blocks[0]), four(blocks[1])))
}

/// 16 bytes of nibbles: the low ones first, then the high ones.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn nibbles16(bytes: &[u8], at: usize) -> __m256i {
    let b = load16(bytes, at);
    _mm256_and_si256(_mm256_set_m128i(_mm_srli_epi16::<4>(b), b), _mm256_set1_epi8(15))
}

/// 32 bytes of nibbles: the low or the high ones.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn nibbles32(bytes: &[u8], at: usize, high: bool) -> __m256i {
    let b = load32(bytes, at);
    _mm256_and_si256(if high { _mm256_srli_epi16::<4>(b) } else { b }, _mm256_set1_epi8(15))
}

/// 32 bits as bytes of `1 << SHIFT`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn spread<const SHIFT: i32>(bits: u32) -> __m256i {
    let order = _mm256_setr_epi64x(0, 0x0101_0101_0101_0101, 0x0202_0202_0202_0202, 0x0303_0303_0303_0303);
    let bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(bits.cast_signed()), order);
    let each = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64.cast_signed());
    let set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, each), each);
    _mm256_and_si256(set, _mm256_set1_epi8(1 << SHIFT))
}

/// The codebook of the IQ4 formats with 128 added, by nibble.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn codebook(nibbles: __m256i) -> __m256i {
    const TABLE: [u8; 16] = {
        let mut table = [0; 16];
        let mut i = 0;
        while i < 16 {
            table[i] = (ocelli_quant::blocks::iq4_nl::VALUES[i] as u8) ^ 0x80;
            i += 1;
        }
        table
    };
    _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(load16(&TABLE, 0)), nibbles)
}

/// The unsigned integers of group `group` of a block.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn quants<P: Packed>(block: &[u8], group: usize) -> __m256i {
    // Bits `from ..` of 32 bytes shifted to bit `to` and masked. The shift moves bits between bytes; the mask takes
    // them off again.
    let bits = |v: __m256i, from: usize, to: usize, mask: i8| {
        let count = |n: usize| _mm_cvtsi64_si128(n as i64);
        let v = if from >= to { _mm256_srl_epi16(v, count(from - to)) } else { _mm256_sll_epi16(v, count(to - from)) };
        _mm256_and_si256(v, _mm256_set1_epi8(mask))
    };
    match P::TYPE {
        TensorType::Q8_0 => _mm256_xor_si256(load32(block, 2), _mm256_set1_epi8(-128)),
        TensorType::Q4_0 => nibbles16(block, 2),
        TensorType::Q4_1 => nibbles16(block, 4),
        TensorType::Q5_0 => _mm256_or_si256(nibbles16(block, 6), spread::<4>(word(block, 2))),
        TensorType::Q5_1 => _mm256_or_si256(nibbles16(block, 8), spread::<4>(word(block, 4))),
        TensorType::Iq4Nl => codebook(nibbles16(block, 2)),
        TensorType::Q2K => bits(load32(block, 16 + group / 4 * 32), group % 4 * 2, 0, 3),
        TensorType::Q3K => {
            let low = bits(load32(block, 32 + group / 4 * 32), group % 4 * 2, 0, 3);
            _mm256_or_si256(low, bits(load32(block, 0), group, 2, 4))
        }
        TensorType::Q4K => nibbles32(block, 16 + group / 2 * 32, group % 2 == 1),
        TensorType::Q5K => {
            let low = nibbles32(block, 48 + group / 2 * 32, group % 2 == 1);
            _mm256_or_si256(low, bits(load32(block, 16), group, 4, 16))
        }
        TensorType::Q6K => {
            let low = nibbles32(block, group / 4 * 64 + group % 2 * 32, group % 4 >= 2);
            _mm256_or_si256(low, bits(load32(block, 128 + group / 4 * 32), group % 4 * 2, 4, 0x30))
        }
        TensorType::Iq4Xs => codebook(nibbles16(block, 8 + group * 16)),
        TensorType::F32 | TensorType::F16 | TensorType::BF16 => _mm256_setzero_si256(),
    }
}

/// Whether two groups of a format go together: where a block is one group in 16 bytes, both nibbles of a byte belong to
/// the same scale, and two blocks fill a register.
pub const fn paired<P: Packed>() -> bool {
    P::GROUPS == 1 && !matches!(P::TYPE, TensorType::Q8_0)
}

/// Whether neighbouring groups of a block go together, where low and high nibbles are the one and the other.
pub const fn paired_within<P: Packed>() -> bool {
    matches!(P::TYPE, TensorType::Q4K | TensorType::Q5K)
}

/// The unsigned integers of groups `2 pair` and `2 pair + 1` of a block: the first halves of both, then the second ones.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn quants_of_neighbours<P: Packed>(block: &[u8], pair: usize) -> [__m256i; 2] {
    // The same 16 bytes in both halves, those of the second group shifted by as many bits more; as in `quants`, the mask
    // takes off what comes from other bytes.
    let both = |at: usize, shift: usize, more: usize, mask: i8| {
        let [low, high] = [shift as i64, (shift + more) as i64];
        let v = _mm256_broadcastsi128_si256(load16(block, at));
        _mm256_and_si256(_mm256_srlv_epi64(v, _mm256_setr_epi64x(low, low, high, high)), _mm256_set1_epi8(mask))
    };
    let fifth = |half: usize| _mm256_slli_epi16::<4>(both(16 + half * 16, pair * 2, 1, 1));
    match P::TYPE {
        TensorType::Q4K => [0, 1].map(|half| both(16 + pair * 32 + half * 16, 0, 4, 15)),
        TensorType::Q5K => [0, 1].map(|half| _mm256_or_si256(both(48 + pair * 32 + half * 16, 0, 4, 15), fifth(half))),
        _ => [_mm256_setzero_si256(); 2],
    }
}

/// The unsigned integers of two blocks: the first halves of both, then the second ones.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn quants_of_two<P: Packed>(blocks: [&[u8]; 2]) -> [__m256i; 2] {
    let nibbles = |at: usize| {
        let b = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(load16(blocks[0], at)), load16(blocks[1], at));
        let low = |b| _mm256_and_si256(b, _mm256_set1_epi8(15));
        [low(b), low(_mm256_srli_epi16::<4>(b))]
    };
    let fifth = |[first, second]: [__m256i; 2], at: usize| {
        let (a, b) = (word(blocks[0], at), word(blocks[1], at));
        let (low, high) = ((a & 0xffff) | b << 16, a >> 16 | (b & 0xffff_0000));
        [_mm256_or_si256(first, spread::<4>(low)), _mm256_or_si256(second, spread::<4>(high))]
    };
    match P::TYPE {
        TensorType::Q4_0 => nibbles(2),
        TensorType::Q4_1 => nibbles(4),
        TensorType::Q5_0 => fifth(nibbles(6), 2),
        TensorType::Q5_1 => fifth(nibbles(8), 4),
        TensorType::Iq4Nl => {
            let [first, second] = nibbles(2);
            [codebook(first), codebook(second)]
        }
        _ => [_mm256_setzero_si256(); 2],
    }
}

/// Scales and minima of the eight groups of a block, for their first halves and their second ones. Where both halves
/// have the same one only the first is set; formats of one group fill every lane with it.
#[derive(Clone, Copy)]
pub struct Factors {
    /// Scales.
    pub scales: [__m256; 2],
    /// Minima.
    pub mins: [__m256; 2],
}

/// The factors of a block.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn factors<P: Packed>(block: &[u8]) -> Factors {
    let none = _mm256_setzero_ps();
    let unsigned = |low: __m128i| _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(low));
    let signed = |low: __m128i| _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(low));
    // The even bytes to the low half, the odd ones to the high half.
    let halves = |v: __m128i| {
        let v = _mm_shuffle_epi8(v, _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15));
        [v, _mm_unpackhi_epi64(v, v)]
    };
    let one = |scale| Factors { scales: [scale, none], mins: [none; 2] };
    match P::TYPE {
        TensorType::Q4_1 | TensorType::Q5_1 => {
            // The file's m is added, a minimum is taken off.
            let min = _mm256_xor_ps(f16(block, 2), _mm256_set1_ps(-0.0));
            Factors { scales: [f16(block, 0), none], mins: [min, none] }
        }
        TensorType::Q2K => {
            let (d, dmin) = (f16(block, 80), f16(block, 82));
            let [first, second] = halves(load16(block, 0));
            let low = |v| _mm256_mul_ps(d, unsigned(_mm_and_si128(v, _mm_set1_epi8(15))));
            let high = |v| _mm256_mul_ps(dmin, unsigned(_mm_and_si128(_mm_srli_epi16::<4>(v), _mm_set1_epi8(15))));
            Factors { scales: [low(first), low(second)], mins: [high(first), high(second)] }
        }
        TensorType::Q3K => {
            let (a, b, c) = (word(block, 96), word(block, 100), word(block, 104));
            let low = |w: u32| w & 0x0f0f_0f0f;
            let high = |shift: u32| ((c >> shift) & 0x0303_0303) << 4;
            let first = two(low(a) | high(0), low(b) | high(2));
            let second = two(low(a >> 4) | high(4), low(b >> 4) | high(6));
            let bytes = _mm_sub_epi8(_mm_set_epi64x(second, first), _mm_set1_epi8(32));
            let d = f16(block, 108);
            let [first, second] = halves(bytes);
            Factors { scales: [_mm256_mul_ps(d, signed(first)), _mm256_mul_ps(d, signed(second))], mins: [none; 2] }
        }
        TensorType::Q4K | TensorType::Q5K => {
            // Eight 6-bit scales and eight 6-bit minima in 12 bytes, `scale_min` of the format, four at a time: the words
            // of the block are both factors, a, b, c; the scales begin as a and c, the minima as b and c.
            let v = load16(block, 0);
            let low = _mm_srlv_epi32(_mm_shuffle_epi32::<0b11_10_11_01>(v), _mm_setr_epi32(0, 0, 0, 4));
            let low = _mm_and_si128(low, _mm_setr_epi32(0x3f3f_3f3f, 0x0f0f_0f0f, 0x3f3f_3f3f, 0x0f0f_0f0f));
            let high = _mm_srli_epi32::<2>(_mm_shuffle_epi32::<0b10_10_01_01>(v));
            let high = _mm_and_si128(high, _mm_setr_epi32(0, 0x3030_3030, 0, 0x3030_3030));
            let bytes = _mm_or_si128(low, high);
            let both = _mm_cvtph_ps(v);
            let scales = _mm256_mul_ps(_mm256_broadcastss_ps(both), unsigned(bytes));
            let mins =
                _mm256_mul_ps(_mm256_broadcastss_ps(_mm_movehdup_ps(both)), unsigned(_mm_unpackhi_epi64(bytes, bytes)));
            Factors { scales: [scales, none], mins: [mins, none] }
        }
        TensorType::Q6K => {
            let d = f16(block, 208);
            let [first, second] = halves(load16(block, 192));
            Factors { scales: [_mm256_mul_ps(d, signed(first)), _mm256_mul_ps(d, signed(second))], mins: [none; 2] }
        }
        TensorType::Iq4Xs => {
            let low = word(block, 4);
            let high = u32::from(u16::from_le_bytes([block[2], block[3]]));
            // Nibble 2i of `low` belongs to group 2i, and so do bits 4i and 4i + 1 of `high`.
            let shifts = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28);
            let low = _mm256_srlv_epi32(_mm256_set1_epi32(low.cast_signed()), shifts);
            let pairs = _mm256_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14);
            let high = _mm256_srlv_epi32(_mm256_set1_epi32(high.cast_signed()), pairs);
            let low = _mm256_and_si256(low, _mm256_set1_epi32(15));
            let high = _mm256_slli_epi32::<4>(_mm256_and_si256(high, _mm256_set1_epi32(3)));
            let scales = _mm256_sub_epi32(_mm256_or_si256(low, high), _mm256_set1_epi32(32));
            one(_mm256_mul_ps(f16(block, 0), _mm256_cvtepi32_ps(scales)))
        }
        TensorType::Q8_0 | TensorType::Q4_0 | TensorType::Q5_0 | TensorType::Iq4Nl => one(f16(block, 0)),
        TensorType::F32 | TensorType::F16 | TensorType::BF16 => one(none),
    }
}

/// Eight f32.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn load_f32(bytes: &[u8; 32]) -> __m256 {
    // SAFETY: 32 bytes are there.
    unsafe { _mm256_loadu_ps(bytes.as_ptr().cast()) }
}

/// Eight IEEE halves.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn load_f16(bytes: &[u8; 16]) -> __m256 {
    // SAFETY: 16 bytes are there.
    _mm256_cvtph_ps(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
}

/// Eight bfloats.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub fn load_bf16(bytes: &[u8; 16]) -> __m256 {
    // SAFETY: 16 bytes are there.
    let half = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(half)))
}
