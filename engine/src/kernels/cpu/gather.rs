//! Rows put together from rows, on the CPU: side by side, or one number for each column.

use super::table::Table;
use crate::kernels::{Activation, Gathered, NO_ROW};

/// Columns that are summed together: a cache line of each row.
const COLUMNS: usize = 16;

/// What the rows that `index` names become: `to` has room for all of them where they stand [`Gathered::Beside`] each
/// other, else for one. `row` gives a row's numbers.
pub fn gather<'a>(
    table: &Table,
    index: &[u32],
    row: impl Fn(usize) -> &'a [f32],
    how: Gathered,
    act: Option<Activation>,
    to: &mut [f32],
) {
    if how == Gathered::Beside {
        for (to, &at) in to.chunks_exact_mut(to.len() / index.len()).zip(index) {
            if at == NO_ROW { to.fill(0.0) } else { to.copy_from_slice(row(at as usize)) }
        }
        if let Some(act) = act {
            (table.activate)(act, to);
        }
        return;
    }
    for (i, to) in to.chunks_mut(COLUMNS).enumerate() {
        let (mut sums, mut largest, mut count) = ([0f64; COLUMNS], [f32::NEG_INFINITY; COLUMNS], 0f64);
        for &at in index.iter().filter(|&&at| at != NO_ROW) {
            let mut values = [0f32; COLUMNS];
            let values = &mut values[..to.len()];
            values.copy_from_slice(&row(at as usize)[i * COLUMNS..][..to.len()]);
            if let Some(act) = act {
                (table.activate)(act, values);
            }
            for (value, (sum, largest)) in values.iter().zip(sums.iter_mut().zip(&mut largest)) {
                *sum += f64::from(*value);
                // Not f32::max, which drops a NaN: damage must show in the output.
                if *value > *largest || value.is_nan() {
                    *largest = *value;
                }
            }
            count += 1.0;
        }
        #[allow(clippy::cast_possible_truncation)] // a mean of f32
        match how {
            Gathered::Mean => to.iter_mut().zip(sums).for_each(|(to, sum)| *to = (sum / count) as f32),
            _ => to.copy_from_slice(&largest[..to.len()]),
        }
    }
}
