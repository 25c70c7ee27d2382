//! Resizing, bit-exact to Pillow's `Image.resize` on RGB.
//!
//! Source: Pillow `src/libImaging/Resample.c` (`ImagingResampleInner` and the two 8-bit passes) and, for
//! [`Filter::Nearest`], `ImagingScaleAffine` in `Geometry.c`. Own code because no Rust resizer matches Pillow: the
//! common ones are up to 24 levels off, enough to move a caption.
//!
//! The non-obvious thing: Pillow rounds to 8 bits between the two passes, so the order of the passes shows in the result,
//! by a level here and there. Up to release 12 the horizontal pass came first; release 13 takes the vertical one first
//! where that shortens the picture a good deal more: see [`PassOrder`]. A pass is skipped when its side keeps its
//! length.
//!
//! Pillow keeps a whole intermediate picture. Here the passes go row by row, so the memory beside input and output is
//! one filter height of output rows (horizontal first) or one input row (vertical first).

use super::filter::{PRECISION_BITS, Weights};
use super::picture::buffer;
use super::{Filter, ImageError, ImageLimits, Picture};

/// Which pass comes first when both sides change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PassOrder {
    /// Pillow 13: vertical first if the height shrinks, and by more than twice as many pixels as the width; else
    /// horizontal first. (Found by comparison with release 13.0.0 on many shapes.)
    #[default]
    Pillow13,
    /// Pillow up to 12, with which most published results were made: always horizontal first.
    HorizontalFirst,
}

impl PassOrder {
    fn vertical_first(self, from: (u32, u32), to: (u32, u32)) -> bool {
        let lost = |from: u32, to: u32| i64::from(from) - i64::from(to);
        let (across, down) = (lost(from.0, to.0), lost(from.1, to.1));
        self == Self::Pillow13 && down > 0 && down > 2 * across
    }
}

/// `picture` resized to exactly `width` x `height`; the aspect is not kept.
///
/// # Errors
/// A target of 0 pixels, or over the default side and pixel limits; [`ImageError::OutOfMemory`].
pub fn resize(
    picture: &Picture,
    width: u32,
    height: u32,
    filter: Filter,
    order: PassOrder,
) -> Result<Picture, ImageError> {
    let limits = ImageLimits { aspect: u32::MAX, ..ImageLimits::default() };
    limits.check(width, height)?;
    let mut rgb = buffer(width as usize * height as usize * 3)?;
    let (from, to) = ((picture.width(), picture.height()), (width, height));
    if from == to {
        rgb.copy_from_slice(picture.rgb());
    } else if filter == Filter::Nearest {
        nearest(picture, width, height, &mut rgb);
    } else {
        let across = (from.0 != to.0).then(|| Weights::new(filter, from.0, to.0));
        let down = (from.1 != to.1).then(|| Weights::new(filter, from.1, to.1));
        match (across, down) {
            (Some(across), Some(down)) if order.vertical_first(from, to) => {
                down_then_across(picture, &down, &across, width, &mut rgb)?;
            }
            (Some(across), Some(down)) => across_then_down(picture, &across, &down, width, &mut rgb)?,
            (Some(across), None) => {
                for (y, line) in rgb.chunks_exact_mut(width as usize * 3).enumerate() {
                    horizontal(source_row(picture, y), &across, line);
                }
            }
            (None, Some(down)) => {
                let mut sums = buffer(width as usize * 3)?;
                for (y, line) in rgb.chunks_exact_mut(width as usize * 3).enumerate() {
                    let (first, weights) = down.at(y);
                    vertical(weights, |i| source_row(picture, first + i), &mut sums, line);
                }
            }
            // Equal sides were copied above.
            (None, None) => {}
        }
    }
    Ok(Picture::of(width, height, rgb))
}

fn source_row(picture: &Picture, y: usize) -> &[u8] {
    let row = picture.width() as usize * 3;
    &picture.rgb()[y * row..(y + 1) * row]
}

/// The horizontal pass on the rows that the vertical one reaches, kept in a ring.
fn across_then_down(
    picture: &Picture,
    across: &Weights,
    down: &Weights,
    width: u32,
    out: &mut [u8],
) -> Result<(), ImageError> {
    let row = width as usize * 3;
    let mut sums = buffer(row)?;
    let ring = down.longest().max(1);
    let mut rows: Vec<u8> = buffer(ring * row)?;
    // Rows before `done` went through the horizontal pass. Runs start ever later, so a row that a run still needs is
    // never further back than the longest run, the length of the ring.
    let mut done = 0;
    for (y, line) in out.chunks_exact_mut(row).enumerate() {
        let (first, weights) = down.at(y);
        done = done.max(first);
        while done < first + weights.len() {
            let slot = done % ring * row;
            horizontal(source_row(picture, done), across, &mut rows[slot..slot + row]);
            done += 1;
        }
        let rows = &rows;
        let at = |i: usize| {
            let slot = (first + i) % ring * row;
            &rows[slot..slot + row]
        };
        vertical(weights, at, &mut sums, line);
    }
    Ok(())
}

/// The vertical pass of one row over the full width, then the horizontal pass of that row.
fn down_then_across(
    picture: &Picture,
    down: &Weights,
    across: &Weights,
    width: u32,
    out: &mut [u8],
) -> Result<(), ImageError> {
    let wide = picture.width() as usize * 3;
    let mut sums = buffer(wide)?;
    let mut shrunk = buffer(wide)?;
    for (y, line) in out.chunks_exact_mut(width as usize * 3).enumerate() {
        let (first, weights) = down.at(y);
        vertical(weights, |i| source_row(picture, first + i), &mut sums, &mut shrunk);
        horizontal(&shrunk, across, line);
    }
    Ok(())
}

/// One row: each output pixel is a weighted sum of a run of input pixels.
fn horizontal(source: &[u8], weights: &Weights, out: &mut [u8]) {
    for (x, pixel) in out.chunks_exact_mut(3).enumerate() {
        let (first, run) = weights.at(x);
        let mut sum = [ROUND; 3];
        for (w, p) in run.iter().zip(source[first * 3..].chunks_exact(3)) {
            for (s, &v) in sum.iter_mut().zip(p) {
                *s = s.wrapping_add(w.wrapping_mul(i32::from(v)));
            }
        }
        for (o, s) in pixel.iter_mut().zip(sum) {
            *o = clip(s);
        }
    }
}

/// One output row as a weighted sum of whole rows; `sums` is scratch of the same length.
fn vertical<'a>(weights: &[i32], row: impl Fn(usize) -> &'a [u8], sums: &mut [i32], out: &mut [u8]) {
    sums.fill(ROUND);
    for (i, &w) in weights.iter().enumerate() {
        for (s, &v) in sums.iter_mut().zip(row(i)) {
            *s = s.wrapping_add(w.wrapping_mul(i32::from(v)));
        }
    }
    for (o, &s) in out.iter_mut().zip(sums.iter()) {
        *o = clip(s);
    }
}

/// One half in fixed point: sums start from it, so that the shift rounds. The weights of a run add up to 1 and their
/// absolute values to less than 2, so a sum of bytes stays within 32 bits; wrapping keeps that free of checks.
const ROUND: i32 = 1 << (PRECISION_BITS - 1);

fn clip(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}

/// The sample under each output centre. Positions are *accumulated* in `f64`, as Pillow does: `x * step` differs.
fn nearest(picture: &Picture, width: u32, height: u32, out: &mut [u8]) {
    let columns = nearest_positions(picture.width(), width);
    let rows = nearest_positions(picture.height(), height);
    let source_row = picture.width() as usize * 3;
    for (line, &y) in out.chunks_exact_mut(width as usize * 3).zip(&rows) {
        let source = &picture.rgb()[y * source_row..(y + 1) * source_row];
        for (pixel, &x) in line.chunks_exact_mut(3).zip(&columns) {
            pixel.copy_from_slice(&source[x * 3..x * 3 + 3]);
        }
    }
}

fn nearest_positions(input: u32, output: u32) -> Vec<usize> {
    let step = f64::from(input) / f64::from(output);
    let mut at = step * 0.5;
    let last = input as usize - 1;
    (0..output)
        .map(|_| {
            let position = (at as usize).min(last);
            at += step;
            position
        })
        .collect()
}
