//! include/ocelli.h is committed, so that C needs no Rust to read it; here it is written anew and compared.
//!
//! `OCELLI_UPDATE_HEADER=1 cargo test -p ocelli-ffi --test header` replaces the committed file.

#![allow(clippy::unwrap_used)]

use ocelli::abi::ocelli_status_name;
use std::ffi::CStr;
use std::path::Path;

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn generated() -> String {
    let config = cbindgen::Config::from_file(here().join("cbindgen.toml")).unwrap();
    // Sources are named one by one: reading the whole crate would ask cargo, and these two hold all that is exported.
    let sources = ["src/status.rs", "src/abi.rs"].map(|file| here().join(file));
    let builder = cbindgen::Builder::new().with_config(config);
    let bindings = sources.into_iter().fold(builder, |b, file| b.with_src(file)).generate().unwrap();
    let mut header = Vec::new();
    bindings.write(&mut header);
    String::from_utf8(header).unwrap()
}

#[test]
fn the_committed_header_is_the_generated_one() {
    let fresh = generated();
    let path = here().join("../include/ocelli.h");
    if std::env::var_os("OCELLI_UPDATE_HEADER").is_some_and(|v| v == "1") {
        std::fs::write(&path, &fresh).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    let same = committed.lines().zip(fresh.lines()).take_while(|(a, b)| a == b).count();
    assert!(
        committed == fresh,
        "include/ocelli.h differs from ffi/src at line {}: OCELLI_UPDATE_HEADER=1 cargo test -p ocelli-ffi --test header",
        same + 1
    );
}

#[test]
fn every_status_of_the_header_has_its_name() {
    let header = generated();
    let mut next = 0;
    for line in header.lines() {
        let mut words = line.split_whitespace();
        let (Some("#define"), Some(name), Some(value)) = (words.next(), words.next(), words.next()) else { continue };
        if name != "OCELLI_OK" && !name.starts_with("OCELLI_ERR_") {
            continue;
        }
        let value: i32 = value.parse().unwrap();
        assert_eq!(value, next, "{name}: numbers follow each other and are never reused");
        // SAFETY: a static, NUL-terminated string.
        #[allow(unsafe_code)]
        let told = unsafe { CStr::from_ptr(ocelli_status_name(value)) };
        assert_eq!(told.to_str(), Ok(name));
        next += 1;
    }
    assert_eq!(next, 16);
}
