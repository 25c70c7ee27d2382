//! A plan is only reckoned: no thread starts for it.

#![cfg(target_os = "linux")]
#![allow(unsafe_code, clippy::unwrap_used)]

use ocelli::abi::{ocelli_memory, ocelli_plan, ocelli_session_options};
use ocelli::status::OCELLI_OK;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn plan(options: &ocelli_session_options) -> ocelli_memory {
    // SAFETY: a struct of the header, of which any bytes are a value.
    let mut memory: ocelli_memory = unsafe { std::mem::zeroed() };
    memory.struct_size = u32::try_from(size_of::<ocelli_memory>()).unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../cli/models/tiny-blip2.gguf\0");
    // SAFETY: a text that ends in NUL, structs of the header.
    let status = unsafe { ocelli_plan(path.as_ptr().cast(), std::ptr::null(), options, &raw mut memory) };
    assert_eq!(status, OCELLI_OK);
    memory
}

/// Another thread looks for compute threads by their names meanwhile.
#[test]
fn a_plan_of_a_path_starts_no_thread() {
    // SAFETY: as above.
    let mut options: ocelli_session_options = unsafe { std::mem::zeroed() };
    options.struct_size = u32::try_from(size_of::<ocelli_session_options>()).unwrap();
    let planned = Arc::new(AtomicBool::new(false));
    let done = Arc::clone(&planned);
    let watch = std::thread::spawn(move || {
        let mut seen = false;
        while !done.load(Ordering::Relaxed) {
            let names = fs::read_dir("/proc/self/task").unwrap().flatten();
            let name = |task: fs::DirEntry| fs::read_to_string(task.path().join("comm")).unwrap_or_default();
            seen |= names.map(name).any(|name| name.starts_with("ocelli-"));
        }
        seen
    });
    for _ in 0..50 {
        assert!(plan(&options).total > 0);
    }
    planned.store(true, Ordering::Relaxed);
    assert!(!watch.join().unwrap(), "a compute thread was there");
}
