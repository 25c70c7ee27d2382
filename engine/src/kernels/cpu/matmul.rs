//! Matmul on the CPU: which thread multiplies which panels, and what becomes of the products.

#![allow(unsafe_code)] // each panel's columns are written by one thread

use super::input::{self, GROUP};
use super::memory::{self, Memory};
use super::panel::{self, PANEL, TILE};
use super::{Cpu, disjoint};
use crate::kernels::{Activation, Product, Rows};
use crate::weights::{Linear, Norm};
use std::ops::Range;
use std::sync::PoisonError;

impl Cpu {
    /// See [`Device::matmul`](crate::kernels::Device::matmul).
    pub(super) fn products(&self, arena: &mut Memory, x: Rows, norm: Option<&Norm>, products: &[Product<'_>]) {
        for p in products {
            assert!(p.linear.inputs() == x.width && p.linear.outputs() == p.out.width && p.out.rows == x.rows);
            assert!(disjoint(x, p.out));
            let fits = |gate: &Linear| gate.inputs() == x.width && gate.outputs() == p.out.width && !p.add;
            assert!(p.gate.is_none_or(fits));
            assert!(p.columns.is_none_or(|columns| columns.len() == p.out.width && p.gate.is_none()));
        }
        let Memory { floats, input, scratch, .. } = arena;
        let (table, floats) = (self.isa.table(), floats.shared());
        let types = products.iter().flat_map(passes).map(|(linear, ..)| linear.weight.ty());
        let few = types.filter(|&ty| panel::reads_quants(ty)).map(|ty| x.rows <= (table.few)(ty));
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
                            (table.norm)(norm, row, to);
                        }
                        rows = to;
                    }
                    if let Some(few) = few {
                        input::quantise(table, rows, &mut input.group(first, count, x.width, few));
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
        let most = if x.rows == 1 { table.alone } else { 1 };
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
                        (table.multiply)(&weights, &input, from, rows, scratch, tile);
                        if let Some(bias) = bias {
                            tile.chunks_mut(run * PANEL).for_each(|row| Combine::Add(1.0).put(&mut row[..count], bias));
                        }
                        if let Some(act) = act {
                            (table.activate)(act, tile);
                        }
                        if let Some(columns) = product.columns {
                            let columns = &columns.get()[n..n + count];
                            tile.chunks_mut(run * PANEL).for_each(|row| Combine::Scale.put(&mut row[..count], columns));
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
