//! Pictures of any shape for a tower of one: beside the whole, the tower is shown the picture in tiles of its own size
//! (LLaVA-NeXT's "anyres", Liu et al. 2024).
//!
//! Source: transformers 4.57.6, `select_best_resolution` and `image_processing_llava_next.py`; the original's
//! `process_anyres_image` agrees with it but for the order of the candidates, which is the file's to say.
//!
//! The non-obvious thing: a candidate is compared by the pixels of the picture that survive, not by its own. A picture that
//! is smaller than all candidates survives whole in each, and the one with the least room left over wins, or else the first.

use super::picture::buffer;
use super::{Filter, ImageError, ImageLimits, PassOrder, Picture, resize};

/// Sizes that pictures are fitted into, each a whole number of tiles across and down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tiles {
    sizes: Vec<(u32, u32)>,
}

impl Tiles {
    /// Candidates, width before height, in the order in which equal ones are preferred; each side is a multiple of `side`.
    /// None where there is no candidate, or one that is no multiple.
    #[must_use]
    pub fn new(sizes: Vec<(u32, u32)>, side: u32) -> Option<Self> {
        let whole = |length: u32| length > 0 && side > 0 && length.is_multiple_of(side);
        let fits = !sizes.is_empty() && sizes.iter().all(|&(width, height)| whole(width) && whole(height));
        fits.then_some(Self { sizes })
    }

    /// The candidates.
    #[must_use]
    pub fn sizes(&self) -> &[(u32, u32)] {
        &self.sizes
    }

    /// The candidate in which most of a picture survives; of equal ones the one that leaves the least room.
    #[must_use]
    pub fn best(&self, (width, height): (u32, u32)) -> (u32, u32) {
        let pixels = u64::from(width) * u64::from(height);
        let mut best: Option<((u32, u32), u64, u64)> = None;
        for &(w, h) in &self.sizes {
            let scale = (f64::from(w) / f64::from(width)).min(f64::from(h) / f64::from(height));
            let scaled = |length: u32| (f64::from(length) * scale) as u64;
            let survive = (scaled(width) * scaled(height)).min(pixels);
            let waste = (u64::from(w) * u64::from(h)).saturating_sub(survive);
            let better = best.is_none_or(|(_, most, least)| survive > most || (survive == most && waste < least));
            // What nothing of a picture survives in is never chosen; a picture of so odd a shape takes the first.
            if better && (survive > 0 || best.is_none()) {
                best = Some(((w, h), survive, waste));
            }
        }
        best.map_or((0, 0), |(size, ..)| size)
    }

    /// The picture in the middle of the best candidate, black around it, cut into tiles of `side`, row by row.
    ///
    /// # Errors
    /// A size on the way is outside the limits, or the system has no memory for it.
    pub fn cut(
        &self,
        picture: &Picture,
        side: u32,
        filter: Filter,
        order: PassOrder,
    ) -> Result<Vec<Picture>, ImageError> {
        let own = (picture.width(), picture.height());
        let (width, height) = self.best(own);
        let (w, h) = fitted(own, (width, height));
        let sized = resize(picture, w, h, filter, order)?;
        let (left, top) = ((width - w) / 2, (height - h) / 2);
        let mut tiles = Vec::new();
        for (y, x) in (0..height / side).flat_map(|y| (0..width / side).map(move |x| (y * side, x * side))) {
            let line = side as usize * 3;
            let mut rgb = buffer(line * side as usize)?;
            // Columns of the canvas that the tile and the picture share.
            let (from, to) = (x.max(left), (x + side).min(left + w));
            for (row, out) in (y..).zip(rgb.chunks_exact_mut(line)) {
                if from < to && (top..top + h).contains(&row) {
                    let start = ((row - top) as usize * w as usize + (from - left) as usize) * 3;
                    let count = (to - from) as usize * 3;
                    out[(from - x) as usize * 3..][..count].copy_from_slice(&sized.rgb()[start..][..count]);
                }
            }
            tiles.push(Picture::new(side, side, rgb, &ImageLimits::default())?);
        }
        Ok(tiles)
    }
}

/// The size of a picture that fills `(width, height)` on the tighter side, its shape being kept.
fn fitted((w, h): (u32, u32), (width, height): (u32, u32)) -> (u32, u32) {
    let (across, down) = (f64::from(width) / f64::from(w), f64::from(height) / f64::from(h));
    if across < down {
        (width, ((f64::from(h) * across).ceil() as u32).clamp(1, height))
    } else {
        (((f64::from(w) * down).ceil() as u32).clamp(1, width), height)
    }
}

/// What a picture's shape leaves of a grid of patches: those that are left out on the left and at the top, and those that stay.
#[must_use]
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // lengths are small
pub fn unpadded(
    (width, height): (f64, f64),
    (across, down): (usize, usize),
    rounds: bool,
) -> ((usize, usize), (usize, usize)) {
    let whole = |length: f64| {
        // As the original's, the nearest number of seven digits, which is exact in decimal.
        let length = if rounds { format!("{length:.7}").parse().unwrap_or(length) } else { length };
        length as usize
    };
    if width / height > across as f64 / down as f64 {
        let new = whole(height * (across as f64 / width));
        let cut = down.saturating_sub(new) / 2;
        ((0, cut), (across, down - 2 * cut))
    } else {
        let new = whole(width * (down as f64 / height));
        let cut = across.saturating_sub(new) / 2;
        ((cut, 0), (across - 2 * cut, down))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_whole_tiles() {
        assert!(Tiles::new(vec![(4, 8)], 4).is_some());
        for sizes in [vec![], vec![(4, 6)], vec![(0, 4)], vec![(4, 4), (3, 4)]] {
            assert_eq!(Tiles::new(sizes, 4), None);
        }
        assert_eq!(Tiles::new(vec![(4, 4)], 0), None);
    }

    /// Values of `select_best_resolution` of transformers 4.57.6, which has height before width.
    #[test]
    fn the_best_candidate_is_the_originals() {
        let sizes = vec![(672, 336), (336, 672), (672, 672), (336, 1008), (1008, 336)];
        let tiles = Tiles::new(sizes, 336).unwrap();
        for (own, best) in [
            ((100, 80), (672, 336)),
            ((336, 336), (672, 336)),
            ((640, 480), (672, 672)),
            ((2000, 300), (1008, 336)),
            ((300, 2000), (336, 1008)),
            ((337, 300), (672, 336)),
            ((300, 337), (336, 672)),
            ((1, 200), (672, 336)),
        ] {
            assert_eq!(tiles.best(own), best, "{own:?}");
        }
    }

    #[test]
    fn a_picture_stands_in_the_middle_on_black() {
        let rgb = (0..6 * 3).flat_map(|i| [100 + i as u8, 0, 9]).collect();
        let picture = Picture::new(6, 3, rgb, &ImageLimits::default()).unwrap();
        // Its width is the candidate's, so that nothing is resized.
        let tiles = Tiles::new(vec![(6, 6)], 3).unwrap();
        let cut = tiles.cut(&picture, 3, Filter::Bicubic, PassOrder::default()).unwrap();
        assert_eq!(cut.len(), 4);
        // One row of black above, and two below.
        let red = |tile: usize, y: usize, x: usize| cut[tile].rgb()[(y * 3 + x) * 3];
        assert_eq!((red(0, 0, 0), red(0, 1, 0), red(0, 2, 2)), (0, 100, 108));
        assert_eq!((red(1, 1, 0), red(1, 2, 2)), (103, 111));
        assert_eq!((red(2, 0, 0), red(2, 1, 0), red(3, 0, 2)), (112, 0, 117));
    }
    /// The original cuts a fraction off that is nothing but rounding, transformers does not: 4.57.6's and the original's
    /// functions of these sizes.
    #[test]
    fn padding_is_found_as_it_was_made() {
        assert_eq!(unpadded((640.0, 480.0), (48, 48), true), ((0, 6), (48, 36)));
        assert_eq!(unpadded((480.0, 640.0), (48, 48), true), ((6, 0), (36, 48)));
        assert_eq!(unpadded((2000.0, 300.0), (72, 24), true), ((0, 7), (72, 10)));
        assert_eq!(unpadded((1.0, 200.0), (24, 48), true), ((12, 0), (0, 48)));
    }
}
