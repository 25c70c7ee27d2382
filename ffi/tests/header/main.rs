//! include/ocelli.h is committed, so that C needs no Rust to read it; here it is written anew and compared, and so is
//! what follows from it: the page about it, the list of what programs rely on, and the calls that are right and wrong.
//!
//! `OCELLI_UPDATE_HEADER=1 cargo test -p ocelli-ffi --test header` replaces the committed files.

#![allow(clippy::unwrap_used)]

mod abi;
mod abuse;
mod enums;
mod manual;
mod parse;

use ocelli::abi::ocelli_status_name;
use std::ffi::CStr;
use std::path::Path;

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn generated() -> String {
    let config = cbindgen::Config::from_file(here().join("cbindgen.toml")).unwrap();
    // Sources are named one by one: reading the whole crate would ask cargo, and these hold all that is exported, in the
    // header's order.
    let abi = ["library", "model", "tokens", "pointing", "image", "session", "prompt", "generate", "state"];
    let abi = abi.map(|name| here().join(format!("src/abi/{name}.rs")));
    let sources =
        ["status", "log", "structs", "last"].map(|file| here().join(format!("src/{file}.rs"))).into_iter().chain(abi);
    let builder = cbindgen::Builder::new().with_config(config);
    let bindings = sources.fold(builder, |b, file| b.with_src(file)).generate().unwrap();
    let mut header = Vec::new();
    bindings.write(&mut header);
    enums::beside(&String::from_utf8(header).unwrap())
}

/// Holds a committed file against what it should be.
fn compare(path: &str, fresh: &str) {
    let file = here().join("..").join(path);
    if std::env::var_os("OCELLI_UPDATE_HEADER").is_some_and(|v| v == "1") {
        std::fs::write(&file, fresh).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap();
    let same = committed.lines().zip(fresh.lines()).take_while(|(a, b)| a == b).count();
    assert!(
        committed == fresh,
        "{path} differs from ffi/src at line {}: OCELLI_UPDATE_HEADER=1 cargo test -p ocelli-ffi --test header",
        same + 1
    );
}

#[test]
fn the_committed_files_are_the_generated_ones() {
    let text = generated();
    compare("include/ocelli.h", &text);
    let header = parse::parse(&text);
    compare("ffi/abi.txt", &abi::lines(&header));
    compare("docs/c-api.md", &manual::page(&header));
    compare("tests/c/every_call.h", &abuse::program(&header));
}

#[test]
fn the_interface_is_small_and_told() {
    let header = parse::parse(&generated());
    assert!(header.functions.len() <= 51, "{} functions", header.functions.len());
    for f in &header.functions {
        assert!(f.name.starts_with("ocelli_") && f.doc.len() > 40, "{}", f.name);
        let constant = f.members.is_empty() || f.name == "ocelli_status_name";
        assert!(constant || f.doc.contains("Returns "), "{} does not tell what it returns", f.name);
    }
    let told = |named: &[parse::Named]| named.iter().all(|n| !n.doc.trim().is_empty());
    assert!(told(&header.constants) && told(&header.structs) && told(&header.callbacks) && told(&header.opaque));
    for s in &header.structs {
        assert!(s.members.iter().all(|m| !m.doc.is_empty()), "{}", s.name);
    }
}

/// The fuzz target of C calls leaves no function out.
#[test]
fn every_function_is_fuzzed() {
    let header = parse::parse(&generated());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/src/calls/functions.rs");
    let source = std::fs::read_to_string(path).unwrap();
    let fuzzed: Vec<&str> =
        source.lines().filter_map(|line| line.strip_prefix("    ")?.split_once(" => |")).map(|l| l.0).collect();
    // The macro that reads the list has an arm of that form, too.
    let fuzzed: Vec<&str> = fuzzed.into_iter().filter(|name| name.starts_with("ocelli_")).collect();
    let functions: Vec<&str> = header.functions.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(fuzzed, functions, "{path}: each function of the header, in its order");
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
    assert_eq!(next, 25);
}
