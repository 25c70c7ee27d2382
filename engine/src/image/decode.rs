//! PNG and JPEG files to RGB, as Pillow's `Image.open(...).convert("RGB")`.
//!
//! JPEG has a decoder of its own (see `jpeg`). For PNG the `image` crate does the decoding; this file decides what reaches it
//! (see `header`) and how its samples become 8-bit RGB. What Pillow 13 does, and so what happens here: alpha and transparent
//! colours are dropped without blending; 16-bit RGB, RGBA and grey+alpha keep the high byte; 16-bit grey is *clipped* at 255
//! (not scaled); 1-, 2- and 4-bit grey is spread over 0..255; palette entries past the end are black; neither gamma nor the
//! EXIF orientation is applied.
//!
//! The non-obvious thing: the PNG decoder runs inside `catch_unwind`. Decoders panic on some malformed files, and a picture
//! must not take the host down. (A panic still reaches the process's panic hook, which by default prints; with
//! `panic = "abort"` nothing can be caught.)

use super::header::read_png;
use super::picture::buffer;
use super::{Container, ImageError, ImageInfo, ImageLimits, Picture, jpeg, probe};
use image::codecs::png::PngDecoder;
use image::{ColorType, ImageDecoder, Limits};
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Decodes a PNG or JPEG file to RGB.
///
/// The size is decided by [`probe`] before anything of that size is allocated. Peak memory is about the file once or
/// twice more plus the decoded samples (up to 8 bytes a pixel for 16-bit RGBA), for JPEG the RGB and, where it has several
/// scans, two bytes a sample.
///
/// # Errors
/// Those of [`probe`], [`ImageError::Decode`], [`ImageError::DecoderPanicked`], [`ImageError::OutOfMemory`], and for JPEG
/// [`ImageError::EndsInScan`], [`ImageError::TooManyScans`] and [`ImageError::TooMuchWork`].
pub fn decode(bytes: &[u8], limits: &ImageLimits) -> Result<Picture, ImageError> {
    let ImageInfo { container, width, height } = probe(bytes, limits)?;
    let rgb = match container {
        Container::Png => decode_png(bytes, (width, height), limits)?,
        Container::Jpeg => jpeg::decode(bytes, limits)?,
    };
    Picture::new(width, height, rgb, limits)
}

fn decode_png(bytes: &[u8], (width, height): (u32, u32), limits: &ImageLimits) -> Result<Vec<u8>, ImageError> {
    const FORMAT: &str = "PNG";
    let failed = |reason: String| ImageError::Decode { format: FORMAT, width, height, reason };
    // Nothing outside is touched from within, so there is no state a panic could leave half-written.
    let decoded = catch_unwind(AssertUnwindSafe(|| {
        let png = read_png(bytes, limits)?;
        // Without an end chunk the decoder's reason is a riddle.
        let ends_early = |_| failed("the file is truncated: it ends before the picture's data do".to_owned());
        let failed: &dyn Fn(String) -> ImageError = if png.ended { &failed } else { &ends_early };
        let chunks = png.critical_chunks(bytes);
        let decoder = PngDecoder::with_limits(Cursor::new(chunks.as_ref()), decoder_limits(limits))
            .map_err(|e| failed(e.to_string()))?;
        samples(decoder, width, height, failed).map(|(colour, data)| (colour, data, png.grey16))
    }))
    .unwrap_or(Err(ImageError::DecoderPanicked { format: FORMAT, width, height }));
    let (colour, data, grey16) = decoded?;
    to_rgb(colour, data, grey16)?.ok_or_else(|| failed(format!("samples of kind {colour:?}")))
}

pub(super) fn decoder_limits(limits: &ImageLimits) -> Limits {
    let mut out = Limits::default();
    out.max_image_width = Some(limits.side);
    out.max_image_height = Some(limits.side);
    // Rows and tables beside the picture; the picture's own buffer is ours.
    out.max_alloc = Some(limits.pixels.saturating_mul(8).saturating_add(limits.file_bytes));
    out
}

/// The decoder's samples, after a check that it saw the same picture as the walk over the header.
fn samples(
    decoder: impl ImageDecoder,
    width: u32,
    height: u32,
    failed: &dyn Fn(String) -> ImageError,
) -> Result<(ColorType, Vec<u8>), ImageError> {
    if decoder.dimensions() != (width, height) {
        let (w, h) = decoder.dimensions();
        return Err(failed(format!("the decoder reads {w}x{h}")));
    }
    let colour = decoder.color_type();
    let bytes = u64::from(width) * u64::from(height) * u64::from(colour.bytes_per_pixel());
    let length = usize::try_from(bytes).map_err(|_| ImageError::OutOfMemory { bytes })?;
    let mut data = buffer(length)?;
    decoder.read_image(&mut data).map_err(|e| failed(e.to_string()))?;
    Ok((colour, data))
}

/// 8-bit RGB of the decoder's samples, in place where that shrinks them; `None` for a kind no PNG or JPEG has.
fn to_rgb(colour: ColorType, data: Vec<u8>, grey16: bool) -> Result<Option<Vec<u8>>, ImageError> {
    // The decoder stores 16-bit samples in the machine's byte order.
    let high = |p: &[u8], i: usize| u16::from_ne_bytes([p[2 * i], p[2 * i + 1]]).to_be_bytes()[0];
    let clip = |p: &[u8]| u16::from_ne_bytes([p[0], p[1]]).min(255) as u8;
    Ok(Some(match colour {
        ColorType::Rgb8 => data,
        ColorType::L8 => spread(&data, 1, |p| p[0])?,
        ColorType::La8 => spread(&data, 2, |p| p[0])?,
        ColorType::L16 if grey16 => spread(&data, 2, clip)?,
        ColorType::L16 => spread(&data, 2, |p| high(p, 0))?,
        ColorType::La16 => spread(&data, 4, |p| high(p, 0))?,
        ColorType::Rgba8 => compact(data, 4, |p| [p[0], p[1], p[2]]),
        ColorType::Rgb16 => compact(data, 6, |p| [high(p, 0), high(p, 1), high(p, 2)]),
        ColorType::Rgba16 => compact(data, 8, |p| [high(p, 0), high(p, 1), high(p, 2)]),
        _ => return Ok(None),
    }))
}

/// One grey value a pixel of `bytes` bytes, three times.
fn spread(data: &[u8], bytes: usize, grey: impl Fn(&[u8]) -> u8) -> Result<Vec<u8>, ImageError> {
    let mut rgb = buffer(data.len() / bytes * 3)?;
    for (out, pixel) in rgb.chunks_exact_mut(3).zip(data.chunks_exact(bytes)) {
        out.fill(grey(pixel));
    }
    Ok(rgb)
}

/// Three values a pixel of `bytes` > 3 bytes, moved to the front of the same buffer.
pub(super) fn compact(mut data: Vec<u8>, bytes: usize, colour: impl Fn(&[u8]) -> [u8; 3]) -> Vec<u8> {
    let pixels = data.len() / bytes;
    for i in 0..pixels {
        let rgb = colour(&data[i * bytes..(i + 1) * bytes]);
        data[i * 3..i * 3 + 3].copy_from_slice(&rgb);
    }
    data.truncate(pixels * 3);
    data.shrink_to_fit();
    data
}
