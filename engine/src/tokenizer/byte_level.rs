//! GPT-2's byte alphabet: one printable character for each of the 256 bytes.
//!
//! Source: `bytes_to_unicode` of openai/gpt-2 `encoder.py`. Bytes that are printable in Latin-1 stand for themselves;
//! the other 68 take the characters from U+0100 on, in order (so a space is `Ġ`, a newline `Ċ`).
//!
//! The non-obvious thing: vocabularies and merges are written in this alphabet, but nothing at run time is. Tokens are
//! turned into raw bytes once, when the vocabulary is built, so encoding and decoding text never translate.

/// Whether a byte stands for itself.
const fn is_itself(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff)
}

/// Characters of the bytes that do not stand for themselves: U+0100 to U+0143.
const MOVED: [u8; 68] = {
    let mut moved = [0; 68];
    let mut n = 0;
    let mut byte = 0;
    while byte < 256 {
        if !is_itself(byte as u8) {
            moved[n] = byte as u8;
            n += 1;
        }
        byte += 1;
    }
    moved
};

/// The byte a character of the alphabet stands for.
fn byte_of(c: char) -> Option<u8> {
    match u8::try_from(c) {
        Ok(byte) => is_itself(byte).then_some(byte),
        Err(_) => MOVED.get((c as usize).checked_sub(0x100)?).copied(),
    }
}

/// The character of a byte.
pub(super) fn char_of(byte: u8) -> char {
    match MOVED.binary_search(&byte) {
        Ok(n) => char::from_u32(0x100 + n as u32).unwrap_or(char::REPLACEMENT_CHARACTER),
        Err(_) => char::from(byte),
    }
}

/// Appends the bytes of `text` to `out`; where a character is not of the alphabet, appends nothing and returns false.
pub(super) fn decode_into(text: &str, out: &mut Vec<u8>) -> bool {
    let before = out.len();
    let mut rest = text;
    loop {
        // Most of any vocabulary is plain ASCII, which stands for itself.
        let plain = rest.bytes().position(|b| !b.is_ascii_graphic()).unwrap_or(rest.len());
        let (head, tail) = rest.split_at(plain);
        out.extend_from_slice(head.as_bytes());
        let mut chars = tail.chars();
        let Some(c) = chars.next() else {
            return true;
        };
        let Some(byte) = byte_of(c) else {
            out.truncate(before);
            return false;
        };
        out.push(byte);
        rest = chars.as_str();
    }
}
