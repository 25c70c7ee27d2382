//! Sums of products of signed bytes, by each of the three ways aarch64 has.
//!
//! Rust's intrinsics for `sdot` and `smmla` are unstable: they are one instruction of assembly each. The assembler must
//! be told of the extension there, while the compiler need not: it hands over vectors as any NEON code has them. So the
//! functions around them are compiled into each kernel, and must be: a call would put all sums into memory.

use crate::kernels::cpu::formats::Packed;
use core::arch::aarch64::*;
use core::arch::asm;

/// Which products an instruction set has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Bytes by bytes to i16.
    Widening,
    /// Four neighbours to each of four lanes.
    Long,
    /// Two rows of eight by two rows of eight.
    Matrix,
}

/// An instruction set's products.
pub trait Dots {
    /// Which they are; whoever calls a kernel with it vouches for the instructions.
    const KIND: Kind;
}

/// NEON alone.
pub struct Widening;
/// And `sdot`.
pub struct Long;
/// And `smmla`.
pub struct Matrix;

impl Dots for Widening {
    const KIND: Kind = Kind::Widening;
}

impl Dots for Long {
    const KIND: Kind = Kind::Long;
}

impl Dots for Matrix {
    const KIND: Kind = Kind::Matrix;
}

/// `sums` plus the products of each lane's four bytes.
///
/// # Safety
/// The processor has `sdot`.
#[inline(always)]
pub unsafe fn sdot(mut sums: int32x4_t, w: int8x16_t, x: int8x16_t) -> int32x4_t {
    // SAFETY: registers alone are read and written; the caller's promise.
    unsafe {
        asm!(
            ".arch_extension dotprod",
            "sdot {sums:v}.4s, {w:v}.16b, {x:v}.16b",
            sums = inout(vreg) sums, w = in(vreg) w, x = in(vreg) x,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}

/// As [`sdot`], with lane `LANE` of `x` for all.
///
/// # Safety
/// The processor has `sdot`.
#[inline(always)]
pub unsafe fn sdot_lane<const LANE: i32>(mut sums: int32x4_t, w: int8x16_t, x: int8x16_t) -> int32x4_t {
    // SAFETY: as for `sdot`.
    unsafe {
        asm!(
            ".arch_extension dotprod",
            "sdot {sums:v}.4s, {w:v}.16b, {x:v}.4b[{lane}]",
            sums = inout(vreg) sums, w = in(vreg) w, x = in(vreg) x, lane = const LANE,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}

/// `sums` plus the products of both rows of eight in `a` with both in `b`, row by row of `a`.
///
/// # Safety
/// The processor has `smmla`.
#[inline(always)]
pub unsafe fn smmla(mut sums: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: as for `sdot`.
    unsafe {
        asm!(
            ".arch_extension i8mm",
            "smmla {sums:v}.4s, {a:v}.16b, {b:v}.16b",
            sums = inout(vreg) sums, a = in(vreg) a, b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}

/// The products of 32 weights with 32 inputs, in four lanes that are still to be added up: those of each half where they
/// have scales of their own, else all of them first.
///
/// # Safety
/// The processor has the products of `D`.
#[inline(always)]
pub unsafe fn products<P: Packed, D: Dots>(w: [int8x16_t; 2], x: [int8x16_t; 2]) -> [int32x4_t; 2] {
    // SAFETY: NEON is everywhere on aarch64, and what has `smmla` here has `sdot`; for that, the caller's promise.
    unsafe {
        let none = vdupq_n_s32(0);
        let short = |i: usize| vmlal_high_s8(vmull_s8(vget_low_s8(w[i]), vget_low_s8(x[i])), w[i], x[i]);
        match (D::KIND, P::HALVES) {
            // In i16 two products of eight bits fit, 2 * 128 * 127 < 2^15, and eight of six bits, 8 * 32 * 127 < 2^15.
            (Kind::Widening, 1) if P::BITS == 8 => [vpadalq_s16(vpaddlq_s16(short(0)), short(1)), none],
            (Kind::Widening, 1) => {
                let sums = vmlal_s8(short(0), vget_low_s8(w[1]), vget_low_s8(x[1]));
                [vpaddlq_s16(vmlal_high_s8(sums, w[1], x[1])), none]
            }
            (Kind::Widening, _) => [vpaddlq_s16(short(0)), vpaddlq_s16(short(1))],
            (_, 1) => [sdot(sdot(none, w[0], x[0]), w[1], x[1]), none],
            _ => [sdot(none, w[0], x[0]), sdot(none, w[1], x[1])],
        }
    }
}
