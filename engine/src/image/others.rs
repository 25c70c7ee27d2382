//! WebP, BMP, TIFF and the first frame of a GIF to RGB, as Pillow's `Image.open(...).convert("RGB")`: the `image` crate
//! decodes, this file decides what reaches it and how its samples become 8-bit RGB.
//!
//! As Pillow has it: alpha is dropped without blending, 16-bit colours keep the high byte, 16-bit grey is clipped at 255, of
//! several pages or frames the first counts, a TIFF is turned as it says it is to be shown, and of a TIFF's palette the
//! high bytes count. What Pillow reads and this does not is refused in the decoder's words: TIFF with two samples a pixel,
//! palettes of fewer than 8 bits, floats, L*a*b*, zstd and fax 3.
//!
//! The non-obvious thing: JPEG data within a TIFF is the one place where numbers differ from Pillow's, by at most 1 of 255 in
//! a few of a hundred samples: it is not our JPEG decoder that reads them.

use super::decode::{Alpha, compact, spread};
use super::header::Container;
use super::picture::buffer;
use super::tiff::{BITS, Directory, PHOTOMETRIC};
use super::{ImageError, ImageLimits};
use image::codecs::{bmp::BmpDecoder, gif::GifDecoder, tiff::TiffDecoder, webp::WebPDecoder};
use image::{ColorType, ImageDecoder, ImageError as Refusal, Limits};
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A palette's number in TIFF, and that of grey.
const PALETTE: u32 = 3;
const GREY: u16 = 1;

/// Decodes a picture of this format and size.
pub(super) fn decode(
    container: Container,
    bytes: &[u8],
    (width, height): (u32, u32),
    limits: &ImageLimits,
    alpha: Alpha,
) -> Result<Vec<u8>, ImageError> {
    let format = container.name();
    let failed = |reason: String| ImageError::Decode { format, width, height, reason };
    // Nothing outside is touched from within, so there is no state a panic could leave half-written.
    let decoded = catch_unwind(AssertUnwindSafe(|| match container {
        Container::WebP => samples(WebPDecoder::new(Cursor::new(bytes)), (width, height), limits, &failed),
        Container::Bmp => samples(BmpDecoder::new(Cursor::new(bytes)), (width, height), limits, &failed),
        Container::Gif => samples(GifDecoder::new(Cursor::new(bytes)), (width, height), limits, &failed),
        _ => tiff(bytes, (width, height), limits, &failed),
    }));
    let (kind, mut data) = decoded.unwrap_or(Err(ImageError::DecoderPanicked { format, width, height }))?;
    if container == Container::Bmp {
        fewer_bits(bytes, &mut data);
    }
    to_rgb(kind, data, alpha)?.ok_or_else(|| failed(format!("samples of kind {kind:?}")))
}

type Failed<'a> = dyn Fn(String) -> ImageError + 'a;

/// The decoder's samples.
fn samples<D: ImageDecoder>(
    decoder: Result<D, Refusal>,
    size: (u32, u32),
    limits: &ImageLimits,
    failed: &Failed<'_>,
) -> Result<(ColorType, Vec<u8>), ImageError> {
    let refused = |error: Refusal| failed(error.to_string());
    let mut decoder = decoder.map_err(refused)?;
    let mut most = Limits::default();
    (most.max_image_width, most.max_image_height) = (Some(limits.side), Some(limits.side));
    most.max_alloc = Some(limits.pixels.saturating_mul(8).saturating_add(limits.file_bytes));
    decoder.set_limits(most).map_err(refused)?;
    if decoder.dimensions() != size {
        let (w, h) = decoder.dimensions();
        return Err(failed(format!("the decoder reads {w}x{h}")));
    }
    let kind = decoder.color_type();
    let mut data = buffer(usize::try_from(decoder.total_bytes()).unwrap_or(usize::MAX))?;
    decoder.read_image(&mut data).map_err(refused)?;
    Ok((kind, data))
}

/// A TIFF's samples. Of a palette of 256 colours the numbers are read as if they were grey.
fn tiff(
    bytes: &[u8],
    size: (u32, u32),
    limits: &ImageLimits,
    failed: &Failed<'_>,
) -> Result<(ColorType, Vec<u8>), ImageError> {
    let directory = Directory::first(bytes)?;
    let palette = (directory.number(PHOTOMETRIC) == Some(PALETTE) && directory.number(BITS) == Some(8))
        .then(|| directory.palette().ok_or_else(|| failed("the palette does not have 256 colours".to_owned())));
    let Some(palette) = palette.transpose()? else {
        return samples(TiffDecoder::new(Cursor::new(bytes)), size, limits, failed);
    };
    let grey = directory.with(PHOTOMETRIC, GREY);
    let (kind, numbers) = samples(TiffDecoder::new(Cursor::new(&grey)), size, limits, failed)?;
    if kind != ColorType::L8 {
        return Err(failed(format!("a palette with samples of kind {kind:?}")));
    }
    let mut data = buffer(numbers.len() * 3)?;
    for (out, &number) in data.chunks_exact_mut(3).zip(&numbers) {
        out.copy_from_slice(&palette[usize::from(number)]);
    }
    Ok((ColorType::Rgb8, data))
}

/// 16 bits a pixel have five a colour, of green perhaps six. Pillow rounds down what the decoder rounds to the nearest.
fn fewer_bits(bytes: &[u8], rgb: &mut [u8]) {
    let long = |at: usize| bytes.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    if bytes.get(28..30) != Some(&[16, 0]) {
        return;
    }
    let green = if long(30) == Some(3) && long(58) == Some(0x7e0) { 63 } else { 31 };
    let down = |value: u8, most: u16| ((u16::from(value) * most + 127) / 255 * 255 / most) as u8;
    for pixel in rgb.chunks_exact_mut(3) {
        (pixel[0], pixel[1], pixel[2]) = (down(pixel[0], 31), down(pixel[1], green), down(pixel[2], 31));
    }
}

/// 8-bit RGB of the decoder's samples, whose 16 bits are in the machine's order; `None` for floats.
fn to_rgb(kind: ColorType, data: Vec<u8>, alpha: Alpha) -> Result<Option<Vec<u8>>, ImageError> {
    let high = |p: &[u8], at: usize| u16::from_ne_bytes([p[2 * at], p[2 * at + 1]]).to_be_bytes()[0];
    let clip = |p: &[u8]| u16::from_ne_bytes([p[0], p[1]]).min(255) as u8;
    Ok(Some(match kind {
        ColorType::Rgb8 => data,
        ColorType::L8 => spread(&data, 1, |p| [p[0]; 3])?,
        ColorType::L16 => spread(&data, 2, |p| [clip(p); 3])?,
        ColorType::La8 => spread(&data, 2, |p| alpha.over([p[0]; 3], p[1]))?,
        ColorType::Rgba8 => compact(data, 4, |p| alpha.over([p[0], p[1], p[2]], p[3])),
        ColorType::La16 => compact(data, 4, |p| alpha.over([high(p, 0); 3], high(p, 1))),
        ColorType::Rgb16 => compact(data, 6, |p| [high(p, 0), high(p, 1), high(p, 2)]),
        ColorType::Rgba16 => compact(data, 8, |p| alpha.over([high(p, 0), high(p, 1), high(p, 2)], high(p, 3))),
        _ => return Ok(None),
    }))
}
