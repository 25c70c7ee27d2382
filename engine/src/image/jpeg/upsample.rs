//! A row of a component to the picture's width.
//!
//! The non-obvious thing: planes of half the width or half the height are interpolated (the nearer sample counts three
//! times), with roundings that alternate so that none is favoured, as libjpeg's default does it; all other factors, and
//! planes of two columns or fewer, are repeated. That choice is libjpeg's, too.

use super::markers::{Component, Frame};

/// How a component comes to the picture's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upsampling {
    /// It has that size.
    Full,
    /// Interpolated across, down, or both.
    Across,
    Down,
    Both,
    /// Repeated so many times across and down.
    Repeated {
        across: usize,
        down: usize,
    },
}

impl Upsampling {
    pub(super) fn of(frame: &Frame, component: &Component) -> Self {
        match (frame.h / component.h, frame.v / component.v) {
            (1, 1) => Self::Full,
            (2, 1) if component.width > 2 => Self::Across,
            (1, 2) => Self::Down,
            (2, 2) if component.width > 2 => Self::Both,
            (across, down) => Self::Repeated { across, down },
        }
    }

    /// The component's rows that row `y` of the picture is made of: the nearer, and the farther or the same.
    pub(super) fn rows(self, y: usize, height: usize) -> (usize, usize) {
        match self {
            Self::Full | Self::Across => (y, y),
            Self::Repeated { down, .. } => (y / down, y / down),
            Self::Down | Self::Both => {
                let near = y / 2;
                (near, if y.is_multiple_of(2) { near.saturating_sub(1) } else { (near + 1).min(height - 1) })
            }
        }
    }

    /// Row `y` of the picture from the rows of [`Self::rows`], of equal length; `out` takes what there is room for.
    pub(super) fn row(self, y: usize, near: &[u8], far: &[u8], sums: &mut Vec<u16>, out: &mut [u8]) {
        match self {
            Self::Full => out.copy_from_slice(&near[..out.len()]),
            Self::Repeated { across, .. } => {
                for (pixels, &sample) in out.chunks_mut(across).zip(near) {
                    pixels.fill(sample);
                }
            }
            Self::Across => {
                sums.clear();
                sums.extend(near.iter().map(|&sample| u16::from(sample)));
                across(sums, out, [1, 2], 2);
            }
            Self::Down => {
                let bias = if y.is_multiple_of(2) { 1 } else { 2 };
                for ((pixel, &near), &far) in out.iter_mut().zip(near).zip(far) {
                    *pixel = ((u16::from(near) * 3 + u16::from(far) + bias) >> 2) as u8;
                }
            }
            Self::Both => {
                sums.clear();
                sums.extend(near.iter().zip(far).map(|(&near, &far)| u16::from(near) * 3 + u16::from(far)));
                across(sums, out, [8, 7], 4);
            }
        }
    }
}

/// Two pixels a sum, of which there are three or more: three parts of it and one of its neighbour on the pixel's side.
fn across(sums: &[u16], out: &mut [u8], bias: [u16; 2], down: u32) {
    let last = sums.len() - 1;
    let edge = |at: usize, bias: u16| ((sums[at] * 4 + bias) >> down) as u8;
    let left = |before: u16, sum: u16| ((sum * 3 + before + bias[0]) >> down) as u8;
    let right = |sum: u16, after: u16| ((sum * 3 + after + bias[1]) >> down) as u8;
    let (pairs, odd) = out.as_chunks_mut::<2>();
    for (pair, near) in pairs[1..].iter_mut().zip(sums.windows(3)) {
        *pair = [left(near[0], near[1]), right(near[1], near[2])];
    }
    pairs[0] = [edge(0, bias[0]), right(sums[0], sums[1])];
    if let Some(pair) = pairs.get_mut(last) {
        *pair = [left(sums[last - 1], sums[last]), edge(last, bias[1])];
    }
    if let [pixel] = odd {
        *pixel = left(sums[last - 1], sums[last]);
    }
}
