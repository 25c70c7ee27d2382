//! Rows put together from rows, on the CPU: side by side, or one number for each column.

use super::table::Table;
use crate::kernels::{Activation, Gathered, NO_ROW};

/// Columns that are summed together: a cache line of each row.
const COLUMNS: usize = 16;

/// What the rows that `index` names become: `to` has room for all of them where they stand [`Gathered::Beside`] each
/// other, else for one. `rows` gives the numbers of a row and of those behind it, so many in all.
pub fn gather<'a>(
    table: &Table,
    index: &[u32],
    rows: impl Fn(usize, usize) -> &'a [f32],
    how: Gathered,
    act: Option<Activation>,
    to: &mut [f32],
) {
    if how == Gathered::Beside {
        beside(index, rows, to);
        if let Some(act) = act {
            (table.activate)(act, to);
        }
        return;
    }
    for (i, to) in to.chunks_mut(COLUMNS).enumerate() {
        let (mut sums, mut largest, mut count) = ([0f64; COLUMNS], [f32::NEG_INFINITY; COLUMNS], 0f64);
        for &at in index.iter().filter(|&&at| at != NO_ROW) {
            let mut values = [0f32; COLUMNS];
            values[..to.len()].copy_from_slice(&rows(at as usize, 1)[i * COLUMNS..][..to.len()]);
            if let Some(act) = act {
                (table.activate)(act, &mut values);
            }
            if how != Gathered::Largest {
                sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(value));
            } else {
                // Not f32::max, which drops a NaN: damage must show in the output.
                let larger = |old: f32, new: f32| if new > old || new.is_nan() { new } else { old };
                largest.iter_mut().zip(values).for_each(|(old, value)| *old = larger(*old, value));
            }
            count += 1.0;
        }
        #[allow(clippy::cast_possible_truncation)] // a mean of f32
        match how {
            Gathered::Mean => to.iter_mut().zip(sums).for_each(|(to, sum)| *to = (sum / count) as f32),
            Gathered::Added => to.iter_mut().zip(sums).for_each(|(to, sum)| *to += sum as f32),
            _ => to.copy_from_slice(&largest[..to.len()]),
        }
    }
}

/// Rows side by side; those that follow one another are copied together.
fn beside<'a>(mut index: &[u32], rows: impl Fn(usize, usize) -> &'a [f32], mut to: &mut [f32]) {
    let width = to.len() / index.len();
    while let Some(&first) = index.first() {
        let run = (first..NO_ROW).zip(index).take_while(|&(at, next)| at == *next).count().max(1);
        let part;
        (part, to) = to.split_at_mut(run * width);
        if first == NO_ROW {
            part.fill(0.0)
        } else {
            part.copy_from_slice(rows(first as usize, run))
        }
        index = &index[run..];
    }
}
