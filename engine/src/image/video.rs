//! A clip: pictures in the order of time that a model sees as one thing (Alayrac et al. 2022, Flamingo, section 2.1).
//!
//! The non-obvious thing: frames are sampled by their number, not by the time they stand, evenly from the first to the last
//! with both among them. A model that has learned what the n-th of its frames means learned it of frames at even distances.

use super::hash::mixed;
use super::{ImageError, ImageLimits, Picture, content_hash};
use std::sync::Arc;

/// Pictures in order, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Video {
    frames: Vec<Arc<Picture>>,
}

impl Video {
    /// Takes the frames as they are; for fewer of them see [`sample`].
    ///
    /// # Errors
    /// [`ImageError::NoFrames`], [`ImageError::TooManyFrames`], and [`ImageError::TooMuchVideo`] where all frames together
    /// have more pixels than one picture may.
    pub fn new(frames: Vec<Arc<Picture>>, limits: &ImageLimits) -> Result<Self, ImageError> {
        limits.check_frames(frames.len())?;
        let pixels = frames.iter().map(|p| u64::from(p.width()) * u64::from(p.height())).sum();
        limits.check_video(frames.len(), pixels)?;
        Ok(Self { frames })
    }

    /// The frames in order.
    #[must_use]
    pub fn frames(&self) -> &[Arc<Picture>] {
        &self.frames
    }

    /// Hash of the frames and their order; that of one frame is not the hash of that picture.
    #[must_use]
    pub fn content_hash(&self) -> u128 {
        self.frames.iter().fold(self.frames.len() as u128, |hash, frame| mixed(hash, content_hash(frame)))
    }
}

impl ImageLimits {
    /// Checks the number of frames that a video has before any are left out.
    ///
    /// # Errors
    /// [`ImageError::NoFrames`], [`ImageError::TooManyFrames`].
    pub fn check_frames(&self, frames: usize) -> Result<(), ImageError> {
        let frames = frames as u64;
        if frames == 0 {
            return Err(ImageError::NoFrames);
        }
        let limit = u64::from(self.frames);
        if frames > limit { Err(ImageError::TooManyFrames { frames, limit }) } else { Ok(()) }
    }

    /// Checks what frames that are in memory together take.
    pub(super) fn check_video(&self, frames: usize, pixels: u64) -> Result<(), ImageError> {
        let (frames, limit) = (frames as u64, self.pixels);
        if pixels > limit { Err(ImageError::TooMuchVideo { frames, pixels, limit }) } else { Ok(()) }
    }
}

/// Which `wanted` of `available` frames are taken, in order: i (available - 1) / (wanted - 1) for i = 0, 1, …, to the
/// nearest, halves up. Where there are no more than wanted all are taken, none twice; one is the first.
#[must_use]
pub fn sample(available: usize, wanted: usize) -> Vec<usize> {
    if wanted >= available {
        return (0..available).collect();
    }
    let (span, steps) = (available - 1, wanted.saturating_sub(1).max(1));
    // Quotient and rest apart: the product of two lengths may be too long.
    let place = |i: usize| i * (span / steps) + (2 * i * (span % steps) + steps) / (2 * steps);
    (0..wanted).map(place).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn grey(level: u8, side: u32) -> Arc<Picture> {
        let rgb = vec![level; (side * side * 3) as usize];
        Arc::new(Picture::new(side, side, rgb, &ImageLimits::default()).unwrap())
    }

    #[test]
    fn samples_are_even_from_the_first_to_the_last() {
        assert_eq!(sample(30, 8), [0, 4, 8, 12, 17, 21, 25, 29]);
        assert_eq!(sample(9, 3), [0, 4, 8]);
        assert_eq!(sample(4, 3), [0, 2, 3], "halves go up");
        assert_eq!(sample(5, 1), [0]);
        assert_eq!(sample(3, 8), [0, 1, 2]);
        assert!(sample(0, 8).is_empty() && sample(8, 0).is_empty());
        for (available, wanted) in [(1000, 7), (97, 96), (2, 2), (256, 31)] {
            let all = sample(available, wanted);
            assert_eq!((all[0], all[wanted - 1], all.len()), (0, available - 1, wanted));
            assert!(all.windows(2).all(|w| w[0] < w[1]));
        }
    }

    #[test]
    fn order_number_and_kind_tell_videos_apart() {
        let limits = ImageLimits::default();
        let hash =
            |levels: &[u8]| Video::new(levels.iter().map(|&l| grey(l, 2)).collect(), &limits).unwrap().content_hash();
        let all =
            [hash(&[1]), hash(&[1, 2]), hash(&[2, 1]), hash(&[1, 1]), hash(&[1, 1, 1]), content_hash(&grey(1, 2))];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b), "{i}");
        }
        assert_eq!(hash(&[1, 2]), all[1]);
    }

    #[test]
    fn frames_together_stay_within_the_limits_of_a_picture() {
        let limits = ImageLimits { pixels: 30, frames: 4, ..ImageLimits::default() };
        let new = |n: usize, side| Video::new(vec![grey(0, side); n], &limits);
        assert_eq!(new(3, 3).unwrap().frames().len(), 3);
        assert_eq!(new(0, 3), Err(ImageError::NoFrames));
        assert_eq!(new(5, 1), Err(ImageError::TooManyFrames { frames: 5, limit: 4 }));
        assert_eq!(new(4, 3), Err(ImageError::TooMuchVideo { frames: 4, pixels: 36, limit: 30 }));
    }
}
