//! Where the patches of a picture are, in the order in which their rows stand.
//!
//! Rows that are merged behind the tower follow one another, and so do rows that see one another in a window (Bai et al. 2025,
//! Qwen2.5-VL, section 2.1.1; transformers' `vision_utils.py`). The non-obvious thing: windows are counted in merged rows, and
//! those at the right and at the bottom are smaller.

use super::Between;

/// The places of a picture's patches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// Line and column of each.
    pub at: Vec<(u32, u32)>,
    /// How many follow one another in each window.
    pub windows: Vec<usize>,
    /// For each merged row, line by line, the rows of its patches, line by line.
    pub merged: Vec<u32>,
    size: (usize, usize),
}

impl Places {
    /// Of `lines` lines of `columns` patches, one behind the other.
    #[must_use]
    pub fn in_lines(lines: usize, columns: usize) -> Self {
        Self::merging((lines, columns), 1, 0)
    }

    /// Of a whole number of squares of `merge` patches a side, in windows of `window` squares a side; 0 is one window.
    #[must_use]
    pub fn merging(size: (usize, usize), merge: usize, window: usize) -> Self {
        let (down, across) = (size.0 / merge, size.1 / merge);
        let (high, wide) = if window == 0 { (down, across) } else { (window, window) };
        let mut squares = Vec::with_capacity(down * across);
        let mut windows = Vec::new();
        for top in (0..down).step_by(high.max(1)) {
            for left in (0..across).step_by(wide.max(1)) {
                let before = squares.len();
                for y in top..(top + high).min(down) {
                    squares.extend((left..(left + wide).min(across)).map(|x| (y, x)));
                }
                windows.push((squares.len() - before) * merge * merge);
            }
        }
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let within = |(y, x): (usize, usize)| {
            let patch = move |i: usize| (number(y * merge + i / merge), number(x * merge + i % merge));
            (0..merge * merge).map(patch)
        };
        let mut stands = vec![0; squares.len()];
        for (row, &(y, x)) in squares.iter().enumerate() {
            stands[y * across + x] = row;
        }
        let each = merge * merge;
        let merged = stands.iter().flat_map(|row| (row * each..(row + 1) * each).map(number)).collect();
        Self { at: squares.into_iter().flat_map(within).collect(), windows, merged, size }
    }

    /// Three positions for each, of which the first is no place.
    #[must_use]
    pub fn positions(&self) -> Vec<u32> {
        self.at.iter().flat_map(|&(line, column)| [0, line, column]).collect()
    }

    /// What each place is in a square of `side` places: as many of these for each, and the share of every one.
    #[must_use]
    pub fn resampled(&self, side: usize, how: Between) -> (Vec<u32>, Vec<f32>) {
        let lengths = [self.size.0, self.size.1];
        let axes = lengths.map(|size| -> Vec<Vec<(u32, f32)>> {
            let one = |at: usize| match how {
                Between::Corners => between(at, size, side).into(),
                Between::Edges => covered(at, size, side),
            };
            (0..size).map(one).collect()
        });
        let (mut taps, mut weights) = (Vec::new(), Vec::new());
        for &(line, column) in &self.at {
            for &(y, share_down) in &axes[0][line as usize] {
                for &(x, share_across) in &axes[1][column as usize] {
                    taps.push(y * u32::try_from(side).unwrap_or(u32::MAX) + x);
                    weights.push(share_down * share_across);
                }
            }
        }
        (taps, weights)
    }
}

/// The two of `side` numbers between which number `at` of `size` lies, the first and the last being the same; in f32 as in the
/// original.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // sides are small
fn between(at: usize, size: usize, side: usize) -> [(u32, f32); 2] {
    let place = at as f32 * (side - 1) as f32 / (size - 1).max(1) as f32;
    let first = place.floor();
    let last = (side - 1) as u32;
    let share = place - first;
    [((first as u32).min(last), 1.0 - share), ((first as u32 + 1).min(last), share)]
}

/// Those of `side` numbers that number `at` of `size` covers, with their shares: a triangle around its middle, as wide as what
/// one of them covers at least (PyTorch's bilinear with antialias), in f32. All have as many; some have no share.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // sides are small
fn covered(at: usize, size: usize, side: usize) -> Vec<(u32, f32)> {
    let scale = side as f32 / size as f32;
    let support = scale.max(1.0);
    let centre = (at as f32 + 0.5) * scale - 0.5;
    let count = (2 * support.ceil() as usize + 1).min(side);
    let first = ((centre - support).ceil().max(0.0) as usize).min(side - count);
    let weight = |tap: usize| (1.0 - (tap as f32 - centre).abs() / support).max(0.0);
    let sum: f32 = (first..first + count).map(weight).sum();
    (first..first + count).map(|tap| (tap as u32, weight(tap) / sum)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Places, between, covered};

    /// Of torch's interpolate(mode="bilinear", align_corners=False, antialias=True) of unit vectors.
    #[test]
    fn places_take_what_they_cover() {
        assert_eq!(covered(0, 4, 4)[..2], [(0, 1.0), (1, 0.0)]);
        let near = |got: &[(u32, f32)], wanted: &[(u32, f32)]| {
            for (got, wanted) in got.iter().zip(wanted) {
                assert!(got.0 == wanted.0 && (got.1 - wanted.1).abs() < 1e-6, "{got:?} {wanted:?}");
            }
        };
        near(&covered(0, 8, 4), &[(0, 1.0), (1, 0.0), (2, 0.0)]);
        near(&covered(1, 8, 4), &[(0, 0.75), (1, 0.25), (2, 0.0)]);
        near(&covered(0, 2, 4), &[(0, 3.0 / 7.0), (1, 3.0 / 7.0), (2, 1.0 / 7.0), (3, 0.0)]);
        near(&covered(0, 1, 3), &[(0, 2.0 / 7.0), (1, 3.0 / 7.0), (2, 2.0 / 7.0)]);
    }

    /// Of transformers' get_vision_window_index and get_vision_position_ids for 6 x 4 patches in windows of two merged rows.
    #[test]
    fn patches_that_are_merged_follow_one_another_in_their_windows() {
        let plain = Places::merging((4, 4), 2, 0);
        assert_eq!(plain.at[..6], [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (0, 3)]);
        assert_eq!((plain.windows, plain.merged), (vec![16], (0..16).collect()));
        let cut = Places::merging((6, 6), 2, 2);
        assert_eq!(cut.windows, [16, 8, 8, 4]);
        assert_eq!(cut.at[8..10], [(2, 0), (2, 1)], "the second line of the first window");
        assert_eq!(cut.merged[8..12], [16, 17, 18, 19], "the third square of the first line");
        assert_eq!(Places::in_lines(2, 3).at, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]);
    }

    #[test]
    fn corners_are_corners() {
        assert_eq!(between(0, 7, 48), [(0, 1.0), (1, 0.0)]);
        assert_eq!(between(6, 7, 48), [(47, 1.0), (47, 0.0)]);
        assert_eq!(between(0, 1, 48), [(0, 1.0), (1, 0.0)], "a single place is the first");
        assert_eq!(between(1, 3, 6), [(2, 0.5), (3, 0.5)]);
    }
}
