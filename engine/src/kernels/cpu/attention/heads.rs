//! Token time over [`Lanes`]: a few heads, one query each, read keys and values where they lie, each once for all heads.

#![allow(unsafe_code)] // loads through pointers
#![allow(clippy::needless_range_loop)] // one index goes through several heads and keys

use super::online::{Running, scaled, soften};
use super::{Biases, KEYS, STATS, Stored, StoredSlice, Stream, tiles};
use crate::kernels::cpu::lanes::Lanes;
use ocelli_quant::blocks::q8_0::BlockQ8_0;
use std::ops::Range;

/// Heads that go through the keys together at most.
const HEADS: usize = 4;

/// Token time: heads that share a stream, one query each, over part of the positions.
#[derive(Clone, Copy)]
pub struct Group<'a> {
    /// `width` numbers a head.
    pub q: &'a [f32],
    /// Numbers a head.
    pub width: usize,
    /// Multiplies the dot products.
    pub scale: f32,
    /// `bias(head, at, scores)` adds to the dot products with the keys from position `at` on.
    pub bias: Biases<'a>,
}

/// See [`crate::kernels::cpu::table::Attention::heads`]: up to four heads at a time, so that a key is read and brought to f32 once for them.
#[inline(always)]
pub fn attend_heads<L: Lanes, T: Stored>(
    lanes: L,
    group: &Group<'_>,
    stream: &Stream<'_, T>,
    range: Range<usize>,
    out: &mut [f32],
) {
    let (width, first) = (group.width, HEADS * group.width);
    for (i, (q, out)) in group.q.chunks(first).zip(out.chunks_mut(HEADS * (width + STATS))).enumerate() {
        let part = Group { q, ..*group };
        match q.len() / width {
            1 => some_heads::<1, L, T>(lanes, &part, i * HEADS, stream, range.clone(), out),
            2 => some_heads::<2, L, T>(lanes, &part, i * HEADS, stream, range.clone(), out),
            3 => some_heads::<3, L, T>(lanes, &part, i * HEADS, stream, range.clone(), out),
            _ => some_heads::<HEADS, L, T>(lanes, &part, i * HEADS, stream, range.clone(), out),
        }
    }
}

/// `M` heads, of which the first is `head`.
#[inline(always)]
pub fn some_heads<const M: usize, L: Lanes, T: Stored>(
    lanes: L,
    group: &Group<'_>,
    head: usize,
    stream: &Stream<'_, T>,
    range: Range<usize>,
    out: &mut [f32],
) {
    let Group { q, width, scale, bias } = *group;
    assert!(q.len() == M * width && T::count(width) <= stream.row && out.len() >= M * (width + STATS));
    let (mut maxima, mut totals) = ([f32::NEG_INFINITY; M], [0f32; M]);
    let mut seen = range.start;
    out.fill(0.0);
    for (at, count) in tiles(stream.spans, range) {
        let keys = Stretch::new(stream.keys, stream, at, count);
        let values = Stretch::new(stream.values, stream, at, count);
        let mut scores = [[0f32; KEYS]; M];
        for group in (0..count).step_by(8) {
            for i in group..group + 8 {
                values.prefetch(lanes, i);
            }
            // SAFETY: the stretch has `count` rows, each of a width that was asserted.
            let some = unsafe {
                // Some eight chains of additions, and no more than the registers hold.
                match M {
                    1 => scores_of_eight::<M, 8, L, T>(lanes, q, width, keys, group, count - 1),
                    2 => scores_of_eight::<M, 4, L, T>(lanes, q, width, keys, group, count - 1),
                    _ => scores_of_eight::<M, 2, L, T>(lanes, q, width, keys, group, count - 1),
                }
            };
            for m in 0..M {
                lanes.store(&mut scores[m].as_chunks_mut::<8>().0[group / 8], some[m]);
            }
        }
        let mut tops = [0f32; M];
        for m in 0..M {
            bias(head + m, seen, &mut scores[m][..count]);
            tops[m] = scaled(lanes, &mut scores[m], count, scale, maxima[m]);
        }
        let (maxima, totals) = (&mut maxima[..], &mut totals[..]);
        let mut kept = Running { maxima, totals, sums: out, width, stride: width + STATS };
        soften(lanes, &mut scores, &tops, &mut kept);
        let mut d = 0;
        while d < width {
            // SAFETY: as for the keys.
            d += unsafe {
                match (M, (width - d) / 8) {
                    (1, 8..) => weigh_for_heads::<8, M, L, T>(lanes, &scores, count, keys, values, out, width, d),
                    (1..=2, 4..) => weigh_for_heads::<4, M, L, T>(lanes, &scores, count, keys, values, out, width, d),
                    (_, 2..) => weigh_for_heads::<2, M, L, T>(lanes, &scores, count, keys, values, out, width, d),
                    _ => weigh_for_heads::<1, M, L, T>(lanes, &scores, count, keys, values, out, width, d),
                }
            };
        }
        seen += count;
    }
    for (m, out) in out.chunks_exact_mut(width + STATS).enumerate() {
        out[width] = maxima[m];
        out[width + 1] = totals[m];
    }
}

/// Eight numbers of a row from `at` on, a multiple of eight, as f32.
///
/// # Safety
/// The row has them, or the rest of their block is 0.
#[inline(always)]
unsafe fn whole_eight<L: Lanes, T: Stored>(lanes: L, row: &[T], at: usize) -> L::Floats {
    // SAFETY: the caller's promise.
    unsafe {
        match T::kind(row) {
            StoredSlice::F32(data) => lanes.read(data.as_ptr().add(at)),
            StoredSlice::F16(data) => lanes.read_f16(data.as_ptr().add(at)),
            StoredSlice::Q8_0(blocks) => {
                let block = blocks.get_unchecked(at / BlockQ8_0::LEN);
                let quants = lanes.read_i8(block.qs.as_ptr().add(at % BlockQ8_0::LEN));
                lanes.mul(quants, lanes.splat_f16(u16::from_le_bytes(block.d)))
            }
        }
    }
}

/// Numbers of a row from `at` on, a multiple of eight, as f32: eight, or as many as `len`.
#[inline(always)]
pub fn eight<L: Lanes, T: Stored>(lanes: L, row: &[T], at: usize, len: usize) -> L::Floats {
    let len = len.min(8);
    assert!(T::count(at + len) <= row.len());
    match T::kind(row) {
        StoredSlice::F32(data) if len < 8 => lanes.load_part(&data[at..at + len]),
        StoredSlice::F16(data) if len < 8 => {
            let mut part = [half::f16::ZERO; 8];
            part[..len].copy_from_slice(&data[at..at + len]);
            // SAFETY: eight numbers are there.
            unsafe { lanes.read_f16(part.as_ptr()) }
        }
        // SAFETY: eight numbers are there, or a block whose end is 0.
        _ => unsafe { whole_eight(lanes, row, at) },
    }
}

/// Rows of keys or of values at a stride.
#[derive(Clone, Copy)]
struct Stretch<T> {
    start: *const T,
    stride: usize,
    row: usize,
}

impl<T: Stored> Stretch<T> {
    /// `count` rows from slot `at` on.
    #[inline(always)]
    fn new(data: &[T], stream: &Stream<'_, T>, at: usize, count: usize) -> Self {
        let data = &data[at * stream.stride..][..(count - 1) * stream.stride + stream.row];
        Self { start: data.as_ptr(), stride: stream.stride, row: stream.row }
    }

    #[inline(always)]
    fn row(self, i: usize) -> *const T {
        self.start.wrapping_add(i * self.stride)
    }

    /// Eight numbers of row `i` from `d` on, a multiple of eight, or as many as `left` where those are fewer.
    ///
    /// # Safety
    /// The row is one of the stretch and has these numbers.
    #[inline(always)]
    unsafe fn eight<L: Lanes>(self, lanes: L, i: usize, d: usize, left: usize) -> L::Floats {
        // SAFETY: the caller's promise.
        let row = unsafe { std::slice::from_raw_parts(self.row(i), self.row) };
        if left < 8 {
            return eight(lanes, row, d, left);
        }
        // SAFETY: as above.
        unsafe { whole_eight(lanes, row, d) }
    }

    /// Asks for row `i`, also behind the last, which is read soon: keys and values take turns, and that is not what
    /// processors fetch ahead by themselves.
    #[inline(always)]
    fn prefetch<L: Lanes>(self, lanes: L, i: usize) {
        lanes.prefetch(self.row(i), self.row * size_of::<T>());
    }
}

/// The dot products of `M` heads with eight keys from number `first` on, `K` of them together; past key `last` that stands
/// in.
///
/// # Safety
/// `last` is the last row of the keys; these and `q` have `width` numbers, `q` for each head.
#[inline(always)]
unsafe fn scores_of_eight<const M: usize, const K: usize, L: Lanes, T: Stored>(
    lanes: L,
    q: &[f32],
    width: usize,
    keys: Stretch<T>,
    first: usize,
    last: usize,
) -> [L::Floats; M] {
    let mut sums = [[lanes.splat(0.0); 8]; M];
    let whole = width / 8 * 8;
    for some in (0..8).step_by(K) {
        let mut acc = [[lanes.splat(0.0); K]; M];
        let first = first + some;
        for d in (0..whole).step_by(8) {
            // SAFETY: the caller's promise.
            unsafe { add_products(lanes, &mut acc, q, width, keys, first, last, d, 8) };
        }
        if whole < width {
            // SAFETY: as above.
            unsafe { add_products(lanes, &mut acc, q, width, keys, first, last, whole, width - whole) };
        }
        for m in 0..M {
            for j in 0..K {
                sums[m][some + j] = acc[m][j];
            }
        }
    }
    let mut scores = [lanes.splat(0.0); M];
    for m in 0..M {
        scores[m] = lanes.sums(&sums[m]);
    }
    scores
}

/// Adds the products of eight numbers from `d` on, or as many as are `left`, of each head and each of `K` keys.
///
/// # Safety
/// As for [`scores_of_eight`].
#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn add_products<const M: usize, const K: usize, L: Lanes, T: Stored>(
    lanes: L,
    acc: &mut [[L::Floats; K]; M],
    q: &[f32],
    width: usize,
    keys: Stretch<T>,
    first: usize,
    last: usize,
    d: usize,
    left: usize,
) {
    let mut k = [lanes.splat(0.0); K];
    for j in 0..K {
        // SAFETY: the caller's promise.
        k[j] = unsafe { keys.eight(lanes, (first + j).min(last), d, left) };
    }
    for m in 0..M {
        let q = q.as_ptr().wrapping_add(m * width + d);
        // SAFETY: as above.
        let q = unsafe { if left < 8 { lanes.load_part(std::slice::from_raw_parts(q, left)) } else { lanes.read(q) } };
        for j in 0..K {
            acc[m][j] = lanes.fma(q, k[j], acc[m][j]);
        }
    }
}

/// Adds the values, weighted for each of `M` heads, to numbers of the results from `d` on: `A` times eight, or what is left
/// where that is less than eight. Returns how many. The first such pass asks for the next tile's keys.
///
/// # Safety
/// There are `count` values of `width` numbers, and as many numbers from `d` on.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn weigh_for_heads<const A: usize, const M: usize, L: Lanes, T: Stored>(
    lanes: L,
    p: &[[f32; KEYS]; M],
    count: usize,
    keys: Stretch<T>,
    values: Stretch<T>,
    out: &mut [f32],
    width: usize,
    d: usize,
) -> usize {
    let len = (A * 8).min(width - d);
    let mut acc = [[lanes.splat(0.0); A]; M];
    for j in 0..count.min(KEYS) {
        if d == 0 {
            keys.prefetch(lanes, count + j);
        }
        let mut v = [lanes.splat(0.0); A];
        for i in 0..A {
            // SAFETY: the caller's promise.
            v[i] = unsafe { values.eight(lanes, j, d + i * 8, if A > 1 { 8 } else { len }) };
        }
        for m in 0..M {
            let p = lanes.splat(p[m][j]);
            for i in 0..A {
                acc[m][i] = lanes.fma(p, v[i], acc[m][i]);
            }
        }
    }
    for m in 0..M {
        let to = &mut out[m * (width + STATS) + d..][..len];
        for (i, to) in to.chunks_mut(8).enumerate() {
            lanes.store_part(to, lanes.add(lanes.load_part(to), acc[m][i]));
        }
    }
    len
}
