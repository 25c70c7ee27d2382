//! The exported functions, called as C would.

#![allow(clippy::unwrap_used)]
#![allow(unsafe_code)] // calls the C interface

use ocelli::abi::{
    OCELLI_LAST_ERROR_CAPACITY, ocelli_abi_version, ocelli_check_model, ocelli_last_error, ocelli_last_error_code,
    ocelli_version,
};
use ocelli::status::{
    OCELLI_ERR_BAD_PARAMETER, OCELLI_ERR_FILE, OCELLI_ERR_INVALID_UTF8, OCELLI_ERR_MODEL, OCELLI_ERR_NULL_PARAMETER,
    OCELLI_OK,
};
use std::ffi::{CStr, CString, c_char};
use std::path::{Path, PathBuf};
use std::ptr::null_mut;

/// The status of a check, and its message.
fn check(path: *const c_char) -> (i32, String) {
    let mut buffer = [0x7f; OCELLI_LAST_ERROR_CAPACITY];
    // SAFETY: callers pass NULL or a NUL-terminated string; the buffer is as long as said.
    unsafe {
        let status = ocelli_check_model(path);
        assert_eq!(ocelli_last_error_code(), status);
        assert_eq!(ocelli_last_error(buffer.as_mut_ptr(), buffer.len(), null_mut()), OCELLI_OK);
        (status, CStr::from_ptr(buffer.as_ptr()).to_str().unwrap().to_owned())
    }
}

fn check_path(path: &Path) -> (i32, String) {
    check(CString::new(path.to_str().unwrap()).unwrap().as_ptr())
}

fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn versions() {
    assert_eq!(ocelli_abi_version(), 1);
    // SAFETY: a static, NUL-terminated string.
    let version = unsafe { CStr::from_ptr(ocelli_version()) };
    assert_eq!(version.to_str(), Ok(env!("CARGO_PKG_VERSION")));
}

#[test]
fn parameters_are_checked() {
    assert_eq!(check(std::ptr::null()), (OCELLI_ERR_NULL_PARAMETER, "path is NULL".to_owned()));
    assert_eq!(check(c"".as_ptr()), (OCELLI_ERR_BAD_PARAMETER, "path is empty".to_owned()));
    let wrong = (OCELLI_ERR_INVALID_UTF8, "path is not UTF-8: byte 6 is 0xe2".to_owned());
    assert_eq!(check(c"models\xe2\x82".as_ptr()), wrong);
}

#[test]
fn files_that_cannot_be_opened() {
    let missing = scratch("there-is-no-such-naïve-file.gguf");
    let (status, text) = check_path(&missing);
    assert_eq!(status, OCELLI_ERR_FILE);
    assert!(text.contains(missing.to_str().unwrap()), "{text}");
    assert_eq!(check_path(Path::new(env!("CARGO_TARGET_TMPDIR"))).0, OCELLI_ERR_FILE);
}

#[test]
fn files_that_are_no_model() {
    let mut truncated = b"GGUF\x03\0\0\0".to_vec();
    truncated.extend([0xff; 16]);
    let files: [(&str, &[u8]); 4] =
        [("empty", b""), ("text", b"hello, this is not a model"), ("magic", b"GGUF"), ("counts", &truncated)];
    for (name, bytes) in files {
        let path = scratch(&format!("check-{name}.gguf"));
        std::fs::write(&path, bytes).unwrap();
        let (status, text) = check_path(&path);
        assert_eq!(status, OCELLI_ERR_MODEL, "{name}: {text}");
        assert!(!text.is_empty(), "{name}");
    }
}

#[test]
fn a_model_opens_and_clears_the_error() {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/models/tiny-blip2.gguf");
    assert_eq!(check(std::ptr::null()).0, OCELLI_ERR_NULL_PARAMETER);
    assert_eq!(check_path(&model), (OCELLI_OK, String::new()));
    // Cut short anywhere it is refused.
    let bytes = std::fs::read(&model).unwrap();
    let path = scratch("check-cut.gguf");
    for keep in [64, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..keep]).unwrap();
        let (status, text) = check_path(&path);
        assert_eq!(status, OCELLI_ERR_MODEL, "{keep} bytes: {text}");
    }
}

#[test]
fn a_split_model_is_asked_for_by_its_first_file() {
    // A header without tensors that says which file of three it is.
    let file = |number: u16| {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        bytes.extend(0u64.to_le_bytes());
        bytes.extend(2u64.to_le_bytes());
        for (key, value) in [("split.no", number), ("split.count", 3)] {
            bytes.extend((key.len() as u64).to_le_bytes());
            bytes.extend(key.as_bytes());
            bytes.extend(2u32.to_le_bytes());
            bytes.extend(value.to_le_bytes());
        }
        bytes
    };
    let [first, second, third] = [1, 2, 3].map(|number| scratch(&format!("check-split-0000{number}-of-00003.gguf")));
    for (number, path) in (0..).zip([&first, &second]) {
        std::fs::write(path, file(number)).unwrap();
    }
    let _ = std::fs::remove_file(&third);
    let (status, text) = check_path(&second);
    assert_eq!(status, OCELLI_ERR_MODEL, "{text}");
    assert!(text.contains("file 2") && text.contains(first.to_str().unwrap()), "{text}");
    let (status, text) = check_path(&first);
    assert_eq!(status, OCELLI_ERR_FILE, "{text}");
    assert!(text.contains(third.to_str().unwrap()) && text.contains("file 3 of the 3"), "{text}");
}
