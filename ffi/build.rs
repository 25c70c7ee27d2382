//! Names the shared library after its ABI's major version, so that a program linked with one major never loads another,
//! and takes the unwinder in: devices have a C library, but not always GCC's.
//!
//! The standard library asks for `gcc_s`. What the linker finds first by that name is a script of one line that names the
//! same code as an archive.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |key: &str, value: &str| std::env::var(key).is_ok_and(|v| v == value);
    if !is("CARGO_CFG_TARGET_OS", "linux") {
        return;
    }
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libocelli.so.1");
    if !is("CARGO_CFG_TARGET_ENV", "gnu") {
        return;
    }
    let Ok(folder) = std::env::var("OUT_DIR") else { return };
    match std::fs::write(Path::new(&folder).join("libgcc_s.so"), "INPUT(-lgcc_eh)\n") {
        Ok(()) => println!("cargo::rustc-cdylib-link-arg=-L{folder}"),
        Err(e) => println!("cargo::warning=libocelli.so will need libgcc_s.so: {e}"),
    }
}
