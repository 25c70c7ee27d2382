//! An 8-bit RGB picture and the limits every picture has to meet.
//!
//! The non-obvious thing: the fields are private because the length of the buffer is an invariant. Whoever holds a
//! [`Picture`] may index `rgb` by `width` and `height` without a check.

use super::ImageError;

/// Limits on pictures, checked against the header before decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageLimits {
    /// Longest file in bytes.
    pub file_bytes: u64,
    /// Longest width or height in pixels.
    pub side: u32,
    /// Largest width x height in pixels, of a picture or of all frames of a video together.
    pub pixels: u64,
    /// Largest long side / short side.
    pub aspect: u32,
    /// Most scans of a progressive JPEG.
    pub jpeg_scans: u32,
    /// Largest width x height x scans of a JPEG: the time a file can cost, whatever it holds.
    pub jpeg_work: u64,
    /// Most frames of a video, before any are left out.
    pub frames: u32,
    /// Largest width x height x frames of a GIF: the time a file can cost.
    pub gif_work: u64,
}

impl Default for ImageLimits {
    /// 64 MiB, 16,384 pixels a side, 64 Mpx, 200:1, 100 scans, 4,096 frames, 2^30 pixel visits of either.
    fn default() -> Self {
        Self {
            file_bytes: 64 << 20,
            side: 16_384,
            pixels: 64 << 20,
            aspect: 200,
            jpeg_scans: 100,
            jpeg_work: 1 << 30,
            frames: 4_096,
            gif_work: 1 << 30,
        }
    }
}

impl ImageLimits {
    /// Checks a size in pixels.
    ///
    /// # Errors
    /// [`ImageError::NoPixels`], [`ImageError::SideTooLong`], [`ImageError::TooManyPixels`] or
    /// [`ImageError::TooElongated`], in this order.
    pub fn check(&self, width: u32, height: u32) -> Result<(), ImageError> {
        if width == 0 || height == 0 {
            return Err(ImageError::NoPixels { width, height });
        }
        if width > self.side || height > self.side {
            return Err(ImageError::SideTooLong { width, height, limit: self.side });
        }
        let pixels = u64::from(width) * u64::from(height);
        if pixels > self.pixels {
            return Err(ImageError::TooManyPixels { width, height, pixels, limit: self.pixels });
        }
        let (long, short) = (width.max(height), width.min(height));
        if u64::from(long) > u64::from(short) * u64::from(self.aspect) {
            return Err(ImageError::TooElongated { width, height, limit: self.aspect });
        }
        Ok(())
    }

    /// Checks the length of a file in bytes.
    ///
    /// # Errors
    /// [`ImageError::Empty`] or [`ImageError::FileTooLarge`].
    pub fn check_file(&self, bytes: usize) -> Result<(), ImageError> {
        let bytes = bytes as u64;
        if bytes == 0 {
            return Err(ImageError::Empty);
        }
        if bytes > self.file_bytes {
            return Err(ImageError::FileTooLarge { bytes, limit: self.file_bytes });
        }
        Ok(())
    }
}

/// An 8-bit RGB picture: `height` rows of `width` pixels of 3 bytes, top row first, no padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

impl Picture {
    /// Takes `rgb`, `height * width * 3` bytes, without copying.
    ///
    /// # Errors
    /// A size outside `limits`, or [`ImageError::WrongLength`].
    pub fn new(width: u32, height: u32, rgb: Vec<u8>, limits: &ImageLimits) -> Result<Self, ImageError> {
        limits.check(width, height)?;
        let need = u64::from(width) * u64::from(height) * 3;
        if rgb.len() as u64 != need {
            return Err(ImageError::WrongLength { width, height, need, have: rgb.len() as u64 });
        }
        Ok(Self { width, height, rgb })
    }

    /// Copies RGB rows that lie `stride` bytes apart; the last row may end without its padding.
    ///
    /// # Errors
    /// A size outside `limits`, [`ImageError::ShortStride`], or [`ImageError::WrongLength`] when `rows` is too short.
    pub fn from_rows(
        width: u32,
        height: u32,
        stride: usize,
        rows: &[u8],
        limits: &ImageLimits,
    ) -> Result<Self, ImageError> {
        limits.check(width, height)?;
        let row = width as usize * 3;
        if stride < row {
            return Err(ImageError::ShortStride { width, row_bytes: row as u64, stride: stride as u64 });
        }
        let need = u128::from(height - 1) * stride as u128 + row as u128;
        if (rows.len() as u128) < need {
            let need = u64::try_from(need).unwrap_or(u64::MAX);
            return Err(ImageError::WrongLength { width, height, need, have: rows.len() as u64 });
        }
        let mut rgb = buffer(row * height as usize)?;
        for (out, line) in rgb.chunks_exact_mut(row).zip(rows.chunks(stride)) {
            out.copy_from_slice(&line[..row]);
        }
        Ok(Self { width, height, rgb })
    }

    /// For the stages of this module, whose sizes are right by construction.
    pub(super) fn of(width: u32, height: u32, rgb: Vec<u8>) -> Self {
        debug_assert_eq!(rgb.len() as u64, u64::from(width) * u64::from(height) * 3);
        Self { width, height, rgb }
    }

    /// Width in pixels, at least 1.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels, at least 1.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The pixels, `[height, width, 3]`.
    #[must_use]
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// The pixels, `[height, width, 3]`, without copying.
    #[must_use]
    pub fn into_rgb(self) -> Vec<u8> {
        self.rgb
    }
}

/// A zeroed buffer, or an error where the allocator has no room: a picture must not be able to abort the process.
pub(super) fn buffer<T: Clone + Default>(len: usize) -> Result<Vec<T>, ImageError> {
    let mut v = Vec::new();
    v.try_reserve_exact(len).map_err(|_| ImageError::OutOfMemory { bytes: len as u64 * size_of::<T>() as u64 })?;
    v.resize(len, T::default());
    Ok(v)
}
