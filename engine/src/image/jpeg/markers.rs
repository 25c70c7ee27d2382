//! The marker segments of a JPEG (ITU-T T.81, B.2): tables, the frame, and where scans begin.
//!
//! The non-obvious thing: what lies between segments is passed over, and most of what follows a complete picture is never
//! looked at, because libjpeg does so and Pillow opens such files. Marks of colour count only before the first scan, and
//! JFIF's before Adobe's.

use super::bits::Bits;
use super::huffman::Specification;
use super::{Failure, NATURAL, bad, unsupported};
use crate::image::ImageLimits;

/// What the samples of a picture are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    Grey,
    Rgb,
    Ycc,
    Cmyk,
    Ycck,
}

/// One plane of samples.
#[derive(Debug)]
pub(super) struct Component {
    id: u8,
    /// Sampling factors, 1 to 4.
    pub(super) h: usize,
    pub(super) v: usize,
    quantization: usize,
    /// Blocks that hold samples of the picture.
    pub(super) blocks_wide: usize,
    pub(super) blocks_high: usize,
    /// Samples.
    pub(super) width: usize,
    pub(super) height: usize,
    /// Steps in rows of 8, as they were at the component's first scan.
    pub(super) steps: Option<[u16; 64]>,
}

/// A picture's shape.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) progressive: bool,
    pub(super) width: usize,
    pub(super) height: usize,
    /// The largest sampling factors.
    pub(super) h: usize,
    pub(super) v: usize,
    pub(super) components: Vec<Component>,
}

impl Frame {
    /// Rows of units of all components.
    pub(super) fn unit_rows(&self) -> usize {
        self.height.div_ceil(8 * self.v)
    }

    /// Units of all components in a row.
    pub(super) fn units_wide(&self) -> usize {
        self.width.div_ceil(8 * self.h)
    }
}

/// What a scan's header says.
#[derive(Debug)]
pub(super) struct ScanHeader {
    /// Component, number of the DC table, number of the AC table.
    pub(super) components: Vec<(usize, usize, usize)>,
    /// First and last coefficient.
    pub(super) first: u8,
    pub(super) last: u8,
    /// Bit positions of the scan before, 0 for none, and of this one.
    pub(super) high: u8,
    pub(super) low: u8,
}

/// A file up to the place that has been read.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) bits: Bits<'a>,
    begun: bool,
    steps: [Option<[u16; 64]>; 4],
    pub(super) dc: [Option<Specification>; 4],
    pub(super) ac: [Option<Specification>; 4],
    /// Units between restart markers, 0 for no markers.
    pub(super) restart: u16,
    jfif: bool,
    adobe: Option<u8>,
    pub(super) frame: Option<Frame>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bits: Bits::new(bytes),
            begun: false,
            steps: [None; 4],
            dc: [const { None }; 4],
            ac: [const { None }; 4],
            restart: 0,
            jfif: false,
            adobe: None,
            frame: None,
        }
    }

    /// Reads segments up to the next scan's data; `None` at the end of the picture.
    pub(super) fn next_scan(&mut self, limits: &ImageLimits) -> Result<Option<ScanHeader>, Failure> {
        loop {
            let marker = if self.begun { self.bits.marker()? } else { self.begin()? };
            match marker {
                0x01 | 0xd0..=0xd7 => {}
                0xc0..=0xc2 => self.frame(marker == 0xc2, limits)?,
                0xc3 => return Err(unsupported("lossless coding")),
                0xc5..=0xc7 | 0xcd..=0xcf => return Err(unsupported("hierarchical coding")),
                0xc9..=0xcb => return Err(unsupported("arithmetic coding")),
                0xc4 => self.huffman_tables()?,
                0xd9 if self.frame.is_some() => return Ok(None),
                // A file of nothing but tables; a picture that uses them follows.
                0xd9 => self.begun = false,
                0xda => return self.scan().map(Some),
                0xdb => self.quantization_tables()?,
                0xdd => self.restart_interval()?,
                0xe0 => {
                    self.jfif |= matches!(self.segment()?, [b'J', b'F', b'I', b'F', 0, rest @ ..] if rest.len() >= 9)
                }
                0xee => {
                    if let [b'A', b'd', b'o', b'b', b'e', _, _, _, _, _, _, transform, ..] = self.segment()? {
                        self.adobe = Some(*transform);
                    }
                }
                0xcc => self.arithmetic_conditioning()?,
                // Applications' own, comments, and a number of lines that is known already.
                0xe1..=0xef | 0xfe | 0xdc => {
                    self.segment()?;
                }
                other => return Err(bad("marker", u64::from(other))),
            }
        }
    }

    /// The start of a picture.
    fn begin(&mut self) -> Result<u8, Failure> {
        let &[0xff, 0xd8] = self.bits.bytes(2)? else { return Err(bad("marker in place of a start, at bytes", 0)) };
        self.begun = true;
        (self.restart, self.jfif, self.adobe) = (0, false, None);
        self.bits.marker().map_err(Failure::from)
    }

    /// A segment's length without the two bytes that say it.
    fn length(&mut self) -> Result<usize, Failure> {
        let length = self.bits.bytes(2)?;
        Ok(usize::from(u16::from_be_bytes([length[0], length[1]])).saturating_sub(2))
    }

    /// The bytes of a segment behind its length. Tables are read piece by piece instead: behind a picture, what is wrong in
    /// them is wrong before all of them has arrived.
    fn segment(&mut self) -> Result<&'a [u8], Failure> {
        let length = self.length()?;
        Ok(self.bits.bytes(length)?)
    }

    fn restart_interval(&mut self) -> Result<(), Failure> {
        let length = self.length()?;
        if length != 2 {
            return Err(bad("bytes of a restart interval", length as u64));
        }
        let interval = self.bits.bytes(2)?;
        self.restart = u16::from_be_bytes([interval[0], interval[1]]);
        Ok(())
    }

    /// Checked as libjpeg checks it, though nothing is done with it.
    fn arithmetic_conditioning(&mut self) -> Result<(), Failure> {
        let length = self.length()?;
        for _ in 0..length.div_ceil(2) {
            let pair = self.bits.bytes(2)?;
            if pair[0] >= 32 || pair[0] < 16 && pair[1] & 15 > pair[1] >> 4 {
                return Err(bad("arithmetic conditioning", u64::from(pair[1])));
            }
        }
        if length % 2 != 0 { Err(bad("bytes of arithmetic conditioning", length as u64)) } else { Ok(()) }
    }

    fn quantization_tables(&mut self) -> Result<(), Failure> {
        let mut left = self.length()?;
        while left > 0 {
            let head = self.bits.bytes(1)?[0];
            let broken = || bad("quantization table", u64::from(head));
            let wide = head >> 4 != 0;
            let table = self.steps.get_mut(usize::from(head & 15)).ok_or_else(broken)?;
            let size = if wide { 128 } else { 64 };
            let values = self.bits.bytes(size)?;
            let steps = table.insert([0; 64]);
            for (at, &place) in NATURAL[..64].iter().enumerate() {
                steps[usize::from(place)] =
                    if wide { u16::from_be_bytes([values[2 * at], values[2 * at + 1]]) } else { u16::from(values[at]) };
            }
            left = left.checked_sub(1 + size).ok_or_else(broken)?;
        }
        Ok(())
    }

    fn huffman_tables(&mut self) -> Result<(), Failure> {
        let mut left = self.length()?;
        while left > 16 {
            let head = self.bits.bytes(1)?[0];
            let broken = || bad("Huffman table", u64::from(head));
            let mut counts = [0; 16];
            counts.copy_from_slice(self.bits.bytes(16)?);
            let total: usize = counts.iter().map(|&c| usize::from(c)).sum();
            left = left.checked_sub(17 + total).filter(|_| total <= 256).ok_or_else(broken)?;
            let mut symbols = [0; 256];
            symbols[..total].copy_from_slice(self.bits.bytes(total)?);
            let tables = if head & 0x10 == 0 { &mut self.dc } else { &mut self.ac };
            let table = tables.get_mut(usize::from(head & !0x10)).ok_or_else(broken)?;
            *table = Some(Specification { counts, symbols });
        }
        if left > 0 { Err(bad("bytes behind a Huffman table", left as u64)) } else { Ok(()) }
    }

    fn frame(&mut self, progressive: bool, limits: &ImageLimits) -> Result<(), Failure> {
        if self.frame.is_some() {
            return Err(unsupported("a second frame"));
        }
        let segment = self.segment()?;
        let &[precision, h0, h1, w0, w1, count, ref components @ ..] = segment else {
            return Err(bad("bytes of the frame header", segment.len() as u64));
        };
        let (width, height) = (u16::from_be_bytes([w0, w1]), u16::from_be_bytes([h0, h1]));
        if height == 0 && width > 0 {
            return Err(unsupported("a height that is given behind the first scan (DNL)"));
        }
        limits.check(u32::from(width), u32::from(height))?;
        if precision != 8 {
            return Err(bad("bits per sample", u64::from(precision)));
        }
        if !matches!(count, 1 | 3 | 4) {
            return Err(bad("number of components", u64::from(count)));
        }
        if components.len() != 3 * usize::from(count) {
            return Err(bad("bytes of the frame header", segment.len() as u64));
        }
        let (width, height) = (usize::from(width), usize::from(height));
        let factors = components.chunks_exact(3).map(|c| (usize::from(c[1] >> 4), usize::from(c[1] & 15)));
        let (mut most_h, mut most_v) = (1, 1);
        for (h, v) in factors.clone() {
            if !(1..=4).contains(&h) || !(1..=4).contains(&v) {
                return Err(bad("sampling factor", h.max(v) as u64));
            }
            (most_h, most_v) = (most_h.max(h), most_v.max(v));
        }
        if factors.clone().any(|(h, v)| most_h % h != 0 || most_v % v != 0) {
            return Err(unsupported("sampling factors that do not divide one another, such as 3 and 2"));
        }
        let components = components.chunks_exact(3).zip(factors).map(|(c, (h, v))| Component {
            id: c[0],
            h,
            v,
            quantization: usize::from(c[2]),
            blocks_wide: (width * h).div_ceil(8 * most_h),
            blocks_high: (height * v).div_ceil(8 * most_v),
            width: (width * h).div_ceil(most_h),
            height: (height * v).div_ceil(most_v),
            steps: None,
        });
        let components = components.collect();
        self.frame = Some(Frame { progressive, width, height, h: most_h, v: most_v, components });
        Ok(())
    }

    fn scan(&mut self) -> Result<ScanHeader, Failure> {
        let Some(frame) = &self.frame else {
            return Err(bad("frame headers before the first scan", 0));
        };
        let length = self.bits.bytes(2)?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        let count = self.bits.bytes(1)?[0];
        if !(1..=4).contains(&count) || length != 6 + 2 * usize::from(count) {
            return Err(bad("components of a scan", u64::from(count)));
        }
        let mut components: Vec<(usize, usize, usize)> = Vec::with_capacity(4);
        for at in 0..usize::from(count) {
            let choice = self.bits.bytes(2)?;
            // Components come in the frame's order.
            let found =
                frame.components.iter().enumerate().position(|(c, component)| c >= at && component.id == choice[0]);
            let component = found.filter(|&c| components.iter().all(|&(other, ..)| other != c));
            let component = component.ok_or_else(|| bad("component of a scan", u64::from(choice[0])))?;
            components.push((component, usize::from(choice[1] >> 4), usize::from(choice[1] & 15)));
        }
        let rest = self.bits.bytes(3)?;
        let (first, last, bits) = (rest[0], rest[1], rest[2]);
        Ok(ScanHeader { components, first, last, high: bits >> 4, low: bits & 15 })
    }

    /// Keeps the steps of the components that have their first scan now.
    pub(super) fn latch_steps(&mut self, scan: &ScanHeader) -> Result<(), Failure> {
        for &(component, ..) in &scan.components {
            let Some(component) = self.frame.as_mut().and_then(|f| f.components.get_mut(component)) else {
                continue;
            };
            if component.steps.is_none() {
                let number = component.quantization;
                let steps = self.steps.get(number).copied().flatten();
                component.steps =
                    Some(steps.ok_or_else(|| bad("quantization table, which is missing,", number as u64))?);
            }
        }
        Ok(())
    }

    /// How the samples are to be read, as libjpeg guesses it.
    pub(super) fn colour(&self) -> Colour {
        let ids: Vec<u8> = self.frame.iter().flat_map(|f| f.components.iter().map(|c| c.id)).collect();
        match (ids.as_slice(), self.adobe) {
            ([_], _) => Colour::Grey,
            ([_, _, _], _) if self.jfif => Colour::Ycc,
            ([_, _, _], Some(0)) | (b"RGB", None) => Colour::Rgb,
            ([_, _, _], _) => Colour::Ycc,
            (_, None | Some(0)) => Colour::Cmyk,
            _ => Colour::Ycck,
        }
    }

    /// For an error at the end of the bytes.
    pub(super) fn truncated(&self, what: &'static str) -> crate::image::ImageError {
        let have = self.bits.length() as u64;
        crate::image::ImageError::Truncated { what, need: (self.bits.wanted as u64).max(have + 1), have }
    }
}
