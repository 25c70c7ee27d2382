//! A row of samples to RGB: JFIF's colours with 16-bit constants, and inks as Pillow's conversion from CMYK takes them.
//!
//! The non-obvious thing: four components are always taken for inverted inks, whatever the file says, as Pillow does it.

use super::markers::Colour;

impl Colour {
    /// `out` has three bytes a sample of each plane; `pixels` is room for a row.
    pub(super) fn row(self, planes: &[&[u8]], pixels: &mut Vec<u32>, out: &mut [u8]) {
        match (self, planes) {
            (Self::Ycc, &[y, cb, cr, ..]) => ycc(y, cb, cr, pixels, out),
            (Self::Rgb, &[r, g, b, ..]) => {
                for (pixel, ((&r, &g), &b)) in out.as_chunks_mut::<3>().0.iter_mut().zip(r.iter().zip(g).zip(b)) {
                    *pixel = [r, g, b];
                }
            }
            (Self::Cmyk | Self::Ycck, &[c, m, y, k]) => {
                if self == Self::Ycck {
                    ycc(c, m, y, pixels, out);
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

/// R = Y + 1.402 Cr, G = Y − 0.34414 Cb − 0.71414 Cr, B = Y + 1.772 Cb, about 128. The whole parts of the constants are
/// added apart from their fractions, so that products of 16-bit numbers are enough. Bytes are put in turn in a second pass,
/// four pixels at a time: compilers find no good way to do that by vectors.
fn ycc(y: &[u8], cb: &[u8], cr: &[u8], pixels: &mut Vec<u32>, out: &mut [u8]) {
    let rounded = |x: i32| ((x + 32768) >> 16) as i16;
    let level = |x: i16| u32::from(x.clamp(0, 255) as u8);
    pixels.resize(y.len(), 0);
    for (((pixel, &y), &cb), &cr) in pixels.iter_mut().zip(y).zip(cb).zip(cr) {
        let y = i16::from(y);
        let (cb, cr) = (i16::from(cb) - 128, i16::from(cr) - 128);
        let (b, r) = (i32::from(cb), i32::from(cr));
        let red = level(y + cr + rounded(r * 26345));
        let green = level(y - cr + rounded(b * -22554 + r * 18734));
        let blue = level(y + 2 * cb + rounded(b * -14942));
        *pixel = red | green << 8 | blue << 16;
    }
    let (quads, rest) = pixels.as_chunks::<4>();
    let (bytes, last) = out.as_chunks_mut::<12>();
    for (bytes, quad) in bytes.iter_mut().zip(quads) {
        let [a, b, c, d] = quad.map(u64::from);
        bytes[..8].copy_from_slice(&(a | b << 24 | c << 48).to_le_bytes());
        bytes[8..].copy_from_slice(&((c >> 16 | d << 8) as u32).to_le_bytes());
    }
    for (bytes, pixel) in last.as_chunks_mut::<3>().0.iter_mut().zip(rest) {
        bytes.copy_from_slice(&pixel.to_le_bytes()[..3]);
    }
}
