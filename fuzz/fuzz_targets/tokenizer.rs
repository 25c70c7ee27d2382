//! A file's tokenizer with a text: see the function of that name in `src/`.

#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| ocelli_fuzz::tokenizer(data));
