//! Pictures in sizes near their own: whole squares of a number of pixels, within bounds of all pixels, the shape being kept as far
//! as squares allow.
//!
//! Source: transformers' `smart_resize` (`image_processing_qwen2_vl.py`), whose sums are in f64 and round half to even.
//!
//! The non-obvious thing: its bounds are no bounds. A picture that is made larger is rounded up to squares, and a side never
//! becomes shorter than one, so that a long picture may have more pixels than the most. Only the number of squares that
//! whoever runs the model allows is kept whatever the shape.

use super::{Filter, ImageError, ImageLimits, PassOrder, Picture, resize};

/// How pictures are scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scaled {
    /// Side of a square.
    pub square: u32,
    /// Fewest pixels.
    pub least: u64,
    /// Most pixels, as the original has them.
    pub most: u64,
    /// Most squares, whatever the shape.
    pub squares: u32,
    /// Whether a side that is rounded to nothing counts as a square before it is asked whether there are enough pixels.
    pub whole: bool,
}

impl Scaled {
    /// The shapes that pictures may have: longer ones are refused.
    pub const ASPECT: u32 = 200;

    /// Squares across and down of a picture of such a size.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // bounded below
    pub fn grid(self, (width, height): (u32, u32)) -> (u32, u32) {
        let square = f64::from(self.square.max(1));
        let area = square * square;
        let all = u64::from(self.squares.max(1));
        let most = self.most.min(all.saturating_mul(area as u64)).max(1);
        let least = self.least.min(most) as f64;
        let sides = [f64::from(height.max(1)), f64::from(width.max(1))];
        let fewest = if self.whole { 1.0 } else { 0.0 };
        let mut squares = sides.map(|side| (side / square).round_ties_even().max(fewest));
        let pixels = squares[0] * square * (squares[1] * square);
        if pixels > most as f64 {
            let shrink = (sides[0] * sides[1] / most as f64).sqrt();
            squares = sides.map(|side| (side / shrink / square).floor().max(1.0));
        } else if pixels < least {
            let grow = (least / (sides[0] * sides[1])).sqrt();
            squares = sides.map(|side| (side * grow / square).ceil());
        }
        let [mut down, mut across] = squares.map(|count| (count as u64).clamp(1, all));
        if across * down > all {
            // What is too much is taken off the longer side, which is the one with more than the root of it.
            if across >= down {
                across = (all / down).max(1);
                down = down.min(all / across);
            } else {
                down = (all / across).max(1);
                across = across.min(all / down);
            }
        }
        (across as u32, down as u32)
    }

    /// No picture becomes more squares.
    #[must_use]
    pub fn largest(self) -> u32 {
        let area = u64::from(self.square.max(1)).pow(2);
        let [least, most] = [self.least.min(self.most), self.most].map(|pixels| pixels.div_ceil(area));
        // One line of the longest shape, and what rounding up adds to both sides of it.
        let line = |squares: u64| (squares.saturating_mul(u64::from(Self::ASPECT))).isqrt() + 1;
        let bound = most.max(line(most)).max(least.saturating_add(2 * line(least)).saturating_add(1));
        u32::try_from(bound).unwrap_or(u32::MAX).min(self.squares).max(1)
    }

    /// The picture in its size.
    ///
    /// # Errors
    /// [`ImageError::TooElongated`], a size outside the limits, or the system has no memory for it.
    pub fn apply(self, picture: &Picture, filter: Filter, order: PassOrder) -> Result<Picture, ImageError> {
        let size = (picture.width(), picture.height());
        let limits = ImageLimits { aspect: Self::ASPECT, side: u32::MAX, pixels: u64::MAX, ..ImageLimits::default() };
        limits.check(size.0, size.1)?;
        let (across, down) = self.grid(size);
        resize(picture, across.saturating_mul(self.square), down.saturating_mul(self.square), filter, order)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const QWEN2: Scaled = Scaled { square: 28, least: 56 * 56, most: 28 * 28 * 1280, squares: 16_384, whole: false };

    /// Of `smart_resize` of transformers 5.24.
    #[test]
    fn sizes_are_the_originals() {
        for (size, grid) in [
            ((640, 480), (23, 17)),
            ((480, 640), (17, 23)),
            ((28, 28), (2, 2)),
            ((1, 1), (2, 2)),
            ((14, 200), (1, 8)),
            ((42, 700), (2, 25)),
            ((70, 700), (2, 25)),
            ((3000, 2000), (43, 29)),
            ((10_000, 50), (357, 2)),
            ((1, 200), (1, 29)),
        ] {
            assert_eq!(QWEN2.grid(size), grid, "{size:?}");
        }
    }

    #[test]
    fn no_picture_becomes_more_than_the_largest() {
        for (least, most, squares) in [(1, 1, 9), (3136, 28 * 28 * 12, 9999), (1 << 30, 1 << 30, 1024), (1, 1 << 20, 7)]
        {
            let scaled = Scaled { square: 28, least, most, squares, whole: false };
            for size in [(1, 1), (1, 200), (200, 1), (999, 1000), (16_384, 82), (82, 16_384), (600, 30), (41, 43)] {
                let (across, down) = scaled.grid(size);
                let got = across * down;
                assert!((1..=scaled.largest()).contains(&got), "{scaled:?} {size:?} {across} x {down}");
            }
        }
    }

    #[test]
    fn long_pictures_are_refused() {
        let picture = Picture::of(1, 201, vec![0; 603]);
        let error = QWEN2.apply(&picture, Filter::Bicubic, PassOrder::default()).unwrap_err();
        assert!(matches!(error, ImageError::TooElongated { width: 1, height: 201, limit: 200 }), "{error}");
    }
}
