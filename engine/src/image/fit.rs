//! How a picture of any shape comes to fill a tower's square input: stretched, cut, or with room added.
//!
//! Cutting follows two originals that differ by a pixel: where what is too much has no middle, transformers rounds the
//! first row or column down, torchvision to the even one.

use super::picture::buffer;
use super::{Filter, ImageError, ImageLimits, PassOrder, Picture, resize};

/// What becomes of pictures that are not of the tower's shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fit {
    /// Resized to the tower's size, whatever their shape.
    #[default]
    Stretch,
    /// The shorter side is resized to the tower's, and the middle is cut out.
    Crop {
        /// An offset of half a pixel goes to the even number; otherwise down.
        even: bool,
    },
    /// Made square by room of one colour on both sides, the odd pixel behind, then resized.
    Pad {
        /// The colour.
        rgb: [u8; 3],
    },
}

impl Fit {
    /// `picture` as `width` x `height` pixels.
    ///
    /// # Errors
    /// A size on the way is outside the limits, or the system has no memory for it.
    pub fn apply(
        self,
        picture: &Picture,
        (width, height): (u32, u32),
        filter: Filter,
        order: PassOrder,
    ) -> Result<Picture, ImageError> {
        let (w, h) = (picture.width(), picture.height());
        match self {
            Self::Stretch => resize(picture, width, height, filter, order),
            Self::Crop { even } => {
                // The shorter side becomes the larger of the two wanted, which are the same for every tower.
                let side = width.max(height);
                let long = u32::try_from(u64::from(side) * u64::from(w.max(h)) / u64::from(w.min(h)));
                let long = long.unwrap_or(u32::MAX);
                let size = if w <= h { (side, long) } else { (long, side) };
                let sized = resize(picture, size.0, size.1, filter, order)?;
                let offset = |have: u32, want: u32| {
                    let extra = have - want;
                    let down = extra / 2;
                    down + u32::from(even && extra % 2 == 1 && down % 2 == 1)
                };
                let (left, top) = (offset(size.0, width) as usize, offset(size.1, height) as usize);
                let (line, count) = (size.0 as usize * 3, width as usize * 3);
                let mut rgb = buffer(count * height as usize)?;
                for (row, to) in rgb.chunks_exact_mut(count).enumerate() {
                    to.copy_from_slice(&sized.rgb()[(top + row) * line + left * 3..][..count]);
                }
                Picture::new(width, height, rgb, &ImageLimits { aspect: u32::MAX, ..ImageLimits::default() })
            }
            Self::Pad { rgb: colour } => {
                let side = w.max(h);
                ImageLimits::default().check(side, side)?;
                let line = side as usize * 3;
                let mut rgb = buffer(line * side as usize)?;
                rgb.chunks_exact_mut(3).for_each(|pixel: &mut [u8]| pixel.copy_from_slice(&colour));
                let (left, top) = (((side - w) / 2) as usize * 3, ((side - h) / 2) as usize);
                let count = w as usize * 3;
                for (from, to) in picture.rgb().chunks_exact(count).zip(rgb.chunks_exact_mut(line).skip(top)) {
                    to[left..left + count].copy_from_slice(from);
                }
                let square = Picture::new(side, side, rgb, &ImageLimits::default())?;
                resize(&square, width, height, filter, order)
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A picture whose red is the column and whose green is the row.
    fn picture(width: u32, height: u32) -> Picture {
        let at = |i: u32| u8::try_from(i).unwrap();
        let rgb = (0..height).flat_map(|y| (0..width).flat_map(move |x| [at(x), at(y), 9])).collect();
        Picture::new(width, height, rgb, &ImageLimits::default()).unwrap()
    }

    fn fit(fit: Fit, of: &Picture, side: u32) -> Result<Picture, ImageError> {
        fit.apply(of, (side, side), Filter::Bicubic, PassOrder::default())
    }

    #[test]
    fn the_middle_is_cut_out() {
        // No pixel is resized: the short side is the wanted one.
        for (width, even, left) in
            [(4, false, 0), (6, false, 1), (7, false, 1), (7, true, 2), (9, true, 2), (5, true, 0)]
        {
            let cut = fit(Fit::Crop { even }, &picture(width, 4), 4).unwrap();
            assert_eq!((cut.width(), cut.height(), cut.rgb()[0], cut.rgb()[1]), (4, 4, left, 0), "{width} {even}");
            let cut = fit(Fit::Crop { even }, &picture(4, width), 4).unwrap();
            assert_eq!((cut.rgb()[0], cut.rgb()[1]), (0, left), "{width} {even}");
        }
        let long = Picture::new(1, 200, vec![0; 600], &ImageLimits::default()).unwrap();
        assert!(matches!(fit(Fit::Crop { even: true }, &long, 224), Err(ImageError::SideTooLong { .. })));
    }

    #[test]
    fn room_is_added_on_both_sides() {
        let padded = fit(Fit::Pad { rgb: [50, 60, 70] }, &picture(5, 2), 5).unwrap();
        let pixel = |x: usize, y: usize| &padded.rgb()[(y * 5 + x) * 3..][..3];
        assert_eq!((pixel(0, 0), pixel(4, 4)), (&[50, 60, 70][..], &[50, 60, 70][..]));
        assert_eq!((pixel(0, 1), pixel(4, 2)), (&[0, 0, 9][..], &[4, 1, 9][..]));
        assert_eq!(pixel(2, 3), [50, 60, 70]);
    }
}
