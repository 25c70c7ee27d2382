//! The names of ggml's tensor types, for telling "we have no kernel for that" from "there is no such type".
//!
//! Numbers are ggml's `ggml_type`, never reused there once assigned.

/// ggml's name for a type number that a current file can hold.
pub(super) fn name(id: u32) -> Option<&'static str> {
    Some(match id {
        0 => "f32",
        1 => "f16",
        2 => "q4_0",
        3 => "q4_1",
        6 => "q5_0",
        7 => "q5_1",
        8 => "q8_0",
        9 => "q8_1",
        10 => "q2_k",
        11 => "q3_k",
        12 => "q4_k",
        13 => "q5_k",
        14 => "q6_k",
        15 => "q8_k",
        16 => "iq2_xxs",
        17 => "iq2_xs",
        18 => "iq3_xxs",
        19 => "iq1_s",
        20 => "iq4_nl",
        21 => "iq3_s",
        22 => "iq2_s",
        23 => "iq4_xs",
        24 => "i8",
        25 => "i16",
        26 => "i32",
        27 => "i64",
        28 => "f64",
        29 => "iq1_m",
        30 => "bf16",
        34 => "tq1_0",
        35 => "tq2_0",
        39 => "mxfp4",
        40 => "nvfp4",
        41 => "q1_0",
        42 => "q2_0",
        _ => return None,
    })
}

/// What to say of a type number without a name.
pub(super) fn why_nameless(id: u32) -> &'static str {
    match id {
        4 | 5 => "ggml removed it (q4_2, q4_3)",
        31..=33 | 36..=38 => "ggml removed it (weights repacked for one machine), use the plain type of the same name",
        _ => "ggml's types run from 0 to 42",
    }
}
