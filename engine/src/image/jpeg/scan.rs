//! One scan's data to coefficients (ITU-T T.81, A.2 for the order of blocks, F.2 for the sequential process).
//!
//! The non-obvious thing: a scan of one component has the rows of blocks that this component's samples fill, while a scan
//! of several has whole units, so that in the latter there may be blocks outside the picture. Data that end early at a
//! marker are no error: what is missing stays zero, up to the next restart marker.

use super::bits::{Bits, Fast, Pace, Slow, Stop};
use super::huffman::{Table, extend};
use super::markers::{Frame, Reader, ScanHeader};
use super::progressive::{self, Pass};
use super::{Failure, NATURAL, bad};
use crate::image::ImageError;

/// The most blocks that a unit may have (T.81, B.2.3).
const UNIT_BLOCKS: usize = 10;

/// A block's coefficients in rows of 8, not yet multiplied by their steps.
pub(super) type Block = [i16; 64];

/// The coefficients of a component: all of them, or one row of units.
#[derive(Debug)]
pub(super) struct Coefficients {
    /// Blocks in a row, those outside the picture included.
    pub(super) stride: usize,
    pub(super) blocks: Vec<Block>,
}

impl Coefficients {
    /// Zeros for `unit_rows` rows of units of every component.
    pub(super) fn zeros(frame: &Frame, unit_rows: usize) -> Result<Vec<Self>, ImageError> {
        let plane = |component: &super::markers::Component| {
            let stride = frame.units_wide() * component.h;
            let count = stride * unit_rows * component.v;
            let mut blocks = Vec::new();
            let no_room = |_| ImageError::OutOfMemory { bytes: (count * size_of::<Block>()) as u64 };
            blocks.try_reserve_exact(count).map_err(no_room)?;
            blocks.resize(count, [0; 64]);
            Ok(Self { stride, blocks })
        };
        frame.components.iter().map(plane).collect()
    }
}

/// A component as this scan has it.
#[derive(Debug)]
struct Part {
    component: usize,
    /// Blocks that the component puts into a row and a column of units.
    across: usize,
    down: usize,
    dc: Option<Table>,
    ac: Option<Table>,
    /// The DC value of the block before.
    prediction: i32,
}

/// Where a unit lies: the row of units among those that are held, the row of blocks in it where the unit is one block, and
/// the unit's number in the row.
type At = (usize, usize, usize);

/// A scan that is being decoded.
#[derive(Debug)]
pub(super) struct Scan {
    parts: Vec<Part>,
    /// Part of each block of a unit, and the block's place in it: across, down.
    unit: Vec<(usize, usize, usize)>,
    pass: Pass,
    restart: u16,
    until_restart: u16,
    next_restart: u8,
    /// Blocks that are still part of a run without new coefficients.
    run: u32,
}

impl Scan {
    /// The scan whose header was read last.
    pub(super) fn begin(reader: &mut Reader, header: &ScanHeader) -> Result<Self, Failure> {
        reader.latch_steps(header)?;
        let Some(frame) = &reader.frame else {
            return Err(bad("frame headers before the first scan", 0));
        };
        let pass = if frame.progressive { Pass::of(header)? } else { Pass::Whole };
        let table = |tables: &[Option<_>; 4], number: usize, dc: bool| match tables.get(number) {
            Some(Some(table)) => Table::new(table, dc).map(Some),
            _ => Err(bad("Huffman table, which is missing,", number as u64)),
        };
        let alone = header.components.len() == 1;
        let (mut parts, mut unit) = (Vec::new(), Vec::new());
        for (at, &(component, dc, ac)) in header.components.iter().enumerate() {
            let dc = if pass.needs_dc() { table(&reader.dc, dc, true)? } else { None };
            let ac = if pass.needs_ac() { table(&reader.ac, ac, false)? } else { None };
            let shape = &frame.components[component];
            let (across, rows) = if alone { (1, 1) } else { (shape.h, shape.v) };
            unit.extend((0..rows).flat_map(|y| (0..across).map(move |x| (at, x, y))));
            parts.push(Part { component, across, down: shape.v, dc, ac, prediction: 0 });
        }
        if unit.len() > UNIT_BLOCKS {
            return Err(bad("blocks in a unit of a scan", unit.len() as u64));
        }
        reader.bits.begin_scan();
        let restart = reader.restart;
        Ok(Self { parts, unit, pass, restart, until_restart: restart, next_restart: 0, run: 0 })
    }

    /// Decodes a row of units; `held` is its number among those that `planes` hold. Whether it had data of its own.
    pub(super) fn row(
        &mut self,
        bits: &mut Bits,
        frame: &Frame,
        planes: &mut [Coefficients],
        unit_row: usize,
        held: usize,
    ) -> Result<bool, Failure> {
        let (mut units, mut rows) = (frame.units_wide(), 1);
        if let [Part { component, .. }] = self.parts[..] {
            let component = &frame.components[component];
            units = component.blocks_wide;
            rows = component.v.min(component.blocks_high - unit_row * component.v);
        }
        let mut good = false;
        for row in 0..rows {
            for unit in 0..units {
                good |= !bits.starved;
                self.unit(bits, planes, (held, row, unit))?;
            }
        }
        Ok(good)
    }

    fn unit(&mut self, bits: &mut Bits, planes: &mut [Coefficients], at: At) -> Result<(), Failure> {
        while self.restart > 0 && self.until_restart == 0 {
            match bits.restart(self.next_restart) {
                Ok(()) => {
                    self.next_restart = (self.next_restart + 1) & 7;
                    self.parts.iter_mut().for_each(|part| part.prediction = 0);
                    (self.run, self.until_restart) = (0, self.restart);
                }
                Err(_) if bits.arrive() => {}
                Err(_) => return Err(Failure::Ended),
            }
        }
        loop {
            match self.data(bits, planes, at) {
                Err(Failure::Ended) if bits.arrive() => {}
                Err(failure) => return Err(failure),
                Ok(()) => break,
            }
        }
        self.until_restart = self.until_restart.wrapping_sub(1);
        Ok(())
    }

    /// A unit's data. Where they have not all arrived, everything but the unit's blocks is as it was before.
    fn data(&mut self, bits: &mut Bits, planes: &mut [Coefficients], at: At) -> Result<(), Failure> {
        let mark = bits.mark();
        if self.pass != Pass::Whole {
            return self.progressive(bits, planes, at).inspect_err(|_| bits.back_to(mark));
        }
        if bits.starved {
            return Ok(());
        }
        let mut before = [0; 4];
        before.iter_mut().zip(&self.parts).for_each(|(b, part)| *b = part.prediction);
        let mut read = Err(Stop::Marker);
        if self.restart == 0 && bits.plenty(self.unit.len()) {
            read = self.whole::<Fast>(bits, planes, at);
        }
        for slow in [true, false] {
            if read.is_err() {
                bits.back_to(mark);
                self.parts.iter_mut().zip(before).for_each(|(part, b)| part.prediction = b);
            }
            if slow && read == Err(Stop::Marker) {
                read = self.whole::<Slow>(bits, planes, at);
            }
        }
        Ok(read?)
    }

    fn whole<P: Pace>(&mut self, bits: &mut Bits, planes: &mut [Coefficients], at: At) -> Result<(), Stop> {
        for &(part, x, y) in &self.unit {
            let part = &mut self.parts[part];
            if let (Some(dc), Some(ac)) = (&part.dc, &part.ac) {
                let block = planes[part.component].block(part.across, part.down, at, (x, y));
                // A copy, which compilers keep in registers.
                let mut own = bits.clone();
                let read = whole_block::<P>(&mut own, block, dc, ac, &mut part.prediction);
                *bits = own;
                read?;
            }
        }
        Ok(())
    }

    fn progressive(&mut self, bits: &mut Bits, planes: &mut [Coefficients], at: At) -> Result<(), Failure> {
        if bits.starved && !matches!(self.pass, Pass::DcMore { .. }) {
            return Ok(());
        }
        let mut before = [0; 4];
        before.iter_mut().zip(&self.parts).for_each(|(b, part)| *b = part.prediction);
        for &(part, x, y) in &self.unit {
            let part = &mut self.parts[part];
            let block = planes[part.component].block(part.across, part.down, at, (x, y));
            let read = match (self.pass, &part.dc, &part.ac) {
                (Pass::DcMore { low }, ..) => progressive::dc_more(bits, block, low),
                (Pass::DcFirst { low }, Some(dc), _) => {
                    progressive::dc_first(bits, block, dc, &mut part.prediction, low)
                }
                (Pass::AcFirst(band), _, Some(ac)) => progressive::ac_first(bits, block, ac, &mut self.run, band),
                (Pass::AcMore(band), _, Some(ac)) => progressive::ac_more(bits, block, ac, &mut self.run, band),
                _ => Ok(()),
            };
            if read.is_err() {
                self.parts.iter_mut().zip(before).for_each(|(part, b)| part.prediction = b);
                return read;
            }
        }
        Ok(())
    }
}

impl Coefficients {
    /// A block of the unit at a place.
    #[inline]
    fn block(&mut self, across: usize, down: usize, (held, row, unit): At, (x, y): (usize, usize)) -> &mut Block {
        &mut self.blocks[(held * down + row + y) * self.stride + unit * across + x]
    }
}

/// A block of the sequential process (T.81, F.2.2).
#[inline]
fn whole_block<P: Pace>(
    bits: &mut Bits,
    block: &mut Block,
    dc: &Table,
    ac: &Table,
    prediction: &mut i32,
) -> Result<(), Stop> {
    let size = u32::from(P::symbol(bits, dc)?);
    if size > 0 {
        *prediction = prediction.wrapping_add(extend(P::take(bits, size)?, size));
    }
    block[0] = *prediction as i16;
    let mut k = 1;
    while k < 64 {
        let symbol = P::symbol(bits, ac)?;
        let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        if size > 0 {
            let value = extend(P::take(bits, size)?, size);
            k += run;
            block[usize::from(NATURAL[k])] = value as i16;
        } else if run == 15 {
            k += 15;
        } else {
            break;
        }
        k += 1;
    }
    Ok(())
}
