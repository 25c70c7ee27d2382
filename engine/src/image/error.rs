//! What can be wrong with a picture: one variant a cause, each with the value met and the limit or the value expected.

use ocelli_quant::Size;
use thiserror::Error;

/// Why a picture, a resize or a preprocessing step was refused.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The file has no bytes.
    #[error("image file is empty: 0 bytes")]
    Empty,
    /// The file is longer than [`ImageLimits::file_bytes`](super::ImageLimits::file_bytes).
    #[error("image file of {}", Size::over(*bytes, *limit))]
    FileTooLarge {
        /// Length of the file.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The file is of no format that is read; `found` names it where its first bytes are known.
    #[error("image is {found}; PNG, JPEG, WebP, GIF, BMP and TIFF are read{}", converted(found))]
    NotAPicture {
        /// Name of the format, or "of an unknown format".
        found: &'static str,
    },
    /// The file ends inside a structure.
    #[error("{what} is truncated: {have} bytes where {need} are needed")]
    Truncated {
        /// The structure being read.
        what: &'static str,
        /// Bytes it needs.
        need: u64,
        /// Bytes left in the file.
        have: u64,
    },
    /// The file ends inside the data of a JPEG's scan, or behind it where an end marker has to be.
    #[error("JPEG of {width}x{height} is truncated: it ends in scan {scan}, after {row} of {rows} rows of units")]
    EndsInScan {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Number of the scan, from 1.
        scan: u32,
        /// Rows of the scan that are complete.
        row: u32,
        /// Rows that the picture has.
        rows: u32,
    },
    /// The compressed data is too short to hold the declared picture, whatever it contains.
    #[error("{format} of {width}x{height} has {have} bytes of compressed data; it needs at least {need}")]
    TooLittleData {
        /// "PNG", "JPEG" or "GIF".
        format: &'static str,
        /// Declared width.
        width: u32,
        /// Declared height.
        height: u32,
        /// Compressed bytes present.
        have: u64,
        /// Least number of compressed bytes for that size.
        need: u64,
    },
    /// A header field has a value the format does not allow.
    #[error("{format} header: {what} is {value}")]
    BadHeader {
        /// "PNG", "JPEG" or "GIF".
        format: &'static str,
        /// The field.
        what: &'static str,
        /// Its value.
        value: u64,
    },
    /// A chunk of a PNG before the picture's data that is damaged.
    #[error("PNG chunk '{chunk}' at byte {at} is damaged: its check sum is {computed:08x}, the file says {stored:08x}")]
    WrongCheckSum {
        /// The chunk's name.
        chunk: String,
        /// Where the chunk begins.
        at: u64,
        /// What the file says.
        stored: u32,
        /// What its bytes give.
        computed: u32,
    },
    /// A valid file of a kind that is not read, such as a lossless JPEG.
    #[error("{format}: {what} is not supported")]
    Unsupported {
        /// "PNG", "JPEG" or "GIF".
        format: &'static str,
        /// The kind.
        what: &'static str,
    },
    /// Width or height is 0.
    #[error("image of {width}x{height} has no pixels")]
    NoPixels {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// Width or height is over the limit.
    #[error("image of {width}x{height}: a side is over the limit of {limit} pixels")]
    SideTooLong {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// The limit.
        limit: u32,
    },
    /// Width times height is over the limit.
    #[error("image of {width}x{height} has {pixels} pixels, over the limit of {limit}")]
    TooManyPixels {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Their product.
        pixels: u64,
        /// The limit.
        limit: u64,
    },
    /// The long side is too many times the short one.
    #[error("image of {width}x{height}: aspect ratio over the limit of {limit}:1")]
    TooElongated {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// The limit.
        limit: u32,
    },
    /// A progressive JPEG with too many scans.
    #[error("JPEG has more than {limit} scans")]
    TooManyScans {
        /// The limit.
        limit: u32,
    },
    /// The file is no GIF; `found` names it where its first bytes are known.
    #[error("video is {found}; a GIF is read, or a directory of PNG and JPEG frames")]
    NotAVideo {
        /// Name of the format, or "of an unknown format".
        found: &'static str,
    },
    /// A video without a frame.
    #[error("video has no frames")]
    NoFrames,
    /// A video with too many frames, whether they are taken or not.
    #[error("video has {frames} frames or more, over the limit of {limit}")]
    TooManyFrames {
        /// Frames counted.
        frames: u64,
        /// The limit.
        limit: u64,
    },
    /// The frames that are taken have too many pixels together.
    #[error("{frames} frames have {pixels} pixels together, over the limit of {limit}: take fewer")]
    TooMuchVideo {
        /// Frames taken.
        frames: u64,
        /// Pixels of all.
        pixels: u64,
        /// The limit.
        limit: u64,
    },
    /// Frames times pixels is over the decoding budget.
    #[error("GIF of {width}x{height} with {frames} frames or more is {work} pixel visits, over the limit of {limit}")]
    TooMuchGif {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Frames counted.
        frames: u64,
        /// Width x height x frames.
        work: u64,
        /// The limit.
        limit: u64,
    },
    /// Scans times pixels is over the decoding budget.
    #[error("JPEG of {width}x{height} in {scans} scans is {work} pixel visits, over the limit of {limit}")]
    TooMuchWork {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Scans in the file.
        scans: u32,
        /// Width x height x scans.
        work: u64,
        /// The limit.
        limit: u64,
    },
    /// The decoder refused the data.
    #[error("{format} of {width}x{height} cannot be decoded: {reason}")]
    Decode {
        /// "PNG", "JPEG" or "GIF".
        format: &'static str,
        /// Declared width.
        width: u32,
        /// Declared height.
        height: u32,
        /// The decoder's words.
        reason: String,
    },
    /// The decoder panicked and was stopped; nothing of it is kept.
    #[error("{format} decoder failed inside on an image of {width}x{height}")]
    DecoderPanicked {
        /// "PNG", "JPEG" or "GIF".
        format: &'static str,
        /// Declared width.
        width: u32,
        /// Declared height.
        height: u32,
    },
    /// The allocator refused a buffer within the limits.
    #[error("no memory for {} of pixels", Size(*bytes))]
    OutOfMemory {
        /// Bytes asked for.
        bytes: u64,
    },
    /// A row is longer than the distance between rows.
    #[error("a row of {width} RGB pixels takes {row_bytes} bytes, the stride is {stride}")]
    ShortStride {
        /// Width in pixels.
        width: u32,
        /// Bytes of one row.
        row_bytes: u64,
        /// The stride given.
        stride: u64,
    },
    /// The pixel buffer has the wrong length.
    #[error("RGB of {width}x{height} takes {need} bytes, got {have}")]
    WrongLength {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Bytes needed.
        need: u64,
        /// Bytes given.
        have: u64,
    },
    /// A preprocessing number that is not finite, or a standard deviation that is not positive.
    #[error("preprocessing: {what}[{index}] is {value}; it must be {expected}")]
    BadNumber {
        /// The parameter.
        what: &'static str,
        /// Which of its items, 0 for a scalar.
        index: usize,
        /// Its value.
        value: f64,
        /// What it must be.
        expected: &'static str,
    },
    /// A list of means or standard deviations without exactly three items.
    #[error("preprocessing: {what} has {have} items, expected 3")]
    WrongCount {
        /// The parameter.
        what: &'static str,
        /// Items given.
        have: usize,
    },
    /// A resampling number outside PIL's 0 to 5.
    #[error("resampling filter {value} is unknown; PIL has 0 to 5")]
    UnknownFilter {
        /// The number.
        value: i64,
    },
    /// Resizing is off and the picture is not of the tower's size.
    #[error("image of {width}x{height} is not {expected_width}x{expected_height} and resizing is off")]
    NotResized {
        /// Width of the picture.
        width: u32,
        /// Height of the picture.
        height: u32,
        /// Width needed.
        expected_width: u32,
        /// Height needed.
        expected_height: u32,
    },
}

/// How a picture of a format that is not read becomes one that is.
fn converted(found: &str) -> &'static str {
    match found {
        "a HEIC" => ": 'heif-convert photo.heic photo.jpg' makes a JPEG",
        "an AVIF" => ": 'avifdec picture.avif picture.png' makes a PNG",
        "a JPEG XL" => ": 'djxl picture.jxl picture.png' makes a PNG",
        "an SVG drawing" => ": 'rsvg-convert drawing.svg -o drawing.png' makes a PNG",
        "an icon (ICO)" | "a JPEG 2000" | "a Photoshop file" | "a PDF" => ": ImageMagick's 'magick' makes a PNG",
        _ => "",
    }
}
