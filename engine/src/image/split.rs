//! Pictures in tiles and, behind them, as a whole, as Idefics3 and SmolVLM are shown them.
//!
//! Source: transformers 5.24, `image_processing_pil_idefics3.py` (4.57.6's slow processor agrees with it).
//!
//! The non-obvious thing: a picture is resized twice before it is cut, first to its longer side, its shape being kept, then to
//! whole tiles; and every picture is, so that a small one becomes as many tiles as a large one. The whole is made of what
//! was cut, not of the picture.

use super::picture::buffer;
use super::{Filter, ImageError, PassOrder, Picture, resize};

/// No side becomes longer, whatever a file says.
const LONGEST: u32 = 4096;

/// How pictures are split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// What the longer side becomes at first.
    pub longest: u32,
    /// Most tiles of a picture beside the whole; a picture that would have more is resized to fewer. 0 is that none are cut.
    pub most: u32,
}

impl Split {
    /// Tiles of `side` across and down; none where the picture is shown whole alone.
    #[must_use]
    pub fn grid(self, size: (u32, u32), side: u32) -> (u32, u32) {
        let (width, height) = self.sizes(size, side).1;
        if width > side || height > side { (width / side, height / side) } else { (0, 0) }
    }

    /// The sizes to which a picture is resized one after the other: its longer side, and whole tiles.
    fn sizes(self, size: (u32, u32), side: u32) -> ((u32, u32), (u32, u32)) {
        let mut longest = self.longest.min(LONGEST);
        if self.most == 0 {
            return (scaled(size, longest), (side, side));
        }
        loop {
            let first = scaled(size, longest);
            let tiled = whole_tiles(first, side);
            let tiles = u64::from(tiled.0 / side) * u64::from(tiled.1 / side);
            // One tile is the whole picture and always possible.
            if tiles <= u64::from(self.most) || longest <= side {
                return (first, if tiles > u64::from(self.most) { (side, side) } else { tiled });
            }
            longest = (longest - 1) / side * side;
        }
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
        let (first, tiled) = self.sizes((picture.width(), picture.height()), side);
        let sized = resize(&resize(picture, first.0, first.1, filter, order)?, tiled.0, tiled.1, filter, order)?;
        let (across, down) = (tiled.0 / side, tiled.1 / side);
        if (across, down) == (1, 1) {
            return Ok(vec![sized]);
        }
        let mut shown = Vec::new();
        for (y, x) in (0..down).flat_map(|y| (0..across).map(move |x| (y * side, x * side))) {
            shown.push(tile(&sized, (x, y), side)?);
        }
        shown.push(resize(&sized, side, side, filter, order)?);
        Ok(shown)
    }
}

/// The square of `side` pixels at a place of a picture.
pub(super) fn tile(picture: &Picture, (x, y): (u32, u32), side: u32) -> Result<Picture, ImageError> {
    let (line, count) = (picture.width() as usize * 3, side as usize * 3);
    let mut rgb = buffer(count * side as usize)?;
    for (row, to) in rgb.chunks_exact_mut(count).enumerate() {
        to.copy_from_slice(&picture.rgb()[(y as usize + row) * line + x as usize * 3..][..count]);
    }
    Ok(Picture::of(side, side, rgb))
}

/// The size whose longer side is `longest`, the shorter one as Python truncates it and made even.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // positive, and no longer than `longest`
fn scaled((width, height): (u32, u32), longest: u32) -> (u32, u32) {
    let aspect = f64::from(width) / f64::from(height);
    let even = |length: f64| {
        let length = length as u32;
        (length + length % 2).max(1)
    };
    if width >= height {
        (longest, even(f64::from(longest) / aspect).min(LONGEST))
    } else {
        (even(f64::from(longest) * aspect).min(LONGEST), longest)
    }
}

/// The size of whole tiles around a size: the longer side first, and the shorter one after what became of the longer.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // positive, and no longer than the longer side
fn whole_tiles((width, height): (u32, u32), side: u32) -> (u32, u32) {
    let aspect = f64::from(width) / f64::from(height);
    let whole = |length: u32| length.div_ceil(side).max(1) * side;
    if width >= height {
        let width = whole(width);
        (width, whole((f64::from(width) / aspect) as u32))
    } else {
        let height = whole(height);
        (whole((f64::from(height) * aspect) as u32), height)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::image::ImageLimits;

    const FOUR: Split = Split { longest: 2048, most: 64 };

    /// Of `get_resize_output_image_size` and `resize_for_vision_encoder` of transformers 5.24.
    #[test]
    fn grids_are_the_originals() {
        for (size, grid) in [
            ((512, 512), (4, 4)),
            ((1, 1), (4, 4)),
            ((640, 480), (4, 3)),
            ((480, 640), (3, 4)),
            ((2000, 100), (4, 1)),
            ((100, 2000), (1, 4)),
            ((1920, 1080), (4, 3)),
            ((2048, 1024), (4, 2)),
            ((2047, 1025), (4, 3)),
        ] {
            assert_eq!(FOUR.grid(size, 512), grid, "{size:?}");
        }
        assert_eq!(Split { longest: 1536, most: 64 }.grid((640, 480), 384), (4, 3));
        assert_eq!(Split { longest: 400, most: 64 }.grid((640, 480), 512), (0, 0), "one tile is the whole picture");
    }

    #[test]
    fn fewer_tiles_are_a_smaller_picture() {
        for (most, grid) in
            [(64, (4, 4)), (16, (4, 4)), (15, (3, 3)), (9, (3, 3)), (4, (2, 2)), (3, (0, 0)), (0, (0, 0))]
        {
            assert_eq!(Split { most, ..FOUR }.grid((700, 700), 512), grid, "{most}");
        }
        assert_eq!(Split { most: 4, ..FOUR }.grid((2000, 100), 512), (4, 1));
        assert_eq!(Split { most: 3, ..FOUR }.grid((2000, 100), 512), (3, 1));
    }

    #[test]
    fn tiles_come_row_by_row_and_the_whole_last() {
        let rgb = (0..8u8 * 4).flat_map(|i| [i, 0, 9]).collect();
        let picture = Picture::new(8, 4, rgb, &ImageLimits::default()).unwrap();
        let split = Split { longest: 8, most: 64 };
        let cut = split.cut(&picture, 4, Filter::Lanczos, PassOrder::default()).unwrap();
        assert_eq!((cut.len(), split.grid((8, 4), 4)), (3, (2, 1)));
        assert_eq!((cut[0].rgb()[0], cut[1].rgb()[0], cut[1].rgb()[12]), (0, 4, 12));
        assert_eq!((cut[2].width(), cut[2].height()), (4, 4));
        let whole = Split { longest: 8, most: 0 }.cut(&picture, 4, Filter::Lanczos, PassOrder::default()).unwrap();
        assert_eq!((whole.len(), whole[0].width(), whole[0].height()), (1, 4, 4));
    }
}
