//! Pictures in sizes near their own and, where they are too large for that, in tiles as well (LFM2-VL).
//!
//! Source: transformers 5.24, `image_processing_lfm2_vl.py`; its filters are torch's, which are Pillow's but for the last bit.
//!
//! The non-obvious thing: what is too large is told by the picture rounded to whole squares, by another number of pixels than the
//! most that one view may have. The tiles have a shape of their own; the whole behind them is what a smaller picture is.

use super::split::tile;
use super::{Closest, Filter, ImageError, PassOrder, Picture, Scaled, resize};

/// How such pictures are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Large {
    /// How they come to a size near their own.
    pub whole: Scaled,
    /// How many tiles those have that are too large; one at most is no tiles.
    pub tiles: Closest,
    /// Side of a tile in pixels.
    pub side: u32,
    /// Side of a patch, which a side of a picture has at least.
    pub patch: u32,
    /// Most pixels of a picture that is not too large.
    pub most: u64,
}

impl Large {
    /// Tiles across and down; none where the picture is shown as it is.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // sides are bounded
    pub fn grid(self, (width, height): (u32, u32)) -> (u32, u32) {
        let square = f64::from(self.whole.square.max(1));
        let rounded = |side: u32| {
            let squares = (f64::from(side) / square).round_ties_even() as u64;
            (squares * u64::from(self.whole.square)).max(u64::from(self.patch))
        };
        if self.tiles.most < 2 || rounded(width) * rounded(height) <= self.most {
            return (0, 0);
        }
        self.tiles.grid((width, height), self.side)
    }

    /// All that the tower is shown: tiles row by row, then the whole.
    ///
    /// # Errors
    /// A size on the way is outside the limits, or the system has no memory for it.
    pub fn cut(self, picture: &Picture, filter: Filter, order: PassOrder) -> Result<Vec<Picture>, ImageError> {
        let (across, down) = self.grid((picture.width(), picture.height()));
        let mut shown = Vec::new();
        if across > 0 {
            let side = self.side;
            let sized = resize(picture, across * side, down * side, filter, order)?;
            for (y, x) in (0..down).flat_map(|y| (0..across).map(move |x| (y * side, x * side))) {
                shown.push(tile(&sized, (x, y), side)?);
            }
        }
        shown.push(self.whole.apply(picture, filter, order)?);
        Ok(shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the processor of transformers 5.24 with its own numbers.
    #[test]
    fn sizes_are_the_originals() {
        let whole = Scaled { square: 32, least: 65_536, most: 262_144, squares: 4_096, whole: true };
        let large = Large { whole, tiles: Closest { least: 2, most: 10 }, side: 512, patch: 16, most: 524_288 };
        for (size, grid, squares) in [
            ((256, 384), (0, 0), (8, 12)),
            ((1000, 3000), (1, 3), (9, 27)),
            ((512, 1024), (0, 0), (11, 22)),
            ((720, 752), (2, 2), (15, 16)),
            ((1, 100), (0, 0), (1, 80)),
            ((1920, 1080), (4, 2), (21, 12)),
            ((10, 10), (0, 0), (8, 8)),
        ] {
            assert_eq!((large.grid(size), large.whole.grid(size)), (grid, squares), "{size:?}");
        }
    }
}
