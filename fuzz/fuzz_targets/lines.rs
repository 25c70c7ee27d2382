//! The requests of a batch: see the function of that name in `src/`.

#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| ocelli_fuzz::lines(data));
