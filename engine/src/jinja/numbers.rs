//! Numbers that are read from texts.
//!
//! Source: the Python library reference, `int` and `float`. The non-obvious thing: an underscore may stand between two digits.

use super::unicode::is_space;
use super::{R, fail};

/// Digits without the underscores that may stand between two of them; `None` where one stands elsewhere.
fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let between = |at: usize| {
        at > 0 && bytes[at - 1].is_ascii_alphanumeric() && bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric)
    };
    let good = (0..bytes.len()).all(|at| bytes[at] != b'_' || between(at));
    good.then(|| text.replace('_', ""))
}

/// `int(text, base)`.
pub(super) fn parse_int(of: &str, base: i128) -> R<Option<i128>> {
    if base != 0 && !(2..=36).contains(&base) {
        return fail("int() base must be >= 2 and <= 36, or 0");
    }
    let of = of.trim_matches(is_space);
    if !of.is_ascii() && of.chars().any(super::unicode::is_decimal) {
        return fail("digits other than ASCII are not known");
    }
    let (negative, digits) = match of.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, of.strip_prefix('+').unwrap_or(of)),
    };
    let prefix = |of: &str| match of.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => 16,
        Some("0o") => 8,
        Some("0b") => 2,
        _ => 0,
    };
    let marked = prefix(digits);
    let (radix, digits) = if marked != 0 && (base == 0 || base == marked) {
        (marked, digits[2..].strip_prefix('_').unwrap_or(&digits[2..]))
    } else {
        (if base == 0 { 10 } else { base }, digits)
    };
    let Some(digits) = without_underscores(digits).filter(|digits| !digits.is_empty()) else {
        return Ok(None);
    };
    if base == 0 && marked == 0 && digits.len() > 1 && digits.starts_with('0') && digits.bytes().any(|b| b != b'0') {
        return Ok(None);
    }
    if !digits.chars().all(|c| c.is_digit(radix as u32)) {
        return Ok(None);
    }
    match i128::from_str_radix(&digits, radix as u32) {
        Ok(n) => Ok(Some(if negative { -n } else { n })),
        Err(_) => fail("a whole number over 127 bits is not known"),
    }
}

/// `float(text)`.
pub(super) fn parse_float(of: &str) -> Option<f64> {
    let of = of.trim_matches(is_space);
    let of = without_underscores(of)?;
    // Words for infinity and for no number have no underscores in them, which are gone by now.
    of.parse().ok()
}
