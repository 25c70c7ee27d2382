//! Online-softmax attention, in two methods. A block of queries (towers, prefill) goes through each tile of keys
//! together: keys and values are brought to f32 once for all of them, keys transposed, and both products become
//! [`super::tile`]'s outer products. Few queries (token time) read keys and values where they lie.
//!
//! Which method runs depends on how many queries the head has in the whole call, not on how they were split.

#![allow(clippy::needless_range_loop)] // one index goes through several heads and keys

use super::lanes::{largest, load, load_part, prefetch, store, store_part, sum, transpose};
use super::pack::Floats;
use super::tile::outer_rows;
use crate::kernels::cpu::attention::{KEYS, QUERIES, Queries, STATS, Stored, StoredSlice, Stream, tiles};
use crate::kernels::cpu::math;
use crate::kernels::cpu::panel::Line;
use core::arch::x86_64::*;
use ocelli_quant::blocks::q8_0::BlockQ8_0;
use std::ops::Range;

/// Up to this many queries, keys and values are read where they lie.
const DIRECT: usize = 3;
/// Queries that go through the outer product together.
const ROWS: usize = 6;
/// Columns of an outer product.
const COLUMNS: usize = 16;

/// `out = softmax(scale q · keys) values` for each query.
#[target_feature(enable = "avx2,fma,f16c")]
pub fn attend<T: Stored>(queries: &Queries<'_>, stream: &Stream<'_, T>, packed: &mut Vec<Line>, out: &mut [f32]) {
    if queries.total <= DIRECT {
        let sums = floats(packed, queries.width + STATS);
        for (i, out) in out.chunks_exact_mut(queries.width).enumerate() {
            let range = queries.first(i)..queries.sees(i);
            let lean = |_, at, scores: &mut [f32]| queries.lean(i, at, scores);
            some_heads::<1, T>(queries.row(i), queries.width, queries.scale, stream, range, lean, sums);
            out.copy_from_slice(&sums[..queries.width]);
            multiply(out, 1.0 / sums[queries.width + 1]);
        }
    } else {
        blocked(queries, stream, packed, out);
    }
}

/// `len` floats of a thread's buffer, which grows to the widest head and stays.
fn floats(buffer: &mut Vec<Line>, len: usize) -> &mut [f32] {
    let lines = len.div_ceil(COLUMNS);
    if buffer.len() < lines {
        buffer.resize(lines, bytemuck::Zeroable::zeroed());
    }
    &mut bytemuck::cast_slice_mut(buffer)[..len]
}

/// Eight numbers of a row from `at` on, a multiple of eight, as f32.
///
/// # Safety
/// The row has them, or the rest of their block is 0.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn whole_eight<T: Stored>(row: &[T], at: usize) -> __m256 {
    // SAFETY: the caller's promise; eight numbers are 32, 16 or 8 bytes.
    unsafe {
        match T::kind(row) {
            StoredSlice::F32(data) => _mm256_loadu_ps(data.as_ptr().add(at)),
            StoredSlice::F16(data) => _mm256_cvtph_ps(_mm_loadu_si128(data.as_ptr().add(at).cast())),
            StoredSlice::Q8_0(blocks) => {
                let block = blocks.get_unchecked(at / BlockQ8_0::LEN);
                let quants = _mm_loadl_epi64(block.qs.as_ptr().add(at % BlockQ8_0::LEN).cast());
                let scale = _mm256_cvtph_ps(_mm_set1_epi16(i16::from_le_bytes(block.d)));
                _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(quants)), scale)
            }
        }
    }
}

/// Numbers of a row from `at` on, a multiple of eight, as f32: eight, or as many as `len`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn eight<T: Stored>(row: &[T], at: usize, len: usize) -> __m256 {
    let len = len.min(8);
    assert!(T::count(at + len) <= row.len());
    match T::kind(row) {
        StoredSlice::F32(data) if len < 8 => load_part(&data[at..at + len]),
        StoredSlice::F16(data) if len < 8 => {
            let mut part = [half::f16::ZERO; 8];
            part[..len].copy_from_slice(&data[at..at + len]);
            // SAFETY: eight numbers are there.
            unsafe { whole_eight(&part, 0) }
        }
        // SAFETY: eight numbers are there, or a block whose end is 0.
        _ => unsafe { whole_eight(row, at) },
    }
}

/// Scales the first `count` of a tile's scores, makes the others minus infinity, and returns the maximum of all and of
/// `max`, NaN if one is.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn scaled(scores: &mut [f32; KEYS], count: usize, scale: f32, max: f32) -> f32 {
    let scale = _mm256_set1_ps(scale);
    let lowest = _mm256_set1_ps(f32::NEG_INFINITY);
    let mut top = _mm256_set1_ps(max);
    let mut damaged = _mm256_cmp_ps::<_CMP_UNORD_Q>(top, top);
    let (whole, part) = (count / 8, count % 8);
    for (i, s) in scores.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let mut v = lowest;
        if i <= whole {
            v = _mm256_mul_ps(load(s), scale);
            if i == whole {
                let index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
                #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // below eight
                let seen = _mm256_cmpgt_epi32(_mm256_set1_epi32(part as i32), index);
                v = _mm256_blendv_ps(lowest, v, _mm256_castsi256_ps(seen));
            }
            damaged = _mm256_or_ps(damaged, _mm256_cmp_ps::<_CMP_UNORD_Q>(v, v));
            top = _mm256_max_ps(v, top);
        }
        store(s, v);
    }
    if _mm256_movemask_ps(damaged) == 0 { largest(top) } else { f32::NAN }
}

/// Scores become weights `exp(score - max)`, 0 where all are minus infinity; returns their sum.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn weigh(scores: &mut [f32; KEYS], max: f32) -> f32 {
    let max = _mm256_set1_ps(if max == f32::NEG_INFINITY { 0.0 } else { max });
    let mut sums = _mm256_setzero_ps();
    for s in scores.as_chunks_mut::<8>().0 {
        let p = exp_below(_mm256_sub_ps(load(s), max));
        sums = _mm256_add_ps(sums, p);
        store(s, p);
    }
    sum(sums)
}

/// A tile's scores become weights row by row. `tops` has each row's maximum with this tile, `maxima` and `totals` what
/// they were before it and are brought up to date; `correct(row, factor)` is to correct what was summed before.
///
/// Everything is done for all rows before the next thing is: a row is one long chain of steps that wait for each other.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn soften(
    scores: &mut [[f32; KEYS]],
    tops: &[f32],
    maxima: &mut [f32],
    totals: &mut [f32],
    mut correct: impl FnMut(usize, f32),
) {
    for (i, (tops, (maxima, totals))) in tops.chunks(8).zip(maxima.chunks_mut(8).zip(totals.chunks_mut(8))).enumerate()
    {
        let (old, new) = (load_part(maxima), load_part(tops));
        // Before the first tile there is nothing to correct, and -inf - -inf is no number.
        let first = _mm256_cmp_ps::<_CMP_EQ_OQ>(old, _mm256_set1_ps(f32::NEG_INFINITY));
        let factor = _mm256_blendv_ps(exp_below(_mm256_sub_ps(old, new)), _mm256_set1_ps(1.0), first);
        let mut factors = [0f32; 8];
        store(&mut factors, factor);
        for (j, ((max, total), (&factor, &top))) in
            maxima.iter_mut().zip(totals).zip(factors.iter().zip(tops)).enumerate()
        {
            *max = top;
            if factor != 1.0 {
                *total *= factor;
                correct(i * 8 + j, factor);
            }
        }
    }
    for (scores, (total, &top)) in scores.iter_mut().zip(totals.iter_mut().zip(tops)) {
        *total += weigh(scores, top);
    }
}

/// eˣ for x up to 0, to two units in the last place; 0 below -87.3.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn exp_below(x: __m256) -> __m256 {
    let set = |v| _mm256_set1_ps(v);
    let n = _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(_mm256_mul_ps(
        x,
        set(std::f32::consts::LOG2_E),
    ));
    let r = _mm256_fnmadd_ps(n, set(math::LN2_HI), x);
    let r = _mm256_fnmadd_ps(n, set(math::LN2_LO), r);
    let mut p = set(math::EXP[0]);
    for c in &math::EXP[1..] {
        p = _mm256_fmadd_ps(p, r, set(*c));
    }
    let y = _mm256_add_ps(_mm256_fmadd_ps(p, _mm256_mul_ps(r, r), r), set(1.0));
    // The exponent of y is 126 or 127, and n is -126 at least where the result counts.
    let power = _mm256_slli_epi32::<23>(_mm256_cvtps_epi32(n));
    let y = _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(y), power));
    _mm256_andnot_ps(_mm256_cmp_ps::<_CMP_LT_OQ>(x, set(math::EXP_MIN)), y)
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn multiply(x: &mut [f32], by: f32) {
    let by = _mm256_set1_ps(by);
    let (chunks, tail) = x.as_chunks_mut::<8>();
    for c in chunks {
        store(c, _mm256_mul_ps(load(c), by));
    }
    store_part(tail, _mm256_mul_ps(load_part(tail), by));
}

/// [`crate::kernels::cpu::attention::attend_heads`]: up to four heads at a time, so that a key is read and brought to f32
/// once for them.
#[target_feature(enable = "avx2,fma,f16c")]
pub fn attend_heads<T: Stored>(
    q: &[f32],
    width: usize,
    scale: f32,
    stream: &Stream<'_, T>,
    range: Range<usize>,
    lean: &dyn Fn(usize, usize, &mut [f32]),
    out: &mut [f32],
) {
    for (i, (q, out)) in q.chunks(4 * width).zip(out.chunks_mut(4 * (width + STATS))).enumerate() {
        let lean = |m: usize, at: usize, scores: &mut [f32]| lean(i * 4 + m, at, scores);
        match q.len() / width {
            1 => some_heads::<1, T>(q, width, scale, stream, range.clone(), lean, out),
            2 => some_heads::<2, T>(q, width, scale, stream, range.clone(), lean, out),
            3 => some_heads::<3, T>(q, width, scale, stream, range.clone(), lean, out),
            _ => some_heads::<4, T>(q, width, scale, stream, range.clone(), lean, out),
        }
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn some_heads<const M: usize, T: Stored>(
    q: &[f32],
    width: usize,
    scale: f32,
    stream: &Stream<'_, T>,
    range: Range<usize>,
    lean: impl Fn(usize, usize, &mut [f32]),
    out: &mut [f32],
) {
    assert!(q.len() == M * width && T::count(width) <= stream.row);
    let (mut max, mut total) = ([f32::NEG_INFINITY; M], [0f32; M]);
    let mut seen = range.start;
    out.fill(0.0);
    tiles(stream.spans, range, |at, count| {
        let keys = Stretch::new(stream.keys, stream, at, count);
        let values = Stretch::new(stream.values, stream, at, count);
        let mut scores = [[0f32; KEYS]; M];
        for group in (0..count).step_by(8) {
            (group..group + 8).for_each(|i| values.prefetch(i));
            // SAFETY: the stretch has `count` rows, each of a width that was asserted.
            let some = unsafe {
                // Some eight chains of additions, and no more than the registers hold.
                match M {
                    1 => scores_of_eight::<M, 8, T>(q, width, keys, group, count - 1),
                    2 => scores_of_eight::<M, 4, T>(q, width, keys, group, count - 1),
                    _ => scores_of_eight::<M, 2, T>(q, width, keys, group, count - 1),
                }
            };
            for (some, scores) in some.into_iter().zip(&mut scores) {
                store(&mut scores.as_chunks_mut::<8>().0[group / 8], some);
            }
        }
        let mut tops = [0f32; M];
        for (m, ((scores, top), &max)) in scores.iter_mut().zip(&mut tops).zip(&max).enumerate() {
            lean(m, seen, &mut scores[..count]);
            *top = scaled(scores, count, scale, max);
        }
        soften(&mut scores, &tops, &mut max, &mut total, |m, factor| {
            multiply(&mut out[m * (width + STATS)..][..width], factor);
        });
        let mut d = 0;
        while d < width {
            // SAFETY: as for the keys.
            d += unsafe {
                match (M, (width - d) / 8) {
                    (1, 8..) => weigh_for_heads::<8, M, T>(&scores, count, keys, values, out, width, d),
                    (1..=2, 4..) => weigh_for_heads::<4, M, T>(&scores, count, keys, values, out, width, d),
                    (_, 2..) => weigh_for_heads::<2, M, T>(&scores, count, keys, values, out, width, d),
                    _ => weigh_for_heads::<1, M, T>(&scores, count, keys, values, out, width, d),
                }
            };
        }
        seen += count;
    });
    for (m, out) in out.chunks_exact_mut(width + STATS).enumerate() {
        out[width] = max[m];
        out[width + 1] = total[m];
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
    fn new(data: &[T], stream: &Stream<'_, T>, at: usize, count: usize) -> Self {
        let data = &data[at * stream.stride..][..(count - 1) * stream.stride + stream.row];
        Self { start: data.as_ptr(), stride: stream.stride, row: stream.row }
    }

    fn row(self, i: usize) -> *const T {
        self.start.wrapping_add(i * self.stride)
    }

    /// Eight numbers of row `i` from `d` on, a multiple of eight, or as many as `left` where those are fewer.
    ///
    /// # Safety
    /// The row is one of the stretch and has these numbers.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn eight(self, i: usize, d: usize, left: usize) -> __m256 {
        // SAFETY: the caller's promise.
        let row = unsafe { std::slice::from_raw_parts(self.row(i), self.row) };
        if left < 8 {
            return eight(row, d, left);
        }
        // SAFETY: as above.
        unsafe { whole_eight(row, d) }
    }

    /// Asks for row `i`, also behind the last, which is read soon: keys and values take turns, and that is not what
    /// processors fetch ahead by themselves.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    fn prefetch(self, i: usize) {
        prefetch(self.row(i), self.row * size_of::<T>());
    }
}

/// The dot products of `M` heads with eight keys from number `first` on, `K` of them together; past key `last` that stands
/// in.
///
/// # Safety
/// `last` is the last row of the keys; these and `q` have `width` numbers, `q` for each head.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn scores_of_eight<const M: usize, const K: usize, T: Stored>(
    q: &[f32],
    width: usize,
    keys: Stretch<T>,
    first: usize,
    last: usize,
) -> [__m256; M] {
    let mut sums = [[_mm256_setzero_ps(); 8]; M];
    for some in (0..8).step_by(K) {
        let mut acc = [[_mm256_setzero_ps(); K]; M];
        let mut add = |d: usize, left: usize| {
            let mut k = [_mm256_setzero_ps(); K];
            for j in 0..K {
                // SAFETY: the caller's promise.
                k[j] = unsafe { keys.eight((first + some + j).min(last), d, left) };
            }
            for m in 0..M {
                let q = q.as_ptr().wrapping_add(m * width + d);
                // SAFETY: as above.
                let q = unsafe {
                    if left < 8 { load_part(std::slice::from_raw_parts(q, left)) } else { _mm256_loadu_ps(q) }
                };
                for j in 0..K {
                    acc[m][j] = _mm256_fmadd_ps(q, k[j], acc[m][j]);
                }
            }
        };
        let whole = width / 8 * 8;
        for d in (0..whole).step_by(8) {
            add(d, 8);
        }
        if whole < width {
            add(whole, width - whole);
        }
        for m in 0..M {
            for j in 0..K {
                sums[m][some + j] = acc[m][j];
            }
        }
    }
    let mut scores = [_mm256_setzero_ps(); M];
    for (sums, scores) in sums.iter().zip(&mut scores) {
        let two = |i: usize| _mm256_hadd_ps(sums[i], sums[i + 1]);
        let (low, high) = (_mm256_hadd_ps(two(0), two(2)), _mm256_hadd_ps(two(4), two(6)));
        *scores = _mm256_add_ps(_mm256_permute2f128_ps::<0x20>(low, high), _mm256_permute2f128_ps::<0x31>(low, high));
    }
    scores
}

/// Adds the values, weighted for each of `M` heads, to numbers of the results from `d` on: `A` times eight, or what is left
/// where that is less than eight. Returns how many. The first such pass asks for the next tile's keys.
///
/// # Safety
/// There are `count` values of `width` numbers, and as many numbers from `d` on.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn weigh_for_heads<const A: usize, const M: usize, T: Stored>(
    p: &[[f32; KEYS]; M],
    count: usize,
    keys: Stretch<T>,
    values: Stretch<T>,
    out: &mut [f32],
    width: usize,
    d: usize,
) -> usize {
    let len = (A * 8).min(width - d);
    let mut acc = [[_mm256_setzero_ps(); A]; M];
    for j in 0..count.min(KEYS) {
        if d == 0 {
            keys.prefetch(count + j);
        }
        let mut v = [_mm256_setzero_ps(); A];
        for i in 0..A {
            // SAFETY: the caller's promise.
            v[i] = unsafe { values.eight(j, d + i * 8, if A > 1 { 8 } else { len }) };
        }
        for m in 0..M {
            let p = _mm256_set1_ps(p[m][j]);
            for i in 0..A {
                acc[m][i] = _mm256_fmadd_ps(p, v[i], acc[m][i]);
            }
        }
    }
    for (m, acc) in acc.iter().enumerate() {
        let to = &mut out[m * (width + STATS) + d..][..len];
        for (acc, to) in acc.iter().zip(to.chunks_mut(8)) {
            store_part(to, _mm256_add_ps(load_part(to), *acc));
        }
    }
    len
}

#[target_feature(enable = "avx2,fma,f16c")]
fn blocked<T: Stored>(queries: &Queries<'_>, stream: &Stream<'_, T>, packed: &mut Vec<Line>, out: &mut [f32]) {
    let (count, width) = (queries.count, queries.width);
    let wide = width.next_multiple_of(COLUMNS);
    // Keys, values, sums (padded), scores, and for each query the maximum and the total.
    let parts = [KEYS * wide, KEYS * wide, count * wide, count * KEYS, count * 2];
    let (keys, floats) = floats(packed, parts.iter().sum()).split_at_mut(parts[0]);
    let (values, floats) = floats.split_at_mut(parts[1]);
    let (sums, floats) = floats.split_at_mut(parts[2]);
    let (scores, floats) = floats.split_at_mut(parts[3]);
    let (maxima, totals) = floats[..parts[4]].split_at_mut(count);
    sums.fill(0.0);
    maxima.fill(f32::NEG_INFINITY);
    totals.fill(0.0);
    let mut seen = queries.first(0);
    tiles(stream.spans, seen..queries.sees(count - 1), |at, tile| {
        pack(stream, at, tile, width, keys, values);
        // Queries that see nothing of this tile are the first ones.
        let first = (0..count).find(|&i| queries.sees(i) > seen).unwrap_or(count);
        // How many of this tile's keys some queries see at most.
        let reach = |m: usize| tile.min(queries.sees(m) - seen);
        for m in (first..count).step_by(ROWS) {
            let rows = ROWS.min(count - m);
            let x = Floats { data: &queries.data[m * queries.stride..], stride: queries.stride };
            for n in (0..reach(m + rows - 1)).step_by(COLUMNS) {
                let w = Floats { data: &keys[n * wide..], stride: COLUMNS };
                for row in scores[m * KEYS..].as_chunks_mut::<KEYS>().0.iter_mut().take(rows) {
                    row.as_chunks_mut::<COLUMNS>().0[n / COLUMNS] = [0.0; COLUMNS];
                }
                outer_rows(w, x, width, rows, &mut scores[m * KEYS + n..], KEYS);
            }
        }
        let rows = scores.as_chunks_mut::<KEYS>().0;
        let mut tops = [f32::NEG_INFINITY; QUERIES];
        for (i, scores) in rows.iter_mut().enumerate().skip(first) {
            // A window hides the positions before it, perhaps all of this tile.
            let hidden = queries.first(i).saturating_sub(seen).min(reach(i));
            queries.lean(i, seen, &mut scores[..reach(i)]);
            scores[..hidden].fill(f32::NEG_INFINITY);
            tops[i] = scaled(scores, reach(i), queries.scale, maxima[i]);
        }
        soften(&mut rows[first..], &tops[first..count], &mut maxima[first..], &mut totals[first..], |i, factor| {
            multiply(&mut sums[(first + i) * wide..][..wide], factor);
        });
        // Keys a query does not see weigh 0 in its sum, which leaves the sum as it was unless such a value is NaN: then
        // the sequence is damaged at that later position anyway.
        for m in (first..count).step_by(ROWS) {
            let rows = ROWS.min(count - m);
            let x = Floats { data: &scores[m * KEYS..], stride: KEYS };
            for d in (0..wide).step_by(COLUMNS) {
                let w = Floats { data: &values[d..], stride: wide };
                outer_rows(w, x, reach(m + rows - 1), rows, &mut sums[m * wide + d..], wide);
            }
        }
        seen += tile;
    });
    for (i, out) in out.chunks_exact_mut(width).enumerate() {
        out.copy_from_slice(&sums[i * wide..][..width]);
        multiply(out, 1.0 / totals[i]);
    }
}

/// Brings a tile to f32: keys by columns of 16 (`keys[n / 16][d][n % 16]`), values by rows padded with zeros.
#[target_feature(enable = "avx2,fma,f16c")]
fn pack<T: Stored>(
    stream: &Stream<'_, T>,
    at: usize,
    count: usize,
    width: usize,
    keys: &mut [f32],
    values: &mut [f32],
) {
    let wide = width.next_multiple_of(COLUMNS);
    for n in (0..count).step_by(8) {
        let rows = 8.min(count - n);
        let to = &mut keys[n / COLUMNS * COLUMNS * wide + n % COLUMNS..];
        for d in (0..width).step_by(8) {
            let mut r = [_mm256_setzero_ps(); 8];
            for (j, r) in r.iter_mut().enumerate().take(rows) {
                *r = eight(stream.key(at + n + j), d, width - d);
            }
            for (i, v) in transpose(r).into_iter().enumerate().take(width - d) {
                if let Some(to) = to[(d + i) * COLUMNS..].first_chunk_mut() {
                    store(to, v);
                }
            }
        }
    }
    for (j, row) in values.chunks_exact_mut(wide).take(count).enumerate() {
        let value = stream.value(at + j);
        for (i, to) in row.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            let left = width.saturating_sub(i * 8);
            store(to, if left == 0 { _mm256_setzero_ps() } else { eight(value, i * 8, left) });
        }
    }
}
