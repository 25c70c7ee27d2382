//! What blocks call: every op of a device, on one arena, with a look at the cancel flag before it.

use super::{
    Activation, Arena, Bias, Cache, Device, Gathered, Growth, Heads, Pairs, Pasts, Product, Rows, SlotCopy, Weights,
};
use crate::cancel::CancelHandle;
use crate::error::Error;
use crate::weights::{Norm, Table};
use std::ops::ControlFlow;

/// A device with the arena it works on, and the flag that stops it: all that a block needs to run.
pub struct Exec<'a> {
    /// Where the ops run.
    pub device: &'a dyn Device,
    /// The activations.
    pub arena: &'a mut Arena,
    /// Looked at before every op.
    pub cancel: &'a CancelHandle,
    /// Told of layers before they run.
    pub told: Option<&'a mut Told<'a>>,
}

/// Told how many layers of how many have run; `Break` is a cancel.
pub type Told<'a> = dyn FnMut(usize, usize) -> ControlFlow<()> + 'a;

#[allow(clippy::missing_errors_doc, missing_docs)] // each is the device's op of that name; all fail with Cancelled only
impl Exec<'_> {
    pub fn layer(&mut self, done: usize, total: usize) -> Result<(), Error> {
        let told = self.told.as_mut().map(|told| told(done, total));
        if told.is_some_and(|told| told.is_break()) { Err(Error::Cancelled) } else { Ok(()) }
    }

    pub fn write(&mut self, to: Rows, data: &[f32]) -> Result<(), Error> {
        self.cancel.check()?;
        self.device.write(self.arena, to, data);
        Ok(())
    }

    pub fn read(&mut self, from: Rows, data: &mut [f32]) -> Result<(), Error> {
        self.cancel.check()?;
        self.device.read(self.arena, from, data);
        Ok(())
    }

    pub fn gather(
        &mut self,
        table: &Table,
        ids: &[u32],
        weights: Weights<'_>,
        out: Rows,
        add: bool,
    ) -> Result<(), Error> {
        self.cancel.check()?;
        self.device.gather(self.arena, table, ids, weights, out, add);
        Ok(())
    }

    pub fn gather_rows(
        &mut self,
        from: Rows,
        index: &[u32],
        how: Gathered,
        act: Option<Activation>,
        to: Rows,
    ) -> Result<(), Error> {
        self.cancel.check()?;
        self.device.gather_rows(self.arena, from, index, how, act, to);
        Ok(())
    }

    pub fn norm(&mut self, norm: &Norm, x: Rows, out: Rows, add: bool) -> Result<(), Error> {
        self.cancel.check()?;
        self.device.norm(self.arena, norm, x, out, add);
        Ok(())
    }

    pub fn matmul(&mut self, x: Rows, norm: Option<&Norm>, products: &[Product<'_>]) -> Result<(), Error> {
        self.cancel.check()?;
        self.device.matmul(self.arena, x, norm, products);
        Ok(())
    }

    pub fn angles(
        &mut self,
        frequencies: &[f32],
        axes: &[u8],
        scale: f32,
        positions: &[u32],
        out: Rows,
    ) -> Result<(), Error> {
        self.cancel.check()?;
        self.device.angles(self.arena, frequencies, axes, scale, positions, out);
        Ok(())
    }

    pub fn grow(&mut self, growth: Growth<'_>, positions: &[u32], angles: Rows) -> Result<(), Error> {
        self.cancel.check()?;
        self.device.grow(self.arena, growth, positions, angles);
        Ok(())
    }

    pub fn waves(&mut self, frequencies: &[f32], positions: &[u32], out: Rows) -> Result<(), Error> {
        self.cancel.check()?;
        self.device.waves(self.arena, frequencies, positions, out);
        Ok(())
    }

    pub fn rotate(&mut self, heads: &[Rows], width: usize, angles: Rows, pairs: Pairs) -> Result<(), Error> {
        self.cancel.check()?;
        self.device.rotate(self.arena, heads, width, angles, pairs);
        Ok(())
    }

    pub fn attend(&mut self, heads: Heads, bias: Bias<'_>, q: Rows, k: Rows, v: Rows, out: Rows) -> Result<(), Error> {
        self.cancel.check()?;
        self.device.attend(self.arena, heads, bias, q, k, v, out);
        Ok(())
    }

    pub fn store(&mut self, cache: &mut Cache, layer: usize, k: Rows, v: Rows, slots: &[u32]) -> Result<(), Error> {
        self.cancel.check()?;
        self.device.store(self.arena, cache, layer, k, v, slots);
        Ok(())
    }

    pub fn convolve(
        &mut self,
        cache: &mut Cache,
        layer: usize,
        taps: &[f32],
        bcx: [Rows; 3],
        slots: &[u32],
        pasts: Pasts<'_>,
    ) -> Result<(), Error> {
        self.cancel.check()?;
        self.device.convolve(self.arena, cache, layer, taps, bcx, slots, pasts);
        Ok(())
    }

    pub fn copy(&mut self, cache: &mut Cache, copies: &[SlotCopy]) -> Result<(), Error> {
        self.cancel.check()?;
        self.device.copy(cache, copies);
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    pub fn attend_cache(
        &mut self,
        heads: Heads,
        bias: Bias<'_>,
        cache: &Cache,
        layer: usize,
        q: Rows,
        pasts: Pasts<'_>,
        out: Rows,
    ) -> Result<(), Error> {
        self.cancel.check()?;
        self.device.attend_cache(self.arena, heads, bias, cache, layer, q, pasts, out);
        Ok(())
    }
}
