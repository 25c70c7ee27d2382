//! Blocks of queries (towers, prefill) over [`Lanes`]: they go through each tile of keys together. Keys and values are
//! brought to f32 once for all of them, keys transposed, and both products become outer products.

use super::heads::{Group, eight, some_heads};
use super::online::{Running, multiply, scaled, soften};
use super::{KEYS, QUERIES, Queries, STATS, Stored, Stream, tiles};
use crate::kernels::cpu::lanes::{Floats, Lanes};
use crate::kernels::cpu::panel::Line;

/// Up to this many queries, keys and values are read where they lie.
const DIRECT: usize = 3;
/// Columns of an outer product.
const COLUMNS: usize = 16;

/// `out = softmax(scale q · keys) values` for each query. Which method runs depends on how many queries the head has in the
/// whole call, not on how they were split.
#[inline(always)]
pub fn attend<L: Lanes, T: Stored>(
    lanes: L,
    queries: &Queries<'_>,
    stream: &Stream<'_, T>,
    packed: &mut Vec<Line>,
    out: &mut [f32],
) {
    let Queries { width, scale, .. } = *queries;
    if queries.total > DIRECT {
        return blocked(lanes, queries, stream, packed, out);
    }
    let sums = floats(packed, width + STATS);
    for (i, out) in out.chunks_exact_mut(width).enumerate() {
        let range = queries.first(i)..queries.sees(i);
        let bias = |_: usize, at: usize, scores: &mut [f32]| queries.bias(i, at, scores);
        let group = Group { q: queries.row(i), width, scale, bias: &bias };
        some_heads::<1, L, T>(lanes, &group, 0, stream, range, sums);
        out.copy_from_slice(&sums[..width]);
        multiply(lanes, out, 1.0 / sums[width + 1]);
    }
}

/// `len` floats of a thread's buffer, which grows to the widest head and stays.
fn floats(buffer: &mut Vec<Line>, len: usize) -> &mut [f32] {
    let lines = len.div_ceil(Line::FLOATS);
    if buffer.len() < lines {
        buffer.resize(lines, bytemuck::Zeroable::zeroed());
    }
    &mut bytemuck::cast_slice_mut(buffer)[..len]
}

/// Numbers that are kept for `count` queries while they go through the keys: keys, values, sums (padded), scores, and for
/// each query the maximum and the total.
fn parts(count: usize, width: usize) -> [usize; 5] {
    let wide = width.next_multiple_of(COLUMNS);
    [KEYS * wide, KEYS * wide, count * wide, count * KEYS, count * 2]
}

/// Floats of a thread's buffer that [`attend`] uses for up to `count` queries a block.
pub fn packed(count: usize, width: usize) -> usize {
    let direct = width + STATS;
    if count > DIRECT { direct.max(parts(count, width).iter().sum()) } else { direct }
}

#[inline(always)]
fn blocked<L: Lanes, T: Stored>(
    lanes: L,
    queries: &Queries<'_>,
    stream: &Stream<'_, T>,
    packed: &mut Vec<Line>,
    out: &mut [f32],
) {
    let (count, width) = (queries.count, queries.width);
    let wide = width.next_multiple_of(COLUMNS);
    let parts = parts(count, width);
    let (keys, floats) = floats(packed, parts.iter().sum()).split_at_mut(parts[0]);
    let (values, floats) = floats.split_at_mut(parts[1]);
    let (sums, floats) = floats.split_at_mut(parts[2]);
    let (scores, floats) = floats.split_at_mut(parts[3]);
    let (maxima, totals) = floats[..parts[4]].split_at_mut(count);
    sums.fill(0.0);
    maxima.fill(f32::NEG_INFINITY);
    totals.fill(0.0);
    let mut seen = queries.first(0);
    for (at, tile) in tiles(stream.spans, seen..queries.sees(count - 1)) {
        pack(lanes, stream, at, tile, width, keys, values);
        // Queries that see nothing of this tile are the first ones.
        let first = (0..count).find(|&i| queries.sees(i) > seen).unwrap_or(count);
        // How many of this tile's keys some queries see at most.
        let reach = |m: usize| tile.min(queries.sees(m) - seen);
        for m in (first..count).step_by(L::ROWS) {
            let rows = L::ROWS.min(count - m);
            let x = Floats { data: &queries.data[m * queries.stride..], stride: queries.stride };
            for n in (0..reach(m + rows - 1)).step_by(COLUMNS) {
                let w = Floats { data: &keys[n * wide..], stride: COLUMNS };
                for row in scores[m * KEYS..].as_chunks_mut::<KEYS>().0.iter_mut().take(rows) {
                    row.as_chunks_mut::<COLUMNS>().0[n / COLUMNS] = [0.0; COLUMNS];
                }
                lanes.outer_rows(w, x, width, rows, &mut scores[m * KEYS + n..], KEYS);
            }
        }
        let rows = scores.as_chunks_mut::<KEYS>().0;
        let mut tops = [f32::NEG_INFINITY; QUERIES];
        for (i, scores) in rows.iter_mut().enumerate().skip(first) {
            // A window hides the positions before it, perhaps all of this tile.
            let hidden = queries.first(i).saturating_sub(seen).min(reach(i));
            queries.bias(i, seen, &mut scores[..reach(i)]);
            scores[..hidden].fill(f32::NEG_INFINITY);
            tops[i] = scaled(lanes, scores, reach(i), queries.scale, maxima[i]);
        }
        let (maxima, totals) = (&mut maxima[first..], &mut totals[first..]);
        let mut kept = Running { maxima, totals, sums: &mut sums[first * wide..], width: wide, stride: wide };
        soften(lanes, &mut rows[first..], &tops[first..count], &mut kept);
        // Keys a query does not see weigh 0 in its sum, which leaves the sum as it was unless such a value is NaN: then
        // the sequence is damaged at that later position anyway.
        for m in (first..count).step_by(L::ROWS) {
            let rows = L::ROWS.min(count - m);
            let x = Floats { data: &scores[m * KEYS..], stride: KEYS };
            for d in (0..wide).step_by(COLUMNS) {
                let w = Floats { data: &values[d..], stride: wide };
                lanes.outer_rows(w, x, reach(m + rows - 1), rows, &mut sums[m * wide + d..], wide);
            }
        }
        seen += tile;
    }
    for (i, out) in out.chunks_exact_mut(width).enumerate() {
        out.copy_from_slice(&sums[i * wide..][..width]);
        multiply(lanes, out, 1.0 / totals[i]);
    }
}

/// Brings a tile to f32: keys by columns of 16 (`keys[n / 16][d][n % 16]`), values by rows padded with zeros.
#[inline(always)]
fn pack<L: Lanes, T: Stored>(
    lanes: L,
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
            let mut r = [lanes.splat(0.0); 8];
            for (j, r) in r.iter_mut().enumerate().take(rows) {
                *r = eight(lanes, stream.key(at + n + j), d, width - d);
            }
            for (i, &v) in lanes.transpose(r).iter().enumerate().take(width - d) {
                if let Some(to) = to[(d + i) * COLUMNS..].first_chunk_mut() {
                    lanes.store(to, v);
                }
            }
        }
    }
    for (j, row) in values.chunks_exact_mut(wide).take(count).enumerate() {
        let value = stream.value(at + j);
        for (i, to) in row.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            let left = width.saturating_sub(i * 8);
            lanes.store(to, if left == 0 { lanes.splat(0.0) } else { eight(lanes, value, i * 8, left) });
        }
    }
}
