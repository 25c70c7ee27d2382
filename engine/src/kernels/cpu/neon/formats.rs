//! The block formats as the integer kernels see them: 32 signed bytes a group of inputs, with scales and minima as
//! floats. Reading a file's block is written once a format here; packing, batches and single rows are written once for
//! all formats on top of it.
//!
//! A weight is `scale[half] * byte - min[half]`, where `half` is the first or the second 16 of a group.

use super::lanes::widen;
use crate::kernels::cpu::formats::Packed;
use core::arch::aarch64::*;
use ocelli_quant::TensorType;
use ocelli_quant::blocks::iq4_nl;

/// 16 bytes from `at`.
#[inline(always)]
fn load16(bytes: &[u8], at: usize) -> uint8x16_t {
    let bytes = &bytes[at..at + 16];
    // SAFETY: 16 bytes are there, and NEON is everywhere on aarch64.
    unsafe { vld1q_u8(bytes.as_ptr()) }
}

/// 32 bytes from `at`.
#[inline(always)]
fn load32(bytes: &[u8], at: usize) -> [uint8x16_t; 2] {
    [load16(bytes, at), load16(bytes, at + 16)]
}

#[inline]
fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[inline]
fn two(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// The bits of the f16 at `at`.
#[inline]
pub fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// The f16 at `at`, four times.
#[inline]
#[target_feature(enable = "neon")]
fn f16(bytes: &[u8], at: usize) -> float32x4_t {
    widen([half(bytes, at); 4])
}

/// 16 bytes of nibbles: the low ones first, then the high ones.
#[inline]
#[target_feature(enable = "neon")]
fn nibbles16(bytes: &[u8], at: usize) -> [uint8x16_t; 2] {
    let b = load16(bytes, at);
    [vandq_u8(b, vdupq_n_u8(15)), vshrq_n_u8::<4>(b)]
}

/// 32 bytes of nibbles: the low or the high ones.
#[inline]
#[target_feature(enable = "neon")]
fn nibbles32(bytes: &[u8], at: usize, high: bool) -> [uint8x16_t; 2] {
    let [a, b] = load32(bytes, at);
    if high {
        [vshrq_n_u8::<4>(a), vshrq_n_u8::<4>(b)]
    } else {
        [vandq_u8(a, vdupq_n_u8(15)), vandq_u8(b, vdupq_n_u8(15))]
    }
}

/// Bits `from ..` of each byte shifted to bit `to` and masked.
#[inline]
#[target_feature(enable = "neon")]
#[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // at most 7
fn bits(v: [uint8x16_t; 2], from: usize, to: usize, mask: u8) -> [uint8x16_t; 2] {
    let (shift, mask) = (vdupq_n_s8(to as i8 - from as i8), vdupq_n_u8(mask));
    [vandq_u8(vshlq_u8(v[0], shift), mask), vandq_u8(vshlq_u8(v[1], shift), mask)]
}

/// The nibbles from `at` on with their fifth bits from `bits_at` on.
#[inline]
#[target_feature(enable = "neon")]
fn five_bits(bytes: &[u8], bits_at: usize, at: usize) -> [uint8x16_t; 2] {
    let each = vdupq_n_u64(0x8040_2010_0804_0201);
    let fifth = |i: usize| {
        let bytes = vcombine_u8(vdup_n_u8(bytes[bits_at + i]), vdup_n_u8(bytes[bits_at + i + 1]));
        vandq_u8(vtstq_u8(bytes, vreinterpretq_u8_u64(each)), vdupq_n_u8(16))
    };
    or(nibbles16(bytes, at), [fifth(0), fifth(2)])
}

#[inline]
#[target_feature(enable = "neon")]
fn or(a: [uint8x16_t; 2], b: [uint8x16_t; 2]) -> [uint8x16_t; 2] {
    [vorrq_u8(a[0], b[0]), vorrq_u8(a[1], b[1])]
}

#[inline]
#[target_feature(enable = "neon")]
fn signed(v: [uint8x16_t; 2]) -> [int8x16_t; 2] {
    [vreinterpretq_s8_u8(v[0]), vreinterpretq_s8_u8(v[1])]
}

/// What is `zero` more than the weights.
#[inline]
#[target_feature(enable = "neon")]
fn less(v: [uint8x16_t; 2], zero: u8) -> [int8x16_t; 2] {
    signed([vsubq_u8(v[0], vdupq_n_u8(zero)), vsubq_u8(v[1], vdupq_n_u8(zero))])
}

/// The codebook of the IQ4 formats, by nibble.
#[inline]
#[target_feature(enable = "neon")]
fn codebook(nibbles: [uint8x16_t; 2]) -> [int8x16_t; 2] {
    // SAFETY: the table has 16 values.
    let table = unsafe { vld1q_s8(iq4_nl::VALUES.as_ptr()) };
    [vqtbl1q_s8(table, nibbles[0]), vqtbl1q_s8(table, nibbles[1])]
}

/// The integers of group `group` of a block.
#[inline]
#[target_feature(enable = "neon")]
pub fn quants<P: Packed>(block: &[u8], group: usize) -> [int8x16_t; 2] {
    match P::TYPE {
        TensorType::Q8_0 => signed(load32(block, 2)),
        TensorType::Q4_0 => less(nibbles16(block, 2), 8),
        TensorType::Q4_1 => signed(nibbles16(block, 4)),
        TensorType::Q5_0 => less(five_bits(block, 2, 6), 16),
        TensorType::Q5_1 => signed(five_bits(block, 4, 8)),
        TensorType::Iq4Nl => codebook(nibbles16(block, 2)),
        TensorType::Q2K => signed(bits(load32(block, 16 + group / 4 * 32), group % 4 * 2, 0, 3)),
        TensorType::Q3K => {
            let low = bits(load32(block, 32 + group / 4 * 32), group % 4 * 2, 0, 3);
            less(or(low, bits(load32(block, 0), group, 2, 4)), 4)
        }
        TensorType::Q4K => signed(nibbles32(block, 16 + group / 2 * 32, group % 2 == 1)),
        TensorType::Q5K => {
            let low = nibbles32(block, 48 + group / 2 * 32, group % 2 == 1);
            signed(or(low, bits(load32(block, 16), group, 4, 16)))
        }
        TensorType::Q6K => {
            let low = nibbles32(block, group / 4 * 64 + group % 2 * 32, group % 4 >= 2);
            less(or(low, bits(load32(block, 128 + group / 4 * 32), group % 4 * 2, 4, 0x30)), 32)
        }
        TensorType::Iq4Xs => codebook(nibbles16(block, 8 + group * 16)),
        TensorType::F32 | TensorType::F16 | TensorType::BF16 => [vdupq_n_s8(0); 2],
    }
}

/// Eight numbers, one for each group of a block.
pub type Groups = [float32x4_t; 2];

/// Scales and minima of the groups of a block, for their first halves and their second ones. Where both halves have the
/// same one only the first is set; formats of one group fill every lane with it.
#[derive(Clone, Copy)]
pub struct Factors {
    /// Scales.
    pub scales: [Groups; 2],
    /// Minima.
    pub mins: [Groups; 2],
}

/// `by` times eight integers.
#[inline]
#[target_feature(enable = "neon")]
fn scaled(by: float32x4_t, v: int8x8_t) -> Groups {
    let v = vmovl_s8(v);
    let float = |v| vmulq_f32(by, vcvtq_f32_s32(vmovl_s16(v)));
    [float(vget_low_s16(v)), float(vget_high_s16(v))]
}

/// `by` times the even ones of sixteen integers, and times the odd ones.
#[inline]
#[target_feature(enable = "neon")]
fn halves(by: float32x4_t, v: int8x16_t) -> [Groups; 2] {
    [scaled(by, vget_low_s8(vuzp1q_s8(v, v))), scaled(by, vget_low_s8(vuzp2q_s8(v, v)))]
}

/// The factors of a block.
#[inline]
#[target_feature(enable = "neon")]
pub fn factors<P: Packed>(block: &[u8]) -> Factors {
    let none = [vdupq_n_f32(0.0); 2];
    let one = |scale| Factors { scales: [scale, none], mins: [none; 2] };
    // All of these are below 64: the sign does not matter.
    let bytes = |v: u64| vcreate_s8(v);
    match P::TYPE {
        TensorType::Q4_1 | TensorType::Q5_1 => {
            // The file's m is added, a minimum is taken off.
            let min = vnegq_f32(f16(block, 2));
            Factors { scales: [[f16(block, 0); 2], none], mins: [[min; 2], none] }
        }
        TensorType::Q2K => {
            let v = load16(block, 0);
            let low = vreinterpretq_s8_u8(vandq_u8(v, vdupq_n_u8(15)));
            let high = vreinterpretq_s8_u8(vshrq_n_u8::<4>(v));
            Factors { scales: halves(f16(block, 80), low), mins: halves(f16(block, 82), high) }
        }
        TensorType::Q3K => {
            let (a, b, c) = (word(block, 96), word(block, 100), word(block, 104));
            let low = |w: u32| w & 0x0f0f_0f0f;
            let high = |shift: u32| ((c >> shift) & 0x0303_0303) << 4;
            let first = two(low(a) | high(0), low(b) | high(2));
            let second = two(low(a >> 4) | high(4), low(b >> 4) | high(6));
            let v = vsubq_s8(vcombine_s8(bytes(first), bytes(second)), vdupq_n_s8(32));
            Factors { scales: halves(f16(block, 108), v), mins: [none; 2] }
        }
        TensorType::Q4K | TensorType::Q5K => {
            // Eight 6-bit scales and eight 6-bit minima in 12 bytes: `scale_min` of the format, four at a time.
            let (a, b, c) = (word(block, 4), word(block, 8), word(block, 12));
            let six = 0x3f3f_3f3f;
            let scales = two(a & six, (c & 0x0f0f_0f0f) | ((a >> 6) & 0x0303_0303) << 4);
            let mins = two(b & six, ((c >> 4) & 0x0f0f_0f0f) | ((b >> 6) & 0x0303_0303) << 4);
            let (scales, mins) = (scaled(f16(block, 0), bytes(scales)), scaled(f16(block, 2), bytes(mins)));
            Factors { scales: [scales, none], mins: [mins, none] }
        }
        TensorType::Q6K => {
            let v = vreinterpretq_s8_u8(load16(block, 192));
            Factors { scales: halves(f16(block, 208), v), mins: [none; 2] }
        }
        TensorType::Iq4Xs => {
            // Nibble i of `low` and the pair i of bits of `high` are for group i: spread to a byte each.
            let low = vcreate_u8(u64::from(word(block, 4)));
            let low = vzip1_u8(vand_u8(low, vdup_n_u8(15)), vshr_n_u8::<4>(low));
            let high = vcreate_u8(two(u32::from(block[2]) * 0x0101_0101, u32::from(block[3]) * 0x0101_0101));
            let pairs = vcreate_s8(two(0xfafc_fe00, 0xfafc_fe00));
            let high = vshl_n_u8::<4>(vand_u8(vshl_u8(high, pairs), vdup_n_u8(3)));
            let scales = vsub_s8(vreinterpret_s8_u8(vorr_u8(low, high)), vdup_n_s8(32));
            one(scaled(f16(block, 0), scales))
        }
        TensorType::Q8_0 | TensorType::Q4_0 | TensorType::Q5_0 | TensorType::Iq4Nl => one([f16(block, 0); 2]),
        TensorType::F32 | TensorType::F16 | TensorType::BF16 => one(none),
    }
}

/// Four f32.
#[inline]
#[target_feature(enable = "neon")]
pub fn load_f32(bytes: &[u8; 16]) -> float32x4_t {
    // SAFETY: 16 bytes are there.
    vreinterpretq_f32_u8(unsafe { vld1q_u8(bytes.as_ptr()) })
}

/// Four IEEE halves.
#[inline]
#[target_feature(enable = "neon")]
pub fn load_f16(bytes: &[u8; 8]) -> float32x4_t {
    // SAFETY: 8 bytes are there.
    vcvt_f32_f16(vreinterpret_f16_u8(unsafe { vld1_u8(bytes.as_ptr()) }))
}

/// Four bfloats.
#[inline]
#[target_feature(enable = "neon")]
pub fn load_bf16(bytes: &[u8; 8]) -> float32x4_t {
    // SAFETY: 8 bytes are there.
    vreinterpretq_f32_u32(vshll_n_u16::<16>(vreinterpret_u16_u8(unsafe { vld1_u8(bytes.as_ptr()) })))
}
