//! Picture files to RGB, as Pillow's `Image.open(...).convert("RGB")`, or upright and on a background where that is asked for.
//!
//! JPEG has a decoder of its own (see `jpeg`), WebP, BMP, TIFF and GIF are in `others`. For PNG the `png` crate does the decoding; this file decides what reaches it
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
use super::{Container, ImageError, ImageInfo, ImageLimits, Picture, jpeg, others, probe, turned};
use png::{BitDepth, ColorType, DecodeOptions as PngOptions, Decoder, DecodingError, Limits, Transformations};
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What Pillow leaves out of a picture on its way to RGB, and so the models' originals, where it is wanted all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DecodeOptions {
    /// Turn the picture as its EXIF orientation says. (A TIFF is always turned, by Pillow too.)
    pub upright: bool,
    /// Blend what is transparent with this colour; otherwise alpha is dropped, and what lies under it is seen.
    pub background: Option<[u8; 3]>,
}

/// What becomes of alpha.
#[derive(Debug, Clone, Copy)]
pub(super) struct Alpha(Option<[u8; 3]>);

impl Alpha {
    /// The colour that is seen of one with this alpha.
    pub(super) fn over(self, colour: [u8; 3], alpha: u8) -> [u8; 3] {
        let Some(background) = self.0 else { return colour };
        let (alpha, rest) = (u32::from(alpha), 255 - u32::from(alpha));
        let mut seen = colour;
        for (seen, under) in seen.iter_mut().zip(background) {
            *seen = ((u32::from(*seen) * alpha + u32::from(under) * rest + 127) / 255) as u8;
        }
        seen
    }
}

/// Decodes a PNG, JPEG, WebP, BMP or TIFF file, or the first frame of a GIF, to RGB.
///
/// The size is decided by [`probe`] before anything of that size is allocated. Peak memory is about the file once or
/// twice more plus the decoded samples (up to 8 bytes a pixel for 16-bit RGBA), for JPEG the RGB and, where it has several
/// scans, two bytes a sample.
///
/// # Errors
/// Those of [`probe`], [`ImageError::Decode`], [`ImageError::DecoderPanicked`], [`ImageError::OutOfMemory`], and for JPEG
/// [`ImageError::EndsInScan`], [`ImageError::TooManyScans`] and [`ImageError::TooMuchWork`].
pub fn decode(bytes: &[u8], limits: &ImageLimits) -> Result<Picture, ImageError> {
    decode_with(bytes, &DecodeOptions::default(), limits)
}

/// [`decode`] with options.
///
/// # Errors
/// Those of [`decode`].
pub fn decode_with(bytes: &[u8], options: &DecodeOptions, limits: &ImageLimits) -> Result<Picture, ImageError> {
    let ImageInfo { container, width, height } = probe(bytes, limits)?;
    let (size, alpha) = ((width, height), Alpha(options.background));
    let rgb = match container {
        Container::Png => decode_png(bytes, size, limits, alpha)?,
        Container::Jpeg => jpeg::decode(bytes, limits)?,
        _ => others::decode(container, bytes, size, limits, alpha)?,
    };
    let turn = options.upright || container == Container::Tiff;
    let orientation = if turn { turned::orientation(container, bytes) } else { 1 };
    let ((width, height), rgb) = turned::turned(orientation, size, rgb)?;
    Picture::new(width, height, rgb, limits)
}

fn decode_png(
    bytes: &[u8],
    (width, height): (u32, u32),
    limits: &ImageLimits,
    alpha: Alpha,
) -> Result<Vec<u8>, ImageError> {
    const FORMAT: &str = "PNG";
    let failed = |reason: String| ImageError::Decode { format: FORMAT, width, height, reason };
    // Nothing outside is touched from within, so there is no state a panic could leave half-written.
    let decoded = catch_unwind(AssertUnwindSafe(|| {
        let png = read_png(bytes, limits)?;
        let failed = |error: DecodingError| {
            let reason = error.to_string();
            if reason.contains("WrongChecksum") {
                failed(
                    "the compressed data are damaged: they have another check sum than stands behind them".to_owned(),
                )
            } else if png.ended {
                failed(reason)
            } else {
                // Without an end chunk the decoder's reason is a riddle.
                failed("the file is truncated: it ends before the picture's data do".to_owned())
            }
        };
        let (kind, data) = samples(&png.critical_chunks(bytes, alpha.0.is_some()), limits, &failed)?;
        Ok((kind, data, png.grey16))
    }))
    .unwrap_or(Err(ImageError::DecoderPanicked { format: FORMAT, width, height }));
    let (kind, data, grey16) = decoded?;
    to_rgb(kind, data, grey16, alpha)?.ok_or_else(|| failed(format!("samples of kind {kind:?}")))
}

/// What samples are, and how many bits each has.
type Kind = (ColorType, BitDepth);

/// The decoder's samples; those of 16 bits have their high byte first.
fn samples(
    file: &[u8],
    limits: &ImageLimits,
    failed: &dyn Fn(DecodingError) -> ImageError,
) -> Result<(Kind, Vec<u8>), ImageError> {
    let mut options = PngOptions::default();
    // Of the data Pillow looks at the check sum behind the compressed stream, and at none of a chunk.
    options.set_ignore_crc(true);
    options.set_ignore_adler32(false);
    let mut decoder = Decoder::new_with_options(Cursor::new(file), options);
    // Rows and tables beside the picture; the picture's own buffer is ours.
    let most = limits.pixels.saturating_mul(8).saturating_add(limits.file_bytes);
    decoder.set_limits(Limits { bytes: usize::try_from(most).unwrap_or(usize::MAX) });
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(failed)?;
    let length = reader.output_buffer_size().ok_or(ImageError::OutOfMemory { bytes: u64::MAX })?;
    let mut data = buffer(length)?;
    reader.next_frame(&mut data).map_err(failed)?;
    Ok((reader.output_color_type(), data))
}

/// 8-bit RGB of the decoder's samples, in place where that shrinks them; `None` for a kind no PNG has.
fn to_rgb((colour, depth): Kind, data: Vec<u8>, grey16: bool, alpha: Alpha) -> Result<Option<Vec<u8>>, ImageError> {
    let clip = |p: &[u8]| u16::from_be_bytes([p[0], p[1]]).min(255) as u8;
    Ok(Some(match (colour, depth) {
        (ColorType::Rgb, BitDepth::Eight) => data,
        (ColorType::Grayscale, BitDepth::Eight) => spread(&data, 1, |p| [p[0]; 3])?,
        (ColorType::GrayscaleAlpha, BitDepth::Eight) => spread(&data, 2, |p| alpha.over([p[0]; 3], p[1]))?,
        (ColorType::Grayscale, BitDepth::Sixteen) if grey16 => spread(&data, 2, |p| [clip(p); 3])?,
        (ColorType::Grayscale, BitDepth::Sixteen) => spread(&data, 2, |p| [p[0]; 3])?,
        (ColorType::GrayscaleAlpha, BitDepth::Sixteen) => {
            spread(&data, 4, |p| alpha.over([if grey16 { clip(p) } else { p[0] }; 3], p[2]))?
        }
        (ColorType::Rgba, BitDepth::Eight) => compact(data, 4, |p| alpha.over([p[0], p[1], p[2]], p[3])),
        (ColorType::Rgb, BitDepth::Sixteen) => compact(data, 6, |p| [p[0], p[2], p[4]]),
        (ColorType::Rgba, BitDepth::Sixteen) => compact(data, 8, |p| alpha.over([p[0], p[2], p[4]], p[6])),
        _ => return Ok(None),
    }))
}

/// Three values a pixel of `bytes` < 3 or more bytes, in a buffer of their own.
pub(super) fn spread(data: &[u8], bytes: usize, colour: impl Fn(&[u8]) -> [u8; 3]) -> Result<Vec<u8>, ImageError> {
    let mut rgb = buffer(data.len() / bytes * 3)?;
    for (out, pixel) in rgb.chunks_exact_mut(3).zip(data.chunks_exact(bytes)) {
        out.copy_from_slice(&colour(pixel));
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
