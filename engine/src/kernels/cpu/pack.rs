//! Unpacking a panel for [`super::tile`]: sixteen weight rows become columns, once for all input rows.
//!
//! Floats lie k-major, sixteen columns a line. A block of 32 integers becomes, in lines of 64 bytes: the scales of the 16
//! columns (one line for each half that has its own), their minima where the format has them, and the integers. Those lie
//! as the instruction set's products take them; where nothing else is said, in eight lines, of which line `s` holds inputs
//! `4s .. 4s + 4` of columns 0 to 15, so that four bytes are a lane.

use super::formats::Packed;
use super::input::BLOCK;
use super::lanes::Lanes;
use super::panel::{Line, PANEL, Weights};
use half::{bf16, f16};
use ocelli_quant::TensorType;

/// Bytes ahead of the loads that are asked for: with sixteen rows at once processors lose track.
const AHEAD: usize = 512;

/// How an instruction set wants the integers of a panel. As a [`Lanes`], a value is a token, and all that is built on it is
/// compiled into a function that has the instructions.
pub trait Panels: Copy {
    /// Its lanes.
    type Lanes: Lanes;

    /// Their token.
    fn lanes(self) -> Self::Lanes;
    /// The bytes of a group of 32 inputs of a block, four to a lane.
    fn quants<P: Packed>(self, block: &[u8], group: usize) -> <Self::Lanes as Lanes>::Floats;
    /// Scales of the eight groups of a block for their first halves and their second ones, and minima. Where both halves have
    /// the same only the first is set; formats of one group fill every lane with it.
    fn factors<P: Packed>(self, block: &[u8]) -> [[<Self::Lanes as Lanes>::Floats; 2]; 2];

    /// Lines that the integers of a block take.
    #[inline(always)]
    fn lines<P: Packed>() -> usize {
        BLOCK / 4
    }

    /// Lays the integers of columns 0 to 7, or of 8 to 15, into a block's lines.
    #[inline(always)]
    fn lay<P: Packed>(self, columns: [<Self::Lanes as Lanes>::Floats; 8], half: usize, to: &mut [[f32; 8]]) {
        let steps = self.lanes().transpose(columns);
        for (to, step) in to.chunks_exact_mut(2).zip(steps) {
            self.lanes().store(&mut to[half], step);
        }
    }
}

/// Lines that a group of 32 inputs takes: scales, minima, integers.
#[inline(always)]
pub fn lines<T: Panels, P: Packed>() -> usize {
    P::HALVES + P::MINS + T::lines::<P>()
}

/// Makes room for a panel of `count` lines.
fn reserve(packed: &mut Vec<Line>, count: usize) {
    if packed.len() < count {
        packed.resize(count, bytemuck::Zeroable::zeroed());
    }
}

/// A float as files have it.
trait Stored {
    /// Eight of them.
    ///
    /// # Safety
    /// They are at `from`.
    unsafe fn eight<L: Lanes>(lanes: L, from: *const u8) -> L::Floats;
}

impl Stored for f32 {
    #[inline(always)]
    unsafe fn eight<L: Lanes>(lanes: L, from: *const u8) -> L::Floats {
        // SAFETY: the caller's promise.
        unsafe { lanes.read(from.cast()) }
    }
}

impl Stored for f16 {
    #[inline(always)]
    unsafe fn eight<L: Lanes>(lanes: L, from: *const u8) -> L::Floats {
        // SAFETY: the caller's promise.
        unsafe { lanes.read_f16(from.cast()) }
    }
}

impl Stored for bf16 {
    #[inline(always)]
    unsafe fn eight<L: Lanes>(lanes: L, from: *const u8) -> L::Floats {
        // SAFETY: the caller's promise.
        unsafe { lanes.read_bf16(from.cast()) }
    }
}

/// Fills `packed` with a panel of a float format.
#[inline(always)]
pub fn floats<L: Lanes>(lanes: L, weights: &Weights<'_>, packed: &mut Vec<Line>) {
    reserve(packed, weights.width);
    match weights.ty {
        TensorType::F16 => k_major::<L, f16>(lanes, weights, bytemuck::cast_slice_mut(packed)),
        TensorType::BF16 => k_major::<L, bf16>(lanes, weights, bytemuck::cast_slice_mut(packed)),
        _ => k_major::<L, f32>(lanes, weights, bytemuck::cast_slice_mut(packed)),
    }
}

#[inline(always)]
fn k_major<L: Lanes, F: Stored>(lanes: L, weights: &Weights<'_>, packed: &mut [f32]) {
    let row_bytes = weights.bytes.len() / weights.rows;
    let eight = 8 * size_of::<F>();
    let mut rows: [&[u8]; PANEL] = [&[]; PANEL];
    for (row, bytes) in rows.iter_mut().zip(weights.bytes.chunks_exact(row_bytes)) {
        *row = bytes;
    }
    let columns = packed.as_chunks_mut::<PANEL>().0;
    for k in 0..weights.width.div_ceil(8) {
        let columns = &mut columns[k * 8..weights.width.min(k * 8 + 8)];
        for half in 0..2 {
            let mut r = [lanes.splat(0.0); 8];
            for (r, row) in r.iter_mut().zip(&rows[half * 8..half * 8 + 8]) {
                let rest = row.get(k * eight..).unwrap_or(&[]);
                let mut last = [0; 32];
                let mut from = rest.as_ptr();
                if rest.len() >= eight {
                    lanes.prefetch_line(from.wrapping_add(AHEAD));
                } else {
                    last[..rest.len()].copy_from_slice(rest);
                    from = last.as_ptr();
                }
                // SAFETY: eight are in the row, or in `last`.
                *r = unsafe { F::eight(lanes, from) };
            }
            let r = lanes.transpose(r);
            for (i, column) in columns.iter_mut().enumerate() {
                lanes.store(&mut column.as_chunks_mut().0[half], r[i]);
            }
        }
    }
}

/// Fills `packed` with a panel of a block format.
#[inline(always)]
pub fn ints<P: Packed, T: Panels>(panels: T, weights: &Weights<'_>, packed: &mut Vec<Line>) {
    let lanes = panels.lanes();
    let lines = lines::<T, P>();
    reserve(packed, weights.width / BLOCK * lines);
    let row_bytes = weights.bytes.len() / weights.rows;
    // The factors of a file's block for each column: scales of both halves, minima of both.
    let mut all = [[[0f32; 8]; 4]; PANEL];
    let last = row_bytes.saturating_sub(AHEAD) * P::GROUPS / P::BYTES;
    for (b, lines) in packed.chunks_exact_mut(lines).take(weights.width / BLOCK).enumerate() {
        let (block, group) = (b / P::GROUPS, b % P::GROUPS);
        let (head, body) = lines.split_at_mut(P::HALVES + P::MINS);
        let head: &mut [f32] = bytemuck::cast_slice_mut(head);
        let body: &mut [[f32; 8]] = bytemuck::cast_slice_mut(body);
        head.fill(0.0);
        for half in 0..2 {
            let mut columns = [lanes.splat(0.0); 8];
            for (i, column) in columns.iter_mut().enumerate().take(weights.rows.saturating_sub(half * 8)) {
                let n = half * 8 + i;
                let block = &weights.bytes[n * row_bytes + block * P::BYTES..][..P::BYTES];
                let at = block.as_ptr().wrapping_add(group * P::BYTES / P::GROUPS + AHEAD);
                // Behind the end of a row comes the next panel's, not the next row, which is read beside it.
                lanes.prefetch_line(if b < last { at } else { at.wrapping_add((PANEL - 1) * row_bytes) });
                *column = panels.quants::<P>(block, group);
                let all = &mut all[n];
                if group == 0 {
                    let [scales, mins] = panels.factors::<P>(block);
                    for h in 0..P::HALVES {
                        lanes.store(&mut all[h], scales[h]);
                    }
                    for h in 0..P::MINS {
                        lanes.store(&mut all[2 + h], mins[h]);
                    }
                }
                for h in 0..P::HALVES {
                    head[h * PANEL + n] = all[h][group];
                }
                for h in 0..P::MINS {
                    head[(P::HALVES + h) * PANEL + n] = all[2 + h][group];
                }
            }
            panels.lay::<P>(columns, half, body);
        }
    }
}
