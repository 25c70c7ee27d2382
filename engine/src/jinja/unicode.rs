//! Kinds of characters, and letters in title case, as Python's texts know them.
//!
//! Source: Python's `unicodectype` and Unicode's SpecialCasing.

use unicode_properties::{GeneralCategory as G, GeneralCategoryGroup, UnicodeGeneralCategory};

pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

pub(super) fn is_alphabetic(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Letter
}

pub(super) fn is_numeric(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Number
}

pub(super) fn is_decimal(c: char) -> bool {
    c.general_category() == G::DecimalNumber
}

pub(super) fn is_alphanumeric(c: char) -> bool {
    is_alphabetic(c) || is_numeric(c)
}

/// `\w` of regular expressions.
pub(super) fn is_word(c: char) -> bool {
    c == '_' || is_alphanumeric(c)
}

pub(super) fn is_printable(c: char) -> bool {
    c == ' '
        || !matches!(
            c.general_category(),
            G::Control
                | G::Format
                | G::Surrogate
                | G::PrivateUse
                | G::Unassigned
                | G::LineSeparator
                | G::ParagraphSeparator
                | G::SpaceSeparator
        )
}

pub(super) fn is_title(c: char) -> bool {
    c.general_category() == G::TitlecaseLetter
}

pub(super) fn is_cased(c: char) -> bool {
    c.is_lowercase() || c.is_uppercase() || is_title(c)
}

/// Ends of lines, as `splitlines` knows them.
pub(super) fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// A character at the beginning of a word.
pub(super) fn push_title(c: char, out: &mut String) {
    match c {
        'Ǆ' | 'ǅ' | 'ǆ' => out.push('ǅ'),
        'Ǉ' | 'ǈ' | 'ǉ' => out.push('ǈ'),
        'Ǌ' | 'ǋ' | 'ǌ' => out.push('ǋ'),
        'Ǳ' | 'ǲ' | 'ǳ' => out.push('ǲ'),
        // Georgian letters have capitals that no word begins with.
        'ა'..='ჺ' | 'ჽ'..='ჿ' => out.push(c),
        // Greek letters with an iota below keep it as one character.
        '\u{1f80}'..='\u{1faf}' => out.extend(char::from_u32(c as u32 | 8)),
        'ᾳ' | 'ᾼ' => out.push('ᾼ'),
        'ῃ' | 'ῌ' => out.push('ῌ'),
        'ῳ' | 'ῼ' => out.push('ῼ'),
        // One character that becomes several: the first alone is a capital.
        c => {
            let mut upper = c.to_uppercase();
            out.extend(upper.next());
            if c == 'ŉ' {
                out.extend(upper);
            } else {
                for c in upper {
                    if matches!(c, '\u{345}' | 'Ι') {
                        out.push('\u{345}');
                    } else {
                        out.extend(c.to_lowercase());
                    }
                }
            }
        }
    }
}

/// The lower case of a text without its first character, which decides about a sigma behind it.
pub(super) fn lower_rest(text: &str) -> String {
    let Some(first) = text.chars().next() else {
        return String::new();
    };
    text.to_lowercase().chars().skip(first.to_lowercase().count()).collect()
}
