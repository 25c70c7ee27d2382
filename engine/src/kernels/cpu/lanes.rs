//! Eight lanes of f32 as every instruction set has them: one register of AVX2, two of NEON. What is written over
//! [`Lanes`] is written once for all of them.
//!
//! A value of the trait is a token: each instruction set hands out its own only where its instructions are there, so its
//! methods are safe. All of them, and all functions built on them, are `#[inline(always)]` without closures around
//! vectors: instructions reach such code only by being compiled into a function with `#[target_feature]`, the entry that
//! each instruction set's folder has.

use super::panel::Line;

/// Eight lanes of an instruction set. `R` is the type of its eight floats.
pub trait Lanes: Copy {
    /// Eight floats.
    type Floats: Copy;
    /// A yes or a no for each lane.
    type Mask: Copy;
    /// Four numbers in a row of an input, or one, of which each multiplies by itself.
    type Inputs: Copy;
    /// Rows that [`Lanes::outer_rows`] takes together best.
    const ROWS: usize;

    /// `v` in all lanes.
    fn splat(self, v: f32) -> Self::Floats;
    /// The f16 of these bits in all lanes.
    fn splat_f16(self, bits: u16) -> Self::Floats;
    /// Eight floats.
    ///
    /// # Safety
    /// They are there; no alignment is needed. So it is with the others below.
    unsafe fn read(self, from: *const f32) -> Self::Floats;
    /// Eight IEEE halves.
    ///
    /// # Safety
    /// They are there.
    unsafe fn read_f16(self, from: *const half::f16) -> Self::Floats;
    /// Eight bfloats.
    ///
    /// # Safety
    /// They are there.
    unsafe fn read_bf16(self, from: *const half::bf16) -> Self::Floats;
    /// Eight signed bytes.
    ///
    /// # Safety
    /// They are there.
    unsafe fn read_i8(self, from: *const i8) -> Self::Floats;
    /// Stores eight floats.
    fn store(self, to: &mut [f32; 8], v: Self::Floats);

    /// a + b
    fn add(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// a - b
    fn sub(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// a b
    fn mul(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// a b + c, rounded once.
    fn fma(self, a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats;
    /// c - a b, rounded once.
    fn fnma(self, a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats;
    /// The larger of two that are numbers.
    fn max(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// To the nearest integer, ties to even.
    fn round(self, v: Self::Floats) -> Self::Floats;
    /// v 2ⁿ for an integer n that keeps the exponent within its range, by adding to the exponent's bits.
    fn scale_by_power(self, v: Self::Floats, n: Self::Floats) -> Self::Floats;

    /// a < b
    fn less(self, a: Self::Floats, b: Self::Floats) -> Self::Mask;
    /// a = b
    fn equal(self, a: Self::Floats, b: Self::Floats) -> Self::Mask;
    /// Where `mask` says yes `yes`, else `no`.
    fn select(self, mask: Self::Mask, yes: Self::Floats, no: Self::Floats) -> Self::Floats;
    /// Both.
    fn and(self, a: Self::Mask, b: Self::Mask) -> Self::Mask;
    /// Whether all say yes.
    fn all(self, mask: Self::Mask) -> bool;

    /// The lanes' sum by halves.
    fn sum(self, v: Self::Floats) -> f32;
    /// The largest lane, of lanes that are numbers.
    fn largest(self, v: Self::Floats) -> f32;
    /// A lane for the sum of each of eight.
    fn sums(self, v: &[Self::Floats; 8]) -> Self::Floats;
    /// Rows to columns.
    fn transpose(self, rows: [Self::Floats; 8]) -> [Self::Floats; 8];

    /// Four numbers of an input.
    ///
    /// # Safety
    /// They are there, and stay there until they have multiplied.
    unsafe fn inputs(self, from: *const f32) -> Self::Inputs;
    /// One, which is then number 0.
    ///
    /// # Safety
    /// As for [`Lanes::inputs`].
    unsafe fn input(self, from: *const f32) -> Self::Inputs;
    /// Adds weights times number `I` of an input to sums.
    ///
    /// # Safety
    /// As for [`Lanes::inputs`].
    unsafe fn add_products<const I: i32>(self, sums: &mut [Self::Floats; 2], w: [Self::Floats; 2], x: Self::Inputs);

    /// Asks for a cache line that is read soon; it need not be there.
    fn prefetch_line(self, at: *const u8);
    /// [`super::tile::outer_rows`], compiled by itself.
    fn outer_rows(self, w: Floats<'_>, x: Floats<'_>, depth: usize, rows: usize, sums: &mut [f32], stride: usize);

    /// Eight floats.
    #[inline(always)]
    fn load(self, from: &[f32; 8]) -> Self::Floats {
        // SAFETY: they are there.
        unsafe { self.read(from.as_ptr()) }
    }

    /// Up to eight floats, then zeros.
    #[inline(always)]
    fn load_part(self, from: &[f32]) -> Self::Floats {
        if let Ok(all) = from.try_into() {
            return self.load(all);
        }
        let mut all = [0f32; 8];
        for (to, &v) in all.iter_mut().zip(from) {
            *to = v;
        }
        self.load(&all)
    }

    /// Stores the first lanes.
    #[inline(always)]
    fn store_part(self, to: &mut [f32], v: Self::Floats) {
        if let Ok(all) = to.try_into() {
            return self.store(all, v);
        }
        let mut all = [0f32; 8];
        self.store(&mut all, v);
        for (to, v) in to.iter_mut().zip(all) {
            *to = v;
        }
    }

    /// Asks for `len` bytes that are read soon; they need not be there.
    #[inline(always)]
    fn prefetch<T>(self, from: *const T, len: usize) {
        for line in (0..len).step_by(size_of::<Line>()) {
            self.prefetch_line(from.cast::<u8>().wrapping_add(line));
        }
    }
}

/// Rows of floats at a stride.
#[derive(Clone, Copy)]
pub struct Floats<'a> {
    /// From the first row's first number on.
    pub data: &'a [f32],
    /// Numbers from one row to the next.
    pub stride: usize,
}
