//! Online-softmax attention, in two methods. A block of queries (towers, prefill) goes through each tile of keys
//! together: keys and values are brought to f32 once for all of them, keys transposed, and both products become
//! [`super::tile`]'s outer products. Few queries (token time) read keys and values where they lie.
//!
//! Which method runs depends on how many queries the head has in the whole call, not on how they were split.

use super::lanes::{load, load_part, store, store_part, sums, transpose, widen};
use super::maths::exp;
use super::pack::Floats;
use super::tile::outer_rows;
use crate::kernels::cpu::attention::{KEYS, Queries, Stored, StoredSlice, Stream, tiles};
use crate::kernels::cpu::panel::Line;
use core::arch::aarch64::*;
use ocelli_quant::blocks::q8_0::BlockQ8_0;

/// Up to this many queries, keys and values are read where they lie.
const DIRECT: usize = 3;
/// Keys whose scores are summed together.
const GROUP: usize = 8;
/// Columns of an outer product.
const COLUMNS: usize = 16;

/// `out = softmax(scale q · keys) values` for each query.
#[target_feature(enable = "neon")]
pub fn attend<T: Stored>(queries: &Queries<'_>, stream: &Stream<'_, T>, packed: &mut Vec<Line>, out: &mut [f32]) {
    if queries.total <= DIRECT {
        for (i, out) in out.chunks_exact_mut(queries.width).enumerate() {
            direct(queries, i, stream, out);
        }
    } else {
        blocked(queries, stream, packed, out);
    }
}

/// Numbers of a row from `at` on, a multiple of four, as f32: four, or as many as are left and then zeros.
#[inline]
#[target_feature(enable = "neon")]
fn four<T: Stored>(row: &[T], at: usize) -> float32x4_t {
    match T::kind(row) {
        StoredSlice::Q8_0(blocks) => {
            let Some(block) = blocks.get(at / BlockQ8_0::LEN) else { return vdupq_n_f32(0.0) };
            let scale = block.d();
            load(&block.qs.as_chunks::<4>().0[at % BlockQ8_0::LEN / 4].map(|q| scale * f32::from(q)))
        }
        StoredSlice::F32(data) => data[at..].first_chunk().map_or_else(|| load_part(&data[at..]), |v| load(v)),
        StoredSlice::F16(data) => {
            let (data, mut bits) = (&data[at..], [0u16; 4]);
            if let Some(v) = data.first_chunk::<4>() {
                bits = v.map(half::f16::to_bits);
            } else {
                bits.iter_mut().zip(data).for_each(|(b, v)| *b = v.to_bits());
            }
            widen(bits)
        }
    }
}

/// One tile's scores become weights `exp(score - max)`; the first `count` count. Returns the factor that corrects what
/// was summed before.
#[inline]
#[target_feature(enable = "neon")]
fn soften(scores: &mut [f32; KEYS], count: usize, scale: f32, max: &mut f32, total: &mut f32) -> f32 {
    const INDEX: [f32; 4] = [0.0, 1.0, 2.0, 3.0];
    let (index, lowest) = (load(&INDEX), vdupq_n_f32(f32::NEG_INFINITY));
    let scores = scores.as_chunks_mut::<4>().0;
    let mut top = vdupq_n_f32(*max);
    let mut whole = vdupq_n_u32(u32::MAX);
    #[allow(clippy::cast_precision_loss)] // at most 64
    for (i, s) in scores.iter_mut().enumerate() {
        let seen = vcltq_f32(index, vdupq_n_f32(count as f32 - (i * 4) as f32));
        let v = vbslq_f32(seen, vmulq_n_f32(load(s), scale), lowest);
        whole = vandq_u32(whole, vceqq_f32(v, v));
        top = vmaxq_f32(v, top);
        store(s, v);
    }
    let top = if vminvq_u32(whole) == 0 || max.is_nan() { f32::NAN } else { vmaxvq_f32(top) };
    // Before the first tile there is nothing to correct, and -inf - -inf is no number.
    let correction = if *max == f32::NEG_INFINITY { 1.0 } else { vgetq_lane_f32::<0>(exp(vdupq_n_f32(*max - top))) };
    let shift = vdupq_n_f32(top);
    let mut sum = vdupq_n_f32(0.0);
    for s in scores {
        let p = exp(vsubq_f32(load(s), shift));
        sum = vaddq_f32(sum, p);
        store(s, p);
    }
    *max = top;
    *total = *total * correction + vaddvq_f32(sum);
    correction
}

#[inline]
#[target_feature(enable = "neon")]
fn multiply(x: &mut [f32], by: f32) {
    x.iter_mut().for_each(|v| *v *= by);
}

#[target_feature(enable = "neon")]
fn direct<T: Stored>(queries: &Queries<'_>, i: usize, stream: &Stream<'_, T>, out: &mut [f32]) {
    let (q, width) = (queries.row(i), queries.width);
    let (mut max, mut total) = (f32::NEG_INFINITY, 0f32);
    let mut seen = queries.first(i);
    out.fill(0.0);
    tiles(stream.spans, seen..queries.sees(i), |at, count| {
        let mut scores = [0f32; KEYS];
        for (group, scores) in scores.as_chunks_mut::<GROUP>().0.iter_mut().enumerate().take(count.div_ceil(GROUP)) {
            score(q, stream, at + group * GROUP, at + count - 1, scores);
        }
        queries.lean(i, seen, &mut scores[..count]);
        seen += count;
        let correction = soften(&mut scores, count, queries.scale, &mut max, &mut total);
        if correction != 1.0 {
            multiply(out, correction);
        }
        let scores = &scores[..count];
        let mut d = 0;
        while d < width {
            d += match width - d {
                64.. => weigh::<16, T>(scores, stream, at, &mut out[d..d + 64], d),
                32.. => weigh::<8, T>(scores, stream, at, &mut out[d..d + 32], d),
                16.. => weigh::<4, T>(scores, stream, at, &mut out[d..d + 16], d),
                4.. => weigh::<1, T>(scores, stream, at, &mut out[d..d + 4], d),
                _ => weigh::<1, T>(scores, stream, at, &mut out[d..], d),
            };
        }
    });
    multiply(out, 1.0 / total);
}

/// The dot products of eight keys from slot `first` on; past slot `last` that key stands in.
#[inline]
#[target_feature(enable = "neon")]
fn score<T: Stored>(q: &[f32], stream: &Stream<'_, T>, first: usize, last: usize, scores: &mut [f32; GROUP]) {
    let mut keys: [&[T]; GROUP] = [&[]; GROUP];
    for (j, key) in keys.iter_mut().enumerate() {
        *key = stream.key((first + j).min(last));
    }
    let mut acc = [vdupq_n_f32(0.0); GROUP];
    let (whole, tail) = q.as_chunks::<4>();
    for (i, q) in whole.iter().enumerate() {
        let q = load(q);
        for (acc, key) in acc.iter_mut().zip(keys) {
            *acc = vfmaq_f32(*acc, q, four(key, i * 4));
        }
    }
    if !tail.is_empty() {
        let q = load_part(tail);
        for (acc, key) in acc.iter_mut().zip(keys) {
            *acc = vfmaq_f32(*acc, q, four(key, whole.len() * 4));
        }
    }
    for (scores, acc) in scores.as_chunks_mut().0.iter_mut().zip(acc.as_chunks::<4>().0) {
        store(scores, sums(*acc));
    }
}

/// Adds the values, weighted, to at most `4 * A` numbers of the result, the ones from `d` on; returns how many. Only one
/// vector may be filled in part.
#[inline]
#[target_feature(enable = "neon")]
fn weigh<const A: usize, T: Stored>(p: &[f32], stream: &Stream<'_, T>, at: usize, out: &mut [f32], d: usize) -> usize {
    // A length that is known when this is compiled leaves loads without questions.
    let len = if A > 1 { 4 * A } else { out.len() };
    let out = &mut out[..len];
    let mut acc = [vdupq_n_f32(0.0); A];
    for (i, acc) in acc.iter_mut().enumerate() {
        *acc = four(out, i * 4);
    }
    for (j, &p) in p.iter().enumerate() {
        let value = stream.value(at + j);
        for (i, acc) in acc.iter_mut().enumerate() {
            *acc = vfmaq_n_f32(*acc, four(value, d + i * 4), p);
        }
    }
    for (i, acc) in acc.into_iter().enumerate() {
        store_part(&mut out[i * 4..len.min(i * 4 + 4)], acc);
    }
    len
}

#[target_feature(enable = "neon")]
fn blocked<T: Stored>(queries: &Queries<'_>, stream: &Stream<'_, T>, packed: &mut Vec<Line>, out: &mut [f32]) {
    let (count, width) = (queries.count, queries.width);
    let wide = width.next_multiple_of(COLUMNS);
    // Keys, values, sums (padded), scores, and for each query the maximum and the total.
    let parts = [KEYS * wide, KEYS * wide, count * wide, count * KEYS, count * 2];
    let lines = parts.iter().sum::<usize>().div_ceil(COLUMNS);
    if packed.len() < lines {
        packed.resize(lines, bytemuck::Zeroable::zeroed());
    }
    let floats: &mut [f32] = bytemuck::cast_slice_mut(packed);
    let (keys, floats) = floats.split_at_mut(parts[0]);
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
        if first == count {
            seen += tile;
            return;
        }
        scores.fill(0.0);
        let x = Floats { data: &queries.data[first * queries.stride..], stride: queries.stride };
        for n in (0..tile).step_by(COLUMNS) {
            let w = Floats { data: &keys[n * wide..], stride: COLUMNS };
            outer_rows(w, x, width, count - first, &mut scores[first * KEYS + n..], KEYS);
        }
        for (i, scores) in scores.as_chunks_mut::<KEYS>().0.iter_mut().enumerate().skip(first) {
            let visible = tile.min(queries.sees(i) - seen);
            // A window hides the positions before it, perhaps all of this tile.
            let hidden = queries.first(i).saturating_sub(seen).min(visible);
            if hidden == visible {
                scores.fill(0.0);
                continue;
            }
            queries.lean(i, seen, &mut scores[..visible]);
            scores[..hidden].fill(f32::NEG_INFINITY);
            let correction = soften(scores, visible, queries.scale, &mut maxima[i], &mut totals[i]);
            if correction != 1.0 {
                multiply(&mut sums[i * wide..(i + 1) * wide], correction);
            }
        }
        // Keys a query does not see weigh 0 in its sum, which leaves the sum as it was unless such a value is NaN: then
        // the sequence is damaged at that later position anyway.
        let x = Floats { data: &scores[first * KEYS..], stride: KEYS };
        for d in (0..wide).step_by(COLUMNS) {
            let w = Floats { data: &values[d..], stride: wide };
            outer_rows(w, x, tile, count - first, &mut sums[first * wide + d..], wide);
        }
        seen += tile;
    });
    for (i, out) in out.chunks_exact_mut(width).enumerate() {
        out.copy_from_slice(&sums[i * wide..][..width]);
        multiply(out, 1.0 / totals[i]);
    }
}

/// Brings a tile to f32: keys by columns of 16 (`keys[n / 16][d][n % 16]`), values by rows padded with zeros.
#[target_feature(enable = "neon")]
fn pack<T: Stored>(
    stream: &Stream<'_, T>,
    at: usize,
    count: usize,
    width: usize,
    keys: &mut [f32],
    values: &mut [f32],
) {
    let wide = width.next_multiple_of(COLUMNS);
    for n in (0..count).step_by(4) {
        let rows = 4.min(count - n);
        let to = &mut keys[n / COLUMNS * COLUMNS * wide + n % COLUMNS..];
        for d in (0..width).step_by(4) {
            let mut r = [vdupq_n_f32(0.0); 4];
            for (j, r) in r.iter_mut().enumerate().take(rows) {
                *r = four(stream.key(at + n + j), d);
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
        for (i, to) in row.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            store(to, four(value, (i * 4).min(width)));
        }
    }
}
