//! Keeps what tests feed to readers as seeds of the fuzz targets: where OCELLI_FUZZ_CORPUS names a folder, each input
//! becomes a file in its target's folder there. Tests include this file; a file's name is the hash of what it holds, so
//! that nothing is there twice.

#![allow(dead_code, clippy::expect_used)]

/// Longer inputs are left out: changing them finds little a second, and what they show a short one shows, too.
const LONGEST: usize = 64 << 10;

/// Keeps an input of a target.
pub fn keep(target: &str, input: &[u8]) {
    let Some(corpus) = std::env::var_os("OCELLI_FUZZ_CORPUS") else { return };
    if input.len() > LONGEST {
        return;
    }
    // FNV-1a.
    let hash = input.iter().fold(0xcbf2_9ce4_8422_2325u64, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    let folder = std::path::Path::new(&corpus).join(target);
    std::fs::create_dir_all(&folder).expect("the corpus can be written");
    std::fs::write(folder.join(format!("{hash:016x}")), input).expect("the corpus can be written");
}
