//! Where the rows of a sequence stand: on three axes (time, height, width; Wang et al. 2024, Qwen2-VL, section 2.1).
//!
//! Rows of text stand one behind the other, on all axes alike. The rows of a picture stand where its places are: they share
//! the time, and height and width go on from there line by line and column by column. What follows begins behind the
//! furthest of them, so a picture may take fewer positions than rows. Models with one axis have no such pictures, and a row's
//! position is its number.

/// The pictures of a sequence that stand as grids, in order.
#[derive(Debug, Clone, Default)]
pub struct Positions {
    grids: Vec<Grid>,
    /// Rows that stand nowhere, in order.
    nowhere: Vec<usize>,
}

/// A picture's rows.
#[derive(Debug, Clone, Copy)]
struct Grid {
    /// The number of its first row, and how many it has.
    first: usize,
    rows: usize,
    /// Rows of a line.
    width: usize,
    /// Where its first row stands.
    at: usize,
}

impl Grid {
    /// Where what follows begins.
    fn end(self) -> usize {
        self.at + self.width.min(self.rows).max(self.rows.div_ceil(self.width))
    }
}

impl Positions {
    /// Says that the rows from `first` on are a picture of `height` lines of `width` rows. Pictures come in order.
    pub fn grid(&mut self, first: usize, height: usize, width: usize) {
        if height > 0 && width > 0 {
            let at = self.next(first);
            self.grids.push(Grid { first, rows: height * width, width, at });
        }
    }

    /// Says that a row behind all that were named before has no position of its own, as padding has none.
    pub fn leave_out(&mut self, row: usize) {
        self.nowhere.push(row);
    }

    /// Whether a row has no position.
    #[must_use]
    pub fn is_left_out(&self, row: usize) -> bool {
        self.nowhere.binary_search(&row).is_ok()
    }

    /// Where row `row` stands if it is text: the next position of a sequence of so many rows.
    #[must_use]
    pub fn next(&self, row: usize) -> usize {
        let before = &self.grids[..self.grids.partition_point(|grid| grid.first + grid.rows <= row)];
        before.last().map_or(row, |grid| grid.end() + row - grid.first - grid.rows)
    }

    /// Where row `row` stands: time, height, width.
    #[must_use]
    pub fn of(&self, row: usize) -> [usize; 3] {
        let reached = &self.grids[..self.grids.partition_point(|grid| grid.first <= row)];
        match reached.last() {
            Some(grid) if row < grid.first + grid.rows => {
                let within = row - grid.first;
                [grid.at, grid.at + within / grid.width, grid.at + within % grid.width]
            }
            _ => [self.next(row); 3],
        }
    }

    /// Forgets all rows from `len` on; of a picture that is cut the rows before stay where they are.
    pub fn truncate(&mut self, len: usize) {
        self.nowhere.retain(|row| *row < len);
        self.grids.retain(|grid| grid.first < len);
        if let Some(last) = self.grids.last_mut() {
            last.rows = last.rows.min(len - last.first);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// What transformers finds for three tokens, a picture of 2 x 3 rows, two tokens, one of 4 x 1 rows, and a token.
    #[test]
    fn rows_stand_as_the_original_has_them() {
        let golden: serde_json::Value = serde_json::from_str(include_str!("../../tests/kernels/golden.json")).unwrap();
        let mut positions = Positions::default();
        positions.grid(3, 2, 3);
        positions.grid(11, 4, 1);
        for case in golden["rotary"].as_array().unwrap() {
            let want: Vec<[usize; 3]> = serde_json::from_value(case["positions"].clone()).unwrap();
            let got: Vec<[usize; 3]> = (0..want.len()).map(|row| positions.of(row)).collect();
            assert_eq!(got, want);
            assert_eq!(positions.next(want.len()) as u64, case["next"].as_u64().unwrap());
        }
    }

    #[test]
    fn a_cut_takes_positions_back() {
        let mut positions = Positions::default();
        positions.grid(3, 2, 3);
        assert_eq!((positions.next(9), positions.of(9)), (6, [6; 3]));
        positions.truncate(9);
        assert_eq!(positions.of(10), [7; 3], "a cut behind a picture changes nothing");
        positions.truncate(7);
        assert_eq!((positions.of(6), positions.of(7)), ([3, 4, 3], [6; 3]), "the first line is the furthest still");
        positions.truncate(5);
        assert_eq!((positions.of(4), positions.of(5)), ([3, 3, 4], [5; 3]));
        positions.truncate(3);
        assert_eq!((positions.of(3), positions.next(8)), ([3; 3], 8));
        positions.grid(3, 0, 5);
        assert_eq!(positions.of(3), [3; 3], "a picture of no rows stands nowhere");
    }
}
