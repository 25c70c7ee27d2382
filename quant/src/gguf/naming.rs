//! The rules for keys and tensor names, shared by reader and writer so that what is written can be read.
//!
//! Stricter than ggml where ggml is silent: it accepts keys with NUL or non-ASCII bytes, which the specification does
//! not, and which end up in terminals, C strings and file names.

use super::Limits;

/// Characters of a hostile name that a message repeats.
const SHOWN: usize = 96;

/// The rule that a key breaks.
pub(super) fn key_rule(key: &[u8], limits: &Limits) -> Option<String> {
    if key.is_empty() {
        return Some("a key must have at least 1 byte, this has 0".to_owned());
    }
    if let Some(rule) = length_rule(key.len() as u64, limits.key_bytes, "key") {
        return Some(rule);
    }
    let bad = key.iter().position(|byte| !(0x20..=0x7e).contains(byte))?;
    Some(format!("a key must be printable ASCII, byte {bad} is {:#04x}", key[bad]))
}

/// The rule that a tensor name breaks.
pub(super) fn name_rule(name: &str, limits: &Limits) -> Option<String> {
    if name.is_empty() {
        return Some("a tensor name must have at least 1 byte, this has 0".to_owned());
    }
    if let Some(rule) = length_rule(name.len() as u64, limits.name_bytes, "tensor name") {
        return Some(rule);
    }
    let (bad, character) = name.char_indices().find(|(_, character)| character.is_control())?;
    Some(format!("a tensor name must not hold control characters, byte {bad} is {:#04x}", u32::from(character)))
}

/// The rule that a length alone breaks, for refusing before the bytes are looked at.
pub(super) fn length_rule(length: u64, max: u64, thing: &str) -> Option<String> {
    (length > max).then(|| format!("a {thing} must have at most {max} bytes, this has {length}"))
}

/// `name` for a message: long names are cut, so that a hostile file cannot make a message of 64 KiB.
pub(super) fn shown(name: &str) -> String {
    match name.char_indices().nth(SHOWN) {
        Some((cut, _)) => format!("{}… ({} bytes)", &name[..cut], name.len()),
        None => name.to_owned(),
    }
}
