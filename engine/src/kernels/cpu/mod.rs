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
mod cached;
mod convolve;
mod formats;
mod gather;
mod input;
mod isa;
mod lanes;
pub mod limits;
mod math;
mod matmul;
mod memory;
#[cfg(target_arch = "aarch64")]
mod neon;
mod norm;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod pack;
mod panel;
mod pool;
mod rope;
mod saved;
mod scalar;
mod table;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod tile;

pub use isa::Isa;
pub(super) use memory::{KvMemory, Memory};

use super::{
    Activation, Arena, Bias, Cache, CacheShape, CacheType, Device, DeviceInfo, Gathered, Growth, Heads, Layout, Pairs,
    Pasts, Product, Rows, SlotCopy, Span, Weights,
};
use crate::error::Error;
use crate::weights::{Norm, Table};
use attention::{QUERIES, Stream};
use cached::{Over, Sees, block};
use memory::{Convolved, KvData};
use ocelli_quant::TensorType;
use pool::Pool;
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
        Self::with(threads, Pool::new)
    }

    /// As [`Cpu::new`], but no thread starts before there is something to compute.
    ///
    /// # Errors
    /// As [`Cpu::new`].
    pub fn unstarted(threads: usize) -> Result<Self, Error> {
        Self::with(threads, Pool::unstarted)
    }

    fn with(threads: usize, pool: fn(usize) -> Pool) -> Result<Self, Error> {
        if threads > 256 {
            return Err(Error::BadOption { name: "threads", got: threads.to_string(), rule: "at most 256" });
        }
        let (isa, why) = Isa::choose()?;
        let threads = match threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from).min(256),
            n => n,
        };
        Ok(Self { isa, why, pool: pool(threads) })
    }

    /// The kernels of `isa`, which must be offered here, whatever the environment says.
    #[must_use]
    #[cfg(feature = "internals")]
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

    fn gather(&self, arena: &mut Arena, table: &Table, ids: &[u32], weights: Weights<'_>, out: Rows, add: bool) {
        let each = ids.len() / out.rows.max(1);
        assert!(ids.len() == each * out.rows && (each > 0 || out.rows == 0) && out.width == table.width());
        if let Weights::Each(weights) = weights {
            assert!(weights.len() == ids.len());
        }
        let Memory { floats, scratch, .. } = &mut arena.0;
        let floats = floats.shared();
        self.each_row(out.rows, &|m, worker| {
            let mut scratch = scratch[worker].lock().unwrap_or_else(PoisonError::into_inner);
            let row = scratch.row(out.width);
            // SAFETY: each call has its own row.
            let to = unsafe { floats.rows_mut(out.slice(m, 1)) };
            for at in m * each..(m + 1) * each {
                let weight = match weights {
                    Weights::All(weight) => weight,
                    Weights::Each(weights) => weights[at],
                };
                table.decode_row(ids[at] as usize, row);
                if add || at > m * each {
                    to.iter_mut().zip(&*row).for_each(|(o, v)| *o += v * weight);
                } else {
                    to.iter_mut().zip(&*row).for_each(|(o, v)| *o = v * weight);
                }
            }
        });
    }

    fn gather_rows(
        &self,
        arena: &mut Arena,
        from: Rows,
        index: &[u32],
        how: Gathered,
        act: Option<Activation>,
        to: Rows,
    ) {
        if to.rows == 0 {
            return;
        }
        let each = index.len() / to.rows;
        let beside = if how == Gathered::Beside { each } else { 1 };
        assert!(each > 0 && index.len() == each * to.rows && to.width == beside * from.width && disjoint(from, to));
        let floats = arena.0.floats.shared();
        self.each_row(to.rows, &|m, _| {
            // SAFETY: `from` lies apart from `to`, of which each call has its own row.
            let rows = |start: usize, count: usize| unsafe { floats.rows(from.slice(start, count)) };
            // SAFETY: as above.
            let to = unsafe { floats.rows_mut(to.slice(m, 1)) };
            gather::gather(self.isa.table(), &index[m * each..(m + 1) * each], rows, how, act, to);
        });
    }

    fn norm(&self, arena: &mut Arena, norm: &Norm, x: Rows, out: Rows, add: bool) {
        let piece = norm.weight.len();
        assert!(x.rows == out.rows && x.width == out.width && x.width.is_multiple_of(piece));
        assert!(x == out || disjoint(x, out));
        let Memory { floats, scratch, .. } = &mut arena.0;
        let floats = floats.shared();
        self.each_row(x.rows, &|m, worker| {
            let mut scratch = scratch[worker].lock().unwrap_or_else(PoisonError::into_inner);
            let row = scratch.row(x.width);
            {
                // SAFETY: nobody writes `x` but this call, and it does so below.
                let x = unsafe { floats.rows(x.slice(m, 1)) };
                for (x, to) in x.chunks_exact(piece).zip(row.chunks_exact_mut(piece)) {
                    (self.isa.table().norm)(norm, x, to);
                }
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
        self.products(&mut arena.0, x, norm, products);
    }

    fn angles(&self, arena: &mut Arena, frequencies: &[f32], axes: &[u8], scale: f32, positions: &[u32], out: Rows) {
        let each = if axes.is_empty() { 1 } else { 3 };
        assert!(out.rows * each == positions.len() && out.width == 2 * frequencies.len());
        assert!(axes.is_empty() || axes.len() == frequencies.len() && axes.iter().all(|&axis| axis < 3));
        let floats = arena.0.floats.shared();
        self.each_row(out.rows, &|m, _| {
            // SAFETY: each call has its own row.
            let to = unsafe { floats.rows_mut(out.slice(m, 1)) };
            rope::angles(&positions[m * each..(m + 1) * each], axes, frequencies, scale, to);
        });
    }

    fn grow(&self, arena: &mut Arena, growth: Growth<'_>, positions: &[u32], angles: Rows) {
        assert!(angles.rows == positions.len() && angles.width == 2 * growth.scales.len());
        let floats = arena.0.floats.shared();
        self.each_row(angles.rows, &|m, _| {
            // SAFETY: each call has its own row.
            rope::grow(positions[m], growth, unsafe { floats.rows_mut(angles.slice(m, 1)) });
        });
    }

    fn waves(&self, arena: &mut Arena, frequencies: &[f32], positions: &[u32], out: Rows) {
        assert!(out.rows == positions.len() && out.width / 2 == frequencies.len());
        let floats = arena.0.floats.shared();
        self.each_row(out.rows, &|m, _| {
            // SAFETY: each call has its own row.
            rope::wave(positions[m], frequencies, unsafe { floats.rows_mut(out.slice(m, 1)) });
        });
    }

    fn rotate(&self, arena: &mut Arena, heads: &[Rows], width: usize, angles: Rows, pairs: Pairs) {
        for (i, &rows) in heads.iter().enumerate() {
            assert!(rows.rows == angles.rows && rows.width.is_multiple_of(width) && angles.width <= width);
            assert!(disjoint(rows, angles) && heads[..i].iter().all(|&other| disjoint(other, rows)));
        }
        let floats = arena.0.floats.shared();
        self.each_row(angles.rows, &|m, _| {
            // SAFETY: nobody writes the angles.
            let angles = unsafe { floats.rows(angles.slice(m, 1)) };
            for rows in heads {
                // SAFETY: each call has its own row of each of them, which lie apart.
                let row = unsafe { floats.rows_mut(rows.slice(m, 1)) };
                row.chunks_exact_mut(width).for_each(|head| rope::turn(head, angles, pairs));
            }
        });
    }

    fn attend(&self, arena: &mut Arena, heads: Heads, bias: Bias<'_>, q: Rows, k: Rows, v: Rows, out: Rows) {
        assert!(q.width == heads.count * heads.width && k.width == heads.kv * heads.width && v.width == k.width);
        assert!(out.rows == q.rows && out.width == q.width && v.rows == k.rows);
        assert!([q, k, v].into_iter().all(|r| disjoint(r, out)));
        assert!(heads.window == 0);
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
            let sees = Sees { own: first, visible: k.rows, growth: 0, total: q.rows };
            let rows = (q.slice(first, count), out.slice(first, count));
            let mut scratch = scratch[worker].lock().unwrap_or_else(PoisonError::into_inner);
            // SAFETY: `q` lies apart from `out`, and this head's part of these rows belongs to this call alone.
            unsafe { self.block(floats, (heads, bias), head, rows, &sees, &stream, &mut scratch.attention) };
        });
    }

    fn store(&self, arena: &Arena, cache: &mut Cache, layer: usize, k: Rows, v: Rows, slots: &[u32]) {
        let shape = cache.0.shape;
        assert!(k.rows == slots.len() && k.width == shape.heads * shape.head_width && v.rows == k.rows);
        let floats = &arena.0.floats;
        let (k, v) = (&floats[k.at..k.end()], &floats[v.at..v.end()]);
        match &mut cache.0.data {
            KvData::F16 { k: keys, v: values } => self.scatter(shape, layer, slots, (k, v), (keys, values)),
            KvData::F32 { k: keys, v: values } => self.scatter(shape, layer, slots, (k, v), (keys, values)),
            KvData::Q8_0 { k: keys, v: values } => self.scatter(shape, layer, slots, (k, v), (keys, values)),
        }
    }

    fn convolve(
        &self,
        arena: &mut Arena,
        cache: &mut Cache,
        layer: usize,
        taps: &[f32],
        [b, c, x]: [Rows; 3],
        slots: &[u32],
        pasts: Pasts<'_>,
    ) {
        let shape = cache.0.shape;
        assert!([b, c, x].iter().all(|rows| rows.width == shape.convolved && rows.rows == slots.len()));
        assert!(layer < shape.convolutions && taps.len().is_multiple_of(c.width) && !taps.is_empty());
        assert!(disjoint(b, c) && disjoint(c, x) && slots.iter().all(|&slot| (slot as usize) < shape.slots));
        let over = convolve::Over { taps, bcx: [b, c, x], slots, pasts, first: layer * shape.slots };
        let floats = &mut arena.0.floats;
        match &mut cache.0.convolved {
            Convolved::F16(data) => self.convolved(floats, data, &over),
            Convolved::F32(data) => self.convolved(floats, data, &over),
        }
    }

    fn spread(&self, count: usize, job: &(dyn Fn(usize) + Sync)) {
        self.pool.run(count, &|at, _| job(at));
    }

    fn copy(&self, cache: &mut Cache, copies: &[SlotCopy]) {
        let shape = cache.0.shape;
        match &mut cache.0.data {
            KvData::F16 { k, v } => self.copied(shape, [k, v], copies),
            KvData::F32 { k, v } => self.copied(shape, [k, v], copies),
            KvData::Q8_0 { k, v } => self.copied(shape, [k, v], copies),
        }
        match &mut cache.0.convolved {
            Convolved::F16(data) => convolve::copied(shape, data, copies),
            Convolved::F32(data) => convolve::copied(shape, data, copies),
        }
    }

    fn alike(&self, ty: TensorType) -> usize {
        (self.isa.table().few)(ty)
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
        bias: Bias<'_>,
        cache: &Cache,
        layer: usize,
        q: Rows,
        pasts: Pasts<'_>,
        out: Rows,
    ) {
        let shape = cache.0.shape;
        assert!(q.width == heads.count * heads.width && heads.kv == shape.heads && heads.width == shape.head_width);
        assert!(out.rows == q.rows && out.width == q.width && disjoint(q, out));
        let over = Over { heads, bias, shape, layer, q, out, pasts };
        let arena = &mut arena.0;
        match &cache.0.data {
            KvData::F16 { k, v } => self.cached(arena, (k, v), &over),
            KvData::F32 { k, v } => self.cached(arena, (k, v), &over),
            KvData::Q8_0 { k, v } => self.cached(arena, (k, v), &over),
        }
    }
}

/// Below so many rows another thread would wake in vain for what is little for a row.
const FEW: usize = 8;

impl Cpu {
    /// Calls `job(row, worker)` for each row, in place while they are few.
    fn each_row(&self, rows: usize, job: &(dyn Fn(usize, usize) + Sync)) {
        if rows < FEW { (0..rows).for_each(|m| job(m, 0)) } else { self.pool.run(rows, job) }
    }
}
