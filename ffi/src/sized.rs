//! Structs that grow: each begins with the size that the caller knew. What it did not know reads as zero, which is always
//! the default; what we do not know must be zero, or the caller asks for something that would silently not happen.

#![allow(unsafe_code)] // reads and writes through the caller's pointers

use crate::status::{Failure, OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_NULL_PARAMETER, OCELLI_ERR_UNSUPPORTED};

/// A struct of the header.
///
/// # Safety
/// It is `repr(C)` without padding, its first field is the `u32` size, and any bytes are a value of it but for function
/// pointers, which come from C; zeroes are one.
pub(crate) unsafe trait Grows: Copy {}

/// Longer than any struct will be: a size beyond it was never set.
const LONGEST: usize = 4096;

/// The size that a caller's struct says it has.
///
/// # Safety
/// `at` points to a `u32`, aligned or not.
unsafe fn size_of_callers(name: &str, at: *const u8) -> Result<usize, Failure> {
    // SAFETY: this function's contract.
    let size = unsafe { at.cast::<u32>().read_unaligned() } as usize;
    if size < 4 || !size.is_multiple_of(4) || size > LONGEST {
        let text = format!("{name}->struct_size is {size}: it must be the size of the struct");
        return Err(Failure::new(OCELLI_ERR_BAD_PARAMETER, text));
    }
    Ok(size)
}

/// The caller's options, or the defaults where they are NULL.
///
/// # Safety
/// `from` is NULL or points to as many bytes as its first four say.
pub(crate) unsafe fn read<T: Grows>(name: &str, from: *const T) -> Result<T, Failure> {
    // SAFETY: zeroes are a value, by the trait's contract.
    let mut value: T = unsafe { std::mem::zeroed() };
    if from.is_null() {
        return Ok(value);
    }
    let from = from.cast::<u8>();
    // SAFETY: not NULL, so there are at least four bytes.
    let size = unsafe { size_of_callers(name, from) }?;
    let known = size.min(size_of::<T>());
    // SAFETY: `size` bytes are there by this function's contract, and `known` fit the value.
    let rest = unsafe {
        std::ptr::from_mut(&mut value).cast::<u8>().copy_from_nonoverlapping(from, known);
        std::slice::from_raw_parts(from.add(known), size - known)
    };
    if let Some(at) = rest.iter().position(|byte| *byte != 0) {
        let text = format!("byte {} of {name} is set: this version knows {known}", known + at);
        return Err(Failure::new(OCELLI_ERR_UNSUPPORTED, text));
    }
    Ok(value)
}

/// Fills a caller's struct but for its size. What of it is not known here becomes zero.
///
/// # Safety
/// `to` is NULL or points to as many bytes as its first four say.
pub(crate) unsafe fn write<T: Grows>(name: &str, to: *mut T, value: &T) -> Result<(), Failure> {
    if to.is_null() {
        return Err(Failure::new(OCELLI_ERR_NULL_PARAMETER, format!("{name} is NULL")));
    }
    let to = to.cast::<u8>();
    // SAFETY: not NULL, so there are at least four bytes.
    let size = unsafe { size_of_callers(name, to) }?;
    let known = size.min(size_of::<T>());
    // SAFETY: `size` bytes are there by this function's contract; the first four are the caller's.
    unsafe {
        let from = std::ptr::from_ref(value).cast::<u8>();
        to.add(4).copy_from_nonoverlapping(from.add(4), known - 4);
        to.add(known).write_bytes(0, size - known);
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    #[repr(C)]
    struct Three {
        size: u32,
        a: u32,
        b: u32,
    }
    // SAFETY: three numbers.
    unsafe impl Grows for Three {}

    fn read_words(words: &[u32]) -> Result<Three, i32> {
        // SAFETY: callers give as many words as the first says, or a size that is refused.
        unsafe { read::<Three>("it", words.as_ptr().cast()) }.map_err(|failure| failure.status)
    }

    #[test]
    fn old_and_future_callers_are_understood() {
        assert_eq!(read_words(&[12, 1, 2]), Ok(Three { size: 12, a: 1, b: 2 }));
        assert_eq!(read_words(&[8, 1]), Ok(Three { size: 8, a: 1, b: 0 }));
        assert_eq!(read_words(&[4]), Ok(Three { size: 4, a: 0, b: 0 }));
        assert_eq!(read_words(&[20, 1, 2, 0, 0]), Ok(Three { size: 20, a: 1, b: 2 }));
        assert_eq!(read_words(&[20, 1, 2, 0, 1]), Err(OCELLI_ERR_UNSUPPORTED));
        for size in [0, 3, 6, 4100, u32::MAX] {
            assert_eq!(read_words(&[size, 1, 2]), Err(OCELLI_ERR_BAD_PARAMETER), "{size}");
        }
    }

    #[test]
    fn no_more_is_written_than_the_caller_has() {
        let value = Three { size: 99, a: 7, b: 8 };
        let mut words = [8, 0, 5, 5];
        // SAFETY: as many words as the first says.
        unsafe { write("it", words.as_mut_ptr().cast(), &value) }.unwrap();
        assert_eq!(words, [8, 7, 5, 5]);
        let mut words = [16, 0, 5, 5];
        // SAFETY: as above.
        unsafe { write("it", words.as_mut_ptr().cast(), &value) }.unwrap();
        assert_eq!(words, [16, 7, 8, 0]);
    }
}
