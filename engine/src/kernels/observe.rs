//! A device that watches another: for every matrix it sums the squares of the inputs it is multiplied with, column by
//! column. The mean is what an encoder needs to know which columns matter (llama.cpp's "importance matrix").
//!
//! No model knows of it. A matrix is known by its place in the file, which a handle to its rows carries, so models of
//! different files need observers of their own. A norm that the device would fuse into a product is computed once more
//! in an arena of the observer's own.

use super::{
    Activation, Arena, Bias, Cache, CacheShape, Device, DeviceInfo, Gathered, Growth, Heads, Layout, Pairs, Pasts,
    Product, Rows, SlotCopy, Span, Weights,
};
use crate::error::Error;
use crate::weights::{Norm, Table};
use ocelli_quant::TensorType;
use ocelli_quant::gguf::{Gguf, TensorInfo};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What one matrix was multiplied with.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observed {
    /// The sum of the squares of each column of the input.
    pub sums: Vec<f64>,
    /// Rows of input that were summed.
    pub rows: u64,
}

/// Wraps a device, as `Engine::observed` does; open one model and run it, then ask for the sums.
pub struct Observer {
    device: Arc<dyn Device>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Where inputs are normed, and how many floats it has room for.
    scratch: Option<(Arena, usize)>,
    input: Vec<f32>,
    squares: Vec<f64>,
    /// By where the matrix starts: the file and the byte there.
    matrices: HashMap<(usize, usize), Observed>,
}

impl Observer {
    /// Watches `device`.
    #[must_use]
    pub fn new(device: Arc<dyn Device>) -> Self {
        Self { device, state: Mutex::default() }
    }

    /// The sums so far of the matrices of `file`, by their names there.
    #[must_use]
    pub fn observed(&self, file: &Gguf) -> BTreeMap<String, Observed> {
        let state = self.state();
        let seen = |t: &TensorInfo| state.matrices.get(&(t.part, usize::try_from(t.offset).ok()?));
        file.tensors().iter().filter_map(|t| Some((t.name.clone(), seen(t)?.clone()))).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room for any one input of the matmuls that `layout` tells of.
fn scratch(layout: &Layout) -> Layout {
    let mut own = Layout::default();
    own.rows(1, layout.input);
    own.input(1, layout.widest);
    own
}

impl State {
    /// Reads `x` as the products will see it, and adds its squares to each of them.
    fn add(&mut self, device: &dyn Device, arena: &Arena, x: Rows, norm: Option<&Norm>, products: &[Product<'_>]) {
        self.input.resize(x.rows * x.width, 0.0);
        device.read(arena, x, &mut self.input);
        if let (Some(norm), Some((own, room))) = (norm, &mut self.scratch) {
            // An input is never larger than what its layout promised; were it, it would go in parts.
            for part in self.input.chunks_mut((*room / x.width).max(1) * x.width) {
                let rows = Rows { at: 0, rows: part.len() / x.width, width: x.width };
                device.write(own, rows, part);
                device.norm(own, norm, rows, rows, false);
                device.read(own, rows, part);
            }
        }
        self.squares.clear();
        self.squares.resize(x.width, 0.0);
        for row in self.input.chunks_exact(x.width) {
            for (sum, &value) in self.squares.iter_mut().zip(row) {
                *sum += f64::from(value) * f64::from(value);
            }
        }
        for linear in products.iter().flat_map(|product| [Some(product.linear), product.gate]).flatten() {
            let seen = self.matrices.entry(linear.weight.address()).or_default();
            seen.sums.resize(x.width, 0.0);
            seen.sums.iter_mut().zip(&self.squares).for_each(|(sum, more)| *sum += more);
            seen.rows += x.rows as u64;
        }
    }
}

impl Device for Observer {
    fn info(&self) -> DeviceInfo {
        self.device.info()
    }

    fn arena_bytes(&self, layout: &Layout) -> usize {
        self.device.arena_bytes(layout) + self.device.arena_bytes(&scratch(layout))
    }

    fn arena(&self, layout: &Layout) -> Result<Arena, Error> {
        let mut state = self.state();
        if state.scratch.as_ref().is_none_or(|(_, room)| *room < layout.input) {
            state.scratch = Some((self.device.arena(&scratch(layout))?, layout.input));
        }
        self.device.arena(layout)
    }

    fn cache(&self, shape: CacheShape) -> Result<Cache, Error> {
        self.device.cache(shape)
    }

    fn write(&self, arena: &mut Arena, to: Rows, data: &[f32]) {
        self.device.write(arena, to, data);
    }

    fn read(&self, arena: &Arena, from: Rows, data: &mut [f32]) {
        self.device.read(arena, from, data);
    }

    fn gather(&self, arena: &mut Arena, table: &Table, ids: &[u32], weights: Weights<'_>, out: Rows, add: bool) {
        self.device.gather(arena, table, ids, weights, out, add);
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
        self.device.gather_rows(arena, from, index, how, act, to);
    }

    fn norm(&self, arena: &mut Arena, norm: &Norm, x: Rows, out: Rows, add: bool) {
        self.device.norm(arena, norm, x, out, add);
    }

    fn matmul(&self, arena: &mut Arena, x: Rows, norm: Option<&Norm>, products: &[Product<'_>]) {
        self.state().add(&*self.device, arena, x, norm, products);
        self.device.matmul(arena, x, norm, products);
    }

    fn angles(&self, arena: &mut Arena, frequencies: &[f32], axes: &[u8], scale: f32, positions: &[u32], out: Rows) {
        self.device.angles(arena, frequencies, axes, scale, positions, out);
    }

    fn grow(&self, arena: &mut Arena, growth: Growth<'_>, positions: &[u32], angles: Rows) {
        self.device.grow(arena, growth, positions, angles);
    }

    fn waves(&self, arena: &mut Arena, frequencies: &[f32], positions: &[u32], out: Rows) {
        self.device.waves(arena, frequencies, positions, out);
    }

    fn rotate(&self, arena: &mut Arena, heads: &[Rows], width: usize, angles: Rows, pairs: Pairs) {
        self.device.rotate(arena, heads, width, angles, pairs);
    }

    fn attend(&self, arena: &mut Arena, heads: Heads, bias: Bias<'_>, q: Rows, k: Rows, v: Rows, out: Rows) {
        self.device.attend(arena, heads, bias, q, k, v, out);
    }

    fn store(&self, arena: &Arena, cache: &mut Cache, layer: usize, k: Rows, v: Rows, slots: &[u32]) {
        self.device.store(arena, cache, layer, k, v, slots);
    }

    fn spread(&self, count: usize, job: &(dyn Fn(usize) + Sync)) {
        self.device.spread(count, job);
    }

    fn copy(&self, cache: &mut Cache, copies: &[SlotCopy]) {
        self.device.copy(cache, copies);
    }

    fn alike(&self, ty: TensorType) -> usize {
        self.device.alike(ty)
    }

    fn save(&self, cache: &Cache, spans: &[Span], out: &mut Vec<u8>) {
        self.device.save(cache, spans, out);
    }

    fn restore(&self, cache: &mut Cache, spans: &[Span], data: &[u8]) {
        self.device.restore(cache, spans, data);
    }

    fn convolve(
        &self,
        arena: &mut Arena,
        cache: &mut Cache,
        layer: usize,
        taps: &[f32],
        bcx: [Rows; 3],
        slots: &[u32],
        pasts: Pasts<'_>,
    ) {
        self.device.convolve(arena, cache, layer, taps, bcx, slots, pasts);
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
        self.device.attend_cache(arena, heads, bias, cache, layer, q, pasts, out);
    }
}
