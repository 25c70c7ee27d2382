//! Rows of pixels in the orders that cameras and screens have them, to RGB.

use crate::status::{Failure, OCELLI_ERR_BAD_PARAMETER};
use ocelli_engine::Error;
use ocelli_engine::image::{ImageLimits, Picture};

/// Bytes of a pixel, and which of them are red, green and blue.
#[derive(Clone, Copy)]
pub(crate) struct Order {
    pub bytes: usize,
    pub rgb: [usize; 3],
}

/// The picture in `rows`, which lie `stride` bytes apart; 0 is one behind another.
pub(crate) fn picture(rows: &[u8], width: u32, height: u32, stride: usize, order: Order) -> Result<Picture, Failure> {
    let limits = ImageLimits::default();
    limits.check(width, height).map_err(Error::from)?;
    let bad = |text: String| Err(Failure::new(OCELLI_ERR_BAD_PARAMETER, text));
    let row = width as usize * order.bytes;
    let stride = if stride == 0 { row } else { stride };
    if stride < row {
        return bad(format!("stride is {stride} bytes, a row of {width} pixels takes {row}"));
    }
    let need = u128::from(height - 1) * stride as u128 + row as u128;
    if (rows.len() as u128) < need {
        return bad(format!("size is {} bytes, {width} x {height} pixels at this stride take {need}", rows.len()));
    }
    let mut rgb = Vec::new();
    let bytes = width as usize * height as usize * 3;
    let error = |_| Failure::from(Error::OutOfMemory { what: "a picture", bytes });
    rgb.try_reserve_exact(bytes).map_err(error)?;
    for line in rows.chunks(stride).take(height as usize) {
        for pixel in line[..row].chunks_exact(order.bytes) {
            rgb.extend(order.rgb.map(|i| pixel[i]));
        }
    }
    Ok(Picture::new(width, height, rgb, &limits).map_err(Error::from)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_order_and_stride_gives_the_same_picture() {
        let rgb = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        let same = |rows: &[u8], stride, order| {
            assert_eq!(picture(rows, 2, 2, stride, order).unwrap().rgb(), rgb);
        };
        same(&rgb, 0, Order { bytes: 3, rgb: [0, 1, 2] });
        same(&[1, 2, 3, 4, 5, 6, 0, 0, 7, 8, 9, 10, 11, 12], 8, Order { bytes: 3, rgb: [0, 1, 2] });
        same(&[3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10], 6, Order { bytes: 3, rgb: [2, 1, 0] });
        same(&[3, 2, 1, 0, 6, 5, 4, 0, 9, 8, 7, 0, 12, 11, 10, 0], 0, Order { bytes: 4, rgb: [2, 1, 0] });
        let grey = picture(&[7, 9], 1, 2, 0, Order { bytes: 1, rgb: [0, 0, 0] }).unwrap();
        assert_eq!(grey.rgb(), [7, 7, 7, 9, 9, 9]);
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        let rgb = Order { bytes: 3, rgb: [0, 1, 2] };
        let status = |rows: &[u8], w, h, stride| picture(rows, w, h, stride, rgb).unwrap_err().status;
        assert_eq!(status(&[0; 11], 2, 2, 0), OCELLI_ERR_BAD_PARAMETER);
        assert_eq!(status(&[0; 99], 2, 2, 5), OCELLI_ERR_BAD_PARAMETER);
        assert_eq!(status(&[0; 99], 2, 2, usize::MAX), OCELLI_ERR_BAD_PARAMETER);
        for (w, h) in [(0, 1), (1, 0), (u32::MAX, u32::MAX), (16_385, 16_385), (1, 201)] {
            assert_eq!(status(&[0; 99], w, h, 0), crate::status::OCELLI_ERR_IMAGE, "{w} {h}");
        }
    }
}
