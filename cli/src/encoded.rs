//! Pictures and texts as others read them: PNG, bytes as base64, texts of a page.

use ocelli_engine::image::{Filter, PassOrder, Picture, resize};

/// Longer side of a small picture.
const SIDE: u32 = 320;
/// Shortest of the shorter side.
const LEAST: u32 = 8;

/// A picture as PNG.
pub fn png(picture: &Picture) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().and_then(|mut writer| writer.write_image_data(picture.rgb())).ok()?;
    Some(bytes)
}

/// RFC 4648, with padding.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let at = |i: usize| u32::from(three.get(i).copied().unwrap_or(0));
        let number = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4 {
            let shown = digit <= three.len();
            out.push(if shown { char::from(DIGITS[(number >> (18 - 6 * digit) & 63) as usize]) } else { '=' });
        }
    }
    out
}

/// The bytes of a text in base64, blanks and line breaks aside; nothing where it is not.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0u32, 0);
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=') {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(six)) & 0x3fff;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    Some(bytes)
}

/// Text as a page has it, in an attribute too. What no page may have is shown by what stands for it.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Marks that turn the direction of what follows would make one name look like another.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A picture made small, as PNG in base64.
pub fn thumbnail(picture: &Picture) -> Option<String> {
    let (width, height) = (picture.width(), picture.height());
    let longer = width.max(height).max(1);
    let scaled = |side: u32| {
        let side = u64::from(side) * u64::from(SIDE) / u64::from(longer);
        u32::try_from(side).unwrap_or(SIDE).clamp(LEAST, SIDE)
    };
    let bytes = if longer <= SIDE {
        png(picture)?
    } else {
        png(&resize(picture, scaled(width), scaled(height), Filter::Bicubic, PassOrder::default()).ok()?)?
    };
    Some(base64(&bytes))
}

#[cfg(test)]
mod tests {
    use super::{base64, escaped, from_base64};

    /// The vectors of RFC 4648, section 10.
    #[test]
    fn base64_is_that_of_the_standard() {
        let vectors = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        for (length, wanted) in vectors.iter().enumerate() {
            assert_eq!(base64(&b"foobar"[..length]), *wanted);
            assert_eq!(from_base64(wanted).as_deref(), Some(&b"foobar"[..length]));
        }
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
        assert_eq!(from_base64(" +/\n8="), Some(vec![0xfb, 0xff]));
        assert_eq!(from_base64("a-b"), None);
    }

    #[test]
    fn names_are_texts_and_nothing_else() {
        assert_eq!(
            escaped("<a href=\"x\" id='y'>&\u{7}\u{202e}ü"),
            "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;��ü"
        );
    }
}
