//! Attention over a cache on the CPU: which thread takes which heads and queries, or which parts of a long past.

#![allow(unsafe_code)] // each head's part of a row is written by one thread

use super::attention::{self, QUERIES, Queries, Stored, Stream};
use super::memory::{Buffer, Memory, Shared};
use super::{Cpu, FEW, table};
use crate::kernels::{Bias, CacheShape, Continuation, Heads, Pasts, Rows, Sight, SlotCopy, Span};
use std::ops::Range;
use std::sync::PoisonError;

/// Positions a part of a long past has at least, see `Cpu::cached_parts`.
const PART: usize = 256;

/// What a block of queries sees; see [`Queries`].
pub struct Sees {
    pub own: usize,
    pub visible: usize,
    pub growth: usize,
    pub total: usize,
}

/// Queries over a layer of a cache.
pub(super) struct Over<'a> {
    pub heads: Heads,
    pub bias: Bias<'a>,
    pub shape: CacheShape,
    pub layer: usize,
    pub q: Rows,
    pub out: Rows,
    pub pasts: Pasts<'a>,
}

impl Over<'_> {
    /// What a head of the cache's keys and values holds of a sequence.
    fn stream<'a, T: Stored>(
        &self,
        (keys, values): (&'a [T], &'a [T]),
        head: usize,
        spans: &'a [Span],
    ) -> Stream<'a, T> {
        let stored = T::count(self.shape.head_width);
        let len = self.shape.slots * stored;
        let from = (self.layer * self.shape.heads + head) * len;
        let (keys, values) = (&keys[from..from + len], &values[from..from + len]);
        Stream { keys, values, stride: stored, row: stored, spans }
    }
}

impl Cpu {
    pub(super) fn cached<T: Stored>(&self, arena: &mut Memory, data: (&[T], &[T]), over: &Over<'_>) {
        let &Over { heads, bias, q, out, pasts, .. } = over;
        let continuations = pasts.continuations;
        if let Some(attend) = T::of(self.isa.table()).heads
            && let Some(most) = parts(arena, heads, continuations)
        {
            return self.cached_parts(arena, data, over, (attend, most));
        }
        let Memory { floats, scratch, .. } = arena;
        let floats = floats.shared();
        let share = heads.count / heads.kv;
        let blocks: usize = continuations.iter().map(|c| c.rows.div_ceil(QUERIES)).sum();
        self.pool.run(heads.count * blocks, &|chunk, worker| {
            let (head, mut index) = (chunk / blocks, chunk % blocks);
            let (mut start, mut found) = (0, None);
            for c in continuations {
                if index < c.rows.div_ceil(QUERIES) {
                    found = Some(c);
                    break;
                }
                index -= c.rows.div_ceil(QUERIES);
                start += c.rows;
            }
            let Some(continuation) = found else { return };
            let (first, count) = block(continuation.rows, index);
            let rows = (q.slice(start + first, count), out.slice(start + first, count));
            let Continuation { past, rows: total, .. } = *continuation;
            let sees = match continuation.sight {
                Sight::Causal => Sees { own: past + first, visible: past + first + 1, growth: 1, total },
                Sight::Together => Sees { own: past + first, visible: past + total, growth: 0, total },
                Sight::Beside => Sees { own: first, visible: past, growth: 0, total },
            };
            if sees.visible == 0 {
                for row in 0..count {
                    let at = rows.1.at + row * out.width + head * heads.width;
                    // SAFETY: this head's part of these rows belongs to this call alone.
                    unsafe { floats.slice_mut(at, heads.width) }.fill(0.0);
                }
                return;
            }
            let stream = over.stream(data, head / share, pasts.spans_of(continuation));
            let mut scratch = scratch[worker].lock().unwrap_or_else(PoisonError::into_inner);
            // SAFETY: `q` lies apart from `out`, and this head's part of these rows belongs to this call alone.
            unsafe { self.block(floats, (heads, bias), head, rows, &sees, &stream, &mut scratch.attention) };
        });
    }

    /// Token time: a few rows a sequence, and a row's bits are the same however many there are. The heads that share keys go
    /// through them together, and long pasts are divided by their length alone, so that there is work for all threads and the
    /// bits do not depend on how many. As many rows at once as there is room for the parts of.
    fn cached_parts<T: Stored>(
        &self,
        arena: &mut Memory,
        data: (&[T], &[T]),
        over: &Over<'_>,
        (attend, most): (table::Heads<T>, usize),
    ) {
        let &Over { heads, q, pasts, .. } = over;
        let count = |look: &Look<'_>| look.seen(heads.window).len().div_ceil(PART).clamp(1, most);
        let mut first = 0;
        while first < q.rows {
            let mut all = 0;
            let fits = |look: &Look<'_>| {
                all += count(look);
                all <= most
            };
            let rows = first..first + looks(pasts.continuations).skip(first).take_while(fits).count();
            first = rows.end;
            self.some_parts(arena, data, over, (attend, rows, &count));
        }
    }

    /// The same of some rows, in as many parts as `count` says of each.
    fn some_parts<T: Stored>(
        &self,
        arena: &mut Memory,
        data: (&[T], &[T]),
        over: &Over<'_>,
        (attend, rows, count): (table::Heads<T>, Range<usize>, Counts<'_>),
    ) {
        let &Over { heads, bias, q, out, pasts, .. } = over;
        let Memory { floats, parts: results, .. } = arena;
        let floats = floats.shared();
        let share = heads.count / heads.kv;
        let each = heads.width + attention::STATS;
        let looks = || looks(pasts.continuations).enumerate().skip(rows.start).take(rows.len());
        let all: usize = looks().map(|(_, look)| count(&look)).sum();
        let written = results.shared();
        self.pool.run(heads.kv * all, &|chunk, _| {
            let (head, mut part) = (chunk / all, chunk % all);
            let Some((row, look)) = looks().find(|(_, look)| {
                let inside = part < count(look);
                if !inside {
                    part -= count(look);
                }
                inside
            }) else {
                return;
            };
            let seen = look.seen(heads.window);
            if seen.is_empty() {
                return;
            }
            let size = seen.len().div_ceil(count(&look)).next_multiple_of(attention::KEYS);
            let start = (seen.start + part * size).min(seen.end);
            let stream = over.stream(data, head, pasts.spans_of(look.of));
            // SAFETY: nobody writes the queries, and this part of the results belongs to this call alone.
            let (q, out) = unsafe {
                let q = &floats.rows(q.slice(row, 1))[head * share * heads.width..][..share * heads.width];
                (q, written.slice_mut(chunk * share * each, share * each))
            };
            let range = start..(start + size).min(seen.end);
            let bias = |shared: usize, at: usize, scores: &mut [f32]| {
                attention::bias(bias.of(head * share + shared, heads.count), heads.scale, look.own(), at, scores);
            };
            let group = attention::Group { q, width: heads.width, scale: heads.scale, bias: &bias };
            attend(&group, &stream, range, out);
        });
        let mut first = 0;
        for (row, look) in looks() {
            let parts = count(&look);
            for head in 0..heads.count {
                let at = out.at + row * out.width + head * heads.width;
                // SAFETY: the threads are done; the results are read and the rows written by this one.
                let to = unsafe { floats.slice_mut(at, heads.width) };
                if look.seen(heads.window).is_empty() {
                    to.fill(0.0);
                    continue;
                }
                let parts = (first..first + parts).map(|part| {
                    let chunk = head / share * all + part;
                    &results[(chunk * share + head % share) * each..][..each]
                });
                attention::combine(parts, to);
            }
            first += parts;
        }
    }

    /// Spreads rows of keys and values of all heads over the heads' own streams, each of which one thread writes.
    pub(super) fn scatter<T: Stored + bytemuck::Pod>(
        &self,
        shape: CacheShape,
        layer: usize,
        slots: &[u32],
        (keys, values): (&[f32], &[f32]),
        to: (&mut Buffer<T>, &mut Buffer<T>),
    ) {
        let (width, stored) = (shape.head_width, T::count(shape.head_width));
        let streams = [(keys, to.0.shared()), (values, to.1.shared())];
        let job = |chunk: usize, _: usize| {
            let ((from, to), head) = (streams[chunk / shape.heads], chunk % shape.heads);
            let start = (layer * shape.heads + head) * shape.slots;
            for (row, &slot) in from.chunks_exact(shape.heads * width).zip(slots) {
                assert!((slot as usize) < shape.slots);
                // SAFETY: this head's stream belongs to this call alone.
                let to = unsafe { to.slice_mut((start + slot as usize) * stored, stored) };
                T::store(&row[head * width..][..width], to);
            }
        };
        let jobs = 2 * shape.heads;
        if slots.len() < FEW { (0..jobs).for_each(|chunk| job(chunk, 0)) } else { self.pool.run(jobs, &job) }
    }

    /// Copies positions of every head of every layer.
    pub(super) fn copied<T: Stored + bytemuck::Pod>(
        &self,
        shape: CacheShape,
        both: [&mut Buffer<T>; 2],
        copies: &[SlotCopy],
    ) {
        let row = T::count(shape.head_width);
        let both = both.map(Buffer::shared);
        self.pool.run(shape.layers * shape.heads, &|head, _| {
            for (data, copy) in both.iter().flat_map(|data| copies.iter().map(move |copy| (data, copy))) {
                let (from, to, slots) = (copy.from.start as usize, copy.to as usize, copy.from.len as usize);
                assert!(from.max(to) + slots <= shape.slots);
                let start = |slot: usize| (head * shape.slots + slot) * row;
                // SAFETY: this head's slots belong to this call alone, and none is both read and written.
                let (from, to) =
                    unsafe { (data.slice(start(from), slots * row), data.slice_mut(start(to), slots * row)) };
                to.copy_from_slice(from);
            }
        });
    }

    /// One head of a few rows.
    ///
    /// # Safety
    /// Nobody writes the query rows meanwhile, and nobody else reads or writes this head's part of the output rows.
    #[allow(clippy::too_many_arguments)]
    pub(super) unsafe fn block<T: Stored>(
        &self,
        floats: Shared<f32>,
        (heads, bias): (Heads, Bias<'_>),
        head: usize,
        (q, out): (Rows, Rows),
        sees: &Sees,
        stream: &Stream<'_, T>,
        scratch: &mut attention::Scratch,
    ) {
        let queries = Queries {
            // SAFETY: the caller's promise.
            data: &unsafe { floats.rows(q) }[head * heads.width..],
            stride: q.width,
            count: q.rows,
            width: heads.width,
            scale: heads.scale,
            visible: sees.visible,
            growth: sees.growth,
            window: heads.window,
            bias: bias.of(head, heads.count),
            own: sees.own,
            total: sees.total,
        };
        let result = attention::attend(self.isa.table(), &queries, stream, scratch);
        for (i, row) in result.chunks_exact(heads.width).enumerate() {
            // SAFETY: the caller's promise.
            let to = unsafe { floats.slice_mut(out.at + i * out.width + head * heads.width, heads.width) };
            to.copy_from_slice(row);
        }
    }
}

/// Most rows of a sequence that go one by one, so that each is what it would be as its only one.
const ROWS: usize = 8;

/// Into how many parts the past of a row is divided.
type Counts<'a> = &'a (dyn Fn(&Look<'_>) -> usize + Sync);

/// One row of a continuation.
struct Look<'a> {
    of: &'a Continuation,
    row: usize,
}

impl Look<'_> {
    /// The positions that it sees.
    fn seen(&self, window: usize) -> Range<usize> {
        let Continuation { past, rows, sight, .. } = *self.of;
        let end = match sight {
            Sight::Causal => past + self.row + 1,
            Sight::Together => past + rows,
            Sight::Beside => past,
        };
        if window == 0 { 0..end } else { end.saturating_sub(window)..end }
    }

    /// Where it stands.
    fn own(&self) -> usize {
        if self.of.sight == Sight::Beside { self.row } else { self.of.past + self.row }
    }
}

fn looks(continuations: &[Continuation]) -> impl Iterator<Item = Look<'_>> {
    continuations.iter().flat_map(|of| (0..of.rows).map(move |row| Look { of, row }))
}

/// Into how many parts a past may be divided at token time; `None` where a sequence has many rows.
fn parts(arena: &Memory, heads: Heads, continuations: &[Continuation]) -> Option<usize> {
    if continuations.iter().any(|c| c.rows > ROWS || c.rows > 1 && c.sight == Sight::Together) {
        return None;
    }
    let one = heads.count * (heads.width + attention::STATS);
    Some(arena.parts.len() / one.max(1)).filter(|&most| most > 0)
}

/// The first query and the count of the `index`th block of `rows` queries, in blocks as even as can be.
pub fn block(rows: usize, index: usize) -> (usize, usize) {
    let size = rows.div_ceil(rows.div_ceil(QUERIES));
    let first = (index * size).min(rows);
    (first, size.min(rows - first))
}
