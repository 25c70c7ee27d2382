//! Pictures: from files, from their bytes, and from pixels.

use super::{ocelli_image, ocelli_image_options};
use crate::cells::ImageCell;
use crate::handle::{self, Object};
use crate::pixels::{self, Order};
use crate::status::{Failure, OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_IMAGE};
use crate::{guard, options, sized, strings};
use ocelli_engine::Error;
use ocelli_engine::image::{self, DecodeOptions, ImageLimits, Picture};
use std::ffi::{c_char, c_void};
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

/// Of ocelli_image_open_pixels(): 3 bytes a pixel, red first.
pub const OCELLI_PIXELS_RGB: u32 = 0;

/// Of ocelli_image_open_pixels(): 4 bytes a pixel, red first; alpha is not looked at.
pub const OCELLI_PIXELS_RGBA: u32 = 1;

/// Of ocelli_image_open_pixels(): 3 bytes a pixel, blue first.
pub const OCELLI_PIXELS_BGR: u32 = 2;

/// Of ocelli_image_open_pixels(): 4 bytes a pixel, blue first; alpha is not looked at.
pub const OCELLI_PIXELS_BGRA: u32 = 3;

/// Of ocelli_image_open_pixels(): 1 byte a pixel.
pub const OCELLI_PIXELS_GREY: u32 = 4;

/// Reads a picture from a PNG, JPEG, WebP, BMP or TIFF file, or a GIF's first frame, as it is stored: EXIF's orientation
/// (but for TIFF) and alpha count for nothing; ocelli_image_open_with() has options for both. The handle is the caller's to close with ocelli_image_close(). At most 64 MiB
/// of file, 64 Mi pixels, 16384 a side, 200:1.
///
/// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_INVALID_UTF8, OCELLI_ERR_BAD_PARAMETER (path is empty),
/// OCELLI_ERR_FILE or OCELLI_ERR_IMAGE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_image_open(path: *const c_char, out: *mut *mut ocelli_image) -> i32 {
    guard::call(|| {
        // SAFETY: the header's rules on pointers.
        let path = unsafe {
            strings::out(out)?;
            strings::path(path)?
        };
        opened(out, of_file(path, &DecodeOptions::default())?)
    })
}

/// As ocelli_image_open(), from the size bytes of such a file.
///
/// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER or OCELLI_ERR_IMAGE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_image_open_memory(
    bytes: *const c_void,
    size: usize,
    out: *mut *mut ocelli_image,
) -> i32 {
    guard::call(|| {
        // SAFETY: the header's rules on pointers.
        let bytes = unsafe {
            strings::out(out)?;
            strings::slice::<u8>("bytes", bytes.cast(), size)?
        };
        opened(out, image::decode(bytes, &ImageLimits::default()).map_err(Error::from)?)
    })
}

/// As ocelli_image_open() of path, or where that is NULL of the size bytes of such a file, with options. Only one of path and
/// bytes may be given.
///
/// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_INVALID_UTF8, OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_UNSUPPORTED
/// (options of a later version), OCELLI_ERR_FILE or OCELLI_ERR_IMAGE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_image_open_with(
    path: *const c_char,
    bytes: *const c_void,
    size: usize,
    options: *const ocelli_image_options,
    out: *mut *mut ocelli_image,
) -> i32 {
    guard::call(|| {
        // SAFETY: the header's rules on pointers.
        let (bytes, options) = unsafe {
            strings::out(out)?;
            let bytes = path.is_null().then(|| strings::slice::<u8>("bytes", bytes.cast(), size)).transpose()?;
            (bytes, options::image(sized::read("options", options)?)?)
        };
        let Some(bytes) = bytes else {
            if size > 0 {
                let text = "path and bytes are given: a picture has one of them".to_owned();
                return Err(Failure::new(OCELLI_ERR_BAD_PARAMETER, text));
            }
            // SAFETY: the header's rules on pointers.
            return opened(out, of_file(unsafe { strings::path(path)? }, &options)?);
        };
        opened(out, image::decode_with(bytes, &options, &ImageLimits::default()).map_err(Error::from)?)
    })
}

/// Copies a picture of width x height pixels, rows from the top, stride bytes from one row to the next; a stride of 0 says
/// that rows follow one another. size is all that pixels points to; the last row may end without its padding. order is one
/// of OCELLI_PIXELS_*.
///
/// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_BAD_PARAMETER (order, or size and stride do not fit width and
/// height) or OCELLI_ERR_IMAGE (a size beyond the limits of ocelli_image_open()).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_image_open_pixels(
    pixels: *const c_void,
    size: usize,
    width: u32,
    height: u32,
    stride: usize,
    order: u32,
    out: *mut *mut ocelli_image,
) -> i32 {
    guard::call(|| {
        // SAFETY: the header's rules on pointers.
        let bytes = unsafe {
            strings::out(out)?;
            if pixels.is_null() {
                strings::slice::<u8>("pixels", pixels.cast(), size.max(1))?
            } else {
                strings::slice::<u8>("pixels", pixels.cast(), size)?
            }
        };
        let order = match order {
            OCELLI_PIXELS_RGB => Order { bytes: 3, rgb: [0, 1, 2] },
            OCELLI_PIXELS_RGBA => Order { bytes: 4, rgb: [0, 1, 2] },
            OCELLI_PIXELS_BGR => Order { bytes: 3, rgb: [2, 1, 0] },
            OCELLI_PIXELS_BGRA => Order { bytes: 4, rgb: [2, 1, 0] },
            OCELLI_PIXELS_GREY => Order { bytes: 1, rgb: [0, 0, 0] },
            other => {
                let text = format!("order is {other}: none of OCELLI_PIXELS_*");
                return Err(Failure::new(OCELLI_ERR_BAD_PARAMETER, text));
            }
        };
        opened(out, pixels::picture(bytes, width, height, stride, order)?)
    })
}

/// The size of a picture in pixels, as it was given: a model sees it resized. width and height may be NULL.
///
/// Returns OCELLI_OK, OCELLI_ERR_NULL_PARAMETER or OCELLI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_image_size(image: *const ocelli_image, width: *mut u32, height: *mut u32) -> i32 {
    let told = |cell: &ImageCell| {
        // SAFETY: the header's rules on pointers.
        unsafe {
            strings::tell(width, cell.picture.width());
            strings::tell(height, cell.picture.height());
        }
        Ok(())
    };
    guard::around(|| handle::image(image.cast())?.call(told))
}

/// Closes a picture. Prompts that have it keep it. NULL is no picture and nothing to close.
///
/// Returns OCELLI_OK or OCELLI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocelli_image_close(image: *mut ocelli_image) -> i32 {
    guard::call(|| {
        if !image.is_null() {
            handle::image(image.cast())?;
            handle::close(image.cast())?;
        }
        Ok(())
    })
}

/// The picture of a handle, as a call of its own for the handle's outcome.
pub(super) fn picture(image: *const ocelli_image) -> Result<Arc<Picture>, Failure> {
    let cell = handle::image(image.cast())?;
    cell.call(|_| Ok(()))?;
    Ok(Arc::clone(&cell.picture))
}

/// The picture in a file.
fn of_file(path: &str, options: &DecodeOptions) -> Result<Picture, Failure> {
    let error = |source| Failure::from(Error::Open { path: path.to_owned(), source });
    let mut bytes = Vec::new();
    // Asked first, since opening a pipe waits for whoever writes to it.
    if !std::fs::metadata(path).map_err(error)?.is_file() {
        return Err(error(io::Error::other("not a regular file")));
    }
    // One byte more than allowed is enough to refuse.
    let limits = ImageLimits::default();
    File::open(path).map_err(error)?.take(limits.file_bytes + 1).read_to_end(&mut bytes).map_err(error)?;
    let picture = image::decode_with(&bytes, options, &limits);
    picture.map_err(|e| Failure::new(OCELLI_ERR_IMAGE, format!("{path}: {e}")))
}

fn opened(out: *mut *mut ocelli_image, picture: Picture) -> Result<(), Failure> {
    let handle = handle::open(|_| Object::Image(Arc::new(ImageCell::new(picture))))?;
    // SAFETY: not NULL, as was checked first; the header's rules on pointers.
    unsafe { out.write_unaligned(handle.cast()) };
    Ok(())
}
