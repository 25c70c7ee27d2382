//! Progressive pictures of which not all scans are there: coefficients that are not known yet are estimated from the DC
//! values around, so that a picture of DC values alone is not a grid of squares.
//!
//! The idea is T.81's, K.8; the window of 5 × 5 blocks and its weights are libjpeg-turbo's, since the pixels are to be the same.
//! The non-obvious thing: whether a coefficient counts as known is a matter of the scans' headers, not of its value; and
//! where the last scan ends early, what the scan before it made known counts.

use super::NATURAL;
use super::markers::{Component, Frame};
use super::scan::{Block, Coefficients};

/// The coefficients that are estimated: the first of the zigzag order.
const ESTIMATED: usize = 10;

type Window = [i32; 25];

/// Weights of the DC values for coefficients 1 to 5, where some others are known.
const BESIDE_OTHERS: [Window; 5] = [
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -7, 50, 0, -50, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [0, 0, -7, 0, 0, 0, 0, 50, 0, 0, 0, 0, 0, 0, 0, 0, 0, -50, 0, 0, 0, 0, 7, 0, 0],
    [0, 0, -1, 0, 0, 0, 0, 13, 0, 0, 0, 0, -24, 0, 0, 0, 0, 13, 0, 0, 0, 0, -1, 0, 0],
    [0, -1, 0, 1, 0, -1, 10, 0, -10, 1, 0, 0, 0, 0, 0, 1, -10, 0, 10, -1, 0, 1, 0, -1, 0],
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, 13, -24, 13, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
];

/// Weights for coefficients 0 to 9, where nothing but DC values is known.
const ALONE: [Window; ESTIMATED] = [
    [-2, -6, -8, -6, -2, -6, 6, 42, 6, -6, -8, 42, 152, 42, -8, -6, 6, 42, 6, -6, -2, -6, -8, -6, -2],
    [-1, -1, 0, 1, 1, -3, 13, 0, -13, 3, -3, 38, 0, -38, 3, -3, 13, 0, -13, 3, -1, -1, 0, 1, 1],
    [-1, -3, -3, -3, -1, -1, 13, 38, 13, -1, 0, 0, 0, 0, 0, 1, -13, -38, -13, 1, 1, 3, 3, 3, 1],
    [0, 0, 1, 0, 0, 0, 2, 7, 2, 0, 0, -5, -14, -5, 0, 0, 2, 7, 2, 0, 0, 0, 1, 0, 0],
    [-1, 0, 0, 0, 1, 0, 9, 0, -9, 0, 0, 0, 0, 0, 0, 0, -9, 0, 9, 0, 1, 0, 0, 0, -1],
    [0, 0, 0, 0, 0, 0, 2, -5, 2, 0, 1, 7, -14, 7, 1, 0, 2, -5, 2, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 1, 0, -1, 0, 0, 2, 0, -2, 0, 0, 1, 0, -1, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 1, -3, 1, 0, 0, 0, 0, 0, 0, 0, -1, 3, -1, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 1, 0, -1, 0, 0, -3, 0, 3, 0, 0, 1, 0, -1, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 1, 2, 1, 0, 0, 0, 0, 0, 0, 0, -1, -2, -1, 0, 0, 0, 0, 0, 0],
];

/// Bits that are missing of each coefficient, −1 for all.
type Missing = [i8; 64];

/// What the scans so far have made known of a progressive picture.
#[derive(Debug)]
pub(super) struct Known {
    /// After the last scan of each component, and before it.
    now: Vec<Missing>,
    before: Vec<Missing>,
    scans: u32,
    /// The last row of units for which the last scan had data.
    pub(super) good_row: usize,
}

impl Known {
    pub(super) fn nothing(components: usize) -> Self {
        Self { now: vec![[-1; 64]; components], before: vec![[-1; 64]; components], scans: 0, good_row: 0 }
    }

    pub(super) fn scan(&mut self, components: impl Iterator<Item = usize>, first: u8, last: u8, low: u8) {
        self.scans += 1;
        let (first, last) = (usize::from(first), usize::from(last));
        for component in components {
            for k in first.min(1)..=last.max(ESTIMATED - 1) {
                self.before[component][k] = if self.scans > 1 { self.now[component][k] } else { 0 };
            }
            self.now[component][first..=last].fill(low as i8);
        }
    }

    /// Whether anything is to be estimated: DC values of all components are there, and some of the first coefficients are
    /// not, or not in full.
    pub(super) fn estimates(&self, frame: &Frame) -> bool {
        let divisible = |component: &Component| {
            component.steps.is_some_and(|s| NATURAL[..ESTIMATED].iter().all(|&place| s[usize::from(place)] != 0))
        };
        frame.components.iter().all(divisible)
            && self.now.iter().all(|missing| missing[0] >= 0)
            && self.now.iter().any(|missing| missing[1..ESTIMATED].iter().any(|&bits| bits != 0))
    }

    /// The block at a place of a component, with estimates in it. `rows` of blocks are in its row of units.
    pub(super) fn block(
        &self,
        (number, component): (usize, &Component),
        plane: &Coefficients,
        (unit_row, unit_rows, rows): (usize, usize, usize),
        (row, column): (usize, usize),
    ) -> Block {
        let here = unit_row * component.v + row;
        let mut block = plane.blocks[here * plane.stride + column];
        let Some(steps) = component.steps else {
            return block;
        };
        let past = unit_row > self.good_row;
        let mut missing = if past { self.before[number] } else { self.now[number] };
        if past && self.scans <= 1 {
            missing = [-1; 64];
        }
        let window = window(component, plane, (here, column), (unit_row * rows + row, unit_rows * rows));
        let alone = missing[1..ESTIMATED].iter().all(|&bits| bits == -1);
        let kernels = if alone { &ALONE[1..] } else { &BESIDE_OTHERS };
        for (k, weights) in (1..).zip(kernels) {
            let place = usize::from(NATURAL[k]);
            if missing[k] != 0 && block[place] == 0 {
                let most = if missing[k] > 0 { (1 << missing[k]) - 1 } else { i64::MAX };
                block[place] = estimate(&window, weights, steps[0], steps[place], most);
            }
        }
        if alone {
            block[0] = estimate(&window, &ALONE[0], steps[0], steps[0], i64::MAX);
        }
        block
    }
}

/// The weighted sum of DC values in steps of a coefficient, rounded, at most so far from zero.
fn estimate(window: &Window, weights: &Window, dc_step: u16, step: u16, most: i64) -> i16 {
    let sum: i64 = window.iter().zip(weights).map(|(&dc, &weight)| i64::from(dc) * i64::from(weight)).sum();
    let sum = sum * i64::from(dc_step);
    let step = i64::from(step);
    let size = (((step << 7) + sum.abs()) / (step << 8)).min(most);
    (if sum < 0 { -size } else { size }) as i16
}

/// DC values of the 5 × 5 blocks around one; at the edges of the picture the last ones again.
fn window(
    component: &Component,
    plane: &Coefficients,
    (here, column): (usize, usize),
    (row, rows): (usize, usize),
) -> Window {
    // Rows are counted with the number of blocks that this row of units has, as libjpeg-turbo counts them.
    let above = if row > 0 { here - 1 } else { here };
    let far_above = if row > 1 { here - 2 } else { above };
    let below = if row + 1 < rows { here + 1 } else { here };
    let far_below = if row + 2 < rows { here + 2 } else { below };
    let mut window = [0; 25];
    for (values, line) in window.chunks_exact_mut(5).zip([far_above, above, here, below, far_below]) {
        for (value, at) in values.iter_mut().zip(column..) {
            let at = at.saturating_sub(2).min(component.blocks_wide - 1);
            *value = i32::from(plane.blocks[line * plane.stride + at][0]);
        }
    }
    window
}
