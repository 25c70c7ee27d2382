//! JPEG (ITU-T T.81) to RGB, as Pillow opens it: sequential and progressive Huffman coding, 8 bits, one, three or four
//! components, any sampling factors that divide one another, any division into scans.
//!
//! Why a decoder of our own: Pillow's pixels are what checkpoints were trained and evaluated with, and Pillow decodes with
//! libjpeg-turbo. Of the decoders in Rust under a fitting licence none gives the same pixels for all that Pillow opens. Of
//! 4,731 files of many kinds (tests/jpeg/plans.rs) zune-jpeg 0.5.15 had 1,564 wrong by more than three levels and panicked
//! on 234, jpeg-decoder 0.3.2 had 815 wrong. This one gives libjpeg-turbo's samples bit by bit, with the choices that
//! library makes by default: accurate integer transform, interpolated chroma, colours as JFIF's and Adobe's marks say. It
//! is safe code with sizes decided from the header, and it does not stop at data that only lack an end.
//!
//! The non-obvious thing: with one scan of all components the picture is done when its last row is, whatever follows; with
//! several, an end marker has to be there. Pillow's rule is the same.

mod bits;
mod colour;
mod huffman;
mod idct;
mod markers;
mod progressive;
mod rows;
mod scan;
mod smooth;
mod upsample;

use super::{ImageError, ImageLimits};
use bits::Stop;
use huffman::Specification;
use markers::{Frame, Reader, ScanHeader};
use rows::Rows;
use scan::{Coefficients, Scan};
use smooth::Known;

const FORMAT: &str = "JPEG";

/// Place of the zigzag order's coefficients in rows of 8 (T.81, figure A.6). Behind it, the last place again, where data
/// are broken.
const NATURAL: [u8; 80] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63,
];

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq)]
enum Failure {
    /// The bytes end.
    Ended,
    Refused(ImageError),
}

impl From<Stop> for Failure {
    fn from(_: Stop) -> Self {
        Self::Ended
    }
}

impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Self {
        Self::Refused(error)
    }
}

fn bad(what: &'static str, value: u64) -> Failure {
    Failure::Refused(ImageError::BadHeader { format: FORMAT, what, value })
}

fn unsupported(what: &'static str) -> Failure {
    Failure::Refused(ImageError::Unsupported { format: FORMAT, what })
}

/// Width and height, from the segments before the first scan.
///
/// # Errors
/// Everything that can be told without decoding.
pub(super) fn size(bytes: &[u8], limits: &ImageLimits) -> Result<(u32, u32), ImageError> {
    let mut reader = Reader::new(bytes);
    let (_, width, height) = header(&mut reader, limits)?;
    Ok((width, height))
}

fn header(reader: &mut Reader, limits: &ImageLimits) -> Result<(ScanHeader, u32, u32), ImageError> {
    let scan = match reader.next_scan(limits) {
        Ok(scan) => scan,
        Err(Failure::Refused(error)) => return Err(error),
        Err(Failure::Ended) => return Err(reader.truncated("JPEG before its first scan")),
    };
    let (Some(scan), Some(frame)) = (scan, &reader.frame) else {
        return Err(ImageError::BadHeader { format: FORMAT, what: "number of scans", value: 0 });
    };
    let (width, height) = (frame.width as u32, frame.height as u32);
    // At least one bit a block of 64 samples; with the oddest subsampling a block stands for at most 128 pixels.
    let need = (u64::from(width) * u64::from(height)).div_ceil(8 * 128);
    let have = reader.bits.rest() as u64;
    if have < need {
        return Err(ImageError::TooLittleData { format: FORMAT, width, height, have, need });
    }
    Ok((scan, width, height))
}

/// Decodes a picture to rows of RGB.
///
/// Memory beside the file and the result is a few rows, and with several scans two bytes a sample.
///
/// # Errors
/// Those of [`size`]; the file ends early; data or segments that no file may have; [`ImageError::TooManyScans`],
/// [`ImageError::TooMuchWork`], [`ImageError::OutOfMemory`].
pub(super) fn decode(bytes: &[u8], limits: &ImageLimits) -> Result<Vec<u8>, ImageError> {
    let mut reader = Reader::new(bytes);
    let (scan, width, height) = header(&mut reader, limits)?;
    let progressive = reader.frame.as_ref().is_some_and(|f| f.progressive);
    if !progressive {
        // Motion JPEG leaves the usual tables out.
        for number in 0..2 {
            reader.dc[number].get_or_insert_with(|| Specification::usual(number, true));
            reader.ac[number].get_or_insert_with(|| Specification::usual(number, false));
        }
    }
    let components = reader.frame.as_ref().map_or(0, |f| f.components.len());
    let mut place = Place { scan: 0, row: 0 };
    let decoded = if progressive || scan.components.len() < components {
        several_scans(&mut reader, scan, limits, &mut place)
    } else {
        one_scan(&mut reader, &scan, limits, &mut place)
    };
    match decoded {
        Ok(rgb) => Ok(rgb),
        Err(Failure::Refused(error)) => Err(error),
        Err(Failure::Ended) => {
            let rows = reader.frame.as_ref().map_or(0, Frame::unit_rows) as u32;
            let Place { scan, row } = place;
            Err(ImageError::EndsInScan { width, height, scan, row, rows })
        }
    }
}

/// What is being decoded, for an error.
struct Place {
    scan: u32,
    row: u32,
}

fn one_scan(
    reader: &mut Reader,
    header: &ScanHeader,
    limits: &ImageLimits,
    place: &mut Place,
) -> Result<Vec<u8>, Failure> {
    check_work(reader, 1, limits)?;
    place.scan = 1;
    let colour = reader.colour();
    let mut scan = Scan::begin(reader, header)?;
    let Some(frame) = &reader.frame else { return Err(Failure::Ended) };
    let mut planes = Coefficients::zeros(frame, 1)?;
    let mut rows = Rows::begin(frame, colour)?;
    for unit_row in 0..frame.unit_rows() {
        place.row = unit_row as u32;
        planes.iter_mut().for_each(|plane| plane.blocks.fill([0; 64]));
        scan.row(&mut reader.bits, frame, &mut planes, unit_row, 0)?;
        rows.unit_row(frame, &planes, (unit_row, 0), None);
    }
    reader.bits.end_picture();
    match reader.next_scan(limits) {
        Ok(None) | Err(Failure::Ended) => Ok(rows.rgb),
        Ok(Some(_)) => Err(unsupported("a second scan behind one of all components")),
        Err(refused) => Err(refused),
    }
}

fn several_scans(
    reader: &mut Reader,
    mut header: ScanHeader,
    limits: &ImageLimits,
    place: &mut Place,
) -> Result<Vec<u8>, Failure> {
    let colour = reader.colour();
    let Some(frame) = &reader.frame else { return Err(Failure::Ended) };
    let unit_rows = frame.unit_rows();
    let mut planes = Coefficients::zeros(frame, unit_rows)?;
    let mut known = frame.progressive.then(|| Known::nothing(frame.components.len()));
    loop {
        place.scan += 1;
        check_work(reader, place.scan, limits)?;
        let mut scan = Scan::begin(reader, &header)?;
        let Some(frame) = &reader.frame else { return Err(Failure::Ended) };
        if let Some(known) = &mut known {
            known.scan(
                header.components.iter().map(|&(component, ..)| component),
                header.first,
                header.last,
                header.low,
            );
        }
        for unit_row in 0..unit_rows {
            place.row = unit_row as u32;
            let good = scan.row(&mut reader.bits, frame, &mut planes, unit_row, unit_row)?;
            if let Some(known) = known.as_mut().filter(|_| good) {
                known.good_row = unit_row;
            }
        }
        place.row = unit_rows as u32;
        reader.bits.end_scan();
        match reader.next_scan(limits)? {
            Some(next) => header = next,
            None => break,
        }
    }
    let Some(frame) = &reader.frame else { return Err(Failure::Ended) };
    let known = known.filter(|known| known.estimates(frame));
    let mut rows = Rows::begin(frame, colour)?;
    for unit_row in 0..unit_rows {
        rows.unit_row(frame, &planes, (unit_row, unit_row), known.as_ref());
    }
    Ok(rows.rgb)
}

/// Whether another scan may be decoded, whatever it holds.
fn check_work(reader: &Reader, scans: u32, limits: &ImageLimits) -> Result<(), ImageError> {
    let Some(frame) = &reader.frame else { return Ok(()) };
    if scans > limits.jpeg_scans {
        return Err(ImageError::TooManyScans { limit: limits.jpeg_scans });
    }
    let (width, height) = (frame.width as u32, frame.height as u32);
    let work = u64::from(width) * u64::from(height) * u64::from(scans);
    if work > limits.jpeg_work {
        return Err(ImageError::TooMuchWork { width, height, scans, work, limit: limits.jpeg_work });
    }
    Ok(())
}
