//! Strings and arrays across the boundary: C's in, checked; ours out, copied and never cut inside a character.

#![allow(unsafe_code)] // reads and writes through the caller's pointers

use crate::status::{
    Failure, OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_BUFFER_TOO_SMALL, OCELLI_ERR_INVALID_UTF8, OCELLI_ERR_NULL_PARAMETER,
    OCELLI_OK,
};
use std::ffi::{CStr, c_char};

/// The caller's string, under the name its parameter has in the header.
///
/// # Safety
/// `text` is NULL or points to a NUL-terminated string that does not change while `'a` lasts.
pub(crate) unsafe fn given<'a>(name: &str, text: *const c_char) -> Result<&'a str, Failure> {
    if text.is_null() {
        return Err(Failure::new(OCELLI_ERR_NULL_PARAMETER, format!("{name} is NULL")));
    }
    // SAFETY: not NULL, so by this function's contract NUL-terminated and unchanged for 'a.
    let text = unsafe { CStr::from_ptr(text) };
    utf8(name, text.to_bytes())
}

fn utf8<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str, Failure> {
    std::str::from_utf8(bytes).map_err(|e| {
        let at = e.valid_up_to();
        let byte = bytes.get(at).copied().unwrap_or_default();
        Failure::new(OCELLI_ERR_INVALID_UTF8, format!("{name} is not UTF-8: byte {at} is {byte:#04x}"))
    })
}

/// As [`given`], for a path.
///
/// # Safety
/// As [`given`].
pub(crate) unsafe fn path<'a>(path: *const c_char) -> Result<&'a str, Failure> {
    // SAFETY: this function's contract.
    let path = unsafe { given("path", path) }?;
    if path.is_empty() { Err(Failure::new(OCELLI_ERR_BAD_PARAMETER, "path is empty")) } else { Ok(path) }
}

/// The caller's array.
///
/// # Safety
/// `start` is NULL or points to `count` values that do not change while `'a` lasts.
pub(crate) unsafe fn slice<'a, T>(name: &str, start: *const T, count: usize) -> Result<&'a [T], Failure> {
    let bytes = count.checked_mul(size_of::<T>()).filter(|bytes| isize::try_from(*bytes).is_ok());
    if bytes.is_none() {
        return Err(Failure::new(OCELLI_ERR_BAD_PARAMETER, format!("{name} is said to hold {count}: no array does")));
    }
    match (start.is_null(), count) {
        (_, 0) => Ok(&[]),
        (true, _) => {
            Err(Failure::new(OCELLI_ERR_NULL_PARAMETER, format!("{name} is NULL, and {count} are said to be there")))
        }
        (false, _) if !start.is_aligned() => {
            Err(Failure::new(OCELLI_ERR_BAD_PARAMETER, format!("{name} is at no address of its type")))
        }
        // SAFETY: by this function's contract, and no more bytes than an object may have.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts(start, count) }),
    }
}

/// The caller's text of `size` bytes.
///
/// # Safety
/// As [`slice`].
pub(crate) unsafe fn sized<'a>(name: &str, text: *const c_char, size: usize) -> Result<&'a str, Failure> {
    // SAFETY: this function's contract.
    utf8(name, unsafe { slice(name, text.cast::<u8>(), size) }?)
}

/// Sets the place of a handle that is to be opened to NULL.
///
/// # Safety
/// `out` is NULL or points to a pointer.
pub(crate) unsafe fn out<T>(out: *mut *mut T) -> Result<(), Failure> {
    if out.is_null() {
        return Err(Failure::new(OCELLI_ERR_NULL_PARAMETER, "out is NULL"));
    }
    // SAFETY: not NULL, so by this function's contract a pointer.
    unsafe { out.write_unaligned(std::ptr::null_mut()) };
    Ok(())
}

/// Writes a number for the caller, unless it wants none.
///
/// # Safety
/// `to` is NULL or points to a `T`.
pub(crate) unsafe fn tell<T>(to: *mut T, value: T) {
    if !to.is_null() {
        // SAFETY: not NULL, so by this function's contract a T.
        unsafe { to.write_unaligned(value) };
    }
}

/// [`copy_out`] with an outcome that can be kept.
///
/// # Safety
/// As [`copy_out`].
pub(crate) unsafe fn text(text: &str, buffer: *mut c_char, capacity: usize, needed: *mut usize) -> Result<(), Failure> {
    // SAFETY: this function's contract.
    let status = unsafe { copy_out(text, buffer, capacity, needed) };
    refused("buffer", status, capacity, text.len() + 1)
}

/// As [`text`], of bytes that need not be characters.
///
/// # Safety
/// As [`copy_out`].
pub(crate) unsafe fn bytes(
    bytes: &[u8],
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> Result<(), Failure> {
    // SAFETY: this function's contract.
    let status = unsafe { copy_bytes(bytes, bytes.len().min(capacity.saturating_sub(1)), buffer, capacity, needed) };
    refused("buffer", status, capacity, bytes.len() + 1)
}

/// Copies as many items as there is room for; `count` receives how many there are.
///
/// # Safety
/// `buffer` is NULL or has room for `capacity` items; `count` is NULL or points to a `size_t`.
pub(crate) unsafe fn items<T: Copy>(
    name: &str,
    items: &[T],
    buffer: *mut T,
    capacity: usize,
    count: *mut usize,
) -> Result<(), Failure> {
    // SAFETY: this function's contract.
    unsafe { tell(count, items.len()) };
    let status = match (capacity, buffer.is_null()) {
        (0, _) => OCELLI_OK,
        (_, true) => OCELLI_ERR_NULL_PARAMETER,
        _ if !buffer.is_aligned() || isize::try_from(capacity.saturating_mul(size_of::<T>())).is_err() => {
            OCELLI_ERR_BAD_PARAMETER
        }
        _ => {
            let fits = items.len().min(capacity);
            // SAFETY: `fits` items are there and have room, at a pointer that is aligned and not NULL.
            unsafe { buffer.copy_from_nonoverlapping(items.as_ptr(), fits) };
            if fits < items.len() { OCELLI_ERR_BUFFER_TOO_SMALL } else { OCELLI_OK }
        }
    };
    refused(name, status, capacity, items.len())
}

fn refused(name: &str, status: i32, capacity: usize, needed: usize) -> Result<(), Failure> {
    let text = match status {
        OCELLI_OK => return Ok(()),
        OCELLI_ERR_BUFFER_TOO_SMALL => format!("{name} has room for {capacity}, {needed} are needed"),
        OCELLI_ERR_NULL_PARAMETER => format!("{name} is NULL, and has room for {capacity}"),
        _ => format!("{name} is said to have room for {capacity}, or is at no address of its type"),
    };
    Err(Failure::new(status, text))
}

/// Copies `text` into the caller's buffer as far as it fits, with a NUL; `needed` receives the bytes of the whole, NUL
/// included. A capacity of 0 only asks for that number.
///
/// # Safety
/// `buffer` is NULL or has room for `capacity` bytes; `needed` is NULL or points to a `size_t`; neither overlaps `text`.
pub(crate) unsafe fn copy_out(text: &str, buffer: *mut c_char, capacity: usize, needed: *mut usize) -> i32 {
    let fits = text.floor_char_boundary(capacity.saturating_sub(1));
    // SAFETY: this function's contract.
    unsafe { copy_bytes(text.as_bytes(), fits, buffer, capacity, needed) }
}

/// [`copy_out`] of bytes, of which the first `fits` are to be copied: fewer than the capacity, where that is not 0.
///
/// # Safety
/// As [`copy_out`].
unsafe fn copy_bytes(bytes: &[u8], fits: usize, buffer: *mut c_char, capacity: usize, needed: *mut usize) -> i32 {
    if !needed.is_null() {
        // SAFETY: not NULL, so by this function's contract it points to a size_t.
        unsafe { needed.write_unaligned(bytes.len() + 1) };
    }
    if capacity == 0 {
        return OCELLI_OK;
    }
    if buffer.is_null() {
        return OCELLI_ERR_NULL_PARAMETER;
    }
    // No object is that large: the caller passed a negative number.
    if isize::try_from(capacity).is_err() {
        return OCELLI_ERR_BAD_PARAMETER;
    }
    // SAFETY: fits <= bytes.len(), and fits + 1 <= capacity bytes of room at a pointer that is not NULL.
    unsafe {
        buffer.copy_from_nonoverlapping(bytes.as_ptr().cast(), fits);
        buffer.add(fits).write(0);
    }
    if fits < bytes.len() { OCELLI_ERR_BUFFER_TOO_SMALL } else { OCELLI_OK }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::ptr::null_mut;

    /// What `copy_out` returns and leaves in a buffer of `capacity` bytes.
    fn copied(text: &str, capacity: usize) -> (i32, Vec<u8>, usize) {
        let mut buffer = vec![0x7f_u8; capacity];
        let mut needed = 0;
        // SAFETY: the buffer has `capacity` bytes, `needed` is a usize.
        let status = unsafe { copy_out(text, buffer.as_mut_ptr().cast(), capacity, &raw mut needed) };
        (status, buffer, needed)
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(copied("aé🦉", 0), (OCELLI_OK, vec![], 8));
        assert_eq!(copied("aé🦉", 1), (OCELLI_ERR_BUFFER_TOO_SMALL, b"\0".to_vec(), 8));
        assert_eq!(copied("aé🦉", 3), (OCELLI_ERR_BUFFER_TOO_SMALL, b"a\0\x7f".to_vec(), 8));
        assert_eq!(copied("aé🦉", 4), (OCELLI_ERR_BUFFER_TOO_SMALL, "aé\0".as_bytes().to_vec(), 8));
        assert_eq!(copied("aé🦉", 7), (OCELLI_ERR_BUFFER_TOO_SMALL, "aé\0\x7f\x7f\x7f".as_bytes().to_vec(), 8));
        assert_eq!(copied("aé🦉", 8), (OCELLI_OK, "aé🦉\0".as_bytes().to_vec(), 8));
        assert_eq!(copied("", 1), (OCELLI_OK, b"\0".to_vec(), 1));
    }

    #[test]
    fn null_and_negative_are_refused() {
        let mut byte: c_char = 1;
        // SAFETY: NULL is allowed for both pointers, and a capacity this large is refused before it is used.
        let outcomes = unsafe {
            [
                copy_out("x", null_mut(), 1, null_mut()),
                copy_out("x", null_mut(), 0, null_mut()),
                copy_out("x", &raw mut byte, usize::MAX, null_mut()),
            ]
        };
        assert_eq!(outcomes, [OCELLI_ERR_NULL_PARAMETER, OCELLI_OK, OCELLI_ERR_BAD_PARAMETER]);
        assert_eq!(byte, 1);
    }

    #[test]
    fn a_string_that_is_not_utf8_says_where() {
        // SAFETY: a literal with a NUL.
        let failure = unsafe { given("path", c"ab\xff".as_ptr()) }.unwrap_err();
        assert_eq!(failure.status, OCELLI_ERR_INVALID_UTF8);
        assert_eq!(failure.text, "path is not UTF-8: byte 2 is 0xff");
    }
}
