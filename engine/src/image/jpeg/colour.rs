//! A row of samples to RGB: JFIF's colours with 16-bit constants, and inks as Pillow's conversion from CMYK takes them.
//!
//! The non-obvious thing: four components are always taken for inverted inks, whatever the file says, as Pillow does it.

use super::markers::Colour;

impl Colour {
    /// `out` has three bytes a sample of each plane.
    pub(super) fn row(self, planes: &[&[u8]], out: &mut [u8]) {
        match (self, planes) {
            (Self::Ycc, &[y, cb, cr, ..]) => ycc(y, cb, cr, out),
            (Self::Rgb, &[r, g, b, ..]) => {
                for (pixel, ((&r, &g), &b)) in out.as_chunks_mut::<3>().0.iter_mut().zip(r.iter().zip(g).zip(b)) {
                    *pixel = [r, g, b];
                }
            }
            (Self::Cmyk | Self::Ycck, &[c, m, y, k]) => {
                if self == Self::Ycck {
                    ycc(c, m, y, out);
                }
                for (at, pixel) in out.as_chunks_mut::<3>().0.iter_mut().enumerate() {
                    // As in the file: 255 is no ink. libjpeg's CMYK of YCCK is 255 less RGB.
                    let light = if self == Self::Ycck { pixel.map(|v| 255 - v) } else { [c[at], m[at], y[at]] };
                    *pixel = light.map(|light| printed(light, k[at]));
                }
            }
            (_, planes) => {
                for (pixel, &grey) in out.as_chunks_mut::<3>().0.iter_mut().zip(planes.iter().copied().flatten()) {
                    *pixel = [grey; 3];
                }
            }
        }
    }
}

/// What an ink and the black leave of the light.
fn printed(light: u8, key: u8) -> u8 {
    let key = u32::from(key);
    let product = u32::from(255 - light) * key + 128;
    key.saturating_sub((product + (product >> 8)) >> 8) as u8
}

/// Pixels that are computed side by side.
const LANES: usize = 16;

fn ycc(y: &[u8], cb: &[u8], cr: &[u8], out: &mut [u8]) {
    let (whole, rest) = out.as_chunks_mut::<{ 3 * LANES }>();
    let lanes = |plane: &[u8], at: usize| {
        let mut taken = [0; LANES];
        let some = &plane[at * LANES..plane.len().min((at + 1) * LANES)];
        taken[..some.len()].copy_from_slice(some);
        taken
    };
    let blocks = whole.len();
    for (at, pixels) in whole.iter_mut().enumerate() {
        let from = |plane: &[u8]| plane[at * LANES..].first_chunk::<LANES>().copied().unwrap_or_default();
        *pixels = ycc_lanes(&from(y), &from(cb), &from(cr));
    }
    if !rest.is_empty() {
        let pixels = ycc_lanes(&lanes(y, blocks), &lanes(cb, blocks), &lanes(cr, blocks));
        rest.copy_from_slice(&pixels[..rest.len()]);
    }
}

/// R = Y + 1.402 Cr, G = Y − 0.34414 Cb − 0.71414 Cr, B = Y + 1.772 Cb, about 128. The whole parts of the constants are
/// added apart from their fractions, so that products of 16-bit numbers are enough.
#[inline(always)]
fn ycc_lanes(y: &[u8; LANES], cb: &[u8; LANES], cr: &[u8; LANES]) -> [u8; 3 * LANES] {
    let mut planes = [[0u8; LANES]; 3];
    for lane in 0..LANES {
        let y = i16::from(y[lane]);
        let (cb, cr) = (i16::from(cb[lane]) - 128, i16::from(cr[lane]) - 128);
        let rounded = |x: i32| ((x + 32768) >> 16) as i16;
        let (b, r) = (i32::from(cb), i32::from(cr));
        planes[0][lane] = (y + cr + rounded(r * 26345)).clamp(0, 255) as u8;
        planes[1][lane] = (y - cr + rounded(b * -22554 + r * 18734)).clamp(0, 255) as u8;
        planes[2][lane] = (y + 2 * cb + rounded(b * -14942)).clamp(0, 255) as u8;
    }
    let mut out = [0; 3 * LANES];
    for lane in 0..LANES {
        for (plane, values) in planes.iter().enumerate() {
            out[3 * lane + plane] = values[lane];
        }
    }
    out
}
