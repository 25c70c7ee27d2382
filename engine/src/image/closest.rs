//! Pictures in the grid of tiles whose shape is closest to their own and, behind the tiles, whole, as InternVL is shown them.
//!
//! Source: transformers 5.24, `image_processing_pil_got_ocr2.py` (4.57.6's slow processor agrees with it).
//!
//! The non-obvious thing: of two grids that are equally close, the one with more tiles is taken where the picture has more
//! than half their pixels, so that a small picture is not blown up. And the whole is made of the picture itself, not of what
//! the tiles were cut from.

use super::split::tile;
use super::{Filter, ImageError, PassOrder, Picture, resize};

/// How many tiles pictures are cut into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closest {
    /// Fewest tiles beside the whole; one tile is the whole.
    pub least: u32,
    /// Most of them.
    pub most: u32,
}

impl Closest {
    /// Tiles of `side` across and down.
    #[must_use]
    pub fn grid(self, (width, height): (u32, u32), side: u32) -> (u32, u32) {
        let aspect = f64::from(width) / f64::from(height);
        let area = f64::from(width) * f64::from(height);
        let across = (1..=self.most).flat_map(|across| (1..=self.most / across).map(move |down| (across, down)));
        let mut grids: Vec<(u32, u32)> = across.filter(|(across, down)| across * down >= self.least).collect();
        grids.sort_by_key(|(across, down)| across * down);
        let (mut closest, mut best) = (f64::INFINITY, (1, 1));
        for (across, down) in grids {
            let off = (aspect - f64::from(across) / f64::from(down)).abs();
            let pixels = f64::from(side) * f64::from(side) * f64::from(across) * f64::from(down);
            if off < closest || (off == closest && area > 0.5 * pixels) {
                (closest, best) = (off, (across, down));
            }
        }
        best
    }

    /// How often the tower is shown a picture in such a grid: its tiles and the whole, which one tile is.
    #[must_use]
    pub fn shown((across, down): (u32, u32)) -> usize {
        let tiles = across as usize * down as usize;
        if tiles > 1 { tiles + 1 } else { 1 }
    }

    /// All that the tower is shown: tiles row by row, then the whole.
    ///
    /// # Errors
    /// A size on the way is outside the limits, or the system has no memory for it.
    pub fn cut(
        self,
        picture: &Picture,
        side: u32,
        filter: Filter,
        order: PassOrder,
    ) -> Result<Vec<Picture>, ImageError> {
        let (across, down) = self.grid((picture.width(), picture.height()), side);
        let sized = resize(picture, across * side, down * side, filter, order)?;
        if (across, down) == (1, 1) {
            return Ok(vec![sized]);
        }
        let mut shown = Vec::new();
        for (y, x) in (0..down).flat_map(|y| (0..across).map(move |x| (y * side, x * side))) {
            shown.push(tile(&sized, (x, y), side)?);
        }
        shown.push(resize(picture, side, side, filter, order)?);
        Ok(shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `get_optimal_tiled_canvas` of transformers 5.24.
    #[test]
    fn grids_are_the_originals() {
        let twelve = Closest { least: 1, most: 12 };
        for (size, grid) in [
            ((448, 448), (1, 1)),
            ((1, 1), (1, 1)),
            ((640, 480), (4, 3)),
            ((480, 640), (3, 4)),
            ((2000, 100), (12, 1)),
            ((100, 2000), (1, 12)),
            ((1920, 1080), (4, 2)),
            ((1000, 1000), (3, 3)),
            ((1300, 1300), (3, 3)),
            ((897, 448), (2, 1)),
            ((300, 200), (3, 2)),
            ((800, 600), (4, 3)),
            ((1344, 896), (3, 2)),
        ] {
            assert_eq!(twelve.grid(size, 448), grid, "{size:?}");
        }
        assert_eq!(Closest { least: 2, most: 5 }.grid((500, 500), 28), (2, 2));
        assert_eq!(Closest { least: 3, most: 4 }.grid((90, 40), 28), (3, 1));
        assert_eq!(Closest { least: 1, most: 1 }.grid((10, 10), 28), (1, 1));
        assert_eq!(Closest { least: 4, most: 6 }.grid((40, 90), 28), (1, 4));
        assert_eq!((Closest::shown((1, 1)), Closest::shown((1, 2)), Closest::shown((3, 4))), (1, 3, 13));
    }
}
