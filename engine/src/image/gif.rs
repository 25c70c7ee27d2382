//! GIF animations (CompuServe 1990, version 89a) to sampled frames, as Pillow's `seek` and `convert("RGB")` show those that
//! only draw.
//!
//! The file is walked once before anything is decoded: every block must be whole, every frame inside the screen, and frames
//! and pixels within the limits, so that neither time nor memory depends on what the compressed data claims. Then the
//! `image` crate's decoder draws frame after frame, each over what the one before has left; only those that are sampled
//! are kept.
//!
//! The non-obvious thing: places that no frame has drawn, or whose frame was taken away again, are black, whatever
//! background colour the file names. Browsers and the decoder ignore that colour, too; Pillow does not.

use super::decode::compact;
use super::header::name_of;
use super::{ImageError, ImageLimits, Picture, Video, sample};
use image::codecs::gif::GifDecoder;
use image::{AnimationDecoder, ImageDecoder, Limits};
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

const FORMAT: &str = "GIF";

/// Decodes at most `wanted` frames of a GIF, those of [`sample`].
///
/// # Errors
/// [`ImageError::NotAVideo`]; those of the limits, of the file's structure and of the decoder.
pub fn decode_gif(bytes: &[u8], wanted: usize, limits: &ImageLimits) -> Result<Video, ImageError> {
    let Gif { width, height, frames, end } = walk(bytes, limits)?;
    let picked = sample(frames, wanted);
    limits.check_video(picked.len(), u64::from(width) * u64::from(height) * picked.len() as u64)?;
    let failed = |reason: String| ImageError::Decode { format: FORMAT, width, height, reason };
    // Nothing outside is touched from within, so there is no state a panic could leave half-written.
    let pictures = catch_unwind(AssertUnwindSafe(|| {
        let mut decoder = GifDecoder::new(Cursor::new(&bytes[..end])).map_err(|e| failed(e.to_string()))?;
        let mut most = Limits::default();
        (most.max_image_width, most.max_image_height) = (Some(limits.side), Some(limits.side));
        most.max_alloc = Some(limits.pixels.saturating_mul(8).saturating_add(limits.file_bytes));
        decoder.set_limits(most).map_err(|e| failed(e.to_string()))?;
        let mut drawn = decoder.into_frames().enumerate();
        let mut pictures = Vec::with_capacity(picked.len());
        for &number in &picked {
            // Frames in between are drawn, too: what they leave is seen in those that follow.
            let frame = loop {
                let (at, frame) = drawn.next().ok_or_else(|| failed(format!("it ends before frame {number}")))?;
                let frame = frame.map_err(|e| failed(format!("frame {at}: {e}")))?;
                if at == number {
                    break frame.into_buffer();
                }
            };
            if frame.dimensions() != (width, height) {
                let (w, h) = frame.dimensions();
                return Err(failed(format!("the decoder reads {w}x{h}")));
            }
            let rgb = compact(frame.into_raw(), 4, |p| [p[0], p[1], p[2]]);
            pictures.push(Arc::new(Picture::new(width, height, rgb, limits)?));
        }
        Ok(pictures)
    }))
    .unwrap_or(Err(ImageError::DecoderPanicked { format: FORMAT, width, height }))?;
    Video::new(pictures, limits)
}

/// A checked file.
#[derive(Debug)]
struct Gif {
    width: u32,
    height: u32,
    frames: usize,
    /// Behind the trailer.
    end: usize,
}

/// The rest of a file.
struct Rest<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Rest<'a> {
    fn take(&mut self, need: usize, what: &'static str) -> Result<&'a [u8], ImageError> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..need);
        self.at += need.min(rest.len());
        taken.ok_or(ImageError::Truncated { what, need: need as u64, have: rest.len() as u64 })
    }

    fn byte(&mut self, what: &'static str) -> Result<u8, ImageError> {
        Ok(self.take(1, what)?[0])
    }

    /// Blocks of up to 255 bytes, ended by an empty one.
    fn skip_blocks(&mut self, what: &'static str) -> Result<(), ImageError> {
        loop {
            match self.byte(what)? {
                0 => return Ok(()),
                length => self.take(usize::from(length), what)?,
            };
        }
    }

    /// Where the flags say that there are colours.
    fn skip_colours(&mut self, flags: u8) -> Result<(), ImageError> {
        if flags & 0x80 != 0 {
            self.take(3 << ((flags & 7) + 1), "GIF colour table")?;
        }
        Ok(())
    }
}

/// Checks a file's structure, in time linear in its length and without allocating.
fn walk(bytes: &[u8], limits: &ImageLimits) -> Result<Gif, ImageError> {
    limits.check_file(bytes.len())?;
    if !bytes.starts_with(b"GIF87a") && !bytes.starts_with(b"GIF89a") {
        return Err(ImageError::NotAVideo { found: name_of(bytes) });
    }
    let pair = |p: &[u8], i: usize| u32::from(u16::from_le_bytes([p[i], p[i + 1]]));
    let mut rest = Rest { bytes, at: 6 };
    let screen = rest.take(7, "GIF screen")?;
    let (width, height) = (pair(screen, 0), pair(screen, 2));
    limits.check(width, height)?;
    rest.skip_colours(screen[4])?;
    let mut frames = 0usize;
    loop {
        match rest.byte("GIF block")? {
            0x21 => {
                rest.byte("GIF extension")?;
                rest.skip_blocks("GIF extension")?;
            }
            0x2c => {
                let frame = rest.take(9, "GIF frame")?;
                for (what, start, length, limit) in [
                    ("frame width", pair(frame, 0), pair(frame, 4), width),
                    ("frame height", pair(frame, 2), pair(frame, 6), height),
                ] {
                    if length == 0 || start + length > limit {
                        return Err(ImageError::BadHeader { format: FORMAT, what, value: u64::from(length) });
                    }
                }
                rest.skip_colours(frame[8])?;
                rest.byte("GIF frame")?;
                rest.skip_blocks("GIF frame")?;
                frames += 1;
                limits.check_frames(frames)?;
                // A frame costs the screen, however small it is: all of it is drawn again.
                let work = u64::from(width) * u64::from(height) * frames as u64;
                if work > limits.gif_work {
                    let (frames, limit) = (frames as u64, limits.gif_work);
                    return Err(ImageError::TooMuchGif { width, height, frames, work, limit });
                }
            }
            0x3b => break,
            other => return Err(ImageError::BadHeader { format: FORMAT, what: "block", value: u64::from(other) }),
        }
    }
    limits.check_frames(frames)?;
    Ok(Gif { width, height, frames, end: rest.at })
}
