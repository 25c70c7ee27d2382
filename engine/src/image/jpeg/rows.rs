//! Rows of units to rows of RGB.
//!
//! The non-obvious thing: a row of the picture may be made of the row of samples below, which the next row of units has. So
//! rows come out as many late as a unit has samples down for one of its smallest component, and of the samples only two
//! rows of units are kept.

use super::idct;
use super::markers::{Colour, Frame};
use super::scan::Coefficients;
use super::smooth::Known;
use super::upsample::Upsampling;
use crate::image::ImageError;
use crate::image::picture::buffer;

/// A component's samples.
#[derive(Debug)]
struct Plane {
    steps: [i16; 64],
    upsampling: Upsampling,
    stride: usize,
    /// Rows that are kept, in turn.
    kept: usize,
    samples: Vec<u8>,
    /// A row as wide as the picture.
    line: Vec<u8>,
}

impl Plane {
    fn row(&self, row: usize, width: usize) -> &[u8] {
        &self.samples[row % self.kept * self.stride..][..width]
    }
}

/// A picture that is being put together.
#[derive(Debug)]
pub(super) struct Rows {
    colour: Colour,
    planes: Vec<Plane>,
    sums: Vec<u16>,
    /// A row of colours.
    pixels: Vec<u32>,
    /// Rows of RGB that are done.
    done: usize,
    pub(super) rgb: Vec<u8>,
}

impl Rows {
    /// All steps that will be known are known.
    pub(super) fn begin(frame: &Frame, colour: Colour) -> Result<Self, ImageError> {
        let plane = |component: &super::markers::Component| {
            let stride = component.blocks_wide * 8;
            let kept = 16 * component.v;
            Ok(Plane {
                // Without a scan there are no steps, and no coefficients either.
                steps: component.steps.unwrap_or([0; 64]).map(|step| step as i16),
                upsampling: Upsampling::of(frame, component),
                stride,
                kept,
                samples: buffer(stride * kept)?,
                line: buffer(frame.width)?,
            })
        };
        let planes = frame.components.iter().map(plane).collect::<Result<_, ImageError>>()?;
        Ok(Self {
            colour,
            planes,
            sums: Vec::new(),
            pixels: Vec::new(),
            done: 0,
            rgb: buffer(frame.width * frame.height * 3)?,
        })
    }

    /// Takes the coefficients of a row of units, number `held` in `planes`; `known` where some are to be estimated.
    pub(super) fn unit_row(
        &mut self,
        frame: &Frame,
        planes: &[Coefficients],
        (unit_row, held): (usize, usize),
        known: Option<&Known>,
    ) {
        for (number, (component, plane)) in frame.components.iter().zip(&mut self.planes).enumerate() {
            let coefficients = &planes[number];
            let rows = component.v.min(component.blocks_high - unit_row * component.v);
            for row in 0..rows {
                let start = (unit_row * component.v + row) * 8 % plane.kept * plane.stride;
                let samples = &mut plane.samples[start..start + 8 * plane.stride];
                let blocks = &coefficients.blocks[(held * component.v + row) * coefficients.stride..];
                for (column, block) in blocks[..component.blocks_wide].iter().enumerate() {
                    let smooth;
                    let block = match known {
                        Some(known) => {
                            let units = (unit_row, frame.unit_rows(), rows);
                            smooth = known.block((number, component), coefficients, units, (row, column));
                            &smooth
                        }
                        None => block,
                    };
                    idct::block(block, &plane.steps, &mut samples[column * 8..], plane.stride);
                }
            }
        }
        let last = unit_row + 1 == frame.unit_rows();
        let until = if last { frame.height } else { (unit_row + 1) * 8 * frame.v - frame.v };
        while self.done < until {
            self.emit(frame);
        }
    }

    fn emit(&mut self, frame: &Frame) {
        let y = self.done;
        for (component, plane) in frame.components.iter().zip(&mut self.planes) {
            let mut line = std::mem::take(&mut plane.line);
            let (near, far) = plane.upsampling.rows(y, component.height);
            let (near, far) = (plane.row(near, component.width), plane.row(far, component.width));
            plane.upsampling.row(y, near, far, &mut self.sums, &mut line);
            plane.line = line;
        }
        let mut lines: [&[u8]; 4] = [&[]; 4];
        lines.iter_mut().zip(&self.planes).for_each(|(line, plane)| *line = &plane.line);
        let bytes = frame.width * 3;
        self.colour.row(&lines[..self.planes.len()], &mut self.pixels, &mut self.rgb[y * bytes..(y + 1) * bytes]);
        self.done += 1;
    }
}
