//! Features of a pool: see the function of that name in `src/`.

#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| ocelli_fuzz::features(data));
