//! The CPU device: a pool of threads over kernels chosen at run time.
//!
//! Work is split by output (panels of weight rows, heads and query rows), never along a sum, and the grain does not
//! depend on the number of threads: so results do not either.

#![allow(unsafe_code)] // each op hands disjoint parts of one arena to several threads

mod attention;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod formats;
mod input;
mod isa;
mod lanes;
pub mod limits;
mod math;
mod memory;
#[cfg(target_arch = "aarch64")]
mod neon;
mod norm;
mod panel;
mod pool;
mod rope;
mod saved;

pub use isa::Isa;
pub(super) use memory::{KvMemory, Memory};

use super::{
    Activation, Arena, Cache, CacheShape, CacheType, Continuation, Device, DeviceInfo, HeadRows, Heads, Layout, Pairs,
    Product, Rows, Span,
};
use crate::error::Error;
use crate::weights::{Linear, Norm, Table};
use attention::{QUERIES, Queries, Stored, Stream};
use input::GROUP;
use isa::Set;
use memory::{KvData, Shared};
use panel::{PANEL, TILE};
use pool::Pool;
use std::ops::Range;
use std::sync::PoisonError;

/// The processor.
pub struct Cpu {
    isa: Isa,
    why: String,
    pool: Pool,
}

impl Cpu {
    /// With `threads` threads in all; 0 means one a core.
    ///
    /// # Errors
    /// [`Error::UnknownIsa`] where `OCELLI_ISA` names what this machine has not; [`Error::BadOption`] above 256 threads.
    pub fn new(threads: usize) -> Result<Self, Error> {
        if threads > 256 {
            return Err(Error::BadOption { name: "threads", got: threads.to_string(), rule: "at most 256" });
        }
        let (isa, why) = Isa::choose()?;
        let threads = match threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from).min(256),
            n => n,
        };
        Ok(Self { isa, why, pool: Pool::new(threads) })
    }

    /// The kernels of `isa`, which must be offered here, whatever the environment says.
    #[must_use]
    pub fn with_isa(isa: Isa, threads: usize) -> Self {
        Self { isa, why: "asked for by the caller".to_owned(), pool: Pool::new(threads) }
    }
}

fn disjoint(a: Rows, b: Rows) -> bool {
    a.end() <= b.at || b.end() <= a.at
}

impl Device for Cpu {
    fn info(&self) -> DeviceInfo {
        DeviceInfo { name: "cpu", isa: self.isa.name(), why: self.why.clone(), threads: self.pool.threads() }
    }

    fn arena_bytes(&self, layout: &Layout) -> usize {
        Memory::bytes(self.isa, layout, self.pool.threads())
    }

    fn arena(&self, layout: &Layout) -> Result<Arena, Error> {
        Ok(Arena(Memory::new(self.isa, layout, self.pool.threads())?))
    }

    fn cache(&self, shape: CacheShape) -> Result<Cache, Error> {
        Ok(Cache(KvMemory::new(shape)?))
    }

    fn write(&self, arena: &mut Arena, to: Rows, data: &[f32]) {
        arena.0.floats[to.at..to.end()].copy_from_slice(data);
    }

    fn read(&self, arena: &Arena, from: Rows, data: &mut [f32]) {
        data.copy_from_slice(&arena.0.floats[from.at..from.end()]);
    }

    fn gather(&self, arena: &mut Arena, table: &Table, ids: &[u32], scale: f32, out: Rows, add: bool) {
        assert!(ids.len() == out.rows && out.width == table.width());
        let Memory { floats, scratch, .. } = &mut arena.0;
        let mut scratch = scratch[0].lock().unwrap_or_else(PoisonError::into_inner);
        let row = scratch.row(out.width);
        for (i, &id) in ids.iter().enumerate() {
            let to = &mut floats[out.at + i * out.width..][..out.width];
            table.decode_row(id as usize, row);
            if add {
                to.iter_mut().zip(&*row).for_each(|(o, v)| *o += v * scale);
            } else {
                to.iter_mut().zip(&*row).for_each(|(o, v)| *o = v * scale);
            }
        }
    }

    fn norm(&self, arena: &mut Arena, norm: &Norm, x: Rows, out: Rows, add: bool) {
        assert!(x.rows == out.rows && x.width == out.width && norm.weight.len() == x.width);
        assert!(x == out || disjoint(x, out));
        let Memory { floats, scratch, .. } = &mut arena.0;
        let floats = floats.shared();
        self.pool.run(x.rows, &|m, worker| {
            let mut scratch = scratch[worker].lock().unwrap_or_else(PoisonError::into_inner);
            let row = scratch.row(x.width);
            {
                // SAFETY: nobody writes `x` but this call, and it does so below.
                norm::norm(self.isa, norm, unsafe { floats.rows(x.slice(m, 1)) }, row);
            }
            // SAFETY: each call has its own row of `out`.
            let to = unsafe { floats.rows_mut(out.slice(m, 1)) };
            if add {
                to.iter_mut().zip(&*row).for_each(|(o, v)| *o += v);
            } else {
                to.copy_from_slice(row);
            }
        });
    }

    fn matmul(&self, arena: &mut Arena, x: Rows, norm: Option<&Norm>, products: &[Product<'_>]) {
        for p in products {
            assert!(p.linear.inputs() == x.width && p.linear.outputs() == p.out.width && p.out.rows == x.rows);
            assert!(disjoint(x, p.out));
            let fits = |gate: &Linear| gate.inputs() == x.width && gate.outputs() == p.out.width && !p.add;
            assert!(p.gate.is_none_or(fits));
        }
        let Memory { floats, input, scratch, .. } = &mut arena.0;
        let floats = floats.shared();
        let types = products.iter().flat_map(passes).map(|(linear, ..)| linear.weight.ty());
        let few = types.filter(|&ty| panel::reads_quants(ty)).map(|ty| x.rows <= panel::few(self.isa.set(), ty));
        let few = few.reduce(|a, b| a && b);
        if norm.is_some() || few.is_some() {
            let input = input.shared();
            self.pool.run(x.rows.div_ceil(GROUP), &|group, _| {
                let first = group * GROUP;
                let count = GROUP.min(x.rows - first);
                // SAFETY: each call reads and writes the parts of its own rows; nobody writes `x`.
                unsafe {
                    let mut rows = floats.rows(x.slice(first, count));
                    if let Some(norm) = norm {
                        let to = input.floats.slice_mut(first * x.width, count * x.width);
                        for (row, to) in rows.chunks_exact(x.width).zip(to.chunks_exact_mut(x.width)) {
                            norm::norm(self.isa, norm, row, to);
                        }
                        rows = to;
                    }
                    if let Some(few) = few {
                        input::quantise(self.isa, rows, &mut input.group(first, count, x.width, few));
                    }
                }
            });
        }
        // SAFETY: `x` lies apart from every product's rows, so nobody writes it below.
        let raw = norm.is_none().then(|| unsafe { floats.rows(x) });
        let input = input.view(x.rows, x.width, raw, few);
        let panels: usize = products.iter().map(|p| p.out.width.div_ceil(PANEL)).sum();
        // A few panels at once while there is little to do per panel.
        let several = if x.rows < 8 { 8 } else { 1 };
        let most = if x.rows == 1 { panel::alone(self.isa) } else { 1 };
        self.pool.run_several(panels, several, &|Range { start: mut panel, end }, worker| {
            let mut scratch = scratch[worker].lock().unwrap_or_else(PoisonError::into_inner);
            while panel < end {
                let Some((product, n)) = locate(products, panel) else { break };
                let count = (most.min(end - panel) * PANEL).min(product.out.width - n);
                let run = count.div_ceil(PANEL);
                panel += run;
                for (linear, act, combine) in passes(product) {
                    let weights = panel::Weights {
                        ty: linear.weight.ty(),
                        bytes: linear.weight.rows(n, count),
                        rows: count,
                        width: x.width,
                    };
                    let bias = linear.bias.as_ref().map(|b| &b.get()[n..n + count]);
                    for from in (0..x.rows).step_by(TILE) {
                        let memory::Scratch { panel: scratch, tile, .. } = &mut *scratch;
                        let rows = TILE.min(x.rows - from);
                        let tile = tile[..rows.max(run)].as_flattened_mut();
                        panel::multiply(self.isa, &weights, &input, from, rows, scratch, tile);
                        if let Some(bias) = bias {
                            tile.chunks_mut(run * PANEL)
                                .for_each(|row| row.iter_mut().zip(bias).for_each(|(v, b)| *v += b));
                        }
                        if let Some(act) = act {
                            activate(self.isa, act, tile);
                        }
                        for (m, values) in tile.chunks(run * PANEL).enumerate() {
                            let at = product.out.at + (from + m) * product.out.width + n;
                            // SAFETY: this panel's columns of this row belong to this call alone.
                            combine.put(unsafe { floats.slice_mut(at, count) }, values);
                        }
                    }
                }
            }
        });
    }

    fn angles(&self, arena: &mut Arena, frequencies: &[f32], positions: &[u32], out: Rows) {
        assert!(out.rows == positions.len() && out.width == 2 * frequencies.len());
        let floats = arena.0.floats.shared();
        self.each_row(out.rows, &|m, _| {
            // SAFETY: each call has its own row.
            rope::angles(positions[m], frequencies, unsafe { floats.rows_mut(out.slice(m, 1)) });
        });
    }

    fn rotate(&self, arena: &mut Arena, heads: &[HeadRows<'_>], width: usize, angles: Rows, pairs: Pairs) {
        for (i, h) in heads.iter().enumerate() {
            assert!(h.rows.rows == angles.rows && h.rows.width.is_multiple_of(width) && angles.width <= width);
            assert!(h.norm.is_none_or(|norm| norm.weight.len() == width) && disjoint(h.rows, angles));
            assert!(heads[..i].iter().all(|other| disjoint(other.rows, h.rows)));
        }
        let Memory { floats, scratch, .. } = &mut arena.0;
        let floats = floats.shared();
        self.each_row(angles.rows, &|m, worker| {
            let mut scratch = scratch[worker].lock().unwrap_or_else(PoisonError::into_inner);
            // SAFETY: nobody writes the angles.
            let angles = unsafe { floats.rows(angles.slice(m, 1)) };
            for part in heads {
                // SAFETY: each call has its own row of each of the parts, which lie apart.
                let row = unsafe { floats.rows_mut(part.rows.slice(m, 1)) };
                for head in row.chunks_exact_mut(width) {
                    if let Some(norm) = part.norm {
                        let normed = scratch.row(width);
                        norm::norm(self.isa, norm, head, normed);
                        head.copy_from_slice(normed);
                    }
                    rope::turn(head, angles, pairs);
                }
            }
        });
    }

    fn attend(&self, arena: &mut Arena, heads: Heads, q: Rows, k: Rows, v: Rows, out: Rows) {
        assert!(q.width == heads.count * heads.width && k.width == heads.kv * heads.width && v.width == k.width);
        assert!(out.rows == q.rows && out.width == q.width && v.rows == k.rows);
        assert!([q, k, v].into_iter().all(|r| disjoint(r, out)));
        assert!(heads.window == 0 && heads.alibi == 0.0);
        let Memory { floats, scratch, .. } = &mut arena.0;
        let floats = floats.shared();
        let spans = [Span { start: 0, len: u32::try_from(k.rows).unwrap_or(u32::MAX) }];
        // SAFETY: keys and values lie apart from `out`, the only rows written.
        let (keys, values) = unsafe { (floats.rows(k), floats.rows(v)) };
        let share = heads.count / heads.kv;
        let blocks = q.rows.div_ceil(QUERIES);
        self.pool.run(heads.count * blocks, &|chunk, worker| {
            let head = chunk / blocks;
            let from = head / share * heads.width;
            let (keys, values) = (&keys[from..], &values[from..]);
            let stream = Stream { keys, values, stride: k.width, row: heads.width, spans: &spans };
            let (first, count) = block(q.rows, chunk % blocks);
            let sees = Sees { visible: k.rows, growth: 0, total: q.rows };
            let rows = (q.slice(first, count), out.slice(first, count));
            let mut scratch = scratch[worker].lock().unwrap_or_else(PoisonError::into_inner);
            // SAFETY: `q` lies apart from `out`, and this head's part of these rows belongs to this call alone.
            unsafe { self.block(floats, heads, head, rows, &sees, &stream, &mut scratch.attention) };
        });
    }

    fn store(&self, arena: &Arena, cache: &mut Cache, layer: usize, k: Rows, v: Rows, slots: &[u32]) {
        let shape = cache.0.shape;
        assert!(k.rows == slots.len() && k.width == shape.heads * shape.head_width && v.rows == k.rows);
        let floats = &arena.0.floats;
        let (k, v) = (&floats[k.at..k.end()], &floats[v.at..v.end()]);
        match &mut cache.0.data {
            KvData::F16 { k: keys, v: values } => {
                scatter(shape, layer, slots, k, keys);
                scatter(shape, layer, slots, v, values);
            }
            KvData::F32 { k: keys, v: values } => {
                scatter(shape, layer, slots, k, keys);
                scatter(shape, layer, slots, v, values);
            }
            KvData::Q8_0 { k: keys, v: values } => {
                scatter(shape, layer, slots, k, keys);
                scatter(shape, layer, slots, v, values);
            }
        }
    }

    fn save(&self, cache: &Cache, spans: &[Span], out: &mut Vec<u8>) {
        saved::save(&cache.0, spans, out);
    }

    fn restore(&self, cache: &mut Cache, spans: &[Span], data: &[u8]) {
        saved::restore(&mut cache.0, spans, data);
    }

    fn attend_cache(
        &self,
        arena: &mut Arena,
        heads: Heads,
        cache: &Cache,
        layer: usize,
        q: Rows,
        continuations: &[Continuation<'_>],
        out: Rows,
    ) {
        let shape = cache.0.shape;
        assert!(q.width == heads.count * heads.width && heads.kv == shape.heads && heads.width == shape.head_width);
        assert!(out.rows == q.rows && out.width == q.width && disjoint(q, out));
        let arena = &mut arena.0;
        match &cache.0.data {
            KvData::F16 { k, v } => self.cached(arena, heads, shape, layer, (k, v), (q, out), continuations),
            KvData::F32 { k, v } => self.cached(arena, heads, shape, layer, (k, v), (q, out), continuations),
            KvData::Q8_0 { k, v } => self.cached(arena, heads, shape, layer, (k, v), (q, out), continuations),
        }
    }
}

/// Positions a part of a long past has at least, see [`Cpu::cached_parts`].
const PART: usize = 256;

/// What a block of queries sees; see [`Queries`].
struct Sees {
    visible: usize,
    growth: usize,
    total: usize,
}

impl Cpu {
    /// Calls `job(row, worker)` for each row: in place while they are so few that another thread would wake in vain.
    fn each_row(&self, rows: usize, job: &(dyn Fn(usize, usize) + Sync)) {
        const FEW: usize = 8;
        if rows < FEW { (0..rows).for_each(|m| job(m, 0)) } else { self.pool.run(rows, job) }
    }

    #[allow(clippy::too_many_arguments)]
    fn cached<T: Stored>(
        &self,
        arena: &mut Memory,
        heads: Heads,
        shape: CacheShape,
        layer: usize,
        (keys, values): (&[T], &[T]),
        (q, out): (Rows, Rows),
        continuations: &[Continuation<'_>],
    ) {
        if let Some(parts) = self.parts(arena, heads, continuations) {
            return self.cached_parts(arena, heads, shape, layer, (keys, values), (q, out), continuations, parts);
        }
        let Memory { floats, scratch, .. } = arena;
        let floats = floats.shared();
        let share = heads.count / heads.kv;
        let stored = T::count(shape.head_width);
        let head_len = shape.slots * stored;
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
            let sees = match continuation.causal {
                true => Sees { visible: continuation.past + first + 1, growth: 1, total: continuation.rows },
                false => Sees { visible: continuation.past, growth: 0, total: continuation.rows },
            };
            if sees.visible == 0 {
                for row in 0..count {
                    let at = rows.1.at + row * out.width + head * heads.width;
                    // SAFETY: this head's part of these rows belongs to this call alone.
                    unsafe { floats.slice_mut(at, heads.width) }.fill(0.0);
                }
                return;
            }
            let from = (layer * shape.heads + head / share) * head_len;
            let stream = Stream {
                keys: &keys[from..from + head_len],
                values: &values[from..from + head_len],
                stride: stored,
                row: stored,
                spans: continuation.spans,
            };
            let mut scratch = scratch[worker].lock().unwrap_or_else(PoisonError::into_inner);
            // SAFETY: `q` lies apart from `out`, and this head's part of these rows belongs to this call alone.
            unsafe { self.block(floats, heads, head, rows, &sees, &stream, &mut scratch.attention) };
        });
    }

    /// Into how many parts each past may be divided at token time; `None` where rows do not come one a sequence, or this
    /// instruction set does not do it.
    fn parts(&self, arena: &Memory, heads: Heads, continuations: &[Continuation<'_>]) -> Option<usize> {
        if !attention::has_attend_heads(self.isa) || continuations.iter().any(|c| c.rows != 1) {
            return None;
        }
        let one = continuations.len() * heads.count * (heads.width + attention::STATS);
        Some(arena.parts.len() / one.max(1)).filter(|&most| most > 0)
    }

    /// Token time: every sequence has one row. The heads that share keys go through them together, and long pasts are
    /// divided by their length alone, so that there is work for all threads and the bits do not depend on how many.
    #[allow(clippy::too_many_arguments)]
    fn cached_parts<T: Stored>(
        &self,
        arena: &mut Memory,
        heads: Heads,
        shape: CacheShape,
        layer: usize,
        (keys, values): (&[T], &[T]),
        (q, out): (Rows, Rows),
        continuations: &[Continuation<'_>],
        most: usize,
    ) {
        let Memory { floats, parts: results, .. } = arena;
        let floats = floats.shared();
        let share = heads.count / heads.kv;
        let stored = T::count(shape.head_width);
        let head_len = shape.slots * stored;
        let each = heads.width + attention::STATS;
        // The positions a sequence's row sees, and the parts they fall into.
        let seen = |c: &Continuation<'_>| {
            let end = c.past + usize::from(c.causal);
            if heads.window == 0 { 0..end } else { end.saturating_sub(heads.window)..end }
        };
        let count = |c: &Continuation<'_>| seen(c).len().div_ceil(PART).clamp(1, most);
        let all: usize = continuations.iter().map(count).sum();
        let written = results.shared();
        self.pool.run(heads.kv * all, &|chunk, _| {
            let (head, mut part) = (chunk / all, chunk % all);
            let Some((row, c)) = continuations.iter().enumerate().find(|(_, c)| {
                let inside = part < count(c);
                if !inside {
                    part -= count(c);
                }
                inside
            }) else {
                return;
            };
            let seen = seen(c);
            if seen.is_empty() {
                return;
            }
            let size = seen.len().div_ceil(count(c)).next_multiple_of(attention::KEYS);
            let start = (seen.start + part * size).min(seen.end);
            let from = (layer * shape.heads + head) * head_len;
            let stream = Stream {
                keys: &keys[from..from + head_len],
                values: &values[from..from + head_len],
                stride: stored,
                row: stored,
                spans: c.spans,
            };
            // SAFETY: nobody writes the queries, and this part of the results belongs to this call alone.
            let (q, out) = unsafe {
                let q = &floats.rows(q.slice(row, 1))[head * share * heads.width..][..share * heads.width];
                (q, written.slice_mut(chunk * share * each, share * each))
            };
            let range = start..(start + size).min(seen.end);
            let lean = |shared: usize, at: usize, scores: &mut [f32]| {
                attention::lean(heads.slope(head * share + shared), heads.scale, seen.end, at, scores);
            };
            let group = attention::Group { q, width: heads.width, scale: heads.scale, lean: &lean };
            attention::attend_heads(self.isa, &group, &stream, range, out);
        });
        let mut first = 0;
        for (row, c) in continuations.iter().enumerate() {
            let parts = count(c);
            for head in 0..heads.count {
                let at = out.at + row * out.width + head * heads.width;
                // SAFETY: the threads are done; the results are read and the rows written by this one.
                let to = unsafe { floats.slice_mut(at, heads.width) };
                if seen(c).is_empty() {
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

    /// One head of a few rows.
    ///
    /// # Safety
    /// Nobody writes the query rows meanwhile, and nobody else reads or writes this head's part of the output rows.
    #[allow(clippy::too_many_arguments)]
    unsafe fn block<T: Stored>(
        &self,
        floats: Shared<f32>,
        heads: Heads,
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
            slope: heads.slope(head),
            total: sees.total,
        };
        let result = attention::attend(self.isa, &queries, stream, scratch);
        for (i, row) in result.chunks_exact(heads.width).enumerate() {
            // SAFETY: the caller's promise.
            let to = unsafe { floats.slice_mut(out.at + i * out.width + head * heads.width, heads.width) };
            to.copy_from_slice(row);
        }
    }
}

/// The first query and the count of the `index`th block of `rows` queries, in blocks as even as can be.
fn block(rows: usize, index: usize) -> (usize, usize) {
    let size = rows.div_ceil(rows.div_ceil(QUERIES));
    let first = (index * size).min(rows);
    (first, size.min(rows - first))
}

/// What becomes of the numbers that are there.
#[derive(Clone, Copy)]
enum Combine {
    Put,
    /// That many times.
    Add(f32),
    Scale,
}

impl Combine {
    /// As many numbers as there is room for.
    #[inline]
    fn put(self, out: &mut [f32], values: &[f32]) {
        // Lengths known when this is compiled, so that no call copies a few numbers.
        let (out, rest) = out.as_chunks_mut::<PANEL>();
        let (values, last) = values.as_chunks::<PANEL>();
        for (out, values) in out.iter_mut().zip(values) {
            match self {
                Self::Put => *out = *values,
                Self::Add(scale) => out.iter_mut().zip(values).for_each(|(o, v)| *o += scale * v),
                Self::Scale => out.iter_mut().zip(values).for_each(|(o, v)| *o *= v),
            }
        }
        let values = values[out.len()..].as_flattened().iter().chain(last);
        for (o, v) in rest.iter_mut().zip(values) {
            match self {
                Self::Put => *o = *v,
                Self::Add(scale) => *o += scale * v,
                Self::Scale => *o *= v,
            }
        }
    }
}

/// The layers whose results a product combines, in order: a gate goes first and is then scaled, so that the second needs
/// no place of its own and each thread unpacks one panel at a time.
fn passes<'a>(p: &Product<'a>) -> impl Iterator<Item = (&'a Linear, Option<Activation>, Combine)> {
    let first = p.gate.map(|gate| (gate, p.act, Combine::Put));
    let last = match p.gate {
        Some(_) => (p.linear, None, Combine::Scale),
        None => (p.linear, p.act, if p.add { Combine::Add(p.scale) } else { Combine::Put }),
    };
    first.into_iter().chain([last])
}

/// The product a panel number falls into, and its first output column.
fn locate<'a, 'b>(products: &'a [Product<'b>], mut panel: usize) -> Option<(&'a Product<'b>, usize)> {
    for p in products {
        let panels = p.out.width.div_ceil(PANEL);
        if panel < panels {
            return Some((p, panel * PANEL));
        }
        panel -= panels;
    }
    None
}

fn activate(isa: Isa, act: Activation, x: &mut [f32]) {
    match isa.set() {
        Set::Scalar => x.iter_mut().for_each(|v| *v = math::activate(act, *v)),
        #[cfg(target_arch = "x86_64")]
        Set::Avx2 | Set::Avx512 => avx2::activate(act, x),
        #[cfg(target_arch = "aarch64")]
        Set::Neon | Set::DotProd | Set::I8mm => neon::activate(act, x),
    }
}

/// Spreads rows of all heads over the heads' own streams.
fn scatter<T: Stored>(shape: CacheShape, layer: usize, slots: &[u32], rows: &[f32], to: &mut [T]) {
    let (width, stored) = (shape.head_width, T::count(shape.head_width));
    for (row, &slot) in rows.chunks_exact(shape.heads * width).zip(slots) {
        for (head, numbers) in row.chunks_exact(width).enumerate() {
            let at = ((layer * shape.heads + head) * shape.slots + slot as usize) * stored;
            T::store(numbers, &mut to[at..at + stored]);
        }
    }
}

/// The type of cache that loses nothing beside weights of type `ty`.
pub fn cache_type_beside(ty: ocelli_quant::TensorType) -> CacheType {
    if ty == ocelli_quant::TensorType::F32 { CacheType::F32 } else { CacheType::F16 }
}
