//! Strings across the boundary: C's in, checked; ours out, copied and never cut inside a character.

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
    text.to_str().map_err(|e| {
        let at = e.valid_up_to();
        let byte = text.to_bytes().get(at).copied().unwrap_or_default();
        Failure::new(OCELLI_ERR_INVALID_UTF8, format!("{name} is not UTF-8: byte {at} is {byte:#04x}"))
    })
}

/// Copies `text` into the caller's buffer as far as it fits, with a NUL; `needed` receives the bytes of the whole, NUL
/// included. A capacity of 0 only asks for that number.
///
/// # Safety
/// `buffer` is NULL or has room for `capacity` bytes; `needed` is NULL or points to a `size_t`; neither overlaps `text`.
pub(crate) unsafe fn copy_out(text: &str, buffer: *mut c_char, capacity: usize, needed: *mut usize) -> i32 {
    if !needed.is_null() {
        // SAFETY: not NULL, so by this function's contract it points to a size_t.
        unsafe { needed.write(text.len() + 1) };
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
    let fits = text.floor_char_boundary(capacity - 1);
    // SAFETY: fits <= text.len(), and fits + 1 <= capacity bytes of room at a pointer that is not NULL.
    unsafe {
        buffer.copy_from_nonoverlapping(text.as_ptr().cast(), fits);
        buffer.add(fits).write(0);
    }
    if fits < text.len() { OCELLI_ERR_BUFFER_TOO_SMALL } else { OCELLI_OK }
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
