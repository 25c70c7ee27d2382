//! Enums beside the constants, for debuggers and readers: the constants stay macros, which the preprocessor can ask, and
//! functions take and return numbers of a fixed size, so that no enum is part of the ABI.

use crate::parse::{Header, parse};
use std::fmt::Write;

/// Enums, and how their constants begin. The longest beginning that fits counts.
const ENUMS: [(&str, &[&str]); 15] = [
    ("ocelli_status", &["OCELLI_OK", "OCELLI_ERR_"]),
    ("ocelli_log_level", &["OCELLI_LOG_"]),
    ("ocelli_model_flag", &["OCELLI_MODEL_"]),
    ("ocelli_can_flag", &["OCELLI_CAN_"]),
    ("ocelli_cache_type", &["OCELLI_CACHE_"]),
    ("ocelli_stage", &["OCELLI_STAGE_"]),
    ("ocelli_feature_flag", &["OCELLI_FEATURE_"]),
    ("ocelli_tokenize_flag", &["OCELLI_TOKENIZE_"]),
    ("ocelli_detokenize_flag", &["OCELLI_DETOKENIZE_"]),
    ("ocelli_token_flag", &["OCELLI_TOKEN_"]),
    ("ocelli_pixel_order", &["OCELLI_PIXELS_"]),
    ("ocelli_shot_flag", &["OCELLI_SHOT_"]),
    ("ocelli_finish", &["OCELLI_FINISH_"]),
    ("ocelli_embedding", &["OCELLI_EMBED_"]),
    ("", &["OCELLI_NONE", "OCELLI_ABI_VERSION", "OCELLI_LAST_ERROR_CAPACITY"]),
];

/// The enum of a constant; "" if it belongs to none on purpose.
fn of(constant: &str) -> &'static str {
    let fits = |(name, beginnings): &(&'static str, &[&str])| {
        let longest = beginnings.iter().filter(|b| constant.starts_with(**b)).map(|b| b.len()).max()?;
        Some((longest, *name))
    };
    ENUMS.iter().filter_map(fits).max().unwrap_or_else(|| panic!("teach ffi/tests/header/enums.rs: {constant}")).1
}

/// The header with enums before its constants, where their names are no macros yet.
pub fn beside(header: &str) -> String {
    let Header { constants, .. } = parse(header);
    let mut out = String::from(
        "// For debuggers: (enum ocelli_status)7 is shown as OCELLI_ERR_FILE. Functions take and return numbers of a fixed size, and\n\
         // the constants are macros, too.\n",
    );
    for (name, _) in ENUMS.iter().filter(|(name, _)| !name.is_empty()) {
        writeln!(out, "enum {name} {{").unwrap();
        let own: Vec<String> =
            constants.iter().filter(|c| of(&c.name) == *name).map(|c| format!("  {} = {}", c.name, c.value)).collect();
        assert!(!own.is_empty(), "{name} has no constants");
        writeln!(out, "{}\n}};\n", own.join(",\n")).unwrap();
    }
    let (before, behind) = header.split_once("#include <stdint.h>\n\n").unwrap();
    format!("{before}#include <stdint.h>\n\n{out}{behind}")
}
